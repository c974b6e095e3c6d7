"""The head of a network: its last layer, which depends on the classes that it was trained for."""

import itertools
from collections.abc import Mapping, Sequence

import torch
from torch import nn

#: Layers that heads consist of, besides those without parameters.
_WEIGHTED = (nn.Linear, nn.Conv2d)
_NORMALISATIONS = (nn.LayerNorm, nn.BatchNorm1d)


def resizable(
    module: nn.Module,
    reshaped: Sequence[str],
    own: Mapping[str, torch.Tensor],
    state: Mapping[str, torch.Tensor],
) -> bool:
    """Whether tensors of another shape differ in nothing but the number of classes.

    They then belong to the last layer, and perhaps to auxiliary heads with the same number of outputs.
    """
    if not all(isinstance(_layer(module, name), _WEIGHTED) for name in reshaped):
        return False
    same = all(state[name].dim() and state[name].shape[1:] == own[name].shape[1:] for name in reshaped)
    layers = {_parent(name) for name in reshaped}
    whole = set(reshaped) == {name for name in own if _parent(name) in layers}
    counts = {(own[name].shape[0], state[name].shape[0]) for name in reshaped}
    return same and whole and len(counts) == 1 and _parent(list(own)[-1]) in layers


def resize(module: nn.Module, name: str, value: torch.Tensor) -> None:
    """Replace the weight or bias of a layer by one for another number of classes."""
    layer = _layer(module, name)
    parameter = name.rpartition('.')[2]
    before = getattr(layer, parameter)
    setattr(layer, parameter, nn.Parameter(value.to(before.device, before.dtype), before.requires_grad))
    setattr(layer, 'out_features' if isinstance(layer, nn.Linear) else 'out_channels', len(value))


def missing_head(module: nn.Module, missing: Sequence[str]) -> str | None:
    """Name the submodule that a state dict lacks, if it is a head: all that follows the last other parameter.

    Parameters
    ----------
    module : nn.Module
    missing : sequence of str
        Names of the missing tensors, in the order of the network.
    """
    # Counters of batch normalisation may be missing anywhere.
    names = [name for name in module.state_dict() if not name.endswith('num_batches_tracked')]
    if not missing or len(missing) == len(names) or list(missing) != names[-len(missing) :]:
        return None
    parents = [_parent(name).split('.') for name in missing]
    same = itertools.takewhile(lambda parts: len(set(parts)) == 1, zip(*parents, strict=False))
    head = '.'.join(parts[0] for parts in same)
    if not head or any(name.startswith(f'{head}.') for name in names[: -len(missing)]):
        return None
    layers = [layer for layer in module.get_submodule(head).modules() if list(layer.parameters(recurse=False))]
    known = all(isinstance(layer, _WEIGHTED + _NORMALISATIONS) for layer in layers)
    return head if known and any(isinstance(layer, _WEIGHTED) for layer in layers) else None


def of_another_head(name: str, head: str, own: Mapping[str, torch.Tensor]) -> bool:
    """Whether a tensor that a network lacks belongs to another head in the place of its own, such as a projector."""
    start = 'backbone.' if head.startswith('backbone.') else ''
    top, own_top = (text.removeprefix(start).partition('.')[0] for text in (name, head))
    tops = {other.removeprefix(start).partition('.')[0] for other in own}
    return top == own_top or (top not in tops and not top.isdigit())


def replace(module: nn.Module, head: str) -> None:
    """Replace the head of a network by the identity."""
    setattr(module.get_submodule(_parent(head)), head.rpartition('.')[2], nn.Identity())


def _parent(name: str) -> str:
    return name.rpartition('.')[0]


def _layer(module: nn.Module, name: str) -> nn.Module:
    return module.get_submodule(_parent(name))
