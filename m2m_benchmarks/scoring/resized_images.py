"""Images at the size of a network's input, decoded and resized once for all networks of that size."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from brainscore_vision.model_helpers.activations.pytorch import load_image, load_images, preprocess_images
from PIL.Image import Image

from m2m_benchmarks.storage import file_state

#: Most bytes of the images that are kept: 1,700 RGB images of 224 x 224.
MOST_BYTES = 256 * 2**20


class ResizedImages:
    """Images that were decoded and resized last.

    Parameters
    ----------
    most_bytes : int
        Most bytes that they take together; those not used for longest are dropped first.

    Attributes
    ----------
    n_bytes : int
        Number of bytes that they take.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._kept: dict[object, Image] = {}
        self.n_bytes = 0

    def load(self, path: str, size: int) -> Image:
        """Read an image file as Brain-Score does, and scale it to size x size pixels."""
        from torchvision.transforms import Resize  # takes a second to import

        state = file_state(Path(path))
        key = path, size, state
        image: Image | None = self._kept.pop(key, None)
        if image is None:
            resized: Image = Resize((size, size))(load_image(path))
            if state is None or file_state(Path(path)) != state:  # of a file that is replaced meanwhile, none is kept
                return resized
            image = resized
            self.n_bytes += _n_bytes(image)
        self._kept[key] = image  # the last
        while self.n_bytes > self._most_bytes:
            self.n_bytes -= _n_bytes(self._kept.pop(next(iter(self._kept))))
        return image


def _n_bytes(image: Image) -> int:
    return image.width * image.height * len(image.getbands())


_IMAGES = ResizedImages(MOST_BYTES)


def load_preprocess_images(paths: Sequence[str], image_size: int, **options: Any) -> np.ndarray:
    """Read and preprocess images with the same result as Brain-Score's function of this name.

    Resizing an image that has the size already changes nothing.
    """
    if options.get('preprocess_type', 'imagenet').lower() == 'imagenet':
        images = [_IMAGES.load(path, image_size) for path in paths]
    else:
        images = load_images(paths)
    preprocessed: np.ndarray = preprocess_images(images, image_size=image_size, **options)
    return preprocessed
