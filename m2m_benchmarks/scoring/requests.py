"""Keys of requests for a score: a request with a known key is answered from the results without loading PyTorch.

This module has no slow imports.
"""

import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from m2m_benchmarks.benchmarks.identifiers import parse
from m2m_benchmarks.benchmarks.names import datasets_of
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.degrees import stimulus_degrees
from m2m_benchmarks.data.versions import Version
from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.plugins import OWN, plugins_folder, registered
from m2m_benchmarks.records import store
from m2m_benchmarks.records.record import Library, Result
from m2m_benchmarks.scoring import source_files
from m2m_benchmarks.scoring.specs import is_folder
from m2m_benchmarks.storage import file_state, sha256_file

#: Subpackages whose code the numbers depend on.
_ROOMS = ('arrays', 'benchmarks', 'data', 'metrics', 'models', 'plugins', 'scoring')
#: Packages that the numbers depend on.
PACKAGES = (
    *('m2m-benchmarks', 'brainscore-vision', 'brainscore-core', 'torch', 'torchvision', 'timm', 'numpy', 'scipy'),
    *('scikit-learn', 'pillow', 'xarray', 'pandas'),
)
#: Environment variables that determine kernels, threads or devices.
_VARIABLES = (
    *('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'ATEN_CPU_CAPABILITY', 'ONEDNN_MAX_CPU_ISA', 'DNNL_MAX_CPU_ISA'),
    *('CUDA_VISIBLE_DEVICES', 'OPENBLAS_NUM_THREADS'),
)


def key(
    model: str,
    weights: str,
    seed: int,
    benchmark: str,
    layer: str | None,
    options: Mapping[str, Any] = MappingProxyType({}),
    used: Sequence[Version] | None = None,
    mouse_acuity: bool = False,
    neurons: str | None = None,
    any_machine: bool = False,
) -> str | None:
    """Compute the key of a request; None where the request does not determine the number.

    It does for torchvision's and timm's networks, this library's models and training runs, on this library's
    benchmarks whose data is on this machine. It does not for default weights that a library may replace, for models of
    Brain-Score, and for plugin folders and FILE.py:FUNCTION, whose code may read other files.

    Parameters
    ----------
    model, weights : str
        See `scoring.candidates.load_candidate`.
    seed : int
        Random seed of untrained weights.
    benchmark : str
        Identifier of the benchmark.
    layer : str or None
        Layer that the user names.
    options : mapping
        Options of the network by name; see `scoring.options.NetworkOptions.given`.
    used : sequence of Version, optional
        Versions of the benchmark's datasets that the score is computed from, by default the current ones.
    mouse_acuity : bool
        Whether the model sees stimuli as a mouse's eye passes them on.
    neurons : str, optional
        SHA-256 of the selection of neurons that the benchmark is restricted to.
    any_machine : bool
        Whether the key is the same on all machines; numbers may then differ in their last digits.

    Raises
    ------
    DataError
        When a dataset does not state the size of its stimuli in degrees, which `mouse_acuity` needs.
    """
    candidate, data = _candidate(model, weights, seed), _data(benchmark, used)
    if candidate is None or data is None or 'preprocessing' in options:
        return None
    settings = [dict(options), library().code_sha256, versions(), None if any_machine else _machine()]
    content: list[Any] = [candidate, benchmark, data, layer, *settings]
    if mouse_acuity:
        entries = {version.name: version.manifest for version in used or ()}
        content.append([stimulus_degrees(dataset, entries.get(dataset)) for dataset in data])
    if neurons is not None:
        content.append({'neurons': neurons})
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def answer(request: str) -> Result | None:
    """Find the newest result of a request whose files are unchanged; None where there is none."""
    for result in store.answers(request=request):
        files = result.files or {}
        if all(Path(path).is_file() and sha256_file(Path(path)) == sha256 for path, sha256 in files.items()):
            return result
    return None


@functools.cache
def library() -> Library:
    """Version of this library, and a hash of its code, when this process first asked for them."""
    return _library_now()


def check_library() -> None:
    """Check that the code is that of the hash: modules are imported before it is taken and after.

    Raises
    ------
    StorageError
        When the code of the library was changed.
    """
    if _library_now() != library():
        raise StorageError('the code of M2M was changed while this ran. Run it again.')


def _library_now() -> Library:
    """Version of this library, and a hash of the source files that the numbers depend on."""
    spec = importlib.util.find_spec(OWN)
    assert spec is not None and spec.submodule_search_locations
    package = Path(next(iter(spec.submodule_search_locations)))
    digest = hashlib.sha256()
    for room in _ROOMS:
        folder = plugins_folder(OWN, room) or package / room
        # Some models have maps of layers beside their code.
        for path in sorted([*folder.rglob('*.py'), *folder.rglob('*.json')]):
            digest.update(f'{room}/{path.relative_to(folder).as_posix()} '.encode() + path.read_bytes())
    return Library(importlib.metadata.version('m2m-benchmarks'), digest.hexdigest())


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that the numbers depend on; 'arrays' is their backend if not numpy."""
    backend = os.environ.get('M2M_BACKEND') or 'numpy'  # as `arrays.backend` reads it, without importing numpy
    return _installed() if backend == 'numpy' else {**_installed(), 'arrays': backend}


@functools.cache
def _installed() -> dict[str, str]:
    installed = {'python': platform.python_version()}
    for package in PACKAGES:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed


def _candidate(model: str, weights: str, seed: int) -> list[Any] | None:
    if model.startswith('run:'):
        return _run(model.removeprefix('run:'))
    if is_folder(model) or source_files.split(model) is not None:
        return None
    if ':' not in model and model not in registered('model') and not model.startswith(('neurn_', 'plain_')):
        return None
    if weights == 'none':
        return [model, 'none', seed]
    if weights == 'default':  # its files are known only once it is loaded; `answer` compares them
        return [model, 'default']
    from m2m_benchmarks.scoring.runs import RESULT, WEIGHTS

    path = Path(weights).expanduser()
    of_run = path.name == WEIGHTS and (path.parent / RESULT).is_file()  # its classes come with the weights
    if path.is_file() and not of_run:
        return [model, path.name, _sha256(path)]
    run = _run(str(path.parent) if of_run else weights)
    return None if run is None else [model, *run]


def _run(name: str) -> list[Any] | None:
    from m2m_benchmarks.scoring.runs import RESULT, WEIGHTS, find_run

    files = [find_run(name) / file for file in (RESULT, WEIGHTS)]
    if not all(path.is_file() for path in files):
        return None
    return [files[0].parent.name, *map(_sha256, files)]


def _sha256(path: Path) -> str:
    return _sha256_of(path.absolute(), file_state(path))


@functools.lru_cache(maxsize=64)
def _sha256_of(path: Path, state: tuple[int, ...] | None) -> str:
    # `state` is part of the cache key only: a file that has changed has another.
    return sha256_file(path)


def _data(benchmark: str, used: Sequence[Version] | None) -> dict[str, str] | None:
    """SHA-256 of the manifest of each dataset that a benchmark uses; None where one isn't on this machine."""
    name = parse(benchmark)
    if name is None:
        return None
    datasets = datasets_of(name)
    if used is None:
        entries = {dataset: manifest.read(dataset) for dataset in datasets}
        hashes = {dataset: manifest.sha256(entry) for dataset, entry in entries.items() if entry is not None}
    else:
        hashes = {version.name: version.sha256 for version in used}
    return {dataset: hashes[dataset] for dataset in datasets} if hashes.keys() >= set(datasets) else None


def _machine() -> list[Any]:
    """Properties of the machine that determine PyTorch's kernels, threads and device."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
    cards = [
        path.read_text(errors='replace') for path in sorted(Path('/proc/driver/nvidia/gpus').glob('*/information'))
    ]
    devices = [*sorted(path.name for path in Path('/dev').glob('nvidia[0-9]*')), *cards]
    chosen = {name: os.environ.get(name) for name in _VARIABLES}
    processor = [*processor_names(), *_cpu_information('flags', 'Features')]
    return [platform.system(), platform.machine(), processor, cpus, devices, chosen]


def processor_names() -> list[str]:
    """Names of the processors of this machine, as far as the system tells them."""
    names = [line.partition(':')[2].strip() for line in _cpu_information('model name')]
    return names or [name for name in (platform.processor(),) if name]


def _cpu_information(*starts: str) -> list[str]:
    information = Path('/proc/cpuinfo')
    lines = information.read_text(errors='replace').splitlines() if information.is_file() else []
    return sorted({line for line in lines if line.startswith(starts)})
