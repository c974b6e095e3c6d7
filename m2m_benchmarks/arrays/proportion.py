"""Intervals and bootstrap draws of accuracies over clustered images."""

import numpy as np

from m2m_benchmarks.arrays.bootstrap import N_DRAWS


def effective_number(correct: np.ndarray, clusters: np.ndarray) -> float:
    """Effective sample size: the number of independent answers that would estimate the accuracy as precisely.

    This is n divided by the design effect: the variance of the accuracy over clusters, by the linearised ratio
    estimator, over that of n independent answers. It is at most n, and the number of clusters if all answers are equal.

    Parameters
    ----------
    correct : bool array, shape (n,)
    clusters : array, shape (n,)
        Cluster of each answer. Answers within a cluster may be correlated.

    Returns
    -------
    float

    References
    ----------
    Korn & Graubard (1998), Confidence intervals for proportions with small expected number of positive counts estimated
    from survey data, Survey Methodology 24(2), 193-201.
    """
    hits, sizes = _by_cluster(correct, clusters)
    n, m = sizes.sum(), len(sizes)
    share = hits.sum() / n
    if m == n:
        return float(n)
    if share in (0, 1) or m == 1:
        return float(m)
    variance = m / (m - 1) * np.sum((hits - share * sizes) ** 2) / n**2
    return float(n / max(variance / (share * (1 - share) / n), 1.0))


def wilson_interval(
    correct: np.ndarray, clusters: np.ndarray | None = None, confidence: float = 0.95
) -> tuple[float, float]:
    """Wilson interval of an accuracy.

    Parameters
    ----------
    correct : bool array, shape (n,)
    clusters : array, shape (n,), optional
        Cluster of each answer. If given, the interval is that of `effective_number` answers.
    confidence : float

    Returns
    -------
    low, high : float

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22(158), 209-212.
    """
    from scipy import stats  # takes a second to import

    share = float(np.mean(correct))
    n = float(len(correct)) if clusters is None else effective_number(correct, clusters)
    z = float(stats.norm.ppf((1 + confidence) / 2))
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def accuracy_draws(correct: np.ndarray, clusters: np.ndarray, n_draws: int = N_DRAWS, seed: int = 0) -> np.ndarray:
    """Accuracies over clusters drawn with replacement.

    The same clusters and seed give the same draws of clusters, so two models can be compared draw by draw.

    Parameters
    ----------
    correct : bool array, shape (n,)
    clusters : array, shape (n,)
    n_draws : int
    seed : int

    Returns
    -------
    array, shape (n_draws,)
    """
    hits, sizes = _by_cluster(correct, clusters)
    rng = np.random.default_rng(seed)
    draws = np.empty(n_draws)
    for draw in range(n_draws):
        counts = np.bincount(rng.integers(0, len(sizes), len(sizes)), minlength=len(sizes))
        draws[draw] = counts @ hits / (counts @ sizes)
    return draws


def _by_cluster(correct: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of correct answers and of all answers in each cluster."""
    _, cluster = np.unique(clusters, return_inverse=True)
    return np.bincount(cluster, weights=np.asarray(correct, dtype=float)), np.bincount(cluster).astype(float)
