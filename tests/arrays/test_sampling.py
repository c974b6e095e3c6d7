"""Draws of stimuli and animals."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from m2m_benchmarks.arrays import at_equal_numbers, different_animals, draw_sample

ANIMALS = np.repeat(['a', 'b', 'c', 'd'], [3, 5, 2, 4])


def test_neuroids_of_an_animal_are_drawn_together():
    sample = draw_sample(20, ANIMALS, n_draws=200)
    assert sample.stimuli.shape == (200, 20) and sample.neuroids.shape == (200, 14)
    np.testing.assert_array_equal(sample.stimuli.sum(axis=1), 20)
    for animal in 'abcd':
        own = sample.neuroids[:, animal == ANIMALS]
        np.testing.assert_array_equal(own, own[:, :1].repeat(own.shape[1], axis=1))
    first = sample.neuroids[:, [0, 3, 8, 10]]
    np.testing.assert_array_equal(first.sum(axis=1), 4)
    # multinomial: mean 1, variance (n - 1) / n
    assert first.mean() == pytest.approx(1)
    assert first.var(axis=0) == pytest.approx(np.full(4, 0.75), abs=0.25)
    assert sample.stimuli.var() == pytest.approx(19 / 20, abs=0.05)
    assert sample.n_animals == 4


def test_areas_and_candidates_have_the_same_draws():
    area = np.repeat(['c', 'a'], [6, 2])
    whole, part = draw_sample(20, ANIMALS, cohort=list('abcd')), draw_sample(20, area, cohort=list('abcd'))
    np.testing.assert_array_equal(whole.stimuli, part.stimuli)
    drawn = whole.neuroids[:, 0] + whole.neuroids[:, 8] > 0  # else the area has none of its animals, and draws again
    assert 0.8 < drawn.mean() < 1
    np.testing.assert_array_equal(part.neuroids[drawn, 0], whole.neuroids[drawn, 8])
    np.testing.assert_array_equal(part.neuroids[drawn, 7], whole.neuroids[drawn, 0])
    assert (part.neuroids.sum(axis=1) > 0).all()
    assert (draw_sample(20, ANIMALS, seed=1).neuroids != draw_sample(20, ANIMALS).neuroids).any()


def test_each_half_has_an_animal_in_each_draw():
    first = np.isin(ANIMALS, ['a', 'b'])
    sample = draw_sample(20, ANIMALS, halves=first)
    assert sample[first].neuroids.any(axis=1).all() and sample[~first].neuroids.any(axis=1).all()
    np.testing.assert_array_equal(sample[first].stimuli, sample.stimuli)
    assert sample[first].neuroids.shape == (1000, 8)


def test_neuroids_are_drawn_where_there_is_one_animal():
    sample = draw_sample(20, np.full(9, 'a'), cohort=list('abc'))
    np.testing.assert_array_equal(sample.neuroids.sum(axis=1), 9)
    assert (sample.neuroids.std(axis=1) > 0).mean() > 0.9
    assert sample.n_animals == 9
    first = np.isin(ANIMALS, ['a'])  # the other half has three animals
    halves = draw_sample(20, ANIMALS, halves=first)
    np.testing.assert_array_equal(halves[first].neuroids.sum(axis=1), 3)
    assert (halves.neuroids[:, 3] == halves.neuroids[:, 4]).all()


def test_halves_of_the_stimuli():
    sample = draw_sample(9, ANIMALS, repeat_stimuli=False)
    assert set(np.unique(sample.stimuli)) == {0, 1}
    np.testing.assert_array_equal(sample.stimuli.sum(axis=1), 4)
    assert sample.stimuli.mean(axis=0) == pytest.approx(np.full(9, 4 / 9), abs=0.06)


def test_different_animals():
    sample = draw_sample(20, ANIMALS, cohort=list('abcdef'), n_draws=50)
    expected = [len({animal for animal, n in zip(ANIMALS, own, strict=True) if n}) for own in sample.neuroids]
    np.testing.assert_array_equal(different_animals(sample, ANIMALS), expected)
    assert len(set(expected)) > 1
    one = draw_sample(20, ANIMALS[:3], n_draws=50)
    np.testing.assert_array_equal(different_animals(one, ANIMALS[:3]), 1)


def _number_and_draws():
    number = different_animals(draw_sample(20, ANIMALS, n_draws=300), ANIMALS)
    return number, np.random.default_rng(1).standard_normal((3, 300)) + 5


def test_draws_at_equal_numbers_are_residuals_of_a_regression():
    number, draws = _number_and_draws()
    draws[:2] += [[0.3], [0.5]] * number
    equal = at_equal_numbers(draws, number)
    for own, before in zip(equal[:2], draws[:2], strict=True):
        predicted = LinearRegression().fit(number[:, None], before).predict(number[:, None])
        np.testing.assert_allclose(own, before.mean() + before - predicted, atol=1e-12)
    np.testing.assert_array_equal(equal[2], draws[2])
    np.testing.assert_allclose(at_equal_numbers(equal, number), equal, atol=1e-12)


def test_draws_that_the_number_alone_makes_differ():
    number, _ = _number_and_draws()
    equal = at_equal_numbers(np.array([number, 2 * number, 0 * number]), number)
    np.testing.assert_allclose(equal.std(axis=1), 0, atol=1e-12)


def test_draws_of_one_animal_stay():
    _, draws = _number_and_draws()
    np.testing.assert_array_equal(at_equal_numbers(draws, np.ones(300)), draws)


def test_errors_of_means_over_animals_stay():
    """The bootstrap's variance of a mean is that of a sum of draws: (n - 1) / n of the squared standard error."""
    values = np.array([0.1, 0.5, 0.2, 0.9, 0.4, 0.35])
    names = np.array(list('abcdef'))
    sample = draw_sample(20, names, n_draws=20_000)
    means = sample.neuroids @ values / sample.neuroids.sum(axis=1)
    equal = at_equal_numbers(np.array([means, means, means]), different_animals(sample, names))
    assert equal[1].var(ddof=1) == pytest.approx(values.var() / len(values), rel=0.03)
