"""A candidate whose areas are each modelled by one layer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from brainscore_core.supported_data_standards.brainio.assemblies import NeuroidAssembly
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
from brainscore_vision.model_interface import BrainModel

from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm, Features
from m2m_benchmarks.benchmarks.neural import FORM, SHAPE, AreaBenchmark
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidate import Candidate


class LayerModel(BrainModel):
    """A candidate whose areas are each modelled by one layer, with responses from `Activations`.

    Parameters
    ----------
    candidate : Candidate
    activations : Activations
    layers : mapping
        Area to layer.
    form : FeatureForm
        Form of the responses, which the benchmark's comparison defines.
    """

    def __init__(
        self,
        candidate: Candidate,
        activations: Activations,
        layers: Mapping[str, str],
        form: FeatureForm = FeatureForm.ROTATION,
    ) -> None:
        self._candidate = candidate
        self._activations = activations
        self._layers = dict(layers)
        self._form = form
        self._region = ''

    @property
    def identifier(self) -> str:
        """Identifier of the candidate."""
        return self._candidate.identifier

    def visual_degrees(self) -> int:
        """Visual angle of the candidate's images, in degrees."""
        degrees: int = self._candidate.model.visual_degrees()
        return degrees

    def start_recording(self, recording_target: str, time_bins: Any) -> None:
        """Select the area that `look_at` responds for; a layer responds alike in every time bin."""
        self._region = recording_target

    def look_at(self, stimuli: StimulusSet, number_of_trials: int = 1) -> NeuroidAssembly:
        """Return the responses of the area's layer: stimulus (presentation) x feature (neuroid).

        The attribute `feature_form` is the form of the features, `feature_shape` the shape of the layer's maps.
        """
        layer = self._layers[self._region]
        values = self._activations(stimuli, [layer], self._form)[layer]
        shape = values.shape[1:]
        values = values.reshape(len(values), -1)
        n_stimuli, n_features = values.shape
        assembly = NeuroidAssembly(
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
        assembly.attrs[FORM] = str(self._form)
        if self._form is FeatureForm.MAPS:
            assembly.attrs[SHAPE] = shape
        return assembly


def layer_features(
    activations: Activations, benchmark: AreaBenchmark, layers: Sequence[str], form: FeatureForm | None = None
) -> Iterator[tuple[str, Features]]:
    """Compute the features of layers for a benchmark, as it gets them from a `LayerModel`, without assemblies.

    Parameters
    ----------
    activations : Activations
    benchmark : AreaBenchmark
    layers : sequence of str
        Layers, whose responses are computed in one forward pass.
    form : FeatureForm, optional
        Form of the features, by default that of the benchmark's comparison.

    Yields
    ------
    layer : str
    features : Features
    """
    form = form or benchmark.comparison.features
    order = stimulus_order(benchmark)
    for layer, values in activations(benchmark.stimulus_set, layers, form).items():
        shape = values.shape[1:] if form is FeatureForm.MAPS else None
        yield layer, Features(values.reshape(len(values), -1)[order], form, shape)


def stimulus_order(benchmark: AreaBenchmark) -> np.ndarray:
    """Places, in the stimulus set of a benchmark, of the stimuli of its recordings in their order."""
    ids = benchmark.stimulus_set['stimulus_id'].to_numpy().astype(str)
    order: np.ndarray = np.argsort(ids, kind='stable')
    assert np.array_equal(ids[order], benchmark.recordings.mean['stimulus_id'].values.astype(str))
    return order
