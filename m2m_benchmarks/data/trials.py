"""Conversion of single-trial assemblies to arrays and to averages over repetitions."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from brainscore_core.supported_data_standards.brainio.assemblies import NeuronRecordingAssembly, walk_coords

from m2m_benchmarks.errors import DataError

#: Minimum Spearman-Brown split-half reliability for scoring a neuroid.
MIN_RELIABILITY = 0.5
#: Coordinate by which Brain-Score stratifies its folds. Scenes don't show a single object, so it is the same for all.
#: It is also the second coordinate of a stimulus: when Brain-Score averages, a single coordinate would become the
#: dimension, while its metrics expect `presentation`.
OBJECT, NO_OBJECT = 'object_name', 'scene'
#: Number of random splits of the repetitions for reliabilities.
N_SPLITS = 100


def is_scored(reliability: np.ndarray, n_repetitions: int) -> np.ndarray:
    """Mask the neuroids that are scored: the reliable ones, or all if one repetition leaves no reliability to compute.

    Parameters
    ----------
    reliability : array, shape (n_neuroids,)
        Split-half reliabilities; NaN for constant neuroids.
    n_repetitions : int
        Largest number of repetitions in the recordings.

    Returns
    -------
    bool array, shape (n_neuroids,)
    """
    return reliability >= MIN_RELIABILITY if n_repetitions > 1 else np.ones(len(reliability), dtype=bool)


def trial_array(assembly: NeuronRecordingAssembly) -> tuple[np.ndarray, np.ndarray]:
    """Convert trials to an array of repetitions by stimuli by neuroids.

    Parameters
    ----------
    assembly : presentation x neuroid [x time_bin of one bin], with stimulus_id and repetition

    Returns
    -------
    responses : array, shape (n_repetitions, n_stimuli, n_neuroids)
        Responses; NaN where a repetition of a stimulus isn't in the assembly.
    stimulus_ids : array, shape (n_stimuli,)
        Stimuli in the order of first appearance.

    Raises
    ------
    DataError
        When the assembly contains a repetition of a stimulus twice.
    """
    if 'time_bin' in assembly.dims:
        assembly = assembly.squeeze('time_bin')
    values = assembly.transpose('presentation', 'neuroid').values
    stimulus, stimulus_ids = pd.factorize(assembly['stimulus_id'].values)
    repetition, repetitions = pd.factorize(assembly['repetition'].values, sort=True)
    shape = (len(repetitions), len(stimulus_ids))
    row = repetition * shape[1] + stimulus
    if len(np.unique(row)) != len(row):
        raise DataError(
            'the assembly contains the same repetition of the same stimulus more than once; expected each one once.'
        )
    if np.array_equal(row, np.arange(shape[0] * shape[1])):
        return values.reshape(*shape, -1), np.asarray(stimulus_ids)
    responses = np.full((shape[0] * shape[1], values.shape[1]), np.nan, dtype=np.result_type(values, np.float32))
    responses[row] = values
    return responses.reshape(*shape, -1), np.asarray(stimulus_ids)


def average_repetitions(assembly: NeuronRecordingAssembly) -> NeuronRecordingAssembly:
    """Average the trials of each stimulus, without those that were not recorded (NaN).

    Parameters
    ----------
    assembly : presentation x neuroid [x time_bin of one bin], with stimulus_id and repetition
        Single trials, as returned by `load_dataset`.

    Returns
    -------
    NeuronRecordingAssembly
        stimulus (presentation) x neuroid, float64, NaN where no trial was recorded, in the order in which the stimuli
        first appear, with the neuroid
        coordinates and attributes of the input. It can be given to the metrics of this library and of Brain-Score.

    Raises
    ------
    DataError
        When the assembly contains a repetition of a stimulus twice.
    """
    responses, stimulus_ids = trial_array(assembly)
    coords: dict[str, Any] = {
        name: (dims, values) for name, dims, values in walk_coords(assembly) if tuple(dims) == ('neuroid',)
    }
    coords['stimulus_id'] = ('presentation', stimulus_ids)
    coords['stimulus_index'] = ('presentation', np.arange(len(stimulus_ids)))
    coords[OBJECT] = ('presentation', np.full(len(stimulus_ids), NO_OBJECT))
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', 'Mean of empty slice', RuntimeWarning)  # it is NaN, as it should be
        mean = np.nanmean(responses, axis=0, dtype=float)
    return NeuronRecordingAssembly(mean, coords=coords, dims=['presentation', 'neuroid'], attrs=assembly.attrs)
