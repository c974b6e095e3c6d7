"""Assemblies and stimulus sets, to and from the data folder."""

import functools
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from brainscore_core.supported_data_standards.brainio.assemblies import NeuronRecordingAssembly
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet

from m2m_benchmarks.arrays import split_half_reliability
from m2m_benchmarks.data import ledger
from m2m_benchmarks.data.trials import RELIABLE
from m2m_benchmarks.data.versions import write_version


def write_dataset(
    name: str,
    responses: np.ndarray,
    neuroids: pd.DataFrame,
    stimuli: Mapping[str, bytes],
    window_ms: tuple[float, float],
    source: Mapping[str, Any],
) -> dict[str, Any]:
    """Write recordings and their stimuli; they replace an earlier version in one step.

    The caller holds the lock `versions.writing`. Whatever stops this function leaves the earlier version as it was.

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

    def fill(folder: Path) -> list[Path]:
        _write_netcdf(assembly, folder / 'assembly.nc')
        (folder / 'stimuli').mkdir()
        for stimulus, content in stimuli.items():
            (folder / 'stimuli' / f'{stimulus}.png').write_bytes(content)
        return [folder / 'assembly.nc', *(folder / 'stimuli' / f'{stimulus}.png' for stimulus in stimuli)]

    def describe(files: list[dict[str, Any]]) -> dict[str, Any]:
        images = [{'stimulus_id': stimulus} for stimulus in stimuli]
        return {
            'assembly': files[0],
            'stimuli': [{**image, **file} for image, file in zip(images, files[1:], strict=True)],
            'summary': _summary(responses, neuroids),
            'source': dict(source),
        }

    return write_version(name, fill, describe)


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
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='coordinate .* has a space in its name')
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
    with xr.open_dataset(path) as stored:
        # netCDF cannot mark a coordinate whose name holds a space: whatever isn't the data is one
        assembly = NeuronRecordingAssembly(stored.set_coords([*stored.drop_vars('data').data_vars])['data'].load())
    assembly.attrs.update(stimulus_set=stimuli, stimulus_set_identifier=stimuli.identifier, sha256=sha256)
    return assembly
