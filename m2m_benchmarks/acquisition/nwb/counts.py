"""Spike counts of presented images."""

import numpy as np

from m2m_benchmarks.acquisition.nwb.files import Spikes


def count_spikes(spikes: Spikes, starts_s: np.ndarray, window_s: tuple[float, float]) -> np.ndarray:
    """Count the spikes of each unit in a window after each onset: from its start, up to but without its end.

    A count is missing where the onset isn't known, or the window overlaps with an invalid interval or isn't inside an
    interval in which the unit was observed. Where the file has no such intervals, the recording ends with the last
    spike of all its units, and windows that begin later are missing.

    Parameters
    ----------
    spikes : Spikes
    starts_s : array, shape (n_presentations,)
        Times of onset in seconds.
    window_s : (start, end)
        Window in seconds after the onset.

    Returns
    -------
    array, shape (n_presentations, n_units)
        Counts; NaN where they are missing.
    """
    first, last = starts_s + window_s[0], starts_s + window_s[1]
    invalid = np.isnan(starts_s)
    for start, end in spikes.invalid_s:
        invalid |= (first < end) & (last > start)
    end_s = max((times[-1] for times in spikes.times_s if len(times)), default=-np.inf)
    counts = np.empty((len(starts_s), len(spikes.times_s)))
    for unit, (times, observed) in enumerate(zip(spikes.times_s, spikes.observed_s, strict=True)):
        counts[:, unit] = np.searchsorted(times, last, side='left') - np.searchsorted(times, first, side='left')
        counts[invalid | ~_recorded(first, last, observed, end_s), unit] = np.nan
    return counts


def _recorded(first: np.ndarray, last: np.ndarray, observed: np.ndarray | None, end_s: float) -> np.ndarray:
    """Whether a unit was recorded in each window."""
    if observed is None or not len(observed):
        return first <= end_s
    inside = np.zeros(len(first), dtype=bool)
    for start, end in observed:
        inside |= (first >= start) & (last <= end)
    return inside


def by_trial(counts: np.ndarray, positions: np.ndarray, n_positions: int, n_trials: int) -> np.ndarray:
    """Arrange counts of presentations by trial and image.

    Parameters
    ----------
    counts : array, shape (n_presentations, n_units)
    positions : array of int, shape (n_presentations,)
        Position of the image of each presentation; negative for presentations to leave out.
    n_positions, n_trials : int

    Returns
    -------
    array, shape (n_trials, n_positions, n_units)
        Trials in the order of the presentations; NaN for images with fewer.
    """
    arranged = np.full((n_trials, n_positions, counts.shape[1]), np.nan)
    for position in range(n_positions):
        own = counts[positions == position]
        arranged[: len(own), position] = own
    return arranged
