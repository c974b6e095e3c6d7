"""The index of plugins: which identifiers a library registers, read from the text of its plugin folders."""

import functools
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from m2m_benchmarks.errors import ModelError

OWN = 'm2m_benchmarks'
BRAIN_SCORE = 'brainscore_vision'

#: Folder of the plugins of each kind.
FOLDERS = {'model': 'models', 'benchmark': 'benchmarks', 'metric': 'metrics', 'data': 'data', 'stimulus_set': 'data'}
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
    folder = plugins_folder(library, FOLDERS[kind])
    if folder is None or not folder.is_dir():
        return {}
    # The files of this library may be edited while it runs; Brain-Score's hundreds are those that are installed.
    lines = _lines(folder) if library == OWN else _lines_once(folder, folder.stat().st_mtime_ns)
    return {
        identifier: Plugin(identifier, library, plugin) for plugin, registry, identifier in lines if registry == kind
    }


def _lines(folder: Path) -> list[tuple[str, str, str]]:
    """(plugin, registry, identifier) of each registry line in the plugins of a folder."""
    return [
        (init.parent.name, registry, identifier)
        for init in sorted(folder.glob('*/__init__.py'))
        for registry, identifier in registrations(init)
    ]


@functools.cache
def _lines_once(folder: Path, _changed_ns: int) -> list[tuple[str, str, str]]:
    """`_lines`, read once a process unless a plugin is added to the folder or removed from it."""
    return _lines(folder)


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
    """Path of a library's plugins of one kind, such as its 'models'; None when it isn't installed."""
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
