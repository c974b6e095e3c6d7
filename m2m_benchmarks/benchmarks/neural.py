"""Benchmarks of mouse recordings: an area, or one of its populations, and the mean over areas."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from brainscore_core.metrics import Score
from brainscore_core.supported_data_standards.brainio.assemblies import (
    NeuroidAssembly,
    NeuronRecordingAssembly,
    walk_coords,
)
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
from brainscore_vision.benchmarks import BenchmarkBase
from brainscore_vision.model_interface import BrainModel

from m2m_benchmarks.arrays import standard_error
from m2m_benchmarks.benchmarks.comparisons.base import Ceiling, Comparison, FeatureForm, Features, Raw
from m2m_benchmarks.benchmarks.identifiers import NeuralIdentifier
from m2m_benchmarks.benchmarks.recordings import AreaRecordings, fewest_presentations, recorded_areas, recordings
from m2m_benchmarks.data.areas import order_areas
from m2m_benchmarks.data.trials import MIN_RELIABILITY, N_SPLITS
from m2m_benchmarks.data.versions import Version
from m2m_benchmarks.errors import BenchmarkError, M2MError, UnknownNameError
from m2m_benchmarks.metrics.alignment import align
from m2m_benchmarks.plugins import load_dataset

#: Attributes of an assembly of responses for the form of a layer's features and the shape of the layer; without them,
#: the features are the layer's own units.
FORM, SHAPE = 'feature_form', 'feature_shape'


class AreaBenchmark(BenchmarkBase):
    """Benchmark of an area, or of a population of its neuroids, with a comparison.

    Parameters
    ----------
    dataset : str
    area : str
    comparison : Comparison
    bibtex : str
    population : str, optional
        Name of a population, to score only on its neuroids; see `data.populations`.
    selected : AreaRecordings, optional
        Neuroids to score on, by default all reliable ones of the area or population.
    assembly : NeuronRecordingAssembly, optional
        Recordings of the dataset to select them from, by default those on this machine.

    Raises
    ------
    BenchmarkError
        When the recordings have too few neuroids, stimuli or trials for the comparison.
    """

    def __init__(
        self,
        dataset: str,
        area: str,
        comparison: Comparison,
        bibtex: str = '',
        population: str | None = None,
        selected: AreaRecordings | None = None,
        assembly: NeuronRecordingAssembly | None = None,
    ) -> None:
        name = NeuralIdentifier(dataset, area, population, comparison.name)
        super().__init__(identifier=str(name), ceiling_func=None, version=1, parent=name.parent, bibtex=bibtex)
        self.dataset = dataset
        self.region = area
        self.comparison = comparison
        self.population = population
        if selected is None:
            assembly = load_dataset(dataset) if assembly is None else assembly
            # Checked first, since no neuroid is reliable without enough repetitions.
            fewest = fewest_presentations(assembly)
            self._check_trials(fewest, fewest)
            selected = recordings(dataset, area, population, comparison.min_neuroids, assembly)
        self._check_trials(selected.n_trials, len(selected.trials))
        n_stimuli = selected.mean.sizes['presentation']
        if n_stimuli < comparison.min_stimuli:
            raise BenchmarkError(
                f'{name} needs recordings of {comparison.min_stimuli} or more stimuli; those of {dataset} have '
                f'{n_stimuli}.'
            )
        self.recordings = selected
        self.timebins = selected.timebins

    def _check_trials(self, n_trials: int, n_repetitions: int) -> None:
        # The usual two are for the ceiling, which recordings of one repetition don't have.
        if n_trials < self.comparison.min_trials and not (n_repetitions == 1 and self.comparison.min_trials <= 2):
            raise BenchmarkError(
                f'{self.identifier} needs recordings with {self.comparison.min_trials} or more repetitions of each '
                f'stimulus; those of {self.dataset} have {n_trials}.'
            )

    def restricted_to(self, neuroids: np.ndarray) -> 'AreaBenchmark':
        """Make the same benchmark with some of its neuroids.

        Parameters
        ----------
        neuroids : bool array, shape (n_neuroids,)
            Mask of the neuroids to keep.
        """
        return AreaBenchmark(
            self.dataset, self.region, self.comparison, self.bibtex, self.population, self.recordings[neuroids]
        )

    @property
    def stimulus_set(self) -> StimulusSet:
        """Stimuli to show to a model."""
        return self.recordings.stimuli

    @property
    def versions(self) -> list[Version]:
        """Version of the dataset that the recordings and stimuli are of; empty for Brain-Score's own storage."""
        return [] if self.recordings.version is None else [self.recordings.version]

    @property
    def choices(self) -> dict[str, Any]:
        """Settings of the benchmark and its comparison, by name."""
        return {
            **_choices(self.comparison),
            'flat_neuroids_dropped': self.recordings.n_constant,
            'unreliable_neuroids_dropped': self.recordings.n_unreliable,
            **self._incompleteness,
        }

    @property
    def _incompleteness(self) -> dict[str, Any]:
        """Settings of recordings that lack repetitions, stimuli or trials; empty for complete ones."""
        counts = {
            'stimuli_not_in_all_sessions_dropped': self.recordings.n_stimuli_left_out,
            'responses_filled_in': self.recordings.n_filled,
        }
        one = {'reliability_threshold': None, 'split_halves': None} if len(self.recordings.trials) == 1 else {}
        return {**one, **{name: count for name, count in counts.items() if count}}

    def __call__(self, candidate: BrainModel) -> Score:
        """Score a model that maps this area to a layer.

        Returns
        -------
        Score
            Scalar, 1 at the ceiling. Attributes: `raw` and `ceiling` (Scores), `error`, `draws` (bootstrap draws of
            the score), `formula`, `ceiling_kind`, `noise_corrected`, `per_animal`, `inter_animal`, `n_neuroids`,
            `n_stimuli`, `n_animals`, `choices`, `details`.

        Raises
        ------
        BenchmarkError
            When the comparison fails or returns a number that isn't finite, or the two halves of the trials don't
            agree.
        """
        features, raw = self._compare(candidate, n_draws=1000)
        ceiling = self._ceiling
        score = Score(self._finite_result('score', raw.value, ceiling.value))
        score.attrs[Score.RAW_VALUES_KEY] = self._raw_score(raw)
        score.attrs['ceiling'] = self.ceiling
        score.attrs['draws'] = self._call('draws', raw, ceiling)
        score.attrs['error'] = self._finite('draws', standard_error(score.attrs['draws']))
        score.attrs['formula'] = self.comparison.description.formula
        score.attrs['noise_corrected'] = self._finite_result('noise_corrected', raw, ceiling)
        score.attrs['per_animal'] = {
            animal: self._finite('per_animal', value)
            for animal, value in self._call('per_animal', features, self.recordings, raw).items()
        }
        score.attrs.update(
            benchmark_identifier=self.identifier,
            ceiling_kind=ceiling.kind,
            inter_animal=self.inter_animal,
            n_neuroids=int(self.recordings.mean.sizes['neuroid']),
            n_stimuli=int(self.recordings.mean.sizes['presentation']),
            n_animals=len(np.unique(self.recordings.animals)),
            choices=self.choices,
            details=dict(raw.details) or None,
        )
        return score

    def raw(self, candidate: BrainModel) -> float:
        """Compute the raw value without its error, to compare layers."""
        return self._compare(candidate, n_draws=0)[1].value

    def features(self, candidate: BrainModel) -> Features:
        """Record a model's responses, in the order of the recordings' stimuli."""
        return self._features(self.record(candidate))

    def compare(self, features: Features, recorded: AreaRecordings) -> Raw:
        """Compare features with other recordings, such as simulated ones, without draws."""
        raw: Raw = self._call('raw', features, recorded, 0)
        self._finite('raw', raw.value)
        return raw

    def record(self, candidate: BrainModel) -> NeuroidAssembly:
        """Record a model's responses to the stimuli.

        Models see the whole scene: the stimuli are not scaled to visual degrees. The mouse's screen covered 120
        degrees, and cropping it to the few degrees of a model would show only a patch of the scene.
        """
        candidate.start_recording(self.region, time_bins=self.timebins)
        return candidate.look_at(self.stimulus_set, number_of_trials=1)

    def _compare(self, candidate: BrainModel, n_draws: int) -> tuple[Features, Raw]:
        features = self._features(self.record(candidate))
        raw = self._call('raw', features, self.recordings, n_draws)
        self._finite('raw', raw.value)
        self._finite('raw', standard_error(raw.draws))
        return features, raw

    def _call(self, name: str, *arguments: Any) -> Any:
        """Call a method of the comparison; errors name both."""
        try:
            return getattr(self.comparison, name)(*arguments)
        except M2MError:
            raise
        except Exception as error:
            raise BenchmarkError(
                f'{self.identifier}: the comparison {self.comparison.name} failed in {name}: {type(error).__name__}: '
                f'{error}'
            ) from error

    def _finite(self, name: str, value: float) -> float:
        if not math.isfinite(value):
            raise BenchmarkError(
                f'{self.identifier}: {name} of the comparison {self.comparison.name} returns {value}; expected finite '
                'numbers.'
            )
        return float(value)

    def _finite_result(self, name: str, *arguments: Any) -> float:
        return self._finite(name, self._call(name, *arguments))

    def _features(self, responses: NeuroidAssembly) -> Features:
        """Sort a model's responses by the recordings' stimuli, and check that the comparison can use their form."""
        form = FeatureForm(responses.attrs.get(FORM, FeatureForm.UNITS))
        shape = responses.attrs.get(SHAPE)
        required = self.comparison.features
        if form is FeatureForm.ROTATION and required is not FeatureForm.ROTATION:
            raise BenchmarkError(
                f'{self.identifier} needs the units of a layer, but the model returns a rotation of them.'
            )
        if required is FeatureForm.MAPS and shape is None:
            raise BenchmarkError(
                f'{self.identifier} needs the shape of a layer (channels, height, width), but the model does not '
                'return it.'
            )
        return Features(align(responses, self.recordings.mean).source, form, shape)

    def _raw_score(self, raw: Raw) -> Score:
        score = Score(raw.value)
        score.attrs['error'] = standard_error(raw.draws)
        score.attrs['draws'] = raw.draws
        if raw.per_neuroid is not None:
            coords = {
                name: (dims, values)
                for name, dims, values in walk_coords(self.recordings.mean)
                if tuple(dims) == ('neuroid',)
            }
            score.attrs[Score.RAW_VALUES_KEY] = Score(raw.per_neuroid, coords=coords, dims=['neuroid'])
        return score

    @functools.cached_property
    def _ceiling(self) -> Ceiling:
        if len(self.recordings.trials) == 1:
            return Ceiling(
                1.0,
                0.0,
                np.ones(self.recordings.mean.sizes['neuroid']),
                kind='none: the recordings have one repetition of each stimulus, so raw is not corrected for noise',
            )
        ceiling: Ceiling = self._call('ceiling', self.recordings)
        for value in (ceiling.value, ceiling.error, *ceiling.details.values()):
            self._finite('ceiling', value)
        if not ceiling.value > 0:
            raise BenchmarkError(
                f'{self.identifier} has a ceiling of {ceiling.value:.3f}: the two halves of its trials do not agree, '
                'so no model can be scored on it.'
            )
        return ceiling

    @functools.cached_property
    def ceiling(self) -> Score:
        """Raw value of a perfect model on these recordings; see the comparison.

        Raises
        ------
        BenchmarkError
            When the two halves of the trials don't agree.
        """
        ceiling = Score(self._ceiling.value)
        ceiling.attrs['error'] = self._ceiling.error
        ceiling.attrs.update(self._ceiling.details)
        if self._ceiling.per_neuroid is not None:
            ceiling.attrs[Score.RAW_VALUES_KEY] = Score(
                self._ceiling.per_neuroid,
                coords={'neuroid_id': ('neuroid', self.recordings.mean['neuroid_id'].values)},
                dims=['neuroid'],
            )
        return ceiling

    @functools.cached_property
    def inter_animal(self) -> float | None:
        """Mean over animals of the raw value with all other animals as the model; None for fewer than three."""
        value = self._call('inter_animal', self.recordings)
        return None if value is None else self._finite('inter_animal', value)


def _choices(comparison: Comparison) -> dict[str, Any]:
    return {
        'metric': comparison.metric,
        'reliability_threshold': MIN_RELIABILITY,
        'split_halves': N_SPLITS,
        'stimuli': 'whole scene, no placement on a screen',
        **comparison.settings,
    }


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
        super().__init__(identifier=str(name), ceiling_func=None, version=1, parent=name.parent, bibtex=bibtex)
        self.dataset = dataset
        self.comparison = comparison
        self.areas: list[AreaBenchmark] = []
        self.left_out: dict[str, str] = {}
        assembly = load_dataset(dataset)
        recorded = recorded_areas(assembly)
        for area in order_areas([*areas, *recorded]):
            try:
                self.areas.append(AreaBenchmark(dataset, area, comparison, bibtex, assembly=assembly))
            except (UnknownNameError, BenchmarkError) as error:
                self.left_out[area] = str(error)
        if not self.areas:
            reasons = [self.left_out[area] for area in recorded]
            raise BenchmarkError(f'{dataset} has no area that can be scored: {"; ".join(reasons)}')

    @property
    def choices(self) -> dict[str, Any]:
        """Settings of the areas' benchmarks and their comparison, by name."""
        return _choices(self.comparison)

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

        The error is that of the mean, from the average of each draw over areas. Draws of stimuli are the same in all
        areas; draws of neuroids are independent.

        Parameters
        ----------
        scores : list of Score
            Scores of the areas in `areas`, in this order.

        Returns
        -------
        Score
            Mean score, with the areas' scores in the attribute `areas`.
        """

        def mean(key: str) -> float:
            return float(np.mean([float(score.attrs[key]) for score in scores]))

        score = Score(float(np.mean([float(score) for score in scores])))
        score.attrs[Score.RAW_VALUES_KEY] = Score(mean(Score.RAW_VALUES_KEY))
        score.attrs['ceiling'] = Score(mean('ceiling'))
        score.attrs['draws'] = np.mean([score.attrs['draws'] for score in scores], axis=0)
        score.attrs['error'] = standard_error(score.attrs['draws'])
        inter_animal = [score.attrs['inter_animal'] for score in scores]
        animals = {name for benchmark in self.areas for name in benchmark.recordings.animals}
        kinds = dict.fromkeys(score.attrs['ceiling_kind'] for score in scores)
        score.attrs.update(
            benchmark_identifier=self.identifier,
            formula=f'mean over areas of {scores[0].attrs["formula"]}',
            ceiling_kind='; '.join(kinds),
            noise_corrected=mean('noise_corrected'),
            inter_animal=None if None in inter_animal else float(np.mean(inter_animal)),
            n_neuroids=sum(score.attrs['n_neuroids'] for score in scores),
            n_stimuli=scores[0].attrs['n_stimuli'],
            n_animals=len(animals),
            areas={benchmark.region: score for benchmark, score in zip(self.areas, scores, strict=True)},
            left_out=self.left_out,
        )
        return score
