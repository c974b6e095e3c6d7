"""Representational similarity of standardised responses: every unit and neuroid has the same weight."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from m2m_benchmarks.arrays import standardize
from m2m_benchmarks.benchmarks.comparisons.base import Description, FeatureForm, Features, Raw
from m2m_benchmarks.benchmarks.comparisons.rdm import RDM
from m2m_benchmarks.benchmarks.recordings import AreaRecordings
from m2m_benchmarks.errors import BenchmarkError

#: Fewest stimuli that a unit has to vary on. One that differs on one or two of them is mostly a nearly silent ReLU
#: unit, which standardising would give full weight.
_FEWEST = 3


class StandardisedRDM(RDM):
    """RSA after every unit and neuroid is brought to mean 0 and variance 1 over the stimuli.

    1 - Pearson over responses as they are is dominated by the units with large means and variances.
    """

    name = 'rdm_standardised'
    invariant_to = frozenset({'scaling', 'feature-wise scaling', 'translation'})
    features = FeatureForm.UNITS
    standardised = True
    description = Description(
        raw='Spearman correlation of the representational dissimilarity matrices of model and recordings (1 - Pearson '
        'over neuroids), after the responses of every unit and the trial-averaged responses of every neuroid are '
        'brought to mean 0 and variance 1 over the stimuli',
        ceiling=RDM.description.ceiling,
        formula=RDM.description.formula,
        perfect='0.98 with 133 neuroids and 0.99 with 404, if all its units are compared (standard deviations over '
        'recordings 0.02 and 0.01; perf/perfect_scores.py)',
        caveat='layers of more than 1000 units are sampled, which lowers raw by .02 to .13 (SqueezeNet, ShuffleNet)',
        reference=RDM.description.reference,
        settings={
            **RDM.description.settings,
            'units': 'those that vary on three stimuli or more, of a sample of up to 1000 units of the layer, seed 0',
        },
    )

    def patterns(self, values: np.ndarray) -> np.ndarray:
        """Standardise responses over the stimuli; those that are constant become 0."""
        return standardize(values)

    def scales(self, values: np.ndarray) -> np.ndarray:
        """Return the standard deviation of each unit over the stimuli; 1 for constant ones."""
        deviations = values.std(axis=0)
        return np.where(deviations > 0, deviations, 1)

    def objection(self, features: Features) -> str | None:
        """Say that a layer has fewer than two units that vary on three stimuli."""
        varying = int((~varies_rarely(features.values)).sum())
        if varying >= self.min_features:
            return None
        return (
            f'has {varying} units that vary on {_FEWEST} or more stimuli, of {features.values.shape[1]}; expected '
            f'{self.min_features} or more'
        )

    def raw(self, features: Features, recordings: AreaRecordings, *arguments: Any, **options: Any) -> Raw:
        """Correlate the two RDMs, without the units that vary on fewer than three stimuli.

        `details` of the result has their number.

        Raises
        ------
        BenchmarkError
            When fewer than two units are left.
        """
        varying = self._varying(features)
        raw = super().raw(varying, recordings, *arguments, **options)
        n_units, n_kept = features.values.shape[1], varying.values.shape[1]
        return replace(raw, details={**raw.details, 'units': n_units, 'units_left_out': n_units - n_kept})

    def raw_of_each(self, features: Features, recordings: Iterable[AreaRecordings]) -> list[Raw]:
        """Compare the units that vary with each of several recordings; see `raw`."""
        return super().raw_of_each(self._varying(features), recordings)

    def _varying(self, features: Features) -> Features:
        objection = self.objection(features)
        if objection is not None:
            raise BenchmarkError(f'{self.name} cannot compare this layer, which {objection}.')
        return replace(features, values=features.values[:, ~varies_rarely(features.values)])


def varies_rarely(values: np.ndarray) -> np.ndarray:
    """Mask the units whose responses are equal for all stimuli but two or fewer.

    Parameters
    ----------
    values : array, shape (n_stimuli, n_units)

    Returns
    -------
    bool array, shape (n_units,)
    """
    # n - 2 equal responses are one block of the sorted ones, which starts at the first, second or third.
    ordered = np.sort(values, axis=0)
    rare: np.ndarray = (ordered[:_FEWEST] == ordered[-_FEWEST:]).any(axis=0)
    return rare


COMPARISON = StandardisedRDM()
