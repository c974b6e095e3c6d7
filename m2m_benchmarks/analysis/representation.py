"""Representations of neuroids beside the feature maps of networks, with NeuRN and without."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np
import pandas as pd

from m2m_benchmarks.analysis.entries import check_different, parse_entries
from m2m_benchmarks.analysis.feature_maps import FeatureMaps, LayerMatches, Layers, feature_maps, layer_matches
from m2m_benchmarks.arrays.means import Mean, mean_over_animals
from m2m_benchmarks.arrays.representation import MAP_SIZE, Range
from m2m_benchmarks.benchmarks.comparisons.rmse import RMSE, Distances, stimulus_maps
from m2m_benchmarks.benchmarks.mean import MeanBenchmark
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.data import populations
from m2m_benchmarks.data.trials import MIN_RELIABILITY
from m2m_benchmarks.errors import BenchmarkError
from m2m_benchmarks.plugins import load_benchmark
from m2m_benchmarks.progress import Progress, silent
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate

#: What neuroids are grouped by besides columns of the dataset.
ALL, AREA = 'all', 'area'
#: Fewest pairs of networks for an interval over networks.
FEWEST_NETWORKS = 4
#: Beginnings of the names of a network with NeuRN and of its twin without.
_WITH, _WITHOUT = 'neurn_', 'plain_'
#: Columns of the distances of neuroids, and of the layers of the maps that each half of the images is compared with.
_MEASURES = ('rmse', 'mean_match', 'floor', 'ceiling', 'reliability')
_LAYERS = ('layer_1', 'layer_2')


@dataclasses.dataclass(frozen=True)
class Group:
    """Distances of the neuroids of an area or type from the maps of a candidate; means over neuroids.

    Attributes
    ----------
    by, name : str
        'area' and its name, a column of the dataset and the name of a population of it, or 'all' twice.
    candidate : str
    n_neuroids, n_animals : int
    rmse : Mean
        RMSE from the best map, and its 95 % intervals for new neuroids and for new animals.
    mean_match : float
        RMSE averaged over all maps.
    floor, ceiling : float
        RMSE with shuffled stimuli, which is chance, and with true maps, which is perfect.
    layer : str
        Layer that most neuroids are matched to.
    layer_share, layer_chance : float
        Its share of their matches, two for each neuroid, and that with shuffled stimuli.
    score : Mean or None
        (floor - rmse) / (floor - ceiling): 0 is chance, 1 perfect. None where representations are mostly noise.
    """

    by: str
    name: str
    candidate: str
    n_neuroids: int
    n_animals: int
    rmse: Mean
    mean_match: float
    floor: float
    ceiling: float
    layer: str
    layer_share: float
    layer_chance: float
    score: Mean | None


@dataclasses.dataclass(frozen=True)
class Difference:
    """Difference of two candidates on the neuroids of a group; below 0, the first is closer.

    Attributes
    ----------
    by, name, first, second : str
    rmse : Mean
        RMSE of the first minus that of the second, and its 95 % intervals for new neuroids and for new animals.
    beyond_floor : Mean
        The same difference of RMSE minus floor: maps that are smoother are closer to any neuroid.
    """

    by: str
    name: str
    first: str
    second: str
    rmse: Mean
    beyond_floor: Mean


@dataclasses.dataclass(frozen=True)
class Representations:
    """Distances of the representations of neuroids from the feature maps of candidates.

    Attributes
    ----------
    benchmark : str
    candidates : list of str
    settings : dict
        Layers, size and range of the maps, and whether responses are centred.
    p_shuffled : dict
        For each candidate and area, the probability of such an RMSE for shuffled stimuli.
    neurons : DataFrame
        One row a neuroid and candidate: neuroid_id, area, animal, the columns that group neuroids, with the names of
        `data.populations`, candidate, rmse, mean_match, floor, ceiling and reliability (`comparisons.rmse.Distances`),
        and layer_1 and layer_2: the layers of the maps that the first and the second half of the images are compared
        with.
    groups : list of Group
    differences : list of Difference
        Of each pair of a network with NeuRN and the same without, or of the only two candidates.
    over_networks : Mean or None
        Difference of all neuroids, mean over pairs, and its 95 % interval for new networks; None for fewer than four.
    types : list of str
        Columns of the dataset that group neuroids; empty where types are unknown.
    """

    benchmark: str
    candidates: list[str]
    settings: dict[str, Any]
    p_shuffled: dict[str, dict[str, float]]
    neurons: pd.DataFrame
    groups: list[Group]
    differences: list[Difference]
    over_networks: Mean | None
    types: list[str]

    def document(self) -> dict[str, Any]:
        """Convert to a dictionary for JSON."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        results = {name: [dataclasses.asdict(each) for each in fields[name]] for name in ('groups', 'differences')}
        networks = None if self.over_networks is None else dataclasses.asdict(self.over_networks)
        neurons = self.neurons.to_dict('records')
        return {**fields, **results, 'over_networks': networks, 'neurons': neurons, 'chance': 0.0, 'perfect': 1.0}


def representation(
    models: str | Sequence[str],
    benchmark: str,
    weights: str = 'default',
    seed: int = 0,
    size: int = MAP_SIZE,
    kind: Range = 'standard',
    centred: bool = True,
    layers: Layers = 'convolutional',
    progress: Progress | None = None,
) -> Representations:
    """Compare the representations of neuroids with the feature maps of all convolutional layers of networks.

    Parameters
    ----------
    models : str or sequence of str
        Candidates, such as networks with NeuRN and the same without; see `analysis.entries.parse_entries`.
    benchmark : str
        Benchmark of a dataset, area or population, such as Siegle2021-rmse.
    weights : str
        Weights of models without `@`.
    seed : int
        Random seed of untrained weights.
    size, kind, centred
        See `benchmarks.comparisons.rmse.RMSE`.
    layers : {'convolutional', 'scored'}
        Every convolution (`torch.nn.Conv2d`) that runs, or those with maps of the layers that a score chooses among.
    progress : callable, optional

    Raises
    ------
    M2MError
        When a model or the benchmark doesn't exist.
    BenchmarkError
        When the benchmark isn't one of maps, a model has no convolutional layer, the images are smaller than maps, or
        a setting is another.
    """
    report = progress or silent
    if layers not in get_args(Layers):
        raise BenchmarkError(f"layers are {layers!r}; expected 'convolutional' or 'scored'.")
    comparison = RMSE(size, kind, centred)
    loaded = load_benchmark(benchmark)
    if not isinstance(loaded, MeanBenchmark | AreaBenchmark) or not isinstance(loaded.comparison, RMSE):
        raise BenchmarkError(f'{benchmark} does not compare maps; name a benchmark that does, such as Siegle2021-rmse.')
    areas = loaded.areas if isinstance(loaded, MeanBenchmark) else [loaded]
    for area in areas:  # images that are too small are refused before networks run
        stimulus_maps(area.recordings, size)
    entries = parse_entries(models, weights, least=1)
    check_different(entries, None)
    tables: list[pd.DataFrame] = []
    p_shuffled: dict[str, dict[str, float]] = {}
    matches: dict[str, LayerMatches] = {}
    for number, entry in enumerate(entries):
        candidate = load_candidate(entry.spec.name, weights=entry.spec.weights, seed=seed)
        activations = Activations(candidate, progress)
        taken = candidate.layers if layers == 'scored' else None
        p_shuffled[entry.label] = {}
        # Areas have the same stimuli, unless some were not shown in all sessions.
        maps: dict[str, FeatureMaps] = {}
        of_areas = []
        for done, area in enumerate(areas):
            report('areas', number * len(areas) + done, len(entries) * len(areas))
            stimuli = area.stimulus_set.identifier
            if stimuli not in maps:
                maps[stimuli] = feature_maps(entry.label, activations, taken, area, comparison)
            distances = comparison.distances(maps[stimuli].halves, area.recordings)
            of_areas.append(layer_matches(maps[stimuli], distances))
            tables.append(_table(area, entry.label, distances, of_areas[-1]))
            p_shuffled[entry.label][area.region] = distances.p_shuffled
        matches[entry.label] = LayerMatches.joined(of_areas)
    report('areas', len(tables), len(tables))
    settings = {'layers': layers, 'size': size, 'range': kind, 'centred': centred}
    pairs = pairs_of({entry.label: entry.spec.name for entry in entries})
    return compare_representations(
        benchmark, pd.concat(tables, ignore_index=True), pairs, p_shuffled, matches, settings
    )


def pairs_of(names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Pair candidates: the only two, or each network with NeuRN and the same without.

    Parameters
    ----------
    names : mapping
        Label of each candidate to the name of its model.
    """
    if len(names) == 2:
        first, second = names
        return [
            (second, first) if names[second].startswith(_WITH) > names[first].startswith(_WITH) else (first, second)
        ]
    with_neurn = {label: name.removeprefix(_WITH) for label, name in names.items() if name.startswith(_WITH)}
    without = {name.removeprefix(_WITHOUT): label for label, name in names.items() if name.startswith(_WITHOUT)}
    return [(label, without[network]) for label, network in with_neurn.items() if network in without]


def _table(area: AreaBenchmark, candidate: str, distances: Distances, matches: LayerMatches) -> pd.DataFrame:
    """One row for each neuroid of an area."""
    recorded = area.recordings.mean
    columns = {
        str(name): recorded[name].values.astype(str)
        for name in recorded.indexes['neuroid'].names
        if populations.groups(str(name), pd.unique(recorded[name].values))
    }
    measured = {name: getattr(distances, name) for name in _MEASURES}
    return pd.DataFrame(
        {
            'neuroid_id': recorded['neuroid_id'].values.astype(str),
            AREA: area.region,
            'animal': area.recordings.animals.astype(str),
            **columns,
            'candidate': candidate,
            **measured,
            **{name: np.array(matches.layers)[own] for name, own in zip(_LAYERS, matches.matched, strict=True)},
        }
    )


def compare_representations(
    benchmark: str,
    neurons: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    p_shuffled: dict[str, dict[str, float]],
    matches: Mapping[str, LayerMatches],
    settings: dict[str, Any],
) -> Representations:
    """Summarise the distances of neuroids by area and type, and compare pairs of candidates.

    Parameters
    ----------
    benchmark : str
    neurons : DataFrame
        See `Representations`; the neuroids of each candidate are in the same order.
    pairs : sequence of (first, second)
        Candidates to compare.
    p_shuffled, settings : dict
        See `Representations`.
    matches : mapping
        Layers that the neuroids of each candidate are matched to.
    """
    known = {'neuroid_id', AREA, 'animal', 'candidate', *_MEASURES, *_LAYERS}
    types = [column for column in neurons.columns if column not in known]
    neurons = _with_names(neurons, types)
    candidates = list(dict.fromkeys(neurons['candidate']))
    own = {name: neurons[neurons['candidate'] == name].reset_index(drop=True) for name in candidates}
    members = _members(own[candidates[0]], types)
    groups = [
        _group(by, name, candidate, own[candidate][mask], matches[candidate].best(mask))
        for (by, name, mask), candidate in itertools.product(members, candidates)
    ]
    differences = [
        _difference(by, name, pair, own[pair[0]][mask], own[pair[1]][mask])
        for pair in pairs
        for by, name, mask in members
    ]
    of_pairs = np.array([each.rmse.value for each in differences if each.by == ALL])
    networks = mean_over_animals(of_pairs, np.arange(len(pairs))) if len(pairs) >= FEWEST_NETWORKS else None
    return Representations(benchmark, candidates, settings, p_shuffled, neurons, groups, differences, networks, types)


def _with_names(neurons: pd.DataFrame, types: Sequence[str]) -> pd.DataFrame:
    """Replace the values of columns by the names of their populations, as in the names of benchmarks."""
    columns = {column: set(neurons[column]) for column in types}
    named = {
        (each.column, value): name for name, each in populations.populations(columns).items() for value in each.values
    }
    return neurons.assign(
        **{column: [named.get((column, value), value) for value in neurons[column]] for column in types}
    )


def _members(neurons: pd.DataFrame, types: Sequence[str]) -> list[tuple[str, str, np.ndarray]]:
    """List the areas, the types with enough neuroids, and all of them: what by, name, and mask of the neuroids."""
    members = [(AREA, str(area), (neurons[AREA] == area).to_numpy()) for area in dict.fromkeys(neurons[AREA])]
    for column in types:
        for value in sorted(set(neurons[column])):
            mask = (neurons[column] == value).to_numpy()
            if mask.sum() >= populations.MIN_POPULATION_SIZE:
                members.append((column, value, mask))
    return [*members, (ALL, ALL, np.ones(len(neurons), dtype=bool))]


def _group(by: str, name: str, candidate: str, neurons: pd.DataFrame, layer: tuple[str, float, float]) -> Group:
    animals = neurons['animal'].to_numpy()
    rmse, floor, ceiling = (neurons[column].to_numpy() for column in ('rmse', 'floor', 'ceiling'))
    span = float((floor - ceiling).mean())
    score = None
    if neurons['reliability'].mean() >= MIN_RELIABILITY and span > 0:
        value = float((floor - rmse).mean()) / span
        # A ratio of means, linear around their values.
        score = mean_over_animals(value + (floor - rmse - value * (floor - ceiling)) / span, animals)
    return Group(
        by,
        name,
        candidate,
        len(neurons),
        len(set(animals)),
        mean_over_animals(rmse, animals),
        float(neurons['mean_match'].mean()),
        float(floor.mean()),
        float(ceiling.mean()),
        *layer,
        score,
    )


def _difference(by: str, name: str, pair: tuple[str, str], first: pd.DataFrame, second: pd.DataFrame) -> Difference:
    animals = first['animal'].to_numpy()
    rmse = (first['rmse'] - second['rmse']).to_numpy()
    beyond = rmse - (first['floor'] - second['floor']).to_numpy()
    return Difference(by, name, *pair, mean_over_animals(rmse, animals), mean_over_animals(beyond, animals))
