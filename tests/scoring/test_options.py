"""Options of a network: which values are taken, and what input they make."""

import re

import numpy as np
import pytest
import torch
from PIL import Image

from m2m_benchmarks.errors import ModelError
from m2m_benchmarks.scoring.inputs import IMAGENET_MEAN, IMAGENET_STD, network_input
from m2m_benchmarks.scoring.options import NetworkOptions, check_options, check_seed, layer_name, layer_names


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'mean': 0.5}, 'mean and std belong together'),
        ({'mean': (0.5, 0.5), 'std': 0.5}, 'expected a number from 0 to 1, or one for each of 3 channels'),
        ({'mean': (123.7, 116.3, 103.5), 'std': 58}, 'expected a number from 0 to 1, or one for each'),
        ({'mean': -0.5, 'std': 0.5}, 'mean=-0.5: expected a number from 0 to 1'),
        ({'mean': 0.5, 'std': 0.0}, 'std=0.0: expected a positive number'),
        ({'mean': float('nan'), 'std': 1}, 'mean=nan: expected a number'),
        ({'mean': 'grey', 'std': 1}, "mean='grey': expected a number"),
        ({'mean': (0.1, 0.2, 0.3), 'std': 1, 'channels': 1}, 'or one for each of 1 channels'),
        ({'channels': 2}, 'channels=2: expected 3 for RGB, or 1 for grey'),
        ({'image_size': 0}, 'image_size=0: expected a positive whole number'),
        ({'image_size': (64, 64)}, 'expected a positive whole number'),
        ({'batch_size': 2.5}, 'batch_size=2.5: expected a positive whole number'),
        ({'name': ' '}, "name=' ': expected the name"),
        ({'preprocessing': 5}, 'preprocessing is a int; expected a function'),
        ({'preprocessing': abs, 'mean': 0, 'std': 1}, 'leave out mean and std'),
        ({'layers': 'conv'}, "layers='conv': expected a list of different names"),
        ({'layers': ['a', 'a']}, 'expected a list of different names'),
        ({'layers': []}, 'expected a list of different names'),
    ],
)
def test_options_that_cannot_be(options, words):
    with pytest.raises(ModelError, match=re.escape(words)):
        NetworkOptions(**options)


def test_options_are_brought_to_one_form():
    options = NetworkOptions(mean=0.5, std=np.array([0.5, 0.5, 0.25]), layers=[0, 'fc'], image_size=np.int64(32))
    assert (options.mean, options.std, options.layers) == ((0.5,) * 3, (0.5, 0.5, 0.25), ('0', 'fc'))
    assert options.given() == {'mean': (0.5,) * 3, 'std': (0.5, 0.5, 0.25), 'layers': ('0', 'fc'), 'image_size': 32}
    assert hash(options) == hash(
        NetworkOptions(mean=[0.5] * 3, std=(0.5, 0.5, 0.25), layers=('0', 'fc'), image_size=32)
    )
    assert NetworkOptions().given() == {}
    check_options('alexnet', NetworkOptions())
    with pytest.raises(ModelError, match='alexnet defines its own input and layers; image_size can be chosen for'):
        check_options('alexnet', NetworkOptions(image_size=32))


def test_layers_and_seeds():
    assert (layer_name(0), layer_name('conv'), layer_names([1, 'fc'])) == ('0', 'conv', ('1', 'fc'))
    assert [check_seed(seed) for seed in (0, np.int32(7), 2**63 - 1, -1)] == [0, 7, 2**63 - 1, -1]
    for layer in (1.5, None, True):
        with pytest.raises(ModelError, match='expected the name of a layer'):
            layer_name(layer)
    for seed in (2**63, -(2**63) - 1, 1.0, '0', True, None):
        with pytest.raises(ModelError, match='expected a whole number of at most 64 bits'):
            check_seed(seed)


@pytest.fixture
def files(tmp_path):
    """Two colour images of 9 x 7 pixels, and their values from 0 to 1: shape (2, 3, 7, 9)."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 7, 9, 3), dtype=np.uint8)
    paths = []
    for number, image in enumerate(pixels):
        paths.append(str(tmp_path / f'{number}.png'))
        Image.fromarray(image).save(paths[-1])
    return paths, pixels


@pytest.mark.parametrize(
    ('options', 'mean', 'std'),
    [
        ({}, IMAGENET_MEAN, IMAGENET_STD),
        ({'mean': 0.5, 'std': 0.5}, (0.5,) * 3, (0.5,) * 3),
        ({'mean': (0, 0.1, 0.2), 'std': (1, 2, 1 / 255)}, (0, 0.1, 0.2), (1, 2, 1 / 255)),
        ({'channels': 1}, (0.449,), (0.226,)),
        ({'channels': 1, 'mean': 0.5, 'std': 0.25}, (0.5,), (0.25,)),
    ],
)
def test_the_input_of_a_network(files, options, mean, std):
    paths, pixels = files
    source = network_input(NetworkOptions(image_size=5, **options))
    values = np.stack([np.asarray(Image.fromarray(image).resize((5, 5), Image.BILINEAR)) for image in pixels]) / 255
    if len(mean) == 1:
        values = (values @ [0.299, 0.587, 0.114])[..., None]
    expected = (values - mean) / std
    # float32 values of at most 255 in units of the smallest std
    np.testing.assert_allclose(
        source.preprocess(paths), expected.transpose(0, 3, 1, 2), atol=8 * np.finfo(np.float32).eps / min(std)
    )
    assert source.image_size == 5
    assert f'{"grey" if len(mean) == 1 else "RGB"}, 5 x 5, ' in source.text
    assert f'by mean {", ".join(f"{value:g}" for value in mean)} and' in source.text


def test_a_function_of_the_user(files):
    paths, pixels = files

    def halved(image):
        return torch.as_tensor(np.asarray(image) / 510).permute(2, 0, 1)

    source = network_input(NetworkOptions(preprocessing=halved))
    np.testing.assert_allclose(source.preprocess(paths), pixels.transpose(0, 3, 1, 2) / 510)
    assert 'halved' in source.text
    sizes = iter([3, 4])
    for function, words in [
        (lambda image: 5, 'returns a int; expected a tensor'),
        (lambda image: torch.zeros(1, 3, 4, 4), r'returns a Tensor of shape \(1, 3, 4, 4\); expected'),
        (lambda image: torch.zeros(3, 4, next(sizes)), 'tensors of different shapes'),
        (lambda image: 1 / 0, 'preprocessing fails on an RGB image: ZeroDivisionError'),
    ]:
        with pytest.raises(ModelError, match=words):
            network_input(NetworkOptions(preprocessing=function)).preprocess(paths)
