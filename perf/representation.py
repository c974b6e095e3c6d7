"""Whether `-rmse` gives true maps 1, and data sets without any relation a significant difference.

    python perf/representation.py [--dataset NAME] [--recordings 10] [--null 200] [--model NAME@FILE]

Recordings of the stimuli of a dataset are simulated: neuroids that share ten variables, ten trials with independent
noise. The maps are the true representations; their scores are (floor - RMSE) / (floor - attainable RMSE), means and
standard deviations over recordings. With a model, the maps of all its convolutions are beside the true ones. Then
stimuli are shuffled, and it is counted how often p is .05 or less.
"""

import argparse

import numpy as np

from m2m_benchmarks import load_benchmark
from m2m_benchmarks.analysis.feature_maps import feature_maps
from m2m_benchmarks.arrays.representation import (
    Halves,
    attainable_rmse,
    image_halves,
    match,
    ranged_halves,
    stimulus_orders,
)
from m2m_benchmarks.benchmarks.comparisons.rmse import COMPARISON, stimulus_maps
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.specs import parse_candidate

RELIABILITIES, NEUROIDS = (0.3, 0.5, 0.6, 0.75, 0.9), (40, 133, 404)
N_VARIABLES, N_TRIALS = 10, 10
#: Orders of the stimuli for the floor of true maps, which need no p.
N_ORDERS = 5


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--dataset', default='SimulatedMouse', help='dataset whose stimuli are taken')
    parser.add_argument('--recordings', type=int, default=10)
    parser.add_argument('--null', type=int, default=200, help='number of data sets without any relation')
    parser.add_argument('--model', help='candidate whose maps are beside the true ones')
    options = parser.parse_args()
    area = load_benchmark(f'{options.dataset}.VISp-rmse')
    stimuli = stimulus_maps(area.recordings, COMPARISON.size)
    others: Halves = (np.empty((0, stimuli.shape[1])), np.empty((0, stimuli.shape[1])))
    if options.model is not None:
        spec = parse_candidate(options.model, 'default')
        activations = Activations(load_candidate(spec.name, weights=spec.weights))
        others = feature_maps(spec.name, activations, None, area, COMPARISON).halves
        print(f'{len(others[0])} maps of {spec.name} beside the true ones\n')
    print(f'| reliability | {" | ".join(f"{n} neuroids" for n in NEUROIDS)} |')
    print(f'|--:{"|--:" * len(NEUROIDS)}|')
    for reliability in RELIABILITIES:
        cells = []
        for n in NEUROIDS:
            scores = [planted(stimuli, reliability, n, seed, others) for seed in range(options.recordings)]
            cells.append(f'{np.mean(scores):.3f} ± {np.std(scores, ddof=1):.3f}')
        print(f'| {reliability} | {" | ".join(cells)} |', flush=True)
    p_values = [null(stimuli, seed, others) for seed in range(options.null)]
    print(f'\np of .05 or less in {np.mean(np.array(p_values) <= 0.05):.1%} of {options.null} null data sets')


def simulated(stimuli: np.ndarray, reliability: float, n: int, seed: int) -> tuple[np.ndarray, Halves]:
    """Simulate trials, shape (n_trials, n_stimuli, n), and the true representations from halves of the stimuli."""
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal((len(stimuli), N_VARIABLES)) @ rng.standard_normal((N_VARIABLES, n))
    noise = truth.std(axis=0) * np.sqrt(N_TRIALS * (1 - reliability) / reliability)
    trials = truth + noise * rng.standard_normal((N_TRIALS, *truth.shape))
    return trials, ranged_halves(truth, stimuli, image_halves(len(stimuli)))


def beside(maps: Halves, others: Halves) -> Halves:
    """Put other maps beside some."""
    first, second = (np.concatenate(both) for both in zip(maps, others, strict=True))
    return first, second


def planted(stimuli: np.ndarray, reliability: float, n: int, seed: int, others: Halves) -> float:
    """Score true maps among others."""
    trials, own = simulated(stimuli, reliability, n, seed)
    maps = beside(own, others)
    halves, mean = image_halves(len(stimuli)), trials.mean(axis=0)
    orders = [np.arange(len(stimuli)), *stimulus_orders(len(stimuli), N_ORDERS)]
    rmse, *floors = (match(ranged_halves(mean[order], stimuli, halves), maps).best.mean() for order in orders)
    floor = np.mean(floors)
    return float((floor - rmse) / (floor - attainable_rmse(trials, stimuli, halves).mean()))


def null(stimuli: np.ndarray, seed: int, others: Halves) -> float:
    """Compute p of neuroids whose responses are shuffled over the stimuli."""
    trials, own = simulated(stimuli, 0.75, 40, seed)
    maps = beside(own, others)
    halves = image_halves(len(stimuli))
    mean = trials.mean(axis=0)[np.random.default_rng(seed + 10_000).permutation(len(stimuli))]
    orders = [np.arange(len(stimuli)), *stimulus_orders(len(stimuli))]
    rmse, *shuffled = (match(ranged_halves(mean[order], stimuli, halves), maps).best.mean() for order in orders)
    return float((np.count_nonzero(np.array(shuffled) <= rmse) + 1) / (len(shuffled) + 1))


if __name__ == '__main__':
    main()
