"""Would a benchmark find the right model? Recordings are simulated from each candidate, and all are scored on them."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet

from m2m_benchmarks.acquisition.images import SUFFIXES, decode_file, is_helper_file
from m2m_benchmarks.analysis.entries import Entry, check_different, parse_entries
from m2m_benchmarks.arrays import wilson_interval
from m2m_benchmarks.arrays.simulation import Population, at_own_scale, population_of, simulate_means
from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm, Features
from m2m_benchmarks.benchmarks.mean import MeanBenchmark
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.errors import BenchmarkError, DataError
from m2m_benchmarks.plugins import load_benchmark
from m2m_benchmarks.progress import Progress, silent
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.layer_choice import split_neuroids
from m2m_benchmarks.scoring.own_units import draw_units, with_means
from m2m_benchmarks.storage import sha256_file

#: Share of the neuroids of a mixture of two layers that are units of the nearer one.
NEARER = 2 / 3
#: Kinds of truths: the candidates' own layers, and those that no candidate is.
OWN, OWN_SCALE, MIXTURE, SEED = 'own layer', 'own layer, own scale', 'mixture of two layers', 'another seed'


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
class Recovery:
    """What one benchmark finds.

    Attributes
    ----------
    benchmark : str
    candidates : list of str
    layers : list of (candidate, layer)
    settings : list of Setting
        Settings; the first has the size of the real recordings, and the candidates' own layers as truth.
    """

    benchmark: str
    candidates: list[str]
    layers: list[tuple[str, str]]
    settings: list[Setting]

    def document(self) -> dict[str, Any]:
        """Convert to a dictionary for JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class _Layer:
    """One layer of a candidate: its responses as they are compared, and its units."""

    candidate: int
    name: str
    features: Features
    units: np.ndarray


@dataclass(frozen=True)
class _Truth:
    """Units that neuroids are simulated from, with their shares of the neuroids; `layer` is the right answer."""

    layer: int
    parts: tuple[tuple[np.ndarray, float], ...]
    own_scale: bool = False


def recovery(
    models: Sequence[str],
    benchmarks: str | Sequence[str],
    *,
    weights: str = 'default',
    seed: int = 0,
    n_recordings: int = 3,
    neuroids: Sequence[int] = (),
    trials: Sequence[int] = (),
    images: str | Path | None = None,
    n_images: Sequence[int] = (),
    progress: Progress | None = None,
) -> list[Recovery]:
    """Simulate recordings from each layer of each candidate, and see which candidate a benchmark finds.

    A simulated recording has units of the layer in place of the neuroids, with their reliabilities, means and gains;
    see `scoring.own_units`. The shares are an upper bound for real brains: the set of candidates is closed, and the
    truth has their own features.

    Parameters
    ----------
    models : sequence of str
        Two or more of NAME, NAME@WEIGHTS and run:PATH.
    benchmarks : str or sequence of str
        Benchmarks of recordings; that of a dataset stands for all its areas.
    weights : str
        Weights of models without `@`.
    seed : int
        Random seed of untrained weights and of the simulation.
    n_recordings : int
        Number of recordings simulated from each layer.
    neuroids, trials, n_images : sequence of int
        Further sizes, one curve each: the others stay as recorded. More neuroids than recorded repeat their
        reliabilities; more images than recorded need `images`.
    images : str or Path, optional
        Folder of further images; by default of `n_images`, the recorded and all are taken.
    progress : callable, optional

    Returns
    -------
    list of Recovery
        One for each benchmark of an area.

    Raises
    ------
    M2MError
        When there are fewer than two models, one isn't a network with layers, the recordings have one trial or too few
        neuroids, or an image can't be read.
    """
    entries = parse_entries(models, weights)
    check_different(entries, None)
    if n_recordings < 1 or min([*neuroids, *trials, *n_images], default=1) < 1:
        raise BenchmarkError('expected numbers of recordings, neuroids, trials and images of 1 or more.')
    areas = [
        area for name in ([benchmarks] if isinstance(benchmarks, str) else benchmarks) for area in _areas_of(str(name))
    ]
    more = [] if images is None else _image_files(Path(images))
    networks = [_network(entry, seed, progress) for entry in entries]
    others = [_network(entry, seed + 1, progress) if entry.spec.weights == 'none' else None for entry in entries]
    return [
        _recover(area, entries, networks, others, more, n_recordings, (neuroids, trials, n_images), seed, progress)
        for area in areas
    ]


def _areas_of(name: str) -> list[AreaBenchmark]:
    benchmark = load_benchmark(name)
    areas = benchmark.areas if isinstance(benchmark, MeanBenchmark) else [benchmark]
    for area in areas:
        if not isinstance(area, AreaBenchmark):
            raise BenchmarkError(f'{name} has no neuroids to simulate; name a benchmark of recordings.')
        if len(area.recordings.trials) == 1:
            raise BenchmarkError(
                f'{area.identifier} cannot be simulated: its recordings have one trial of each stimulus, so the noise '
                'of its neuroids is not known.'
            )
    return areas


def _network(entry: Entry, seed: int, progress: Progress | None) -> tuple[list[str], Activations]:
    """Layers and activations of a candidate; it is refused where it has no layers."""
    candidate = load_candidate(entry.spec.name, weights=entry.spec.weights, seed=seed)
    activations = Activations(candidate, progress)
    return candidate.layers, activations


def _image_files(folder: Path) -> list[Path]:
    """List the images of a folder, each of which can be decoded."""
    files = sorted(
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.suffix.lower() in SUFFIXES and not is_helper_file(path.name)
    )
    if not files:
        raise DataError(f'there are no images in {folder}; expected a folder with files such as .png or .jpg.')
    for path in files:
        decode_file(path)
    return files


def _recover(
    area: AreaBenchmark,
    entries: Sequence[Entry],
    networks: Sequence[tuple[list[str], Activations]],
    others: Sequence[tuple[list[str], Activations] | None],
    more: Sequence[Path],
    n_recordings: int,
    sizes: tuple[Sequence[int], Sequence[int], Sequence[int]],
    seed: int,
    progress: Progress | None,
) -> Recovery:
    stimuli, n_recorded = _stimuli(area, more), area.recordings.mean.sizes['presentation']
    layers = [layer for number, network in enumerate(networks) for layer in _layers(number, network, area, stimuli)]
    whole = _Experiment(area, layers, len(entries), seed)
    truths = {OWN: [_Truth(number, ((layer.units, 1.0),)) for number, layer in enumerate(layers)]}
    truths[OWN_SCALE] = [dataclasses.replace(truth, own_scale=True) for truth in truths[OWN]]
    truths[MIXTURE] = [
        _Truth(number, ((layer.units, NEARER), (layers[neighbour].units, 1 - NEARER)))
        for number, layer in enumerate(layers)
        if (neighbour := _neighbour(layers, number)) is not None
    ]
    reseeded = {
        (number, layer.name): layer.units
        for number, network in enumerate(others)
        if network is not None
        for layer in _layers(number, network, area, stimuli)
    }
    truths[SEED] = [
        _Truth(number, ((reseeded[layer.candidate, layer.name], 1.0),))
        for number, layer in enumerate(layers)
        if (layer.candidate, layer.name) in reseeded
    ]
    neuroids, trials, images = sizes
    if more and not images:
        images = [len(stimuli)]
    if max(images, default=0) > len(stimuli):
        raise BenchmarkError(
            f'{max(images)} images are asked for, and there are {len(stimuli)}; name a folder of more: --images DIR.'
        )
    n = area.recordings.mean.sizes['neuroid']
    plan: list[tuple[str, int, int | None, int]] = [
        (kind, n, None, n_recorded) for kind in (OWN, OWN_SCALE, MIXTURE, SEED)
    ]
    plan += [(OWN, count, None, n_recorded) for count in neuroids]
    plan += [(OWN, n, count, n_recorded) for count in trials]
    plan += [(OWN, n, None, count) for count in images]
    total = n_recordings * sum(len(truths[kind]) for kind, *_ in plan)
    report, done, settings = progress or silent, 0, []

    def step() -> None:
        nonlocal done
        done += 1
        report(f'{area.identifier}: simulated recordings', done, total)

    for number, (kind, n_neuroids, n_trials, count) in enumerate(plan):
        if truths[kind]:
            size = (n_neuroids, n_trials, count)
            settings.append(whole.run(kind, truths[kind], size, n_recordings, number, step))
    labels = [entry.label for entry in entries]
    return Recovery(area.identifier, labels, [(labels[layer.candidate], layer.name) for layer in layers], settings)


def _stimuli(area: AreaBenchmark, more: Sequence[Path]) -> StimulusSet:
    """Stimuli in the order of the recordings, followed by further images."""
    recorded = area.stimulus_set
    ids = [str(name) for name in area.recordings.mean['stimulus_id'].values]
    paths = {str(name): recorded.get_stimulus(name) for name in recorded['stimulus_id']}
    paths = {name: paths[name] for name in ids} | {f'image {number}': path for number, path in enumerate(more)}
    stimuli = StimulusSet({'stimulus_id': list(paths)})
    stimuli.stimulus_paths = paths
    digest = ' '.join(sha256_file(Path(path)) for path in more)
    stimuli.identifier = f'{recorded.identifier} and {len(more)} images {digest}' if more else recorded.identifier
    return stimuli


def _layers(
    number: int, network: tuple[list[str], Activations], area: AreaBenchmark, stimuli: StimulusSet
) -> list[_Layer]:
    """Responses and units of the layers of a candidate that have enough units for the comparison."""
    names, activations = network
    widths = activations.n_units(names)
    names = [name for name in names if widths[name] >= area.comparison.min_features]
    form = area.comparison.features
    compared, units = activations(stimuli, names, form), activations(stimuli, names, FeatureForm.UNITS)
    layers = []
    for name in names:
        values, own = compared[name], units[name].reshape(len(stimuli), -1)
        shape = values.shape[1:] if form is FeatureForm.MAPS else None
        features = Features(values.reshape(len(values), -1), form, shape)
        if area.comparison.objection(features) is None and (own != own[:1]).any():
            layers.append(_Layer(number, name, features, own))
    return layers


def _neighbour(layers: Sequence[_Layer], number: int) -> int | None:
    """Next layer of the same candidate, or the one before the last; None for a candidate of one layer."""
    for other in (number + 1, number - 1):
        if 0 <= other < len(layers) and layers[other].candidate == layers[number].candidate:
            return other
    return None


class _Experiment:
    """Simulates recordings of an area, and finds the layers and models with the highest values."""

    def __init__(self, area: AreaBenchmark, layers: Sequence[_Layer], n_candidates: int, seed: int) -> None:
        self._area, self._layers, self._seed = area, layers, seed
        self._owner = np.array([layer.candidate for layer in layers])
        self._n_candidates = n_candidates
        recorded = area.recordings
        self._population = population_of(recorded.trials, recorded.reliability)
        self._first = split_neuroids(area).mask

    def run(
        self,
        kind: str,
        truths: Sequence[_Truth],
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
                all_layers.append(int(np.argmax(whole)))
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
        self, truth: _Truth, n_neuroids: int, n_trials: int | None, n_images: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, Callable[[int, int], float]]:
        """Raw values of each layer on one simulated recording.

        Returns
        -------
        halves : array, shape (2, n_layers)
        whole : array, shape (n_layers,)
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
        means = simulate_means(units, scale, rng, shown)
        # Names of stimuli, which comparisons by position don't use, repeat where there are more than recorded.
        recorded = self._area.recordings
        selected = dataclasses.replace(
            recorded, mean=recorded.mean.isel(neuroid=order, presentation=np.arange(n_images) % n_shown)
        )
        simulated = with_means(selected, means)
        parts = [simulated[first], simulated[~first]]
        whole, halves, own = [], [], []
        for layer in self._layers:
            features = dataclasses.replace(layer.features, values=layer.features.values[rows])
            raw = self._area.compare(features, simulated)
            whole.append(raw.value)
            if raw.per_neuroid is None:
                halves.append([self._area.compare(features, part).value for part in parts])
            else:  # a comparison by neuroid, which takes the median
                own.append(raw.per_neuroid)
                halves.append([float(np.median(raw.per_neuroid[part])) for part in (first, ~first)])
        both = np.transpose(halves)

        def joined(of_first: int, of_second: int) -> float:
            if own:
                return float(np.median(np.where(first, own[of_first], own[of_second])))
            return float(both[0, of_first] + both[1, of_second])

        return both, np.array(whole), joined

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


def _drawn(truth: _Truth, population: Population, rng: np.random.Generator) -> np.ndarray:
    """Draw units for all neuroids, shape (n_stimuli, n_neuroids): each part of the truth for its share of them."""
    n = len(population.mean)
    order = rng.permutation(n)
    ends = np.rint(np.cumsum([share for _, share in truth.parts]) * n).astype(int)
    units = np.empty((len(truth.parts[0][0]), n))
    for (own, _), members in zip(truth.parts, np.split(order, ends[:-1]), strict=True):
        if len(members):
            units[:, members] = draw_units(own, population[members], rng)
    return units
