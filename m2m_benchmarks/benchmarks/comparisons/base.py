"""What a comparison of a model with recordings consists of."""

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from m2m_benchmarks.benchmarks.recordings import AreaRecordings


class FeatureForm(enum.StrEnum):
    """Form in which a comparison is given a model's responses.

    `ROTATION`
        Rotated into as few dimensions as the stimuli need (`arrays.gram_reduce`), by a rotation that keeps means over
        features: all inner products and distances between stimuli, and their means, are those of the layer.
    `UNITS`
        A seeded sample of the layer's own units (`scoring.activations.MOST_UNITS`); all of them where there are fewer.
    `MAPS`
        All units, and their shape: channels, height and width of a convolutional layer.
    """

    ROTATION = 'rotation'
    UNITS = 'units'
    MAPS = 'maps'


#: Transformations of features, by name, in words. All are of the features and the same for all stimuli.
TRANSFORMATIONS = {
    'rotation': 'any rotation',
    'mean-keeping rotation': 'a rotation that keeps the mean over features',
    'scaling': 'one factor for all features',
    'translation': 'a constant for each feature',
    'linear': 'any invertible linear map',
}
#: Those that the form `ROTATION` is one of.
_ROTATIONS = ('rotation', 'mean-keeping rotation', 'linear')


@dataclass(frozen=True)
class Features:
    """Responses of a model to the stimuli of some recordings.

    Attributes
    ----------
    values : array, shape (n_stimuli, n_features)
        In the order of the recordings' stimuli.
    form : FeatureForm
    shape : tuple of int or None
        Shape of one response, of as many entries as there are features: (channels, height, width) in a convolutional
        layer. None where the model doesn't say it, and for a rotation or a sample of units.
    """

    values: np.ndarray
    form: FeatureForm = FeatureForm.UNITS
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Raw:
    """How well a model agrees with recordings, before their noise is taken into account.

    Attributes
    ----------
    value : float
    draws : array, shape (n_draws,)
        The value over draws of the comparison's unit, whose standard deviation is its error.
    per_neuroid : array, shape (n_neuroids,), or None
        Value of each neuroid, for comparisons that have one.
    """

    value: float
    draws: np.ndarray
    per_neuroid: np.ndarray | None = None


@dataclass(frozen=True)
class Ceiling:
    """Raw value that a perfect model can reach on some recordings.

    Attributes
    ----------
    value, error : float
        The error is a standard error.
    per_neuroid : array, shape (n_neuroids,), or None
    details : mapping
        Numbers that it was computed from, by name; part of the result.
    kind : str
        What it is a ceiling of, in a few words: 'trials' for the noise of the trials. 'none: …' with the reason where
        there is none, and the value is 1.
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
        What the numbers are; a sentence without a full stop.
    formula : str
        How the score follows from raw and ceiling.
    caveat : str
        What a reader has to know to use the score; may be empty.
    reference : str
        Publication of the method.
    settings : mapping
        Choices of the method by name; 'error' where it isn't by bootstrap over the comparison's unit.
    """

    raw: str
    ceiling: str
    formula: str
    caveat: str = ''
    reference: str = ''
    settings: Mapping[str, str] = field(default_factory=dict)


class Comparison(ABC):
    """A way to compare a model's responses with recordings.

    Subclasses stand in a module of their own, which names an instance of them COMPARISON, and have a line in the table
    of this package. They state the attributes below and define `raw` and `ceiling`; where a score isn't raw / ceiling,
    they also define `score`, `draws` and `noise_corrected`.

    Attributes
    ----------
    name : str
        As in the names of benchmarks, of letters, digits and underscores.
    metric : str
        Identifier of the metric in Brain-Score's metadata.
    unit : {'stimuli', 'neuroids'}
        What the draws are of: scores of several areas share their stimuli, not their neuroids.
    invariant_to : frozenset of str
        Transformations of the features that change no value, of `TRANSFORMATIONS`.
    features : FeatureForm
        What `raw` is given. A rotation is for comparisons that are invariant to it. The images themselves are in
        `recordings.stimuli`.
    min_stimuli : int
        Fewest stimuli that a score is computed from.
    min_neuroids : int
        Fewest reliable neuroids of an area that a score is computed from.
    min_per_animal : int
        Fewest neuroids of an animal that has a value of its own.
    min_trials : int
        Fewest repetitions that each stimulus has for each neuroid.
    description : Description
    """

    name: str
    metric: str
    unit: ClassVar[Literal['stimuli', 'neuroids']]
    invariant_to: ClassVar[frozenset[str]]
    features: ClassVar[FeatureForm] = FeatureForm.ROTATION
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
            raise TypeError(f'the comparison {cls.__name__} does not state {", ".join(missing)}')
        unknown = cls.invariant_to - TRANSFORMATIONS.keys()
        if unknown:
            raise TypeError(
                f'the comparison {cls.__name__} is invariant to {", ".join(sorted(unknown))}; expected some of '
                f'{", ".join(TRANSFORMATIONS)}.'
            )
        if cls.features is FeatureForm.ROTATION and cls.invariant_to.isdisjoint(_ROTATIONS):
            raise TypeError(
                f'the comparison {cls.__name__} asks for rotated features and is not invariant to rotation; let it ask '
                'for FeatureForm.UNITS or FeatureForm.MAPS.'
            )

    @property
    def settings(self) -> dict[str, str]:
        """Choices of the method by name, the way its error is computed among them; part of the result."""
        return {'error': f'bootstrap over {self.unit}, 1000 draws', **self.description.settings}

    @abstractmethod
    def raw(self, features: Features, recordings: AreaRecordings, n_draws: int = 1000) -> Raw:
        """Compare features with recordings.

        Parameters
        ----------
        features : Features
        recordings : AreaRecordings
            With their single trials. Features are in the order of their stimuli.
        n_draws : int
            Number of draws; 0 where only the value is wanted.

        Returns
        -------
        Raw
        """

    @abstractmethod
    def ceiling(self, recordings: AreaRecordings) -> Ceiling:
        """Raw value that a perfect model can reach on the recordings."""

    def score(self, raw: Any, ceiling: Any) -> Any:
        """Score that follows from raw and ceiling, numbers or arrays: 0 is chance, 1 the ceiling."""
        return raw / ceiling

    def draws(self, raw: Raw, ceiling: Ceiling) -> np.ndarray:
        """Score over the draws, shape (n_draws,)."""
        scores: np.ndarray = self.score(raw.draws, ceiling.value)
        return scores

    def noise_corrected(self, raw: Raw, ceiling: Ceiling) -> float:
        """Raw value less what the noise of the recordings costs it, in the unit of raw."""
        return raw.value / ceiling.value

    def per_animal(self, features: Features, recordings: AreaRecordings, raw: Raw) -> dict[str, float]:
        """Raw value on the neuroids of each animal that has `min_per_animal`."""
        values = {}
        for animal in np.unique(recordings.animals):
            own = recordings.animals == animal
            if own.sum() >= self.min_per_animal:
                values[str(animal)] = self.raw(features, recordings[own], n_draws=0).value
        return values

    def inter_animal(self, recordings: AreaRecordings) -> float | None:
        """Mean over animals of the raw value that all other animals get as a model of it; None for fewer than three.

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
