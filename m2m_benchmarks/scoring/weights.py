"""Loads weights from files, without running code, and computes their fingerprint."""

import hashlib
import pickle
import urllib.parse
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from m2m_benchmarks.errors import ModelError


def download_weights(url: str, sha256: str) -> Path:
    """Download a weights file into torch.hub's folder, unless it is there, and check its hash.

    Raises
    ------
    ModelError
        When it can't be downloaded, or has another hash.
    """
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    # The name alone, without a query: its end says how to read the file.
    path = folder / f'{sha256[:16]}-{Path(urllib.parse.urlsplit(url).path).name[-100:]}'
    if path.is_file():
        with path.open('rb') as file:
            if hashlib.file_digest(file, 'sha256').hexdigest() == sha256:
                return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=sha256, progress=False)
    except (OSError, RuntimeError, ValueError) as error:  # wrong hash: RuntimeError; invalid address: ValueError
        raise ModelError(
            f'could not download weights with SHA-256 {sha256} from {url}: {error}. Connect to the network, or put the '
            f'file at {path}.'
        ) from error
    return path


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict from a .pth/.pt or .safetensors file.

    Raises
    ------
    ModelError
        When the file is missing, incomplete, or holds code or anything but tensors.
    """
    if not path.is_file():
        raise ModelError(f'there is no weights file {path}.')
    state: Any
    try:
        if path.suffix == '.safetensors':
            state = safetensors.torch.load_file(path)
        else:
            state = torch.load(path, map_location='cpu', weights_only=True)
    except (safetensors.SafetensorError, EOFError, OSError, RuntimeError, zipfile.BadZipFile) as error:
        raise ModelError(f'{path} cannot be read as weights: it is cut short or damaged. Copy it again.') from error
    except (pickle.UnpicklingError, AttributeError, ImportError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f'{path} is not a plain state dict: it holds code or Python objects, which are not loaded, or it is '
            'damaged. Save `model.state_dict()` with torch.save or safetensors.'
        ) from error
    for key in ('state_dict', 'model'):  # training scripts often wrap the state dict
        if isinstance(state, Mapping) and isinstance(state.get(key), Mapping):
            state = state[key]
    if not isinstance(state, Mapping) or not state or not all(torch.is_tensor(value) for value in state.values()):
        raise ModelError(f'{path} does not hold a state dict; expected a mapping of names to tensors.')
    return {str(name): value for name, value in state.items()}


def apply_weights(module: torch.nn.Module, state: Mapping[str, torch.Tensor], path: Path, identifier: str) -> None:
    """Load a state dict, all of whose tensors must fit.

    All names may have one more prefix, such as the `module.` of a DataParallel or the `model.` of a Lightning module.
    The `backbone.` of a network with a stage before its backbone may be missing: the weights of a library's network fit
    the same network with NeuRN.

    Raises
    ------
    ModelError
        When tensors are missing, left over or of another shape: the weights are for another architecture.
    """
    own = module.state_dict()
    state = renamed(state, own)
    missing = [name for name in own if name not in state]
    extra = [name for name in state if name not in own]
    reshaped = [name for name in own if name in state and own[name].shape != state[name].shape]
    if missing or extra or reshaped:
        problems = []
        if missing:
            problems.append(f'{len(missing)} of its {len(own)} tensors are missing, such as {missing[0]}')
        if extra:
            problems.append(f'{len(extra)} tensors do not belong to it, such as {extra[0]}')
        if reshaped:
            name = reshaped[0]
            problems.append(
                f'{len(reshaped)} have another shape: {name} is {tuple(state[name].shape)}, '
                f'expected {tuple(own[name].shape)}'
            )
        raise ModelError(f'{path} holds the weights of another architecture than {identifier}: {"; ".join(problems)}.')
    module.load_state_dict(dict(state))


def renamed(state: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
    """Rename the tensors of a state dict as a network does: without the prefix of a wrapper, or in its backbone."""
    if own.keys() & state.keys():
        return state
    for prefix in sorted({name.removesuffix(last) for last in own for name in state if name.endswith(f'.{last}')}):
        if all(name.startswith(prefix) for name in state):
            return {name.removeprefix(prefix): value for name, value in state.items()}
    in_front = {f'backbone.{name}': value for name, value in state.items()}
    if own.keys() & in_front.keys():
        return in_front
    of_wrapper = {f'backbone.{name.partition(".")[2]}': value for name, value in state.items()}
    return of_wrapper if own.keys() & of_wrapper.keys() else state


def n_outputs(state: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]) -> int | None:
    """Count the classes of a state dict that differs from a network's own in their number alone; None for others."""
    state = renamed(state, own)
    if state.keys() != own.keys():
        return None
    reshaped = [name for name in own if state[name].shape != own[name].shape]
    counts = {(state[name].shape[0], own[name].shape[0]) for name in reshaped if state[name].dim() and own[name].dim()}
    same = all(state[name].shape[1:] == own[name].shape[1:] for name in reshaped)
    return counts.pop()[0] if len(counts) == 1 and same else None


def weights_sha256(module: torch.nn.Module) -> str:
    """Hash the names, types, shapes and values of all parameters and buffers by SHA-256.

    The hash depends on the values only, not on the file, download or seed that they are from.
    """
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        if not torch.is_tensor(value):
            digest.update(f'{name} {value!r}'.encode())
            continue
        value = value.detach().cpu().contiguous()
        digest.update(f'{name} {value.dtype} {tuple(value.shape)} '.encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
