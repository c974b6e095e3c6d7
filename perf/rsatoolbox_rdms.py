"""Compare every option of the comparison `rdm` with rsatoolbox, on recordings and a model of random numbers.

Run it, with this library installed, as

    python perf/rsatoolbox_rdms.py                     # 118 stimuli, 300 neurons, 10 trials
    python perf/rsatoolbox_rdms.py --write FILE.json   # a few numbers, and what rsatoolbox makes of them, for a test

It installs rsatoolbox into an environment of its own in a temporary folder, with the same version of Python: rsatoolbox
needs newer packages than this library allows. The exit status is 1 when a similarity differs by more than 1e-8.
rsatoolbox has no cosine distance; it is half of its squared Euclidean distance of patterns of unit length, summed over
channels. Its crossnobis distance leaves out one trial at a time, with the identity for the precision of the noise.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import numpy as np

RSATOOLBOX = 'rsatoolbox==0.3.2'
TOLERANCE = 1e-8
DISTANCES = ('correlation', 'cosine', 'euclidean', 'crossnobis')
#: Names of similarities of RDMs: ours, and those of rsatoolbox.
COMPARATORS = {'spearman': 'spearman', 'pearson': 'corr', 'kendall': 'tau-a', 'whitened': 'cosine_cov'}


def simulate(n_trials: int, n_stimuli: int, n_neurons: int, n_units: int) -> tuple[np.ndarray, np.ndarray]:
    """Simulate trials of neurons and a model that shares a part of their signal, in hundredths."""
    rng = np.random.default_rng(0)
    shared = rng.gamma(2, size=(n_stimuli, 5))
    signal, units = (
        shared @ rng.gamma(1, size=(5, n)) + rng.gamma(2, size=(n_stimuli, n)) for n in (n_neurons, n_units)
    )
    return (signal + rng.normal(size=(n_trials, n_stimuli, n_neurons))).round(2), units.round(2)


def run_rsatoolbox(folder: Path) -> None:
    """Run rsatoolbox on `inputs.npz`, in its own environment; writes `theirs.json`: similarities by their options."""
    from rsatoolbox.data import Dataset
    from rsatoolbox.rdm import calc_rdm, compare

    inputs = np.load(folder / 'inputs.npz')
    n_trials, n_stimuli, n_neurons = inputs['trials'].shape

    def rdm_of(patterns: np.ndarray, distance: str):
        if distance == 'cosine':
            patterns = patterns / np.linalg.norm(patterns, axis=1, keepdims=True) * np.sqrt(patterns.shape[1] / 2)
        return calc_rdm(Dataset(patterns), 'correlation' if distance == 'correlation' else 'euclidean')

    theirs = {}
    for standardised in (False, True):
        trials, model = inputs['trials'], inputs['model']
        if standardised:
            mean = trials.mean(axis=0)
            trials = (trials - mean.mean(axis=0)) / mean.std(axis=0)
            model = (model - model.mean(axis=0)) / model.std(axis=0)
        for distance in DISTANCES:
            if distance == 'crossnobis':
                numbers = {
                    'stimulus': np.tile(np.arange(n_stimuli), n_trials),
                    'trial': np.repeat(np.arange(n_trials), n_stimuli),
                }
                data = Dataset(trials.reshape(-1, n_neurons), obs_descriptors=numbers)
                recorded = calc_rdm(data, 'crossnobis', descriptor='stimulus', cv_descriptor='trial')
            else:
                recorded = rdm_of(trials.mean(axis=0), distance)
            for name, method in COMPARATORS.items():
                value = compare(rdm_of(model, distance), recorded, method)[0, 0]
                theirs[' '.join([distance, name, *(['standardised'] if standardised else [])])] = float(value)
    (folder / 'theirs.json').write_text(json.dumps(theirs))


def similarity(trials: np.ndarray, model: np.ndarray, options: str) -> float:
    """Compute the same with this library."""
    from m2m_benchmarks.arrays import standardize
    from m2m_benchmarks.arrays.comparators import COMPARATORS, RSA
    from m2m_benchmarks.arrays.distances import DISTANCES, crossnobis_of_each

    distance, comparator, *standardised = options.split()
    mean = trials.mean(axis=0)
    if standardised:
        trials, mean, model = trials / mean.std(axis=0), standardize(mean), standardize(model)
    rsa = RSA(DISTANCES[distance], COMPARATORS[comparator])
    of_model = RSA(DISTANCES['euclidean'], rsa.comparator) if distance == 'crossnobis' else rsa
    return rsa.compare(of_model.rdm(model), rsa.rdm(crossnobis_of_each(trials) if distance == 'crossnobis' else mean))


def main() -> int:
    parser = argparse.ArgumentParser(description='Compare RDMs and their similarities with rsatoolbox.')
    parser.add_argument('--write', type=Path, metavar='FILE', help="write a few numbers and rsatoolbox's results")
    parser.add_argument('--rsatoolbox', type=Path, metavar='FOLDER', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.rsatoolbox is not None:
        run_rsatoolbox(args.rsatoolbox)
        return 0
    trials, model = simulate(10, 118, 300, 400) if args.write is None else simulate(3, 9, 6, 8)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(folder / 'inputs.npz', trials=trials, model=model)
        print(f'installing {RSATOOLBOX} into {folder}', file=sys.stderr, flush=True)
        venv.create(folder / 'environment', with_pip=True)
        python = folder / 'environment' / 'bin' / 'python'
        subprocess.run([python, '-m', 'pip', 'install', '--quiet', RSATOOLBOX], check=True, stdout=sys.stderr)
        subprocess.run([python, __file__, '--rsatoolbox', folder], check=True)
        theirs: dict[str, float] = json.loads((folder / 'theirs.json').read_text())
    if args.write is not None:
        content = {'by': RSATOOLBOX, 'trials': trials.tolist(), 'model': model.tolist(), 'similarities': theirs}
        args.write.write_text(json.dumps(content) + '\n')
    differences = {options: abs(similarity(trials, model, options) - value) for options, value in theirs.items()}
    for options, difference in differences.items():
        print(f'{options:38}{theirs[options]:10.6f}{difference:12.1e}')
    print(f'{"largest difference":48}{max(differences.values()):12.1e}')
    return int(not max(differences.values()) <= TOLERANCE)


if __name__ == '__main__':
    sys.exit(main())
