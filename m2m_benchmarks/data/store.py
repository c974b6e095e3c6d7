"""Assemblies and stimulus sets, to and from the data folder."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pandas as pd
import xarray as xr
from brainscore_core.supported_data_standards.brainio.assemblies import NeuronRecordingAssembly
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet

from m2m_benchmarks.arrays import split_half_reliability
from m2m_benchmarks.data import manifest, populations
from m2m_benchmarks.data.atomic import write_version
from m2m_benchmarks.data.trials import MIN_RELIABILITY, NO_OBJECT, OBJECT

#: Bytes of the responses that are compressed and written at a time, one neuroid at least.
_SLAB = 2**22


@dataclass(frozen=True)
class AssemblyContent:
    """What goes into an assembly beside the stimuli.

    Attributes
    ----------
    neuroids : DataFrame, n_neuroids rows
        With at least neuroid_id, region, animal, session and reliability; each column becomes a coordinate.
    n_repetitions : int
        The most of any block.
    blocks : iterable of arrays, shape (up to n_repetitions, n_stimuli, some neuroids)
        Responses in the order of `neuroids`, passed through once: spikes/s or dF/F; NaN where nothing was recorded.
    window_ms : (start, end)
        After stimulus onset; the time bin of the assembly.
    source : mapping
        What it was made from; kept in the manifest. `made_by` says how in a few words.
    """

    neuroids: pd.DataFrame
    n_repetitions: int
    blocks: Iterable[np.ndarray]
    window_ms: tuple[float, float]
    source: Mapping[str, Any]


def write_dataset(
    name: str,
    responses: np.ndarray,
    neuroids: pd.DataFrame,
    stimuli: Mapping[str, bytes],
    window_ms: tuple[float, float],
    source: Mapping[str, Any],
) -> dict[str, Any]:
    """Write recordings that fit into memory; see `write_recordings`.

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
    window_ms, source
        As in `AssemblyContent`.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    StorageError
        When the disk is full or can't be written.
    """
    neuroids = neuroids.assign(reliability=split_half_reliability(responses))
    recordings = AssemblyContent(neuroids, len(responses), [responses], window_ms, source)
    return write_recordings(name, stimuli.items(), lambda: recordings)


def write_recordings(
    name: str, stimuli: Iterable[tuple[str, bytes]], record: Callable[[], AssemblyContent]
) -> dict[str, Any]:
    """Write recordings and their stimuli; they replace an earlier version in one step.

    The caller holds the lock `atomic.write_lock`. Whatever stops this function leaves the earlier version as it was.
    Neither the stimuli nor the responses are held in memory as a whole. The same ones give the same bytes.

    Parameters
    ----------
    name : str
        Identifier of the dataset.
    stimuli : iterable of (stimulus_id, PNG file content)
        In the order of the stimulus axis, passed through once.
    record : callable
        Gives the recordings, once all stimuli are written.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    StorageError
        When the disk is full or can't be written.
    """
    stimulus_ids: list[str] = []
    recorded: list[AssemblyContent] = []

    def fill(folder: Path) -> list[Path]:
        (folder / 'stimuli').mkdir()
        paths = [folder / 'assembly.nc']
        for stimulus, content in stimuli:
            paths.append(folder / 'stimuli' / f'{stimulus}.png')
            paths[-1].write_bytes(content)
            stimulus_ids.append(stimulus)
        recorded.append(record())
        _write_netcdf(name, stimulus_ids, recorded[0], paths[0])
        return paths

    def describe(files: list[dict[str, Any]]) -> dict[str, Any]:
        images = [{'stimulus_id': stimulus} for stimulus in stimulus_ids]
        recordings = recorded[0]
        return {
            'assembly': files[0],
            'stimuli': [{**image, **file} for image, file in zip(images, files[1:], strict=True)],
            'summary': _summary(recordings.n_repetitions, len(stimulus_ids), recordings.neuroids),
            'source': dict(recordings.source),
        }

    return write_version(name, fill, describe)


def _write_netcdf(name: str, stimulus_ids: Sequence[str], recordings: AssemblyContent, path: Path) -> None:
    shape = (recordings.n_repetitions, len(stimulus_ids), len(recordings.neuroids))
    width = max(1, min(shape[2], _SLAB // max(1, 4 * shape[0] * shape[1])))
    with netCDF4.Dataset(path, 'w') as file:
        file.identifier = name
        for dimension, size in (('presentation', shape[0] * shape[1]), ('neuroid', shape[2]), ('time_bin', 1)):
            file.createDimension(dimension, size)
        coordinates = []
        for coordinate, dimension, values in _coordinates(stimulus_ids, recordings):
            _write_coordinate(file, coordinate, dimension, values)
            coordinates.append(coordinate)
        data = file.createVariable(
            'data',
            'f4',
            ('presentation', 'neuroid', 'time_bin'),
            # Level 1: spike counts compress well at any level, and higher ones take ten times as long.
            zlib=True,
            complevel=1,
            shuffle=True,
            # A slab is a chunk, written once and as a whole: none needs to be kept.
            chunksizes=(max(1, shape[0] * shape[1]), width, 1),
            chunk_cache=1,
            fill_value=np.nan,
        )
        # netCDF cannot mark a coordinate whose name holds a space
        marked = ' '.join(coordinate for coordinate in coordinates if ' ' not in coordinate)
        data.setncatts({'identifier': name, 'coordinates': marked})
        stop = 0
        for slab in _slabs(recordings.blocks, shape, width):
            start, stop = stop, stop + slab.shape[2]
            data[:, start:stop, 0] = slab.reshape(-1, slab.shape[2])
    if stop != shape[2]:
        raise ValueError(f'expected responses of {shape[2]} neuroids, got {stop}')


def _coordinates(stimulus_ids: Sequence[str], recordings: AssemblyContent) -> Iterator[tuple[str, str, np.ndarray]]:
    """Name, dimension and values of each coordinate."""
    yield 'stimulus_id', 'presentation', np.tile(np.array(stimulus_ids, dtype=str), recordings.n_repetitions)
    yield 'repetition', 'presentation', np.repeat(np.arange(recordings.n_repetitions), len(stimulus_ids))
    yield 'time_bin_start', 'time_bin', np.array([recordings.window_ms[0]])
    yield 'time_bin_end', 'time_bin', np.array([recordings.window_ms[1]])
    for column in recordings.neuroids:
        yield str(column), 'neuroid', recordings.neuroids[column].to_numpy()


def _write_coordinate(file: netCDF4.Dataset, name: str, dimension: str, values: np.ndarray) -> None:
    """Write numbers, truth values or texts as xarray does, which reads them."""
    if values.dtype.kind in 'OU':
        file.createVariable(name, str, (dimension,))[:] = values.astype(str).astype(object)
    elif values.dtype.kind == 'b':
        variable = file.createVariable(name, 'i1', (dimension,))
        variable.setncattr('dtype', 'bool')
        variable[:] = values
    else:
        fill = np.nan if values.dtype.kind == 'f' else None
        file.createVariable(name, values.dtype, (dimension,), fill_value=fill)[:] = values


def _slabs(blocks: Iterable[np.ndarray], shape: tuple[int, int, int], width: int) -> Iterator[np.ndarray]:
    """Responses of `width` neuroids at a time, the last ones fewer, filled up with NaN to `shape`'s repetitions."""
    slab = np.full((*shape[:2], width), np.nan, dtype=np.float32)
    filled = 0
    for block in blocks:
        start = 0
        while start < block.shape[2]:
            n = min(width - filled, block.shape[2] - start)
            slab[: len(block), :, filled : filled + n] = block[:, :, start : start + n]
            start, filled = start + n, filled + n
            if filled == width:
                yield slab
                slab.fill(np.nan)
                filled = 0
    if filled:
        yield slab[:, :, :filled]


def _summary(n_repetitions: int, n_stimuli: int, neuroids: pd.DataFrame) -> dict[str, Any]:
    grouping = [str(column) for column in neuroids if populations.groups(str(column), neuroids[column].unique())]
    areas = {}
    for area, group in neuroids.groupby('region', sort=False):
        areas[str(area)] = {
            'neuroids': len(group),
            'reliable': int((group['reliability'] >= MIN_RELIABILITY).sum()),
            'flat': int(group['reliability'].isna().sum()),
            'animals': int(group['animal'].nunique()),
            'sessions': int(group['session'].nunique()),
            'reliable_by': _reliable_by(group, grouping),
        }
    return {'repetitions': n_repetitions, 'stimuli': n_stimuli, 'areas': areas}


def _reliable_by(neuroids: pd.DataFrame, columns: Sequence[str]) -> dict[str, dict[str, int]]:
    """Count reliable neuroids by the values of each column that groups them into populations.

    Values of unreliable neuroids alone are there too, with 0: what a population is called depends on all of them.
    """
    reliable = neuroids['reliability'] >= MIN_RELIABILITY
    return {
        column: {str(value): int(n) for value, n in reliable.groupby(neuroids[column].to_numpy()).sum().items()}
        for column in columns
    }


def load_stimuli(name: str) -> StimulusSet:
    """Stimulus set of a dataset on this machine.

    Returns
    -------
    StimulusSet
        Columns stimulus_id, sha256 (of the image file) and object_name, which is the same for all; its identifier
        holds a hash over all images.

    Raises
    ------
    DataNotFoundError
        With the command that brings the dataset.
    DataError
        When a stimulus is missing or was changed.
    """
    entry = manifest.require(name)
    paths = {file['stimulus_id']: manifest.intact_path(name, entry, file) for file in entry['stimuli']}
    stimuli = StimulusSet({column: [file[column] for file in entry['stimuli']] for column in ('stimulus_id', 'sha256')})
    stimuli[OBJECT] = NO_OBJECT
    stimuli.stimulus_paths = paths
    stimuli.identifier = f'{name}_{entry["version"]}'
    return stimuli


def load_assembly(name: str) -> NeuronRecordingAssembly:
    """Recordings of a dataset on this machine, trial by trial.

    Returns
    -------
    NeuronRecordingAssembly
        presentation x neuroid x time_bin (one bin), with `stimulus_set` and `sha256` in its attributes. The
        coordinates of a presentation are stimulus_id, repetition and object_name, which is the same for all and is not
        in the file. The same object for the same file: don't change its values.

    Raises
    ------
    DataNotFoundError
        With the command that brings the dataset.
    DataError
        When a file is missing or was changed.
    """
    entry = manifest.require(name)
    path = manifest.intact_path(name, entry, entry['assembly'])
    return _read(name, path, entry['assembly']['sha256'])


def stimuli_here(name: str) -> StimulusSet | None:
    """Stimuli of a dataset, see `load_stimuli`; None when the dataset isn't on this machine."""
    return None if manifest.read(name) is None else load_stimuli(name)


def assembly_here(name: str) -> NeuronRecordingAssembly | None:
    """Recordings of a dataset, see `load_assembly`; None when the dataset isn't on this machine."""
    return None if manifest.read(name) is None else load_assembly(name)


@functools.lru_cache(maxsize=2)
def _read(name: str, path: Path, sha256: str) -> NeuronRecordingAssembly:
    stimuli = load_stimuli(name)
    with xr.open_dataset(path) as stored:
        if OBJECT not in stored:  # a bundle imported by an earlier version may have a column of that name
            stored = stored.assign_coords({OBJECT: ('presentation', np.full(stored.sizes['presentation'], NO_OBJECT))})
        # netCDF cannot mark a coordinate whose name holds a space: whatever isn't the data is one
        assembly = NeuronRecordingAssembly(stored.set_coords([*stored.drop_vars('data').data_vars])['data'].load())
    assembly.attrs.update(stimulus_set=stimuli, stimulus_set_identifier=stimuli.identifier, sha256=sha256)
    return assembly
