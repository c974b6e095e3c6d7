"""Comparisons of a model with recordings: one module and one line in the table below for each.

Each comparison has a benchmark for every dataset, area and population; `python -m m2m_benchmarks.benchmarks.registry`
writes the registry lines and the metadata. This module imports nothing heavy, for listings.
"""

import functools
import importlib
from typing import TYPE_CHECKING

from m2m_benchmarks.benchmarks.comparisons.options import GRAMMAR, NAMES
from m2m_benchmarks.errors import UnknownNameError

if TYPE_CHECKING:
    from m2m_benchmarks.benchmarks.comparisons.base import Comparison

#: Name of each comparison, which is also its module, to a short description.
COMPARISONS = {
    'rdm': 'similarity of population geometry (RSA)',
    'rdm_standardised': 'population geometry (RSA), all units weighted equally',
    'ridge': 'prediction of single neurons (ridge regression)',
    'pls': 'prediction of single neurons (partial least squares)',
    'pls_noise_corrected': 'prediction of single neurons, noise-corrected',
    'cka': 'alignment of population geometry (debiased linear CKA)',
    'cka_corrected': 'alignment with the whole population (corrected CKA)',
    'procrustes': 'alignment by a rotation (Procrustes shape similarity)',
    'rmse': 'feature maps against representations of neuroids (RMSE)',
}
#: Comparisons that only score models with feature maps.
OF_MAPS = ('rmse',)
#: Name of each protocol of a publication, which is its module too, to the comparisons that it has settings for. Under
#: them, a comparison is named PROTOCOL_COMPARISON; it is for comparing with that publication, and in no listing.
PROTOCOLS = {'huang2023': ('rdm', 'ridge')}
_OF_PROTOCOLS = {f'{protocol}_{name}': (protocol, name) for protocol, names in PROTOCOLS.items() for name in names}
#: Names of all comparisons: those of the table, those with options, and those of protocols.
KNOWN = (*COMPARISONS, *NAMES, *_OF_PROTOCOLS)
#: Sentence on the names with options, and sentences that list all names, for messages.
OPTIONS = f'Options of rdm are parts of its name: {GRAMMAR}.'
HINT = f'Comparisons are {", ".join(COMPARISONS)}. {OPTIONS}'


def in_table(name: str) -> str:
    """Name of the comparison of the table that one with options is a variant of; other names are returned unchanged."""
    return NAMES[name][0] if name in NAMES else name


@functools.cache
def load_comparison(name: str) -> 'Comparison':
    """Import the module of a comparison and return the comparison, which is one object for each name.

    Raises
    ------
    UnknownNameError
        When there is no comparison of this name; the message has the nearest names, and the options.
    """
    if name not in KNOWN:
        raise UnknownNameError('comparison', name, KNOWN, HINT)
    if name in _OF_PROTOCOLS:
        protocol, own = _OF_PROTOCOLS[name]
        under: Comparison = importlib.import_module(f'{__name__}.{protocol}').PROTOCOL[own]
        return under
    module = importlib.import_module(f'{__name__}.{in_table(name)}')
    usual = module.COMPARISON
    comparison: Comparison = type(usual)(*NAMES[name][1:]) if name in NAMES else usual
    return comparison
