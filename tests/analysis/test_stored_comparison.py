"""Scores that are there are compared as `m2m compare` compares those that it computes."""

import dataclasses

import numpy as np
import pytest
from brainscore_core.metrics import Score
from torch import nn

from m2m_benchmarks import compare, score
from m2m_benchmarks.analysis import compare as command
from m2m_benchmarks.errors import BenchmarkError, DataError, UnknownNameError
from m2m_benchmarks.records.record import Result

pytestmark = pytest.mark.usefixtures('m2m_home')

BENCHMARK = 'SimulatedMouse.VISp-cka'


@pytest.fixture
def scores():
    return [score('pixels_64', BENCHMARK), score('plain_digitnet', BENCHMARK, weights='none')]


def test_the_same_as_the_command(scores):
    own = compare(scores)
    (other,) = command.compare(['pixels_64', 'plain_digitnet@none'], [BENCHMARK], seeds=[0])
    assert [row.name for row in own.rows] == [row.name for row in other.rows]
    for row, expected in zip(own.rows, other.rows, strict=True):
        (difference,), (wanted,) = row.differences, expected.differences
        for field in ('value', 'error', 'interval', 'p', 'p_adjusted'):
            np.testing.assert_allclose(getattr(difference, field), getattr(wanted, field), rtol=1e-5)
        assert (row.ranks, row.groups) == (expected.ranks, expected.groups)
    assert [candidate.label for candidate in own.candidates] == ['pixels_64', 'plain_digitnet@none (seed 0)']
    assert own.rows[-1].differences[0].value == pytest.approx(float(scores[0] - scores[1]))


def test_the_order_turns_the_difference_round(few_draws, scores):
    (first,), (second,) = (compare(order).rows[-1].differences for order in (scores, scores[::-1]))
    assert first.value == pytest.approx(-second.value)
    assert first.error == pytest.approx(second.error)
    assert first.interval == pytest.approx([-end for end in reversed(second.interval)])


def test_networks_of_ones_own(few_draws, scores):
    networks = [nn.Sequential(nn.Conv2d(3, 4, 5, stride=4), nn.ReLU()) for _ in range(2)]
    named = [
        score(network, BENCHMARK, name=name, image_size=32) for network, name in zip(networks, ('a', 'b'), strict=True)
    ]
    three = compare([*named, scores[0]], correction='fdr')
    assert three.correction == 'fdr'
    assert [(pair.first, pair.second) for pair in three.rows[-1].differences] == [(0, 1), (0, 2), (1, 2)]
    # Other weights under one name are another candidate, too.
    alike = [score(network, BENCHMARK, name='a', image_size=32) for network in networks]
    names = [candidate.label for candidate in compare(alike).candidates]
    assert len(set(names)) == 2
    assert all(name.startswith('a') for name in names)


def test_what_cannot_be_compared(few_draws, scores):
    for few, number in (([], 0), (scores[:1], 1), (scores[0], 1)):
        with pytest.raises(BenchmarkError, match=f'two scores or more, got {number}'):
            compare(few)
    with pytest.raises(BenchmarkError, match='of the same candidate, pixels_64'):
        compare([scores[0], scores[1], score('pixels_64', BENCHMARK)])
    with pytest.raises(DataError, match=r'benchmark: SimulatedMouse\.VISp-cka and SimulatedMouse\.VISl-cka'):
        compare([scores[0], score('plain_digitnet', 'SimulatedMouse.VISl-cka', weights='none')])
    with pytest.raises(UnknownNameError, match='unknown correction'):
        compare(scores, correction='bonferroni')
    with pytest.raises(BenchmarkError, match='score 1 of the list is not one that'):
        compare([scores[0], Score(0.5)])
    with pytest.raises(BenchmarkError, match='score 0 of the list is not one that'):
        compare([0.5, 0.6])


def test_a_result_without_draws(few_draws, scores):
    document = scores[0].attrs['result']
    changed = dataclasses.replace(Result.from_document(document), model='elsewhere')
    elsewhere = Score(document['score'])
    elsewhere.attrs['result'] = changed.document()
    with pytest.raises(DataError, match=r'draws of elsewhere .* not stored here'):
        compare([elsewhere, scores[1]])
