"""Choice of the layer that models an area, and of the neuroids that it is scored on."""

import functools
import hashlib
import json
import os
import re

import numpy as np
import pytest
import torch
from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper, load_preprocess_images
from brainscore_vision.model_helpers.brain_transformation import ModelCommitment
from torch import nn

from m2m_benchmarks import load_benchmark, load_metric, score
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.benchmarks.comparisons import COMPARISONS
from m2m_benchmarks.errors import BenchmarkError, ModelError
from m2m_benchmarks.records.record import Result
from m2m_benchmarks.report.scores import score_tables
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.layer_choice import calibrate, choose_layer, choose_layers, split_neuroids
from m2m_benchmarks.scoring.layer_model import LayerModel

pytestmark = pytest.mark.usefixtures('few_draws')

ONE_ANIMAL = (('VISp_1.npz', 'VISp', '101', '901', 10), ('VISp_2.npz', 'VISp', '101', '902', 10))


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU(), nn.MaxPool2d(4), nn.Conv2d(4, 5, 3))


def committed(regions, seed=0):
    preprocessing = functools.partial(load_preprocess_images, image_size=32)
    wrapper = PytorchWrapper(network(seed), preprocessing, identifier='mapped')
    return ModelCommitment('mapped', wrapper, layers=['1', '2', '3'], region_layer_map=regions, visual_degrees=8)


def ids(benchmark):
    return benchmark.recordings.mean['neuroid_id'].values.tolist()


@pytest.fixture
def one_animal(m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle', n_images=12, n_units=20, sessions=ONE_ANIMAL)
    import_bundle('Lone2026', *bundle.paths)
    return 'Lone2026.VISp'


@pytest.mark.parametrize('kind', ['rdm', 'ridge'])
@pytest.mark.seconds
def test_one_animal_is_split_by_neuroid(one_animal, kind):
    benchmark = load_benchmark(f'{one_animal}-{kind}')
    candidate = load_candidate(network(), image_size=32)
    activations = Activations(candidate)
    choice = choose_layer(candidate, activations, benchmark, None)
    assert choice.how == 'cross-fitted: chosen on the other half (by neuroid)'

    everything, scored = ids(benchmark), ids(choice.halves.second)
    selection = [name for name in everything if name not in scored]
    assert set(scored) < set(everything)
    assert min(len(scored), len(selection)) >= 3
    for name in everything:  # a neuroid's half depends on its name alone, not on other recordings
        in_selection = hashlib.sha256(str(name).encode()).digest()[0] % 2 == 0
        assert (name in selection) == in_selection

    # The choice, from the metric on those neuroids alone.
    mean = benchmark.recordings.mean
    seen = mean.isel(neuroid=np.flatnonzero(np.isin(mean['neuroid_id'].values, selection)))
    expected = {}
    for layer in candidate.layers:
        model = LayerModel(candidate, activations, {'VISp': layer})
        model.start_recording('VISp', None)
        expected[layer] = float(load_metric(f'm2m_{kind}', n_bootstraps=0)(model.look_at(benchmark.stimulus_set), seen))
    assert {layer: own[0] for layer, own in choice.layer_scores.items()} == pytest.approx(expected)
    assert choice.layers[1] == max(expected, key=expected.get)


def test_animals_are_never_on_both_sides(m2m_home):
    benchmark = load_benchmark('SimulatedMouse.VISal-rdm')
    halves = split_neuroids(benchmark)
    assert halves.how == 'animal'
    assert not set(halves.first.recordings.animals) & set(halves.second.recordings.animals)
    assert sorted(ids(halves.first) + ids(halves.second)) == sorted(ids(benchmark))


@pytest.mark.parametrize('identifier', ['SimulatedMouse.VISp-rdm', 'Lone2026.VISp-ridge'])
@pytest.mark.seconds
def test_halves_are_always_the_same(identifier, one_animal):
    first, second = (split_neuroids(load_benchmark(identifier)) for _ in range(2))
    assert first.how == second.how
    assert ids(first.first) == ids(second.first)
    assert ids(first.second) == ids(second.second)


@pytest.mark.seconds
def test_too_few_neuroids_to_choose_on_can_still_be_scored(m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle', n_images=12, n_units=5, sessions=ONE_ANIMAL[:1])
    import_bundle('Few2026', *bundle.paths)
    with pytest.raises(BenchmarkError, match=r'too few reliable neuroids to choose a layer .* --layer NAME'):
        score(network(), 'Few2026.VISp-rdm', image_size=32)
    named = score(network(), 'Few2026.VISp-rdm', image_size=32, layer='1')
    assert named.attrs['result']['n_neuroids'] == 4


@pytest.mark.seconds
def test_named_goes_before_committed_and_committed_before_chosen(m2m_home):
    model = committed({'VISp': '2'})
    benchmark = load_benchmark('SimulatedMouse.VISp-rdm')
    candidate = load_candidate(model)
    by_map = choose_layer(candidate, Activations(candidate), benchmark, None)
    named = choose_layer(candidate, Activations(candidate), benchmark, '3')
    assert (by_map.layers, by_map.how, by_map.layer_scores) == (('2',), 'committed by the model', {})
    assert (named.layers, named.how, named.layer_scores) == (('3',), 'named', {})
    assert by_map.halves is named.halves is None  # nothing was chosen: all neuroids are scored
    unmapped = choose_layer(candidate, Activations(candidate), load_benchmark('SimulatedMouse.VISl-rdm'), None)
    assert unmapped.how.startswith('cross-fitted')
    assert list(unmapped.layer_scores) == ['1', '2', '3']


@pytest.mark.seconds
def test_the_only_layer_is_scored_on_all_neuroids(m2m, m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle', n_images=12, n_units=5, sessions=[('a.npz', 'POR', '101', '901', 10)])
    import_bundle('Few2026', *bundle.paths)
    own = score(network(), 'Few2026.POR-rdm', image_size=32, layers=['1']).attrs['result']
    named = score(network(), 'Few2026.POR-rdm', image_size=32, layers=['1'], layer='1').attrs['result']
    assert (own['layer'], own['commitment'], own['layer_scores']) == ('1', 'the only layer', {})
    assert (own['raw'], own['score'], own['n_neuroids']) == (named['raw'], named['score'], named['n_neuroids'])
    assert 'halves' not in own
    # The control maps the six areas of the mouse, and models others too.
    ran = m2m('score', 'pixels_64', 'Few2026.POR-rdm', '--json', '-')
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)['commitment'] == 'the only layer'
    # Too few units are refused as for a named layer.
    with pytest.raises(BenchmarkError, match=r"layer '1' .* has fewer than the 2 units"):
        small = load_candidate(nn.Sequential(nn.Conv2d(3, 1, 32), nn.ReLU()), image_size=32, layers=['1'])
        choose_layer(small, Activations(small), load_benchmark('Few2026.POR-rdm'), None)


@pytest.mark.parametrize('ending', ['.VISp-ridge', '-ridge', '.VISp-cka'])
@pytest.mark.seconds
def test_neuroids_of_one_animal_are_drawn_and_the_table_says_so(ending, one_animal):
    scored = score(network(), one_animal.removesuffix('.VISp') + ending, image_size=32, layer='1')
    factors = ' and halves of the stimuli' if ending == '.VISp-cka' else ', stimuli and fits'
    assert scored.attrs['result']['choices']['error'].startswith(f'bootstrap over neuroids of one animal{factors}')
    assert set(scored.attrs['errors']) == {'neuroids', 'stimuli'}
    notes = score_tables([Result.from_document(scored.attrs['result'])])[0].notes
    own = '±: standard error for other neuroids of the animal and new stimuli. neuroids: number of reliable ones.'
    assert own in notes
    areas = ' (VISp)' if ending == '-ridge' else ''
    assert f'Lone2026{ending}: recordings of one animal{areas}; ± says nothing about other animals.' in notes


@pytest.mark.seconds
def test_a_comparison_that_takes_long_has_its_layers_chosen_by_another(m2m_home):
    quick, slow = (
        score(network(), f'SimulatedMouse.VISp-{kind}', image_size=32).attrs['result']
        for kind in ('pls', 'pls_noise_corrected')
    )
    assert slow['commitment'] == 'cross-fitted: chosen by pls on the other half (by animal)'
    assert slow['choices']['layers_chosen_by'] == 'pls'
    assert (slow['layer'], slow['layer_scores']) == (quick['layer'], quick['layer_scores'])
    assert slow['raw'] != quick['raw']
    assert slow['own_units'] is None  # they would take ten times as many fits
    assert 'layers_chosen_by' not in quick['choices']


class Silent(nn.Module):
    """A layer whose units respond the same to all stimuli."""

    def forward(self, x):
        """Return ones."""
        return torch.ones_like(x)


@pytest.mark.parametrize('kind', COMPARISONS)
@pytest.mark.seconds
def test_a_layer_that_responds_the_same_to_all_stimuli_is_left_out_and_refused_by_name(kind, m2m_home, capsys):
    name = f'SimulatedMouse.VISp-{kind}'
    net = nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU(), Silent())
    assert set(score(net, name, image_size=32).attrs['layer_scores']) == {'1'}
    assert re.search(r"Note on Sequential: layer '2' .*; .* leaves it out of the choice\.", capsys.readouterr().err)
    silent = 'has 0 units that vary on 3' if kind == 'rdm_standardised' else 'responds the same to all stimuli'
    for options in ({'layer': '2'}, {'layers': ['2']}):  # named, and the only one
        with pytest.raises(
            BenchmarkError, match=f"{name} cannot compare layer '2' of .*, which {silent}.* --layer NAME"
        ):
            score(net, name, image_size=32, **options)


@pytest.mark.seconds
def test_equal_layers_give_the_first(m2m_home):
    model = nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU(), nn.ReLU())
    candidate = load_candidate(model, image_size=32)
    choice = choose_layer(candidate, Activations(candidate), load_benchmark('SimulatedMouse.VISp-rdm'), None)
    assert choice.layer_scores['1'] == choice.layer_scores['2']
    assert choice.layers == ('1', '1')


@pytest.mark.seconds
@pytest.mark.slow
def test_an_area_of_several_layers_is_never_answered_from_an_old_network(m2m_home, monkeypatch):
    # Brain-Score stores such responses under the model's name alone.
    monkeypatch.delenv('RESULTCACHING_DISABLE', raising=False)
    documents = [
        score(committed({'VISp': ['1', '3']}, seed), 'SimulatedMouse.VISp-rdm').attrs['result'] for seed in (0, 1, 0)
    ]
    first, other, again = (document['raw'] for document in documents)
    assert first == again != other
    assert "'1'" in documents[0]['layer']
    assert "'3'" in documents[0]['layer']
    assert 'RESULTCACHING_DISABLE' not in os.environ


def test_a_stock_model_of_another_kind_does_not_know_the_mouse(m2m_home):
    # It accepts any area, and fails at the first image.
    with pytest.raises(ModelError, match='does not record from VISp'):
        score('pixels', 'SimulatedMouse.VISp-rdm')


@pytest.mark.seconds
def test_a_map_is_not_used_on_the_recordings_that_it_was_made_with(m2m_home):
    """Its layers were chosen on neuroids that would be scored."""
    model = committed({'VISp': '2'})
    model.calibrated_on = 'SimulatedMouse'
    candidate = load_candidate(model)
    benchmark = load_benchmark('SimulatedMouse.VISp-rdm')
    assert choose_layer(candidate, Activations(candidate), benchmark, None).how.startswith('cross-fitted')
    model.calibrated_on = 'Siegle2021'
    assert choose_layer(candidate, Activations(candidate), benchmark, None).how == 'committed by the model'


@pytest.mark.seconds
@pytest.mark.parametrize('kind', ['rdm', 'ridge'])
@pytest.mark.several
@pytest.mark.slow
def test_a_calibrated_layer_is_the_best_on_all_neuroids(m2m_home, kind):
    candidate = load_candidate(network(), image_size=32)
    chosen = calibrate(candidate, Activations(candidate), load_benchmark(f'SimulatedMouse-{kind}'))
    assert set(chosen) == {'VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl'}
    for area in ('VISp', 'VISrl'):
        raw = {
            layer: score(network(), f'SimulatedMouse.{area}-{kind}', layer=layer, image_size=32).attrs['result']['raw']
            for layer in candidate.layers
        }
        assert chosen[area] == max(raw, key=raw.get)


@pytest.mark.parametrize('kind', ['rdm', 'rdm_standardised', 'ridge'])
@pytest.mark.seconds
def test_areas_side_by_side_have_the_choices_of_each_alone(m2m_home, make_bundle, tmp_path, kind):
    """One animal saw fewer images, so that its area has other stimuli than the rest."""
    sessions = [(f'{n}.npz', area, str(n), str(n), 10) for n, area in enumerate(['VISp', 'VISl', 'VISl', 'VISp'])]
    bundle = make_bundle(tmp_path / 'bundle', n_images=16, n_units=12, sessions=sessions)
    with np.load(bundle.folder / '2.npz') as whole:
        fewer = {**whole, 'spike_counts': whole['spike_counts'][:, :12]}
    np.savez_compressed(
        bundle.folder / '2.npz', **fewer, stimulus_id=np.array([f'image_{image:03d}' for image in range(12)])
    )
    bundle.sessions.write_text(
        bundle.sessions.read_text().replace('2.npz,VISl,2,2,wt/wt,10,16', '2.npz,VISl,2,2,wt/wt,10,12')
    )
    import_bundle('Two2026', *bundle.paths)
    areas = load_benchmark(f'Two2026-{kind}').areas
    assert [len(area.stimulus_set) for area in areas] == [16, 12]
    candidate = load_candidate(network(), image_size=32)
    together = choose_layers(candidate, Activations(candidate), areas, None)
    alone = [choose_layer(candidate, Activations(candidate), area, None) for area in areas]
    for own, expected in zip(together, alone, strict=True):
        assert (own.layers, own.how, own.halves) == (expected.layers, expected.how, expected.halves)
        for layer, values in own.layer_scores.items():
            assert values == pytest.approx(expected.layer_scores[layer], abs=1e-12)
    named = choose_layers(candidate, Activations(candidate), areas, '1')
    assert [choice.layers for choice in named] == [('1',), ('1',)]


@pytest.mark.seconds
def test_candidates_share_the_halves_and_their_ceilings(m2m_home):
    benchmark = load_benchmark('SimulatedMouse.VISp-rdm')
    first, second = split_neuroids(benchmark), split_neuroids(benchmark)
    assert first.first is second.first and first.second is second.second
