"""Differences between scores: estimates, and corrections for multiple comparisons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from m2m_benchmarks.arrays import standard_error

#: Smallest number of seeds for an interval: with two, Student's t has one degree of freedom, and 12.7 standard errors.
FEWEST_SEEDS = 3


@dataclass(frozen=True)
class Estimate:
    """A difference and its uncertainty.

    Attributes
    ----------
    value : float
    error : float
        Standard error.
    interval : (low, high) or None
        95 % confidence interval; None where there are too few seeds.
    p : float or None
        Two-sided p value for no difference; None where there are too few seeds.
    """

    value: float
    error: float
    interval: tuple[float, float] | None
    p: float | None


def paired_difference(first: Sequence[float], second: Sequence[float]) -> Estimate:
    """Estimate the mean difference of pairs by Student's t.

    Parameters
    ----------
    first, second : sequence of float
        Values of two or more pairs. With two there is no interval and no p value.

    Returns
    -------
    Estimate
    """
    differences = np.subtract(first, second)
    n = len(differences)
    mean, error = float(differences.mean()), float(stats.sem(differences))
    if n < FEWEST_SEEDS:
        return Estimate(mean, error, None, None)
    half = float(stats.t.ppf(0.975, n - 1)) * error
    return Estimate(mean, error, (mean - half, mean + half), _two_sided(mean, error, stats.t(n - 1)))


def bootstrap_difference(first: np.ndarray, second: np.ndarray, difference: float) -> Estimate:
    """Estimate a difference from bootstrap draws of both scores.

    The interval is given by percentiles. The p value is that of a normal distribution with the standard error of the
    draws: counted among 1,000 draws it could not be below .002, too large to be corrected for many pairs.

    Parameters
    ----------
    first, second : array, shape (n_draws,)
        Scores on the same bootstrap draws of images, stimuli or neuroids.
    difference : float
        Difference of the scores on the whole sample.

    Returns
    -------
    Estimate
    """
    differences = first - second
    low, high = np.percentile(differences, [2.5, 97.5])
    error = standard_error(differences)
    return Estimate(difference, error, (float(low), float(high)), _two_sided(difference, error, stats.norm))


def unpaired_difference(values: Sequence[Sequence[float]], draws: np.ndarray, difference: float) -> Estimate:
    """Estimate a difference between means over unpaired seeds, from seeds and bootstrap draws together.

    The seeds of each candidate are a sample, and so are the stimuli, neuroids or images: their variances add up. The
    interaction of seeds and stimuli is in both, so the error is too large rather than too small.

    Parameters
    ----------
    values : (first, second), sequences of float
        Scores of each candidate, one for each seed. A single one has no variance between seeds; with two there is no
        interval and no p value.
    draws : array, shape (n_draws,)
        Differences between the means over seeds, on the same bootstrap draws for both.
    difference : float
        Difference of the means on the whole sample.

    Returns
    -------
    Estimate
        Estimate by Student's t with the degrees of freedom of Welch (1947), Biometrika 34, 28-35; those of the draws
        count as infinite.
    """
    samples = [(len(scores), float(np.var(scores, ddof=1)) / len(scores)) for scores in values if len(scores) > 1]
    variance = standard_error(draws) ** 2 + sum(squared_error for _, squared_error in samples)
    error = variance**0.5
    if any(n < FEWEST_SEEDS for n, _ in samples):
        return Estimate(difference, error, None, None)
    inverse = sum(squared_error**2 / (n - 1) for n, squared_error in samples) / variance**2 if variance else 0.0
    distribution = stats.t(1 / inverse) if inverse else stats.norm
    half = float(distribution.ppf(0.975)) * error
    return Estimate(
        difference, error, (difference - half, difference + half), _two_sided(difference, error, distribution)
    )


def _two_sided(difference: float, error: float, distribution: 'stats.rv_continuous') -> float:
    if error == 0:
        return float(difference == 0)
    return float(2 * distribution.sf(abs(difference) / error))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust p values so that the probability of any false one among them below .05 is at most .05.

    Parameters
    ----------
    p_values : sequence of float or None
        p values; None is not part of the family.

    Returns
    -------
    list of float or None
        Adjusted p values in the same order.

    Notes
    -----
    The step-down procedure of Holm (1979), Scandinavian Journal of Statistics 6(2), 65-70, which holds under any
    dependence of the tests.
    """
    adjusted: list[float | None] = [None] * len(p_values)
    ordered = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    largest = 0.0
    for number, (p, index) in enumerate(ordered):
        largest = max(largest, min(1.0, (len(ordered) - number) * p))
        adjusted[index] = largest
    return adjusted


def rank_ranges(n: int, better: Mapping[tuple[int, int], bool]) -> list[tuple[int, int]]:
    """Compute the range of each candidate's rank from the pairs whose order is known.

    Parameters
    ----------
    n : int
        Number of candidates.
    better : mapping
        Whether the first candidate is the better one, for each pair (first, second) that differs; others are ties.

    Returns
    -------
    list of (best, worst)
        Ranks from 1, the best. If the family-wise error of the pairs is at most .05, all ranges together contain the
        true ranks with a confidence of 95 %.

    Notes
    -----
    Mogstad, Romano, Shaikh & Wilhelm (2024), Review of Economic Studies 91(1), 476-518.
    """
    below, above = [0] * n, [0] * n
    for (first, second), first_is_better in better.items():
        winner, loser = (first, second) if first_is_better else (second, first)
        above[loser] += 1
        below[winner] += 1
    return [(1 + above[index], n - below[index]) for index in range(n)]
