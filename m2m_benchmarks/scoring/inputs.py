"""Input of a network: image files, preprocessed by its options."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from brainscore_vision.model_helpers.activations.pytorch import load_images, load_preprocess_images

from m2m_benchmarks.errors import ModelError
from m2m_benchmarks.scoring import resized_images
from m2m_benchmarks.scoring.options import NetworkOptions

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
#: Means of the two over the channels, which networks for grey images are normalised with.
GREY_MEAN, GREY_STD = (0.449,), (0.226,)
#: Weights of red, green and blue in the luma of ITU-R BT.601.
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class NetworkInput:
    """Preprocessing of a network.

    Attributes
    ----------
    preprocess : callable
        Function of the paths of image files that returns an array of shape (n_images, channels, height, width).
    text : str
        Description of it.
    image_size : int or None
        Side of the images in pixels; None for a function of the user.
    """

    preprocess: Callable[[Sequence[str]], Any]
    text: str
    image_size: int | None


def network_input(
    options: NetworkOptions,
    image_size: int = 224,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
) -> NetworkInput:
    """Make the preprocessing of a network.

    Parameters
    ----------
    options : NetworkOptions
    image_size, mean, std
        Defaults of a network for RGB images.
    """
    if options.preprocessing is not None:
        function = options.preprocessing
        name = getattr(function, '__qualname__', type(function).__qualname__)
        return NetworkInput(functools.partial(_by_function, function), f'by the function {name}', None)
    size = options.image_size or image_size
    if options.channels == 1:
        mean, std = GREY_MEAN, GREY_STD
    chosen = options.normalisation or (tuple(mean), tuple(std))
    load: Any = _grey if options.channels == 1 else load_preprocess_images
    preprocess = functools.partial(load, image_size=size, normalize_mean=chosen[0], normalize_std=chosen[1])
    kind = 'grey' if options.channels == 1 else 'RGB'
    numbers = (', '.join(f'{value:g}' for value in values) for values in chosen)
    text = '{}, {} x {}, values from 0 to 1 normalised by mean {} and standard deviation {}'
    return NetworkInput(preprocess, text.format(kind, size, size, *numbers), size)


def _grey(
    paths: Sequence[str], image_size: int, normalize_mean: tuple[float], normalize_std: tuple[float]
) -> np.ndarray:
    """Read images as Brain-Score does, reduce them to their luma and normalise it."""
    plain = {'normalize_mean': (0.0, 0.0, 0.0), 'normalize_std': (1.0, 1.0, 1.0)}
    images = resized_images.load_preprocess_images(paths, image_size=image_size, **plain)
    luma = np.tensordot(images, np.array(_LUMA, dtype=images.dtype), axes=(1, 0))[:, None]
    normalised: np.ndarray = ((luma - normalize_mean[0]) / normalize_std[0]).astype(images.dtype)
    return normalised


def _by_function(function: Callable[[Any], Any], paths: Sequence[str]) -> torch.Tensor:
    """Read images and preprocess each by a function of the user.

    Raises
    ------
    ModelError
        When the function fails, or returns something else than tensors of channels x height x width.
    """
    outputs = []
    for image in load_images(paths):
        try:
            output = function(image.convert('RGB'))
        except Exception as error:  # anybody's function
            raise ModelError(f'preprocessing fails on an RGB image: {type(error).__name__}: {error}') from error
        if not isinstance(output, torch.Tensor | np.ndarray) or output.ndim != 3:
            shape = f' of shape {tuple(output.shape)}' if hasattr(output, 'shape') else ''
            raise ModelError(
                f'preprocessing returns a {type(output).__name__}{shape}; expected a tensor of channels x height x '
                'width for each image.'
            )
        outputs.append(torch.as_tensor(output))
    shapes = {tuple(output.shape) for output in outputs}
    if len(shapes) > 1:
        raise ModelError(f'preprocessing returns tensors of different shapes: {sorted(shapes)}; expected one shape.')
    return torch.stack(outputs)
