"""Accuracies: their intervals and bootstrap draws, where images come in clusters."""

import numpy as np

from m2m_benchmarks.arrays.bootstrap import N_DRAWS


def effective_number(correct: np.ndarray, clusters: np.ndarray) -> float:
    """How many independent answers would estimate the share of correct ones as well as these.

    n divided by the design effect: the variance of the share over clusters, by the linearised ratio estimator, over
    that of n independent answers. It is at most n, and the number of clusters where all answers are alike.

    Parameters
    ----------
    correct : bool array, shape (n,)
    clusters : array, shape (n,)
        Answers of one cluster may go together.

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
    """Wilson's interval of the share of correct answers.

    Parameters
    ----------
    correct : bool array, shape (n,)
    clusters : array, shape (n,), optional
        Answers of one cluster may go together: the interval is then that of `effective_number` answers.
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
    """Shares of correct answers over clusters drawn with replacement.

    For the same clusters and seed the draws take the same ones, so that two models can be compared draw by draw.

    Parameters
    ----------
    correct : bool array, shape (n,)
    clusters : array, shape (n,)
    n_draws, seed : int

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
    """Correct answers and answers of each cluster."""
    _, place = np.unique(clusters, return_inverse=True)
    return np.bincount(place, weights=np.asarray(correct, dtype=float)), np.bincount(place).astype(float)
