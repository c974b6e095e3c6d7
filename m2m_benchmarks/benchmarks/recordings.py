"""Recordings that a benchmark scores on: the reliable neuroids of one area."""

import dataclasses
import functools
from pathlib import Path

import numpy as np
from brainscore_core.supported_data_standards.brainio.assemblies import NeuronRecordingAssembly
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet

from m2m_benchmarks.data.trials import RELIABLE, average_repetitions, cube
from m2m_benchmarks.errors import BenchmarkError, UnknownNameError
from m2m_benchmarks.plugins import load_dataset

#: Fewest reliable neuroids that a score is computed from: an RDM needs patterns, a median needs company.
LEAST_NEUROIDS = 3


@dataclasses.dataclass(frozen=True)
class Recordings:
    """Reliable neuroids of one area.

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
def _recordings(dataset: str, area: str, sha256: str, place: Path) -> Recordings:
    # `place` is only in the key: the same recordings in another data folder have other stimulus paths.
    assembly = load_dataset(dataset)
    here = assembly['region'].values == area
    if not here.any():
        areas = sorted(set(assembly['region'].values))
        raise UnknownNameError('area', area, areas, f'{dataset} has no recordings there.')
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


def recordings(dataset: str, area: str) -> Recordings:
    """Reliable neuroids of an area of a dataset.

    Raises
    ------
    DataNotFoundError
        With the command that brings the dataset.
    UnknownNameError
        When the dataset has no recordings in the area.
    BenchmarkError
        When fewer than three neuroids are reliable.
    """
    attrs = load_dataset(dataset).attrs
    stimuli = attrs['stimulus_set']
    place = Path(stimuli.get_stimulus(stimuli['stimulus_id'].iloc[0])).parent
    # Assemblies from Brain-Score's own storage, where there is one version of a name, come without a hash.
    found = _recordings(dataset, area, attrs.get('sha256', ''), place)
    n = found.mean.sizes['neuroid']
    if n < LEAST_NEUROIDS:
        raise BenchmarkError(
            f'{dataset}.{area} has {n} neuroids of reliability {RELIABLE} or more ({found.n_unreliable} are less '
            f'reliable, {found.n_flat} never vary); at least {LEAST_NEUROIDS} are needed for a score.'
        )
    return found
