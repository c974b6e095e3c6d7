"""Comparisons of a model with recordings: one module and one line in the table below for each.

Each comparison has a benchmark for every dataset, area and population; `python -m m2m_benchmarks.benchmarks.registry`
writes the registry lines and the metadata. This module imports nothing heavy, for listings.
"""

import importlib
from typing import TYPE_CHECKING

from m2m_benchmarks.errors import UnknownNameError

if TYPE_CHECKING:
    from m2m_benchmarks.benchmarks.comparisons.base import Comparison

#: Name of each comparison, which is also its module, to a short description.
COMPARISONS = {
    'rdm': 'similarity of population geometry (RSA)',
    'rdm_standardised': 'population geometry (RSA), all units weighted equally',
    'ridge': 'prediction of single neurons (ridge regression)',
    'pls': 'prediction of single neurons (partial least squares)',
    'pls_noise_corrected': 'prediction of single neuroids, noise-corrected (mouse-vision)',
    'cka': 'alignment of population geometry (debiased linear CKA)',
    'cka_corrected': 'alignment with the whole population (CKA corrected for the sample of neuroids)',
    'procrustes': 'alignment by a rotation (Procrustes shape similarity)',
}
#: Name of each protocol of a publication, which is its module too, to the comparisons that it has settings for. Under
#: them, a comparison is named PROTOCOL_COMPARISON; it is for comparing with that publication, and in no listing.
PROTOCOLS = {'huang2023': ('rdm', 'ridge')}
_OF_PROTOCOLS = {f'{protocol}_{name}': (protocol, name) for protocol, names in PROTOCOLS.items() for name in names}
#: Names of all comparisons.
KNOWN = (*COMPARISONS, *_OF_PROTOCOLS)


def load_comparison(name: str) -> 'Comparison':
    """Import the module of a comparison and return the comparison.

    Raises
    ------
    UnknownNameError
        When there is no comparison of this name.
    """
    if name in _OF_PROTOCOLS:
        protocol, own = _OF_PROTOCOLS[name]
        under: Comparison = importlib.import_module(f'{__name__}.{protocol}').PROTOCOL[own]
        return under
    if name not in COMPARISONS:
        raise UnknownNameError('comparison', name, COMPARISONS)
    module = importlib.import_module(f'{__name__}.{name}')
    comparison: Comparison = module.COMPARISON
    return comparison
