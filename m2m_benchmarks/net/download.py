"""Downloads of whole, checked files. An interrupted one is resumed by the next call."""

import contextlib
import hashlib
import math
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx

from m2m_benchmarks.limits import VARIABLE, most_bytes
from m2m_benchmarks.messages import say
from m2m_benchmarks.net.client import HttpClient, status_failure
from m2m_benchmarks.net.failures import RequestFailed, without_password
from m2m_benchmarks.net.notes import usable, write_note
from m2m_benchmarks.net.retry import RETRY, RetryPolicy
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.storage import (
    ensure_writable,
    file_lock,
    reporting_write_errors,
    sha256_file,
    sync_file,
    sync_folder,
)

#: End of the message of a download that failed.
KEPT = ': the part that was downloaded is kept'
#: Bytes of an answer that doesn't say how many it has, far more than any table.
MOST_UNMEASURED = 2**30
_RANGE = re.compile(r'bytes (?:(\d{1,18})-\d{1,18}|\*)/(\d{1,18}|\*)\Z')


def download(
    urls: Sequence[str],
    path: Path,
    md5: str | None = None,
    progress: Progress | None = None,
    *,
    unmeasured: bool = False,
    retry: RetryPolicy = RETRY,
) -> Path:
    """Download a file. Until it is complete it is called `NAME.part`, which a later call resumes.

    Parameters
    ----------
    urls : sequence of str
        Mirrors of the file, in the order in which they are tried.
    path : Path
        Destination. A file that exists already is kept when its MD5 is right or, where none is given, the SHA-256 in
        its note (see `net.notes`).
    md5 : str, optional
        Expected MD5. Without it only the length can be checked, and the server has to state it.
    progress : callable, optional
        Called with the file's name, the bytes downloaded, and the bytes of the file (0: the server doesn't say).
    unmeasured : bool
        Whether to accept an answer without a length, because the caller can recognise an incomplete file by its
        content. One of more than 1 GiB (`MOST_UNMEASURED`) is given up.
    retry : RetryPolicy
        Number of attempts and waits between them. Attempts that transfer at least 1 MiB do not count. A mirror that
        sends nothing is given up after `retry.longest_s()`.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    DataError
        When no mirror sends the file: what each of them answered, and what to do. A `ServerUnreachable` when one of
        them may send it later. One that says that it is larger than `limits.most_bytes()` is not downloaded.
    StorageError
        When the file can't be written, or another process is downloading it.
    """
    with lock_download(path), contextlib.closing(retry.client()) as client:
        if path.exists() and (usable(path) if md5 is None else _md5(path) == md5):
            discard(_part(path))  # left by a process that was killed
            return path

        def attempt(url: str, end: float) -> None:
            complete(client, url, path, md5, progress, unmeasured=unmeasured, end=end)

        retry.run(
            urls,
            attempt,
            limit_s=math.inf,
            failed=f'{path.name} could not be downloaded.',
            kept=KEPT,
            progress=lambda: partial_bytes(path),
        )
        if md5 is None:
            write_note(path)
    return path


@contextlib.contextmanager
def lock_download(path: Path) -> Iterator[None]:
    """Prevent other processes from downloading a file for the length of the block.

    Raises
    ------
    StorageError
        When the folder can't be written, or another process is downloading the file.
    """
    ensure_writable(path.parent)
    lock = file_lock(path.with_name(f'.{path.name}.lock'), f'downloading {path.name}')
    with lock, reporting_write_errors(path.name, path.parent):
        yield


def complete(
    client: HttpClient,
    url: str,
    path: Path,
    md5: str | None = None,
    progress: Progress | None = None,
    *,
    unmeasured: bool = False,
    end: float = math.inf,
) -> None:
    """Try once to complete a partial file, check its MD5, and rename it to `path`.

    Parameters are those of `download`; the caller holds the lock of `lock_download`.

    Raises
    ------
    RequestFailed
    """
    part = _part(path)
    have, validator = _resume_point(part, url)
    headers = {'Range': f'bytes={have}-', 'If-Range': validator} if have else {}
    with client.answer('GET', url, end, **headers) as response:
        begin, total = _start_part(response, url, part, have, validator)
        if total is None and md5 is None and not unmeasured:
            raise RequestFailed('the server does not say how long the file is', retryable=True)
        if total is not None and total > most_bytes():
            discard(part)
            raise RequestFailed(
                f'the server says that the file has {total:,} bytes; expected at most {most_bytes():,}. If you know '
                f'that it is so large, raise the limit with the environment variable {VARIABLE}',
                retryable=False,
            )
        if begin != total:
            done, most = begin, MOST_UNMEASURED if total is None else total
            with _noting_interruption(part):
                with part.open('ab') as file:
                    for piece in client.content(response):
                        file.write(piece)
                        done += len(piece)
                        if done > most:
                            break
                        if progress:
                            progress(path.name, done, total or 0)
                if total is not None and done < total:
                    raise RequestFailed(f'the file has {done:,} bytes; expected {total:,}', retryable=True)
            if done > most:
                discard(part)
                if total is not None:
                    raise RequestFailed(f'the file has more than {total:,} bytes', retryable=True)
                reason = f'the server does not say how long the file is, and sends more than {most:,} bytes'
                raise RequestFailed(reason, retryable=False)
    computed = _md5(part) if md5 else None
    if computed != md5:
        discard(part)
        # Pieces may be of different versions, so a download in one piece may succeed.
        raise RequestFailed(f'the file has the MD5 {computed}; expected {md5}', retryable=begin > 0)
    sync_file(part)
    part.chmod(_new_mode())
    origin_note(part).unlink(missing_ok=True)  # first, so that a process that is killed here leaves no note behind
    part.replace(path)
    sync_folder(path.parent)


def partial_bytes(path: Path) -> int:
    """Count the bytes of an unfinished download."""
    part = _part(path)
    return part.stat().st_size if part.exists() else 0


def origin_note(unfinished: Path) -> Path:
    """Path of the note of the address and version of an unfinished file."""
    return unfinished.with_name(f'{unfinished.name}.from')


def discard(unfinished: Path) -> None:
    """Remove an unfinished file and the note of its origin."""
    origin_note(unfinished).unlink(missing_ok=True)  # first: a file without its note is never resumed
    unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def _noting_interruption(part: Path) -> Iterator[None]:
    """If the block is interrupted, add the bytes and the SHA-256 of the part to its note."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            origin = origin_note(part).read_text(encoding='utf-8').splitlines()[:2]
            state = f'{part.stat().st_size} {sha256_file(part)}'
            origin_note(part).write_text('\n'.join([*origin, state, '']), encoding='utf-8')
        raise


def _is_damaged(part: Path, state: str) -> bool:
    """Compare a part with the state in its note; bytes that a process added before it was killed are cut off."""
    size, _, sha256 = state.partition(' ')
    with contextlib.suppress(ValueError):
        if int(size) < part.stat().st_size:
            os.truncate(part, int(size))
    return sha256 != sha256_file(part)


def _start_part(response: httpx.Response, url: str, part: Path, have: int, validator: str) -> tuple[int, int | None]:
    """Prepare the partial file for an answer.

    Returns the offset of the answer's content in the file, and the length of the whole file if it is known.
    """
    status = response.status_code
    span = _RANGE.match(response.headers.get('Content-Range', ''))
    total = int(span[2]) if span and span[2].isdigit() else None
    if status == 416 and have and total == have:  # interrupted between its last byte and its name
        return have, have
    if status == 206 and have and span and span[1] == str(have) and _validator(response) in (validator, ''):
        return have, total
    if status in (206, 416) and have:
        discard(part)
        raise RequestFailed(f'the server answered {status} with other bytes than those requested', retryable=True)
    if status == 200:
        discard(part)
        part.touch(mode=0o600)  # nobody else reads a file before it is checked
        if _validator(response):
            origin_note(part).touch(mode=0o600)
            origin_note(part).write_text(f'{without_password(url)}\n{_validator(response)}\n', encoding='utf-8')
        length = response.headers.get('Content-Length')
        return 0, None if length is None else int(length)
    raise status_failure(response)


def _validator(response: httpx.Response) -> str:
    """ETag or date that identifies this version of a file; '' when the server sends neither."""
    etag = response.headers.get('ETag', '')
    # A weak ETag (W/"…") doesn't guarantee every byte.
    version: str = etag if etag.startswith('"') else response.headers.get('Last-Modified', '')
    return version if version.isascii() else ''


def _part(path: Path) -> Path:
    return path.with_name(f'{path.name}.part')


def _resume_point(part: Path, url: str) -> tuple[int, str]:
    """Number of bytes of a partial file that can be resumed, and their validator."""
    try:
        noted = origin_note(part).read_text(encoding='utf-8').splitlines()
        if len(noted) == 3 and _is_damaged(part, noted.pop()):
            say(f'note: {part} is damaged, and is downloaded from its start.')
            return 0, ''
        size = part.stat().st_size
    except (FileNotFoundError, ValueError):
        return 0, ''
    return (size, noted[1]) if len(noted) == 2 and noted[0] == without_password(url) else (0, '')


def _new_mode() -> int:
    """Permissions of a new file, which only setting the mask tells."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


def _md5(path: Path) -> str:
    with path.open('rb') as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
