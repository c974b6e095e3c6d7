"""Writing and reading of assemblies in the data folder."""

import functools
import json
import shutil
import warnings

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from brainscore_core.supported_data_standards.brainio.assemblies import NeuronRecordingAssembly
from brainscore_vision.benchmark_helpers.neural_common import average_repetition

from m2m_benchmarks import load_dataset, load_stimulus_set
from m2m_benchmarks.acquisition import importing
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.benchmarks.datasets import RECORDINGS
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.cards import card, cards
from m2m_benchmarks.data.digit_names import DOMAINS
from m2m_benchmarks.data.trials import average_repetitions, trial_array
from m2m_benchmarks.errors import DataError, DataNotFoundError, StorageError, UnknownNameError
from m2m_benchmarks.storage import sha256_file
from m2m_benchmarks.testing import damaged


def assembly(values, stimuli, repetitions):
    n_neuroids = values.shape[1]
    return NeuronRecordingAssembly(
        values,
        coords={
            'stimulus_id': ('presentation', stimuli),
            'repetition': ('presentation', repetitions),
            'neuroid_id': ('neuroid', np.arange(n_neuroids)),
            'region': ('neuroid', ['VISp'] * n_neuroids),
        },
        dims=['presentation', 'neuroid'],
    )


def shuffled(seed):
    """20 of the 24 presentations of 6 stimuli, 4 repetitions, in no order, with one value of each neuroid missing."""
    rng = np.random.default_rng(seed)
    every = [(f's{i}', repetition) for repetition in range(4) for i in range(6)]
    kept = [every[i] for i in rng.permutation(24)[:20]]
    values = rng.standard_normal((20, 3))
    values[rng.integers(0, 20, 3), np.arange(3)] = np.nan
    stimuli, repetitions = zip(*kept, strict=True)
    return assembly(values, list(stimuli), list(repetitions)), values, kept


@pytest.mark.parametrize('seed', range(5))
def test_cube_puts_each_presentation_in_its_place(seed):
    made, values, presentations = shuffled(seed)
    responses, stimulus_ids = trial_array(made)
    assert responses.shape == (4, 6, 3)
    expected = np.full((4, 6, 3), np.nan)
    for row, (stimulus, repetition) in zip(values, presentations, strict=True):
        expected[repetition, list(stimulus_ids).index(stimulus)] = row
    np.testing.assert_array_equal(responses, expected)


@pytest.mark.parametrize('seed', range(5))
def test_average_ignores_missing_trials(seed):
    made, values, presentations = shuffled(seed)
    mean = average_repetitions(made)
    for i, stimulus in enumerate(mean['stimulus_id'].values):
        mine = values[[name == stimulus for name, _ in presentations]]
        for n in range(3):
            recorded = [value for value in mine[:, n] if not np.isnan(value)]
            assert mean.values[i, n] == pytest.approx(sum(recorded) / len(recorded))
    assert list(mean['neuroid_id'].values) == [0, 1, 2]


def test_a_repetition_that_is_there_twice():
    with pytest.raises(DataError, match='more than once'):
        trial_array(assembly(np.zeros((2, 3)), ['a', 'a'], [0, 0]))


def test_data_that_is_not_here(m2m_home):
    for load in (load_dataset, load_stimulus_set):
        with pytest.raises(DataNotFoundError, match='m2m data import Siegle2021 --sessions'):
            load('Siegle2021')
        with pytest.raises(UnknownNameError, match='Did you mean Siegle2021'):
            load('Siegel2021')
    assert not m2m_home.exists()


def test_a_ledger_that_cannot_be_read(m2m_home):
    folder = m2m_home / 'data' / 'Siegle2021'
    folder.mkdir(parents=True)
    for content in ('{"format": 1, "name"', '[]', '{"format": 99}', ''):
        (folder / 'ledger.json').write_text(content)
        with pytest.raises(DataError, match='m2m data import Siegle2021'):
            load_dataset('Siegle2021')


def small_manifest(kind):
    entry = {'file': 'a.npy', 'sha256': 'a' * 64, 'bytes': 5}
    content = {'name': 'Lab2026', 'version': 'abc', 'created': '2026-01-01', 'source': {'made_by': 'hand'}}
    if kind == manifest.DIGITS:
        split = {'files': {'images': entry}, 'images': 1, 'clusters': 1, 'source': {'made_by': 'hand'}}
        return {**content, 'kind': kind, 'splits': {'train': split}}
    area = dict.fromkeys(('neuroids', 'reliable', 'flat', 'animals', 'sessions'), 7)
    summary = {'repetitions': 2, 'stimuli': 1, 'areas': {'VISp': area}}
    return {**content, 'assembly': entry, 'stimuli': [{**entry, 'stimulus_id': 'x'}], 'summary': summary}


def places(value, place=()):
    """All places in a nested object."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*place, key)
        yield from places(item, (*place, key))


@pytest.mark.parametrize('kind', [None, manifest.DIGITS])
def test_a_manifest_of_another_form(m2m_home, kind):
    """No entry can be missing or of another type, in a manifest of version 0.1, which has no SHA-256 of its content."""
    whole = {'format': 1, **small_manifest(kind)}
    path = manifest.manifest_path('Lab2026')
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(whole))
    assert manifest.read('Lab2026') == whole
    changes = [json.dumps({**whole, 'sha357': 'a' * 64})]
    changes += [json.dumps({other: whole[other] for other in whole if other != key}) for key in whole]
    for place in places(whole):
        changed = json.loads(json.dumps(whole))
        functools.reduce(lambda part, key: part[key], place[:-1], changed)[place[-1]] = -1.5
        changes.append(json.dumps(changed))
    for content in changes:
        path.write_text(content)
        with pytest.raises(DataError, match=r'Lab2026/ledger\.json .*Bring it again'):
            manifest.read('Lab2026')


@pytest.mark.parametrize('file', ['../x', '/etc/x', 'a/../../x', '', 'a\0b'])
def test_a_manifest_with_a_path_outside(m2m_home, file):
    content = small_manifest(None)
    content['assembly']['file'] = file
    manifest.manifest_path('Lab2026').parent.mkdir(parents=True)
    manifest.write('Lab2026', content)
    with pytest.raises(DataError, match=r"assembly\.file is .*, expected a path inside the dataset's folder"):
        manifest.read('Lab2026')


def test_a_damaged_manifest_is_noticed(m2m_home):
    path = manifest.manifest_path('Lab2026')
    path.parent.mkdir(parents=True)
    written = manifest.write('Lab2026', small_manifest(None))
    for damage, copy in damaged(path.read_bytes(), 50, 30):
        path.write_bytes(copy)
        try:
            # A space may have become a tab.
            assert manifest.read('Lab2026') == written, damage
        except DataError as error:
            assert 'Bring it again' in str(error)


@pytest.mark.parametrize('file', ['assembly', 'stimuli'])
@pytest.mark.parametrize('harm', ['missing', 'cut short', 'changed'])
@pytest.mark.seconds
def test_damaged_files_are_not_loaded(m2m_home, make_bundle, tmp_path, file, harm):
    bundle = make_bundle(tmp_path / 'bundle')
    entry = import_bundle('Siegle2021', *bundle.paths)
    named = entry['assembly'] if file == 'assembly' else entry['stimuli'][3]
    path = manifest.path_of('Siegle2021', entry, named)
    content = path.read_bytes()
    if harm == 'missing':
        path.unlink()
    elif harm == 'cut short':
        path.write_bytes(content[: len(content) // 2])
    else:
        path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    with pytest.raises(DataError, match=r'is damaged: .*m2m data import Siegle2021 --sessions'):
        load_dataset('Siegle2021')
    if file == 'stimuli':
        with pytest.raises(DataError, match=f'{path.name} of Siegle2021 is damaged'):
            load_stimulus_set('Siegle2021')
    import_bundle('Siegle2021', *bundle.paths)  # the command that the message names
    assert load_dataset('Siegle2021').sizes['neuroid'] == 15


def test_missing_repetitions_in_an_average(m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    import_bundle('Siegle2021', *bundle.paths)
    mean = average_repetitions(load_dataset('Siegle2021'))
    rates = [counts.mean(axis=0) / 0.2 for counts in bundle.counts.values()]  # of 10, 8 and 10 trials
    np.testing.assert_allclose(mean.values, np.concatenate(rates, axis=1), rtol=1e-6)


def test_a_stimulus_that_a_neuroid_never_saw():
    values = np.array([[1.0, np.nan], [2.0, 5.0], [3.0, np.nan], [4.0, 7.0]])
    made = assembly(values, ['a', 'b', 'a', 'b'], [0, 0, 1, 1])
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', RuntimeWarning)
        np.testing.assert_array_equal(average_repetitions(made).values, [[2, np.nan], [3, 6]])


def test_loading_twice_reads_once(m2m_home):
    assert load_dataset('SimulatedMouse') is load_dataset('SimulatedMouse')


@pytest.mark.seconds
@pytest.mark.parametrize('folder', [False, True])
def test_an_assembly_that_is_swapped_while_it_is_read(m2m_home, make_bundle, tmp_path, monkeypatch, folder):
    """It, or its folder, is put back before anyone looks, so its content is right again, and what was read is not."""
    import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle').paths)
    entry = manifest.require('Lab2026')
    path = manifest.path_of('Lab2026', entry, entry['assembly'])
    content = path.read_bytes()
    with netCDF4.Dataset(path, 'r+') as file:
        file['data'][:] = file['data'][:][::-1]
    other = path.read_bytes()
    path.write_bytes(content)
    open_dataset = xr.open_dataset

    def swapped(path, **options):
        if folder:
            path.parent.rename(tmp_path / 'aside')
            path.parent.mkdir()
        path.write_bytes(other)
        stored = open_dataset(path, **options).load()
        path.write_bytes(content)
        if folder:
            shutil.rmtree(path.parent)
            (tmp_path / 'aside').rename(path.parent)
        return stored

    monkeypatch.setattr(xr, 'open_dataset', swapped)
    with pytest.raises(StorageError, match='was changed while it was read'):
        load_dataset('Lab2026')
    monkeypatch.undo()


def test_presentations_have_a_second_coordinate_that_is_not_in_the_file(simulated_home):
    """With a single coordinate, Brain-Score's averages have the dimension stimulus_id, which its metrics reject."""
    entry = manifest.require('SimulatedMouse')
    path = manifest.path_of('SimulatedMouse', entry, entry['assembly'])
    recordings = load_dataset('SimulatedMouse')
    assert recordings.indexes['presentation'].names == ['stimulus_id', 'repetition', 'object_name']
    assert set(recordings['object_name'].values) == set(load_stimulus_set('SimulatedMouse')['object_name']) == {'scene'}
    mean = average_repetition(recordings)
    assert mean.dims == ('presentation', 'neuroid', 'time_bin')
    with netCDF4.Dataset(path) as file:
        assert 'object_name' not in file.variables
    assert sha256_file(path) == recordings.attrs['sha256'] == entry['assembly']['sha256']


@pytest.mark.seconds
def test_a_column_of_that_name_is_kept(m2m_home, make_bundle, tmp_path, monkeypatch):
    """A bundle imported by an earlier version may have such a column; now it is renamed, like other coordinates."""
    bundle = make_bundle(tmp_path / 'bundle')
    units = pd.read_csv(bundle.units)
    units.assign(object_name='mine').to_csv(bundle.units, index=False)
    import_bundle('Lab2026', *bundle.paths)
    recordings = load_dataset('Lab2026')
    assert (set(recordings['object_name'].values), set(recordings['unit_object_name'].values)) == ({'scene'}, {'mine'})
    monkeypatch.setattr(importing, '_OWN', tuple(name for name in importing._OWN if name != 'object_name'))
    import_bundle('Lab2027', *bundle.paths)
    recordings = load_dataset('Lab2027')
    assert set(recordings['object_name'].values) == {'mine'}
    assert recordings['object_name'].dims == ('neuroid',)
    assert average_repetitions(recordings).sizes['neuroid'] == recordings.sizes['neuroid']


def test_the_simulated_mouse_is_made_again_when_it_changes(m2m_home):
    load_dataset('SimulatedMouse')
    entry = manifest.require('SimulatedMouse')
    entry['source']['version'] = -1
    manifest.write('SimulatedMouse', entry)
    load_dataset('SimulatedMouse')
    assert manifest.require('SimulatedMouse')['source']['version'] != -1


def test_cards():
    assert {entry['name'] for entry in cards()} == {*RECORDINGS, *DOMAINS, 'SklearnDigits'}
    for entry in cards():
        assert all(len(entry[key]) > 3 for key in ('what', 'licence', 'citation', 'how_made'))
        assert entry['fetch'].startswith('m2m data fetch ') or not entry['fetch']
    assert 'simulated' in card('SimulatedMouse')['what']
    assert '10.1038/s41586-020-03171-x' in card('Siegle2021')['citation']
