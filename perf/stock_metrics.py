"""Time the stock Brain-Score metrics and the array functions of this library on the same simulated data.

Run it, with this library installed, as

    python perf/stock_metrics.py
    python perf/stock_metrics.py --features 512 --neurons 200  # a quick look

Both sides are timed in this one process, so they share the machine and its number of threads. The stock metrics
run once, as they are slow; ours as often as `--repeats` says. The exit status is 1 when the two disagree, or when
ridge regression at the stock penalty is less than 100 times faster than the stock metric.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import Any

# Otherwise Brain-Score installs a metric's requirements and draws progress bars.
os.environ.setdefault('BS_INSTALL_DEPENDENCIES', 'no')
os.environ.setdefault('TQDM_DISABLE', '1')

import numpy as np
from brainscore_core.supported_data_standards.brainio.assemblies import NeuroidAssembly
from brainscore_vision import load_metric

from m2m_benchmarks.arrays import cross_predict, kernel, kfold, pearson, rdm, ridge, shuffle_splits, spearman
from m2m_benchmarks.arrays import upper_triangle as upper

REQUIRED_RATIO = 100
RIDGE_TOLERANCE = 1e-6
RDM_TOLERANCE = 1e-9


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


def our_default_ridge(features: np.ndarray, responses: np.ndarray) -> float:
    """Use ten folds, a penalty for each neuron by leave-one-out, and one correlation over all stimuli."""
    predictions = cross_predict(features, responses, kfold(len(features)))
    return float(np.median(pearson(predictions, responses)))


def our_rdm(features: np.ndarray, responses: np.ndarray) -> float:
    return spearman(upper(rdm(features)), upper(rdm(responses)))


def timed(function: Callable[..., float], *arguments: Any, repeats: int = 1) -> tuple[float, list[float]]:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        score = function(*arguments)
        seconds.append(time.perf_counter() - start)
    return score, seconds


def main() -> int:
    parser = argparse.ArgumentParser(description='Time the stock Brain-Score metrics and ours on the same data.')
    parser.add_argument('--features', type=int, default=4096)
    parser.add_argument('--neurons', type=int, default=4000)
    parser.add_argument('--stimuli', type=int, default=118)
    parser.add_argument('--repeats', type=int, default=3)
    args = parser.parse_args()

    # Both sides import, load plugins and start thread pools here.
    tiny = simulate(30, 20, 5)
    tiny_assemblies = assembly(tiny[0], 'unit'), assembly(tiny[1], 'neuron')
    for function in (stock_ridge, stock_rdm):
        function(*tiny_assemblies)
    for function in (our_stock_ridge, our_default_ridge, our_rdm):
        function(*tiny)

    arrays = simulate(args.stimuli, args.features, args.neurons)
    assemblies = assembly(arrays[0], 'unit'), assembly(arrays[1], 'neuron')
    print(f'{args.stimuli} stimuli, {args.features} features, {args.neurons} neurons', flush=True)
    print(f'{"":32}{"minimum s":>12}{"median s":>12}{"score":>12}{"stock / ours":>14}', flush=True)

    def measure(name: str, function: Callable[..., float], data: tuple, repeats: int, stock: float = 0) -> tuple:
        score, seconds = timed(function, *data, repeats=repeats)
        middle = float(np.median(seconds))
        # The median: the fastest of several runs of ours would be compared with a single run of theirs.
        ratio = stock / middle
        shown = f'{ratio:14.0f}' if stock else ''
        print(f'{name:32}{min(seconds):12.4f}{middle:12.4f}{score:12.6f}{shown}', flush=True)
        return score, middle, ratio

    stock_score, stock_seconds, _ = measure('ridge, stock', stock_ridge, assemblies, 1)
    our_score, _, ratio = measure('ridge, ours, alpha 1', our_stock_ridge, arrays, args.repeats, stock_seconds)
    measure('ridge, ours, default', our_default_ridge, arrays, args.repeats, stock_seconds)
    stock_rdm_score, stock_rdm_seconds, _ = measure('rdm, stock', stock_rdm, assemblies, 1)
    our_rdm_score, _, _ = measure('rdm, ours', our_rdm, arrays, args.repeats, stock_rdm_seconds)

    failures = []
    if not abs(our_score - stock_score) <= RIDGE_TOLERANCE:
        failures.append(f'ridge scores differ: {our_score!r}, stock {stock_score!r}')
    if not abs(our_rdm_score - stock_rdm_score) <= RDM_TOLERANCE:
        failures.append(f'rdm scores differ: {our_rdm_score!r}, stock {stock_rdm_score!r}')
    if ratio < REQUIRED_RATIO:
        failures.append(f'ridge is {ratio:.0f} times faster than the stock metric, {REQUIRED_RATIO} are required')
    for failure in failures:
        print(f'FAILED: {failure}')
    if not failures:
        print(f'Scores agree (ridge to {RIDGE_TOLERANCE:g}, rdm to {RDM_TOLERANCE:g}).')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
