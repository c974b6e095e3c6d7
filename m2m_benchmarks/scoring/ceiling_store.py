"""Ceilings on disk: what benchmarks compute from their recordings alone, one file a benchmark.

A file is named by the SHA-256 of its key: the recordings, the draws, the comparison and the code. Files that nobody has
used for a month, such as those of earlier code, are removed when others are written.
"""

import contextlib
import dataclasses
import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from m2m_benchmarks.benchmarks.comparisons import KNOWN, load_comparison
from m2m_benchmarks.benchmarks.comparisons.base import Ceiling
from m2m_benchmarks.benchmarks.neural import AreaBenchmark, Known
from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.messages import say
from m2m_benchmarks.scoring import sealed_arrays
from m2m_benchmarks.scoring.requests import check_library, library, versions
from m2m_benchmarks.scoring.sealed_arrays import DamagedFileError
from m2m_benchmarks.storage import home, reporting_write_errors

#: Age of the last use after which files are removed, in s.
_OLD_S = 30 * 86_400
_ARRAYS = ('draws', 'per_neuroid', 'per_neuroid_draws')


def folder() -> Path:
    """Folder of the store."""
    return home() / 'ceilings'


@contextlib.contextmanager
def kept(benchmarks: Sequence[AreaBenchmark]) -> Iterator[None]:
    """Give benchmarks what is known of their recordings, and store what they compute of them in the block.

    Where that fails, it is computed again the next time, and a note on stderr says so.

    Parameters
    ----------
    benchmarks : sequence of AreaBenchmark
        Those with recordings of no hash, or with a comparison that is not in this library, compute theirs each time.
    """
    keys = [_key_of(benchmark) for benchmark in benchmarks]
    before = [_read(benchmark, key) for benchmark, key in zip(benchmarks, keys, strict=True)]
    for benchmark, known in zip(benchmarks, before, strict=True):
        benchmark.assume(known)
    yield
    for benchmark, key, known in zip(benchmarks, keys, before, strict=True):
        if key is not None and benchmark.known.keys() - known.keys():
            try:
                check_library()
                _write(benchmark.known, key)
            except StorageError as error:
                say(f'note: the ceilings of {benchmark.identifier} are not stored: {error}')


def _key_of(benchmark: AreaBenchmark) -> dict[str, Any] | None:
    recorded, comparison = benchmark.recordings, benchmark.comparison
    own = comparison.name in KNOWN and load_comparison(comparison.name) is comparison
    if not (own and recorded.sha256):
        return None
    neuroids, stimuli = (recorded.mean[name].values.astype(str) for name in ('neuroid_id', 'stimulus_id'))
    drawn = hashlib.sha256()
    for counts in (benchmark.sample.stimuli, benchmark.sample.neuroids):
        drawn.update(np.ascontiguousarray(counts).data)
    return {
        'recordings_sha256': recorded.sha256,
        'neuroids_sha256': hashlib.sha256(repr([*map(list, (neuroids, stimuli))]).encode()).hexdigest(),
        'draws_sha256': drawn.hexdigest(),
        'comparison': comparison.name,
        'settings': benchmark.choices,
        'library_sha256': library().code_sha256,
        'versions': versions(),
    }


def _read(benchmark: AreaBenchmark, key: dict[str, Any] | None) -> Known:
    """Read what is known of a benchmark's recordings; nothing where its file is missing or damaged."""
    if key is None:
        return {}
    path = folder() / sealed_arrays.file_name(key)
    try:
        description, arrays = sealed_arrays.read(path)
    except FileNotFoundError:
        return {}
    except DamagedFileError:
        say(f'note: the stored ceilings of {benchmark.identifier} are damaged; they are computed anew.')
        return {}
    with contextlib.suppress(OSError):  # the store may be read-only
        os.utime(path)
    known: Known = description['known']
    if 'ceiling' in known:
        known['ceiling'] = Ceiling(**{**known['ceiling'], **arrays})
    return known


def _write(known: Known, key: dict[str, Any]) -> None:
    values, arrays = dict(known), {}
    if 'ceiling' in values:
        ceiling: Ceiling = values['ceiling']
        arrays = {name: getattr(ceiling, name) for name in _ARRAYS if getattr(ceiling, name) is not None}
        numbers = {field.name for field in dataclasses.fields(ceiling)} - set(_ARRAYS)
        values['ceiling'] = {name: getattr(ceiling, name) for name in sorted(numbers)}
    with reporting_write_errors('ceilings', folder()):
        folder().mkdir(parents=True, exist_ok=True)
        sealed_arrays.write(folder() / sealed_arrays.file_name(key), {'key': key, 'known': values}, arrays)
        clear(_OLD_S)


def files() -> list[Path]:
    """List the files of the store."""
    return sorted(folder().glob('*.safetensors'))


def damaged() -> Iterator[Path]:
    """Yield the files that aren't what was written; their ceilings are computed anew when they are needed."""
    for path in files():
        try:
            sealed_arrays.read(path)
        except FileNotFoundError:
            continue
        except DamagedFileError:
            yield path


def clear(unused_s: float = 0.0) -> int:
    """Remove the files that were not used for some seconds, and return how many bytes they had."""
    latest, n_bytes = time.time() - unused_s, 0
    for path in files():
        with contextlib.suppress(FileNotFoundError, PermissionError):  # another process's, or another user's
            status = path.stat()
            if status.st_mtime <= latest:
                path.unlink()
                n_bytes += status.st_size
    return n_bytes
