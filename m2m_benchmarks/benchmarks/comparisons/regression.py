"""Base of single-neuron regressions: held-out predictions of each neuroid."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from m2m_benchmarks.arrays import (
    N_FOLDS,
    Sample,
    half_means,
    kfold,
    pearson,
    repeated_pearson,
    spearman_brown,
)
from m2m_benchmarks.arrays.bootstrap import repeated_medians
from m2m_benchmarks.arrays.folds import Split
from m2m_benchmarks.arrays.kernels import effective_dimensionality
from m2m_benchmarks.arrays.single_trials import feve, single_trial_correlation
from m2m_benchmarks.benchmarks.comparisons.base import Ceiling, Comparison, Features, Raw
from m2m_benchmarks.benchmarks.recordings import AreaRecordings
from m2m_benchmarks.data.trials import N_SPLITS

CAVEAT = 'regression on so few images cannot rank layers by their distance from 1'
#: Description of the ceiling of regressions.
CEILING = (
    'median split-half reliability of the neuroids: the share of their variance that is not noise of the trials. It is '
    'not a value that a perfect model reaches: with so few stimuli, regression predicts no units well, not even those '
    'of the same layer (own_units)'
)


class MedianOverNeuroids(Comparison, ABC):
    """Median over neuroids, each of which has a value; its ceiling is the reliability of the trials."""

    min_stimuli = N_FOLDS

    def ceiling(self, recordings: AreaRecordings, sample: Sample | None = None) -> Ceiling:
        """Median split-half reliability of the neuroids: the share of their variance that is not noise of the trials.

        Each draw of stimuli has one split of the trials, whose change is added to the mean over splits.
        """
        reliability = recordings.reliability
        value = float(np.median(reliability))
        if sample is None:
            return Ceiling(value, per_neuroid=reliability)
        draws = np.empty((len(sample), len(reliability)))
        for split, (first, second) in enumerate(half_means(recordings.trials, N_SPLITS)):
            changed = spearman_brown(repeated_pearson(first, second, sample.stimuli[split::N_SPLITS]))
            draws[split::N_SPLITS] = reliability + changed - spearman_brown(pearson(first, second))
        return Ceiling(value, median_draws(reliability, draws, sample), reliability, draws)

    def join(self, raws: Sequence[Raw], sample: Sample) -> Raw:
        """Join the neuroids of two halves, each predicted once, and take one median."""
        if len(raws) == 1:
            return raws[0]
        further = {
            name: np.concatenate([raw.neuroid_details[name] for raw in raws]) for name in raws[0].neuroid_details
        }
        return Raw(*_joined(raws, sample), neuroid_details=further)

    def join_ceilings(self, ceilings: Sequence[Ceiling], sample: Sample) -> Ceiling:
        """Join the neuroids of two halves and take the median of their ceilings."""
        if ceilings[0].per_neuroid_draws is None:  # there is no ceiling
            per_neuroid = np.concatenate([np.asarray(ceiling.per_neuroid) for ceiling in ceilings])
            return replace(ceilings[0], per_neuroid=per_neuroid)
        return Ceiling(*_joined(ceilings, sample))


class Regression(MedianOverNeuroids, ABC):
    """Median over neuroids of the correlation between held-out predictions and responses.

    A subclass defines `predict`, and describes itself.
    """

    @abstractmethod
    def predict(self, features: np.ndarray, responses: np.ndarray, folds: Sequence[Split]) -> np.ndarray:
        """Predict each stimulus by a fit to the other folds.

        Parameters
        ----------
        features : array, shape (n_stimuli, n_features)
        responses : array, shape (n_stimuli, n_neuroids)
        folds : sequence of (train, test)
            Folds that hold out each stimulus once.

        Returns
        -------
        array, shape (n_stimuli, n_neuroids)
        """

    def predict_with_influence(
        self, features: np.ndarray, responses: np.ndarray, folds: Sequence[Split]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Predict each stimulus, and say what each stimulus contributes to the correlations as training data.

        Parameters
        ----------
        features, responses, folds
            As in `predict`.

        Returns
        -------
        predictions : array, shape (n_stimuli, n_neuroids)
        influence : array, shape (n_stimuli, n_neuroids), or None
            Change of each neuroid's correlation by each stimulus in the training data of the other folds. None where
            it is not known; the error is then that for these fits, which is somewhat too small.
        """
        return self.predict(features, responses, folds), None

    def raw(self, features: Features, recordings: AreaRecordings, sample: Sample | None = None) -> Raw:
        """Correlate predictions with responses for each neuroid.

        Draws of stimuli are of the held-out predictions: in a new fit, a repeated stimulus would be in both training
        and test folds. What the drawn stimuli do as training data is added to first order (`predict_with_influence`).
        """
        responses = recordings.mean.values
        folds = kfold(len(responses))
        if sample is None:
            r = pearson(self.predict(features.values, responses, folds), responses)
            return Raw(float(np.median(r)), per_neuroid=r)
        predictions, influence = self.predict_with_influence(features.values, responses, folds)
        r = pearson(predictions, responses)
        draws = repeated_pearson(predictions, responses, sample.stimuli)
        if influence is not None:
            draws += (sample.stimuli - 1) @ influence
        return Raw(
            float(np.median(r)),
            median_draws(r, draws, sample),
            r,
            draws,
            details={'effective_dimensionality': effective_dimensionality(features.values)},
            neuroid_details={
                'feve': feve(predictions, recordings.trials),
                'single_trial_correlation': single_trial_correlation(predictions, recordings.trials),
            },
        )

    def uncut(self, raw: Any, ceiling: Any) -> Any:
        """Share of the explainable variance that is explained, with the sign of the correlation."""
        return raw * np.abs(raw) / ceiling

    def draws(self, raw: Raw, ceiling: Ceiling) -> np.ndarray | None:
        """Compute the score before negative ones are set to 0 on each draw."""
        if raw.draws is None:
            return None
        draws: np.ndarray = self.uncut(raw.draws, ceiling.value if ceiling.draws is None else ceiling.draws)
        return draws

    def score(self, raw: Any, ceiling: Any) -> Any:
        """Share of the explainable variance that is explained.

        A model that predicts worse than the mean explains nothing, so negative values are set to 0 before squaring.
        """
        return np.maximum(raw, 0) ** 2 / ceiling

    def noise_corrected(self, raw: Raw, ceiling: Ceiling) -> float:
        """Median over neuroids of r / sqrt(reliability)."""
        assert raw.per_neuroid is not None and ceiling.per_neuroid is not None
        return float(np.median(raw.per_neuroid / np.sqrt(ceiling.per_neuroid)))


def median_of_each_animal(recordings: AreaRecordings, raw: Raw) -> dict[str, float]:
    """Take the median over the neuroids of each animal, where these are predicted without those of others."""
    assert raw.per_neuroid is not None
    return {
        str(animal): float(np.median(raw.per_neuroid[recordings.animals == animal]))
        for animal in np.unique(recordings.animals)
    }


def _joined(
    parts: Sequence[Raw] | Sequence[Ceiling], sample: Sample
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Median, its draws, and the values and draws of the neuroids of all parts."""
    values = np.concatenate([np.asarray(part.per_neuroid) for part in parts])
    draws = np.concatenate([np.asarray(part.per_neuroid_draws) for part in parts], axis=1)
    return float(np.median(values)), median_draws(values, draws, sample), values, draws


def median_draws(values: np.ndarray, draws: np.ndarray, sample: Sample) -> np.ndarray:
    """Medians over neuroids on draws of both factors, of animals, and of stimuli.

    Parameters
    ----------
    values : array, shape (n_neuroids,)
    draws : array, shape (n_draws, n_neuroids)
        Values on the draws of stimuli.
    sample : Sample
    """
    both, animals = repeated_medians(draws, sample.neuroids), repeated_medians(values, sample.neuroids)
    return np.array([both, animals, np.median(draws, axis=1)])
