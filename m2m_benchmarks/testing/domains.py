"""Image domains of ten classes, written into the data folder."""

import numpy as np

from m2m_benchmarks.data import atomic
from m2m_benchmarks.data.digits.domains import write_domain
from m2m_benchmarks.data.digits.images import Digits


def write_patterns(
    name: str,
    train: int = 60,
    test: int = 40,
    seed: int = 0,
    channels: int = 1,
    per_cluster: int = 1,
    noise: float = 50,
) -> dict[str, Digits]:
    """Write a domain whose images have a pattern for each class, plus noise.

    Parameters
    ----------
    name : str
        Name of the domain, such as 'MNIST'.
    train, test : int
        Number of images of the two splits; a split of 0 images is left out.
    seed : int
        Random seed for the order of the labels and for the noise.
    channels : int
        1 for grey images, 3 for colour.
    per_cluster : int
        Number of images that share a cluster.
    noise : float
        Standard deviation of the noise, where black is 0 and white is 255.

    Returns
    -------
    dict of str to Digits
        Splits of the domain: images of shape (n, 32, 32, channels), labels and clusters of shape (n,).

    Raises
    ------
    StorageError
        When the data folder cannot be written.
    """
    rng = np.random.default_rng(seed)
    patterns = np.random.default_rng(99).integers(40, 216, (10, 32, 32, 1))
    splits = {}
    for split, n in (('train', train), ('test', test)):
        if n:
            labels = rng.permutation(np.arange(n) % 10)
            images = (patterns[labels] + rng.normal(0, noise, (n, 32, 32, channels))).clip(0, 255).astype(np.uint8)
            splits[split] = Digits(images, labels, np.arange(n) // per_cluster)
    with atomic.write_lock(name):
        write_domain(name, splits, {split: {'made_by': 'a test', 'seed': seed} for split in splits})
    return splits
