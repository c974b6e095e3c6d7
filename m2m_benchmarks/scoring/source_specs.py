"""Which modules are a user's rather than of the environment, and where their source is. No slow imports."""

import functools
import importlib.metadata
import os
import sys
from collections.abc import Collection, Sequence
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from pathlib import Path

#: Folders of installed packages.
_INSTALLED = ('site-packages', 'dist-packages')


def own_spec(name: str, folder: str | None, path: Sequence[str]) -> ModuleSpec | None:
    """Find a module of the user's, in a folder and then on a path.

    Parameters
    ----------
    name : str
        Name without dots.
    folder : str or None
        Folder of the user's file.
    path : sequence of str
        Folders to search after it.

    Returns
    -------
    ModuleSpec or None
        None for modules that come with Python, are installed, or don't exist. A file in `folder` goes before an
        installed package of its name, unless it is that package, which this process has loaded.
    """
    if name == '__main__' or BuiltinImporter.find_spec(name) or FrozenImporter.find_spec(name):
        return None
    spec = PathFinder.find_spec(name, [*([] if folder is None else [folder]), *path])
    if spec is None:
        return None
    if folder is not None and is_beside(spec, folder):
        return None if _is_loaded(name, str(spec.origin)) and is_installed(name) else spec
    places = [spec.origin] if spec.origin is not None else list(spec.submodule_search_locations or ())
    return None if any(_in_environment(place, folder) for place in places) or is_installed(name) else spec


def is_beside(spec: ModuleSpec, folder: str) -> bool:
    """Whether the source of a module is in a folder: as NAME.py or NAME/__init__.py, not in a folder without it."""
    if spec.origin is None:
        return False
    parent = Path(spec.origin).parent
    return Path(folder) == (parent.parent if spec.submodule_search_locations else parent)


def loaded_beside(folder: str, loaded: Collection[str]) -> set[str]:
    """Select the names of loaded modules, and of their parts, in whose place a folder has a file.

    Those that come with Python or are installed are left out: other packages may import them at any time.
    """
    tops = {name.partition('.')[0] for name in loaded}
    specs = {top: own_spec(top, folder, ()) for top in tops}
    hidden = {
        top for top, spec in specs.items() if spec is not None and is_beside(spec, folder) and not is_installed(top)
    }
    return {name for name in loaded if name.partition('.')[0] in hidden}


def _in_environment(place: str, folder: str | None) -> bool:
    """Whether a path is among installed packages; the folder itself, which the user chose, may be."""
    path = Path(place)
    parts = path.relative_to(folder).parts if folder is not None and path.is_relative_to(folder) else path.parts
    return any(part in parts for part in _INSTALLED)


def _is_loaded(name: str, file: str) -> bool:
    loaded = getattr(sys.modules.get(name), '__file__', None)
    return loaded is not None and os.path.realpath(loaded) == os.path.realpath(file)


def is_installed(name: str) -> bool:
    """Whether a module comes with Python or is that of an installed package."""
    return name in sys.stdlib_module_names or name in _distributed()


@functools.cache
def _distributed() -> Collection[str]:
    """Names of modules of installed packages, also of those whose source is elsewhere."""
    return importlib.metadata.packages_distributions().keys()
