"""Recordings from a known layer: Poisson counts with random gains, of its units or of mixtures of them.

It shares no code with the library's own simulations, which it tests.
"""

import numpy as np
from brainscore_core.supported_data_standards.brainio.assemblies import NeuronRecordingAssembly
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet

from m2m_benchmarks.arrays import split_half_reliability
from m2m_benchmarks.benchmarks.recordings import AreaRecordings


def poisson_counts(
    units: np.ndarray,
    n_neuroids: int,
    rng: np.random.Generator,
    n_trials: int = 50,
    mixtures: bool = False,
    shared: float = 0.0,
    animals: np.ndarray | None = None,
    rate: float = 2.0,
    spread: float = 0.4,
) -> np.ndarray:
    """Count spikes of neurons that are units of a layer, or dense mixtures of all of them.

    Parameters
    ----------
    units : array, shape (n_stimuli, n_units)
    n_neuroids : int
    rng : Generator
    n_trials : int
    mixtures : bool
        Whether each neuron is a random mixture of all units. The weights of a mixture sum to 0, so that mixtures have
        the RDM of the units; a common rate keeps most counts' rates above 0.
    shared : float
        Standard deviation of the logarithm of a gain that all neurons of an animal share in a trial.
    animals : array, shape (n_neuroids,), optional
        Animal of each neuron.
    rate : float
        Mean count of a neuron whose gain is 1.
    spread : float
        Standard deviation of the logarithm of the neurons' gains.

    Returns
    -------
    array of int, shape (n_trials, n_stimuli, n_neuroids)
    """
    gains = np.exp(spread * rng.standard_normal(n_neuroids) - spread**2 / 2)
    units = units[:, units.std(axis=0) > 0].astype(float)
    if mixtures:
        weights = rng.standard_normal((units.shape[1], n_neuroids))
        mixed = units @ (weights - weights.mean(axis=0))
        rates = rate * (1 + 0.35 * gains * mixed / mixed.std())
    else:
        chosen = units[:, rng.choice(units.shape[1], n_neuroids, replace=units.shape[1] < n_neuroids)]
        rates = rate * gains * chosen / chosen.mean()
    rates = np.maximum(rates, 0.01)
    members = np.unique(np.zeros(n_neuroids) if animals is None else animals, return_inverse=True)[1]
    common = np.exp(shared * rng.standard_normal((n_trials, len(units), members.max() + 1)) - shared**2 / 2)
    counts: np.ndarray = rng.poisson(rates * common[:, :, members])
    return counts


def recordings_of(counts: np.ndarray, animals: np.ndarray, stimuli: StimulusSet) -> AreaRecordings:
    """Select the reliable neurons of counts, as the library does for an area's recordings.

    Parameters
    ----------
    counts : array, shape (n_trials, n_stimuli, n_neuroids)
        Counts in the order of the stimuli sorted by name.
    animals : array, shape (n_neuroids,)
    stimuli : StimulusSet
    """
    reliability = split_half_reliability(counts, 20)
    kept = np.flatnonzero(np.nan_to_num(reliability) >= 0.5)
    ids = sorted(stimuli['stimulus_id'].astype(str))
    mean = NeuronRecordingAssembly(
        counts[:, :, kept].mean(axis=0),
        coords={
            'stimulus_id': ('presentation', ids),
            'stimulus_index': ('presentation', np.arange(len(ids))),
            'neuroid_id': ('neuroid', [f'n{number}' for number in kept]),
            'animal': ('neuroid', animals[kept]),
            'session': ('neuroid', animals[kept]),
            'region': ('neuroid', ['VISp'] * len(kept)),
            'reliability': ('neuroid', reliability[kept]),
        },
        dims=['presentation', 'neuroid'],
    )
    n_left_out = counts.shape[2] - len(kept)
    return AreaRecordings(counts[:, :, kept].astype(np.float32), mean, stimuli, [(80, 190)], '', 0, n_left_out)
