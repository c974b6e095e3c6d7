"""Rank correlations with p values over all orders: scipy, null data, planted orders."""

import numpy as np
import pytest
from scipy import stats

from m2m_benchmarks.arrays.rank_permutation import permuted_spearman


@pytest.mark.parametrize('seed', range(3))
def test_p_values_are_those_of_all_orders(seed):
    x, y = np.random.default_rng(seed).normal(size=(2, 5))

    def statistic(x):
        return stats.spearmanr(x, y).statistic

    expected = stats.permutation_test((x,), statistic, permutation_type='pairings', n_resamples=np.inf)
    r, p = permuted_spearman(x, y)
    assert (r, p) == pytest.approx((expected.statistic, expected.pvalue))


def test_many_things_have_drawn_orders():
    x, y = np.random.default_rng(0).normal(size=(2, 30))
    y = 0.5 * x + y
    expected = stats.spearmanr(x, y)
    r, p = permuted_spearman(x, y)
    assert r == pytest.approx(expected.statistic)
    assert p == pytest.approx(expected.pvalue, abs=0.02)
    assert permuted_spearman(x, y) == (r, p)


def test_the_same_order_of_six():
    assert permuted_spearman(np.arange(6), np.arange(6) ** 3) == (pytest.approx(1), 2 / 720)
