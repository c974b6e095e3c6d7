"""Layers of a network, and their responses."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from m2m_benchmarks.errors import ModelError, UnknownNameError

#: Maximum number of layers that are compared when none is named: enough to follow a hierarchy.
MOST_LAYERS = 20

_TRANSPARENT = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d)
_SKIPPED = (nn.Dropout, nn.Dropout2d, nn.Identity, nn.Flatten, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)


def responses(
    module: nn.Module, images: torch.Tensor, layers: Mapping[str, nn.Module], forward_kwargs: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Record the responses of layers in one forward pass.

    Parameters
    ----------
    module : nn.Module
        Network; it is put into evaluation mode.
    images : tensor, shape (n, channels, height, width)
    layers : mapping
        Name to submodule.
    forward_kwargs : mapping
        Keyword arguments of the forward call.

    Returns
    -------
    dict
        Name to float array, shape (n, ...), copied when the layer responds, so that a later in-place operation does not
        change it.

    Raises
    ------
    ModelError
        When a layer doesn't run, or its output isn't one tensor with a row for each image.
    """
    recorded: dict[str, np.ndarray] = {}
    problems: list[str] = []

    def keep(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if not torch.is_tensor(output):
                problems.append(f'layer {name!r} returns {_describe(output)}; expected one tensor')
            elif output.ndim == 0 or len(output) != len(images):
                shape = tuple(output.shape)
                problems.append(f'layer {name!r} returns shape {shape} for {len(images)} images; expected a row each')
            else:
                values = output.detach().to(torch.float64 if output.dtype == torch.float64 else torch.float32)
                recorded[name] = values.cpu().clone().numpy()

        return hook

    handles = [layer.register_forward_hook(keep(name)) for name, layer in layers.items()]
    try:
        module.eval()
        with torch.no_grad():
            module(images, **forward_kwargs)
    finally:
        for handle in handles:
            handle.remove()
    if problems:
        raise ModelError(f'{problems[0]}. Name another layer, or one inside it: --layer NAME.')
    for name in layers:
        if name not in recorded:
            raise ModelError(f'layer {name!r} does not run in the forward pass. Name another layer: --layer NAME.')
    return recorded


def _describe(output: Any) -> str:
    if isinstance(output, list | tuple):
        return f'a {type(output).__name__} of {len(output)} ({", ".join(type(item).__name__ for item in output[:3])})'
    return f'a {type(output).__name__}'


def submodules(module: nn.Module, names: Sequence[str], identifier: str) -> dict[str, nn.Module]:
    """Look up submodules by name.

    Raises
    ------
    UnknownNameError
        When there is no such submodule; the message lists the nearest names.
    """
    known = dict(module.named_modules())
    known.pop('', None)
    for name in names:
        if name not in known:
            raise UnknownNameError('layer', name, known, f'(of {identifier})')
    return {name: known[name] for name in names}


def default_layers(module: nn.Module, image: torch.Tensor) -> list[str]:
    """List the layers to choose from when a network lists none: its blocks, in the order in which they run.

    Blocks are the children of plain containers: residual, inception or transformer blocks, else activations, poolings
    and linear layers. Convolutions count where a network has no activation modules (it calls functions instead).

    Parameters
    ----------
    module : nn.Module
    image : tensor, shape (1, channels, height, width)
        Image that the network is run on once.

    Returns
    -------
    list of str
        At most 20 names, the first and the last layer among them.

    Raises
    ------
    ModelError
        When no submodule returns a tensor.
    """
    runs: dict[str, int] = {}
    tensors: set[str] = set()
    order: list[str] = []

    def watch(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            runs[name] = runs.get(name, 0) + 1
            if name not in order:
                order.append(name)
            if torch.is_tensor(output) and output.ndim > 1 and len(output) == 1:
                tensors.add(name)

        return hook

    modules = {name: child for name, child in module.named_modules() if name}
    handles = [child.register_forward_hook(watch(name)) for name, child in modules.items()]
    try:
        module.eval()
        with torch.no_grad():
            module(image)
    finally:
        for handle in handles:
            handle.remove()
    usable = {name for name in order if runs[name] == 1 and name in tensors}
    blocks = set(_blocks(module))
    activations = any(_is_activation(modules[name]) for name in order)
    skipped = _SKIPPED + (_CONVOLUTIONS if activations else ())
    chosen = [name for name in order if name in usable & blocks and not isinstance(modules[name], skipped)]
    if len(chosen) < 2:
        chosen = [name for name in order if name in usable]
    if not chosen:
        raise ModelError('no submodule of the network returns one tensor for each image; name a layer: --layer NAME.')
    if len(chosen) > MOST_LAYERS:
        indices = np.linspace(0, len(chosen) - 1, MOST_LAYERS).round().astype(int)
        chosen = [chosen[index] for index in indices]
    return chosen


def _is_activation(module: nn.Module) -> bool:
    return type(module).__module__ == 'torch.nn.modules.activation' and not isinstance(module, nn.MultiheadAttention)


def _has_parts(block: nn.Module) -> bool:
    return any(list(part.children()) for part in block.children())


def _blocks(module: nn.Module, prefix: str = '') -> list[str]:
    names = []
    for name, child in module.named_children():
        path = f'{prefix}{name}'
        # A stage that chains blocks (timm's ConvNeXtStage, torchvision's Encoder) is opened; a block that chains
        # convolutions and their normalisations is not.
        holds_blocks = any(
            type(part) in _TRANSPARENT and sum(_has_parts(block) for block in part.children()) > 1
            for part in child.children()
        )
        if type(child) in _TRANSPARENT or holds_blocks:
            names += _blocks(child, f'{path}.')
        else:
            names.append(path)
    return names
