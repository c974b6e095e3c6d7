"""Benchmarks of populations of the cells of an area, against direct computations from the recordings."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from m2m_benchmarks import load_benchmark, load_dataset
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.benchmarks.comparisons import COMPARISONS
from m2m_benchmarks.data import atomic
from m2m_benchmarks.data.populations import groups, names_of, populations, recorded_populations
from m2m_benchmarks.data.store import write_dataset
from m2m_benchmarks.errors import BenchmarkError, UnknownNameError
from m2m_benchmarks.scoring.layer_choice import split_neuroids
from m2m_benchmarks.testing import RecordedCandidate

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('few_draws')]


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
@pytest.mark.several
def test_a_score_is_that_of_its_cells_alone(recorded, population, coordinate, values):
    recorded()
    benchmark = load_benchmark(f'deVries2020.VISp.{population}-rdm')
    assert (benchmark.identifier, benchmark.parent) == (f'deVries2020.VISp.{population}-rdm', 'deVries2020.VISp-rdm')
    model = RecordedCandidate()
    score = benchmark(model)
    assembly = load_dataset('deVries2020')
    mine = np.isin(assembly[coordinate].values, values) & (assembly['reliability'].values >= 0.5)
    assert 20 <= mine.sum() < (assembly['reliability'].values >= 0.5).sum()
    mean = assembly.values[:, mine, 0].reshape(6, 24, -1).astype(float).mean(axis=0)
    features = model.look_at(benchmark.stimulus_set).values
    raw = spearmanr(pdist(features, 'correlation'), pdist(mean, 'correlation'))[0]
    assert float(score.attrs['raw']) == pytest.approx(raw, abs=1e-10)
    assert (score.attrs['n_neuroids'], score.attrs['n_animals']) == (mine.sum(), 2)
    assert model.area == 'VISp'
    ridge = load_benchmark(f'deVries2020.VISp.{population}-ridge')
    assert list(ridge.recordings.mean['neuroid_id'].values) == list(assembly['neuroid_id'].values[mine])


def test_halves_for_the_choice_of_a_layer_stay_in_the_population(recorded):
    recorded()
    benchmark = load_benchmark('deVries2020.VISp.Cux2-rdm')
    halves = split_neuroids(benchmark)
    assert halves.how == 'animal'
    ids = [set(each.recordings.mean['neuroid_id'].values) for each in (halves.first, halves.second, benchmark)]
    assert ids[0] | ids[1] == ids[2] and not ids[0] & ids[1]
    assert halves.first.identifier == halves.second.identifier == benchmark.identifier


def test_every_population_is_of_some_cells_or_says_why_not(recorded):
    entry = recorded()
    by_line = entry['summary']['areas']['VISp']['reliable_by']['cre_line']
    assert 0 < by_line['Rbp4-Cre_KL100'] < 20
    with pytest.raises(BenchmarkError, match=r'VISp\.Rbp4 has \d neuroids of reliability 0.5 or more .*at least 20'):
        load_benchmark('deVries2020.VISp.Rbp4-rdm')
    with pytest.raises(UnknownNameError, match=r"unknown population 'Sst': deVries2020\.VISp has none"):
        load_benchmark('deVries2020.VISp.Sst-ridge')
    with pytest.raises(UnknownNameError, match='no recordings there'):
        load_benchmark('deVries2020.VISl.Cux2-ridge')


def test_names_depend_on_unreliable_neuroids_too(m2m_home, make_bundle, tmp_path):
    """A line L1 of one silent cell: what is listed as a population is what is scored under its name."""
    bundle = make_bundle(tmp_path / 'bundle', n_images=24, n_units=60, sessions=[('a.npz', 'VISp', '101', '901', 6)])
    with bundle.units.open(newline='') as file:
        header, *rows = list(csv.reader(file))
    lines = [*['Cux2'] * (len(rows) - 1), 'L1']  # the last unit never fires
    with bundle.units.open('w', newline='') as file:
        csv.writer(file).writerows(
            [[*header, 'cre_line'], *([*row, line] for row, line in zip(rows, lines, strict=True))]
        )
    entry = import_bundle('Lab2026', *bundle.paths)
    assert entry['summary']['areas']['VISp']['reliable_by']['cre_line']['L1'] == 0
    listed = recorded_populations(entry['summary'])
    assert listed['L1'].column == 'cre_line'
    with pytest.raises(BenchmarkError, match=r'VISp\.L1 has 0 neuroids'):
        load_benchmark('Lab2026.VISp.L1-rdm')
    # Layer 1 has the column before its name, in the list and where it is scored.
    assert listed['cortical_layer_L1'].values == ('1',)
    layer = load_benchmark('Lab2026.VISp.cortical_layer_L1-rdm').recordings.mean
    assert set(layer['cortical_layer'].values) == {1}


def test_a_population_of_another_area(m2m_home, make_bundle, tmp_path):
    sessions = [(f'{area}_1.npz', area, '101', f'90{i}', 6) for i, area in enumerate(('VISp', 'VISl'))]
    bundle = make_bundle(tmp_path / 'bundle', n_images=24, n_units=30, sessions=sessions)
    with bundle.units.open(newline='') as file:
        header, *rows = list(csv.reader(file))
    with bundle.units.open('w', newline='') as file:
        csv.writer(file).writerows([[*header, 'kind'], *([*row, 'deep' if 'VISl' in row else 'flat'] for row in rows)])
    import_bundle('Lab2026', *bundle.paths)
    assert load_benchmark('Lab2026.VISl.deep-rdm').recordings.mean.sizes['neuroid'] >= 20
    with pytest.raises(BenchmarkError, match=r'Lab2026\.VISp has no neuroids of deep; their kind is flat'):
        load_benchmark('Lab2026.VISp.deep-rdm')


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('VISp.Cux3-rdm', 'has none of that name. Did you mean Cux2'),
        ('VISx.Cux2-rdm', 'Did you mean deVries2020'),
        ('VISp.Cux2-rsa', 'Did you mean deVries2020'),
    ],
)
def test_names_that_are_none(recorded, name, message):
    recorded()
    with pytest.raises(UnknownNameError, match=message):
        load_benchmark(f'deVries2020.{name}')


def test_recordings_that_do_not_tell(m2m_home):
    responses = np.random.default_rng(0).poisson(5, (6, 12, 30)).astype(float)
    neuroids = pd.DataFrame(
        {'neuroid_id': [f'n{i}' for i in range(30)], 'region': 'VISp', 'animal': 'a', 'session': 's'}
    )
    png = {f's{i:02d}': b'' for i in range(12)}
    with atomic.write_lock('Lab2026'):
        write_dataset('Lab2026', responses, neuroids, png, (50, 250), {'made_by': 'a test'})
    with pytest.raises(BenchmarkError, match='have no column that groups their neuroids'):
        load_benchmark('Lab2026.VISp.Cux2-rdm')


def test_columns_that_group_and_that_do_not():
    assert groups('cre_line', ['Cux2-CreERT2', 'Sst-IRES-Cre'])
    assert groups('cortical_layer', np.array([0, 2, 4]))
    assert not groups('unit_id', [1, 2])
    assert not groups('session', ['1', '2'])
    assert not groups('snr', [1.5, 2.5])
    assert not groups('snr', np.array([1.5, 2.5], dtype=np.float32))
    assert not groups('is_good', [True, False])
    assert not groups('depth_um', range(33))
    assert not groups('cre_line', [])


def test_names_of_populations():
    assert names_of('cre_line', ['Ntsr1-Cre_GN220', 'none']) == {'Ntsr1-Cre_GN220': 'Ntsr1', 'none': 'none'}
    assert [*names_of('layer', ['2/3']).values()] == [*names_of('cortical_layer', ['23']).values()] == ['L23']
    assert names_of('depth_um', ['175']) == {'175': 'depth_um_175'}
    assert names_of('genotype', ['wt/wt', '?', '-1', '-2']) == {'wt/wt': 'wtwt', '?': '', '-1': '', '-2': ''}
    layers = populations({'layer': ['2/3', '23', '4']})['L23']
    assert layers.holds(['2/3', '23', '4', '']) == [True, True, False, False]
    # The same name in two columns: the first keeps it.
    both = populations({'genotype': ['Sst-IRES-Cre/wt'], 'cre_line': ['Sst-IRES-Cre']})
    assert {name: each.column for name, each in both.items()} == {'Sst': 'cre_line', 'genotype_Sst': 'genotype'}


@pytest.mark.parametrize(
    ('column', 'expected'),
    [
        ('kind', {'pyramidal-deep': 'pyramidal_deep', 'pyramidal-thin': 'pyramidal_thin', 'basket-fast': 'basket'}),
        ('kind', {'deep': 'deep', 'deep-1': 'deep_1', 'deep-2': 'deep_2'}),
        ('marker', {'PV+': 'PV', 'PV-': 'PV_'}),
        ('layer', {'2-upper': 'L2_upper', '2-lower': 'L2_lower', '4-upper': 'L4'}),
        ('cre_line', {'Rorb-IRES2-Cre': 'Rorb_IRES2_Cre', 'Rorb-IRES-Cre': 'Rorb_IRES_Cre', 'Cux2-CreERT2': 'Cux2'}),
    ],
)
def test_values_alike_up_to_a_dash_are_populations_of_their_own(column, expected):
    named = populations({column: expected})
    assert {population.values: name for name, population in named.items()} == {
        (value,): name for value, name in expected.items()
    }


def test_names_of_the_allen_institutes_populations():
    # Of all Cre lines of Visual Coding - 2P, and all genotypes of Visual Coding - Neuropixels.
    lines = [
        'Cux2-CreERT2',
        'Emx1-IRES-Cre',
        'Fezf2-CreER',
        'Nr5a1-Cre',
        'Ntsr1-Cre_GN220',
        'Pvalb-IRES-Cre',
        'Rbp4-Cre_KL100',
        'Rorb-IRES2-Cre',
        'Scnn1a-Tg3-Cre',
        'Slc17a7-IRES2-Cre',
        'Sst-IRES-Cre',
        'Tlx3-Cre_PL56',
        'Vip-IRES-Cre',
    ]
    assert names_of('cre_line', lines) == {line: line.partition('-')[0] for line in lines}
    reporter = '/wt;Ai32(RCL-ChR2(H134R)_EYFP)/wt'
    genotypes = {f'{gene}-IRES-Cre{reporter}': gene for gene in ('Pvalb', 'Sst', 'Vip')} | {'wt/wt': 'wtwt'}
    assert names_of('genotype', genotypes) == genotypes


def test_listing(recorded, m2m):
    ran = m2m('benchmarks', 'Siegle2021.VISp')
    assert 'DATASET.AREA.POPULATION-COMPARISON' in ran.out
    recorded()
    listed = {row['identifier']: row for row in json.loads(m2m('benchmarks', '--json', '-').out)}
    mine = [name for name in listed if listed[name]['population']]
    # cre_line, layer, cell_type, and cortical_layer of the bundle
    own = ('Cux2', 'Slc17a7', 'Vip', 'L23', 'L4', 'L5', 'L6', 'excitatory', 'inhibitory')
    bundled = ('L0', 'L1', 'L2')
    assert set(mine) == {f'deVries2020.VISp.{each}-{kind}' for each in (*own, *bundled) for kind in COMPARISONS}
    for name in mine:
        load_benchmark(name)
    row = listed['deVries2020.VISp.L23-rdm']
    assert (row['area'], row['population'], row['data_here']) == ('VISp', 'L23', True)
    ran = m2m('benchmarks', 'deVries2020.VISp')
    assert 'Fewer than 20 reliable neuroids, so no score: deVries2020.VISp.Rbp4 (' in ran.out
    assert 'DATASET.AREA.POPULATION-COMPARISON' not in ran.out
    lines = [line.strip() for line in ran.out.splitlines()]
    n_here = len(mine) + len(COMPARISONS)
    here = lines[lines.index(f'These can run here: {n_here}') + 1 :][:n_here]
    assert '  deVries2020.VISpm-rdm' in ran.out.partition('Not on this machine')[2]  # none of its neuroids was recorded
    assert 'To get deVries2020:' in ran.out
    assert set(here) == {*mine, *(f'deVries2020.VISp-{kind}' for kind in COMPARISONS)}
    assert 'Fewer than' not in m2m('benchmarks', 'Siegle2021').out


def test_score_from_the_command_line(recorded, m2m):
    recorded()
    ran = m2m('score', 'pixels_64', 'deVries2020.VISp.Cux2-rdm', '--json', '-')
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)['benchmark'] == 'deVries2020.VISp.Cux2-rdm'
    ran = m2m('score', 'pixels_64', 'deVries2020.VISp.Rbp4-rdm')
    assert (ran.code, ran.out) == (1, '')
    assert 'at least 20 are needed for a score and its ceiling' in ran.err
