"""Partial least squares against scikit-learn's, run to convergence, and its definition."""

import numpy as np
import pytest
from brainscore_vision.metrics.regression_correlation.metric import (
    CrossRegressedCorrelation,
    pearsonr_correlation,
    pls_regression,
)
from sklearn.cross_decomposition import PLSRegression

from m2m_benchmarks.arrays import kernel, kfold, pearson, shuffle_splits
from m2m_benchmarks.arrays.pls import pls, pls_predict
from m2m_benchmarks.benchmarks.comparisons import load_comparison
from m2m_benchmarks.testing import neuroid_assembly


def experiment(n_stimuli=60, n_features=90, n_neurons=20, seed=0, noise=2.0):
    """Features and neurons that share 8 dimensions; an offset in both."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((n_stimuli, 8))
    features = latent @ rng.standard_normal((8, n_features)) + rng.standard_normal((n_stimuli, n_features)) + 5
    responses = latent @ rng.standard_normal((8, n_neurons)) + noise * rng.standard_normal((n_stimuli, n_neurons)) + 3
    return features, responses


def to_convergence(n_components):
    return PLSRegression(n_components, scale=False, tol=1e-30, max_iter=100_000)


def by_definition(x, y, x_test, n_components):
    """Take the leading singular vector of X'Y, take its score out of X and Y, and repeat; then least squares."""
    mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    x, y, x_test, prediction = x - mean, y - y_mean, x_test - mean, np.tile(y_mean, (len(x_test), 1))
    for _ in range(n_components):
        weights = np.linalg.svd(x.T @ y)[0][:, 0]
        score, test_score = x @ weights, x_test @ weights
        loadings, slopes = x.T @ score / (score @ score), y.T @ score / (score @ score)
        x, y = x - np.outer(score, loadings), y - np.outer(score, slopes)
        x_test, prediction = x_test - np.outer(test_score, loadings), prediction + np.outer(test_score, slopes)
    return prediction


@pytest.mark.parametrize(
    ('shape', 'n_components'), [((60, 90, 20), 25), ((60, 90, 1), 25), ((60, 20, 90), 10), ((40, 400, 5), 3)]
)
def test_is_nipals_run_to_convergence(shape, n_components):
    features, responses = experiment(*shape)
    folds = kfold(len(features))
    ours = pls_predict(features, responses, folds, n_components)
    for train, test in folds:
        model = to_convergence(n_components).fit(features[train], responses[train])
        expected = model.predict(features[test]).reshape(len(test), -1)
        np.testing.assert_allclose(ours[test], expected, rtol=0, atol=1e-8)
        defined = by_definition(features[train], responses[train], features[test], n_components)
        np.testing.assert_allclose(ours[test], defined, rtol=0, atol=1e-8)


@pytest.mark.parametrize('exponent', [-3, -6])
def test_features_of_very_different_size(exponent):
    features, responses = experiment()
    features *= np.logspace(0, exponent, features.shape[1])
    train, test = split = kfold(len(features))[0]
    expected = to_convergence(25).fit(features[train], responses[train]).predict(features[test])
    np.testing.assert_allclose(pls(kernel(features), responses, split), expected, rtol=0, atol=1e-8)


def test_is_the_stock_metric_run_to_convergence():
    features, responses = experiment(n_stimuli=80)
    stock = CrossRegressedCorrelation(
        pls_regression({'tol': 1e-30, 'max_iter': 100_000}),
        pearsonr_correlation(),
        {'stratification_coord': None},
    )
    products = kernel(features)
    medians = []
    for split in shuffle_splits(len(features)):
        medians.append(np.median(pearson(pls(products, responses, split), responses[split[1]])))
    expected = float(stock(neuroid_assembly(features), neuroid_assembly(responses)))
    assert np.mean(medians) == pytest.approx(expected, abs=1e-8)


def test_more_components_than_dimensions_are_least_squares():
    features, responses = experiment(n_features=6)
    train, test = split = kfold(len(features))[3]
    design = np.c_[np.ones(len(train)), features[train]]
    expected = np.c_[np.ones(len(test)), features[test]] @ np.linalg.lstsq(design, responses[train], rcond=None)[0]
    np.testing.assert_allclose(pls(kernel(features), responses, split, 25), expected, rtol=0, atol=1e-10)


def test_nothing_to_predict_from_or_to_predict():
    features, responses = experiment()
    train, _ = split = kfold(len(features))[0]
    mean = np.tile(responses[train].mean(axis=0), (6, 1))
    np.testing.assert_allclose(pls(kernel(np.full((60, 5), 0.1)), responses, split), mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(pls(kernel(features), np.full((60, 4), 0.1), split), 0.1, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match='one component or more, got 0'):
        pls(kernel(features), responses, split, 0)
    features[3, 4] = np.nan
    with pytest.raises(ValueError, match='features contain NaN'):
        pls_predict(features, responses, kfold(60))


def test_a_layer_in_half_precision():
    features, responses = experiment()
    half = features.astype(np.float16)
    expected = pls_predict(half.astype(float), responses, kfold(60))
    np.testing.assert_array_equal(pls_predict(half, responses, kfold(60)), expected)


def test_with_many_stimuli_the_noise_free_responses_reach_the_ceiling():
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((400, 6)) @ rng.standard_normal((6, 50))
    recorded = truth + rng.standard_normal(truth.shape)
    reliability = truth.var(axis=0) / recorded.var(axis=0)
    r = pearson(pls_predict(truth, recorded, kfold(400)), recorded)
    score = load_comparison('pls').score(np.median(r), np.median(reliability))
    # The standard error of r**2 of 400 stimuli is at most .04, that of the median of 50 neurons below .01.
    assert score == pytest.approx(1, abs=0.03)
