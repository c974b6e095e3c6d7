"""Stores every result of this machine in one SQLite file."""

import contextlib
import json
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import peewee
from playhouse.sqlite_ext import JSONField

from m2m_benchmarks.errors import DataError, StorageError
from m2m_benchmarks.messages import say
from m2m_benchmarks.records.record import Result
from m2m_benchmarks.records.sqlite_errors import explain
from m2m_benchmarks.storage import ensure_writable, home

#: Longest time that a writer waits for another, in seconds.
WAIT_S = 30.0

_database = peewee.DatabaseProxy()
#: Threads of a process use the database one after another.
_in_use = threading.RLock()
#: Columns that version 0.1 lacks; it can still read and write a file with them.
_NEW = ('uid', 'identity', 'request')


class Row(peewee.Model):
    """One result: the fields of queries as columns, the whole result as `document`."""

    id = peewee.AutoField()
    model = peewee.TextField(index=True)
    benchmark = peewee.TextField(index=True)
    score = peewee.FloatField()
    created = peewee.TextField()
    document = JSONField()
    uid = peewee.TextField(null=True, index=True)
    identity = peewee.TextField(null=True, index=True)
    request = peewee.TextField(null=True, index=True)

    class Meta:
        """Database and table."""

        database = _database
        table_name = 'result'


def path() -> Path:
    """Path of the file of all results."""
    return home() / 'results.sqlite'


def add(results: Iterable[Result]) -> int:
    """Append results, all or none of them, and return the number of new ones.

    Results that are already stored are skipped. Several processes may add results at once.

    Raises
    ------
    StorageError
        When the file can't be written.
    """
    rows = [
        {
            'model': result.model,
            'benchmark': result.benchmark,
            'score': result.score,
            'created': result.created,
            'document': json.loads(json.dumps(result.document(), allow_nan=False)),
            'uid': result.uid,
            'identity': result.identity,
            'request': result.request,
        }
        for result in results
    ]
    with _connection(), _database.atomic('IMMEDIATE'):
        uids = {str(row['uid']) for row in rows}
        stored = {row.uid for row in Row.select(Row.uid).where(Row.uid.is_null(False)) if row.uid in uids}
        new = list({row['uid']: row for row in rows if row['uid'] not in stored}.values())
        for start in range(0, len(new), 50):  # SQLite limits the number of values in a statement
            Row.insert_many(new[start : start + 50]).execute()
    return len(new)


def results(model: str | None = None, benchmark: str | None = None) -> list[Result]:
    """Read the stored results in the order in which they were stored, optionally those of one model or benchmark.

    A result that can't be read, such as one of a later format, is left out with a note on stderr.

    Raises
    ------
    StorageError
        When the file can't be read.
    """
    if not path().exists():
        return []
    readable = []
    with _connection():
        query = Row.select().order_by(Row.id)
        if model is not None:
            query = query.where(Row.model == model)
        if benchmark is not None:
            query = query.where(Row.benchmark == benchmark)
        for row in query:
            try:
                readable.append(_read(row))
            except DataError as error:
                say(f'note: a result is left out: {error}')
    return readable


def answers(identity: str | None = None, request: str | None = None) -> list[Result]:
    """Read the results of an identity or of a request, newest first."""
    if not path().exists():
        return []
    condition = Row.request == request if identity is None else Row.identity == identity
    with _connection():
        return [_read(row) for row in Row.select().where(condition).order_by(Row.id.desc())]


def set_request(result: Result, request: str, files: dict[str, str]) -> None:
    """Add a request to a stored result, or to an equal one of the same identity, so that it answers the request."""
    equal = (Row.identity == result.identity) & (Row.score == result.score)
    with _connection(), _database.atomic('IMMEDIATE'):
        for row in Row.select().where(equal if result.identity is not None else Row.uid == result.uid):
            document = {**row.document, 'request': request, 'files': files}
            Row.update(request=request, document=document).where(Row.id == row.id).execute()


def delete(uids: Iterable[str]) -> int:
    """Delete results by their uids, and return the number of deleted ones."""
    n_deleted = 0
    with _connection(), _database.atomic('IMMEDIATE'):
        for uid in uids:
            n_deleted += Row.delete().where(Row.uid == uid).execute()
    return n_deleted


def _read(row: Row) -> Result:
    try:
        return Result.from_document(row.document)
    except DataError as error:
        raise DataError(f'{path()}, row {row.id}: {error}') from error


@contextlib.contextmanager
def _connection() -> Iterator[None]:
    """Connect to the results of the current home folder."""
    with _in_use, _connect():
        yield


@contextlib.contextmanager
def _connect() -> Iterator[None]:
    file = ensure_writable(home()) / path().name
    # A write-ahead log lets others read while one process writes; writers wait for one another.
    _database.initialize(peewee.SqliteDatabase(str(file), pragmas={'journal_mode': 'wal'}, timeout=WAIT_S))
    try:
        try:
            _database.connect()
            _make_table()
        except peewee.DatabaseError as error:
            raise StorageError(f'the results file {file} cannot be used: {explain(error, file)}') from error
        try:
            yield
        except peewee.DatabaseError as error:
            raise StorageError(
                f'the results file {file} could not be read or written: {explain(error, file)}'
            ) from error
    finally:
        _database.close()


def _make_table() -> None:
    """Create the table, or add this version's columns to one of version 0.1, which can still use it."""
    if Row.table_exists() and not set(_NEW) <= _columns():
        with _database.atomic('IMMEDIATE'):
            for name in set(_NEW) - _columns():  # another process may have added some
                _database.execute_sql(f'ALTER TABLE result ADD COLUMN {name} TEXT')
    _database.create_tables([Row])
    if Row.select().where(Row.uid.is_null()).exists():
        with _database.atomic('IMMEDIATE'):
            for row in Row.select().where(Row.uid.is_null()):
                with contextlib.suppress(DataError):  # reported when it is read
                    Row.update(uid=_read(row).uid).where(Row.id == row.id).execute()


def _columns() -> set[str]:
    return {column.name for column in _database.get_columns('result')}
