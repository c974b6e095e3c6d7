"""What a perfect model gets: layers that generated recordings are scored on them.

    python perf/perfect_model.py [--recordings 20] [--weights FOLDER] [--neuroids 41,133,404,816] [--crossed]
        [--dataset Siegle2021]

Recordings are Poisson counts of 50 trials with random gains, of units or dense mixtures of a known layer, in five
animals, with and without noise that the neurons of an animal share (`m2m_benchmarks.testing.generator`). The layer is
scored on each by its name and, with --crossed, with a cross-fitted choice among all layers of the network. Printed are
the mean score, its standard deviation over recordings, how often there is no score, the raw value and own_units, and
how often the raw value lies in the interval of own_units.
"""

import argparse
from pathlib import Path

import numpy as np

from m2m_benchmarks import load_benchmark
from m2m_benchmarks.benchmarks.comparisons import load_comparison
from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidate import Candidate
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.layer_choice import choose_layer
from m2m_benchmarks.scoring.layer_model import LayerModel
from m2m_benchmarks.scoring.own_units import own_units
from m2m_benchmarks.testing.generator import poisson_counts, recordings_of

#: Networks, their files of weights, and the layers that generate recordings.
GENERATORS = (
    ('torchvision:squeezenet1_1', 'squeezenet1_1.pth', 'features.9'),
    ('torchvision:shufflenet_v2_x0_5', 'shufflenet_v2_x0_5.pth', 'stage3.7'),
)


def scores(
    candidate: Candidate, activations: Activations, benchmark: AreaBenchmark, layer: str | None
) -> tuple[float, float, float]:
    """Score, raw value and ceiling with a named layer, or with a cross-fitted choice for None."""
    choice = choose_layer(candidate, activations, benchmark, layer)
    form = benchmark.comparison.features
    models = [LayerModel(candidate, activations, {benchmark.region: name}, form) for name in choice.layers]
    halves = choice.halves
    score = benchmark(models[0]) if halves is None else benchmark.score_halves(halves, models)
    return float(score), float(score.attrs['raw']), float(score.attrs['ceiling'])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--recordings', type=int, default=20)
    parser.add_argument('--weights', type=Path, help='folder of the weights; by default those of torchvision')
    parser.add_argument('--neuroids', default='41,133,404,816')
    parser.add_argument('--comparisons', default='rdm,ridge')
    parser.add_argument('--dataset', default='SimulatedMouse', help='dataset whose stimuli are shown')
    parser.add_argument('--crossed', action='store_true')
    options = parser.parse_args()
    shown = load_benchmark(f'{options.dataset}.VISp-rdm')
    stimuli = shown.stimulus_set
    print('| layer | neurons | comparison | neuroids | score, named | no score | cross-fitted | raw | own_units | in |')
    print('|---|---|---|--:|--:|--:|--:|--:|--:|--:|')
    for name, file, layer in GENERATORS:
        weights = 'default' if options.weights is None else options.weights / file
        candidate = load_candidate(name, weights=weights)
        activations = Activations(candidate)
        of_layer = LayerModel(candidate, activations, {'VISp': layer}, FeatureForm.UNITS)
        units = shown.features(of_layer).values
        for mixtures, shared in ((False, 0.0), (False, 0.15), (True, 0.0), (True, 0.15)):
            for n in map(int, options.neuroids.split(',')):
                recorded = []
                for seed in range(options.recordings):
                    rng = np.random.default_rng(seed)
                    animals = np.array([f'mouse{number % 5}' for number in range(n)])
                    counts = poisson_counts(units, n, rng, 50, mixtures, shared, animals)
                    recorded.append(recordings_of(counts, animals, stimuli))
                for comparison in options.comparisons.split(','):
                    rows, crossed = [], []
                    for seed, selected in enumerate(recorded):
                        method = load_comparison(comparison)
                        method.n_draws = 50  # for the interval of the ceiling only
                        benchmark = AreaBenchmark(options.dataset, 'VISp', method, selected=selected)
                        score, raw, _ = scores(candidate, activations, benchmark, layer)
                        own = own_units(candidate, activations, benchmark, layer, seed=seed)
                        rows.append((score, raw, own.value, own.interval[0] < raw < own.interval[1]))
                        crossed.append(
                            scores(candidate, activations, benchmark, None)[0] if options.crossed else np.nan
                        )
                    score, raw, own_value, inside = np.array(rows, dtype=float).T
                    kind = ('mixtures' if mixtures else 'units') + (', shared noise' if shared else '')
                    print(
                        f'| {name.partition(":")[2]} {layer} | {kind} | {comparison} | {n} | {_mean(score)} | '
                        f'{np.isnan(score).sum()} | {_mean(np.array(crossed))} | {_mean(raw)} | {_mean(own_value)} | '
                        f'{inside.mean():.2f} |',
                        flush=True,
                    )


def _mean(values: np.ndarray) -> str:
    """Mean and standard deviation of the values that there are."""
    values = values[np.isfinite(values)]
    return f'{values.mean():.3f} ± {values.std(ddof=1):.3f}' if len(values) > 1 else '–'


if __name__ == '__main__':
    main()
