"""Selections of neurons: planted clusters, balance, reproducibility; scores on a selection; refusals."""

import dataclasses
import json
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from m2m_benchmarks import load_benchmark, load_dataset, score
from m2m_benchmarks.analysis import neurons as module
from m2m_benchmarks.analysis.compare import compare
from m2m_benchmarks.analysis.neurons import select_neurons
from m2m_benchmarks.benchmarks.neurons import NeuronSelection, read_selection, restrict
from m2m_benchmarks.data import manifest
from m2m_benchmarks.errors import BenchmarkError, DataError, M2MError
from m2m_benchmarks.records import store
from m2m_benchmarks.records.selection import newest, results
from m2m_benchmarks.report.neurons import draw_selection, selection_table
from m2m_benchmarks.report.tables import to_lines
from m2m_benchmarks.testing import RecordedCandidate

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('few_draws')]

VISP = 'SimulatedMouse.VISp-rdm'


@pytest.fixture
def first_neurons(simulated_home, tmp_path):
    """A file of a selection: every second neuron of SimulatedMouse."""
    assembly = load_dataset('SimulatedMouse')
    document = {
        'dataset': 'SimulatedMouse',
        'data_sha256': manifest.require('SimulatedMouse')['assembly']['sha256'],
        'neuroids': assembly['neuroid_id'].values.astype(str)[::2].tolist(),
    }
    path = tmp_path / 'selection.json'
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def home(m2m_home, first_neurons, simulated_data, monkeypatch):
    """An M2M_HOME of its own, with the same SimulatedMouse."""
    monkeypatch.setenv('M2M_HOME', str(m2m_home))
    m2m_home.mkdir(exist_ok=True)
    (m2m_home / 'data').symlink_to(simulated_data)
    return m2m_home


def altered(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return path


@pytest.mark.seconds
def test_half_of_the_selected_cells_are_excitatory(m2m, recorded, tmp_path):
    recorded()
    files = tmp_path / 'selection.json', tmp_path / 'selection.csv'
    arguments = ['analyze', 'neurons', 'deVries2020', '--n', '24', '--clusters', '4']
    assert m2m(*arguments, '--json', str(files[0]), '--csv', str(files[1])).code == 0
    selected = read_selection(files[0])
    assert len(selected.neuroids) == 24
    table = pd.read_csv(files[1])
    assert table[table['selected']].groupby('cell_type').size().to_dict() == {'excitatory': 12, 'inhibitory': 12}
    assert set(table[table['selected']]['neuroid_id'].astype(str)) == set(selected.neuroids)


def planted(monkeypatch, types, areas=('VISp', 'VISl', 'VISal'), n=40):
    """Give the analysis neurons of three kinds of tuning, one in each area."""
    rng = np.random.default_rng(0)
    n_neurons = n * len(areas)
    tuning = rng.normal(size=(30, len(areas))).repeat(n, axis=1)
    neurons = pd.DataFrame(
        {
            'neuroid_id': [f'n{i}' for i in range(n_neurons)],
            'area': np.repeat(areas, n),
            'cell_type': types(n_neurons),
        }
    )
    responses = tuning + 0.3 * rng.normal(size=tuning.shape)
    monkeypatch.setattr(module, '_neurons', lambda dataset: (responses, neurons, 'f' * 64))
    return responses, neurons


def test_planted_clusters_are_recovered(monkeypatch):
    responses, neurons = planted(monkeypatch, lambda n: np.tile(['excitatory', 'inhibitory'], n // 2))
    selected = select_neurons('Planted', n_neurons=18, n_clusters=3)
    assert selected.information['area'] == pytest.approx(1)
    assert abs(selected.information['cell_type']) < 0.1
    chosen = selected.neurons[selected.neurons['selected']]
    assert chosen.groupby(['area', 'cell_type']).size().tolist() == [3] * 6
    for (cluster, kind), own in selected.neurons.groupby(['cluster', 'cell_type']):
        nearest = own.sort_values('distance')['neuroid_id'][:3]
        assert set(nearest) == set(chosen[(chosen['cluster'] == cluster) & (chosen['cell_type'] == kind)]['neuroid_id'])
    mine = neurons['neuroid_id'].isin(selected.selection.neuroids).to_numpy()
    expected = spearmanr(pdist(responses[:, mine], 'correlation'), pdist(responses, 'correlation'))[0]
    assert selected.agreement == pytest.approx(expected, abs=1e-10)
    mean, low, high = selected.random_agreement
    assert low <= mean <= high < 1
    text = '\n'.join(line.plain for line in to_lines(selection_table(selected), 80))
    assert 'Chance' in text and 'perfect: 1' in text and 'Balanced' in text
    figure = draw_selection(selected)
    assert [axes.get_xlabel() for axes in figure.axes] == ['UMAP 1', 'UMAP 1']
    assert selected.neurons.equals(select_neurons('Planted', n_neurons=18, n_clusters=3).neurons)


def test_unknown_types_and_one_area(monkeypatch):
    planted(monkeypatch, lambda n: [''] * n, areas=('VISp',))
    selected = select_neurons('Planted', n_neurons=9, n_clusters=3)
    assert not selected.balanced
    assert len(selected.selection.neuroids) == 9
    assert selected.information == {'area': pytest.approx(0)}
    assert 'Not balanced' in '\n'.join(line.plain for line in to_lines(selection_table(selected), 80))


def test_too_few_neurons(monkeypatch, m2m, simulated_home):
    planted(monkeypatch, lambda n: [''] * n, n=4)
    with pytest.raises(BenchmarkError, match='has 12 reliable neurons, too few for 12 clusters'):
        select_neurons('Planted', n_clusters=12)
    with pytest.raises(BenchmarkError, match='5 neurons cannot be selected of 6 clusters'):
        select_neurons('Planted', n_neurons=5, n_clusters=6)
    ran = m2m('analyze', 'neurons', 'SimulatedMouse', '--n', 3)
    assert (ran.code, ran.err.count('\n')) == (1, 1)


def test_digits(digits):
    with pytest.raises(DataError, match='SklearnDigits is a dataset of digits; name recordings'):
        select_neurons('SklearnDigits')


def test_without_umap(monkeypatch):
    planted(monkeypatch, lambda n: [''] * n)
    monkeypatch.setitem(sys.modules, 'umap', None)
    with pytest.raises(M2MError, match=r"^maps of neurons need .* pip install 'm2m-benchmarks\[analysis\]'$"):
        select_neurons('Planted', n_clusters=3)


def test_a_restricted_score_is_that_of_the_selected_neurons(first_neurons):
    selection = read_selection(first_neurons)
    benchmark = restrict(load_benchmark(VISP), selection)
    assert benchmark.identifier == f'{VISP}+neurons_{selection.sha256[:8]}'
    assert benchmark.choices['neurons'] == selection.sha256
    whole = load_benchmark(VISP)
    ids = whole.recordings.mean['neuroid_id'].values.astype(str)
    mine = np.isin(ids, selection.neuroids)
    assert benchmark.recordings.mean['neuroid_id'].values.astype(str).tolist() == ids[mine].tolist()
    model = RecordedCandidate()
    raw = float(benchmark(model).attrs['raw'])
    features = model.look_at(benchmark.stimulus_set).values
    expected = spearmanr(pdist(features, 'correlation'), pdist(whole.recordings.mean.values[:, mine], 'correlation'))[0]
    assert raw == pytest.approx(expected, abs=1e-10)


def test_areas_without_selected_neurons_are_left_out(simulated_home, first_neurons):
    selection = read_selection(first_neurons)
    assembly = load_dataset('SimulatedMouse')
    region = dict(zip(assembly['neuroid_id'].values.astype(str), assembly['region'].values, strict=True))
    visp = NeuronSelection(
        selection.dataset, selection.data_sha256, tuple(each for each in selection.neuroids if region[each] == 'VISp')
    )
    mean = restrict(load_benchmark('SimulatedMouse-rdm'), visp)
    assert [area.region for area in mean.areas] == ['VISp']
    assert 'VISl' in mean.left_out
    assert mean.choices['neurons'] == visp.sha256
    with pytest.raises(BenchmarkError, match='no area has enough selected neurons'):
        restrict(load_benchmark('SimulatedMouse-rdm'), dataclasses.replace(visp, neuroids=visp.neuroids[:1]))


def test_results_stand_apart(m2m, home, first_neurons):
    arguments = ('score', 'pixels_64', VISP, '--json', '-')
    whole = json.loads(m2m(*arguments).out)
    restricted = json.loads(m2m(*arguments, '--neurons', first_neurons).out)
    selection = read_selection(first_neurons)
    name = f'{VISP}+neurons_{selection.sha256[:8]}'
    assert (whole['benchmark'], restricted['benchmark']) == (VISP, name)
    assert restricted['choices']['neurons'] == selection.sha256
    assert whole['n_neuroids'] == 2 * restricted['n_neuroids']
    assert len({whole['request'], restricted['request'], None}) == 3
    assert json.loads(m2m(*arguments).out) == whole
    assert json.loads(m2m(*arguments, '--neurons', first_neurons).out) == restricted
    other = altered(first_neurons, neuroids=list(selection.neuroids[:-1]))
    assert json.loads(m2m(*arguments, '--neurons', other).out)['benchmark'] != name
    stored = store.results()
    assert len(stored) == len({result.claim for result in stored}) == len(newest(stored)) == 3
    assert set(results().columns) == {result.benchmark for result in stored}
    again = score('pixels_64', VISP, neurons=other)
    assert again.attrs['result']['benchmark'] == stored[-1].benchmark
    assert name in m2m('results', 'list').out


def test_tables_of_a_restricted_score(m2m, home, first_neurons):
    shown = m2m('score', 'pixels_64', 'SimulatedMouse-rdm', '--neurons', first_neurons)
    assert shown.code == 0
    assert f'SimulatedMouse-rdm+neurons_{read_selection(first_neurons).sha256[:8]} (simulated)' in shown.out
    assert 'VISam' in shown.out


def test_compare(home, first_neurons):
    selection = read_selection(first_neurons)
    [comparison] = compare(['pixels_64', 'plain_squeezenet1_1_at32@none'], [VISP], seeds=[0], neurons=selection)
    assert comparison.benchmark == f'{VISP}+neurons_{selection.sha256[:8]}'


@pytest.mark.parametrize(
    ('changes', 'benchmark', 'message'),
    [
        ({'dataset': 'Siegle2021'}, VISP, 'the selection of neurons is of Siegle2021, and .* of SimulatedMouse'),
        ({'data_sha256': 'a' * 64}, VISP, 'another version of SimulatedMouse: .* SHA-256 aaaaaaaaaaaa…, and those'),
        ({}, 'SklearnDigits-readout_accuracy', 'has no recordings to select neurons of'),
        ({'neuroids': []}, VISP, 'is not a selection of neurons: expected different texts in neuroids'),
        ({'neuroids': ['a', 'a']}, VISP, 'is not a selection of neurons: expected different texts in neuroids'),
        ({'neuroids': 'a'}, VISP, "is not a selection of neurons: expected 'neuroids', a list"),
        ({'dataset': 1}, VISP, "is not a selection of neurons: expected 'dataset', a text"),
        (
            {'neuroids': ['nothing']},
            VISP,
            "SimulatedMouse does not have 1 of the 1 selected neuroids, such as 'nothing'",
        ),
    ],
)
def test_refusals(m2m, home, first_neurons, changes, benchmark, message):
    ran = m2m('score', 'pixels_64', benchmark, '--neurons', altered(first_neurons, **changes))
    assert ran.code == 1
    assert 'Traceback' not in ran.err
    with pytest.raises(M2MError, match=message):
        score('pixels_64', benchmark, neurons=first_neurons)


def test_compare_refuses_a_selection_of_another_dataset(m2m, home, first_neurons):
    other = altered(first_neurons, dataset='Siegle2021')
    ran = m2m('compare', 'pixels_64', 'plain_digitnet@none', '--benchmark', VISP, '--neurons', other)
    assert (ran.code, 'the selection of neurons is of Siegle2021' in ran.err) == (1, True)


def test_files_that_are_none(tmp_path):
    with pytest.raises(DataError, match='there is no selection of neurons'):
        read_selection(tmp_path / 'nothing.json')
    (tmp_path / 'list.json').write_text('[1]')
    (tmp_path / 'text.json').write_text('neurons')
    with pytest.raises(DataError, match='is not a selection of neurons'):
        read_selection(tmp_path / 'list.json')
    with pytest.raises(DataError, match='cannot read the selection of neurons'):
        read_selection(tmp_path / 'text.json')
