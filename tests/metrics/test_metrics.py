"""The two metrics on assemblies, against the stock ones and against direct computations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold

from m2m_benchmarks import load_metric
from m2m_benchmarks.arrays import ALPHAS
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.testing import neuroid_assembly

PROPERTY = settings(max_examples=15, deadline=None)


def pair(seed=0, n_stimuli=40, n_features=60, n_neuroids=15):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n_stimuli, n_features))
    responses = features @ rng.standard_normal((n_features, n_neuroids)) / 8 + rng.standard_normal(
        (n_stimuli, n_neuroids)
    )
    return features, responses


def test_rdm_is_the_stock_rdm():
    features, responses = pair()
    mine = load_metric('m2m_rdm')(neuroid_assembly(features), neuroid_assembly(responses))
    assert float(mine) == pytest.approx(
        float(load_metric('rdm')(neuroid_assembly(features), neuroid_assembly(responses))), abs=1e-9
    )


@pytest.mark.seconds
@pytest.mark.parametrize('n_features', [12, 60])
def test_ridge_is_the_stock_ridge_with_its_splits(n_features):
    features, responses = pair(n_features=n_features)
    # The stock metric draws its splits over the target's order, which is not sorted here.
    order = np.random.default_rng(1).permutation(40)
    ids = np.array([f's{i:03d}' for i in range(40)])
    source, target = neuroid_assembly(features), neuroid_assembly(responses[order], ids[order])
    mine = load_metric('m2m_ridge', alphas=[1], relative=False, protocol='brain-score')(source, target)
    stock = load_metric('ridge', crossvalidation_kwargs={'stratification_coord': None})(source, target)
    assert float(mine) == pytest.approx(float(stock), abs=1e-6)
    assert mine.attrs['error'] == pytest.approx(float(stock.attrs['error']), abs=1e-6)
    np.testing.assert_allclose(mine.attrs['raw'].values, stock.attrs['raw'].values, atol=1e-6)


def test_ridge_is_scikit_learns_with_stacked_folds():
    features, responses = pair(2)
    predictions = np.empty(responses.shape)
    for train, test in KFold(10, shuffle=True, random_state=1).split(features):
        scale = ((features[train] - features[train].mean(axis=0)) ** 2).sum() / len(train)
        model = RidgeCV(ALPHAS * scale, alpha_per_target=True).fit(features[train], responses[train])
        predictions[test] = model.predict(features[test])
    expected = [np.corrcoef(p, y)[0, 1] for p, y in zip(predictions.T, responses.T, strict=True)]
    score = load_metric('m2m_ridge')(neuroid_assembly(features), neuroid_assembly(responses))
    np.testing.assert_allclose(score.attrs['raw'].values, expected, atol=1e-6)
    assert float(score) == pytest.approx(np.median(expected), abs=1e-6)


@pytest.mark.seconds
@pytest.mark.parametrize('name', ['m2m_rdm', 'm2m_ridge'])
@PROPERTY
@given(seed=st.integers(0, 999))
def test_stimuli_are_aligned_by_id(name, seed):
    features, responses = pair(3, n_stimuli=20, n_features=30, n_neuroids=6)
    ids = np.array([f's{i:03d}' for i in range(20)])
    order = np.random.default_rng(seed).permutation(20)
    metric = load_metric(name, n_bootstraps=0)
    expected = metric(neuroid_assembly(features), neuroid_assembly(responses))
    permuted = metric(neuroid_assembly(features[order], ids[order]), neuroid_assembly(responses))
    assert float(permuted) == pytest.approx(float(expected), abs=1e-12)


@pytest.mark.seconds
@pytest.mark.parametrize('name', ['m2m_rdm', 'm2m_ridge'])
def test_error_is_that_of_other_samples(name):
    # The bootstrap error of one sample against the spread over samples.
    metric, scores, errors = load_metric(name, n_bootstraps=200), [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        latent = rng.standard_normal((60, 10))
        weights = rng.standard_normal((10, 40))
        noise = rng.standard_normal((60, 40)) * rng.uniform(1, 8, 40)
        score = metric(
            neuroid_assembly(np.concatenate([latent, -latent], axis=1)), neuroid_assembly(latent @ weights + noise)
        )
        scores.append(float(score))
        errors.append(score.attrs['error'])
    assert np.median(errors) == pytest.approx(np.std(scores), rel=0.6)


@pytest.mark.parametrize('name', ['m2m_rdm', 'm2m_ridge'])
@pytest.mark.seconds
def test_flat_neuroids_are_dropped_and_counted(name):
    features, responses = pair(4)
    silent = np.concatenate([responses, np.zeros((40, 2)), np.full((40, 1), 3.3)], axis=1)
    with_silent, without = (
        load_metric(name)(neuroid_assembly(features), neuroid_assembly(r)) for r in (silent, responses)
    )
    assert float(with_silent) == float(without)
    assert with_silent.attrs['n_constant'] == 3


@pytest.mark.parametrize('name', ['m2m_rdm', 'm2m_ridge'])
def test_a_dead_layer_scores_0_not_nan(name):
    _, responses = pair(5)
    score = load_metric(name)(neuroid_assembly(np.zeros((40, 10))), neuroid_assembly(responses))
    assert np.isfinite(float(score))
    assert float(score) <= 0


@pytest.mark.parametrize('name', ['m2m_rdm', 'm2m_ridge'])
def test_bad_assemblies(name):
    features, responses = pair(6)
    metric = load_metric(name)
    target = neuroid_assembly(responses)
    with pytest.raises(DataError, match=r'not responses to the same stimuli: 1 of 40.*s000.*source'):
        metric(neuroid_assembly(features, ['other', *[f's{i:03d}' for i in range(1, 40)]]), target)
    with pytest.raises(DataError, match=r'more than once\. Average'):
        metric(neuroid_assembly(features, ['s000', *[f's{i:03d}' for i in range(39)]]), target)
    with pytest.raises(DataError, match='NaN'):
        metric(neuroid_assembly(np.where(features > 2, np.nan, features)), target)
    with pytest.raises(DataError, match='none of the 4 neuroids'):
        metric(neuroid_assembly(features), neuroid_assembly(np.ones((40, 4))))
    with pytest.raises(DataError, match='expected presentation and neuroid'):
        metric(neuroid_assembly(features).rename(neuroid='unit'), target)


def test_rdm_counts_all_pairs_once():
    features, responses = pair(7, n_stimuli=12)
    upper = np.triu_indices(12, k=1)
    expected = spearmanr((1 - np.corrcoef(features))[upper], (1 - np.corrcoef(responses))[upper])[0]
    assert float(load_metric('m2m_rdm')(neuroid_assembly(features), neuroid_assembly(responses))) == pytest.approx(
        expected, abs=1e-12
    )


def test_unknown_protocol():
    with pytest.raises(ValueError, match='brain-score'):
        load_metric('m2m_ridge', protocol='loo')


def test_regression_needs_a_stimulus_for_each_fold():
    features, responses = pair(n_stimuli=10)
    metric = load_metric('m2m_ridge')
    metric(neuroid_assembly(features), neuroid_assembly(responses))
    with pytest.raises(DataError, match='have 9 stimuli; expected 10 or more, one for each fold'):
        metric(neuroid_assembly(features[:9]), neuroid_assembly(responses[:9]))


@pytest.mark.parametrize('name', ['m2m_rdm', 'm2m_ridge'])
def test_what_cannot_be_compared(name):
    features, responses = pair()
    one, few = neuroid_assembly(responses[:, :1]), slice(0, 3)
    refused = [(features, np.ones_like(responses), 'none of the 15 neuroids of the target varies')]
    refused += [(features[few], responses[few], r'm2m_rdm needs 4 or more stimuli, got 3|10')]
    for source, target, message in refused:
        with pytest.raises(DataError, match=message):
            load_metric(name)(neuroid_assembly(source), neuroid_assembly(target))
    if name == 'm2m_rdm':
        with pytest.raises(DataError, match='one neuroid of the target has no pattern'):
            load_metric(name)(neuroid_assembly(features), one)
    else:
        assert load_metric(name)(neuroid_assembly(features), one).attrs['raw'].shape == (1,)
