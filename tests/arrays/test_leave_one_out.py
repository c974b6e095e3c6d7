"""Leave-one-out predictions against the published pipeline with scikit-learn."""

import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from m2m_benchmarks.arrays import gram_reduce, pearson
from m2m_benchmarks.arrays.leave_one_out import leave_one_out


def experiment(n_stimuli=60, n_features=300, n_neurons=12, seed=0):
    """Features that are above 0, as after a ReLU, and neurons that share 8 dimensions with them."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((n_stimuli, 8))
    features = np.maximum(latent @ rng.standard_normal((8, n_features)) + rng.standard_normal((n_stimuli, 1)), 0)
    return features, latent @ rng.standard_normal((8, n_neurons)) + rng.standard_normal((n_stimuli, n_neurons)) + 3


def published(features, responses, alpha, n_components):
    """The pipeline: z-scored together, truncated SVD of all stimuli, ridge on all stimuli but one."""
    z_scored = (features - features.mean()) / features.std()
    few = TruncatedSVD(n_components, algorithm='arpack', random_state=0).fit_transform(z_scored)
    return cross_val_predict(Ridge(alpha), few, responses, cv=LeaveOneOut())


@pytest.mark.parametrize(('n_features', 'n_neurons', 'n_components'), [(300, 12, 40), (300, 1, 5), (50, 12, 40)])
def test_is_the_published_pipeline_without_its_penalty(n_features, n_neurons, n_components):
    features, responses = experiment(60, n_features, n_neurons)
    expected = published(features, responses, 1e-9, n_components).reshape(60, -1)
    np.testing.assert_allclose(leave_one_out(features, responses, n_components), expected, rtol=0, atol=1e-7)


def test_its_penalty_of_1_is_nothing_beside_a_layer():
    features, responses = experiment(n_features=40_000)
    expected = pearson(published(features, responses, 1.0, 40), responses)
    np.testing.assert_allclose(pearson(leave_one_out(features, responses), responses), expected, rtol=0, atol=2e-3)
    assert np.mean(pearson(leave_one_out(features, responses), responses)) == pytest.approx(expected.mean(), abs=5e-4)


def test_the_stored_form_of_a_layer_gives_the_same():
    features, responses = experiment()
    expected = leave_one_out(features, responses)
    np.testing.assert_allclose(leave_one_out(gram_reduce(features), responses), expected, rtol=0, atol=1e-8)
    np.testing.assert_allclose(leave_one_out(1000 * features, responses), expected, rtol=0, atol=1e-8)


def test_features_that_are_constant_few_half_or_no_numbers():
    features, responses = experiment()
    others = (responses.sum(axis=0) - responses) / 59
    for constant in (np.full((60, 70), 0.1), np.tile(features[:1], (60, 1))):
        np.testing.assert_allclose(leave_one_out(constant, responses), others, rtol=0, atol=1e-10)
    two = features[:, :2]
    expected = cross_val_predict(Ridge(1e-10), two - two.mean(), responses, cv=LeaveOneOut())
    np.testing.assert_allclose(leave_one_out(two, responses), expected, rtol=0, atol=1e-7)
    half = features.astype(np.float16)
    np.testing.assert_array_equal(leave_one_out(half, responses), leave_one_out(half.astype(float), responses))
    with pytest.raises(ValueError, match='expected 42 stimuli for 40 components, got 41'):
        leave_one_out(features[:41], responses[:41])
    with pytest.raises(ValueError, match='of the same stimuli'):
        leave_one_out(features, responses[:50])
    features[3, 4] = np.nan
    with pytest.raises(ValueError, match='NaN'):
        leave_one_out(features, responses)
