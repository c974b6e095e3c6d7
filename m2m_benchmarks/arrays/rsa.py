"""Representational similarity: Spearman correlation of two RDMs, also of stimuli that are repeated."""

from dataclasses import dataclass

import numpy as np

from m2m_benchmarks.arrays.pairs import drawn_pairs
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
    first, second : array of int, shape (n_pairs,)
        Distances of each RDM, numbered by `number_distances`.
    counts : array of int, shape (n_stimuli,), optional
        How often each stimulus is drawn, by default once. Pairs of a stimulus with itself are left out.

    Returns
    -------
    float
        0 where all distances of either RDM are equal.
    """
    return correlate_ranks(rank_distances(first, counts), rank_distances(second, counts))


@dataclass(frozen=True)
class Ranks:
    """Ranks of the distances of an RDM, of stimuli that may be repeated.

    Attributes
    ----------
    doubled : array of int, shape (n_pairs,)
        Twice the difference of each rank from the mean rank, of the pairs of different drawn stimuli.
    weights : array or None
        How often each pair is drawn, by default once.
    squares : float
        Sum of the squares of `doubled` over all repetitions; 0 where all distances are equal.
    """

    doubled: np.ndarray
    weights: np.ndarray | None
    squares: float


def rank_distances(numbers: np.ndarray, counts: np.ndarray | None = None) -> Ranks:
    """Rank the distances of an RDM.

    Parameters
    ----------
    numbers : array of int, shape (n_pairs,)
        Distances of all pairs of stimuli, or of those of `pairs_of`, numbered by `number_distances`.
    counts : array of int, shape (n_stimuli,), optional
        How often each stimulus is drawn, by default once. Pairs of a stimulus with itself are left out.
    """
    weights = None
    if counts is not None:
        drawn, weights = drawn_pairs(counts, len(numbers))
        numbers = numbers[drawn]
    doubled, squares = centred_ranks(numbers, weights)
    return Ranks(doubled, weights, squares)


def correlate_ranks(first: Ranks, second: Ranks) -> float:
    """Spearman correlation of two RDMs on the same draw of stimuli; 0 where all distances of either are equal."""
    if not first.squares * second.squares > 0:
        return 0.0
    ranks = first.doubled.astype(float)
    if first.weights is not None:
        ranks *= first.weights
    r = float(ranks @ second.doubled / np.sqrt(first.squares * second.squares))
    return min(max(r, -1.0), 1.0)  # rounding


def centred_ranks(order: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, float]:
    """Rank entries that may be repeated, less the mean rank, times two; ties get their mean rank.

    Parameters
    ----------
    order : array of int, shape (n,)
        Numbers of the distinct values in ascending order.
    weights : array, shape (n,), or None
        Number of repetitions of each entry, by default 1.

    Returns
    -------
    doubled : array of int, shape (n,)
        In the smallest type that holds them, since those of many draws may be kept.
    squares : float
        Sum of their squares over all repetitions; 0 where all entries are equal.
    """
    if not len(order):
        return np.zeros(0, dtype=int), 0.0
    totals = np.bincount(order, weights=weights)
    doubled = np.cumsum(totals, dtype=float)
    n = doubled[-1]
    doubled *= 2
    doubled -= totals + n
    return doubled.astype(np.min_scalar_type(-int(n)))[order], float(totals @ doubled**2)
