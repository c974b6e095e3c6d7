"""Simulated recordings: their statistics are those that they were given."""

import numpy as np
import pytest

from m2m_benchmarks.arrays import pearson, split_half_reliability, standardize
from m2m_benchmarks.arrays.simulation import (
    Population,
    matching_order,
    population_of,
    simulate_means,
    simulate_trials,
)

N_STIMULI, N_NEUROIDS = 90, 300


def recorded(seed=0, n_trials=8, missing=0.0):
    """Trials with known statistics: signal, mean, and normal noise; some are missing."""
    rng = np.random.default_rng(seed)
    mean, gain, noise = rng.gamma(4, size=(3, N_NEUROIDS))
    signal = rng.standard_normal((N_STIMULI, N_NEUROIDS))
    signal = (signal - signal.mean(axis=0)) / signal.std(axis=0)
    trials = mean + gain * signal + noise * rng.standard_normal((n_trials, N_STIMULI, N_NEUROIDS))
    trials[rng.random(trials.shape) < missing] = np.nan
    trials[0] = np.where(np.isnan(trials).all(axis=0), mean, trials[0])
    left = (1 / (~np.isnan(trials)).sum(axis=0)).mean(axis=0)
    return trials, mean, gain, noise, gain**2 / (gain**2 + noise**2 * left)


@pytest.mark.parametrize('missing', [0.0, 0.4])
def test_statistics_of_recordings_are_the_closed_form(missing):
    trials, mean, gain, noise, reliability = recorded(missing=missing)
    population = population_of(trials, reliability)
    # A variance over 90 stimuli scatters by a sixth; over 300 neuroids the scatter averages out.
    for estimated, true in ((population.mean, mean), (population.gain, gain), (population.noise, noise)):
        assert np.median(estimated / true) == pytest.approx(1, abs=0.02)
        assert np.corrcoef(np.log(estimated), np.log(true))[0, 1] > 0.97
    np.testing.assert_array_equal(population.n_trials, (~np.isnan(trials)).sum(axis=0))


@pytest.mark.parametrize('missing', [0.0, 0.4])
def test_simulated_recordings_have_the_recorded_reliability_mean_and_variance(missing):
    trials, *_, reliability = recorded(1, missing=missing)
    population = population_of(trials, reliability)
    rng = np.random.default_rng(2)
    units = rng.gamma(1, size=(N_STIMULI, N_NEUROIDS))
    first, second = (simulate_means(units, population, rng) for _ in range(2))
    # Two recordings of the same trials' number correlate as much as each is reliable.
    z = np.arctanh(pearson(first, second)) - np.arctanh(reliability.clip(max=0.999))
    assert abs(z.mean()) < 3 * z.std() / np.sqrt(N_NEUROIDS) + 0.01
    # The recording's own error of a mean and of a standard deviation is that of 90 stimuli.
    average = np.nanmean(trials, axis=0)
    difference = (first.mean(axis=0) - average.mean(axis=0)) / average.std(axis=0)
    assert abs(difference.mean()) < 0.02 and difference.std() < 1.5 / np.sqrt(N_STIMULI)
    assert np.median(first.std(axis=0) / average.std(axis=0)) == pytest.approx(1, abs=0.02)
    # What is simulated correlates with its unit at the root of the reliability.
    assert np.median(pearson(first, units) / np.sqrt(reliability)) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize('n_trials', [2, 32])
def test_another_number_of_trials_follows_spearman_and_brown(n_trials):
    trials, *_, reliability = recorded(3)
    population, rng = population_of(trials, reliability), np.random.default_rng(4)
    units = rng.standard_normal((N_STIMULI, N_NEUROIDS))
    first, second = (simulate_means(units, population, rng, n_trials) for _ in range(2))
    factor = n_trials / len(trials)
    expected = factor * reliability / (1 + (factor - 1) * reliability)
    z = np.arctanh(pearson(first, second)) - np.arctanh(expected)
    assert abs(z.mean()) < 3 * z.std() / np.sqrt(N_NEUROIDS) + 0.01


def test_a_mean_of_trials_is_what_is_simulated():
    """The short form and the long one: single trials, which are averaged."""
    trials, *_, reliability = recorded(5)
    population, rng = population_of(trials, reliability), np.random.default_rng(6)
    units = rng.standard_normal((N_STIMULI, N_NEUROIDS))
    one_by_one = np.array([simulate_means(units, population, rng, 1) for _ in range(8)])
    measured = split_half_reliability(one_by_one, 20)
    assert np.median(measured - reliability) == pytest.approx(0, abs=0.01)
    assert np.median(one_by_one.mean(axis=0).std(axis=0) / simulate_means(units, population, rng).std(axis=0)) == (
        pytest.approx(1, abs=0.02)
    )


@pytest.mark.parametrize('correlation', [0.0, 0.3])
def test_neuroids_of_a_session_share_noise(correlation):
    rng = np.random.default_rng(7)
    still = Population(np.zeros(40), np.zeros(40), np.ones(40), np.ones((4000, 40), dtype=int))
    sessions = np.repeat(['a', 'b'], 20)
    noise = simulate_means(rng.standard_normal((4000, 40)), still, rng, None, sessions, correlation)
    measured = np.corrcoef(noise.T) - np.eye(40)
    same = sessions[:, None] == sessions
    assert measured[same].sum() / (same.sum() - 40) == pytest.approx(correlation, abs=0.02)
    assert measured[~same].mean() == pytest.approx(0, abs=0.02)


def test_missing_trials_stay_missing():
    trials, *_, reliability = recorded(8)
    trials[:, 3, 5] = np.nan
    population = population_of(trials, reliability)
    rng = np.random.default_rng(9)
    responses = simulate_means(rng.standard_normal((N_STIMULI, N_NEUROIDS)), population, rng)
    assert np.argwhere(np.isnan(responses)).tolist() == [[3, 5]]
    assert simulate_means(rng.standard_normal((200, N_NEUROIDS)), population, rng, 5).shape == (200, N_NEUROIDS)
    few = population[np.arange(N_NEUROIDS) % 2 == 0]
    assert few.mean.shape == few.gain.shape == few.noise.shape == few.n_trials.shape[1:] == (N_NEUROIDS // 2,)


def test_single_trials_have_the_reliability_of_the_recorded_ones():
    trials, *_, reliability = recorded(9)
    trials[-2:, 3, 5] = np.nan
    population = population_of(trials, reliability)
    rng = np.random.default_rng(9)
    units = rng.standard_normal((N_STIMULI, N_NEUROIDS))
    simulated = simulate_trials(units, population, rng)
    assert simulated.shape == trials.shape
    assert np.argwhere(np.isnan(simulated)).tolist() == [[len(trials) - 2, 3, 5], [len(trials) - 1, 3, 5]]
    # Where the noise of each trial has the population's standard deviation, known here to 1 %.
    noise = simulated - population.mean - population.gain * standardize(units)
    np.testing.assert_allclose(np.nanstd(noise, axis=(0, 1)) / population.noise, 1, atol=0.15)
    assert np.median(np.nanstd(noise, axis=(0, 1)) / population.noise) == pytest.approx(1, abs=0.02)
    assert simulate_trials(units, population, rng, 3).shape == (3, N_STIMULI, N_NEUROIDS)


def test_units_meet_the_neuroids_of_their_scale():
    rng = np.random.default_rng(10)
    units = rng.gamma(rng.uniform(0.2, 9, 50), rng.uniform(0.1, 10, 50), size=(N_STIMULI, 50))
    own = Population(units.mean(axis=0), units.std(axis=0), np.zeros(50), np.ones((N_STIMULI, 50), dtype=int))
    np.testing.assert_array_equal(matching_order(units, own), np.arange(50))
    shuffled = rng.permutation(50)
    np.testing.assert_array_equal(shuffled[matching_order(1000 * units[:, shuffled], own)], np.arange(50))
    # Without noise, units at their own scale are themselves.
    np.testing.assert_allclose(simulate_means(units, own, rng), units, rtol=1e-9, atol=1e-9)
    other = recorded(11)
    order = matching_order(units, population_of(other[0], other[-1])[np.arange(50)])
    assert sorted(order) == list(range(50))


def test_bad_input():
    trials, *_, reliability = recorded(12)
    with pytest.raises(ValueError, match='expected the reliability of each neuroid, got NaN'):
        population_of(trials, np.full(N_NEUROIDS, np.nan))
    with pytest.raises(ValueError, match='needs their sessions'):
        simulate_means(trials[0], population_of(trials, reliability), np.random.default_rng(0), noise_correlation=0.1)
