"""Benchmarks of recordings with a metric that this library doesn't know."""

import math
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from brainscore_core.metrics import Metric, Score
from brainscore_core.supported_data_standards.brainio.assemblies import NeuroidAssembly

from m2m_benchmarks.arrays import half_means, standard_error
from m2m_benchmarks.benchmarks.comparisons import COMPARISONS
from m2m_benchmarks.benchmarks.comparisons.base import Ceiling, Comparison, Description, FeatureForm, Features, Raw
from m2m_benchmarks.benchmarks.datasets import RECORDINGS
from m2m_benchmarks.benchmarks.identifiers import GRAMMAR, PROTOCOLS, NeuralIdentifier, parse
from m2m_benchmarks.benchmarks.names import standard_name
from m2m_benchmarks.benchmarks.neural import AreaBenchmark, MeanBenchmark
from m2m_benchmarks.benchmarks.recordings import AreaRecordings
from m2m_benchmarks.data.names import is_part_name
from m2m_benchmarks.errors import BenchmarkError, UnknownNameError
from m2m_benchmarks.plugins import load_benchmark, load_metric

#: How alike two assemblies are: a number, or a Score without dimensions.
MetricFunction = Callable[[NeuroidAssembly, NeuroidAssembly], Score | float]

#: Halvings of the trials that a ceiling is averaged over.
_N_SPLITS = 20
#: Largest difference of two numbers that differ by rounding alone: responses may be float32.
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
        Recordings on this machine.
    area : str or None
        None for the mean over the areas of the dataset.
    metric : str, Metric or callable
        'rdm', 'ridge' or 'cka' of this library; another name that `load_metric` knows; a metric of Brain-Score, or its
        class; or a function `metric(source, target)` of two assemblies (presentation x neuroid, the same stimuli in the
        same order, averaged over trials) that returns a number or a scalar Score. It has to be larger the more alike
        source, the model, and target, the recordings, are. Source holds a seeded sample of at most 1,000 units of a
        layer.
    population : str, optional
        Name of a population, to use its neuroids only; see `data.populations`.
    name : str, optional
        Name of the metric in the benchmark's name, DATASET.AREA-NAME. Without it, that of the function or class.
    n_draws : int
        Number of random halves of the stimuli that the error is computed from; fewer for a slow metric, at least 2.

    Returns
    -------
    AreaBenchmark or MeanBenchmark
        To be given to `score`, or called with a model that maps the area to a layer. The ceiling is the agreement of
        two halves of the trials by the same metric, where the metric is symmetric; the score says so in `ceiling_kind`.

    Raises
    ------
    BenchmarkError
        When the metric can't be called or named, or the recordings are too few.
    UnknownNameError
        When there is no such dataset, area, population or metric.
    DataNotFoundError
        With the command that brings the dataset.
    """
    if population is not None and area is None:
        raise BenchmarkError(f'{population} of {dataset} is a population of an area; name the area.')
    if isinstance(metric, str) and metric in COMPARISONS and name in (None, metric):
        own: AreaBenchmark | MeanBenchmark = load_benchmark(str(NeuralIdentifier(dataset, area, population, metric)))
        return own
    if not isinstance(metric, str) and not callable(metric):
        raise BenchmarkError(
            f'an object of type {type(metric).__name__} is no metric; expected are a name, a metric of Brain-Score, or '
            'a function of two assemblies.'
        )
    if n_draws < 2:
        raise BenchmarkError(f'an error is computed from 2 or more draws; n_draws is {n_draws}.')
    if name is None:
        name = _name_of(metric)
    _check_name(name)
    compare: MetricFunction
    if isinstance(metric, str):
        compare = load_metric(metric)
    else:
        compare = metric() if isinstance(metric, type) else metric
    identifier = parse(standard_name(str(NeuralIdentifier(dataset, area, population, name))))
    if not isinstance(identifier, NeuralIdentifier):
        wrong = str(NeuralIdentifier(dataset, area, population, name))
        raise UnknownNameError('benchmark', wrong, [], f'Names are {GRAMMAR}.')
    comparison = MetricComparison(compare, name, n_draws)
    declared = RECORDINGS.get(dataset)
    bibtex = declared.bibtex if declared else ''
    if identifier.area is None:
        return MeanBenchmark(dataset, comparison, bibtex, declared.areas if declared else ())
    return AreaBenchmark(dataset, identifier.area, comparison, bibtex, population)


def _name_of(metric: Any) -> str:
    """Name of a metric: of itself, of a function, or of a metric's class."""
    if isinstance(metric, str):
        return metric
    for named in (metric, type(metric) if isinstance(metric, Metric) else None):
        name = getattr(named, 'identifier', None) or getattr(named, '__name__', None)
        if isinstance(name, str):
            return name
    return ''


def _check_name(name: str) -> None:
    if not is_part_name(name):
        raise BenchmarkError(
            f'a metric cannot be called {name!r} in the name of a benchmark: expected are letters, digits and '
            "underscores. Give it a name: benchmark(…, name='my_metric')."
        )
    taken = {each.lower() for each in (*COMPARISONS, *PROTOCOLS)}
    if name.lower() in taken:
        raise BenchmarkError(
            f'{name!r} is the name of a comparison of this library, which differs from this metric. Give it another: '
            f"benchmark(…, name='my_{name}')."
        )


class MetricComparison(Comparison):
    """Comparison by a metric of which nothing is known but that it takes two assemblies.

    Parameters
    ----------
    metric : callable
        `metric(source, target)`, as in `benchmark`.
    name : str
    n_draws : int
        Number of random halves of the stimuli that the error is computed from.
    """

    name = 'custom'  # until an instance has one of its own
    metric = 'custom'
    unit = 'stimuli'
    invariant_to = frozenset()
    features = FeatureForm.UNITS
    min_stimuli = 8  # the draws are of half of them
    min_per_animal = 2
    description = Description(raw='the metric', ceiling='half of the trials', formula='raw / ceiling')

    def __init__(self, metric: MetricFunction, name: str, n_draws: int = 100) -> None:
        self.name = self.metric = name
        self._compare = metric
        self._n_draws = n_draws
        self.description = Description(
            raw=f'{name} of model and trial-averaged responses',
            ceiling=f'{name} of two halves of the trials, which a perfect model may pass: its responses have no noise; '
            'none where the metric is not symmetric or does not take them',
            formula='raw / ceiling',
            settings={'error': f'random halves of the stimuli, {n_draws} draws'},
        )

    def raw(self, features: Features, recordings: AreaRecordings, n_draws: int = 1000) -> Raw:
        """Compare the responses of a model with the recordings.

        Metrics may not take a stimulus twice, so the draws are random halves of the stimuli, whose spread is the error
        of the whole (the delete-half jackknife; Shao & Wu 1989, Annals of Statistics 17(3)).
        """
        target = recordings.mean
        source = _assembly(features.values, target)
        value = self._value(source, target)
        n_stimuli = target.sizes['presentation']
        rng = np.random.default_rng(0)
        draws = []
        for _ in range(min(n_draws, self._n_draws)):
            half = np.sort(rng.permutation(n_stimuli)[: n_stimuli // 2])
            draws.append(self._value(source.isel(presentation=half), target.isel(presentation=half)))
        return Raw(value, np.array(draws))

    def ceiling(self, recordings: AreaRecordings) -> Ceiling:
        """Agreement of two halves of the trials, where the metric can tell it; else none, which is 1.

        Raises
        ------
        ValueError
            When the metric is smaller the more alike its assemblies are: the best layer would be the worst.
        """
        halves = (
            tuple(recordings.mean.copy(data=half) for half in both) for both in half_means(recordings.trials, _N_SPLITS)
        )
        first, second = next(halves)
        try:
            agreement, reverse = self._value(first, second), self._value(second, first)
            identity = self._value(first, first)
        except Exception as error:  # whatever a metric of others says to half of the trials
            return _none(f'the metric fails on halves of the trials ({type(error).__name__}: {error})')
        if not all(map(math.isfinite, (agreement, reverse, identity))):
            return _none('the metric gives no finite number for halves of the trials')
        scale = max(abs(agreement), abs(identity))
        if identity < agreement - _ROUNDING * scale:
            raise ValueError(
                f'it gives {identity:.3g} for responses and themselves, and {agreement:.3g} for two halves of the '
                'trials; it has to be larger the more alike they are'
            )
        if abs(agreement - reverse) > _ROUNDING * scale:
            return _none('the metric is not symmetric')
        values = np.array([agreement, *(self._value(*both) for both in halves)])
        if not values.mean() > 0:
            return _none('the halves of the trials agree by no positive number')
        return Ceiling(float(values.mean()), standard_error(values), kind='half of the trials')

    def per_animal(self, features: Features, recordings: AreaRecordings, raw: Raw) -> dict[str, float]:
        """Raw value on the neuroids of each animal; empty where the metric doesn't take so few."""
        try:
            values = super().per_animal(features, recordings, raw)
        except Exception:  # a metric of others may need more neuroids than an animal has
            return {}
        return {animal: value for animal, value in values.items() if math.isfinite(value)}

    def inter_animal(self, recordings: AreaRecordings) -> float | None:
        """Mean over animals of the value of all others as a model of one; None where the metric doesn't take them."""
        try:
            value = super().inter_animal(recordings)
        except Exception:  # as above
            return None
        return value if value is not None and math.isfinite(value) else None

    def _value(self, source: NeuroidAssembly, target: NeuroidAssembly) -> float:
        value = self._compare(source, target)
        shape = getattr(value, 'shape', ())
        if not isinstance(value, numbers.Real | np.ndarray | xr.DataArray) or shape:
            described = f'an array of shape {shape}' if shape else repr(value)[:60]
            raise TypeError(f'it gives {described}; expected a number or a Score without dimensions')
        return float(value)


def _none(reason: str) -> Ceiling:
    return Ceiling(1.0, 0.0, kind=f'none: {reason}')


def _assembly(values: np.ndarray, target: NeuroidAssembly) -> NeuroidAssembly:
    """Responses of a model to the stimuli of an assembly, in its order."""
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
