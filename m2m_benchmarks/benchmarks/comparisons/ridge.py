"""Single-neuron regression: held-out ridge predictions of each neuroid."""

from typing import Any

import numpy as np

from m2m_benchmarks.arrays import N_FOLDS, held_out_correlations, median_draws, standard_error
from m2m_benchmarks.benchmarks.comparisons.base import Ceiling, Comparison, Description, Features, Raw
from m2m_benchmarks.benchmarks.recordings import AreaRecordings


class Ridge(Comparison):
    """Median over neuroids of the correlation between held-out predictions and responses."""

    name = 'ridge'
    metric = 'm2m_ridge'
    unit = 'neuroids'
    invariant_to = frozenset({'rotation', 'scaling', 'translation'})
    min_stimuli = N_FOLDS
    description = Description(
        raw='median over neuroids of the correlation between held-out ridge predictions (10 folds) and trial-averaged '
        'responses',
        ceiling='median split-half reliability of the neuroids: the share of their variance that a model can explain',
        formula='max(raw, 0)**2 / ceiling',
        reference='Hoerl & Kennard (1970), Technometrics 12(1), 55-67',
        settings={'folds': '10 shuffled, seed 1; alpha per neuroid by leave-one-out'},
    )

    def raw(self, features: Features, recordings: AreaRecordings, n_draws: int = 1000) -> Raw:
        """Correlate predictions with responses for each neuroid, with draws of neuroids."""
        r = held_out_correlations(features.values, recordings.mean.values)
        return Raw(float(np.median(r)), median_draws(r, n_draws), r)

    def ceiling(self, recordings: AreaRecordings) -> Ceiling:
        """Median split-half reliability of the neuroids: the share of variance that a model can explain."""
        reliability = recordings.reliability
        return Ceiling(float(np.median(reliability)), standard_error(median_draws(reliability)), reliability)

    def score(self, raw: Any, ceiling: Any) -> Any:
        """Share of the explainable variance that is explained.

        A model that predicts worse than the mean explains nothing, so negative values are set to 0 before squaring.
        """
        return np.maximum(raw, 0) ** 2 / ceiling

    def draws(self, raw: Raw, ceiling: Ceiling) -> np.ndarray:
        """Score over draws of neuroids, each with its own correlation and reliability."""
        assert raw.per_neuroid is not None and ceiling.per_neuroid is not None
        scores: np.ndarray = self.score(*median_draws(np.stack([raw.per_neuroid, ceiling.per_neuroid])))
        return scores

    def noise_corrected(self, raw: Raw, ceiling: Ceiling) -> float:
        """Median over neuroids of r / sqrt(reliability)."""
        assert raw.per_neuroid is not None and ceiling.per_neuroid is not None
        return float(np.median(raw.per_neuroid / np.sqrt(ceiling.per_neuroid)))

    def per_animal(self, features: Features, recordings: AreaRecordings, raw: Raw) -> dict[str, float]:
        """Median correlation of each animal's neuroids, which are predicted independently."""
        assert raw.per_neuroid is not None
        return {
            str(animal): float(np.median(raw.per_neuroid[recordings.animals == animal]))
            for animal in np.unique(recordings.animals)
        }


COMPARISON = Ridge()
