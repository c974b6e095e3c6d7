"""Downloads and checks the tables of sessions: JSON of the bucket and the warehouse, and CSV."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from m2m_benchmarks.errors import DataError
from m2m_benchmarks.net.download import download
from m2m_benchmarks.net.failures import ServerUnreachable, without_password
from m2m_benchmarks.net.retry import RetryPolicy
from m2m_benchmarks.progress import Progress

#: Rows per request to the warehouse, as in AllenSDK.
_PAGE = 5000

T = TypeVar('T')


class Tables:
    """Tables that are downloaded into a folder once.

    Parameters
    ----------
    folder : Path
    retry : RetryPolicy
    progress : callable, optional
        See `download`.
    anew : bool
        Whether existing tables are downloaded again.

    Attributes
    ----------
    files : list of Path
        Tables that were read.
    reused : bool
        Whether any of the tables existed before.
    """

    def __init__(self, folder: Path, retry: RetryPolicy, progress: Progress | None = None, anew: bool = False) -> None:
        self.files: list[Path] = []
        self.reused = False
        self._folder = folder
        self._retry = retry
        self._progress = progress
        self._anew = anew

    def records(self, url: str, name: str, query: bool = False) -> list[dict[str, Any]]:
        """Read the records of a JSON list, or of the answer of the warehouse to one query.

        Parameters
        ----------
        url, name : str
            Address, and name of the file.
        query : bool
            Whether the server has to compute the answer, which takes longer than sending a file.

        Raises
        ------
        DataError
            When the content is of another form, or empty.
        """
        records, _ = _records(self._content(url, name, unmeasured=True, query=query), url)
        if not records:
            raise DataError(f'{without_password(url)} lists nothing.')
        return records

    def pages(self, query: str, name: str) -> list[dict[str, Any]]:
        """Read the records of a query that the warehouse answers page by page.

        Parameters
        ----------
        query : str
            Address and query, without options of paging.
        name : str
            Name of the files, without number and extension.
        """
        rows: list[dict[str, Any]] = []
        while True:
            url = f"{query},rma::options[start_row$eq{len(rows)}][num_rows$eq{_PAGE}][order$eq'id']"
            page, total = _records(self._content(url, f'{name}-{len(rows)}.json', unmeasured=True, query=True), url)
            if not page or total is None:
                raise DataError(f'{without_password(url)} lists nothing, or does not say how many rows there are.')
            rows += page
            # A page may have fewer rows than requested.
            if len(rows) >= total:
                return rows

    def csv(self, url: str, name: str, columns: tuple[str, ...], optional: tuple[str, ...] = ()) -> pd.DataFrame:
        """Read some columns of a CSV file as text; empty cells, and columns of `optional` that it lacks, are NaN."""
        content = self._content(url, name)
        try:
            table = pd.read_csv(io.BytesIO(content), dtype=str, usecols=lambda column: column in (*columns, *optional))
        except ValueError as error:
            raise DataError(
                f'{without_password(url)} sent {_describe(content)} in place of CSV: {" ".join(str(error).split())}.'
            ) from error
        missing = [column for column in columns if column not in table]
        if missing:
            raise DataError(
                f'{without_password(url)} sent {_describe(content)}: it lacks the columns {", ".join(missing)}.'
            )
        return table.reindex(columns=[*columns, *optional])

    def discard(self) -> None:
        """Remove the tables that were read, so that the next call downloads them again."""
        for file in self.files:
            file.unlink(missing_ok=True)

    def _content(self, url: str, name: str, unmeasured: bool = False, query: bool = False) -> bytes:
        # Incomplete JSON is recognised by parsing it; incomplete CSV isn't.
        path = self._folder / name
        if self._anew:
            path.unlink(missing_ok=True)
        self.files.append(path)
        self.reused |= path.exists()
        retry = self._retry.for_queries() if query else self._retry
        return download([url], path, progress=self._progress, unmeasured=unmeasured, retry=retry).read_bytes()


def read_catalogue(content: str, new_tables: Callable[[bool], Tables], *readers: Callable[[Tables], T]) -> T:
    """Read a catalogue with the first of several readers that succeeds.

    Parameters
    ----------
    content : str
        Content of the catalogue, for the message.
    new_tables : callable
        Function that makes the tables of a reader; called with whether they are downloaded anew.
    readers : callable
        Functions that read the catalogue from tables, or raise a DataError.

    Raises
    ------
    DataError
        When all readers fail, with the reason of each.
    """
    failures = []
    for reader in readers:
        try:
            return _read(reader, new_tables)
        except DataError as error:
            failures.append(str(error))
    raise DataError(f'no catalogue of {content} can be read. {" ".join(failures)}')


def _read(reader: Callable[[Tables], T], new_tables: Callable[[bool], Tables]) -> T:
    """Call a reader; if it fails with existing tables, call it again with newly downloaded ones."""
    tables = new_tables(False)
    try:
        return reader(tables)
    except ServerUnreachable:
        raise  # the next call can use the tables downloaded so far
    except DataError:
        tables.discard()
        if not tables.reused:
            raise
    tables = new_tables(True)
    try:
        return reader(tables)
    except DataError:
        tables.discard()
        raise


def field(record: Any, kind: type | tuple[type, ...], *names: str) -> Any:
    """Return a required value of a record, or of a record nested in it.

    Raises
    ------
    DataError
        When it is missing or of another type.
    """
    value: Any = record
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        number = record.get('id') if isinstance(record, dict) else record
        raise DataError(f'the record {str(number)[:50]} of the catalogue has no {".".join(names)}, or a wrong one.')
    return value


def with_ids(table: pd.DataFrame, columns: Sequence[str], table_name: str) -> pd.DataFrame:
    """Convert columns of ids to integers, and leave out the rows that lack one.

    Raises
    ------
    DataError
        When no row is left.
    """
    ids = table[list(columns)].astype(str).apply(pd.to_numeric, errors='coerce')
    whole = (ids.notna() & (ids % 1 == 0)).all(axis=1)
    if not whole.any():
        raise DataError(f'the table of {table_name} has no row with a whole number as {" and ".join(columns)}.')
    complete: pd.DataFrame = table[whole].assign(
        **{column: ids.loc[whole, column].astype('int64') for column in columns}
    )
    return complete


def _records(content: bytes, url: str) -> tuple[list[dict[str, Any]], int | None]:
    """Parse records, and their number on all pages."""
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f'{without_password(url)} sent {_describe(content)} in place of JSON.') from error
    total, records = None, answer
    if isinstance(answer, dict):
        if not answer.get('success', True):
            raise DataError(f'{without_password(url)} answered: {str(answer.get("msg"))[:200]}.')
        total, records = answer.get('total_rows'), answer.get('msg')
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise DataError(f'{without_password(url)} sent JSON that is not a list of records.')
    return records, total if isinstance(total, int) else None


def _describe(content: bytes) -> str:
    begin = content.lstrip()[:1]
    if not begin:
        return 'an empty file'
    if begin == b'<':
        return 'a web page'
    return f'a cut short or damaged file ({len(content):,} bytes)'
