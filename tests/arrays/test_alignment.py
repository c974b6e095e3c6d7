"""Alignments beside a textbook Needleman-Wunsch; similarities beside chance; families of null data sets."""

import sys

import numpy as np
import pytest

from m2m_benchmarks.arrays.alignment import alignment_score, beyond_chance, similarities, within_families
from m2m_benchmarks.errors import M2MError


def needleman_wunsch(first, second, match, mismatch, gap):
    """Fill the table of the best scores of all beginnings, as a textbook does."""
    table = np.zeros((len(first) + 1, len(second) + 1))
    table[:, 0] = gap * np.arange(len(first) + 1)
    table[0] = gap * np.arange(len(second) + 1)
    for i, one in enumerate(first):
        for j, other in enumerate(second):
            diagonal = table[i, j] + (match if one == other else mismatch)
            table[i + 1, j + 1] = max(diagonal, table[i, j + 1] + gap, table[i + 1, j] + gap)
    return table[-1, -1]


@pytest.mark.parametrize('scores', [(1, -1, 0), (1, -1, -1), (2, -0.5, -0.25), (1, 0, -2)])
def test_scores_are_those_of_a_textbook(scores):
    rng = np.random.default_rng(0)
    for _ in range(40):
        n_types = rng.integers(1, 40)
        first, second = (rng.integers(0, n_types, rng.integers(1, 30)) for _ in range(2))
        assert alignment_score(first, second, *scores) == pytest.approx(needleman_wunsch(first, second, *scores))


def test_planted_sequences_are_similar():
    rng = np.random.default_rng(1)
    first, unrelated = rng.integers(0, 6, (2, 200))
    deeper = np.insert(first, np.sort(rng.integers(0, 200, 100)), 5)
    changed = np.where(rng.random(200) < 0.2, 7, first)
    similarity, chance = similarities([first, deeper, changed, unrelated], seed=2)
    adjusted = beyond_chance(similarity, chance)
    assert adjusted[0, 1] == 1
    assert similarity[0, 2] == (changed == first).mean()
    assert 0.4 < adjusted[0, 2] < 0.8
    assert abs(adjusted[0, 3]) < 0.1
    assert (similarity == similarity.T).all() and (np.diag(adjusted) == 1).all()


def test_one_type_alone_tells_nothing():
    adjusted = beyond_chance(*similarities([np.zeros(4), np.zeros(9)]))
    assert adjusted.tolist() == [[1, 0], [0, 1]]


def test_of_null_families_five_percent_are_rejected():
    rejected = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        similarity = rng.normal(size=(12, 12))
        families = rng.permutation(list('aaabbbccdefg'))
        _, p = within_families(similarity + similarity.T, families, n_permutations=99, seed=seed)
        rejected += p <= 0.05
    assert 4 <= rejected <= 18


def test_planted_families_are_told_apart():
    families = list('aaabbbcde')
    similarity = np.equal.outer(families, families) + 0.1
    assert within_families(similarity, families) == (pytest.approx(1), pytest.approx(0.0, abs=0.02))
    assert within_families(similarity, list('abcdefghi')) is None
    assert within_families(similarity, ['a'] * 9) is None


def test_without_biopython(monkeypatch):
    monkeypatch.setitem(sys.modules, 'Bio.Align', None)
    with pytest.raises(M2MError, match='need the package biopython'):
        alignment_score(np.zeros(3), np.zeros(3))
