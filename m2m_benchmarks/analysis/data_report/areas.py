"""Counts and reliabilities of the neuroids of each area and population."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from brainscore_core.supported_data_standards.brainio.assemblies import NeuronRecordingAssembly

from m2m_benchmarks.data import populations
from m2m_benchmarks.data.areas import order_areas
from m2m_benchmarks.data.trials import is_scored

#: Bounds of the bins in which reliabilities are counted; the first bin also has those below its lower bound.
BINS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)


@dataclass(frozen=True, eq=False)
class Area:
    """Neuroids of an area.

    Attributes
    ----------
    name : str
    n_neuroids, n_reliable, n_animals, n_recordings : int
    reliabilities : array
        Split-half reliabilities, without those of neuroids that have none.
    """

    name: str
    n_neuroids: int
    n_reliable: int
    n_animals: int
    n_recordings: int
    reliabilities: np.ndarray

    @property
    def n_without(self) -> int:
        """Number of neuroids without a reliability: constant ones, and those of one repetition."""
        return self.n_neuroids - len(self.reliabilities)

    def histogram(self) -> list[int]:
        """Count the reliabilities in each of `BINS`."""
        return [int(n) for n in np.histogram(np.clip(self.reliabilities, BINS[0], BINS[-1]), BINS)[0]]


@dataclass(frozen=True)
class PopulationCount:
    """Neuroids of a population, such as a Cre line or a layer.

    Attributes
    ----------
    column, name : str
        Column that groups the neuroids, and name of the population in the names of benchmarks.
    n_neuroids, n_reliable, n_animals : int
    reliable_by_area : dict of str to int
    """

    column: str
    name: str
    n_neuroids: int
    n_reliable: int
    n_animals: int
    reliable_by_area: dict[str, int]


def neuroid_table(assembly: NeuronRecordingAssembly, n_repetitions: int) -> pd.DataFrame:
    """Make the table of all neuroids: the coordinates of the assembly, and whether each is scored."""
    columns = {str(name): assembly[name].values for name in assembly.indexes['neuroid'].names}
    return pd.DataFrame(columns).assign(scored=is_scored(columns['reliability'].astype(float), n_repetitions))


def areas(neuroids: pd.DataFrame) -> list[Area]:
    """Count the neuroids of each area, the mouse's six first, in their order."""
    counted = []
    for name in order_areas(map(str, neuroids['region'])):
        own = neuroids[neuroids['region'].astype(str) == name]
        reliability = own['reliability'].to_numpy(dtype=float)
        counted.append(
            Area(
                name,
                len(own),
                int(own['scored'].sum()),
                own['animal'].nunique(),
                len(own[['animal', 'session']].drop_duplicates()),
                reliability[~np.isnan(reliability)],
            )
        )
    return counted


def population_counts(neuroids: pd.DataFrame, names: Sequence[str]) -> list[PopulationCount]:
    """Count the neuroids of each population, by the columns that group them; see `data.populations`.

    Parameters
    ----------
    neuroids : DataFrame
        As `neuroid_table` returns it.
    names : sequence of str
        Names of the areas.
    """
    grouping = {
        str(column): neuroids[column].unique()
        for column in neuroids
        if column != 'scored' and populations.groups(str(column), neuroids[column].unique())
    }
    counts = []
    for population in populations.populations(grouping).values():
        own = neuroids[population.holds(neuroids[population.column])]
        reliable = own[own['scored']]
        by_area = {name: int((reliable['region'].astype(str) == name).sum()) for name in names}
        counts.append(
            PopulationCount(
                population.column, population.name, len(own), len(reliable), own['animal'].nunique(), by_area
            )
        )
    return counts
