"""The bootstrap draws of a result as bytes, for its row in the results file."""

import io
import json
import math
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from m2m_benchmarks.errors import DataError

#: Draws are rounded to a step of at most their standard deviation over this number.
STEPS = 128
#: First bytes of what `numpy.savez` wrote, before draws were rounded.
_ZIP = b'PK'


def encode(draws: Mapping[str, np.ndarray]) -> bytes:
    """Pack arrays of finite draws by name.

    Draws are rounded to a step, a power of two, of at most 1/128 of the standard deviation of each bootstrap, which
    changes a variance by a few ten-thousandths of it at most. What is stored are the numbers of steps, as 16-bit
    numbers whose low bytes and high bytes stand together, and compressed.
    """
    header, content = {}, []
    for name, values in draws.items():
        values = np.asarray(values, dtype=float)
        step = _step(values)
        start = math.floor(values.min(initial=math.inf) / step) if values.size else 0
        counts = (np.round(values / step) - start).astype('<u2')
        header[name] = [list(values.shape), start * step, step]
        content.append(np.ascontiguousarray(counts.reshape(-1, 1).view(np.uint8).T).tobytes())
    return zlib.compress(b''.join([json.dumps(header).encode(), b'\n', *content]), 9)


def _step(values: np.ndarray) -> float:
    """Power of two that is small beside the standard deviation of each bootstrap, and takes two bytes to count."""
    spread = float(np.std(values, axis=-1).min(initial=math.inf)) if values.size else 1.0
    span = float(np.ptp(values)) if values.size else 0.0
    # Of draws that don't vary, one step is a digit of a 32-bit number.
    smallest = max(span / 2**15, 2.0**-23 * float(np.abs(values).max(initial=0)), 2.0**-100)
    return 2.0 ** math.ceil(math.log2(max(spread / STEPS / 2, smallest)))


def decode(content: bytes) -> dict[str, np.ndarray]:
    """Unpack the arrays of `encode`, as 32-bit numbers.

    Raises
    ------
    DataError
        When the bytes are something else.
    """
    try:
        if content.startswith(_ZIP):
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                return {str(name): arrays[name] for name in arrays}
        first, _, rest = zlib.decompress(content).partition(b'\n')
        draws = {}
        for name, (shape, start, step) in json.loads(first).items():
            size = math.prod(shape)
            planes = np.frombuffer(rest[: 2 * size], dtype=np.uint8).reshape(2, size)
            counts = np.ascontiguousarray(planes.T).view('<u2').reshape(shape)
            draws[name] = (start + step * counts.astype(float)).astype(np.float32)
            rest = rest[2 * size :]
        return draws
    except (
        ValueError,
        TypeError,
        AttributeError,
        OSError,
        EOFError,
        KeyError,
        zlib.error,
        zipfile.BadZipFile,
    ) as error:
        raise DataError(f'the draws of a result cannot be read: {error}.') from error
