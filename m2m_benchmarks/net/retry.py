"""The retry policy of all requests, and the longest time that follows from it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from m2m_benchmarks.errors import DataError
from m2m_benchmarks.net.failures import (
    LONGEST_WAIT_S,
    FileForbidden,
    FileMissing,
    FileUnusable,
    NoByteRanges,
    RemoteFileChanged,
    RemoteFileForbidden,
    RemoteFileNotFound,
    RequestFailed,
    ServerUnreachable,
    without_password,
)

if TYPE_CHECKING:
    from m2m_benchmarks.net.client import HttpClient

#: Bytes after which a failed attempt does not count.
_PROGRESS_BYTES = 2**20
#: How often a file is read from its start if it changes meanwhile.
_READINGS = 2

T = TypeVar('T')


@dataclass(frozen=True)
class RetryPolicy:
    """Number of attempts, waits and time limits for the mirrors of a file.

    `run` is the only loop over failing requests. One attempt is one request, or the few requests that belong together
    (a file's size, its content, and its size again). `read` repeats reading a file that changed meanwhile. A policy
    can be pickled.

    Attributes
    ----------
    tries : int
        Attempts per mirror; the wait doubles after each, from 1 s on. A server may ask for a longer one, up to 60 s.
    timeout_s : float
        Time limit of a connection and of each read (see `HttpClient`).
    query_timeout_s : float
        The same for a query, which a server may take minutes to answer (see `for_queries`).
    limit_s : float
        Time limit of all attempts of a small request: a block of a file, or its size. The mirrors not tried yet share
        the time that is left. Whole files have no such limit.
    sleep : callable
        Function that waits between attempts.
    clock : callable
        Clock in s that measures all these times, except the time in which a server sends nothing at all, which the
        operating system measures.
    """

    tries: int = 4
    timeout_s: float = 30
    query_timeout_s: float = 300
    limit_s: float = 300
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def client(self) -> 'HttpClient':
        """Make an HTTP client with the timeout of this policy; the caller closes it."""
        # The command line makes policies without sending requests; httpx takes long to import.
        from m2m_benchmarks.net.client import HttpClient

        return HttpClient(self.timeout_s, self.clock)

    def for_queries(self) -> 'RetryPolicy':
        """Make the policy of queries, the same with `query_timeout_s` as its `timeout_s`."""
        return replace(self, timeout_s=self.query_timeout_s)

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
        """Call `attempt` with each mirror in order, several times each, until one succeeds.

        Parameters
        ----------
        urls : sequence of str
            Mirrors.
        attempt : callable
            One attempt: called with an address and the time on the policy's clock at which that mirror's time ends.
            A `RequestFailed` leads to the next attempt; any other error ends them all.
        limit_s : float, optional
            Time limit of all attempts; the policy's by default. Infinity for whole files.
        failed, kept : str
            First and last words of the message when all attempts fail: what failed, and what is kept for the next run,
            where bytes were transferred.
        progress : callable, optional
            Function that returns the bytes transferred so far. Attempts that transfer at least 1 MiB do not count.

        Raises
        ------
        DataError
            When all attempts fail: what each mirror answered. A `RemoteFileNotFound` when none has the file, a
            `RemoteFileForbidden` when some refuse it and the others don't have it, a `ServerUnreachable` when one of
            them may send it later.
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
                    # As long as attempts make progress, the file will be complete in the end.
                    advanced = progress is not None and progress() >= before + _PROGRESS_BYTES
                    counted = 0 if advanced else counted + 1
                    wait = max(2 ** max(counted - 1, 0), failure.wait_s)
                    if not failure.retryable or counted >= self.tries or self.clock() + wait >= end:
                        break
                    self.sleep(wait)
        raise _error(failures, failed, '' if progress and not progress() else kept)

    def read(self, reading: Callable[[], T]) -> T:
        """Call `reading`, which reads a file; once more if the file changes meanwhile.

        Raises
        ------
        RemoteFileChanged
            When the file changes again.
        """
        for _ in range(_READINGS - 1):
            try:
                return reading()
            except RemoteFileChanged:
                continue
        return reading()

    def longest_s(self, n_mirrors: int = 1, n_requests: int = 1) -> float:
        """Longest time in s until `run` gives up, without a limit and while servers send nothing.

        In each attempt a request has 2 `timeout_s` to connect and to receive headers, and 2 `timeout_s` more in which
        its content may stall; after each attempt but the last of a mirror there is a wait, for which a server may ask
        up to 60 s. With the default policy that is 11 minutes for one request to one mirror. A request with a limit
        takes no longer than `limit_s`. The time in which the system looks up a server's name is not limited by this
        library, and a connection has its full time with each address of a name.

        Parameters
        ----------
        n_mirrors : int
            Number of mirrors.
        n_requests : int
            Most requests in an attempt: for a whole file `MOST_REQUESTS` of `acquisition.pipeline.whole_file`.
        """
        waits = float(sum(max(2**number, LONGEST_WAIT_S) for number in range(self.tries - 1)))
        return n_mirrors * (self.tries * n_requests * 4 * self.timeout_s + waits)


#: The default policy.
RETRY = RetryPolicy()


def _error(failures: dict[str, RequestFailed], failed: str, kept: str) -> DataError:
    """Make the error for a file that no mirror sent."""
    reasons = list(failures.values())
    if len(reasons) == 1 and isinstance(reasons[0], FileUnusable):
        return DataError(str(reasons[0]))
    listed = ' '.join(f'{without_password(url)}: {str(reason).rstrip(".")}.' for url, reason in failures.items())
    if all(isinstance(reason, FileMissing) for reason in reasons):
        return RemoteFileNotFound(f'no server has the file. {listed}')
    if all(isinstance(reason, NoByteRanges) for reason in reasons):  # the connection is good
        return DataError(f'{failed} {listed}')
    kind = ServerUnreachable if any(reason.retryable for reason in reasons) else DataError
    if all(isinstance(reason, FileMissing | FileForbidden) for reason in reasons):
        kind = RemoteFileForbidden
    return kind(
        f'{failed} {listed} Check the connection (a proxy is taken from HTTPS_PROXY or HTTP_PROXY), then run this '
        f'again{kept}.'
    )
