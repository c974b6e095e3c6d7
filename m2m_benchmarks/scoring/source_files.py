"""Candidates FILE.py:FUNCTION: a function in a file of the user's that makes a network. No slow imports."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from m2m_benchmarks.errors import ModelError, UnknownNameError
from m2m_benchmarks.scoring.own_modules import OwnModules

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

    Attributes
    ----------
    value : object
        What the file calls FUNCTION.
    """

    def __init__(self, name: str) -> None:
        parts = split(name)
        assert parts is not None
        self._file, self._function = parts
        self._folder = self._file.resolve().parent
        self._modules = OwnModules(self._file.name, str(self._folder))
        self.value: Any = None

    def __enter__(self) -> 'Running':
        self._modules.__enter__()
        try:
            self.value = getattr(self._modules.run(self._file, self._folder), self._function)
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
        self._modules.__exit__()
        _sources.update({str(Path(path).resolve()): self.sha256 for path in self._modules.executed})

    @property
    def sha256(self) -> str:
        """SHA-256 of the source that was executed: of the file and of the modules of its own, by their places."""
        sha256 = self._modules.sha256(self._folder)
        assert sha256 is not None
        return sha256


#: SHA-256 of all source that was executed together, by each of its files: a function may be imported from another.
_sources: dict[str, str] = {}


def source_of(file: Path) -> str | None:
    """SHA-256 of the source that was executed with a file here, which may have changed since; None for other files."""
    return _sources.get(str(file.resolve()))
