"""Pairs of stimuli whose distances are compared: all of them, or a random sample of many."""

import functools
from dataclasses import dataclass

import numpy as np

#: Most pairs that are compared; those of 316 stimuli. The correlation of a sample of so many random pairs differs from
#: that of all by .005 at most (standard error).
MOST_PAIRS = 50_000
_SEED = 0
#: Most stimuli of which the pairs of draws are kept; those of 1024 draws then take 200 MB at most.
_FEW_STIMULI = 256


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of different stimuli, in the order of `upper_triangle`.

    Attributes
    ----------
    first, second : array of int, shape (n_pairs,)
        Numbers of the stimuli; `first` is the lower one.
    sampled : bool
        Whether they are a random sample of all pairs.
    """

    first: np.ndarray
    second: np.ndarray
    sampled: bool


@functools.lru_cache(maxsize=8)
def pairs_of(n_stimuli: int) -> Pairs:
    """Choose the pairs of stimuli that are compared: all, or `MOST_PAIRS` at random, always the same ones."""
    n_pairs = n_stimuli * (n_stimuli - 1) // 2
    if n_pairs <= MOST_PAIRS:
        first, second = np.triu_indices(n_stimuli, k=1)
    else:
        places = np.sort(np.random.default_rng(_SEED).choice(n_pairs, MOST_PAIRS, replace=False, shuffle=False))
        # The pairs before the row of each stimulus.
        before = np.cumsum(np.arange(n_stimuli - 1, 0, -1)) - np.arange(n_stimuli - 1, 0, -1)
        first = np.searchsorted(before, places, side='right') - 1
        second = places - before[first] + first + 1
    first.flags.writeable = second.flags.writeable = False
    return Pairs(first, second, n_pairs > MOST_PAIRS)


def drawn_pairs(counts: np.ndarray, n_pairs: int) -> tuple[np.ndarray, np.ndarray]:
    """Number the pairs of different drawn stimuli, and count how often each is drawn.

    Candidates and areas have the same draws: the pairs of few stimuli are kept.

    Parameters
    ----------
    counts : array of int, shape (n_stimuli,)
        How often each stimulus is drawn.
    n_pairs : int
        Number of pairs that they are among: of all, or of those of `pairs_of`.

    Returns
    -------
    places : array of int, shape (n_drawn,)
    weights : array of int, shape (n_drawn,)
        One or more.
    """
    counts = np.asarray(counts, dtype=np.int64)
    if n_pairs < len(counts) * (len(counts) - 1) // 2:
        pairs = pairs_of(len(counts))
        weights = _product(counts, pairs.first, pairs.second)
        places = np.flatnonzero(weights)
        return places, weights[places]
    return _kept_pairs(counts.tobytes()) if len(counts) <= _FEW_STIMULI else _drawn_of_all(counts)


@functools.lru_cache(maxsize=1024)
def _kept_pairs(counts: bytes) -> tuple[np.ndarray, np.ndarray]:
    return _drawn_of_all(np.frombuffer(counts, dtype=np.int64))


def _drawn_of_all(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    drawn, n = np.flatnonzero(counts), len(counts)
    # Row by row below the diagonal, the pairs of the first stimuli come first.
    later, earlier = (each[: len(drawn) * (len(drawn) - 1) // 2] for each in _pairs_below(n))
    first, second = drawn[earlier], drawn[later]
    return first * n - first * (first + 1) // 2 + second - first - 1, _product(counts, first, second)


def _product(counts: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    weights: np.ndarray = counts[first] * counts[second]
    return weights.astype(np.min_scalar_type(counts.max(initial=0) ** 2))


@functools.lru_cache(maxsize=8)
def _pairs_below(n: int) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.tril_indices(n, k=-1)
    rows.flags.writeable = columns.flags.writeable = False
    return rows, columns
