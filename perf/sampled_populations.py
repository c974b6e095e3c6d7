"""Scores of layers with samples of neuroids of a population whose kernel is known, by CKA and Procrustes similarity.

    python perf/sampled_populations.py [--recordings 20] [--weights FOLDER] [--neuroids 41,133,404] [--dataset NAME]

Recordings are Poisson counts of 50 trials with random gains, of units or dense mixtures of a layer of SqueezeNet, in
five animals whose neurons share noise (`m2m_benchmarks.testing.generator`, which shares no code with the comparisons).
Three models are scored: the layer itself, another layer, and the layer with its images exchanged, which is related to
nothing. "truth" is debiased CKA of the other layer with the whole population. All are means and standard deviations
over recordings, without those where the ceiling of `cka_corrected` is 0: "none" is their share. Bootstrap draws, which
change none of these, are left out.
"""

import argparse
from pathlib import Path

import numpy as np

from m2m_benchmarks import load_benchmark
from m2m_benchmarks.arrays.cka import cka
from m2m_benchmarks.benchmarks.comparisons import load_comparison
from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm, Features
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.layer_model import layer_features
from m2m_benchmarks.testing.generator import poisson_counts, recordings_of

#: The network, the file of its weights, the layer that generates recordings, and another one.
NETWORK, WEIGHTS, LAYER, OTHER = 'torchvision:squeezenet1_1', 'squeezenet1_1.pth', 'features.9', 'features.3'
#: Comparisons of each model.
OF_LAYER, OF_OTHER, OF_UNRELATED = (
    ('cka', 'cka_corrected', 'procrustes'),
    ('cka', 'cka_corrected'),
    ('cka_corrected', 'procrustes'),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--recordings', type=int, default=20)
    parser.add_argument('--weights', type=Path, help='folder of the weights; by default those of torchvision')
    parser.add_argument('--neuroids', default='41,133,404')
    parser.add_argument('--dataset', default='SimulatedMouse', help='dataset whose stimuli are shown')
    options = parser.parse_args()
    shown = load_benchmark(f'{options.dataset}.VISp-cka')
    candidate = load_candidate(NETWORK, weights='default' if options.weights is None else options.weights / WEIGHTS)
    activations = Activations(candidate)
    (_, layer), (_, other) = layer_features(activations, shown, [LAYER, OTHER])
    ((_, units),) = layer_features(activations, shown, [LAYER], FeatureForm.MAPS)  # all units of the layer
    unrelated = Features(layer.values[np.random.default_rng(1_000).permutation(len(layer.values))])
    models = [(layer, OF_LAYER), (other, OF_OTHER), (unrelated, OF_UNRELATED)]
    columns = ['neurons', 'neuroids', *(f'{LAYER}: {name}' for name in OF_LAYER), f'{OTHER}: truth']
    columns += [*(f'{OTHER}: {name}' for name in OF_OTHER), *(f'unrelated: {name}' for name in OF_UNRELATED), 'none']
    print(f'| {" | ".join(columns)} |')
    print(f'|---{"|--:" * (len(columns) - 1)}|')
    for mixtures in (False, True):
        values = units.values
        # Weights of a mixture sum to 0.
        truth = cka(other.values, values - values.mean(axis=1, keepdims=True) if mixtures else values)
        for n in map(int, options.neuroids.split(',')):
            rows = []
            for seed in range(options.recordings):
                animals = np.array([f'mouse{number % 5}' for number in range(n)])
                generating = layer.values if mixtures else values
                counts = poisson_counts(generating, n, np.random.default_rng(seed), 50, mixtures, 0.15, animals)
                recorded = recordings_of(counts, animals, shown.stimulus_set)
                ceilings = {name: load_comparison(name).ceiling(recorded).value for name in OF_LAYER}
                if min(ceilings.values()) == 0:
                    continue
                rows.append(
                    [
                        load_comparison(name).raw(model, recorded).value / ceilings[name]
                        for model, names in models
                        for name in names
                    ]
                )
            cells = [
                f'{mean:.3f} ± {sd:.3f}' for mean, sd in zip(np.mean(rows, 0), np.std(rows, 0, ddof=1), strict=True)
            ]
            cells.insert(len(OF_LAYER), f'{truth:.3f}')
            cells.append(f'{1 - len(rows) / options.recordings:.2f}')
            print(f'| {"mixtures" if mixtures else "units"} | {n} | {" | ".join(cells)} |', flush=True)


if __name__ == '__main__':
    main()
