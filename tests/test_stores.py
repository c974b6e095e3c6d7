"""The stores under M2M_HOME: checks of all their files, and what killed processes left."""

import os
import time

import numpy as np
import pytest

from m2m_benchmarks.data import manifest
from m2m_benchmarks.net.notes import write_note
from m2m_benchmarks.records import store
from m2m_benchmarks.scoring import activation_store, runs
from m2m_benchmarks.stores import remove, stores
from m2m_benchmarks.testing import damaged, whole_result


@pytest.fixture
def table(m2m_home):
    """A downloaded table, whose note is beside it."""
    path = m2m_home / 'downloads' / 'allen' / 'sessions.csv'
    path.parent.mkdir(parents=True)
    path.write_text('id\n1\n')
    write_note(path)
    return path


@pytest.fixture
def checkpoint(m2m_home):
    path = runs.runs_folder() / 'mine' / runs.CHECKPOINT
    path.parent.mkdir(parents=True)
    path.write_bytes(runs.sealed(b'weights'))
    return path


@pytest.fixture
def activation(m2m_home):
    entry = activation_store.Entry({'layer': 'a'}, np.ones((3, 2)), np.ones((1, 2)), {'model': 'mine'})
    activation_store.folder().mkdir(parents=True)
    activation_store.write([entry])
    return activation_store.path_of(entry.key)


def problems():
    return {each.name: list(each.verify()) for each in stores()}


def test_nothing_is_stored(m2m_home):
    assert not any(problems().values())
    assert [(each.bytes, each.leftovers()) for each in stores()] == [(0, [])] * 7
    assert not m2m_home.exists()


@pytest.mark.parametrize('kind', ['table', 'checkpoint', 'activation'])
def test_damage_is_noticed(request, kind):
    path = request.getfixturevalue(kind)
    assert not any(problems().values())
    for damage, copy in damaged(path.read_bytes(), 10, 5):
        path.write_bytes(copy)
        (problem,) = [problem for each in problems().values() for problem in each]
        assert str(path) in problem, damage
        assert 'damaged' in problem


def test_damage_of_datasets_results_and_runs(m2m_home):
    store.add([whole_result()])
    with store._connection():
        store.Row.update(score=0.99).execute()
    path = manifest.manifest_path('Lab2026')
    path.parent.mkdir(parents=True)
    path.write_text('{}')
    (runs.runs_folder() / 'mine').mkdir(parents=True)
    (runs.runs_folder() / 'mine' / runs.RESULT).write_text('{}')
    named = {name: problem for name, each in problems().items() for problem in each}
    assert sorted(named) == ['data', 'results', 'runs']
    assert 'row 1 is damaged' in named['results']
    assert 'Lab2026/ledger.json' in named['data']
    assert 'mine/run.json cannot be read' in named['runs']


def test_leftovers(m2m_home, checkpoint, table):
    names = ('.checkpoint.ckpt.ab12cd34', '.checkpoint.ckpt.ab12cd34.tmp')
    old = [checkpoint.with_name(name) for name in names]
    old += [table.with_name(name) for name in ('a.tiff.part', 'a.tiff.part.from', '1.nwb.new', '1.nwb.new.part.from')]
    folder = m2m_home / 'data' / 'Lab2026' / '.tmp-abc'
    folder.mkdir(parents=True)
    (folder / 'assembly.nc.part').write_bytes(b'1234')
    images = m2m_home / 'activations' / '.tmp-acuity-ab12cd34'
    images.mkdir(parents=True)
    for path in old:
        path.write_text('left')
    new = checkpoint.with_name('.config.json.ab12cd34')
    new.write_text('being written')
    for path in (*old, images, folder, folder / 'assembly.nc.part', table, checkpoint):
        os.utime(path, (time.time() - 100_000,) * 2)
    leftovers = [path for each in stores() for path in each.leftovers()]
    assert sorted(leftovers) == sorted([*old, images, folder])
    remove(leftovers)
    assert not any(path.exists() for path in (*old, images, folder))
    assert new.exists()
    assert table.exists()
    assert checkpoint.exists()
    assert next(each.bytes for each in stores() if each.name == 'runs') == len(checkpoint.read_bytes()) + 13


@pytest.mark.parametrize(
    'name',
    [
        *('runs/exp.new/run.json', 'runs/exp.part/run.json', 'runs/.tmp-mine/run.json', 'runs/mine/.vscode.settings'),
        *('data/.tmp-mine/a', 'data/Lab/0a/stimuli/cat.new', 'data/.readme.finished', 'downloads/film.part'),
        *('activations/.notebook', 'activations/ab/.htaccess', 'results.sqlite'),
    ],
)
def test_files_of_the_user_are_no_leftovers(m2m_home, name):
    path = m2m_home / name
    path.parent.mkdir(parents=True)
    path.write_text('mine')
    for each in (path, *path.parents[: len(path.relative_to(m2m_home).parts) - 1]):
        os.utime(each, (time.time() - 100_000,) * 2)
    assert [path for each in stores() for path in each.leftovers()] == []


def test_a_folder_that_is_being_written_is_no_leftover(m2m_home):
    folder = m2m_home / 'data' / 'Lab2026' / '.tmp-abcdefgh'
    folder.mkdir(parents=True)
    (folder / 'assembly.nc').write_text('half')
    os.utime(folder, (time.time() - 100_000,) * 2)
    assert [path for each in stores() for path in each.leftovers()] == []
