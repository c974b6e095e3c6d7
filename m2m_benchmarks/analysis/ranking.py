"""Ranks of many candidates on one measure: all pairs at once, with the method of `analysis.comparison`."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from m2m_benchmarks.analysis.statistics import (
    ALPHA,
    adjust_by_holm,
    groups_of_ties,
    rank_ranges_of,
    variance_of_seeds,
)
from m2m_benchmarks.arrays import degrees_of_freedom, two_factor_variance

#: Number of times that the benchmarks of a mean are drawn.
N_DRAWS = 1000
#: Most groups of ties that are listed: letters of more tell a reader nothing that ranks don't.
MOST_GROUPS = 1_000
#: Fewest benchmarks that are drawn: with two, Student's t has one degree of freedom, and 12.7 standard errors.
FEWEST_BENCHMARKS = 3


@dataclass(frozen=True)
class Measures:
    """One measure of several candidates, and its uncertainty.

    Attributes
    ----------
    values : list of array, each of shape (n_seeds,)
        Values of each candidate, one for each seed.
    draws : array, shape (n_candidates, 3, n_draws) or (n_candidates, n_draws)
        Bootstrap draws of each candidate, mean over its seeds: of both factors, animals and stimuli; or of a single
        factor, whose variance counts as known.
    n_animals, n_stimuli : array of int, shape (n_candidates,)
        Numbers of units that were drawn; not used for a single factor.
    paired : collection of (first, second)
        Pairs of candidates, first < second, whose seeds are paired.
    """

    values: Sequence[np.ndarray]
    draws: np.ndarray
    n_animals: np.ndarray
    n_stimuli: np.ndarray
    paired: Collection[tuple[int, int]] = ()


@dataclass(frozen=True)
class Pairs:
    """Differences of all pairs of candidates, in the order of `numpy.triu_indices`.

    Attributes
    ----------
    n : int
        Number of candidates.
    first, second : array of int, shape (n_pairs,)
    values : array, shape (n_pairs,)
        Value of the first minus that of the second.
    errors : array, shape (n_pairs,)
        Standard errors.
    p : array, shape (n_pairs,)
        Two-sided p values for no difference; NaN where there are too few seeds.
    """

    n: int
    first: np.ndarray
    second: np.ndarray
    values: np.ndarray
    errors: np.ndarray
    p: np.ndarray


@dataclass(frozen=True)
class Ranking:
    """Ranks of candidates.

    Attributes
    ----------
    ranks : list of (best, worst)
        Range of the rank of each candidate; see `statistics.rank_ranges`.
    groups : list of list of int
        Candidates that can't be told apart; see `statistics.groups_of_ties`. Empty where there are too many groups.
    n_pairs, n_different : int
        Number of pairs, and of those whose order is known.
    """

    ranks: list[tuple[int, int]]
    groups: list[list[int]]
    n_pairs: int
    n_different: int


def compare_all(measures: Measures) -> Pairs:
    """Compare all pairs of candidates, as `comparison.compare_scores` compares one pair.

    The variance of a difference over draws is that of both candidates less twice their covariance, so one product of
    matrices has those of all pairs.
    """
    n = len(measures.values)
    first, second = np.triu_indices(n, k=1)
    means = np.array([np.mean(values) for values in measures.values])
    variances, by_freedom = _of_draws(measures, first, second)
    of_seeds = [variance_of_seeds(values) if len(values) > 1 else None for values in measures.values]
    own = np.array([0.0 if each is None else each.value for each in of_seeds])
    own_by_freedom = np.array([0.0 if each is None else each.value**2 / each.freedom for each in of_seeds])
    enough = np.array([each is None or each.enough for each in of_seeds])
    total = variances + own[first] + own[second]
    by_freedom = by_freedom + own_by_freedom[first] + own_by_freedom[second]
    known = enough[first] & enough[second]
    for pair in measures.paired:
        at = _position(n, *pair)
        between = variance_of_seeds(np.subtract(measures.values[pair[0]], measures.values[pair[1]]))
        # Draws of a single factor, such as images, are not added to the variance between paired seeds.
        of_pair = _of_draws(measures, *(np.array([each]) for each in pair)) if measures.draws.ndim == 3 else (0.0, 0.0)
        total[at] = np.squeeze(of_pair[0]) + between.value
        by_freedom[at] = np.squeeze(of_pair[1]) + between.value**2 / between.freedom
        known[at] = between.enough
    values, errors = means[first] - means[second], np.sqrt(total)
    return Pairs(n, first, second, values, errors, np.where(known, _p_values(values, errors, by_freedom), np.nan))


def _position(n: int, first: int, second: int) -> int:
    """Position of a pair, first < second, in the order of `numpy.triu_indices`."""
    return first * (2 * n - first - 1) // 2 + second - first - 1


def _of_draws(measures: Measures, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variances of the differences of pairs over draws, and their squares over their degrees of freedom."""
    draws = measures.draws
    if draws.ndim == 2:
        variances = _variances(draws, first, second)
        return variances, np.zeros_like(variances)
    factors = [_variances(draws[:, number], first, second) for number in range(3)]
    variances, by_freedom = np.empty(len(first)), np.empty(len(first))
    sizes = np.stack([measures.n_animals[first], measures.n_stimuli[first]], axis=1)
    for size in np.unique(sizes, axis=0):
        own = (sizes == size).all(axis=1)
        both, animals, stimuli = (values[own] for values in factors)
        variances[own] = two_factor_variance(both, animals, stimuli, *map(int, size))
        freedom = degrees_of_freedom(animals, stimuli, *map(int, size))
        by_freedom[own] = variances[own] ** 2 / freedom
    return variances, by_freedom


def _variances(draws: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Variance over draws of the difference of each pair; `draws` has the shape (n_candidates, n_draws)."""
    draws = np.asarray(draws, dtype=float)
    centred = draws - draws.mean(axis=1, keepdims=True)
    if len(first) == 1:
        of_one: np.ndarray = np.var(centred[first] - centred[second], axis=1, ddof=1)
        return of_one
    products = centred @ centred.T / (draws.shape[1] - 1)
    squares = np.diag(products)
    # Rounding may make that of two candidates with the same draws negative.
    variances: np.ndarray = np.maximum(squares[first] + squares[second] - 2 * products[first, second], 0)
    return variances


def _p_values(values: np.ndarray, errors: np.ndarray, by_freedom: np.ndarray) -> np.ndarray:
    """Two-sided p values of Student's t, with the degrees of freedom of Welch (1947); see `statistics.estimate`."""
    distances = np.abs(values)
    with np.errstate(divide='ignore', invalid='ignore'):
        freedom = np.where(by_freedom > 0, errors**4 / by_freedom, np.inf)
        p = 2 * np.where(np.isinf(freedom), stats.norm.sf(distances / errors), stats.t.sf(distances / errors, freedom))
    return np.where(errors > 0, p, (distances <= 0).astype(float))


def rank(pairs: Pairs) -> Ranking:
    """Rank candidates by the pairs that differ by Holm's procedure."""
    known = np.isfinite(pairs.p)
    adjusted = np.full(len(pairs.p), np.nan)
    adjusted[known] = adjust_by_holm(pairs.p[known])
    different = known & (adjusted <= ALPHA)
    which = np.stack([pairs.first[different], pairs.second[different]], axis=1)
    ordered = np.where(pairs.values[different, None] > 0, which, which[:, ::-1])
    # Values of the candidates up to a constant, for the order of the groups.
    values = np.zeros(pairs.n)
    values[1:] = -pairs.values[: pairs.n - 1]
    return Ranking(
        rank_ranges_of(pairs.n, ordered),
        groups_of_ties(values, which, MOST_GROUPS),
        len(pairs.p),
        int(different.sum()),
    )


def rank_means(scores: np.ndarray, weights: Sequence[float] | None = None, seed: int = 0) -> Ranking | None:
    """Rank candidates by their mean over benchmarks, which are drawn with replacement.

    The ranks are for new benchmarks of the kind of these, and need no draws of the scores.

    Parameters
    ----------
    scores : array, shape (n_candidates, n_benchmarks)
        Scores without NaN.
    weights : sequence of float, optional
        Positive weight of each benchmark; by default the same for all.
    seed : int
        Random seed of the draws.

    Returns
    -------
    Ranking or None
        None for fewer than three benchmarks.

    Raises
    ------
    ValueError
        When a score is not finite, or a weight is not positive.
    """
    pairs = compare_means(scores, weights, seed)
    return None if pairs is None else rank(pairs)


def compare_means(scores: np.ndarray, weights: Sequence[float] | None = None, seed: int = 0) -> Pairs | None:
    """Compare the means of all pairs of candidates over benchmarks; parameters as in `rank_means`.

    Notes
    -----
    A bootstrap of m benchmarks has a variance that is too small by the factor (m - 1) / m, which is corrected. The
    p values are those of Student's t with m - 1 degrees of freedom; where weights differ, m is (sum of the weights)² /
    (sum of their squares), after Kish (1965), Survey Sampling.
    """
    scores = np.asarray(scores, dtype=float)
    n, n_benchmarks = scores.shape
    if not np.isfinite(scores).all():
        raise ValueError('expected scores that are finite')
    shares = np.ones(n_benchmarks) if weights is None else np.asarray(weights, dtype=float)
    if shares.shape != (n_benchmarks,) or not (np.isfinite(shares) & (shares > 0)).all():
        raise ValueError(f'expected {n_benchmarks} positive weights, got {weights}')
    if n_benchmarks < FEWEST_BENCHMARKS:
        return None
    drawn = np.random.default_rng(seed).multinomial(n_benchmarks, np.full(n_benchmarks, 1 / n_benchmarks), N_DRAWS)
    weighted = drawn * shares
    draws = scores @ (weighted / weighted.sum(axis=1, keepdims=True)).T
    size = shares.sum() ** 2 / (shares**2).sum()
    first, second = np.triu_indices(n, k=1)
    means = scores @ shares / shares.sum()
    variances = _variances(draws, first, second) * size / (size - 1)
    # Of equal candidates rounding alone makes a variance.
    smallest = (1e-12 * np.abs(scores).max(initial=0)) ** 2
    errors = np.sqrt(np.where(variances > smallest, variances, 0))
    values = means[first] - means[second]
    values[np.abs(values) <= math.sqrt(smallest)] = 0
    return Pairs(n, first, second, values, errors, _p_values(values, errors, errors**4 / (size - 1)))
