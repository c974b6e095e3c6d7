"""Files over HTTP: whole and checked, or not there. The next download goes on where one was interrupted."""

import contextlib
import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx

from m2m_benchmarks.net.client import HttpClient, refused
from m2m_benchmarks.net.failures import RequestFailed
from m2m_benchmarks.net.retry import RETRY, RetryPolicy
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.storage import exclusive, explained, sync_file, sync_folder, writable

#: End of the message of a download that failed.
KEPT = ': what has come is kept'
_RANGE = re.compile(r'bytes (?:(\d+)-\d+|\*)/(\d+|\*)\Z')


def download(
    urls: Sequence[str],
    path: Path,
    md5: str | None = None,
    progress: Progress | None = None,
    *,
    unmeasured: bool = False,
    retry: RetryPolicy = RETRY,
) -> Path:
    """Download a file. Until it is whole it is called `NAME.part`, with which a later call goes on.

    Parameters
    ----------
    urls : sequence of str
        Where it is: mirrors, in the order in which they are tried.
    path : Path
        Where it goes. A file that is there already is kept when its MD5 is right, or none is given.
    md5 : str, optional
        Without it only the length can be checked, and the server has to tell it.
    progress : callable, optional
        Called with the file's name, the bytes that have come, and how many there are (0: the server doesn't say).
    unmeasured : bool
        The server needn't tell the length: the caller can see from the content whether the file came short.
    retry : RetryPolicy
        How often mirrors are tried. A try by which another 1 MiB came isn't counted. A mirror that sends nothing is
        given up after `retry.longest_s()`.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    DataError
        When no mirror gives the file: what each of them answered, and what to do. It is a `ServerUnreachable` when
        another time one of them may.
    StorageError
        When it can't be written, or another process is downloading it.
    """
    with downloading(path), contextlib.closing(retry.client()) as client:
        if path.exists() and md5 in (None, _md5(path)):
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
    return path


@contextlib.contextmanager
def downloading(path: Path) -> Iterator[None]:
    """Lock a file for the length of the block, so that no other process downloads it.

    Raises
    ------
    StorageError
        When its folder can't be written, or another process is downloading it.
    """
    writable(path.parent)
    lock = exclusive(path.with_name(f'.{path.name}.lock'), f'downloading {path.name}')
    with lock, explained(path.name, path.parent):
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
    """Try once to complete a file's part, and check its MD5; the file takes its name when it is whole.

    Parameters are those of `download`, whose lock the caller holds.

    Raises
    ------
    RequestFailed
    """
    part = _part(path)
    have, validator = _kept(part, url)
    headers = {'Range': f'bytes={have}-', 'If-Range': validator} if have else {}
    with client.answer('GET', url, end, **headers) as response:
        begin, total = _opened(response, url, part, have, validator)
        if total is None and md5 is None and not unmeasured:
            raise RequestFailed('it does not say how long the file is', retryable=True)
        if begin != total:
            done = begin
            with part.open('ab') as file:
                for piece in client.content(response):
                    file.write(piece)
                    done += len(piece)
                    if progress:
                        progress(path.name, done, total or 0)
            if total is not None and done != total:
                raise RequestFailed(f'{done:,} bytes came; expected {total:,}', retryable=True)
    computed = _md5(part) if md5 else None
    if computed != md5:
        discard(part)
        # Pieces may not have fitted together: worth a try in one piece. What came in one piece is another file.
        raise RequestFailed(f'the file has the MD5 {computed}; expected {md5}', retryable=begin > 0)
    sync_file(part)
    part.replace(path)
    sync_folder(path.parent)
    discard(part)


def partial_bytes(path: Path) -> int:
    """Bytes of a file that isn't whole yet."""
    part = _part(path)
    return part.stat().st_size if part.exists() else 0


def origin_note(unfinished: Path) -> Path:
    """File that says which version, at which address, an unfinished file is of."""
    return unfinished.with_name(f'{unfinished.name}.from')


def discard(unfinished: Path) -> None:
    """Remove an unfinished file and the note of its origin."""
    origin_note(unfinished).unlink(missing_ok=True)  # first: without it, no download goes on with the file
    unfinished.unlink(missing_ok=True)


def _opened(response: httpx.Response, url: str, part: Path, have: int, validator: str) -> tuple[int, int | None]:
    """Where in the file the content of an answer begins, and how long the file is, if that is known."""
    status = response.status_code
    span = _RANGE.match(response.headers.get('Content-Range', ''))
    total = int(span[2]) if span and span[2].isdigit() else None
    if status == 416 and have and total == have:  # interrupted between its last byte and its name
        return have, have
    if status == 206 and have and span and span[1] == str(have) and _validator(response) in (validator, ''):
        return have, total
    if status in (206, 416) and have:
        discard(part)
        raise RequestFailed(f'it answered {status} with other bytes than those asked for', retryable=True)
    if status == 200:
        discard(part)
        part.touch()
        if _validator(response):
            origin_note(part).write_text(f'{url}\n{_validator(response)}\n', encoding='utf-8')
        length = response.headers.get('Content-Length')
        return 0, None if length is None else int(length)
    raise refused(response)


def _validator(response: httpx.Response) -> str:
    """What tells this version of a file from others; '' when the server doesn't say."""
    etag = response.headers.get('ETag', '')
    # A weak one (W/"…") doesn't vouch for every byte.
    version: str = etag if etag.startswith('"') else response.headers.get('Last-Modified', '')
    return version if version.isascii() else ''


def _part(path: Path) -> Path:
    return path.with_name(f'{path.name}.part')


def _kept(part: Path, url: str) -> tuple[int, str]:
    """Bytes of a part that can be gone on with, and their validator."""
    try:
        noted = origin_note(part).read_text(encoding='utf-8').splitlines()
        size = part.stat().st_size
    except (FileNotFoundError, ValueError):
        return 0, ''
    return (size, noted[1]) if len(noted) == 2 and noted[0] == url else (0, '')


def _md5(path: Path) -> str:
    with path.open('rb') as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
