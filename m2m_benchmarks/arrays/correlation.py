"""Correlations, defined for constant vectors too."""

import numpy as np


def pearson(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pearson correlation of matching columns.

    Parameters
    ----------
    x, y : array, shape (n_samples, ...)
        Any unit.

    Returns
    -------
    array, shape (...)
        In [-1, 1], float64. 0 where either column is constant: a constant says nothing about the other
        column, and a score must not become NaN because of it. NaN only where a column holds NaN.

    Raises
    ------
    ValueError
        When the shapes differ.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.shape != y.shape:
        raise ValueError(f'x has shape {x.shape}, y has {y.shape}: expected the same')
    constant = (x.max(axis=0) == x.min(axis=0)) | (y.max(axis=0) == y.min(axis=0))
    x, y = _standardized(x), _standardized(y)
    r = np.clip(np.sum(x * y, axis=0), -1, 1)
    return np.where(constant, 0.0, r)


def _standardized(x: np.ndarray) -> np.ndarray:
    """Columns centred and scaled to unit length; columns of zeros stay zeros."""
    x = x - x.mean(axis=0)
    # Scaling by the largest entry first keeps the squares of very small or very large values from
    # underflowing or overflowing.
    largest = np.abs(x).max(axis=0)
    x = x / np.where(largest == 0, 1, largest)
    length = np.sqrt(np.sum(x**2, axis=0))
    standardized: np.ndarray = x / np.where(length == 0, 1, length)
    return standardized


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman rank correlation of two vectors, ties at their mean rank.

    Parameters
    ----------
    x, y : array, shape (n,)

    Returns
    -------
    float
        In [-1, 1]; 0 where either vector is constant.
    """
    from scipy.stats import rankdata  # takes a second to import

    return float(pearson(rankdata(x), rankdata(y)))


def spearman_brown(r: np.ndarray | float) -> np.ndarray:
    """Reliability of the whole from the correlation of its two halves: 2r / (1 + r).

    Parameters
    ----------
    r : array or float
        Split-half correlation in [-1, 1].

    Returns
    -------
    array
        Same shape, in [-1, 1]. The formula falls without bound below r = -1/3, where it has no meaning as
        a reliability; it is cut off at -1.

    References
    ----------
    Spearman (1910), Brown (1910), British Journal of Psychology 3.
    """
    r = np.asarray(r, dtype=float).clip(-1 / 3)
    corrected: np.ndarray = 2 * r / (1 + r)
    return corrected
