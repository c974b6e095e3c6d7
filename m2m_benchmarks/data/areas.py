"""Mouse visual areas, in the Allen Institute's names."""

from collections.abc import Iterable

#: Primary (VISp) and higher visual areas: lateromedial, anterolateral, posteromedial, anteromedial, rostrolateral.
AREAS = ('VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl')


def ordered(areas: Iterable[str]) -> list[str]:
    """Sort areas: the six above first, in their order, then others by name."""
    return sorted(set(areas), key=lambda area: (AREAS.index(area) if area in AREAS else len(AREAS), area))
