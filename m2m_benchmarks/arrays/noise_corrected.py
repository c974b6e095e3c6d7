"""Predictivity by partial least squares, corrected for the noise of the trials as in mouse-vision.

Each half of the trials has a fit of its own. What a fit depends on the features alone for is computed once for each
split of the stimuli, and the fits to all halves then run side by side.
"""

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from m2m_benchmarks.arrays.correlation import pearson, repeated_pearson, spearman_brown
from m2m_benchmarks.arrays.folds import Split
from m2m_benchmarks.arrays.kernels import decompose, kernel
from m2m_benchmarks.arrays.pls import N_COMPONENTS, fit_each
from m2m_benchmarks.arrays.reliability import half_means
from m2m_benchmarks.arrays.threads import one_thread

#: Splits of the trials whose fits run side by side.
_BLOCK = 10


@dataclass(frozen=True)
class NoiseCorrected:
    """Noise-corrected correlations of each neuron.

    Attributes
    ----------
    values : array, shape (n_neurons,)
        Mean over splits; 0 for a neuron without a value in any split.
    draws : array, shape (n_draws, n_neurons)
        Values on draws of stimuli; see `noise_corrected_pls`.
    undefined : float
        Share of the splits and neurons without a value.
    """

    values: np.ndarray
    draws: np.ndarray
    undefined: float


def noise_corrected_pls(
    features: np.ndarray,
    trials: np.ndarray,
    splits: Sequence[Split],
    n_trial_splits: int = 100,
    n_components: int = N_COMPONENTS,
    stimuli: np.ndarray | None = None,
) -> NoiseCorrected:
    """Correlate predictions of the neurons of one animal with their responses, corrected for the noise of both.

    Parameters
    ----------
    features : array, shape (n_stimuli, n_features)
    trials : array, shape (n_repetitions, n_stimuli, n_neurons)
        Single-trial responses in any unit, NaN where there is no recording.
    splits : sequence of (train, test)
        Indices into the stimuli; three or more of each.
    n_trial_splits : int
        Number of random divisions of the trials into halves (`half_splits`).
    n_components : int
        See `pls`.
    stimuli : array of int, shape (n_draws, n_stimuli), optional
        How often each stimulus is in each draw; by default there are no draws.

    Returns
    -------
    NoiseCorrected

    Raises
    ------
    ValueError
        When there is no component, `features` contains NaN, or a neuron has fewer than two repetitions.

    Notes
    -----
    With t1 and t2 the means over the halves of the trials, m1 and m2 the predictions of the test stimuli by a fit to
    each, r the correlation over the test stimuli and SB(r) = 2r / (1 + r), the value in a split is

        r(m1, t2) / sqrt(SB(r(m1, m2)) SB(r(t1, t2)))

    and undefined where either correlation in the denominator isn't positive. The halves in the numerator have half of
    the trials, the reliabilities in the denominator are those of all: noise-free predictions get sqrt((1 + rho) / 2)
    with rho = r(t1, t2).

    A draw changes the test stimuli of all splits, in one division of the trials; the draws take turns with the
    divisions. Its value is the mean over splits without drawing, plus the change. The fits stay: in a new one, a
    repeated stimulus would be among both training and test stimuli.

    References
    ----------
    Nayebi et al. (2023), PLoS Computational Biology 19(10), e1011506; neuroailab/mouse-vision,
    `reliability/metrics.py`. Theirs has a value where both correlations are negative.
    """
    products, n_neurons = kernel(features), trials.shape[2]
    draws = np.zeros((0 if stimuli is None else len(stimuli), n_neurons))
    changes = np.zeros(draws.shape, dtype=int)
    total, defined = np.zeros((2, n_neurons))
    halves = enumerate(half_means(trials, n_trial_splits))
    with one_thread():
        folds = [(test, train, decompose(products, (train, test))) for train, test in splits]
        while block := list(itertools.islice(halves, _BLOCK)):
            means = np.array([both for _, both in block])
            for test, train, fold in folds:
                fitted = fit_each(fold, means[:, :, train].reshape(-1, len(train), n_neurons), n_components)
                predicted = fitted.reshape(len(block), 2, len(test), n_neurons)
                for (number, _), prediction, tested in zip(block, predicted, means[:, :, test], strict=True):
                    value = _corrected(pearson, prediction, tested)
                    known = ~np.isnan(value)
                    total[known] += value[known]
                    defined += known
                    if stimuli is not None:
                        own = slice(number, None, n_trial_splits)
                        drawn = functools.partial(repeated_pearson, counts=stimuli[own][:, test])
                        change = _corrected(drawn, prediction, tested) - value
                        draws[own] += np.nan_to_num(change)
                        changes[own] += ~np.isnan(change)
    values = total / np.maximum(defined, 1)
    n_values = len(splits) * n_trial_splits * n_neurons
    return NoiseCorrected(values, values + draws / np.maximum(changes, 1), 1 - float(defined.sum()) / n_values)


def _corrected(
    correlate: Callable[[np.ndarray, np.ndarray], np.ndarray], predictions: np.ndarray, responses: np.ndarray
) -> np.ndarray:
    """Divide the correlation of the first prediction with the second response by the reliabilities; NaN without them.

    Parameters
    ----------
    correlate : callable
        Correlation of matching columns.
    predictions, responses : arrays, shape (2, n_stimuli, n_neurons)
        From the two halves of the trials.
    """
    reliabilities = [spearman_brown(correlate(*both)) for both in (predictions, responses)]
    positive = (reliabilities[0] > 0) & (reliabilities[1] > 0)
    root = np.sqrt(np.where(positive, reliabilities[0] * reliabilities[1], np.nan))
    corrected: np.ndarray = correlate(predictions[0], responses[1]) / root
    return corrected
