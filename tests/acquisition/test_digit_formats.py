"""Digits in the files in which they are handed around: all that is read, and what is refused."""

import bz2
import contextlib
import gzip
import io
import pickle
import tarfile
import zipfile

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
import torchvision
from PIL import Image

from m2m_benchmarks.acquisition.digit_files import read_domain
from m2m_benchmarks.acquisition.digit_import import import_domain
from m2m_benchmarks.acquisition.digit_splits import split_in
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.digits.images import rgb
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.testing import idx_bytes, png_bytes, write_npz
from m2m_benchmarks.training.sources import domain_name

LABELS = np.tile(np.arange(10), 2)
#: Of the final size, so that pixels aren't resized; the brightest is white.
GREY = np.random.default_rng(0).integers(0, 256, (20, 32, 32), dtype=np.uint8)
GREY[:, 0, 0] = 255
TEST = GREY[::-1]
COLOUR = np.stack([GREY, TEST, 255 - GREY], axis=3)


def files_of_classes(images=GREY, split=''):
    return {
        f'{split}{label}/{i:02} of 20.png': png_bytes(image)
        for i, (image, label) in enumerate(zip(images, LABELS, strict=True))
    }


def renamed(name, split=''):
    """Images of classes in folders of other names."""
    files = files_of_classes()
    return {f'{split}{name(int(path[0]))}{path[1:]}': files[path] for path in files}


def files_of_mnist_m():
    files = {}
    for split, images in (('train', GREY), ('test', TEST)):
        files |= {f'mnist_m/mnist_m_{split}/{i:08}.png': png_bytes(image) for i, image in enumerate(images)}
        rows = ''.join(f'{i:08}.png {label}\n' for i, label in enumerate(LABELS))
        files[f'mnist_m/mnist_m_{split}_labels.txt'] = rows.encode()
    return files


def mac(files):
    """Add what macOS puts beside files, in folders and in archives."""
    junk = b'\0\5\x16\7\0\2\0\0Mac OS X        '
    added = {name.rpartition('/')[0] + '/._' + name.rpartition('/')[2]: junk for name in files}
    return {**files, **{name.lstrip('/'): junk for name in added}, **{f'__MACOSX/{name}': junk for name in files}}


def folder(path, files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def zipped(path, files):
    with zipfile.ZipFile(path, 'w') as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path, files, mode='w:gz'):
    with tarfile.open(path, mode) as archive:
        for name, content in reversed(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def h5(path, **arrays):
    with h5py.File(path, 'w', userblock_size=512 if path.suffix == '.mat' else 0) as file:
        for name, array in arrays.items():
            file[name.replace('__', '/')] = array
    if path.suffix == '.mat':
        with path.open('r+b') as file:
            file.write(b'MATLAB 7.3 MAT-file, Platform: GLNXA64'.ljust(124) + b'\0\2IM')
    return path


def mat(path, **arrays):
    scipy.io.savemat(path, arrays)
    return path


def text(path, *header):
    table = np.column_stack([FLAT, LABELS] if header[-1:] == ('class',) else [LABELS, FLAT])
    np.savetxt(path, table, '%d', ',', header=','.join(header), comments='')
    if not header:
        path.write_text(path.read_text().lstrip())
    return path


FLAT = GREY.reshape(20, -1)
NUMERALS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']
IDX = {
    'MNIST/raw/train-images-idx3-ubyte': idx_bytes(GREY),
    'MNIST/raw/train-labels-idx1-ubyte': idx_bytes(np.uint8(LABELS)),
    'MNIST/raw/t10k-images-idx3-ubyte': idx_bytes(TEST),
    'MNIST/raw/t10k-labels-idx1-ubyte': idx_bytes(np.uint8(LABELS)),
}
ROWS = ''.join(f'digits/my digit, {i}.png {label}\n' for i, label in enumerate(LABELS)).encode()
COMMAS = '\ufeffsome digit.png,0\r\n'.encode() + b''.join(
    b'%d.png,%d\r\n' % (i, label) for i, label in enumerate(LABELS) if i
)
NUMBERED = {f'digits/my digit, {i}.png': png_bytes(image) for i, image in enumerate(GREY)}
MANY = {**{f'{i}.png': png_bytes(image) for i, image in enumerate(GREY)}, 'some digit.png': png_bytes(GREY[0])}

BOTH = {'train': GREY, 'test': TEST}
READ = {
    'Keras': (lambda p: write_npz(p / 'm.npz', x_train=GREY, y_train=LABELS, x_test=TEST, y_test=LABELS), BOTH),
    'OpenML': (lambda p: write_npz(p / 'm.npz', data=FLAT.astype(np.int64), target=LABELS.astype(str)), {'test': GREY}),
    'floats to 255': (lambda p: write_npz(p / 'm.npz', X=FLAT.astype(float), y=LABELS.astype(float)), {'test': GREY}),
    '16 bits': (lambda p: write_npz(p / 'm.npz', images=GREY.astype(np.uint16) * 257, labels=LABELS), {'test': GREY}),
    'flags': (lambda p: write_npz(p / 'm.npz', images=GREY > 99, labels=LABELS), {'test': np.uint8(GREY > 99) * 255}),
    'channels first': (
        lambda p: write_npz(p / 'm.npz', X_train=COLOUR.transpose(0, 3, 1, 2), y_train=np.eye(10)[LABELS]),
        {'train': COLOUR},
    ),
    'one class a column': (lambda p: write_npz(p / 'm.npz', train_x=GREY, train_y=np.eye(10, dtype=int)[LABELS]), None),
    'HDF5': (lambda p: h5(p / 'm.h5', train__data=FLAT, train__target=LABELS.astype('S1')), {'train': GREY}),
    'flat HDF5': (lambda p: h5(p / 'm.data', x_test=GREY, y_test=LABELS[:, None]), {'test': GREY}),
    'MATLAB 7.3 as of SVHN': (
        lambda p: h5(p / 'train_32x32.mat', X=np.moveaxis(COLOUR, 0, 3).T, y=np.where(LABELS, LABELS, 10)[None]),
        {'train': COLOUR},
    ),
    'images in columns': (lambda p: mat(p / 'mnist-original.mat', data=FLAT.T, label=LABELS[None] * 1.0), None),
    'MNIST-M': (lambda p: tarred(p / 'mnist_m.tar.gz', files_of_mnist_m()), BOTH),
    'MNIST-M, unpacked': (lambda p: folder(p / 'mnist_m', files_of_mnist_m()), BOTH),
    'classes in a zip': (lambda p: zipped(p / 'a.zip', files_of_classes(split='top/')), {'test': GREY}),
    'classes in splits': (
        lambda p: tarred(
            p / 'mnist_png.tar',
            files_of_classes(split='mnist_png/training/')
            | files_of_classes(TEST, 'mnist_png/testing/')
            | files_of_classes(TEST, 'mnist_png/val/'),
            'w',
        ),
        BOTH,
    ),
    'idx in a folder of torchvision': (lambda p: folder(p / 'data', IDX), BOTH),
    'idx in a tar': (lambda p: tarred(p / 'mnist.tgz', IDX), BOTH),
    'idx, packed and unpacked': (
        lambda p: folder(p, {**IDX, **{f'{name}.gz': gzip.compress(content) for name, content in IDX.items()}}),
        BOTH,
    ),
    'a zip of a Mac': (lambda p: zipped(p / 'm.zip', mac(files_of_mnist_m())), BOTH),
    'a folder of a Mac': (lambda p: folder(p / 'train', mac(files_of_classes())), {'train': GREY}),
    'idx of a Mac': (lambda p: folder(p / 'm', mac(IDX)), BOTH),
    'names with spaces': (lambda p: zipped(p / 'm.zip', {**NUMBERED, 'test_labels.txt': ROWS}), {'test': GREY}),
    'labels with commas': (lambda p: folder(p / 'm', {**MANY, 'labels.csv': COMMAS}), {'test': GREY}),
    'backslashes': (
        lambda p: zipped(
            p / 'm.zip',
            {**{name.replace('/', '\\'): NUMBERED[name] for name in NUMBERED}, 'labels.txt': ROWS.replace(b'/', b'\\')},
        ),
        None,
    ),
    'labels with a header': (lambda p: folder(p / 'm', {**NUMBERED, 'labels.csv': b'file,label\n' + ROWS}), None),
    'CSV of Kaggle': (lambda p: text(p / 'train.csv', 'label', *(f'pixel{i}' for i in range(1024))), {'train': GREY}),
    'CSV of OpenML': (lambda p: text(p / 'mnist.csv', *(f'pixel{i}' for i in range(1024)), 'class'), None),
    'CSV without names': (lambda p: text(p / 'mnist.csv'), None),
    'CSV of pandas, with a column of row numbers': (
        lambda p: folder(p, {'m.csv': pd.DataFrame(FLAT).assign(Digit=LABELS).to_csv().encode()}) / 'm.csv',
        None,
    ),
    'rows of UCI, labels last': (
        lambda p: (
            folder(p, {'a.tra': pd.DataFrame(FLAT).assign(y=LABELS).to_csv(index=False, header=False).encode()})
            / 'a.tra'
        ),
        None,
    ),
    'HDF5 of Fuel': (lambda p: h5(p / 'm.hdf5', features=GREY[:, None], targets=LABELS[:, None]), None),
    'folders of two figures': (lambda p: zipped(p / 'm.zip', renamed(lambda label: f'{label:02}')), {'test': GREY}),
    'folders of classes by name': (lambda p: folder(p / 'm', renamed(lambda label: f'Class_{label}')), {'test': GREY}),
    'folders of words': (lambda p: folder(p / 'm', renamed(NUMERALS.__getitem__, 'train/')), {'train': GREY}),
    'labels of names without endings': (
        lambda p: folder(p / 'm', {**NUMBERED, 'labels.csv': b'id,label\n' + ROWS.replace(b'.png', b'')}),
        None,
    ),
    'a name that says nothing': (lambda p: write_npz(p / 'constrained_idx', images=GREY, labels=LABELS), None),
}


@pytest.mark.parametrize('kind', READ)
@pytest.mark.seconds
def test_read(kind, tmp_path):
    make, expected = READ[kind]
    path = make(tmp_path)
    splits = read_domain(path)
    for split, digits in splits.items():
        images = (expected or {split: GREY})[split]
        np.testing.assert_array_equal(digits.labels, LABELS)
        np.testing.assert_array_equal(rgb(digits.images), rgb(images if images.ndim == 4 else images[..., None]))
    assert splits.keys() == (expected or splits).keys()


def libsvm(images, labels, low, high):
    values = low + images.reshape(len(images), -1) / 255 * (high - low)
    rows = (
        f'{label} ' + ' '.join(f'{i + 1}:{x:.6g}' for i, x in enumerate(row) if low or x)
        for row, label in zip(values, labels, strict=True)
    )
    return '\n'.join(rows).encode() + b'\n'


@pytest.mark.parametrize('name', ['usps.bz2', 'usps.t.bz2'])
def test_usps_is_read_as_by_torchvision(name, tmp_path):
    (tmp_path / name).write_bytes(bz2.compress(libsvm(GREY[:, :16, :16], LABELS + 1, -1, 1)))
    official = torchvision.datasets.USPS(tmp_path, train=name == 'usps.bz2')
    ((split, digits),) = read_domain(tmp_path / name).items()
    assert split == ('train' if name == 'usps.bz2' else 'test')
    np.testing.assert_array_equal(digits.labels, official.targets)
    write_npz(tmp_path / 'same.npz', images=official.data, labels=LABELS)
    np.testing.assert_array_equal(digits.images, read_domain(tmp_path / 'same.npz')['test'].images)


def test_usps_as_rows_is_that_of_libsvm(tmp_path):
    images = GREY[:, :16, :16]
    (tmp_path / 'usps.bz2').write_bytes(bz2.compress(libsvm(images, LABELS + 1, -1, 1)))
    rows = (
        f'{label}.0000 ' + ' '.join(f'{x / 127.5 - 1:.6f}' for x in image.flat)
        for image, label in zip(images, LABELS, strict=True)
    )
    (tmp_path / 'zip.train.gz').write_bytes(gzip.compress(' \n'.join(rows).encode() + b' \n'))
    digits, expected = (read_domain(tmp_path / name)['train'] for name in ('zip.train.gz', 'usps.bz2'))
    np.testing.assert_array_equal(digits.labels, LABELS)
    # Numbers of different decimals may be cut to neighbouring values, and rounded once more when they are enlarged.
    assert np.abs(digits.images.astype(int) - expected.images).max() <= 2


@pytest.mark.parametrize('high', [1, 255])
def test_sparse_libsvm_text(high, tmp_path):
    """Pixels that are 0 in all images are left out, those behind the last one too."""
    images = GREY.copy()
    images[:, -1, -40:] = 0
    (tmp_path / 'mnist').write_bytes(libsvm(images, LABELS, 0, high))
    (digits,) = read_domain(tmp_path / 'mnist').values()
    np.testing.assert_array_equal(digits.images[..., 0], images)


def test_images_of_all_splits_have_one_white(tmp_path):
    """A dark test split of 16 bits isn't taken for 12 bits beside a bright training split."""
    notes = []
    path = write_npz(
        tmp_path / 'm.npz',
        x_train=GREY.astype(np.uint16) * 257,
        y_train=LABELS,
        x_test=GREY.astype(np.uint16) * 16,
        y_test=LABELS,
    )
    splits = read_domain(path, note=notes.append)
    np.testing.assert_array_equal(splits['train'].images[..., 0], GREY)
    np.testing.assert_array_equal(splits['test'].images[..., 0], np.rint(GREY.astype(int) * 16 / 257))
    assert notes[0] == 'm.npz: pixels are whole numbers of more than 8 bits, up to 65,535; 65,535 is taken for white.'
    assert notes[1:] == [
        'm.npz (test): the brightest pixel is 16 of 255. If that is meant to be white, scale the images.'
    ]


@pytest.mark.parametrize(
    ('name', 'split'),
    [
        ('train-images-idx3-ubyte.gz', 'train'),
        ('t10k-images-idx3-ubyte', 'test'),
        ('train_32x32.mat', 'train'),
        ('emnist-digits-test-labels-idx1-ubyte', 'test'),
        ('MyTrain.npz', 'train'),
        ('USPSTest.h5', 'test'),
        ('training', 'train'),
        ('my test of mnist/train', 'train'),
        ('zip.train.gz', 'train'),
        ('constrained.npz', None),
        ('latest.npz', None),
        ('strain/digits.npz', None),
        ('train_test.npz', None),
        ('', None),
    ],
)
def test_the_split_in_a_name(name, split):
    assert split_in(name) == split


def test_a_split_that_no_name_tells_is_noted(tmp_path):
    path = write_npz(tmp_path / 'constrained.npz', images=GREY, labels=LABELS)
    notes = []
    assert list(read_domain(path, note=notes.append)) == ['test']
    assert notes == [
        'constrained.npz names neither train nor test, and is taken as test. Use --as train if it is train.'
    ]
    for other in ('train', 'test'):
        assert list(read_domain(path, note=notes.append, unnamed=other)) == [other]
    assert len(notes) == 1


@pytest.mark.parametrize('as_array', [True, False])
def test_transparent_digits(as_array, tmp_path):
    """Black ink of varying opacity: black on black without its background."""
    rgba = np.zeros((20, 32, 32, 4), dtype=np.uint8)
    rgba[..., 3] = GREY
    if as_array:
        path = write_npz(tmp_path / 'test.npz', images=rgba, labels=LABELS)
    else:
        path = folder(tmp_path / 'test', files_of_classes(rgba))
    notes = []
    on_white = read_domain(path, note=notes.append)['test'].images
    np.testing.assert_array_equal(on_white, rgb(255 - GREY[..., None]))
    assert len(notes) == 1
    assert 'were laid on white, because they are transparent' in notes[0]
    on_red = read_domain(path, (255, 0, 0))['test'].images
    np.testing.assert_array_equal(on_red[..., 0], 255 - GREY)
    assert not on_red[..., 1:].any()


REFUSED = {
    'vectors of ann-benchmarks': (
        lambda p: h5(p / 'mnist-784.hdf5', train=FLAT, test=FLAT, neighbors=np.zeros((5, 3))),
        'holds neighbors, test, train; expected images and labels',
    ),
    'a split without labels': (
        lambda p: write_npz(p / 'm.npz', x_train=GREY, y_train=LABELS, x_test=GREY),
        'expected images and labels',
    ),
    'text labels as Python objects': (
        lambda p: write_npz(p / 'm.npz', images=GREY, labels=LABELS.astype(str).astype(object)),
        r'as whole numbers: labels\.astype\(int\)',
    ),
    'two train splits of idx': (
        lambda p: folder(p / 'data', {**IDX, **{name.replace('MNIST', 'Fashion'): IDX[name] for name in IDX}}),
        'which are both train',
    ),
    'two domains in one folder': (
        lambda p: folder(p / 'data', files_of_classes(split='a/train/') | files_of_classes(split='b/train/')),
        'holds a/train and b/train, which are both train',
    ),
    'labels of names that several images have': (
        lambda p: folder(
            p / 'data',
            {f'{i % 2}/{i // 2}.png': png_bytes(image) for i, image in enumerate(GREY)}
            | {'labels.txt': b''.join(b'%d.png %d\n' % (i, i) for i in range(10))},
        ),
        r'line 1 of labels\.txt names 0\.png, which is in several folders',
    ),
    'a missing image': (
        lambda p: zipped(p / 'm.zip', {**NUMBERED, 'labels.txt': ROWS + b'20.png 1\n'}),
        r"line 21 of labels\.txt is '20\.png 1'; expected the name of an image",
    ),
    'labels of other text': (
        lambda p: zipped(p / 'm.zip', {**NUMBERED, 'labels.txt': ROWS.replace(b'png 7', b'png seven')}),
        r'the label seven \(index 7\)',
    ),
    'a pickle': (
        lambda p: folder(p, {'mnist.pkl': pickle.dumps((1, 2))}) / 'mnist.pkl',
        'it is a pickle, which is not read because it can run code',
    ),
    'a packed pickle': (
        lambda p: folder(p, {'mnist.pkl.gz': gzip.compress(pickle.dumps((1, 2)))}) / 'mnist.pkl.gz',
        'it is a pickle',
    ),
    'a web page': (lambda p: folder(p, {'m.h5': b'<!DOCTYPE html><html>'}) / 'm.h5', 'it is a web page; the download'),
    'no HDF5': (lambda p: folder(p, {'m.h5': b'neither'}) / 'm.h5', 'cannot be read as HDF5'),
    'a web page of no known name': (lambda p: folder(p, {'digits': b'<html>'}) / 'digits', 'it is a web page'),
    'a pointer': (
        lambda p: folder(p, {'digits': b'version https://git-lfs.github.com/spec/v1\noid'}) / 'digits',
        'git-lfs pointer',
    ),
    'a file of PyTorch': (
        lambda p: zipped(p / 'training.pt', {'training/data.pkl': b'', 'training/data/0': b''}),
        r'it is a PyTorch file; save its arrays with numpy\.savez',
    ),
    'rows that are cut': (
        lambda p: folder(p, {'m.csv': text(p / 'whole.csv').read_bytes()[:-9]}) / 'm.csv',
        'pixels from nan to',
    ),
    'rows of words': (
        lambda p: folder(p, {'m.csv': b'a,' * 30 + b'a\n'}) / 'm.csv',
        'has no column of labels: none is named label',
    ),
    'rows without labels': (
        lambda p: (
            folder(p, {'test.csv': pd.DataFrame(FLAT).add_prefix('pixel').to_csv(index=False).encode()}) / 'test.csv'
        ),
        'neither the first nor the last column holds the values 0 to 9',
    ),
    'tables in an archive': (
        lambda p: zipped(p / 'archive.zip', {'mnist_train.csv': b'label,pixel0\n', 'mnist_test.csv': b'label\n'}),
        r'It holds mnist_test\.csv, mnist_train\.csv; if images and labels are in one file, name that, unpacked',
    ),
    'nothing in a file': (lambda p: folder(p, {'m.npz': b''}) / 'm.npz', r'm\.npz is empty'),
    'a number for images': (
        lambda p: write_npz(p / 'm.npz', images=np.float32(1), labels=LABELS),
        r'an array \(\) of images',
    ),
    'labels of several fields': (
        lambda p: write_npz(p / 'm.npz', images=GREY, labels=np.zeros(20, dtype=[('a', int), ('b', int)])),
        'has labels of type',
    ),
    'a cut archive': (
        lambda p: folder(p, {'m.tar.gz': tarred(p / 'b.tar.gz', files_of_mnist_m()).read_bytes()[:9000]}) / 'm.tar.gz',
        'cannot be unpacked',
    ),
    'idx in a file of another name': (
        lambda p: folder(p, {'mnist.bin': idx_bytes(GREY)}) / 'mnist.bin',
        'is an idx file; expected a name with images-idx3',
    ),
    'negative pixels': (
        lambda p: write_npz(p / 'm.npz', images=GREY / 127.5 - 1, labels=LABELS),
        'has pixels from -1 to 1; expected 8-bit whole numbers',
    ),
    'an animated digit': (
        lambda p: folder(p / 'm', {**files_of_classes(), '3/a.gif': animated()}),
        r'3/a\.gif holds 2 images',
    ),
    'a huge digit': (
        lambda p: folder(p / 'm', {**files_of_classes(), '3/a.png': png_bytes(np.zeros((4097, 4097), dtype=np.uint8))}),
        'has 4,097 x 4,097 pixels',
    ),
}


REFUSED |= {
    kind: (lambda p, start=start: folder(p, {'train': start + bytes(500)}) / 'train', f'unknown format .it is {kind}')
    for kind, start in {
        'a 7z archive': b'7z\xbc\xaf\x27\x1c',
        'a RAR archive': b'Rar!\x1a\7',
        'packed by zstd': b'\x28\xb5\x2f\xfd',
        'packed by compress': b'\x1f\x9d\x90',
        'a Parquet file': b'PAR1',
        'an ARFF file': b'@RELATION mnist\n@attribute a real\n',
        'a single array': b'\x93NUMPY\1\0',
    }.items()
}


REFUSED |= {
    f'{kind} named {name}': (
        lambda p, name=name, start=start: folder(p, {name: start + bytes(500)}) / name,
        f'unknown format .it is {kind}',
    )
    for kind, name, start in (
        ('a git-lfs pointer', 'mnist.npz', b'version https://git-lfs.github.com/spec/v1\noid sha256:0\n'),
        ('a web page', 'train-images-idx3-ubyte.gz', b'<!DOCTYPE html>\n<html>'),
        ('a web page', 'train_32x32.mat', b'<html>'),
        ('a RAR archive', 'mnist.zip', b'Rar!\x1a\7'),
    )
}


def animated():
    file = io.BytesIO()
    Image.fromarray(GREY[0]).save(file, 'gif', save_all=True, append_images=[Image.fromarray(GREY[1])])
    return file.getvalue()


@pytest.mark.parametrize('kind', REFUSED)
def test_refused(kind, tmp_path):
    make, message = REFUSED[kind]
    with pytest.raises(DataError, match=message):
        read_domain(make(tmp_path))


@pytest.mark.slow
@pytest.mark.seconds
@pytest.mark.parametrize('kind', ['Keras', 'MNIST-M', 'classes in a zip', 'idx in a tar', 'CSV of Kaggle'])
def test_damaged_files_are_read_or_refused(kind, tmp_path):
    rng = np.random.default_rng(0)
    path = READ[kind][0](tmp_path)
    whole = path.read_bytes()
    for _ in range(60):
        content = bytearray(whole)
        for place in rng.integers(0, len(content), 5):
            content[place] = rng.integers(0, 256)
        path.write_bytes(content[: rng.integers(1, 2 * len(content))])
        with contextlib.suppress(DataError):
            read_domain(path)


# Names


@pytest.fixture
def file(tmp_path):
    return write_npz(tmp_path / 'train.npz', images=GREY, labels=LABELS)


@pytest.mark.seconds
@pytest.mark.parametrize('name', ['svhn', 'Mnist_M', 'usps', 'mnist-m'])
def test_the_papers_domains_have_one_name(name, m2m_home, m2m, file):
    proper = {'svhn': 'SVHN', 'usps': 'USPS'}.get(name, 'MNISTM')
    ran = m2m('data', 'import', 'digits-domain', name, '--from', file)
    assert ran.code == 0
    assert ran.err == f"{name} is {proper}, in this library's spelling.\n"
    assert f'{proper}: imported' in ran.out
    assert f'm2m train digitnet --source {proper}' in ran.out
    assert manifest.names() == [proper]


def test_names_that_differ_only_in_case_are_refused(m2m_home, make_bundle, tmp_path, file):
    import_domain('Mine', file)
    bundle = make_bundle(tmp_path / 'bundle')
    with pytest.raises(DataError, match=r'mine differs from Mine only in the case of letters\. Use Mine, or another'):
        import_domain('mine', file)
    for name, other in (('mine', 'Mine'), ('siegle2021', 'Siegle2021')):
        with pytest.raises(DataError, match=f'{name} differs from {other} only in the case'):
            import_bundle(name, *bundle.paths)
    with pytest.raises(DataError, match='sklearndigits differs from SklearnDigits'):
        import_domain('sklearndigits', file)
    assert manifest.names() == ['Mine']


def test_an_exact_name_means_itself(m2m_home, file, monkeypatch):
    """Folders of earlier versions may hold names that differ only in case."""
    import_domain('SVHN', file)
    import_domain('Mine', file)
    for name, old in (('SVHN', 'svhn'), ('Mine', 'MINE')):
        (manifest.data_folder() / old).mkdir()
        content = (manifest.data_folder() / name / 'ledger.json').read_bytes()
        (manifest.data_folder() / old / 'ledger.json').write_bytes(content)
    assert [domain_name(name) for name in ('SVHN', 'svhn', 'Svhn', 'Mine', 'MINE')] == [
        *('SVHN', 'svhn', 'SVHN', 'Mine', 'MINE')
    ]
    import_domain('SVHN', file)
    import_domain('MINE', file)
