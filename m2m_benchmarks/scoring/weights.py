"""Loads weights from files, without running code, and computes their fingerprint."""

import argparse
import hashlib
import pickle
import re
import tarfile
import urllib.parse
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch

from m2m_benchmarks.errors import ModelError
from m2m_benchmarks.scoring.heads import missing_head, of_another_head, replace, resizable, resize
from m2m_benchmarks.scoring.state_dicts import renamed, state_dict_in


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
    """Read the state dict of a checkpoint file; see `read_checkpoint`."""
    return read_checkpoint(path)[0]


def read_checkpoint(path: Path) -> tuple[dict[str, torch.Tensor], str]:
    """Read a state dict from a file of torch.save or safetensors, whatever its name ends in.

    Parameters
    ----------
    path : Path
        File that holds a state dict, or a dictionary with one or more of them, as training scripts save it.

    Returns
    -------
    state : dict
        Name to tensor.
    origin : str
        Key of the state dict in the file, and those of others that were not taken, in words; '' where the file holds
        nothing else.

    Raises
    ------
    ModelError
        When the file is missing, incomplete or something else, or holds code or no state dict.
    """
    if not path.is_file():
        raise ModelError(f'there is no weights file {path}.')
    try:
        content = _load(path)
    except (safetensors.SafetensorError, EOFError, OSError, RuntimeError, *_BAD_ARCHIVES) as error:
        raise ModelError(f'{path} cannot be read as weights: it is cut short or damaged. Copy it again.') from error
    except (pickle.UnpicklingError, AttributeError, ImportError, IndexError, KeyError, TypeError, ValueError) as error:
        refused = re.search(r'GLOBAL (\S+)', str(error))
        named = f' ({refused[1]})' if refused else ''
        raise ModelError(
            f'{path} is not a plain state dict: it holds code or Python objects{named}, which are not loaded, or it is '
            'damaged. Save `model.state_dict()` with torch.save or safetensors.'
        ) from error
    return state_dict_in(content, path)


#: Files that are mistaken for weights, by their first bytes.
_OTHERS = {
    b'version https://git-lfs': 'is a git-lfs pointer, not the weights that it stands for. Run `git lfs pull`, or '
    'download the file itself.',
    b'<': 'is a page (HTML or XML), as servers send it instead of a file. Download the file itself, from its direct '
    'address.',
    b'\x89HDF': 'is an HDF5 file, as Keras writes it. Save the state dict of a PyTorch network.',
    b'\x1f\x8b': 'is compressed by gzip. Unpack it, and name the file in it.',
    b'{': 'is JSON text, such as the index of weights in several files. Load these files in Python, and save their '
    'tensors as one.',
}
_BAD_ARCHIVES = (zipfile.BadZipFile, tarfile.TarError)
#: First bytes of the files of torch.save: a zip archive, or a pickle.
_TORCH = (b'PK', b'\x80')

_scalar = np.float64().__reduce__()[0]
#: What training scripts save beside a network: their arguments, and numbers of numpy. None of these runs code.
_HARMLESS: list[Any] = [
    argparse.Namespace,
    (PurePosixPath, 'pathlib.PosixPath'),
    (PureWindowsPath, 'pathlib.WindowsPath'),
    (_scalar, 'numpy.core.multiarray.scalar'),
    (_scalar, 'numpy._core.multiarray.scalar'),
    np.dtype,
    *(type(np.dtype(code)) for code in '?bhilqBHILQefd'),
]


def _load(path: Path) -> Any:
    """Load the content of a file by its first bytes: names often end in something else.

    Raises
    ------
    ModelError
        When it is a known kind of file that isn't weights.
    """
    with path.open('rb') as file:
        start = file.read(512)
    if not start:
        raise ModelError(f'{path} is empty. Copy it again.')
    for first, description in _OTHERS.items():
        if start.lstrip(b'\xef\xbb\xbf \t\r\n').startswith(first):
            raise ModelError(f'{path} {description}')
    if start[8:9] == b'{':  # after the length of the header
        return safetensors.torch.load_file(path)
    if start[257:262] == b'ustar':
        with tarfile.open(path) as tar:  # torch.save wrote such archives until 2017
            if 'storages' not in tar.getnames():
                raise ModelError(f'{path} is a tar archive. Unpack it, and name the file in it.')
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        members = [name.partition('/')[2] for name in names]
        if 'constants.pkl' in members:
            raise ModelError(
                f'{path} is a TorchScript program, not a state dict. In Python, save the state dict of '
                '`torch.jit.load(FILE)`, or score the program itself.'
            )
        if any(name.endswith('.npy') for name in names):
            raise ModelError(
                f'{path} is an .npz of numpy. Load its arrays into the network in Python, and save '
                '`model.state_dict()` with torch.save or safetensors.'
            )
        if 'data.pkl' not in members:
            raise ModelError(f'{path} is a zip archive that torch.save did not write. Unpack it, and name the file.')
    elif not start.startswith(_TORCH):
        raise ModelError(
            f'{path} is neither a file of torch.save nor of safetensors, or its start is damaged. Save '
            '`model.state_dict()` of a PyTorch network with either.'
        )
    with path.open('rb') as file, torch.serialization.safe_globals(_HARMLESS):  # of a path, torch looks at the name
        return torch.load(file, map_location='cpu', weights_only=True)


def apply_weights(module: torch.nn.Module, state: Mapping[str, torch.Tensor], path: Path, identifier: str) -> list[str]:
    """Load a state dict into a network.

    All tensors below the last layer must fit. That layer takes over the number of classes of the state dict; where the
    state dict doesn't have it, or has another head instead, it is replaced by the identity. Names are those of the
    network, below the prefix of a wrapper (`state_dicts.renamed`), or older ones that the network itself knows.

    Parameters
    ----------
    module : nn.Module
        Network; it is not changed when the weights don't fit.
    state : mapping
        Name to tensor.
    path : Path
        File of the state dict, for messages.
    identifier : str
        Name of the network, for messages.

    Returns
    -------
    list of str
        Parts that were left out: the head of the network, and other parts of the training module.

    Raises
    ------
    ModelError
        When tensors are missing, left over or of another shape: the weights are for another architecture. When some
        aren't plain numbers, and those of the network are.
    """
    own = {name: value.detach().clone() for name, value in module.state_dict().items() if torch.is_tensor(value)}
    state, left_out = renamed(state, own, path)
    for name in own:
        odd = _storage(state[name]) if name in state and _storage(own[name]) is None else None
        if odd is not None:
            raise ModelError(
                f'{path}: {name} is {odd}; {identifier} has plain numbers there. Save the weights as plain numbers.'
            )
    reshaped = [name for name in own if name in state and own[name].shape != state[name].shape]
    fitting = {name: value for name, value in state.items() if name not in reshaped}
    problems = []
    try:
        loaded = module.load_state_dict(fitting, strict=False)  # it knows older names, and counters that may be missing
        missing = [name for name in own if name in loaded.missing_keys and name not in reshaped]
        head = missing_head(module, missing)
        extra = [name for name in loaded.unexpected_keys if head is None or not of_another_head(name, head, own)]
        if missing and head is None:
            problems.append(f'{len(missing)} of its {len(own)} tensors are missing, such as {missing[0]}')
        if extra:
            problems.append(f'{len(extra)} tensors do not belong to it, such as {extra[0]}')
        if reshaped and not resizable(module, reshaped, own, state):
            name = reshaped[0]
            problems.append(
                f'{len(reshaped)} have another shape: {name} is {tuple(state[name].shape)}, '
                f'expected {tuple(own[name].shape)}'
            )
    except RuntimeError as error:  # a tensor under an older name, of another shape
        problems.append(' '.join(str(error).split())[:300])
    if problems:
        module.load_state_dict(own, strict=False)
        raise ModelError(
            f'{path} holds the weights of a different architecture from {identifier}: {"; ".join(problems)}.'
        )
    for name in reshaped:
        resize(module, name, state[name])
    if head is not None:
        left_out = [head, *left_out]
        replace(module, head)
    return left_out


def _storage(tensor: torch.Tensor) -> str | None:
    """Say what a tensor is that holds no plain real numbers; None for those that do."""
    if tensor.is_quantized:
        return 'quantized'
    if tensor.layout != torch.strided:
        return 'a sparse tensor'
    if tensor.is_meta:
        return 'on the meta device, without numbers'
    return 'of complex numbers' if tensor.is_complex() else None


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
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
