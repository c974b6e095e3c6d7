"""Activation profiles: planted peaks and times, types that don't differ, outputs of networks, refusals, the command."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from m2m_benchmarks.analysis import profiles as module
from m2m_benchmarks.analysis.profiles import HALVES, PEAK, TIME, UNIFORM, compare_profiles, peaks, profiles, unit_peaks
from m2m_benchmarks.arrays import label_permutation, means
from m2m_benchmarks.data.courses import Courses
from m2m_benchmarks.errors import BenchmarkError, DataError
from m2m_benchmarks.report.profiles import draw_profiles, profile_tables
from m2m_benchmarks.report.tables import to_lines

pytestmark = pytest.mark.seconds

FRAME_MS = 1000 / 30.1474


@pytest.fixture(scope='module')
def perf():
    """The script, whose path has the name of another module."""
    path = Path(__file__).parents[2] / 'perf' / 'profiles.py'
    spec = importlib.util.spec_from_file_location('perf_profiles', path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope='module')
def planted_home(perf, tmp_path_factory):
    """An M2M_HOME with sessions of three animals of each type in VISp and VISl, without noise."""
    home = tmp_path_factory.mktemp('planted') / 'm2m_home'
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('M2M_HOME', str(home))
        patch.setattr(perf, 'GAIN_SD', 0)
        perf.make_dataset('Planted', n_animals=3, n_cells=5, n_repetitions=8, noise=1e-4)
    return home


@pytest.fixture
def planted(planted_home, monkeypatch):
    """Set M2M_HOME to `planted_home`, which is shared: change nothing in it."""
    monkeypatch.setenv('M2M_HOME', str(planted_home))
    return planted_home


def test_planted_peaks_and_times_are_recovered(planted, perf):
    compared = profiles('Planted')
    assert len(compared.neurons) >= 57  # of 60: an image shown before or after another now and then is mistaken for it
    for group in compared.groups:
        _, peak, frame = perf.KINDS[group.cell_type]
        assert group.n_neurons >= 13 and group.n_animals == 3
        own = compared.neurons
        values = own[group.measure][(own['area'] == group.area) & (own['cell_type'] == group.cell_type)]
        expected = {PEAK: peak, TIME: frame * FRAME_MS}[group.measure]
        assert np.median(values) == pytest.approx(expected, rel=0.01)
    expected = {PEAK: -0.3, TIME: 5 * FRAME_MS}
    for difference in compared.differences:
        assert difference.value == pytest.approx(expected[difference.measure], rel=0.2)
        # Of three animals of six, 1 labelling in 10 is as far; of two areas, 1 in 200, or twice that with both signs.
        assert difference.p == pytest.approx(0.01 if difference.area == 'all areas' else 0.1, abs=0.03)
    assert compared.times_ms[7] == 0
    assert np.argmax(compared.courses['excitatory']) - 7 == perf.KINDS['excitatory'][2]
    assert max(compared.courses['inhibitory']) == pytest.approx(0.3, rel=0.1)


def test_peaks():
    values = np.array([[1, 3, 2, 9, 5], [0, 0, 4, 3, 4]], dtype=np.float32)
    peak, frame = peaks(Courses(values, 2))
    assert (peak.tolist(), frame.tolist()) == ([7, 4], [1, 0])


def test_of_null_data_sets_five_percent_are_rejected(perf, monkeypatch):
    """A small version of `perf/profiles.py null`, for animals of one type, and for those of both."""
    monkeypatch.setattr(means, 'N_DRAWS', 2)  # of intervals, which don't matter here
    monkeypatch.setattr(label_permutation, 'N_PERMUTATIONS', 399)
    rejected = np.zeros(2)
    for seed in range(200):
        for mixed in (False, True):
            own = perf.null_experiment(seed, n_animals=8, n_neurons=6, mixed=mixed).differences
            rejected[int(mixed)] += np.mean([each.p <= 0.05 for each in own])
    # Six tests of each experiment. A test that takes neurons for independent rejects 37 % of the first kind.
    assert ((rejected >= 200 * 0.02) & (rejected <= 200 * 0.09)).all()


def test_units_that_are_distributed_like_neurons(monkeypatch):
    """Peaks of a layer are the planted ones, whatever their scale."""
    monkeypatch.setattr(module, 'N_DRAWS', 40)
    rng = np.random.default_rng(0)
    peak = rng.beta(2, 5, size=600)
    baseline = rng.normal(size=(118, 600)) * 1e-6
    layer = baseline.copy()
    layer[5] += 118 / 117 * peak  # the mean over images is 1 / 118 of it
    own = unit_peaks({'a': 7 * layer, 'constant': np.ones((118, 3))}, 'net')
    np.testing.assert_allclose(own, (peak - peak.min()) / np.ptp(peak), atol=1e-4)
    with pytest.raises(BenchmarkError, match='net has no layer with units that vary'):
        unit_peaks({'constant': np.ones((118, 3))}, 'net')
    neurons, courses = null(300)
    like = courses.values.max(axis=1)
    compared = compare_profiles('X', neurons, courses, {'like': (like - like.min()) / np.ptp(like), 'other': own**4})
    for kind in module.TYPES:
        outputs = {output.name: output for output in compared.outputs if output.cell_type == kind}
        assert set(outputs) == {'like', 'other', UNIFORM, HALVES}
        assert outputs['like'].overlap > 0.85 > outputs['other'].overlap
        low, high = outputs['like'].interval
        assert low < outputs['like'].overlap < high + 0.02
        values = compared.neurons[PEAK][compared.neurons['cell_type'] == kind]
        scaled = (values - values.min()) / np.ptp(values)
        expected = stats.wasserstein_distance(scaled, own**4)
        assert outputs['other'].wasserstein == pytest.approx(expected)
    tables = profile_tables(compared)
    assert 'Chance: uniform' in tables[1].notes[0]
    assert len(draw_profiles(compared).axes) == 4


def null(n_neurons, **columns):
    """Neurons of both types in six animals of one area, and their time courses."""
    rng = np.random.default_rng(0)
    neurons = pd.DataFrame(
        {
            'neuroid_id': [f'n{i}' for i in range(n_neurons)],
            'area': 'VISp',
            'animal': np.arange(n_neurons) % 6,
            'frame_ms': 33.0,
            'cell_type': np.where(np.arange(n_neurons) % 2, *module.TYPES),
            **columns,
        }
    )
    values = np.zeros((n_neurons, 12), dtype=np.float32)
    values[:, 6] = rng.beta(2, 5, size=n_neurons)
    return neurons, Courses(values, 4)


def test_one_area_has_no_mean_over_areas():
    compared = compare_profiles('X', *null(24))
    assert {each.area for each in compared.differences} == {'VISp'}
    assert compared.outputs == []
    assert [group.mean.value for group in compared.groups if group.measure == TIME] == [66, 66]


@pytest.mark.parametrize(
    ('columns', 'message'),
    [
        ({'cell_type': 'excitatory'}, 'no area of X has reliable neurons of both types'),
        ({'cell_type': ''}, 'X has no reliable neurons of a known type'),
        ({'area': np.where(np.arange(24) % 2, 'VISp', 'VISl')}, 'no area of X has reliable neurons of both types'),
    ],
)
def test_types_that_cannot_be_compared(columns, message):
    with pytest.raises(BenchmarkError, match=message):
        compare_profiles('X', *null(24, **columns))
    neurons, courses = null(24)
    with pytest.raises(BenchmarkError, match='of a known type'):
        compare_profiles('X', neurons.drop(columns='cell_type'), courses)


def test_an_area_with_one_type_is_shown():
    neurons, courses = null(24)
    neurons.loc[neurons['cell_type'] == 'excitatory', 'area'] = np.repeat(['VISp', 'VISl'], 6)
    compared = compare_profiles('X', neurons, courses)
    assert [(group.area, group.cell_type) for group in compared.groups[:3]] == [
        ('VISp', 'excitatory'),
        ('VISp', 'inhibitory'),
        ('VISl', 'excitatory'),
    ]
    assert {each.area for each in compared.differences} == {'VISp'}
    draw_profiles(compared)


def test_recordings_without_time_courses(m2m, recorded):
    recorded()
    ran = m2m('analyze', 'profiles', 'deVries2020')
    assert (ran.code, 'Traceback' in ran.err) == (1, False)
    message = 'the recordings of deVries2020 hold no time courses'
    assert message in ' '.join(ran.err.split())
    assert 'm2m data fetch' not in ran.err  # these are imported, and nothing could fetch them


def test_refusals_of_other_data(m2m, simulated_home):
    ran = m2m('analyze', 'profiles', 'Nothing2020')
    assert (ran.code, 'Traceback' in ran.err) == (1, False)
    ran = m2m('analyze', 'profiles', 'SimulatedMouse', '--model', 'no_such_network')
    assert (ran.code, 'no_such_network' in ran.err) == (1, True)


def test_digits(digits):
    with pytest.raises(DataError, match='SklearnDigits is a dataset of digits; name 2-photon recordings'):
        profiles('SklearnDigits')


def test_digits_that_are_not_here(m2m_home):
    with pytest.raises(DataError, match='MNIST is a dataset of digits; name 2-photon recordings'):
        profiles('MNIST')


def test_the_command(m2m, planted, tmp_path, monkeypatch):
    monkeypatch.setattr(module, 'N_DRAWS', 20)
    files = [tmp_path / name for name in ('f.png', 'f.csv', 'f.json')]
    outputs = [
        word for option, file in zip(('--figure', '--csv', '--json'), files, strict=True) for word in (option, file)
    ]
    ran = m2m('analyze', 'profiles', 'Planted', '--model', 'pixels_64', *outputs)
    assert ran.code == 0
    assert 'Chance' in ran.out and 'Perfect' in ran.out and 'dF/F' in ran.out
    document, table = json.loads(files[2].read_text()), pd.read_csv(files[1], dtype={'neuroid_id': str})
    assert 57 <= len(table) <= 60
    assert dict(zip(table['cre_line'], table['cell_type'], strict=True)) == {
        'Cux2-CreERT2': 'excitatory',
        'Vip-IRES-Cre': 'inhibitory',
    }
    [group] = [own for own in document['groups'] if (own['measure'], own['area']) == (PEAK, 'VISl')][:1]
    mine = (table['area'] == 'VISl') & (table['cell_type'] == 'excitatory')
    assert table[PEAK][mine].mean() == pytest.approx(group['mean']['value'])
    again = profiles('Planted', 'pixels_64')
    for name, own in again.further_tables().items():
        pd.testing.assert_frame_equal(pd.read_csv(tmp_path / f'f_{name}.csv'), own)
    assert set(again.further_tables()) == {'courses', 'units'}
    assert json.loads(json.dumps(again.document())) == document
    assert [axes.get_ylabel() for axes in draw_profiles(again).axes[1::2]] == ['peak (dF/F)', 'time to peak (ms)']
    text = '\n'.join(line.plain for table in profile_tables(again) for line in to_lines(table, 120))
    assert 'pixels_64' in text and 'all areas' in text
