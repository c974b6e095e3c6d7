"""The rule by which a recording stands out among the others of its area.

A measure of a recording is compared, on a logarithmic scale, with the median of the other recordings of its area. The
unit of this distance is its median absolute value over all recordings of the dataset, times 1.4826 as for a normal
distribution, but never so small that a factor that doesn't matter would stand out. docs/data_report.md has how often a
recording stands out by chance.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from m2m_benchmarks.analysis.data_report.recordings import FEWEST_NEUROIDS, Recording

#: Distance beyond which a recording stands out.
MOST_UNITS = 5.0
#: Fewest other recordings of an area to compare with: the median of three isn't moved far by one of them.
FEWEST_OTHERS = 3
#: An RDM is unrelated to the others if its agreement is this close to that of permuted stimuli, in standard deviations,
#: where the median of the others is as far from it as the second number.
UNRELATED_Z, RELATED_Z = 2.0, 5.0
#: Median absolute deviation of a normal distribution with standard deviation 1, inverted.
_MAD = 1.4826


@dataclass(frozen=True)
class Measure:
    """Measure by which recordings are compared.

    Attributes
    ----------
    title : str
    value : callable
        Function that returns a positive number for a recording, or None if it has none.
    factor : float
        Largest factor between a recording and the others that never stands out.
    form : callable
        Function that returns the recording's number as people read it.
    settings : bool
        Whether the experimenter sets it: then it is compared whatever the number of neuroids.
    """

    title: str
    value: Callable[[Recording], float | None]
    factor: float
    form: Callable[[float], str]
    settings: bool = False


def _signal_to_noise(recording: Recording) -> float | None:
    """Ratio of the variances of signal and noise that a reliability stands for, between 1/99 and 99."""
    if recording.reliability is None:
        return None
    reliability = min(max(recording.reliability, 0.01), 0.99)
    return reliability / (1 - reliability)


#: Measures by which recordings are compared.
MEASURES = (
    Measure('response window', lambda own: own.window_ms, 2, '{:.4g} ms'.format, settings=True),
    Measure('presentations of an image', lambda own: own.repetitions, 2, '{:.3g}'.format, settings=True),
    Measure('mean response', lambda own: own.response, 3, '{:.3g}'.format),
    Measure('median reliability', _signal_to_noise, 4, lambda ratio: format(ratio / (1 + ratio), '.2f')),
)


@dataclass(frozen=True)
class StandOut:
    """A reason why a recording stands out.

    Attributes
    ----------
    recording : Recording
    measure : str
        What stands out.
    reason : str
        Sentence without a full stop.
    units : float or None
        Distance from the others; None where there is no such comparison.
    """

    recording: Recording
    measure: str
    reason: str
    units: float | None = None


def stand_outs(recordings: Sequence[Recording], n_repetitions: int) -> list[StandOut]:
    """List the recordings that stand out, each with its reasons, in the order of the recordings.

    Parameters
    ----------
    recordings : sequence of Recording
        All recordings of a dataset.
    n_repetitions : int
        Largest number of repetitions in the dataset.
    """
    reasons = [*_without_responses(recordings, n_repetitions), *_unrelated(recordings)]
    for measure in MEASURES:
        reasons += _far(recordings, measure)
    order = {id(one): number for number, one in enumerate(recordings)}
    return sorted(reasons, key=lambda reason: order[id(reason.recording)])


def distances_from_others(values: Sequence[float | None], areas: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Compare the logarithm of each value with the median of the others of its area.

    Parameters
    ----------
    values : sequence of float or None
        Positive values, 0, or None.
    areas : sequence of str

    Returns
    -------
    distances : array
        Natural logarithm of the ratio to the median of the others; NaN where fewer than `FEWEST_OTHERS` are known.
    medians : array
        Median of the others.
    """
    with np.errstate(divide='ignore'):
        logs = np.log(np.array([math.nan if value is None else value for value in values], dtype=float))
    names, known = np.asarray(areas), ~np.isnan(logs)
    distances, medians = np.full(len(logs), np.nan), np.full(len(logs), np.nan)
    for number in np.flatnonzero(known):
        others = known & (names == names[number])
        others[number] = False
        if others.sum() >= FEWEST_OTHERS:
            usual = np.median(logs[others])
            medians[number] = np.exp(usual)
            distances[number] = 0.0 if logs[number] == usual else logs[number] - usual  # both may be infinite
    return distances, medians


def unit_of(distances: np.ndarray, factor: float) -> float:
    """Unit of distances: 1.4826 times their median absolute value, but a factor of `factor` is at most 5 units.

    Parameters
    ----------
    distances : array
        Distances of all recordings, NaN where there is none.
    factor : float
        See `Measure`.
    """
    known = np.abs(distances[~np.isnan(distances)])
    return max(_MAD * float(np.median(known)) if len(known) else 0.0, math.log(factor) / MOST_UNITS)


def _far(recordings: Sequence[Recording], measure: Measure) -> list[StandOut]:
    """List the recordings that are too far from the others by a measure."""
    values = [
        measure.value(one) if measure.settings or one.n_neuroids >= FEWEST_NEUROIDS else None for one in recordings
    ]
    distances, medians = distances_from_others(values, [one.area for one in recordings])
    unit = unit_of(distances, measure.factor)
    reasons = []
    for one, value, distance, median in zip(recordings, values, distances, medians, strict=True):
        if value is not None and abs(distance) > MOST_UNITS * unit * (1 + 1e-9):  # exactly the factor isn't beyond it
            units = abs(float(distance)) / unit
            far = f'{units:.1f} units, {MOST_UNITS:.0f} are usual' if math.isfinite(units) else 'no common scale'
            reason = f'{measure.form(value)}; median of the others of {one.area}: {measure.form(median)} ({far})'
            reasons.append(StandOut(one, measure.title, reason, units if math.isfinite(units) else None))
    return reasons


def _without_responses(recordings: Sequence[Recording], n_repetitions: int) -> list[StandOut]:
    """List the recordings that have nothing to score, whatever the others have."""
    reasons = []
    for one in recordings:
        if one.response is None:
            reasons.append(StandOut(one, 'responses', 'no response was recorded: all are NaN'))
        elif one.n_constant == one.n_neuroids:
            reasons.append(StandOut(one, 'responses', 'no neuroid varies: each responds the same to all images'))
        elif n_repetitions > 1 and one.n_reliable == 0 and one.n_neuroids >= FEWEST_NEUROIDS:
            reasons.append(StandOut(one, 'reliable neuroids', f'none of {one.n_neuroids} neuroids is reliable'))
    return reasons


def _unrelated(recordings: Sequence[Recording]) -> list[StandOut]:
    """List the recordings whose RDM is unrelated to those of the others, which agree: images in another order, say."""
    reasons = []
    for one in recordings:
        others = [
            own.agreement_z
            for own in recordings
            if own.area == one.area and own is not one and own.agreement_z is not None
        ]
        if one.agreement_z is None or one.agreement_z >= UNRELATED_Z or len(others) < FEWEST_OTHERS:
            continue
        if np.median(others) >= RELATED_Z:
            reason = (
                f'its RDM is unrelated to the others of {one.area}: correlation {one.agreement:.2f}, '
                f'{one.agreement_z:.1f} standard deviations from permuted images; median of the others: '
                f'{np.median(others):.1f}. Are its images in their order?'
            )
            reasons.append(StandOut(one, 'agreement of RDMs', reason))
    return reasons
