"""Populations of the neuroids of an area: of a Cre line, a layer, a cell type, whatever a dataset's columns say.

This module imports nothing heavy: listings read it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from m2m_benchmarks.data.names import as_part

#: Fewest reliable neuroids of a population that is scored.
MIN_POPULATION_SIZE = 20
#: A column with more values than this numbers things; it doesn't group them.
MAX_GROUPS = 32

#: Columns whose populations have plain names even where another column has a population of that name.
_FIRST = ('cre_line', 'layer', 'cell_type')
#: Columns that say what a neuroid is, or where it was recorded, not of which kind it is.
_IDENTITIES = {'neuroid', 'region', 'area', 'animal', 'session', 'container', 'file', 'column', 'reliability'}


@dataclass(frozen=True)
class Population:
    """Neuroids that share a value of a column, or several values of the same name.

    Attributes
    ----------
    name : str
        As in the names of benchmarks.
    column : str
        Coordinate of the assembly.
    values : tuple of str
    """

    name: str
    column: str
    values: tuple[str, ...]

    def holds(self, values: Iterable[object]) -> list[bool]:
        """Say for each value of the column whether it is one of this population."""
        return [str(value) in self.values for value in values]


def groups(column: str, values: Iterable[object]) -> bool:
    """Whether a column groups neuroids into populations.

    Text and whole numbers do, up to `MAX_GROUPS` different ones; columns that identify a neuroid, session or animal,
    measurements and truth values don't.

    Parameters
    ----------
    column : str
    values : iterable
        Values of the column, or the different ones among them.
    """
    if column in _IDENTITIES or column.endswith('_id'):
        return False
    different = set(values)
    # A 32-bit number of numpy is no Python float.
    if any(isinstance(value, float) or getattr(value, 'dtype', None) == 'float32' for value in different):
        return False
    if different & {True, False} and all(str(value) in ('True', 'False') for value in different):
        return False
    return 0 < len(different) <= MAX_GROUPS


def name_of(column: str, value: str) -> str:
    """Name of the population of a value: up to the first dash, of letters, digits and underscores.

    The line Cux2-CreERT2 is that of the gene Cux2. Numbers get a letter or the column before them: layer 2/3 is L23.

    Returns
    -------
    str
        Empty where nothing of the value can stand in a name.
    """
    name = as_part(value.partition('-')[0])
    if not name[:1].isdigit():
        return name
    return f'L{name}' if column.endswith('layer') else f'{as_part(column)}_{name}'


def populations(columns: Mapping[str, Iterable[object]]) -> dict[str, Population]:
    """Populations that the columns of a dataset tell apart.

    Parameters
    ----------
    columns : mapping
        Name of each column that `groups` neuroids to its values.

    Returns
    -------
    dict
        Name to population. Where two columns have a value of the same name, the later column's, in alphabetical order
        after cre_line, layer and cell_type, is called COLUMN_NAME.
    """
    named: dict[str, Population] = {}
    for column in sorted(columns, key=lambda each: (_FIRST.index(each) if each in _FIRST else len(_FIRST), each)):
        of_column: dict[str, list[str]] = {}
        for value in sorted({str(value) for value in columns[column]}):
            of_column.setdefault(name_of(column, value), []).append(value)
        for name, values in of_column.items():
            if name:
                unique = f'{as_part(column)}_{name}' if name in named else name
                named.setdefault(unique, Population(unique, column, tuple(values)))
    return named


def recorded_populations(summary: Mapping[str, Any]) -> dict[str, Population]:
    """Populations of the recordings that the summary of a manifest describes; none where an earlier version wrote it.

    Parameters
    ----------
    summary : mapping
        With the number of reliable neuroids by the values of each column, area by area.
    """
    columns: dict[str, list[object]] = {}
    for counts in summary['areas'].values():
        for column, values in counts.get('reliable_by', {}).items():
            columns.setdefault(column, []).extend(values)
    return populations(columns)
