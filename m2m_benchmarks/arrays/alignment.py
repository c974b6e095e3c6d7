"""Global alignment of sequences, and how similar they are beyond chance."""

from collections.abc import Sequence

import numpy as np

from m2m_benchmarks.errors import M2MError

#: Scores of a position of an alignment. Without a price of gaps, a deeper network of the same blocks stays similar.
MATCH, MISMATCH, GAP = 1.0, -1.0, 0.0
#: Shuffled sequences whose mean alignment is chance.
N_SHUFFLES = 5


def alignment_score(
    first: np.ndarray, second: np.ndarray, match: float = MATCH, mismatch: float = MISMATCH, gap: float = GAP
) -> float:
    """Score of the best global alignment of two sequences, by Biopython's PairwiseAligner.

    Parameters
    ----------
    first, second : array of int, shape (n,)
        Sequences of numbers from 0 on.
    match, mismatch, gap : float
        Scores of two equal elements, of two different ones, and of one beside none, at the ends too.

    Raises
    ------
    M2MError
        When Biopython is not installed.

    References
    ----------
    Needleman & Wunsch (1970), Journal of Molecular Biology 48.
    """
    try:
        from Bio.Align import PairwiseAligner
    except ImportError:
        raise M2MError(
            "alignments need the package biopython, which is not installed: pip install 'm2m-benchmarks[analysis]'"
        ) from None
    aligner = PairwiseAligner(mode='global', match_score=match, mismatch_score=mismatch, gap_score=gap)
    # It aligns texts; any characters will do.
    return float(aligner.score(*(''.join(chr(ord('A') + int(value)) for value in own) for own in (first, second))))


def similarities(
    sequences: Sequence[np.ndarray],
    match: float = MATCH,
    mismatch: float = MISMATCH,
    gap: float = GAP,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Similarity of each pair of sequences, and what it would be by chance.

    The similarity is the alignment's score over the score of the shorter sequence with itself: 1 if the longer one has
    all of its elements in their order. By default, it is the share of them that the longer one has.

    Parameters
    ----------
    sequences : sequence of arrays of int
    match, mismatch, gap : float
        See `alignment_score`.
    seed : int
        Random seed of the shuffled sequences.

    Returns
    -------
    array, shape (n, n)
        Similarity.
    array, shape (n, n)
        Mean similarity with the shorter sequence in random order; 1 on the diagonal.
    """
    rng = np.random.default_rng(seed)
    scores = {'match': match, 'mismatch': mismatch, 'gap': gap}
    similarity, chance = np.ones((2, len(sequences), len(sequences)))
    for i, j in zip(*np.triu_indices(len(sequences), 1), strict=True):
        shorter, longer = sorted((sequences[i], sequences[j]), key=len)
        perfect = match * len(shorter)
        similarity[i, j] = similarity[j, i] = alignment_score(shorter, longer, **scores) / perfect
        shuffled = [alignment_score(rng.permutation(shorter), longer, **scores) for _ in range(N_SHUFFLES)]
        chance[i, j] = chance[j, i] = np.mean(shuffled) / perfect
    return similarity, chance


def beyond_chance(similarity: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Rescale similarities: 0 at chance, 1 where they are perfect; 0 where chance is perfect too, 1 on the diagonal.

    Parameters
    ----------
    similarity, chance : array, shape (n, n)
    """
    room = 1 - chance
    adjusted = np.divide(similarity - chance, room, out=np.zeros_like(room), where=room > 0)
    np.fill_diagonal(adjusted, 1)
    return adjusted


def within_families(
    similarity: np.ndarray, families: Sequence[str], n_permutations: int = 999, seed: int = 0
) -> tuple[float, float] | None:
    """Difference of the mean similarities within families and between them, and its p value by permuted families.

    Parameters
    ----------
    similarity : array, shape (n, n)
    families : sequence of str, n
    n_permutations : int
    seed : int

    Returns
    -------
    tuple of float or None
        Difference and one-sided p value; None without a pair within a family or without one between two.
    """
    rows, columns = np.triu_indices(len(similarity), 1)
    labels = np.unique(families, return_inverse=True)[1]
    same = labels[rows] == labels[columns]
    if same.all() or not same.any():
        return None
    values = similarity[rows, columns]

    def difference(order: np.ndarray) -> float:
        own = labels[order][rows] == labels[order][columns]
        return float(values[own].mean() - values[~own].mean())

    rng = np.random.default_rng(seed)
    actual = difference(np.arange(len(labels)))
    null = np.array([difference(rng.permutation(len(labels))) for _ in range(n_permutations)])
    return actual, float((1 + (null >= actual - 1e-12).sum()) / (1 + n_permutations))
