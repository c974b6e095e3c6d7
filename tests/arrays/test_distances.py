"""Distances of patterns: by their definitions, and by scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

from m2m_benchmarks.arrays import upper_triangle
from m2m_benchmarks.arrays.distances import DISTANCES, cosine, crossnobis_of_each, euclidean, mean_over_neuroids

#: scipy's distances, and what they are divided by.
SCIPY = {'cosine': (cosine, 'cosine', 1), 'euclidean': (euclidean, 'sqeuclidean', 14)}


def trials_of(seed=0, shape=(4, 6, 5), missing=0.0):
    rng = np.random.default_rng(seed)
    values = rng.gamma(2, size=shape[1:]) + rng.normal(size=shape)
    return np.where(rng.random(shape) < missing, np.nan, values)


def leave_one_out(trials):
    """Crossnobis distances of patterns: one trial against the mean of all others, mean over trials and neuroids."""
    n_stimuli = trials.shape[1]
    distances = np.zeros((n_stimuli, n_stimuli))
    for fold, test in enumerate(trials):
        train = np.delete(trials, fold, axis=0).mean(axis=0)
        for i in range(n_stimuli):
            for j in range(n_stimuli):
                distances[i, j] += np.mean((train[i] - train[j]) * (test[i] - test[j])) / len(trials)
    return distances


def pair_by_pair(responses, i, j):
    """Distance of two stimuli for one neuroid, from each pair of different repetitions that has both responses."""
    centred = responses - np.nanmean(responses)

    def mean_product(first, second):
        products = [
            centred[r, first] * centred[s, second]
            for r in range(len(responses))
            for s in range(len(responses))
            if r != s
        ]
        return np.nanmean(products)

    return mean_product(i, i) + mean_product(j, j) - 2 * mean_product(i, j)


@pytest.mark.parametrize('name', SCIPY)
@pytest.mark.parametrize('seed', range(3))
def test_equals_scipy(name, seed):
    function, metric, divisor = SCIPY[name]
    patterns = np.random.default_rng(seed).gamma(2, size=(9, 14))
    np.testing.assert_allclose(function(patterns), squareform(pdist(patterns, metric)) / divisor, atol=1e-14)
    counts = np.random.default_rng(seed).integers(0, 3, 14)
    repeated = np.repeat(patterns, counts, axis=1)
    divisor = counts.sum() if divisor > 1 else 1
    expected = squareform(pdist(repeated, metric)) / divisor
    np.testing.assert_allclose(function(patterns, counts), expected, atol=1e-14)


@pytest.mark.parametrize('name', SCIPY)
def test_patterns_that_cannot_be_compared(name):
    function = SCIPY[name][0]
    with pytest.raises(ValueError, match=r'n_units >= 2\), got \(4, 1\)'):
        function(np.zeros((4, 1)))
    with pytest.raises(ValueError, match='contain NaN or infinity'):
        function(np.array([[1.0, np.nan], [2.0, 3.0]]))


def test_a_pattern_of_zeros_has_no_angle():
    distances = cosine(np.array([[0.0, 0], [1, 1], [2, 2], [-1, -1]]))
    np.testing.assert_allclose(distances, [[0, 1, 1, 1], [1, 0, 0, 2], [1, 0, 0, 2], [1, 2, 2, 0]], atol=1e-15)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1e-3, 1.0, 1e6]))
def test_a_common_offset_changes_no_euclidean_distance(seed, offset):
    rng = np.random.default_rng(seed)
    patterns, moved = rng.normal(size=(6, 9)), offset * rng.normal(size=9)
    np.testing.assert_allclose(euclidean(patterns + moved), euclidean(patterns), atol=1e-14 * (1 + offset))
    assert (euclidean(np.tile(moved, (6, 1))) == 0).all()  # equal patterns


@pytest.mark.seconds
@pytest.mark.parametrize('seed', range(3))
def test_crossnobis_leaves_one_trial_out(seed):
    trials = trials_of(seed)
    (distances,) = mean_over_neuroids(crossnobis_of_each(trials), [None])
    np.testing.assert_allclose(distances, upper_triangle(leave_one_out(trials)), atol=1e-13)
    (matrix,) = DISTANCES['crossnobis'].matrices(crossnobis_of_each(trials), [None])
    np.testing.assert_allclose(matrix, leave_one_out(trials), atol=1e-13)
    # Of one neuroid, and of neuroids that are drawn several times.
    np.testing.assert_allclose(
        crossnobis_of_each(trials)[:, 2], upper_triangle(leave_one_out(trials[:, :, 2:3])), atol=1e-13
    )
    draws = np.random.default_rng(seed).integers(0, 3, (150, 5))
    draws[:, 0] += 1
    for counts, drawn in zip(draws, mean_over_neuroids(crossnobis_of_each(trials), draws), strict=True):
        expected = upper_triangle(leave_one_out(np.repeat(trials, counts, axis=2)))
        np.testing.assert_allclose(drawn, expected, atol=1e-13)


def test_crossnobis_takes_neuroids_in_blocks():
    trials = trials_of(1, (3, 5, 70))
    one_by_one = [crossnobis_of_each(trials[:, :, [neuroid]]) for neuroid in range(70)]
    np.testing.assert_allclose(crossnobis_of_each(trials), np.concatenate(one_by_one, axis=1), atol=1e-14)


def test_crossnobis_of_missing_trials():
    trials = trials_of(2, (5, 4, 3), missing=0.2)
    trials[:4, 0, 0] = np.nan  # one trial of a stimulus
    trials[:, :, 1] = np.where(np.arange(5)[:, None] > 0, np.nan, 1.0)  # a neuroid of one repetition
    distances = crossnobis_of_each(trials)
    rows, columns = np.triu_indices(4, 1)
    with np.testing.suppress_warnings() as ignored:
        ignored.filter(RuntimeWarning)
        expected = [pair_by_pair(trials[:, :, 0], i, j) for i, j in zip(rows, columns, strict=True)]
    np.testing.assert_allclose(distances[rows > 0, 0], np.array(expected)[rows > 0], atol=1e-13)
    np.testing.assert_allclose(distances[rows == 0, 0], np.mean(np.array(expected)[rows > 0]), atol=1e-13)
    assert (distances[:, 1] == 0).all()
    moved = crossnobis_of_each(trials + 100.0)
    np.testing.assert_allclose(moved, distances, atol=1e-10)


@pytest.mark.seconds
def test_crossnobis_is_free_of_the_bias_by_noise():
    """The mean over many recordings is the distance of the true responses; of trial averages it is too large."""
    rng = np.random.default_rng(3)
    truth = rng.normal(size=(5, 4))
    recordings = [truth + 2 * rng.normal(size=(4, 5, 4)) for _ in range(3000)]
    crossed = np.array([crossnobis_of_each(trials).mean(axis=1) for trials in recordings])
    averaged = np.array([upper_triangle(euclidean(trials.mean(axis=0))) for trials in recordings])
    true = upper_triangle(euclidean(truth))
    error = crossed.std(axis=0) / np.sqrt(3000)
    assert (np.abs(crossed.mean(axis=0) - true) < 4 * error).all()
    np.testing.assert_allclose(averaged.mean(axis=0) - true, 2 * 4 / 4, rtol=0.1)


def test_crossnobis_needs_two_repetitions():
    with pytest.raises(ValueError, match='need two repetitions or more, got 1'):
        crossnobis_of_each(np.zeros((1, 3, 4)))


def test_rounding_of_distances():
    """4 n eps times the size of the numbers that were added; see `rdm.rounding`."""
    one = 4 * 3 * np.finfo(float).eps
    patterns, of_pairs = np.zeros((3, 8)), np.array([0.1, -7.0, 2.0])
    assert DISTANCES['cosine'].rounding(patterns, of_pairs) == one
    assert DISTANCES['euclidean'].rounding(patterns, of_pairs) == 7 * one
    assert DISTANCES['crossnobis'].rounding(np.zeros((3, 20)), of_pairs) == 7 * one
