"""Responses of layers: those of a direct forward pass, computed once, never for another network."""

import functools

import numpy as np
import pytest
import torch
from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper, load_preprocess_images
from brainscore_vision.model_helpers.brain_transformation import ModelCommitment
from PIL import Image
from torch import nn
from torchvision.transforms.functional import normalize, pil_to_tensor, resize

from m2m_benchmarks import load_stimulus_set
from m2m_benchmarks.arrays import rdm
from m2m_benchmarks.errors import ModelError, StorageError
from m2m_benchmarks.scoring import activation_store
from m2m_benchmarks.scoring import activations as module
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.inputs import IMAGENET_MEAN, IMAGENET_STD


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 6, 5, stride=2), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(6, 9, 3))


@pytest.fixture
def stimuli(m2m_home):
    return load_stimulus_set('SimulatedMouse')


def direct(net, stimuli, upto, size=64):
    """The first modules of a network on the stimuli, without any of this library's code."""
    images = []
    for name in stimuli['stimulus_id']:
        with Image.open(stimuli.get_stimulus(name)) as image:
            images.append(
                normalize(pil_to_tensor(resize(image.convert('RGB'), [size, size])) / 255, IMAGENET_MEAN, IMAGENET_STD)
            )
    with torch.no_grad():
        return net[:upto](torch.stack(images)).flatten(1).double().numpy()


@pytest.mark.parametrize(('layer', 'upto'), [('0', 1), ('1', 2), ('2', 3), ('3', 4)])
@pytest.mark.seconds
def test_a_layer_is_what_the_network_says(layer, upto, stimuli):
    # Layer 0 is followed by an in-place ReLU: its response is that before the ReLU.
    net = network()
    features = Activations(load_candidate(net, image_size=64))(stimuli, [layer])[layer]
    expected = direct(net, stimuli, upto)
    assert features.shape == (118, min(expected.shape[1], 119))
    scale = np.abs(expected @ expected.T).max()
    np.testing.assert_allclose(features @ features.T, expected @ expected.T, atol=1e-5 * scale)
    np.testing.assert_allclose(rdm(features), rdm(expected), atol=1e-5)


@pytest.mark.seconds
@pytest.mark.parametrize('most', [1, 7, 118])
def test_batches_make_no_difference(most, stimuli, monkeypatch):
    expected = Activations(load_candidate(network(), image_size=64))(stimuli, ['3'])['3']
    monkeypatch.setattr(module, '_MOST_IMAGES', most)
    monkeypatch.setattr(activation_store, 'read', lambda key: None)
    features = Activations(load_candidate(network(), image_size=64))(stimuli, ['3'])['3']
    np.testing.assert_allclose(features @ features.T, expected @ expected.T, rtol=1e-4, atol=1e-4)


def passes(net, stimuli, layers=('3',), **options):
    activations = Activations(load_candidate(net, image_size=options.pop('image_size', 64), **options))
    activations(stimuli, list(layers))
    return activations.forward_passes


@pytest.mark.seconds
def test_computed_once(stimuli, m2m_home):
    assert passes(network(), stimuli, ['1', '3']) == 1
    assert passes(network(), stimuli, ['1', '3']) == 0
    assert passes(network(), stimuli, ['1', '2', '3']) == 1  # a layer more
    assert passes(network(1), stimuli) == 1  # other weights
    assert passes(network(), stimuli, image_size=96) == 1
    assert {file.about()['model'] for file in activation_store.files()} == {'Sequential'}


@pytest.mark.seconds
def test_other_normalisation_under_the_same_name(stimuli):
    def passes_with(mean):
        preprocessing = functools.partial(load_preprocess_images, image_size=64, normalize_mean=mean)
        wrapper = PytorchWrapper(network(), preprocessing, identifier='same')
        model = ModelCommitment('same', wrapper, layers=['3'], region_layer_map={}, visual_degrees=8)
        activations = Activations(load_candidate(model))
        activations(stimuli, ['3'])
        return activations.forward_passes

    grey = (0.5, 0.5, 0.5)
    counts = [passes_with(mean) for mean in (IMAGENET_MEAN, IMAGENET_MEAN, grey, grey, IMAGENET_MEAN)]
    assert counts == [1, 0, 1, 0, 0]


@pytest.mark.seconds
def test_other_stimuli_under_the_same_name(stimuli):
    assert passes(network(), stimuli) == 1
    first = stimuli.get_stimulus(stimuli['stimulus_id'][0])
    Image.fromarray(255 - np.asarray(Image.open(first))).save(first)
    assert passes(network(), stimuli) == 1


@pytest.mark.seconds
def test_a_damaged_entry_is_computed_again(stimuli, m2m_home):
    assert passes(network(), stimuli) == 1
    (entry,) = (m2m_home / 'activations').rglob('*.safetensors')
    entry.write_bytes(entry.read_bytes()[:100])
    assert passes(network(), stimuli) == 1
    assert passes(network(), stimuli) == 0


def test_nothing_stays_behind_a_failure(stimuli, m2m_home):
    net = network()
    nn.init.constant_(net[3].weight, float('inf'))
    with pytest.raises(ModelError, match="layer '3' of Sequential"):
        Activations(load_candidate(net, image_size=64))(stimuli, ['3'])
    assert not [path for path in (m2m_home / 'activations').rglob('*') if path.is_file()]


def test_no_room(stimuli, monkeypatch):
    monkeypatch.setattr(module, 'free_bytes', lambda folder: 1000)
    with pytest.raises(StorageError, match=r'need 0\.\d GB of temporary space'):
        Activations(load_candidate(network(), image_size=64))(stimuli, ['3'])


@pytest.mark.seconds
def test_a_network_without_parameters_and_half_precision(stimuli):
    pooled = nn.Sequential(nn.AvgPool2d(8), nn.ReLU())
    assert Activations(load_candidate(pooled, image_size=64))(stimuli, ['1'])['1'].shape == (118, 119)

    def preprocess(paths):
        images = [pil_to_tensor(resize(Image.open(path).convert('RGB'), [32, 32])) / 255 for path in paths]
        return torch.stack(images)

    half = PytorchWrapper(network().to(torch.bfloat16), preprocess, identifier='half')
    model = ModelCommitment('half', half, layers=['3'], region_layer_map={}, visual_degrees=8)
    features = Activations(load_candidate(model))(stimuli, ['3'])['3']
    assert np.isfinite(features).all()
    assert features.std() > 0


PLUGIN = """
from brainscore_vision import model_registry
from .model import build

model_registry['my_plugin'] = build
"""
MODEL = """
import torch
from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper, load_preprocess_images
from brainscore_vision.model_helpers.brain_transformation import ModelCommitment
import functools


def build():
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 5), torch.nn.ReLU())
    wrapper = PytorchWrapper(net, functools.partial(load_preprocess_images, image_size=32), identifier='my_plugin')
    return ModelCommitment('my_plugin', wrapper, layers=['1'], region_layer_map={'VISp': '1'}, visual_degrees=8)
"""


def test_a_plugin_folder(tmp_path, m2m_home):
    folder = tmp_path / 'my_plugin'
    folder.mkdir()
    (folder / '__init__.py').write_text(PLUGIN)
    (folder / 'model.py').write_text(MODEL)
    candidate = load_candidate(str(folder))
    assert (candidate.identifier, candidate.layers, dict(candidate.committed)) == ('my_plugin', ['1'], {'VISp': '1'})
    (folder / '__init__.py').write_text(PLUGIN + "model_registry['another'] = build\n")
    with pytest.raises(ModelError, match='has 2 lines'):
        load_candidate(folder)
    with pytest.raises(ModelError, match=r'no __init__\.py'):
        load_candidate(tmp_path)


def test_untrained_weights_follow_the_seed(m2m_home):
    first, again, other = (load_candidate('torchvision:squeezenet1_1', weights='none', seed=seed) for seed in (0, 0, 1))
    assert first.weights_sha256 == again.weights_sha256 != other.weights_sha256
    assert first.weights == 'none (seed 0)'
