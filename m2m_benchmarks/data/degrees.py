"""Size of a dataset's stimuli on the animals' screen, in visual degrees."""

import re
from collections.abc import Mapping
from typing import Any

from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.cards import card
from m2m_benchmarks.errors import DataError

#: Field of dataset.yml and card.yaml, and its form.
FIELD = 'stimulus_degrees'
EXPECTED = 'expected width x height in visual degrees, such as 120 x 95'
_FORM = re.compile(r'\s*(\d+(?:\.\d+)?)\s*x\s*(\d+(?:\.\d+)?)\s*')


def parse_degrees(text: str) -> tuple[float, float]:
    """Read a width and a height in degrees, such as '120 x 95'.

    Raises
    ------
    ValueError
        When the text has another form, or the size is 0 or more than a sphere has.
    """
    match = _FORM.fullmatch(text)
    width, height = map(float, match.groups()) if match else (0.0, 0.0)
    if not (0 < width <= 360 and 0 < height <= 180):
        raise ValueError(EXPECTED)
    return width, height


def stimulus_degrees(name: str, entry: Mapping[str, Any] | None = None) -> tuple[float, float]:
    """Look up the size of a dataset's stimuli on the animals' screen.

    Parameters
    ----------
    name : str
    entry : mapping, optional
        Manifest of the dataset, by default the current one.

    Returns
    -------
    (width, height)
        In visual degrees: what a lab states in dataset.yml, else what the dataset's card states.

    Raises
    ------
    DataError
        When neither states it; the message says where to.
    """
    entry = manifest.read(name) if entry is None else entry
    source = {} if entry is None else entry['source']
    own_card = card(name) or {}
    text = source.get('description', {}).get(FIELD) or own_card.get(FIELD)
    if not text:
        if entry is None:
            manifest.require(name)
        file = 'dataset.yml beside its sessions.csv or NWB files, and import it again with --replace'
        if source.get('made_by') == f'm2m data fetch {name}':
            file = 'the card.yaml of its folder in m2m_benchmarks/data'
        raise DataError(
            f'{name} does not state how large its images were on the screen, which --mouse-acuity has to know. Add '
            f"their width x height in visual degrees, such as '{FIELD}: 120 x 95', to {file}."
        )
    try:
        return parse_degrees(text)
    except ValueError as error:
        raise DataError(f'{FIELD} of {name} is {text!r:.60}; {error}.') from error
