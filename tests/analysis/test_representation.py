"""Representations beside feature maps: planted maps in 2-photon recordings, null data sets, intervals, the command."""

import json
import textwrap

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.analysis import representation as module
from m2m_benchmarks.analysis.feature_maps import LayerMatches, feature_maps
from m2m_benchmarks.analysis.representation import ALL, AREA, compare_representations, pairs_of, representation
from m2m_benchmarks.arrays.means import mean_over_animals
from m2m_benchmarks.arrays.representation import image_halves
from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm
from m2m_benchmarks.benchmarks.comparisons.rmse import RMSE, stimulus_maps
from m2m_benchmarks.errors import BenchmarkError
from m2m_benchmarks.plugins import load_benchmark
from m2m_benchmarks.report.representation import (
    difference_table,
    draw_representations,
    layer_table,
    representation_table,
)
from m2m_benchmarks.report.tables import to_lines
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.layer_model import layer_features

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('few_draws')]

NETWORK = 'plain_digitnet@none'
VISP = 'SimulatedMouse.VISp-rmse'
#: Size of the maps: 16 pixels can be any sum of half of 60 images.
SIZE = 4
LINES = {'Cux2-CreERT2': ('excitatory', True), 'Vip-IRES-Cre': ('inhibitory', False)}


@pytest.fixture
def twophoton(m2m_home, make_bundle, tmp_path):
    """Import dF/F of 40 cells of each of 3 animals as deVries2020; return the map that each cell is made from.

    Representations of Cux2 cells are feature maps of a network; those of Vip cells are, too, but of shuffled images.
    """
    sessions = [(f'VISp_{i}.npz', 'VISp', f'10{i}', f'90{i}', 8) for i in (1, 2, 3)]
    bundle = make_bundle(tmp_path / 'bundle', n_images=60, n_units=40, sessions=sessions)
    import_bundle('Blank2026', *bundle.paths)
    area = load_benchmark('Blank2026.VISp-rmse')
    candidate = load_candidate('plain_digitnet', weights='none')
    maps = feature_maps(NETWORK, Activations(candidate), None, area, RMSE(SIZE)).halves
    stimuli, rng = stimulus_maps(area.recordings, SIZE), np.random.default_rng(0)
    units, planted = pd.read_csv(bundle.units), {}
    units['cre_line'] = [list(LINES)[column % 2] for column in units['column']]
    units['cell_type'] = [LINES[line][0] for line in units['cre_line']]
    for file, of_file in units.groupby('file'):
        chosen = rng.choice(len(maps[0]), len(of_file), replace=False)
        responses = np.empty((60, len(of_file)))
        for half, own in zip(image_halves(60), maps, strict=True):
            centred = stimuli[half] - stimuli[half].mean(axis=0)
            responses[half] = centred @ np.linalg.pinv(centred.T @ centred) @ own[chosen].T
        of_line = np.array([LINES[line][1] for line in of_file['cre_line']])
        responses[:, ~of_line] = responses[rng.permutation(60)][:, ~of_line]
        responses /= responses.std(axis=0)
        trials = responses + 0.3 * rng.standard_normal((8, *responses.shape))
        with np.load(bundle.folder / file) as arrays:
            ids = arrays['unit_id']
        np.savez(bundle.folder / file, responses=trials.astype(np.float32), unit_id=ids)
        planted |= {str(unit): int(number) for unit, number in zip(ids, chosen, strict=True)}
    units.to_csv(bundle.units, index=False)
    import_bundle('deVries2020', *bundle.paths)
    return planted, maps


def test_cells_made_from_feature_maps_find_them_and_shuffled_ones_are_at_the_floor(twophoton):
    planted, maps = twophoton
    compared = representation([NETWORK], 'deVries2020-rmse', size=SIZE)
    assert set(compared.types) == {'cre_line', 'cell_type', 'cortical_layer'}
    groups = {(group.by, group.name): group for group in compared.groups}
    assert {name for by, name in groups if by == 'cortical_layer'} == {'L0', 'L1', 'L2'}
    true, shuffled = (groups['cre_line', line] for line in ('Cux2', 'Vip'))
    assert true.score.value == pytest.approx(1, abs=0.05)
    low, high = shuffled.score.interval
    assert low < 0 < high
    assert abs(shuffled.score.value) < 0.1
    assert groups['cell_type', 'excitatory'].rmse == true.rmse
    assert (true.n_neuroids, true.n_animals) == (60, 3)
    area = load_benchmark('deVries2020.VISp-rmse')
    own = RMSE(SIZE).distances(maps, area.recordings).maps
    lines = area.recordings.mean['cre_line'].values.astype(str)
    expected = np.array([planted[name] for name in area.recordings.mean['neuroid_id'].values.astype(str)])
    right = (own == expected).mean(axis=0)
    assert right[lines == 'Cux2-CreERT2'].mean() > 0.9
    assert right[lines == 'Vip-IRES-Cre'].mean() < 0.1
    axes = draw_representations(compared).axes
    assert [each.get_title().partition(':')[0] for each in axes] == [
        'by area',
        *(f'by {each}' for each in compared.types),
    ]


def table(rng, n_animals=6, n=48, difference=0.0, candidates='AB'):
    """Distances of neuroids in two areas, with an effect of each animal on the difference of candidates."""
    animals = np.arange(n) % n_animals
    common, tables = rng.normal(1.3, 0.1, n), []
    for number, candidate in enumerate(candidates):
        effect = rng.normal(0, 0.02, n_animals)[animals] + rng.normal(0, 0.05, n)
        measured = {'rmse': common + effect - difference * (number == 0), 'mean_match': 1.4, 'floor': 1.4}
        tables.append(
            pd.DataFrame(
                {
                    'neuroid_id': [f'n{i}' for i in range(n)],
                    'area': np.repeat(['VISp', 'VISl'], n // 2),
                    'animal': animals.astype(str),
                    'candidate': candidate,
                    **measured,
                    'ceiling': rng.normal(0.5, 0.05, n),
                    'reliability': 0.8,
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def summary(neurons, pairs=(('A', 'B'),), kind='standard'):
    candidates = dict.fromkeys(neurons['candidate'])
    p_shuffled = {name: dict.fromkeys(('VISp', 'VISl'), 0.01) for name in candidates}
    n = len(neurons) // len(candidates)
    matches = LayerMatches(['conv1', 'conv2'], np.array([[1] * n, [0, 1] * (n // 2)]), np.full((n, 2), 0.5))
    settings = {'range': kind, 'layers': 'convolutional'}
    return compare_representations(
        'X-rmse', neurons, list(pairs), p_shuffled, dict.fromkeys(candidates, matches), settings
    )


def test_of_null_data_sets_five_percent_are_rejected():
    rejected = 0
    for seed in range(200):
        neurons = table(np.random.default_rng(seed))
        first, second = (neurons[neurons['candidate'] == name].reset_index() for name in 'AB')
        low, high = module._difference(ALL, ALL, ('A', 'B'), first, second).rmse.interval
        rejected += not low <= 0 <= high
    assert 4 <= rejected <= 18


def test_means_differences_and_scores_are_those_computed_by_hand():
    neurons = table(np.random.default_rng(0), difference=0.2)
    results = summary(neurons)
    first, second = (neurons[neurons['candidate'] == name].reset_index() for name in 'AB')
    (own,) = (group for group in results.groups if (group.name, group.candidate) == ('VISl', 'A'))
    here = first[first['area'] == 'VISl']
    assert own.rmse.value == pytest.approx(here['rmse'].mean())
    assert own.rmse.neurons == mean_over_animals(here['rmse'].to_numpy(), here['animal'].to_numpy()).neurons
    assert own.score.value == pytest.approx((1.4 - here['rmse'].mean()) / (1.4 - here['ceiling'].mean()))
    assert own.score.interval[0] < own.score.value < own.score.interval[1]
    *_, whole = results.differences
    each = first['rmse'] - second['rmse']
    assert (whole.by, whole.rmse.value) == (ALL, pytest.approx(each.mean()))
    by_animal = each.groupby(first['animal']).mean()  # animals have as many neuroids each
    assert whole.rmse.interval == pytest.approx(stats.t.interval(0.95, 5, by_animal.mean(), stats.sem(by_animal)))
    assert whole.beyond_floor.value == pytest.approx(each.mean())
    assert whole.rmse.interval[1] < 0
    assert results.over_networks is None


def test_noisy_representations_have_no_score():
    neurons = table(np.random.default_rng(0))
    neurons.loc[neurons['area'] == 'VISl', 'reliability'] = 0.4
    assert {group.name: group.score is None for group in summary(neurons).groups} == {
        'VISp': False, 'VISl': True, ALL: False
    }  # fmt: skip


def test_intervals_over_four_networks():
    neurons = table(np.random.default_rng(0), candidates='ABCDEFGH')
    pairs = [('A', 'B'), ('C', 'D'), ('E', 'F'), ('G', 'H')]
    results = summary(neurons, pairs)
    means = neurons.groupby('candidate')['rmse'].mean()
    each = [means[first] - means[second] for first, second in pairs]
    assert results.over_networks.value == pytest.approx(np.mean(each))
    assert results.over_networks.interval == pytest.approx(stats.t.interval(0.95, 3, np.mean(each), stats.sem(each)))
    assert 'Over networks' in difference_table(results).notes[-1]
    figure = draw_representations(results)
    assert len(figure.axes) == 2
    assert 'first of a pair minus second' in figure.get_suptitle() and '95 % over networks' in figure.get_suptitle()
    legend = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert legend == ['A, B', 'C, D', 'E, F', 'G, H']
    # Each pair has a colour, since there are more candidates than colours.
    patches = figure.legends[0].get_patches()
    assert [patch.get_facecolor()[:3] for patch in patches[::2]] == [
        patch.get_facecolor()[:3] for patch in patches[1::2]
    ]
    assert len({patch.get_facecolor() for patch in patches}) == 8


def test_bars_are_named_where_there_are_some():
    neurons = table(np.random.default_rng(0))
    assert 'bars on the right' in draw_representations(summary(neurons)).get_suptitle()
    one = draw_representations(summary(neurons[neurons['candidate'] == 'A'], ()))
    assert len(one.axes) == 1 and 'bars' not in one.get_suptitle()


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'kind': 'foo'}, "range of the maps is 'foo'; expected one of standard, minmax"),
        ({'layers': 'foo'}, "layers are 'foo'; expected 'convolutional' or 'scored'"),
        ({'size': 0}, 'size of the maps is 0; expected a whole number of pixels'),
        ({'size': float('nan')}, 'size of the maps is nan; expected a whole number of pixels'),
        ({'size': 7.5}, r'size of the maps is 7\.5; expected a whole number of pixels'),
    ],
)
def test_settings_that_there_are_not(settings, message, simulated_home):
    with pytest.raises(BenchmarkError, match=message):
        representation(NETWORK, VISP, **settings)


def test_pairs():
    assert pairs_of({'a': 'alexnet', 'b': 'vgg'}) == [('a', 'b')]
    assert pairs_of({'a': 'plain_x', 'b': 'neurn_x'}) == [('b', 'a')]
    names = {'a': 'neurn_x', 'b': 'plain_y', 'c': 'plain_x', 'd': 'neurn_z', 'e': 'neurn_y'}
    assert pairs_of(names) == [('a', 'c'), ('e', 'b')]
    assert pairs_of({'a': 'neurn_x'}) == []


def test_candidates_are_headings_above_their_rows():
    results = summary(table(np.random.default_rng(0)))
    for made, names in (
        (representation_table, ['A', 'B']),
        (layer_table, ['A', 'B']),
        (difference_table, ['A minus B']),
    ):
        lines = [line.plain for line in to_lines(made(results), 80)]
        own = [line for line in lines if line in names]
        assert own == names * (len(own) // len(names))
        assert sum(line.startswith('  VISl ') for line in lines) == len(own)
        assert max(map(len, lines)) <= 80
    assert 'conv2' in next(line.plain for line in to_lines(layer_table(results), 80) if 'VISl' in line.plain)


def test_the_command(m2m, simulated_home, tmp_path):
    files = [tmp_path / name for name in ('f.png', 'f.csv', 'f.json')]
    outputs = [
        word for option, file in zip(('--figure', '--csv', '--json'), files, strict=True) for word in (option, file)
    ]
    models = [NETWORK, 'neurn_digitnet@none']
    ran = m2m('analyze', 'representation', *models, '--benchmark', VISP, *outputs)
    assert (ran.code, ran.err) == (0, '')
    assert 'Chance' in ran.out and 'Perfect' in ran.out
    assert 'The dataset has no types of neuroids.' in ran.out
    document, neurons = json.loads(files[2].read_text()), pd.read_csv(files[1])
    assert len(neurons) == len(document['neurons']) == 2 * document['groups'][0]['n_neuroids']
    again = representation(models, VISP)
    assert json.loads(json.dumps(again.document())) == document
    (own,) = (group for group in document['groups'] if (group['by'], group['candidate']) == (AREA, NETWORK))
    assert neurons['rmse'][neurons['candidate'] == NETWORK].mean() == pytest.approx(own['rmse']['value'])
    assert document['differences'][0]['first'] == 'neurn_digitnet@none'
    assert 'VISp' in '\n'.join(line.plain for line in to_lines(representation_table(again), 100))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ([NETWORK, '--benchmark', 'SimulatedMouse.VISp-rdm'], 'SimulatedMouse.VISp-rdm does not compare maps'),
        ([NETWORK, '--benchmark', VISP, '--size', '2000'], 'fewer than maps of 2000 x 2000'),
        ([NETWORK, NETWORK, '--benchmark', VISP], 'is named twice'),
    ],
)
def test_refusals(m2m, simulated_home, arguments, message):
    ran = m2m('analyze', 'representation', *arguments)
    assert (ran.code, 'Traceback' in ran.err) == (1, False)
    assert message in ' '.join(ran.err.split())


def test_a_network_without_convolutions(m2m, simulated_home, tmp_path):
    code = """
    import torch

    def make():
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 224 * 224, 9))
    """
    (tmp_path / 'net.py').write_text(textwrap.dedent(code))
    ran = m2m('analyze', 'representation', f'{tmp_path}/net.py:make', '--benchmark', VISP)
    assert (ran.code, 'Traceback' in ran.err) == (1, False)
    assert 'has no feature maps to compare: no convolution (torch.nn.Conv2d) runs in it' in ' '.join(ran.err.split())
    ran = m2m('analyze', 'representation', f'{tmp_path}/net.py:make', '--benchmark', VISP, '--layers', 'scored')
    assert (ran.code, 'Traceback' in ran.err) == (1, False)
    assert 'its layer 0 is not convolutional: it has responses of shape' in ' '.join(ran.err.split())


@pytest.mark.parametrize('size', [3, 14])
def test_maps_of_all_convolutions_are_those_computed_from_whole_responses(simulated_home, tmp_path, size):
    code = """
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.unused = torch.nn.Conv2d(3, 2, 3)
            self.second = torch.nn.Conv2d(4, 5, 3, stride=2)
            self.first = torch.nn.Conv2d(3, 4, 5, stride=8)
            self.head = torch.nn.Linear(5, 2)

        def forward(self, images):
            maps = self.second(self.first(images).relu_())
            return self.head(maps.relu_().mean((2, 3)))
    """
    (tmp_path / 'net.py').write_text(textwrap.dedent(code))
    candidate = load_candidate(f'{tmp_path}/net.py:Net')
    area, comparison = load_benchmark(VISP), RMSE(size)
    activations = Activations(candidate)
    activations.most_images = 7
    maps = feature_maps('net', activations, None, area, comparison)
    assert maps.layers == ['first', 'second']
    assert activations.forward_passes == 1
    # Before the activations that change them in place.
    expected = [
        comparison.feature_maps(features)[1]
        for _, features in layer_features(activations, area, maps.layers, FeatureForm.MAPS)
    ]
    assert maps.layer_of.tolist() == [0] * 4 + [1] * 5
    for half in range(2):
        np.testing.assert_allclose(maps.halves[half], np.concatenate([own[half] for own in expected]), atol=1e-4)


def test_the_best_layer_is_that_of_most_matches():
    matched = np.array([[2, 0, 1, 1], [0, 0, 2, 1]])
    shuffled = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0, 1, 0], [0, 0.5, 0.5]])
    matches = LayerMatches(['a', 'b', 'c'], matched, shuffled)
    assert matches.best(np.array([True, True, False, False])) == ('a', 0.75, 0.375)
    assert matches.best(np.array([False, False, True, True])) == ('b', 0.75, 0.75)


def test_no_model():
    with pytest.raises(BenchmarkError, match='a comparison needs a model or more, got 0'):
        representation([], VISP)
