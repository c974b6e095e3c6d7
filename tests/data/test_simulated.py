"""The simulation's closed forms, against direct computation and many draws of noise."""

import numpy as np
import pytest
from PIL import Image

from m2m_benchmarks import load_dataset
from m2m_benchmarks.arrays import (
    half_means,
    median_draws,
    rdm,
    rsa_draws,
    spearman,
    spearman_brown,
    split_half_reliability,
    standard_error,
    upper_triangle,
)
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.data.simulated.population import (
    N_ANIMALS,
    N_NOISY,
    N_PAIRS,
    N_VARIABLES,
    band_energies,
    expected_rdm_reliability,
    generating_variables,
    patches,
    record,
    simulated_area,
)
from m2m_benchmarks.data.trials import MIN_RELIABILITY


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
    assert len(set(best)) == 6  # three octaves times two orientations, each in its own band


@pytest.mark.parametrize('area', AREAS)
@pytest.mark.seconds
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
    whole = simulated_area(area)
    for animal in np.unique(whole.animal):
        weights = whole.weights[whole.animal == animal][: 2 * N_PAIRS]
        product = weights.T @ weights
        np.testing.assert_allclose(product, product[0, 0] * np.eye(N_VARIABLES), atol=1e-12)
        np.testing.assert_allclose(weights.sum(axis=0), 0, atol=1e-12)
    assert len(np.unique(whole.animal)) == N_ANIMALS


@pytest.mark.parametrize('area', AREAS)
@pytest.mark.seconds
def test_signal_variance_is_exact_over_the_stimuli(area):
    known = simulated_area(area)
    expected = generating_variables(area) @ known.weights.T
    np.testing.assert_allclose(known.signal_variance, expected.var(axis=0), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('area', AREAS)
@pytest.mark.seconds
def test_split_halves_recover_the_reliability(area):
    """The median is within two bootstrap errors; neuroids without tuning have NaN."""
    known = simulated_area(area)
    estimated = split_half_reliability(record(known), n_splits=20)
    constant = known.signal_variance == 0
    assert constant.sum() == N_ANIMALS
    np.testing.assert_array_equal(np.isnan(estimated), constant)
    assert np.isnan(known.reliability[constant]).all()
    # A correlation over 118 stimuli centres them, which takes 1 / 118 of the noise: 0.0005 at these reliabilities,
    # more than half an error of the median. The closed form is for any number of stimuli.
    signal, noise = known.signal_variance[~constant], (known.noise_variance / known.repetitions)[~constant]
    difference = estimated[~constant] - signal / (signal + noise * 117 / 118)
    assert abs(np.median(difference)) < 2 * standard_error(median_draws(difference))
    assert abs(np.median((estimated - known.reliability)[~constant])) < 0.003
    assert (estimated[known.reliability < 0.1] < MIN_RELIABILITY).all()
    assert (estimated[known.reliability > 0.7] > MIN_RELIABILITY).mean() > 0.98


@pytest.mark.seconds
def test_the_dataset(m2m_home):
    assembly = load_dataset('SimulatedMouse')
    n_neuroids = 2 * N_PAIRS + N_NOISY + 1
    assert assembly.sizes == {'presentation': 20 * 118, 'neuroid': 6 * N_ANIMALS * n_neuroids, 'time_bin': 1}
    np.testing.assert_array_equal(
        assembly['true_reliability'].values, np.concatenate([simulated_area(area).reliability for area in AREAS])
    )
    counted = manifest.require('SimulatedMouse')['summary']['areas']
    assert list(counted) == list(AREAS)
    assert {area['flat'] for area in counted.values()} == {N_ANIMALS}
    stimuli = assembly.attrs['stimulus_set']
    for stimulus, patch in zip(stimuli['stimulus_id'], patches(), strict=True):
        with Image.open(stimuli.get_stimulus(stimulus)) as image:
            np.testing.assert_array_equal(np.asarray(image), patch)


@pytest.mark.seconds
@pytest.mark.slow
def test_signal_and_noise_are_those_of_the_closed_form():
    area = simulated_area('VISp')
    draws = np.stack([record(area, seed) for seed in range(40)]).astype(float)
    expected = np.nanmean(draws, axis=(0, 1))
    # over the 118 stimuli: the signal's variance and the noise that is left after 40 times the repetitions
    left = area.noise_variance / (40 * area.repetitions)
    tuned = area.reliability > 0.5  # the others would need far more draws
    np.testing.assert_allclose(expected.var(axis=0)[tuned], (area.signal_variance + left)[tuned], rtol=0.1)
    np.testing.assert_allclose(np.nanvar(draws, axis=(0, 1)).mean(axis=0), area.noise_variance, rtol=0.03, atol=1e-12)
    last = area.animal == area.animal[-1]
    assert np.isnan(draws[:, 16:, :, last]).all()
    assert not np.isnan(draws[:, :16]).any()
    assert not np.isnan(draws[:, :, :, ~last]).any()


@pytest.mark.seconds
@pytest.mark.slow
def test_reliability_is_the_squared_correlation_with_the_truth():
    area = simulated_area('VISl')
    truth = generating_variables('VISl') @ area.weights.T
    tuned = area.signal_variance > 0
    squared = np.zeros(tuned.sum())
    for seed in range(60):
        mean = np.nanmean(record(area, seed), axis=0, dtype=float)[:, tuned]
        squared += [np.corrcoef(a, b)[0, 1] ** 2 for a, b in zip(mean.T, truth[:, tuned].T, strict=True)]
    # the mean of a squared correlation over 118 stimuli is a little above its square
    np.testing.assert_allclose(squared / 60, area.reliability[tuned], atol=0.02)


@pytest.mark.seconds
@pytest.mark.parametrize('area', AREAS[:3])
@pytest.mark.several
def test_rdm_reliability(area):
    known = simulated_area(area)
    tuned = known.reliability > 0.5
    estimates = []
    for seed in range(8):
        halves = half_means(record(known, seed)[:, :, tuned], n_splits=4, seed=seed)
        pairs = [(rdm(first), rdm(second)) for first, second in halves]
        of_splits = [spearman_brown(spearman(*map(upper_triangle, pair))) for pair in pairs]
        estimates.append(np.mean(of_splits))
        if seed == 0:  # the dataset: within two errors of the ceiling
            draws = np.concatenate([rsa_draws(*pair, 50, split) for split, pair in enumerate(pairs)])
            error = standard_error(spearman_brown(draws))
            assert abs(estimates[0] - expected_rdm_reliability(known, tuned)) < 2 * error
            assert 0.0005 < error < 0.003
    assert np.mean(estimates) == pytest.approx(expected_rdm_reliability(known, tuned), abs=0.002)


def test_recordings_are_reproducible():
    np.testing.assert_array_equal(record(simulated_area('VISp')), record(simulated_area('VISp')))
    assert not np.array_equal(record(simulated_area('VISp'), 1)[0], record(simulated_area('VISp'))[0])
