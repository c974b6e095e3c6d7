"""The bootstrap draws of a result as bytes, for its row in the results file."""

import io
import zipfile
from collections.abc import Mapping

import numpy as np

from m2m_benchmarks.errors import DataError


def encode(draws: Mapping[str, np.ndarray]) -> bytes:
    """Pack arrays of draws by name, as 32-bit numbers."""
    file = io.BytesIO()
    np.savez_compressed(file, **{name: np.asarray(values, dtype=np.float32) for name, values in draws.items()})
    return file.getvalue()


def decode(content: bytes) -> dict[str, np.ndarray]:
    """Unpack the arrays of `encode`.

    Raises
    ------
    DataError
        When the bytes are something else.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {str(name): arrays[name] for name in arrays}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f'the draws of a result cannot be read: {error}.') from error
