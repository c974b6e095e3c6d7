"""Recordings for a benchmark: the reliable neuroids of an area, or of one of its populations."""

import dataclasses
import functools
import hashlib
import weakref

import numpy as np
import pandas as pd
from brainscore_core.supported_data_standards.brainio.assemblies import NeuronRecordingAssembly
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet

from m2m_benchmarks.benchmarks.identifiers import dotted_name
from m2m_benchmarks.data import populations
from m2m_benchmarks.data.areas import order_areas
from m2m_benchmarks.data.trials import MIN_RELIABILITY, average_repetitions, is_scored, trial_array
from m2m_benchmarks.data.versions import Version, version_of
from m2m_benchmarks.errors import BenchmarkError, UnknownNameError
from m2m_benchmarks.plugins import load_dataset


@dataclasses.dataclass(frozen=True, eq=False)  # so that what is computed from them can be kept under them
class AreaRecordings:
    """Reliable neuroids of an area, or of one of its populations.

    Attributes
    ----------
    trials : array, shape (n_repetitions, n_stimuli, n_neuroids)
        Single-trial responses; NaN where nothing was recorded.
    mean : NeuronRecordingAssembly
        Responses averaged over repetitions, stimulus x neuroid. Where a neuroid has no response to a stimulus, its mean
        over the others, which adds nothing to a covariance.
    stimuli : StimulusSet
        Stimuli that all sessions with neuroids here have.
    timebins : list of (start, end)
        The response window in ms after stimulus onset.
    sha256 : str
        SHA-256 of the assembly's file.
    n_constant, n_unreliable : int
        Numbers of neuroids left out because they are constant, and because their reliability is too low or more than
        half of the stimuli are missing.
    n_stimuli_left_out : int
        Number of stimuli that some session doesn't have.
    n_filled : int
        Number of responses in `mean` that weren't recorded.
    cohort : tuple of str
        All animals of the dataset, which may have been recorded in other areas.
    """

    trials: np.ndarray
    mean: NeuronRecordingAssembly
    stimuli: StimulusSet
    timebins: list[tuple[float, float]]
    sha256: str
    n_constant: int
    n_unreliable: int
    n_stimuli_left_out: int = 0
    n_filled: int = 0
    cohort: tuple[str, ...] = ()

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

    def more_reliable(self, threshold: float) -> 'AreaRecordings':
        """Select the neuroids whose reliability is at least a threshold."""
        kept = self.reliability >= threshold
        return dataclasses.replace(self[kept], n_unreliable=self.n_unreliable + int((~kept).sum()))

    @property
    def version(self) -> Version | None:
        """Version of the dataset; None for recordings from Brain-Score's own storage."""
        return version_of(self.stimuli)

    @property
    def n_trials(self) -> int:
        """Minimum number of repetitions over neuroids; a repetition counts if any stimulus was recorded in it."""
        return int((~np.isnan(self.trials)).any(axis=1).sum(axis=0).min())

    @functools.cached_property
    def animals(self) -> np.ndarray:
        """Animal of each neuroid."""
        return np.asarray(self.mean['animal'].values)

    @property
    def reliability(self) -> np.ndarray:
        """Split-half reliability of each neuroid."""
        return np.asarray(self.mean['reliability'].values, dtype=float)


@dataclasses.dataclass(frozen=True)
class _Source:
    """Recordings of a dataset, which are the same where their version is; that includes the data folder."""

    dataset: str
    version: Version | None
    # Assemblies from Brain-Score's own storage, with one version for each name, have no hash.
    sha256: str
    # What is cached doesn't keep the whole recordings in memory.
    assembly: weakref.ref[NeuronRecordingAssembly] = dataclasses.field(compare=False)


@functools.lru_cache(maxsize=16)
def _recordings(source: _Source, area: str, population: str | None) -> AreaRecordings:
    dataset, assembly = source.dataset, source.assembly()
    assert assembly is not None  # the caller has it
    here = assembly['region'].values == area
    if not here.any():
        areas = sorted(set(assembly['region'].values))
        raise UnknownNameError('area', area, areas, f'{dataset} has no recordings there.')
    if population is not None:
        here &= _in_population(assembly, here, dataset, area, population)
    reliability = assembly['reliability'].values[here]
    n_repetitions = len(np.unique(assembly['repetition'].values))
    scored = is_scored(reliability, n_repetitions)
    # Selecting copies an area into a contiguous block of memory.
    selected = assembly.isel(neuroid=np.flatnonzero(here)[scored])
    trials, stimulus_ids = trial_array(selected)
    mean = average_repetitions(selected)
    # Sorted as in `align`, which sorts models' responses.
    order = np.argsort(stimulus_ids.astype(str), kind='stable')
    if not np.array_equal(order, np.arange(len(order))):
        trials, mean = trials[:, order], mean.isel(presentation=order)
    area_recordings = AreaRecordings(
        trials=np.asarray(trials),
        mean=mean,
        stimuli=assembly.attrs['stimulus_set'],
        timebins=[(float(start), float(end)) for start, end in assembly['time_bin'].values],
        sha256=source.sha256,
        n_constant=int((np.isnan(reliability) & ~scored).sum()),
        n_unreliable=int((reliability < MIN_RELIABILITY).sum()),
        cohort=tuple(np.unique(assembly['animal'].values).astype(str)),
    )
    if np.isnan(mean.values).any():
        area_recordings = _on_shared_stimuli(area_recordings)
    if n_repetitions == 1:  # without reliabilities, constant neuroids are among them
        values = area_recordings.mean.values
        varying = ~(values == values[:1]).all(axis=0)
        area_recordings = dataclasses.replace(area_recordings[varying], n_constant=int((~varying).sum()))
    return area_recordings


def _on_shared_stimuli(recorded: AreaRecordings) -> AreaRecordings:
    """Leave out the stimuli that some session doesn't have, and fill in the other missing responses."""
    missing = np.isnan(recorded.mean.values)
    # Some labs number the sessions of each animal.
    sessions = pd.MultiIndex.from_arrays([recorded.mean[name].values for name in ('animal', 'session')]).factorize()[0]
    shared = np.all([~missing[:, sessions == session].all(axis=1) for session in np.unique(sessions)], axis=0)
    complete = missing[shared].mean(axis=0) <= 0.5 if shared.any() else np.zeros(len(sessions), dtype=bool)
    n_incomplete = int((~complete).sum())
    recorded = recorded[complete]
    stimuli = recorded.stimuli
    if not shared.all():
        names = recorded.mean['stimulus_id'].values[shared]
        stimuli = stimuli.loc[stimuli['stimulus_id'].isin(names)].reset_index(drop=True)
        stimuli.identifier = (
            f'{recorded.stimuli.identifier}_{hashlib.sha256(repr(list(names)).encode()).hexdigest()[:16]}'
        )
    mean = recorded.mean.isel(presentation=np.flatnonzero(shared))
    missing = np.isnan(mean.values)
    counts = (~missing).sum(axis=0)
    averages = np.sum(mean.values, axis=0, where=~missing) / np.maximum(counts, 1)
    return dataclasses.replace(
        recorded,
        trials=recorded.trials[:, shared],
        mean=mean.copy(data=np.where(missing, averages, mean.values)),
        stimuli=stimuli,
        n_unreliable=recorded.n_unreliable + n_incomplete,
        n_stimuli_left_out=int((~shared).sum()),
        n_filled=int(missing.sum()),
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
        raise UnknownNameError('population', name, known, why=f'{dotted_name(dataset, area)} has none of that name')
    population = known[name]
    values = assembly[population.column].values
    members = np.array(population.holds(values))
    if not (members & here).any():
        others = ', '.join(sorted(set(values[here].astype(str))))
        raise BenchmarkError(
            f'{dotted_name(dataset, area)} has no neuroids of {name}; their {population.column} is {others}.'
        )
    return members


def recordings(
    dataset: str,
    area: str,
    population: str | None = None,
    min_neuroids: int = 1,
    assembly: NeuronRecordingAssembly | None = None,
) -> AreaRecordings:
    """Load the reliable neuroids of an area of a dataset.

    Parameters
    ----------
    dataset, area : str
    population : str, optional
        Name of a population, to load only its neuroids; see `data.populations`.
    min_neuroids : int
        Minimum number of neuroids; for a population at least 20.
    assembly : NeuronRecordingAssembly, optional
        Recordings of the dataset, by default those on this machine.

    Raises
    ------
    DataNotFoundError
        When the dataset isn't here; the message has the command that brings it.
    UnknownNameError
        When the dataset has no recordings in the area, or no such population.
    BenchmarkError
        When too few neuroids are reliable, or the dataset has no columns that define populations.
    """
    assembly = load_dataset(dataset) if assembly is None else assembly
    version = version_of(assembly.attrs['stimulus_set'])
    source = _Source(dataset, version, assembly.attrs.get('sha256', ''), weakref.ref(assembly))
    selected = _recordings(source, area, population)
    n = selected.mean.sizes['neuroid']
    name = dotted_name(dataset, area, population)
    required = min_neuroids if population is None else max(min_neuroids, populations.MIN_POPULATION_SIZE)
    if n < required:
        kept = f'of reliability {MIN_RELIABILITY} or more' if len(selected.trials) > 1 else 'that vary'
        raise BenchmarkError(
            f'{name} has {n} neuroid{"" if n == 1 else "s"} {kept} ({selected.n_unreliable} are less reliable, '
            f'{selected.n_constant} never vary); at least {required} are needed for a score and its ceiling. Add '
            'recordings, or choose another area or population.'
            + (' All sessions share no stimulus.' if not selected.mean.sizes['presentation'] else '')
        )
    return selected


def fewest_presentations(assembly: NeuronRecordingAssembly) -> int:
    """Minimum number of presentations of a stimulus in the recordings of a dataset."""
    return int(np.unique(assembly['stimulus_id'].values, return_counts=True)[1].min())


def recorded_areas(assembly: NeuronRecordingAssembly) -> list[str]:
    """List the areas in the recordings of a dataset: the mouse's six first, in their order."""
    return order_areas(set(assembly['region'].values.tolist()))
