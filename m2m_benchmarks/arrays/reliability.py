"""Split-half reliability of recordings."""

from collections.abc import Iterator

import numpy as np

from m2m_benchmarks.arrays.correlation import pearson, spearman_brown

#: Neurons whose half means are in memory at a time.
_CHUNK = 128

#: Splits whose half means are in memory at a time.
_SPLITS = 10


def half_splits(n_repetitions: int, n_splits: int = 100, seed: int = 0) -> np.ndarray:
    """Divide the repetitions into random halves.

    Parameters
    ----------
    n_repetitions : int
        Number of repetitions, at least 2. If it is odd, the second half is larger by one.
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
        Responses in any unit, NaN where there is no recording. Each neuron's own repetitions are split, and the
        halves are compared over the stimuli that both contain.
    n_splits : int
    seed : int

    Returns
    -------
    array, shape (n_neurons,)
        Reliability in [-1, 1]; NaN for a neuron whose mean response is constant over stimuli (one that never fired,
        for example). A split in which either half is constant counts as 0.

    Raises
    ------
    ValueError
        When `responses` isn't three-dimensional or a neuron has fewer than two repetitions.
    """
    responses = _check_dimensions(responses)
    reliability = np.empty(responses.shape[2])
    for neurons, first, recorded in _groups(responses, n_splits, seed):
        for start in range(0, len(neurons), _CHUNK):
            chunk = neurons[start : start + _CHUNK]
            trials = responses[np.ix_(recorded, np.arange(responses.shape[1]), chunk)]
            halves = [np.moveaxis(_means(trials, half), 1, 0) for half in (first, ~first)]
            corrected = spearman_brown(pearson(*_over_shared_stimuli(*halves)))
            tuning = _means(trials, np.ones((1, len(trials)), dtype=bool))[0]
            constant = np.nanmax(tuning, axis=0) == np.nanmin(tuning, axis=0)
            reliability[chunk] = np.where(constant, np.nan, np.nan_to_num(corrected).mean(axis=0))
    return reliability


def half_means(responses: np.ndarray, n_splits: int = 100, seed: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Mean responses of the two halves of each split that `split_half_reliability` uses.

    Parameters
    ----------
    responses : array, shape (n_repetitions, n_stimuli, n_neurons)
    n_splits, seed : int
        See `split_half_reliability`.

    Yields
    ------
    first, second : arrays, shape (n_stimuli, n_neurons)
        A neuron without a trial of a stimulus in a half has its mean over the other stimuli of this half there, which
        adds nothing to a covariance.
    """
    responses = _check_dimensions(responses)
    n_stimuli, n_neurons = responses.shape[1:]
    groups = [
        (neurons, first, responses[np.ix_(recorded, np.arange(n_stimuli), neurons)].astype(float))
        for neurons, first, recorded in _groups(responses, n_splits, seed)
    ]
    for start in range(0, n_splits, _SPLITS):
        block = slice(start, min(start + _SPLITS, n_splits))
        halves = np.empty((2, block.stop - block.start, n_stimuli, n_neurons))
        for neurons, first, trials in groups:
            halves[0][..., neurons] = _filled(_means(trials, first[block]), axis=1)
            halves[1][..., neurons] = _filled(_means(trials, ~first[block]), axis=1)
        yield from zip(*halves, strict=True)


def _check_dimensions(responses: np.ndarray) -> np.ndarray:
    responses = np.asarray(responses)
    if responses.ndim != 3:
        raise ValueError(f'expected responses of shape (n_repetitions, n_stimuli, n_neurons), got {responses.shape}')
    return responses


def _groups(responses: np.ndarray, n_splits: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield groups of neurons with the same recorded repetitions, their splits, and a mask of the repetitions."""
    present = ~np.isnan(responses).all(axis=1)  # n_repetitions x n_neurons
    patterns, members = np.unique(present, axis=1, return_inverse=True)
    for i, recorded in enumerate(patterns.T):
        yield np.flatnonzero(members == i), half_splits(int(recorded.sum()), n_splits, seed), recorded


def _over_shared_stimuli(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fill in both halves (n_stimuli, ...) so that stimuli missing in either don't affect the correlation."""
    missing = np.isnan(first) | np.isnan(second)
    if not missing.any():
        return first, second
    first, second = (_filled(np.where(missing, np.nan, half), axis=0) for half in (first, second))
    return first, second


def _filled(means: np.ndarray, axis: int) -> np.ndarray:
    """Replace NaN by the mean of the others along the axis of the stimuli; 0 where there is none.

    A value equal to the mean of the others adds nothing to a covariance or variance.
    """
    missing = np.isnan(means)
    if not missing.any():
        return means
    counts = (~missing).sum(axis=axis, keepdims=True)
    averages = np.sum(means, axis=axis, keepdims=True, where=~missing) / np.maximum(counts, 1)
    filled: np.ndarray = np.where(missing, averages, means)
    return filled


def _means(responses: np.ndarray, halves: np.ndarray) -> np.ndarray:
    """Means over the repetitions that each row of `halves` selects: (n_halves, n_stimuli, n_neurons)."""
    rows = responses.reshape(len(responses), -1).astype(float, copy=False)
    weights = halves.astype(float)
    missing = np.isnan(rows)
    if missing.any():
        counts = weights @ ~missing
        with np.errstate(invalid='ignore'):
            means = weights @ np.nan_to_num(rows) / counts
    else:
        means = weights @ rows / weights.sum(axis=1, keepdims=True)
    half_responses: np.ndarray = means.reshape(len(halves), *responses.shape[1:])
    return half_responses
