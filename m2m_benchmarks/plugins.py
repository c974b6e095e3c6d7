"""One identifier space over this library's plugins and brainscore_vision's.

Plugins are registered by a literal line ``model_registry['identifier'] = factory`` in their folder's
``__init__.py``. As in Brain-Score, that text is the index: listing and locating import nothing.
"""

import contextlib
import functools
import importlib
import importlib.util
import inspect
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2m_benchmarks.errors import BenchmarkError, DataNotFoundError, M2MError, ModelError, UnknownNameError

if TYPE_CHECKING:
    from brainscore_core.benchmarks import Benchmark
    from brainscore_core.metrics import Metric
    from brainscore_core.supported_data_standards.brainio.assemblies import DataAssembly
    from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
    from brainscore_vision.model_interface import BrainModel

OWN = 'm2m_benchmarks'
BRAIN_SCORE = 'brainscore_vision'

#: Registry by kind of plugin, and the folder its plugins are in.
_FOLDERS = {'model': 'models', 'benchmark': 'benchmarks', 'metric': 'metrics', 'data': 'data', 'stimulus_set': 'data'}
_LINE = re.compile(r"""^\s*(\w+)_registry\[\s*(['"])([^'"]+)\2\s*\]\s*=""", re.MULTILINE)


@dataclass(frozen=True)
class Plugin:
    """Where an identifier is registered."""

    identifier: str
    library: str
    folder: str


def registered(kind: str, library: str = OWN) -> dict[str, Plugin]:
    """All identifiers of one kind that a library registers, without importing it.

    Parameters
    ----------
    kind : {'model', 'benchmark', 'metric', 'data', 'stimulus_set'}
    library : {'m2m_benchmarks', 'brainscore_vision'}

    Returns
    -------
    dict
        Identifier to plugin, in alphabetical order of the folders and in the order of their lines.
    """
    found: dict[str, Plugin] = {}
    folder = plugins_folder(library, _FOLDERS[kind])
    for init in sorted(folder.glob('*/__init__.py')) if folder else ():
        for registry, identifier in registrations(init):
            if registry == kind:
                found[identifier] = Plugin(identifier, library, init.parent.name)
    return found


def registrations(init: Path) -> list[tuple[str, str]]:
    """(registry, identifier) of each literal registry line in a plugin's ``__init__.py``."""
    text = init.read_text(encoding='utf-8', errors='replace')
    return [(match[1], match[3]) for match in _LINE.finditer(text)]


def model_in(folder: Path) -> str:
    """Identifier of the one model that a plugin folder registers.

    Raises
    ------
    ModelError
        When there is no such folder, or it isn't a plugin of one model.
    """
    init = folder / '__init__.py'
    if not folder.exists():
        raise ModelError(f'{folder} is not a model plugin: there is no such folder.')
    if not init.is_file():
        raise ModelError(f'{folder} is not a model plugin: it has no __init__.py with a model_registry line.')
    identifiers = [identifier for registry, identifier in registrations(init) if registry == 'model']
    if len(identifiers) != 1:
        raise ModelError(
            f"{init} has {len(identifiers)} lines of the form model_registry['identifier'] = …"
            f'{": " + ", ".join(identifiers) if identifiers else ""}; expected one.'
        )
    return identifiers[0]


def plugins_folder(library: str, folder: str) -> Path | None:
    if library == OWN:  # its models are a folder of their own in a development install
        spec = importlib.util.find_spec(f'{OWN}.{folder}')
    else:
        spec = importlib.util.find_spec(library)  # a top-level package: found without being imported
    if spec is None or not spec.submodule_search_locations:
        return None
    location = Path(next(iter(spec.submodule_search_locations)))
    return location if library == OWN else location / folder


def list_models() -> list[str]:
    """Identifiers of all models: this library's, then brainscore_vision's."""
    return [*registered('model'), *registered('model', BRAIN_SCORE)]


def list_benchmarks() -> list[str]:
    """Identifiers of this library's benchmarks."""
    return list(registered('benchmark'))


def list_datasets() -> list[str]:
    """Identifiers of this library's datasets."""
    return list(registered('data'))


def list_metrics() -> list[str]:
    """Identifiers of this library's metrics."""
    return list(registered('metric'))


def load_model(identifier: str, **options: Any) -> 'BrainModel':
    """Load a model that this library or brainscore_vision registers, or a variant of one of the family `neurn`.

    Parameters
    ----------
    identifier : str
    **options
        For models of that family: `weights`, 'default' or 'none', and `seed`.

    Raises
    ------
    UnknownNameError
        With the nearest names, when neither does.
    ModelError
        When it can't be built here: its weights can't be had, or a package that it needs isn't installed.
    """
    with explained_failure(identifier, ModelError):
        factory = _model_factory(identifier)
        if options and not takes_weights(identifier):
            raise ModelError(
                f'{identifier} brings its own weights; untrained ones are for neurn_…, plain_…, torchvision:NAME and '
                'timm:NAME.'
            )
        with no_installs():
            try:
                model: BrainModel = factory(**options)
            except ValueError as error:
                if not takes_weights(identifier):
                    raise
                raise ModelError(f'{error}.') from error  # the family says what is wrong with a name
        return model


def takes_weights(identifier: str) -> bool:
    """Whether `load_model` takes the options `weights` and `seed` for this model."""
    with explained_failure(identifier, ModelError):
        return {'weights', 'seed'} <= inspect.signature(_model_factory(identifier)).parameters.keys()


def _model_factory(identifier: str) -> Callable[..., Any]:
    try:
        return _factory('model', identifier)
    except UnknownNameError:
        # Variants of the family `neurn` have no literal line: their names say what differs from the one that has.
        family = importlib.import_module(f'{OWN}.models.neurn.model')
        try:
            if family.parse(identifier) is None:
                raise
        except ValueError as error:
            raise ModelError(f'{error}.') from error
        return functools.partial(family.commit, identifier)


def load_benchmark(identifier: str) -> 'Benchmark':
    """Load a benchmark that this library or brainscore_vision registers, or one of recordings imported here.

    Raises
    ------
    UnknownNameError
        With the nearest names, when there is none.
    DataNotFoundError
        With the command that brings its data, when that isn't here.
    """
    try:
        with explained_failure(identifier, BenchmarkError):
            benchmark: Benchmark = _load('benchmark', identifier)
    except UnknownNameError:
        # A lab's own recordings have no literal line anywhere: the benchmarks of a dataset follow from its name.
        imported = importlib.import_module(f'{OWN}.benchmarks.unregistered').unregistered_benchmark(identifier)
        if imported is None:
            raise
        benchmark = imported
    return benchmark


def load_metric(identifier: str, **options: Any) -> 'Metric':
    """Load a metric that this library or brainscore_vision registers; `options` go to its constructor."""
    metric: Metric = _load('metric', identifier, **options)
    return metric


def load_dataset(identifier: str) -> 'DataAssembly':
    """Load the recordings of a dataset, trial by trial, with their stimulus set in ``attrs``.

    Raises
    ------
    DataNotFoundError
        With the command that brings it, when the dataset isn't on this machine.
    """
    assembly: DataAssembly = _load_data('data', identifier, 'load_assembly')
    return assembly


def load_stimulus_set(identifier: str) -> 'StimulusSet':
    """Load the stimulus set of a dataset.

    Raises
    ------
    DataNotFoundError
        As in `load_dataset`.
    """
    stimuli: StimulusSet = _load_data('stimulus_set', identifier, 'load_stimuli')
    return stimuli


def _load_data(kind: str, identifier: str, reader: str) -> Any:
    try:
        return _load(kind, identifier)
    except UnknownNameError as unknown:
        if kind == 'stimulus_set':  # digits imported here under a name of their own
            found = importlib.import_module(f'{OWN}.data.digits.domains').digit_stimuli_here(identifier)
            if found is not None:
                return found
        try:  # recordings imported here under a name of their own
            return getattr(importlib.import_module(f'{OWN}.data.store'), reader)(identifier)
        except DataNotFoundError:
            raise unknown from None


def _load(kind: str, identifier: str, **options: Any) -> Any:
    factory = _factory(kind, identifier)
    with no_installs():
        return factory(**options)


def _factory(kind: str, identifier: str) -> Callable[..., Any]:
    own = registered(kind)
    if identifier in own:
        plugin = own[identifier]
    else:
        others = registered(kind, BRAIN_SCORE)
        if identifier not in others:
            name = {'data': 'dataset', 'stimulus_set': 'stimulus set'}.get(kind, kind)
            command = {'model': 'm2m models', 'benchmark': 'm2m benchmarks', 'data': 'm2m data list'}.get(kind)
            hint = f'`{command}` lists them.' if command else ''
            raise UnknownNameError(name, identifier, [*own, *others], hint)
        plugin = others[identifier]
    with no_installs():
        importlib.import_module(f'{plugin.library}.{_FOLDERS[kind]}.{plugin.folder}')
        registry = getattr(importlib.import_module(BRAIN_SCORE), f'{kind}_registry')
    factory: Callable[..., Any] = registry[identifier]
    return factory


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


#: What Brain-Score stores about models.
_OF_MODELS = (
    'brainscore_vision.model_helpers',
    'brainscore_vision.models',
    'brainscore_vision.benchmark_helpers.properties_common',
)


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


@contextlib.contextmanager
def explained_failure(identifier: str, kind: type[M2MError]) -> Iterator[None]:
    """Turn what goes wrong in a plugin into an error that names the file or package it wanted.

    Plugins of others fail in ways of their own: whatever it is, the user gets one sentence and the reason.
    """
    try:
        yield
    except (M2MError, KeyboardInterrupt):
        raise
    except ModuleNotFoundError as error:
        raise kind(
            f'{identifier} needs the package {error.name!r}, which is not installed. Install it beside this '
            f'library and run again; the plugin may list versions in its requirements.txt.'
        ) from error
    except Exception as error:
        wanted = wanted_file(error)
        if wanted:
            raise kind(
                f'{identifier} needs {wanted}, which is not on this machine and could not be downloaded '
                f'({_reason(error)}). Connect to the network, or put the file where its library looks for it.'
            ) from error
        raise kind(f'{identifier} does not work here: {type(error).__name__}: {_reason(error)}') from error


def _reason(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__


#: Local variables under which downloaders (torch.hub, urllib, boto, Brain-Score, Hugging Face) keep what they want.
_WANTED = ('url', 'fullurl', 'remote_path', 'relative_path', 'key', 'Key', 'filename', 'file_name', 'repo_id')
_URL = re.compile(r'https?://[^\s\'"<>]+')


def wanted_file(error: BaseException) -> str | None:
    """The file that a failed download was after, or None when `error` comes from no download.

    Downloaders rarely name the file in their messages, so it is read from the calls that the error passed.
    """
    chain: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        link = waiting.pop()
        if isinstance(link, list | tuple):  # Brain-Score hands on what both of its attempts met
            waiting += link
        elif isinstance(link, BaseException) and link not in chain:
            chain.append(link)
            waiting += [link.__context__, link.__cause__, link.args]
    if not any(_is_network(link) for link in chain):
        return None
    for link in chain:
        trace = link.__traceback__
        while trace is not None:
            frame = trace.tb_frame
            hub = [frame.f_locals.get(name) for name in ('repo_id', 'filename')]
            if all(isinstance(part, str) for part in hub):
                return '/'.join(map(str, hub))
            for name in _WANTED:
                value = frame.f_locals.get(name)
                if isinstance(value, str) and value.strip() and not value.startswith('<'):
                    return value.strip()
            trace = trace.tb_next
    for link in chain:
        match = _URL.search(str(link))
        if match:
            return match[0].rstrip('.,)')
    return None


def _is_network(error: BaseException) -> bool:
    module = type(error).__module__.split('.')[0]
    return module in {'urllib', 'botocore', 'requests', 'urllib3', 'huggingface_hub', 'httpx', 'httpx2'} or isinstance(
        error, ConnectionError | TimeoutError
    )
