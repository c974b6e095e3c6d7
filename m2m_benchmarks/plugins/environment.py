"""Context managers that set Brain-Score's environment variables."""

import contextlib
import os
from collections.abc import Iterator

#: Functions of Brain-Score whose stored results depend on models.
_MODEL_CACHES = (
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
    """Keep Brain-Score from reusing stored responses of models.

    Its store knows a model's name and input shape, not its weights, so a changed model would get old activations.
    Ceilings, which don't depend on models, are still stored.
    """
    before = os.environ.get('RESULTCACHING_DISABLE') or '0'  # an empty prefix would match everything
    with _environment('RESULTCACHING_DISABLE', before if before == '1' else ','.join([before, *_MODEL_CACHES])):
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
