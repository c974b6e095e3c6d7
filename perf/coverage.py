"""Count how often 95 % intervals hold the truth, over simulated experiments.

Each experiment has new stimuli, new animals and new neuroids. The truth is the mean of the same statistic over many
further experiments of the same size. It is done for a named layer and for cross-fitted layers, with RSA and ridge.

    python perf/coverage.py --experiments 500 --fresh 2000
"""

import argparse
import copy
import math

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
        latent = rng.standard_normal((SIZE['stimuli'], N_LATENT)) * np.arange(1, N_LATENT + 1) ** -0.5
        tuned, animals = [], []
        for animal in range(SIZE['animals']):
            own = self.species + ANIMALS * rng.standard_normal(self.species.shape)
            weights = own @ rng.standard_normal((N_LATENT, SIZE['neuroids']))
            tuned.append(np.maximum(latent @ weights, 0))
            animals += [f'mouse{animal}'] * SIZE['neuroids']
        signal = np.concatenate(tuned, axis=1)
        noise = rng.standard_normal((SIZE['trials'], *signal.shape)) * signal.std(axis=0) * 1.5
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


def main() -> None:
    """Print the share of experiments whose interval holds the truth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--experiments', type=int, default=500)
    parser.add_argument('--fresh', type=int, default=2000)
    parser.add_argument('--draws', type=int, default=200)
    parser.add_argument('--comparisons', nargs='+', default=['rdm', 'ridge'])
    options = parser.parse_args()
    world = World()
    print(f'{SIZE}, {options.experiments} experiments, truth from {options.fresh}, {options.draws} draws')
    print('comparison  layer         value   truth  held raw  held score  mean error  sd of score')
    for comparison in options.comparisons:
        for cross_fitted in (False, True):
            fresh = []
            for seed in range(options.fresh):
                recorded, layers = world.experiment(seed)
                fresh.append(values(comparison, recorded, layers, cross_fitted))
            truth_raw, truth = np.mean(fresh, axis=0)
            held, held_raw, errors = [], [], []
            for seed in range(options.experiments):
                recorded, layers = world.experiment(10**6 + seed)
                benchmark = benchmark_of(comparison, recorded, options.draws)
                halves, _, models = chosen(benchmark, layers, cross_fitted)
                own = benchmark(models[0]) if halves is None else benchmark.score_halves(halves, models)
                low, high = own.attrs['raw_interval']
                held_raw.append(low <= truth_raw <= high)
                if not math.isnan(float(own)):
                    low, high = own.attrs['interval']
                    held.append(low <= truth <= high)
                    errors.append(own.attrs['error'])
            name = 'cross-fitted' if cross_fitted else 'named'
            spread = np.std([score for _, score in fresh])
            print(
                f'{comparison:10}  {name:12}  {truth_raw:6.3f}  {truth:6.3f}  {np.mean(held_raw):8.3f}  '
                f'{np.mean(held) if held else math.nan:10.3f}  {np.mean(errors) if errors else math.nan:10.4f}  '
                f'{spread:11.4f}',
                flush=True,
            )


if __name__ == '__main__':
    main()
