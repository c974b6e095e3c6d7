"""Means over neurons of several animals: intervals beside closed forms, and how often they hold the truth."""

import numpy as np
import pytest
from scipy import stats

from m2m_benchmarks.arrays.means import mean_over_animals


def test_intervals_over_animals():
    rng = np.random.default_rng(3)
    animals = np.repeat(np.arange(5), 4)
    values = rng.normal(size=20)
    own = values.reshape(5, 4).mean(axis=1)
    expected = stats.t.interval(0.95, 4, own.mean(), stats.sem(own))
    assert mean_over_animals(values, animals).interval == pytest.approx(expected)
    assert mean_over_animals(values, animals // 3).interval is None


def test_intervals_over_neurons():
    """Of many neurons, that of the normal distribution with the variance within animals."""
    rng = np.random.default_rng(0)
    animals = np.arange(3000) % 3
    values = rng.normal(size=3000) + 10 * animals
    mean = mean_over_animals(values, animals)
    error = np.sqrt(sum(values[animals == animal].var() for animal in range(3)) / 3 / 3000)
    assert mean.neurons == pytest.approx(values.mean() + 1.96 * error * np.array([-1, 1]), abs=0.1 * error)
    assert mean == mean_over_animals(values, animals)
    assert mean.neurons != mean_over_animals(values, animals, seed=1).neurons
    assert mean.neurons[1] - mean.neurons[0] < (mean.interval[1] - mean.interval[0]) / 100
