"""CPU time and memory of the extraction of a full-size 2-photon session, beside the AllenSDK's.

    python perf/ophys_extraction.py
    python perf/ophys_extraction.py --sdk                              # some minutes more, and 1 GB for its environment
    python perf/ophys_extraction.py --cells 20 --repetitions 5 --sdk   # a quick look

The session is synthetic: 174 cells, 113,888 frames, 118 scenes of 918 x 1174 pixels shown 50 times. Each library runs
in a separate process, whose time and peak memory include its imports. Ours reads the table, the traces and all scenes
(for their SHA-256); the SDK's `NaturalScenes.mean_sweep_response` doesn't read the scenes. The exit status is 1 when
ours takes more than 10 s or 400 MB, or the results differ.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# The tests' writer of sessions.
sys.path.insert(0, str(Path(__file__).parents[1] / 'tests' / 'acquisition' / 'allen'))
from allen_ophys_nwb import write_nwb

MOST_SECONDS = 10
MOST_MB = 400
TOLERANCE = 1e-6
FULL_FRAMES = 113_888
SDK = ('allensdk==2.16.2', 'setuptools<81', 'statsmodels<0.15')
SIGNALS = {'dff': {}, 'corrected': {'signal': 'corrected'}, 'sdk_compatible': {'sdk_compatible': True}}


def make(path, cells, repetitions, compression):
    """Write the session."""
    write_nwb(
        path,
        n_cells=int(cells),
        n_repetitions=int(repetitions),
        first_frame=5000,
        gap=20_000,
        n_frames=FULL_FRAMES,
        scene_shape=(918, 1174),
        storage={'compression': 'gzip'} if compression == 'gzip' else {},
    )


def ours(path, signal):
    """Extract a session, and write its responses to the same folder."""
    import numpy as np

    from m2m_benchmarks.acquisition.allen.nwb import open_nwb
    from m2m_benchmarks.acquisition.allen.ophys.extraction import extract_ophys
    from m2m_benchmarks.acquisition.allen.ophys.settings import OphysSettings

    with open_nwb(Path(path)) as file:
        extracted = extract_ophys(file, OphysSettings(**SIGNALS[signal]))
    np.save(f'{path}.{signal}.npy', extracted.responses)


def theirs(path):
    """Do the same with the AllenSDK."""
    import warnings

    import numpy as np

    warnings.simplefilter('ignore')
    from allensdk.brain_observatory.natural_scenes import NaturalScenes
    from allensdk.core.brain_observatory_nwb_data_set import BrainObservatoryNwbDataSet

    scenes = NaturalScenes(BrainObservatoryNwbDataSet(path))
    means = scenes.mean_sweep_response.drop(columns='dx').to_numpy(float)
    shown = scenes.stim_table.frame.to_numpy()
    np.save(f'{path}.sdk.npy', np.stack([means[shown == scene] for scene in range(118)], axis=1))


STEPS = {'make': make, 'ours': ours, 'theirs': theirs}


def measured(python, step, *arguments):
    """Run a step in a separate process.

    Returns
    -------
    seconds : float
        CPU time.
    megabytes : float
        Peak resident size.
    """
    ran = subprocess.run([python, __file__, '--step', step, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return tuple(json.loads(ran.stdout.splitlines()[-1]))


def step(name, *arguments):
    """Run a step in this process, and print its CPU time and peak size."""
    STEPS[name](*arguments)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))


def sdk_python(folder):
    """Make an environment with the AllenSDK in a folder, and return its interpreter."""
    uv = shutil.which('uv', path=str(Path(sys.executable).parent)) or shutil.which('uv') or sys.exit('There is no uv.')
    python = str(folder / 'venv' / 'bin' / 'python')
    subprocess.run([uv, 'venv', '--quiet', '--python', '3.11', str(folder / 'venv')], check=True)
    subprocess.run([uv, 'pip', 'install', '--quiet', '--python', python, *SDK], check=True)
    return python


def row(name, seconds, megabytes):
    print(f'{name:32}{seconds:10.1f}{megabytes:12.0f}', flush=True)


def main():
    """Print a table; see the module's description."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--cells', default='174')
    parser.add_argument('--repetitions', default='50')
    parser.add_argument('--compression', default='none', choices=['none', 'gzip'])
    parser.add_argument('--sdk', action='store_true', help='measure the AllenSDK as well')
    parser.add_argument('--folder', help='temporary folder for the session (1 GB)')
    parser.add_argument('--step', nargs='+', help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        step(*arguments.step)
        return 0
    bad = False
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = str(Path(folder) / 'session.nwb')
        measured(sys.executable, 'make', path, arguments.cells, arguments.repetitions, arguments.compression)
        print(
            f'{arguments.cells} cells, {arguments.repetitions} repetitions, {Path(path).stat().st_size / 1e6:,.0f} MB'
        )
        print(f'{"":32}{"CPU s":>10}{"peak MB":>12}')
        for signal in SIGNALS:
            seconds, megabytes = measured(sys.executable, 'ours', path, signal)
            row(f'ours, {signal}', seconds, megabytes)
            bad |= seconds > MOST_SECONDS or megabytes > MOST_MB
        if arguments.sdk:
            row('AllenSDK', *measured(sdk_python(Path(folder)), 'theirs', path))
            bad |= not agree(f'{path}.sdk_compatible.npy', f'{path}.sdk.npy')
    return int(bad)


def agree(path, reference):
    """Compare two files of responses, and print their largest difference."""
    import numpy as np

    ours, expected = np.load(path), np.load(reference)
    difference = float(np.max(np.abs(ours - expected) / np.abs(expected)))
    print(f'Largest relative difference from the AllenSDK: {difference:.1e} (at most {TOLERANCE:g} expected)')
    return difference <= TOLERANCE


if __name__ == '__main__':
    sys.exit(main())
