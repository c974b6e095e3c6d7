"""Threads of the linear algebra library."""

import contextlib
import functools
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar('T')


def one_thread() -> contextlib.AbstractContextManager[object]:
    """Limit linear algebra to one thread, for matrices that are too small to parallelize.

    On a busy machine, threads would wait for each other longer than they work.
    """
    limits: contextlib.AbstractContextManager[object] = _controller().limit(limits=1, user_api='blas')
    return limits


def map_in_threads(function: Callable[..., T], *arguments: Iterable[Any]) -> list[T]:
    """Map a function over arguments, as `map` does, in as many threads as linear algebra has, with one for each call.

    For many small matrices, which one call of linear algebra can't spread over threads. The arguments are all drawn
    before the first result; the function must not depend on the order of calls.
    """
    libraries = _controller().select(user_api='blas').lib_controllers
    n_threads = max((library.num_threads or 1 for library in libraries), default=1)
    with one_thread(), ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(function, *arguments))


@functools.lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # looks through the libraries of the process, which takes milliseconds
