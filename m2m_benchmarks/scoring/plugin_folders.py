"""Import of a model plugin from a folder of the user's, from its source alone."""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType

from m2m_benchmarks.scoring.own_modules import OwnModules

_PREFIX = 'm2m_plugin_'
#: Modules of the packages by their names.
_modules: dict[str, OwnModules] = {}


class _Finder:
    """Finder of the modules of such folders, whenever they are imported."""

    @staticmethod
    def find_spec(
        fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(_PREFIX):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _modules[fullname.partition('.')[0]].loader(spec.loader.name, spec.loader.path)
        return spec


def import_folder(folder: Path, modules: OwnModules) -> ModuleType:
    """Import a folder as a package of its own, anew: no folder of the same name or earlier version takes its place.

    Parameters
    ----------
    folder : Path
    modules : OwnModules
        What it imports from elsewhere, such as from folders that it adds to `sys.path`.
    """
    name = f'{_PREFIX}{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}'
    for module_name in [imported for imported in sys.modules if imported.split('.')[0] == name]:
        del sys.modules[module_name]
    importlib.invalidate_caches()
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)
    _modules[name] = modules
    file = str(folder / '__init__.py')
    spec = importlib.util.spec_from_file_location(
        name, file, loader=modules.loader(name, file), submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    spec.loader.exec_module(package)
    return package
