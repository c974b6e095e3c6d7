"""Sampled pairs of many stimuli: entries of the whole RDMs, and their correlation within its error."""

import numpy as np
import pytest
from scipy import stats

from m2m_benchmarks.arrays import pairs
from m2m_benchmarks.arrays.comparators import COMPARATORS, RSA
from m2m_benchmarks.arrays.distances import DISTANCES, crossnobis_of_each
from m2m_benchmarks.arrays.pairs import drawn_pairs, pairs_of

N = 60


@pytest.fixture
def few(monkeypatch):
    """Compare 300 pairs of the 1,770 of 60 stimuli."""
    monkeypatch.setattr(pairs, 'MOST_PAIRS', 300)
    pairs_of.cache_clear()
    yield pairs_of(N)
    pairs_of.cache_clear()


def patterns(seed, n_units=12):
    return np.random.default_rng(seed).normal(size=(N, n_units)) + np.random.default_rng(9).normal(size=(N, 1))


def test_pairs_of_few_stimuli_are_all():
    everything = pairs_of(N)
    assert not everything.sampled
    np.testing.assert_array_equal([everything.first, everything.second], np.triu_indices(N, 1))
    assert pairs_of(1).first.shape == (0,)


@pytest.mark.parametrize('n_stimuli', [317, 2000])
def test_pairs_of_many_stimuli_are_a_random_sample(n_stimuli):
    sampled = pairs_of(n_stimuli)
    assert sampled.sampled
    assert len(sampled.first) == len(sampled.second) == pairs.MOST_PAIRS
    assert (sampled.first >= 0).all()
    assert (sampled.second < n_stimuli).all()
    assert (sampled.first < sampled.second).all()
    numbers = sampled.first * n_stimuli + sampled.second
    assert (np.diff(numbers) > 0).all()  # in order, each once
    # Each stimulus is in as many pairs as chance gives: a hypergeometric number.
    n_all = n_stimuli * (n_stimuli - 1) // 2
    each = np.bincount(np.concatenate([sampled.first, sampled.second]), minlength=n_stimuli)
    chance = stats.hypergeom(n_all, n_stimuli - 1, pairs.MOST_PAIRS)
    assert (np.abs(each - chance.mean()) < 5 * chance.std()).all()
    assert each.std() == pytest.approx(chance.std(), rel=0.2)


def test_drawn_pairs_of_a_sample(few):
    counts = np.random.default_rng(0).poisson(1, N)
    places, weights = drawn_pairs(counts, 300)
    expected = {(i, j): counts[i] * counts[j] for i, j in zip(few.first, few.second, strict=True)}
    drawn = {(few.first[place], few.second[place]): weight for place, weight in zip(places, weights, strict=True)}
    assert drawn == {pair: count for pair, count in expected.items() if count}
    # Of all pairs, in the order of the upper triangle.
    places, weights = drawn_pairs(counts, N * (N - 1) // 2)
    rows, columns = np.triu_indices(N, 1)
    products = counts[rows] * counts[columns]
    order = np.argsort(places)
    np.testing.assert_array_equal(places[order], np.flatnonzero(products))
    np.testing.assert_array_equal(weights[order], products[products > 0])


@pytest.mark.parametrize('name', ['correlation', 'cosine', 'euclidean'])
def test_distances_are_entries_of_the_rdm(name, few):
    values = patterns(0)
    values[3] = 2.5  # a constant pattern
    values[4] = 0
    values[5, :6] = 1.0  # constant in the first draw alone
    draws = np.random.default_rng(1).poisson(1, (150, 12))
    draws[:, :2] += 1
    draws[0] = np.arange(12) < 6
    matrices, sampled = (kind(values, [None, *draws]) for kind in (DISTANCES[name].matrices, DISTANCES[name].pairs))
    n_draws = 0
    for matrix, own in zip(matrices, sampled, strict=True):
        np.testing.assert_allclose(own, matrix[few.first, few.second], atol=1e-12)
        n_draws += 1
    assert n_draws == 151
    # One alone is picked from the whole RDM.
    (own,), (matrix,) = (kind(values, draws[:1]) for kind in (DISTANCES[name].pairs, DISTANCES[name].matrices))
    np.testing.assert_array_equal(own, matrix[few.first, few.second])


@pytest.mark.parametrize('name', ['correlation', 'cosine', 'euclidean'])
def test_they_come_in_parts(name, few, monkeypatch):
    whole = list(DISTANCES[name].pairs(patterns(0), [None, None]))
    monkeypatch.setattr('m2m_benchmarks.arrays.distances._NUMBERS', 100)
    np.testing.assert_allclose(list(DISTANCES[name].pairs(patterns(0), [None, None])), whole, rtol=1e-13)
    monkeypatch.setattr('m2m_benchmarks.arrays.distances._MOST_SQUARE', 10)
    np.testing.assert_allclose(list(DISTANCES[name].pairs(patterns(0), [None])), whole[:1], rtol=1e-13)
    with pytest.raises(ValueError, match='NaN or infinity'):
        next(DISTANCES[name].pairs(patterns(0) * np.nan, [None]))


def test_crossnobis_of_a_sample(few, monkeypatch):
    trials = np.random.default_rng(2).normal(size=(4, N, 5))
    sampled = crossnobis_of_each(trials)
    monkeypatch.setattr(pairs, 'MOST_PAIRS', 50_000)
    pairs_of.cache_clear()
    rows, columns = np.triu_indices(N, 1)
    places = np.searchsorted(rows * N + columns, few.first * N + few.second)
    np.testing.assert_allclose(sampled, crossnobis_of_each(trials)[places], rtol=1e-12)


@pytest.mark.parametrize('name', ['spearman', 'pearson', 'kendall'])
def test_similarity_of_a_sample_is_that_of_its_pairs(name, few):
    rsa = RSA(DISTANCES['euclidean'], COMPARATORS[name])
    first, second = patterns(0), patterns(1)
    slow = {'spearman': stats.spearmanr, 'pearson': stats.pearsonr, 'kendall': stats.kendalltau}[name]
    x, y = (next(DISTANCES['euclidean'].pairs(each, [None])) for each in (first, second))
    assert rsa.compare(rsa.rdm(first), rsa.rdm(second)) == pytest.approx(slow(x, y)[0], abs=1e-12)
    counts = np.random.default_rng(3).poisson(1, N)
    times = counts[few.first] * counts[few.second]
    drawn = slow(np.repeat(x, times), np.repeat(y, times))
    expected = drawn[0]
    if name == 'kendall':  # repeated pairs are ties of both, which tau-b leaves out
        n, ties = times.sum(), (times * (times - 1) / 2).sum()
        expected *= 1 - ties / (n * (n - 1) / 2)
    assert rsa.compare(rsa.rdm(first), rsa.rdm(second), counts) == pytest.approx(expected, abs=1e-12)
