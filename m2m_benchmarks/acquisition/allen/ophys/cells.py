"""Properties of 2-photon neurons beside their responses: layer, type, and how steady they are."""

import numpy as np
from scipy.special import stdtr

#: Running speed in cm/s from which the Allen Institute counts an animal as running.
RUNNING = 1.0
#: Fewest sweeps of either kind from which a modulation by running is computed, as in the AllenSDK.
_LEAST_SWEEPS = 5
_INHIBITORY = ('Vip', 'Sst', 'Pvalb')


def layer(depth_um: float) -> str:
    """Cortical layer at an imaging depth, by the rough rule of the Allen Institute's own courses.

    Less than 250 um is layer 2/3, 250 to 350 is 4, 350 to 500 is 5, more is 6 (databook of the Summer Workshop on the
    Dynamic Brain, 2023, chapter Visual Coding 2P). It names 350 twice, which counts as 5 here, and it adds that the Cre
    line is the better guide to a layer.

    Parameters
    ----------
    depth_um : float
        Below the surface of the cortex.

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
    """Driver line of a genotype, without the allele: 'Cux2-CreERT2/wt;Camk2a-tTA/wt;…' has 'Cux2-CreERT2'."""
    genes = [gene.split('/')[0].strip() for gene in genotype.split(';')]
    return next((gene for gene in genes if 'Cre' in gene), genes[0])


def cell_type(line: str) -> str:
    """'inhibitory' for the lines of Vip, Sst and Pvalb, else 'excitatory'."""
    return 'inhibitory' if line.split('-')[0] in _INHIBITORY else 'excitatory'


def running_modulation(responses: np.ndarray, speed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much more a neuron responds while the animal runs, whatever the image.

    From each response the mean response to its image is taken away. The modulation is the difference of the means of
    running (1 cm/s or more) and stationary sweeps over the root of the mean of their variances (Cohen's d); with it
    comes the probability of Welch's t-test. The AllenSDK's `run_modulation_ns` looks at the preferred image alone.

    Parameters
    ----------
    responses : array, shape (n_repetitions, n_scenes, n_cells)
        NaN where there is none.
    speed : array, shape (n_repetitions, n_scenes)
        cm/s; NaN where it isn't known.

    Returns
    -------
    modulation, p : arrays, shape (n_cells,)
        NaN with fewer than 5 running or 5 stationary sweeps, or where the responses don't vary.
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
    """Number, mean and unbiased variance of what isn't NaN in each column."""
    present = ~np.isnan(values)
    n = present.sum(axis=0)
    mean = np.where(present, values, 0).sum(axis=0) / n
    variance = np.where(present, (values - mean) ** 2, 0).sum(axis=0) / (n - 1)
    return n, mean, variance


def mean_recorded(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what isn't NaN; NaN where nothing else is."""
    present = ~np.isnan(values)
    with np.errstate(invalid='ignore'):
        mean: np.ndarray = np.where(present, values, 0).sum(axis=0, dtype=float) / present.sum(axis=0)
    return mean


def trial_correlation(courses: np.ndarray) -> float:
    """Mean correlation of the time courses of all pairs of trials.

    With the trials of the preferred image this is the AllenSDK's `reliability_ns`. It says how alike responses are from
    frame to frame, and nothing of the tuning over images that a split-half reliability measures.

    Parameters
    ----------
    courses : array, shape (n_trials, n_frames)
        Trials that are constant or hold NaN don't count.

    Returns
    -------
    float
        NaN with fewer than two trials that count.
    """
    counts = np.isfinite(courses).all(axis=1) & (courses != courses[:, :1]).any(axis=1)
    centred = courses[counts] - courses[counts].mean(axis=1, keepdims=True)
    n = len(centred)
    if n < 2:
        return np.nan
    total = (centred / np.linalg.norm(centred, axis=1, keepdims=True)).sum(axis=0)
    # The square of a sum of unit vectors holds each pair's correlation twice and each vector's own 1.
    return float((total @ total - n) / (n * (n - 1)))
