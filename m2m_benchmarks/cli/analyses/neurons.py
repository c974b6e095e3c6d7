"""The command `m2m analyze neurons`."""

from pathlib import Path
from typing import Annotated

import typer

from m2m_benchmarks.cli.analyses.outputs import check_files, running, show
from m2m_benchmarks.cli.console import Json


def neurons(
    dataset: Annotated[str, typer.Argument(metavar='DATASET', help='Recordings from `m2m data list`.')],
    n_neurons: Annotated[int, typer.Option('--n', help='Largest number of neurons to select.', min=2)] = 1000,
    clusters: Annotated[int, typer.Option(help='Number of clusters.', min=2)] = 20,
    seed: Annotated[int, typer.Option(help='Random seed of the map and the clusters.', min=0)] = 0,
    figure: Annotated[Path | None, typer.Option(metavar='FILE', help='File for a figure: .png, .svg or .pdf.')] = None,
    csv: Annotated[Path | None, typer.Option(metavar='FILE', help='File for the data of the figure.')] = None,
    json: Json = None,
) -> None:
    """Select neurons that stand for all of a dataset.

    The mean responses of all reliable neurons are laid out by UMAP and grouped by K-means; those nearest each centroid
    are selected, as many excitatory as inhibitory ones where types are known. The file after --json is for
    `m2m score --neurons FILE`.

    \b
    Examples
    --------
      m2m analyze neurons Siegle2021 --json selection.json --figure neurons.png
      m2m analyze neurons SimulatedMouse --n 100 --clusters 10
    """  # noqa: D301, D411 - \b keeps these lines from being joined
    check_files(figure, csv, json)
    with running(figure, 'Nothing was selected. Run the same command again.') as report:
        from m2m_benchmarks.analysis.neurons import select_neurons
        from m2m_benchmarks.report.neurons import draw_selection, selection_table

        report('loading', 1, 1)
        selected = select_neurons(dataset, n_neurons, clusters, seed, report)
    show(selected, selection_table(selected), selected.neurons, draw_selection, figure, csv, json)
