"""The option --mouse-acuity: what models see, names, stored results, refusals."""

import json

import numpy as np
import pytest
from PIL import Image

from m2m_benchmarks import benchmark, load_benchmark, load_stimulus_set, score
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.analysis.compare import compare
from m2m_benchmarks.arrays.acuity import low_pass
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.cards import card, cards
from m2m_benchmarks.data.degrees import parse_degrees, stimulus_degrees
from m2m_benchmarks.errors import BenchmarkError, DataError, DataNotFoundError
from m2m_benchmarks.records import store
from m2m_benchmarks.records.selection import label
from m2m_benchmarks.scoring import activation_store, low_passed
from m2m_benchmarks.scoring.low_passed import LowPassedPaths, seen_by_mouse
from m2m_benchmarks.scoring.several import score_several
from m2m_benchmarks.scoring.specs import CandidateSpec
from m2m_benchmarks.testing import SmallNetwork

pytestmark = pytest.mark.usefixtures('few_draws')

VISP = 'SimulatedMouse.VISp-rdm'
PIXELS = ('score', 'pixels_64', VISP)


@pytest.fixture(autouse=True)
def files(m2m_home):
    """Remove the low-passed files of a test with its home."""
    yield
    low_passed._temporary.cache_clear()
    assert not list(activation_store.folder().glob('.tmp-*'))


def pixels(path):
    return np.asarray(Image.open(path).convert('RGB'))


def test_images_are_low_passed_by_their_degrees(tmp_path):
    shown = {'grey': (40, 60), 'colour': (30, 20, 3)}
    for name, shape in shown.items():
        Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, np.uint8)).save(tmp_path / f'{name}.png')
    Image.new('L', (9, 5), 77).save(tmp_path / 'uniform.png')
    paths = LowPassedPaths({path.stem: path for path in tmp_path.glob('*.png')}, (30, 15))
    for name in shown:
        expected = np.clip(np.rint(low_pass(pixels(tmp_path / f'{name}.png'), (30, 15))), 0, 255)
        assert np.array_equal(pixels(paths[name]), expected)
        assert expected.std() < 0.95 * pixels(tmp_path / f'{name}.png').std()
    assert np.array_equal(pixels(paths['uniform']), np.full((5, 9, 3), 77))
    other = LowPassedPaths({'grey': tmp_path / 'grey.png'}, (15, 30))
    assert not np.array_equal(pixels(other['grey']), pixels(paths['grey']))


@pytest.mark.seconds
def test_models_see_the_low_passed_images(m2m_home):
    whole = load_benchmark('SimulatedMouse-rdm')
    seen = seen_by_mouse(whole)
    assert seen is seen_by_mouse(whole)
    assert [area.stimulus_set.identifier for area in whole.areas] == 6 * [
        load_stimulus_set('SimulatedMouse').identifier
    ]
    assert seen.versions == whole.versions
    name = whole.areas[0].stimulus_set['stimulus_id'][0]
    paths = {area.stimulus_set.get_stimulus(name) for area in seen.areas}
    assert len(paths) == 1  # areas share them
    shown = pixels(whole.areas[0].stimulus_set.get_stimulus(name))
    assert np.array_equal(pixels(paths.pop()), np.clip(np.rint(low_pass(shown, (32, 32))), 0, 255))


@pytest.mark.seconds
def test_scores_and_activations_are_stored_apart(m2m_home):
    network, scores, entries = SmallNetwork(), [], [set()]
    for acuity in (False, True):
        scores.append(score(network, VISP, layer='conv', image_size=64, mouse_acuity=acuity))
        entries.append({path.name for path in activation_store.folder().rglob('*.safetensors')})
    assert 0 < len(entries[1]) == len(entries[2] - entries[1])
    plain, seen = (each.attrs['result'] for each in scores)
    assert (plain['model'], seen['model']) == ('SmallNetwork', 'SmallNetwork+mouse_acuity')
    assert 'mouse_acuity' not in plain
    assert seen['mouse_acuity'] == 'half the amplitude at 0.5 cycles per degree; stimuli of 32 x 32 degrees'
    assert plain['raw'] != seen['raw']
    stored = store.results()
    assert len({result.claim for result in stored} - {None}) == len({result.identity for result in stored}) == 2
    again = [score(network, VISP, layer='conv', image_size=64, mouse_acuity=acuity) for acuity in (False, True)]
    assert [float(each) for each in again] == [float(each) for each in scores]
    assert store.results() == stored


@pytest.mark.seconds
def test_the_command_line(m2m, m2m_home, tmp_path):
    files = [tmp_path / 'plain.json', tmp_path / 'seen.json']
    assert m2m(*PIXELS, '--json', files[0]).code == 0
    ran = m2m(*PIXELS, '--mouse-acuity', '--json', files[1])
    assert (ran.code, 'pixels_64+mouse_acuity' in ran.out) == (0, True)
    plain, seen = (json.loads(file.read_text()) for file in files)
    assert (plain['model'], seen['model']) == ('pixels_64', 'pixels_64+mouse_acuity')
    assert plain['raw'] != seen['raw']
    assert plain['request'] != seen['request'] and None not in (plain['request'], seen['request'])
    listed = m2m('results', 'list').out
    assert 'pixels_64 ' in listed and 'pixels_64+mouse_acuity ' in listed
    assert listed.count(VISP) == 1  # one column: they may be compared
    shown = m2m('results', 'show', store.results()[-1].uid).out
    assert 'stimuli of 32 x 32 degrees' in shown
    repeated = m2m(*PIXELS, '--mouse-acuity', '--json', '-')
    assert json.loads(repeated.out)['created'] == seen['created']
    assert len(store.results()) == 2


@pytest.mark.seconds
def test_other_degrees_are_another_request(m2m_home, monkeypatch):
    spec = CandidateSpec('pixels_64', mouse_acuity=True)
    [first] = score_several([spec], [VISP])
    monkeypatch.setitem(card('SimulatedMouse'), 'stimulus_degrees', '64 x 32')
    [second] = score_several([spec], [VISP])
    assert 'of 64 x 32 degrees' in second.mouse_acuity
    assert first.request != second.request
    assert first.claim != second.claim


@pytest.mark.seconds
def test_compare(m2m, m2m_home, tmp_path):
    names = ['pixels_64', 'plain_squeezenet1_1_at32@none']
    arguments = ('--benchmark', VISP, '--seeds', '0', '--mouse-acuity', '--json', '-')
    ran = m2m('compare', *names, *arguments)
    assert ran.code == 0
    document = json.loads(ran.out)
    assert {each['label'] for each in document['candidates']} == {f'{name}+mouse_acuity' for name in names}
    assert {result.model for result in store.results()} == {
        'pixels_64+mouse_acuity',
        'plain_squeezenet1_1_at32+mouse_acuity',
    }
    with pytest.raises(BenchmarkError, match='has none'):
        compare(names, ['SklearnDigits-accuracy'], mouse_acuity=True)


def test_the_name_of_a_run(m2m_home):
    from m2m_benchmarks.records.record import Result

    result = Result('neurn_digitnet+mouse_acuity', VISP, 0.5, '', weights='run own: MNIST, seed 0')
    assert label(result) == 'run:own'
    result = Result('neurn_digitnet+mouse_acuity', VISP, 0.5, '', weights='run own: MNIST', mouse_acuity='half')
    assert label(result) == 'run:own+mouse_acuity'


@pytest.mark.parametrize(
    'arguments',
    [
        ('score', 'pixels_64', 'SklearnDigits-readout_accuracy'),
        ('score', 'pixels_64', VISP, 'MajajHong2015public.IT-pls'),
        ('compare', 'neurn_digitnet', 'plain_digitnet', '--benchmark', 'SklearnDigits-accuracy'),
    ],
    ids=['digits', 'a monkey', 'compare'],
)
def test_benchmarks_without_a_mouse_are_refused(m2m, m2m_home, monkeypatch, arguments):
    monkeypatch.setattr('m2m_benchmarks.cli.compare.require_training', lambda: None)
    ran = m2m(*arguments, '--mouse-acuity')
    assert (ran.code, ran.out) == (1, '')
    assert '--mouse-acuity shows models the images as a mouse sees them' in ran.err
    assert 'Leave out the option, or this benchmark.' in ran.err
    assert store.results() == []


def test_a_benchmark_object_without_a_mouse_is_refused(m2m_home):
    class Foreign:
        identifier = 'Own.V1-mine'

        def __call__(self, candidate):
            raise AssertionError('it is not scored')

    with pytest.raises(BenchmarkError, match=r'Own\.V1-mine has none'):
        score(SmallNetwork(), Foreign(), image_size=32, mouse_acuity=True)


@pytest.mark.slow
def test_a_metric_of_ones_own(m2m_home):
    load_stimulus_set('SimulatedMouse')

    def metric(first, second):
        return float(np.corrcoef(np.asarray(first).mean(axis=1), np.asarray(second).mean(axis=1))[0, 1])

    own = benchmark('SimulatedMouse', 'VISp', metric)
    plain, seen = (score('pixels_64', own, layer='pixels', mouse_acuity=acuity) for acuity in (False, True))
    assert float(plain.attrs['raw']) != float(seen.attrs['raw'])


def test_a_lab_states_its_degrees(m2m, m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    import_bundle('Lab2026', *bundle.paths)
    ran = m2m('score', 'pixels_64', 'Lab2026.VISp-rdm', '--mouse-acuity')
    assert ran.code == 1
    for text in ('Lab2026 does not state', "'stimulus_degrees: 120 x 95'", 'dataset.yml', '--replace'):
        assert text in ' '.join(ran.err.split())
    (bundle.folder / 'dataset.yml').write_text('stimulus_degrees: 64.5 x 50\n')
    import_bundle('Lab2026', *bundle.paths, replace=True)
    assert stimulus_degrees('Lab2026') == (64.5, 50)
    assert 'stimulus degrees: 64.5 x 50' in m2m('data', 'list', 'Lab2026').out


def test_a_lab_states_other_degrees_than_the_card(m2m_home, make_bundle, tmp_path):
    assert stimulus_degrees('Siegle2021') == (120, 95)
    bundle = make_bundle(tmp_path / 'bundle')
    (bundle.folder / 'dataset.yml').write_text('stimulus_degrees: 10 x 20\n')
    import_bundle('deVries2020', *bundle.paths)
    assert stimulus_degrees('deVries2020') == (10, 20)


def test_a_dataset_that_is_fetched(m2m_home, make_bundle, tmp_path):
    import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle').paths)
    entry = manifest.read('Lab2026')
    entry['source']['made_by'] = 'm2m data fetch Lab2026'
    with pytest.raises(DataError, match=r'card\.yaml'):
        stimulus_degrees('Lab2026', entry)
    with pytest.raises(DataNotFoundError, match='not on this machine'):
        stimulus_degrees('Nobody2026')


def test_cards_state_what_can_be_read():
    stated = {own['name']: own['stimulus_degrees'] for own in cards()}
    assert {name for name, text in stated.items() if text and parse_degrees(text)} == {
        *('Siegle2021', 'deVries2020', 'SimulatedMouse')
    }


@pytest.mark.parametrize(
    'text', ['120', '120 x', '0 x 90', '361 x 90', '90 x 181', '-3 x 4', '120 x 95 deg', '1e2 x 9']
)
def test_degrees_of_another_form(m2m_home, make_bundle, tmp_path, text):
    with pytest.raises(ValueError, match='width x height'):
        parse_degrees(text)


def test_degrees_of_another_form_are_not_imported(m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    (bundle.folder / 'dataset.yml').write_text('stimulus_degrees: 120 by 95\n')
    with pytest.raises(DataError, match=r'120 by 95.*such as 120 x 95'):
        import_bundle('Lab2026', *bundle.paths)
