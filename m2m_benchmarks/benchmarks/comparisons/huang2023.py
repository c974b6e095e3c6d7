"""Settings of Huang et al. (2023), for comparison with the 81 models of their appendix.

They choose the layer on the neuroids that they score it on, and report the value itself, without a ceiling.
"""

from typing import Any

import numpy as np

from m2m_benchmarks.arrays import Sample, pearson, repeated_pearson
from m2m_benchmarks.arrays.leave_one_out import N_COMPONENTS, leave_one_out
from m2m_benchmarks.benchmarks.comparisons.base import Ceiling, Comparison, Description, Features, Raw
from m2m_benchmarks.benchmarks.comparisons.rdm import RDM
from m2m_benchmarks.benchmarks.recordings import AreaRecordings

_REFERENCE = 'Huang et al. (2023), AAAI 37(1), arXiv 2303.06060'
_CEILING = 'none: the publication reports raw'
_CAVEAT = 'unless a layer is named, it is the best on the neuroids that are scored'
_MIN_RELIABILITY = 0.8


class HuangRDM(RDM):
    """Their RSA, which is that of `rdm`, on the most reliable neuroids."""

    name = 'huang2023_rdm'
    min_reliability = _MIN_RELIABILITY
    min_trials = 4  # for reliabilities
    cross_fitted = False
    description = Description(
        raw=RDM.description.raw, ceiling='none', formula='raw', caveat=_CAVEAT, reference=_REFERENCE
    )

    def ceiling(self, recordings: AreaRecordings, sample: Sample | None = None) -> Ceiling:
        """Return 1, as the publication has none."""
        return Ceiling(1.0, kind=_CEILING)

    def further(self, recordings: AreaRecordings) -> dict[str, Any]:
        """Return nothing: ceilings are not part of the protocol."""
        return {}


class HuangRidge(Comparison):
    """Their regression: truncated singular value decomposition to 40 components, leave-one-out, mean over neuroids.

    They have a ridge penalty of 1 on features that are z-scored together, whose squares add up to the number of stimuli
    times that of units. Beside these it is nothing, and here it is left out.
    """

    name = 'huang2023_ridge'
    metric = 'huang2023_ridge'
    min_reliability = _MIN_RELIABILITY
    min_trials = 4
    min_stimuli = N_COMPONENTS + 2
    cross_fitted = False
    invariant_to = frozenset({'mean-keeping rotation', 'scaling'})
    description = Description(
        raw='mean over neuroids of the correlation between leave-one-out predictions, by least squares on the 40 '
        'leading components of the features, and trial-averaged responses',
        ceiling='none',
        formula='raw',
        caveat=_CAVEAT,
        reference=_REFERENCE,
        settings={'components': f'{N_COMPONENTS}, of all stimuli, features centred together'},
    )

    def raw(self, features: Features, recordings: AreaRecordings, sample: Sample | None = None) -> Raw:
        """Correlate predictions with responses for each neuroid; draws of stimuli are of the predictions."""
        responses = recordings.mean.values
        predictions = leave_one_out(features.values, responses)
        r = pearson(predictions, responses)
        if sample is None:
            return Raw(float(r.mean()), per_neuroid=r)
        of_stimuli = repeated_pearson(predictions, responses, sample.stimuli)
        shares = sample.neuroids / sample.neuroids.sum(axis=1, keepdims=True)
        draws = np.array([np.sum(shares * of_stimuli, axis=1), shares @ r, of_stimuli.mean(axis=1)])
        return Raw(float(r.mean()), draws, r, of_stimuli)

    def ceiling(self, recordings: AreaRecordings, sample: Sample | None = None) -> Ceiling:
        """Return 1, as the publication has none."""
        return Ceiling(1.0, kind=_CEILING)


#: Each comparison of this library to that of the protocol.
PROTOCOL = {'rdm': HuangRDM(), 'ridge': HuangRidge()}
