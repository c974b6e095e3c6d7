"""Limits on files from outside: which are read, and how many bytes they may hold once they are unpacked.

A file that somebody else made may be a device without an end, a link to a file that isn't theirs, or a few
kilobytes that unpack to terabytes. Sizes are looked up before anything is unpacked, and counted where nothing states
them.
"""

import bz2
import gzip
import json
import lzma
import math
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from m2m_benchmarks.errors import DataError, StorageError

#: Environment variable with the most bytes that one file, or one set of images, may hold once unpacked, in GB.
VARIABLE = 'M2M_MAX_GB'
_DEFAULT_GB = 8
#: Bytes that are unpacked at a time.
_PIECE = 2**20
#: First bytes of packed files, and what unpacks them.
_PACKED = {b'\x1f\x8b': gzip.open, b'BZh': bz2.open, b'\xfd7zXZ': lzma.open}
_KINDS = {
    stat.S_IFDIR: 'a folder',
    stat.S_IFIFO: 'a pipe',
    stat.S_IFSOCK: 'a socket',
    stat.S_IFCHR: 'a device',
    stat.S_IFBLK: 'a device',
}


def most_bytes() -> int:
    """Most bytes that one file may hold once it is unpacked: 8 GB, or what M2M_MAX_GB says.

    Raises
    ------
    DataError
        When M2M_MAX_GB is not a positive number.
    """
    text = os.environ.get(VARIABLE, '').strip() or str(_DEFAULT_GB)
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = math.nan
    if not 0 < gigabytes < math.inf:
        raise DataError(f'the environment variable {VARIABLE} is {text!r}; expected a number of GB, such as 16.')
    return int(gigabytes * 1e9)


def refuse_size(what: str, n_bytes: float) -> None:
    """Raise a DataError if something has more bytes than `most_bytes` allows; `what` begins its message."""
    most = most_bytes()
    if n_bytes > most:
        raise DataError(
            f'{what} unpacks to {n_bytes / 1e9:,.3g} GB or more; expected at most {most / 1e9:,.3g} GB. If you '
            f'know that it is meant to be so large, raise the limit with the environment variable {VARIABLE}.'
        )


class Total:
    """Sum of bytes that are held in memory together, such as the images of a folder.

    Parameters
    ----------
    what : str
        Name of the content in messages.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._n_bytes = 0

    def add(self, n_bytes: int) -> None:
        """Count further bytes; raise a DataError where there are too many."""
        self._n_bytes += n_bytes
        refuse_size(self._what, self._n_bytes)


def require_file(path: Path, inside: Path | None = None) -> Path:
    """Check that a path is that of a regular file, and return it. Links are followed.

    Parameters
    ----------
    path : Path
    inside : Path, optional
        Folder that the file has to be in, wherever links lead. A link that the folder's own path consists of counts
        as the folder.

    Raises
    ------
    DataError
        When it is a folder, pipe, device or socket, or outside. Nothing has been opened then.
    OSError
        When there is no such file.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        raise DataError(f'{path} is {_KINDS.get(stat.S_IFMT(mode), "of another kind")}; expected a file.')
    if inside is not None and not path.resolve().is_relative_to(inside.resolve()):
        raise DataError(f'{path} leads out of {inside}, to {path.resolve()}; put a copy of the file there.')
    return path


def read_file(path: Path, inside: Path | None = None) -> bytes:
    """Read a regular file of a limited size.

    Parameters and errors are those of `require_file`; a DataError also when the file is too large.
    """
    refuse_size(str(path), require_file(path, inside).stat().st_size)
    return path.read_bytes()


def read_json(path: Path, expected: str) -> Any:
    """Read JSON from a regular file of a limited size.

    Parameters
    ----------
    path : Path
    expected : str
        End of the message about other content, such as 'expected a file of `m2m results export FILE.json`'.

    Raises
    ------
    StorageError
        When the file can't be read.
    DataError
        When it is no JSON, no regular file, or too large.
    """
    try:
        return json.loads(read_file(path).decode())
    except OSError as error:
        raise StorageError(f'{path} cannot be read: {error.strerror or error}.') from error
    except (ValueError, RecursionError) as error:
        raise DataError(f'{path} is not JSON: {error}; {expected}.') from error


def unpacked(file: IO[bytes]) -> IO[bytes]:
    """Open what a binary file holds, if it is packed by gzip, bzip2 or xz; else return the file."""
    start = file.read(6)
    file.seek(0)
    for magic, unpack in _PACKED.items():
        if start.startswith(magic):
            return unpack(file)  # type: ignore[operator, no-any-return]
    return file


def pieces(file: IO[bytes], what: str) -> Iterator[bytes]:
    """Yield the content of a binary file piece by piece, up to the limit.

    Raises
    ------
    DataError
        When there is more; its message begins with `what`.
    """
    total = Total(what)
    while piece := file.read(_PIECE):
        total.add(len(piece))
        yield piece


def read_unpacked(file: IO[bytes], what: str) -> bytes:
    """Read what a binary file holds, unpacked if it is packed; errors are those of `pieces` and of the unpacking."""
    return b''.join(pieces(unpacked(file), what))


def check_zip(archive: zipfile.ZipFile, names: list[str], where: Path) -> None:
    """Check the size of members of a zip archive together, from its directory, and how they are packed.

    Raises
    ------
    DataError
        When they are too large, encrypted, or packed by a method that unpacks without regard to the size that is asked
        for.
    """
    members = [archive.getinfo(name) for name in names]
    refuse_size(str(where), sum(member.file_size for member in members))
    for member in members:
        if member.flag_bits & 1:
            raise DataError(f'{where}: {member.filename} is encrypted. Pack it without a password.')
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(
                f'{where}: {member.filename} is packed by a rare method ({member.compress_type}); pack it as usual, '
                'by deflate.'
            )


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read a member of an archive that `check_zip` has checked: no more than the size that the archive states."""
    with archive.open(name) as file:
        return b''.join(pieces(file, name))
