import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from m2m_benchmarks.arrays import pearson, repeated_pearson, spearman, spearman_brown, standardize
from m2m_benchmarks.arrays.correlation import pearson_gradient

PROPERTY = settings(max_examples=40, deadline=None)

#: Whole numbers: ties and constant vectors come up, and shifting or doubling them rounds nothing.
VECTORS = st.integers(2, 12).flatmap(
    lambda n: st.tuples(*[arrays(float, n, elements=st.integers(-6, 6).map(float)) for _ in range(2)])
)


def columns(seed, n_samples=23, shape=(5,)):
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n_samples, *shape))
    return common + rng.normal(size=common.shape), 2 * common - rng.normal(size=common.shape) + 7


class TestPearsonGradient:
    def test_equals_differences(self):
        x, y = columns(3)
        step = 1e-6
        expected = np.empty_like(x)
        for entry in range(len(x)):
            up, down = x.copy(), x.copy()
            up[entry] += step
            down[entry] -= step
            expected[entry] = (pearson(up, y) - pearson(down, y)) / (2 * step)
        np.testing.assert_allclose(pearson_gradient(x, y), expected, atol=1e-8)

    def test_neither_a_constant_nor_a_factor_changes_a_correlation(self):
        x, y = columns(4)
        gradient = pearson_gradient(x, y)
        np.testing.assert_allclose(gradient.sum(axis=0), 0, atol=1e-14)
        np.testing.assert_allclose((gradient * x).sum(axis=0), 0, atol=1e-13)

    def test_constant_columns(self):
        x, y = columns(5)
        x[:, 0] = y[:, 1] = 1 / 3
        assert (pearson_gradient(x, y)[:, :2] == 0).all()
        assert (pearson_gradient(x, y)[:, 2:] != 0).any()


class TestPearson:
    def test_equals_scipy_column_by_column(self):
        x, y = columns(0)
        expected = [stats.pearsonr(x[:, i], y[:, i]).statistic for i in range(x.shape[1])]
        np.testing.assert_allclose(pearson(x, y), expected, rtol=0, atol=1e-14)

    def test_equals_numpy_for_vectors(self):
        x, y = columns(1, shape=())
        r = pearson(x, y)
        assert r.shape == ()
        assert r == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-14)

    def test_keeps_the_shape_behind_the_first_axis(self):
        x, y = columns(2, shape=(3, 4))
        expected = [[np.corrcoef(x[:, i, j], y[:, i, j])[0, 1] for j in range(4)] for i in range(3)]
        np.testing.assert_allclose(pearson(x, y), expected, atol=1e-14)

    def test_shapes_that_differ(self):
        # A vector would be broadcast along the samples of a square y, to wrong numbers.
        x, y = columns(4, shape=(23,))
        with pytest.raises(ValueError, match='expected the same'):
            pearson(x[:, 0], y)

    @pytest.mark.parametrize('value', [0.0, 0.1, -1 / 3, 1e9, 1e-300])
    def test_constant_column_gives_exactly_0(self, value):
        # The mean of seven times 0.1 is not 0.1: the remainder after centring must not be correlated.
        x, y = columns(5, n_samples=7)
        x[:, 1] = value
        y[:, 3] = value
        r = pearson(x, y)
        assert r[1] == 0
        assert r[3] == 0
        assert (r[[0, 2, 4]] != 0).all()
        assert pearson(x[:, 1], x[:, 1]) == 0

    def test_a_column_with_nan_is_nan_and_no_other(self):
        x, y = columns(6)
        expected = pearson(x, y)
        x[4, 1] = y[0, 2] = np.nan
        r = pearson(x, y)
        assert np.isnan(r[[1, 2]]).all()
        np.testing.assert_array_equal(r[[0, 3, 4]], expected[[0, 3, 4]])

    @pytest.mark.parametrize('scale', [1e-300, 1e-170, 1e170, 1e300])
    def test_does_not_under_or_overflow(self, scale):
        x, y = columns(7)
        np.testing.assert_allclose(pearson(x * scale, y / scale), pearson(x, y), rtol=0, atol=1e-13)

    def test_a_large_mean_costs_no_more_than_its_digits(self):
        x = np.array([0.0, 1, 0, 0, 1, 1, 0, 1])
        y = np.array([0.0, 1, 1, 0, 1, 0, 0, 1])
        assert pearson(x + 1e12, y - 1e12) == pytest.approx(0.5, abs=1e-14)

    @pytest.mark.parametrize('dtype', [np.int8, np.uint8, np.int64, bool, np.float16, np.float32])
    def test_computes_in_float64_for_any_input(self, dtype):
        rng = np.random.default_rng(8)
        x, y = ((rng.integers(1, 120, (30, 4)) * rng.integers(0, 2, (30, 4))).astype(dtype) for _ in range(2))
        r = pearson(x, y)
        assert r.dtype == np.float64
        expected = [np.corrcoef(x[:, i].astype(float), y[:, i].astype(float))[0, 1] for i in range(4)]
        np.testing.assert_allclose(r, expected, rtol=0, atol=1e-14)

    def test_different_numbers_of_samples(self):
        with pytest.raises(ValueError, match='expected the same'):
            pearson(np.zeros(5), np.zeros(6))
        with pytest.raises(ValueError, match='expected the same'):
            pearson(np.zeros((1, 2)), np.zeros((6, 2)))

    def test_leaves_its_input_alone(self):
        x, y = columns(9)
        before = x.copy(), y.copy()
        pearson(x, y)
        np.testing.assert_array_equal((x, y), before)

    @PROPERTY
    @given(VECTORS)
    def test_is_a_correlation(self, vectors):
        x, y = vectors
        r = pearson(x, y)
        assert -1 <= r <= 1
        assert pearson(y, x) == r
        assert pearson(x, -y) == pytest.approx(-r, abs=1e-14)
        if np.ptp(x) and np.ptp(y):
            assert r == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-13)
            assert pearson(x, x) == pytest.approx(1, abs=1e-14)
        else:
            assert r == 0

    @PROPERTY
    @given(VECTORS, st.integers(-5, 5), st.floats(1e-3, 1e3))
    def test_affine_transformations_change_nothing(self, vectors, shift, scale):
        x, y = vectors
        assert pearson(scale * (x + shift), y) == pytest.approx(pearson(x, y), abs=1e-12)


class TestSpearman:
    @pytest.mark.parametrize('seed', range(5))
    def test_equals_scipy_with_ties(self, seed):
        x, y = np.random.default_rng(seed).integers(0, 6, (2, 40))
        r = spearman(x, x - 2 * y)
        assert isinstance(r, float)
        assert r == pytest.approx(stats.spearmanr(x, x - 2 * y).statistic, abs=1e-14)

    def test_constants_give_0(self):
        assert spearman(np.full(6, 0.1), np.arange(6)) == 0
        assert spearman(np.arange(6), np.zeros(6)) == 0

    @pytest.mark.seconds
    @PROPERTY
    @given(VECTORS)
    def test_monotone_transformations_change_nothing(self, vectors):
        x, y = vectors
        r = spearman(x, y)
        assert -1 <= r <= 1
        assert spearman(np.exp(x), y**3) == r
        assert spearman(-x, y) == pytest.approx(-r, abs=1e-14)
        if np.ptp(x) and np.ptp(y):
            assert r == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-13)
        else:
            assert r == 0


class TestSpearmanBrown:
    @pytest.mark.parametrize(
        ('half', 'whole'),
        [(0, 0), (1, 1), (0.5, 2 / 3), (1 / 3, 0.5), (-0.2, -0.5), (-1 / 3, -1), (-0.5, -1), (-1, -1)],
    )
    def test_known_values(self, half, whole):
        assert spearman_brown(half) == pytest.approx(whole, abs=1e-15)

    def test_gives_the_reliability_of_all_trials(self):
        # Of n repetitions with signal variance s and noise variance 1, the mean has reliability s / (s + 1 / n).
        signal = np.array([[0.01, 0.3], [1, 20]])
        half = signal / (signal + 1 / 5)
        np.testing.assert_allclose(spearman_brown(half), signal / (signal + 1 / 10), rtol=1e-14)

    def test_keeps_shape_and_nan(self):
        corrected = spearman_brown(np.array([[np.nan, 1.0, 0.0]]))
        np.testing.assert_array_equal(corrected, [[np.nan, 1, 0]])

    @PROPERTY
    @given(arrays(float, 12, elements=st.floats(-1, 1)))
    def test_stays_in_range_and_in_order(self, r):
        r.sort()
        before = r.copy()
        corrected = spearman_brown(r)
        assert (np.abs(corrected) <= 1).all()
        assert (np.diff(corrected) >= 0).all()
        np.testing.assert_array_equal(r, before)


class TestStandardize:
    @pytest.mark.parametrize('scale', [1, 1e-200, 1e200])
    def test_equals_scipy(self, scale):
        x, _ = columns(9, shape=(3, 4))
        np.testing.assert_allclose(standardize(x * scale), stats.zscore(x), rtol=0, atol=1e-13)

    @pytest.mark.parametrize('value', [0.0, 0.1, -1 / 3, 1e9])
    def test_constant_columns_become_0_exactly(self, value):
        x, _ = columns(9, n_samples=7)
        x[:, 2] = value
        assert (standardize(x) == 0).all(axis=0).tolist() == [False, False, True, False, False]


class TestRepeatedPearson:
    def test_equals_pearson_of_repeated_samples(self):
        x, y = columns(3)
        counts = np.random.default_rng(0).multinomial(23, np.full(23, 1 / 23), 9)
        expected = [pearson(np.repeat(x, draw, axis=0), np.repeat(y, draw, axis=0)) for draw in counts]
        np.testing.assert_allclose(repeated_pearson(x, y, counts), expected, atol=1e-12)

    def test_columns_that_are_constant_in_a_draw(self):
        x, y = columns(4)
        x[2:] = 0.1
        counts = np.array([[0, 0] + [1] * 21, [1] * 23])
        r = repeated_pearson(x, y, counts)
        np.testing.assert_array_equal(r[0], 0)
        np.testing.assert_allclose(r[1], pearson(x, y), atol=1e-12)
