"""Writing and reading of assemblies and stimulus sets in the data folder."""

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
from m2m_benchmarks.data import manifest, populations, versions
from m2m_benchmarks.data.atomic import write_version
from m2m_benchmarks.data.courses import COURSE, FRAME, Courses
from m2m_benchmarks.data.trials import NO_OBJECT, OBJECT, is_scored
from m2m_benchmarks.data.versions import Version
from m2m_benchmarks.storage import unchanged

#: Bytes of responses that are compressed and written at a time; at least one neuroid.
_SLAB = 2**22


@dataclass(frozen=True)
class AssemblyContent:
    """Content of an assembly, without the stimuli.

    Attributes
    ----------
    neuroids : DataFrame, n_neuroids rows
        Columns neuroid_id, region, animal, session, reliability and any others; each becomes a coordinate.
    n_repetitions : int
        Largest number of repetitions of any block.
    blocks : iterable of arrays, shape (up to n_repetitions, n_stimuli, some neuroids)
        Responses in the order of `neuroids`, in spikes/s or dF/F; NaN where nothing was recorded. Iterated once.
    window_ms : (start, end)
        Response window after stimulus onset; the time bin of the assembly.
    source : mapping
        Provenance, for the manifest; `made_by` is a short description.
    courses : Courses or None
        Time courses of the neuroids, for 2-photon recordings.
    """

    neuroids: pd.DataFrame
    n_repetitions: int
    blocks: Iterable[np.ndarray]
    window_ms: tuple[float, float]
    source: Mapping[str, Any]
    courses: Courses | None = None


def write_dataset(
    name: str,
    responses: np.ndarray,
    neuroids: pd.DataFrame,
    stimuli: Mapping[str, bytes],
    window_ms: tuple[float, float],
    source: Mapping[str, Any],
    stimulus_columns: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Write recordings that fit into memory; see `write_recordings`.

    Parameters
    ----------
    name : str
        Identifier of the dataset.
    responses : array, shape (n_repetitions, n_stimuli, n_neuroids)
        Responses in spikes/s or dF/F; NaN where nothing was recorded.
    neuroids : DataFrame, n_neuroids rows
        Columns neuroid_id, region, animal, session and any others; each becomes a coordinate. The column
        reliability is computed and added; NaN for neuroids with fewer than two repetitions.
    stimuli : mapping
        Stimulus_id to content of the PNG file, in the order of the stimulus axis.
    window_ms, source
        See `AssemblyContent`.
    stimulus_columns : mapping, optional
        Stimulus_id to further columns of the stimulus set, by name; the same columns for all stimuli.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    StorageError
        When the disk is full or can't be written.
    """
    repeated = (~np.isnan(responses)).any(axis=1).sum(axis=0) >= 2
    reliability = np.full(responses.shape[2], np.nan)
    if repeated.all():  # without a copy
        reliability = split_half_reliability(responses)
    elif repeated.any():
        reliability[repeated] = split_half_reliability(responses[:, :, repeated])
    content = AssemblyContent(neuroids.assign(reliability=reliability), len(responses), [responses], window_ms, source)
    return write_recordings(name, stimuli.items(), lambda: content, stimulus_columns)


def write_recordings(
    name: str,
    stimuli: Iterable[tuple[str, bytes]],
    record: Callable[[], AssemblyContent],
    stimulus_columns: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Write recordings and their stimuli, replacing an earlier version in one step.

    The caller holds `atomic.write_lock`. If interrupted, this leaves the earlier version as it was. Neither all stimuli
    nor all responses are in memory at once. The same input gives the same bytes.

    Parameters
    ----------
    name : str
        Identifier of the dataset.
    stimuli : iterable of (stimulus_id, PNG file content)
        Images in the order of the stimulus axis. Iterated once.
    record : callable
        Function that returns the recordings; called after all stimuli are written.
    stimulus_columns
        See `write_dataset`.

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
    contents: list[AssemblyContent] = []

    def fill(folder: Path) -> list[Path]:
        (folder / 'stimuli').mkdir()
        paths = [folder / 'assembly.nc']
        for stimulus, png in stimuli:
            paths.append(folder / 'stimuli' / f'{stimulus}.png')
            paths[-1].write_bytes(png)
            stimulus_ids.append(stimulus)
        contents.append(record())
        _write_netcdf(name, stimulus_ids, contents[0], paths[0])
        return paths

    def describe(files: list[dict[str, Any]]) -> dict[str, Any]:
        columns = stimulus_columns or {}
        images = [
            {'stimulus_id': stimulus, **({'columns': dict(columns[stimulus])} if stimulus in columns else {})}
            for stimulus in stimulus_ids
        ]
        content = contents[0]
        return {
            'assembly': files[0],
            'stimuli': [{**image, **file} for image, file in zip(images, files[1:], strict=True)],
            'summary': _summary(content.n_repetitions, len(stimulus_ids), content.neuroids),
            'source': dict(content.source),
        }

    return write_version(name, fill, describe)


def _write_netcdf(name: str, stimulus_ids: Sequence[str], content: AssemblyContent, path: Path) -> None:
    shape = (content.n_repetitions, len(stimulus_ids), len(content.neuroids))
    width = max(1, min(shape[2], _SLAB // max(1, 4 * shape[0] * shape[1])))
    with netCDF4.Dataset(path, 'w') as file:
        file.identifier = name
        for dimension, size in (('presentation', shape[0] * shape[1]), ('neuroid', shape[2]), ('time_bin', 1)):
            file.createDimension(dimension, size)
        coordinates = []
        for coordinate, dimension, values in _coordinates(stimulus_ids, content):
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
            # Each slab is one chunk, written once, so no chunk needs to be cached.
            chunksizes=(max(1, shape[0] * shape[1]), width, 1),
            chunk_cache=1,
            fill_value=np.nan,
        )
        # netCDF cannot mark a coordinate whose name has a space.
        marked = ' '.join(coordinate for coordinate in coordinates if ' ' not in coordinate)
        data.setncatts({'identifier': name, 'coordinates': marked})
        stop = 0
        for slab in _slabs(content.blocks, shape, width):
            start, stop = stop, stop + slab.shape[2]
            data[:, start:stop, 0] = slab.reshape(-1, slab.shape[2])
        if content.courses is not None:
            _write_courses(file, content.courses)
    if stop != shape[2]:
        raise ValueError(f'expected responses of {shape[2]} neuroids, got {stop}')


def _coordinates(stimulus_ids: Sequence[str], content: AssemblyContent) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield name, dimension and values of each coordinate."""
    yield 'stimulus_id', 'presentation', np.tile(np.array(stimulus_ids, dtype=str), content.n_repetitions)
    yield 'repetition', 'presentation', np.repeat(np.arange(content.n_repetitions), len(stimulus_ids))
    yield 'time_bin_start', 'time_bin', np.array([content.window_ms[0]])
    yield 'time_bin_end', 'time_bin', np.array([content.window_ms[1]])
    for column in content.neuroids:
        yield str(column), 'neuroid', content.neuroids[column].to_numpy()


def _write_coordinate(file: netCDF4.Dataset, name: str, dimension: str, values: np.ndarray) -> None:
    """Write numbers, truth values or texts in the form that xarray writes and reads."""
    if values.dtype.kind in 'OU':
        file.createVariable(name, str, (dimension,))[:] = values.astype(str).astype(object)
    elif values.dtype.kind == 'b':
        variable = file.createVariable(name, 'i1', (dimension,))
        variable.setncattr('dtype', 'bool')
        variable[:] = values
    else:
        fill = np.nan if values.dtype.kind == 'f' else None
        file.createVariable(name, values.dtype, (dimension,), fill_value=fill)[:] = values


def _write_courses(file: netCDF4.Dataset, courses: Courses) -> None:
    """Write time courses beside the data; readers of the data ignore them, since it hasn't their dimension."""
    n_frames = courses.values.shape[1]
    file.createDimension(FRAME, n_frames)
    file.createVariable(FRAME, 'i4', (FRAME,))[:] = np.arange(n_frames) - courses.before
    course = file.createVariable(
        COURSE, 'f4', ('neuroid', FRAME), zlib=True, complevel=1, shuffle=True, fill_value=np.nan
    )
    course[:] = courses.values


def _slabs(blocks: Iterable[np.ndarray], shape: tuple[int, int, int], width: int) -> Iterator[np.ndarray]:
    """Yield the responses of `width` neuroids at a time (fewer in the last slab), padded with NaN to `shape`."""
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
    neuroids = neuroids.assign(scored=is_scored(neuroids['reliability'].to_numpy(), n_repetitions))
    grouping = [str(column) for column in neuroids if populations.groups(str(column), neuroids[column].unique())]
    areas = {}
    for area, group in neuroids.groupby('region', sort=False):
        areas[str(area)] = {
            'neuroids': len(group),
            'reliable': int(group['scored'].sum()),
            'flat': int((group['reliability'].isna() & ~group['scored']).sum()),
            'animals': int(group['animal'].nunique()),
            'sessions': len(group[['animal', 'session']].drop_duplicates()),  # some labs number those of each animal
            'reliable_by': _reliable_by(group, grouping),
        }
    return {'repetitions': n_repetitions, 'stimuli': n_stimuli, 'areas': areas}


def _reliable_by(neuroids: pd.DataFrame, columns: Sequence[str]) -> dict[str, dict[str, int]]:
    """Count scored neuroids by the values of each column that groups them into populations.

    Values without scored neuroids are included, with 0, since names of populations depend on all values.
    """
    return {
        column: {
            str(value): int(n) for value, n in neuroids['scored'].groupby(neuroids[column].to_numpy()).sum().items()
        }
        for column in columns
    }


def load_stimuli(name: str) -> StimulusSet:
    """Load the stimulus set of a dataset on this machine.

    Returns
    -------
    StimulusSet
        Stimuli with the columns stimulus_id, sha256 (of the image file) and object_name, which is the same for all,
        and those of images.csv, if the dataset was imported with one. The identifier contains a hash over all images.

    Raises
    ------
    DataNotFoundError
        When it isn't here; the message has the command that brings it.
    DataError
        When a stimulus is missing or has changed.
    """
    return _stimuli(versions.current(name))


def load_assembly(name: str) -> NeuronRecordingAssembly:
    """Load the single-trial recordings of a dataset on this machine.

    Returns
    -------
    NeuronRecordingAssembly
        presentation x neuroid x time_bin (one bin), with `stimulus_set` and `sha256` in its attributes. Presentations
        have the coordinates stimulus_id, repetition and object_name, which is the same for all and not in the file. The
        object is cached: don't change its values.

    Raises
    ------
    DataNotFoundError
        When it isn't here; the message has the command that brings it.
    DataError
        When a file is missing or has changed.
    """
    return _assembly(versions.current(name))


def stimuli_here(name: str) -> StimulusSet | None:
    """Load the stimuli of a dataset (see `load_stimuli`); None if it isn't on this machine."""
    return None if manifest.read(name) is None else load_stimuli(name)


def assembly_here(name: str) -> NeuronRecordingAssembly | None:
    """Load the recordings of a dataset (see `load_assembly`); None if it isn't on this machine."""
    return None if manifest.read(name) is None else load_assembly(name)


def _stimuli(version: Version) -> StimulusSet:
    files = version.manifest['stimuli']
    with versions.reporting_replacement([version]):
        paths = {file['stimulus_id']: version.path(file) for file in files}
    stimuli = StimulusSet({column: [file[column] for file in files] for column in ('stimulus_id', 'sha256')})
    for column in files[0].get('columns', {}):
        stimuli[column] = [file['columns'][column] for file in files]
    stimuli[OBJECT] = NO_OBJECT
    stimuli.stimulus_paths = versions.Paths(version, paths)
    stimuli.identifier = f'{version.name}_{version.manifest["version"]}'
    return stimuli


@functools.lru_cache(maxsize=2)
def _assembly(version: Version) -> NeuronRecordingAssembly:
    stimuli, file = _stimuli(version), version.manifest['assembly']
    with versions.reporting_replacement([version]):
        path = version.path(file)
        # What is loaded is what is compared with the hash, within the time in which the file stays the same.
        with unchanged([path]), xr.open_dataset(version.path(file)) as stored:
            if OBJECT not in stored:  # bundles imported by earlier versions may have a column of this name
                none = np.full(stored.sizes['presentation'], NO_OBJECT)
                stored = stored.assign_coords({OBJECT: ('presentation', none)})
            # netCDF cannot mark a coordinate whose name has a space; all variables but the data are coordinates.
            assembly = NeuronRecordingAssembly(stored.set_coords([*stored.drop_vars('data').data_vars])['data'].load())
    assembly.attrs.update(stimulus_set=stimuli, stimulus_set_identifier=stimuli.identifier, sha256=file['sha256'])
    return assembly
