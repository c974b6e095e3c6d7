"""Benchmarks of populations of cells, which have a line of their own only where they are exported."""

import re
from pathlib import Path

import yaml

from m2m_benchmarks.data.populations import DATASET, POPULATIONS

_NAME = re.compile(rf'{DATASET}\.(?P<area>\w+)\.(?P<population>{"|".join(POPULATIONS)})-(?P<kind>\w+)\Z')


def whole_area(name: str) -> str:
    """Benchmark of the area in which a population is; the name itself where it isn't that of a population."""
    found = _NAME.match(name)
    return f'{DATASET}.{found["area"]}-{found["kind"]}' if found else name


def register(name: str, folder: Path) -> None:
    """Give the benchmark of a population its line and its metadata in a copy of the plugin; others have theirs.

    Parameters
    ----------
    name : str
    folder : Path
        Of the copy.
    """
    found = _NAME.match(name)
    if found is None:
        return
    area, population, kind = found.groups()
    with (folder / '__init__.py').open('a', encoding='utf-8') as file:
        file.write(f"\nbenchmark_registry['{name}'] = lambda: area('{area}', '{kind}', '{population}')\n")
    path = folder / 'metadata.yaml'
    entry = yaml.safe_load(path.read_text(encoding='utf-8'))['benchmarks'][whole_area(name)]
    entry['data']['pre_processing'] += f'; {population} alone, by {POPULATIONS[population].coordinate}'
    lines = yaml.safe_dump({name: entry}, sort_keys=False, width=1000).splitlines()
    with path.open('a', encoding='utf-8') as file:
        file.write(''.join(f'    {line}\n' for line in lines))
