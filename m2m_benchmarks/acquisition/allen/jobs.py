"""One session: from its file on a server to its file of responses on this disk."""

import contextlib
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py

from m2m_benchmarks.acquisition.allen.ecephys import EcephysSettings, extract_ecephys
from m2m_benchmarks.acquisition.allen.ophys import SOME_SCENES, extract_ophys, read_events
from m2m_benchmarks.acquisition.allen.ophys_cells import cell_type
from m2m_benchmarks.acquisition.allen.ophys_file import open_nwb
from m2m_benchmarks.acquisition.allen.ophys_settings import OphysSettings
from m2m_benchmarks.acquisition.allen.ranged import ChangedError, RangedFile, opened
from m2m_benchmarks.acquisition.allen.responses import SessionResponses
from m2m_benchmarks.acquisition.allen.session_file import fingerprint, write_session
from m2m_benchmarks.acquisition.allen.sessions import Session
from m2m_benchmarks.acquisition.allen.whole import REQUIRED, forget, intact, whole_file
from m2m_benchmarks.acquisition.download import download
from m2m_benchmarks.acquisition.line import UnreachedError
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
        return nwb_path(self.folder, self.session)


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
    unreached : bool
        The reason is the network, or the servers.
    """

    session: str
    path: Path | None
    reason: str
    bytes_moved: int
    unreached: bool = False


def nwb_path(folder: Path, session: Session) -> Path:
    """Where the whole file of a session goes."""
    return folder / 'nwb' / f'{session.id}.nwb'


def sessions_folder(folder: Path, settings: OphysSettings | EcephysSettings) -> Path:
    """Where the responses of sessions go: those of other settings stay beside them."""
    return folder / 'sessions' / hashlib.sha256(fingerprint(settings).encode()).hexdigest()[:16]


def to_read(
    sessions: Iterable[Session], extracted: Collection[str], folder: Path, whole_files: bool, delete_nwb: bool
) -> list[Session]:
    """Sessions that aren't extracted, and those that are but whose whole file is to be kept and isn't there."""
    keeps = whole_files and not delete_nwb
    return [
        session
        for session in sessions
        if str(session.id) not in extracted or (keeps and not nwb_path(folder, session).exists())
    ]


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
        if job.whole_files or intact(job.nwb):
            required = REQUIRED[job.session.modality]
            self.bytes_moved += whole_file(job.session.urls, job.nwb, required, self._progress, **job.options)
            with open_nwb(job.nwb) as file:
                yield file
            return
        tell, name = self._progress, job.nwb.name
        progress = None if tell is None else lambda moved: tell(name, moved, 0)
        remote = RangedFile(job.session.urls, progress=progress, **job.options)
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
        try:
            responses = _responses(job, source)
        except ChangedError:
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
        path = write_session(sessions_folder(job.folder, job.settings), responses, fingerprint(job.settings))
    except StorageError:
        raise
    except Exception as error:
        # Files are others': no matter what one holds, the other sessions go on.
        reason = str(error) if isinstance(error, DataError) else f'{type(error).__name__}: {error}'
        # Events that don't fit to the file may be those of another version of it.
        _events(job).unlink(missing_ok=True)
        return Outcome(str(session.id), None, reason, source.bytes_moved, isinstance(error, UnreachedError))
    if job.delete_nwb:
        forget(job.nwb)
    if job.delete_nwb or not job.whole_files:
        _events(job).unlink(missing_ok=True)
    return Outcome(responses.session, path, '', source.bytes_moved)


def _responses(job: Job, source: Source) -> SessionResponses:
    settings = job.settings
    if isinstance(settings, EcephysSettings):
        with source.open() as file:
            return extract_ecephys(file, settings, job.session.channel_areas)
    events = None
    if settings.used_signal == 'events':
        path = download(job.session.events_urls, _events(job), **job.options)
        events = read_events(path)
        source.bytes_moved += path.stat().st_size
    with source.open() as file:
        return extract_ophys(file, settings, events, SOME_SCENES)


def _events(job: Job) -> Path:
    return job.folder / 'nwb' / f'{job.session.id}_events.npz'
