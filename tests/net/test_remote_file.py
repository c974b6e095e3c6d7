"""Files read in pieces from a local server with all the faults that real servers have."""

import gc
import io
import itertools
import random
import threading
import tracemalloc

import h5py
import numpy as np
import pytest

from m2m_benchmarks.errors import DataError
from m2m_benchmarks.net import remote_file
from m2m_benchmarks.net.failures import RemoteFileNotFound
from m2m_benchmarks.net.remote_file import RemoteFile, open_remote_hdf5
from m2m_benchmarks.net.retry import RetryPolicy
from m2m_benchmarks.testing import Clock, FileServer, file_server, serving_files

pytestmark = pytest.mark.network

CONTENT = random.Random(0).randbytes(1_000_003)
BLOCK = 10_000
#: Faults after which the same request succeeds.
PASSING = {
    'status 500': file_server.status(500),
    'status 503': file_server.status(503, Retry_After='0'),
    'status 429': file_server.status(429),
    'no answer': file_server.hang_up,
    'connection lost': file_server.part(only=100),
    'connection lost before the first byte': file_server.part(only=0),
    'short, without a length': file_server.part(lambda content: content[:100], close=True, **{'Content-Length': None}),
    'short, with its own length': file_server.part(lambda content: content[:100]),
    'longer than requested': file_server.part(lambda content: content + b'x'),
    'other bytes': file_server.part(content_range=lambda first, last, length: f'bytes {first + 1}-{last + 1}/{length}'),
    'fewer bytes': file_server.part(
        lambda content: content[:-1], content_range=lambda first, last, length: f'bytes {first}-{last - 1}/{length}'
    ),
    'no Content-Range': file_server.part(**{'Content-Range': None}),
    'Content-Range without a length': file_server.part(
        content_range=lambda first, last, length: f'bytes {first}-{last}/*'
    ),
}
SLOW = {
    'a byte of the headers now and then': file_server.drip('headers'),
    'a byte of the content now and then': file_server.drip('body'),
    'silence': file_server.silent,
}


@pytest.fixture
def site(site):
    site.files['/file'] = CONTENT
    return site


@pytest.fixture
def ranged_file(site):
    """The function ranged_file('file', 'mirror', **options), whose clock is ranged_file.clock."""
    files = []

    def make(*names, **options):
        urls = [name if '://' in name else f'{site.address}/{name}' for name in names or ('file',)]
        policy = {name: options.pop(name) for name in ('tries', 'timeout_s', 'limit_s') if name in options}
        # Time on this clock passes only by its own sleeps, so that no pause of the machine is a time-out.
        site.sleep = make.clock.sleep
        retry = RetryPolicy(sleep=make.clock.wait, clock=make.clock, **{'timeout_s': 120, **policy})
        files.append(RemoteFile(urls, **{'block_bytes': BLOCK, 'retry': retry, **options}))
        return files[-1]

    make.clock = Clock()
    yield make
    for file in files:
        file.close()


def at(file, start, number):
    file.seek(start)
    return file.read(number)


@pytest.mark.parametrize('block_bytes', [1, 7, 10_000, 2**18, 10**7])
def test_it_reads_like_a_local_file(site, ranged_file, block_bytes):
    rng, length = random.Random(block_bytes), 3000 if block_bytes < 100 else len(CONTENT)
    site.files['/file'] = CONTENT[:length]
    local, file = io.BytesIO(CONTENT[:length]), ranged_file(block_bytes=block_bytes, cache_bytes=0)
    for _ in range(60):
        start, number = rng.randrange(length + 10), rng.choice([0, 1, 2, rng.randrange(length)])
        whence, offset = rng.choice([(0, start), (1, 1), (2, -min(start, length))])
        assert file.seek(offset, whence) == local.seek(offset, whence)
        assert file.read(number) == local.read(number)
        assert file.tell() == local.tell()
    buffer = bytearray(50)
    file.seek(length - 10)
    assert file.readinto(buffer) == 10
    assert file.readinto(buffer) == 0
    file.seek(5)
    assert file.read() == CONTENT[5:length]
    assert file.length == length


def test_it_is_a_read_only_file(ranged_file):
    with ranged_file() as file:
        assert file.readable()
        assert file.seekable()
        assert not file.writable()
        with pytest.raises(ValueError, match='cannot seek to -1'):
            file.seek(-1)
    file.close()
    with pytest.raises(ValueError, match='closed'):
        file.read(1)


def test_only_needed_blocks_are_fetched(site, ranged_file):
    file = ranged_file()
    assert at(file, 505_000, 4000) == CONTENT[505_000:509_000]
    assert at(file, 507_000, 100) == CONTENT[507_000:507_100]
    assert at(file, 999_999, 4) == CONTENT[999_999:]
    assert [request['range'] for request in site.requests] == [
        'bytes=0-9999',
        'bytes=500000-509999',
        'bytes=990000-1000002',
    ]
    assert file.requests == 3
    assert file.bytes_moved == site.sent == 30_003


def test_sequential_reading_takes_few_requests(site, ranged_file):
    file = ranged_file()
    assert b''.join(iter(lambda: file.read(1000), b'')) == CONTENT
    assert file.requests <= 8  # 1, 1, 2, 4, … blocks
    assert file.bytes_moved == len(CONTENT)


def test_two_interleaved_sequential_readers(site, ranged_file):
    file = ranged_file()
    for start in range(0, 200_000, 5000):
        assert at(file, 200_000 + start, 5000) == CONTENT[200_000 + start : 205_000 + start]
        assert at(file, 700_000 + start, 5000) == CONTENT[700_000 + start : 705_000 + start]
    assert file.requests <= 14
    assert file.bytes_moved <= 2 * 400_000


def test_memory_is_bounded(site, ranged_file):
    site.files['/file'] = bytes(30_000_000)
    file = ranged_file(block_bytes=2**16, cache_bytes=2**22)
    target = np.empty(30_000_000, np.uint8)
    tracemalloc.start()
    try:
        assert file.readinto(target) == len(target)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not target.any()
    assert peak < 6 * 2**22  # with those of the server in the same process
    assert file.bytes_moved == len(target)


@pytest.mark.parametrize('fault', [*PASSING, *SLOW])
def test_faults_that_pass(site, ranged_file, fault):
    site.faults = [(PASSING | SLOW)[fault], None, (PASSING | SLOW)[fault]]
    file = ranged_file(timeout_s=0.2 if fault == 'silence' else 30)
    assert at(file, 500_000, 25_000) == CONTENT[500_000:525_000]
    assert len(site.requests) == file.requests == 4
    assert ranged_file.clock.slept == [1, 1]
    assert file.error is None


@pytest.mark.slow
def test_pairs_of_faults_that_pass(site, ranged_file):
    for first, second in itertools.combinations(PASSING, 2):
        site.faults = [None, PASSING[first], PASSING[second]]
        with ranged_file() as file:
            assert at(file, 123_456, 30_000) == CONTENT[123_456:153_456], (first, second)
            assert file.requests == 4


@pytest.mark.parametrize('fault', [*PASSING, *SLOW])
def test_faults_that_stay(site, ranged_file, fault):
    file = ranged_file(tries=2, timeout_s=0.2 if fault == 'silence' else 30)
    site.faults = [(PASSING | SLOW)[fault]] * 2
    with pytest.raises(DataError, match=f'{site.address}/file: ') as caught:
        at(file, 500_000, 1000)
    assert ranged_file.clock() <= 2 * (2 * 30 + 2 * 5) + 1  # the whole content would take 14 h
    assert '\n' not in str(caught.value)
    assert file.error is caught.value
    with pytest.raises(DataError) as again:
        at(file, 0, 10)
    assert again.value is caught.value
    assert file.requests == 3


@pytest.mark.parametrize(
    ('fault', 'message'),
    [
        (file_server.whole, 'the server sends only whole files'),
        (file_server.page, 'a web page in place of the file'),
        (file_server.status(403), 'the server answered 403 Forbidden'),
        (file_server.status(204), 'the server answered 204'),
        (file_server.status(407), 'the proxy requires a login'),
        (file_server.status(416), 'empty'),
        (file_server.status(302, Location='/file2'), 'the server answered 404'),
        (file_server.status(302, Location='ftp://elsewhere/file'), 'ftp'),
    ],
)
def test_permanent_faults(site, ranged_file, fault, message):
    site.faulty['/file'] = fault
    with pytest.raises(DataError, match=message) as caught:
        ranged_file()
    # Another connection would not help where the server can't send parts of files.
    advice = 'fetch whole files (--whole-files)' if fault is file_server.whole else 'run this again'
    assert advice in str(caught.value) or 'no server has' in str(caught.value)
    assert fault is not file_server.whole or 'Check the connection' not in str(caught.value)
    assert site.sent < 10**6 or fault is file_server.whole
    assert ranged_file.clock.slept == []
    site.files['/mirror'] = CONTENT
    assert at(ranged_file('file', 'mirror'), 5, 5) == CONTENT[5:10]


def test_an_answer_with_the_whole_file_is_not_read(site, ranged_file):
    site.files['/file'] = bytes(50_000_000)
    site.faulty['/file'] = file_server.whole
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match='fetch whole files'):
            ranged_file()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


def test_a_file_that_no_mirror_has(site, ranged_file):
    with pytest.raises(RemoteFileNotFound, match='no server has the file') as caught:
        ranged_file('a', 'b')
    assert f'{site.address}/a: the server answered 404' in str(caught.value)
    assert f'{site.address}/b: the server answered 404' in str(caught.value)
    site.faulty['/b'] = file_server.status(403)
    with pytest.raises(DataError) as caught:
        ranged_file('a', 'b')
    assert not isinstance(caught.value, RemoteFileNotFound)


def test_an_empty_file(site, ranged_file):
    site.files['/file'] = b''
    with pytest.raises(DataError, match='empty'):
        ranged_file()


@pytest.mark.parametrize('redirect', [302, 307, 308])
def test_redirects(site, ranged_file, redirect):
    site.faulty['/old'] = file_server.status(redirect, Location='/file')
    file = ranged_file('old')
    assert at(file, 500_000, 1000) == CONTENT[500_000:501_000]
    assert len(site.requests) == 4
    site.faulty['/old'] = file_server.status(redirect, Location='/old')
    with pytest.raises(DataError, match='redirects'):
        ranged_file('old')


@pytest.mark.parametrize(
    'change',
    [
        {'validators': {'ETag': '"2"', 'Last-Modified': 'Wed, 21 Oct 2015 07:28:00 GMT'}},
        {'validators': {'ETag': '"1"', 'Last-Modified': 'Thu, 22 Oct 2015 07:28:00 GMT'}},
        {'validators': {}},
        {'files': {'/file': CONTENT + b'x'}},
        {'files': {'/file': CONTENT[:700_000]}},
        {'files': {'/file': CONTENT[:70_000]}},
    ],
)
@pytest.mark.parametrize('before', [[], [file_server.status(500)]])
def test_a_file_that_changes_meanwhile(site, ranged_file, change, before):
    file = ranged_file()
    assert at(file, 100_000, 10) == CONTENT[100_000:100_010]
    for name, value in change.items():
        setattr(site, name, value)
    site.faults = list(before)
    with pytest.raises(DataError, match=f'{site.address}/file changed while it was read: .* Run this again') as caught:
        at(file, 500_000, 10)
    assert file.requests == 3 + len(before)  # not tried again
    with pytest.raises(DataError) as again:
        at(file, 0, 10)
    assert again.value is caught.value


def test_a_change_without_validators_shows_in_the_length(site, ranged_file):
    site.validators = {}
    file = ranged_file()
    assert at(file, 500_000, 10) == CONTENT[500_000:500_010]
    site.files['/file'] = CONTENT + b'x'
    with pytest.raises(DataError, match='changed while it was read'):
        at(file, 600_000, 10)


@pytest.mark.parametrize(
    ('etag', 'content', 'same'),
    [
        ('"1"', CONTENT, True),
        ('"2"', CONTENT, False),
        ('W/"1"', CONTENT, False),
        (None, CONTENT, False),
        ('"1"', CONTENT + b'x', False),
    ],
)
def test_another_mirror_is_read_only_if_it_has_the_same_version(site, ranged_file, etag, content, same):
    site.validators = {'ETag': 'W/"1"' if etag == 'W/"1"' else '"1"'} if etag else {}
    with serving_files(FileServer()) as other:
        other.files['/file'] = content
        other.validators = {'ETag': etag, 'Last-Modified': 'Sat, 24 Oct 2015 07:28:00 GMT'}
        file = ranged_file('file', f'{other.address}/file', tries=2)
        assert other.requests == []
        site.faulty['/file'] = file_server.status(503)
        if same:
            assert at(file, 500_000, 10) == CONTENT[500_000:500_010]
        else:
            with pytest.raises(DataError, match=r'503.*the mirror may hold another version of the file'):
                at(file, 500_000, 10)


def test_mirrors_in_order(site, ranged_file):
    site.files['/mirror'] = CONTENT
    file = ranged_file('gone', 'mirror', 'file')
    assert at(file, 500_000, 10) == CONTENT[500_000:500_010]
    # A mirror that failed isn't tried again for each block.
    assert [path for _, path in site.requested] == ['/gone', '/mirror', '/mirror']


@pytest.mark.slow
def test_the_time_is_limited_and_shared_by_mirrors(site, ranged_file):
    site.faulty['/file'] = file_server.drip('headers')
    site.files['/mirror'] = CONTENT
    file = ranged_file('file', 'mirror', tries=100, limit_s=200, timeout_s=30)
    # At either end of an attempt the server is ahead of its client by at most one byte, which takes 5 s.
    assert 90 < ranged_file.clock() <= 100 + 4 * 5
    assert at(file, 5, 5) == CONTENT[5:10]
    before = ranged_file.clock()
    with pytest.raises(DataError, match='timed out'):
        ranged_file(tries=100, limit_s=70, timeout_s=30)
    assert 60 < ranged_file.clock() - before <= 70 + 4 * 5


def test_a_proxy(site, ranged_file, monkeypatch):
    monkeypatch.setenv('HTTP_PROXY', site.address)
    assert at(ranged_file('http://elsewhere.invalid/file'), 7, 5) == CONTENT[7:12]
    site.faulty['/file'] = file_server.drip('headers')
    with pytest.raises(DataError, match='timed out'):
        ranged_file('http://elsewhere.invalid/file', tries=1)


@pytest.mark.parametrize('scheme', ['http', 'https'])
def test_a_proxy_that_requires_a_password(site, ranged_file, monkeypatch, scheme):
    monkeypatch.setenv(f'{scheme}_proxy', site.address)
    site.faults = [file_server.status(407)]
    with pytest.raises(DataError, match='http://USER:PASSWORD@HOST:PORT'):
        ranged_file(f'{scheme}://elsewhere.invalid/file')
    assert ranged_file.clock.slept == []


def hdf5(path, write):
    with h5py.File(path, 'w') as stored:
        write(stored)
    return path.read_bytes()


@pytest.fixture
def arrays(site, tmp_path):
    """Name to array in the HDF5 file /file."""
    rng = np.random.default_rng(0)
    arrays = {
        'contiguous': rng.normal(size=(60, 2000)).astype(np.float32),
        'deep/chunked': rng.integers(0, 50, (300, 40, 17)),
        'deep/packed': rng.integers(0, 5, (40, 5000)).astype(np.int16),
    }

    def write(stored):
        stored['contiguous'] = arrays['contiguous']
        stored.create_dataset('deep/chunked', data=arrays['deep/chunked'], chunks=(16, 8, 17))
        stored.create_dataset('deep/packed', data=arrays['deep/packed'], chunks=(3, 700), compression='gzip')
        for i in range(200):
            stored[f'many/{i}'] = i

    site.files['/file'] = hdf5(tmp_path / 'local.h5', write)
    return arrays


@pytest.mark.parametrize('block_bytes', [512, 4096, 2**18])
@pytest.mark.parametrize('seed', range(3))
@pytest.mark.several
def test_hdf5_reads_the_same(site, ranged_file, arrays, block_bytes, seed):
    rng = np.random.default_rng(seed)
    with open_remote_hdf5(ranged_file(block_bytes=block_bytes, cache_bytes=0)) as stored:
        for _ in range(40):
            name = rng.choice(list(arrays))
            cut = []
            for length in arrays[name].shape:
                start, stop = np.sort(rng.integers(0, length + 1, 2))
                cut.append(slice(start, stop, rng.integers(1, 4)))
            np.testing.assert_array_equal(stored[name][tuple(cut)], arrays[name][tuple(cut)])
        assert [stored[f'many/{i}'][()] for i in range(200)] == list(range(200))


def test_hdf5_with_faults(site, ranged_file, arrays):
    rng = random.Random(0)
    site.faults = [rng.choice([None, None, fault]) for fault in rng.choices(list(PASSING.values()), k=200)]
    with open_remote_hdf5(ranged_file(block_bytes=4096, tries=20)) as stored:
        for name, expected in arrays.items():
            np.testing.assert_array_equal(stored[name][:], expected)


def test_hdf5_in_threads(site, ranged_file, arrays, monkeypatch):
    wrong = []
    request = RemoteFile._request

    def collect_and_request(file, *arguments):
        """Collect garbage of h5py while h5py waits for its file, as may happen at any time."""
        gc.collect(0)
        return request(file, *arguments)

    with open_remote_hdf5(ranged_file(block_bytes=1024, cache_bytes=0)) as stored:
        monkeypatch.setattr(RemoteFile, '_request', collect_and_request)

        def read(seed):
            rng = np.random.default_rng(seed)
            for _ in range(20):
                name, row = rng.choice(list(arrays)), rng.integers(40)
                cycle = [stored[name]]  # garbage that h5py's lock is needed to collect
                cycle.append(cycle)
                if not np.array_equal(stored[name][row], arrays[name][row]):
                    wrong.append((name, row))

        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []


@pytest.mark.parametrize(
    'read',
    [
        lambda stored: stored['contiguous'][:],
        lambda stored: stored['deep/chunked'][:],
        lambda stored: stored['deep/packed'][:],
        lambda stored: 'many/150' in stored,
        lambda stored: stored.get('many/150'),
        lambda stored: [dataset[()] for dataset in stored['many'].values()],
        lambda stored: stored.visititems(lambda name, item: item.shape and item[()] and None),
    ],
)
@pytest.mark.parametrize('caught_in_the_block', [False, True])
def test_the_reason_passes_through_hdf5(site, ranged_file, arrays, read, caught_in_the_block):
    file = ranged_file(block_bytes=512, tries=1)

    def body():
        with open_remote_hdf5(file) as stored:
            site.faulty['/file'] = file_server.status(503)
            try:
                read(stored)
            except Exception:
                if not caught_in_the_block:
                    raise

    with pytest.raises(DataError, match=f'{site.address}/file: the server answered 503 Service Unavailable'):
        body()
    assert file.closed


def test_a_file_that_changes_under_hdf5(site, ranged_file, arrays, tmp_path):
    def write(stored):
        stored['contiguous'] = -arrays['contiguous']

    with (
        pytest.raises(DataError, match='changed while it was read'),
        open_remote_hdf5(ranged_file(block_bytes=4096)) as stored,
    ):
        stored['contiguous'][0]
        site.files['/file'] = hdf5(tmp_path / 'other.h5', write).ljust(len(site.files['/file']), b'\0')
        site.validators = {'ETag': '"2"'}
        stored['contiguous'][:]


def test_files_that_are_not_hdf5(site, ranged_file, arrays):
    good = site.files['/file']
    for content in (b'{"not": "HDF5"}' * 1000, good[: len(good) // 2], b'\x89HDF\r\n\x1a\n' + bytes(5000)):
        site.files['/file'] = content
        with (
            pytest.raises(DataError, match=f'{site.address}/file cannot be read as HDF5: .'),
            open_remote_hdf5(ranged_file()),
        ):
            pass


def test_errors_of_the_block_stay_what_they_are(site, ranged_file, arrays):
    with pytest.raises(KeyError, match='nothing'), open_remote_hdf5([f'{site.address}/file']) as stored:
        stored['nothing']
    with pytest.raises(ZeroDivisionError), open_remote_hdf5(ranged_file()) as stored:
        1 / 0


def test_an_interrupt_stays_one(site, ranged_file, arrays, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), open_remote_hdf5(ranged_file(block_bytes=512)) as stored:
        monkeypatch.setattr(remote_file, 'parse_content_range', interrupt)
        stored['deep/packed'][:]


def measure(site, ranged_file, content, read):
    """Read a file at the default settings; return the content, and the share of the file that was transferred."""
    site.files['/file'] = content
    file = ranged_file(block_bytes=2**18)
    with open_remote_hdf5(file) as stored:
        content_read = read(stored)
    print(f'moved {file.bytes_moved:,} of {len(content):,} bytes, in {file.requests} requests')
    assert file.bytes_moved == site.sent
    return content_read, file.bytes_moved / len(content)


@pytest.mark.parametrize('compression', [None, 'gzip'])
def test_how_much_of_a_2_photon_file_is_moved(site, ranged_file, tmp_path, compression):
    """As in the real files, most is image templates and three more signals of the size of dF/F."""
    rng = np.random.default_rng(0)
    cells, frames = 30, 40_000
    signals = {
        name: rng.normal(size=(cells, frames)).astype(np.float32) for name in ('dff', 'raw', 'demixed', 'neuropil')
    }
    places = {
        'dff': 'DfOverF/imaging_plane_1/data',
        'raw': 'Fluorescence/imaging_plane_1/data',
        'demixed': 'Fluorescence/imaging_plane_1_demixed_signal/data',
        'neuropil': 'Fluorescence/imaging_plane_1_neuropil_response/data',
    }
    process = 'processing/brain_observatory_pipeline'

    def write(stored):
        for name in ('raw', 'demixed', 'neuropil', 'dff'):
            stored.create_dataset(f'{process}/{places[name]}', data=signals[name], compression=compression)
        for cell in range(cells):
            stored[f'{process}/ImageSegmentation/imaging_plane_1/roi_{cell:04d}/img_mask'] = np.zeros(
                (512, 512), np.uint8
            )
        stored[f'{process}/ImageSegmentation/cell_specimen_ids'] = np.arange(cells)
        stored[f'{process}/DfOverF/imaging_plane_1/timestamps'] = np.arange(frames) / 30
        scenes = rng.integers(0, 256, (118, 230, 294)).astype(np.float32)
        stored['stimulus/templates/natural_scenes_image_stack/data'] = scenes
        stored['stimulus/presentation/natural_scenes_stimulus/frame_duration'] = np.arange(11_900).reshape(5950, 2)
        stored['stimulus/presentation/natural_scenes_stimulus/data'] = np.arange(5950)
        stored['general/subject/sex'] = np.bytes_('male')

    def read(stored):
        stored['general/subject/sex'][()]
        stored['stimulus/presentation/natural_scenes_stimulus/data'][:]
        stored['stimulus/presentation/natural_scenes_stimulus/frame_duration'][:]
        stored[f'{process}/ImageSegmentation/cell_specimen_ids'][:]
        stored[f'{process}/DfOverF/imaging_plane_1/timestamps'][:]
        return np.stack(list(stored[f'{process}/{places["dff"]}']))

    dff, share = measure(site, ranged_file, hdf5(tmp_path / 'ophys.nwb', write), read)
    np.testing.assert_array_equal(dff, signals['dff'])
    assert share < 1 / 3


def test_how_much_of_a_neuropixels_file_is_moved(site, ranged_file, tmp_path):
    """As in NWB 2, spike times of all units are end to end, beside waveforms and more."""
    rng = np.random.default_rng(0)
    ends = np.sort(rng.integers(0, 1_000_000, 400))
    times = rng.uniform(0, 9000, ends[-1])

    def write(stored):
        stored.create_dataset('units/spike_amplitudes', data=times, chunks=(50_000,))
        stored.create_dataset('units/spike_times', data=times, chunks=(50_000,))
        stored['units/spike_times_index'] = ends
        stored['units/id'] = np.arange(400)
        stored['units/waveform_mean'] = rng.normal(size=(400 * 80, 82))
        stored['processing/eye_tracking/data'] = rng.normal(size=(400_000, 4))
        stored['processing/running/data'] = rng.normal(size=300_000)
        table = 'intervals/natural_scenes_presentations'
        for column in ('start_time', 'stop_time', 'frame'):
            stored[f'{table}/{column}'] = np.arange(5950.0)
        stored[f'{table}/tags'] = np.array(['stimulus_time_interval'] * 5950, dtype=object)

    def read(stored):
        for column in ('start_time', 'stop_time', 'frame'):
            stored[f'intervals/natural_scenes_presentations/{column}'][:]
        index = stored['units/spike_times_index'][:]
        return [stored['units/spike_times'][start:stop] for start, stop in zip([0, *index[:-1]], index, strict=True)]

    units, share = measure(site, ranged_file, hdf5(tmp_path / 'ecephys.nwb', write), read)
    np.testing.assert_array_equal(np.concatenate(units), times)
    assert share < 1 / 5
