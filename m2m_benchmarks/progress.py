"""How work that takes long reports how far it has come. This module imports nothing heavy."""

from collections.abc import Callable

#: Called with what is counted, how many of them are done, and how many there are (0: not known).
Progress = Callable[[str, int, int], None]


def silent(what: str, done: int, total: int) -> None:
    """Report nothing: the progress of whoever has none."""
