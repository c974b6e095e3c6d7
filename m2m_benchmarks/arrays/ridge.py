"""Ridge regression in its dual form.

Ridge regression uses the features only through their inner products, a matrix of stimuli by stimuli, which is small for
a few hundred stimuli. One eigendecomposition of its training part gives the predictions for every penalty and every
neuron, and the leave-one-out errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from m2m_benchmarks.arrays.backend import Array, namespace, to_backend, to_numpy
from m2m_benchmarks.arrays.correlation import pearson, pearson_gradient
from m2m_benchmarks.arrays.folds import Split, kfold
from m2m_benchmarks.arrays.kernels import Fold, decompose, fit_folds, predict_folds

#: Default penalties, in units of the mean squared length of the centred training stimuli, so that scaling all features
#: of a model doesn't change its predictions.
ALPHAS = np.logspace(-3, 3, 13)

#: Neurons whose leave-one-out errors are computed at a time, so that those of all penalties fit the processor's cache.
_NEURONS = 128


def ridge(
    products: np.ndarray,
    responses: np.ndarray,
    split: Split,
    alphas: Sequence[float] | np.ndarray = ALPHAS,
    relative: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Fit the training stimuli of one split and predict its test stimuli.

    Parameters
    ----------
    products : array, shape (n_stimuli, n_stimuli)
        Kernel, as returned by `kernel`.
    responses : array, shape (n_stimuli, n_neurons)
        Trial-averaged responses in any unit.
    split : (train, test)
        Indices into the stimuli.
    alphas : sequence of float
        Positive penalties. Of several, each neuron gets the one with the smallest squared leave-one-out error on the
        training stimuli.
    relative : bool
        Whether `alphas` are in units of the mean squared length of the centred training stimuli (see `ALPHAS`)
        or absolute, as in scikit-learn.

    Returns
    -------
    predictions : array, shape (len(test), n_neurons)
        Predictions, float64, in the unit of `responses`.
    chosen : array, shape (n_neurons,)
        Entry of `alphas` used for each neuron.

    Raises
    ------
    ValueError
        When a penalty isn't positive, or there are fewer than three training stimuli.

    Notes
    -----
    With a free intercept the fit happens in the space orthogonal to the constant vector. In an orthonormal basis
    of that space (the Helmert matrix), training kernel K = U S U', the dual weights are c = U (S + alpha)^-1 U'y
    and the leave-one-out residuals c_i / diag_i(U (S + alpha)^-1 U') (Rifkin & Lippert 2007, "Notes on
    regularized least squares", with the intercept left free).
    """
    alphas = _checked(alphas)
    predictions, best = _predict(
        decompose(products, split), np.asarray(responses, dtype=float)[split[0]], alphas, relative
    )
    return predictions, alphas[best]


def _checked(alphas: Sequence[float] | np.ndarray) -> np.ndarray:
    alphas = np.asarray(alphas, dtype=float)
    if alphas.ndim != 1 or not len(alphas) or not (np.isfinite(alphas) & (alphas > 0)).all():
        raise ValueError(f'expected a list of positive, finite penalties, got {alphas}')
    return alphas


@dataclass(frozen=True)
class _Fit:
    """Fit of all neurons to the training stimuli of a fold; all arrays but `best` are the backend's.

    Attributes
    ----------
    fold : Fold
    mean : array, shape (n_neurons,)
        Mean responses to the training stimuli.
    projected : array, shape (n_train - 1, n_neurons)
        Coordinates of the responses.
    best : array of int, shape (n_neurons,)
        Number of the penalty of each neuron.
    shrunk : array, shape (n_train - 1, n_neurons)
        Inverses of the spectrum plus the penalty.
    """

    fold: Fold
    mean: Array
    projected: Array
    best: np.ndarray
    shrunk: Array

    def predictions(self) -> np.ndarray:
        """Predict the test stimuli: shape (n_test, n_neurons)."""
        return to_numpy(self.fold.outer @ (self.projected * self.shrunk) + self.mean)

    def influence(self, gradient: np.ndarray) -> np.ndarray:
        """Change of a quantity by each training stimulus, with its gradient with respect to the predictions.

        Without a training stimulus, the predictions lack its leave-one-out error times its weights in them.
        """
        vectors, gradient = self.fold.vectors, to_backend(gradient)
        weights = vectors @ (self.shrunk * (self.fold.outer.T @ gradient)) + gradient.sum(axis=0) / len(vectors)
        left_out = (vectors @ (self.projected * self.shrunk)) / (vectors**2 @ self.shrunk)
        return to_numpy(weights * left_out)


def _predict(fold: Fold, y: np.ndarray, alphas: np.ndarray, relative: bool) -> tuple[np.ndarray, np.ndarray]:
    """Predict the test stimuli, shape (n_test, n_neurons); and the number of each neuron's penalty."""
    if len(alphas) > 1:
        fit = _fit(fold, y, alphas, relative)
        return fit.predictions(), fit.best
    # One penalty has the same weights for all neurons.
    shrunk = 1 / (fold.spectrum + _penalties(fold, alphas, relative))
    weights = (fold.outer * shrunk) @ fold.vectors.T + 1 / len(y)
    return to_numpy(weights @ to_backend(y)), np.zeros(y.shape[1], dtype=int)


def _penalties(fold: Fold, alphas: np.ndarray, relative: bool) -> Array:
    """Penalties in the unit of the spectrum."""
    scale = float(fold.spectrum.sum()) / len(fold.vectors) if relative else 1.0
    return to_backend(alphas * (scale or 1.0))


def _fit(fold: Fold, y: np.ndarray, alphas: np.ndarray, relative: bool) -> _Fit:
    y, penalties = to_backend(y), _penalties(fold, alphas, relative)
    y_mean = y.mean(axis=0)
    projected = fold.vectors.T @ (y - y_mean)
    best = np.zeros(y.shape[1], dtype=int)
    if len(penalties) > 1:
        best = _squared_errors(fold, projected, penalties).argmin(axis=1)
    return _Fit(fold, y_mean, projected, best, 1 / (fold.spectrum[:, None] + penalties[best]))


def _squared_errors(fold: Fold, projected: Array, penalties: Array) -> np.ndarray:
    """Leave-one-out errors of all penalties: shape (n_neurons, n_penalties)."""
    shrunk = 1 / (fold.spectrum + penalties[:, None])
    weights = fold.vectors * shrunk[:, None] / (shrunk @ fold.vectors.T**2)[..., None]
    to_residuals = weights.reshape(-1, weights.shape[-1]).T
    neurons = projected.T.reshape(-1).reshape(projected.T.shape)  # in memory one after the other
    errors = np.empty((len(neurons), len(penalties)))
    for start in range(0, len(neurons), _NEURONS):
        chunk = slice(start, start + _NEURONS)
        residuals = (neurons[chunk] @ to_residuals).reshape(-1, *weights.shape[:2])
        errors[chunk] = to_numpy(namespace().einsum('npi,npi->np', residuals, residuals))
    return errors


def cross_predict(
    features: np.ndarray,
    responses: np.ndarray,
    folds: Sequence[Split],
    alphas: Sequence[float] | np.ndarray = ALPHAS,
    relative: bool = True,
) -> np.ndarray:
    """Predict each stimulus by a fit to the other folds.

    Parameters
    ----------
    features : array, shape (n_stimuli, n_features)
    responses : array, shape (n_stimuli, n_neurons)
    folds : sequence of (train, test)
        Folds whose test parts together contain each stimulus once, as returned by `kfold`.
    alphas, relative
        See `ridge`.

    Returns
    -------
    array, shape (n_stimuli, n_neurons)
        Held-out predictions.

    Raises
    ------
    ValueError
        When the test parts don't contain each stimulus exactly once, the arrays differ in their number of stimuli,
        or either contains NaN or infinity.
    """
    alphas = _checked(alphas)
    return predict_folds(features, responses, folds, lambda fold, y: _predict(fold, y, alphas, relative)[0])


def predict_with_influence(
    features: np.ndarray,
    responses: np.ndarray,
    folds: Sequence[Split],
    alphas: Sequence[float] | np.ndarray = ALPHAS,
    relative: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Predict each stimulus by a fit to the other folds, and say what each stimulus does as training data.

    Parameters
    ----------
    features, responses, folds, alphas, relative
        See `cross_predict`.

    Returns
    -------
    predictions : array, shape (n_stimuli, n_neurons)
        Held-out predictions.
    influence : array, shape (n_stimuli, n_neurons)
        Part of the correlation of a neuron's predictions and responses that each stimulus contributes as training data
        of the other folds, its own prediction unchanged: the correlation less that without it, to first order in the
        predictions' change. Penalties stay.

    Raises
    ------
    ValueError
        See `cross_predict`.
    """
    alphas = _checked(alphas)
    predictions, influence = np.zeros((2, *np.shape(responses)))
    fits = fit_folds(features, responses, folds, lambda fold, y: _fit(fold, y, alphas, relative))
    for (_, test), fit in zip(folds, fits, strict=True):
        predictions[test] = fit.predictions()
    gradient = pearson_gradient(predictions, responses)
    for (train, test), fit in zip(folds, fits, strict=True):
        influence[train] += fit.influence(gradient[test])
    return predictions, influence


def held_out_correlations(
    features: np.ndarray,
    responses: np.ndarray,
    alphas: Sequence[float] | np.ndarray = ALPHAS,
    relative: bool = True,
) -> np.ndarray:
    """Correlate each neuron's responses with its held-out predictions (10 shuffled folds, seed 1).

    Parameters
    ----------
    features, responses, alphas, relative
        See `cross_predict`.

    Returns
    -------
    array, shape (n_neurons,)
        Correlations in [-1, 1]; 0 for a neuron whose responses or predictions are constant.
    """
    return pearson(cross_predict(features, responses, kfold(len(responses)), alphas, relative), responses)
