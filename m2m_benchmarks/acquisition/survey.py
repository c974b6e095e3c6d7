"""A survey of recordings that can be fetched: the class from which each one derives, and what it deals in.

`m2m data fetch SURVEY`, its dry run, workers, messages and the ledger ask the class; nothing else knows a survey by
name. A new one is a class and a line in `acquisition.surveys`; `tests/acquisition/toy_survey` is an example.
This module imports nothing heavy: the command line reads it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from m2m_benchmarks.data.areas import is_area_name, order_areas, standard_area
from m2m_benchmarks.errors import DataError, M2MError, UnknownNameError
from m2m_benchmarks.net.retry import RETRY, RetryPolicy
from m2m_benchmarks.storage import home

if TYPE_CHECKING:
    from m2m_benchmarks.acquisition.pipeline.responses import SessionResponses
    from m2m_benchmarks.acquisition.pipeline.tasks import ExtractionTask, SessionFiles

Progress = Callable[[str, int, int], None]


class OptionError(DataError):
    """An option of the command line that can't be followed."""


@dataclass(frozen=True)
class Option:
    """An option of `m2m data fetch` that a survey takes.

    Surveys that share an option share the object; of two that differ, each help is printed after its survey's name.

    Attributes
    ----------
    name : str
        Name of the value, as in `session_types` for --session-types.
    help : str
    type : type
        str, int, Path, or bool for a flag.
    default : str, int, bool or None
    metavar : str, optional
    least : int, optional
        Smallest number that is accepted.
    """

    name: str
    help: str
    type: type = str
    default: Any = None
    metavar: str | None = None
    least: int | None = None

    @property
    def flag(self) -> str:
        """The option as it is written."""
        return f'--{self.name.replace("_", "-")}'


@dataclass(frozen=True, kw_only=True)
class Session:
    """A recording that can be fetched.

    Attributes
    ----------
    id : int or str
    urls : tuple of str
        Mirrors of its file, in order.
    areas : tuple of str
        Areas that were recorded from and, in a `Listing`, asked for.
    usable : bool
        False for one that is listed and can't be used: it failed quality control, or has no file.
    """

    id: int | str
    urls: tuple[str, ...]
    areas: tuple[str, ...]
    usable: bool = True

    @property
    def group(self) -> str:
        """What sessions of an area are counted by in a dry run, such as a Cre line; '' for nothing."""
        return ''


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Sessions that are wanted.

    Attributes
    ----------
    areas : sequence of str, optional
        All by default; upper and lower case are the same.
    number : int, optional
        Only so many, the first by id: always the same ones, which are not spread over areas.
    retry : RetryPolicy
        How often and how long servers are asked.
    """

    areas: Sequence[str] | None = None
    number: int | None = None
    retry: RetryPolicy = RETRY


AnySession = TypeVar('AnySession', bound=Session)


@dataclass(frozen=True)
class Listing:
    """Sessions that were asked for.

    Attributes
    ----------
    sessions : tuple of Session
        By id.
    n_matching : int
        How many there are without a limit of their number.
    n_failed : int
        Sessions that match too but are left out because they aren't usable.
    """

    sessions: tuple[Session, ...]
    n_matching: int
    n_failed: int


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

    def list_sessions(self, selection: Selection, folder: Path, progress: Progress | None) -> Listing:
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
        """Have the images on this machine.

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
        """Settings of the options of the command line, all of which are in `given` by name; here, the fields' own."""
        names = {field.name for field in fields(self.settings_type)}
        return self.settings_type(**{name: value for name, value in given.items() if name in names})

    def selection(self, areas: Sequence[str] | None, number: int | None, given: Mapping[str, Any]) -> Selection:
        """Sessions that are wanted, of the options of the command line."""
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
        """What the ledger says of how the dataset was made."""
        return {
            'made_by': f'm2m data fetch {self.name}',
            'settings': asdict(settings),
            'n_matching': listing.n_matching,
            'n_failed': listing.n_failed,
        }

    # --- what is the same for all

    def checked_settings(self, settings: Any, selection: Selection) -> Any:
        """Settings, the defaults where there are none, for the sessions that are wanted.

        Raises
        ------
        DataError
            When they are those of another survey.
        """
        settings = self.settings_type() if settings is None else settings
        if not isinstance(settings, self.settings_type):
            raise DataError(f'{self.name} takes {self.settings_type.__name__}, not {type(settings).__name__}.')
        return self.settings_for(settings, selection)

    def check_complete(self) -> None:
        """Check that the class has all that a survey has to have.

        Raises
        ------
        M2MError
            With the name of the survey and the part that is missing.
        """
        for part in ('name', 'n_images', 'settings_type', 'list_sessions', 'extract', 'stimuli'):
            if getattr(type(self), part, None) is getattr(Survey, part, None):
                raise self._lacks(part)

    def _lacks(self, part: str) -> M2MError:
        name = getattr(self, 'name', type(self).__name__)
        return M2MError(
            f'the survey {name} cannot be fetched: its class {type(self).__name__} has no {part}; '
            f'define it as acquisition.survey.Survey.{part} describes.'
        )


def comma_separated(flag: str, text: str | None) -> list[str] | None:
    """Names in an option, separated by commas; None where it isn't given.

    Raises
    ------
    OptionError
        When there is none.
    """
    if text is None:
        return None
    names = [each.strip() for each in text.split(',') if each.strip()]
    if not names:
        raise OptionError(f'{flag} names none.')
    return names


def choose_areas(names: Sequence[str] | None, known: Sequence[str]) -> set[str]:
    """Areas as they are known; all of them when none are named."""
    return choose('area', None if names is None else [standard_area(name) for name in names], known)


def choose(kind: str, names: Sequence[str] | None, known: Sequence[str]) -> set[str]:
    """Names as they are known, in upper or lower case; all of them when none are given.

    Raises
    ------
    UnknownNameError
        For one that isn't among them.
    """
    if names is None:
        return set(known)
    as_known = {name.lower(): name for name in known}
    for name in names:
        if name.lower() not in as_known:
            raise UnknownNameError(kind, name, known)
    return {as_known[name.lower()] for name in names}


def match_sessions(
    sessions: Sequence[AnySession],
    selection: Selection,
    known_areas: Sequence[str] | None = None,
    matches: Callable[[AnySession], bool] = lambda session: True,
    described: str = '',
    choices: str = 'areas',
) -> Listing:
    """Those of all sessions that are wanted.

    Parameters
    ----------
    sessions : sequence of Session
        All that there are.
    selection : Selection
    known_areas : sequence of str, optional
        In their order; by default those of the sessions.
    matches : callable
        Whether a session matches what else is wanted.
    described, choices : str
        For the message when none matches: what is wanted beside areas, and what to choose otherwise.

    Raises
    ------
    DataError
        When no session matches, or an area has a name that can't be in a benchmark's.
    UnknownNameError
        For an area that there isn't.
    """
    if selection.number is not None and selection.number < 1:
        raise DataError(f'{selection.number} sessions were asked for; expected at least 1.')
    recorded = order_areas(area for session in sessions for area in session.areas)
    areas = recorded if known_areas is None else known_areas
    for area in areas:
        if not is_area_name(area):
            raise DataError(f'the catalogue has the area {area!r}; expected letters, digits and underscores.')
    wanted = choose_areas(selection.areas, areas)
    matching = [
        replace(each, areas=tuple(area for area in areas if area in each.areas and area in wanted))
        for each in sorted(sessions, key=lambda each: each.id)
        if wanted.intersection(each.areas) and matches(each)
    ]
    usable = [each for each in matching if each.usable]
    if not usable:
        raise DataError(
            f'no session of {", ".join(area for area in areas if area in wanted)}{described}, of {len(sessions)} in '
            f'the catalogue; choose other {choices}.'
        )
    return Listing(tuple(usable[: selection.number]), len(usable), len(matching) - len(usable))


def count_sessions(sessions: Iterable[Session]) -> dict[str, dict[str, int]]:
    """Number of sessions by area and, in it, by group; a session of several areas counts in each."""
    listed = sorted(sessions, key=lambda session: session.group)
    counts: dict[str, dict[str, int]] = {
        area: {} for area in order_areas(area for session in listed for area in session.areas)
    }
    for session in listed:
        for area in session.areas:
            counts[area][session.group] = counts[area].get(session.group, 0) + 1
    return counts
