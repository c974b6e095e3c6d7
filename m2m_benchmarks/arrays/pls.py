"""Partial least squares regression (PLS2) from the inner products of the stimuli.

The features enter only through the stimuli's coordinates in the space that the training stimuli span, so a fit costs
the same for any number of features.
"""

import functools
from collections.abc import Sequence

import numpy as np

from m2m_benchmarks.arrays.backend import Array, namespace, to_backend, to_numpy
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
    return _fit(decompose(products, split), np.asarray(responses, dtype=float)[split[0]], n_components)


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
    return predict_folds(features, responses, folds, functools.partial(_fit, n_components=n_components))


def _fit(fold: Fold, y: np.ndarray, n_components: int) -> np.ndarray:
    predictions: np.ndarray = fit_each(fold, y[None], n_components)[0]
    return predictions


def fit_each(fold: Fold, y: np.ndarray, n_components: int = N_COMPONENTS) -> np.ndarray:
    """Fit several recordings of the training stimuli of one split, each by itself, and predict its test stimuli.

    Parameters
    ----------
    fold : Fold
        Decomposition of the split, as returned by `kernels.decompose`.
    y : array, shape (n_recordings, n_train, n_neurons)
        Responses to the training stimuli, such as means of different trials; finite numbers.
    n_components : int
        See `pls`.

    Returns
    -------
    array, shape (n_recordings, n_test, n_neurons)
        Predictions, float64.

    Raises
    ------
    ValueError
        When there is no component.
    """
    if n_components < 1:
        raise ValueError(f'expected one component or more, got {n_components}')
    # In the coordinates `vectors` of the training stimuli, the features are diag(scale), and the responses `projected`.
    # The backend has what has a column for each neuron; the components are found in smaller matrices, by numpy.
    spectrum, y = to_numpy(fold.spectrum), to_backend(y)
    varying = spectrum > 0
    scale = np.sqrt(spectrum[varying])
    y_mean = y.mean(axis=1, keepdims=True)
    projected = fold.vectors[:, varying].T @ (y - y_mean)
    left = to_numpy(_in_few_columns(projected))
    shape = len(y), min(n_components, len(scale)), len(scale)
    weights, scores = np.zeros((2, *shape))
    smallest = np.zeros(len(y))
    finished, unused = np.zeros(len(y), dtype=bool), np.zeros(shape[:2], dtype=bool)
    for number in range(shape[1]):
        variance, weight = _leading(scale[:, None] * left)
        if number == 0:
            smallest = variance * (y.shape[1] * np.finfo(float).eps) ** 2
        finished = finished | (variance <= smallest)  # only rounding errors are left
        unused[:, number] = finished
        weights[:, number] = np.where(finished[:, None], 0, weight)
        score = (scale * weights[:, number])[:, :, None]
        for _ in range(2):  # the second time removes rounding errors of the first
            score = score - scores.swapaxes(1, 2) @ (scores @ score)
        length = np.linalg.norm(score, axis=1, keepdims=True)
        score = score / np.where(length > 0, length, 1)
        scores[:, number] = score[:, :, 0]
        left = left - score * (score.swapaxes(1, 2) @ left)
    triangle = scores @ (scale * weights).swapaxes(1, 2)
    triangle += unused[:, None] * np.eye(shape[1])  # so that it has an inverse
    loadings = namespace().linalg.solve(to_backend(triangle), to_backend(scores) @ projected)
    slopes = to_backend(weights.swapaxes(1, 2)) @ loadings
    return to_numpy(fold.outer[:, varying] / to_backend(scale) @ slopes + y_mean)


def _in_few_columns(projected: Array) -> Array:
    """Reduce matrices (n, n_rows, n_columns) to as many columns as rows or fewer; inner products of rows stay."""
    if projected.shape[1] >= projected.shape[2]:
        return projected
    xp = namespace()
    variances, directions = xp.linalg.eigh(projected @ projected.swapaxes(1, 2))
    return directions * xp.sqrt(variances.clip(0))[:, None]


def _leading(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared first singular value and left singular vector of matrices (n, n_rows, n_columns)."""
    squares = covariance.swapaxes(1, 2) @ covariance
    pairs = [_last_eigenvector(square) for square in squares]
    vectors = covariance @ np.array([vector for _, vector in pairs])
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.array([value for value, _ in pairs]), (vectors / np.where(lengths > 0, lengths, 1))[:, :, 0]


def _last_eigenvector(square: np.ndarray) -> tuple[float, np.ndarray]:
    """Largest eigenvalue of a small symmetric matrix, which is overwritten, and its eigenvector as a column."""
    from scipy.linalg.lapack import dsyevr  # scipy.linalg.eigh takes longer to check its input than this to answer

    n = len(square)
    values, vectors, _, _, info = dsyevr(square.T, range='I', il=n, iu=n, overwrite_a=1)
    if info:
        raise np.linalg.LinAlgError(f'the eigenvector of a covariance did not converge (dsyevr: {info})')
    return values[0], vectors[:, :1]
