"""Ridge regression in its dual form.

Ridge regression uses the features only through their inner products, a matrix of stimuli by stimuli, which is small for
a few hundred stimuli. One eigendecomposition of its training part gives the predictions for every penalty and every
neuron, and the leave-one-out errors.
"""

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import helmert

from m2m_benchmarks.arrays.correlation import pearson
from m2m_benchmarks.arrays.folds import Split, kfold
from m2m_benchmarks.arrays.threads import one_thread

#: Default penalties, in units of the mean squared length of the centred training stimuli, so that scaling all features
#: of a model doesn't change its predictions.
ALPHAS = np.logspace(-3, 3, 13)

#: Columns converted to float64 at a time; bounds the memory used beside the input.
_CHUNK = 16_384
#: Neurons whose leave-one-out errors are computed at a time, so that those of all penalties fit the processor's cache.
_NEURONS = 64
#: Most stimuli whose decompositions are kept; 256 of them then take 130 MB at most.
_FEW_STIMULI = 256


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
    alphas = _checked(alphas)
    return _fit(_decompose(products, split), np.asarray(responses, dtype=float)[split[0]], alphas, relative)


def _checked(alphas: Sequence[float] | np.ndarray) -> np.ndarray:
    alphas = np.asarray(alphas, dtype=float)
    if alphas.ndim != 1 or not len(alphas) or not (alphas > 0).all():
        raise ValueError(f'expected positive penalties, got {alphas}')
    return alphas


@dataclass(frozen=True)
class _Fold:
    """The part of a fit that depends on the features alone.

    Attributes
    ----------
    vectors : array, shape (n_train, n_train - 1)
        Eigenvectors of the kernel of the training stimuli, orthogonal to the constant vector.
    spectrum : array, shape (n_train - 1,)
    outer : array, shape (n_test, n_train - 1)
        Inner products of test and training stimuli, both relative to the training mean, with the eigenvectors.
    """

    vectors: np.ndarray
    spectrum: np.ndarray
    outer: np.ndarray


def _decompose(products: np.ndarray, split: Split) -> _Fold:
    train, test = split
    if len(train) < 3:
        raise ValueError(f'expected at least 3 training stimuli, got {len(train)}')
    basis = helmert(len(train))
    inner = products[np.ix_(train, train)]
    spectrum, vectors = np.linalg.eigh(basis @ inner @ basis.T)
    # Eigenvalues below the rounding errors of the kernel are not variance of the training stimuli.
    spectrum[spectrum < len(products) * np.finfo(float).eps * np.abs(products).max()] = 0
    vectors = basis.T @ vectors
    outer = (products[np.ix_(test, train)] - inner.mean(axis=0)) @ vectors
    # In directions without variance of the training stimuli, only rounding errors are left; no penalty shrinks them.
    outer[:, spectrum == 0] = 0
    return _Fold(vectors, spectrum, outer)


def _fit(fold: _Fold, y: np.ndarray, alphas: np.ndarray, relative: bool) -> tuple[np.ndarray, np.ndarray]:
    scale = fold.spectrum.sum() / len(y) if relative else 1.0
    penalties = alphas * (scale or 1.0)
    y_mean = y.mean(axis=0)
    projected = fold.vectors.T @ (y - y_mean)
    best = np.zeros(y.shape[1], dtype=int)
    if len(penalties) > 1:
        best = _squared_errors(fold, projected, penalties).argmin(axis=0)
    predictions = fold.outer @ (projected / (fold.spectrum[:, None] + penalties[best]))
    return predictions + y_mean, alphas[best]


def _squared_errors(fold: _Fold, projected: np.ndarray, penalties: np.ndarray) -> np.ndarray:
    """Leave-one-out errors of all penalties: shape (n_penalties, n_neurons)."""
    shrunk = 1 / (fold.spectrum + penalties[:, None])
    residuals = fold.vectors * shrunk[:, None] / (shrunk @ fold.vectors.T**2)[..., None]
    rows = residuals.reshape(-1, residuals.shape[-1])
    errors = np.empty((len(penalties), projected.shape[1]))
    for start in range(0, projected.shape[1], _NEURONS):
        chunk = slice(start, start + _NEURONS)
        errors[:, chunk] = ((rows @ projected[:, chunk]) ** 2).reshape(*residuals.shape[:2], -1).sum(axis=1)
    return errors


@functools.lru_cache(maxsize=256)
def _kept(products: bytes, train: bytes, test: bytes) -> _Fold:
    n_stimuli = math.isqrt(len(products) // 8)
    split = np.frombuffer(train, dtype=np.int64), np.frombuffer(test, dtype=np.int64)
    return _decompose(np.frombuffer(products).reshape(n_stimuli, n_stimuli), split)


def _decomposed(products: np.ndarray, folds: Sequence[Split]) -> Iterator[_Fold]:
    """Decompose the kernel for each fold; those of few stimuli are kept, for the neurons of other areas."""
    if len(products) > _FEW_STIMULI:
        yield from (_decompose(products, fold) for fold in folds)
        return
    key = products.tobytes()
    for fold in folds:
        yield _kept(key, *(np.asarray(part, dtype=np.int64).tobytes() for part in fold))


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
    alphas, responses = _checked(alphas), responses.astype(float)
    products = kernel(features)
    predictions = np.empty(responses.shape)
    with one_thread():
        for (train, test), fold in zip(folds, _decomposed(products, folds), strict=True):
            predictions[test], _ = _fit(fold, responses[train], alphas, relative)
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
