"""The index of plugins: the identifiers that a library registers, read from the text of its plugin folders."""

import functools
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from m2m_benchmarks.errors import ModelError

OWN = 'm2m_benchmarks'
BRAIN_SCORE = 'brainscore_vision'

#: Folder of each kind of plugin.
FOLDERS = {'model': 'models', 'benchmark': 'benchmarks', 'metric': 'metrics', 'data': 'data', 'stimulus_set': 'data'}
_LINE = re.compile(r"""^\s*(\w+)_registry\[\s*(['"])([^'"]+)\2\s*\]\s*=""", re.MULTILINE)


@dataclass(frozen=True)
class Plugin:
    """Location of the plugin that registers an identifier."""

    identifier: str
    library: str
    folder: str


def registered(kind: str, library: str = OWN) -> dict[str, Plugin]:
    """List all identifiers of a kind that a library registers, without importing it.

    Parameters
    ----------
    kind : {'model', 'benchmark', 'metric', 'data', 'stimulus_set'}
    library : {'m2m_benchmarks', 'brainscore_vision'}

    Returns
    -------
    dict
        Identifier to plugin, by folder in alphabetical order, and within a folder in the order of the lines.
    """
    folder = plugins_folder(library, FOLDERS[kind])
    if folder is None or not folder.is_dir():
        return {}
    # This library's files may be edited while it runs; Brain-Score's hundreds of installed files don't change.
    lines = _lines(folder) if library == OWN else _lines_once(folder, folder.stat().st_mtime_ns)
    return {
        identifier: Plugin(identifier, library, plugin) for plugin, registry, identifier in lines if registry == kind
    }


def _lines(folder: Path) -> list[tuple[str, str, str]]:
    """List (plugin, registry, identifier) of each registry line in the plugins of a folder."""
    return [
        (init.parent.name, registry, identifier)
        for init in sorted(folder.glob('*/__init__.py'))
        for registry, identifier in registrations(init)
    ]


@functools.cache
def _lines_once(folder: Path, _changed_ns: int) -> list[tuple[str, str, str]]:
    """Cache `_lines` for this process until a plugin is added to the folder or removed from it."""
    return _lines(folder)


def registrations(init: Path) -> list[tuple[str, str]]:
    """List (registry, identifier) of each literal registry line in a plugin's ``__init__.py``."""
    text = init.read_text(encoding='utf-8', errors='replace')
    return [(match[1], match[3]) for match in _LINE.finditer(text)]


def model_in(folder: Path) -> str:
    """Read the identifier of the model that a plugin folder registers.

    Raises
    ------
    ModelError
        When there is no such folder, or it doesn't register exactly one model.
    """
    init = folder / '__init__.py'
    if not folder.exists():
        raise ModelError(
            f'{folder} is not a model plugin: there is no such folder. Give the path of a folder with an __init__.py.'
        )
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
    """Path of a library's plugin folder, such as 'models'; None if the library isn't installed."""
    if library == OWN:  # in a development install, its models are outside its package folder
        spec = importlib.util.find_spec(f'{OWN}.{folder}')
    else:
        spec = importlib.util.find_spec(library)  # does not import a top-level package
    if spec is None or not spec.submodule_search_locations:
        return None
    location = Path(next(iter(spec.submodule_search_locations)))
    return location if library == OWN else location / folder


def list_models() -> list[str]:
    """List the identifiers of all models: this library's, then brainscore_vision's."""
    return [*registered('model'), *registered('model', BRAIN_SCORE)]


def list_benchmarks() -> list[str]:
    """List the identifiers of this library's benchmarks."""
    return list(registered('benchmark'))


def list_datasets() -> list[str]:
    """List the identifiers of this library's datasets."""
    return list(registered('data'))


def list_metrics() -> list[str]:
    """List the identifiers of this library's metrics."""
    return list(registered('metric'))
