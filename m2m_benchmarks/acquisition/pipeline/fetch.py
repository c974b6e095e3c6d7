"""Fetch of a survey: its sessions are listed, extracted, and merged into a dataset."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2m_benchmarks.acquisition.pipeline.images import read_images
from m2m_benchmarks.acquisition.pipeline.merge import merge_sessions
from m2m_benchmarks.acquisition.pipeline.session_file import extracted_sessions, fingerprint, remove_leftovers
from m2m_benchmarks.acquisition.pipeline.tasks import (
    MAX_UNREACHABLE,
    ExtractionTask,
    extract_session,
    responses_folder,
    tasks_to_do,
)
from m2m_benchmarks.acquisition.pipeline.whole_file import MOST_REQUESTS, remove_whole_file
from m2m_benchmarks.acquisition.pipeline.workers import run
from m2m_benchmarks.acquisition.sessions import Selection
from m2m_benchmarks.acquisition.survey import Survey
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.net.retry import RetryPolicy
from m2m_benchmarks.progress import Progress, silent
from m2m_benchmarks.storage import ensure_writable, file_lock


@dataclass(frozen=True)
class FetchResult:
    """Result of a fetch.

    Attributes
    ----------
    manifest : dict
        Manifest of the dataset.
    failed, refused : dict
        Session to the reason why it couldn't be extracted, or doesn't fit the other sessions.
    n_kept : int
        Number of sessions that were extracted by earlier fetches.
    bytes_moved : int
        Bytes transferred by this fetch, without the catalogue.
    image_bytes : int
        Bytes of these for the images, which are downloaded once.
    """

    manifest: dict[str, Any]
    failed: dict[str, str]
    refused: dict[str, str]
    n_kept: int
    bytes_moved: int
    image_bytes: int


def longest_silence_s(retry: RetryPolicy, n_mirrors: int = 1) -> float:
    """Longest time in s without any data from the servers until a fetch gives up its sessions.

    That is `MAX_UNREACHABLE` sessions in a row, each for as long as `RetryPolicy.longest_s` allows for a whole file;
    sessions that are read on the server, images and tables are given up earlier. With the default policy and one mirror
    it is 129 minutes: three times four attempts of five requests that all stall, with a minute between attempts.

    Parameters
    ----------
    retry : RetryPolicy
    n_mirrors : int
        Number of mirrors of a session's file.
    """
    return MAX_UNREACHABLE * retry.longest_s(n_mirrors, MOST_REQUESTS)


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
) -> FetchResult:
    """Fetch the dataset of a survey.

    Sessions that were extracted before with the same settings aren't read again, even if the earlier call was
    interrupted. A script with more than one worker needs `if __name__ == '__main__':`, because workers are spawned.

    Parameters
    ----------
    survey : Survey
        Survey, such as `acquisition.surveys.find_survey` returns by name.
    selection : Selection, optional
        Sessions to fetch; by default all, from the survey's own servers.
    settings : dataclass instance, optional
        Settings of the survey; by default those of its options' defaults.
    whole_files, delete_files, workers, scheduler
        See `ExtractionTask` and `workers.run`. The numbers are the same with and without whole files.
    progress : callable, optional
        Called with the name of the step, the number done, and the total.

    Returns
    -------
    FetchResult

    Raises
    ------
    DataError
        When there is no catalogue, no session can be extracted, or three in a row can't be reached because the network
        is down. The dataset is unchanged then, and extracted sessions are kept.
    StorageError
        When the disk is full or can't be written, or another process fetches the same dataset.
    UnknownNameError
        When an area or another criterion of the selection is unknown.
    """
    selection, settings = survey.complete_arguments(selection, settings)
    report = progress or silent
    folder = ensure_writable(survey.downloads())
    with file_lock(folder / '.lock', f'fetching {survey.name}'):
        _remove_leftovers(survey, folder, whole_files)
        try:
            listing = survey.list_sessions(selection, folder, progress)
            tasks = {
                str(session.id): ExtractionTask(
                    survey, session, settings, folder, whole_files, delete_files, selection.retry
                )
                for session in listing.sessions
            }
            done = extracted_sessions(responses_folder(folder, settings), fingerprint(settings))
            extracted = {session: done[session] for session in tasks if session in done}
            n_kept = len(extracted)
            if not survey.stimuli_from_sessions:  # first, because sessions are useless without them
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
                    f'{survey.name} has {len(paths)} images; expected {survey.n_images}, the n_images of its class.'
                )
            if delete_files:
                for session in extracted:
                    remove_whole_file(tasks[session].path)
            source = {**survey.provenance(listing, settings), 'failed': failed}
            merged = merge_sessions(survey.name, extracted.values(), read_images(paths), source, progress)
        finally:
            _remove_leftovers(survey, folder, whole_files)
    return FetchResult(merged.manifest, failed, merged.refused, n_kept, moved + image_bytes, image_bytes)


def _extract(
    waiting: Sequence[ExtractionTask],
    extracted: dict[str, Path],
    workers: int,
    scheduler: str | None,
    report: Progress,
) -> tuple[dict[str, str], int]:
    """Extract sessions and add them to `extracted`; return why others failed, and the bytes transferred."""
    failed, moved, unreachable = {}, 0, 0
    report('sessions', 0, len(waiting))
    results = run(extract_session, waiting, workers, scheduler, lambda n: report('MB moved', n // 10**6, 0))
    with closing(results):
        for number, result in enumerate(results):
            moved += result.bytes_moved
            unreachable = unreachable + 1 if result.unreachable else 0
            if unreachable == MAX_UNREACHABLE:
                raise DataError(
                    f'{unreachable} sessions in a row could not be reached, the last one because {result.reason} '
                    f'The {len(extracted)} sessions extracted so far are kept, and the dataset is unchanged.'
                )
            if result.path is None:
                failed[result.session] = result.reason
            else:
                extracted[result.session] = result.path
            report('sessions', number + 1, len(waiting))
    # in the order of the listing, which doesn't depend on the speed of workers
    return {
        str(task.session.id): failed[str(task.session.id)] for task in waiting if str(task.session.id) in failed
    }, moved


def _remove_leftovers(survey: Survey, folder: Path, whole_files: bool) -> None:
    """Remove partial files and locks of killed runs, except downloads that can be resumed.

    The caller holds the lock of the folder.
    """
    remove_leftovers(folder / 'sessions')
    unfinished = folder.glob(f'{survey.file_type}/*.{survey.file_type}.new*')
    for path in [*folder.glob('*/.*'), *(() if whole_files else unfinished)]:
        path.unlink(missing_ok=True)
