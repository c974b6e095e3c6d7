"""Comparisons as parts of benchmarks: what they are given, and what happens when they fail."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from m2m_benchmarks import load_benchmark, score
from m2m_benchmarks.arrays import isometric
from m2m_benchmarks.benchmarks import comparisons
from m2m_benchmarks.benchmarks.comparisons import COMPARISONS, load_comparison
from m2m_benchmarks.benchmarks.comparisons.base import Ceiling, Comparison, Description, FeatureForm, Features, Raw
from m2m_benchmarks.benchmarks.neural import AreaBenchmark, MeanBenchmark
from m2m_benchmarks.errors import BenchmarkError, UnknownNameError
from m2m_benchmarks.scoring import activations
from m2m_benchmarks.scoring.score import score_subject
from m2m_benchmarks.scoring.subjects import subject
from m2m_benchmarks.testing import RecordedCandidate

pytestmark = pytest.mark.seconds

DESCRIPTION = Description(raw='largest response', ceiling='one', formula='raw / ceiling')


class Largest(Comparison):
    """The largest entry of the features: not invariant to anything but their order. Keeps what it was given."""

    name = 'largest'
    metric = 'largest'
    unit = 'stimuli'
    invariant_to = frozenset()
    features = FeatureForm.UNITS
    description = DESCRIPTION

    def __init__(self):
        self.given = []

    def raw(self, features, recordings, n_draws=1000):
        self.given.append((features, recordings))
        return Raw(float(features.values.max()), np.full(n_draws, float(features.values.max())))

    def ceiling(self, recordings):
        return Ceiling(1.0, 0.0)


class Maps(Largest):
    features = FeatureForm.MAPS


def fixed(values, **attrs):
    """A model that answers with these values, in the form that the attributes tell."""
    return RecordedCandidate(lambda stimuli, area: values, attrs=attrs)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 6, 5, stride=3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 10 * 10, 7))


@pytest.fixture
def largest(monkeypatch):
    """Put a comparison in the place of `rdm` in a benchmark of the simulated mouse."""

    def make(comparison):
        benchmark = AreaBenchmark('SimulatedMouse', 'VISp', comparison)
        monkeypatch.setattr('m2m_benchmarks.scoring.score.load_benchmark', lambda identifier: benchmark)
        return comparison

    return make


def units(layer):
    """All units of a layer for the simulated mouse's stimuli, straight from the network."""
    net, stimuli = network(), load_benchmark('SimulatedMouse.VISp-rdm').stimulus_set
    found = subject(net, image_size=32)
    paths = [stimuli.get_stimulus(each) for each in stimuli['stimulus_id']]
    with torch.no_grad():
        return net[: layer + 1](activations.Activations(found).preprocess(paths)).numpy()


def test_the_table_names_every_module():
    folder = comparisons.__path__[0]
    import pathlib

    modules = {path.stem for path in pathlib.Path(folder).glob('*.py')} - {'__init__', 'base'}
    assert modules == set(COMPARISONS)
    for name in COMPARISONS:
        assert load_comparison(name).name == name
    with pytest.raises(UnknownNameError, match='Did you mean rdm'):
        load_comparison('rmd')


@pytest.mark.parametrize('name', COMPARISONS)
def test_claimed_invariances_hold(name, m2m_home):
    """A model that only differs by what a comparison is said to be invariant to has the same value."""
    comparison = load_comparison(name)
    recordings = load_benchmark(f'SimulatedMouse.VISp-{name}').recordings
    rng = np.random.default_rng(0)
    values = recordings.mean.values[:, :40] + rng.standard_normal((118, 40))
    value = comparison.raw(Features(values), recordings, n_draws=0).value
    if 'scaling' in comparison.invariant_to:
        assert comparison.raw(Features(1000 * values), recordings, n_draws=0).value == pytest.approx(value, abs=1e-9)
    if 'translation' in comparison.invariant_to:
        moved = values + rng.standard_normal(40)
        assert comparison.raw(Features(moved), recordings, n_draws=0).value == pytest.approx(value, abs=1e-9)
    if comparison.features is FeatureForm.ROTATION:
        wide = np.concatenate([values, rng.standard_normal((118, 400))], axis=1)
        value = comparison.raw(Features(wide), recordings, n_draws=0).value
        rotated = comparison.raw(Features(isometric(wide)), recordings, n_draws=0).value
        assert rotated == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize('name', COMPARISONS)
def test_every_dataset_and_area_has_it(name, m2m_home, make_bundle, tmp_path):
    from m2m_benchmarks.acquisition.importing import import_bundle
    from m2m_benchmarks.benchmarks.datasets import RECORDINGS
    from m2m_benchmarks.plugins import list_benchmarks

    for dataset, recorded in RECORDINGS.items():
        assert {f'{dataset}.{area}-{name}' for area in recorded.areas} | {f'{dataset}-{name}'} <= set(list_benchmarks())
    import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle', n_images=20, n_units=40).paths)
    model = fixed(np.random.default_rng(0).standard_normal((20, 30)))
    for identifier in (f'Lab2026.VISp-{name}', f'Lab2026-{name}', f'Lab2026.VISp.L1-{name}'):
        assert np.isfinite(float(load_benchmark(identifier)(model)))


def test_what_is_not_invariant_to_rotation_gets_units(largest, m2m_home):
    comparison = largest(Largest())
    (result,) = score_subject(subject(network(), image_size=32), ['x'], layer='0')
    features, recordings = comparison.given[0]
    expected = units(0).reshape(118, -1)
    assert features.form is FeatureForm.UNITS
    np.testing.assert_allclose(features.values, expected, atol=1e-5)
    assert float(result) == pytest.approx(expected.max(), abs=1e-5)
    assert recordings.trials.ndim == 3  # single trials, not only the mean
    assert len(recordings.stimuli) == 118


def test_a_sample_of_units_is_seeded_and_kept(largest, m2m_home, monkeypatch):
    monkeypatch.setattr(activations, 'MOST_UNITS', 50)
    comparison = largest(Largest())
    for _ in range(2):
        list(score_subject(subject(network(), image_size=32), ['x'], layer='0'))
    first, second = (features.values for features, _ in (comparison.given[0], comparison.given[-1]))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (118, 50)
    expected = units(0).reshape(118, -1)
    columns = {tuple(np.round(column, 4)) for column in expected.T}
    assert all(tuple(np.round(column, 4)) in columns for column in first.T)
    # Another number of units is another entry.
    monkeypatch.setattr(activations, 'MOST_UNITS', 60)
    list(score_subject(subject(network(), image_size=32), ['x'], layer='0'))
    assert comparison.given[-1][0].values.shape == (118, 60)


def test_maps_have_the_shape_of_the_layer(largest, m2m_home):
    comparison = largest(Maps())
    list(score_subject(subject(network(), image_size=32), ['x'], layer='0'))
    features = comparison.given[0][0]
    expected = units(0)
    assert features.form is FeatureForm.MAPS
    assert features.shape == (6, 10, 10) == expected.shape[1:]
    np.testing.assert_allclose(features.values.reshape(118, *features.shape), expected, atol=1e-5)
    assert not list((m2m_home / 'activations').glob('**/*.npy'))  # gigabytes are not kept


def test_layers_are_chosen_in_that_form_too(largest, m2m_home):
    comparison = largest(Maps())
    found = subject(network(), image_size=32)
    (result,) = score_subject(found, ['x'])
    assert set(result.attrs['layer_scores']) == set(found.layers)
    assert {features.form for features, _ in comparison.given} == {FeatureForm.MAPS}


def test_a_rotation_is_never_taken_for_units(m2m_home):
    values = np.random.default_rng(0).standard_normal((118, 119))
    with pytest.raises(BenchmarkError, match='needs the units of a layer'):
        AreaBenchmark('SimulatedMouse', 'VISp', Largest())(fixed(values, feature_form='rotation'))
    with pytest.raises(BenchmarkError, match='needs the shape of a layer'):
        AreaBenchmark('SimulatedMouse', 'VISp', Maps())(fixed(values))
    assert float(AreaBenchmark('SimulatedMouse', 'VISp', Largest())(fixed(values))) == values.max()


def test_rotated_features_are_for_what_is_invariant_to_rotation():
    with pytest.raises(TypeError, match='is not invariant to rotation'):
        type('Wrong', (Largest,), {'features': FeatureForm.ROTATION})
    with pytest.raises(TypeError, match='does not state unit, description'):
        type('Bare', (Comparison,), {'name': 'bare', 'metric': 'bare', 'invariant_to': frozenset({'rotation'})})


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_a_comparison_without_a_finite_value(value, m2m_home):
    comparison = Largest()
    comparison.raw = lambda features, recordings, n_draws=1000: Raw(value, np.zeros(n_draws))
    with pytest.raises(BenchmarkError, match=r'SimulatedMouse\.VISp-largest: the comparison largest gives (nan|inf)'):
        AreaBenchmark('SimulatedMouse', 'VISp', comparison)(fixed(np.eye(118)))


def test_a_comparison_that_raises(m2m_home):
    comparison = Largest()

    def fail(features, recordings, n_draws=1000):
        raise ZeroDivisionError('by zero')

    comparison.raw = fail
    with pytest.raises(BenchmarkError, match='the comparison largest failed: ZeroDivisionError: by zero'):
        AreaBenchmark('SimulatedMouse', 'VISp', comparison)(fixed(np.eye(118)))


@pytest.mark.parametrize('value', [np.nan, 0.0, -0.1])
def test_a_ceiling_that_is_none(value, m2m_home):
    comparison = Largest()
    comparison.ceiling = lambda recordings: Ceiling(value, 0.0)
    with pytest.raises(BenchmarkError, match='no model can be scored on it'):
        AreaBenchmark('SimulatedMouse', 'VISp', comparison)(fixed(np.eye(118)))


def test_a_comparison_that_needs_more_trials_than_there_are(m2m_home):
    recordings = load_benchmark('SimulatedMouse.VISp-rdm').recordings
    single = dataclasses.replace(recordings, trials=recordings.trials[:1])
    with pytest.raises(BenchmarkError, match=r'needs recordings with 2 or more repetitions .* SimulatedMouse have 1'):
        AreaBenchmark('SimulatedMouse', 'VISp', load_comparison('rdm'), selected=single)
    many = type('Many', (Largest,), {'least_trials': 1000})
    with pytest.raises(BenchmarkError, match='no area that can be scored'):
        MeanBenchmark('SimulatedMouse', many())


def test_a_comparison_that_needs_more_neuroids_than_there_are(m2m_home):
    many = type('Many', (Largest,), {'least_neuroids': 1000})
    with pytest.raises(BenchmarkError, match='at least 1000 are needed'):
        AreaBenchmark('SimulatedMouse', 'VISp', many())


def test_unsorted_stimuli_keep_trials_and_mean_together(m2m_home, monkeypatch):
    """Features are aligned by stimulus name; trials and means of recordings have to follow."""
    from m2m_benchmarks import load_dataset
    from m2m_benchmarks.benchmarks import recordings as module

    straight = load_benchmark('SimulatedMouse.VISp-rdm').recordings
    assembly = load_dataset('SimulatedMouse')
    shuffled = assembly.isel(presentation=np.random.default_rng(0).permutation(assembly.sizes['presentation']))
    monkeypatch.setattr(module, 'load_dataset', lambda name: shuffled)
    module._recordings.cache_clear()
    try:
        moved = module.recordings('SimulatedMouse', 'VISp')
    finally:
        module._recordings.cache_clear()
    np.testing.assert_array_equal(moved.trials, straight.trials)
    np.testing.assert_array_equal(moved.mean['stimulus_id'].values, straight.mean['stimulus_id'].values)
    np.testing.assert_allclose(moved.mean.values, straight.mean.values, rtol=1e-12)


@pytest.mark.slow
def test_an_assembly_is_hashed_once(m2m_home, monkeypatch):
    from m2m_benchmarks.data import ledger

    load_benchmark('SimulatedMouse-rdm')
    ledger._verified.clear()
    hashed = []
    original = ledger.sha256_file
    monkeypatch.setattr(ledger, 'sha256_file', lambda path: hashed.append(path.name) or original(path))
    score(network(), 'SimulatedMouse-rdm', image_size=32)
    score(network(), 'SimulatedMouse-ridge', image_size=32)
    assert hashed.count('assembly.nc') <= 1
    assert len(hashed) == len(set(hashed))
