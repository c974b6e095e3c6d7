"""Reads the image files of a survey's stimuli."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from m2m_benchmarks.acquisition.images import decode_file
from m2m_benchmarks.errors import DataError


def read_images(paths: Sequence[Path]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and pixels of each image; errors are those of `read_image`."""
    for path in paths:
        yield path.stem, read_image(path)


def read_image(path: Path) -> np.ndarray:
    """Read the pixels of an image file.

    Returns
    -------
    uint8 array, shape (height, width) or (height, width, 3)

    Raises
    ------
    DataError
        When it is damaged, or holds other values than 0 to 255; it is removed then, so that it is downloaded again.
    """
    try:
        stored = decode_file(path).values
    except DataError as error:
        path.unlink(missing_ok=True)
        reason = error.__cause__ or error
        raise DataError(f'{path.name} is damaged ({reason}) and was removed; run this again.') from error
    with np.errstate(invalid='ignore'):
        pixels = stored.astype(np.uint8)
    if not np.array_equal(pixels, stored):
        path.unlink(missing_ok=True)
        raise DataError(f'{path.name} is not a grey or RGB image of values 0 to 255, and was removed; run this again.')
    return pixels
