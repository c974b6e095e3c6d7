"""Which dataset, sessions and settings are wanted, and where from."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from m2m_benchmarks.acquisition.allen.catalogue import MIRROR, WAREHOUSE, Listing, ecephys_sessions, ophys_sessions
from m2m_benchmarks.acquisition.allen.ecephys import EcephysSettings
from m2m_benchmarks.acquisition.allen.ophys_settings import OphysSettings
from m2m_benchmarks.acquisition.allen.sessions import ECEPHYS_TYPES
from m2m_benchmarks.errors import DataError, UnknownNameError
from m2m_benchmarks.storage import home

Progress = Callable[[str, int, int], None]

#: Datasets that are fetched, and the settings of each.
SETTINGS: dict[str, type[OphysSettings] | type[EcephysSettings]] = {
    'deVries2020': OphysSettings,
    'Siegle2021': EcephysSettings,
}


@dataclass(frozen=True)
class Choice:
    """Which sessions are wanted, and from where; as of `catalogue.ophys_sessions`.

    Attributes
    ----------
    areas, cre_lines : sequence of str, optional
    depth_um : (low, high)
        For 2-photon sessions.
    number : int, optional
    session_types : sequence of str, optional
        For Neuropixels sessions, as of `catalogue.ecephys_sessions`.
    mirror, warehouse : str
    options : mapping
        As of `download`: tries, timeout_s, sleep.
    """

    areas: Sequence[str] | None = None
    cre_lines: Sequence[str] | None = None
    depth_um: tuple[float | None, float | None] = (None, None)
    number: int | None = None
    session_types: Sequence[str] | None = None
    mirror: str = MIRROR
    warehouse: str = WAREHOUSE
    options: Mapping[str, Any] = field(default_factory=dict)


def checked_settings(
    name: str, settings: OphysSettings | EcephysSettings | None, choice: Choice
) -> OphysSettings | EcephysSettings:
    """Settings of a dataset, its defaults where there are none, for the areas that are wanted.

    Raises
    ------
    DataError
        When they are those of another dataset.
    UnknownNameError
        When there is no such dataset.
    """
    if name not in SETTINGS:
        raise UnknownNameError('dataset to fetch', name, SETTINGS)
    settings = SETTINGS[name]() if settings is None else settings
    if not isinstance(settings, SETTINGS[name]):
        raise DataError(f'{name} takes {SETTINGS[name].__name__}, not {type(settings).__name__}.')
    if isinstance(settings, EcephysSettings) and choice.areas is not None:
        # A session is of several areas: those that weren't asked for are left out of it too.
        wanted = {area.lower() for area in choice.areas}
        areas = tuple(area for area in settings.areas if area.lower() in wanted)
        settings = dataclasses.replace(settings, areas=areas)
    return settings


def folder_of(name: str) -> Path:
    """Folder of all that a fetch of a dataset keeps."""
    return home() / 'downloads' / 'allen' / name


def list_sessions(name: str, choice: Choice, folder: Path, progress: Progress | None) -> Listing:
    """Sessions that are wanted; errors are those of `catalogue.ophys_sessions`."""
    filters = {
        'areas': choice.areas,
        'cre_lines': choice.cre_lines,
        'number': choice.number,
        'mirror': choice.mirror,
        'warehouse': choice.warehouse,
        'progress': progress,
        **choice.options,
    }
    if name == 'deVries2020':
        if choice.session_types is not None:
            raise DataError(f'{name} has one type of session with natural scenes; leave out the types.')
        return ophys_sessions(folder / 'tables', depth_um=choice.depth_um, **filters)
    if choice.depth_um != (None, None):
        raise DataError(f'{name} has no imaging depth to choose sessions by.')
    types = ECEPHYS_TYPES[:1] if choice.session_types is None else choice.session_types
    return ecephys_sessions(folder / 'tables', session_types=types, **filters)
