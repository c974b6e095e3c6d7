"""Merging sessions: the same dataset as an import, the same bytes in any order, little memory."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.acquisition.pipeline.merge import merge_sessions
from m2m_benchmarks.acquisition.pipeline.responses import SessionResponses
from m2m_benchmarks.acquisition.pipeline.session_file import write_session
from m2m_benchmarks.arrays import split_half_reliability
from m2m_benchmarks.data import atomic, manifest, store, versions
from m2m_benchmarks.data.courses import Courses, load_courses
from m2m_benchmarks.data.store import load_assembly, load_stimuli
from m2m_benchmarks.errors import DataError, StorageError
from m2m_benchmarks.testing import Call

SOURCE = {'made_by': 'a test'}
N_SCENES = 6


def scene_images(n=N_SCENES, seed=0):
    rng = np.random.default_rng(seed)
    return [(f'scene_{i:03d}', rng.integers(0, 256, (20, 24), dtype=np.uint8)) for i in range(n)]


def hashes(images):
    return [hashlib.sha256(image.tobytes()).hexdigest() for _, image in images]


def make_session(session, n_neuroids=5, n_repetitions=4, seed=0, region='VISp', **columns):
    """Responses with a tuning, so that most neuroids are reliable."""
    rng = np.random.default_rng([seed, int(session)])
    tuning = rng.normal(size=(N_SCENES, n_neuroids))
    values = (tuning + 0.3 * rng.normal(size=(n_repetitions, N_SCENES, n_neuroids))).astype(np.float32)
    neuroids = pd.DataFrame(
        {
            'neuroid_id': [f'{session}{i:03d}' for i in range(n_neuroids)],
            'region': region,
            'animal': f'mouse{int(session) % 3}',
            'session': session,
            **columns,
        }
    )
    return SessionResponses(session, values, neuroids, (0.0, 250.0), {'n_masked': 0}, hashes(scene_images()))


@pytest.fixture
def keep(tmp_path):
    """The function keep(*sessions) -> list of Path: write sessions to files."""
    return lambda *sessions: [write_session(tmp_path / 'sessions', session, 'mine') for session in sessions]


def netcdf(entry):
    return manifest.path_of(entry['name'], entry, entry['assembly'])


def times(path):
    """Times of the objects of an HDF5 file, which are 0 where none are written."""
    with h5py.File(path) as file:
        return {h5py.h5g.get_objinfo(file[name].id).mtime for name in file}


def strays(home):
    """List the files in the data folder that belong to no dataset."""
    known = {home / 'data' / name for name in manifest.names()}
    for name in manifest.names():
        entry = manifest.require(name)
        folder = home / 'data' / name / entry['version']
        known |= {home / 'data' / name / 'ledger.json', folder, *folder.rglob('*')}
    return {path for path in (home / 'data').rglob('*') if path.suffix != '.lock'} - known


def test_the_same_dataset_as_an_import(m2m_home, make_bundle, tmp_path, keep):
    rows = (('c.npz', 'VISal', '7', '901', 10), ('a.npz', 'VISp', '8', '902', 8), ('b.npz', 'VISp', '7', '903', 10))
    bundle = make_bundle(tmp_path / 'bundle', sessions=rows)
    imported = import_bundle('Imported', *bundle.paths)
    theirs = load_assembly('Imported')
    sessions = []
    for session, counts in zip(('901', '902', '903'), bundle.counts.values(), strict=True):
        mine = theirs['session'].values == session
        added = ('window_start_ms', 'window_end_ms', 'reliability')
        neuroids = {name: theirs[name].values[mine] for name in theirs.indexes['neuroid'].names if name not in added}
        values = (counts / 0.2).astype(np.float32)
        sessions.append(SessionResponses(session, values, pd.DataFrame(neuroids), (50.0, 250.0), {}, []))
    images = [(path.stem, np.asarray(Image.open(path))) for path in sorted(bundle.stimuli.glob('*.png'))]
    merged = merge_sessions('Merged', reversed(keep(*sessions)), iter(images), SOURCE)
    ours = load_assembly('Merged')
    assert (ours.dims, ours.shape, ours.dtype) == (theirs.dims, theirs.shape, theirs.dtype)
    np.testing.assert_array_equal(ours.values, theirs.values)
    for dimension in ours.dims:
        assert ours.indexes[dimension].names == theirs.indexes[dimension].names
    for name in theirs.indexes['neuroid'].names + theirs.indexes['presentation'].names:
        actual, expected = ours[name].values, theirs[name].values
        assert actual.dtype == expected.dtype, name
        if name == 'reliability':
            np.testing.assert_allclose(actual, expected, rtol=1e-10)
        else:
            assert list(actual) == list(expected), name
    assert (ours['time_bin_start'].item(), ours['time_bin_end'].item()) == (50, 250)
    assert set(ours.attrs) == set(theirs.attrs)
    assert merged.manifest == manifest.require('Merged')
    assert merged.manifest['summary'] == imported['summary']
    assert set(merged.manifest) == set(imported)
    assert [file['stimulus_id'] for file in merged.manifest['stimuli']] == [f'image_{i:03d}' for i in range(8)]
    for name, image in images:
        with Image.open(load_stimuli('Merged').get_stimulus(name)) as actual:
            np.testing.assert_array_equal(np.asarray(actual), image)
    assert not manifest.verify('Merged')
    assert not strays(m2m_home)


def with_courses(session, before=2, n_frames=6):
    n_neuroids = session.responses.shape[2]
    values = np.random.default_rng(int(session.session)).normal(size=(n_neuroids, n_frames)).astype(np.float32)
    return replace(session, courses=Courses(values, before))


def test_time_courses(m2m_home, keep):
    """They are beside the data, which is loaded as without them, in the order of the neuroids."""
    fetched = {'made_by': 'm2m data fetch Without'}
    merge_sessions(
        'Without', keep(make_session('11'), make_session('12', 4), make_session('13')), scene_images(), fetched
    )
    sessions = [with_courses(make_session('11')), make_session('12', 4), with_courses(make_session('13'))]
    merge_sessions('With', reversed(keep(*sessions)), scene_images(), SOURCE)
    plain, recordings = load_assembly('Without'), load_assembly('With')
    np.testing.assert_array_equal(recordings.values, plain.values)
    assert set(recordings.coords) == set(plain.coords)
    courses = load_courses(versions.current('With'))
    assert courses.before == 2
    missing = np.full((4, 6), np.nan)
    expected = np.concatenate([sessions[0].courses.values, missing, sessions[2].courses.values])
    np.testing.assert_array_equal(courses.values, expected)
    with pytest.raises(DataError, match=r'Without hold no time courses.*extracted again: `m2m data fetch Without`'):
        load_courses(versions.current('Without'))


def test_time_courses_of_different_lengths(m2m_home, keep):
    paths = keep(with_courses(make_session('11')), with_courses(make_session('12'), n_frames=7))
    with pytest.raises(DataError, match='different lengths; extract them with the same settings'):
        merge_sessions('With', paths, scene_images(), SOURCE)


@pytest.mark.parametrize('slab_bytes', [1, 4 * 4 * N_SCENES * 3, 4 * 4 * N_SCENES * 7, 2**24])
@pytest.mark.seconds
def test_values_and_padding(m2m_home, keep, monkeypatch, slab_bytes):
    monkeypatch.setattr(store, '_SLAB', slab_bytes)
    sessions = [
        make_session('11', 5),
        replace(make_session('12', 4, n_repetitions=3), window_ms=(-10.0, 200.0)),
        make_session('13', 1),
        make_session('14', 9, n_repetitions=2),
    ]
    merged = merge_sessions('Tiny', keep(*sessions), scene_images(), SOURCE)
    assembly = load_assembly('Tiny')
    responses = assembly.values[..., 0].reshape(4, N_SCENES, 19)
    start = 0
    for session in sessions:
        n_repetitions, _, n = session.responses.shape
        part = responses[:, :, start : start + n]
        np.testing.assert_array_equal(part[:n_repetitions], session.responses)
        assert np.isnan(part[n_repetitions:]).all()
        reliability = assembly['reliability'].values[start : start + n]
        np.testing.assert_allclose(reliability, split_half_reliability(session.responses), rtol=1e-10)
        start += n
    assert list(assembly['repetition'].values[::N_SCENES]) == [0, 1, 2, 3]
    assert list(assembly['stimulus_id'].values[:N_SCENES]) == [name for name, _ in scene_images()]
    assert (assembly['time_bin_start'].item(), assembly['time_bin_end'].item()) == (-10, 250)
    assert list(assembly['window_start_ms'].values) == [0] * 5 + [-10] * 4 + [0] * 10
    assert list(assembly['window_end_ms'].values) == [250] * 5 + [200] * 4 + [250] * 10
    assert merged.manifest['summary']['repetitions'] == 4
    assert merged.manifest['summary']['areas']['VISp']['sessions'] == 4
    source = merged.manifest['source']
    assert source['made_by'] == 'a test'
    assert [each['session'] for each in source['sessions']] == ['11', '12', '13', '14']
    assert source['sessions'][1]['neuroids'] == 4
    assert source['sessions'][1]['counts'] == {'n_masked': 0}


@pytest.mark.process
@pytest.mark.slow
def test_the_same_bytes_in_any_order_at_any_time(m2m_home, keep, tmp_path, monkeypatch):
    paths = keep(
        make_session('9', line='Sst'), make_session('10', 7, depth_um=0.5), make_session('11', 3, line='Vip', seen=1)
    )
    first = merge_sessions('Tiny', paths, scene_images(), SOURCE).manifest
    content = netcdf(first).read_bytes()
    assert times(netcdf(first)) == {0}
    later = time.time() + 3600
    monkeypatch.setattr(time, 'time', lambda: later)
    for order in ([2, 1, 0], [1, 2, 0]):
        again = merge_sessions('Tiny', [paths[i] for i in order], scene_images(), SOURCE).manifest
        assert again['version'] == first['version']
        assert again['assembly'] == first['assembly']
        assert netcdf(again).read_bytes() == content
    # A process whose sets have another order.
    script = f"""
        from pathlib import Path
        import numpy as np
        from m2m_benchmarks.acquisition.pipeline.merge import merge_sessions
        with np.load({str(tmp_path / 'scenes.npz')!r}) as file:
            images = [(name, file[name]) for name in file.files]
        paths = Path({str(paths[0].parent)!r}).glob('*.npz')
        print(merge_sessions('Tiny', paths, images, {SOURCE!r}).manifest['assembly']['sha256'])
    """
    np.savez(tmp_path / 'scenes.npz', **dict(scene_images()))
    for seed in ('1', '2'):
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', textwrap.dedent(script)],
            env={**os.environ, 'PYTHONHASHSEED': seed},
            capture_output=True,
            text=True,
            timeout=240,
            check=True,
        )
        assert done.stdout.split()[-1] == first['assembly']['sha256']


def test_columns_that_only_some_sessions_have(m2m_home, keep):
    paths = keep(
        make_session('1', 2, text='a', number=1, mixed='VI', flag=True, always=7),
        make_session('2', 2, number=2.5, mixed=4, always=8),
        make_session('3', 2, text='c', flag=False, always=9),
    )
    merge_sessions('Tiny', paths, scene_images(), SOURCE)
    assembly = load_assembly('Tiny')
    assert list(assembly['text'].values[::2]) == ['a', '', 'c']
    np.testing.assert_array_equal(assembly['number'].values[::2], [1, 2.5, np.nan])
    assert list(assembly['mixed'].values[::2]) == ['VI', '4', '']
    np.testing.assert_array_equal(assembly['flag'].values[::2], [1, np.nan, 0])
    assert list(assembly['always'].values[::2]) == [7, 8, 9]
    assert assembly['always'].dtype == int
    assert assembly.indexes['neuroid'].names[-1] == 'reliability'


def test_neuroids_with_hardly_a_response(m2m_home, keep):
    session = make_session('1', 4)
    session.responses[:, :, 0] = np.nan
    session.responses[1:, :, 1] = np.nan
    session.responses[2:, :, 2] = np.nan
    merged = merge_sessions('Tiny', keep(session), scene_images(), SOURCE)
    reliability = load_assembly('Tiny')['reliability'].values
    assert list(np.isnan(reliability)) == [True, True, False, False]
    expected = split_half_reliability(session.responses[:2, :, [2]])
    np.testing.assert_allclose(reliability[[2]], expected)
    assert merged.manifest['summary']['areas']['VISp']['flat'] == 2


def test_sessions_that_are_refused(m2m_home, keep):
    good, later = make_session('1'), make_session('8')
    other = scene_images()
    other[3] = ('scene_003', 255 - other[3][1])
    paths = keep(
        good,
        replace(make_session('2'), images_sha256=hashes(other)),
        replace(make_session('3'), images_sha256=hashes(other)[:5]),
        replace(make_session('4'), responses=np.zeros((4, 5, 5), dtype=np.float32)),
        replace(make_session('5'), neuroids=good.neuroids.assign(session='5')),
        make_session('6', n_repetitions=1),
        make_session('7', 0),
        replace(later, images_sha256=[]),  # it doesn't identify its images, like Neuropixels files
    )
    merged = merge_sessions('Tiny', reversed(paths), scene_images(), SOURCE)
    expected = {
        '2': 'it was shown other images (1 of 6 differ, the first is number 3)',
        '3': 'it was shown 5 images; expected 6',
        '4': 'it has responses to 5 images; expected 6',
        '5': '5 of its neuroids are in session 1 already, such as 1000',
        '6': 'it has 1 repetition of the images; at least 2 are needed to compute a reliability',
        '7': 'it has no neuroids',
    }
    assert merged.refused == expected
    assert merged.manifest['source']['refused'] == expected
    assembly = load_assembly('Tiny')
    assert list(assembly['session'].values) == ['1'] * 5 + ['8'] * 5
    np.testing.assert_array_equal(assembly.values[..., 5:, 0].reshape(4, N_SCENES, 5), later.responses)


@pytest.mark.parametrize(
    ('paths', 'message'),
    [
        ([], 'none of 0 sessions can be merged'),
        (['1.npz', '1.npz'], 'session 1 is given twice'),
        (['missing.npz', '1.npz'], 'missing.npz is missing; extract the session again'),
        (['damaged.npz', '1.npz'], 'damaged.npz cannot be read as a session'),
        (['2.npz'], 'none of 1 sessions can be merged. 2: it was shown 5 images; expected 6'),
    ],
)
def test_sessions_that_cannot_be_merged(m2m_home, keep, paths, message):
    earlier = merge_sessions('Tiny', keep(make_session('1')), scene_images(), SOURCE).manifest
    folder = keep(replace(make_session('2'), images_sha256=hashes(scene_images())[:5]))[0].parent
    (folder / 'damaged.npz').write_bytes((folder / '1.npz').read_bytes()[:-100])
    with pytest.raises(DataError, match=message):
        merge_sessions('Tiny', [folder / path for path in paths], scene_images(), SOURCE)
    assert manifest.require('Tiny') == earlier
    assert not manifest.verify('Tiny')
    assert not strays(m2m_home)


def test_images_that_cannot_be_used(m2m_home, keep):
    def broken():
        yield from scene_images()[:3]
        raise DataError('scene_003 is damaged')

    paths = keep(make_session('1'))
    with pytest.raises(DataError, match='scene_003 is damaged'):
        merge_sessions('Tiny', paths, broken(), SOURCE)
    with pytest.raises(DataError, match='an image of type float64; expected uint8'):
        merge_sessions('Tiny', paths, [(name, image / 255) for name, image in scene_images()], SOURCE)
    assert not strays(m2m_home)
    assert manifest.names() == []


def test_a_session_that_changes_meanwhile(m2m_home, keep):
    path = keep(make_session('1'))[0]

    def progress(what, done, total):
        if what == 'sessions':
            write_session(path.parent, make_session('1', 4), 'mine')

    with pytest.raises(DataError, match='changed during the merge'):
        merge_sessions('Tiny', [path], scene_images(), SOURCE, progress)
    assert not strays(m2m_home)


@pytest.mark.parametrize('n', [3, 6])
def test_blocks_of_another_number_of_neuroids(m2m_home, n):
    session = make_session('1')
    recordings = store.AssemblyContent(
        session.neuroids.assign(reliability=0.5), 4, [np.zeros((4, 1, n))], session.window_ms, SOURCE
    )
    with atomic.write_lock('Tiny'), pytest.raises((ValueError, IndexError)):
        store.write_recordings('Tiny', [('scene', b'png')], lambda: recordings)
    assert not strays(m2m_home)


def test_progress(m2m_home, keep):
    said = []
    paths = keep(make_session('1'), make_session('2'))
    merge_sessions('Tiny', paths, scene_images(), SOURCE, lambda *what: said.append(what))
    assert said == [('sessions', 1, 2), ('sessions', 2, 2), ('writing', 1, 2), ('writing', 2, 2)]


def test_one_at_a_time(m2m_home, keep):
    with atomic.write_lock('Tiny'), pytest.raises(StorageError, match='already running in another process'):
        merge_sessions('Tiny', keep(make_session('1')), scene_images(), SOURCE)


@pytest.mark.parametrize('step', ['stimuli', 'coordinates', 'responses', 'fsync', 'rename', 'manifest'])
@pytest.mark.seconds
def test_a_full_disk(m2m_home, keep, monkeypatch, step):
    paths = keep(make_session('1'), make_session('2'))
    earlier = merge_sessions('Tiny', paths[:1], scene_images(), SOURCE).manifest

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, 'No space left on device')

    def full_in_hdf(*arguments, **options):
        raise RuntimeError('NetCDF: HDF error')

    def some(*arguments):  # the first slab is in the file
        yield np.zeros((4, N_SCENES, 2), dtype=np.float32)
        full_in_hdf()

    targets = {
        'stimuli': (Path, 'write_bytes', full),
        'coordinates': (store, '_write_coordinate', full_in_hdf),
        'responses': (store, '_slabs', some),
        'fsync': (os, 'fsync', full),
        'rename': (Path, 'rename', full),
        'manifest': (json, 'dump', full),
    }
    with monkeypatch.context() as patch:
        patch.setattr(*targets[step])
        with pytest.raises(StorageError, match=r'cannot write Tiny .*Nothing was changed'):
            merge_sessions('Tiny', paths, scene_images(), SOURCE)
    assert manifest.require('Tiny') == earlier
    assert not manifest.verify('Tiny')
    assert not strays(m2m_home)
    assert merge_sessions('Tiny', paths, scene_images(), SOURCE).manifest['version'] != earlier['version']


#: Merges the sessions of a folder and prints the peak memory in KiB.
MERGER = """
import re
import sys
from pathlib import Path
import numpy as np
from m2m_benchmarks.acquisition.pipeline.merge import merge_sessions
rng = np.random.default_rng(0)
images = ((f'scene_{i:03d}', rng.integers(0, 256, (90, 110), dtype=np.uint8)) for i in range(118))
paths = sorted(Path(sys.argv[2]).glob('*.npz'))[: int(sys.argv[3])]
merge_sessions(sys.argv[1], paths, images, {'made_by': 'a test'})
# not ru_maxrss, which a process inherits from its parent
print(re.search(r'VmHWM:\\s+(\\d+) kB', Path('/proc/self/status').read_text())[1])
"""
#: Together 86 MB of responses: several times a tenth of a process.
N_SESSIONS, SHAPE = 456, (10, 118, 40)


def merger(folder, number, name='Tiny'):
    return [sys.executable, '-W', 'ignore', '-c', MERGER, name, str(folder), str(number)]


@pytest.fixture(scope='module')
def many(tmp_path_factory):
    """Folder of as many sessions as in the 2-photon survey, all small."""
    folder = tmp_path_factory.mktemp('many')
    rng = np.random.default_rng(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, 'fsync', lambda file: None)  # no loss of power is tested here
        for number in range(N_SESSIONS):
            session = str(500_000_000 + number)
            neuroids = pd.DataFrame(
                {
                    'neuroid_id': [f'{session}{i}' for i in range(SHAPE[2])],
                    'region': ('VISp', 'VISl', 'VISal')[number % 3],
                    'animal': str(300_000 + number // 2),
                    'session': session,
                    'cre_line': 'Cux2-CreERT2',
                    'depth_um': float(175 + number % 200),
                }
            )
            values = rng.normal(size=SHAPE).astype(np.float32)
            write_session(folder, SessionResponses(session, values, neuroids, (0, 464.0), {}, []), 'mine')
    return folder


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.skipif(not Path('/proc/self/status').exists(), reason='the peak is read from Linux')
def test_memory_does_not_grow_with_the_number_of_sessions(m2m_home, many):
    peak = {}
    for number in (50, N_SESSIONS):
        done = subprocess.run(merger(many, number), capture_output=True, text=True, timeout=500, check=True)
        peak[number] = int(done.stdout.split()[-1]) / 1024
        areas = manifest.require('Tiny')['summary']['areas'].values()
        assert sum(area['neuroids'] for area in areas) == number * SHAPE[2]
    assert peak[N_SESSIONS] < 1.1 * peak[50], peak


#: Moment of a merge to a pattern of files that exist then.
MOMENTS = {
    'writing': 'Tiny/.tmp-*',
    'stimuli': 'Tiny/.tmp-*/stimuli/scene_050.png',
    'responses': 'Tiny/.tmp-*/assembly.nc',
    'in place': 'Tiny/[0-9a-f]*',
}


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize('moment', MOMENTS)
@pytest.mark.parametrize('earlier', [False, True])
def test_kill(m2m_home, many, keep, moment, earlier):
    before = None
    if earlier:
        before = merge_sessions('Tiny', keep(make_session('1')), scene_images(), SOURCE).manifest
    there = set((m2m_home / 'data').rglob('*'))
    images = [(name, np.resize(image, (90, 110))) for name, image in scene_images(118)]
    process = Call(merge_sessions, 'Tiny', sorted(many.glob('*.npz'))[:30], images, SOURCE)
    while process.returncode is None and not set((m2m_home / 'data').glob(MOMENTS[moment])) - there:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    current = manifest.read('Tiny')
    if moment != 'in place':
        assert process.returncode == -signal.SIGKILL
        assert current == before
        assert strays(m2m_home)  # it was killed during the merge
    assert current is None or not manifest.verify('Tiny')
    assert len(list(many.glob('*.npz'))) == N_SESSIONS
    merge_sessions('Tiny', keep(make_session('1'), make_session('2')), scene_images(), SOURCE)
    assert not manifest.verify('Tiny')
    assert not strays(m2m_home)
