"""Tables of a lab: CSV files as pandas, Excel, MATLAB and R write them."""

import codecs
import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from m2m_benchmarks import limits
from m2m_benchmarks.errors import DataError

_SEPARATORS = (',', ';', '\t')
#: Characters without width, which spreadsheets leave around cells; `str.strip` keeps them.
_INVISIBLE = '\ufeff\u200b\u200c\u200d\u2060'
#: Cells that stand for a missing number, in lower case. In a column of text they are text.
_MISSING = ('', 'na', 'n/a', 'nan', 'null', 'none')
_TRUE, _FALSE = ('True', 'TRUE', 'true'), ('False', 'FALSE', 'false')
_WHOLE = re.compile(r'([+-]?\d+)(\.0+)?', re.ASCII)
_NUMBER = re.compile(r'[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf(inity)?)', re.ASCII | re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r'([+-]?\d*),(\d+(e[+-]?\d+)?)', re.ASCII | re.IGNORECASE)
#: A number as spreadsheets, R and MATLAB shorten long ones, which may have lost its last digits.
_ROUNDED = re.compile(r'\d([.,]\d+)?E\+\d+', re.ASCII | re.IGNORECASE)
#: A formula for a text, by which spreadsheets keep the zeros of ="007".
_FORMULA = re.compile(r'="([^"]*)"')


def read_table(path: Path, needed: tuple[str, ...], text: tuple[str, ...], gaps: tuple[str, ...] = ()) -> pd.DataFrame:
    """Read a table whose cells are separated by commas, semicolons or tabs.

    Cells lose the spaces around them, and ="007" is 007. Empty rows, empty columns without a name, and a first column
    without a name that numbers the rows are left out. Where commas don't separate cells, they are read as decimal
    points of numbers.

    Parameters
    ----------
    path : Path
        File in UTF-8, or in UTF-16 with a byte order mark.
    needed : tuple of str
        Columns that have to be there, without empty cells. Case is ignored, for `text` too, unless another column has
        the exact name.
    text : tuple of str
        Columns that are text. If all of their cells are whole numbers, decimals of zero are dropped: 7.0 is 7.
    gaps : tuple of str
        Needed columns that may have empty cells.

    Returns
    -------
    DataFrame
        Rows with their number in the file as index, from 0 for the first below the names. Other columns are truth
        values, integers, floats (NaN for an empty cell or NA, NaN, None or null) or else text. Whole numbers that
        an integer can't hold as they are written are text: with empty cells, with leading zeros or with too many
        digits.

    Raises
    ------
    DataError
        When the file can't be read, a column or a cell is missing, or a column has no name or the same as another.
    """
    names, rows, separator = _read_cells(path, needed, (*needed, *text))
    missing = [column for column in needed if column not in names]
    if missing:
        there = ', '.join(filter(None, names)) or 'none'
        raise DataError(f'{path} has no column {", ".join(missing)} in its first row; it has {there}.')
    for i, cells in enumerate(rows):
        if any(cells[len(names) :]):
            raise DataError(f'{path}, row {i + 2}: it has more cells than its first row has column names.')
    # Short rows lack cells at their end, which are empty.
    padded = [(cells + [''] * len(names))[: len(names)] for cells in rows]
    kept = {i: cells for i, cells in enumerate(padded) if any(cells)}
    columns = _named_columns(path, names, [list(cells) for cells in zip(*kept.values(), strict=True)])
    if not kept:
        raise DataError(f'{path} has no rows.')
    for column in (name for name in needed if name not in gaps):
        for row, cell in zip(kept, columns[column], strict=True):
            if not cell:
                raise DataError(f'{path}, row {row + 2}: {column} is empty.')
    typed = {
        column: _identifiers(path, column, cells) if column in text else _values(cells, separator != ',')
        for column, cells in columns.items()
    }
    return pd.DataFrame(typed, index=list(kept))


def _read_cells(path: Path, needed: tuple[str, ...], known: tuple[str, ...]) -> tuple[list[str], list[list[str]], str]:
    """Read names of columns, rows and separator: the first separator with which all needed columns are there."""
    try:
        content = limits.read_file(path)
    except FileNotFoundError as error:
        raise DataError(f'{path} is missing.') from error
    except OSError as error:
        raise DataError(f'{path} cannot be read as CSV ({error}).') from error
    try:
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        decoded = content.decode('utf-16' if wide else 'utf-8-sig')
    except UnicodeDecodeError as error:
        raise DataError(f'{path} cannot be read as CSV ({error}): save it as CSV in UTF-8.') from error
    if '\0' in decoded:
        raise DataError(f'{path} cannot be read as CSV (it has zero bytes): save it as CSV in UTF-8.')
    hint = re.match(r'"?sep=(.)"?\r?\n', decoded)  # Excel's
    if hint:
        decoded = decoded[hint.end() :]
    read: dict[str, list[list[str]]] = {}
    for separator in _SEPARATORS:
        try:
            lines = csv.reader(
                io.StringIO(decoded, newline=''), delimiter=separator, strict=True, skipinitialspace=True
            )
            read[separator] = [list(map(_stripped, row)) for row in lines if row]
        except csv.Error as error:
            problem = error
            continue
        if read[separator]:
            read[separator][0] = _as_known(read[separator][0], known)
            if set(needed) <= set(read[separator][0]):
                break
    else:
        separator = _SEPARATORS[0]
    if separator not in read:
        raise DataError(f'{path} cannot be read as CSV ({problem}).') from problem
    if not read[separator]:
        raise DataError(f'{path} cannot be read as CSV (it is empty).')
    return read[separator][0], read[separator][1:], separator


def _stripped(cell: str) -> str:
    text = cell.strip().strip(_INVISIBLE).strip()
    formula = _FORMULA.fullmatch(text)
    return formula[1].strip() if formula else text


def _as_known(names: list[str], known: tuple[str, ...]) -> list[str]:
    """Replace names of columns that differ from known ones only in case by these."""
    by_case = {name.lower(): name for name in known if name not in names}
    return [by_case.get(name.lower(), name) for name in names]


def _named_columns(path: Path, names: list[str], columns: list[list[str]]) -> dict[str, list[str]]:
    """Map names of columns to cells; columns without a name are left out if they hold nothing but row numbers."""
    named: dict[str, list[str]] = {}
    for i, (name, cells) in enumerate(zip(names, columns or [[] for _ in names], strict=True)):
        if name in named:
            raise DataError(f'{path} has two columns called {name}; rename or remove one.')
        if name:
            named[name] = cells
        elif any(cells) and not (i == 0 and all(map(_WHOLE.fullmatch, cells))):
            raise DataError(f'{path}: column {i + 1} has no name in the first row; name it or remove it.')
    return named


def _identifiers(path: Path, column: str, cells: list[str]) -> np.ndarray:
    rounded = next((cell for cell in cells if _ROUNDED.fullmatch(cell)), None)
    if rounded is not None:
        raise DataError(
            f'{path}: {column} is {rounded}, which may have lost digits; write all digits, for instance by formatting '
            'the column as text before saving it as CSV.'
        )
    return np.array(drop_decimals(cells), dtype=object)


def drop_decimals(identifiers: Sequence[str]) -> list[str]:
    """Write identifiers without decimals of zero, as in 7.0, if all of them are whole numbers or empty."""
    whole = all(_WHOLE.fullmatch(identifier) for identifier in identifiers if identifier)
    return [identifier.partition('.')[0] if whole else identifier for identifier in identifiers]


def _values(cells: list[str], decimal_comma: bool) -> np.ndarray:
    texts = np.array(cells, dtype=object)
    present = [cell for cell in cells if cell.lower() not in _MISSING]
    complete = len(present) == len(cells)
    if not present or set(present) <= {*_TRUE, *_FALSE}:
        return np.array([cell in _TRUE for cell in cells]) if present and complete else texts
    if all(map(_WHOLE.fullmatch, present)):
        whole = [cell.partition('.')[0] if cell.lower() not in _MISSING else '' for cell in cells]
        # Python takes no integers of thousands of digits.
        exact = complete and all(len(cell) < 25 and str(int(cell)) == cell.removeprefix('+') for cell in whole)
        if exact and all(abs(int(cell)) < 2**63 for cell in whole):
            return np.array(list(map(int, whole)))
        return np.array(whole, dtype=object)
    if decimal_comma:
        cells = [_DECIMAL_COMMA.sub(r'\1.\2', cell) if _DECIMAL_COMMA.fullmatch(cell) else cell for cell in cells]
    numbers = [cell if cell.lower() not in _MISSING else 'nan' for cell in cells]
    if all(cell == 'nan' or _NUMBER.fullmatch(cell) for cell in numbers):
        return np.array(list(map(float, numbers)))
    return texts
