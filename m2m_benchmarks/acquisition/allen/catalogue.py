"""Which sessions of the Allen Brain Observatory there are, where their files lie, and how large they are.

The tables come from the public bucket; where it can't be reached, or gives something else, from the warehouse
(api.brain-map.org), by the queries that AllenSDK sends. A table that is in the folder already is not asked for again.
"""

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from m2m_benchmarks.acquisition.allen import sessions
from m2m_benchmarks.acquisition.allen.mirrors import AbsentError, size
from m2m_benchmarks.acquisition.allen.sessions import ECEPHYS, ECEPHYS_TYPES, Session
from m2m_benchmarks.acquisition.line import Line
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.errors import DataError, UnknownNameError

MIRROR = 'https://allen-brain-observatory.s3.us-west-2.amazonaws.com'
WAREHOUSE = 'https://api.brain-map.org'


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
        Sessions that match too but are left out: their container failed quality control, or they have no NWB file.
    """

    sessions: tuple[Session, ...]
    n_matching: int
    n_failed: int


def ophys_sessions(
    folder: Path,
    *,
    areas: Sequence[str] | None = None,
    cre_lines: Sequence[str] | None = None,
    depth_um: tuple[float | None, float | None] = (None, None),
    number: int | None = None,
    mirror: str = MIRROR,
    warehouse: str = WAREHOUSE,
    **options: Any,
) -> Listing:
    """2-photon sessions with natural scenes.

    Parameters
    ----------
    folder : Path
        Where the tables go.
    areas, cre_lines : sequence of str, optional
        All by default; upper and lower case are the same.
    depth_um : (low, high)
        Both included; None leaves a side open.
    number : int, optional
        Only so many, the first by id: always the same ones, which are not spread over areas.
    mirror, warehouse : str
        Addresses of the bucket and of the API.
    options
        As of `download`: progress, tries, timeout_s, sleep.

    Raises
    ------
    DataError
        When neither gives a catalogue that can be read, or no session matches.
    UnknownNameError
        For an area or a Cre line that there isn't.
    StorageError
        When the folder can't be written to.
    """
    wanted = _chosen('area', areas, AREAS)
    found = sessions.ophys(folder, mirror, warehouse, **options)
    return _listing(found, wanted, cre_lines, depth_um, number)


def ecephys_sessions(
    folder: Path,
    *,
    areas: Sequence[str] | None = None,
    cre_lines: Sequence[str] | None = None,
    session_types: Sequence[str] = ECEPHYS_TYPES[:1],
    number: int | None = None,
    mirror: str = MIRROR,
    warehouse: str = WAREHOUSE,
    **options: Any,
) -> Listing:
    """Neuropixels sessions with sorted units in the areas, whatever the quality of these.

    Parameters
    ----------
    session_types : sequence of str
        Of `ECEPHYS_TYPES`. Those of the first show the natural scenes; those of the second, as published, don't.
    folder, areas, cre_lines, number, mirror, warehouse, options
        As of `ophys_sessions`, and so is what is raised.
    """
    wanted, types = _chosen('area', areas, AREAS), _chosen('session type', session_types, ECEPHYS_TYPES)
    found = [each for each in sessions.ecephys(folder, mirror, warehouse, **options) if each.session_type in types]
    return _listing(found, wanted, cre_lines, (None, None), number)


def scene_urls(mirror: str = MIRROR) -> tuple[str, ...]:
    """Where the 118 natural scenes lie, as TIFF, in the order of their numbers."""
    return tuple(f'{mirror}{ECEPHYS}/natural_scene_templates/natural_scene_{number}.tiff' for number in range(118))


def summary(listed: Iterable[Session]) -> dict[str, dict[str, int]]:
    """How many sessions there are of each area and, in it, Cre line; a Neuropixels session counts in all its areas."""
    counts: dict[str, dict[str, int]] = {area: {} for area in AREAS}
    for session in sorted(listed, key=lambda each: each.cre_line):
        for area in session.areas:
            counts[area][session.cre_line] = counts[area].get(session.cre_line, 0) + 1
    return {area: lines for area, lines in counts.items() if lines}


def sizes(
    files: Mapping[int, Sequence[str]],
    workers: int = 8,
    timeout_s: float = 30,
    progress: Callable[[str, int, int], None] | None = None,
    **options: Any,
) -> dict[int, int | None]:
    """Bytes of files, without moving them.

    Parameters
    ----------
    files : mapping
        Mirrors of each, by any number.
    workers : int
        Requests at once.
    progress : callable, optional
        Called with 'sizes', how many are known and how many there are.
    timeout_s, options
        As of `Line`, and of `insist`: tries, limit_s, sleep.

    Returns
    -------
    dict
        By the same numbers; None where no mirror has the file.

    Raises
    ------
    DataError
        When a size can't be had for another reason.
    """
    found: dict[int, int | None] = {}
    stopped = threading.Event()
    numbers = list(files)

    def ask(share: Sequence[int]) -> None:
        line = Line(timeout_s)
        try:
            for number in share:
                if stopped.is_set():
                    break
                try:
                    found[number] = size(files[number], line, **options)
                except AbsentError:
                    found[number] = None
                if progress:
                    progress('sizes', len(found), len(numbers))
        except BaseException:
            # Without a network, each of hundreds of files would be tried for as long as the first.
            stopped.set()
            raise
        finally:
            line.close()

    with ThreadPoolExecutor(workers) as pool:
        try:
            list(pool.map(ask, [numbers[i::workers] for i in range(workers)]))
        finally:
            stopped.set()
    return {number: found[number] for number in numbers}


def _chosen(kind: str, names: Sequence[str] | None, known: Sequence[str]) -> set[str]:
    """Names as they are known; all of them when none are given."""
    if names is None:
        return set(known)
    as_known = {name.lower(): name for name in known}
    for name in names:
        if name.lower() not in as_known:
            raise UnknownNameError(kind, name, known)
    return {as_known[name.lower()] for name in names}


def _listing(
    found: Sequence[Session],
    areas: set[str],
    cre_lines: Sequence[str] | None,
    depth_um: tuple[float | None, float | None],
    number: int | None,
) -> Listing:
    if number is not None and number < 1:
        raise DataError(f'{number} sessions were asked for; expected at least 1.')
    lines = _chosen('Cre line', cre_lines, sorted({each.cre_line for each in found}))
    low, high = depth_um[0] or 0, math.inf if depth_um[1] is None else depth_um[1]
    matching = [
        replace(each, areas=tuple(area for area in AREAS if area in each.areas and area in areas))
        for each in sorted(found, key=lambda each: each.id)
        if areas.intersection(each.areas)
        and each.cre_line in lines
        and (each.depth_um is None or low <= each.depth_um <= high)
    ]
    usable = [each for each in matching if each.usable]
    if not usable:
        depths = '' if depth_um == (None, None) else f', {low:g} to {high:g} µm deep'
        raise DataError(
            f'no session of {", ".join(area for area in AREAS if area in areas)} has a Cre line of '
            f'{", ".join(sorted(lines))}{depths}, of {len(found)} in the catalogue; choose other areas, Cre lines or '
            'depths.'
        )
    return Listing(tuple(usable[:number]), len(usable), len(matching) - len(usable))
