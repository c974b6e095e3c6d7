"""Which names datasets, areas and populations can have: parts of the names of benchmarks, `benchmarks.identifiers`.

This module imports nothing heavy: listings read it.
"""

import re

#: Name of a dataset, as a regular expression: a letter, then letters and digits.
DATASET = r'[A-Za-z][A-Za-z0-9]*'
_CHARACTERS = 'A-Za-z0-9_'
#: Name of an area, population, domain or comparison.
PART = rf'[{_CHARACTERS}]+'
_ODD = re.compile(rf'[^{_CHARACTERS}]+', re.ASCII)


def is_dataset_name(name: str) -> bool:
    """Whether recordings or digits can be called so: a letter, then letters and digits."""
    return re.fullmatch(DATASET, name, re.ASCII) is not None


def is_part_name(name: str) -> bool:
    """Whether an area, population or domain can be called so: letters, digits and underscores."""
    return re.fullmatch(PART, name, re.ASCII) is not None


def as_part(text: str) -> str:
    """Take out of a text whatever no area, population or domain can have in its name."""
    return _ODD.sub('', text)
