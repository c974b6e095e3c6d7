"""Noise-corrected predictivity against mouse-vision's formula with scikit-learn, and what a perfect model gets."""

import warnings

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression

from m2m_benchmarks.arrays import half_splits, shuffle_splits, spearman_brown
from m2m_benchmarks.arrays.noise_corrected import noise_corrected_pls
from m2m_benchmarks.benchmarks.comparisons import load_comparison


def experiment(n_stimuli=60, n_features=90, n_neurons=8, n_trials=9, noise=2.0, seed=0):
    """Features and trials of neurons that share 6 dimensions."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((n_stimuli, 6))
    features = latent @ rng.standard_normal((6, n_features)) + rng.standard_normal((n_stimuli, n_features)) + 5
    signal = latent @ rng.standard_normal((6, n_neurons))
    return features, signal + noise * rng.standard_normal((n_trials, n_stimuli, n_neurons)) + 3


def r(x, y):
    return np.array([np.corrcoef(*pair)[0, 1] for pair in zip(x.T, y.T, strict=True)])


def by_formula(features, trials, splits, n_trial_splits, n_components=25, rows=None):
    """Values of every split, (n_trial_splits, n_splits, n_neurons), one fit after the other; `rows` of test stimuli."""
    values = []
    for first in half_splits(len(trials), n_trial_splits):
        t1, t2 = trials[first].mean(axis=0), trials[~first].mean(axis=0)
        for train, test in splits:
            fits = [
                PLSRegression(n_components, scale=False, tol=1e-30, max_iter=100_000).fit(features[train], half[train])
                for half in (t1, t2)
            ]
            tested = test if rows is None else np.concatenate([rows[rows == stimulus] for stimulus in test])
            m1, m2 = (fit.predict(features[tested]) for fit in fits)
            both = [2 * each / (1 + each) for each in (r(m1, m2), r(t1[tested], t2[tested]))]
            root = np.sqrt(np.where((both[0] > 0) & (both[1] > 0), both[0] * both[1], np.nan))
            values.append(r(m1, t2[tested]) / root)
    return np.reshape(values, (n_trial_splits, len(splits), -1))


@pytest.mark.parametrize(
    ('shape', 'n_components'), [({}, 25), ({'n_neurons': 40}, 10), ({'n_neurons': 1}, 3), ({'noise': 20.0}, 5)]
)
def test_is_the_formula_with_a_fit_for_each_half_of_the_trials(shape, n_components):
    features, trials = experiment(**shape)
    splits = shuffle_splits(len(features), 3, train_size=0.5)
    ours = noise_corrected_pls(features, trials, splits, 4, n_components)
    expected = by_formula(features, trials, splits, 4, n_components)
    np.testing.assert_allclose(ours.values, np.nanmean(expected, axis=(0, 1)), rtol=0, atol=1e-8)
    assert ours.undefined == pytest.approx(np.isnan(expected).mean(), abs=1e-12)
    assert (ours.undefined > 0) == (shape == {'noise': 20.0})  # reliabilities below 0


def test_draws_repeat_the_test_stimuli_in_one_division_of_the_trials():
    features, trials = experiment()
    splits = shuffle_splits(60, 2, train_size=0.5)
    drawn = [np.random.default_rng(seed).integers(0, 60, 60) for seed in range(5)]
    stimuli = np.array([np.bincount(rows, minlength=60) for rows in drawn])
    ours = noise_corrected_pls(features, trials, splits, 3, 10, stimuli)
    undrawn = by_formula(features, trials, splits, 3, 10)
    for number, rows in enumerate(drawn):
        change = by_formula(features, trials, splits, 3, 10, rows)[number % 3] - undrawn[number % 3]
        expected = undrawn.mean(axis=(0, 1)) + change.mean(axis=0)
        np.testing.assert_allclose(ours.draws[number], expected, rtol=0, atol=1e-8)


def test_draws_without_test_stimuli_change_nothing():
    features, trials = experiment()
    splits = shuffle_splits(60, 1, train_size=0.5)
    stimuli = np.zeros((1, 60), dtype=int)
    stimuli[0, splits[0][0]] = 2
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        ours = noise_corrected_pls(features, trials, splits, 2, 5, stimuli)
    np.testing.assert_array_equal(ours.draws[0], ours.values)


@pytest.mark.parametrize('rho', [0.3, 0.5, 0.8])
def test_a_perfect_model_gets_what_the_comparison_calls_its_ceiling(rho):
    """Ten features that carry the whole signal, and enough stimuli that the fits have hardly any noise."""
    rng = np.random.default_rng(1)
    signal = rng.standard_normal((1200, 10)) @ rng.standard_normal((10, 100))
    signal /= signal.std(axis=0)
    n_trials = 10
    trials = signal + rng.standard_normal((n_trials, *signal.shape)) * np.sqrt(n_trials / 2 * (1 - rho) / rho)
    splits = shuffle_splits(1200, 1, train_size=0.5)
    ours = noise_corrected_pls(signal[:, :10], trials, splits, 4, 10)
    perfect = np.sqrt((1 + rho) / 2)
    # A correlation of 600 stimuli has a standard error of at most .04, the median of 100 neurons an eighth of it.
    assert np.median(ours.values) == pytest.approx(perfect, abs=0.015)
    recordings = type('Recordings', (), {'reliability': spearman_brown(np.full(100, rho))})()
    assert load_comparison('pls_noise_corrected').ceiling(recordings).value == pytest.approx(perfect, abs=1e-12)


def test_fewer_stimuli_than_components():
    features, trials = experiment(n_stimuli=20)
    splits = shuffle_splits(20, 2, train_size=0.5)
    ours = noise_corrected_pls(features, trials, splits, 3)
    # Ten training stimuli span nine dimensions, in which nine components are least squares.
    np.testing.assert_allclose(ours.values, noise_corrected_pls(features, trials, splits, 3, 9).values, atol=1e-8)


def test_missing_trials_of_a_neuron():
    features, trials = experiment()
    trials[6:, :, 2] = np.nan
    splits = shuffle_splits(60, 2, train_size=0.5)
    ours = noise_corrected_pls(features, trials[:, :, 2:3], splits, 3, 5)
    np.testing.assert_allclose(ours.values, noise_corrected_pls(features, trials[:6, :, 2:3], splits, 3, 5).values)


def test_features_that_predict_nothing_or_are_no_numbers():
    features, trials = experiment()
    splits = shuffle_splits(60, 2, train_size=0.5)
    constant = noise_corrected_pls(np.full((60, 5), 0.1), trials, splits, 3)
    assert (constant.values == 0).all()
    assert constant.undefined == 1
    half = features.astype(np.float16)
    expected = noise_corrected_pls(half.astype(float), trials, splits, 3)
    np.testing.assert_array_equal(noise_corrected_pls(half, trials, splits, 3).values, expected.values)
    features[3, 4] = np.nan
    with pytest.raises(ValueError, match='features contain NaN'):
        noise_corrected_pls(features, trials, splits, 3)
    with pytest.raises(ValueError, match='at least 2 repetitions to split, got 1'):
        noise_corrected_pls(np.ones((60, 5)), trials[:1], splits, 3)
