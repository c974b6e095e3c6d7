"""Areas of units in NWB files, from the location of their electrodes."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from m2m_benchmarks.data.areas import standard_area
from m2m_benchmarks.data.names import is_part_name
from m2m_benchmarks.errors import DataError

#: Names of the Allen CCF for the layers of visual areas, such as VISp2/3 and VISpor5. Names of other areas may end in a
#: digit that is no layer, such as V1 and S1.
_LAYER = re.compile(r'(VIS[a-z]+)(1|2/3|4|5|6a|6b)')


@dataclass(frozen=True)
class AreaRule:
    """What the option --area says.

    Attributes
    ----------
    areas : tuple of str
        Areas to import, by their standard names; all if empty.
    named : dict
        Location to area, for locations with other names.
    """

    areas: tuple[str, ...] = ()
    named: Mapping[str, str] | None = None

    def of(self, location: str) -> str:
        """Standard name of the area at a location."""
        layered = _LAYER.fullmatch(location)
        return standard_area((self.named or {}).get(location, layered[1] if layered else location))


def read_rule(entries: Sequence[str]) -> AreaRule:
    """Read the values of --area, each AREA or LOCATION=AREA.

    Raises
    ------
    DataError
        When an area has an invalid name.
    """
    areas, named = [], {}
    for entry in entries:
        location, is_named, area = entry.rpartition('=')
        if not is_part_name(area.strip()):
            raise DataError(
                f'--area is {entry!r}; expected an area of letters, digits and underscores, such as VISp, or '
                "LOCATION=AREA, such as 'left V1=VISp'."
            )
        areas.append(standard_area(area.strip()))
        if is_named:
            named[location.strip()] = areas[-1]
    return AreaRule(tuple(dict.fromkeys(areas)), named)


def layer(location: str) -> str:
    """Cortical layer in the name of a location, such as 2/3 in VISp2/3; empty if it has none."""
    layered = _LAYER.fullmatch(location)
    return layered[2] if layered else ''


def assign(where: str, locations: Sequence[str], rule: AreaRule) -> tuple[list[str], dict[str, int]]:
    """Assign an area to each unit of a file.

    Units elsewhere than in the areas of the rule are left out, and so are locations that can't be the name of an area,
    such as fiber tracts. In a file without any location, all units are in the rule's area.

    Parameters
    ----------
    where : str
        Path of the file, for messages.
    locations : sequence of str, one for each unit
        Location of the unit; empty where it is not known.
    rule : AreaRule

    Returns
    -------
    areas : list of str
        Area of each unit; empty for units that are left out.
    left_out : dict
        Number of units left out, by location.

    Raises
    ------
    DataError
        When the file says no location and the rule has no area, or no unit remains.
    """
    if not any(locations):
        if len(rule.areas) != 1 or rule.named:
            raise DataError(
                f'{where}: its units have no location (no electrodes, or none with a location); say their area with '
                'one --area, such as --area VISp.'
            )
        return [rule.areas[0]] * len(locations), {}
    areas = [rule.of(location) if location else '' for location in locations]
    areas = [area if is_part_name(area) and (not rule.areas or area in rule.areas) else '' for area in areas]
    left_out = Counter(location or 'no location' for location, area in zip(locations, areas, strict=True) if not area)
    if not any(areas):
        known = ', '.join(f'{location!r} ({n} units)' for location, n in left_out.most_common(8))
        expected = f'in {", ".join(rule.areas)}' if rule.areas else 'in a location that can be the name of an area'
        example = left_out.most_common(1)[0][0]
        raise DataError(
            f"{where}: no unit is {expected}. Locations are {known}. Name them, as in --area '{example}=VISp'."
        )
    return areas, dict(left_out)
