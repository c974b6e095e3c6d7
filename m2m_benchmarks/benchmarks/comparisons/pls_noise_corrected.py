"""Noise-corrected predictivity of single neuroids by partial least squares, as in mouse-vision."""

import numpy as np

from m2m_benchmarks.arrays import Sample, shuffle_splits
from m2m_benchmarks.arrays.kernels import effective_dimensionality
from m2m_benchmarks.arrays.noise_corrected import noise_corrected_pls
from m2m_benchmarks.arrays.pls import N_COMPONENTS
from m2m_benchmarks.benchmarks.comparisons.base import Ceiling, Description, Features, Raw
from m2m_benchmarks.benchmarks.comparisons.regression import (
    MedianOverNeuroids,
    median_draws,
    median_of_each_animal,
)
from m2m_benchmarks.benchmarks.recordings import AreaRecordings

#: Numbers of random divisions of the trials into halves, and of the stimuli into training and test.
N_TRIAL_SPLITS, N_IMAGE_SPLITS = 100, 10


class NoiseCorrectedPLS(MedianOverNeuroids):
    """Predictivity of fits to halves of the trials, one fit for each animal, divided by the reliabilities of both."""

    name = 'pls_noise_corrected'
    metric = 'pls_noise_corrected'
    chosen_by = 'pls'
    invariant_to = frozenset({'rotation', 'scaling', 'translation'})
    min_trials = 4  # two in each half
    needs_trials = True
    description = Description(
        raw='median over neuroids of r(m1, t2) / sqrt(SB(r(m1, m2)) SB(r(t1, t2))), as in mouse-vision: t1 and t2 are '
        'the mean responses over two halves of the trials, m1 and m2 held-out predictions by partial least squares (25 '
        'components, or as many as there are dimensions; one fit for each animal) from either, r is the correlation '
        'over the test images, SB(r) = 2r / (1 + r)',
        ceiling='median over neuroids of sqrt((1 + rho) / 2), where rho is the correlation of two halves of the '
        'trials: what a perfect model, whose predictions have no noise, gets. The numerator has half of the trials, '
        'and the reliabilities in the denominator are those of all',
        formula='raw / ceiling',
        perfect='0.34 with 133 neuroids and with 404 (standard deviation over recordings 0.02; '
        'perf/perfect_scores.py): half of so few images are not enough to learn its predictions',
        caveat='raw, which mouse-vision reports, stays below 1 for a perfect model too',
        reference='Nayebi et al. (2023), PLoS Computational Biology 19(10), e1011506',
        settings={
            'components': str(N_COMPONENTS),
            'splits': f'{N_TRIAL_SPLITS} of the trials into halves, seed 0, by {N_IMAGE_SPLITS} of the images into '
            'halves for training and test, seed 1; mean over those with positive reliabilities; neither side scaled',
        },
    )

    def raw(self, features: Features, recordings: AreaRecordings, sample: Sample | None = None) -> Raw:
        """Correlate predictions with responses for each neuroid, corrected for the noise of both.

        `details` has the number of components, the effective dimensionality of the layer, and the share of neuroids
        and splits without a value, since halves of the trials or their predictions don't agree.
        """
        n_stimuli, n_features = features.values.shape
        splits = shuffle_splits(n_stimuli, N_IMAGE_SPLITS, train_size=0.5)
        values = np.empty(len(recordings.animals))
        draws = np.empty((0 if sample is None else len(sample), len(values)))
        undefined = 0.0
        for animal in np.unique(recordings.animals):
            own = recordings.animals == animal
            corrected = noise_corrected_pls(
                features.values,
                recordings.trials[:, :, own],
                splits,
                N_TRIAL_SPLITS,
                stimuli=None if sample is None else sample.stimuli,
            )
            values[own], draws[:, own] = corrected.values, corrected.draws
            undefined += corrected.undefined * own.mean()
        value = float(np.median(values))
        details = {
            'components': min(N_COMPONENTS, n_features, len(splits[0][0]) - 1),
            'undefined': undefined,
            'effective_dimensionality': effective_dimensionality(features.values),
        }
        if sample is None:
            return Raw(value, per_neuroid=values, details=details)
        return Raw(value, median_draws(values, draws, sample), values, draws, details)

    def ceiling(self, recordings: AreaRecordings, sample: Sample | None = None) -> Ceiling:
        """Median over neuroids of what noise-free predictions get."""
        reliability = super().ceiling(recordings, sample)
        values = _of_noise_free(reliability.per_neuroid)
        value = float(np.median(values))
        if sample is None:
            return Ceiling(value, per_neuroid=values)
        draws = _of_noise_free(reliability.per_neuroid_draws)
        return Ceiling(value, median_draws(values, draws, sample), values, draws)

    def per_animal(self, features: Features, recordings: AreaRecordings, raw: Raw) -> dict[str, float]:
        """Median over each animal's neuroids, which have a fit of their own."""
        return median_of_each_animal(recordings, raw)


def _of_noise_free(reliability: np.ndarray | None) -> np.ndarray:
    """Compute sqrt((1 + rho) / 2) from the reliability of all trials, 2 rho / (1 + rho)."""
    assert reliability is not None
    value: np.ndarray = 1 / np.sqrt(2 - reliability)
    return value


COMPARISON = NoiseCorrectedPLS()
