"""Blending of digits with photos, as in MNIST-M."""

from collections.abc import Sequence

import numpy as np

from .images import SIZE, Digits, rgb


def blend(digits: Digits, photos: Sequence[np.ndarray], seed: int = 0) -> Digits:
    """Absolute difference of each digit and a random patch of a random photo.

    This is the recipe of MNIST-M (Ganin et al. 2016, Domain-Adversarial Training of Neural Networks, section 5.2.4), at
    32 x 32.

    Parameters
    ----------
    digits : Digits
    photos : sequence of uint8 arrays, shape (height, width, 3)
        Photos of at least 32 x 32 pixels.
    seed : int
        Random seed for the patches.

    Returns
    -------
    Digits
        Images of three channels, with the labels and clusters of `digits`.

    Raises
    ------
    ValueError
        When there is no photo, or a photo is too small.
    """
    if not photos or any(min(photo.shape[:2]) < SIZE for photo in photos):
        raise ValueError(f'expected photos of at least {SIZE} x {SIZE} pixels')
    rng = np.random.default_rng(seed)
    blended = np.empty((len(digits), SIZE, SIZE, 3), dtype=np.uint8)
    for i, photo_index in enumerate(rng.integers(0, len(photos), len(digits))):
        photo = photos[photo_index]
        top, left = (rng.integers(0, side - SIZE + 1) for side in photo.shape[:2])
        patch = photo[top : top + SIZE, left : left + SIZE].astype(np.int16)
        blended[i] = np.abs(patch - rgb(digits.images[i]))
    return Digits(blended, digits.labels, digits.clusters)
