"""Candidates FILE.py:FUNCTION: a function in a file of the user's that makes a network. No slow imports."""

import ast
import hashlib
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from m2m_benchmarks.errors import ModelError, UnknownNameError

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


def run(name: str) -> Any:
    """Run the file of FILE.py:FUNCTION, as `python FILE.py` finds its imports, and return what it calls FUNCTION."""
    parts = split(name)
    assert parts is not None
    file, function = parts
    module_name = f'm2m_file_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]}'
    spec = importlib.util.spec_from_file_location(module_name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # pickling and dataclasses look for it
    folder = str(file.resolve().parent)
    sys.path.insert(0, folder)
    try:
        # The user named the file. Its source alone: bytecode of an earlier version may have the same time stamp.
        exec(compile(file.read_bytes(), str(file), 'exec'), module.__dict__)
    except SystemExit as error:
        raise ModelError(
            f'{file} ends the program when it is run. Put what is not needed for {function} below '
            "`if __name__ == '__main__':`."
        ) from error
    finally:
        sys.path.remove(folder)
    return getattr(module, function)
