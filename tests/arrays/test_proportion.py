"""Intervals and bootstrap draws of accuracies, against scipy, slow loops and simulated clusters."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from m2m_benchmarks.arrays import accuracy_draws, effective_number, standard_error, wilson_interval

#: Clusters of answers; each answer is right or wrong.
CLUSTERS = st.lists(st.lists(st.booleans(), min_size=1, max_size=6), min_size=1, max_size=12)


def concatenate(clusters):
    """Concatenate the answers of clusters, with the cluster of each."""
    correct = np.array([answer for cluster in clusters for answer in cluster])
    return correct, np.repeat(np.arange(len(clusters)), [len(cluster) for cluster in clusters])


def slow_effective_number(correct, clusters):
    """From the definition: squared residuals of the clusters' totals, over the variance of independent answers."""
    names = sorted(set(clusters))
    n, m = len(correct), len(names)
    share = sum(correct) / n
    if m == n:
        return n
    if m == 1 or share in (0, 1):
        return m
    squares = 0.0
    for name in names:
        residual = 0.0
        for answer, cluster in zip(correct, clusters, strict=True):
            if cluster == name:
                residual += float(answer) - share
        squares += residual**2
    variance = m / (m - 1) * squares / n**2
    independent = share * (1 - share) / n
    return n if variance <= independent else n * independent / variance


@pytest.mark.parametrize('n', [1, 2, 7, 60, 1040, 26032])
@pytest.mark.parametrize('share', [0, 0.01, 0.1, 0.5, 0.97, 1])
@pytest.mark.parametrize('confidence', [0.8, 0.95, 0.99])
@pytest.mark.seconds
def test_wilson_is_scipys(n, share, confidence):
    k = round(share * n)
    correct = np.arange(n) < k
    expected = stats.binomtest(k, n).proportion_ci(confidence, method='wilson')
    for clusters in (None, np.arange(n), np.random.default_rng(0).permutation(n)):
        interval = wilson_interval(correct, clusters, confidence)
        assert interval == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_of_any_number_solves_its_quadratic():
    """The share is z standard errors from each end, also for a number of answers that isn't an integer."""
    rng = np.random.default_rng(1)
    correct = rng.random(90) < np.repeat(rng.beta(2, 1, 30), 3)
    clusters = np.repeat(np.arange(30), 3)
    n, z, share = effective_number(correct, clusters), stats.norm.ppf(0.975), correct.mean()
    assert n < 80
    assert n != round(n)
    for end in wilson_interval(correct, clusters):
        assert abs(share - end) == pytest.approx(z * math.sqrt(end * (1 - end) / n), rel=1e-9)


@pytest.mark.seconds
@settings(deadline=None, max_examples=300)
@given(CLUSTERS)
def test_effective_number_as_it_is_defined(clusters):
    correct, names = concatenate(clusters)
    n = effective_number(correct, names)
    assert n == pytest.approx(slow_effective_number(correct.tolist(), names.tolist()), rel=1e-9)
    assert 1 - 1e-9 <= n <= len(correct) + 1e-9


@pytest.mark.seconds
@settings(deadline=None, max_examples=150)
@given(CLUSTERS, st.randoms(use_true_random=False))
@pytest.mark.slow
def test_order_and_names_of_clusters_do_not_matter(clusters, random):
    correct, names = concatenate(clusters)
    order = list(range(len(correct)))
    random.shuffle(order)
    renamed = [f'photo {number}.png' for number in random.sample(range(1000), len(clusters))]
    results = [
        [effective_number(correct, names), *wilson_interval(correct, names)],
        [effective_number(correct[order], names[order]), *wilson_interval(correct[order], names[order])],
        [
            effective_number(correct, np.array([renamed[name] for name in names])),
            *wilson_interval(correct, np.array([renamed[name] for name in names])),
        ],
    ]
    np.testing.assert_allclose(results[1], results[0], rtol=1e-9)
    np.testing.assert_allclose(results[2], results[0], rtol=1e-9)


@settings(deadline=None, max_examples=150)
@given(CLUSTERS)
@pytest.mark.seconds
def test_the_interval_holds_the_share_and_is_never_narrower_with_clusters(clusters):
    correct, names = concatenate(clusters)
    low, high = wilson_interval(correct, names)
    assert 0 <= low <= correct.mean() + 1e-12
    assert correct.mean() - 1e-12 <= high <= 1
    naive_low, naive_high = wilson_interval(correct)
    assert high - low >= naive_high - naive_low - 1e-12
    # Swapping right and wrong swaps the ends.
    assert wilson_interval(~correct, names) == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_all_right_and_all_wrong():
    clusters = np.repeat(np.arange(5), 4)
    right, wrong = np.ones(20, dtype=bool), np.zeros(20, dtype=bool)
    assert effective_number(right, clusters) == effective_number(wrong, clusters) == 5
    z = stats.norm.ppf(0.975)
    assert wilson_interval(right, clusters) == pytest.approx((5 / (5 + z**2), 1))
    assert wilson_interval(wrong, clusters) == pytest.approx((0, z**2 / (5 + z**2)))
    assert wilson_interval(wrong, clusters)[0] >= 0
    assert wilson_interval(right, clusters)[1] <= 1
    assert (accuracy_draws(right, clusters, 20) == 1).all()
    assert (accuracy_draws(wrong, clusters, 20) == 0).all()


def test_one_cluster_is_one_answer():
    correct = np.array([True, True, False, True])
    one = np.zeros(4, dtype=int)
    assert effective_number(correct, one) == 1
    z = stats.norm.ppf(0.975)
    middle, half = (0.75 + z**2 / 2) / (1 + z**2), z / (1 + z**2) * math.sqrt(0.75 * 0.25 + z**2 / 4)
    assert wilson_interval(correct, one) == pytest.approx((max(0, middle - half), min(1, middle + half)))
    # All draws are the same.
    np.testing.assert_array_equal(accuracy_draws(correct, one, 10), np.full(10, 0.75))


def test_copies_of_an_answer_count_little_more_than_once():
    rng = np.random.default_rng(0)
    single = rng.random(400) < 0.7
    copied, clusters = np.repeat(single, 5), np.repeat(np.arange(400), 5)
    # m / (m - 1), as in a variance, is all that remains of the copies
    assert effective_number(copied, clusters) == pytest.approx(399)
    assert wilson_interval(copied, clusters) == pytest.approx(wilson_interval(single), abs=2e-4)


def simulated(rng, sizes, share, correlation, n_runs):
    """Answers of beta-binomial clusters; answers of one cluster correlate by `correlation`."""
    a, b = (part * (1 / correlation - 1) for part in (share, 1 - share))
    chance = np.repeat(rng.beta(a, b, (n_runs, len(sizes))), sizes, axis=1)
    return rng.random(chance.shape) < chance


def test_effective_number_recovers_the_design_effect_of_a_simulation():
    rng = np.random.default_rng(3)
    sizes = np.tile([1, 2, 6, 11], 60)
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    n, correlation = sizes.sum(), 0.3
    runs = simulated(rng, sizes, 0.6, correlation, 3000)
    # In closed form: 1 + (sum of squared sizes / n - 1) * correlation; and from the spread of the shares over runs.
    effect = 1 + ((sizes**2).sum() / n - 1) * correlation
    assert runs.mean(axis=1).var() / (0.6 * 0.4 / n) == pytest.approx(effect, rel=0.08)
    assert np.mean([effective_number(run, clusters) for run in runs[:400]]) == pytest.approx(n / effect, rel=0.05)


@pytest.mark.seconds
def test_the_clustered_interval_covers_and_the_naive_one_does_not():
    rng = np.random.default_rng(4)
    sizes = np.tile([1, 2, 3, 4, 10], 40)  # like house numbers, some of which have many digits
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    runs = simulated(rng, sizes, 0.35, 0.25, 1500)

    def coverage(clusters):
        ends = np.array([wilson_interval(run, clusters) for run in runs])
        return np.mean((ends[:, 0] <= 0.35) & (ends[:, 1] >= 0.35))

    # 1,500 runs: a coverage of 0.95 has a standard error of 0.006.
    assert coverage(clusters) == pytest.approx(0.95, abs=0.02)
    assert coverage(None) < 0.85


def slow_draws(correct, clusters, n_draws, rng):
    """Bootstrap clusters one by one; the share is over all their answers."""
    names = list(dict.fromkeys(clusters))
    answers = {name: [c for c, own in zip(correct, clusters, strict=True) if own == name] for name in names}
    draws = []
    for _ in range(n_draws):
        drawn = []
        for _ in names:
            drawn += answers[names[rng.integers(len(names))]]
        draws.append(sum(drawn) / len(drawn))
    return np.array(draws)


@pytest.mark.seconds
@pytest.mark.slow
def test_draws_are_those_of_a_slow_bootstrap():
    rng = np.random.default_rng(5)
    sizes = rng.integers(1, 8, 40)
    clusters = np.repeat(np.arange(40), sizes)
    correct = simulated(rng, sizes, 0.4, 0.3, 1)[0]
    draws = accuracy_draws(correct, clusters, 4000)
    expected = slow_draws(correct.tolist(), clusters.tolist(), 4000, rng)
    assert draws.shape == (4000,)
    assert draws.mean() == pytest.approx(expected.mean(), abs=0.005)
    assert draws.std() == pytest.approx(expected.std(), rel=0.06)
    assert stats.ks_2samp(draws, expected).pvalue > 0.001
    # Draws are of complete clusters.
    assert (
        stats.ks_2samp(draws, slow_draws(correct.tolist(), np.arange(len(correct)).tolist(), 4000, rng)).pvalue < 1e-6
    )


@pytest.mark.seconds
def test_the_error_of_single_answers_is_the_analytic_one():
    correct = np.random.default_rng(6).random(500) < 0.3
    share = correct.mean()
    error = standard_error(accuracy_draws(correct, np.arange(500), 4000))
    assert error == pytest.approx(math.sqrt(share * (1 - share) / 500), rel=0.05)


def test_the_error_of_clusters_is_that_of_their_effective_number():
    rng = np.random.default_rng(7)
    sizes = np.tile([1, 3, 8], 80)
    clusters = np.repeat(np.arange(240), sizes)
    correct = simulated(rng, sizes, 0.5, 0.4, 1)[0]
    share, n = correct.mean(), effective_number(correct, clusters)
    assert n < 0.6 * len(correct)
    assert standard_error(accuracy_draws(correct, clusters, 4000)) == pytest.approx(
        math.sqrt(share * (1 - share) / n), rel=0.06
    )


def test_two_models_get_the_same_draws():
    rng = np.random.default_rng(8)
    clusters = np.repeat([f'photo{number}' for number in range(30)], 4)
    first = rng.random(120) < 0.5
    second = first.copy()
    second[:40] = ~second[:40]
    one, other = (accuracy_draws(each, clusters, 200) for each in (first, second))
    np.testing.assert_array_equal(one, accuracy_draws(first, clusters, 200))
    # In each draw, both shares are over the same clusters.
    np.testing.assert_allclose(one + accuracy_draws(~first, clusters, 200), 1, atol=1e-12)
    same = first == second
    np.testing.assert_allclose(
        one - other,
        accuracy_draws(first & ~same, clusters, 200) - accuracy_draws(second & ~same, clusters, 200),
        atol=1e-12,
    )
    assert not np.array_equal(one, accuracy_draws(first, clusters, 200, seed=1))
    # More draws begin with the same ones.
    np.testing.assert_array_equal(accuracy_draws(first, clusters, 300)[:200], one)
