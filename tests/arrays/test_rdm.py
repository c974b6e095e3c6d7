import importlib
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr

from m2m_benchmarks.arrays import (
    compare_rdms,
    gram_reduce,
    number_distances,
    rdm,
    rsa_draws,
    spearman,
    upper_triangle,
)
from m2m_benchmarks.arrays.rdm import number_values
from m2m_benchmarks.testing import neuroid_assembly

PROPERTY = settings(max_examples=40, deadline=None)

#: Whole numbers: ties and constant patterns come up, and shifting or doubling them rounds nothing.
PATTERNS = st.tuples(st.integers(2, 7), st.integers(2, 6)).flatmap(
    lambda shape: arrays(float, shape, elements=st.integers(-4, 4).map(float))
)


def patterns(seed=0, n_stimuli=9, n_units=14):
    rng = np.random.default_rng(seed)
    return rng.gamma(2, size=(n_stimuli, 1)) * rng.normal(size=(n_stimuli, n_units)) + rng.normal(size=(n_stimuli, 1))


def slow_rdm(values):
    """Two loops and sums without rounding error; 1 for constant patterns."""
    distances = np.zeros((len(values), len(values)))
    for i, first in enumerate(values.tolist()):
        for j, second in enumerate(values.tolist()):
            if i == j:
                continue
            if len(set(first)) == 1 or len(set(second)) == 1:
                distances[i, j] = 1
                continue
            mean_first, mean_second = math.fsum(first) / len(first), math.fsum(second) / len(second)
            covariance = math.fsum((a - mean_first) * (b - mean_second) for a, b in zip(first, second, strict=True))
            variances = [
                math.fsum((a - mean) ** 2 for a in pattern)
                for pattern, mean in ((first, mean_first), (second, mean_second))
            ]
            distances[i, j] = 1 - covariance / math.sqrt(variances[0] * variances[1])
    return distances


class TestRDM:
    @pytest.mark.parametrize('shape', [(9, 14), (14, 9), (2, 2), (1, 5), (30, 400)])
    def test_equals_numpy(self, shape):
        x = patterns(0, *shape)
        expected = 1 - np.corrcoef(x).reshape(len(x), len(x))
        np.testing.assert_allclose(rdm(x), expected, rtol=0, atol=1e-13)

    def test_equals_scipy(self):
        x = patterns(1)
        np.testing.assert_allclose(rdm(x), squareform(pdist(x, 'correlation')), rtol=0, atol=1e-13)

    def test_form(self):
        distances = rdm(patterns(2, 40, 11))
        assert distances.dtype == np.float64
        np.testing.assert_array_equal(distances, distances.T)
        np.testing.assert_array_equal(np.diag(distances), 0)
        assert distances.min() >= 0
        assert distances.max() <= 2

    def test_equal_and_opposite_patterns(self):
        x = patterns(3, 1, 50)
        distances = rdm(np.concatenate([x, 3 * x + 1, -x]))
        np.testing.assert_allclose(distances, [[0, 0, 2], [0, 0, 2], [2, 2, 0]], atol=1e-14)

    def test_rounding_does_not_leave_the_range(self):
        x = patterns(13, 30, 17)
        distances = rdm(np.concatenate([x, 3 * x, -7 * x]))
        assert distances.min() == 0
        assert distances.max() == 2

    @pytest.mark.parametrize('value', [0.0, 0.1, 0.3, -1 / 3, 1e9, 1e-300])
    @pytest.mark.parametrize('n_units', [2, 7, 301])
    def test_constant_pattern_is_at_distance_1_exactly(self, value, n_units):
        x = patterns(4, 5, n_units)
        x[2] = value
        distances = rdm(x)
        np.testing.assert_array_equal(distances[2], [1, 1, 0, 1, 1])
        np.testing.assert_array_equal(distances[:, 2], [1, 1, 0, 1, 1])
        kept = np.array([0, 1, 3, 4])
        np.testing.assert_allclose(distances[np.ix_(kept, kept)], 1 - np.corrcoef(x[kept]), atol=1e-13)

    def test_all_constant(self):
        np.testing.assert_array_equal(rdm(np.full((3, 4), 0.1)), 1 - np.eye(3))

    @pytest.mark.parametrize('scale', [1e-300, 1e-170, 1e170, 1e300])
    def test_does_not_under_or_overflow(self, scale):
        x = patterns(5)
        expected = rdm(x)
        np.testing.assert_allclose(rdm(x * scale), expected, atol=1e-13)
        x[::2] *= scale
        np.testing.assert_allclose(rdm(x), expected, atol=1e-13)
        # Of one sign only, as responses mostly are.
        for sign in (1, -1):
            x = sign * patterns(5).clip(0)
            np.testing.assert_allclose(rdm(x * scale), rdm(x), atol=1e-13)

    def test_a_large_mean_costs_no_more_than_its_digits(self):
        x = np.random.default_rng(6).integers(-9, 9, (6, 20)) + 1e9
        np.testing.assert_allclose(rdm(x), slow_rdm(x), atol=1e-13)
        np.testing.assert_allclose(rdm(x), rdm(x - 1e9), atol=1e-6)

    @pytest.mark.parametrize('dtype', [np.int8, np.uint8, np.int64, bool, np.float16, np.float32])
    def test_computes_in_float64_for_any_input(self, dtype):
        rng = np.random.default_rng(7)
        x = (rng.integers(1, 120, (6, 30)) * rng.integers(0, 2, (6, 30))).astype(dtype)
        distances = rdm(x)
        assert distances.dtype == np.float64
        np.testing.assert_allclose(distances, 1 - np.corrcoef(x.astype(float)), rtol=0, atol=1e-13)

    def test_most_negative_integers(self):
        x = np.array([[-128, -128, 1, 5], [1, 2, -128, 9], [3, 1, 2, -7]], dtype=np.int8)
        np.testing.assert_allclose(rdm(x), 1 - np.corrcoef(x.astype(float)), atol=1e-13)

    @pytest.mark.parametrize('chunk', [1, 5, 14, 15])
    def test_blocks_of_columns_make_no_difference(self, monkeypatch, chunk):
        expected = rdm(patterns(8))
        monkeypatch.setattr(importlib.import_module('m2m_benchmarks.arrays.rdm'), '_CHUNK', chunk)
        np.testing.assert_allclose(rdm(patterns(8)), expected, atol=1e-14)

    def test_more_units_than_a_block(self):
        x = patterns(9, 4, 16_384 + 3)
        x[:, -1] = [300, -200, 100, 0]
        np.testing.assert_allclose(rdm(x), 1 - np.corrcoef(x), atol=1e-12)

    def test_needs_little_memory_beside_the_input(self):
        x = np.random.default_rng(10).random((8, 400_000), dtype=np.float32)
        tracemalloc.start()
        rdm(x)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < x.nbytes

    @pytest.mark.parametrize('shape', [(5,), (5, 1), (5, 0), (5, 4, 3)])
    def test_wrong_shape(self, shape):
        with pytest.raises(ValueError, match=r'shape \(n_stimuli, n_units >= 2\), got \(5'):
            rdm(np.zeros(shape))

    @pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
    def test_not_finite(self, value):
        x = patterns(11)
        x[3, 2] = value
        with pytest.raises(ValueError, match='NaN or infinity'):
            rdm(x)

    def test_leaves_its_input_alone(self):
        x = patterns(12)
        rdm(x)
        np.testing.assert_array_equal(x, patterns(12))

    @PROPERTY
    @given(PATTERNS)
    @pytest.mark.seconds
    def test_equals_two_loops(self, x):
        distances = rdm(x)
        assert np.isfinite(distances).all()
        np.testing.assert_allclose(distances, slow_rdm(x), rtol=0, atol=1e-13)

    @PROPERTY
    @given(PATTERNS, st.data())
    @pytest.mark.seconds
    def test_gain_and_offset_of_a_pattern_change_nothing(self, x, data):
        gain = data.draw(arrays(float, (len(x), 1), elements=st.floats(1e-3, 1e3)))
        offset = data.draw(arrays(float, (len(x), 1), elements=st.integers(-5, 5).map(float)))
        np.testing.assert_allclose(rdm(gain * (x + offset)), rdm(x), rtol=0, atol=1e-12)

    @PROPERTY
    @given(PATTERNS, st.data())
    @pytest.mark.seconds
    def test_order_of_units_changes_nothing_and_order_of_stimuli_the_order(self, x, data):
        units = data.draw(st.permutations(range(x.shape[1])))
        stimuli = data.draw(st.permutations(range(len(x))))
        np.testing.assert_allclose(rdm(x[:, units]), rdm(x), rtol=0, atol=1e-13)
        np.testing.assert_allclose(rdm(x[stimuli]), rdm(x)[np.ix_(stimuli, stimuli)], rtol=0, atol=1e-13)


class TestTies:
    """Distances that differ by rounding alone."""

    def test_two_units_have_two_distances(self):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(24, 2)).astype(np.float32) + 3
        signs = np.sign(x[:, 0] - x[:, 1])
        exact = 1 - np.outer(signs, signs)  # every correlation is 1 or -1
        assert len(np.unique(upper_triangle(rdm(x)))) > 2
        np.testing.assert_array_equal(number_distances(rdm(x)), upper_triangle(exact) / 2)
        other = rdm(rng.normal(size=(24, 9)))
        expected = spearmanr(upper_triangle(exact), upper_triangle(other)).statistic
        assert compare_rdms(rdm(x), other) == pytest.approx(expected, abs=1e-12)
        np.testing.assert_array_equal(rsa_draws(rdm(x), other, 5), rsa_draws(exact.astype(float), other, 5))

    @pytest.mark.parametrize('n_units', [7, 300])
    def test_equal_patterns_have_equal_distances(self, n_units):
        x = patterns(14, 20, n_units)
        x[10:] = x[:10] * np.linspace(0.1, 900, 10)[:, None] + 5  # the same patterns, at another gain
        for distances in (rdm(x), rdm(gram_reduce(x))):
            numbers = squareform(number_distances(distances))
            i, j = np.triu_indices(10, 1)
            np.testing.assert_array_equal(numbers[i, j], numbers[i + 10, j + 10])
            np.testing.assert_array_equal(numbers[i, j], numbers[i + 10, j])
            assert len(np.unique(numbers[i, j])) == 45
            np.testing.assert_array_equal(numbers[np.arange(10), np.arange(10) + 10], 0)

    @pytest.mark.parametrize('x', [np.eye(9), 3 * np.eye(9) + 0.1, np.full((9, 4), 0.3)])
    def test_a_constant_rdm_has_no_correlation(self, x):
        other = rdm(patterns(15, 9))
        for features in (x, gram_reduce(np.hstack([x, x]))):
            assert compare_rdms(rdm(features), other) == compare_rdms(other, rdm(features)) == 0

    def test_distances_that_differ_stay_apart(self):
        distances = rdm(patterns(16, 30))
        ranks = np.unique(upper_triangle(distances), return_inverse=True)[1]
        np.testing.assert_array_equal(number_distances(distances), ranks)
        assert number_distances(np.zeros((1, 1))).shape == (0,)

    @pytest.mark.parametrize('n', [0, 1, 2, 499, 500, 6_903, 70_000])
    @pytest.mark.parametrize('smallest', [0.0, 1e-5])
    @pytest.mark.parametrize(
        'spread',
        [
            lambda x: x,
            lambda x: np.round(x, 1),
            lambda x: np.exp(9 * x),  # nearly all at one end
            lambda x: 1e308 * x,  # whose range overflows
            lambda x: 5e-324 * np.round(9 * x),
            lambda x: x.astype(np.float32),
            lambda x: np.round(9 * x).astype(int),
            lambda x: np.where(np.arange(len(x)) == 7, np.inf, x),
            lambda x: np.zeros(len(x)),
            np.sort,
            lambda x: np.sort(x)[::-1],
        ],
    )
    @pytest.mark.filterwarnings('ignore:overflow', 'ignore:invalid')
    def test_values_are_numbered_as_by_a_loop(self, n, smallest, spread):
        values = spread(np.random.default_rng(n).standard_normal(n))
        expected, number, last = {}, 0, None
        for value in sorted(values.tolist()):
            number += last is not None and value - last > smallest
            expected[value] = number
            last = value
        numbers = number_values(values, smallest)
        assert numbers.dtype.kind == 'u' and numbers.dtype.itemsize <= 4
        assert numbers.tolist() == [expected[value] for value in values.tolist()]


class TestUpperTriangle:
    @pytest.mark.parametrize('n', [0, 1, 2, 5])
    def test_goes_row_by_row(self, n):
        matrix = np.arange(n * n).reshape(n, n)
        expected = [matrix[i, j] for i in range(n) for j in range(i + 1, n)]
        np.testing.assert_array_equal(upper_triangle(matrix), expected)

    def test_undoes_squareform(self):
        condensed = np.random.default_rng(0).random(15)
        np.testing.assert_array_equal(upper_triangle(squareform(condensed)), condensed)

    @pytest.mark.parametrize('shape', [(3, 4), (4,), (2, 2, 2)])
    def test_not_square(self, shape):
        with pytest.raises(ValueError, match='expected a square matrix'):
            upper_triangle(np.zeros(shape))


class TestStockMetric:
    def test_gives_the_same_score(self, load_stock_metric):
        rng = np.random.default_rng(0)
        features = rng.normal(size=(25, 40))
        responses = features[:, :30] + rng.normal(size=(25, 30))
        ours = spearman(upper_triangle(rdm(features)), upper_triangle(rdm(responses)))
        assert 0.1 < ours < 0.9
        # The stock metric aligns by stimulus_id, so the two orders differ.
        orders = rng.permutation(25), rng.permutation(25)
        ids = np.array([f's{i:03}' for i in range(25)])
        stock = load_stock_metric('rdm')(
            neuroid_assembly(features[orders[0]], ids[orders[0]]),
            neuroid_assembly(responses[orders[1]], ids[orders[1]]),
        )
        assert ours == pytest.approx(float(stock), abs=1e-9)
