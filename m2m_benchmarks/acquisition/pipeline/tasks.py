"""Extraction of one session: from its file on a server to a session file on this disk."""

import contextlib
import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2m_benchmarks.acquisition.pipeline.session_file import fingerprint, write_session
from m2m_benchmarks.acquisition.pipeline.whole_file import remove_whole_file, whole_file
from m2m_benchmarks.acquisition.sessions import Session
from m2m_benchmarks.acquisition.survey import Survey
from m2m_benchmarks.errors import DataError, StorageError
from m2m_benchmarks.net.download import download
from m2m_benchmarks.net.failures import ServerUnreachable
from m2m_benchmarks.net.notes import is_intact
from m2m_benchmarks.net.remote_file import RemoteFile, reading
from m2m_benchmarks.net.retry import RETRY, RetryPolicy
from m2m_benchmarks.progress import Progress

#: Number of unreachable sessions in a row after which a fetch stops, because the network is down.
MAX_UNREACHABLE = 3


@dataclass(frozen=True)
class ExtractionTask:
    """Arguments of the extraction of a session; they can be pickled.

    Attributes
    ----------
    survey : Survey
    session : Session
    settings : dataclass instance
        Settings of the survey.
    folder : Path
        Folder of the responses and whole files, which all machines have to share.
    whole_files : bool
        Whether the session's file is downloaded, in place of reading it on the server.
    delete_files : bool
        Whether that download is removed once the session is extracted.
    retry : RetryPolicy
        Number of attempts and time limits of requests.
    """

    survey: Survey
    session: Session
    settings: Any
    folder: Path
    whole_files: bool = False
    delete_files: bool = False
    retry: RetryPolicy = RETRY

    @property
    def path(self) -> Path:
        """Path of the whole file."""
        return self.beside(f'{self.session.id}.{self.survey.file_type}')

    def beside(self, name: str) -> Path:
        """Path of another file of the session."""
        return self.folder / self.survey.file_type / name

    @property
    def responses_folder(self) -> Path:
        """Folder of the session files with these settings."""
        return responses_folder(self.folder, self.settings)


@dataclass(frozen=True)
class ExtractionResult:
    """Result of a task.

    Attributes
    ----------
    session : str
    path : Path or None
        Session file; None if the extraction failed.
    reason : str
        Reason of a failure.
    bytes_moved : int
        Bytes transferred.
    unreachable : bool
        Whether the network or the servers are the reason.
    """

    session: str
    path: Path | None
    reason: str
    bytes_moved: int
    unreachable: bool = False


def responses_folder(folder: Path, settings: Any) -> Path:
    """Folder of the session files with some settings, in the folder of a fetch."""
    return folder / 'sessions' / hashlib.sha256(fingerprint(settings).encode()).hexdigest()[:16]


def tasks_to_do(tasks: Sequence[ExtractionTask], extracted: Collection[str]) -> list[ExtractionTask]:
    """Select tasks whose session isn't extracted, or whose whole file should be kept and is missing."""
    return [
        task
        for task in tasks
        if str(task.session.id) not in extracted
        or (task.whole_files and not task.delete_files and not task.path.exists())
    ]


class SessionFiles:
    """The files of a task's session, read on the server or downloaded.

    Parameters
    ----------
    task : ExtractionTask
    progress : callable, optional
        Called with a file's name, the bytes downloaded, and the bytes of the file (0: unknown).

    Attributes
    ----------
    bytes_moved : int
        Bytes transferred.
    """

    def __init__(self, task: ExtractionTask, progress: Progress | None = None) -> None:
        self.bytes_moved = 0
        self._task = task
        self._progress = progress
        self._further: set[Path] = set()

    @contextlib.contextmanager
    def open(self) -> Iterator[Path | RemoteFile]:
        """Open the session's file for the length of the block: its path, or a remote file.

        Raises
        ------
        DataError, StorageError
            See `whole_file` and `RemoteFile`.
        """
        task, survey = self._task, self._task.survey
        if task.whole_files or is_intact(task.path):
            self.bytes_moved += whole_file(
                task.session.urls,
                task.path,
                survey.check_readable,
                survey.check_content,
                self._progress,
                task.retry,
            )
            yield task.path
            return
        report, name = self._progress, task.path.name
        progress = None if report is None else lambda moved: report(name, moved, 0)
        remote = RemoteFile(task.session.urls, progress=progress, retry=task.retry)
        try:
            with reading(remote):
                yield remote
        finally:
            self.bytes_moved += remote.bytes_moved

    def download(self, urls: Sequence[str], name: str) -> Path:
        """Download another file of the session, which is deleted with the session's file."""
        path = self._task.beside(name)
        self._further.add(path)
        download(urls, path, retry=self._task.retry)
        self.bytes_moved += path.stat().st_size
        return path

    def discard_downloads(self) -> None:
        """Remove the files that `download` downloaded."""
        for path in self._further:
            remove_whole_file(path)


def extract_session(task: ExtractionTask, progress: Progress | None = None) -> ExtractionResult:
    """Extract a session and write its file.

    Parameters
    ----------
    task : ExtractionTask
    progress : callable, optional
        See `SessionFiles`.

    Returns
    -------
    ExtractionResult
        A failure, with its `reason`, when something is wrong with the session.

    Raises
    ------
    StorageError
        When the disk is full or can't be written, so that no other session could be extracted either.
    """
    name, files = str(task.session.id), SessionFiles(task, progress)
    try:
        responses = task.retry.read(lambda: task.survey.extract(task.session, task.settings, files))
        if responses.session != name:
            raise DataError(f'its file is of session {responses.session}.')
        path = write_session(task.responses_folder, responses, fingerprint(task.settings))
    except StorageError:
        raise
    except Exception as error:
        # Unknown content of one file must not stop the other sessions.
        reason = str(error) if isinstance(error, DataError) else f'{type(error).__name__}: {error}'
        # A second file that doesn't fit the first may be of another version.
        files.discard_downloads()
        return ExtractionResult(name, None, reason, files.bytes_moved, isinstance(error, ServerUnreachable))
    if task.delete_files:
        remove_whole_file(task.path)
    if task.delete_files or not task.whole_files:
        files.discard_downloads()
    return ExtractionResult(name, path, '', files.bytes_moved)
