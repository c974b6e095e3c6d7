"""Images of digits in the form that all domains share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from m2m_benchmarks.errors import DataError

SIZE = 32
CLASSES = 10


@dataclass(frozen=True)
class Digits:
    """Images of digits with their labels.

    Attributes
    ----------
    images : uint8 array, shape (n, 32, 32, 1) or (n, 32, 32, 3)
        Pixels; a single channel means grey.
    labels : int64 array, shape (n,)
        Digits 0 to 9.
    clusters : int64 array, shape (n,)
        Cluster of each image. Images of a cluster, such as crops of one photo, are not independent.
    """

    images: np.ndarray
    labels: np.ndarray
    clusters: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, selection: slice | np.ndarray) -> 'Digits':
        """Select some of the images."""
        return Digits(self.images[selection], self.labels[selection], self.clusters[selection])


def rgb(images: np.ndarray) -> np.ndarray:
    """Repeat a single channel to three: shape (..., 3)."""
    return np.broadcast_to(images, (*images.shape[:-1], 3)) if images.shape[-1] == 1 else images


def standardize(
    images: np.ndarray | Sequence[np.ndarray], labels: np.ndarray, clusters: np.ndarray | None, what: str
) -> Digits:
    """Convert images to 32 x 32 RGB.

    Other sizes are resized bilinearly with antialiasing and rounded to 8 bits. Images that are sorted by class are
    reordered to alternate between classes, so that the first ones contain all classes.

    Parameters
    ----------
    images : array, shape (n, height, width) or (n, height, width, channels), or a sequence of images
        Pixels, uint8 or floating point in [0, 1], with 1 or 3 channels.
    labels : array, shape (n,)
        Whole numbers, also as floating point or text; or shape (n, 10), with a single 1 in each row.
    clusters : array, shape (n,), or None
        Cluster of each image; None if images are independent.
    what : str
        Name of the images in messages, such as their file.

    Raises
    ------
    DataError
        When lengths differ, a label isn't a whole number from 0 to 9, a class is missing, or a pixel is out of range.
    """
    labels = _as_numbers(np.asarray(labels), what)
    if len(images) != len(labels):
        raise DataError(
            f'{what} has {len(images):,} images and {len(labels):,} labels; expected a label for each image.'
        )
    if len(labels) == 0:
        raise DataError(f'{what} contains no images; expected at least one of each class.')
    wrong = np.flatnonzero(~np.isin(labels, range(CLASSES)))
    if len(wrong):
        raise DataError(
            f'{what} has the label {labels[wrong[0]]} (index {wrong[0]}); expected whole numbers from 0 to 9.'
        )
    labels = labels.astype(np.int64)
    require_all_classes(labels, what)
    if clusters is None:
        clusters = np.arange(len(labels))
    elif len(clusters) != len(labels):
        raise DataError(
            f'{what} names {len(clusters):,} photos for {len(labels):,} images; expected a photo for each image.'
        )
    if isinstance(images, np.ndarray):
        standard = _standardize_pixels(images, what)
    else:
        singles = [_standardize_pixels(image[None], what) for image in images]
        channels = max(single.shape[3] for single in singles)
        standard = np.concatenate([single if single.shape[3] == channels else rgb(single) for single in singles])
    digits = Digits(standard, labels, np.unique(np.asarray(clusters), return_inverse=True)[1].astype(np.int64))
    if len(labels) > CLASSES and (np.diff(labels) >= 0).all():
        index_in_class = np.arange(len(labels)) - np.searchsorted(labels, labels)
        return digits[np.argsort(index_in_class, kind='stable')]
    return digits


def _as_numbers(labels: np.ndarray, what: str) -> np.ndarray:
    """Convert labels to one number each: text such as '7', and rows of ten with a single 1."""
    if labels.dtype.kind not in 'biufOSU':
        raise DataError(f'{what} has labels of type {labels.dtype}; expected whole numbers from 0 to 9.')
    if labels.dtype.kind in 'OSU':
        texts = [value.decode(errors='replace') if isinstance(value, bytes) else str(value) for value in labels.flat]
        for index, text in enumerate(texts):
            try:
                float(text)
            except ValueError:
                raise DataError(
                    f'{what} has the label {text} (index {index}); expected whole numbers from 0 to 9.'
                ) from None
        labels = np.array([float(text) for text in texts])
    if labels.ndim == 2 and labels.shape[1] == CLASSES and ((labels != 0).sum(1) == 1).all() and labels.max() == 1:
        labels = labels.argmax(axis=1)
    return labels.reshape(-1)


def require_all_classes(labels: np.ndarray, what: str) -> None:
    """Raise a DataError if any of 0 to 9 is missing from the labels."""
    missing = sorted(set(range(CLASSES)) - set(labels.tolist()))
    if missing:
        raise DataError(f'{what} has no image of the class {", ".join(map(str, missing))}; expected all of 0 to 9.')


def _standardize_pixels(images: np.ndarray, what: str) -> np.ndarray:
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape:
        raise DataError(
            f'{what} has images of shape {images.shape[1:]}; expected (height, width) or (height, width, channels) '
            'with 1 or 3 channels.'
        )
    if np.issubdtype(images.dtype, np.floating):
        if not np.isfinite(images).all() or images.min() < 0 or images.max() > 1:
            raise DataError(
                f'{what} has pixels from {images.min():g} to {images.max():g}; expected 8-bit whole numbers, or [0, 1].'
            )
        pixels = images.astype(np.float32) * 255
    elif images.dtype == np.uint8:
        if images.shape[1:3] == (SIZE, SIZE):
            return np.ascontiguousarray(images)
        pixels = images.astype(np.float32)
    else:
        raise DataError(f'{what} has pixels of type {images.dtype}; expected uint8, or floating point in [0, 1].')
    parts = []
    for start in range(0, len(pixels), 4096):  # bounds the memory
        part = torch.from_numpy(pixels[start : start + 4096]).permute(0, 3, 1, 2)
        part = functional.interpolate(part, (SIZE, SIZE), mode='bilinear', antialias=True)
        parts.append(part.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy())
    return np.ascontiguousarray(np.concatenate(parts))
