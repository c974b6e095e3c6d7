"""The option --figure of `m2m score`, and what figures and reports need."""

import contextlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from m2m_benchmarks.errors import M2MError, StorageError
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.storage import ensure_file_writable, user_file

if TYPE_CHECKING:
    from m2m_benchmarks.records.record import Result
    from m2m_benchmarks.report.model_sections import Section
    from m2m_benchmarks.scoring.specs import CandidateSpec

#: Endings of the file after --figure of `m2m score`.
_PAGE, _FORMATS = '.html', ('.png', '.svg', '.pdf', '.html')
_OTHER_FILE = 'Name another file after --figure.'


def require_figures() -> None:
    """Check that matplotlib is installed.

    Raises
    ------
    M2MError
        When it isn't.
    """
    if importlib.util.find_spec('matplotlib') is None:
        raise M2MError(
            "figures need the package matplotlib, which is not installed: pip install 'm2m-benchmarks[report]'"
        )


def check_score_figure(path: Path | None) -> None:
    """Check, before a long run, that the figure of scores and its data can be drawn and written.

    Raises
    ------
    StorageError
        When a file can't be written, or its name ends in something else.
    M2MError
        When matplotlib isn't installed.
    """
    if path is None:
        return
    if path.suffix.lower() not in _FORMATS:
        raise StorageError(f'cannot draw a figure to {path}: expected a file that ends in {", ".join(_FORMATS)}.')
    require_figures()
    for file in (path, path.with_suffix('.csv')):
        ensure_file_writable(file, _OTHER_FILE)


def write_score_figure(
    path: Path, candidates: 'Sequence[tuple[CandidateSpec, int, list[Result]]]', show: Progress
) -> None:
    """Write the figure of scores, or the report of what was scored for a page, and the scores as CSV beside it.

    Parameters
    ----------
    path : Path
        File that `check_score_figure` has checked.
    candidates : sequence of tuple
        Candidate, random seed and results of each.
    show : callable
        Progress.
    """
    from m2m_benchmarks.report.score_figure import results_data, results_figure
    from m2m_benchmarks.report.tables import to_csv

    results = [result for *_, own in candidates for result in own]
    if path.suffix.lower() == _PAGE:
        content = _page(candidates, show).encode()
    else:
        content = results_figure(results).content(path.suffix[1:].lower())
    with user_file(path.with_suffix('.csv'), _OTHER_FILE) as file:
        file.write(to_csv(results_data(results)))
    with user_file(path, _OTHER_FILE, 'wb') as file:
        file.write(content)


def _page(candidates: 'Sequence[tuple[CandidateSpec, int, list[Result]]]', show: Progress) -> str:
    from m2m_benchmarks.records import store
    from m2m_benchmarks.records.selection import labels
    from m2m_benchmarks.report.pages.model import model_page

    stored = store.results()
    names = labels([own[0] for *_, own in candidates])
    reports = [
        (name, report_sections(name, spec, seed, own, stored, (), show))
        for name, (spec, seed, own) in zip(names, candidates, strict=True)
    ]
    return model_page(reports)


def report_sections(
    name: str,
    spec: 'CandidateSpec',
    seed: int,
    results: 'Sequence[Result]',
    stored: 'Sequence[Result]',
    notes: Sequence[str],
    show: Progress,
) -> 'list[Section]':
    """Make the report on a candidate; see `analysis.model_report`."""
    show('loading torch', 0, 1)
    from m2m_benchmarks.analysis.model_report import model_report
    from m2m_benchmarks.report.model_sections import sections_of
    from m2m_benchmarks.scoring.candidate import Candidate
    from m2m_benchmarks.scoring.candidates import load_candidate

    show('loading torch', 1, 1)

    def load() -> Candidate:
        options = spec.options.given()
        return load_candidate(spec.name, weights=spec.weights, seed=seed, mouse_acuity=spec.mouse_acuity, **options)

    # torch.hub announces downloads on stdout, which is for results only.
    with contextlib.redirect_stdout(sys.stderr):
        made = model_report(name, results, stored, load, notes, show)
        return sections_of(made)
