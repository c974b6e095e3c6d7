"""Image files of a survey's stimuli, kept on this disk and read pixel by pixel."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from m2m_benchmarks.errors import DataError

#: What PIL answers damaged files with.
_DAMAGE = (OSError, ValueError, SyntaxError, EOFError)


def read_images(paths: Sequence[Path]) -> Iterator[tuple[str, np.ndarray]]:
    """Name and pixels of each image, one at a time; errors are those of `read_image`."""
    for path in paths:
        yield path.stem, read_image(path)


def read_image(path: Path) -> np.ndarray:
    """Pixels of an image file.

    Returns
    -------
    uint8 array, shape (height, width) or (height, width, 3)

    Raises
    ------
    DataError
        When it is damaged, or holds other values than 0 to 255; it is removed then, so that it comes again.
    """
    try:
        with Image.open(path) as image:
            stored = np.asarray(image)
    except _DAMAGE as error:
        path.unlink(missing_ok=True)
        raise DataError(f'{path} is damaged ({error}) and was removed; run this again.') from error
    with np.errstate(invalid='ignore'):
        pixels = stored.astype(np.uint8)
    if pixels.shape[2:] not in ((), (3,)) or not np.array_equal(pixels, stored):
        path.unlink(missing_ok=True)
        raise DataError(f'{path.name} holds other values than grey or RGB of 0 to 255, and was removed.')
    return pixels
