"""The family of networks with NeuRN and their plain twins: every row of the table, offline, untrained."""

import copy
import gc
import itertools
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
from brainscore_vision.model_helpers import generic_plugin_tests

from m2m_benchmarks import load_model, load_stimulus_set
from m2m_benchmarks.errors import M2MError, ModelError, UnknownNameError
from m2m_benchmarks.models.neurn import model as family
from m2m_benchmarks.models.neurn.backbones import BACKBONES, build, weights_url
from m2m_benchmarks.models.neurn.neurn import NeuRN
from m2m_benchmarks.plugins import registered
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.layers import responses
from m2m_benchmarks.submission.check import write_test_images
from m2m_benchmarks.testing import MakesFolder

KINDS = {'neurn': 'neurn', 'plain': 'baselines'}
# The largest first, in weights and image size, so that problems of memory show early.
LARGEST_FIRST = [
    *('nasnet', 'vgg19', 'vgg16', 'vgg11', 'vit_b_16', 'inception_resnet_v2', 'inception_v3', 'xception', 'resnet50'),
    *('resnetv2_50', 'resnet18', 'densenet121', 'efficientnet_b0', 'mobilenet_v1', 'mobilenet_v2'),
    *('shufflenet_v2_x0_5', 'squeezenet1_1', 'digitnet'),
]


def test_a_row_is_registered_with_and_without_neurn():
    own = registered('model')
    for kind, folder in KINDS.items():
        in_folder = [name for name, plugin in own.items() if plugin.folder == folder]
        assert in_folder == [f'{kind}_{backbone}' for backbone in BACKBONES]
    assert set(LARGEST_FIRST) <= set(BACKBONES)


@pytest.fixture
def generic(monkeypatch, tmp_path):
    """Brain-Score's generic model tests, for given models."""
    folder = tmp_path / 'generic_plugin_tests_resources'
    write_test_images(folder)
    monkeypatch.setattr(generic_plugin_tests, '__file__', str(tmp_path / 'generic_plugin_tests.py'))
    monkeypatch.setenv('RESULTCACHING_DISABLE', '1')
    tests = [value for name, value in vars(generic_plugin_tests).items() if name.startswith('test_')]
    assert len(tests) >= 5

    def run(model):
        model.activations_model._extractor._batch_size = 3  # as many as are shown: a batch is filled up
        # Each test loads its own model, since a started task persists.
        monkeypatch.setattr(generic_plugin_tests, 'load_model', lambda identifier: copy.copy(model))
        for test in tests:
            test(model.identifier)

    return run


#: Quick to build and to run: one of torchvision's, and our own.
QUICK = {'resnet18', 'digitnet'}


# A new row is covered without a change here.
@pytest.mark.seconds
@pytest.mark.parametrize(
    'backbone',
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in [*LARGEST_FIRST, *(name for name in BACKBONES if name not in LARGEST_FIRST)]
    ],
)
def test_every_backbone(backbone, generic):
    row = BACKBONES[backbone]
    images = torch.rand(2, 3, row.image_size, row.image_size, generator=torch.Generator().manual_seed(0))
    states = {}
    for kind in KINDS:
        model = load_model(f'{kind}_{backbone}', weights='none')
        assert model.identifier == f'{kind}_{backbone}'
        wrapper = model.activations_model
        network = wrapper._model
        assert wrapper.image_size == row.image_size
        assert (network.neurn is not None) == (kind == 'neurn')

        layers = model.layers
        assert 10 <= len(layers) <= 20
        modules = {layer: network.get_submodule(layer) for layer in layers}
        outputs = responses(network, images, modules, {})
        stock = wrapper.get_activations(list(images), layers)
        assert list(stock) == layers  # in the order in which they run
        for layer in layers:
            assert len(outputs[layer]) == 2
            assert np.isfinite(outputs[layer]).all()
            # torchvision's untrained ViT ends in zeros
            assert outputs[layer][0].std() > 0 or layer == 'backbone.heads.head'
            # Brain-Score doesn't copy what it records: a later operation in place would show.
            np.testing.assert_array_equal(stock[layer], outputs[layer])
        network.backbone.get_submodule(row.stem)
        assert {'V1', 'V2', 'V4', 'IT'} <= set(model.layer_model.region_layer_map)
        assert set(model.layer_model.region_layer_map.values()) <= set(layers)
        # A plain twin is the same class without its first layer, so that of large ones only one is put to the tests.
        if kind == 'neurn' or backbone in QUICK:
            generic(model)
        states[kind] = network.state_dict()
        del model, wrapper, network, modules
        gc.collect()
    # Twins: the same weights under the same names.
    assert states['neurn'].keys() == states['plain'].keys()
    for name, value in states['neurn'].items():
        assert torch.equal(value, states['plain'][name])


@pytest.mark.parametrize('backbone', [name for name, row in BACKBONES.items() if row.library])
def test_the_table_agrees_with_the_library(backbone):
    row = BACKBONES[backbone]
    if row.library == 'timm':
        config = timm.get_pretrained_cfg(row.name)
        assert row.name in timm.list_pretrained()
        size, mean, std = config.input_size[-1], config.mean, config.std
    else:
        weights = torchvision.models.get_model_weights(row.name)[row.weights]
        preset = weights.transforms()
        (size,), mean, std = preset.crop_size, preset.mean, preset.std
        if backbone == 'inception_v3':  # torchvision normalises to halves inside the network; here the table does
            mean = std = (0.5, 0.5, 0.5)
    assert row.image_size == size
    assert row.normalization == (tuple(mean), tuple(std))
    assert weights_url(row).startswith('https://')


@pytest.mark.seconds
@pytest.mark.slow
def test_inception_is_normalised_as_torchvision_does_it():
    """torchvision turns ImageNet's normalisation into halves inside the network when it loads official weights."""
    network = family.network('plain_inception_v3', weights='none').eval().double()
    images = torch.rand(1, 3, 299, 299, dtype=torch.float64)
    mean, std = (
        torch.tensor(values, dtype=torch.float64).view(3, 1, 1)
        for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    )
    with torch.no_grad():
        mine = network(images)
        network.backbone.transform_input = True
        theirs = network.backbone((images - mean) / std)
    torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=0)


@pytest.mark.seconds
def test_a_plain_twin_is_the_library_network(m2m_home):
    stimuli = load_stimulus_set('SimulatedMouse')
    paths = [Path(stimuli.get_stimulus(name)) for name in stimuli['stimulus_id'][:2]]
    mine, theirs = load_candidate('plain_squeezenet1_1', 'none'), load_candidate('torchvision:squeezenet1_1', 'none')
    assert [layer.removeprefix('backbone.') for layer in mine.layers] == theirs.layers
    one, other = Activations(mine), Activations(theirs)
    actual = one.respond(one.preprocess(paths), mine.layers)
    expected = other.respond(other.preprocess(paths), theirs.layers)
    for layer in theirs.layers:
        np.testing.assert_allclose(actual[f'backbone.{layer}'], expected[layer], atol=1e-4, rtol=1e-4)


def test_neurn_sits_before_the_normalisation():
    network = family.network('neurn_squeezenet1_1', weights='none').eval()
    images = torch.rand(2, 3, 224, 224)
    mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    with torch.no_grad():
        expected = network.backbone((NeuRN()(images) - mean) / std)
        torch.testing.assert_close(network(images), expected)
        # that is the point of the layer
        torch.testing.assert_close(network(0.3 * images + 0.5), expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize('name', ['stem', 'features.5'])
@pytest.mark.seconds
def test_neurn_after_a_module(name):
    module = 'features.2' if name == 'stem' else name
    plain = family.network('plain_squeezenet1_1', weights='none').eval()
    mine = family.network(f'neurn_squeezenet1_1_after_{name}', weights='none').eval()
    images = torch.rand(2, 3, 224, 224)
    layers = [f'backbone.{module}', 'backbone.features.12']
    expected, actual = (
        responses(net, images, {layer: net.get_submodule(layer) for layer in layers}, {}) for net in (plain, mine)
    )
    contrast = NeuRN()(torch.from_numpy(expected[layers[0]])).numpy()
    np.testing.assert_array_equal(actual[layers[0]], contrast)
    assert not np.allclose(actual[layers[1]], expected[layers[1]])
    with torch.no_grad():  # and all later layers get it
        rest = plain.backbone.features[int(module.split('.')[1]) + 1 :](torch.from_numpy(contrast))
    np.testing.assert_allclose(actual[layers[1]], rest.numpy(), atol=1e-5)


def test_one_name_for_one_network():
    names = {}
    for size, kernel, padding, scope, after in itertools.product(
        ('', '_at96'), ('', '_k5'), ('', '_zero', '_reflect'), ('', '_channel'), ('', '_after_stem', '_after_layer1.0')
    ):
        name = f'neurn_resnet18{size}{kernel}{padding}{scope}{after}'
        variant = family.parse(name)
        assert variant.identifier == name
        names[name] = (variant.image_size, *variant.neurn.values(), variant.after)
    assert len(set(names.values())) == len(names) == 72
    assert names['neurn_resnet18_at96_k5_reflect_channel_after_stem'] == (96, 5, 'reflect', 'channel', 'maxpool')
    assert family.parse('plain_resnet18_at64').image_size == 64
    for other in ('alexnet', 'neurn_nonet', 'resnet18', 'neurn', 'xneurn_resnet18'):
        assert family.parse(other) is None


def test_variants_are_built_as_they_are_called():
    model = load_model('neurn_resnet18_at64_k5_zero_channel', weights='none')
    assert model.identifier == 'neurn_resnet18_at64_k5_zero_channel'
    network = model.activations_model._model
    assert (network.neurn.kernel_size, network.neurn.padding, network.neurn.scope) == (5, 'zero', 'channel')
    assert model.activations_model.image_size == 64


@pytest.mark.seconds
@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('neurn_resnet18_k4', 'kernel_size is 4, expected an odd number of 3 or more'),
        ('neurn_resnet18_k-3', 'kernel_size is -3, expected an odd number'),
        ('neurn_resnet18_k1', 'kernel_size is 1, expected an odd number'),
        ('neurn_resnet18_k3', 'is called neurn_resnet18: defaults are left out of names'),
        ('neurn_resnet18_after_maxpool', 'is called neurn_resnet18_after_stem'),
        (
            'neurn_resnet18_at32_k33',
            'the kernel of 33 x 33 is larger than the images of 32 x 32',
        ),
        (
            'neurn_resnet18_after_layer9',
            r"unknown placement of NeuRN: .* no module 'layer9' \(nearest: layer",
        ),
        ('neurn_resnet18_k225', 'the kernel of 225 x 225 is larger than the images of 224 x 224'),
        ('neurn_resnet18_at99999', 'expected images of 8 to 2048 pixels a side, got 99999'),
        ('neurn_resnet18_at0', 'expected images of 8 to 2048 pixels a side, got 0'),
        ('neurn_resnet18_edge', 'is called neurn_resnet18: defaults are left out of names'),
        ('neurn_resnet18_after_avgpool_k5', 'the placement comes last in a name'),
        ('neurn_resnet18_after_avgpool', 'expected images of at least 3 x 3, the kernel, got 1 x 1'),
        ('neurn_vit_b_16_after_encoder.ln', r'expected feature maps of shape .*, got shape \(1, 197, 768\)'),
        ('neurn_resnet18_blurred', r"expected nothing or image size .*; got '_blurred'"),
        ('plain_resnet18_k5', r'after plain_resnet18, expected nothing or image size \(_at64\)'),
        ('neurn_vit_b_16_at64', 'vit_b_16 takes images of 224 x 224 only, got 64'),
        ('plain_inception_v3_at32', 'cannot be shown images of 32 x 32: Calculated padded input size'),
    ],
)
@pytest.mark.several
def test_networks_that_there_are_not(name, message):
    with pytest.raises(ModelError, match=message) as caught:
        load_model(name, weights='none')
    assert 'ValueError' not in str(caught.value)


def test_unknown_backbone():
    with pytest.raises(UnknownNameError, match='Did you mean neurn_resnet'):
        load_model('neurn_resnet19')
    with pytest.raises(ValueError, match='is not neurn_BACKBONE or plain_BACKBONE'):
        family.network('resnet18')
    with pytest.raises(ValueError, match="weights are 'some', expected 'default' or 'none'"):
        build(BACKBONES['resnet18'], weights='some')


@pytest.mark.seconds
def test_a_fixed_size_is_fixed():
    network = family.network('neurn_vit_b_16', weights='none').eval()
    with pytest.raises(AssertionError, match='Expected 224 but got 64'), torch.no_grad():
        network(torch.rand(1, 3, 64, 64))


def test_untrained_weights_follow_the_seed():
    first, again, other = (load_candidate('neurn_squeezenet1_1', 'none', seed) for seed in (3, 3, 4))
    assert first.weights_sha256 == again.weights_sha256 != other.weights_sha256
    assert (first.weights, other.weights) == ('none (seed 3)', 'none (seed 4)')
    # Brain-Score's own store of activations knows a network by this name only
    assert first.model.activations_model.identifier == again.model.activations_model.identifier
    assert first.model.activations_model.identifier != other.model.activations_model.identifier
    state = torch.random.get_rng_state()
    family.network('neurn_squeezenet1_1', weights='none', seed=5)
    assert torch.equal(state, torch.random.get_rng_state())  # the caller's random state doesn't change


@pytest.mark.parametrize('name', ['neurn_squeezenet1_1', 'plain_squeezenet1_1', 'neurn_squeezenet1_1_after_stem'])
@pytest.mark.seconds
def test_the_weights_of_a_library_fit(name, tmp_path):
    torch.manual_seed(9)
    official = torchvision.models.squeezenet1_1(weights=None)
    torch.save(official.state_dict(), tmp_path / 'official.pth')
    candidate = load_candidate(name, weights=tmp_path / 'official.pth')
    assert candidate.weights.startswith('file official.pth (SHA-256 ')
    for key, value in official.state_dict().items():
        assert torch.equal(candidate.module.backbone.state_dict()[key], value)
    # and weights that were saved together with the layers before the backbone
    run = tmp_path / 'run'
    run.mkdir()
    import safetensors.torch

    safetensors.torch.save_file(candidate.module.state_dict(), run / 'weights.safetensors')
    again = load_candidate(name, weights=run)  # the folder of a trained run
    assert again.weights_sha256 == candidate.weights_sha256


def test_default_weights_come_from_the_library(cached_weights):
    """torch.hub finds the file that it would have downloaded."""
    torch.manual_seed(9)
    official = torchvision.models.squeezenet1_1(weights=None)
    cached_weights(torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1, official.state_dict())
    candidate = load_candidate('neurn_squeezenet1_1')
    assert candidate.weights == 'default'
    for key, value in official.state_dict().items():
        assert torch.equal(candidate.module.backbone.state_dict()[key], value)


def test_weights_that_do_not_fit(tmp_path):
    torch.save(torchvision.models.shufflenet_v2_x0_5(weights=None).state_dict(), tmp_path / 'other.pth')
    with pytest.raises(ModelError, match=r'52 of its 52 tensors .* 338 tensors do not belong to it, such as conv1'):
        load_candidate('neurn_squeezenet1_1', weights=tmp_path / 'other.pth')
    content = (tmp_path / 'other.pth').read_bytes()
    (tmp_path / 'short.pth').write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match=r'short\.pth cannot be read as weights: it is cut short'):
        load_candidate('neurn_shufflenet_v2_x0_5', weights=tmp_path / 'short.pth')
    torch.save({'a': MakesFolder(tmp_path / 'ran')}, tmp_path / 'code.pth')
    with pytest.raises(ModelError, match=r'code\.pth is not a plain state dict: it holds code'):
        load_candidate('neurn_shufflenet_v2_x0_5', weights=tmp_path / 'code.pth')
    assert not (tmp_path / 'ran').exists()
    with pytest.raises(ModelError, match=r'there is no weights file .*weights\.safetensors'):
        load_candidate('neurn_shufflenet_v2_x0_5', weights=tmp_path)
    with pytest.raises(M2MError, match='brings its own weights'):
        load_model('pixels_64', weights='none')


def test_calibrated_maps_name_layers():
    folder = Path(family.__file__).parent / 'region_layer_map'
    maps = sorted(path.stem for path in folder.glob('*.json'))
    assert maps == [f'{kind}_{name}' for kind in KINDS for name in ('shufflenet_v2_x0_5', 'squeezenet1_1')]
    for name in maps:
        regions = family.regions(name)
        assert set(regions) == {'V1', 'V2', 'V4', 'IT', 'VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl'}
        assert set(regions.values()) <= set(family.layers(name))
        assert load_model(name, weights='none').calibrated_on == 'Siegle2021'
    assert load_model('neurn_squeezenet1_1_k5', weights='none').calibrated_on is None
    # by depth, since there are no primate recordings here
    assert family.regions('plain_resnet18') == {
        'V1': 'backbone.layer1.0',
        'V2': 'backbone.layer2.0',
        'V4': 'backbone.layer3.0',
        'IT': 'backbone.layer4.0',
    }
