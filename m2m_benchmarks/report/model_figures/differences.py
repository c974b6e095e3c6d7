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
    rows = [
        (comparison.benchmark, row.name, *(row.means[number_] for number_ in (0, 1)), row.differences[0])
        for comparison in comparisons
        for row in comparison.rows
    ]
    with style():
        figure = Figure(figsize=(WIDTH, 0.7 + 0.19 * len(rows)), layout='constrained')
        axes = figure.subplots()
        axes.axvline(0, color='0.5', linewidth=0.8)
        for y, (_, _, _, _, difference) in enumerate(rows):
            if difference.interval is not None:
                axes.plot(difference.interval, [y, y], color=colour(0))
            axes.plot([difference.value], [y], 'o', color=colour(0))
            if _differs(difference):
                end = max(difference.value, *(difference.interval or ()))
                axes.annotate('*', (end, y), (3, 0), textcoords='offset points', va='center', annotation_clip=False)
        axes.set_yticks(range(len(rows)), [f'{short(benchmark, 30)} {short(name, 10)}' for benchmark, name, *_ in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlabel('score with NeuRN minus without (no unit)')
        tidy(axes, 'x')
    known = '; '.join(f'{benchmark} {name} {own.value:+.3f}' for benchmark, name, _, _, own in rows)
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
    lines = [
        Row((benchmark, name, first, second, own.value, own.error, own.interval or (None, None), own.p))
        for benchmark, name, first, second, own in rows
    ]
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
