"""Distributions of single neurons' responses beside those of the units that match them."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from m2m_benchmarks.analysis.entries import check_different, parse_entries
from m2m_benchmarks.arrays import half_means, standardize
from m2m_benchmarks.arrays.distributions import overlap, to_range, wasserstein
from m2m_benchmarks.arrays.means import Mean, mean_over_animals
from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.errors import BenchmarkError
from m2m_benchmarks.plugins import load_benchmark
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.layer_model import layer_features

#: What a neuron is compared with besides the candidates' units.
SHUFFLED, HALVES = 'shuffled', 'halves of the trials'
MEASURES = {'overlap': overlap, 'wasserstein': wasserstein}
#: Bootstrap draws of images for an example.
N_DRAWS = 1000


@dataclasses.dataclass(frozen=True)
class Example:
    """A neuron and the units that match it, on the images that they were not matched on, from 0 to 1.

    Attributes
    ----------
    neuroid_id : str
    values : dict
        Responses of the neuron ('neuron') and of each candidate's unit.
    overlaps : dict
        Overlap with each candidate's unit, and its 95 % bootstrap interval over images.
    """

    neuroid_id: str
    values: dict[str, list[float]]
    overlaps: dict[str, tuple[float, float, float]]


@dataclasses.dataclass(frozen=True)
class Distributions:
    """How alike the distributions of neurons and their matched units are.

    Attributes
    ----------
    benchmark : str
    candidates : list of str
    neurons : DataFrame
        One row a neuron: neuroid_id, animal, and a column for each measure and what it is compared with.
    means : dict
        For each measure, the mean for each candidate, for its shuffled matches, for the halves of the trials, and for
        the difference of the candidates.
    most, least : Example
        Neurons with the largest and the smallest overlap, mean over candidates.
    """

    benchmark: str
    candidates: list[str]
    neurons: pd.DataFrame
    means: dict[str, dict[str, Mean]]
    most: Example
    least: Example

    def document(self) -> dict[str, Any]:
        """Convert to a dictionary for JSON."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        means = {name: {key: dataclasses.asdict(mean) for key, mean in own.items()} for name, own in self.means.items()}
        examples = {name: dataclasses.asdict(fields[name]) for name in ('most', 'least')}
        return {**fields, 'neurons': self.neurons.to_dict('records'), 'means': means, **examples}

    def examples(self) -> pd.DataFrame:
        """Make the table of both examples: responses of the neuron and of each candidate's unit to each image."""
        tables = [
            pd.DataFrame({'example': name, 'neuroid_id': own.neuroid_id, **own.values})
            for name, own in (('most', self.most), ('least', self.least))
        ]
        return pd.concat(tables, ignore_index=True)


def distributions(
    models: Sequence[str], benchmark: str, weights: str = 'default', seed: int = 0, progress: Progress | None = None
) -> Distributions:
    """Compare the distributions of neurons' responses with those of the units of two candidates that match them.

    Parameters
    ----------
    models : sequence of str
        Two candidates, such as a network with NeuRN and the same without; see `analysis.entries.parse_entries`.
    benchmark : str
        Benchmark of an area or a population, whose reliable neurons are compared.
    weights : str
        Weights of models without `@`.
    seed : int
        Random seed of untrained weights, the halves of the images and of the shuffled matches.
    progress : callable, optional

    Raises
    ------
    M2MError
        When there are not two models, one isn't a network, or the benchmark isn't of an area with repeated trials.
    """
    if isinstance(models, str) or len(models) != 2:
        raise BenchmarkError(f'expected two models, got {len(models)}.')
    entries = parse_entries(models, weights)
    check_different(entries, None)
    area = load_benchmark(benchmark)
    if not isinstance(area, AreaBenchmark):
        raise BenchmarkError(f'{benchmark} is not of the neurons of one area; name one, such as Siegle2021.VISp-rdm.')
    if len(area.recordings.trials) == 1:
        raise BenchmarkError(f'{benchmark} has one trial of each stimulus, so its neurons have no halves to compare.')
    units = {}
    for entry in entries:
        candidate = load_candidate(entry.spec.name, weights=entry.spec.weights, seed=seed)
        activations = Activations(candidate, progress)
        features = layer_features(activations, area, candidate.layers, FeatureForm.UNITS)
        units[entry.label] = np.concatenate([own.values for _, own in features], axis=1)
    recorded = area.recordings
    halves = next(half_means(recorded.trials, 1))
    ids = recorded.mean['neuroid_id'].values.astype(str)
    return compare_distributions(benchmark, recorded.mean.values, halves, ids, recorded.animals, units, seed)


def compare_distributions(
    benchmark: str,
    responses: np.ndarray,
    halves: tuple[np.ndarray, np.ndarray],
    neuroid_ids: Sequence[str],
    animals: np.ndarray,
    units: dict[str, np.ndarray],
    seed: int = 0,
) -> Distributions:
    """Compare neurons with the units of two candidates that match them.

    The unit of a neuron is, of those that vary, the one whose responses correlate most with its own on a random half of
    the images. On the other half, both are brought to the range from 0 to 1, and their distributions are compared.

    Parameters
    ----------
    benchmark : str
    responses : array, shape (n_stimuli, n_neurons)
        Means over trials.
    halves : two arrays, shape (n_stimuli, n_neurons)
        Means of two halves of the trials, as a candidate would be as like a neuron as another recording of it.
    neuroid_ids, animals : sequence, n_neurons
    units : dict of arrays, shape (n_stimuli, n_units)
        Responses of each candidate.
    seed : int

    Raises
    ------
    BenchmarkError
        When no unit of a candidate varies over both halves of the images.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(responses))
    matched_on, compared_on = np.sort(order[: len(order) // 2]), np.sort(order[len(order) // 2 :])
    neurons = to_range(responses[compared_on])
    shuffled = responses[rng.permutation(matched_on)]
    first_half, second_half = (to_range(half[compared_on]) for half in halves)
    pairs = {HALVES: (first_half, second_half)}
    for name, all_units in units.items():
        varying = np.logical_and(*(np.ptp(all_units[images], axis=0) > 0 for images in (matched_on, compared_on)))
        if not varying.any():
            raise BenchmarkError(f'{name} has no unit that varies over both halves of the images.')
        own = all_units[:, varying]
        for key, training in ((name, responses[matched_on]), (f'{name} {SHUFFLED}', shuffled)):
            pairs[key] = (neurons, to_range(own[compared_on][:, best_units(training, own[matched_on])]))
    table = pd.DataFrame({'neuroid_id': neuroid_ids, 'animal': animals})
    means: dict[str, dict[str, Mean]] = {}
    first, second = units
    for measure, function in MEASURES.items():
        values = {key: function(*pair) for key, pair in pairs.items()}
        table = table.assign(**{f'{measure} {key}': own for key, own in values.items()})
        values[f'{first} - {second}'] = values[first] - values[second]
        means[measure] = {key: mean_over_animals(own, animals, seed) for key, own in values.items()}
    joint = (table[f'overlap {first}'] + table[f'overlap {second}']).to_numpy()
    most, least = (
        _example(int(index), neuroid_ids, {name: pairs[name] for name in units}, seed)
        for index in (joint.argmax(), joint.argmin())
    )
    return Distributions(benchmark, list(units), table, means, most, least)


def best_units(neurons: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Index of the unit with the largest Pearson correlation with each neuron.

    Parameters
    ----------
    neurons : array, shape (n_stimuli, n_neurons)
    units : array, shape (n_stimuli, n_units)
    """
    return np.asarray((standardize(neurons).T @ standardize(units)).argmax(axis=1))


def _example(
    index: int, neuroid_ids: Sequence[str], pairs: dict[str, tuple[np.ndarray, np.ndarray]], seed: int
) -> Example:
    """Take one neuron with its units, and the bootstrap intervals of their overlaps over images."""
    values: dict[str, list[float]] = {}
    overlaps = {}
    for name, (neurons, units) in pairs.items():
        neuron, unit = neurons[:, index], units[:, index]
        values |= {'neuron': neuron.tolist(), name: unit.tolist()}
        drawn = np.random.default_rng(seed).integers(0, len(neuron), (len(neuron), N_DRAWS))
        low, high = np.percentile(overlap(neuron[drawn], unit[drawn]), [2.5, 97.5])
        overlaps[name] = (float(overlap(neuron[:, None], unit[:, None])[0]), float(low), float(high))
    return Example(str(neuroid_ids[index]), values, overlaps)
