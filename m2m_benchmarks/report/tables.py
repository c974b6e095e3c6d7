"""Tables of typed columns, rendered for terminals, as Markdown, as LaTeX and as CSV."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from m2m_benchmarks.messages import csv_text, printable

if TYPE_CHECKING:
    from rich.text import Text

#: Number of a cell, or several, such as an estimate and its error; None where it is empty.
Number = float | None | tuple[float | None, ...]
Cell = str | Number

#: Space between two columns.
_GAP = '  '
#: Indentation of rows below their headings.
_INDENT = '  '
#: Smallest widths that prose and the titles of numbers are folded to, in columns of the terminal.
_LEAST_TEXT = 20
_LEAST_TITLE = 12
#: Pieces that a line is broken into: words, and the parts of a long word after its separators.
_BREAKS = (re.compile(r'\S+\s*|\s+'), re.compile(r'[^-._:/@]*[-._:/@]+|[^-._:/@]+'))
#: Characters that are markup in Markdown, as an underscore between letters or digits is not.
_MARKUP = re.compile(r'([\\`*<>|\[\]~&]|^[#+-]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))')

#: Characters that LaTeX would obey, or show as others, and how they are written.
_LATEX = {
    **{character: f'\\{character}' for character in '&%$#_{}'},
    '\\': r'\textbackslash{}',
    '~': r'\textasciitilde{}',
    '^': r'\textasciicircum{}',
    '<': r'\textless{}',
    '>': r'\textgreater{}',
    '|': r'\textbar{}',
    '"': r'\textquotedbl{}',
    "'": r'\textquotesingle{}',
    '`': r'\textasciigrave{}',
    '-': '{-}',
    '−': '$-$',
    '±': r'$\pm$',
}


@dataclass(frozen=True)
class Column:
    """Column of a table.

    Attributes
    ----------
    title : str
    kind : {'name', 'text', 'number'}
        Kind of the cells. A name is on one line wherever it fits, so that it can be copied; prose is folded between
        words; a number is never folded.
    heading : bool
        Whether a terminal shows its cells as headings above their rows.
    formats : tuple of str
        Format of each number of a cell, such as '.3f'.
    joint : str
        Text between the numbers of a cell.
    parts : tuple of str
        Titles in CSV, where each number of a cell has a column; empty if a cell has one number.
    """

    title: str
    kind: Literal['name', 'text', 'number'] = 'name'
    heading: bool = False
    formats: tuple[str, ...] = ('.3f',)
    joint: str = ' ± '
    parts: tuple[str, ...] = ()

    def format(self, cell: Cell) -> str:
        """Format a cell as one line of text without control characters."""
        if isinstance(cell, str):
            return printable(cell)
        if cell is None:
            return ''
        numbers = cell if isinstance(cell, tuple) else (cell,)
        texts = [format(value, spec) for value, spec in zip(numbers, self.formats, strict=True) if value is not None]
        return self.joint.join(texts)


def text(title: str) -> Column:
    """Make a column of prose."""
    return Column(title, 'text')


def heading(title: str) -> Column:
    """Make a column of names that are headings above their rows."""
    return Column(title, heading=True)


def number(title: str, spec: str = '.3f') -> Column:
    """Make a column of numbers."""
    return Column(title, 'number', formats=(spec,))


def count(title: str) -> Column:
    """Make a column of whole numbers."""
    return number(title, ',')


def estimate(title: str, spec: str = '.3f', error: str = 'error') -> Column:
    """Make a column of pairs: an estimate and its error, or None.

    `spec` is the format of the estimate. In CSV, the title of the error is that of the column followed by `error`.
    """
    return Column(title, 'number', formats=(spec, spec.lstrip('+')), parts=(title, f'{title} {error}'.strip()))


def interval(title: str, spec: str = '.3f') -> Column:
    """Make a column of pairs: both ends of an interval."""
    return Column(title, 'number', formats=(spec, spec), joint=' to ', parts=(f'{title} low', f'{title} high'))


@dataclass(frozen=True)
class Row:
    """Cells of a row, one for each column, and whether it is emphasised, as means are."""

    cells: tuple[Cell, ...]
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of typed columns.

    Attributes
    ----------
    columns : sequence of Column
    rows : sequence of Row
        Rows of one heading are together; the mean of a dataset is the last of its rows and is called "mean".
    title : str
    notes : sequence of str
        Sentences below the table.

    Raises
    ------
    ValueError
        When a row has more or fewer cells than there are columns.
    """

    columns: Sequence[Column]
    rows: Sequence[Row]
    title: str = ''
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(f'a row has {len(row.cells)} cells; expected {len(self.columns)}, one for each column')


def to_markdown(table: Table) -> str:
    """Render a table as Markdown, with a paragraph for each note.

    Returns
    -------
    str
        Markdown without a final newline.
    """

    def escape(text: str) -> str:
        return _MARKUP.sub(r'\\\1', printable(text))

    def join(cells: Sequence[str]) -> str:
        return f'| {" | ".join(cells)} |'

    lines = [f'**{escape(table.title)}**', ''] if table.title else []
    lines.append(join([escape(column.title) for column in table.columns]))
    lines.append('|'.join(['', *('--:' if column.kind == 'number' else '---' for column in table.columns), '']))
    for row in table.rows:
        cells = [escape(column.format(cell)) for column, cell in zip(table.columns, row.cells, strict=True)]
        lines.append(join([f'**{cell}**' if cell and row.strong else cell for cell in cells]))
    return '\n'.join([*lines, *(line for note in table.notes for line in ('', escape(note)))])


def to_latex(table: Table) -> str:
    """Render a table as LaTeX, for the package booktabs, with a paragraph for each note.

    Characters outside ASCII stay as they are: LaTeX reads UTF-8.

    Returns
    -------
    str
        LaTeX without a final newline.
    """

    def escape(text: str) -> str:
        return ''.join(_LATEX.get(character, character) for character in printable(text))

    def join(cells: Sequence[str]) -> str:
        # Brackets after a line break, or a star, would be its options.
        return f'{{}}{" & ".join(cells)} \\\\'

    alignment = ''.join('r' if column.kind == 'number' else 'l' for column in table.columns)
    lines = [f'\\textbf{{{escape(table.title)}}}', ''] if table.title else []
    lines += [f'\\begin{{tabular}}{{{alignment}}}', '\\toprule']
    lines += [join([escape(column.title) for column in table.columns]), '\\midrule']
    for row in table.rows:
        cells = [escape(column.format(cell)) for column, cell in zip(table.columns, row.cells, strict=True)]
        lines.append(join([f'\\textbf{{{cell}}}' if cell and row.strong else cell for cell in cells]))
    lines += ['\\bottomrule', '\\end{tabular}']
    return '\n'.join([*lines, *(line for note in table.notes for line in ('', escape(note)))])


def to_csv(table: Table) -> str:
    """Render the columns and rows of a table as CSV, with numbers in full precision."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator='\n')
    writer.writerow([title for column in table.columns for title in column.parts or (column.title,)])
    for row in table.rows:
        cells: list[str | float | None] = []
        for column, cell in zip(table.columns, row.cells, strict=True):
            values = cell if isinstance(cell, tuple) else (cell, *[None] * (len(column.parts) - 1))
            # NumPy's numbers are written as Python's.
            cells += [
                csv_text(value) if isinstance(value, str) else value if isinstance(value, int | None) else float(value)
                for value in values
            ]
        writer.writerow(cells)
    return file.getvalue()


def to_lines(table: Table, width: int | None) -> Iterator['Text']:
    """Lay a table out for a terminal.

    Numbers are never folded, and nothing is cut. If the columns don't fit the width, names and prose become headings
    above their rows, the widest first and the first column last; if the numbers alone don't fit, they continue in
    further blocks below.

    Parameters
    ----------
    table : Table
    width : int or None
        Number of columns of the terminal; None for a file or a pipe, where nothing is folded.

    Yields
    ------
    rich.text.Text
        Text of each line.
    """
    from rich.text import Text

    layout = _Layout(table, width)
    for line in fold(printable(table.title), width) if table.title else ():
        yield Text(line, style='bold')
    for number, block in enumerate(layout.blocks):
        if number:
            yield Text()
        for line, strong in layout.lines(block):
            yield Text(line, style='bold' if strong else '')
    for note in table.notes:
        yield from map(Text, fold(printable(note), width))


def fits(table: Table, width: int | None) -> bool:
    """Whether a table fits a terminal of a given width with its columns side by side and nothing folded."""
    if width is None:
        return True
    layout = _Layout(table, None)
    taken = sum(layout.natural[i] for i in layout.blocks[0]) + len(_GAP) * (len(layout.blocks[0]) - 1)
    return taken + len(_INDENT) * bool(layout.headings) <= width


class _Layout:
    """Arrangement of a table: columns that are headings, and blocks of columns side by side.

    Attributes
    ----------
    natural : list of int
        Width of each column if nothing is folded.
    headings : list of int
        Columns whose cells are headings above their rows.
    blocks : list of list of int
        Columns that are side by side; blocks are below one another.
    """

    def __init__(self, table: Table, width: int | None) -> None:
        from rich.cells import cell_len

        self._table, self._width = table, width
        self._cells = [
            [column.format(cell) for column, cell in zip(table.columns, row.cells, strict=True)] for row in table.rows
        ]
        self._titles = [printable(column.title) for column in table.columns]
        self.natural: list[int] = []
        self._least: list[int] = []
        for i, column in enumerate(table.columns):
            cells = [row[i] for row in self._cells]
            title, widest = cell_len(self._titles[i]), max(map(cell_len, cells), default=0)
            natural = max(title, widest)
            least = natural
            if column.kind == 'number':
                least = max(widest, min(title, _LEAST_TITLE))
            elif column.kind == 'text':
                words = [cell_len(word) for cell in (self._titles[i], *cells) for word in cell.split()]
                least = min(natural, max(_LEAST_TEXT, *words, 0))
            self.natural.append(natural)
            self._least.append(least)
        self.headings = [i for i, column in enumerate(table.columns) if column.heading]
        self.blocks = self._arrange([i for i, column in enumerate(table.columns) if not column.heading])

    def _arrange(self, columns: list[int]) -> list[list[int]]:
        """Arrange columns in blocks that fit the width, moving some to the headings."""
        labels = [i for i in columns if self._table.columns[i].kind != 'number']
        moved: list[int] = []
        for label in sorted(labels, key=lambda i: (i == columns[0], -self._least[i])):
            if self._fits([i for i in columns if i not in moved], moved):
                break
            moved.append(label)
        kept = [i for i in columns if i not in moved]
        if self._fits(kept, moved):
            self.headings += sorted(moved)
            return [kept]
        # The numbers alone are too wide. The first column is repeated in each block, unless it takes most of the width.
        repeated = [
            i
            for i in labels[:1]
            if 2 * self._least[i] <= (self._width or 0) and all(self._fits([i, number], moved) for number in kept)
        ]
        moved = [i for i in moved if i not in repeated]
        blocks = [[*repeated]]
        for i in kept:
            if len(blocks[-1]) > len(repeated) and not self._fits([*blocks[-1], i], moved):
                blocks.append([*repeated])
            blocks[-1].append(i)
        self.headings += sorted(moved)
        return blocks

    def _fits(self, columns: list[int], moved: list[int]) -> bool:
        return self._width is None or self._spare(columns, bool(self.headings or moved)) >= 0

    def _spare(self, columns: list[int], indented: bool) -> int:
        """Number of columns of the terminal that these columns of the table leave free."""
        assert self._width is not None
        taken = sum(self._least[i] for i in columns) + len(_GAP) * (len(columns) - 1) + len(_INDENT) * indented
        return self._width - taken

    def lines(self, block: list[int]) -> Iterator[tuple[str, bool]]:
        """Yield the lines of a block, and whether each is emphasised."""
        columns, indent = self._table.columns, _INDENT if self.headings else ''
        widths = self._widths(block)
        if any(self._titles[i] for i in block):
            for line in self._row(block, widths, self._titles, bottom=True):
                yield indent + line, True
        before: list[str | None] = [None] * len(self.headings)
        for row, cells in zip(self._table.rows, self._cells, strict=True):
            current: list[str | None] = [cells[i] for i in self.headings]
            changed = next((n for n, cell in enumerate(current) if cell != before[n]), len(current))
            for i in self.headings[changed:]:
                label = '' if columns[i].heading or not self._titles[i] else f'{self._titles[i]}: '
                for line in fold(f'{label}{cells[i]}', self._width) if cells[i] else ():
                    yield line, columns[i].heading
            before = current
            for line in self._row(block, widths, cells) if block else ():
                yield indent + line, row.strong

    def _widths(self, block: list[int]) -> dict[int, int]:
        """Width of each column of a block; folded columns share the spare width from left to right."""
        if self._width is None:
            return {i: self.natural[i] for i in block}
        widths, spare = {}, self._spare(block, bool(self.headings))
        for i in block:
            more = max(0, min(spare, self.natural[i] - self._least[i]))
            widths[i] = self._least[i] + more
            spare -= more
        return widths

    def _row(
        self, block: list[int], widths: dict[int, int], cells: Sequence[str], *, bottom: bool = False
    ) -> Iterator[str]:
        """Yield the lines of a row; cells with fewer lines are at its top, or bottom."""
        from rich.cells import cell_len

        folded = [fold(cells[i], widths[i]) for i in block]
        height = max(map(len, folded))
        for n in range(height):
            line = []
            for i, lines in zip(block, folded, strict=True):
                index = n - (height - len(lines)) * bottom
                part = lines[index] if 0 <= index < len(lines) else ''
                blank = ' ' * (widths[i] - cell_len(part))
                line.append(blank + part if self._table.columns[i].kind == 'number' else part + blank)
            yield _GAP.join(line).rstrip()


def fold(text: str, width: int | None) -> list[str]:
    """Break a text into lines of at most `width` columns of the terminal; one line for None."""
    from rich.cells import cell_len

    if width is None or cell_len(text) <= width:
        return [text]
    lines = ['']
    for piece in _pieces(text, width, _BREAKS):
        if cell_len((lines[-1] + piece).rstrip()) <= width:
            lines[-1] += piece
        else:
            lines.append(piece)
    return [line.rstrip() for line in lines]


def _pieces(text: str, width: int, breaks: tuple[re.Pattern[str], ...]) -> Iterator[str]:
    """Yield pieces of a text, between which a line may be broken."""
    from rich.cells import cell_len, chop_cells

    if not breaks:
        yield from chop_cells(text, width)
        return
    for piece in breaks[0].findall(text):
        if cell_len(piece.rstrip()) <= width:
            yield piece
        else:
            yield from _pieces(piece, width, breaks[1:])
