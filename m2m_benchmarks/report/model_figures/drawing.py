"""A figure with its data and words, its style, and its files."""

import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from m2m_benchmarks.messages import printable
from m2m_benchmarks.report.tables import Table, to_csv
from m2m_benchmarks.storage import user_file

#: Width of a figure: that of a column of a paper, 85 mm.
WIDTH = 3.35
#: Colours that colour-blind people can distinguish (Okabe & Ito), and the markers that go with them.
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000')
MARKERS = 'os^Dv<>'
#: Formats of a figure's files.
FORMATS = ('png', 'svg')
#: Sizes of text in points, at the width of a column. A dollar in a name doesn't begin a formula.
_STYLE: Any = {
    'font.size': 7,
    'axes.titlesize': 7,
    'axes.labelsize': 7,
    'xtick.labelsize': 6.5,
    'ytick.labelsize': 6.5,
    'legend.fontsize': 6.5,
    'axes.linewidth': 0.6,
    'lines.linewidth': 1.0,
    'lines.markersize': 3.5,
    'xtick.major.width': 0.6,
    'ytick.major.width': 0.6,
    'text.parse_math': False,
    'svg.hashsalt': 'm2m',
}
_LONGEST_NAME = 28


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure of a report.

    Attributes
    ----------
    name : str
        Name of its files, without ending: letters, digits, dots, hyphens and underscores.
    title : str
    caption : str
        Sentences that say what is drawn.
    alternative : str
        Description of what it shows, for those who can't see it.
    figure : Figure
    data : Table
        All values that are drawn.
    """

    name: str
    title: str
    caption: str
    alternative: str
    figure: Figure
    data: Table
    _rendered: dict[str, bytes] = field(default_factory=dict, repr=False)

    def content(self, format_: str) -> bytes:
        """Render the figure in a format, such as 'svg'; the same figure gives the same bytes."""
        if format_ in self._rendered:
            return self._rendered[format_]
        buffer = io.BytesIO()
        metadata: dict[str, Any] = {'svg': {'Date': None}, 'pdf': {'CreationDate': None}}.get(format_, {})
        with style(), warnings.catch_warnings():
            warnings.filterwarnings('ignore', 'Glyph', UserWarning)  # names may have any character
            self.figure.savefig(buffer, format=format_, dpi=300, metadata=metadata)
        self._rendered[format_] = buffer.getvalue()
        return self._rendered[format_]

    def write(self, folder: Path, remedy: str) -> None:
        """Write the figure as PNG and SVG, and its data as CSV, to a folder.

        Raises
        ------
        StorageError
            When a file can't be written; the message ends in `remedy`.
        """
        for format_ in FORMATS:
            with user_file(folder / f'{self.name}.{format_}', remedy, 'wb') as file:
                file.write(self.content(format_))
        with user_file(folder / f'{self.name}.csv', remedy) as file:
            file.write(to_csv(self.data))


def style() -> Any:
    """Context in which figures are made and rendered."""
    return matplotlib.rc_context(_STYLE)


def tidy(axes: Axes, grid: str | None = None) -> None:
    """Take the frame's upper and right lines away, and draw a pale grid along an axis."""
    axes.spines[['top', 'right']].set_visible(False)
    if grid is not None:
        axes.grid(axis=grid, color='0.9', linewidth=0.5)  # type: ignore[arg-type]
        axes.set_axisbelow(True)


def colour(number: int) -> str:
    """Colour of a series by its number; they repeat after seven."""
    return COLOURS[number % len(COLOURS)]


def marker(number: int) -> str:
    """Marker of a series by its number, another one for each series of the same colour."""
    return MARKERS[(number + number // len(COLOURS)) % len(MARKERS)]


def short(name: str, most: int = _LONGEST_NAME) -> str:
    """Replace the middle of a long name by …, and escape control characters."""
    name = printable(name)
    half = (most - 1) // 2
    return name if len(name) <= most else f'{name[: most - 1 - half]}…{name[-half:]}'


def file_name(*parts: str) -> str:
    """Make the name of a file of letters, digits, dots, hyphens and underscores."""
    text = '_'.join(parts)
    return ''.join(
        character if character.isascii() and (character.isalnum() or character in '._-') else '-' for character in text
    )


def unique(drawings: Sequence[Drawing]) -> Iterator[Drawing]:
    """Yield drawings, renamed so that no two have one name, also where upper and lower case count as one."""
    known: set[str] = set()
    for drawing in drawings:
        name, number = drawing.name, 2
        while name.lower() in known:
            name, number = f'{drawing.name}-{number}', number + 1
        known.add(name.lower())
        yield replace(drawing, name=name)
