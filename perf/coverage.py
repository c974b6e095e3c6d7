"""Count how often 95 % intervals hold the truth, over simulated experiments.

Each experiment has new stimuli, new animals and new neuroids. The truth is the mean of the same statistic over many
further experiments of the same size. It is done for a named layer and for cross-fitted layers, with RSA and ridge.

    python perf/coverage.py --experiments 500 --fresh 2000
"""

import argparse
import copy
import math
from dataclasses import dataclass

import numpy as np
from brainscore_core.supported_data_standards.brainio.assemblies import NeuronRecordingAssembly
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet

from m2m_benchmarks.arrays import split_half_reliability
from m2m_benchmarks.benchmarks.comparisons import load_comparison
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.benchmarks.recordings import AreaRecordings
from m2m_benchmarks.scoring.layer_choice import split_neuroids
from m2m_benchmarks.testing import RecordedCandidate

N_LATENT, N_FEATURES, N_LAYERS = 12, 60, 3
#: Numbers of stimuli, animals, neuroids of an animal, and trials.
SIZE = {'stimuli': 118, 'animals': 8, 'neuroids': 25, 'trials': 20}
#: Spread of the animals' populations around that of the species.
ANIMALS = 0.5


class World:
    """Layers of a candidate and the neuroids of a species, as functions of the latent variables of a stimulus."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.layers = [rng.standard_normal((N_LATENT, N_FEATURES)) for _ in range(N_LAYERS)]
        self.species = rng.standard_normal((N_LATENT, N_LATENT))

    def experiment(self, seed: int) -> tuple[AreaRecordings, list[np.ndarray]]:
        """Simulate recordings of new animals for new stimuli, and the responses of the layers to them."""
        rng = np.random.default_rng([1, seed])
        scale = np.arange(1, N_LATENT + 1) ** -0.5
        latent = rng.standard_normal((SIZE['stimuli'], N_LATENT)) * scale
        tuned, noise_sd, animals = [], [], []
        for animal in range(SIZE['animals']):
            own = self.species + ANIMALS * rng.standard_normal(self.species.shape)
            weights = own @ rng.standard_normal((N_LATENT, SIZE['neuroids']))
            tuned.append(np.maximum(latent @ weights, 0))
            # Standard deviation of the signal over all stimuli, which is that of a half-normal variable with its zeros:
            # the noise is a property of the neuroid, not of the stimuli that happen to be drawn.
            noise_sd.append(1.5 * np.linalg.norm(scale[:, None] * weights, axis=0) * math.sqrt(0.5 - 0.5 / math.pi))
            animals += [f'mouse{animal}'] * SIZE['neuroids']
        signal = np.concatenate(tuned, axis=1)
        noise = rng.standard_normal((SIZE['trials'], *signal.shape)) * np.concatenate(noise_sd)
        layers = [np.maximum(latent @ weights, 0) for weights in self.layers]
        return recordings(signal + noise, np.array(animals)), layers


def recordings(trials: np.ndarray, animals: np.ndarray) -> AreaRecordings:
    """Make recordings of shape (n_trials, n_stimuli, n_neuroids)."""
    reliability = split_half_reliability(trials, 20)
    kept = reliability > 0.1  # few neuroids are left out: the choice is not what is tested
    names = [f's{number:03d}' for number in range(trials.shape[1])]
    mean = NeuronRecordingAssembly(
        trials[:, :, kept].mean(axis=0),
        coords={
            'stimulus_id': ('presentation', names),
            'object_name': ('presentation', names),
            'neuroid_id': ('neuroid', [f'n{number}' for number in np.flatnonzero(kept)]),
            'animal': ('neuroid', animals[kept]),
            'reliability': ('neuroid', reliability[kept]),
        },
        dims=['presentation', 'neuroid'],
    )
    stimuli = StimulusSet([{'stimulus_id': name} for name in names])
    stimuli.identifier = 'simulated'
    mean.attrs['stimulus_set'] = stimuli
    return AreaRecordings(trials[:, :, kept], mean, stimuli, [(0.0, 100.0)], '', 0, 0)


def benchmark_of(comparison: str, recorded: AreaRecordings, n_draws: int) -> AreaBenchmark:
    """Make a benchmark of simulated recordings."""
    own = copy.copy(load_comparison(comparison))
    own.n_draws = n_draws
    own.further = own.other_mice = lambda recorded: {}  # not needed here
    return AreaBenchmark('Simulated', 'VISp', own, selected=recorded)


def chosen(benchmark: AreaBenchmark, layers: list[np.ndarray], cross_fitted: bool):
    """Name the parts of a benchmark and the model of each: the first layer of all, or cross-fitted ones of halves."""
    models = [RecordedCandidate(lambda stimuli, area, values=values: values) for values in layers]
    if not cross_fitted:
        return None, [benchmark], models[:1]
    halves = split_neuroids(benchmark)
    best = [models[int(np.argmax([half.raw(model) for model in models]))] for half in (halves.second, halves.first)]
    return halves, [halves.first, halves.second], best


def values(comparison: str, recorded: AreaRecordings, layers: list[np.ndarray], cross_fitted: bool):
    """Compute raw and the score, without errors."""
    benchmark = benchmark_of(comparison, recorded, 1)
    _, parts, models = chosen(benchmark, layers, cross_fitted)
    own = benchmark.comparison
    features = [part.features(model) for part, model in zip(parts, models, strict=True)]
    raws = [own.raw(each, part.recordings) for each, part in zip(features, parts, strict=True)]
    ceilings = [own.ceiling(part.recordings) for part in parts]
    if raws[0].per_neuroid is not None:  # one median of all
        raw, ceiling = (float(np.median(np.concatenate([x.per_neuroid for x in each]))) for each in (raws, ceilings))
    else:
        raw, ceiling = (float(np.mean([x.value for x in each])) for each in (raws, ceilings))
    return raw, own.uncut(raw, ceiling)


@dataclass(frozen=True)
class Coverage:
    """Intervals of experiments, the truth that they should hold, and the errors beside the spread of fresh scores.

    Attributes
    ----------
    truth : array, shape (2,)
        Raw value and score, means over fresh experiments.
    raw, score : array, shape (n_experiments, 2)
        95 % intervals; experiments without a score are left out.
    error : float
        Mean error of the score.
    spread : float
        Standard deviation of the score over fresh experiments.
    """

    truth: np.ndarray
    raw: np.ndarray
    score: np.ndarray
    error: float
    spread: float

    def held(self) -> tuple[float, float]:
        """Shares of the intervals of raw and score that hold the truth."""
        return share_holding(self.raw, self.truth[0]), share_holding(self.score, self.truth[1])


def share_holding(intervals: np.ndarray, truth: float) -> float:
    """Share of intervals, shape (n, 2), that hold the truth."""
    low, high = np.reshape(intervals, (-1, 2)).T
    return float(np.mean((low <= truth) & (truth <= high))) if len(low) else math.nan


def coverage(comparison: str, cross_fitted: bool, n_experiments: int, n_fresh: int, n_draws: int) -> Coverage:
    """Score experiments with their intervals, and fresh ones for the truth."""
    world = World()
    fresh = np.array([values(comparison, *world.experiment(seed), cross_fitted) for seed in range(n_fresh)])
    raw, score, errors = [], [], []
    for seed in range(n_experiments):
        recorded, layers = world.experiment(10**6 + seed)
        benchmark = benchmark_of(comparison, recorded, n_draws)
        halves, _, models = chosen(benchmark, layers, cross_fitted)
        own = benchmark(models[0]) if halves is None else benchmark.score_halves(halves, models)
        raw.append(own.attrs['raw_interval'])
        if not math.isnan(float(own)):
            score.append(own.attrs['interval'])
            errors.append(own.attrs['error'])
    error = float(np.mean(errors)) if errors else math.nan
    return Coverage(fresh.mean(axis=0), np.array(raw), np.array(score), error, float(fresh[:, 1].std()))


def main() -> None:
    """Print the share of experiments whose interval holds the truth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--experiments', type=int, default=500)
    parser.add_argument('--fresh', type=int, default=2000)
    parser.add_argument('--draws', type=int, default=200)
    parser.add_argument('--comparisons', nargs='+', default=['rdm', 'ridge'])
    parser.add_argument('--layers', nargs='+', default=['named', 'cross-fitted'], choices=['named', 'cross-fitted'])
    options = parser.parse_args()
    print(f'{SIZE}, {options.experiments} experiments, truth from {options.fresh}, {options.draws} draws')
    print('| comparison | layer | raw, truth | score, truth | raw held | score held | mean error | sd of score |')
    print('|---|---|--:|--:|--:|--:|--:|--:|')
    for comparison in options.comparisons:
        for layer in options.layers:
            own = coverage(comparison, layer == 'cross-fitted', options.experiments, options.fresh, options.draws)
            held_raw, held = own.held()
            print(
                f'| {comparison} | {layer} | {own.truth[0]:.3f} | '
                f'{own.truth[1]:.3f} | {held_raw:.3f} | {held:.3f} | {own.error:.4f} | {own.spread:.4f} |',
                flush=True,
            )


if __name__ == '__main__':
    main()
