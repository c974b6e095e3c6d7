import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from m2m_benchmarks.arrays import median_draws, rdm, rsa_draws, standard_error, upper_triangle
from m2m_benchmarks.arrays.bootstrap import repeated_medians

PROPERTY = settings(max_examples=25, deadline=None)


def distances(seed, n_stimuli, levels=None):
    """Two related RDMs, with ties if there are only a few levels."""
    rng = np.random.default_rng(seed)
    patterns = rng.normal(size=(n_stimuli, 8))
    matrices = [rdm(patterns + 0.7 * rng.normal(size=patterns.shape)) for _ in range(2)]
    return [np.round(matrix * levels / 2) / levels for matrix in matrices] if levels else matrices


def slow_rsa_draws(first, second, n_draws, seed):
    """Resample the stimuli themselves."""
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(n_draws):
        drawn = rng.integers(0, len(first), len(first))
        pairs = [(a, b) for i, a in enumerate(drawn) for b in drawn[i + 1 :] if a != b]
        x, y = ([matrix[pair] for pair in pairs] for matrix in (first, second))
        defined = len(set(x)) > 1 and len(set(y)) > 1
        draws.append(stats.spearmanr(x, y).statistic if defined else 0.0)
    return np.array(draws)


class TestStandardError:
    def test_equals_the_standard_library(self):
        draws = np.random.default_rng(0).normal(3, 2, 17)
        error = standard_error(draws)
        assert isinstance(error, float)
        assert error == pytest.approx(statistics.stdev(draws.tolist()), rel=1e-13)

    def test_two_draws(self):
        assert standard_error(np.array([1.0, 2.0])) == pytest.approx(np.sqrt(0.5))

    def test_fewer_than_two_draws(self):
        assert standard_error(np.array([0.4])) == 0
        assert standard_error(np.array([])) == 0


@pytest.mark.parametrize('n', [1, 2, 9, 10])
@pytest.mark.parametrize('tied', [False, True])
def test_repeated_medians(n, tied):
    rng = np.random.default_rng(n)
    values = rng.integers(0, 3, (40, n)).astype(float) if tied else rng.normal(size=(40, n))
    counts = rng.poisson(0.8, (40, n))
    counts[:, n // 2] += 1
    expected = [np.median(np.repeat(*draw)) for draw in zip(values, counts, strict=True)]
    np.testing.assert_array_equal(repeated_medians(values, counts), expected)
    of_one = [np.median(np.repeat(values[0], draw)) for draw in counts]
    np.testing.assert_array_equal(repeated_medians(values[0], counts), of_one)


class TestMedianDraws:
    def test_equals_a_loop(self):
        values = np.random.default_rng(0).normal(size=14)
        rng = np.random.default_rng(3)
        expected = []
        for _ in range(30):
            drawn = [values[i] for i in rng.integers(0, 14, 14)]
            expected.append(statistics.median(drawn))
        np.testing.assert_allclose(median_draws(values, 30, seed=3), expected, rtol=1e-15)

    def test_several_quantities_take_the_same_neurons(self):
        values = np.random.default_rng(1).normal(size=21)
        draws = median_draws(np.stack([values, 2 * values, -values]), 40, seed=2)
        assert draws.shape == (3, 40)
        np.testing.assert_array_equal(draws[0], median_draws(values, 40, seed=2))
        np.testing.assert_array_equal(draws[1], 2 * draws[0])
        np.testing.assert_array_equal(draws[2], -draws[0])

    @pytest.mark.seconds
    def test_has_the_exact_bootstrap_distribution(self):
        # The median of an odd number of draws is at most the k-th smallest of n values when more than half of
        # them are: a binomial probability.
        n_neurons = 31
        values = np.sort(np.random.default_rng(2).normal(size=n_neurons))
        at_most = stats.binom.sf(n_neurons // 2, n_neurons, np.arange(n_neurons + 1) / n_neurons)
        probability = np.diff(at_most)
        mean = probability @ values
        error = np.sqrt(probability @ (values - mean) ** 2)
        draws = median_draws(np.random.default_rng(3).permutation(values), 20_000, seed=4)
        assert standard_error(draws) == pytest.approx(error, rel=0.03)
        assert draws.mean() == pytest.approx(mean, abs=4 * error / np.sqrt(20_000))

    def test_gives_the_standard_error_of_the_median(self):
        # sqrt(pi / 2) sigma / sqrt(n) for many normal values; averaged over data sets, as one is a noisy estimate.
        values = np.random.default_rng(5).normal(0, 2, size=(60, 401))
        errors = [standard_error(draws) for draws in median_draws(values, 400)]
        assert np.mean(errors) == pytest.approx(np.sqrt(np.pi / 2) * 2 / np.sqrt(401), rel=0.1)

    def test_depends_on_the_seed_alone(self):
        values = np.random.default_rng(6).normal(size=9)
        np.testing.assert_array_equal(median_draws(values), median_draws(values, 1000, seed=0))
        assert not np.array_equal(median_draws(values, seed=0), median_draws(values, seed=1))

    def test_integers_and_one_neuron(self):
        draws = median_draws(np.array([1, 2]), 200)
        assert set(draws) == {1.0, 1.5, 2.0}
        np.testing.assert_array_equal(median_draws(np.array([0.3]), 5), np.full(5, 0.3))

    @PROPERTY
    @given(st.integers(0, 99), st.integers(1, 9), st.floats(0.1, 10), st.floats(-10, 10))
    def test_moves_with_its_values(self, seed, n_neurons, scale, shift):
        values = np.random.default_rng(seed).normal(size=n_neurons)
        np.testing.assert_allclose(
            median_draws(scale * values + shift, 20), scale * median_draws(values, 20) + shift, atol=1e-12
        )


class TestRSADraws:
    @pytest.mark.parametrize('levels', [None, 6, 2])
    @pytest.mark.parametrize('n_stimuli', [12, 30])
    def test_equals_resampling_the_stimuli(self, n_stimuli, levels):
        first, second = distances(0, n_stimuli, levels)
        draws = rsa_draws(first, second, n_draws=25, seed=7)
        np.testing.assert_allclose(draws, slow_rsa_draws(first, second, 25, 7), rtol=0, atol=1e-12)

    @PROPERTY
    @given(st.integers(0, 999), st.integers(1, 6), st.sampled_from([None, 1, 3]))
    @pytest.mark.seconds
    def test_equals_resampling_few_stimuli(self, seed, n_stimuli, levels):
        # Few stimuli: some draws have one pair of different stimuli, or none.
        first, second = distances(seed, n_stimuli, levels)
        draws = rsa_draws(first, second, n_draws=20, seed=seed)
        np.testing.assert_allclose(draws, slow_rsa_draws(first, second, 20, seed), rtol=0, atol=1e-12)

    def test_constant_rdms_give_0(self):
        first, _ = distances(1, 8)
        constant = 0.1 * (1 - np.eye(8))
        np.testing.assert_array_equal(rsa_draws(first, constant, 20), 0)
        np.testing.assert_array_equal(rsa_draws(constant, first, 20), 0)

    def test_the_diagonal_is_not_used(self):
        first, second = distances(2, 10)
        expected = rsa_draws(first, second, 20)
        np.fill_diagonal(first, 50)
        np.testing.assert_array_equal(rsa_draws(first, second, 20), expected)

    def test_scatter_around_the_score(self):
        first, second = distances(3, 40)
        score = stats.spearmanr(upper_triangle(first), upper_triangle(second)).statistic
        draws = rsa_draws(first, second)
        assert draws.shape == (1000,)
        assert draws.min() < score < draws.max()
        assert abs(draws.mean() - score) < standard_error(draws)

    def test_unrelated_rdms_scatter_around_0(self):
        # With the pairs of a stimulus and itself these draws would lie around 0.15.
        rng = np.random.default_rng(4)
        first, second = (rdm(rng.normal(size=(20, 50))) for _ in range(2))
        score = stats.spearmanr(upper_triangle(first), upper_triangle(second)).statistic
        assert rsa_draws(first, second).mean() == pytest.approx(score, abs=0.03)

    def test_depends_on_the_seed_alone(self):
        first, second = distances(5, 10)
        np.testing.assert_array_equal(rsa_draws(first, second, 5), rsa_draws(first, second, 5, seed=0))
        assert not np.array_equal(rsa_draws(first, second, 5, seed=0), rsa_draws(first, second, 5, seed=1))

    @PROPERTY
    @given(st.integers(0, 999), st.integers(3, 9), st.sampled_from([None, 4]))
    @pytest.mark.seconds
    def test_only_ranks_count(self, seed, n_stimuli, levels):
        first, second = distances(seed, n_stimuli, levels)
        draws = rsa_draws(first, second, 10)
        assert (np.abs(draws) <= 1 + 1e-12).all()
        np.testing.assert_array_equal(rsa_draws(np.exp(first), second, 10), draws)
        np.testing.assert_allclose(rsa_draws(first, -second, 10), -draws, atol=1e-12)
        np.testing.assert_allclose(rsa_draws(second, first, 10), draws, atol=1e-12)
