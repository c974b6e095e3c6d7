"""Rank correlation of two orders of a few things, and its p value over all orders."""

import itertools
import math

import numpy as np

from m2m_benchmarks.arrays.correlation import spearman

#: Orders that are drawn where there are more than this.
_MOST_ORDERS = 5040


def permuted_spearman(x: np.ndarray, y: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Spearman correlation, and the share of all orders of `y` with one as far from 0.

    Parameters
    ----------
    x, y : array, shape (n,)
    seed : int
        Random seed of the orders, where more than 5,040 are possible.

    Returns
    -------
    tuple of float
        Correlation and two-sided p value, which is 1/n! or more.
    """
    actual = spearman(x, y)
    n = len(y)
    if math.factorial(n) <= _MOST_ORDERS:
        null = np.array([spearman(x, y[list(order)]) for order in itertools.permutations(range(n))])
        return actual, float(np.mean(np.abs(null) >= abs(actual) - 1e-9))
    rng = np.random.default_rng(seed)
    null = np.array([spearman(x, rng.permutation(y)) for _ in range(_MOST_ORDERS)])
    return actual, float((1 + np.sum(np.abs(null) >= abs(actual) - 1e-9)) / (1 + _MOST_ORDERS))
