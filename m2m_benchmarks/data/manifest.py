"""Manifests of the datasets in the data folder, with the SHA-256 of each file and of their own content.

Only a manifest makes files a dataset. Files are written into a folder named after their content, and the manifest is
replaced last and in one step; files that it doesn't list are left from an interrupted run. This module imports nothing
heavy, for listings.
"""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from m2m_benchmarks.data.made_here import MADE_HERE
from m2m_benchmarks.data.manifest_form import DIGITS, check_form
from m2m_benchmarks.data.names import DATASET_RULE, is_dataset_name
from m2m_benchmarks.errors import DataError, DataNotFoundError
from m2m_benchmarks.storage import atomic_write, home, sha256_file

FORMAT = 1
#: Source of simulated recordings (`made_by`).
SIMULATED = 'simulated by this package'


def data_folder() -> Path:
    """Folder with a folder for each dataset."""
    return home() / 'data'


def manifest_path(name: str) -> Path:
    """Path of a dataset's manifest, which exists if the dataset is on this machine."""
    return data_folder() / name / 'ledger.json'


def read(name: str) -> dict[str, Any] | None:
    """Read the manifest of a dataset; None if it isn't on this machine, or no dataset can have the name.

    Raises
    ------
    DataError
        When the manifest can't be read, or was changed after it was written.
    """
    if not is_dataset_name(name):  # such as ../x, which leads out of the data folder
        return None
    path = manifest_path(name)
    try:
        content = path.read_bytes()
        manifest: dict[str, Any] = json.loads(content)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f'the manifest {path} cannot be read ({error}). {repair_advice(name)}') from error
    if not isinstance(manifest, dict) or manifest.get('format') != FORMAT:
        raise DataError(
            f'the manifest {path} is of another version or damaged; expected format {FORMAT}. {repair_advice(name)}'
        )
    seal = manifest.pop('sha256', None)  # version 0.1 wrote none
    state = hashlib.sha256(content).digest()
    if state not in _checked:
        try:
            if seal is not None and seal != sha256(manifest):
                raise ValueError('it was changed after it was written')
            check_form(manifest, others=seal is not None)
        except ValueError as error:
            raise DataError(f'the manifest {path} is damaged: {error}. {repair_advice(name)}') from error
        _checked.add(state)
    return manifest


#: SHA-256 of the contents of manifests that this process has checked.
_checked: set[bytes] = set()


def sha256(manifest: dict[str, Any]) -> str:
    """SHA-256 of the content of a manifest."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def damaged() -> dict[str, str]:
    """Datasets on this machine whose manifest can't be read, and what is wrong with each."""
    problems = {}
    for name in names():
        try:
            read(name)
        except DataError as error:
            problems[name] = str(error)
    return problems


def require(name: str) -> dict[str, Any]:
    """Read the manifest of a dataset that has to be on this machine.

    Raises
    ------
    DataNotFoundError
        When it isn't; the message has the command that brings it, or says why no dataset can have the name.
    """
    if not is_dataset_name(name):
        raise DataNotFoundError(
            f'{name!r} cannot be the name of a dataset; expected {DATASET_RULE}. `m2m data list` lists them.'
        )
    manifest = read(name)
    if manifest is None and name in MADE_HERE:
        raise DataNotFoundError(f'{name} is not on this machine; it is made when a benchmark of it is first scored.')
    if manifest is None:
        raise DataNotFoundError(
            f'{name} is not on this machine (looked in {data_folder()}). Bring it with:\n  {import_command(name)}'
        )
    return manifest


def write(name: str, content: dict[str, Any]) -> dict[str, Any]:
    """Write a manifest in one step; return it as `read` does."""
    manifest = {'format': FORMAT, **content}
    with atomic_write(manifest_path(name)) as file:
        # As it is read: JSON has no tuples, and texts as keys.
        json.dump({**manifest, 'sha256': sha256(json.loads(json.dumps(manifest)))}, file, indent=1)
    return manifest


def names() -> list[str]:
    """Datasets on this machine."""
    return sorted(path.parent.name for path in data_folder().glob('*/ledger.json') if is_dataset_name(path.parent.name))


def path_of(name: str, manifest: dict[str, Any], file: dict[str, Any]) -> Path:
    """Path of a file in the manifest."""
    return data_folder() / name / str(manifest['version']) / str(file['file'])


def files(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Entries of all files in a manifest: the assembly and the stimuli, or the arrays of each split of digits."""
    if manifest.get('kind') == DIGITS:
        return [file for split in manifest['splits'].values() for file in split['files'].values()]
    return [manifest['assembly'], *manifest['stimuli']]


def refuse_other_kind(name: str, kind: str | None) -> None:
    """Raise a DataError if the dataset of this name on this machine is of another kind: `DIGITS`, None for recordings.

    A dataset with a damaged manifest may be replaced by any.
    """
    try:
        before = read(name)
    except DataError:
        return
    if before is not None and before.get('kind') != kind:
        here, new = ('recordings', 'digits') if kind == DIGITS else ('digits', 'recordings')
        raise DataError(
            f'{name} is the name of {here} on this machine; choose another for the {new}, or remove the {here}: '
            f'm2m data remove {name}'
        )


def is_simulated(manifest: dict[str, Any]) -> bool:
    """Whether recordings are simulated, by their source."""
    return bool(manifest['source'].get('made_by') == SIMULATED)


def stimuli_sha256(manifest: dict[str, Any]) -> str:
    """SHA-256 over the SHA-256 of all stimulus files of recordings, in their order."""
    return hashlib.sha256(''.join(file['sha256'] for file in manifest['stimuli']).encode()).hexdigest()


def verify(name: str, manifest: dict[str, Any] | None = None) -> list[str]:
    """Compare every file of a dataset with its SHA-256.

    Parameters
    ----------
    name : str
    manifest : dict, optional
        Manifest of the version to verify, by default the current one.

    Returns
    -------
    list of str
        One sentence for each file that is missing or differs.
    """
    manifest = require(name) if manifest is None else manifest
    problems = []
    for file in files(manifest):
        path = path_of(name, manifest, file)
        problem = file_problem(path, file)
        if problem:
            problems.append(f'{path}: {problem}')
    return problems


def file_problem(path: Path, file: dict[str, Any]) -> str | None:
    """Describe what is wrong with a file in the manifest; None if nothing is."""
    if not path.is_file():
        return 'missing'
    size = path.stat().st_size
    if size != file['bytes']:
        return f'{size:,} bytes, expected {file["bytes"]:,}'
    sha256 = sha256_file(path)
    if sha256 != file['sha256']:
        return f'SHA-256 {sha256[:12]}…, expected {file["sha256"][:12]}…'
    return None


def intact_path(name: str, path: Path, file: dict[str, Any]) -> Path:
    """Return the path of a file of a dataset after checking that it is intact.

    Raises
    ------
    DataError
        When the file is missing or has changed.
    """
    with contextlib.suppress(OSError):
        if _state(path) == _verified.get((path, file['sha256'])):
            return path
    problem = file_problem(path, file)
    if problem:
        raise DataError(f'{path} of {name} is damaged: {problem}. {repair_advice(name)}')
    _verified[path, file['sha256']] = _state(path)
    return path


def _state(path: Path) -> tuple[int, ...]:
    """File attributes that change when a file is replaced or written to."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


#: State of each file, by path and SHA-256, when this process hashed it; each file is hashed once.
_verified: dict[tuple[Path, str], tuple[int, ...]] = {}


def import_commands(name: str) -> list[str]:
    """Commands that bring a dataset to this machine, any one of which is enough."""
    fetch = _fetch_command(name)
    if fetch.startswith('m2m data fetch digits'):
        return [fetch]
    if holds_digits(name):
        return [f'm2m data import digits-domain {name} --from PATH']
    tables = '--nwb PATH' if _is_from_nwb(name) else '--sessions sessions.csv --units units.csv'
    bundle = f'm2m data import {name} {tables} --stimuli DIR'
    return [fetch, bundle] if fetch else [bundle]


def import_command(name: str) -> str:
    """Commands that bring a dataset to this machine, joined in a sentence."""
    return ', or from an array bundle: '.join(import_commands(name))


def holds_digits(name: str) -> bool:
    """Whether a dataset on this machine is a domain of digits; False if its manifest can't be read."""
    with contextlib.suppress(OSError, ValueError, AttributeError, RecursionError):
        return bool(json.loads(manifest_path(name).read_text(encoding='utf-8')).get('kind') == DIGITS)
    return False


def _is_from_nwb(name: str) -> bool:
    """Whether recordings on this machine were imported from NWB files; False if their manifest can't be read."""
    with contextlib.suppress(OSError, ValueError, AttributeError, LookupError, TypeError, RecursionError):
        return 'nwb' in json.loads(manifest_path(name).read_text(encoding='utf-8'))['source']
    return False


def _fetch_command(name: str) -> str:
    """Command that downloads a dataset, from its card or its manifest; '' for imported ones."""
    from m2m_benchmarks.data.cards import cards  # cards.py imports this module

    for card in cards():
        if card['name'] == name and card['fetch']:
            return card['fetch']
    with contextlib.suppress(OSError, ValueError, AttributeError, LookupError, TypeError, RecursionError):
        made_by = json.loads(manifest_path(name).read_text(encoding='utf-8'))['source']['made_by']
        if made_by == f'm2m data fetch {name}':
            return str(made_by)
    return ''


def repair_advice(name: str) -> str:
    """Sentence that says what to do about a damaged dataset."""
    if name in MADE_HERE:
        return f'Remove {data_folder() / name}; it is made again on next use.'
    return f'Bring it again: {import_command(name)}'
