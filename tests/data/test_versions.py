"""Versions of datasets in use: which stay on disk, and which are removed."""

import copy
import fcntl
import json
import os
import pickle
import runpy
import signal
import time
import zipfile

import pytest

from m2m_benchmarks import load_dataset
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.data import manifest, versions
from m2m_benchmarks.data.store import load_stimuli
from m2m_benchmarks.testing import Call


@pytest.fixture(scope='module')
def bundles(tmp_path_factory, make_bundle):
    folder = tmp_path_factory.mktemp('bundles')
    return [make_bundle(folder / str(seed), n_units=5 + seed, seed=seed) for seed in range(2)]


@pytest.fixture
def put(m2m_home, bundles):
    """Return put(0) or put(1), which makes that bundle the dataset Lab2026."""
    return lambda number: import_bundle('Lab2026', *bundles[number].paths, replace=True)


def folder_of(entry):
    return manifest.data_folder() / entry['name'] / entry['version']


def on_disk(entry):
    return sorted(path.name for path in folder_of(entry).parent.iterdir() if path.is_dir())


@pytest.mark.seconds
def test_a_version_that_another_process_reads_stays(put, m2m):
    first = put(0)
    reader = os.open(folder_of(first) / versions.READERS, os.O_RDONLY)  # not by this library
    fcntl.flock(reader, fcntl.LOCK_SH)
    second = put(1)
    assert on_disk(first) == sorted([first['version'], second['version']])
    assert (folder_of(first) / 'stimuli' / 'image_000.png').is_file()
    put(0)  # the files of the version that stayed are used again
    ran = m2m('data', 'remove', 'Lab2026')
    assert (ran.code, ran.out) == (1, '')
    assert ran.err == ('error: another process is reading Lab2026. Wait for it to end, then remove Lab2026 again.\n')
    assert manifest.verify('Lab2026') == []
    os.close(reader)
    second = put(1)
    assert on_disk(second) == [second['version']]
    assert m2m('data', 'remove', 'Lab2026').code == 0


READER = """
import time
from m2m_benchmarks.data import versions
version = versions.current('Lab2026')
ready.mkdir()
time.sleep(60)
"""


@pytest.mark.process
@pytest.mark.seconds
def test_a_version_is_let_go_when_its_reader_is_killed(put, tmp_path):
    first = put(0)
    script, ready = tmp_path / 'reader.py', tmp_path / 'ready'
    script.write_text(READER)
    reader = Call(runpy.run_path, str(script), {'ready': ready})
    while not ready.exists():
        assert reader.returncode is None
        time.sleep(0.001)
    second = put(1)
    assert on_disk(first) == sorted([first['version'], second['version']])
    reader.send_signal(signal.SIGKILL)
    reader.communicate()
    second = put(1)
    assert on_disk(second) == [second['version']]


def test_how_long_a_version_is_held(put, others):
    first = put(0)
    stimuli = load_stimuli('Lab2026')
    part = stimuli.iloc[:2]
    assert versions.version_of(part).manifest == first
    moved = [copy.deepcopy(stimuli.stimulus_paths), pickle.loads(pickle.dumps(stimuli.stimulus_paths))]
    assert [dict(paths) for paths in moved] == [dict(stimuli.stimulus_paths)] * 2
    for holders in ([stimuli, part], [moved[0]], [moved[1]]):
        assert versions.read_elsewhere(folder_of(first))
        holders.clear()
    del stimuli, part
    assert versions.read_elsewhere(folder_of(first))
    moved.clear()
    assert not versions.read_elsewhere(folder_of(first))


def test_a_process_may_replace_what_it_reads_itself(put):
    put(0)
    recordings = load_dataset('Lab2026')
    second = put(1)
    assert on_disk(second) == [second['version']]
    assert load_dataset('Lab2026').sizes['neuroid'] == recordings.sizes['neuroid'] + 3


def test_a_version_without_the_file_of_its_readers(put, others):
    """Earlier releases wrote no such file."""
    first = put(0)
    (folder_of(first) / versions.READERS).unlink()
    stimuli = load_stimuli('Lab2026')
    assert versions.read_elsewhere(folder_of(first))
    assert len(stimuli) == 8


def test_a_version_that_is_replaced_while_it_is_taken(put, monkeypatch):
    put(0)
    real, entries = manifest.require, []

    def replaced(name):
        entry = real(name)
        if not entries:
            entries.append(entry)
            entries.append(put(1))
        return entry

    monkeypatch.setattr(manifest, 'require', replaced)
    assert versions.current('Lab2026').manifest == entries[1]
    assert on_disk(entries[1]) == [entries[1]['version']]


@pytest.mark.parametrize('command', ['verify', 'export'])
def test_a_version_stays_while_it_is_verified_or_copied(put, others, m2m, monkeypatch, tmp_path, command):
    first = put(0)
    real, entries = manifest.file_problem, []

    def replacing(path, file):
        if not entries:
            entries.append(first)
            entries.append(put(1))
        return real(path, file)

    monkeypatch.setattr(manifest, 'file_problem', replacing)
    path = tmp_path / 'lab.zip'
    assert m2m('data', command, 'Lab2026', *[path] * (command == 'export')).code == 0
    assert manifest.require('Lab2026') == entries[1] != first
    if command == 'export':
        with zipfile.ZipFile(path) as archive:
            assert json.loads(archive.read('ledger.json')) == first
