"""Reads the Allen Institute's NWB files; all errors of damaged files become a DataError."""

import contextlib
import math
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np

from m2m_benchmarks.acquisition.hdf5 import check_size, own_dataset
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.net.remote_file import RemoteFile, open_remote_hdf5

#: Group of the data that the pipeline extracted from the microscope's images.
PIPELINE = 'processing/brain_observatory_pipeline'
#: Most bytes of a matrix in memory at a time, though one row at least.
_BLOCK = 32 * 2**20
#: Errors that h5py raises for damaged files, anywhere in them.
_DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, OverflowError, MemoryError)
_WEB_PAGE = (b'<!doctype', b'<html', b'<?xml')


@contextlib.contextmanager
def open_nwb(path: Path) -> Iterator[h5py.File]:
    """Open an NWB file for reading.

    Raises
    ------
    DataError
        When it is missing, cut short, or not an HDF5 file, such as a web page that was saved in its place.
    """
    try:
        with path.open('rb') as content:
            begin = content.read(64).lstrip().lower()
    except OSError as error:
        raise DataError(f'{path} cannot be opened ({error.strerror or error}).') from error
    if begin.startswith(_WEB_PAGE):
        raise DataError(f'{path} is a web page, such as an error message or a login, not a recording; fetch it again.')
    try:
        file = h5py.File(path, 'r')
    except _DAMAGE as error:
        raise DataError(
            f'{path} cannot be read as NWB ({error}): it is cut short or of another format; fetch it again.'
        ) from error
    with file:
        yield file


@contextlib.contextmanager
def open_source(source: Path | RemoteFile) -> Iterator[h5py.File]:
    """Open a local or remote file; errors are those of `open_nwb` and `open_remote_hdf5`."""
    with open_nwb(source) if isinstance(source, Path) else open_remote_hdf5(source) as file:
        yield file


class NwbFile:
    """An open file whose reads check the content, and raise a DataError if it is wrong.

    Parameters
    ----------
    file : h5py.File
    """

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        # For a file object h5py has no name, only an address in memory.
        self.name = 'the file' if file.driver == 'fileobj' else str(file.filename)

    @contextlib.contextmanager
    def _reading(self, path: str) -> Iterator[None]:
        try:
            yield
        except _DAMAGE as error:
            reason = str(error.args[0] if error.args else error)
            raise DataError(
                f'{self.name}: {path} cannot be read ({reason}): the file is cut short or damaged; fetch it again.'
            ) from error

    def has(self, path: str) -> bool:
        """Whether the file has an object at this path."""
        with self._reading(path):
            return path in self._file

    def dataset(self, path: str, shape: Sequence[int | None]) -> h5py.Dataset:
        """Return a dataset after checking its type and shape, without reading its content.

        Parameters
        ----------
        path : str
        shape : sequence of int or None
            Expected sizes; None for any.

        Raises
        ------
        DataError
            When it is missing, not numeric, or of another shape.
        """
        if not self.has(path):
            raise DataError(f'{self.name} has no {path}: it is cut short or of another kind; fetch it again.')
        with self._reading(path):
            dataset = own_dataset(self._file, path, self.name)
            kind = dataset.dtype.kind if isinstance(dataset, h5py.Dataset) else ''
            actual = dataset.shape if kind else ()
        if kind not in tuple('fiu'):
            raise DataError(f'{self.name}: {path} holds no numbers.')
        if len(actual) != len(shape) or any(size not in (None, n) for size, n in zip(shape, actual, strict=True)):
            expected = ' x '.join('any' if size is None else str(size) for size in shape)
            raise DataError(f'{self.name}: {path} is of shape {" x ".join(map(str, actual))}, expected {expected}.')
        return dataset

    def array(self, path: str, shape: Sequence[int | None]) -> np.ndarray:
        """Read a dataset, with the checks and errors of `dataset`."""
        dataset = self.dataset(path, shape)
        with self._reading(path):
            check_size(dataset, self.name)
            return np.asarray(dataset[()])

    def text(self, path: str) -> str:
        """Read a text, of fixed or variable length, stored alone or as the first entry of a list.

        Raises
        ------
        DataError
            When it is missing or empty.
        """
        text = ''
        if self.has(path):
            with self._reading(path):
                for entry in np.asarray(own_dataset(self._file, path, self.name)[()]).ravel()[:1]:
                    text = entry.decode() if isinstance(entry, bytes) else str(entry)
        if not text.strip():
            raise DataError(f'{self.name} has no {path}: it is cut short or of another kind; fetch it again.')
        return text.strip()

    def rows(
        self,
        dataset: h5py.Dataset,
        spans: Sequence[slice] = (slice(None),),
        wanted: Collection[int] | None = None,
    ) -> Iterator[np.ndarray]:
        """Yield the entries along the first axis of a dataset, with few in memory at a time.

        Parameters
        ----------
        dataset : h5py.Dataset, at least two-dimensional
        spans : sequence of slice
            Parts of the second axis to read and join.
        wanted : collection of int, optional
            Indices of the entries to read, in increasing order; all by default.

        Yields
        ------
        array
            Entry, with one dimension less than the dataset.
        """
        path = 'a dataset'
        with self._reading(path):
            path, shape, chunks = dataset.name, dataset.shape, dataset.chunks
            size = max(1, math.prod(shape[1:]) * dataset.dtype.itemsize)
        # Chunks are decompressed as a whole: one of several rows is read once, not once per row.
        step = max(1, min(chunks[0] if chunks else 1, _BLOCK // size))
        for start in range(0, shape[0], step):
            stop = min(start + step, shape[0])
            indices = [i for i in range(start, stop) if wanted is None or i in wanted]
            if not indices:
                continue
            with self._reading(path):
                block = np.concatenate([dataset[start : indices[-1] + 1, span] for span in spans], axis=1)
            for i in indices:
                yield block[i - start]
