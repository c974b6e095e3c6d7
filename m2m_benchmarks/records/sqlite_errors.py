"""Explains the errors of SQLite: what is wrong with the file of results, and what to do."""

import contextlib
import errno
import tempfile
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_LOCAL = 'Set M2M_HOME to a folder on a local disk.'
_NO_LOCKS = f'The disk has no locks or shared memory for SQLite, as some network disks. {_LOCAL}'
_HELD = (
    'Another program holds it, such as a backup or an open `sqlite3`: wait for it to end, or end it, then run the '
    'command again.'
)
_FULL = (
    'The disk is full or fails, or a limit on the size of files is reached: make room, or set M2M_HOME to another disk.'
)
_CLOSED = 'Fix the permissions of the file and its folder, or set M2M_HOME to another folder.'
_DAMAGED = 'If it is damaged, or not a results file of M2M, move it away; M2M then creates a new one.'
#: Starts of SQLite's names of errors, and what they mean here; the first one that fits counts.
_MEANINGS = {
    'SQLITE_PROTOCOL': _NO_LOCKS,
    **dict.fromkeys(
        [f'SQLITE_IOERR_{step}' for step in ('SHMOPEN', 'SHMLOCK', 'SHMMAP', 'LOCK', 'RDLOCK', 'UNLOCK')], _NO_LOCKS
    ),
    'SQLITE_IOERR_CHECKRESERVEDLOCK': _NO_LOCKS,
    'SQLITE_BUSY': _HELD,
    'SQLITE_LOCKED': _HELD,
    'SQLITE_FULL': _FULL,
    'SQLITE_READONLY': _CLOSED,
    'SQLITE_CANTOPEN': _CLOSED,
    'SQLITE_PERM': _CLOSED,
    'SQLITE_CORRUPT': _DAMAGED,
    'SQLITE_NOTADB': _DAMAGED,
    'SQLITE_IOERR': _FULL,
}


def explain(error: BaseException, file: Path) -> str:
    """Explain an error of SQLite in two sentences: its own words, and what to do.

    Parameters
    ----------
    error : Exception
        Error of sqlite3 or peewee. Where an error hides another one, such as that of undoing a failed transaction,
        the first one is explained.
    file : Path
        File of results.
    """
    named = [link for link in _chain(error) if getattr(link, 'sqlite_errorname', 'SQLITE_ERROR') != 'SQLITE_ERROR']
    if not named:
        return f'{error}. {_DAMAGED}'
    name = named[-1].sqlite_errorname  # type: ignore[attr-defined]
    meaning = next((text for start, text in _MEANINGS.items() if name.startswith(start)), _DAMAGED)
    if meaning == _HELD and not _has_locks(file.parent):
        meaning = _NO_LOCKS  # SQLite takes missing locks for those of others
    return f'{named[-1]}. {meaning}'


def _chain(error: BaseException) -> list[BaseException]:
    """List an error, the one that peewee has wrapped, and those before it, from the last to the first."""
    links: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        link = waiting.pop(0)
        if isinstance(link, BaseException) and link not in links:
            links.append(link)
            waiting += [getattr(link, 'orig', None), link.__cause__, link.__context__]
    return links


def _has_locks(folder: Path) -> bool:
    """Whether files in a folder can be locked; True where that can't be tried."""
    if fcntl is None:
        return True
    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=folder) as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
    return True
