"""Downloads of whole session files, each with a note by which it is checked later."""

import contextlib
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from m2m_benchmarks.errors import DataError
from m2m_benchmarks.net.client import HttpClient
from m2m_benchmarks.net.download import KEPT, complete, discard, lock_download, origin_note, partial_bytes
from m2m_benchmarks.net.failures import FileUnusable, RequestFailed, without_password
from m2m_benchmarks.net.notes import note_path, usable, write_note
from m2m_benchmarks.net.retry import RETRY, RetryPolicy
from m2m_benchmarks.net.sizes import file_version
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.storage import atomic_write, reporting_write_errors, sync_folder

#: Most requests of an attempt: the size before and after, up to two each, and the content.
MOST_REQUESTS = 5


def whole_file(
    urls: Sequence[str],
    path: Path,
    check_readable: Callable[[Path], None],
    check_content: Callable[[Path, str], None],
    progress: Progress | None = None,
    retry: RetryPolicy = RETRY,
) -> int:
    """Download a file to `path`, with a note of its bytes, ETag and SHA-256 (see `net.notes`).

    An existing file that differs from its note, or has none, is downloaded again. The file is called `NAME.new`, which
    a later call resumes, until it has the size that the server states, can be opened, and has the required content.

    Parameters
    ----------
    urls, progress
        See `download`.
    path : Path
        Destination.
    check_readable : callable
        Called with a path; raises a DataError unless the file can be opened. The next mirror is tried then.
    check_content : callable
        Called with a path and the first mirror's address; raises a DataError unless the file has the required content.
    retry : RetryPolicy
        Number of attempts and time limits. A mirror that sends nothing is given up after
        `retry.longest_s(1, MOST_REQUESTS)`.

    Returns
    -------
    int
        Bytes transferred.

    Raises
    ------
    DataError
        When no mirror sends the file, or it lacks the required content.
    StorageError
        When it can't be written, or another process is downloading it.
    """
    new = path.with_name(f'{path.name}.new')
    if note_path(path).exists() and usable(path):
        discard(new)  # left by a process that was killed
        return 0
    moved = _ByteCounter(partial_bytes(new), progress)
    with lock_download(new), contextlib.closing(retry.client()) as client:

        def attempt(url: str, end: float) -> tuple[int, str]:
            version = _download_unchanged(client, url, new, moved, end)
            try:
                check_readable(new)
            except DataError as error:
                discard(new)
                raise FileUnusable(str(error)) from error
            return version

        _, etag = retry.run(
            urls,
            attempt,
            limit_s=math.inf,
            failed=f'{new.name} could not be downloaded.',
            kept=KEPT,
            progress=lambda: partial_bytes(new),
        )
    with reporting_write_errors(path.name, path.parent):
        try:
            check_content(new, without_password(urls[0]))
        except DataError:
            discard(new)
            raise
        write_note(path, new, etag=etag)
        new.replace(path)
        sync_folder(path.parent)
        discard(new)
    return moved.bytes


def remove_whole_file(path: Path) -> None:
    """Remove a file and its note."""
    note_path(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _download_unchanged(client: HttpClient, url: str, new: Path, progress: Progress, end: float) -> tuple[int, str]:
    """Try once to download a file that doesn't change meanwhile; return its size and ETag."""
    version = file_version(client, url, end)
    size, etag = version
    origin = json.dumps([without_password(url), size, etag])
    if not (etag and _read_origin(new) == origin and new.exists() and new.stat().st_size == size):
        new.unlink(missing_ok=True)
        with atomic_write(origin_note(new)) as note:
            note.write(origin)
        complete(client, url, new, progress=progress, end=end)
    # Answers without a length can't be checked otherwise.
    if new.stat().st_size != size or file_version(client, url, end) != version:
        new.unlink()
        raise RequestFailed('the file is incomplete, or changed during the download', retryable=True)
    return version


def _read_origin(new: Path) -> str:
    """Read the note of a file's origin; '' if there is none."""
    try:
        return origin_note(new).read_text(encoding='utf-8')
    except (OSError, ValueError):
        return ''


class _ByteCounter:
    """Progress of a download that also counts its bytes."""

    def __init__(self, done: int, progress: Progress | None) -> None:
        self.bytes = 0
        self._done = done
        self._progress = progress

    def __call__(self, name: str, done: int, total: int) -> None:
        # An attempt that begins at the start again transfers all of it again.
        self.bytes += done - self._done if done > self._done else done
        self._done = done
        if self._progress:
            self._progress(name, done, total)
