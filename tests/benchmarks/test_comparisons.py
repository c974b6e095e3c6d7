"""Comparisons as parts of benchmarks: their inputs and failures."""

import dataclasses
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.linalg import block_diag, helmert
from scipy.stats import special_ortho_group
from torch import nn

from m2m_benchmarks import load_benchmark, score
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.arrays import gram_reduce
from m2m_benchmarks.benchmarks import comparisons
from m2m_benchmarks.benchmarks.comparisons import COMPARISONS, load_comparison
from m2m_benchmarks.benchmarks.comparisons.base import (
    TRANSFORMATIONS,
    Ceiling,
    Comparison,
    Description,
    FeatureForm,
    Features,
    Raw,
)
from m2m_benchmarks.benchmarks.mean import MeanBenchmark
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.errors import BenchmarkError, UnknownNameError
from m2m_benchmarks.scoring import activations, unit_samples
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.score import score_candidate
from m2m_benchmarks.testing import RecordedCandidate

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('few_draws')]

#: Comparisons with options, in which each distance and each similarity of RDMs comes up.
VARIANTS = ('rdm_cosine_pearson', 'rdm_euclidean_kendall', 'rdm_crossnobis_whitened', 'rdm_crossnobis_standardised')
DESCRIPTION = Description(raw='largest response', ceiling='one', formula='raw / ceiling')


class Largest(Comparison):
    """The largest entry of the features: invariant to nothing but their order. Stores its input."""

    name = 'largest'
    metric = 'largest'
    n_draws = 5
    invariant_to = frozenset()
    features = FeatureForm.UNITS
    description = DESCRIPTION

    def __init__(self):
        self.given = []

    def raw(self, features, recordings, sample=None):
        self.given.append((features, recordings))
        value = float(features.values.max())
        return Raw(value, None if sample is None else np.full((3, len(sample)), value))

    def ceiling(self, recordings, sample=None):
        return Ceiling(1.0)


class Maps(Largest):
    features = FeatureForm.MAPS


def fixed(values, **attrs):
    """A model with given responses, in the form that the attributes say."""
    return RecordedCandidate(lambda stimuli, area: values, attrs=attrs)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 6, 5, stride=3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 10 * 10, 7))


@pytest.fixture
def largest(monkeypatch):
    """Replace `rdm` by a comparison in a benchmark of the simulated mouse."""

    def make(comparison):
        benchmark = AreaBenchmark('SimulatedMouse', 'VISp', comparison)
        monkeypatch.setattr('m2m_benchmarks.scoring.score.load_benchmark', lambda identifier: benchmark)
        return comparison

    return make


def units(layer):
    """All units of a layer for the simulated mouse's stimuli, straight from the network."""
    net, stimuli = network(), load_benchmark('SimulatedMouse.VISp-rdm').stimulus_set
    candidate = load_candidate(net, image_size=32)
    paths = [stimuli.get_stimulus(each) for each in stimuli['stimulus_id']]
    with torch.no_grad():
        return net[: layer + 1](activations.Activations(candidate).preprocess(paths)).numpy()


#: Scores pixels on benchmarks and prints the files that were hashed and the plugins whose lines were read.
COUNTED = """
import json, sys
import pytest
from m2m_benchmarks import load_benchmark
from m2m_benchmarks.data import manifest
from m2m_benchmarks.plugins import index
from m2m_benchmarks.testing import RecordedCandidate
hashed, read = [], []
hash_file, lines_of = manifest.sha256_file, index.registrations
manifest.sha256_file = lambda path: hashed.append(path.name) or hash_file(path)
index.registrations = lambda init: read.append(str(init)) or lines_of(init)
for name, value in json.loads(sys.argv[1]).items():
    pytest.MonkeyPatch().setattr(name, value)
for name in sys.argv[2:]:
    load_benchmark(name)(RecordedCandidate())
print(json.dumps([hashed, read]))
"""


def test_the_table_names_every_module():
    folder = comparisons.__path__[0]
    import pathlib

    modules = {path.stem for path in pathlib.Path(folder).glob('*.py')} - {'__init__', 'base', 'options', 'regression'}
    assert modules == {*COMPARISONS, *comparisons.PROTOCOLS}
    for name in COMPARISONS:
        assert load_comparison(name).name == name
        assert (load_comparison(name).features is FeatureForm.MAPS) == (name in comparisons.OF_MAPS)
    with pytest.raises(UnknownNameError, match='Did you mean rdm'):
        load_comparison('rmd')


def rotation(rng, n):
    return special_ortho_group.rvs(n, random_state=rng)


def mean_keeping_rotation(rng, n):
    """A rotation of the space orthogonal to the vector of ones."""
    basis = np.vstack([np.ones(n) / np.sqrt(n), helmert(n)])
    return basis.T @ block_diag(1, rotation(rng, n - 1)) @ basis


#: Transformations by the names in `TRANSFORMATIONS`: of some values, with a random generator.
TRANSFORMED = {
    'rotation': lambda values, rng: values @ rotation(rng, values.shape[1]),
    'mean-keeping rotation': lambda values, rng: values @ mean_keeping_rotation(rng, values.shape[1]),
    'scaling': lambda values, rng: 1000 * values,
    'feature-wise scaling': lambda values, rng: values * rng.uniform(0.1, 10, values.shape[1]),
    'translation': lambda values, rng: values + rng.standard_normal(values.shape[1]),
    'linear': lambda values, rng: values @ (rng.standard_normal((values.shape[1],) * 2) + 3 * np.eye(values.shape[1])),
}
#: What follows from an invariance.
IMPLIED = {
    'rotation': {'mean-keeping rotation'},
    'feature-wise scaling': {'scaling'},
    'linear': TRANSFORMED.keys() - {'translation'},
}


@pytest.mark.parametrize('transformation', TRANSFORMATIONS)
@pytest.mark.parametrize('name', [*COMPARISONS, *VARIANTS])
def test_a_comparison_is_invariant_exactly_as_it_claims(name, transformation, simulated_home):
    comparison = load_comparison(name)
    recordings = load_benchmark(f'SimulatedMouse.VISp-{name}').recordings
    rng = np.random.default_rng(0)
    values = recordings.mean.values[:, :40] + rng.standard_normal((118, 40))
    transformed = TRANSFORMED[transformation](values, rng)
    # Four channels of ten pixels, for comparisons of maps.
    before, after = (
        comparison.raw(Features(each, shape=(4, 2, 5)), recordings).value for each in (values, transformed)
    )
    claimed = set().union(comparison.invariant_to, *(IMPLIED.get(each, ()) for each in comparison.invariant_to))
    assert (abs(after - before) < 1e-9) == (transformation in claimed), (before, after)


@pytest.mark.parametrize(
    'name', [name for name in (*COMPARISONS, *VARIANTS) if load_comparison(name).features is FeatureForm.ROTATION]
)
def test_the_stored_form_gives_the_value_of_the_layer(name, simulated_home):
    comparison = load_comparison(name)
    recordings = load_benchmark(f'SimulatedMouse.VISp-{name}').recordings
    wide = np.random.default_rng(0).standard_normal((118, 440))
    wide[:, :40] += recordings.mean.values[:, :40]
    value, rotated = (comparison.raw(Features(each), recordings).value for each in (wide, gram_reduce(wide)))
    assert rotated == pytest.approx(value, abs=1e-9)


@pytest.mark.seconds
@pytest.mark.parametrize('name', [*COMPARISONS, *VARIANTS])
def test_several_recordings_have_the_values_of_each_alone(name, simulated_home):
    recordings = load_benchmark('SimulatedMouse.VISp-rdm').recordings
    if load_comparison(name).needs_trials:
        recordings = dataclasses.replace(recordings, trials=recordings.trials[:6])
    first = np.arange(len(recordings.animals)) % 3 == 0
    values = recordings.mean.values[:, ::2]
    features = Features(values, shape=(len(values.T) // 4, 2, 2))  # for comparisons of maps
    parts = [recordings, recordings[first], recordings[~first]]
    together = load_comparison(name).raw_of_each(features, parts)
    for own, part in zip(together, parts, strict=True):
        alone = load_comparison(name).raw(features, part)
        assert own.value == pytest.approx(alone.value, abs=1e-12)
        if alone.per_neuroid is not None:
            np.testing.assert_allclose(own.per_neuroid, alone.per_neuroid, atol=1e-12)


@pytest.mark.parametrize('name', COMPARISONS)
def test_every_dataset_and_area_has_it(name, m2m_home, make_bundle, tmp_path):
    from m2m_benchmarks.benchmarks.datasets import RECORDINGS
    from m2m_benchmarks.plugins import list_benchmarks

    for dataset, recorded in RECORDINGS.items():
        assert {f'{dataset}.{area}-{name}' for area in recorded.areas} | {f'{dataset}-{name}'} <= set(list_benchmarks())
    import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle', n_images=20, n_units=40).paths)
    model = fixed(np.random.default_rng(0).standard_normal((20, 30)), feature_shape=(3, 2, 5))
    for identifier in (f'Lab2026.VISp-{name}', f'Lab2026-{name}', f'Lab2026.VISp.L1-{name}'):
        assert np.isfinite(float(load_benchmark(identifier)(model).attrs['raw']))  # few neuroids may give no score


def test_comparisons_without_invariance_to_rotation_get_units(largest, m2m_home):
    comparison = largest(Largest())
    (result,) = score_candidate(load_candidate(network(), image_size=32), ['x'], layer='0')
    features, recordings = comparison.given[0]
    expected = units(0).reshape(118, -1)
    assert features.form is FeatureForm.UNITS
    np.testing.assert_allclose(features.values, expected, atol=1e-5)
    assert float(result) == pytest.approx(expected.max(), abs=1e-5)
    assert recordings.trials.ndim == 3  # single trials, not only the mean
    assert len(recordings.stimuli) == 118


def test_a_sample_of_units_is_seeded_and_kept(largest, m2m_home, monkeypatch):
    monkeypatch.setattr(unit_samples, 'MOST_UNITS', 50)
    comparison = largest(Largest())
    for _ in range(2):
        list(score_candidate(load_candidate(network(), image_size=32), ['x'], layer='0'))
    first, second = (features.values for features, _ in (comparison.given[0], comparison.given[-1]))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (118, 50)
    expected = units(0).reshape(118, -1)
    columns = {tuple(np.round(column, 4)) for column in expected.T}
    assert all(tuple(np.round(column, 4)) in columns for column in first.T)
    # Another number of units makes another entry.
    monkeypatch.setattr(unit_samples, 'MOST_UNITS', 60)
    list(score_candidate(load_candidate(network(), image_size=32), ['x'], layer='0'))
    assert comparison.given[-1][0].values.shape == (118, 60)


def test_maps_have_the_shape_of_the_layer(largest, m2m_home):
    comparison = largest(Maps())
    list(score_candidate(load_candidate(network(), image_size=32), ['x'], layer='0'))
    features = comparison.given[0][0]
    expected = units(0)
    assert features.form is FeatureForm.MAPS
    assert features.shape == (6, 10, 10) == expected.shape[1:]
    np.testing.assert_allclose(features.values.reshape(118, *features.shape), expected, atol=1e-5)
    stored = [path.stat().st_size for path in (m2m_home / 'activations').glob('**/*.safetensors')]
    assert sum(stored) < 118 * 1000 * 4 * 1.1  # the units that own_units needs; maps may take gigabytes


def test_layers_are_chosen_in_that_form_too(largest, m2m_home):
    comparison = largest(Maps())
    candidate = load_candidate(network(), image_size=32)
    (result,) = score_candidate(candidate, ['x'])
    assert set(result.attrs['layer_scores']) == set(candidate.layers)
    assert {features.form for features, _ in comparison.given} == {FeatureForm.MAPS}


def test_a_rotation_is_never_taken_for_units(simulated_home):
    values = np.random.default_rng(0).standard_normal((118, 119))
    with pytest.raises(BenchmarkError, match='needs the units of a layer'):
        AreaBenchmark('SimulatedMouse', 'VISp', Largest())(fixed(values, feature_form='rotation'))
    with pytest.raises(BenchmarkError, match='needs the shape of a layer'):
        AreaBenchmark('SimulatedMouse', 'VISp', Maps())(fixed(values))
    assert float(AreaBenchmark('SimulatedMouse', 'VISp', Largest())(fixed(values))) == values.max()


def test_rotated_features_need_invariance_to_rotation():
    with pytest.raises(TypeError, match='is not invariant to rotation'):
        type('Wrong', (Largest,), {'features': FeatureForm.ROTATION})
    with pytest.raises(TypeError, match='invariant to rotations; expected some of rotation, mean-keeping rotation'):
        type('Odd', (Largest,), {'invariant_to': frozenset({'rotations'})})
    with pytest.raises(TypeError, match='does not set description'):
        type('Bare', (Comparison,), {'name': 'bare', 'metric': 'bare', 'invariant_to': frozenset({'rotation'})})


#: Each part of a comparison, giving a number that is none.
NO_NUMBER = {
    'raw': lambda value: lambda *given: Raw(value, np.zeros((3, 5))),
    'raw, in its draws': lambda value: lambda *given: Raw(0.5, np.full((3, 5), value)),
    'ceiling': lambda value: lambda *given: Ceiling(value),
    'ceiling, in its draws': lambda value: lambda *given: Ceiling(1.0, np.full((3, 5), value)),
    'uncut': lambda value: lambda *given: value,
    'score': lambda value: lambda *given: value,
    'draws': lambda value: lambda *given: np.full((3, 5), value),
    'noise_corrected': lambda value: lambda *given: value,
    'per_animal': lambda value: lambda *given: {'mouse1': value},
    'other_mice': lambda value: lambda *given: {'mouse1': value},
}


@pytest.mark.parametrize('value', [np.nan, np.inf])
@pytest.mark.parametrize('part', NO_NUMBER)
def test_a_comparison_without_a_finite_value(part, value, simulated_home):
    comparison = Largest()
    name = part.partition(',')[0]
    setattr(comparison, name, NO_NUMBER[part](value))
    expected = rf'SimulatedMouse\.VISp-largest: {name} of the comparison largest returns (nan|inf); expected finite'
    with pytest.raises(BenchmarkError, match=expected), np.errstate(invalid='ignore'):
        AreaBenchmark('SimulatedMouse', 'VISp', comparison)(fixed(np.eye(118)))


@pytest.mark.parametrize(
    'part', ['raw', 'ceiling', 'uncut', 'score', 'draws', 'noise_corrected', 'per_animal', 'other_mice', 'further']
)
def test_a_comparison_that_raises(part, simulated_home):
    comparison = Largest()

    def fail(*given):
        raise ZeroDivisionError('by zero')

    setattr(comparison, part, fail)
    expected = f'VISp-largest: the comparison largest failed in {part}: ZeroDivisionError: by zero'
    with pytest.raises(BenchmarkError, match=expected):
        AreaBenchmark('SimulatedMouse', 'VISp', comparison)(fixed(np.eye(118)))


@pytest.mark.parametrize('value', [0.0, -0.1])
def test_a_ceiling_that_is_none(value, simulated_home):
    comparison = Largest()
    comparison.ceiling = lambda recordings, sample: Ceiling(value)
    with pytest.raises(BenchmarkError, match='no model can be scored on it'):
        AreaBenchmark('SimulatedMouse', 'VISp', comparison)(fixed(np.eye(118)))


def slow_similarity(model, patterns, stimuli, neuroids):
    """Spearman correlation of two RDMs for stimuli and neuroids that are repeated, without pairs of one stimulus."""
    rows = np.repeat(np.arange(len(patterns)), stimuli)
    first, second = (1 - np.corrcoef(each) for each in (model[rows], np.repeat(patterns[rows], neuroids, axis=1)))
    upper = np.triu(rows[:, None] != rows, k=1)
    # Neither repeated neuroids nor the order of a sum may break ties.
    return stats.spearmanr(*(matrix[upper].round(12) for matrix in (first, second))).statistic


@pytest.mark.parametrize('name', ['rdm', 'rdm_standardised'])
def test_draws_of_similarity_are_those_of_the_repeated_experiment(name, simulated_home):
    benchmark = load_benchmark(f'SimulatedMouse.VISp-{name}')
    recorded, sample, comparison = benchmark.recordings, benchmark.sample, benchmark.comparison
    patterns = recorded.mean.values if name == 'rdm' else stats.zscore(recorded.mean.values)
    every_stimulus, every_neuroid = (np.ones(n, dtype=int) for n in patterns.shape)
    for seed in range(2):  # the RDMs of the recordings are kept from the first to the second
        model = patterns[:, :40] + np.random.default_rng(seed).normal(size=(len(patterns), 40)) * patterns.std()
        raw = comparison.raw(Features(model), recorded, sample)
        model = model if name == 'rdm' else stats.zscore(model)
        expected = [
            [
                slow_similarity(model, patterns, stimuli, neuroids),
                slow_similarity(model, patterns, every_stimulus, neuroids),
                slow_similarity(model, patterns, stimuli, every_neuroid),
            ]
            for stimuli, neuroids in sample
        ]
        np.testing.assert_allclose(raw.draws.T, expected, atol=1e-9)
        assert raw.value == pytest.approx(slow_similarity(model, patterns, every_stimulus, every_neuroid))


@pytest.mark.parametrize('name', [*COMPARISONS, *VARIANTS])
@pytest.mark.parametrize('n_units', [5, 400])
def test_a_layer_of_equal_patterns_agrees_with_nothing(name, n_units, simulated_home):
    """Whether as the units themselves or rotated: all distances are 0 but for rounding."""
    comparison, recordings = load_comparison(name), load_benchmark('SimulatedMouse.VISp-rdm').recordings
    equal = np.tile(np.random.default_rng(0).normal(size=n_units), (len(recordings.mean), 1))
    rotated = [gram_reduce(equal)] if comparison.features is FeatureForm.ROTATION else []
    for values in (equal, *rotated):
        try:
            # Regression predicts the mean of the other folds, which is below that of all where a response is above.
            assert comparison.score(comparison.raw(Features(values), recordings).value, 1.0) == 0
        except BenchmarkError as error:
            # Standardising leaves out all of them, and maps of equal responses are no match of any neuroid's.
            assert re.search('vary on|responds the same to all stimuli', str(error))


def test_further_numbers_of_a_comparison_are_in_the_result(simulated_home):
    comparison = Largest()
    comparison.further = lambda recordings: {'dimensions': float(recordings.mean.shape[1]), 'animal_ceiling': 0.5}
    area = score(fixed(np.eye(118)), AreaBenchmark('SimulatedMouse', 'VISp', comparison)).attrs['result']
    assert (area['details'], area['animal_ceiling']) == ({'dimensions': float(area['n_neuroids'])}, 0.5)
    mean = score(fixed(np.eye(118)), MeanBenchmark('SimulatedMouse', comparison)).attrs['result']
    assert mean['details']['dimensions'] == mean['n_neuroids'] / len(mean['areas'])
    assert mean['areas']['VISp']['animal_ceiling'] == 0.5


def test_a_ceiling_of_an_unknown_kind():
    with pytest.raises(ValueError, match="unknown kind of ceiling 'best'; expected one of population, trials"):
        Ceiling(0.5, kind='best')
    assert Ceiling(0.5, kind='population, of half of the neuroids').kind.startswith('population')


def test_how_few_stimuli_comparisons_take():
    expected = {
        'rdm': 4,
        'rdm_standardised': 4,
        'rdm_whitened': 8,
        'ridge': 10,
        'pls_noise_corrected': 10,
        'cka': 8,
    }
    assert {name: load_comparison(name).min_stimuli for name in expected} == expected


@pytest.mark.parametrize('n_images', [3, 7, 9])
def test_recordings_of_few_stimuli(n_images, m2m_home, make_bundle, tmp_path):
    import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle', n_images=n_images, n_units=40).paths)
    model = RecordedCandidate()
    for name in (*COMPARISONS, *VARIANTS):
        least = load_comparison(name).min_stimuli
        if n_images < least:
            with pytest.raises(
                BenchmarkError, match=rf'needs recordings of {least} or more stimuli; .* have {n_images}'
            ):
                load_benchmark(f'Lab2026.VISp-{name}')
        else:
            score = load_benchmark(f'Lab2026.VISp-{name}')(model)
            assert np.isfinite(float(score.attrs['raw']))
            assert score.attrs['raw'].attrs['error'] > 0


def test_recordings_of_one_trial_have_no_ceiling(simulated_home, monkeypatch):
    """Without a second trial no neuroid has a reliability; all that vary are scored."""
    from m2m_benchmarks import load_dataset
    from m2m_benchmarks.benchmarks import neural as module

    assembly = load_dataset('SimulatedMouse')
    single = assembly.isel(presentation=assembly['repetition'].values == 0)
    monkeypatch.setattr(module, 'load_dataset', lambda name: single)
    single.attrs['sha256'] = 'of one trial'  # recordings are cached by it
    varying = np.isfinite(assembly['reliability'].values[assembly['region'].values == 'VISp'])
    for comparison in map(load_comparison, COMPARISONS):
        if comparison.needs_trials:
            with pytest.raises(
                BenchmarkError, match=rf'-{comparison.name} needs recordings with \d or more repetitions'
            ):
                AreaBenchmark('SimulatedMouse', 'VISp', comparison)
            continue
        benchmark = AreaBenchmark('SimulatedMouse', 'VISp', comparison)
        assert benchmark.recordings.mean.sizes['neuroid'] == varying.sum()
        # Halves of the neuroids need no second trial, and Procrustes similarity never has a ceiling.
        without = comparison.ceiling_needs_trials or comparison.name == 'procrustes'
        assert (float(benchmark.ceiling) == 1) == without
    for name in ('rdm_crossnobis', 'rdm_crossnobis_whitened_standardised'):
        with pytest.raises(BenchmarkError, match=rf'VISp-{name} needs recordings with 2 or more repetitions .* have 1'):
            AreaBenchmark('SimulatedMouse', 'VISp', load_comparison(name))
    many = type('Many', (Largest,), {'min_trials': 3})
    with pytest.raises(BenchmarkError, match=r'needs recordings with 3 or more repetitions .* SimulatedMouse have 1'):
        AreaBenchmark('SimulatedMouse', 'VISp', many())


def test_a_comparison_that_needs_more_trials_than_there_are(simulated_home):
    recordings = load_benchmark('SimulatedMouse.VISp-rdm').recordings
    # The trials of each neuroid count, not those of the longest session.
    trials = recordings.trials.copy()
    trials[1:, :, -1] = np.nan
    with pytest.raises(BenchmarkError, match=r'needs recordings with 2 or more repetitions .* SimulatedMouse have 1'):
        AreaBenchmark(
            'SimulatedMouse', 'VISp', load_comparison('rdm'), selected=dataclasses.replace(recordings, trials=trials)
        )
    many = type('Many', (Largest,), {'min_trials': 1000})
    with pytest.raises(BenchmarkError, match='no area that can be scored') as raised:
        MeanBenchmark('SimulatedMouse', many(), areas=['VISp', 'POR'])
    assert 'POR' not in str(raised.value)  # which is not recorded


def test_an_area_without_recordings_is_named(simulated_home):
    benchmark = MeanBenchmark('SimulatedMouse', Largest(), areas=['VISp', 'POR'])
    assert 'POR' not in [area.region for area in benchmark.areas]
    assert benchmark.left_out == {'POR': 'SimulatedMouse has no recordings there.'}


def test_a_comparison_that_needs_more_neuroids_than_there_are(simulated_home):
    many = type('Many', (Largest,), {'min_neuroids': 1000})
    with pytest.raises(BenchmarkError, match='at least 1000 are needed'):
        AreaBenchmark('SimulatedMouse', 'VISp', many())


def test_unsorted_stimuli_keep_trials_and_mean_together(simulated_home, monkeypatch):
    """Features are aligned by stimulus name; trials and means of recordings have the same order."""
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
@pytest.mark.process
def test_an_assembly_is_hashed_once_and_no_metric_is_looked_up(m2m, m2m_home, settings_of_few_draws):
    """In a new process, with empty caches: all areas, and all comparisons, from one reading of the assembly."""
    assert m2m('data', 'list', 'SimulatedMouse').code == 0
    names = [f'SimulatedMouse.{area}-rdm' for area in AREAS]
    names += [f'SimulatedMouse.VISp-{name}' for name in COMPARISONS if name != 'rdm']
    command = [sys.executable, '-W', 'ignore', '-c', COUNTED, json.dumps(settings_of_few_draws), *names]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    hashed, read = json.loads(ran.stdout.splitlines()[-1])
    assert hashed.count('assembly.nc') == 1
    assert len(hashed) == len(set(hashed)) > 100
    assert not [path for path in read if '/metrics/' in path]
