"""Published numbers of a survey, compared with those of its dataset on this machine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr

from m2m_benchmarks.acquisition.survey import Survey
from m2m_benchmarks.data import manifest
from m2m_benchmarks.errors import DataError


class NotComparable(Exception):  # noqa: N818 - no error, but a result
    """A published number that can't be compared with the dataset here, for the reason given."""


class StoredDataset:
    """A survey's dataset on this machine.

    Parameters
    ----------
    survey : Survey

    Raises
    ------
    DataNotFoundError
        When it isn't here.
    """

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self.manifest = manifest.require(survey.name)
        source = self.manifest['source']
        #: Settings of the extraction, and session to its counts; None and empty for imported recordings.
        self._settings: dict[str, Any] | None = source.get('settings')
        self._sessions = {} if self._settings is None else {each['session']: each for each in source['sessions']}

    def require_settings(self, expected: Mapping[str, Any], described: str) -> None:
        """Check that the responses were extracted with certain settings.

        Raises
        ------
        NotComparable
            When they were imported, or extracted with others; `described` says which are needed.
        """
        if self._settings is None:
            raise NotComparable('these recordings were imported, so their settings are not known')
        if any(self._settings.get(name) != value for name, value in expected.items()):
            raise NotComparable(f'it needs {described}')

    def session_counts(self, session: str) -> Mapping[str, int]:
        """Counts of a session's extraction, with its `neuroids`.

        Raises
        ------
        NotComparable
            When the session wasn't fetched.
        """
        if not self._sessions:
            raise NotComparable('these recordings were imported, without counts of what was left out')
        if session not in self._sessions:
            raise NotComparable(f'session {session} was not fetched')
        stored = self._sessions[session]
        return {**stored['counts'], 'neuroids': stored['neuroids']}

    def count(self, session: str, name: str) -> int:
        """Return one of a session's counts.

        Raises
        ------
        NotComparable
            When the session wasn't fetched, or by an earlier version that didn't count this.
        """
        counts = self.session_counts(session)
        if name not in counts:
            raise NotComparable(f'session {session} was extracted by an earlier version, which did not count this')
        return int(counts[name])

    def sessions(self) -> list[str]:
        """Ids of all sessions."""
        with self._open() as stored:
            return sorted(set(stored['session'].values.tolist()))

    def session(self, session: str) -> xr.Dataset:
        """Load a session: its neuroids' columns, and `data` of presentation x neuroid x time_bin.

        Raises
        ------
        NotComparable
            When the dataset doesn't have it.
        """
        with self._open() as stored:
            columns = np.flatnonzero(stored['session'].values == session)
            if not len(columns):
                raise NotComparable(f'session {session} is not in the dataset')
            chosen: xr.Dataset = stored.isel(neuroid=columns).load()
            return chosen

    def responses(self, session: str) -> np.ndarray:
        """Load the responses of a session, of shape (n_repetitions, n_images, n_neuroids)."""
        data: np.ndarray = self.session(session)['data'].values
        return data.reshape(self.manifest['summary']['repetitions'], -1, data.shape[1])

    def repetitions(self, session: str) -> int:
        """Number of repetitions of the images in a session."""
        recorded = np.flatnonzero(np.isfinite(self.responses(session)).any(axis=(1, 2)))
        return int(recorded[-1]) + 1 if len(recorded) else 0

    def presentations(self, session: str) -> int:
        """Number of presentations of images and blanks in a session."""
        shown = self.repetitions(session) * self.manifest['summary']['stimuli'] - self.count(session, 'n_missing')
        return int(shown + self.count(session, 'n_blank'))

    def _open(self) -> xr.Dataset:
        name, file = self.survey.name, self.manifest['assembly']
        path = manifest.intact_path(name, manifest.path_of(name, self.manifest, file), file)
        stored: xr.Dataset = xr.open_dataset(path)
        return stored


@dataclass(frozen=True)
class PublishedNumber:
    """A number that was published of a survey.

    Attributes
    ----------
    what : str
        Quantity, such as 'units of session 715093703'.
    value : float
    source : str
        Publication, such as a notebook.
    here : callable
        Function that computes it from a `StoredDataset`, or raises `NotComparable`. A list holds the number of each
        session, all of which have to be equal to the published one.
    tolerance : float
        Largest difference that counts as equal, such as one in the last printed digit.
    """

    what: str
    value: float
    source: str
    here: Callable[[StoredDataset], float | list[float]]
    tolerance: float = 0


@dataclass(frozen=True)
class Comparison:
    """A published number beside that of the dataset here.

    Attributes
    ----------
    what, source : str
    published : float
    here : float or None
        Number of the dataset here, of several sessions the one that differs most; None where it can't be compared.
    result : {'ok', 'differs', 'cannot be checked'}
    reason : str
        Reason why it can't be checked.
    """

    what: str
    published: float
    here: float | None
    source: str
    result: Literal['ok', 'differs', 'cannot be checked']
    reason: str = ''


def compare_published(survey: Survey) -> list[Comparison]:
    """Compare the published numbers of a survey with its dataset on this machine; nothing is downloaded.

    Raises
    ------
    DataError
        When nothing is published of the survey, the dataset isn't here, or its file has changed.
    """
    numbers = survey.published_numbers()
    if not numbers:
        raise DataError(f'{survey.name} has no published numbers to compare with; leave out --published.')
    stored = StoredDataset(survey)
    return [_compare(number, stored) for number in numbers]


def _compare(number: PublishedNumber, stored: StoredDataset) -> Comparison:
    try:
        computed = number.here(stored)
    except NotComparable as reason:
        return Comparison(number.what, number.value, None, number.source, 'cannot be checked', str(reason))
    values = computed if isinstance(computed, list) else [computed]
    # A NaN differs from every number.
    here = max(values, key=lambda value: abs(value - number.value) if value == value else np.inf)
    agrees = abs(here - number.value) <= number.tolerance
    return Comparison(number.what, number.value, here, number.source, 'ok' if agrees else 'differs')
