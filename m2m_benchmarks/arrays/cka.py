"""Linear centred kernel alignment (CKA)."""

import numpy as np

from m2m_benchmarks.arrays.ridge import kernel


def cka(first: np.ndarray, second: np.ndarray, debiased: bool = True) -> float:
    """Linear CKA of two sets of patterns of the same stimuli; 0 if either is constant.

    Parameters
    ----------
    first, second : array, shape (n_stimuli, n_units)
        Response patterns in any unit of measurement, without NaN. The numbers of units may differ.
    debiased : bool
        Whether to use the U-statistic of HSIC (Murphy, Zylberberg & Fyshe 2024, arXiv 2405.01012), which is 0 on
        average for unrelated patterns and so is negative at times. If False, CKA as defined by Kornblith et al. (2019,
        ICML), which is near 1 for any patterns of more units than stimuli.

    Raises
    ------
    ValueError
        When `debiased` is set and there are fewer than four stimuli.
    """
    return kernel_cka(kernel(first), kernel(second), debiased)


def kernel_cka(first: np.ndarray, second: np.ndarray, debiased: bool = True) -> float:
    """Linear CKA of two kernels, the patterns' inner products, shape (n_stimuli, n_stimuli); see `cka`."""
    centre = _u_centre if debiased else _centre
    first, second = centre(first), centre(second)
    scale = _inner_product(first, first) * _inner_product(second, second)
    return _inner_product(first, second) / float(np.sqrt(scale)) if scale > 0 else 0.0


def hsic(first: np.ndarray, second: np.ndarray, debiased: bool = True) -> float:
    """Hilbert-Schmidt independence criterion of two kernels, up to a factor that cancels in CKA.

    The U-statistic is eq. 5 of Song et al. (2012), Journal of Machine Learning Research 13.
    """
    centre = _u_centre if debiased else _centre
    return _inner_product(centre(first), centre(second))


def _inner_product(first: np.ndarray, second: np.ndarray) -> float:
    return float((first * second).sum())


def _centre(products: np.ndarray) -> np.ndarray:
    rows = products.mean(axis=1)
    centred: np.ndarray = products - rows[:, None] - rows + rows.mean()
    return centred


def _u_centre(products: np.ndarray) -> np.ndarray:
    """Centre without the diagonal, to which noise adds its variance."""
    n = len(products)
    if n < 4:
        raise ValueError(f'the U-statistic of HSIC needs at least 4 stimuli, got {n}')
    products = products - np.diag(np.diag(products))
    rows = products.sum(axis=1) / (n - 2)
    centred: np.ndarray = products - rows[:, None] - rows + products.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(centred, 0)
    return centred
