"""Candidates FILE.py:FUNCTION: a function in a file of the user's that makes a network. No slow imports."""

import ast
import builtins
import hashlib
import importlib.util
import itertools
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from m2m_benchmarks.errors import ModelError, UnknownNameError
from m2m_benchmarks.scoring.source_loader import AliasLoader, SourceLoader
from m2m_benchmarks.scoring.source_specs import is_installed, loaded_beside, own_spec
from m2m_benchmarks.storage import sha256_file

_FUNCTION = re.compile(r'(?P<file>.+\.py):(?P<function>\w*)')


def split(name: str) -> tuple[Path, str] | None:
    """Split FILE.py:FUNCTION, whose function may be missing; None for other names."""
    match = _FUNCTION.fullmatch(name if ':' in name or not name.endswith('.py') else f'{name}:')
    return None if match is None else (Path(match['file']), match['function'])


def check(name: str) -> None:
    """Check that the file of FILE.py:FUNCTION defines the function, without running it.

    Raises
    ------
    ModelError
        When there is no such file, it isn't Python, or no function is named.
    UnknownNameError
        When the file doesn't define the function.
    """
    parts = split(name)
    assert parts is not None
    file, function = parts
    if not file.is_file():
        raise ModelError(f'there is no file {file}.')
    try:
        names = list(_defined(ast.parse(file.read_bytes()).body))
    except (SyntaxError, ValueError) as error:
        raise ModelError(f'{file} is not Python that this version reads: {error}.') from error
    own = [name for name in names if name != '*']
    if not function:
        raise ModelError(
            f'{file} names no network. Name the function in it that makes one: {file}:FUNCTION. It defines '
            f'{", ".join(own) or "none"}.'
        )
    if function not in names and '*' not in names:
        raise UnknownNameError('function', function, own, why=f'{file} has none of that name')


def _defined(statements: Iterable[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements define, and '*' for an import of all names."""
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            yield statement.name
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name.partition('.')[0]) for alias in statement.names)
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            yield from (node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))
        else:  # the blocks of if, try and with
            for field in ('body', 'orelse', 'finalbody', 'handlers'):
                for part in getattr(statement, field, []):
                    yield from _defined(part.body if isinstance(part, ast.ExceptHandler) else [part])


class Running:
    """Run the file of FILE.py:FUNCTION, as `python FILE.py` finds its imports, until the end of the block.

    The file is a package of its own, and so are the modules that it imports, unless they come with Python or are
    installed: they are imported anew, from their source. Neither those of another file, earlier versions nor loaded
    modules of the same name take their place, then or later, when a function imports them.

    Attributes
    ----------
    value : object
        What the file calls FUNCTION.
    """

    def __init__(self, name: str) -> None:
        parts = split(name)
        assert parts is not None
        self._file, self._function = parts
        self._folder = str(self._file.resolve().parent)
        # Classes of earlier versions keep their names, by which pickle and inspect look for them.
        self._package = f'{_PREFIX}{next(_numbers)}'
        self._executed: dict[str, str] = {}
        self._plain: set[str] = set()
        self._hidden: dict[str, ModuleType] = {}
        self._path: list[str] | None = None
        self.value: Any = None

    def __enter__(self) -> 'Running':
        _packages[self._package] = self
        if _Finder not in sys.meta_path:
            sys.meta_path.insert(0, _Finder)
        importlib.invalidate_caches()
        self._search_path = list(sys.path)
        self._hidden = {name: sys.modules.pop(name) for name in loaded_beside(self._folder, set(sys.modules))}
        sys.meta_path.insert(0, self)
        loader = SourceLoader(self._package, str(self._file), self._executed, self._import)
        spec = importlib.util.spec_from_file_location(
            self._package, self._file, loader=loader, submodule_search_locations=[self._folder]
        )
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[self._package] = module
        try:
            loader.exec_module(module)
            self.value = getattr(module, self._function)
        except SystemExit as error:
            self.__exit__()
            raise ModelError(
                f'{self._file} ends the program when it is run. Put what is not needed for {self._function} below '
                "`if __name__ == '__main__':`."
            ) from error
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        sys.meta_path.remove(self)
        for name in self._plain:
            sys.modules.pop(name, None)
        sys.modules.update(self._hidden)
        self._path, sys.path[:] = list(sys.path), self._search_path
        _sources.update({str(Path(path).resolve()): self.sha256 for path in self._executed})

    def _import(
        self, name: str, variables: Any = None, local: Any = None, names: Sequence[str] | None = (), level: int = 0
    ) -> ModuleType:
        """Import what a statement of the file, or of one of its modules, names; see `__import__`."""
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
        return f'{self._package}.{top}' in sys.modules or self._own_spec(top) is not None

    def _own_spec(self, top: str) -> ModuleSpec | None:
        return own_spec(top, self._folder, self._path_now)

    @property
    def _path_now(self) -> list[str]:
        """Folders that modules are looked for in: those of Python, or those when the file had been run."""
        return sys.path if self._path is None else self._path

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module of the file by its plain name, as importlib.import_module and pickle look for it."""
        top = fullname.partition('.')[0]
        if not self._owns(top) or is_installed(top):  # other packages may import an installed one
            return None
        self._plain.add(fullname)
        return ModuleSpec(fullname, AliasLoader(f'{self._package}.{fullname}'))

    def spec_of_part(self, fullname: str, path: Sequence[str] | None) -> ModuleSpec | None:
        """Find a module of the file's package.

        Raises
        ------
        ModelError
            When it is found, but the file has been run: its hash doesn't cover the module.
        """
        name = plain_name(fullname)
        if '.' not in name:
            path = [self._folder, *self._path_now] if self._own_spec(name) else []
        spec = PathFinder.find_spec(fullname, path)
        if spec is None:
            return None
        if self._path is not None:
            raise ModelError(
                f'{self._file.name} imports {name} only after it was run, so that the hash of its code does not '
                f'cover it. Import {name} at the top of the file.'
            )
        if isinstance(spec.loader, SourceFileLoader):
            spec.loader = SourceLoader(spec.loader.name, spec.loader.path, self._executed, self._import)
        elif spec.origin is not None:  # compiled
            self._executed[spec.origin] = sha256_file(Path(spec.origin))
        return spec

    @property
    def sha256(self) -> str:
        """SHA-256 of the source that was executed: of the file and of the modules of its own, by their places."""
        own = str(self._file)
        places = {
            '' if path == own else os.path.relpath(path, self._folder): sha for path, sha in self._executed.items()
        }
        return hashlib.sha256(repr(sorted(places.items())).encode()).hexdigest()


class _Finder:
    """Finder of the modules of such packages, whenever they are imported."""

    @staticmethod
    def find_spec(
        fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        owner = _packages.get(fullname.partition('.')[0])
        return None if owner is None else owner.spec_of_part(fullname, path)


def plain_name(module: str) -> str:
    """Name of a module as import statements have it: '' for the file itself; others are not changed."""
    return re.sub(rf'^{_PREFIX}\d+\.?', '', module)


_PREFIX = 'm2m_file_'
_numbers = itertools.count(1)
#: All files that were run, by the names of their packages.
_packages: dict[str, Running] = {}
#: SHA-256 of all source that was executed together, by each of its files: a function may be imported from another.
_sources: dict[str, str] = {}


def source_of(file: Path) -> str | None:
    """SHA-256 of the source that was executed with a file here, which may have changed since; None for other files."""
    return _sources.get(str(file.resolve()))
