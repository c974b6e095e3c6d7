"""An HTTP client whose requests end in time, whatever the server does, and what their failures mean."""

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from m2m_benchmarks.errors import DataError
from m2m_benchmarks.net.failures import LONGEST_WAIT_S, FileMissing, RequestFailed

#: Bytes/s below which a server counts as stalled: one that sends a byte now and then never runs into a timeout.
_SLOWEST_BYTES_S = 1000
_PROXY_LOGIN = (
    'the proxy wants a user name and password (407): set HTTPS_PROXY and HTTP_PROXY to http://USER:PASSWORD@HOST:PORT'
)
_CONTENT_RANGE = re.compile(r'bytes (\d+)-(\d+)/(\d+)\Z')


class HttpClient:
    """Requests, one at a time, that end in time.

    The timeouts of httpx are those of a single read and never expire where a byte comes now and then. A thread that
    watches could deadlock with h5py (see `net.remote_file`), so each connection and each read is given what is left of
    the time.

    Parameters
    ----------
    timeout_s : float
        Time for a connection and for each read. Headers have to be there after twice that time, and in any such time
        some kilobytes of content have to come.
    clock : callable
        Clock in s by which the time of a request is measured.
    """

    def __init__(self, timeout_s: float = 30, clock: Callable[[], float] = time.monotonic) -> None:
        self.timeout_s = timeout_s
        self._clock = clock
        self._client = _new_client(timeout_s)
        self._last = self._end = 0.0

    @contextlib.contextmanager
    def answer(self, method: str, url: str, end: float, **headers: str) -> Iterator[httpx.Response]:
        """Send a request; its answer, before its content has come, for the length of the block.

        Parameters
        ----------
        method, url : str
        end : float
            When all has to have come, by the client's clock.
        headers : str
            Further headers of the request.

        Raises
        ------
        RequestFailed
        """
        self._last = end
        self._allow()
        try:
            request = self._client.build_request(method, url, headers=headers, extensions={'trace': self._limit})
            with contextlib.closing(self._client.send(request, stream=True)) as response:
                self._allow()
                yield response
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise _as_failure(error) from error

    @contextlib.contextmanager
    def file_answer(self, method: str, url: str, end: float, **headers: str) -> Iterator[httpx.Response]:
        """Send a request for a file; its answer, of status 200, 206 or 416 and no web page, as `answer` gives it.

        Raises
        ------
        RequestFailed
            It is a `FileMissing` when the server says that it doesn't have the file.
        """
        with self.answer(method, url, end, **headers) as response:
            _check(response)
            yield response

    def content(self, response: httpx.Response) -> Iterator[bytes]:
        """The content of an answer as it comes.

        Raises
        ------
        RequestFailed
            When it comes too slowly.
        """
        counted, since = 0, self._clock()
        for piece in response.iter_raw():
            yield piece
            counted += len(piece)
            seconds = self._clock() - since
            if seconds >= self.timeout_s:
                if counted < _SLOWEST_BYTES_S * seconds:
                    raise RequestFailed(f'only {counted:,} bytes came in {seconds:.0f} s', retryable=True)
                counted, since = 0, self._clock()
                self._allow()

    def _allow(self) -> None:
        self._end = min(self._last, self._clock() + 2 * self.timeout_s)

    def _limit(self, event: str, info: dict[str, Any]) -> None:
        """Bound the making of each connection, and its reads; it serves several requests."""
        if event.endswith(('.connect_tcp.started', '.start_tls.started')):
            # The arguments with which httpcore goes on.
            info['timeout'] = self._left(info.get('timeout'))
        elif event.endswith(('.connect_tcp.complete', '.start_tls.complete')):
            stream = info['return_value']
            read = stream.read

            def limited(max_bytes: int, timeout: float | None = None) -> bytes:
                content: bytes = read(max_bytes, self._left(timeout))
                return content

            stream.read = limited

    def _left(self, timeout_s: float | None) -> float:
        left = self._end - self._clock()
        if left <= 0:
            raise httpx.ReadTimeout('timed out')
        return left if timeout_s is None else min(left, timeout_s)

    def close(self) -> None:
        """Give up all connections."""
        self._client.close()


def refused(response: httpx.Response, kind: type[RequestFailed] = RequestFailed) -> RequestFailed:
    """What an answer without the file means, and whether to ask again."""
    status, wait = response.status_code, response.headers.get('Retry-After', '')
    return kind(
        _PROXY_LOGIN if status == 407 else f'it answered {status} {response.reason_phrase}'.rstrip(),
        retryable=status in (408, 429) or status >= 500,
        wait_s=min(int(wait), LONGEST_WAIT_S) if wait.isdecimal() else 0,
    )


def parse_content_range(response: httpx.Response) -> tuple[int, int, int]:
    """First and last byte of what a partial answer holds, and the length of the whole file.

    Raises
    ------
    RequestFailed
        When it doesn't say them.
    """
    match = _CONTENT_RANGE.match(response.headers.get('Content-Range', ''))
    if response.status_code != 206 or match is None:
        raise RequestFailed('it says neither which bytes it sends nor how many there are', retryable=True)
    first, last, length = map(int, match.groups())
    return first, last, length


def _check(response: httpx.Response) -> None:
    status = response.status_code
    if status in (200, 206) and response.headers.get('Content-Type', '').startswith('text/html'):
        raise RequestFailed('a web page came in place of the file, of a proxy or a login', retryable=False)
    if status not in (200, 206, 416):
        raise refused(response, FileMissing if status in (404, 410) else RequestFailed)


def _new_client(timeout_s: float) -> httpx.Client:
    """Client that asks for files as they lie on the server, by the proxies of the environment."""
    # A file is wanted as it lies there: packed on the way it would have another length and MD5.
    headers = {'Accept-Encoding': 'identity', 'User-Agent': 'm2m-benchmarks'}
    try:
        return httpx.Client(timeout=timeout_s, follow_redirects=True, headers=headers)
    except (ImportError, ValueError, OSError, httpx.InvalidURL) as error:
        raise DataError(
            f'an environment variable that names a proxy or certificates has a wrong value: {error}. Correct or unset '
            'those of HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR that are set.'
        ) from error


def _as_failure(error: httpx.RequestError | httpx.InvalidURL) -> RequestFailed:
    """What went wrong on the way, and whether it may go right another time."""
    text = str(error).rstrip('.') or type(error).__name__
    if isinstance(error, httpx.ProxyError) and '407' in text:
        return RequestFailed(_PROXY_LOGIN, retryable=False)
    if 'CERTIFICATE_VERIFY_FAILED' in text:
        text += '; if your network has certificates of its own, name their file in SSL_CERT_FILE'
        return RequestFailed(text, retryable=False)
    lasting = isinstance(error, httpx.UnsupportedProtocol | httpx.TooManyRedirects | httpx.InvalidURL)
    return RequestFailed(text, retryable=not lasting)
