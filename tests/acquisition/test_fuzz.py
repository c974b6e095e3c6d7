"""Mutated bundles are imported completely, or refused with a message."""

import io
import shutil
import zipfile

import numpy as np
import pytest

from m2m_benchmarks import load_dataset
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.data import manifest
from m2m_benchmarks.errors import M2MError
from m2m_benchmarks.testing import npz_bytes

pytestmark = pytest.mark.seconds

N_MUTATIONS = 200


def flip(rng, content):
    content = bytearray(content)
    for place in rng.integers(0, len(content), rng.integers(1, 6)):
        content[place] = rng.integers(0, 256)
    return bytes(content)


def cut(rng, content):
    return content[: rng.integers(0, len(content))]


def insert(rng, content):
    place = rng.integers(0, len(content))
    return content[:place] + rng.bytes(int(rng.integers(1, 50))) + content[place:]


def drop_line(rng, content):
    lines = content.splitlines(keepends=True)
    del lines[rng.integers(0, len(lines))]
    return b''.join(lines)


def repeat_line(rng, content):
    lines = content.splitlines(keepends=True)
    lines.insert(rng.integers(0, len(lines) + 1), lines[rng.integers(0, len(lines))])
    return b''.join(lines)


def change_cell(rng, content):
    lines = [line.split(b',') for line in content.splitlines()]
    row = lines[rng.integers(0, len(lines))]
    words = [
        b'',
        b'-1',
        b'1e9',
        b'nan',
        b'inf',
        b'VISp',
        b'VISal',
        b'x' * 300,
        b'0.5',
        b'"',
        b'99999999999999999999',
        b'\xff',
    ]
    row[rng.integers(0, len(row))] = words[rng.integers(0, len(words))]
    return b'\n'.join(b','.join(line) for line in lines)


def swap_columns(rng, content):
    lines = [line.split(b',') for line in content.splitlines()]
    i, j = rng.integers(0, len(lines[0]), 2)
    for line in lines:
        line[i], line[j] = line[j], line[i]
    return b'\n'.join(b','.join(line) for line in lines)


def change_array(rng, content):
    with np.load(io.BytesIO(content)) as file:
        arrays = {name: file[name] for name in file.files}
    name = sorted(arrays)[rng.integers(0, len(arrays))]
    array = arrays[name]
    changes = [
        lambda: array.astype(float) * np.nan,
        lambda: array.astype(complex),
        lambda: array.astype('S3'),
        lambda: array.T,
        lambda: array[:1],
        lambda: array[..., None],
        lambda: array.astype(np.int64) - 1,
        lambda: array.astype(np.uint64) + np.uint64(2**63),
        lambda: array * 0,
        lambda: array.astype(float),
        lambda: array.astype(bool),
        lambda: array[()][..., :0],
        lambda: np.array(array.tolist(), dtype=object),
        lambda: array.astype('datetime64[s]'),
    ]
    arrays[name] = changes[rng.integers(0, len(changes))]()
    if rng.random() < 0.2:
        arrays['responses'] = arrays.pop(name)
    if rng.random() < 0.1:
        arrays.pop(sorted(arrays)[0])
    return npz_bytes(**arrays)


BYTES = (flip, cut, insert)
LINES = (drop_line, repeat_line, change_cell, swap_columns)
MUTATIONS = {
    'sessions.csv': BYTES + LINES * 2,
    'units.csv': BYTES + LINES * 2,
    'VISp_1.npz': BYTES + (change_array,) * 4,
    'stimuli/image_001.png': BYTES,
}


@pytest.mark.parametrize('part', [0, *(pytest.param(part, marks=pytest.mark.slow) for part in (1, 2, 3))])
def test_mutated_bundles(part, make_bundle, m2m_home, tmp_path):
    good = make_bundle(tmp_path / 'good')
    accepted = 0
    for seed in range(part, N_MUTATIONS, 4):
        rng = np.random.default_rng(seed)
        folder = tmp_path / 'mutated'
        shutil.copytree(good.folder, folder)
        done = []
        for _ in range(rng.integers(1, 3)):
            name = sorted(MUTATIONS)[rng.integers(0, len(MUTATIONS))]
            mutation = MUTATIONS[name][rng.integers(0, len(MUTATIONS[name]))]
            path = folder / name
            try:
                content = mutation(rng, path.read_bytes())
            except (ValueError, IndexError, OSError, KeyError, zipfile.BadZipFile):
                continue  # an earlier mutation left nothing that this one could work on
            path.write_bytes(content)
            done.append((name, mutation.__name__))
        try:
            import_bundle('Lab2026', folder / 'sessions.csv', folder / 'units.csv', folder / 'stimuli')
        except M2MError:
            pass
        except Exception as error:
            raise AssertionError(f'seed {seed}: {done} ended with {type(error).__name__}: {error}') from error
        else:
            accepted += 1
            assert manifest.verify('Lab2026') == [], (seed, done)
            values = load_dataset('Lab2026').values
            assert np.isfinite(values[~np.isnan(values)]).all(), (seed, done)
        shutil.rmtree(folder)
    # Some mutations are refused and some aren't, so they reach the checks.
    assert 0 < accepted < N_MUTATIONS / 8
