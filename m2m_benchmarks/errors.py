"""Errors that a user can mend: every message says what is wrong, what was expected, and what to do."""

import difflib
from collections.abc import Iterable


class M2MError(Exception):
    """Base of all errors that end the command line with a message and exit code 1, without a traceback."""


class DataError(M2MError):
    """A recording, stimulus set or bundle isn't what it has to be."""


class DataNotFoundError(M2MError):
    """A dataset isn't on this machine."""


class ModelError(M2MError):
    """A model can't be loaded, or doesn't give what was asked of it."""


class BenchmarkError(M2MError):
    """A benchmark can't give a score."""


class TrainingError(M2MError):
    """A network can't be trained, or its training went wrong."""


class StorageError(M2MError):
    """A file can't be written or read."""


class UnknownNameError(M2MError):
    """No model, benchmark, area, layer or dataset of that name.

    Parameters
    ----------
    kind, name : str
        Kind of what is named, and its name.
    known : iterable of str
        Names that there are; those most like it are suggested.
    hint, why : str
        What to do, a sentence after the suggestions; the reason, before them, without a full stop.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = '', why: str = '') -> None:
        reason, hint = f': {why}' if why else '', f' {hint}' if hint else ''
        super().__init__(f'unknown {kind} {name!r}{reason}.{nearest(name, known)}{hint}')


def nearest(name: str, known: Iterable[str], n: int = 3) -> str:
    """Sentence that suggests the names most like the one given, or lists a few."""
    known = list(known)
    by_lower: dict[str, str] = {}
    for candidate in known:
        by_lower.setdefault(candidate.lower(), candidate)
    matches = [by_lower[match] for match in difflib.get_close_matches(name.lower(), by_lower, n=n, cutoff=0.5)]
    if matches:
        return f' Did you mean {" or ".join(matches)}?'
    if 0 < len(known) <= 12:
        return f' There is {", ".join(known)}.'
    return ''
