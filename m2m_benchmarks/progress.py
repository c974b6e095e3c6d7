"""Progress reports of long-running work. This module imports nothing heavy."""

from collections.abc import Callable

#: Callback with the kind of things counted, the number done, and the total (0 if unknown).
Progress = Callable[[str, int, int], None]


def silent(what: str, done: int, total: int) -> None:
    """Report nothing; the default."""
