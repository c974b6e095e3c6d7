"""The command `m2m report`."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2m_benchmarks.cli.console import MouseAcuity, print_line, print_tables, print_text, progress
from m2m_benchmarks.cli.figures import report_sections, require_figures

if TYPE_CHECKING:
    from m2m_benchmarks.records.record import Result

#: What is kept of a report that is stopped.
_KEPT = 'Responses of layers are kept. Run the same command again.'


def report(
    model: Annotated[str, typer.Argument(metavar='MODEL', help='A model with results here, named as for `m2m score`.')],
    benchmark: Annotated[
        list[str] | None,
        typer.Option(help='Name or pattern of benchmarks, of those with results; may be repeated. Default: all.'),
    ] = None,
    weights: Annotated[
        str, typer.Option(help="Weights of a model without @: 'default', 'none' (untrained), or a file.")
    ] = 'default',
    seed: Annotated[int, typer.Option(help='Random seed of untrained weights.', min=0)] = 0,
    mouse_acuity: MouseAcuity = False,
    html: Annotated[
        Path | None,
        typer.Option(metavar='DIR', help='Folder for a page, index.html, and its figures as PNG, SVG and CSV.'),
    ] = None,
) -> None:
    """Report on a model that was scored: what the stored results say of it.

    With --html, also what needs its responses: RDMs of brain and model, the scenes and neuroids that it predicts best
    and worst. These pictures are for your own use: the licence of the images may not let you publish them.

    \b
    Examples
    --------
      m2m report torchvision:squeezenet1_1@none
      m2m report torchvision:squeezenet1_1@none --benchmark 'SimulatedMouse*' --html squeezenet
    """  # noqa: D301, D411 - \b keeps these lines from being joined
    from m2m_benchmarks.analysis.model_results import label_of, newest_of
    from m2m_benchmarks.records import store
    from m2m_benchmarks.report.pages.folder import check_folder
    from m2m_benchmarks.scoring.specs import check_candidate, parse_candidates

    (parsed,) = parse_candidates([model], weights)
    spec = dataclasses.replace(parsed, mouse_acuity=mouse_acuity)
    check_candidate(spec)
    if html is not None:
        require_figures()
        check_folder(html)
    stored = store.results()
    name = label_of(spec, seed)
    results, notes = newest_of(stored, name, benchmark or ())
    if html is None:
        _print(results, notes)
        return
    with progress(_KEPT) as show:
        sections = report_sections(name, spec, seed, results, stored, notes, show)
        show('drawing', 0, 1)
        from m2m_benchmarks.report.pages.model import write_report

        page = write_report(name, sections, html)
        show('drawing', 1, 1)
    print_line(str(page))


def _print(results: 'list[Result]', notes: list[str]) -> None:
    """Print the tables of the results."""
    from m2m_benchmarks.report.scores import score_tables

    print_tables(score_tables(results))
    for note in notes:
        print_text(note)
    print_text('Figures, and what needs the responses of the model: --html DIR. Hashes and settings: m2m results show.')
