"""Responses that may be too large for memory: in an unnamed file, written batch by batch and read in blocks."""

import contextlib
import functools
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from io import FileIO
from pathlib import Path
from typing import Any, cast

import numpy as np

from m2m_benchmarks.storage import reporting_write_errors

#: Alignment of the layers in the file, in bytes.
_ALIGNMENT = 64


class ScratchLayer:
    """Responses of one layer in a file: read like an array, and in memory only where they are used.

    Parameters
    ----------
    file : FileIO
        File in `folder`.
    folder : Path
    bytes_of : callable
        Function that maps the whole file to memory, once for all layers: each map takes one of a process's open files.
    offset : int
        Number of bytes in the file before the first response.
    shape : (n_stimuli, n_units)
    dtype : dtype
    """

    def __init__(
        self,
        file: FileIO,
        folder: Path,
        bytes_of: Callable[[], np.ndarray],
        offset: int,
        shape: tuple[int, int],
        dtype: np.dtype[Any],
    ) -> None:
        self._file, self._folder, self._bytes_of, self._offset = file, folder, bytes_of, offset
        self.shape, self.dtype = shape, dtype

    @property
    def ndim(self) -> int:
        """Number of axes: two."""
        return len(self.shape)

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        """Read the responses to some stimuli of some neighbouring units, `layer[:, start:stop]`, into memory."""
        stimuli, units = key
        start, stop, _ = units.indices(self.shape[1])
        rows = range(*stimuli.indices(self.shape[0]))
        values = np.empty((len(rows), max(0, stop - start)), self.dtype)
        for row, into in zip(rows, values, strict=True):
            self._seek(row, start)
            if self._file.readinto(into.view(np.uint8).data) < into.nbytes:
                raise EOFError('not all responses were written')
        return values

    def mapped(self) -> np.ndarray:
        """Map the responses to memory: what was read of them counts as this process's until the array is dropped."""
        n_bytes = math.prod(self.shape) * self.dtype.itemsize
        return self._bytes_of()[self._offset : self._offset + n_bytes].view(self.dtype).reshape(self.shape)

    def write(self, start: int, responses: np.ndarray) -> None:
        """Write the responses to the stimuli from number `start` on.

        Parameters
        ----------
        start : int
        responses : array, shape (n, n_units)

        Raises
        ------
        StorageError
            When the disk is full: it would end the process if the responses were written to a map.
        """
        with reporting_write_errors('activations', self._folder):
            self._seek(start, 0)
            left = np.ascontiguousarray(responses, self.dtype).reshape(-1).view(np.uint8).data
            while left:
                left = left[self._file.write(left) :]

    def _seek(self, row: int, column: int) -> None:
        self._file.seek(self._offset + (row * self.shape[1] + column) * self.dtype.itemsize)


@contextlib.contextmanager
def scratch(
    folder: Path, n_stimuli: int, layers: Mapping[str, tuple[int, np.dtype[Any]]]
) -> Iterator[dict[str, ScratchLayer]]:
    """Reserve room for the responses of layers in one unnamed file, which the system deletes however the process ends.

    One for all of them: a process may have only some hundred open files, and a network more layers.

    Parameters
    ----------
    folder : Path
        Folder on the disk whose room they take.
    n_stimuli : int
    layers : mapping
        Layer to the number of its units and the type of its responses.

    Yields
    ------
    dict
        Layer to `ScratchLayer`. Maps of it can be read after the block, too.

    Raises
    ------
    StorageError
        When the disk has no room.
    """
    starts, size = _places(n_stimuli, layers)
    with contextlib.ExitStack() as stack:
        with reporting_write_errors('activations', folder):
            file = cast(FileIO, stack.enter_context(tempfile.TemporaryFile(buffering=0, dir=folder)))
            if hasattr(os, 'posix_fallocate'):
                # A disk that is too small is noticed before the network runs.
                os.posix_fallocate(file.fileno(), 0, max(1, size))

        @functools.cache
        def bytes_of() -> np.ndarray:
            return np.memmap(file, np.uint8, 'c', 0, (size,))

        yield {
            layer: ScratchLayer(file, folder, bytes_of, starts[layer], (n_stimuli, width), dtype)
            for layer, (width, dtype) in layers.items()
        }


def scratch_bytes(n_stimuli: int, layers: Mapping[str, tuple[int, np.dtype[Any]]]) -> int:
    """Number of bytes that `scratch` reserves."""
    return _places(n_stimuli, layers)[1]


def _places(n_stimuli: int, layers: Mapping[str, tuple[int, np.dtype[Any]]]) -> tuple[dict[str, int], int]:
    """Start of each layer in the file, and the size of the file, in bytes."""
    starts, size = {}, 0
    for layer, (width, dtype) in layers.items():
        starts[layer] = size
        size += -(-n_stimuli * width * dtype.itemsize // _ALIGNMENT) * _ALIGNMENT
    return starts, size
