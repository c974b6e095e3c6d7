"""Contents of files of images and arrays, for servers, archives and folders."""

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image


def png_bytes(image: np.ndarray) -> bytes:
    """Convert an image, uint8 of shape (height, width) or (height, width, 3), to a PNG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, 'png')
    return file.getvalue()


def idx_bytes(values: np.ndarray) -> bytes:
    """Convert an array of uint8 to an IDX file, the format of MNIST."""
    return bytes([0, 0, 8, values.ndim]) + struct.pack(f'>{values.ndim}I', *values.shape) + values.tobytes()


def npz_bytes(**arrays: np.ndarray) -> bytes:
    """Convert arrays to an .npz file."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def write_npz(path: Path, **arrays: np.ndarray) -> Path:
    """Write arrays to an .npz file of any name, and return its path."""
    path.write_bytes(npz_bytes(**arrays))
    return path
