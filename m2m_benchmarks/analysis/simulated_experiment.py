"""Experiments that are simulated from the layers of candidates, and which layers and candidates are found in them."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from m2m_benchmarks.arrays import wilson_interval
from m2m_benchmarks.arrays.simulation import Population, at_own_scale, population_of
from m2m_benchmarks.benchmarks.comparisons.base import Features, Raw
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.errors import BenchmarkError
from m2m_benchmarks.scoring.layer_choice import of_choice, split_neuroids
from m2m_benchmarks.scoring.own_units import draw_units, simulated_recordings


@dataclass(frozen=True)
class Share:
    """Share of simulated recordings, with its 95 % interval (Wilson).

    Attributes
    ----------
    value : float
    interval : (low, high)
    n : int
        Number of recordings.
    """

    value: float
    interval: tuple[float, float]
    n: int


@dataclass(frozen=True)
class Answers:
    """Models and layers that are found by one way of choosing layers.

    Attributes
    ----------
    model, layer : Share
        Share of the recordings whose model, and whose layer, has the highest value.
    models : list of list of int
        Numbers of recordings: of each candidate (rows), for which each candidate was found (columns).
    layers : list of list of int
        The same for layers. Of layers chosen on halves, each half counts.
    model_intervals, layer_intervals : list of list of (low, high) or None
        95 % interval (Wilson) of each number as a share of its row; None in a row without recordings.
    """

    model: Share
    layer: Share
    models: list[list[int]]
    layers: list[list[int]]
    model_intervals: list[list[tuple[float, float] | None]]
    layer_intervals: list[list[tuple[float, float] | None]]


@dataclass(frozen=True)
class Setting:
    """Size of the simulated recordings, kind of their truth, and what is found.

    Attributes
    ----------
    n_neuroids, n_trials, n_images : int
        Size; the number of trials is the median over neuroids and images.
    truth : str
        'own layer' of a candidate; 'own layer, own scale': with the means and gains of the units themselves in place of
        the recorded ones; 'mixture of two layers': two thirds of the neuroids are units of one, and a third of its
        neighbour; or 'another seed' of an untrained candidate. Of the last two, the nearer layer counts as right.
    cross_fitted, all_neuroids : Answers
        Layers are chosen on each half of the neuroids and scored on the other, as for a score; or on all.
    """

    n_neuroids: int
    n_trials: int
    n_images: int
    truth: str
    cross_fitted: Answers
    all_neuroids: Answers


@dataclass(frozen=True)
class Layer:
    """One layer of a candidate: its responses as they are compared, and its units."""

    candidate: int
    name: str
    features: Features
    units: np.ndarray


@dataclass(frozen=True)
class Truth:
    """Units that neuroids are simulated from, with their shares of the neuroids; `layer` is the right answer."""

    layer: int
    parts: tuple[tuple[np.ndarray, float], ...]
    own_scale: bool = False


class Experiment:
    """Simulates recordings of an area, and finds the layers and models with the highest values.

    As for a score, layers are chosen by another comparison where that of the area names one (`Comparison.chosen_by`).
    """

    def __init__(self, area: AreaBenchmark, layers: Sequence[Layer], n_candidates: int, seed: int) -> None:
        self._area, self._layers, self._seed = area, layers, seed
        self._owner = np.array([layer.candidate for layer in layers])
        self._n_candidates = n_candidates
        recorded = area.recordings
        self._population = population_of(recorded.trials, recorded.reliability)
        self._chooser = of_choice(area)
        self._first = split_neuroids(area).mask

    def run(
        self,
        kind: str,
        truths: Sequence[Truth],
        size: tuple[int, int | None, int],
        n_recordings: int,
        number: int,
        step: Callable[[], None],
    ) -> Setting:
        """Simulate recordings of one size from each truth, and count what is found."""
        n_neuroids, n_trials, n_images = size
        right, crossed_models, crossed_layers, all_layers = [], [], [], []
        for position, truth in enumerate(truths):
            for repetition in range(n_recordings):
                rng = np.random.default_rng([self._seed, number, position, repetition])
                halves, whole, joined = self._values(truth, n_neuroids, n_trials, n_images, rng)
                best = [self._best_of_each(half) for half in halves]
                scores = [joined(of_second, of_first) for of_first, of_second in zip(*best, strict=True)]
                right.append(truth.layer)
                crossed_models.append(int(np.argmax(scores)))
                crossed_layers.append([int(np.argmax(half)) for half in halves])
                on_all = self._best_of_each(whole)
                values = whole[on_all] if self._chooser is self._area else [joined(each, each) for each in on_all]
                all_layers.append(on_all[int(np.argmax(values))])
                step()
        used = self._population.n_trials if n_trials is None else np.array([n_trials])
        return Setting(
            n_neuroids,
            int(np.median(used)),
            n_images,
            kind,
            self._answers(np.array(right), np.array(crossed_models), np.array(crossed_layers)),
            self._answers(np.array(right), self._owner[all_layers], np.array(all_layers)[:, None]),
        )

    def _values(
        self, truth: Truth, n_neuroids: int, n_trials: int | None, n_images: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, Callable[[int, int], float]]:
        """Raw values on one simulated recording.

        Returns
        -------
        halves : array, shape (2, n_layers)
            Value of each layer by which it is chosen, on both halves of the neuroids.
        whole : array, shape (n_layers,)
            The same on all neuroids. Of a comparison by neuroid, the median over both halves.
        joined : callable
            Value of a candidate, with its layers for the first and for the second half; on one recording the ceilings
            are the same for all.
        """
        n_recorded = len(self._first)
        order = np.arange(n_recorded)
        if n_neuroids != n_recorded:
            order = rng.choice(n_recorded, n_neuroids, replace=n_neuroids > n_recorded)
        first = self._first[order]
        least = self._area.comparison.min_neuroids
        if min(first.sum(), (~first).sum()) < least:
            raise BenchmarkError(
                f'{n_neuroids} of the neuroids of {self._area.identifier} are too few to choose a layer on one half '
                f'and score on the other: {first.sum()} and {(~first).sum()}, and each needs {least}.'
            )
        all_images, n_shown = len(truth.parts[0][0]), len(self._population.n_trials)
        rows = np.arange(n_shown) if n_images == n_shown else np.sort(rng.choice(all_images, n_images, replace=False))
        population = self._population[order]
        shown = population.n_trials
        if n_trials is not None or n_images != n_shown:
            shown = np.full((n_images, 1), int(np.median(shown)) if n_trials is None else n_trials)
        units = _drawn(truth, population, rng)[rows]
        scale = at_own_scale(units, population) if truth.own_scale else population
        # Names of stimuli, which comparisons by position don't use, repeat where there are more than recorded.
        recorded = self._area.recordings
        selected = dataclasses.replace(
            recorded, mean=recorded.mean.isel(neuroid=order, presentation=np.arange(n_images) % n_shown)
        )
        simulated = simulated_recordings(self._area, selected, units, scale, rng, shown)
        parts = [simulated[first], simulated[~first]]
        whole, halves = [], []
        raws: dict[tuple[int, int], Raw] = {}

        def features_of(layer: Layer) -> Features:
            return dataclasses.replace(layer.features, values=layer.features.values[rows])

        for number, layer in enumerate(self._layers):
            features = features_of(layer)
            own = self._chooser.compare(features, parts)
            halves.append([raw.value for raw in own])
            if own[0].per_neuroid is None:
                whole.append(self._chooser.compare(features, [simulated])[0].value)
            else:
                whole.append(_median(own))
            if self._chooser is self._area:
                raws.update({(number, half): raw for half, raw in enumerate(own)})

        def joined(of_first: int, of_second: int) -> float:
            chosen = [(of_first, 0), (of_second, 1)]
            for number, half in chosen:
                if (number, half) not in raws:
                    (raws[number, half],) = self._area.compare(features_of(self._layers[number]), [parts[half]])
            both = [raws[each] for each in chosen]
            return both[0].value + both[1].value if both[0].per_neuroid is None else _median(both)

        return np.transpose(halves), np.array(whole), joined

    def _best_of_each(self, values: np.ndarray) -> list[int]:
        """Best layer of each candidate."""
        own = [np.flatnonzero(self._owner == candidate) for candidate in range(self._n_candidates)]
        return [int(members[np.argmax(values[members])]) for members in own]

    def _answers(self, right: np.ndarray, models: np.ndarray, layers: np.ndarray) -> Answers:
        """Count what was found: one model for each recording, and one layer or two."""
        own, recordings = self._owner[right], np.arange(len(right))
        truth, answered = np.repeat(right, layers.shape[1]), layers.ravel()
        halves = np.repeat(recordings, layers.shape[1])
        by_model, model_intervals = _matrix(own, models, recordings, self._n_candidates)
        by_layer, layer_intervals = _matrix(truth, answered, halves, len(self._layers))
        of_models, of_layers = _share(models == own, recordings), _share(answered == truth, halves)
        return Answers(of_models, of_layers, by_model, by_layer, model_intervals, layer_intervals)


def _matrix(
    truth: np.ndarray, answers: np.ndarray, recordings: np.ndarray, n: int
) -> tuple[list[list[int]], list[list[tuple[float, float] | None]]]:
    """Count the answers (columns) for each truth (rows), of n each, and give the intervals of their shares of a row."""
    counts, intervals = [], []
    for row in range(n):
        own = truth == row
        given = [answers[own] == column for column in range(n)]
        counts.append([int(each.sum()) for each in given])
        intervals.append([wilson_interval(each, recordings[own]) if own.any() else None for each in given])
    return counts, intervals


def _share(correct: np.ndarray, recordings: np.ndarray) -> Share:
    return Share(float(correct.mean()), wilson_interval(correct, recordings), len(np.unique(recordings)))


def _median(raws: Sequence[Raw]) -> float:
    """Median over the neuroids of several parts, of a comparison by neuroid."""
    return float(np.median(np.concatenate([np.asarray(raw.per_neuroid) for raw in raws])))


def _drawn(truth: Truth, population: Population, rng: np.random.Generator) -> np.ndarray:
    """Draw units for all neuroids, shape (n_stimuli, n_neuroids): each part of the truth for its share of them."""
    n = len(population.mean)
    order = rng.permutation(n)
    ends = np.rint(np.cumsum([share for _, share in truth.parts]) * n).astype(int)
    units = np.empty((len(truth.parts[0][0]), n))
    for (own, _), members in zip(truth.parts, np.split(order, ends[:-1]), strict=True):
        if len(members):
            units[:, members] = draw_units(own, population[members], rng)
    return units
