"""Difference of the means of two types of neurons, and its permutation test, in which animals stay together."""

import numpy as np

#: Number of random labellings.
N_PERMUTATIONS = 2000


def permuted_differences(
    values: np.ndarray, labels: np.ndarray, animals: np.ndarray, seed: int = 0
) -> tuple[float, np.ndarray]:
    """Mean of the labelled neurons minus that of the others, and the same for shuffled labels.

    Neurons of one animal are not independent. Where each animal has one type, as each has one Cre line, the labels of
    whole animals are shuffled; otherwise those of the neurons within each animal.

    Parameters
    ----------
    values : array, shape (n_neurons,)
    labels : bool array, shape (n_neurons,)
        Whether each neuron is of the first type; both types occur.
    animals : array, shape (n_neurons,)
    seed : int

    Returns
    -------
    difference : float
    shuffled : array, shape (N_PERMUTATIONS,)
    """
    rng = np.random.default_rng(seed)
    _, members = np.unique(animals, return_inverse=True)
    sizes = np.bincount(members).astype(float)
    labelled = np.bincount(members, weights=labels)
    pure = bool(np.all((labelled == 0) | (labelled == sizes)))
    total, n = values.sum(), len(values)
    own: np.ndarray
    counts: np.ndarray
    if pure:
        sums, first = np.bincount(members, weights=values), labelled > 0
        kept = rng.permuted(np.tile(first, (N_PERMUTATIONS, 1)), axis=1)
        own, counts = kept @ sums, kept @ sizes
    else:
        own, counts = np.zeros(N_PERMUTATIONS), np.full(N_PERMUTATIONS, float(labels.sum()))
        for animal in range(len(sizes)):
            mine = members == animal
            own += rng.permuted(np.tile(labels[mine], (N_PERMUTATIONS, 1)), axis=1) @ values[mine]
    difference = float(values[labels].mean() - values[~labels].mean())
    return difference, own / counts - (total - own) / (n - counts)


def two_sided(difference: float, shuffled: np.ndarray) -> float:
    """Share of labellings, the actual one included, whose difference is as far from 0."""
    as_far = np.abs(shuffled) >= abs(difference) * (1 - 1e-9)
    return float((1 + as_far.sum()) / (1 + len(shuffled)))
