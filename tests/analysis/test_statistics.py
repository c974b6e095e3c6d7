"""Differences against scipy's and slow versions, adjusted p values and ranks against closed forms and simulations."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from m2m_benchmarks.analysis.statistics import (
    Estimate,
    bootstrap_difference,
    holm,
    paired_difference,
    rank_ranges,
    unpaired_difference,
)

VALUES = st.floats(-1, 1).map(lambda value: round(value, 6))
P_VALUES = st.floats(0, 1)


@settings(deadline=None)
@given(
    st.lists(st.tuples(VALUES, VALUES), min_size=3, max_size=12).filter(
        lambda pairs: np.ptp(np.subtract(*zip(*pairs, strict=True))) > 1e-4
    )
)
@pytest.mark.seconds
def test_paired_differences_are_those_of_scipy(pairs):
    first, second = zip(*pairs, strict=True)
    estimate = paired_difference(first, second)
    expected = stats.ttest_rel(first, second)
    low, high = expected.confidence_interval(0.95)
    assert estimate.value == pytest.approx(np.mean(first) - np.mean(second), abs=1e-9)
    assert estimate.value / estimate.error == pytest.approx(expected.statistic, rel=1e-6, abs=1e-9)
    assert estimate.interval == pytest.approx((low, high), rel=1e-6, abs=1e-9)
    assert estimate.p == pytest.approx(expected.pvalue, rel=1e-6)
    swapped = paired_difference(second, first)
    assert (swapped.value, swapped.error) == (pytest.approx(-estimate.value), pytest.approx(estimate.error))
    assert swapped.interval == pytest.approx((-estimate.interval[1], -estimate.interval[0]))


def test_paired_differences_that_are_all_alike():
    assert paired_difference([0.5, 0.75, 1], [0.25, 0.5, 0.75]) == Estimate(0.25, 0, (0.25, 0.25), 0)
    assert paired_difference([0.5, 0.75, 1], [0.5, 0.75, 1]) == Estimate(0, 0, (0, 0), 1)


def test_two_pairs_have_an_error_and_no_interval():
    assert paired_difference([0.5, 1], [0.25, 0.25]) == Estimate(0.5, 0.25, None, None)


@settings(deadline=None)
@given(st.lists(st.tuples(VALUES, VALUES), min_size=2, max_size=300), VALUES)
@pytest.mark.seconds
def test_bootstrap_differences_are_those_of_a_slow_version(draws, difference):
    first, second = (np.array(column) for column in zip(*draws, strict=True))
    ordered = sorted(a - b for a, b in draws)

    def quantile(share):
        position = share * (len(ordered) - 1)
        below = int(position)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (position - below) * (ordered[above] - ordered[below])

    mean = sum(ordered) / len(ordered)
    spread = (sum((value - mean) ** 2 for value in ordered) / (len(ordered) - 1)) ** 0.5
    estimate = bootstrap_difference(first, second, difference)
    assert estimate.value == difference
    assert estimate.error == pytest.approx(spread, abs=1e-9)
    assert estimate.interval == pytest.approx((quantile(0.025), quantile(0.975)), abs=1e-9)


def test_the_p_value_of_draws_is_that_of_a_z_test():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0.3, 0.02, 1000), rng.normal(0.25, 0.02, 1000)
    estimate = bootstrap_difference(first, second, 0.05)
    assert estimate.p == pytest.approx(2 * (1 - stats.norm.cdf(0.05 / np.std(first - second, ddof=1))))
    assert bootstrap_difference(first, first, 0).p == 1
    assert bootstrap_difference(first, first + 0.25, -0.25).p < 1e-12


NO_DRAWS = np.zeros(10)


@settings(deadline=None)
@given(*[st.lists(VALUES, min_size=3, max_size=9).filter(lambda values: np.ptp(values) > 1e-3)] * 2)
@pytest.mark.seconds
def test_unpaired_seeds_are_compared_by_the_t_test_of_welch(first, second):
    estimate = unpaired_difference((first, second), NO_DRAWS, np.mean(first) - np.mean(second))
    expected = stats.ttest_ind(first, second, equal_var=False)
    assert estimate.p == pytest.approx(expected.pvalue, rel=1e-6)
    assert estimate.interval == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-6, abs=1e-9)
    single = unpaired_difference((first, [0.25]), NO_DRAWS, np.mean(first) - 0.25)
    assert single.p == pytest.approx(stats.ttest_1samp(first, 0.25).pvalue, rel=1e-6)


def test_errors_of_seeds_and_draws_add_up():
    draws = np.random.default_rng(0).normal(0, 0.02, 1000)
    values = ([0.30, 0.36, 0.33], [0.2])
    estimate = unpaired_difference(values, draws, 0.13)
    assert estimate.error == pytest.approx((np.var(draws, ddof=1) + np.var(values[0], ddof=1) / 3) ** 0.5)
    # The draws have infinitely many degrees of freedom, the seeds have two.
    freedom = 2 * (estimate.error**2 / (0.03**2 / 3)) ** 2
    assert estimate.interval[1] - 0.13 == pytest.approx(stats.t.ppf(0.975, freedom) * estimate.error)
    alike = unpaired_difference(([0.3, 0.3, 0.3], [0.2]), draws, 0.1)
    assert alike.p == pytest.approx(bootstrap_difference(draws, np.zeros(1000), 0.1).p)
    assert unpaired_difference(([0.5] * 3, [0.5]), NO_DRAWS, 0) == Estimate(0, 0, (0, 0), 1)


def test_two_unpaired_seeds_have_no_interval():
    estimate = unpaired_difference(([0.3, 0.4], [0.2, 0.3, 0.1]), NO_DRAWS, 0.15)
    assert estimate.error > 0
    assert (estimate.interval, estimate.p) == (None, None)


@pytest.mark.slow
@pytest.mark.seconds
@pytest.mark.parametrize(('between_seeds', 'n_seeds'), [(0.0, 3), (0.1, 3), (0.1, 8), (1.0, 3)])
def test_intervals_hold_where_seeds_and_stimuli_are_both_drawn(between_seeds, n_seeds):
    """One trained network against untrained ones: 95 % of the intervals contain the difference."""
    rng = np.random.default_rng(3)
    n_stimuli, n_draws, n_comparisons, held, by_draws_alone = 100, 300, 1000, 0, 0
    for _ in range(n_comparisons):
        of_stimuli = rng.normal(size=(2, n_stimuli))  # effect of each stimulus on each architecture
        trained = 0.5 + of_stimuli[0]
        untrained = of_stimuli[1] + between_seeds * rng.normal(size=(n_seeds, 1))
        counts = rng.multinomial(n_stimuli, np.full(n_stimuli, 1 / n_stimuli), n_draws)
        draws = counts @ (trained - untrained.mean(axis=0)) / n_stimuli
        values = ([trained.mean()], untrained.mean(axis=1))
        low, high = unpaired_difference(values, draws, trained.mean() - values[1].mean()).interval
        held += low <= 0.5 <= high
        low, high = np.percentile(draws, [2.5, 97.5])
        by_draws_alone += low <= 0.5 <= high
    assert 0.93 * n_comparisons < held < 0.98 * n_comparisons
    if between_seeds == 1:
        assert by_draws_alone < 0.5 * n_comparisons  # hence the seeds have to be included


def test_adjusted_p_values_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.02, None, 0.5, None]) == [0.04, None, 0.5, None]
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


@settings(deadline=None)
@given(st.lists(P_VALUES, min_size=1, max_size=9))
def test_adjusted_p_values_are_those_of_the_closed_test_procedure(p_values):
    """Holm's procedure is the closure of Bonferroni's test: a p value is the largest of all families with it."""
    n = len(p_values)
    expected = []
    for index in range(n):
        others = [p for i, p in enumerate(p_values) if i != index]
        families = [[p_values[index], *family] for size in range(n) for family in itertools.combinations(others, size)]
        expected.append(max(min(1, len(family) * min(family)) for family in families))
    assert holm(p_values) == pytest.approx(expected)


def test_ranges_of_ranks_by_hand():
    assert rank_ranges(3, {}) == [(1, 3)] * 3
    assert rank_ranges(3, {(0, 1): True, (0, 2): False, (1, 2): False}) == [(2, 2), (3, 3), (1, 1)]
    assert rank_ranges(3, {(0, 2): True}) == [(1, 2), (1, 3), (2, 3)]


def family_of_scores(means, rng, n_stimuli=100, n_draws=200):
    """Adjusted p values and ranges of ranks of candidates whose scores on the same stimuli are bootstrapped."""
    noise = rng.normal(size=(len(means), n_stimuli)) + rng.normal(size=n_stimuli)  # hard stimuli are hard for all
    values = np.asarray(means)[:, None] + noise
    counts = rng.multinomial(n_stimuli, np.full(n_stimuli, 1 / n_stimuli), n_draws)
    draws = values @ counts.T / n_stimuli
    pairs = list(itertools.combinations(range(len(means)), 2))
    estimates = [bootstrap_difference(draws[i], draws[j], values[i].mean() - values[j].mean()) for i, j in pairs]
    adjusted = dict(zip(pairs, holm([estimate.p for estimate in estimates]), strict=True))
    better = {
        pair: estimate.value > 0 for pair, estimate in zip(pairs, estimates, strict=True) if adjusted[pair] <= 0.05
    }
    return adjusted, rank_ranges(len(means), better)


@pytest.mark.slow
@pytest.mark.seconds
@pytest.mark.parametrize('n', [2, 5, 10])
def test_the_family_wise_error_is_held(n):
    rng = np.random.default_rng(1)
    n_families = 1000
    false = sum(min(family_of_scores([0] * n, rng)[0].values()) <= 0.05 for _ in range(n_families))
    # 1,000 families at .05: 50 ± 7. A standard error from 100 stimuli and 200 draws adds up to .02.
    assert false < 0.07 * n_families + 2 * 7
    if n == 2:
        assert false > 50 - 4 * 7  # a single pair is not corrected


@pytest.mark.slow
@pytest.mark.seconds
def test_ranges_hold_the_true_ranks():
    rng = np.random.default_rng(2)
    means = [0.9, 0.6, 0.55, 0.0]
    held, narrow = 0, 0
    for _ in range(500):
        _, ranges = family_of_scores(means, rng)
        held += all(best <= rank <= worst for rank, (best, worst) in enumerate(ranges, 1))
        narrow += ranges[3] == (4, 4)
    assert held >= 0.95 * 500 - 15
    assert narrow > 400  # and most of them are narrow
