"""Rank correlation of two orders of a few things, and its p value over all orders."""

import itertools
import math

import numpy as np

from m2m_benchmarks.arrays.correlation import standardize

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
    from scipy.stats import rankdata  # takes a second to import

    first, second = (standardize(rankdata(values)[:, None])[:, 0] for values in (x, y))
    n = len(y)
    every = math.factorial(n) <= _MOST_ORDERS
    rng = np.random.default_rng(seed)
    orders = itertools.permutations(range(n)) if every else (rng.permutation(n) for _ in range(_MOST_ORDERS))
    null = second[np.array(list(orders))] @ first / n
    actual = float(first @ second / n)
    as_far = int(np.sum(np.abs(null) >= abs(actual) - 1e-9))
    return actual, as_far / len(null) if every else (1 + as_far) / (1 + len(null))
