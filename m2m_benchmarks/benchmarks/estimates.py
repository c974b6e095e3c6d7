"""Errors and intervals of an estimate, from its draws over animals and stimuli."""

from dataclasses import dataclass

import numpy as np

from m2m_benchmarks.arrays import degrees_of_freedom, two_factor_variance


@dataclass(frozen=True)
class Estimate:
    """A value and its uncertainty for new animals and new stimuli.

    Attributes
    ----------
    value : float
    error : float or None
        Standard error; None without draws, as is all below.
    errors : dict or None
        Standard errors for new animals alone and for new stimuli alone, by the names 'animals' and 'stimuli'.
    interval : (low, high) or None
        95 % confidence interval.
    """

    value: float
    error: float | None
    errors: dict[str, float] | None
    interval: tuple[float, float] | None


def estimate(value: float, draws: np.ndarray | None, n_animals: int, n_stimuli: int) -> Estimate:
    """Estimate the uncertainty of a value.

    Parameters
    ----------
    value : float
    draws : array, shape (3, n_draws), or None
        Values on draws of both factors, of animals, and of stimuli.
    n_animals, n_stimuli : int

    Returns
    -------
    Estimate
        The interval is Student's t around the value.

    Notes
    -----
    With the degrees of freedom of the animals alone, intervals are too wide: they hold the truth in 99 of 100
    experiments (perf/coverage.py).
    """
    if draws is None:
        return Estimate(value, None, None, None)
    from scipy.stats import t  # takes a second to import

    both, animals, stimuli = np.var(draws, axis=1, ddof=1)
    error = float(np.sqrt(two_factor_variance(both, animals, stimuli, n_animals, n_stimuli)))
    half = float(t.ppf(0.975, degrees_of_freedom(animals, stimuli, n_animals, n_stimuli))) * error
    one_factor = {'animals': float(np.sqrt(animals)), 'stimuli': float(np.sqrt(stimuli))}
    return Estimate(value, error, one_factor, (value - half, value + half))
