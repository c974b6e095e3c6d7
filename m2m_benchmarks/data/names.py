"""Valid names of datasets, areas and populations, of which names of benchmarks consist (`benchmarks.identifiers`).

This module imports nothing heavy, for listings.
"""

import re

#: Regular expression for the name of a dataset: a letter, then letters and digits.
DATASET = r'[A-Za-z][A-Za-z0-9]*'
#: Longest name of a dataset: names of files that contain it have at most 255 characters.
_LONGEST = 100
#: What `is_dataset_name` expects, for messages.
DATASET_RULE = f'letters and digits, the first a letter, at most {_LONGEST}'
_CHARACTERS = 'A-Za-z0-9_'
#: Regular expression for the name of an area, population, domain or comparison.
PART = rf'[{_CHARACTERS}]+'
_INVALID = re.compile(rf'[^{_CHARACTERS}]+', re.ASCII)


def is_dataset_name(name: str) -> bool:
    """Whether a name is valid for recordings or digits: a letter, then letters and digits, 100 in all at most."""
    return len(name) <= _LONGEST and re.fullmatch(DATASET, name, re.ASCII) is not None


def is_part_name(name: str) -> bool:
    """Whether a name is valid for an area, population or domain: letters, digits and underscores."""
    return re.fullmatch(PART, name, re.ASCII) is not None


def as_part(text: str) -> str:
    """Remove all characters that are invalid in the name of an area, population or domain."""
    return _INVALID.sub('', text)
