"""What is in the data folder: one manifest a dataset, with the SHA-256 of each of its files.

The manifest is the only thing that makes files a dataset. Files are written into a folder named after their content,
the manifest is replaced last and in one step; whatever it doesn't name is left from an interrupted run.
This module imports nothing heavy: listings read it.
"""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from m2m_benchmarks.errors import DataError, DataNotFoundError
from m2m_benchmarks.storage import atomic_write, home, sha256_file

FORMAT = 1
#: Kind of a manifest whose dataset is a domain of digits, not recordings.
DIGITS = 'digits'

#: Datasets that this library makes when they are first used.
MADE_HERE = ('SimulatedMouse', 'SklearnDigits')


def data_folder() -> Path:
    """Folder that holds a folder for each dataset."""
    return home() / 'data'


def _path(name: str) -> Path:
    return data_folder() / name / 'ledger.json'


def read(name: str) -> dict[str, Any] | None:
    """Manifest of a dataset, or None when it isn't on this machine.

    Raises
    ------
    DataError
        When there is a manifest that can't be read.
    """
    path = _path(name)
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding='utf-8'))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise DataError(f'the manifest {path} cannot be read ({error}). {repair_advice(name)}') from error
    if not isinstance(manifest, dict) or manifest.get('format') != FORMAT:
        raise DataError(f'the manifest {path} is not one that this version reads. {repair_advice(name)}')
    return manifest


def require(name: str) -> dict[str, Any]:
    """Manifest of a dataset that has to be here.

    Raises
    ------
    DataNotFoundError
        With the command that brings it.
    """
    manifest = read(name)
    if manifest is None:
        raise DataNotFoundError(
            f'{name} is not on this machine (looked in {data_folder()}). Bring it with:\n  {import_command(name)}'
        )
    return manifest


def write(name: str, content: dict[str, Any]) -> dict[str, Any]:
    """Put a manifest in place, in one step; return it as `read` does."""
    manifest = {'format': FORMAT, **content}
    with atomic_write(_path(name)) as file:
        json.dump(manifest, file, indent=1)
    return manifest


def names() -> list[str]:
    """Datasets on this machine."""
    return sorted(path.parent.name for path in data_folder().glob('*/ledger.json'))


def path_of(name: str, manifest: dict[str, Any], file: dict[str, Any]) -> Path:
    """Path of a file that the manifest names."""
    return data_folder() / name / str(manifest['version']) / str(file['file'])


def files(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Everything the manifest vouches for: the assembly and the stimuli, or the arrays of each split of digits."""
    if manifest.get('kind') == DIGITS:
        return [file for split in manifest['splits'].values() for file in split['files'].values()]
    return [manifest['assembly'], *manifest['stimuli']]


def stimuli_sha256(manifest: dict[str, Any]) -> str:
    """SHA-256 of the stimuli of recordings: of their files' SHA-256, in their order."""
    return hashlib.sha256(''.join(file['sha256'] for file in manifest['stimuli']).encode()).hexdigest()


def verify(name: str) -> list[str]:
    """Compare every file of a dataset with its SHA-256.

    Returns
    -------
    list of str
        One sentence for each file that is missing or differs; empty when all is well.
    """
    manifest = require(name)
    problems = []
    for file in files(manifest):
        path = path_of(name, manifest, file)
        problem = file_problem(path, file)
        if problem:
            problems.append(f'{path}: {problem}')
    return problems


def file_problem(path: Path, file: dict[str, Any]) -> str | None:
    """What is wrong with a file that the manifest names, or None."""
    if not path.is_file():
        return 'missing'
    size = path.stat().st_size
    if size != file['bytes']:
        return f'{size:,} bytes, expected {file["bytes"]:,}'
    sha256 = sha256_file(path)
    if sha256 != file['sha256']:
        return f'SHA-256 {sha256[:12]}…, expected {file["sha256"][:12]}…'
    return None


def intact_path(name: str, manifest: dict[str, Any], file: dict[str, Any]) -> Path:
    """Path of a file, known to be what was written.

    Raises
    ------
    DataError
        When it is missing or was changed.
    """
    path = path_of(name, manifest, file)
    with contextlib.suppress(OSError):
        if _state(path) == _verified.get((path, file['sha256'])):
            return path
    problem = file_problem(path, file)
    if problem:
        raise DataError(f'{path} of {name} is damaged: {problem}. {repair_advice(name)}')
    _verified[path, file['sha256']] = _state(path)
    return path


def _state(path: Path) -> tuple[int, ...]:
    """Numbers that change when a file is replaced or written to."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


#: State in which a file, known by its path and SHA-256, was last read as a whole by this process: each is hashed once.
_verified: dict[tuple[Path, str], tuple[int, ...]] = {}


def import_commands(name: str) -> list[str]:
    """The commands that bring a dataset to this machine: one of them is enough."""
    fetch = _fetch_command(name)
    if fetch.startswith('m2m data fetch digits'):
        return [fetch]
    if holds_digits(name):
        return [f'm2m data import digits-domain {name} --from PATH']
    bundle = f'm2m data import {name} --sessions sessions.csv --units units.csv --stimuli DIR'
    return [fetch, bundle] if fetch else [bundle]


def import_command(name: str) -> str:
    """The commands that bring a dataset to this machine, in a sentence."""
    return ', or from an array bundle: '.join(import_commands(name))


def holds_digits(name: str) -> bool:
    """Whether a dataset on this machine is a domain of digits; False where its manifest can't be read."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return bool(json.loads(_path(name).read_text(encoding='utf-8')).get('kind') == DIGITS)
    return False


def _fetch_command(name: str) -> str:
    """The command that downloads a dataset, as its card or its manifest says; '' for one that is imported."""
    from m2m_benchmarks.data.cards import cards  # which reads manifests itself

    for card in cards():
        if card['name'] == name and card['fetch']:
            return card['fetch']
    with contextlib.suppress(OSError, ValueError, AttributeError, LookupError, TypeError):
        made_by = json.loads(_path(name).read_text(encoding='utf-8'))['source']['made_by']
        if made_by == f'm2m data fetch {name}':
            return str(made_by)
    return ''


def repair_advice(name: str) -> str:
    """What to do about a damaged dataset, in a sentence."""
    if name in MADE_HERE:
        return f'Remove {data_folder() / name}; it is made again when it is next used.'
    return f'Bring it again: {import_command(name)}'
