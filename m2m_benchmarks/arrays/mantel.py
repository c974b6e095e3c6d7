"""Whether two dissimilarity matrices of the same stimuli are related: Mantel's test."""

import numpy as np

from m2m_benchmarks.arrays.correlation import pearson
from m2m_benchmarks.arrays.rdm import upper_triangle

#: Fewest stimuli: the variance is a sum over four different ones.
FEWEST_STIMULI = 4


def mantel(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Correlate two dissimilarity matrices, and compare the correlation with that of permuted stimuli.

    Parameters
    ----------
    first, second : array, shape (n_stimuli, n_stimuli)
        Symmetric matrices of four stimuli or more, whose diagonals aren't used. Ranks of distances give Spearman's
        correlation.

    Returns
    -------
    correlation : float
        Pearson correlation of the entries above the diagonal; 0 if those of either are all the same.
    z : float
        Correlation divided by its standard deviation over all permutations of the stimuli of one matrix, in closed
        form; its mean over them is 0.

    Raises
    ------
    ValueError
        When the matrices have fewer than four stimuli.

    References
    ----------
    Mantel (1967), Cancer Research 27(2), 209-220.
    """
    n = len(first)
    if n < FEWEST_STIMULI:
        raise ValueError(f'expected matrices of {FEWEST_STIMULI} stimuli or more, got {n}')
    pairs = [upper_triangle(np.asarray(matrix, dtype=float)) for matrix in (first, second)]
    if any(np.ptp(values) == 0 for values in pairs):
        return 0.0, 0.0
    correlation = float(pearson(pairs[0][:, None], pairs[1][:, None])[0])
    same, shared, apart = (a * b for a, b in zip(*(_products(values, n) for values in pairs), strict=True))
    # Terms of the squared sum over ordered pairs (i, j) and (k, l): the same two stimuli, one in common, none.
    variance = 2 * same / (n * (n - 1)) + 4 * shared / (n * (n - 1) * (n - 2))
    variance += apart / (n * (n - 1) * (n - 2) * (n - 3))
    # The sum counts each pair of stimuli twice.
    deviation = np.sqrt(variance) / 2 / np.sqrt(np.prod([np.sum((values - values.mean()) ** 2) for values in pairs]))
    return correlation, float(correlation / deviation)


def _products(values: np.ndarray, n: int) -> tuple[float, float, float]:
    """Sums of products of two centred entries of a matrix, that have the same stimuli, one in common, or none."""
    matrix = np.zeros((n, n))
    matrix[np.triu_indices(n, k=1)] = values - values.mean()
    matrix += matrix.T
    same = float(np.sum(matrix**2))
    shared = float(np.sum(matrix.sum(axis=1) ** 2)) - same
    # All products of two entries add up to 0.
    return same, shared, -4 * shared - 2 * same
