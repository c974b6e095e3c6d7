"""What a network's own units would get, in place of the recorded neuroids."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from m2m_benchmarks.arrays.simulation import (
    Population,
    matching_order,
    population_of,
    simulate_means,
    simulate_trials,
)
from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm, Features
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.benchmarks.recordings import AreaRecordings
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.layer_model import layer_features


@dataclass(frozen=True)
class OwnUnits:
    """Raw value of a layer for neuroids that are simulated as units of the same layer.

    Attributes
    ----------
    value : float
        Mean over simulated recordings.
    interval : (low, high)
        Range of a single recording: 95 % prediction interval by Student's t.
    values : tuple of float
        Value of each recording.
    factor : float
        See `of`.
    """

    value: float
    interval: tuple[float, float]
    values: tuple[float, ...]
    factor: float = 1.0

    @classmethod
    def of(cls, values: Sequence[float] | np.ndarray, factor: float = 1.0) -> 'OwnUnits':
        """Summarize the values of two or more simulated recordings.

        Parameters
        ----------
        values : sequence of float
        factor : float
            Variance of a recording of further units around the values' mean, relative to the variance of the values;
            see `sampling_factor`.
        """
        from scipy.stats import t  # takes a second to import

        n, mean = len(values), float(np.mean(values))
        half = float(t.ppf(0.975, n - 1) * np.std(values, ddof=1) * np.sqrt(factor + 1 / n))
        return cls(mean, (mean - half, mean + half), tuple(map(float, values)), factor)

    @classmethod
    def joined(cls, halves: 'Sequence[OwnUnits]') -> 'OwnUnits':
        """Average the values of each recording over halves of the neuroids."""
        if len(halves) == 1:
            return halves[0]
        return cls.of(np.mean([half.values for half in halves], axis=0), max(half.factor for half in halves))


def own_units(
    activations: Activations,
    benchmark: AreaBenchmark,
    layer: str,
    n_recordings: int = 10,
    seed: int = 0,
    layers: Sequence[str] = (),
) -> OwnUnits | None:
    """Compute the raw value of a layer for recordings of its own units.

    Each recording has as many random units of the layer as neuroids were recorded, with the neuroids' reliabilities,
    means, gains and numbers of trials. It answers what raw a perfect copy of the layer would get, recorded so.

    Parameters
    ----------
    activations : Activations
    benchmark : AreaBenchmark
    layer : str
    n_recordings : int
        Number of simulated recordings, two or more.
    seed : int
        Random seed of the units and their noise.
    layers : sequence of str
        Further layers whose units are computed in the same forward pass, for later calls.

    Returns
    -------
    OwnUnits or None
        None for recordings of one trial, whose noise isn't known, where no unit of the sample varies, and for a
        comparison that takes too long to be computed that often (`Comparison.chosen_by`) or is a publication's.
    """
    recorded = benchmark.recordings
    comparison = benchmark.comparison
    if len(recorded.trials) == 1 or comparison.chosen_by is not None or not comparison.cross_fitted:
        return None
    together = list(layers) if layer in layers else [layer, *layers]
    activations(benchmark.stimulus_set, together, FeatureForm.MANY_UNITS)
    ((_, units),) = layer_features(activations, benchmark, [layer], FeatureForm.MANY_UNITS)
    if (units.values == units.values[:1]).all():
        return None
    ((_, compared),) = layer_features(activations, benchmark, [layer])
    sampled = activations.n_units([layer])[layer] > units.values.shape[1]
    return recorded_units(benchmark, compared, units.values, n_recordings, seed, sampled)


def recorded_units(
    benchmark: AreaBenchmark,
    compared: Features,
    units: np.ndarray,
    n_recordings: int = 10,
    seed: int = 0,
    sampled: bool = False,
) -> OwnUnits:
    """Compute the raw value of features for recordings that are simulated from given units.

    Parameters
    ----------
    benchmark : AreaBenchmark
    compared : Features
        Features of a layer, as the comparison needs them.
    units : array, shape (n_stimuli, n_units)
    n_recordings : int
    seed : int
        Random seed of the units that are drawn, and of their noise.
    sampled : bool
        Whether `units` are a sample of the layer's units; then the interval is for units of the whole layer.
    """
    recorded = benchmark.recordings
    population = population_of(recorded.trials, recorded.reliability)
    rng = np.random.default_rng(seed)
    simulated = (
        simulated_recordings(benchmark, recorded, draw_units(units, population, rng), population, rng)
        for _ in range(n_recordings)
    )
    values = [raw.value for raw in benchmark.compare(compared, simulated)]
    n_varying = np.count_nonzero((units != units[:1]).any(axis=0))
    return OwnUnits.of(values, sampling_factor(len(population.mean), n_varying) if sampled else 1.0)


def sampling_factor(n_neuroids: int, n_units: int) -> float:
    """Compute the variance of a value on new units, relative to its variance over draws from one sample of units.

    Parameters
    ----------
    n_neuroids : int
        Number of units in each draw.
    n_units : int
        Number of units in the sample.

    Returns
    -------
    float
        With the share f of the sample in a draw: (1 + f) / (1 - f) for draws without replacement, whose values vary
        less by the factor 1 - f than those of new units (Cochran 1977, Sampling Techniques, section 2.6), while their
        mean varies with the sample. 1 + f for draws with replacement, from fewer units than neuroids.
    """
    share = n_neuroids / n_units
    return (1 + share) / (1 - share) if share < 1 else 1 + share


def draw_units(units: np.ndarray, population: Population, rng: np.random.Generator) -> np.ndarray:
    """Draw a unit for each neuroid, of those that vary: without replacement where there are more of them.

    Parameters
    ----------
    units : array, shape (n_stimuli, n_units)
    population : Population
    rng : Generator

    Returns
    -------
    array, shape (n_stimuli, n_neuroids)
        Units in the order of the neuroids whose scale is most like theirs (`matching_order`).
    """
    varying = np.flatnonzero((units != units[:1]).any(axis=0))
    if not len(varying):
        raise ValueError('none of the units of the layer varies over the stimuli')
    n_neuroids = len(population.mean)
    drawn = units[:, rng.choice(varying, n_neuroids, replace=len(varying) <= n_neuroids)].astype(float)
    return drawn[:, matching_order(drawn, population)]


def simulated_recordings(
    benchmark: AreaBenchmark,
    recorded: AreaRecordings,
    units: np.ndarray,
    population: Population,
    rng: np.random.Generator,
    n_trials: np.ndarray | int | None = None,
) -> AreaRecordings:
    """Simulate recordings for a benchmark: their means, or their single trials where its comparison needs these.

    Parameters
    ----------
    benchmark : AreaBenchmark
    recorded : AreaRecordings
        Recordings whose responses are replaced.
    units, population, rng, n_trials
        See `simulate_means`.
    """
    if not benchmark.comparison.needs_trials:
        return with_means(recorded, simulate_means(units, population, rng, n_trials))
    trials = simulate_trials(units, population, rng, n_trials)
    counts = (~np.isnan(trials)).sum(axis=0)
    means = np.where(counts > 0, np.nansum(trials, axis=0) / np.maximum(counts, 1), np.nan)
    return dataclasses.replace(with_means(recorded, means), trials=trials)


def with_means(recorded: AreaRecordings, means: np.ndarray) -> AreaRecordings:
    """Replace the responses of recordings by means, which are those of a single trial each.

    Parameters
    ----------
    recorded : AreaRecordings
    means : array, shape (n_stimuli, n_neuroids)
        Mean responses; NaN, where nothing was recorded, becomes the mean over the other stimuli, as in the recordings.
    """
    filled = np.where(np.isnan(means), np.nanmean(means, axis=0), means)
    mean = recorded.mean.copy(deep=False, data=filled)
    return dataclasses.replace(recorded, mean=mean, trials=filled[None], sha256='')
