"""The command `m2m analyze representation`."""

import enum
from pathlib import Path
from typing import Annotated

import typer

from m2m_benchmarks.cli.analyses.outputs import check_files, running, show
from m2m_benchmarks.cli.console import Json
from m2m_benchmarks.storage import ensure_writable, home


class MapRange(enum.StrEnum):
    """Ranges of maps."""

    STANDARD = 'standard'
    MINMAX = 'minmax'


class MapLayers(enum.StrEnum):
    """Layers whose maps are compared."""

    CONVOLUTIONAL = 'convolutional'
    SCORED = 'scored'


def representation(
    models: Annotated[
        list[str], typer.Argument(metavar='MODEL...', help='Models, such as networks with NeuRN and the same without.')
    ],
    benchmark: Annotated[str, typer.Option(help='Benchmark that compares maps, such as Siegle2021-rmse.')],
    weights: Annotated[
        str, typer.Option(help="Weights of models without @: 'default', 'none' (untrained), or a file.")
    ] = 'default',
    size: Annotated[int, typer.Option(help='Height and width of the maps.', min=2)] = 14,
    map_range: Annotated[
        MapRange, typer.Option('--range', help='Range of the maps: mean 0 and standard deviation 1, or 0 to 1.')
    ] = MapRange.STANDARD,
    uncentred: Annotated[bool, typer.Option('--uncentred', help='Take the responses as they are.')] = False,
    layers: Annotated[
        MapLayers, typer.Option(help='Layers: every convolution that runs, or those that a score chooses among.')
    ] = MapLayers.CONVOLUTIONAL,
    seed: Annotated[int, typer.Option(help='Random seed of untrained weights.', min=0)] = 0,
    figure: Annotated[Path | None, typer.Option(metavar='FILE', help='File for a figure: .png, .svg or .pdf.')] = None,
    csv: Annotated[Path | None, typer.Option(metavar='FILE', help='File for the values of all neuroids.')] = None,
    json: Json = None,
) -> None:
    """Compare representations of neuroids with the feature maps of networks, by area and type.

    A representation is the sum of the stimuli, weighted by the responses. The map of any convolutional layer that is
    nearest on one half of the images is compared on the other half.

    \b
    Examples
    --------
      m2m analyze representation neurn_squeezenet1_1 plain_squeezenet1_1 --benchmark Siegle2021-rmse
      m2m analyze representation torchvision:alexnet --benchmark SimulatedMouse-rmse --figure representation.png
    """  # noqa: D301, D411 - \b keeps these lines from being joined
    from m2m_benchmarks.analysis.entries import parse_entries
    from m2m_benchmarks.benchmarks.names import check_benchmark
    from m2m_benchmarks.scoring.specs import check_candidate

    check_benchmark(benchmark)
    for entry in parse_entries(models, weights, least=1):
        check_candidate(entry.spec)
    ensure_writable(home())
    check_files(figure, csv, json)
    with running(figure, 'Nothing was compared. Run the same command again.') as report:
        from m2m_benchmarks.analysis.representation import representation as compare
        from m2m_benchmarks.report import representation as tables

        report('loading', 1, 1)
        compared = compare(models, benchmark, weights, seed, size, map_range.value, not uncentred, layers.value, report)
    further = [tables.layer_table(compared), *([tables.difference_table(compared)] if compared.differences else [])]
    table = tables.representation_table(compared)
    show(compared, table, compared.neurons, tables.draw_representations, figure, csv, json, further)
