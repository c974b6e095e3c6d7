"""Responses of a model beside the recordings: scores are found again, and what can't be shown is named."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch

from m2m_benchmarks.analysis import model_responses
from m2m_benchmarks.analysis.model_report import model_report
from m2m_benchmarks.analysis.model_responses import measure_responses
from m2m_benchmarks.arrays import compare_rdms, rdm
from m2m_benchmarks.data import manifest
from m2m_benchmarks.errors import ModelError
from m2m_benchmarks.plugins import load_benchmark
from m2m_benchmarks.records.record import Result
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.score import score_candidate
from m2m_benchmarks.testing import SmallNetwork

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('few_draws')]

BENCHMARKS = ['SimulatedMouse.VISp-rdm', 'SimulatedMouse.VISp-ridge']


def candidate(seed=0):
    return load_candidate(SmallNetwork(seed=seed), image_size=32, name='small', layers=['conv', 'hidden', 'head'])


@pytest.fixture
def scored(m2m_home):
    """Results of the small network on two benchmarks, of which the first is of a named layer."""
    own = candidate()
    scores = [*score_candidate(own, BENCHMARKS[:1]), *score_candidate(own, BENCHMARKS[1:], 'hidden')]
    return [Result.from_document(score.attrs['result']) for score in scores]


def test_scores_are_found_again(scored):
    measured = measure_responses(candidate, scored)
    assert measured.notes == []
    (geometry,), (predictions,) = measured.geometries, measured.predictions
    of_rdm, of_ridge = scored
    assert geometry.values.mean() == pytest.approx(of_rdm.raw, abs=1e-6)
    assert np.median(predictions.r) == pytest.approx(of_ridge.raw, abs=1e-6)
    assert set(geometry.layers) == set(of_rdm.layer.split(' | '))
    assert predictions.layers == ('hidden',)
    recorded = load_benchmark(BENCHMARKS[0]).recordings.mean
    np.testing.assert_allclose(geometry.brain, rdm(recorded.values))
    for matrix in geometry.models.values():
        assert -1 <= compare_rdms(matrix, geometry.brain) <= 1
    assert geometry.stimulus_ids == recorded['stimulus_id'].values.tolist()
    # Scenes and neuroids are at the ends of their order, and each that is drawn has a picture.
    assert geometry.values[geometry.best].min() >= geometry.values[geometry.worst].max()
    best, worst = predictions.shown
    assert predictions.r[best[0]] == predictions.r.max() and predictions.r[worst[0]] == predictions.r.min()
    for neuroid in (*best, *worst):
        top = predictions.top(neuroid)
        assert predictions.responses[top[0], neuroid] == predictions.responses[:, neuroid].max()
        assert all(predictions.stimulus_ids[index] in predictions.pictures for index in top)
    for shown in (geometry, predictions):
        assert all(shown.stimulus_ids[index] in shown.pictures for index in (*shown.best, *shown.worst))
    assert all(picture.ndim == 3 and max(picture.shape) <= 96 for picture in geometry.pictures.values())


def test_halves_have_their_own_layers(scored):
    of_rdm = scored[0]
    halves = of_rdm.halves
    swapped = [{**halves[0], 'layer': 'head'}, {**halves[1], 'layer': 'conv'}]
    benchmark = load_benchmark(BENCHMARKS[0])
    from m2m_benchmarks.scoring.layer_choice import split_neuroids

    both = split_neuroids(benchmark)
    raws = [of_rdm.layer_scores['head'][0], of_rdm.layer_scores['conv'][1]]
    assert both.first.recordings.mean.shape[1] == halves[0]['n_neuroids']
    changed = dataclasses.replace(of_rdm, halves=swapped, raw=float(np.mean(raws)))
    (geometry,) = measure_responses(candidate, [changed]).geometries
    assert geometry.layers == ('head', 'conv')
    assert geometry.values.mean() == pytest.approx(changed.raw, abs=1e-6)


def test_a_changed_model_is_named(scored):
    measured = measure_responses(lambda: candidate(1), scored)
    assert not measured.geometries and not measured.predictions
    assert len(measured.notes) == 2 and 'the weights of the model are others' in measured.notes[0]
    same_weights = [dataclasses.replace(result, weights_sha256=None) for result in scored]
    notes = measure_responses(lambda: candidate(1), same_weights).notes
    assert all('the model has changed. Score it again.' in note for note in notes) and len(notes) == 2

    def missing():
        raise ModelError('there is no such model.')

    assert measure_responses(missing, scored).notes == ['Responses are not shown: there is no such model.']


def test_recordings_that_are_gone_or_replaced_are_named(scored):
    other = [dataclasses.replace(result, data_sha256='other') for result in scored]
    notes = measure_responses(candidate, other).notes
    assert len(notes) == 2 and 'others than those of the score; score it again' in notes[0]
    gone = [dataclasses.replace(result, benchmark='Lab2026.VISp-rdm') for result in scored[:1]]
    (note,) = measure_responses(candidate, gone).notes
    assert note.startswith('Lab2026.VISp-rdm: responses are not shown: ')
    shutil.rmtree(manifest.data_folder() / 'SimulatedMouse')


def test_large_rdms_and_other_benchmarks_are_left_out(scored, monkeypatch):
    monkeypatch.setattr(model_responses, 'MOST_STIMULI', 100)
    measured = measure_responses(candidate, scored)
    assert len(measured.predictions) == 1 and not measured.geometries
    assert 'RDMs of more than 100 stimuli are not shown; these are of 118' in measured.notes[0]

    def fail():
        raise AssertionError('nothing needs the model')

    others = ['SimulatedMouse.VISp-cka', 'SklearnDigits-accuracy', 'Other', f'{BENCHMARKS[0]}+neurons_12345678']
    several = [dataclasses.replace(scored[0], benchmark=name) for name in others]
    assert measure_responses(fail, several).notes == []


def test_a_model_of_another_kind_records_by_itself(m2m_home):
    pixels = load_candidate('pixels_64')
    results = [Result.from_document(score.attrs['result']) for score in score_candidate(pixels, BENCHMARKS)]
    measured = measure_responses(lambda: pixels, results)
    assert measured.notes == []
    assert measured.geometries[0].values.mean() == pytest.approx(results[0].raw, abs=1e-6)
    assert np.median(measured.predictions[0].r) == pytest.approx(results[1].raw, abs=1e-6)


def test_twins_are_compared_by_their_stored_draws(m2m_home):
    torch.manual_seed(0)
    name = 'SimulatedMouse.VISp-rdm'
    twins = [load_candidate(f'{kind}_squeezenet1_1_at32', weights='none') for kind in ('neurn', 'plain')]
    results = [
        Result.from_document(score.attrs['result'])
        for twin in twins
        for score in score_candidate(twin, [name], 'output')
    ]
    for own, twin in zip(results, twins, strict=True):  # with either as the model of the report, NeuRN comes first
        report = model_report('net', [own], results, lambda twin=twin: twin)
        (comparison,) = report.comparisons
        (row,) = comparison.rows
        assert [candidate.label for candidate in comparison.candidates] == [
            'neurn_squeezenet1_1_at32@none (seed 0)',
            'plain_squeezenet1_1_at32@none (seed 0)',
        ]
        (difference,) = row.differences
        assert difference.value == pytest.approx(results[0].uncut - results[1].uncut, abs=1e-6)
        assert difference.interval[0] < difference.value < difference.interval[1]
        assert any('No results of controls' in note for note in report.notes)
    alone = model_report('net', results[:1], results[:1], lambda: twins[0])
    assert alone.comparisons == []
    assert any('no result of plain_squeezenet1_1_at32 with weights of the same origin' in note for note in alone.notes)
    imported = dataclasses.replace(results[1], created='2027-01-01T00:00:00+00:00')  # without draws here
    report = model_report('net', results[:1], [results[0], imported], lambda: twins[0])
    assert any('the bootstrap draws of plain_squeezenet1_1_at32' in note for note in report.notes)
