"""Partial least squares regression (PLS2) from the inner products of the stimuli.

The features enter only through the stimuli's coordinates in the space that the training stimuli span, so a fit costs
the same for any number of features.
"""

import functools
from collections.abc import Sequence

import numpy as np

from m2m_benchmarks.arrays.folds import Split
from m2m_benchmarks.arrays.kernels import Fold, decompose, predict_folds

#: Number of components of Brain-Score's metric `pls`.
N_COMPONENTS = 25


def pls(products: np.ndarray, responses: np.ndarray, split: Split, n_components: int = N_COMPONENTS) -> np.ndarray:
    """Fit the training stimuli of one split, all neurons at once, and predict its test stimuli.

    Parameters
    ----------
    products : array, shape (n_stimuli, n_stimuli)
        Kernel of the features, as returned by `kernel`. Features are centred but not scaled.
    responses : array, shape (n_stimuli, n_neurons)
        Trial-averaged responses in any unit, centred but not scaled.
    split : (train, test)
        Indices into the stimuli.
    n_components : int
        Number of components; fewer are used where features and responses have no covariance left. As many as the
        training stimuli span are ordinary least squares.

    Returns
    -------
    array, shape (len(test), n_neurons)
        Predictions, float64, in the unit of `responses`.

    Raises
    ------
    ValueError
        When there is no component, or there are fewer than three training stimuli.

    Notes
    -----
    Each component is the direction of the features with the largest covariance with the responses, after the earlier
    components are taken out (Wegelin 2000, "A survey of partial least squares methods", section 4.1, regression).
    scikit-learn's `PLSRegression` iterates for it; here it is an eigenvector of a matrix of stimuli by stimuli.
    """
    return _fit(decompose(products, split), np.asarray(responses, dtype=float)[split[0]], _checked(n_components))


def pls_predict(
    features: np.ndarray, responses: np.ndarray, folds: Sequence[Split], n_components: int = N_COMPONENTS
) -> np.ndarray:
    """Predict each stimulus by a fit to the other folds.

    Parameters
    ----------
    features : array, shape (n_stimuli, n_features)
    responses, n_components
        See `pls`.
    folds : sequence of (train, test)
        Folds whose test parts together contain each stimulus once, as returned by `kfold`.

    Returns
    -------
    array, shape (n_stimuli, n_neurons)
        Held-out predictions.

    Raises
    ------
    ValueError
        When there is no component, or the arrays or folds don't fit; see `kernels.predict_folds`.
    """
    return predict_folds(features, responses, folds, functools.partial(_fit, n_components=_checked(n_components)))


def _checked(n_components: int) -> int:
    if n_components < 1:
        raise ValueError(f'expected one component or more, got {n_components}')
    return n_components


def _fit(fold: Fold, y: np.ndarray, n_components: int) -> np.ndarray:
    from scipy.linalg import eigh

    # In the coordinates `vectors` of the training stimuli, the features are diag(scale), and the responses `projected`.
    varying = fold.spectrum > 0
    scale = np.sqrt(fold.spectrum[varying])
    y_mean = y.mean(axis=0)
    projected = fold.vectors[:, varying].T @ (y - y_mean)
    variances, directions = eigh(projected @ projected.T)
    left = directions * np.sqrt(np.maximum(variances, 0))  # has the inner products of the responses, in few columns
    weights, scores = np.zeros((2, len(scale), min(n_components, len(scale))))
    smallest = 0.0
    for number in range(weights.shape[1]):
        covariance = scale[:, None] * left
        value, vector = eigh(covariance @ covariance.T, subset_by_index=[len(scale) - 1] * 2)
        smallest = smallest or value[0] * (len(y) * np.finfo(float).eps) ** 2
        if value[0] <= smallest:  # only rounding errors are left
            weights, scores = weights[:, :number], scores[:, :number]
            break
        weights[:, number] = vector[:, 0]
        score = scale * vector[:, 0]
        for _ in range(2):  # the second time removes rounding errors of the first
            score = score - scores @ (scores.T @ score)
        scores[:, number] = score / np.linalg.norm(score)
        left = left - np.outer(scores[:, number], scores[:, number] @ left)
    slopes = weights @ np.linalg.solve(scores.T @ (scale[:, None] * weights), scores.T @ projected)
    predictions: np.ndarray = fold.outer[:, varying] / scale @ slopes + y_mean
    return predictions
