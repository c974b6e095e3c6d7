"""Sources: splits of the digits, folders of images, and their fingerprints."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits as load_sklearn
from torch.utils.data import DataLoader

from m2m_benchmarks.data import atomic
from m2m_benchmarks.data.digits import domains
from m2m_benchmarks.data.digits.images import Digits
from m2m_benchmarks.errors import DataError, DataNotFoundError, UnknownNameError
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.training.batches import Batches
from m2m_benchmarks.training.sources import digit_source, domain_name, image_folder_source


def write(name, n, channels=1, split='train'):
    """A domain whose images encode their index in their first pixels."""
    images = np.zeros((n, 32, 32, channels), dtype=np.uint8)
    images[:, 0, 0, 0], images[:, 0, 1, 0] = np.arange(n) // 256, np.arange(n) % 256
    with atomic.write_lock(name):
        domains.write_domain(
            name, {split: Digits(images, np.arange(n) % 10, np.arange(n))}, {split: {'made_by': 'a test'}}
        )


def indices_of(batch):
    images, _ = batch
    return (images[:, 0, 0, 0].long() * 256 + images[:, 0, 0, 1].long()).tolist()


def everything(dataset, n):
    return dataset[0, np.arange(n)]


# Digits


@pytest.mark.parametrize(
    ('n', 'limit', 'n_train', 'n_validation'),
    [(100, 10_000, 90, 10), (109, 10_000, 99, 10), (100, 30, 30, 10), (20_500, 10_000, 10_000, 2_000), (30, 29, 27, 3)],
)
def test_the_last_tenth_is_held_out_and_never_trained_on(m2m_home, n, limit, n_train, n_validation):
    write('Counted', n)
    source = digit_source('Counted', 32, limit)
    assert (source.n_train, source.n_validation) == (n_train, n_validation)
    trained, held_out = (everything(source.train, n_train), everything(source.validation, n_validation))
    assert indices_of(trained) == list(range(n_train))
    assert indices_of(held_out) == list(range(n - n_validation, n))
    for batch in (trained, held_out):
        assert batch[1].tolist() == [index % 10 for index in indices_of(batch)]
    with pytest.raises(IndexError):
        source.train[0, np.array([n_train])]


def test_too_few_images(m2m_home):
    write('Tiny', 9)
    with pytest.raises(DataError, match='Tiny has 9 training images; expected at least 10'):
        digit_source('Tiny', 32)


def test_a_limit_that_leaves_a_class_out(digits):
    with pytest.raises(
        DataError, match=r'the first 5 images of SklearnDigits \(--limit\), has no image of the class 5'
    ):
        digit_source('SklearnDigits', 32, 5)
    assert digit_source('SklearnDigits', 32, 10).n_train == 10


def test_sklearn_digits_are_those_of_sklearn(digits):
    """scikit-learn's 8 x 8 images, enlarged by pillow, with grey as three channels."""
    source = digit_source('SklearnDigits', 32)
    assert (source.n_train, source.n_validation) == (1080, 120)
    images, labels = everything(source.train, 1080)
    original = load_sklearn()
    assert labels.tolist() == original.target[:1080].tolist()
    for index in range(0, 1080, 40):
        small = Image.fromarray((original.images[index] / 16 * 255).astype(np.float32))
        expected = np.asarray(small.resize((32, 32), Image.Resampling.BILINEAR))
        assert np.abs(images[index].numpy() - expected).max() <= 1
    assert source.classes == [str(digit) for digit in range(10)]


@pytest.mark.parametrize('size', [32, 45, 64, 16])
def test_digits_of_another_size_are_those_of_pillow(digits, size):
    batch, _ = digit_source('SklearnDigits', size).train[0, np.array([3, 500, 1000, 3])]
    small, _ = digit_source('SklearnDigits', 32).train[0, np.array([3, 500, 1000, 3])]
    assert batch.shape == (4, 3, size, size)
    assert batch.dtype == torch.uint8
    for resized, image in zip(batch, small, strict=True):
        expected = Image.fromarray(image.permute(1, 2, 0).numpy()).resize((size, size), Image.Resampling.BILINEAR)
        assert np.abs(resized.permute(1, 2, 0).numpy().astype(int) - np.asarray(expected).astype(int)).max() <= 1


@pytest.mark.parametrize('model', ['plain_digitnet', 'plain_squeezenet1_1_at64'])
def test_a_network_is_trained_on_what_it_is_scored_on(digits, model):
    """The same image, from the dataset and as Brain-Score reads its file."""
    candidate = load_candidate(model, 'none')
    stimuli = domains.load_digit_stimuli('SklearnDigits_train')
    paths = [stimuli.get_stimulus(stimuli['stimulus_id'][index]) for index in (0, 7, 99)]
    scored = np.stack(candidate.wrapper._extractor.preprocess(paths))
    trained, _ = digit_source('SklearnDigits', candidate.wrapper.image_size).train[0, np.array([0, 7, 99])]
    assert np.abs(scored - trained.numpy() / 255).max() <= 1.01 / 255
    if model == 'plain_digitnet':
        assert np.abs(scored - trained.numpy() / 255).max() < 1e-6


def test_three_channels_stay(m2m_home):
    write('Coloured', 40, channels=3)
    images, _ = digit_source('Coloured', 32).train[0, np.array([5, 6])]
    assert images[:, :, 0, 1].tolist() == [[5, 0, 0], [6, 0, 0]]


def test_the_fingerprint_of_digits_is_that_of_images_and_labels(m2m_home):
    fingerprints = set()
    for n in (40, 41):
        write('Counted', n)
        fingerprints.add(digit_source('Counted', 32).sha256)
    write('Other', 40)
    assert digit_source('Other', 32).sha256 in fingerprints
    assert len(fingerprints) == 2


@pytest.mark.parametrize(
    ('text', 'name'),
    [
        ('mnist', 'MNIST'),
        ('MNIST-M', 'MNISTM'),
        ('mnist_m', 'MNISTM'),
        ('MnistM', 'MNISTM'),
        ('svhn', 'SVHN'),
        ('usps', 'USPS'),
        ('sklearn-digits', 'SklearnDigits'),
        ('sklearndigits', 'SklearnDigits'),
    ],
)
def test_any_spelling_of_a_name(m2m_home, text, name):
    assert domain_name(text) == name


def test_names_of_imported_domains(m2m_home):
    with pytest.raises(UnknownNameError, match=r"unknown source 'mnits'\. Did you mean MNIST"):
        domain_name('mnits')
    write('LabDigits', 20)
    assert domain_name('lab-digits') == 'LabDigits'
    with pytest.raises(UnknownNameError, match='m2m data list'):
        domain_name('SimulatedMouse')


def test_a_source_that_is_not_here(m2m_home):
    with pytest.raises(DataNotFoundError, match=r'USPS is not on this machine[^\n]*\n  m2m data fetch digits$'):
        digit_source('USPS', 32)


# Folders of images


def sha256(folder):
    return image_folder_source(folder, 32, 0).sha256


@pytest.mark.parametrize('change', ['train', 'val', 'renamed', 'added', 'removed', 'moved to another class'])
def test_the_fingerprint_of_a_folder_changes_with_any_file(make_images, tmp_path, change):
    folder = make_images(tmp_path / 'images')
    before = sha256(folder)
    image = folder / 'train' / 'b' / '2.png'
    if change in ('train', 'val'):
        file = folder / change / 'c' / '3.png'
        file.write_bytes(file.read_bytes() + b'\0')
    elif change == 'renamed':
        image.rename(image.with_name('9.png'))
    elif change == 'added':
        shutil.copy(image, image.with_name('9.png'))
    elif change == 'removed':
        image.unlink()
    else:
        image.rename(folder / 'train' / 'a' / '9.png')
    assert sha256(folder) != before


def test_the_fingerprint_of_a_folder_stays_when_it_is_moved(make_images, tmp_path):
    folder = make_images(tmp_path / 'images')
    before = sha256(folder)
    (tmp_path / 'elsewhere').mkdir()
    assert sha256(folder.rename(tmp_path / 'elsewhere' / 'other')) == before
    assert image_folder_source(tmp_path / 'elsewhere' / 'other', 64, 5, 9).sha256 == before


def loaded(source, workers):
    sampler = Batches(source.n_train, 5, 3, False, 4, 9)
    loader = DataLoader(source.train, sampler=sampler, batch_size=None, num_workers=workers)
    return [(images.clone(), labels.tolist()) for images, labels in loader]


@pytest.mark.process
def test_crops_depend_on_seed_step_and_index_alone(make_images, tmp_path):
    folder = make_images(tmp_path / 'images')
    source = image_folder_source(folder, 32, 7)
    torch.manual_seed(1)
    first = loaded(source, 0)
    torch.manual_seed(2)
    for again in (loaded(source, 0), loaded(source, 2)):
        for (images, labels), (same_images, same_labels) in zip(first, again, strict=True):
            assert torch.equal(images, same_images)
            assert labels == same_labels
    both, _ = source.train[6, np.array([1, 8])]
    alone, _ = source.train[6, np.array([8])]
    assert torch.equal(both[1], alone[0])
    assert not torch.equal(alone, source.train[7, np.array([8])][0])
    shutil.copy(folder / 'train' / 'a' / '0.png', folder / 'train' / 'a' / '1.png')
    alike, _ = source.train[6, np.array([0, 1])]
    assert not torch.equal(alike[0], alike[1])  # the same image at two indices is cropped in two ways
    assert not torch.equal(alone, image_folder_source(folder, 32, 8).train[6, np.array([8])][0])


def test_reading_images_leaves_the_random_numbers_alone(make_images, tmp_path):
    source = image_folder_source(make_images(tmp_path / 'images'), 32, 0)
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    source.train[0, np.arange(4)]
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.seconds
def test_training_images_are_crops_of_8_to_100_percent_and_flipped_by_half(make_images, tmp_path):
    """Red is the column and green the row, so that a crop shows where it was taken."""
    folder = make_images(tmp_path / 'images', 'a', 1)
    columns, rows = np.meshgrid(np.arange(200), np.arange(200))
    Image.fromarray(np.stack([columns, rows, rows * 0], -1).astype(np.uint8)).save(folder / 'train' / 'a' / '0.png')
    source = image_folder_source(folder, 48, 0)
    crops = torch.cat([source.train[step, np.array([0])][0] for step in range(150)]).double()
    across = crops[:, 0, :, -1].mean(1) - crops[:, 0, :, 0].mean(1)
    down = crops[:, 1, -1].mean(1) - crops[:, 1, 0].mean(1)
    assert (down > 0).all()
    areas = across.abs() * down / 200**2 * (48 / 47) ** 2
    assert areas.min() > 0.07
    assert areas.max() < 1.03
    assert 0.4 < areas.mean() < 0.68  # of a uniform draw it would be 0.54; some are too wide for the image
    assert 50 < (across < 0).sum() < 100


def test_validation_images_are_resized_and_cropped_in_the_middle(make_images, tmp_path):
    folder = make_images(tmp_path / 'images')
    images, labels = everything(image_folder_source(folder, 32, 0).validation, 12)
    assert labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    for index in (0, 6, 11):
        with Image.open(folder / 'val' / 'abc'[index // 4] / f'{index % 4}.png') as image:
            width, height = image.size
            size = (int(37 * width / height), 37)  # 8/7 of 32, the shorter side
            resized = image.resize(size, Image.Resampling.BILINEAR)
        left, top = round((size[0] - 32) / 2), round((37 - 32) / 2)
        expected = np.asarray(resized.crop((left, top, left + 32, top + 32))).astype(int)
        assert np.abs(images[index].permute(1, 2, 0).numpy() - expected).max() <= 1


def test_images_of_any_kind_become_rgb(make_images, tmp_path):
    folder = make_images(tmp_path / 'images', 'a', 4)
    for index, mode in enumerate(('L', 'RGBA', 'P', 'CMYK')):
        path = folder / 'train' / 'a' / f'{index}.png'
        with Image.open(path) as image:
            converted = image.convert(mode)
        path.unlink()
        converted.save(path.with_suffix('.tif'))
    images, _ = image_folder_source(folder, 32, 0).train[0, np.arange(4)]
    assert images.shape == (4, 3, 32, 32)


def test_a_limit_takes_images_of_all_classes_by_the_seed(make_images, tmp_path):
    folder = make_images(tmp_path / 'images', 'ab', 30)
    first, again, other = (image_folder_source(folder, 32, seed, 12) for seed in (0, 0, 1))
    assert first.n_train == 12
    assert (first.n_validation, first.classes) == (60, ['a', 'b'])
    chosen = [[path for path, _ in source.train._samples] for source in (first, again, other)]
    assert chosen[0] == chosen[1] != chosen[2]
    assert len(set(chosen[0])) == 12
    assert everything(first.train, 12)[1].tolist() == [int('/b/' in path) for path in chosen[0]]
    assert image_folder_source(folder, 32, 0, 1000).n_train == 60
    with pytest.raises(DataError, match=r'1 images of .* \(--limit\), has no image of 1 of its 2 classes, such as'):
        image_folder_source(folder, 32, 0, 1)


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (lambda folder: shutil.rmtree(folder / 'val'), 'has no folder val; expected train/CLASS/IMAGE and val/'),
        (lambda folder: shutil.rmtree(folder), 'has no folder train'),
        (lambda folder: shutil.rmtree(folder / 'val' / 'c'), 'the classes of train and val differ: c'),
        (lambda folder: (folder / 'val' / 'c').rename(folder / 'val' / 'd'), 'differ: c, d'),
        (lambda folder: [path.unlink() for path in (folder / 'train' / 'b').iterdir()], 'classes b'),
        (lambda folder: [shutil.rmtree(path) for path in (folder / 'train').iterdir()], 'find any class'),
    ],
)
def test_folders_that_are_not_sources(make_images, tmp_path, spoil, message):
    folder = make_images(tmp_path / 'images')
    spoil(folder)
    with pytest.raises(DataError, match=message) as caught:
        image_folder_source(folder, 32, 0)
    assert str(folder) in str(caught.value)


def test_images_of_all_kinds(make_images, tmp_path):
    folder = make_images(tmp_path / 'images') / 'train' / 'a'
    (folder / '._0.png').write_bytes(b'what macOS leaves')
    ink = np.zeros((64, 64, 4), dtype=np.uint8)
    ink[:32, :, 3] = 255
    Image.fromarray(ink).save(folder / '0.png')
    Image.fromarray(np.full((64, 64), 3000, dtype=np.uint16)).save(folder / '1.png')
    source = image_folder_source(folder.parents[1], 32, 0)
    assert source.n_train == 12
    images, _ = source.train[0, np.array([0])]
    assert set(images.unique().tolist()) >= {255}  # the lower half, which is transparent
    with pytest.raises(DataError, match=r'a/1\.png has pixels of type uint16.*save it with 8 bits'):
        source.train[0, np.array([1])]


def test_a_link_to_nowhere(make_images, tmp_path):
    folder = make_images(tmp_path / 'images')
    (folder / 'train' / 'a' / '9.png').symlink_to(tmp_path / 'nowhere.png')
    with pytest.raises(DataError, match=r'train/a/9\.png cannot be read: No such file'):
        image_folder_source(folder, 32, 0)


@pytest.mark.parametrize('content', [b'', b'no image', 'cut short'])
def test_images_that_cannot_be_read(make_images, tmp_path, content):
    folder = make_images(tmp_path / 'images')
    path = folder / 'train' / 'a' / '0.png'
    path.write_bytes(path.read_bytes()[:1000] if content == 'cut short' else content)
    source = image_folder_source(folder, 32, 0)
    with pytest.raises(DataError, match=r'train/a/0\.png cannot be read as an image.*Copy it again'):
        source.train[0, np.array([3, 0])]
