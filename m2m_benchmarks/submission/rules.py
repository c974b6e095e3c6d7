"""Rules of Brain-Score's website and repository for submissions."""

import ast
import importlib.util
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from m2m_benchmarks.plugins import OWN, registrations
from m2m_benchmarks.submission.plugin_files import MOST_UNPACKED_BYTES
from m2m_benchmarks.submission.vendoring import imports, scripts

#: Largest archive that the website accepts, in bytes.
MOST_BYTES = 50_000_000
#: Largest number of files in an archive that is unpacked here.
MOST_FILES = 10_000
#: Largest ratio of the sizes of a file without and with compression, for files of more than 10 MB.
MOST_RATIO = 200
_LARGE = 10_000_000
KINDS = {'models': 'model', 'benchmarks': 'benchmark', 'data': 'data', 'metrics': 'metric'}


@dataclass(frozen=True)
class Violation:
    """A rule that a submission breaks, or a test that fails.

    Attributes
    ----------
    rule : str
    problem : str
        What breaks the rule.
    """

    rule: str
    problem: str

    def __str__(self) -> str:
        return f'{self.rule}: {self.problem}'


def check_zip(path: Path, most_bytes: int = MOST_UNPACKED_BYTES) -> list[Violation]:
    """Check the size and the list of files of an archive by the rules of the website, without unpacking it.

    Parameters
    ----------
    path : Path
        Path of the archive.
    most_bytes : int
        Limit for its files when they are unpacked, in bytes. That, their number and their ratio are read from the list
        of files before anything else of the archive.
    """
    violations = []
    size = path.stat().st_size
    if size > MOST_BYTES:
        violations.append(Violation('at most 50 MB', f'{path.name} has {size / 1e6:.1f} MB'))
    if ' ' in path.name:
        violations.append(Violation('no spaces in names', f'{path.name!r}'))
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if bombs := _bombs(entries, most_bytes):
                return violations + bombs
            damaged = archive.testzip()  # reads no more of a file than the list says
    except Exception as error:  # each decompressor raises its own errors for damaged files
        return [*violations, Violation('a zip archive that can be read', f'{path.name}: {error}')]
    if damaged:
        return [*violations, Violation('a zip archive that can be read', f'{damaged} is damaged')]
    return violations + _listing(entries)


def _bombs(entries: list[zipfile.ZipInfo], most_bytes: int) -> list[Violation]:
    """List what makes an archive too large to unpack."""
    violations = []
    total = sum(entry.file_size for entry in entries)
    if total > most_bytes:
        problem = f'they have {total / 1e6:,.1f} MB; to check it all the same, raise the limit: --max-mb'
        violations.append(Violation(f'at most {most_bytes / 1e6:,.0f} MB of files in an archive', problem))
    if len(entries) > MOST_FILES:
        violations.append(Violation(f'at most {MOST_FILES:,} files', f'it lists {len(entries):,}'))
    large = [entry for entry in entries if entry.file_size > _LARGE]
    for entry in [entry for entry in large if entry.file_size > MOST_RATIO * entry.compress_size][:1]:
        problem = f'{entry.filename!r} unpacks from {entry.compress_size:,} to {entry.file_size:,} bytes'
        violations.append(Violation(f'no large file that is packed to less than 1/{MOST_RATIO}', problem))
    return violations


def _listing(entries: list[zipfile.ZipInfo]) -> list[Violation]:
    violations = []
    names = [entry.filename for entry in entries]
    outside = [name for name in names if name.startswith(('/', '\\')) or '..' in PurePosixPath(name).parts]
    links = [entry.filename for entry in entries if stat.S_ISLNK(entry.external_attr >> 16)]
    if outside or links:
        return [Violation('paths stay inside the archive', f'{(outside + links)[0]!r}')]
    spaced = [name for name in names if ' ' in name]
    if spaced:
        violations.append(Violation('no spaces in names', f'{spaced[0]!r}'))
    folders = {str(PurePosixPath(name)) for name in names if name.endswith('/')}
    files = [PurePosixPath(name) for name in names if not name.endswith('/')]
    needed = sorted({str(parent) for file in files for parent in file.parents if str(parent) != '.'})
    missing = [folder for folder in needed if folder not in folders]
    if missing:
        examples = ', '.join(f'{folder}/' for folder in missing[:3])
        problem = f'{len(missing)} are missing, such as {examples}'
        violations.append(Violation('an explicit entry for each directory', problem))
    metadata = [str(file) for file in files if file.name in ('metadata.yaml', 'metadata.yml')]
    if metadata:
        violations.append(Violation('no metadata.yaml', metadata[0]))
    roots = sorted({file.parts[0] for file in files} | {PurePosixPath(folder).parts[0] for folder in folders})
    if len(roots) != 1 or any(len(file.parts) == 1 for file in files):
        violations.append(Violation('one root folder', f'{", ".join(roots) or "nothing"}'))
        return violations
    wrong = [file for file in files if file.parts[1] not in KINDS or len(file.parts) < 4]
    if wrong or not files:
        problem = str(wrong[0]) if wrong else f'{roots[0]}/ holds no file'
        violations.append(Violation(f'root folder, then {", ".join(KINDS)}, then the plugin folder', problem))
    plugins = sorted({'/'.join(file.parts[1:3]) for file in files if file not in wrong})
    if len(plugins) > 1:
        violations.append(Violation('one identifier in an archive', f'the plugin folders {", ".join(plugins)}'))
    return violations


def check_folder(folder: Path, kind: str, one_identifier: bool) -> list[Violation]:
    """Check a plugin folder by Brain-Score's rules.

    Parameters
    ----------
    folder : Path
    kind : str
        Kind of the plugin, a key of `KINDS`.
    one_identifier : bool
        Whether the folder is for the website, which accepts one identifier at a time, without hyphens.
    """
    violations = []
    init = folder / '__init__.py'
    if not init.is_file():
        return [Violation('an __init__.py in the plugin folder', f'{folder.name}/ has none')]
    if not any(path.name.startswith('test') for path in scripts(folder) if path.parent == folder):
        violations.append(Violation('a test.py in the plugin folder', f'{folder.name}/ has none'))
    if kind == 'benchmarks' and not one_identifier and not (folder / 'metadata.yaml').is_file():
        violations.append(Violation('a metadata.yaml in the folder of a benchmark', f'{folder.name}/ has none'))
    # A stimulus set alone is data too.
    registries = (KINDS[kind], 'stimulus_set') if kind == 'data' else (KINDS[kind],)
    identifiers = list(dict.fromkeys(name for registry, name in registrations(init) if registry in registries))
    if not identifiers:
        expected = f"a literal line {KINDS[kind]}_registry['identifier'] = factory in __init__.py"
        violations.append(Violation(expected, f'{folder.name}/__init__.py has none'))
    if one_identifier and len(identifiers) > 1:
        violations.append(Violation('one identifier in an archive', ', '.join(identifiers)))
    if one_identifier:
        violations += [Violation('no hyphen in the identifier', name) for name in identifiers if '-' in name]
    for path in scripts(folder):
        try:
            ast.parse(importlib.util.decode_source(path.read_bytes()))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = str(error) or type(error).__name__
            return [*violations, Violation('Python that can be parsed', f'{path.relative_to(folder)}: {reason}')]
    for path, line, module in imports(folder):
        if module.split('.')[0] == OWN:
            problem = f'{path.relative_to(folder)}, line {line} imports {module}'
            violations.append(Violation(f'no import of {OWN}', problem))
    return violations
