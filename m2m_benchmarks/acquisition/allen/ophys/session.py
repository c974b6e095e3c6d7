"""Reads 2-photon sessions of the Visual Coding survey: animal, cells, images and their presentations."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import h5py
import numpy as np
import pandas as pd

from m2m_benchmarks.acquisition.allen import N_SCENES
from m2m_benchmarks.acquisition.allen.nwb import PIPELINE, NwbFile
from m2m_benchmarks.acquisition.allen.ophys.cells import cell_type, cre_line, layer
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.errors import DataError

_SESSION_TYPE = 'three_session_B'
_PLANE = 'general/optophysiology/imaging_plane_1'
_TEMPLATES = 'stimulus/templates/natural_scenes_image_stack/data'
_SPEED = f'{PIPELINE}/BehavioralTimeSeries/running_speed'
#: Largest difference in length between a signal and its timestamps of the same recording.
MOST_DROPPED = 100


@dataclass(frozen=True)
class Sweeps:
    """Presentations of natural scenes, in the order of time.

    Attributes
    ----------
    onset : int array, shape (n_sweeps,)
        Frame of the microscope at the onset of an image.
    length : int
        Frames of the second sweep, which the AllenSDK uses as the length of all.
    of_scene : int array, shape (n_repetitions, 118)
        Indices in `onset` of each image's presentations; -1 where an image was shown less often than others.
    of_blank : int array, shape (n_blanks,)
        Indices in `onset` of the blank sweeps.
    """

    onset: np.ndarray
    length: int
    of_scene: np.ndarray
    of_blank: np.ndarray


def read_sweeps(nwb: NwbFile) -> Sweeps:
    """Read the table of natural scenes.

    Raises
    ------
    DataError
        When the file is of another survey or session, or shows other images.
    """
    if not nwb.has(PIPELINE):
        raise DataError(
            f'{nwb.name} has no {PIPELINE}: it is not a 2-photon session of Visual Coding but of Visual Behavior or '
            f'another survey; expected a Visual Coding session of type {_SESSION_TYPE}.'
        )
    path = 'stimulus/presentation/natural_scenes_stimulus'
    if not nwb.has(path):
        session_type = nwb.text('general/session_type')
        if session_type == _SESSION_TYPE:
            raise DataError(f'{nwb.name} has no {path}: it is cut short or damaged; fetch it again.')
        raise DataError(
            f'{nwb.name} is a session of type {session_type}, which shows no natural scenes; '
            f'expected one of type {_SESSION_TYPE}.'
        )
    scene = nwb.array(f'{path}/data', (None,))
    span = nwb.array(f'{path}/frame_duration', (len(scene), 2))
    if not (np.isfinite(scene).all() and np.isfinite(span).all() and (np.abs(span) < 2**31).all()):
        raise DataError(f'{nwb.name}: the table of natural scenes is damaged; fetch it again.')
    span = span.astype(int)
    order = np.lexsort((span[:, 1], span[:, 0]))
    scene, span = scene[order], span[order]
    unknown = scene[~np.isin(scene, np.arange(-1, N_SCENES))]
    if len(unknown):
        raise DataError(
            f'{nwb.name} shows an image of number {unknown[0]:g}; expected the {N_SCENES} natural scenes, numbered 0 '
            f'to {N_SCENES - 1}, and -1 for blanks.'
        )
    shown = np.bincount(scene[scene >= 0].astype(int), minlength=N_SCENES)
    if not shown.all():
        n_shown = (shown > 0).sum()
        raise DataError(f'{nwb.name} shows {n_shown} different images; expected the {N_SCENES} natural scenes.')
    # Responses depend on onsets alone, so a sweep that ends when it begins is one like the others.
    if (span[:, 1] < span[:, 0]).any():
        raise DataError(f'{nwb.name}: natural scenes end before they begin; fetch it again.')
    of_scene = np.full((shown.max(), N_SCENES), -1)
    for number in range(N_SCENES):
        of_scene[: shown[number], number] = np.flatnonzero(scene == number)
    return Sweeps(span[:, 0], int(span[1, 1] - span[1, 0]), of_scene, np.flatnonzero(scene < 0))


def read_neuroids(nwb: NwbFile) -> pd.DataFrame:
    """Read the cells and the metadata of their animal.

    Returns
    -------
    DataFrame, n_cells rows
        neuroid_id (the cell specimen as text), region, animal (number of the donor, the end of the specimen's name),
        session, cell_specimen_id, container, cre_line, cell_type, depth_um, layer.

    Raises
    ------
    DataError
        When something is missing, or the area is not one of the survey.
    """
    ids = nwb.array(f'{PIPELINE}/ImageSegmentation/cell_specimen_ids', (None,))
    if not len(ids) or len(np.unique(ids)) != len(ids):
        raise DataError(
            f'{nwb.name} has {len(ids)} cells with {len(np.unique(ids))} different ids; expected one id each.'
        )
    region = nwb.text(f'{_PLANE}/location')
    if region not in AREAS:
        raise DataError(f'{nwb.name} is of the area {region!r}; expected one of {", ".join(AREAS)}.')
    depth = nwb.text(f'{_PLANE}/imaging depth')
    number = re.match(r'\d+(\.\d+)?', depth)
    if not number:
        raise DataError(f'{nwb.name} has the imaging depth {depth!r}; expected a number of microns.')
    specimen = nwb.text('general/specimen_name')
    donor = re.search(r'-(\d+)(?:\.0)?\Z', specimen)  # one of the published specimens ends in .0
    line = cre_line(nwb.text('general/subject/genotype'))
    return pd.DataFrame(
        {
            'neuroid_id': ids.astype(str),
            'region': region,
            'animal': donor[1] if donor else specimen,
            'session': nwb.text('general/session_id'),
            'cell_specimen_id': ids,
            'container': nwb.text('general/experiment_container_id'),
            'cre_line': line,
            'cell_type': cell_type(line),
            'depth_um': float(number[0]),
            'layer': layer(float(number[0])),
        }
    )


def read_timestamps(nwb: NwbFile, path: str) -> tuple[np.ndarray, float]:
    """Read the times of the frames in s, and their median interval in ms.

    The microscopes may send some pulses after a recording: times are cut where the last ones, up to 100, stop
    increasing.

    Raises
    ------
    DataError
        When the times don't increase.
    """
    times = nwb.array(path, (None,)).astype(float)
    stops = np.flatnonzero(~(np.diff(times) > 0))
    if len(stops) and len(times) - 1 - stops[0] <= min(MOST_DROPPED, len(times) // 2):
        times = times[: stops[0] + 1]
    steps = np.diff(times)
    if not len(steps) or not (steps > 0).all():
        raise DataError(f'{nwb.name}: {path} does not increase from frame to frame; fetch it again.')
    return times, 1000 * float(np.median(steps))


def running_speed(nwb: NwbFile, times: np.ndarray) -> np.ndarray:
    """Interpolate the running speed in cm/s at given times; NaN where it wasn't measured, or the file has none.

    A measurement without a number, or at no later time than one before it, is left out. A speed and timestamps that
    differ in length by up to 100 are matched from their start, and a speed may be a matrix of one column; beyond that
    the speed counts as not measured.

    Parameters
    ----------
    nwb : NwbFile
    times : array, shape (n_frames,)
        Times in s.

    Returns
    -------
    array, shape (n_frames,)
    """
    measured_at, speed = _measured_speed(nwb)
    if not len(measured_at):
        return np.full(len(times), np.nan)
    return np.interp(times, measured_at, speed, left=np.nan, right=np.nan)


def _measured_speed(nwb: NwbFile) -> tuple[np.ndarray, np.ndarray]:
    """Read the times at which a running speed was measured, in increasing order, and the speed; empty for none."""
    none = np.empty(0)
    if not nwb.has(f'{_SPEED}/data'):
        return none, none
    try:
        times = nwb.array(f'{_SPEED}/timestamps', (None,)).astype(float, copy=False)
        speed = _one_column(nwb, f'{_SPEED}/data')
    except DataError:  # a speed is optional, so a damaged one is as good as none
        return none, none
    if abs(len(times) - len(speed)) > MOST_DROPPED:
        return none, none
    n = min(len(times), len(speed))
    times, speed = times[:n], speed[:n]
    if (np.diff(times) > 0).all():  # not so if one of them is NaN
        return times, speed
    known = np.isfinite(times)
    times, speed = times[known], speed[known]
    later = np.append(True, times[1:] > np.maximum.accumulate(times)[:-1])[: len(times)]
    return times[later], speed[later]


def _one_column(nwb: NwbFile, path: str) -> np.ndarray:
    """Read a dataset of one dimension, or of a second one of length 1, as older versions of the pipeline wrote it."""
    try:
        return nwb.array(path, (None,)).astype(float, copy=False)
    except DataError:
        return nwb.array(path, (None, 1)).astype(float, copy=False)[:, 0]


def iterate_scenes(file: h5py.File, numbers: Collection[int] = range(N_SCENES)) -> Iterator[np.ndarray]:
    """Yield natural scenes of a file.

    Parameters
    ----------
    file : h5py.File
    numbers : collection of int
        Numbers of the scenes; others are read only as far as the layout of the file requires.

    Yields
    ------
    uint8 array, shape (height, width)
        Scenes in the order of their numbers, which files store in floating point.

    Raises
    ------
    DataError
        When there aren't 118 scenes, or a value isn't a whole number of 0 to 255.
    """
    if not numbers:
        return
    nwb = NwbFile(file)
    wanted = sorted(numbers)
    images = nwb.rows(nwb.dataset(_TEMPLATES, (N_SCENES, None, None)), wanted=wanted)
    for scene, image in zip(wanted, images, strict=True):
        with np.errstate(invalid='ignore'):
            pixels = image.astype(np.uint8)
        if not np.array_equal(pixels, image):
            raise DataError(f'{nwb.name}: natural scene {scene} holds values other than whole numbers from 0 to 255.')
        yield pixels
