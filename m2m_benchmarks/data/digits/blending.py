"""Digits on photos, as in MNIST-M."""

from collections.abc import Sequence

import numpy as np

from .images import SIZE, Digits, rgb


def blend(digits: Digits, photos: Sequence[np.ndarray], seed: int = 0) -> Digits:
    """Absolute difference of each digit and a random patch of a random photo.

    The recipe of MNIST-M: Ganin et al. (2016), Domain-Adversarial Training of Neural Networks, section 5.2.4, here at
    32 x 32.

    Parameters
    ----------
    digits : Digits
    photos : sequence of uint8 arrays, shape (height, width, 3)
        Each at least 32 x 32.
    seed : int
        Random seed of the patches.

    Returns
    -------
    Digits
        With three channels; labels and clusters as they were.

    Raises
    ------
    ValueError
        When there is no photo, or one is too small.
    """
    if not photos or any(min(photo.shape[:2]) < SIZE for photo in photos):
        raise ValueError(f'expected photos of at least {SIZE} x {SIZE} pixels')
    rng = np.random.default_rng(seed)
    blended = np.empty((len(digits), SIZE, SIZE, 3), dtype=np.uint8)
    for place, chosen in enumerate(rng.integers(0, len(photos), len(digits))):
        photo = photos[chosen]
        top, left = (rng.integers(0, side - SIZE + 1) for side in photo.shape[:2])
        patch = photo[top : top + SIZE, left : left + SIZE].astype(np.int16)
        blended[place] = np.abs(patch - rgb(digits.images[place]))
    return Digits(blended, digits.labels, digits.clusters)
