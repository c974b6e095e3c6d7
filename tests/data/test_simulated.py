"""The simulation's closed forms, against direct computation and many draws of noise."""

import numpy as np
import pytest

from m2m_benchmarks.arrays import half_means, rdm, spearman, spearman_brown, upper_triangle
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.data.simulated.population import (
    N_ANIMALS,
    N_PAIRS,
    N_VARIABLES,
    band_energies,
    expected_rdm_reliability,
    generating_variables,
    patches,
    population,
    record,
)


def test_patches_are_different_pieces_of_photographs():
    images = patches()
    assert images.shape == (118, 64, 64)
    assert images.dtype == np.uint8
    assert len({image.tobytes() for image in images}) == 118
    assert images.std(axis=(1, 2)).min() > 1


def test_band_energies_tell_orientation_and_frequency():
    y, x = np.mgrid[:64, :64]
    gratings = np.stack([np.sin(2 * np.pi * f * along) for f in (6 / 64, 12 / 64, 24 / 64) for along in (x, y)])
    best = band_energies(gratings).argmax(axis=1)
    assert len(set(best)) == 6  # three octaves times two orientations, each in a band of its own


@pytest.mark.parametrize('area', AREAS)
def test_generating_variables_are_white_and_of_equal_length(area):
    z = generating_variables(area)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(z.T @ z / 118, np.eye(N_VARIABLES), atol=1e-12)
    np.testing.assert_allclose((z**2).sum(axis=1), N_VARIABLES, rtol=1e-6)


def test_areas_differ():
    first, second = (upper_triangle(rdm(generating_variables(area))) for area in AREAS[:2])
    assert spearman(first, second) < 0.8


@pytest.mark.parametrize('area', AREAS)
def test_each_animal_is_a_tight_frame(area):
    whole = population(area)
    for animal in np.unique(whole.animal):
        weights = whole.weights[whole.animal == animal][: 2 * N_PAIRS]
        product = weights.T @ weights
        np.testing.assert_allclose(product, product[0, 0] * np.eye(N_VARIABLES), atol=1e-12)
        np.testing.assert_allclose(weights.sum(axis=0), 0, atol=1e-12)
    assert len(np.unique(whole.animal)) == N_ANIMALS


def test_signal_and_noise_are_those_of_the_closed_form():
    area = population('VISp')
    draws = np.stack([record(area, seed) for seed in range(40)]).astype(float)
    expected = np.nanmean(draws, axis=(0, 1))
    # over the 118 stimuli: the signal's variance and what 40 times the repetitions leave of the noise
    left = area.noise_variance / (40 * area.repetitions)
    tuned = area.reliability > 0.5  # the others would need far more draws
    np.testing.assert_allclose(expected.var(axis=0)[tuned], (area.signal_variance + left)[tuned], rtol=0.1)
    np.testing.assert_allclose(np.nanvar(draws, axis=(0, 1)).mean(axis=0), area.noise_variance, rtol=0.03, atol=1e-12)
    last = area.animal == area.animal[-1]
    assert np.isnan(draws[:, 16:, :, last]).all()
    assert not np.isnan(draws[:, :16]).any()
    assert not np.isnan(draws[:, :, :, ~last]).any()


def test_reliability_is_the_squared_correlation_with_the_truth():
    area = population('VISl')
    truth = generating_variables('VISl') @ area.weights.T
    tuned = area.signal_variance > 0
    squared = np.zeros(tuned.sum())
    for seed in range(60):
        mean = np.nanmean(record(area, seed), axis=0, dtype=float)[:, tuned]
        squared += [np.corrcoef(a, b)[0, 1] ** 2 for a, b in zip(mean.T, truth[:, tuned].T, strict=True)]
    # the mean of a squared correlation over 118 stimuli is a little above its square
    np.testing.assert_allclose(squared / 60, area.reliability[tuned], atol=0.02)


@pytest.mark.parametrize('area', AREAS[:3])
def test_rdm_reliability(area):
    known = population(area)
    tuned = known.reliability > 0.5
    estimates = []
    for seed in range(8):
        halves = half_means(record(known, seed)[:, :, tuned], n_splits=4, seed=seed)
        estimates += [spearman_brown(spearman(*(upper_triangle(rdm(half)) for half in pair))) for pair in halves]
    assert np.mean(estimates) == pytest.approx(expected_rdm_reliability(known, tuned), abs=0.003)


def test_recordings_are_reproducible():
    np.testing.assert_array_equal(record(population('VISp')), record(population('VISp')))
    assert not np.array_equal(record(population('VISp'), 1)[0], record(population('VISp'))[0])
