"""Figure of the difference that NeuRN makes."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from m2m_benchmarks.analysis.comparison import ALPHA, Comparison, Difference
from m2m_benchmarks.report.model_figures.drawing import WIDTH, Drawing, colour, short, style, tidy
from m2m_benchmarks.report.tables import Column, Row, Table, interval, number

_CAPTION = (
    'Score with NeuRN minus score of its twin without it, with the 95 % interval of this difference alone, from the '
    'same bootstrap draws for both. A star: p ≤ 0.05, not adjusted for the number of rows.'
)


def neurn_figure(comparisons: Sequence[Comparison]) -> Drawing:
    """Draw the differences that NeuRN makes on several benchmarks.

    Parameters
    ----------
    comparisons : sequence of Comparison
        The network with NeuRN and its twin without it, in this order.
    """
    rows = [(comparison.benchmark, row) for comparison in comparisons for row in comparison.rows]
    with style():
        figure = Figure(figsize=(WIDTH, 0.7 + 0.19 * len(rows)), layout='constrained')
        axes = figure.subplots()
        axes.axvline(0, color='0.5', linewidth=0.8)
        for y, (_, row) in enumerate(rows):
            difference = row.differences[0]
            if difference.interval is not None:
                axes.plot(difference.interval, [y, y], color=colour(0))
            axes.plot([difference.value], [y], 'o', color=colour(0))
            if _differs(difference):
                end = max([difference.value, *(difference.interval or ())])
                axes.annotate('*', (end, y), (3, 0), textcoords='offset points', va='center', annotation_clip=False)
        axes.set_yticks(range(len(rows)), [f'{short(benchmark, 30)} {short(row.name, 10)}' for benchmark, row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlabel('with NeuRN minus without')
        tidy(axes, 'x')
    known = '; '.join(f'{benchmark} {row.name} {row.differences[0].value:+.3f}' for benchmark, row in rows)
    columns = (
        *(
            Column('benchmark'),
            Column('measure'),
            number('with NeuRN'),
            number('without'),
            number('difference', '+.3f'),
        ),
        *(number('error'), interval('95 %', '+.3f'), number('p')),
    )
    lines = []
    for benchmark, row in rows:
        (own,) = row.differences
        ends = own.interval or (None, None)
        lines.append(Row((benchmark, row.name, *row.means, own.value, own.error, ends, own.p)))
    return Drawing(
        'neurn',
        'Difference by NeuRN',
        _CAPTION,
        f'Score with NeuRN minus without: {known}.',
        figure,
        Table(columns, lines),
    )


def _differs(difference: Difference) -> bool:
    return difference.p is not None and difference.p <= ALPHA
