"""The command `m2m analyze distributions`."""

from pathlib import Path
from typing import Annotated

import typer

from m2m_benchmarks.cli.analyses.outputs import check_files, running, show
from m2m_benchmarks.cli.console import Json
from m2m_benchmarks.storage import ensure_writable, home


def distributions(
    models: Annotated[
        list[str], typer.Argument(metavar='MODEL MODEL', help='Two models, such as one with NeuRN and one without.')
    ],
    benchmark: Annotated[str, typer.Option(help='Benchmark of an area, such as Siegle2021.VISp-rdm.')],
    weights: Annotated[
        str, typer.Option(help="Weights of models without @: 'default', 'none' (untrained), or a file.")
    ] = 'default',
    seed: Annotated[int, typer.Option(help='Random seed.', min=0)] = 0,
    figure: Annotated[Path | None, typer.Option(metavar='FILE', help='File for a figure: .png, .svg or .pdf.')] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            metavar='FILE', help='File for the values of all neurons; FILE_examples.csv has those of the examples.'
        ),
    ] = None,
    json: Json = None,
) -> None:
    """Compare the distribution of each neuron's responses with that of the unit that matches it best.

    Units are matched by correlation on half of the images, and the distributions compared on the other half.

    \b
    Examples
    --------
      m2m analyze distributions neurn_squeezenet1_1 plain_squeezenet1_1 --benchmark Siegle2021.VISp-rdm
    """  # noqa: D301, D411 - \b keeps these lines from being joined
    from m2m_benchmarks.analysis.entries import parse_entries
    from m2m_benchmarks.benchmarks.names import check_benchmark
    from m2m_benchmarks.scoring.specs import check_candidate

    if len(models) != 2:
        raise typer.BadParameter(f'expected two models, got {len(models)}', param_hint='MODEL MODEL')
    check_benchmark(benchmark)
    for entry in parse_entries(models, weights):
        check_candidate(entry.spec)
    ensure_writable(home())
    check_files(figure, csv, json)
    with running(figure) as report:
        from m2m_benchmarks.analysis.distributions import distributions as compare
        from m2m_benchmarks.report.distributions import distribution_table, draw_distributions

        report('loading', 1, 1)
        compared = compare(models, benchmark, weights, seed, report)
    further = {'examples': compared.examples()}
    show(compared, distribution_table(compared), compared.neurons, draw_distributions, figure, csv, json, (), further)
