"""Linear CKA, corrected for the sample of stimuli and neuroids."""

import numpy as np

from m2m_benchmarks.arrays import Sample, half_means, kernel
from m2m_benchmarks.arrays.cka import hsic
from m2m_benchmarks.arrays.sampled_cka import population_hsic
from m2m_benchmarks.benchmarks.comparisons.base import Ceiling, Description
from m2m_benchmarks.benchmarks.comparisons.cka import CKA, drawn_hsic
from m2m_benchmarks.benchmarks.recordings import AreaRecordings


class CorrectedCKA(CKA):
    """Debiased linear CKA relative to that of a perfect model, which estimates CKA with the whole population."""

    name = 'cka_corrected'
    ceiling_needs_trials = False
    description = Description(
        raw=CKA.description.raw,
        ceiling='CKA of the whole population, free of noise, with the neuroids that were recorded: what a perfect '
        "model of these animals' populations would get",
        formula='raw / ceiling',
        perfect='1.00 on average with 133 neuroids and with 404, and 1.0 to 1.1 with 41 (perf/sampled_populations.py)',
        caveat='the score estimates CKA with the whole population; with few neuroids it is uncertain, and may pass 1',
        reference='Chun, Canatar, Chung & Lee (2025), arXiv 2502.15104',
    )

    def ceiling(self, recordings: AreaRecordings, sample: Sample | None = None) -> Ceiling:
        """CKA of the population, free of noise, with the recorded neuroids.

        HSIC of the population is a mean over pairs of different neuroids, which noise of single neuroids doesn't
        change. What noise that they share adds to it is measured, as the difference between the pairs in the same and
        in different halves of the trials, and subtracted.
        """
        responses = recordings.mean.values
        recorded = kernel(responses)
        total = hsic(recorded, recorded) / responses.shape[1] ** 2
        share = population_hsic(responses, responses) / total
        noise = 0.0
        if len(recordings.trials) > 1:
            halves = [population_hsic(first, second) for first, second in half_means(recordings.trials)]
            noise = share - float(np.mean(halves)) / total
        draws = None if sample is None else np.sqrt((drawn_hsic(recordings, sample)[1] - noise).clip(0))
        return Ceiling(float(np.sqrt(max(share - noise, 0.0))), draws, kind='population')


COMPARISON = CorrectedCKA()
