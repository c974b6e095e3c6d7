"""A small copy of the Allen Institute's bucket on a `testing.FileServer`: catalogues, session files and images."""

import csv
import io
import json

import allen_ophys_nwb as nwb
import h5py
import numpy as np
from allen_ecephys_nwb import STRUCTURES, write_session_nwb
from PIL import Image

from m2m_benchmarks.testing.file_server import OnDisk

OPHYS, ECEPHYS = '/bucket/visual-coding-2p', '/bucket/visual-coding-neuropixels/ecephys-cache'
#: Session, container, area, Cre line, depth: four usable sessions, and one of a failed container.
SESSIONS = (
    (501, 901, 'VISp', 'Cux2-CreERT2', 175, False),
    (502, 902, 'VISl', 'Cux2-CreERT2', 275, False),
    (503, 903, 'VISl', 'Vip-IRES-Cre', 275, False),
    (504, 904, 'VISp', 'Rbp4-Cre_KL100', 375, False),
    (505, 905, 'VISp', 'Cux2-CreERT2', 175, True),
)
UNITS = ((701, 801, 'wt/wt'), (702, 802, 'Sst-IRES-Cre/wt;Ai32/wt'), (703, 803, 'wt/wt'))


#: Images of all sessions.
SCENES = np.random.default_rng(7).integers(0, 256, (118, 6, 9), dtype=np.uint8)


def ophys_path(number):
    """Path of a session's NWB file on the server."""
    return f'{OPHYS}/ophys_experiment_data/{number}.nwb'


def ecephys_path(number):
    return f'{ECEPHYS}/session_{number}/session_{number}.nwb'


def scene_path(number):
    return f'{ECEPHYS}/natural_scene_templates/natural_scene_{number}.tiff'


def put_ophys(site, folder, n_repetitions=3, sessions=SESSIONS, **options):
    """Fill a server with 2-photon sessions, all of which show the same images."""
    folder.mkdir(parents=True, exist_ok=True)
    site.files[f'{OPHYS}/ophys_experiments.json'] = json.dumps([_experiment(*each) for each in sessions]).encode()
    images = SCENES.astype(np.float32)
    for number, container, area, line, depth, failed in sessions:
        if failed:
            continue
        path = folder / f'{number}.nwb'
        metadata = {
            'general/session_id': str(number),
            'general/experiment_container_id': str(container),
            'general/specimen_name': f'{line};Camk2a-tTA;Ai93-{number}000',
            'general/subject/genotype': f'{line}/wt;Camk2a-tTA/wt',
            f'{nwb.PLANE}/location': area,
            f'{nwb.PLANE}/imaging depth': f'{depth} microns',
        }
        nwb.write_nwb(path, seed=number, n_cells=3, n_repetitions=n_repetitions, metadata=metadata, **options)
        edit(path, nwb.TEMPLATES, lambda dataset, images=images: dataset.write_direct(images))
        edit(path, f'{nwb.PIPELINE}/ImageSegmentation/cell_specimen_ids', lambda ids, n=number: _number(ids, n))
        site.files[ophys_path(number)] = path.read_bytes()
        events = np.random.default_rng(number).random((3, _frames(path)), dtype=np.float32) ** 9
        buffer = io.BytesIO()
        np.savez_compressed(buffer, ev=events)
        site.files[f'{OPHYS}/ophys_experiment_events/{number}_events.npz'] = buffer.getvalue()


def put_ecephys(site, folder, n_repetitions=3, sessions=UNITS, **options):
    """Fill a server with Neuropixels sessions and the images."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, animal, _ in sessions:
        path = folder / f'{number}.nwb'
        write_session_nwb(path, seed=number, n_repetitions=n_repetitions, **options)
        with h5py.File(path, 'r+') as file:
            for name, text in {'identifier': str(number), 'general/subject/subject_id': str(animal + 10_000)}.items():
                del file[name]
                file[name] = text
            _number(file['units/id'], number)
        site.files[ecephys_path(number)] = path.read_bytes()
    put_ecephys_tables(site, sessions)
    put_scenes(site)


def put_ecephys_tables(site, sessions):
    rows = {'sessions': [], 'probes': [], 'channels': [], 'units': []}
    for number, animal, genotype in sessions:
        rows['sessions'].append(
            {
                'id': number,
                'specimen_id': animal,
                'session_type': 'brain_observatory_1.1',
                'genotype': genotype,
                'has_nwb': True,
            }
        )
        rows['probes'].append({'id': number, 'ecephys_session_id': number})
        for probe, structures in enumerate(STRUCTURES):
            for i, area in enumerate(structures):
                channel = 850_000_000 + 100 * probe + i
                rows['channels'].append({'id': channel, 'ecephys_probe_id': number, 'ecephys_structure_acronym': area})
                rows['units'].append({'id': channel, 'ecephys_channel_id': channel})
    for name, table in rows.items():
        text = io.StringIO()
        writer_ = csv.DictWriter(text, list(table[0]))
        writer_.writeheader()
        writer_.writerows(table)
        site.files[f'{ECEPHYS}/{name}.csv'] = text.getvalue().encode()


def put_scenes(site, images=SCENES):
    """Fill a server with the images."""
    for number, image in enumerate(images):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, format='tiff')
        site.files[scene_path(number)] = buffer.getvalue()


def put_full_ophys(site, folder, n_cells=174):
    """Put a full-size 2-photon session and its images on a server; return its path. Data not read have no content.

    They are those of a real session: 174 cells, 113,888 frames, 118 images of 918 x 1174 shown 50 times in three
    blocks.
    """
    site.files[f'{OPHYS}/ophys_experiments.json'] = json.dumps([_experiment(*SESSIONS[0])]).encode()
    path = folder / 'ophys.nwb'
    metadata = {'general/session_id': '501', 'general/experiment_container_id': '901'}
    session = nwb.write_nwb(path, n_cells=n_cells, n_repetitions=50, gap=33_000, n_frames=113_888, metadata=metadata)
    assert session.onset[-1] + 14 < 113_888
    images = np.broadcast_to(np.arange(118, dtype=np.uint8)[:, None, None], (118, 918, 1174))
    with h5py.File(path, 'r+') as file:
        without_content(file, f'{nwb.FLUORESCENCE}/data', (n_cells, 113_888), '<f4')
        del file[nwb.TEMPLATES]
        without_content(file, nwb.TEMPLATES, images.shape, '<f4')
        for number in range(5):  # the images that are compared
            file[nwb.TEMPLATES][number] = images[number]
    put_scenes(site, images)
    site.files[ophys_path(501)] = OnDisk(path)
    return ophys_path(501)


def put_packed_ophys(site, folder, n_cells=36):
    """Put a 2-photon session of a quarter of the usual size on a server, whose matrices and images are all packed.

    They are in chunks of several traces and of parts of several images, as h5py chooses them, like those that
    published sizes of files suggest.
    """
    site.files[f'{OPHYS}/ophys_experiments.json'] = json.dumps([_experiment(*SESSIONS[0])]).encode()
    plain, path = folder / 'plain.nwb', folder / 'packed.nwb'
    metadata = {'general/session_id': '501', 'general/experiment_container_id': '901'}
    nwb.write_nwb(plain, n_cells=n_cells, n_repetitions=12, gap=7000, n_frames=28_472, metadata=metadata)
    rng = np.random.default_rng(0)
    images = np.kron(rng.integers(8, 248, (118, 29, 37)), np.ones((1, 8, 8))) + rng.integers(-6, 7, (118, 232, 296))
    with h5py.File(plain) as source, h5py.File(path, 'w') as packed:

        def copy(name, item):
            if isinstance(item, h5py.Dataset):
                content = images.astype(np.float32) if name == nwb.TEMPLATES else item[()]
                options = {'chunks': True, 'compression': 'gzip', 'compression_opts': 1} if item.dtype == 'f4' else {}
                packed.create_dataset(name, data=content, **(options if np.ndim(content) > 1 else {}))

        source.visititems(copy)
        copy(f'{nwb.FLUORESCENCE}/data', source[f'{nwb.FLUORESCENCE}_demixed_signal/data'])
    site.files[ophys_path(501)] = path.read_bytes()


def put_full_ecephys(site, folder, n_units=1700, n_spikes=60_000):
    """Put a full-size Neuropixels session and the images on a server; return its path. Data not read have no content.

    As in real sessions, spike amplitudes and waveforms (82 samples on 374 channels of each unit) are the larger part,
    and a sixth of the units are good ones of the six areas.
    """
    path = folder / 'ecephys.nwb'
    rng = np.random.default_rng(0)
    metrics = {
        'amplitude_cutoff': rng.choice([0.01, 0.2], n_units, p=[0.3, 0.7]),
        'presence_ratio': np.full(n_units, 0.99),
        'isi_violations': np.full(n_units, 0.1),
    }
    write_session_nwb(path, n_units=n_units, n_repetitions=50, metrics=metrics)
    with h5py.File(path, 'r+') as file:
        units = file['units']
        for name in ('spike_times', 'spike_times_index', 'spike_amplitudes', 'waveform_mean', 'identifier'):
            if name in units:
                del units[name]
        without_content(units, 'spike_amplitudes', (n_units * n_spikes,), '<f8')
        without_content(units, 'waveform_mean', (n_units * 374, 82), '<f8')
        units['spike_times_index'] = np.arange(1, n_units + 1) * n_spikes
        spikes = units.create_dataset('spike_times', (n_units * n_spikes,), 'f8')
        for unit in range(n_units):
            spikes[unit * n_spikes : (unit + 1) * n_spikes] = np.sort(rng.uniform(0, 1600, n_spikes))
        del file['identifier']
        file['identifier'] = '701'
    put_ecephys_tables(site, UNITS[:1])
    put_scenes(site, np.broadcast_to(np.arange(118, dtype=np.uint8)[:, None, None], (118, 918, 1174)))
    site.files[ecephys_path(701)] = OnDisk(path)
    return ecephys_path(701)


def without_content(group, name, shape, dtype):
    """Allocate a dataset in the file without writing to it, so that it needs no disk space."""
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    links.set_create_intermediate_group(True)
    space = h5py.h5s.create_simple(shape)
    h5py.h5d.create(group.id, name.encode(), h5py.h5t.py_create(np.dtype(dtype)), space, layout, links)


def edit(path, name, change):
    """Change a dataset of a file."""
    with h5py.File(path, 'r+') as file:
        change(file[name])


def sha256_of(fetched):
    """SHA-256 of the assembly of a fetch."""
    return fetched.manifest['assembly']['sha256']


def _number(ids, number):
    ids[...] = 1000 * number + np.arange(len(ids))


def _frames(path):
    with h5py.File(path) as file:
        return file[f'{nwb.DFF}/data'].shape[1]


def _experiment(number, container, area, line, depth, failed):
    lines = [('Camk2a-tTA', 'driver'), (line, 'driver'), ('Ai93(TITL-GCaMP6f)', 'reporter')]
    return {
        'id': number,
        'experiment_container_id': container,
        'stimulus_name': 'three_session_B',
        'imaging_depth': depth,
        'targeted_structure': {'acronym': area},
        'specimen': {
            'donor': {
                'external_donor_name': f'{number}000',
                'transgenic_lines': [{'name': name, 'transgenic_line_type_name': of} for name, of in lines],
            }
        },
        'experiment_container': {'id': container, 'failed': failed},
    }
