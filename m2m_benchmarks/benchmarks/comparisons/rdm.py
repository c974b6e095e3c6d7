"""Representational similarity: Spearman correlation of the upper triangles of two RDMs."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from m2m_benchmarks.arrays import (
    N_HALVINGS,
    Sample,
    agreement_draws,
    agreement_of_halves,
    bounds_over_animals,
    ceiling_of,
    compare_rdms,
    deal_halves,
    half_means,
    number_distances,
    one_thread,
    rdm,
    rsa,
    rsa_with_each,
    shared_noise,
    spearman_brown,
)
from m2m_benchmarks.benchmarks.comparisons.base import Ceiling, Comparison, Description, Features, Raw
from m2m_benchmarks.benchmarks.recordings import AreaRecordings
from m2m_benchmarks.data.trials import N_SPLITS

#: Numbers of benchmarks whose RDMs of draws are kept for the next candidate, and of distances of each: 384 MB at most.
_N_KEPT, _MOST_KEPT = 24, 8_000_000
#: Fewest animals whose halves give a ceiling.
_FEWEST_ANIMALS = 4
#: Number of divisions of both neuroids and trials, for the noise that neuroids share.
_N_SHARED = 40


class RDM(Comparison):
    """Representational similarity analysis (Kriegeskorte, Mur & Bandettini 2008)."""

    name = 'rdm'
    metric = 'm2m_rdm'
    invariant_to = frozenset({'mean-keeping rotation', 'scaling'})
    min_features = min_per_animal = 2  # one unit or neuroid has no pattern
    min_neuroids = 4  # two in each half, for the ceiling
    ceiling_needs_trials = False
    description = Description(
        raw='Spearman correlation of the representational dissimilarity matrices of model and recordings (1 - Pearson '
        'over neuroids of trial-averaged responses)',
        ceiling='correlation of the measured RDM with that of the whole population, free of noise, of which these '
        "neuroids are a sample: what a perfect model of these animals' populations would get. A model of the species "
        'gets at most animal_ceiling',
        formula='raw / ceiling',
        reference='Kriegeskorte, Mur & Bandettini (2008), Frontiers in Systems Neuroscience 2:4',
    )

    def patterns(self, values: np.ndarray) -> np.ndarray:
        """Return the patterns whose distances are compared, from responses of shape (n_stimuli, n_units)."""
        return values

    def raw(self, features: Features, recordings: AreaRecordings, sample: Sample | None = None) -> Raw:
        """Correlate the two RDMs."""
        model = number_distances(rdm(self.patterns(features.values)))
        recorded = self._recorded(recordings)
        value = rsa(model, recorded)
        if sample is None:
            return Raw(value)
        draws = np.empty((3, len(sample)))
        with one_thread():
            few = recorded.size * len(sample) <= _MOST_KEPT
            drawn = self._drawn(recordings, sample) if few else self._numbers(recordings, sample.neuroids)
            for number, (stimuli, own) in enumerate(zip(sample.stimuli, drawn, strict=True)):
                both, of_stimuli = rsa_with_each(model, [own, recorded], stimuli)
                draws[:, number] = both, rsa(model, own), of_stimuli
        return Raw(value, draws)

    @functools.lru_cache(maxsize=4)  # noqa: B019 (comparisons live as long as the process)
    def _recorded(self, recordings: AreaRecordings) -> np.ndarray:
        return next(self._numbers(recordings, [None]))

    @functools.lru_cache(maxsize=_N_KEPT)  # noqa: B019
    def _drawn(self, recordings: AreaRecordings, sample: Sample) -> Sequence[np.ndarray]:
        return list(self._numbers(recordings, sample.neuroids))

    def _numbers(self, recordings: AreaRecordings, draws: Iterable[np.ndarray | None]) -> Iterator[np.ndarray]:
        """Number the distances of the RDM of each draw of neuroids; of all where a draw is None or a single neuroid."""
        patterns = self.patterns(recordings.mean.values)
        for neuroids in draws:
            enough = neuroids is not None and np.count_nonzero(neuroids) > 1
            numbers = number_distances(rdm(patterns, neuroids if enough else None))
            yield numbers.astype(np.min_scalar_type(len(numbers)))  # many may be kept

    def ceiling(self, recordings: AreaRecordings, sample: Sample | None = None) -> Ceiling:
        """Correlation that the RDM of the population would have with that of the recorded neuroids.

        The reliability is the agreement of the RDMs of two halves of the neuroids, dealt within animals, averaged over
        divisions and corrected by Spearman and Brown's formula. What neuroids agree on because they share the noise of
        their trials is subtracted first.
        """
        patterns = self.patterns(recordings.mean.values)
        halves = deal_halves(recordings.animals, N_HALVINGS)
        agreement = float(agreement_of_halves(patterns, halves).mean())
        shared = 0.0
        if len(recordings.trials) > 1:
            first, second = zip(*half_means(recordings.trials, _N_SHARED), strict=True)
            shared = shared_noise(map(self.patterns, first), map(self.patterns, second), halves[:_N_SHARED])
        return Ceiling(
            float(ceiling_of(agreement - shared)),
            None if sample is None else ceiling_of(agreement_draws(patterns, halves, sample) - shared),
            kind='population',
        )

    def further(self, recordings: AreaRecordings) -> dict[str, Any]:
        """Compute the ceilings of the trials and of the animals, and the bounds over animals, on all neuroids."""
        patterns = self.patterns(recordings.mean.values)
        numbers: dict[str, Any] = {
            'animal_ceiling': self._animal_ceiling(recordings.animals, patterns),
            'animal_bounds': self._animal_bounds(recordings.animals, patterns),
        }
        if len(recordings.trials) > 1:
            halves = (map(self.patterns, both) for both in half_means(recordings.trials, N_SPLITS))
            agreement = [spearman_brown(compare_rdms(rdm(first), rdm(second))) for first, second in halves]
            numbers['trial_ceiling'] = float(np.sqrt(max(np.mean(agreement), 0)))
        return {name: value for name, value in numbers.items() if value is not None}

    def _animal_ceiling(self, animals: np.ndarray, patterns: np.ndarray) -> float | None:
        """Ceiling of a model of the species, from halves of the animals; None for fewer than four."""
        names, members = np.unique(animals, return_inverse=True)
        if len(names) < _FEWEST_ANIMALS:
            return None
        halves = deal_halves(np.zeros(len(names)), N_HALVINGS)[:, members]
        sizes = np.minimum(halves.sum(axis=1), (~halves).sum(axis=1))
        agreement = agreement_of_halves(patterns, halves[sizes > 1])
        return float(ceiling_of(agreement.mean())) if len(agreement) else None

    def _animal_bounds(self, animals: np.ndarray, patterns: np.ndarray) -> dict[str, Any] | None:
        """Lower and upper bound over animals, of those with enough neuroids; None for fewer than three."""
        names, counts = np.unique(animals, return_counts=True)
        own = [patterns[:, animals == name] for name in names[counts >= self.min_per_animal]]
        if len(own) < 3:
            return None
        lower, upper = bounds_over_animals(np.array([rdm(values) for values in own]))
        return {'lower': lower, 'upper': upper, 'n_animals': len(own)}


COMPARISON = RDM()
