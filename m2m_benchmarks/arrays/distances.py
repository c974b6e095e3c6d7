"""Distances of response patterns: RDMs of draws of neuroids, and the distances of the pairs that are compared."""

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import squareform

from m2m_benchmarks.arrays.pairs import pairs_of
from m2m_benchmarks.arrays.rdm import checked_patterns, rdm, rounding, upper_triangle

#: Most stimuli whose whole RDM is computed for a sample of its pairs. Of more, it takes longer than the sampled pairs:
#: ten times as long for 5,000 stimuli and 400 units.
_MOST_SQUARE = 1500
#: Draws that are computed together, and numbers beside the input and the result; both bound the memory.
_DRAWS, _NUMBERS = 64, 4_000_000


def cosine(patterns: np.ndarray, counts: np.ndarray | None = None) -> np.ndarray:
    """RDM of 1 - cosine; see `rdm`."""
    return rdm(patterns, counts, centred=False)


def euclidean(patterns: np.ndarray, counts: np.ndarray | None = None) -> np.ndarray:
    """RDM of squared Euclidean distances, divided by the number of units, as in rsatoolbox.

    Parameters
    ----------
    patterns : array, shape (n_stimuli, n_units)
        One response pattern per row, in any unit of measurement. At least two units; no NaN.
    counts : array of int, shape (n_units,), optional
        How often each unit is in the patterns, by default once.

    Returns
    -------
    array, shape (n_stimuli, n_stimuli)
        Distances in the square of the unit of the responses, float64, symmetric with zero diagonal.

    Raises
    ------
    ValueError
        When `patterns` isn't two-dimensional, has fewer than two units, or contains NaN or infinity.
    """
    patterns, counts = checked_patterns(patterns, counts)
    weights = np.ones(patterns.shape[1]) if counts is None else counts.astype(float)
    # Less the first pattern, so that equal ones are zeros; less the mean, so that common parts don't add rounding.
    moved = patterns.astype(float) - patterns[:1]
    moved -= moved.mean(axis=0)
    products = moved * weights @ moved.T
    squares = np.diag(products)
    distances: np.ndarray = (squares[:, None] + squares - products - products.T) / weights.sum()
    np.fill_diagonal(distances, 0)
    return distances.clip(0)


def crossnobis_of_each(trials: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances of single neuroids, cross-validated over trials: free of the bias by their noise.

    Parameters
    ----------
    trials : array, shape (n_repetitions, n_stimuli, n_neuroids)
        Responses; NaN where nothing was recorded.

    Returns
    -------
    array, shape (n_pairs, n_neuroids)
        Distance of each pair of stimuli of `pairs_of`. Its mean over neuroids is the distance of their patterns. Where
        a neuroid has fewer than two trials of a stimulus, or none of different repetitions, the mean of its other
        distances; 0 where it has none.

    Raises
    ------
    ValueError
        When there are fewer than two repetitions.

    Notes
    -----
    For stimuli i and j, it is the mean over two different repetitions r and s of (x_ri - x_rj)(x_si - x_sj), which is
    that over folds of one repetition each and all others (Walther et al. 2016, NeuroImage 137, with the identity for
    the noise; `calc_rdm_crossnobis` of rsatoolbox). Where trials are missing, the means of x_ri x_si, x_rj x_sj and
    x_ri x_sj are over the pairs of repetitions that have both.
    """
    if len(trials) < 2:
        raise ValueError(f'crossnobis distances need two repetitions or more, got {len(trials)}')
    n_stimuli, n_neuroids = trials.shape[1:]
    pairs = pairs_of(n_stimuli)
    rows, columns = pairs.first, pairs.second
    distances = np.empty((len(rows), n_neuroids))
    n_together = max(1, _NUMBERS // n_stimuli**2)
    for start in range(0, n_neuroids, n_together):
        chunk = slice(start, start + n_together)
        kernels = _across_repetitions(trials[:, :, chunk].astype(float).transpose(2, 1, 0))
        own = np.diagonal(kernels, axis1=1, axis2=2)
        each = own[:, rows] + own[:, columns] - 2 * kernels[:, rows, columns]
        distances[:, chunk] = _filled(each).T
    return distances


def _across_repetitions(responses: np.ndarray) -> np.ndarray:
    """Mean products of responses to two stimuli in different repetitions, of (n_neuroids, n_stimuli, n_repetitions)."""
    recorded = ~np.isnan(responses)
    n = np.maximum(recorded.sum(axis=(1, 2), keepdims=True), 1)
    centred = np.where(recorded, responses - np.nansum(responses, axis=(1, 2), keepdims=True) / n, 0)

    def across(values: np.ndarray) -> np.ndarray:
        total = values.sum(axis=2)
        products: np.ndarray = total[:, :, None] * total[:, None] - values @ values.transpose(0, 2, 1)
        return products

    pairs = across(recorded.astype(float))
    return np.where(pairs > 0, across(centred) / np.maximum(pairs, 1), np.nan)


def _filled(distances: np.ndarray) -> np.ndarray:
    """Replace NaN by the mean of the others of a row; 0 where there is none."""
    missing = np.isnan(distances)
    if not missing.any():
        return distances
    n = np.maximum((~missing).sum(axis=1, keepdims=True), 1)
    return np.where(missing, np.nansum(distances, axis=1, keepdims=True) / n, distances)


def mean_over_neuroids(distances: np.ndarray, draws: Iterable[np.ndarray | None]) -> Iterator[np.ndarray]:
    """Average the distances of single neuroids (`crossnobis_of_each`) over draws of them.

    Parameters
    ----------
    distances : array, shape (n_pairs, n_neuroids)
    draws : iterable of array, shape (n_neuroids,), or None
        How often each neuroid is drawn; None for once.

    Yields
    ------
    array, shape (n_pairs,)
    """
    for counts in _blocks(draws, distances.shape[1]):
        yield from counts / counts.sum(axis=1, keepdims=True) @ distances.T


def _blocks(draws: Iterable[np.ndarray | None], n_units: int) -> Iterator[np.ndarray]:
    """Yield the counts of some draws at a time, shape (n, n_units), float64."""
    counted = (np.ones(n_units) if counts is None else counts for counts in draws)
    while block := list(itertools.islice(counted, _DRAWS)):
        yield np.array(block, dtype=float)


def products_of_pairs(
    patterns: np.ndarray, draws: Iterable[np.ndarray | None], centred: bool = True
) -> Iterator[np.ndarray]:
    """Distances of the sampled pairs of many stimuli, 1 - correlation or 1 - cosine, for draws of the units.

    Parameters
    ----------
    patterns : array, shape (n_stimuli, n_units)
        See `rdm`.
    draws : iterable of array of int, shape (n_units,), or None
        How often each unit is drawn; None for once.
    centred : bool
        Whether each pattern's mean over units is subtracted first.

    Yields
    ------
    array, shape (n_pairs,)
        Entries of `rdm`, of the pairs of `pairs_of`.

    Raises
    ------
    ValueError
        See `rdm`.

    Notes
    -----
    The products of each pair's responses are summed over the units of many draws by one product of matrices.
    """
    patterns, _ = checked_patterns(patterns, None)
    pairs = pairs_of(len(patterns))
    values = patterns.astype(float)
    largest = np.abs(values).max(axis=1, keepdims=True)
    values /= np.where(largest == 0, 1, largest)
    if centred:
        constant = values.max(axis=1) == values.min(axis=1)
        values -= values.mean(axis=1, keepdims=True)
        values[constant] = 0  # the mean of equal numbers is rounded
    squares = values**2
    smallest = patterns.shape[1] * np.finfo(float).eps
    for counts in _blocks(draws, patterns.shape[1]):
        shares = (counts / counts.sum(axis=1, keepdims=True)).T
        level = values @ shares if centred else np.zeros((len(values), shares.shape[1]))
        mean_squares = squares @ shares
        variance = mean_squares - level**2
        # Patterns without variance have no correlation with others; differences below rounding are none.
        length = np.sqrt(np.where(variance > smallest * mean_squares, variance, np.inf))
        level /= length
        distances = np.empty((shares.shape[1], len(pairs.first)))
        for part, first, second in _parts(pairs.first, pairs.second, patterns.shape[1]):
            together = (values[first] * values[second]) @ shares / (length[first] * length[second])
            distances[:, part] = 1 - (together - level[first] * level[second]).T.clip(-1, 1)
        yield from distances


def squares_of_pairs(patterns: np.ndarray, draws: Iterable[np.ndarray | None]) -> Iterator[np.ndarray]:
    """Squared Euclidean distances of the sampled pairs of many stimuli, for draws of the units.

    Parameters
    ----------
    patterns, draws
        See `products_of_pairs`.

    Yields
    ------
    array, shape (n_pairs,)
        Entries of `euclidean`, of the pairs of `pairs_of`.

    Raises
    ------
    ValueError
        See `euclidean`.
    """
    patterns, _ = checked_patterns(patterns, None)
    pairs = pairs_of(len(patterns))
    values = patterns.astype(float)
    for counts in _blocks(draws, patterns.shape[1]):
        shares = (counts / counts.sum(axis=1, keepdims=True)).T
        distances = np.empty((shares.shape[1], len(pairs.first)))
        for part, first, second in _parts(pairs.first, pairs.second, patterns.shape[1]):
            distances[:, part] = ((values[first] - values[second]) ** 2 @ shares).T
        yield from distances


def _parts(first: np.ndarray, second: np.ndarray, n_units: int) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yield some of the pairs at a time."""
    n_together = max(1, _NUMBERS // n_units)
    for start in range(0, len(first), n_together):
        part = slice(start, start + n_together)
        yield part, first[part], second[part]


#: Function of responses, whose last axis are neuroids, and of draws of these (each their counts, or None for all once),
#: which yields an array for each draw.
OfDraws = Callable[[np.ndarray, Iterable[np.ndarray | None]], Iterator[np.ndarray]]


@dataclass(frozen=True)
class Distance:
    """A distance of response patterns.

    Attributes
    ----------
    pairs : callable
        Function that yields the distances of the pairs of `pairs_of` for each draw; see `OfDraws`. The responses are
        patterns; of crossnobis, `crossnobis_of_each`.
    matrices : callable
        Function that yields the RDM of each draw. Of crossnobis, of all pairs only.
    unit : bool
        Whether distances are 1 minus a product of patterns of unit length. Others grow with the responses.
    n_stimuli : callable
        Function of the responses that returns the number of stimuli.
    """

    pairs: OfDraws
    matrices: OfDraws
    unit: bool
    n_stimuli: Callable[[np.ndarray], int] = len

    def rounding(self, responses: np.ndarray, distances: np.ndarray) -> float:
        """Difference of two of the distances of responses that may be due to rounding alone."""
        scale = 1.0 if self.unit else float(np.abs(distances).max(initial=0.0))
        return rounding(self.n_stimuli(responses), scale)


def _of_patterns(
    matrix: Callable[[np.ndarray, np.ndarray | None], np.ndarray], sampled: OfDraws, unit: bool
) -> Distance:
    def matrices(patterns: np.ndarray, draws: Iterable[np.ndarray | None]) -> Iterator[np.ndarray]:
        return (matrix(patterns, counts) for counts in draws)

    def pairs(patterns: np.ndarray, draws: Iterable[np.ndarray | None]) -> Iterator[np.ndarray]:
        chosen = pairs_of(len(patterns))
        if not chosen.sampled:
            yield from map(upper_triangle, matrices(patterns, draws))
            return
        for counts in _blocks(draws, patterns.shape[-1]):
            if len(counts) == 1 and len(patterns) <= _MOST_SQUARE:
                yield matrix(patterns, counts[0])[chosen.first, chosen.second]
            else:
                yield from sampled(patterns, counts)

    return Distance(pairs, matrices, unit)


def _square(pairs: OfDraws) -> OfDraws:
    """Make matrices of the distances of all pairs."""

    def matrices(responses: np.ndarray, draws: Iterable[np.ndarray | None]) -> Iterator[np.ndarray]:
        return map(squareform, pairs(responses, draws))

    return matrices


def _n_stimuli(of_pairs: np.ndarray) -> int:
    """Number of stimuli that have so many pairs."""
    return round((1 + math.sqrt(1 + 8 * len(of_pairs))) / 2)


#: Distances by their names in those of comparisons.
DISTANCES = {
    'correlation': _of_patterns(rdm, products_of_pairs, unit=True),
    'cosine': _of_patterns(cosine, functools.partial(products_of_pairs, centred=False), unit=True),
    'euclidean': _of_patterns(euclidean, squares_of_pairs, unit=False),
    'crossnobis': Distance(mean_over_neuroids, _square(mean_over_neuroids), unit=False, n_stimuli=_n_stimuli),
}
