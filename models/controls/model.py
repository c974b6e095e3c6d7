"""Grey pixels at 64 x 64: the lower control of every mouse benchmark."""

import functools

import torch
from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper, load_images
from brainscore_vision.model_helpers.brain_transformation import ModelCommitment
from torchvision.transforms.functional import pil_to_tensor, resize, rgb_to_grayscale

IMAGE_SIZE = 64
LAYERS = ['pixels']
AREAS = ('VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl', 'V1', 'V2', 'V4', 'IT')
BIBTEX = ''


class Pixels(torch.nn.Module):
    """Hands its input on."""

    def __init__(self) -> None:
        super().__init__()
        self.pixels = torch.nn.Identity()
        # Brain-Score's wrapper takes the type of its input from the first parameter.
        self.unused = torch.nn.Parameter(torch.zeros(1), requires_grad=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images of shape (n, 1, 64, 64), unchanged."""
        pixels: torch.Tensor = self.pixels(images)
        return pixels


def preprocess(paths: list[str], image_size: int) -> torch.Tensor:
    """Whole images, grey, at image_size x image_size, in [0, 1]."""
    images = [resize(image.convert('RGB'), [image_size, image_size]) for image in load_images(paths)]
    return torch.stack([rgb_to_grayscale(pil_to_tensor(image)) / 255 for image in images])


def pixels() -> ModelCommitment:
    """The control as a Brain-Score model."""
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
