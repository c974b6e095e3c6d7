"""Similarities of two RDMs: Spearman's and Pearson's correlation, Kendall's tau-a, and the whitened cosine."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from m2m_benchmarks.arrays.distances import DISTANCES, Distance
from m2m_benchmarks.arrays.rdm import number_distances, rounding, upper_triangle
from m2m_benchmarks.arrays.rsa import drawn_pairs, rsa_with_each


@dataclass(frozen=True)
class Comparator:
    """A similarity of two RDMs of the same stimuli.

    Attributes
    ----------
    prepare : callable
        Function of an RDM, shape (n_stimuli, n_stimuli), and of the scale of its distances (`Distance.scale`), which
        returns what the next function takes.
    with_each : callable
        Function of one prepared RDM, of a sequence of others, and of the number of times that each stimulus is drawn,
        shape (n_stimuli,), or None; it returns the similarity of the first with each of the others, 0 where either is
        constant. Pairs of a stimulus with itself are left out.
    correlation, similarity : callable
        Functions between a similarity and the correlation that two RDMs of this similarity have if they are normal.
    """

    prepare: Callable[[np.ndarray, float], np.ndarray]
    with_each: Callable[[np.ndarray, Sequence[np.ndarray], np.ndarray | None], np.ndarray]
    correlation: Callable[[np.ndarray], np.ndarray] = np.asarray
    similarity: Callable[[np.ndarray], np.ndarray] = np.asarray


def _numbers(matrix: np.ndarray, scale: float) -> np.ndarray:
    numbers = number_distances(matrix, scale)
    return numbers.astype(np.min_scalar_type(len(numbers)))  # many may be kept


def _distances(matrix: np.ndarray, scale: float) -> np.ndarray:
    """Distances above the diagonal; zeros where they differ by rounding alone."""
    distances = upper_triangle(matrix)
    constant = len(distances) == 0 or np.ptp(distances) <= rounding(len(matrix), scale)
    return np.zeros_like(distances) if constant else distances


def pearson_with_each(first: np.ndarray, others: Sequence[np.ndarray], counts: np.ndarray | None = None) -> np.ndarray:
    """Pearson correlations of the distances of an RDM with those of each of several.

    Parameters
    ----------
    first : array, shape (n_stimuli * (n_stimuli - 1) / 2,)
        Distances in the order of `upper_triangle`.
    others : sequence of arrays like `first`
    counts : array of int, shape (n_stimuli,), optional
        How often each stimulus is drawn, by default once. A pair counts as often as both are drawn together; pairs of a
        stimulus with itself are left out.

    Returns
    -------
    array, shape (len(others),)
        0 where either is constant.
    """
    weights: np.ndarray | float = 1.0
    if counts is not None:
        drawn, weights = drawn_pairs(counts)
        first, others = first[drawn], [other[drawn] for other in others]
    centred = [_centred(each, weights) for each in (first, *others)]
    lengths = [float(np.sqrt(np.sum(weights * each**2))) for each in centred]
    products = [float(np.sum(weights * centred[0] * each)) for each in centred[1:]]
    scales = [lengths[0] * length for length in lengths[1:]]
    return _ratios(products, scales)


def _ratios(products: list[float], scales: list[float]) -> np.ndarray:
    """Similarities in [-1, 1]; 0 where the scale is 0."""
    ratios = [product / scale if scale > 0 else 0.0 for product, scale in zip(products, scales, strict=True)]
    return np.array(ratios).clip(-1, 1)  # rounding


def _centred(values: np.ndarray, weights: np.ndarray | float) -> np.ndarray:
    """Values less their weighted mean; zeros where all are equal, whose mean may be rounded."""
    if not len(values) or values.max() == values.min():
        return np.zeros_like(values)
    centred: np.ndarray = values - np.average(values, weights=np.broadcast_to(weights, values.shape))
    return centred


def tau_a_with_each(first: np.ndarray, others: Sequence[np.ndarray], counts: np.ndarray | None = None) -> np.ndarray:
    """Kendall's tau-a of an RDM with each of several: concordant less discordant pairs of distances, of all pairs.

    Parameters
    ----------
    first : array of int, shape (n_stimuli * (n_stimuli - 1) / 2,)
        Distances, numbered by `number_distances`.
    others : sequence of arrays like `first`
    counts : array of int, shape (n_stimuli,), optional
        How often each stimulus is drawn, by default once. Distances that are drawn repeatedly are ties.

    Returns
    -------
    array, shape (len(others),)

    Notes
    -----
    scipy's tau-b, which counts discordant pairs in O(n log n), is divided by the geometric mean of the numbers of pairs
    that aren't ties in each RDM.
    """
    from scipy.stats import kendalltau  # takes a second to import

    if counts is not None:
        drawn, weights = drawn_pairs(counts)
        repeated = weights.astype(int)
        first, others = (np.repeat(first[drawn], repeated), [np.repeat(other[drawn], repeated) for other in others])
    n_pairs = len(first) * (len(first) - 1) / 2
    values = np.zeros(len(others))
    for i, other in enumerate(others):
        untied = [n_pairs - np.sum(ties * (ties - 1) / 2) for ties in (np.bincount(first), np.bincount(other))]
        if min(untied) > 0:
            values[i] = kendalltau(first, other).statistic * np.sqrt(untied[0]) * np.sqrt(untied[1]) / n_pairs
    return values


def whitened_cosine_with_each(
    first: np.ndarray, others: Sequence[np.ndarray], counts: np.ndarray | None = None
) -> np.ndarray:
    """Whitened cosine of an RDM with each of several.

    The covariance of the distances is that of patterns with equal and independent noise for each stimulus. Whitened by
    it, distances are the entries of the doubly centred matrix of inner products: the cosine is linear CKA, biased, of
    squared Euclidean distances (`cosine_cov` of rsatoolbox).

    Parameters
    ----------
    first : array, shape (n_stimuli, n_stimuli)
        RDM.
    others : sequence of arrays like `first`
    counts : array of int, shape (n_stimuli,), optional
        1 for the stimuli to compare and 0 for the others, by default all.

    Returns
    -------
    array, shape (len(others),)
        0 where all distances of either are 0. Unrelated RDMs have a similarity above 0.

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
        drawn = np.ix_(np.flatnonzero(counts), np.flatnonzero(counts))
        first, others = first[drawn], [other[drawn] for other in others]
    products, *of_others = (_inner_products(each) for each in (first, *others))
    scales = [float(np.linalg.norm(products) * np.linalg.norm(each)) for each in of_others]
    return _ratios([float(np.vdot(products, each)) for each in of_others], scales)


def _inner_products(distances: np.ndarray) -> np.ndarray:
    """Inner products of centred patterns, from their squared distances (Torgerson 1952), times -2."""
    rows = distances.mean(axis=1)
    centred: np.ndarray = distances - rows - rows[:, None] + rows.mean()
    return centred


def _whole(matrix: np.ndarray, scale: float) -> np.ndarray:
    """Return the RDM; zeros where no distance is above rounding."""
    return matrix if np.abs(matrix).max(initial=0.0) > rounding(len(matrix), scale) else np.zeros_like(matrix)


#: Similarities of RDMs by their names in those of comparisons.
COMPARATORS = {
    'spearman': Comparator(_numbers, rsa_with_each),
    'pearson': Comparator(_distances, pearson_with_each),
    # Greiner's relation of tau to the correlation of normal variables.
    'kendall': Comparator(
        _numbers,
        tau_a_with_each,
        correlation=lambda tau: np.sin(np.pi / 2 * tau),
        similarity=lambda r: 2 / np.pi * np.arcsin(r),
    ),
    'whitened': Comparator(_whole, whitened_cosine_with_each),
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
        """Yield the prepared RDM of each draw of the units, by default of all of them; see `Distance.rdms`."""
        for matrix in self.distance.rdms(responses, draws):
            yield self.comparator.prepare(matrix, self.distance.scale(matrix))

    def rdm(self, responses: np.ndarray, counts: np.ndarray | None = None) -> np.ndarray:
        """Prepare the RDM of responses, of which each unit counts as often as `counts` says."""
        return next(self.rdms(responses, (counts,)))

    def compare(self, first: np.ndarray, second: np.ndarray, counts: np.ndarray | None = None) -> float:
        """Compare two prepared RDMs; `counts` says how often each stimulus is drawn."""
        return float(self.comparator.with_each(first, [second], counts)[0])
