"""Responses of a model beside those of the areas that it was scored on: RDMs, predictions, scenes, neuroids."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from m2m_benchmarks.acquisition import images
from m2m_benchmarks.analysis.scenes import pattern_correlation, rank_agreement
from m2m_benchmarks.analysis.shown_responses import (
    N_NEUROIDS,
    N_SCENES,
    N_TOP,
    Geometry,
    Predictions,
    Responses,
    extremes,
)
from m2m_benchmarks.arrays import kfold, pearson, rdm
from m2m_benchmarks.benchmarks.comparisons.regression import Regression
from m2m_benchmarks.benchmarks.identifiers import NeuralIdentifier, parse
from m2m_benchmarks.benchmarks.mean import MeanBenchmark
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.data.versions import reporting_replacement
from m2m_benchmarks.errors import BenchmarkError, DataError, M2MError, ModelError
from m2m_benchmarks.plugins import load_benchmark, reporting_plugin_errors
from m2m_benchmarks.progress import Progress, silent
from m2m_benchmarks.records.record import Part, Result
from m2m_benchmarks.records.selection import TOLERANCE
from m2m_benchmarks.scoring import brainscore_adapter
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidate import Candidate
from m2m_benchmarks.scoring.layer_choice import split_neuroids
from m2m_benchmarks.scoring.layer_model import layer_features
from m2m_benchmarks.scoring.low_passed import seen_by_mouse
from m2m_benchmarks.scoring.results import benchmark_fields

#: Comparisons whose responses are shown: of RDMs, and regressions.
GEOMETRY, REGRESSIONS = 'rdm', ('ridge', 'pls')
#: Most stimuli whose RDMs are shown.
MOST_STIMULI = 500
#: Longest side of the pictures of scenes, in pixels.
PICTURE_PIXELS = 96


def measure_responses(
    load: Callable[[], Candidate], results: Sequence[Result], progress: Progress | None = None
) -> Responses:
    """Compare the responses of a model with the recordings that it was scored on, with the layers of its scores.

    Parameters
    ----------
    load : callable
        Function that loads the candidate; it is called where a result is on recordings.
    results : sequence of Result
        Results of the candidate.
    progress : callable, optional

    Returns
    -------
    Responses
        What can't be shown is left out with a note: recordings that are no longer here or were replaced, weights that
        differ from those of the score, and areas whose raw value isn't that of the score.
    """
    report = progress or silent
    measured = Responses([], [], [])
    wanted = [result for result in results if _comparison(result) in (GEOMETRY, *REGRESSIONS)]
    if not wanted:
        return measured
    try:
        candidate = load()
        activations = None if candidate.module is None else Activations(candidate, report)
    except M2MError as error:
        return Responses([], [], [f'Responses are not shown: {error}'])
    for number, result in enumerate(wanted):
        try:
            benchmark = _load(result, candidate)
            areas = benchmark.areas if isinstance(benchmark, MeanBenchmark) else [benchmark]
        except M2MError as error:
            measured.notes.append(f'{result.benchmark}: responses are not shown: {error}')
            continue
        for area in areas:
            part = (result.areas or {}).get(area.region, result)
            try:
                with reporting_replacement(area.versions):
                    _measure(candidate, activations, result, part, area, measured)
            except M2MError as error:
                measured.notes.append(f'{result.benchmark}, {area.region}: responses are not shown: {error}')
        report('responses', number + 1, len(wanted))
    return measured


def _comparison(result: Result) -> str | None:
    name = parse(result.benchmark)  # None for one of selected neurons, whose selection isn't stored
    return name.comparison if isinstance(name, NeuralIdentifier) else None


def _load(result: Result, candidate: Candidate) -> AreaBenchmark | MeanBenchmark:
    """Load the benchmark of a result, and check that it and the candidate are those that were scored."""
    untrained = (result.weights or '').startswith('none')  # its last bits differ between processors
    hashes = (candidate.weights_sha256, result.weights_sha256)
    if not untrained and None not in hashes and hashes[0] != hashes[1]:
        raise ModelError(
            'the weights of the model are others than those of the score; score it again: m2m score MODEL '
            f'{result.benchmark}.'
        )
    benchmark = load_benchmark(result.benchmark)
    if candidate.mouse_acuity:
        benchmark = seen_by_mouse(benchmark)
    assert isinstance(benchmark, AreaBenchmark | MeanBenchmark)
    here = benchmark_fields(benchmark)
    if (here['data_sha256'], here['version']) != (result.data_sha256, result.version):
        raise DataError(
            'the recordings on this machine, or the version of the benchmark, are others than those of the score; '
            f'score it again: m2m score MODEL {result.benchmark}.'
        )
    return benchmark


def _measure(
    candidate: Candidate,
    activations: Activations | None,
    result: Result,
    part: Result | Part,
    area: AreaBenchmark,
    measured: Responses,
) -> None:
    """Compare the responses to the stimuli of one area, and add them to what is measured."""
    ids = area.recordings.mean['stimulus_id'].values.astype(str).tolist()
    halves = list(_halves(part, area))
    values = [_features(candidate, activations, half, layer) for half, layer, _ in halves]
    layers = tuple(dict.fromkeys(layer for _, layer, _ in halves))
    name = (result.benchmark, area.region, layers, ids)
    if isinstance(area.comparison, Regression):
        predictions = _predict(area, halves, values, name)
        _check_raw(float(np.median(predictions.r)), part)
        measured.predictions.append(predictions)
        return
    if len(ids) > MOST_STIMULI:
        raise BenchmarkError(f'RDMs of more than {MOST_STIMULI} stimuli are not shown; these are of {len(ids)}.')
    of_layers = {layer: rdm(own) for (_, layer, _), own in zip(halves, values, strict=True)}
    agreement = np.mean(
        [rank_agreement(rdm(half.recordings.mean.values), of_layers[layer]) for half, layer, _ in halves], axis=0
    )
    _check_raw(float(agreement.mean()), part)
    shown = {index for own in extremes(agreement, N_SCENES) for index in own}
    brain = rdm(area.recordings.mean.values)
    measured.geometries.append(Geometry(*name, agreement, _pictures(area, ids, shown), brain, of_layers))


def _halves(part: Result | Part, area: AreaBenchmark) -> Iterator[tuple[AreaBenchmark, str, np.ndarray]]:
    """Yield each half of an area with its layer and the mask of its neuroids; or the whole area, with one layer."""
    layers = [str(half.get('layer', '')) for half in part.halves or ()]
    if len(layers) != 2:
        yield area, str(part.layer), np.ones(len(area.recordings.animals), dtype=bool)
        return
    both = split_neuroids(area)
    yield both.first, layers[0], both.mask
    yield both.second, layers[1], ~both.mask


def _features(candidate: Candidate, activations: Activations | None, area: AreaBenchmark, layer: str) -> np.ndarray:
    """Responses of a layer, or of a model that records by itself, to the stimuli of an area, in their order."""
    if activations is not None:
        ((_, features),) = layer_features(activations, area, [layer])
        return features.values
    with brainscore_adapter.no_stored_activations(), reporting_plugin_errors(candidate.identifier, ModelError):
        return area.features(candidate.model).values


def _predict(
    area: AreaBenchmark,
    halves: Sequence[tuple[AreaBenchmark, str, np.ndarray]],
    values: Sequence[np.ndarray],
    name: tuple[str, str, tuple[str, ...], list[str]],
) -> Predictions:
    comparison, recorded = area.comparison, area.recordings
    assert isinstance(comparison, Regression)
    responses = recorded.mean.values
    predicted = np.empty(responses.shape)
    layer_of_each = np.empty(responses.shape[1], dtype=object)
    for (half, layer, mask), features in zip(halves, values, strict=True):
        predicted[:, mask] = comparison.predict(features, half.recordings.mean.values, kfold(len(responses)))
        layer_of_each[mask] = layer
    r, scenes = pearson(predicted, responses), pattern_correlation(predicted, responses)
    best_and_worst = [index for own in extremes(r, N_NEUROIDS) for index in own]
    tops = np.argsort(-responses[:, best_and_worst], axis=0, kind='stable')[:N_TOP].ravel().tolist()
    shown = {*tops, *(index for own in extremes(scenes, N_SCENES) for index in own)}
    return Predictions(
        *name,
        scenes,
        _pictures(area, name[-1], shown),
        responses=responses,
        predictions=predicted,
        r=r,
        reliability=recorded.reliability,
        neuroid_ids=recorded.mean['neuroid_id'].values.astype(str).tolist(),
        animals=recorded.animals.astype(str).tolist(),
        layer_of_each=layer_of_each.tolist(),
    )


def _check_raw(value: float, part: Result | Part) -> None:
    """Check that a raw value is that of the score: if not, the model isn't what it was."""
    if part.raw is None or abs(value - part.raw) > TOLERANCE:
        raise ModelError(
            f'the model gets a raw value of {value:.3f}, and the score was computed from '
            f'{"none" if part.raw is None else f"{part.raw:.3f}"}: the model has changed. Score it again.'
        )


def _pictures(area: AreaBenchmark, ids: Sequence[str], shown: set[int]) -> dict[str, np.ndarray]:
    """Make small pictures of some stimuli."""
    paths = {ids[index]: Path(area.stimulus_set.get_stimulus(ids[index])) for index in sorted(shown)}
    return {stimulus: images.thumbnail(path, PICTURE_PIXELS) for stimulus, path in paths.items()}
