"""Samples of the units of a layer: how many, and which."""

import functools

import numpy as np

from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm

#: Number of units sampled from a layer for comparisons of units, and the random seed of both samples.
MOST_UNITS, _SEED = 1000, 0
#: The same for the larger sample: that many units, or fewer for many stimuli, so that it has this size at most.
_MANY_UNITS, _MANY_RESPONSES = 5000, 1_000_000
#: Forms that are samples, and those beside which the larger one is collected in the same forward pass.
FORMS = (FeatureForm.UNITS, FeatureForm.MANY_UNITS)
WITH_SAMPLE = (FeatureForm.ROTATION, FeatureForm.UNITS)


def most_units(form: FeatureForm, n_stimuli: int) -> int | None:
    """Largest number of units of a layer in a form; None without a limit."""
    if form is FeatureForm.MANY_UNITS:
        return int(np.clip(_MANY_RESPONSES // n_stimuli, MOST_UNITS, _MANY_UNITS))
    return MOST_UNITS if form is FeatureForm.UNITS else None


def settings(form: FeatureForm) -> list[int] | None:
    """List all that determines which units a form has; None for a form of all units."""
    return [MOST_UNITS, _MANY_UNITS, _MANY_RESPONSES, _SEED] if form in FORMS else None


def kept_part(responses: np.ndarray, form: FeatureForm, n_kept: int) -> np.ndarray:
    """Select the units of a layer that a form has.

    Parameters
    ----------
    responses : array, shape (n_images, n_units)
    form : FeatureForm
    n_kept : int
        Number of units in the form: `most_units`, or all where there are fewer.

    Returns
    -------
    array, shape (n_images, n_kept)
        In the larger sample, the units of the smaller one come first.
    """
    n_units = responses.shape[1]
    if form not in FORMS or n_units <= MOST_UNITS:
        return responses
    return responses[:, _sample(n_units, n_kept, MOST_UNITS)]


@functools.lru_cache(maxsize=64)
def _sample(n_units: int, n_kept: int, n_first: int) -> np.ndarray:
    """Draw units: the smaller sample, in order, and then others, in order."""
    rng = np.random.default_rng(_SEED)
    first = np.sort(rng.choice(n_units, n_first, replace=False))
    others = np.setdiff1d(np.arange(n_units), first)
    return np.concatenate([first, np.sort(rng.choice(others, n_kept - n_first, replace=False))])
