"""Dataset cards: what a dataset is, its licence, its citation, how it was made, and the command that downloads it."""

import functools
from pathlib import Path

import yaml

from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.digit_names import DERIVED_DIGITS, DOMAINS, PAPER_DIGITS
from m2m_benchmarks.data.made_here import MADE_HERE
from m2m_benchmarks.data.names import is_dataset_name
from m2m_benchmarks.errors import DataError, UnknownNameError

_FIELDS = ('name', 'what', 'licence', 'citation', 'how_made')
#: The command that downloads it, and the size of its stimuli on the animals' screen, width x height in degrees.
_OPTIONAL = ('fetch', 'stimulus_degrees')

#: Names of digits that are registered.
_DIGITS = (*DOMAINS, DERIVED_DIGITS, PAPER_DIGITS)


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
        'what': ' '.join(map(_sentence, filter(None, [given.get('description'), given.get('technique')])))
        or f'{kind} imported on this machine.',
        'licence': given.get('licence', 'not stated; see the data provider'),
        'citation': given.get('citation', 'none given'),
        'how_made': f'{entry["source"]["made_by"]}, {entry["created"]}',
        'fetch': '',
        'stimulus_degrees': given.get('stimulus_degrees', ''),
    }


def _sentence(text: str) -> str:
    """End a text with a full stop, unless it ends with a mark."""
    return text if text.endswith(('.', '!', '?')) else f'{text}.'


@functools.cache
def cards() -> tuple[dict[str, str], ...]:
    """Cards of this library's datasets: name, what, licence, citation, how_made, fetch and stimulus_degrees.

    The last two are '' for a dataset that isn't downloaded, and for one that no animal was shown.
    """
    return tuple(
        {
            **{field: str(content[field]).strip() for field in _FIELDS},
            **{field: str(content.get(field, '')) for field in _OPTIONAL},
        }
        for path in sorted(Path(__file__).parent.glob('*/card.yaml'))
        for content in yaml.safe_load_all(path.read_text(encoding='utf-8'))
    )


def refuse_other_case(name: str) -> None:
    """Raise a DataError if a new name differs from that of a dataset only in the case of letters.

    On some systems the two would share a folder, and users would take them for one.
    """
    known = {*(own['name'] for own in cards()), *manifest.names()}
    for other in sorted(known) if name not in known else ():
        if other.lower() == name.lower():
            raise DataError(f'{name} differs from {other} only in the case of letters. Use {other}, or another name.')


def has_digits(name: str) -> bool:
    """Whether a dataset has images of digits, on this machine or not, and no recordings."""
    return name in _DIGITS or (is_dataset_name(name) and manifest.holds_digits(name))


def require_recordings(name: str) -> None:
    """Check that a name is that of recordings which are on this machine, or are made here.

    Raises
    ------
    UnknownNameError
        When there is no dataset of this name; the message has the nearest names.
    DataNotFoundError
        When it isn't on this machine; the message has the command that brings it.
    DataError
        When it has no recordings but digits, or its manifest is damaged.
    """
    if has_digits(name):
        raise DataError(
            f'{name} has images of digits, and no recordings of neuroids. `m2m data list` shows which '
            'datasets have neuroids.'
        )
    known = dict.fromkeys([*(own['name'] for own in cards()), *MADE_HERE, *manifest.names()])
    if name not in known:
        recorded = [other for other in known if not has_digits(other)]
        raise UnknownNameError('dataset', name, recorded, '`m2m data list` lists them.')
    if name not in MADE_HERE:
        manifest.require(name)
