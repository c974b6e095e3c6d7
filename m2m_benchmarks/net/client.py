"""An HTTP client with hard time limits, which turns bad answers into `RequestFailed`."""

import contextlib
import functools
import http
import os
import re
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from m2m_benchmarks.errors import DataError
from m2m_benchmarks.net.failures import LONGEST_WAIT_S, FileForbidden, FileMissing, RequestFailed

#: Bytes/s below which a server counts as stalled: one that sends a byte now and then never runs into a timeout.
_SLOWEST_BYTES_S = 1000
_PROXY_LOGIN = 'the proxy requires a login (407): set HTTPS_PROXY and HTTP_PROXY to http://USER:PASSWORD@HOST:PORT'
#: Redirects that are followed, one after the other.
_MOST_REDIRECTS = 20
#: Characters of other programs' reasons that are shown.
_LONGEST_REASON = 200
_CONTENT_RANGE = re.compile(r'bytes (\d{1,18})-(\d{1,18})/(\d{1,18})\Z')


class HttpClient:
    """HTTP client with a time limit for whole requests; it sends one at a time.

    The timeouts of httpx apply to a single read and never expire while a server sends a byte now and then. A watching
    thread could deadlock with h5py (see `net.remote_file`), so each connection and each read gets the time that is
    left of its request.

    Parameters
    ----------
    timeout_s : float
        Time limit of a connection and of each read. Headers have to arrive within twice that time, and afterwards
        some kilobytes of content in each such time.
    clock : callable
        Clock in s that measures the time of a request.
    """

    def __init__(self, timeout_s: float = 30, clock: Callable[[], float] = time.monotonic) -> None:
        self.timeout_s = timeout_s
        self._clock = clock
        self._client = _new_client(timeout_s)
        self._last = self._end = 0.0

    @contextlib.contextmanager
    def answer(self, method: str, url: str, end: float, **headers: str) -> Iterator[httpx.Response]:
        """Send a request and yield its answer, whose content has not been read yet.

        Redirects are followed, but none from https to http: anybody on the way could read or change what follows.
        Those to another server get no name, password or cookie. A name and password in the address are sent as its
        authorization only.

        Parameters
        ----------
        method, url : str
        end : float
            Time on the client's clock by which the whole answer has to be here.
        headers : str
            Additional headers of the request.

        Raises
        ------
        RequestFailed
        """
        self._last = end
        self._allow()
        try:
            address = httpx.URL(url)
            auth = httpx.BasicAuth(address.username, address.password) if address.userinfo else None
            request = self._client.build_request(
                method, address.copy_with(userinfo=b''), headers=headers, extensions={'trace': self._limit}
            )
            for _ in range(_MOST_REDIRECTS + 1):
                with contextlib.closing(self._client.send(request, stream=True, auth=auth)) as response:
                    self._allow()
                    further = _next_request(response)
                    if further is None:
                        yield response
                        return
                    request, auth = further, None
            raise RequestFailed(f'the server sent more than {_MOST_REDIRECTS} redirects', retryable=False)
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise _as_failure(error) from error

    @contextlib.contextmanager
    def file_answer(self, method: str, url: str, end: float, **headers: str) -> Iterator[httpx.Response]:
        """Send a request for a file and yield its answer: status 200, 206 or 416, and not a web page.

        Parameters are those of `answer`.

        Raises
        ------
        RequestFailed
            A `FileMissing` when the server answers that it doesn't have the file, a `FileForbidden` when it refuses it.
        """
        with self.answer(method, url, end, **headers) as response:
            _check(response)
            yield response

    def content(self, response: httpx.Response) -> Iterator[bytes]:
        """Yield the content of an answer, piece by piece.

        Raises
        ------
        RequestFailed
            When the server sends too slowly.
        """
        counted, since = 0, self._clock()
        for piece in response.iter_raw():
            yield piece
            counted += len(piece)
            seconds = self._clock() - since
            if seconds >= self.timeout_s:
                if counted < _SLOWEST_BYTES_S * seconds:
                    raise RequestFailed(f'the server sent only {counted:,} bytes in {seconds:.0f} s', retryable=True)
                counted, since = 0, self._clock()
                self._allow()

    def _allow(self) -> None:
        self._end = min(self._last, self._clock() + 2 * self.timeout_s)

    def _limit(self, event: str, info: dict[str, Any]) -> None:
        """Limit the time of each connection and of its reads; a connection serves several requests."""
        if event.endswith(('.connect_tcp.started', '.start_tls.started')):
            # httpcore uses this dictionary as its arguments.
            info['timeout'] = self._left(info.get('timeout'))
        elif event.endswith(('.connect_tcp.complete', '.start_tls.complete')):
            stream = info['return_value']
            read = stream.read

            def read_in_time(max_bytes: int, timeout: float | None = None) -> bytes:
                content: bytes = read(max_bytes, self._left(timeout))
                return content

            stream.read = read_in_time

    def _left(self, timeout_s: float | None) -> float:
        left = self._end - self._clock()
        if left <= 0:
            raise httpx.ReadTimeout('timed out')
        return left if timeout_s is None else min(left, timeout_s)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()


def status_failure(response: httpx.Response, kind: type[RequestFailed] = RequestFailed) -> RequestFailed:
    """Describe an answer without the file, and whether to send the request again."""
    status, wait = response.status_code, response.headers.get('Retry-After', '')
    # The standard's words for it, not the server's, which may be anything.
    name = http.HTTPStatus(status).phrase if status in set(http.HTTPStatus) else ''
    return kind(
        _PROXY_LOGIN if status == 407 else f'the server answered {status} {name}'.rstrip(),
        retryable=status in (408, 429) or status >= 500,
        wait_s=min(int(wait[:9]), LONGEST_WAIT_S) if wait.isdecimal() else 0,
    )


def parse_content_range(response: httpx.Response) -> tuple[int, int, int]:
    """Return the first and last byte of a partial answer, and the length of the whole file.

    Raises
    ------
    RequestFailed
        When the answer lacks them.
    """
    match = _CONTENT_RANGE.match(response.headers.get('Content-Range', ''))
    if response.status_code != 206 or match is None:
        raise RequestFailed('the server does not say which bytes it sends, or how long the file is', retryable=True)
    first, last, length = map(int, match.groups())
    return first, last, length


def _next_request(response: httpx.Response) -> httpx.Request | None:
    """Request to which an answer redirects; None if it isn't a redirect."""
    request = response.next_request
    if request is not None and response.url.scheme == 'https' and request.url.scheme == 'http':
        raise RequestFailed(
            f'the server redirects from https to http, {request.url.host}, which is not followed, for anybody could '
            'change the file on its way',
            retryable=False,
        )
    return request


def _check(response: httpx.Response) -> None:
    status = response.status_code
    if status in (200, 206) and response.headers.get('Content-Type', '').startswith('text/html'):
        raise RequestFailed('the server sent a web page in place of the file, such as a login', retryable=False)
    if status not in (200, 206, 416):
        kinds = {404: FileMissing, 410: FileMissing, 403: FileForbidden}
        raise status_failure(response, kinds.get(status, RequestFailed))


def _new_client(timeout_s: float) -> httpx.Client:
    """Make an httpx client that uses the proxies of the environment."""
    # Compressed in transit, a file would have another length and MD5.
    headers = {'Accept-Encoding': 'identity', 'User-Agent': 'm2m-benchmarks'}
    try:
        certificates = _certificates(os.environ.get('SSL_CERT_FILE'), os.environ.get('SSL_CERT_DIR'))
        return httpx.Client(timeout=timeout_s, headers=headers, verify=certificates)
    except (ImportError, ValueError, OSError, httpx.InvalidURL) as error:
        raise DataError(
            f'an environment variable that names a proxy or certificates has a wrong value: {_reason(error)}. Check '
            'HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR; correct or unset the wrong one.'
        ) from error


@functools.lru_cache(maxsize=1)
def _certificates(file: str | None, folder: str | None) -> ssl.SSLContext:
    """Load the trusted certificates, once: it takes longer than downloading an image.

    The arguments, values of the environment variables that httpx reads, are there for the cache.
    """
    return httpx.create_ssl_context()


def _reason(error: Exception) -> str:
    """Reason of an error in a few words."""
    if isinstance(error, httpx.InvalidURL):  # its text has a part of the address, which may be that of a password
        return 'it is no address; in a password, write @ : / ? # as %40 %3A %2F %3F %23'
    text = str(error).rstrip('.') or type(error).__name__
    return text if len(text) <= _LONGEST_REASON else f'{text[:_LONGEST_REASON]}…'


def _as_failure(error: httpx.RequestError | httpx.InvalidURL) -> RequestFailed:
    """Describe a request without an answer, and whether to send it again."""
    text = _reason(error)
    if isinstance(error, httpx.ProxyError) and '407' in text:
        return RequestFailed(_PROXY_LOGIN, retryable=False)
    if 'CERTIFICATE_VERIFY_FAILED' in text:
        text += '; if your network uses its own certificates, set SSL_CERT_FILE to their file'
        return RequestFailed(text, retryable=False)
    permanent = isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL)
    return RequestFailed(text, retryable=not permanent)
