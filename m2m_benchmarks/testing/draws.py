"""Scores from few bootstrap draws, in a tenth of the time, for tests that check no such number.

As a preload of dask's workers (`DASK_DISTRIBUTED__WORKER__PRELOAD=m2m_benchmarks.testing.draws`), this module has their
processes compute such scores.
"""

import importlib
from typing import Any

_COMPARISONS = 'm2m_benchmarks.benchmarks.comparisons'
#: Values of names of the library with which scores and ceilings take a tenth of the time.
FEW = {
    f'{_COMPARISONS}.rdm.N_SPLITS': 5,
    f'{_COMPARISONS}.rdm.N_HALVINGS': 5,
    f'{_COMPARISONS}.rdm._N_SHARED': 5,
    f'{_COMPARISONS}.base.Comparison.n_draws': 20,
    f'{_COMPARISONS}.pls_noise_corrected.N_TRIAL_SPLITS': 2,
    f'{_COMPARISONS}.pls_noise_corrected.N_IMAGE_SPLITS': 2,
    f'{_COMPARISONS}.procrustes.Procrustes.n_draws': 20,
}


def dask_setup(worker: Any) -> None:
    """Set the values of `FEW` in a worker's process."""
    for name, value in FEW.items():
        owner, _, attribute = name.rpartition('.')
        module, _, parent = owner.rpartition('.')
        is_class = parent[0].isupper()
        holder: Any = importlib.import_module(module if is_class else owner)
        setattr(getattr(holder, parent) if is_class else holder, attribute, value)
