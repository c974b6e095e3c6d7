"""CKA of a population against its definition over sets of stimuli and neuroids, and known populations."""

import functools
import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from m2m_benchmarks.arrays import Sample, half_means, kernel
from m2m_benchmarks.arrays.cka import cka, hsic
from m2m_benchmarks.arrays.sampled_cka import cka_draws, hsic_of_each, population_hsic, recorded_draws
from m2m_benchmarks.benchmarks.comparisons import load_comparison
from m2m_benchmarks.benchmarks.comparisons.base import Features


def patterns(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def slow_hsic(a, b):
    """Mean over all ordered sets of four stimuli (Song et al. 2012)."""
    fours = itertools.permutations(range(len(a)), 4)
    return np.mean([a[i, j] * (b[i, j] + b[q, r] - 2 * b[i, q]) for i, j, q, r in fours])


def slow_population(first, second, counts):
    """Mean over pairs of different neuroids, each as often as it is drawn; NaN if there is none."""
    pairs = [(a, b) for a, b in itertools.permutations(range(first.shape[1]), 2) if counts[a] * counts[b]]
    values = [slow_hsic(np.outer(first[:, a], first[:, a]), np.outer(second[:, b], second[:, b])) for a, b in pairs]
    return np.average(values, weights=[counts[a] * counts[b] for a, b in pairs]) if pairs else np.nan


def test_is_the_mean_over_different_stimuli_and_neuroids():
    first, second = patterns(0, 6, 4) + 2, patterns(1, 6, 4)
    for other in (second, first):
        expected = 6 * 3 * slow_population(first, other, np.ones(4))
        assert population_hsic(first, other) == pytest.approx(expected)
    expected = [hsic(np.outer(u, u), np.outer(v, v)) for u, v in zip(first.T, second.T, strict=True)]
    np.testing.assert_allclose(hsic_of_each(first, second), expected)


def test_draws_are_those_of_the_repeated_neuroids():
    responses, model = patterns(0, 9, 4) + 2, patterns(1, 9, 5)
    stimuli = np.array([[1, 0, 1, 1, 0, 1, 0, 1, 1], [0, 1, 1, 1, 1, 0, 0, 1, 1], [1, 1, 0, 0, 1, 1, 1, 0, 1]])
    sample = Sample(stimuli, np.array([[2, 0, 1, 1], [0, 1, 3, 0], [0, 0, 4, 0]]), 4)
    totals, shares = recorded_draws(responses, sample)
    values = cka_draws(model @ model.T, responses, totals, sample)
    every = np.ones(4, dtype=int)
    for number, (drawn, counts) in enumerate(sample):
        for factor, (rows, times) in enumerate([(drawn, counts), (np.ones(9), counts), (drawn, every)]):
            rows = rows > 0
            repeated = np.repeat(responses[rows], times, axis=1)
            assert values[factor, number] == pytest.approx(cka(model[rows], repeated))
            total = slow_hsic(repeated @ repeated.T, repeated @ repeated.T)
            n = rows.sum()
            assert totals[factor, number] == pytest.approx(total * n * (n - 3))
            if number == 2:  # one neuroid is no pair
                times, repeated = every, responses[rows]
                total = slow_hsic(repeated @ repeated.T, repeated @ repeated.T)
            share = slow_population(responses[rows], responses[rows], times) / (total / times.sum() ** 2)
            assert shares[factor, number] == pytest.approx(share)


def test_draws_of_constant_patterns():
    sample = Sample(np.ones((1, 9), dtype=int), np.ones((1, 4), dtype=int), 4)
    totals, shares = recorded_draws(np.ones((9, 4)), sample)
    assert not totals.any() and not shares.any()
    assert not cka_draws(np.eye(9), np.ones((9, 4)), totals, sample).any()


def test_too_few_neuroids_or_stimuli():
    with pytest.raises(ValueError, match='pairs of neuroids need at least 2 neuroids, got 1'):
        population_hsic(patterns(0, 6, 1), patterns(1, 6, 1))
    with pytest.raises(ValueError, match='at least 4 stimuli, got 3'):
        population_hsic(patterns(0, 3, 5), patterns(0, 3, 5))


def recorded(seed, latent, n_neuroids, n_trials=10):
    """Record neuroids of a population whose kernel is that of the latent patterns, with noise that neuroids share."""
    rng = np.random.default_rng(seed)
    n_stimuli, n_latent = latent.shape
    truth = latent @ rng.standard_normal((n_latent, n_neuroids)) * np.exp(0.4 * rng.standard_normal(n_neuroids))
    shared = rng.standard_normal((n_trials, n_stimuli, 1)) * rng.standard_normal(n_neuroids)
    trials = truth + 3 * shared + 4 * rng.standard_normal((n_trials, n_stimuli, n_neuroids))
    return SimpleNamespace(trials=trials, mean=SimpleNamespace(values=trials.mean(axis=0)))


@pytest.mark.seconds
@pytest.mark.parametrize('n_neuroids', [41, 133, 404])
def test_a_known_population_has_one_value_at_any_number_of_neuroids(n_neuroids, monkeypatch):
    name = 'm2m_benchmarks.benchmarks.comparisons.cka_corrected.half_means'
    monkeypatch.setattr(name, functools.partial(half_means, n_splits=5))
    latent = patterns(0, 60, 80) * 0.97 ** np.arange(80)
    other = latent @ patterns(1, 80, 200) / 3 + 2 * patterns(2, 60, 200)
    truth = cka(latent, other)
    assert 0.2 < truth < 0.8
    corrected, usual = load_comparison('cka_corrected'), load_comparison('cka')
    recordings = [recorded(seed, latent, n_neuroids) for seed in range(12)]
    ceilings = np.array([corrected.ceiling(own).value for own in recordings])
    for model, expected in ((latent, 1), (other, truth)):
        raws = np.array([corrected.raw(Features(model), own).value for own in recordings])
        scores = raws / ceilings
        margin = 3 * scores.std() / np.sqrt(12)
        assert abs(scores.mean() - expected) < margin + 0.005
        assert margin < 0.1 * expected
    few = recorded(0, latent, 41)
    assert usual.raw(Features(latent), few).value / usual.ceiling(few).value < 0.8


def test_without_a_second_trial_only_neuroids_are_corrected():
    latent = patterns(0, 60, 80) * 0.97 ** np.arange(80)
    several = recorded(0, latent, 41)
    one = SimpleNamespace(trials=several.mean.values[None], mean=several.mean)
    corrected = load_comparison('cka_corrected')
    whole = population_hsic(one.mean.values, one.mean.values) * 41**2
    expected = np.sqrt(whole / hsic(*[kernel(one.mean.values)] * 2))
    assert corrected.ceiling(one).value == pytest.approx(expected)
    assert corrected.ceiling(several).value < expected - 0.01  # by the noise that the neuroids share
