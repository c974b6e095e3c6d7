"""Grey pixels at 64 x 64: the lower control for every mouse benchmark."""

import functools

import numpy as np
import torch
from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper, load_images
from brainscore_vision.model_helpers.brain_transformation import ModelCommitment
from PIL import Image

IMAGE_SIZE = 64
LAYERS = ['pixels']
AREAS = ('VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl', 'V1', 'V2', 'V4', 'IT')
BIBTEX = ''


class Pixels(torch.nn.Module):
    """Identity: returns its input."""

    def __init__(self) -> None:
        super().__init__()
        self.pixels = torch.nn.Identity()
        # Brain-Score's wrapper takes the type of its input from the first parameter.
        self.unused = torch.nn.Parameter(torch.zeros(1), requires_grad=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return images of shape (n, 1, 64, 64) unchanged."""
        pixels: torch.Tensor = self.pixels(images)
        return pixels


def preprocess(paths: list[str], image_size: int) -> torch.Tensor:
    """Load whole images, grey, at image_size x image_size, in [0, 1]."""
    size = (image_size, image_size)
    images = [image.convert('RGB').resize(size, Image.Resampling.BILINEAR) for image in load_images(paths)]
    return torch.stack([_grey(torch.from_numpy(np.array(image))) / 255 for image in images])


def _grey(image: torch.Tensor) -> torch.Tensor:
    """Convert a uint8 image (height, width, 3) to grey (1, height, width) like torchvision, which is slow to import."""
    red, green, blue = image.unbind(-1)
    return (0.2989 * red + 0.587 * green + 0.114 * blue).to(torch.uint8)[None]


def pixels() -> ModelCommitment:
    """Build the control as a Brain-Score model."""
    preprocessing = functools.partial(preprocess, image_size=IMAGE_SIZE)
    wrapper = PytorchWrapper(identifier='pixels_64', model=Pixels(), preprocessing=preprocessing)
    wrapper.image_size = IMAGE_SIZE
    return ModelCommitment(
        identifier='pixels_64',
        activations_model=wrapper,
        layers=LAYERS,
        region_layer_map=dict.fromkeys(AREAS, 'pixels'),
        visual_degrees=8,
    )
