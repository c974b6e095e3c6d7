"""Values of single stimuli, beside slow and obvious versions."""

import itertools

import numpy as np
import pytest
from scipy import stats

from m2m_benchmarks.analysis.scenes import pattern_correlation, rank_agreement
from m2m_benchmarks.arrays import compare_rdms, rdm


def slow_agreement(first, second):
    """Agreement of each stimulus, one pair after the other."""
    pairs = list(itertools.combinations(range(len(first)), 2))
    standard = [stats.zscore(stats.rankdata([matrix[pair] for pair in pairs])) for matrix in (first, second)]
    products = dict(zip(pairs, standard[0] * standard[1], strict=True))
    return [np.mean([products[pair] for pair in pairs if stimulus in pair]) for stimulus in range(len(first))]


@pytest.mark.parametrize('n_stimuli', [3, 4, 9, 30])
def test_rank_agreement_is_that_of_each_pair(n_stimuli):
    rng = np.random.default_rng(n_stimuli)
    patterns = rng.standard_normal((n_stimuli, 12))
    first, second = rdm(patterns), rdm(patterns + rng.standard_normal(patterns.shape))
    np.testing.assert_allclose(rank_agreement(first, second), slow_agreement(first, second), rtol=1e-9, atol=1e-12)


def test_its_mean_is_the_correlation_of_the_rdms():
    rng = np.random.default_rng(1)
    first, second = (rdm(rng.integers(0, 3, (12, 5)).astype(float)) for _ in range(2))  # with ties
    assert rank_agreement(first, second).mean() == pytest.approx(compare_rdms(first, second), abs=1e-12)
    assert rank_agreement(first, first).mean() == pytest.approx(1)


def test_the_stimulus_that_a_model_misplaces_agrees_least():
    rng = np.random.default_rng(2)
    brain = rng.standard_normal((20, 40))
    model = brain.copy()
    model[7] = rng.standard_normal(40)
    assert rank_agreement(rdm(brain), rdm(model)).argmin() == 7


def test_rdms_of_equal_distances_agree_on_nothing():
    equal = 1 - np.eye(5)
    np.testing.assert_array_equal(rank_agreement(equal, rdm(np.random.default_rng(0).random((5, 9)))), np.zeros(5))


def test_patterns_are_correlated_over_neuroids():
    rng = np.random.default_rng(3)
    responses = rng.gamma(2, 5, (15, 8)) * np.arange(1, 9)
    predictions = responses + rng.standard_normal(responses.shape) * 20
    expected = []
    for stimulus in range(15):
        pairs = [
            ((predictions[stimulus, neuroid] - own.mean()) / own.std(), (own[stimulus] - own.mean()) / own.std())
            for neuroid, own in enumerate(responses.T)
        ]
        expected.append(np.corrcoef(*zip(*pairs, strict=True))[0, 1])
    np.testing.assert_allclose(pattern_correlation(predictions, responses), expected, rtol=1e-9)


def test_mean_responses_as_the_prediction_predict_no_pattern():
    responses = np.random.default_rng(4).random((10, 6)) + np.arange(6) * 100
    predictions = np.tile(responses.mean(axis=0), (10, 1))
    np.testing.assert_array_equal(pattern_correlation(predictions, responses), np.zeros(10))


def test_units_of_neuroids_do_not_matter():
    rng = np.random.default_rng(5)
    responses, predictions = rng.random((2, 10, 6))
    scale = 10.0 ** np.arange(-3, 3)
    np.testing.assert_allclose(
        pattern_correlation(predictions * scale, responses * scale), pattern_correlation(predictions, responses)
    )
