"""The data folder, and writing files so that they are complete or not there at all."""

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import filelock
import platformdirs

from m2m_benchmarks.errors import StorageError


def home() -> Path:
    """Folder of all data, activations and results: the environment variable M2M_HOME, or the platform's default."""
    folder = os.environ.get('M2M_HOME')
    return Path(folder).expanduser().absolute() if folder else platformdirs.user_data_path('m2m', appauthor=False)


def ensure_writable(
    folder: Path, remedy: str = 'Set M2M_HOME to a folder you can write to, or fix the permissions of this one.'
) -> Path:
    """Make a folder, where there is none, and check that files can be written to it.

    Raises
    ------
    StorageError
        When they can't be: the disk is read-only, a permission is missing, or a file has this name.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StorageError(f'cannot write to {folder}: {error.strerror or error}. {remedy}') from error
    return folder


def free_bytes(folder: Path) -> int:
    """Free disk space at `folder` or its nearest existing parent."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


@contextlib.contextmanager
def reporting_write_errors(what: str, folder: Path) -> Iterator[None]:
    """Turn errors of writing files into a `StorageError`.

    These include the RuntimeError that netCDF and HDF5 raise when the disk is full.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not str(error).startswith(('NetCDF', 'HDF')):
            raise
        reason = getattr(error, 'strerror', None) or error
        raise StorageError(
            f'cannot write {what} to {folder}: {reason} ({free_bytes(folder) / 1e6:,.0f} MB free). '
            'Nothing was changed; make room or set M2M_HOME to another disk, then run the command again.'
        ) from error


@contextlib.contextmanager
def atomic_write(path: Path, mode: str = 'w') -> Iterator[IO]:
    """Open a temporary file that replaces `path` at the end of the block, or is removed if the block fails."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.')
    try:
        with os.fdopen(handle, mode, encoding=None if 'b' in mode else 'utf-8') as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Flush a finished file to disk, before anything refers to it."""
    with path.open('rb') as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to disk, on platforms that can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def file_lock(path: Path, what: str, wait_s: float = 0) -> Iterator[None]:
    """Hold a lock during the block; the system releases it even if the process is killed.

    Raises
    ------
    StorageError
        When another process still holds it after `wait_s` seconds, or its file can't be opened.
    """
    lock = filelock.FileLock(path, timeout=wait_s)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise StorageError(
            f'{what} is already running in another process. Wait for it to end, then run this again.'
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP):
            remedy = 'This disk has no locks, as some network disks: set M2M_HOME to a folder on a local disk.'
        else:
            remedy = 'Another user may own it: fix its permissions, or set M2M_HOME to another folder.'
        raise StorageError(f'cannot open the lock {path}: {error.strerror or error}. {remedy}') from error
    try:
        yield
    finally:
        lock.release()


def file_state(path: Path) -> tuple[int, ...] | None:
    """Attributes that change when a file is replaced or written to; None where there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@contextlib.contextmanager
def unchanged(paths: Iterable[Path]) -> Iterator[None]:
    """Check that files stay the same during the block: what is loaded from them, and their hashes, belong together.

    Raises
    ------
    StorageError
        When one was replaced, removed or written to.
    """
    before = {path: file_state(path) for path in paths}
    yield
    for path, state in before.items():
        if file_state(path) != state:
            raise StorageError(f'{path} was changed while it was read. Run this again.')


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()
