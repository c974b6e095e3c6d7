"""The types of a network's layers in the order in which they run."""

from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode, resolve_name

from m2m_benchmarks.errors import ModelError

#: What arranges values; copies, converts or compares them; or makes constant ones.
_ARRANGED = (
    *('alias', 'as_strided', 'chunk', 'expand', 'expand_as', 'flatten', 'flip', 'getitem', 'movedim', 'moveaxis'),
    *('narrow', 'permute', 'repeat', 'reshape', 'reshape_as', 'roll', 'select', 'setitem', 'split', 'squeeze'),
    *('swapaxes', 't', 'tensor_split', 'tile', 'transpose', 'unbind', 'unflatten', 'unfold', 'unsqueeze', 'view'),
    'view_as',
)
_CONVERTED = ('clone', 'contiguous', 'copy', 'detach', 'double', 'float', 'half', 'int', 'requires_grad', 'to', 'type')
_COMPARED = ('eq', 'ne', 'gt', 'ge', 'lt', 'le')
_CONSTANT = ('new_zeros', 'new_ones', 'new_empty', 'new_full', 'new_tensor', 'zeros_like', 'ones_like', 'full_like')
_NO_LAYERS = frozenset((*_ARRANGED, *_CONVERTED, *_COMPARED, *_CONSTANT))
#: One name for what is one type of layer under several.
_SAME = {
    **dict.fromkeys(('conv1d', 'conv2d', 'conv3d'), 'convolution'),
    **dict.fromkeys(('conv_transpose1d', 'conv_transpose2d', 'conv_transpose3d'), 'transposed convolution'),
    **dict.fromkeys(('max_pool1d', 'max_pool2d', 'max_pool3d'), 'max pool'),
    **dict.fromkeys(('avg_pool1d', 'avg_pool2d', 'avg_pool3d'), 'average pool'),
    # A mean over all places is a layer in one network and an operation in another.
    **dict.fromkeys(('adaptive_avg_pool1d', 'adaptive_avg_pool2d', 'adaptive_avg_pool3d', 'mean'), 'mean'),
    **dict.fromkeys(('add', 'radd', 'iadd'), 'add'),
    **dict.fromkeys(('sub', 'rsub', 'isub'), 'subtract'),
    **dict.fromkeys(('mul', 'rmul', 'imul', 'multiply'), 'multiply'),
    **dict.fromkeys(('div', 'truediv', 'rtruediv', 'itruediv'), 'divide'),
    **dict.fromkeys(('matmul', 'bmm', 'mm', 'rmatmul'), 'matrix product'),
    **dict.fromkeys(('cat', 'concat', 'concatenate'), 'concatenate'),
    **dict.fromkeys(('dropout', 'dropout1d', 'dropout2d', 'dropout3d', 'alpha_dropout'), 'dropout'),
    'scaled_dot_product_attention': 'attention',
    'hardtanh': 'relu6',  # as which PyTorch runs it
}
#: Functions that are several layers at once.
_SEVERAL = {'multi_head_attention_forward': ('linear', 'attention', 'linear')}


class _Recorder(TorchFunctionMode):
    """Keeps the types of layers that run while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.types: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # What the function calls itself is not recorded, such as what `linear` is made of.
        output = func(*args, **(kwargs or {}))
        if _has_tensor(args) and _has_tensor((output,)):
            self.types += _types_of(resolve_name(func) or func.__name__)
        return output


def _types_of(function: str) -> tuple[str, ...]:
    """Types of layers of a function of PyTorch, such as ('relu',) for `torch.relu_`."""
    name = function.rpartition('.')[2]
    if name == '__get__':  # of a property
        return ()
    name = name.strip('_')
    return () if name in _NO_LAYERS else _SEVERAL.get(name, (_SAME.get(name, name),))


def _has_tensor(values: tuple[Any, ...]) -> bool:
    """Whether a tensor is among values, or in a list of them."""
    parts = (part for value in values for part in (value if isinstance(value, list | tuple) else (value,)))
    return any(isinstance(part, torch.Tensor) for part in parts)


def layer_types(network: nn.Module, image: torch.Tensor, identifier: str) -> list[str]:
    """List the types of a network's layers in the order in which they run.

    The network runs once, in evaluation, and each function of PyTorch that computes new values from others is a layer,
    whether a module or the network itself calls it. So blocks that fuse layers are taken apart, a layer that runs twice
    counts twice, and parts for training alone do not count.

    Parameters
    ----------
    network : nn.Module
        Network that is left in evaluation; it may be on the device meta, without values.
    image : tensor, shape (1, channels, height, width)
        Input, on the network's device.
    identifier : str
        Name for messages.

    Raises
    ------
    ModelError
        When the network doesn't run, or runs without any function that PyTorch tells of, as compiled ones do.
    """
    recorder = _Recorder()
    try:
        network.eval()
        with torch.no_grad(), recorder:
            network(image)
    except Exception as error:
        lines = str(error).strip().splitlines()
        raise ModelError(
            f'the layers of {identifier} cannot be traced: it does not run on an image of '
            f'{" x ".join(map(str, image.shape[1:]))}: {type(error).__name__}: {lines[0] if lines else ""}'
        ) from error
    if not recorder.types:
        raise ModelError(
            f'the layers of {identifier} cannot be traced: it ran without any that PyTorch tells of. Name a network of '
            'PyTorch that is neither scripted nor compiled.'
        )
    return recorder.types
