"""Linear centred kernel alignment (CKA)."""

import numpy as np

from m2m_benchmarks.arrays.ridge import kernel


def cka(first: np.ndarray, second: np.ndarray, debiased: bool = True) -> float:
    """Linear CKA of two sets of patterns of the same stimuli, 0 where either of them doesn't vary.

    Parameters
    ----------
    first, second : array, shape (n_stimuli, n_units)
        Any units, each its own number of them; no NaN.
    debiased : bool
        By the U-statistic of HSIC: 0 on average for unrelated patterns, however many units, so below 0 at times
        (Murphy, Zylberberg & Fyshe 2024, arXiv 2405.01012). Without, as Kornblith et al. (2019, ICML) define it: near
        1 for any patterns of more units than stimuli.

    Raises
    ------
    ValueError
        When the U-statistic is asked for of fewer than four stimuli.
    """
    return kernel_cka(kernel(first), kernel(second), debiased)


def kernel_cka(first: np.ndarray, second: np.ndarray, debiased: bool = True) -> float:
    """Linear CKA from the inner products of both sets of patterns, shape (n_stimuli, n_stimuli); see `cka`."""
    centre = _u_centred if debiased else _centred
    first, second = centre(first), centre(second)
    scale = _product(first, first) * _product(second, second)
    return _product(first, second) / float(np.sqrt(scale)) if scale > 0 else 0.0


def hsic(first: np.ndarray, second: np.ndarray, debiased: bool = True) -> float:
    """Hilbert-Schmidt independence criterion of two kernels, up to a factor that CKA doesn't see.

    The U-statistic is eq. 5 of Song et al. (2012), Journal of Machine Learning Research 13.
    """
    centre = _u_centred if debiased else _centred
    return _product(centre(first), centre(second))


def _product(first: np.ndarray, second: np.ndarray) -> float:
    return float((first * second).sum())


def _centred(products: np.ndarray) -> np.ndarray:
    rows = products.mean(axis=1)
    centred: np.ndarray = products - rows[:, None] - rows + rows.mean()
    return centred


def _u_centred(products: np.ndarray) -> np.ndarray:
    """Centre off the diagonal alone, where noise adds its variance."""
    n = len(products)
    if n < 4:
        raise ValueError(f'the U-statistic of HSIC needs at least 4 stimuli, got {n}')
    products = products - np.diag(np.diag(products))
    rows = products.sum(axis=1) / (n - 2)
    centred: np.ndarray = products - rows[:, None] - rows + products.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(centred, 0)
    return centred
