"""Assemblies and stimulus sets, to and from the data folder."""

import datetime
import functools
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from brainscore_core.supported_data_standards.brainio.assemblies import NeuronRecordingAssembly, walk_coords
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet

from m2m_benchmarks.arrays import split_half_reliability
from m2m_benchmarks.data import ledger
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.storage import exclusive, explained, sha256_file, sync_file, sync_folder, writable

#: Least Spearman-Brown split-half reliability of a neuroid that is scored.
RELIABLE = 0.5


def writing(name: str, wait_s: float = 0) -> AbstractContextManager[None]:
    """Lock under which a dataset is written."""
    folder = writable(ledger.data_folder())
    return exclusive(folder / f'.{name}.lock', f'writing {name}', wait_s)


def write_dataset(
    name: str,
    responses: np.ndarray,
    neuroids: pd.DataFrame,
    stimuli: Mapping[str, bytes],
    window_ms: tuple[float, float],
    source: Mapping[str, Any],
) -> dict[str, Any]:
    """Write recordings and their stimuli; they replace an earlier version in one step.

    The caller holds the lock `writing`. Whatever stops this function leaves the earlier version as it was.

    Parameters
    ----------
    name : str
        Identifier of the dataset.
    responses : array, shape (n_repetitions, n_stimuli, n_neuroids)
        Spikes/s or dF/F; NaN where a session has fewer repetitions than others.
    neuroids : DataFrame, n_neuroids rows
        With at least neuroid_id, region, animal and session; each column becomes a coordinate.
        `reliability` is computed here.
    stimuli : mapping
        stimulus_id to PNG file content, in the order of the stimulus axis.
    window_ms : (start, end)
        After stimulus onset; the time bin of the assembly.
    source : mapping
        What it was made from; kept in the ledger. `made_by` says how in a few words.

    Returns
    -------
    dict
        The ledger.

    Raises
    ------
    StorageError
        When the disk is full or can't be written.
    """
    neuroids = neuroids.assign(reliability=split_half_reliability(responses))
    assembly = _assembly(name, responses, list(stimuli), neuroids, window_ms)
    folder = ledger.data_folder() / name
    with explained(name, ledger.data_folder()):
        folder.mkdir(exist_ok=True)
        previous = _sweep(name)
        made = Path(tempfile.mkdtemp(dir=folder, prefix='.tmp-'))
        try:
            _write_netcdf(assembly, made / 'assembly.nc')
            (made / 'stimuli').mkdir()
            for stimulus, content in stimuli.items():
                (made / 'stimuli' / f'{stimulus}.png').write_bytes(content)
            entries = [_entry(made, path) for path in [made / 'assembly.nc', *sorted((made / 'stimuli').iterdir())]]
            by_file = {entry['file']: entry for entry in entries}
            version = by_file['assembly.nc']['sha256'][:16]
            for path in made.rglob('*'):
                if path.is_file():
                    sync_file(path)
            made.chmod(0o755)
            final = folder / version
            if final.exists():  # the same content once more
                shutil.rmtree(final)
            made.rename(final)
            sync_folder(folder)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
        entry = {
            'name': name,
            'version': version,
            'created': datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds'),
            'assembly': by_file['assembly.nc'],
            'stimuli': [{'stimulus_id': stimulus, **by_file[f'stimuli/{stimulus}.png']} for stimulus in stimuli],
            'summary': _summary(responses, neuroids),
            'source': dict(source),
        }
        ledger.write(name, entry)
        if previous and previous != version:
            shutil.rmtree(folder / previous, ignore_errors=True)
    return entry


def _sweep(name: str) -> str | None:
    """Remove what an interrupted run left; return the version in use."""
    try:
        current = ledger.read(name)
    except DataError:
        current = None
    version = str(current['version']) if current else None
    for path in (ledger.data_folder() / name).iterdir():
        if path.is_dir() and path.name != version:
            shutil.rmtree(path, ignore_errors=True)
        elif path.name.startswith('.ledger.json.'):
            path.unlink(missing_ok=True)
    return version


def _entry(root: Path, path: Path) -> dict[str, Any]:
    return {
        'file': path.relative_to(root).as_posix(),
        'sha256': sha256_file(path),
        'bytes': path.stat().st_size,
    }


def _assembly(
    name: str,
    responses: np.ndarray,
    stimulus_ids: Sequence[str],
    neuroids: pd.DataFrame,
    window_ms: tuple[float, float],
) -> xr.DataArray:
    n_repetitions, n_stimuli, n_neuroids = responses.shape
    values = responses.reshape(n_repetitions * n_stimuli, n_neuroids, 1).astype(np.float32, copy=False)
    coords: dict[str, Any] = {
        'stimulus_id': ('presentation', np.tile(np.array(stimulus_ids, dtype=str), n_repetitions)),
        'repetition': ('presentation', np.repeat(np.arange(n_repetitions), n_stimuli)),
        'time_bin_start': ('time_bin', [window_ms[0]]),
        'time_bin_end': ('time_bin', [window_ms[1]]),
    }
    for column in neuroids:
        content = neuroids[column].to_numpy()
        coords[str(column)] = ('neuroid', content.astype(str) if content.dtype == object else content)
    return xr.DataArray(
        values, coords, dims=['presentation', 'neuroid', 'time_bin'], name='data', attrs={'identifier': name}
    )


def _write_netcdf(assembly: xr.DataArray, path: Path) -> None:
    # Level 1: spike counts compress well at any level, and higher ones take ten times as long.
    encoding = {'data': {'zlib': True, 'complevel': 1, 'shuffle': True}}
    assembly.to_dataset(promote_attrs=True).to_netcdf(path, engine='netcdf4', encoding=encoding)


def _summary(responses: np.ndarray, neuroids: pd.DataFrame) -> dict[str, Any]:
    areas = {}
    for area, group in neuroids.groupby('region', sort=False):
        areas[str(area)] = {
            'neuroids': len(group),
            'reliable': int((group['reliability'] >= RELIABLE).sum()),
            'flat': int(group['reliability'].isna().sum()),
            'animals': int(group['animal'].nunique()),
            'sessions': int(group['session'].nunique()),
        }
    return {'repetitions': responses.shape[0], 'stimuli': responses.shape[1], 'areas': areas}


def load_stimuli(name: str) -> StimulusSet:
    """Stimulus set of a dataset on this machine.

    Returns
    -------
    StimulusSet
        Columns stimulus_id and sha256 (of the image file); its identifier holds a hash over all of them.

    Raises
    ------
    DataNotFoundError
        With the command that brings the dataset.
    DataError
        When a stimulus is missing or was changed.
    """
    entry = ledger.require(name)
    paths = {file['stimulus_id']: ledger.intact(name, entry, file) for file in entry['stimuli']}
    stimuli = StimulusSet({column: [file[column] for file in entry['stimuli']] for column in ('stimulus_id', 'sha256')})
    stimuli.stimulus_paths = paths
    stimuli.identifier = f'{name}_{entry["version"]}'
    return stimuli


def load_assembly(name: str) -> NeuronRecordingAssembly:
    """Recordings of a dataset on this machine, trial by trial.

    Returns
    -------
    NeuronRecordingAssembly
        presentation x neuroid x time_bin (one bin), with `stimulus_set` and `sha256` in its attributes. The same
        object for the same file: don't change its values.

    Raises
    ------
    DataNotFoundError
        With the command that brings the dataset.
    DataError
        When a file is missing or was changed.
    """
    entry = ledger.require(name)
    path = ledger.intact(name, entry, entry['assembly'])
    return _read(name, path, entry['assembly']['sha256'])


@functools.lru_cache(maxsize=2)
def _read(name: str, path: Path, sha256: str) -> NeuronRecordingAssembly:
    stimuli = load_stimuli(name)
    with xr.open_dataarray(path) as stored:
        assembly = NeuronRecordingAssembly(stored.load())
    assembly.attrs.update(stimulus_set=stimuli, stimulus_set_identifier=stimuli.identifier, sha256=sha256)
    return assembly


def cube(assembly: NeuronRecordingAssembly) -> tuple[np.ndarray, np.ndarray]:
    """Trials as an array of repetitions by stimuli by neuroids.

    Parameters
    ----------
    assembly : presentation x neuroid [x time_bin of one bin], with stimulus_id and repetition

    Returns
    -------
    responses : array, shape (n_repetitions, n_stimuli, n_neuroids)
        NaN where a repetition of a stimulus isn't in the assembly.
    stimulus_ids : array, shape (n_stimuli,)
        In the order of first appearance.

    Raises
    ------
    DataError
        When a repetition of a stimulus is there twice.
    """
    if 'time_bin' in assembly.dims:
        assembly = assembly.squeeze('time_bin')
    values = assembly.transpose('presentation', 'neuroid').values
    stimulus, stimulus_ids = pd.factorize(assembly['stimulus_id'].values)
    repetition, repetitions = pd.factorize(assembly['repetition'].values, sort=True)
    shape = (len(repetitions), len(stimulus_ids))
    place = repetition * shape[1] + stimulus
    if len(np.unique(place)) != len(place):
        raise DataError('the assembly holds the same repetition of the same stimulus more than once')
    if np.array_equal(place, np.arange(shape[0] * shape[1])):
        return values.reshape(*shape, -1), np.asarray(stimulus_ids)
    responses = np.full((shape[0] * shape[1], values.shape[1]), np.nan, dtype=np.result_type(values, np.float32))
    responses[place] = values
    return responses.reshape(*shape, -1), np.asarray(stimulus_ids)


def average_repetitions(assembly: NeuronRecordingAssembly) -> NeuronRecordingAssembly:
    """Mean response to each stimulus; what wasn't recorded doesn't count.

    Parameters
    ----------
    assembly : presentation x neuroid [x time_bin of one bin], with stimulus_id and repetition

    Returns
    -------
    NeuronRecordingAssembly
        stimulus (presentation) x neuroid, float64, with the neuroid coordinates and attributes of the input.
    """
    responses, stimulus_ids = cube(assembly)
    coords: dict[str, Any] = {
        name: (dims, values) for name, dims, values in walk_coords(assembly) if tuple(dims) == ('neuroid',)
    }
    coords['stimulus_id'] = ('presentation', stimulus_ids)
    coords['stimulus_index'] = ('presentation', np.arange(len(stimulus_ids)))
    mean = np.nanmean(responses, axis=0, dtype=float)
    return NeuronRecordingAssembly(mean, coords=coords, dims=['presentation', 'neuroid'], attrs=assembly.attrs)
