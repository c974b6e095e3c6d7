"""Arrays on disk with a description: one safetensors file, with the SHA-256 of its content."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from m2m_benchmarks import limits
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.storage import atomic_write

#: What reading a damaged file raises.
UNREADABLE = (safetensors.SafetensorError, KeyError, TypeError, ValueError)


class DamagedFileError(Exception):
    """A file that isn't what was written."""


def file_name(key: Mapping[str, Any]) -> str:
    """Name the file of what a key determines: the SHA-256 of the key, and an ending."""
    return f'{hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()}.safetensors'


def write(path: Path, description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write a file as a whole or not at all.

    Parameters
    ----------
    path : Path
        In a folder that exists.
    description : mapping
        For JSON; its `key` determines the name of the file (`file_name`).
    arrays : mapping of str to array
    """
    # safetensors writes the memory of an array as it lies.
    arrays = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
    text = json.dumps(description)
    if path.is_fifo() or path.is_socket():  # it would be written to, and might never be read
        path.unlink()
    with atomic_write(path, 'wb') as file:
        file.write(safetensors.numpy.save(arrays, {'description': text, 'sha256': _digest(text, arrays)}))


def read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read the description and the arrays of a file.

    Raises
    ------
    FileNotFoundError
        When there is none.
    DamagedFileError
        When the content doesn't match its checksum or its name.
    """
    try:
        with safetensors.safe_open(limits.require_file(path), 'np') as file:
            metadata = file.metadata()
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - a file is no mapping
        text = metadata['description']
        if _digest(text, arrays) != metadata['sha256']:
            raise ValueError('its SHA-256 differs')
        description = dict(json.loads(text))
        if file_name(description['key']) != path.name:
            raise ValueError('it is the entry of another key')
    except FileNotFoundError:
        raise
    except (*UNREADABLE, DataError, OSError) as error:
        raise DamagedFileError(f'{path} is damaged: {error}') from error
    return description, arrays


def _digest(text: str, arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(text.encode())
    for name, values in sorted(arrays.items()):
        digest.update(f'{name} {values.dtype} {values.shape} '.encode())
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()
