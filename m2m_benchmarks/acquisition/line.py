"""Requests to servers that end in time, whatever the server does, and what their failures mean."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import httpx

from m2m_benchmarks.errors import DataError

#: Bytes/s below which a server counts as stalled: one that sends a byte now and then never runs into a timeout.
_SLOWEST_BYTES_S = 1000
#: Longest wait between tries that a server may ask for.
_LONGEST_WAIT_S = 60
_PROXY_LOGIN = (
    'the proxy wants a user name and password (407): set HTTPS_PROXY and HTTP_PROXY to http://USER:PASSWORD@HOST:PORT'
)


class FailedError(Exception):
    """A try that failed.

    Attributes
    ----------
    again : bool
        Whether the same address is worth another one.
    wait_s : int
        How long the server asks to wait before.
    """

    def __init__(self, what: str, again: bool, wait_s: int = 0) -> None:
        super().__init__(what)
        self.again = again
        self.wait_s = wait_s


class UnreachedError(DataError):
    """No mirror gave the file, for reasons that pass: the network is down, or the servers are."""


class Line:
    """Requests, one at a time, that end in time.

    The timeouts of httpx are those of a single read and never expire where a byte comes now and then. A thread that
    watches could deadlock with h5py (see `allen.ranged`), so each read is given what is left of the time.

    Parameters
    ----------
    timeout_s : float
        For a connection and for each read; headers have to be there after twice that time, and in any such time some
        kilobytes of content have to come.
    """

    def __init__(self, timeout_s: float = 30) -> None:
        self.timeout_s = timeout_s
        self._client = _new_client(timeout_s)
        self._last = self._end = 0.0

    @contextlib.contextmanager
    def answer(self, method: str, url: str, end: float, **headers: str) -> Iterator[httpx.Response]:
        """Send a request; its answer, before its content has come, for the length of the block.

        `end` is when all has to have come, as of `time.monotonic`.

        Raises
        ------
        FailedError
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

    def content(self, response: httpx.Response) -> Iterator[bytes]:
        """The content of an answer as it comes.

        Raises
        ------
        FailedError
            When it comes too slowly.
        """
        counted, since = 0, time.monotonic()
        for piece in response.iter_raw():
            yield piece
            counted += len(piece)
            seconds = time.monotonic() - since
            if seconds >= self.timeout_s:
                if counted < _SLOWEST_BYTES_S * seconds:
                    raise FailedError(f'only {counted:,} bytes came in {seconds:.0f} s', again=True)
                counted, since = 0, time.monotonic()
                self._allow()

    def _allow(self) -> None:
        self._end = min(self._last, time.monotonic() + 2 * self.timeout_s)

    def _limit(self, event: str, info: dict[str, Any]) -> None:
        """Bound the reads of each connection that is made; it serves several requests."""
        if event.endswith(('.connect_tcp.complete', '.start_tls.complete')):
            stream = info['return_value']
            read = stream.read

            def limited(max_bytes: int, timeout: float | None = None) -> bytes:
                left = self._end - time.monotonic()
                content: bytes = read(max_bytes, max(left if timeout is None else min(left, timeout), 0.001))
                return content

            stream.read = limited

    def close(self) -> None:
        """Give up all connections."""
        self._client.close()


def refused(response: httpx.Response, kind: type[FailedError] = FailedError) -> FailedError:
    """What an answer without the file means, and whether to ask again."""
    status, wait = response.status_code, response.headers.get('Retry-After', '')
    return kind(
        _PROXY_LOGIN if status == 407 else f'it answered {status} {response.reason_phrase}'.rstrip(),
        again=status in (408, 429) or status >= 500,
        wait_s=min(int(wait), _LONGEST_WAIT_S) if wait.isdecimal() else 0,
    )


def _new_client(timeout_s: float) -> httpx.Client:
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


def _as_failure(error: httpx.RequestError | httpx.InvalidURL) -> FailedError:
    """What went wrong on the way, and whether it may go right another time."""
    text = str(error).rstrip('.') or type(error).__name__
    if isinstance(error, httpx.ProxyError) and '407' in text:
        return FailedError(_PROXY_LOGIN, again=False)
    if 'CERTIFICATE_VERIFY_FAILED' in text:
        text += '; if your network has certificates of its own, name their file in SSL_CERT_FILE'
        return FailedError(text, again=False)
    lasting = isinstance(error, httpx.UnsupportedProtocol | httpx.TooManyRedirects | httpx.InvalidURL)
    return FailedError(text, again=not lasting)
