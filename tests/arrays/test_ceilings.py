"""Ceilings of representational similarity."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from m2m_benchmarks.arrays import (
    agreement_draws,
    agreement_of_halves,
    bounds_over_animals,
    ceiling_of,
    compare_rdms,
    deal_halves,
    draw_sample,
    rdm,
    shared_noise,
    upper_triangle,
)

N_STIMULI = 40


def population(n_units=4000, seed=0):
    """Rectified units of a few latent variables, as a network's."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((N_STIMULI, 30)) * np.arange(1, 31) ** -0.6
    return np.maximum(latent @ rng.standard_normal((30, n_units)), 0)


def recorded(units, n_neuroids, n_trials, rng, noise=1.0, shared=0.0):
    """Record random units, with noise of which neuroids share a part: shape (n_trials, n_stimuli, n_neuroids)."""
    own = units[:, rng.choice(units.shape[1], n_neuroids, replace=False)]
    private = rng.standard_normal((n_trials, *own.shape))
    common = rng.standard_normal((n_trials, N_STIMULI, 1))
    return own + noise * own.std(axis=0) * (np.sqrt(1 - shared) * private + np.sqrt(shared) * common)


def slow_agreement(patterns, half):
    return spearmanr(pdist(patterns[:, half], 'correlation'), pdist(patterns[:, ~half], 'correlation'))[0]


def test_halves_are_dealt_within_groups():
    groups = np.repeat(['a', 'b', 'c'], [7, 4, 1])
    halves = deal_halves(groups, 300)
    assert halves.shape == (300, 12)
    np.testing.assert_array_equal(halves.sum(axis=1), 6)
    for group in 'abc':
        own = halves[:, groups == group]
        assert np.abs(2 * own.sum(axis=1) - own.shape[1]).max() <= 1
    # each neuroid is in each half as often, and so are two of them together
    assert halves.mean(axis=0) == pytest.approx(np.full(12, 0.5), abs=0.1)
    np.testing.assert_array_equal(deal_halves(groups, 5), deal_halves(groups, 5))


def test_agreement_equals_scipy():
    patterns = population()[:, :30]
    halves = deal_halves(np.zeros(30), 6)
    expected = [slow_agreement(patterns, half) for half in halves]
    np.testing.assert_allclose(agreement_of_halves(patterns, halves), expected, atol=1e-12)


def test_draws_equal_repeated_neuroids_and_stimuli():
    patterns, animals = np.random.default_rng(9).standard_normal((N_STIMULI, 24)), np.repeat(['a', 'b', 'c'], 8)
    halves, sample = deal_halves(animals, 3), draw_sample(N_STIMULI, animals, n_draws=7)
    whole = agreement_of_halves(patterns, halves)
    draws = agreement_draws(patterns, halves, sample)
    for number, (stimuli, neuroids) in enumerate(sample):
        half = halves[number % 3]
        rows = np.repeat(np.arange(N_STIMULI), stimuli)
        different = (rows[:, None] != rows)[np.triu_indices(N_STIMULI, 1)]  # no pairs of a stimulus with itself

        def slow(rows, counts, kept, half=half):
            parts = [np.repeat(np.arange(24)[part], counts[part]) for part in (half, ~half)]
            first, second = (pdist(patterns[np.ix_(rows, part)], 'correlation')[kept] for part in parts)
            return spearmanr(first, second)[0]

        everything = np.arange(N_STIMULI), np.ones(24, dtype=int), slice(None)
        expected = [
            slow(rows, neuroids, different),
            slow(everything[0], neuroids, everything[2]),
            slow(rows, everything[1], different),
        ]
        expected = np.array(expected) - whole[number % 3] + whole.mean()
        np.testing.assert_allclose(draws[:, number], expected, atol=1e-12)


@pytest.mark.seconds
@pytest.mark.parametrize('shared', [0.0, 0.2])
@pytest.mark.parametrize('n_neuroids', [60, 240])
def test_the_ceiling_is_what_the_true_population_gets(n_neuroids, shared):
    """Without what neuroids share, halves of them agree too well: the ceiling would be too high."""
    units = population()
    truth = rdm(units)
    reached, ceilings, uncorrected = [], [], []
    for seed in range(10):
        trials = recorded(units, n_neuroids, 20, np.random.default_rng(seed), noise=4.0, shared=shared)
        mean = trials.mean(axis=0)
        halves = deal_halves(np.zeros(n_neuroids), 20, seed)
        order = [np.random.default_rng(k).permutation(20) for k in range(20)]
        both = [[trials[k[part]].mean(axis=0) for k in order] for part in (slice(10), slice(10, None))]
        agreement = agreement_of_halves(mean, halves).mean()
        reached.append(compare_rdms(truth, rdm(mean)))
        ceilings.append(ceiling_of(agreement - shared_noise(*both, halves)))
        uncorrected.append(ceiling_of(agreement))
    assert np.mean(reached) / np.mean(ceilings) == pytest.approx(1, abs=0.03)
    if shared:
        assert np.mean(uncorrected) > np.mean(ceilings) + 0.001


def test_shared_noise_is_0_where_none_is_shared():
    units, values = population(), []
    for seed in range(5):
        trials = recorded(units, 80, 8, np.random.default_rng(seed), noise=2.0)
        both = [[trials[part].mean(axis=0)] * 10 for part in (slice(4), slice(4, None))]
        values.append(shared_noise(*both, deal_halves(np.zeros(80), 10, seed)))
    assert abs(np.mean(values)) < 2 * np.std(values, ddof=1) / np.sqrt(5) + 0.002


def test_the_ceiling_of_halves_that_disagree_is_0():
    assert ceiling_of(-0.4) == 0
    assert ceiling_of(1.0) == 1
    assert ceiling_of(0.6) == pytest.approx(np.sqrt(2 * 0.6 / 1.6))


def test_bounds_are_those_of_the_definition():
    """As `boot_noise_ceiling` of rsatoolbox has them, for Spearman correlations."""
    patterns = np.random.default_rng(5).standard_normal((6, 12)).cumsum(axis=0)
    own = np.array([upper_triangle(rdm(patterns[:, part])) for part in (slice(0, 4), slice(4, 8), slice(8, 12))])
    lower, upper = bounds_over_animals(own)
    ranks = np.array([np.argsort(np.argsort(each)) for each in own])
    expected = [
        np.mean([spearmanr(ranks[k], np.delete(ranks, k, axis=0).mean(axis=0))[0] for k in range(3)]),
        np.mean([spearmanr(each, ranks.mean(axis=0))[0] for each in ranks]),
    ]
    assert (lower, upper) == pytest.approx(expected, abs=1e-12)
    assert lower < upper
    np.testing.assert_allclose(bounds_over_animals(np.array([own[0]] * 3)), 1)
