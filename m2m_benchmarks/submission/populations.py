"""Registers benchmarks of populations, and of comparisons with options, in exported plugins.

Elsewhere they have no registry line.
"""

from dataclasses import replace
from pathlib import Path
from typing import TypeGuard

import yaml

from m2m_benchmarks.benchmarks.comparisons import in_table
from m2m_benchmarks.benchmarks.datasets import RECORDINGS
from m2m_benchmarks.benchmarks.identifiers import NeuralIdentifier, parse
from m2m_benchmarks.benchmarks.registry import line, metadata
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.populations import Population, recorded_populations
from m2m_benchmarks.errors import UnknownNameError
from m2m_benchmarks.submission.imported import describe_recordings, imported_dataset


def registered_name(name: str) -> str:
    """Name of the benchmark of a population's area, and without options; other names are returned unchanged."""
    parsed = parse(name)
    return str(_in_plugin(parsed)) if _is_recorded(parsed) else name


def register(name: str, folder: Path) -> None:
    """Add the registry line and metadata of the benchmark of a population, or with options, to a copy of its plugin.

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
    if not _is_recorded(parsed) or parsed == _in_plugin(parsed):
        return
    column = '' if parsed.population is None else _population(parsed).column
    with (folder / '__init__.py').open('a', encoding='utf-8') as file:
        file.write(f'\n{line(parsed)}\n')
    lines = yaml.safe_dump(
        {name: metadata(parsed, describe_recordings(parsed.dataset), column)},
        sort_keys=False,
        width=1000,
        indent=4,
    ).splitlines()
    with (folder / 'metadata.yaml').open('a', encoding='utf-8') as file:
        file.write(''.join(f'    {text}\n' for text in lines))


def _in_plugin(name: NeuralIdentifier) -> NeuralIdentifier:
    return replace(name.of_area, comparison=in_table(name.comparison))


def _is_recorded(name: object) -> TypeGuard[NeuralIdentifier]:
    if not isinstance(name, NeuralIdentifier):
        return False
    return name.dataset in RECORDINGS or imported_dataset(name.dataset) is not None


def _population(name: NeuralIdentifier) -> Population:
    known = recorded_populations(manifest.require(name.dataset)['summary'])
    if name.population not in known:
        raise UnknownNameError('population', str(name.population), known, why=f'{name.dataset} has none of that name')
    return known[name.population]
