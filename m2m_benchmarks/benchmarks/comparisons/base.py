"""Base class of comparisons of a model with recordings, and their inputs and results."""

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from m2m_benchmarks.arrays import FACTORS, N_DRAWS, Sample
from m2m_benchmarks.benchmarks.ceilings import CEILINGS, OF_HALF
from m2m_benchmarks.benchmarks.recordings import AreaRecordings
from m2m_benchmarks.data.trials import MIN_RELIABILITY


class FeatureForm(enum.StrEnum):
    """Form of a model's responses as input of a comparison.

    `ROTATION`
        Rotated into as few dimensions as the stimuli need (`arrays.gram_reduce`), by a rotation that keeps means over
        features: all inner products and distances between stimuli, and their means, are those of the layer.
    `UNITS`
        A seeded sample of the layer's own units (`scoring.unit_samples.MOST_UNITS`); all of them where there are fewer.
    `MANY_UNITS`
        A larger sample, which begins with `UNITS`. The units of simulated recordings are drawn from it: what a layer
        gets for draws of one small sample may differ from what it gets for its own units.
    `MAPS`
        All units and their shape: channels, height and width of a convolutional layer.
    """

    ROTATION = 'rotation'
    UNITS = 'units'
    MANY_UNITS = 'many units'
    MAPS = 'maps'


#: Name of each transformation of features to its description. A transformation is the same for all stimuli.
TRANSFORMATIONS = {
    'rotation': 'any rotation',
    'mean-keeping rotation': 'a rotation that keeps the mean over features',
    'scaling': 'one factor for all features',
    'feature-wise scaling': 'a positive factor for each feature',
    'translation': 'a constant for each feature',
    'linear': 'any invertible linear map',
}
#: Transformations of which the form `ROTATION` is a special case.
_ROTATIONS = ('rotation', 'mean-keeping rotation', 'linear')


@dataclass(frozen=True)
class Features:
    """Responses of a model to the stimuli of recordings.

    Attributes
    ----------
    values : array, shape (n_stimuli, n_features)
        Responses in the order of the recordings' stimuli.
    form : FeatureForm
    shape : tuple of int or None
        Shape of one response, with n_features entries, such as (channels, height, width) for a convolutional layer.
        None if the model doesn't provide it, and for a rotation or a sample of units.
    """

    values: np.ndarray
    form: FeatureForm = FeatureForm.UNITS
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Raw:
    """Agreement of a model with recordings, not corrected for their noise.

    Attributes
    ----------
    value : float
    draws : array, shape (3, n_draws), or None
        Values on the draws of a sample: of both factors, of animals alone, and of stimuli alone (`arrays.FACTORS`).
    per_neuroid : array, shape (n_neuroids,), or None
        Value of each neuroid, for comparisons by neuroid.
    per_neuroid_draws : array, shape (n_draws, n_neuroids), or None
        Value of each neuroid on the draws of stimuli.
    details : mapping
        Numbers about the computation, by name; part of the result.
    neuroid_details : mapping
        Further values of each neuroid, shape (n_neuroids,), by name; the result has their medians.
    """

    value: float
    draws: np.ndarray | None = None
    per_neuroid: np.ndarray | None = None
    per_neuroid_draws: np.ndarray | None = None
    details: Mapping[str, float] = field(default_factory=dict)
    neuroid_details: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def further(self) -> dict[str, float]:
        """`details`, and the medians of `neuroid_details` over the neuroids that have a value."""
        known = {name: values[~np.isnan(values)] for name, values in self.neuroid_details.items()}
        return {**self.details, **{name: float(np.median(values)) for name, values in known.items() if len(values)}}


@dataclass(frozen=True)
class Ceiling:
    """Raw value that a perfect model would get; the comparison's description says what it is a model of.

    Attributes
    ----------
    value : float
    draws : array, shape (3, n_draws), or None
        Ceiling on the same draws as the raw value; None if it isn't computed on them.
    per_neuroid, per_neuroid_draws : array or None
        As in `Raw`.
    kind : str
        A name from `CEILINGS`, perhaps with more words after a comma: 'trials' for the noise of the trials
        alone, 'population' for the number of neuroids too. If there is no ceiling, the value is 1 and this is 'none: '
        and the reason.

    Raises
    ------
    ValueError
        When the kind is another.
    """

    value: float
    draws: np.ndarray | None = None
    per_neuroid: np.ndarray | None = None
    per_neuroid_draws: np.ndarray | None = None
    kind: str = 'trials'

    def __post_init__(self) -> None:
        if self.kind.partition(',')[0] not in CEILINGS and not self.kind.startswith('none: '):
            known = ', '.join(CEILINGS)
            raise ValueError(
                f"unknown kind of ceiling {self.kind!r}; expected one of {known}, or 'none: ' and a reason."
            )


@dataclass(frozen=True)
class Description:
    """A comparison in words, for tables and documents.

    Attributes
    ----------
    raw, ceiling : str
        Description of the numbers; a sentence without a full stop.
    formula : str
        Formula for the score, from raw and ceiling.
    perfect : str
        What a layer that recordings were simulated from scores, without a full stop; may be empty.
    caveat : str
        Limitation of the score; may be empty.
    reference : str
        Publication of the method.
    settings : mapping
        Settings of the method by name.
    """

    raw: str
    ceiling: str
    formula: str
    perfect: str = ''
    caveat: str = ''
    reference: str = ''
    settings: Mapping[str, str] = field(default_factory=dict)


class Comparison(ABC):
    """A way to compare a model's responses with recordings.

    Each subclass has its own module, with an instance named COMPARISON, and a line in the table of this package. It
    sets the attributes below and defines `raw` and `ceiling`; if the score isn't raw / ceiling, it also defines
    `uncut`, `draws` and `noise_corrected`. A base of several comparisons also names `ABC` as a base.

    Attributes
    ----------
    name : str
        Name in the names of benchmarks: letters, digits and underscores.
    metric : str
        Identifier of the metric in Brain-Score's metadata.
    repeat_stimuli : bool
        Whether a stimulus may be in a draw several times; if not, the draws are random halves of the stimuli.
    n_draws : int
        Number of draws for the errors.
    equal_numbers : bool
        Whether what depends on the number of different animals is taken out of the draws (`arrays.at_equal_numbers`);
        for a comparison that pools animals, where that is shown to bring intervals nearer to what they say.
    invariant_to : frozenset of str
        Names from `TRANSFORMATIONS` of those that don't change any value.
    features : FeatureForm
        Form of the features for `raw`. Rotations are for comparisons that are invariant to them. The images are in
        `recordings.stimuli`.
    min_features : int
        Minimum number of units of a layer.
    min_stimuli : int
        Minimum number of stimuli for a score.
    min_neuroids : int
        Minimum number of reliable neuroids of an area for a score.
    min_per_animal : int
        Minimum number of neuroids of an animal for its own value.
    min_trials : int
        Minimum number of repetitions for each neuroid. Recordings of one repetition are scored without a ceiling
        unless this is more than two.
    ceiling_needs_trials : bool
        Whether recordings of one repetition have no ceiling.
    needs_trials : bool
        Whether `raw` uses single trials: recordings of one repetition aren't scored, and simulated ones have trials.
    min_reliability : float
        Minimum split-half reliability of the neuroids, at least that of recordings (`data.trials`).
    cross_fitted : bool
        Whether layers are chosen on one half of the neuroids and scored on the other; if not, the best layer on all
        neuroids is scored, as the protocols of some publications have it.
    chosen_by : str or None
        Name of the comparison that layers are chosen by, for one that takes too long to compare all layers.
    description : Description
    """

    name: str
    metric: str
    repeat_stimuli: bool = True
    n_draws: int = N_DRAWS
    equal_numbers: ClassVar[bool] = False
    invariant_to: frozenset[str]
    features: ClassVar[FeatureForm] = FeatureForm.ROTATION
    min_features: ClassVar[int] = 1
    min_stimuli: int = 4
    min_neuroids: ClassVar[int] = 3
    min_per_animal: ClassVar[int] = 1
    min_trials: ClassVar[int] = 2
    ceiling_needs_trials: ClassVar[bool] = True
    needs_trials: bool = False
    min_reliability: ClassVar[float] = MIN_RELIABILITY
    cross_fitted: ClassVar[bool] = True
    chosen_by: ClassVar[str | None] = None
    description: Description

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if ABC in cls.__bases__:  # a base of several comparisons
            return
        missing = [
            name for name in ('name', 'metric', 'invariant_to', 'description') if getattr(cls, name, None) is None
        ]
        if missing:
            raise TypeError(f'the comparison {cls.__name__} does not set {", ".join(missing)}')
        unknown = cls.invariant_to - TRANSFORMATIONS.keys()
        if unknown:
            raise TypeError(
                f'the comparison {cls.__name__} is invariant to {", ".join(sorted(unknown))}; expected some of '
                f'{", ".join(TRANSFORMATIONS)}.'
            )
        if cls.features is FeatureForm.ROTATION and cls.invariant_to.isdisjoint(_ROTATIONS):
            raise TypeError(
                f'the comparison {cls.__name__} uses rotated features but is not invariant to rotation; set features '
                'to FeatureForm.UNITS or FeatureForm.MAPS.'
            )

    @property
    def settings(self) -> dict[str, str]:
        """Settings of the method by name, including the way its error is computed; part of the result."""
        chosen = {} if self.chosen_by is None else {'layers_chosen_by': self.chosen_by}
        equal = {'draws_at_equal_numbers_of': 'animals'} if self.equal_numbers else {}
        return {'error': self.bootstrap(), **equal, **self.description.settings, **chosen}

    def bootstrap(self, drawn: str = 'animals') -> str:
        """Say what the draws for the error are of: `drawn`, and stimuli."""
        stimuli = 'stimuli' if self.repeat_stimuli else 'halves of the stimuli'
        return f'bootstrap over {drawn} and {stimuli}, {self.n_draws} draws'

    @abstractmethod
    def raw(self, features: Features, recordings: AreaRecordings, sample: Sample | None = None) -> Raw:
        """Compare features with recordings.

        Parameters
        ----------
        features : Features
        recordings : AreaRecordings
            Recordings with their single trials; their stimuli are in the order of the features.
        sample : Sample, optional
            Draws of stimuli and animals, for the draws of the value; `over_draws` evaluates a function on them.

        Returns
        -------
        Raw
        """

    def raw_of_each(self, features: Features, recordings: Iterable[AreaRecordings]) -> list[Raw]:
        """Compare features with several recordings of the same stimuli, by default one after the other."""
        return [self.raw(features, each) for each in recordings]

    @abstractmethod
    def ceiling(self, recordings: AreaRecordings, sample: Sample | None = None) -> Ceiling:
        """Compute the raw value of a perfect model on the recordings, optionally with its draws."""

    def kept_bytes(self, n_stimuli: int) -> int:
        """Memory that the draws of one benchmark take, which are kept for the next candidate."""
        return 0

    def objection(self, features: Features) -> str | None:
        """Say why a layer with these features can't be compared, as the end of a sentence about it; None if it can."""
        values = features.values
        return 'responds the same to all stimuli' if (values == values[:1]).all() else None

    def further(self, recordings: AreaRecordings) -> dict[str, Any]:
        """Compute further numbers about the recordings, such as other ceilings, by name; results have them."""
        return {}

    def uncut(self, raw: Any, ceiling: Any) -> Any:
        """Compute the score from raw and ceiling, numbers or arrays, before negative ones are cut off.

        Where it isn't raw / ceiling, `draws` has to be defined too.
        """
        return raw / ceiling

    def score(self, raw: Any, ceiling: Any) -> Any:
        """Compute the score from raw and ceiling, numbers or arrays: 0 is chance, 1 the ceiling."""
        return self.uncut(raw, ceiling)

    def draws(self, raw: Raw, ceiling: Ceiling) -> np.ndarray | None:
        """Compute the score before negative ones are cut off on each draw, shape (3, n_draws); None without draws.

        It is linear in raw and ceiling around their values (the delta method): on a draw with few animals the ceiling
        may be near 0, and the ratio without bounds.
        """
        if raw.draws is None or ceiling.draws is None:
            return None if raw.draws is None else np.asarray(self.uncut(raw.draws, ceiling.value))
        score = self.uncut(raw.value, ceiling.value)
        draws: np.ndarray = score + (raw.draws - score * ceiling.draws) / ceiling.value
        return draws

    def join(self, raws: Sequence[Raw], sample: Sample) -> Raw:
        """Join the raw values of two halves of the neuroids, by default as their mean.

        Parameters
        ----------
        raws : sequence of Raw
            One for all neuroids, or one for each half.
        sample : Sample
            Draws of the neuroids of the first half, then those of the second.
        """
        if len(raws) == 1:
            return raws[0]
        return Raw(float(np.mean([raw.value for raw in raws])), _mean_draws([raw.draws for raw in raws]))

    def join_ceilings(self, ceilings: Sequence[Ceiling], sample: Sample) -> Ceiling:
        """Join the ceilings of two halves, as `join` joins the raw values."""
        if len(ceilings) == 1:
            return ceilings[0]
        without = next((ceiling.kind for ceiling in ceilings if ceiling.kind.startswith('none')), None)
        if without is not None:
            return Ceiling(1.0, kind=without)
        value = float(np.mean([ceiling.value for ceiling in ceilings]))
        draws = _mean_draws([ceiling.draws for ceiling in ceilings])
        return Ceiling(value, draws, kind=ceilings[0].kind + OF_HALF)

    def noise_corrected(self, raw: Raw, ceiling: Ceiling) -> float:
        """Correct the raw value for the noise of the recordings, in the unit of raw."""
        return raw.value / ceiling.value

    def per_animal(self, features: Features, recordings: AreaRecordings, raw: Raw) -> dict[str, float]:
        """Compute the raw value on the neuroids of each animal that has at least `min_per_animal`."""
        values = {}
        for animal in np.unique(recordings.animals):
            own = recordings.animals == animal
            if own.sum() >= self.min_per_animal:
                values[str(animal)] = self.raw(features, recordings[own]).value
        return values

    def other_mice(self, recordings: AreaRecordings) -> dict[str, float]:
        """Compute the raw value on the neuroids of each animal with all other animals as the model.

        It is empty for fewer than three animals, and for comparisons of maps, which neuroids don't form.
        """
        names = np.unique(recordings.animals) if self.features is not FeatureForm.MAPS else np.array([])
        values = {}
        for name in names if len(names) > 2 else ():
            own = recordings.animals == name
            if own.sum() >= self.min_per_animal:
                others = Features(recordings.mean.values[:, ~own])
                values[str(name)] = self.raw(others, recordings[own]).value
        return values


def over_draws(sample: Sample, statistic: Callable[[np.ndarray, np.ndarray], float]) -> np.ndarray:
    """Evaluate a statistic on the draws of a sample.

    Parameters
    ----------
    sample : Sample
    statistic : callable
        Function of the counts of the stimuli and those of the neuroids, which returns a number.

    Returns
    -------
    array, shape (3, n_draws)
        Values on draws of both factors, of animals alone, and of stimuli alone.
    """
    all_stimuli, all_neuroids = (np.ones(counts.shape[1], dtype=int) for counts in (sample.stimuli, sample.neuroids))
    draws = [
        (statistic(stimuli, neuroids), statistic(all_stimuli, neuroids), statistic(stimuli, all_neuroids))
        for stimuli, neuroids in sample
    ]
    return np.array(draws).reshape(len(sample), len(FACTORS)).T


def _mean_draws(draws: Sequence[np.ndarray | None]) -> np.ndarray | None:
    known = [each for each in draws if each is not None]
    return np.mean(known, axis=0) if len(known) == len(draws) else None


def mean_of(values: Sequence[Any]) -> Any:
    """Average numbers, or lists of as many numbers; None if any is None."""
    if any(value is None for value in values):
        return None
    return np.mean(values, axis=0).tolist()
