"""The base class of surveys, collections of recordings that can be fetched.

`m2m data fetch SURVEY`, its dry run, workers, messages and the manifest use the class; no other code names a survey. A
new one is a class and a line in `acquisition.surveys`; `tests/acquisition/toy_survey` is an example.
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
    from m2m_benchmarks.acquisition.published import PublishedNumber


@dataclass(frozen=True)
class Estimate:
    """Expected cost of a session, for dry runs.

    Attributes
    ----------
    moved_share : float
        Largest share of a session's file that is transferred when it is read on the server.
    session_s : float
        Seconds of computing and of waiting for answers.
    responses_bytes : float
        Size of the file of responses.
    """

    moved_share: float = 1
    session_s: float = 10
    responses_bytes: float = 4e6


class Survey:
    """Base class of surveys; it has no state and can be pickled.

    A survey has to define `name`, `n_images`, `settings_type`, `list_sessions`, `extract` and `stimuli`; everything
    else has a default.

    Attributes
    ----------
    name : str
        Name of the dataset.
    title : str
        Recording technique in a word or two, for the help of the command line.
    n_images : int
        Number of images that each session was shown.
    settings_type : type
        Dataclass of the settings of the extraction. Session files of different settings are kept side by side.
    options : tuple of Option
        Command-line options of the survey.
    file_type : str
        Extension of the sessions' files.
    stimuli_from_sessions : bool
        Whether the images are known only after the extraction.
    group_title : str
        Title of `Session.group`; '' for none.
    session_note : str
        Note that a dry run adds to the number of sessions.
    estimate : Estimate
        Expected cost of a session.
    further_title : str
        Name of the second files of sessions (see `further_urls`), such as 'events'.
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
    further_title: ClassVar[str] = 'second files'

    # --- required

    def list_sessions(self, selection: Any, folder: Path, progress: Progress | None) -> Listing:
        """List the selected sessions; `match_sessions` selects them from all sessions.

        Parameters
        ----------
        selection : Selection
        folder : Path
            Folder where the tables of the catalogue are kept.
        progress : callable, optional

        Raises
        ------
        DataError
            When there is no catalogue, or no session matches.
        UnknownNameError
            When an area is unknown.
        """
        raise self._lacks('list_sessions')

    def extract(self, session: Any, settings: Any, files: 'SessionFiles') -> 'SessionResponses':
        """Extract the responses of a session, whose file `files` opens or downloads.

        Raises
        ------
        DataError
            When something is wrong with the session; the other sessions are still extracted.
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
            Image files in the order of the image axis; their names without the extension are the stimulus ids.
        bytes_moved : int
        """
        raise self._lacks('stimuli')

    # --- optional

    def settings(self, given: Mapping[str, Any]) -> Any:
        """Make the settings from all options of the survey, which `given` holds by name."""
        names = {field.name for field in fields(self.settings_type)}
        return self.settings_type(**{name: value for name, value in given.items() if name in names})

    def selection(self, areas: Sequence[str] | None, number: int | None, given: Mapping[str, Any]) -> Selection:
        """Make the selection; None selects all areas or sessions, and `given` holds all options by name."""
        return Selection(areas=areas, number=number)

    def settings_for(self, settings: Any, selection: Any) -> Any:
        """Adapt the settings to the selection."""
        return settings

    def downloads(self) -> Path:
        """Folder of the files that a fetch keeps."""
        return home() / 'downloads' / self.name

    def expected_cost(self, settings: Any) -> Estimate:
        """Estimate the cost of a session with these settings; `estimate` by default."""
        return self.estimate

    def further_urls(self, session: Any, settings: Any) -> Sequence[str]:
        """Mirrors of a second file of a session, downloaded as a whole, for a dry run; none by default."""
        return ()

    def stimuli_bytes(self, selection: Any, progress: Progress | None) -> int:
        """Bytes of the images that aren't on this machine yet, for a dry run."""
        return 0

    def published_numbers(self) -> Sequence['PublishedNumber']:
        """Published numbers that the dataset should reproduce; none by default."""
        return ()

    def check_readable(self, path: Path) -> None:
        """Raise a DataError unless a downloaded file can be opened; the next mirror is tried then."""

    def check_content(self, path: Path, url: str) -> None:
        """Raise a DataError unless a downloaded file has the content that the extraction needs."""

    def provenance(self, listing: Listing, settings: Any) -> dict[str, Any]:
        """Describe for the manifest how the dataset was made."""
        return {
            'made_by': f'm2m data fetch {self.name}',
            'settings': asdict(settings),
            'n_matching': listing.n_matching,
            'n_failed': listing.n_failed,
        }

    # --- the same for all surveys

    def complete_arguments(self, selection: Selection | None, settings: Any) -> tuple[Any, Any]:
        """Check the arguments of a fetch, and fill in the defaults of the survey's options.

        Parameters
        ----------
        selection : Selection or None
        settings : dataclass instance or None

        Returns
        -------
        selection : Selection
        settings : dataclass instance
            Settings adapted to the selection.

        Raises
        ------
        DataError
            When the settings are those of another survey.
        M2MError
            When the class is incomplete (see `check_complete`).
        """
        self.check_complete()
        defaults = {option.name: option.default for option in self.options}
        selection = self.selection(None, None, defaults) if selection is None else selection
        settings = self.settings(defaults) if settings is None else settings
        if not isinstance(settings, self.settings_type):
            raise DataError(f'{self.name} takes {self.settings_type.__name__}, not {type(settings).__name__}.')
        return selection, self.settings_for(settings, selection)

    def check_complete(self) -> None:
        """Check that the class defines all required parts.

        Raises
        ------
        M2MError
            When a part is missing or wrong.
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
