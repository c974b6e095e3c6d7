"""Sessions of a survey, and the selection among them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from m2m_benchmarks.data.areas import order_areas, standard_area
from m2m_benchmarks.data.names import is_part_name
from m2m_benchmarks.errors import DataError, UnknownNameError
from m2m_benchmarks.net.retry import RETRY, RetryPolicy


@dataclass(frozen=True, kw_only=True)
class Session:
    """A recording that can be fetched.

    Attributes
    ----------
    id : int or str
    urls : tuple of str
        Mirrors of its file, in order.
    areas : tuple of str
        Recorded areas; in a `Listing`, only the selected ones.
    usable : bool
        False if the session failed quality control or has no file.
    """

    id: int | str
    urls: tuple[str, ...]
    areas: tuple[str, ...]
    usable: bool = True

    @property
    def group(self) -> str:
        """Group by which a dry run counts the sessions of an area, such as a Cre line; '' for none."""
        return ''


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Criteria by which sessions are selected.

    Attributes
    ----------
    areas : sequence of str, optional
        Areas, in upper or lower case; all by default.
    number : int, optional
        Largest number of sessions, the first by id; they are not spread over areas.
    retry : RetryPolicy
        Number of attempts and time limits of requests.
    """

    areas: Sequence[str] | None = None
    number: int | None = None
    retry: RetryPolicy = RETRY


AnySession = TypeVar('AnySession', bound=Session)


@dataclass(frozen=True)
class Listing:
    """Selected sessions.

    Attributes
    ----------
    sessions : tuple of Session
        Sessions in the order of their ids.
    n_matching : int
        Number of usable sessions that match, before `Selection.number` limits it.
    n_failed : int
        Number of further matching sessions, which aren't usable.
    n_damaged : int
        Number of records of the catalogue that lack something and were left out.
    """

    sessions: tuple[Session, ...]
    n_matching: int
    n_failed: int
    n_damaged: int = 0


def choose_areas(names: Sequence[str] | None, known: Sequence[str]) -> set[str]:
    """Return the standard names of areas; all known ones if `names` is None."""
    return choose('area', None if names is None else [standard_area(name) for name in names], known)


def choose(kind: str, names: Sequence[str] | None, known: Sequence[str]) -> set[str]:
    """Return the known spelling of names, matched without case; all known names if `names` is None.

    Raises
    ------
    UnknownNameError
        When a name isn't known.
    """
    if names is None:
        return set(known)
    as_known = {name.lower(): name for name in known}
    for name in names:
        if name.lower() not in as_known:
            raise UnknownNameError(kind, name, known)
    return {as_known[name.lower()] for name in names}


def match_sessions(
    sessions: Sequence[AnySession],
    selection: Selection,
    known_areas: Sequence[str] | None = None,
    matches: Callable[[AnySession], bool] = lambda session: True,
    described: str = '',
    choices: str = 'areas',
) -> Listing:
    """Select sessions.

    Parameters
    ----------
    sessions : sequence of Session
        All sessions of the survey.
    selection : Selection
        Areas and number of sessions.
    known_areas : sequence of str, optional
        Areas of the survey, in order; by default those of the sessions.
    matches : callable
        Function that returns whether a session meets further criteria.
    described, choices : str
        Words for the message when no session matches: the further criteria, and the options to change.

    Raises
    ------
    DataError
        When no session matches, or the name of an area can't be part of a benchmark's name.
    UnknownNameError
        When an area is unknown.
    """
    if selection.number is not None and selection.number < 1:
        raise DataError(f'the number of sessions is {selection.number}; expected at least 1.')
    recorded = order_areas(area for session in sessions for area in session.areas)
    areas = recorded if known_areas is None else known_areas
    for area in areas:
        if not is_part_name(area):
            raise DataError(f'the catalogue has the area {area!r}; expected letters, digits and underscores.')
    wanted = choose_areas(selection.areas, areas)
    matching = [
        replace(session, areas=tuple(area for area in areas if area in session.areas and area in wanted))
        for session in sorted(sessions, key=lambda session: session.id)
        if wanted.intersection(session.areas) and matches(session)
    ]
    usable = [session for session in matching if session.usable]
    if not usable:
        raise DataError(
            f'no usable session of {", ".join(area for area in areas if area in wanted)}{described} is among the '
            f'{len(sessions)} in the catalogue; choose other {choices}.'
        )
    return Listing(tuple(usable[: selection.number]), len(usable), len(matching) - len(usable))


def count_sessions(sessions: Iterable[Session]) -> dict[str, dict[str, int]]:
    """Count sessions by area and group; a session of several areas counts in each."""
    listed = sorted(sessions, key=lambda session: session.group)
    counts: dict[str, dict[str, int]] = {
        area: {} for area in order_areas(area for session in listed for area in session.areas)
    }
    for session in listed:
        for area in session.areas:
            counts[area][session.group] = counts[area].get(session.group, 0) + 1
    return counts
