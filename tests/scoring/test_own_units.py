"""What a network's own units would get, against recordings from an independent generator."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from m2m_benchmarks import load_benchmark
from m2m_benchmarks.arrays.simulation import population_of
from m2m_benchmarks.benchmarks.comparisons import load_comparison
from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm, Features
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.scoring import own_units as module
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.layer_model import LayerModel
from m2m_benchmarks.scoring.own_units import (
    OwnUnits,
    draw_units,
    own_units,
    recorded_units,
    sampling_factor,
    simulated_recordings,
    with_means,
)
from m2m_benchmarks.scoring.score import score_candidate
from m2m_benchmarks.testing.generator import poisson_counts, recordings_of

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('simulated_home')]

#: Names of the layers of the network below.
LAYERS = ('1', '4')


@pytest.fixture(scope='module')
def network():
    torch.manual_seed(3)
    net = nn.Sequential(
        *(nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU()),
    )
    candidate = load_candidate(net, image_size=40)
    return candidate, Activations(candidate)


def units_of(network, layer):
    candidate, activations = network
    model = LayerModel(candidate, activations, {'VISp': layer}, FeatureForm.MANY_UNITS)
    return load_benchmark('SimulatedMouse.VISp-rdm').features(model).values


def recorded(network, layer, seed, n=133, **options):
    rng = np.random.default_rng(seed)
    animals = np.array([f'mouse{number % 5}' for number in range(n)])
    counts = poisson_counts(units_of(network, layer), n, rng, animals=animals, **options)
    return recordings_of(counts, animals, load_benchmark('SimulatedMouse.VISp-rdm').stimulus_set)


@pytest.mark.parametrize('comparison', ['rdm', 'ridge'])
def test_a_layers_own_raw_value_is_in_the_interval(comparison, network):
    """Of six recordings of units of a layer, most have a raw value in the interval: 95 % are expected to."""
    inside, differences = [], []
    for seed in range(6):
        selected = recorded(network, LAYERS[seed % 2], seed, n=60, n_trials=20)
        benchmark = AreaBenchmark('SimulatedMouse', 'VISp', load_comparison(comparison), selected=selected)
        own = own_units(network[1], benchmark, LAYERS[seed % 2], seed=seed)
        form = benchmark.comparison.features
        raw = benchmark.raw(LayerModel(*network, {'VISp': LAYERS[seed % 2]}, form))
        inside.append(own.interval[0] < raw < own.interval[1])
        differences.append(raw - own.value)
    assert sum(inside) >= 4, differences
    assert abs(np.mean(differences)) < 0.03


@pytest.mark.parametrize('comparison', ['rdm', 'ridge'])
def test_mixtures_of_a_layer_get_what_other_mixtures_get(comparison, network):
    """Mixtures of the units of a layer reach what other mixtures of them reach."""
    units = units_of(network, '4')
    weights = np.random.default_rng(1).standard_normal((units.shape[1], 600))
    others = units @ (weights - weights.mean(axis=0))
    differences = []
    for seed in range(6):
        selected = recorded(network, '4', seed, n=60, n_trials=20, mixtures=True)
        benchmark = AreaBenchmark('SimulatedMouse', 'VISp', load_comparison(comparison), selected=selected)
        features = benchmark.features(LayerModel(*network, {'VISp': '4'}, benchmark.comparison.features))
        raw = benchmark.compare(features, [benchmark.recordings])[0].value
        differences.append(raw - recorded_units(benchmark, features, others, seed=seed).value)
    assert abs(np.mean(differences)) < 0.03, differences


def test_the_interval_is_that_of_a_further_recording():
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(800):
        *values, further = rng.normal(0.5, 0.1, 6)
        low, high = OwnUnits.of(values).interval
        inside.append(low < further < high)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.025)
    own = OwnUnits.of([0.2, 0.3, 0.4])
    half = stats.t.ppf(0.975, 2) * 0.1 * np.sqrt(4 / 3)
    assert (own.value, *own.interval) == pytest.approx((0.3, 0.3 - half, 0.3 + half))


@pytest.mark.parametrize(('n', 'n_units'), [(20, 200), (120, 200), (180, 200), (300, 200)])
def test_the_interval_holds_for_units_that_are_not_in_the_sample(n, n_units):
    """The value is the mean of units, whose distribution is known; draws of a sample of them are too much alike."""
    rng = np.random.default_rng(1)
    inside = {True: [], False: []}
    for _ in range(500):
        sample = rng.standard_normal(n_units)
        values = [sample[rng.choice(n_units, n, replace=n >= n_units)].mean() for _ in range(10)]
        new = rng.standard_normal(n).mean()
        for corrected, held in inside.items():
            low, high = OwnUnits.of(values, sampling_factor(n, n_units) if corrected else 1).interval
            held.append(low < new < high)
    assert np.mean(inside[True]) == pytest.approx(0.95, abs=0.035)
    assert n == 20 or np.mean(inside[False]) < 0.87


def test_units_are_drawn_from_the_larger_sample(network, monkeypatch):
    """A thousand units of a layer of many are often easier, or harder, to predict than all of them."""
    selected = recorded(network, '1', 0, n=60)
    benchmark = AreaBenchmark('SimulatedMouse', 'VISp', load_comparison('ridge'), selected=selected)
    drawn_from = []
    monkeypatch.setattr(module, 'recorded_units', lambda benchmark, compared, units, *rest: drawn_from.append(units))
    own_units(network[1], benchmark, '1')
    assert drawn_from[0].shape == (118, 8 * 18 * 18)
    assert sorted(drawn_from[0][0]) == sorted(units_of(network, '1')[0])


def test_units_are_drawn_without_replacement_where_there_are_enough(network):
    selected = recorded(network, '1', 0, n=60)
    from m2m_benchmarks.arrays.simulation import population_of

    population = population_of(selected.trials, selected.reliability)
    n = len(population.mean)
    rng = np.random.default_rng(1)
    values = rng.gamma(1, size=(118, n + 3))
    values[:, 2] = 7  # it can't be a reliable neuroid
    drawn = {tuple(unit) for unit in draw_units(values, population, rng).T}
    assert len(drawn) == n and tuple(values[:, 2]) not in drawn
    assert draw_units(values[:, :5], population, rng).shape == (118, n)
    with pytest.raises(ValueError, match='none of the units of the layer varies'):
        draw_units(np.ones((118, n)), population, rng)


def test_missing_responses_and_single_trials(network):
    selected = recorded(network, '1', 0, n=60)
    means = selected.mean.values.copy()
    means[4, 2] = np.nan
    filled = with_means(selected, means)
    assert filled.mean.values[4, 2] == pytest.approx(np.delete(means[:, 2], 4).mean())
    assert filled.trials.shape == (1, *means.shape)
    single = dataclasses.replace(selected, trials=selected.trials[:1])
    benchmark = AreaBenchmark('SimulatedMouse', 'VISp', load_comparison('rdm'), selected=single)
    assert own_units(network[1], benchmark, '1') is None


def test_recordings_are_simulated_with_trials_where_the_comparison_needs_them(network, few_draws):
    selected = recorded(network, '4', 1, n=60)
    benchmark = AreaBenchmark('SimulatedMouse', 'VISp', load_comparison('pls_noise_corrected'), selected=selected)
    population = population_of(selected.trials, selected.reliability)
    units = np.random.default_rng(0).standard_normal((118, 60))
    simulated = simulated_recordings(benchmark, selected, units, population, np.random.default_rng(1))
    assert simulated.trials.shape == selected.trials.shape
    np.testing.assert_allclose(simulated.mean.values, simulated.trials.mean(axis=0))
    assert benchmark.compare(Features(units), [simulated])[0].value > 0.5
    assert own_units(network[1], benchmark, '4') is None  # it would take ten times as long as the score


def test_the_same_seed_is_the_same_value_and_one_forward_pass(network):
    selected = recorded(network, '4', 1, n=60)
    benchmark = AreaBenchmark('SimulatedMouse', 'VISp', load_comparison('ridge'), selected=selected)
    candidate = network[0]
    activations = Activations(candidate)
    first = own_units(activations, benchmark, '4', 2, layers=LAYERS)
    passes = activations.forward_passes
    assert own_units(activations, benchmark, '4', 2, layers=LAYERS) == first
    assert own_units(activations, benchmark, '4', 2, seed=1) != first
    own_units(activations, benchmark, '1', 2)
    assert activations.forward_passes <= passes + 1  # the rotation of the other layer


def test_the_mean_is_of_the_areas_whose_raw_values_are_averaged(network, few_draws):
    benchmark = load_benchmark('SimulatedMouse-rdm')
    few = np.arange(len(benchmark.areas[0].recordings.animals)) < 4
    benchmark.areas = [benchmark.areas[0].restricted_to(few), *benchmark.areas[1:3]]
    (mean,) = score_candidate(network[0], [benchmark], layer='1')
    first, *others = mean.attrs['areas'].values()
    assert np.isnan(float(first)) and first.attrs['own_units'] is not None  # four neuroids have no score
    for name in ('raw', 'own_units'):
        assert float(mean.attrs[name]) == pytest.approx(np.mean([float(area.attrs[name]) for area in others]))
    low, high = mean.attrs['result']['own_units_interval']
    widths = [np.ptp(area.attrs['own_units_interval']) for area in others]
    assert low < mean.attrs['own_units'] < high
    assert high - low < max(widths) * 1.01
