"""Registers benchmarks of populations of neuroids in exported plugins; elsewhere they have no registry line."""

from pathlib import Path
from typing import TypeGuard

import yaml

from m2m_benchmarks.benchmarks.datasets import RECORDINGS
from m2m_benchmarks.benchmarks.identifiers import NeuralIdentifier, parse
from m2m_benchmarks.benchmarks.registry import line, metadata
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.populations import Population, recorded_populations
from m2m_benchmarks.errors import UnknownNameError
from m2m_benchmarks.submission.imported import describe_recordings, imported_dataset


def whole_area(name: str) -> str:
    """Name of the benchmark of a population's area; other names are returned unchanged."""
    parsed = parse(name)
    return str(parsed.of_area) if _is_population(parsed) else name


def register(name: str, folder: Path) -> None:
    """Add the registry line and metadata of the benchmark of a population to a copy of its plugin.

    Nothing is done for other benchmarks, which have theirs already.

    Parameters
    ----------
    name : str
        Identifier of the benchmark.
    folder : Path
        Folder of the copy.

    Raises
    ------
    DataNotFoundError
        When the recordings, whose columns define the populations, aren't on this machine.
    UnknownNameError
        When the recordings have no such population; the message lists the nearest names.
    """
    parsed = parse(name)
    if not _is_population(parsed):
        return
    population = _population(parsed)
    with (folder / '__init__.py').open('a', encoding='utf-8') as file:
        file.write(f'\n{line(parsed)}\n')
    lines = yaml.safe_dump(
        {name: metadata(parsed, describe_recordings(parsed.dataset), population.column)},
        sort_keys=False,
        width=1000,
        indent=4,
    ).splitlines()
    with (folder / 'metadata.yaml').open('a', encoding='utf-8') as file:
        file.write(''.join(f'    {text}\n' for text in lines))


def _is_population(name: object) -> TypeGuard[NeuralIdentifier]:
    if not isinstance(name, NeuralIdentifier) or name.population is None:
        return False
    return name.dataset in RECORDINGS or imported_dataset(name.dataset) is not None


def _population(name: NeuralIdentifier) -> Population:
    known = recorded_populations(manifest.require(name.dataset)['summary'])
    if name.population not in known:
        raise UnknownNameError('population', str(name.population), known, why=f'{name.dataset} has none of that name')
    return known[name.population]
