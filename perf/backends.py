"""Time the ridge regression of many neuroids, for one layer and the default penalties, by each backend of the arrays.

    python perf/backends.py
    python perf/backends.py --neurons 2000  # a quick look

The backends take turns in this one process, so they share the machine and its number of threads. A backend that needs
a graphics card is left out where there is none. The exit status is 1 when predictions differ by more than 1e-10 of the
largest.
"""

import argparse
import sys
import time

import numpy as np

from m2m_benchmarks.arrays import cross_predict, kfold
from m2m_benchmarks.arrays.backend import BACKENDS, set_backend
from m2m_benchmarks.errors import M2MError


def simulate(n_stimuli: int, n_features: int, n_neurons: int) -> tuple[np.ndarray, np.ndarray]:
    """Simulate features, and neurons that are half signal and half noise."""
    rng = np.random.default_rng(0)
    features, noise = rng.normal(size=(n_stimuli, n_features)), rng.normal(size=(n_stimuli, n_neurons))
    return features, features @ rng.normal(size=(n_features, n_neurons)) / np.sqrt(n_features) + noise


def main() -> int:
    parser = argparse.ArgumentParser(description='Time the ridge regression by each backend of the arrays.')
    parser.add_argument('--stimuli', type=int, default=118)
    parser.add_argument('--features', type=int, default=1000)
    parser.add_argument('--neurons', type=int, default=100_000)
    parser.add_argument('--repeats', type=int, default=3)
    args = parser.parse_args()
    features, responses = simulate(args.stimuli, args.features, args.neurons)
    folds = kfold(args.stimuli)
    predictions: dict[str, np.ndarray] = {}
    seconds: dict[str, list[tuple[float, float]]] = {}
    for repeat in range(args.repeats + 1):
        for backend in BACKENDS:
            try:
                set_backend(backend)
            except M2MError as error:
                if repeat == 0:
                    print(f'{backend}: {error}')
                continue
            if repeat == 0:  # libraries are loaded and threads started
                cross_predict(features[:, :20] + 1, responses[:, :5], folds)
                continue
            start = time.perf_counter(), time.process_time()
            # Features that differ a little, as decompositions are kept.
            predictions[backend] = cross_predict(features * (1 + repeat / 100), responses, folds)
            ends = time.perf_counter(), time.process_time()
            seconds.setdefault(backend, []).append((ends[0] - start[0], ends[1] - start[1]))
    print(f'{args.stimuli} stimuli, {args.features} features, {args.neurons} neuroids, default penalties')
    print(f'{"":12}{"s":>8}{"CPU s":>8}{"difference":>12}')
    largest, failed = np.abs(predictions['numpy']).max(), False
    for backend, measured in seconds.items():
        wall, cpu = np.median(measured, axis=0)
        difference = np.abs(predictions[backend] - predictions['numpy']).max() / largest
        failed = failed or not difference <= 1e-10
        print(f'{backend:12}{wall:8.2f}{cpu:8.2f}{difference:12.1g}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
