"""Linear CKA, debiased."""

import numpy as np

from m2m_benchmarks.arrays import half_means, kernel, standard_error
from m2m_benchmarks.arrays.cka import hsic, kernel_cka
from m2m_benchmarks.benchmarks.comparisons.base import Ceiling, Comparison, Description, Features, Raw
from m2m_benchmarks.benchmarks.recordings import AreaRecordings


class CKA(Comparison):
    """Debiased linear centred kernel alignment."""

    name = 'cka'
    metric = 'cka'
    unit = 'stimuli'
    invariant_to = frozenset({'rotation', 'scaling', 'translation'})
    min_stimuli = 8  # a draw is half of them, and the U-statistic needs four
    description = Description(
        raw='debiased linear CKA of model and trial-averaged responses',
        ceiling='CKA of the noise-free responses with the recorded ones, from split halves of the trials',
        formula='raw / ceiling',
        caveat='neuroids are a sample; with few of them, even a perfect model of the population scores below 1',
        reference='Kornblith et al. (2019), ICML; debiased as in Murphy et al. (2024), arXiv 2405.01012',
        settings={'error': 'random halves of the stimuli, 1000 draws'},
    )

    def raw(self, features: Features, recordings: AreaRecordings, n_draws: int = 1000) -> Raw:
        """Align the two kernels.

        A stimulus drawn twice would be similar to itself, so the draws are random halves of the stimuli. Their spread
        is the error of the value for all stimuli (delete-half jackknife; Shao & Wu 1989, Annals of Statistics 17(3)).
        """
        model, recorded = kernel(features.values), kernel(recordings.mean.values)
        rng = np.random.default_rng(0)
        halves = (rng.permutation(len(model))[: len(model) // 2] for _ in range(n_draws))
        draws = [kernel_cka(*(products[np.ix_(half, half)] for products in (model, recorded))) for half in halves]
        return Raw(kernel_cka(model, recorded), np.array(draws))

    def ceiling(self, recordings: AreaRecordings) -> Ceiling:
        """CKA of the noise-free responses with the recorded ones.

        Noise only biases the diagonal of a kernel. So three values of HSIC are equal: of noise-free with recorded
        responses, of noise-free responses with themselves, and of two halves of the trials, whose noise is independent.
        """
        recorded = kernel(recordings.mean.values)
        halves = ((kernel(first), kernel(second)) for first, second in half_means(recordings.trials))
        shares = np.array([hsic(*both) for both in halves]) / hsic(recorded, recorded)
        return Ceiling(float(np.sqrt(max(shares.mean(), 0.0))), standard_error(np.sqrt(shares.clip(0))))


COMPARISON = CKA()
