"""One session: from its file on a server to its file of responses on this disk."""

import contextlib
import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2m_benchmarks.acquisition.pipeline.session_file import fingerprint, write_session
from m2m_benchmarks.acquisition.pipeline.whole_file import forget, intact, whole_file
from m2m_benchmarks.acquisition.sessions import Session
from m2m_benchmarks.acquisition.survey import Survey
from m2m_benchmarks.errors import DataError, StorageError
from m2m_benchmarks.net.download import download
from m2m_benchmarks.net.failures import ServerUnreachable
from m2m_benchmarks.net.remote_file import RemoteFile, reading
from m2m_benchmarks.net.retry import RETRY, RetryPolicy
from m2m_benchmarks.progress import Progress

#: Sessions one after the other that can't be reached, after which no other is asked for: the network is down.
MOST_UNREACHED = 3


@dataclass(frozen=True)
class ExtractionTask:
    """All that the extraction of a session needs; it can be sent to another process or machine.

    Attributes
    ----------
    survey : Survey
    session : Session
    settings : dataclass instance
        Settings of the survey.
    folder : Path
        Under which the responses and whole files are; other machines have to see the same one.
    whole_files : bool
        Keep the session's file, in place of reading it where it lies.
    delete_files : bool
        Remove it when the session is extracted.
    retry : RetryPolicy
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
        """Where the whole file goes."""
        return self.beside(f'{self.session.id}.{self.survey.file_type}')

    def beside(self, name: str) -> Path:
        """Where another file of the session goes."""
        return self.folder / self.survey.file_type / name

    @property
    def responses_folder(self) -> Path:
        """Where the responses of sessions go: those of other settings stay beside them."""
        return responses_folder(self.folder, self.settings)


@dataclass(frozen=True)
class ExtractionResult:
    """What became of a task.

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


def responses_folder(folder: Path, settings: Any) -> Path:
    """Where the responses of sessions go, in the folder of a fetch: those of other settings stay beside them."""
    return folder / 'sessions' / hashlib.sha256(fingerprint(settings).encode()).hexdigest()[:16]


def tasks_to_do(tasks: Sequence[ExtractionTask], extracted: Collection[str]) -> list[ExtractionTask]:
    """Tasks whose session isn't extracted, and those whose whole file is to be kept and isn't there."""
    return [
        task
        for task in tasks
        if str(task.session.id) not in extracted
        or (task.whole_files and not task.delete_files and not task.path.exists())
    ]


class SessionFiles:
    """The files of a task's session: read where they lie, or downloaded.

    Parameters
    ----------
    task : ExtractionTask
    progress : callable, optional
        Called with a file's name, the bytes of it that have come, and how many there are (0: not known).

    Attributes
    ----------
    bytes_moved : int
    """

    def __init__(self, task: ExtractionTask, progress: Progress | None = None) -> None:
        self.bytes_moved = 0
        self._task = task
        self._progress = progress
        self._further: set[Path] = set()

    @contextlib.contextmanager
    def open(self) -> Iterator[Path | RemoteFile]:
        """The session's file for the length of the block: its path, or a binary file that is read over the network.

        Raises
        ------
        DataError, StorageError
            Those of `whole_file` and `RemoteFile`.
        """
        task, survey = self._task, self._task.survey
        if task.whole_files or intact(task.path):
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
        tell, name = self._progress, task.path.name
        progress = None if tell is None else lambda moved: tell(name, moved, 0)
        remote = RemoteFile(task.session.urls, progress=progress, retry=task.retry)
        try:
            with reading(remote):
                yield remote
        finally:
            self.bytes_moved += remote.bytes_moved

    def download(self, urls: Sequence[str], name: str) -> Path:
        """Path of another file of the session, downloaded; it goes when the session's own file does."""
        path = self._task.beside(name)
        self._further.add(path)
        download(urls, path, retry=self._task.retry)
        self.bytes_moved += path.stat().st_size
        return path

    def discard_downloads(self) -> None:
        """Remove what `download` has brought."""
        for path in self._further:
            path.unlink(missing_ok=True)


def extract_session(task: ExtractionTask, progress: Progress | None = None) -> ExtractionResult:
    """Extract a session and write its file.

    Parameters
    ----------
    task : ExtractionTask
    progress : callable, optional
        As for `SessionFiles`.

    Returns
    -------
    ExtractionResult
        Whatever is wrong with the session is its `reason`.

    Raises
    ------
    StorageError
        When the disk is full or can't be written: no other session would fare better.
    """
    name, files = str(task.session.id), SessionFiles(task, progress)
    try:
        responses = task.retry.read(lambda: task.survey.extract(task.session, task.settings, files))
        if responses.session != name:
            raise DataError(f'its file is that of session {responses.session}.')
        path = write_session(task.responses_folder, responses, fingerprint(task.settings))
    except StorageError:
        raise
    except Exception as error:
        # Files are others': no matter what one holds, the other sessions go on.
        reason = str(error) if isinstance(error, DataError) else f'{type(error).__name__}: {error}'
        # A second file that doesn't fit to the first may be that of another version of it.
        files.discard_downloads()
        return ExtractionResult(name, None, reason, files.bytes_moved, isinstance(error, ServerUnreachable))
    if task.delete_files:
        forget(task.path)
    if task.delete_files or not task.whole_files:
        files.discard_downloads()
    return ExtractionResult(name, path, '', files.bytes_moved)
