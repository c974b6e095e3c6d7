"""Procrustes shape similarity."""

import numpy as np

from m2m_benchmarks.arrays import Sample
from m2m_benchmarks.arrays.procrustes import shape, shape_cosine
from m2m_benchmarks.benchmarks.comparisons.base import Ceiling, Comparison, Description, Features, Raw, over_draws
from m2m_benchmarks.benchmarks.recordings import AreaRecordings


class Procrustes(Comparison):
    """Cosine of the angular shape distance, after the best rotation of the model onto the neuroids."""

    name = 'procrustes'
    metric = 'procrustes'
    repeat_stimuli = False  # a stimulus drawn twice would be a dimension less
    n_draws = 200  # each decomposes four matrices of the size of the recordings
    invariant_to = frozenset({'rotation', 'scaling', 'translation'})
    min_stimuli = 8  # a draw is half of them
    ceiling_needs_trials = False  # there is none with any number
    description = Description(
        raw='Procrustes similarity of model and trial-averaged responses: the cosine of their angle after the best '
        'rotation, with features centred over stimuli and all responses of norm 1',
        ceiling='none, so it counts as 1',
        formula='raw',
        perfect='0.55 to 0.59 with 41 neuroids, 0.80 to 0.86 with 133 and 0.92 to 0.95 with 404; one that is related '
        'to nothing 0.47 to 0.52, 0.71 to 0.78 and 0.83 to 0.87 (perf/sampled_populations.py)',
        caveat='chance is far above 0, and values depend on the numbers of neuroids and stimuli',
        reference='Williams, Kunz, Kornblith & Linderman (2021), NeurIPS 34',
    )

    def raw(self, features: Features, recordings: AreaRecordings, sample: Sample | None = None) -> Raw:
        """Rotate the model onto the neuroids."""
        model, responses = shape(features.values), recordings.mean.values
        value = shape_cosine(model, shape(responses))
        if sample is None:
            return Raw(value)

        def drawn(stimuli: np.ndarray, neuroids: np.ndarray) -> float:
            kept = np.ix_(stimuli > 0, neuroids > 0)
            return shape_cosine(shape(model[stimuli > 0]), shape(responses[kept] * np.sqrt(neuroids[neuroids > 0])))

        return Raw(value, over_draws(sample, drawn))

    def ceiling(self, recordings: AreaRecordings, sample: Sample | None = None) -> Ceiling:
        """Say why there is none; halves of the neuroids, which agree less than all, don't tell what all would get."""
        return Ceiling(1.0, kind="none: a perfect model's value depends on the number of neuroids")


COMPARISON = Procrustes()
