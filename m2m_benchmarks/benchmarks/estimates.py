"""Errors and intervals of an estimate, from its draws over animals and stimuli."""

from dataclasses import dataclass

import numpy as np

from m2m_benchmarks.arrays import FACTORS, standard_error, variance_of_draws


@dataclass(frozen=True)
class Estimate:
    """A value and its uncertainty for new animals and new stimuli.

    Attributes
    ----------
    value : float
    error : float or None
        Standard error; None without draws, as is all below.
    errors : dict or None
        Standard errors for new animals alone and for new stimuli alone, by the names 'animals' and 'stimuli'; of one
        animal for new neuroids, by the name 'neuroids'.
    interval : (low, high) or None
        95 % confidence interval.
    """

    value: float
    error: float | None
    errors: dict[str, float] | None
    interval: tuple[float, float] | None


def estimate(
    value: float, draws: np.ndarray | None, n_animals: int, n_stimuli: int, one_animal: bool = False
) -> Estimate:
    """Estimate the uncertainty of a value.

    Parameters
    ----------
    value : float
    draws : array, shape (3, n_draws), or None
        Values on draws of both factors, of animals, and of stimuli.
    n_animals, n_stimuli : int
        Numbers of units that were drawn: of neuroids in place of animals where there is one animal.
    one_animal : bool
        Whether there is one.

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

    variance, freedom = variance_of_draws(draws, n_animals, n_stimuli)
    error = float(np.sqrt(variance))
    half = float(t.ppf(0.975, freedom)) * error
    names = ('neuroids' if one_animal else FACTORS[1], FACTORS[2])
    one_factor = {name: standard_error(own) for name, own in zip(names, draws[1:], strict=True)}
    return Estimate(value, error, one_factor, (value - half, value + half))
