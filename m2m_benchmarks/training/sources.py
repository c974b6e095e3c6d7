"""What a network is trained on: a domain of digits, or a folder of images a class."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.digit_names import DOMAINS
from m2m_benchmarks.data.digits.domain import CLASSES, SIZE, Digits, require_all_classes
from m2m_benchmarks.data.digits.domains import digits_sha256, load_digits
from m2m_benchmarks.data.sklearn_digits import domains as sklearn_digits
from m2m_benchmarks.errors import DataError, UnknownNameError
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.storage import sha256_file

#: Training images of the single-source protocol.
SINGLE_SOURCE_IMAGES = 10_000
#: Most images held out of a source's training split to watch the training with.
_MOST_VALIDATION = 2_000
IMAGE_FOLDER = 'imagefolder:'

Batch = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Source:
    """What a network is trained on, and what the training is watched with: never a target domain.

    Attributes
    ----------
    name : str
    classes : list of str
        What each output stands for.
    sha256 : str
        SHA-256 of the images and labels.
    train, validation : Dataset
        Indexed by (step, places): a batch of uint8 images, shape (n, 3, size, size), and their labels.
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
        """What a finished run says about it."""
        kept = ('name', 'classes', 'sha256', 'n_train', 'n_validation')
        return {key: getattr(self, key) for key in kept}


def domain_name(text: str) -> str:
    """Name of a digit domain as it is spelled here, from any spelling: 'mnist-m' is MNISTM.

    Raises
    ------
    UnknownNameError
        For a domain that isn't known.
    """
    known = {*DOMAINS, sklearn_digits.NAME}
    known |= {name for name in manifest.names() if manifest.holds_digits(name)}
    spelled = {name.lower(): name for name in known}
    found = spelled.get(text.lower().replace('-', '').replace('_', ''))
    if found is None:
        raise UnknownNameError('source', text, sorted(known), '`m2m data list` lists those on this machine.')
    return found


def source_sha256(name: str) -> str | None:
    """Fingerprint of what a domain's training split is on this machine; None where it isn't there."""
    there = manifest.holds_digits(name) and 'train' in manifest.require(name)['splits']
    return digits_sha256(name, 'train') if there else None


def digit_source(name: str, image_size: int, limit: int = SINGLE_SOURCE_IMAGES) -> Source:
    """A domain of digits as a source.

    The last tenth of its training split, at most 2,000 images, is held out to watch the training with; the first
    `limit` of the others are trained on.

    Parameters
    ----------
    name : str
        Name of the domain, as `domain_name` gives it.
    image_size : int
        Height and width of the network's input; digits of 32 x 32 are enlarged bilinearly.
    limit : int

    Raises
    ------
    DataNotFoundError
        With the command that brings the domain.
    DataError
        When the images that are left don't hold all classes.
    """
    if name == sklearn_digits.NAME:
        sklearn_digits.ensure()
    every = load_digits(name, 'train')
    n_validation = min(_MOST_VALIDATION, len(every) // 10)
    train = every[: min(limit, len(every) - n_validation)]
    validation = every[len(every) - n_validation :]
    if n_validation == 0:
        raise DataError(f'{name} has {len(every)} training images; expected at least 10.')
    require_all_classes(train.labels, f'what is trained on, the first {len(train):,} images of {name} (--limit),')
    return Source(
        name,
        [str(label) for label in range(CLASSES)],
        digits_sha256(name, 'train'),
        _DigitBatches(train, image_size),
        _DigitBatches(validation, image_size),
        len(train),
        n_validation,
    )


class _DigitBatches(Dataset[Batch]):
    def __init__(self, digits: Digits, image_size: int) -> None:
        # In memory, channels first: a batch is then one gathering of rows.
        self._images = torch.from_numpy(np.array(digits.images)).permute(0, 3, 1, 2).contiguous()
        self._labels = torch.from_numpy(np.array(digits.labels))
        self._image_size = image_size

    def __getitem__(self, key: tuple[int, np.ndarray]) -> Batch:
        places = torch.from_numpy(np.ascontiguousarray(key[1]))
        images = self._images[places].expand(-1, 3, -1, -1)
        if self._image_size != SIZE:
            size = [self._image_size, self._image_size]
            images = v2.functional.resize(images, size, v2.InterpolationMode.BILINEAR, antialias=True)
        return images, self._labels[places]


def image_folder_source(
    folder: Path,
    image_size: int,
    seed: int,
    limit: int | None = None,
    fingerprint: bool = True,
    progress: Progress | None = None,
) -> Source:
    """A folder of images as a source: `train` and `val` in it, each with a folder for each class.

    Training images are cropped at random (8 to 100 % of their area, then resized) and flipped by chance; validation
    images are resized to 8/7 of the size and cropped in the middle, as is usual for ImageNet.

    Parameters
    ----------
    folder : Path
    image_size : int
    seed : int
        Random seed of the crops.
    limit : int, optional
        Train on this many images, drawn from all classes by the seed.
    fingerprint : bool
        Read all files for their SHA-256; one of several processes is enough.
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
            parts[part] = ImageFolder(str(folder / part))
        except OSError as error:  # a class without images, no class at all, or what can't be listed
            raise DataError(f'{folder / part}: {error}') from error
    train, val = parts['train'], parts['val']
    if train.classes != val.classes:
        differing = sorted(set(train.classes) ^ set(val.classes))
        raise DataError(f'{folder}: the classes of train and val differ: {", ".join(differing[:5])}.')
    digest = hashlib.sha256()
    files = [Path(path) for found in parts.values() for path, _ in found.samples] if fingerprint else []
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
        samples = [samples[place] for place in chosen]
        missing = sorted(set(range(len(train.classes))) - {label for _, label in samples})
        if missing:
            raise DataError(
                f'what is trained on, {limit:,} images of {folder} (--limit), has no image of {len(missing)} of its '
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


def _augmented(size: int) -> v2.Transform:
    return v2.Compose([v2.RandomResizedCrop(size, antialias=True), v2.RandomHorizontalFlip()])


def _centred(size: int) -> v2.Transform:
    return v2.Compose([v2.Resize(round(size * 8 / 7), antialias=True), v2.CenterCrop(size)])


class _PictureBatches(Dataset[Batch]):
    def __init__(self, samples: list[tuple[str, int]], transform: v2.Transform, seed: int) -> None:
        self._samples = samples
        self._transform = transform
        self._seed = seed

    def __getitem__(self, key: tuple[int, np.ndarray]) -> Batch:
        step, places = key
        images, labels = [], []
        for place in places:
            path, label = self._samples[place]
            try:
                with Image.open(path) as image:
                    pixels = v2.functional.pil_to_tensor(image.convert('RGB'))
            except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
                raise DataError(f'{path} cannot be read as an image ({error}). Remove or replace it.') from error
            # Crops depend on the step and the image, not on what was drawn before or in which process.
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(np.random.SeedSequence([self._seed, step, int(place)]).generate_state(1)[0]))
                images.append(self._transform(pixels))
            labels.append(label)
        return torch.stack(images), torch.tensor(labels)
