"""What Brain-Score's website and repository ask of a submission."""

import ast
import importlib.util
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from m2m_benchmarks.plugins import OWN, registrations
from m2m_benchmarks.submission.vendoring import imports, scripts

#: Largest archive that the website takes.
MOST_BYTES = 50_000_000
KINDS = {'models': 'model', 'benchmarks': 'benchmark', 'data': 'data', 'metrics': 'metric'}


@dataclass(frozen=True)
class Broken:
    """A rule that isn't kept.

    Attributes
    ----------
    rule : str
    found : str
        What came instead.
    """

    rule: str
    found: str

    def __str__(self) -> str:
        return f'{self.rule}: {self.found}'


def check_zip(path: Path) -> list[Broken]:
    """The rules of the website that an archive breaks by its size and by what it lists; empty when it keeps all.

    Parameters
    ----------
    path : Path
        Nothing of it is unpacked.
    """
    broken = []
    size = path.stat().st_size
    if size > MOST_BYTES:
        broken.append(Broken('at most 50 MB', f'{path.name} has {size / 1e6:.1f} MB'))
    if ' ' in path.name:
        broken.append(Broken('no spaces in names', f'{path.name!r}'))
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            damaged = archive.testzip()
    except Exception as error:  # of damaged ones, each decompressor has its own
        return [*broken, Broken('a zip archive that can be read', f'{path.name}: {error}')]
    if damaged:
        return [*broken, Broken('a zip archive that can be read', f'{damaged} is damaged')]
    return broken + _listing(entries)


def _listing(entries: list[zipfile.ZipInfo]) -> list[Broken]:
    broken = []
    names = [entry.filename for entry in entries]
    outside = [name for name in names if name.startswith(('/', '\\')) or '..' in PurePosixPath(name).parts]
    links = [entry.filename for entry in entries if stat.S_ISLNK(entry.external_attr >> 16)]
    if outside or links:
        return [Broken('paths stay inside the archive', f'{(outside + links)[0]!r}')]
    spaced = [name for name in names if ' ' in name]
    if spaced:
        broken.append(Broken('no spaces in names', f'{spaced[0]!r}'))
    folders = {str(PurePosixPath(name)) for name in names if name.endswith('/')}
    files = [PurePosixPath(name) for name in names if not name.endswith('/')]
    needed = sorted({str(parent) for file in files for parent in file.parents if str(parent) != '.'})
    missing = [folder for folder in needed if folder not in folders]
    if missing:
        found = ', '.join(f'{folder}/' for folder in missing[:3])
        broken.append(Broken('an explicit entry for each directory', f'{len(missing)} lack theirs, such as {found}'))
    metadata = [str(file) for file in files if file.name in ('metadata.yaml', 'metadata.yml')]
    if metadata:
        broken.append(Broken('no metadata.yaml', metadata[0]))
    roots = sorted({file.parts[0] for file in files} | {PurePosixPath(folder).parts[0] for folder in folders})
    if len(roots) != 1 or any(len(file.parts) == 1 for file in files):
        broken.append(Broken('one root folder', f'{", ".join(roots) or "nothing"}'))
        return broken
    wrong = [file for file in files if file.parts[1] not in KINDS or len(file.parts) < 4]
    if wrong or not files:
        found = str(wrong[0]) if wrong else f'{roots[0]}/ holds no file'
        broken.append(Broken(f'root folder, then {", ".join(KINDS)}, then the plugin folder', found))
    plugins = sorted({'/'.join(file.parts[1:3]) for file in files if file not in wrong})
    if len(plugins) > 1:
        broken.append(Broken('one identifier in an archive', f'the plugin folders {", ".join(plugins)}'))
    return broken


def check_folder(folder: Path, kind: str, one_identifier: bool) -> list[Broken]:
    """The rules that a plugin folder breaks; empty when it keeps all.

    Parameters
    ----------
    folder : Path
    kind : str
        Key of `KINDS`.
    one_identifier : bool
        Whether it goes to the website, which takes one identifier at a time, without hyphens.
    """
    broken = []
    init = folder / '__init__.py'
    if not init.is_file():
        return [Broken('an __init__.py in the plugin folder', f'{folder.name}/ has none')]
    if not any(path.name.startswith('test') for path in scripts(folder) if path.parent == folder):
        broken.append(Broken('a test.py in the plugin folder', f'{folder.name}/ has none'))
    if kind == 'benchmarks' and not one_identifier and not (folder / 'metadata.yaml').is_file():
        broken.append(Broken('a metadata.yaml in the folder of a benchmark', f'{folder.name}/ has none'))
    # Stimuli alone are data too.
    registries = (KINDS[kind], 'stimulus_set') if kind == 'data' else (KINDS[kind],)
    identifiers = list(dict.fromkeys(name for registry, name in registrations(init) if registry in registries))
    if not identifiers:
        expected = f"a literal line {KINDS[kind]}_registry['identifier'] = factory in __init__.py"
        broken.append(Broken(expected, f'{folder.name}/__init__.py has none'))
    if one_identifier and len(identifiers) > 1:
        broken.append(Broken('one identifier in an archive', ', '.join(identifiers)))
    if one_identifier:
        broken += [Broken('no hyphen in the identifier', name) for name in identifiers if '-' in name]
    for path in scripts(folder):
        try:
            ast.parse(importlib.util.decode_source(path.read_bytes()))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            why = str(error) or type(error).__name__
            return [*broken, Broken('Python that can be parsed', f'{path.relative_to(folder)}: {why}')]
    for path, line, module in imports(folder):
        if module.split('.')[0] == OWN:
            found = f'{path.relative_to(folder)}, line {line} imports {module}'
            broken.append(Broken(f'nothing imported of {OWN}', found))
    return broken
