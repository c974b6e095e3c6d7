"""Comparisons of a model with recordings: one module each, and one line each in the table below.

A line gives every dataset, area and population its benchmark; `python -m m2m_benchmarks.benchmarks.registry` writes the
registry lines and the metadata. This module imports nothing heavy: listings read it.
"""

import importlib
from typing import TYPE_CHECKING

from m2m_benchmarks.errors import UnknownNameError

if TYPE_CHECKING:
    from m2m_benchmarks.benchmarks.comparisons.base import Comparison

#: Name, which is that of the module too, to what is compared in a few words.
COMPARISONS = {
    'rdm': 'similarity of population geometry (RSA)',
    'ridge': 'prediction of single neurons (ridge regression)',
    'cka': 'alignment of population geometry (debiased linear CKA)',
}


def load_comparison(name: str) -> 'Comparison':
    """Import the module of a comparison and return the comparison in it.

    Raises
    ------
    UnknownNameError
        When there is none of that name.
    """
    if name not in COMPARISONS:
        raise UnknownNameError('comparison', name, COMPARISONS)
    module = importlib.import_module(f'{__name__}.{name}')
    comparison: Comparison = module.COMPARISON
    return comparison
