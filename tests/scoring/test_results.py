"""The file of all results."""

import json
import os
import pwd
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.scoring import results


def document(i=0, **changes):
    return {
        'model': f'model {i % 2}',
        'benchmark': f'benchmark {i % 3}',
        'score': i / 7,
        'created': f'2026-01-01T00:00:{i:02d}+00:00',
        'layer_scores': {'a': 0.25, 'ü': None},
        'areas': {'VISp': {'score': 0.1}},
        **changes,
    }


def test_round_trip(m2m_home):
    assert results.recorded() == []
    documents = [document(i) for i in range(12)]
    results.record(documents[:5])
    for each in documents[5:]:
        results.record([each])
    assert results.recorded() == documents  # the oldest first, nothing lost in between
    assert results.recorded(model='model 1') == documents[1::2]
    assert results.recorded(benchmark='benchmark 2') == documents[2::3]
    assert results.recorded('model 0', 'benchmark 0') == documents[::6]
    assert results.recorded('nobody') == []


def test_other_programs_can_read_it(m2m_home):
    results.record([document(3)])
    with sqlite3.connect(m2m_home / 'results.sqlite') as connection:
        ((model, value, content),) = connection.execute('select model, score, document from result')
    assert (model, value) == ('model 1', 3 / 7)
    assert json.loads(content) == document(3)


def test_all_or_none(m2m_home):
    results.record([document(0)])
    for broken in ({'model': 'm'}, document(2, score=None), document(2, extra=object())):
        with pytest.raises((KeyError, TypeError, StorageError)):
            results.record([document(1), broken])
    assert results.recorded() == [document(0)]


def test_another_home_has_other_results(m2m_home, tmp_path, monkeypatch):
    results.record([document(0)])
    monkeypatch.setenv('M2M_HOME', str(tmp_path / 'another'))
    assert results.recorded() == []
    results.record([document(1)])
    monkeypatch.setenv('M2M_HOME', str(m2m_home))
    assert results.recorded() == [document(0)]


@pytest.mark.parametrize('content', [b'no database' * 500, b'SQLite format 3\0' + b'\0' * 2000])
def test_a_file_that_is_no_database(m2m_home, content):
    m2m_home.mkdir()
    path = m2m_home / 'results.sqlite'
    path.write_bytes(content)
    for use in (results.recorded, lambda: results.record([document()])):
        with pytest.raises(StorageError, match=r'results\.sqlite|could not be stored'):
            use()
    assert path.read_bytes() == content  # left for whoever can mend it


def test_a_file_damaged_in_the_middle(m2m_home):
    for i in range(12):
        results.record([document(i, filler='x' * 3000)])
    path = m2m_home / 'results.sqlite'
    with path.open('r+b') as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    with pytest.raises(StorageError):
        results.recorded()


def test_a_table_of_another_make(m2m_home):
    m2m_home.mkdir()
    with sqlite3.connect(m2m_home / 'results.sqlite') as connection:
        connection.execute('create table result (id integer primary key, something text)')
    with pytest.raises(StorageError):
        results.record([document()])


def test_home_under_a_file(tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('M2M_HOME', str(tmp_path / 'file' / 'home'))
    with pytest.raises(StorageError, match='Set M2M_HOME'):
        results.record([document()])


WRITE = """
import os, sys
from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.scoring import results
if os.geteuid() == 0:  # permissions don't hold root back; imported first, as others may not read the interpreter
    os.setgid({user.pw_gid}); os.setuid({user.pw_uid})
try:
    results.record([{{'model': 'm', 'benchmark': 'b', 'score': 1.0, 'created': 'now'}}])
except StorageError as error:
    sys.exit(f'refused: {{error}}')
"""


@pytest.mark.process
@pytest.mark.parametrize('what', ['folder', 'file'])
def test_read_only(monkeypatch, what):
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to other users
        home = Path(folder)
        monkeypatch.setenv('M2M_HOME', folder)
        results.record([document()])
        (home / 'results.sqlite').chmod(0o444)
        home.chmod(0o555 if what == 'folder' else 0o777)
        script = WRITE.format(user=pwd.getpwnam('nobody'))
        done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=False)
        home.chmod(0o755)
        assert done.returncode == 1
        assert done.stderr.startswith('refused: ')
        assert 'Traceback' not in done.stderr
        (home / 'results.sqlite').chmod(0o644)
        assert results.recorded() == [document()]
