"""Linear CKA against its definition and Brain-Score's, and the effect of noise."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from brainscore_vision.metrics.cka.metric import linear_CKA, unbiased_linear_CKA

from m2m_benchmarks.arrays.cka import cka, hsic
from m2m_benchmarks.benchmarks.comparisons import load_comparison


def patterns(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def test_is_brain_scores():
    first, second = (patterns(0, 30, 12) @ patterns(seed, 12, 20) + patterns(seed, 30, 20) for seed in (1, 2))
    assert cka(first, second) == pytest.approx(unbiased_linear_CKA(first, second), abs=1e-9)
    assert cka(first, second, debiased=False) == pytest.approx(float(linear_CKA(first, second)), abs=1e-9)


def test_hsic_is_the_mean_over_all_sets_of_four_stimuli():
    a, b = (each @ each.T for each in (patterns(0, 6, 9), patterns(1, 6, 9)))
    fours = itertools.permutations(range(6), 4)
    mean = np.mean([a[i, j] * (b[i, j] + b[q, r] - 2 * b[i, q]) for i, j, q, r in fours])
    assert hsic(a, b) == pytest.approx(6 * 3 * mean)  # n (n - 3) times the U-statistic


def test_unrelated_patterns_score_0_with_any_number_of_units():
    values = [cka(patterns(seed, 30, 400), patterns(1000 + seed, 30, 50)) for seed in range(200)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(200)
    assert cka(patterns(0, 30, 400), patterns(1, 30, 50), debiased=False) > 0.5
    assert cka(patterns(0, 30, 4), np.ones((30, 4))) == 0
    with pytest.raises(ValueError, match='at least 4 stimuli, got 3'):
        cka(patterns(0, 3, 5), patterns(1, 3, 5))


@pytest.mark.parametrize('n_trials', [4, 20])
@pytest.mark.seconds
def test_the_noise_free_responses_reach_the_ceiling(n_trials):
    ratios = []
    for seed in range(20):
        truth = patterns(seed, 60, 80)
        trials = truth + 2 * patterns(100 + seed, n_trials, 60, 80)
        recorded = SimpleNamespace(trials=trials, mean=SimpleNamespace(values=trials.mean(axis=0)))
        ratios.append(cka(truth, recorded.mean.values) / load_comparison('cka').ceiling(recorded).value)
    assert abs(np.mean(ratios) - 1) < 3 * np.std(ratios) / np.sqrt(20) + 0.005
