"""Import of array bundles into the data folder."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from m2m_benchmarks.acquisition import images
from m2m_benchmarks.acquisition.bundle import read_recordings, read_sessions, read_stimuli, read_units
from m2m_benchmarks.data import atomic, manifest, store
from m2m_benchmarks.data.areas import renamed_areas, standard_area
from m2m_benchmarks.data.cards import refuse_other_case
from m2m_benchmarks.data.names import is_dataset_name
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.progress import Progress, silent
from m2m_benchmarks.storage import sha256_file

#: Coordinates that every assembly has; a column of that name in units.csv becomes unit_NAME.
_OWN: tuple[str, ...] = ('neuroid_id', 'region', 'animal', 'session', 'reliability', 'stimulus_id', 'repetition')
_OWN += ('neuroid', 'presentation', 'object_name', 'time_bin', 'time_bin_start', 'time_bin_end', 'data')
#: Names that netCDF allows.
_COLUMN = re.compile(r'\w([^/\x00-\x1f\x7f]*[^/\x00-\x20\x7f])?\Z')


def import_bundle(
    name: str,
    sessions: Path,
    units: Path,
    stimuli: Path,
    progress: Progress | None = None,
    renamed: Callable[[dict[str, str]], None] | None = None,
    background: images.Colour = images.WHITE,
    note: Callable[[str], object] = lambda text: None,
) -> dict[str, Any]:
    """Import a lab's recordings as dataset `name`, all or nothing.

    Parameters
    ----------
    name : str
        `Siegle2021`, `deVries2020`, or any other name of letters and digits, as in AuthorYEAR.
    sessions, units : Path
        Tables of the bundle; the recordings are in the folder of `sessions`.
    stimuli : Path
        Folder of images in the sorted order of the image axis.
    progress : callable, optional
        Called with the name of the step, the number done, and the number in all.
    renamed : callable, optional
        Called with area name to standard name for areas of the bundle with other names, such as V1 for VISp, if there
        are any.
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
        When the bundle is wrong; nothing is written then.
    StorageError
        When the dataset can't be written; an earlier version is unchanged.
    """
    if not is_dataset_name(name):
        raise DataError(f'{name!r} cannot be the name of a dataset; expected letters and digits, as in Siegle2021.')
    if name == 'SimulatedMouse':
        raise DataError('SimulatedMouse is simulated by this library; import recordings under another name.')
    refuse_other_case(name)
    report = progress or silent
    with atomic.write_lock(name):
        if manifest.holds_digits(name):
            raise DataError(f'{name} is the name of digits on this machine; choose another for the recordings.')
        session_table = read_sessions(sessions)
        names = renamed_areas(session_table['area'])
        if names and renamed:
            renamed(names)
        unit_table = read_units(units, session_table)
        pictures = read_stimuli(stimuli, int(session_table['n_images'].iloc[0]), background, note)
        responses = _allocate(sessions, session_table)
        neuroids, trials, start = [], [], 0
        for i, recording in enumerate(read_recordings(session_table, unit_table, sessions.parent)):
            n_trials, _, n_units = recording.responses.shape
            responses[:n_trials, :, start : start + n_units] = recording.responses
            start += n_units
            trials += [n_trials] * n_units
            neuroids.append(_coordinates(units, recording.units, recording.session))
            report('recordings', i + 1, len(session_table))
        for n_trials in set(trials):
            responses[n_trials:, :, np.array(trials) == n_trials] = np.nan
        report('writing', 0, 1)
        entry = store.write_dataset(
            name,
            responses,
            pd.concat(neuroids, ignore_index=True),
            pictures,
            (1000 * session_table['window_start_s'].min(), 1000 * session_table['window_end_s'].max()),
            _source(sessions, units, stimuli, session_table),
        )
        report('writing', 1, 1)
    return entry


def _allocate(path: Path, table: pd.DataFrame) -> np.ndarray:
    """Allocate the array of all responses; it takes memory only as recordings of the stated size fill it."""
    shape = (int(table['n_trials'].max()), int(table['n_images'].iloc[0]), int(table['n_units'].sum()))
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
        if name in kept or not _COLUMN.match(name):
            raise DataError(
                f'{path}: a column cannot be called {column!r}: names have to be unique, begin with a letter or '
                'digit, contain no slash and not end in a space. Rename or remove it.'
            )
        kept[name] = units[column]
    return pd.DataFrame({**own, **kept}, index=units.index)


def _source(sessions: Path, units: Path, stimuli: Path, table: pd.DataFrame) -> dict[str, Any]:
    return {
        'made_by': 'm2m data import',
        'sessions': {'file': sessions.name, 'sha256': sha256_file(sessions)},
        'units': {'file': units.name, 'sha256': sha256_file(units)},
        'recordings': {str(file): sha256_file(sessions.parent / file) for file in table['file']},
        # every column of sessions.csv, since labs add their own
        'session_table': json.loads(table.to_json(orient='records')),
    }
