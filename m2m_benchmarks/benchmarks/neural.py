"""Benchmark of the recordings of an area, or of one of its populations."""

import copy
import dataclasses
import functools
import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

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

from m2m_benchmarks.arrays import Sample, at_equal_numbers, different_animals, draw_sample
from m2m_benchmarks.benchmarks.comparisons.base import Ceiling, Comparison, FeatureForm, Features, Raw
from m2m_benchmarks.benchmarks.estimates import Estimate, estimate
from m2m_benchmarks.benchmarks.identifiers import NeuralIdentifier
from m2m_benchmarks.benchmarks.recordings import AreaRecordings, fewest_presentations, recordings
from m2m_benchmarks.data.trials import MIN_RELIABILITY, N_SPLITS
from m2m_benchmarks.data.versions import Version
from m2m_benchmarks.errors import BenchmarkError, M2MError
from m2m_benchmarks.metrics.alignment import align
from m2m_benchmarks.plugins import load_dataset

#: Attributes of an assembly of responses for the form of a layer's features and the shape of the layer; without them,
#: the features are the layer's own units.
FORM, SHAPE = 'feature_form', 'feature_shape'
#: What each version of the benchmarks changed. Scores of different versions are not comparable.
VERSIONS = {
    1: 'ceilings of the trials, layers chosen on one half of the neuroids and scored on the other, errors over stimuli '
    'for -rdm and -cka, over neuroids for -ridge',
    2: 'layers are cross-fitted, so that every neuroid is scored; errors are for new animals and new stimuli; the '
    'ceiling of -rdm is that of a perfect model of the population, not the agreement of repeated trials',
}
VERSION = max(VERSIONS)
#: What a benchmark computes from its recordings alone, by name; see `AreaBenchmark.known`.
Known = dict[str, Any]
Measured = TypeVar('Measured', Raw, Ceiling)
#: Smallest lower end of a ceiling's interval for which a score has a meaning.
MIN_CEILING = 0.2


@dataclasses.dataclass(frozen=True)
class Halves:
    """A benchmark in two halves, with different neuroids.

    Attributes
    ----------
    first, second : AreaBenchmark
    mask : bool array, shape (n_neuroids,)
        Neuroids of the whole that are in the first half.
    how : str
        What the neuroids are split by: 'animal' or 'neuroid'.
    """

    first: 'AreaBenchmark'
    second: 'AreaBenchmark'
    mask: np.ndarray
    how: str


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
    sample : Sample, optional
        Draws of stimuli and animals for the errors, by default those of `draw_sample`.

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
        sample: Sample | None = None,
    ) -> None:
        name = NeuralIdentifier(dataset, area, population, comparison.name)
        super().__init__(identifier=str(name), ceiling_func=None, version=VERSION, parent=name.parent, bibtex=bibtex)
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
            if comparison.min_reliability > MIN_RELIABILITY:
                selected = selected.more_reliable(comparison.min_reliability)
        n_neuroids = selected.mean.sizes['neuroid']
        if n_neuroids < comparison.min_neuroids:
            raise BenchmarkError(f'{name} needs {comparison.min_neuroids} or more neuroids, but has {n_neuroids}.')
        self._check_trials(selected.n_trials, len(selected.trials))
        n_stimuli = selected.mean.sizes['presentation']
        if n_stimuli < comparison.min_stimuli:
            raise BenchmarkError(
                f'{name} needs recordings of {comparison.min_stimuli} or more stimuli; those of {dataset} have '
                f'{n_stimuli}. Use recordings of more stimuli, or another comparison.'
            )
        self.recordings = selected
        self.timebins = selected.timebins
        self._halves: dict[bytes, Halves] = {}
        self.neurons_sha256: str | None = None
        if sample is not None:
            self.sample = sample

    def _check_trials(self, n_trials: int, n_repetitions: int) -> None:
        # The usual two are for the ceiling, which recordings of one repetition don't have.
        for_ceiling = self.comparison.min_trials <= 2 and not self.comparison.needs_trials
        if n_trials < self.comparison.min_trials and not (n_repetitions == 1 and for_ceiling):
            raise BenchmarkError(
                f'{self.identifier} needs recordings with {self.comparison.min_trials} or more repetitions of each '
                f'stimulus; those of {self.dataset} have {n_trials}. Use recordings with more, or another comparison.'
            )

    @functools.cached_property
    def sample(self) -> Sample:
        """Draws of stimuli and animals for the errors, the same for every candidate."""
        return self._draw()

    def _draw(self, halves: np.ndarray | None = None) -> Sample:
        recorded = self.recordings
        n_stimuli = recorded.mean.sizes['presentation']
        repeat, n_draws = self.comparison.repeat_stimuli, self.comparison.n_draws
        return draw_sample(n_stimuli, recorded.animals, recorded.cohort, halves, repeat, n_draws)

    @property
    def _one_animal(self) -> bool:
        return len(np.unique(self.recordings.animals)) == 1

    def restricted_to(self, neuroids: np.ndarray, sample: Sample | None = None) -> 'AreaBenchmark':
        """Make the same benchmark with some of its neuroids.

        Parameters
        ----------
        neuroids : bool array, shape (n_neuroids,)
            Mask of the neuroids to keep.
        sample : Sample, optional
            Draws for the errors; by default those of these neuroids alone.
        """
        selected = self.recordings[neuroids]
        return AreaBenchmark(
            self.dataset, self.region, self.comparison, self.bibtex, self.population, selected, sample=sample
        )

    def of_neurons(self, neuroid_ids: Sequence[str], sha256: str) -> 'AreaBenchmark':
        """Make the same benchmark with the neuroids of a selection; see `benchmarks.neurons.restrict`.

        Parameters
        ----------
        neuroid_ids : sequence of str
            Selected neuroids; those of other areas, and unreliable ones, are passed over.
        sha256 : str
            SHA-256 of the selection, which is among the choices.

        Raises
        ------
        BenchmarkError
            When too few are of this benchmark.
        """
        restricted = self.restricted_to(np.isin(self.recordings.mean['neuroid_id'].values.astype(str), neuroid_ids))
        restricted.neurons_sha256 = sha256
        return restricted

    def split(self, mask: np.ndarray, how: str) -> Halves:
        """Split the benchmark into two with different neuroids and the same draws; see `Halves`.

        The same halves are returned for the same mask, so that candidates share their ceilings.
        """
        if mask.tobytes() not in self._halves:
            sample = self._draw(mask)
            first, second = self.restricted_to(mask, sample[mask]), self.restricted_to(~mask, sample[~mask])
            self._halves[mask.tobytes()] = Halves(first, second, mask, how)
        return self._halves[mask.tobytes()]

    def showing(self, stimuli: StimulusSet) -> 'AreaBenchmark':
        """Make the same benchmark, which has other images under the same stimulus_ids."""
        shown = copy.copy(self)
        shown.recordings = dataclasses.replace(self.recordings, stimuli=stimuli)
        shown._halves = {}
        return shown

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
            **choices_of(self.comparison, self._one_animal),
            'flat_neuroids_dropped': self.recordings.n_constant,
            'unreliable_neuroids_dropped': self.recordings.n_unreliable,
            **self._incompleteness,
            **({} if self.neurons_sha256 is None else {'neurons': self.neurons_sha256}),
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
        """Score a model that maps this area to a layer, on all neuroids.

        Returns
        -------
        Score
            Scalar, 1 at the ceiling; NaN where the ceiling is too uncertain for a score. Attributes: `raw` and
            `ceiling` (Scores), `draws` (array, shape (3, n_draws): on draws of both factors, of animals and of
            stimuli), `sample_sha256` (of the draws of stimuli and neuroids), `error`, `errors` (those of one factor
            each), `uncut` and `interval` (the score before a negative one is cut off, and its 95 % confidence
            interval), `raw_interval`, `ceiling_interval`, `formula`,
            `ceiling_kind`, `noise_corrected`, `per_animal`, `model_per_animal`, `other_mice`, `n_neuroids`,
            `n_stimuli`, `n_animals`, `choices`, `details` (`Raw.further`), and `further` numbers of the comparison.

        Raises
        ------
        BenchmarkError
            When the comparison fails or returns a number that isn't finite.
        """
        return self._score([self], [candidate], self.sample)

    def score_halves(self, halves: Halves, candidates: Sequence[BrainModel]) -> Score:
        """Score one model on each half of the neuroids; the comparison joins them to one score.

        Parameters
        ----------
        halves : Halves
            Halves of this benchmark.
        candidates : sequence of BrainModel
            A model with the layer for the first half, and one with that for the second.
        """
        first, second = halves.first.sample, halves.second.sample
        sample = dataclasses.replace(first, neuroids=np.concatenate([first.neuroids, second.neuroids], axis=1))
        order = np.argsort(np.concatenate([np.flatnonzero(halves.mask), np.flatnonzero(~halves.mask)]))
        return self._score([halves.first, halves.second], candidates, sample, order)

    @property
    def known(self) -> Known:
        """What was computed from the recordings alone so far, by name: `ceiling`, `further` and `other_mice`."""
        names = ('_ceiling', '_further', '_other_mice')
        return {name[1:]: self.__dict__[name] for name in names if name in self.__dict__}

    def assume(self, known: Known) -> None:
        """Take what was computed from the same recordings before, instead of computing it again; see `known`."""
        self.__dict__.update({f'_{name}': value for name, value in known.items()})

    def _score(
        self,
        parts: 'Sequence[AreaBenchmark]',
        candidates: Sequence[BrainModel],
        sample: Sample,
        order: np.ndarray | None = None,
    ) -> Score:
        """Score each part with its candidate, and join them; `order` sorts the parts' neuroids as in the whole."""
        measured = [part._compare(candidate, part.sample) for part, candidate in zip(parts, candidates, strict=True)]
        raw: Raw = self._call('join', [raw for _, raw in measured], sample)
        ceiling: Ceiling = self._call('join_ceilings', [part._ceiling for part in parts], sample)
        whole_raw = self._estimate('raw', raw.value, raw.draws)
        whole_ceiling = self._estimate('ceiling', ceiling.value, ceiling.draws)
        too_low = whole_ceiling.interval is not None and whole_ceiling.interval[0] < MIN_CEILING
        # A ratio to such a ceiling has no meaning.
        uncut = math.nan if too_low else self._finite_result('uncut', raw.value, ceiling.value)
        own_draws: np.ndarray | None = None if too_low else self._call('draws', raw, ceiling)
        whole = self._estimate('draws', uncut, own_draws)
        score = Score(math.nan if too_low else self._finite_result('score', raw.value, ceiling.value))
        score.attrs[Score.RAW_VALUES_KEY] = self._as_score(raw, whole_raw, order)
        score.attrs['ceiling'] = self._as_score(ceiling, whole_ceiling, order)
        of_animals: dict[str, list[float]] = {}
        for part, (features, own_value) in zip(parts, measured, strict=True):
            for animal, value in part._call('per_animal', features, part.recordings, own_value).items():
                of_animals.setdefault(animal, []).append(self._finite('per_animal', value))
        # A single animal is in both halves.
        per_animal = {animal: float(np.mean(values)) for animal, values in of_animals.items()}
        if len(parts) > 1:
            score.attrs['halves'] = [
                {
                    'raw': own_raw.value,
                    'ceiling': part._ceiling.value,
                    'n_neuroids': len(part.recordings.animals),
                    **own_raw.further,
                }
                for part, (_, own_raw) in zip(parts, measured, strict=True)
            ]
        others = self._other_mice
        both = [animal for animal in others if animal in per_animal]
        score.attrs.update(
            benchmark_identifier=self.identifier,
            draws=own_draws,
            sample_sha256=None if own_draws is None else sample.sha256(order),
            uncut=None if too_low else uncut,
            error=whole.error,
            errors=whole.errors,
            interval=whole.interval,
            raw_interval=whole_raw.interval,
            ceiling_interval=whole_ceiling.interval,
            formula=self.comparison.description.formula,
            noise_corrected=None if too_low else self._finite_result('noise_corrected', raw, ceiling),
            per_animal=per_animal,
            model_per_animal=float(np.mean([per_animal[animal] for animal in both])) if both else None,
            other_mice=float(np.mean([others[animal] for animal in both])) if both else None,
            ceiling_kind=ceiling.kind,
            n_neuroids=int(self.recordings.mean.sizes['neuroid']),
            n_stimuli=int(self.recordings.mean.sizes['presentation']),
            n_animals=len(np.unique(self.recordings.animals)),
            choices=self.choices,
            further=self._further,
            details=raw.further,
        )
        return score

    def _estimate(self, name: str, value: float, draws: np.ndarray | None) -> Estimate:
        n_stimuli = self.recordings.mean.sizes['presentation']
        own = estimate(value, draws, self.sample.n_animals, n_stimuli, self._one_animal)
        self._finite(name, own.error or 0.0)
        return own

    def raw(self, candidate: BrainModel) -> float:
        """Compute the raw value without its error, to compare layers."""
        return self._compare(candidate)[1].value

    def features(self, candidate: BrainModel, form: FeatureForm | None = None) -> Features:
        """Record a model's responses, in the order of the recordings' stimuli.

        Parameters
        ----------
        candidate : BrainModel
        form : FeatureForm, optional
            Form that the responses must have, by default that of the comparison.

        Raises
        ------
        BenchmarkError
            When they have another.
        """
        return self._features(self.record(candidate), form or self.comparison.features)

    def compare(self, features: Features, recorded: Iterable[AreaRecordings]) -> list[Raw]:
        """Compare features with other recordings of the stimuli, such as simulated ones, without draws."""
        raws: list[Raw] = self._call('raw_of_each', features, recorded)
        for raw in raws:
            self._finite('raw', raw.value)
        return raws

    def record(self, candidate: BrainModel) -> NeuroidAssembly:
        """Record a model's responses to the stimuli.

        Models see the whole scene: the stimuli are not scaled to visual degrees. The mouse's screen covered 120
        degrees, and cropping it to the few degrees of a model would show only a patch of the scene.
        """
        candidate.start_recording(self.region, time_bins=self.timebins)
        return candidate.look_at(self.stimulus_set, number_of_trials=1)

    def _compare(self, candidate: BrainModel, sample: Sample | None = None) -> tuple[Features, Raw]:
        features = self.features(candidate)
        raw: Raw = self._call('raw', features, self.recordings, sample)
        self._finite('raw', raw.value)
        return features, raw if sample is None else self._at_equal_numbers(raw, sample)

    def _at_equal_numbers(self, value: Measured, sample: Sample) -> Measured:
        """Take out of draws what depends on the number of animals in them, where the comparison says so."""
        if value.draws is None or not self.comparison.equal_numbers:
            return value
        number = different_animals(sample, self.recordings.animals)
        return dataclasses.replace(value, draws=at_equal_numbers(value.draws, number))

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

    def _features(self, responses: NeuroidAssembly, required: FeatureForm) -> Features:
        """Sort a model's responses by the recordings' stimuli, and check that the comparison can use their form."""
        form = FeatureForm(responses.attrs.get(FORM, FeatureForm.UNITS))
        shape = responses.attrs.get(SHAPE)
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

    def _as_score(self, value: Raw | Ceiling, estimated: Estimate, order: np.ndarray | None = None) -> Score:
        score = Score(value.value)
        score.attrs['error'] = estimated.error
        if value.draws is not None:
            score.attrs['draws'] = value.draws
        if value.per_neuroid is not None:
            coords = {
                name: (dims, values)
                for name, dims, values in walk_coords(self.recordings.mean)
                if tuple(dims) == ('neuroid',)
            }
            values = value.per_neuroid if order is None else value.per_neuroid[order]
            score.attrs[Score.RAW_VALUES_KEY] = Score(values, coords=coords, dims=['neuroid'])
        return score

    @functools.cached_property
    def _ceiling(self) -> Ceiling:
        if len(self.recordings.trials) == 1 and self.comparison.ceiling_needs_trials:
            return Ceiling(
                1.0,
                per_neuroid=np.ones(self.recordings.mean.sizes['neuroid']),
                kind='none: the recordings have one repetition of each stimulus, so raw is not corrected for noise',
            )
        ceiling: Ceiling = self._call('ceiling', self.recordings, self.sample)
        self._finite('ceiling', ceiling.value)
        if ceiling.draws is None and not ceiling.value > 0:
            raise BenchmarkError(
                f'{self.identifier} has a ceiling of {ceiling.value:.3f}: the two halves of its trials do not agree, '
                'so no model can be scored on it.'
            )
        return self._at_equal_numbers(ceiling, self.sample)

    @functools.cached_property
    def ceiling(self) -> Score:
        """Raw value of a perfect model on these recordings; see the comparison.

        Raises
        ------
        BenchmarkError
            When the two halves of the trials don't agree.
        """
        own = self._ceiling
        ceiling = self._as_score(own, self._estimate('ceiling', own.value, own.draws))
        ceiling.attrs['further'] = self._further
        return ceiling

    @functools.cached_property
    def _further(self) -> dict[str, Any]:
        further: dict[str, Any] = self._call('further', self.recordings)
        return further

    @functools.cached_property
    def _other_mice(self) -> dict[str, float]:
        """Raw value on each animal with all other animals as the model; empty for fewer than three."""
        values = self._call('other_mice', self.recordings)
        return {animal: self._finite('other_mice', value) for animal, value in values.items()}


def choices_of(comparison: Comparison, one_animal: bool = False) -> dict[str, Any]:
    """Settings of a benchmark with a comparison, by name; of one animal, the draws are of its neuroids."""
    drawn = {'error': comparison.bootstrap('neuroids of one animal')} if one_animal else {}
    return {
        'metric': comparison.metric,
        'reliability_threshold': comparison.min_reliability,
        'split_halves': N_SPLITS,
        'stimuli': 'whole scene, no placement on a screen',
        **comparison.settings,
        **drawn,
    }
