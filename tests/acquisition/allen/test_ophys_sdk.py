"""The AllenSDK as an oracle: `sdk_compatible` gives the responses of its class NaturalScenes."""

import json
import subprocess

import numpy as np
import pytest

from m2m_benchmarks.acquisition.allen.nwb import open_nwb
from m2m_benchmarks.acquisition.allen.ophys.extraction import extract_ophys
from m2m_benchmarks.acquisition.allen.ophys.session import NwbFile, running_speed
from m2m_benchmarks.acquisition.allen.ophys.settings import OphysSettings

pytestmark = [pytest.mark.slow, pytest.mark.process]

SESSIONS = {
    'plain': {'seed': 1},
    'more repetitions': {'seed': 5, 'n_repetitions': 5, 'n_cells': 3},
    'table in no order, nan cells': {'seed': 2, 'nan_cells': (1, 3), 'shuffled': True},
    'sweeps of 8 frames': {'seed': 3, 'sweep_frames': 8, 'n_blanks': 5, 'storage': {'chunks': (2, 999)}},
    'out of bounds': {'seed': 4, 'first_frame': 20, 'tail': 9},
}
#: Sessions for which the SDK computes a reliability: its peak raises on NaN, and supports only sweeps of 7 frames.
WITH_PEAK = ('plain', 'more repetitions')

#: Run with the AllenSDK's interpreter: each file's results beside it.
SCRIPT = """
import json, sys, warnings
import numpy as np
warnings.simplefilter('ignore')
from allensdk.brain_observatory.natural_scenes import NaturalScenes
from allensdk.core.brain_observatory_nwb_data_set import BrainObservatoryNwbDataSet
for path, has_peak in json.load(sys.stdin):
    scenes = NaturalScenes(BrainObservatoryNwbDataSet(path))
    table, means = scenes.stim_table, scenes.mean_sweep_response
    arrays = {'scene': table.frame.to_numpy(int), 'onset': table.start.to_numpy(int)}
    arrays['speed'] = means.dx.to_numpy(float)
    arrays['responses'] = means.drop(columns='dx').to_numpy(float)
    if has_peak:
        arrays['reliability'] = scenes.peak.reliability_ns.to_numpy(float)
    np.savez(path + '.npz', **arrays)
"""


@pytest.fixture(scope='module')
def oracle(nwb, sdk_python, tmp_path_factory):
    """File and SDK result of each session, from one process, since the SDK starts slowly."""
    folder = tmp_path_factory.mktemp('sdk')
    paths = {}
    for number, (name, options) in enumerate(SESSIONS.items()):
        paths[name] = nwb.write_nwb(folder / f'{number}.nwb', **options).path
    jobs = [(str(path), name in WITH_PEAK) for name, path in paths.items()]
    ran = subprocess.run(
        [sdk_python, '-c', SCRIPT], input=json.dumps(jobs), capture_output=True, text=True, timeout=500, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return {name: (path, dict(np.load(f'{path}.npz'))) for name, path in paths.items()}


@pytest.fixture
def case(request, oracle):
    """An open file, our responses and those of the SDK."""
    path, theirs = oracle[request.param]
    with open_nwb(path) as file:
        yield file, extract_ophys(file, OphysSettings(sdk_compatible=True)), theirs


@pytest.mark.parametrize('case', SESSIONS, indirect=True)
def test_mean_sweep_response(case):
    _, ours, theirs = case
    by_scene = np.stack([theirs['responses'][theirs['scene'] == scene] for scene in range(118)], axis=1)
    blanks = theirs['responses'][theirs['scene'] == -1]
    # The SDK averages the rest of a sweep that leaves the recording; here it is NaN.
    masked = np.isnan(ours.responses).all(axis=2)
    assert masked.sum() <= ours.counts['n_masked']
    np.testing.assert_allclose(ours.responses[~masked], by_scene[~masked], rtol=1e-6)
    assert len(blanks) == ours.counts['n_blank']
    assert np.isnan(by_scene).all(axis=(0, 1)).sum() == ours.counts['n_nan_cells']


@pytest.mark.parametrize('case', WITH_PEAK, indirect=True)
def test_reliability(case):
    _, ours, theirs = case
    np.testing.assert_allclose(ours.neuroids['reliability_ns'], theirs['reliability'], rtol=1e-9)


@pytest.mark.parametrize('case', SESSIONS, indirect=True)
def test_running_speed(case, nwb):
    file, ours, theirs = case
    times = file[f'{nwb.DFF}/timestamps'][()]
    speed = running_speed(NwbFile(file), times)
    frames = round(ours.window_ms[1] / 1000 * nwb.RATE)
    inside = theirs['onset'] + frames <= len(times)
    averaged = speed[theirs['onset'][inside, None] + np.arange(frames)].mean(axis=1)
    complete = ~np.isnan(theirs['speed'][inside])
    np.testing.assert_allclose(averaged[complete], theirs['speed'][inside][complete], rtol=1e-5)
