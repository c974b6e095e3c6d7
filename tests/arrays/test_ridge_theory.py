"""Ridge regression against the spectral theory of its error."""

import numpy as np
import pytest

from m2m_benchmarks.arrays import kernel, ridge


def expected_error(spectrum, power, n_train, penalty, noise):
    """Mean squared error on new stimuli (Canatar, Feather, Wakhloo & Chung 2023, arXiv 2309.12821).

    `spectrum` are the variances of the features, `power` the target's variance along each.
    """
    kappa = penalty + spectrum.sum()
    for _ in range(300):
        kappa = penalty + kappa * np.sum(spectrum / (n_train * spectrum + kappa))
    gamma = n_train * np.sum(spectrum**2 / (n_train * spectrum + kappa) ** 2)
    bias = kappa**2 * np.sum(power / (n_train * spectrum + kappa) ** 2)
    return (bias + gamma * noise) / (1 - gamma)


@pytest.mark.parametrize('decay', [0.6, 1.2])
@pytest.mark.parametrize('target', ['own unit', 'white'])
@pytest.mark.parametrize(('penalty', 'noise'), [(0.05, 0.0), (3.0, 0.3)])
def test_the_error_is_that_of_the_theory(decay, target, penalty, noise):
    rng = np.random.default_rng(0)
    n_train, n_test, n_features = 106, 300, 300
    spectrum = np.arange(1.0, n_features + 1) ** -decay
    # A random unit of a layer has the power of the layer's spectrum; another target needn't.
    power = spectrum / spectrum.sum() if target == 'own unit' else np.full(n_features, 1 / n_features)
    errors = []
    for _ in range(4):
        features = rng.standard_normal((n_train + n_test, n_features))
        weights = rng.choice([-1, 1], (n_features, 30)) * np.sqrt(power)[:, None]
        responses = features @ weights
        noisy = responses + np.sqrt(noise) * rng.standard_normal(responses.shape)
        products = kernel(features * np.sqrt(spectrum))
        split = np.arange(n_train), np.arange(n_train, n_train + n_test)
        predictions, _ = ridge(products, noisy, split, [penalty], relative=False)
        errors.append(np.mean((predictions - responses[n_train:]) ** 2))
    # The intercept takes one of the training stimuli.
    expected = expected_error(spectrum, power, n_train - 1, penalty, noise)
    error = np.std(errors, ddof=1) / np.sqrt(len(errors))
    assert abs(np.mean(errors) - expected) < 3 * error + 0.02 * expected, (np.mean(errors), expected, error)
