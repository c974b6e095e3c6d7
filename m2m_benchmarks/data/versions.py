"""Versions of datasets in use: one that a process reads stays on disk until no process reads it.

A reader holds a shared lock on a file in the version's folder, which the system releases when the process ends in
whatever way. A writer removes only versions that nobody holds. Where files can't be locked (Windows, some network
disks, folders of other users), a version may be removed while it is read; the reader then ends with a message.
"""

import contextlib
import os
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from m2m_benchmarks.data import manifest
from m2m_benchmarks.errors import DataError

try:
    import fcntl
except ModuleNotFoundError:  # on Windows
    fcntl = None  # type: ignore[assignment]

#: File in the folder of a version, which its readers lock.
READERS = '.readers.lock'


class _Lease:
    """Shared lock on the folder of a version, for as long as this object exists."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        handle = _lock(folder)
        self._finalizer = None if handle is None else weakref.finalize(self, os.close, handle)
        _leases.add(self)

    def release(self) -> None:
        """Give the lock up; the version may be removed from then on."""
        if self._finalizer is not None:
            self._finalizer()  # does nothing the second time

    def __deepcopy__(self, memo: dict[int, Any]) -> '_Lease':
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _Lease, (self.folder,)  # in another process, a lock of its own


#: Leases of this process.
_leases: weakref.WeakSet[_Lease] = weakref.WeakSet()


@dataclass(frozen=True)
class Version:
    """A version of a dataset, which stays on disk while this object exists.

    Attributes
    ----------
    name : str
        Name of the dataset.
    sha256 : str
        SHA-256 of the manifest.
    folder : Path
        Folder of the files.
    manifest : dict
        Manifest, which all files of the version are read by.
    """

    name: str
    sha256: str
    folder: Path
    manifest: dict[str, Any] = field(compare=False, repr=False)
    _lease: _Lease = field(compare=False, repr=False)

    def path(self, file: dict[str, Any]) -> Path:
        """Path of a file in the manifest after checking that it is intact; see `manifest.intact_path`."""
        return manifest.intact_path(self.name, self.folder / str(file['file']), file)

    @property
    def end(self) -> str | None:
        """How this version ended, 'replaced' or 'removed'; None while its files are there or only damaged."""
        if all(manifest.path_of(self.name, self.manifest, file).exists() for file in manifest.files(self.manifest)):
            return None
        now = manifest.read(self.name)
        if now is None:
            return 'removed'
        return 'replaced' if now['version'] != self.manifest['version'] else None


class Paths(dict[str, Path]):
    """Paths of stimuli by stimulus_id, which keep the version that they are of on disk.

    A file is checked whenever its path is taken: one that is altered after the stimuli were loaded would be scored as
    the one in the manifest.

    Attributes
    ----------
    version : Version
    """

    def __init__(self, version: Version, paths: dict[str, Path]) -> None:
        super().__init__(paths)
        self.version = version
        self._files = {file['stimulus_id']: file for file in version.manifest['stimuli']}

    def __getitem__(self, stimulus_id: str) -> Path:
        return manifest.intact_path(self.version.name, super().__getitem__(stimulus_id), self._files[stimulus_id])

    def __reduce__(self) -> tuple[Any, ...]:
        return Paths, (self.version, dict(self))


def current(name: str) -> Version:
    """Take the version of a dataset that its manifest names now.

    Raises
    ------
    DataNotFoundError
        When the dataset isn't on this machine; the message has the command that brings it.
    DataError
        When its manifest is damaged.
    """
    while True:
        entry = manifest.require(name)
        folder = manifest.data_folder() / name / str(entry['version'])
        version = Version(name, manifest.sha256(entry), folder, entry, _Lease(folder))
        # Whoever replaces the manifest from now on sees the lock. A version replaced before may be gone already.
        if manifest.read(name) == entry:
            return version


def version_of(stimuli: Any) -> Version | None:
    """Version that the stimuli of a StimulusSet are of; None for those from Brain-Score's own storage."""
    return getattr(stimuli.stimulus_paths, 'version', None)


def read_elsewhere(folder: Path) -> bool:
    """Whether another process reads the version in a folder. This process gives up its own locks on it."""
    for lease in list(_leases):
        if lease.folder == folder:
            lease.release()
    handle = _open(folder, os.O_RDWR)  # some network disks lock only files that may be written to
    if handle is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def _lock(folder: Path) -> int | None:
    """Lock the file of a version's readers; None where that isn't possible."""
    handle = _open(folder, os.O_RDONLY | os.O_CREAT)  # versions of earlier releases lack the file
    if handle is not None:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
        except OSError:
            os.close(handle)
            return None
    return handle


def _open(folder: Path, flags: int) -> int | None:
    if fcntl is None:
        return None
    try:
        return os.open(folder / READERS, flags, 0o666)
    except OSError:  # the folder is gone, or another user's
        return None


@contextlib.contextmanager
def reporting_replacement(versions: Iterable[Version]) -> Iterator[None]:
    """Explain an exception by the removal of a version, where its files are gone.

    Raises
    ------
    DataError
        When the block fails, and files of a version are gone because its dataset was replaced or removed.
    """
    try:
        yield
    except Exception as error:
        for version in versions:
            end = version.end
            if end is not None:
                raise DataError(f'{version.name} was {end} while it was read. Run this again.') from error
        raise
