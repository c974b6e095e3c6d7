"""Representational similarity: a comparison of the upper triangles of two RDMs."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from m2m_benchmarks.arrays import (
    N_HALVINGS,
    Sample,
    agreement_draws,
    agreement_of_halves,
    bounds_over_animals,
    ceiling_of,
    deal_halves,
    half_means,
    one_thread,
    shared_noise,
    spearman_brown,
)
from m2m_benchmarks.arrays.comparators import COMPARATORS, RSA
from m2m_benchmarks.arrays.distances import DISTANCES, crossnobis_of_each
from m2m_benchmarks.arrays.pairs import pairs_of
from m2m_benchmarks.benchmarks.ceilings import ABOVE_CHANCE
from m2m_benchmarks.benchmarks.comparisons.base import Ceiling, Comparison, Description, Features, Raw
from m2m_benchmarks.benchmarks.comparisons.options import CROSSNOBIS, WHITENED, option_name
from m2m_benchmarks.benchmarks.recordings import AreaRecordings
from m2m_benchmarks.data.trials import N_SPLITS

#: Number of benchmarks whose RDMs of draws are kept for the next candidate, and bytes of each before they are ranked,
#: which doubles them: 768 MB at most. As many RDMs of recordings are kept, of as many bytes.
_N_KEPT, _MOST_KEPT = 24, 16_000_000
#: Number of parts of a sample of pairs, for the error by sampling.
_N_PARTS = 20
#: Fewest animals whose halves give a ceiling.
_FEWEST_ANIMALS = 4
#: Number of divisions of both neuroids and trials, for the noise that neuroids share.
_N_SHARED = 40
#: Distances and similarities in words.
_DISTANCES = {
    'correlation': '1 - Pearson over neuroids',
    'cosine': '1 - cosine over neuroids',
    'euclidean': 'squared Euclidean distances, mean over neuroids',
    'crossnobis': 'squared Euclidean distances, mean over neuroids; of recordings, cross-validated over trials',
}
_COMPARATORS = {
    'spearman': 'Spearman correlation',
    'pearson': 'Pearson correlation',
    'kendall': "Kendall's tau-a",
    'whitened': 'whitened cosine',
}
_INVARIANT = {
    'correlation': frozenset({'mean-keeping rotation', 'scaling'}),
    'cosine': frozenset({'rotation', 'scaling'}),
    'euclidean': frozenset({'rotation', 'scaling', 'translation'}),
    'crossnobis': frozenset({'rotation', 'scaling', 'translation'}),
}
_REFERENCES = {
    'crossnobis': 'Walther et al. (2016), NeuroImage 137',
    'whitened': 'Diedrichsen et al. (2021), Neurons, Behavior, Data Analysis, and Theory 5(3)',
}


class RDM(Comparison):
    """Representational similarity analysis (Kriegeskorte, Mur & Bandettini 2008).

    Parameters
    ----------
    distance : str
        Distance of responses, a name from `arrays.distances.DISTANCES`. Crossnobis distances of recordings are compared
        with squared Euclidean ones of the model, which has no trials.
    comparator : str
        Similarity of RDMs, a name from `arrays.comparators.COMPARATORS`.
    """

    name = 'rdm'
    metric = 'm2m_rdm'
    invariant_to = _INVARIANT['correlation']
    min_features = min_per_animal = 2  # one unit or neuroid has no pattern
    min_neuroids = 4  # two in each half, for the ceiling
    ceiling_needs_trials = False
    equal_numbers = True  # shown by perf/coverage.py
    standardised = False
    kind = 'population'
    description = Description(
        raw='Spearman correlation of the representational dissimilarity matrices of model and recordings (1 - Pearson '
        'over neuroids of trial-averaged responses)',
        ceiling='correlation of the measured RDM with that of the whole population, free of noise, of which these '
        "neuroids are a sample: what a perfect model of these animals' populations would get. A model of the species "
        'gets at most animal_ceiling',
        formula='raw / ceiling',
        perfect='0.94 with 133 neuroids and 0.98 with 404 (standard deviations over recordings 0.05 and 0.02; '
        'perf/perfect_scores.py)',
        reference='Kriegeskorte, Mur & Bandettini (2008), Frontiers in Systems Neuroscience 2:4',
    )

    def __init__(self, distance: str = 'correlation', comparator: str = 'spearman') -> None:
        self._rsa = RSA(DISTANCES[distance], COMPARATORS[comparator])
        self._of_model = replace(self._rsa, distance=DISTANCES['euclidean' if distance == CROSSNOBIS else distance])
        if (distance, comparator) == ('correlation', 'spearman'):
            return  # the class describes it
        self.name = self.metric = option_name(distance, comparator, self.standardised)
        self.invariant_to = self.invariant_to if self.standardised else _INVARIANT[distance]
        self.needs_trials = distance == CROSSNOBIS
        if comparator == WHITENED:
            self.repeat_stimuli = False  # a stimulus drawn twice would be similar to itself
            self.min_stimuli = 8  # a draw is half of them
            self.kind = ABOVE_CHANCE
        self.description = self._described(distance, comparator)

    def patterns(self, values: np.ndarray) -> np.ndarray:
        """Return the patterns whose distances are compared, from responses of shape (n_stimuli, n_units)."""
        return values

    def scales(self, values: np.ndarray) -> np.ndarray:
        """Return what `patterns` divides the responses of each unit by, shape (n_units,)."""
        return np.ones(values.shape[1])

    def raw(self, features: Features, recordings: AreaRecordings, sample: Sample | None = None) -> Raw:
        """Compare the two RDMs."""
        model = self._of_model.rdm(self.patterns(features.values))
        recorded = self._recorded(recordings)
        value = self._rsa.compare(model, recorded)
        if sample is None:
            return Raw(value)
        comparator = self._rsa.comparator
        draws = np.empty((3, len(sample)))
        whole = comparator.draw(model, None)
        few = self._prepared_bytes(len(features.values)) * len(sample) <= _MOST_KEPT
        with one_thread():
            drawn = self._kept(recordings, sample) if few else self._drawn(recordings, sample)
            for number, (stimuli, (both, own, of_stimuli)) in enumerate(zip(sample.stimuli, drawn, strict=True)):
                of_model = comparator.draw(model, stimuli)
                draws[:, number] = (
                    comparator.compare(of_model, both),
                    comparator.compare(whole, own),
                    comparator.compare(of_model, of_stimuli),
                )
        return Raw(value, draws, details=self._sampling(model, recorded, features))

    def raw_of_each(self, features: Features, recordings: Iterable[AreaRecordings]) -> list[Raw]:
        """Compare the RDM of the features, which is computed once, with that of each of several recordings."""
        comparator = self._rsa.comparator
        model = comparator.draw(self._of_model.rdm(self.patterns(features.values)), None)
        recorded = (comparator.draw(self._recorded(each), None) for each in recordings)
        return [Raw(comparator.compare(model, own)) for own in recorded]

    def kept_bytes(self, n_stimuli: int) -> int:
        """Memory of the RDMs of one benchmark's draws, which are kept where they are small."""
        prepared = self._prepared_bytes(n_stimuli) * self.n_draws
        return 2 * prepared if prepared <= _MOST_KEPT else 0

    @functools.lru_cache(maxsize=8)  # noqa: B019
    def _prepared_bytes(self, n_stimuli: int) -> int:
        comparator = self._rsa.comparator
        shape = (n_stimuli, n_stimuli) if comparator.whole else len(pairs_of(n_stimuli).first)
        return int(comparator.prepare(np.zeros(shape), 0.0).nbytes)

    def _sampling(self, model: np.ndarray, recorded: np.ndarray, features: Features) -> dict[str, float]:
        """Number of pairs that are compared, where these are a sample, and the standard error of the value by sampling.

        The error is that of the mean over parts of the sample, with the correction for samples of finite populations.
        """
        comparator, n_stimuli = self._rsa.comparator, len(features.values)
        if comparator.whole or not pairs_of(n_stimuli).sampled:
            return {}
        n_pairs, n_all = len(recorded), n_stimuli * (n_stimuli - 1) / 2
        parts = (slice(start, None, _N_PARTS) for start in range(_N_PARTS))
        values = [
            comparator.compare(*(comparator.draw(prepared[part], None) for prepared in (model, recorded)))
            for part in parts
        ]
        error = np.std(values, ddof=1) / np.sqrt(_N_PARTS) * np.sqrt(1 - n_pairs / n_all)
        return {'pairs': n_pairs, 'pairs_error': float(error)}

    def _recorded(self, recordings: AreaRecordings) -> np.ndarray:
        few = self._prepared_bytes(recordings.mean.sizes['presentation']) <= _MOST_KEPT
        return self._kept_rdm(recordings) if few else self._rsa.rdm(self._responses(recordings))

    @functools.lru_cache(maxsize=_N_KEPT)  # noqa: B019 (comparisons live as long as the process)
    def _kept_rdm(self, recordings: AreaRecordings) -> np.ndarray:
        return self._rsa.rdm(self._responses(recordings))

    @functools.lru_cache(maxsize=_N_KEPT)  # noqa: B019
    def _kept(self, recordings: AreaRecordings, sample: Sample) -> Sequence[tuple[Any, Any, Any]]:
        return list(self._drawn(recordings, sample))

    def _drawn(self, recordings: AreaRecordings, sample: Sample) -> Iterator[tuple[Any, Any, Any]]:
        """Yield what the model is compared with on each draw: of both factors, of animals, and of stimuli."""
        draw, recorded = self._rsa.comparator.draw, self._recorded(recordings)
        for stimuli, own in zip(sample.stimuli, self._rdms(recordings, sample.neuroids), strict=True):
            yield draw(own, stimuli), draw(own, None), draw(recorded, stimuli)

    def _rdms(self, recordings: AreaRecordings, draws: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the RDM of each draw of neuroids; of all neuroids where a draw has a single one."""
        several = (neuroids if np.count_nonzero(neuroids) > 1 else None for neuroids in draws)
        return self._rsa.rdms(self._responses(recordings), several)

    def _responses(self, recordings: AreaRecordings) -> np.ndarray:
        """Return what the RDMs of recordings are computed from; its last axis are neuroids."""
        return self._of_each(recordings) if self.needs_trials else self.patterns(recordings.mean.values)

    @functools.lru_cache(maxsize=2)  # noqa: B019
    def _of_each(self, recordings: AreaRecordings) -> np.ndarray:
        return crossnobis_of_each(recordings.trials / self.scales(recordings.mean.values))

    def ceiling(self, recordings: AreaRecordings, sample: Sample | None = None) -> Ceiling:
        """Similarity that the RDM of the population would have with that of the recorded neuroids.

        The reliability is the agreement of the RDMs of two halves of the neuroids, dealt within animals, averaged over
        divisions and corrected by Spearman and Brown's formula. What neuroids agree on because they share the noise of
        their trials is subtracted first.
        """
        responses = self._responses(recordings)
        halves = deal_halves(recordings.animals, N_HALVINGS)
        agreement = float(agreement_of_halves(responses, halves, self._rsa).mean())
        shared = self._shared_noise(recordings, halves[:_N_SHARED])
        return Ceiling(
            float(ceiling_of(agreement - shared, self._rsa)),
            None
            if sample is None
            else ceiling_of(agreement_draws(responses, halves, sample, self._rsa) - shared, self._rsa),
            kind=self.kind,
        )

    def _shared_noise(self, recordings: AreaRecordings, halves: np.ndarray) -> float:
        # Distances that are cross-validated over trials have no bias by noise that neuroids share.
        if len(recordings.trials) == 1 or self.needs_trials:
            return 0.0
        first, second = zip(*half_means(recordings.trials, len(halves)), strict=True)
        return shared_noise(map(self.patterns, first), map(self.patterns, second), halves, self._rsa)

    def further(self, recordings: AreaRecordings) -> dict[str, Any]:
        """Compute the ceilings of the trials and of the animals, and the bounds over animals, on all neuroids.

        Crossnobis distances use up all trials, so that there is no ceiling of the trials. The bounds are known for
        Spearman correlations.
        """
        responses = self._responses(recordings)
        numbers: dict[str, Any] = {
            'animal_ceiling': self._animal_ceiling(recordings.animals, responses),
            'animal_bounds': self._animal_bounds(recordings.animals, responses),
        }
        if len(recordings.trials) > 1 and not self.needs_trials:
            comparator = self._rsa.comparator
            halves = (map(self.patterns, both) for both in half_means(recordings.trials, N_SPLITS))
            agreement = np.array([self._rsa.compare(*map(self._rsa.rdm, both)) for both in halves])
            reliability = np.mean(spearman_brown(comparator.correlation(agreement)))
            numbers['trial_ceiling'] = float(comparator.similarity(np.sqrt(np.maximum(reliability, 0))))
        return {name: value for name, value in numbers.items() if value is not None}

    def _animal_ceiling(self, animals: np.ndarray, responses: np.ndarray) -> float | None:
        """Ceiling of a model of the species, from halves of the animals; None for fewer than four."""
        names, members = np.unique(animals, return_inverse=True)
        if len(names) < _FEWEST_ANIMALS:
            return None
        halves = deal_halves(np.zeros(len(names)), N_HALVINGS)[:, members]
        sizes = np.minimum(halves.sum(axis=1), (~halves).sum(axis=1))
        agreement = agreement_of_halves(responses, halves[sizes > 1], self._rsa)
        return float(ceiling_of(agreement.mean(), self._rsa)) if len(agreement) else None

    def _animal_bounds(self, animals: np.ndarray, responses: np.ndarray) -> dict[str, Any] | None:
        """Lower and upper bound over animals, of those with enough neuroids; None for fewer than three."""
        names, counts = np.unique(animals, return_counts=True)
        own = (animals == name for name in names[counts >= self.min_per_animal])
        rdms = list(self._rsa.distance.pairs(responses, own))
        if len(rdms) < 3 or self._rsa.comparator is not COMPARATORS['spearman']:
            return None
        lower, upper = bounds_over_animals(np.array(rdms))
        return {'lower': lower, 'upper': upper, 'n_animals': len(rdms)}

    def _described(self, distance: str, comparator: str) -> Description:
        """Describe the comparison with options that the class doesn't describe."""
        usual = type(self).description
        of = 'standardised responses' if self.standardised else 'responses'
        references = [usual.reference, *(_REFERENCES[name] for name in (distance, comparator) if name in _REFERENCES)]
        return replace(
            usual,
            raw=f'{_COMPARATORS[comparator]} of the representational dissimilarity matrices of model and recordings '
            f'({_DISTANCES[distance]}), of {of}',
            ceiling=usual.ceiling.replace('correlation', 'similarity', 1),
            perfect='0.94 to 1.02 with 133 neuroids; docs/scores.md has each option (perf/perfect_scores.py)',
            reference='; '.join(references),
        )


COMPARISON = RDM()
