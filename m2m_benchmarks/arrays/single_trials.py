"""Agreement of predictions with single trials, neuron by neuron."""

import numpy as np

from m2m_benchmarks.arrays.correlation import pearson


def feve(predictions: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """Compute the fraction of the explainable variance that is explained.

    Parameters
    ----------
    predictions : array, shape (n_stimuli, n_neurons)
        Predicted responses in the unit of the trials.
    trials : array, shape (n_trials, n_stimuli, n_neurons)
        Responses; NaN where nothing was recorded.

    Returns
    -------
    array, shape (n_neurons,)
        1 - (squared error - noise) / (variance - noise), over all trials of all stimuli; the noise is the variance
        over trials of the same stimulus, averaged over stimuli. 1 for a perfect model, below 0 for one that is worse
        than the mean; NaN where the variance isn't above the noise, or no stimulus has two trials.

    References
    ----------
    Cadena et al. (2019), PLoS Computational Biology 15(4), e1006897, eq. 5; Willeke et al. (2022), arXiv 2206.08666;
    `fev` of the package neuralpredictors (github.com/sinzlab/neuralpredictors), where all stimuli have several trials.
    """
    count = np.sum(~np.isnan(trials), axis=0)
    squares = np.nansum((trials - predictions) ** 2, axis=0)
    mean = np.nansum(trials, axis=0) / np.where(count, count, 1)
    within = np.nansum((trials - mean) ** 2, axis=0)
    repeated = count > 1
    # As in neuralpredictors, each trial counts for the error and the variance, and a stimulus once for the noise.
    with np.errstate(divide='ignore', invalid='ignore'):
        error = squares.sum(axis=0) / count.sum(axis=0)
        noise = np.where(repeated, within / (count - 1), 0).sum(axis=0) / repeated.sum(axis=0)
        explainable = np.nanvar(trials, axis=(0, 1), ddof=1) - noise
        return np.where(explainable > 0, 1 - (error - noise) / explainable, np.nan)


def single_trial_correlation(predictions: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """Correlate predictions with the responses of single trials.

    Parameters
    ----------
    predictions, trials
        See `feve`.

    Returns
    -------
    array, shape (n_neurons,)
        Pearson correlation over all trials of all stimuli; 0 where either is constant.
    """
    repeated = np.broadcast_to(predictions, trials.shape)
    correlations = np.empty(trials.shape[2])
    for neuron in range(trials.shape[2]):
        recorded = ~np.isnan(trials[..., neuron])
        correlations[neuron] = pearson(repeated[..., neuron][recorded], trials[..., neuron][recorded])
    return correlations
