"""Benchmarks of recordings with a metric of the user or of Brain-Score."""

import math
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from brainscore_core.metrics import Metric, Score
from brainscore_core.supported_data_standards.brainio.assemblies import NeuroidAssembly

from m2m_benchmarks.arrays import Sample, half_means
from m2m_benchmarks.benchmarks.comparisons import KNOWN
from m2m_benchmarks.benchmarks.comparisons.base import (
    Ceiling,
    Comparison,
    Description,
    FeatureForm,
    Features,
    Raw,
    over_draws,
)
from m2m_benchmarks.benchmarks.datasets import RECORDINGS
from m2m_benchmarks.benchmarks.identifiers import GRAMMAR, PROTOCOLS, NeuralIdentifier, parse
from m2m_benchmarks.benchmarks.mean import MeanBenchmark
from m2m_benchmarks.benchmarks.names import standard_name
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.benchmarks.recordings import AreaRecordings
from m2m_benchmarks.data.names import is_part_name
from m2m_benchmarks.errors import BenchmarkError, UnknownNameError
from m2m_benchmarks.plugins import load_benchmark, load_metric

#: Similarity of two assemblies: a number, or a Score without dimensions.
MetricFunction = Callable[[NeuroidAssembly, NeuroidAssembly], Score | float]

#: Number of random splits of the trials that a ceiling is averaged over.
_N_SPLITS = 20
#: Largest relative difference that rounding can make; responses may be float32.
_ROUNDING = 1e-5


def benchmark(
    dataset: str,
    area: str | None,
    metric: str | type[Metric] | MetricFunction,
    *,
    population: str | None = None,
    name: str | None = None,
    n_draws: int = 100,
) -> AreaBenchmark | MeanBenchmark:
    """Make a benchmark of recordings and a metric.

    Parameters
    ----------
    dataset : str
        Name of recordings on this machine.
    area : str or None
        Area; None for the mean over the areas of the dataset.
    metric : str, Metric or callable
        A comparison of this library (`comparisons.KNOWN`), such as 'rdm'; another name that `load_metric` knows;
        a metric of Brain-Score or its class; or a function `metric(source, target)` of two assemblies (presentation x
        neuroid, averaged over trials, with the same stimuli in the same order) that returns a number or a scalar Score.
        It must be larger the more similar source (the model) and target (the recordings) are. The source is a seeded
        sample of at most 1,000 units of a layer.
    population : str, optional
        Name of a population, whose neuroids alone are used; see `data.populations`.
    name : str, optional
        Name of the metric in the benchmark's name, DATASET.AREA-NAME. By default that of the function or class.
    n_draws : int
        Number of random halves of the stimuli for the error, at least 2. Choose fewer for a slow metric. This library's
        own comparisons have draws of their own.

    Returns
    -------
    AreaBenchmark or MeanBenchmark
        Benchmark for `score`, or to be called with a model that maps the area to a layer. If the metric is symmetric,
        the ceiling is its value for two halves of the trials; the attribute `ceiling_kind` of the score says so.

    Raises
    ------
    BenchmarkError
        When the metric isn't callable, has no valid name, or there are too few recordings.
    UnknownNameError
        When there is no such dataset, area, population or metric.
    DataNotFoundError
        When the dataset isn't here; the message has the command that brings it.
    """
    if population is not None and area is None:
        raise BenchmarkError(f'{population} of {dataset} is a population of an area; also give the area.')
    if isinstance(metric, str) and metric in KNOWN and name in (None, metric):
        known: AreaBenchmark | MeanBenchmark = load_benchmark(str(NeuralIdentifier(dataset, area, population, metric)))
        return known
    if not isinstance(metric, str) and not callable(metric):
        raise BenchmarkError(
            f'an object of type {type(metric).__name__} is not a metric; expected a name, a metric of Brain-Score, or '
            'a function of two assemblies.'
        )
    if n_draws < 2:
        raise BenchmarkError(f'n_draws is {n_draws}; expected 2 or more, from which an error can be computed.')
    if name is None:
        name = _metric_name(metric)
    _check_name(name)
    compare: MetricFunction
    if isinstance(metric, str):
        compare = load_metric(metric)
    else:
        compare = metric() if isinstance(metric, type) else metric
    identifier = parse(standard_name(str(NeuralIdentifier(dataset, area, population, name))))
    if not isinstance(identifier, NeuralIdentifier):
        invalid = str(NeuralIdentifier(dataset, area, population, name))
        raise UnknownNameError('benchmark', invalid, [], f'Names are {GRAMMAR}.')
    comparison = MetricComparison(compare, name, n_draws)
    declared = RECORDINGS.get(dataset)
    bibtex = declared.bibtex if declared else ''
    if identifier.area is None:
        return MeanBenchmark(dataset, comparison, bibtex, declared.areas if declared else ())
    return AreaBenchmark(dataset, identifier.area, comparison, bibtex, population)


def _metric_name(metric: Any) -> str:
    """Name of a metric: its identifier, or the name of the function or class; '' if it has none."""
    if isinstance(metric, str):
        return metric
    for source in (metric, type(metric) if isinstance(metric, Metric) else None):
        name = getattr(source, 'identifier', None) or getattr(source, '__name__', None)
        if isinstance(name, str):
            return name
    return ''


def _check_name(name: str) -> None:
    if not is_part_name(name):
        raise BenchmarkError(
            f'{name!r} is not a valid name for a metric: expected letters, digits and underscores. Give it a name: '
            "benchmark(…, name='my_metric')."
        )
    if name.lower() in {used.lower() for used in (*KNOWN, *PROTOCOLS)}:
        raise BenchmarkError(
            f'{name!r} is the name of a comparison of this library, which differs from this metric. Give it another '
            f"name: benchmark(…, name='my_{name}')."
        )


class MetricComparison(Comparison):
    """Comparison by any metric of two assemblies.

    Parameters
    ----------
    metric : callable
        Function `metric(source, target)`; see `benchmark`.
    name : str
    n_draws : int
        Number of random halves of the stimuli for the error.
    """

    name = 'custom'  # replaced in each instance
    metric = 'custom'
    repeat_stimuli = False  # metrics may not allow a stimulus twice
    invariant_to = frozenset()
    features = FeatureForm.UNITS
    min_stimuli = 8  # the draws are of half of them
    min_per_animal = 2
    description = Description(raw='the metric', ceiling='half of the trials', formula='raw / ceiling')

    def __init__(self, metric: MetricFunction, name: str, n_draws: int = 100) -> None:
        self.name = self.metric = name
        self._compare = metric
        self.n_draws = n_draws
        self.description = Description(
            raw=f'{name} of model and trial-averaged responses',
            ceiling=f'{name} of two halves of the trials, which a perfect model may pass: its responses have no noise; '
            'none where the metric is not symmetric or does not take them',
            formula='raw / ceiling',
        )

    def raw(self, features: Features, recordings: AreaRecordings, sample: Sample | None = None) -> Raw:
        """Compare the responses of a model with the recordings."""
        target = recordings.mean
        source = _model_assembly(features.values, target)
        value = self._value(source, target)
        if sample is None:
            return Raw(value)

        def drawn(stimuli: np.ndarray, neuroids: np.ndarray) -> float:
            half = np.flatnonzero(stimuli)
            repeated = np.repeat(np.arange(len(neuroids)), neuroids)
            return self._value(source.isel(presentation=half), target.isel(presentation=half, neuroid=repeated))

        return Raw(value, over_draws(sample, drawn))

    def ceiling(self, recordings: AreaRecordings, sample: Sample | None = None) -> Ceiling:
        """Agreement of two halves of the trials; 1, for no ceiling, if the metric can't measure it.

        Raises
        ------
        ValueError
            When the metric is smaller the more similar its assemblies are, which would reverse the order of layers.
        """
        halves = (
            tuple(recordings.mean.copy(data=half) for half in both) for both in half_means(recordings.trials, _N_SPLITS)
        )
        first, second = next(halves)
        try:
            agreement, reverse = self._value(first, second), self._value(second, first)
            identity = self._value(first, first)
        except Exception as error:  # a user's metric may raise anything
            return _no_ceiling(f'the metric fails on halves of the trials ({type(error).__name__}: {error})')
        if not all(map(math.isfinite, (agreement, reverse, identity))):
            return _no_ceiling('the metric gives no finite number for halves of the trials')
        scale = max(abs(agreement), abs(identity))
        if identity < agreement - _ROUNDING * scale:
            raise ValueError(
                f'the metric is {identity:.3g} for responses and themselves, and {agreement:.3g} for two halves of the '
                'trials; expected a metric that is larger the more similar the responses are'
            )
        if abs(agreement - reverse) > _ROUNDING * scale:
            return _no_ceiling('the metric is not symmetric')
        try:
            values = np.array([agreement, *(self._value(*both) for both in halves)])
        except Exception as error:  # as above
            return _no_ceiling(f'the metric fails on halves of the trials ({type(error).__name__}: {error})')
        if not np.isfinite(values).all():
            return _no_ceiling('the metric gives no finite number for halves of the trials')
        if not values.mean() > 0:
            return _no_ceiling('the metric is not positive for halves of the trials')
        return Ceiling(float(values.mean()), kind='half of the trials')

    def per_animal(self, features: Features, recordings: AreaRecordings, raw: Raw) -> dict[str, float]:
        """Raw value on the neuroids of each animal; empty if the metric fails on so few neuroids."""
        try:
            values = super().per_animal(features, recordings, raw)
        except Exception:  # a user's metric may need more neuroids than an animal has
            return {}
        return {animal: value for animal, value in values.items() if math.isfinite(value)}

    def other_mice(self, recordings: AreaRecordings) -> dict[str, float]:
        """Value of each animal with all other animals as the model; empty if the metric fails on them."""
        try:
            values = super().other_mice(recordings)
        except Exception:  # as above
            return {}
        return {animal: value for animal, value in values.items() if math.isfinite(value)}

    def _value(self, source: NeuroidAssembly, target: NeuroidAssembly) -> float:
        value = self._compare(source, target)
        shape = getattr(value, 'shape', ())
        if not isinstance(value, numbers.Real | np.ndarray | xr.DataArray) or shape:
            actual = f'an array of shape {shape}' if shape else repr(value)[:60]
            raise TypeError(f'the metric returns {actual}; expected a number or a Score without dimensions')
        return float(value)


def _no_ceiling(reason: str) -> Ceiling:
    return Ceiling(1.0, kind=f'none: {reason}')


def _model_assembly(values: np.ndarray, target: NeuroidAssembly) -> NeuroidAssembly:
    """Make an assembly of a model's responses, which are in the order of `target`."""
    names = target.indexes['presentation'].names
    return NeuroidAssembly(
        values,
        coords={
            **{name: ('presentation', target[name].values) for name in names},
            'neuroid_id': ('neuroid', np.arange(values.shape[1])),
            'region': ('neuroid', np.full(values.shape[1], 'model')),
        },
        dims=['presentation', 'neuroid'],
        attrs={'stimulus_set': target.attrs['stimulus_set']},
    )
