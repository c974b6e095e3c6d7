"""Tables of sessions as servers give them, read and checked: JSON of the bucket and of the warehouse, and CSV."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from m2m_benchmarks.errors import DataError
from m2m_benchmarks.net.download import download
from m2m_benchmarks.net.failures import ServerUnreachable
from m2m_benchmarks.net.retry import RetryPolicy
from m2m_benchmarks.progress import Progress

#: Rows of the warehouse that are asked for at once, as by AllenSDK.
_PAGE = 5000

T = TypeVar('T')


class Tables:
    """Tables, each downloaded into a folder once.

    Parameters
    ----------
    folder : Path
    retry : RetryPolicy
    progress : callable, optional
        The progress of `download`.
    anew : bool
        Whether tables that were here before are removed and downloaded again.

    Attributes
    ----------
    files : list of Path
        Those that were read.
    kept : bool
        One of them was there before.
    """

    def __init__(self, folder: Path, retry: RetryPolicy, progress: Progress | None = None, anew: bool = False) -> None:
        self.files: list[Path] = []
        self.kept = False
        self._folder = folder
        self._retry = retry
        self._progress = progress
        self._anew = anew

    def records(self, url: str, name: str) -> list[dict[str, Any]]:
        """Records of a JSON file that is a list of them, or of an answer of the warehouse to one query.

        Raises
        ------
        DataError
            When it is something else, or empty.
        """
        records, _ = _records(self._content(url, name, unmeasured=True), url)
        if not records:
            raise DataError(f'{url} lists nothing.')
        return records

    def pages(self, query: str, name: str) -> list[dict[str, Any]]:
        """Records that the warehouse gives page by page.

        Parameters
        ----------
        query : str
            Address and query, without options of paging.
        name : str
            Of the files, without the number and ending.
        """
        rows: list[dict[str, Any]] = []
        while True:
            url = f"{query},rma::options[start_row$eq{len(rows)}][num_rows$eq{_PAGE}][order$eq'id']"
            page, total = _records(self._content(url, f'{name}-{len(rows)}.json', unmeasured=True), url)
            if not page or total is None:
                raise DataError(f'{url} lists nothing, or does not say how many rows there are.')
            rows += page
            # The server may give fewer at once than were asked for.
            if len(rows) >= total:
                return rows

    def csv(self, url: str, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
        """Columns of a CSV file, as text; other columns are left out, and what isn't there is NaN."""
        content = self._content(url, name)
        try:
            table = pd.read_csv(io.BytesIO(content), dtype=str, usecols=lambda column: column in columns)
        except ValueError as error:
            raise DataError(
                f'{url} gave {_glimpse(content)} in place of CSV: {" ".join(str(error).split())}.'
            ) from error
        lacking = [column for column in columns if column not in table]
        if lacking:
            raise DataError(f'{url} gave {_glimpse(content)}: it lacks the columns {", ".join(lacking)}.')
        return table

    def discard(self) -> None:
        """Remove the tables that were read, or every later call would find them again."""
        for file in self.files:
            file.unlink(missing_ok=True)

    def _content(self, url: str, name: str, unmeasured: bool = False) -> bytes:
        # JSON that came short can't be parsed; CSV can.
        path = self._folder / name
        if self._anew:
            path.unlink(missing_ok=True)
        self.files.append(path)
        self.kept |= path.exists()
        return download([url], path, progress=self._progress, unmeasured=unmeasured, retry=self._retry).read_bytes()


def first_of(what: str, new_tables: Callable[[bool], Tables], *ways: Callable[[Tables], T]) -> T:
    """What the first of several ways to read a catalogue gives that works.

    Parameters
    ----------
    what : str
        What the catalogue lists, for the message.
    new_tables : callable
        Makes the tables that a way reads; called with whether they are downloaded anew.
    ways : callable
        Each reads the catalogue from some tables, or raises a DataError.

    Raises
    ------
    DataError
        When none works: why not.
    """
    failures = []
    for way in ways:
        try:
            return _read(way, new_tables)
        except DataError as error:
            failures.append(str(error))
    raise DataError(f'there is no catalogue of {what} that can be read. {" ".join(failures)}')


def _read(way: Callable[[Tables], T], new_tables: Callable[[bool], Tables]) -> T:
    """What a way gives; once more with tables that are downloaded anew if those that were here before don't do."""
    tables = new_tables(False)
    try:
        return way(tables)
    except ServerUnreachable:
        raise  # the next call goes on with the tables that are here
    except DataError:
        tables.discard()
        if not tables.kept:
            raise
    tables = new_tables(True)
    try:
        return way(tables)
    except DataError:
        tables.discard()
        raise


def field(record: Any, kind: type | tuple[type, ...], *names: str) -> Any:
    """A value of a record, or of the records in it, that has to be there.

    Raises
    ------
    DataError
        When it isn't, or of another type.
    """
    value: Any = record
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        number = record.get('id') if isinstance(record, dict) else record
        raise DataError(f'the record {str(number)[:50]} of the catalogue has no {".".join(names)}, or a wrong one.')
    return value


def integers(table: pd.DataFrame, column: str, what: str) -> pd.Series:
    """A column of ids.

    Raises
    ------
    DataError
        When one is missing or no whole number.
    """
    ids = pd.to_numeric(table[column].astype(str), errors='coerce')
    if ids.isna().any() or (ids % 1 != 0).any():
        raise DataError(f'the table of {what} lacks a {column}, or has one that is no whole number.')
    return ids.astype('int64')


def _records(content: bytes, url: str) -> tuple[list[dict[str, Any]], int | None]:
    """Records, and how many there are with those of other pages."""
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f'{url} gave {_glimpse(content)} in place of JSON.') from error
    total, records = None, answer
    if isinstance(answer, dict):
        if not answer.get('success', True):
            raise DataError(f'{url} answered: {str(answer.get("msg"))[:200]}.')
        total, records = answer.get('total_rows'), answer.get('msg')
    if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
        raise DataError(f'{url} gave JSON that is no list of records.')
    return records, total if isinstance(total, int) else None


def _glimpse(content: bytes) -> str:
    begin = content.lstrip()[:1]
    if not begin:
        return 'an empty file'
    if begin == b'<':
        return 'a web page'
    return f'something that is cut short or damaged ({len(content):,} bytes)'
