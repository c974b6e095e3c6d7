"""Permutation test of two types of neurons, against all labellings of few animals."""

import itertools

import numpy as np
import pytest

from m2m_benchmarks.arrays.label_permutation import N_PERMUTATIONS, permuted_differences, two_sided


def of_labels(values, labels):
    return values[labels].mean() - values[~labels].mean()


def share(all_labels, values, labels):
    actual = abs(of_labels(values, labels))
    return np.mean([abs(of_labels(values, np.array(each))) >= actual - 1e-12 for each in all_labels])


def test_whole_animals_are_shuffled():
    rng = np.random.default_rng(0)
    animals = np.repeat(np.arange(6), [3, 5, 4, 6, 2, 4])
    labels = animals < 3
    values = rng.normal(size=6)[animals] + 0.1 * rng.normal(size=len(animals)) + labels
    every = [np.isin(animals, chosen) for chosen in itertools.combinations(range(6), 3)]
    difference, shuffled = permuted_differences(values, labels, animals)
    assert difference == pytest.approx(of_labels(values, labels))
    assert {round(each, 9) for each in shuffled} == {round(of_labels(values, each), 9) for each in every}
    assert two_sided(difference, shuffled) == pytest.approx(share(every, values, labels), abs=0.04)


def test_neurons_are_shuffled_within_animals_of_both_types():
    rng = np.random.default_rng(1)
    animals = np.array([0, 0, 0, 1, 1, 1, 1, 2])
    labels = np.array([True, False, False, True, True, False, False, True])
    values = rng.normal(size=8) + 10 * animals
    orders = itertools.product(set(itertools.permutations(labels[:3])), set(itertools.permutations(labels[3:7])))
    every = [np.array([*first, *second, True]) for first, second in orders]
    difference, shuffled = permuted_differences(values, labels, animals)
    assert {round(each, 9) for each in shuffled} == {round(of_labels(values, each), 9) for each in every}
    assert two_sided(difference, shuffled) == pytest.approx(share(every, values, labels), abs=0.04)


def test_p_is_never_zero():
    assert two_sided(5.0, np.zeros(N_PERMUTATIONS)) == 1 / (N_PERMUTATIONS + 1)
    assert two_sided(0.0, np.zeros(N_PERMUTATIONS)) == 1
