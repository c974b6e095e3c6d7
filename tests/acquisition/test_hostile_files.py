"""Files that others made to do harm: they unpack to far more than they are, or lead to others' files."""

import bz2
import gzip
import io
import os
import re
import socket
import tarfile
import tracemalloc
import zipfile
from itertools import pairwise

import h5py
import numpy as np
import pytest
import scipy.io

from m2m_benchmarks import limits
from m2m_benchmarks.acquisition.allen.ecephys.nwb2 import Nwb2File
from m2m_benchmarks.acquisition.allen.nwb import NwbFile, open_nwb
from m2m_benchmarks.acquisition.csv_tables import read_table
from m2m_benchmarks.acquisition.description import read_description
from m2m_benchmarks.acquisition.digit_files import read_domain
from m2m_benchmarks.acquisition.digit_import import import_domain
from m2m_benchmarks.acquisition.hdf5 import check_memory
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.data import manifest
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.testing import png_bytes

#: 0.1 MB, so that bombs can be small.
LIMIT_GB = '0.0001'
LABELS = np.tile(np.arange(10), 2)
IMAGES = np.zeros((20, 28, 28), np.uint8)
ZEROS = bytes(10**6)
PNG = png_bytes(IMAGES[0])
LIMIT = 'raise the limit with the environment variable M2M_MAX_GB'


def npz(path, **arrays):
    np.savez_compressed(path, **arrays)
    return path


def packed_zip(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, 'w', method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def tar(path, headers):
    with tarfile.open(path, 'w:gz', format=tarfile.PAX_FORMAT) as archive:
        for name, size, comment in headers:
            info = tarfile.TarInfo(name)
            info.size = size
            info.pax_headers = {'comment': comment}
            archive.addfile(info, io.BytesIO(bytes(size)))
    return path


def hdf5(path, add):
    with h5py.File(path, 'w') as file:
        file['labels'] = LABELS
        add(file)
    return path


def texts(path, text):
    with h5py.File(path, 'w') as file:
        file.create_dataset('labels', (20,), h5py.string_dtype(), fillvalue=text.encode())
        file['images'] = IMAGES
    return path


def idx(path, content):
    path.with_name('train-labels-idx1-ubyte.gz').write_bytes(gzip.compress(content))
    path.write_bytes(gzip.compress(content))
    return path


def written(path, content):
    path.write_bytes(content)
    return path


def mat(path, **arrays):
    scipy.io.savemat(path, arrays, do_compression=True)
    return path


CLASSES = {f'test/{label}/{label}.png': PNG for label in range(10)}
BOMBS = {
    'npz': lambda p: npz(p / 'test.npz', images=np.zeros((1300, 28, 28), np.uint8), labels=LABELS),
    'zip': lambda p: packed_zip(p / 'test.zip', {**CLASSES, 'labels.txt': ZEROS}),
    'tar, a file': lambda p: tar(p / 'test.tar.gz', [('test/0/a.png', 10**6, '')]),
    'tar, files that are not read': lambda p: tar(p / 'test.tar.gz', [('.hidden', 10**6, '')]),
    'tar, a header': lambda p: tar(p / 'test.tar.gz', [('test/0/a.png', 5, 'x' * 10**6)]),
    'idx': lambda p: idx(p / 'train-images-idx3-ubyte.gz', bytes([0, 0, 8, 3]) + ZEROS),
    'rows': lambda p: written(p / 'test.csv', bz2.compress(b'0,0' * 10**6)),
    'rows in gzip': lambda p: written(p / 'test.csv.gz', gzip.compress(b'0,0,' * 10**6)),
    'a pixel far away': lambda p: written(p / 'test.txt', b'1 1:0.5 2:0.5 999999999:1\n2 1:0.5 2:0.5\n'),
    'hdf5': lambda p: hdf5(
        p / 'test.h5', lambda f: f.create_dataset('images', (10**9, 28, 28), 'u1', chunks=(1, 28, 28))
    ),
    'hdf5, a chunk': lambda p: hdf5(
        p / 'test.h5',
        lambda f: f.create_dataset('images', (20, 28, 28), 'u1', maxshape=(None,) * 3, chunks=(20, 280, 280)),
    ),
    'hdf5, a text many times': lambda p: texts(p / 'test.h5', 'x' * 20_000),
    'matlab': lambda p: mat(p / 'test.mat', images=np.zeros((1300, 28, 28), np.uint8), labels=LABELS),
    'matlab 7.3': lambda p: hdf5(
        p / 'test.mat', lambda f: f.create_dataset('images', (28, 28, 10**9), 'u1', chunks=True)
    ),
}


@pytest.fixture
def limit(monkeypatch):
    monkeypatch.setenv('M2M_MAX_GB', LIMIT_GB)


@pytest.mark.seconds
@pytest.mark.parametrize('kind', BOMBS)
def test_what_unpacks_to_far_more_than_it_is(kind, tmp_path, limit):
    path = BOMBS[kind](tmp_path)
    assert path.stat().st_size < float(LIMIT_GB) * 1e9
    with pytest.raises(DataError, match=LIMIT) as error:
        read_domain(path)
    assert str(path.parent) in str(error.value)


def test_small_images_of_many_pixels_each(tmp_path, limit):
    image = png_bytes(np.zeros((200, 200), np.uint8))
    path = packed_zip(tmp_path / 'test.zip', dict.fromkeys(CLASSES, image))
    with pytest.raises(DataError, match=LIMIT):
        read_domain(path)


def test_a_directory_that_states_another_size(tmp_path):
    path = packed_zip(tmp_path / 'test.zip', {**CLASSES, 'test/0/b.png': ZEROS})
    content = path.read_bytes()
    path.write_bytes(content.replace((10**6).to_bytes(4, 'little'), (100).to_bytes(4, 'little')))
    with pytest.raises(DataError, match=r'test\.zip cannot be unpacked'):
        read_domain(path)


@pytest.mark.parametrize('method', [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_more_than_is_asked_for(tmp_path, method):
    with pytest.raises(DataError, match=r'is packed by a rare method'):
        read_domain(packed_zip(tmp_path / 'test.zip', CLASSES, method))


@pytest.mark.seconds
def test_arrays_that_nobody_asked_for_are_not_read(tmp_path, limit, make_bundle, m2m_home):
    bundle = make_bundle(tmp_path / 'bundle')
    path = bundle.folder / 'VISp_1.npz'
    with np.load(path) as stored:
        npz(path, **stored, movie=np.zeros(10**6))
    import_bundle('Lab2026', *bundle.paths)
    assert manifest.names() == ['Lab2026']
    assert len(read_domain(npz(tmp_path / 'test.npz', images=IMAGES, labels=LABELS, x=np.zeros(10**6)))['test']) == 20


def test_bundles_beyond_the_limit(tmp_path, monkeypatch, make_bundle, m2m_home):
    bundle = make_bundle(tmp_path / 'bundle')
    npz(bundle.folder / 'VISp_1.npz', spike_counts=np.zeros((10**4, 8, 5)), unit_id=np.arange(5))
    for gigabytes, culprit in (('0.0000001', 'sessions.csv'), ('0.000001', 'stimuli'), (LIMIT_GB, 'VISp_1.npz')):
        monkeypatch.setenv('M2M_MAX_GB', gigabytes)
        with pytest.raises(DataError, match=f'{culprit}.* {LIMIT}'):
            import_bundle('Lab2026', *bundle.paths)
    monkeypatch.setenv('M2M_MAX_GB', 'much')
    with pytest.raises(DataError, match="M2M_MAX_GB is 'much'; expected a number of GB"):
        import_bundle('Lab2026', *bundle.paths)
    assert manifest.names() == []


def virtual(file):
    layout = h5py.VirtualLayout((20, 28, 28), 'u1')
    layout[:] = h5py.VirtualSource('secret', 'images', (20, 28, 28))
    file.create_virtual_dataset('images', layout)


def loop(file):
    file['images'] = h5py.SoftLink('/labels2')
    file['labels2'] = h5py.SoftLink('/images')
    file['group/again'] = file['/']


ELSEWHERE = {
    'external storage': (
        lambda file: file.create_dataset('images', (20, 28, 28), 'u1', external=[('/secret', 0, 20 * 784)]),
        '/images is stored in another file, /secret',
    ),
    'an external link': (
        lambda file: file.__setitem__('a/images', h5py.ExternalLink('/secret', '/x')),
        '/a/images is a link to another file, /secret',
    ),
    'a virtual dataset': (virtual, '/images is stored in another file, secret'),
    'links in a loop': (loop, 'expected images and labels'),
}


@pytest.mark.parametrize('ending', ['h5', 'mat'])
@pytest.mark.parametrize('kind', ELSEWHERE)
def test_hdf5_that_leads_elsewhere(kind, ending, tmp_path):
    add, message = ELSEWHERE[kind]
    with pytest.raises(DataError, match=message):
        read_domain(hdf5(tmp_path / f'test.{ending}', add))


@pytest.mark.seconds
def test_nwb_that_leads_elsewhere(tmp_path):
    files = pytest.importorskip('m2m_benchmarks.acquisition.nwb.files')
    pytest.importorskip('pynwb')
    path = hdf5(tmp_path / 'a.nwb', lambda file: file.__setitem__('units', h5py.ExternalLink('/secret', '/units')))
    with h5py.File(path, 'r+') as file:
        file.attrs['nwb_version'] = '2.6.0'
    with pytest.raises(DataError, match='/units is a link to another file, /secret'):
        files.read_session(path, 'a.nwb')


@pytest.mark.parametrize('how', ['link', 'storage', 'virtual'])
@pytest.mark.parametrize('read', [NwbFile.array, lambda nwb, path, shape: nwb.text(path), Nwb2File.texts])
def test_files_of_a_survey_that_lead_elsewhere(how, read, tmp_path):
    with h5py.File(tmp_path / 'secret.h5', 'w') as secret:
        secret['values'] = np.arange(5)
    with h5py.File(tmp_path / 'a.nwb', 'w') as file:
        if how == 'link':
            file['values'] = h5py.ExternalLink('secret.h5', '/values')
        elif how == 'storage':
            file.create_dataset('values', (5,), 'i8', external=[(str(tmp_path / 'secret.h5'), 0, 40)])
        else:
            layout = h5py.VirtualLayout((5,), 'i8')
            layout[:] = h5py.VirtualSource('secret.h5', 'values', (5,))
            file.create_virtual_dataset('values', layout)
    with (
        open_nwb(tmp_path / 'a.nwb') as file,
        pytest.raises(DataError, match=r'is a link to another file, .*secret\.h5'),
    ):
        read(Nwb2File(file), 'values', (None,) if read is NwbFile.array else None)


def test_files_of_a_survey_beyond_the_limit(tmp_path, limit):
    with h5py.File(tmp_path / 'a.nwb', 'w') as file:
        file.create_dataset('values', (10**9,), 'u1', chunks=True)
    with open_nwb(tmp_path / 'a.nwb') as file, pytest.raises(DataError, match=LIMIT):
        NwbFile(file).array('values', (None,))


def virtual_within(file):
    file['parts'] = IMAGES
    layout = h5py.VirtualLayout(IMAGES.shape, 'u1')
    layout[:] = h5py.VirtualSource(file['parts'])
    file.create_virtual_dataset('images', layout)


@pytest.mark.parametrize('add', [lambda file: file.__setitem__('images', IMAGES), virtual_within])
def test_hdf5_of_one_file_is_read(add, tmp_path):
    assert len(read_domain(hdf5(tmp_path / 'test.h5', add))['test']) == 20


def pipe(path, secret):
    os.mkfifo(path)


def bound_socket(path, secret):
    here = os.open('.', os.O_RDONLY)
    try:  # names of sockets are short
        os.chdir(path.parent)
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(path.name)
    finally:
        os.fchdir(here)
        os.close(here)


def device(path, secret):
    try:
        os.mknod(path, 0o20666, os.makedev(1, 3))
    except OSError as error:
        pytest.skip(f'this user cannot make devices: {error}')


def link_to_pipe(path, secret):
    os.mkfifo(secret.with_name('pipe'))
    path.symlink_to(secret.with_name('pipe'))


ODD = {
    'a pipe': (pipe, 'is a pipe; expected a file'),
    'a socket': (bound_socket, 'is a socket; expected a file'),
    'a device': (device, 'is a device; expected a file'),
    'a folder': (lambda path, secret: path.mkdir(), 'is a folder; expected a file'),
    'a link to a pipe': (link_to_pipe, 'is a pipe; expected a file'),
    'a link that leads out': (
        lambda path, secret: path.symlink_to(secret),
        'leads out of .*put a copy of the file there',
    ),
}


@pytest.mark.seconds
@pytest.mark.parametrize('place', ['VISp_1.npz', 'stimuli/image_000.png', 'stimuli/images.csv', 'dataset.yml'])
@pytest.mark.parametrize('kind', ODD)
def test_odd_files_in_a_bundle(kind, place, tmp_path, make_bundle, m2m_home):
    make, message = ODD[kind]
    bundle = make_bundle(tmp_path / 'bundle')
    path = bundle.folder / place
    secret = tmp_path / f'secret{path.suffix}'
    if path.exists():
        path.rename(secret)
    else:
        secret.write_text('file\n')
    make(path, secret)
    if place in ('stimuli/images.csv', 'dataset.yml') and 'leads out' not in message:
        import_bundle('Lab2026', *bundle.paths)  # such a thing is no table, and is not opened
        return
    with pytest.raises(DataError, match=f'{re.escape(str(path))} {message}'):
        import_bundle('Lab2026', *bundle.paths)
    assert manifest.names() == []


@pytest.mark.parametrize('table', ['sessions', 'units'])
def test_tables_that_are_pipes(table, tmp_path, make_bundle, m2m_home):
    bundle = make_bundle(tmp_path / 'bundle')
    getattr(bundle, table).unlink()
    os.mkfifo(getattr(bundle, table))
    with pytest.raises(DataError, match=f'{table}.csv is a pipe'):
        import_bundle('Lab2026', *bundle.paths)


@pytest.mark.parametrize('kind', ODD)
def test_odd_files_among_digits(kind, tmp_path):
    make, message = ODD[kind]
    folder = tmp_path / 'test'
    for name, content in CLASSES.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / 'secret.png').write_bytes(PNG)
    make(folder / '3' / 'b.png', tmp_path / 'secret.png')
    if kind == 'a folder':
        assert len(read_domain(folder)['test']) == 10
        return
    with pytest.raises(DataError, match=message):
        read_domain(folder)


@pytest.mark.parametrize(
    'file', ['/etc/hostname', '../VISp_1.npz', 'a/../../VISp_1.npz', '..\\VISp_1.npz', '\\VISp_1.npz']
)
def test_paths_that_are_not_beside_the_table(file, tmp_path, make_bundle, m2m_home):
    bundle = make_bundle(tmp_path / 'bundle')
    for table in (bundle.sessions, bundle.units):
        table.write_text(table.read_text().replace('VISp_1.npz', file))
    with pytest.raises(DataError, match=r"row 2: file is '.*'; expected the path of a recording beside sessions\.csv"):
        import_bundle('Lab2026', *bundle.paths)


def test_folders_that_are_links_themselves(tmp_path, make_bundle, m2m_home):
    bundle = make_bundle(tmp_path / 'bundle')
    (bundle.folder / 'more').mkdir()
    (bundle.folder / 'VISp_1.npz').rename(bundle.folder / 'more' / 'x.npz')
    (bundle.folder / 'VISp_1.npz').symlink_to(bundle.folder / 'more' / 'x.npz')
    (tmp_path / 'link').symlink_to(bundle.folder)
    folder = tmp_path / 'link'
    import_bundle('Lab2026', folder / 'sessions.csv', folder / 'units.csv', folder / 'stimuli')
    assert manifest.verify('Lab2026') == []


def test_an_archive_that_is_a_pipe(tmp_path, m2m, m2m_home):
    os.mkfifo(tmp_path / 'x.zip')
    ran = m2m('data', 'import', tmp_path / 'x.zip')
    assert (ran.code, 'x.zip is a pipe; expected a file' in ran.err) == (1, True)


def test_texts_are_counted_without_being_kept(tmp_path, monkeypatch):
    monkeypatch.setenv('M2M_MAX_GB', '0.2')
    with h5py.File(tmp_path / 'texts.h5', 'w') as file:
        file.create_dataset('texts', shape=(10**6,), dtype=h5py.string_dtype(), fillvalue=b'x' * 60_000)
    tracemalloc.start()
    with h5py.File(tmp_path / 'texts.h5') as file, pytest.raises(DataError, match='texts unpacks to'):
        check_memory(file, 'it')
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e7


@pytest.mark.parametrize('gigabytes', ['0', '-1', 'nan', 'inf', '8 GB'])
def test_limits_that_are_none(gigabytes, monkeypatch):
    monkeypatch.setenv('M2M_MAX_GB', gigabytes)
    with pytest.raises(DataError, match='expected a number of GB, such as 16'):
        limits.most_bytes()


@pytest.mark.parametrize(
    ('gigabytes', 'n_bytes'), [(None, 8 * 10**9), ('', 8 * 10**9), ('0.5', 5 * 10**8), ('16', 16 * 10**9)]
)
def test_the_limit(gigabytes, n_bytes, monkeypatch):
    monkeypatch.delenv('M2M_MAX_GB', raising=False)
    if gigabytes is not None:
        monkeypatch.setenv('M2M_MAX_GB', gigabytes)
    assert limits.most_bytes() == n_bytes
    limits.refuse_size('it', n_bytes)
    with pytest.raises(DataError, match='it unpacks to'):
        limits.refuse_size('it', n_bytes + 1)


#: A list of nine, a list of nine of it, and so on: 3e9 words as text.
GROWING = 'description:\n  - &a [x,x,x,x,x,x,x,x,x]\n' + ''.join(
    f'  - &{name} [{",".join([f"*{before}"] * 9)}]\n' for before, name in pairwise('abcdefghij')
)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (GROWING, 'description is '),
        ('[' * 600, 'cannot be read as YAML'),
        ('description: ' + '{a: ' * 600, 'cannot be read as YAML'),
    ],
)
def test_descriptions_that_grow(content, message, tmp_path):
    (tmp_path / 'dataset.yml').write_text(content)
    with pytest.raises(DataError, match=message) as error:
        read_description(tmp_path / 'sessions.csv')
    assert len(str(error.value)) < 2000


def test_whole_numbers_of_thousands_of_digits(tmp_path):
    (tmp_path / 'a.csv').write_text('name,long\nx,' + '7' * 5000 + '\ny,1\n')
    assert read_table(tmp_path / 'a.csv', ('name',), ('name',))['long'].tolist() == ['7' * 5000, '1']


def test_a_link_among_digits_that_is_no_image(tmp_path, m2m_home):
    for name, content in CLASSES.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / 'elsewhere').write_text('')
    (tmp_path / 'test' / 'notes').symlink_to(tmp_path / 'elsewhere')
    with pytest.raises(DataError, match=r'notes leads out of'):
        import_domain('Lab2026', tmp_path / 'test')
