"""Models that are functions of the stimuli: one with recordings, one with labels."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from brainscore_core.supported_data_standards.brainio.assemblies import BehavioralAssembly, NeuroidAssembly
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
from brainscore_vision.model_interface import BrainModel

from m2m_benchmarks.testing.assemblies import label_assembly, neuroid_assembly, probability_assembly


def random_features(stimuli: StimulusSet, area: str) -> np.ndarray:
    """Draw normal random numbers of shape (n_stimuli, 50), the same for each area: two channels of 5 x 5."""
    return np.random.default_rng(0).standard_normal((len(stimuli), 50))


class RecordedCandidate(BrainModel):
    """A model whose responses in an area are a function of the stimuli.

    Parameters
    ----------
    features : callable
        Function `features(stimuli, area)` that returns the responses, an array of shape (n_stimuli, n_features).
    identifier : str
    presented : sequence of int, optional
        Order of the responses, as indices into the stimulus set; by default that of the stimulus set.
    attrs : mapping, optional
        Attributes of the responses, such as `feature_form`; by default, for `random_features`, the shape of their maps.

    Attributes
    ----------
    area : str
        Area of the last recording.
    time_bins : list of tuple
        Time bins of the last recording, in milliseconds after the onset of a stimulus.
    """

    identifier = 'recorded'

    def __init__(
        self,
        features: Callable[[StimulusSet, str], np.ndarray] = random_features,
        identifier: str = 'recorded',
        presented: Sequence[int] | np.ndarray | None = None,
        attrs: Mapping[str, object] | None = None,
    ) -> None:
        self.identifier = identifier
        self._features = features
        self._presented = presented
        of_default = {'feature_shape': (2, 5, 5)} if features is random_features else {}
        self._attrs = of_default if attrs is None else attrs

    def visual_degrees(self) -> int:
        """Width of the images in degrees, which Brain-Score requires."""
        return 8

    def start_recording(self, recording_target: str, time_bins: list[tuple[float, float]]) -> None:
        """Start recording from an area."""
        self.area, self.time_bins = recording_target, time_bins

    def look_at(
        self, stimuli: StimulusSet, number_of_trials: int = 1, require_variance: bool = False
    ) -> NeuroidAssembly:
        """Return the responses of the area to the stimuli."""
        order = np.arange(len(stimuli)) if self._presented is None else self._presented
        values = self._features(stimuli, self.area)[order]
        assembly = neuroid_assembly(values, stimuli['stimulus_id'].to_numpy()[order])
        assembly.attrs.update(self._attrs)
        return assembly


class LabellingCandidate(BrainModel):
    """A model that labels images, or returns probabilities for the task `probabilities`.

    Parameters
    ----------
    choose : callable
        Function `choose(row)` that returns the label of a stimulus, a row of `stimuli.itertuples()`.
    answer : callable, optional
        Function `answer(stimuli, labels)` that makes the answer, instead of `label_assembly` and
        `probability_assembly`.
    identifier : str

    Attributes
    ----------
    tasks : list of tuple
        Started tasks, and their labels or fitting stimuli.
    shown : list of StimulusSet
        Stimuli shown so far.
    """

    identifier = 'labelling'

    def __init__(
        self,
        choose: Callable[[Any], str],
        answer: Callable[[StimulusSet, list[str]], Any] | None = None,
        identifier: str = 'labelling',
    ) -> None:
        self.identifier = identifier
        self._choose = choose
        self._answer = answer
        self.tasks: list[tuple[str, Any]] = []
        self.shown: list[StimulusSet] = []

    def start_task(self, task: str, fitting_stimuli: Any) -> None:
        """Start a task."""
        self.tasks.append((task, fitting_stimuli))

    def look_at(
        self, stimuli: StimulusSet, number_of_trials: int = 1, require_variance: bool = False
    ) -> BehavioralAssembly:
        """Return the answer of the task for the stimuli."""
        self.shown.append(stimuli)
        task, _ = self.tasks[-1]
        answer = self._answer or (label_assembly if task == BrainModel.Task.label else probability_assembly)
        return answer(stimuli, [self._choose(row) for row in stimuli.itertuples()])
