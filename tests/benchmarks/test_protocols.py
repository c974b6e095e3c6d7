"""Protocols of publications: their names, neuroids, layers and refusals, and the published numbers."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from m2m_benchmarks import load_benchmark, score
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.arrays import pearson
from m2m_benchmarks.arrays.leave_one_out import leave_one_out
from m2m_benchmarks.benchmarks.comparisons import PROTOCOLS, load_comparison
from m2m_benchmarks.benchmarks.comparisons.base import Features
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.benchmarks.selection import under_protocol
from m2m_benchmarks.errors import BenchmarkError, UnknownNameError

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('few_draws')]


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 6, 5, stride=3), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU(), nn.Flatten())


def test_each_comparison_of_a_protocol_has_its_name():
    for protocol, names in PROTOCOLS.items():
        for name in names:
            assert load_comparison(f'{protocol}_{name}').name == f'{protocol}_{name}'


def test_names_of_benchmarks():
    names = ['Siegle2021-rdm', 'Siegle2021.VISp-ridge', 'Lab2026.VISp.L4-rdm']
    assert under_protocol('huang2023', names) == [
        'Siegle2021-huang2023_rdm',
        'Siegle2021.VISp-huang2023_ridge',
        'Lab2026.VISp.L4-huang2023_rdm',
    ]
    for name in ('Siegle2021-cka', 'SklearnDigits-readout_accuracy', object()):
        with pytest.raises(BenchmarkError, match=r'huang2023 has no settings for .* that end in -rdm or -ridge'):
            under_protocol('huang2023', [name])
    with pytest.raises(UnknownNameError, match='Did you mean huang2023'):
        under_protocol('huang2022', names)


@pytest.mark.parametrize('name', ['rdm', 'ridge'])
def test_the_most_reliable_neuroids_and_the_best_layer_on_them(name, m2m_home):
    ordinary = load_benchmark(f'SimulatedMouse.VISl-{name}').recordings
    result = score(network(), f'SimulatedMouse.VISl-{name}', image_size=32, protocol='huang2023').attrs['result']
    n_reliable = int((ordinary.reliability >= 0.8).sum())
    assert 0 < result['n_neuroids'] == n_reliable < len(ordinary.reliability)
    assert result['benchmark'] == f'SimulatedMouse.VISl-huang2023_{name}'
    assert result['choices']['reliability_threshold'] == 0.8
    assert (
        result['choices']['unreliable_neuroids_dropped']
        == ordinary.n_unreliable + len(ordinary.reliability) - n_reliable
    )
    assert result['commitment'] == 'best on all neuroids'
    values = {layer: value for layer, (value,) in result['layer_scores'].items()}
    assert len(values) > 1
    assert (result['layer'], result['raw']) == (max(values, key=values.get), max(values.values()))
    assert (result['score'], result['ceiling']) == (result['raw'], 1)
    assert result['error'] > 0
    assert result['own_units'] is None
    # It is another benchmark than that of the library, whose stored results it is not.
    assert score(network(), f'SimulatedMouse.VISl-{name}', image_size=32).attrs['result']['raw'] != result['raw']


def test_regression_is_a_mean_over_neuroids(simulated_home):
    benchmark = load_benchmark('SimulatedMouse.VISp-huang2023_ridge')
    recorded, sample = benchmark.recordings, benchmark.sample
    features = recorded.mean.values[:, :30] + np.random.default_rng(0).standard_normal((118, 30))
    predictions = leave_one_out(features, recorded.mean.values)
    raw = benchmark.comparison.raw(Features(features), recorded, sample)
    r = pearson(predictions, recorded.mean.values)
    assert raw.value == pytest.approx(r.mean(), abs=1e-12)
    for number, (stimuli, neuroids) in enumerate(sample):
        rows = np.repeat(np.arange(118), stimuli)
        drawn = pearson(predictions[rows], recorded.mean.values[rows])
        expected = [np.repeat(drawn, neuroids).mean(), np.repeat(r, neuroids).mean(), drawn.mean()]
        np.testing.assert_allclose(raw.draws[:, number], expected, rtol=0, atol=1e-10)


def test_recordings_that_are_too_few(m2m_home, make_bundle, tmp_path, simulated_home):
    import_bundle('Few2026', *make_bundle(tmp_path / 'bundle', n_images=20, n_units=40).paths)
    with pytest.raises(BenchmarkError, match='needs recordings of 42 or more stimuli'):
        load_benchmark('Few2026.VISp-huang2023_ridge')
    recorded = load_benchmark('SimulatedMouse.VISp-rdm').recordings
    once = dataclasses.replace(recorded, trials=recorded.trials[:1])
    for name in PROTOCOLS['huang2023']:
        comparison = load_comparison(f'huang2023_{name}')
        with pytest.raises(BenchmarkError, match='or more repetitions'):  # of one, the reliability isn't known
            AreaBenchmark('SimulatedMouse', 'VISp', comparison, selected=once)
        with pytest.raises(BenchmarkError, match='or more neuroids, but has 1'):
            one = np.arange(len(recorded.reliability)) == 0
            AreaBenchmark('SimulatedMouse', 'VISp', comparison, selected=recorded[one])


def test_on_the_command_line(m2m, m2m_home):
    ran = m2m('score', 'pixels_64', 'SimulatedMouse.VISp-rdm', '--protocol', 'huang2023')
    assert ran.code == 0, ran.err
    assert 'SimulatedMouse.VISp-huang2023_rdm has no ceiling: the publication reports raw.' in ran.out
    assert '-huang2023_rdm: score = raw; ±' in ran.out
    assert 'METHODS.md' not in ran.out  # which doesn't describe it
    listed = m2m('results')
    assert 'huang2023_rdm' in listed.out
    refused = m2m('score', 'pixels_64', 'SimulatedMouse.VISp-cka', '--protocol', 'huang2023')
    assert refused.code == 1
    assert 'no settings for SimulatedMouse.VISp-cka' in refused.err


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(('name', 'published', 'ours'), [('rdm', 0.436, 0.421), ('ridge', 0.3327, 0.3324)])
def test_squeezenet_gets_what_it_gets_in_the_publication(name, published, ours, shared, siegle):
    """Its best layers are among two; other sessions and windows than theirs."""
    weights = shared / 'weights' / 'squeezenet1_1.pth'
    options = {'weights': weights, 'layers': ['features.7', 'features.9'], 'protocol': 'huang2023'}
    result = score('torchvision:squeezenet1_1', f'Siegle2021-{name}', **options).attrs['result']
    assert result['raw'] == pytest.approx(ours, abs=1e-3)
    assert result['raw'] == pytest.approx(published, abs=0.02)
