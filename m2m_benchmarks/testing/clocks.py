"""Time limits without waiting for them."""

import threading


class Clock:
    """A clock that stands still but for those who sleep by it: for time limits without waiting for them.

    A server's fault that sleeps by it goes on only once the client has looked at the clock since the last sleep, as it
    does before each of its reads. So neither runs ahead of the other by more than one sleep.

    Attributes
    ----------
    slept : list of float
        Sleeps of the client, in s.
    """

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._now = 0.0
        self._looked = threading.Event()
        self._lock = threading.Lock()

    def __call__(self) -> float:
        self._looked.set()
        return self._now

    def wait(self, seconds: float) -> None:
        """Sleep as the client does between two tries."""
        self.slept.append(seconds)
        self._forward(seconds)

    def sleep(self, seconds: float) -> None:
        """Sleep as a server's fault does.

        Raises
        ------
        TimeoutError
            When the client doesn't look at the clock any more.
        """
        if not self._looked.wait(10):
            raise TimeoutError('nobody looks at the clock')
        self._looked.clear()
        self._forward(seconds)

    def _forward(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds
