"""Recordings for a benchmark: the reliable neuroids of an area, or of one of its populations."""

import dataclasses
import functools
import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from brainscore_core.supported_data_standards.brainio.assemblies import NeuronRecordingAssembly
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet

from m2m_benchmarks.benchmarks.identifiers import dotted_name
from m2m_benchmarks.data import populations
from m2m_benchmarks.data.areas import order_areas
from m2m_benchmarks.data.trials import MIN_RELIABILITY, average_repetitions, trial_array
from m2m_benchmarks.errors import BenchmarkError, UnknownNameError
from m2m_benchmarks.plugins import load_dataset


@dataclasses.dataclass(frozen=True)
class AreaRecordings:
    """Reliable neuroids of an area, or of one of its populations.

    Attributes
    ----------
    trials : array, shape (n_repetitions, n_stimuli, n_neuroids)
        Single-trial responses; NaN where a session has fewer repetitions.
    mean : NeuronRecordingAssembly
        Responses averaged over repetitions, stimulus x neuroid.
    stimuli : StimulusSet
    timebins : list of (start, end)
        The response window in ms after stimulus onset.
    sha256 : str
        SHA-256 of the assembly's file.
    n_constant, n_unreliable : int
        Numbers of neuroids left out because they are constant, and because their reliability is too low.
    """

    trials: np.ndarray
    mean: NeuronRecordingAssembly
    stimuli: StimulusSet
    timebins: list[tuple[float, float]]
    sha256: str
    n_constant: int
    n_unreliable: int

    def __getitem__(self, mask: np.ndarray) -> 'AreaRecordings':
        """Select some of the neuroids; other neuroids are other data, with a hash of their own."""
        mean = self.mean.isel(neuroid=np.flatnonzero(mask))
        neuroids = ' '.join([self.sha256, *map(str, mean['neuroid_id'].values)])
        return dataclasses.replace(
            self,
            trials=self.trials[:, :, mask],
            mean=mean,
            sha256=hashlib.sha256(neuroids.encode()).hexdigest() if self.sha256 else '',
        )

    @property
    def n_trials(self) -> int:
        """Minimum number of repetitions over stimuli and neuroids."""
        return int((~np.isnan(self.trials)).sum(axis=0).min())

    @property
    def animals(self) -> np.ndarray:
        """Animal of each neuroid."""
        return np.asarray(self.mean['animal'].values)

    @property
    def reliability(self) -> np.ndarray:
        """Split-half reliability of each neuroid."""
        return np.asarray(self.mean['reliability'].values, dtype=float)


@functools.lru_cache(maxsize=16)
def _recordings(dataset: str, area: str, population: str | None, sha256: str, folder: Path) -> AreaRecordings:
    # `folder` is part of the cache key only: the same recordings in another data folder have other stimulus paths.
    assembly = load_dataset(dataset)
    here = assembly['region'].values == area
    if not here.any():
        areas = sorted(set(assembly['region'].values))
        raise UnknownNameError('area', area, areas, f'{dataset} has no recordings there.')
    if population is not None:
        here &= _in_population(assembly, here, dataset, area, population)
    reliability = assembly['reliability'].values[here]
    reliable = reliability >= MIN_RELIABILITY
    # Selecting copies an area into a contiguous block of memory.
    selected = assembly.isel(neuroid=np.flatnonzero(here)[reliable])
    trials, stimulus_ids = trial_array(selected)
    mean = average_repetitions(selected)
    # Sorted as in `align`, which sorts models' responses.
    order = np.argsort(stimulus_ids.astype(str), kind='stable')
    if not np.array_equal(order, np.arange(len(order))):
        trials, mean = trials[:, order], mean.isel(presentation=order)
    return AreaRecordings(
        trials=np.asarray(trials),
        mean=mean,
        stimuli=assembly.attrs['stimulus_set'],
        timebins=[(float(start), float(end)) for start, end in assembly['time_bin'].values],
        sha256=sha256,
        n_constant=int(np.isnan(reliability).sum()),
        n_unreliable=int((reliability < MIN_RELIABILITY).sum()),
    )


def _in_population(
    assembly: NeuronRecordingAssembly, here: np.ndarray, dataset: str, area: str, name: str
) -> np.ndarray:
    """Mask the neuroids of an assembly that belong to a population; `here` is the mask of the area."""
    columns = {
        str(column): np.unique(assembly[column].values)
        for column in assembly.indexes['neuroid'].names
        if populations.groups(str(column), pd.unique(assembly[column].values))
    }
    known = populations.populations(columns)
    if not known:
        raise BenchmarkError(
            f'{dotted_name(dataset, area, name)} cannot be scored: the recordings on this machine have no column that '
            'groups their neuroids, such as cre_line, layer or cell_type. `m2m data fetch` brings some that have; in a '
            'bundle it is a column of units.csv.'
        )
    if name not in known:
        raise UnknownNameError('population', name, known, f'({dotted_name(dataset, area, name)})')
    population = known[name]
    values = assembly[population.column].values
    members = np.array(population.holds(values))
    if not (members & here).any():
        others = ', '.join(sorted(set(values[here].astype(str))))
        raise BenchmarkError(
            f'{dotted_name(dataset, area)} has no neuroids of {name}; their {population.column} is {others}.'
        )
    return members


def recordings(dataset: str, area: str, population: str | None = None, min_neuroids: int = 1) -> AreaRecordings:
    """Load the reliable neuroids of an area of a dataset.

    Parameters
    ----------
    dataset, area : str
    population : str, optional
        Name of a population, to load only its neuroids; see `data.populations`.
    min_neuroids : int
        Minimum number of neuroids; for a population at least 20.

    Raises
    ------
    DataNotFoundError
        When the dataset isn't here; the message has the command that brings it.
    UnknownNameError
        When the dataset has no recordings in the area, or no such population.
    BenchmarkError
        When too few neuroids are reliable, or the dataset has no columns that define populations.
    """
    attrs = load_dataset(dataset).attrs
    stimuli = attrs['stimulus_set']
    folder = Path(stimuli.get_stimulus(stimuli['stimulus_id'].iloc[0])).parent
    # Assemblies from Brain-Score's own storage, with one version for each name, have no hash.
    selected = _recordings(dataset, area, population, attrs.get('sha256', ''), folder)
    n = selected.mean.sizes['neuroid']
    name = dotted_name(dataset, area, population)
    required = min_neuroids if population is None else max(min_neuroids, populations.MIN_POPULATION_SIZE)
    if n < required:
        raise BenchmarkError(
            f'{name} has {n} neuroids of reliability {MIN_RELIABILITY} or more ({selected.n_unreliable} are less '
            f'reliable, {selected.n_constant} never vary); at least {required} are needed for a score.'
        )
    return selected


def fewest_presentations(dataset: str) -> int:
    """Minimum number of presentations of a stimulus in the recordings of a dataset.

    Raises
    ------
    DataNotFoundError
        When the dataset isn't here; the message has the command that brings it.
    """
    return int(np.unique(load_dataset(dataset)['stimulus_id'].values, return_counts=True)[1].min())


def recorded_areas(dataset: str) -> list[str]:
    """List the areas in the recordings of a dataset: the mouse's six first, in their order.

    Raises
    ------
    DataNotFoundError
        When the dataset isn't here; the message has the command that brings it.
    """
    return order_areas(set(load_dataset(dataset)['region'].values.tolist()))
