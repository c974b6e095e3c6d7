"""Linear centred kernel alignment (CKA)."""

import numpy as np

from m2m_benchmarks.arrays.kernels import kernel


def cka(first: np.ndarray, second: np.ndarray, debiased: bool = True) -> float:
    """Linear CKA of two sets of patterns of the same stimuli; 0 if either is constant.

    Parameters
    ----------
    first, second : array, shape (n_stimuli, n_units)
        Response patterns in any unit of measurement, without NaN. The numbers of units may differ.
    debiased : bool
        Whether to use the U-statistic of HSIC (Murphy et al. 2024, arXiv 2405.01012), 0 on average for unrelated
        patterns. If False, CKA as Kornblith et al. (2019, ICML) define it, near 1 for any with more units than stimuli.

    Raises
    ------
    ValueError
        When `debiased` is set and there are fewer than four stimuli.
    """
    return kernel_cka(kernel(first), kernel(second), debiased)


def kernel_cka(first: np.ndarray, second: np.ndarray, debiased: bool = True) -> float:
    """Linear CKA of two kernels, the patterns' inner products, shape (n_stimuli, n_stimuli); see `cka`."""
    first, second = centred(first, debiased), centred(second, debiased)
    scale = np.vdot(first, first) * np.vdot(second, second)
    return float(np.vdot(first, second) / np.sqrt(scale)) if scale > 0 else 0.0


def hsic(first: np.ndarray, second: np.ndarray, debiased: bool = True) -> float:
    """Hilbert-Schmidt independence criterion of two kernels (eq. 5 of Song et al. 2012, JMLR 13), up to a factor."""
    return float(np.vdot(centred(first, debiased), centred(second, debiased)))


def centred(products: np.ndarray, debiased: bool = True) -> np.ndarray:
    """Centre a kernel, (n_stimuli, n_stimuli), so that its rows sum to 0; if debiased, its diagonal is 0 too."""
    n = len(products)
    if not debiased:
        return np.asarray(products - products.mean(axis=0) - products.mean(axis=1)[:, None] + products.mean())
    if n < 4:
        raise ValueError(f'the U-statistic of HSIC needs at least 4 stimuli, got {n}')
    products = products - np.diag(np.diag(products))  # noise adds its variance to the diagonal
    rows = products.sum(axis=1) / (n - 2)
    differences = products - rows[:, None] - rows + products.sum() / ((n - 1) * (n - 2))
    return np.where(np.eye(n, dtype=bool), 0, differences)
