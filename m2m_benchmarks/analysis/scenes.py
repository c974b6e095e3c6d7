"""How well single stimuli are predicted: a value for each, by the geometry of responses or by neuroids."""

import numpy as np

from m2m_benchmarks.arrays.rdm import number_distances
from m2m_benchmarks.arrays.rsa import rank_distances


def rank_agreement(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Mean agreement of the ranks of each stimulus's distances in two RDMs.

    All distances above the diagonal of an RDM are ranked together, and the ranks standardised to mean 0 and standard
    deviation 1; those of equal distances are averaged. The agreement of a pair of stimuli is the product of its
    standardised ranks in both RDMs, and that of a stimulus the mean over the pairs that it is in. The mean over stimuli
    is the Spearman correlation of the RDMs, so that this says which stimuli it is due to.

    Parameters
    ----------
    first, second : array, shape (n_stimuli, n_stimuli)
        RDMs of two or more stimuli, as returned by `arrays.rdm`.

    Returns
    -------
    array, shape (n_stimuli,)
        Without unit; above 0 where the RDMs agree on the stimulus. 0 if all distances of either RDM are equal.
    """
    ranks = [rank_distances(number_distances(matrix)) for matrix in (first, second)]
    n_stimuli = len(first)
    scale = np.sqrt(ranks[0].squares) * np.sqrt(ranks[1].squares)
    if not scale > 0:
        return np.zeros(n_stimuli)
    product = ranks[0].doubled.astype(float) * ranks[1].doubled * (len(ranks[0].doubled) / scale)
    pairs = np.zeros((n_stimuli, n_stimuli))
    pairs[np.triu_indices(n_stimuli, k=1)] = product
    agreement: np.ndarray = (pairs + pairs.T).sum(axis=1) / (n_stimuli - 1)
    return agreement


def pattern_correlation(predictions: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """Correlate predicted with recorded responses over neuroids, for each stimulus.

    From the responses and predictions of a neuroid, the mean of its responses over stimuli is subtracted, and both are
    divided by their standard deviation: else the correlation would be that of the neuroids' mean responses, which any
    prediction has.

    Parameters
    ----------
    predictions : array, shape (n_stimuli, n_neuroids)
        Held-out predictions, in the unit of the responses.
    responses : array, shape (n_stimuli, n_neuroids)
        Mean responses, of two or more neuroids that vary over stimuli.

    Returns
    -------
    array, shape (n_stimuli,)
        Pearson correlations; 0 where all predictions or responses of a stimulus are equal.
    """
    mean, deviation = responses.mean(axis=0), responses.std(axis=0)
    own = [(values - mean) / deviation for values in (predictions, responses)]
    centred = [values - values.mean(axis=1, keepdims=True) for values in own]
    lengths = np.prod([np.linalg.norm(values, axis=1) for values in centred], axis=0)
    products = (centred[0] * centred[1]).sum(axis=1)
    return np.divide(products, lengths, out=np.zeros(len(products)), where=lengths > 0)
