"""Bootstrap draws of scores: over neurons for regression, over stimuli for RSA."""

import functools
from collections.abc import Sequence

import numpy as np

from m2m_benchmarks.arrays.rdm import number_distances
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


def rsa(first: np.ndarray, second: np.ndarray, counts: np.ndarray | None = None) -> float:
    """Spearman correlation of two RDMs, of stimuli that may be repeated.

    Parameters
    ----------
    first, second : array of int, shape (n_stimuli * (n_stimuli - 1) / 2,)
        Distances of each RDM, numbered by `number_distances`.
    counts : array of int, shape (n_stimuli,), optional
        How often each stimulus is drawn, by default once. Pairs of a stimulus with itself are left out.

    Returns
    -------
    float
        0 where all distances of either RDM are equal.
    """
    return float(rsa_with_each(first, [second], counts)[0])


def rsa_with_each(first: np.ndarray, others: Sequence[np.ndarray], counts: np.ndarray | None = None) -> np.ndarray:
    """Spearman correlations of an RDM with each of several; see `rsa`.

    Parameters
    ----------
    first : array of int, shape (n_stimuli * (n_stimuli - 1) / 2,)
    others : sequence of arrays like `first`
    counts : array of int, shape (n_stimuli,), optional

    Returns
    -------
    array, shape (len(others),)
    """
    correlations = np.zeros(len(others))
    weights = None
    if counts is not None:
        drawn, weights = _drawn_pairs(counts)
        first, others = first[drawn], [other[drawn] for other in others]
    if not len(first):
        return correlations
    ranks, length = _centred_ranks(first, weights)
    if weights is not None:
        ranks *= weights
    for i, other in enumerate(others):
        other_ranks, other_length = _centred_ranks(other, weights)
        if length * other_length > 0:
            correlations[i] = ranks @ other_ranks / np.sqrt(length * other_length)
    return correlations.clip(-1, 1)  # rounding


def _drawn_pairs(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the pairs of different drawn stimuli as `upper_triangle` does, and count how often each is drawn."""
    drawn, n = np.flatnonzero(counts), len(counts)
    # Row by row below the diagonal, the pairs of the first stimuli come first.
    later, earlier = (each[: len(drawn) * (len(drawn) - 1) // 2] for each in _pairs_below(n))
    first, second = drawn[earlier], drawn[later]
    counts = counts.astype(float)
    return first * n - first * (first + 1) // 2 + second - first - 1, counts[first] * counts[second]


@functools.lru_cache(maxsize=8)
def _pairs_below(n: int) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.tril_indices(n, k=-1)
    rows.flags.writeable = columns.flags.writeable = False
    return rows, columns


def _centred_ranks(order: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, float]:
    """Rank entries that may be repeated, less the mean rank; and sum the squares over all repetitions."""
    totals = np.bincount(order, weights=weights)
    ranks = np.cumsum(totals, dtype=float)
    ranks -= (totals + ranks[-1]) / 2
    return ranks[order], float(totals @ ranks**2)


def weighted_ranks(order: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Rank entries that are repeated; ties get their mean rank.

    Parameters
    ----------
    order : array of int, shape (n,)
        Numbers of the distinct values in ascending order.
    weights : array, shape (n,)
        Number of repetitions of each entry.

    Returns
    -------
    array, shape (n,)
        Mean rank of the repetitions of each entry, less one half.
    """
    totals = np.bincount(order, weights=weights)
    ranks: np.ndarray = (np.cumsum(totals) - totals / 2)[order]
    return ranks
