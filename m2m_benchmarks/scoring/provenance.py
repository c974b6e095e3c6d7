"""What a candidate's numbers rest on: its code, its input, its responses, and the machine."""

import hashlib
import inspect
import platform
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from m2m_benchmarks.records.record import Input, Machine
from m2m_benchmarks.storage import sha256_file

if TYPE_CHECKING:
    from m2m_benchmarks.scoring.activations import Activations


def code_of_folder(folder: Path) -> str:
    """SHA-256 of the names and contents of all files in a plugin folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob('*')):
        if path.is_file() and '__pycache__' not in path.parts:
            digest.update(f'{path.relative_to(folder).as_posix()} {sha256_file(path)} '.encode())
    return digest.hexdigest()


def code_of_network(network: nn.Module) -> str | None:
    """SHA-256 of the source files of a network's classes, and of the settings of its modules.

    PyTorch's own source is left out: its version is part of every result. None where a class has no source, as in a
    console.
    """
    files: dict[str, str] = {}
    for kind in {type(module) for module in network.modules()}:
        if kind.__module__.split('.')[0] == 'torch':
            continue
        try:
            source = inspect.getsourcefile(kind)
            text = inspect.getsource(kind) if source is None or not Path(source).is_file() else None
        except (OSError, TypeError):
            return None
        name = f'{kind.__module__}.{kind.__qualname__}'
        files[name] = hashlib.sha256(text.encode()).hexdigest() if text is not None else sha256_file(Path(str(source)))
    settings = [
        (name, attribute, value)
        for name, module in network.named_modules()
        for attribute, value in sorted(vars(module).items())
        if isinstance(value, bool | int | float | str | tuple) and attribute != 'training'
    ]
    return hashlib.sha256(f'{sorted(files.items())} {settings} {network!r}'.encode()).hexdigest()


def family_of(network: nn.Module) -> str:
    """Family of a network: the module that a library defines it in, such as 'squeezenet', or the name of its class."""
    names = type(network).__module__.split('.')
    return names[-1] if names[0] in ('torchvision', 'timm', 'm2m_benchmarks') else type(network).__name__


def machine(device: str | None) -> Machine:
    """The machine that this process runs on."""
    return Machine(
        torch.backends.cpu.get_cpu_capability(),
        torch.get_num_threads(),
        device,
        f'{sys.platform} {platform.machine()}',
    )


def probe_image() -> Image.Image:
    """A fixed image, neither square nor of a usual size, so that any change of the preprocessing shows."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (137, 211, 3), dtype=np.uint8))


def probed(activations: 'Activations') -> torch.Tensor:
    """The fixed image as a network is given it, shape (1, channels, height, width)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'probe.png'
        probe_image().save(path)
        return activations.preprocess([path])


def input_of(activations: 'Activations') -> Input:
    """What a candidate makes of an image before its first layer."""
    image = probed(activations)
    return Input([int(n) for n in image.shape[1:]], hash_of(image.cpu().numpy()))


def responses_of(activations: 'Activations', layers: Iterable[str]) -> str:
    """SHA-256 of the responses of a network's layers to the fixed image."""
    responses = activations.respond(probed(activations), list(layers))
    return hashlib.sha256(str([(layer, hash_of(responses[layer])) for layer in responses]).encode()).hexdigest()


def hash_of(values: Any) -> str:
    """SHA-256 of an array's type, shape and values."""
    values = np.ascontiguousarray(values)
    return hashlib.sha256(f'{values.dtype} {values.shape} '.encode() + values.tobytes()).hexdigest()
