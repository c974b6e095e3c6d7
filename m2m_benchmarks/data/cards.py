"""Dataset cards: what a dataset is, its licence, its citation, how it was made, and the command that downloads it."""

import functools
from pathlib import Path

import yaml

from m2m_benchmarks.data import manifest
from m2m_benchmarks.errors import DataError

_FIELDS = ('name', 'what', 'licence', 'citation', 'how_made')


def card(name: str) -> dict[str, str] | None:
    """Card of a dataset of this library, or one made from the manifest of an imported dataset.

    Returns
    -------
    dict or None
        Fields as in `cards`; None if there is no such dataset.
    """
    for known in cards():
        if known['name'] == name:
            return known
    entry = manifest.read(name)
    if entry is None:
        return None
    kind = 'Digits' if entry.get('kind') == manifest.DIGITS else 'Recordings'
    given = entry['source'].get('description', {})
    return {
        'name': name,
        'what': ' '.join(filter(None, [given.get('description'), given.get('technique')]))
        or f'{kind} imported on this machine.',
        'licence': given.get('licence', 'not stated; see the data provider'),
        'citation': given.get('citation', 'none given'),
        'how_made': f'{entry["source"]["made_by"]}, {entry["created"]}',
        'fetch': '',
    }


@functools.cache
def cards() -> tuple[dict[str, str], ...]:
    """Cards of this library's datasets: name, what, licence, citation, how_made and fetch ('' if it is imported)."""
    return tuple(
        {**{field: str(content[field]).strip() for field in _FIELDS}, 'fetch': str(content.get('fetch', ''))}
        for path in sorted(Path(__file__).parent.glob('*/card.yaml'))
        for content in yaml.safe_load_all(path.read_text(encoding='utf-8'))
    )


def refuse_other_case(name: str) -> None:
    """Raise a DataError if a dataset has a new name but for the case of its letters.

    On some systems the two would share a folder, and users take them for one.
    """
    known = {*(own['name'] for own in cards()), *manifest.names()}
    for other in sorted(known) if name not in known else ():
        if other.lower() == name.lower():
            raise DataError(f'{name} differs from {other} only in the case of letters. Use {other}, or another name.')
