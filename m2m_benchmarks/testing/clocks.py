"""A clock to test time limits without waiting."""

import threading


class Clock:
    """A clock that advances only by the sleeps of a client and a server.

    A sleep of the server waits until the client has read the clock since the last sleep in the same thread, as it does
    before each read of data. So neither is ahead of the other by more than one sleep. A thread of an earlier request,
    which has yet to notice that the client has left, does not hold up the next.

    Attributes
    ----------
    slept : list of float
        Sleeps of the client, in seconds.
    """

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._now = 0.0
        self._n_reads = 0
        self._seen: dict[int, int] = {}  # by thread
        self._changed = threading.Condition()

    def __call__(self) -> float:
        with self._changed:
            self._n_reads += 1
            self._changed.notify_all()
            return self._now

    def wait(self, seconds: float) -> None:
        """Sleep as the client, between two attempts."""
        self.slept.append(seconds)
        self._advance(seconds)

    def sleep(self, seconds: float) -> None:
        """Sleep as the server, in a fault.

        Raises
        ------
        TimeoutError
            When the client no longer reads the clock.
        """
        thread = threading.get_ident()
        with self._changed:
            before = self._seen.get(thread, 0)
            if not self._changed.wait_for(lambda: self._n_reads > before, timeout=60):
                raise TimeoutError('the client does not read the clock')
            self._seen[thread] = self._n_reads
            self._now += seconds

    def _advance(self, seconds: float) -> None:
        with self._changed:
            self._now += seconds
