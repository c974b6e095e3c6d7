"""Agreement with single trials against loops over stimuli, and known models."""

import numpy as np
import pytest
from scipy.stats import pearsonr

from m2m_benchmarks.arrays.kernels import effective_dimensionality
from m2m_benchmarks.arrays.single_trials import feve, single_trial_correlation


def experiment(seed=0, n_trials=10, n_stimuli=40, n_neurons=6, missing=0.0):
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal((n_stimuli, n_neurons)) + 3
    trials = truth + rng.standard_normal((n_trials, n_stimuli, n_neurons))
    trials[rng.random(trials.shape) < missing] = np.nan
    return truth, trials, truth + 0.5 * rng.standard_normal(truth.shape)


def feve_by_loops(predictions, targets):
    """FEVE from a list of stimuli with the responses to each."""
    noise = np.mean([np.var(responses, ddof=1) for responses in targets])
    errors = [(responses - predicted) ** 2 for responses, predicted in zip(targets, predictions, strict=True)]
    error = np.mean(np.concatenate(errors))
    variance = np.var(np.concatenate(targets), ddof=1)
    return 1 - (error - noise) / (variance - noise)


@pytest.mark.parametrize('missing', [0.0, 0.2])
def test_both_equal_loops(missing):
    _, trials, predictions = experiment(missing=missing)
    explained, correlation = feve(predictions, trials), single_trial_correlation(predictions, trials)
    for neuron in range(trials.shape[2]):
        targets = [responses[~np.isnan(responses)] for responses in trials[..., neuron].T]
        assert explained[neuron] == pytest.approx(feve_by_loops(predictions[:, neuron], targets), abs=1e-12)
        repeated = np.repeat(predictions[:, neuron], [len(responses) for responses in targets])
        assert correlation[neuron] == pytest.approx(pearsonr(repeated, np.concatenate(targets))[0], abs=1e-12)


def test_feve_of_neuralpredictors():
    """What its `fev` returns (commit a2055cda of the repository) for stimuli with two to five trials each."""
    stimuli, trial = np.arange(12), np.arange(5)[:, None]
    trials = np.stack(
        [
            np.sin(stimuli) + 0.5 * np.cos(7 * stimuli + 3 * trial),
            np.cos(2 * stimuli) + 0.3 * np.sin(5 * stimuli * trial + trial),
        ],
        axis=2,
    )
    trials[trial >= 2 + stimuli % 4] = np.nan
    predictions = np.stack([0.8 * np.sin(stimuli) + 0.1, 0.5 * np.cos(2 * stimuli) - 0.2 * np.sin(stimuli)], axis=1)
    np.testing.assert_allclose(feve(predictions, trials), [1.15719118, 0.68324075], atol=1e-8)


def test_feve_is_1_for_the_truth_and_0_for_the_mean():
    truth, trials, _ = experiment(n_trials=50, n_stimuli=400)
    # The standard error of the variance of the noise, 1, over 20,000 trials is .01.
    np.testing.assert_allclose(feve(truth, trials), 1, atol=0.03)
    np.testing.assert_allclose(feve(np.ones_like(truth) * trials.mean(axis=(0, 1)), trials), 0, atol=0.03)
    np.testing.assert_allclose(single_trial_correlation(truth, trials), np.sqrt(0.5), atol=0.05)


def test_neurons_without_an_answer():
    _, trials, predictions = experiment()
    trials[..., 0] = 1.0
    trials[1:, :, 1] = np.nan
    explained = feve(predictions, trials)
    assert np.isnan(explained[:2]).all()
    assert np.isfinite(explained[2:]).all()
    assert single_trial_correlation(predictions, trials)[0] == 0


def test_effective_dimensionality_counts_equal_components():
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.standard_normal((50, 7)))[0]
    scores = np.linalg.qr(rng.standard_normal((30, 7)) - rng.standard_normal(7))[0]
    scores = np.linalg.qr(scores - scores.mean(axis=0))[0]
    assert effective_dimensionality(scores @ directions.T + 5) == pytest.approx(7)
    variances = np.array([5.0, 1, 1, 1, 1, 1, 1])
    expected = variances.sum() ** 2 / (variances**2).sum()
    assert effective_dimensionality(scores * np.sqrt(variances) @ directions.T) == pytest.approx(expected)
    assert effective_dimensionality(np.full((5, 3), 0.1)) == 0
