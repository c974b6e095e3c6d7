"""Populations of neuroids, by the columns of a dataset, such as Cre line, layer and cell type.

This module imports nothing heavy, for listings.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from m2m_benchmarks.data.names import as_part

#: Minimum number of reliable neuroids for scoring a population.
MIN_POPULATION_SIZE = 20
#: Maximum number of populations of a column; columns with more values identify things.
MAX_GROUPS = 32

#: Columns whose populations keep their plain names if another column has a population of the same name.
_FIRST = ('cre_line', 'layer', 'cell_type')
#: Columns that identify a neuroid or its origin, rather than its kind.
_IDENTITIES = {'neuroid', 'region', 'area', 'animal', 'session', 'container', 'file', 'column', 'reliability'}


@dataclass(frozen=True)
class Population:
    """Neuroids with the same value in a column, or with values that give the same name.

    Attributes
    ----------
    name : str
        Name in the names of benchmarks.
    column : str
        Coordinate of the assembly.
    values : tuple of str
        Values of the column.
    """

    name: str
    column: str
    values: tuple[str, ...]

    def holds(self, values: Iterable[object]) -> list[bool]:
        """Whether each value of the column belongs to this population."""
        return [str(value) in self.values for value in values]


def groups(column: str, values: Iterable[object]) -> bool:
    """Whether a column groups neuroids into populations.

    Text and whole numbers do, up to `MAX_GROUPS` different values. Measurements, truth values, and columns that
    identify a neuroid, session or animal don't.

    Parameters
    ----------
    column : str
    values : iterable
        Values of the column; duplicates don't matter.
    """
    if column in _IDENTITIES or column.endswith('_id'):
        return False
    different = set(values)
    # A 32-bit number of numpy is not an instance of float.
    if any(isinstance(value, float) or getattr(value, 'dtype', None) == 'float32' for value in different):
        return False
    if different & {True, False} and all(str(value) in ('True', 'False') for value in different):
        return False
    return 0 < len(different) <= MAX_GROUPS


def names_of(column: str, values: Iterable[str]) -> dict[str, str]:
    """Name the populations of a column: by the valid characters of each value before its first dash.

    For example, Cux2-CreERT2 gives Cux2. Values that would share such a name keep what is after the dash:
    pyramidal-deep and pyramidal-thin give pyramidal_deep and pyramidal_thin. Numbers are prefixed with a letter or the
    column: layer 2/3 is L23.

    Returns
    -------
    dict
        Value to name; empty if there are no valid characters before the dash.
    """
    names = {value: _name_of(column, value.partition('-')[0]) for value in values}
    shared = {name for name, n in Counter(names.values()).items() if name and n > 1}
    return {
        value: _name_of(column, value.replace('-', '_')) if name in shared else name for value, name in names.items()
    }


def _name_of(column: str, text: str) -> str:
    name = as_part(text)
    if not name[:1].isdigit():
        return name
    return f'L{name}' if column.endswith('layer') else f'{as_part(column)}_{name}'


def populations(columns: Mapping[str, Iterable[object]]) -> dict[str, Population]:
    """List the populations of a dataset.

    Parameters
    ----------
    columns : mapping
        Name of each column that groups neuroids (see `groups`) to its values.

    Returns
    -------
    dict
        Name to population. If two columns give the same name, the later column's (the order is cre_line, layer,
        cell_type, then alphabetical) is named COLUMN_NAME, such as layer_L4.
    """
    named: dict[str, Population] = {}
    for column in sorted(columns, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)):
        values_by_name: dict[str, list[str]] = {}
        for value, name in names_of(column, sorted({str(value) for value in columns[column]})).items():
            values_by_name.setdefault(name, []).append(value)
        for name, values in values_by_name.items():
            if name:
                unique = f'{as_part(column)}_{name}' if name in named else name
                named.setdefault(unique, Population(unique, column, tuple(values)))
    return named


def recorded_populations(summary: Mapping[str, Any]) -> dict[str, Population]:
    """List the populations of recordings from their manifest; none if an earlier version wrote it.

    Parameters
    ----------
    summary : mapping
        Summary in the manifest: numbers of reliable neuroids by area, column and value.
    """
    columns: dict[str, list[object]] = {}
    for counts in summary['areas'].values():
        for column, values in counts.get('reliable_by', {}).items():
            columns.setdefault(column, []).extend(values)
    return populations(columns)
