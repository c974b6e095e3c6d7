"""Modules that a user's code brings along: imported anew, from their source, and hashed. No slow imports."""

import builtins
import hashlib
import importlib
import importlib.util
import itertools
import os
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from m2m_benchmarks.errors import ModelError
from m2m_benchmarks.scoring.source_loader import AliasLoader, SourceLoader
from m2m_benchmarks.scoring.source_specs import is_installed, loaded_beside, own_spec
from m2m_benchmarks.storage import sha256_file


class OwnModules:
    """Modules that the user's code imports in the block, unless they come with Python or are installed.

    They are parts of a package of their own. Neither those of other code, earlier versions nor loaded modules of the
    same name take their place, then or later, when a function imports them.

    Parameters
    ----------
    label : str
        Name of the code in messages.
    folder : str, optional
        Folder in which modules are looked for before Python's path, as `python FILE.py` does.

    Attributes
    ----------
    executed : dict
        SHA-256 of each file that was executed, by its path.
    """

    def __init__(self, label: str, folder: str | None = None) -> None:
        self._label, self._folder = label, folder
        # Classes of earlier versions keep their names, by which pickle and inspect look for them.
        self._package = f'{_PREFIX}{next(_numbers)}'
        self.executed: dict[str, str] = {}
        self._main: str | None = None
        self._plain: set[str] = set()
        self._hidden: dict[str, ModuleType] = {}
        self._path_before: list[str] = []
        self._path_after: list[str] | None = None

    def __enter__(self) -> 'OwnModules':
        _packages[self._package] = self
        if _Finder not in sys.meta_path:
            sys.meta_path.insert(0, _Finder)
        importlib.invalidate_caches()
        package = sys.modules[self._package] = ModuleType(self._package)
        package.__path__ = []
        self._path_before = list(sys.path)
        if self._folder is not None:
            self._hidden = {name: sys.modules.pop(name) for name in loaded_beside(self._folder, set(sys.modules))}
        sys.meta_path.insert(0, self)
        return self

    def __exit__(self, *error: object) -> None:
        sys.meta_path.remove(self)
        for name in self._plain:
            sys.modules.pop(name, None)
        sys.modules.update(self._hidden)
        self._path_after, sys.path[:] = list(sys.path), self._path_before

    def run(self, file: Path, folder: Path) -> ModuleType:
        """Execute a file in the folder as the package itself; return the module."""
        self._main = str(file)
        spec = importlib.util.spec_from_file_location(
            self._package, file, loader=self.loader(self._package, str(file)), submodule_search_locations=[str(folder)]
        )
        assert spec is not None and spec.loader is not None
        module = sys.modules[self._package] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def sha256(self, folder: Path, inside: bool = True) -> str | None:
        """SHA-256 of the source that was executed, by its places from a folder; None where there is none.

        Parameters
        ----------
        folder : Path
        inside : bool
            Whether the files in the folder are included.
        """
        places = {
            '' if path == self._main else os.path.relpath(path, folder): sha256
            for path, sha256 in self.executed.items()
            if inside or not Path(path).resolve().is_relative_to(folder)
        }
        return hashlib.sha256(repr(sorted(places.items())).encode()).hexdigest() if places else None

    def loader(self, fullname: str, path: str) -> SourceLoader:
        """Make the loader of a module whose import statements get these modules."""
        return SourceLoader(fullname, path, self.executed, self._import)

    def _import(
        self, name: str, variables: Any = None, local: Any = None, names: Sequence[str] | None = (), level: int = 0
    ) -> ModuleType:
        """Import what a statement names; see `__import__`."""
        top = name.partition('.')[0]
        if level or not self._owns(top):
            return builtins.__import__(name, variables, local, names or (), level)
        try:
            module = builtins.__import__(f'{self._package}.{name}', variables, local, names or (), 0)
        except ModuleNotFoundError as error:
            if not str(error.name).startswith(f'{self._package}.'):
                raise
            plain = plain_name(str(error.name))
            raise ModuleNotFoundError(f'No module named {plain!r}', name=plain) from None
        return module if names else sys.modules[f'{self._package}.{top}']

    def _owns(self, top: str) -> bool:
        return f'{self._package}.{top}' in sys.modules or own_spec(top, self._folder, self._path) is not None

    @property
    def _path(self) -> list[str]:
        """Python's path, or what it was at the end of the block."""
        return sys.path if self._path_after is None else self._path_after

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module by its plain name, as importlib.import_module and pickle look for it."""
        top = fullname.partition('.')[0]
        if not self._owns(top) or is_installed(top):  # other packages may import an installed one
            return None
        self._plain.add(fullname)
        return ModuleSpec(fullname, AliasLoader(f'{self._package}.{fullname}'))

    def spec_of_part(self, fullname: str, path: Sequence[str] | None) -> ModuleSpec | None:
        """Find a module of the package.

        Raises
        ------
        ModelError
            When it is found after the block: the hash doesn't cover it.
        """
        name = plain_name(fullname)
        if '.' not in name:
            before = [] if self._folder is None else [self._folder]
            path = [*before, *self._path] if own_spec(name, self._folder, self._path) else []
        spec = PathFinder.find_spec(fullname, path)
        if spec is None:
            return None
        if self._path_after is not None:
            raise ModelError(
                f'{self._label} imports {name} only after it was run, so that the hash of its code does not cover it. '
                f'Import {name} at the top of the file.'
            )
        if isinstance(spec.loader, SourceFileLoader):
            spec.loader = self.loader(spec.loader.name, spec.loader.path)
        elif spec.origin is not None:  # compiled
            self.executed[spec.origin] = sha256_file(Path(spec.origin))
        return spec


class _Finder:
    """Finder of the modules of such packages, whenever they are imported."""

    @staticmethod
    def find_spec(
        fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        owner = _packages.get(fullname.partition('.')[0])
        return None if owner is None else owner.spec_of_part(fullname, path)


def plain_name(module: str) -> str:
    """Name of a module as import statements have it: '' for FILE.py itself; others are not changed."""
    return re.sub(rf'^{_PREFIX}\d+\.?', '', module)


_PREFIX = 'm2m_own_'
_numbers = itertools.count(1)
#: All packages of this process by their names.
_packages: dict[str, OwnModules] = {}
