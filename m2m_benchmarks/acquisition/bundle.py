"""Array bundles: recordings of a lab as plain files, read and checked before anything is written.

A bundle is `sessions.csv` (one row per recording: file, area, animal, shape, response window), an ``.npz`` file for
each row (`spike_counts` or `responses`, trials x images x units, and `unit_id`), `units.csv` (one row per unit), and a
folder of images in the order of the image axis.
"""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from m2m_benchmarks.acquisition import images
from m2m_benchmarks.data.areas import standard_area
from m2m_benchmarks.data.names import is_part_name
from m2m_benchmarks.errors import DataError

_SESSION_TEXT = ('file', 'area', 'specimen_id', 'session_id')
_SESSION_COUNTS = ('n_trials', 'n_images', 'n_units')
_WINDOW = ('window_start_s', 'window_end_s')
_UNIT_COLUMNS = ('file', 'column', 'unit_id', 'area')


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
        float32; spikes/s for spike counts, else as given.
    """

    session: pd.Series
    units: pd.DataFrame
    responses: np.ndarray


def read_sessions(path: Path) -> pd.DataFrame:
    """Read and check sessions.csv.

    Returns
    -------
    DataFrame
        Identifiers as text, counts as integers, windows in seconds; other columns as pandas reads them. Areas have the
        names that the file gives them.

    Raises
    ------
    DataError
        When a value is wrong; the message names its row and column.
    """
    table = _read_csv(path, (*_SESSION_TEXT, *_SESSION_COUNTS, *_WINDOW), text=_SESSION_TEXT)
    for column in _SESSION_COUNTS:
        table[column] = _numbers(path, table, column, least=1).astype(int)
    for column in _WINDOW:
        table[column] = _numbers(path, table, column)
    for row, (_, session) in enumerate(table.iterrows()):
        where = f'{path}, row {row + 2}'
        if not is_part_name(session['area']):
            raise DataError(f'{where}: area is {session["area"]!r}; expected letters, digits and underscores.')
        if session['window_end_s'] <= session['window_start_s']:
            raise DataError(
                f'{where}: the response window ends ({session["window_end_s"]} s) before it starts '
                f'({session["window_start_s"]} s); a window in seconds after stimulus onset is expected.'
            )
        if session['window_end_s'] - session['window_start_s'] < 0.001 or max(abs(session[list(_WINDOW)])) > 60:
            raise DataError(
                f'{where}: the response window is {session["window_start_s"]} to {session["window_end_s"]}; seconds '
                'after stimulus onset are expected, not milliseconds: at least 0.001 s, within a minute of the onset.'
            )
        if session['n_trials'] < 2:
            raise DataError(f'{where}: {session["n_trials"]} trial; at least 2 are needed to compute a reliability.')
    repeated = table['file'][table['file'].duplicated()]
    if len(repeated):
        raise DataError(f'{path}: {repeated.iloc[0]} is listed more than once; expected one row per file.')
    if table['n_images'].nunique() > 1:
        raise DataError(
            f'{path}: n_images differs between rows ({sorted(table["n_images"].unique())}); '
            'all recordings of a dataset are responses to the same images.'
        )
    return table


def read_units(path: Path, sessions: pd.DataFrame) -> pd.DataFrame:
    """Read units.csv and check it against the sessions.

    Raises
    ------
    DataError
        When a unit is listed twice, or belongs to a file that isn't one of the sessions.
    """
    table = _read_csv(path, _UNIT_COLUMNS, text=('file', 'unit_id', 'area', 'specimen_id', 'session_id'))
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


def read_recordings(sessions: pd.DataFrame, units: pd.DataFrame, folder: Path) -> Iterator[Recording]:
    """Read the recordings, one at a time, in the order of `sessions`.

    Raises
    ------
    DataError
        When a file is missing or cut short, or its shape or units differ from those in the tables.
    """
    by_file = {str(file): group.sort_values('column') for file, group in units.groupby('file')}
    for _, session in sessions.iterrows():
        yield _read_recording(session, by_file.get(session['file']), folder / session['file'])


def _read_recording(session: pd.Series, units: pd.DataFrame | None, path: Path) -> Recording:
    arrays = _read_npz(path)
    names = [name for name in ('spike_counts', 'responses') if name in arrays]
    if len(names) != 1:
        raise DataError(
            f'{path} holds {", ".join(sorted(arrays)) or "no arrays"}; expected exactly one of spike_counts '
            '(integers) and responses (numbers), and unit_id.'
        )
    if 'unit_id' not in arrays:
        raise DataError(f'{path} has no array unit_id; expected one id for each unit of {names[0]}.')
    responses = arrays[names[0]]
    _check_shape(path, names[0], responses, session)
    if names[0] == 'spike_counts':
        responses = _rates(path, responses, session['window_end_s'] - session['window_start_s'])
    else:
        if responses.dtype.kind not in 'fiu':
            raise DataError(f'{path}: responses are of type {responses.dtype}; numbers are expected.')
        if not np.isfinite(responses).all():
            bad = int((~np.isfinite(responses)).sum())
            raise DataError(f'{path}: {bad:,} responses are NaN or infinite; leave those trials out of the file.')
        responses = responses.astype(np.float32)
        if not np.isfinite(responses).all():
            raise DataError(f'{path}: responses are too large for single precision; check their unit.')
    ids = arrays['unit_id']
    if ids.shape != responses.shape[2:]:
        raise DataError(f'{path}: unit_id has shape {ids.shape}, expected ({responses.shape[2]},), one id per unit.')
    ids = ids.astype(str)
    if units is None:
        raise DataError(f'units.csv has no rows for {path.name}: it belongs to other sessions.')
    if units['column'].tolist() != list(range(len(ids))):
        raise DataError(
            f'units.csv has columns {_abbreviate(units["column"])} for {path.name}; '
            f'expected 0 to {len(ids) - 1}, each once.'
        )
    differing = np.flatnonzero(units['unit_id'].to_numpy().astype(str) != ids)
    if len(differing):
        i = differing[0]
        raise DataError(
            f'units.csv says that column {i} of {path.name} is unit {units["unit_id"].iloc[i]}, the file says {ids[i]} '
            f'({len(differing)} of {len(ids)} differ): it belongs to other sessions.'
        )
    other = units['area'][units['area'].map(standard_area) != standard_area(session['area'])]
    if len(other):
        raise DataError(
            f'units.csv puts unit {units["unit_id"].loc[other.index[0]]} of {path.name} in {other.iloc[0]}, '
            f'sessions.csv says {session["area"]}.'
        )
    return Recording(session, units, responses)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    if path.is_file() and not zipfile.is_zipfile(path):  # numpy would try other formats
        raise DataError(f'{path} cannot be read as .npz (no archive): cut short or another format. Copy it again.')
    try:
        with path.open('rb') as content, np.load(content, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
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
    if counts.dtype.kind == 'f' and not np.isfinite(counts).all():
        bad = int((~np.isfinite(counts)).sum())
        raise DataError(f'{path}: {bad:,} spike counts are NaN or infinite; leave those trials out of the file.')
    if counts.dtype.kind not in 'iu':
        raise DataError(
            f'{path}: spike_counts are of type {counts.dtype}; integers are expected. '
            'Rates or dF/F belong in an array named responses.'
        )
    if counts.min() < 0:
        raise DataError(f'{path}: spike counts go down to {counts.min()}; counts of 0 or more are expected.')
    return (counts / window_s).astype(np.float32)


def read_stimuli(
    folder: Path,
    n_images: int,
    background: images.Colour = images.WHITE,
    note: Callable[[str], object] = lambda text: None,
) -> dict[str, bytes]:
    """Read the images of a stimulus folder, and bring them to 8-bit grey or RGB.

    Parameters
    ----------
    folder : Path
        Folder of image files; other files in it (notes, hidden files) are ignored.
    n_images : int
    background : tuple of int
        Colour (red, green, blue) behind transparent images.
    note : callable
        Called with a sentence for each rule that was used, such as that for pixels of more than 8 bits.

    Returns
    -------
    dict
        stimulus_id (the file's name without its extension) to PNG content, in sorted order. PNG files of 8-bit grey or
        RGB are kept byte for byte; others are converted.

    Raises
    ------
    DataError
        When the folder is missing, doesn't hold `n_images` images, or one of them can't be read (see `images.decode`
        and `images.scale`).
    """
    if not folder.is_dir():
        raise DataError(f'{folder} is not a folder; expected the {n_images} stimulus images there.')
    paths = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in images.SUFFIXES and not images.is_helper_file(path.name)
    )
    if len(paths) != n_images:
        raise DataError(
            f'{folder} holds {len(paths)} images, the recordings have {n_images} on their image axis; '
            'expected one image file for each, in the sorted order of the axis.'
        )
    pictures: dict[str, images.Picture] = {}
    for path in paths:
        if path.stem in pictures:
            raise DataError(f'{folder} holds {path.stem} in two formats; expected one file per image.')
        pictures[path.stem] = images.decode_file(path, background=background)
    pixels, notes = images.to_eight_bit(list(pictures.values()), folder.name)
    for text in (*notes, *images.notes_on_brightness(pixels, folder.name)):
        note(text)
    return {
        path.stem: path.read_bytes() if pictures[path.stem].is_plain_png else images.png(image)
        for path, image in zip(paths, pixels, strict=True)
    }


def _read_csv(path: Path, needed: tuple[str, ...], text: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(text, str), skipinitialspace=True)
    except FileNotFoundError as error:
        raise DataError(f'{path} is missing.') from error
    except (OSError, ValueError, UnicodeDecodeError) as error:  # pandas' parser errors are ValueErrors
        raise DataError(f'{path} cannot be read as CSV ({error}).') from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes surplus cells for row labels
        raise DataError(f'{path}: its rows have more cells than its first row has column names.')
    missing = [column for column in needed if column not in table]
    if missing:
        raise DataError(f'{path} has no column {", ".join(missing)}; it has {", ".join(map(str, table.columns))}.')
    if table.empty:
        raise DataError(f'{path} has no rows.')
    for column in needed:
        empty = table.index[table[column].isna()]
        if len(empty):
            raise DataError(f'{path}, row {int(empty[0]) + 2}: {column} is empty.')
    return table


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
