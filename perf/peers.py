"""Time scikit-learn, himalaya, rsatoolbox and stock CKA beside the array functions of this library on the same data.

Run it, with this library installed, as

    python perf/peers.py
    python perf/peers.py --features 512 --neurons 200 --layers 2  # a quick look

Each side of a row runs in a process of its own, one after the other, which measures its seconds and by how much its
memory rises. himalaya and rsatoolbox are installed into an environment of their own in a temporary folder: they need
newer packages than this library allows. The exit status is 1 when two results differ, or ours is too slow (`ROWS`).
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PEERS = ('rsatoolbox==0.3.2', 'himalaya==0.4.8', 'torch')
ALPHAS = np.logspace(-1, 6, 20)
#: Penalty of the rows of a single one.
ALPHA = 1e4
N_FOLDS = 10

Arrays = dict[str, np.ndarray]


def simulate(n_stimuli: int, n_features: int, n_neurons: int, n_layers: int, n_areas: int) -> Arrays:
    """Simulate features, noisy neurons that follow a few directions of them, layers and areas."""
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(n_stimuli, 12))

    def follow(n: int, noise: float) -> np.ndarray:
        return latent @ rng.normal(size=(12, n)) + noise * rng.normal(size=(n_stimuli, n))

    order = rng.permutation(n_stimuli)
    test = np.zeros((N_FOLDS, n_stimuli), dtype=bool)
    for number, part in enumerate(np.array_split(order, N_FOLDS)):
        test[number, part] = True
    features = follow(n_features, 2)
    centred = features - features.mean(axis=0)
    vectors, lengths, _ = np.linalg.svd(centred, full_matrices=False)
    return {
        'features': features,
        'reduced': (vectors * lengths)[:, : n_stimuli - 1],
        'responses': follow(n_neurons, 4),
        'test': test,
        'layers': np.stack([follow(n_features, 2) for _ in range(n_layers)]),
        'areas': np.stack([follow(max(n_neurons // 10, 2), 4) for _ in range(n_areas)]),
    }


def folds(arrays: Arrays) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(np.flatnonzero(~test), np.flatnonzero(test)) for test in arrays['test']]


def ridge_cv(arrays: Arrays, name: str) -> Arrays:
    from sklearn.linear_model import RidgeCV

    x, y = arrays[name], arrays['responses']
    predictions, chosen = np.empty_like(y), []
    for train, test in folds(arrays):
        fit = RidgeCV(ALPHAS, alpha_per_target=True, gcv_mode='eigen').fit(x[train], y[train])
        predictions[test] = fit.predict(x[test])
        chosen.append(fit.alpha_)
    return {'predictions': predictions, 'chosen': np.array(chosen)}


def our_ridge_cv(arrays: Arrays, name: str) -> Arrays:
    from m2m_benchmarks.arrays import kernel, ridge

    y, products = arrays['responses'], kernel(arrays[name])
    predictions, chosen = np.empty_like(y), []
    for train, test in folds(arrays):
        predictions[test], own = ridge(products, y, (train, test), ALPHAS, relative=False)
        chosen.append(own)
    return {'predictions': predictions, 'chosen': np.array(chosen)}


def himalaya_ridge(arrays: Arrays) -> Arrays:
    from himalaya.kernel_ridge import KernelRidge

    x, y = arrays['features'], arrays['responses']
    predictions = np.empty_like(y)
    for train, test in folds(arrays):
        mean, level = x[train].mean(axis=0), y[train].mean(axis=0)
        fit = KernelRidge(alpha=ALPHA, kernel='linear').fit(x[train] - mean, y[train] - level)
        predictions[test] = fit.predict(x[test] - mean) + level
    return {'predictions': predictions}


def our_ridge(arrays: Arrays) -> Arrays:
    from m2m_benchmarks.arrays import cross_predict

    return {
        'predictions': cross_predict(arrays['features'], arrays['responses'], folds(arrays), [ALPHA], relative=False)
    }


def pls_regression(arrays: Arrays) -> Arrays:
    from sklearn.cross_decomposition import PLSRegression

    x, y = arrays['features'], arrays['responses']
    predictions = np.empty_like(y)
    for train, test in folds(arrays):
        predictions[test] = PLSRegression(25, scale=False).fit(x[train], y[train]).predict(x[test])
    return {'score': median_correlation(predictions, y)}


def our_pls(arrays: Arrays) -> Arrays:
    from m2m_benchmarks.arrays.pls import pls_predict

    predictions = pls_predict(arrays['features'], arrays['responses'], folds(arrays))
    return {'score': median_correlation(predictions, arrays['responses'])}


def median_correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    r = (x * y).sum(axis=0) / np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    return np.array([np.median(r)])


def rsatoolbox_rdms(arrays: Arrays) -> Arrays:
    from rsatoolbox.data import Dataset
    from rsatoolbox.rdm import calc_rdm, compare

    layers, areas = (
        calc_rdm([Dataset(values) for values in arrays[name]], method='correlation') for name in ('layers', 'areas')
    )
    return {'correlations': compare(layers, areas, method='spearman')}


def our_rdms(arrays: Arrays) -> Arrays:
    from m2m_benchmarks.arrays.comparators import RSA

    rsa = RSA()
    areas, layers = (
        [rsa.comparator.draw(rsa.rdm(values), None) for values in arrays[name]] for name in ('areas', 'layers')
    )
    return {'correlations': np.array([[rsa.comparator.compare(layer, area) for area in areas] for layer in layers])}


def stock_cka(arrays: Arrays) -> Arrays:
    from brainscore_vision.metrics.cka.metric import unbiased_linear_CKA

    return {'cka': np.array([unbiased_linear_CKA(arrays['features'], arrays['responses'])])}


def our_cka(arrays: Arrays) -> Arrays:
    from m2m_benchmarks.arrays import cka

    return {'cka': np.array([cka(arrays['features'], arrays['responses'])])}


@dataclass(frozen=True)
class Row:
    """A computation of another package and ours.

    Attributes
    ----------
    name, package : str
    theirs, ours : callable
        Function of the simulated arrays, which returns arrays by name.
    ratio : float
        How many times faster ours has to be.
    tolerance : float
        Largest difference of the results, relative to the largest number. scikit-learn's PLS stops before its
        iterations have converged.
    own_environment : bool
        Whether the package runs in an environment of its own.
    """

    name: str
    package: str
    theirs: Callable[[Arrays], Arrays]
    ours: Callable[[Arrays], Arrays]
    ratio: float
    tolerance: float
    own_environment: bool = False


ROWS = [
    Row(
        'ridge, 20 penalties, reduced features',
        'scikit-learn RidgeCV',
        lambda arrays: ridge_cv(arrays, 'reduced'),
        lambda arrays: our_ridge_cv(arrays, 'reduced'),
        2,
        1e-6,
    ),
    Row(
        'ridge, 20 penalties, raw features',
        'scikit-learn RidgeCV',
        lambda arrays: ridge_cv(arrays, 'features'),
        lambda arrays: our_ridge_cv(arrays, 'features'),
        20,
        1e-6,
    ),
    Row('ridge, one penalty', 'himalaya KernelRidge', himalaya_ridge, our_ridge, 1, 1e-6, own_environment=True),
    Row('PLS, 25 components', 'scikit-learn PLSRegression', pls_regression, our_pls, 1, 1e-4),
    Row('RDM + Spearman, layers x areas', 'rsatoolbox', rsatoolbox_rdms, our_rdms, 10, 1e-10, own_environment=True),
    Row('debiased CKA', 'Brain-Score CKA', stock_cka, our_cka, 1, 1e-9),
]


def resident_mb() -> float:
    """Memory of this process in MB."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def measure(function: Callable[[Arrays], Arrays], arrays: Arrays) -> tuple[Arrays, float, float]:
    """Call a function: its results, seconds, and by how many MB the memory rises at most."""
    small = dict(arrays)
    small |= {'responses': arrays['responses'][:, :3], 'layers': arrays['layers'][:1], 'areas': arrays['areas'][:1]}
    function(small)  # imports and thread pools are not timed
    before, highest, done = resident_mb(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            highest[0] = max(highest[0], resident_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    results = function(arrays)
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    return results, seconds, max(highest[0], resident_mb()) - before


def run_side(folder: Path, row: int, side: str) -> None:
    """Measure one side of a row in this process; writes `side.npz` and `side.json`."""
    with np.load(folder / 'arrays.npz') as file:
        arrays = dict(file)
    results, seconds, memory = measure(getattr(ROWS[row], side), arrays)
    np.savez(folder / f'{side}.npz', **results)
    (folder / f'{side}.json').write_text(json.dumps({'seconds': seconds, 'memory': memory}))


def difference(theirs: Arrays, ours: Arrays) -> float:
    """Largest difference, relative to the largest number of each array."""
    return max(float(np.abs(ours[name] - theirs[name]).max() / np.abs(theirs[name]).max()) for name in theirs)


def main() -> int:
    parser = argparse.ArgumentParser(description='Time other packages and ours on the same data.')
    for name, number in (('stimuli', 118), ('features', 4096), ('neurons', 4000), ('layers', 20), ('areas', 6)):
        parser.add_argument(f'--{name}', type=int, default=number)
    parser.add_argument('--side', nargs=3, metavar=('FOLDER', 'ROW', 'SIDE'), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side is not None:
        run_side(Path(args.side[0]), int(args.side[1]), args.side[2])
        return 0
    failures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(folder / 'arrays.npz', **simulate(args.stimuli, args.features, args.neurons, args.layers, args.areas))
        print(f'installing {", ".join(PEERS)} into {folder}', file=sys.stderr, flush=True)
        venv.create(folder / 'environment', with_pip=True)
        python = folder / 'environment' / 'bin' / 'python'
        subprocess.run([python, '-m', 'pip', 'install', '--quiet', *PEERS], check=True, stdout=sys.stderr)
        print(
            f'{args.stimuli} stimuli, {args.features} features, {args.neurons} neurons, {args.layers} layers, '
            f'{args.areas} areas'
        )
        print(f'{"":39}{"against":28}{"theirs, s":>10}{"ours, s":>9}{"ratio":>7}{"MB":>7}{"ours":>6}{"difference":>12}')
        for number, row in enumerate(ROWS):
            for side in ('theirs', 'ours'):
                own = python if row.own_environment and side == 'theirs' else sys.executable
                command = [str(own), __file__, '--side', str(folder), str(number), side]
                subprocess.run(command, check=True, env=os.environ | {'TQDM_DISABLE': '1'})
            theirs, ours = (json.loads((folder / f'{side}.json').read_text()) for side in ('theirs', 'ours'))
            with np.load(folder / 'theirs.npz') as first, np.load(folder / 'ours.npz') as second:
                apart = difference(dict(first), dict(second))
            ratio = theirs['seconds'] / ours['seconds']
            print(
                f'{row.name:39}{row.package:28}{theirs["seconds"]:10.3f}{ours["seconds"]:9.4f}{ratio:7.1f}'
                f'{theirs["memory"]:7.0f}{ours["memory"]:6.0f}{apart:12.1g}',
                flush=True,
            )
            if not apart <= row.tolerance:
                failures.append(f'{row.name}: the results differ by {apart:g}, {row.tolerance:g} at most is expected')
            if ratio < row.ratio:
                failures.append(f'{row.name}: {ratio:.1f} times faster, {row.ratio} are required')
    for failure in failures:
        print(f'FAILED: {failure}')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
