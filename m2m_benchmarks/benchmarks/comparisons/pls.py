"""Single-neuron regression: held-out predictions of each neuroid by partial least squares."""

from collections.abc import Sequence

import numpy as np

from m2m_benchmarks.arrays.folds import Split
from m2m_benchmarks.arrays.pls import N_COMPONENTS, pls_predict
from m2m_benchmarks.benchmarks.comparisons.base import Description
from m2m_benchmarks.benchmarks.comparisons.regression import CAVEAT, CEILING, Regression


class PLS(Regression):
    """Partial least squares with 25 components, one fit of all neuroids, as in Brain-Score."""

    name = 'pls'
    metric = 'pls'
    invariant_to = frozenset({'rotation', 'scaling', 'translation'})
    min_stimuli = 29  # of 29, the smallest training part has 26 stimuli, which span 25 dimensions
    description = Description(
        raw='median over neuroids of the correlation between held-out predictions by partial least squares (25 '
        'components, 10 folds, one fit of all neuroids) and trial-averaged responses',
        ceiling=CEILING,
        formula='max(raw, 0)**2 / ceiling',
        caveat=CAVEAT,
        reference='Wegelin (2000), A survey of partial least squares (PLS) methods, section 4.1',
        settings={'components': str(N_COMPONENTS), 'folds': '10 shuffled, seed 1; neither side scaled'},
    )

    def predict(self, features: np.ndarray, responses: np.ndarray, folds: Sequence[Split]) -> np.ndarray:
        """Predict all neuroids by one fit."""
        return pls_predict(features, responses, folds)


COMPARISON = PLS()
