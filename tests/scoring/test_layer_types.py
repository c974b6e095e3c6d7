"""Types of layers: execution order, operations, fused layers, training's parts, networks that can't be traced."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torchvision.ops import Conv2dNormActivation

from m2m_benchmarks.errors import ModelError
from m2m_benchmarks.scoring.layer_types import layer_types

IMAGE = torch.zeros(1, 3, 8, 8)


class Operations(nn.Module):
    """Layers in another order than they are defined in, one twice, one for training alone, and operations."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(3, 2)
        self.auxiliary = nn.Linear(3, 2)
        self.block = Conv2dNormActivation(3, 3, activation_layer=nn.ReLU6)

    def forward(self, images):
        once = self.block(images)
        twice = functional.relu_(self.block(once) + once)
        pooled = nn.functional.max_pool2d(twice, 2).mean((2, 3))
        if self.training:
            return self.auxiliary(pooled)
        return torch.cat([self.last(pooled.reshape(1, -1)[:, :3]).sigmoid()] * 2)


@pytest.mark.parametrize('device', ['cpu', 'meta'])
def test_types_are_in_execution_order(device):
    block = ['convolution', 'batch_norm', 'relu6']
    expected = [*block, *block, 'add', 'relu', 'max pool', 'mean', 'linear', 'sigmoid', 'concatenate']
    assert layer_types(Operations().to(device), IMAGE.to(device), 'x') == expected


def test_modules_and_functions_have_the_same_types():
    layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1)]
    network = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(), nn.Linear(4, 2))

    class Functional(nn.Module):
        def forward(self, images):
            conv, norm = layers[:2]
            values = functional.conv2d(images, conv.weight, conv.bias)
            values = torch.relu(functional.batch_norm(values, norm.running_mean, norm.running_var))
            values = functional.max_pool2d(values, 2).mean((2, 3))
            return network[-1](functional.dropout(values, training=False))

    types = layer_types(network, IMAGE, 'x')
    assert types == ['convolution', 'batch_norm', 'relu', 'max pool', 'mean', 'dropout', 'linear']
    assert layer_types(Functional(), IMAGE, 'x') == types


def test_attention_is_taken_apart():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, images):
            return self.layer(images[:, 0], images[:, 1], images[:, 2])[0]

    assert layer_types(Attention(), IMAGE, 'x') == ['linear', 'attention', 'linear']


def test_networks_that_cannot_be_traced():
    with pytest.raises(ModelError, match='cannot be traced: it does not run on an image of 3 x 8 x 8: RuntimeError'):
        layer_types(nn.Conv2d(4, 1, 1), IMAGE, 'x')
    with pytest.raises(ModelError, match='neither scripted nor compiled'):
        layer_types(torch.jit.script(nn.Sequential(nn.ReLU())), IMAGE, 'x')
    with pytest.raises(ModelError, match='neither scripted nor compiled'):
        layer_types(nn.Identity(), IMAGE, 'x')
