"""A plugin folder together with all that it uses of this library.

Modules of this library that a plugin imports, directly or through others, are copied into a folder `m2m` inside the
plugin, and the imports are rewritten: the copy imports nothing of m2m_benchmarks.
"""

import ast
import importlib.metadata
import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from m2m_benchmarks.errors import M2MError
from m2m_benchmarks.plugins import BRAIN_SCORE, OWN

#: Folder of the copies, inside the plugin.
VENDORED = 'm2m'
#: This module looks plugins up; inside brainscore_vision, that library does.
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
        When an import can't be followed.
    """
    shutil.copytree(source, destination, ignore=_IGNORED)
    copies: dict[str, Path] = {}
    waiting = []
    for path in sorted(destination.rglob('*.py')):
        inside = path.relative_to(destination)
        if len(inside.parts) == 1:
            prefix = f'.{VENDORED}.'
        else:  # a script in a subfolder is no module of the package
            prefix = f'{BRAIN_SCORE}.{kind}.{destination.name}.{VENDORED}.'
        waiting.append((path, '.'.join([package, *inside.parts[:-1]]), prefix))
    while waiting:
        path, inside_package, prefix = waiting.pop()
        for module in _rewrite(path, inside_package, package, prefix):
            name = module.rpartition('.')[2]
            if module in copies:
                continue
            if any(other.stem == name for other in copies.values()):
                raise M2MError(f'{package} uses two modules called {name}; they cannot be copied into one folder.')
            (destination / VENDORED).mkdir(exist_ok=True)
            copies[module] = destination / VENDORED / f'{name}.py'
            shutil.copyfile(_file(module), copies[module])
            waiting.append((copies[module], module.rpartition('.')[0], '.'))
    if copies:
        (destination / VENDORED / '__init__.py').write_text(
            f'"""Modules of m2m-benchmarks {importlib.metadata.version("m2m-benchmarks")} that this plugin uses."""\n'
        )
    needed = requirements(destination)
    if needed:
        (destination / 'requirements.txt').write_text('\n'.join(needed) + '\n')


def _rewrite(path: Path, inside: str, plugin: str, prefix: str) -> list[str]:
    """Point the imports of one file at the copies; the modules that have to be copied."""
    lines = path.read_text(encoding='utf-8').splitlines(keepends=True)
    modules: list[str] = []
    imports = [node for node in ast.walk(ast.parse(''.join(lines))) if isinstance(node, ast.ImportFrom | ast.Import)]
    for node in sorted(imports, key=lambda node: -node.lineno):  # from the end: line numbers stay true
        if isinstance(node, ast.Import):
            if any(alias.name.split('.')[0] == OWN for alias in node.names):
                raise M2MError(f'{path}, line {node.lineno}: write `from {OWN}… import …`, so that it can be copied.')
            continue
        source = importlib.util.resolve_name('.' * node.level + (node.module or ''), inside)
        if source.split('.')[0] != OWN or (node.level and f'{source}.'.startswith(f'{plugin}.')):
            continue
        groups: dict[str, list[str]] = {}
        for alias in node.names:
            spelled = alias.name if alias.asname is None else f'{alias.name} as {alias.asname}'
            if source == _LOOKUP:
                groups.setdefault(BRAIN_SCORE, []).append(spelled)
                continue
            module, is_module = _definition(source, alias.name)
            modules.append(module)
            groups.setdefault(prefix if is_module else prefix + module.rpartition('.')[2], []).append(spelled)
        indent = ' ' * node.col_offset
        written = [f'{indent}from {_module(target)} import {", ".join(names)}\n' for target, names in groups.items()]
        lines[node.lineno - 1 : node.end_lineno] = written
    path.write_text(''.join(lines), encoding='utf-8')
    return modules


def _module(target: str) -> str:
    """'.m2m.' names the package itself."""
    return target if target == '.' else target.rstrip('.')


def _definition(source: str, name: str) -> tuple[str, bool]:
    """Module that has to be copied for `from source import name`, and whether the name is that module."""
    if importlib.util.find_spec(source) is None:
        raise M2MError(f'there is no module {source}, which a plugin imports.')
    if _file(source).name != '__init__.py':
        return source, False
    for node in ast.parse(_file(source).read_text(encoding='utf-8')).body:  # a package hands on what its modules define
        if isinstance(node, ast.ImportFrom) and any((alias.asname or alias.name) == name for alias in node.names):
            return _definition(importlib.util.resolve_name('.' * node.level + (node.module or ''), source), name)
    submodule = f'{source}.{name}'
    if importlib.util.find_spec(submodule) is None:
        raise M2MError(f'{source} has no {name}, which a plugin imports.')
    return submodule, True


def _file(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise M2MError(f'there is no source file of {module}, which a plugin imports.')
    return Path(spec.origin)


def imports(folder: Path) -> Iterator[tuple[Path, int, str]]:
    """(file, line, module) of each absolute import in a folder."""
    for path in sorted(folder.rglob('*.py')):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
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
