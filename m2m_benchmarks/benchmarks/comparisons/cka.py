"""Linear CKA, debiased."""

import functools

import numpy as np

from m2m_benchmarks.arrays import Sample, half_means, kernel
from m2m_benchmarks.arrays.cka import hsic, kernel_cka
from m2m_benchmarks.arrays.sampled_cka import cka_draws, recorded_draws
from m2m_benchmarks.benchmarks.comparisons.base import Ceiling, Comparison, Description, Features, Raw
from m2m_benchmarks.benchmarks.recordings import AreaRecordings


@functools.lru_cache(maxsize=24)
def drawn_hsic(recordings: AreaRecordings, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Compute `recorded_draws` of trial-averaged responses; they are kept for the next candidate."""
    return recorded_draws(recordings.mean.values, sample)


class CKA(Comparison):
    """Debiased linear centred kernel alignment."""

    name = 'cka'
    metric = 'cka'
    repeat_stimuli = False  # a stimulus drawn twice would be similar to itself
    invariant_to = frozenset({'rotation', 'scaling', 'translation'})
    min_stimuli = 8  # a draw is half of them, and the U-statistic needs four
    description = Description(
        raw='debiased linear CKA of model and trial-averaged responses',
        ceiling='CKA of noise-free with recorded responses, from halves of the trials; not that of a perfect model',
        formula='raw / ceiling',
        perfect='0.43 with 133 neuroids and 0.65 with 404 (standard deviations over recordings 0.07 and 0.03; '
        'perf/perfect_scores.py)',
        caveat='neuroids are a sample; with few of them, even a perfect model of the population scores below 1',
        reference='Kornblith et al. (2019), ICML; debiased as in Murphy et al. (2024), arXiv 2405.01012',
    )

    def raw(self, features: Features, recordings: AreaRecordings, sample: Sample | None = None) -> Raw:
        """Align the two kernels."""
        model, responses = kernel(features.values), recordings.mean.values
        value = kernel_cka(model, kernel(responses))
        if sample is None:
            return Raw(value)
        return Raw(value, cka_draws(model, responses, drawn_hsic(recordings, sample)[0], sample))

    def ceiling(self, recordings: AreaRecordings, sample: Sample | None = None) -> Ceiling:
        """CKA of the noise-free responses with the recorded ones.

        Noise only biases the diagonal of a kernel. So three values of HSIC are equal: of noise-free with recorded
        responses, of noise-free responses with themselves, and of two halves of the trials, whose noise is independent.
        """
        recorded = kernel(recordings.mean.values)
        halves = ((kernel(first), kernel(second)) for first, second in half_means(recordings.trials))
        shares = np.array([hsic(*both) for both in halves]) / hsic(recorded, recorded)
        return Ceiling(float(np.sqrt(max(shares.mean(), 0.0))))


COMPARISON = CKA()
