"""Differences between two scores, and what holds of many of them at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from m2m_benchmarks.arrays import standard_error

#: Fewest seeds for an interval: with two, Student's t has one degree of freedom and is 12.7 standard errors wide.
FEWEST_SEEDS = 3


@dataclass(frozen=True)
class Estimate:
    """A difference and how well it is known.

    Attributes
    ----------
    value : float
    error : float
        Standard error.
    interval : (low, high) or None
        95 % confidence interval; None where there is too little to base it on.
    p : float or None
        Two-sided p value of no difference.
    """

    value: float
    error: float
    interval: tuple[float, float] | None
    p: float | None


def paired(first: Sequence[float], second: Sequence[float]) -> Estimate:
    """Estimate a mean difference of pairs by Student's t.

    Parameters
    ----------
    first, second : sequence of float
        Two pairs or more. Two have no interval and no p value.

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


def drawn(first: np.ndarray, second: np.ndarray, difference: float) -> Estimate:
    """Estimate a difference from bootstrap draws of both scores.

    The interval is that of the percentiles. The p value takes the difference for normal with the standard error of the
    draws: counted among 1,000 draws it could not get below .002, too much for a correction over many pairs.

    Parameters
    ----------
    first, second : array, shape (n_draws,)
        Scores over the same draws of images, stimuli or neuroids.
    difference : float
        Difference of the scores themselves.

    Returns
    -------
    Estimate
    """
    differences = first - second
    low, high = np.percentile(differences, [2.5, 97.5])
    error = standard_error(differences)
    return Estimate(difference, error, (float(low), float(high)), _two_sided(difference, error, stats.norm))


def unpaired(values: Sequence[Sequence[float]], draws: np.ndarray, difference: float) -> Estimate:
    """Estimate a difference between means over seeds that are no pairs, from seeds and bootstrap draws together.

    The seeds of each candidate are a sample, and so are the stimuli, neuroids or images: the variances of both add up.
    What differs between seeds from stimulus to stimulus is in both, so that the error is rather too large than too
    small.

    Parameters
    ----------
    values : (first, second), sequences of float
        Scores of each candidate, one for each seed; a single one has no variance between seeds. Two have no interval
        and no p value.
    draws : array, shape (n_draws,)
        Differences between the means over seeds, over the same draws for both.
    difference : float
        Difference of the means themselves.

    Returns
    -------
    Estimate
        By Student's t with the degrees of freedom of Welch (1947), Biometrika 34, 28-35, in which the draws, of many
        stimuli, count as infinitely many.
    """
    samples = [(len(each), float(np.var(each, ddof=1)) / len(each)) for each in values if len(each) > 1]
    variance = standard_error(draws) ** 2 + sum(own for _, own in samples)
    error = variance**0.5
    if any(n < FEWEST_SEEDS for n, _ in samples):
        return Estimate(difference, error, None, None)
    inverse = sum(own**2 / (n - 1) for n, own in samples) / variance**2 if variance else 0.0
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
        Those that are None are no part of the family.

    Returns
    -------
    list of float or None
        In the same order.

    Notes
    -----
    The step-down procedure of Holm (1979), Scandinavian Journal of Statistics 6(2), 65-70, which holds under any
    dependence of the tests.
    """
    adjusted: list[float | None] = [None] * len(p_values)
    ordered = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    largest = 0.0
    for number, (p, place) in enumerate(ordered):
        largest = max(largest, min(1.0, (len(ordered) - number) * p))
        adjusted[place] = largest
    return adjusted


def rank_ranges(n: int, better: Mapping[tuple[int, int], bool]) -> list[tuple[int, int]]:
    """Range of each candidate's rank that is left by the pairs whose order is known.

    Parameters
    ----------
    n : int
        Number of candidates.
    better : mapping
        Pairs (first, second) of different scores to whether the first is the better one; all other pairs are ties.

    Returns
    -------
    list of (best, worst)
        1 is the best rank. Where the pairs hold the family-wise error at .05, all ranges together hold the true ranks
        with a confidence of 95 %.

    Notes
    -----
    Mogstad, Romano, Shaikh & Wilhelm (2024), Review of Economic Studies 91(1), 476-518.
    """
    below, above = [0] * n, [0] * n
    for (first, second), first_is_better in better.items():
        winner, loser = (first, second) if first_is_better else (second, first)
        above[loser] += 1
        below[winner] += 1
    return [(1 + above[place], n - below[place]) for place in range(n)]
