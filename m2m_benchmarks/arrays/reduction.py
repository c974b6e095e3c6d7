"""Reduction of feature vectors to as few dimensions as their inner products need."""

from typing import Any, Protocol

import numpy as np
from scipy.linalg import helmert

from m2m_benchmarks.arrays.backend import to_backend, to_numpy

#: Columns converted to float64 at a time; bounds the memory used beside the input.
_CHUNK = 16_384


class Blocks(Protocol):
    """Array that is read in blocks: a numpy array, or another object with its shape whose parts are numpy arrays."""

    @property
    def ndim(self) -> int:
        """Number of axes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    def __getitem__(self, key: Any, /) -> Any:
        """Read a part."""


def gram_reduce(features: Blocks) -> np.ndarray:
    """Rotate feature vectors into n_stimuli + 1 dimensions, keeping their inner products (Gram matrix).

    n stimuli span at most n dimensions, however many features a layer has. This rotation keeps every inner product
    between stimuli *and* the direction in which all features are equal. So Euclidean distances, kernels, ridge and PLS
    predictions, CKA, and correlations over features (RDMs) are the same for input and result, while the result for a
    layer with millions of features takes a few hundred kilobytes.

    Parameters
    ----------
    features : array, shape (n_stimuli, n_features)
        Feature vectors; may be in a file (`Blocks`), and are read in blocks of columns.

    Returns
    -------
    array, shape (n_stimuli, min(n_features, n_stimuli + 1))
        Reduced features, float64; the input itself where it has no more columns than that.

    Raises
    ------
    ValueError
        When `features` isn't two-dimensional, is empty, or contains NaN or infinity.

    Notes
    -----
    With row means m and centred rows R = X - m 1', p features have the inner products p m m' + R R'. Take any L with
    L L' = R R', map it into the space orthogonal to the vector of ones (Helmert matrix H) and add m sqrt(p / q) 1',
    for q dimensions. The result has the same inner products, and so have the centred parts of its rows.
    """
    if features.ndim != 2 or 0 in features.shape:
        raise ValueError(f'expected features of shape (n_stimuli, n_features), got {features.shape}')
    n_stimuli, n_features = features.shape
    n_dimensions = n_stimuli + 1
    if n_features <= n_dimensions:
        small = np.array(features[:, :], dtype=float)
        if not np.isfinite(small).all():
            raise ValueError('the features contain NaN or infinity; expected finite numbers')
        return small
    total, first = np.zeros(n_stimuli), np.array(features[:, :1])[:, 0]
    constant = same = np.ones(n_stimuli, dtype=bool)  # patterns of one number, and those that equal the first
    for start in range(0, n_features, _CHUNK):
        block = np.asarray(features[:, start : start + _CHUNK])
        with np.errstate(invalid='ignore'):  # infinity is refused below
            total += block.sum(axis=1, dtype=float)
        constant = _still(constant, block, first[:, None])
        same = _still(same, block, np.broadcast_to(block[:1], block.shape))
    # The rounded mean of a constant pattern may differ from its value; the pattern would no longer be constant.
    mean = np.where(constant, first, total / n_features)[:, None]
    if not np.isfinite(mean).all():
        raise ValueError('the features contain NaN or infinity; expected finite numbers')
    summed = to_backend(np.zeros((n_stimuli, n_stimuli)))
    for start in range(0, n_features, _CHUNK):
        block = to_backend(features[:, start : start + _CHUNK] - mean)
        summed += block @ block.T
    products = to_numpy(summed)
    # Patterns of unit length, so that weak ones keep as many digits as strong ones.
    length = np.sqrt(np.diag(products))
    length[constant] = 0
    unit = np.where(length > 0, length, 1)
    spectrum, vectors = np.linalg.eigh(products / np.outer(unit, unit))
    factor = vectors * np.sqrt(spectrum.clip(0)) * length[:, None]
    rotated: np.ndarray = factor @ helmert(n_dimensions) + mean * np.sqrt(n_features / n_dimensions)
    if same.all():  # and stay equal: eigenvectors of rounding errors would be differences between stimuli
        rotated[:] = rotated[0]
    return rotated


def _still(rows: np.ndarray, block: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Mask the rows that still equal what is expected, of those that did so far: few, which saves a pass."""
    still = rows.copy()
    still[rows] = (block[rows] == expected[rows]).all(axis=1)
    return still
