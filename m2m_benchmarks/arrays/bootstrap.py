"""Bootstrap draws of scores: over neurons for regression, over stimuli for RSA."""

import numpy as np

from m2m_benchmarks.arrays.rdm import number_distances
from m2m_benchmarks.arrays.rsa import rsa
from m2m_benchmarks.arrays.sampling import N_DRAWS


def standard_error(draws: np.ndarray) -> float:
    """Standard error of a statistic: the standard deviation of its bootstrap draws.

    Parameters
    ----------
    draws : array, shape (n_draws,)

    Returns
    -------
    float
        0 for fewer than two draws.
    """
    return float(np.std(draws, ddof=1)) if len(draws) > 1 else 0.0


def median_draws(values: np.ndarray, n_draws: int = N_DRAWS, seed: int = 0) -> np.ndarray:
    """Medians over neurons drawn with replacement.

    Parameters
    ----------
    values : array, shape (n_neurons,) or (n_quantities, n_neurons)
        Values of each neuron. Each draw takes the same neurons for all quantities.
    n_draws : int
    seed : int

    Returns
    -------
    array, shape (n_draws,) or (n_quantities, n_draws)
    """
    values = np.asarray(values, dtype=float)
    rng = np.random.default_rng(seed)
    n_neurons = values.shape[-1]
    medians = np.empty((*values.shape[:-1], n_draws))
    for draw in range(n_draws):
        medians[..., draw] = np.median(values[..., rng.integers(0, n_neurons, n_neurons)], axis=-1)
    return medians


def repeated_medians(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Medians of values that are repeated, for each of some draws.

    Parameters
    ----------
    values : array, shape (n_draws, n) or (n,)
        Values of each draw, or those of all draws; no NaN.
    counts : array of int, shape (n_draws, n)
        How often each value is in each draw: one of them at least once.

    Returns
    -------
    array, shape (n_draws,)
    """
    order = np.broadcast_to(np.argsort(values, axis=-1), counts.shape)
    ordered = np.take_along_axis(np.broadcast_to(values, counts.shape), order, axis=1)
    last = np.cumsum(np.take_along_axis(counts, order, axis=1), axis=1)
    total = last[:, -1:]
    middle = [np.sum(last <= place, axis=1, keepdims=True) for place in ((total - 1) // 2, total // 2)]
    medians: np.ndarray = np.mean([np.take_along_axis(ordered, place, axis=1)[:, 0] for place in middle], axis=0)
    return medians


def rsa_draws(first: np.ndarray, second: np.ndarray, n_draws: int = N_DRAWS, seed: int = 0) -> np.ndarray:
    """Spearman correlations of two RDMs over stimuli drawn with replacement.

    A stimulus drawn twice has distance 0 to itself in both RDMs, which would inflate the correlation, so pairs of a
    stimulus with itself are left out.

    Parameters
    ----------
    first, second : array, shape (n_stimuli, n_stimuli)
    n_draws : int
    seed : int

    Returns
    -------
    array, shape (n_draws,)

    Notes
    -----
    A draw that contains stimulus i c_i times contains the pair (i, j) c_i * c_j times. Repeated entries are ties, so
    mean ranks follow from sorting all pairs once and from a running sum of the counts.
    """
    n_stimuli = len(first)
    of_first, of_second = number_distances(first), number_distances(second)
    rng = np.random.default_rng(seed)
    draws = np.empty(n_draws)
    for draw in range(n_draws):
        counts = np.bincount(rng.integers(0, n_stimuli, n_stimuli), minlength=n_stimuli)
        draws[draw] = rsa(of_first, of_second, counts)
    return draws
