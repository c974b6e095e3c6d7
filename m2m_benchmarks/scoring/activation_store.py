"""Responses of layers on disk: one file an entry, with the SHA-256 of its content.

A file is named by the SHA-256 of its key: everything that determines the responses, except for the machine. Its header
holds the key, what people want to know of the entry, and the SHA-256 of these and of the arrays. A file that is damaged
or incomplete is no entry. The time of the file is that of its last use.
"""

import contextlib
import fnmatch
import json
import os
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.scoring import sealed_arrays
from m2m_benchmarks.scoring.sealed_arrays import DamagedFileError
from m2m_benchmarks.storage import file_lock, home, reporting_write_errors

#: Environment variable of the size limit in GB, and its default.
LIMIT, DEFAULT_LIMIT_GB = 'M2M_CACHE_GB', 20.0
#: File that a process locks while it writes entries or removes temporary files.
_LOCK = '.lock'
_ENDING = '.safetensors'
_RESPONSES, _SUMMARIES = 'responses', 'summaries'
#: Paths of the store's files in its folder: entries, of this version and of 0.1, and temporary files.
_OWN = re.compile(r'[0-9a-f]{2}/(\.?[0-9a-f]+\.(safetensors|npy|json)(\..+)?|\.[0-9a-f]+\..+)|tmp[a-z0-9_]+')
#: Age after which files of `tempfile` in the folder, which live for an instant, are leftovers.
_OLD_S = 86_400


@dataclass(frozen=True)
class Entry:
    """Responses of one layer.

    Attributes
    ----------
    key : dict
        What determines the responses, for JSON.
    responses : array, shape (n_stimuli, n_features)
    summaries : array, shape (n_images, n_numbers)
        Responses to the images of a `probes.Probe`, summarised.
    about : dict
        Names for people who look at the store, and the machine.
    """

    key: Mapping[str, Any]
    responses: np.ndarray
    summaries: np.ndarray
    about: Mapping[str, Any]


@dataclass(frozen=True)
class StoredFile:
    """A file of the store.

    Attributes
    ----------
    path : Path
    n_bytes : int
    used : float
        Time of the last use, in seconds since 1970.
    """

    path: Path
    n_bytes: int
    used: float

    @property
    def is_entry(self) -> bool:
        """Whether the file is an entry of this format, by its name."""
        return self.path.suffix == _ENDING and not self.is_temporary

    @property
    def is_temporary(self) -> bool:
        """Whether the file is one that a process writes or wrote an entry to, before it gets its name."""
        return self.path.name.startswith(('.', 'tmp'))

    def about(self) -> dict[str, Any]:
        """Read the names in an entry; empty where it can't be read."""
        try:
            with safetensors.safe_open(self.path, 'np') as file:
                about: dict[str, Any] = dict(json.loads(file.metadata()['description'])['about'])
                return about
        except (*sealed_arrays.UNREADABLE, OSError):
            return {}


def folder() -> Path:
    """Folder of the store."""
    return home() / 'activations'


def path_of(key: Mapping[str, Any]) -> Path:
    """Path of the entry with a key, whether there is one or not."""
    name = sealed_arrays.file_name(key)
    return folder() / name[:2] / name


def read(key: Mapping[str, Any]) -> Entry | None:
    """Read the entry with a key; None where there is none.

    Raises
    ------
    DamagedFileError
        When the content doesn't match its checksum or its name.
    """
    path = path_of(key)
    try:
        entry = _read(path)
    except FileNotFoundError:
        return None
    with contextlib.suppress(OSError):  # the store may be read-only
        os.utime(path)
    return entry


def _read(path: Path) -> Entry:
    description, arrays = sealed_arrays.read(path)
    try:
        return Entry(description['key'], arrays[_RESPONSES], arrays[_SUMMARIES], description['about'])
    except KeyError as error:
        raise DamagedFileError(f'{path} is damaged: it has no {error}') from error


def write(entries: Sequence[Entry], in_use: Collection[Path] = ()) -> None:
    """Store entries, remove what killed processes left, and keep the store below its size limit.

    Parameters
    ----------
    entries : sequence of Entry
    in_use : collection of Path
        Files of other entries that this process uses, which stay whatever the limit is.

    Raises
    ------
    StorageError
        When they can't be written, or the limit isn't a number.
    """
    limit = limit_bytes()
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(file_lock(folder() / _LOCK, 'writing activations', wait_s=60))
            alone = True
        except StorageError:  # a disk without locks: temporary files may be those of another process
            alone = False
        written = {path_of(entry.key): entry for entry in entries}
        with reporting_write_errors('activations', folder()):
            for path, entry in written.items():
                _write(path, entry)
        if alone:
            _sweep()
        _evict(limit, {*in_use, *written})


def _write(path: Path, entry: Entry) -> None:
    path.parent.mkdir(exist_ok=True)
    arrays = {_RESPONSES: entry.responses, _SUMMARIES: entry.summaries}
    sealed_arrays.write(path, {'key': entry.key, 'about': entry.about}, arrays)


def files() -> Iterator[StoredFile]:
    """Yield all files of the store, in no order: entries, those of earlier formats, and temporary ones.

    Other files in its folder are the user's.
    """
    for path in folder().rglob('*'):
        # Other processes remove files meanwhile.
        with contextlib.suppress(FileNotFoundError):
            if _OWN.fullmatch(path.relative_to(folder()).as_posix()) and path.is_file():
                status = path.stat()
                yield StoredFile(path, status.st_size, status.st_mtime)


def damaged() -> list[Path]:
    """List the entries that aren't what was written; they are computed anew when they are needed."""
    paths = []
    for file in files():
        if file.is_entry:
            try:
                _read(file.path)
            except FileNotFoundError:
                continue
            except DamagedFileError:
                paths.append(file.path)
    return sorted(paths)


def clear(models: Sequence[str] = (), unused_days: float | None = None) -> list[StoredFile]:
    """Remove entries; all of them and what else is in the store, where neither a model nor an age is given.

    Parameters
    ----------
    models : sequence of str
        Names of models, or patterns such as 'neurn_*'.
    unused_days : float, optional
        Days without use after which entries are removed.

    Returns
    -------
    list of StoredFile
        Files that were removed.

    Raises
    ------
    StorageError
        When a file can't be removed.
    """
    latest = None if unused_days is None else time.time() - unused_days * 86_400
    removed = []
    for file in list(files()):
        if latest is not None and file.used > latest:
            continue
        if models and not (file.is_entry and _matches(file, models)):
            continue
        if file.is_temporary and time.time() - file.used < _OLD_S:  # another process may be writing it
            continue
        try:
            file.path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(
                f'cannot remove {file.path}: {error.strerror}. Fix the permissions of its folder.'
            ) from error
        removed.append(file)
    return removed


def _matches(file: StoredFile, models: Sequence[str]) -> bool:
    model = file.about().get('model', '')
    return any(fnmatch.fnmatchcase(model, pattern) for pattern in models)


def limit_bytes() -> float:
    """Size limit of the store in bytes: the environment variable M2M_CACHE_GB, or 20 GB.

    Raises
    ------
    StorageError
        When the variable isn't a number of GB.
    """
    text = os.environ.get(LIMIT) or str(DEFAULT_LIMIT_GB)
    try:
        limit = float(text)
    except ValueError:
        limit = float('nan')
    if not 0 <= limit < float('inf'):
        raise StorageError(f'{LIMIT} is {text!r}; expected the size limit of the activations in GB, such as 20.')
    return limit * 1e9


def _sweep() -> None:
    """Remove the temporary files of processes that were killed. No other process writes meanwhile."""
    for file in list(files()):
        if file.is_temporary and (file.path.name.startswith('.') or time.time() - file.used > _OLD_S):
            with contextlib.suppress(OSError):  # another user's
                file.path.unlink(missing_ok=True)


def _evict(limit: float, kept: Collection[Path]) -> None:
    """Remove the files that have not been used for longest until the store is below its limit."""
    stored = list(files())
    excess = sum(file.n_bytes for file in stored) - limit
    for file in sorted(stored, key=lambda file: file.used):
        if excess <= 0:
            return
        if file.path not in kept and not file.is_temporary:
            with contextlib.suppress(OSError):  # another user's, or open in another process on Windows
                file.path.unlink(missing_ok=True)
                excess -= file.n_bytes
