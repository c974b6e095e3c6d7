"""Import of array bundles into the data folder."""

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from m2m_benchmarks.acquisition import images
from m2m_benchmarks.acquisition.bundle import Recording, read_recordings, read_sessions, read_stimuli, read_units
from m2m_benchmarks.acquisition.description import read_description
from m2m_benchmarks.acquisition.image_axis import ImageAxis, composed, passed_over, read_axis
from m2m_benchmarks.data import atomic, manifest, store
from m2m_benchmarks.data.areas import renamed_areas, standard_area
from m2m_benchmarks.data.cards import refuse_other_case
from m2m_benchmarks.data.digit_names import DERIVED_DIGITS, DOMAINS, PAPER_DIGITS
from m2m_benchmarks.data.made_here import MADE_HERE
from m2m_benchmarks.data.names import DATASET_RULE, is_dataset_name
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.progress import Progress, silent
from m2m_benchmarks.storage import sha256_file

#: Coordinates that every assembly has; a column of that name in units.csv becomes unit_NAME.
_OWN: tuple[str, ...] = ('neuroid_id', 'region', 'animal', 'session', 'reliability', 'stimulus_id', 'repetition')
_OWN += ('neuroid', 'presentation', 'object_name', 'time_bin', 'time_bin_start', 'time_bin_end', 'data')
#: Names that netCDF allows.
_COLUMN = re.compile(r'\w([^/\x00-\x1f\x7f]*[^/\x00-\x20\x7f])?\Z')
#: Longest name of a column in bytes of UTF-8; netCDF allows 256.
_LONGEST = 200


def import_bundle(
    name: str,
    sessions: Path,
    units: Path,
    stimuli: Path,
    progress: Progress | None = None,
    renamed: Callable[[dict[str, str]], None] | None = None,
    *,
    stimulus_order: str | None = None,
    time_bin: int | None = None,
    subtract_blank: bool = False,
    citation: str | None = None,
    replace: bool = False,
    background: images.Colour = images.WHITE,
    note: Callable[[str], object] = lambda text: None,
) -> dict[str, Any]:
    """Import a lab's recordings as dataset `name`, all or nothing.

    Parameters
    ----------
    name : str
        `Siegle2021`, `deVries2020`, or any other name of letters and digits, as in AuthorYEAR.
    sessions, units : Path
        Tables of the bundle; the recordings are in the folder of `sessions`, as are images.csv and dataset.yml.
    stimuli : Path
        Folder of images; see `image_axis.read_axis` for their order.
    progress : callable, optional
        Called with the name of the step, the number done, and the total.
    renamed : callable, optional
        Called with area name to standard name for areas of the bundle with other names, such as V1 for VISp, if there
        are any.
    stimulus_order : {'natural', 'alphabetic'}, optional
        Order of the images on the image axis, where it is ambiguous.
    time_bin : int, optional
        Time bin to import, from 1, of arrays with a fourth axis of time bins.
    subtract_blank : bool
        Whether the mean response of each unit to blanks is subtracted from its responses.
    citation : str, optional
        Citation of the recordings; by default that in dataset.yml.
    replace : bool
        Whether another dataset of this name may be replaced.
    background : tuple of int
        Colour (red, green, blue) behind transparent images.
    note : callable
        Called with a sentence for each rule by which images were read, such as that for more than 8 bits.

    Returns
    -------
    dict
        The dataset's manifest.

    Raises
    ------
    DataError
        When the name is reserved or taken, or the bundle is wrong; nothing is written then.
    StorageError
        When the dataset can't be written; an earlier version is unchanged.
    """
    with importing(name):
        session_table = read_sessions(sessions)
        names = renamed_areas(session_table['area'])
        if names and renamed:
            renamed(names)
        unit_table = read_units(units, session_table)
        axis = read_axis(stimuli, sessions, stimulus_order, note)
        _check_number(axis, session_table, stimuli)
        return write_recordings(
            name,
            session_table,
            read_recordings(session_table, unit_table, sessions.parent, time_bin),
            axis,
            lambda: {
                **_source(sessions, units, session_table),
                'time_bin': time_bin,
                'description': read_description(sessions, citation),
            },
            tables=(sessions, units),
            stimuli=stimuli,
            progress=progress,
            subtract_blank=subtract_blank,
            replace=replace,
            background=background,
            note=note,
        )


@contextlib.contextmanager
def importing(name: str) -> Iterator[None]:
    """Check that a name can be that of recordings, and hold the lock of the dataset during the block.

    Raises
    ------
    DataError
        When the name is reserved.
    StorageError
        When another process writes this dataset.
    """
    check_recordings_name(name)
    with atomic.write_lock(name):
        manifest.refuse_other_kind(name, None)
        yield


def write_recordings(
    name: str,
    session_table: pd.DataFrame,
    recordings: Iterable[Recording],
    axis: ImageAxis,
    origin: Callable[[], dict[str, Any]],
    *,
    tables: tuple[Path, Path],
    stimuli: Path,
    progress: Progress | None = None,
    subtract_blank: bool = False,
    replace: bool = False,
    background: images.Colour = images.WHITE,
    note: Callable[[str], object] = lambda text: None,
) -> dict[str, Any]:
    """Write recordings as dataset `name`, all or nothing, inside a block of `importing`.

    Parameters
    ----------
    name : str
    session_table : DataFrame
        A row for each recording, as `bundle.read_sessions` returns it.
    recordings : iterable of Recording
        Recordings in the order of the rows.
    axis : ImageAxis
        Images of the dataset.
    origin : callable
        Function that returns what the manifest says of the files; called after they were read.
    tables : (Path, Path)
        Files of the sessions and of the units, for messages.
    stimuli : Path
        Folder of images, for messages.
    progress, subtract_blank, replace, background, note
        See `import_bundle`.

    Returns
    -------
    dict
        The dataset's manifest.

    Raises
    ------
    DataError
        When the recordings or images are wrong, or the name is taken; nothing is written then.
    StorageError
        When the dataset can't be written; an earlier version is unchanged.
    """
    report = progress or silent
    if subtract_blank and not axis.blank.any():
        raise DataError(f'there is no blank to subtract: no row of images.csv has the condition blank ({stimuli}).')
    pictures = read_stimuli(axis, stimuli.name, background, note)
    responses = _allocate(tables[0], session_table, len(pictures))
    seen = np.zeros(len(axis.names), dtype=bool)
    neuroids, trials, windows_s, start, n_missing = [], [], [], 0, 0
    for i, recording in enumerate(recordings):
        n_trials, _, n_units = recording.responses.shape
        positions = _positions(recording, axis, stimuli)
        seen[positions] = True
        n_missing += int(np.isnan(recording.responses).sum())
        responses[:n_trials, :, start : start + n_units] = _to_stimuli(recording, positions, axis, subtract_blank)
        start += n_units
        trials += [n_trials] * n_units
        windows_s.append((recording.session['window_start_s'], recording.session['window_end_s']))
        neuroids.append(_coordinates(tables[1], recording.units, recording.session))
        report('recordings', i + 1, len(session_table))
    if not seen.all():
        unseen = [name for name, was_seen in zip(axis.names, seen, strict=True) if not was_seen]
        raise DataError(f'{unseen[0]} ({len(unseen)} images in all) of {stimuli} is in no recording; remove it.')
    for n_trials in set(trials):
        responses[n_trials:, :, np.array(trials) == n_trials] = np.nan
    source = {
        'made_by': 'm2m data import',
        **origin(),
        # In the order of the image axis; it identifies the images together with the hashes of the dataset's own.
        'images': _images(axis),
        'missing_responses': n_missing,
        'blanks': 'subtracted' if subtract_blank else 'left out' if axis.blank.any() else 'none',
    }
    if not replace:
        _check_replaces_nothing(name, source)
    report('writing', 0, 1)
    entry = store.write_dataset(
        name,
        responses,
        pd.concat(neuroids, ignore_index=True),
        pictures,
        (1000 * min(first for first, _ in windows_s), 1000 * max(last for _, last in windows_s)),
        source,
        {name: columns for name, columns in zip(axis.names, axis.columns, strict=True) if columns},
    )
    report('writing', 1, 1)
    return entry


def check_recordings_name(name: str) -> None:
    """Check that a name can be that of recordings, and differs from that of any other dataset in more than case."""
    if not is_dataset_name(name):
        raise DataError(f'{name!r} cannot be the name of a dataset; expected {DATASET_RULE}, as in Siegle2021.')
    for digits in (*DOMAINS, DERIVED_DIGITS, PAPER_DIGITS):
        if name.lower() == digits.lower():
            raise DataError(f'{digits} is the name of digits of this library; import recordings under another name.')
    if name in MADE_HERE:
        raise DataError(f'{name} is made by this library; import recordings under another name.')
    refuse_other_case(name)


def _check_replaces_nothing(name: str, source: Mapping[str, Any]) -> None:
    """Check that no dataset of this name was made from other files."""
    try:
        before = manifest.read(name)
    except DataError:  # a damaged manifest is replaced
        return
    # As JSON, because that is how the manifest has it.
    if before is None or before['source'] == json.loads(json.dumps(source)):
        return
    neuroids = sum(area['neuroids'] for area in before['summary']['areas'].values())
    raise DataError(
        f'{name} is on this machine already: {neuroids:,} neuroids, {before["source"]["made_by"]} of '
        f'{before["created"]}. Import under another name, or replace it with --replace (replace=True in Python).'
    )


def _check_number(axis: ImageAxis, table: pd.DataFrame, folder: Path) -> None:
    """Check that there is an image for each position of the longest image axis."""
    n = int(table['n_images'].max())
    if n > len(axis.names):
        raise _other_number(axis, n, table, folder)


def _other_number(axis: ImageAxis, n: int, table: pd.DataFrame, folder: Path) -> DataError:
    problem = (
        f'{folder} holds {len(axis.names)} images, the recordings have {n} on their image axis; expected one image '
        'file for each. Recordings of some of the images name them in an array stimulus_id of the .npz file.'
    )
    others = passed_over(folder)
    if others:
        problem += f' By their endings, these are not taken for images: {", ".join(others[:5])} ({len(others)} in all).'
    for column in ('n_trials', 'n_units'):
        if (table[column] == len(axis.names)).all():
            problem += f' {column} is {len(axis.names)}: if the axes are in another order, transpose the arrays to '
            problem += '(trials, images, units), and change sessions.csv.'
    return DataError(problem)


def _positions(recording: Recording, axis: ImageAxis, folder: Path) -> np.ndarray:
    """Positions of a recording's images on the image axis of the dataset."""
    n = recording.responses.shape[1]
    if recording.stimulus_ids is None:
        if n != len(axis.names):
            raise _other_number(axis, n, recording.session.to_frame().T, folder)
        return np.arange(n)
    known = {stem: i for i, stem in enumerate(axis.names)}
    known |= {composed(path.name): i for i, path in enumerate(axis.paths) if path is not None}
    unknown = [name for name in recording.stimulus_ids if name not in known]
    if unknown:
        raise DataError(
            f'{recording.session["file"]} has responses to {unknown[0]!r} ({len(unknown)} such images), which is not '
            f'in {folder}.'
        )
    return np.array([known[name] for name in recording.stimulus_ids])


def _to_stimuli(recording: Recording, positions: np.ndarray, axis: ImageAxis, subtract_blank: bool) -> np.ndarray:
    """Responses to all stimuli of the dataset without blanks; NaN for those that the recording doesn't have."""
    if np.array_equal(positions, np.arange(len(axis.names))):
        responses = recording.responses
    else:
        n_trials, _, n_units = recording.responses.shape
        responses = np.full((n_trials, len(axis.names), n_units), np.nan, dtype=np.float32)
        responses[:, positions] = recording.responses
    if not axis.blank.any():
        return responses
    shown = responses[:, ~axis.blank]
    if not subtract_blank:
        return shown
    blanks = responses[:, axis.blank].reshape(-1, responses.shape[2]).astype(float)
    recorded = ~np.isnan(blanks)
    if not recorded.any(axis=0).all():
        raise DataError(f'{recording.session["file"]} has no response to a blank, which is needed to subtract it.')
    baseline = np.sum(blanks, axis=0, where=recorded) / recorded.sum(axis=0)
    return np.asarray(shown - baseline.astype(np.float32))


def _allocate(path: Path, table: pd.DataFrame, n_stimuli: int) -> np.ndarray:
    """Allocate the array of all responses; it takes memory only as recordings of the stated size fill it."""
    shape = (int(table['n_trials'].max()), n_stimuli, int(table['n_units'].sum()))
    try:
        return np.empty(shape, dtype=np.float32)
    except (MemoryError, ValueError) as error:
        raise DataError(
            f'{path}: {shape[0]:,} trials of {shape[1]:,} images and {shape[2]:,} units do not fit into memory; '
            'check its n_trials, n_images and n_units.'
        ) from error


def _coordinates(path: Path, units: pd.DataFrame, session: pd.Series) -> pd.DataFrame:
    own: dict[str, Any] = {
        'neuroid_id': units['unit_id'],
        'region': standard_area(session['area']),
        'animal': session['specimen_id'],
        'session': session['session_id'],
        'window_start_ms': 1000 * session['window_start_s'],
        'window_end_ms': 1000 * session['window_end_s'],
    }
    taken = (*_OWN, *own)
    kept: dict[str, pd.Series] = {}
    for column in map(str, units.columns):
        name = f'unit_{column}' if column in taken else column
        if name in kept or not _COLUMN.match(name) or len(name.encode()) > _LONGEST:
            raise DataError(
                f'{path}: a column cannot be called {column!r}: names have to be unique, begin with a letter or '
                f'digit, contain no slash, not end in a space, and have at most {_LONGEST} bytes. Rename or remove it.'
            )
        kept[name] = units[column]
    return pd.DataFrame({**own, **kept}, index=units.index)


def _source(sessions: Path, units: Path, table: pd.DataFrame) -> dict[str, Any]:
    return {
        'sessions': {'file': sessions.name, 'sha256': sha256_file(sessions)},
        'units': {'file': units.name, 'sha256': sha256_file(units)},
        'recordings': {str(file): sha256_file(sessions.parent / file) for file in table['file']},
        # every column of sessions.csv, since labs add their own
        'session_table': records(table),
    }


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as JSON has them."""
    rows: list[dict[str, Any]] = json.loads(table.to_json(orient='records'))
    return rows


def _images(axis: ImageAxis) -> list[dict[str, Any]]:
    """Name, SHA-256 and columns of the image at each position of the axis."""
    paths = {name: path for name, path in zip(axis.names, axis.paths, strict=True) if path is not None}
    return [
        {'name': name, 'sha256': sha256_file(paths[name]) if name in paths else None, 'columns': columns}
        for name, columns in zip(axis.names, axis.columns, strict=True)
    ]
