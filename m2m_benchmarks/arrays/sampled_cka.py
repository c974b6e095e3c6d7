"""Linear CKA with recordings as a sample: of neuroids from a population, and of the draws of an experiment.

The kernel of a few recorded neuroids is more similar to itself than that of their whole population, since each neuroid
is the same as itself. Debiased CKA leaves out the pairs of a stimulus with itself. Without the pairs of a neuroid with
itself too, what remains is a mean over pairs of different neuroids, however many there are.
"""

import numpy as np

from m2m_benchmarks.arrays.cka import centred, hsic
from m2m_benchmarks.arrays.kernels import kernel
from m2m_benchmarks.arrays.sampling import FACTORS, Sample
from m2m_benchmarks.arrays.threads import one_thread


def population_hsic(first: np.ndarray, second: np.ndarray) -> float:
    """HSIC of a population's kernel with itself, from two measurements of some of its neuroids.

    Parameters
    ----------
    first, second : array, shape (n_stimuli, n_neuroids)
        Responses: the means of two halves of the trials, or the same twice.

    Returns
    -------
    float
        Mean over pairs of different neuroids, one of each measurement, of the HSIC of their kernels (`hsic`): an
        unbiased estimate for the population's kernel per neuroid, which may be negative. Noise of single neuroids
        doesn't change its mean; noise that they share doesn't where the measurements are of different trials.

    Raises
    ------
    ValueError
        When there are fewer than four stimuli or two neuroids, or the responses contain NaN or infinity.

    References
    ----------
    Chun, Canatar, Chung & Lee (2025), arXiv 2502.15104.
    """
    n_neuroids = first.shape[1]
    if n_neuroids < 2:
        raise ValueError(f'pairs of neuroids need at least 2 neuroids, got {n_neuroids}')
    total = hsic(kernel(first), kernel(second))
    return float(total - hsic_of_each(first, second).sum()) / (n_neuroids * (n_neuroids - 1))


def hsic_of_each(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """HSIC of the two kernels of each neuroid, one of each measurement, shape (n_neuroids,); see `population_hsic`.

    Notes
    -----
    For centred responses u and v of a neuroid to n stimuli, the U-statistic of the kernels u u' and v v' (Song et al.
    2012, JMLR 13, eq. 5) is, up to the factor of `hsic`, (u'v)**2 + u'u v'v / ((n - 1) (n - 2)) - n / (n - 2) sum(u**2
    v**2).
    """
    n = len(first)
    first, second = (values - values.mean(axis=0) for values in (first, second))
    lengths = (first**2).sum(axis=0) * (second**2).sum(axis=0)
    product = first * second
    squares = (product**2).sum(axis=0)
    values: np.ndarray = product.sum(axis=0) ** 2 + lengths / ((n - 1) * (n - 2)) - n / (n - 2) * squares
    return values


def recorded_draws(responses: np.ndarray, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Compute the HSIC of the recordings on the draws of an experiment.

    Parameters
    ----------
    responses : array, shape (n_stimuli, n_neuroids)
    sample : Sample
        Draws, each of different stimuli.

    Returns
    -------
    totals, shares : arrays, shape (3, n_draws)
        HSIC of the kernel of the recorded neuroids with itself, on draws of both factors, of animals, and of stimuli;
        and the population's share of it: the mean over pairs of different neuroids (`population_hsic`) over that over
        all pairs. A neuroid that is drawn twice is no pair of different ones. Where a single one is drawn, the share
        is that of all.
    """
    responses = responses - responses.mean(axis=0)
    every = np.ones(responses.shape[1])
    whole, own = responses @ responses.T, hsic_of_each(responses, responses)
    share = _share_of_pairs(_square(whole), own, every)
    draws = np.empty((2, len(FACTORS), len(sample)))
    with one_thread():
        for number, (stimuli, neuroids) in enumerate(sample):
            drawn = np.flatnonzero(stimuli)
            block = np.ix_(drawn, drawn)
            own_of_drawn = hsic_of_each(responses[drawn], responses[drawn])
            products = (responses * neuroids) @ responses.T
            totals = _square(products[block]), _square(products), _square(whole[block])
            of_stimuli = _share_of_pairs(totals[2], own_of_drawn, every)
            of_both, of_animals = of_stimuli, share
            if np.count_nonzero(neuroids) > 1:
                of_both = _share_of_pairs(totals[0], own_of_drawn, neuroids)
                of_animals = _share_of_pairs(totals[1], own, neuroids)
            draws[:, :, number] = totals, (of_both, of_animals, of_stimuli)
    totals, shares = draws
    return totals, shares


def cka_draws(products: np.ndarray, responses: np.ndarray, totals: np.ndarray, sample: Sample) -> np.ndarray:
    """Compute debiased CKA of a model with the recordings on the draws of an experiment.

    Parameters
    ----------
    products : array, shape (n_stimuli, n_stimuli)
        Kernel of the model.
    responses : array, shape (n_stimuli, n_neuroids)
    totals : array, shape (3, n_draws)
        HSIC of the recordings with themselves (`recorded_draws`).
    sample : Sample
        Draws, each of different stimuli.

    Returns
    -------
    array, shape (3, n_draws)
        Draws of both factors, of animals, and of stimuli; 0 where either is constant.
    """
    responses = responses - responses.mean(axis=0)
    whole, own = _with_each(products, responses), _square(products)
    shared, owns = np.empty((2, len(FACTORS), len(sample)))
    with one_thread():
        for number, (stimuli, neuroids) in enumerate(sample):
            drawn = np.flatnonzero(stimuli)
            block = products[np.ix_(drawn, drawn)]
            of_drawn, own_of_drawn = _with_each(block, responses[drawn]), _square(block)
            shared[:, number] = neuroids @ of_drawn, neuroids @ whole, of_drawn.sum()
            owns[:, number] = own_of_drawn, own, own_of_drawn
    scale = np.sqrt(owns * totals)
    draws: np.ndarray = np.divide(shared, scale, out=np.zeros_like(shared), where=scale > 0)
    return draws


def _square(products: np.ndarray) -> float:
    """HSIC of a kernel with itself."""
    own = centred(products)
    return float(np.vdot(own, own))


def _with_each(products: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """HSIC of a kernel with that of each neuroid; centring the one is enough."""
    values: np.ndarray = np.einsum('ij,ij->j', centred(products) @ responses, responses)
    return values


def _share_of_pairs(total: float, own: np.ndarray, counts: np.ndarray) -> float:
    """Mean over pairs of different neuroids over that over all pairs, from the sum over all and each one's own HSIC."""
    if not total > 0:
        return 0.0
    n_pairs, n_own = counts.sum() ** 2, (counts**2).sum()
    return float((1 - counts**2 @ own / total) * n_pairs / (n_pairs - n_own))
