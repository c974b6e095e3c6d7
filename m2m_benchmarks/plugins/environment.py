"""Brain-Score's switches in the environment, set for the length of a block."""

import contextlib
import os
from collections.abc import Iterator

#: What Brain-Score stores about models.
_OF_MODELS = (
    'brainscore_vision.model_helpers',
    'brainscore_vision.models',
    'brainscore_vision.benchmark_helpers.properties_common',
)


@contextlib.contextmanager
def no_installs() -> Iterator[None]:
    """Keep Brain-Score from running pip while a plugin is loaded."""
    with _environment('BS_INSTALL_DEPENDENCIES', 'no'):
        yield


@contextlib.contextmanager
def no_stored_activations() -> Iterator[None]:
    """Keep Brain-Score from answering with what a model of that name responded earlier.

    Its store knows a model's name and its input's shape, not its weights: a changed model would get old activations.
    Ceilings, which no model changes, are still stored.
    """
    before = os.environ.get('RESULTCACHING_DISABLE') or '0'  # an empty prefix would match everything
    with _environment('RESULTCACHING_DISABLE', before if before == '1' else ','.join([before, *_OF_MODELS])):
        yield


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before
