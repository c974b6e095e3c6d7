"""Activation profiles: peak and time to peak of 2-photon neurons by type and area, beside networks' outputs."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from m2m_benchmarks.analysis.entries import as_list
from m2m_benchmarks.arrays.distributions import overlap, to_range
from m2m_benchmarks.arrays.label_permutation import permuted_differences, two_sided
from m2m_benchmarks.arrays.means import Mean, mean_over_animals
from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm
from m2m_benchmarks.data.areas import order_areas
from m2m_benchmarks.data.cards import has_digits
from m2m_benchmarks.data.courses import FRAME_MS, Courses, load_courses
from m2m_benchmarks.data.trials import is_scored
from m2m_benchmarks.data.versions import version_of
from m2m_benchmarks.errors import BenchmarkError, DataError
from m2m_benchmarks.plugins import load_dataset
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.specs import parse_candidate

#: Types of neurons that are compared.
TYPES = ('excitatory', 'inhibitory')
#: Area of the means over areas.
ALL_AREAS = 'all areas'
#: Measures of a time course, as columns of the neurons.
PEAK, TIME = 'peak', 'time_to_peak_ms'
#: What outputs of networks are compared with: what is chance, and what neurons themselves would get.
UNIFORM, HALVES = 'uniform', 'halves of the neurons'
#: Bootstrap draws of neurons, and most units of a network, for an overlap.
N_DRAWS, MOST_UNITS = 200, 2000


@dataclasses.dataclass(frozen=True)
class Group:
    """A measure of the neurons of one type in one area."""

    measure: str
    area: str
    cell_type: str
    n_neurons: int
    n_animals: int
    mean: Mean


@dataclasses.dataclass(frozen=True)
class TypeDifference:
    """Inhibitory minus excitatory neurons of an area, or the mean of that over areas.

    Attributes
    ----------
    measure, area : str
    value : float
    p : float
        Share of shuffled types with a difference as far from 0; see `arrays.label_permutation`.
    """

    measure: str
    area: str
    value: float
    p: float


@dataclasses.dataclass(frozen=True)
class Output:
    """How alike the peaks of neurons of a type and of a network's units are distributed.

    Attributes
    ----------
    cell_type : str
    name : str
        Label of the network, `UNIFORM` or `HALVES`.
    overlap : float
        Overlap coefficient.
    interval : tuple of float
        95 % bootstrap interval of the overlap, for new neurons.
    wasserstein : float
    """

    cell_type: str
    name: str
    overlap: float
    interval: tuple[float, float]
    wasserstein: float


@dataclasses.dataclass(frozen=True)
class Profiles:
    """Activation profiles of the neurons of a dataset.

    Attributes
    ----------
    dataset : str
    unit : str
        Unit of the peaks, such as dF/F.
    groups : list of Group
    differences : list of TypeDifference
    outputs : list of Output
        Empty without networks.
    neurons : DataFrame
        One row a reliable neuron: neuroid_id, area, animal, cell_type, cre_line where it is known, peak and
        time_to_peak_ms.
    times_ms : list of float
        Times of `courses`, after the onset of the image.
    courses : dict
        Mean time course of each type, relative to the frames before the onset.
    units : dict of arrays
        Peaks of the units of each network, from 0 to 1.
    """

    dataset: str
    unit: str
    groups: list[Group]
    differences: list[TypeDifference]
    outputs: list[Output]
    neurons: pd.DataFrame
    times_ms: list[float]
    courses: dict[str, list[float]]
    units: dict[str, np.ndarray]

    def further_tables(self) -> dict[str, pd.DataFrame]:
        """Make the tables of the mean time courses of the types, and of the peaks of networks' units, by name."""
        courses = {'courses': pd.DataFrame({'time_ms': self.times_ms, **self.courses})}
        if not self.units:
            return courses
        units = [pd.DataFrame({'network': name, 'peak': peaks}) for name, peaks in self.units.items()]
        return {**courses, 'units': pd.concat(units, ignore_index=True)}

    def document(self) -> dict[str, Any]:
        """Convert to a dictionary for JSON, without the single neurons and units."""
        lists = ('groups', 'differences', 'outputs')
        return {
            'dataset': self.dataset,
            'unit': self.unit,
            **{name: [dataclasses.asdict(each) for each in getattr(self, name)] for name in lists},
            'times_ms': self.times_ms,
            'courses': self.courses,
            'chance': {'difference': 0.0, 'outputs': UNIFORM},
            'perfect': {'overlap': 1.0, 'wasserstein': 0.0},
        }


def profiles(
    dataset: str,
    models: str | Sequence[str] = (),
    weights: str = 'default',
    seed: int = 0,
    progress: Progress | None = None,
) -> Profiles:
    """Compare the time courses of excitatory and inhibitory neurons, and their peaks with those of networks' units.

    Parameters
    ----------
    dataset : str
        Dataset of 2-photon recordings that hold time courses.
    models : str or sequence of str
        Networks, such as one with NeuRN and the same without; see `scoring.specs.parse_candidate`.
    weights : str
        Weights of models without `@`.
    seed : int
        Random seed of untrained weights, bootstraps and permutations.
    progress : callable, optional

    Raises
    ------
    M2MError
        When the recordings hold no time courses, no area has reliable neurons of both types, or a model doesn't exist.
    """
    if has_digits(dataset):
        raise DataError(f'{dataset} is a dataset of digits; name 2-photon recordings from `m2m data list`.')
    specs = [parse_candidate(model, weights) for model in as_list(models)]
    assembly = load_dataset(dataset)
    stimuli = assembly.attrs['stimulus_set']
    version = version_of(stimuli)
    if version is None:
        raise DataError(f'{dataset} is from the storage of Brain-Score, which keeps no time courses; fetch it instead.')
    courses = load_courses(version)
    columns = assembly.indexes['neuroid'].names
    names = {'region': 'area', **{name: name for name in ('neuroid_id', 'animal', 'cell_type', 'cre_line')}}
    known = {name: assembly[own].values.astype(str) for own, name in names.items() if own in columns}
    neurons = pd.DataFrame(known).assign(frame_ms=assembly[FRAME_MS].values)
    n_repetitions = len(np.unique(assembly['repetition'].values))
    kept = is_scored(assembly['reliability'].values, n_repetitions) & np.isfinite(courses.values).all(axis=1)
    units = {}
    for spec in specs:
        candidate = load_candidate(spec.name, weights=spec.weights, seed=seed)
        values = Activations(candidate, progress)(stimuli, candidate.layers, FeatureForm.UNITS)
        units[spec.label] = unit_peaks(values, spec.label)
    signal = version.manifest['source'].get('settings', {})
    unit = 'dF/F'
    if signal.get('sdk_compatible') or signal.get('signal') == 'corrected':
        unit = '% dF/F'
    elif signal.get('signal') == 'events':
        unit = 'events'
    own = neurons[kept].reset_index(drop=True)
    return compare_profiles(dataset, own, Courses(courses.values[kept], courses.before), units, unit, seed)


def peaks(courses: Courses) -> tuple[np.ndarray, np.ndarray]:
    """Largest value after the onset, relative to the mean before it, and its frame after the onset.

    Returns
    -------
    peak : array, shape (n_neuroids,)
    frame : int array, shape (n_neuroids,)
        0 is the frame of the onset.
    """
    after = courses.values[:, courses.before :].astype(float)
    level = courses.values[:, : courses.before].mean(axis=1, dtype=float)
    return after.max(axis=1) - level, after.argmax(axis=1)


def unit_peaks(layers: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Largest response of each unit over images relative to its mean, from 0 to 1 in each layer.

    A neuron's preferred image is likewise seen against the other images, which surround it.

    Parameters
    ----------
    layers : mapping of arrays, shape (n_stimuli, n_units)
    name : str
        Name of the network, for messages.

    Raises
    ------
    BenchmarkError
        When no unit varies over the images.
    """
    of_layers = []
    for values in layers.values():
        varying = np.ptp(values, axis=0) > 0
        if varying.sum() > 1:
            own = values[:, varying].astype(float)
            of_layers.append(to_range((own.max(axis=0) - own.mean(axis=0))[:, None])[:, 0])
    if not of_layers:
        raise BenchmarkError(f'{name} has no layer with units that vary over the images.')
    return np.concatenate(of_layers)


def compare_profiles(
    dataset: str,
    neurons: pd.DataFrame,
    courses: Courses,
    units: Mapping[str, np.ndarray] | None = None,
    unit: str = 'dF/F',
    seed: int = 0,
) -> Profiles:
    """Compare peak and time to peak of excitatory and inhibitory neurons.

    Parameters
    ----------
    dataset : str
    neurons : DataFrame, n_neurons rows
        neuroid_id, area, animal, frame_ms, cell_type where it is known, and any others.
    courses : Courses
        Time courses of the neurons.
    units : mapping of arrays, shape (n_units,), optional
        Peaks of networks' units; see `unit_peaks`.
    unit : str
        Unit of the time courses.
    seed : int

    Raises
    ------
    BenchmarkError
        When no area has neurons of both types, or types are unknown.
    """
    kinds = neurons['cell_type'].to_numpy() if 'cell_type' in neurons else np.full(len(neurons), '')
    typed = np.isin(kinds, TYPES)
    if not typed.any():
        raise BenchmarkError(
            f'{dataset} has no reliable neurons of a known type; expected {" or ".join(TYPES)} in a column cell_type, '
            'which the extraction of a 2-photon survey, such as deVries2020, makes of Cre lines.'
        )
    peak, frame = peaks(courses)
    table = neurons.assign(**{PEAK: peak, TIME: frame * neurons['frame_ms'].to_numpy()})[typed].reset_index(drop=True)
    areas = order_areas(set(table['area']))
    both = [area for area in areas if set(table['cell_type'][table['area'] == area]) == set(TYPES)]
    if not both:
        raise BenchmarkError(
            f'no area of {dataset} has reliable neurons of both types, {" and ".join(TYPES)}, to compare; fetch '
            'sessions of further Cre lines.'
        )
    groups, differences = [], []
    for measure in (PEAK, TIME):
        for area in areas:
            for kind in TYPES:
                own = table[(table['area'] == area) & (table['cell_type'] == kind)]
                if len(own):
                    mean = mean_over_animals(own[measure].to_numpy(), own['animal'].to_numpy(), seed)
                    groups.append(Group(measure, area, kind, len(own), own['animal'].nunique(), mean))
        differences += _differences(table, measure, both, seed)
    relative = courses.values[typed] - courses.values[typed, : courses.before].mean(axis=1, keepdims=True)
    times = (np.arange(relative.shape[1]) - courses.before) * float(table['frame_ms'].median())
    return Profiles(
        dataset=dataset,
        unit=unit,
        groups=groups,
        differences=differences,
        outputs=_outputs(table, units or {}, seed),
        neurons=table.drop(columns='frame_ms'),
        times_ms=times.tolist(),
        courses={kind: relative[(table['cell_type'] == kind).to_numpy()].mean(axis=0).tolist() for kind in TYPES},
        units=dict(units or {}),
    )


def _differences(table: pd.DataFrame, measure: str, areas: Sequence[str], seed: int) -> list[TypeDifference]:
    """Test the difference of the types in each area, and its mean over areas where there are several."""
    actual, shuffled = [], []
    for number, area in enumerate(areas):
        own = table[table['area'] == area]
        inhibitory = (own['cell_type'] == 'inhibitory').to_numpy()
        values, animals = own[measure].to_numpy(float), own['animal'].to_numpy()
        # Labels of areas are shuffled independently of each other, for the mean over areas.
        difference, null = permuted_differences(values, inhibitory, animals, seed + number)
        actual.append(difference)
        shuffled.append(null)
    tested = [
        TypeDifference(measure, area, value, two_sided(value, null))
        for area, value, null in zip(areas, actual, shuffled, strict=True)
    ]
    if len(areas) > 1:
        value = float(np.mean(actual))
        tested.append(TypeDifference(measure, ALL_AREAS, value, two_sided(value, np.mean(shuffled, axis=0))))
    return tested


def _outputs(table: pd.DataFrame, units: Mapping[str, np.ndarray], seed: int) -> list[Output]:
    """Compare the distribution of the peaks of each type, from 0 to 1, with those of networks' units."""
    outputs = []
    for kind in TYPES if units else ():
        rng = np.random.default_rng(seed)
        own = to_range(table[PEAK].to_numpy()[(table['cell_type'] == kind).to_numpy(), None])[:, 0]
        first, second = np.array_split(rng.permutation(own), 2)
        pairs = {HALVES: (first, second), UNIFORM: (own, np.linspace(0, 1, len(own)))}
        pairs |= {name: (own, rng.permutation(values)[:MOST_UNITS]) for name, values in units.items()}
        for name, (one, other) in pairs.items():
            alike = _overlap(one, other)
            drawn = [_overlap(rng.choice(one, len(one)), other) for _ in range(N_DRAWS)]
            low, high = np.percentile(drawn, [2.5, 97.5])
            distance = float(stats.wasserstein_distance(one, other))
            outputs.append(Output(kind, name, alike, (float(low), float(high)), distance))
    return outputs


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Overlap coefficient of two samples."""
    return float(overlap(first[:, None], second[:, None])[0])
