"""From nothing to a dataset: sessions of a survey are listed, extracted, and merged."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2m_benchmarks.acquisition.pipeline.images import read_images
from m2m_benchmarks.acquisition.pipeline.merge import merge_sessions
from m2m_benchmarks.acquisition.pipeline.session_file import fingerprint, finished, sweep
from m2m_benchmarks.acquisition.pipeline.tasks import (
    MOST_UNREACHED,
    ExtractionTask,
    extract_session,
    responses_folder,
    tasks_to_do,
)
from m2m_benchmarks.acquisition.pipeline.whole_file import MOST_REQUESTS, forget
from m2m_benchmarks.acquisition.pipeline.workers import run
from m2m_benchmarks.acquisition.sessions import Selection
from m2m_benchmarks.acquisition.survey import Survey
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.net.retry import RetryPolicy
from m2m_benchmarks.progress import Progress, silent
from m2m_benchmarks.storage import exclusive, writable


@dataclass(frozen=True)
class Fetched:
    """What a fetch has brought.

    Attributes
    ----------
    manifest : dict
        Manifest of the fetched dataset.
    failed, refused : dict
        Session to why it couldn't be extracted, or doesn't fit to the others.
    n_kept : int
        Sessions that had been extracted before.
    bytes_moved : int
        In this call, without the catalogue.
    image_bytes : int
        Of these, for the images, which come once.
    """

    manifest: dict[str, Any]
    failed: dict[str, str]
    refused: dict[str, str]
    n_kept: int
    bytes_moved: int
    image_bytes: int


def longest_silence_s(retry: RetryPolicy, n_mirrors: int = 1) -> float:
    """Longest time in s that sessions are asked for while nothing comes, until the fetch gives up.

    `MOST_UNREACHED` sessions one after the other, each for as long as `RetryPolicy.longest_s` allows for a whole file;
    sessions that are read where they lie, images and tables give up earlier. With the default policy and one mirror
    that is 129 minutes: a server that stalls in every one of five requests of four tries, and asks for a minute between
    them, three times.

    Parameters
    ----------
    retry : RetryPolicy
    n_mirrors : int
        Mirrors of a session's file.
    """
    return MOST_UNREACHED * retry.longest_s(n_mirrors, MOST_REQUESTS)


def fetch_survey(
    survey: Survey,
    selection: Selection | None = None,
    settings: Any = None,
    *,
    whole_files: bool = False,
    delete_files: bool = False,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> Fetched:
    """Bring the dataset of a survey to this machine.

    Sessions that were extracted with the same settings before aren't read again, whatever stopped the earlier call. A
    script that takes more than one worker needs `if __name__ == '__main__':`, as with any spawned process.

    Parameters
    ----------
    survey : Survey
        `acquisition.surveys.find_survey` finds one by its name.
    selection : Selection, optional
        All sessions by default, from the survey's own servers.
    settings : dataclass instance, optional
        Settings of the survey; by default those of the defaults of its options.
    whole_files, delete_files, workers, scheduler
        Those of `ExtractionTask` and `workers.run`. Whether files are kept whole or read where they lie changes no
        number.
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
        For an area, or whatever else sessions are chosen by, that there isn't.
    """
    selection, settings = survey.checked(selection, settings)
    report = progress or silent
    folder = writable(survey.downloads())
    with exclusive(folder / '.lock', f'fetching {survey.name}'):
        _sweep(survey, folder, whole_files)
        try:
            listing = survey.list_sessions(selection, folder, progress)
            tasks = {
                str(session.id): ExtractionTask(
                    survey, session, settings, folder, whole_files, delete_files, selection.retry
                )
                for session in listing.sessions
            }
            done = finished(responses_folder(folder, settings), fingerprint(settings))
            extracted = {session: done[session] for session in tasks if session in done}
            n_kept = len(extracted)
            if not survey.stimuli_from_sessions:  # first: without them, sessions are of no use
                paths, image_bytes = survey.stimuli(selection, tasks, {}, report)
            waiting = tasks_to_do(list(tasks.values()), extracted)
            failed, moved = _extract(waiting, extracted, workers, scheduler, report)
            if not extracted:
                listed = ' '.join(f'{session}: {reason}' for session, reason in list(failed.items())[:3])
                raise DataError(f'none of {len(failed)} sessions of {survey.name} could be extracted. {listed}')
            if survey.stimuli_from_sessions:
                paths, image_bytes = survey.stimuli(selection, tasks, extracted, report)
            if len(paths) != survey.n_images:
                raise DataError(
                    f'{survey.name} gave {len(paths)} images; expected {survey.n_images}, as its class says.'
                )
            if delete_files:
                for session in extracted:
                    forget(tasks[session].path)
            source = {**survey.provenance(listing, settings), 'failed': failed}
            merged = merge_sessions(survey.name, extracted.values(), read_images(paths), source, progress)
        finally:
            _sweep(survey, folder, whole_files)
    return Fetched(merged.manifest, failed, merged.refused, n_kept, moved + image_bytes, image_bytes)


def _extract(
    waiting: Sequence[ExtractionTask],
    extracted: dict[str, Path],
    workers: int,
    scheduler: str | None,
    report: Progress,
) -> tuple[dict[str, str], int]:
    """Extract sessions, which are added to `extracted`; why the others couldn't be, and the bytes that were moved."""
    failed, moved, unreached = {}, 0, 0
    report('sessions', 0, len(waiting))
    results = run(extract_session, waiting, workers, scheduler, lambda n: report('MB moved', n // 10**6, 0))
    with closing(results):
        for number, result in enumerate(results):
            moved += result.bytes_moved
            unreached = unreached + 1 if result.unreached else 0
            if unreached == MOST_UNREACHED:
                raise DataError(
                    f'{unreached} sessions one after the other could not be reached, the last one because '
                    f'{result.reason} The {len(extracted)} sessions that were extracted are kept, and the dataset '
                    'stays as it was.'
                )
            if result.path is None:
                failed[result.session] = result.reason
            else:
                extracted[result.session] = result.path
            report('sessions', number + 1, len(waiting))
    # In the order of the listing, whichever worker was faster.
    return {
        str(task.session.id): failed[str(task.session.id)] for task in waiting if str(task.session.id) in failed
    }, moved


def _sweep(survey: Survey, folder: Path, whole_files: bool) -> None:
    """Remove what killed runs left half-written, but for downloads that go on; and locks nobody holds.

    The caller holds the lock of the folder.
    """
    sweep(folder / 'sessions')
    unfinished = folder.glob(f'{survey.file_type}/*.{survey.file_type}.new*')
    for path in [*folder.glob('*/.*'), *(() if whole_files else unfinished)]:
        path.unlink(missing_ok=True)
