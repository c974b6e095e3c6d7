"""Settings of the extraction of Neuropixels recordings: quality filters and response window."""

import math
from dataclasses import dataclass

from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.errors import DataError, UnknownNameError


@dataclass(frozen=True)
class EcephysSettings:
    """Quality filters of units, and the window in which their spikes are counted.

    Whatever the filters, a fetch leaves out units whose peak channel isn't in the survey's table of channels, as
    AllenSDK does.

    Attributes
    ----------
    window_ms : (start, end)
        Window after the onset of an image, both ends included. The default spans the windows of other studies of these
        recordings (VISp mostly 65 to 255 ms, higher areas 85 to 255). The images follow one
        another every 250 ms; no response to the next one has arrived by 255.
    amplitude_cutoff, presence_ratio, isi_violations : float or None
        Maximum fraction of missing spikes, minimum presence (fraction of the session), maximum violations of the
        refractory period (relative rate). None disables a filter.
    only_valid : bool
        Whether units need the quality `good` and a channel with valid data.
    missing_metrics : bool
        Whether units pass a filter whose metric wasn't computed. By default they don't, as in AllenSDK 2.16 and in the
        published numbers of units.
    areas : tuple of str
        Areas whose units are read, some of the six visual areas.

    Raises
    ------
    DataError
        When the window or a filter is wrong.
    UnknownNameError
        When an area is not one of the six.
    """

    window_ms: tuple[float, float] = (65, 255)
    amplitude_cutoff: float | None = 0.1
    presence_ratio: float | None = 0.95
    isi_violations: float | None = 0.5
    only_valid: bool = True
    missing_metrics: bool = False
    areas: tuple[str, ...] = AREAS

    def __post_init__(self) -> None:
        """Validate the settings."""
        start, end = self.window_ms
        if not (end - start >= 1 and max(abs(start), abs(end)) <= 60_000):
            raise DataError(
                f'the window is {start:g} to {end:g} ms; expected at least 1 ms, within a minute of the onset.'
            )
        for name in ('amplitude_cutoff', 'presence_ratio', 'isi_violations'):
            limit = getattr(self, name)
            if limit is not None and not math.isfinite(limit):
                raise DataError(f'{name} is {limit}; expected a number, or none to disable the filter.')
        for area in self.areas:
            if area not in AREAS:
                raise UnknownNameError('area', area, AREAS)
