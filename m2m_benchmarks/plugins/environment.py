"""Context managers that set environment variables, which Brain-Score reads."""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def no_installs() -> Iterator[None]:
    """Keep Brain-Score from running pip while a plugin is loaded."""
    with environment_variable('BS_INSTALL_DEPENDENCIES', 'no'):
        yield


@contextlib.contextmanager
def environment_variable(name: str, value: str) -> Iterator[None]:
    """Set an environment variable, and put it back on exit."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before
