"""Images that are decoded and resized once: with the same result as Brain-Score's, and never those of another file."""

import functools

import numpy as np
import pytest
from brainscore_vision.model_helpers.activations.pytorch import load_preprocess_images
from PIL import Image
from torch import nn

from m2m_benchmarks import load_stimulus_set
from m2m_benchmarks.scoring import resized_images
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.resized_images import ResizedImages

MODES = ('RGB', 'L', 'LA', 'RGBA', 'P')


@pytest.fixture
def images(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (30, 20, 4), dtype=np.uint8)
    for mode in MODES:
        Image.fromarray(values, 'RGBA').convert(mode).save(tmp_path / f'{mode}.tiff')
    return [str(tmp_path / f'{mode}.tiff') for mode in MODES]


@pytest.fixture
def decoded(monkeypatch):
    """Note the files that are decoded, with no image kept before."""
    paths, load = [], resized_images.load_image
    monkeypatch.setattr(resized_images, '_IMAGES', ResizedImages(10**6))
    monkeypatch.setattr(resized_images, 'load_image', lambda path: paths.append(path) or load(path))
    return paths


@pytest.mark.parametrize(
    'options',
    [{}, {'normalize_mean': (0.5, 0.4, 0.3), 'normalize_std': (1, 2, 3)}, {'preprocess_type': 'Inception'}],
)
@pytest.mark.parametrize('size', [16, 25])
def test_same_as_brain_score(images, decoded, options, size):
    expected = load_preprocess_images(images, image_size=size, **options)
    for _ in range(2):
        np.testing.assert_array_equal(
            resized_images.load_preprocess_images(images, image_size=size, **options), expected
        )
    assert decoded == ([] if options.get('preprocess_type') else images)


def test_a_replaced_file_is_decoded_again(images, decoded):
    load = functools.partial(resized_images.load_preprocess_images, images[:1], image_size=16)
    before = load()
    Image.new('RGB', (30, 20), 'red').save(images[0])
    np.testing.assert_array_equal(load(), load_preprocess_images(images[:1], 16))
    assert not np.array_equal(load(), before)
    assert len(decoded) == 2


def test_a_file_that_is_replaced_while_it_is_read_is_not_kept(images, monkeypatch):
    kept, load = ResizedImages(10**6), resized_images.load_image

    def replace(path):
        image = load(path)
        Image.new('RGB', (30, 20), 'red').save(path)
        return image

    monkeypatch.setattr(resized_images, 'load_image', replace)
    first = kept.load(images[0], 16)
    monkeypatch.undo()
    assert kept.n_bytes == 0
    assert kept.load(images[0], 16).getpixel((0, 0)) == (255, 0, 0) != first.getpixel((0, 0))


def test_those_not_used_for_longest_are_dropped(images, decoded):
    kept = ResizedImages(2 * 16 * 16 * 3)
    for path in (images[0], images[1], images[0], images[2], images[0], images[1]):
        kept.load(path, 16)
        assert kept.n_bytes <= 2 * 16 * 16 * 3
    assert decoded == [images[0], images[1], images[2], images[1]]
    kept.load(images[0], 100)  # too large to keep
    assert kept.n_bytes == 0


@pytest.mark.seconds
def test_once_for_all_networks_of_a_size(m2m_home, decoded):
    stimuli = load_stimulus_set('SimulatedMouse')
    paths = {str(stimuli.get_stimulus(name)) for name in stimuli['stimulus_id']}
    for n_channels, size, channels in ((2, 16, 3), (3, 16, 3), (2, 16, 1), (2, 24, 3)):
        candidate = load_candidate(
            nn.Conv2d(channels, n_channels, 3), image_size=size, channels=channels, layers=['output']
        )
        Activations(candidate)(stimuli, ['output'])
        own = [path for path in decoded if path in paths]
        assert sorted(own) == sorted([*paths] * (2 if size == 24 else 1))
