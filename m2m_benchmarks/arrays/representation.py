"""Neural representations: response-weighted sums of the stimuli, and their distance from feature maps.

A neuroid's representation is N = T^T F, the sum of the stimuli F, resized and flattened, weighted by its responses T.
The feature map of a channel is its mean over the stimuli, at the same size. Both are brought to the same range and
compared by the root-mean-square difference of their pixels (RMSE).

With uncentred responses every N is the mean stimulus and little else, so responses are centred by default. The default
range is a standard deviation of 1: the RMSE of unrelated maps is the root of 2, and `noise_rmse` is exact.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from m2m_benchmarks.arrays.reliability import half_means

#: Height and width of the maps, as in the figures of the paper.
MAP_SIZE = 14
#: Range of a map: mean 0 and standard deviation 1 over its pixels, or from 0 to 1.
Range = Literal['standard', 'minmax']
#: Numbers of random orders of the stimuli for the floor, and of divisions of the trials for the ceiling.
N_SHUFFLES, N_TRIAL_SPLITS = 99, 20
#: Random seeds of the halves of the stimuli, and of the orders.
_HALVES_SEED, _SHUFFLES_SEED = 0, 1

#: Two sets of maps, shape (n_maps, n_pixels) each: from the first half of the stimuli and from the second.
Halves = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Matches:
    """Distances of representations from feature maps.

    Attributes
    ----------
    best : array, shape (n_neuroids,)
        RMSE from the map that is best on the other half of the stimuli, mean of both halves.
    mean : array, shape (n_neuroids,)
        RMSE averaged over all maps and both halves.
    maps : array of int, shape (2, n_neuroids)
        Number of the map that each half is compared with, which is the best of the other half.
    """

    best: np.ndarray
    mean: np.ndarray
    maps: np.ndarray


def resize(maps: np.ndarray, size: int = MAP_SIZE) -> np.ndarray:
    """Resize maps to squares, bilinearly; where they become smaller, by averages over a triangle (antialiased).

    Parameters
    ----------
    maps : array, shape (..., height, width)
    size : int
        Height and width of the result.

    Returns
    -------
    array, shape (..., size, size)
    """
    rows, columns = (_resizing(length, size, maps.dtype) for length in maps.shape[-2:])
    resized: np.ndarray = rows @ (maps @ columns.T)
    return resized


def _resizing(length: int, size: int, dtype: np.dtype) -> np.ndarray:
    """Weights of shape (size, length): a triangle around the centre of each new pixel."""
    scale = length / size
    centres = (np.arange(size)[:, None] + 0.5) * scale
    weights = np.maximum(0, 1 - np.abs(np.arange(length) + 0.5 - centres) / max(scale, 1))
    normed: np.ndarray = (weights / weights.sum(axis=1, keepdims=True)).astype(dtype)
    return normed


def representations(responses: np.ndarray, stimuli: np.ndarray, centred: bool = True) -> np.ndarray:
    """Sum the stimuli, weighted by the responses of each neuroid.

    Parameters
    ----------
    responses : array, shape (n_stimuli, n_neuroids)
    stimuli : array, shape (n_stimuli, n_pixels)
    centred : bool
        Whether the mean of each neuroid's responses is subtracted.

    Returns
    -------
    array, shape (n_neuroids, n_pixels)
    """
    weights = responses - responses.mean(axis=0) if centred else responses
    summed: np.ndarray = weights.T @ stimuli
    return summed


def in_range(maps: np.ndarray, kind: Range = 'standard') -> np.ndarray:
    """Bring each map, shape (..., n_pixels), to the same range; one without any becomes 0."""
    if kind == 'minmax':
        offset, width = maps.min(axis=-1, keepdims=True), np.ptp(maps, axis=-1, keepdims=True)
    else:
        offset, width = maps.mean(axis=-1, keepdims=True), maps.std(axis=-1, keepdims=True)
    # Of equal pixels, rounding may leave some deviation.
    varying = np.ptp(maps, axis=-1, keepdims=True) > 1e-6 * np.abs(maps).max(axis=-1, keepdims=True)
    ranged: np.ndarray = np.where(varying, (maps - offset) / np.where(varying, width, 1), 0)
    return ranged


def rmse(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compute the RMSE of each of some maps, shape (n_first, n_pixels), from each of others (n_second, n_pixels)."""
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1) - 2 * first @ second.T
    distances: np.ndarray = np.sqrt(np.maximum(squares, 0) / first.shape[1])
    return distances


def image_halves(n_stimuli: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide stimuli into two random halves, always the same: indices in ascending order."""
    order = np.random.default_rng(_HALVES_SEED).permutation(n_stimuli)
    return np.sort(order[: n_stimuli // 2]), np.sort(order[n_stimuli // 2 :])


def match(neuroids: Halves, maps: Halves) -> Matches:
    """Match each neuroid to a map on one half of the stimuli, and compare the two on the other half.

    Parameters
    ----------
    neuroids, maps : pair of arrays, shapes (n_neuroids, n_pixels) and (n_maps, n_pixels)
        Representations and feature maps from each half of the stimuli, in the same range.
    """
    distances = [rmse(*both) for both in zip(neuroids, maps, strict=True)]
    chosen = np.array([distances[other].argmin(axis=1) for other in (1, 0)])
    best = [distance[np.arange(len(distance)), own] for distance, own in zip(distances, chosen, strict=True)]
    return Matches(np.mean(best, axis=0), np.mean([each.mean(axis=1) for each in distances], axis=0), chosen)


def stimulus_orders(n_stimuli: int, n_orders: int = N_SHUFFLES) -> Iterator[np.ndarray]:
    """Yield random orders of the stimuli, the same for all neuroids, whose joint distribution they keep."""
    rng = np.random.default_rng(_SHUFFLES_SEED)
    for _ in range(n_orders):
        yield rng.permutation(n_stimuli)


def noise_rmse(
    trials: np.ndarray,
    stimuli: np.ndarray,
    halves: Sequence[np.ndarray],
    kind: Range = 'standard',
    centred: bool = True,
    n_splits: int = N_TRIAL_SPLITS,
) -> np.ndarray:
    """Compute the RMSE between each neuroid's representation and its true one, which has no noise.

    Parameters
    ----------
    trials : array, shape (n_repetitions, n_stimuli, n_neuroids)
        Single-trial responses; NaN where nothing was recorded.
    stimuli : array, shape (n_stimuli, n_pixels)
    halves : pair of arrays of int
        Halves of the stimuli; the values of both are averaged.
    kind : {'standard', 'minmax'}
    centred : bool
    n_splits : int
        Number of random divisions of the trials.

    Returns
    -------
    array, shape (n_neuroids,)

    Notes
    -----
    Let N* be the true representation, of variance 1 over pixels, and N = N* + e that of all trials, where the noise e
    has variance v. The representations of two halves of the trials have independent noise of variance 2v each, so they
    correlate by r = 1 / (1 + 2v), and N correlates with N* by s = 1 / sqrt(1 + v) = sqrt(2r / (1 + r)), the root of
    Spearman and Brown's formula. The RMSE of maps of standard deviation 1 is sqrt(2 (1 - correlation)), so

        RMSE(N, N*) / RMSE(half, half) = sqrt((1 - s) / (1 - r)),

    which is 1/2 for little noise, and 1 for noise alone. This is exact in expectation for maps of standard deviation 1.
    For those from 0 to 1 the same factor is taken.
    """
    distances, correlations = [], []
    for first, second in half_means(trials, n_splits):
        for half in halves:
            both = [representations(each[half], stimuli[half], centred) for each in (first, second)]
            distances.append(_row_rmse(*(in_range(each, kind) for each in both)))
            correlations.append(1 - _row_rmse(*(in_range(each, 'standard') for each in both)) ** 2 / 2)
    r = np.clip(np.mean(correlations, axis=0), 0, 1)
    small = r > 1 - 1e-9
    factor = np.sqrt((1 - np.sqrt(2 * r / (1 + r))) / np.where(small, 1, 1 - r))
    of_truth: np.ndarray = np.mean(distances, axis=0) * np.where(small, 0.5, factor)
    return of_truth


def drawn_rmse(
    responses: np.ndarray,
    stimuli: np.ndarray,
    maps: np.ndarray,
    chosen: np.ndarray,
    counts: np.ndarray,
    kind: Range = 'standard',
    centred: bool = True,
) -> np.ndarray:
    """Compute the RMSE of each neuroid's representation from one map, on draws of the stimuli.

    Parameters
    ----------
    responses : array, shape (n_stimuli, n_neuroids)
    stimuli : array, shape (n_stimuli, n_pixels)
    maps : array, shape (n_stimuli, n_maps, n_pixels)
        Feature maps of each stimulus.
    chosen : array of int, shape (n_neuroids,)
        Number of the map that each neuroid is compared with.
    counts : array of int, shape (n_draws, n_stimuli)
        Number of times that each draw contains each stimulus.
    kind : {'standard', 'minmax'}
    centred : bool

    Returns
    -------
    array, shape (n_draws, n_neuroids)
    """
    used, own = np.unique(chosen, return_inverse=True)
    used_maps = maps[:, used].reshape(len(maps), -1)
    drawn = np.empty((len(counts), responses.shape[1]))
    for draw, count in enumerate(counts):
        weights = responses - np.average(responses, axis=0, weights=count) if centred else responses
        summed = in_range(weights.T @ (count[:, None] * stimuli), kind)
        of_maps = in_range((count @ used_maps).reshape(len(used), -1), kind)
        drawn[draw] = _row_rmse(summed, of_maps[own])
    return drawn


def _row_rmse(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """RMSE of each map, shape (n_maps, n_pixels), from the one in the same row."""
    distances: np.ndarray = np.sqrt(((first - second) ** 2).mean(axis=1))
    return distances
