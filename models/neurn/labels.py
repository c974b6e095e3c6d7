"""Brain-Score's task `label`, answered by a network's own outputs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from brainscore_core.supported_data_standards.brainio.assemblies import BehavioralAssembly
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper
from brainscore_vision.model_interface import BrainModel

BATCH_SIZE = 128


class OutputLabels(BrainModel):
    """Answers with the class of the largest output. Brain-Score's own version requires ImageNet's 1,000 outputs.

    Parameters
    ----------
    identifier : str
    wrapper : PytorchWrapper
        Wrapper around the network.
    classes : sequence of str, optional
        Class of each output. By default, the outputs are for the labels given to `start_task`, in their order.
    """

    def __init__(self, identifier: str, wrapper: PytorchWrapper, classes: Sequence[str] | None = None) -> None:
        self._identifier = identifier
        self._wrapper = wrapper
        self._classes = None if classes is None else list(classes)
        self._choices: list[str] = []

    @property
    def identifier(self) -> str:
        """Identifier of the model."""
        return self._identifier

    def start_task(self, task: Any, choice_labels: Sequence[str], **_options: Any) -> None:
        """Set the labels that `look_at` chooses from.

        Raises
        ------
        ValueError
            When the task isn't `label`, or the network has no output for a label.
        """
        if task != BrainModel.Task.label:
            raise ValueError(f'expected the task label, got {task}')
        unknown = [label for label in choice_labels if self._classes is not None and label not in self._classes]
        if unknown or isinstance(choice_labels, str):
            invalid = repr(choice_labels) if isinstance(choice_labels, str) else ', '.join(map(str, unknown[:12]))
            known = '' if self._classes is None else f'; its classes are {", ".join(self._classes[:12])}'
            raise ValueError(f'{self._identifier} has no output for {invalid}{known}')
        self._choices = list(choice_labels)

    def look_at(
        self, stimuli: StimulusSet, number_of_trials: int = 1, require_variance: bool = False
    ) -> BehavioralAssembly:
        """Label each stimulus: choice (1) x presentation.

        Raises
        ------
        ValueError
            When the network doesn't have an output for each class.
        """
        classes = self._choices if self._classes is None else self._classes
        columns = [classes.index(label) for label in self._choices]
        labels: list[str] = []
        paths = [str(stimuli.get_stimulus(stimulus)) for stimulus in stimuli['stimulus_id']]
        for start in range(0, len(paths), BATCH_SIZE):
            outputs = self._outputs(paths[start : start + BATCH_SIZE])
            if outputs.ndim != 2 or outputs.shape[1] != len(classes):
                shape = tuple(outputs.shape[1:])
                actual = f'outputs of shape {shape}' if outputs.ndim != 2 else f'{outputs.shape[1]} outputs'
                raise ValueError(
                    f'{self._identifier} has {actual}, expected {len(classes)}: one for each of '
                    f'{", ".join(classes[:12])}'
                )
            if np.isnan(outputs).any():
                raise ValueError(f'the outputs of {self._identifier} contain NaN; expected numbers')
            labels += [self._choices[index] for index in outputs[:, columns].argmax(axis=1)]
        coords = {
            column: ('presentation', stimuli[column].to_numpy())
            for column in stimuli.columns
            if column not in ('choice', 'label')
        }
        coords['label'] = ('presentation', np.array(labels))
        return BehavioralAssembly([labels], coords=coords, dims=['choice', 'presentation'])

    def _outputs(self, paths: list[str]) -> np.ndarray:
        network = self._wrapper._model
        images = self._wrapper._extractor.preprocess(paths)
        batch = torch.stack([torch.as_tensor(image) for image in images])
        parameter = next(network.parameters(), None)
        batch = batch.to(self._wrapper._device, None if parameter is None else parameter.dtype)
        network.eval()
        with torch.no_grad():
            outputs = network(batch, **self._wrapper._forward_kwargs)
        if not torch.is_tensor(outputs):
            raise ValueError(f'{self._identifier} returns a {type(outputs).__name__}, expected one tensor')
        values: np.ndarray = outputs.float().cpu().numpy()
        return values
