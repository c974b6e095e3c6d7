"""The command `m2m score`."""

import contextlib
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2m_benchmarks.cli.console import (
    Json,
    MouseAcuity,
    Neurons,
    check_distinct,
    check_json,
    print_table,
    print_tables,
    progress,
    terminal_width,
    write_json,
)
from m2m_benchmarks.cli.figures import check_score_figure, write_score_figure
from m2m_benchmarks.cli.seeds import parse_seeds
from m2m_benchmarks.errors import M2MError, ModelError
from m2m_benchmarks.messages import say
from m2m_benchmarks.plugins import reporting_plugin_errors
from m2m_benchmarks.records.record import Result
from m2m_benchmarks.report.tables import Column, Row, Table, count, number
from m2m_benchmarks.storage import ensure_writable, home, replaces

if TYPE_CHECKING:
    from m2m_benchmarks.scoring.options import NetworkOptions
    from m2m_benchmarks.scoring.specs import CandidateSpec

#: Panel of the options of a network.
_INPUT = 'Input and run of torchvision:NAME, timm:NAME and FILE.py:FUNCTION'


def score(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar='MODEL... BENCHMARK...',
            help='Models, then benchmarks. A model is a name from `m2m models`, torchvision:NAME, timm:NAME, '
            'FILE.py:FUNCTION (a function that returns a network), run:PATH or ./FOLDER of a plugin, and may end in '
            '@none, @default or @FILE. A benchmark is a name from '
            "`m2m benchmarks`, a pattern such as 'Siegle2021.*-rdm', or suite:paper.",
        ),
    ],
    benchmark: Annotated[
        list[str] | None,
        typer.Option(help='Name, pattern or suite of benchmarks; may be repeated. With it, all arguments are models.'),
    ] = None,
    weights: Annotated[
        str, typer.Option(help="Weights of models without @: 'default', 'none' (untrained), or a file.")
    ] = 'default',
    layer: Annotated[
        str | None,
        typer.Option(
            help='Layer to score on all neuroids. Default: each half is scored by the layer chosen on the other.'
        ),
    ] = None,
    seeds: Annotated[
        str, typer.Option('--seeds', '--seed', help='Random seeds of untrained weights, such as 0 or 0,1,2 or 0-4.')
    ] = '0',
    fresh: Annotated[
        bool, typer.Option('--fresh', help='Compute all scores, even those that are among the results already.')
    ] = False,
    estimate: Annotated[
        bool,
        typer.Option(
            '--estimate',
            help="Only say how much memory, disk space and time the layers' responses to the images will take.",
        ),
    ] = False,
    mouse_acuity: MouseAcuity = False,
    neurons: Neurons = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help='Publication whose settings are used, to compare with its numbers: huang2023, for -rdm and -ridge. '
            'Names of benchmarks then end in -huang2023_rdm and -huang2023_ridge.'
        ),
    ] = None,
    mean: Annotated[
        str | None,
        typer.Option(
            help='Mean of the values of each channel, from 0 to 1, that the network was trained with, such as 0.5 or '
            "0.485,0.456,0.406. Default: the library's or ImageNet's.",
            rich_help_panel=_INPUT,
        ),
    ] = None,
    std: Annotated[str | None, typer.Option(help='Standard deviation, likewise.', rich_help_panel=_INPUT)] = None,
    channels: Annotated[
        int | None, typer.Option(help='3 for RGB images (default), or 1 for grey ones.', rich_help_panel=_INPUT)
    ] = None,
    image_size: Annotated[
        int | None,
        typer.Option(help="Side of the images in pixels. Default: the library's or 224.", rich_help_panel=_INPUT),
    ] = None,
    preprocessing: Annotated[
        str | None,
        typer.Option(
            metavar='FILE.py:FUNCTION',
            help='Function of a PIL image that returns a tensor, in place of the four options above.',
            rich_help_panel=_INPUT,
        ),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            metavar='LAYER,...', help="Layers to choose from. Default: the network's blocks.", rich_help_panel=_INPUT
        ),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help='Largest number of images in a forward pass.', rich_help_panel=_INPUT)
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help='Device, such as cpu or cuda:1. Default: a GPU where there is one.', rich_help_panel=_INPUT),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help='Name of the network in the results.', rich_help_panel=_INPUT)
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(
            metavar='FILE',
            help='File for a figure of the scores: .png, .svg or .pdf; with .html the report on what was scored, as '
            '`m2m report` makes it. The scores as CSV are written beside it.',
        ),
    ] = None,
    json: Json = None,
) -> None:
    """Score models on benchmarks.

    A score computed before with the same weights, code, data, settings, packages and machine is taken from the results.
    With --json, a single score is an object and several scores are a list.

    \b
    Examples
    --------
      m2m score torchvision:squeezenet1_1 SimulatedMouse-rdm --weights none
      m2m score torchvision:resnet18 Siegle2021.VISp-rdm --layer layer2.1 --json -
      m2m score neurn_resnet18 plain_resnet18 SklearnDigits-readout_accuracy
      m2m score torchvision:resnet18 torchvision:resnet18@none 'Siegle2021.*-rdm' --seeds 0-4
      m2m score torchvision:resnet18 --benchmark suite:paper
      m2m score torchvision:squeezenet1_1 SimulatedMouse-rdm --mouse-acuity
      m2m score torchvision:squeezenet1_1 Siegle2021-rdm --neurons selection.json
      m2m score torchvision:squeezenet1_1 Siegle2021-rdm Siegle2021-ridge --protocol huang2023
      m2m score net.py:make SimulatedMouse-rdm --image-size 64 --mean 0.5 --std 0.5
      m2m score torchvision:vgg16 Siegle2021-rdm --estimate
      m2m score torchvision:squeezenet1_1 pixels_64 Siegle2021-rdm --figure scores.png
    """  # noqa: D301, D411 - \b keeps these lines from being joined
    seed_list = parse_seeds(seeds)
    from m2m_benchmarks.benchmarks.neurons import read_selection
    from m2m_benchmarks.benchmarks.selection import expand_benchmarks, under_protocol
    from m2m_benchmarks.scoring.acuity import check_benchmarks
    from m2m_benchmarks.scoring.several import score_several
    from m2m_benchmarks.scoring.specs import check_candidate

    options = _network_options(
        mean,
        std,
        preprocessing,
        channels=channels,
        image_size=image_size,
        layers=None if layers is None else [layer.strip() for layer in layers.split(',') if layer.strip()],
        batch_size=batch_size,
        device=device,
        name=name,
    )
    models, benchmarks = _split_names(names, benchmark or [], weights)
    if name is not None and len(models) > 1:
        raise typer.BadParameter(f'{len(models)} models are named; expected one', param_hint='--name')
    specs: dict[str, CandidateSpec] = {}
    for model in models:
        spec = dataclasses.replace(model, options=options, mouse_acuity=mouse_acuity)
        check_candidate(spec)
        if str(spec) in specs:
            raise typer.BadParameter(f'{spec} is named twice', param_hint='MODEL')
        specs[str(spec)] = spec
    expanded = expand_benchmarks(benchmarks)
    if protocol is not None:
        expanded = under_protocol(protocol, expanded)
    if mouse_acuity:
        check_benchmarks(expanded)
    selection = None if neurons is None else read_selection(neurons)
    if selection is not None:
        for each in expanded:
            selection.check(each)
    ensure_writable(home())
    check_distinct(figure=figure, json=json)
    check_json(json)
    check_score_figure(figure)
    if estimate and figure is not None:
        raise typer.BadParameter('--estimate computes no scores to draw; leave one of both out', param_hint='--figure')
    if estimate:
        _print_estimates(list(specs.values()), expanded, layer, seed_list[0], json)
        return
    candidates = [
        (spec, seed) for spec in specs.values() for seed in (seed_list if spec.weights == 'none' else seed_list[:1])
    ]
    output = _Output(json, len(candidates) * len(expanded), fresh)
    try:
        with progress(output.describe_progress) as report:
            for _ in score_several(
                list(specs.values()), expanded, layer, seed_list, fresh, report, output.add, selection
            ):
                pass
            if figure is not None:
                n = len(expanded)
                scored = [output.results[start : start + n] for start in range(0, len(output.results), n)]
                several = [(*each, own) for each, own in zip(candidates, scored, strict=True)]
                write_score_figure(figure, several, report)
    except M2MError:
        if output.results:
            say(output.describe_progress())
        raise
    finally:
        output.finish()


def _print_estimates(
    specs: 'list[CandidateSpec]', benchmarks: list[str], layer: str | None, seed: int, json: str | None
) -> None:
    """Print what the responses of each candidate will cost."""
    from m2m_benchmarks.scoring.estimate import estimate_several

    estimates = []
    with progress('Nothing was computed.') as report:
        for each in estimate_several(specs, benchmarks, layer, seed):
            estimates.append(each)
            report('candidates', len(estimates), len(specs))
    if json is not None:
        documents = [dataclasses.asdict(each) for each in estimates]
        write_json(documents[0] if len(specs) == 1 else documents, json)
    if json == '-':
        return
    columns = [Column('candidate'), count('layers'), count('stimuli')]
    columns += [number('memory, GB', '.2f'), number('scratch, GB', '.2f'), number('time, s', ',.0f')]
    rows = [
        Row(
            (
                *(each.model, each.n_layers, each.n_stimuli),
                *(each.memory_bytes / 1e9, each.scratch_bytes / 1e9, each.seconds),
            )
        )
        for each in estimates
    ]
    notes = [
        "Estimates for the layers' responses, of which none are stored yet; the comparisons come on top. memory: peak "
        f'of the process. scratch: temporary space in M2M_HOME, where {estimates[0].free_bytes / 1e9:,.1f} GB are free.'
    ]
    print_table(Table(columns, rows, notes=notes))


class _Output:
    """Output of the command: the table, which is printed once, and the file after --json, which is always whole.

    Parameters
    ----------
    json : str or None
        Value of --json.
    n : int
        Number of results that are asked for; after the last one, the table is printed.
    fresh : bool
        Whether results that are stored already are computed anew.

    Attributes
    ----------
    results : list of Result
        Results so far.
    """

    def __init__(self, json: str | None, n: int, fresh: bool) -> None:
        self.results: list[Result] = []
        self._json, self._n, self._fresh = json, n, fresh
        self._unfinished = True
        # What is written to a device or a pipe can't be replaced.
        self._rewritten = json is not None and json != '-' and replaces(Path(json))

    def add(self, result: Result) -> None:
        """Show a result."""
        self.results.append(result)
        if len(self.results) == self._n:
            self.finish()
        elif self._rewritten:
            self._write()

    def describe_progress(self) -> str:
        """Say which scores are finished, and how to continue, after Ctrl-C or an error."""
        from m2m_benchmarks.records.selection import label

        if not self.results:
            return 'No score is finished. Responses of layers are kept. Run the same command again to continue.'
        finished: dict[str, list[str]] = {}
        for result in self.results:
            finished.setdefault(label(result), []).append(result.benchmark)
        lines = [f'  {candidate}: {", ".join(benchmarks)}' for candidate, benchmarks in finished.items()]
        again = 'the same command without --fresh' if self._fresh else 'the same command'
        return '\n'.join(
            [
                f'Finished scores: {len(self.results)} of {self._n}',
                *lines,
                f'Run {again} again to continue: it takes all that are stored from the results.',
            ]
        )

    def finish(self) -> None:
        """Print and write all results so far, unless that was done."""
        if not (self.results and self._unfinished):
            return
        self._unfinished = False
        try:
            if self._json != '-':
                _print_results(self.results)
        finally:
            if self._json is not None:
                self._write()

    def _write(self) -> None:
        assert self._json is not None
        documents = [result.document() for result in self.results]
        write_json(documents[0] if self._n == 1 else documents, self._json)


def _network_options(mean: str | None, std: str | None, preprocessing: str | None, **options: Any) -> 'NetworkOptions':
    from m2m_benchmarks.scoring import source_files
    from m2m_benchmarks.scoring.options import NetworkOptions

    if preprocessing is not None:
        if source_files.split(preprocessing) is None:
            raise typer.BadParameter(f'expected FILE.py:FUNCTION, got {preprocessing}', param_hint='--preprocessing')
        source_files.check(preprocessing)
        # What the file prints is not among the results.
        with (
            contextlib.redirect_stdout(sys.stderr),
            reporting_plugin_errors(preprocessing, ModelError),
            source_files.Running(preprocessing) as running,
        ):
            options['preprocessing'] = running.value
    for name, text in (('mean', mean), ('std', std)):
        try:
            options[name] = None if text is None else [float(part) for part in text.split(',')]
        except ValueError:
            raise typer.BadParameter(
                f'{text!r}: expected a number, or one for each channel, such as 0.485,0.456,0.406',
                param_hint=f'--{name}',
            ) from None
    try:
        return NetworkOptions(**options)
    except ModelError as error:
        raise typer.BadParameter(str(error)) from error


def _split_names(names: list[str], benchmarks: list[str], weights: str) -> tuple[list['CandidateSpec'], list[str]]:
    """Split names into models and benchmarks. The first is a model, and so are the names of models that follow it."""
    from m2m_benchmarks.benchmarks.identifiers import parse
    from m2m_benchmarks.scoring.specs import check_candidate, is_model, parse_candidate, parse_candidates

    if benchmarks:
        return parse_candidates(names, weights), benchmarks
    if len(names) == 1 and not is_model(names[0]) and parse(names[0]) is not None:
        raise typer.BadParameter(f'{names[0]} is a benchmark; name a model before it', param_hint='MODEL')
    for index, name in enumerate(names[1:], start=1):
        if not is_model(name):
            later = [other for other in names[index:] if is_model(other)]
            if later:
                raise typer.BadParameter(
                    f'{later[0]} is a model; name models before the benchmarks', param_hint='BENCHMARK'
                )
            return parse_candidates(names[:index], weights), names[index:]
        check_candidate(parse_candidate(name, weights))
    raise typer.BadParameter(
        'no benchmark is named; `m2m benchmarks` lists them, and suite:paper stands for those of the paper',
        param_hint='BENCHMARK',
    )


def _print_results(results: list[Result]) -> None:
    from m2m_benchmarks.records.selection import labels
    from m2m_benchmarks.report.scores import matrix_table, score_tables

    if len(set(labels(results))) > 1:
        print_table(matrix_table(results, terminal_width()))
        return
    print_tables(score_tables(results))
