"""Requests to the servers that hold a file: each ends in time, is tried again, then goes to the next server."""

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import httpx

from m2m_benchmarks.acquisition.line import FailedError, Line, UnreachedError, refused
from m2m_benchmarks.errors import DataError

_SPAN = re.compile(r'bytes (\d+)-(\d+)/(\d+)\Z')

T = TypeVar('T')


class AbsentError(DataError):
    """None of the mirrors has the file, and all of them say so."""


class _AbsentError(FailedError):
    """One of them says so."""


@contextlib.contextmanager
def asked(line: Line, method: str, url: str, end: float, **headers: str) -> Iterator[httpx.Response]:
    """An answer as of `Line.answer`, which is one of 200, 206 or 416 and no web page."""
    with line.answer(method, url, end, **headers) as response:
        _check(response)
        yield response


def _check(response: httpx.Response) -> None:
    status = response.status_code
    if status in (200, 206) and response.headers.get('Content-Type', '').startswith('text/html'):
        raise FailedError('a web page came in place of the file, of a proxy or a login', again=False)
    if status not in (200, 206, 416):
        raise refused(response, _AbsentError if status in (404, 410) else FailedError)


def span(response: httpx.Response) -> tuple[int, int, int]:
    """First and last byte of what a partial answer holds, and the length of the whole file."""
    found = _SPAN.match(response.headers.get('Content-Range', ''))
    if response.status_code != 206 or found is None:
        raise FailedError('it says neither which bytes it sends nor how many there are', again=True)
    first, last, length = map(int, found.groups())
    return first, last, length


def insist(
    urls: Sequence[str],
    ask: Callable[[str, float], T],
    tries: int = 4,
    limit_s: float = 300,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Ask mirrors in order, each of them several times, until one answers as it should.

    Parameters
    ----------
    urls : sequence of str
        Mirrors.
    ask : callable
        Called with an address and until when, as of `time.monotonic`, that mirror may take.
    tries : int
        Of each mirror; the wait doubles after each.
    limit_s : float
        For all of it. Those mirrors that are left share what is left.
    sleep : callable
        What waits between the tries.

    Raises
    ------
    DataError
        When none does: what each of them answered. It is an `AbsentError` when none has the file, an `UnreachedError`
        when another time one of them may.
    """
    failures: dict[str, FailedError] = {}
    last = time.monotonic() + limit_s
    for i, url in enumerate(urls):
        now = time.monotonic()
        end = now + (last - now) / (len(urls) - i)
        for number in range(tries):
            try:
                return ask(url, end)
            except FailedError as failure:
                failures[url] = failure
                wait = max(2**number, failure.wait_s)
                if not failure.again or number + 1 == tries or time.monotonic() + wait >= end:
                    break
                sleep(wait)
    listed = ' '.join(f'{url}: {failure}.' for url, failure in failures.items())
    if all(isinstance(failure, _AbsentError) for failure in failures.values()):
        raise AbsentError(f'no server has the file. {listed}')
    kind = UnreachedError if any(failure.again for failure in failures.values()) else DataError
    raise kind(
        f'a file could not be read from its server. {listed} Check the connection (a proxy is taken from HTTPS_PROXY '
        'or HTTP_PROXY), then run this again.'
    )


def size(urls: Sequence[str], line: Line, **options: Any) -> int:
    """Bytes of a file, without moving it; parameters and errors are those of `insist`."""
    return version(urls, line, **options)[0]


def version(urls: Sequence[str], line: Line, **options: Any) -> tuple[int, str]:
    """Bytes of a file and its ETag ('' where there is none), as of `size`."""

    def ask(url: str, end: float) -> tuple[int, str]:
        try:
            with asked(line, 'HEAD', url, end) as response:
                if response.status_code == 200 and response.headers.get('Content-Length', '').isdecimal():
                    return int(response.headers['Content-Length']), response.headers.get('ETag', '')
        except FailedError as failure:
            if failure.again or isinstance(failure, _AbsentError):
                raise
        # Some servers refuse HEAD, or don't know the length of what they would send.
        with asked(line, 'GET', url, end, Range='bytes=0-0') as response:
            return span(response)[2], response.headers.get('ETag', '')

    return insist(urls, ask, **options)
