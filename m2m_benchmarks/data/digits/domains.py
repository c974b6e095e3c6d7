"""Writing and reading of domains of digits in the data folder, and their stimulus sets."""

import io
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
from PIL import Image

from m2m_benchmarks.data import manifest, versions
from m2m_benchmarks.data.atomic import write_version
from m2m_benchmarks.data.digit_names import SPLITS, domain_and_split, stimulus_set_name
from m2m_benchmarks.data.versions import Version
from m2m_benchmarks.errors import DataError, DataNotFoundError, UnknownNameError
from m2m_benchmarks.storage import reporting_write_errors

from .images import Digits, rgb

_PARTS = ('images', 'labels', 'clusters')


def write_domain(name: str, splits: Mapping[str, Digits], sources: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Write splits of a domain; undamaged splits that are not among them are kept.

    The caller holds `atomic.write_lock`.

    Parameters
    ----------
    name : str
    splits : mapping
        Name of the split, 'train' or 'test', to its images.
    sources : mapping
        Provenance of each split, for the manifest; `made_by` is a short description.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    StorageError
        When the disk is full or can't be written; the earlier version stays as it was.
    DataError
        When recordings have this name.
    """
    manifest.refuse_other_kind(name, manifest.DIGITS)
    try:
        before = manifest.read(name)
    except DataError:
        before = None  # a damaged manifest is replaced
    old: dict[str, Any] = before['splits'] if before is not None else {}
    kept = [split for split in old if split not in splits and not damaged(name, before or {}, split)]
    all_splits = {**{split: load_digits(name, split) for split in kept}, **splits}
    all_sources = {**{split: old[split]['source'] for split in kept}, **sources}

    def fill(folder: Path) -> list[Path]:
        paths = []
        for split, digits in all_splits.items():
            (folder / split).mkdir()
            for part in _PARTS:
                path = folder / split / f'{part}.npy'
                np.save(path, getattr(digits, part), allow_pickle=False)
                paths.append(path)
        return paths

    def describe(files: list[dict[str, Any]]) -> dict[str, Any]:
        entries = iter(files)
        described = {
            split: {
                'files': {part: next(entries) for part in _PARTS},
                'images': len(digits),
                'clusters': len(np.unique(digits.clusters)),
                'source': dict(all_sources[split]),
            }
            for split, digits in all_splits.items()
        }
        made_by = dict.fromkeys(str(all_sources[split]['made_by']) for split in all_splits)
        return {'kind': manifest.DIGITS, 'splits': described, 'source': {'made_by': ', '.join(made_by)}}

    return write_version(name, fill, describe)


def load_digits(name: str, split: str, version: Version | None = None) -> Digits:
    """Load a split of a domain on this machine.

    Parameters
    ----------
    name : str
    split : {'train', 'test'} or a derived domain
    version : Version, optional
        Version to load, by default the current one.

    Returns
    -------
    Digits
        Digits whose images are memory-mapped.

    Raises
    ------
    DataNotFoundError
        When it isn't here; the message has the command that brings it.
    DataError
        When a file is missing or has changed.
    """
    version = version or versions.current(name)
    entry = version.manifest
    if entry.get('kind') != manifest.DIGITS:
        raise DataError(f'{name} is a dataset of recordings, not of digits.')
    if split not in entry['splits']:
        raise DataNotFoundError(
            f'{name} has no {split} split on this machine, only {", ".join(entry["splits"])}. Bring it with:\n'
            f'  {manifest.import_command(name)}'
        )
    with versions.reporting_replacement([version]):
        paths = {part: version.path(entry['splits'][split]['files'][part]) for part in _PARTS}
        images = np.load(paths['images'], mmap_mode='r', allow_pickle=False)
        labels, clusters = (np.load(paths[part], allow_pickle=False) for part in ('labels', 'clusters'))
    return Digits(images, labels, clusters)


def damaged(name: str, entry: dict[str, Any], split: str) -> bool:
    """Whether any file of a split is missing or has changed."""
    files = entry['splits'][split]['files'].values()
    return any(manifest.file_problem(manifest.path_of(name, entry, file), file) for file in files)


def digits_sha256(entry: dict[str, Any], split: str) -> str:
    """Fingerprint of a split in a manifest: the SHA-256 of its images and of its labels, joined."""
    files = entry['splits'][split]['files']
    return f'{files["images"]["sha256"]}+{files["labels"]["sha256"]}'


def load_digit_stimuli(identifier: str) -> StimulusSet:
    """Load a split of a domain as a stimulus set.

    Parameters
    ----------
    identifier : str
        Name of the domain and of the split, such as 'MNIST_test'.

    Returns
    -------
    StimulusSet
        Stimuli with the columns stimulus_id, image_label ('0' to '9') and cluster (images of a cluster share a photo).
        The PNG file of an image, 32 x 32 RGB, is written on first access.

    Raises
    ------
    DataNotFoundError, DataError
        See `load_digits`.
    """
    name, split = domain_and_split(identifier)
    version = versions.current(name)
    digits = load_digits(name, split, version)
    stimulus_ids = [f'{identifier}_{index:06d}' for index in range(len(digits))]
    stimuli = StimulusSet(
        {
            'stimulus_id': stimulus_ids,
            'image_label': digits.labels.astype(str),
            'cluster': digits.clusters,
        }
    )
    indices = dict(zip(stimulus_ids, range(len(digits)), strict=True))
    stimuli.stimulus_paths = _PngPaths(version, split, indices, digits.images)
    stimuli.identifier = f'{identifier}_{version.manifest["version"]}'
    return stimuli


def digit_stimuli_here(identifier: str) -> StimulusSet | None:
    """Load the stimulus set of an imported domain (see `load_digit_stimuli`); None if there is no such domain."""
    name, split = domain_and_split(identifier)
    entry = manifest.read(name) if name else None
    if entry is None or entry.get('kind') != manifest.DIGITS:
        return None
    if split not in (*SPLITS, *entry['splits']):
        raise UnknownNameError(
            'stimulus set', identifier, [stimulus_set_name(name, known) for known in entry['splits']]
        )
    return load_digit_stimuli(identifier)


class _PngPaths(Mapping[str, Path]):
    """Paths of PNG files, which are written on first access, and again if they are damaged."""

    def __init__(self, version: Version, split: str, indices: dict[str, int], images: np.ndarray) -> None:
        self.version = version
        self._folder = version.folder / split / 'png'
        self._indices = indices
        self._images = images

    def __getitem__(self, stimulus_id: str) -> Path:
        path = self._folder / f'{stimulus_id}.png'
        content = png(rgb(self._images[self._indices[stimulus_id]]))
        if not path.is_file() or path.read_bytes() != content:
            # Another process may be writing the same image, so each writes its own temporary file. Not synced: a file
            # that a crash damaged is replaced on next access.
            with reporting_write_errors('a stimulus', manifest.data_folder()):
                self._folder.mkdir(exist_ok=True)
                handle, temporary = tempfile.mkstemp(dir=self._folder, prefix='.')
                try:
                    with os.fdopen(handle, 'wb') as file:
                        file.write(content)
                    Path(temporary).replace(path)
                except BaseException:
                    Path(temporary).unlink(missing_ok=True)
                    raise
        return path

    def __iter__(self) -> Iterator[str]:
        return iter(self._indices)

    def __len__(self) -> int:
        return len(self._indices)


def png(image: np.ndarray) -> bytes:
    """Encode an image, shape (height, width, 3), as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(file, 'png', compress_level=1)
    return file.getvalue()
