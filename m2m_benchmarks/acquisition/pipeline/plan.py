"""Dry run of a fetch: its sessions, and the transfer, disk, memory and time that it needs."""

from dataclasses import dataclass
from typing import Any

from m2m_benchmarks.acquisition.pipeline.session_file import extracted_sessions, fingerprint
from m2m_benchmarks.acquisition.pipeline.tasks import ExtractionTask, responses_folder, tasks_to_do
from m2m_benchmarks.acquisition.sessions import Listing, Selection, count_sessions
from m2m_benchmarks.acquisition.survey import Survey
from m2m_benchmarks.net.sizes import file_sizes
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.storage import free_bytes

#: Measured bytes of memory of the fetch, and of each worker process.
_BYTES, _WORKER_BYTES = 400e6, 250e6
#: Bytes/s of a good connection.
_CONNECTION_BYTES_S = 10e6


@dataclass(frozen=True)
class Plan:
    """Estimated work of a fetch.

    Attributes
    ----------
    listing : Listing
        Selected sessions.
    groups : dict
        Area to group, such as a Cre line, to number of sessions.
    n_extracted : int
        Number of sessions that are extracted already and would not be read again.
    file_bytes : int
        Size of the files of the other sessions, second files included where they are read.
    without_file, without_further : list of str
        Sessions whose file, or second file where it is read, no server has.
    image_bytes : int
        Size of the images that aren't on this machine yet.
    moved_bytes : int
        Largest transfer, images included.
    disk_bytes, free_bytes : int
        Disk space needed at most, and free.
    memory_bytes, seconds : int
        Estimated memory and time.
    """

    listing: Listing
    groups: dict[str, dict[str, int]]
    n_extracted: int
    file_bytes: int
    without_file: list[str]
    without_further: list[str]
    image_bytes: int
    moved_bytes: int
    disk_bytes: int
    free_bytes: int
    memory_bytes: int
    seconds: int


def plan(
    survey: Survey,
    selection: Selection | None = None,
    settings: Any = None,
    *,
    whole_files: bool = False,
    delete_files: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> Plan:
    """Estimate the work of `fetch_survey` with the same arguments, from the sizes of the files.

    The estimates assume 10 MB/s, 400 MB of memory and 250 MB for each of several workers, and the survey's estimates of
    the time per session and of the share that is transferred of files that are read on the server.

    Raises
    ------
    DataError
        When there is no catalogue, no session matches, or a server doesn't answer.
    UnknownNameError
        When an area or another criterion of the selection is unknown.
    """
    selection, settings = survey.complete_arguments(selection, settings)
    folder, estimate = survey.downloads(), survey.expected_cost(settings)
    listing = survey.list_sessions(selection, folder, progress)
    extracted = extracted_sessions(responses_folder(folder, settings), fingerprint(settings))
    tasks = [
        ExtractionTask(survey, session, settings, folder, whole_files, delete_files, selection.retry)
        for session in listing.sessions
    ]
    waiting = [task.session for task in tasks_to_do(tasks, extracted)]
    further = {session.id: urls for session in waiting if (urls := survey.further_urls(session, settings))}
    further_sizes = file_sizes(further, progress=progress, retry=selection.retry)
    without_further = [session for session, size in further_sizes.items() if size is None]
    # A second file is downloaded first: without it, nothing of the session is read.
    readable = {session.id: session.urls for session in waiting if session.id not in without_further}
    sizes = file_sizes(readable, progress=progress, retry=selection.retry)
    file_bytes = sum(size or 0 for size in sizes.values())
    further_bytes = sum(size or 0 for size in further_sizes.values())
    moved = (file_bytes if whole_files else file_bytes * estimate.moved_share) + further_bytes
    file_bytes += further_bytes
    image_bytes = survey.stimuli_bytes(selection, progress)
    largest = max((size or 0 for size in sizes.values()), default=0)
    kept = (largest * workers if delete_files else file_bytes) if whole_files else 0
    processes = min(workers, len(readable))
    return Plan(
        listing=listing,
        groups=count_sessions(listing.sessions),
        n_extracted=sum(str(session.id) in extracted for session in listing.sessions),
        file_bytes=file_bytes,
        without_file=[str(session) for session, size in sizes.items() if size is None],
        without_further=[str(session) for session in without_further],
        image_bytes=image_bytes,
        moved_bytes=int(moved + image_bytes),
        # Responses and images are stored twice: as files of the fetch and in the dataset.
        disk_bytes=int(kept + 2 * image_bytes + 2 * estimate.responses_bytes * len(listing.sessions)),
        free_bytes=free_bytes(folder),
        memory_bytes=int(_BYTES + (_WORKER_BYTES * processes if processes > 1 else 0)),
        seconds=int((moved + image_bytes) / _CONNECTION_BYTES_S + estimate.session_s * len(readable) / workers),
    )
