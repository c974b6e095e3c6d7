"""Which units of a Neuropixels recording are taken, and when their spikes count."""

import math
from dataclasses import dataclass

from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.errors import DataError, UnknownNameError


@dataclass(frozen=True)
class EcephysSettings:
    """Which units are taken, and when after an image their spikes count.

    Attributes
    ----------
    window_ms : (start, end)
        After the onset of an image, both ends included. By default from the earliest start to the latest end of the
        windows in which others counted the spikes of these recordings (VISp mostly 65 to 255 ms, higher areas 85 to
        255). The images follow one another every 250 ms; no response to the next one has arrived by 255.
    amplitude_cutoff, presence_ratio, isi_violations : float or None
        Most missing spikes (fraction), least presence (fraction of the session), most violations of the refractory
        period (relative rate). None takes all units.
    only_valid : bool
        Only units of quality `good` on channels with valid data.
    missing_passes : bool
        A unit whose amplitude cutoff, presence ratio or violations weren't computed is taken. AllenSDK 2.16 leaves it
        out.
    areas : tuple of str
        Areas whose units are read, some of the mouse's six.

    Raises
    ------
    DataError
        When the window can't be one.
    UnknownNameError
        For an area that is none of the six.
    """

    window_ms: tuple[float, float] = (65, 255)
    amplitude_cutoff: float | None = 0.1
    presence_ratio: float | None = 0.95
    isi_violations: float | None = 0.5
    only_valid: bool = True
    missing_passes: bool = True
    areas: tuple[str, ...] = AREAS

    def __post_init__(self) -> None:
        """Refuse what can't be followed."""
        start, end = self.window_ms
        if not (end - start >= 1 and max(abs(start), abs(end)) <= 60_000):
            raise DataError(
                f'the window is {start:g} to {end:g} ms; expected at least 1 ms, within a minute of the onset.'
            )
        for name in ('amplitude_cutoff', 'presence_ratio', 'isi_violations'):
            limit = getattr(self, name)
            if limit is not None and not math.isfinite(limit):
                raise DataError(f'{name} is {limit}; expected a number, or none for all units.')
        for area in self.areas:
            if area not in AREAS:
                raise UnknownNameError('area', area, AREAS)
