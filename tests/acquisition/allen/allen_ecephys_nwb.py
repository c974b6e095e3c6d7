"""Neuropixels session files in the layout of the Allen Institute's, small and synthetic."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

SCENES = 118
PRESENTATIONS = 'intervals/natural_scenes_presentations'
#: Structures of the channels of each of two probes.
STRUCTURES = (
    ('VISp', 'VISp', 'CA1', 'VISl', '', 'VISrl', 'VISal', 'LGd-sh'),
    ('VISam', 'VISpm', 'None', 'VISp', 'VISmma', 'VISl', 'TH', 'VISp'),
)
METRICS = (
    'firing_rate',
    'isi_violations',
    'presence_ratio',
    'amplitude_cutoff',
    'snr',
    'PT_ratio',
    'waveform_duration',
)


@dataclass(frozen=True)
class Session:
    """Content of a written session.

    Attributes
    ----------
    path : Path
    frame, onset, stop : arrays, shape (n_presentations,)
        Scene (-1 is a blank), start and end in s of each presentation, in the order of time.
    units : DataFrame
        Each unit's columns, with its structure, probe and spike times.
    """

    path: Path
    frame: np.ndarray
    onset: np.ndarray
    stop: np.ndarray
    units: pd.DataFrame


def write_session_nwb(
    path, *, seed=0, n_units=40, n_repetitions=3, n_blanks=5, left_out=(), shuffled=False, metrics=None, invalid=()
):
    """Write a session file in the layout that AllenSDK writes and pynwb reads.

    Parameters
    ----------
    path : Path
    left_out : sequence of (scene, repetition)
        Presentations that the file lacks.
    shuffled : bool
        Whether the table of presentations is in random order.
    metrics : dict, optional
        Columns of the units that replace those drawn.
    invalid : sequence of (start, stop, tags)
    """
    rng = np.random.default_rng(seed)
    frame = np.concatenate([rng.permutation(SCENES) for _ in range(n_repetitions)]).astype(float)
    shown = pd.Series(frame).groupby(frame).cumcount().to_numpy()
    frame = frame[[(scene, repetition) not in left_out for scene, repetition in zip(frame, shown, strict=True)]]
    frame = np.insert(frame, np.sort(rng.integers(0, len(frame), n_blanks)), -1)
    onset = 10 + 0.2502 * np.arange(len(frame))
    onset[len(frame) // 2 :] += 20  # a pause between two blocks
    stop = onset + 0.2502
    with h5py.File(path, 'w', libver='latest') as file:
        units = _write(file, rng, n_units, frame, onset, stop, shuffled, metrics or {}, invalid)
    return Session(path, frame, onset, stop, units)


def _write(file, rng, n_units, frame, onset, stop, shuffled, metrics, invalid):
    file.attrs.update({'namespace': 'core', 'neurodata_type': 'NWBFile', 'nwb_version': '2.6.0', 'object_id': 'root'})
    for name, text in {
        'identifier': '715093703',
        'session_description': 'synthetic',
        'session_start_time': '2019-01-19T00:54:18-08:00',
        'timestamps_reference_time': '2019-01-19T00:54:18-08:00',
        'general/session_id': '715093703',
        'general/stimulus': 'brain_observatory_1.1',
        'general/subject/genotype': 'Sst-IRES-Cre/wt',
        'general/subject/sex': 'M',
        'general/subject/strain': 'C57BL/6J',
        'general/subject/subject_id': '699733573',
    }.items():
        file[name] = text
    file['file_create_date'] = ['2019-01-19T00:54:18-08:00']
    _typed(file['general/subject'], 'EcephysSpecimen', 'ndx-aibs-ecephys', age_in_days=118.0, specimen_name='Sst-7')
    for name in ('acquisition', 'analysis', 'stimulus/presentation', 'stimulus/templates', 'processing'):
        file.create_group(name)
    _write_electrodes(file, rng)
    order = rng.permutation(len(frame)) if shuffled else np.arange(len(frame))
    _table(
        file.create_group(PRESENTATIONS),
        'TimeIntervals',
        {
            'start_time': onset[order],
            'stop_time': stop[order],
            'stimulus_name': ['natural_scenes'] * len(frame),
            'stimulus_block': np.full(len(frame), 5.0),
            'stimulus_index': np.full(len(frame), 2.0),
            'frame': frame[order],
        },
    )
    if invalid:
        starts, stops, tags = zip(*invalid, strict=True)
        group = file.create_group('intervals/invalid_times')
        _table(group, 'TimeIntervals', {'start_time': np.array(starts), 'stop_time': np.array(stops)}, {'tags': tags})
    return _write_units(file, rng, n_units, onset, stop, metrics)


def _write_electrodes(file, rng):
    rows = [
        (850_000_000 + 100 * probe + place, structure, probe, f'probe{"AB"[probe]}')
        for probe, structures in enumerate(STRUCTURES)
        for place, structure in enumerate(structures)
    ]
    ids, structures, probes, names = zip(*rows, strict=True)
    groups = []
    for probe, name in enumerate(('probeA', 'probeB')):
        device = file.create_group(f'general/devices/{name}')
        _typed(device, 'EcephysProbe', 'ndx-aibs-ecephys', probe_id=probe, sampling_rate=30000.0, description='a probe')
        group = file.create_group(f'general/extracellular_ephys/{name}')
        _typed(group, 'EcephysElectrodeGroup', 'ndx-aibs-ecephys', probe_id=probe, lfp_sampling_rate=1250.0)
        group.attrs.update({'has_lfp_data': True, 'location': 'See electrode locations', 'description': 'a group'})
        group['device'] = h5py.SoftLink(f'/general/devices/{name}')
        groups.append(group.ref)
    _table(
        file.create_group('general/extracellular_ephys/electrodes'),
        'DynamicTable',
        {
            'location': structures,
            'probe_id': np.array(probes),
            'probe_vertical_position': 20 * np.arange(len(ids)),
            'probe_horizontal_position': np.full(len(ids), 43),
            'probe_channel_number': np.arange(len(ids)),
            'valid_data': np.arange(len(ids)) != 3,  # the last electrode but one of VISl on probe A
            'x': rng.uniform(0, 10_000, len(ids)),
            'y': rng.uniform(0, 10_000, len(ids)),
            'z': rng.uniform(0, 10_000, len(ids)),
            'imp': np.full(len(ids), np.nan),
            'filtering': ['none'] * len(ids),
            'group': np.array([groups[probe] for probe in probes], dtype=h5py.ref_dtype),
            'group_name': names,
        },
        namespace='hdmf-common',
        ids=np.array(ids),
    )


def _write_units(file, rng, n_units, onset, stop, metrics):
    electrodes = file['general/extracellular_ephys/electrodes']
    row = np.arange(n_units) % len(electrodes['id'])
    spikes = []
    for rate in rng.gamma(2, 4, n_units):
        times = np.sort(rng.uniform(0, stop[-1] + 10, rng.poisson(rate * (stop[-1] + 10))))
        # Some spikes are exactly on the ends of windows.
        spikes.append(np.sort(np.concatenate([times, rng.choice(onset, 20) + 0.065, rng.choice(onset, 20) + 0.255])))
    columns = {
        'peak_channel_id': electrodes['id'][:][row],
        'local_index': np.arange(n_units),
        'cluster_id': np.arange(n_units),
        'quality': np.where(rng.random(n_units) < 0.9, 'good', 'noise'),
        **{name: rng.uniform(0, 1, n_units) for name in METRICS},
        'isi_violations': rng.choice([0.1, 0.5, 0.6], n_units),
        'presence_ratio': rng.choice([0.9, 0.95, 0.99], n_units, p=[0.2, 0.4, 0.4]),
        'amplitude_cutoff': rng.choice([0.01, 0.1, 0.2], n_units, p=[0.4, 0.4, 0.2]),
        **metrics,
    }
    ids = 950_000_000 + rng.permutation(n_units)
    amplitudes = [np.ones(len(times)) for times in spikes]
    ragged = {'spike_times': spikes, 'spike_amplitudes': amplitudes, 'waveform_mean': [np.zeros((2, 3))] * n_units}
    _table(file.create_group('units'), 'Units', columns, ragged, ids=ids)
    structures = electrodes['location'].asstr()[:][row]
    probes = electrodes['group_name'].asstr()[:][row]
    valid = electrodes['valid_data'][:][row]
    return pd.DataFrame(
        {'id': ids, **columns, 'structure': structures, 'probe': probes, 'channel_valid': valid, 'spikes': spikes}
    )


def _typed(group, kind, namespace, **attributes):
    group.attrs.update({'neurodata_type': kind, 'namespace': namespace, 'object_id': group.name, **attributes})


def _table(group, kind, columns, ragged=None, namespace='core', ids=None):
    _typed(group, kind, namespace, description='a table')
    n = len(next(iter(columns.values())))
    group['id'] = np.arange(n) if ids is None else ids
    _typed(group['id'], 'ElementIdentifiers', 'hdmf-common')
    for name, values in {**columns, **{name: np.concatenate(parts) for name, parts in (ragged or {}).items()}}.items():
        values = np.asarray(values)
        if values.dtype.kind in 'US':
            group.create_dataset(name, data=values.astype(object), dtype=h5py.string_dtype())
        else:
            group[name] = values
        _typed(group[name], 'VectorData', 'hdmf-common', description='a column')
    for name, parts in (ragged or {}).items():
        group[f'{name}_index'] = np.cumsum([len(part) for part in parts]).astype(np.uint32)
        _typed(group[f'{name}_index'], 'VectorIndex', 'hdmf-common', description='an index', target=group[name].ref)
    names = [*columns, *(ragged or {})]
    group.attrs['colnames'] = np.array(names, dtype=h5py.string_dtype())
