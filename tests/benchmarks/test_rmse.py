"""Benchmarks of representations: planted maps, shuffled stimuli, and layers without maps."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from m2m_benchmarks import load_benchmark, score
from m2m_benchmarks.arrays import Sample
from m2m_benchmarks.arrays.representation import image_halves, match, ranged_halves, stimulus_orders
from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm, Features
from m2m_benchmarks.benchmarks.comparisons.rmse import RMSE, Distances, stimulus_maps
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.errors import BenchmarkError
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.score import score_candidate
from m2m_benchmarks.testing import RecordedCandidate

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('simulated_home')]

N_TRIALS = 10


def truths(rng, n_neuroids=40):
    """Responses without noise, whose mean is the same in both halves of the images: then `gain_maps` are exact."""
    responses = rng.standard_normal((118, n_neuroids))
    for half in image_halves(118):
        responses[half] -= responses[half].mean(axis=0)
    return responses


def recorded(truth, rng, reliability=0.9, comparison=None):
    """A benchmark of simulated recordings of the true responses, whose animals are those of the simulated mouse."""
    benchmark = load_benchmark('SimulatedMouse.VISp-rmse')
    own = benchmark.recordings[np.arange(benchmark.recordings.mean.sizes['neuroid']) < truth.shape[1]]
    noise = truth.std(axis=0) * np.sqrt(N_TRIALS * (1 - reliability) / reliability)
    trials = truth + noise * rng.standard_normal((N_TRIALS, *truth.shape))
    mean = own.mean.copy(data=trials.mean(axis=0))
    selected = dataclasses.replace(own, trials=trials, mean=mean, sha256='')
    return AreaBenchmark('SimulatedMouse', 'VISp', comparison or RMSE(), selected=selected)


def gain_maps(benchmark, responses, size=14):
    """Maps of a network whose channels are the image times a gain: their means are the neuroids' representations."""
    images = stimulus_maps(benchmark.recordings, size).reshape(118, 1, size, size)
    return images * responses[:, :, None, None]


def features(maps):
    return Features(maps.reshape(len(maps), -1), FeatureForm.MAPS, maps.shape[1:])


@pytest.mark.parametrize('kind', ['standard', 'minmax'])
def test_a_planted_true_map_scores_1_and_shuffled_stimuli_0(kind):
    rng = np.random.default_rng(0)
    truth = truths(rng)
    benchmark = recorded(truth, rng, 0.9, RMSE(kind=kind))
    maps = gain_maps(benchmark, truth)
    model = RecordedCandidate(lambda stimuli, area: maps.reshape(118, -1), attrs={'feature_shape': maps.shape[1:]})
    planted = benchmark(model)
    assert float(planted) == pytest.approx(1, abs=0.04)
    assert abs(float(planted) - 1) < 2 * planted.attrs['error']
    assert planted.attrs['error'] < 0.1
    assert planted.attrs['details']['p_shuffled'] == 0.01  # smaller than all 99
    shuffled = benchmark.recordings.trials[:, rng.permutation(118)]
    mean = benchmark.recordings.mean.copy(data=shuffled.mean(axis=0))
    selected = dataclasses.replace(benchmark.recordings, trials=shuffled, mean=mean)
    nothing = AreaBenchmark('SimulatedMouse', 'VISp', benchmark.comparison, selected=selected)(model)
    assert abs(float(nothing)) < 3 * nothing.attrs['error']
    assert nothing.attrs['error'] < 0.1


def test_a_neuroid_made_from_a_feature_map_finds_it():
    """A convolutional network on real images. Maps of 7 x 7 pixels are sums of half of the images, larger ones not."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    benchmark = load_benchmark('SimulatedMouse.VISp-rmse')
    stimuli = stimulus_maps(benchmark.recordings, 7)
    images = torch.from_numpy(stimulus_maps(benchmark.recordings, 28).reshape(118, 1, 28, 28)).float()
    with torch.no_grad():
        maps = nn.Sequential(nn.Conv2d(1, 30, 5), nn.ReLU())(images).numpy()
    comparison = RMSE(size=7)
    _, halves = comparison.feature_maps(features(maps))
    truth = np.empty((118, len(halves[0])))
    for half, of_half in zip(image_halves(118), halves, strict=True):
        centred = stimuli[half] - stimuli[half].mean(axis=0)
        truth[half] = centred @ np.linalg.pinv(centred.T @ centred) @ of_half.T
    raw = comparison.raw(features(maps), recorded(truth, rng, 1 - 1e-9, comparison).recordings)
    assert raw.value == pytest.approx(1, abs=0.01)


def slow_draw(distances, neuroids):
    """The share for neuroids that count as often as given."""
    rmse, floor, ceiling = (
        np.average(getattr(distances, name), weights=neuroids) for name in ('rmse', 'floor', 'ceiling')
    )
    return (floor - rmse) / (floor - ceiling)


def test_draws_are_those_of_the_repeated_experiment():
    rng = np.random.default_rng(0)
    truth = truths(rng)
    benchmark = recorded(truth, rng)
    maps = features(gain_maps(benchmark, truth + rng.standard_normal(truth.shape)))
    n_draws = 300
    sample = Sample(
        rng.multinomial(118, np.full(118, 1 / 118), n_draws), rng.multinomial(40, np.full(40, 1 / 40), n_draws), 40
    )
    raw = benchmark.comparison.raw(maps, benchmark.recordings, sample)
    of_neuroids = [slow_draw(raw.distances, counts) for counts in sample.neuroids]
    assert np.corrcoef(raw.draws[1], of_neuroids)[0, 1] > 0.99
    assert raw.draws[1].std() == pytest.approx(np.std(of_neuroids), rel=0.1)
    assert np.corrcoef(raw.draws[0], raw.draws[1] + raw.draws[2])[0, 1] > 0.8
    np.testing.assert_allclose(raw.per_neuroid_draws.mean(axis=1), raw.draws[2])
    span = raw.distances.span
    np.testing.assert_allclose(raw.draws[2], (raw.distances.floor - raw.distances.drawn).mean(axis=1) / span)
    assert raw.value == pytest.approx(raw.per_neuroid.mean())


def test_halves_of_the_neuroids_give_the_value_of_all():
    rng = np.random.default_rng(0)
    truth = truths(rng)
    benchmark = recorded(truth, rng)
    maps, first = features(gain_maps(benchmark, truth)), np.arange(40) % 3 == 0
    halves = benchmark.split(first, 'neuroid')
    parts = [benchmark.comparison.raw(maps, half.recordings, half.sample) for half in (halves.first, halves.second)]
    neuroids = np.concatenate([half.sample.neuroids for half in (halves.first, halves.second)], axis=1)
    joined = benchmark.comparison.join(parts, dataclasses.replace(halves.first.sample, neuroids=neuroids))
    whole = benchmark.comparison.raw(maps, benchmark.recordings)
    assert joined.value == pytest.approx(whole.value)
    assert joined.details == pytest.approx(whole.details)


def test_of_null_data_sets_5_percent_are_significant():
    """With 19 orders, the smallest p is .05. `perf/representation.py` has 99."""
    p_values, shares, halves = [], [], image_halves(30)
    for seed in range(200):
        rng = np.random.default_rng(seed)
        responses, stimuli = rng.standard_normal((30, 6)), rng.standard_normal((30, 16)).cumsum(axis=1)
        maps = ranged_halves(rng.standard_normal((30, 10)), stimuli, halves)
        observed, *shuffled = (
            match(ranged_halves(responses[order], stimuli, halves), maps).best
            for order in (np.arange(30), *stimulus_orders(30, 19))
        )
        floor, nothing = np.mean(shuffled, axis=0), np.zeros(6)
        means = np.array([each.mean() for each in shuffled])
        distances = Distances(observed, floor, nothing, nothing, np.zeros((2, 6)), nothing, nothing, means)
        p_values.append(distances.p_shuffled)
        shares.append((distances.floor - distances.rmse).mean() / distances.span)
    assert 4 <= np.count_nonzero(np.array(p_values) <= 0.05) <= 18
    assert np.mean(shares) == pytest.approx(0, abs=3 * np.std(shares) / np.sqrt(200))


@pytest.mark.parametrize(
    ('network', 'message'),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 9)), 'is not convolutional: it has responses of shape'),
        (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(2)), r'expected \(channels, height, width\)'),
        (nn.Sequential(nn.AdaptiveAvgPool2d(1)), 'has no channel whose 1 x 1 map varies'),
    ],
)
def test_a_network_without_maps(network, message):
    with pytest.raises(BenchmarkError, match=message):
        list(score_candidate(load_candidate(network, image_size=32), ['SimulatedMouse.VISp-rmse']))


def test_a_model_that_gives_no_maps():
    with pytest.raises(BenchmarkError, match='needs the shape of a layer'):
        score(RecordedCandidate(attrs={'feature_shape': None}), 'SimulatedMouse.VISp-rmse')


def test_images_smaller_than_the_maps():
    benchmark = load_benchmark('SimulatedMouse.VISp-rmse')
    with pytest.raises(BenchmarkError, match=r'pixels, fewer than maps of 2000 x 2000; expected larger images'):
        stimulus_maps(benchmark.recordings, 2000)


def test_recordings_of_noise_alone():
    rng = np.random.default_rng(0)
    benchmark = recorded(truths(rng), rng, 1e-6)
    with pytest.raises(BenchmarkError, match=r'8\d% of the variance of their representations is noise'):
        benchmark.comparison.raw(features(gain_maps(benchmark, truths(rng))), benchmark.recordings)


def test_permuted_presentations_are_realigned():
    maps = np.random.default_rng(0).standard_normal((118, 3 * 5 * 5))
    model, permuted = (
        RecordedCandidate(lambda stimuli, area: maps, presented=order, attrs={'feature_shape': (3, 5, 5)})
        for order in (None, np.random.default_rng(1).permutation(118))
    )
    benchmark = load_benchmark('SimulatedMouse.VISp-rmse')
    assert float(benchmark(permuted)) == pytest.approx(float(benchmark(model)), abs=1e-12)
