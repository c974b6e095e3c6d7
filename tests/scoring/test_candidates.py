"""Candidates made from names, folders, networks and weights."""

import importlib.util
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from brainscore_vision.model_interface import BrainModel
from torch import nn

from m2m_benchmarks import score
from m2m_benchmarks.errors import ModelError, UnknownNameError
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.weights import weights_sha256
from m2m_benchmarks.storage import sha256_file
from m2m_benchmarks.testing import SmallNetwork

pytestmark = pytest.mark.usefixtures('few_draws')


@pytest.mark.seconds
@pytest.mark.parametrize('name', ['torchvision:squeezenet1_1', 'torchvision:googlenet'])
def test_untrained_torchvision_networks_follow_the_seed(name):
    first, again, other = (load_candidate(name, weights='none', seed=seed) for seed in (3, 3, 4))
    assert first.weights_sha256 == again.weights_sha256
    assert first.weights_sha256 != other.weights_sha256
    assert (first.identifier, first.weights, other.weights) == (name, 'none (seed 3)', 'none (seed 4)')


def test_torchvision_weights_from_a_file(tmp_path):
    torch.manual_seed(9)
    module = torchvision.models.squeezenet1_1(weights=None)
    torch.save(module.state_dict(), tmp_path / 'mine.pth')
    candidate = load_candidate('torchvision:squeezenet1_1', weights=tmp_path / 'mine.pth')
    assert candidate.weights_sha256 == weights_sha256(module)
    assert candidate.weights == f'file mine.pth (SHA-256 {sha256_file(tmp_path / "mine.pth")})'


@pytest.mark.parametrize(
    ('name', 'make'),
    [
        ('torchvision:squeezenet1_1', lambda: torchvision.models.squeezenet1_1(num_classes=10)),
        ('timm:mobilenetv3_small_050', lambda: timm.create_model('mobilenetv3_small_050', num_classes=10)),
    ],
)
@pytest.mark.seconds
def test_weights_of_a_network_that_was_trained_for_other_classes(tmp_path, name, make):
    module = make()
    state = {f'model.{key}': value for key, value in module.state_dict().items()}
    torch.save({'state_dict': state, 'epoch': 3}, tmp_path / 'lightning.ckpt')
    assert load_candidate(name, tmp_path / 'lightning.ckpt').weights_sha256 == weights_sha256(module)


@pytest.mark.seconds
@pytest.mark.parametrize(('name', 'file'), [('resnet18', 'resnet18-f37072fd.pth'), ('vgg11', 'vgg11-8a719046.pth')])
@pytest.mark.parametrize('start', ['torchvision:', 'neurn_', 'plain_'])
@pytest.mark.several
def test_torchvision_weights_that_cannot_be_downloaded(start, name, file, offline):
    with pytest.raises(ModelError) as caught:
        load_candidate(f'{start}{name}')
    assert str(caught.value).startswith(f'{start}{name} needs a file that could not be downloaded (')
    assert f'; https://download.pytorch.org/models/{file}). ' in str(caught.value)
    assert 'Connect to the network' in str(caught.value)


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('torchvision:resnet81', r"unknown torchvision model 'resnet81'\. Did you mean resnet18"),
        ('torchvision:fcn_resnet50', 'unknown torchvision model'),  # segmentation: not one response for each image
        ('tochvision:resnet18', r"unknown kind of model 'tochvision': .* Did you mean torchvision"),
        ('alexnet_7be5', 'Did you mean alexnet_7be5be79'),
        ('', "'@none' names no model; expected MODEL"),
    ],
)
def test_unknown_names(name, message):
    with pytest.raises((UnknownNameError, ModelError), match=message):
        load_candidate(name, weights='none')


def test_a_network_of_timm():
    first, again, other = (load_candidate('timm:mobilenetv3_small_050', 'none', seed) for seed in (3, 3, 4))
    assert first.weights_sha256 == again.weights_sha256 != other.weights_sha256
    assert first.wrapper.image_size == 224
    assert len(first.layers) > 5
    with pytest.raises(UnknownNameError, match="unknown timm model 'resnet81'"):
        load_candidate('timm:resnet81', 'none')


@pytest.mark.seconds
def test_inception_from_a_file_is_normalised_as_the_official_one(tmp_path):
    """torchvision's official weights change the normalisation inside the network; so must weights from a file."""
    candidate = load_candidate('torchvision:googlenet', 'none')
    assert candidate.module.transform_input
    torch.save(candidate.module.state_dict(), tmp_path / 'w.pth')
    assert load_candidate('torchvision:googlenet', tmp_path / 'w.pth').module.transform_input


# Each downloads its weights in another way: torch.hub, S3 through boto, requests. Only the last names the file.
@pytest.mark.seconds
@pytest.mark.parametrize(
    ('name', 'reason'),
    [
        ('alexnet', 'URLError: <urlopen error'),
        ('ReAlnet01', 'ProxyConnectionError: Failed to connect to proxy URL'),
        ('BiT-S-R50x1', r'ProxyError: .* /bit_models/BiT-S-R50x1\.npz'),
    ],
)
@pytest.mark.several
def test_registered_models_whose_weights_cannot_be_downloaded(name, reason, offline):
    message = rf'^{name} needs a file that could not be downloaded \({reason}.*\)\. Connect to the network, or put'
    with pytest.raises(ModelError, match=message):
        load_candidate(name)


def test_a_registered_model_that_needs_a_package():
    if importlib.util.find_spec('cornet'):
        pytest.skip('cornet is installed')
    with pytest.raises(ModelError, match="CORnet-S needs the package 'cornet', which is not installed"):
        load_candidate('CORnet-S')


@pytest.mark.seconds
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.several
@pytest.mark.slow
def test_networks_of_other_precision(dtype, m2m_home):
    result = score(SmallNetwork().to(dtype), 'SimulatedMouse.VISp-rdm', layer='conv', image_size=32)
    single = score(SmallNetwork(), 'SimulatedMouse.VISp-rdm', layer='conv', image_size=32)
    raw, expected = (scored.attrs['result']['raw'] for scored in (result, single))
    assert raw == pytest.approx(expected, abs=0.01)
    hashes = {scored.attrs['result']['weights_sha256'] for scored in (result, single)}
    assert len(hashes) == 2


def test_a_network_that_takes_something_else():
    with pytest.raises(ModelError, match=r'cannot be run on an image of 3 x 224 x 224: RuntimeError: .* 1 channels'):
        load_candidate(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()))
    with pytest.raises(ModelError, match='cannot be run on an image of 3 x 2 x 2'):
        load_candidate(SmallNetwork(), image_size=2)


def test_weights_into_a_model_that_brings_its_own(tmp_path):
    torch.save(SmallNetwork(seed=1).state_dict(), tmp_path / 'w.pth')
    candidate = load_candidate(SmallNetwork(seed=0), weights=tmp_path / 'w.pth', image_size=32)
    assert candidate.weights_sha256 == weights_sha256(SmallNetwork(seed=1))
    assert candidate.weights.startswith('file w.pth (SHA-256 ')
    with pytest.raises(ModelError, match='brings its own weights'):
        load_candidate(SmallNetwork(), weights='none', image_size=32)
    with pytest.raises(ModelError, match='pixels_64 has no choice of weights'):
        load_candidate('pixels_64', weights=tmp_path / 'w.pth')


def test_a_model_of_another_kind(tmp_path):
    class Other(BrainModel):
        identifier = 'other'

    candidate = load_candidate(Other())
    assert (candidate.identifier, candidate.module, candidate.weights_sha256, candidate.committed) == (
        'other',
        None,
        None,
        {},
    )
    torch.save({'a': torch.ones(1)}, tmp_path / 'w.pth')
    with pytest.raises(ModelError, match='not a PyTorch network'):
        load_candidate(Other(), weights=tmp_path / 'w.pth')
    with pytest.raises(ModelError, match='name one: --layer NAME'):
        candidate.layers


INIT = """from brainscore_vision import model_registry

from .model import build

model_registry['{name}'] = build
"""
MODEL = """import functools

import torch
from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper, load_preprocess_images
from brainscore_vision.model_helpers.brain_transformation import ModelCommitment


def build():
    from .size import WIDTH

    net = torch.nn.Sequential(torch.nn.Conv2d(3, WIDTH, 5), torch.nn.ReLU())
    preprocessing = functools.partial(load_preprocess_images, image_size=32)
    wrapper = PytorchWrapper(net, preprocessing, identifier='{name}')
    return ModelCommitment('{name}', wrapper, layers=['1'], region_layer_map={{}}, visual_degrees=8)
"""


def plugin(folder, name='from_a_folder', width=4):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / '__init__.py').write_text(INIT.format(name=name))
    (folder / 'model.py').write_text(MODEL.format(name=name))
    (folder / 'size.py').write_text(f'WIDTH = {width}\n')
    return folder


def test_a_plugin_folder_by_any_path(tmp_path, monkeypatch):
    folder = plugin(tmp_path / 'my-net.v2')
    monkeypatch.chdir(tmp_path)
    for path in (folder, str(folder), './my-net.v2', Path('my-net.v2')):
        candidate = load_candidate(path)
        assert (candidate.identifier, candidate.layers, candidate.module[0].out_channels) == ('from_a_folder', ['1'], 4)


def test_a_folder_of_the_same_name_is_another_model(tmp_path):
    first, second = plugin(tmp_path / 'a' / 'net'), plugin(tmp_path / 'b' / 'net', width=9)
    assert [load_candidate(folder).module[0].out_channels for folder in (first, second, first)] == [4, 9, 4]


def test_an_edited_folder_is_read_again(tmp_path):
    folder = plugin(tmp_path / 'net')
    assert load_candidate(folder).module[0].out_channels == 4
    plugin(folder, width=12)
    assert load_candidate(folder).module[0].out_channels == 12


@pytest.mark.parametrize(
    ('init', 'message'),
    [
        (None, r'no __init__\.py with a model_registry line'),
        ('x = 1\n', 'has 0 lines of the form'),
        ("model_registry['one'] = a\nmodel_registry['two'] = b\n", 'has 2 lines .*: one, two; expected one'),
        ("def (:\nmodel_registry['one'] = 1\n", 'does not work here: SyntaxError'),
        ("import no_such_package\nmodel_registry['one'] = 1\n", "needs the package 'no_such_package'"),
        ("model_registry = {}\nmodel_registry['nobody_knows'] = int\n", 'does not work here: KeyError'),
    ],
)
def test_folders_that_are_no_plugin(tmp_path, init, message):
    folder = tmp_path / 'broken'
    folder.mkdir()
    if init is not None:
        (folder / '__init__.py').write_text(init)
    with pytest.raises(ModelError, match=message) as caught:
        load_candidate(folder)
    assert str(folder) in str(caught.value)
