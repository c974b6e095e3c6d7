"""The command `m2m analyze architectures`."""

from pathlib import Path
from typing import Annotated

import typer

from m2m_benchmarks.cli.analyses.outputs import check_files, running, show
from m2m_benchmarks.cli.console import Json


def architectures(
    models: Annotated[
        list[str] | None, typer.Argument(metavar='[MODEL...]', help="Models; by default the paper's networks.")
    ] = None,
    paper: Annotated[bool, typer.Option('--paper', help="Also the paper's networks.")] = False,
    clusters: Annotated[
        int | None, typer.Option(help='Number of clusters; by default 13, or half as many as networks.', min=1)
    ] = None,
    match: Annotated[float, typer.Option(help='Score of two equal layers.')] = 1,
    mismatch: Annotated[float, typer.Option(help='Score of two different layers.')] = -1,
    gap: Annotated[float, typer.Option(help='Score of a layer beside none.')] = 0,
    seed: Annotated[int, typer.Option(help='Random seed of shuffled layers and permuted families.', min=0)] = 0,
    figure: Annotated[Path | None, typer.Option(metavar='FILE', help='File for a figure: .png, .svg or .pdf.')] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            metavar='FILE', help='File for the similarities of all pairs; FILE_networks.csv has the clusters.'
        ),
    ] = None,
    json: Json = None,
) -> None:
    """Compare the architectures of networks, cluster them, and name a shortlist.

    Each network is the sequence of its types of layers in the order in which they run. Pairs are aligned globally
    (Needleman-Wunsch), and the medoids of the clusters are the shortlist.

    \b
    Examples
    --------
      m2m analyze architectures --figure architectures.png
      m2m analyze architectures neurn_resnet18 torchvision:alexnet networks.py:make --paper
    """  # noqa: D301, D411 - \b keeps these lines from being joined
    from m2m_benchmarks.scoring.specs import check_candidate, parse_candidate

    for model in models or ():
        check_candidate(parse_candidate(model))
    check_files(figure, csv, json)
    with running(figure, '') as report:
        from m2m_benchmarks.analysis.architectures import architectures as compare
        from m2m_benchmarks.report.architectures import architecture_table, draw_architectures

        report('loading', 1, 1)
        compared = compare(models or (), paper, clusters, match, mismatch, gap, seed, report)
    further = {'networks': compared.table()}
    show(compared, architecture_table(compared), compared.pairs(), draw_architectures, figure, csv, json, (), further)
