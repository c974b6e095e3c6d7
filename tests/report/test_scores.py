"""Notes below a table of scores."""

import dataclasses

import pytest

from m2m_benchmarks.data.made_here import MADE_HERE
from m2m_benchmarks.report.scores import matrix_table, score_tables
from m2m_benchmarks.report.tables import to_markdown
from m2m_benchmarks.testing import whole_result

WHOLE = dataclasses.replace(whole_result(), targets=None, in_domain=None, score=0.0, raw=-0.231, uncut=-0.06)


def notes(result):
    return ' '.join(score_tables([result])[0].notes)


def test_a_negative_value_stands_beside_its_interval():
    own = dataclasses.replace(WHOLE, areas=None, raw_interval=[-0.3, -0.2])
    assert 'a negative raw counts as 0; with its 95 % interval: raw -0.231 (-0.300 to -0.200)' in notes(own)
    part = dataclasses.replace(WHOLE.areas['VISp'], score=0.0, raw=-0.1, uncut=-0.01, raw_interval=[-0.2, 0.0])
    mean = dataclasses.replace(WHOLE, score=0.3, raw=0.4, uncut=0.3, areas={'VISp': part, 'VISl': WHOLE.areas['VISp']})
    assert 'interval: VISp -0.100 (-0.200 to 0.000).' in notes(mean)  # cut in one area, though the mean is positive


def test_a_raw_value_without_a_score_is_explained():
    unscored = dataclasses.replace(WHOLE, areas=None, score=None, raw=0.4, uncut=None)
    assert 'raw without a score (raw): the 95 % interval of the ceiling reaches below 0.2' in notes(unscored)
    assert 'counts as 0' not in notes(unscored)


def test_scales_of_several_comparisons_are_told_apart():
    geometry = dataclasses.replace(
        WHOLE, benchmark='Lab2026.VISp-rdm', areas=None, ceiling_kind='population, 6 animals'
    )
    neurons = dataclasses.replace(geometry, benchmark='Lab2026.VISp-ridge', ceiling_kind='trials')
    together = ' '.join(score_tables([geometry, neurons])[0].notes)
    assert 'score of -rdm: 0 is chance, 1 a perfect model' in together
    assert 'score of -ridge: 0 is chance; a perfect model stays below' in together
    assert 'score: 0 is chance, 1 a perfect model' in notes(geometry)  # alone, it needs no name


@pytest.mark.parametrize(
    ('benchmarks', 'datasets'),
    [
        (['SimulatedMouse.VISp-rdm', 'SimulatedMouse-ridge', 'Lab2026-rdm'], ['SimulatedMouse']),
        (['SklearnDigits.thin-accuracy', 'SimulatedMouse-rdm'], ['SklearnDigits', 'SimulatedMouse']),
        (['Qazi2025.MNIST.SklearnDigits-accuracy'], ['SklearnDigits']),  # as a target
        (['Lab2026.VISp-rdm', 'Qazi2025.MNIST-accuracy', 'Other library'], []),
    ],
)
def test_tables_say_what_scores_on_data_made_here_mean(benchmarks, datasets):
    results = [dataclasses.replace(WHOLE, benchmark=benchmark) for benchmark in benchmarks]
    for table in (score_tables(results)[0], matrix_table(results)):
        assert [note for note in table.notes if note in MADE_HERE.values()] == [MADE_HERE[name] for name in datasets]


def test_sampled_pairs_are_counted():
    sampled = {'pairs': 50_000, 'pairs_error': 0.0012}
    own = dataclasses.replace(WHOLE, areas=None, n_stimuli=5000, halves=[sampled, {**sampled, 'pairs_error': 0.00234}])
    expected = '50,000 pairs of stimuli, drawn at random from 12,497,500; its standard error by that is 0.0023 or less'
    assert expected in notes(own)
    assert expected in notes(dataclasses.replace(own, halves=None, details={**sampled, 'pairs_error': 0.0023}))
    assert 'pairs of stimuli' not in notes(WHOLE)


def test_fewer_components_than_named_are_told():
    one = dataclasses.replace(WHOLE, areas=None, choices={'components': '25'})
    few = dataclasses.replace(one, halves=[{'components': 25.0}, {'components': 17.0}])
    told = '17 components, not 25; stimuli or features allow no more.'
    assert told in notes(few)
    assert told in notes(dataclasses.replace(one, details={'components': 17.0}))
    assert 'components, not' not in notes(dataclasses.replace(few, halves=[{'components': 25.0}]))
    # Results of others may have anything there.
    assert 'components, not' not in notes(dataclasses.replace(few, choices={'components': 'many'}))


def test_a_comparison_without_own_units_says_why():
    chosen = dataclasses.replace(WHOLE, areas=None, choices={'layers_chosen_by': 'pls'})
    assert 'layers chosen by -pls; no own units, each of which takes as long as a score' in notes(chosen)
    assert 'no own units' not in notes(WHOLE)


def test_values_at_half_size_are_told():
    half = dataclasses.replace(WHOLE, areas=None, ceiling_kind='population, of half of the neuroids')
    assert '-rdm: raw and ceiling are for half of the neuroids, the mean of both halves.' in notes(half)
    neurons = dataclasses.replace(half, benchmark='Lab2026.VISp-ridge', ceiling_kind='trials')
    assert 'for half' not in notes(neurons)  # each neuroid has its own value
    assert 'for half' not in notes(dataclasses.replace(half, ceiling_kind='population'))


def test_own_units_are_explained_in_two_sentences():
    own = dataclasses.replace(WHOLE, areas=None, own_units=0.4, own_units_interval=[0.35, 0.45])
    (table,) = score_tables([own])
    assert '0.35–0.45' in to_markdown(table)
    text = ' '.join(table.notes)
    assert 'as reliable as the neuroids. own units are not a bound: neuroids may be easier to predict.' in text


def test_units_that_are_left_out_are_counted():
    counts = {'units': 1000, 'units_left_out': 12}
    named = dataclasses.replace(WHOLE, benchmark='Lab2026.VISp-rdm_standardised', areas=None, details=counts)
    assert 'vary on fewer than three stimuli are left out: 12 of 1000.' in notes(named)
    halves = [{**counts, 'raw': 0.1, 'layer': 'a'}, {'units': 64, 'units_left_out': 0, 'raw': 0.2, 'layer': 'b'}]
    part = dataclasses.replace(WHOLE.areas['VISp'], halves=halves)
    mean = dataclasses.replace(WHOLE, areas={'VISp': part, 'VISl': WHOLE.areas['VISp']})
    assert 'are left out: VISp 12 of 1000 and 0 of 64.' in notes(mean)
    assert 'left out' not in notes(dataclasses.replace(named, details={'units': 1000, 'units_left_out': 0}))
