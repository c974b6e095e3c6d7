"""Distances between the distributions of two samples, of many pairs of samples at once."""

import numpy as np

#: Points at which densities are evaluated, and how many bandwidths they reach beyond the samples.
_POINTS, _REACH = 256, 4
#: Pairs of samples evaluated at a time; bounds the memory.
_CHUNK = 64


def to_range(samples: np.ndarray) -> np.ndarray:
    """Bring each column to the range from 0 to 1; constant ones to 0.

    Parameters
    ----------
    samples : array, shape (n_values, n_samples)
    """
    low, high = samples.min(axis=0), samples.max(axis=0)
    return np.asarray((samples - low) / np.where(high > low, high - low, 1))


def density(samples: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Gaussian kernel density of each column, with the bandwidth of Scott (1992).

    Parameters
    ----------
    samples : array, shape (n_values, n_samples)
        Two values or more, which vary.
    points : array, shape (n_points, n_samples)

    Returns
    -------
    array, shape (n_points, n_samples)
    """
    width = bandwidth(samples)
    scaled = (points[:, None] - samples[None]) / width
    return np.asarray(np.exp(-(scaled**2) / 2).mean(axis=1) / (width * np.sqrt(2 * np.pi)))


def bandwidth(samples: np.ndarray) -> np.ndarray:
    """Bandwidth of each column by the rule of Scott (1992): the standard deviation over the fifth root of n."""
    return np.asarray(samples.std(axis=0, ddof=1) * len(samples) ** -0.2)


def overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Overlap coefficient of each pair of columns: the area under the lower of their two kernel densities.

    Parameters
    ----------
    first, second : array, shape (n_values, n_pairs)

    Returns
    -------
    array, shape (n_pairs,)
        1 where the densities are equal, 0 where they have nothing in common or a column is constant.

    References
    ----------
    Inman & Bradley (1989), Communications in Statistics - Theory and Methods 18(10), 3851-3874.
    """
    areas = np.zeros(first.shape[1])
    varying = np.flatnonzero((np.ptp(first, axis=0) > 0) & (np.ptp(second, axis=0) > 0))
    for chunk in np.split(varying, range(_CHUNK, len(varying), _CHUNK)):
        pair = (first[:, chunk], second[:, chunk])
        beyond = _REACH * np.maximum(*map(bandwidth, pair))
        points = np.linspace(
            np.minimum(*(each.min(axis=0) for each in pair)) - beyond,
            np.maximum(*(each.max(axis=0) for each in pair)) + beyond,
            _POINTS,
        )
        lower = np.minimum(*(density(each, points) for each in pair))
        areas[chunk] = np.trapz(lower, points, axis=0)
    return areas


def wasserstein(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Wasserstein-1 distance of each pair of columns: the mean distance of values of the same rank.

    Parameters
    ----------
    first, second : array, shape (n_values, n_pairs)

    Returns
    -------
    array, shape (n_pairs,)
        In the unit of the values; 0 where their distributions are equal.
    """
    return np.asarray(np.abs(np.sort(first, axis=0) - np.sort(second, axis=0)).mean(axis=0))
