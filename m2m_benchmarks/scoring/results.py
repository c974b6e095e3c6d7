"""Every score that was computed here, in one SQLite file."""

import json
from typing import Any

import peewee
from playhouse.sqlite_ext import JSONField

from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.storage import home, writable

_database = peewee.DatabaseProxy()


class Result(peewee.Model):
    """One score: what is often asked for as columns, everything as `document`."""

    model = peewee.TextField(index=True)
    benchmark = peewee.TextField(index=True)
    score = peewee.FloatField()
    created = peewee.TextField()
    document = JSONField()

    class Meta:
        """Where it is kept."""

        database = _database
        table_name = 'result'


def record(documents: list[dict[str, Any]]) -> None:
    """Append results, all or none of them. Several processes may do so at once.

    Raises
    ------
    StorageError
        When the file can't be written.
    """
    rows = [{key: document[key] for key in ('model', 'benchmark', 'score', 'created')} for document in documents]
    for row, document in zip(rows, documents, strict=True):
        row['document'] = json.loads(json.dumps(document))
    with _opened(), _database.atomic():
        Result.insert_many(rows).execute()


def recorded(model: str | None = None, benchmark: str | None = None) -> list[dict[str, Any]]:
    """Results so far, oldest first, of one model or benchmark where they are given."""
    with _opened():
        query = Result.select().order_by(Result._meta.primary_key)
        if model is not None:
            query = query.where(Result.model == model)
        if benchmark is not None:
            query = query.where(Result.benchmark == benchmark)
        return [row.document for row in query]


class _opened:  # noqa: N801 - used as a context manager function
    """Connection to the results of the current home folder."""

    def __enter__(self) -> None:
        path = writable(home()) / 'results.sqlite'
        # A write-ahead log lets readers read while one writes; a writer waits for another up to 30 s.
        _database.initialize(peewee.SqliteDatabase(str(path), pragmas={'journal_mode': 'wal'}, timeout=30))
        try:
            _database.connect()
            _database.create_tables([Result])
        except peewee.DatabaseError as error:
            _database.close()
            raise StorageError(f'the results file {path} cannot be used: {error}.') from error

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        _database.close()
        if isinstance(error, peewee.DatabaseError):
            raise StorageError(f'the result could not be stored: {error}.') from error
