import pytest
from brainscore_vision import load_model

from ..neurn.backbones import BACKBONES


@pytest.mark.private_access
@pytest.mark.memory_intense
@pytest.mark.parametrize('backbone', BACKBONES)
def test_layers_exist(backbone):
    model = load_model(f'plain_{backbone}')
    for layer in model.layers:
        assert model.activations_model.get_layer(layer) is not None
