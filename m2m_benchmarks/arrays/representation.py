"""Neural representations: response-weighted sums of the stimuli, and their distance from feature maps.

A neuroid's representation is N = T^T F, the sum of the stimuli F, resized and flattened, weighted by its responses T.
The feature map of a channel is its mean over the stimuli, at the same size. Both are brought to the same range and
compared by the root-mean-square difference of their pixels (RMSE).

With uncentred responses every N is the mean stimulus and little else, so responses are centred by default. The default
range is a standard deviation of 1: the RMSE is then sqrt(2 (1 - r)), where r is the correlation of the pixels, and
that of unrelated maps is the root of 2. From 0 to 1 depends on the two extreme pixels, which noise makes more extreme.
"""

from collections.abc import Iterable, Iterator, Sequence
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

#: Most distances of neuroids from maps that are in memory at once: a network may have a hundred thousand maps.
_MOST_DISTANCES = 2**22

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


def ranged_halves(
    responses: np.ndarray,
    stimuli: np.ndarray,
    halves: Sequence[np.ndarray],
    kind: Range = 'standard',
    centred: bool = True,
) -> Halves:
    """Compute `representations` from each half of the stimuli, in the same range."""
    first, second = (in_range(representations(responses[half], stimuli[half], centred), kind) for half in halves)
    return first, second


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
    n_rows = max(1, _MOST_DISTANCES // max(1, len(maps[0])))
    first, second = neuroids
    parts = [
        _match((first[start : start + n_rows], second[start : start + n_rows]), maps)
        for start in range(0, len(first), n_rows)
    ]
    return Matches(
        np.concatenate([part.best for part in parts]),
        np.concatenate([part.mean for part in parts]),
        np.concatenate([part.maps for part in parts], axis=1),
    )


def _match(neuroids: Halves, maps: Halves) -> Matches:
    distances = [rmse(*both) for both in zip(neuroids, maps, strict=True)]
    chosen = np.array([distances[other].argmin(axis=1) for other in (1, 0)])
    best = [distance[np.arange(len(distance)), own] for distance, own in zip(distances, chosen, strict=True)]
    return Matches(np.mean(best, axis=0), np.mean([each.mean(axis=1) for each in distances], axis=0), chosen)


def stimulus_orders(n_stimuli: int, n_orders: int = N_SHUFFLES) -> Iterator[np.ndarray]:
    """Yield random orders of the stimuli, the same for all neuroids, whose joint distribution they keep."""
    rng = np.random.default_rng(_SHUFFLES_SEED)
    for _ in range(n_orders):
        yield rng.permutation(n_stimuli)


def attainable_rmse(
    trials: np.ndarray,
    stimuli: np.ndarray,
    halves: Sequence[np.ndarray],
    kind: Range = 'standard',
    centred: bool = True,
    n_splits: int = N_TRIAL_SPLITS,
) -> np.ndarray:
    """Compute the RMSE that each neuroid would get if all neuroids' true representations were the feature maps.

    Parameters
    ----------
    trials : array, shape (n_repetitions, n_stimuli, n_neuroids)
        Single-trial responses; NaN where nothing was recorded.
    stimuli : array, shape (n_stimuli, n_pixels)
    halves : pair of arrays of int
        Halves of the stimuli, for `match`.
    kind : {'standard', 'minmax'}
    centred : bool
    n_splits : int
        Number of random divisions of the trials.

    Returns
    -------
    array, shape (n_neuroids,)
        RMSE of noisy representations from the true ones that match them best on the other half of the stimuli.

    Notes
    -----
    Let N* be a true representation, of variance 1 over pixels, and N = N* + e that of all trials, where the noise e has
    variance v. The representations of two halves of the trials have independent noise of variance 2v each. Half of
    their difference thus has variance (2v + 2v) / 4 = v: it is noise such as e, and independent of N, half of their
    sum. They correlate by r = 1 / (1 + 2v), and the share of N that is not noise is 1 / (1 + v) = 2r / (1 + r), by
    Spearman and Brown.

    So `sqrt(2r / (1 + r)) N` has the variance of the truth, and with half of the difference added it is a recording of
    this truth as noisy as the real one. The neuroids are recorded so once for each division, and matched to the maps N
    of all of them. Where noise makes maps of similar neuroids be taken for one another, it does so here, too: a
    formula for the RMSE from a neuroid's own map would leave that out.

    In simulated recordings of 40, 133 and 404 neuroids with reliabilities of .6 and more, this is the RMSE from true
    maps to 3 % of the distance from the floor, at .5 to 7 %; below, it becomes uncertain (`perf/representation.py`).
    """
    share = len(trials) // 2 / len(trials)
    divisions = list(half_means(trials, n_splits))
    signal = np.sqrt(representation_reliability(divisions, stimuli, halves))
    attained = []
    for first, second in divisions:
        truth, noise = share * first + (1 - share) * second, np.sqrt(share * (1 - share)) * (first - second)
        mean = truth.mean(axis=0)
        recorded = mean + signal * (truth - mean) + noise
        both = (ranged_halves(each, stimuli, halves, kind, centred) for each in (recorded, truth))
        attained.append(match(*both).best)
    return np.asarray(np.mean(attained, axis=0))


def representation_reliability(
    divisions: Iterable[tuple[np.ndarray, np.ndarray]], stimuli: np.ndarray, halves: Sequence[np.ndarray]
) -> np.ndarray:
    """Compute the share of the variance of each neuroid's representation that isn't noise of the trials.

    It is the correlation of the representations of two halves of the trials over pixels, averaged over divisions and
    halves of the stimuli, and corrected to all trials by Spearman and Brown's formula; 0 where it is negative.

    Parameters
    ----------
    divisions : iterable of (first, second), arrays of shape (n_stimuli, n_neuroids)
        Mean responses of two halves of the trials; see `arrays.half_means`.
    stimuli : array, shape (n_stimuli, n_pixels)
    halves : pair of arrays of int
        Halves of the stimuli.
    """
    correlations = []
    for division in divisions:
        first, second = (ranged_halves(each, stimuli, halves) for each in division)
        correlations += [(own * other).mean(axis=1) for own, other in zip(first, second, strict=True)]
    r = np.clip(np.mean(correlations, axis=0), 0, 1)
    reliability: np.ndarray = 2 * r / (1 + r)
    return reliability


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
