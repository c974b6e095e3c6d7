"""Recordings simulated from the units of a model, with the noise and scale of real ones."""

from dataclasses import dataclass

import numpy as np

from m2m_benchmarks.arrays.correlation import standardize


@dataclass(frozen=True)
class Population:
    """Scale and noise of recorded neuroids.

    Attributes
    ----------
    mean : array, shape (n_neuroids,)
        Mean response over stimuli, in the unit of the responses, as the next two.
    gain : array, shape (n_neuroids,)
        Standard deviation of the signal over stimuli.
    noise : array, shape (n_neuroids,)
        Standard deviation of a single trial's noise.
    n_trials : array of int, shape (n_stimuli, n_neuroids)
        Numbers of trials; 0 where nothing was recorded.
    """

    mean: np.ndarray
    gain: np.ndarray
    noise: np.ndarray
    n_trials: np.ndarray

    def __getitem__(self, neuroids: np.ndarray) -> 'Population':
        """Select neuroids by a mask or by indices."""
        return Population(self.mean[neuroids], self.gain[neuroids], self.noise[neuroids], self.n_trials[:, neuroids])


def population_of(trials: np.ndarray, reliability: np.ndarray) -> Population:
    """Measure the scale and noise of recorded neuroids.

    The variance of a neuroid's mean responses over stimuli is that of its signal and that of the noise which the mean
    over trials leaves. The reliability is the share of the signal.

    Parameters
    ----------
    trials : array, shape (n_repetitions, n_stimuli, n_neuroids)
        Responses in any unit, NaN where there is no recording. Each neuroid has a response to at least one stimulus.
    reliability : array, shape (n_neuroids,)
        Reliability of the mean over all trials; see `split_half_reliability`. It is cut off at 0 and 1.

    Returns
    -------
    Population

    Raises
    ------
    ValueError
        When a reliability is NaN, as for recordings of one trial.
    """
    if np.isnan(reliability).any():
        raise ValueError('expected the reliability of each neuroid, got NaN')
    n_trials = (~np.isnan(trials)).sum(axis=0)
    recorded = n_trials > 0
    average = np.nansum(trials, axis=0, dtype=float) / np.maximum(n_trials, 1)
    mean, variance = average.mean(axis=0, where=recorded), average.var(axis=0, where=recorded)
    share = np.clip(reliability, 0, 1)
    left = np.mean(1 / np.maximum(n_trials, 1), axis=0, where=recorded)  # of a trial's variance, in a mean
    return Population(mean, np.sqrt(share * variance), np.sqrt((1 - share) * variance / left), n_trials)


def at_own_scale(units: np.ndarray, population: Population) -> Population:
    """Replace the means and gains of neuroids by those of units; the reliabilities stay.

    Parameters
    ----------
    units : array, shape (n_stimuli, n_neuroids)
    population : Population
        Neuroids with a signal: none has a gain of 0.
    """
    mean, gain = units.mean(axis=0, dtype=float), units.std(axis=0, dtype=float)
    return Population(mean, gain, population.noise * gain / population.gain, population.n_trials)


def matching_order(units: np.ndarray, population: Population) -> np.ndarray:
    """Order the units so that each one's scale resembles that of the neuroid in its place.

    RDMs and kernels depend on the scale of units, which is related to what they respond to: a sparse unit has a mean
    that is small beside its standard deviation. Means and gains that are dealt at random would break this. So neuroids
    and units are each sorted by their gain into strata, and within these by their mean relative to it, and paired.

    Parameters
    ----------
    units : array, shape (n_stimuli, n_neuroids)
        Responses of as many units as neuroids; none is constant.
    population : Population

    Returns
    -------
    array of int, shape (n_neuroids,)
        Indices of units.
    """
    of_neuroids = _by_scale(population.mean, population.gain)
    of_units = _by_scale(units.mean(axis=0, dtype=float), units.std(axis=0, dtype=float))
    order = np.empty(len(of_units), dtype=int)
    order[of_neuroids] = of_units
    return order


def _by_scale(mean: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Sort by gain into as many strata as each has members, and within them by mean / gain."""
    n = len(gain)
    stratum = np.empty(n, dtype=int)
    stratum[np.argsort(gain, kind='stable')] = np.arange(n) // max(1, int(np.sqrt(n)))
    order: np.ndarray = np.lexsort((mean / np.where(gain > 0, gain, 1), stratum))
    return order


def simulate_means(
    units: np.ndarray,
    population: Population,
    rng: np.random.Generator,
    n_trials: np.ndarray | int | None = None,
    sessions: np.ndarray | None = None,
    noise_correlation: float = 0.0,
) -> np.ndarray:
    """Simulate the mean responses of a recording whose neuroids are units of a model.

    A neuroid's response is its recorded mean, plus its gain times the standardised unit, plus the mean of the noise of
    its trials, which is normal and independent between trials. That mean is drawn itself, which has the same
    distribution as drawing the trials and averaging them.

    Parameters
    ----------
    units : array, shape (n_stimuli, n_neuroids)
        Responses of the unit of each neuroid, in any unit of measurement.
    population : Population
    rng : Generator
    n_trials : int or array that fits (n_stimuli, n_neuroids), optional
        Numbers of trials; by default those recorded, which are for the recorded stimuli.
    sessions : array, shape (n_neuroids,), optional
        Session of each neuroid, for noise that the neuroids of a session share.
    noise_correlation : float
        Correlation of the noise of two neuroids of a session in the same trials, from 0 to 1.

    Returns
    -------
    array, shape (n_stimuli, n_neuroids)
        Mean responses, float64; NaN where there is no trial.
    """
    n_trials = population.n_trials if n_trials is None else np.asarray(n_trials)
    noise = rng.standard_normal(units.shape)
    if noise_correlation:
        if sessions is None:
            raise ValueError('noise that neuroids of a session share needs their sessions')
        members = np.unique(sessions, return_inverse=True)[1]
        shared = rng.standard_normal((len(units), members.max() + 1))[:, members]
        noise = np.sqrt(1 - noise_correlation) * noise + np.sqrt(noise_correlation) * shared
    signal = population.mean + population.gain * standardize(units)
    responses: np.ndarray = signal + population.noise * noise / np.sqrt(np.maximum(n_trials, 1))
    return np.where(n_trials > 0, responses, np.nan)


def simulate_trials(
    units: np.ndarray, population: Population, rng: np.random.Generator, n_trials: np.ndarray | int | None = None
) -> np.ndarray:
    """Simulate the single trials of a recording, as `simulate_means` simulates their means.

    Parameters
    ----------
    units, population, rng, n_trials
        See `simulate_means`.

    Returns
    -------
    array, shape (n_trials.max(), n_stimuli, n_neuroids)
        Responses, float64; NaN after the last trial of a stimulus.
    """
    n_trials = population.n_trials if n_trials is None else np.asarray(n_trials)
    return np.stack(
        [simulate_means(units, population, rng, (n_trials > trial).astype(int)) for trial in range(n_trials.max())]
    )
