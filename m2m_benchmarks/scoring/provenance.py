"""Fingerprints of what a candidate's numbers depend on: its code, input and responses, and the machine."""

import functools
import hashlib
import inspect
import platform
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from m2m_benchmarks.records.record import Input, Machine
from m2m_benchmarks.scoring import source_files
from m2m_benchmarks.scoring.own_modules import plain_name
from m2m_benchmarks.scoring.requests import processor_names
from m2m_benchmarks.storage import sha256_file

if TYPE_CHECKING:
    from m2m_benchmarks.scoring.activations import Activations

#: Fixed image, neither square nor of a usual size, so that any change of the preprocessing shows. It comes with the
#: library: a temporary file would outlive a process that is killed.
COLOURED = Path(__file__).with_name('probe_images') / 'coloured.png'
#: Images that every network is run on: random pixels, coloured and grey, and random squares, black and white.
IMAGES = (COLOURED, COLOURED.with_name('grey.png'), COLOURED.with_name('black_and_white.png'))


def code_of_folder(folder: Path) -> str:
    """Hash the names and contents of all files in a plugin folder by SHA-256, those in linked folders too."""
    digest = hashlib.sha256()
    for path in sorted(_files(folder, (folder.resolve(),))):
        digest.update(f'{path.relative_to(folder).as_posix()} {sha256_file(path)} '.encode())
    return digest.hexdigest()


def _files(folder: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    """List the files below a folder but for bytecode; `above` are the folders around it, to which links may lead."""
    for path in folder.iterdir():
        if path.is_dir():
            target = path.resolve()
            if path.name != '__pycache__' and target not in above:
                yield from _files(path, (*above, target))
        elif path.is_file():
            yield path


def code_of_function(function: object) -> str | None:
    """Hash the file of a function, or of the class of a callable object, by SHA-256; None where there is none.

    For a file that the user names, this includes the modules that it imports from its folder. For an object such as
    torchvision's Compose, it includes the files of the functions and objects that it holds.
    """
    files: set[str] = set()
    waiting: list[Any] = [function]
    seen: list[Any] = []
    while waiting:
        held = waiting.pop()
        if any(held is each for each in seen):
            continue
        seen.append(held)
        if isinstance(held, list | tuple):
            waiting += held
        elif isinstance(held, dict):
            waiting += held.values()
        elif isinstance(held, functools.partial):
            waiting += [held.func, *held.args, *held.keywords.values()]
        elif callable(held):
            own = held if inspect.isroutine(held) or inspect.isclass(held) else type(held)
            try:
                files.add(_hash_source(Path(str(inspect.getsourcefile(own)))))
            except (OSError, TypeError):
                if held is function:
                    return None
                files.add(f'{own.__module__}.{own.__qualname__}')  # built in
            waiting += [getattr(held, '__self__', None), {} if own is held else getattr(held, '__dict__', {})]
    return hashlib.sha256(repr(sorted(files)).encode()).hexdigest() if files else None


def _hash_source(file: Path) -> str:
    return source_files.source_of(file) or sha256_file(file)


def code_of_network(network: nn.Module) -> str | None:
    """Hash the source files of a network's classes and the settings of its modules by SHA-256.

    PyTorch's source is left out: its version is part of every result. None where a class has no source file, for
    example in a console.
    """
    files: dict[str, str] = {}
    for module_class in {type(module) for module in network.modules()}:
        if module_class.__module__.split('.')[0] == 'torch':
            continue
        try:
            source = inspect.getsourcefile(module_class)
            text = inspect.getsource(module_class) if source is None or not Path(source).is_file() else None
        except (OSError, TypeError):
            return None
        name = f'{plain_name(module_class.__module__)}.{module_class.__qualname__}'
        files[name] = hashlib.sha256(text.encode()).hexdigest() if text is not None else _hash_source(Path(str(source)))
    settings = [
        (name, attribute, value)
        for name, module in network.named_modules()
        for attribute, value in sorted(vars(module).items())
        if isinstance(value, bool | int | float | str | tuple) and attribute != 'training'
    ]
    return hashlib.sha256(f'{sorted(files.items())} {settings} {network!r}'.encode()).hexdigest()


def family_of(network: nn.Module) -> str:
    """Family of a network: the library's module that defines it, such as 'squeezenet', or the name of its class."""
    names = type(network).__module__.split('.')
    return names[-1] if names[0] in ('torchvision', 'timm', 'm2m_benchmarks') else type(network).__name__


def machine(device: str | None) -> Machine:
    """Describe the machine that this process runs on."""
    return Machine(
        torch.backends.cpu.get_cpu_capability(),
        torch.get_num_threads(),
        device,
        f'{sys.platform} {platform.machine()}',
        ', '.join([*processor_names(), *_cards(device)]) or None,
    )


def _cards(device: str | None) -> list[str]:
    return [torch.cuda.get_device_name(device)] if (device or '').startswith('cuda') else []


def preprocess_probe(activations: 'Activations') -> torch.Tensor:
    """Preprocess the fixed image for a network: shape (1, channels, height, width)."""
    return activations.preprocess([COLOURED])


def input_of(activations: 'Activations') -> Input:
    """Describe a candidate's input: the fixed images after preprocessing."""
    images = [activations.preprocess([path]) for path in IMAGES]
    return Input([int(n) for n in images[0].shape[1:]], hash_inputs(images))


def responses_of(activations: 'Activations', layers: Iterable[str]) -> str:
    """Hash the responses of a network's layers to the fixed images, and its batch size if one is chosen, by SHA-256."""
    hashed: list[Any] = []
    for path in IMAGES:
        with activations.seeded():
            responses = activations.respond(activations.preprocess([path]), list(layers))
        hashed += [(layer, hash_array(responses[layer])) for layer in responses]
    if activations.batch_size is not None:
        hashed.append(activations.batch_size)
    return hashlib.sha256(str(hashed).encode()).hexdigest()


def hash_inputs(images: Iterable[torch.Tensor]) -> str:
    """Hash preprocessed images, each a batch of its own, by SHA-256."""
    return hashlib.sha256(str([hash_array(image.cpu().numpy()) for image in images]).encode()).hexdigest()


def hash_array(values: Any) -> str:
    """Hash an array's type, shape and values by SHA-256."""
    values = np.ascontiguousarray(values)
    return hashlib.sha256(f'{values.dtype} {values.shape} '.encode() + values.tobytes()).hexdigest()
