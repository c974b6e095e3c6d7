"""A survey of recordings that can be fetched: the class from which each one derives, and what it deals in.

`m2m data fetch SURVEY`, its dry run, workers, messages and the manifest ask the class; nothing else knows a survey by
name. A new one is a class and a line in `acquisition.surveys`; `tests/acquisition/toy_survey` is an example.
This module imports nothing heavy: the command line reads it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from m2m_benchmarks.acquisition.options import Option
from m2m_benchmarks.acquisition.sessions import Listing, Selection
from m2m_benchmarks.errors import DataError, M2MError
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.storage import home

if TYPE_CHECKING:
    from m2m_benchmarks.acquisition.pipeline.responses import SessionResponses
    from m2m_benchmarks.acquisition.pipeline.tasks import ExtractionTask, SessionFiles


@dataclass(frozen=True)
class Estimate:
    """What a fetch of a survey costs, as far as one can say before.

    Attributes
    ----------
    moved_share : float
        Largest share of a session's file that is moved when it is read where it lies.
    session_s : float
        Seconds of computing and of waiting for answers a session.
    responses_bytes : float
        Size of a session's file of responses.
    """

    moved_share: float = 1
    session_s: float = 10
    responses_bytes: float = 4e6


class Survey:
    """Base of all surveys; it has no state and can be sent to another process.

    A survey has to have `name`, `n_images`, `settings_type`, `list_sessions`, `extract` and `stimuli`; all else has a
    default.

    Attributes
    ----------
    name : str
        Name of the dataset.
    title : str
        What it was recorded with, in a word or two, for the help of the command line.
    n_images : int
        Images that each session was shown.
    settings_type : type
        Dataclass of the settings of the extraction; session files of other settings stay beside one another.
    options : tuple of Option
        Its own options on the command line.
    file_type : str
        Ending of the sessions' files.
    stimuli_from_sessions : bool
        Its images can be had once sessions are extracted; by default they are there before.
    group_title : str
        What `Session.group` is; '' for nothing.
    session_note : str
        What a dry run adds to the number of sessions.
    estimate : Estimate
    """

    name: ClassVar[str]
    title: ClassVar[str] = ''
    n_images: ClassVar[int]
    settings_type: ClassVar[type]
    options: ClassVar[tuple[Option, ...]] = ()
    file_type: ClassVar[str] = 'nwb'
    stimuli_from_sessions: ClassVar[bool] = False
    group_title: ClassVar[str] = ''
    session_note: ClassVar[str] = ''
    estimate: ClassVar[Estimate] = Estimate()

    # --- what each survey has to have

    def list_sessions(self, selection: Any, folder: Path, progress: Progress | None) -> Listing:
        """Sessions that are wanted; `match_sessions` makes the listing of all that there are.

        Parameters
        ----------
        selection : Selection
        folder : Path
            For the tables that say so, which are kept.
        progress : callable, optional

        Raises
        ------
        DataError
            When there is no catalogue, or no session matches.
        UnknownNameError
            For an area that there isn't.
        """
        raise self._lacks('list_sessions')

    def extract(self, session: Any, settings: Any, files: 'SessionFiles') -> 'SessionResponses':
        """Responses of a session, whose file is opened or downloaded by `files`.

        Raises
        ------
        DataError
            Whatever is wrong with the session; the others go on.
        """
        raise self._lacks('extract')

    def stimuli(
        self,
        selection: Any,
        tasks: Mapping[str, 'ExtractionTask'],
        extracted: Mapping[str, Path],
        progress: Progress,
    ) -> tuple[list[Path], int]:
        """Download the images that aren't on this machine yet.

        Parameters
        ----------
        selection : Selection
        tasks : mapping
            Session to its task.
        extracted : mapping
            Session to its file of responses; empty unless `stimuli_from_sessions`.
        progress : callable

        Returns
        -------
        paths : list of Path
            Image files in the order of the image axis; their names without the ending are the stimulus ids.
        bytes_moved : int
        """
        raise self._lacks('stimuli')

    # --- what has a default

    def settings(self, given: Mapping[str, Any]) -> Any:
        """Settings of the survey's options, all of which are in `given` by name; here, those that are their fields."""
        names = {field.name for field in fields(self.settings_type)}
        return self.settings_type(**{name: value for name, value in given.items() if name in names})

    def selection(self, areas: Sequence[str] | None, number: int | None, given: Mapping[str, Any]) -> Selection:
        """Sessions that are wanted: `areas` and `number` are None for all; all options are in `given` by name."""
        return Selection(areas=areas, number=number)

    def settings_for(self, settings: Any, selection: Any) -> Any:
        """Settings for the sessions that are wanted."""
        return settings

    def downloads(self) -> Path:
        """Folder of all that a fetch keeps."""
        return home() / 'downloads' / self.name

    def further_urls(self, session: Any, settings: Any) -> Sequence[str]:
        """Mirrors of a second file of a session that is moved as a whole; none by default. Only a dry run asks."""
        return ()

    def stimuli_bytes(self, selection: Any, progress: Progress | None) -> int:
        """Bytes of the images that aren't here yet, for a dry run."""
        return 0

    def check_readable(self, path: Path) -> None:
        """Raise a DataError unless a whole file can be opened: another mirror is asked then."""

    def check_content(self, path: Path, url: str) -> None:
        """Raise a DataError unless there is in a whole file what the extraction needs: no mirror would help."""

    def provenance(self, listing: Listing, settings: Any) -> dict[str, Any]:
        """What the manifest says of how the dataset was made."""
        return {
            'made_by': f'm2m data fetch {self.name}',
            'settings': asdict(settings),
            'n_matching': listing.n_matching,
            'n_failed': listing.n_failed,
        }

    # --- what is the same for all

    def checked(self, selection: Selection | None, settings: Any) -> tuple[Any, Any]:
        """Check what a fetch is called with; what it leaves out is that of the defaults of the survey's options.

        Parameters
        ----------
        selection : Selection or None
        settings : dataclass instance or None

        Returns
        -------
        selection : Selection
        settings : dataclass instance
            For the sessions that are wanted.

        Raises
        ------
        DataError
            When the settings are those of another survey.
        M2MError
            As for `check_complete`.
        """
        self.check_complete()
        defaults = {option.name: option.default for option in self.options}
        selection = self.selection(None, None, defaults) if selection is None else selection
        settings = self.settings(defaults) if settings is None else settings
        if not isinstance(settings, self.settings_type):
            raise DataError(f'{self.name} takes {self.settings_type.__name__}, not {type(settings).__name__}.')
        return selection, self.settings_for(settings, selection)

    def check_complete(self) -> None:
        """Check that the class has all that a survey has to have.

        Raises
        ------
        M2MError
            With the name of the survey and the part that is missing or wrong.
        """
        for part in ('name', 'n_images', 'settings_type', 'list_sessions', 'extract', 'stimuli'):
            if getattr(type(self), part, None) is getattr(Survey, part, None):
                raise self._lacks(part)
        if not (isinstance(self.settings_type, type) and is_dataclass(self.settings_type)):
            raise M2MError(
                f'the survey {self.name} cannot be fetched: settings_type of its class {type(self).__name__} is '
                f'{self.settings_type!r}; expected a dataclass, as acquisition.survey.Survey describes.'
            )

    def _lacks(self, part: str) -> M2MError:
        name = getattr(self, 'name', type(self).__name__)
        return M2MError(
            f'the survey {name} cannot be fetched: its class {type(self).__name__} has no {part}; '
            f'define it as acquisition.survey.Survey.{part} describes.'
        )
