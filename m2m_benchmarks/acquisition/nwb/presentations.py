"""Which image was presented when: the table and column of an NWB file that name the image files."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Any

import numpy as np
import pandas as pd

from m2m_benchmarks.acquisition.image_axis import BLANK, ImageAxis, composed
from m2m_benchmarks.acquisition.images import SUFFIXES
from m2m_benchmarks.acquisition.nwb.files import Presentations, Session
from m2m_benchmarks.errors import DataError

#: Positions of presentations that show none of the images.
BLANK_SCREEN, NO_IMAGE, UNKNOWN = -1, -2, -3
#: Names of presentations without an image, in lower case, and their number.
_BLANKS = (BLANK, 'gray', 'grey', 'omitted')
_BLANK_NUMBER = -1
#: Values of presentations of something else, in lower case.
_MISSING = ('', 'nan', 'none', 'null', 'n/a', 'na')
_WHOLE = re.compile(r'-?\d+(\.0+)?', re.ASCII)


class ImageNames:
    """Names by which a table may call the images of a folder.

    Parameters
    ----------
    axis : ImageAxis

    Attributes
    ----------
    names : list of str
        Names of the images that are not blank; positions refer to them.
    """

    def __init__(self, axis: ImageAxis) -> None:
        shown = axis.shown
        self.names = list(shown)
        self._by_name: dict[str, int] = {composed(path.name): i for i, path in enumerate(shown.values())}
        self._by_name |= {name: i for i, name in enumerate(shown)}
        blanks = {name for name, blank in zip(axis.names, axis.blank, strict=True) if blank}
        blanks |= {
            composed(path.name)
            for path, blank in zip(axis.paths, axis.blank, strict=True)
            if blank and path is not None
        }
        self._by_name |= dict.fromkeys(blanks, BLANK_SCREEN)
        numbers = [re.findall(r'\d+', name, re.ASCII)[-1:] for name in shown]
        self._by_number = {int(number[0]): i for i, number in enumerate(numbers) if number}
        if len(self._by_number) < len(shown):  # an image without a number, or two with the same
            self._by_number = {}

    def positions(self, values: np.ndarray, by: str) -> np.ndarray:
        """Positions of the images that the values of a column name.

        Parameters
        ----------
        values : array, shape (n,)
        by : {'name', 'number'}
            Whether the values are names of files, with or without extension or folder, or the last number in them.

        Returns
        -------
        array of int, shape (n,)
            Position of the image; or BLANK_SCREEN, NO_IMAGE for a missing value, or UNKNOWN.
        """
        position = self._named if by == 'name' else self._numbered
        codes, different = pd.factorize(values, use_na_sentinel=False)
        return np.array([position(value) for value in different.tolist()], dtype=int)[codes]

    def _named(self, value: Any) -> int:
        if not isinstance(value, str):
            return NO_IMAGE if value != value else UNKNOWN
        value = composed(value)
        file = PureWindowsPath(value)
        stem = file.stem if file.suffix.lower() in SUFFIXES else file.name
        for name in (value, file.name, stem):
            if name in self._by_name:
                return self._by_name[name]
        if value.lower() in _MISSING:
            return NO_IMAGE
        return BLANK_SCREEN if value.lower() in _BLANKS else UNKNOWN

    def _numbered(self, value: Any) -> int:
        if isinstance(value, bool):
            return UNKNOWN
        if isinstance(value, str):
            if value.lower() in _MISSING:
                return NO_IMAGE
            if not _WHOLE.fullmatch(value):
                return BLANK_SCREEN if value.lower() in _BLANKS else UNKNOWN
            value = int(value.partition('.')[0])
        if value != value:
            return NO_IMAGE
        if value == _BLANK_NUMBER:
            return BLANK_SCREEN
        return self._by_number.get(value, UNKNOWN)


@dataclass(frozen=True)
class Choice:
    """The column that names the presented images.

    Attributes
    ----------
    table, column : str
    by : {'name', 'number'}
    why : str
        Reason, which follows the names.
    """

    table: str
    column: str
    by: str
    why: str

    def presented(self, session: Session, images: ImageNames) -> tuple[np.ndarray, np.ndarray]:
        """Times of onset in seconds, and positions of the images, both of shape (n_presentations,)."""
        table = next(table for table in session.tables if table.name == self.table)
        return table.starts_s, images.positions(table.columns[self.column], self.by)


def choose(
    sessions: Sequence[Session], images: ImageNames, folder: str, table: str | None = None, column: str | None = None
) -> Choice:
    """Choose the column that names the images in all sessions.

    Parameters
    ----------
    sessions : sequence of Session
    images : ImageNames
    folder : str
        Folder of images, for messages.
    table, column : str, optional
        Names of the table and of the column, to choose among these only.

    Raises
    ------
    DataError
        When no column matches the images, or several with different presentations.
    """
    tables = [_by_name(session) for session in sessions]
    for session, own in zip(sessions, tables, strict=True):
        if table is not None and table not in own:
            raise DataError(f'{session.path} has no table {table!r} of presentations; it has {", ".join(own)}.')
        if column is not None and not any(
            column in each.columns for name, each in own.items() if table in (None, name)
        ):
            raise DataError(f'{session.path} has no column {column!r} of presentations.{_listed(own)}')
    candidates = [
        Choice(name, title, by, '')
        for name, own in tables[0].items()
        if table in (None, name)
        for title in own.columns
        if column in (None, title) and all(name in each and title in each[name].columns for each in tables)
        for by in ('name', 'number')
    ]
    matching = [choice for choice in candidates if _matches(choice, sessions, images)]
    complete = [choice for choice in matching if _n_images(choice, sessions, images) == len(images.names)]
    by_name = [choice for choice in matching if choice.by == 'name']
    preferred = [choice for choice in complete if choice.by == 'name'] or complete or by_name
    if not preferred and column is not None:
        preferred = matching
    if not preferred:
        raise _no_match(sessions, candidates, images, folder, tables[0])
    distinct = [choice for choice in preferred if not _same(choice, preferred[0], sessions, images)]
    if distinct:
        listed = ''.join(f'\n  --stimulus-table {each.table} --stimulus-column {each.column}' for each in preferred)
        raise DataError(f'several columns name the images in {folder}; say which one is meant:{listed}')
    first = preferred[0]
    names = 'names of the image files' if first.by == 'name' else 'numbers in the names of the image files'
    return Choice(first.table, first.column, first.by, f'its values are the {names}')


def _by_name(session: Session) -> dict[str, Presentations]:
    return {table.name: table for table in session.tables}


def _matches(choice: Choice, sessions: Sequence[Session], images: ImageNames) -> bool:
    """Whether a column has nothing but images and blanks, at least one image in each session."""
    for session in sessions:
        _, positions = choice.presented(session, images)
        if (positions == UNKNOWN).any() or not (positions >= 0).any():
            return False
    return True


def _n_images(choice: Choice, sessions: Sequence[Session], images: ImageNames) -> int:
    seen: set[int] = set()
    for session in sessions:
        seen.update(choice.presented(session, images)[1].tolist())
    return len([position for position in seen if position >= 0])


def _same(choice: Choice, other: Choice, sessions: Sequence[Session], images: ImageNames) -> bool:
    """Whether two columns say that the same images were shown at the same times."""
    return all(
        np.array_equal(a, b, equal_nan=True)
        for session in sessions
        for a, b in zip(choice.presented(session, images), other.presented(session, images), strict=True)
    )


def _no_match(
    sessions: Sequence[Session],
    candidates: Sequence[Choice],
    images: ImageNames,
    folder: str,
    tables: Mapping[str, Presentations],
) -> DataError:
    problem = f'no column of the presentations in {sessions[0].path} matches the images in {folder}'
    if len(sessions) > 1:
        problem += f', in all {len(sessions)} files'
    if len(candidates) == 2:  # one column, by name and by number
        for session in sessions:
            table = next(table for table in session.tables if table.name == candidates[0].table)
            values = table.columns[candidates[0].column]
            unknown = [each for each in candidates if (images.positions(values, each.by) == UNKNOWN).any()]
            if len(unknown) == 2:
                by_name = images.positions(values, 'name') == UNKNOWN
                by_number = images.positions(values, 'number') == UNKNOWN
                wrong = by_name if by_name.sum() <= by_number.sum() else by_number
                problem = (
                    f'{session.path}: {candidates[0].table}, column {candidates[0].column}, has '
                    f'{values[wrong][0]!r} ({len(set(values[wrong].tolist()))} such values), which matches no image in '
                    f'{folder}'
                )
                break
    return DataError(f'{problem}. The first image is {images.names[0]!r}.{_listed(tables)}')


def _listed(tables: Mapping[str, Presentations]) -> str:
    """List tables and columns, with the first value of each."""
    lines = [
        f'\n  {name}: ' + ', '.join(f'{column} ({values[0]!r}, …)' for column, values in table.columns.items())
        for name, table in tables.items()
    ]
    return (
        f' The presentations have these columns:{"".join(lines)}\nExpected are names of image files, or their numbers: '
        'choose the column with --stimulus-table and --stimulus-column, or rename the images.'
    )
