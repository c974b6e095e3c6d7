"""The command `m2m analyze profiles`."""

from pathlib import Path
from typing import Annotated

import typer

from m2m_benchmarks.cli.analyses.outputs import check_files, running, show
from m2m_benchmarks.cli.console import Json
from m2m_benchmarks.storage import ensure_writable, home


def profiles(
    dataset: Annotated[str, typer.Argument(metavar='DATASET', help='2-photon recordings from `m2m data list`.')],
    model: Annotated[
        list[str] | None,
        typer.Option(help='Model whose outputs are compared, such as one with NeuRN; may be repeated.'),
    ] = None,
    weights: Annotated[
        str, typer.Option(help="Weights of models without @: 'default', 'none' (untrained), or a file.")
    ] = 'default',
    seed: Annotated[int, typer.Option(help='Random seed of untrained weights and draws.', min=0)] = 0,
    figure: Annotated[Path | None, typer.Option(metavar='FILE', help='File for a figure: .png, .svg or .pdf.')] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            metavar='FILE',
            help='File for the values of all neurons; FILE_courses.csv has mean time courses, FILE_units.csv units.',
        ),
    ] = None,
    json: Json = None,
) -> None:
    """Compare the time courses of excitatory and inhibitory neurons: peak and time to peak in each area.

    Time courses are kept when 2-photon sessions are extracted. With --model, peaks are compared with those of a
    network's units on the same images.

    \b
    Examples
    --------
      m2m analyze profiles deVries2020 --figure profiles.png
      m2m analyze profiles deVries2020 --model neurn_squeezenet1_1 --model plain_squeezenet1_1
    """  # noqa: D301, D411 - \b keeps these lines from being joined
    from m2m_benchmarks.scoring.specs import check_candidate, parse_candidate

    for name in model or ():
        check_candidate(parse_candidate(name, weights))
    ensure_writable(home())
    check_files(figure, csv, json)
    with running(figure) as report:
        from m2m_benchmarks.analysis.profiles import profiles as compare
        from m2m_benchmarks.report.profiles import draw_profiles, profile_tables

        report('loading', 1, 1)
        compared = compare(dataset, model or (), weights, seed, report)
    table, *further = profile_tables(compared)
    show(compared, table, compared.neurons, draw_profiles, figure, csv, json, further, compared.further_tables())
