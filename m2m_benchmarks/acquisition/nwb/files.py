"""NWB files: their sessions, units and tables of presentations, read with pynwb."""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from m2m_benchmarks import limits
from m2m_benchmarks.acquisition.hdf5 import check_own, check_size
from m2m_benchmarks.errors import DataError, M2MError

_SUFFIX = '.nwb'
#: Files that every folder of NWB in Zarr has, one or the other.
_ZARR = ('.zgroup', '.zattrs', 'zarr.json')
#: Columns of interval tables that describe no stimulus.
_INTERVAL_COLUMNS = ('start_time', 'stop_time', 'tags', 'timeseries')
#: Columns of units that are read by name, and those of the tables of a bundle.
_UNIT_COLUMNS = ('spike_times', 'obs_intervals', 'electrodes', 'electrode_group')
_BUNDLE_COLUMNS = ('file', 'column', 'unit_id', 'area')
#: Texts of NWB files that stand for no value, in lower case.
_NO_TEXT = ('', 'unknown', 'nan', 'none', 'null', 'n/a', 'na', 'no description')
#: What is kept of an animal, besides its name.
_SUBJECT = ('species', 'genotype', 'sex', 'age')


@dataclass(frozen=True)
class Presentations:
    """A table of a file that may say which image was shown when: an interval table, or an index series.

    Attributes
    ----------
    name : str
    starts_s : array, shape (n,)
        Times of onset; NaN where they are not known.
    columns : dict
        Name to array of shape (n,): texts or numbers.
    """

    name: str
    starts_s: np.ndarray
    columns: dict[str, np.ndarray]

    def n_values(self, column: str) -> int:
        """Number of different values of a column, NaN included."""
        return len(pd.unique(self.columns[column]))


@dataclass(frozen=True)
class Session:
    """What a file says besides its spikes.

    Attributes
    ----------
    path : Path
    file : str
        Path of the file relative to the folder that was given, or its name.
    session_id : str
    subject : str
        Name of the animal; empty if the file has none.
    animal : dict
        Species, genotype, sex and age, as far as they are known.
    tables : tuple of Presentations
    units : DataFrame, n_units rows
        Column `unit_id`, and the file's columns of one text or number for each unit.
    locations : tuple of str
        Location of each unit's electrodes; empty if it is not known.
    description : dict
        Text by field of `acquisition.description`, as far as the file has it.
    """

    path: Path
    file: str
    session_id: str
    subject: str
    animal: dict[str, str]
    tables: tuple[Presentations, ...]
    units: pd.DataFrame
    locations: tuple[str, ...]
    description: dict[str, str]


@dataclass(frozen=True)
class Spikes:
    """Spikes of a file.

    Attributes
    ----------
    times_s : list of array
        Times of the spikes of each unit, in increasing order.
    observed_s : list of (array, shape (n, 2), or None)
        Intervals in which each unit was observed; None if the file doesn't say.
    invalid_s : array, shape (n, 2)
        Intervals that the file calls invalid.
    """

    times_s: list[np.ndarray]
    observed_s: list[np.ndarray | None]
    invalid_s: np.ndarray


def list_files(paths: Sequence[Path]) -> dict[str, Path]:
    """List NWB files, those in folders included.

    Returns
    -------
    dict
        Name to path. The name is that of the file, or in a folder the path from there; the whole path for a second file
        of the same name.

    Raises
    ------
    DataError
        When a path is missing, a folder has no NWB file, or a file is in Zarr.
    """
    files: dict[str, Path] = {}
    for path in paths:
        if not path.exists():
            raise DataError(f'{path} is missing; expected an NWB file, or a folder of NWB files.')
        if not path.is_dir():
            _add(files, path.name, limits.require_file(path))
            continue
        inside = [path]
        if not _is_zarr(path):
            inside = sorted([*path.rglob(f'*{_SUFFIX}'), *path.rglob(f'*{_SUFFIX}.zarr')])
        inside = [file for file in inside if not file.name.startswith('.')]
        for file in inside:
            if file.is_dir():
                raise DataError(
                    f'{file} is NWB in Zarr, which is not read here. Export it to HDF5 with hdmf-zarr '
                    '(NWBZarrIO to read, NWBHDF5IO.export to write), or take the HDF5 file of the recording.'
                )
            _add(files, file.relative_to(path).as_posix(), limits.require_file(file, path))
        if not inside:
            raise DataError(f'{path} has no file that ends in {_SUFFIX}, nor have the folders in it.')
    return files


def _add(files: dict[str, Path], name: str, path: Path) -> None:
    files[str(path) if name in files else name] = path


def _is_zarr(folder: Path) -> bool:
    return any((folder / name).exists() for name in _ZARR)


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Any]:
    """Open a file as pynwb's NWBFile, which runs none of its content; all errors of its content become a DataError."""
    try:
        import pynwb
    except ImportError as error:
        raise DataError(
            "NWB files need the package pynwb, which is not installed: pip install 'm2m-benchmarks[nwb]'"
        ) from error
    _check_version(path)
    try:
        with warnings.catch_warnings():
            # pynwb warns of every old or new detail of a schema
            warnings.simplefilter('ignore')
            with pynwb.NWBHDF5IO(str(path), 'r') as io:
                yield io.read()
    except M2MError:
        raise
    except Exception as error:  # pynwb has no class for what may be wrong with a file, and raises a dozen
        raise DataError(
            f'{path} cannot be read as NWB ({type(error).__name__}: {error}): it is damaged or does not follow the '
            'standard. The validator of pynwb says more.'
        ) from error


def _check_version(path: Path) -> None:
    try:
        with h5py.File(path, 'r') as file:
            check_own(file, path)
            version = file.attrs.get('nwb_version')
            if version is None and 'nwb_version' in file:  # NWB 1
                version = file['nwb_version'][()]
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise DataError(
            f'{path} cannot be read as NWB ({error}): it is no HDF5 file, or it is cut short. Copy it again.'
        ) from error
    text = version.decode(errors='replace') if isinstance(version, bytes) else str(version)
    if version is None:
        raise DataError(f'{path} is an HDF5 file but not NWB: it has no nwb_version.')
    if text.upper().removeprefix('NWB-').startswith('1'):
        raise DataError(
            f'{path} is of NWB {text.upper().removeprefix("NWB-")}; version 2 is expected. Convert it, or bring the '
            'recordings as an array bundle (--sessions, --units).'
        )


def read_session(path: Path, name: str) -> Session:
    """Read what a file says besides its spikes.

    Parameters
    ----------
    path : Path
    name : str
        Name of the file in the dataset.

    Raises
    ------
    DataError
        When pynwb isn't installed, the file can't be read, or it has no units, spike times or presentations.
    """
    with _open(path) as nwb:
        if nwb.units is None or len(nwb.units) == 0:
            raise DataError(f'{path} has no units; expected sorted units with spike times. Leave the file out.')
        if 'spike_times' not in nwb.units.colnames:
            raise DataError(f'{path}: its units have no spike_times, which are needed to count spikes.')
        tables = tuple(sorted(_tables(path, nwb), key=lambda table: table.name))
        if not tables:
            raise DataError(
                f'{path} has no presentations: no interval table (such as trials or natural_scenes_presentations) with '
                'a column besides the times, and no index series. Leave the file out.'
            )
        subject = nwb.subject
        return Session(
            path,
            name,
            _text(nwb.session_id) or _text(nwb.identifier),
            _text(subject.subject_id) if subject is not None else '',
            {key: text for key in _SUBJECT if subject is not None and (text := _text(getattr(subject, key)))},
            tables,
            _units(path, nwb),
            tuple(_locations(nwb)),
            _description(nwb),
        )


def read_spikes(path: Path) -> Spikes:
    """Read the spikes of a file.

    Raises
    ------
    DataError
        When the file can't be read, or spike times are no numbers.
    """
    with _open(path) as nwb:
        n = len(nwb.units)
        for name in ('spike_times', 'obs_intervals'):
            if name in nwb.units.colnames:
                _check_size(path, nwb.units[name])
        times = [_times(path, i, nwb.units['spike_times'][i]) for i in range(n)]
        observed: list[np.ndarray | None] = [None] * n
        if 'obs_intervals' in nwb.units.colnames:
            observed = [_intervals(nwb.units['obs_intervals'][i]) for i in range(n)]
        invalid = np.empty((0, 2))
        if nwb.invalid_times is not None:
            table = nwb.invalid_times
            invalid = _intervals(np.column_stack([table['start_time'][:], table['stop_time'][:]]))
    # An interval without an end lasts to the end, one without a start from the beginning.
    invalid = np.column_stack(
        [np.nan_to_num(invalid[:, 0], nan=-np.inf, neginf=-np.inf), np.nan_to_num(invalid[:, 1], nan=np.inf)]
    )
    return Spikes(times, observed, invalid)


def _check_size(path: Path, column: Any) -> None:
    """Check how many bytes a column of a table has, and its index if it is ragged."""
    while column is not None:
        if isinstance(column.data, h5py.Dataset):
            check_size(column.data, str(path))
        column = getattr(column, 'target', None)


def _times(path: Path, unit: int, values: Any) -> np.ndarray:
    times = np.asarray(values)
    if times.dtype.kind not in 'fiu' and times.size:
        raise DataError(f'{path}: the spike times of unit {unit} are of type {times.dtype}; seconds are expected.')
    times = times.astype(float).ravel()
    return np.sort(times[np.isfinite(times)], kind='stable')


def _intervals(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=float).reshape(-1, 2)


def _tables(path: Path, nwb: Any) -> Iterator[Presentations]:
    from pynwb.epoch import TimeIntervals
    from pynwb.image import IndexSeries

    for table in nwb.objects.values():
        if isinstance(table, TimeIntervals) and table.name != 'invalid_times':
            columns = dict(_columns(path, table, _INTERVAL_COLUMNS))
            if columns and len(table):
                yield Presentations(table.name, np.asarray(table['start_time'][:], dtype=float), columns)
        elif isinstance(table, IndexSeries) and table.data is not None and len(table.data):
            _check_size(path, table)
            yield _index_series(table)


def _index_series(series: Any) -> Presentations:
    """Presentations of an index series: by index, and by name where the images have an order."""
    indices = np.asarray(series.data[:]).ravel()
    if series.timestamps is not None:
        starts = np.asarray(series.timestamps[:], dtype=float)
    else:
        starts = series.starting_time + np.arange(len(indices)) / series.rate
    columns = {'index': indices}
    order = getattr(series.indexed_images, 'order_of_images', None)
    if order is not None:
        names = np.array([image.name for image in order.data[:]], dtype=object)
        if indices.max() < len(names):
            columns = {'image': names[indices.astype(int)], **columns}
    return Presentations(series.name, starts, columns)


def _columns(path: Path, table: Any, besides: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the columns of a table that have one text, number or truth value in each row."""
    from hdmf.common import DynamicTableRegion, VectorIndex

    for name in table.colnames:
        column = table[name]
        if name in besides or isinstance(column, VectorIndex | DynamicTableRegion) or np.ndim(column.data) != 1:
            continue
        _check_size(path, column)
        values = np.asarray(column[:])
        if values.ndim != 1 or values.dtype.kind not in 'biufOSU':
            continue
        if values.dtype.kind in 'OSU':
            if not all(isinstance(value, str | bytes) for value in values):
                continue
            values = np.array([_text(value, missing=()) for value in values], dtype=object)
        yield name, values


def _units(path: Path, nwb: Any) -> pd.DataFrame:
    """Unit ids, and columns with a value for each unit; NetCDF allows no slash in their names."""
    columns: dict[str, np.ndarray] = {'unit_id': np.array([str(unit) for unit in nwb.units.id[:]], dtype=object)}
    for name, values in _columns(path, nwb.units, _UNIT_COLUMNS):
        own = f'unit_{name}' if name in _BUNDLE_COLUMNS else name.replace('/', '_')
        columns.setdefault(own, values)
    return pd.DataFrame(columns)


def _locations(nwb: Any) -> list[str]:
    """Location of each unit: of its peak channel, else of its electrodes, else of its group of electrodes."""
    for read in (_of_peak_channels, _of_electrodes, _of_groups):
        locations = read(nwb.units, nwb.electrodes)
        if any(locations):
            return locations
    return [''] * len(nwb.units)


def _of_peak_channels(units: Any, electrodes: Any) -> list[str]:
    """Locations by peak_channel_id, which the Allen Institute's files have."""
    if 'peak_channel_id' not in units.colnames or electrodes is None:
        return []
    by_id = dict(zip(np.asarray(electrodes.id[:]).tolist(), _electrode_locations(electrodes), strict=True))
    return [by_id.get(peak, '') for peak in np.asarray(units['peak_channel_id'][:]).tolist()]


def _of_electrodes(units: Any, electrodes: Any) -> list[str]:
    """Locations of the electrodes of each unit, joined by "and" where they differ."""
    if 'electrodes' not in units.colnames or electrodes is None:
        return []
    where = _electrode_locations(electrodes)
    rows = np.asarray(units.electrodes.data[:]).astype(int)
    ends = list(range(1, len(rows) + 1))
    if hasattr(units['electrodes'], 'target'):  # ragged
        ends = np.asarray(units['electrodes'].data[:]).astype(int).tolist()
    of_units = [rows[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return [' and '.join(sorted({where[i] for i in own if where[i]})) for own in of_units]


def _of_groups(units: Any, electrodes: Any) -> list[str]:
    """Locations of the group of electrodes of each unit."""
    return (
        [_text(group.location) for group in units['electrode_group'][:]] if 'electrode_group' in units.colnames else []
    )


def _electrode_locations(electrodes: Any) -> list[str]:
    if 'location' not in electrodes.colnames:
        return [''] * len(electrodes)
    return [_text(location) for location in electrodes['location'][:]]


def _description(nwb: Any) -> dict[str, str]:
    described = {device.name: _text(device.description) for device in nwb.devices.values()}
    devices = [f'{name} ({text})' if text else name for name, text in described.items()]
    publications = nwb.related_publications
    if publications is None or isinstance(publications, str):
        publications = [publications]
    given = {
        'description': _text(nwb.experiment_description) or _text(nwb.session_description),
        'technique': f'Recorded with {", ".join(devices)}.' if devices else '',
        'citation': '; '.join(filter(None, map(_text, publications))),
    }
    return {field: text for field, text in given.items() if text}


def _text(value: Any, missing: Sequence[str] = _NO_TEXT) -> str:
    if value is None:
        return ''
    text = (value.decode(errors='replace') if isinstance(value, bytes) else str(value)).strip()
    return '' if text.lower() in missing else text
