"""Representational similarity: Spearman correlation of two RDMs, also of stimuli that are repeated."""

import functools
from dataclasses import dataclass

import numpy as np

from m2m_benchmarks.arrays.rdm import number_distances

#: Most stimuli of which the pairs of draws are kept; those of 1024 draws then take 200 MB at most.
_FEW_STIMULI = 256


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
    numbers : array of int, shape (n_stimuli * (n_stimuli - 1) / 2,)
        Distances, numbered by `number_distances`.
    counts : array of int, shape (n_stimuli,), optional
        How often each stimulus is drawn, by default once. Pairs of a stimulus with itself are left out.
    """
    weights = None
    if counts is not None:
        drawn, weights = drawn_pairs(counts)
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


def drawn_pairs(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the pairs of different drawn stimuli as `upper_triangle` does, and count how often each is drawn.

    Candidates and areas have the same draws: the pairs of few stimuli are kept.
    """
    counts = np.asarray(counts, dtype=np.int64)
    return _kept_pairs(counts.tobytes()) if len(counts) <= _FEW_STIMULI else _drawn_pairs(counts)


@functools.lru_cache(maxsize=1024)
def _kept_pairs(counts: bytes) -> tuple[np.ndarray, np.ndarray]:
    return _drawn_pairs(np.frombuffer(counts, dtype=np.int64))


def _drawn_pairs(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    drawn, n = np.flatnonzero(counts), len(counts)
    # Row by row below the diagonal, the pairs of the first stimuli come first.
    later, earlier = (each[: len(drawn) * (len(drawn) - 1) // 2] for each in _pairs_below(n))
    first, second = drawn[earlier], drawn[later]
    weights = (counts[first] * counts[second]).astype(np.min_scalar_type(counts.max(initial=0) ** 2))
    return first * n - first * (first + 1) // 2 + second - first - 1, weights


@functools.lru_cache(maxsize=8)
def _pairs_below(n: int) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.tril_indices(n, k=-1)
    rows.flags.writeable = columns.flags.writeable = False
    return rows, columns


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
