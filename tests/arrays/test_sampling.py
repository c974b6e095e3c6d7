"""Draws of stimuli and animals."""

import numpy as np
import pytest

from m2m_benchmarks.arrays import draw_sample

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
