import importlib
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group
from sklearn.linear_model import Ridge, RidgeCV

from m2m_benchmarks.arrays import (
    ALPHAS,
    cross_predict,
    kernel,
    kfold,
    pearson,
    predict_with_influence,
    repeated_pearson,
    ridge,
    shuffle_splits,
)
from m2m_benchmarks.arrays.correlation import pearson_gradient
from m2m_benchmarks.testing import neuroid_assembly

PROPERTY = settings(max_examples=25, deadline=None)

#: More stimuli than features, fewer, and the same number as there are training stimuli.
SHAPES = [(30, 8), (30, 75), (30, 24)]


def regression(seed=0, n_stimuli=30, n_features=75, n_neurons=9):
    """Features of different variance, and neurons from pure noise to pure signal, which need different penalties."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_stimuli, n_features)) * rng.gamma(1, size=n_features) + rng.normal(size=n_features)
    signal = features @ rng.normal(size=(n_features, n_neurons))
    signal /= signal.std(axis=0)
    weights = np.linspace(0, 1, n_neurons)
    return features, weights * signal + (1 - weights) * rng.normal(size=signal.shape) + rng.normal(size=n_neurons)


def one_split(seed, n_stimuli, n_train):
    order = np.random.default_rng(seed).permutation(n_stimuli)
    return order[:n_train], order[n_train:]


def unit(features, train):
    """The unit of relative penalties, from the features themselves."""
    centred = features[train] - features[train].mean(axis=0)
    return np.mean([np.sum(stimulus**2) for stimulus in centred])


class TestKernel:
    @pytest.mark.parametrize('shape', [(6, 4), (6, 6), (6, 50), (1, 3), (6, 1)])
    def test_equals_loops(self, shape):
        x = np.random.default_rng(0).normal(size=shape) + 3
        centred = x - [sum(column) / len(column) for column in x.T]
        expected = [[sum(a * b for a, b in zip(first, second, strict=True)) for second in centred] for first in centred]
        products = kernel(x)
        assert products.dtype == np.float64
        np.testing.assert_allclose(products, expected, atol=1e-12)

    def test_a_large_common_mean_costs_no_more_than_its_digits(self):
        x = np.random.default_rng(1).integers(-9, 9, (6, 20)).astype(float)
        np.testing.assert_allclose(kernel(x + 1e9), kernel(x), rtol=0, atol=1e-4)

    @pytest.mark.parametrize('chunk', [1, 5, 14, 15])
    def test_blocks_of_columns_make_no_difference(self, monkeypatch, chunk):
        x = np.random.default_rng(2).normal(size=(6, 14))
        expected = kernel(x)
        monkeypatch.setattr(importlib.import_module('m2m_benchmarks.arrays.kernels'), '_CHUNK', chunk)
        np.testing.assert_allclose(kernel(x), expected, atol=1e-13)

    def test_more_features_than_a_block_in_little_memory(self):
        x = np.random.default_rng(3).random((8, 400_000), dtype=np.float32)
        tracemalloc.start()
        products = kernel(x)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < x.nbytes / 2
        centred = x.astype(float) - x.mean(axis=0, dtype=float)
        np.testing.assert_allclose(products, centred @ centred.T, rtol=1e-10)

    @pytest.mark.parametrize('dtype', [np.int8, np.uint8, bool, np.float16, np.float32])
    def test_computes_in_float64_for_any_input(self, dtype):
        rng = np.random.default_rng(4)
        x = (rng.integers(1, 120, (6, 30)) * rng.integers(0, 2, (6, 30))).astype(dtype)
        before = x.copy()
        np.testing.assert_allclose(kernel(x), kernel(x.astype(float)), rtol=0, atol=0)
        np.testing.assert_array_equal(x, before)

    @pytest.mark.parametrize('shape', [(5,), (5, 4, 3)])
    def test_wrong_shape(self, shape):
        with pytest.raises(ValueError, match=r'shape \(n_stimuli, n_features\), got \(5'):
            kernel(np.zeros(shape))

    @pytest.mark.filterwarnings('ignore:invalid value', 'ignore:overflow')
    @pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf, 1e200])
    def test_not_finite(self, value):
        x = np.zeros((5, 4))
        x[1, 2] = value
        with pytest.raises(ValueError, match='NaN, infinity or values whose squares overflow'):
            kernel(x)


class TestOnePenalty:
    @pytest.mark.parametrize('shape', SHAPES)
    @pytest.mark.parametrize('alpha', [1e-3, 1.0, 1e4])
    def test_equals_scikit_learn(self, shape, alpha):
        x, y = regression(0, *shape)
        train, test = split = one_split(1, 30, 24)
        predictions, chosen = ridge(kernel(x), y, split, [alpha], relative=False)
        expected = Ridge(alpha=alpha, solver='svd').fit(x[train], y[train]).predict(x[test])
        np.testing.assert_allclose(predictions, expected, rtol=0, atol=1e-8)
        np.testing.assert_array_equal(chosen, np.full(9, alpha))

    @pytest.mark.parametrize('shape', SHAPES)
    def test_relative_penalty(self, shape):
        x, y = regression(1, *shape)
        train, test = split = one_split(2, 30, 24)
        predictions, chosen = ridge(kernel(x), y, split, [0.3])
        expected = Ridge(alpha=0.3 * unit(x, train), solver='svd').fit(x[train], y[train]).predict(x[test])
        np.testing.assert_allclose(predictions, expected, rtol=0, atol=1e-8)
        np.testing.assert_array_equal(chosen, np.full(9, 0.3))

    def test_closed_form_for_one_feature(self):
        x, y = regression(2, 10, 1, 1)
        train, test = split = one_split(3, 10, 7)
        a, b = x[train, 0] - x[train, 0].mean(), y[train, 0] - y[train, 0].mean()
        slope = a @ b / (a @ a + 5)
        expected = y[train, 0].mean() + slope * (x[test, 0] - x[train, 0].mean())
        predictions, _ = ridge(kernel(x), y, split, [5], relative=False)
        np.testing.assert_allclose(predictions[:, 0], expected, atol=1e-12)

    def test_huge_penalty_predicts_the_training_mean(self):
        x, y = regression(3)
        train, test = split = one_split(4, 30, 24)
        predictions, _ = ridge(kernel(x), y, split, [1e15])
        np.testing.assert_allclose(predictions, np.tile(y[train].mean(axis=0), (len(test), 1)), atol=1e-10)

    def test_tiny_penalty_interpolates(self):
        x, y = regression(4)
        train = np.arange(24)
        predictions, _ = ridge(kernel(x), y, (train, train), [1e-12])
        np.testing.assert_allclose(predictions, y[train], atol=1e-8)

    @pytest.mark.parametrize('dtype', [np.float32, np.int16])
    def test_computes_in_float64_for_any_input(self, dtype):
        x, y = (np.round(10 * values).astype(dtype) for values in regression(5))
        train, test = split = one_split(5, 30, 24)
        predictions, _ = ridge(kernel(x), y, split, [50.0], relative=False)
        assert predictions.dtype == np.float64
        x, y = x.astype(float), y.astype(float)
        expected = Ridge(alpha=50, solver='svd').fit(x[train], y[train]).predict(x[test])
        np.testing.assert_allclose(predictions, expected, atol=1e-8)

    def test_three_training_stimuli_are_enough(self):
        x, y = regression(6)
        train, test = split = one_split(6, 30, 3)
        predictions, _ = ridge(kernel(x), y, split, [2], relative=False)
        expected = Ridge(alpha=2, solver='svd').fit(x[train], y[train]).predict(x[test])
        np.testing.assert_allclose(predictions, expected, atol=1e-10)

    def test_does_not_look_at_the_test_responses(self):
        x, y = regression(7)
        split = one_split(7, 30, 24)
        expected, _ = ridge(kernel(x), y, split)
        y[split[1]] = np.nan
        np.testing.assert_array_equal(ridge(kernel(x), y, split)[0], expected)

    @pytest.mark.parametrize('alphas', [[0.0], [1, -1], [], [[1.0]], 1.0, [np.nan, 1]])
    def test_wrong_penalties(self, alphas):
        x, y = regression(8)
        with pytest.raises(ValueError, match='expected a list of positive, finite penalties'):
            ridge(kernel(x), y, one_split(8, 30, 24), alphas)

    @pytest.mark.parametrize('n_train', [0, 2])
    def test_too_few_training_stimuli(self, n_train):
        x, y = regression(9)
        with pytest.raises(ValueError, match=f'at least 3 training stimuli, got {n_train}'):
            ridge(kernel(x), y, one_split(9, 30, n_train))


class TestLeaveOneOut:
    ALPHAS = np.logspace(-2, 4, 9)

    @pytest.mark.parametrize('shape', SHAPES)
    @pytest.mark.seconds
    def test_equals_refitting_without_each_stimulus(self, shape):
        x, y = regression(0, *shape)
        train, test = split = one_split(1, 30, 24)
        errors = np.zeros((len(self.ALPHAS), 9))
        for i, alpha in enumerate(self.ALPHAS):
            for left_out in train:
                rest = train[train != left_out]
                prediction = Ridge(alpha=alpha).fit(x[rest], y[rest]).predict(x[[left_out]])[0]
                errors[i] += (prediction - y[left_out]) ** 2
        best = errors.argmin(axis=0)
        assert len(set(best)) > 2
        predictions, chosen = ridge(kernel(x), y, split, self.ALPHAS, relative=False)
        np.testing.assert_array_equal(chosen, self.ALPHAS[best])
        for neuron, alpha in enumerate(chosen):
            expected = Ridge(alpha=alpha, solver='svd').fit(x[train], y[train, neuron]).predict(x[test])
            np.testing.assert_allclose(predictions[:, neuron], expected, atol=1e-8)

    @pytest.mark.parametrize('shape', SHAPES)
    @pytest.mark.parametrize('seed', [2, 3])
    def test_equals_scikit_learn(self, shape, seed):
        x, y = regression(seed, *shape, n_neurons=40)
        train, test = split = one_split(seed, 30, 24)
        predictions, chosen = ridge(kernel(x), y, split, self.ALPHAS, relative=False)
        oracle = RidgeCV(alphas=self.ALPHAS, alpha_per_target=True).fit(x[train], y[train])
        assert len(set(oracle.alpha_)) > 3
        np.testing.assert_array_equal(chosen, oracle.alpha_)
        np.testing.assert_allclose(predictions, oracle.predict(x[test]), atol=1e-7)

    def test_default_penalties_are_relative(self):
        x, y = regression(4, n_neurons=40)
        train, test = split = one_split(4, 30, 24)
        predictions, chosen = ridge(kernel(x), y, split)
        oracle = RidgeCV(alphas=ALPHAS * unit(x, train), alpha_per_target=True).fit(x[train], y[train])
        np.testing.assert_allclose(chosen * unit(x, train), oracle.alpha_, rtol=1e-9)
        assert set(chosen) <= set(ALPHAS)
        np.testing.assert_allclose(predictions, oracle.predict(x[test]), atol=1e-7)

    def test_penalties_in_any_order(self):
        x, y = regression(5)
        split = one_split(5, 30, 24)
        shuffled = np.random.default_rng(5).permutation(ALPHAS)
        for expected, actual in zip(ridge(kernel(x), y, split), ridge(kernel(x), y, split, shuffled), strict=True):
            np.testing.assert_allclose(actual, expected, atol=1e-12)

    def test_the_default_range(self):
        assert len(ALPHAS) == 13
        np.testing.assert_allclose(ALPHAS[[0, 6, 12]], [1e-3, 1, 1e3])
        np.testing.assert_allclose(np.diff(np.log10(ALPHAS)), 0.5)

    def test_neurons_that_do_not_vary(self):
        x, y = regression(6)
        y[:, 2] = 0
        y[:, 5] = 0.1
        split = one_split(6, 30, 24)
        predictions, chosen = ridge(kernel(x), y, split)
        np.testing.assert_array_equal(predictions[:, 2], 0)
        np.testing.assert_allclose(predictions[:, 5], 0.1, atol=1e-14)
        assert np.isfinite(predictions).all()
        assert np.isfinite(chosen).all()

    def test_two_penalties_are_a_choice_too(self):
        x, y = regression(10, n_neurons=40)
        train, _ = split = one_split(10, 30, 24)
        _, chosen = ridge(kernel(x), y, split, [10.0, 5000.0], relative=False)
        oracle = RidgeCV(alphas=[10.0, 5000.0], alpha_per_target=True).fit(x[train], y[train])
        assert len(set(oracle.alpha_)) == 2
        np.testing.assert_array_equal(chosen, oracle.alpha_)

    @pytest.mark.parametrize('relative', [True, False])
    @pytest.mark.parametrize('value', [0.0, 1.0, 0.1])
    def test_features_that_do_not_vary(self, value, relative):
        _, y = regression(7)
        train, _ = split = one_split(7, 30, 24)
        predictions, _ = ridge(kernel(np.full((30, 5), value)), y, split, relative=relative)
        np.testing.assert_allclose(predictions, np.tile(y[train].mean(axis=0), (6, 1)), atol=1e-12)

    @pytest.mark.parametrize(
        'value',
        [
            *(0.1, 0.3, 1.0, 5.0, 1e6),
        ],
    )
    def test_features_that_vary_only_among_the_test_stimuli(self, value):
        # A model that responds to one stimulus alone, which is held out: nothing is learned about it.
        _, y = regression(8)
        train, test = split = one_split(8, 30, 24)
        x = np.zeros((30, 7))
        x[test[1]] = value * np.random.default_rng(8).random(7)
        predictions, _ = ridge(kernel(x), y, split)
        np.testing.assert_allclose(predictions, np.tile(y[train].mean(axis=0), (6, 1)), atol=1e-6)


class TestInvariances:
    """Correlations of predictions with the penalty that leave-one-out chooses."""

    CASES = st.tuples(st.integers(0, 999), st.integers(2, 30), st.integers(6, 15))

    @staticmethod
    def fit(x, y, seed, **kwargs):
        return ridge(kernel(x), y, one_split(seed, len(x), len(x) - 3), **kwargs)

    @PROPERTY
    @given(CASES)
    def test_rotation_of_the_features(self, case):
        seed, n_features, n_stimuli = case
        x, y = regression(seed, n_stimuli, n_features)
        rotation = ortho_group.rvs(n_features, random_state=seed)
        predictions, chosen = self.fit(x, y, seed)
        rotated, chosen_rotated = self.fit(x @ rotation, y, seed)
        np.testing.assert_array_equal(chosen_rotated, chosen)
        np.testing.assert_allclose(rotated, predictions, atol=1e-7)

    @PROPERTY
    @given(CASES, st.floats(1e-6, 1e6), st.floats(-100, 100))
    def test_scale_and_shift_of_the_features(self, case, scale, shift):
        seed, n_features, n_stimuli = case
        x, y = regression(seed, n_stimuli, n_features)
        shifts = shift * np.random.default_rng(seed).normal(size=n_features)
        predictions, chosen = self.fit(x, y, seed)
        moved, chosen_moved = self.fit(scale * (x + shifts), y, seed)
        np.testing.assert_array_equal(chosen_moved, chosen)
        np.testing.assert_allclose(moved, predictions, atol=1e-7)

    @PROPERTY
    @given(CASES, st.floats(1e-2, 1e2))
    def test_absolute_penalties_scale_with_the_squared_features(self, case, scale):
        seed, n_features, n_stimuli = case
        x, y = regression(seed, n_stimuli, n_features)
        predictions, _ = self.fit(x, y, seed, alphas=[3.0], relative=False)
        scaled, _ = self.fit(scale * x, y, seed, alphas=[3 * scale**2], relative=False)
        np.testing.assert_allclose(scaled, predictions, atol=1e-8)

    @PROPERTY
    @given(CASES, st.floats(1e-3, 1e3), st.booleans(), st.floats(-10, 10))
    def test_scale_and_shift_of_the_responses(self, case, scale, negative, shift):
        seed, n_features, n_stimuli = case
        x, y = regression(seed, n_stimuli, n_features)
        scale = -scale if negative else scale
        predictions, chosen = self.fit(x, y, seed)
        moved, chosen_moved = self.fit(x, scale * (y + shift), seed)
        np.testing.assert_array_equal(chosen_moved, chosen)
        np.testing.assert_allclose(moved / scale - shift, predictions, atol=1e-7)

    @PROPERTY
    @given(CASES)
    def test_order_of_neurons_and_stimuli(self, case):
        seed, n_features, n_stimuli = case
        x, y = regression(seed, n_stimuli, n_features)
        rng = np.random.default_rng(seed)
        neurons, order = rng.permutation(9), rng.permutation(n_stimuli)
        train, test = one_split(seed, n_stimuli, n_stimuli - 3)
        predictions, chosen = ridge(kernel(x), y, (train, test))
        place = np.argsort(order)
        actual, chosen_actual = ridge(
            kernel(x[order]), y[order][:, neurons], (rng.permutation(place[train]), place[test])
        )
        np.testing.assert_array_equal(chosen_actual, chosen[neurons])
        np.testing.assert_allclose(actual, predictions[:, neurons], atol=1e-8)


class TestCrossPredict:
    @pytest.mark.parametrize('shape', SHAPES)
    def test_equals_scikit_learn_fold_by_fold(self, shape):
        x, y = regression(0, *shape)
        folds = kfold(30, 7)
        alphas = np.logspace(-2, 4, 9)
        expected = np.empty_like(y)
        for train, test in folds:
            expected[test] = RidgeCV(alphas, alpha_per_target=True).fit(x[train], y[train]).predict(x[test])
        np.testing.assert_allclose(cross_predict(x, y, folds, alphas, relative=False), expected, atol=1e-7)

    def test_defaults_are_those_of_ridge(self):
        x, y = regression(1)
        folds = kfold(30)
        predictions = cross_predict(x, y, folds)
        for fold in folds:
            np.testing.assert_array_equal(predictions[fold[1]], ridge(kernel(x), y, fold, ALPHAS, relative=True)[0])

    def test_a_prediction_has_not_seen_its_responses(self):
        x, y = regression(2)
        folds = kfold(30)
        expected = cross_predict(x, y, folds)
        held_out = folds[3][1]
        y[held_out] += 100
        actual = cross_predict(x, y, folds)
        np.testing.assert_array_equal(actual[held_out], expected[held_out])
        others = np.setdiff1d(np.arange(30), held_out)
        assert (actual[others] != expected[others]).all()

    def test_predicts_signal_and_no_noise(self):
        x, y = regression(3, 118, 20, 30)
        r = pearson(cross_predict(x, y, kfold(118)), y)
        assert abs(r[0]) < 0.3
        assert r[-1] > 0.99

    def test_integers(self):
        x, y = (np.round(10 * values) for values in regression(4))
        np.testing.assert_array_equal(
            cross_predict(x.astype(int), y.astype(int), kfold(30)), cross_predict(x, y, kfold(30))
        )

    def test_folds_that_are_none(self):
        x, y = regression(5)
        with pytest.raises(ValueError, match='each stimulus exactly once'):
            cross_predict(x, y, shuffle_splits(30))
        with pytest.raises(ValueError, match='each stimulus exactly once'):
            cross_predict(x, y, kfold(30)[1:])
        with pytest.raises(ValueError, match='each stimulus exactly once'):
            cross_predict(x, y, [*kfold(30), kfold(30)[0]])
        with pytest.raises(ValueError, match='each stimulus exactly once'):
            cross_predict(x, y, kfold(29))

    @pytest.mark.parametrize(('n_features', 'responses'), [(30, (29, 4)), (29, (30, 4)), (30, (30,)), (30, (30, 4, 1))])
    def test_different_stimuli(self, n_features, responses):
        with pytest.raises(ValueError, match='features and responses of the same stimuli'):
            cross_predict(np.ones((n_features, 5)), np.ones(responses), kfold(30))

    @pytest.mark.filterwarnings('ignore:invalid value')
    @pytest.mark.parametrize('value', [np.nan, np.inf])
    def test_not_finite(self, value):
        x, y = regression(6)
        y[3, 2] = value
        with pytest.raises(ValueError, match='the responses contain NaN or infinity'):
            cross_predict(x, y, kfold(30))
        x, y = regression(6)
        x[3, 2] = value
        with pytest.raises(ValueError, match='the features contain NaN, infinity'):
            cross_predict(x, y, kfold(30))

    def test_leaves_its_input_alone(self):
        x, y = regression(7)
        cross_predict(x, y, kfold(30))
        np.testing.assert_array_equal(x, regression(7)[0])
        np.testing.assert_array_equal(y, regression(7)[1])


class TestInfluence:
    @pytest.mark.parametrize('shape', SHAPES)
    @pytest.mark.parametrize('alpha', [0.5, 20.0])
    def test_equals_fits_without_each_training_stimulus(self, shape, alpha):
        x, y = regression(8, *shape)
        folds, products = kfold(30), kernel(x)
        predictions, influence = predict_with_influence(x, y, folds, [alpha], relative=False)
        gradient = pearson_gradient(predictions, y)
        expected = np.zeros_like(y)
        for train, test in folds:
            for stimulus in train:
                without = ridge(products, y, (train[train != stimulus], test), [alpha], relative=False)[0]
                expected[stimulus] += (gradient[test] * (predictions[test] - without)).sum(axis=0)
        np.testing.assert_allclose(influence, expected, atol=1e-10)

    def test_predictions_and_penalties_are_those_of_cross_predict(self):
        x, y = regression(9)
        folds = kfold(30)
        predictions, influence = predict_with_influence(x, y, folds)
        np.testing.assert_array_equal(predictions, cross_predict(x, y, folds))
        for neuron in range(y.shape[1]):
            own = predict_with_influence(x, y[:, [neuron]], folds)[1]
            np.testing.assert_allclose(influence[:, [neuron]], own, atol=1e-10)

    def test_a_constant_neuron_has_none(self):
        x, y = regression(10)
        y[:, 2] = 1 / 3
        influence = predict_with_influence(x, y, kfold(30))[1]
        assert (influence[:, 2] == 0).all()
        assert (influence[:, 3] != 0).all()

    def test_spread_of_correlations_over_experiments(self):
        """With new stimuli the correlations spread as the draws say, and more than with the fits of one experiment."""
        weights = np.random.default_rng(11).normal(size=(40, 30))
        spread, with_influence, with_fits = [], [], []
        for seed in range(60):
            rng = np.random.default_rng([12, seed])
            x = rng.normal(size=(50, 40))
            y = x @ weights + 5 * rng.normal(size=(50, 30))
            predictions, influence = predict_with_influence(x, y, kfold(50))
            counts = rng.multinomial(50, np.full(50, 1 / 50), size=100)
            draws = repeated_pearson(predictions, y, counts)
            spread.append(pearson(predictions, y).mean())
            with_fits.append(draws.mean(axis=1).std())
            with_influence.append((draws + (counts - 1) @ influence).mean(axis=1).std())
        # The standard deviation of 60 values has a standard error of 9 %.
        assert np.mean(with_influence) / np.std(spread) == pytest.approx(1, abs=0.25)
        assert np.mean(with_fits) < 0.8 * np.mean(with_influence)


class TestStockMetric:
    @staticmethod
    def score(x, y):
        products = kernel(x)
        correlations = []
        for train, test in shuffle_splits(len(x)):
            predictions, _ = ridge(products, y, (train, test), [1.0], relative=False)
            correlations.append(pearson(predictions, y[test]))
        correlations = np.array(correlations)
        return np.median(correlations, axis=1).mean(), correlations

    @pytest.mark.parametrize('shape', [(40, 15), (40, 90)])
    @pytest.mark.seconds
    def test_gives_the_same_score(self, load_stock_metric, shape):
        x, y = regression(0, *shape, n_neurons=11)
        # The stock metric aligns the source by stimulus_id, and splits the target in its given order.
        source_order, target_order = (np.random.default_rng(seed).permutation(40) for seed in (1, 2))
        ids = np.array([f's{i:03}' for i in range(40)])
        metric = load_stock_metric('ridge', crossvalidation_kwargs={'stratification_coord': None})
        stock = metric(
            neuroid_assembly(x[source_order], ids[source_order]),
            neuroid_assembly(y[target_order], ids[target_order]),
        )
        ours, correlations = self.score(x[target_order], y[target_order])
        assert ours == pytest.approx(float(stock), abs=1e-6)
        raw = stock.attrs['raw'].sortby('split').sortby('neuroid_id').transpose('split', 'neuroid')
        np.testing.assert_allclose(correlations, raw.values, atol=1e-6)
        # Both orders give other splits: the agreement above is not one that any order would give.
        assert abs(self.score(x, y)[0] - ours) > 1e-3
