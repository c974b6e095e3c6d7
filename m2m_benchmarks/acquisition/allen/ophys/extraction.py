"""Extraction of responses to the natural scenes from files of the Allen Institute's 2-photon survey."""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np

from m2m_benchmarks.acquisition.allen import N_SCENES
from m2m_benchmarks.acquisition.allen.nwb import PIPELINE, NwbFile
from m2m_benchmarks.acquisition.allen.ophys.cells import (
    mean_recorded,
    preferred_course,
    running_modulation,
    trial_correlation,
)
from m2m_benchmarks.acquisition.allen.ophys.session import (
    MOST_DROPPED,
    iterate_scenes,
    read_neuroids,
    read_sweeps,
    read_timestamps,
    running_speed,
)
from m2m_benchmarks.acquisition.allen.ophys.settings import OphysSettings
from m2m_benchmarks.acquisition.pipeline.responses import SessionResponses
from m2m_benchmarks.data.courses import FRAME_MS, Courses
from m2m_benchmarks.errors import DataError

_DFF = f'{PIPELINE}/DfOverF/imaging_plane_1'
_FLUORESCENCE = f'{PIPELINE}/Fluorescence/imaging_plane_1'
_DEMIXED = f'{_FLUORESCENCE}_demixed_signal/data'
_NEUROPIL = f'{_FLUORESCENCE}_neuropil_response'
#: Gap in frames above which a new read costs less than reading on.
_GAP = 1000

#: Scenes by which the images of sessions are compared, since reading all of them costs too much. Neighbours share the
#: chunks of a file that packs several images in one.
SOME_SCENES = range(5)


def extract_ophys(
    file: h5py.File,
    settings: OphysSettings,
    events: np.ndarray | None = None,
    hash_scenes: Collection[int] = range(N_SCENES),
) -> SessionResponses:
    """Extract the responses of a session's cells to the natural scenes.

    Only the frames of windows and baselines are read, with few traces in memory at a time.

    Parameters
    ----------
    file : h5py.File
        Session file, open for reading; `nwb.open_nwb` opens one.
    settings : OphysSettings
    events : array, shape (n_cells, n_frames), optional
        Events from `read_events`, for the signal 'events'.
    hash_scenes : collection of int
        Scenes that are read for their SHA-256; all of them are the larger half of a file. The others are '' in
        `images_sha256`.

    Returns
    -------
    SessionResponses
        dF/F, % dF/F (corrected) or events. NaN where the window or baseline of a sweep leaves the recording, where a
        trace is NaN, and where an image was shown less often than others. The neuroids have cell_specimen_id,
        container, cre_line, cell_type, depth_um, layer, running_modulation and running_p
        (`cells.running_modulation`), reliability_ns (`cells.trial_correlation` in the window, for the
        scene with the largest mean response), and frame_ms, the time from one frame to the next. The time courses are
        those of `cells.preferred_course`. The counts are

        - n_masked: sweeps, blanks included, whose window or baseline leaves the recording;
        - n_missing: repetitions that some images have and others lack;
        - n_blank: blank sweeps;
        - n_nan_cells: cells without a single response;
        - frames_dropped: frames of the signal without a timestamp, or timestamps without a frame, which count as not
          recorded.

    Raises
    ------
    DataError
        When the file isn't a session with natural scenes, lacks the signal, is cut short or damaged.
    """
    nwb = NwbFile(file)
    sweeps = read_sweeps(nwb)
    neuroids = read_neuroids(nwb)
    signal = _Signal(nwb, settings.used_signal, events)
    if signal.n_cells != len(neuroids):
        raise DataError(f'{nwb.name} has {len(neuroids)} cells, but {signal.n_cells} traces ({signal.description}).')
    times, frame_ms = read_timestamps(nwb, signal.clock)
    dropped = abs(signal.n_frames - len(times))
    if dropped > MOST_DROPPED:
        raise DataError(
            f'{nwb.name}: {signal.description} have {signal.n_frames:,} frames, but there are {len(times):,} '
            'timestamps; they are not of the same recording.'
        )
    start, stop, baseline = settings.frames(frame_ms, sweeps.length)
    length = min(signal.n_frames, len(times))
    recorded = (sweeps.onset >= baseline) & (sweeps.onset + stop <= length)
    if not recorded.any():
        raise DataError(f'{nwb.name}: the window and baseline of every sweep leave the recording; choose shorter ones.')
    before, after = settings.course_frames
    stretches, onset = _stretches(sweeps.onset[recorded], max(baseline, before), max(stop, after), length)
    inside = (sweeps.onset[recorded] >= before) & (sweeps.onset[recorded] + after <= length)
    # The last row is NaN, for missing presentations, which are -1 in `of_scene`.
    responses = np.full((len(sweeps.onset) + 1, signal.n_cells), np.nan)
    reliability = np.full(signal.n_cells, np.nan)
    of_course = np.append(np.where(recorded, np.cumsum(recorded) - 1, -1), -1)
    percent = settings.used_signal == 'corrected'
    # The last row is NaN, as above.
    around = np.full((len(onset) + 1, before + after), np.nan)
    profiles = np.full((signal.n_cells, before + after), np.nan, dtype=np.float32)
    for cell, trace in enumerate(signal.traces(stretches)):
        courses = _courses(trace, onset, (start, stop, baseline), percent)
        responses[:-1][recorded, cell] = courses.mean(axis=1)
        tuning = mean_recorded(responses[sweeps.of_scene, cell])
        if np.isfinite(tuning).any():
            trials = of_course[sweeps.of_scene[:, np.nanargmax(tuning)]]
            reliability[cell] = trial_correlation(courses[trials[trials >= 0]])
        around[:-1][inside] = _courses(trace, onset[inside], (-before, after, baseline), percent)
        profiles[cell] = preferred_course(responses[sweeps.of_scene, cell], around[of_course[sweeps.of_scene]])
    window = sweeps.onset[recorded, None] + np.arange(start, stop)
    speed = np.full(len(sweeps.onset) + 1, np.nan)
    speed[:-1][recorded] = running_speed(nwb, times)[window].mean(axis=1)
    modulation, p = running_modulation(responses[sweeps.of_scene], speed[sweeps.of_scene])
    return SessionResponses(
        session=nwb.text('general/session_id'),
        responses=responses[sweeps.of_scene].astype(np.float32),
        neuroids=neuroids.assign(
            running_modulation=modulation, running_p=p, reliability_ns=reliability, **{FRAME_MS: frame_ms}
        ),
        window_ms=(start * frame_ms, stop * frame_ms),
        counts={
            'n_masked': int((~recorded).sum()),
            'n_missing': int((sweeps.of_scene < 0).sum()),
            'n_blank': len(sweeps.of_blank),
            'n_nan_cells': int(np.isnan(responses).all(axis=0).sum()),
            'frames_dropped': dropped,
        },
        images_sha256=_scene_hashes(file, hash_scenes),
        courses=Courses(profiles, before),
    )


def _scene_hashes(file: h5py.File, numbers: Collection[int]) -> list[str]:
    hashes = {
        number: hashlib.sha256(scene.tobytes()).hexdigest()
        for number, scene in zip(sorted(numbers), iterate_scenes(file, numbers), strict=True)
    }
    return [hashes.get(number, '') for number in range(N_SCENES)] if hashes else []


class _Signal:
    """The traces of one kind of signal.

    Attributes
    ----------
    description : str
        Kind of the traces, for messages.
    clock : str
        Path of their timestamps.
    n_cells, n_frames : int
    """

    def __init__(self, nwb: NwbFile, kind: str, events: np.ndarray | None) -> None:
        self._nwb = nwb
        self._matrices: list[h5py.Dataset | np.ndarray]
        self._r: np.ndarray | None = None
        self.clock = f'{_FLUORESCENCE if kind == "corrected" else _DFF}/timestamps'
        if kind == 'events':
            if events is None:
                raise DataError('the signal is events, but none were given; read_events reads their file.')
            self.description, self._matrices = 'events', [events]
        elif kind == 'dff':
            self.description, self._matrices = 'dF/F traces', [nwb.dataset(f'{_DFF}/data', (None, None))]
        else:
            if not nwb.has(_DEMIXED):
                raise DataError(
                    f'{nwb.name} has no demixed traces, like a few other sessions, so its fluorescence cannot be '
                    'corrected for neuropil; use the signal dff or leave the session out.'
                )
            demixed = nwb.dataset(_DEMIXED, (None, None))
            neuropil = nwb.dataset(f'{_NEUROPIL}/data', demixed.shape)
            self.description, self._matrices = 'demixed traces', [demixed, neuropil]
            self._r = nwb.array(f'{_NEUROPIL}/r', (len(demixed),)).astype(float)
        self.n_cells: int = self._matrices[0].shape[0]
        self.n_frames: int = self._matrices[0].shape[1]

    def traces(self, stretches: Sequence[slice]) -> Iterator[np.ndarray]:
        """Yield the trace of each cell in float64, with the stretches of frames joined."""
        rows = [self._rows(matrix, stretches) for matrix in self._matrices]
        if self._r is None:
            for trace in rows[0]:
                yield trace.astype(float)
        else:
            for demixed, neuropil, r in zip(*rows, self._r, strict=True):
                yield demixed.astype(float) - r * neuropil.astype(float)

    def _rows(self, matrix: h5py.Dataset | np.ndarray, stretches: Sequence[slice]) -> Iterator[np.ndarray]:
        if isinstance(matrix, h5py.Dataset):
            return self._nwb.rows(matrix, stretches)
        return (np.concatenate([row[stretch] for stretch in stretches]) for row in matrix)


def _stretches(onset: np.ndarray, before: int, after: int, length: int) -> tuple[list[slice], np.ndarray]:
    """Find stretches of frames that contain [onset - before, onset + after), and the onsets in the joined stretches.

    Parameters
    ----------
    onset : int array, shape (n_sweeps,)
        Frames, in increasing order.
    before, after : int
        Numbers of frames.
    length : int
        Number of frames in all, beyond which no stretch reaches.
    """
    # Natural scenes are shown in three blocks, less than half of a session.
    new = np.concatenate([[True], np.diff(onset) > before + after + _GAP])
    first = np.maximum(onset[new] - before, 0)
    last = np.minimum(onset[np.append(new[1:], True)] + after, length)
    shift = first - np.concatenate([[0], np.cumsum(last - first)[:-1]])
    spans = [slice(int(begin), int(end)) for begin, end in zip(first, last, strict=True)]
    return spans, onset - shift[np.cumsum(new) - 1]


def _courses(trace: np.ndarray, onset: np.ndarray, frames: tuple[int, int, int], percent: bool) -> np.ndarray:
    """Compute the time course of each sweep's window, relative to its baseline.

    Windows are averaged one by one: differences of a cumulative sum would spread a NaN or a huge value over all later
    windows, and lose digits far from zero.

    Parameters
    ----------
    trace : array, shape (n_frames,)
    onset : int array, shape (n_sweeps,)
    frames : start, stop, baseline
        See `OphysSettings.frames`.
    percent : bool
        Whether the course is 100 * (F / F0 - 1) in place of the difference.

    Returns
    -------
    array, shape (n_sweeps, stop - start)
        Time courses; NaN where not finite.
    """
    start, stop, baseline = frames
    courses = np.lib.stride_tricks.sliding_window_view(trace, stop - start)[onset + start]
    if baseline:
        before = np.lib.stride_tricks.sliding_window_view(trace, baseline)[onset - baseline]
        level = before.mean(axis=1, keepdims=True)
        with np.errstate(divide='ignore', invalid='ignore'):
            courses = 100 * (courses / level - 1) if percent else courses - level
    return np.where(np.isfinite(courses), courses, np.nan)


def read_events(path: Path) -> np.ndarray:
    """Read the L0 events of a session from its file NUMBER_events.npz.

    Returns
    -------
    array, shape (n_cells, n_frames)
        Magnitudes of the events, in the order of the cells of the session's NWB file.

    Raises
    ------
    DataError
        When the file is missing, damaged, or has no matrix of numbers `ev`. Python objects are not read, because they
        can run code.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            events = stored['ev']
    except (OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f'{path} cannot be read as events ({error}): expected an .npz with a matrix ev.') from error
    if events.ndim != 2 or events.dtype.kind not in 'fiu':
        raise DataError(f'{path}: ev is of shape {events.shape} and type {events.dtype}; expected a matrix of numbers.')
    return np.asarray(events)
