"""Representations of neuroids, and their distance from feature maps."""

import numpy as np
import pytest
import torch

from m2m_benchmarks.arrays.representation import (
    drawn_rmse,
    image_halves,
    in_range,
    match,
    noise_rmse,
    representations,
    resize,
    rmse,
    stimulus_orders,
)

RANGES = ('standard', 'minmax')


def natural(rng, n, size):
    """Random images whose amplitudes fall with spatial frequency, as those of photographs do; rows of pixels."""
    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    spectrum = np.fft.fft2(rng.standard_normal((n, size, size))) / np.maximum(frequencies, 1 / size)
    return np.fft.ifft2(spectrum).real.reshape(n, -1)


@pytest.mark.parametrize('shape', [(55, 55), (118, 174), (14, 14), (13, 7), (1, 30)])
def test_resized_as_pytorch_does(shape):
    maps = np.random.default_rng(0).standard_normal((2, 3, *shape))
    expected = torch.nn.functional.interpolate(torch.from_numpy(maps), (14, 14), mode='bilinear', antialias=True)
    np.testing.assert_allclose(resize(maps, 14), expected.numpy(), atol=1e-12)
    assert resize(maps.astype(np.float32), 14).dtype == np.float32


def test_a_representation_is_the_sum_of_the_stimuli_weighted_by_the_responses():
    rng = np.random.default_rng(0)
    responses, stimuli = rng.gamma(1, size=(9, 2)), rng.uniform(size=(9, 5))
    expected = [[sum(t * f for t, f in zip(unit, pixel, strict=True)) for pixel in stimuli.T] for unit in responses.T]
    np.testing.assert_allclose(representations(responses, stimuli, centred=False), expected)
    centred = [9 * np.cov(unit, pixel, bias=True)[0, 1] for unit in responses.T for pixel in stimuli.T]
    np.testing.assert_allclose(representations(responses, stimuli).ravel(), centred)


def test_uncentred_representations_are_all_the_mean_stimulus():
    rng = np.random.default_rng(0)
    stimuli = 0.4 + 0.1 * in_range(natural(rng, 118, 14) + natural(rng, 1, 14))  # photographs have more light above
    responses = rng.gamma(2, size=(118, 50))  # no two neuroids have anything in common
    uncentred, centred = (np.corrcoef(representations(responses, stimuli, way)) for way in (False, True))
    others = ~np.eye(50, dtype=bool)
    assert uncentred[others].mean() > 0.95
    assert abs(centred[others].mean()) < 0.05


def test_ranges():
    maps = np.array([[1.0, 3.0, 5.0], [2.0, 2.0, 2.0]])
    np.testing.assert_allclose(in_range(maps, 'minmax'), [[0, 0.5, 1], [0, 0, 0]])
    np.testing.assert_allclose(in_range(maps, 'standard'), [[-np.sqrt(1.5), 0, np.sqrt(1.5)], [0, 0, 0]])


def test_each_neuroid_is_compared_on_one_half_with_the_best_map_of_the_other():
    rng = np.random.default_rng(0)
    neuroids, maps = ([rng.standard_normal((n, 6)) for _ in range(2)] for n in (4, 5))
    matches = match(tuple(neuroids), tuple(maps))
    for neuroid in range(4):
        of_half = [
            [np.sqrt(np.mean((neuroids[half][neuroid] - each) ** 2)) for each in maps[half]] for half in range(2)
        ]
        best = [int(np.argmin(of_half[1])), int(np.argmin(of_half[0]))]
        assert list(matches.maps[:, neuroid]) == best
        assert matches.best[neuroid] == pytest.approx((of_half[0][best[0]] + of_half[1][best[1]]) / 2)
        assert matches.mean[neuroid] == pytest.approx(np.mean(of_half))
    assert rmse(neuroids[0], neuroids[0]).diagonal() == pytest.approx(np.zeros(4), abs=1e-7)


def test_halves_and_orders_are_the_same_each_time():
    first, second = image_halves(9)
    assert sorted([*first, *second]) == list(range(9))
    assert (len(first), len(second)) == (4, 5)
    assert np.array_equal(first, image_halves(9)[0])
    assert np.array_equal(list(stimulus_orders(9)), list(stimulus_orders(9)))
    assert len({tuple(order) for order in stimulus_orders(118)}) == 99


@pytest.mark.parametrize('kind', RANGES)
@pytest.mark.parametrize('reliability', [0.5, 0.7, 0.9, 0.99])
def test_the_noise_is_that_from_the_truth(kind, reliability):
    """Simulated recordings, whose true representations are known."""
    rng = np.random.default_rng(0)
    stimuli, truth, n_trials = natural(rng, 118, 14), rng.standard_normal((118, 100)), 10
    noise = np.sqrt(n_trials * (1 - reliability) / reliability)
    trials = truth + noise * rng.standard_normal((n_trials, *truth.shape))
    halves = image_halves(118)
    distances = []
    for half in halves:
        recorded, true = (
            in_range(representations(each[half], stimuli[half]), kind) for each in (trials.mean(axis=0), truth)
        )
        distances.append(np.sqrt(np.mean((recorded - true) ** 2, axis=1)))
    estimated = noise_rmse(trials, stimuli, halves, kind).mean() / np.mean(distances)
    # From 0 to 1 depends on two pixels, whose noise the derivation leaves out.
    assert estimated == pytest.approx(1, abs=0.04 if kind == 'standard' else 0.08)


def test_halves_of_the_trials_differ_by_twice_as_much_where_there_is_little_noise():
    rng = np.random.default_rng(0)
    stimuli, truth = natural(rng, 40, 14), rng.standard_normal((40, 30))
    trials = truth + 0.01 * rng.standard_normal((2, *truth.shape))
    first, second = (in_range(representations(each, stimuli)) for each in trials)
    apart = np.sqrt(np.mean((first - second) ** 2, axis=1))
    np.testing.assert_allclose(noise_rmse(trials, stimuli, [np.arange(40)]), apart / 2, rtol=1e-3)
    same = np.stack([truth, truth])
    np.testing.assert_allclose(noise_rmse(same, stimuli, [np.arange(40)]), 0, atol=1e-12)


def test_noise_alone_is_as_far_from_the_truth_as_anything():
    rng = np.random.default_rng(0)
    trials = rng.standard_normal((10, 118, 200))
    noise = noise_rmse(trials, natural(rng, 118, 14), image_halves(118))
    # Halves that agree by chance count as signal, and those that disagree as none.
    assert 0.85 * np.sqrt(2) < noise.mean() < np.sqrt(2)


@pytest.mark.parametrize('kind', RANGES)
@pytest.mark.parametrize('centred', [True, False])
def test_a_draw_is_the_repeated_experiment(kind, centred):
    rng = np.random.default_rng(0)
    responses, stimuli, maps = rng.gamma(2, size=(12, 5)), natural(rng, 12, 4), rng.gamma(2, size=(12, 7, 16))
    chosen = np.array([3, 0, 3, 6, 1])
    counts = rng.multinomial(12, np.full(12, 1 / 12), size=6)
    drawn = drawn_rmse(responses, stimuli, maps, chosen, counts, kind, centred)
    for draw, count in enumerate(counts):
        rows = np.repeat(np.arange(12), count)
        summed = in_range(representations(responses[rows], stimuli[rows], centred), kind)
        of_maps = in_range(maps[rows][:, chosen].mean(axis=0), kind)
        np.testing.assert_allclose(drawn[draw], rmse(summed, of_maps).diagonal())


def test_the_spread_of_draws_is_that_of_new_stimuli():
    def experiment(rng):
        responses, stimuli = rng.gamma(2, size=(60, 2)), natural(rng, 60, 14)
        # The map of the first neuroid, and noise.
        maps = natural(rng, 60, 14) + (responses[:, :1] - 2) * stimuli
        return responses, stimuli, maps[:, None]

    chosen, every, rng = np.zeros(2, dtype=int), np.ones((1, 60), dtype=int), np.random.default_rng(0)
    new = [drawn_rmse(*experiment(rng), chosen, every)[0] for _ in range(200)]
    counts = rng.multinomial(60, np.full(60, 1 / 60), size=100)
    drawn = [drawn_rmse(*experiment(rng), chosen, counts).var(axis=0) for _ in range(10)]
    np.testing.assert_allclose(np.sqrt(np.mean(drawn, axis=0)), np.std(new, axis=0), rtol=0.3)
