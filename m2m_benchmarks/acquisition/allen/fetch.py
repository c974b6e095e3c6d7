"""From nothing to a dataset: sessions of the Allen Brain Observatory are listed, extracted, and merged."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from m2m_benchmarks.acquisition.allen import jobs as jobs_
from m2m_benchmarks.acquisition.allen.catalogue import (
    MIRROR,
    WAREHOUSE,
    Listing,
    ecephys_sessions,
    ophys_sessions,
    scene_urls,
    sizes,
    summary,
)
from m2m_benchmarks.acquisition.allen.ecephys import EcephysSettings
from m2m_benchmarks.acquisition.allen.jobs import Job
from m2m_benchmarks.acquisition.allen.merge import merge_sessions
from m2m_benchmarks.acquisition.allen.ophys_settings import OphysSettings
from m2m_benchmarks.acquisition.allen.scenes import read_scenes, server_scenes, shown_scenes
from m2m_benchmarks.acquisition.allen.session_file import fingerprint, finished, sweep
from m2m_benchmarks.acquisition.allen.whole import forget
from m2m_benchmarks.errors import DataError, UnknownNameError
from m2m_benchmarks.storage import exclusive, free_bytes, home, writable

#: Datasets that are fetched, and the settings of each.
SETTINGS: dict[str, type[OphysSettings] | type[EcephysSettings]] = {
    'deVries2020': OphysSettings,
    'Siegle2021': EcephysSettings,
}
_Progress = Callable[[str, int, int], None]

#: Most of a file that is moved when it is read where it lies.
_SHARE = {'deVries2020': 1 / 3, 'Siegle2021': 1 / 5}
#: Estimates: bytes of memory that a worker takes at most, seconds of computing a session, bytes/s of a good line.
_WORKER_BYTES = {'deVries2020': 400e6, 'Siegle2021': 400e6}
_SESSION_S = {'deVries2020': 10, 'Siegle2021': 20}
_LINE_BYTES_S = 10e6
#: Bytes of a session's file of responses, as far as one can say before it is there.
_RESPONSES_BYTES = {'deVries2020': 4e6, 'Siegle2021': 8e6}


@dataclass(frozen=True)
class Choice:
    """Which sessions are wanted, and from where; as of `catalogue.ophys_sessions`.

    Attributes
    ----------
    areas, cre_lines : sequence of str, optional
    depth_um : (low, high)
        For 2-photon sessions.
    number : int, optional
    mirror, warehouse : str
    options : mapping
        As of `download`: tries, timeout_s, sleep.
    """

    areas: Sequence[str] | None = None
    cre_lines: Sequence[str] | None = None
    depth_um: tuple[float | None, float | None] = (None, None)
    number: int | None = None
    mirror: str = MIRROR
    warehouse: str = WAREHOUSE
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What a fetch would do.

    Attributes
    ----------
    listing : Listing
    lines : dict
        Area to Cre line to number of sessions.
    n_extracted : int
        Sessions that are extracted already and would not be read again.
    file_bytes : int
        Of the NWB files of the others, and of their events where these are read.
    n_without_file : int
        Sessions whose file no server has.
    moved_bytes : int
        Most bytes that would be moved.
    disk_bytes, free_bytes : int
        Disk that would be filled at most, and that is free.
    memory_bytes, seconds : int
        Estimates.
    """

    listing: Listing
    lines: dict[str, dict[str, int]]
    n_extracted: int
    file_bytes: int
    n_without_file: int
    moved_bytes: int
    disk_bytes: int
    free_bytes: int
    memory_bytes: int
    seconds: int


@dataclass(frozen=True)
class Fetched:
    """What a fetch has brought.

    Attributes
    ----------
    ledger : dict
        Of the dataset.
    failed, refused : dict
        Session to why it couldn't be extracted, or doesn't fit to the others.
    n_kept : int
        Sessions that had been extracted before.
    bytes_moved : int
        In this call, without the catalogue.
    """

    ledger: dict[str, Any]
    failed: dict[str, str]
    refused: dict[str, str]
    n_kept: int
    bytes_moved: int


def plan(
    name: str,
    choice: Choice,
    settings: OphysSettings | EcephysSettings | None = None,
    whole_files: bool = False,
    delete_nwb: bool = False,
    workers: int = 1,
) -> Plan:
    """What `fetch_allen` would do with the same arguments; of the sessions, only sizes are asked for.

    Time and memory are estimates: 10 MB/s, 10 s of computing and 400 MB a 2-photon session, 20 s and 400 MB a
    Neuropixels session, and of files that are read where they lie the most that is moved, a third or a fifth.

    Raises
    ------
    DataError
        When there is no catalogue, no session that is wanted, or no answer.
    UnknownNameError
        For a dataset, an area or a Cre line that there isn't.
    """
    settings = _settings(name, settings, choice)
    folder = _folder(name)
    listing = _listing(name, choice, folder)
    extracted = finished(folder / 'sessions', fingerprint(settings))
    waiting = [session for session in listing.sessions if str(session.id) not in extracted]
    asked = {key: value for key, value in choice.options.items() if key != 'progress'}
    found = sizes(waiting, **asked)
    file_bytes = sum(size or 0 for size in found.values())
    moved = file_bytes if whole_files else file_bytes * _SHARE[name]
    if isinstance(settings, OphysSettings) and settings.used_signal == 'events':
        events = sum(size or 0 for size in sizes(waiting, events=True, **asked).values())
        file_bytes, moved = file_bytes + events, moved + events
    largest = max((size or 0 for size in found.values()), default=0)
    kept = (largest * workers if delete_nwb else file_bytes) if whole_files else 0
    return Plan(
        listing=listing,
        lines=summary(listing.sessions),
        n_extracted=len(listing.sessions) - len(waiting),
        file_bytes=file_bytes,
        n_without_file=sum(size is None for size in found.values()),
        moved_bytes=int(moved),
        # Responses are there twice, as files of sessions and in the dataset.
        disk_bytes=int(kept + 2 * _RESPONSES_BYTES[name] * len(listing.sessions)),
        free_bytes=free_bytes(folder),
        memory_bytes=int(_WORKER_BYTES[name] * min(workers, max(len(waiting), 1))),
        seconds=int(moved / _LINE_BYTES_S + _SESSION_S[name] * len(waiting) / workers),
    )


def fetch_allen(
    name: str,
    choice: Choice | None = None,
    settings: OphysSettings | EcephysSettings | None = None,
    *,
    whole_files: bool = False,
    delete_nwb: bool = False,
    workers: int = 1,
    scheduler: str | None = None,
    progress: _Progress | None = None,
) -> Fetched:
    """Bring a dataset of the Allen Brain Observatory to this machine.

    Sessions that were extracted with the same settings before aren't read again, whatever stopped the earlier call. A
    script that takes more than one worker needs `if __name__ == '__main__':`, as with any spawned process.

    Parameters
    ----------
    name : {'deVries2020', 'Siegle2021'}
    choice : Choice, optional
        All sessions by default.
    settings : OphysSettings or EcephysSettings, optional
    whole_files, delete_nwb, workers, scheduler
        As of `Job` and `jobs.run`. Whether files are kept whole or read where they lie changes no number.
    progress : callable, optional
        Called with what is counted, how many are done, and how many there are.

    Returns
    -------
    Fetched

    Raises
    ------
    DataError
        When there is no catalogue, or not one session that can be had.
    StorageError
        When the disk is full, can't be written, or another process fetches the same dataset.
    UnknownNameError
        For a dataset, an area or a Cre line that there isn't.
    """
    choice = choice or Choice()
    settings = _settings(name, settings, choice)
    report = progress or (lambda what, done, total: None)
    folder = writable(_folder(name))
    with exclusive(folder / '.lock', f'fetching {name}'):
        _sweep(folder)
        try:
            listing = _listing(name, choice, folder)
            jobs = {
                str(session.id): Job(session, settings, folder, whole_files, delete_nwb, choice.options)
                for session in listing.sessions
            }
            done = finished(folder / 'sessions', fingerprint(settings))
            extracted = {session: done[session] for session in jobs if session in done}
            n_kept, failed, moved = len(extracted), {}, 0
            waiting = [job for session, job in jobs.items() if session not in extracted]
            report('sessions', 0, len(waiting))
            for number, outcome in enumerate(jobs_.run(waiting, workers, scheduler, progress)):
                moved += outcome.bytes_moved
                if outcome.path is None:
                    failed[outcome.session] = outcome.reason
                else:
                    extracted[outcome.session] = outcome.path
                report('sessions', number + 1, len(waiting))
            failed = dict(sorted(failed.items(), key=lambda each: int(each[0])))
            if not extracted:
                listed = ' '.join(f'{session}: {reason}' for session, reason in list(failed.items())[:3])
                raise DataError(f'none of {len(failed)} sessions of {name} could be extracted. {listed}')
            scenes, urls = folder.parent / 'scenes', scene_urls(choice.mirror)
            if isinstance(settings, OphysSettings):
                paths, more = shown_scenes(scenes, urls, extracted, jobs, report, **choice.options)
            else:
                paths, more = server_scenes(scenes, urls, report, **choice.options)
            if delete_nwb:
                for session in extracted:
                    forget(jobs[session].nwb)
            source = {
                'made_by': f'm2m data fetch {name}',
                'settings': dataclasses.asdict(settings),
                'n_matching': listing.n_matching,
                'n_failed_containers': listing.n_failed,
                'failed': failed,
            }
            merged = merge_sessions(name, extracted.values(), read_scenes(paths), source, progress)
        finally:
            _sweep(folder)
    return Fetched(merged.ledger, failed, merged.refused, n_kept, moved + more)


def _settings(
    name: str, settings: OphysSettings | EcephysSettings | None, choice: Choice
) -> OphysSettings | EcephysSettings:
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


def _folder(name: str) -> Path:
    return home() / 'downloads' / 'allen' / name


def _listing(name: str, choice: Choice, folder: Path) -> Listing:
    filters = {
        'areas': choice.areas,
        'cre_lines': choice.cre_lines,
        'number': choice.number,
        'mirror': choice.mirror,
        'warehouse': choice.warehouse,
        **choice.options,
    }
    if name == 'deVries2020':
        return ophys_sessions(folder / 'tables', depth_um=choice.depth_um, **filters)
    if choice.depth_um != (None, None):
        raise DataError(f'{name} has no imaging depth to choose sessions by.')
    return ecephys_sessions(folder / 'tables', **filters)


def _sweep(folder: Path) -> None:
    """Remove what killed runs left half-written, but for parts of downloads, which go on; and locks nobody holds.

    The caller holds the lock of the folder.
    """
    sweep(folder / 'sessions')
    for path in [*folder.glob('*/.*'), *folder.glob('nwb/*.new')]:
        path.unlink(missing_ok=True)
