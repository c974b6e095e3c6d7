"""`m2m data fetch deVries2020` and `m2m data fetch Siegle2021`, from a server on loopback."""

import json

import allen_bucket as bucket
import pytest
from allen_warehouse import Warehouse

from m2m_benchmarks.acquisition.surveys import SURVEYS
from m2m_benchmarks.cli.fetch import _DIGITS_OPTIONS, _SURVEY_OPTIONS
from m2m_benchmarks.data import manifest
from m2m_benchmarks.testing import file_server, serving_files

pytestmark = pytest.mark.network


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp('bucket')
    with serving_files(Warehouse()) as server:
        bucket.put_ophys(server, folder / 'ophys', n_repetitions=50)
        bucket.put_ecephys(server, folder / 'ecephys')
        yield server


@pytest.fixture
def fetch(m2m, m2m_home, site, monkeypatch):
    """The function fetch('deVries2020', '--areas', 'VISp') -> Ran."""
    mirrors = ('--mirror', f'{site.address}/bucket/', '--warehouse', f'{site.address}/warehouse')
    return lambda *arguments: m2m('data', 'fetch', *arguments, *mirrors)


@pytest.mark.slow
def test_ophys(fetch, site, m2m, m2m_home, monkeypatch):
    monkeypatch.setitem(site.files, bucket.ophys_path(502), b'<html>an error</html>')
    ran = fetch('deVries2020')
    assert ran.code == 0
    assert ran.err == ''
    assert 'deVries2020: fetched' in ran.out
    assert '118 stimuli, up to 50 repetitions' in ran.out
    assert 'Session 502 could not be read: ' in ran.out
    assert 'cannot be read as HDF5' in ran.out
    assert 'Run the same command to try them again' in ran.out
    assert 'Made with signal dff, window 14, course 7+28.' in ran.out
    assert 'Counts over all sessions: 150 blank.' in ran.out
    assert 'replaces' not in ran.out
    document = json.loads(fetch('deVries2020', '--json', '-', '--areas', 'VISp,VISl').out)
    assert (list(document['failed']), document['extracted_before']) == (['502'], 3)
    assert document['areas']['VISp']['sessions'] == 2
    assert document['settings']['window'] == '14'
    assert document['counts']['n_blank'] == 150
    assert m2m('data', 'verify').code == 0
    assert 'made with: signal dff, window 14, course 7+28\n' in m2m('data', 'list', 'deVries2020').out
    ran = fetch('deVries2020', '--areas', 'VISp', '--sdk-compatible')
    assert 'It replaces an earlier dataset of 9 neuroids, made with signal dff, window 14, course 7+28.' in ran.out
    scored = m2m('score', 'pixels_64', 'deVries2020.VISp-ridge', '--layer', 'pixels', '--json', '-')
    assert json.loads(scored.out)['data_settings']['sdk_compatible'] is True


@pytest.mark.slow
def test_ecephys(fetch, m2m_home):
    ran = fetch(
        'Siegle2021', '--areas', 'VISp', '--max-sessions', '2', '--window', '50-250', '--amplitude-cutoff', 'none'
    )
    assert ran.code == 0
    assert 'm2m score' not in ran.out  # no neuroid is reliable
    entry = manifest.require('Siegle2021')
    assert entry['summary']['areas']['VISp']['sessions'] == 2
    assert entry['source']['settings']['window_ms'] == [50, 250]
    assert entry['source']['settings']['amplitude_cutoff'] is None


def test_dry_run(fetch, site, m2m_home):
    site.requests.clear()
    ran = fetch('deVries2020', '--dry-run', '--depth', '200-300')
    assert ran.code == 0
    rows = [line.split() for line in ran.out.splitlines()]
    assert ['VISl', 'Cux2-CreERT2', '1'] in rows
    assert ['VISl', 'Vip-IRES-Cre', '1'] in rows
    n_bytes = sum(len(site.files[bucket.ophys_path(number)]) for number in (502, 503))
    assert f'Files of the others: {n_bytes:,} bytes' in ran.out
    planned = json.loads(fetch('deVries2020', '--dry-run', '--json', '-').out)
    assert (planned['sessions'], planned['failed_quality_control']) == (4, 1)
    assert json.loads(fetch('Siegle2021', '--dry-run', '--json', '-').out)['sessions'] == 3
    assert not any(request['sent'] for request in site.requests if request['path'].endswith('.nwb'))
    assert manifest.names() == []


@pytest.mark.seconds
def test_a_dry_run_names_files_that_no_server_has(fetch, site, m2m_home, monkeypatch):
    monkeypatch.delitem(site.files, f'{bucket.OPHYS}/ophys_experiment_events/503_events.npz')
    monkeypatch.setitem(site.faulty, bucket.ophys_path(502), file_server.status(403))
    out = ' '.join(fetch('deVries2020', '--dry-run', '--signal', 'events').out.split())
    assert 'settings; the files of 1 are on no server (502); the events of 1 are on no server (503). Files' in out
    planned = json.loads(fetch('deVries2020', '--dry-run', '--signal', 'events', '--json', '-').out)
    assert (planned['without_file'], planned['sessions_without_file']) == (1, ['502'])
    assert (planned['without_second_file'], planned['sessions_without_second_file']) == (1, ['503'])
    paths = [bucket.ophys_path(number) for number in (501, 504)]
    paths += [f'{bucket.OPHYS}/ophys_experiment_events/{number}_events.npz' for number in (501, 502, 504)]
    assert planned['file_bytes'] == sum(len(site.files[path]) for path in paths)


@pytest.mark.parametrize('width', [60, 80, 100])
@pytest.mark.several
def test_a_dry_run_on_a_terminal(terminal, site, m2m_home, width):
    mirrors = ('--mirror', f'{site.address}/bucket/', '--warehouse', f'{site.address}/warehouse')
    out = terminal(width, 'data', 'fetch', 'deVries2020', '--dry-run', *mirrors)
    assert all(len(line) <= width for line in out.splitlines())
    assert '…' not in out
    assert ['VISl', 'Vip-IRES-Cre', '1'] in [line.split() for line in out.splitlines()]
    n_bytes = sum(len(site.files[bucket.ophys_path(number)]) for number in (501, 502, 503, 504))
    assert any(f' {n_bytes:,} bytes' in line for line in out.splitlines())


def test_no_session_can_be_extracted(fetch, site, m2m_home, monkeypatch):
    for number in (501, 504):
        monkeypatch.setitem(site.files, bucket.ophys_path(number), b'nothing')
    ran = fetch('deVries2020', '--areas', 'VISp')
    assert (ran.code, ran.out) == (1, '')
    assert 'none of 2 sessions of deVries2020 could be extracted. 501: ' in ran.err


@pytest.mark.parametrize(
    ('arguments', 'code', 'message'),
    [
        (['deVries2020', '--photos', 'here'], 2, '--photos is for digits, not deVries2020'),
        (['deVries2020', '--seed', '0'], 2, '--seed is for digits'),
        (['deVries2020', '--isi-violations', '1'], 2, 'is for Siegle2021, not deVries2020'),
        (['Siegle2021', '--depth', '100-200'], 2, '--depth is for deVries2020, not Siegle2021'),
        (['Siegle2021', '--sdk-compatible'], 2, 'is for deVries2020'),
        (['Siegle2021', '--window', '14'], 2, 'expected milliseconds'),
        (['Siegle2021', '--presence-ratio', 'much'], 2, 'a number or none'),
        (['deVries2020', '--depth', '300-200'], 2, '--depth is 300-200'),
        (['deVries2020', '--depth', '-'], 2, '--depth is -'),
        (['deVries2020', '--areas', ','], 2, '--areas is empty; expected one name or several'),
        (['deVries2020', '--delete-files'], 2, '--delete-files needs --whole-files'),
        (['deVries2020', '--delete-nwb'], 2, '--delete-files needs --whole-files'),  # its earlier name
        (['deVries2020', '--workers', '2', '--scheduler', 'tcp://127.0.0.1:1'], 2, 'leave out --workers'),
        (['deVries2020', '--workers', '0'], 2, '--workers'),
        (['deVries2020', '--signal', 'spikes'], 1, 'unknown signal'),
        (['deVries2020', '--areas', 'V2'], 1, "unknown area 'V2'"),
        (['deVries2020', '--cre', 'Cux2'], 1, 'Did you mean Cux2-CreERT2?'),
        (['deVries2020', '--depth', '900-'], 1, 'no usable session of'),
        (['devries2020'], 1, 'Did you mean deVries2020?'),
    ],
)
def test_invalid_options(fetch, m2m_home, arguments, code, message):
    ran = fetch(*arguments)
    assert (ran.code, ran.out) == (code, '')
    assert message in ' '.join(ran.err.replace('│', ' ').split())
    assert manifest.names() == []


def test_the_commands_that_get_them(m2m, m2m_home):
    for name in ('deVries2020', 'Siegle2021'):
        commands = f'  m2m data fetch {name}\n  or: m2m data import {name} --sessions'
        assert commands in m2m('data', 'list', name).out


def squeezed(text):
    """Return a text without its spaces: lines may be broken at a dash."""
    return ''.join(text.split())


def test_the_help_has_sentences_and_the_options_of_one_dataset(m2m):
    options = {name: (*_SURVEY_OPTIONS, *survey.options) for name, survey in SURVEYS.items()}
    options['digits'] = _DIGITS_OPTIONS
    for name, own in options.items():
        help_ = squeezed(m2m('data', 'fetch', name, '--help').out)
        assert f'm2mdatafetch{name}[OPTIONS]' in help_
        for option in {option for each in options.values() for option in each}:
            assert (squeezed(option.help) in help_) == (option in own and not option.hidden), (name, option.name)
            assert option.help[0].isupper() and option.help.endswith('.'), option.name
        # Flags have no --no- form.
        assert '--no-' not in help_
        assert 'nwb' not in help_.lower()
    assert 'Siegle2021DownloadtherecordingsSiegle2021(Neuropixels).' in squeezed(m2m('data', 'fetch', '--help').out)


def test_the_earlier_spelling_names_the_new_one(m2m, m2m_home):
    ran = m2m('data', 'fetch', 'Siegle2021', '--sessions', 2)
    assert (ran.code, ran.out) == (2, '')
    assert '--sessions is now --max-sessions: use --max-sessions 2.' in ' '.join(ran.err.split())


def test_common_options_name_no_single_survey():
    """Areas and file types differ between surveys."""
    text = ' '.join(option.help for option in _SURVEY_OPTIONS if not option.hidden)
    assert not [word for word in ('VIS', 'NWB', 'scene', 'Allen', 'cell', 'unit') if word in text]
