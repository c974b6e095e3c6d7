"""Published numbers beside those of datasets here: simulated sessions with the ids of published ones."""

import json
from dataclasses import asdict, replace

import allen_bucket as bucket
import allen_ophys_nwb as nwb
import h5py
import numpy as np
import pandas as pd
import pytest

from m2m_benchmarks.acquisition.allen.ecephys import published as ecephys
from m2m_benchmarks.acquisition.allen.ecephys.settings import EcephysSettings
from m2m_benchmarks.acquisition.allen.ophys import published as ophys
from m2m_benchmarks.acquisition.allen.ophys.settings import OphysSettings
from m2m_benchmarks.acquisition.allen.sessions import AllenSelection
from m2m_benchmarks.acquisition.pipeline.fetch import fetch_survey
from m2m_benchmarks.acquisition.surveys import SURVEYS
from m2m_benchmarks.data import atomic, store
from m2m_benchmarks.net.retry import RetryPolicy
from m2m_benchmarks.testing import png_bytes

AREAS = ('VISp', 'VISl', 'VISrl', 'VISal', 'VISpm', 'VISam')
CELLS = (517399188, 517399994, 517399857)


@pytest.fixture
def fetch(site, m2m_home):
    """The function fetch('deVries2020', settings), which fetches everything on the server."""

    def run(name, settings):
        places = {'mirror': f'{site.address}/bucket', 'warehouse': f'{site.address}/warehouse'}
        selection = AllenSelection(**places, retry=RetryPolicy(sleep=float))
        assert fetch_survey(SURVEYS[name], selection, settings).failed == {}
        site.requests.clear()

    return run


@pytest.fixture
def verify(m2m):
    """The function verify('Siegle2021') -> (exit code, {number: (published, here, result)})."""

    def run(name):
        ran = m2m('data', 'verify', name, '--published', '--json', '-')
        document = json.loads(ran.out)
        assert document['name'] == name
        results = {each['what']: (each['published'], each['here'], each['result']) for each in document['published']}
        assert len(results) == len(document['published'])
        return ran, results

    return run


def check_both(verify, monkeypatch, module, name, expected):
    """Check a dataset beside its real table, from which it differs, and beside one with its own numbers."""
    ran, results = verify(name)
    assert ran.code == 1
    differing = {what for what, (published, here, _) in results.items() if here not in (None, published)}
    assert {what for what, (*_, result) in results.items() if result == 'differs'} == differing
    assert f'{name}: {len(differing)} of {len(results)} published numbers differ here' in ran.err
    assert {what: here for what, (_, here, _) in results.items() if here is not None} == pytest.approx(
        expected, rel=1e-6
    )
    numbers = tuple(replace(each, value=expected.get(each.what, each.value)) for each in module.NUMBERS)
    monkeypatch.setattr(module, 'NUMBERS', numbers)
    ran, results = verify(name)
    assert (ran.code, ran.err) == (0, '')
    assert {what for what, (*_, result) in results.items() if result == 'ok'} == set(expected)
    assert {result for *_, result in results.values()} == {'ok', 'cannot be checked'}


def good_units(path):
    """Read the structures of the units of a file that pass the published filters."""
    with h5py.File(path) as file:
        electrodes = file['general/extracellular_ephys/electrodes']
        channels = pd.DataFrame(
            {'structure': electrodes['location'].asstr()[()], 'valid': electrodes['valid_data'][()]},
            electrodes['id'][()],
        )
        names = ('amplitude_cutoff', 'presence_ratio', 'isi_violations', 'peak_channel_id')
        units = pd.DataFrame({name: file[f'units/{name}'][()] for name in names})
        units['good'] = file['units/quality'].asstr()[()] == 'good'
    units = units.join(channels, on='peak_channel_id')
    return units.query(
        'amplitude_cutoff <= 0.1 and presence_ratio >= 0.95 and isi_violations <= 0.5 and good and valid'
    )['structure']


@pytest.mark.slow
@pytest.mark.network
def test_neuropixels(site, fetch, verify, m2m, monkeypatch, tmp_path):
    bucket.put_ecephys(site, tmp_path, sessions=((715093703, 801, 'wt/wt'), (791319847, 802, 'wt/wt')))
    fetch('Siegle2021', EcephysSettings())
    structures = {number: good_units(tmp_path / f'{number}.nwb') for number in (715093703, 791319847)}
    assert len(structures[715093703]) > structures[715093703].isin(AREAS).sum()
    expected = {
        'sessions of type brain_observatory_1.1': 2,
        'natural scenes': 118,
        'repetitions in each session': 3,
        'blanks in each session': 5,
        'presentations in each session': 3 * 118 + 5,
        'units in the file of session 715093703': 40,
        **{f'units of session {number} by the default filters': len(each) for number, each in structures.items()},
        **{
            f'units of session 791319847 by the default filters, in {area}': int((structures[791319847] == area).sum())
            for area in AREAS
        },
    }
    check_both(verify, monkeypatch, ecephys, 'Siegle2021', expected)
    table = m2m('data', 'verify', 'Siegle2021', '--published').out
    assert 'cannot be checked: session 719161530 was not fetched' in table
    assert site.requests == []
    fetch('Siegle2021', EcephysSettings(isi_violations=None))
    table = m2m('data', 'verify', 'Siegle2021', '--published').out
    assert 'cannot be checked: it needs the default filters of units' in table


@pytest.mark.slow
@pytest.mark.network
def test_two_photon(site, fetch, verify, m2m, monkeypatch, tmp_path):
    sessions = ((510938357, 901, 'VISp', 'Cux2-CreERT2', 175, False), (505, 905, 'VISp', 'Cux2-CreERT2', 175, True))
    bucket.put_ophys(site, tmp_path, sessions=sessions)
    bucket.put_scenes(site)
    path = tmp_path / '510938357.nwb'
    bucket.edit(
        path, f'{nwb.PIPELINE}/ImageSegmentation/cell_specimen_ids', lambda ids: ids.write_direct(np.array(CELLS))
    )
    site.files[bucket.ophys_path(510938357)] = path.read_bytes()
    fetch('deVries2020', OphysSettings(sdk_compatible=True))
    assembly = store.load_assembly('deVries2020')
    expected = {
        'sessions of containers that passed quality control': 1,
        'sessions of containers that failed quality control': 1,
        'natural scenes': 118,
        'repetitions in each session': 3,
        'blanks in each session': 3,
        'presentations in each session': 3 * 119,
    }
    for cell in CELLS:
        column = assembly['neuroid_id'].values.tolist().index(str(cell))
        tuning = pd.Series(assembly.values[:, column, 0].astype(float)).groupby(assembly['stimulus_id'].values).mean()
        expected |= {
            f'preferred scene of cell {cell}': int(tuning.idxmax().removeprefix('scene_')),
            f'reliability_ns of cell {cell}': assembly['reliability_ns'].values[column].item(),
            f'response to the preferred scene of cell {cell}': tuning.max(),
        }
    check_both(verify, monkeypatch, ophys, 'deVries2020', expected)
    assert (
        'cannot be checked: cell 517399727 is not in the dataset'
        in m2m('data', 'verify', 'deVries2020', '--published').out
    )
    assert site.requests == []
    fetch('deVries2020', OphysSettings())
    table = m2m('data', 'verify', 'deVries2020', '--published').out
    assert table.count('cannot be checked: it needs a fetch with --sdk-compatible') == 15


def write_two_sessions(responses, source):
    """Write a dataset of two units of session 791319847 and one of session 715093703, all of VISp."""
    image = png_bytes(np.zeros((4, 4), np.uint8))
    neuroids = pd.DataFrame(
        {'neuroid_id': ['1', '2', '3'], 'region': 'VISp', 'animal': '1', 'session': ['791319847'] * 2 + ['715093703']}
    )
    stimuli = {f'scene_{number:03d}': image for number in range(118)}
    with atomic.write_lock('Siegle2021'):
        store.write_dataset('Siegle2021', responses, neuroids, stimuli, (65, 255), source)


@pytest.mark.seconds
def test_a_dataset_with_the_published_numbers_and_another(m2m, verify, m2m_home):
    responses = np.random.default_rng(0).random((50, 118, 3), dtype=np.float32)
    of_session = {'n_blank': 50, 'n_missing': 0, 'n_units': 2779, 'n_good_elsewhere': 883}
    sessions = [
        {'session': '715093703', 'neuroids': 1, 'counts': of_session},
        {'session': '791319847', 'neuroids': 2, 'counts': {**of_session, 'n_good_elsewhere': 553}},
    ]
    source = {
        'made_by': 'm2m data fetch Siegle2021',
        'settings': {**asdict(EcephysSettings()), 'areas': []},
        'sessions': sessions,
    }
    write_two_sessions(responses, source)
    ran, results = verify('Siegle2021')
    assert {what: here for what, (_, here, result) in results.items() if result == 'ok'} == {
        'natural scenes': 118,
        'repetitions in each session': 50,
        'blanks in each session': 50,
        'presentations in each session': 5950,
        'units in the file of session 715093703': 2779,
        'units of session 715093703 by the default filters': 884,
        'units of session 791319847 by the default filters': 555,
    }
    assert (ran.code, {result for *_, result in results.values()}) == (0, {'ok', 'cannot be checked'})
    # One session with other counts, and one that an earlier version extracted.
    sessions[0]['counts'] = {**of_session, 'n_blank': 49}
    del sessions[1]['counts']['n_good_elsewhere']
    write_two_sessions(responses, {**source, 'settings': {**source['settings'], 'areas': ['VISp']}})
    ran, results = verify('Siegle2021')
    assert {what: here for what, (_, here, result) in results.items() if result == 'differs'} == {
        'blanks in each session': 49,
        'presentations in each session': 5949,
        'units of session 791319847 by the default filters, in VISp': 2,
    }
    assert ran.code == 1
    table = m2m('data', 'verify', 'Siegle2021', '--published').out
    for reason in ('session 791319847 was extracted by an earlier version', 'VISl was not fetched'):
        assert f'cannot be checked: {reason}' in table


@pytest.mark.seconds
def test_imported_recordings(m2m, verify, m2m_home):
    """Their filters aren't known, and only what is in the responses can be compared."""
    responses = np.random.default_rng(0).random((50, 118, 3), dtype=np.float32)
    responses[49, :, 2] = np.nan
    write_two_sessions(responses, {'made_by': 'm2m data import', 'sessions': {'file': 'sessions.csv'}})
    ran, results = verify('Siegle2021')
    assert {what: each for what, each in results.items() if each[1] is not None} == {
        'natural scenes': (118, 118, 'ok'),
        'repetitions in each session': (50, 49, 'differs'),
    }
    assert (ran.code, 'differ here: repetitions in each session' in ran.err) == (1, True)
    table = m2m('data', 'verify', 'Siegle2021', '--published').out
    imported = 'these recordings were imported'
    for reason in (f'{imported}, so their', f'{imported}, without counts', "the bucket's catalogue is not on this"):
        assert f'cannot be checked: {reason}' in table


@pytest.mark.parametrize(
    ('arguments', 'code', 'message'),
    [
        ((), 2, '--published needs the name of a dataset'),
        (('Smith2026',), 1, 'unknown dataset'),
        (('deVries2020',), 1, 'deVries2020 is not on this machine'),
    ],
)
def test_nothing_to_compare(m2m, m2m_home, arguments, code, message):
    ran = m2m('data', 'verify', *arguments, '--published')
    assert ran.code == code
    assert message in ' '.join(ran.err.split())
