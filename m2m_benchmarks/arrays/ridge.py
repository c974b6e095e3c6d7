"""Ridge regression in its dual form.

Ridge regression uses the features only through their inner products, a matrix of stimuli by stimuli, which is small for
a few hundred stimuli. One eigendecomposition of its training part gives the predictions for every penalty and every
neuron, and the leave-one-out errors.
"""

from collections.abc import Sequence

import numpy as np
from scipy.linalg import helmert
from threadpoolctl import threadpool_limits

from m2m_benchmarks.arrays.correlation import pearson
from m2m_benchmarks.arrays.folds import Split, kfold

#: Default penalties, in units of the mean squared length of the centred training stimuli, so that scaling all features
#: of a model doesn't change its predictions.
ALPHAS = np.logspace(-3, 3, 13)

#: Columns converted to float64 at a time; bounds the memory used beside the input.
_CHUNK = 16_384


def kernel(features: np.ndarray) -> np.ndarray:
    """Inner products of the stimuli, with features centred over stimuli.

    Parameters
    ----------
    features : array, shape (n_stimuli, n_features)

    Returns
    -------
    array, shape (n_stimuli, n_stimuli)
        Inner products, float64. Centring doesn't change a regression with intercept, and preserves precision where
        the mean is large.

    Raises
    ------
    ValueError
        When `features` isn't two-dimensional or contains NaN or infinity.
    """
    features = np.asarray(features)
    if features.ndim != 2:
        raise ValueError(f'expected features of shape (n_stimuli, n_features), got {features.shape}')
    products = np.zeros((len(features), len(features)))
    for start in range(0, features.shape[1], _CHUNK):
        block = features[:, start : start + _CHUNK].astype(float)
        constant = (block == block[0]).all(axis=0)
        block -= block.mean(axis=0)
        block[:, constant] = 0  # the mean of equal numbers is rounded
        products += block @ block.T
    if not np.isfinite(products).all():
        raise ValueError('the features contain NaN, infinity or values whose squares overflow; expected finite numbers')
    return products


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
    train, test = split
    alphas = np.asarray(alphas, dtype=float)
    if alphas.ndim != 1 or not len(alphas) or not (alphas > 0).all():
        raise ValueError(f'expected positive penalties, got {alphas}')
    if len(train) < 3:
        raise ValueError(f'expected at least 3 training stimuli, got {len(train)}')
    y = np.asarray(responses, dtype=float)[train]
    y_mean = y.mean(axis=0)
    y = y - y_mean
    basis = helmert(len(train))
    inner = products[np.ix_(train, train)]
    spectrum, vectors = np.linalg.eigh(basis @ inner @ basis.T)
    # Eigenvalues below the rounding errors of the kernel are not variance of the training stimuli.
    spectrum[spectrum < len(products) * np.finfo(float).eps * np.abs(products).max()] = 0
    vectors = basis.T @ vectors  # n_train x (n_train - 1), orthogonal to the constant vector
    scale = spectrum.sum() / len(train) if relative else 1.0
    penalties = alphas * (scale or 1.0)
    projected = vectors.T @ y
    # Inner products of test and training stimuli, both relative to the training mean.
    outer = (products[np.ix_(test, train)] - inner.mean(axis=0)) @ vectors
    # In directions without variance of the training stimuli, only rounding errors are left; no penalty shrinks them.
    outer[:, spectrum == 0] = 0

    best = np.zeros(y.shape[1], dtype=int)
    if len(penalties) > 1:
        errors = np.empty((len(penalties), y.shape[1]))
        for i, penalty in enumerate(penalties):
            shrunk = 1 / (spectrum + penalty)
            weights = (vectors * shrunk) @ projected
            weights /= ((vectors**2) @ shrunk)[:, None]
            errors[i] = np.einsum('sn,sn->n', weights, weights)
        best = errors.argmin(axis=0)
    predictions = np.empty((len(test), y.shape[1]))
    for i, penalty in enumerate(penalties):
        neurons = best == i
        if neurons.any():
            predictions[:, neurons] = (outer / (spectrum + penalty)) @ projected[:, neurons]
    return predictions + y_mean, alphas[best]


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
    features, responses = np.asarray(features), np.asarray(responses)
    if responses.ndim != 2 or len(features) != len(responses):
        raise ValueError(
            f'expected features and responses of the same stimuli, got shapes {features.shape} and {responses.shape}'
        )
    if not np.isfinite(responses).all():
        raise ValueError('the responses contain NaN or infinity; expected finite numbers')
    tested = np.sort(np.concatenate([test for _, test in folds]))
    if not np.array_equal(tested, np.arange(len(responses))):
        raise ValueError('expected folds that hold out each stimulus exactly once')
    products = kernel(features)
    predictions = np.empty(responses.shape)
    # A fold is too small to parallelize: on a busy machine, threads wait for each other longer than they work.
    with threadpool_limits(1, 'blas'):
        for fold in folds:
            predictions[fold[1]], _ = ridge(products, responses, fold, alphas, relative)
    return predictions


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
