"""Errors that the user can fix. Each message says what is wrong, what was expected, and what to do."""

import difflib
from collections.abc import Iterable


class M2MError(Exception):
    """Base class of errors that end a command with a message and exit code 1, without a traceback."""


class DataError(M2MError):
    """A recording, stimulus set or bundle is damaged or not of the expected form."""


class DataNotFoundError(M2MError):
    """A dataset isn't on this machine."""


class ModelError(M2MError):
    """A model can't be loaded, or its output is not of the expected form."""


class BenchmarkError(M2MError):
    """A benchmark can't compute a score."""


class TrainingError(M2MError):
    """A network can't be trained, or its training failed."""


class StorageError(M2MError):
    """A file can't be written or read."""


class UnknownNameError(M2MError):
    """No model, benchmark, area, layer or dataset has this name.

    Parameters
    ----------
    kind : str
        Kind of thing that is named, such as 'model'.
    name : str
    known : iterable of str
        Existing names, of which the most similar ones are suggested.
    hint : str
        What to do: a sentence, which follows the suggestions.
    why : str
        Reason, without a full stop; it precedes the suggestions.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = '', why: str = '') -> None:
        reason, hint = f': {why}' if why else '', f' {hint}' if hint else ''
        super().__init__(f'unknown {kind} {name!r}{reason}.{nearest(name, known)}{hint}')


def nearest(name: str, known: Iterable[str], n: int = 3) -> str:
    """Suggest the most similar names in a sentence, or list all of a few."""
    known = list(known)
    by_lower: dict[str, str] = {}
    for known_name in known:
        by_lower.setdefault(known_name.lower(), known_name)
    matches = [by_lower[match] for match in difflib.get_close_matches(name.lower(), by_lower, n=n, cutoff=0.5)]
    if matches:
        return f' Did you mean {" or ".join(matches)}?'
    if 0 < len(known) <= 12:
        return f' Valid names: {", ".join(known)}.'
    return ''
