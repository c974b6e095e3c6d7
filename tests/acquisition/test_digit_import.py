"""Digit domains imported from files, downloaded from a local server, and synthesised from photos."""

import bz2
import errno
import gzip
import hashlib
import json
import struct
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import scipy.io
from PIL import Image
from torchvision import datasets

from m2m_benchmarks.acquisition.digit_import import fetch_digits, import_domain
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.data import atomic, manifest
from m2m_benchmarks.data.digit_names import DOMAINS, Domain
from m2m_benchmarks.data.digits.domains import load_digits
from m2m_benchmarks.errors import DataError, StorageError, UnknownNameError
from m2m_benchmarks.net import download as transport
from m2m_benchmarks.net.retry import RetryPolicy
from m2m_benchmarks.testing import idx_bytes, write_npz

LABELS = np.tile(np.arange(10), 2)


def draw(seed, n=20, size=28, channels=None):
    shape = (n, size, size) if channels is None else (n, size, size, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def file(tmp_path):
    """Twenty grey digits of 32 x 32, one split."""
    return write_npz(tmp_path / 'digits.npz', images=draw(0, size=32), labels=LABELS)


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def below(home):
    """List all files in the data folder without the locks, which are kept by design."""
    return {str(path.relative_to(home)) for path in home.rglob('*') if path.is_file() and path.suffix != '.lock'}


def split_sizes(name):
    return {split: parts['images'] for split, parts in manifest.require(name)['splits'].items()}


# Import


def test_an_import(m2m, m2m_home, file):
    ran = m2m('data', 'import', 'digits-domain', 'Mine', '--from', file)
    assert ran.code == 0
    assert 'Next:  m2m score MODEL Qazi2025.MNIST.Mine-accuracy' in ran.out
    assert 'm2m train' not in ran.out
    for word in ('test', '20', 'imported from digits.npz'):
        assert word in ran.out
    digits = load_digits('Mine', 'test')
    np.testing.assert_array_equal(digits.images[..., 0], draw(0, size=32))
    np.testing.assert_array_equal(digits.labels, LABELS)
    source = manifest.require('Mine')['splits']['test']['source']
    assert source == {
        'made_by': 'm2m data import',
        'file': 'digits.npz',
        'sha256': hashlib.sha256(file.read_bytes()).hexdigest(),
    }
    assert manifest.verify('Mine') == []


def test_an_import_as_json(m2m, m2m_home, file):
    ran = m2m('data', 'import', 'digits-domain', 'MNIST', '--from', file, '--as', 'train', '--json', '-')
    said = json.loads(ran.out)
    assert said['name'] == 'MNIST'
    assert said['splits']['train']['images'] == said['splits']['train']['clusters'] == 20
    ran = m2m('data', 'import', 'digits-domain', 'MNIST', '--from', file)
    assert 'Next:  m2m train digitnet --source MNIST' in ran.out
    assert 'm2m score' not in ran.out


def test_another_split_stays(m2m_home, tmp_path):
    import_domain('Mine', write_npz(tmp_path / 'a.npz', train_images=draw(1), train_labels=LABELS))
    before = manifest.require('Mine')['splits']['train']
    import_domain('Mine', write_npz(tmp_path / 'b.npz', test_images=draw(2), test_labels=LABELS))
    import_domain('Mine', write_npz(tmp_path / 'c.npz', test_images=draw(3, 10), test_labels=LABELS[:10]), replace=True)
    after = manifest.require('Mine')['splits']
    assert after['train'] == before
    assert (after['test']['images'], after['test']['source']['file']) == (10, 'c.npz')
    assert manifest.verify('Mine') == []


@pytest.mark.parametrize('split', ['train', 'test'])
def test_all_as_one_split(m2m_home, tmp_path, split):
    path = write_npz(
        tmp_path / 'crops.npz',
        train_images=draw(0, size=32),
        train_labels=LABELS,
        train_files=np.repeat(['a', 'b'], 10),
        test_images=draw(1, size=32, channels=3),
        test_labels=LABELS[::-1],
        test_files=np.repeat(['a', 'c', 'd', 'e'], 5),
    )
    assert list(import_domain('Mine', path, split)['splits']) == [split]
    digits = load_digits('Mine', split)
    np.testing.assert_array_equal(digits.labels, [*LABELS, *LABELS[::-1]])
    # Clusters of different splits differ, even if their photos have the same name.
    np.testing.assert_array_equal(digits.clusters, np.repeat([0, 1, 2, 3, 4, 5], [10, 10, 5, 5, 5, 5]))
    grey = np.repeat(draw(0, size=32)[..., None], 3, axis=3)
    np.testing.assert_array_equal(digits.images, np.concatenate([grey, draw(1, size=32, channels=3)]))


def test_the_fingerprint_of_a_folder(m2m_home, tmp_path):
    folder = tmp_path / 'mine'
    for number, label in enumerate(LABELS):
        place = folder / str(label) / f'{number}.png'
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw(number, 1)[0]).save(place)

    def fingerprint():
        source = import_domain('Mine', folder, replace=True)['splits']['test']['source']
        assert source['file'] == 'mine'
        return source['sha256']

    first = fingerprint()
    assert fingerprint() == first
    Image.fromarray(draw(99, 1)[0]).save(folder / '0' / '0.png')
    second = fingerprint()
    (folder / '0' / '0.png').rename(folder / '0' / '00.png')
    assert len({first, second, fingerprint()}) == 3


def bad_zip(path):
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('labels.txt', '0.png 1\n')


def bad_h5(path):
    path.write_bytes(b'\x89HDF\r\n\x1a\n' + bytes(50))


BAD = {
    'absent.npz': (lambda path: None, 'there is no'),
    'unknown.tar': (lambda path: path.write_bytes(b'x'), 'has an unknown format'),
    'folder': (lambda path: path.mkdir(), 'holds no images in folders 0 to 9'),
    'class.npz': (
        lambda path: write_npz(path, images=draw(0)[:19], labels=LABELS[:19] // 9 * 9),
        'no image of the class',
    ),
    'nine.npz': (
        lambda path: write_npz(path, images=draw(0)[LABELS != 3], labels=LABELS[LABELS != 3]),
        'no image of the class 3; expected all of 0 to 9',
    ),
    'half.npz': (lambda path: write_npz(path, images=draw(0), labels=LABELS[:-1]), '20 images and 19 labels'),
    'label.npz': (lambda path: write_npz(path, images=draw(0), labels=LABELS + 1), 'has the label 10'),
    'pixels.npz': (lambda path: write_npz(path, images=draw(0) / 100, labels=LABELS), 'pixels from'),
    'nothing.npz': (lambda path: path.write_bytes(b''), 'is empty'),
    'text.npz': (lambda path: path.write_text('no archive'), 'cannot be read as an .npz'),
    'cut.h5': (bad_h5, 'cannot be read as HDF5'),
    'cut.mat': (lambda path: path.write_bytes(b'MATLAB 5.0' + bytes(300)), 'MATLAB file'),
    'text.zip': (lambda path: path.write_bytes(b'PK\x03\x04' + bytes(30)), 'cannot be unpacked'),
    'unlisted.zip': (bad_zip, 'expected the name of an image in the archive'),
    'train-images-idx3-ubyte.gz': (
        lambda path: path.write_bytes(b'\x1f\x8b'),
        'beside it, because images and labels are separate files',
    ),
}


@pytest.mark.parametrize('there_already', [False, True])
@pytest.mark.parametrize('name', BAD)
@pytest.mark.seconds
def test_files_that_are_wrong(m2m, m2m_home, tmp_path, file, name, there_already):
    if there_already:
        import_domain('Mine', file)
    before = below(m2m_home)
    make, message = BAD[name]
    make(tmp_path / name)
    ran = m2m('data', 'import', 'digits-domain', 'Mine', '--from', tmp_path / name)
    assert ran.code == 1
    assert ran.out == ''
    assert ran.err.startswith('error: ')
    assert ran.err.count('\n') == 1
    assert message in ran.err
    assert below(m2m_home) == before
    assert not there_already or manifest.verify('Mine') == []


def test_an_array_too_large_for_memory(m2m, m2m_home, tmp_path):
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 28, 28), }"
    header = header.ljust(118) + '\n'
    with zipfile.ZipFile(tmp_path / 'huge.npz', 'w') as archive:
        for name in ('images', 'labels'):
            archive.writestr(f'{name}.npy', b'\x93NUMPY\x01\x00' + struct.pack('<H', len(header)) + header.encode())
    ran = m2m('data', 'import', 'digits-domain', 'Mine', '--from', tmp_path / 'huge.npz')
    assert ran.code == 1
    assert 'does not fit into memory' in ran.err
    assert below(m2m_home) == set()


@pytest.mark.parametrize(
    'name',
    ['SklearnDigits', 'SimulatedMouse', 'Siegle2021', 'deVries2020', 'My-Digits', 'my digits', '1st', '', '..', 'a/b'],
)
@pytest.mark.seconds
def test_names_that_are_refused(m2m, m2m_home, file, name):
    ran = m2m('data', 'import', 'digits-domain', '--from', file, '--', name)
    assert (ran.code, ran.out) == (1, '')
    assert 'expected letters and digits' in ran.err or 'import digits under another name' in ran.err
    assert below(m2m_home) == set()


def test_a_name_of_recordings_is_refused(m2m_home, make_bundle, tmp_path, file):
    entry = import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle').paths)
    for path in (file, tmp_path / 'absent.npz'):  # said before anything is read
        with pytest.raises(DataError, match='Lab2026 is the name of recordings on this machine'):
            import_domain('Lab2026', path)
    assert manifest.require('Lab2026') == entry
    assert manifest.verify('Lab2026') == []


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['X'], 'lacks --sessions, --units, --stimuli'),
        (['X', '--sessions', 's', '--units', 'u'], 'lacks --stimuli'),
        (['X', '--from', 'f'], 'does not take --from'),
        (['X', '--sessions', 's', '--units', 'u', '--stimuli', 'd', '--as', 'test'], 'does not take --as'),
        (['X', 'Y', '--sessions', 's', '--units', 'u', '--stimuli', 'd'], 'does not take Y'),
        (['digits-domain'], 'lacks NAME, --from'),
        (['digits-domain', 'X'], 'lacks --from'),
        (['digits-domain', 'X', '--from', 'f', '--units', 'u'], 'does not take --units'),
        (['digits-domain', 'X', '--from', 'f', '--as', 'validation'], 'expected train or test, got'),
    ],
)
def test_wrong_usage(m2m, m2m_home, arguments, message):
    ran = m2m('data', 'import', *arguments)
    assert ran.code == 2
    assert message in ran.err
    assert not m2m_home.exists()


def full_disk(*arguments, **options):
    raise OSError(errno.ENOSPC, 'No space left on device')


def test_a_full_disk(m2m, m2m_home, tmp_path, file, monkeypatch):
    import_domain('Mine', file)
    before, files = manifest.require('Mine'), below(m2m_home)
    other = write_npz(tmp_path / 'other.npz', train_images=draw(7), train_labels=LABELS)
    with monkeypatch.context() as patch:
        patch.setattr(np, 'save', full_disk)
        ran = m2m('data', 'import', 'digits-domain', 'Mine', '--from', other)
    assert ran.code == 1
    assert 'cannot write Mine' in ran.err
    assert 'No space left on device' in ran.err
    assert (manifest.require('Mine'), below(m2m_home)) == (before, files)
    import_domain('Mine', other)
    assert split_sizes('Mine') == {'train': 20, 'test': 20}


def test_two_at_once(m2m_home, file):
    with atomic.write_lock('Mine'), pytest.raises(StorageError, match='writing Mine is already running'):
        import_domain('Mine', file)


def test_a_split_that_does_not_exist(m2m_home, file):
    with pytest.raises(DataError, match="'validation' is not a split of a domain; expected train or test"):
        import_domain('Mine', file, 'validation')


# Domains in other commands


@pytest.mark.seconds
def test_domains_in_the_other_commands(m2m, m2m_home, file, tmp_path):
    import_domain('Mine', file)
    import_domain('MNIST', write_npz(tmp_path / 'm.npz', test_images=draw(1), test_labels=LABELS))
    import_domain('MNIST', file, 'train')
    listed = m2m('data', 'list').out
    assert 'Content' in listed
    assert 'train 20, test 20' in listed
    rows = {row['name']: row for row in json.loads(m2m('data', '--json', '-').out)}
    assert rows['MNIST']['splits']['train']['source']['file'] == 'digits.npz'
    assert rows['Mine']['splits']['test']['images'] == rows['Mine']['splits']['test']['clusters'] == 20
    assert rows['Mine']['here']
    assert rows['Siegle2021']['splits'] == {}
    assert rows['SklearnDigits']['bring'] is None
    assert 'SklearnDigits' in listed
    assert rows['USPS']['bring'] == 'm2m data fetch digits'
    card = m2m('data', 'list', 'Mine').out
    assert 'Digits imported on this machine' in card
    assert 'test       20        20  imported from digits.npz' in card
    assert json.loads(m2m('data', 'list', 'Mine', '--json', '-').out)['splits']['test']['images'] == 20
    checks = {check['what']: check for check in json.loads(m2m('doctor', '--json', '-').out)}
    assert checks['data MNIST']['found'] == 'train 20, test 20'
    assert checks['data SklearnDigits']['state'] == 'ok'
    assert checks['data MNISTM'] == {
        'what': 'data MNISTM',
        'state': 'missing',
        'found': 'not on this machine',
        'mend': 'm2m data fetch digits --photos DIR',
    }
    assert checks['extra train']['state'] == 'ok' or 'm2m-benchmarks[train]' in checks['extra train']['mend']
    assert json.loads(m2m('data', 'verify', '--json', '-').out) == {'MNIST': [], 'Mine': []}
    harm('Mine', 'test')
    ran = m2m('data', 'verify')
    assert ran.code == 1
    assert 'm2m data import digits-domain Mine --from PATH' in ran.err
    assert 'MNIST: 6 of 6' in ran.out


def harm(name, split):
    entry = manifest.require(name)
    path = manifest.path_of(name, entry, entry['splits'][split]['files']['images'])
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_recordings_in_the_list(m2m, m2m_home, make_bundle, tmp_path):
    import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle').paths)
    assert '15 neuroids' in m2m('data', 'list').out
    assert '15 neuroids' in m2m('doctor').out


# Fetch


@pytest.fixture
def no_waits(monkeypatch):
    monkeypatch.setitem(transport.download.__kwdefaults__, 'retry', RetryPolicy(sleep=lambda seconds: None))


def usps_text(images, labels):
    rows = []
    for image, label in zip(images.reshape(len(images), -1), labels, strict=True):
        rows.append(f'{label + 1} ' + ' '.join(f'{place + 1}:{value:.4f}' for place, value in enumerate(image)))
    return '\n'.join(rows) + '\n'


class Site:
    """A local server of a folder that lists the requested paths."""

    def __init__(self, folder):
        self.folder = folder
        self.requested = []
        requested = self.requested

        class Handler(SimpleHTTPRequestHandler):
            def __init__(self, *arguments):
                super().__init__(*arguments, directory=str(folder))

            def do_GET(self):
                requested.append(self.path)
                super().do_GET()

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.address = f'http://127.0.0.1:{self.server.server_port}'
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))


@pytest.fixture
def site(tmp_path, monkeypatch, no_waits):
    """A server with small files, to which torchvision's addresses are redirected."""
    folder = tmp_path / 'site'
    (folder / 'mnist').mkdir(parents=True)
    server = Site(folder)
    for split, seed in (('train', 1), ('t10k', 2)):
        for name, values in (('images-idx3', draw(seed)), ('labels-idx1', LABELS.astype(np.uint8))):
            (folder / 'mnist' / f'{split}-{name}-ubyte.gz').write_bytes(gzip.compress(idx_bytes(values)))
    monkeypatch.setattr(datasets.MNIST, 'mirrors', [f'{server.address}/gone/', f'{server.address}/mnist/'])
    names = [name for name, _ in datasets.MNIST.resources]
    monkeypatch.setattr(datasets.MNIST, 'resources', [(name, md5(folder / 'mnist' / name)) for name in names])
    ten_for_zero = np.where(LABELS == 0, 10, LABELS)[:, None]
    svhn, usps = {}, {}
    for split, (_, name, _) in datasets.SVHN.split_list.items():
        scipy.io.savemat(folder / name, {'X': np.moveaxis(draw(len(split), 20, 32, 3), 0, 3), 'y': ten_for_zero})
        svhn[split] = [f'{server.address}/{name}', name, md5(folder / name)]
    for split, (_, name, _) in datasets.USPS.split_list.items():
        values = draw(len(split), 20, 16) / 127.5 - 1
        (folder / name).write_bytes(bz2.compress(usps_text(values, LABELS).encode()))
        usps[split] = [f'{server.address}/{name}', name, md5(folder / name)]
    monkeypatch.setattr(datasets.SVHN, 'split_list', svhn)
    monkeypatch.setattr(datasets.USPS, 'split_list', usps)
    server.thread.start()
    yield server
    server.server.shutdown()
    server.server.server_close()
    server.thread.join()


def resize(images):
    """Resize to 32 x 32 with Pillow in place of torch."""
    bilinear = Image.Resampling.BILINEAR
    return np.stack([np.asarray(Image.fromarray(image).resize((32, 32), bilinear)) for image in images])


def close(actual, expected):
    assert np.abs(actual.astype(int) - expected.astype(int)).max() <= 1  # Pillow rounds after each direction


@pytest.mark.network
def test_a_fetch(m2m, m2m_home, site):
    ran = m2m('data', 'fetch', 'digits')
    assert (ran.code, ran.err) == (0, '')
    assert ran.out.count('  downloaded') == 3
    assert 'MNISTM is left out' in ran.out
    assert '--photos DIR' in ran.out
    for name in ('MNIST', 'SVHN', 'USPS'):
        assert split_sizes(name) == {'train': 20, 'test': 20}
        assert manifest.verify(name) == []
    close(load_digits('MNIST', 'train').images[..., 0], resize(draw(1)))
    close(load_digits('MNIST', 'test').images[..., 0], resize(draw(2)))
    np.testing.assert_array_equal(load_digits('SVHN', 'train').images, draw(5, 20, 32, 3))
    np.testing.assert_array_equal(load_digits('SVHN', 'test').images, draw(4, 20, 32, 3))
    np.testing.assert_array_equal(load_digits('SVHN', 'test').labels, LABELS)
    written = np.round(draw(5, 20, 16) / 127.5 - 1, 4).astype(np.float32)
    close(load_digits('USPS', 'train').images[..., 0], resize(((written + 1) / 2 * 255).astype(np.uint8)))
    np.testing.assert_array_equal(load_digits('USPS', 'train').labels, LABELS)
    source = manifest.require('MNIST')['splits']['test']['source']
    assert source['made_by'] == 'm2m data fetch'
    assert source['urls'][0].endswith('/gone/t10k-images-idx3-ubyte.gz')
    assert source['md5'] == [checksum for name, checksum in datasets.MNIST.resources if name.startswith('t10k')]
    assert not any('extra' in path for path in site.requested)
    assert not (m2m_home / 'downloads').exists()  # they were needed until now
    site.requested.clear()
    again = json.loads(m2m('data', 'fetch', 'digits', '--json', '-').out)
    assert list(again['domains']) == ['MNIST', 'SVHN', 'USPS']
    assert list(again['left_out']) == ['MNISTM']
    assert site.requested == []


@pytest.mark.network
def test_some_domains(m2m, m2m_home, site):
    assert m2m('data', 'fetch', 'digits', '--domains', 'USPS, SVHN').code == 0
    assert manifest.names() == ['SVHN', 'USPS']


@pytest.mark.network
@pytest.mark.parametrize(
    ('arguments', 'code', 'message'),
    [
        (['digit'], 1, "unknown dataset to fetch 'digit'. Did you mean digits?"),
        (['Smith2026'], 1, 'm2m data import'),
        (['digits', '--areas', 'VISp'], 2, '--areas is for deVries2020 and Siegle2021'),
        (['digits', '--domains', 'mnist'], 1, 'Did you mean MNIST'),
        (['digits', '--domains', 'MNIST,MNIST-M'], 1, 'Did you mean MNISTM'),
        (['digits', '--domains', 'MNISTM'], 1, '--photos DIR'),
        (['digits', '--domains', ','], 2, '--domains is empty'),
        (['digits', '--seed', '-1'], 2, '--seed'),
        (['digits', '--photos', 'nowhere'], 1, 'nowhere is not a folder of photos'),
    ],
)
def test_a_fetch_that_cannot_be(m2m, m2m_home, site, arguments, code, message):
    ran = m2m('data', 'fetch', *arguments)
    assert (ran.code, ran.out) == (code, '')
    assert message in ran.err
    assert site.requested == []
    assert manifest.names() == []


@pytest.mark.network
def test_a_failed_domain_does_not_stop_the_others(m2m, m2m_home, site):
    absent = site.folder / 'test_32x32.mat'
    content = absent.read_bytes()
    absent.unlink()
    (site.folder / 'usps.bz2').write_bytes(b'something else')
    ran = m2m('data', 'fetch', 'digits')
    assert ran.code == 1
    assert 'not fetched: SVHN, USPS; already on this machine: MNIST.' in ran.err
    assert 'SVHN: test_32x32.mat could not be downloaded.' in ran.err
    assert 'the server answered 404' in ran.err
    assert 'usps.bz2: the file has the MD5' in ran.err
    assert manifest.names() == ['MNIST']
    absent.write_bytes(content)
    site.requested.clear()
    assert m2m('data', 'fetch', 'digits', '--domains', 'SVHN').code == 0
    assert site.requested == ['/test_32x32.mat']  # earlier downloads were kept
    assert split_sizes('SVHN') == {'train': 20, 'test': 20}


@pytest.mark.network
def test_a_full_disk_keeps_what_was_downloaded(m2m, m2m_home, site, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(np, 'save', full_disk)
        ran = m2m('data', 'fetch', 'digits', '--domains', 'USPS')
    assert ran.code == 1
    assert 'No space left on device' in ran.err
    assert manifest.names() == []
    site.requested.clear()
    assert m2m('data', 'fetch', 'digits', '--domains', 'USPS').code == 0
    assert site.requested == []
    assert not (m2m_home / 'downloads').exists()


@pytest.mark.network
def test_only_missing_splits_are_fetched(m2m_home, site, file):
    import_domain('MNIST', file, 'test')
    mine = manifest.require('MNIST')['splits']['test']
    fetch_digits(domains=['MNIST'])
    assert not any('t10k' in path for path in site.requested)
    assert manifest.require('MNIST')['splits']['test'] == mine
    site.requested.clear()
    harm('MNIST', 'train')
    fetch_digits(domains=['MNIST'])
    assert any('train' in path for path in site.requested)
    assert manifest.verify('MNIST') == []


@pytest.mark.network
def test_a_domain_that_is_being_written(m2m_home, site):
    with atomic.write_lock('USPS'), pytest.raises(DataError, match='writing USPS is already running'):
        fetch_digits(domains=['USPS', 'SVHN'])
    assert manifest.names() == ['SVHN']


@pytest.mark.network
def test_a_name_that_recordings_have(m2m_home, site, make_bundle, tmp_path):
    # Earlier versions allowed the names of digits for recordings.
    import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle').paths)
    (m2m_home / 'data' / 'Lab2026').rename(m2m_home / 'data' / 'USPS')
    with pytest.raises(DataError, match='USPS is the name of recordings'):
        fetch_digits(domains=['USPS'])
    assert site.requested == []


def test_unknown_domains_from_python(m2m_home):
    with pytest.raises(UnknownNameError, match='Did you mean USPS'):
        fetch_digits(domains=['USP'])


# MNISTM


SIZES = {'b': (40, 33), 'a': (32, 32), 'd': (50, 60), 'c': (35, 41), 'e': (32, 70)}


@pytest.fixture
def photos(tmp_path):
    """Five photos, written in another order than that of their names."""
    folder = tmp_path / 'photos'
    folder.mkdir()
    for seed, (name, (height, width)) in enumerate(SIZES.items()):
        pixels = np.random.default_rng(100 + seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f'{name}.png')
    (folder / 'notes.txt').write_text('no photo')
    return folder


@pytest.fixture
def mnist(m2m_home, tmp_path):
    """MNIST on this machine: grey digits of 32 x 32, which need no resizing."""
    path = write_npz(
        tmp_path / 'mnist.npz',
        train_images=draw(11, size=32),
        train_labels=LABELS,
        test_images=draw(12, 10, 32),
        test_labels=LABELS[:10],
    )
    import_domain('MNIST', path)


def slow_blend(images, photos, seed):
    """Blend pixel by pixel, in plain integers."""
    rng = np.random.default_rng(seed)
    which = [int(place) for place in rng.integers(0, len(photos), len(images))]
    blended = []
    for image, place in zip(images.tolist(), which, strict=True):
        photo = photos[place].tolist()
        top = int(rng.integers(0, len(photo) - 31))
        left = int(rng.integers(0, len(photo[0]) - 31))
        blended.append(
            [
                [[abs(photo[top + y][left + x][channel] - image[y][x]) for channel in range(3)] for x in range(32)]
                for y in range(32)
            ]
        )
    return np.array(blended)


def read(folder, names):
    return [np.asarray(Image.open(folder / f'{name}.png')) for name in names]


@pytest.mark.seconds
def test_mnistm_is_synthesised(m2m, mnist, photos):
    (photos / 'f.webp').touch()
    ran = m2m('data', 'fetch', 'digits', '--domains', 'MNISTM', '--photos', photos, '--seed', 3)
    assert ran.code == 0
    assert 'photos: 1 images, such as f.webp, are neither PNG nor JPEG and not used.' in ran.err
    assert 'train synthesised from 3 photos, seed 3; test synthesised from 2 photos, seed 3' in ran.out
    for split, images, names in (('train', draw(11, size=32), 'ace'), ('test', draw(12, 10, 32), 'bd')):
        digits = load_digits('MNISTM', split)
        np.testing.assert_array_equal(digits.images, slow_blend(images, read(photos, names), 3))
        np.testing.assert_array_equal(digits.labels, load_digits('MNIST', split).labels)
        source = manifest.require('MNISTM')['splits'][split]['source']
        assert source['made_by'] == 'm2m data fetch: synthesised'
        assert (source['seed'], source['photos']) == (3, len(names))


def test_the_table_says_what_a_domain_is_blended_from(mnist, photos, monkeypatch):
    monkeypatch.setitem(DOMAINS, 'Blended', Domain(n_test=10, blended_from='MNIST'))
    with pytest.raises(DataError, match='Blended cannot be downloaded: it is synthesised from MNIST and photos'):
        fetch_digits(None, ['Blended'])
    assert list(fetch_digits(photos, ['Blended'])) == ['MNIST', 'Blended']
    expected = slow_blend(draw(12, 10, 32), read(photos, 'bd'), 0)
    np.testing.assert_array_equal(load_digits('Blended', 'test').images, expected)


def test_an_imported_test_split_of_mnistm_stays(mnist, photos, tmp_path):
    import_domain('MNISTM', write_npz(tmp_path / 'm.npz', images=draw(5, size=32, channels=3), labels=LABELS))
    before = manifest.require('MNISTM')['splits']['test']
    fetch_digits(photos, ['MNISTM'], seed=1)
    assert manifest.require('MNISTM')['splits']['test'] == before
    # All photos are used for the only synthesised split.
    expected = slow_blend(draw(11, size=32), read(photos, 'abcde'), 1)
    np.testing.assert_array_equal(load_digits('MNISTM', 'train').images, expected)


def test_other_digits_of_a_name_need_replace(m2m, m2m_home, file, tmp_path):
    other = write_npz(tmp_path / 'other.npz', test_images=draw(2), test_labels=LABELS)
    arguments = ('data', 'import', 'digits-domain', 'Mine', '--from')
    assert m2m(*arguments, file, '--as', 'test').code == 0
    before = hashes('Mine')
    assert m2m(*arguments, file, '--as', 'test').code == 0  # the same digits
    ran = m2m(*arguments, other)
    assert ran.code == 1
    assert 'the test split of Mine is on this machine already: 20 images (m2m data import, 20' in ran.err
    assert hashes('Mine') == before
    assert m2m(*arguments, other, '--replace').code == 0
    assert hashes('Mine') != before


def hashes(name):
    return [file['sha256'] for file in manifest.files(manifest.require(name))]


def test_seeds(mnist, photos, m2m_home, monkeypatch, tmp_path):
    made = {}
    for number, seed in enumerate((0, 1, 0)):
        fetch_digits(photos, ['MNISTM'], seed)
        made[number] = hashes('MNISTM')
        fetch_digits(photos, ['MNISTM'], seed + 5)  # it is here: left alone
        assert hashes('MNISTM') == made[number]
        (m2m_home / 'data' / 'MNISTM' / 'ledger.json').unlink()
    assert made[0] == made[2] != made[1]


def test_damaged_splits_of_mnistm(mnist, photos, tmp_path):
    fetch_digits(photos, ['MNISTM'])
    before = hashes('MNISTM')
    harm('MNISTM', 'test')
    with pytest.raises(DataError, match='--photos DIR'):
        fetch_digits(None, ['MNISTM'])
    fetch_digits(photos, ['MNISTM'])
    assert hashes('MNISTM') == before
    assert manifest.verify('MNISTM') == []
    own = write_npz(tmp_path / 'm.npz', images=draw(5, size=32, channels=3), labels=LABELS)
    with pytest.raises(DataError, match='m2m data fetch: synthesised'):
        import_domain('MNISTM', own)
    import_domain('MNISTM', own, replace=True)
    harm('MNISTM', 'test')
    with pytest.raises(DataError, match=r'its test split was imported and is damaged\. Import it again'):
        fetch_digits(photos, ['MNISTM'])


@pytest.mark.network
def test_mnist_is_fetched_for_mnistm(m2m, m2m_home, site, photos):
    ran = m2m('data', 'fetch', 'digits', '--domains', 'MNISTM', '--photos', photos)
    assert ran.code == 0
    assert manifest.names() == ['MNIST', 'MNISTM']
    grey = load_digits('MNIST', 'train').images[..., 0]
    np.testing.assert_array_equal(load_digits('MNISTM', 'train').images, slow_blend(grey, read(photos, 'ace'), 0))


@pytest.mark.network
def test_without_mnist_no_mnistm(m2m_home, site, photos):
    (site.folder / 'mnist' / 'train-images-idx3-ubyte.gz').unlink()
    with pytest.raises(DataError, match='not fetched: MNIST, MNISTM; already on this machine: SVHN, USPS'):
        fetch_digits(photos)


def test_photos_of_all_kinds(mnist, photos):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (40, 40), dtype=np.uint8)).save(photos / 'grey.JPG')
    Image.fromarray(rng.integers(0, 256, (40, 40, 4), dtype=np.uint8), 'CMYK').save(photos / 'print.jpeg')
    Image.fromarray(rng.integers(0, 256, (40, 40, 4), dtype=np.uint8)).save(photos / 'alpha.png')
    fetch_digits(photos, ['MNISTM'])
    assert manifest.require('MNISTM')['splits']['train']['source']['photos'] == 4


def bomb(path):
    Image.new('1', (20_000, 20_000)).save(path)


@pytest.mark.seconds
@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda path: Image.new('RGB', (31, 400)).save(path), r'z\.png has 31 x 400 pixels; expected at least 32 x 32'),
        (lambda path: path.write_text('no photo'), r'z\.png cannot be read as an image'),
        (
            lambda path: path.write_bytes((path.parent / 'd.png').read_bytes()[:3000]),
            r'z\.png cannot be read as an image',
        ),
        (lambda path: path.mkdir(), r'z\.png is a folder; expected a file'),
        (bomb, r'z\.png cannot be read as an image|pixels; expected at most'),
    ],
)
def test_photos_that_are_wrong(mnist, photos, make, message):
    make(photos / 'z.png')
    with pytest.raises(DataError, match=message):
        fetch_digits(photos, ['MNISTM'])
    assert manifest.names() == ['MNIST']


def test_too_few_photos(mnist, photos):
    for name in 'abcd':
        (photos / f'{name}.png').unlink()
    with pytest.raises(DataError, match='holds 1 photos; expected at least 2'):
        fetch_digits(photos)


def test_too_many_photos(mnist, photos, monkeypatch):
    monkeypatch.setattr('m2m_benchmarks.acquisition.digit_import._MOST_PIXELS', 5000)
    with pytest.raises(DataError, match='expected at most 5,000 in all'):
        fetch_digits(photos)


# The real domains


@pytest.mark.slow
@pytest.mark.seconds
@pytest.mark.shared
def test_the_real_domains(m2m, m2m_home, shared):
    folder = shared / 'digits'
    counts = {
        'MNIST': ('mnist', {'train': 60000, 'test': 10000}),
        'MNISTM': ('mnist_m/mnist_m_test.zip', {'test': 9001}),
        'USPS': ('usps/usps.h5', {'train': 7291, 'test': 2007}),
        'SVHN': ('svhn/svhn_crops.npz', {'train': 554, 'test': 486}),
    }
    for name, (path, sizes) in counts.items():
        assert m2m('data', 'import', 'digits-domain', name, '--from', folder / path).code == 0
        assert split_sizes(name) == sizes
    assert m2m('data', 'verify').code == 0
    np.testing.assert_array_equal(load_digits('MNISTM', 'test').labels, load_digits('MNIST', 'test').labels[:9001])
    crops = manifest.require('SVHN')['splits']['test']
    assert crops['clusters'] < crops['images']
    entry = import_domain('Crops', folder / 'svhn' / 'svhn_crops.npz', 'test')
    assert entry['splits']['test']['images'] == 554 + 486
    # The missing one of the paper's domains is synthesised.
    manifests = fetch_digits(folder / 'photos')
    assert list(manifests) == ['MNIST', 'MNISTM', 'SVHN', 'USPS']
    assert split_sizes('MNISTM') == {'test': 9001, 'train': 60000}


def test_recordings_do_not_take_the_name_of_digits(m2m_home, make_bundle, file, m2m, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    import_domain('Lab2026', file)
    before = manifest.require('Lab2026')
    ran = m2m('data', 'import', 'Lab2026', *bundle.options)
    assert ran.code == 1
    assert 'Lab2026 is the name of digits on this machine; choose another for the recordings' in ran.err
    assert manifest.require('Lab2026') == before


def test_a_damaged_domain_can_be_imported_again(m2m_home, file):
    import_domain('MyShift', file, 'train')
    import_domain('MyShift', file, 'test')
    entry = manifest.require('MyShift')
    for split in ('train', 'test'):
        manifest.path_of('MyShift', entry, entry['splits'][split]['files']['labels']).write_bytes(b'damaged')
    import_domain('MyShift', file, 'train')  # without `test`, of which nothing can be kept
    assert list(manifest.require('MyShift')['splits']) == ['train']
    import_domain('MyShift', file, 'test')
    assert manifest.verify('MyShift') == []
    (m2m_home / 'data' / 'MyShift' / 'ledger.json').write_text('{')
    import_domain('MyShift', file, 'test')
    assert list(manifest.require('MyShift')['splits']) == ['test']
