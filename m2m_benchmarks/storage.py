"""The data folder, and writing files so that they are complete or not there at all."""

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import filelock
import platformdirs

from m2m_benchmarks.errors import StorageError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


#: End of the names of temporary files, and most characters of the final name that they begin with.
_TEMPORARY = '.tmp'
_LONGEST_PREFIX = 50
#: Folders and files in the data folder that only the library writes.
_STORES = ('data', 'downloads', 'activations', 'ceilings', 'runs', 'sweeps', 'results.sqlite')


def home() -> Path:
    """Folder of all data, activations and results: the environment variable M2M_HOME, or the platform's default.

    Raises
    ------
    StorageError
        When M2M_HOME can't be the path of a folder here.
    """
    named = os.environ.get('M2M_HOME')
    if not named:
        return platformdirs.user_data_path('m2m', appauthor=False)
    remedy = 'Set M2M_HOME to another folder.'
    try:
        folder = Path(named).expanduser().absolute()
        folder.exists()
    except RuntimeError as error:
        raise StorageError(f'M2M_HOME is {named}, but there is no such user. {remedy}') from error
    except OSError as error:
        raise StorageError(f'M2M_HOME is {named}: {_reason(error)}. {remedy}') from error
    if os.sep == '/' and '\\' in str(folder):
        raise StorageError(f'M2M_HOME is {named}: netCDF cannot open files in a folder with a backslash. {remedy}')
    return folder


def ensure_writable(folder: Path, remedy: str = 'Set M2M_HOME to another folder.') -> Path:
    """Make a folder, where there is none, and check that files can be written to it.

    Parameters
    ----------
    folder : Path
    remedy : str
        Sentence that says which other folder to use, and how.

    Raises
    ------
    StorageError
        When they can't be: the disk is read-only or full, a permission is missing, or a file has this name.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StorageError(f'cannot write to {folder}: {_reason(error)}. {_fix(error)}{remedy}') from error
    return folder


def ensure_file_writable(path: Path, remedy: str) -> None:
    """Check, before a long run, that a file which the user names can be written.

    Parameters
    ----------
    path : Path
        File, which may exist; or a device, a pipe, or a link to one of these.
    remedy : str
        Sentence that says how to name another file.

    Raises
    ------
    StorageError
        When it can't be written, or is a folder.
    """
    try:
        if path.is_dir():
            raise StorageError(f'cannot write to {path}: it is a folder. {remedy}')
        if path.exists() and not os.access(path, os.W_OK):  # the user protects it, even where its folder is writable
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if replaces(path):
            target = _target(path)
            if _is_in_a_store(target):
                raise StorageError(f'cannot write to {path}: M2M keeps data or results there. {remedy}')
            ensure_writable(target.parent, remedy)
    except OSError as error:
        raise StorageError(f'cannot write to {path}: {_reason(error)}. {_fix(error)}{remedy}') from error


@contextlib.contextmanager
def user_file(path: Path, remedy: str, mode: str = 'w') -> Iterator[IO]:
    """Open a file that the user names for writing, as `atomic_write` does; see `ensure_file_writable`."""
    ensure_file_writable(path, remedy)
    try:
        with atomic_write(path.absolute(), mode) as file:
            yield file
    except OSError as error:
        raise StorageError(f'cannot write to {path}: {_reason(error)}. {_fix(error)}{remedy}') from error


def free_bytes(folder: Path) -> int:
    """Free disk space at `folder` or its nearest existing parent."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


#: Conditions of the machine that the user can fix, and how.
_FIXES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), 'Make room on this disk, or use another one.'),
    errno.EFBIG: 'Raise the limit on the size of files (ulimit -f), or use another disk.',
    **dict.fromkeys(
        (errno.EMFILE, errno.ENFILE),
        'Too many files are open at once: raise the limit, as by ulimit -n 4096, or close other programs.',
    ),
    errno.ENAMETOOLONG: 'Choose a shorter name.',
    errno.EROFS: 'This disk can only be read: use another one.',
    **dict.fromkeys((errno.EACCES, errno.EPERM), 'Fix the permissions, or use another folder.'),
    **dict.fromkeys(
        (errno.ENOLCK, errno.EOPNOTSUPP), 'This disk has no locks, as some network disks: use a folder on a local disk.'
    ),
    errno.ENOMEM: 'Close other programs, or use a machine with more memory.',
}
#: Numbers of errors in the messages of Rust libraries and of shutil.
_NUMBER = re.compile(r'\(os error (\d+)\)|\[Errno (\d+)\]')


def errno_of(error: BaseException) -> int | None:
    """Return the number of the system's error that caused an exception; None for others."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    text = str(error)
    # Libraries that can't be loaded give an ImportError, PyTorch a RuntimeError.
    if isinstance(error, MemoryError) or 'failed to map segment' in text or os.strerror(errno.ENOMEM) in text:
        return errno.ENOMEM
    match = _NUMBER.search(text)
    return None if match is None else int(match[1] or match[2])


def environment_error(error: BaseException) -> StorageError | None:
    """Explain an exception that a condition of the machine caused, such as a full disk; return None for others."""
    if errno_of(error) not in _FIXES:
        return None
    file = getattr(error, 'filename', None)
    return StorageError(f'{"" if file is None else f"{file}: "}{_reason(error)}. {_fix(error)}'.rstrip())


def _reason(error: BaseException) -> str:
    number = errno_of(error)
    return str(error) if number is None else os.strerror(number)


def _fix(error: BaseException) -> str:
    """Sentence, with a space after it, that says what to do; '' where the error itself says enough."""
    fix = _FIXES.get(errno_of(error) or 0)
    return '' if fix is None else f'{fix} '


@contextlib.contextmanager
def reporting_write_errors(what: str, folder: Path) -> Iterator[None]:
    """Turn errors of writing files into a `StorageError`, which says what to do.

    These include the RuntimeError that netCDF and HDF5 raise when the disk is full, and the errors of safetensors.
    """
    try:
        yield
    except Exception as error:
        is_hdf = isinstance(error, RuntimeError) and str(error).startswith(('NetCDF', 'HDF'))
        if isinstance(error, StorageError) or not (isinstance(error, OSError) or is_hdf or errno_of(error) in _FIXES):
            raise
        full = is_hdf or errno_of(error) in (errno.ENOSPC, errno.EDQUOT)
        free = f' ({free_bytes(folder) / 1e6:,.0f} MB free)' if full else ''
        own = folder.is_relative_to(home())
        remedy = 'Set M2M_HOME to another folder if this one cannot be used. ' if own else ''
        fix = 'Check the space of this disk and the limit on the size of files. ' if is_hdf else _fix(error)
        raise StorageError(
            f'cannot write {what} to {folder}: {_reason(error)}{free}. Nothing was changed. {fix}{remedy}'
            'Then run the command again.'
        ) from error


def replaces(path: Path) -> bool:
    """Whether `atomic_write` replaces a file as a whole: not a device, a pipe, or a file that the shell has open."""
    try:
        status = path.stat()
    except OSError:
        return True
    return stat.S_ISREG(status.st_mode) and _descriptor(status) is None


@contextlib.contextmanager
def atomic_write(path: Path, mode: str = 'w') -> Iterator[IO]:
    """Open a temporary file that replaces `path` at the end of the block, or is removed if the block fails.

    A link stays, and the file that it leads to is replaced. Devices, pipes and files that are open already, such as
    /dev/stdout, are written as they are. A file keeps its permissions; a new one gets those of the umask. Temporary
    files of killed processes are removed when the same file is written again.
    """
    encoding = None if 'b' in mode else 'utf-8'
    if not replaces(path):
        descriptor = _descriptor(path.stat())
        with open(path if descriptor is None else os.dup(descriptor), mode, encoding=encoding) as file:  # noqa: PTH123
            yield file
        return
    path = _target(path)
    prefix = f'.{path.name[:_LONGEST_PREFIX]}.'
    _sweep(path.parent, prefix)
    while True:
        temporary = path.with_name(f'{prefix}{secrets.token_hex(4)}{_TEMPORARY}')
        file = temporary.open(mode.replace('w', 'x'), encoding=encoding)
        lock = _lock(file)
        if os.fstat(file.fileno()).st_nlink:  # another process may have swept it before it was locked
            break
        file.close()
        os.close(lock)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(path, temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(lock)
    sync_folder(path.parent)


def _is_in_a_store(path: Path) -> bool:
    """Whether a path is one of the stores in the data folder, a file in one, or one beside it that SQLite makes."""
    try:
        stores = [_target(home() / name) for name in _STORES]
    except StorageError:  # without a data folder there are no stores
        return False
    return any(
        store in (path, *path.parents) or (path.parent == store.parent and path.name.startswith(f'{store.name}-'))
        for store in stores
    )


def _target(path: Path) -> Path:
    """File that a path leads to, through links, whether it exists or not."""
    return Path(os.path.realpath(path))


def _descriptor(status: os.stat_result) -> int | None:
    """Number under which a regular file is open for writing in this process already, as by the shell's `>`."""
    if fcntl is None or not stat.S_ISREG(status.st_mode):
        return None
    for entry in Path('/dev/fd').iterdir():
        with contextlib.suppress(OSError, ValueError):
            number = int(entry.name)
            access = fcntl.fcntl(number, fcntl.F_GETFL) & (os.O_RDONLY | os.O_WRONLY | os.O_RDWR)
            if os.path.samestat(os.fstat(number), status) and access != os.O_RDONLY:
                return number
    return None


def _lock(file: IO) -> int:
    """Lock a temporary file, so that no other process sweeps it. Return the descriptor whose closing unlocks it."""
    descriptor = os.dup(file.fileno())
    if fcntl is not None:
        with contextlib.suppress(OSError):  # without locks, nothing is swept
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _sweep(folder: Path, prefix: str) -> None:
    """Remove the temporary files that killed processes have left: those that nobody locks."""
    if fcntl is None:
        return
    temporary = re.compile(rf'{re.escape(prefix)}[0-9a-f]{{8}}{re.escape(_TEMPORARY)}')
    for path in folder.iterdir():
        if temporary.fullmatch(path.name):
            with contextlib.suppress(OSError), path.open('rb') as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


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
        own = 'Set M2M_HOME to another folder if this one cannot be used.'
        raise StorageError(f'cannot open the lock {path}: {_reason(error)}. {_fix(error)}{own}') from error
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


@dataclass(frozen=True)
class FilesState:
    """State of files, and of the folders on the way to them; see `files_state`.

    Attributes
    ----------
    files : tuple
        States of the files and of links to them, and the paths of the folders.
    folders : tuple
        What `_times` gives for each folder and link on the way.
    """

    files: tuple[object, ...]
    folders: 'tuple[_Times | None, ...]'

    def is_kept(self, later: 'FilesState') -> bool:
        """Whether nothing was replaced, renamed or written to between this state and a later one."""
        return self.files == later.files and all(map(_is_kept, self.folders, later.folders))


def files_state(paths: Iterable[Path]) -> FilesState:
    """Attributes that change when files, or folders and links on the way to them, are replaced, renamed or written to.

    Of folders in which files are made or removed, renaming is not noticed: others may do this at any time.
    """
    files = [path.absolute() for path in paths]
    links = [file for file in files if file.is_symlink()]
    # Each folder once: this is asked of all stimuli, again and again.
    folders = {file.parent for file in files}
    ends = {*folders, *map(_target, [*folders, *links])}
    ways = tuple(sorted({way for end in ends for way in (end, *end.parents)}))
    states = *map(file_state, files), *map(_times, links)
    return FilesState((*states, ways), tuple(map(_times, ways)))


#: Number, time of modification and time of change of a folder or link itself, and whether it is a folder.
_Times = tuple[int, int, int, bool]


def _times(path: Path) -> _Times | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, stat.S_ISDIR(status.st_mode)


def _is_kept(before: _Times | None, later: _Times | None) -> bool:
    if before is None or later is None or before[0] != later[0] or not later[3]:
        return before == later
    # A file that is made or removed in a folder sets both of its times, renaming the folder the time of change alone.
    return later[2] in (before[2], later[1])


@contextlib.contextmanager
def unchanged(paths: Iterable[Path]) -> Iterator[None]:
    """Check that files stay the same during the block: what is loaded from them, and their hashes, belong together.

    Raises
    ------
    StorageError
        When one was replaced, removed or written to.
    """
    before = {path: files_state([path]) for path in paths}
    yield
    for path, state in before.items():
        if not state.is_kept(files_state([path])):
            raise StorageError(f'{path} was changed while it was read. Run this again.')


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()
