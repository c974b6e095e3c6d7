"""Procrustes similarity of two sets of patterns."""

import numpy as np


def procrustes(first: np.ndarray, second: np.ndarray) -> float:
    """Cosine of the angle between two sets of patterns after the best rotation; 0 if either is constant.

    Parameters
    ----------
    first, second : array, shape (n_stimuli, n_units)
        Responses to the same stimuli, in any unit of measurement, without NaN. The numbers of units may differ.

    Returns
    -------
    float
        Nuclear norm of X'Y for centred X and Y of Frobenius norm 1, from 0 to 1. Its arc cosine is the angular shape
        distance, sqrt(2 - 2 value) the Euclidean one. It is 1 for patterns that differ by a rotation, a scale and a
        translation, and well above 0 for unrelated ones.

    Raises
    ------
    ValueError
        When either isn't two-dimensional, contains NaN or infinity, or their numbers of stimuli differ.

    References
    ----------
    Williams, Kunz, Kornblith & Linderman (2021), NeurIPS 34, eq. 8 and 9 with the group of rotations and reflections.
    """
    return shape_cosine(shape(first), shape(second))


def shape(patterns: np.ndarray) -> np.ndarray:
    """Rotate patterns into as few dimensions as the stimuli need, with mean 0 and Frobenius norm 1.

    Parameters
    ----------
    patterns : array, shape (n_stimuli, n_units)

    Returns
    -------
    array, shape (n_stimuli, min(n_units, n_stimuli))
        All 0 where the patterns are constant.
    """
    patterns = np.asarray(patterns, dtype=float)
    if patterns.ndim != 2 or not np.isfinite(patterns).all():
        raise ValueError(f'expected finite patterns of shape (n_stimuli, n_units), got {patterns.shape}')
    centred = patterns - patterns.mean(axis=0)
    centred[:, (patterns == patterns[:1]).all(axis=0)] = 0  # the mean of equal numbers is rounded
    if centred.shape[1] > len(centred):
        centred = np.transpose(np.linalg.qr(centred.T, mode='r'))  # has the same inner products
    norm = np.linalg.norm(centred)
    rotated: np.ndarray = centred / norm if norm > 0 else centred
    return rotated


def shape_cosine(first: np.ndarray, second: np.ndarray) -> float:
    """`procrustes` of two results of `shape`."""
    return min(float(np.linalg.svd(first.T @ second, compute_uv=False).sum()), 1.0)  # rounded
