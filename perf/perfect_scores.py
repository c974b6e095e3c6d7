"""What a perfect model gets under each comparison: a layer that recordings were generated from.

    python perf/perfect_scores.py [--recordings 10] [--weights FOLDER] [--neuroids 133,404] [--dataset Siegle2021]
        [--comparisons rdm,rdm_euclidean]

Recordings are Poisson counts of 50 trials with random gains, of units of a known layer, in five animals, with and
without noise that the neurons of an animal share, as in `perfect_model.py`. Scores are those of all neuroids, with all
units of the layer: means over recordings, and their standard deviations. The default are all options of `rdm`.
"""

import argparse
from pathlib import Path

import numpy as np
from perfect_model import LAYER, NETWORK, WEIGHTS

from m2m_benchmarks import load_benchmark
from m2m_benchmarks.arrays import gram_reduce
from m2m_benchmarks.benchmarks.comparisons import load_comparison
from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm, Features
from m2m_benchmarks.benchmarks.comparisons.options import COMPARATORS, DISTANCES, option_name
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.layer_model import layer_features
from m2m_benchmarks.testing.generator import poisson_counts, recordings_of

ALL = [
    option_name(distance, comparator, standardised)
    for standardised in (False, True)
    for distance in DISTANCES
    for comparator in COMPARATORS
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--recordings', type=int, default=10)
    parser.add_argument('--weights', type=Path, help='folder of the weights; by default those of torchvision')
    parser.add_argument('--neuroids', default='133,404')
    parser.add_argument('--dataset', default='SimulatedMouse', help='dataset whose stimuli are shown')
    parser.add_argument('--comparisons', default=','.join(ALL), help='names, by default all options of rdm')
    options = parser.parse_args()
    shown = load_benchmark(f'{options.dataset}.VISp-rdm')
    candidate = load_candidate(NETWORK, weights='default' if options.weights is None else options.weights / WEIGHTS)
    ((_, units),) = layer_features(Activations(candidate), shown, [LAYER], FeatureForm.MAPS)  # all units of the layer
    forms = {FeatureForm.UNITS: Features(units.values), FeatureForm.ROTATION: Features(gram_reduce(units.values))}
    names = options.comparisons.split(',')
    settings = [(n, shared) for n in map(int, options.neuroids.split(',')) for shared in (0.0, 0.15)]
    scores: dict[str, dict[tuple[int, float], list[float]]] = {name: {each: [] for each in settings} for name in names}
    for n, shared in settings:
        for seed in range(options.recordings):
            animals = np.array([f'mouse{number % 5}' for number in range(n)])
            counts = poisson_counts(units.values, n, np.random.default_rng(seed), 50, False, shared, animals)
            selected = recordings_of(counts, animals, shown.stimulus_set)
            for name in names:
                comparison = load_comparison(name)
                raw = comparison.raw(forms[comparison.features], selected).value
                scores[name][n, shared].append(float(comparison.score(raw, comparison.ceiling(selected).value)))
    columns = [f'{n} neuroids{", shared noise" if shared else ""}' for n, shared in settings]
    print(f'| comparison | {" | ".join(columns)} |')
    print(f'|---{"|--:" * len(columns)}|')
    for name in names:
        cells = [f'{np.mean(own):.3f} ± {np.std(own, ddof=1):.3f}' for own in scores[name].values()]
        print(f'| `{name}` | {" | ".join(cells)} |', flush=True)


if __name__ == '__main__':
    main()
