"""The one policy of this library by which requests are sent again, and the longest time that follows from it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from m2m_benchmarks.errors import DataError
from m2m_benchmarks.net.failures import (
    LONGEST_WAIT_S,
    FileMissing,
    FileUnusable,
    RemoteFileChanged,
    RemoteFileNotFound,
    RequestFailed,
    ServerUnreachable,
)

if TYPE_CHECKING:
    from m2m_benchmarks.net.client import HttpClient

#: Bytes that have to come in a try that fails for it to be none of those that are counted.
_PROGRESS_BYTES = 2**20
#: How often a file is read from its start when it changes on the server while it is read.
_READINGS = 2

T = TypeVar('T')


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long the mirrors of a file are asked.

    `run` is the one loop over requests that fail: what is tried is one request, or the few requests that belong
    together (a file's size, its content, and its size again). What a server has answered may lead to more requests: a
    file that changed while it was read is read once more (`read`). A server that sends nothing is waited for once.
    A policy can be sent to another process.

    Attributes
    ----------
    tries : int
        Tries of each mirror; the wait doubles after each, from 1 s on. A server may ask for another wait, up to 60 s.
    timeout_s : float
        Time for a connection and for each read, as in `HttpClient`.
    limit_s : float
        Time for all tries of a request that moves little: a block of a file, or its size. Mirrors that are left share
        what is left of it. Whole files have no such limit.
    sleep : callable
        What waits between the tries.
    clock : callable
        Clock in s by which all these times are measured, but for that in which nothing at all comes: the operating
        system measures that one.
    """

    tries: int = 4
    timeout_s: float = 30
    limit_s: float = 300
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def client(self) -> 'HttpClient':
        """An HTTP client with the policy's timeout, which the caller closes."""
        # The command line makes policies without asking any server; httpx takes long to import.
        from m2m_benchmarks.net.client import HttpClient

        return HttpClient(self.timeout_s, self.clock)

    def run(
        self,
        urls: Sequence[str],
        attempt: Callable[[str, float], T],
        *,
        limit_s: float | None = None,
        failed: str = 'a file could not be read from its server.',
        kept: str = '',
        progress: Callable[[], int] | None = None,
    ) -> T:
        """Ask mirrors in order, each of them several times, until one gives what is wanted.

        Parameters
        ----------
        urls : sequence of str
            Mirrors.
        attempt : callable
            One try: called with an address and until when, by the policy's clock, that mirror may take. It raises
            a `RequestFailed` when it fails; whatever else it raises ends the tries.
        limit_s : float, optional
            Time for all of it; the policy's by default. Infinity for whole files.
        failed, kept : str
            First sentence of the message when no mirror helps, and what of the work is kept for the next run.
        progress : callable, optional
            Bytes that are here: a try by which another 1 MiB came isn't counted.

        Raises
        ------
        DataError
            When no mirror helps: what each of them answered. It is a `RemoteFileNotFound` when none has the file, a
            `ServerUnreachable` when another time one of them may.
        """
        failures: dict[str, RequestFailed] = {}
        last = self.clock() + (self.limit_s if limit_s is None else limit_s)
        for i, url in enumerate(urls):
            now = self.clock()
            end = now + (last - now) / (len(urls) - i)
            counted = 0
            while True:
                before = progress() if progress else 0
                try:
                    return attempt(url, end)
                except RequestFailed as failure:
                    failures[url] = failure
                    # A file of which more comes with each try is whole in the end, however often it breaks off.
                    more_came = progress is not None and progress() >= before + _PROGRESS_BYTES
                    counted = 0 if more_came else counted + 1
                    wait = max(2 ** max(counted - 1, 0), failure.wait_s)
                    if not failure.retryable or counted >= self.tries or self.clock() + wait >= end:
                        break
                    self.sleep(wait)
        raise _error(failures, failed, kept)

    def read(self, reading: Callable[[], T]) -> T:
        """Read a file; once more from the start if it changes meanwhile.

        Raises
        ------
        RemoteFileChanged
            When it changes again.
        """
        for _ in range(_READINGS - 1):
            try:
                return reading()
            except RemoteFileChanged:
                continue
        return reading()

    def longest_s(self, n_mirrors: int = 1, n_requests: int = 1) -> float:
        """Longest time in s that `run` takes without a limit while nothing comes, until it gives up.

        In each try a request has 2 `timeout_s` to connect and to bring its headers, and 2 `timeout_s` more in which
        its content may stall; after each try but the last of a mirror there is a wait, of which a server may ask for
        up to 60 s. With the default policy that is 11 minutes for one request to one mirror. A request with a limit
        takes no longer than that limit, `limit_s`. The time in which the system looks up the name of a server is not
        bounded by this library, and a connection has its time with each address of a name.

        Parameters
        ----------
        n_mirrors : int
        n_requests : int
            Most requests of a try: for a whole file `MOST_REQUESTS` of `acquisition.pipeline.whole_file`.
        """
        waits = float(sum(max(2**number, LONGEST_WAIT_S) for number in range(self.tries - 1)))
        return n_mirrors * (self.tries * n_requests * 4 * self.timeout_s + waits)


#: The policy of whoever has none of their own.
RETRY = RetryPolicy()


def _error(failures: dict[str, RequestFailed], failed: str, kept: str) -> DataError:
    """What is raised when no mirror helped."""
    reasons = list(failures.values())
    if len(reasons) == 1 and isinstance(reasons[0], FileUnusable):
        return DataError(str(reasons[0]))
    listed = ' '.join(f'{url}: {str(reason).rstrip(".")}.' for url, reason in failures.items())
    if all(isinstance(reason, FileMissing) for reason in reasons):
        return RemoteFileNotFound(f'no server has the file. {listed}')
    passing = any(reason.retryable for reason in reasons)
    kind = ServerUnreachable if passing else DataError
    return kind(
        f'{failed} {listed} Check the connection (a proxy is taken from HTTPS_PROXY or HTTP_PROXY), then run this '
        f'again{kept}.'
    )
