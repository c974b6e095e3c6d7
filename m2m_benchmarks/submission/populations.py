"""Benchmarks of populations of neuroids, which have a line of their own only where they are exported."""

from pathlib import Path
from typing import TypeGuard

import yaml

from m2m_benchmarks.benchmarks.datasets import RECORDINGS
from m2m_benchmarks.benchmarks.identifiers import NeuralIdentifier, parse
from m2m_benchmarks.benchmarks.registry import line, metadata
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.populations import Population, recorded_populations
from m2m_benchmarks.errors import UnknownNameError


def whole_area(name: str) -> str:
    """Benchmark of the area in which a population is; the name itself where it isn't that of a population."""
    parsed = parse(name)
    return str(parsed.of_area) if _is_population(parsed) else name


def register(name: str, folder: Path) -> None:
    """Give the benchmark of a population its line and its metadata in a copy of the plugin; others have theirs.

    Parameters
    ----------
    name : str
    folder : Path
        Folder of the copy.

    Raises
    ------
    DataNotFoundError
        When the recordings, whose columns tell the populations, aren't on this machine.
    UnknownNameError
        When they have no such population.
    """
    parsed = parse(name)
    if not _is_population(parsed):
        return
    population = _population(parsed)
    with (folder / '__init__.py').open('a', encoding='utf-8') as file:
        file.write(f'\n{line(parsed)}\n')
    lines = yaml.safe_dump(
        {name: metadata(parsed, population.column)}, sort_keys=False, width=1000, indent=4
    ).splitlines()
    with (folder / 'metadata.yaml').open('a', encoding='utf-8') as file:
        file.write(''.join(f'    {each}\n' for each in lines))


def _is_population(name: object) -> TypeGuard[NeuralIdentifier]:
    return isinstance(name, NeuralIdentifier) and name.population is not None and name.dataset in RECORDINGS


def _population(name: NeuralIdentifier) -> Population:
    known = recorded_populations(manifest.require(name.dataset)['summary'])
    if name.population not in known:
        raise UnknownNameError('population', str(name.population), known, f'({name})')
    return known[name.population]
