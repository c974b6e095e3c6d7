"""Responses in a scratch file: those that were written, reduced in blocks, and gone however the process ends."""

import contextlib
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from m2m_benchmarks.arrays import gram_reduce
from m2m_benchmarks.arrays.reduction import _CHUNK
from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.scoring.scratch import scratch, scratch_bytes


def collect(layer, values, size):
    for start in range(0, len(values), size):
        layer.write(start, values[start : start + size])


@pytest.mark.parametrize('size', [1, 4, 11])
def test_what_is_written_is_read(size, tmp_path):
    rng = np.random.default_rng(0)
    written = {
        'single': rng.random((11, 7), dtype=np.float32),
        'double': rng.random((11, 1)),
        'half': rng.random((11, 5)).astype(np.float16),
        'transposed': rng.random((3, 11), dtype=np.float32).T,
    }
    places = {name: (values.shape[1], values.dtype) for name, values in written.items()}
    with scratch(tmp_path, 11, places) as layers:
        for name, values in written.items():
            collect(layers[name], values, size)
        assert not list(tmp_path.iterdir())
        for name, values in written.items():
            assert layers[name].shape == values.shape
            np.testing.assert_array_equal(layers[name][:, :], values)
            np.testing.assert_array_equal(layers[name][2:4, 1:4], values[2:4, 1:4])
        maps = layers['single'].mapped()
    np.testing.assert_array_equal(maps, written['single'])  # after the file is closed, too


@pytest.mark.parametrize('n_units', [3, 2 * _CHUNK + 5])
def test_reduced_in_blocks_as_in_memory(n_units, tmp_path):
    values = np.random.default_rng(1).random((9, n_units), dtype=np.float32)
    with scratch(tmp_path, 9, {'layer': (n_units, values.dtype)}) as layers:
        collect(layers['layer'], values, 4)
        reduced = gram_reduce(layers['layer'])
    np.testing.assert_array_equal(reduced, gram_reduce(values))
    exact = values.astype(float) @ values.T.astype(float)
    np.testing.assert_allclose(reduced @ reduced.T, exact, rtol=1e-10)


LARGE = """
import resource, sys
from pathlib import Path
import numpy as np
from m2m_benchmarks.arrays import gram_reduce
from m2m_benchmarks.scoring.scratch import scratch

rows = np.random.default_rng(0).random((4, 500_000), dtype=np.float32)
gram_reduce(rows)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with scratch(Path(sys.argv[1]), 100, {'layer': (500_000, rows.dtype)}) as layers:
    for start in range(0, 100, 4):
        layers['layer'].write(start, rows + start)
    assert gram_reduce(layers['layer']).shape == (100, 101)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.process
@pytest.mark.skipif(sys.platform != 'linux', reason='ru_maxrss is in KB on Linux')
def test_a_layer_is_never_in_memory_as_a_whole(tmp_path):
    ran = subprocess.run([sys.executable, '-c', LARGE, str(tmp_path)], capture_output=True, text=True, check=True)
    # Of 200 MB: a batch of 8 MB, and blocks of 100 x 16,384 numbers of which three are of 8 bytes.
    assert int(ran.stdout) * 1024 < 80e6


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from m2m_benchmarks.scoring.scratch import scratch

with scratch(Path(sys.argv[1]), 10, {'layer': (1000, np.dtype('f4'))}) as layers:
    layers['layer'].write(0, np.ones((5, 1000), dtype='f4'))
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.process
def test_nothing_stays_of_a_killed_process(tmp_path):
    ran = subprocess.run([sys.executable, '-c', KILLED, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (-9, '')
    assert not list(tmp_path.iterdir())


@pytest.fixture
def small_files():
    """Limit the size of files to 4,000 bytes, as a disk without more room does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


PLACES = {'layer': (500, np.dtype('f4'))}


def test_no_room(tmp_path, small_files):
    with (
        pytest.raises(StorageError, match=r'cannot write activations to .*: File too large'),
        scratch(tmp_path, 3, PLACES),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_no_room_on_a_system_that_reserves_none(tmp_path, small_files, monkeypatch):
    monkeypatch.delattr(os, 'posix_fallocate')
    with pytest.raises(StorageError, match=r'cannot write activations to .*: File too large'):  # noqa: SIM117
        with scratch(tmp_path, 3, PLACES) as layers:
            layers['layer'].write(0, np.ones((3, 500)))
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_really_full(tmp_path):
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=40k', 'tmpfs', str(tmp_path)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip('only root can mount a small disk')
    try:
        with pytest.raises(StorageError, match='No space left on device'), scratch(tmp_path, 30, PLACES):
            pass
        assert not list(tmp_path.iterdir())
        with scratch(tmp_path, 3, PLACES) as layers:
            layers['layer'].write(0, np.ones((3, 500)))
    finally:
        subprocess.run(['umount', str(tmp_path)], check=True)


def unnamed(folder):
    """Sizes of the files without a name in a folder that this process has open."""
    sizes = []
    for path in Path('/proc/self/fd').iterdir():
        with contextlib.suppress(FileNotFoundError):  # the folder itself was open
            if str(path.readlink()).startswith(f'{folder}/'):
                sizes.append(path.stat().st_size)
    return sizes


def test_the_size_is_that_of_the_file(tmp_path):
    places = {'a': (5, np.dtype('f4')), 'b': (3, np.dtype('f8'))}
    with scratch(tmp_path, 7, places):
        assert unnamed(tmp_path) == [scratch_bytes(7, places)] == [192 + 192]
