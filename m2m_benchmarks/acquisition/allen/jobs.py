"""One session after the other, or many at once: from its file on a server to its file of responses on this disk."""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py

from m2m_benchmarks.acquisition.allen.ecephys import EcephysSettings, extract_ecephys
from m2m_benchmarks.acquisition.allen.ophys import SOME_SCENES, extract_ophys, read_events
from m2m_benchmarks.acquisition.allen.ophys_cells import cell_type
from m2m_benchmarks.acquisition.allen.ophys_file import open_nwb
from m2m_benchmarks.acquisition.allen.ophys_settings import OphysSettings
from m2m_benchmarks.acquisition.allen.ranged import RangedFile, opened
from m2m_benchmarks.acquisition.allen.responses import SessionResponses
from m2m_benchmarks.acquisition.allen.session_file import fingerprint, write_session
from m2m_benchmarks.acquisition.allen.sessions import Session
from m2m_benchmarks.acquisition.allen.whole import REQUIRED, forget, whole_file
from m2m_benchmarks.acquisition.download import download
from m2m_benchmarks.errors import DataError, StorageError

_Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Job:
    """All that the extraction of a session needs; it can be sent to another process or machine.

    Attributes
    ----------
    session : Session
    settings : OphysSettings or EcephysSettings
        As the session's modality.
    folder : Path
        Under which `sessions` and `nwb` are; other machines have to see the same one.
    whole_files : bool
        Keep the NWB file, in place of reading it where it lies.
    delete_nwb : bool
        Remove it when the session is extracted.
    options : mapping
        Of the network: tries, timeout_s, sleep.
    """

    session: Session
    settings: OphysSettings | EcephysSettings
    folder: Path
    whole_files: bool = False
    delete_nwb: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def nwb(self) -> Path:
        """Where the whole file goes."""
        return self.folder / 'nwb' / f'{self.session.id}.nwb'


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes
    ----------
    session : str
    path : Path or None
        File of the responses.
    reason : str
        Why there is none.
    bytes_moved : int
    """

    session: str
    path: Path | None
    reason: str
    bytes_moved: int


class Source:
    """The file of a job's session, opened where it is.

    Parameters
    ----------
    job : Job
    progress : callable, optional
        As of `download`.

    Attributes
    ----------
    bytes_moved : int
    """

    def __init__(self, job: Job, progress: _Progress | None = None) -> None:
        self.bytes_moved = 0
        self._job = job
        self._progress = progress

    @contextlib.contextmanager
    def open(self) -> Iterator[h5py.File]:
        """Open it for the length of the block; errors are those of `whole_file` and `ranged.opened`."""
        job = self._job
        if job.whole_files:
            required = REQUIRED[job.session.modality]
            self.bytes_moved += whole_file(job.session.urls, job.nwb, required, self._progress, **job.options)
            with open_nwb(job.nwb) as file:
                yield file
            return
        remote = RangedFile(job.session.urls, **job.options)
        try:
            with opened(remote) as file:
                yield file
        finally:
            self.bytes_moved += remote.bytes_moved


def extract_session(job: Job, progress: _Progress | None = None) -> Outcome:
    """Extract a session and write its file.

    Parameters
    ----------
    job : Job
    progress : callable, optional
        As of `download`.

    Returns
    -------
    Outcome
        Whatever is wrong with the session is its `reason`.

    Raises
    ------
    StorageError
        When the disk is full or can't be written: no other session would fare better.
    """
    session, source = job.session, Source(job, progress)
    try:
        responses = _responses(job, source)
        if responses.session != str(session.id):
            raise DataError(f'its file is that of session {responses.session}.')
        # The catalogue is right about Cre lines where files name alleles or the line's older name.
        known = {'cre_line': session.cre_line}
        if session.modality == 'ophys':
            # Of Neuropixels the line is that of the cells that light drives, not of those recorded.
            known['cell_type'] = cell_type(session.cre_line)
        elif session.animal:
            # By the number of the specimen, as in the tables of the survey: files have the donor's.
            known['animal'] = session.animal
        responses = replace(responses, neuroids=responses.neuroids.assign(**known))
        path = write_session(job.folder / 'sessions', responses, fingerprint(job.settings))
    except StorageError:
        raise
    except Exception as error:
        # Files are others': no matter what one holds, the other sessions go on.
        reason = str(error) if isinstance(error, DataError) else f'{type(error).__name__}: {error}'
        return Outcome(str(session.id), None, reason, source.bytes_moved)
    if job.delete_nwb:
        forget(job.nwb)
    if job.delete_nwb or not job.whole_files:
        _events(job).unlink(missing_ok=True)
    return Outcome(responses.session, path, '', source.bytes_moved)


def _responses(job: Job, source: Source) -> SessionResponses:
    settings = job.settings
    if isinstance(settings, EcephysSettings):
        with source.open() as file:
            return extract_ecephys(file, settings)
    events = None
    if settings.used_signal == 'events':
        path = download(job.session.events_urls, _events(job), **job.options)
        try:
            events = read_events(path)
        except DataError:
            # It may have come short, which shows only now where the server doesn't tell its length.
            path.unlink()
            events = read_events(download(job.session.events_urls, path, **job.options))
        source.bytes_moved += path.stat().st_size
    with source.open() as file:
        return extract_ophys(file, settings, events, SOME_SCENES)


def _events(job: Job) -> Path:
    return job.folder / 'nwb' / f'{job.session.id}_events.npz'


def run(
    jobs: Sequence[Job], workers: int = 1, scheduler: str | None = None, progress: _Progress | None = None
) -> Iterator[Outcome]:
    """Extract sessions, in any order.

    Parameters
    ----------
    jobs : sequence of Job
    workers : int
        Processes; with 1, this one.
    scheduler : str, optional
        Address of a scheduler of dask.distributed in place of them. Its workers have this library and see the same
        folder.
    progress : callable, optional
        As of `download`; other processes don't report.

    Yields
    ------
    Outcome
        As they come.

    Raises
    ------
    StorageError
        As of `extract_session`.
    DataError
        When a worker dies, or there is no scheduler. What was extracted by then is kept.
    """
    if not jobs:
        return iter(())
    if scheduler is not None:
        return _on_dask(jobs, scheduler)
    if workers == 1 or len(jobs) == 1:
        return (extract_session(job, progress) for job in jobs)
    return _in_processes(jobs, min(workers, len(jobs)))


def _in_processes(jobs: Sequence[Job], workers: int) -> Iterator[Outcome]:
    others = set(multiprocessing.active_children())
    # Spawned: a fork would copy HDF5's and the network's locks as they happen to be.
    context = multiprocessing.get_context('spawn')
    pool = ProcessPoolExecutor(workers, context, _begin)
    try:
        with _uninterrupted():
            futures = [pool.submit(extract_session, job) for job in jobs]
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise DataError(
            'a worker process was ended from outside, as by a system that is out of memory. Take fewer --workers and '
            'run this again: sessions that were extracted are kept.'
        ) from error
    except BaseException:
        # All that a worker leaves is swept; waiting for its session may take minutes.
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Have Ctrl-C wait. Processes that begin meanwhile never see it: it's their parent's to answer."""
    if not hasattr(signal, 'pthread_sigmask'):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """Have a worker end with its parent, however that ends."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def _on_dask(jobs: Sequence[Job], scheduler: str) -> Iterator[Outcome]:
    try:
        import distributed
    except ImportError as error:
        raise DataError(
            "a scheduler needs dask.distributed: pip install 'm2m-benchmarks[dask]', here and where its workers run."
        ) from error
    try:
        client = distributed.Client(scheduler, set_as_default=False)
    except (OSError, ValueError) as error:
        raise DataError(f'there is no scheduler of dask.distributed at {scheduler}: {error}.') from error
    with client, client.as_current():
        futures = [client.submit(extract_session, job, pure=False) for job in jobs]
        try:
            for future in distributed.as_completed(futures):
                yield future.result()
        except distributed.KilledWorker as error:
            raise DataError(
                f'{error}. Give the workers more memory or fewer threads and run this again: sessions that were '
                'extracted are kept.'
            ) from error
        finally:
            client.cancel(futures)
