"""Benchmarks of populations of the cells of an area, against direct computations from the recordings."""

import json

import numpy as np
import pytest
from brainscore_core.supported_data_standards.brainio.assemblies import NeuroidAssembly
from brainscore_vision.model_interface import BrainModel
from scipy.stats import spearmanr

from m2m_benchmarks import load_benchmark, load_dataset
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.data.populations import POPULATIONS
from m2m_benchmarks.errors import BenchmarkError, UnknownNameError

pytestmark = pytest.mark.seconds


class Pixels(BrainModel):
    """Fixed random responses, the same for a stimulus whatever the area."""

    identifier = 'random'

    def visual_degrees(self):
        return 8

    def start_recording(self, recording_target, time_bins):
        self.asked = recording_target

    def look_at(self, stimuli, number_of_trials=1):
        ids = stimuli['stimulus_id'].to_numpy()
        return NeuroidAssembly(
            np.random.default_rng(0).standard_normal((len(ids), 50)),
            coords={
                'stimulus_id': ('presentation', ids),
                'stimulus_index': ('presentation', np.arange(len(ids))),
                'neuroid_id': ('neuroid', np.arange(50)),
                'region': ('neuroid', ['r'] * 50),
            },
            dims=['presentation', 'neuroid'],
        )


def upper(matrix):
    return matrix[np.triu_indices(len(matrix), k=1)]


@pytest.mark.parametrize(
    ('population', 'coordinate', 'values'),
    [
        ('Cux2', 'cre_line', ['Cux2-CreERT2']),
        ('L23', 'layer', ['2/3']),
        ('L6', 'layer', ['6']),
        ('excitatory', 'cell_type', ['excitatory']),
        ('inhibitory', 'cell_type', ['inhibitory']),
    ],
)
def test_a_score_is_that_of_its_cells_alone(recorded, population, coordinate, values):
    recorded()
    benchmark = load_benchmark(f'deVries2020.VISp.{population}-rdm')
    assert (benchmark.identifier, benchmark.parent) == (f'deVries2020.VISp.{population}-rdm', 'deVries2020.VISp-rdm')
    model = Pixels()
    score = benchmark(model)
    assembly = load_dataset('deVries2020')
    mine = np.isin(assembly[coordinate].values, values) & (assembly['reliability'].values >= 0.5)
    assert 20 <= mine.sum() < (assembly['reliability'].values >= 0.5).sum()
    mean = assembly.values[:, mine, 0].reshape(6, 24, -1).astype(float).mean(axis=0)
    raw = spearmanr(upper(np.corrcoef(model.look_at(benchmark.stimulus_set).values)), upper(np.corrcoef(mean)))[0]
    assert float(score.attrs['raw']) == pytest.approx(raw, abs=1e-10)
    assert (score.attrs['n_neuroids'], score.attrs['n_animals']) == (mine.sum(), 2)
    assert model.asked == 'VISp'
    ridge = load_benchmark(f'deVries2020.VISp.{population}-ridge')
    assert list(ridge.recordings.mean['neuroid_id'].values) == list(assembly['neuroid_id'].values[mine])


def test_halves_for_the_choice_of_a_layer_stay_in_the_population(recorded):
    recorded()
    benchmark = load_benchmark('deVries2020.VISp.Cux2-rdm')
    selection, scoring, how = benchmark.halves()
    assert how == 'animal'
    ids = [set(each.recordings.mean['neuroid_id'].values) for each in (selection, scoring, benchmark)]
    assert ids[0] | ids[1] == ids[2] and not ids[0] & ids[1]
    assert selection.identifier == scoring.identifier == benchmark.identifier


def test_every_population_is_of_some_cells_or_says_why_not(recorded):
    entry = recorded()
    by_line = entry['summary']['areas']['VISp']['reliable_by']['cre_line']
    assert 0 < by_line['Rbp4-Cre_KL100'] < 20
    with pytest.raises(BenchmarkError, match=r'VISp\.Rbp4 has \d neuroids of reliability 0.5 or more .*at least 20'):
        load_benchmark('deVries2020.VISp.Rbp4-rdm')
    with pytest.raises(BenchmarkError, match=r'VISp has no neuroids of Sst; their cre_line is Cux2-CreERT2, Rbp4'):
        load_benchmark('deVries2020.VISp.Sst-ridge')
    with pytest.raises(UnknownNameError, match='no recordings there'):
        load_benchmark('deVries2020.VISl.Cux2-ridge')


@pytest.mark.parametrize('name', ['VISp.Cux3-rdm', 'VISx.Cux2-rdm', 'VISp.Cux2-rsa'])
def test_names_that_are_none(recorded, name):
    recorded()
    with pytest.raises(UnknownNameError, match='Did you mean deVries2020'):
        load_benchmark(f'deVries2020.{name}')


def test_recordings_that_do_not_tell(recorded):
    recorded(columns=False)
    with pytest.raises(BenchmarkError, match='do not say the cre_line'):
        load_benchmark('deVries2020.VISp.Cux2-rdm')


def test_lines_are_told_apart_by_their_genes():
    lines = ['Cux2-CreERT2', 'Ntsr1-Cre_GN220', 'Rorb-IRES2-Cre', 'none', '']
    assert POPULATIONS['Ntsr1'].holds(lines) == [False, True, False, False, False]
    assert len(POPULATIONS) == 13 + 4 + 2


def test_listing(recorded, m2m):
    ran = m2m('benchmarks')
    assert 'deVries2020.AREA.POPULATION-rdm' in ran.out
    assert 'm2m data fetch deVries2020' in ran.out
    recorded()
    listed = {row['identifier']: row for row in json.loads(m2m('benchmarks', '--json').out)}
    mine = [name for name in listed if listed[name]['population']]
    kinds = ('Cux2', 'Slc17a7', 'Vip', 'L23', 'L4', 'L5', 'L6', 'excitatory', 'inhibitory')
    assert set(mine) == {f'deVries2020.VISp.{each}-{kind}' for each in kinds for kind in ('rdm', 'ridge')}
    for name in mine:
        load_benchmark(name)
    row = listed['deVries2020.VISp.L23-rdm']
    assert (row['area'], row['population'], row['data_here']) == ('VISp', 'L23', True)
    ran = m2m('benchmarks')
    assert 'Fewer than 20 reliable neuroids, so no score: deVries2020.VISp.Rbp4 (' in ran.out
    assert 'VISp, L23' in ran.out
    assert all(f'deVries2020.{area}-rdm' in ran.out for area in AREAS)


def test_score_from_the_command_line(recorded, m2m):
    recorded()
    ran = m2m('score', 'pixels_64', 'deVries2020.VISp.Cux2-rdm', '--json', '-')
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)['benchmark'] == 'deVries2020.VISp.Cux2-rdm'
    ran = m2m('score', 'pixels_64', 'deVries2020.VISp.Rbp4-rdm')
    assert (ran.code, ran.out) == (1, '')
    assert 'at least 20 are needed for a score' in ran.err
