"""What a report shows of a model's responses: RDMs, predictions of neuroids, and the values of single scenes."""

from dataclasses import dataclass, field

import numpy as np

#: Numbers of best and of worst scenes and neuroids, and of scenes that a neuroid responds to most.
N_SCENES, N_NEUROIDS, N_TOP = 4, 3, 3


@dataclass(frozen=True, eq=False)
class Scenes:
    """Values of the stimuli of an area: how well a model predicts each.

    Attributes
    ----------
    benchmark, area : str
    layers : tuple of str
        Layer of the model for all neuroids, or for each half of them.
    stimulus_ids : list of str
    values : array, shape (n_stimuli,)
    pictures : dict
        Stimulus to its small picture, shape (height, width, 3), of those that are shown.
    """

    benchmark: str
    area: str
    layers: tuple[str, ...]
    stimulus_ids: list[str]
    values: np.ndarray
    pictures: dict[str, np.ndarray] = field(repr=False)

    @property
    def best(self) -> list[int]:
        """Stimuli that are predicted best, the best first."""
        return extremes(self.values, N_SCENES)[0]

    @property
    def worst(self) -> list[int]:
        """Stimuli that are predicted worst, the worst first."""
        return extremes(self.values, N_SCENES)[1]


@dataclass(frozen=True, eq=False)
class Geometry(Scenes):
    """RDMs of an area and of a model; the values of the scenes are `scenes.rank_agreement`.

    Attributes
    ----------
    brain : array, shape (n_stimuli, n_stimuli)
        RDM of all neuroids.
    models : dict
        Layer to its RDM.
    """

    brain: np.ndarray
    models: dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Predictions(Scenes):
    """Held-out predictions of the neuroids of an area; the values of the scenes are `scenes.pattern_correlation`.

    Attributes
    ----------
    responses, predictions : array, shape (n_stimuli, n_neuroids)
        Mean responses and their predictions, in the unit of the recordings.
    r : array, shape (n_neuroids,)
        Pearson correlation of both.
    reliability : array, shape (n_neuroids,)
        Split-half reliability; NaN where each stimulus was shown once.
    neuroid_ids, animals, layer_of_each : list of str
        Identifier, animal and layer of each neuroid.
    """

    responses: np.ndarray
    predictions: np.ndarray
    r: np.ndarray
    reliability: np.ndarray
    neuroid_ids: list[str]
    animals: list[str]
    layer_of_each: list[str]

    @property
    def shown(self) -> tuple[list[int], list[int]]:
        """Neuroids that are predicted best, and worst."""
        return extremes(self.r, N_NEUROIDS)

    def top(self, neuroid: int) -> list[int]:
        """Stimuli that a neuroid responds to most."""
        order: list[int] = np.argsort(-self.responses[:, neuroid], kind='stable').tolist()
        return order[:N_TOP]


@dataclass(frozen=True)
class Responses:
    """What is shown of a model's responses.

    Attributes
    ----------
    geometries : list of Geometry
    predictions : list of Predictions
    notes : list of str
        What is left out, and why.
    """

    geometries: list[Geometry]
    predictions: list[Predictions]
    notes: list[str]


def extremes(values: np.ndarray, most: int) -> tuple[list[int], list[int]]:
    """Indices of the largest values, the largest first, and of the smallest, the smallest first; none is in both."""
    order = np.argsort(-values, kind='stable').tolist()
    n = min(most, len(order) // 2)
    return order[:n], order[::-1][:n]
