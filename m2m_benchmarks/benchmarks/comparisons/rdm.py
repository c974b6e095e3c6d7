"""Representational similarity: Spearman correlation of the upper triangles of two RDMs."""

import numpy as np

from m2m_benchmarks.arrays import compare_rdms, half_means, rdm, rsa_draws, spearman_brown, standard_error
from m2m_benchmarks.benchmarks.comparisons.base import Ceiling, Comparison, Description, Features, Raw
from m2m_benchmarks.benchmarks.recordings import AreaRecordings
from m2m_benchmarks.data.trials import N_SPLITS


class RDM(Comparison):
    """Representational similarity analysis (Kriegeskorte, Mur & Bandettini 2008)."""

    name = 'rdm'
    metric = 'm2m_rdm'
    unit = 'stimuli'
    invariant_to = frozenset({'mean-keeping rotation', 'scaling'})
    min_features = min_per_animal = 2  # one unit or neuroid has no pattern
    description = Description(
        raw='Spearman correlation of the representational dissimilarity matrices of model and recordings (1 - Pearson '
        'over neuroids of trial-averaged responses)',
        ceiling="square root of the recorded RDM's split-half reliability: the value of a perfect model, given this "
        'noise',
        formula='raw / ceiling',
        reference='Kriegeskorte, Mur & Bandettini (2008), Frontiers in Systems Neuroscience 2:4',
    )

    def patterns(self, values: np.ndarray) -> np.ndarray:
        """Prepare responses, shape (n_stimuli, n_units), for an RDM: of features, and of recordings."""
        return values

    def raw(self, features: Features, recordings: AreaRecordings, n_draws: int = 1000) -> Raw:
        """Correlate the two RDMs, with draws of stimuli."""
        first, second = (rdm(self.patterns(values)) for values in (features.values, recordings.mean.values))
        return Raw(compare_rdms(first, second), rsa_draws(first, second, n_draws))

    def ceiling(self, recordings: AreaRecordings) -> Ceiling:
        """Correlation that the noise-free RDM would have with the measured one: sqrt of its reliability.

        The reliability is the Spearman-Brown corrected correlation of the RDMs of two halves of the trials, averaged
        over the same splits as the neuroids' reliabilities. A measured RDM correlates with the noise-free one at most
        with the square root of it, so that a perfect model scores 1.
        """
        halves = half_means(recordings.trials, N_SPLITS)
        pairs = [(rdm(self.patterns(first)), rdm(self.patterns(second))) for first, second in halves]
        reliability = float(np.mean([spearman_brown(compare_rdms(first, second)) for first, second in pairs]))
        # A few draws of stimuli for each split: their spread over draws and splits is an upper bound of the mean's
        # error.
        draws = np.concatenate([rsa_draws(first, second, 4, seed) for seed, (first, second) in enumerate(pairs)])
        return Ceiling(
            float(np.sqrt(max(reliability, 0.0))),
            standard_error(np.sqrt(spearman_brown(draws).clip(0))),
            details={'rdm_reliability': reliability},
        )


COMPARISON = RDM()
