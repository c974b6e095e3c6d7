"""Digit domains in all file formats, and wrong files of each."""

import gzip
import zipfile

import h5py
import numpy as np
import pytest
import scipy.io
import torchvision
from PIL import Image

from m2m_benchmarks.acquisition.digit_files import read_domain
from m2m_benchmarks.data.digits.images import rgb
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.testing import MakesFolder, idx_bytes, png_bytes

LABELS = np.tile(np.arange(10), 2)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)


def idx(path, values, packed=True):
    content = idx_bytes(values)
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


def write_idx(folder, images, labels=LABELS, split='train', packed=True):
    folder.mkdir(exist_ok=True)
    end = '.gz' if packed else ''
    idx(folder / f'{split}-labels-idx1-ubyte{end}', labels.astype(np.uint8), packed)
    return idx(folder / f'{split}-images-idx3-ubyte{end}', images, packed)


def expected(image):
    """Convert to RGB and resize with Pillow in place of torch."""
    image = Image.fromarray(image).resize((32, 32), Image.Resampling.BILINEAR)
    return np.asarray(image.convert('RGB')).astype(int)


def check(digits, images, labels=LABELS):
    assert digits.images.shape == (len(images), 32, 32, 1 if images.ndim == 3 else 3)
    assert digits.images.dtype == np.uint8
    np.testing.assert_array_equal(digits.labels, labels)
    for actual, original in zip(rgb(digits.images), images, strict=True):
        assert np.abs(actual.astype(int) - expected(original)).max() <= 1  # Pillow rounds after each direction


@pytest.mark.parametrize('packed', [True, False])
def test_idx(images, tmp_path, packed):
    file = write_idx(tmp_path / 'mnist', images, packed=packed)
    write_idx(tmp_path / 'mnist', images[:10], LABELS[:10], 't10k', packed)
    splits = read_domain(tmp_path / 'mnist')
    assert list(splits) == ['test', 'train'] or list(splits) == ['train', 'test']
    check(splits['train'], images)
    check(splits['test'], images[:10], LABELS[:10])
    for one in (file, file.with_name(file.name.replace('images-idx3', 'labels-idx1'))):
        alone = read_domain(one)
        assert list(alone) == ['train']
        check(alone['train'], images)


def test_npz(images, tmp_path):
    photos = np.repeat(['a', 'b'], 10)
    np.savez(tmp_path / 'crops.npz', test_images=images, test_labels=LABELS, test_files=photos)
    splits = read_domain(tmp_path / 'crops.npz')
    check(splits['test'], images)
    np.testing.assert_array_equal(splits['test'].clusters, np.repeat([0, 1], 10))
    np.savez(tmp_path / 'my_train.npz', images=images / 255, labels=LABELS)
    splits = read_domain(tmp_path / 'my_train.npz')
    assert list(splits) == ['train']
    check(splits['train'], images)
    assert len(set(splits['train'].clusters)) == 20


def test_h5(images, tmp_path):
    with h5py.File(tmp_path / 'usps.h5', 'w') as file:
        for split in ('train', 'test'):
            file[f'{split}/data'] = (images / 255).reshape(20, -1).astype(np.float32)
            file[f'{split}/target'] = LABELS
    splits = read_domain(tmp_path / 'usps.h5')
    check(splits['train'], images)
    check(splits['test'], images)


def test_mat_like_svhn(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    ten_for_zero = np.where(LABELS == 0, 10, LABELS)[:, None]
    scipy.io.savemat(tmp_path / 'train_32x32.mat', {'X': np.moveaxis(images, 0, 3), 'y': ten_for_zero})
    train = read_domain(tmp_path / 'train_32x32.mat')['train']
    np.testing.assert_array_equal(train.images, images)
    np.testing.assert_array_equal(train.labels, LABELS)


@pytest.mark.parametrize('folder', ['', 'mnist_m_test/'])
def test_zip_like_mnist_m(images, tmp_path, folder):
    with zipfile.ZipFile(tmp_path / 'digits.zip', 'w') as archive:
        for number, image in enumerate(images):
            archive.writestr(f'{folder}{number:08}.png', png_bytes(image))
        rows = [f'{number:08}.png {label}' for number, label in enumerate(LABELS)]
        archive.writestr('test_labels.txt', '\n'.join(rows) + '\n')
    check(read_domain(tmp_path / 'digits.zip')['test'], images)


def test_a_folder_for_each_class(images, tmp_path):
    for split in ('train', 'test'):
        for number, (image, label) in enumerate(zip(images, LABELS, strict=True)):
            place = tmp_path / 'mine' / split / str(label)
            place.mkdir(parents=True, exist_ok=True)
            (place / f'{number:03}.png').write_bytes(png_bytes(image))
    splits = read_domain(tmp_path / 'mine')
    for split in ('train', 'test'):  # dealt out, one of each class after the other: the order that the images had
        check(splits[split], images)
    assert list(read_domain(tmp_path / 'mine' / 'train')) == ['train']


def test_images_of_the_final_size_are_unchanged(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 4), dtype=np.uint8)
    images[..., 3] = 255
    np.savez(tmp_path / 'd.npz', images=images, labels=LABELS.astype(float))
    np.testing.assert_array_equal(read_domain(tmp_path / 'd.npz')['test'].images, images[..., :3])


@pytest.mark.parametrize(
    ('labels', 'message'),
    [
        (LABELS[:-1], '20 images and 19 labels; expected a label for each image'),
        (np.where(LABELS == 3, 10, LABELS), r'the label 10 \(index 3\); expected whole numbers from 0 to 9'),
        (np.where(LABELS == 3, -1, LABELS), 'the label -1'),
        (LABELS + 0.5, r'the label 0\.5'),
        (np.where(LABELS == 3, np.nan, LABELS), r'the label nan \(index 3\)'),
        (np.array(list('012e456789') * 2), r'the label e \(index 3\)'),
        (np.where(LABELS == 3, 4, LABELS), 'no image of the class 3; expected all of 0 to 9'),
    ],
)
def test_labels_that_are_wrong(images, tmp_path, labels, message):
    np.savez(tmp_path / 'd.npz', images=images, labels=labels)
    with pytest.raises(DataError, match=message) as caught:
        read_domain(tmp_path / 'd.npz')
    assert str(tmp_path / 'd.npz') in str(caught.value)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda images: images[:, :, 0], 'rows of 28 pixels'),
        (lambda images: np.stack([images] * 2, 3), r'images of shape \(28, 28, 2\); expected'),
        (lambda images: images / 100, r'pixels from .* to 2\.55; expected 8-bit whole numbers, or \[0, 1\]'),
        (lambda images: np.where(images == images.max(), np.nan, images / 255), 'pixels from nan'),
        (lambda images: images.astype(np.int32) * 300, 'pixels from 0 to 76,500'),
        (lambda images: images.astype(complex), 'pixels of type complex128'),
        (lambda images: images[:0], '0 images and 20 labels'),
    ],
)
def test_images_that_are_wrong(images, tmp_path, change, message):
    np.savez(tmp_path / 'd.npz', images=change(images), labels=LABELS)
    with pytest.raises(DataError, match=message):
        read_domain(tmp_path / 'd.npz')


def test_idx_files_that_are_wrong(images, tmp_path):
    file = write_idx(tmp_path / 'mnist', images, packed=False)
    content = file.read_bytes()
    cases = [
        (b'\x00\x00\x0d\x03' + content[4:], 'begins with 00 00 0d 03; expected the magic number 00 00 08 03'),
        (b'<html>' + content, 'begins with 3c 68 74 6d'),
        (b'', 'begins with nothing'),
        (content[:9], 'is cut short: it has 9 bytes'),
        (content[:-1], '15,695 bytes; expected 15,696 for 20 x 28 x 28'),
        (content + b'0', '15,697 bytes; expected 15,696'),
        (gzip.compress(content)[:200], 'cut short or damaged'),
        (content[:4] + b'\xff' * 12 + content[16:], 'expected 79,228,162'),
    ]
    for changed, message in cases:
        file.write_bytes(changed)
        with pytest.raises(DataError, match=message):
            read_domain(tmp_path / 'mnist')
    file.write_bytes(content)
    (tmp_path / 'mnist' / 'train-labels-idx1-ubyte').unlink()
    with pytest.raises(DataError, match=r'needs train-labels-idx1-ubyte.* beside it'):
        read_domain(tmp_path / 'mnist')


def test_other_files_that_are_wrong(images, tmp_path):
    np.savez(tmp_path / 'good.npz', images=images, labels=LABELS)
    good = (tmp_path / 'good.npz').read_bytes()
    np.savez(tmp_path / 'code.npz', images=np.array([MakesFolder(tmp_path / 'ran')], dtype=object), labels=LABELS)
    np.savez(tmp_path / 'other.npz', x=images)
    with h5py.File(tmp_path / 'rows.h5', 'w') as file:
        file['data'], file['target'] = images.reshape(20, -1)[:, :-1], LABELS
    with h5py.File(tmp_path / 'names.h5', 'w') as file:
        file['train/pixels'] = images
    scipy.io.savemat(tmp_path / 'names.mat', {'pixels': images})
    with zipfile.ZipFile(tmp_path / 'unlabelled.zip', 'w') as archive:
        archive.writestr('0.png', png_bytes(images[0]))
    with zipfile.ZipFile(tmp_path / 'unknown.zip', 'w') as archive:
        archive.writestr('labels.txt', '0.png 1\n')
    with zipfile.ZipFile(tmp_path / 'noimage.zip', 'w') as archive:
        archive.writestr('labels.txt', '0.png 1\n')
        archive.writestr('0.png', 'no image')
    for name in ('cut.npz', 'cut.h5', 'cut.mat', 'cut.zip'):
        (tmp_path / name).write_bytes(good[:1000])
    (tmp_path / 'd.csv').write_text('1,2')
    (tmp_path / 'empty').mkdir()
    for name, message in [
        ('nowhere', 'there is no .*nowhere; expected a folder'),
        ('d.csv', 'has an unknown format; expected a folder'),
        ('empty', 'holds no images in folders 0 to 9'),
        ('code.npz', 'cannot be read as an .npz of plain arrays'),
        ('other.npz', 'holds x; expected images and labels'),
        ('rows.h5', 'rows of 783 pixels, which do not make a square image'),
        ('names.h5', 'holds train/pixels; expected images and labels'),
        ('names.mat', 'holds pixels; expected images and labels'),
        ('unlabelled.zip', 'and no text file of labels'),
        ('unknown.zip', "line 1 of labels.txt is '0.png 1'; expected the name of an image"),
        ('noimage.zip', 'cannot be read as an image'),
        ('cut.npz', 'cannot be read as an .npz'),
        ('cut.h5', 'cannot be read as HDF5'),
        ('cut.mat', 'cannot be read as a MATLAB file'),
        ('cut.zip', 'cannot be unpacked'),
    ]:
        with pytest.raises(DataError, match=message):
            read_domain(tmp_path / name)
    assert not (tmp_path / 'ran').exists()


@pytest.mark.seconds
@pytest.mark.shared
@pytest.mark.slow
def test_the_real_domains(shared, tmp_path):
    folder = shared / 'digits'
    counts = {
        'mnist': {'train': 60000, 'test': 10000},
        'mnist_m/mnist_m_test.zip': {'test': 9001},
        'usps/usps.h5': {'train': 7291, 'test': 2007},
        'svhn/svhn_crops.npz': {'train': 554, 'test': 486},
    }
    domains = {name: read_domain(folder / name) for name in counts}
    assert {name: {split: len(part) for split, part in parts.items()} for name, parts in domains.items()} == counts
    # torchvision reads the same labels in the official files
    unpacked = tmp_path / 'labels'
    unpacked.write_bytes(gzip.decompress((folder / 'mnist' / 't10k-labels-idx1-ubyte.gz').read_bytes()))
    official = torchvision.datasets.mnist.read_label_file(str(unpacked)).numpy()
    np.testing.assert_array_equal(domains['mnist']['test'].labels, official)
    # MNIST-M's test split shows MNIST's
    np.testing.assert_array_equal(
        domains['mnist_m/mnist_m_test.zip']['test'].labels, domains['mnist']['test'].labels[:9001]
    )
    crops = domains['svhn/svhn_crops.npz']['test']
    assert len(set(crops.clusters)) < len(crops)
