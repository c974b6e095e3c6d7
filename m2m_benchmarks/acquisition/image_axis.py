"""The image axis of an array bundle: which image is at each position."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import pandas as pd

from m2m_benchmarks import limits
from m2m_benchmarks.acquisition.csv_tables import read_table
from m2m_benchmarks.acquisition.images import SUFFIXES, is_helper_file
from m2m_benchmarks.errors import DataError

#: Table of the images in the order of the axis, in the folder of images or beside sessions.csv.
TABLE = 'images.csv'
#: Endings of the table where none is .csv. Spreadsheets are refused when they are read, so that no order is ignored.
_OTHER_SUFFIXES = ('.tsv', '.txt', '.xlsx', '.xls', '.ods')
#: Orders in which a folder of images can be read, for `m2m data import --stimulus-order`.
ORDERS = ('natural', 'alphabetic')
#: Columns that number the images, in lower case.
_NUMBERS = re.compile(r'((image|stimulus)_?)?(index|idx|position|order|number)')
#: Value of the column `condition` for presentations without an image.
BLANK = 'blank'
#: Columns that stimuli have already; a column of that name in images.csv becomes image_NAME.
_OWN = ('stimulus_id', 'sha256', 'object_name', 'bytes')


@dataclass(frozen=True)
class ImageAxis:
    """Images in the order of the image axis.

    Attributes
    ----------
    names : tuple of str
        Name of the image at each position: its file without the extension, as `composed` writes it.
    paths : tuple of (Path or None)
        Files; None for a blank without one.
    blank : bool array, shape (n_images,)
        True where a blank was shown, which isn't a stimulus.
    columns : tuple of dict
        Further columns of images.csv, by name, for each position.
    """

    names: tuple[str, ...]
    paths: tuple[Path | None, ...]
    blank: np.ndarray
    columns: tuple[dict[str, Any], ...]

    @property
    def shown(self) -> dict[str, Path]:
        """Name to file of the images that are not blank, in order."""
        return {
            name: path
            for name, path, blank in zip(self.names, self.paths, self.blank, strict=True)
            if not blank and path is not None
        }


def read_axis(
    folder: Path, sessions: Path, order: str | None = None, note: Callable[[str], object] = lambda text: None
) -> ImageAxis:
    """Read the order of the images from images.csv, or from the names of the files in a folder.

    Parameters
    ----------
    folder : Path
        Folder of images.
    sessions : Path
        Path of sessions.csv, beside which images.csv may be.
    order : {'natural', 'alphabetic'}, optional
        Order of the files: img2 before img10, or after. It has to be given if there is no images.csv and the two
        orders differ.
    note : callable
        Called with a sentence if other tables are among the images.

    Raises
    ------
    DataError
        When the folder is missing, the order is ambiguous, or images.csv doesn't match the folder.
    """
    if order not in (None, *ORDERS):
        raise DataError(f'the order of the stimuli is {order!r}; expected {" or ".join(ORDERS)}.')
    if not folder.is_dir():
        raise DataError(f'{folder} is not a folder; expected the stimulus images there.')
    paths = sorted(filter(_is_image, folder.iterdir()), key=lambda path: composed(path.name))
    stems: dict[str, Path] = {}
    for path in paths:
        _check_file(path, folder)
        if composed(path.stem) in stems:
            raise DataError(f'{folder} holds {path.stem} in two formats; expected one file per image.')
        stems[composed(path.stem)] = path
    tables = _tables(folder, sessions.parent)
    if len(tables) > 1:
        raise DataError(f'there are two tables of images, {" and ".join(map(str, tables))}; remove one.')
    for table in tables:
        _check_file(table, table.parent)
    if tables:
        if order is not None:
            raise DataError(f'{tables[0]} gives the order of the images; leave out --stimulus-order or remove it.')
        return _from_table(tables[0], folder, paths)
    natural = sorted(paths, key=_natural_key)
    if order is None and natural != paths:
        raise _ambiguous(folder, paths, natural)
    others = [name for name in passed_over(folder) if Path(name).suffix.lower() in ('.csv', *_OTHER_SUFFIXES)]
    if others and folder.resolve() != sessions.parent.resolve():
        note(
            f'{folder.name}: {others[0]} is not read; the images are in the order of their names. If it lists them in '
            f'the order of the image axis, call it {TABLE}.'
        )
    ordered = natural if order == 'natural' else paths
    n = len(ordered)
    return ImageAxis(tuple(composed(path.stem) for path in ordered), tuple(ordered), np.zeros(n, dtype=bool), ({},) * n)


def composed(name: str) -> str:
    """Write a name with one character for each accented letter: macOS stores two, which look the same."""
    return unicodedata.normalize('NFC', name)


def passed_over(folder: Path) -> list[str]:
    """List the files of a folder that aren't taken for images, by the endings of their names."""
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.is_file() and not _is_image(path) and not is_helper_file(path.name) and path.name.lower() != TABLE
    )


def _check_file(path: Path, folder: Path) -> None:
    try:
        limits.require_file(path, folder)
    except OSError as error:
        raise DataError(f'{path} cannot be read: {error.strerror or error}.') from error


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not is_helper_file(path.name)


def _tables(*folders: Path) -> list[Path]:
    """Find the tables of images in folders, also with a name in capitals."""
    named = [
        path
        for folder in dict.fromkeys(folder.resolve() for folder in folders)
        for path in sorted(folder.iterdir())
        if path.stem.lower() == Path(TABLE).stem and path.is_file()
    ]
    tables = [path for path in named if path.suffix.lower() == Path(TABLE).suffix]
    return tables or [path for path in named if path.suffix.lower() in _OTHER_SUFFIXES]


def _natural_key(path: Path) -> tuple[list[tuple[bool, int, str]], str]:
    """Sort as file managers do: numbers by value, letters without case, and accented letters at those without."""
    # The end of the name is no letter of it: x is before x-1, though x.png is after x-1.png.
    parts = re.findall(r'(\d+)|(\D+)', unicodedata.normalize('NFD', path.stem).casefold(), re.ASCII)
    return [(not digits, int(digits or 0), other) for digits, other in parts], composed(path.name)


def _ambiguous(folder: Path, alphabetic: list[Path], natural: list[Path]) -> DataError:
    pairs = [(i, a, b) for i, (a, b) in enumerate(zip(alphabetic, natural, strict=True)) if a != b]
    shown = ''.join(f'\n  position {i}: {b.name} (natural), {a.name} (alphabetic)' for i, a, b in pairs[:3])
    return DataError(
        f'the order of the images in {folder} is ambiguous: {len(pairs)} of {len(natural)} have another position when '
        f'they are sorted by number than by letter.{shown}\nSay which order the image axis has, --stimulus-order '
        f'natural or --stimulus-order alphabetic, or list the files in its order in {TABLE}, column file.'
    )


def _from_table(path: Path, folder: Path, paths: list[Path]) -> ImageAxis:
    table = read_table(path, ('file',), text=('file', 'condition'), gaps=('file',))
    by_name = {composed(image.stem): image for image in paths} | {composed(image.name): image for image in paths}
    blank = np.zeros(len(table), dtype=bool)
    if 'condition' in table:
        blank = (table['condition'].str.lower() == BLANK).to_numpy()
    names, files = [], []
    for (row, listed), is_blank in zip(table['file'].items(), blank, strict=True):
        where = f'{path}, row {int(str(row)) + 2}'
        file = by_name.get(composed(PureWindowsPath(listed).name))
        if file is None and not (is_blank and not listed):
            raise DataError(f'{where}: there is no image {listed!r} in {folder}.')
        name = composed(file.stem) if file is not None else f'{BLANK}_{row}'
        if name in names and not is_blank:
            raise DataError(
                f'{where}: {name} is listed twice; expected each image once, and its repetitions as trials.'
            )
        names.append(name)
        files.append(file)
    unlisted = [image.name for image in paths if image not in files]
    if unlisted:
        raise DataError(f'{path} lacks {unlisted[0]} ({len(unlisted)} images in all), which is in {folder}.')
    if blank.all():
        raise DataError(f'{path} lists only blanks; expected images.')
    _check_numbers(path, table)
    others = table.drop(columns='file').rename(columns={name: f'image_{name}' for name in _OWN})
    # not to_dict('records'), which gives no rows where there are no columns
    columns = {str(column): others[column].tolist() for column in others}
    records = [{column: _plain(values[row]) for column, values in columns.items()} for row in range(len(table))]
    return ImageAxis(tuple(names), tuple(files), blank, tuple(records))


def _check_numbers(path: Path, table: pd.DataFrame) -> None:
    """Check that no column numbers the images in another order than that of the rows."""
    for column in table.select_dtypes('integer'):
        numbers = table[column].tolist()
        in_order = list(range(min(numbers), min(numbers) + len(numbers)))
        if _NUMBERS.fullmatch(str(column).lower()) and numbers != in_order == sorted(numbers):
            raise DataError(
                f'{path}: its column {column} numbers the images in another order than that of its rows, which is the '
                'order of the image axis. Sort the rows, or give the column another name.'
            )


def _plain(value: Any) -> Any:
    """Value that JSON can hold: NaN is None."""
    return None if isinstance(value, float) and not np.isfinite(value) else value
