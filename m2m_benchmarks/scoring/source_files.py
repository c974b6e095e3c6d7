"""Candidates FILE.py:FUNCTION: a function in a file of the user's that makes a network. No slow imports."""

import ast
import hashlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from m2m_benchmarks.errors import ModelError, UnknownNameError
from m2m_benchmarks.scoring.source_loader import SourceLoader

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

    Modules of the file's folder are imported anew, from their source: neither those of another file's folder nor
    earlier versions take their place.

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
        self._executed: dict[str, str] = {}
        self.value: Any = None

    def __enter__(self) -> 'Running':
        for module_name in _imported:
            sys.modules.pop(module_name, None)
        _imported.clear()
        importlib.invalidate_caches()
        module_name = f'm2m_file_{hashlib.sha256(str(self._file.resolve()).encode()).hexdigest()[:12]}'
        loader = SourceLoader(module_name, str(self._file), self._executed)
        spec = importlib.util.spec_from_file_location(module_name, self._file, loader=loader)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module  # pickling and dataclasses look for it
        sys.meta_path.insert(0, self)
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
        _sources.update({str(Path(path).resolve()): self.sha256 for path in self._executed})

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module of the file's folder; None for others, such as those of installed packages."""
        if path is not None and fullname.partition('.')[0] not in _imported:  # part of a package from elsewhere
            return None
        spec = PathFinder.find_spec(fullname, [self._folder] if path is None else path, target)
        if spec is None:
            return None
        if spec.origin is None and spec.submodule_search_locations:  # a folder without __init__.py comes last
            if path is None and PathFinder.find_spec(fullname) is not None:
                return None
            _imported.add(fullname)
            return spec
        if not isinstance(spec.loader, SourceFileLoader) or not self._is_beside(spec.loader.path):
            return None
        spec.loader = SourceLoader(spec.loader.name, spec.loader.path, self._executed)
        _imported.add(fullname)
        return spec

    def _is_beside(self, path: str) -> bool:
        # An environment for Python may be in the folder.
        return Path(path).is_relative_to(self._folder) and 'site-packages' not in os.path.relpath(path, self._folder)

    @property
    def sha256(self) -> str:
        """SHA-256 of the source that was executed: of the file and of the modules beside it, by their places."""
        own = str(self._file)
        places = {
            '' if path == own else os.path.relpath(path, self._folder): sha for path, sha in self._executed.items()
        }
        return hashlib.sha256(repr(sorted(places.items())).encode()).hexdigest()


#: Names of the modules that were imported from the folder of the last file.
_imported: set[str] = set()
#: SHA-256 of all source that was executed together, by each of its files: a function may be imported from another.
_sources: dict[str, str] = {}


def source_of(file: Path) -> str | None:
    """SHA-256 of the source that was executed with a file here, which may have changed since; None for other files."""
    return _sources.get(str(file.resolve()))
