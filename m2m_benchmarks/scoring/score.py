"""Score a model on a benchmark."""

import datetime
import importlib.metadata
import platform
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

from brainscore_core.benchmarks import Benchmark
from brainscore_core.metrics import Score
from brainscore_vision.model_interface import BrainModel
from torch import nn

from m2m_benchmarks.benchmarks.datasets import RECORDINGS
from m2m_benchmarks.benchmarks.generalization import GeneralizationBenchmark
from m2m_benchmarks.benchmarks.neural import AreaBenchmark, MeanBenchmark
from m2m_benchmarks.data import ledger
from m2m_benchmarks.errors import BenchmarkError, ModelError
from m2m_benchmarks.plugins import explained_failure, load_benchmark, no_stored_activations
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.scoring import brainscore_adapter, results
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import Candidate, load_candidate
from m2m_benchmarks.scoring.generalization import score_generalization
from m2m_benchmarks.scoring.layer_choice import choose_layer
from m2m_benchmarks.scoring.layer_model import LayerModel
from m2m_benchmarks.storage import home, writable

#: What a result of domain generalization says besides.
_GENERALIZATION = ('source', 'protocol', 'in_domain', 'targets', 'generalization_gap', 'chance', 'n_seeds')
_PACKAGES = ('m2m-benchmarks', 'brainscore-vision', 'torch', 'torchvision', 'numpy', 'scipy')


@overload
def score(
    model: str | Path | BrainModel | nn.Module,
    benchmark: str | Benchmark,
    *,
    weights: str | Path = ...,
    layer: str | None = ...,
    seed: int = ...,
    image_size: int = ...,
) -> Score: ...


@overload
def score(
    model: str | Path | BrainModel | nn.Module,
    benchmark: list[Any] | tuple[Any, ...],
    *,
    weights: str | Path = ...,
    layer: str | None = ...,
    seed: int = ...,
    image_size: int = ...,
) -> list[Score]: ...


def score(
    model: str | Path | BrainModel | nn.Module,
    benchmark: str | Benchmark | list[Any] | tuple[Any, ...],
    *,
    weights: str | Path = 'default',
    layer: str | None = None,
    seed: int = 0,
    image_size: int = 224,
) -> Score | list[Score]:
    """Score a model on a benchmark, or on several.

    Parameters
    ----------
    model : str, Path, BrainModel or nn.Module
        See `scoring.candidates.load_candidate`.
    benchmark : str, Benchmark, or a list of these
        Identifier, such as 'Siegle2021.VISp-rdm'; a benchmark that `m2m_benchmarks.benchmark` makes; or another
        benchmark of Brain-Score. The layers of the model run over the stimuli once for all of a list.
    weights : 'default', 'none' or a file
    layer : str, optional
        Score this layer on all neuroids. Without it, and where the model maps the area to no layer, the layer is
        chosen on one half of the neuroids and scored on the other.
    seed : int
        Random seed of untrained weights.
    image_size : int
        For an nn.Module.

    Returns
    -------
    Score, or a list of them
        Scalar; one for each benchmark of a list. `attrs['result']` is the result as a dictionary that goes into JSON;
        it is also stored under M2M_HOME.

    Raises
    ------
    M2MError
        With what was expected, what came, and what to do.
    """
    candidate = load_candidate(model, weights=weights, seed=seed, image_size=image_size)
    if isinstance(benchmark, list | tuple):
        return list(score_candidate(candidate, benchmark, layer))
    return next(score_candidate(candidate, [benchmark], layer))


def score_candidate(
    candidate: Candidate,
    benchmarks: Sequence[str | Benchmark],
    layer: str | None = None,
    progress: Progress | None = None,
) -> Iterator[Score]:
    """Score one candidate on several benchmarks; its layers run over the stimuli once.

    Parameters
    ----------
    candidate : Candidate
    benchmarks : sequence of str or Benchmark
    layer : str, optional
    progress : callable, optional

    Yields
    ------
    Score
        As from `score`, stored when it is yielded.
    """
    writable(home())
    loaded = [_loaded(benchmark) for benchmark in benchmarks]
    activations = Activations(candidate, progress) if candidate.module is not None else None
    for benchmark in loaded:
        start = time.perf_counter()
        if isinstance(benchmark, MeanBenchmark):
            scores = []
            for i, area in enumerate(benchmark.areas):
                scores.append(_score_area(candidate, activations, area, layer))
                if progress:
                    progress(benchmark.identifier, i + 1, len(benchmark.areas))
            result = benchmark.combine(scores)
            result.attrs['layer'] = {area: part.attrs['layer'] for area, part in result.attrs['areas'].items()}
            result.attrs['layer_scores'] = {
                area: part.attrs['layer_scores'] for area, part in result.attrs['areas'].items()
            }
        elif isinstance(benchmark, AreaBenchmark):
            result = _score_area(candidate, activations, benchmark, layer)
        elif isinstance(benchmark, GeneralizationBenchmark):
            result = score_generalization(candidate, benchmark, layer, progress)
        else:
            result = _score_foreign(candidate, benchmark, layer)
        document = _document(candidate, benchmark, result, time.perf_counter() - start)
        result.attrs['result'] = document
        results.record([document])
        yield result


def _loaded(benchmark: str | Benchmark) -> Benchmark:
    if isinstance(benchmark, str):
        return load_benchmark(benchmark)
    # By what is used of it: those of brainscore_vision are no subclass of those of brainscore_core.
    if not (callable(benchmark) and isinstance(getattr(benchmark, 'identifier', None), str)):
        raise BenchmarkError(
            f'an object of type {type(benchmark).__name__} is no benchmark; expected are a name, such as '
            "'Siegle2021.VISp-rdm', or a benchmark of m2m_benchmarks.benchmark or of Brain-Score."
        )
    return benchmark


def _score_area(candidate: Candidate, activations: Activations | None, area: AreaBenchmark, layer: str | None) -> Score:
    mapped = candidate.committed.get(area.region)
    if activations is None or (layer is None and isinstance(mapped, list | tuple)):
        # A model of another kind, or an area of several layers, answers for itself.
        if layer is not None or (mapped is None and not _records(candidate.model, area)):
            raise ModelError(
                f'{candidate.identifier} is not a PyTorch network in a ModelCommitment, so its layers cannot be '
                f'chosen here, and it does not record from {area.region} itself.'
            )
        with no_stored_activations(), explained_failure(candidate.identifier, ModelError):
            result = area(candidate.model)
        result.attrs.update(layer=str(mapped or area.region), layer_scores={}, commitment='committed by the model')
        return result
    choice = choose_layer(candidate, activations, area, layer)
    form = area.comparison.features
    result = choice.benchmark(LayerModel(candidate, activations, {area.region: choice.layer}, form))
    result.attrs.update(layer=choice.layer, layer_scores=choice.layer_scores, commitment=choice.how)
    return result


def _records(model: BrainModel, area: AreaBenchmark) -> bool:
    if hasattr(model, 'layer_model'):  # a ModelCommitment takes any area, and fails when it is shown something
        return False
    try:
        model.start_recording(area.region, time_bins=area.timebins)
    except Exception:  # whatever a model of others says to an area that it doesn't know
        return False
    return True


def _score_foreign(candidate: Candidate, benchmark: Benchmark, layer: str | None) -> Score:
    """A benchmark of brainscore_vision runs in its own way."""
    if layer is not None:
        raise BenchmarkError(
            f'--layer {layer} is for benchmarks of this library; {benchmark.identifier} of brainscore_vision is scored '
            'with the layers that the model maps itself.'
        )
    with no_stored_activations(), explained_failure(benchmark.identifier, BenchmarkError):
        result = benchmark(candidate.model)
    result.attrs.setdefault('formula', 'as brainscore_vision computes it')
    result.attrs.setdefault('layer', str(candidate.committed.get(getattr(benchmark, 'region', ''), '')))
    result.attrs.setdefault('layer_scores', {})
    return result


def _document(candidate: Candidate, benchmark: Benchmark, result: Score, seconds: float) -> dict[str, Any]:
    attrs = result.attrs
    document = {
        'model': candidate.identifier,
        'benchmark': benchmark.identifier,
        'score': float(result),
        'raw': _number(attrs.get(Score.RAW_VALUES_KEY)),
        'ceiling': _number(attrs.get('ceiling')),
        'error': _number(attrs.get('error')),
        'ceiling_kind': attrs.get('ceiling_kind'),
        'formula': attrs.get('formula'),
        'layer': attrs.get('layer'),
        'layer_scores': attrs.get('layer_scores'),
        'n_neuroids': attrs.get('n_neuroids'),
        'n_stimuli': attrs.get('n_stimuli'),
        'n_animals': attrs.get('n_animals'),
        'noise_corrected': attrs.get('noise_corrected'),
        'raw_error': _number(getattr(attrs.get(Score.RAW_VALUES_KEY), 'attrs', {}).get('error')),
        'per_animal': attrs.get('per_animal'),
        'inter_animal': attrs.get('inter_animal'),
        'commitment': attrs.get('commitment'),
        'choices': attrs.get('choices'),
        'weights': candidate.weights,
        'simulated': _simulated(benchmark),
        'seconds': round(seconds, 3),
        'peak_memory_mb': round(_peak_memory_mb(), 1),
        'weights_sha256': candidate.weights_sha256,
        'data_sha256': _data_sha256(benchmark),
        'data_settings': _data_settings(benchmark),
        'device': None if candidate.wrapper is None else str(brainscore_adapter.device_of(candidate.wrapper)),
        'versions': _versions(),
        'created': datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds'),
    }
    if 'areas' in attrs:
        document['areas'] = {area: _area(part) for area, part in attrs['areas'].items()}
        document['left_out'] = attrs['left_out']
    if isinstance(benchmark, GeneralizationBenchmark):
        document.update({key: attrs[key] for key in _GENERALIZATION})
        document['seed'] = None if candidate.run is None else candidate.run.config['seed']
    return document


def _simulated(benchmark: Benchmark) -> bool:
    recorded = RECORDINGS.get(getattr(benchmark, 'dataset', ''))
    return recorded is not None and recorded.simulated


def _area(part: Score) -> dict[str, Any]:
    kept = (
        'formula',
        'layer',
        'n_neuroids',
        'n_animals',
        'noise_corrected',
        'per_animal',
        'inter_animal',
        'commitment',
    )
    return {
        'score': float(part),
        'raw': _number(part.attrs[Score.RAW_VALUES_KEY]),
        'ceiling': _number(part.attrs['ceiling']),
        'error': part.attrs['error'],
        **{key: part.attrs[key] for key in kept},
    }


def _number(value: Any) -> float | None:
    """Centre of a Score or number; stock benchmarks give some of them per neuroid or not at all."""
    if value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _data_sha256(benchmark: Benchmark) -> str | None:
    if isinstance(benchmark, MeanBenchmark):
        return benchmark.areas[0].recordings.sha256
    if isinstance(benchmark, GeneralizationBenchmark):
        return benchmark.sha256
    return benchmark.recordings.sha256 if isinstance(benchmark, AreaBenchmark) else None


def _data_settings(benchmark: Benchmark) -> dict[str, Any] | None:
    """What responses were made with, where that was chosen when they were fetched."""
    if not isinstance(benchmark, AreaBenchmark | MeanBenchmark):
        return None
    entry = ledger.read(benchmark.dataset)
    return None if entry is None else entry['source'].get('settings')


def _peak_memory_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == 'darwin' else 2**10)


def _versions() -> dict[str, str]:
    versions = {'python': platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
