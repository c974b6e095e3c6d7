"""Score a model on a benchmark."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack, overload

import numpy as np
from brainscore_core.benchmarks import Benchmark
from brainscore_core.metrics import Score
from brainscore_vision.model_interface import BrainModel
from torch import nn

from m2m_benchmarks.arrays.backend import get_backend
from m2m_benchmarks.benchmarks.generalization import GeneralizationBenchmark
from m2m_benchmarks.benchmarks.mean import MeanBenchmark, averaged
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.benchmarks.neurons import read_selection, restrict
from m2m_benchmarks.benchmarks.selection import under_protocol
from m2m_benchmarks.data.versions import reporting_replacement
from m2m_benchmarks.errors import BenchmarkError, ModelError, StorageError
from m2m_benchmarks.messages import say
from m2m_benchmarks.plugins import load_benchmark, reporting_plugin_errors
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.records import store
from m2m_benchmarks.records.record import Result
from m2m_benchmarks.scoring import brainscore_adapter, ceiling_store
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidate import Candidate
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.generalization import score_generalization
from m2m_benchmarks.scoring.layer_choice import LayerChoice, choose_layers
from m2m_benchmarks.scoring.layer_model import LayerModel
from m2m_benchmarks.scoring.low_passed import make_stimuli, seen_by_mouse
from m2m_benchmarks.scoring.options import layer_name
from m2m_benchmarks.scoring.own_units import OwnUnits, own_units
from m2m_benchmarks.scoring.requests import check_library
from m2m_benchmarks.scoring.results import benchmark_fields, draws_of, facts_of, result_of, score_of
from m2m_benchmarks.storage import ensure_writable, home


class _Options(TypedDict, total=False):
    weights: str | Path
    layer: str | None
    seed: int
    fresh: bool
    name: str | None
    preprocessing: Callable[[Any], Any] | None
    mean: float | Sequence[float] | None
    std: float | Sequence[float] | None
    channels: int | None
    image_size: int | None
    layers: Sequence[str] | None
    batch_size: int | None
    device: str | None
    mouse_acuity: bool
    protocol: str | None
    neurons: str | Path | None


@overload
def score(
    model: str | Path | BrainModel | nn.Module, benchmark: str | Benchmark, **options: Unpack[_Options]
) -> Score: ...


@overload
def score(
    model: str | Path | BrainModel | nn.Module, benchmark: list[Any] | tuple[Any, ...], **options: Unpack[_Options]
) -> list[Score]: ...


def score(
    model: str | Path | BrainModel | nn.Module,
    benchmark: str | Benchmark | list[Any] | tuple[Any, ...],
    *,
    weights: str | Path = 'default',
    layer: str | None = None,
    seed: int = 0,
    fresh: bool = False,
    name: str | None = None,
    preprocessing: Callable[[Any], Any] | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    channels: int | None = None,
    image_size: int | None = None,
    layers: Sequence[str] | None = None,
    batch_size: int | None = None,
    device: str | None = None,
    mouse_acuity: bool = False,
    protocol: str | None = None,
    neurons: str | Path | None = None,
) -> Score | list[Score]:
    """Score a model on a benchmark, or on several.

    Parameters
    ----------
    model : str, Path, BrainModel or nn.Module
        See `scoring.candidates.load_candidate`. A network is put back into its modes and onto its device afterwards.
    benchmark : str, Benchmark, or a list of these
        Identifier, such as 'Siegle2021.VISp-rdm'; a benchmark from `m2m_benchmarks.benchmark`; or another benchmark of
        Brain-Score. For a list, the model runs over the stimuli once.
    weights : 'default', 'none' or a file
    layer : str, optional
        Layer to score on all neuroids: a submodule, 'output' for the network's own output, or one tensor of several,
        such as 'lstm[0]'. By default it is the layer that the model maps to the area; of a model without one, each half
        of the neuroids is scored by the layer that is chosen on the other half.
    seed : int
        Random seed of untrained weights.
    fresh : bool
        Whether to compute scores that the results already have.
    name : str, optional
        Name of the network in the results; by default that of its class. This and all options below are for an
        nn.Module, FILE.py:FUNCTION, torchvision:NAME and timm:NAME; other models define theirs.
    preprocessing : callable, optional
        Function of an RGB image (PIL) that returns a tensor of channels x height x width, such as a transform of
        torchvision. Without it, the whole image is resized and normalised by the next four options.
    mean, std : float or sequence of float, optional
        Mean and standard deviation that the values of each channel, from 0 to 1, are normalised with: those that the
        network was trained with. 0.5 and 0.5 make them -1 to 1. By default those of ImageNet; for one channel their
        means, 0.449 and 0.226.
    channels : {3, 1}, optional
        3 for RGB images, or 1 for grey ones.
    image_size : int, optional
        Side of the images in pixels, by default 224.
    layers : sequence of str, optional
        Layers to choose from; by default the network's blocks.
    batch_size : int, optional
        Largest number of images in a forward pass.
    device : str, optional
        Device to run on, such as 'cpu' or 'cuda:1'; by default a GPU where there is one.
    mouse_acuity : bool
        Whether any model sees the stimuli as a mouse's eye passes them on, low-passed by their size in visual degrees,
        before its preprocessing. Its name in the results then ends in `+mouse_acuity`. For benchmarks of recordings.
    protocol : str, optional
        Publication whose settings are used, such as 'huang2023': the benchmark `Siegle2021-rdm` becomes
        `Siegle2021-huang2023_rdm`, also in the results. For names of benchmarks.
    neurons : path, optional
        File of a selection of neurons, to score on these alone; see `benchmarks.neurons`. The benchmark's name in the
        results then ends in `+neurons_` and the first digits of the selection's SHA-256.

    Returns
    -------
    Score or list of Score
        Scalar; one for each benchmark of a list. `attrs['result']` is the result as a dictionary for JSON, which is
        also stored under M2M_HOME. A score from the stored results has the attributes `raw`, `ceiling`, `error`,
        `layer` and `areas`, but no bootstrap draws.

    Raises
    ------
    M2MError
        When the model or benchmark is unknown, data are missing, or the model cannot be scored on the benchmark.
    """
    with brainscore_adapter.put_back(model):
        candidate = load_candidate(
            model,
            weights,
            seed,
            image_size,
            name=name,
            preprocessing=preprocessing,
            mean=mean,
            std=std,
            channels=channels,
            layers=layers,
            batch_size=batch_size,
            device=device,
            mouse_acuity=mouse_acuity,
        )
        several = isinstance(benchmark, list | tuple)
        benchmarks = list(benchmark) if isinstance(benchmark, list | tuple) else [benchmark]
        if protocol is not None:
            benchmarks = under_protocol(protocol, benchmarks)
        if neurons is not None:
            selection = read_selection(Path(neurons))
            benchmarks = [restrict(_neural(benchmark), selection) for benchmark in benchmarks]
        scores = list(score_candidate(candidate, benchmarks, layer, fresh=fresh))
    return scores if several else scores[0]


def score_candidate(
    candidate: Candidate,
    benchmarks: Sequence[str | Benchmark],
    layer: str | None = None,
    progress: Progress | None = None,
    fresh: bool = False,
    show: Callable[[Score], None] | None = None,
) -> Iterator[Score]:
    """Score one candidate on several benchmarks; its layers run over the stimuli once.

    Parameters
    ----------
    candidate : Candidate
    benchmarks : sequence of str or Benchmark
    layer : str, optional
    progress : callable, optional
    fresh : bool
        Whether to compute scores that the results already have for the same weights, code, input, responses to a fixed
        image, data, settings, library, packages and machine.
    show : callable, optional
        Called with each score before it is stored, which may take long or fail where others use the results.

    Yields
    ------
    Score
        Score as `score` returns it, stored before it is yielded; where it can't be stored, there is a note on stderr,
        and `attrs['not_stored']` is the reason.
    """
    scorer = Scorer(candidate, benchmarks, layer, progress)
    for benchmark in scorer.benchmarks:
        expected = scorer.expected(benchmark)
        known = [] if expected.identity is None or fresh else store.answers(identity=expected.identity)
        if known:
            score = score_of(known[0])
            if show:
                show(score)
            yield score
            continue
        score = scorer.compute(benchmark)
        try:
            if show:
                show(score)
        finally:
            reason = _store(Result.from_document(score.attrs['result']), draws_of(score))
        if reason is not None:
            score.attrs['not_stored'] = reason
        yield score


class Scorer:
    """Computes scores of one candidate, whose layers run over the stimuli once, and stores none.

    Parameters
    ----------
    candidate : Candidate
    benchmarks : sequence of str or Benchmark
    layer : str, optional
    progress : callable, optional

    Attributes
    ----------
    benchmarks : list of Benchmark
        Benchmarks as the candidate sees them, in order.
    """

    def __init__(
        self,
        candidate: Candidate,
        benchmarks: Sequence[str | Benchmark],
        layer: str | None = None,
        progress: Progress | None = None,
    ) -> None:
        ensure_writable(home())
        get_backend()  # raises before the network runs where there is no such backend
        self._candidate, self._layer, self._progress = candidate, None if layer is None else layer_name(layer), progress
        loaded = [_load(benchmark) for benchmark in benchmarks]
        self.benchmarks = [seen_by_mouse(benchmark) for benchmark in loaded] if candidate.mouse_acuity else loaded
        self._activations = Activations(candidate, progress) if candidate.module is not None else None
        self._facts = facts_of(candidate, self._activations, self._layer)
        for note in self._facts.notes or ():
            say(f'Note on {candidate.identifier}: {note}.')

    def expected(self, benchmark: Benchmark) -> Result:
        """Fields of the result that are known before the score: those that it depends on."""
        return dataclasses.replace(self._facts, **benchmark_fields(benchmark))

    def compute(self, benchmark: Benchmark) -> Score:
        """Compute the score on one of `benchmarks`; `attrs['result']` is its result as a dictionary for JSON."""
        start = time.perf_counter()
        with reporting_replacement(getattr(benchmark, 'versions', [])):
            if self._candidate.mouse_acuity:
                make_stimuli(benchmark, self._progress)
            score = _score(self._candidate, self._activations, benchmark, self._layer, self._progress)
        seconds = time.perf_counter() - start
        score.attrs['result'] = result_of(self.expected(benchmark), benchmark, score, seconds).document()
        return score


def _store(result: Result, draws: dict[str, np.ndarray]) -> str | None:
    """Store a result, unless its equal is stored. Return why it could not be stored, which is a note on stderr too."""
    try:
        check_library()
        same = [] if result.identity is None else store.answers(identity=result.identity)
        if not any(stored.score == result.score for stored in same):
            store.add([result], {result.uid: draws})
    except StorageError as error:
        say(f'note: the score of {result.model} on {result.benchmark} is computed, but not stored: {error}')
        return str(error)
    return None


def _score(
    candidate: Candidate,
    activations: Activations | None,
    benchmark: Benchmark,
    layer: str | None,
    progress: Progress | None,
) -> Score:
    if isinstance(benchmark, MeanBenchmark):
        scores = []
        choices = _choices(candidate, activations, benchmark.areas, layer)
        for i, (area, choice) in enumerate(zip(benchmark.areas, choices, strict=True)):
            scores.append(_score_area(candidate, activations, area, layer, choice))
            if progress:
                progress(benchmark.identifier, i + 1, len(benchmark.areas))
        mean = benchmark.combine(scores)
        mean.attrs['layer'] = {area: part.attrs['layer'] for area, part in mean.attrs['areas'].items()}
        _set_own_units(mean, [part.attrs['own_units_recordings'] for part in averaged(scores)])
        mean.attrs['layer_scores'] = {area: part.attrs['layer_scores'] for area, part in mean.attrs['areas'].items()}
        return mean
    if isinstance(benchmark, AreaBenchmark):
        (choice,) = _choices(candidate, activations, [benchmark], layer)
        return _score_area(candidate, activations, benchmark, layer, choice)
    if isinstance(benchmark, GeneralizationBenchmark):
        return score_generalization(candidate, benchmark, layer, progress)
    return _score_foreign(candidate, benchmark, layer)


def _load(benchmark: str | Benchmark) -> Benchmark:
    if isinstance(benchmark, str):
        return load_benchmark(benchmark)
    # Checked by its interface: benchmarks of brainscore_vision do not inherit from brainscore_core's.
    if not (callable(benchmark) and isinstance(getattr(benchmark, 'identifier', None), str)):
        raise BenchmarkError(
            f'an object of type {type(benchmark).__name__} is not a benchmark; expected a name, such as '
            "'Siegle2021.VISp-rdm', or a benchmark from m2m_benchmarks.benchmark or Brain-Score."
        )
    return benchmark


def _neural(benchmark: str | Benchmark) -> AreaBenchmark | MeanBenchmark:
    """Load a benchmark of recordings, for a selection of neurons."""
    loaded = _load(benchmark)
    if not isinstance(loaded, AreaBenchmark | MeanBenchmark):
        raise BenchmarkError(f'{loaded.identifier} has no recordings to select neurons of; leave out `neurons`.')
    return loaded


def _choices(
    candidate: Candidate, activations: Activations | None, areas: Sequence[AreaBenchmark], layer: str | None
) -> list[LayerChoice | None]:
    """Choose the layers that model areas; None where a model records by itself.

    That is a model of another kind, or one that maps the area to several layers.
    """
    if activations is None:
        return [None] * len(areas)
    own = [area for area in areas if layer or not isinstance(candidate.committed.get(area.region), list | tuple)]
    chosen = dict(zip(own, choose_layers(candidate, activations, own, layer), strict=True))
    return [chosen.get(area) for area in areas]


def _score_area(
    candidate: Candidate,
    activations: Activations | None,
    area: AreaBenchmark,
    layer: str | None,
    choice: LayerChoice | None,
) -> Score:
    if activations is None or choice is None:
        mapped = candidate.committed.get(area.region)
        if layer is not None or (mapped is None and not _records(candidate.model, area)):
            raise ModelError(
                f'{candidate.identifier} is not a PyTorch network in a ModelCommitment, so its layers cannot be '
                f'chosen here, and it does not record from {area.region} itself.'
            )
        with (
            ceiling_store.kept([area]),
            brainscore_adapter.no_stored_activations(),
            reporting_plugin_errors(candidate.identifier, ModelError),
        ):
            result = area(candidate.model)
        result.attrs.update(layer=str(mapped or area.region), layer_scores={}, commitment='committed by the model')
        _set_own_units(result, [None])
        return result
    form = area.comparison.features
    models = [LayerModel(candidate, activations, {area.region: each}, form) for each in choice.layers]
    parts = [area] if choice.halves is None else [choice.halves.first, choice.halves.second]
    with ceiling_store.kept(parts if choice.halves is None else [area, *parts]):
        result = area(models[0]) if choice.halves is None else area.score_halves(choice.halves, models)
    layers = list(dict.fromkeys(choice.layers))
    # The units of all layers are from one forward pass, also for other areas, where other layers may be chosen.
    known = layers if choice.halves is None else candidate.layers
    own = [own_units(activations, *each, layers=known) for each in zip(parts, choice.layers, strict=True)]
    _set_own_units(result, own)
    result.attrs.update(layer=' | '.join(layers), layer_scores=choice.layer_scores, commitment=choice.how)
    for half, each in zip(result.attrs.get('halves', []), choice.layers, strict=False):
        half['layer'] = each
    return result


def _set_own_units(score: Score, parts: Sequence[OwnUnits | None]) -> None:
    """Give a score the mean of what own units get in its parts, where all of them have it."""
    known = [part for part in parts if part is not None]
    joined = OwnUnits.joined(known) if len(known) == len(parts) else None
    score.attrs['own_units_recordings'] = joined
    if joined is not None:
        score.attrs.update(own_units=joined.value, own_units_interval=joined.interval)


def _records(model: BrainModel, area: AreaBenchmark) -> bool:
    if brainscore_adapter.is_commitment(model):  # it accepts any area, and fails only when it records
        return False
    try:
        model.start_recording(area.region, time_bins=area.timebins)
    except Exception:  # other people's models may raise anything for an unknown area
        return False
    return True


def _score_foreign(candidate: Candidate, benchmark: Benchmark, layer: str | None) -> Score:
    """Score a candidate on a benchmark of brainscore_vision."""
    if layer is not None:
        raise BenchmarkError(
            f'--layer {layer} is for benchmarks of this library; {benchmark.identifier} of brainscore_vision uses the '
            'layers that the model maps itself.'
        )
    with brainscore_adapter.no_stored_activations(), reporting_plugin_errors(benchmark.identifier, BenchmarkError):
        result = benchmark(candidate.model)
    result.attrs.setdefault('formula', 'as brainscore_vision computes it')
    result.attrs.setdefault('layer', str(candidate.committed.get(getattr(benchmark, 'region', ''), '')))
    result.attrs.setdefault('layer_scores', {})
    return result
