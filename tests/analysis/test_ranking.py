"""Ranks of many candidates at once, against comparisons of one pair after another."""

import csv
import itertools
import time
from collections import defaultdict

import numpy as np
import pytest
from scipy import stats

from m2m_benchmarks.analysis.comparison import Measured, estimate_of
from m2m_benchmarks.analysis.ranking import Measures, compare_all, compare_means, rank, rank_means
from m2m_benchmarks.analysis.statistics import ALPHA, adjust_by_holm, groups_of_ties, holm, rank_ranges


def made(n, n_seeds, single, seed=0, n_animals=6):
    """Make up candidates with some seeds each, whose draws share most of their noise: one list of Measured for each."""
    rng = np.random.default_rng(seed)
    shape = (150,) if single else (3, 150)
    scale = 1 if single else np.array([[1.7], [1], [1]])
    shared = rng.standard_normal(shape)
    candidates = []
    for _ in range(n):
        value = rng.uniform(0.2, 0.4)
        values = value + 0.01 * rng.standard_normal(rng.choice(n_seeds))
        noise = [0.02 * scale * (0.9 * shared + 0.4 * rng.standard_normal(shape)) for _ in values]
        candidates.append(
            [Measured(own, own, own + each, n_animals, 30, {}) for own, each in zip(values, noise, strict=True)]
        )
    return candidates


def measures_of(candidates, paired=()):
    return Measures(
        [np.array([seed.uncut for seed in seeds]) for seeds in candidates],
        np.stack([np.mean([seed.draws for seed in seeds], axis=0) for seeds in candidates]),
        np.array([seeds[0].n_animals for seeds in candidates]),
        np.array([seeds[0].n_stimuli for seeds in candidates]),
        paired,
    )


@pytest.mark.parametrize('single', [False, True], ids=['animals and stimuli', 'images'])
@pytest.mark.parametrize('n_seeds', [[1], [1, 2, 3, 4], [3]])
def test_all_pairs_at_once_are_those_one_by_one(n_seeds, single):
    candidates = made(8, n_seeds, single)
    candidates[5] = [*candidates[4]]  # twins with the same draws
    lengths = [len(seeds) for seeds in candidates]
    paired = [pair for pair in itertools.combinations(range(8), 2) if lengths[pair[0]] == lengths[pair[1]] > 1][::2]
    pairs = compare_all(measures_of(candidates, paired))
    p_values, better, different = [], {}, []
    all_pairs = list(itertools.combinations(range(8), 2))
    for number, pair in enumerate(all_pairs):
        expected = estimate_of([candidates[pair[0]], candidates[pair[1]]], paired=pair in paired)
        assert (pairs.first[number], pairs.second[number]) == pair
        assert pairs.values[number] == pytest.approx(expected.value, abs=1e-15)
        assert pairs.errors[number] == pytest.approx(expected.error, rel=1e-9, abs=1e-9)
        p = expected.p_differs()
        p_values.append(p)
        assert np.isnan(pairs.p[number]) if p is None else pairs.p[number] == pytest.approx(p, rel=1e-7, abs=1e-300)
    for pair, p in zip(all_pairs, holm(p_values), strict=True):
        if p is not None and p <= ALPHA:
            different.append(pair)
            better[pair] = np.mean([seed.uncut for seed in candidates[pair[0]]]) > np.mean(
                [seed.uncut for seed in candidates[pair[1]]]
            )
    ranking = rank(pairs)
    means = [np.mean([seed.uncut for seed in seeds]) for seeds in candidates]
    assert ranking.ranks == rank_ranges(8, better)
    assert ranking.groups == groups_of_ties(means, different)
    assert (ranking.n_pairs, ranking.n_different) == (28, len(different))
    assert different or n_seeds != [1]


def test_numbers_of_animals_that_differ():
    """The neuroids of one animal are drawn, and candidates may be scored on different ones: the first one's count."""
    candidates = [*made(3, [1], False, n_animals=40), *made(3, [1], False, seed=1, n_animals=38)]
    pairs = compare_all(measures_of(candidates))
    for number, (first, second) in enumerate(itertools.combinations(range(6), 2)):
        assert pairs.errors[number] == pytest.approx(estimate_of([candidates[first], candidates[second]]).error)


def test_one_candidate_and_none():
    ranking = rank(compare_all(measures_of(made(1, [1], False))))
    assert (ranking.ranks, ranking.groups, ranking.n_pairs) == ([(1, 1)], [[0]], 0)


def test_too_many_groups():
    """Of 2 n candidates in n pairs that differ, each choice of one of each pair is a group."""
    different = {(2 * pair, 2 * pair + 1) for pair in range(8)}
    assert len(groups_of_ties(np.zeros(16), different)) == 2**8
    assert groups_of_ties(np.zeros(16), different, most=255) == []


def test_holm_of_an_array():
    p_values = np.random.default_rng(0).random(50) ** 4
    by_hand, largest = np.empty(50), 0.0
    for number, index in enumerate(np.argsort(p_values)):
        largest = by_hand[index] = max(largest, min(1, (50 - number) * p_values[index]))
    np.testing.assert_allclose(adjust_by_holm(p_values), by_hand)
    assert adjust_by_holm(np.array([])).size == 0


def test_benchmarks_that_are_drawn_give_the_paired_t_test():
    scores = np.random.default_rng(0).normal([[0.5], [0.4], [0.45]], 0.1, (3, 12))
    pairs = compare_means(scores)
    for number, (first, second) in enumerate(itertools.combinations(range(3), 2)):
        expected = stats.ttest_rel(scores[first], scores[second])
        assert pairs.values[number] == pytest.approx(np.mean(scores[first] - scores[second]))
        error = np.std(scores[first] - scores[second], ddof=1) / np.sqrt(12)
        assert pairs.errors[number] == pytest.approx(error, rel=0.1)  # 1,000 draws
        assert stats.t.isf(pairs.p[number] / 2, 11) == pytest.approx(abs(expected.statistic), rel=0.1)


def test_weights_of_benchmarks():
    scores = np.random.default_rng(0).normal([[0.5], [0.4]], 0.1, (2, 6))
    weights = [1, 2, 1, 4, 1, 1]
    assert compare_means(scores, weights).values == pytest.approx(
        np.average(scores[0], weights=weights) - np.average(scores[1], weights=weights)
    )
    equal, twice = (compare_means(scores, np.full(6, weight)) for weight in (1, 2))
    assert twice.errors == pytest.approx(equal.errors) and twice.p == pytest.approx(equal.p)


def test_a_candidate_that_is_better_everywhere_by_the_same_amount():
    scores = np.random.default_rng(0).random(4)
    ranking = rank_means(np.stack([scores, scores + 0.1, scores]))
    assert ranking.ranks == [(2, 3), (1, 1), (2, 3)]
    assert ranking.groups == [[1], [0, 2]]


def test_means_that_cannot_be_ranked():
    assert rank_means(np.zeros((4, 2))) is None
    with pytest.raises(ValueError, match='finite'):
        rank_means(np.array([[0.1, np.nan, 0.2]]))
    for weights in ([1, 2], [1, 0, 2], [1, -1, 2], [1, np.nan, 2]):
        with pytest.raises(ValueError, match='expected 3 positive weights'):
            rank_means(np.zeros((2, 3)), weights)


@pytest.mark.shared
@pytest.mark.seconds
def test_993_models_on_5_benchmarks(shared):
    scores = defaultdict(dict)
    with (shared / 'reference' / 'scaling_primate_scores.csv').open() as file:
        for row in csv.DictReader(file):
            scores[row['model_id']][row['region']] = float(row['score'] or 'nan')
    assert len(scores) == 993
    table = np.array([[own[name] for name in ('V1', 'V2', 'V4', 'IT', 'Behavioral')] for own in scores.values()])
    whole = table[np.isfinite(table).all(axis=1)]
    start = time.process_time()
    ranking = rank_means(whole)
    assert time.process_time() - start < 10
    assert len(ranking.ranks) == len(whole) > 980
    tied = np.zeros((len(whole), len(whole)), dtype=bool)
    for group in ranking.groups:
        tied[np.ix_(group, group)] = True
    n_tied = np.count_nonzero(np.triu(tied, 1))
    assert n_tied == ranking.n_pairs - ranking.n_different
    for (best, worst), own in zip(ranking.ranks, tied, strict=True):
        assert worst - best + 1 == np.count_nonzero(own)
