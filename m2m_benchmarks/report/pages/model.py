"""Page of the report on models, alone or in a folder with its figures."""

import base64
import datetime
from collections.abc import Sequence
from pathlib import Path

from m2m_benchmarks import __version__
from m2m_benchmarks.messages import printable
from m2m_benchmarks.report.model_figures.drawing import FORMATS, Drawing
from m2m_benchmarks.report.model_sections import Section
from m2m_benchmarks.report.pages.folder import OTHER_FOLDER
from m2m_benchmarks.report.pages.page import render
from m2m_benchmarks.storage import user_file

#: Name of the page in a folder.
PAGE = 'index.html'


def model_page(reports: Sequence[tuple[str, Sequence[Section]]], with_files: bool = False) -> str:
    """Render the report on one model or more, which needs no other file.

    Parameters
    ----------
    reports : sequence of tuple
        Label and sections of each candidate.
    with_files : bool
        Whether the page links to the files of its figures, which lie beside it; see `write_report`.
    """
    numbered = [
        (printable(name), [(f's{number}-{i}', own) for i, own in enumerate(sections)])
        for number, (name, sections) in enumerate(reports)
    ]
    return render(
        'model.html',
        title=f'Report on {", ".join(name for name, _ in numbered)}',
        reports=numbered,
        address=_address,
        printable=printable,
        formats=[*FORMATS, 'csv'] if with_files else [],
        version=__version__,
        created=datetime.datetime.now(datetime.UTC).strftime('%Y-%m-%d %H:%M UTC'),
    )


def _address(drawing: Drawing) -> str:
    """Write a figure as an address that has its content."""
    return f'data:image/svg+xml;base64,{base64.b64encode(drawing.content("svg")).decode()}'


def write_report(name: str, sections: Sequence[Section], folder: Path) -> Path:
    """Write a report into a folder: the figures as PNG and SVG, their data as CSV, and last the page.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    StorageError
        When a file can't be written.
    """
    for section in sections:
        for drawing in section.drawings:
            drawing.write(folder, OTHER_FOLDER)
    path = folder / PAGE
    with user_file(path, OTHER_FOLDER) as file:
        file.write(model_page([(name, sections)], with_files=True))
    return path
