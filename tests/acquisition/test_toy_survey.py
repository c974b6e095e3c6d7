"""The recipe "a survey": a class and a line in the table are all that a fetch needs."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from m2m_benchmarks.acquisition import surveys
from m2m_benchmarks.acquisition.pipeline.fetch import fetch_survey, longest_silence_s
from m2m_benchmarks.acquisition.pipeline.plan import plan
from m2m_benchmarks.acquisition.survey import Survey
from m2m_benchmarks.data import manifest, store
from m2m_benchmarks.errors import DataError, M2MError
from m2m_benchmarks.net.retry import RetryPolicy
from m2m_benchmarks.plugins import load_benchmark
from m2m_benchmarks.testing import Clock, file_server, npz_bytes, png_bytes

pytestmark = [pytest.mark.network, pytest.mark.process]

#: Session, area, animal: two areas with names of the lab and one of the six.
SESSIONS = (('a1', 'POR', 'm1'), ('a2', 'POR', 'm2'), ('b1', 'VISp', 'm1'), ('b2', 'LI_a', 'm2'))


@pytest.fixture
def site(site):
    """A server with the sessions, their images, and the index of both."""
    rng = np.random.default_rng(0)
    images = [f'image_{number:02d}.png' for number in range(12)]
    for image in images:
        site.files[f'/{image}'] = png_bytes(rng.integers(0, 256, (8, 8), dtype=np.uint8))
    for session, _, animal in SESSIONS:
        expected = rng.gamma(1, 20, (12, 6))
        site.files[f'/{session}.npz'] = npz_bytes(counts=rng.poisson(expected, (8, 12, 6)), animal=np.array(animal))
    listed = [{'id': session, 'area': area, 'file': f'{session}.npz'} for session, area, _ in SESSIONS]
    site.files['/index.json'] = json.dumps({'sessions': listed, 'images': images}).encode()
    return site


@pytest.fixture
def toy(monkeypatch):
    """The survey, registered in the table and importable in worker processes."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    from toy_survey.survey import Toy

    monkeypatch.setitem(surveys.SURVEYS, 'Toy', Toy())
    return surveys.find_survey('Toy')


@pytest.fixture
def fetch(toy, site, m2m, m2m_home):
    """The function fetch('--dry-run') -> Ran."""
    return lambda *options: m2m('data', 'fetch', 'Toy', '--server', site.address, *options)


def test_the_recipe(fetch, site, m2m, m2m_home):
    ran = fetch('--dry-run')
    assert ran.code == 0, ran.err
    assert [line.split() for line in ran.out.splitlines()][1:5] == [
        ['area', 'sessions'],
        ['VISp', '1'],
        ['LI_a', '1'],
        ['POR', '2'],
    ]
    assert '4 of 4 sessions' in ran.out
    assert not any(request['sent'] for request in site.requests if request['path'].endswith('.npz'))
    # One session is cut short on the server; the others are extracted by two processes and merged.
    whole = site.files['/a2.npz']
    site.files['/a2.npz'] = whole[: len(whole) // 2]
    ran = fetch('--workers', '2')
    assert ran.code == 0, ran.err
    assert 'Session a2 could not be read' in ran.out
    assert len(manifest.require('Toy')['source']['sessions']) == 3
    # The next call fetches only the missing session.
    site.files['/a2.npz'] = whole
    site.requests.clear()
    summary = json.loads(fetch('--workers', '2', '--json', '-').out)
    assert (summary['failed'], summary['refused'], summary['extracted_before']) == ({}, {}, 3)
    assert {request['path'] for request in site.requests} == {'/a2.npz'}
    assert {area: counts['sessions'] for area, counts in summary['areas'].items()} == {'POR': 2, 'VISp': 1, 'LI_a': 1}
    assert summary['settings'] == {'signal': 'rates'}
    assert m2m('data', 'verify', 'Toy').code == 0
    # The imported dataset has benchmarks.
    benchmark = load_benchmark('Toy.POR-rdm')
    assert benchmark.stimulus_set['stimulus_id'].tolist() == [f'image_{number:02d}' for number in range(12)]
    assert benchmark.identifier == 'Toy.POR-rdm'
    # Its listing names the fetch command, though the library has no plugin of that name.
    assert manifest.import_command('Toy').startswith('m2m data fetch Toy, or ')


@pytest.mark.slow
def test_whole_files_areas_and_settings(fetch, toy, m2m_home):
    bytes_of = [json.loads(fetch(*options, '--json', '-').out)['sha256'] for options in ((), ('--whole-files',))]
    assert bytes_of[0] == bytes_of[1]
    assert sorted(path.name for path in toy.downloads().glob('npz/*.npz')) == ['a1.npz', 'a2.npz', 'b1.npz', 'b2.npz']
    ran = fetch('--areas', 'V1,por', '--signal', 'counts', '--json', '-')
    assert ran.err == 'note: areas are named as the Allen Institute names them: V1 as VISp.\n'
    assert set(json.loads(ran.out)['areas']) == {'VISp', 'POR'}
    responses = store.load_assembly('Toy').values
    assert np.array_equal(responses, responses.round())


def test_wrong_usage(fetch, m2m, toy, site, m2m_home):
    ran = fetch('--cre', 'Cux2-CreERT2')
    assert ran.code == 2
    assert '--cre is for deVries2020 and Siegle2021, not Toy.' in ' '.join(ran.err.split())
    ran = m2m('data', 'fetch', 'Siegle2021', '--server', site.address)
    assert ran.code == 2
    assert '--server is for Toy, not Siegle2021.' in ' '.join(ran.err.split())
    ran = fetch('--areas', 'V2')
    assert (ran.code, ran.out) == (1, '')
    assert "unknown area 'V2'" in ran.err
    assert 'Address of the server that has the sessions.' in ' '.join(m2m('data', 'fetch', 'Toy', '--help').out.split())
    for path in [path for path in site.files if path.endswith('.npz')]:
        site.files[path] = npz_bytes(counts=np.zeros((2, 60, 3)), animal=np.array('m1'))
    ran = fetch('--workers', '1')
    assert (ran.code, ran.out) == (1, '')
    assert 'none of 4 sessions of Toy could be extracted' in ran.err
    assert 'expected (repetitions, 12, neurons)' in ran.err


def test_python_calls_take_the_defaults_of_the_options(toy, site, m2m_home, monkeypatch):
    server, *others = toy.options
    monkeypatch.setattr(type(toy), 'options', (replace(server, default=site.address), *others))
    assert len(plan(toy).listing.sessions) == 4
    entry = fetch_survey(surveys.find_survey('Toy')).manifest
    assert (len(entry['source']['sessions']), entry['source']['settings']) == (4, {'signal': 'rates'})


def test_another_number_of_images(fetch, site, m2m_home):
    index = json.loads(site.files['/index.json'])
    site.files['/index.json'] = json.dumps({**index, 'images': index['images'][:5]}).encode()
    ran = fetch('--workers', '1')
    assert (ran.code, ran.out) == (1, '')
    assert 'Toy has 5 images; expected 12, the n_images of its class.' in ran.err


@pytest.mark.parametrize('part', ['n_images', 'settings_type', 'list_sessions', 'extract', 'stimuli'])
def test_a_class_that_lacks_a_part(toy, m2m, m2m_home, monkeypatch, part):
    have = {name: value for name, value in vars(type(toy)).items() if name != part and not name.startswith('__')}
    lacking = type('Lacking', (Survey,), {**have, 'name': 'Lacking'})
    monkeypatch.setitem(surveys.SURVEYS, 'Lacking', lacking())
    ran = m2m('data', 'fetch', 'Lacking')
    assert (ran.code, ran.out) == (1, '')
    assert f'the survey Lacking cannot be fetched: its class Lacking has no {part};' in ran.err
    with pytest.raises(M2MError, match=f'has no {part}'):
        surveys.find_survey('Lacking')
    with pytest.raises(M2MError, match=f'has no {part}'):
        fetch_survey(lacking())
    # Other surveys are unaffected.
    assert m2m('data', 'fetch', 'deVries2020', '--depth', '-').code == 2


@pytest.mark.parametrize('settings_type', [dict, {'signal': 'rates'}])
def test_settings_that_are_no_dataclass(toy, m2m, m2m_home, monkeypatch, settings_type):
    monkeypatch.setattr(type(toy), 'settings_type', settings_type)
    ran = m2m('data', 'fetch', 'Toy', '--dry-run')
    assert (ran.code, ran.out) == (1, '')
    assert 'the survey Toy cannot be fetched: settings_type of its class Toy is' in ran.err
    assert 'expected a dataclass' in ran.err
    with pytest.raises(M2MError, match='expected a dataclass'):
        fetch_survey(toy)


def test_another_name_in_the_table(toy, m2m, m2m_home, monkeypatch):
    monkeypatch.setitem(surveys.SURVEYS, 'Toys', toy)
    ran = m2m('data', 'fetch', 'Toys')
    assert (ran.code, ran.out) == (1, '')
    assert "the survey Toys cannot be fetched: name of its class Toy is 'Toy'; expected 'Toys'" in ran.err


@pytest.mark.parametrize('fault', [file_server.hang_up, file_server.drip('headers'), file_server.drip('body')])
@pytest.mark.parametrize('whole_files', [False, True])
@pytest.mark.several
def test_a_stalling_server_takes_no_longer_than_documented(toy, site, m2m_home, fault, whole_files):
    for session, _, _ in SESSIONS:
        site.faulty[f'/{session}.npz'] = fault
    clock = Clock()
    site.sleep = clock.sleep
    retry = RetryPolicy(tries=2, sleep=clock.wait, clock=clock)
    selection = replace(toy.selection(None, None, {'server': site.address}), retry=retry)
    with pytest.raises(DataError, match='3 sessions in a row could not be reached'):
        fetch_survey(toy, selection, whole_files=whole_files)
    # Waits were 1 s, not the minute that a server may ask for. At either end of the 3 x 2 attempts the server is ahead
    # of its client by at most one byte, which takes 5 s.
    assert clock() <= longest_silence_s(retry) - 3 * (60 - 1) + 3 * 2 * 2 * 5
