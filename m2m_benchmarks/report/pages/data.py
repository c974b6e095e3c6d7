"""Page of the report on a dataset."""

import base64
import io
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image

from m2m_benchmarks import __version__
from m2m_benchmarks.acquisition import images
from m2m_benchmarks.analysis.data_report.report import DataReport
from m2m_benchmarks.messages import printable
from m2m_benchmarks.report import data_tables
from m2m_benchmarks.report.data_figures import panels
from m2m_benchmarks.report.pages.figures import to_svg
from m2m_benchmarks.report.pages.folder import OTHER_FOLDER
from m2m_benchmarks.report.pages.page import render
from m2m_benchmarks.report.tables import Table
from m2m_benchmarks.storage import user_file

#: Longest side of a picture in pixels.
_SIDE = 200


def write_page(report: DataReport, folder: Path) -> Path:
    """Write the page of a report, whole or not at all.

    Parameters
    ----------
    report : DataReport
    folder : Path
        Folder for `index.html`, which is made if there is none.

    Returns
    -------
    Path
        The page. It has the pictures of the images with the largest and smallest responses in it.

    Raises
    ------
    StorageError
        When it can't be written.
    DataError
        When an image is missing or has changed.
    """
    page = data_page(report)
    path = folder / 'index.html'
    with user_file(path, OTHER_FOLDER) as file:
        file.write(page)
    return path


def data_page(report: DataReport) -> str:
    """Render the page of a report, which needs no other file."""
    figures = {
        panel.key: {'caption': printable(panel.caption), 'svg': to_svg(panel.figure, panel.key, panel.caption)}
        for panel in panels(report)
    }
    sections = [
        ('Neuroids and ceilings', 'neuroids', [data_tables.neuroid_table(report), data_tables.ceiling_table(report)]),
        ('Reliability', 'reliability', [data_tables.reliability_table(report)]),
        ('Populations', None, [data_tables.population_table(report)] if report.populations else []),
        ('RDM of each area', 'rdms', []),
        ('Recordings', 'recordings', [data_tables.recording_table(report)]),
        ('Missing presentations', 'missing', data_tables.missing_tables(report)),
        ('Responses to the images', 'responses', []),
    ]
    return render(
        'data.html',
        title=f'{report.name}: recordings',
        version=__version__,
        created=datetime.now(UTC).strftime('%Y-%m-%d'),
        headline=printable(data_tables.headline(report)),
        what=printable(report.what),
        simulated=report.simulated,
        sha256=report.sha256,
        stand_outs=table_cells(data_tables.stand_out_table(report)),
        sections=[
            {'title': title, 'figure': figures.get(key or ''), 'tables': [table_cells(table) for table in tables]}
            for title, key, tables in sections
            if tables or key in figures
        ],
        areas=[_examples(report, number) for number in range(len(report.responses))],
    )


def table_cells(table: Table) -> dict[str, object]:
    """Format the cells of a table, without control characters, for the template."""
    return {
        'title': printable(table.title),
        'columns': [{'title': printable(column.title), 'kind': column.kind} for column in table.columns],
        'rows': [
            {
                'strong': row.strong,
                'cells': [column.format(cell) for column, cell in zip(table.columns, row.cells, strict=True)],
            }
            for row in table.rows
        ],
        'notes': [printable(note) for note in table.notes],
    }


def _examples(report: DataReport, number: int) -> dict[str, object]:
    """Pictures of the images with the largest and smallest responses of an area."""
    own = report.responses[number]
    least, most = own.examples()
    return {
        'area': printable(own.area),
        'rows': [
            {
                'title': title,
                'images': [
                    {'name': printable(name), 'mean': f'{mean:+.2f}', 'src': picture(report.pictures[name])}
                    for name, mean in part
                ],
            }
            for title, part in (('Largest responses', most), ('Smallest responses', least))
        ],
    }


def picture(path: Path) -> str:
    """Make a small JPEG of an image, as a data: address."""
    buffer = io.BytesIO()
    Image.fromarray(images.thumbnail(path, _SIDE)).save(buffer, format='jpeg', quality=85)
    return f'data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}'
