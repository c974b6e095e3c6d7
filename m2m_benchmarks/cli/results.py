"""The commands `m2m results`: list, show, export, import, delete."""

import io
from pathlib import Path
from typing import Annotated

import typer

from m2m_benchmarks.cli.console import (
    Json,
    check_json,
    print_csv,
    print_line,
    print_table,
    print_tables,
    print_text,
    terminal_width,
    write_json,
)
from m2m_benchmarks.cli.groups import ListingGroup
from m2m_benchmarks.messages import say
from m2m_benchmarks.storage import ensure_file_writable

app = typer.Typer(cls=ListingGroup, help='List, show, export, import and delete earlier scores.', rich_markup_mode=None)

_Models = Annotated[
    list[str] | None, typer.Option('--model', help="Model, or a pattern such as 'neurn_*'; may be repeated.")
]
_Benchmarks = Annotated[
    list[str] | None,
    typer.Option('--benchmark', help="Benchmark, or a pattern such as 'Lab.*-rdm'; may be repeated."),
]
_UIDS = typer.Argument(
    metavar='RESULT...', help='Ids of results, from `m2m results list --each`, or their first characters.'
)


@app.command('list')
def list_(
    model: _Models = None,
    benchmark: _Benchmarks = None,
    each: Annotated[bool, typer.Option('--each', help='List every result with its id, newest first.')] = False,
    csv: Annotated[bool, typer.Option('--csv', help='Print CSV, with all digits of the numbers.')] = False,
    json: Json = None,
) -> None:
    """List the newest scores, the best model first.

    The table has a row per model and a column per benchmark. The best model is the one with a higher score than the
    largest share of the other models, averaged over the benchmarks that it has a score on.

    \b
    Examples
    --------
      m2m results list
      m2m results list --model 'neurn_*' --benchmark 'Siegle2021*'
      m2m results list --each --csv > scores.csv
    """  # noqa: D301, D411 - \b keeps these lines from being joined
    from m2m_benchmarks.records import exchange, selection, store
    from m2m_benchmarks.report.scores import list_table, matrix_table
    from m2m_benchmarks.report.tables import to_csv

    check_json(json)
    stored = sorted(store.results(), key=lambda result: result.created)
    if not stored and store.n_rows():
        say('There are no other results.')
    elif not stored:
        say('There are no results yet. Try: m2m score pixels_64 SimulatedMouse-rdm')
    selected = selection.select(stored, model or [], benchmark or []) if stored else []
    if stored and not selected:
        say('No result is of such a model on such a benchmark.')
    shown = selected[::-1] if each else selection.newest(selected)
    if json is not None:
        write_json([{'uid': result.uid, **result.document()} for result in shown], json)
    if json == '-' or not selected:
        return
    if csv and each:
        text = io.StringIO()
        exchange.write_csv(shown, text)
        print_csv(text.getvalue())
    elif csv:
        print_csv(to_csv(matrix_table(selected, plain=True)))
    else:
        contradictions = selection.find_contradictions(stored)
        print_table(list_table(shown, contradictions) if each else matrix_table(selected, terminal_width()))


@app.command()
def show(uids: Annotated[list[str], _UIDS], json: Json = None) -> None:
    """Show results with the hashes and settings behind them.

    Example:  m2m results show 3f2a
    """
    from m2m_benchmarks.records import selection, store
    from m2m_benchmarks.report.scores import facts, score_tables

    check_json(json)
    selected = selection.find_results(store.results(), uids)
    unsealed = store.unsealed()
    if json is not None:
        documents = [{'uid': result.uid, **result.document()} for result in selected]
        write_json(documents[0] if len(documents) == 1 else documents, json)
    if json == '-':
        return
    for result in selected:
        print_tables(score_tables([result]))
        for line in facts(result):
            print_text(line)
        if result.uid in unsealed:
            print_text('This result was stored by an earlier version, without a SHA-256: damage may go unnoticed.')


@app.command()
def export(
    file: Annotated[
        Path, typer.Argument(metavar='FILE', help='File to write: .json, which keeps everything, or .csv.')
    ],
    model: _Models = None,
    benchmark: _Benchmarks = None,
) -> None:
    """Export results to a JSON or CSV file.

    Example:  m2m results export ours.json --benchmark 'Siegle2021*'
    """
    from m2m_benchmarks.records import exchange, selection, store

    if file.suffix.lower() not in ('.json', '.csv'):
        raise typer.BadParameter(f'{file}: expected a name that ends in .json or .csv', param_hint='FILE')
    ensure_file_writable(file, exchange.OTHER_FILE)
    stored = store.results()
    selected = selection.select(stored, model or [], benchmark or [])
    exchange.write(selected, file)
    print_line(f'{_count(len(selected))}: {file}')


@app.command('import')
def import_(
    file: Annotated[Path, typer.Argument(metavar='FILE', help='File of `m2m results export` or `m2m score --json`.')],
) -> None:
    """Add results from another machine to those here.

    Results that are here already are not added twice.

    Example:  m2m results import theirs.json
    """
    from m2m_benchmarks.records import exchange, selection, store

    imported = exchange.read(file)
    known_contradictions = selection.find_contradictions(store.results())
    n_added = store.add(imported, imported=True)
    print_line(f'{_count(len(imported))}, {n_added} of them new.')
    contradictions = selection.find_contradictions(store.results())
    if contradictions - known_contradictions:
        say(
            f'note: {len(contradictions)} results contradict one another: same candidate, data and code, different '
            'scores. `m2m results list --each` marks them with !.'
        )


@app.command()
def delete(
    uids: Annotated[list[str] | None, _UIDS] = None,
    damaged: Annotated[
        bool, typer.Option('--damaged', help='Delete the rows that differ from the SHA-256 they were stored with.')
    ] = False,
    yes: Annotated[bool, typer.Option('--yes', help='Delete without asking for confirmation.')] = False,
) -> None:
    """Delete results.

    Example:  m2m results delete 3f2a --yes
    """
    from m2m_benchmarks.records import selection, store
    from m2m_benchmarks.report.scores import list_table

    if damaged == bool(uids):
        raise typer.BadParameter('expected ids of results, or --damaged.', param_hint='RESULT...')
    if damaged:
        problems = store.verify()
        for problem in problems:
            print_line(problem)
        if problems and not yes:
            typer.confirm('Delete the damaged rows?', abort=True)
        print_line(f'{_count(store.delete_damaged())} deleted.')
        return
    selected = selection.find_results(store.results(), uids or [])
    print_table(list_table(selected, set()))
    if not yes:
        typer.confirm(f'Delete {_count(len(selected))}?', abort=True)
    print_line(f'{_count(store.delete(result.uid for result in selected))} deleted.')


def _count(n: int) -> str:
    return '1 result' if n == 1 else f'{n} results'
