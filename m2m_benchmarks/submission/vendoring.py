"""A plugin folder together with all that it uses of this library.

Modules of this library that a plugin imports, directly or through others, are copied into a folder `m2m` inside the
plugin, and the imports are rewritten: the copy imports nothing of m2m_benchmarks.
"""

import ast
import importlib.metadata
import importlib.util
import io
import shutil
import sys
import tokenize
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

from m2m_benchmarks.errors import M2MError
from m2m_benchmarks.plugins import BRAIN_SCORE, OWN

#: Folder of the copies, inside the plugin.
VENDORED = 'm2m'
#: This package looks plugins up; inside brainscore_vision, that library does.
_LOOKUP = f'{OWN}.plugins'
_IGNORED = shutil.ignore_patterns('__pycache__', '*.pyc')


def self_contained(source: Path, package: str, kind: str, destination: Path) -> None:
    """Copy a plugin folder so that it works without this library.

    Parameters
    ----------
    source : Path
        Folder of the plugin.
    package : str
        Its dotted name, such as 'm2m_benchmarks.benchmarks.siegle2021'.
    kind : str
        'models', 'benchmarks', 'metrics' or 'data'.
    destination : Path
        Folder that the copy becomes; it must not be there yet.

    Raises
    ------
    M2MError
        When an import can't be followed, or a file can't be read.
    """
    if destination.resolve().is_relative_to(source.resolve()):
        raise M2MError(f'{destination} is inside {source}, the folder to copy; name another place.')
    try:
        shutil.copytree(source, destination, ignore=_IGNORED)
    except shutil.Error as error:  # a list of (from, to, why)
        path, _, why = error.args[0][0]
        raise M2MError(f'{path} cannot be copied: {why}.') from error
    except OSError as error:
        raise M2MError(f'{source} cannot be copied: {error.strerror or error}.') from error
    for path in (destination, *destination.rglob('*')):  # of a read-only installation, the copy is not
        path.chmod(path.stat().st_mode | (0o700 if path.is_dir() else 0o600))
    copies: dict[str, Path] = {}
    waiting = []
    for path in scripts(destination):
        inside = path.relative_to(destination)
        if len(inside.parts) == 1:
            prefix = f'.{VENDORED}.'
        else:  # a script in a subfolder is no module of the package
            prefix = f'{BRAIN_SCORE}.{kind}.{destination.name}.{VENDORED}.'
        waiting.append((path, source / inside, '.'.join([package, *inside.parts[:-1]]), prefix))
    while waiting:
        path, original, inside_package, prefix = waiting.pop()
        for module in _rewrite(path, original, inside_package, package, prefix):
            if module in copies:
                continue
            if not copies and (destination / VENDORED).exists():
                raise M2MError(f'{source} has a folder {VENDORED} of its own, where copies would go; rename it.')
            (destination / VENDORED).mkdir(exist_ok=True)
            copies[module] = destination / VENDORED / f'{_copy_of(module)}.py'
            file = _file(module)
            shutil.copyfile(file, copies[module])
            waiting.append((copies[module], file, module if _is_package(file) else module.rpartition('.')[0], '.'))
    if copies:
        (destination / VENDORED / '__init__.py').write_text(
            f'"""Modules of m2m-benchmarks {importlib.metadata.version("m2m-benchmarks")} that this plugin uses."""\n'
        )
    asked = destination / 'requirements.txt'
    lines = asked.read_text(encoding='utf-8').splitlines() if asked.is_file() else []
    there = {_normalized(line) for line in lines}
    missing = [package for package in requirements(destination) if package not in there]
    if missing:
        asked.write_text('\n'.join([*lines, *missing]) + '\n', encoding='utf-8')


def _rewrite(path: Path, original: Path, inside: str, plugin: str, prefix: str) -> list[str]:
    """Point the imports of one file, the copy of `original`, at the copies; the modules that have to be copied."""
    content = path.read_bytes()
    tree = _parse(content, original)
    # As Python counts lines and columns: ends of lines made one, columns in bytes of UTF-8.
    lines = importlib.util.decode_source(content).encode().split(b'\n')
    modules: list[str] = []
    edited = False
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom | ast.Import)]
    for node in sorted(imports, key=lambda node: (-node.lineno, -node.col_offset)):  # from the end: places stay true
        where = f'{original}, line {node.lineno}'
        if isinstance(node, ast.Import):
            if any(alias.name.split('.')[0] == OWN for alias in node.names):
                raise M2MError(f'{where}: write `from {OWN}… import …`, so that it can be copied.')
            continue
        try:
            source = importlib.util.resolve_name('.' * node.level + (node.module or ''), inside)
        except ImportError as error:
            raise M2MError(f'{where} imports from outside the plugin; put into its folder what it needs.') from error
        if source.split('.')[0] != OWN or (node.level and f'{source}.'.startswith(f'{plugin}.')):
            continue
        groups: dict[str, list[str]] = {}
        for alias in node.names:
            spelled = alias.name if alias.asname is None else f'{alias.name} as {alias.asname}'
            if f'{source}.'.startswith(f'{_LOOKUP}.'):
                groups.setdefault(BRAIN_SCORE, []).append(spelled)
                continue
            if f'{source}.{alias.name}' == _LOOKUP:
                raise M2MError(f'{where}: write `from {_LOOKUP} import …`, which becomes an import of {BRAIN_SCORE}.')
            module, is_module = _definition(source, alias.name)
            modules.append(module)
            if is_module:
                groups.setdefault(prefix, []).append(f'{_copy_of(module)} as {alias.asname or alias.name}')
            else:
                groups.setdefault(prefix + _copy_of(module), []).append(spelled)
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        before, after = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
        separator = '; ' if before.strip() else '\n' + before.decode()
        written = [f'from {_module(target)} import {", ".join(names)}' for target, names in groups.items()]
        lines[first : last + 1] = (before + separator.join(written).encode() + after).split(b'\n')
        edited = True
    if edited:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        path.write_text(b'\n'.join(lines).decode(), encoding=encoding)
    return modules


def _parse(content: bytes, path: Path) -> ast.Module:
    try:
        return ast.parse(importlib.util.decode_source(content))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise M2MError(f'{path} is not Python that can be parsed: {str(error) or type(error).__name__}.') from error


def _copy_of(module: str) -> str:
    """Name of a module's copy: its own, with its packages before it, so that no two are the same."""
    return '_'.join(module.split('.')[1:])


def _module(target: str) -> str:
    """'.m2m.' names the package itself."""
    return target if target == '.' else target.rstrip('.')


def _definition(source: str, name: str) -> tuple[str, bool]:
    """Module that has to be copied for `from source import name`, and whether the name is that module."""
    file = _file(source)
    if not _is_package(file):
        return source, False
    for node in _parse(file.read_bytes(), file).body:  # a package hands on what its modules define
        if isinstance(node, ast.ImportFrom) and any((alias.asname or alias.name) == name for alias in node.names):
            return _definition(importlib.util.resolve_name('.' * node.level + (node.module or ''), source), name)
    submodule = f'{source}.{name}'
    if _spec(submodule) is None:
        raise M2MError(f'{source} has no {name}, which a plugin imports.')
    return submodule, True


def _file(module: str) -> Path:
    spec = _spec(module)
    if spec is None or spec.origin is None:
        raise M2MError(f'there is no module {module}, which a plugin imports.')
    return Path(spec.origin)


def _spec(module: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(module)
    except ModuleNotFoundError:  # there is not even its package
        return None


def _is_package(file: Path) -> bool:
    return file.name == '__init__.py'


def scripts(folder: Path) -> list[Path]:
    """All files of Python code in a folder."""
    return sorted(path for path in folder.rglob('*.py') if path.is_file())


def imports(folder: Path) -> Iterator[tuple[Path, int, str]]:
    """(file, line, module) of each absolute import in a folder."""
    for path in scripts(folder):
        for node in ast.walk(_parse(path.read_bytes(), path)):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield path, node.lineno, alias.name
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield path, node.lineno, node.module or ''


def requirements(folder: Path) -> list[str]:
    """Packages that a folder imports and brainscore_vision doesn't bring, as lines of a requirements.txt."""
    brought = {'brainscore-vision', 'brainscore-core', 'pytest'}
    for package in ('brainscore-vision', 'brainscore-core'):
        for line in importlib.metadata.requires(package) or []:
            if 'extra ==' not in line:
                brought.add(_normalized(line))
    packages = importlib.metadata.packages_distributions()
    found = set()
    for _, _, module in imports(folder):
        top = module.split('.')[0]
        if top in sys.stdlib_module_names:
            continue
        found |= {_normalized(package) for package in packages.get(top, [])} - brought
    return sorted(found)


def _normalized(requirement: str) -> str:
    """Name of the package that a requirement is about, in the spelling of package indexes."""
    name = requirement
    for end in ' <>=!~;[(':
        name = name.split(end)[0]
    return name.lower().replace('_', '-')
