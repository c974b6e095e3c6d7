"""Whole fetches from a local server: their datasets, messages and files."""

import hashlib
import io
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import allen_bucket as bucket
import h5py
import numpy as np
import pytest
from allen_warehouse import Warehouse
from PIL import Image

from m2m_benchmarks.acquisition.allen.ecephys.settings import EcephysSettings
from m2m_benchmarks.acquisition.allen.ophys.listing import ophys_sessions
from m2m_benchmarks.acquisition.allen.ophys.settings import OphysSettings
from m2m_benchmarks.acquisition.allen.sessions import AllenSelection
from m2m_benchmarks.acquisition.pipeline import whole_file
from m2m_benchmarks.acquisition.pipeline import workers as workers_
from m2m_benchmarks.acquisition.pipeline.fetch import fetch_survey
from m2m_benchmarks.acquisition.pipeline.plan import plan
from m2m_benchmarks.acquisition.pipeline.session_file import fingerprint, read_session, write_session
from m2m_benchmarks.acquisition.pipeline.tasks import ExtractionTask, extract_session, responses_folder
from m2m_benchmarks.acquisition.surveys import SURVEYS, find_survey
from m2m_benchmarks.data import manifest, store, versions
from m2m_benchmarks.data.courses import load_courses
from m2m_benchmarks.errors import DataError, StorageError, UnknownNameError
from m2m_benchmarks.net.retry import RetryPolicy
from m2m_benchmarks.storage import ensure_writable, file_lock
from m2m_benchmarks.testing import file_server, npz_bytes, serving_files

pytestmark = pytest.mark.network


SETTINGS = {'deVries2020': OphysSettings(), 'Siegle2021': EcephysSettings()}
NAMES = pytest.mark.parametrize('name', SETTINGS)


@pytest.fixture(scope='module')
def content(tmp_path_factory):
    """Path to content of the server's files."""
    folder = tmp_path_factory.mktemp('bucket')
    with serving_files(Warehouse()) as site:
        bucket.put_ophys(site, folder / 'ophys')
        bucket.put_ecephys(site, folder / 'ecephys')
        return site.files


@pytest.fixture
def site(site, content):
    site.files.update(content)
    return site


@pytest.fixture
def fetch(site):
    """The function fetch('deVries2020', areas=['VISp'], whole_files=True) -> FetchResult."""

    def run(name, settings=None, *, run=fetch_survey, **options):
        chosen = {
            key: options.pop(key)
            for key in ('areas', 'cre_lines', 'depth_um', 'number', 'session_types')
            if key in options
        }
        return run(SURVEYS[name], choice(site, **chosen), settings or SETTINGS[name], **options)

    return run


@pytest.mark.parametrize(
    ('settings', 'folder'),
    [
        (OphysSettings(), 'b12d59aa20b6a4ec'),
        (EcephysSettings(), 'c02865a4c6e92858'),
        (EcephysSettings(missing_metrics=True), '115ff23a0202ba93'),
    ],
)
def test_the_folder_of_sessions_stays_the_same(settings, folder):
    """Sessions are kept in a folder named after the settings, so that later versions use them."""
    assert responses_folder(Path(), settings).name == folder


def choice(site, **chosen):
    # float doesn't wait, and can be pickled
    retry = RetryPolicy(sleep=float)
    return AllenSelection(mirror=f'{site.address}/bucket', warehouse=f'{site.address}/warehouse', retry=retry, **chosen)


def strays(home):
    """List files that no later fetch would use."""
    paths = [path for path in (home / 'downloads').rglob('*') if path.is_file() and path.name != '.lock']
    known = {'.npz': 'sessions', '.json': 'tables', '.csv': 'tables', '.png': None, '.tiff': 'scenes', '.nwb': 'nwb'}
    return [
        path.name
        for path in paths
        if path.name.startswith('.')
        or path.suffix not in known
        or (path.suffix == '.nwb' and not path.with_name(f'{path.name}.json').exists())
    ] + [path.name for path in (home / 'data').rglob('.tmp-*')]


@pytest.fixture(scope='module')
def undisturbed(content, tmp_path_factory):
    """Name to SHA-256 of the assembly of an undisturbed fetch."""
    hashes = {}
    with pytest.MonkeyPatch.context() as patch, serving_files(Warehouse()) as site:
        patch.setenv('M2M_HOME', str(tmp_path_factory.mktemp('undisturbed')))
        for name in ('HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'):
            patch.delenv(name, raising=False)
        site.files.update(content)
        for name, settings in SETTINGS.items():
            hashes[name] = bucket.sha256_of(fetch_survey(SURVEYS[name], choice(site), settings))
    return hashes


@NAMES
@pytest.mark.several
@pytest.mark.slow
def test_cold(fetch, site, m2m_home, name):
    first = fetch(name)
    n = 4 if name == 'deVries2020' else 3
    assert (first.failed, first.refused, first.n_kept) == ({}, {}, 0)
    assert len(first.manifest['source']['sessions']) == n
    assert first.manifest['summary']['repetitions'] == 3
    assert first.manifest['summary']['stimuli'] == 118
    assembly = store.load_assembly(name)
    assert assembly.shape[0] == 3 * 118
    assert manifest.verify(name) == []
    assert strays(m2m_home) == []
    site.requests.clear()
    again = fetch(name)
    assert (again.n_kept, again.bytes_moved, bucket.sha256_of(again)) == (n, 0, bucket.sha256_of(first))
    assert site.requests == []


@pytest.mark.slow
def test_cre_lines_animals_and_time_courses(fetch, site, m2m_home):
    fetch('deVries2020')
    assembly = store.load_assembly('deVries2020')
    line = dict(zip(assembly['session'].values, assembly['cre_line'].values, strict=True))
    kind = dict(zip(assembly['session'].values, assembly['cell_type'].values, strict=True))
    assert line == {each[0]: each[1] for each in (('501', 'Cux2-CreERT2'), ('502', 'Cux2-CreERT2'))} | {
        '503': 'Vip-IRES-Cre',
        '504': 'Rbp4-Cre_KL100',
    }
    assert kind == {'501': 'excitatory', '502': 'excitatory', '503': 'inhibitory', '504': 'excitatory'}
    courses = load_courses(versions.current('deVries2020'))
    assert (courses.values.shape, courses.before) == ((len(assembly['session']), 35), 7)
    assert np.isfinite(courses.values).all()
    fetch('Siegle2021')
    with pytest.raises(DataError, match='the recordings of Siegle2021 hold no time courses'):
        load_courses(versions.current('Siegle2021'))
    assembly = store.load_assembly('Siegle2021')
    assert set(assembly['cre_line'].values) == {'none', 'Sst-IRES-Cre'}
    assert 'cell_type' not in assembly.coords
    # Ids of specimens, as in tables and bundles; the files have those of donors, 10801 to 10803.
    assert set(zip(assembly['session'].values, assembly['animal'].values, strict=True)) == {
        ('701', '801'),
        ('702', '802'),
        ('703', '803'),
    }


@pytest.mark.slow
def test_filters(fetch, m2m_home):
    fetched = fetch('deVries2020', areas=['VISl'])
    assert {each['session'] for each in fetched.manifest['source']['sessions']} == {'502', '503'}
    fetched = fetch('deVries2020', depth_um=(175, 275), cre_lines=['Cux2-CreERT2'])
    assert {each['session'] for each in fetched.manifest['source']['sessions']} == {'501', '502'}
    assert fetched.n_kept == 1
    fetched = fetch('deVries2020', number=1)
    assert list(fetched.manifest['summary']['areas']) == ['VISp']
    fetched = fetch('Siegle2021', areas=['visp'])
    assert list(fetched.manifest['summary']['areas']) == ['VISp']
    with pytest.raises(UnknownNameError, match='unknown area'):
        fetch('Siegle2021', areas=['V2'])
    with pytest.raises(DataError, match='no imaging depth'):
        fetch('Siegle2021', depth_um=(100, None))
    with pytest.raises(UnknownNameError, match='unknown dataset'):
        find_survey('Smith2026')
    with pytest.raises(DataError, match='takes EcephysSettings'):
        fetch('Siegle2021', OphysSettings())


@pytest.mark.slow
@NAMES
@pytest.mark.parametrize(
    'options', [{'whole_files': True}, {'whole_files': True, 'delete_files': True}, {'workers': 2}]
)
def test_options_that_do_not_change_the_dataset(fetch, m2m_home, undisturbed, name, options):
    fetched = fetch(name, **options)
    assert bucket.sha256_of(fetched) == undisturbed[name]
    assert fetched.failed == {}
    kept = sorted((m2m_home / 'downloads').rglob('*.nwb'))
    assert len(kept) == ((4 if name == 'deVries2020' else 3) if options == {'whole_files': True} else 0)
    assert strays(m2m_home) == []


@pytest.mark.slow
def test_events(fetch, site, m2m_home, content):
    settings = OphysSettings('events')
    del site.files[f'{bucket.OPHYS}/ophys_experiment_events/503_events.npz']
    site.files[f'{bucket.OPHYS}/ophys_experiment_events/502_events.npz'] = b'short'
    fetched = fetch('deVries2020', settings)
    assert list(fetched.failed) == ['502', '503']
    assert 'cannot be read as events' in fetched.failed['502']
    assert '404' in fetched.failed['503']
    site.files.update(content)
    assert fetch('deVries2020', settings).n_kept == 2
    assert list((m2m_home / 'downloads').rglob('*_events.npz')) == []
    assert strays(m2m_home) == []


@pytest.mark.slow
def test_other_settings_are_extracted_again(fetch, m2m_home):
    fetch('deVries2020')
    other = fetch('deVries2020', OphysSettings(window='7'))
    assert other.n_kept == 0
    assert other.manifest['source']['settings']['window'] == '7'


@pytest.mark.slow
def test_a_plan_downloads_no_recording(fetch, site, m2m_home):
    for name, n in (('deVries2020', 4), ('Siegle2021', 3)):
        planned = fetch(name, run=plan)
        assert len(planned.listing.sessions) == n
        path_of = bucket.ophys_path if name == 'deVries2020' else bucket.ecephys_path
        paths = {path_of(session.id) for session in planned.listing.sessions}
        assert planned.file_bytes == sum(len(site.files[path]) for path in paths)
        requests = [request for request in site.requests if request['path'].endswith('.nwb')]
        assert {request['path'] for request in requests} >= paths
        assert sum(request['sent'] for request in requests) == 0
        assert planned.moved_bytes < planned.file_bytes
        assert not (m2m_home / 'data').exists()
    assert fetch('deVries2020', run=plan).groups == {
        'VISp': {'Cux2-CreERT2': 1, 'Rbp4-Cre_KL100': 1},
        'VISl': {'Cux2-CreERT2': 1, 'Vip-IRES-Cre': 1},
    }
    assert fetch('deVries2020', run=plan).listing.n_failed == 1
    events = fetch('deVries2020', OphysSettings('events'), run=plan)
    assert events.file_bytes > fetch('deVries2020', run=plan).file_bytes
    fetch('deVries2020', number=2)
    planned = fetch('deVries2020', run=plan)
    assert (planned.n_extracted, planned.seconds) == (2, 20)
    del site.files[bucket.ophys_path(504)]
    assert fetch('deVries2020', run=plan).without_file == ['504']


@pytest.mark.seconds
@pytest.mark.slow
def test_a_plan_counts_the_events_that_no_server_has(fetch, site, m2m_home):
    whole = fetch('deVries2020', OphysSettings('events'), run=plan)
    events = site.files.pop(f'{bucket.OPHYS}/ophys_experiment_events/503_events.npz')
    planned = fetch('deVries2020', OphysSettings('events'), run=plan)
    assert (planned.without_further, planned.without_file) == (['503'], [])
    # Nothing of the session is read without its events.
    assert whole.file_bytes - planned.file_bytes == len(events) + len(site.files[bucket.ophys_path(503)])
    assert (whole.without_further, planned.seconds - whole.seconds) == ([], -10)
    assert fetch('deVries2020', run=plan).without_further == []


@pytest.mark.seconds
def test_a_server_that_refuses_files_that_it_lacks(fetch, site, m2m_home):
    """S3 answers 403 in place of 404 where listing isn't allowed."""
    paths = [bucket.ophys_path(number) for number in (501, 502, 503, 504)]
    site.faulty = {paths[1]: file_server.status(403)}
    planned = fetch('deVries2020', run=plan)
    assert planned.without_file == ['502']
    assert planned.file_bytes == sum(len(site.files[path]) for path in paths if path != paths[1])
    site.faulty = dict.fromkeys(paths, file_server.status(403))
    with pytest.raises(DataError, match=rf'{bucket.ophys_path(501)}: the server answered 403'):
        fetch('deVries2020', run=plan, workers=1)


@pytest.mark.seconds
@pytest.mark.slow
def test_a_plan_bounds_the_bytes_of_packed_files(site, tmp_path, m2m_home):
    """Packed traces are read whole, and packed images together with their neighbours."""
    bucket.put_packed_ophys(site, tmp_path)
    survey = SURVEYS['deVries2020']
    for signal in ('dff', 'corrected'):
        selection, settings = choice(site), OphysSettings(signal)
        planned = plan(survey, selection, settings)
        task = ExtractionTask(survey, planned.listing.sessions[0], settings, tmp_path / signal, retry=selection.retry)
        extracted = extract_session(task)
        assert extracted.reason == ''
        share = extracted.bytes_moved / planned.file_bytes
        print(f'{signal}: {share:.3f} of {planned.file_bytes:,} bytes')
        assert 0.1 < share <= (planned.moved_bytes - planned.image_bytes) / planned.file_bytes < 1


@pytest.mark.slow
def test_sessions_extracted_by_an_earlier_version_compare_their_own_images(fetch, site, m2m_home, undisturbed):
    fetch('deVries2020')
    for path in (m2m_home / 'downloads').rglob('50[123].npz'):
        stored = read_session(path)
        images = [hashlib.sha256(image.tobytes()).hexdigest() for image in bucket.SCENES]
        earlier = [images[number] if number % 29 == 0 else '' for number in range(118)]
        write_session(path.parent, replace(stored, images_sha256=earlier), fingerprint(SETTINGS['deVries2020']))
    for path in (m2m_home / 'downloads').rglob('scene_*'):
        path.unlink()
    site.requests.clear()
    fetched = fetch('deVries2020')
    assert (bucket.sha256_of(fetched), fetched.n_kept) == (undisturbed['deVries2020'], 4)
    assert {request['path'] for request in site.requests} == {bucket.scene_path(number) for number in range(118)}


# --- wrong session files


@pytest.fixture
def changed(site, content, tmp_path):
    """The function changed(path, edit): apply an edit to a session file of the server."""

    def change(path, edit):
        local = tmp_path / 'changed.nwb'
        local.write_bytes(content[path])
        with h5py.File(local, 'r+') as file:
            edit(file)
        site.files[path] = local.read_bytes()

    return change


def drop(*paths):
    def edit(file):
        for path in paths:
            del file[path]

    return edit


def session_a(file):
    del file['stimulus/presentation/natural_scenes_stimulus']
    del file['general/session_type']
    file['general/session_type'] = np.bytes_('three_session_A')


def other_number(file):
    del file['general/session_id']
    file['general/session_id'] = np.bytes_('77')


def other_images(file):
    images = file[bucket.nwb.TEMPLATES]
    images[3] = 255 - images[3]


#: Change of the file of session 502, the reason of its failure, and the reason with whole files.
BAD = {
    'Visual Behavior': (drop(bucket.nwb.PIPELINE), 'Visual Behavior', 'a session without natural scenes'),
    'session A': (session_a, 'three_session_A', 'a session without natural scenes'),
    'another session': (other_number, 'is of session 77', 'is of session 77'),
    'no templates': (drop(bucket.nwb.TEMPLATES), 'natural_scenes_image_stack', 'natural_scenes_image_stack'),
}


@pytest.mark.slow
@pytest.mark.parametrize('whole_files', [False, True])
@pytest.mark.parametrize('bad', BAD)
def test_a_bad_session_stops_no_other(fetch, changed, m2m_home, bad, whole_files):
    edit, *reasons = BAD[bad]
    changed(bucket.ophys_path(502), edit)
    fetched = fetch('deVries2020', whole_files=whole_files)
    assert list(fetched.failed) == ['502']
    assert reasons[whole_files] in fetched.failed['502']
    assert len(fetched.manifest['source']['sessions']) == 3
    assert fetched.manifest['source']['failed'] == fetched.failed
    assert strays(m2m_home) == []


@NAMES
@pytest.mark.parametrize('whole_files', [False, True])
@pytest.mark.several
@pytest.mark.slow
def test_files_of_other_formats(fetch, site, content, m2m_home, undisturbed, name, whole_files):
    first, second = (
        (bucket.ophys_path(501), bucket.ophys_path(503))
        if name == 'deVries2020'
        else (bucket.ecephys_path(701), bucket.ecephys_path(703))
    )
    site.files[first] = b'<!DOCTYPE html><html><body>Moved</body></html>' * 99
    site.files[second] = content[second][: len(content[second]) // 2]
    fetched = fetch(name, whole_files=whole_files)
    assert sorted(fetched.failed) == (['501', '503'] if name == 'deVries2020' else ['701', '703'])
    assert all(len(reason) > 20 for reason in fetched.failed.values())
    assert strays(m2m_home) == []
    site.files.update(content)
    fetched = fetch(name, whole_files=whole_files)
    assert (fetched.failed, bucket.sha256_of(fetched)) == ({}, undisturbed[name])


@pytest.mark.slow
def test_other_images(fetch, changed, m2m_home):
    """A first session with other images than the rest is refused, not the rest."""
    changed(bucket.ophys_path(501), other_images)
    fetched = fetch('deVries2020')
    assert list(fetched.refused) == ['501']
    assert 'other images (1 of 5 differ, the first is number 3)' in fetched.refused['501']
    assert len(fetched.manifest['source']['sessions']) == 3


def test_no_session_can_be_extracted(fetch, site, m2m_home):
    for number in (501, 502, 503, 504):
        del site.files[bucket.ophys_path(number)]
    with pytest.raises(DataError, match='none of 4 sessions of deVries2020 could be extracted'):
        fetch('deVries2020')
    assert manifest.names() == []


@pytest.mark.slow
def test_a_poisoned_file_is_fetched_again(fetch, site, m2m_home, undisturbed):
    fetch('deVries2020', whole_files=True)
    paths = sorted((m2m_home / 'downloads').rglob('*.nwb'))
    noted = json.loads(Path(f'{paths[0]}.json').read_text())
    assert noted['etag'] == '"1"'
    assert noted['bytes'] == paths[0].stat().st_size
    content = bytearray(paths[0].read_bytes())
    content[-9] ^= 1
    paths[0].write_bytes(content)
    paths[1].with_name(f'{paths[1].name}.json').write_text('{')
    paths[2].write_bytes(b'<html>')
    site.requests.clear()
    for path in (m2m_home / 'downloads').rglob('50?.npz'):
        path.unlink()
    fetched = fetch('deVries2020', whole_files=True)
    assert bucket.sha256_of(fetched) == undisturbed['deVries2020']
    requested = {request['path'] for request in site.requests if request['method'] == 'GET'}
    assert requested == {bucket.ophys_path(number) for number in (501, 502, 503)}


@pytest.mark.slow
def test_whole_files_and_parts_of_them_compare_the_same_images(fetch, changed, m2m_home):
    """A difference in an image that isn't compared is accepted with and without whole files, as documented."""

    def another(file):
        file[bucket.nwb.TEMPLATES][29] = 0

    changed(bucket.ophys_path(501), another)
    results = [fetch('deVries2020', whole_files=whole_files) for whole_files in (False, True)]
    assert [each.refused for each in results] == [{}, {}]
    assert bucket.sha256_of(results[0]) == bucket.sha256_of(results[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ('how', 'options'),
    [
        ('lacks them', {}),
        ('lacks them', {'whole_files': True}),
        ('lacks them', {'whole_files': True, 'delete_files': True}),
        ('has others', {}),
        ('lacks one', {}),
        ('damages one', {}),
    ],
)
def test_scenes_of_the_sessions(fetch, site, m2m_home, undisturbed, how, options):
    """Images that the server lacks are read from a session, with the same pixels and so the same dataset."""
    tiffs = [bucket.scene_path(number) for number in range(118)]
    shown = manifest_of(fetch('deVries2020'))
    other = m2m_home.with_name('other')
    for path in tiffs if how in ('lacks them', 'has others') else tiffs[3:4]:
        content = site.files.pop(path)
        if how == 'has others':
            site.files[path] = content[:-54] + bytes(54)
        elif how == 'damages one':
            site.files[path] = content[:30]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('M2M_HOME', str(other))
        fetched = fetch('deVries2020', **options)
        assert (bucket.sha256_of(fetched), manifest_of(fetched)) == (undisturbed['deVries2020'], shown)
        assert strays(other) == []
        site.requests.clear()
        assert fetch('deVries2020', **options).bytes_moved == 0
        assert site.requests == []


def manifest_of(fetched):
    return {key: fetched.manifest[key] for key in ('version', 'stimuli', 'assembly')}


@pytest.mark.slow
def test_scenes_are_downloaded_once_for_all_datasets(fetch, site, m2m_home):
    first = fetch('deVries2020', number=1)
    assert first.image_bytes == sum(len(site.files[bucket.scene_path(number)]) for number in range(118))
    assert fetch('Siegle2021').image_bytes == 0
    stored = [store.load_stimuli(name) for name in SETTINGS]
    assert stored[0]['sha256'].tolist() == stored[1]['sha256'].tolist()


@pytest.mark.slow
def test_scenes_with_wrong_pixels(fetch, site, m2m_home):
    site.files[bucket.scene_path(3)] = tiff(np.full((6, 9), 300.5, np.float32))
    with pytest.raises(DataError, match='is not a grey or RGB image'):
        fetch('Siegle2021')
    assert manifest.names() == []
    # Whole numbers of any type are pixels.
    site.files[bucket.scene_path(3)] = tiff(bucket.SCENES[3].astype(np.float32))
    assert fetch('Siegle2021').refused == {}


def tiff(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format='tiff')
    return buffer.getvalue()


@pytest.mark.parametrize(
    ('workers', 'fault', 'whole_files'),
    [
        (1, file_server.hang_up, False),
        (2, file_server.hang_up, False),
        (1, file_server.status(503), False),
        (1, file_server.hang_up, True),
    ],
)
@pytest.mark.several
@pytest.mark.slow
def test_the_network_fails(fetch, site, m2m_home, workers, fault, whole_files):
    """Extracted sessions are kept, and not each of hundreds of sessions is tried.

    That the second mirror doesn't have the files changes nothing.
    """
    before = bucket.sha256_of(fetch('deVries2020', number=1))
    listed = json.loads(site.files[f'{bucket.OPHYS}/ophys_experiments.json'])
    for record in listed:
        link = {'download_link': '/none', 'well_known_file_type': {'name': 'NWBOphys'}}
        record['well_known_files'] = [link]
    site.files[f'{bucket.OPHYS}/ophys_experiments.json'] = json.dumps(listed).encode()
    (m2m_home / 'downloads' / 'allen' / 'deVries2020' / 'tables' / 'ophys_experiments.json').unlink()
    for number in (502, 503, 504):
        site.faulty[bucket.ophys_path(number)] = fault
    with pytest.raises(DataError, match='3 sessions in a row could not be reached'):
        fetch('deVries2020', workers=workers, whole_files=whole_files)
    assert manifest.require('deVries2020')['assembly']['sha256'] == before
    assert strays(m2m_home) == []
    site.faulty.clear()
    assert fetch('deVries2020').failed == {}


@pytest.mark.slow
def test_whole_files_of_sessions_that_are_extracted(fetch, site, m2m_home, undisturbed):
    fetch('deVries2020')
    planned = fetch('deVries2020', run=plan, whole_files=True)
    assert (planned.n_extracted, planned.image_bytes) == (4, 0)
    assert planned.moved_bytes == planned.file_bytes
    fetched = fetch('deVries2020', whole_files=True)
    assert (bucket.sha256_of(fetched), fetched.bytes_moved) == (undisturbed['deVries2020'], planned.moved_bytes)
    assert len(list((m2m_home / 'downloads').rglob('*.nwb'))) == 4
    # Existing whole files are used for other settings.
    site.requests.clear()
    assert fetch('deVries2020', OphysSettings('corrected')).bytes_moved == 0
    # Sessions extracted with the earlier settings are kept.
    assert fetch('deVries2020').n_kept == 4
    assert site.requests == []


@pytest.mark.slow
def test_a_file_that_changes_is_read_once_more(fetch, site, m2m_home, undisturbed):
    path = bucket.ophys_path(501)
    handlers = []

    def change(handler, site):
        handlers.append(handler)
        if len(handlers) == 2:
            site.validators = {'ETag': '"2"', 'Last-Modified': 'Wed, 21 Oct 2025 07:28:00 GMT'}
        file_server.serve(handler, site)

    site.faulty[path] = change
    fetched = fetch('deVries2020')
    assert (fetched.failed, bucket.sha256_of(fetched)) == ({}, undisturbed['deVries2020'])


@pytest.mark.slow
def test_events_that_do_not_fit_are_downloaded_again(fetch, site, m2m_home, content):
    path = f'{bucket.OPHYS}/ophys_experiment_events/501_events.npz'
    settings = OphysSettings('events')
    before = bucket.sha256_of(fetch('deVries2020', settings))
    for session_file in (m2m_home / 'downloads').rglob('50?.npz'):
        session_file.unlink()
    site.files[path] = npz_bytes(ev=np.zeros((2, 7)))
    assert list(fetch('deVries2020', settings).failed) == ['501']
    site.files[path] = content[path]
    assert bucket.sha256_of(fetch('deVries2020', settings)) == before


@pytest.mark.slow
def test_a_complete_file_without_its_name_is_not_downloaded_again(fetch, site, m2m_home, undisturbed, monkeypatch):
    def interrupt(path, content, **more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(whole_file, 'write_note', interrupt)
        with pytest.raises(KeyboardInterrupt):
            fetch('deVries2020', whole_files=True)
    site.requests.clear()
    assert bucket.sha256_of(fetch('deVries2020', whole_files=True)) == undisturbed['deVries2020']
    assert bucket.ophys_path(501) not in {each['path'] for each in site.requests if each['method'] == 'GET'}
    assert strays(m2m_home) == []


@pytest.mark.slow
def test_a_mirror_that_sends_a_web_page_in_place_of_a_whole_file(site, tmp_path):
    path = bucket.ophys_path(501)
    site.files['/second'] = site.files[path]
    page = b'<html>Sorry</html>'

    def wrong(handler, site):
        if handler.command == 'HEAD':
            file_server.serve(handler, site)
        else:
            file_server.send(handler, 200, page + bytes(len(site.files[path]) - len(page)), ETag='"1"')

    site.faulty[path] = wrong
    urls = [site.address + path, f'{site.address}/second']
    survey = SURVEYS['deVries2020']
    moved = whole_file.whole_file(
        urls, tmp_path / '501.nwb', survey.check_readable, survey.check_content, retry=RetryPolicy(sleep=float)
    )
    assert (tmp_path / '501.nwb').read_bytes() == site.files['/second']
    assert moved == 2 * len(site.files['/second'])
    assert sorted(each.name for each in tmp_path.iterdir() if not each.name.startswith('.')) == [
        '501.nwb',
        '501.nwb.json',
    ]


@pytest.mark.slow
def test_types_of_neuropixels_sessions(fetch, site, m2m_home):
    rows = site.files[f'{bucket.ECEPHYS}/sessions.csv'].decode().replace('brain_observatory_1.1', 'functional_x', 1)
    rows = rows.replace('functional_x', 'functional_connectivity')
    site.files[f'{bucket.ECEPHYS}/sessions.csv'] = rows.encode()
    assert [each['session'] for each in fetch('Siegle2021').manifest['source']['sessions']] == ['702', '703']
    types = ['functional_connectivity', 'brain_observatory_1.1']
    fetched = fetch('Siegle2021', session_types=types)
    # Sessions of any type are extracted if their file shows the natural scenes.
    assert [each['session'] for each in fetched.manifest['source']['sessions']] == ['701', '702', '703']
    with pytest.raises(UnknownNameError, match='session type'):
        fetch('Siegle2021', session_types=['brain_observatory_1.0'])


@pytest.mark.slow
def test_an_incomplete_table_without_a_length_is_downloaded_again(fetch, site, m2m_home, undisturbed):
    """Incomplete CSV can't be recognised by its content."""
    path = f'{bucket.ECEPHYS}/units.csv'

    def cut(handler, site):
        lines = site.files[path].splitlines(keepends=True)
        file_server.send(handler, 200, b''.join(lines[:2]), close=True, **{'Content-Length': None})
        del site.faulty[path]

    site.faulty[path] = cut
    assert bucket.sha256_of(fetch('Siegle2021')) == undisturbed['Siegle2021']


def test_damaged_downloads_are_fetched_again(fetch, m2m_home, capsys):
    """One bit of a scene, of a table, and of the responses of a session."""
    first = fetch('Siegle2021')
    folder = m2m_home / 'downloads' / 'allen'
    damaged = [sorted(folder.rglob(pattern))[-1] for pattern in ('scene_*.tiff', '*.csv', 'sessions/*/*.npz')]
    for path in damaged:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    capsys.readouterr()
    assert fetch('Siegle2021').manifest['version'] == first.manifest['version']
    noted = capsys.readouterr().err
    assert all(f'note: {path} ' in noted for path in damaged)
    fetch('Siegle2021')
    assert capsys.readouterr().err == ''


def test_another_fetch_is_running(fetch, m2m_home):
    with (
        file_lock(ensure_writable(m2m_home / 'downloads' / 'allen' / 'deVries2020') / '.lock', 'a test'),
        pytest.raises(StorageError, match='already running'),
    ):
        fetch('deVries2020')


@pytest.mark.slow
def test_dask(fetch, site, m2m_home, undisturbed):
    distributed = pytest.importorskip('distributed')
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None, protocol='inproc://'
        ) as cluster,
    ):
        site.files[bucket.ophys_path(502)], kept = b'nothing', site.files[bucket.ophys_path(502)]
        assert list(fetch('deVries2020', scheduler=cluster.scheduler_address).failed) == ['502']
        site.files[bucket.ophys_path(502)] = kept
        assert bucket.sha256_of(fetch('deVries2020', scheduler=cluster.scheduler_address)) == undisturbed['deVries2020']


def test_a_scheduler_without_workers(fetch, m2m_home, monkeypatch):
    distributed = pytest.importorskip('distributed')
    monkeypatch.setattr(workers_, '_LONGEST_START_S', 0.3)
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None, protocol='inproc://') as cluster,
        pytest.raises(DataError, match='has no workers; start some'),
    ):
        fetch('deVries2020', scheduler=cluster.scheduler_address)


@pytest.mark.slow
@pytest.mark.parametrize(('workers', 'whole_files'), [(1, False), (1, True), (2, False), (2, True)])
def test_bytes_are_reported_during_the_fetch(site, m2m_home, monkeypatch, workers, whole_files):
    monkeypatch.setattr(workers_, '_REPORT_INTERVAL_S', 0.01)
    retry = RetryPolicy(sleep=float)
    listed = ophys_sessions(m2m_home / 'tables', AllenSelection(mirror=f'{site.address}/bucket'))
    tasks = [
        ExtractionTask(SURVEYS['deVries2020'], session, OphysSettings(), m2m_home, whole_files, retry=retry)
        for session in listed.sessions
    ]
    reported = []
    outcomes = list(workers_.run(extract_session, tasks, workers, moved=reported.append))
    assert len(outcomes) == 4
    assert reported == sorted(reported)
    assert reported[-1] == sum(outcome.bytes_moved for outcome in outcomes) > 0


def test_no_dask(fetch, m2m_home, monkeypatch):
    monkeypatch.setitem(sys.modules, 'distributed', None)
    with pytest.raises(DataError, match=r'm2m-benchmarks\[dask\]'):
        fetch('deVries2020', scheduler='tcp://127.0.0.1:1')


@pytest.mark.slow
def test_the_disk_is_full(fetch, m2m_home, undisturbed, monkeypatch):
    left = [0]

    def full(handle):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, 'No space left on device')

    for n in (0, 3, 8):
        left[0] = n
        with monkeypatch.context() as patch:
            patch.setattr(os, 'fsync', full)
            with pytest.raises(StorageError, match='No space left'):
                fetch('deVries2020')
        assert [name for name in strays(m2m_home) if '.part' not in name] == []
    assert bucket.sha256_of(fetch('deVries2020')) == undisturbed['deVries2020']
    assert strays(m2m_home) == []
