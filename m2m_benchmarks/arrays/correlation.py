"""Correlations, which are 0 for constant vectors."""

import numpy as np


def pearson(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Correlate matching columns (Pearson).

    Parameters
    ----------
    x, y : array, shape (n_samples, ...)
        Samples in any unit.

    Returns
    -------
    array, shape (...)
        Correlations in [-1, 1], float64. 0 where either column is constant, so that constant neurons don't turn a
        score into NaN; NaN only where a column contains NaN.

    Raises
    ------
    ValueError
        When the shapes of `x` and `y` differ.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.shape != y.shape:
        raise ValueError(f'x has shape {x.shape}, y has {y.shape}: expected the same')
    constant = (x.max(axis=0) == x.min(axis=0)) | (y.max(axis=0) == y.min(axis=0))
    x, y = _unit_length(x), _unit_length(y)
    r = np.clip(np.sum(x * y, axis=0), -1, 1)
    return np.where(constant, 0.0, r)


def pearson_gradient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Differentiate the correlations of matching columns with respect to the entries of `x`.

    Parameters
    ----------
    x, y : array, shape (n_samples, n_columns)
        Finite numbers.

    Returns
    -------
    array, shape (n_samples, n_columns)
        Derivatives, in 1 / unit of `x`; 0 where either column is constant.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    constant = (x.max(axis=0) == x.min(axis=0)) | (y.max(axis=0) == y.min(axis=0))
    length = np.linalg.norm(x - x.mean(axis=0), axis=0)
    x, y = _unit_length(x), _unit_length(y)
    return np.where(constant, 0.0, (y - np.sum(x * y, axis=0) * x) / np.where(constant, 1, length))


def standardize(x: np.ndarray) -> np.ndarray:
    """Bring columns to mean 0 and variance 1.

    Parameters
    ----------
    x : array, shape (n_samples, ...)
        Samples in any unit.

    Returns
    -------
    array, shape (n_samples, ...)
        Standardised samples, float64; 0 in constant columns.
    """
    x = np.asarray(x, dtype=float)
    constant = x.max(axis=0) == x.min(axis=0)  # their mean may be rounded
    return np.where(constant, 0.0, _unit_length(x) * np.sqrt(len(x)))


def _unit_length(x: np.ndarray) -> np.ndarray:
    """Centre columns and scale them to unit length; columns of zeros stay zeros."""
    x = x - x.mean(axis=0)
    # Scaling by the largest entry first keeps the squares of very small or very large values from
    # underflowing or overflowing.
    largest = np.abs(x).max(axis=0)
    x = x / np.where(largest == 0, 1, largest)
    length = np.sqrt(np.sum(x**2, axis=0))
    scaled: np.ndarray = x / np.where(length == 0, 1, length)
    return scaled


def repeated_pearson(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Correlate matching columns for draws of samples with replacement (Pearson).

    Parameters
    ----------
    x, y : array, shape (n_samples, n_columns)
        Finite numbers.
    counts : array, shape (n_draws, n_samples)
        How often each sample is in each draw.

    Returns
    -------
    array, shape (n_draws, n_columns)
        Correlations in [-1, 1]; 0 where the drawn samples of either column are constant, and in a draw without any.
    """
    x, y = _unit_length(np.asarray(x, dtype=float)), _unit_length(np.asarray(y, dtype=float))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    mean_x, mean_y = shares @ x, shares @ y
    square_x, square_y = shares @ x**2, shares @ y**2
    variance_x, variance_y = square_x - mean_x**2, square_y - mean_y**2
    # Differences below the rounding errors of the squares are no variance.
    rounding = len(x) * np.finfo(float).eps
    varies = (variance_x > rounding * square_x) & (variance_y > rounding * square_y)
    scale = np.sqrt(np.where(varies, variance_x * variance_y, 1))
    r = np.clip((shares @ (x * y) - mean_x * mean_y) / scale, -1, 1)
    return np.where(varies, r, 0.0)


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman rank correlation of two vectors; ties get their mean rank.

    Parameters
    ----------
    x, y : array, shape (n,)

    Returns
    -------
    float
        Correlation in [-1, 1]; 0 if either vector is constant.
    """
    from scipy.stats import rankdata  # takes a second to import

    return float(pearson(rankdata(x), rankdata(y)))


def spearman_brown(r: np.ndarray | float) -> np.ndarray:
    """Predict the reliability of all trials from the correlation of two halves: 2r / (1 + r).

    Parameters
    ----------
    r : array or float
        Split-half correlation in [-1, 1].

    Returns
    -------
    array
        Reliability in [-1, 1], of the same shape. Below r = -1/3 the formula is unbounded and has no meaning as a
        reliability; the result is clipped at -1.

    References
    ----------
    Spearman (1910), Brown (1910), British Journal of Psychology 3.
    """
    r = np.asarray(r, dtype=float).clip(-1 / 3)
    corrected: np.ndarray = 2 * r / (1 + r)
    return corrected
