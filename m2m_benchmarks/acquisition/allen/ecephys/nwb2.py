"""Reads the tables of NWB 2 session files of Visual Coding - Neuropixels, and the times of failed recording."""

from dataclasses import dataclass

import h5py
import numpy as np

from m2m_benchmarks.acquisition.allen.nwb import NwbFile
from m2m_benchmarks.acquisition.hdf5 import own_dataset
from m2m_benchmarks.errors import DataError

_PATH = 'intervals/invalid_times'


class Nwb2File(NwbFile):
    """A file with NWB 2 tables: groups whose datasets are the columns."""

    def texts(self, path: str, n: int | None) -> np.ndarray:
        """Read a column of `n` texts; None for any number."""
        column = self._column(path, n)
        # h5py reads texts of variable length as Python objects.
        with self._reading(path):
            return np.array([text.decode() if isinstance(text, bytes) else str(text) for text in column], dtype=str)

    def flags(self, path: str, n: int) -> np.ndarray:
        """Read a column of `n` truth values."""
        return np.asarray(self._column(path, n) != 0)

    def part(self, dataset: h5py.Dataset, start: int, stop: int) -> np.ndarray:
        """Read the entries `start` to `stop` of a column of numbers."""
        with self._reading(dataset.name):
            return np.asarray(dataset[start:stop])

    def _column(self, path: str, n: int | None) -> np.ndarray:
        if not self.has(path):
            raise DataError(f'{self.name} has no {path}: it is cut short or of another kind; fetch it again.')
        with self._reading(path):
            column = np.asarray(own_dataset(self._file, path, self.name)[()])
            if column.ndim != 1 or n not in (None, len(column)):
                raise ValueError(f'shape {column.shape}, expected ({n},)')
            return column


@dataclass(frozen=True)
class Failure:
    """An interval in s of failed recording, and the tags of the devices that failed."""

    start: float
    stop: float
    tags: frozenset[str]


def read_failures(nwb: Nwb2File) -> list[Failure]:
    """Read the invalid intervals of a file.

    Their tags name what failed: `stimulus` is the screen, `all_probes` or `probeA` are probes.
    """
    if not nwb.has(_PATH):
        return []
    start = nwb.array(f'{_PATH}/start_time', (None,))
    stop = nwb.array(f'{_PATH}/stop_time', (len(start),))
    tags = nwb.texts(f'{_PATH}/tags', None)
    ends = nwb.array(f'{_PATH}/tags_index', (len(start),)).astype(int)
    begins = np.append(0, ends[:-1])
    return [Failure(start[i], stop[i], frozenset(map(str, tags[begins[i] : ends[i]]))) for i in range(len(start))]


def overlap(start: np.ndarray, end: np.ndarray, failures: list[Failure], tags: set[str]) -> np.ndarray:
    """Mark the intervals that overlap a failure with one of the tags."""
    overlap = np.zeros(len(start), dtype=bool)
    for failure in failures:
        if failure.tags & tags:
            overlap |= (start <= failure.stop) & (failure.start <= end)
    return overlap
