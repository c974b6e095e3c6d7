"""Tables: typed columns and rows, as lines of a terminal, as Markdown and as CSV."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.text import Text

#: Number of a cell, or the numbers that stand in it together, such as an estimate and its error; None where it's empty.
Number = float | None | tuple[float | None, ...]
Cell = str | Number

#: Between two columns.
_GAP = '  '
#: Rows stand under their headings.
_INDENT = '  '
#: Prose isn't folded to fewer columns of the terminal than this, nor the titles of numbers to fewer than that.
_LEAST_TEXT = 20
_LEAST_TITLE = 12
#: Where a line is broken: between words; in a longer word, after what separates the parts of a name.
_BREAKS = (re.compile(r'\S+\s*|\s+'), re.compile(r'[^-._:/@]*[-._:/@]+|[^-._:/@]+'))
#: What Markdown would take for markup; an underscore between letters or digits is none.
_MARKUP = re.compile(r'([\\`*<>|\[\]~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))')


@dataclass(frozen=True)
class Column:
    """Column of a table.

    Attributes
    ----------
    title : str
    kind : {'name', 'text', 'number'}
        A name stands whole on one line wherever it fits, so that it can be copied; prose is folded between words; a
        number is never folded.
    heading : bool
        Whether its cells are headings over their rows, in the terminal, instead of cells.
    formats : tuple of str
        Of a number: format of each of the numbers of a cell, such as '.3f'.
    joint : str
        Text between the numbers of a cell.
    parts : tuple of str
        Titles of the numbers of a cell in CSV, where each has a column; empty where a cell has one number.
    """

    title: str
    kind: Literal['name', 'text', 'number'] = 'name'
    heading: bool = False
    formats: tuple[str, ...] = ('.3f',)
    joint: str = ' ± '
    parts: tuple[str, ...] = ()

    def shown(self, cell: Cell) -> str:
        """Text of a cell, on one line and without control characters."""
        if isinstance(cell, str):
            return _printable(cell)
        if cell is None:
            return ''
        numbers = cell if isinstance(cell, tuple) else (cell,)
        texts = [format(each, spec) for each, spec in zip(numbers, self.formats, strict=True) if each is not None]
        return self.joint.join(texts)


def text(title: str) -> Column:
    """Column of prose."""
    return Column(title, 'text')


def heading(title: str) -> Column:
    """Column of names that are headings over their rows."""
    return Column(title, heading=True)


def number(title: str, spec: str = '.3f') -> Column:
    """Column of numbers."""
    return Column(title, 'number', formats=(spec,))


def count(title: str) -> Column:
    """Column of whole numbers."""
    return number(title, ',')


def estimate(title: str, spec: str = '.3f', error: str = 'error') -> Column:
    """Column of pairs: an estimate and its error, which is None where there is none.

    `spec` is the format of the estimate; `error` the title of the error in CSV, where it follows the one of the column.
    """
    return Column(title, 'number', formats=(spec, spec.lstrip('+')), parts=(title, f'{title} {error}'.strip()))


def interval(title: str, spec: str = '.3f') -> Column:
    """Column of pairs: both ends of an interval."""
    return Column(title, 'number', formats=(spec, spec), joint=' to ', parts=(f'{title} low', f'{title} high'))


@dataclass(frozen=True)
class Row:
    """Cells of a row, one for each column, and whether it is emphasised, as a mean is."""

    cells: tuple[Cell, ...]
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of typed columns.

    Attributes
    ----------
    columns : sequence of Column
    rows : sequence of Row
        Rows of one heading stand together; the mean of a dataset is the last of its rows and is called "mean".
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
    """Write a table as Markdown; its notes become a paragraph each.

    Returns
    -------
    str
        Without a newline at its end.
    """

    def escaped(text: str) -> str:
        return _MARKUP.sub(r'\\\1', text)

    def line(cells: Sequence[str]) -> str:
        return f'| {" | ".join(cells)} |'

    lines = [f'**{escaped(table.title)}**', ''] if table.title else []
    lines.append(line([escaped(column.title) for column in table.columns]))
    lines.append('|'.join(['', *('--:' if column.kind == 'number' else '---' for column in table.columns), '']))
    for row in table.rows:
        cells = [escaped(column.shown(cell)) for column, cell in zip(table.columns, row.cells, strict=True)]
        lines.append(line([f'**{cell}**' if cell and row.strong else cell for cell in cells]))
    return '\n'.join([*lines, *(each for note in table.notes for each in ('', escaped(note)))])


def to_csv(table: Table) -> str:
    """Write the columns and rows of a table as CSV, with numbers in full precision."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator='\n')
    writer.writerow([title for column in table.columns for title in column.parts or (column.title,)])
    for row in table.rows:
        cells: list[str | float | None] = []
        for column, cell in zip(table.columns, row.cells, strict=True):
            values = cell if isinstance(cell, tuple) else (cell, *[None] * (len(column.parts) - 1))
            # NumPy's numbers are written as Python's are.
            cells += [each if each is None or isinstance(each, str | int) else float(each) for each in values]
        writer.writerow(cells)
    return file.getvalue()


def to_lines(table: Table, width: int | None) -> Iterator['Text']:
    """Lay a table out for a terminal.

    Numbers are never folded, and nothing is cut. Where the width doesn't hold all columns, names and prose become
    headings over their rows, the widest first and the first column last; where it doesn't hold all numbers, they are
    continued in further blocks, below.

    Parameters
    ----------
    table : Table
    width : int or None
        Columns of the terminal; None for a file or a pipe, in which nothing is folded.

    Yields
    ------
    rich.text.Text
        One for each line.
    """
    from rich.text import Text

    layout = _Layout(table, width)
    for line in _folded(_printable(table.title), width) if table.title else ():
        yield Text(line, style='bold')
    for place, block in enumerate(layout.blocks):
        if place:
            yield Text()
        for line, strong in layout.lines(block):
            yield Text(line, style='bold' if strong else '')
    for note in table.notes:
        yield from map(Text, _folded(_printable(note), width))


def fits(table: Table, width: int | None) -> bool:
    """Whether the columns of a table stand side by side in so many columns of a terminal, nothing folded."""
    if width is None:
        return True
    layout = _Layout(table, None)
    taken = sum(layout.natural[i] for i in layout.blocks[0]) + len(_GAP) * (len(layout.blocks[0]) - 1)
    return taken + len(_INDENT) * bool(layout.headings) <= width


class _Layout:
    """Which columns of a table are headings, and which of the others stand side by side.

    Attributes
    ----------
    natural : list of int
        Width of each column, nothing folded.
    headings : list of int
        Columns whose cells are headings over their rows.
    blocks : list of list of int
        Columns that stand side by side; blocks follow one another.
    """

    def __init__(self, table: Table, width: int | None) -> None:
        from rich.cells import cell_len

        self._table, self._width = table, width
        self._cells = [
            [column.shown(cell) for column, cell in zip(table.columns, row.cells, strict=True)] for row in table.rows
        ]
        self._titles = [_printable(column.title) for column in table.columns]
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
        self.blocks = self._arranged([i for i, column in enumerate(table.columns) if not column.heading])

    def _arranged(self, columns: list[int]) -> list[list[int]]:
        """Blocks of columns that fit the width; those that don't are added to the headings."""
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
        # The numbers alone are too wide. The first column is repeated beside each block, unless it takes most of it.
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
        """Columns of the terminal that are left beside columns of the table."""
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
            over: list[str | None] = [cells[i] for i in self.headings]
            changed = next((n for n, each in enumerate(over) if each != before[n]), len(over))
            for i in self.headings[changed:]:
                label = '' if columns[i].heading or not self._titles[i] else f'{self._titles[i]}: '
                for line in _folded(f'{label}{cells[i]}', self._width) if cells[i] else ():
                    yield line, columns[i].heading
            before = over
            for line in self._row(block, widths, cells) if block else ():
                yield indent + line, row.strong

    def _widths(self, block: list[int]) -> dict[int, int]:
        """Width of each column of a block: what is spare goes to those that are folded, from left to right."""
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
        """Yield the lines of a row; cells of fewer lines than others stand at its top, or bottom."""
        from rich.cells import cell_len

        folded = [_folded(cells[i], widths[i]) for i in block]
        height = max(map(len, folded))
        for n in range(height):
            line = []
            for i, lines in zip(block, folded, strict=True):
                at = n - (height - len(lines)) * bottom
                part = lines[at] if 0 <= at < len(lines) else ''
                blank = ' ' * (widths[i] - cell_len(part))
                line.append(blank + part if self._table.columns[i].kind == 'number' else part + blank)
            yield _GAP.join(line).rstrip()


def _printable(text: str) -> str:
    """Spell control characters out, newlines among them: a name that holds some can't break a line or colour it."""
    return ''.join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def _folded(text: str, width: int | None) -> list[str]:
    """Break a text into lines that are no wider than so many columns of the terminal; one line for None."""
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
    """Yield the pieces of a text that lines may be broken between."""
    from rich.cells import cell_len, chop_cells

    if not breaks:
        yield from chop_cells(text, width)
        return
    for piece in breaks[0].findall(text):
        if cell_len(piece.rstrip()) <= width:
            yield piece
        else:
            yield from _pieces(piece, width, breaks[1:])
