"""Errors, intervals and p values of scores and differences; corrections for several tests; ranks and groups."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from m2m_benchmarks import arrays
from m2m_benchmarks.arrays import standard_error

#: Largest adjusted p value of a difference that counts for ranks.
ALPHA = 0.05
#: Smallest number of seeds for an interval: with two, Student's t has one degree of freedom, and 12.7 standard errors.
FEWEST_SEEDS = 3


@dataclass(frozen=True)
class Variance:
    """Variance of an estimate that has one cause, such as the choice of stimuli and animals.

    Attributes
    ----------
    value : float
        Squared standard error.
    freedom : float
        Degrees of freedom; infinite where it counts as known.
    enough : bool
        Whether the sample is large enough for an interval.
    """

    value: float
    freedom: float
    enough: bool = True


@dataclass(frozen=True)
class Estimate:
    """A score or a difference, and its uncertainty.

    Attributes
    ----------
    value : float
    error : float
        Standard error.
    interval : (low, high) or None
        95 % confidence interval; None where there are too few seeds.
    freedom : float or None
        Degrees of freedom of the error, infinite for a normal distribution; None where there are too few seeds.
    """

    value: float
    error: float
    interval: tuple[float, float] | None
    freedom: float | None

    def p_differs(self, reference: float = 0.0) -> float | None:
        """Two-sided p value of Student's t for a true value of `reference`; None where there are too few seeds."""
        return self._tail(abs(self.value - reference), 2)

    def p_above(self, reference: float = 0.0) -> float | None:
        """One-sided p value of Student's t for a true value of at most `reference`; None for too few seeds."""
        return self._tail(self.value - reference, 1)

    def _tail(self, distance: float, sides: int) -> float | None:
        if self.freedom is None:
            return None
        if self.error == 0:
            return float(distance <= 0)
        return float(sides * _student(self.freedom).sf(distance / self.error))


def variance_of_draws(draws: np.ndarray, n_animals: int, n_stimuli: int) -> Variance:
    """Compute the variance over new animals and new stimuli from bootstrap draws.

    Parameters
    ----------
    draws : array, shape (3, n_draws) or (n_draws,)
        Values on draws of both factors, of animals alone and of stimuli alone; or draws of a single factor, such as
        images, whose variance counts as known.
    n_animals, n_stimuli : int
        Number of each in the experiment; not used for a single factor.

    Returns
    -------
    Variance
        With the degrees of freedom of the sum of both (`arrays.degrees_of_freedom`).
    """
    if draws.ndim == 1:
        return Variance(standard_error(draws) ** 2, math.inf)
    return Variance(*arrays.variance_of_draws(draws, n_animals, n_stimuli))


def variance_of_seeds(values: Sequence[float] | np.ndarray) -> Variance:
    """Compute the variance of a mean over random seeds, two or more."""
    n = len(values)
    return Variance(float(np.var(values, ddof=1)) / n, n - 1, n >= FEWEST_SEEDS)


def estimate(value: float, variances: Sequence[Variance]) -> Estimate:
    """Estimate a value whose variance is the sum of several.

    Parameters
    ----------
    value : float
    variances : sequence of Variance
        Variances of independent causes. Draws of stimuli hold the interaction of seeds and stimuli too, as seeds do, so
        the error of both is too large rather than too small.

    Returns
    -------
    Estimate
        Estimate by Student's t, with the degrees of freedom of Welch (1947), Biometrika 34, 28-35.
    """
    total = sum(variance.value for variance in variances)
    error = math.sqrt(total)
    if not all(variance.enough for variance in variances):
        return Estimate(value, error, None, None)
    inverse = sum((variance.value / total) ** 2 / variance.freedom for variance in variances) if total else 0.0
    freedom = 1 / inverse if inverse else math.inf
    half = float(_student(freedom).ppf(0.975)) * error
    return Estimate(value, error, (value - half, value + half), freedom)


def percentile_estimate(value: float, draws: np.ndarray) -> Estimate:
    """Estimate a value from bootstrap draws of a single factor.

    The interval is given by percentiles. p values are those of a normal distribution with the standard error of the
    draws: counted among 1,000 draws they could not be below .002, too large to be corrected for many pairs.

    Parameters
    ----------
    value : float
        Value on the whole sample.
    draws : array, shape (n_draws,)
    """
    low, high = np.percentile(draws, [2.5, 97.5])
    return Estimate(value, standard_error(draws), (float(low), float(high)), math.inf)


def _student(freedom: float) -> 'stats.rv_continuous':
    return stats.norm if math.isinf(freedom) else stats.t(freedom)


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
    adjusted = iter(adjust_by_holm(np.array([p for p in p_values if p is not None])).tolist())
    return [None if p is None else next(adjusted) for p in p_values]


def adjust_by_holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust an array of p values as `holm` does."""
    order = np.argsort(p_values, kind='stable')
    larger = np.minimum(1.0, np.arange(len(order), 0, -1) * p_values[order])
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate(larger)
    return adjusted


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust p values so that, of those below .05, a share of at most .05 is false on average.

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
    The step-up procedure of Benjamini & Hochberg (1995), Journal of the Royal Statistical Society B 57(1), 289-300,
    for tests that are independent or positively dependent.
    """
    adjusted: list[float | None] = [None] * len(p_values)
    ordered = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    smallest = 1.0
    for number, (p, index) in reversed(list(enumerate(ordered, 1))):
        smallest = min(smallest, p * len(ordered) / number)
        adjusted[index] = smallest
    return adjusted


#: Name of each correction for several tests, what it controls, and its function.
CORRECTIONS: dict[str, tuple[str, Callable[[Sequence[float | None]], list[float | None]]]] = {
    'holm': ('Holm 1979: the chance of any false difference is at most 5 %', holm),
    'fdr': ('Benjamini & Hochberg 1995: at most 5 % of the differences are false on average', benjamini_hochberg),
}


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
    ordered = [pair if first_is_better else pair[::-1] for pair, first_is_better in better.items()]
    return rank_ranges_of(n, np.array(ordered, dtype=int).reshape(-1, 2))


def rank_ranges_of(n: int, ordered: np.ndarray) -> list[tuple[int, int]]:
    """Compute ranges of ranks as `rank_ranges` does, from an array of pairs (better, worse), shape (n_pairs, 2)."""
    above, below = (np.bincount(ordered[:, column], minlength=n) for column in (1, 0))
    return list(zip((1 + above).tolist(), (n - below).tolist(), strict=True))


def groups_of_ties(
    values: Sequence[float] | np.ndarray,
    different: Collection[tuple[int, int]] | np.ndarray,
    most: float = math.inf,
) -> list[list[int]]:
    """Group candidates that can't be told apart.

    A group is a set of candidates in which no pair differs, and which is not part of a larger one. So two candidates
    are in a group together if and only if they don't differ. A candidate may be in several groups, as being tied is not
    transitive.

    Parameters
    ----------
    values : sequence of float
        Value of each candidate.
    different : collection of (first, second), or array of int, shape (n_different, 2)
        Pairs that differ, in either order.
    most : float
        Largest number of groups: there may be exponentially many.

    Returns
    -------
    list of list of int
        Indices of the candidates of each group, and the groups, the highest first; a candidate that differs from all
        others is a group of its own. Empty where there are more than `most`.

    Notes
    -----
    The groups are the maximal cliques of the graph of ties, to which one candidate after another is added: each group
    of the earlier ones either takes it in, or stays, and those of its members that are tied with it are a group with
    it. Sets are the bits of whole numbers. Piepho (2004), Journal of Computational and Graphical Statistics 13(2),
    456-466, defines these groups, and inserts one pair that differs after another.
    """
    order = np.argsort(-np.asarray(values, dtype=float), kind='stable')
    n = len(order)
    tied = ~np.eye(n, dtype=bool)
    pairs = np.array(different if isinstance(different, np.ndarray) else [*different], dtype=int).reshape(-1, 2)
    tied[pairs[:, 0], pairs[:, 1]] = tied[pairs[:, 1], pairs[:, 0]] = False
    # Bit number r stands for the candidate of rank r.
    packed = np.packbits(tied[order][:, order], axis=1, bitorder='little')
    bits = [int.from_bytes(row.tobytes(), 'little') for row in packed]
    groups: set[int] = set()
    for number, neighbours in enumerate(bits):
        own = 1 << number
        stay = {group for group in groups if group & ~neighbours}
        # The empty set stands for a candidate that is tied with none of the earlier ones.
        shared = {0} | {group & neighbours for group in groups}
        largest = [part for part in shared if not any(part != other and part & ~other == 0 for other in shared)]
        groups = stay | {part | own for part in largest}
        if len(groups) > most:
            return []
    members = sorted([rank for rank in range(n) if group >> rank & 1] for group in groups)
    return [[int(order[rank]) for rank in group] for group in members]
