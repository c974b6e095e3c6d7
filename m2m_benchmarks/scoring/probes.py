"""Images on which stored responses of a network are compared with those that it gives now.

Responses of one network differ a little between machines: kernels for other processors, threads and batches sum in
another order. A network that was changed differs by far more.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from m2m_benchmarks.scoring.provenance import IMAGES, hash_inputs

if TYPE_CHECKING:
    from m2m_benchmarks.scoring.activations import Activations

#: Largest difference of two responses, relative to their length, that other kernels explain, by the type that a network
#: computes with. For float32 it is 40 times the largest that was measured: between one thread of vector kernels and two
#: of PyTorch's default ones, 7e-6 in ResNet-50, 4e-6 in a ResNet-18 with NeuRN, and 9e-7 in SqueezeNet and a vision
#: transformer, all with random weights. Those of float16 and bfloat16 are 20 times the unit roundoff, since the
#: responses of every layer are rounded. A ReLU that becomes a leaky one of slope .01 changes its responses by 1e-2.
_TOLERANCE = {torch.float64: 1e-10, torch.float32: 3e-4, torch.float16: 1e-2, torch.bfloat16: 8e-2}

#: Groups of units and random sums of each group that summarise the responses of a layer.
_GROUPS, _SUMS = 64, 4


class Probe:
    """Responses of a network's layers to the fixed images and some stimuli, each of which is a batch of its own.

    Parameters
    ----------
    activations : Activations
    layers : sequence of str
    stimuli : sequence of Path
        At least one image.

    Attributes
    ----------
    input_shape : tuple of int
        Channels, height and width of the network's input.
    dtype : torch.dtype
        Type of the numbers that the network computes with.
    input_sha256 : str
        SHA-256 of the fixed images after preprocessing.
    shapes, widths, dtypes : dict
        Layer to the shape of its response to one image, the number of its units, and their type.
    summaries : dict
        Layer to array, shape (n_images, at most 256); see `summarise`.
    """

    def __init__(self, activations: 'Activations', layers: Sequence[str], stimuli: Sequence[Path]) -> None:
        inputs: list[torch.Tensor] = []
        rows: dict[str, list[np.ndarray]] = {layer: [] for layer in layers}
        for path in (*IMAGES, *stimuli):
            image = activations.preprocess([path])
            with activations.seeded():
                responses = activations.respond(image, layers)
            if path in IMAGES:
                inputs.append(image)
            for layer in layers:
                rows[layer].append(summarise(responses[layer].reshape(-1)))
        self.input_shape = tuple(image.shape[1:])
        self.dtype = activations.dtype(image)
        self.input_sha256 = hash_inputs(inputs)
        self.shapes = {layer: responses[layer].shape[1:] for layer in layers}
        self.widths = {layer: responses[layer].size for layer in layers}
        self.dtypes = {layer: responses[layer].dtype for layer in layers}
        self.summaries = {layer: np.stack(rows[layer]) for layer in layers}


def summarise(responses: np.ndarray) -> np.ndarray:
    """Summarise the responses of all units by few numbers, whose differences are as long as those of the responses.

    Parameters
    ----------
    responses : array, shape (n_units,)

    Returns
    -------
    array, shape (min(n_units, 256),)
        The responses themselves, or sums of 64 groups of neighbouring units with four sets of random signs, divided by
        2, in float64.

    Notes
    -----
    Sums with random signs keep the expected square of the length of a vector (Johnson & Lindenstrauss 1984; Achlioptas
    2003), and that of the difference of two vectors, so that a change of any unit shows.
    """
    values = np.asarray(responses, dtype=float)
    if len(values) <= _GROUPS * _SUMS:
        return values
    width = -(-len(values) // _GROUPS)
    padded = np.zeros(_GROUPS * width)
    padded[: len(values)] = values
    signs = np.random.default_rng(0).integers(0, 2, (width, _SUMS)) * 2.0 - 1
    with np.errstate(invalid='ignore'):  # infinity is refused later, by name
        summary: np.ndarray = (padded.reshape(_GROUPS, width) @ signs).ravel() / np.sqrt(_SUMS)
    return summary


def deviation(first: np.ndarray, second: np.ndarray) -> float:
    """Largest difference of two sets of summaries, relative to the longer of the two.

    Parameters
    ----------
    first, second : array, shape (n_images, n_numbers)

    Returns
    -------
    float
        Infinity where they have other shapes, or aren't finite.
    """
    if first.shape != second.shape or not (np.isfinite(first).all() and np.isfinite(second).all()):
        return float('inf')
    lengths = np.maximum(np.linalg.norm(first, axis=1), np.linalg.norm(second, axis=1))
    differences = np.linalg.norm(first - second, axis=1)
    return float(np.max(differences / np.where(lengths > 0, lengths, 1), initial=0))


def tolerance(dtype: torch.dtype, device: torch.device) -> float:
    """Return the largest deviation that other kernels explain.

    Parameters
    ----------
    dtype : torch.dtype
        Type of the numbers that a network computes with.
    device : torch.device
        Device that it runs on. GPUs round the factors of float32 to TF32, which has the digits of float16.
    """
    if dtype == torch.float32 and device.type != 'cpu':
        dtype = torch.float16
    return _TOLERANCE.get(dtype, _TOLERANCE[torch.float32])
