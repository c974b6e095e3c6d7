"""A score from end to end."""

import json
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
import torch
from brainscore_core.metrics import Score
from brainscore_vision.benchmarks import BenchmarkBase
from brainscore_vision.model_interface import BrainModel
from torch import nn

from m2m_benchmarks import benchmark, load_benchmark, load_metric, score
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.errors import BenchmarkError, M2MError, ModelError
from m2m_benchmarks.records import store
from m2m_benchmarks.scoring import results
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.layer_choice import choose_layer, split_neuroids
from m2m_benchmarks.scoring.layer_model import LayerModel
from m2m_benchmarks.scoring.score import score_candidate
from m2m_benchmarks.testing import SmallNetwork

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('few_draws')]

#: The keys that the result format fixes.
KEYS = {
    'model', 'benchmark', 'score', 'raw', 'ceiling', 'error', 'formula', 'layer', 'layer_scores', 'n_neuroids',
    'n_stimuli', 'n_animals', 'noise_corrected', 'seconds', 'peak_memory_mb', 'weights_sha256', 'data_sha256',
    'versions', 'created',
}  # fmt: skip


@pytest.mark.parametrize('kind', ['rdm', 'ridge'])
@pytest.mark.several
def test_a_network_of_ones_own(kind, m2m_home):
    result = score(SmallNetwork(), f'SimulatedMouse.VISp-{kind}', image_size=64)
    document = result.attrs['result']
    assert set(document) >= KEYS
    json.dumps(document, allow_nan=False)
    assert document['score'] == float(result)
    assert document['model'] == 'SmallNetwork'
    assert set(document['layer_scores']) == {'conv', 'hidden', 'head'}
    scores = document['layer_scores']
    best = [max(scores, key=lambda layer: scores[layer][half]) for half in (1, 0)]  # each chosen on the other half
    assert [half['layer'] for half in document['halves']] == best
    assert document['layer'] == ' | '.join(dict.fromkeys(best))
    assert document['commitment'] == 'cross-fitted: chosen on the other half (by animal)'
    assert document['simulated'] is True
    assert document['device'] == ('cuda' if torch.cuda.is_available() else 'cpu')
    assert len(document['weights_sha256']) == len(document['data_sha256']) == 64
    assert [stored.document() for stored in store.results('SmallNetwork')] == [document]


def test_a_score_that_cannot_be_stored(m2m, m2m_home, monkeypatch, tmp_path):
    arguments = ('score', 'pixels_64', 'SimulatedMouse.VISp-rdm', '--layer', 'pixels')
    assert m2m('score', 'pixels_64', 'SimulatedMouse.VISl-rdm', '--layer', 'pixels').code == 0
    monkeypatch.setattr(store, 'WAIT_S', 0.1)
    holder = sqlite3.connect(store.path(), isolation_level=None)
    holder.execute('begin exclusive')
    try:
        ran = m2m(*arguments, '--json', tmp_path / 'score.json')
    finally:
        holder.execute('rollback')
        holder.close()
    assert ran.code == 1
    assert 'note: the score of pixels_64 on SimulatedMouse.VISp-rdm is computed, but not stored: ' in ran.err
    assert 'Another program holds it' in ran.err
    computed = json.loads((tmp_path / 'score.json').read_text())['score']
    assert f'{computed:.3f}' in ran.out
    assert m2m(*arguments).code == 0
    assert [stored.score for stored in store.results(benchmark='SimulatedMouse.VISp-rdm')] == [computed]


def test_a_system_that_does_not_count_memory(m2m_home, monkeypatch):
    monkeypatch.setattr(results, 'resource', None)  # as on Windows
    assert score(SmallNetwork(), 'SimulatedMouse.VISp-rdm', layer='conv').attrs['result']['peak_memory_mb'] is None


def test_named_layer_scores_all_neuroids(m2m_home):
    named = score(SmallNetwork(), 'SimulatedMouse.VISp-rdm', layer='conv', image_size=64).attrs['result']
    chosen = score(SmallNetwork(), 'SimulatedMouse.VISp-rdm', image_size=64).attrs['result']
    assert named['n_neuroids'] == load_benchmark('SimulatedMouse.VISp-rdm').recordings.mean.sizes['neuroid']
    assert chosen['n_neuroids'] == named['n_neuroids'] == sum(half['n_neuroids'] for half in chosen['halves'])
    for name in ('raw', 'ceiling'):
        assert chosen[name] == pytest.approx(np.mean([half[name] for half in chosen['halves']]))
    assert chosen['score'] == pytest.approx(chosen['raw'] / chosen['ceiling'])
    assert named['ceiling'] > chosen['ceiling']  # of all neuroids, and of half of them
    assert (named['layer'], named['layer_scores']) == ('conv', {})


@pytest.mark.parametrize('kind', ['rdm', 'ridge'])
def test_the_choice_does_not_see_what_is_scored(kind, m2m_home):
    benchmark = load_benchmark(f'SimulatedMouse.VISl-{kind}')
    candidate = load_candidate(SmallNetwork(), image_size=64)
    activations = Activations(candidate)
    choice = choose_layer(candidate, activations, benchmark, None)
    halves = split_neuroids(benchmark)
    # the choice, from the metric alone
    responses = activations(benchmark.stimulus_set, candidate.layers)
    for number, half in enumerate((halves.first, halves.second)):
        expected = {}
        for layer in candidate.layers:
            model = LayerModel(candidate, activations, {'VISl': layer})
            model.start_recording('VISl', None)
            seen = model.look_at(benchmark.stimulus_set)
            np.testing.assert_array_equal(seen.values, responses[layer])
            expected[layer] = float(load_metric(f'm2m_{kind}', n_bootstraps=0)(seen, half.recordings.mean))
        assert {layer: own[number] for layer, own in choice.layer_scores.items()} == pytest.approx(expected)
        assert choice.layers[1 - number] == max(expected, key=expected.get)  # which the other half is scored with
    sides = [set(half.recordings.mean['neuroid_id'].values) for half in (choice.halves.first, choice.halves.second)]
    assert not sides[0] & sides[1]
    assert sides[0] | sides[1] == set(benchmark.recordings.mean['neuroid_id'].values)


def test_a_model_that_maps_the_area_keeps_its_layer(m2m_home):
    document = score('pixels_64', 'SimulatedMouse.VISp-rdm').attrs['result']
    assert document['commitment'] == 'committed by the model'
    assert document['layer'] == 'pixels'
    assert document['n_neuroids'] == 96


@pytest.mark.slow
def test_several_benchmarks_take_one_forward_pass(m2m_home, monkeypatch):
    passes = []
    run = Activations._run
    monkeypatch.setattr(Activations, '_run', lambda self, *args: passes.append(args[1]) or run(self, *args))
    candidate = load_candidate(SmallNetwork(), image_size=64)
    scores = list(score_candidate(candidate, ['SimulatedMouse-rdm', 'SimulatedMouse.VISp-ridge']))
    assert passes == [['conv', 'hidden', 'head']]  # rotations to compare, and samples of units for own_units
    mean = scores[0].attrs['result']
    assert set(mean['areas']) == set(mean['layer']) == {'VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl'}
    assert mean['score'] == pytest.approx(np.mean([area['score'] for area in mean['areas'].values()]))
    # and no pass the next time
    again = list(score_candidate(load_candidate(SmallNetwork(), image_size=64), ['SimulatedMouse-rdm']))
    assert len(passes) == 1
    assert float(again[0]) == float(scores[0])


@pytest.mark.slow
def test_a_changed_network_is_never_scored_with_old_activations(m2m_home):
    first = score(SmallNetwork(seed=0), 'SimulatedMouse.VISp-rdm', layer='conv', image_size=64)
    other_weights = score(SmallNetwork(seed=1), 'SimulatedMouse.VISp-rdm', layer='conv', image_size=64)
    other_size = score(SmallNetwork(seed=0), 'SimulatedMouse.VISp-rdm', layer='conv', image_size=96)

    class Changed(SmallNetwork):
        def forward(self, images):  # other code, same weights and names
            return super().forward(images**2)

    Changed.__name__ = 'SmallNetwork'
    other_code = score(Changed(seed=0), 'SimulatedMouse.VISp-rdm', layer='conv', image_size=64)
    assert other_code.attrs['result']['weights_sha256'] == first.attrs['result']['weights_sha256']
    assert len({float(result) for result in (first, other_weights, other_size, other_code)}) == 4


def linear_cka(source, target):
    first, second = (np.cov(assembly.values) for assembly in (source, target))
    return float(np.sum(first * second) / np.linalg.norm(first) / np.linalg.norm(second))


def test_a_benchmark_object_is_scored_like_a_name(m2m_home):
    named = score(SmallNetwork(), 'SimulatedMouse.VISp-rdm', image_size=64)
    given = score(SmallNetwork(), load_benchmark('SimulatedMouse.VISp-rdm'), image_size=64)
    assert float(given) == float(named)
    assert given.attrs['result']['benchmark'] == 'SimulatedMouse.VISp-rdm'


def test_a_list_of_names_and_benchmarks(m2m_home):
    own = benchmark('SimulatedMouse', 'VISl', linear_cka, n_draws=5)
    names = ['SimulatedMouse.VISp-rdm', 'SimulatedMouse.VISl-linear_cka']
    scores = score(SmallNetwork(), [names[0], own], image_size=64)
    documents = [scored.attrs['result'] for scored in scores]
    assert [document['benchmark'] for document in documents] == names
    assert [result.document() for result in store.results('SmallNetwork')] == documents
    mine = documents[1]
    # its layers are chosen by the metric itself, on neuroids that aren't scored with them
    best = [max(mine['layer_scores'], key=lambda layer: mine['layer_scores'][layer][half]) for half in (1, 0)]
    assert [half['layer'] for half in mine['halves']] == best
    assert mine['commitment'] == 'cross-fitted: chosen on the other half (by animal)'
    kinds = 'half of the trials, of half of the neuroids', 'population, of half of the neuroids'
    assert (mine['ceiling_kind'], documents[0]['ceiling_kind']) == kinds
    assert mine['error'] > 0
    assert score(SmallNetwork(), [], image_size=64) == []


def test_an_edited_metric_gets_its_own_number(m2m_home):
    """Under its old name too: the name of a metric does not determine its code."""
    factors = [1.0, 0.5]
    scores = [
        score(
            SmallNetwork(),
            benchmark('SimulatedMouse', 'VISp', lambda *both, factor=factor: factor * linear_cka(*both), name='mine'),
            layer='conv',
            image_size=64,
        )
        for factor in factors
    ]
    first, second = (float(scored.attrs['raw']) for scored in scores)
    assert second == pytest.approx(first / 2)


class Foreign(BenchmarkBase):
    """A benchmark of brainscore_vision's kind."""

    def __init__(self):
        super().__init__(identifier='Foreign2026-one', ceiling_func=None, version=1, parent='engineering', bibtex='')

    def __call__(self, candidate):
        return Score(1.0)


def test_a_benchmark_of_brain_score(m2m_home):
    result = score(SmallNetwork(), Foreign(), image_size=64)
    assert result.attrs['result']['benchmark'] == 'Foreign2026-one'
    assert float(result) == 1


@pytest.mark.parametrize('wrong', [5, None, AreaBenchmark, ['SimulatedMouse.VISp-rdm', 5]], ids=str)
def test_objects_that_are_not_benchmarks(wrong, m2m_home):
    with pytest.raises(BenchmarkError, match='is not a benchmark; expected a name'):
        score(SmallNetwork(), wrong, image_size=64)


def test_a_model_of_another_kind_has_no_layers(m2m_home):
    class Blind(BrainModel):
        identifier = 'blind'

        def start_recording(self, recording_target, time_bins):
            raise KeyError(recording_target)

    with pytest.raises(ModelError, match='does not record from VISp'):
        score(Blind(), 'SimulatedMouse.VISp-rdm')


def test_a_network_that_gives_nan(m2m_home):
    network = SmallNetwork()
    nn.init.constant_(network.conv.bias, float('nan'))
    with pytest.raises(ModelError, match=r"layer 'conv' of SmallNetwork: the features contain NaN"):
        score(network, 'SimulatedMouse.VISp-rdm', layer='conv', image_size=64)


def test_a_registered_model_whose_weights_are_not_here(m2m_home, offline):
    with pytest.raises(ModelError, match=r'alexnet needs a file that could not be downloaded \(URLError: '):
        score('alexnet', 'SimulatedMouse.VISp-rdm')


WRITER = """
import sys
from m2m_benchmarks.records import store
from m2m_benchmarks.records.record import Result
for i in range(10):
    store.add([Result('m', 'b', 10 * int(sys.argv[1]) + i, 'now')])
"""


@pytest.mark.process
def test_interleaved_results_of_several_writers(m2m_home):
    writers = [subprocess.Popen([sys.executable, '-c', WRITER, str(number)]) for number in range(4)]
    assert [writer.wait() for writer in writers] == [0] * 4
    assert sorted(row.score for row in store.results('m')) == list(range(40))


def test_a_file_that_is_no_database(m2m_home):
    m2m_home.mkdir()
    (m2m_home / 'results.sqlite').write_bytes(b'no database' * 500)
    with pytest.raises(M2MError, match=r'results\.sqlite cannot be used'):
        store.results()


@pytest.mark.shared
@pytest.mark.parametrize(
    ('layer', 'kind', 'raw'),
    [
        ('features.10', 'rdm', 0.319),
        ('features.10', 'ridge', 0.245),
        ('features.7', 'rdm', 0.297),
        ('features.7', 'ridge', 0.305),
    ],
)
@pytest.mark.several
def test_real_recordings(layer, kind, raw, shared, siegle):
    weights = shared / 'weights' / 'squeezenet1_1.pth'
    document = score('torchvision:squeezenet1_1', f'Siegle2021.VISp-{kind}', weights=weights, layer=layer)
    document = document.attrs['result']
    assert document['raw'] == pytest.approx(raw, abs=0.01)
    assert document['n_neuroids'] == pytest.approx(816, rel=0.01)


@pytest.mark.slow
@pytest.mark.shared
def test_training_helps_in_every_area_but_one_seed_in_visp(shared, siegle):
    trained, untrained = (
        next(score_candidate(load_candidate('torchvision:squeezenet1_1', weights=weights), ['Siegle2021-rdm']))
        for weights in (shared / 'weights' / 'squeezenet1_1.pth', 'none')
    )
    areas = trained.attrs['areas']
    for area in ('VISl', 'VISal', 'VISam', 'VISpm'):
        assert float(areas[area]) > float(untrained.attrs['areas'][area]), area
    # In VISp, seed 0 is level with the trained network on the five animals of the scoring half; see the README.
    difference = float(areas['VISp']) - float(untrained.attrs['areas']['VISp'])
    assert abs(difference) < areas['VISp'].attrs['error']
