"""Import of NWB files into the data folder: the same arrays of trials, images and units as those of array bundles."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from m2m_benchmarks import limits
from m2m_benchmarks.acquisition import images
from m2m_benchmarks.acquisition.bundle import Recording, check_trials, check_window
from m2m_benchmarks.acquisition.description import FIELDS, read_description
from m2m_benchmarks.acquisition.image_axis import BLANK, TABLE, ImageAxis, read_axis
from m2m_benchmarks.acquisition.importing import importing, records, write_recordings
from m2m_benchmarks.acquisition.nwb.areas import AreaRule, assign, layer, read_rule
from m2m_benchmarks.acquisition.nwb.counts import by_trial, count_spikes
from m2m_benchmarks.acquisition.nwb.files import Session, list_files, read_session, read_spikes
from m2m_benchmarks.acquisition.nwb.presentations import BLANK_SCREEN, NO_IMAGE, Choice, ImageNames, choose
from m2m_benchmarks.data.areas import note_on_renamed, order_areas, renamed_areas
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.progress import Progress, silent
from m2m_benchmarks.storage import sha256_file

#: Window in seconds after the onset in which spikes are counted.
WINDOW_S = (0.05, 0.25)
#: File that `dandi download` writes into the folder of a dandiset.
_DANDISET = 'dandiset.yaml'


@dataclass(frozen=True)
class Options:
    """What the user says of NWB files.

    Attributes
    ----------
    areas : tuple of str
        Areas to import, AREA or LOCATION=AREA; by default those of the electrodes' locations.
    window_s : (start, end)
        Window in seconds after the onset in which spikes are counted, without its end.
    table, column : str, optional
        Table of the presentations and its column that names the images; by default those that match the images.
    subject : str, optional
        Name of the animal in files that have none.
    stimulus_order : {'natural', 'alphabetic'}, optional
        Order of the images in the dataset, which doesn't change what they are paired with; 'natural' by default.
    """

    areas: tuple[str, ...] = ()
    window_s: tuple[float, float] = WINDOW_S
    table: str | None = None
    column: str | None = None
    subject: str | None = None
    stimulus_order: str | None = None


@dataclass(frozen=True)
class SessionPlan:
    """What would be imported from a file.

    Attributes
    ----------
    session : Session
    session_id, subject : str
        Names in the dataset.
    areas : tuple of str
        Area of each unit; empty for units that are left out.
    left_out : dict
        Number of units left out, by location.
    unit_ids : tuple of str
        Name of each unit in the dataset.
    """

    session: Session
    session_id: str
    subject: str
    areas: tuple[str, ...]
    left_out: dict[str, int]
    unit_ids: tuple[str, ...]


@dataclass(frozen=True)
class NwbPlan:
    """What would be imported, and from where.

    Attributes
    ----------
    sessions : tuple of SessionPlan
    names : ImageNames
    choice : Choice or None
        Column that names the presented images; None where none could be chosen.
    problem : DataError or None
        Reason why no column could be chosen.
    window_s : (start, end)
    description : dict
        Text by field, for the card.
    folder_axis : ImageAxis
        Images of the folder.
    """

    sessions: tuple[SessionPlan, ...]
    names: ImageNames
    choice: Choice | None
    problem: DataError | None
    window_s: tuple[float, float]
    description: dict[str, str]
    folder_axis: ImageAxis

    def presented(self, plan: SessionPlan) -> tuple[np.ndarray, np.ndarray]:
        """Times of onset, and positions of the images, of the presentations of a session."""
        if self.choice is None:
            raise self.problem or DataError('no column of the presentations is chosen.')
        return self.choice.presented(plan.session, self.names)

    def repetitions(self, plan: SessionPlan) -> Counter[int]:
        """Number of presentations of each image of a session, by its position."""
        return Counter(position for position in self.presented(plan)[1].tolist() if position >= 0)

    def n_trials(self, plan: SessionPlan) -> int:
        """Largest number of presentations of an image in a session."""
        return max(self.repetitions(plan).values())

    def n_without_image(self, plan: SessionPlan) -> int:
        """Number of presentations of a session that show something else."""
        return int((self.presented(plan)[1] == NO_IMAGE).sum())

    def n_blanks(self, plan: SessionPlan) -> int:
        """Number of presentations of a session without an image, such as grey screens."""
        return int((self.presented(plan)[1] == BLANK_SCREEN).sum())

    @cached_property
    def axis(self) -> ImageAxis:
        """Images of the dataset; blanks take as many positions at its end as their presentations need."""
        shown = self.folder_axis.shown
        columns = dict(zip(self.folder_axis.names, self.folder_axis.columns, strict=True))
        n_blank = max(-(-self.n_blanks(plan) // self.n_trials(plan)) for plan in self.sessions)
        return ImageAxis(
            (*shown, *(f'{BLANK} {i}' for i in range(n_blank))),
            (*shown.values(), *(None,) * n_blank),
            np.arange(len(shown) + n_blank) >= len(shown),
            (*(columns[name] for name in shown), *({},) * n_blank),
        )


def plan_nwb(
    paths: Sequence[Path],
    stimuli: Path,
    options: Options | None = None,
    citation: str | None = None,
    progress: Progress | None = None,
) -> NwbPlan:
    """Read what NWB files would give, without their spikes.

    Parameters
    ----------
    paths : sequence of Path
        NWB files, or folders of them. images.csv, dataset.yml and dandiset.yaml may be beside or in the first.
    stimuli : Path
        Folder of images, which the files call by their names or numbers.
    options : Options, optional
    citation : str, optional
        Citation of the recordings; by default that in dataset.yml, in dandiset.yaml or in the files.
    progress : callable, optional
        Called with the name of the step, the number done, and the total.

    Raises
    ------
    DataError
        When pynwb isn't installed, a file is wrong, or files contradict one another.
    """
    report = progress or silent
    options = options or Options()
    check_window('--window', *options.window_s)
    rule = read_rule(options.areas)
    files = list_files(paths)
    beside = paths[0] / 'dataset' if paths[0].is_dir() else paths[0]
    axis = read_axis(stimuli, beside, options.stimulus_order or _order(stimuli, beside))
    names = ImageNames(axis)
    if not names.names:
        raise DataError(f'{stimuli} holds no images; expected those that the NWB files name.')
    read = []
    for i, (name, path) in enumerate(files.items()):
        report('reading NWB files', i, len(files))
        read.append(read_session(path, name))
    report('reading NWB files', len(files), len(files))
    choice, problem = None, None
    try:
        choice = choose(read, names, str(stimuli), options.table, options.column)
    except DataError as error:
        problem = error
    return NwbPlan(
        tuple(_plan(read, rule, options.subject)),
        names,
        choice,
        problem,
        options.window_s,
        _description(beside, read, citation),
        axis,
    )


def import_nwb(
    name: str,
    paths: Sequence[Path],
    stimuli: Path,
    options: Options | None = None,
    progress: Progress | None = None,
    *,
    subtract_blank: bool = False,
    citation: str | None = None,
    replace: bool = False,
    background: images.Colour = images.WHITE,
    note: Callable[[str], object] = lambda text: None,
) -> dict[str, Any]:
    """Import NWB files as dataset `name`, all or nothing.

    Parameters
    ----------
    name : str
        Any name of letters and digits, as in AuthorYEAR.
    paths, stimuli, options, citation, progress
        See `plan_nwb`.
    subtract_blank, replace, background, note
        See `importing.import_bundle`.

    Returns
    -------
    dict
        The dataset's manifest.

    Raises
    ------
    DataError
        When the name is reserved or taken, or the files are wrong; nothing is written then.
    StorageError
        When the dataset can't be written; an earlier version is unchanged.
    """
    with importing(name):
        plan = plan_nwb(paths, stimuli, options, citation, progress)
        if plan.choice is None:
            raise plan.problem or DataError('no column of the presentations is chosen.')
        table = _session_table(plan)
        for text in (f'images: {plan.choice.table}, column {plan.choice.column}; {plan.choice.why}.', *notes(plan)):
            note(text)
        files = {each.session.file: each.session.path for each in plan.sessions}
        return write_recordings(
            name,
            table,
            _recordings(plan, table, note),
            plan.axis,
            lambda: {
                'nwb': {
                    'table': plan.choice and plan.choice.table,
                    'column': plan.choice and plan.choice.column,
                    'areas': list(options.areas) if options else [],
                },
                'recordings': {file: sha256_file(path) for file, path in files.items()},
                'session_table': records(table),
                'description': plan.description,
            },
            tables=(paths[0], paths[0]),
            stimuli=stimuli,
            progress=progress,
            subtract_blank=subtract_blank,
            replace=replace,
            background=background,
            note=note,
        )


def notes(plan: NwbPlan) -> Iterator[str]:
    """Yield sentences on what is left out, and on names that are not those of the files."""
    renamed = renamed_areas(location for each in plan.sessions for location in each.session.locations)
    if renamed:
        yield note_on_renamed(renamed)
    left_out: Counter[str] = Counter()
    for each in plan.sessions:
        left_out.update(each.left_out)
    if left_out:
        listed = ', '.join(f'{location} {n:,}' for location, n in left_out.most_common())
        yield f'{left_out.total():,} units of other locations are left out: {listed}.'
    if plan.sessions[0].unit_ids[:1] != tuple(plan.sessions[0].session.units['unit_id'][:1]):
        yield 'units of several files have the same ids; those of the dataset have the session before the id.'
    columns = {str(column) for each in plan.sessions for column in each.session.units}
    dropped = sorted(columns.difference(_shared_columns(plan)))
    if dropped:
        yield f'columns of the units that not all files have are left out: {", ".join(dropped)}.'
    if plan.choice is not None:
        others = sum(map(plan.n_without_image, plan.sessions))
        if others:
            yield f'{others:,} rows of {plan.choice.table} without an image are left out.'


def _order(stimuli: Path, beside: Path) -> str | None:
    """Order of the images, which names pair with responses; None where images.csv gives it."""
    return None if any((folder / TABLE).is_file() for folder in (stimuli, beside.parent)) else 'natural'


def _plan(sessions: Sequence[Session], rule: AreaRule, subject: str | None) -> Iterator[SessionPlan]:
    subjects = [session.subject or (subject or '').strip() for session in sessions]
    for session, own in zip(sessions, subjects, strict=True):
        if not own:
            raise DataError(f'{session.path} does not name its animal (subject_id); say it with --subject.')
    ids = _session_ids(sessions, subjects)
    units = Counter(unit for session in sessions for unit in session.units['unit_id'])
    repeated = max(units.values()) > 1
    for session, own, session_id in zip(sessions, subjects, ids, strict=True):
        areas, left_out = assign(str(session.path), session.locations, rule)
        unit_ids = [f'{session_id}_{unit}' if repeated else unit for unit in session.units['unit_id']]
        if len(set(unit_ids)) < len(unit_ids):
            raise DataError(f'{session.path} has two units with the same id; unit ids have to be unique in a file.')
        yield SessionPlan(session, session_id, own, tuple(areas), left_out, tuple(unit_ids))


def _session_ids(sessions: Sequence[Session], subjects: Sequence[str]) -> list[str]:
    """Names of the sessions; with the animal before it where animals have sessions of the same name."""
    seen: dict[tuple[str, str], Session] = {}
    for session, subject in zip(sessions, subjects, strict=True):
        other = seen.setdefault((subject, session.session_id), session)
        if other is not session:
            raise DataError(
                f'{other.path} and {session.path} are both of session {session.session_id} of {subject}; expected one '
                'file for each session. Leave one out.'
            )
    unique = len({session.session_id for session in sessions}) == len(sessions)
    return [
        session.session_id if unique else f'{subject}_{session.session_id}'
        for session, subject in zip(sessions, subjects, strict=True)
    ]


def _description(beside: Path, sessions: Sequence[Session], citation: str | None) -> dict[str, str]:
    """Describe the recordings: by dataset.yml, else by dandiset.yaml, else as all files do."""
    first = sessions[0].description
    shared = {
        field: text
        for field, text in first.items()
        if all(session.description.get(field) == text for session in sessions)
    }
    given = {**shared, **_dandiset(beside.parent / _DANDISET), **read_description(beside, citation)}
    return {field: given[field] for field in FIELDS if field in given}


def _dandiset(path: Path) -> dict[str, str]:
    """Read licence, citation and description of a dandiset, as far as its file has them."""
    if not path.is_file():
        return {}
    try:
        fields = yaml.safe_load(limits.read_file(path, path.parent).decode('utf-8-sig'))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise DataError(f'{path} cannot be read as YAML ({error}).') from error
    if not isinstance(fields, Mapping):
        return {}
    licences = fields.get('license')
    licences = licences if isinstance(licences, list) else [licences]
    given = {
        'description': fields.get('description'),
        'licence': ', '.join(text.removeprefix('spdx:') for text in licences if isinstance(text, str)),
        'citation': fields.get('citation'),
    }
    return {field: text.strip() for field, text in given.items() if isinstance(text, str) and text.strip()}


def _session_table(plan: NwbPlan) -> pd.DataFrame:
    """Make a row for each file and area, with the columns of sessions.csv."""
    rows: list[dict[str, Any]] = []
    most = max(map(plan.n_trials, plan.sessions))
    for each in plan.sessions:
        n_trials = plan.n_trials(each)
        check_trials(str(each.session.path), n_trials, most)
        for area in order_areas(filter(None, each.areas)):
            rows.append(
                {
                    'file': each.session.file,
                    'area': area,
                    'specimen_id': each.subject,
                    'session_id': each.session_id,
                    'n_trials': n_trials,
                    'n_images': len(plan.repetitions(each)),
                    'n_units': each.areas.count(area),
                    'window_start_s': plan.window_s[0],
                    'window_end_s': plan.window_s[1],
                    **each.session.animal,
                }
            )
    return pd.DataFrame(rows)


def _recordings(plan: NwbPlan, table: pd.DataFrame, note: Callable[[str], object]) -> Iterator[Recording]:
    """Read the recordings, in the order of the rows of `_session_table`."""
    axis_names = np.array(plan.axis.names)
    n_shown = len(plan.names.names)
    rows = table.iterrows()
    for each in plan.sessions:
        starts, positions = plan.presented(each)
        counts = count_spikes(read_spikes(each.session.path), starts, plan.window_s)
        _check_counts(each, counts[positions >= 0], starts[positions >= 0], note)
        rates = counts / (plan.window_s[1] - plan.window_s[0])
        n_trials = plan.n_trials(each)
        slots = positions.copy()
        slots[positions == BLANK_SCREEN] = n_shown + np.arange(plan.n_blanks(each)) // n_trials
        arranged = by_trial(rates, slots, len(axis_names), n_trials).astype(np.float32)
        seen = np.unique(slots[slots >= 0])
        units = _units(plan, each)
        for area in order_areas(filter(None, each.areas)):
            own = np.flatnonzero(np.array(each.areas) == area)
            _, row = next(rows)
            responses = arranged[:, seen][..., own]
            listed = units.iloc[own].reset_index(drop=True)
            listed.insert(0, 'column', np.arange(len(own)))
            listed.insert(0, 'file', each.session.file)
            yield Recording(row, listed, responses, axis_names[seen])


def _shared_columns(plan: NwbPlan) -> list[str]:
    """Columns of units that all files have, as texts in all or as numbers in all."""
    tables = [each.session.units for each in plan.sessions]
    return [
        str(column)
        for column in tables[0]
        if all(column in table for table in tables)
        and len({table[column].dtype.kind.replace('u', 'i').replace('i', 'f') for table in tables}) == 1
    ]


def _units(plan: NwbPlan, each: SessionPlan) -> pd.DataFrame:
    """Make the table of units of a session: ids and areas of the dataset, and the columns of the file."""
    units = each.session.units[_shared_columns(plan)].copy()
    units['unit_id'] = list(each.unit_ids)
    units.insert(1, 'area', list(each.areas))
    locations = each.session.locations
    where = {
        (area, location)
        for other in plan.sessions
        for area, location in zip(other.areas, other.session.locations, strict=True)
        if area
    }
    # one location in each area says no more than the area
    if len(where) > len({area for area, _ in where}) and 'location' not in units:
        units['location'] = list(locations)
    layered = any(layer(location) for other in plan.sessions for location in other.session.locations)
    if layered and 'cortical_layer' not in units:
        units['cortical_layer'] = [layer(location) for location in locations]
    return units


def _check_counts(plan: SessionPlan, counts: np.ndarray, starts_s: np.ndarray, note: Callable[[str], object]) -> None:
    missing = np.isnan(counts).all(axis=1)
    known = starts_s[~np.isnan(starts_s)]
    presented = f'{known.min():g} to {known.max():g} s' if len(known) else 'unknown times'
    clock = 'Spikes and presentations have to be in seconds of the same clock.'
    if missing.all():
        raise DataError(
            f'{plan.session.path}: no presentation of an image is within the recording; they are at {presented}, and '
            f'the spikes, observation intervals or invalid times leave none. {clock}'
        )
    if not np.nan_to_num(counts).any():
        raise DataError(
            f'{plan.session.path}: no unit has a spike in the window after any image; these are at {presented}. {clock}'
        )
    if missing.any():
        note(
            f'{plan.session.file}: {int(missing.sum())} of {len(missing)} presentations are missing: outside the '
            'recording, at invalid times, or without a time of onset.'
        )
