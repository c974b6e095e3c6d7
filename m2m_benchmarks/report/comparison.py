"""Figure of comparisons: all candidates on each measure and seed, their differences from the first, and other mice."""

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from m2m_benchmarks.analysis.comparison import Comparison
from m2m_benchmarks.analysis.comparison import Row as ComparisonRow
from m2m_benchmarks.analysis.statistics import ALPHA
from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.report.comparison_tables import SHORT, group_letters, letter, method_lines, row_names
from m2m_benchmarks.storage import ensure_file_writable, user_file

FORMATS = ('.png', '.svg', '.pdf')
#: What to do where the file can't be written.
_OTHER_FIGURE = 'Name another file after --figure.'
#: Colours that colour-blind people can distinguish (Okabe & Ito).
_COLOURS = ('#D55E00', '#0072B2', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000')
_MARKERS = 'osD^v'
#: Distance between two candidates in a row of height 1, and most height that all candidates take together.
_STEP, _WIDEST = 0.24, 0.7
#: Most entries of the legend beside the candidates.
_FURTHER = 6
#: Number of characters of a title in an inch.
_CHARACTERS = 10
#: Maximum number of characters of names in one line of the legend.
_LINE = 70


def check_figure(path: Path) -> None:
    """Raise a StorageError when a figure can't be written to a file: check before a long run."""
    if path.suffix.lower() not in FORMATS or path.is_dir():
        raise StorageError(f'cannot draw a figure to {path}: expected a file that ends in {", ".join(FORMATS)}.')
    ensure_file_writable(path, _OTHER_FIGURE)


def draw(comparisons: Sequence[Comparison]) -> Figure:
    """Draw comparisons of the same candidates, one below the other.

    On the left, each measure has one row: small dots are seeds, joined where they are paired, large dots their mean
    with its 95 % interval; a band is the interval of the ceiling; two models have a letter in common if they can't be
    told apart. Beside them are the differences between the first candidate and each other, with their 95 % intervals
    and a star where the adjusted p value is at most .05. On the right, where there are three animals or more, is the
    raw value of each candidate on one animal beside that of all other animals.
    """
    n = len(comparisons[0].candidates)
    width = 12 if any(_with_mice(each) for each in comparisons) else 9
    titles = [_title(each, width) for each in comparisons]
    sizes = [
        1 + 0.2 * title.count('\n') + max(0.55, 0.22 * n) * len(each.rows)
        for each, title in zip(comparisons, titles, strict=True)
    ]
    figure = Figure(figsize=(width, 0.4 + 0.2 * (n + _FURTHER) + sum(sizes)), layout='constrained')
    panels = figure.subfigures(len(comparisons), 1, height_ratios=sizes, squeeze=False)[:, 0]
    legend: dict[str, Artist] = {}
    for panel, comparison, title in zip(panels, comparisons, titles, strict=True):
        panel.suptitle(title, x=0.01, ha='left', fontsize=10)
        for axes in _draw_panel(panel, comparison):
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
                legend.setdefault(label, handle)
    columns = 3 if sum(map(len, legend)) <= _LINE else 1
    figure.legend(legend.values(), legend, loc='outside lower left', ncols=columns, frameon=False)
    return figure


def write_figure(content: Any, path: Path, draw: Callable[[Any], Figure] = draw) -> None:
    """Draw a figure to a file, completely or not at all.

    Parameters
    ----------
    content : object
        What is drawn: by default, comparisons of the same candidates.
    path : Path
    draw : callable
        Function that draws it.

    Raises
    ------
    StorageError
        When the file can't be written.
    """
    check_figure(path)
    # A dollar in a name doesn't begin a formula.
    with user_file(path, _OTHER_FIGURE, 'wb') as file, matplotlib.rc_context({'text.parse_math': False}):
        draw(content).savefig(file, format=path.suffix[1:].lower(), dpi=150)


def _draw_panel(panel: SubFigure, comparison: Comparison) -> list[Axes]:
    """Draw one comparison and return its axes."""
    rows, n = comparison.rows, len(comparison.candidates)
    chance = comparison.candidates[0].results[0].get('chance')
    ratios = [4, 3, 2] if _with_mice(comparison) else [3, 2]
    panels = panel.subplots(1, len(ratios), sharey=True, width_ratios=ratios)
    values: Axes
    values, differences = panels[:2]
    heights = np.arange(len(rows))[::-1]
    offsets = _offsets(n)
    _draw_values(values, comparison, heights, offsets)
    _draw_differences(differences, comparison, heights, offsets)
    values.set_yticks(heights, row_names(comparison))
    values.set_ylim(-0.6, len(rows) - 0.4)  # whole markers, in a single row too
    values.set_xlabel('score' if chance is None else 'accuracy')
    which = 'first minus second' if n == 2 else 'A minus each other'
    # On two lines, it is narrower than the axes.
    differences.set_xlabel(f'{which}, 95 % interval\n* p ≤ {ALPHA} ({SHORT[comparison.correction]})')
    for axes in panels[2:]:
        _draw_mice(axes, comparison, heights, offsets)
        axes.set_xlabel('raw value on one animal')
    for axes in panels:
        axes.grid(axis='x', color='0.92')
        axes.set_axisbelow(True)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.spines[['top', 'right']].set_visible(False)
    if chance is not None:
        values.axvline(chance, color='0.6', linewidth=1, linestyle=':', label='chance')
    return list(panels)


def _title(comparison: Comparison, width: float) -> str:
    """Name the benchmark and the tests, in lines that fit into a figure of a width in inches."""
    lines = [comparison.benchmark, *method_lines(comparison)]
    return '\n'.join(part for line in lines for part in textwrap.wrap(line, int(width * _CHARACTERS)))


def _with_mice(comparison: Comparison) -> bool:
    return any(row.other_mice is not None for row in comparison.rows)


def _offsets(n: int) -> np.ndarray:
    """Heights of the candidates within a row, the first on top."""
    half = min(_STEP * (n - 1), _WIDEST) / 2
    return np.linspace(half, -half, n)


def _style(number: int) -> dict[str, Any]:
    return {'color': _COLOURS[number % len(_COLOURS)], 'marker': _MARKERS[number // len(_COLOURS) % len(_MARKERS)]}


def _draw_values(axes: Axes, comparison: Comparison, heights: np.ndarray, offsets: np.ndarray) -> None:
    for height, row in zip(heights, comparison.rows, strict=True):
        for pair in row.differences:
            if pair.paired and pair.second == pair.first + 1:
                between = [height + offsets[pair.first], height + offsets[pair.second]]
                for seed in zip(row.values[pair.first], row.values[pair.second], strict=True):
                    axes.plot(seed, between, color='0.75', linewidth=1, zorder=1)
    for number, (candidate, offset) in enumerate(zip(comparison.candidates, offsets, strict=True)):
        for height, row in zip(heights, comparison.rows, strict=True):
            seeds = row.values[number]
            axes.scatter(seeds, [height + offset] * len(seeds), s=14, alpha=0.5, zorder=2, **_style(number))
        for height, row in zip(heights, comparison.rows, strict=True):
            ends = row.intervals[number]
            if ends is not None:
                axes.plot(ends, [height + offset] * 2, color=_style(number)['color'], zorder=2)
        means = [row.means[number] for row in comparison.rows]
        label = candidate.label if len(comparison.candidates) == 2 else f'{letter(number)}  {candidate.label}'
        axes.scatter(means, heights + offset, s=60, label=label, zorder=3, **_style(number))
    if any(len(seeds) > 1 for row in comparison.rows for seeds in row.values):
        axes.scatter([], [], s=14, alpha=0.5, color='0.4', label='one seed')
    if any(ends is not None for row in comparison.rows for ends in row.intervals):
        axes.plot([], [], color='0.4', label='95 % interval')
    if len(comparison.candidates) > 2:
        axes.plot([], [], linestyle='', label='a letter in common: not told apart')
    for height, row in zip(heights, comparison.rows, strict=True):
        _draw_ceiling(axes, row, height)
        if len(comparison.candidates) > 2:
            _draw_groups(axes, row, height + offsets)


def _draw_ceiling(axes: Axes, row: ComparisonRow, height: float) -> None:
    if row.ceiling_interval is not None:
        axes.fill_betweenx(
            [height - 0.45, height + 0.45],
            *row.ceiling_interval,
            color='0.88',
            lw=0,
            zorder=0.5,
            label='ceiling, 95 % interval',
        )


def _draw_groups(axes: Axes, row: ComparisonRow, heights: np.ndarray) -> None:
    """Write the letters of each candidate's groups to the right of its seeds and interval."""
    for number, letters in enumerate(group_letters(row.groups, len(heights))):
        end = max(*row.values[number], row.means[number], *(row.intervals[number] or ()))
        _annotate(axes, letters, end, heights[number])


def _annotate(axes: Axes, text: str, x: float, y: float) -> None:
    """Write a few characters to the right of a point."""
    axes.annotate(text, (x, y), (5, 0), textcoords='offset points', va='center', fontsize=8, annotation_clip=False)


def _draw_mice(axes: Axes, comparison: Comparison, heights: np.ndarray, offsets: np.ndarray) -> None:
    """Draw the raw value of each candidate on one animal, and that of all other animals as a line."""
    for height, row in zip(heights, comparison.rows, strict=True):
        if row.other_mice is None:
            continue
        ends = [height - 0.45, height + 0.45]
        axes.plot([row.other_mice] * 2, ends, color='black', linewidth=2, label='other mice')
        for number, (value, offset) in enumerate(zip(row.model_per_animal, offsets, strict=True)):
            if value is not None:
                axes.plot([value], [height + offset], linestyle='', **_style(number))


def _draw_differences(axes: Axes, comparison: Comparison, heights: np.ndarray, offsets: np.ndarray) -> None:
    """Draw the first candidate minus each other; the difference of only two is black and centred in its row."""
    axes.axvline(0, color='0.6', linewidth=1)
    single = len(comparison.candidates) == 2
    for row_height, row in zip(heights, comparison.rows, strict=True):
        for pair in row.differences:
            if pair.first > 0:
                continue
            style = {'color': 'black', 'marker': 'o'} if single else _style(pair.second)
            height = row_height if single else row_height + offsets[pair.second]
            if pair.interval is not None:
                axes.hlines([height], *pair.interval, color=style['color'])
            axes.plot([pair.value], [height], linestyle='', **style)
            if pair.p_adjusted is not None and pair.p_adjusted <= ALPHA:
                _annotate(axes, '*', max(pair.value, *(pair.interval or ())), height)
