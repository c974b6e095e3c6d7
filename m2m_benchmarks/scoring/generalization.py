"""Score a candidate on domain generalization."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import replace

from brainscore_core.metrics import Score
from brainscore_vision.model_interface import BrainModel

from m2m_benchmarks.benchmarks.generalization import GeneralizationBenchmark
from m2m_benchmarks.errors import BenchmarkError, ModelError
from m2m_benchmarks.models.neurn.labels import OutputLabels
from m2m_benchmarks.plugins import reporting_plugin_errors
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.scoring import brainscore_adapter
from m2m_benchmarks.scoring.candidate import Candidate
from m2m_benchmarks.scoring.layers import submodules


def score_generalization(
    candidate: Candidate, benchmark: GeneralizationBenchmark, layer: str | None, progress: Progress | None = None
) -> Score:
    """Score a candidate on a benchmark of domain generalization.

    Parameters
    ----------
    candidate : Candidate
    benchmark : GeneralizationBenchmark
    layer : str or None
        Layer to fit the readout to, instead of the one that the model names; for `readout_accuracy` only.
    progress : callable, optional

    Returns
    -------
    Score
        Score on the benchmark, with the attributes `layer`, `layer_scores` and `commitment`.

    Raises
    ------
    BenchmarkError
        When the candidate was trained on another source, or a layer is named where none is read out.
    ModelError
        When the candidate can't classify the images, for example because it doesn't have ten outputs.
    """
    if benchmark.protocol == 'readout_accuracy':
        model, layer_name, how = _readout(candidate, layer)
    else:
        if layer is not None:
            raise BenchmarkError(
                f'--layer {layer} is for readouts; {benchmark.identifier} uses the outputs of the model.'
            )
        model, layer_name, how = _trained(candidate, benchmark), 'outputs', 'trained on the source'
    if progress is not None:
        benchmark.report = progress
    passive = brainscore_adapter.reset_to_passive(candidate.model)
    with _reporting_errors(candidate, benchmark), brainscore_adapter.no_stored_activations(), _silent(), passive:
        result = benchmark(model)
    result.attrs.update(layer=layer_name, layer_scores={}, commitment=how)
    return result


def _readout(candidate: Candidate, layer: str | None) -> tuple[BrainModel, str, str]:
    if layer is None:
        layers = brainscore_adapter.readout_layers(candidate.model)
        return candidate.model, ', '.join(layers), 'readout of the layer that the model names'
    if candidate.module is None:
        raise ModelError(f'{candidate.identifier} is not a PyTorch network in a ModelCommitment; leave out --layer.')
    submodules(candidate.module, [layer], candidate.identifier)
    readout = brainscore_adapter.readout_of(candidate.identifier, candidate.wrapper, layer)
    return readout, layer, 'readout of the named layer'


def _trained(candidate: Candidate, benchmark: GeneralizationBenchmark) -> BrainModel:
    if candidate.run is not None and candidate.run.data['name'] != benchmark.source:
        trained_on = candidate.run.data['name']
        raise BenchmarkError(
            f'the run {candidate.run.folder.name} was trained on {trained_on}, {benchmark.identifier} is for models '
            f'trained on {benchmark.source}. Score it on a benchmark with the source {trained_on}, or on '
            f'{_other(benchmark)}.'
        )
    if candidate.wrapper is None or not brainscore_adapter.answers_for_imagenet_only(candidate.model):
        return candidate.model
    return OutputLabels(candidate.identifier, candidate.wrapper)


def _other(benchmark: GeneralizationBenchmark) -> str:
    return str(replace(benchmark.name, protocol='readout_accuracy'))


@contextlib.contextmanager
def _reporting_errors(candidate: Candidate, benchmark: GeneralizationBenchmark) -> Iterator[None]:
    with reporting_plugin_errors(candidate.identifier, ModelError):
        try:
            yield
        except ValueError as error:
            if benchmark.protocol == 'readout_accuracy':
                raise
            raise ModelError(
                f'{error}. A network that was not trained on the digits of {benchmark.source} can be scored on '
                f'{_other(benchmark)}.'
            ) from error


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Hide Brain-Score's progress bars, one for each batch of images, and scikit-learn's warnings."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.filterwarnings('ignore', module='sklearn')
        yield
