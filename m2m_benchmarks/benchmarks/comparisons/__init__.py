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
    'cka': 'alignment of population geometry (debiased linear CKA)',
}

#: Kind of a ceiling (`Ceiling.kind`) to the scale of the scores that are divided by it.
CEILINGS = {
    'population': '0 is chance, 1 a perfect model of these populations, as recorded',
    'trials': '0 is chance; a perfect model stays below the ceiling, the noise of the trials',
    'half of the trials': '0 is chance; the ceiling is the agreement of two halves of the trials',
}


def load_comparison(name: str) -> 'Comparison':
    """Import the module of a comparison and return the comparison.

    Raises
    ------
    UnknownNameError
        When there is no comparison of this name.
    """
    if name not in COMPARISONS:
        raise UnknownNameError('comparison', name, COMPARISONS)
    module = importlib.import_module(f'{__name__}.{name}')
    comparison: Comparison = module.COMPARISON
    return comparison
