"""Differences against scipy's and slow versions, adjusted p values and ranks against closed forms and simulations."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from m2m_benchmarks.analysis.statistics import (
    CORRECTIONS,
    Estimate,
    Variance,
    benjamini_hochberg,
    estimate,
    groups_of_ties,
    holm,
    percentile_estimate,
    rank_ranges,
    variance_of_draws,
    variance_of_seeds,
)

VALUES = st.floats(-1, 1).map(lambda value: round(value, 6))
P_VALUES = st.floats(0, 1)


def of_pairs(first, second):
    """Estimate the mean difference of pairs."""
    differences = np.subtract(first, second)
    return estimate(float(differences.mean()), [variance_of_seeds(differences)])


def of_means(first, second, draws=None):
    """Estimate the difference between means over unpaired seeds; a single one has no variance."""
    variances = [variance_of_seeds(values) for values in (first, second) if len(values) > 1]
    variances += [] if draws is None else [variance_of_draws(draws, 0, 0)]
    return estimate(float(np.mean(first) - np.mean(second)), variances)


@settings(deadline=None)
@given(
    st.lists(st.tuples(VALUES, VALUES), min_size=3, max_size=12).filter(
        lambda pairs: np.ptp(np.subtract(*zip(*pairs, strict=True))) > 1e-4
    )
)
@pytest.mark.seconds
def test_paired_differences_are_those_of_scipy(pairs):
    first, second = zip(*pairs, strict=True)
    own = of_pairs(first, second)
    expected = stats.ttest_rel(first, second)
    low, high = expected.confidence_interval(0.95)
    assert own.value / own.error == pytest.approx(expected.statistic, rel=1e-6, abs=1e-9)
    assert own.interval == pytest.approx((low, high), rel=1e-6, abs=1e-9)
    assert own.p_differs() == pytest.approx(expected.pvalue, rel=1e-6)
    one_sided = stats.ttest_1samp(np.subtract(first, second), 0.1, alternative='greater')
    assert own.p_above(0.1) == pytest.approx(one_sided.pvalue, rel=1e-6)
    two_sided = stats.ttest_1samp(np.subtract(first, second), 0.1)
    assert own.p_differs(0.1) == pytest.approx(two_sided.pvalue, rel=1e-6)
    swapped = of_pairs(second, first)
    assert (swapped.value, swapped.error) == (pytest.approx(-own.value), pytest.approx(own.error))
    assert swapped.interval == pytest.approx((-own.interval[1], -own.interval[0]))


def test_estimates_without_any_spread():
    alike = of_pairs([0.5, 0.75, 1], [0.25, 0.5, 0.75])
    assert alike == Estimate(0.25, 0, (0.25, 0.25), np.inf)
    assert (alike.p_differs(), alike.p_above(), alike.p_differs(0.25), alike.p_above(0.3)) == (0, 0, 1, 1)


def test_two_seeds_have_an_error_and_no_interval():
    own = of_pairs([0.5, 1], [0.25, 0.25])
    assert own == Estimate(0.5, 0.25, None, None)
    assert (own.p_differs(), own.p_above()) == (None, None)
    assert of_means([0.3, 0.4], [0.2, 0.3, 0.1]).interval is None


@settings(deadline=None)
@given(st.lists(VALUES, min_size=2, max_size=300), VALUES)
@pytest.mark.seconds
def test_percentiles_are_those_of_a_slow_version(draws, value):
    ordered = sorted(draws)

    def quantile(share):
        position = share * (len(ordered) - 1)
        below = int(position)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (position - below) * (ordered[above] - ordered[below])

    mean = sum(ordered) / len(ordered)
    spread = (sum((draw - mean) ** 2 for draw in ordered) / (len(ordered) - 1)) ** 0.5
    own = percentile_estimate(value, np.array(draws))
    assert own.value == value
    assert own.error == pytest.approx(spread, abs=1e-9)
    assert own.interval == pytest.approx((quantile(0.025), quantile(0.975)), abs=1e-9)


def test_the_p_value_of_draws_of_one_factor_is_that_of_a_z_test():
    draws = np.random.default_rng(0).normal(0.05, 0.03, 1000)
    own = percentile_estimate(0.05, draws)
    assert own.p_differs() == pytest.approx(2 * (1 - stats.norm.cdf(0.05 / np.std(draws, ddof=1))))
    assert own.p_above() == pytest.approx(own.p_differs() / 2)


@pytest.mark.parametrize(('n_animals', 'n_stimuli'), [(5, 40), (40, 5), (2, 40), (1, 40)])
def test_draws_of_two_factors_have_the_freedom_of_both(n_animals, n_stimuli):
    draws = np.random.default_rng(0).normal(0, [[0.03], [0.02], [0.02]], (3, 500))
    own = variance_of_draws(draws, n_animals, n_stimuli)
    # The variance as rsatoolbox has it.
    small = [np.var(kind, ddof=1) for kind in draws]
    if n_animals > 1:
        animals, stimuli = n_animals / (n_animals - 1), n_stimuli / (n_stimuli - 1)
        combined = animals * small[1] + stimuli * small[2] - animals * stimuli * (small[0] - small[1] - small[2])
        expected = min(max(combined, animals * small[1], stimuli * small[2]), small[0])
        a, s = animals * small[1], stimuli * small[2]
        freedom = (a + s) ** 2 / (a**2 / (n_animals - 1) + s**2 / (n_stimuli - 1))  # Satterthwaite
        assert min(n_animals, n_stimuli) - 1 < freedom < n_animals + n_stimuli
    else:
        expected, freedom = n_stimuli / (n_stimuli - 1) * small[2], n_stimuli - 1
    assert (own.value, own.freedom) == (pytest.approx(expected), pytest.approx(freedom))
    t = stats.t.ppf(0.975, freedom)
    assert estimate(0.3, [own]).interval == pytest.approx((0.3 - t * expected**0.5, 0.3 + t * expected**0.5))


@settings(deadline=None)
@given(*[st.lists(VALUES, min_size=3, max_size=9).filter(lambda values: np.ptp(values) > 1e-3)] * 2)
@pytest.mark.seconds
def test_unpaired_seeds_are_compared_by_the_t_test_of_welch(first, second):
    own = of_means(first, second)
    expected = stats.ttest_ind(first, second, equal_var=False)
    assert own.p_differs() == pytest.approx(expected.pvalue, rel=1e-6)
    assert own.interval == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-6, abs=1e-9)
    assert of_means(first, [0.25]).p_differs() == pytest.approx(stats.ttest_1samp(first, 0.25).pvalue, rel=1e-6)


def test_errors_of_seeds_and_draws_add_up():
    draws = np.random.default_rng(0).normal(0, 0.02, 1000)
    values = ([0.30, 0.36, 0.33], [0.2])
    own = of_means(*values, draws)
    assert own.error == pytest.approx((np.var(draws, ddof=1) + np.var(values[0], ddof=1) / 3) ** 0.5)
    # The draws of one factor have infinitely many degrees of freedom, the seeds have two.
    assert own.freedom == pytest.approx(2 * (own.error**2 / (0.03**2 / 3)) ** 2)
    assert own.interval[1] - 0.13 == pytest.approx(stats.t.ppf(0.975, own.freedom) * own.error)
    alike = of_means([0.3, 0.3, 0.3], [0.2], draws)
    assert alike.p_differs() == pytest.approx(percentile_estimate(0.1, draws).p_differs())
    three = estimate(0.1, [Variance(4.0, 3), Variance(1.0, 8), Variance(2.0, np.inf)])
    assert (three.error, three.freedom) == (pytest.approx(7**0.5), pytest.approx(49 / (16 / 3 + 1 / 8)))


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
        low, high = of_means([trained.mean()], untrained.mean(axis=1), draws).interval
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


@settings(deadline=None)
@given(st.lists(P_VALUES, min_size=1, max_size=9))
def test_the_false_discovery_rate_is_that_of_scipy(p_values):
    assert benjamini_hochberg(p_values) == pytest.approx(stats.false_discovery_control(p_values).tolist())


def test_the_false_discovery_rate_by_hand():
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert benjamini_hochberg([0.02, None, 0.5, None]) == [0.04, None, 0.5, None]
    assert benjamini_hochberg([]) == []
    assert {name: function for name, (_, function) in CORRECTIONS.items()} == {'holm': holm, 'fdr': benjamini_hochberg}


@pytest.mark.seconds
def test_a_share_of_false_discoveries_is_held():
    rng = np.random.default_rng(4)
    shares = []
    for _ in range(400):
        p_values = stats.norm.sf(rng.normal([3.0] * 5 + [0.0] * 15))
        discovered = np.array(benjamini_hochberg(p_values.tolist())) <= 0.05
        shares.append(discovered[5:].sum() / max(discovered.sum(), 1))
    assert 0.02 < np.mean(shares) < 0.05  # 15 of 20 hypotheses are true: .0375 is expected


@pytest.mark.parametrize(
    ('values', 'different', 'groups'),
    [
        ([0.1, 0.3, 0.2], [], [[1, 2, 0]]),
        ([0.1, 0.3, 0.2], [(0, 1), (1, 2), (2, 0)], [[1], [2], [0]]),
        ([0.1, 0.3, 0.2], [(0, 1)], [[1, 2], [2, 0]]),  # the middle one is in both
        ([0.4, 0.3, 0.2, 0.1], [(0, 2), (0, 3)], [[0, 1], [1, 2, 3]]),
        ([0.4, 0.3, 0.2, 0.1], [(2, 1)], [[0, 1, 3], [0, 2, 3]]),
        ([0.46, 0.36, 0.38], [(0, 2)], [[0, 1], [2, 1]]),  # the lowest is less certain than the middle one
        ([0.3], [], [[0]]),
        ([0.2, 0.2], [], [[0, 1]]),
    ],
)
def test_groups_of_ties_by_hand(values, different, groups):
    assert groups_of_ties(values, different) == groups


@settings(deadline=None)
@given(st.integers(1, 7), st.integers(0, 2**21 - 1))
def test_groups_are_all_largest_sets_without_a_difference(n, bits):
    values = list(np.random.default_rng(bits).permutation(n))
    pairs = list(itertools.combinations(range(n), 2))
    different = [pair for number, pair in enumerate(pairs) if bits >> number & 1]
    order = sorted(range(n), key=lambda index: -values[index])
    sets = [each for size in range(1, n + 1) for each in itertools.combinations(order, size)]
    ties = [each for each in sets if not any(set(pair) <= set(each) for pair in different)]
    expected = [list(each) for each in ties if not any(set(each) < set(other) for other in ties)]
    groups = groups_of_ties(values, different)
    assert groups == sorted(expected, key=lambda each: [order.index(member) for member in each])
    for pair in pairs:
        assert (pair in different) != any(set(pair) <= set(group) for group in groups)


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
    estimates = [percentile_estimate(values[i].mean() - values[j].mean(), draws[i] - draws[j]) for i, j in pairs]
    adjusted = dict(zip(pairs, holm([own.p_differs() for own in estimates]), strict=True))
    better = {pair: own.value > 0 for pair, own in zip(pairs, estimates, strict=True) if adjusted[pair] <= 0.05}
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
