"""Settings of the extraction of 2-photon recordings: signal, response window and baseline."""

import re
from dataclasses import dataclass

from m2m_benchmarks.errors import DataError

#: Signals that responses can be computed from.
SIGNALS = ('dff', 'corrected', 'events')

#: Largest number of frames of a time course.
_MOST_FRAMES = 300

_COURSE = re.compile(r'(\d{1,4})\s*\+\s*(\d{1,4})\Z')
_FORM = re.compile(r'(?:(?P<start>\d+(?:\.\d+)?)\s*-\s*)?(?P<stop>\d+(?:\.\d+)?)\s*(?P<unit>f|ms)?\Z')


@dataclass(frozen=True)
class Span:
    """A time span in frames of the microscope or in milliseconds.

    Attributes
    ----------
    start, stop : float
    unit : {'f', 'ms'}
    """

    start: float
    stop: float
    unit: str

    @classmethod
    def parse(cls, text: str, name: str) -> 'Span':
        """Parse `14`, `14f`, `500ms`, `2-12f` or `50-250ms`; a number without a unit counts frames.

        Raises
        ------
        DataError
            When it is none of these.
        """
        match = _FORM.match(text.strip())
        start, stop = (float(match['start'] or 0), float(match['stop'])) if match else (0, -1)
        unit = (match and match['unit']) or 'f'
        if stop < start or (unit == 'f' and (start % 1 or stop % 1)):
            raise DataError(
                f'{text!r} is not a valid {name}: expected whole frames (14, 2-12f) or milliseconds (500ms).'
            )
        return cls(start, stop, unit)

    def frames(self, frame_ms: float) -> tuple[int, int]:
        """Return the first frame and the one after the last; milliseconds are rounded to the nearest frame.

        Parameters
        ----------
        frame_ms : float
            Time from one frame to the next.
        """
        scale = frame_ms if self.unit == 'ms' else 1
        return round(self.start / scale), round(self.stop / scale)


@dataclass(frozen=True)
class OphysSettings:
    """How responses are computed from a session.

    The defaults suit images that follow one another every 250 ms without a gap. A calcium signal rises 50 to 100 ms
    after an image and outlasts it: the window is the 14 frames (0.46 s) after its onset, which is what the Allen
    Institute averages. It includes the onset of the next image; as the order is random, that adds noise but no bias.
    The stored dF/F and the events already refer to a running baseline, so none is subtracted: the 28 frames before an
    onset show four other images, whose responses a local baseline would add with the opposite sign.

    Attributes
    ----------
    signal : {'dff', 'corrected', 'events'}
        - dff: the stored dF/F; with a baseline, mean of the window - mean of the baseline.
        - corrected: fluorescence F, demixed - r * neuropil; 100 * (mean F of the window / mean F of the baseline - 1).
        - events: L0 events, from a separate file; else like dff.
    window : str
        Window from image onset: '14' or '14f' are frames, '500ms' is a time, '2-12f' begins two frames late.
    baseline : str, optional
        Length of the baseline before the onset, in frames or milliseconds; '0' for none. By default '28' for corrected,
        else '0'.
    sdk_compatible : bool
        Whether to reproduce `mean_sweep_response` of AllenSDK's NaturalScenes: corrected fluorescence, a window of
        twice and a baseline of four times the length of the second sweep, usually 14 and 28 frames.
    course : str
        Frames of the time courses before and after the onset. '7+28' is the image before, and 0.9 s, in which a calcium
        signal rises and falls to half.

    Raises
    ------
    DataError
        When a setting is wrong, or two contradict each other.
    """

    signal: str = 'dff'
    window: str = '14'
    baseline: str | None = None
    sdk_compatible: bool = False
    course: str = '7+28'

    def __post_init__(self) -> None:
        """Validate the settings."""
        if self.signal not in SIGNALS:
            raise DataError(f'unknown signal {self.signal!r}; expected one of {", ".join(SIGNALS)}.')
        if self.sdk_compatible and (self.signal == 'events' or self.window != '14' or self.baseline is not None):
            raise DataError('sdk_compatible sets the signal, window and baseline itself; leave them out.')
        _ = self.course_frames
        window = Span.parse(self.window, 'window')
        if window.stop == window.start:
            raise DataError(f'the window {self.window!r} is empty; expected at least one frame.')
        baseline = Span.parse(self.used_baseline, 'baseline')
        if baseline.start:
            raise DataError(f'the baseline {self.baseline!r} has to end at the onset: give only its length.')
        if not baseline.stop and self.used_signal == 'corrected':
            raise DataError('corrected fluorescence needs a baseline; it cannot be 0.')

    @property
    def course_frames(self) -> tuple[int, int]:
        """Number of frames of a time course before the onset, and after it."""
        match = _COURSE.match(self.course.strip())
        before, after = map(int, match.groups()) if match else (0, 0)
        if not (before and after and before + after <= _MOST_FRAMES):
            raise DataError(
                f'{self.course!r} is not a valid time course: expected frames before and after the onset, at least one '
                f'of each and up to {_MOST_FRAMES} in all, such as 7+28.'
            )
        return before, after

    @property
    def used_signal(self) -> str:
        """The signal, with `sdk_compatible` applied."""
        return 'corrected' if self.sdk_compatible else self.signal

    @property
    def used_baseline(self) -> str:
        """The baseline, or the default of the signal."""
        if self.baseline is not None:
            return self.baseline
        return '28' if self.used_signal == 'corrected' else '0'

    def frames(self, frame_ms: float, sweep_frames: int) -> tuple[int, int, int]:
        """Return the frames of the window and the baseline in a session.

        Parameters
        ----------
        frame_ms : float
            Time from one frame to the next.
        sweep_frames : int
            Frames of the session's second sweep.

        Returns
        -------
        start, stop, baseline : int
            The window is [onset + start, onset + stop), the baseline [onset - baseline, onset).

        Raises
        ------
        DataError
            When the window or a required baseline is shorter than one frame.
        """
        if self.sdk_compatible:
            start, stop, baseline = 0, 2 * sweep_frames, 4 * sweep_frames
        else:
            start, stop = Span.parse(self.window, 'window').frames(frame_ms)
            _, baseline = Span.parse(self.used_baseline, 'baseline').frames(frame_ms)
        if stop <= start or (baseline < 1 and self.used_signal == 'corrected'):
            raise DataError(
                f'the window {self.window!r} or the baseline {self.used_baseline!r} is shorter than a frame of '
                f'{frame_ms:.1f} ms; expected at least one frame of each.'
            )
        return start, stop, baseline
