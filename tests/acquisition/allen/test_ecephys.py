"""Neuropixels sessions: units, trials and spike counts against loops over spikes, and against the AllenSDK."""

import io
import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from allen_ecephys_nwb import PRESENTATIONS, SCENES, write_session_nwb

from m2m_benchmarks.acquisition.allen.ecephys.extraction import EcephysSettings, extract_ecephys
from m2m_benchmarks.acquisition.allen.nwb import open_nwb
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.errors import DataError, UnknownNameError


def extract(path, **settings):
    with open_nwb(path) as file:
        return extract_ecephys(file, EcephysSettings(**settings))


def slow_rates(session, taken, start_s, end_s, n_repetitions):
    """Compute spikes/s trial by trial and spike by spike."""
    rates = np.full((n_repetitions, SCENES, len(taken)), np.nan)
    for column, spikes in enumerate(taken['spikes']):
        shown = [0] * SCENES
        for frame, onset in sorted(zip(session.frame, session.onset, strict=True), key=lambda trial: trial[1]):
            if frame < 0:
                continue
            near = spikes[(spikes > onset - 1) & (spikes < onset + 2)]
            n = sum(1 for spike in near if onset + start_s <= spike <= onset + end_s)
            rates[shown[int(frame)], int(frame), column] = n / (end_s - start_s)
            shown[int(frame)] += 1
    return rates


def slow_units(session, cutoff=0.1, presence=0.95, violations=0.5, areas=AREAS, only_valid=True, missing=False):
    """Select the rows of the units that pass the filters."""
    rows = []
    for row, unit in session.units.iterrows():
        passes = [
            limit is None or (missing if np.isnan(unit[name]) else sign * unit[name] <= sign * limit)
            for name, limit, sign in (
                ('amplitude_cutoff', cutoff, 1),
                ('presence_ratio', presence, -1),
                ('isi_violations', violations, 1),
            )
        ]
        valid = not only_valid or (unit['quality'] == 'good' and unit['channel_valid'])
        if all(passes) and valid and unit['structure'] in areas:
            rows.append(row)
    return session.units.loc[rows]


@pytest.fixture
def session(tmp_path):
    """The function session(**options) -> Session."""
    return lambda **options: write_session_nwb(tmp_path / 'session.nwb', **options)


@pytest.mark.parametrize('window_ms', [(65, 255), (0, 250), (50, 250), (-100, 33.3)])
@pytest.mark.parametrize('shuffled', [False, True])
@pytest.mark.seconds
def test_rates(session, window_ms, shuffled):
    made = session(seed=int(window_ms[1]), shuffled=shuffled)
    extracted = extract(made.path, window_ms=window_ms)
    taken = slow_units(made)
    expected = slow_rates(made, taken, window_ms[0] / 1000, window_ms[1] / 1000, 3)
    assert extracted.responses.dtype == np.float32
    np.testing.assert_allclose(extracted.responses, expected, rtol=1e-6)
    assert list(extracted.neuroids['neuroid_id']) == [str(unit) for unit in taken['id']]
    assert extracted.window_ms == window_ms
    assert extracted.images_sha256 == []  # these files hold no images
    assert (extracted.counts['n_blank'], extracted.counts['n_masked'], extracted.counts['n_missing']) == (5, 0, 0)


def test_default_window_is_that_of_the_shared_recordings(shared):
    table = pd.read_csv(shared / 'allen' / 'neuropixels' / 'sessions.csv')
    expected = (1000 * table['window_start_s'].min(), 1000 * table['window_end_s'].max())
    np.testing.assert_allclose(EcephysSettings().window_ms, expected)


def test_neuroids(session):
    made = session()
    extracted = extract(made.path)
    taken = slow_units(made)
    neuroids = extracted.neuroids
    assert extracted.session == '715093703'
    assert set(neuroids['session']) == {'715093703'}
    assert set(neuroids['animal']) == {'699733573'}
    assert set(neuroids['genotype']) == {'Sst-IRES-Cre/wt'}
    assert list(neuroids['region']) == list(taken['structure'])
    assert list(neuroids['probe']) == list(taken['probe'])
    for ours, theirs in (('snr', 'snr'), ('waveform_PT_ratio', 'PT_ratio'), ('waveform_duration', 'waveform_duration')):
        np.testing.assert_array_equal(neuroids[ours], taken[theirs])
    with h5py.File(made.path) as file:
        electrodes = file['general/extracellular_ephys/electrodes']
        x = dict(zip(electrodes['id'][:], electrodes['x'][:], strict=True))
    assert list(neuroids['anterior_posterior_ccf']) == [x[channel] for channel in taken['peak_channel_id']]
    assert {'l_ratio', 'waveform_spread'}.isdisjoint(neuroids)  # the file lacks them
    n = len(made.units)
    counts = extracted.counts
    elsewhere = sum(structure not in AREAS for structure in made.units['structure'])
    assert (counts['n_units'], counts['n_elsewhere']) == (n, elsewhere)
    left = n - elsewhere - counts['n_invalid'] - counts['n_filtered']
    assert left == len(taken)
    assert min(counts['n_invalid'], counts['n_filtered']) > 0


def test_units_without_a_metric_are_counted(session):
    """They fail its filter by default, as in the AllenSDK."""
    made = session(n_repetitions=1, metrics={'presence_ratio': np.resize([np.nan, 0.99, 0.99], 40)})
    strict, lenient = extract(made.path), extract(made.path, missing_metrics=True)
    n = strict.counts['n_unmeasured']
    assert n > 0
    assert lenient.counts['n_unmeasured'] == n
    assert strict.counts['n_filtered'] - lenient.counts['n_filtered'] == len(slow_units(made, missing=True)) - len(
        slow_units(made)
    )
    assert len(lenient.neuroids) == len(slow_units(made, missing=True)) > len(strict.neuroids) == len(slow_units(made))


def test_coordinates_are_those_of_the_catalogue(session):
    """In the published files, z repeats y."""
    made = session(n_repetitions=1)
    taken = slow_units(made)
    with h5py.File(made.path, 'r+') as file:
        electrodes = file['general/extracellular_ephys/electrodes']
        electrodes['z'][:] = electrodes['y'][:]
        y = dict(zip(electrodes['id'][:].tolist(), electrodes['y'][:].tolist(), strict=True))
    channels = taken['peak_channel_id'].tolist()
    assert len(set(channels)) > 2
    located = {channel: (8000.0, 3000.0 + i, 6800.0 + i) for i, channel in enumerate(sorted(set(channels)))}
    absent, unknown, *_ = located
    del located[absent]
    located[unknown] = (np.nan,) * 3
    with open_nwb(made.path) as file:
        neuroids = extract_ecephys(file, EcephysSettings(), None, located).neuroids
    left_right = dict(zip(channels, neuroids['left_right_ccf'], strict=True))
    top = dict(zip(channels, neuroids['dorsal_ventral_ccf'], strict=True))
    assert np.isnan([left_right[absent], left_right[unknown], top[unknown]]).all()
    assert top[absent] == y[absent]
    known = set(channels) - {absent, unknown}
    assert {channel: (top[channel], left_right[channel]) for channel in known} == {
        channel: located[channel][1:] for channel in known
    }
    assert 'left_right_ccf' not in extract(made.path).neuroids


def test_a_presentation_without_an_end(session):
    made = session(n_repetitions=1)
    whole = extract(made.path).responses
    with h5py.File(made.path, 'r+') as file:
        file['intervals/natural_scenes_presentations/stop_time'][40] = np.nan
    np.testing.assert_array_equal(extract(made.path).responses, whole)


@pytest.mark.parametrize(
    ('settings', 'slow'),
    [
        ({'amplitude_cutoff': None}, {'cutoff': None}),
        ({'presence_ratio': None}, {'presence': None}),
        ({'isi_violations': None}, {'violations': None}),
        ({'amplitude_cutoff': 0.05, 'presence_ratio': 0.96}, {'cutoff': 0.05, 'presence': 0.96}),
        ({'only_valid': False}, {'only_valid': False}),
        ({'missing_metrics': True}, {'missing': True}),
        ({'areas': ('VISp', 'VISam')}, {'areas': ('VISp', 'VISam')}),
    ],
)
@pytest.mark.seconds
def test_filters(session, settings, slow):
    rng = np.random.default_rng(1)
    metrics = {
        'amplitude_cutoff': rng.choice([0.01, 0.05, 0.08, 0.2, np.nan], 60),
        'presence_ratio': rng.choice([0.9, 0.95, 1], 60),
        'isi_violations': rng.choice([0.1, 0.2, 0.6], 60),
    }
    made = session(n_repetitions=1, n_units=60, metrics=metrics)
    extracted = extract(made.path, **settings)
    expected = [str(unit) for unit in slow_units(made, **slow)['id']]
    assert list(extracted.neuroids['neuroid_id']) == expected
    assert expected != [str(unit) for unit in slow_units(made)['id']]  # the setting makes a difference


def test_a_filter_that_is_off_needs_no_column(session):
    made = session(n_repetitions=1)
    with h5py.File(made.path, 'a') as file:
        del file['units/amplitude_cutoff'], file['units/quality'], file['general/extracellular_ephys/electrodes/x']
    with pytest.raises(DataError, match='has no units/amplitude_cutoff'):
        extract(made.path)
    extracted = extract(made.path, amplitude_cutoff=None)
    assert 'amplitude_cutoff' not in extracted.neuroids
    made.units['quality'] = 'good'
    assert len(extracted.neuroids) == len(slow_units(made, cutoff=None))


def test_parts_of_structures_and_channels_that_are_not_there(session):
    made = session(n_repetitions=1)
    with h5py.File(made.path, 'a') as file:
        electrodes = file['general/extracellular_ephys/electrodes']
        electrodes['location'][0] = 'VISp-2'
        electrodes.move('location', 'ecephys_structure_acronym')
        file['units/peak_channel_id'][1] = 7
    made.units.loc[1, 'structure'] = ''
    assert list(extract(made.path).neuroids['neuroid_id']) == [str(unit) for unit in slow_units(made)['id']]


def test_tables_are_right_about_the_areas_of_channels(session):
    made = session(n_repetitions=1)
    with h5py.File(made.path) as file:
        electrodes = file['general/extracellular_ephys/electrodes']
        channels = electrodes['id'][()].tolist()
        stored = dict(zip(channels, electrodes['location'].asstr()[()], strict=True))
        peaks = file['units/peak_channel_id'][()]
    own = extract(made.path, areas=('VISp', 'VISl'), only_valid=False)
    moved = {channels[0]: 'VISam', channels[1]: 'root', channels[2]: 'nan'}
    with open_nwb(made.path) as file:
        settings = EcephysSettings(areas=('VISp', 'VISl', 'VISam'), only_valid=False)
        extracted = extract_ecephys(file, settings, stored | moved)
    before = own.neuroids.set_index('neuroid_id')['region']
    after = extracted.neuroids.set_index('neuroid_id')['region']
    kept = own.neuroids['neuroid_id'][~own.neuroids['peak_channel_id'].isin(list(moved))]
    assert after[kept].tolist() == before[kept].tolist()
    others = extracted.neuroids[extracted.neuroids['peak_channel_id'].isin(list(moved))]
    assert set(others['region']) == {'VISam'} and set(others['peak_channel_id']) == {channels[0]}
    assert channels[0] in peaks


def test_units_on_channels_that_the_tables_lack(session):
    """They are left out, as in the AllenSDK, whatever the file says of them."""
    made = session(n_repetitions=1)
    units = made.units
    areas = dict(zip(units['peak_channel_id'].tolist(), units['structure'], strict=True))
    absent = next(channel for channel, area in areas.items() if area == 'VISam')
    del areas[absent]
    with open_nwb(made.path) as file:
        extracted = extract_ecephys(file, EcephysSettings(), areas)
    listed = units['peak_channel_id'] != absent
    expected = slow_units(made)
    expected = expected[expected['peak_channel_id'] != absent]
    assert list(extracted.neuroids['neuroid_id']) == [str(unit) for unit in expected['id']]
    counts = extracted.counts
    assert (counts['n_unlisted'], counts['n_elsewhere']) == (
        (~listed).sum(),
        (listed & ~units['structure'].isin(AREAS)).sum(),
    )
    everywhere = slow_units(made, areas=set(units['structure']))
    assert counts['n_good_elsewhere'] == (~everywhere['structure'].isin(AREAS)).sum() > 0
    assert len(expected) == len(units) - sum(
        counts[f'n_{why}'] for why in ('unlisted', 'elsewhere', 'invalid', 'filtered')
    )


@pytest.mark.parametrize('limit', [float('nan'), float('inf')])
def test_wrong_limits(limit):
    with pytest.raises(DataError, match=r'amplitude_cutoff is .*; expected a number'):
        EcephysSettings(amplitude_cutoff=limit)


def test_scenes_that_were_shown_less_often(session):
    made = session(left_out=[(7, 1), (7, 2), (99, 0)], shuffled=True)
    extracted = extract(made.path)
    expected = slow_rates(made, slow_units(made), 0.065, 0.255, 3)
    np.testing.assert_allclose(extracted.responses, expected, rtol=1e-6)
    assert np.isnan(extracted.responses[1:, 7]).all()
    assert np.isnan(extracted.responses[2, 99]).all()
    assert np.isnan(extracted.responses).sum() == 3 * len(extracted.neuroids)
    assert extracted.counts['n_missing'] == 3


def test_times_in_which_the_screen_or_a_probe_failed(session):
    plain = session()
    first, last = plain.onset[20], plain.onset[25]  # whole presentations, and those beside them that touch
    probe = plain.onset[60] + 0.1
    made = session(
        invalid=[
            (first + 0.01, last + 0.01, ['EcephysSession', '715093703', 'stimulus']),
            (probe, probe + 0.01, ['EcephysProbe', '7', 'probeA']),
            (plain.onset[80] + 0.1, plain.onset[80] + 0.11, ['EcephysSession', '715093703', 'all_probes']),
            (plain.onset[90], plain.onset[99], ['EcephysSession', '715093703', 'optotagging']),
        ]
    )
    extracted = extract(made.path)
    taken = slow_units(made)
    expected = slow_rates(made, taken, 0.065, 0.255, 3)
    shown = pd.Series(made.frame).groupby(made.frame).cumcount().to_numpy()
    n_lost = n_masked = 0
    for trial, (frame, repetition) in enumerate(zip(made.frame.astype(int), shown, strict=True)):
        if frame < 0:
            continue
        for column, name in enumerate(taken['probe']):
            if 20 <= trial <= 25:
                expected[repetition, frame, column] = np.nan
            elif trial == 80 or (trial == 60 and name == 'probeA'):
                expected[repetition, frame, column] = np.nan
                n_lost += 1
        n_masked += 20 <= trial <= 25
    np.testing.assert_allclose(extracted.responses, expected, rtol=1e-6)
    assert (extracted.counts['n_masked'], extracted.counts['n_lost']) == (n_masked, n_lost)
    assert n_lost > len(taken)


def test_unsorted_spikes(session):
    made = session(n_repetitions=1)
    expected = extract(made.path).responses
    with h5py.File(made.path, 'a') as file:
        stop = int(file['units/spike_times_index'][0])
        file['units/spike_times'][:stop] = file['units/spike_times'][:stop][::-1]
    np.testing.assert_array_equal(extract(made.path).responses, expected)


class _Counting(io.FileIO):
    """A file that records which of its bytes were read."""

    def __init__(self, path):
        super().__init__(path)
        self.touched = np.zeros(Path(path).stat().st_size, dtype=bool)

    def readinto(self, buffer):
        start = self.tell()
        n = super().readinto(buffer)
        self.touched[start : start + n] = True
        return n


def test_only_the_spikes_that_are_needed_are_read(session):
    made = session(n_repetitions=2)
    with _Counting(made.path) as content:
        with h5py.File(content, 'r') as file:
            place = file['units/spike_times'].id.get_offset()
            extracted = extract_ecephys(file, EcephysSettings(areas=('VISam',)))
        touched = content.touched[place : place + 8 * sum(map(len, made.units['spikes']))].reshape(-1, 8).any(axis=1)
    taken = slow_units(made, areas=('VISam',))
    assert list(extracted.neuroids['neuroid_id']) == [str(unit) for unit in taken['id']]
    assert 0 < len(taken) < 5
    needed = np.concatenate([np.full(len(unit['spikes']), row in taken.index) for row, unit in made.units.iterrows()])
    np.testing.assert_array_equal(touched, needed)


def _drop(path):
    def harm(file):
        del file[path]

    return harm


def _put(path, place, value):
    def harm(file):
        file[path][place] = value

    return harm


def _replace(path, values):
    def harm(file):
        del file[path]
        file[path] = values

    return harm


@pytest.mark.parametrize(
    ('harm', 'message'),
    [
        (_drop(PRESENTATIONS), 'is a session of type brain_observatory_1.1, which shows no natural scenes'),
        (_drop('intervals'), 'which shows no natural scenes'),
        (_drop('units'), 'has no units/id'),
        (_drop('units/spike_times'), 'has no units/spike_times'),
        (_drop('units/spike_times_index'), 'has no units/spike_times_index'),
        (_drop('units/peak_channel_id'), 'has no units/peak_channel_id'),
        (_drop('general/extracellular_ephys'), 'has no general/extracellular_ephys/electrodes/id'),
        (_drop('general/extracellular_ephys/electrodes/location'), 'has no .*ecephys_structure_acronym'),
        (_drop('general/extracellular_ephys/electrodes/group_name'), 'has no .*group_name'),
        (_drop('general/subject'), 'has no general/subject/subject_id'),
        (_drop('identifier'), 'has no identifier'),
        (_drop(f'{PRESENTATIONS}/frame'), 'has no intervals/.*/frame'),
        (_put(f'{PRESENTATIONS}/frame', 3, 118), 'shows an image of number 118'),
        (_put(f'{PRESENTATIONS}/frame', 3, np.nan), 'the table of natural scenes is damaged'),
        (_put(f'{PRESENTATIONS}/stop_time', 3, 0), 'the table of natural scenes is damaged'),
        (_put(f'{PRESENTATIONS}/frame', slice(50, None), -1), r'shows \d+ different images; expected the 118'),
        (_replace(f'{PRESENTATIONS}/start_time', np.arange(7.0)), r'start_time is of shape 7, expected \d+'),
        (_replace(f'{PRESENTATIONS}/frame', np.zeros((9, 2))), 'frame is of shape 9 x 2'),
        (_replace('units/peak_channel_id', np.arange(3)), 'is of shape 3, expected 40'),
        (_replace('units/id', np.zeros(40, dtype=int)), 'units/id holds 40 ids, 1 of them different'),
        (_put('units/spike_times_index', 0, 10**9), 'index of its spike times is damaged'),
        (_put('units/spike_times_index', -1, 0), 'index of its spike times is damaged'),
        (_replace('units/spike_times_index', np.arange(3)), 'index of its spike times is damaged'),
        (_put('units/spike_times', slice(None), np.nan), 'are not numbers'),
        (_replace('units/spike_times', ['a', 'b']), 'units/spike_times holds no numbers'),
        (_replace('units/quality', np.ones((4, 4))), 'units/quality cannot be read'),
        (_replace('units/presence_ratio', np.zeros(40)), 'none of its 40 units can be used: .* fail the quality'),
        (_replace('general/extracellular_ephys/electrodes/location', ['CA1'] * 16), '40 are not in VISp, VISl'),
    ],
)
@pytest.mark.seconds
def test_bad_files(session, harm, message):
    made = session(n_repetitions=1)
    with h5py.File(made.path, 'a') as file:
        harm(file)
    with pytest.raises(DataError, match=message) as raised:
        extract(made.path)
    assert '\n' not in str(raised.value)


def test_another_kind_of_session(session):
    made = session(n_repetitions=1)
    with h5py.File(made.path, 'a') as file:
        del file[PRESENTATIONS], file['general/stimulus']
        file['general/stimulus'] = 'functional_connectivity'
    with pytest.raises(DataError, match='of type functional_connectivity, which shows no natural scenes'):
        extract(made.path)


@pytest.mark.parametrize('content', [b'<!DOCTYPE html><html>Sign in</html>', b'', b'\x89HDF\r\n\x1a\n', b'x' * 4096])
def test_files_that_are_not_recordings(tmp_path, content):
    path = tmp_path / 'session.nwb'
    path.write_bytes(content)
    with pytest.raises(DataError, match='web page' if content.startswith(b'<') else 'cannot be read as NWB'):
        extract(path)
    with h5py.File(tmp_path / 'empty.nwb', 'w'):
        pass
    with pytest.raises(DataError, match='not a session of Visual Coding - Neuropixels'):
        extract(tmp_path / 'empty.nwb')


def test_cut_short_anywhere(session, tmp_path):
    content = session(n_repetitions=1, n_units=8).path.read_bytes()
    path = tmp_path / 'short.nwb'
    for length in np.linspace(1, len(content) - 1, 40).astype(int):
        path.write_bytes(content[:length])
        with pytest.raises(DataError):
            extract(path)


@pytest.mark.seconds
def test_damaged_anywhere(session, tmp_path):
    content = session(n_repetitions=1, n_units=8).path.read_bytes()
    path = tmp_path / 'damaged.nwb'
    rng = np.random.default_rng(0)
    outcomes = set()
    for start in rng.integers(0, len(content), 60):
        harmed = bytearray(content)
        harmed[start : start + 64] = rng.bytes(len(harmed[start : start + 64]))
        path.write_bytes(harmed)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter('error')
                extracted = extract(path)
        except DataError:
            outcomes.add('refused')
        else:  # the damaged part isn't needed, or is another valid number
            assert extracted.responses.shape[1] == SCENES
            outcomes.add('read')
    assert outcomes == {'refused', 'read'}


@pytest.mark.parametrize('window_ms', [(250, 250), (250, 0), (0, 0.1), (0, 250_000), (float('nan'), 250)])
def test_wrong_windows(window_ms):
    with pytest.raises(DataError, match='the window is'):
        EcephysSettings(window_ms=window_ms)


def test_an_unknown_area():
    with pytest.raises(UnknownNameError, match='Did you mean'):
        EcephysSettings(areas=('VISx',))


#: Run with the AllenSDK's interpreter: units and spike counts of a file, beside it.
SCRIPT = """
import json, sys, warnings
import numpy as np
warnings.simplefilter('ignore')
from allensdk.brain_observatory.ecephys.ecephys_session import EcephysSession
path, options = json.load(sys.stdin)
session = EcephysSession.from_nwb_path(path, api_kwargs=options)
shown = session.stimulus_presentations
shown = shown[(shown.stimulus_name == 'natural_scenes') & (shown.frame != -1)]
units = session.units
counts = session.presentationwise_spike_counts(np.array([0.065, 0.255]), shown.index.values, units.index.values)
np.savez(path + '.npz', counts=counts.values[:, 0], frame=shown.frame.to_numpy(float), unit=units.index.values,
         start=shown.start_time.to_numpy(float), region=units.structure_acronym.to_numpy(str),
         probe=units.probe_description.to_numpy(str), snr=units.snr.to_numpy(float))
"""


@pytest.fixture(scope='module')
def ecephys_python(sdk_python):
    """The AllenSDK's interpreter with an hdmf that its pynwb supports: with hdmf 6, pynwb 2 writes no file."""
    uv = shutil.which('uv', path=str(Path(sys.executable).parent)) or shutil.which('uv')
    command = [uv, 'pip', 'install', '--quiet', '--python', sdk_python, 'hdmf<4']
    ran = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    if ran.returncode:
        pytest.skip(f'hdmf cannot be installed here: {ran.stderr.strip()[-300:]}')
    for cache in Path(sdk_python).parents[1].rglob('core_typemap.pkl'):
        cache.unlink()  # made with the other hdmf
    return sdk_python


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize(
    ('settings', 'options'),
    [
        ({}, {}),
        (
            {'amplitude_cutoff': None, 'presence_ratio': 0.9, 'only_valid': False},
            {'amplitude_cutoff_maximum': None, 'presence_ratio_minimum': 0.9, 'filter_by_validity': False},
        ),
    ],
)
def test_the_allensdk_counts_the_same(session, ecephys_python, settings, options):
    plain = session()
    made = session(
        shuffled=True,
        left_out=[(5, 0)],
        # The SDK leaves out units whose numbers are missing.
        metrics={'amplitude_cutoff': np.resize([0.01, 0.1, 0.2], 40), 'isi_violations': np.resize([0.1, np.nan], 40)},
        invalid=[(plain.onset[30], plain.onset[33], ['EcephysSession', '715093703', 'stimulus'])],
    )
    ran = subprocess.run(
        [ecephys_python, '-c', SCRIPT],
        input=json.dumps([str(made.path), options]),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    with np.load(f'{made.path}.npz') as file:
        theirs = dict(file)
    ours = extract(made.path, **settings)
    visual = np.isin(theirs['region'], AREAS)
    place = {unit: row for row, unit in enumerate(ours.neuroids['neuroid_id'])}
    assert set(place) == set(theirs['unit'][visual].astype(str))
    column = np.array([place[str(unit)] for unit in theirs['unit'][visual]])
    assert list(ours.neuroids['region'].to_numpy()[column]) == list(theirs['region'][visual])
    assert list(ours.neuroids['probe'].to_numpy()[column]) == list(theirs['probe'][visual])
    np.testing.assert_array_equal(ours.neuroids['snr'].to_numpy()[column], theirs['snr'][visual])
    n_seen = 0
    for scene in range(SCENES):
        trials = np.flatnonzero(theirs['frame'] == scene)
        rates = ours.responses[:, scene][:, column]
        rates = rates[~np.isnan(rates).all(axis=1)]  # the SDK has no trial where there is none
        np.testing.assert_allclose(rates, theirs['counts'][trials][:, visual] / 0.19, rtol=1e-6)
        n_seen += len(trials)
    assert n_seen == 3 * SCENES - 1 - ours.counts['n_masked']
    assert ours.counts['n_masked'] >= 3
