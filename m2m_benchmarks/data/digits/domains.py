"""Domains of digits in the data folder, and as stimulus sets."""

import io
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
from PIL import Image

from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.atomic import write_version
from m2m_benchmarks.data.digit_names import domain_and_split, stimulus_set_name
from m2m_benchmarks.errors import DataError, DataNotFoundError, UnknownNameError
from m2m_benchmarks.storage import reporting_write_errors

from .images import Digits, rgb

_PARTS = ('images', 'labels', 'clusters')
_SPLITS = ('train', 'test')


def write_domain(name: str, splits: Mapping[str, Digits], sources: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Write splits of a domain; those that it has already, undamaged, and that aren't given stay.

    The caller holds the lock `atomic.write_lock`.

    Parameters
    ----------
    name : str
    splits : mapping
        Name of the split, 'train' or 'test', to its images.
    sources : mapping
        What each split was made from; kept in the manifest. `made_by` says how in a few words.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    StorageError
        When the disk is full or can't be written; what was there is as it was.
    DataError
        When the name is that of recordings.
    """
    try:
        before = manifest.read(name)
    except DataError:
        before = None  # nobody can read what it names
    if before is not None and before.get('kind') != manifest.DIGITS:
        raise DataError(f'{name} is the name of recordings on this machine; choose another for the digits.')
    there: dict[str, Any] = before['splits'] if before is not None else {}
    kept = [split for split in there if split not in splits and not damaged(name, before or {}, split)]
    every = {**{split: load_digits(name, split) for split in kept}, **splits}
    every_source = {**{split: there[split]['source'] for split in kept}, **sources}

    def fill(folder: Path) -> list[Path]:
        paths = []
        for split, found in every.items():
            (folder / split).mkdir()
            for part in _PARTS:
                path = folder / split / f'{part}.npy'
                np.save(path, getattr(found, part), allow_pickle=False)
                paths.append(path)
        return paths

    def describe(files: list[dict[str, Any]]) -> dict[str, Any]:
        each = iter(files)
        described = {
            split: {
                'files': {part: next(each) for part in _PARTS},
                'images': len(found),
                'clusters': len(np.unique(found.clusters)),
                'source': dict(every_source[split]),
            }
            for split, found in every.items()
        }
        made_by = dict.fromkeys(str(every_source[split]['made_by']) for split in every)
        return {'kind': manifest.DIGITS, 'splits': described, 'source': {'made_by': ', '.join(made_by)}}

    return write_version(name, fill, describe)


def load_digits(name: str, split: str) -> Digits:
    """One split of a domain on this machine.

    Returns
    -------
    Digits
        Its images are a map of the file: only what is looked at takes memory.

    Raises
    ------
    DataNotFoundError
        With the command that brings it.
    DataError
        When a file is missing or was changed.
    """
    entry = manifest.require(name)
    if entry.get('kind') != manifest.DIGITS:
        raise DataError(f'{name} holds recordings, not digits.')
    if split not in entry['splits']:
        raise DataNotFoundError(
            f'{name} has no {split} split on this machine, only {", ".join(entry["splits"])}. Bring it with:\n'
            f'  {manifest.import_command(name)}'
        )
    paths = {part: manifest.intact_path(name, entry, entry['splits'][split]['files'][part]) for part in _PARTS}
    images = np.load(paths['images'], mmap_mode='r', allow_pickle=False)
    return Digits(images, np.load(paths['labels'], allow_pickle=False), np.load(paths['clusters'], allow_pickle=False))


def damaged(name: str, entry: dict[str, Any], split: str) -> bool:
    """Whether a file of a split is missing or was changed."""
    files = entry['splits'][split]['files'].values()
    return any(manifest.file_problem(manifest.path_of(name, entry, file), file) for file in files)


def digits_sha256(name: str, split: str) -> str:
    """Fingerprint of a split: its images' and labels' SHA-256, joined."""
    files = manifest.require(name)['splits'][split]['files']
    return f'{files["images"]["sha256"]}+{files["labels"]["sha256"]}'


def load_digit_stimuli(identifier: str) -> StimulusSet:
    """One split of a domain as a stimulus set.

    Parameters
    ----------
    identifier : str
        Name of the domain and of the split, such as 'MNIST_test'.

    Returns
    -------
    StimulusSet
        Columns stimulus_id, image_label ('0' to '9') and cluster (images of one cluster share a photo). The PNG file
        of an image, 32 x 32 RGB, is written when it is first asked for.

    Raises
    ------
    DataNotFoundError, DataError
        As `load_digits`.
    """
    name, split = domain_and_split(identifier)
    found = load_digits(name, split)
    entry = manifest.require(name)
    stimulus_ids = [f'{identifier}_{place:06d}' for place in range(len(found))]
    stimuli = StimulusSet(
        {
            'stimulus_id': stimulus_ids,
            'image_label': found.labels.astype(str),
            'cluster': found.clusters,
        }
    )
    folder = manifest.data_folder() / name / str(entry['version']) / split / 'png'
    stimuli.stimulus_paths = _Pictures(folder, dict(zip(stimulus_ids, range(len(found)), strict=True)), found.images)
    stimuli.identifier = f'{identifier}_{entry["version"]}'
    return stimuli


def digit_stimuli_here(identifier: str) -> StimulusSet | None:
    """As `load_digit_stimuli`, for a domain imported under a name of its own; None when there is none."""
    name, split = domain_and_split(identifier)
    entry = manifest.read(name) if name else None
    if entry is None or entry.get('kind') != manifest.DIGITS:
        return None
    if split not in (*_SPLITS, *entry['splits']):
        raise UnknownNameError('stimulus set', identifier, [stimulus_set_name(name, each) for each in entry['splits']])
    return load_digit_stimuli(identifier)


class _Pictures(Mapping[str, Path]):
    """Paths of PNG files that are written when they are asked for; one that was damaged is written again."""

    def __init__(self, folder: Path, places: dict[str, int], images: np.ndarray) -> None:
        self._folder = folder
        self._places = places
        self._images = images

    def __getitem__(self, stimulus_id: str) -> Path:
        path = self._folder / f'{stimulus_id}.png'
        content = png(rgb(self._images[self._places[stimulus_id]]))
        if not path.is_file() or path.read_bytes() != content:
            # Another process may be writing the same: each its own file, the last one renamed counts. Not synced:
            # whatever a crash leaves is compared when it is next asked for.
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
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def png(image: np.ndarray) -> bytes:
    """One image, shape (height, width, 3), as the content of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(file, 'png', compress_level=1)
    return file.getvalue()
