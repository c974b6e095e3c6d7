"""Time the dual bootstrap of rsatoolbox and ours on the same draws, and compare their variances.

Run it, with this library installed, as

    python perf/dual_bootstrap.py
    python perf/dual_bootstrap.py --stimuli 12 --animals 4 --models 3 --draws 20  # a quick look

It installs rsatoolbox into an environment of its own in a temporary folder, with the same version of Python: rsatoolbox
needs newer packages than this library allows. The draws are recorded there. rsatoolbox also computes the noise ceiling
of each draw; its time is measured and left out of the ratio. The exit status is 1 when a variance differs by more than
1e-8, or when ours is less than 20 times faster.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import numpy as np

RSATOOLBOX = 'rsatoolbox==0.3.2'
TOLERANCE = 1e-8
REQUIRED_RATIO = 20


def simulate(n_stimuli: int, n_animals: int, n_models: int) -> tuple[np.ndarray, np.ndarray]:
    """Simulate RDMs of animals that share a part of their dissimilarities, and of models that share less of it."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(n_stimuli, 20))

    def rdms(n: int, noise: float) -> np.ndarray:
        return np.stack([1 - np.corrcoef(shared + noise * rng.normal(size=shared.shape)) for _ in range(n)])

    return rdms(n_models, 1.5), rdms(n_animals, 1.0)


def run_rsatoolbox(folder: Path, n_draws: int) -> None:
    """Run rsatoolbox on `rdms.npz`, in its own environment; writes `theirs.npz` with its draws."""
    from rsatoolbox.inference import evaluate
    from rsatoolbox.model import ModelFixed
    from rsatoolbox.rdm import RDMs

    rdms = np.load(folder / 'rdms.npz')
    n_stimuli, n_animals = rdms['animals'].shape[1], len(rdms['animals'])
    models = [ModelFixed(str(number), RDMs(matrix[None])) for number, matrix in enumerate(rdms['models'])]
    data = RDMs(rdms['animals'])
    drawn: list[tuple[np.ndarray, np.ndarray]] = []
    seconds_of_ceilings = 0.0
    draw, ceiling = evaluate.bootstrap_sample, evaluate.boot_noise_ceiling

    def recorded(*arguments, **keywords):
        sample, animals, stimuli = draw(*arguments, **keywords)
        drawn.append((np.bincount(animals, minlength=n_animals), np.bincount(stimuli, minlength=n_stimuli)))
        return sample, animals, stimuli

    def timed_ceiling(*arguments, **keywords):
        nonlocal seconds_of_ceilings
        start = time.perf_counter()
        value = ceiling(*arguments, **keywords)
        seconds_of_ceilings += time.perf_counter() - start
        return value

    evaluate.bootstrap_sample, evaluate.boot_noise_ceiling = recorded, timed_ceiling
    np.random.seed(0)  # rsatoolbox draws from the global generator
    start = time.perf_counter()
    result = evaluate.eval_dual_bootstrap(models, data, method='spearman', N=n_draws, use_correction=False)
    seconds = time.perf_counter() - start - seconds_of_ceilings
    animals, stimuli = (np.array(counts) for counts in zip(*drawn, strict=True))
    np.savez(
        folder / 'theirs.npz',
        animals=animals,
        stimuli=stimuli,
        draws=result.evaluations[:, :, 0, 0].transpose(2, 0, 1),
        variances=result.model_var,
        differences=result.diff_var,
        seconds=[seconds, seconds_of_ceilings],
    )


def run_ours(models: np.ndarray, data: np.ndarray, stimuli: np.ndarray, animals: np.ndarray) -> tuple[np.ndarray, ...]:
    """Compute draws, variances of models and variances of the differences of all pairs."""
    from m2m_benchmarks.arrays.two_factor import dual_bootstrap, two_factor_variance

    draws = dual_bootstrap(models, data, stimuli, animals)
    defined = draws[:, np.isfinite(draws).all(axis=(0, 2))]
    first, second = np.triu_indices(len(models), k=1)

    def variance(values: np.ndarray) -> np.ndarray:
        return two_factor_variance(*values.var(axis=1, ddof=1), n_animals=len(data), n_stimuli=data.shape[1])

    return draws, variance(defined), variance(defined[..., first] - defined[..., second])


def main() -> int:
    parser = argparse.ArgumentParser(description='Compare the dual bootstrap of rsatoolbox with ours.')
    parser.add_argument('--stimuli', type=int, default=118)
    parser.add_argument('--animals', type=int, default=10)
    parser.add_argument('--models', type=int, default=10)
    parser.add_argument('--draws', type=int, default=1000)
    parser.add_argument('--numbers', action='store_true', help="print rsatoolbox's draws and variances, for a test")
    parser.add_argument('--rsatoolbox', type=Path, metavar='FOLDER', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.rsatoolbox is not None:
        run_rsatoolbox(args.rsatoolbox, args.draws)
        return 0
    models, data = simulate(args.stimuli, args.animals, args.models)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(folder / 'rdms.npz', models=models, animals=data)
        print(f'installing {RSATOOLBOX} into {folder}', file=sys.stderr, flush=True)
        venv.create(folder / 'environment', with_pip=True)
        python = folder / 'environment' / 'bin' / 'python'
        subprocess.run([python, '-m', 'pip', 'install', '--quiet', RSATOOLBOX], check=True, stdout=sys.stderr)
        command = [python, __file__, '--rsatoolbox', folder, '--draws', str(args.draws)]
        subprocess.run(command, check=True, env=os.environ | {'TQDM_DISABLE': '1'})
        with np.load(folder / 'theirs.npz') as file:
            theirs = dict(file)
    run_ours(models[:2], data[:2], theirs['stimuli'][:1], theirs['animals'][:1, :2])  # imports are not timed
    start = time.perf_counter()
    draws, variances, differences = run_ours(models, data, theirs['stimuli'], theirs['animals'])
    seconds = time.perf_counter() - start
    ratio = theirs['seconds'][0] / seconds
    errors = {
        'scores of the draws': np.nanmax(np.abs(draws - theirs['draws'])),
        'variances of the models': np.abs(variances - theirs['variances']).max(),
        'variances of the differences': np.abs(differences - theirs['differences']).max(),
    }
    print(f'{args.models} models, {args.animals} animals, {args.stimuli} stimuli, {args.draws} draws')
    print(f'{"rsatoolbox, without noise ceilings":36}{theirs["seconds"][0]:10.2f} s')
    print(f'{"its noise ceilings":36}{theirs["seconds"][1]:10.2f} s')
    print(f'{"ours":36}{seconds:10.2f} s')
    print(f'{"ratio":36}{ratio:10.1f}')
    for what, error in errors.items():
        print(f'{"largest difference, " + what:50}{error:.1e}')
    print(f'model variances {variances.min():.2e} to {variances.max():.2e}')
    if args.numbers:
        for what in ('animals', 'stimuli', 'variances', 'differences'):
            print(f'{what} = {np.array2string(theirs[what], separator=", ", floatmode="unique")}')
    failures = [what for what, error in errors.items() if not error <= TOLERANCE]
    if ratio < REQUIRED_RATIO:
        failures.append(f'{ratio:.1f} times faster, {REQUIRED_RATIO} are required')
    for failure in failures:
        print(f'FAILED: {failure}')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
