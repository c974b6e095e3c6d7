"""Form of a manifest: the entries that every one of its kind has, and their types."""

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from m2m_benchmarks.data.names import is_part_name

#: Kind of a manifest of a domain of digits; manifests of recordings have none.
DIGITS = 'digits'


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_inside(value: object) -> bool:
    """Whether a path stays inside its folder."""
    if not isinstance(value, str) or '\0' in value:
        return False
    path = PurePosixPath(value)
    return bool(path.parts) and not path.is_absolute() and '..' not in path.parts


#: A test of a value, and what it expects.
_Test = tuple[Callable[[Any], bool], str]
_TEXT: _Test = (lambda value: isinstance(value, str), 'a text')
_COUNT: _Test = (_is_count, 'a whole number from 0')
_SHA256: _Test = (
    lambda value: isinstance(value, str) and re.fullmatch('[0-9a-f]{64}', value) is not None,
    '64 hexadecimal digits',
)
_FILE: _Test = (_is_inside, "a path inside the dataset's folder")
_FOLDER: _Test = (lambda value: _is_inside(value) and len(PurePosixPath(value).parts) == 1, 'the name of a folder')

#: Key of a form that stands for any number of keys.
_EACH = '*'
_ENTRY = {'file': _FILE, 'sha256': _SHA256, 'bytes': _COUNT}
_COMMON = {'name': _FOLDER, 'version': _FOLDER, 'created': _TEXT, 'source': {'made_by': _TEXT}}
_AREA = {'neuroids': _COUNT, 'reliable': _COUNT, 'flat': _COUNT, 'animals': _COUNT, 'sessions': _COUNT}
_SPLIT = {'files': {_EACH: _ENTRY}, 'images': _COUNT, 'clusters': _COUNT, 'source': {'made_by': _TEXT}}
_OF_DIGITS = {**_COMMON, 'splits': {_EACH: _SPLIT}}
_OF_RECORDINGS = {
    **_COMMON,
    'assembly': _ENTRY,
    'stimuli': [{'stimulus_id': _TEXT, **_ENTRY}],  # and `columns`, if there is an images.csv
    'summary': {'repetitions': _COUNT, 'stimuli': _COUNT, 'areas': {_EACH: _AREA}},
}


def check_form(manifest: Mapping[str, Any], others: bool) -> None:
    """Check the form of a manifest.

    Parameters
    ----------
    manifest : mapping
    others : bool
        Whether the manifest may have other entries, such as those of later versions.

    Raises
    ------
    ValueError
        When an entry is missing, unknown or of another type, a file is outside the dataset's folder, or stimuli have
        other columns than the first one. The message names the entry.
    """
    kind = manifest.get('kind')
    if kind not in (None, DIGITS):
        raise ValueError(f'kind is {kind!r:.60}, expected {DIGITS!r} or none')
    form = _OF_RECORDINGS if kind is None else _OF_DIGITS
    _check(manifest, form, '')
    unknown = sorted(manifest.keys() - form.keys() - {'format', 'kind'})
    if unknown and not others:
        raise ValueError(f'{unknown[0]} is unknown')
    columns = [stimulus.get('columns', {}) for stimulus in manifest.get('stimuli', [])]
    for number, values in enumerate(columns):
        _check(values, {}, f'stimuli[{number}].columns')
        if values.keys() != columns[0].keys():
            raise ValueError(f'stimuli[{number}] has other columns than the first one')
    if 'description' in manifest['source']:
        _check(manifest['source']['description'], {_EACH: _TEXT}, 'source.description')
    if manifest['source'].get('settings') is not None:
        _check(manifest['source']['settings'], {}, 'source.settings')
    for name, area in manifest.get('summary', {}).get('areas', {}).items():
        if not is_part_name(name):
            raise ValueError(f'summary.areas has {name!r:.60}, expected the name of an area')
        _check(area.get('reliable_by', {}), {_EACH: {_EACH: _COUNT}}, f'summary.areas.{name}.reliable_by')


def _check(value: Any, form: Any, place: str) -> None:
    """Check a value by its form: a list of a form, a form for each key, or a test."""
    if isinstance(form, tuple):
        is_right, expected = form
        if not is_right(value):
            raise ValueError(f'{place} is {value!r:.60}, expected {expected}')
    elif isinstance(form, list):
        if not isinstance(value, list):
            raise ValueError(f'{place} is {value!r:.60}, expected a list')
        for number, item in enumerate(value):
            _check(item, form[0], f'{place}[{number}]')
    elif not isinstance(value, Mapping):
        raise ValueError(f'{place} is {value!r:.60}, expected an object')
    else:
        for key in value if _EACH in form else form:
            within = f'{place}.{key}' if place else key
            if key not in value:
                raise ValueError(f'{within} is missing')
            _check(value[key], form.get(_EACH) or form[key], within)
