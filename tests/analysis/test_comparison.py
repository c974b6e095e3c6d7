"""Differences, tests, ranks and groups from scores with draws over animals and stimuli."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
from brainscore_core.metrics import Score
from scipy import stats

from m2m_benchmarks.analysis.comparison import Scored, compare_scores
from m2m_benchmarks.analysis.entries import parse_entries
from m2m_benchmarks.benchmarks.estimates import estimate
from m2m_benchmarks.errors import BenchmarkError, DataError
from m2m_benchmarks.testing import whole_result

N_ANIMALS, N_STIMULI = 6, 30
RESULT = dataclasses.replace(whole_result(), version=2)
NAMES = ('neurn_digitnet@none', 'plain_digitnet@none', 'pixels_64', 'torchvision:resnet18@none')
TWO_FACTORS = 'bootstrap over animals and stimuli, the same draws for both'


def made_score(value, seed=0, n_animals=N_ANIMALS, spread=0.02, **attrs):
    """Make a score whose draws share most of their noise with those of other scores; of NaN, one without a score."""
    shared = np.random.default_rng(99).normal(size=(3, 200))
    own = np.random.default_rng(seed).normal(size=(3, 200))
    draws = value + spread * np.array([[1.7], [1], [1]]) * (0.9 * shared + 0.4 * own)
    score = Score(max(value, 0) if np.isfinite(value) else value)
    score.attrs.update(
        draws=draws if np.isfinite(value) else None,
        uncut=value if np.isfinite(value) else None,
        n_animals=n_animals,
        n_stimuli=N_STIMULI,
        n_neuroids=40,
        ceiling=Score(0.8),
        ceiling_interval=(0.72, 0.88),
        ceiling_kind='population',
        model_per_animal=0.1 + value / 2,
        other_mice=0.45,
        result=RESULT.document(),
        **attrs,
    )
    return score


def scored(values, **options):
    """Give each candidate its scores, one for each seed."""
    entries = parse_entries(NAMES[: len(values)])
    all_scores = [
        [made_score(value, 10 * number + seed, **options) for seed, value in enumerate(own)]
        for number, own in enumerate(values)
    ]
    return [
        Scored(entry, list(range(len(scores))) if len(scores) > 1 else None, None, scores)
        for entry, scores in zip(entries, all_scores, strict=True)
    ]


def satterthwaite(draws, n_animals=N_ANIMALS):
    """Compute the degrees of freedom of the variances over animals and over stimuli together."""
    sizes = np.array([n_animals, N_STIMULI])
    parts = np.var(draws[1:], axis=1, ddof=1) * sizes / (sizes - 1)
    return parts.sum() ** 2 / np.sum(parts**2 / (sizes - 1))


def compared(candidates, correction='holm'):
    return compare_scores('Mouse-rdm', candidates, correction)


@pytest.mark.parametrize('n_animals', [N_ANIMALS, 1])
def test_single_scores_have_the_errors_of_the_benchmark(n_animals):
    candidates = scored([[0.40], [0.38], [0.2]], n_animals=n_animals)
    comparison = compared(candidates)
    (row,) = comparison.rows
    units = n_animals if n_animals > 1 else 40  # the neuroids of one animal are drawn
    own = [candidate.scores[0] for candidate in candidates]
    for index, score in enumerate(own):
        expected = estimate(score.attrs['uncut'], score.attrs['draws'], units, N_STIMULI)
        assert row.errors[index] == pytest.approx(expected.error)
        assert row.intervals[index] == pytest.approx(expected.interval)
    for pair, (first, second) in zip(row.differences, itertools.combinations(range(3), 2), strict=True):
        draws = own[first].attrs['draws'] - own[second].attrs['draws']
        value = own[first].attrs['uncut'] - own[second].attrs['uncut']
        expected = estimate(value, draws, units, N_STIMULI)
        assert (pair.first, pair.second, pair.value) == (first, second, pytest.approx(value))
        assert pair.error == pytest.approx(expected.error)
        assert pair.interval == pytest.approx(expected.interval)
        freedom = satterthwaite(draws, units)
        assert pair.p == pytest.approx(2 * stats.t.sf(abs(value) / expected.error, freedom))
    assert row.differences[0].error < row.errors[0]  # they share most of their noise
    factors = 'animals' if n_animals > 1 else 'neuroids of one animal'
    assert list(comparison.methods) == [
        f'one score each; bootstrap over {factors} and stimuli, the same draws for both'
    ]
    json.dumps(comparison.document(), allow_nan=False)


def test_scores_are_tested_against_0_and_against_the_ceiling():
    values = [0.4, 0.98, -0.01]
    candidates = scored([[value] for value in values])
    (row,) = compared(candidates).rows
    freedom = [satterthwaite(candidate.scores[0].attrs['draws']) for candidate in candidates]
    known = list(zip(values, row.errors, freedom, strict=True))
    above = [stats.t.sf(value / error, own) for value, error, own in known]
    at_ceiling = [2 * stats.t.sf(abs(value - 1) / error, own) for value, error, own in known]
    for p_values, adjusted in ((above, row.p_chance), (at_ceiling, row.p_ceiling)):
        order = np.argsort(p_values)
        by_hand = np.maximum.accumulate([min(1, (3 - rank) * p_values[index]) for rank, index in enumerate(order)])
        assert [adjusted[index] for index in order] == pytest.approx(by_hand)
    assert row.p_chance[0] < 0.05 < row.p_chance[2]
    assert row.p_ceiling[0] < 0.05 < row.p_ceiling[1]
    assert row.ceiling_interval == pytest.approx((0.9, 1.1))
    assert (row.model_per_animal, row.other_mice) == (pytest.approx([0.3, 0.59, 0.095]), 0.45)


def test_recordings_without_a_ceiling():
    candidates = scored([[0.4], [0.3]])
    for candidate in candidates:
        candidate.scores[0].attrs.update(ceiling_kind='none: one repetition', ceiling_interval=None)
    (row,) = compared(candidates).rows
    assert (row.p_ceiling, row.ceiling_interval) == ([None, None], None)


def test_scores_that_are_cut_off_differ_by_what_they_are():
    (row,) = compared(scored([[-0.2], [-0.05]])).rows
    assert row.values == [[0], [0]]
    assert row.differences[0].value == pytest.approx(-0.15)
    assert row.differences[0].p < 0.05


def test_groups_and_ranks():
    (row,) = compared(scored([[0.2], [0.41], [0.40], [0.6]])).rows
    assert row.groups == [[3], [1, 2], [0]]
    assert row.ranks == [(4, 4), (2, 3), (2, 3), (1, 1)]


def test_the_false_discovery_rate_is_less_strict_and_leaves_the_ranks():
    candidates = scored([[0.45], [0.40], [0.36], [0.33]])
    holm, fdr = (compared(candidates, correction).rows[0] for correction in ('holm', 'fdr'))
    p_values = [pair.p for pair in holm.differences]
    adjusted = [pair.p_adjusted for pair in fdr.differences]
    assert adjusted == pytest.approx(stats.false_discovery_control(p_values).tolist())
    assert sum(adjusted) < sum(pair.p_adjusted for pair in holm.differences)
    assert fdr.ranks == holm.ranks


def test_seeds_add_their_variance_and_paired_ones_that_of_their_differences():
    """The twins have the same seeds; the stranger has one score."""
    values = [[0.40, 0.46, 0.43], [0.38, 0.43, 0.405], [0.3]]
    candidates = scored(values)
    comparison = compared(candidates)
    (row,) = comparison.rows
    assert comparison.methods == {
        f'paired over 3 seeds; {TWO_FACTORS}, and variance between seeds': [(0, 1)],
        f'means over seeds, not paired; {TWO_FACTORS}, and variance between seeds': [(0, 2), (1, 2)],
    }
    draws = [np.mean([score.attrs['draws'] for score in candidate.scores], axis=0) for candidate in candidates]

    def squared_error(number):
        return estimate(0.0, draws[0] - draws[number], N_ANIMALS, N_STIMULI).error ** 2

    twins, stranger, _ = row.differences
    between = np.var(np.subtract(values[0], values[1]), ddof=1) / 3
    assert twins.error**2 == pytest.approx(squared_error(1) + between)
    seeds = np.var(values[0], ddof=1) / 3
    assert stranger.error**2 == pytest.approx(squared_error(2) + seeds)
    # Welch's degrees of freedom: those of the draws, and two of the seeds.
    freedom = stranger.error**4 / (squared_error(2) ** 2 / satterthwaite(draws[0] - draws[2]) + seeds**2 / 2)
    half = stats.t.ppf(0.975, freedom) * stranger.error
    assert stranger.interval == pytest.approx((stranger.value - half, stranger.value + half))
    assert row.spreads == [pytest.approx(0.03), pytest.approx(np.std(values[1], ddof=1)), None]


def test_two_seeds_have_an_error_and_no_interval():
    comparison = compared(scored([[0.4, 0.45], [0.3, 0.31]]))
    (pair,) = comparison.rows[0].differences
    assert pair.error > 0
    assert (pair.interval, pair.p, pair.p_adjusted) == (None, None, None)
    assert comparison.rows[0].intervals == [None, None]
    assert next(iter(comparison.methods)).endswith('no interval: it needs 3 seeds or more')


def with_areas(value, **areas):
    return made_score(value, areas={name: made_score(own, seed) for seed, (name, own) in enumerate(areas.items())})


def test_areas_without_a_score_are_left_out():
    entries = parse_entries(NAMES[:2])
    candidates = [
        Scored(entries[0], None, None, [with_areas(0.4, VISp=0.4, VISl=np.nan)]),
        Scored(entries[1], None, None, [with_areas(0.3, VISp=0.3, VISl=0.2)]),
    ]
    comparison = compared(candidates)
    assert [row.name for row in comparison.rows] == ['VISp', 'score']
    assert comparison.left_out == {'VISl': 'the ceiling is too uncertain for a score: 0.80 (0.72 to 0.88)'}
    with pytest.raises(BenchmarkError, match='Mouse-rdm cannot compare these models: the ceiling is too uncertain'):
        compared(scored([[np.nan], [0.2]]))


def test_candidates_on_different_neuroids_are_not_called_paired():
    candidates = scored([[0.4], [0.3]])
    candidates[1].scores[0].attrs['n_neuroids'] = 20
    (method,) = compared(candidates).methods
    assert method == 'one score each; bootstrap over animals and stimuli; they were scored on different neuroids'


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        ({'version': 1}, 'version: 2 and 1'),
        ({'data_sha256': 'f' * 64}, 'data: .* and ffffff'),
        ({'benchmark': 'Rat-rdm'}, 'benchmark: .* and Rat-rdm'),
    ],
)
def test_scores_of_other_data_or_versions_are_refused(changed, message):
    candidates = scored([[0.4], [0.3]])
    candidates[1].scores[0].attrs['result'] = dataclasses.replace(RESULT, **changed).document()
    with pytest.raises(DataError, match=message):
        compared(candidates)
