"""Distances of response patterns, beside 1 - correlation (`arrays.rdm`)."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from m2m_benchmarks.arrays.rdm import checked_patterns, rdm

#: Neuroids, and draws, that are computed together; bounds the memory beside the input and the result.
_NEUROIDS, _DRAWS = 32, 64


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
    array, shape (n_stimuli * (n_stimuli - 1) / 2, n_neuroids)
        Distance of each pair of stimuli, in the order of `upper_triangle`. Its mean over neuroids is the distance of
        their patterns. Where a neuroid has fewer than two trials of a stimulus, or none of different repetitions, the
        mean of its other distances; 0 where it has none.

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
    rows, columns = np.triu_indices(n_stimuli, k=1)
    distances = np.empty((len(rows), n_neuroids))
    for start in range(0, n_neuroids, _NEUROIDS):
        chunk = slice(start, start + _NEUROIDS)
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
    """Average the distances of single neuroids (`crossnobis_of_each`) over draws of them, and yield the RDM of each.

    Parameters
    ----------
    distances : array, shape (n_stimuli * (n_stimuli - 1) / 2, n_neuroids)
    draws : iterable of array, shape (n_neuroids,), or None
        How often each neuroid is drawn; None for once.

    Yields
    ------
    array, shape (n_stimuli, n_stimuli)
    """
    n_pairs, n_neuroids = distances.shape
    n_stimuli = (1 + round((1 + 8 * n_pairs) ** 0.5)) // 2
    rows, columns = np.triu_indices(n_stimuli, k=1)
    counted = (np.ones(n_neuroids) if counts is None else counts for counts in draws)
    while block := list(itertools.islice(counted, _DRAWS)):
        counts = np.array(block, dtype=float)
        for upper in counts / counts.sum(axis=1, keepdims=True) @ distances.T:
            matrix = np.zeros((n_stimuli, n_stimuli))
            matrix[rows, columns] = matrix[columns, rows] = upper
            yield matrix


@dataclass(frozen=True)
class Distance:
    """A distance of response patterns.

    Attributes
    ----------
    rdms : callable
        Function of responses, whose last axis are neuroids, and of draws of these (each their counts, or None for all
        once), which yields the RDM of each draw. The responses are patterns; of crossnobis, `crossnobis_of_each`.
    unit : bool
        Whether distances are 1 minus a product of patterns of unit length. Others grow with the responses.
    """

    rdms: Callable[[np.ndarray, Iterable[np.ndarray | None]], Iterator[np.ndarray]]
    unit: bool

    def scale(self, matrix: np.ndarray) -> float:
        """Size of the numbers that distances are the sums and differences of."""
        return 1.0 if self.unit else float(np.abs(matrix).max(initial=0.0))


def _of_patterns(function: Callable[[np.ndarray, np.ndarray | None], np.ndarray], unit: bool) -> Distance:
    def rdms(patterns: np.ndarray, draws: Iterable[np.ndarray | None]) -> Iterator[np.ndarray]:
        return (function(patterns, counts) for counts in draws)

    return Distance(rdms, unit)


#: Distances by their names in those of comparisons.
DISTANCES = {
    'correlation': _of_patterns(rdm, unit=True),
    'cosine': _of_patterns(cosine, unit=True),
    'euclidean': _of_patterns(euclidean, unit=False),
    'crossnobis': Distance(mean_over_neuroids, unit=False),
}
