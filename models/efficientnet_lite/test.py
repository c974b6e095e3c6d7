import pytest
from brainscore_vision import load_model


@pytest.mark.private_access
def test_layers_exist():
    model = load_model('efficientnet_lite0')
    for layer in model.layers:
        assert model.activations_model.get_layer(layer) is not None
