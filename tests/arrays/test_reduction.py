import importlib
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import Ridge

from m2m_benchmarks.arrays import cross_predict, gram_reduce, kfold, rdm

PROPERTY = settings(max_examples=25, deadline=None)


def layer(seed=0, n_stimuli=12, n_features=70):
    rng = np.random.default_rng(seed)
    return rng.gamma(1, size=(n_stimuli, n_features)) * rng.gamma(2, size=n_features) + rng.normal(size=(n_stimuli, 1))


def assert_same_products(actual, expected):
    expected = expected @ expected.T
    np.testing.assert_allclose(actual @ actual.T, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


class TestIsometric:
    @pytest.mark.parametrize('n_features', [1, 5, 12, 13])
    def test_few_features_stay_as_they_are(self, n_features):
        x = layer(0, 12, n_features)
        small = gram_reduce(x)
        np.testing.assert_array_equal(small, x)
        # A copy: writing into the result must not reach the activations.
        assert not np.shares_memory(small, x)

    @pytest.mark.parametrize('n_features', [14, 15, 70])
    @pytest.mark.parametrize('n_stimuli', [1, 2, 12])
    def test_keeps_inner_products(self, n_stimuli, n_features):
        x = layer(1, n_stimuli, n_features)
        small = gram_reduce(x)
        assert small.shape == (n_stimuli, n_stimuli + 1)
        assert small.dtype == np.float64
        assert_same_products(small, x)

    def test_keeps_the_direction_of_equal_features(self):
        x = layer(2)
        small = gram_reduce(x)
        # Lengths along it, and so the rest of a pattern without its mean.
        np.testing.assert_allclose(small.sum(axis=1) / np.sqrt(13), x.sum(axis=1) / np.sqrt(70), rtol=1e-12)
        centred, small_centred = (v - v.mean(axis=1, keepdims=True) for v in (x, small))
        assert_same_products(small_centred, centred)

    def test_keeps_distances_and_rdm(self):
        x = layer(3)
        small = gram_reduce(x)
        np.testing.assert_allclose(pdist(small), pdist(x), rtol=1e-12)
        np.testing.assert_allclose(rdm(small), 1 - np.corrcoef(x), atol=1e-12)

    def test_keeps_the_predictions_of_regressions(self):
        x = layer(4, 20, 90)
        small = gram_reduce(x)
        responses = x[:, :3] + np.random.default_rng(5).normal(size=(20, 3))
        train, test = np.arange(15), np.arange(15, 20)
        for regression, tolerance in (Ridge(alpha=2.0), 1e-9), (PLSRegression(n_components=4, scale=False), 1e-5):
            expected = regression.fit(x[train], responses[train]).predict(x[test])
            actual = regression.fit(small[train], responses[train]).predict(small[test])
            np.testing.assert_allclose(actual, expected, atol=tolerance)

    @pytest.mark.parametrize('value', [0.0, 1.0, -2.5])
    def test_constant_pattern_stays_constant(self, value):
        x = layer(6)
        x[4] = value
        small = gram_reduce(x)
        np.testing.assert_allclose(small[4], value * np.sqrt(70 / 13), rtol=1e-14)
        assert np.ptp(small[4]) == 0
        np.testing.assert_array_equal(rdm(small)[4], np.arange(12) != 4)

    @pytest.mark.parametrize('value', [0.1, 0.3, 0.7, 3.3])
    @pytest.mark.parametrize('n_features', [70, 301])
    def test_constant_pattern_stays_constant_though_its_mean_rounds(self, value, n_features):
        # One of the patterns at least must have a mean that rounds, in any order of summation.
        x = layer(6, 40, n_features)
        x[:20] = value * np.arange(1, 21)[:, None]
        np.testing.assert_array_equal(np.ptp(gram_reduce(x)[:20], axis=1), 0)
        np.testing.assert_allclose(rdm(gram_reduce(x)), rdm(x), atol=1e-9)

    def test_keeps_the_rdm_of_weak_patterns(self):
        x = np.random.default_rng(7).normal(size=(10, 300))
        x[3] *= 1e-6
        np.testing.assert_allclose(rdm(gram_reduce(x)), rdm(x), atol=1e-9)

    def test_equal_stimuli_stay_equal(self):
        x = layer(8)
        x[5] = x[2]
        small = gram_reduce(x)
        np.testing.assert_allclose(small[5], small[2], atol=1e-6)
        assert_same_products(small, x)

    def test_fewer_dimensions_than_stimuli(self):
        rng = np.random.default_rng(16)
        x = rng.normal(size=(40, 2)) @ rng.normal(size=(2, 90))
        small = gram_reduce(x)
        assert_same_products(small, x)
        np.testing.assert_allclose(rdm(small), rdm(x), atol=1e-10)

    def test_all_zero(self):
        np.testing.assert_array_equal(gram_reduce(np.zeros((3, 9))), np.zeros((3, 4)))

    @pytest.mark.parametrize('dtype', [np.int8, np.uint8, bool, np.float16, np.float32])
    @pytest.mark.parametrize('n_features', [5, 70])
    def test_computes_in_float64_for_any_input(self, dtype, n_features):
        rng = np.random.default_rng(9)
        x = (rng.integers(1, 120, (12, n_features)) * rng.integers(0, 2, (12, n_features))).astype(dtype)
        small = gram_reduce(x)
        assert small.dtype == np.float64
        exact = x.astype(float)
        assert_same_products(small, exact)

    def test_reads_a_memory_mapped_layer_in_blocks(self, tmp_path):
        x = np.random.default_rng(10).random((8, 400_000), dtype=np.float32)
        np.save(tmp_path / 'layer.npy', x)
        mapped = np.load(tmp_path / 'layer.npy', mmap_mode='r')
        tracemalloc.start()
        small = gram_reduce(mapped)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < x.nbytes / 2
        assert type(small) is np.ndarray
        exact = x.astype(float)
        assert_same_products(small, exact)
        np.testing.assert_allclose(rdm(small), 1 - np.corrcoef(exact), atol=1e-10)

    def test_a_small_memory_mapped_layer_becomes_an_array(self, tmp_path):
        np.save(tmp_path / 'layer.npy', layer(11, 12, 4))
        small = gram_reduce(np.load(tmp_path / 'layer.npy', mmap_mode='r'))
        assert type(small) is np.ndarray
        small += 1

    @pytest.mark.parametrize('chunk', [1, 9, 70, 71])
    def test_blocks_of_columns_make_no_difference(self, monkeypatch, chunk):
        monkeypatch.setattr(importlib.import_module('m2m_benchmarks.arrays.reduction'), '_CHUNK', chunk)
        x = layer(12)
        small = gram_reduce(x)
        assert_same_products(small, x)
        np.testing.assert_allclose(rdm(small), 1 - np.corrcoef(x), atol=1e-12)

    def test_a_pattern_constant_within_blocks_is_not_constant(self, monkeypatch):
        monkeypatch.setattr(importlib.import_module('m2m_benchmarks.arrays.reduction'), '_CHUNK', 10)
        x = layer(17)
        # The smallest and the largest last block.
        x[2] = np.repeat([2.0, 5, 3, 5, 2, 3, 1], 10)
        x[3] = 9 - x[2] ** 2
        x[4] = np.repeat([2.0, 5, 3, 5, 2, 3, 8], 10)
        np.testing.assert_allclose(rdm(gram_reduce(x)), 1 - np.corrcoef(x), atol=1e-12)

    @pytest.mark.parametrize('shape', [(4,), (4, 0), (0, 4), (4, 5, 6)])
    def test_wrong_shape(self, shape):
        with pytest.raises(ValueError, match=r'expected features of shape \(n_stimuli, n_features\), got'):
            gram_reduce(np.zeros(shape))

    @pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize('n_features', [5, 70])
    def test_not_finite(self, value, n_features):
        x = layer(13, 12, n_features)
        x[3, 2] = value
        with pytest.raises(ValueError, match='the features contain NaN or infinity'):
            gram_reduce(x)

    @pytest.mark.filterwarnings('ignore:invalid value')
    def test_infinities_that_cancel(self):
        x = layer(14)
        x[3, 2:4] = np.inf, -np.inf
        with pytest.raises(ValueError, match='the features contain NaN or infinity'):
            gram_reduce(x)

    def test_leaves_its_input_alone(self):
        x = layer(15)
        gram_reduce(x)
        np.testing.assert_array_equal(x, layer(15))

    @PROPERTY
    @given(st.integers(0, 999), st.integers(5, 14), st.integers(2, 40))
    @pytest.mark.seconds
    def test_scores_do_not_see_it(self, seed, n_stimuli, n_features):
        x = layer(seed, n_stimuli, n_features)
        small = gram_reduce(x)
        assert small.shape == (n_stimuli, min(n_features, n_stimuli + 1))
        assert_same_products(small, x)
        np.testing.assert_allclose(rdm(small), rdm(x), atol=1e-11)
        responses = np.random.default_rng(seed).normal(size=(n_stimuli, 3))
        folds = kfold(n_stimuli, 4)
        np.testing.assert_allclose(
            cross_predict(small, responses, folds), cross_predict(x, responses, folds), atol=1e-8
        )
