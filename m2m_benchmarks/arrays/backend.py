"""Backend of the large matrix products: numpy, or PyTorch on the processor or on a graphics card.

As in himalaya (`himalaya.backend`), functions are written once, with the names that numpy and PyTorch have in common.
They move their input with `to_backend`, call functions of `namespace`, and return `to_numpy` of the result. All numbers
are float64.
"""

import functools
import os
from typing import Any, TypeAlias

import numpy as np

from m2m_benchmarks.errors import M2MError, UnknownNameError

#: Environment variable with the name of the backend.
VARIABLE = 'M2M_BACKEND'
#: Names of the backends; the first is the default.
BACKENDS = ('numpy', 'torch', 'torch_cuda')
#: Array of the backend: of numpy, or a tensor of PyTorch.
Array: TypeAlias = Any


def get_backend() -> str:
    """Name of the backend: what `M2M_BACKEND` says, or numpy.

    Raises
    ------
    M2MError
        When there is no backend of this name, or no graphics card for it.
    """
    name = os.environ.get(VARIABLE) or BACKENDS[0]
    _check(name)
    return name


def set_backend(name: str) -> None:
    """Choose the backend of this process and of those that it starts from now on.

    Parameters
    ----------
    name : str
        'numpy', 'torch' (PyTorch on the processor) or 'torch_cuda' (PyTorch on a graphics card).

    Raises
    ------
    M2MError
        When there is no backend of this name, or no graphics card for it.
    """
    _check(name)
    os.environ[VARIABLE] = name


@functools.lru_cache(maxsize=len(BACKENDS))
def _check(name: str) -> None:
    if name not in BACKENDS:
        raise UnknownNameError('array backend', name, BACKENDS)
    if name == 'torch_cuda' and not _torch().cuda.is_available():
        raise M2MError(
            'PyTorch finds no graphics card with CUDA, which the array backend torch_cuda needs; choose numpy or '
            f'torch, for example by the environment variable {VARIABLE}.'
        )


def _torch() -> Any:
    import torch  # takes seconds to import

    return torch


def namespace() -> Any:
    """Module with the functions of the backend: numpy or torch."""
    return np if get_backend() == 'numpy' else _torch()


def to_backend(values: np.ndarray) -> Array:
    """Convert to float64 on the device of the backend; what is float64 already may be shared, not copied."""
    name = get_backend()
    if name == 'numpy':
        return np.asarray(values, dtype=float)
    writable = np.require(values, float, ['C', 'W'])  # tensors share no memory that is read-only or backwards
    return _torch().as_tensor(writable, device='cuda' if name == 'torch_cuda' else 'cpu')


def to_numpy(array: Array) -> np.ndarray:
    """Convert an array of the backend to one of numpy."""
    values: np.ndarray = array if isinstance(array, np.ndarray) else array.cpu().numpy()
    return values
