"""How well a recording agrees with itself: split halves of its repetitions."""

from collections.abc import Iterator

import numpy as np

from m2m_benchmarks.arrays.correlation import pearson, spearman_brown

#: Neurons whose half means are held at a time.
_CHUNK = 128

#: Splits whose half means are held at a time.
_SPLITS = 10


def half_splits(n_repetitions: int, n_splits: int = 100, seed: int = 0) -> np.ndarray:
    """Random divisions of the repetitions into two halves.

    Parameters
    ----------
    n_repetitions : int
        At least 2. Of an odd number, the second half gets one more.
    n_splits : int
    seed : int

    Returns
    -------
    bool array, shape (n_splits, n_repetitions)
        True for the first half.
    """
    if n_repetitions < 2:
        raise ValueError(f'expected at least 2 repetitions to split, got {n_repetitions}')
    rng = np.random.default_rng(seed)
    first = np.zeros((n_splits, n_repetitions), dtype=bool)
    for split in first:
        split[rng.permutation(n_repetitions)[: n_repetitions // 2]] = True
    return first


def split_half_reliability(responses: np.ndarray, n_splits: int = 100, seed: int = 0) -> np.ndarray:
    """Spearman-Brown corrected split-half reliability of each neuron's tuning over stimuli.

    In each random split, the mean responses of the two halves are correlated over stimuli and the correlation is
    corrected to the full number of repetitions; the corrected values are averaged over splits.

    Parameters
    ----------
    responses : array, shape (n_repetitions, n_stimuli, n_neurons)
        Any unit. NaN marks what was not recorded; a neuron's halves are made of its own repetitions and compared
        over the stimuli that both of them hold.
    n_splits : int
    seed : int

    Returns
    -------
    array, shape (n_neurons,)
        In [-1, 1]. NaN for a neuron whose mean response doesn't vary over stimuli (one that never fired, say).
        A split in which one half doesn't vary counts as 0.

    Raises
    ------
    ValueError
        When `responses` isn't three-dimensional or a neuron has fewer than two repetitions.
    """
    responses = _checked(responses)
    reliability = np.empty(responses.shape[2])
    for neurons, first, recorded in _groups(responses, n_splits, seed):
        for start in range(0, len(neurons), _CHUNK):
            chunk = neurons[start : start + _CHUNK]
            cube = responses[np.ix_(recorded, np.arange(responses.shape[1]), chunk)]
            halves = [np.moveaxis(_means(cube, half), 1, 0) for half in (first, ~first)]
            corrected = spearman_brown(pearson(*_over_shared_stimuli(*halves)))
            tuning = _means(cube, np.ones((1, len(cube)), dtype=bool))[0]
            flat = np.nanmax(tuning, axis=0) == np.nanmin(tuning, axis=0)
            reliability[chunk] = np.where(flat, np.nan, np.nan_to_num(corrected).mean(axis=0))
    return reliability


def half_means(responses: np.ndarray, n_splits: int = 100, seed: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Mean responses of the two halves, split by split: the same splits as in `split_half_reliability`.

    Parameters
    ----------
    responses : array, shape (n_repetitions, n_stimuli, n_neurons)
    n_splits, seed
        As in `split_half_reliability`.

    Yields
    ------
    first, second : arrays, shape (n_stimuli, n_neurons)
    """
    responses = _checked(responses)
    n_stimuli, n_neurons = responses.shape[1:]
    groups = [
        (neurons, first, responses[np.ix_(recorded, np.arange(n_stimuli), neurons)].astype(float))
        for neurons, first, recorded in _groups(responses, n_splits, seed)
    ]
    for start in range(0, n_splits, _SPLITS):
        block = slice(start, min(start + _SPLITS, n_splits))
        halves = np.empty((2, block.stop - block.start, n_stimuli, n_neurons))
        for neurons, first, cube in groups:
            halves[0][..., neurons] = _means(cube, first[block])
            halves[1][..., neurons] = _means(cube, ~first[block])
        yield from zip(*halves, strict=True)


def _checked(responses: np.ndarray) -> np.ndarray:
    responses = np.asarray(responses)
    if responses.ndim != 3:
        raise ValueError(f'expected responses of shape (n_repetitions, n_stimuli, n_neurons), got {responses.shape}')
    return responses


def _groups(responses: np.ndarray, n_splits: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Neurons with the same recorded repetitions, their splits, and a mask of those repetitions."""
    present = ~np.isnan(responses).all(axis=1)  # n_repetitions x n_neurons
    patterns, members = np.unique(present, axis=1, return_inverse=True)
    for i, recorded in enumerate(patterns.T):
        yield np.flatnonzero(members == i), half_splits(int(recorded.sum()), n_splits, seed), recorded


def _over_shared_stimuli(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Halves (n_stimuli, ...) in which a stimulus that one of them lacks has no say in the correlation."""
    lacking = np.isnan(first) | np.isnan(second)
    if not lacking.any():
        return first, second
    # A value at the mean of the others adds nothing to a covariance or variance.
    return tuple(  # type: ignore[return-value]
        np.where(lacking, np.mean(half, axis=0, where=~lacking), half) for half in (first, second)
    )


def _means(responses: np.ndarray, halves: np.ndarray) -> np.ndarray:
    """Means over the repetitions that each row of `halves` picks: (n_halves, n_stimuli, n_neurons)."""
    flat = responses.reshape(len(responses), -1).astype(float, copy=False)
    weights = halves.astype(float)
    missing = np.isnan(flat)
    if missing.any():
        counts = weights @ ~missing
        with np.errstate(invalid='ignore'):
            means = weights @ np.nan_to_num(flat) / counts
    else:
        means = weights @ flat / weights.sum(axis=1, keepdims=True)
    shaped: np.ndarray = means.reshape(len(halves), *responses.shape[1:])
    return shaped
