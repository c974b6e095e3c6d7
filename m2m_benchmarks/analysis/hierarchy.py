"""Functional hierarchy: which depth of a network matches which area best, beside the anatomical hierarchy."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from m2m_benchmarks.arrays import spearman
from m2m_benchmarks.arrays.rank_permutation import permuted_spearman
from m2m_benchmarks.benchmarks.comparisons.base import Features
from m2m_benchmarks.benchmarks.mean import MeanBenchmark
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.errors import BenchmarkError, ModelError
from m2m_benchmarks.plugins import load_benchmark
from m2m_benchmarks.progress import Progress, silent
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.layer_choice import compare_layers
from m2m_benchmarks.scoring.layer_model import layer_features
from m2m_benchmarks.scoring.specs import parse_candidate

#: Place of each area in the anatomical hierarchy of the mouse (Harris et al. 2019, as Siegle et al. 2021 use it).
ANATOMY = {'VISp': -0.357, 'VISl': -0.093, 'VISrl': -0.059, 'VISal': 0.152, 'VISpm': 0.327, 'VISam': 0.441}
#: Fewest areas for an order.
FEWEST_AREAS = 3
#: Bounds of an interval, in percent of the draws.
_BOUNDS = (2.5, 97.5)


@dataclasses.dataclass(frozen=True)
class AreaDepth:
    """The depth of a network that matches an area best.

    Attributes
    ----------
    area : str
    anatomical : float
        Place in the anatomical hierarchy.
    layer : str
        Layer with the largest raw value.
    depth : float
        Its place among the layers: 0 for the first, 1 for the last.
    interval : tuple of float or None
        Depths of the best layers of 95 % of the draws; None for a comparison without draws.
    values : dict
        Raw value of each layer.
    """

    area: str
    anatomical: float
    layer: str
    depth: float
    interval: tuple[float, float] | None
    values: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Hierarchy:
    """Depths of a network beside the anatomical hierarchy.

    Attributes
    ----------
    benchmark, candidate : str
    areas : list of AreaDepth
        Areas in their anatomical order.
    correlation : float
        Spearman correlation of depths and anatomical places: 0 is chance, 1 perfect.
    interval : tuple of float or None
        Correlations on 95 % of the draws of animals and stimuli; None for a comparison without draws.
    p : float
        Share of all orders of the areas with a correlation as far from 0.
    """

    benchmark: str
    candidate: str
    areas: list[AreaDepth]
    correlation: float
    interval: tuple[float, float] | None
    p: float

    def document(self) -> dict[str, Any]:
        """Convert to a dictionary for JSON."""
        return {**dataclasses.asdict(self), 'chance': 0.0, 'perfect': 1.0}

    def table(self) -> pd.DataFrame:
        """Make the table of all areas and layers: the raw value of each, and whether it is the best of its area."""
        rows = [
            (own.area, own.anatomical, layer, value, layer == own.layer)
            for own in self.areas
            for layer, value in own.values.items()
        ]
        return pd.DataFrame(rows, columns=['area', 'anatomical', 'layer', 'raw', 'best'])

    def depths(self) -> pd.DataFrame:
        """Make the table of the areas: anatomical place, best layer, its depth and the interval of that."""
        rows = [(own.area, own.anatomical, own.layer, own.depth, *(own.interval or (None, None))) for own in self.areas]
        return pd.DataFrame(rows, columns=['area', 'anatomical', 'best_layer', 'depth', 'depth_low', 'depth_high'])


def hierarchy(
    model: str, benchmark: str, weights: str = 'default', seed: int = 0, progress: Progress | None = None
) -> Hierarchy:
    """Compare the depths at which a network matches areas best with the anatomical hierarchy.

    Parameters
    ----------
    model : str
        Candidate; see `scoring.specs.parse_candidate`.
    benchmark : str
        Benchmark of the areas of a dataset, such as Siegle2021-rdm, whose comparison and draws are used.
    weights : str
        Weights of a model without `@`.
    seed : int
        Random seed of untrained weights.
    progress : callable, optional

    Raises
    ------
    M2MError
        When the model or the benchmark doesn't exist.
    BenchmarkError
        When the benchmark has fewer than three areas of the anatomical hierarchy.
    ModelError
        When the model has fewer than two layers that can be compared.
    """
    report = progress or silent
    loaded = load_benchmark(benchmark)
    if not isinstance(loaded, MeanBenchmark):
        raise BenchmarkError(f'{benchmark} is not of the areas of a dataset; name one, such as Siegle2021-rdm.')
    areas = sorted((area for area in loaded.areas if area.region in ANATOMY), key=lambda area: ANATOMY[area.region])
    if len(areas) < FEWEST_AREAS:
        raise BenchmarkError(
            f'{benchmark} has {len(areas)} of the areas {", ".join(ANATOMY)}; an order needs {FEWEST_AREAS} or more.'
        )
    spec = parse_candidate(model, weights)
    candidate = load_candidate(spec.name, weights=spec.weights, seed=seed)
    activations = Activations(candidate, progress)
    comparable = compare_layers(candidate, activations, areas)
    layers = [layer for layer in candidate.layers if all(layer in own for own in comparable)]
    if len(layers) < 2:
        n = f'{len(layers)} layer{"" if len(layers) == 1 else "s"}'
        raise ModelError(
            f'{spec.label} has {n} that can be compared; a depth needs two or more. Name a network with more layers.'
        )
    values, draws = {}, {}
    for done, area in enumerate(areas):
        report('areas', done, len(areas))
        values[area.region], draws[area.region] = layer_values(area, layer_features(activations, area, layers))
    report('areas', len(areas), len(areas))
    return compare_depths(benchmark, spec.label, values, draws)


def layer_values(
    area: AreaBenchmark, features: Iterable[tuple[str, Features]]
) -> tuple[dict[str, float], np.ndarray | None]:
    """Compare each layer with an area.

    Parameters
    ----------
    area : AreaBenchmark
    features : iterable of (layer, Features)

    Returns
    -------
    dict
        Raw value of each layer.
    array, shape (n_layers, n_draws), or None
        The same on draws of animals and stimuli, which are the same for all layers and areas; None for a comparison
        without draws.
    """
    raws = {layer: area.comparison.raw(own, area.recordings, area.sample) for layer, own in features}
    on_draws = [raw.draws[0] for raw in raws.values() if raw.draws is not None]
    return {layer: raw.value for layer, raw in raws.items()}, np.array(on_draws) if on_draws else None


def compare_depths(
    benchmark: str, candidate: str, values: Mapping[str, Mapping[str, float]], draws: Mapping[str, np.ndarray | None]
) -> Hierarchy:
    """Compare the depths of the best layers with the anatomical hierarchy.

    Parameters
    ----------
    benchmark, candidate : str
    values : mapping
        Raw value of each layer for each area, layers in their order.
    draws : mapping
        The same on draws, for each area; see `layer_values`.
    """
    names = list(next(iter(values.values())))
    anatomical = np.array([ANATOMY[area] for area in values])
    depths, on_draws, areas = [], [], []
    for (area, own), place in zip(values.items(), anatomical, strict=True):
        best = int(np.argmax(list(own.values())))
        drawn = draws[area]
        interval = None
        if drawn is not None:
            on_draws.append(drawn.argmax(axis=0) / (len(names) - 1))
            interval = _interval(on_draws[-1])
        depths.append(best / (len(names) - 1))
        areas.append(AreaDepth(area, float(place), names[best], depths[-1], interval, dict(own)))
    correlation, p = permuted_spearman(anatomical, np.array(depths))
    correlations = np.array([spearman(anatomical, drawn) for drawn in np.transpose(on_draws)])
    return Hierarchy(benchmark, candidate, areas, correlation, _interval(correlations) if on_draws else None, p)


def _interval(draws: np.ndarray) -> tuple[float, float]:
    """Bounds of 95 % of the draws."""
    low, high = np.percentile(draws, _BOUNDS)
    return float(low), float(high)
