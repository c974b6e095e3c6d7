"""The commands `m2m analyze`: recovery, and those of `cli.analyses`."""

import contextlib
import re
from pathlib import Path
from typing import Annotated

import typer

from m2m_benchmarks.cli.analyses.architectures import architectures
from m2m_benchmarks.cli.analyses.distributions import distributions
from m2m_benchmarks.cli.analyses.hierarchy import hierarchy
from m2m_benchmarks.cli.analyses.neurons import neurons
from m2m_benchmarks.cli.analyses.outputs import running
from m2m_benchmarks.cli.analyses.profiles import profiles
from m2m_benchmarks.cli.analyses.representation import representation
from m2m_benchmarks.cli.console import Json, check_distinct, check_json, print_tables, write_json
from m2m_benchmarks.storage import ensure_writable, home

app = typer.Typer(help='Analyse what benchmarks can tell.', no_args_is_help=True, rich_markup_mode=None)


app.command()(neurons)
app.command()(distributions)
app.command()(architectures)
app.command()(hierarchy)
app.command()(profiles)
app.command()(representation)


@app.callback()
def analyze() -> None:
    """Analyse what benchmarks can tell."""  # keeps `recovery` a command of its own


@app.command()
def recovery(
    models: Annotated[
        list[str],
        typer.Argument(metavar='MODEL...', help='Two or more: NAME, NAME@none, NAME@default, NAME@FILE or run:PATH.'),
    ],
    benchmark: Annotated[
        list[str], typer.Option(help='Name from `m2m benchmarks`, pattern or suite; may be repeated.')
    ],
    weights: Annotated[
        str, typer.Option(help="Weights of models without @: 'default', 'none' (untrained), or a file.")
    ] = 'default',
    recordings: Annotated[int, typer.Option(help='Recordings simulated from each layer.', min=1)] = 3,
    neuroids: Annotated[
        str, typer.Option(help='Further numbers of neuroids, such as 40,133,404; may be more than recorded.')
    ] = '',
    trials: Annotated[str, typer.Option(help='Further numbers of trials, such as 5,20.')] = '',
    images: Annotated[
        Path | None, typer.Option(metavar='DIR', help='Folder of further images, to simulate larger experiments.')
    ] = None,
    n_images: Annotated[
        str, typer.Option('--n-images', help='Further numbers of images, such as 60,118,300; all, with --images.')
    ] = '',
    layer: Annotated[
        list[str] | None,
        typer.Option(help='Layer to take, of the models that have it; may be repeated. Default: those of a score.'),
    ] = None,
    seed: Annotated[int, typer.Option(help='Random seed of untrained weights and the simulation.', min=0)] = 0,
    figure: Annotated[Path | None, typer.Option(metavar='FILE', help='File for a figure: .png, .svg or .pdf.')] = None,
    json: Json = None,
) -> None:
    """Would a benchmark find the right model if one of these were the brain?

    Recordings are simulated from each layer of each model: as many of its units as there are neuroids, with their
    reliabilities, means, gains, trials and images; and with the means and gains of the units themselves (own
    scale). All models are scored on each, layer choice included. The shares of right models and layers are an upper
    bound for real brains. Two further truths are no candidate's: a mixture of two layers, and another seed of an
    untrained model; the nearer layer counts as right.

    \b
    Examples
    --------
      m2m analyze recovery torchvision:squeezenet1_1@none pixels_64 --benchmark SimulatedMouse.VISp-rdm
      m2m analyze recovery torchvision:resnet18 torchvision:alexnet --benchmark Siegle2021.VISl-rdm --neuroids 40,133
      m2m analyze recovery A B --benchmark Siegle2021.VISp-ridge --images photos --n-images 118,500 --figure found.png
    """  # noqa: D301, D411 - \b keeps these lines from being joined
    if len(models) < 2:
        raise typer.BadParameter(f'expected two models or more, got {models[0]} alone', param_hint='MODEL...')
    sizes = {
        option: _numbers(option, text)
        for option, text in {'--neuroids': neuroids, '--trials': trials, '--n-images': n_images}.items()
    }
    from m2m_benchmarks.analysis.entries import check_different, parse_entries
    from m2m_benchmarks.benchmarks.selection import expand_benchmarks
    from m2m_benchmarks.scoring.specs import check_candidate

    benchmarks = expand_benchmarks(benchmark)
    entries = parse_entries(models, weights)
    for entry in entries:
        check_candidate(entry.spec)
    check_different(entries, None)
    ensure_writable(home())
    check_distinct(figure=figure, json=json)
    check_json(json)
    with running(figure) as report:
        from m2m_benchmarks.analysis.recovery import recovery as recover

        report('loading', 1, 1)
        recoveries = recover(
            models,
            benchmarks,
            weights=weights,
            seed=seed,
            n_recordings=recordings,
            neuroids=sizes['--neuroids'],
            trials=sizes['--trials'],
            images=images,
            n_images=sizes['--n-images'],
            layers=layer or (),
            progress=report,
        )
    from m2m_benchmarks.report.comparison import write_figure
    from m2m_benchmarks.report.recovery import draw_recoveries, recovery_tables

    with contextlib.ExitStack() as outputs:  # each is written, even if another can't be
        if figure is not None:
            outputs.callback(write_figure, recoveries, figure, draw_recoveries)
        if json is not None:
            outputs.callback(write_json, [each.document() for each in recoveries], json)
        if json != '-':
            print_tables(table for each in recoveries for table in recovery_tables(each))


def _numbers(option: str, text: str) -> list[int]:
    """Parse whole numbers above 0, separated by commas."""
    parts = [part.strip() for part in text.split(',')] if text else []
    if not all(re.fullmatch('[0-9]{1,6}', part, re.ASCII) and int(part) for part in parts):
        raise typer.BadParameter(f'{text!r}: expected whole numbers above 0, such as 40,133', param_hint=option)
    return list(dict.fromkeys(map(int, parts)))
