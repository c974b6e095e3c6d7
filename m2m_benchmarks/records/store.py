"""Stores every result of this machine in one SQLite file.

Each row has the SHA-256 of its other columns, its seal. A row that differs from its seal is damaged: it answers no
score, and is kept until the user deletes it. Rows of earlier versions have no seal; a newer one that has lost it is
damaged, too.
"""

import contextlib
import functools
import hashlib
import json
import math
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import peewee

from m2m_benchmarks.errors import DataError, StorageError
from m2m_benchmarks.messages import say
from m2m_benchmarks.records.record import FORMAT, Result
from m2m_benchmarks.records.sqlite_errors import explain
from m2m_benchmarks.storage import ensure_writable, home

if TYPE_CHECKING:
    import numpy as np

#: Longest time that a writer waits for another, in seconds.
WAIT_S = 30.0

#: Errors of the database; peewee passes those of a row that can't be read on as they are.
_ERRORS = (peewee.DatabaseError, sqlite3.Error)
_database = peewee.DatabaseProxy()
#: Threads of a process use the database one after another.
_in_use = threading.RLock()
#: Columns that version 0.1 lacks; it can still read and write a file with them.
_NEW = ('uid', 'identity', 'request', 'seal', 'imported')
#: First format of results that were never stored without a seal.
_ALWAYS_SEALED = 3
#: Columns under the seal.
_SEALED = ('model', 'benchmark', 'score', 'created', 'document', 'uid', 'identity', 'request')


class Row(peewee.Model):
    """One result: the fields of queries as columns, the whole result as JSON in `document`."""

    id = peewee.AutoField()
    model = peewee.TextField(index=True)
    benchmark = peewee.TextField(index=True)
    score = peewee.FloatField()
    created = peewee.TextField()
    document = peewee.TextField()
    uid = peewee.TextField(null=True, index=True)
    identity = peewee.TextField(null=True, index=True)
    request = peewee.TextField(null=True, index=True)
    seal = peewee.TextField(null=True)
    imported = peewee.TextField(null=True)

    class Meta:
        """Database and table."""

        database = _database
        table_name = 'result'


class Draws(peewee.Model):
    """Bootstrap draws of a result, which its JSON doesn't have, and their SHA-256."""

    uid = peewee.TextField(primary_key=True)
    content = peewee.BlobField()
    sha256 = peewee.TextField()

    class Meta:
        """Database and table."""

        database = _database
        table_name = 'draws'


def path() -> Path:
    """Path of the file of all results."""
    return home() / 'results.sqlite'


def add(
    results: Iterable[Result],
    draws: 'Mapping[str, Mapping[str, np.ndarray]] | None' = None,
    *,
    imported: bool = False,
) -> int:
    """Append results, all or none of them, and return the number of new ones.

    Results that are already stored are skipped. Several processes may add results at once.

    Parameters
    ----------
    results : iterable of Result
    draws : mapping, optional
        Bootstrap draws of results by their uids: arrays by name.
    imported : bool
        Whether the results were computed elsewhere. They are listed, but answer no score of this machine.

    Raises
    ------
    StorageError
        When the file can't be written.
    """
    rows = [
        _sealed(
            {
                'model': result.model,
                'benchmark': result.benchmark,
                'score': _stored_score(result),
                'created': result.created,
                'document': json.dumps(result.document(), allow_nan=False),
                'uid': result.uid,
                'identity': None if imported else result.identity,
                'request': None if imported else result.request,
            }
        )
        for result in results
    ]
    n_added = 0
    with _connection(), _database.atomic('IMMEDIATE'):
        for start in range(0, len(rows), 50):  # SQLite limits the number of values in a statement
            some = {row['uid']: row for row in rows[start : start + 50]}
            # A damaged row doesn't stand for its result.
            stored = {row['uid'] for row in _select(Row.uid.in_(list(some))) if not _is_damaged(row)}
            new = [{**row, 'imported': 'yes' if imported else None} for uid, row in some.items() if uid not in stored]
            if new:
                Row.insert_many(new).execute()
            for uid in {row['uid'] for row in new} & (draws or {}).keys():
                from m2m_benchmarks.records.draws import encode  # NumPy, which listings don't need

                content = encode((draws or {})[uid])
                sha256 = hashlib.sha256(content).hexdigest()
                Draws.replace(uid=uid, content=content, sha256=sha256).execute()
            n_added += len(new)
    return n_added


def _stored_score(result: Result) -> float:
    """Score as the column has it: below all others for a result without one; SQLite has no -0.0."""
    return -math.inf if result.score is None else float(result.score) + 0.0


def results(model: str | None = None, benchmark: str | None = None) -> list[Result]:
    """Read the stored results in the order in which they were stored, optionally those of one model or benchmark.

    A result that is damaged or can't be read, such as one of a later format, is left out with a note on stderr.

    Raises
    ------
    StorageError
        When the file can't be read.
    """
    if not path().exists():
        return []
    condition: Any = peewee.SQL('1')
    if model is not None:
        condition &= Row.model == model
    if benchmark is not None:
        condition &= Row.benchmark == benchmark
    with _connection():
        for problem in _structural_problems():
            _note(problem)
        return _readable(_select(condition))


def draws(uid: str) -> 'dict[str, np.ndarray]':
    """Read the bootstrap draws of a result; empty where it has none, such as one from another machine.

    Returns
    -------
    dict
        'score': array of shape (3, n_draws), the score before negative ones are cut off on draws of both factors, of
        animals and of stimuli; for digits, shape (n_draws,).

    Raises
    ------
    DataError
        When they are damaged.
    StorageError
        When the file can't be read.
    """
    if not path().exists():
        return {}
    with _connection():
        row = Draws.get_or_none(Draws.uid == uid)
    if row is None:
        return {}
    content = bytes(row.content)
    if hashlib.sha256(content).hexdigest() != row.sha256:
        raise DataError(f'{path()}: the draws of the result {uid} are damaged; score it again with --fresh.')
    from m2m_benchmarks.records.draws import decode

    return decode(content)


def score_draws(uids: Collection[str]) -> 'dict[str, np.ndarray]':
    """Read the draws of the scores of results; of those without any, or with damaged ones, there are none.

    Returns
    -------
    dict
        Arrays of shape (3, n_draws) or (n_draws,) by uid; see `draws`.

    Raises
    ------
    StorageError
        When the file can't be read.
    """
    if not uids or not path().exists():
        return {}
    from m2m_benchmarks.records.draws import decode

    wanted = list(uids)
    known, damaged = {}, []
    with _connection():
        for start in range(0, len(wanted), 500):  # SQLite limits the number of values in a statement
            query = Draws.select(Draws.uid, Draws.content, Draws.sha256).where(
                Draws.uid.in_(wanted[start : start + 500])
            )
            for uid, content, sha256 in _database.execute(query):
                if hashlib.sha256(content).hexdigest() != sha256:
                    damaged.append(uid)
                    continue
                values = decode(content).get('score')
                if values is not None:
                    known[uid] = values
    if damaged:
        which = f'the draws of the result {damaged[0]} are' if len(damaged) == 1 else f'{len(damaged)} draws are'
        _note(f'{path()}: {which} damaged, and not used; score again with --fresh, such as the result {damaged[0]}.')
    return known


def imported() -> set[str]:
    """List the uids of results that were computed elsewhere."""
    if not path().exists():
        return set()
    with _connection():
        query = Row.select(Row.uid).where(Row.imported.is_null(False))
        return {uid for (uid,) in _database.execute(query)}


def answers(identity: str | None = None, request: str | None = None) -> list[Result]:
    """Read the results of an identity or of a request, newest first; damaged ones are left out with a note."""
    if not path().exists():
        return []
    column, value = ('request', request) if identity is None else ('identity', identity)
    with _connection():
        # A damaged index may lead to other rows.
        rows = [row for row in _select(getattr(Row, column) == value) if row[column] == value]
        return _readable(reversed(rows))


def computed(expected: Result) -> Result | None:
    """Find the newest result, of any machine, with the portable identity of an expected one; None where there is none.

    Imported results don't count: they answer no score.
    """
    if not path().exists() or expected.portable_identity is None:
        return None
    same_names = (Row.model == expected.model) & (Row.benchmark == expected.benchmark) & Row.identity.is_null(False)
    with _connection():
        results = _readable(reversed(_select(same_names)))
    return next((result for result in results if result.portable_identity == expected.portable_identity), None)


def uids() -> set[str]:
    """List the uids of all results that are not damaged."""
    if not path().exists():
        return set()
    with _connection():
        return {row['uid'] for row in _select(peewee.SQL('1')) if not _is_damaged(row)}


def unsealed() -> set[str]:
    """List the uids of results that an earlier version stored, without a seal."""
    if not path().exists():
        return set()
    with _connection():
        return {row['uid'] for row in _select(Row.seal.is_null())}


def verify() -> list[str]:
    """Check the structure of the file and the seal of each row; return a sentence for each problem.

    Raises
    ------
    StorageError
        When the file can't be read.
    """
    if not path().exists():
        return []
    with _connection():
        problems = _structural_problems()
        return [*problems, *(_damage([row]) for row in _select(peewee.SQL('1')) if _is_damaged(row))]


def n_rows() -> int:
    """Count the stored results, with those that are damaged or can't be read."""
    if not path().exists():
        return 0
    with _connection():
        return int(Row.select().count())


def set_request(result: Result, request: str, files: dict[str, str]) -> None:
    """Add a request to a stored result, or to an equal one of the same identity, so that it answers the request."""
    equal = (Row.identity == result.identity) & (Row.score == _stored_score(result))
    with _connection(), _database.atomic('IMMEDIATE'):
        for row in _select(equal if result.identity is not None else Row.uid == result.uid):
            with contextlib.suppress(DataError):  # a damaged row answers nothing
                _read(row)
                document = {**json.loads(row['document']), 'request': request, 'files': files}
                changed = {**row, 'request': request, 'document': json.dumps(document, allow_nan=False)}
                # A row without a seal may have been damaged before; a seal would hide that.
                changed = changed if row['seal'] is None else _sealed(changed)
                Row.update(changed).where(Row.id == row['id']).execute()


def delete(uids: Iterable[str]) -> int:
    """Delete results by their uids, and return the number of deleted ones."""
    n_deleted = 0
    with _connection(), _database.atomic('IMMEDIATE'):
        for uid in uids:
            n_deleted += Row.delete().where(Row.uid == uid).execute()
            Draws.delete().where(Draws.uid == uid).execute()
    return n_deleted


def delete_damaged() -> int:
    """Delete the rows that differ from their seal, and return the number of deleted ones."""
    with _connection(), _database.atomic('IMMEDIATE'):
        ids = [row['id'] for row in _select(peewee.SQL('1')) if _is_damaged(row)]
        return sum(Row.delete().where(Row.id == number).execute() for number in ids)


def _select(condition: Any) -> list[dict[str, Any]]:
    """Read the columns of rows as they are in the file, oldest first; peewee would convert damaged values."""
    names = ('id', *_SEALED, 'seal')
    query = Row.select(*(getattr(Row, name) for name in names)).where(condition).order_by(Row.id)
    return [dict(zip(names, values, strict=True)) for values in _database.execute(query)]


def _sealed(row: Mapping[str, Any]) -> dict[str, Any]:
    """Add its seal to a row, or replace it."""
    content = json.dumps([row[name] for name in _SEALED], default=repr)
    return {**row, 'seal': hashlib.sha256(content.encode()).hexdigest()}


def _is_damaged(row: Mapping[str, Any]) -> bool:
    return _has_lost_its_seal(row['document']) if row['seal'] is None else row != _sealed(row)


def _has_lost_its_seal(document: Any) -> bool:
    with contextlib.suppress(ValueError, TypeError, LookupError, RecursionError):
        return bool(_ALWAYS_SEALED <= json.loads(document)['format'] <= FORMAT)
    return False


def _damage(rows: Sequence[Mapping[str, Any]]) -> str:
    which = f'row {rows[0]["id"]} is' if len(rows) == 1 else f'{len(rows)} rows are'
    return (
        f'{path()}, {which} damaged: the content differs from the SHA-256 it was stored with, or lacks it. It is kept, '
        'and not used. `m2m results delete --damaged` removes it.'
    )


def _structural_problems() -> list[str]:
    """Describe damage to the structure of the file, which may hide rows."""
    first = _database.execute_sql('PRAGMA integrity_check(1)').fetchone()[0]
    if first == 'ok':
        return []
    return [
        f'the results file {path()} is damaged ({" ".join(str(first).split())}): results may be missing. Keep a copy, '
        'write those that can be read with `m2m results export FILE.json`, move the file away, and import FILE.json.'
    ]


@functools.cache
def _note(problem: str) -> None:
    """Print a note once: a score reads the results several times."""
    say(f'note: {problem}')


def _readable(rows: Iterable[Mapping[str, Any]]) -> list[Result]:
    """Read results, and note once how many are left out."""
    readable, damaged, unreadable = [], [], []
    for row in rows:
        if _is_damaged(row):
            damaged.append(row)
            continue
        try:
            readable.append(_parse(row))
        except DataError as error:
            unreadable.append(error)
    if damaged:
        _note(_damage(damaged))
    if unreadable:
        which = 'a result is left out' if len(unreadable) == 1 else f'{len(unreadable)} results are left out, such as'
        _note(f'{which}: {unreadable[0]}')
    return readable


def _read(row: Mapping[str, Any]) -> Result:
    if _is_damaged(row):
        raise DataError(_damage([row]))
    return _parse(row)


def _parse(row: Mapping[str, Any]) -> Result:
    """Read a row that isn't damaged."""
    document = row['document']
    with contextlib.suppress(ValueError, TypeError, RecursionError):
        document = json.loads(document, parse_constant=_refuse)
    try:
        result = Result.from_document(document)
    except DataError as error:
        raise DataError(f'{path()}, row {row["id"]}: {error}') from error
    if row['seal'] is not None:
        vars(result)['uid'] = row['uid']  # a cached property, which takes as long as reading the result
    return result


def _refuse(constant: str) -> None:
    """Refuse NaN and infinity, which no result has."""
    raise ValueError(f'{constant} is no number')


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
            # A damaged text may be no UTF-8.
            _database.connection().text_factory = lambda content: content.decode('utf-8', 'surrogateescape')
            version = _database.execute_sql('PRAGMA user_version').fetchone()[0]
            if version != 0:
                raise StorageError(
                    f'the results file {file} has the version {version}, from a later version of M2M or another '
                    'program; this one reads and writes version 0. Update M2M, or set M2M_HOME to another folder.'
                )
            _make_table()
        except _ERRORS as error:
            raise StorageError(f'the results file {file} cannot be used: {explain(error, file)}') from error
        try:
            yield
        except _ERRORS as error:
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
    _database.create_tables([Row, Draws])
    unnamed = Row.uid.is_null() & Row.seal.is_null()
    if Row.select().where(unnamed).exists():
        with _database.atomic('IMMEDIATE'):
            for row in _select(unnamed):
                with contextlib.suppress(DataError):  # reported when it is read
                    Row.update(uid=_read(row).uid).where(Row.id == row['id']).execute()


def _columns() -> set[str]:
    return {column.name for column in _database.get_columns('result')}
