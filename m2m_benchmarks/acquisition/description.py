"""Description of a lab's recordings, which the card of the dataset shows."""

import reprlib
from pathlib import Path

import yaml

from m2m_benchmarks import limits
from m2m_benchmarks.data.degrees import FIELD as DEGREES
from m2m_benchmarks.data.degrees import parse_degrees
from m2m_benchmarks.errors import DataError

#: Names of the file beside sessions.csv, in upper or lower case, and its fields.
FILES = ('dataset.yml', 'dataset.yaml')
FIELDS = ('description', 'technique', 'species', 'licence', 'citation', DEGREES)


def read_description(sessions: Path, citation: str | None = None) -> dict[str, str]:
    """Read what a lab says of its recordings in dataset.yml, if it is there.

    Parameters
    ----------
    sessions : Path
        Path of sessions.csv, beside which dataset.yml may be.
    citation : str, optional
        Citation that takes the place of the one in dataset.yml.

    Returns
    -------
    dict
        Text by field, as far as it is given: description, technique, species, licence, citation and stimulus_degrees.

    Raises
    ------
    DataError
        When the file can't be read, has another field or a field that isn't text, or degrees of another form.
    """
    paths = sorted(path for path in sessions.parent.iterdir() if path.name.lower() in FILES and path.is_file())
    if len(paths) > 1:
        raise DataError(f'there are two descriptions, {" and ".join(map(str, paths))}; remove one.')
    path = paths[0] if paths else sessions.parent / FILES[0]
    fields = {}
    if paths:
        try:
            fields = yaml.safe_load(limits.read_file(path, sessions.parent).decode('utf-8-sig'))
        except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
            raise DataError(f'{path} cannot be read as YAML ({error}).') from error
    expected = f'expected some of {", ".join(FIELDS)}, each with a text'
    if not isinstance(fields, dict):
        raise DataError(f'{path} holds no fields; {expected}.')
    for field, text in fields.items():
        if field not in FIELDS:
            raise DataError(f'{path} has the field {reprlib.repr(field)[:100]}; {expected}.')
        if not isinstance(text, str) or not text.strip():
            raise DataError(f'{path}: {field} is {reprlib.repr(text)[:100]}; {expected}.')
    if DEGREES in fields:
        try:
            parse_degrees(fields[DEGREES])
        except ValueError as error:
            raise DataError(f'{path}: {DEGREES} is {reprlib.repr(fields[DEGREES])[:100]}; {error}.') from error
    given = {field: fields[field].strip() for field in FIELDS if field in fields}
    return given | ({'citation': citation.strip()} if citation and citation.strip() else {})
