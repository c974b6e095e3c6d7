"""Default weights: which files they are in, and their loading without running code."""

import contextlib
import hashlib
import os
import pickle
import re
import socket
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

_HUGGING_FACE = 'https://huggingface.co/'
#: Files of weights in a repository of Hugging Face, of which timm takes the first that there is.
_FILES = ('model.safetensors', 'pytorch_model.bin')
#: Longest time to wait for a connection to the server of Hugging Face, and for its answer, in seconds.
_SECONDS = 5
#: Longest time that other servers may send nothing, in seconds.
_SECONDS_WITHOUT_DATA = 30
#: SHA-256, or its first digits, in the name of a file of torch.hub.
_NAMED = re.compile(r'-([0-9a-f]{8,64})\.')
#: In the cache of Hugging Face, the name of a file is its whole SHA-256.
_SHA256 = re.compile(r'[0-9a-f]{64}')


def timm_url(name: str) -> str | None:
    """URL of the default weights of a timm model; None if it has none."""
    import timm

    config = timm.get_pretrained_cfg(name)
    if config is None:
        return None
    if config.hf_hub_id:
        return f'{_HUGGING_FACE}{config.hf_hub_id}/resolve/main/{config.hf_hub_filename or _FILES[0]}'
    url, *_ = config.url if isinstance(config.url, tuple) else (config.url,)
    return url or None


def cached_file(url: str) -> Path | None:
    """File that torch.hub or Hugging Face's library has downloaded from an address; None where there is none."""
    if url.startswith(_HUGGING_FACE):
        import huggingface_hub

        owner, name, *_, file = url.removeprefix(_HUGGING_FACE).split('/')
        cached = huggingface_hub.try_to_load_from_cache(f'{owner}/{name}', file)
        return Path(cached) if isinstance(cached, str) else None
    import torch

    path = Path(torch.hub.get_dir()).absolute() / 'checkpoints' / Path(urllib.parse.urlsplit(url).path).name
    return path if path.is_file() else None


@contextlib.contextmanager
def loading(url: str) -> Iterator[None]:
    """Load default weights in the block: no file runs code, and one that differs from the hash in its name is refused.

    torchvision and timm compare the hash only at the download, if at all, and torchvision unpickles the file in full.

    Parameters
    ----------
    url : str
        Address that the weights are downloaded from.

    Raises
    ------
    ValueError
        When the file holds code or is not what its name says.
    ConnectionError
        When the file isn't in the cache and the server of Hugging Face can't be reached.
    """
    checked = _check_names(url, set())
    try:
        with _weights_only(), _in_time(url, cached=bool(checked)):
            yield
    except pickle.UnpicklingError as error:
        raise ValueError(
            f'{cached_file(url)} holds code or Python objects, which are not loaded, or it is damaged. Delete it; it '
            'is downloaded again'
        ) from error
    _check_names(url, checked)


def _check_names(url: str, checked: set[Path]) -> set[Path]:
    """Compare the cached files of an address, except for those in `checked`, with the hashes in their names."""
    urls = [url]
    if url.startswith(_HUGGING_FACE):
        urls += [f'{url.rpartition("/")[0]}/{file}' for file in _FILES]
    files = {path for path in map(cached_file, urls) if path is not None} - checked
    for path in sorted(files):
        blob = path.resolve().name
        named = _SHA256.fullmatch(blob)
        digits = named[0] if named else ''.join(_NAMED.findall(path.name)[-1:])
        if not digits:
            continue
        with path.open('rb') as file:
            sha256 = hashlib.file_digest(file, 'sha256').hexdigest()
        if not sha256.startswith(digits):
            raise ValueError(
                f'{path.resolve() if named else path} is damaged or was replaced: its SHA-256 begins with '
                f'{sha256[:8]}, its name says {digits[:8]}. Delete it, so that it is downloaded again; to load other '
                'weights, name their file (--weights FILE)'
            )
    return files


@contextlib.contextmanager
def _in_time(url: str, cached: bool) -> Iterator[None]:
    """Fail in the block, or look in the cache only, where the server or the proxy to it can't be reached.

    Hugging Face's library would try for a minute, and torch.hub waits for an answer without an end.
    """
    if url.startswith(_HUGGING_FACE):
        with _hugging_face_in_time(url, cached):
            yield
        return
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SECONDS_WITHOUT_DATA)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextlib.contextmanager
def _hugging_face_in_time(url: str, cached: bool) -> Iterator[None]:
    import huggingface_hub.constants as settings
    from huggingface_hub.utils import get_session

    if settings.HF_HUB_OFFLINE:
        yield
        return
    try:
        # By its library's client, and so through the proxy that this would use. Any answer will do.
        get_session().head(settings.ENDPOINT, timeout=_SECONDS)
    except Exception as error:  # versions of it use different clients
        if not cached:
            server = urllib.parse.urlsplit(settings.ENDPOINT).hostname
            unreachable = ConnectionError(f'{server} cannot be reached: {error}')
            unreachable.add_note(url)
            raise unreachable from error
        settings.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        settings.HF_HUB_OFFLINE = False


@contextlib.contextmanager
def _weights_only() -> Iterator[None]:
    """Have torch.load read tensors and plain values only, whatever its caller or the environment says."""
    forced = {'TORCH_FORCE_WEIGHTS_ONLY_LOAD': '1', 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD': '0'}
    before = {name: os.environ.get(name) for name in forced}
    os.environ.update(forced)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
