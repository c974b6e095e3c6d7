"""Representational dissimilarity matrices."""

import functools

import numpy as np

#: Columns converted to float64 at a time; bounds the memory used beside the input.
_CHUNK = 16_384
#: Sums of squares from this to its inverse are far from under- and overflow, and centred ones of this share of them
#: have lost a digit at most by the subtraction.
_SMALLEST, _LEAST_SHARE = 1e-200, 0.1
#: Fewer values than these are sorted as quickly by `numpy.argsort` alone.
_FEW = 500


def rdm(patterns: np.ndarray, counts: np.ndarray | None = None, centred: bool = True) -> np.ndarray:
    """Representational dissimilarity matrix: 1 - Pearson correlation over units.

    Parameters
    ----------
    patterns : array, shape (n_stimuli, n_units)
        One response pattern per row, in any unit of measurement. At least two units; no NaN.
    counts : array of int, shape (n_units,), optional
        How often each unit is in the patterns, by default once; units with 0 are left out.
    centred : bool
        Whether each pattern's mean over units is subtracted first. If False, the distances are 1 - cosine.

    Returns
    -------
    array, shape (n_stimuli, n_stimuli)
        Distances in [0, 2], float64, symmetric with zero diagonal. A constant pattern has no correlation with
        others, and one of zeros no angle: its distance to them is 1.

    Raises
    ------
    ValueError
        When `patterns` isn't two-dimensional, has fewer than two units, or contains NaN or infinity.

    References
    ----------
    Kriegeskorte, Mur & Bandettini (2008), Frontiers in Systems Neuroscience 2:4.
    """
    products = _quick_products(np.asarray(patterns), counts, centred)
    if products is None:
        products, constant = _careful_products(*checked_patterns(patterns, counts), centred)
    else:
        constant = np.zeros(len(products), dtype=bool)
    length = np.sqrt(np.diag(products))
    length[constant | (length == 0)] = np.inf
    correlation = products / np.outer(length, length)
    distances: np.ndarray = 1 - np.clip((correlation + correlation.T) / 2, -1, 1)
    np.fill_diagonal(distances, 0)
    return distances


def _quick_products(patterns: np.ndarray, counts: np.ndarray | None, centred: bool) -> np.ndarray | None:
    """Inner products of patterns, less those of their means at the end, which takes fewer passes over them.

    None where that could lose more than a digit, or squares may over- or underflow; or the patterns are wrong.
    """
    if patterns.ndim != 2 or patterns.shape[1] < 2:
        return None
    products, total = np.zeros((len(patterns), len(patterns))), np.zeros(len(patterns))
    weights = np.ones(patterns.shape[1]) if counts is None else np.asarray(counts, dtype=float)
    with np.errstate(all='ignore'):
        for start in range(0, patterns.shape[1], _CHUNK):
            chunk = slice(start, start + _CHUNK)
            block = np.asarray(patterns[:, chunk], dtype=float)
            products += (block if counts is None else block * weights[chunk]) @ block.T
            total += block @ weights[chunk]
        squares = np.diag(products).copy()
        if centred:
            products -= np.outer(total, total) / weights.sum()
        # Comparisons with NaN are false.
        safe = (squares > _SMALLEST) & (squares < 1 / _SMALLEST) & (np.diag(products) > _LEAST_SHARE * squares)
    return products if safe.all() else None


def _careful_products(patterns: np.ndarray, counts: np.ndarray | None, centred: bool) -> tuple[np.ndarray, np.ndarray]:
    """Inner products of patterns of any size, each divided by its largest entry, and a mask of the constant ones."""
    # Scaling first keeps the squares of very small or very large responses from under- or overflowing.
    highest, lowest = (extreme.astype(float) for extreme in (patterns.max(axis=1), patterns.min(axis=1)))
    largest = np.maximum(np.abs(highest), np.abs(lowest))[:, None]
    largest[largest == 0] = 1
    chunks = [slice(start, start + _CHUNK) for start in range(0, patterns.shape[1], _CHUNK)]
    weights = np.ones(patterns.shape[1]) if counts is None else counts.astype(float)
    mean = np.zeros((len(patterns), 1))
    if centred:
        total = sum(patterns[:, chunk] / largest @ weights[chunk] for chunk in chunks)
        mean = np.asarray(total)[:, None] / weights.sum()
    products = np.zeros((len(patterns), len(patterns)))
    for chunk in chunks:
        block = patterns[:, chunk] / largest - mean
        products += (block if counts is None else block * weights[chunk]) @ block.T
    return products, (highest == lowest) & centred


def checked_patterns(patterns: np.ndarray, counts: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Check patterns, and leave out the units that are in them 0 times; the counts are None where all are 1. See `rdm`.

    Raises
    ------
    ValueError
        When `patterns` isn't two-dimensional, has fewer than two units, or contains NaN or infinity.
    """
    patterns = np.asarray(patterns)
    if counts is not None and patterns.ndim == 2:
        patterns, counts = patterns[:, counts > 0], counts[counts > 0]
        counts = None if (counts == 1).all() else counts
    if patterns.ndim != 2 or patterns.shape[1] < 2:
        raise ValueError(f'expected patterns of shape (n_stimuli, n_units >= 2), got {patterns.shape}')
    if not np.isfinite(patterns).all():
        raise ValueError('the patterns contain NaN or infinity; average them over the recorded repetitions first')
    return patterns, counts


def upper_triangle(matrix: np.ndarray) -> np.ndarray:
    """Entries above the diagonal, row by row.

    Parameters
    ----------
    matrix : array, shape (n, n)

    Returns
    -------
    array, shape (n * (n - 1) / 2,)
    """
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f'expected a square matrix, got shape {matrix.shape}')
    upper: np.ndarray = matrix[_above_diagonal(len(matrix))]
    return upper


@functools.lru_cache(maxsize=8)
def _above_diagonal(n: int) -> np.ndarray:
    mask = np.triu(np.ones((n, n), dtype=bool), k=1)
    mask.flags.writeable = False
    return mask


def rounding(n_stimuli: int, scale: float = 1.0) -> float:
    """Difference of two distances that may be due to rounding alone.

    A distance is made of sums of products, after a rotation into about n dimensions: each rounds to a part of `scale`.
    """
    return 4 * n_stimuli * float(np.finfo(float).eps) * scale


def number_distances(matrix: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Number the distances above the diagonal in ascending order; those that differ by rounding alone are ties.

    Parameters
    ----------
    matrix : array, shape (n, n)
        RDM, as returned by `rdm`.
    scale : float
        Size of the numbers that were added and subtracted; 1 for distances that are 1 minus a correlation.

    Returns
    -------
    array of int, shape (n * (n - 1) / 2,)
        Numbers from 0, in the order of `upper_triangle`, in the smallest type that holds them, since many may be kept.
    """
    return number_values(upper_triangle(matrix), rounding(len(matrix), scale))


def number_values(values: np.ndarray, smallest: float) -> np.ndarray:
    """Number values in ascending order, from 0; neighbours that differ by `smallest` or less are ties."""
    order = _ascending(values)
    numbers = np.zeros(len(values), dtype=np.min_scalar_type(len(values)))
    numbers[order[1:]] = np.cumsum(np.diff(values[order]) > smallest, dtype=numbers.dtype)
    return numbers


def _ascending(values: np.ndarray) -> np.ndarray:
    """Order in which values ascend, equal ones in any order.

    Of whole numbers of 16 bits, numpy's stable sort is a radix sort, in a tenth of the time. It sorts the places of the
    values on a grid; what is left is nearly sorted, which its stable sort of other numbers makes use of.
    """
    if len(values) >= _FEW:
        lowest = values.min()
        with np.errstate(all='ignore'):
            scale = 65_535 / (values.max() - lowest)
        if 0 < scale < np.inf:  # neither equal, nor NaN or infinite
            order = np.argsort(((values - lowest) * scale).astype(np.uint16), kind='stable')
            ordered: np.ndarray = order[np.argsort(values[order], kind='stable')]
            return ordered
    return np.argsort(values)
