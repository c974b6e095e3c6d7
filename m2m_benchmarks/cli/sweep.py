"""The commands `m2m sweep`: run and status."""

import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2m_benchmarks.cli.console import (
    Json,
    MouseAcuity,
    check_json,
    print_line,
    print_table,
    print_tables,
    progress,
    stage,
    write_json,
)
from m2m_benchmarks.cli.groups import RunningGroup
from m2m_benchmarks.cli.seeds import parse_seeds
from m2m_benchmarks.errors import DataError, M2MError
from m2m_benchmarks.messages import say
from m2m_benchmarks.storage import ensure_writable, file_lock, home

if TYPE_CHECKING:
    from m2m_benchmarks.records.sweeps import SweepRecord
    from m2m_benchmarks.sweep.definition import Definition, Task
    from m2m_benchmarks.sweep.plan import Row
    from m2m_benchmarks.sweep.run import Progress

app = typer.Typer(
    cls=RunningGroup,
    rich_markup_mode=None,
    help="""Score many models on many benchmarks, in several processes or on several machines.

    `m2m sweep FILE.yaml` is `m2m sweep run FILE.yaml`; `m2m sweep run --help` lists its options.

    \b
    Examples
    --------
      m2m sweep --models 'torchvision:resnet*' --models pixels_64 --benchmarks 'SimulatedMouse.*-rdm' --workers 2
      m2m sweep resnets.yaml --dry-run
      m2m sweep resnets.yaml --scheduler tcp://head:8786
      m2m sweep status resnets.yaml
    """,
)
_FILE_HELP = 'YAML file with the keys models, benchmarks, seeds, weights and options, in place of the options here.'
_SUFFIXES = ('.yaml', '.yml')


@app.command('run')
def run(
    file: Annotated[Path | None, typer.Argument(metavar='FILE.yaml', help=_FILE_HELP)] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(help="Model, as for `m2m score`, or a pattern, such as 'torchvision:resnet*'; may be repeated."),
    ] = None,
    benchmarks: Annotated[
        list[str] | None, typer.Option(help='Benchmark, pattern or suite, as for `m2m score`; may be repeated.')
    ] = None,
    seeds: Annotated[str | None, typer.Option(help='Random seeds of untrained weights, such as 0-4. Default: 0.')] = (
        None
    ),
    weights: Annotated[
        str | None,
        typer.Option(help="Weights of models without @: 'default', 'none' (untrained), or a file."),
    ] = None,
    layer: Annotated[str | None, typer.Option(help='Layer to score all neuroids on.')] = None,
    batch_size: Annotated[int | None, typer.Option(help='Largest number of images in a forward pass.')] = None,
    device: Annotated[str | None, typer.Option(help='Device, such as cpu or cuda:1.')] = None,
    mouse_acuity: MouseAcuity = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help='Number of models scored at once, each in a process. Default: 1.')
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help='Address of a dask.distributed scheduler, whose workers replace --workers.')
    ] = None,
    memory: Annotated[
        float | None,
        typer.Option(metavar='GB', help='Memory that the models on a machine may take. Default: 90 % of what is free.'),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the sweep for its status. Default: the file's, or one made here.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option('--dry-run', help='Only list which cells are done and to do, and how long they will take.')
    ] = False,
    json: Json = None,
) -> None:
    """Score all models on all benchmarks, but for those that have a result already.

    Run an interrupted sweep again to go on: no result is computed twice. A model that fails is recorded with the
    reason, and the others go on; the exit code is then 1. Each worker opens a model and scores it on all benchmarks.

    \b
    Examples
    --------
      m2m sweep --models 'torchvision:resnet*' --models pixels_64 --benchmarks 'SimulatedMouse.*-rdm' --workers 2
      m2m sweep --models torchvision:squeezenet1_1 --benchmarks SimulatedMouse-rdm --weights none --seeds 0-2
      m2m sweep resnets.yaml --dry-run
      m2m sweep resnets.yaml --scheduler tcp://head:8786
    """  # noqa: D301, D411 - \b keeps these lines from being joined
    options = {'layer': layer, 'batch_size': batch_size, 'device': device, 'mouse_acuity': mouse_acuity}
    definition = _definition(file, models, benchmarks, seeds, weights, options)
    if scheduler is not None and workers is not None:
        raise typer.BadParameter('--scheduler brings its own workers; leave out --workers.')
    if memory is not None and not 0 < memory < float('inf'):
        raise typer.BadParameter(f'expected a number of GB, got {memory}', param_hint='--memory')
    from m2m_benchmarks.records import sweeps
    from m2m_benchmarks.sweep.definition import tasks_of

    sweep = sweeps.check_name(name or (definition.default_name if file is None else file.stem))
    tasks = tasks_of(definition)
    ensure_writable(home())
    check_json(json)
    if dry_run:
        _print_plan(tasks, sweeps.read(sweep), json)
        return
    ensure_writable(sweeps.folder())
    with file_lock(sweeps.folder() / f'{sweep}.lock', f'the sweep {sweep}'):
        record = sweeps.read(sweep)
        record.start(definition.document())
        with progress('Cells that are finished are on record. Run the same command again to go on.') as report:
            rows = _run(tasks, record, workers or 1, scheduler, memory, report)
        record.end()
    _print_end(rows, record, json)


@app.command('status')
def status(
    name: Annotated[
        str | None, typer.Argument(metavar='NAME|FILE.yaml', help='Name or file of a sweep. Default: list all.')
    ] = None,
    json: Json = None,
) -> None:
    """Show which cells of a sweep are done, failed and left, from its record and the results.

    \b
    Examples
    --------
      m2m sweep status
      m2m sweep status resnets.yaml
    """  # noqa: D301, D411 - \b keeps these lines from being joined
    from m2m_benchmarks.records import sweeps

    check_json(json)
    if name is None:
        _print_all(json)
        return
    record = sweeps.read(Path(name).stem if Path(name).suffix in _SUFFIXES else name, must_exist=True)
    rows = _planned(record)
    document = {**_document(rows, record), 'state': _state(record), **record.times}
    if json is not None:
        write_json(document, json)
    if json == '-':
        return
    from m2m_benchmarks.report.sweeps import failures_table, status_table

    title = f'{record.name}: {_state(record)}, started {record.times["started"]}'
    failures = failures_table(rows, record)
    print_tables([status_table(rows, record, title), *([failures] if failures.rows else [])])


def _definition(
    file: Path | None,
    models: list[str] | None,
    benchmarks: list[str] | None,
    seeds: str | None,
    weights: str | None,
    options: dict[str, Any],
) -> 'Definition':
    from m2m_benchmarks.sweep.definition import Definition, check_options, read_file

    if file is not None:
        given = {'--models': models, '--benchmarks': benchmarks, '--seeds': seeds, '--weights': weights}
        given |= {f'--{option.replace("_", "-")}': value or None for option, value in options.items()}
        both = [option for option, value in given.items() if value is not None]
        if both:
            raise typer.BadParameter(f'{both[0]} is set in {file}; leave it out', param_hint=both[0])
        if file.suffix not in _SUFFIXES:
            raise typer.BadParameter(
                f'{file}: expected the name of a YAML file, which ends in .yaml; models are named by --models NAME',
                param_hint='FILE.yaml',
            )
        return read_file(file, lambda text: parse_seeds(text, f'seeds of {file}'))
    if not models or not benchmarks:
        missing = '--benchmarks' if models else '--models'
        raise typer.BadParameter('name one or more, or a YAML file', param_hint=missing)
    seed_list = tuple(parse_seeds(seeds or '0'))
    return Definition(tuple(models), tuple(benchmarks), seed_list, weights or 'default', check_options(options))


def _run(
    tasks: 'Sequence[Task]',
    record: 'SweepRecord',
    workers: int,
    scheduler: str | None,
    memory: float | None,
    report: Callable[[str, int, int], None],
) -> 'list[Row]':
    """Run a sweep, and return its rows as they are afterwards."""
    from m2m_benchmarks.sweep.plan import plan

    with stage(report, 'loading'):
        from m2m_benchmarks.sweep.cluster import local_client, make_data, needed_data, remote_client
        from m2m_benchmarks.sweep.run import Sweep

        make_data(tasks[0].benchmarks)
    rows = plan(tasks, record)
    if any(row.open for row in rows):
        n_models = sum(bool(row.open) for row in rows)
        with contextlib.ExitStack() as stack:
            with stage(report, 'starting workers'):
                client = stack.enter_context(
                    local_client(min(workers, n_models)) if scheduler is None else remote_client(scheduler)
                )
            Sweep(
                client,
                rows,
                record,
                needed_data(tasks[0].benchmarks),
                scheduler is None,
                None if memory is None else memory * 1e9,
                lambda progress: _report(progress, report),
                say,
            ).run()
    return plan(tasks, record)


def _report(progress: 'Progress', report: Callable[[str, int, int], None]) -> None:
    report('cells done', progress.done, progress.total)
    if progress.failed:
        report('cells failed', progress.failed, progress.total)


def _print_plan(tasks: 'Sequence[Task]', record: 'SweepRecord', json: str | None) -> None:
    from m2m_benchmarks.records import store
    from m2m_benchmarks.report.sweeps import planned_table
    from m2m_benchmarks.sweep.plan import count, plan, seconds_by_benchmark, seconds_left

    rows = plan(tasks, record)
    seconds = seconds_by_benchmark(store.results())
    counts = count(rows)
    estimates = [seconds_left(row, seconds) for row in rows]
    known = [estimate for estimate in estimates if estimate is not None]
    if json is not None:
        models = [
            {
                'model': row.task.label,
                'done': [cell.benchmark for cell in row.done],
                'to_do': [cell.benchmark for cell in row.to_do],
                'to_check': [cell.benchmark for cell in row.to_check],
                'seconds': estimate,
            }
            for row, estimate in zip(rows, estimates, strict=True)
        ]
        write_json({'name': record.name, 'models': models}, json)
    if json == '-':
        return
    more = ' or more' if None in estimates else ''
    time = f'{sum(known):,.0f} s{more} of one worker' if known else 'how long is not known yet'
    title = (
        f'{record.name}: {counts.total()} cells, {counts["done"]} done, {counts["to do"]} to do, '
        f'{counts["to check"]} to check; {time}'
    )
    print_table(planned_table(rows, seconds, record, title))


def _print_end(rows: 'list[Row]', record: 'SweepRecord', json: str | None) -> None:
    """Print the result of a sweep, and exit with 1 if cells failed."""
    from m2m_benchmarks.report.sweeps import failures_table, status_table

    document = _document(rows, record)
    if json is not None:
        write_json(document, json)
    if json != '-':
        failures = failures_table(rows, record)
        print_tables([status_table(rows, record, record.name), *([failures] if failures.rows else [])])
        print_line('The scores: m2m results list')
    if document['failed']:
        say(f'error: {len(document["failed"])} cells failed. The same command tries them again.')
        sys.exit(1)


def _document(rows: 'Sequence[Row]', record: 'SweepRecord') -> dict[str, Any]:
    """Convert the state of a sweep to a dictionary for JSON."""
    failed = [
        {'model': row.task.label, 'benchmark': cell.benchmark, 'reason': record.failed[cell.key]}
        for row in rows
        for cell in row.open
        if cell.key in record.failed
    ]
    recorded = {row.task.label: {cell.benchmark: record.recorded[cell.key].uid for cell in row.done} for row in rows}
    left = [
        {'model': row.task.label, 'benchmark': cell.benchmark}
        for row in rows
        for cell in row.open
        if cell.key not in record.failed
    ]
    return {'name': record.name, 'results': recorded, 'failed': failed, 'left': left}


def _planned(record: 'SweepRecord') -> 'list[Row]':
    from m2m_benchmarks.sweep.definition import Definition, tasks_of
    from m2m_benchmarks.sweep.plan import plan

    if record.definition is None:
        raise DataError(f'the record of the sweep {record.name} has no readable start; run the sweep again.')
    return plan(tasks_of(Definition.from_document(record.definition)), record)


def _state(record: 'SweepRecord') -> str:
    from m2m_benchmarks.records import sweeps

    try:
        with file_lock(sweeps.folder() / f'{record.name}.lock', 'it'):
            return 'ended' if 'ended' in record.times else 'stopped'
    except M2MError:
        return 'running'


def _print_all(json: str | None) -> None:
    """Print all sweeps; one whose models or data are gone has no numbers."""
    from m2m_benchmarks.records import sweeps
    from m2m_benchmarks.report.sweeps import sweeps_table
    from m2m_benchmarks.sweep.plan import count

    listed = []
    for name in sweeps.names():
        record = sweeps.read(name)
        try:
            counts: Any = count(_planned(record), record.failed.keys())
        except M2MError as error:
            say(f'note: {name}: {error}')
            continue
        listed.append((name, _state(record), record.times['started'], counts))
    if json is not None:
        write_json([{'name': name, 'state': state, **counts} for name, state, _, counts in listed], json)
    if json == '-':
        return
    if not listed:
        say("There are no sweeps yet. Try: m2m sweep --models pixels_64 --benchmarks 'SimulatedMouse.*-rdm'")
        return
    print_table(sweeps_table(listed))
