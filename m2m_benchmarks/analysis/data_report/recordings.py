"""Numbers of each recording: the neuroids of an area in a session of an animal."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from brainscore_core.supported_data_standards.brainio.assemblies import NeuronRecordingAssembly

from m2m_benchmarks.arrays import rdm, upper_triangle
from m2m_benchmarks.arrays.mantel import FEWEST_STIMULI, mantel
from m2m_benchmarks.data.areas import order_areas
from m2m_benchmarks.data.trials import is_scored, trial_array
from m2m_benchmarks.progress import Progress, silent

#: Fewest neuroids of a recording for its mean response, reliability and RDM to be compared with those of others.
FEWEST_NEUROIDS = 10
#: Most stimuli whose distances are compared between recordings; of more, as many are taken, evenly spaced.
MOST_STIMULI = 300


@dataclass(frozen=True, eq=False)
class Recording:
    """Numbers of the neuroids of an area in a session.

    Attributes
    ----------
    area, animal, session : str
    n_neuroids, n_reliable, n_constant : int
        Number of neuroids; of those that are scored; and of those whose mean response is the same for all stimuli.
    window_ms : float
        Length of the response window.
    presentations : array of int, shape (n_stimuli,)
        Number of recorded presentations of each stimulus.
    n_missing : int
        Number of responses of single neuroids that are missing in recorded presentations.
    response : float or None
        Mean absolute response in the unit of the recordings; None where nothing was recorded.
    reliability : float or None
        Median split-half reliability of the neuroids that vary; None for one repetition.
    agreement, agreement_z : float or None
        Spearman correlation of its RDM with the mean of the ranked RDMs of the other recordings of the area, and its
        distance from 0 in standard deviations over permuted stimuli (`arrays.mantel`). None for fewer than two
        recordings with `FEWEST_NEUROIDS` reliable neuroids and at least half of the stimuli.
    """

    area: str
    animal: str
    session: str
    n_neuroids: int
    n_reliable: int
    n_constant: int
    window_ms: float
    presentations: np.ndarray
    n_missing: int
    response: float | None
    reliability: float | None
    agreement: float | None = None
    agreement_z: float | None = None

    @property
    def repetitions(self) -> float:
        """Mean number of presentations of a stimulus."""
        return float(self.presentations.mean())

    @property
    def label(self) -> str:
        """Name in tables: area, animal and session."""
        return f'{self.area}, animal {self.animal}, session {self.session}'


def summarize(assembly: NeuronRecordingAssembly, progress: Progress | None = None) -> list[Recording]:
    """Compute the numbers of all recordings, ordered by area and as they are in the assembly.

    Parameters
    ----------
    assembly : NeuronRecordingAssembly
        Single trials, as returned by `load_dataset`.
    progress : callable, optional
    """
    report = progress or silent
    # Some labs number the sessions of each animal.
    names = [assembly[name].values.astype(str) for name in ('region', 'animal', 'session')]
    numbers, unique = pd.MultiIndex.from_arrays(names).factorize()
    keys: list[tuple[str, str, str]] = list(unique)
    several = len(np.unique(assembly['repetition'].values))
    recordings: list[Recording] = []
    done = 0
    for area in order_areas(names[0]):
        own, rdms = [], []
        for number in (number for number, key in enumerate(keys) if key[0] == area):
            part = assembly.isel(neuroid=np.flatnonzero(numbers == number))
            trials, _ = trial_array(part)
            reliability = part['reliability'].values.astype(float)
            own.append(recording(keys[number], trials, reliability, _window_ms(part), several))
            rdms.append(distances(trials[:, :, is_scored(reliability, several)]))
            done += 1
            report('recordings', done, len(keys))
        recordings += agreements(own, rdms)
    return recordings


def recording(
    names: tuple[str, str, str], trials: np.ndarray, reliability: np.ndarray, window_ms: float, n_repetitions: int
) -> Recording:
    """Compute the numbers of one recording, without the agreement with others.

    Parameters
    ----------
    names : (area, animal, session)
    trials : array, shape (n_repetitions, n_stimuli, n_neuroids)
        Responses; NaN where nothing was recorded.
    reliability : array, shape (n_neuroids,)
        Split-half reliabilities; NaN for neuroids without one.
    window_ms : float
    n_repetitions : int
        Largest number of repetitions in the dataset.
    """
    missing = np.isnan(trials)
    presented = ~missing.all(axis=2)
    mean = _mean(trials)
    low, high = np.where(np.isnan(mean), np.inf, mean).min(axis=0), np.where(np.isnan(mean), -np.inf, mean).max(axis=0)
    known = reliability[~np.isnan(reliability)]
    return Recording(
        area=names[0],
        animal=names[1],
        session=names[2],
        n_neuroids=trials.shape[2],
        n_reliable=int(is_scored(reliability, n_repetitions).sum()),
        n_constant=int((low >= high).sum()),
        window_ms=window_ms,
        presentations=presented.sum(axis=0),
        n_missing=int(missing[presented].sum()),
        response=float(np.abs(trials).mean(where=~missing, dtype=float)) if presented.any() else None,
        reliability=float(np.median(known)) if len(known) else None,
    )


def distances(trials: np.ndarray) -> np.ndarray | None:
    """Compute the RDM of a recording for the comparison with others; NaN for stimuli that it doesn't have.

    Parameters
    ----------
    trials : array, shape (n_repetitions, n_stimuli, n_neuroids)
        Responses of the reliable neuroids.

    Returns
    -------
    array, shape (n_taken, n_taken), or None
        Distances of at most `MOST_STIMULI` stimuli; None for too few neuroids or stimuli.
    """
    n_stimuli, n_neuroids = trials.shape[1:]
    if n_neuroids < FEWEST_NEUROIDS:
        return None
    taken = np.unique(np.linspace(0, n_stimuli - 1, min(n_stimuli, MOST_STIMULI)).astype(int))
    mean = _mean(trials[:, taken])
    shown = ~np.isnan(mean).all(axis=1)
    if 2 * shown.sum() < len(taken) or shown.sum() < FEWEST_STIMULI:
        return None
    known = mean[shown]
    # A neuroid without a response to a stimulus has its mean over the others there, as in `benchmarks.recordings`.
    own = np.full((len(taken), len(taken)), np.nan)
    own[np.ix_(shown, shown)] = rdm(np.where(np.isnan(known), np.nan_to_num(_mean(known)), known))
    return own


def agreements(recordings: Sequence[Recording], rdms: Sequence[np.ndarray | None]) -> Iterator[Recording]:
    """Compare the RDM of each recording of an area with those of all others, on the stimuli that all have.

    Parameters
    ----------
    recordings : sequence of Recording
    rdms : sequence of array or None
        RDM of each, as `distances` returns it.

    Yields
    ------
    Recording
        Each one with its agreement, where there is any.
    """
    from scipy.stats import rankdata  # takes a second to import

    known = [own for own in rdms if own is not None]
    shared = np.all([~np.isnan(np.diag(own)) for own in known], axis=0) if known else np.zeros(0, dtype=bool)
    enough = len(known) > 1 and shared.sum() >= FEWEST_STIMULI
    rows = np.triu_indices(int(shared.sum()), k=1)
    ranked: list[np.ndarray | None] = []
    for own in rdms:
        matrix = None
        if own is not None and enough:
            matrix = np.zeros((int(shared.sum()),) * 2)
            matrix[rows] = rankdata(upper_triangle(own[np.ix_(shared, shared)]))
            matrix += matrix.T
        ranked.append(matrix)
    total = sum(matrix for matrix in ranked if matrix is not None)
    for one, matrix in zip(recordings, ranked, strict=True):
        if matrix is None:
            yield one
            continue
        others = np.zeros_like(matrix)
        others[rows] = rankdata((total - matrix)[rows])
        agreement, z = mantel(matrix, others + others.T)
        yield replace(one, agreement=agreement, agreement_z=z)


def _mean(trials: np.ndarray) -> np.ndarray:
    """Mean over the first axis, NaN where nothing is known."""
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', 'Mean of empty slice', RuntimeWarning)
        mean: np.ndarray = np.nanmean(trials, axis=0, dtype=float)
    return mean


def _window_ms(part: NeuronRecordingAssembly) -> float:
    """Length of the window of a recording, or else of the time bin of all."""
    if {'window_start_ms', 'window_end_ms'} <= set(part.indexes['neuroid'].names):
        return float(np.median(part['window_end_ms'].values - part['window_start_ms'].values))
    start, end = part['time_bin'].values[0]
    return float(end - start)
