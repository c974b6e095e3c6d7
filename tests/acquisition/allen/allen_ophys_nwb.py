"""Synthetic 2-photon sessions in the layout of the Allen Institute's files, which the AllenSDK reads too.

It imports nothing of this library, so that a script can use it by its path as well.
"""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

RATE = 30.1474
SCENES = 118
PIPELINE = 'processing/brain_observatory_pipeline'
DFF = f'{PIPELINE}/DfOverF/imaging_plane_1'
FLUORESCENCE = f'{PIPELINE}/Fluorescence/imaging_plane_1'
PRESENTATION = 'stimulus/presentation/natural_scenes_stimulus'
TEMPLATES = 'stimulus/templates/natural_scenes_image_stack/data'
PLANE = 'general/optophysiology/imaging_plane_1'
#: Decay of a transient from one frame to the next.
DECAY = 0.85

METADATA = {
    'session_start_time': 'Thu Feb  4 10:25:24 2016',
    'general/session_id': '100000001',
    'general/experiment_container_id': '200000001',
    'general/session_type': 'three_session_B',
    'general/specimen_name': 'Cux2-CreERT2;Camk2a-tTA;Ai93-900001',
    'general/fov': '400x400 microns (512 x 512 pixels)',
    'general/generated_by': ['synthetic', 'version', '3.0'],
    'general/devices/2-photon microscope': 'A microscope. CAM2P.2 Please see the whitepaper',
    'general/subject/age': '104 days',
    'general/subject/sex': 'male',
    'general/subject/genotype': 'Cux2-CreERT2/wt;Camk2a-tTA/wt;Ai93(TITL-GCaMP6f)/wt',
    f'{PLANE}/imaging depth': '175 microns',
    f'{PLANE}/location': 'VISp',
    f'{PLANE}/indicator': 'GCaMP6f',
    f'{PLANE}/excitation_lambda': '910 nanometers',
}


@dataclass(frozen=True)
class Session:
    """Table of natural scenes of a written session, in the order of time.

    Attributes
    ----------
    path : Path
    scene, onset : int arrays, shape (n_sweeps,)
        Scene of each sweep, -1 for a blank; and its onset in frames.
    n_frames : int
    """

    path: Path
    scene: np.ndarray
    onset: np.ndarray
    n_frames: int


def write_nwb(
    path,
    *,
    seed=0,
    n_cells=4,
    n_repetitions=3,
    first_frame=60,
    tail=60,
    gap=150,
    n_frames=None,
    sweep_frames=7,
    n_blanks=None,
    nan_cells=(),
    extra_frames=0,
    scene_shape=(6, 9),
    shuffled=False,
    variable_strings=False,
    storage=None,
    metadata=None,
):
    """Write a session, one cell and one scene at a time.

    Parameters
    ----------
    path : Path
    seed, n_cells, n_repetitions : int
    first_frame : int
        Onset of the first sweep. Sweeps follow after 7 or 8 frames, in three blocks.
    tail, gap : int
        Frames after the last onset and between blocks.
    n_frames : int, optional
        Number of frames in all, in place of `tail`.
    sweep_frames : int
        Length of a sweep in the table, in frames.
    n_blanks : int, optional
        Number of blanks; by default that of the repetitions.
    nan_cells : sequence of int
    extra_frames : int
        Frames of dF/F without a timestamp.
    scene_shape : (height, width)
    shuffled : bool
        Whether to write the table in random order.
    variable_strings : bool
        Whether to write texts with a variable length; files of the survey have a fixed one, as the SDK needs.
    storage : dict, optional
        Storage options of the matrices: `chunks`, `compression`.
    metadata : dict, optional
        Texts in place of those of `METADATA`; None leaves one out.

    Returns
    -------
    Session
    """
    rng = np.random.default_rng(seed)
    blanks = n_repetitions if n_blanks is None else n_blanks
    scene = rng.permutation(np.concatenate([np.tile(np.arange(SCENES), n_repetitions), np.full(blanks, -1)]))
    block = np.arange(len(scene)) * 3 // len(scene)
    onset = first_frame + np.floor(np.arange(len(scene)) * 0.25 * RATE).astype(int) + gap * block
    n_frames = n_frames or int(onset[-1]) + tail
    session = Session(Path(path), scene, onset, n_frames)
    with h5py.File(path, 'w') as file:
        _texts(file, {**METADATA, **(metadata or {})}, variable_strings)
        _table(file, session, sweep_frames, rng if shuffled else None)
        _traces(file, session, rng, n_cells, nan_cells, extra_frames, storage or {})
        _templates(file, rng, scene_shape, storage or {})
    return session


def _texts(file, texts, variable):
    for name, text in texts.items():
        if text is None:
            continue
        if variable:
            file.create_dataset(name, data=text, dtype=h5py.string_dtype())
        else:
            file[name] = np.array([part.encode() for part in text]) if isinstance(text, list) else np.bytes_(text)


def _table(file, session, sweep_frames, rng):
    order = np.arange(len(session.scene)) if rng is None else rng.permutation(len(session.scene))
    file[f'{PRESENTATION}/data'] = session.scene[order]
    file[f'{PRESENTATION}/frame_duration'] = np.stack([session.onset, session.onset + sweep_frames], axis=1)[order]


def _traces(file, session, rng, n_cells, nan_cells, extra_frames, storage):
    n_frames = session.n_frames
    times = np.arange(n_frames) / RATE + 4.2
    file[f'{PIPELINE}/ImageSegmentation/cell_specimen_ids'] = 500_000_000 + rng.permutation(10 * n_cells)[:n_cells]
    file[f'{PIPELINE}/ImageSegmentation/roi_ids'] = np.array([b'%d' % cell for cell in range(n_cells)])
    file[f'{DFF}/timestamps'] = times
    file[f'{FLUORESCENCE}/timestamps'] = times
    r = rng.uniform(0.3, 0.7, n_cells)
    file[f'{FLUORESCENCE}_neuropil_response/r'] = r
    shapes = {
        f'{DFF}/data': n_frames + extra_frames,
        f'{FLUORESCENCE}_demixed_signal/data': n_frames,
        f'{FLUORESCENCE}_neuropil_response/data': n_frames,
    }
    dff, demixed, neuropil = (
        file.create_dataset(name, (n_cells, length), 'float32', **storage) for name, length in shapes.items()
    )
    # The animal runs and rests in turn, and the encoder starts late.
    speed = np.abs(6 * np.sin(times / 9) + rng.normal(0, 0.3, n_frames))
    file[f'{PIPELINE}/BehavioralTimeSeries/running_speed/data'] = speed[3:].astype(np.float32)
    file[f'{PIPELINE}/BehavioralTimeSeries/running_speed/timestamps'] = times[3:]
    shown = session.scene >= 0
    for cell in range(n_cells):
        tuning = rng.gamma(0.4, 1.0, SCENES)
        spikes = np.zeros(n_frames + extra_frames)
        hit = rng.random(shown.sum()) < 0.7
        # Spikes follow the image by about 100 ms; running adds to them in every other cell.
        gain = 1 + (cell % 2) * (speed[session.onset[shown]] >= 1)
        spikes[session.onset[shown] + 3] = hit * gain * tuning[session.scene[shown]]
        kernel = 0.2 * DECAY ** np.arange(30)
        clean = np.convolve(spikes, kernel)[: len(spikes)]
        trace = clean + rng.normal(0, 0.03, len(clean))
        surround = 200 + 5 * rng.standard_normal(n_frames)
        if cell in nan_cells:
            trace[:] = np.nan
        dff[cell] = trace
        neuropil[cell] = surround
        demixed[cell] = 400 * (1 + trace[:n_frames]) + r[cell] * surround


def _templates(file, rng, shape, storage):
    compression = storage.get('compression')
    images = file.create_dataset(TEMPLATES, (SCENES, *shape), 'float32', chunks=(1, *shape), compression=compression)
    for scene in range(SCENES):
        images[scene] = rng.integers(0, 256, shape)
