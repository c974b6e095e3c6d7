"""Inner products of the stimuli, and regressions from them.

A linear regression uses the features only through their inner products, a matrix of stimuli by stimuli, which is small
for a few hundred stimuli.
"""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.linalg import helmert

from m2m_benchmarks.arrays.backend import Array, get_backend, namespace, to_backend, to_numpy
from m2m_benchmarks.arrays.folds import Split
from m2m_benchmarks.arrays.threads import map_in_threads

T = TypeVar('T')

#: Columns converted to float64 at a time; bounds the memory used beside the input.
_CHUNK = 16_384
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
    summed = to_backend(np.zeros((len(features), len(features))))
    for start in range(0, features.shape[1], _CHUNK):
        block = to_backend(features[:, start : start + _CHUNK].astype(float))
        constant = (block == block[0]).all(axis=0)
        block -= block.mean(axis=0)
        block[:, constant] = 0  # the mean of equal numbers is rounded
        summed += block @ block.T
    products = to_numpy(summed)
    if not np.isfinite(products).all():
        raise ValueError('the features contain NaN, infinity or values whose squares overflow; expected finite numbers')
    return products


def effective_dimensionality(features: np.ndarray) -> float:
    """Compute the participation ratio of the variances of a layer's principal components.

    Parameters
    ----------
    features : array, shape (n_stimuli, n_features)

    Returns
    -------
    float
        (sum of the variances)**2 / sum of their squares: 1 if one component has all variance, n if n have equal
        shares; 0 for constant features. With few stimuli it is lower than that of the layer's responses to all images.

    References
    ----------
    Elmoznino & Bonner (2024), PLoS Computational Biology 20(1), e1011792.
    """
    products = kernel(features)
    squares = float(np.sum(products**2))  # of the eigenvalues, which add up to the trace
    return float(np.trace(products)) ** 2 / squares if squares else 0.0


@dataclass(frozen=True)
class Fold:
    """Training and test stimuli in the space that the training stimuli span, as arrays of the backend.

    Attributes
    ----------
    vectors : array, shape (n_train, n_train - 1)
        Eigenvectors of the kernel of the training stimuli, orthogonal to the constant vector.
    spectrum : array, shape (n_train - 1,)
    outer : array, shape (n_test, n_train - 1)
        Inner products of test and training stimuli, both relative to the training mean, with the eigenvectors.
    """

    vectors: Array
    spectrum: Array
    outer: Array


def decompose(products: np.ndarray, split: Split) -> Fold:
    """Decompose the kernel of the training stimuli of a split: the part of a fit that depends on the features alone.

    Parameters
    ----------
    products : array, shape (n_stimuli, n_stimuli)
        Kernel, as returned by `kernel`.
    split : (train, test)
        Indices into the stimuli.

    Returns
    -------
    Fold

    Raises
    ------
    ValueError
        When there are fewer than three training stimuli.

    Notes
    -----
    A regression with intercept happens in the space orthogonal to the constant vector, of which the Helmert matrix is
    an orthonormal basis.
    """
    train, test = split
    if len(train) < 3:
        raise ValueError(f'expected at least 3 training stimuli, got {len(train)}')
    basis = to_backend(helmert(len(train)))
    inner = to_backend(products[np.ix_(train, train)])
    spectrum, vectors = namespace().linalg.eigh(basis @ inner @ basis.T)
    # Eigenvalues below the rounding errors of the kernel are not variance of the training stimuli.
    spectrum[spectrum < len(products) * np.finfo(float).eps * np.abs(products).max()] = 0
    vectors = basis.T @ vectors
    outer = (to_backend(products[np.ix_(test, train)]) - inner.mean(axis=0)) @ vectors
    # In directions without variance of the training stimuli, only rounding errors are left; no penalty shrinks them.
    outer[:, spectrum == 0] = 0
    return Fold(vectors, spectrum, outer)


@functools.lru_cache(maxsize=256)
def _kept(backend: str, products: bytes, train: bytes, test: bytes) -> Fold:
    # `backend` is part of the cache key only: the arrays of a fold are its.
    n_stimuli = math.isqrt(len(products) // 8)
    split = np.frombuffer(train, dtype=np.int64), np.frombuffer(test, dtype=np.int64)
    return decompose(np.frombuffer(products).reshape(n_stimuli, n_stimuli), split)


def _decomposed(products: np.ndarray, folds: Sequence[Split]) -> Iterator[Fold]:
    """Decompose the kernel for each fold; those of few stimuli are kept, for the neurons of other areas."""
    if len(products) > _FEW_STIMULI:
        yield from (decompose(products, fold) for fold in folds)
        return
    key = products.tobytes()
    for fold in folds:
        yield _kept(get_backend(), key, *(np.asarray(part, dtype=np.int64).tobytes() for part in fold))


def fit_folds(
    features: np.ndarray, responses: np.ndarray, folds: Sequence[Split], fit: Callable[[Fold, np.ndarray], T]
) -> list[T]:
    """Fit the training stimuli of each fold, of folds that hold out each stimulus once.

    Parameters
    ----------
    features : array, shape (n_stimuli, n_features)
    responses : array, shape (n_stimuli, n_neurons)
    folds : sequence of (train, test)
        Folds whose test parts together contain each stimulus once, as returned by `kfold`.
    fit : callable
        Function of a fold and the responses to its training stimuli, shape (n_train, n_neurons), float64. It may be
        called in several threads at once.

    Returns
    -------
    list
        What `fit` returns for each fold.

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
    responses = responses.astype(float)
    decomposed = _decomposed(kernel(features), folds)

    def fit_one(split: Split, fold: Fold) -> T:
        return fit(fold, responses[split[0]])

    if len(responses) <= _FEW_STIMULI and get_backend() == 'numpy':
        return map_in_threads(fit_one, folds, decomposed)
    # Large matrices are spread over threads by linear algebra, and only one fold's are in memory; PyTorch has threads
    # of its own.
    return list(map(fit_one, folds, decomposed))


def predict_folds(
    features: np.ndarray,
    responses: np.ndarray,
    folds: Sequence[Split],
    fit: Callable[[Fold, np.ndarray], np.ndarray],
) -> np.ndarray:
    """Predict each stimulus by a fit to the other folds.

    Parameters
    ----------
    features, responses, folds
        See `fit_folds`.
    fit : callable
        Function of a fold and the responses to its training stimuli, which returns predictions for its test stimuli.

    Returns
    -------
    array, shape (n_stimuli, n_neurons)
        Held-out predictions.

    Raises
    ------
    ValueError
        See `fit_folds`.
    """
    predictions = np.empty(np.shape(responses))
    for (_, test), predicted in zip(folds, fit_folds(features, responses, folds, fit), strict=True):
        predictions[test] = predicted
    return predictions
