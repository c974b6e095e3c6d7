"""Ceilings of representational similarity.

A model of the population is compared with the RDM of the few neuroids that were recorded. The RDM of the whole
population, free of noise, would correlate with it at most at the square root of its reliability: of the agreement of
two independent recordings like it, which halves of the neuroids predict (Spearman-Brown).
"""

from collections.abc import Iterable, Iterator

import numpy as np

from m2m_benchmarks.arrays.comparators import RSA
from m2m_benchmarks.arrays.correlation import spearman, spearman_brown
from m2m_benchmarks.arrays.sampling import Sample
from m2m_benchmarks.arrays.threads import one_thread

#: Number of random divisions into halves.
N_HALVINGS = 100
#: 1 - correlation, and Spearman's correlation.
_USUAL = RSA()


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


def agreement_of_halves(patterns: np.ndarray, halves: np.ndarray, rsa: RSA = _USUAL) -> np.ndarray:
    """Compare the RDMs of two halves of the neuroids, for each of some divisions.

    Parameters
    ----------
    patterns : array, shape (n_stimuli, n_neuroids)
        Or other responses that `rsa` takes, whose last axis are neuroids.
    halves : bool array, shape (n_halvings, n_neuroids)
        True for the first half; two or more neuroids in each.
    rsa : RSA
        Distance and similarity, by default 1 - correlation and Spearman's correlation.

    Returns
    -------
    array, shape (n_halvings,)
    """
    rdms = rsa.rdms(patterns, (part for half in halves for part in (half, ~half)))
    return np.array([rsa.compare(next(rdms), next(rdms)) for _ in halves])


def agreement_draws(patterns: np.ndarray, halves: np.ndarray, sample: Sample, rsa: RSA = _USUAL) -> np.ndarray:
    """Compute the mean agreement of halves of the neuroids over draws of an experiment.

    Parameters
    ----------
    patterns, rsa
        See `agreement_of_halves`.
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
    rdms = rsa.rdms(patterns, (part for half in halves for part in (half, ~half)))
    recorded = [(next(rdms), next(rdms)) for _ in halves]
    whole = np.array([rsa.compare(first, second) for first, second in recorded])
    drawn = rsa.rdms(patterns, _drawn_halves(halves, sample))
    draws = np.empty((3, len(sample)))
    with one_thread():
        for number, stimuli in enumerate(sample.stimuli):
            division = number % len(halves)
            first, second = next(drawn), next(drawn)
            values = (
                rsa.compare(first, second, stimuli),
                rsa.compare(first, second),
                rsa.compare(*recorded[division], stimuli),
            )
            draws[:, number] = whole.mean() + np.array(values) - whole[division]
    return draws


def _drawn_halves(halves: np.ndarray, sample: Sample) -> Iterator[np.ndarray]:
    """Yield how often each neuroid of the first half, and of the second, is in each draw."""
    for number, neuroids in enumerate(sample.neuroids):
        half = halves[number % len(halves)]
        drawn = neuroids * half, neuroids * ~half
        # All drawn neuroids may be in one half.
        yield from drawn if min(map(np.count_nonzero, drawn)) > 1 else (half, ~half)


def shared_noise(
    first: Iterable[np.ndarray], second: Iterable[np.ndarray], halves: np.ndarray, rsa: RSA = _USUAL
) -> float:
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
    rsa : RSA
        See `agreement_of_halves`.

    Returns
    -------
    float
        Difference of the similarities for all trials: half of that for half of the trials, since the variance of the
        noise of a mean is inversely proportional to the number of trials.
    """
    differences = []
    for one, other, half in zip(first, second, halves, strict=True):
        a, b = ([rsa.rdm(trials, part) for part in (half, ~half)] for trials in (one, other))
        same = rsa.compare(a[0], a[1]) + rsa.compare(b[0], b[1])
        different = rsa.compare(a[0], b[1]) + rsa.compare(b[0], a[1])
        differences.append((same - different) / 2)
    return float(np.mean(differences)) / 2


def ceiling_of(agreement: np.ndarray | float, rsa: RSA = _USUAL) -> np.ndarray:
    """Compute the similarity that the true RDM would have with the measured one, from the agreement of its halves.

    Parameters
    ----------
    agreement : array or float
        Mean similarity of the RDMs of two halves; negative ones count as 0.
    rsa : RSA
        See `agreement_of_halves`.

    Returns
    -------
    array
        Square root of the reliability that Spearman and Brown's formula gives. A similarity that isn't a correlation is
        turned into one before and back afterwards (`Comparator.correlation`).
    """
    comparator = rsa.comparator
    reliability = spearman_brown(comparator.correlation(np.maximum(agreement, 0)))
    return np.asarray(comparator.similarity(np.sqrt(reliability)))


def bounds_over_animals(rdms: np.ndarray) -> tuple[float, float]:
    """Compute the lower and upper bound of the noise ceiling over animals.

    Parameters
    ----------
    rdms : array, shape (n_animals, n_pairs)
        Distances of each animal's RDM, of all pairs or some; two or more animals.

    Returns
    -------
    lower, upper : float
        Mean Spearman correlation of each animal's RDM with the mean of the ranks of all others, and of all.

    References
    ----------
    Nili et al. (2014), PLoS Computational Biology 10(4), e1003553.
    """
    from scipy.stats import rankdata  # takes a second to import

    ranks = rankdata(rdms, axis=1)
    total = ranks.sum(axis=0)
    lower = np.mean([spearman(own, total - own) for own in ranks])
    upper = np.mean([spearman(own, total) for own in ranks])
    return float(lower), float(upper)
