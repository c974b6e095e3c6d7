"""Datasets as zip archives: exported on one machine and imported on another, with the same hashes."""

import hashlib
import json
import shutil
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import h5py
import numpy as np

from m2m_benchmarks import limits
from m2m_benchmarks.acquisition.hdf5 import check_memory, check_own, own_dataset
from m2m_benchmarks.acquisition.importing import check_recordings_name
from m2m_benchmarks.data import atomic, manifest, versions
from m2m_benchmarks.data.digits.images import CLASSES, SIZE, require_all_classes
from m2m_benchmarks.data.made_here import MADE_HERE
from m2m_benchmarks.data.manifest_form import check_form
from m2m_benchmarks.data.names import is_dataset_name, is_part_name
from m2m_benchmarks.errors import DataError, StorageError
from m2m_benchmarks.plugins import registered
from m2m_benchmarks.storage import user_file

#: File of the manifest in an archive; the dataset's other files are beside it.
_MANIFEST = 'ledger.json'
#: Largest excess of a reliability over 1 by rounding; they are stored as float32.
_ROUNDING = 1e-5
#: First bytes of a PNG file.
_PNG = b'\x89PNG\r\n\x1a\n'
#: Largest manifest that is read, in bytes.
_MOST_BYTES = 2**27
#: Longest name of a file on usual disks, in bytes.
_LONGEST_NAME = 255


def export_archive(name: str, path: Path) -> dict[str, Any]:
    """Write a dataset on this machine to a zip archive, replacing an older file.

    Parameters
    ----------
    name : str
    path : Path
        Path of the archive; it has to end in .zip.

    Returns
    -------
    dict
        The dataset's manifest.

    Raises
    ------
    DataNotFoundError
        When the dataset isn't here; the message has the command that brings it.
    DataError
        When a file of the dataset is missing or has changed, or this library makes the dataset.
    StorageError
        When the archive can't be written.
    """
    if name in MADE_HERE:
        raise DataError(f'{name} is not exported: this library makes it on each machine when it is first used.')
    version = versions.current(name)  # it stays on disk while it is copied
    entry = version.manifest
    if path.suffix.lower() != '.zip' or path.is_dir() or not path.absolute().parent.is_dir():
        raise StorageError(f'cannot write the archive {path}: name a file that ends in .zip, in a folder that exists.')
    problems = manifest.verify(name, entry)
    if problems:
        raise DataError(f'{name} is damaged: {problems[0]}. {manifest.repair_advice(name)}')
    with (
        user_file(path, 'Name another file.', 'wb') as file,
        # Files that were restored from a backup may be dated before 1980, where the times of zip archives begin.
        zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive,
    ):
        archive.writestr(_MANIFEST, json.dumps(entry, indent=1))
        for listed in manifest.files(entry):
            archive.write(manifest.path_of(name, entry, listed), listed['file'])
    return entry


def import_archive(path: Path, replace: bool = False) -> dict[str, Any]:
    """Import a dataset from an archive that `export_archive` wrote, all or nothing.

    Parameters
    ----------
    path : Path
    replace : bool
        Whether another dataset of the same name may be replaced.

    Returns
    -------
    dict
        The dataset's manifest.

    Raises
    ------
    DataError
        When the archive is damaged or no dataset, or its name is reserved or taken; nothing is written then.
    StorageError
        When the dataset can't be written; an earlier version is unchanged.
    """
    with _reporting_damage(path), zipfile.ZipFile(limits.require_file(path)) as archive:
        entry, members = _read_manifest(path, archive)
        name = entry['name']
        _check_name(name, entry.get('kind') == manifest.DIGITS)
        listed = [file['file'] for file in manifest.files(entry)]
        limits.check_zip(archive, [members[file] for file in listed if file in members], path)
        with atomic.write_lock(name):
            manifest.refuse_other_kind(name, entry.get('kind'))
            if not replace:
                _check_replaces_nothing(name, entry)
            return atomic.write_version(
                name,
                lambda folder: _extract_all(path, archive, members, entry, folder),
                lambda _: {key: value for key, value in entry.items() if key not in ('format', 'name', 'version')},
            )


@contextmanager
def _reporting_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f'{path} is missing.') from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, IsADirectoryError, PermissionError) as error:
        raise DataError(f'{path} cannot be read as a zip archive ({error}). Copy it again.') from error


def _read_manifest(path: Path, archive: zipfile.ZipFile) -> tuple[dict[str, Any], dict[str, str]]:
    """Read the manifest, and find the members beside it.

    One that was unpacked may be packed again with its folder, and by a Windows program that writes backslashes.

    Returns
    -------
    entry : dict
        The manifest.
    members : dict
        Path of each file beside it to its name in the archive.
    """
    not_one = f'{path} is not a dataset that `m2m data export` wrote'
    files = [name.replace('\\', '/') for name in archive.namelist()]
    places = [file for file in files if PurePosixPath(file).name == _MANIFEST]
    if len(places) != 1:
        raise DataError(f'{not_one}: it has {"more than one" if places else "no"} {_MANIFEST}.')
    names = dict(zip(files, archive.namelist(), strict=True))
    listed = archive.getinfo(names[places[0]])
    if listed.file_size > _MOST_BYTES:
        raise DataError(f'{not_one}: its {_MANIFEST} has {listed.file_size:,} bytes.')
    try:
        limits.check_zip(archive, [listed.filename], path)
        entry: dict[str, Any] = json.loads(limits.read_member(archive, listed.filename))
        _check_manifest(entry)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f'{not_one}: its {_MANIFEST} is wrong ({error}).') from error
    folder = places[0].removesuffix(_MANIFEST)
    return entry, {file.removeprefix(folder): name for file, name in names.items() if file.startswith(folder)}


def _check_manifest(entry: dict[str, Any]) -> None:
    """Raise ValueError, LookupError, TypeError or AttributeError if a manifest isn't of the form that is written."""
    if entry['format'] != manifest.FORMAT:
        raise ValueError(f'format {entry["format"]}, expected {manifest.FORMAT}')
    check_form(entry, others=True)
    files = manifest.files(entry)
    for file in files:
        parts = PurePosixPath(file['file']).parts
        if '/'.join(parts) != file['file']:  # another spelling of a path, which may be that of a second file
            raise ValueError(f'the path {file["file"]!r:.60}')
        if len(parts) > 2 or any(part.startswith('.') or '\\' in part or ':' in part for part in parts):
            raise ValueError(f'the path {file["file"]!r:.60}')
        if any(len(part.encode()) > _LONGEST_NAME for part in parts):
            raise ValueError(f'the path {file["file"]!r:.60}… is too long')
    paths = [PurePosixPath(file['file']) for file in files]
    for folder in {path.parent for path in paths} & set(paths):
        raise ValueError(f'{folder} is a file and a folder')
    # Some disks take names for the same that differ in case, or in how their accents are written.
    spellings = {unicodedata.normalize('NFC', file['file']).casefold() for file in files}
    if len(spellings) < len(files) or entry['version'] != atomic.version_of(files):
        raise ValueError('its files are not those of its version')
    if entry.get('kind') == manifest.DIGITS:
        odd = [name for name in entry['splits'] if not is_part_name(name)]
        if odd or not entry['splits']:
            raise ValueError(f'splits {", ".join(f"{name!r:.40}" for name in odd) or "none"}')
    elif not 0 < len(entry['stimuli']) == entry['summary']['stimuli']:
        raise ValueError(f'its manifest lists {len(entry["stimuli"])} stimuli and counts {entry["summary"]["stimuli"]}')


def _check_name(name: str, digits: bool) -> None:
    if not digits:
        check_recordings_name(name)
    elif not is_dataset_name(name) or name in MADE_HERE or name in registered('data'):
        raise DataError(f'{name!r} cannot be the name of digits; it is invalid, or that of a dataset of this library.')


def _check_replaces_nothing(name: str, entry: dict[str, Any]) -> None:
    try:
        before = manifest.read(name)
    except DataError:  # a damaged manifest is replaced
        return
    if before is not None and before['version'] != entry['version']:
        raise DataError(
            f'{name} is on this machine already, with other content, {before["source"]["made_by"]} of '
            f'{before["created"]}. Replace it with --replace (replace=True in Python).'
        )


def _extract_all(
    path: Path, archive: zipfile.ZipFile, members: Mapping[str, str], entry: dict[str, Any], folder: Path
) -> list[Path]:
    extracted = [_extract(path, archive, members, file, folder) for file in manifest.files(entry)]
    if entry.get('kind') == manifest.DIGITS:
        for name, split in entry['splits'].items():
            files = {part: folder / file['file'] for part, file in split['files'].items()}
            _check_digits(f'{path}: its split {name}', files, split['images'], split['clusters'])
    else:
        _check_content(path, extracted[0], extracted[1:], [file['stimulus_id'] for file in entry['stimuli']])
    return extracted


def _check_digits(what: str, files: dict[str, Path], n_images: int, n_clusters: int) -> None:
    """Check that the arrays of a split are those of digits, as many as the manifest counts."""
    try:
        images, labels, clusters = (
            np.lib.format.open_memmap(files[part], mode='r') for part in ('images', 'labels', 'clusters')
        )
    except KeyError as error:
        raise DataError(f'{what} has no file of its {error.args[0]}.') from error
    except Exception as error:  # numpy raises many types for odd headers
        reason = f'{type(error).__name__}: {error}'
        raise DataError(f'{what} cannot be read as plain arrays ({reason:.200}).') from error
    shapes = {(n_images, SIZE, SIZE, channels) for channels in (1, 3)}
    if images.dtype != np.uint8 or images.shape not in shapes:
        raise DataError(
            f'{what} has images of type {images.dtype} and shape {images.shape}; its {_MANIFEST} counts {n_images}; '
            f'expected uint8 of shape ({n_images}, {SIZE}, {SIZE}, 1 or 3).'
        )
    for part, values in (('labels', labels), ('clusters', clusters)):
        if values.dtype != np.int64 or values.shape != (n_images,):
            raise DataError(
                f'{what} has {part} of type {values.dtype} and shape {values.shape}; expected int64, one for each of '
                f'its {n_images} images.'
            )
    wrong = labels[(labels < 0) | (labels >= CLASSES)]
    if len(wrong):
        raise DataError(f'{what} has the label {wrong[0]}; expected 0 to 9.')
    require_all_classes(labels, what)
    if len(np.unique(clusters)) != n_clusters:
        raise DataError(
            f'{what} has {len(np.unique(clusters))} clusters of images, and its {_MANIFEST} counts {n_clusters}.'
        )


def _check_content(path: Path, assembly: Path, stimuli: list[Path], stimulus_ids: list[str]) -> None:
    """Check that files are of the formats that are written, and that the responses are to these stimuli.

    Those that later read the files take more formats, some by programs.
    """
    try:
        with h5py.File(assembly, 'r') as file:
            check_own(file, path)
            check_memory(file, str(path))
            presented = set(own_dataset(file, 'stimulus_id', str(path)).asstr()[:])
            reliability = own_dataset(file, 'reliability', str(path))[:]
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise DataError(f'{path}: its {assembly.name} cannot be read as HDF5 ({error}). Copy it again.') from error
    if presented != set(stimulus_ids):
        raise DataError(f'{path}: the stimuli of its {assembly.name} differ from those in its {_MANIFEST}.')
    if (reliability > 1 + _ROUNDING).any():
        raise DataError(
            f'{path}: its {assembly.name} has a reliability of {np.nanmax(reliability):g}, expected 1 at most.'
        )
    for stimulus in stimuli:
        with stimulus.open('rb') as content:
            if content.read(len(_PNG)) != _PNG:
                raise DataError(
                    f'{path}: its stimulus {stimulus.name} is not a PNG; `m2m data export` writes no others.'
                )


def _extract(
    path: Path, archive: zipfile.ZipFile, members: Mapping[str, str], file: dict[str, Any], folder: Path
) -> Path:
    """Copy a file out of an archive, and compare it with its size and SHA-256."""
    target = folder / str(file['file'])
    target.parent.mkdir(exist_ok=True)
    with _reporting_damage(path):
        try:
            listed = archive.getinfo(members[file['file']])
        except KeyError as error:
            raise DataError(f'{path} is incomplete: it lacks {file["file"]}. Copy it again.') from error
        if listed.file_size == file['bytes']:
            with archive.open(listed) as source, target.open('wb') as copy:
                shutil.copyfileobj(source, copy)
            with target.open('rb') as copy:
                if hashlib.file_digest(copy, 'sha256').hexdigest() == file['sha256']:
                    return target
    raise DataError(f'{path} is damaged: {file["file"]} is not the file of its manifest. Copy it again.')
