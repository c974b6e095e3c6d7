"""Models to score that are a function of the stimuli: one that is recorded from, one that names what it sees."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from brainscore_core.supported_data_standards.brainio.assemblies import BehavioralAssembly, NeuroidAssembly
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
from brainscore_vision.model_interface import BrainModel

from m2m_benchmarks.testing.assemblies import label_assembly, neuroid_assembly, probability_assembly


def random_features(stimuli: StimulusSet, area: str) -> np.ndarray:
    """Normal random numbers of shape (n_stimuli, 50), the same whatever the area."""
    return np.random.default_rng(0).standard_normal((len(stimuli), 50))


class RecordedCandidate(BrainModel):
    """A model that is recorded from; it responds with what a function makes of the stimuli.

    Parameters
    ----------
    features : callable
        `features(stimuli, area)` gives the responses of an area, an array of shape (n_stimuli, n_features).
    identifier : str
    presented : sequence of int, optional
        The order in which the responses come, as places in the stimulus set; that of the stimulus set when none is
        given.
    attrs : mapping, optional
        Attributes of the responses, such as `feature_form`.

    Attributes
    ----------
    area : str
        The area that was recorded from last.
    time_bins : list of tuple
        And when, in milliseconds after the onset of a stimulus.
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
        self._attrs = attrs or {}

    def visual_degrees(self) -> int:
        """Some width of the images, as Brain-Score asks for one."""
        return 8

    def start_recording(self, recording_target: str, time_bins: list[tuple[float, float]]) -> None:
        """Record from an area from now on."""
        self.area, self.time_bins = recording_target, time_bins

    def look_at(
        self, stimuli: StimulusSet, number_of_trials: int = 1, require_variance: bool = False
    ) -> NeuroidAssembly:
        """Responses of the area to the stimuli."""
        order = np.arange(len(stimuli)) if self._presented is None else self._presented
        values = self._features(stimuli, self.area)[order]
        assembly = neuroid_assembly(values, stimuli['stimulus_id'].to_numpy()[order])
        assembly.attrs.update(self._attrs)
        return assembly


class LabellingCandidate(BrainModel):
    """A model that names what it sees: with labels, or with probabilities where these are asked for.

    Parameters
    ----------
    choose : callable
        `choose(row)` gives the label of a stimulus, a row of the stimulus set as `itertuples` has it.
    answer : callable, optional
        `answer(stimuli, labels)` gives the answer, in place of `label_assembly` and `probability_assembly`.
    identifier : str

    Attributes
    ----------
    tasks : list of tuple
        Each task that was started, and the labels or fitting stimuli that came with it.
    shown : list of StimulusSet
        What it was shown.
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
        """Do a task from now on."""
        self.tasks.append((task, fitting_stimuli))

    def look_at(
        self, stimuli: StimulusSet, number_of_trials: int = 1, require_variance: bool = False
    ) -> BehavioralAssembly:
        """Answer for the stimuli."""
        self.shown.append(stimuli)
        task, _ = self.tasks[-1]
        answer = self._answer or (label_assembly if task == BrainModel.Task.label else probability_assembly)
        return answer(stimuli, [self._choose(row) for row in stimuli.itertuples()])
