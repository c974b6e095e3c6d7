"""Similarities of RDMs: by rsatoolbox, scipy and their definitions."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import squareform

from m2m_benchmarks.arrays import standardize
from m2m_benchmarks.arrays.cka import cka
from m2m_benchmarks.arrays.comparators import COMPARATORS, RSA
from m2m_benchmarks.arrays.distances import DISTANCES, crossnobis_of_each

#: Trials and a model, and the similarities that rsatoolbox 0.3.2 gives for them by their options, written by
#: `python perf/rsatoolbox_rdms.py --write tests/arrays/rsatoolbox_rdms.json`.
RSATOOLBOX = json.loads((Path(__file__).parent / 'rsatoolbox_rdms.json').read_text())
EUCLIDEAN = DISTANCES['euclidean']


def patterns(seed, n_stimuli=12, n_units=7):
    return np.random.default_rng(seed).gamma(2, size=(n_stimuli, n_units))


def tau_a(x, y):
    """Concordant less discordant pairs of entries, of all pairs, one by one."""
    n = len(x)
    signs = [np.sign(x[i] - x[j]) * np.sign(y[i] - y[j]) for i in range(n) for j in range(i)]
    return np.sum(signs) / (n * (n - 1) / 2)


def whitened(x, y):
    """Cosine after whitening by the covariance of distances: squared products of their contrasts."""
    n = len(squareform(x))
    rows, columns = np.triu_indices(n, 1)
    contrasts = np.eye(n)[rows] - np.eye(n)[columns]
    inverse = np.linalg.inv((contrasts @ contrasts.T) ** 2)
    return x @ inverse @ y / np.sqrt((x @ inverse @ x) * (y @ inverse @ y))


#: Slow similarities of vectors of distances.
SLOW = {
    'spearman': lambda x, y: stats.spearmanr(x, y).statistic,
    'pearson': lambda x, y: stats.pearsonr(x, y).statistic,
    'kendall': tau_a,
    'whitened': whitened,
}


@pytest.mark.parametrize('options', RSATOOLBOX['similarities'])
def test_equals_rsatoolbox(options):
    distance, comparator, *standardised = options.split()
    trials, model = (np.array(RSATOOLBOX[name]) for name in ('trials', 'model'))
    mean = trials.mean(axis=0)
    if standardised:
        trials, mean, model = trials / mean.std(axis=0), standardize(mean), standardize(model)
    rsa = RSA(DISTANCES[distance], COMPARATORS[comparator])
    crossed = distance == 'crossnobis'
    first = RSA(EUCLIDEAN, COMPARATORS[comparator]).rdm(model) if crossed else rsa.rdm(model)
    second = rsa.rdm(crossnobis_of_each(trials) if crossed else mean)
    assert rsa.compare(first, second) == pytest.approx(RSATOOLBOX['similarities'][options], abs=1e-8)


def test_rsatoolbox_has_all_of_them():
    assert len(RSATOOLBOX['similarities']) == 2 * len(DISTANCES) * len(COMPARATORS) == 32
    assert RSATOOLBOX['by'] == 'rsatoolbox==0.3.2'


@pytest.mark.parametrize('name', SLOW)
@pytest.mark.parametrize('ties', [False, True])
def test_equals_the_definition(name, ties):
    values = [patterns(seed) for seed in range(2)]
    rsa = RSA(EUCLIDEAN, COMPARATORS[name])
    if ties:
        values = [each.round() for each in values]
    distances = [next(EUCLIDEAN.matrices(each, [None])) for each in values]
    # Sums in another order must not break ties.
    x, y = (squareform(matrix.round(12), checks=False) for matrix in distances)
    assert (len(np.unique(x)) < len(x)) == ties
    assert rsa.compare(*map(rsa.rdm, values)) == pytest.approx(SLOW[name](x, y), abs=1e-12)


@pytest.mark.parametrize('name', ['spearman', 'pearson', 'kendall'])
def test_a_stimulus_that_is_drawn_repeatedly(name):
    """Its pairs with others count as often; there is no pair with itself."""
    rsa, values = RSA(EUCLIDEAN, COMPARATORS[name]), [patterns(seed, 7) for seed in range(2)]
    for seed in range(4):
        counts = np.bincount(np.random.default_rng(seed).integers(0, 7, 7), minlength=7)
        rows = np.repeat(np.arange(7), counts)
        kept = (rows[:, None] != rows)[np.triu_indices(7, 1)]
        drawn = [next(EUCLIDEAN.matrices(each[rows], [None])).round(12)[np.triu_indices(7, 1)][kept] for each in values]
        assert rsa.compare(*map(rsa.rdm, values), counts) == pytest.approx(SLOW[name](*drawn), abs=1e-12)


def test_the_whitened_cosine_of_some_stimuli():
    rsa, values = RSA(EUCLIDEAN, COMPARATORS['whitened']), [patterns(seed) for seed in range(2)]
    counts = np.random.default_rng(0).permutation(12) % 2
    some = [each[counts == 1] for each in values]
    assert rsa.compare(*map(rsa.rdm, values), counts) == pytest.approx(rsa.compare(*map(rsa.rdm, some)), abs=1e-14)
    assert rsa.compare(*map(rsa.rdm, values)) == pytest.approx(cka(*values, debiased=False), abs=1e-12)
    with pytest.raises(ValueError, match='each stimulus once'):
        rsa.compare(*map(rsa.rdm, values), 2 * counts)


@pytest.mark.parametrize('name', SLOW)
@pytest.mark.parametrize('distance', ['correlation', 'cosine', 'euclidean'])
def test_an_rdm_of_equal_patterns_is_similar_to_none(name, distance):
    rsa = RSA(DISTANCES[distance], COMPARATORS[name])
    equal, other = np.tile(patterns(0)[:1], (12, 1)), patterns(1)
    assert rsa.compare(rsa.rdm(equal), rsa.rdm(other)) == 0
    assert rsa.compare(rsa.rdm(other), rsa.rdm(equal), np.arange(12) % 2) == 0
    assert rsa.compare(rsa.rdm(other), rsa.rdm(other)) == pytest.approx(1, abs=1e-12)


def test_tau_of_normal_variables():
    """Greiner's relation, between tau-a and the correlation."""
    kendall = COMPARATORS['kendall']
    rng = np.random.default_rng(0)
    for r in (0.2, 0.7):
        x = rng.standard_normal(4000)
        tau = stats.kendalltau(x, r * x + np.sqrt(1 - r**2) * rng.standard_normal(4000)).statistic
        assert kendall.correlation(tau) == pytest.approx(r, abs=0.03)
        assert kendall.similarity(kendall.correlation(tau)) == pytest.approx(tau, abs=1e-12)
