"""The file that stores all results."""

import errno
import json
import os
import pwd
import re
import resource
import sqlite3
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import peewee
import pytest

from m2m_benchmarks.errors import DataError, StorageError
from m2m_benchmarks.records import sqlite_errors, store
from m2m_benchmarks.records.record import Result
from m2m_benchmarks.records.sqlite_errors import explain
from m2m_benchmarks.testing import damaged


def make(i=0, **changes):
    fields = {
        'model': f'model {i % 2}',
        'benchmark': f'benchmark {i % 3}',
        'score': i / 7,
        'created': f'2026-01-01T00:00:{i:02d}+00:00',
        'layer_scores': {'a': 0.25, 'ü': None},
        **changes,
    }
    return Result(**fields)


def test_round_trip(m2m_home):
    assert store.results() == []
    assert not m2m_home.exists()  # reading writes nothing
    results = [make(i) for i in range(12)]
    assert store.add(results[:5]) == 5
    for result in results[5:]:
        assert store.add([result]) == 1
    assert store.results() == results  # oldest first
    assert store.results(model='model 1') == results[1::2]
    assert store.results(benchmark='benchmark 2') == results[2::3]
    assert store.results('model 0', 'benchmark 0') == results[::6]
    assert store.results('nobody') == []


def test_the_same_result_is_stored_once(m2m_home):
    assert store.add([make(1), make(1), make(2)]) == 2
    assert store.add([make(2), make(3), make(1, score=0.5)]) == 2
    assert [result.score for result in store.results()] == [1 / 7, 2 / 7, 3 / 7, 0.5]


@pytest.mark.parametrize('score', [-0.0, 0, 10**20, 5e-324, -1e-300])
def test_numbers_that_sqlite_stores_in_another_form_are_not_damage(m2m_home, score):
    store.add([make(1, score=score)])
    assert store.verify() == []
    assert store.results() == [make(1, score=score)]


@pytest.mark.seconds
def test_more_than_sqlite_takes_at_once(m2m_home):
    assert store.add([make(i) for i in range(2_000)]) == 2_000
    assert len(store.results()) == 2_000


def test_delete(m2m_home):
    store.add([make(i) for i in range(4)])
    assert store.delete([make(1).uid, make(2).uid, 'nobody']) == 2
    assert store.results() == [make(0), make(3)]


def test_other_programs_can_read_it(m2m_home):
    store.add([make(3)])
    with sqlite3.connect(m2m_home / 'results.sqlite') as connection:
        ((model, value, content),) = connection.execute('select model, score, document from result')
    assert (model, value) == ('model 1', 3 / 7)
    assert json.loads(content) == make(3).document()


def test_all_or_none(m2m_home):
    store.add([make(0)])
    for broken in (make(2, seconds=object()), make(2, score=float('nan'))):
        with pytest.raises((TypeError, ValueError, StorageError)):
            store.add([make(1), broken])
    assert store.results() == [make(0)]


def test_another_home_has_other_results(m2m_home, tmp_path, monkeypatch):
    store.add([make(0)])
    monkeypatch.setenv('M2M_HOME', str(tmp_path / 'another'))
    assert store.results() == []
    store.add([make(1)])
    monkeypatch.setenv('M2M_HOME', str(m2m_home))
    assert store.results() == [make(0)]


OLD = """
create table "result" ("id" integer not null primary key, "model" text not null, "benchmark" text not null,
  "score" real not null, "created" text not null, "document" json not null);
create index "result_model" on "result" ("model");
create index "result_benchmark" on "result" ("benchmark");
"""


def old_document(i):
    """Some of the fields that version 0.1 wrote."""
    return {
        'model': 'pixels_64',
        'benchmark': 'SimulatedMouse-rdm',
        'score': 0.1 * i,
        'raw': 0.09 * i,
        'ceiling': 0.9,
        'error': 0.01,
        'formula': 'mean over areas of raw / ceiling',
        'layer': {'VISp': 'pixels'},
        'weights': 'its own',
        'simulated': True,
        'weights_sha256': 'a' * 64,
        'data_sha256': 'b' * 64,
        'versions': {'torch': '2.7'},
        'created': f'2026-01-0{i + 1}T00:00:00+00:00',
        'peak_memory_mb': 1.5,
        'areas': {
            'VISp': {
                'score': 0.1,
                'raw': 0.09,
                'ceiling': 0.9,
                'error': 0.01,
                'formula': 'raw / ceiling',
                'layer': 'pixels',
                'n_neuroids': 48,
                'n_animals': 2,
                'noise_corrected': 0.1,
                'per_animal': {'1': 0.1},
                'inter_animal': None,
                'commitment': 'named',
            }
        },
        'left_out': {},
    }


def insert_old(path, numbers):
    with sqlite3.connect(path) as connection:
        connection.executemany(
            'insert into result (model, benchmark, score, created, document) values (?, ?, ?, ?, ?)',
            [
                (document['model'], document['benchmark'], document['score'], document['created'], json.dumps(document))
                for document in map(old_document, numbers)
            ],
        )


def test_a_file_of_version_0_1(m2m_home):
    m2m_home.mkdir()
    path = m2m_home / 'results.sqlite'
    with sqlite3.connect(path) as connection:
        connection.executescript(OLD)
    insert_old(path, range(3))
    before = store.results()
    assert [result.score for result in before] == [0.0, 0.1, 0.2]
    assert {result.format for result in before} == {1}
    for number, result in enumerate(before):
        document = result.document()
        assert {key: document[key] for key in old_document(number)} == old_document(number)
        assert result.identity is None
        assert result.request is None
    store.add([make(5)])
    insert_old(path, [4])  # that version still writes to the same file
    assert [result.created for result in store.results()] == [
        *(result.created for result in before),
        make(5).created,
        old_document(4)['created'],
    ]
    assert store.add(before) == 0
    assert store.delete([before[0].uid, store.results()[-1].uid]) == 2
    assert len(store.results()) == 3


def test_a_result_of_a_later_version(m2m_home, capsys):
    store.add([make(0)])
    with sqlite3.connect(m2m_home / 'results.sqlite') as connection:
        text = json.dumps({**make(1).document(), 'format': 99})
        connection.execute('update result set document = ?, seal = null', (text,))
    store.add([make(2)])
    assert store.results() == [make(2)]  # the others can be used, and deleted
    assert re.search(r'a result is left out: .*results\.sqlite, row 1: a result has format 99', capsys.readouterr().err)


def test_a_file_of_another_version(m2m_home):
    store.add([make(0)])
    with sqlite3.connect(store.path()) as file:
        file.execute('PRAGMA user_version = 99')
    for use in (store.results, lambda: store.add([make(1)])):
        with pytest.raises(StorageError, match=r'results\.sqlite has the version 99, .* Update M2M'):
            use()
    with sqlite3.connect(store.path()) as file:
        file.execute('PRAGMA user_version = 0')
    assert len(store.results()) == 1


def test_threads_of_a_process(m2m_home):
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda i: store.add([make(i)]), range(40))) == 40
    assert {result.uid for result in store.results()} == {make(i).uid for i in range(40)}


def test_a_request_is_added_to_a_stored_result(m2m_home):
    store.add([make(0), make(1)])
    store.set_request(make(1), 'key', {'file': 'a' * 64})
    (answer,) = store.answers(request='key')
    assert answer == make(1, request='key', files={'file': 'a' * 64})
    assert answer.uid == make(1).uid
    assert store.add([answer]) == 0
    assert store.results() == [make(0), answer]


@pytest.mark.parametrize('content', [b'no database' * 500, b'SQLite format 3\0' + b'\0' * 2000])
def test_a_file_that_is_no_database(m2m_home, content):
    m2m_home.mkdir()
    path = m2m_home / 'results.sqlite'
    path.write_bytes(content)
    for use in (store.results, lambda: store.add([make()])):
        with pytest.raises(StorageError, match=r'results\.sqlite'):
            use()
    assert path.read_bytes() == content  # left for the user to repair


def test_a_file_damaged_in_the_middle(m2m_home):
    for i in range(12):
        store.add([make(i, commitment='x' * 3000)])
    path = m2m_home / 'results.sqlite'
    with path.open('r+b') as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    with pytest.raises(StorageError):
        store.results()


def test_a_document_that_is_no_json(m2m_home, capsys):
    store.add([make(0)])
    with sqlite3.connect(m2m_home / 'results.sqlite') as connection:
        connection.execute("update result set document = '{', seal = null")
    assert store.results() == []
    assert 'results.sqlite, row 1: a result is a JSON object' in capsys.readouterr().err


def test_a_damaged_row(m2m_home, capsys):
    store.add([make(0), make(1, request='key'), make(2)])
    with sqlite3.connect(m2m_home / 'results.sqlite') as connection:
        connection.execute("update result set document = replace(document, '0.25', '0.75') where id = 2")
    assert store.results() == [make(0), make(2)]
    assert store.answers(request='key') == []
    assert re.search(
        r'\Anote: .*results\.sqlite, row 2 is damaged: .* --damaged.*\n\Z', capsys.readouterr().err
    )  # once
    assert store.answers(request='key') == []
    store.set_request(make(1), 'other', {})  # gives a damaged row no new seal
    assert len(store.verify()) == 1
    assert store.add([make(1), make(2)]) == 1  # a damaged row doesn't stand for its result
    assert store.results() == [make(0), make(2), make(1)]
    assert store.delete_damaged() == 1
    assert store.verify() == []
    assert len(store.results()) == 3


def test_a_row_that_has_lost_its_seal(m2m_home, capsys):
    store.add([make(i, format=number) for i, number in enumerate((1, 2, 3))])
    with sqlite3.connect(m2m_home / 'results.sqlite') as connection:
        connection.execute('update result set seal = null')
    assert [result.format for result in store.results()] == [1, 2]
    assert re.search(r'row 3 is damaged: .* or lacks it', capsys.readouterr().err)
    assert len(store.verify()) == 1
    assert store.delete_damaged() == 1


def test_rows_without_a_seal(m2m_home):
    store.add([make(0), make(1)])
    with sqlite3.connect(m2m_home / 'results.sqlite') as connection:
        connection.execute('update result set seal = null where id = 1')
    assert store.results() == [make(0), make(1)]
    store.set_request(make(0), 'key', {})
    assert store.unsealed() == {make(0).uid}
    assert store.verify() == []


@pytest.mark.seconds
def test_damage_anywhere_in_the_file_changes_no_result(m2m_home, capsys):
    """Each result is returned as it was stored, or missing with a message."""
    stored = [make(i, request=f'key {i}', commitment='x' * 1500) for i in range(8)]
    store.add(stored)
    path = m2m_home / 'results.sqlite'
    with sqlite3.connect(path) as connection:
        connection.execute('pragma wal_checkpoint(truncate)')
    whole = path.read_bytes()
    n_noticed = 0
    for damage, copy in damaged(whole, 25, 10):
        for file in m2m_home.glob('results.sqlite*'):
            file.unlink()
        path.write_bytes(copy)
        store._note.cache_clear()  # as another command
        capsys.readouterr()
        try:
            read = [*store.results(), *store.answers(request='key 3')]
        except StorageError:
            n_noticed += 1
            continue
        assert all(result in stored for result in read), damage
        noted = 'note: ' in capsys.readouterr().err
        assert noted or read == [*stored, stored[3]], damage
        n_noticed += noted
    assert n_noticed > 10


def test_a_table_of_another_program(m2m_home):
    m2m_home.mkdir()
    with sqlite3.connect(m2m_home / 'results.sqlite') as connection:
        connection.execute('create table result (id integer primary key, something text)')
    with pytest.raises(StorageError):
        store.add([make()])


def test_a_file_that_another_program_holds(m2m_home, monkeypatch):
    store.add([make(0)])
    monkeypatch.setattr(store, 'WAIT_S', 0.1)
    holder = sqlite3.connect(m2m_home / 'results.sqlite', isolation_level=None)
    holder.execute('begin exclusive')
    try:
        with pytest.raises(StorageError, match='locked'):
            store.add([make(1)])
    finally:
        holder.execute('rollback')
        holder.close()
    assert store.add([make(1)]) == 1


def sqlite_error(name, text):
    error = sqlite3.OperationalError(text)
    error.sqlite_errorname = name
    return error


@pytest.mark.parametrize(
    ('name', 'text', 'advice'),
    [
        ('SQLITE_PROTOCOL', 'locking protocol', 'no locks'),
        ('SQLITE_IOERR_SHMMAP', 'disk I/O error', 'no locks'),
        ('SQLITE_IOERR_SHMOPEN', 'disk I/O error', 'no locks'),
        ('SQLITE_IOERR_LOCK', 'disk I/O error', 'no locks'),
        ('SQLITE_BUSY', 'database is locked', 'Another program holds it'),
        ('SQLITE_BUSY_SNAPSHOT', 'database is locked', 'Another program holds it'),
        ('SQLITE_FULL', 'database or disk is full', 'make room'),
        ('SQLITE_IOERR_SHMSIZE', 'disk I/O error', 'make room'),
        ('SQLITE_IOERR_WRITE', 'disk I/O error', 'make room'),
        ('SQLITE_READONLY_DBMOVED', 'attempt to write a readonly database', 'permissions'),
        ('SQLITE_CANTOPEN', 'unable to open database file', 'permissions'),
        ('SQLITE_CORRUPT', 'database disk image is malformed', 'move it away'),
        ('SQLITE_NOTADB', 'file is not a database', 'move it away'),
    ],
)
def test_the_error_of_sqlite_decides_the_advice(tmp_path, name, text, advice):
    explained = explain(peewee.OperationalError(sqlite_error(name, text)), tmp_path / 'results.sqlite')
    assert explained.startswith(f'{text}. ')
    for other in ('no locks', 'Another program holds it', 'make room', 'permissions', 'move it away'):
        assert (other in explained) == (other == advice)


def test_undoing_a_failed_transaction_hides_no_error(tmp_path):
    hidden = peewee.OperationalError(sqlite_error('SQLITE_FULL', 'database or disk is full'))
    last = peewee.OperationalError(sqlite_error('SQLITE_ERROR', 'cannot rollback - no transaction is active'))
    last.__context__ = hidden
    assert explain(last, tmp_path / 'results.sqlite').startswith('database or disk is full. ')


@pytest.mark.parametrize('number', [errno.ENOLCK, errno.EOPNOTSUPP])
def test_missing_locks_are_not_taken_for_those_of_others(tmp_path, monkeypatch, number):
    def refuse(*_arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(sqlite_errors.fcntl, 'lockf', refuse)
    assert 'no locks' in explain(sqlite_error('SQLITE_BUSY', 'database is locked'), tmp_path / 'results.sqlite')


@pytest.mark.parametrize('limit', [1_000, 40_000])
def test_no_room_for_a_result(m2m_home, limit):
    store.add([make(0)])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))  # as a full disk: nothing else is written meanwhile
    try:
        with pytest.raises(StorageError, match='make room'):
            store.add([make(i, commitment='x' * 3_000) for i in range(1, 60)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert store.results() == [make(0)]


def test_home_under_a_file(tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('M2M_HOME', str(tmp_path / 'file' / 'home'))
    with pytest.raises(StorageError, match='Set M2M_HOME'):
        store.add([make()])


WRITE = """
import os, sys
from m2m_benchmarks.errors import DataError, StorageError
from m2m_benchmarks.records import sqlite_errors, store
from m2m_benchmarks.records.record import Result
if os.geteuid() == 0:  # root ignores permissions; imports first, as other users may not read the interpreter
    os.setgid({user.pw_gid}); os.setuid({user.pw_uid})
try:
    store.add([Result('m', 'b', 1.0, 'now')])
except StorageError as error:
    sys.exit(f'refused: {{error}}')
"""


@pytest.mark.process
@pytest.mark.parametrize('what', ['folder', 'file'])
def test_read_only(monkeypatch, what):
    with tempfile.TemporaryDirectory() as folder:  # pytest's folders are closed to other users
        home = Path(folder)
        monkeypatch.setenv('M2M_HOME', folder)
        store.add([make()])
        (home / 'results.sqlite').chmod(0o444)
        home.chmod(0o555 if what == 'folder' else 0o777)
        script = WRITE.format(user=pwd.getpwnam('nobody'))
        process = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=False)
        home.chmod(0o755)
        assert process.returncode == 1
        assert process.stderr.startswith('refused: ')
        assert 'Traceback' not in process.stderr
        (home / 'results.sqlite').chmod(0o644)
        assert store.results() == [make()]


def test_draws_stand_beside_the_result(m2m_home):
    draws = {'score': np.random.default_rng(0).standard_normal((3, 50)), 'raw': np.zeros((3, 50))}
    store.add([make(0), make(1)], {make(0).uid: draws})
    assert store.draws(make(1).uid) == {}
    stored = store.draws(make(0).uid)
    assert stored.keys() == draws.keys() and stored['score'].dtype == np.float32
    np.testing.assert_allclose(stored['score'], draws['score'], atol=1 / 128)
    assert store.results() == [make(0), make(1)] and 'draws' not in make(0).document()
    store.delete([make(0).uid])
    assert store.draws(make(0).uid) == {}


def test_draws_of_many_scores(m2m_home, capsys):
    results = [make(i) for i in range(5)]
    draws = {result.uid: {'score': np.full((3, 4), i, dtype=float)} for i, result in enumerate(results[:3])}
    draws[results[3].uid] = {'raw': np.zeros((3, 4))}
    store.add(results, draws)
    with sqlite3.connect(store.path()) as connection:
        connection.execute("update draws set content = x'00' where uid = ?", [results[1].uid])
    connection.close()
    read = store.score_draws([result.uid for result in results])
    assert read.keys() == {results[0].uid, results[2].uid}
    np.testing.assert_array_equal(read[results[2].uid], np.full((3, 4), 2))
    assert f'the draws of the result {results[1].uid} are damaged, and not used' in capsys.readouterr().err
    assert store.score_draws([]) == {}


def test_imported_results_are_known(m2m_home):
    assert store.imported() == set()
    store.add([make(0)])
    store.add([make(0), make(1)], imported=True)
    assert store.imported() == {make(1).uid}


def test_damaged_draws(m2m_home):
    store.add([make(0)], {make(0).uid: {'score': np.zeros((3, 5))}})
    with sqlite3.connect(store.path()) as connection:
        connection.execute("update draws set content = x'00'")
    connection.close()
    with pytest.raises(DataError, match=r'draws of the result .* are damaged; score it again'):
        store.draws(make(0).uid)
