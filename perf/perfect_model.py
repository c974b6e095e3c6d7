"""What a perfect model gets: layers that generated recordings are scored on them.

    python perf/perfect_model.py [--recordings 20] [--weights FOLDER] [--neuroids 41,133,404,816] [--dataset Siegle2021]

Recordings are Poisson counts of 50 trials with random gains, of units or dense mixtures of a known layer, in five
animals, with and without noise that the neurons of an animal share (`m2m_benchmarks.testing.generator`). Three scores
by RSA are printed: with the layer named, on all neuroids; with the layer named, on both halves; and cross-fitted, with
a choice among all layers of the network. Then the raw values and own_units, by RSA and ridge. All are means and
standard deviations over recordings. "chosen" is how often the generating layer is chosen, "in" how often the raw value
lies in the interval of own_units. Where the recorded neurons are mixtures, "as mixtures" is own_units of 2,000 other
mixtures of the layer instead of its units. Bootstrap draws, which change none of these, are left out.
"""

import argparse
from pathlib import Path

import numpy as np
from brainscore_vision.model_interface import BrainModel

from m2m_benchmarks import load_benchmark
from m2m_benchmarks.benchmarks.comparisons import load_comparison
from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidate import Candidate
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.layer_choice import compare_layers, split_neuroids
from m2m_benchmarks.scoring.layer_model import LayerModel, layer_features
from m2m_benchmarks.scoring.own_units import own_units, recorded_units
from m2m_benchmarks.testing.generator import poisson_counts, recordings_of

#: The network, the file of its weights, and the layer that generates recordings.
NETWORK, WEIGHTS, LAYER = 'torchvision:squeezenet1_1', 'squeezenet1_1.pth', 'features.9'


def named(model: BrainModel, benchmark: AreaBenchmark) -> tuple[float, float]:
    """Score and raw value of a layer on all neuroids."""
    raw = benchmark.raw(model)
    return raw / benchmark.comparison.ceiling(benchmark.recordings).value, raw


def on_halves(candidate: Candidate, activations: Activations, benchmark: AreaBenchmark) -> tuple[float, float, float]:
    """Score each half of the neuroids with the generating layer, and with the one that is best on the other half.

    Returns
    -------
    named, cross_fitted : float
        Scores.
    chosen : float
        Share of the halves on which the generating layer is the best.
    """
    halves = split_neuroids(benchmark)
    first, second = compare_layers(candidate, activations, [halves.first, halves.second])
    best = [max(each, key=each.__getitem__) for each in (first, second)]
    ceilings = sum(half.comparison.ceiling(half.recordings).value for half in (halves.first, halves.second))
    chosen = float(np.mean([layer == LAYER for layer in best]))
    return (first[LAYER] + second[LAYER]) / ceilings, (first[best[1]] + second[best[0]]) / ceilings, chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--recordings', type=int, default=20)
    parser.add_argument('--weights', type=Path, help='folder of the weights; by default those of torchvision')
    parser.add_argument('--neuroids', default='41,133,404,816')
    parser.add_argument('--dataset', default='SimulatedMouse', help='dataset whose stimuli are shown')
    options = parser.parse_args()
    shown = load_benchmark(f'{options.dataset}.VISp-rdm')
    stimuli = shown.stimulus_set
    columns = ['neurons', 'neuroids', 'score, named', 'on halves', 'cross-fitted', 'chosen']
    for comparison in ('RSA', 'ridge'):
        columns += [comparison, 'own_units', 'in', 'as mixtures', 'in']
    print(f'| {" | ".join(columns)} |')
    print(f'|---{"|--:" * (len(columns) - 1)}|')
    candidate = load_candidate(NETWORK, weights='default' if options.weights is None else options.weights / WEIGHTS)
    activations = Activations(candidate)
    model = LayerModel(candidate, activations, {'VISp': LAYER})
    ((_, units),) = layer_features(activations, shown, [LAYER], FeatureForm.MAPS)  # all units of the layer
    whole = shown.features(model).values  # a rotation of them
    weights = np.random.default_rng(1_000).standard_normal((whole.shape[1], 2_000))
    others = whole @ (weights - weights.mean(axis=0))
    for mixtures, shared in ((False, 0.0), (False, 0.15), (True, 0.0), (True, 0.15)):
        for n in map(int, options.neuroids.split(',')):
            rows = []
            for seed in range(options.recordings):
                rng = np.random.default_rng(seed)
                animals = np.array([f'mouse{number % 5}' for number in range(n)])
                counts = poisson_counts(whole if mixtures else units.values, n, rng, 50, mixtures, shared, animals)
                selected = recordings_of(counts, animals, stimuli)
                row = []
                for comparison in ('rdm', 'ridge'):
                    benchmark = AreaBenchmark(options.dataset, 'VISp', load_comparison(comparison), selected=selected)
                    score, raw = named(model, benchmark)
                    if comparison == 'rdm':
                        row += [score, *on_halves(candidate, activations, benchmark)]
                    row += [raw]
                    for own in (
                        own_units(activations, benchmark, LAYER, seed=seed),
                        recorded_units(benchmark, benchmark.features(model), others, seed=seed, sampled=True)
                        if mixtures
                        else None,
                    ):
                        inside = own is not None and own.interval[0] < raw < own.interval[1]
                        row += [np.nan, np.nan] if own is None else [own.value, inside]
                rows.append(row)
            name = ('mixtures' if mixtures else 'units') + (', shared noise' if shared else '')
            cells = [name, str(n)]
            for title, values in zip(columns[2:], np.array(rows, dtype=float).T, strict=True):
                share = title in ('in', 'chosen')
                cells.append('' if np.isnan(values).any() else f'{values.mean():.2f}' if share else _mean(values))
            print(f'| {" | ".join(cells)} |', flush=True)


def _mean(values: np.ndarray) -> str:
    return f'{values.mean():.3f} ± {values.std(ddof=1):.3f}'


if __name__ == '__main__':
    main()
