"""Which layer stands for an area."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from brainscore_core.supported_data_standards.brainio.assemblies import NeuroidAssembly
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
from brainscore_vision.model_interface import BrainModel

from m2m_benchmarks.benchmarks.neural import AreaBenchmark, MeanBenchmark
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.subjects import Subject


class CommittedModel(BrainModel):
    """A subject of which each area is one layer, answered from `Activations`.

    Parameters
    ----------
    subject : Subject
    activations : Activations
    layers : mapping
        Area to layer.
    """

    def __init__(self, subject: Subject, activations: Activations, layers: Mapping[str, str]) -> None:
        self._subject = subject
        self._activations = activations
        self._layers = dict(layers)
        self._region = ''

    @property
    def identifier(self) -> str:
        """The subject's."""
        return self._subject.identifier

    def visual_degrees(self) -> int:
        """The subject's."""
        degrees: int = self._subject.model.visual_degrees()
        return degrees

    def start_recording(self, recording_target: str, time_bins: Any) -> None:
        """Choose the area that `look_at` answers for; a layer responds alike in every time bin."""
        self._region = recording_target

    def look_at(self, stimuli: StimulusSet, number_of_trials: int = 1) -> NeuroidAssembly:
        """Responses of the area's layer: stimulus (presentation) x feature (neuroid).

        Features are those of the isometric image of the layer, see `Activations`.
        """
        layer = self._layers[self._region]
        values = self._activations(stimuli, [layer])[layer]
        n_stimuli, n_features = values.shape
        return NeuroidAssembly(
            values,
            coords={
                'stimulus_id': ('presentation', stimuli['stimulus_id'].to_numpy()),
                'stimulus_index': ('presentation', np.arange(n_stimuli)),
                'neuroid_id': ('neuroid', [f'{layer}.{i}' for i in range(n_features)]),
                'layer': ('neuroid', [layer] * n_features),
                'region': ('neuroid', [self._region] * n_features),
            },
            dims=['presentation', 'neuroid'],
        )


@dataclass(frozen=True)
class Commitment:
    """The layer of an area, and how it came to be that.

    Attributes
    ----------
    layer : str
    how : str
        'named', 'committed by the model', or 'chosen on other neuroids (split by animal)' and the like.
    benchmark : AreaBenchmark
        The one to score on: all neuroids, or the half that the choice did not see.
    layer_scores : dict
        Raw score of each layer on the selection half; empty where nothing was chosen.
    """

    layer: str
    how: str
    benchmark: AreaBenchmark
    layer_scores: dict[str, float]


def commit(subject: Subject, activations: Activations, benchmark: AreaBenchmark, layer: str | None) -> Commitment:
    """Find the layer of a benchmark's area.

    A named layer, or one that the model maps itself, is scored on all neuroids. Otherwise, or where the model's own map
    was calibrated on the very dataset, every layer of the subject is compared by the benchmark's own metric on one half
    of the neuroids, and the best is scored on the other.

    Parameters
    ----------
    subject : Subject
    activations : Activations
    benchmark : AreaBenchmark
    layer : str or None
        Named by the user.

    Raises
    ------
    BenchmarkError
        When the neuroids are too few to be split.
    """
    if layer is not None:
        return Commitment(layer, 'named', benchmark, {})
    area = benchmark.region
    if area in subject.committed and subject.calibrated_on != benchmark.dataset:
        return Commitment(str(subject.committed[area]), 'committed by the model', benchmark, {})
    selection, scoring, split = benchmark.halves()
    scores = compare_layers(subject, activations, selection)
    best = max(scores, key=lambda candidate: scores[candidate])
    return Commitment(best, f'chosen on other neuroids (split by {split})', scoring, scores)


def compare_layers(subject: Subject, activations: Activations, benchmark: AreaBenchmark) -> dict[str, float]:
    """Raw score of each of a subject's layers on a benchmark."""
    activations(benchmark.stimulus_set, subject.layers)  # all layers in one forward pass
    return {
        layer: benchmark.similarity(CommittedModel(subject, activations, {benchmark.region: layer}))
        for layer in subject.layers
    }


def calibrate(subject: Subject, activations: Activations, benchmark: MeanBenchmark) -> dict[str, str]:
    """The best layer of each area, compared on all of its neuroids.

    For a map that is committed once and used on other recordings: a score on the same ones would have been chosen
    on what it is scored on.
    """
    chosen = {}
    for area in benchmark.areas:
        scores = compare_layers(subject, activations, area)
        chosen[area.region] = max(scores, key=lambda layer: scores[layer])
    return chosen
