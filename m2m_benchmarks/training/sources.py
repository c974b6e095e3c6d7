"""Sources of training images: a domain of digits, or folders of images, one for each class."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset
from torchvision.datasets import ImageFolder
from torchvision.datasets.folder import IMG_EXTENSIONS
from torchvision.transforms import v2

from m2m_benchmarks.acquisition import images
from m2m_benchmarks.data import manifest, versions
from m2m_benchmarks.data.digit_names import DERIVED_DIGITS, DOMAINS, spelled
from m2m_benchmarks.data.digits.domains import digits_sha256, load_digits
from m2m_benchmarks.data.digits.images import CLASSES, SIZE, Digits, require_all_classes
from m2m_benchmarks.data.sklearn_digits import domains as sklearn_digits
from m2m_benchmarks.errors import DataError, UnknownNameError
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.storage import sha256_file

#: Number of training images of the single-source protocol.
SINGLE_SOURCE_IMAGES = 10_000
#: Maximum number of images held out from a source's training split for validation.
_MOST_VALIDATION = 2_000
IMAGE_FOLDER = 'imagefolder:'

Batch = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Source:
    """Training and validation images of a network, never from a target domain.

    Attributes
    ----------
    name : str
    classes : list of str
        Class of each output.
    sha256 : str
        SHA-256 of the images and labels.
    train, validation : Dataset
        Batches, indexed by (step, indices): uint8 images, shape (n, 3, size, size), and their labels.
    n_train, n_validation : int
    """

    name: str
    classes: list[str]
    sha256: str
    train: Dataset[Batch]
    validation: Dataset[Batch]
    n_train: int
    n_validation: int

    def describe(self) -> dict[str, Any]:
        """Describe the source for the record of a run."""
        fields = ('name', 'classes', 'sha256', 'n_train', 'n_validation')
        return {key: getattr(self, key) for key in fields}


def domain_name(text: str) -> str:
    """Return the name of a digit domain in this library's spelling: 'mnist-m' is MNISTM.

    Raises
    ------
    UnknownNameError
        When there is no such domain; the message lists the nearest names.
    """
    known = dict.fromkeys((*DOMAINS, DERIVED_DIGITS, *filter(manifest.holds_digits, manifest.names())))
    domain = spelled(text, known)
    if domain is None:
        raise UnknownNameError('source', text, sorted(known), '`m2m data list` lists those on this machine.')
    return domain


def source_sha256(name: str) -> str | None:
    """SHA-256 of a domain's training split on this machine; None where it is missing."""
    entry = manifest.read(name) if manifest.holds_digits(name) else None
    return None if entry is None or 'train' not in entry['splits'] else digits_sha256(entry, 'train')


def digit_source(name: str, image_size: int, limit: int = SINGLE_SOURCE_IMAGES) -> Source:
    """Make a source from a domain of digits.

    The last tenth of the training split, at most 2,000 images, is held out for validation; the first `limit` of the
    others are trained on.

    Parameters
    ----------
    name : str
        Name of the domain, as `domain_name` returns it.
    image_size : int
        Height and width of the network's input; digits of 32 x 32 are enlarged bilinearly.
    limit : int
        Maximum number of training images.

    Raises
    ------
    DataNotFoundError
        When the domain is not on this machine; the message has the command that fetches it.
    DataError
        When the training images don't hold all classes.
    """
    if name == DERIVED_DIGITS:
        sklearn_digits.ensure()
    version = versions.current(name)
    digits = load_digits(name, 'train', version)
    n_validation = min(_MOST_VALIDATION, len(digits) // 10)
    train = digits[: min(limit, len(digits) - n_validation)]
    validation = digits[len(digits) - n_validation :]
    if n_validation == 0:
        raise DataError(f'{name} has {len(digits)} training images; expected at least 10.')
    require_all_classes(train.labels, f'the training set, the first {len(train):,} images of {name} (--limit),')
    return Source(
        name,
        [str(label) for label in range(CLASSES)],
        digits_sha256(version.manifest, 'train'),
        _DigitBatches(train, image_size),
        _DigitBatches(validation, image_size),
        len(train),
        n_validation,
    )


class _DigitBatches(Dataset[Batch]):
    def __init__(self, digits: Digits, image_size: int) -> None:
        # In memory, channels first, so that rows can be gathered into a batch at once.
        self._images = torch.from_numpy(np.array(digits.images)).permute(0, 3, 1, 2).contiguous()
        self._labels = torch.from_numpy(np.array(digits.labels))
        self._image_size = image_size

    def __getitem__(self, key: tuple[int, np.ndarray]) -> Batch:
        indices = torch.from_numpy(np.ascontiguousarray(key[1]))
        images = self._images[indices].expand(-1, 3, -1, -1)
        if self._image_size != SIZE:
            size = [self._image_size, self._image_size]
            images = v2.functional.resize(images, size, v2.InterpolationMode.BILINEAR, antialias=True)
        return images, self._labels[indices]


def image_folder_source(
    folder: Path,
    image_size: int,
    seed: int,
    limit: int | None = None,
    fingerprint: bool = True,
    progress: Progress | None = None,
) -> Source:
    """Make a source from a folder of images, with `train` and `val` in it, each with a folder for each class.

    Training images are cropped (8 to 100 % of their area, then resized) and flipped at random; validation
    images are resized to 8/7 of the size and cropped in the centre, as is usual for ImageNet.

    Parameters
    ----------
    folder : Path
    image_size : int
        Height and width of the network's input.
    seed : int
        Random seed of the crops.
    limit : int, optional
        Number of training images, drawn from all classes by the seed.
    fingerprint : bool
        Whether to compute the SHA-256 of all files; one of several processes is enough.
    progress : callable, optional

    Raises
    ------
    DataError
        When a folder or a class is missing, or a file can't be read.
    """
    parts = {}
    for part in ('train', 'val'):
        if not (folder / part).is_dir():
            raise DataError(f'{folder} has no folder {part}; expected train/CLASS/IMAGE and val/CLASS/IMAGE in it.')
        try:
            parts[part] = ImageFolder(str(folder / part), is_valid_file=_is_image)
        except OSError as error:  # a class without images, no class at all, or a folder that can't be listed
            raise DataError(f'{folder / part}: {error}') from error
    train, val = parts['train'], parts['val']
    if train.classes != val.classes:
        differing = sorted(set(train.classes) ^ set(val.classes))
        raise DataError(f'{folder}: the classes of train and val differ: {", ".join(differing[:5])}.')
    digest = hashlib.sha256()
    files = [Path(path) for images in parts.values() for path, _ in images.samples] if fingerprint else []
    for i, path in enumerate(files):
        try:
            digest.update(f'{path.relative_to(folder).as_posix()} {sha256_file(path)}\n'.encode())
        except OSError as error:
            raise DataError(f'{path} cannot be read: {error.strerror or error}. Remove or replace it.') from error
        if progress and (i % 100 == 99 or i + 1 == len(files)):
            progress('SHA-256 of images', i + 1, len(files))
    samples = list(train.samples)
    if limit is not None and limit < len(samples):
        chosen = np.sort(np.random.default_rng(seed).permutation(len(samples))[:limit])
        samples = [samples[index] for index in chosen]
        missing = sorted(set(range(len(train.classes))) - {label for _, label in samples})
        if missing:
            raise DataError(
                f'the training set, {limit:,} images of {folder} (--limit), has no image of {len(missing)} of its '
                f'{len(train.classes)} classes, such as {train.classes[missing[0]]}; expected all of them.'
            )
    return Source(
        f'{IMAGE_FOLDER}{folder.resolve().name}',
        list(train.classes),
        digest.hexdigest(),
        _PictureBatches(samples, _augmented(image_size), seed),
        _PictureBatches(val.samples, _centred(image_size), seed),
        len(samples),
        len(val.samples),
    )


def _is_image(path: str) -> bool:
    return path.lower().endswith(IMG_EXTENSIONS) and not images.is_helper_file(Path(path).name)


def _augmented(size: int) -> v2.Transform:
    return v2.Compose([v2.RandomResizedCrop(size, antialias=True), v2.RandomHorizontalFlip()])


def _centred(size: int) -> v2.Transform:
    return v2.Compose([v2.Resize(round(size * 8 / 7), antialias=True), v2.CenterCrop(size)])


def _rgb(path: Path) -> torch.Tensor:
    """Decode an image; uint8, shape (3, height, width)."""
    values = images.decode_file(path).values
    if values.dtype != np.uint8:
        raise DataError(
            f'{path} has pixels of type {values.dtype}. They are read one image at a time, so that white is unknown: '
            'save it with 8 bits.'
        )
    return torch.from_numpy(np.array(values)).reshape(*values.shape[:2], -1).permute(2, 0, 1).expand(3, -1, -1)


class _PictureBatches(Dataset[Batch]):
    def __init__(self, samples: list[tuple[str, int]], transform: v2.Transform, seed: int) -> None:
        self._samples = samples
        self._transform = transform
        self._seed = seed

    def __getitem__(self, key: tuple[int, np.ndarray]) -> Batch:
        step, indices = key
        images, labels = [], []
        for index in indices:
            path, label = self._samples[index]
            pixels = _rgb(Path(path))
            # Crops depend on the step and the image, not on earlier random numbers or the process.
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(np.random.SeedSequence([self._seed, step, int(index)]).generate_state(1)[0]))
                images.append(self._transform(pixels))
            labels.append(label)
        return torch.stack(images), torch.tensor(labels)
