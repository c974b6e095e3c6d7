"""Every score that was computed here, in one SQLite file."""

import contextlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import peewee
from playhouse.sqlite_ext import JSONField

from m2m_benchmarks.errors import DataError, StorageError
from m2m_benchmarks.records.record import Result
from m2m_benchmarks.storage import home, writable

#: Seconds that a writer waits for another.
WAIT_S = 30.0

_database = peewee.DatabaseProxy()
#: Columns that version 0.1 did not have. It still reads and writes a file that has them.
_NEW = ('uid', 'identity', 'request')


class Row(peewee.Model):
    """One result: what is asked for as columns, everything as `document`."""

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
        """Where it is kept."""

        database = _database
        table_name = 'result'


def path() -> Path:
    """File of all results."""
    return home() / 'results.sqlite'


def add(results: Iterable[Result]) -> int:
    """Append results, all or none of them, and return how many were new. Several processes may do so at once.

    A result that is there already, in every field, is not stored again.

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
    with _opened(), _database.atomic('IMMEDIATE'):
        uids = {str(row['uid']) for row in rows}
        there = {row.uid for row in Row.select(Row.uid).where(Row.uid.is_null(False)) if row.uid in uids}
        new = list({row['uid']: row for row in rows if row['uid'] not in there}.values())
        for start in range(0, len(new), 50):  # SQLite takes a limited number of values at once
            Row.insert_many(new[start : start + 50]).execute()
    return len(new)


def results(model: str | None = None, benchmark: str | None = None) -> list[Result]:
    """Results so far, oldest first, of one model or benchmark where they are given.

    Raises
    ------
    StorageError
        When the file can't be read.
    DataError
        When a result in it is of a later format.
    """
    if not path().exists():
        return []
    with _opened():
        query = Row.select().order_by(Row.id)
        if model is not None:
            query = query.where(Row.model == model)
        if benchmark is not None:
            query = query.where(Row.benchmark == benchmark)
        return [_read(row) for row in query]


def answers(identity: str | None = None, request: str | None = None) -> list[Result]:
    """Results of one identity or of one request, the newest first."""
    if not path().exists():
        return []
    wanted = Row.request == request if identity is None else Row.identity == identity
    with _opened():
        return [_read(row) for row in Row.select().where(wanted).order_by(Row.id.desc())]


def delete(uids: Iterable[str]) -> int:
    """Delete results by their uid, and return how many there were."""
    n = 0
    with _opened(), _database.atomic('IMMEDIATE'):
        for uid in uids:
            n += Row.delete().where(Row.uid == uid).execute()
    return n


def _read(row: Row) -> Result:
    try:
        return Result.from_document(row.document)
    except DataError as error:
        raise DataError(f'{path()}, row {row.id}: {error}') from error


@contextlib.contextmanager
def _opened() -> Iterator[None]:
    """Connection to the results of the current home folder."""
    file = writable(home()) / path().name
    # A write-ahead log lets readers read while one writes; a writer waits for another.
    _database.initialize(peewee.SqliteDatabase(str(file), pragmas={'journal_mode': 'wal'}, timeout=WAIT_S))
    try:
        try:
            _database.connect()
            _make_table()
        except peewee.DatabaseError as error:
            raise StorageError(
                f'the results file {file} cannot be used: {error}. Wait where another program holds it; where it is '
                'damaged or no results file of M2M, move it away, and a new one is begun.'
            ) from error
        try:
            yield
        except (peewee.DatabaseError, json.JSONDecodeError) as error:
            raise StorageError(f'the results file {file} could not be read or written: {error}.') from error
    finally:
        _database.close()


def _make_table() -> None:
    """Make the table, or bring one of version 0.1 to this version's form: that version still reads and writes it."""
    if Row.table_exists() and not set(_NEW) <= _columns():
        with _database.atomic('IMMEDIATE'):
            for name in set(_NEW) - _columns():  # another process may have been here
                _database.execute_sql(f'ALTER TABLE result ADD COLUMN {name} TEXT')
    _database.create_tables([Row])
    if Row.select().where(Row.uid.is_null()).exists():
        with _database.atomic('IMMEDIATE'):
            for row in Row.select().where(Row.uid.is_null()):
                with contextlib.suppress(DataError):  # whoever reads it is told
                    Row.update(uid=_read(row).uid).where(Row.id == row.id).execute()


def _columns() -> set[str]:
    return {column.name for column in _database.get_columns('result')}
