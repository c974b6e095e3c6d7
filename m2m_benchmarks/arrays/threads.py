"""Threads of the linear algebra library."""

import contextlib
import functools

from threadpoolctl import ThreadpoolController


def one_thread() -> contextlib.AbstractContextManager[object]:
    """Limit linear algebra to one thread, for matrices that are too small to parallelize.

    On a busy machine, threads would wait for each other longer than they work.
    """
    limits: contextlib.AbstractContextManager[object] = _controller().limit(limits=1, user_api='blas')
    return limits


@functools.lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # looks through the libraries of the process, which takes milliseconds
