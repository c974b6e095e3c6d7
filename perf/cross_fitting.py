"""Errors of cross-fitted values against those of half of the neuroids alone, on the same draws.

    python perf/cross_fitting.py torchvision:squeezenet1_1@FILE [--dataset Siegle2021]

Version 1 of the benchmarks chose a layer on one half of the neuroids and scored it on the other only. Printed are, for
each area and comparison, the errors of raw over draws of stimuli, of animals, and of both, for that one half (the mean
of both ways) and for both halves joined.
"""

import argparse

import numpy as np

from m2m_benchmarks import load_benchmark
from m2m_benchmarks.benchmarks.mean import MeanBenchmark
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.layer_choice import choose_layer
from m2m_benchmarks.scoring.layer_model import LayerModel
from m2m_benchmarks.scoring.specs import parse_candidate

FACTORS = ('stimuli', 'animals', 'both')


def main() -> None:
    """Print a row per area and comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model')
    parser.add_argument('--dataset', default='SimulatedMouse')
    arguments = parser.parse_args()
    spec = parse_candidate(arguments.model)
    candidate = load_candidate(spec.name, weights=spec.weights)
    activations = Activations(candidate)
    print('| benchmark |', ' | '.join(f'{factor}: one half | both halves' for factor in FACTORS), '|')
    print('|---|' + '--:|' * 2 * len(FACTORS))
    ratios = []
    for comparison in ('rdm', 'ridge'):
        whole = load_benchmark(f'{arguments.dataset}-{comparison}')
        assert isinstance(whole, MeanBenchmark)
        for area in whole.areas:
            choice = choose_layer(candidate, activations, area, None)
            assert choice.halves is not None
            form = area.comparison.features
            models = [LayerModel(candidate, activations, {area.region: layer}, form) for layer in choice.layers]
            joined = errors(area.score_halves(choice.halves, models))
            halves = (choice.halves.first, choice.halves.second)
            alone = [errors(half(model)) for half, model in zip(halves, models, strict=True)]
            one = np.sqrt(np.mean(np.square(alone), axis=0))
            ratios.append(joined / one)
            pairs = [f'{a:.4f} | {b:.4f}' for a, b in zip(one, joined, strict=True)]
            print(f'| {area.identifier} | {" | ".join(pairs)} |', flush=True)
    means = zip(FACTORS, np.mean(ratios, axis=0), strict=True)
    print('joined / one half, mean over the rows:', *(f'{factor} {ratio:.2f}' for factor, ratio in means))


def errors(score) -> np.ndarray:
    """Errors of raw over draws of stimuli, of animals, and of both."""
    raw = score.attrs['raw'].attrs
    _, animals, stimuli = np.std(raw['draws'], axis=1, ddof=1)
    return np.array([stimuli, animals, raw['error']])


if __name__ == '__main__':
    main()
