"""Benchmarks with any metric: names, ceilings, errors and failures."""

import dataclasses

import numpy as np
import pytest
from brainscore_core.metrics import Metric, Score

from m2m_benchmarks import benchmark, load_benchmark, load_metric
from m2m_benchmarks.arrays import half_means
from m2m_benchmarks.benchmarks.comparisons import COMPARISONS
from m2m_benchmarks.benchmarks.custom import MetricComparison
from m2m_benchmarks.benchmarks.mean import MeanBenchmark
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.errors import BenchmarkError, DataNotFoundError, UnknownNameError
from m2m_benchmarks.testing import RecordedCandidate, neuroid_assembly, random_features

pytestmark = pytest.mark.seconds


def kernels(source, target):
    centred = (each.values - each.values.mean(axis=0) for each in (source, target))
    return [each @ each.T for each in centred]


def linear_cka(source, target):
    first, second = kernels(source, target)
    return (first * second).sum() / np.linalg.norm(first) / np.linalg.norm(second)


def like(area='VISp', dataset='SimulatedMouse'):
    """A model whose responses are those of some neurons, with noise."""
    responses = load_benchmark(f'{dataset}.{area}-rdm').recordings.mean.values[:, :30]
    return RecordedCandidate(lambda stimuli, _: responses + random_features(stimuli, area)[:, :30])


def test_a_score_from_its_parts(simulated_home):
    made = benchmark('SimulatedMouse', 'VISp', linear_cka, n_draws=30)
    model = like()
    result = made(model)
    assert made.identifier == 'SimulatedMouse.VISp-linear_cka'
    recordings = made.recordings
    target = neuroid_assembly(recordings.mean.values)
    source = neuroid_assembly(model.look_at(recordings.stimuli).values)
    raw = linear_cka(source, target)
    agreements = [linear_cka(*map(neuroid_assembly, halves)) for halves in half_means(recordings.trials, n_splits=20)]
    assert float(result.attrs['raw']) == pytest.approx(raw)
    assert float(result.attrs['ceiling']) == pytest.approx(np.mean(agreements))
    assert float(result) == pytest.approx(raw / np.mean(agreements))
    assert result.attrs['ceiling_kind'] == 'half of the trials'
    # the error for new stimuli is the spread over halves of the stimuli, none of which is taken twice
    draws = []
    for counts in made.sample.stimuli:
        half = np.flatnonzero(counts)
        assert len(half) == counts.sum() == 59
        draws.append(linear_cka(source.isel(presentation=half), target.isel(presentation=half)))
    assert result.attrs['errors']['stimuli'] == pytest.approx(np.std(draws, ddof=1) / np.mean(agreements))
    assert result.attrs['choices']['error'] == 'bootstrap over animals and halves of the stimuli, 30 draws'


@pytest.mark.slow
def test_the_error_is_about_that_of_the_bootstrap(simulated_home):
    """The delete-half jackknife against this library's bootstrap, for the same value."""
    model = like()
    own = load_benchmark('SimulatedMouse.VISp-rdm')(model)
    custom = benchmark('SimulatedMouse', 'VISp', stock())(model)
    assert float(custom.attrs['raw']) == pytest.approx(float(own.attrs['raw']), abs=1e-9)
    assert custom.attrs['raw'].attrs['error'] == pytest.approx(own.attrs['raw'].attrs['error'], rel=0.5)
    # half of the trials is noisier than all, for which this library's ceiling is
    assert float(custom.attrs['ceiling']) < float(own.attrs['ceiling'])


def stock():
    metric = load_metric('rdm')
    metric.identifier = 'stock_rdm'
    return metric


def test_the_metric_is_given_labelled_assemblies(simulated_home):
    given = []

    def keep(source, target):
        given.append((source, target))
        return linear_cka(source, target)

    benchmark('SimulatedMouse', 'VISp', keep, n_draws=2)(like())
    source, target = given[0]
    assert source.dims == target.dims == ('presentation', 'neuroid')
    for coordinate in ('stimulus_id', 'object_name'):
        np.testing.assert_array_equal(source[coordinate].values, target[coordinate].values)
    assert set(target['region'].values) == {'VISp'}
    assert 'animal' in target.indexes['neuroid'].names
    assert len(target.attrs['stimulus_set']) == 118


@pytest.mark.parametrize('name', COMPARISONS)
def test_own_comparisons_by_name(name, simulated_home):
    made = benchmark('SimulatedMouse', 'VISp', name)
    assert made.identifier == f'SimulatedMouse.VISp-{name}'
    assert made.comparison is load_benchmark(made.identifier).comparison


@pytest.mark.slow
def test_registered_metrics_by_name_have_it(simulated_home):
    made = benchmark('SimulatedMouse', 'VISp', 'cka_biased', n_draws=2)
    result = made(like())
    assert made.identifier == 'SimulatedMouse.VISp-cka_biased'
    own = benchmark('SimulatedMouse', 'VISp', linear_cka, n_draws=2)(like())
    assert float(result) == pytest.approx(float(own))


class Agreement(Metric):
    def __call__(self, source, target):
        return Score(linear_cka(source, target))


@pytest.mark.parametrize('metric', [Agreement, Agreement()])
def test_a_class_or_an_object_of_it(metric, simulated_home):
    made = benchmark('SimulatedMouse', 'VISp', metric, n_draws=2)
    assert made.identifier == 'SimulatedMouse.VISp-Agreement'
    assert float(made(like())) == pytest.approx(
        float(benchmark('SimulatedMouse', 'VISp', linear_cka, n_draws=2)(like()))
    )


def test_the_mean_over_areas(simulated_home):
    made = benchmark('SimulatedMouse', None, linear_cka, n_draws=10)
    result = made(RecordedCandidate())
    assert isinstance(made, MeanBenchmark)
    assert made.identifier == 'SimulatedMouse-linear_cka'
    parts = [benchmark('SimulatedMouse', area, linear_cka, n_draws=10)(RecordedCandidate()) for area in AREAS]
    assert float(result) == pytest.approx(np.mean([float(part) for part in parts]))
    assert result.attrs['ceiling_kind'] == 'half of the trials'
    assert result.attrs['error'] > 0


def test_a_population_and_another_name_of_the_area(recorded, capsys):
    recorded()
    made = benchmark('deVries2020', 'V1', linear_cka, population='Cux2')
    assert made.identifier == 'deVries2020.VISp.Cux2-linear_cka'
    assert set(made.recordings.mean['cre_line'].values) == {'Cux2-CreERT2'}
    assert 'deVries2020.V1.Cux2-linear_cka as deVries2020.VISp.Cux2-linear_cka' in capsys.readouterr().err
    assert 'devries' in made.bibtex


def not_of_halves(source, target):
    if source['neuroid_id'].equals(target['neuroid_id']):
        raise RuntimeError('the same neuroids')
    return linear_cka(source, target)


def no_number_of_halves(source, target):
    return float('nan') if source['neuroid_id'].equals(target['neuroid_id']) else linear_cka(source, target)


def negative(source, target):
    return linear_cka(source, target) - 2


@pytest.mark.parametrize(
    ('metric', 'reason'),
    [
        (not_of_halves, 'the metric fails on halves of the trials (RuntimeError: the same neuroids)'),
        (no_number_of_halves, 'the metric gives no finite number for halves of the trials'),
        (negative, 'the metric is not positive for halves of the trials'),
        (lambda source, target: linear_cka(source, target) + source.values[0, 0] / 100, 'the metric is not symmetric'),
    ],
    ids=['fails', 'nan', 'negative', 'asymmetric'],
)
def test_where_there_is_no_ceiling_the_score_is_raw(metric, reason, simulated_home):
    result = benchmark('SimulatedMouse', 'VISp', metric, name='mine', n_draws=2)(like())
    assert result.attrs['ceiling_kind'] == f'none: {reason}'
    assert float(result) == float(result.attrs['raw'])


def test_a_distance_is_refused(simulated_home):
    made = benchmark('SimulatedMouse', 'VISp', lambda *both: 1 - linear_cka(*both), name='distance', n_draws=2)
    with pytest.raises(BenchmarkError, match=r'VISp-distance: .* expected a metric that is larger the more similar'):
        made(like())


def test_animals_of_too_few_neuroids_have_no_value(simulated_home):
    def of_many(source, target):
        if target.sizes['neuroid'] < 50:
            raise ValueError('too few')
        return linear_cka(source, target)

    made = benchmark('SimulatedMouse', 'VISp', of_many, n_draws=2)
    result = made(like())
    assert (result.attrs['per_animal'], result.attrs['other_mice']) == ({}, None)
    whole = benchmark('SimulatedMouse', 'VISp', linear_cka, n_draws=2)(like())
    assert set(whole.attrs['per_animal']) == set(made.recordings.animals)
    assert 0 < whole.attrs['other_mice'] <= 1


@pytest.mark.parametrize(
    ('metric', 'message'),
    [
        (lambda *both: None, 'failed in raw: TypeError: the metric returns None; expected a number or a Score'),
        (lambda *both: 'high', "the metric returns 'high'; expected a number"),
        (lambda *both: np.zeros((3, 2)), r'the metric returns an array of shape \(3, 2\)'),
        (lambda *both: Score([1.0, 2.0], dims=['split']), r'the metric returns an array of shape \(2,\)'),
        (lambda *both: float('nan'), 'raw of the comparison bad returns nan; expected finite numbers'),
        (lambda *both: Score(float('inf')), 'raw of the comparison bad returns inf'),
        (lambda *both: 1 / 0, 'the comparison bad failed in raw: ZeroDivisionError: division by zero'),
        (lambda source: 1.0, 'the comparison bad failed in raw: TypeError: .*positional argument'),
    ],
    ids=['None', 'text', 'array', 'vector', 'nan', 'infinity', 'raises', 'one argument'],
)
def test_a_metric_that_gives_no_number(metric, message, simulated_home):
    with pytest.raises(BenchmarkError, match=rf'^SimulatedMouse\.VISp-bad: .*{message}') as caught:
        benchmark('SimulatedMouse', 'VISp', metric, name='bad')(like())
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('value', [1, 1.0, np.float32(1), np.array(1.0), Score(1.0)])
def test_values_that_are_numbers(value):
    assert MetricComparison(lambda *both: value, 'one')._value(None, None) == 1.0


@pytest.mark.parametrize('name', ['rdm', 'RDM', 'Cka', 'accuracy'])
def test_names_of_this_library_are_refused(name):
    with pytest.raises(BenchmarkError, match=f"'{name}' is the name of a comparison of this library"):
        benchmark('SimulatedMouse', 'VISp', linear_cka, name=name)


@pytest.mark.parametrize(
    ('change', 'error', 'message'),
    [
        ({'metric': lambda *both: 1}, BenchmarkError, "'<lambda>' is not a valid name for a metric.*name='my_metric'"),
        ({'name': 'my-metric'}, BenchmarkError, "'my-metric' is not a valid name"),
        ({'metric': 5}, BenchmarkError, 'an object of type int is not a metric'),
        ({'metric': 'linear_ckb'}, UnknownNameError, 'unknown metric'),
        ({'n_draws': 1}, BenchmarkError, 'n_draws is 1'),
        ({'area': 'VISq'}, UnknownNameError, "unknown area 'VISq'"),
        ({'area': None, 'population': 'L4'}, BenchmarkError, 'is a population of an area; also give the area'),
        ({'dataset': 'SimulatedMouze'}, UnknownNameError, 'unknown dataset .* SimulatedMouse'),
        ({'dataset': 'Simulated Mouse'}, UnknownNameError, 'Names are DATASET-COMPARISON'),
        ({'dataset': 'Siegle2021'}, DataNotFoundError, 'm2m data import Siegle2021'),
    ],
)
def test_invalid_benchmarks(change, error, message, simulated_home):
    with pytest.raises(error, match=message):
        benchmark(**{'dataset': 'SimulatedMouse', 'area': 'VISp', 'metric': linear_cka, **change})


@pytest.mark.shared
@pytest.mark.slow
def test_real_recordings(siegle):
    made = benchmark('Siegle2021', 'VISl', linear_cka, n_draws=10)
    result = made(like('VISl', 'Siegle2021'))
    assert 0 < float(result) < 1.2
    assert 0.5 < float(result.attrs['ceiling']) < 1
    small = dataclasses.replace(made.recordings, trials=made.recordings.trials[:4])
    assert made.comparison.ceiling(small).value < float(result.attrs['ceiling'])
