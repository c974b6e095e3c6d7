"""Representational similarity: Spearman correlation of two RDMs, also of stimuli that are repeated."""

import functools
from collections.abc import Sequence

import numpy as np

from m2m_benchmarks.arrays.rdm import number_distances


def compare_rdms(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman correlation of the upper triangles of two RDMs (Kriegeskorte, Mur & Bandettini 2008).

    Parameters
    ----------
    first, second : array, shape (n_stimuli, n_stimuli)
        RDMs, as returned by `rdm`.

    Returns
    -------
    float
        Correlation in [-1, 1]; 0 if all distances of either RDM are equal. Distances that differ by rounding alone are
        ties.
    """
    return rsa(number_distances(first), number_distances(second))


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
        drawn, weights = drawn_pairs(counts)
        first, others = first[drawn], [other[drawn] for other in others]
    if not len(first):
        return correlations
    ranks, length = centred_ranks(first, weights)
    if weights is not None:
        ranks *= weights
    for i, other in enumerate(others):
        other_ranks, other_length = centred_ranks(other, weights)
        if length * other_length > 0:
            correlations[i] = ranks @ other_ranks / np.sqrt(length * other_length)
    return correlations.clip(-1, 1)  # rounding


def drawn_pairs(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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


def centred_ranks(order: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, float]:
    """Rank entries that may be repeated, less the mean rank; ties get their mean rank.

    Parameters
    ----------
    order : array of int, shape (n,)
        Numbers of the distinct values in ascending order.
    weights : array, shape (n,), or None
        Number of repetitions of each entry, by default 1.

    Returns
    -------
    ranks : array, shape (n,)
    squares : float
        Sum of their squares over all repetitions; 0 where all entries are equal.
    """
    totals = np.bincount(order, weights=weights)
    ranks = np.cumsum(totals, dtype=float)
    ranks -= (totals + ranks[-1]) / 2
    return ranks[order], float(totals @ ranks**2)
