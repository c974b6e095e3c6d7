"""Writing of datasets: a new version of the files replaces the earlier one in one step.

Earlier versions are removed, except those that other processes read: the next writer of the dataset removes them.
"""

import contextlib
import datetime
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from m2m_benchmarks.data import manifest, versions
from m2m_benchmarks.errors import DataError, StorageError
from m2m_benchmarks.storage import (
    ensure_writable,
    file_lock,
    reporting_write_errors,
    sha256_file,
    sync_file,
    sync_folder,
)

#: Prefix of folders that are still being written.
_UNFINISHED = '.tmp-'


def write_lock(name: str, wait_s: float = 0) -> AbstractContextManager[None]:
    """Lock to hold while a dataset is written."""
    folder = ensure_writable(manifest.data_folder())
    return file_lock(folder / f'.{name}.lock', f'writing {name}', wait_s)


def write_version(
    name: str,
    fill: Callable[[Path], Sequence[Path]],
    describe: Callable[[list[dict[str, Any]]], Mapping[str, Any]],
) -> dict[str, Any]:
    """Write the files of a dataset, replacing an earlier version in one step.

    The caller holds `write_lock`. If this function is interrupted, the earlier version stays as it was.

    Parameters
    ----------
    name : str
        Identifier of the dataset.
    fill : callable
        Function that writes the files into the empty folder it is given, and returns their paths.
    describe : callable
        Function from the manifest entries of the files (`file`, `sha256`, `bytes`), in that order, to the dataset's
        part of the manifest.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    StorageError
        When the disk is full or can't be written.
    """
    folder = manifest.data_folder() / name
    with reporting_write_errors(name, manifest.data_folder()):
        folder.mkdir(exist_ok=True)
        try:
            _remove_leftovers(name)
            unfinished = Path(tempfile.mkdtemp(dir=folder, prefix=_UNFINISHED))
            paths = fill(unfinished)
            (unfinished / versions.READERS).touch()
            for path in paths:
                sync_file(path)
            files = [_entry(unfinished, path) for path in paths]
            entry = {
                'name': name,
                'version': version_of(files),
                'created': datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds'),
                **describe(files),
            }
            _move_into_place(unfinished, name, entry)
            return manifest.write(name, entry)
        finally:
            # The manifest names the current version; others are removed, also if this one didn't get that far.
            _remove_leftovers(name)
            with contextlib.suppress(OSError):
                folder.rmdir()  # empty if there never was a version


def remove(name: str) -> None:
    """Remove a dataset; the caller holds `write_lock`.

    Raises
    ------
    StorageError
        When another process reads it, or it can't be removed, for instance because a permission is missing.
    """
    folder = manifest.data_folder() / name
    if any(versions.read_elsewhere(path) for path in folder.glob('*/')):
        raise StorageError(f'another process is reading {name}. Wait for it to end, then remove {name} again.')
    try:
        # First, since only a manifest makes files a dataset.
        (folder / 'ledger.json').unlink(missing_ok=True)
        sync_folder(folder)
        shutil.rmtree(folder.resolve())
        folder.unlink(missing_ok=True)  # a link to another disk
    except OSError as error:
        raise StorageError(
            f'cannot remove {folder}: {error.strerror or error}. Fix its permissions, then remove the folder.'
        ) from error


def version_of(files: Sequence[Mapping[str, Any]]) -> str:
    """Name of a version: a hash over its files, from their entries in the manifest."""
    listed = ''.join(f'{file["file"]} {file["sha256"]}\n' for file in files)
    return hashlib.sha256(listed.encode()).hexdigest()[:16]


def _move_into_place(unfinished: Path, name: str, entry: dict[str, Any]) -> None:
    """Move a finished version to its place, unless an undamaged copy is there already."""
    final = manifest.data_folder() / name / entry['version']
    if final.exists():
        if not any(manifest.file_problem(manifest.path_of(name, entry, file), file) for file in manifest.files(entry)):
            return
        shutil.rmtree(final)
    unfinished.chmod(0o755)
    unfinished.rename(final)
    sync_folder(final.parent)


def _remove_leftovers(name: str) -> None:
    """Remove the remains of interrupted runs, and earlier versions that no other process reads."""
    try:
        current = manifest.read(name)
    except DataError:
        kept = None  # any version may be the current one
    else:
        kept = str(current['version']) if current else ''
    with contextlib.suppress(OSError):
        for path in (manifest.data_folder() / name).iterdir():
            if path.is_dir() and (path.name.startswith(_UNFINISHED) or kept not in (None, path.name)):
                if not versions.read_elsewhere(path):
                    shutil.rmtree(path, ignore_errors=True)
            elif path.name.startswith('.ledger.json.'):
                path.unlink(missing_ok=True)


def _entry(root: Path, path: Path) -> dict[str, Any]:
    return {
        'file': path.relative_to(root).as_posix(),
        'sha256': sha256_file(path),
        'bytes': path.stat().st_size,
    }
