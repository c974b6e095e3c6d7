"""A clock to test time limits without waiting."""

import threading


class Clock:
    """A clock that advances only by the sleeps of a client and a server.

    A sleep of the server waits until the client has read the clock since the last sleep, as it does before each read of
    data. So neither is ahead of the other by more than one sleep.

    Attributes
    ----------
    slept : list of float
        Sleeps of the client, in seconds.
    """

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._now = 0.0
        self._was_read = threading.Event()
        self._lock = threading.Lock()

    def __call__(self) -> float:
        self._was_read.set()
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
        if not self._was_read.wait(10):
            raise TimeoutError('the client does not read the clock')
        self._was_read.clear()
        self._advance(seconds)

    def _advance(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds
