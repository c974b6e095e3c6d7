"""The Allen Institute's bucket in small, on a `warehouse.Warehouse`: catalogues, session files and images."""

import csv
import importlib.util
import io
import json
import sys
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

HERE = Path(__file__).parent
OPHYS, ECEPHYS = '/bucket/visual-coding-2p', '/bucket/visual-coding-neuropixels/ecephys-cache'
#: Session, container, area, Cre line, depth: four that can be had, and one of a failed container.
SESSIONS = (
    (501, 901, 'VISp', 'Cux2-CreERT2', 175, False),
    (502, 902, 'VISl', 'Cux2-CreERT2', 275, False),
    (503, 903, 'VISl', 'Vip-IRES-Cre', 275, False),
    (504, 904, 'VISp', 'Rbp4-Cre_KL100', 375, False),
    (505, 905, 'VISp', 'Cux2-CreERT2', 175, True),
)
UNITS = ((701, 801, 'wt/wt'), (702, 802, 'Sst-IRES-Cre/wt;Ai32/wt'), (703, 803, 'wt/wt'))


def load(name):
    """A module beside this file."""
    spec = importlib.util.spec_from_file_location(f'allen_{name}', HERE / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


nwb = load('nwb')
#: Shown in all sessions.
SCENES = np.random.default_rng(7).integers(0, 256, (118, 6, 9), dtype=np.uint8)


def ophys_path(number):
    """Where the NWB file of a session lies on the server."""
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
        edit(path, nwb.TEMPLATES, lambda found, images=images: found.write_direct(images))
        edit(path, f'{nwb.PIPELINE}/ImageSegmentation/cell_specimen_ids', lambda ids, n=number: _number(ids, n))
        site.files[ophys_path(number)] = path.read_bytes()
        events = np.random.default_rng(number).random((3, _frames(path)), dtype=np.float32) ** 9
        buffer = io.BytesIO()
        np.savez_compressed(buffer, ev=events)
        site.files[f'{OPHYS}/ophys_experiment_events/{number}_events.npz'] = buffer.getvalue()


def put_ecephys(site, folder, n_repetitions=3, sessions=UNITS, **options):
    """Fill a server with Neuropixels sessions and the images."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = load('test_ecephys')
    rows = {'sessions': [], 'probes': [], 'channels': [], 'units': []}
    for number, animal, genotype in sessions:
        path = folder / f'{number}.nwb'
        writer.write_session_nwb(path, seed=number, n_repetitions=n_repetitions, **options)
        with h5py.File(path, 'r+') as file:
            for name, text in {'identifier': str(number), 'general/subject/subject_id': str(animal + 10_000)}.items():
                del file[name]
                file[name] = text
            _number(file['units/id'], number)
        site.files[ecephys_path(number)] = path.read_bytes()
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
        for i, area in enumerate(('VISp', 'VISl')):
            channel = 10 * number + i
            rows['channels'].append({'id': channel, 'ecephys_probe_id': number, 'ecephys_structure_acronym': area})
            rows['units'].append({'id': channel, 'ecephys_channel_id': channel})
    for name, table in rows.items():
        text = io.StringIO()
        writer_ = csv.DictWriter(text, list(table[0]))
        writer_.writeheader()
        writer_.writerows(table)
        site.files[f'{ECEPHYS}/{name}.csv'] = text.getvalue().encode()
    put_scenes(site)


def put_scenes(site):
    """Fill a server with the images."""
    for number, image in enumerate(SCENES):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, format='tiff')
        site.files[scene_path(number)] = buffer.getvalue()


def edit(path, name, change):
    """Change a dataset of a file."""
    with h5py.File(path, 'r+') as file:
        change(file[name])


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
