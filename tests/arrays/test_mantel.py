"""Mantel's test in closed form, against all permutations of the stimuli."""

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import squareform

from m2m_benchmarks.arrays import upper_triangle
from m2m_benchmarks.arrays.mantel import mantel


def matrix(seed, n):
    """A symmetric matrix whose stimuli differ in their mean distance, as those of RDMs do."""
    rng = np.random.default_rng(seed)
    return squareform(rng.random(n * (n - 1) // 2) ** 2) + np.add.outer(*[rng.random(n)] * 2)


@pytest.mark.parametrize('n', [4, 5])
def test_the_standard_deviation_is_that_of_all_permutations(n):
    first, second = matrix(1, n), matrix(2, n)
    correlation, z = mantel(first, second)
    orders = [np.ix_(order, order) for order in itertools.permutations(range(n))]
    null = [np.corrcoef(upper_triangle(first[order]), upper_triangle(second))[0, 1] for order in orders]
    assert correlation == pytest.approx(null[0])
    assert np.mean(null) == pytest.approx(0, abs=1e-12)
    assert z == pytest.approx(null[0] / np.std(null))


def test_it_does_not_depend_on_diagonals_scales_or_which_is_first():
    first, second = matrix(3, 7), matrix(4, 7)
    assert mantel(second, first) == pytest.approx(mantel(first, second))
    assert mantel(3 * first + 2, second + np.diag(np.arange(7.0))) == pytest.approx(mantel(first, second))


def test_equal_distances_are_related_to_nothing():
    assert mantel(np.ones((5, 5)), matrix(5, 5)) == (0.0, 0.0)


def test_too_few_stimuli():
    with pytest.raises(ValueError, match='4 stimuli'):
        mantel(matrix(6, 3), matrix(7, 3))
