"""Table and figure of two candidates under several comparisons."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from m2m_benchmarks.report.comparison_tables import SHORT, mean_name
from m2m_benchmarks.report.tables import Cell, Column, Row, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from m2m_benchmarks.analysis.across import Across
    from m2m_benchmarks.analysis.comparison import Difference

#: Colours of a lead of the first and of the second candidate, and of neither.
_COLOURS = {0: '#D55E00', 1: '#0072B2', None: '0.45'}
#: Characters in a line above a figure.
_LINE = 110


def across_table(across: 'Across') -> Table:
    """Lay out the differences with a column for each comparison."""
    columns = [Column(''), *(Column(name, 'number') for name in across.comparisons)]
    rows = [
        Row((name, *map(_cell, row.differences)), strong=row is across.rows[-1])
        for name, row in zip(_row_names(across), across.rows, strict=True)
    ]
    first, second = across.candidates
    above = ', and over all rows above it' if len(across.rows) > 1 else ''
    notes = [
        *across.sentences,
        f'{first} − {second} ± standard error; *: p ≤ .05 ({SHORT[across.correction]}, over the comparisons of the '
        f'last row{above}). The columns have different units: only their signs are compared.',
    ]
    return Table(columns, rows, across.recordings, notes)


def draw_across(several: Sequence['Across']) -> 'Figure':
    """Draw the differences with a panel for each comparison, and their 95 % intervals.

    A difference is filled and coloured where its adjusted p value is at most .05.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    from m2m_benchmarks.analysis.across import leader

    titles = [_title(across) for across in several]
    sizes = [
        1 + 0.2 * title.count('\n') + max(0.9, 0.3 * len(across.rows))
        for title, across in zip(titles, several, strict=True)
    ]
    width = 1.5 + 2.4 * max(len(across.comparisons) for across in several)
    figure = Figure(figsize=(max(9, width), 0.6 + sum(sizes)), layout='constrained')
    parts = figure.subfigures(len(several), 1, height_ratios=sizes, squeeze=False)[:, 0]
    for part, title, across in zip(parts, titles, several, strict=True):
        panels = part.subplots(1, len(across.comparisons), sharey=True, squeeze=False)[0]
        heights = range(len(across.rows))[::-1]
        for number, (axes, name) in enumerate(zip(panels, across.comparisons, strict=True)):
            axes.axvline(0, color='0.6', linewidth=1)
            for height, row in zip(heights, across.rows, strict=True):
                difference = row.differences[number]
                if difference is None:
                    continue
                who = leader(difference)
                if difference.interval is not None:
                    axes.plot(difference.interval, [height] * 2, color=_COLOURS[who])
                fill = 'white' if who is None else _COLOURS[who]
                axes.plot([difference.value], [height], 'o', color=_COLOURS[who], markerfacecolor=fill)
            axes.set_title(name, fontsize=10)
            axes.set_yticks(heights, _row_names(across))
            axes.set_ylim(-0.6, len(across.rows) - 0.4)
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.grid(axis='x', color='0.92')
            axes.set_axisbelow(True)
            axes.spines[['top', 'right']].set_visible(False)
        part.supxlabel('first minus second, 95 % interval; each comparison in its own unit', fontsize=10)
        part.suptitle(title, x=0.01, ha='left', fontsize=10)
    first, second = several[0].candidates
    correction = SHORT[several[0].correction]
    handles = [
        _point(_COLOURS[0], f'{first} leads (p ≤ .05, {correction})'),
        _point(_COLOURS[1], f'{second} leads'),
        _point(_COLOURS[None], 'not told apart', 'white'),
    ]
    figure.legend(handles=handles, loc='outside lower left', ncols=1, frameon=False)
    return figure


def _row_names(across: 'Across') -> list[str]:
    return mean_name([row.name for row in across.rows])


def _cell(difference: 'Difference | None') -> Cell:
    if difference is None:
        return None
    from m2m_benchmarks.analysis.across import leader

    return f'{difference.value:+.3f} ± {difference.error:.3f} {" " if leader(difference) is None else "*"}'


def _title(across: 'Across') -> str:
    return '\n'.join([across.recordings, *(textwrap.fill(sentence, _LINE) for sentence in across.sentences)])


def _point(colour: str, label: str, fill: str | None = None) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], marker='o', color=colour, markerfacecolor=fill or colour, label=label)
