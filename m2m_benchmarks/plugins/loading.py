"""Loading of models, benchmarks, metrics and data by identifier."""

import contextlib
import importlib
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from m2m_benchmarks.errors import BenchmarkError, ModelError, UnknownNameError
from m2m_benchmarks.plugins.environment import no_installs
from m2m_benchmarks.plugins.failures import reporting_name_errors, reporting_plugin_errors
from m2m_benchmarks.plugins.index import BRAIN_SCORE, FOLDERS, registered

if TYPE_CHECKING:
    from brainscore_core.benchmarks import Benchmark
    from brainscore_core.metrics import Metric
    from brainscore_core.supported_data_standards.brainio.assemblies import DataAssembly
    from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
    from brainscore_vision.model_interface import BrainModel

#: Kind of plugin to its resolvers, 'module:function', which know identifiers without a literal registry line. They are
#: called in this order if no plugin registers the identifier. A resolver takes the identifier and returns the object
#: (for models a factory, which takes options), or None if it doesn't know the identifier; it may also raise
#: UnknownNameError to say what is wrong with it. This table and the index of plugins are the only places where this
#: package imports from the packages above it.
RESOLVERS: dict[str, tuple[str, ...]] = {
    'model': ('m2m_benchmarks.models.neurn.model:variant_factory',),
    'benchmark': ('m2m_benchmarks.benchmarks.unregistered:unregistered_benchmark',),
    'metric': (),
    'data': ('m2m_benchmarks.data.store:assembly_here',),
    'stimulus_set': (
        'm2m_benchmarks.data.digits.domains:digit_stimuli_here',
        'm2m_benchmarks.data.store:stimuli_here',
    ),
}

#: Kinds of plugins that have another name in messages.
_NAMES = {'data': 'dataset', 'stimulus_set': 'stimulus set'}
#: Commands that list the identifiers of a kind.
_LISTINGS = {'model': 'm2m models --all', 'benchmark': 'm2m benchmarks --all', 'data': 'm2m data list'}


def load_model(identifier: str, **options: Any) -> 'BrainModel':
    """Load a model that this library or brainscore_vision registers, or a variant of one of the family `neurn`.

    Parameters
    ----------
    identifier : str
    **options
        Options of models of that family: `weights`, 'default' or 'none', and `seed`.

    Raises
    ------
    UnknownNameError
        When there is no such model; the message has the nearest names.
    ModelError
        When the model can't be built: its weights can't be downloaded, or a package that it needs isn't installed.
    """
    with reporting_plugin_errors(identifier, ModelError):
        factory = _model_factory(identifier)
        if options and not _has_weights_options(factory):
            raise ModelError(
                f'{identifier} brings its own weights; only neurn_…, plain_…, torchvision:NAME and timm:NAME can be '
                'untrained or take others.'
            )
        name_errors = reporting_name_errors() if _has_weights_options(factory) else contextlib.nullcontext()
        with no_installs(), name_errors:
            model: BrainModel = factory(**options)
        return model


def takes_weights(identifier: str) -> bool:
    """Whether `load_model` takes the options `weights` and `seed` for this model."""
    with reporting_plugin_errors(identifier, ModelError):
        return _has_weights_options(_model_factory(identifier))


def _has_weights_options(factory: Callable[..., Any]) -> bool:
    return {'weights', 'seed'} <= inspect.signature(factory).parameters.keys()


def _model_factory(identifier: str) -> Callable[..., Any]:
    factory = _registered_factory('model', identifier)
    if factory is None:
        with reporting_name_errors():
            factory = _resolve('model', identifier)
    if factory is None:
        raise unknown_name('model', identifier)
    return factory


def load_benchmark(identifier: str) -> 'Benchmark':
    """Load a benchmark that this library or brainscore_vision registers, or one of recordings imported here.

    Raises
    ------
    UnknownNameError
        When there is no such benchmark; the message has the nearest names.
    DataNotFoundError
        When its data isn't on this machine; the message has the command that brings it.
    """
    with reporting_plugin_errors(identifier, BenchmarkError):
        benchmark: Benchmark = _load('benchmark', identifier)
    return benchmark


def load_metric(identifier: str, **options: Any) -> 'Metric':
    """Load a metric that this library or brainscore_vision registers; `options` go to its constructor."""
    metric: Metric = _load('metric', identifier, **options)
    return metric


def load_dataset(identifier: str) -> 'DataAssembly':
    """Load the single-trial recordings of a dataset, with their stimulus set in ``attrs``.

    Raises
    ------
    DataNotFoundError
        When the dataset isn't on this machine; the message has the command that brings it.
    """
    assembly: DataAssembly = _load('data', identifier)
    return assembly


def load_stimulus_set(identifier: str) -> 'StimulusSet':
    """Load the stimulus set of a dataset.

    Raises
    ------
    DataNotFoundError
        See `load_dataset`.
    """
    stimuli: StimulusSet = _load('stimulus_set', identifier)
    return stimuli


def _load(kind: str, identifier: str, **options: Any) -> Any:
    factory = _registered_factory(kind, identifier)
    if factory is not None:
        with no_installs():
            return factory(**options)
    loaded = _resolve(kind, identifier)
    if loaded is None:
        raise unknown_name(kind, identifier)
    return loaded


def _registered_factory(kind: str, identifier: str) -> Callable[..., Any] | None:
    """Factory that a plugin of this library, or else of brainscore_vision, registers; None if neither does."""
    plugin = registered(kind).get(identifier) or registered(kind, BRAIN_SCORE).get(identifier)
    if plugin is None:
        return None
    with no_installs():
        importlib.import_module(f'{plugin.library}.{FOLDERS[kind]}.{plugin.folder}')
        registry = getattr(importlib.import_module(BRAIN_SCORE), f'{kind}_registry')
    factory: Callable[..., Any] = registry[identifier]
    return factory


def _resolve(kind: str, identifier: str) -> Any:
    """Call resolvers until one knows the identifier; None if none does."""
    for resolver in RESOLVERS[kind]:
        module, _, function = resolver.partition(':')
        resolved = getattr(importlib.import_module(module), function)(identifier)
        if resolved is not None:
            return resolved
    return None


def unknown_name(kind: str, identifier: str) -> UnknownNameError:
    """Error for an unknown identifier, which suggests the most similar registered ones."""
    known = [*registered(kind), *registered(kind, BRAIN_SCORE)]
    hint = f'`{_LISTINGS[kind]}` lists them.' if kind in _LISTINGS else ''
    return UnknownNameError(_NAMES.get(kind, kind), identifier, known, hint)
