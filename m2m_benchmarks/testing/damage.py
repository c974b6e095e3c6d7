"""Damaged copies of a file's content: one bit flipped, or cut short."""

from collections.abc import Iterator

import numpy as np


def damaged(content: bytes, n_flips: int, n_cuts: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Damage a content at random places, which a seed determines.

    Parameters
    ----------
    content : bytes
    n_flips, n_cuts : int
        Numbers of copies with one flipped bit, and of copies that are cut short.
    seed : int
        Random seed of the places.

    Yields
    ------
    damage : str
        Description of the damage, such as 'bit 17 flipped'.
    copy : bytes
    """
    random = np.random.default_rng(seed)
    for bit in random.integers(8 * len(content), size=n_flips).tolist():
        copy = bytearray(content)
        copy[bit // 8] ^= 1 << bit % 8
        yield f'bit {bit} flipped', bytes(copy)
    for length in random.integers(len(content), size=n_cuts).tolist():
        yield f'cut to {length} bytes', content[:length]
