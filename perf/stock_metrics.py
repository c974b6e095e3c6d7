"""Time the stock Brain-Score metrics and the array functions of this library on the same simulated data.

Noise-corrected PLS is not among the stock metrics. It is timed against mouse-vision's formula with scikit-learn's
`PLSRegression`, one split of the trials by ten of the images; the seconds in the table are those of a hundred. Its
score is compared where its iterations go on to a smaller tolerance; the difference at the default one stands below.

Run it, with this library installed, as

    python perf/stock_metrics.py
    python perf/stock_metrics.py --features 512 --neurons 200  # a quick look

Both sides are timed in this one process, so they share the machine and its number of threads. The stock metrics
run once, as they are slow; ours as often as `--repeats` says. The exit status is 1 when two scores differ, or ours is
too slow (`PAIRS`).
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# Otherwise Brain-Score installs a metric's requirements and draws progress bars.
os.environ.setdefault('BS_INSTALL_DEPENDENCIES', 'no')
os.environ.setdefault('TQDM_DISABLE', '1')

import numpy as np
from brainscore_core.supported_data_standards.brainio.assemblies import NeuroidAssembly
from brainscore_vision import load_metric
from sklearn.cross_decomposition import PLSRegression

from m2m_benchmarks.arrays import (
    cross_predict,
    half_means,
    kernel,
    kfold,
    pearson,
    rdm,
    ridge,
    shuffle_splits,
    spearman,
    spearman_brown,
)
from m2m_benchmarks.arrays import upper_triangle as upper
from m2m_benchmarks.arrays.noise_corrected import noise_corrected_pls
from m2m_benchmarks.arrays.pls import pls


def simulate(n_stimuli: int, n_features: int, n_neurons: int) -> tuple[np.ndarray, np.ndarray]:
    """Simulate features, and noisy neurons that follow a few directions of them."""
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(n_stimuli, 12))
    features = latent @ rng.normal(size=(12, n_features)) + 2 * rng.normal(size=(n_stimuli, n_features))
    responses = latent @ rng.normal(size=(12, n_neurons)) + 4 * rng.normal(size=(n_stimuli, n_neurons))
    return features, responses


def assembly(values: np.ndarray, prefix: str) -> NeuroidAssembly:
    n_stimuli, n_neuroids = values.shape
    return NeuroidAssembly(
        values,
        coords={
            'stimulus_id': ('presentation', [f'stimulus{i:05}' for i in range(n_stimuli)]),
            'object_name': ('presentation', ['object'] * n_stimuli),
            'neuroid_id': ('neuroid', [f'{prefix}{i:07}' for i in range(n_neuroids)]),
            'region': ('neuroid', [prefix] * n_neuroids),
        },
        dims=['presentation', 'neuroid'],
    )


def stock_ridge(source: NeuroidAssembly, target: NeuroidAssembly) -> float:
    return float(load_metric('ridge', crossvalidation_kwargs={'stratification_coord': None})(source, target))


def stock_pls(source: NeuroidAssembly, target: NeuroidAssembly) -> float:
    return float(load_metric('pls', crossvalidation_kwargs={'stratification_coord': None})(source, target))


def stock_rdm(source: NeuroidAssembly, target: NeuroidAssembly) -> float:
    return float(load_metric('rdm')(source, target))


def our_stock_ridge(features: np.ndarray, responses: np.ndarray) -> float:
    """Compute the stock metric with our functions: same splits, penalty and aggregation."""
    products = kernel(features)
    medians = []
    for train, test in shuffle_splits(len(features)):
        predictions, _ = ridge(products, responses, (train, test), [1.0], relative=False)
        medians.append(np.median(pearson(predictions, responses[test])))
    return float(np.mean(medians))


def our_pls(features: np.ndarray, responses: np.ndarray) -> float:
    """Compute the stock metric with our function: same splits and aggregation."""
    products = kernel(features)
    splits = shuffle_splits(len(features))
    medians = [np.median(pearson(pls(products, responses, split), responses[split[1]])) for split in splits]
    return float(np.mean(medians))


def our_default_ridge(features: np.ndarray, responses: np.ndarray) -> float:
    """Use ten folds, a penalty for each neuron by leave-one-out, and one correlation over all stimuli."""
    predictions = cross_predict(features, responses, kfold(len(features)))
    return float(np.median(pearson(predictions, responses)))


def our_rdm(features: np.ndarray, responses: np.ndarray) -> float:
    return spearman(upper(rdm(features)), upper(rdm(responses)))


#: Splits of the trials that scikit-learn fits, out of those of the whole.
SHARE = 0.01


def trials_of(responses: np.ndarray, n_trials: int = 20) -> np.ndarray:
    """Add the noise of single trials."""
    return responses + 4 * np.random.default_rng(1).normal(size=(n_trials, *responses.shape))


def formula(features: np.ndarray, trials: np.ndarray, n_trial_splits: int, **until: float) -> float:
    """Compute mouse-vision's formula with scikit-learn, whose iterations go on `until` a tolerance."""
    values = []
    for first, second in half_means(trials, n_trial_splits):
        for train, test in shuffle_splits(len(features), train_size=0.5):
            fits = [
                PLSRegression(25, scale=False, **until).fit(features[train], half[train]) for half in (first, second)
            ]
            predictions = [fit.predict(features[test]) for fit in fits]
            reliabilities = [spearman_brown(pearson(*predictions)), spearman_brown(pearson(first[test], second[test]))]
            product = np.where(np.minimum(*reliabilities) > 0, reliabilities[0] * reliabilities[1], np.nan)
            values.append(pearson(predictions[0], second[test]) / np.sqrt(product))
    return float(np.median(np.nanmean(values, axis=0)))


def our_formula(features: np.ndarray, trials: np.ndarray, n_trial_splits: int) -> float:
    splits = shuffle_splits(len(features), train_size=0.5)
    return float(np.median(noise_corrected_pls(features, trials, splits, n_trial_splits).values))


@dataclass(frozen=True)
class Pair:
    """A stock metric and ours.

    Attributes
    ----------
    name : str
    stock, ours : callable
        Score of two assemblies, and of two arrays.
    ratio : float
        How many times faster ours has to be.
    tolerance : float
        Largest difference of the scores. Stock PLS stops before its iterations have converged.
    """

    name: str
    stock: Callable[..., float]
    ours: Callable[..., float]
    ratio: float
    tolerance: float


PAIRS = [
    Pair('ridge, alpha 1', stock_ridge, our_stock_ridge, 150, 1e-6),
    Pair('pls, 25 components', stock_pls, our_pls, 60, 1e-4),
    Pair('rdm', stock_rdm, our_rdm, 1, 1e-9),
]
NOISE_CORRECTED = Pair('pls, noise-corrected', formula, our_formula, 50, 1e-4)


def timed(function: Callable[..., float], *arguments: Any, repeats: int = 1) -> tuple[float, float]:
    """Score, and the median seconds: the fastest of several runs of ours would be compared with one of theirs."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        score = function(*arguments)
        seconds.append(time.perf_counter() - start)
    return score, float(np.median(seconds))


def show(pair: Pair, stock: float, stock_seconds: float, ours: float, seconds: float) -> list[str]:
    """Print a row of the table, and return what fails."""
    ratio, difference = stock_seconds / seconds, abs(ours - stock)
    print(f'{pair.name:24}{stock_seconds:12.3f}{seconds:12.4f}{ratio:8.0f}{ours:12.6f}{difference:12.1g}', flush=True)
    failures = []
    if not difference <= pair.tolerance:
        failures.append(f'{pair.name}: the scores {ours!r} and {stock!r} (stock) differ by over {pair.tolerance:g}')
    if ratio < pair.ratio:
        failures.append(f'{pair.name}: {ratio:.0f} times faster than the stock metric, {pair.ratio} are required')
    return failures


def noise_corrected(
    features: np.ndarray, responses: np.ndarray, n_trial_splits: int = 100
) -> tuple[float, float, float, float, float]:
    """Score of scikit-learn as it stops, then score and seconds for all splits, of scikit-learn further on and ours.

    The scores are those of the share of the splits.
    """
    trials, few = trials_of(responses), int(SHARE * n_trial_splits)
    stopped, stock_seconds = timed(formula, features, trials, few)
    converged = formula(features, trials, few, tol=1e-10, max_iter=10_000)
    _, seconds = timed(our_formula, features, trials, n_trial_splits)
    return stopped, converged, stock_seconds / SHARE, our_formula(features, trials, few), seconds


def main() -> int:
    parser = argparse.ArgumentParser(description='Time the stock Brain-Score metrics and ours on the same data.')
    parser.add_argument('--features', type=int, default=4096)
    parser.add_argument('--neurons', type=int, default=4000)
    parser.add_argument('--stimuli', type=int, default=118)
    parser.add_argument('--repeats', type=int, default=3)
    args = parser.parse_args()

    # Both sides import, load plugins and start thread pools here.
    tiny = simulate(40, 30, 5)
    for pair in PAIRS:
        pair.stock(assembly(tiny[0], 'unit'), assembly(tiny[1], 'neuron'))
        pair.ours(*tiny)
    our_default_ridge(*tiny)

    arrays = simulate(args.stimuli, args.features, args.neurons)
    assemblies = assembly(arrays[0], 'unit'), assembly(arrays[1], 'neuron')
    print(f'{args.stimuli} stimuli, {args.features} features, {args.neurons} neurons', flush=True)
    print(f'{"":24}{"stock, s":>12}{"ours, s":>12}{"ratio":>8}{"score":>12}{"difference":>12}', flush=True)
    failures = []
    for pair in PAIRS:
        stock, stock_seconds = timed(pair.stock, *assemblies)
        ours, seconds = timed(pair.ours, *arrays, repeats=args.repeats)
        failures += show(pair, stock, stock_seconds, ours, seconds)
    stopped, *measured = noise_corrected(arrays[0], arrays[1][:, :1000])
    failures += show(NOISE_CORRECTED, *measured)
    score, seconds = timed(our_default_ridge, *arrays, repeats=args.repeats)
    print(f'{"ridge, 13 penalties":24}{"":12}{seconds:12.4f}{"":8}{score:12.6f}')
    print(f'{NOISE_CORRECTED.name}: {abs(stopped - measured[2]):.1g} at the default tolerance of scikit-learn')
    for failure in failures:
        print(f'FAILED: {failure}')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
