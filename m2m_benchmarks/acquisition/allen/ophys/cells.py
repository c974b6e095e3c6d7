"""Per-cell metadata of 2-photon sessions: layer, cell type, running modulation, reliability."""

import numpy as np
from scipy.special import stdtr

#: Running speed in cm/s from which the Allen Institute counts an animal as running.
RUNNING = 1.0
#: Smallest number of running and of stationary sweeps for a running modulation, as in the AllenSDK.
_LEAST_SWEEPS = 5
_INHIBITORY = ('Vip', 'Sst', 'Pvalb')


def layer(depth_um: float) -> str:
    """Return the cortical layer at an imaging depth, by the rough rule of the Allen Institute's courses.

    Less than 250 um is layer 2/3, 250 to 350 is 4, 350 to 500 is 5, more is 6 (databook of the Summer Workshop on the
    Dynamic Brain, 2023, chapter Visual Coding 2P). It assigns 350 to both 4 and 5, here 5, and adds that the Cre line
    is the better guide to a layer.

    Parameters
    ----------
    depth_um : float
        Depth below the surface of the cortex.

    Returns
    -------
    {'2/3', '4', '5', '6'}
    """
    if depth_um < 250:
        return '2/3'
    if depth_um < 350:
        return '4'
    return '5' if depth_um <= 500 else '6'


def cre_line(genotype: str) -> str:
    """Driver line of a genotype: 'Cux2-CreERT2' for 'Cux2-CreERT2/wt;Camk2a-tTA/wt;…'."""
    genes = [gene.split('/')[0].strip() for gene in genotype.split(';')]
    return next((gene for gene in genes if 'Cre' in gene), genes[0])


def cell_type(line: str) -> str:
    """'inhibitory' for the lines of Vip, Sst and Pvalb, else 'excitatory'."""
    return 'inhibitory' if line.split('-')[0] in _INHIBITORY else 'excitatory'


def running_modulation(responses: np.ndarray, speed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute how much more each cell responds while the animal runs, independent of the image.

    The mean response to its image is subtracted from each response. The modulation is the difference between the means
    of running (1 cm/s or more) and stationary sweeps, divided by the root of the mean of their variances (Cohen's d);
    `p` is that of Welch's t-test. The AllenSDK's `run_modulation_ns` uses only the preferred image.

    Parameters
    ----------
    responses : array, shape (n_repetitions, n_scenes, n_cells)
        Responses; NaN where there is none.
    speed : array, shape (n_repetitions, n_scenes)
        Running speed in cm/s; NaN where unknown.

    Returns
    -------
    modulation, p : arrays, shape (n_cells,)
        Cohen's d, and the p value of Welch's t-test; NaN with fewer than 5 running or 5 stationary sweeps, or where
        the responses don't vary.
    """
    n_cells = responses.shape[2]
    with np.errstate(invalid='ignore', divide='ignore'):
        residuals = (responses - mean_recorded(responses)).reshape(-1, n_cells)
        running = (speed >= RUNNING).ravel()
        stationary = (speed < RUNNING).ravel()
        (n_run, mean_run, var_run), (n_still, mean_still, var_still) = (
            _moments(residuals[kind]) for kind in (running, stationary)
        )
        modulation = (mean_run - mean_still) / np.sqrt((var_run + var_still) / 2)
        parts = var_run / n_run, var_still / n_still
        t = (mean_run - mean_still) / np.sqrt(sum(parts))
        freedom = sum(parts) ** 2 / (parts[0] ** 2 / (n_run - 1) + parts[1] ** 2 / (n_still - 1))
        p = 2 * stdtr(freedom, -np.abs(t))
    unknown = (np.minimum(n_run, n_still) < _LEAST_SWEEPS) | ~np.isfinite(modulation)
    return np.where(unknown, np.nan, modulation), np.where(unknown, np.nan, p)


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute the number, mean and unbiased variance of each column without NaN."""
    present = ~np.isnan(values)
    n = present.sum(axis=0)
    mean = np.where(present, values, 0).sum(axis=0) / n
    variance = np.where(present, (values - mean) ** 2, 0).sum(axis=0) / (n - 1)
    return n, mean, variance


def mean_recorded(values: np.ndarray) -> np.ndarray:
    """Compute the mean over the first axis without NaN; NaN where all are NaN."""
    present = ~np.isnan(values)
    with np.errstate(invalid='ignore'):
        mean: np.ndarray = np.where(present, values, 0).sum(axis=0, dtype=float) / present.sum(axis=0)
    return mean


def preferred_course(responses: np.ndarray, courses: np.ndarray) -> np.ndarray:
    """Average the time courses of a cell's preferred image, which is chosen on other repetitions.

    The image with the largest mean response in the odd repetitions is averaged over the even ones, and the reverse; the
    result is the mean of both. Chosen and averaged on the same repetitions, noise alone would give every cell a peak.

    Parameters
    ----------
    responses : array, shape (n_repetitions, n_scenes)
        Responses; NaN where there is none.
    courses : array, shape (n_repetitions, n_scenes, n_frames)
        Time courses; NaN where there is none.

    Returns
    -------
    array, shape (n_frames,)
        Mean time course; NaN where a half of the repetitions has no response or no course.
    """
    halves = []
    for chosen_on, averaged in ((slice(0, None, 2), slice(1, None, 2)), (slice(1, None, 2), slice(0, None, 2))):
        tuning = mean_recorded(responses[chosen_on])
        if not np.isfinite(tuning).any():
            return np.full(courses.shape[2], np.nan)
        halves.append(mean_recorded(courses[averaged, np.nanargmax(tuning)]))
    return np.asarray(np.mean(halves, axis=0))


def trial_correlation(courses: np.ndarray) -> float:
    """Compute the mean correlation between the time courses of all pairs of trials.

    For the trials of the preferred image this is the AllenSDK's `reliability_ns`. It measures how similar responses are
    from frame to frame, not the reliability of the tuning over images, as split-half reliability does.

    Parameters
    ----------
    courses : array, shape (n_trials, n_frames)
        Time courses; those that are constant or hold NaN are ignored.

    Returns
    -------
    float
        Mean correlation; NaN with fewer than two usable trials.
    """
    usable = np.isfinite(courses).all(axis=1) & (courses != courses[:, :1]).any(axis=1)
    centred = courses[usable] - courses[usable].mean(axis=1, keepdims=True)
    n = len(centred)
    if n < 2:
        return np.nan
    total = (centred / np.linalg.norm(centred, axis=1, keepdims=True)).sum(axis=0)
    # The square of a sum of unit vectors holds each pair's correlation twice and each vector's own 1.
    return float((total @ total - n) / (n * (n - 1)))
