"""Layers of a network, and their responses."""

import re
import warnings
from collections import namedtuple
from dataclasses import make_dataclass

import numpy as np
import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from m2m_benchmarks.errors import ModelError, UnknownNameError
from m2m_benchmarks.scoring.brainscore_adapter import put_back
from m2m_benchmarks.scoring.layers import MOST_LAYERS, default_layers, input_dtype, responses, submodules

#: torchvision network: (image size, layers that have to be among the defaults).
NETWORKS = {
    'resnet18': (64, ['layer1.0', 'layer1.1', 'layer2.0', 'layer4.1']),
    'squeezenet1_1': (64, ['features.3', 'features.12']),
    'vgg11': (64, ['features.1', 'features.2', 'classifier.1']),
    'densenet121': (64, ['features.denseblock1', 'features.transition3', 'classifier']),
    'vit_b_16': (224, ['encoder.layers.encoder_layer_0', 'encoder.layers.encoder_layer_11']),
    'mobilenet_v2': (64, ['features.0', 'features.18', 'classifier.1']),
    'inception_v3': (128, ['Mixed_5b', 'Mixed_7c']),
    'googlenet': (64, ['inception3a', 'inception5b']),
    'alexnet': (64, ['features.1', 'classifier.5']),
    'convnext_tiny': (64, ['features.1.0', 'features.7.2']),
    'swin_t': (64, ['features.1.0', 'features.7.1']),
    'efficientnet_b0': (64, ['features.1.0', 'features.7.0', 'features.8']),
    'regnet_y_400mf': (64, ['trunk_output.block1', 'fc']),
    'shufflenet_v2_x0_5': (64, ['stage2.0', 'stage4.3', 'conv5.2']),
}


def random_network(name):
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        options = {'init_weights': False} if name in ('googlenet', 'inception_v3') else {}
        return torchvision.models.get_model(name, weights=None, **options)


def execution_order(module, image):
    """Names of the submodules, in the order in which they end."""
    order = []
    handles = [
        child.register_forward_hook(lambda _m, _i, _o, name=name: order.append(name))
        for name, child in module.named_modules()
    ]
    with torch.no_grad():
        module.eval()(image)
    for handle in handles:
        handle.remove()
    return order


@pytest.mark.seconds
@pytest.mark.parametrize('name', NETWORKS)
@pytest.mark.several
def test_default_layers_of_torchvision_networks(name):
    size, expected = NETWORKS[name]
    module = random_network(name)
    image = torch.zeros(1, 3, size, size)
    layers = default_layers(module, image)
    assert 2 <= len(layers) <= MOST_LAYERS
    assert len(set(layers)) == len(layers)
    order = execution_order(module, image)
    assert [order.index(layer) for layer in layers] == sorted(order.index(layer) for layer in layers)
    # A long network is thinned out, the first and the last layer stay.
    assert set(expected[:1] + expected[-1:] if len(layers) == MOST_LAYERS else expected) <= set(layers)
    recorded = responses(module, torch.rand(2, 3, size, size), submodules(module, layers, name), {})
    for layer in layers:
        assert recorded[layer].shape[0] == 2
        assert recorded[layer].dtype == np.float32
        assert np.isfinite(recorded[layer]).all()


class Functional(nn.Module):
    """A network whose activations are function calls, not modules."""

    def __init__(self):
        super().__init__()
        self.classify = nn.Linear(6, 5)  # registered first, runs last
        self.conv1 = nn.Conv2d(3, 4, 3)
        self.conv2 = nn.Conv2d(4, 6, 3)
        self.never = nn.Linear(3, 3)

    def forward(self, x):
        x = functional.relu(self.conv1(x))
        x = functional.relu(self.conv2(x))
        return self.classify(functional.adaptive_avg_pool2d(x, 1).flatten(1))


def test_a_network_that_calls_functions():
    assert default_layers(Functional(), torch.zeros(1, 3, 16, 16)) == ['conv1', 'conv2', 'classify']


def test_a_module_that_runs_twice_is_left_out():
    class Shared(Functional):
        def __init__(self):
            super().__init__()
            self.relu = nn.ReLU()

        def forward(self, x):
            x = self.relu(self.conv1(x))
            x = self.relu(self.conv2(x))
            return self.classify(x.mean((2, 3)))

    layers = default_layers(Shared(), torch.zeros(1, 3, 16, 16))
    assert 'relu' not in layers  # it has two responses
    assert len(layers) >= 2


def test_default_layers_leave_nothing_behind():
    module = Functional()
    default_layers(module, torch.zeros(1, 3, 16, 16))
    responses(module, torch.zeros(1, 3, 16, 16), {'conv1': module.conv1}, {})
    with pytest.raises(ModelError):
        responses(module, torch.zeros(1, 3, 16, 16), {'never': module.never}, {})
    assert not any(child._forward_hooks for child in module.modules())


def test_a_network_of_one_layer():
    assert default_layers(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), torch.zeros(1, 3, 2, 2))
    with pytest.raises(ModelError, match='name a layer: --layer'):
        default_layers(Returns(lambda x: None), torch.zeros(1, 3, 2, 2))


class Recurrent(nn.Module):
    """One module that runs three times."""

    def __init__(self):
        super().__init__()
        self.cell = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x):
        for _ in range(3):
            x = torch.tanh(self.cell(x))
        return x


def test_networks_without_blocks():
    image = torch.zeros(1, 3, 4, 4)
    assert default_layers(Recurrent(), image) == ['cell', 'output']
    assert default_layers(Returns(lambda x: x.mean((2, 3))), image) == ['output']
    assert default_layers(Returns(lambda x: (x, {'a': x, 'b': None})), image) == ['output[0]', 'output[1][a]']
    assert default_layers(Odd(), image) == ['pair[0]', 'named[a]', 'output']
    named = nn.ModuleDict({'output': Returns(lambda x: x)})
    assert submodules(named, ['output'], 'mine')['output'] is named['output']  # a submodule keeps its name


def test_the_output_of_the_network_and_tensors_in_tuples():
    images = torch.rand(3, 3, 5, 5)
    lstm = nn.LSTM(5, 4, batch_first=True)
    module = nn.Sequential(nn.Flatten(1, 2), nn.ModuleDict({'a': nn.Identity()})['a'], lstm)
    with torch.no_grad():
        expected = lstm(images.flatten(1, 2))[0]
    layers = submodules(module, ['2[0]', 'output[0]'], 'mine')
    recorded = responses(module, images, layers, {})
    for values in recorded.values():
        np.testing.assert_allclose(values, expected, atol=1e-6)
    cell = Recurrent()
    last = responses(cell, images, submodules(cell, ['cell', 'output'], 'mine'), {})
    np.testing.assert_allclose(np.tanh(last['cell']), last['output'], atol=1e-6)


def test_a_traced_network_has_its_output():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    image = torch.rand(1, 3, 6, 6)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        traced = torch.jit.trace(network, image)
    assert default_layers(traced, image) == ['output']
    recorded = responses(traced, image, submodules(traced, ['output'], 'traced'), {})['output']
    np.testing.assert_allclose(recorded, network(image).detach(), atol=1e-6)


Pair = namedtuple('Pair', ['first', 'second'])
Record = make_dataclass('Record', ['first', 'second'])


@pytest.mark.parametrize(
    ('make', 'layers'),
    [
        (lambda x: {0: -x, 1: x}, ['output[0]', 'output[1]']),
        (lambda x: Record(-x, x), ['output[first]', 'output[second]']),
        (lambda x: Pair(-x, x), ['output[0]', 'output[1]', 'output[second]', 'output[-1]']),
    ],
)
def test_tensors_by_index_key_and_field(make, layers):
    module, images = Returns(make), torch.rand(2, 3, 4, 4)
    assert default_layers(module, images[:1]) == layers[:2]
    recorded = responses(module, images, submodules(module, layers, 'mine'), {})
    np.testing.assert_array_equal(recorded[layers[0]], -images)
    for layer in layers[1:]:
        np.testing.assert_array_equal(recorded[layer], images)


def test_names_with_brackets_and_second_names():
    module = nn.Sequential(nn.ModuleDict({'a[0]': nn.Linear(4, 3)})['a[0]'], nn.ReLU())
    module.add_module('b[1]', nn.Linear(3, 2))
    module[0].again = module[2]
    images = torch.rand(5, 4)
    layers = submodules(module, ['b[1]', '0.again'], 'mine')
    assert len(layers) == 2
    recorded = responses(module, images, layers, {})
    np.testing.assert_array_equal(recorded['0.again'], recorded['b[1]'])
    np.testing.assert_allclose(recorded['b[1]'], module(images).detach(), atol=1e-6)


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('kind', ['scripted', 'frozen', 'with a scripted part', 'exported'])
@pytest.mark.several
@pytest.mark.seconds
def test_programs_have_their_output(kind):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    images = torch.rand(2, 3, 6, 6)
    if kind == 'exported':
        batch = {0: torch.export.Dim('batch')}
        program = torch.export.export(network, (images,), dynamic_shapes=(batch,)).module()
    elif kind == 'frozen':
        program = torch.jit.freeze(torch.jit.script(network))
    else:
        program = torch.jit.script(network)
    if kind == 'with a scripted part':
        program = nn.Sequential(nn.Identity(), program)
    with put_back(program):
        assert default_layers(program, images[:1])[-1] == 'output'
        recorded = responses(program, images, submodules(program, ['output'], 'program'), {})['output']
    np.testing.assert_allclose(recorded, network(images).detach(), atol=1e-6)
    if kind == 'with a scripted part':
        with pytest.raises(ModelError, match="layer '1' is in TorchScript, which shows only its output"):
            responses(program, images, submodules(program, ['1'], 'program'), {})


@pytest.mark.parametrize('layer', ['pair[2]', 'pair[a]', 'named[b]', 'nothing[0]'])
def test_tensors_that_an_output_lacks(layer):
    module = Odd()
    with pytest.raises(ModelError, match=rf'layer {re.escape(repr(layer))} does not exist: its module returns a'):
        responses(module, torch.rand(3, 3, 5, 5), submodules(module, [layer], 'odd'), {})


def test_a_network_that_fails():
    def fail(images):
        raise IndexError('no such thing')

    module = Returns(fail)
    with pytest.raises(ModelError, match=r'fails on images of shape \(2, 3\): IndexError: no such thing'):
        responses(module, torch.ones(2, 3), submodules(module, ['output'], 'mine'), {})


def test_the_type_of_the_images():
    module = nn.Linear(2, 2).double()
    first = nn.ParameterList([nn.Parameter(torch.ones(2, dtype=torch.int8), requires_grad=False)])
    assert input_dtype(nn.Sequential(first, module)) == torch.float64
    assert input_dtype(first) == torch.float32
    assert input_dtype(nn.ReLU(), torch.float16) == torch.float16


def test_responses_are_copied_before_an_operation_in_place():
    torch.manual_seed(1)
    conv, norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
    norm.running_mean.fill_(0.2)
    module = nn.Sequential(conv, norm, nn.ReLU(inplace=True), nn.Dropout(0.9), nn.Flatten(), nn.Linear(144, 3))
    images = torch.randn(5, 3, 8, 8)
    recorded = responses(module, images, submodules(module, ['0', '1', '2', '5'], 'm'), {})

    with torch.no_grad():  # step by step, nothing in place
        at_0 = conv(images)
        at_1 = norm.eval()(at_0)
        at_2 = at_1.clamp(min=0)
        at_5 = module[5](at_2.flatten(1))  # evaluation mode: no dropout
    assert (at_1 < 0).any()
    for name, expected in {'0': at_0, '1': at_1, '2': at_2, '5': at_5}.items():
        np.testing.assert_allclose(recorded[name], expected.numpy(), atol=1e-6)
        assert recorded[name].flags.owndata or recorded[name].base is not None


def test_resnet_blocks_are_what_the_network_computes():
    module = random_network('resnet18').eval()
    images = torch.randn(2, 3, 64, 64)
    recorded = responses(module, images, submodules(module, ['layer1.0.bn1', 'layer1.0', 'layer2'], 'resnet18'), {})
    with torch.no_grad():
        x = module.maxpool(functional.relu(module.bn1(module.conv1(images))))
        block = module.layer1[0]
        before = block.bn1(block.conv1(x))
        out = functional.relu(block.bn2(block.conv2(functional.relu(before))) + x)
        stage = module.layer2(module.layer1[1](out))
    for name, expected in {'layer1.0.bn1': before, 'layer1.0': out, 'layer2': stage}.items():
        np.testing.assert_allclose(recorded[name], expected.numpy(), atol=1e-5)


def test_double_precision_is_kept_and_half_widened():
    images = torch.rand(2, 3, 4, 4)
    for dtype, expected in ((torch.float64, np.float64), (torch.float16, np.float32), (torch.bfloat16, np.float32)):
        module = nn.Sequential(nn.Flatten(), nn.Linear(48, 4)).to(dtype)
        recorded = responses(module, images.to(dtype), {'1': module[1]}, {})['1']
        assert recorded.dtype == expected
        np.testing.assert_array_equal(recorded, module(images.to(dtype)).detach().to(torch.float64).numpy())


def test_forward_arguments_are_handed_on():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Identity()

        def forward(self, x, scale=1.0):
            return self.inner(x * scale)

    module = Scaled()
    recorded = responses(module, torch.ones(2, 3), {'inner': module.inner}, {'scale': 3.0})
    assert (recorded['inner'] == 3).all()


class Returns(nn.Module):
    def __init__(self, what):
        super().__init__()
        self.what = what

    def forward(self, x):
        return self.what(x)


@pytest.mark.parametrize(
    'convert',
    [
        lambda x: torch.quantize_per_tensor(x, 0.5, 10, torch.quint8),
        lambda x: x.to_sparse(),
        lambda x: x.flatten(1).to_sparse_csr(),
        lambda x: x.to_mkldnn(),
    ],
    ids=['quantized', 'sparse', 'sparse rows', 'MKL-DNN'],
)
def test_tensors_that_are_stored_otherwise(convert):
    images = torch.arange(12.0).reshape(1, 3, 2, 2) / 2
    module = Returns(convert)
    values = responses(module, images, {'output': module}, {})['output']
    np.testing.assert_array_equal(values.reshape(-1), np.arange(12) / 2)


class Odd(nn.Module):
    """Layers whose outputs cannot be used."""

    def __init__(self):
        super().__init__()
        self.pair = Returns(lambda x: (x, None))
        self.named = Returns(lambda x: {'a': x})
        self.nothing = Returns(lambda x: None)
        self.total = Returns(lambda x: x.sum())
        self.merged = Returns(lambda x: x.mean(0, keepdim=True).repeat(len(x) + 1, 1, 1, 1))
        self.waves = Returns(lambda x: x.to(torch.complex64))
        self.idle = nn.Identity()

    def forward(self, x):
        for child in (self.pair, self.named, self.nothing, self.total, self.merged, self.waves):
            child(x)
        return x


@pytest.mark.parametrize(
    ('layer', 'words'),
    [
        ('pair', "layer 'pair' returns a tuple of 2 (Tensor, NoneType); expected one tensor, such as pair[0]."),
        ('named', "layer 'named' returns a dict; expected one tensor, such as named[a]."),
        ('nothing', "layer 'nothing' returns a NoneType; expected one tensor"),
        ('total', "layer 'total' returns shape () for 3 images; expected a row each"),
        ('merged', "layer 'merged' returns shape (4, 3, 5, 5) for 3 images; expected a row each"),
        ('waves', "layer 'waves' returns complex numbers; expected real ones"),
        ('idle', "layer 'idle' does not run in the forward pass"),
    ],
)
def test_outputs_that_cannot_be_used(layer, words):
    module = Odd()
    with pytest.raises(ModelError) as caught:
        responses(module, torch.rand(3, 3, 5, 5), submodules(module, [layer], 'odd'), {})
    assert words in str(caught.value)
    assert '--layer NAME' in str(caught.value)


@pytest.mark.parametrize(
    ('wrong', 'nearest'), [('layer1.O', 'layer1.0'), ('Layer4.1.conv1', 'layer4.1.conv1'), ('layer22', 'layer2')]
)
@pytest.mark.seconds
def test_unknown_layer_suggests_the_nearest(wrong, nearest):
    with pytest.raises(UnknownNameError) as caught:
        submodules(random_network('resnet18'), ['layer1.0', wrong], 'torchvision:resnet18')
    assert f'unknown layer {wrong!r}' in str(caught.value)
    assert nearest in str(caught.value)
    assert 'torchvision:resnet18' in str(caught.value)


def test_the_whole_network_is_no_layer():
    with pytest.raises(UnknownNameError):
        submodules(Functional(), [''], 'mine')
