"""Representational dissimilarity matrices of assemblies."""

import xarray as xr
from brainscore_core.supported_data_standards.brainio.assemblies import NeuroidAssembly

from m2m_benchmarks import arrays
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.metrics.alignment import patterns


def rdm(assembly: NeuroidAssembly) -> xr.DataArray:
    """Representational dissimilarity matrix of an assembly: 1 - Pearson correlation over neuroids.

    Parameters
    ----------
    assembly : presentation x neuroid [x time_bin of one bin], averaged over repetitions
        Responses of at least two neuroids.

    Returns
    -------
    DataArray
        stimulus_id x other_stimulus_id, float64, in the order of the assembly. Symmetric, in [0, 2], zero diagonal. A
        stimulus to which all neuroids respond equally has distance 1 to every other.

    Raises
    ------
    DataError
        When the assembly has other dimensions, a single neuroid, a stimulus twice, or NaN.

    References
    ----------
    Kriegeskorte, Mur & Bandettini (2008), Frontiers in Systems Neuroscience 2:4.
    """
    values, ids = patterns(assembly, 'assembly')
    if values.shape[1] < 2:
        raise DataError(f'the assembly has {values.shape[1]} neuroids; an RDM needs two or more.')
    dims = ('stimulus_id', 'other_stimulus_id')
    return xr.DataArray(arrays.rdm(values), coords=dict.fromkeys(dims, ids), dims=dims, name='dissimilarity')
