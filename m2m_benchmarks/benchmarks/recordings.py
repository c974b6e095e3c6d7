"""Recordings that a benchmark scores on: the reliable neuroids of one area, or of a population of it."""

import dataclasses
import functools
from pathlib import Path

import numpy as np
from brainscore_core.supported_data_standards.brainio.assemblies import NeuronRecordingAssembly
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet

from m2m_benchmarks.data.populations import LEAST_OF_POPULATION, Population
from m2m_benchmarks.data.trials import RELIABLE, average_repetitions, cube
from m2m_benchmarks.errors import BenchmarkError, UnknownNameError
from m2m_benchmarks.plugins import load_dataset

#: Fewest reliable neuroids that a score is computed from: an RDM needs patterns, a median needs company.
LEAST_NEUROIDS = 3


@dataclasses.dataclass(frozen=True)
class Recordings:
    """Reliable neuroids of one area, or of a population of it.

    Attributes
    ----------
    trials : array, shape (n_repetitions, n_stimuli, n_neuroids)
        Single responses; NaN where a session has fewer repetitions.
    mean : NeuronRecordingAssembly
        stimulus x neuroid, averaged over repetitions.
    stimuli : StimulusSet
    timebins : list of (start, end)
        In ms after stimulus onset: one.
    sha256 : str
        Of the assembly's file.
    n_flat, n_unreliable : int
        Neuroids left out: those that never vary, those below the threshold.
    """

    trials: np.ndarray
    mean: NeuronRecordingAssembly
    stimuli: StimulusSet
    timebins: list[tuple[float, float]]
    sha256: str
    n_flat: int
    n_unreliable: int

    def __getitem__(self, mask: np.ndarray) -> 'Recordings':
        """Some of the neuroids."""
        return dataclasses.replace(
            self, trials=self.trials[:, :, mask], mean=self.mean.isel(neuroid=np.flatnonzero(mask))
        )

    @property
    def animals(self) -> np.ndarray:
        """Animal of each neuroid."""
        return np.asarray(self.mean['animal'].values)

    @property
    def reliability(self) -> np.ndarray:
        """Split-half reliability of each neuroid."""
        return np.asarray(self.mean['reliability'].values, dtype=float)


@functools.lru_cache(maxsize=12)
def _recordings(dataset: str, area: str, population: Population | None, sha256: str, place: Path) -> Recordings:
    # `place` is only in the key: the same recordings in another data folder have other stimulus paths.
    assembly = load_dataset(dataset)
    here = assembly['region'].values == area
    if not here.any():
        areas = sorted(set(assembly['region'].values))
        raise UnknownNameError('area', area, areas, f'{dataset} has no recordings there.')
    if population is not None:
        here &= _of_population(assembly, here, f'{dataset}.{area}', population)
    reliability = assembly['reliability'].values[here]
    reliable = reliability >= RELIABLE
    # Taken apart here: one area of a recording is one contiguous block of memory from now on.
    selected = assembly.isel(neuroid=np.flatnonzero(here)[reliable])
    trials, _ = cube(selected)
    return Recordings(
        trials=np.asarray(trials),
        mean=average_repetitions(selected),
        stimuli=assembly.attrs['stimulus_set'],
        timebins=[(float(start), float(end)) for start, end in assembly['time_bin'].values],
        sha256=sha256,
        n_flat=int(np.isnan(reliability).sum()),
        n_unreliable=int((reliability < RELIABLE).sum()),
    )


def _of_population(
    assembly: NeuronRecordingAssembly, here: np.ndarray, area: str, population: Population
) -> np.ndarray:
    """Which neuroids of an assembly, of which those of an area are `here`, are of a population."""
    coordinate = population.coordinate
    if coordinate not in assembly.indexes['neuroid'].names:
        raise BenchmarkError(
            f'{area}.{population.name} cannot be scored: the recordings on this machine do not say the {coordinate} '
            f'of their neuroids. `m2m data fetch` brings some that do; in a bundle it is a column of units.csv.'
        )
    values = assembly[coordinate].values
    found = np.array(population.holds(values))
    if not (found & here).any():
        others = ', '.join(sorted(set(values[here].astype(str))))
        raise BenchmarkError(f'{area} has no neuroids of {population.name}; their {coordinate} is {others}.')
    return found


def recordings(dataset: str, area: str, population: Population | None = None) -> Recordings:
    """Reliable neuroids of an area of a dataset.

    Parameters
    ----------
    dataset, area : str
    population : Population, optional
        Only those of it.

    Raises
    ------
    DataNotFoundError
        With the command that brings the dataset.
    UnknownNameError
        When the dataset has no recordings in the area.
    BenchmarkError
        When fewer than 3 neuroids are reliable, or 20 of a population, or the dataset doesn't tell populations.
    """
    attrs = load_dataset(dataset).attrs
    stimuli = attrs['stimulus_set']
    place = Path(stimuli.get_stimulus(stimuli['stimulus_id'].iloc[0])).parent
    # Assemblies from Brain-Score's own storage, where there is one version of a name, come without a hash.
    found = _recordings(dataset, area, population, attrs.get('sha256', ''), place)
    n = found.mean.sizes['neuroid']
    name = f'{dataset}.{area}' if population is None else f'{dataset}.{area}.{population.name}'
    least = LEAST_NEUROIDS if population is None else LEAST_OF_POPULATION
    if n < least:
        raise BenchmarkError(
            f'{name} has {n} neuroids of reliability {RELIABLE} or more ({found.n_unreliable} are less reliable, '
            f'{found.n_flat} never vary); at least {least} are needed for a score.'
        )
    return found
