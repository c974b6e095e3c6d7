"""Means over neurons of several animals, and their intervals for new neurons and for new animals."""

import dataclasses

import numpy as np

from m2m_benchmarks.arrays.sampling import N_DRAWS

#: Fewest animals for an interval over animals.
FEWEST_ANIMALS = 3


@dataclasses.dataclass(frozen=True)
class Mean:
    """Mean over neurons, and its 95 % intervals.

    Attributes
    ----------
    value : float
    interval : tuple of float or None
        For new animals; None for fewer than three.
    neurons : tuple of float
        For new neurons of the same animals.
    """

    value: float
    interval: tuple[float, float] | None
    neurons: tuple[float, float]


def mean_over_animals(values: np.ndarray, animals: np.ndarray, seed: int = 0) -> Mean:
    """Mean over neurons, with its intervals for new animals and for new neurons of these animals.

    Parameters
    ----------
    values, animals : array, shape (n_neurons,)
    seed : int
        Random seed of the bootstrap.
    """
    return Mean(float(values.mean()), _of_animals(values, animals), _of_neurons(values, animals, seed))


def _of_animals(values: np.ndarray, animals: np.ndarray) -> tuple[float, float] | None:
    """Student's interval for new animals, each with the weight of its neurons.

    Percentiles of a bootstrap over as few animals as recordings have are too narrow: `perf/mean_intervals.py` counts
    how often either holds the truth.

    Notes
    -----
    Variance of a ratio over clusters: Cochran (1977), Sampling Techniques, section 11.
    """
    from scipy import stats  # takes a second to import

    names = np.unique(animals)
    if len(names) < FEWEST_ANIMALS:
        return None
    mean = float(values.mean())
    sums = np.array([(values - mean)[animals == name].sum() for name in names])
    error = np.sqrt(len(names) / (len(names) - 1) * (sums**2).sum()) / len(values)
    half = float(stats.t(len(names) - 1).ppf(0.975) * error)
    return mean - half, mean + half


def _of_neurons(values: np.ndarray, animals: np.ndarray, seed: int) -> tuple[float, float]:
    """Percentile interval of a bootstrap of the neurons within each animal."""
    rng = np.random.default_rng(seed)
    sums = np.zeros(N_DRAWS)
    for name in np.unique(animals):
        own = values[animals == name]
        sums += own[rng.integers(0, len(own), (N_DRAWS, len(own)))].sum(axis=1)
    low, high = np.percentile(sums / len(values), [2.5, 97.5])
    return float(low), float(high)
