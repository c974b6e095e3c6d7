"""Whether a network answers an image alike each time, and in any company."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.provenance import preprocess_probe

#: Largest difference of two answers, relative to the largest response, that rounding explains: kernels for one image
#: and for several sum in another order.
_TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-3, torch.float16: 3e-2, torch.bfloat16: 1e-1}


def irregularities(activations: Activations, layers: Sequence[str]) -> list[str]:
    """Describe how the responses of layers to a fixed image depend on more than the image.

    Parameters
    ----------
    activations : Activations
    layers : sequence of str

    Returns
    -------
    list of str
        A sentence without a full stop for each: a network that is random, and one whose answer depends on the other
        images in its batch. Empty for most networks.
    """
    image = preprocess_probe(activations)
    if not torch.equal(image, preprocess_probe(activations)):
        activations.repeatable = False
        return [
            'the preprocessing is random: it makes another input of the same image each time; the score is one draw'
        ]
    with activations.seeded():
        first, second = activations.respond(image, layers), activations.respond(image, layers)
    random = _differing(first, second, 0)
    if random:
        activations.depends_on_batches = True
        with activations.seeded():
            again = activations.respond(image, layers)
        activations.repeatable = not _differing(first, again, 0)
        draw = 'is that of one draw, with random seed 0' if activations.repeatable else 'changes from run to run'
        return [
            f'the network is random: layer {random[0]} answers the same image differently each time (dropout or noise '
            f'that stays on in evaluation mode); the score {draw}'
        ]
    company = 3 * image + 1  # of another mean, variance and maximum
    try:
        with activations.seeded():
            both = activations.respond(torch.cat([image, company]), layers)
    except Exception:  # a network for single images fails, with a message, when it is scored
        return []
    tolerance = _TOLERANCE.get(activations.dtype(image), 1e-3)
    dependent = _differing(first, {layer: both[layer][:1] for layer in layers}, tolerance)
    if dependent:
        activations.depends_on_batches = True
        return [
            f'the answer of layer {dependent[0]} to an image depends on the other images in its batch (batch '
            'normalisation without running statistics, or the like); the score depends on the size of the batches'
        ]
    return []


def _differing(first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray], tolerance: float) -> list[str]:
    """List the layers whose responses differ by more than a share of the largest one."""
    differing = []
    for layer, values in first.items():
        values = values.astype(float)
        largest = np.abs(values).max(initial=0, where=np.isfinite(values))
        if not np.allclose(values, second[layer], rtol=0, atol=tolerance * largest, equal_nan=True):
            differing.append(layer)
    return differing
