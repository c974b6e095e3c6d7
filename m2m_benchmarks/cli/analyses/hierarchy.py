"""The command `m2m analyze hierarchy`."""

from pathlib import Path
from typing import Annotated

import typer

from m2m_benchmarks.cli.analyses.outputs import check_files, running, show
from m2m_benchmarks.cli.console import Json
from m2m_benchmarks.storage import ensure_writable, home


def hierarchy(
    model: Annotated[
        str, typer.Argument(metavar='MODEL', help='NAME, NAME@none, NAME@default, NAME@FILE or run:PATH.')
    ],
    benchmark: Annotated[str, typer.Option(help='Benchmark of the areas of a dataset, such as Siegle2021-rdm.')],
    weights: Annotated[
        str, typer.Option(help="Weights of a model without @: 'default', 'none' (untrained), or a file.")
    ] = 'default',
    seed: Annotated[int, typer.Option(help='Random seed of untrained weights.', min=0)] = 0,
    figure: Annotated[Path | None, typer.Option(metavar='FILE', help='File for a figure: .png, .svg or .pdf.')] = None,
    csv: Annotated[
        Path | None,
        typer.Option(metavar='FILE', help='File for the values of all layers; FILE_depths.csv has the best ones.'),
    ] = None,
    json: Json = None,
) -> None:
    """Compare the depths at which a network matches areas best with the anatomical hierarchy.

    \b
    Examples
    --------
      m2m analyze hierarchy torchvision:squeezenet1_1 --benchmark Siegle2021-rdm --figure hierarchy.png
      m2m analyze hierarchy torchvision:squeezenet1_1@none --benchmark Siegle2021-cka
    """  # noqa: D301, D411 - \b keeps these lines from being joined
    from m2m_benchmarks.benchmarks.names import check_benchmark
    from m2m_benchmarks.scoring.specs import check_candidate, parse_candidate

    check_benchmark(benchmark)
    check_candidate(parse_candidate(model, weights))
    ensure_writable(home())
    check_files(figure, csv, json)
    with running(figure) as report:
        from m2m_benchmarks.analysis.hierarchy import hierarchy as compare
        from m2m_benchmarks.report.hierarchy import draw_hierarchy, hierarchy_table

        report('loading', 1, 1)
        compared = compare(model, benchmark, weights, seed, report)
    further = {'depths': compared.depths()}
    show(compared, hierarchy_table(compared), compared.table(), draw_hierarchy, figure, csv, json, (), further)
