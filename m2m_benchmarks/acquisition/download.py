"""Files over HTTP: whole and checked, or not there. The next download goes on where one was interrupted."""

import hashlib
import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import httpx

from m2m_benchmarks.errors import DataError
from m2m_benchmarks.storage import exclusive, explained, sync_file, sync_folder, writable

#: Bytes/s below which a server counts as stalled: one that sends a byte now and then never runs into a timeout.
SLOWEST_BYTES_S = 1000
#: Longest wait between tries that a server may ask for.
_LONGEST_WAIT_S = 60
_RANGE = re.compile(r'bytes (?:(\d+)-\d+|\*)/(\d+|\*)\Z')
_PROXY_LOGIN = (
    'the proxy wants a user name and password (407): set HTTPS_PROXY and HTTP_PROXY to http://USER:PASSWORD@HOST:PORT'
)


class FailedError(Exception):
    """A try that failed, and whether the same address is worth another one."""

    def __init__(self, what: str, again: bool, wait_s: int = 0) -> None:
        super().__init__(what)
        self.again = again
        self.wait_s = wait_s


def download(
    urls: Sequence[str],
    path: Path,
    md5: str | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    *,
    tries: int = 4,
    timeout_s: float = 30,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Download a file. Until it is whole it is called `NAME.part`, with which a later call goes on.

    Parameters
    ----------
    urls : sequence of str
        Where it is: mirrors, in the order in which they are tried.
    path : Path
        Where it goes. A file that is there already is kept when its MD5 is right, or none is given.
    md5 : str, optional
        Without it only the length can be checked.
    progress : callable, optional
        Called with the file's name, the bytes that have come, and how many there are (0: the server doesn't say).
    tries : int
        Of each mirror; the wait doubles after each.
    timeout_s : float
        For a connection and for each read. In any such time some kilobytes have to come.
    sleep : callable
        What waits between the tries.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    DataError
        When no mirror gives the file: what each of them answered, and what to do.
    StorageError
        When it can't be written, or another process is downloading it.
    """
    part = path.with_name(f'{path.name}.part')
    failures: dict[str, str] = {}
    writable(path.parent)
    lock = exclusive(path.with_name(f'.{path.name}.lock'), f'downloading {path.name}')
    with lock, explained(path.name, path.parent):
        if path.exists() and md5 in (None, _md5(path)):
            return path
        for url in urls:
            for number in range(tries):
                try:
                    _fetch(url, part, md5, timeout_s, lambda done, total: progress and progress(path.name, done, total))
                except FailedError as failure:
                    failures[url] = str(failure)
                    if not failure.again:
                        break
                    if number + 1 < tries:
                        sleep(max(2**number, failure.wait_s))
                else:
                    sync_file(part)
                    part.replace(path)
                    sync_folder(path.parent)
                    _forget(part)
                    return path
    listed = ' '.join(f'{url}: {failure}.' for url, failure in failures.items())
    raise DataError(
        f'{path.name} could not be downloaded. {listed} Check the connection (a proxy is taken from HTTPS_PROXY or '
        'HTTP_PROXY), then run this again: what has come is kept.'
    )


def _fetch(url: str, part: Path, md5: str | None, timeout_s: float, report: Callable[[int, int], object]) -> None:
    """One try to complete a part, the check of its MD5 included."""
    have, validator = _kept(part, url)
    headers = {'Range': f'bytes={have}-', 'If-Range': validator} if have else {}
    with new_client(timeout_s) as client:
        try:
            request = client.build_request('GET', url, headers=headers)
            response = _within(2 * timeout_s, lambda: client.send(request, stream=True))
            begin, total = _opened(response, url, part, have, validator)
            if begin != total:
                _receive(response, part, begin, total, timeout_s, report)
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise as_failure(error) from error
    found = _md5(part) if md5 else None
    if found != md5:
        _forget(part)
        # Pieces may not have fitted together: worth a try in one piece. What came in one piece is another file.
        raise FailedError(f'what came has the MD5 {found}; expected {md5}', again=begin > 0)


def new_client(timeout_s: float) -> httpx.Client:
    """Client that asks for files as they lie on the server, by the proxies of the environment."""
    # A file is wanted as it lies there: packed on the way it would have another length and MD5.
    headers = {'Accept-Encoding': 'identity', 'User-Agent': 'm2m-benchmarks'}
    try:
        return httpx.Client(timeout=timeout_s, follow_redirects=True, headers=headers)
    except (ImportError, ValueError, OSError, httpx.InvalidURL) as error:
        raise DataError(
            f'the settings of the network cannot be used: {error}. Correct or unset HTTPS_PROXY, HTTP_PROXY, '
            'ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.'
        ) from error


def _within(seconds: float, call: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer to a request, whose own timeouts don't see a server that sends its headers byte by byte."""
    answer: Future[httpx.Response] = Future()

    def run() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:  # of any kind: it is raised where it is waited for
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return answer.result(seconds)
    except TimeoutError as error:
        raise FailedError(f'it gave no answer within {seconds:g} s', again=True) from error


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
        _forget(part)
        raise FailedError(f'it answered {status} with other bytes than those asked for', again=True)
    if status == 200:
        _forget(part)
        part.touch()
        if _validator(response):
            _note(part).write_text(f'{url}\n{_validator(response)}\n', encoding='utf-8')
        length = response.headers.get('Content-Length')
        return 0, None if length is None else int(length)
    raise refused(response)


def refused(response: httpx.Response, kind: type[FailedError] = FailedError) -> FailedError:
    """What an answer without the file means, and whether to ask again."""
    status, wait = response.status_code, response.headers.get('Retry-After', '')
    return kind(
        _PROXY_LOGIN if status == 407 else f'it answered {status} {response.reason_phrase}'.rstrip(),
        again=status in (408, 429) or status >= 500,
        wait_s=min(int(wait), _LONGEST_WAIT_S) if wait.isdecimal() else 0,
    )


def _receive(
    response: httpx.Response,
    part: Path,
    done: int,
    total: int | None,
    timeout_s: float,
    report: Callable[[int, int], object],
) -> None:
    counted, since = done, time.monotonic()
    with part.open('ab') as file:
        for chunk in response.iter_raw():
            file.write(chunk)
            done += len(chunk)
            report(done, total or 0)
            seconds = time.monotonic() - since
            if seconds >= timeout_s:
                if done - counted < SLOWEST_BYTES_S * seconds:
                    raise FailedError(f'only {done - counted:,} bytes came in {seconds:.0f} s', again=True)
                counted, since = done, time.monotonic()
    if total is not None and done != total:
        raise FailedError(f'{done:,} bytes came; expected {total:,}', again=True)


def as_failure(error: httpx.RequestError | httpx.InvalidURL) -> FailedError:
    """What went wrong on the way, and whether it may go right another time."""
    text = str(error).rstrip('.') or type(error).__name__
    if isinstance(error, httpx.ProxyError) and '407' in text:
        return FailedError(_PROXY_LOGIN, again=False)
    if 'CERTIFICATE_VERIFY_FAILED' in text:
        text += '; if your network has certificates of its own, name their file in SSL_CERT_FILE'
        return FailedError(text, again=False)
    lasting = isinstance(error, httpx.UnsupportedProtocol | httpx.TooManyRedirects | httpx.InvalidURL)
    return FailedError(text, again=not lasting)


def _validator(response: httpx.Response) -> str:
    """What tells this version of a file from others; '' when the server doesn't say."""
    etag = response.headers.get('ETag', '')
    # A weak one (W/"…") doesn't vouch for every byte.
    found: str = etag if etag.startswith('"') else response.headers.get('Last-Modified', '')
    return found if found.isascii() else ''


def _note(part: Path) -> Path:
    """File that says which address a part is from, and its validator there."""
    return part.with_name(f'{part.name}.from')


def _kept(part: Path, url: str) -> tuple[int, str]:
    """Bytes of a part that can be gone on with, and their validator."""
    try:
        noted = _note(part).read_text(encoding='utf-8').splitlines()
        size = part.stat().st_size
    except (FileNotFoundError, ValueError):
        return 0, ''
    return (size, noted[1]) if len(noted) == 2 and noted[0] == url else (0, '')


def _forget(part: Path) -> None:
    _note(part).unlink(missing_ok=True)  # first: without it, a part is not gone on with
    part.unlink(missing_ok=True)


def _md5(path: Path) -> str:
    with path.open('rb') as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
