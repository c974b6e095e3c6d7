"""Errors that generalise to new animals and new stimuli, from bootstraps of both factors and of each alone."""

import numpy as np

from m2m_benchmarks.arrays.rdm import number_distances
from m2m_benchmarks.arrays.rsa import centred_ranks

#: Fewest different stimuli of a draw: two have a single distance, which has no rank correlation.
_FEWEST_STIMULI = 3


def two_factor_variance(
    both: np.ndarray | float,
    animals: np.ndarray | float,
    stimuli: np.ndarray | float,
    n_animals: int,
    n_stimuli: int,
) -> np.ndarray:
    """Combine the variances of three bootstraps into the variance over new animals and new stimuli.

    Resampling both factors at once counts the noise of single measurements three times, where each of the bootstraps of
    one factor counts it once: the variance of the first alone is too large. A bootstrap of n items is also too small
    by the factor (n - 1) / n.

    Parameters
    ----------
    both, animals, stimuli : array or float, of one shape
        Variances over draws of both factors, of animals alone, and of stimuli alone.
    n_animals : int
        Number of animals in the experiment. A single one has no variance between animals: then the result is the
        variance over new stimuli, `stimuli` times n / (n - 1), which says nothing about other animals.
    n_stimuli : int
        Number of stimuli in the experiment, two or more.

    Returns
    -------
    array
        Variances of the same shape, at least the corrected one of either factor alone, and at most `both`.

    Raises
    ------
    ValueError
        When there is no animal, or fewer than two stimuli.

    References
    ----------
    Schütt, Kipnis, Diedrichsen & Kriegeskorte (2023), eLife 12:e82566; `_dual_bootstrap` of rsatoolbox.
    """
    if n_animals < 1 or n_stimuli < 2:
        raise ValueError(f'expected one animal and two stimuli or more, got {n_animals} and {n_stimuli}')
    both, animals, stimuli = (np.asarray(variance, dtype=float) for variance in (both, animals, stimuli))
    of_stimuli: np.ndarray = n_stimuli / (n_stimuli - 1) * stimuli
    if n_animals == 1:
        return of_stimuli
    of_animals = n_animals / (n_animals - 1) * animals
    correction = n_animals * n_stimuli / ((n_animals - 1) * (n_stimuli - 1))
    combined = of_animals + of_stimuli - correction * (both - animals - stimuli)
    # As in rsatoolbox, the upper bound counts where the bounds contradict each other.
    clipped: np.ndarray = np.minimum(np.maximum.reduce([combined, of_animals, of_stimuli]), both)
    return clipped


def variance_of_draws(draws: np.ndarray, n_animals: int, n_stimuli: int) -> tuple[float, float]:
    """Compute the variance over new animals and new stimuli from bootstrap draws, and its degrees of freedom.

    Parameters
    ----------
    draws : array, shape (3, n_draws)
        Values on draws of both factors, of animals alone and of stimuli alone.
    n_animals, n_stimuli : int
        Numbers in the experiment.
    """
    both, animals, stimuli = np.var(draws, axis=1, ddof=1)
    variance = two_factor_variance(both, animals, stimuli, n_animals, n_stimuli)
    return float(variance), float(degrees_of_freedom(animals, stimuli, n_animals, n_stimuli))


def degrees_of_freedom(
    animals: np.ndarray | float, stimuli: np.ndarray | float, n_animals: int, n_stimuli: int
) -> np.ndarray:
    """Compute the degrees of freedom of a two-factor variance.

    Parameters
    ----------
    animals, stimuli : array or float, of one shape
        Variances over bootstrap draws of animals and of stimuli.
    n_animals, n_stimuli : int
        Numbers in the experiment; a factor with a single one has no variance.

    Returns
    -------
    array
        Degrees of freedom of the same shape; infinite where there is no variance.

    References
    ----------
    Satterthwaite (1946), Biometrics Bulletin 2(6), 110-114, for the sum of the variances of both factors.
    """
    parts = [
        (n / (n - 1) * np.asarray(variance, dtype=float), n - 1)
        for variance, n in ((animals, n_animals), (stimuli, n_stimuli))
        if n > 1
    ]
    total, inverse = sum(variance for variance, _ in parts), sum(variance**2 / dof for variance, dof in parts)
    with np.errstate(divide='ignore', invalid='ignore'):
        freedom: np.ndarray = np.where(inverse > 0, np.square(total) / inverse, np.inf)
    return freedom


def dual_bootstrap(
    model_rdms: np.ndarray, animal_rdms: np.ndarray, stimuli: np.ndarray, animals: np.ndarray
) -> np.ndarray:
    """Score models on bootstrap draws of animals and stimuli: of both together, and of each alone.

    The score is the mean over animals of the Spearman correlation of the model's RDM and the animal's, without the
    pairs of a repeated stimulus.

    Parameters
    ----------
    model_rdms : array, shape (n_models, n_stimuli, n_stimuli)
    animal_rdms : array, shape (n_animals, n_stimuli, n_stimuli)
    stimuli : array of int, shape (n_draws, n_stimuli)
        Number of times that each draw contains each stimulus.
    animals : array of int, shape (n_draws, n_animals)
        Number of times that each draw contains each animal.

    Returns
    -------
    array, shape (3, n_draws, n_models)
        Scores on draws of both, of animals alone, and of stimuli alone. NaN for all three where a draw has fewer than
        three different stimuli.

    Raises
    ------
    ValueError
        When the shapes don't match.

    Notes
    -----
    As `eval_dual_bootstrap` of rsatoolbox without cross-validation. Each RDM is sorted once; the ranks of a draw follow
    from the counts (`rsa_draws`).
    """
    model_rdms, animal_rdms = np.asarray(model_rdms), np.asarray(animal_rdms)
    n_draws, n_stimuli = np.shape(stimuli)
    square = (n_stimuli, n_stimuli)
    if model_rdms.shape[1:] != square or animal_rdms.shape[1:] != square:
        raise ValueError(f'expected RDMs of {n_stimuli} stimuli, got {model_rdms.shape} and {animal_rdms.shape}')
    if np.shape(animals) != (n_draws, len(animal_rdms)):
        raise ValueError(f'expected counts of shape {(n_draws, len(animal_rdms))}, got {np.shape(animals)}')
    rows, columns = np.triu_indices(n_stimuli, k=1)
    orders = [number_distances(matrix) for matrix in (*model_rdms, *animal_rdms)]

    def correlations(counts: np.ndarray) -> np.ndarray:
        return _correlations(orders, len(model_rdms), counts[rows] * counts[columns])

    whole = correlations(np.ones(n_stimuli))
    shares = np.asarray(animals) / np.sum(animals, axis=1, keepdims=True)
    draws = np.full((3, n_draws, len(model_rdms)), np.nan)
    for draw, counts in enumerate(np.asarray(stimuli, dtype=float)):
        if np.count_nonzero(counts) >= _FEWEST_STIMULI:
            drawn = correlations(counts)
            draws[:, draw] = drawn @ shares[draw], whole @ shares[draw], drawn.mean(axis=1)
    return draws


def _correlations(orders: list[np.ndarray], n_models: int, weights: np.ndarray) -> np.ndarray:
    """Correlate the ranks of each model with those of each animal: shape (n_models, n_animals)."""
    drawn = weights > 0
    weights = weights[drawn]
    ranked = [centred_ranks(order[drawn], weights) for order in orders]
    # The correlation of a constant RDM is 0.
    ranks = np.stack([own * np.sqrt(weights / (squares or np.inf)) for own, squares in ranked])
    products: np.ndarray = ranks[:n_models] @ ranks[n_models:].T
    return products
