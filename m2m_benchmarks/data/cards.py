"""Dataset cards: what a dataset is, its licence, its citation, how it was made."""

from pathlib import Path
from typing import Any

import yaml

from m2m_benchmarks.data import ledger

_FIELDS = ('what', 'licence', 'citation', 'how_made')


def card(name: str) -> dict[str, Any] | None:
    """Card of one of this library's datasets, or one made up of what was said when it was imported.

    Returns
    -------
    dict with name, what, licence, citation, how_made; None for a dataset that doesn't exist.
    """
    for found in cards():
        if found['name'] == name:
            return found
    entry = ledger.read(name)
    if entry is None:
        return None
    return {
        'name': name,
        'what': f'{"Digits" if entry.get("kind") == ledger.DIGITS else "Recordings"} imported on this machine.',
        'licence': 'whatever whoever made them says',
        'citation': 'none given',
        'how_made': f'{entry["source"]["made_by"]}, {entry["created"]}',
    }


def cards() -> list[dict[str, Any]]:
    """Cards of this library's datasets."""
    found = []
    for path in sorted(Path(__file__).parent.glob('*/card.yaml')):
        for content in yaml.safe_load_all(path.read_text(encoding='utf-8')):
            found.append({key: str(content[key]).strip() for key in ('name', *_FIELDS)})
    return found
