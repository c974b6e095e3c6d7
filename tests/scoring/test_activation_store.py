"""Stored activations: read as they were written or not at all, cleaned up, and below their size limit."""

import os
import random
import time
from pathlib import Path

import numpy as np
import pytest

from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.scoring import activation_store as store


@pytest.fixture
def folder(m2m_home):
    folder = m2m_home / 'activations'
    folder.mkdir(parents=True)
    return folder


def entry(number=0, model='net', n_features=40):
    rng = np.random.default_rng(number)
    return store.Entry(
        {'layer': f'layer{number}', 'versions': {'numpy': '1'}},
        rng.normal(size=(12, n_features)),
        rng.normal(size=(5, 7)).astype(np.float32),
        {'model': model, 'stimuli': 'images'},
    )


def test_an_entry_is_read_as_it_was_written(folder):
    written = entry()
    # safetensors writes memory as it lies.
    transposed = store.Entry(written.key, np.asfortranarray(written.responses), written.summaries, written.about)
    store.write([transposed])
    read = store.read(written.key)
    assert (read.key, read.about) == (written.key, written.about)
    for name in ('responses', 'summaries'):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))
        assert getattr(read, name).dtype == getattr(written, name).dtype
    assert store.read(entry(1).key) is None
    assert [path.name for path in folder.rglob('*') if path.is_file()] == ['.lock', store.path_of(written.key).name]


def damage(content, kind, rng):
    if kind == 'cut':
        return content[: rng.randrange(len(content))]
    position = rng.randrange(len(content)) if kind == 'flip' else rng.randrange(content.index(b'}}') + 8)
    changed = bytearray(content)
    changed[position] ^= 1 << rng.randrange(8)
    return bytes(changed)


@pytest.mark.parametrize(('kind', 'n'), [('flip', 50), ('flip in the header', 50), ('cut', 30)])
def test_no_damage_is_silent(kind, n, folder):
    written, rng = entry(), random.Random(0)
    store.write([written])
    path = store.path_of(written.key)
    whole = path.read_bytes()
    noticed = 0
    for _ in range(n):
        path.write_bytes(damage(whole, kind, rng))
        try:
            read = store.read(written.key)
        except store.DamagedFileError:
            noticed += 1
            assert store.damaged() == [path]
        else:  # a flip that changes nothing, such as one in the padding of the header
            np.testing.assert_array_equal(read.responses, written.responses)
            np.testing.assert_array_equal(read.summaries, written.summaries)
            assert (read.key, read.about) == (written.key, written.about)
    assert noticed >= 0.9 * n


def test_an_entry_under_the_name_of_another_is_damaged(folder):
    store.write([entry(0), entry(1)])
    store.path_of(entry(1).key).replace(store.path_of(entry(0).key))
    with pytest.raises(store.DamagedFileError, match='another key'):
        store.read(entry(0).key)


def test_a_pipe_in_place_of_an_entry_is_damage(folder):
    store.write([entry(0)])
    path = store.path_of(entry(0).key)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(store.DamagedFileError, match='pipe; expected a file'):
        store.read(entry(0).key)
    store.write([entry(0)])
    assert store.read(entry(0).key).key == entry(0).key


def aged(path, days):
    then = time.time() - days * 86_400
    os.utime(path, (then, then))


def test_what_killed_processes_left_goes_with_the_next_entry(folder):
    store.write([entry(0)])
    path = store.path_of(entry(0).key)
    left = path.with_name(f'.{path.name}.abcd')
    old, new = folder / 'tmpabcd', folder / 'tmpefgh'
    for file in (left, old, new):
        file.write_bytes(b'half')
    aged(old, 2)
    store.write([entry(1)])
    assert [file.exists() for file in (left, old, new)] == [False, False, True]


def size():
    return sum(file.n_bytes for file in store.files())


def test_the_least_recently_used_go_at_the_limit(folder, monkeypatch):
    entries = [entry(number) for number in range(5)]
    store.write(entries[:4])
    for number, stored in enumerate(entries[:4]):
        aged(store.path_of(stored.key), 10 - number)
    earlier = folder / 'ab' / 'abcd.npy'
    earlier.parent.mkdir()
    earlier.write_bytes(b'0' * 100)
    aged(earlier, 20)
    store.read(entries[0].key)
    monkeypatch.setenv('M2M_CACHE_GB', str(size() / 1e9 - 1e-7))  # 100 bytes less than what is here
    store.write([entries[4]], in_use=[store.path_of(entries[1].key)])
    assert not earlier.exists()
    # Two more go: 1 is in use, and 0 was read.
    assert [store.path_of(stored.key).exists() for stored in entries] == [True, True, False, True, True]
    monkeypatch.setenv('M2M_CACHE_GB', '0')
    store.write([entries[2]])
    assert [file.path for file in store.files()] == [store.path_of(entries[2].key)]


@pytest.mark.parametrize('text', ['lots', '-1', 'nan', 'inf'])
def test_a_limit_is_a_number(text, folder, monkeypatch):
    monkeypatch.setenv('M2M_CACHE_GB', text)
    with pytest.raises(StorageError, match=f"M2M_CACHE_GB is '{text}'; expected .* such as 20"):
        store.write([entry()])


@pytest.mark.parametrize(
    ('models', 'days', 'remaining'),
    [
        ((), None, []),
        (('neurn_*',), None, ['alexnet new', 'alexnet old']),
        ((), 5, ['alexnet new', 'neurn_a new']),
        (('alexnet', 'vgg'), 5, ['alexnet new', 'neurn_a new', 'neurn_a old']),
    ],
)
def test_clear(models, days, remaining, folder):
    names = ['neurn_a new', 'neurn_a old', 'alexnet new', 'alexnet old']
    entries = [entry(number, name.split()[0]) for number, name in enumerate(names)]
    store.write(entries)
    paths = {name: store.path_of(stored.key) for name, stored in zip(names, entries, strict=True)}
    for name, path in paths.items():
        aged(path, 9 if name.endswith('old') else 1)
    removed = store.clear(models, days)
    assert sorted(name for name, path in paths.items() if path.exists()) == remaining
    assert len(removed) == 4 - len(remaining)


def test_the_commands(folder, m2m):
    assert m2m('cache').err == 'No activations are stored.\n'
    store.write([entry(0, 'alexnet'), entry(1, 'alexnet'), entry(2, 'neurn_a')])
    (folder / '00').mkdir(exist_ok=True)
    (folder / '00' / '00.npy').write_bytes(b'')
    lines = m2m('cache', 'list').out.splitlines()
    assert [line.split()[:3] for line in lines[1:3]] == [['alexnet', 'images', '2'], ['neurn_a', 'images', '1']]
    assert lines[3].startswith('earlier formats')
    assert lines[4].endswith('of at most 20 GB.')
    assert m2m('cache', 'clear', '--model', 'alex*').out.startswith('2 files removed, 0.')
    assert m2m('cache', 'clear').out.startswith('2 files removed')
    assert list(store.files()) == []


def test_files_of_the_user_stay(folder, monkeypatch):
    names = ('README.md', '.gitignore', 'tmp notes.txt', 'alexnet.npy', 'mine/0a.npy', 'ab/.hidden', 'ab/notes.json')
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text('mine')
        aged(folder / name, 400)
    monkeypatch.setenv('M2M_CACHE_GB', '0')
    store.write([entry()])
    assert len(store.clear()) == 1
    assert [name for name in names if not (folder / name).exists()] == []


def test_files_that_vanish_meanwhile(folder, monkeypatch):
    store.write([entry()])
    walk = Path.rglob
    monkeypatch.setattr(Path, 'rglob', lambda self, pattern: [*walk(self, pattern), self / 'ab' / 'ab.safetensors'])
    assert [file.path for file in store.files()] == [store.path_of(entry().key)]
