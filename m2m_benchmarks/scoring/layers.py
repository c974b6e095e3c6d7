"""Layers of a network, and their responses."""

import contextlib
import dataclasses
import errno
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from m2m_benchmarks.errors import ModelError, UnknownNameError
from m2m_benchmarks.storage import errno_of

#: Maximum number of layers that are compared when none is named: enough to follow a hierarchy.
MOST_LAYERS = 20

#: Name of the network's own output as a layer, unless a submodule has it.
OUTPUT = 'output'
#: Name of a tensor in a layer's output: `lstm[0]` in a tuple, `encoder[last_hidden_state]` in a dictionary.
_PART = re.compile(r'(?P<layer>[^\[\]]*)(?P<keys>(?:\[[^\[\]]+\])*)')

_TRANSPARENT = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d)
#: Texts of RuntimeErrors of PyTorch by libraries of a graphics card that get no memory.
_OUT_OF_MEMORY = ('CUDA error: out of memory', 'CUBLAS_STATUS_ALLOC_FAILED', 'CUDNN_STATUS_ALLOC_FAILED')
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
        Name to submodule, as `submodules` returns it.
    forward_kwargs : mapping
        Keyword arguments of the forward call.

    Returns
    -------
    dict
        Name to float array, shape (n, ...), copied when the layer responds, so that a later in-place operation does not
        change it. Of a submodule that runs several times, it is the last response.

    Raises
    ------
    ModelError
        When the network fails, a layer doesn't run, or its output isn't one tensor with a row for each image. Where
        the memory is too small, the network's own exception is not changed (`is_out_of_memory`).
    """
    recorded: dict[str, np.ndarray] = {}
    problems: list[str] = []
    whole = dict(module.named_modules(remove_duplicate=False))

    def keep(name: str, output: Any) -> None:
        try:
            output = output if name in whole else _part(output, name)
        except (LookupError, TypeError, ValueError):
            problems.append(f'layer {name!r} does not exist: its module returns {_describe(output)}')
            return
        if not torch.is_tensor(output):
            parts = ', '.join(_tensors(name, output, len(images))[:3])
            suggested = f', such as {parts}' if parts else ''
            problems.append(f'layer {name!r} returns {_describe(output)}; expected one tensor{suggested}')
        elif output.ndim == 0 or len(output) != len(images):
            shape = tuple(output.shape)
            problems.append(f'layer {name!r} returns shape {shape} for {len(images)} images; expected a row each')
        elif output.is_complex():
            problems.append(f'layer {name!r} returns complex numbers; expected real ones')
        else:
            values = _dense(output.detach())
            dtype = torch.float64 if values.dtype == torch.float64 else torch.float32
            recorded[name] = values.to('cpu', dtype, copy=True).numpy()

    def hook(name: str) -> Any:
        return lambda _module, _inputs, output: keep(name, output)

    # The output is taken from the call itself: TorchScript runs no hooks.
    with _hooks((layer, hook(name)) for name, layer in layers.items() if layer is not module):
        _to_evaluation(module)
        try:
            with torch.no_grad():
                output = module(images, **forward_kwargs)
        except Exception as error:  # anybody's network
            if is_out_of_memory(error):
                raise
            lines = str(error).strip().splitlines()
            raise ModelError(
                f'the network fails on images of shape {tuple(images.shape)}: {type(error).__name__}: '
                f'{lines[0] if lines else ""}'
            ) from error
    for name, layer in layers.items():
        if layer is module:
            keep(name, output)
    if problems:
        raise ModelError(f'{problems[0]}. Name another layer, or one inside it: --layer NAME.')
    for name in layers:
        if name not in recorded:
            inside = isinstance(layers[name], torch.jit.ScriptModule)
            why = 'is in TorchScript, which shows only its output' if inside else 'does not run in the forward pass'
            raise ModelError(f'layer {name!r} {why}. Name another layer: --layer NAME.')
    return recorded


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception of a network means that the memory of its device is too small."""
    if isinstance(error, torch.OutOfMemoryError) or errno_of(error) == errno.ENOMEM:
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY)


def does_not_fit(name: str, shape: Sequence[int], device: torch.device | str) -> ModelError:
    """Make the error of a network that can't be run on a single image, of a shape, for lack of memory."""
    return ModelError(
        f'{name}: an image of shape {tuple(shape)} does not fit in the memory of {device}. Close other programs, or '
        'use smaller images (--image-size), fewer layers (--layer NAME), or a machine with more memory.'
    )


def _dense(values: torch.Tensor) -> torch.Tensor:
    """Convert quantized numbers, and tensors that are stored otherwise than as plain numbers, such as sparse ones."""
    if values.is_quantized:
        return values.dequantize()
    return values if values.layout == torch.strided else values.to_dense()


@dataclasses.dataclass
class CountedBytes:
    """Bytes of tensors in a forward pass; see `counting_bytes`.

    Attributes
    ----------
    recorded : int
        Bytes of the responses that were recorded so far.
    most : int
        Most bytes so far.
    """

    recorded: int = 0
    most: int = 0


@contextlib.contextmanager
def counting_bytes(module: nn.Module, recorded: Sequence[nn.Module]) -> Iterator[CountedBytes]:
    """Count the bytes that the forward passes of the block take: of recorded responses, and of one module at a time.

    Parameters
    ----------
    module : nn.Module
        Network.
    recorded : sequence of nn.Module
        Submodules whose responses are kept until the end.

    Yields
    ------
    CountedBytes
        Counts so far. What a network keeps beside the input and the output of a submodule without parts, such as a
        residual, is not seen.
    """
    count = CountedBytes()

    def hook(child: nn.Module, inputs: Any, output: Any) -> None:
        if any(child is each for each in recorded):
            count.recorded += _n_bytes([output])
        if not list(child.children()):
            count.most = max(count.most, count.recorded + _n_bytes([inputs, output]))

    with _hooks((child, hook) for child in module.modules()):
        yield count


@contextlib.contextmanager
def running(module: nn.Module, kind: type[nn.Module]) -> Iterator[list[str]]:
    """List the submodules of a type as they run in the block, each once.

    Parameters
    ----------
    module : nn.Module
        Network, which is run on one image.
    kind : type

    Yields
    ------
    list of str
        Names so far, in the order of their first run: of those whose output is one tensor with a row for each image.
    """
    names: list[str] = []

    def watch(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if name not in names and _tensors(name, output) == [name]:
                names.append(name)

        return hook

    of_kind = [(child, watch(name)) for name, child in module.named_modules() if name and isinstance(child, kind)]
    with _hooks(of_kind):
        yield names


def _n_bytes(values: Sequence[Any]) -> int:
    """Bytes of the tensors in nested lists and dictionaries, each counted once."""
    sizes: dict[int, int] = {}
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if torch.is_tensor(value):
            sizes[id(value)] = value.numel() * value.element_size()
        else:
            waiting += [item for _, item in _items(value)]
    return sum(sizes.values())


@contextlib.contextmanager
def _hooks(hooks: Iterable[tuple[nn.Module, Any]]) -> Iterator[None]:
    """Register forward hooks of submodules, and remove them on exit."""
    # TorchScript takes no hooks.
    handles = [
        module.register_forward_hook(hook) for module, hook in hooks if not isinstance(module, torch.jit.ScriptModule)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _to_evaluation(module: nn.Module) -> None:
    # Programs of torch.export, and TorchScript that is frozen, have the mode that they were made in.
    with contextlib.suppress(NotImplementedError, AttributeError):
        module.eval()


def input_dtype(module: nn.Module, default: torch.dtype = torch.float32) -> torch.dtype:
    """Type of a network's images: that of its first parameter of real numbers, or the default where it has none."""
    return next((parameter.dtype for parameter in module.parameters() if parameter.is_floating_point()), default)


def _part(output: Any, name: str) -> Any:
    """Take the part of a layer's output that a name such as `lstm[0]` names."""
    match = _PART.fullmatch(name)
    for key in re.findall(r'\[([^\[\]]+)\]', '' if match is None else match['keys']):
        if key in getattr(output, '_fields', ()):  # of a named tuple
            output = getattr(output, key)
        elif isinstance(output, list | tuple):
            output = output[int(key)]
        else:
            output = dict(_items(output))[key]
    return output


def _items(output: Any) -> list[tuple[str, Any]]:
    """List the parts of a layer's output, as they are named: by index, key or field."""
    if isinstance(output, Mapping):
        return [(str(key), value) for key, value in output.items()]
    if isinstance(output, list | tuple):
        return [(str(index), value) for index, value in enumerate(output)]
    if dataclasses.is_dataclass(output):
        return [(field.name, getattr(output, field.name)) for field in dataclasses.fields(output)]
    return []


def _describe(output: Any) -> str:
    if isinstance(output, list | tuple):
        return f'a {type(output).__name__} of {len(output)} ({", ".join(type(item).__name__ for item in output[:3])})'
    return f'a {type(output).__name__}'


def submodules(module: nn.Module, names: Sequence[str], identifier: str) -> dict[str, nn.Module]:
    """Look up the submodules whose outputs layers are.

    Parameters
    ----------
    module : nn.Module
    names : sequence of str
        Name of a submodule; 'output' for the output of the network; either with the keys of one tensor in a tuple or a
        dictionary, such as `lstm[0]`.
    identifier : str
        Name of the network, for messages.

    Returns
    -------
    dict
        Name to submodule.

    Raises
    ------
    UnknownNameError
        When there is no such submodule; the message lists the nearest names.
    """
    known = dict(module.named_modules(remove_duplicate=False))
    known.setdefault(OUTPUT, known.pop(''))
    result = {}
    for name in names:
        match = _PART.fullmatch(name)
        layer = name if name in known or match is None else match['layer']
        if layer not in known:
            raise UnknownNameError('layer', name, known, why=f'{identifier} has no such layer')
        result[name] = known[layer]
    return result


def default_layers(module: nn.Module, image: torch.Tensor) -> list[str]:
    """List the layers to choose from when a network lists none: its blocks, in the order in which they run.

    Blocks are the children of plain containers: residual, inception or transformer blocks, else activations, poolings
    and linear layers. Convolutions count where a network has no activation modules (it calls functions instead). A
    network without such blocks has the submodules that run several times, single tensors of those that return more, and
    its own output. The output is also listed where a part is TorchScript, whose layers can't be recorded.

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
        When neither a submodule nor the network returns a tensor.
    """
    runs: Counter[str] = Counter()
    tensors: dict[str, list[str]] = {}  # of each submodule, in the order in which they run

    def watch(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            runs[name] += 1
            tensors.setdefault(name, _tensors(name, output))

        return hook

    modules = {name: child for name, child in module.named_modules() if name}
    with _hooks((child, watch(name)) for name, child in modules.items()):
        _to_evaluation(module)
        with torch.no_grad():
            output = module(image)
    usable = {name for name in tensors if runs[name] == 1 and tensors[name] == [name]}
    blocks = set(_blocks(module))
    activations = any(_is_activation(modules[name]) for name in tensors)
    skipped = _SKIPPED + (_CONVOLUTIONS if activations else ())
    chosen = [name for name in tensors if name in usable & blocks and not isinstance(modules[name], skipped)]
    if len(chosen) < 2:
        chosen = [name for name in tensors if name in usable]
    own = _tensors(OUTPUT, output) if OUTPUT not in modules else []
    if not chosen:
        chosen = [name for names in tensors.values() for name in names] + own
    elif any(isinstance(child, torch.jit.ScriptModule) for child in modules.values()):  # what it does is not seen
        chosen += own
    if not chosen:
        raise ModelError(
            'neither a submodule nor the network returns one tensor for each image; name a layer: --layer NAME.'
        )
    if len(chosen) > MOST_LAYERS:
        indices = np.linspace(0, len(chosen) - 1, MOST_LAYERS).round().astype(int)
        chosen = [chosen[index] for index in indices]
    return chosen


def _tensors(name: str, output: Any, n_images: int = 1) -> list[str]:
    """Name the tensors of real numbers in the output of a layer that have a row for each image."""
    if torch.is_tensor(output):
        return [name] if output.ndim > 1 and len(output) == n_images and not output.is_complex() else []
    return [part for key, item in _items(output) for part in _tensors(f'{name}[{key}]', item, n_images)]


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
