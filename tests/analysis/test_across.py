"""What holds under all comparisons, most, one or none."""

import json

import pytest
from scipy import stats

from m2m_benchmarks.analysis.across import set_side_by_side
from m2m_benchmarks.analysis.comparison import ComparedCandidate, Comparison, Difference, Row
from m2m_benchmarks.errors import BenchmarkError
from m2m_benchmarks.report.across import across_table, draw_across
from m2m_benchmarks.report.tables import to_lines

#: Effects in standard errors: p is .0005 and .32.
CLEAR, WEAK = 3.5, 1.0


def compared(benchmark, labels=('A', 'B'), correction='holm', **effects):
    """Compare two models whose difference in each part is an effect in standard errors."""
    rows = []
    for name, effect in effects.items():
        p = float(2 * stats.norm.sf(abs(effect)))
        pair = Difference(0, 1, 0.1 * effect, 0.1, (0.1 * effect - 0.2, 0.1 * effect + 0.2), p, p, False, 'bootstrap')
        alike = ([[0.5], [0.4]], [0.1] * 2, [None] * 2, [None] * 2, [0.01] * 2, [None] * 2, [(1, 2)] * 2, [[0, 1]])
        rows.append(Row(name, *alike, [pair]))
    candidates = [ComparedCandidate(label, None, [{}]) for label in labels]
    return Comparison(benchmark, candidates, rows, correction)


@pytest.mark.parametrize(
    ('effects', 'sentence'),
    [
        ((CLEAR, CLEAR, CLEAR), 'A leads B under all 3 comparisons (rdm, ridge, cka).'),
        ((-CLEAR, -CLEAR, -CLEAR), 'B leads A under all 3 comparisons (rdm, ridge, cka).'),
        ((CLEAR, WEAK, CLEAR), 'A leads B under 2 of 3 comparisons (rdm, cka); under ridge they are not told apart.'),
        ((WEAK, -CLEAR, WEAK), 'B leads A under one of 3 comparisons (ridge); under rdm, cka they are not told apart.'),
        ((WEAK, -WEAK, WEAK), 'A and B are not told apart under any of 3 comparisons (rdm, ridge, cka).'),
        ((CLEAR, -CLEAR, CLEAR), 'The order depends on the comparison: A leads under rdm, cka, B under ridge.'),
        (
            (CLEAR, -CLEAR, WEAK),
            'The order depends on the comparison: A leads under rdm, B under ridge; under cka they are not told apart.',
        ),
    ],
)
def test_verdicts(effects, sentence):
    names = ('rdm', 'ridge', 'cka')
    comparisons = [compared(f'Mouse.VISp-{name}', score=effect) for name, effect in zip(names, effects, strict=True)]
    (across,) = set_side_by_side(comparisons)
    assert across.sentences == [sentence]
    assert (across.recordings, across.comparisons) == ('Mouse.VISp', list(names))
    assert across_table(across).rows[0].strong


def mouse():
    return [
        compared('Mouse-rdm', VISp=CLEAR, VISl=WEAK, score=CLEAR),
        compared('Mouse-ridge', VISp=-CLEAR, score=CLEAR),  # without a score in VISl
        compared('Rat-rdm', score=WEAK),
    ]


def test_p_values_are_adjusted_over_the_comparisons_of_the_score_and_over_those_of_areas():
    across, rat = set_side_by_side(mouse(), ['Mouse-rdm', 'Mouse-ridge', 'Mouse-cka', 'Mouse-pls', 'Rat-rdm'])
    assert 'there is no score' not in ' '.join(rat.sentences)
    assert (across.recordings, rat.recordings) == ('Mouse', 'Rat')
    assert [(row.name, [own is not None for own in row.differences]) for row in across.rows] == [
        ('VISp', [True, True]),
        ('VISl', [True, False]),
        ('score', [True, True]),
    ]
    p = float(2 * stats.norm.sf(CLEAR))
    assert [own.p_adjusted for own in across.rows[-1].differences] == pytest.approx([2 * p] * 2)
    assert across.rows[0].differences[0].p_adjusted == pytest.approx(3 * p)
    assert across.sentences == [
        'A leads B under all 2 comparisons (rdm, ridge).',
        'Of 3 differences in areas, A leads in 1 and B in 1; in 1 they are not told apart.',
        'Under cka, pls there is no score: the ceiling is too uncertain.',
    ]
    json.dumps(across.document(), allow_nan=False)


def test_the_table_has_a_column_for_each_comparison():
    table = across_table(set_side_by_side(mouse())[0])
    assert [column.title for column in table.columns] == ['', 'rdm', 'ridge']
    text = [line.plain for line in to_lines(table, 80)]
    assert [line.split() for line in text if line.startswith('VISl')] == [['VISl', '+0.100', '±', '0.100']]
    assert any(line.split() == ['mean', '+0.350', '±', '0.100', '*', '+0.350', '±', '0.100', '*'] for line in text)
    assert 'only their signs are compared' in ' '.join(text)


@pytest.mark.seconds
def test_the_figure_has_a_panel_for_each_comparison():
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    several = set_side_by_side(mouse())
    figure = draw_across(several)
    FigureCanvasAgg(figure).draw()
    assert [axes.get_title() for axes in figure.axes] == ['rdm', 'ridge', 'rdm']
    points = [line for line in figure.axes[0].lines if line.get_marker() == 'o']
    assert [line.get_xdata()[0] for line in points] == pytest.approx([0.35, 0.1, 0.35])
    assert [line.get_markerfacecolor() == 'white' for line in points] == [False, True, False]
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ['VISp', 'VISl', 'mean']
    title = figure.subfigs[0].get_suptitle()
    assert 'A leads B under all 2 comparisons' in title
    for part in (figure.legends[0], *(part._suptitle for part in figure.subfigs)):
        extent = part.get_window_extent()
        assert figure.bbox.x0 <= extent.x0 < extent.x1 <= figure.bbox.x1


def test_what_cannot_be_set_side_by_side():
    with pytest.raises(BenchmarkError, match='SklearnDigits-accuracy has no other comparisons'):
        set_side_by_side([compared('SklearnDigits-accuracy', score=1)])
    with pytest.raises(BenchmarkError, match='expected two models, got 3'):
        set_side_by_side([compared('Mouse-rdm', labels='ABC', score=1)])
