"""From nothing to a dataset: sessions of the Allen Brain Observatory are listed, extracted, and merged."""

import dataclasses
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2m_benchmarks.acquisition.allen.catalogue import scene_urls
from m2m_benchmarks.acquisition.allen.choice import Choice, Progress, checked_settings, folder_of, list_sessions
from m2m_benchmarks.acquisition.allen.ecephys import EcephysSettings
from m2m_benchmarks.acquisition.allen.jobs import Job, sessions_folder, to_read
from m2m_benchmarks.acquisition.allen.merge import merge_sessions
from m2m_benchmarks.acquisition.allen.ophys_settings import OphysSettings
from m2m_benchmarks.acquisition.allen.scenes import read_scenes, server_scenes, shown_scenes
from m2m_benchmarks.acquisition.allen.session_file import fingerprint, finished, sweep
from m2m_benchmarks.acquisition.allen.whole import forget
from m2m_benchmarks.acquisition.allen.workers import run
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.storage import exclusive, writable

#: Sessions one after the other that can't be reached, after which the rest isn't tried.
_MOST_LOST = 3


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
    scene_bytes : int
        Of these, for the images, which come once.
    """

    ledger: dict[str, Any]
    failed: dict[str, str]
    refused: dict[str, str]
    n_kept: int
    bytes_moved: int
    scene_bytes: int


def fetch_allen(
    name: str,
    choice: Choice | None = None,
    settings: OphysSettings | EcephysSettings | None = None,
    *,
    whole_files: bool = False,
    delete_nwb: bool = False,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
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
        As of `Job` and `workers.run`. Whether files are kept whole or read where they lie changes no number.
    progress : callable, optional
        Called with what is counted, how many are done, and how many there are.

    Returns
    -------
    Fetched

    Raises
    ------
    DataError
        When there is no catalogue, not one session that can be had, or three in a row that can't be reached: the
        network is down, and the dataset stays as it was. What was extracted is kept.
    StorageError
        When the disk is full, can't be written, or another process fetches the same dataset.
    UnknownNameError
        For a dataset, an area or a Cre line that there isn't.
    """
    choice = choice or Choice()
    settings = checked_settings(name, settings, choice)
    report = progress or (lambda what, done, total: None)
    folder = writable(folder_of(name))
    with exclusive(folder / '.lock', f'fetching {name}'):
        _sweep(folder, whole_files)
        try:
            listing = list_sessions(name, choice, folder, progress)
            jobs = {
                str(session.id): Job(session, settings, folder, whole_files, delete_nwb, choice.options)
                for session in listing.sessions
            }
            done = finished(sessions_folder(folder, settings), fingerprint(settings))
            extracted = {session: done[session] for session in jobs if session in done}
            n_kept = len(extracted)
            scenes, urls = folder.parent / 'scenes', scene_urls(choice.mirror)
            if name == 'Siegle2021':  # first: they can be had nowhere else
                paths, scene_bytes = server_scenes(scenes, urls, report, **choice.options)
            waiting = to_read(listing.sessions, extracted, folder, whole_files, delete_nwb)
            failed, moved = _extract([jobs[str(each.id)] for each in waiting], extracted, workers, scheduler, report)
            if not extracted:
                listed = ' '.join(f'{session}: {reason}' for session, reason in list(failed.items())[:3])
                raise DataError(f'none of {len(failed)} sessions of {name} could be extracted. {listed}')
            if name == 'deVries2020':
                paths, scene_bytes = shown_scenes(scenes, urls, extracted, jobs, report, **choice.options)
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
            _sweep(folder, whole_files)
    return Fetched(merged.ledger, failed, merged.refused, n_kept, moved + scene_bytes, scene_bytes)


def _extract(
    waiting: Sequence[Job], extracted: dict[str, Path], workers: int, scheduler: str | None, report: Progress
) -> tuple[dict[str, str], int]:
    """Extract sessions, which are added to `extracted`; why the others couldn't be, and the bytes that were moved."""
    failed, moved, lost = {}, 0, 0
    report('sessions', 0, len(waiting))
    outcomes = run(waiting, workers, scheduler, lambda n: report('MB moved', n // 10**6, 0))
    with closing(outcomes):
        for number, outcome in enumerate(outcomes):
            moved += outcome.bytes_moved
            lost = lost + 1 if outcome.unreached else 0
            if lost == _MOST_LOST:
                raise DataError(
                    f'{lost} sessions one after the other could not be reached, the last one because {outcome.reason} '
                    f'The {len(extracted)} sessions that were extracted are kept, and the dataset stays as it was.'
                )
            if outcome.path is None:
                failed[outcome.session] = outcome.reason
            else:
                extracted[outcome.session] = outcome.path
            report('sessions', number + 1, len(waiting))
    return dict(sorted(failed.items(), key=lambda each: int(each[0]))), moved


def _sweep(folder: Path, whole_files: bool) -> None:
    """Remove what killed runs left half-written, but for downloads that go on; and locks nobody holds.

    The caller holds the lock of the folder.
    """
    sweep(folder / 'sessions')
    for path in [*folder.glob('*/.*'), *(() if whole_files else folder.glob('nwb/*.nwb.new*'))]:
        path.unlink(missing_ok=True)
