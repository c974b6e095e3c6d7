"""Benchmark of the mean over the areas of a dataset."""

import copy
import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from brainscore_core.metrics import Score
from brainscore_vision.benchmarks import BenchmarkBase
from brainscore_vision.model_interface import BrainModel

from m2m_benchmarks.benchmarks.comparisons.base import Comparison, mean_of
from m2m_benchmarks.benchmarks.estimates import Estimate, estimate
from m2m_benchmarks.benchmarks.identifiers import NeuralIdentifier
from m2m_benchmarks.benchmarks.neural import MIN_CEILING, VERSION, AreaBenchmark, choices_of
from m2m_benchmarks.benchmarks.recordings import recorded_areas
from m2m_benchmarks.data.areas import order_areas
from m2m_benchmarks.data.versions import Version
from m2m_benchmarks.errors import BenchmarkError
from m2m_benchmarks.plugins import load_dataset


class MeanBenchmark(BenchmarkBase):
    """Benchmark of the mean over the areas of a dataset.

    Areas without recordings or with too few reliable neuroids are left out and named in the result.

    Parameters
    ----------
    dataset : str
    comparison : Comparison
    bibtex : str
    areas : sequence of str
        Areas that the dataset should contain, besides those that it does contain.

    Raises
    ------
    BenchmarkError
        When no area can be scored.
    """

    def __init__(self, dataset: str, comparison: Comparison, bibtex: str = '', areas: Sequence[str] = ()) -> None:
        name = NeuralIdentifier(dataset, None, None, comparison.name)
        super().__init__(identifier=str(name), ceiling_func=None, version=VERSION, parent=name.parent, bibtex=bibtex)
        self.dataset = dataset
        self.comparison = comparison
        self.areas: list[AreaBenchmark] = []
        self.left_out: dict[str, str] = {}
        self.neurons_sha256: str | None = None
        assembly = load_dataset(dataset)
        recorded = recorded_areas(assembly)
        for area in order_areas([*areas, *recorded]):
            if area not in recorded:
                self.left_out[area] = f'{dataset} has no recordings there.'
                continue
            try:
                self.areas.append(AreaBenchmark(dataset, area, comparison, bibtex, assembly=assembly))
            except BenchmarkError as error:  # the benchmark knows what its comparison needs
                self.left_out[area] = str(error)
        if not self.areas:
            reasons = [self.left_out[area] for area in recorded]
            raise BenchmarkError(f'{dataset} has no area that can be scored: {"; ".join(reasons)}')

    @property
    def choices(self) -> dict[str, Any]:
        """Settings of the areas' benchmarks and their comparison, by name."""
        neurons = {} if self.neurons_sha256 is None else {'neurons': self.neurons_sha256}
        return {**choices_of(self.comparison, len(self._animals) == 1), **neurons}

    def of_neurons(self, neuroid_ids: Sequence[str], sha256: str) -> 'MeanBenchmark':
        """Make the same benchmark with the neuroids of a selection; see `AreaBenchmark.of_neurons`.

        Areas with too few of them are left out of the mean.
        """
        restricted = copy.copy(self)
        restricted.areas, restricted.left_out, restricted.neurons_sha256 = [], dict(self.left_out), sha256
        for area in self.areas:
            try:
                restricted.areas.append(area.of_neurons(neuroid_ids, sha256))
            except BenchmarkError as error:
                restricted.left_out[area.region] = str(error)
        if not restricted.areas:
            reasons = [restricted.left_out[area.region] for area in self.areas]
            raise BenchmarkError(f'no area has enough selected neurons: {"; ".join(reasons)}')
        return restricted

    @property
    def _animals(self) -> set[str]:
        return {name for benchmark in self.areas for name in benchmark.recordings.animals}

    @property
    def versions(self) -> list[Version]:
        """Version of the dataset, which all areas are of; empty for Brain-Score's own storage."""
        return self.areas[0].versions

    def __call__(self, candidate: BrainModel) -> Score:
        """Score a model on each area and average; see `combine`."""
        return self.combine([benchmark(candidate) for benchmark in self.areas])

    @property
    def ceiling(self) -> Score:
        """Mean of the areas' ceilings."""
        ceilings = [benchmark.ceiling for benchmark in self.areas]
        return Score(float(np.mean([float(ceiling) for ceiling in ceilings])))

    def combine(self, scores: list[Score]) -> Score:
        """Average scores over areas.

        The error is that of the mean, from the average of each draw over areas: draws of stimuli and animals are the
        same in all areas. Areas whose ceiling is too uncertain for a score are left out of the mean.

        Parameters
        ----------
        scores : list of Score
            Scores of the areas in `areas`, in this order.

        Returns
        -------
        Score
            Mean score, with the areas' scores in the attribute `areas`.
        """
        parts = averaged(scores)
        kept = math.isfinite(float(parts[0]))
        left_out = {
            benchmark.region: no_score(score)
            for benchmark, score in zip(self.areas, scores, strict=True)
            if not math.isfinite(float(score))
        }

        def mean(key: str) -> Any:
            return mean_of([score.attrs.get(key) for score in parts])

        one_animal = len(self._animals) == 1
        n_stimuli = parts[0].attrs['n_stimuli']
        # As in an area, neuroids are drawn where there is one animal.
        n_animals = min(area.sample.n_animals for area in self.areas) if one_animal else len(self._animals)

        def combined(value: Any, draws: list[Any]) -> Estimate:
            known = None if any(each is None for each in draws) else np.mean(draws, axis=0)
            return estimate(float(value), known, n_animals, n_stimuli, one_animal)

        score = Score(float(np.mean([float(score) for score in parts])))
        own = combined(mean('uncut') if kept else math.nan, [score.attrs['draws'] for score in parts])
        for key in (Score.RAW_VALUES_KEY, 'ceiling'):
            value = float(np.mean([float(part.attrs[key]) for part in parts]))
            estimated = combined(value, [part.attrs[key].attrs.get('draws') for part in parts])
            score.attrs[key] = Score(value)
            score.attrs[key].attrs['error'] = estimated.error
            score.attrs[f'{key}_interval'] = estimated.interval
        draws = [part.attrs['draws'] for part in parts]
        samples = [part.attrs['sample_sha256'] for part in parts]
        kinds = dict.fromkeys(part.attrs['ceiling_kind'] for part in parts)
        score.attrs.update(
            benchmark_identifier=self.identifier,
            draws=None if any(each is None for each in draws) else np.mean(draws, axis=0),
            sample_sha256=None if None in samples else hashlib.sha256(' '.join(samples).encode()).hexdigest(),
            uncut=own.value if kept else None,
            error=own.error,
            errors=own.errors,
            interval=own.interval,
            formula=f'mean over areas of {parts[0].attrs["formula"]}',
            ceiling_kind='; '.join(kinds),
            **{key: mean(key) for key in ('noise_corrected', 'model_per_animal', 'other_mice')},
            further=_mean_of_numbers([part.attrs['further'] for part in parts]),
            n_neuroids=sum(part.attrs['n_neuroids'] for part in parts),
            n_stimuli=n_stimuli,
            n_animals=len(self._animals),
            areas={benchmark.region: score for benchmark, score in zip(self.areas, scores, strict=True)},
            left_out={**self.left_out, **left_out},
        )
        return score


def averaged(scores: Sequence[Score]) -> list[Score]:
    """Select the areas that a mean is of: those with a score, or all where none has one."""
    return [score for score in scores if math.isfinite(float(score))] or list(scores)


def _mean_of_numbers(areas: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Average the numbers that all areas have; others, such as bounds, are left out."""
    numbers = [{name: value for name, value in area.items() if isinstance(value, float)} for area in areas]
    shared = [name for name in numbers[0] if all(name in area for area in numbers)]
    return {name: float(np.mean([area[name] for area in numbers])) for name in shared}


def no_score(score: Score) -> str:
    """Say why an area has a raw value but no score."""
    low, high = score.attrs['ceiling_interval']
    return (
        f'no score: the 95 % interval of its ceiling, {low:.2f} to {high:.2f}, reaches below {MIN_CEILING}; its '
        'neuroids are too few, or their responses too noisy'
    )
