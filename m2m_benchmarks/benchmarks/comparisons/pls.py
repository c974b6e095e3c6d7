"""Single-neuron regression: held-out predictions of each neuroid by partial least squares."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from m2m_benchmarks.arrays import N_FOLDS, Sample
from m2m_benchmarks.arrays.folds import Split
from m2m_benchmarks.arrays.pls import N_COMPONENTS, pls_predict
from m2m_benchmarks.benchmarks.comparisons.base import Description, Features, Raw
from m2m_benchmarks.benchmarks.comparisons.regression import CAVEAT, CEILING, Regression
from m2m_benchmarks.benchmarks.recordings import AreaRecordings


class PLS(Regression):
    """Partial least squares with 25 components, one fit of all neuroids, as in Brain-Score."""

    name = 'pls'
    metric = 'pls'
    invariant_to = frozenset({'rotation', 'scaling', 'translation'})
    description = Description(
        raw='median over neuroids of the correlation between held-out predictions by partial least squares (25 '
        'components, or as many as there are dimensions; 10 folds, one fit of all neuroids) and trial-averaged '
        'responses',
        ceiling=CEILING,
        formula='max(raw, 0)**2 / ceiling',
        perfect='0.10 with 133 neuroids and 0.11 with 404 (standard deviation over recordings 0.01; '
        'perf/perfect_scores.py)',
        caveat=CAVEAT,
        reference='Wegelin (2000), A survey of partial least squares (PLS) methods, section 4.1',
        settings={'components': str(N_COMPONENTS), 'folds': '10 shuffled, seed 1; neither side scaled'},
    )

    def predict(self, features: np.ndarray, responses: np.ndarray, folds: Sequence[Split]) -> np.ndarray:
        """Predict all neuroids by one fit."""
        return pls_predict(features, responses, folds)

    def raw(self, features: Features, recordings: AreaRecordings, sample: Sample | None = None) -> Raw:
        """Correlate predictions with responses for each neuroid; `details` has the number of components."""
        raw = super().raw(features, recordings, sample)
        n_stimuli, n_features = features.values.shape
        n_components = min(N_COMPONENTS, n_features, n_stimuli - math.ceil(n_stimuli / N_FOLDS) - 1)
        return replace(raw, details={**raw.details, 'components': n_components})


COMPARISON = PLS()
