"""Alignment of two assemblies by stimulus."""

from dataclasses import dataclass

import numpy as np
from brainscore_core.supported_data_standards.brainio.assemblies import NeuroidAssembly

from m2m_benchmarks.errors import DataError


@dataclass(frozen=True)
class Aligned:
    """Two assemblies as matrices with the same stimuli in the same order.

    Attributes
    ----------
    source : array, shape (n_stimuli, n_features)
    target : array, shape (n_stimuli, n_neuroids)
        Neuroids whose responses vary over stimuli.
    varying : bool array, shape (n_target_neuroids,)
        Mask of these neuroids.
    """

    source: np.ndarray
    target: np.ndarray
    varying: np.ndarray


def align(source: NeuroidAssembly, target: NeuroidAssembly) -> Aligned:
    """Sort both assemblies by `stimulus_id`.

    Parameters
    ----------
    source, target : presentation x neuroid [x time_bin of one bin], averaged over repetitions

    Raises
    ------
    DataError
        When they aren't responses to the same stimuli, contain a stimulus twice, or contain NaN.
    """
    source_values, source_ids = _by_stimulus(source, 'source')
    target_values, target_ids = _by_stimulus(target, 'target')
    if not np.array_equal(source_ids, target_ids):
        missing = sorted(set(target_ids) - set(source_ids)) or sorted(set(source_ids) - set(target_ids))
        side = 'source' if set(target_ids) - set(source_ids) else 'target'
        raise DataError(
            f'source and target are not responses to the same stimuli: {len(missing)} of '
            f'{max(len(source_ids), len(target_ids))}, such as {missing[0]!r}, are not in the {side}.'
        )
    varying = target_values.max(axis=0) != target_values.min(axis=0)
    if not varying.any():
        raise DataError(
            f'none of the {len(varying)} neuroids of the target varies over the stimuli; at least one has to.'
        )
    return Aligned(source_values, target_values[:, varying], varying)


def _by_stimulus(assembly: NeuroidAssembly, side: str) -> tuple[np.ndarray, np.ndarray]:
    values, ids = patterns(assembly, side)
    order = np.argsort(ids, kind='stable')
    return values[order], ids[order]


def patterns(assembly: NeuroidAssembly, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Convert an assembly to a matrix of stimuli by neuroids.

    Parameters
    ----------
    assembly : presentation x neuroid [x time_bin of one bin], averaged over repetitions
        Responses. The stimulus dimension may also be `stimulus_id`, as xarray calls it for a single coordinate.
    name : str
        Name of the assembly in messages.

    Returns
    -------
    values : array, shape (n_stimuli, n_neuroids)
    ids : array of str, shape (n_stimuli,)

    Raises
    ------
    DataError
        When it has other dimensions, contains a stimulus twice, or contains NaN.
    """
    if 'time_bin' in assembly.dims and assembly.sizes['time_bin'] == 1:
        assembly = assembly.squeeze('time_bin')
    stimulus = assembly['stimulus_id'].dims if hasattr(assembly, 'stimulus_id') else ()
    if len(stimulus) != 1 or set(assembly.dims) != {*stimulus, 'neuroid'}:
        raise DataError(
            f'the {name} has dimensions {assembly.dims}; expected presentation and neuroid, with the coordinate '
            'stimulus_id.'
        )
    values = assembly.transpose(*stimulus, 'neuroid').values
    ids = assembly['stimulus_id'].values.astype(str)
    unique, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise DataError(
            f'the {name} contains stimulus {unique[counts > 1][0]!r} more than once. Average its repetitions first, '
            'with m2m_benchmarks.average_repetitions.'
        )
    if not np.isfinite(values).all():
        raise DataError(f'the {name} contains NaN or infinity. Average over the recorded repetitions first.')
    return values, ids
