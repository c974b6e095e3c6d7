"""Names of visual areas: the Allen Institute's names of the mouse's six, and their aliases."""

from collections.abc import Iterable, Mapping

#: Primary (VISp) and higher visual areas: lateromedial, anterolateral, posteromedial, anteromedial, rostrolateral.
AREAS = ('VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl')
#: Names of the six areas in the literature, in lower case.
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
    """Name of an area in this library: VISp for V1 or visp; unknown names stay as they are."""
    return _ALIASES.get(name.lower(), name)


def order_areas(names: Iterable[str]) -> list[str]:
    """Sort areas and drop duplicates: the mouse's six in their order, then others by name."""
    present = set(names)
    return [area for area in AREAS if area in present] + sorted(present.difference(AREAS))


def renamed_areas(names: Iterable[str]) -> dict[str, str]:
    """Map those names that are aliases of the six areas to the areas' standard names, in the given order."""
    return {name: standard_area(name) for name in dict.fromkeys(names) if standard_area(name) != name}


def note_on_renamed(names: Mapping[str, str]) -> str:
    """Note for the user on names that were replaced by standard ones.

    Parameters
    ----------
    names : mapping
        Name as written to standard name: areas, from `renamed_areas`, or benchmarks.
    """
    replaced = ', '.join(f'{name} as {standard}' for name, standard in names.items())
    return f'note: areas are named as the Allen Institute names them: {replaced}.'
