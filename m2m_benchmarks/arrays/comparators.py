"""Similarities of two RDMs: Spearman's and Pearson's correlation, Kendall's tau-a, and the whitened cosine."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from m2m_benchmarks.arrays.distances import DISTANCES, Distance
from m2m_benchmarks.arrays.pairs import drawn_pairs
from m2m_benchmarks.arrays.rdm import number_values
from m2m_benchmarks.arrays.rsa import correlate_ranks, rank_distances


@dataclass(frozen=True)
class Comparator:
    """A similarity of two RDMs of the same stimuli.

    Attributes
    ----------
    prepare : callable
        Function of the distances of the pairs of `pairs_of`, shape (n_pairs,), and of the largest difference of two
        distances that may be due to rounding. It returns what the next function takes.
    draw : callable
        Function of a prepared RDM, and of the number of times that each stimulus is drawn, shape (n_stimuli,), or None.
        It returns what `compare` takes. Pairs of a stimulus with itself are left out.
    compare : callable
        Function of two drawn RDMs that returns their similarity, 0 where either is constant.
    correlation, similarity : callable
        Functions between a similarity and the correlation that two RDMs of this similarity have if they are normal.
    whole : bool
        Whether `prepare` takes an RDM, shape (n_stimuli, n_stimuli), in place of the distances of pairs.
    """

    prepare: Callable[[np.ndarray, float], np.ndarray]
    draw: Callable[[np.ndarray, np.ndarray | None], Any]
    compare: Callable[[Any, Any], float]
    correlation: Callable[[np.ndarray], np.ndarray] = np.asarray
    similarity: Callable[[np.ndarray], np.ndarray] = np.asarray
    whole: bool = False


def _distances(distances: np.ndarray, smallest: float) -> np.ndarray:
    """Return the distances; zeros where they differ by rounding alone."""
    constant = len(distances) == 0 or np.ptp(distances) <= smallest
    return np.zeros_like(distances) if constant else distances


def unit_distances(distances: np.ndarray, counts: np.ndarray | None = None) -> np.ndarray:
    """Centre the distances of an RDM and scale them to unit length: inner products are Pearson correlations.

    Parameters
    ----------
    distances : array, shape (n_pairs,)
        Distances of all pairs of stimuli, or of those of `pairs_of`.
    counts : array of int, shape (n_stimuli,), optional
        How often each stimulus is drawn, by default once. A pair counts as often as both are drawn together; pairs of a
        stimulus with itself are left out.

    Returns
    -------
    array, shape (n_pairs,)
        Each times the root of how often it counts; zeros where all distances are equal.
    """
    weights = np.ones(1)
    if counts is not None:
        drawn, weights = drawn_pairs(counts, len(distances))
        distances = distances[drawn]
    if not len(distances) or distances.max() == distances.min():  # whose mean may be rounded
        return np.zeros_like(distances)
    weights = np.broadcast_to(weights.astype(float), distances.shape)
    centred: np.ndarray = (distances - np.average(distances, weights=weights)) * np.sqrt(weights)
    return _unit(centred)


def _unit(values: np.ndarray) -> np.ndarray:
    """Scale to unit length; zeros stay zeros."""
    length = float(np.linalg.norm(values))
    return values / length if length > 0 else values


def _inner_product(first: np.ndarray, second: np.ndarray) -> float:
    """Inner product of two arrays of unit length or of zeros, in [-1, 1]."""
    return min(max(float(np.vdot(first, second)), -1.0), 1.0)  # rounding


def repeat_numbers(numbers: np.ndarray, counts: np.ndarray | None = None) -> np.ndarray:
    """Repeat the distances of an RDM as often as their pairs of stimuli are drawn.

    Parameters
    ----------
    numbers : array of int, shape (n_pairs,)
        Distances of all pairs of stimuli, or of those of `pairs_of`, numbered by `number_values`.
    counts : array of int, shape (n_stimuli,), optional
        How often each stimulus is drawn, by default once.
    """
    if counts is None:
        return numbers
    drawn, weights = drawn_pairs(counts, len(numbers))
    return np.repeat(numbers[drawn], weights)


def tau_a(first: np.ndarray, second: np.ndarray) -> float:
    """Kendall's tau-a of two RDMs: concordant less discordant pairs of distances, of all pairs.

    Parameters
    ----------
    first, second : array of int, shape (n,)
        Distances from `repeat_numbers`. Those that are drawn repeatedly are ties.

    Returns
    -------
    float
        0 where all of either are equal.

    Notes
    -----
    scipy's tau-b, which counts discordant pairs in O(n log n), is divided by the geometric mean of the numbers of pairs
    that aren't ties in each RDM.
    """
    from scipy.stats import kendalltau  # takes a second to import

    n_pairs = len(first) * (len(first) - 1) / 2
    untied = [n_pairs - np.sum(ties * (ties - 1) / 2) for ties in (np.bincount(first), np.bincount(second))]
    if not min(untied) > 0:
        return 0.0
    return float(kendalltau(first, second).statistic * np.sqrt(untied[0]) * np.sqrt(untied[1]) / n_pairs)


def whitened_distances(matrix: np.ndarray, counts: np.ndarray | None = None) -> np.ndarray:
    """Whiten the distances of an RDM and scale them to unit length: inner products are whitened cosines.

    The covariance of the distances is that of patterns with equal and independent noise for each stimulus. Whitened by
    it, distances are the entries of the doubly centred matrix of inner products: the cosine is linear CKA, biased, of
    squared Euclidean distances (`cosine_cov` of rsatoolbox). Unrelated RDMs have a similarity above 0.

    Parameters
    ----------
    matrix : array, shape (n_stimuli, n_stimuli)
        RDM.
    counts : array of int, shape (n_stimuli,), optional
        1 for the stimuli to compare and 0 for the others, by default all.

    Returns
    -------
    array, shape (n_drawn, n_drawn)
        Zeros where all distances are 0.

    Raises
    ------
    ValueError
        When a stimulus is drawn twice: it would be similar to itself in both RDMs.

    References
    ----------
    Diedrichsen, Berlot, Mur, Schütt, Shahbazi & Kriegeskorte (2021), Neurons, Behavior, Data Analysis, and Theory 5(3).
    """
    if counts is not None:
        if counts.max(initial=0) > 1:
            raise ValueError('the whitened cosine takes each stimulus once at most')
        matrix = matrix[np.ix_(np.flatnonzero(counts), np.flatnonzero(counts))]
    # Inner products of centred patterns, from their squared distances (Torgerson 1952), times -2.
    rows = matrix.mean(axis=1)
    return _unit(matrix - rows - rows[:, None] + rows.mean())


def _whole(matrix: np.ndarray, smallest: float) -> np.ndarray:
    """Return the RDM; zeros where no distance is above rounding."""
    return matrix if np.abs(matrix).max(initial=0.0) > smallest else np.zeros_like(matrix)


#: Similarities of RDMs by their names in those of comparisons.
COMPARATORS = {
    'spearman': Comparator(number_values, rank_distances, correlate_ranks),
    'pearson': Comparator(_distances, unit_distances, _inner_product),
    # Greiner's relation of tau to the correlation of normal variables.
    'kendall': Comparator(
        number_values,
        repeat_numbers,
        tau_a,
        correlation=lambda tau: np.sin(np.pi / 2 * tau),
        similarity=lambda r: 2 / np.pi * np.arcsin(r),
    ),
    'whitened': Comparator(_whole, whitened_distances, _inner_product, whole=True),
}


@dataclass(frozen=True)
class RSA:
    """A distance of patterns, and a similarity of RDMs.

    Attributes
    ----------
    distance : Distance
    comparator : Comparator
    """

    distance: Distance = DISTANCES['correlation']
    comparator: Comparator = COMPARATORS['spearman']

    def rdms(self, responses: np.ndarray, draws: Iterable[np.ndarray | None] = (None,)) -> Iterator[np.ndarray]:
        """Yield the prepared RDM of each draw of the units, by default of all of them; see `Distance`."""
        of_draws = self.distance.matrices if self.comparator.whole else self.distance.pairs
        for distances in of_draws(responses, draws):
            yield self.comparator.prepare(distances, self.distance.rounding(responses, distances))

    def rdm(self, responses: np.ndarray, counts: np.ndarray | None = None) -> np.ndarray:
        """Prepare the RDM of responses, of which each unit counts as often as `counts` says."""
        return next(self.rdms(responses, (counts,)))

    def compare(self, first: np.ndarray, second: np.ndarray, counts: np.ndarray | None = None) -> float:
        """Compare two prepared RDMs; `counts` says how often each stimulus is drawn."""
        draw = self.comparator.draw
        return self.comparator.compare(draw(first, counts), draw(second, counts))
