"""Populations of the cells of an area: those of a Cre line, of a layer, excitatory and inhibitory ones.

This module imports nothing heavy: listings read it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

#: The dataset of whose populations there are benchmarks.
DATASET = 'deVries2020'
#: Fewest reliable neuroids of a population that is scored.
LEAST_OF_POPULATION = 20


@dataclass(frozen=True)
class Population:
    """Those of an area's neuroids of which a coordinate says the same.

    Attributes
    ----------
    name : str
        As in the identifiers of benchmarks.
    coordinate : str
    value : str
        Up to the first dash: the line Cux2-CreERT2 is that of the gene Cux2.
    """

    name: str
    coordinate: str
    value: str

    def holds(self, values: Iterable[str]) -> list[bool]:
        """Which values of the coordinate are of this population."""
        return [str(value).partition('-')[0] == self.value for value in values]


#: Driver lines of the Allen Institute's 2-photon survey, by their genes.
_LINES = ['Cux2', 'Emx1', 'Fezf2', 'Nr5a1', 'Ntsr1', 'Pvalb', 'Rbp4', 'Rorb', 'Scnn1a', 'Slc17a7', 'Sst', 'Tlx3', 'Vip']

#: By name. A layer is that of the imaging depth, a type that of the Cre line.
POPULATIONS = {
    each.name: each
    for each in (
        *(Population(line, 'cre_line', line) for line in _LINES),
        *(Population(f'L{layer.replace("/", "")}', 'layer', layer) for layer in ('2/3', '4', '5', '6')),
        *(Population(kind, 'cell_type', kind) for kind in ('excitatory', 'inhibitory')),
    )
}
#: Coordinates that tell populations.
COORDINATES = tuple(dict.fromkeys(each.coordinate for each in POPULATIONS.values()))
