"""Ceilings of representational similarity.

A model of the population is compared with the RDM of the few neuroids that were recorded. The RDM of the whole
population, free of noise, would correlate with it at most at the square root of its reliability: of the agreement of
two independent recordings like it, which halves of the neuroids predict (Spearman-Brown).
"""

from collections.abc import Iterable

import numpy as np

from m2m_benchmarks.arrays.correlation import spearman, spearman_brown
from m2m_benchmarks.arrays.rdm import number_distances, rdm, upper_triangle
from m2m_benchmarks.arrays.rsa import compare_rdms, rsa
from m2m_benchmarks.arrays.sampling import Sample
from m2m_benchmarks.arrays.threads import one_thread

#: Number of random divisions into halves.
N_HALVINGS = 100


def deal_halves(groups: np.ndarray, n_halvings: int = N_HALVINGS, seed: int = 0) -> np.ndarray:
    """Deal neuroids into two halves at random, within each group.

    Parameters
    ----------
    groups : array, shape (n_neuroids,)
        Group of each neuroid, such as its animal. Its neuroids are dealt to the two halves in turn, so that both have
        half of each group within one, and half of all within one.
    n_halvings : int
    seed : int

    Returns
    -------
    bool array, shape (n_halvings, n_neuroids)
        True for the first half.
    """
    rng = np.random.default_rng(seed)
    names, members = np.unique(groups, return_inverse=True)
    first = np.zeros((n_halvings, len(members)), dtype=bool)
    for half in first:
        order = np.concatenate([rng.permutation(np.flatnonzero(members == k)) for k in rng.permutation(len(names))])
        half[order[rng.integers(2) :: 2]] = True
    return first


def agreement_of_halves(patterns: np.ndarray, halves: np.ndarray) -> np.ndarray:
    """Correlate the RDMs of two halves of the neuroids, for each of some divisions.

    Parameters
    ----------
    patterns : array, shape (n_stimuli, n_neuroids)
    halves : bool array, shape (n_halvings, n_neuroids)
        True for the first half; two or more neuroids in each.

    Returns
    -------
    array, shape (n_halvings,)
    """
    return np.array([compare_rdms(rdm(patterns[:, half]), rdm(patterns[:, ~half])) for half in halves])


def agreement_draws(patterns: np.ndarray, halves: np.ndarray, sample: Sample) -> np.ndarray:
    """Compute the mean agreement of halves of the neuroids over draws of an experiment.

    Parameters
    ----------
    patterns : array, shape (n_stimuli, n_neuroids)
    halves : bool array, shape (n_halvings, n_neuroids)
    sample : Sample
        Draws of the experiment; a neuroid that is drawn twice is in the same half twice.

    Returns
    -------
    array, shape (3, n_draws)
        Draws of both factors, of animals, and of stimuli.

    Notes
    -----
    Draws take turns with the divisions. The value of a draw is the mean over divisions without drawing, plus the change
    that the draw makes in its division, so that differences between divisions don't widen the distribution.
    """
    numbers = [[number_distances(rdm(patterns[:, part])) for part in (half, ~half)] for half in halves]
    whole = np.array([rsa(first, second) for first, second in numbers])
    draws = np.empty((3, len(sample)))
    with one_thread():
        for number, (stimuli, neuroids) in enumerate(sample):
            division = number % len(halves)
            parts = [neuroids * part for part in (halves[division], ~halves[division])]
            recorded = numbers[division]
            first, second = recorded
            if min(np.count_nonzero(part) for part in parts) > 1:  # else all drawn neuroids are in one half
                first, second = (number_distances(rdm(patterns, part)) for part in parts)
            values = rsa(first, second, stimuli), rsa(first, second), rsa(recorded[0], recorded[1], stimuli)
            draws[:, number] = whole.mean() + np.array(values) - whole[division]
    return draws


def shared_noise(first: Iterable[np.ndarray], second: Iterable[np.ndarray], halves: np.ndarray) -> float:
    """Estimate how much the noise that neuroids share adds to the agreement of halves of them.

    Neuroids that are recorded together share some of their trials' noise, so the RDMs of two halves of them agree more
    than those of two recordings. The part of the noise is the difference between two halves of the neuroids in the same
    trials and in different ones.

    Parameters
    ----------
    first, second : iterable of arrays, shape (n_stimuli, n_neuroids)
        Mean responses of two halves of the trials, for each division.
    halves : bool array, shape (n_halvings, n_neuroids)
        First half of the neuroids.

    Returns
    -------
    float
        Difference of the correlations for all trials: half of that for half of the trials, since the variance of the
        noise of a mean is inversely proportional to the number of trials.
    """
    differences = []
    for one, other, half in zip(first, second, halves, strict=True):
        a, b = ([rdm(trials[:, part]) for part in (half, ~half)] for trials in (one, other))
        same = compare_rdms(a[0], a[1]) + compare_rdms(b[0], b[1])
        different = compare_rdms(a[0], b[1]) + compare_rdms(b[0], a[1])
        differences.append((same - different) / 2)
    return float(np.mean(differences)) / 2


def ceiling_of(agreement: np.ndarray | float) -> np.ndarray:
    """Compute the correlation that the true RDM would have with the measured one, from the agreement of its halves.

    Parameters
    ----------
    agreement : array or float
        Mean correlation of the RDMs of two halves; negative ones count as 0.

    Returns
    -------
    array
        Square root of the reliability that Spearman and Brown's formula gives.
    """
    root: np.ndarray = np.sqrt(spearman_brown(np.maximum(agreement, 0)))
    return root


def bounds_over_animals(rdms: np.ndarray) -> tuple[float, float]:
    """Compute the lower and upper bound of the noise ceiling over animals.

    Parameters
    ----------
    rdms : array, shape (n_animals, n_stimuli, n_stimuli)
        RDM of each animal; two or more.

    Returns
    -------
    lower, upper : float
        Mean Spearman correlation of each animal's RDM with the mean of the ranks of all others, and of all.

    References
    ----------
    Nili et al. (2014), PLoS Computational Biology 10(4), e1003553.
    """
    from scipy.stats import rankdata  # takes a second to import

    ranks = np.array([rankdata(upper_triangle(matrix)) for matrix in rdms])
    total = ranks.sum(axis=0)
    lower = np.mean([spearman(own, total - own) for own in ranks])
    upper = np.mean([spearman(own, total) for own in ranks])
    return float(lower), float(upper)
