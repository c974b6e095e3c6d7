"""Temporary folders that don't outlive a kill: the next one of the same kind removes what is no longer in use."""

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from m2m_benchmarks.errors import M2MError, StorageError

try:
    import fcntl
except ImportError:  # Windows, where nothing is swept
    fcntl = None  # type: ignore[assignment]

#: End of the name of a lock, which lies beside its folder.
_LOCK = '.lock'


@contextlib.contextmanager
def scratch_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """Make a folder that is removed at the end of the block, or by a later call if this process is killed.

    A lock, which the system releases however the process ends, says that the folder is in use.

    Parameters
    ----------
    prefix : str
        Start of the folder's name; folders with the same start that nobody uses are removed first.
    parent : Path, optional
        Folder to make it in; by default that of temporary files.

    Raises
    ------
    StorageError
        When the folder can't be made, or its disk is full.
    """
    place = Path(tempfile.gettempdir()) if parent is None else parent
    _sweep(place, prefix)
    lock, handle = _locked(place, prefix)
    folder = lock.with_suffix('')
    try:
        folder.mkdir(mode=0o700)
        yield folder
    except M2MError:
        raise  # perhaps of another disk
    except Exception as error:
        if 'No space left on device' not in str(error):  # an OSError, or what safetensors makes of it
            raise
        remedy = 'Make room, or set TMPDIR to another folder.' if parent is None else 'Make room.'
        raise StorageError(f'the disk of {place} is full. {remedy}') from error
    finally:
        _remove(folder, lock)
        os.close(handle)


def _locked(place: Path, prefix: str) -> tuple[Path, int]:
    """Make and hold a new lock; return it and its file descriptor."""
    while True:
        try:
            handle, name = tempfile.mkstemp(dir=place, prefix=prefix, suffix=_LOCK)
        except OSError as error:
            raise StorageError(f'cannot write temporary files to {place}: {error.strerror or error}.') from error
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        # Another process may have swept the file before it was locked.
        if os.fstat(handle).st_nlink:
            return Path(name), handle
        os.close(handle)


def _sweep(place: Path, prefix: str) -> None:
    """Remove the folders of this user whose lock nobody holds."""
    if fcntl is None:
        return
    for lock in place.glob(f'{prefix}*{_LOCK}'):
        with contextlib.suppress(OSError):
            handle = os.open(lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                status = os.fstat(handle)
                if stat.S_ISREG(status.st_mode) and status.st_uid == _user():
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(lock.with_suffix(''), lock)
            finally:
                os.close(handle)


def _remove(folder: Path, lock: Path) -> None:
    """Remove a folder of this user's, not through a link, and then its lock; a lock lasts as long as its folder."""
    with contextlib.suppress(OSError):
        status = folder.lstat()
        if status.st_uid == _user() and stat.S_ISDIR(status.st_mode):
            # The code of a check may have closed folders to us.
            folder.chmod(0o700)
            for place, names, _ in os.walk(folder):
                for path in (Path(place, name) for name in names):
                    if not path.is_symlink():
                        path.chmod(0o700)
            shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        if not folder.exists():
            lock.unlink()


def _user() -> int:
    return os.getuid() if hasattr(os, 'getuid') else 0  # as the owner of all files on Windows
