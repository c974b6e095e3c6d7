"""Copies a plugin folder together with the modules of this library that it uses.

Modules that a plugin imports, directly or through others, are copied into a folder `m2m` inside the plugin, and its
imports are rewritten, so that the copy imports nothing from m2m_benchmarks.
"""

import ast
import importlib.metadata
import importlib.util
import io
import math
import shutil
import sys
import tokenize
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

from m2m_benchmarks.errors import M2MError
from m2m_benchmarks.plugins import BRAIN_SCORE, OWN
from m2m_benchmarks.submission.plugin_files import plugin_files

#: Name of the folder of the copies, inside the plugin.
VENDORED = 'm2m'
#: Package that looks up plugins; brainscore_vision replaces it in copies.
_LOOKUP = f'{OWN}.plugins'


def copy_self_contained(source: Path, package: str, kind: str, destination: Path, most_bytes: float = math.inf) -> None:
    """Copy a plugin folder so that it works without this library.

    Parameters
    ----------
    source : Path
        Folder of the plugin.
    package : str
        Dotted name of the plugin, such as 'm2m_benchmarks.benchmarks.siegle2021'.
    kind : str
        'models', 'benchmarks', 'metrics' or 'data'.
    destination : Path
        Folder of the copy; it must not exist.
    most_bytes : float
        Limit for the files of the plugin, in bytes; see `plugin_files`.

    Raises
    ------
    M2MError
        When an import can't be followed, a file can't be read, or `plugin_files` refuses one.
    """
    if destination.resolve().is_relative_to(source.resolve()):
        raise M2MError(f'{destination} is inside {source}, the folder to copy; name another folder.')
    files = plugin_files(source, most_bytes)
    destination.mkdir(parents=True)
    for inside, file in files.items():
        try:
            (destination / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, destination / inside)
            # The copy of a read-only installation is writable.
            (destination / inside).chmod(file.stat().st_mode | 0o600)
        except OSError as error:
            raise M2MError(f'{error.filename or file} cannot be copied: {error.strerror or error}.') from error
    copies: dict[str, Path] = {}
    pending = []
    for path in scripts(destination):
        inside = path.relative_to(destination)
        if len(inside.parts) == 1:
            prefix = f'.{VENDORED}.'
        else:  # a script in a subfolder is not a module of the package
            prefix = f'{BRAIN_SCORE}.{kind}.{destination.name}.{VENDORED}.'
        pending.append((path, source / inside, '.'.join([package, *inside.parts[:-1]]), prefix))
    while pending:
        path, original, inside_package, prefix = pending.pop()
        for module in _rewrite(path, original, inside_package, package, prefix):
            if module in copies:
                continue
            if not copies and (destination / VENDORED).exists():
                raise M2MError(f'{source} has a folder {VENDORED}, which is needed for the copies; rename it.')
            (destination / VENDORED).mkdir(exist_ok=True)
            copies[module] = destination / VENDORED / f'{_copy_of(module)}.py'
            file = _file(module)
            shutil.copyfile(file, copies[module])
            pending.append((copies[module], file, module if _is_package(file) else module.rpartition('.')[0], '.'))
    if copies:
        (destination / VENDORED / '__init__.py').write_text(
            f'"""Modules of m2m-benchmarks {importlib.metadata.version("m2m-benchmarks")} that this plugin uses."""\n'
        )
    file = destination / 'requirements.txt'
    try:
        lines = file.read_text(encoding='utf-8').splitlines() if file.is_file() else []
    except UnicodeDecodeError as error:
        raise M2MError(f'{source / file.name} is no UTF-8 text; save it as UTF-8.') from error
    listed = {_normalize(line) for line in lines}
    missing = [package for package in requirements(destination) if package not in listed]
    if missing:
        file.write_text('\n'.join([*lines, *missing]) + '\n', encoding='utf-8')


def _rewrite(path: Path, original: Path, inside: str, plugin: str, prefix: str) -> list[str]:
    """Point the imports of a file, the copy of `original`, at the copies; return the modules to copy."""
    content = path.read_bytes()
    tree = _parse(content, original)
    # As Python counts them: lines with uniform ends, and columns in bytes of UTF-8.
    lines = importlib.util.decode_source(content).encode().split(b'\n')
    modules: list[str] = []
    edited = False
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom | ast.Import)]
    # From the end, so that positions stay valid.
    for node in sorted(imports, key=lambda node: (-node.lineno, -node.col_offset)):
        position = f'{original}, line {node.lineno}'
        if isinstance(node, ast.Import):
            if any(alias.name.split('.')[0] == OWN for alias in node.names):
                raise M2MError(f'{position}: write `from {OWN}… import …`, so that it can be copied.')
            continue
        try:
            source = importlib.util.resolve_name('.' * node.level + (node.module or ''), inside)
        except ImportError as error:
            raise M2MError(f'{position} imports from outside the plugin; copy the module into its folder.') from error
        if source.split('.')[0] != OWN or (node.level and f'{source}.'.startswith(f'{plugin}.')):
            continue
        groups: dict[str, list[str]] = {}
        for alias in node.names:
            name = alias.name if alias.asname is None else f'{alias.name} as {alias.asname}'
            if f'{source}.'.startswith(f'{_LOOKUP}.'):
                groups.setdefault(BRAIN_SCORE, []).append(name)
                continue
            if f'{source}.{alias.name}' == _LOOKUP:
                raise M2MError(f'{position}: write `from {_LOOKUP} import …`, to become an import of {BRAIN_SCORE}.')
            module, is_module = _definition(source, alias.name)
            modules.append(module)
            if is_module:
                groups.setdefault(prefix, []).append(f'{_copy_of(module)} as {alias.asname or alias.name}')
            else:
                groups.setdefault(prefix + _copy_of(module), []).append(name)
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        before, after = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
        separator = '; ' if before.strip() else '\n' + before.decode()
        statements = [f'from {_module(target)} import {", ".join(names)}' for target, names in groups.items()]
        lines[first : last + 1] = (before + separator.join(statements).encode() + after).split(b'\n')
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
    """Unique name of the copy of a module: its packages and its name, joined."""
    return '_'.join(module.split('.')[1:])


def _module(target: str) -> str:
    """Strip the final dot of a package, as in '.m2m.'."""
    return target if target == '.' else target.rstrip('.')


def _definition(source: str, name: str) -> tuple[str, bool]:
    """Module to copy for `from source import name`, and whether the name is that module."""
    file = _file(source)
    if not _is_package(file):
        return source, False
    for node in _parse(file.read_bytes(), file).body:  # a package re-exports names of its modules
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
    except ModuleNotFoundError:  # its package does not exist either
        return None


def _is_package(file: Path) -> bool:
    return file.name == '__init__.py'


def scripts(folder: Path) -> list[Path]:
    """List the Python files in a folder."""
    return sorted(path for path in folder.rglob('*.py') if path.is_file())


def imports(folder: Path) -> Iterator[tuple[Path, int, str]]:
    """Yield (file, line, module) for each absolute import in a folder."""
    for path in scripts(folder):
        for node in ast.walk(_parse(path.read_bytes(), path)):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield path, node.lineno, alias.name
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield path, node.lineno, node.module or ''


def requirements(folder: Path) -> list[str]:
    """List packages that a folder imports and brainscore_vision doesn't require, for its requirements.txt."""
    provided = {'brainscore-vision', 'brainscore-core', 'pytest'}
    for package in ('brainscore-vision', 'brainscore-core'):
        for line in importlib.metadata.requires(package) or []:
            if 'extra ==' not in line:
                provided.add(_normalize(line))
    packages = importlib.metadata.packages_distributions()
    needed = set()
    for _, _, module in imports(folder):
        top = module.split('.')[0]
        if top in sys.stdlib_module_names:
            continue
        needed |= {_normalize(package) for package in packages.get(top, [])} - provided
    return sorted(needed)


def _normalize(requirement: str) -> str:
    """Name of the package of a requirement, in the spelling of package indexes."""
    name = requirement
    for end in ' <>=!~;[(':
        name = name.split(end)[0]
    return name.lower().replace('_', '-')
