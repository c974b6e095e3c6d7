"""Sessions of the Allen Institute's catalogues, from a local server in place of its bucket and its warehouse."""

import contextlib
import copy
import csv
import io
import json
import random
import socket
import threading
import time

import numpy as np
import pytest

from m2m_benchmarks.acquisition.allen import tables
from m2m_benchmarks.acquisition.allen.ecephys.listing import ECEPHYS_TYPES, ecephys_sessions
from m2m_benchmarks.acquisition.allen.ophys.listing import ophys_sessions
from m2m_benchmarks.acquisition.allen.scenes import scene_urls
from m2m_benchmarks.acquisition.allen.sessions import AllenSelection
from m2m_benchmarks.acquisition.sessions import count_sessions
from m2m_benchmarks.errors import DataError, StorageError, UnknownNameError
from m2m_benchmarks.net.failures import ServerUnreachable
from m2m_benchmarks.net.retry import RetryPolicy
from m2m_benchmarks.net.sizes import file_sizes
from m2m_benchmarks.testing import Clock, file_server

pytestmark = pytest.mark.network

QUERY = '/warehouse/api/v2/data/query.json'
EXPERIMENTS = '/bucket/visual-coding-2p/ophys_experiments.json'
CONTAINERS = '/bucket/visual-coding-2p/experiment_containers.json'
ECEPHYS = '/bucket/visual-coding-neuropixels/ecephys-cache'


def experiment(number, container, area, cre, depth, animal, kind='three_session_B', failed=False):
    """A record of ophys_experiments.json."""
    lines = [('Camk2a-tTA', 'driver'), (cre, 'driver'), ('Ai93(TITL-GCaMP6f)', 'reporter')]
    return {
        'id': number,
        'experiment_container_id': container,
        'stimulus_name': kind,
        'imaging_depth': depth,
        'targeted_structure': {'acronym': area},
        'specimen': {
            'donor': {
                'external_donor_name': animal,
                'transgenic_lines': [{'name': name, 'transgenic_line_type_name': of} for name, of in lines],
            }
        },
        'experiment_container': {'id': container, 'failed': failed},
        'well_known_files': [
            {
                'download_link': f'/api/v2/well_known_file_download/{number}{i}',
                'well_known_file_type': {'name': name},
            }
            for i, name in enumerate(['NWBOphys', 'ObservatoryEventsFile', 'OphysExperimentCellRoiMetricsFile'])
        ],
    }


OPHYS = [
    experiment(503, 903, 'VISl', 'Vip-IRES-Cre', 275, '222003'),
    experiment(501, 901, 'VISp', 'Cux2-CreERT2', 175, '222001'),
    experiment(502, 901, 'VISp', 'Cux2-CreERT2', 175, '222001', 'three_session_A'),
    experiment(504, 904, 'VISp', 'Cux2-CreERT2', 275, '222004', failed=True),
    experiment(505, 905, 'VISp', 'Rbp4-Cre_KL100', 375, '222005'),
    experiment(506, 906, 'VISam', 'Cux2-CreERT2', 275, '222006', 'three_session_C2'),
]
#: Sessions of Visual Behavior, which the warehouse lists in the same table.
BEHAVIOR = [
    experiment(601, 961, 'VISp', 'Vip-IRES-Cre', 175, '333001', 'OPHYS_1_images_A'),
    experiment(602, 961, 'VISp', 'Vip-IRES-Cre', 175, '333001', 'three_session_B'),
    experiment(603, 962, 'VISp', 'Vip-IRES-Cre', 175, '333001', 'Three_Session_B'),
    experiment(604, 963, 'VISp', 'Vip-IRES-Cre', 175, '333001', None),
    experiment(605, 964, 'VISp', 'Vip-IRES-Cre', 175, '333001', ['three_session_B']),
    {'id': 606, 'stimulus_name': 'three_session_B ', 'experiment_container_id': [7], 'specimen': None},
    {'stimulus_name': {'name': 'ophys_2'}},
    {},
]

SESSIONS = [
    # id, specimen_id, session_type, genotype, has_nwb
    (703, 803, 'brain_observatory_1.1', 'wt/wt', True),
    (701, 801, 'brain_observatory_1.1', 'Sst-IRES-Cre/wt;Ai32(RCL-ChR2(H134R)_EYFP)/wt', True),
    (702, 802, 'functional_connectivity', 'Vip-IRES-Cre/wt;Ai32(RCL-ChR2(H134R)_EYFP)/wt', True),
    (704, 804, 'brain_observatory_1.1', '', False),
    (705, 805, 'brain_observatory_1.1', 'wt/wt', True),
]
#: Areas of the channels of each session, and whether a unit is on them.
CHANNELS = {
    701: [('VISp', True), ('VISl', True), ('CA1', True), ('VISam', False), ('VISp', True)],
    702: [('VISrl', True), ('VISp', True)],
    703: [('VISam', True), ('', True), ('VISal', True)],
    704: [('VISp', True)],
    705: [('CA1', True), ('VISp', False), ('VISmma', True)],
}


def ecephys_tables():
    """Make the rows of the four tables, by name, as dicts."""
    tables = {'sessions': [], 'probes': [], 'channels': [], 'units': []}
    for number, specimen, kind, genotype, has_nwb in SESSIONS:
        row = {'specimen_id': specimen, 'session_type': kind, 'genotype': genotype, 'has_nwb': has_nwb, 'sex': 'F'}
        tables['sessions'].append({'id': number, **row})
        for i, (area, has_unit) in enumerate(CHANNELS[number]):
            probe, channel = 10 * number + i % 2, 100 * number + i
            if i < 2:
                tables['probes'].append({'name': f'probe{i}', 'id': probe, 'ecephys_session_id': number})
            tables['channels'].append({'id': channel, 'ecephys_probe_id': probe, 'ecephys_structure_acronym': area})
            if has_unit:
                tables['units'].append({'snr': 1.5, 'ecephys_channel_id': channel, 'id': 1000 * number + i})
    return tables


def as_csv(rows, columns=None):
    text = io.StringIO()
    writer = csv.DictWriter(text, columns or list(rows[0]), extrasaction='ignore')
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


@pytest.fixture
def site(site):
    """A server with a bucket; its warehouse is empty."""
    site.files[EXPERIMENTS] = json.dumps(OPHYS + BEHAVIOR).encode()
    for name, rows in ecephys_tables().items():
        site.files[f'{ECEPHYS}/{name}.csv'] = as_csv(rows)
    return site


def use_warehouse(site):
    """Move the tables from the bucket to the warehouse, in its format."""
    site.files.clear()
    rows = ecephys_tables()
    site.models = {
        'OphysExperiment': OPHYS + BEHAVIOR,
        'EcephysSession': [
            {
                'id': row['id'],
                'specimen_id': row['specimen_id'],
                'stimulus_name': row['session_type'],
                'specimen': {'donor': {'full_genotype': row['genotype'] or None}},
                'well_known_files': [
                    {
                        'download_link': f'/api/v2/well_known_file_download/{row["id"]}',
                        'well_known_file_type': {'name': 'EcephysNwb'},
                    }
                ]
                * row['has_nwb'],
            }
            for row in rows['sessions']
        ],
        'EcephysProbe': rows['probes'],
        # The warehouse answers queries for some columns with text only.
        'EcephysChannel': [{name: str(value) for name, value in row.items()} for row in rows['channels']],
        'EcephysUnit': rows['units'],
    }


@pytest.fixture
def ask(site, tmp_path):
    """The function ask(ophys_sessions, areas=['VISp'], ...) -> Listing; the tables go to ask.folder."""

    def run(function, **options):
        places = {'mirror': f'{site.address}/bucket', 'warehouse': f'{site.address}/warehouse'}
        retry = RetryPolicy(tries=2, sleep=float)
        return function(run.folder, AllenSelection(**{**places, 'retry': retry, **options}))

    run.folder = tmp_path / 'tables'
    return run


def ids(listing):
    return [session.id for session in listing.sessions]


@pytest.mark.parametrize('source', ['bucket', 'warehouse'])
def test_ophys(site, ask, source):
    if source == 'warehouse':
        use_warehouse(site)
    listing = ask(ophys_sessions)
    assert ids(listing) == [501, 503, 505]
    assert (listing.n_matching, listing.n_failed) == (3, 1)
    first = listing.sessions[0]
    assert (first.session_type, first.container) == ('three_session_B', 901)
    assert (first.animal, first.areas, first.cre_line, first.depth_um) == ('222001', ('VISp',), 'Cux2-CreERT2', 175)
    assert first.urls == (
        f'{site.address}/bucket/visual-coding-2p/ophys_experiment_data/501.nwb',
        f'{site.address}/warehouse/api/v2/well_known_file_download/5010',
    )
    assert first.events_urls == (
        f'{site.address}/bucket/visual-coding-2p/ophys_experiment_events/501_events.npz',
        f'{site.address}/warehouse/api/v2/well_known_file_download/5011',
    )
    assert count_sessions(listing.sessions) == {
        'VISp': {'Cux2-CreERT2': 1, 'Rbp4-Cre_KL100': 1},
        'VISl': {'Vip-IRES-Cre': 1},
    }


@pytest.mark.parametrize(('source', 'most_rows'), [('bucket', 0), ('warehouse', 3), ('warehouse', 2)])
@pytest.mark.several
def test_ecephys(site, ask, monkeypatch, source, most_rows):
    if source == 'warehouse':
        use_warehouse(site)
        monkeypatch.setattr(tables, '_PAGE', 3)
        site.most_rows = most_rows
    listing = ask(ecephys_sessions)
    assert ids(listing) == [701, 703]
    assert (listing.n_matching, listing.n_failed) == (2, 1)
    first = listing.sessions[0]
    assert (first.session_type, first.container) == ('brain_observatory_1.1', None)
    assert (first.animal, first.areas, first.cre_line, first.depth_um) == (
        '801',
        ('VISp', 'VISl'),
        'Sst-IRES-Cre',
        None,
    )
    place = f'{site.address}{ECEPHYS}/session_701/session_701.nwb'
    link = f'{site.address}/warehouse/api/v2/well_known_file_download/701'
    assert first.urls == ((place,) if source == 'bucket' else (place, link))
    assert listing.sessions[1].cre_line == 'none'
    assert count_sessions(listing.sessions) == {
        'VISp': {'Sst-IRES-Cre': 1},
        'VISl': {'Sst-IRES-Cre': 1},
        'VISal': {'none': 1},
        'VISam': {'none': 1},
    }
    assert ids(ask(ecephys_sessions, session_types=ECEPHYS_TYPES)) == [701, 702, 703]
    assert ids(ask(ecephys_sessions, session_types=['functional_connectivity'])) == [702]
    assert ask(ecephys_sessions, areas=['VISl', 'VISal']).sessions[0].areas == ('VISl',)
    assert ids(ask(ecephys_sessions, areas=['visam'], cre_lines=['none'])) == [703]


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        ({'areas': ['VISl']}, [503]),
        ({'areas': ['visl', 'VISp']}, [501, 503, 505]),
        ({'cre_lines': ['Cux2-CreERT2']}, [501]),
        ({'cre_lines': ['cux2-creert2', 'Vip-IRES-Cre']}, [501, 503]),
        ({'depth_um': (175, 275)}, [501, 503]),
        ({'depth_um': (None, 274.5)}, [501]),
        ({'depth_um': (276, None)}, [505]),
        ({'number': 2}, [501, 503]),
        ({'number': 99}, [501, 503, 505]),
        ({'areas': ['VISp'], 'depth_um': (300, None), 'number': 1}, [505]),
    ],
)
def test_filters(ask, options, expected):
    listing = ask(ophys_sessions, **options)
    assert ids(listing) == expected
    assert listing.n_matching == (3 if 'number' in options and 'areas' not in options else len(expected))


def test_failed_containers_are_counted_where_they_match(ask):
    assert ask(ophys_sessions, areas=['VISl']).n_failed == 0
    assert ask(ophys_sessions, depth_um=(None, 275)).n_failed == 1


@pytest.mark.parametrize('seed', range(3))
def test_the_order_of_a_catalogue_does_not_matter(site, ask, seed):
    records = copy.deepcopy(OPHYS + BEHAVIOR + OPHYS[:2])  # some are listed twice
    random.Random(seed).shuffle(records)
    site.files[EXPERIMENTS] = json.dumps(records).encode()
    rng = random.Random(seed)
    for name, rows in ecephys_tables().items():
        rng.shuffle(rows)
        columns = list(rows[0])
        rng.shuffle(columns)
        site.files[f'{ECEPHYS}/{name}.csv'] = as_csv(rows, columns)
    assert ids(ask(ophys_sessions, number=2)) == [501, 503]
    assert ids(ask(ecephys_sessions)) == [701, 703]


def test_unknown_names(site, ask):
    with pytest.raises(UnknownNameError, match=r"unknown area 'VISpp'. Did you mean VISp"):
        ask(ophys_sessions, areas=['VISpp'])
    with pytest.raises(UnknownNameError, match=r"unknown session type 'brain_observatory'. Did you mean brain_obs"):
        ask(ecephys_sessions, session_types=['brain_observatory'])
    assert site.requests == []
    with pytest.raises(UnknownNameError, match=r"unknown Cre line 'Cux2-Cre'. Did you mean Cux2-CreERT2"):
        ask(ophys_sessions, cre_lines=['Cux2-Cre'])
    with pytest.raises(UnknownNameError, match=r"unknown Cre line 'Cux2-CreERT2/wt'. Did you mean Cux2-CreERT2"):
        ask(ophys_sessions, cre_lines=['Cux2-CreERT2/wt'])


@pytest.mark.parametrize(
    'options',
    [
        {'areas': ['VISrl']},
        {'depth_um': (200, 100)},
        {'areas': ['VISl'], 'cre_lines': ['Cux2-CreERT2']},
        {'depth_um': (274, 276), 'areas': ['VISp']},  # its container failed
    ],
)
def test_no_session_matches(ask, options):
    with pytest.raises(DataError, match=r'no usable session of .* is among the 4 in the catalogue'):
        ask(ophys_sessions, **options)


@pytest.mark.parametrize('number', [0, -1])
def test_wrong_numbers_of_sessions(ask, number):
    with pytest.raises(DataError, match='expected at least 1'):
        ask(ophys_sessions, number=number)


def test_tables_are_kept(site, ask):
    ask(ophys_sessions)
    ask(ophys_sessions, areas=['VISp'])
    assert site.requested == [('GET', EXPERIMENTS)]
    ask(ecephys_sessions)
    # The four tables, and the optional query for second mirrors.
    assert len(site.requests) == 1 + 4 + 1
    assert 'model::EcephysSession' in site.requests[-1]['path']
    ask(ecephys_sessions)
    assert len(site.requests) == 6


def test_sessions_without_the_state_of_their_container(site, ask):
    records = copy.deepcopy(OPHYS)
    for record in records:
        del record['experiment_container']
    listed = [{'id': record['experiment_container_id'], 'failed': record['id'] == 504} for record in records]
    site.files[EXPERIMENTS] = json.dumps(records).encode()
    site.files[CONTAINERS] = json.dumps(listed).encode()
    listing = ask(ophys_sessions)
    assert (ids(listing), listing.n_failed) == ([501, 503, 505], 1)
    site.files[CONTAINERS] = json.dumps(listed[:-3]).encode()
    ask.folder = ask.folder / 'other'
    listing = ask(ophys_sessions)
    assert listing.n_damaged == 2  # two of the sessions, whose state is unknown
    assert len(listing.sessions) + listing.n_failed == 2


def test_a_catalogue_without_links(site, ask):
    records = [{key: value for key, value in record.items() if key != 'well_known_files'} for record in OPHYS]
    site.files[EXPERIMENTS] = json.dumps(records).encode()
    assert [len(session.urls) for session in ask(ophys_sessions).sessions] == [1, 1, 1]


def test_an_animal_without_a_cre_line(site, ask):
    records = copy.deepcopy(OPHYS)
    records[0]['specimen']['donor']['transgenic_lines'] = []
    site.files[EXPERIMENTS] = json.dumps(records).encode()
    assert ids(ask(ophys_sessions, cre_lines=['none'])) == [503]


CATALOGUE = json.dumps(OPHYS).encode()
BAD_JSON = {
    b'': 'an empty file',
    b'\n ': 'an empty file',
    CATALOGUE[: len(CATALOGUE) // 2]: 'a cut short or damaged file',
    b'<html><body>Log in</body></html>': 'a web page',
    b'\xff\xfe\x00': 'a cut short or damaged file',
    b'[' * 100_000: 'a cut short or damaged file',
    b'[]': 'lists nothing',
    b'{"success": true, "msg": []}': 'lists nothing',
    b'{"success": false, "msg": "no such model"}': 'answered: no such model',
    b'{}': 'not a list of records',
    b'7': 'not a list of records',
    b'[1, 2]': 'not a list of records',
    b'[{"id": 1}]': 'lists no session of type three_session_B',
}


@pytest.mark.parametrize('content', BAD_JSON)
@pytest.mark.several
def test_a_wrong_catalogue(site, ask, content):
    site.files[EXPERIMENTS] = content
    with pytest.raises(DataError) as caught:
        ask(ophys_sessions)
    message = str(caught.value)
    assert message.startswith('no catalogue of 2-photon sessions can be read. ')
    assert BAD_JSON[content] in message
    assert '\n' not in message
    # It affects neither the next call nor the warehouse.
    use_warehouse(site)
    assert ids(ask(ophys_sessions)) == [501, 503, 505]


@pytest.mark.parametrize('content', [b'[', b'', b'<html>'])
@pytest.mark.several
def test_a_damaged_table_is_downloaded_again(site, ask, content):
    listed = [ids(ask(sessions)) for sessions in (ophys_sessions, ecephys_sessions)]
    for table in ask.folder.iterdir():
        table.write_bytes(content)
    assert [ids(ask(sessions)) for sessions in (ophys_sessions, ecephys_sessions)] == listed


def test_damaged_tables_are_downloaded_again_once(site, ask):
    """Each table is requested once, even if several are damaged."""
    listed = ids(ask(ecephys_sessions))
    for table in ask.folder.glob('*.csv'):
        table.write_bytes(b'[')
    site.requests.clear()
    assert ids(ask(ecephys_sessions)) == listed
    tables = [path for _, path in site.requested if path.endswith('.csv')]
    assert sorted(tables) == sorted(f'{ECEPHYS}/{name}.csv' for name in ('sessions', 'probes', 'channels', 'units'))


def test_an_unreachable_server_is_not_tried_twice(site, ask):
    """A table is missing; the existing tables are kept for the next call."""
    listed = ids(ask(ecephys_sessions))
    (ask.folder / 'ecephys_units.csv').unlink()
    site.faulty[f'{ECEPHYS}/units.csv'] = file_server.status(503)
    site.requests.clear()
    with pytest.raises(DataError, match='the server answered 503'):
        ask(ecephys_sessions)
    assert [path for _, path in site.requested if path.endswith('.csv')] == [f'{ECEPHYS}/units.csv'] * 2  # two attempts
    site.faulty.clear()
    site.requests.clear()
    assert ids(ask(ecephys_sessions)) == listed
    assert [path for _, path in site.requested if path.endswith('.csv')] == [f'{ECEPHYS}/units.csv']


#: Paths of required fields, with values that are wrong there.
NEEDED = {
    ('id',): [True, 'x', [7]],
    ('imaging_depth',): [True, 'x', 1.5, float('nan')],
    ('targeted_structure',): [True, 'x', []],
    ('targeted_structure', 'acronym'): [True, 7, []],
    ('specimen',): [True, 'x', [7]],
    ('specimen', 'donor', 'external_donor_name'): [True, []],
    ('specimen', 'donor', 'transgenic_lines'): [True, 'x', [7], [{}]],
    ('experiment_container_id',): [True, 'x', [7]],
    ('experiment_container', 'failed'): [0, 'x', []],
}


@pytest.mark.parametrize(
    ('path', 'wrong'), [(path, value) for path, values in NEEDED.items() for value in ['missing', None, *values]]
)
@pytest.mark.several
def test_fields_that_are_missing_or_wrong(site, ask, path, wrong):
    records = copy.deepcopy(OPHYS)
    record = records[1]
    for name in path[:-1]:
        record = record[name]
    if wrong == 'missing':
        del record[path[-1]]
    else:
        record[path[-1]] = wrong
    site.files[EXPERIMENTS] = json.dumps(records).encode()
    listing = ask(ophys_sessions)
    assert (ids(listing), listing.n_damaged) == ([503, 505], 1)
    site.files[EXPERIMENTS] = json.dumps([records[1]]).encode()
    ask.folder = ask.folder / 'without any other'
    # An identifier that is a list can't be told from another study's.
    with pytest.raises(DataError, match=f'of the catalogue has (no|the) ({path[0]}|transgenic_line_type_name)'):
        ask(ophys_sessions)


def test_a_depth_written_as_a_decimal(site, ask):
    records = copy.deepcopy(OPHYS)
    records[1]['imaging_depth'] = 175.0
    site.files[EXPERIMENTS] = json.dumps(records).encode()
    assert [session.depth_um for session in ask(ophys_sessions).sessions] == [175, 275, 375]


ODD = [None, True, 7, -1.5, float('nan'), 'x', '', [], [7], {}, {'id': 1}]


def spoil(rng, value):
    """Replace a random part of JSON by an odd value."""
    if not isinstance(value, list | dict) or not value or rng.random() < 0.15:
        return rng.choice(ODD)
    key = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
    value[key] = spoil(rng, value[key])
    return value


@pytest.mark.parametrize('seed', [*range(10), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(10, 60))])
@pytest.mark.several
def test_any_other_json(site, ask, seed):
    rng = random.Random(seed)
    use_warehouse(site)
    site.models = {name: spoil(rng, copy.deepcopy(records)) for name, records in site.models.items()}
    for function in (ophys_sessions, ecephys_sessions):
        try:
            ask(function)
        except DataError as error:
            assert '\n' not in str(error)


@pytest.mark.parametrize('table', ['sessions', 'probes', 'channels', 'units'])
@pytest.mark.parametrize(
    'content', [b'', b'<html><body>Log in</body></html>', b'\xff\xfe\x00', b'{"a": 1}', b'id\n1\n', b'a,"b\n1,2\n']
)
@pytest.mark.several
def test_wrong_csv(site, ask, table, content):
    site.files[f'{ECEPHYS}/{table}.csv'] = content
    with pytest.raises(DataError, match=f'{table}.csv sent ') as caught:
        ask(ecephys_sessions)
    assert '\n' not in str(caught.value)
    use_warehouse(site)
    assert ids(ask(ecephys_sessions)) == [701, 703]


@pytest.mark.parametrize(
    ('table', 'column'),
    [
        ('sessions', 'id'),
        ('sessions', 'specimen_id'),
        ('probes', 'ecephys_session_id'),
        ('channels', 'ecephys_probe_id'),
        ('units', 'ecephys_channel_id'),
    ],
)
@pytest.mark.parametrize('value', ['', 'x', '1.5'])
@pytest.mark.several
def test_wrong_ids(site, ask, table, column, value):
    """A row without an id is left out, and counted; a table of such rows is no table."""
    rows = ecephys_tables()[table]
    site.files[f'{ECEPHYS}/{table}.csv'] = as_csv([{**rows[0], 'id': 999_999, column: value}, *rows])
    listing = ask(ecephys_sessions)
    assert (ids(listing), listing.n_damaged) == ([701, 703], 1)
    site.files[f'{ECEPHYS}/{table}.csv'] = as_csv([{**row, column: value} for row in rows])
    ask.folder = ask.folder / 'without any other'
    with pytest.raises(DataError, match=f'the table of {table} has no row with a whole number as id and'):
        ask(ecephys_sessions)


@pytest.mark.parametrize('source', ['bucket', 'warehouse'])
def test_positions_of_channels(site, ask, source):
    """-1000 stands for a channel that was not located."""
    names = ('anterior_posterior_ccf_coordinate', 'dorsal_ventral_ccf_coordinate', 'left_right_ccf_coordinate')
    rows = ecephys_tables()['channels']
    for i, row in enumerate(rows):
        place = (-1000, -1000, -1000) if row['id'] == 70100 else (8000 + i, 3000 + i, 6800 + i)
        row |= dict(zip(names, place, strict=True))
    if source == 'bucket':
        site.files[f'{ECEPHYS}/channels.csv'] = as_csv(rows)
    else:
        use_warehouse(site)
        site.models['EcephysChannel'] = [{name: str(value) for name, value in row.items()} for row in rows]
    positions = ask(ecephys_sessions).sessions[0].channel_positions
    recorded = {row['id']: 8000 + i for i, row in enumerate(rows) if row['id'] in positions}
    assert set(positions) == {70100, 70101, 70102, 70104}
    assert np.isnan(positions[70100]).all()
    assert positions[70104] == (recorded[70104], recorded[70104] - 5000, recorded[70104] - 1200)


def test_tables_without_positions(ask):
    assert ask(ecephys_sessions).sessions[0].channel_positions == {}


def test_tables_that_do_not_fit_together(site, ask):
    site.files[f'{ECEPHYS}/units.csv'] = b'id,ecephys_channel_id\n1,1\n'
    with pytest.raises(DataError, match='no session has units in VISp'):
        ask(ecephys_sessions)


@pytest.mark.parametrize(
    'fault', [file_server.status(503), file_server.status(403), file_server.page, file_server.hang_up]
)
@pytest.mark.several
def test_the_warehouse_stands_in_for_a_bucket_out_of_order(site, ask, fault):
    paths = list(site.files)
    use_warehouse(site)
    site.faulty = dict.fromkeys(paths, fault)
    assert ids(ask(ophys_sessions)) == [501, 503, 505]
    assert ids(ask(ecephys_sessions)) == [701, 703]


def slowly(handler, site):
    """Answer correctly, but only after 200 s of the site's clock, in which a byte of a header arrives now and then."""
    _, content, _ = site.reply(handler)
    with contextlib.suppress(OSError, TimeoutError):  # the client gave up
        handler.wfile.write(b'HTTP/1.1 200 OK\r\nX-Slow: ')
        for _ in range(40):
            handler.wfile.write(b'x')
            site.sleep(5)
        handler.wfile.write(b'\r\nContent-Length: %d\r\n\r\n%s' % (len(content), content))
    handler.close_connection = True


def test_only_the_warehouse_has_minutes_for_its_answer(site, ask):
    """It computes the list of experiments, which takes it longer than others take to send a file."""
    clock = Clock()
    site.sleep = clock.sleep
    site.models = {'OphysExperiment': OPHYS + BEHAVIOR}
    site.faulty = {EXPERIMENTS: slowly, QUERY: slowly}
    retry = RetryPolicy(tries=1, sleep=clock.wait, clock=clock)
    assert ids(ask(ophys_sessions, retry=retry)) == [501, 503, 505]
    assert not (ask.folder / 'ophys_experiments.json').exists()
    assert (ask.folder / 'ophys_experiments_rma.json').exists()
    assert 200 < clock() <= 200 + 2 * 30 + 2 * 5  # the server is ahead by one byte at either end


def test_both_out_of_order(site, ask):
    site.files.clear()
    site.faulty[QUERY] = file_server.status(503)
    with pytest.raises(DataError) as caught:
        ask(ophys_sessions)
    assert 'the server answered 404' in str(caught.value)
    assert 'the server answered 503' in str(caught.value)
    assert list(ask.folder.glob('*.json')) == []


def test_a_folder_that_cannot_be_made(ask):
    ask.folder.write_text('')
    with pytest.raises(StorageError, match='cannot write to'):
        ask(ophys_sessions)


def test_scenes(site):
    urls = scene_urls(f'{site.address}/bucket')
    assert len(urls) == len(set(urls)) == 118
    assert urls[7] == f'{site.address}{ECEPHYS}/natural_scene_templates/natural_scene_7.tiff'


@pytest.fixture
def listed(site, ask):
    """Sessions with files in the bucket, of 1,000 bytes plus their id."""
    sessions = ask(ophys_sessions).sessions
    for session in sessions:
        site.files[session.urls[0].removeprefix(site.address)] = bytes(1000 + session.id)
        site.files[session.events_urls[0].removeprefix(site.address)] = bytes(session.id)
    site.requests.clear()
    return sessions


def mirrors(sessions):
    return {each.id: each.urls for each in sessions}


def test_sizes(site, listed):
    assert file_sizes(mirrors(listed)) == {501: 1501, 503: 1503, 505: 1505}
    assert file_sizes({each.id: each.events_urls for each in listed}) == {501: 501, 503: 503, 505: 505}
    assert {request['method'] for request in site.requests} == {'HEAD'}
    assert site.sent == 0
    assert file_sizes({}) == {}


@pytest.mark.parametrize(
    'fault',
    [
        file_server.status(405),
        file_server.status(403),
        file_server.status(200, Content_Length=None, Connection='close'),
    ],
)
def test_sizes_where_head_is_refused(site, listed, fault):
    for session in listed:
        path = session.urls[0].removeprefix(site.address)
        site.faulty[path] = lambda handler, site: (fault if handler.command == 'HEAD' else file_server.serve)(
            handler, site
        )
    assert file_sizes(mirrors(listed)) == {501: 1501, 503: 1503, 505: 1505}
    assert site.sent == 3


def test_sizes_by_redirect_and_after_faults(site, listed):
    path = listed[0].urls[0].removeprefix(site.address)
    site.files['/elsewhere'] = bytes(77)
    site.faulty[path] = file_server.status(302, Location='/elsewhere')
    slept = []
    site.faults = [file_server.status(503), file_server.hang_up]
    assert file_sizes(mirrors(listed), workers=1, retry=RetryPolicy(sleep=slept.append))[501] == 77
    assert slept == [1, 2]


def test_sizes_of_files_that_are_not_there(site, listed):
    del site.files[listed[0].urls[0].removeprefix(site.address)]
    assert file_sizes(mirrors(listed)) == {501: None, 503: 1503, 505: 1505}
    link = listed[0].urls[1].removeprefix(site.address)
    site.files[link] = bytes(9)
    assert file_sizes(mirrors(listed))[501] == 9


@pytest.mark.parametrize('n_refused', [1, 3])
def test_sizes_of_files_that_are_refused(site, listed, n_refused):
    """One 403 stands for a file that the server lacks; nothing but 403 is a server that can't be used."""
    for session in listed[:n_refused]:
        site.faulty[session.urls[0].removeprefix(site.address)] = file_server.status(403)
    if n_refused == 1:
        assert file_sizes(mirrors(listed)) == {501: None, 503: 1503, 505: 1505}
        # A mirror that has the file, or may have it later, is as good as without a refusal.
        link = listed[0].urls[1].removeprefix(site.address)
        site.files[link] = bytes(9)
        assert file_sizes(mirrors(listed))[501] == 9
        site.faulty[link] = file_server.status(503)
        with pytest.raises(ServerUnreachable, match=r'403.*503'):
            file_sizes(mirrors(listed), retry=RetryPolicy(sleep=float))
    else:
        with pytest.raises(DataError, match=rf'{listed[0].urls[0]}: the server answered 403'):
            file_sizes(mirrors(listed), workers=1)


def test_sizes_behind_a_login(site, listed):
    site.faulty[listed[0].urls[0].removeprefix(site.address)] = file_server.page
    site.faulty[listed[0].urls[1].removeprefix(site.address)] = file_server.page
    with pytest.raises(DataError, match='a web page in place'):
        file_sizes(mirrors(listed))


def test_sizes_without_a_network(listed):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        nobody = f'http://127.0.0.1:{free.getsockname()[1]}/file'
    many = [type(each)(**{**vars(each), 'id': i, 'urls': (nobody,)}) for i, each in enumerate(listed * 100)]
    slept = []
    with pytest.raises(DataError, match='refused'):
        file_sizes(mirrors(many), retry=RetryPolicy(sleep=slept.append))
    assert len(slept) <= 8 * 3  # not for each of them


def test_several_sizes_are_requested_at_once_but_not_all(site, listed):
    running, most = [], []
    lock = threading.Lock()

    def slow(handler, site):
        with lock:
            running.append(1)
            most.append(len(running))
        time.sleep(0.02)
        with lock:
            running.pop()
        file_server.serve(handler, site)

    for session in listed:
        site.faulty[session.urls[0].removeprefix(site.address)] = slow
    many = [type(each)(**{**vars(each), 'id': i}) for i, each in enumerate(listed * 10)]
    assert set(file_sizes(mirrors(many), workers=4).values()) == {1501, 1503, 1505}
    assert 1 < max(most) <= 4
