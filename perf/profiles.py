"""Synthetic 2-photon sessions with known time courses, and how often shuffled ones are told apart.

    python perf/profiles.py dataset Synthetic2photon    # writes, extracts and merges sessions
    m2m analyze profiles Synthetic2photon
    python perf/profiles.py null --experiments 200      # types that don't differ

Each cell responds to one image with a course that has its peak at a known frame; types differ in both. Animals differ
in their gain.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from m2m_benchmarks.acquisition.allen.nwb import open_nwb
from m2m_benchmarks.acquisition.allen.ophys.extraction import extract_ophys
from m2m_benchmarks.acquisition.allen.ophys.settings import OphysSettings
from m2m_benchmarks.acquisition.pipeline.merge import merge_sessions
from m2m_benchmarks.acquisition.pipeline.session_file import fingerprint, write_session
from m2m_benchmarks.analysis.profiles import compare_profiles
from m2m_benchmarks.data.courses import Courses

# The tests' writer of sessions.
sys.path.insert(0, str(Path(__file__).parents[1] / 'tests' / 'acquisition' / 'allen'))
import allen_ophys_nwb as nwb

#: Cre line, largest dF/F and its frame after the onset, of both types.
KINDS = {'excitatory': ('Cux2-CreERT2', 0.6, 9), 'inhibitory': ('Vip-IRES-Cre', 0.3, 14)}
AREAS = ('VISp', 'VISl')
#: Spread of the logarithm of the gains of animals, and noise of a frame.
GAIN_SD, NOISE_SD = 0.2, 0.05


def course(peak: float, frame: int, n_frames: int = 60) -> np.ndarray:
    """Rise and fall of a response, with its largest value at a frame."""
    times = np.arange(n_frames) / frame
    return peak * times * np.exp(1 - times)


def write_session_nwb(
    path: Path, number: int, area: str, kind: str, n_cells: int, n_repetitions: int, noise: float
) -> None:
    """Write a session whose cells have the course of a type for one image each."""
    line, peak, frame = KINDS[kind]
    metadata = {
        'general/session_id': str(number),
        'general/experiment_container_id': str(number),
        'general/specimen_name': f'{line};Camk2a-tTA;Ai93-{number}',
        'general/subject/genotype': f'{line}/wt;Camk2a-tTA/wt',
        f'{nwb.PLANE}/location': area,
    }
    session = nwb.write_nwb(path, seed=number, n_cells=n_cells, n_repetitions=n_repetitions, metadata=metadata)
    rng = np.random.default_rng(number)
    gain = np.exp(GAIN_SD * rng.normal())
    with h5py.File(path, 'r+') as file:
        for cell in range(n_cells):
            spikes = np.zeros(session.n_frames)
            spikes[session.onset[session.scene == rng.integers(nwb.SCENES)]] = 1
            clean = np.convolve(spikes, course(gain * peak, frame))[: session.n_frames]
            file[f'{nwb.DFF}/data'][cell] = clean + noise * rng.normal(size=session.n_frames)
        ids = 1000 * number + np.arange(n_cells)
        file[f'{nwb.PIPELINE}/ImageSegmentation/cell_specimen_ids'][:] = ids


def scenes() -> list[tuple[str, np.ndarray]]:
    """Smooth random images."""
    rng = np.random.default_rng(0)
    images = []
    for number in range(nwb.SCENES):
        image = rng.normal(size=(8, 8)).repeat(12, axis=0).repeat(12, axis=1) + 0.3 * rng.normal(size=(96, 96))
        images.append((f'scene_{number:03d}', np.clip(128 + 50 * image, 0, 255).astype(np.uint8)))
    return images


def make_dataset(
    name: str, n_animals: int = 6, n_cells: int = 12, n_repetitions: int = 10, noise: float = NOISE_SD, areas=AREAS
) -> None:
    """Write sessions, a different animal each, extract them and merge them into a dataset."""
    settings = OphysSettings()
    kinds = [(area, kind) for area in areas for kind in KINDS for _ in range(n_animals)]
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, (area, kind) in enumerate(kinds, 500_000_001):
            path = Path(folder) / f'{number}.nwb'
            write_session_nwb(path, number, area, kind, n_cells, n_repetitions, noise)
            with open_nwb(path) as file:
                extracted = extract_ophys(file, settings, hash_scenes=())
            paths.append(write_session(Path(folder) / 'sessions', extracted, fingerprint(settings)))
            path.unlink()
        source = {'made_by': 'python perf/profiles.py', 'settings': {'signal': 'dff'}}
        merge_sessions(name, paths, scenes(), source)


def null_experiment(seed: int, n_animals: int = 12, n_neurons: int = 15, mixed: bool = False):
    """Analyse types that don't differ, of animals that do; each animal has one type, or both with mixed."""
    rng = np.random.default_rng(seed)
    animals = np.arange(2 * n_animals).repeat(n_neurons)  # half of them in either area
    shift = rng.normal(size=2 * n_animals).repeat(n_neurons)
    gains = np.exp(0.5 * shift + 0.3 * rng.normal(size=len(animals)))
    frames = np.clip(np.round(10 + 2 * shift + rng.normal(size=len(animals))), 3, 25).astype(int)
    values = gains[:, None] * np.array([np.append(np.zeros(7), course(1, frame, 28)) for frame in frames])
    values += 0.05 * rng.normal(size=values.shape)
    number = np.arange(len(animals)) if mixed else animals
    neurons = pd.DataFrame(
        {
            'neuroid_id': [f'n{index}' for index in range(len(animals))],
            'area': np.where(animals < n_animals, *AREAS),
            'animal': animals.astype(str),
            'frame_ms': 33.2,
            'cell_type': np.where(number % 2, *KINDS),
        }
    )
    return compare_profiles('Null', neurons, Courses(values, 7), seed=seed)


def main() -> None:
    """Make a dataset, or count how often types that don't differ are told apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='command', required=True)
    commands.add_parser('dataset').add_argument('name')
    commands.add_parser('null').add_argument('--experiments', type=int, default=200)
    options = parser.parse_args()
    if options.command == 'dataset':
        make_dataset(options.name)
        return
    print('| each animal has | measure | area | rejected at 5 % |\n|---|---|---|--:|')
    for mixed in (False, True):
        tested = [null_experiment(seed, mixed=mixed).differences for seed in range(options.experiments)]
        for number, own in enumerate(tested[0]):
            rejected = np.mean([each[number].p <= 0.05 for each in tested])
            print(f'| {"both types" if mixed else "one type"} | {own.measure} | {own.area} | {100 * rejected:.1f} % |')


if __name__ == '__main__':
    main()
