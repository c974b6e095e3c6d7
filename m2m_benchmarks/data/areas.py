"""Names of visual areas: the mouse's six in the Allen Institute's names, their other names, and those of a lab."""

from collections.abc import Iterable, Mapping

#: Primary (VISp) and higher visual areas: lateromedial, anterolateral, posteromedial, anteromedial, rostrolateral.
AREAS = ('VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl')
#: Other names of the six in the literature, in lower case.
_ALIASES = {
    **{area.lower(): area for area in AREAS},
    'v1': 'VISp',
    'lm': 'VISl',
    'al': 'VISal',
    'pm': 'VISpm',
    'am': 'VISam',
    'rl': 'VISrl',
}


def standard_area(name: str) -> str:
    """The name of an area in this library: VISp for V1 or visp; other names stay as they are."""
    return _ALIASES.get(name.lower(), name)


def order_areas(names: Iterable[str]) -> list[str]:
    """Areas of a dataset, each once: the mouse's six in their order, then others by name."""
    present = set(names)
    return [area for area in AREAS if area in present] + sorted(present.difference(AREAS))


def renamed_areas(names: Iterable[str]) -> dict[str, str]:
    """Those of some names that are other names of the six, and what they become, in the order of the names."""
    return {name: standard_area(name) for name in dict.fromkeys(names) if standard_area(name) != name}


def note_on_renamed(names: Mapping[str, str]) -> str:
    """Say in a line which names were understood as others.

    Parameters
    ----------
    names : mapping
        What was written to what it stands for: areas as in `renamed_areas`, or names of benchmarks with them.
    """
    understood = ', '.join(f'{name} as {standard}' for name, standard in names.items())
    return f'note: areas are named as the Allen Institute names them: {understood}.'
