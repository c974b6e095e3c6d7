"""Distances of distributions: against SciPy, closed forms, and constant samples."""

import numpy as np
import pytest
from scipy import integrate, stats

from m2m_benchmarks.arrays.distributions import density, overlap, to_range, wasserstein


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    return rng.gamma(2, size=(59, 70)), rng.normal(2, 0.5, size=(59, 70))


def test_density_is_that_of_scipy(pairs):
    points = np.linspace(-2, 8, 50)
    ours = density(pairs[0], np.repeat(points[:, None], 70, axis=1))
    for column in range(0, 70, 10):
        assert ours[:, column] == pytest.approx(stats.gaussian_kde(pairs[0][:, column])(points), abs=1e-12)


def test_overlap_is_the_area_under_both_densities(pairs):
    ours = overlap(*pairs)
    for column in (0, 65, 69):
        first, second = (stats.gaussian_kde(each[:, column]) for each in pairs)
        area = integrate.quad(lambda x, f=first, g=second: min(f(x)[0], g(x)[0]), -5, 15, limit=500)[0]
        assert ours[column] == pytest.approx(area, abs=2e-4)


def test_overlap_of_normal_distributions():
    """2 Phi(-d / 2) for means a distance d apart, with the bandwidth added to the variance."""
    values = stats.norm.ppf((np.arange(4000) + 0.5) / 4000)[:, None]
    width = np.sqrt(1 + 4000**-0.4)
    assert overlap(values, values + 1)[0] == pytest.approx(2 * stats.norm.cdf(-0.5 / width), abs=1e-3)
    assert overlap(values, values)[0] == pytest.approx(1, abs=1e-4)


def test_wasserstein_is_that_of_scipy(pairs):
    expected = [stats.wasserstein_distance(*(each[:, column] for each in pairs)) for column in range(70)]
    assert wasserstein(*pairs) == pytest.approx(expected, abs=1e-12)


def test_constant_samples():
    varying, constant = np.arange(5.0)[:, None], np.full((5, 1), 2.0)
    assert overlap(varying, constant)[0] == overlap(constant, constant)[0] == 0
    assert to_range(np.hstack([varying, constant])).tolist() == [[0, 0], [0.25, 0], [0.5, 0], [0.75, 0], [1, 0]]
