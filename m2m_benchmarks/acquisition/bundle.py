"""Array bundles: recordings of a lab as plain files, read and checked before anything is written.

A bundle is `sessions.csv` (one row per recording: file, area, animal, shape, response window), an ``.npz`` file for
each row (`spike_counts` or `responses`, trials x images x units, and `unit_id`), `units.csv` (one row per unit), and a
folder of images, whose order `image_axis` reads.
"""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import pandas as pd

from m2m_benchmarks import limits
from m2m_benchmarks.acquisition import images
from m2m_benchmarks.acquisition.csv_tables import drop_decimals, read_table
from m2m_benchmarks.acquisition.image_axis import ImageAxis, composed
from m2m_benchmarks.data.areas import standard_area
from m2m_benchmarks.data.names import is_part_name
from m2m_benchmarks.errors import DataError

_SESSION_TEXT = ('file', 'area', 'specimen_id', 'session_id')
_SESSION_COUNTS = ('n_trials', 'n_images', 'n_units')
_WINDOW = ('window_start_s', 'window_end_s')
_UNIT_COLUMNS = ('file', 'column', 'unit_id', 'area')
#: Arrays of a recording that are read; the two for responses first.
_ARRAYS = ('spike_counts', 'responses', 'unit_id', 'stimulus_id')
#: Numbers by which programs mark missing values; the last ones are the lowest integers and NetCDF's.
_MARKERS = np.array([-999, -9999, -99999, -(2**15), -(2**31), 1e20, 9.969209968386869e36], dtype=np.float32)


@dataclass(frozen=True)
class Recording:
    """One row of sessions.csv with its responses.

    Attributes
    ----------
    session : Series
        The row.
    units : DataFrame, n_units rows
        The rows of units.csv, in the order of the unit axis.
    responses : array, shape (n_trials, n_images, n_units)
        Responses, float32: in spikes/s for spike counts, else as given. NaN for trials that were not recorded.
    stimulus_ids : array, shape (n_images,), or None
        Names of the images on the image axis, if the file has them.
    """

    session: pd.Series
    units: pd.DataFrame
    responses: np.ndarray
    stimulus_ids: np.ndarray | None


def read_sessions(path: Path) -> pd.DataFrame:
    """Read and check sessions.csv.

    Returns
    -------
    DataFrame
        Identifiers as text, counts as integers, windows in seconds; other columns as `read_table` reads them. Areas
        have the names that the file gives them.

    Raises
    ------
    DataError
        When a value is wrong; the message names its row and column.
    """
    table = read_table(path, (*_SESSION_TEXT, *_SESSION_COUNTS, *_WINDOW), text=_SESSION_TEXT)
    table['file'] = table['file'].map(_relative)
    for column in _SESSION_COUNTS:
        table[column] = _numbers(path, table, column, least=1).astype(int)
    for column in _WINDOW:
        table[column] = _numbers(path, table, column)
    for row, (_, session) in zip(table.index, table.iterrows(), strict=True):
        _check_session(f'{path}, row {int(row) + 2}', session, int(table['n_trials'].max()))
    repeated = table['file'][table['file'].duplicated()]
    if len(repeated):
        raise DataError(f'{path}: {repeated.iloc[0]} is listed more than once; expected one row per file.')
    by_case: dict[str, str] = {}
    for area in table['area'].map(standard_area):
        if by_case.setdefault(area.lower(), area) != area:
            raise DataError(f'{path}: an area is called {by_case[area.lower()]} and {area}; expected one spelling.')
    return table


def _check_session(where: str, session: pd.Series, most_trials: int) -> None:
    if session['file'].startswith('/') or '..' in PurePosixPath(session['file']).parts:
        raise DataError(f'{where}: file is {session["file"]!r}; expected the path of a recording beside sessions.csv.')
    if not is_part_name(session['area']):
        raise DataError(f'{where}: area is {session["area"]!r}; expected letters, digits and underscores.')
    check_window(where, session['window_start_s'], session['window_end_s'])
    check_trials(where, session['n_trials'], most_trials)


def check_window(where: str, start_s: float, end_s: float) -> None:
    """Check that a response window is valid, in seconds after stimulus onset.

    Raises
    ------
    DataError
        When it isn't; the message begins with `where`.
    """
    if not end_s > start_s:  # nor is NaN
        raise DataError(
            f'{where}: the response window ends ({end_s} s) before it starts ({start_s} s); a window in seconds after '
            'stimulus onset is expected.'
        )
    if end_s - start_s < 0.001 or max(abs(start_s), abs(end_s)) > 60:
        raise DataError(
            f'{where}: the response window is {start_s} to {end_s}; seconds after stimulus onset are expected, not '
            'milliseconds: at least 0.001 s, within a minute of the onset.'
        )


def check_trials(where: str, n_trials: int, most_trials: int) -> None:
    """Check that a recording has trials for a reliability, if others have.

    Raises
    ------
    DataError
        When it has one trial, and another recording more; the message begins with `where`.
    """
    if n_trials < 2 <= most_trials:
        raise DataError(
            f'{where}: 1 trial, while other recordings have more, so that its units have no reliability. Import '
            'recordings with one trial under a name of their own.'
        )


def read_units(path: Path, sessions: pd.DataFrame) -> pd.DataFrame:
    """Read units.csv and check it against the sessions.

    Raises
    ------
    DataError
        When a unit is listed twice, or belongs to a file that isn't one of the sessions.
    """
    table = read_table(path, _UNIT_COLUMNS, text=('file', 'unit_id', 'area', 'specimen_id', 'session_id'))
    table['file'] = table['file'].map(_relative)
    table['column'] = _numbers(path, table, 'column', least=0).astype(int)
    repeated = table['unit_id'][table['unit_id'].duplicated()]
    if len(repeated):
        raise DataError(
            f'{path}: unit_id {repeated.iloc[0]} is in {int((table["unit_id"] == repeated.iloc[0]).sum())} rows; '
            'unit ids have to be unique over all sessions.'
        )
    unlisted = sorted(set(table['file']) - set(sessions['file']))
    if unlisted:
        raise DataError(
            f'{path} has units of {unlisted[0]} ({len(unlisted)} such files), which sessions.csv does not list: '
            'it belongs to other sessions. Use the units.csv of these sessions.'
        )
    return table


def read_recordings(
    sessions: pd.DataFrame, units: pd.DataFrame, folder: Path, time_bin: int | None = None
) -> Iterator[Recording]:
    """Read the recordings, one at a time, in the order of `sessions`.

    Parameters
    ----------
    sessions, units : DataFrame
        Tables, as `read_sessions` and `read_units` return them.
    folder : Path
        Folder of the files.
    time_bin : int, optional
        Time bin to read, from 1, of arrays of trials x images x units x time bins. The bins divide the session's
        response window into equal parts.

    Raises
    ------
    DataError
        When a file is missing or cut short, or its shape or units differ from those in the tables.
    """
    by_file = {str(file): group.sort_values('column') for file, group in units.groupby('file')}
    for _, session in sessions.iterrows():
        yield _read_recording(session, by_file.get(session['file']), folder, time_bin)


def _read_recording(session: pd.Series, units: pd.DataFrame | None, folder: Path, time_bin: int | None) -> Recording:
    path = folder / session['file']
    arrays = _read_npz(path, folder)
    names = [name for name in _ARRAYS[:2] if name in arrays]
    responses = arrays[names[0]]
    if responses.ndim == 4 or time_bin is not None:
        responses, session = _select_bin(path, names[0], responses, session, time_bin)
    _check_shape(path, names[0], responses, session)
    if names[0] == 'spike_counts':
        responses = _rates(path, responses, session['window_end_s'] - session['window_start_s'])
    else:
        if responses.dtype.kind not in 'fiu':
            raise DataError(f'{path}: responses are of type {responses.dtype}; numbers are expected.')
        _check_finite(path, 'responses', responses)
        with np.errstate(over='ignore'):
            single = responses.astype(np.float32)
        if np.isinf(single).any():
            raise DataError(f'{path}: responses are too large for single precision; check their unit.')
        if np.nan_to_num(responses).any() and not np.nan_to_num(single).any():
            raise DataError(f'{path}: responses are too small for single precision; check their unit.')
        responses = single
        _check_markers(path, responses)
    ids = _unit_ids(path, arrays['unit_id'], responses.shape)
    if units is None:
        raise DataError(f'units.csv has no rows for {path.name}: it belongs to other sessions.')
    if units['column'].tolist() != list(range(len(ids))):
        raise DataError(
            f'units.csv has columns {_abbreviate(units["column"])} for {path.name}; '
            f'expected 0 to {len(ids) - 1}, each once.'
        )
    differing = np.flatnonzero(np.array(drop_decimals(units['unit_id'].tolist())) != ids)
    if len(differing):
        i = differing[0]
        listed = str(units['unit_id'].iloc[i])
        problem = f'units.csv says that column {i} of {path.name} is unit {listed}, the file says {ids[i]} '
        problem += f'({len(differing)} of {len(ids)} differ): '
        if listed.lstrip('0') == str(ids[i]).lstrip('0'):
            raise DataError(f'{problem}write the leading zeros in both, or in none.')
        raise DataError(f'{problem}it belongs to other sessions.')
    other = units['area'][units['area'].map(standard_area) != standard_area(session['area'])]
    if len(other):
        raise DataError(
            f'units.csv puts unit {units["unit_id"].loc[other.index[0]]} of {path.name} in {other.iloc[0]}, '
            f'sessions.csv says {session["area"]}.'
        )
    return Recording(session, units, responses, _stimulus_ids(path, arrays.get('stimulus_id'), responses.shape[1]))


def _check_finite(path: Path, name: str, responses: np.ndarray) -> None:
    """Check that responses are finite, or NaN where nothing was recorded."""
    infinite = int(np.isinf(responses).sum()) if responses.dtype.kind == 'f' else 0
    if infinite:
        raise DataError(f'{path}: {infinite:,} {name} are infinite; expected numbers, or NaN for a missing trial.')
    if responses.dtype.kind == 'f' and np.isnan(responses).all():
        raise DataError(f'{path}: all {name} are NaN; leave the recording out of sessions.csv.')


def _check_markers(path: Path, responses: np.ndarray) -> None:
    """Check that no response is a number that marks missing values, far from all others."""
    for end in (np.nanmin(responses), np.nanmax(responses)):
        marked = responses == end
        if end in _MARKERS and not (responses[~marked] / end > 0.5).any():
            raise DataError(
                f'{path}: {int(marked.sum()):,} responses are {end:.6g}, which marks missing values; write NaN for a '
                'missing trial.'
            )


def _unit_ids(path: Path, ids: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Units of a recording as text; whole numbers without decimals, as in the tables."""
    if ids.shape in ((1, shape[2]), (shape[2], 1)):  # MATLAB has no vectors
        ids = ids.ravel()
    if ids.shape != (shape[2],):
        problem = f'{path}: unit_id has shape {ids.shape}, expected ({shape[2]},), one id per unit.'
        if ids.ndim == 1 and len(ids) in shape:
            problem += (
                f' Axis {shape.index(len(ids))} of the responses has {len(ids)}: transpose the array to (trials, '
                'images, units).'
            )
        raise DataError(problem)
    if ids.dtype.kind not in 'iufUS' or (ids.dtype.kind == 'f' and not np.isfinite(ids).all()):
        raise DataError(f'{path}: unit_id are of type {ids.dtype}, or some are NaN; expected whole numbers or text.')
    if ids.dtype.kind == 'f' and (ids % 1 == 0).all():
        if (np.abs(ids) > 2**53).any():
            raise DataError(f'{path}: unit_id are floats, which cannot hold such long ids; save integers or text.')
        ids = ids.astype(np.int64)
    return np.array(drop_decimals(_texts(path, 'unit_id', ids)))


def _texts(path: Path, name: str, values: np.ndarray) -> list[str]:
    """Values as text, without the spaces with which MATLAB pads it."""
    try:
        texts = np.char.decode(values, 'utf-8') if values.dtype.kind == 'S' else values.astype(str)
    except UnicodeDecodeError as error:
        raise DataError(f'{path}: {name} holds bytes that are not in UTF-8 ({error}); save it as text.') from error
    return [text.strip() for text in texts]


def _stimulus_ids(path: Path, ids: np.ndarray | None, n_images: int) -> np.ndarray | None:
    if ids is None:
        return None
    if ids.shape != (n_images,) or ids.dtype.kind not in 'US':
        raise DataError(
            f'{path}: stimulus_id has shape {ids.shape} and type {ids.dtype}; expected {n_images} texts, the name of '
            'each image on the image axis.'
        )
    names = list(map(composed, _texts(path, 'stimulus_id', ids)))
    if len(set(names)) < len(names):
        raise DataError(f'{path}: stimulus_id names an image twice; expected the trials of an image on the first axis.')
    return np.array(names)


def _read_npz(path: Path, folder: Path) -> dict[str, np.ndarray]:
    """Read the arrays of a recording that are known by name, and no others."""
    try:
        limits.require_file(path, folder)
        if not zipfile.is_zipfile(path):  # numpy would try other formats
            raise DataError(f'{path} cannot be read as .npz (no archive): cut short or another format. Copy it again.')
        with path.open('rb') as content, np.load(content, allow_pickle=False) as file:
            names = [name.removesuffix('.npy') for name in file.zip.namelist() if name.endswith('.npy')]
            _check_names(path, names)
            members = {name: f'{name}.npy' for name in _ARRAYS if name in names}
            limits.check_zip(file.zip, list(members.values()), path)
            return {name: file[member] for name, member in members.items()}
    except FileNotFoundError as error:
        raise DataError(f'{path} is missing; sessions.csv lists it. Put it beside sessions.csv.') from error
    except (ValueError, EOFError, KeyError, OSError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        if 'pickle' in str(error) or 'Object arrays' in str(error):
            raise DataError(
                f'{path} holds Python objects, which are not read because they can run code; '
                'save plain numeric arrays with numpy.savez_compressed.'
            ) from error
        raise DataError(f'{path} cannot be read as .npz ({error}): cut short or not an .npz. Copy it again.') from error
    except (NotImplementedError, RuntimeError, SyntaxError, TypeError, OverflowError) as error:
        # zipfile and numpy raise any of these for damaged headers
        raise DataError(f'{path} cannot be read as .npz ({error}): it is damaged. Copy it again.') from error


def _check_names(path: Path, names: list[str]) -> None:
    responses = [name for name in _ARRAYS[:2] if name in names]
    if len(responses) != 1:
        raise DataError(
            f'{path} holds {", ".join(sorted(names)) or "no arrays"}; expected exactly one of spike_counts '
            '(integers) and responses (numbers), and unit_id.'
        )
    if 'unit_id' not in names:
        raise DataError(f'{path} has no array unit_id; expected one id for each unit of {responses[0]}.')


def _select_bin(
    path: Path, name: str, responses: np.ndarray, session: pd.Series, time_bin: int | None
) -> tuple[np.ndarray, pd.Series]:
    """Select a time bin of responses, and its part of the session's response window."""
    if responses.ndim != 4:
        raise DataError(f'{path}: {name} has shape {responses.shape}, without a fourth axis of time bins for --bin.')
    n = responses.shape[3]
    if time_bin is None or not 1 <= time_bin <= n:
        raise DataError(
            f'{path}: {name} has shape {responses.shape} (trials, images, units, time bins); choose a time bin with '
            f'--bin 1 to {n}, or average over the bins.'
        )
    width_s = (session['window_end_s'] - session['window_start_s']) / n
    start_s = session['window_start_s'] + (time_bin - 1) * width_s
    session = pd.Series({**session, 'window_start_s': start_s, 'window_end_s': start_s + width_s})
    return responses[..., time_bin - 1], session


def _check_shape(path: Path, name: str, responses: np.ndarray, session: pd.Series) -> None:
    expected = tuple(int(session[column]) for column in _SESSION_COUNTS)
    if responses.shape == expected:
        return
    problem = f'{path}: {name} has shape {responses.shape}, sessions.csv says {expected} (trials, images, units).'
    if responses.ndim == 3 and sorted(responses.shape) == sorted(expected):
        if responses.shape == (expected[1], expected[0], expected[2]):
            problem += ' Trials and images are swapped: transpose the array to (trials, images, units).'
        else:
            problem += ' The axes are in another order: transpose the array to (trials, images, units).'
    raise DataError(problem)


def _rates(path: Path, counts: np.ndarray, window_s: float) -> np.ndarray:
    if counts.dtype.kind == 'f':
        _check_finite(path, 'spike_counts', counts)
    if counts.dtype.kind not in 'iuf' or (counts.dtype.kind == 'f' and (counts[~np.isnan(counts)] % 1 != 0).any()):
        raise DataError(
            f'{path}: spike_counts are of type {counts.dtype}; whole numbers are expected, or NaN for a missing '
            'trial. Rates or dF/F belong in an array named responses.'
        )
    least = np.nanmin(counts)
    if least < 0:
        raise DataError(f'{path}: spike counts go down to {least}; counts of 0 or more are expected.')
    return (counts / window_s).astype(np.float32)


def read_stimuli(
    axis: ImageAxis,
    folder_name: str,
    background: images.Colour = images.WHITE,
    note: Callable[[str], object] = lambda text: None,
) -> dict[str, bytes]:
    """Read the images of an image axis, without blanks, and bring them to 8-bit grey or RGB.

    Parameters
    ----------
    axis : ImageAxis
    folder_name : str
        Name of the folder of images, for notes.
    background : tuple of int
        Colour (red, green, blue) behind transparent images.
    note : callable
        Called with a sentence for each rule that was used, such as that for pixels of more than 8 bits.

    Returns
    -------
    dict
        stimulus_id to PNG content, in the order of the axis. PNG files of 8-bit grey or RGB are kept byte for byte;
        others are converted.

    Raises
    ------
    DataError
        When an image can't be read (see `images.decode` and `images.scale`).
    """
    paths = axis.shown
    pictures: dict[str, images.Picture] = {}
    total = limits.Total(f'the folder {folder_name}')
    for name, path in paths.items():
        pictures[name] = images.decode_file(path, background=background)
        total.add(pictures[name].values.nbytes)
    pixels, notes = images.to_eight_bit(list(pictures.values()), folder_name)
    notes += images.notes_on_brightness(pixels, folder_name)
    notes += images.notes_on_repeats(pixels, paths, folder_name)
    for text in notes:
        note(text)
    return {
        name: path.read_bytes() if pictures[name].is_plain_png else images.png(image)
        for (name, path), image in zip(paths.items(), pixels, strict=True)
    }


def _relative(file: str) -> str:
    """Path of a recording beside sessions.csv, also where a table was written on Windows."""
    if '\\' not in file:
        return PurePosixPath(file).as_posix()  # ./a.npz is a.npz
    path = PureWindowsPath(file)
    return path.name if path.drive else path.as_posix()


def _numbers(path: Path, table: pd.DataFrame, column: str, least: int | None = None) -> pd.Series:
    numbers = pd.to_numeric(table[column], errors='coerce')
    wrong = ~np.isfinite(numbers)
    expected = 'a number'
    if least is not None:
        # the upper bound only keeps absurd values from overflowing an integer
        wrong |= (numbers < least) | (numbers % 1 != 0) | (numbers > 2**31)
        expected = f'a whole number of at least {least}'
    if wrong.any():
        row = int(table.index[wrong][0])
        raise DataError(f'{path}, row {row + 2}: {column} is {table[column].loc[row]!r}, expected {expected}.')
    return numbers


def _abbreviate(values: pd.Series) -> str:
    shown = ', '.join(map(str, values[:5]))
    return f'{shown}, … ({len(values)})' if len(values) > 5 else shown
