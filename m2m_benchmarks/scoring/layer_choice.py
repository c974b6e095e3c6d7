"""Choice of the layer that models an area."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from m2m_benchmarks.benchmarks.comparisons import load_comparison
from m2m_benchmarks.benchmarks.comparisons.base import Features
from m2m_benchmarks.benchmarks.mean import MeanBenchmark
from m2m_benchmarks.benchmarks.neural import AreaBenchmark, Halves
from m2m_benchmarks.errors import BenchmarkError
from m2m_benchmarks.messages import say
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidate import Candidate
from m2m_benchmarks.scoring.layer_model import layer_features


@dataclass(frozen=True)
class LayerChoice:
    """The layers that model an area, and how they were chosen.

    Attributes
    ----------
    layers : tuple of str
        One layer for all neuroids; or one for the first half of them, chosen on the second, and one for the second
        half, chosen on the first.
    how : str
        'named', 'committed by the model', 'the only layer', 'best on all neuroids', or 'cross-fitted: ...'.
    halves : Halves or None
        Halves of the benchmark, where there are two layers.
    layer_scores : dict
        Raw value of each layer on the first half of the neuroids and on the second, by the comparison that the layers
        are chosen by, or on all neuroids where it is scored on all; empty where none was compared.
    """

    layers: tuple[str, ...]
    how: str
    halves: Halves | None
    layer_scores: dict[str, list[float]]


def choose_layer(
    candidate: Candidate, activations: Activations, benchmark: AreaBenchmark, layer: str | None
) -> LayerChoice:
    """Choose the layer that models a benchmark's area.

    A layer that the user names, that the model maps to the area, or that is the candidate's only one, is scored on all
    neuroids. Otherwise, or where the model's map was calibrated on the same dataset, every layer of the candidate is
    scored by the benchmark's comparison, or the one that it names for this, on each half of the neuroids, and the best
    of each half is scored on the other: no animal has a say in the layer that it is scored with. Under the protocol of
    a publication, the best layer on all neuroids may be scored on all (`Comparison.cross_fitted`).

    Parameters
    ----------
    candidate : Candidate
    activations : Activations
    benchmark : AreaBenchmark
    layer : str or None
        Layer that the user names.

    Raises
    ------
    BenchmarkError
        When there are too few neuroids to split, or the layer has too few units or nothing to compare.
    """
    (choice,) = choose_layers(candidate, activations, [benchmark], layer)
    return choice


def choose_layers(
    candidate: Candidate, activations: Activations, benchmarks: Sequence[AreaBenchmark], layer: str | None
) -> list[LayerChoice]:
    """Choose the layers that model the areas of a dataset, whose neuroids are side by side; see `choose_layer`.

    Parameters
    ----------
    candidate, activations, layer
        See `choose_layer`.
    benchmarks : sequence of AreaBenchmark
        Benchmarks of one dataset and comparison.

    Raises
    ------
    BenchmarkError
        See `choose_layer`.
    """
    choices = [_without_comparison(candidate, activations, benchmark, layer) for benchmark in benchmarks]
    several = [benchmark for benchmark, choice in zip(benchmarks, choices, strict=True) if choice is None]
    halves = [split_neuroids(each) if each.comparison.cross_fitted else None for each in several]
    parts = [
        [benchmark] if both is None else [both.first, both.second]
        for benchmark, both in zip(several, halves, strict=True)
    ]
    scores = iter(compare_layers(candidate, activations, [part for own in parts for part in own]))
    best = [_best(own[0], both, [next(scores) for _ in own]) for own, both in zip(parts, halves, strict=True)]
    chosen = iter(best)
    return [choice or next(chosen) for choice in choices]


def _without_comparison(
    candidate: Candidate, activations: Activations, benchmark: AreaBenchmark, layer: str | None
) -> LayerChoice | None:
    """Choose the layer that is named, committed or the only one; None where several are to be compared."""
    named = named_layer(candidate, benchmark, layer)
    if named is None:
        return None
    layer, how = named
    if not _large_enough(activations, benchmark, [layer]):
        raise _too_few_units(candidate, benchmark, layer)
    for _, features in layer_features(activations, benchmark, [layer]):
        _refuse(candidate, benchmark, layer, features)
    return LayerChoice((layer,), how, None, {})


def _best(benchmark: AreaBenchmark, halves: Halves | None, scores: Sequence[dict[str, float]]) -> LayerChoice:
    """Choose the best layer by the scores on all neuroids, or that for each half by those on the other."""
    best = tuple(max(own, key=own.__getitem__) for own in scores)
    layer_scores = {layer: [own[layer] for own in scores] for layer in scores[0]}
    if halves is None:
        return LayerChoice(best, 'best on all neuroids', None, layer_scores)
    by = benchmark.comparison.chosen_by
    how = f'cross-fitted: chosen {"" if by is None else f"by {by} "}on the other half (by {halves.how})'
    return LayerChoice(best[::-1], how, halves, layer_scores)


def named_layer(candidate: Candidate, benchmark: AreaBenchmark, layer: str | None) -> tuple[str, str] | None:
    """Layer that models an area without a choice among several, and how it was chosen; None where there are several.

    Parameters
    ----------
    candidate : Candidate
    benchmark : AreaBenchmark
    layer : str or None
        Layer that the user names.
    """
    if layer is not None:
        return layer, 'named'
    area = benchmark.region
    committed = benchmark.comparison.cross_fitted and candidate.calibrated_on != benchmark.dataset
    if committed and area in candidate.committed:
        return str(candidate.committed[area]), 'committed by the model'
    if len(candidate.layers) == 1:
        return candidate.layers[0], 'the only layer'
    return None


def split_neuroids(benchmark: AreaBenchmark) -> Halves:
    """Split a benchmark into two with different neuroids, to choose a layer on one and score it on the other.

    Returns
    -------
    Halves
        Halves by animal where there are two or more: in order of their number of neuroids, largest first, each animal
        goes to the half with fewer neuroids. Else by neuroid, by a hash of neuroid_id.

    Raises
    ------
    BenchmarkError
        When a half is too small.
    """
    animals = benchmark.recordings.animals
    names, counts = np.unique(animals, return_counts=True)
    if len(names) > 1:
        how, sizes, first = 'animal', [0, 0], []
        for count, name in sorted(zip(-counts, names, strict=True)):
            half = int(sizes[1] < sizes[0])
            sizes[half] -= int(count)
            if half == 0:
                first.append(name)
        mask = np.isin(animals, first)
    else:
        how = 'neuroid'
        ids = benchmark.recordings.mean['neuroid_id'].values
        mask = np.array([hashlib.sha256(str(name).encode()).digest()[0] % 2 == 0 for name in ids])
    if min(mask.sum(), (~mask).sum()) < benchmark.comparison.min_neuroids:
        raise BenchmarkError(
            f'{benchmark.identifier} has too few reliable neuroids to choose a layer on one half and score on the '
            f'other ({int(mask.sum())} and {int((~mask).sum())}). Name the layer: --layer NAME.'
        )
    return benchmark.split(mask, how)


def compare_layers(
    candidate: Candidate, activations: Activations, benchmarks: Sequence[AreaBenchmark]
) -> list[dict[str, float]]:
    """Compute the raw score of every layer of a candidate, in the order of the layers, to choose one.

    The score is that of the comparison that the benchmarks name for this (`Comparison.chosen_by`).

    Layers with too few units for the comparison are left out, and so are those that it objects to, such as one that
    responds the same to all stimuli, with a note on stderr.

    Parameters
    ----------
    candidate : Candidate
    activations : Activations
    benchmarks : sequence of AreaBenchmark
        Benchmarks of one dataset and comparison, such as those of its areas, or the halves of one.

    Returns
    -------
    list of dict
        Scores of the layers on each benchmark.

    Raises
    ------
    BenchmarkError
        When no layer is left.
    """
    # Areas of incomplete recordings may have other stimuli.
    stimuli = [benchmark.stimulus_set.identifier for benchmark in benchmarks]
    scores: list[dict[str, float]] = [{} for _ in benchmarks]
    for identifier in dict.fromkeys(stimuli):
        same = [number for number, own in enumerate(stimuli) if own == identifier]
        benchmark = of_choice(benchmarks[same[0]])
        layers = _large_enough(activations, benchmark, candidate.layers)
        if not layers:
            raise _too_few_units(candidate, benchmark, candidate.layers[0])
        objections: dict[str, str] = {}
        for layer, features in layer_features(activations, benchmark, layers):
            objection = benchmark.comparison.objection(features)
            if objection is not None:
                objections[layer] = objection
                continue
            raws = benchmark.compare(features, [benchmarks[number].recordings for number in same])
            for number, raw in zip(same, raws, strict=True):
                scores[number][layer] = raw.value
        if not scores[same[0]]:
            _refuse(candidate, benchmark, layer, features)
        for layer, objection in objections.items():
            say(
                f'Note on {candidate.identifier}: layer {layer!r} {objection}; {benchmark.identifier} leaves it out of '
                'the choice.'
            )
    return scores


def of_choice(benchmark: AreaBenchmark) -> AreaBenchmark:
    """Make the benchmark that layers are chosen by: with another comparison where its own says so (`chosen_by`)."""
    name = benchmark.comparison.chosen_by
    if name is None:
        return benchmark
    comparison, recorded = load_comparison(name), benchmark.recordings
    return AreaBenchmark(
        benchmark.dataset, benchmark.region, comparison, benchmark.bibtex, benchmark.population, recorded
    )


def _refuse(candidate: Candidate, benchmark: AreaBenchmark, layer: str, features: Features) -> None:
    """Refuse a layer that the comparison objects to."""
    objection = benchmark.comparison.objection(features)
    if objection is not None:
        raise BenchmarkError(
            f'{benchmark.identifier} cannot compare layer {layer!r} of {candidate.identifier}, which {objection}. Name '
            'another layer: --layer NAME.'
        )


def _large_enough(activations: Activations, benchmark: AreaBenchmark, layers: Sequence[str]) -> list[str]:
    """List the layers with enough units for a benchmark's comparison, before the stimuli run through the network."""
    least = benchmark.comparison.min_features
    return list(layers) if least == 1 else [layer for layer, n in activations.n_units(layers).items() if n >= least]


def _too_few_units(candidate: Candidate, benchmark: AreaBenchmark, layer: str) -> BenchmarkError:
    return BenchmarkError(
        f'layer {layer!r} of {candidate.identifier} has fewer than the {benchmark.comparison.min_features} units that '
        f'{benchmark.identifier} needs: its patterns of responses are compared. Name another layer: --layer NAME.'
    )


def calibrate(candidate: Candidate, activations: Activations, benchmark: MeanBenchmark) -> dict[str, str]:
    """Choose the best layer of each area on all of its neuroids.

    This is for a map that is committed once and then scored on other recordings: on the same ones, layers would be
    chosen and scored on the same data.
    """
    scores = compare_layers(candidate, activations, benchmark.areas)
    return {area.region: max(own, key=own.__getitem__) for area, own in zip(benchmark.areas, scores, strict=True)}
