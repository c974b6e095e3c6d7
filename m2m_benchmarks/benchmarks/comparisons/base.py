"""Base class of comparisons of a model with recordings, and their inputs and results."""

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from m2m_benchmarks.benchmarks.recordings import AreaRecordings


class FeatureForm(enum.StrEnum):
    """Form of a model's responses as input of a comparison.

    `ROTATION`
        Rotated into as few dimensions as the stimuli need (`arrays.gram_reduce`), by a rotation that keeps means over
        features: all inner products and distances between stimuli, and their means, are those of the layer.
    `UNITS`
        A seeded sample of the layer's own units (`scoring.activations.MOST_UNITS`); all of them where there are fewer.
    `MAPS`
        All units and their shape: channels, height and width of a convolutional layer.
    """

    ROTATION = 'rotation'
    UNITS = 'units'
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
    draws : array, shape (n_draws,)
        Values of bootstrap draws, whose standard deviation is the error.
    per_neuroid : array, shape (n_neuroids,), or None
        Value of each neuroid, for comparisons by neuroid.
    details : mapping
        Numbers about the computation, by name; part of the result.
    """

    value: float
    draws: np.ndarray
    per_neuroid: np.ndarray | None = None
    details: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Ceiling:
    """Raw value of a perfect model on recordings.

    Attributes
    ----------
    value, error : float
        Ceiling and its standard error.
    per_neuroid : array, shape (n_neuroids,), or None
    details : mapping
        Numbers from which the ceiling was computed, by name; part of the result.
    kind : str
        Source of the ceiling in a few words: 'trials' for the noise of the trials. If there is no ceiling, the value is
        1 and this is 'none: ' and the reason.
    """

    value: float
    error: float
    per_neuroid: np.ndarray | None = None
    details: Mapping[str, float] = field(default_factory=dict)
    kind: str = 'trials'


@dataclass(frozen=True)
class Description:
    """A comparison in words, for tables and documents.

    Attributes
    ----------
    raw, ceiling : str
        Description of the numbers; a sentence without a full stop.
    formula : str
        Formula for the score, from raw and ceiling.
    caveat : str
        Limitation of the score; may be empty.
    reference : str
        Publication of the method.
    settings : mapping
        Settings of the method by name; 'error' only if it isn't by bootstrap over the comparison's unit.
    """

    raw: str
    ceiling: str
    formula: str
    caveat: str = ''
    reference: str = ''
    settings: Mapping[str, str] = field(default_factory=dict)


class Comparison(ABC):
    """A way to compare a model's responses with recordings.

    Each subclass has its own module, with an instance named COMPARISON, and a line in the table of this package. It
    sets the attributes below and defines `raw` and `ceiling`; if the score isn't raw / ceiling, it also defines
    `score`, `draws` and `noise_corrected`.

    Attributes
    ----------
    name : str
        Name in the names of benchmarks: letters, digits and underscores.
    metric : str
        Identifier of the metric in Brain-Score's metadata.
    unit : {'stimuli', 'neuroids'}
        Unit of the bootstrap draws. Areas share their stimuli, not their neuroids.
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
    description : Description
    """

    name: str
    metric: str
    unit: ClassVar[Literal['stimuli', 'neuroids']]
    invariant_to: ClassVar[frozenset[str]]
    features: ClassVar[FeatureForm] = FeatureForm.ROTATION
    min_features: ClassVar[int] = 1
    min_stimuli: ClassVar[int] = 4
    min_neuroids: ClassVar[int] = 3
    min_per_animal: ClassVar[int] = 1
    min_trials: ClassVar[int] = 2
    description: Description

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        missing = [
            name
            for name in ('name', 'metric', 'unit', 'invariant_to', 'description')
            if getattr(cls, name, None) is None
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
        return {'error': f'bootstrap over {self.unit}, 1000 draws', **self.description.settings}

    @abstractmethod
    def raw(self, features: Features, recordings: AreaRecordings, n_draws: int = 1000) -> Raw:
        """Compare features with recordings.

        Parameters
        ----------
        features : Features
        recordings : AreaRecordings
            Recordings with their single trials; their stimuli are in the order of the features.
        n_draws : int
            Number of draws; 0 for the value only.

        Returns
        -------
        Raw
        """

    @abstractmethod
    def ceiling(self, recordings: AreaRecordings) -> Ceiling:
        """Compute the raw value of a perfect model on the recordings."""

    def score(self, raw: Any, ceiling: Any) -> Any:
        """Compute the score from raw and ceiling, numbers or arrays: 0 is chance, 1 the ceiling."""
        return raw / ceiling

    def draws(self, raw: Raw, ceiling: Ceiling) -> np.ndarray:
        """Compute the score of each draw, shape (n_draws,)."""
        scores: np.ndarray = self.score(raw.draws, ceiling.value)
        return scores

    def noise_corrected(self, raw: Raw, ceiling: Ceiling) -> float:
        """Correct the raw value for the noise of the recordings, in the unit of raw."""
        return raw.value / ceiling.value

    def per_animal(self, features: Features, recordings: AreaRecordings, raw: Raw) -> dict[str, float]:
        """Compute the raw value on the neuroids of each animal that has at least `min_per_animal`."""
        values = {}
        for animal in np.unique(recordings.animals):
            own = recordings.animals == animal
            if own.sum() >= self.min_per_animal:
                values[str(animal)] = self.raw(features, recordings[own], n_draws=0).value
        return values

    def inter_animal(self, recordings: AreaRecordings) -> float | None:
        """Mean over animals of the raw value with all other animals as the model; None for fewer than three.

        For RSA this is the lower bound of Nili et al. (2014), PLoS Computational Biology 10(4), e1003553.
        """
        names = np.unique(recordings.animals)
        if len(names) < 3:
            return None
        values = []
        for name in names:
            own = recordings.animals == name
            if own.sum() >= self.min_per_animal:
                others = Features(recordings.mean.values[:, ~own])
                values.append(self.raw(others, recordings[own], n_draws=0).value)
        return float(np.mean(values)) if values else None
