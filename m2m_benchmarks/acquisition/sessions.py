"""Sessions of a survey that can be fetched, and which of them are wanted."""

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
        Areas that were recorded from and, in a `Listing`, asked for.
    usable : bool
        False for one that is listed and can't be used: it failed quality control, or has no file.
    """

    id: int | str
    urls: tuple[str, ...]
    areas: tuple[str, ...]
    usable: bool = True

    @property
    def group(self) -> str:
        """What sessions of an area are counted by in a dry run, such as a Cre line; '' for nothing."""
        return ''


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Sessions that are wanted.

    Attributes
    ----------
    areas : sequence of str, optional
        All by default; upper and lower case are the same.
    number : int, optional
        Only so many, the first by id: always the same ones, which are not spread over areas.
    retry : RetryPolicy
        How often and how long servers are asked.
    """

    areas: Sequence[str] | None = None
    number: int | None = None
    retry: RetryPolicy = RETRY


AnySession = TypeVar('AnySession', bound=Session)


@dataclass(frozen=True)
class Listing:
    """Sessions that were asked for.

    Attributes
    ----------
    sessions : tuple of Session
        By id.
    n_matching : int
        How many there are without a limit of their number.
    n_failed : int
        Sessions that match too but are left out because they aren't usable.
    """

    sessions: tuple[Session, ...]
    n_matching: int
    n_failed: int


def choose_areas(names: Sequence[str] | None, known: Sequence[str]) -> set[str]:
    """Areas as they are known; all of them when none are named."""
    return choose('area', None if names is None else [standard_area(name) for name in names], known)


def choose(kind: str, names: Sequence[str] | None, known: Sequence[str]) -> set[str]:
    """Names as they are known, in upper or lower case; all of them when none are given.

    Raises
    ------
    UnknownNameError
        For one that isn't among them.
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
    """Those of all sessions that are wanted.

    Parameters
    ----------
    sessions : sequence of Session
        All that there are.
    selection : Selection
    known_areas : sequence of str, optional
        In their order; by default those of the sessions.
    matches : callable
        Whether a session matches what else is wanted.
    described, choices : str
        For the message when none matches: what is wanted beside areas, and what to choose otherwise.

    Raises
    ------
    DataError
        When no session matches, or an area has a name that can't be in a benchmark's.
    UnknownNameError
        For an area that there isn't.
    """
    if selection.number is not None and selection.number < 1:
        raise DataError(f'{selection.number} sessions were asked for; expected at least 1.')
    recorded = order_areas(area for session in sessions for area in session.areas)
    areas = recorded if known_areas is None else known_areas
    for area in areas:
        if not is_part_name(area):
            raise DataError(f'the catalogue has the area {area!r}; expected letters, digits and underscores.')
    wanted = choose_areas(selection.areas, areas)
    matching = [
        replace(each, areas=tuple(area for area in areas if area in each.areas and area in wanted))
        for each in sorted(sessions, key=lambda each: each.id)
        if wanted.intersection(each.areas) and matches(each)
    ]
    usable = [each for each in matching if each.usable]
    if not usable:
        raise DataError(
            f'no session of {", ".join(area for area in areas if area in wanted)}{described}, of {len(sessions)} in '
            f'the catalogue; choose other {choices}.'
        )
    return Listing(tuple(usable[: selection.number]), len(usable), len(matching) - len(usable))


def count_sessions(sessions: Iterable[Session]) -> dict[str, dict[str, int]]:
    """Number of sessions by area and, in it, by group; a session of several areas counts in each."""
    listed = sorted(sessions, key=lambda session: session.group)
    counts: dict[str, dict[str, int]] = {
        area: {} for area in order_areas(area for session in listed for area in session.areas)
    }
    for session in listed:
        for area in session.areas:
            counts[area][session.group] = counts[area].get(session.group, 0) + 1
    return counts
