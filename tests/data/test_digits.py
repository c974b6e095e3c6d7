"""Domains of digits in the data folder, as stimulus sets, and those derived from scikit-learn's digits."""

import errno
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits as sklearn_load_digits
from sklearn.datasets import load_sample_images

from m2m_benchmarks import load_stimulus_set
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.data import atomic, manifest
from m2m_benchmarks.data.digit_names import (
    DERIVED_TEST,
    DERIVED_TRAIN,
    DOMAINS,
    domain_and_split,
    stimulus_set_name,
)
from m2m_benchmarks.data.digits import domains
from m2m_benchmarks.data.digits.blending import blend
from m2m_benchmarks.data.digits.domains import digits_sha256, load_digit_stimuli, load_digits, write_domain
from m2m_benchmarks.data.digits.images import Digits, rgb, standardize
from m2m_benchmarks.data.packaging import package_stimuli
from m2m_benchmarks.data.sklearn_digits import domains as made_here
from m2m_benchmarks.errors import DataError, DataNotFoundError, StorageError, UnknownNameError
from m2m_benchmarks.plugins import registered

DERIVED = ('blended', 'inverted', 'blurred', 'thin', 'thick')


def draw(n=20, seed=0, channels=1):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 32, 32, channels), dtype=np.uint8)
    return Digits(images, rng.permutation(np.arange(n) % 10), np.arange(n) // 2)


def write(name, **splits):
    with atomic.write_lock(name):
        return write_domain(name, splits, {split: {'made_by': f'a test of {split}'} for split in splits})


def same(actual, expected):
    return all(
        np.array_equal(getattr(actual, part), getattr(expected, part)) for part in ('images', 'labels', 'clusters')
    )


def folders(home, name):
    return sorted(path.name for path in (home / 'data' / name).iterdir() if path.is_dir())


def file_of(name, split, part):
    entry = manifest.require(name)
    return manifest.path_of(name, entry, entry['splits'][split]['files'][part])


# In the data folder


def test_written_domains_are_read(m2m_home):
    train, test = draw(30, 1, 3), draw(20, 2)
    entry = write('Mine', train=train, test=test)
    assert entry == manifest.require('Mine')
    assert (entry['kind'], list(entry['splits'])) == ('digits', ['train', 'test'])
    assert [(split['images'], split['clusters']) for split in entry['splits'].values()] == [(30, 15), (20, 10)]
    assert entry['source'] == {'made_by': 'a test of train, a test of test'}
    assert entry['splits']['test']['source'] == {'made_by': 'a test of test'}
    for split, expected in (('train', train), ('test', test)):
        loaded = load_digits('Mine', split)
        assert same(loaded, expected)
        assert [getattr(loaded, part).dtype for part in ('images', 'labels', 'clusters')] == [
            np.uint8,
            np.int64,
            np.int64,
        ]
        assert isinstance(loaded.images, np.memmap)
        assert not loaded.images.flags.writeable
    assert manifest.verify('Mine') == []
    assert len(manifest.files(entry)) == 6
    assert manifest.holds_digits('Mine')


def test_a_split_replaces_an_earlier_one_and_the_others_stay(m2m_home):
    train, test, newer = draw(30, 1), draw(20, 2), draw(10, 3)
    first = write('Mine', train=train, test=test)
    second = write('Mine', test=newer)
    assert same(load_digits('Mine', 'train'), train)
    assert same(load_digits('Mine', 'test'), newer)
    assert second['splits']['train'] == first['splits']['train']
    assert second['splits']['test']['images'] == 10
    assert second['version'] != first['version']
    assert folders(m2m_home, 'Mine') == [second['version']]
    third = write('Mine', other=newer)
    assert sorted(third['splits']) == ['other', 'test', 'train']
    assert third['splits']['other']['files']['images']['sha256'] == third['splits']['test']['files']['images']['sha256']
    assert manifest.verify('Mine') == []


def test_a_version_is_its_content(m2m_home):
    first = write('Mine', test=draw())
    picture = Path(load_digit_stimuli('Mine_test').get_stimulus('Mine_test_000000'))
    again = write('Mine', test=draw())
    assert again['version'] == first['version']
    assert picture.is_file()  # nothing was replaced
    assert write('Other', test=draw())['version'] == first['version']
    changed = {'version': {first['version']}, 'sha256': {digits_sha256(first, 'test')}}
    for part in ('images', 'labels', 'clusters'):
        values = {each: getattr(draw(), each).copy() for each in ('images', 'labels', 'clusters')}
        values[part].flat[7] ^= 1
        entry = write('Mine', test=Digits(**values))
        changed['version'].add(entry['version'])
        changed['sha256'].add(digits_sha256(entry, 'test'))
        assert same(load_digits('Mine', 'test'), Digits(**values))
    assert len(changed['version']) == 4
    assert len(changed['sha256']) == 3  # clusters don't affect training


@pytest.mark.parametrize('part', ['images', 'labels', 'clusters'])
@pytest.mark.parametrize('damage', ['missing', 'short', 'changed'])
@pytest.mark.seconds
def test_damage_is_noticed(m2m, m2m_home, part, damage):
    train = draw(30, 1)
    write('Mine', train=train, test=draw(20, 2))
    path = file_of('Mine', 'test', part)
    content = path.read_bytes()
    path.unlink()
    if damage != 'missing':
        path.write_bytes(content[:-5] if damage == 'short' else content[:-1] + bytes([content[-1] ^ 1]))
    expected = {'missing': 'missing', 'short': 'bytes, expected', 'changed': 'SHA-256'}[damage]
    (problem,) = manifest.verify('Mine')
    assert problem.startswith(f'{path}: ')
    assert expected in problem
    ran = m2m('data', 'verify', 'Mine')
    assert ran.code == 1
    assert str(path) in ran.out + ran.err
    command = 'm2m data import digits-domain Mine --from PATH'
    for load in (lambda: load_digits('Mine', 'test'), lambda: load_stimulus_set('Mine_test')):
        with pytest.raises(DataError, match=rf'{path} of Mine is damaged: .*{expected}.* Bring it again: {command}'):
            load()
    # The other split is undamaged, and stays when a new one is written.
    assert same(load_digits('Mine', 'train'), train)
    write('Mine', test=draw(20, 3))
    assert manifest.verify('Mine') == []
    assert same(load_digits('Mine', 'train'), train)


def test_a_damaged_split_does_not_keep_another_from_coming(m2m_home):
    write('Mine', train=draw(30, 1), test=draw(20, 2))
    file_of('Mine', 'train', 'images').write_bytes(b'')
    entry = write('Mine', test=draw(20, 3))
    assert list(entry['splits']) == ['test']
    (m2m_home / 'data' / 'Mine' / 'ledger.json').write_text('{')
    with pytest.raises(DataError, match='cannot be read'):
        load_digits('Mine', 'test')
    write('Mine', test=draw(20, 4))
    assert same(load_digits('Mine', 'test'), draw(20, 4))
    assert len(folders(m2m_home, 'Mine')) == 1


def test_absent_domains_and_splits(m2m_home):
    with pytest.raises(DataNotFoundError, match=r'USPS is not on this machine .*\n  m2m data fetch digits$'):
        load_digits('USPS', 'test')
    write('Mine', test=draw())
    message = (
        r'Mine has no train split on this machine, only test\..*\n  m2m data import digits-domain Mine --from PATH'
    )
    with pytest.raises(DataNotFoundError, match=message):
        load_digits('Mine', 'train')
    with pytest.raises(DataNotFoundError, match=message):
        load_stimulus_set('Mine_train')
    with pytest.raises(UnknownNameError, match='Did you mean Mine_test'):
        load_stimulus_set('Mine_tset')
    with pytest.raises(UnknownNameError, match='unknown stimulus set'):
        load_stimulus_set('Other_test')
    assert domains.digit_stimuli_here('Other_test') is None
    assert domains.digit_stimuli_here('test') is None


def test_recordings_are_no_digits(m2m_home, make_bundle, tmp_path):
    import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle').paths)
    with pytest.raises(DataError, match='Lab2026 is the name of recordings on this machine'):
        write('Lab2026', test=draw())
    with pytest.raises(DataError, match='Lab2026 is a dataset of recordings, not of digits'):
        load_digits('Lab2026', 'test')
    assert manifest.verify('Lab2026') == []
    assert not manifest.holds_digits('Lab2026')
    assert domains.digit_stimuli_here('Lab2026_test') is None


@pytest.mark.parametrize('there_before', [False, True])
@pytest.mark.parametrize('file', range(6))
def test_a_full_disk_leaves_the_earlier_version(m2m_home, monkeypatch, there_before, file):
    if there_before:
        write('Mine', test=draw())
    before = {path: path.read_bytes() for path in m2m_home.rglob('*') if path.is_file()}
    save, calls = np.save, []

    def full(path, array, **options):
        calls.append(path)
        if len(calls) == file + 1:
            path.write_bytes(b'half')
            raise OSError(errno.ENOSPC, 'No space left on device')
        save(path, array, **options)

    monkeypatch.setattr(np, 'save', full)
    with pytest.raises(StorageError, match=r'cannot write Mine to .*No space left on device .*Nothing was changed'):
        write('Mine', train=draw(30, 1), test=draw(20, 2))
    assert len(calls) == file + 1
    after = {path: path.read_bytes() for path in m2m_home.rglob('*') if path.is_file() and path.suffix != '.lock'}
    assert after == {path: content for path, content in before.items() if path.suffix != '.lock'}
    assert not list((m2m_home / 'data').glob('*/.tmp*'))
    monkeypatch.undo()


def test_one_writes_at_a_time(m2m_home):
    message = 'writing Mine is already running in another process'
    with atomic.write_lock('Mine'), pytest.raises(StorageError, match=message), atomic.write_lock('Mine'):
        pass
    write('Mine', test=draw())


# As stimulus sets


def test_names_of_stimulus_sets():
    assert stimulus_set_name('MNIST', 'test') == 'MNIST_test'
    assert domain_and_split('MNIST_test') == ('MNIST', 'test')
    assert domain_and_split('Siegle2021') == ('', 'Siegle2021')
    splits = {**dict.fromkeys(DOMAINS, ('train', 'test')), 'SklearnDigits': ('train', 'test', *DERIVED)}
    expected = [stimulus_set_name(domain, split) for domain in splits for split in splits[domain]]
    assert [name for name in registered('stimulus_set') if domain_and_split(name)[0]] == expected


@pytest.mark.parametrize('channels', [1, 3])
def test_a_stimulus_set(m2m_home, channels):
    made = draw(20, 1, channels)
    entry = write('Mine', test=made)
    stimuli = load_stimulus_set('Mine_test')
    assert list(stimuli.columns) == ['stimulus_id', 'image_label', 'cluster']
    assert list(stimuli['stimulus_id']) == [f'Mine_test_{place:06d}' for place in range(20)]
    assert list(stimuli['image_label']) == [str(label) for label in made.labels]
    assert list(stimuli['cluster']) == made.clusters.tolist()
    assert stimuli.identifier == f'Mine_test_{entry["version"]}'
    assert not list(m2m_home.rglob('*.png'))  # they are written on first access
    for place, stimulus in enumerate(stimuli['stimulus_id']):
        path = stimuli.get_stimulus(stimulus)
        assert path.is_relative_to(m2m_home / 'data' / 'Mine' / entry['version'])
        with Image.open(path) as image:
            assert (image.format, image.mode, image.size) == ('PNG', 'RGB', (32, 32))
            np.testing.assert_array_equal(np.asarray(image), np.broadcast_to(made.images[place], (32, 32, 3)))
    assert len({stimuli.get_stimulus(stimulus) for stimulus in stimuli['stimulus_id']}) == 20
    # They aren't in the manifest: a copy of the data without them is complete.
    assert manifest.verify('Mine') == []


def test_paths_are_a_mapping(m2m_home):
    write('Mine', test=draw(10))
    paths = load_digit_stimuli('Mine_test').stimulus_paths
    assert len(paths) == 10
    assert list(paths) == [f'Mine_test_{place:06d}' for place in range(10)]
    assert all(path.is_file() for path in paths.values())
    with pytest.raises(KeyError):
        paths['Mine_test_000010']


@pytest.mark.parametrize('damage', ['missing', 'empty', 'cut', 'another digit', 'one pixel'])
def test_a_damaged_picture_is_written_again(m2m_home, damage):
    write('Mine', test=draw(20, 1))
    stimuli = load_digit_stimuli('Mine_test')
    path, other = (stimuli.get_stimulus(f'Mine_test_00000{place}') for place in (3, 4))
    whole, unharmed = path.read_bytes(), other.stat().st_mtime_ns
    if damage == 'missing':
        path.unlink()
    elif damage == 'one pixel':
        with Image.open(path) as image:
            image.putpixel((5, 5), (1, 2, 3))
            image.save(path)
    else:
        path.write_bytes({'empty': b'', 'cut': whole[:-20], 'another digit': other.read_bytes()}[damage])
    assert load_digit_stimuli('Mine_test').get_stimulus('Mine_test_000003') == path
    assert path.read_bytes() == whole
    stimuli.get_stimulus('Mine_test_000004')
    assert other.stat().st_mtime_ns == unharmed
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name, other.name]


def test_a_picture_that_cannot_be_written(m2m_home):
    write('Mine', test=draw())
    stimuli = load_digit_stimuli('Mine_test')
    (file_of('Mine', 'test', 'images').parent / 'png').write_text('in the way')
    with pytest.raises(StorageError, match=r'cannot write a stimulus to '):
        stimuli.get_stimulus('Mine_test_000000')


def test_parts_of_a_stimulus_set_lead_to_the_same_pictures(m2m_home):
    made = draw(20, 1)
    write('Mine', test=made)
    stimuli = load_digit_stimuli('Mine_test')
    parts = [
        stimuli.iloc[5:9],
        stimuli[stimuli['image_label'] == '3'],
        stimuli.sort_values('image_label').reset_index(drop=True),
        stimuli.copy(),
        stimuli.drop_duplicates(subset=['image_label']),
    ]
    for part in parts:
        assert 0 < len(part) <= 20
        assert part.identifier == stimuli.identifier
        for row in part.itertuples():
            with Image.open(part.get_stimulus(row.stimulus_id)) as image:
                np.testing.assert_array_equal(np.asarray(image), rgb(made.images[int(row.stimulus_id[-6:])]))


def test_brain_score_packages_a_stimulus_set(m2m_home, tmp_path):
    made = draw(12, 1)
    write('Mine', test=made)
    (tmp_path / 'packaged').mkdir()
    package_stimuli('Mine_test', tmp_path / 'packaged')
    (table,), (archive,) = (list((tmp_path / 'packaged').rglob(f'*.{end}')) for end in ('csv', 'zip'))
    rows = pd.read_csv(table)
    assert rows['image_label'].tolist() == made.labels.tolist()
    with zipfile.ZipFile(archive) as opened:
        for row in rows.itertuples():
            with Image.open(opened.open(row.filename)) as image:
                np.testing.assert_array_equal(np.asarray(image), rgb(made.images[int(row.stimulus_id[-6:])]))


# Blending


def slow_blend(digit, patch):
    """Pixel by pixel."""
    return [
        [[abs(int(patch[y, x, channel]) - int(digit[y, x, 0])) for channel in range(3)] for x in range(32)]
        for y in range(32)
    ]


def patch_of(blended, digit, photos):
    """The only possible origin of a blended digit's patch in all photos, by exhaustive search."""
    origins = []
    for number, photo in enumerate(photos):
        tops, lefts = (np.arange(side - 31) for side in photo.shape[:2])
        tops, lefts = (each.ravel() for each in np.meshgrid(tops, lefts, indexing='ij'))
        for y, x in [(0, 0), (31, 31), (16, 16), (0, 31), (31, 0), (8, 20), (20, 8), (16, 3), (2, 15), (28, 17)]:
            difference = np.abs(photo[tops + y, lefts + x].astype(int) - int(digit[y, x, 0]))
            matches = (difference == blended[y, x]).all(axis=1)
            tops, lefts = tops[matches], lefts[matches]
        origins += [(number, int(top), int(left)) for top, left in zip(tops, lefts, strict=True)]
    return origins


@pytest.mark.seconds
def test_blending_is_the_difference_of_a_digit_and_a_patch():
    photos = load_sample_images().images
    plain = draw(12, 3)
    blended = blend(plain, photos, seed=4)
    assert (blended.images.shape, blended.images.dtype) == ((12, 32, 32, 3), np.uint8)
    assert blended.labels is plain.labels
    assert blended.clusters is plain.clusters
    places = []
    for place in range(12):
        ((number, top, left),) = patch_of(blended.images[place], plain.images[place], photos)
        patch = photos[number][top : top + 32, left : left + 32]
        assert blended.images[place].tolist() == slow_blend(plain.images[place], patch)
        places.append((number, top, left))
    assert len(set(places)) == 12
    assert {number for number, _, _ in places} == {0, 1}
    np.testing.assert_array_equal(blend(plain, photos, seed=4).images, blended.images)
    assert not np.array_equal(blend(plain, photos, seed=5).images, blended.images)


def test_patches_reach_every_border_of_a_photo():
    black = Digits(np.zeros((400, 32, 32, 1), np.uint8), np.arange(400) % 10, np.arange(400))
    photo = np.zeros((33, 34, 3), np.uint8)
    photo[..., 0], photo[..., 1] = np.arange(33)[:, None], np.arange(34)
    corners = {tuple(image[0, 0, :2]) for image in blend(black, [photo]).images}
    assert corners == {(top, left) for top in (0, 1) for left in (0, 1, 2)}


@pytest.mark.parametrize('photos', [[], [np.zeros((31, 50, 3), np.uint8)], [np.zeros((50, 31, 3), np.uint8)]])
def test_photos_that_are_too_small(photos):
    with pytest.raises(ValueError, match='expected photos of at least 32 x 32 pixels'):
        blend(draw(), photos)


# scikit-learn's digits


@pytest.fixture
def ready(digits_home, monkeypatch):
    monkeypatch.setenv('M2M_HOME', str(digits_home))
    return digits_home


@pytest.mark.seconds
def test_they_are_made_when_they_are_first_used(m2m_home):
    assert manifest.read('SklearnDigits') is None
    stimuli = load_stimulus_set('SklearnDigits_inverted')
    assert len(stimuli) == 597
    entry = manifest.require('SklearnDigits')
    assert list(entry['splits']) == ['train', 'test', *DERIVED]
    assert [split['images'] for split in entry['splits'].values()] == [1200] + [597] * 6
    assert (DERIVED_TRAIN, DERIVED_TEST) == (1200, 597)
    assert "scikit-learn's digits" in entry['source']['made_by']
    assert manifest.verify('SklearnDigits') == []
    # The files are the same in any folder and each time.
    shutil.rmtree(m2m_home)
    load_stimulus_set('SklearnDigits_train')
    assert manifest.require('SklearnDigits')['version'] == entry['version']


def test_the_images_are_those_of_scikit_learn(ready):
    official = sklearn_load_digits()
    train, test = load_digits('SklearnDigits', 'train'), load_digits('SklearnDigits', 'test')
    np.testing.assert_array_equal(np.concatenate([train.labels, test.labels]), official.target)
    images = np.concatenate([train.images, test.images])
    assert images.shape == (1797, 32, 32, 1)
    assert len(set(train.clusters)) == 1200  # each image is a cluster
    for place in range(0, 1797, 37):
        small = Image.fromarray((official.images[place] * (255 / 16)).astype(np.float32))
        large = np.asarray(small.resize((32, 32), Image.Resampling.BILINEAR))
        assert np.abs(images[place, ..., 0] - large).max() <= 0.51
    # No training image is a test image.
    images = [{image.tobytes() for image in split.images} for split in (train, test)]
    assert not images[0] & images[1]


def test_labels_and_clusters_of_derived_domains_are_those_of_the_test_split(ready):
    test = load_digits('SklearnDigits', 'test')
    for name in DERIVED:
        derived = load_digits('SklearnDigits', name)
        np.testing.assert_array_equal(derived.labels, test.labels)
        np.testing.assert_array_equal(derived.clusters, test.clusters)
        assert not np.array_equal(rgb(derived.images), rgb(test.images))


def window(image, reach, combine):
    """Combine each pixel's window, of `reach` pixels before and after it; beyond the border, the image is mirrored."""
    before, after = reach
    side = len(image)

    def at(place):
        return -1 - place if place < 0 else 2 * side - 1 - place if place >= side else place

    return [
        [
            combine(
                int(image[at(y + down), at(x + right)])
                for down in range(-before, after + 1)
                for right in range(-before, after + 1)
            )
            for x in range(side)
        ]
        for y in range(side)
    ]


def slow_blur(image, sigma=2.0):
    """Weighted mean of what lies within four standard deviations; beyond the border, the last pixel is repeated."""
    reach = int(4 * sigma + 0.5)
    weights = np.array([np.exp(-0.5 * (offset / sigma) ** 2) for offset in range(-reach, reach + 1)])
    weights = np.outer(weights, weights) / weights.sum() ** 2
    padded = np.pad(image.astype(float), reach, mode='edge')
    side = 2 * reach + 1
    return np.array([[(padded[y : y + side, x : x + side] * weights).sum() for x in range(32)] for y in range(32)])


@pytest.mark.parametrize('place', [0, 100, 596])
@pytest.mark.seconds
def test_derived_domains_against_slow_loops(ready, place):
    image = load_digits('SklearnDigits', 'test').images[place, ..., 0]
    derived = {name: load_digits('SklearnDigits', name).images[place] for name in DERIVED}
    assert derived['inverted'][..., 0].tolist() == [[255 - int(pixel) for pixel in row] for row in image]
    assert derived['thin'][..., 0].tolist() == window(image, (2, 1), min)
    assert derived['thick'][..., 0].tolist() == window(image, (2, 2), max)
    blurred = slow_blur(image) - derived['blurred'][..., 0]
    assert blurred.min() > -1e-6  # scipy truncates decimals, once for each direction
    assert blurred.max() < 2.01
    photos = load_sample_images().images
    ((number, top, left), *_) = patch_of(derived['blended'], image[..., None], photos)
    patch = photos[number][top : top + 32, left : left + 32]
    assert derived['blended'].tolist() == slow_blend(image[..., None], patch)


@pytest.mark.seconds
def test_an_older_version_of_derived_domains_is_replaced(m2m_home, monkeypatch):
    made_here.ensure()
    before = manifest.require('SklearnDigits')
    monkeypatch.setattr(made_here, 'VERSION', made_here.VERSION + 1)
    monkeypatch.setitem(
        made_here.DERIVED, 'inverted', lambda test: Digits(test.images // 2, test.labels, test.clusters)
    )
    stimuli = load_stimulus_set('SklearnDigits_inverted')
    after = manifest.require('SklearnDigits')
    assert after['version'] != before['version']
    assert after['splits']['train']['files'] == before['splits']['train']['files']
    test = load_digits('SklearnDigits', 'test')
    with Image.open(stimuli.get_stimulus('SklearnDigits_inverted_000007')) as image:
        np.testing.assert_array_equal(np.asarray(image), rgb(test.images[7] // 2))
    made_here.ensure()
    assert manifest.require('SklearnDigits') == after  # not made again


@pytest.mark.seconds
def test_a_split_that_is_missing_is_made(m2m_home):
    made_here.ensure()
    entry = manifest.require('SklearnDigits')
    whole = entry['version']
    del entry['splits']['thick']
    manifest.write('SklearnDigits', entry)
    assert len(load_stimulus_set('SklearnDigits_thick')) == 597
    assert manifest.require('SklearnDigits')['version'] == whole


@pytest.mark.seconds
def test_damaged_derived_domains(m2m_home):
    made_here.ensure()
    file_of('SklearnDigits', 'test', 'images').write_bytes(b'')
    folder = m2m_home / 'data' / 'SklearnDigits'
    with pytest.raises(DataError, match=f'is damaged: 0 bytes.* Remove {folder}; it is made again on next use'):
        load_stimulus_set('SklearnDigits_test')
    shutil.rmtree(folder)
    assert len(load_stimulus_set('SklearnDigits_test')) == 597
    (folder / 'ledger.json').write_text('nothing')
    with pytest.raises(DataError, match=f'cannot be read .*Remove {folder}; it is made again'):
        load_stimulus_set('SklearnDigits_test')


AT_ONCE = """
import sys, time
from pathlib import Path
from m2m_benchmarks import load_stimulus_set
from m2m_benchmarks.data import manifest
import m2m_benchmarks.data.sklearn_digits

Path(sys.argv[1], sys.argv[2]).touch()
while not Path(sys.argv[1], 'go').exists():
    time.sleep(0.001)
stimuli = load_stimulus_set('SklearnDigits_blended')
for stimulus in stimuli['stimulus_id']:
    content = stimuli.get_stimulus(stimulus).read_bytes()
    assert content.startswith(b'\\x89PNG') and content.endswith(b'IEND\\xaeB`\\x82'), stimulus
print(len(stimuli), stimuli.identifier, manifest.verify('SklearnDigits'))
"""


@pytest.mark.process
@pytest.mark.slow
def test_two_processes_make_them_and_their_pictures_at_once(m2m_home, ready, monkeypatch, tmp_path):
    expected = load_stimulus_set('SklearnDigits_blended')
    monkeypatch.setenv('M2M_HOME', str(m2m_home))
    command = [sys.executable, '-W', 'ignore', '-c', AT_ONCE, tmp_path]
    started = [
        subprocess.Popen([*command, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for name in 'ab'
    ]
    while not all((tmp_path / name).exists() for name in 'ab'):  # both have finished their imports
        assert all(process.poll() is None for process in started)
        time.sleep(0.01)
    (tmp_path / 'go').touch()
    for process in started:
        out, err = process.communicate()
        assert process.returncode == 0, err[-2000:]
        assert out == f'597 {expected.identifier} []\n'
    assert len(folders(m2m_home, 'SklearnDigits')) == 1
    stimuli = load_stimulus_set('SklearnDigits_blended')
    images = load_digits('SklearnDigits', 'blended').images
    for place in range(597):
        with Image.open(stimuli.get_stimulus(f'SklearnDigits_blended_{place:06d}')) as image:
            np.testing.assert_array_equal(np.asarray(image), images[place])
    pictures = file_of('SklearnDigits', 'blended', 'images').parent / 'png'
    assert len(list(pictures.iterdir())) == 597  # no unfinished files beside them


# Standardization


def test_sorted_digits_are_reordered_to_alternate_between_classes():
    labels = np.repeat(np.arange(10), [3, 2, 1, 2, 2, 2, 2, 2, 2, 4])
    images = np.arange(22, dtype=np.uint8)[:, None, None] + np.zeros((1, 32, 32), np.uint8)
    digits = standardize(images, labels, [f'photo{place % 4}' for place in range(22)], 'a file')
    assert digits.labels.tolist() == [*range(10), 0, 1, 3, 4, 5, 6, 7, 8, 9, 0, 9, 9]
    original = digits.images[:, 0, 0, 0]
    assert sorted(original) == list(range(22))
    np.testing.assert_array_equal(labels[original], digits.labels)
    np.testing.assert_array_equal(original % 4, digits.clusters)
    # Mixed classes, and one image of each, stay in their order.
    for labels in (np.tile(np.arange(10), 2), np.arange(10)):
        assert standardize(images[: len(labels)], labels, None, 'a file').labels.tolist() == labels.tolist()
