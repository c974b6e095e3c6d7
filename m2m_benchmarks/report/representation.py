"""Table and figure of the distances of representations of neuroids from feature maps."""

import itertools
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from m2m_benchmarks.analysis.representation import ALL, AREA, Difference, Group, Representations
from m2m_benchmarks.report.model_figures.drawing import short
from m2m_benchmarks.report.tables import Column, Row, Table, count, heading, interval, number

#: Colours that colour-blind people can distinguish (Okabe & Ito), and the marks of pairs.
_COLOURS = ('#D55E00', '#0072B2', '#E69F00', '#56B4E9', '#009E73', '#CC79A7')
_MARKS = 'osD^v*'
#: Most names of points beside a panel; of more, pairs alone are told apart.
_MOST_NAMES = 14
_UNITS = {'standard': 'standard deviations of a map', 'minmax': 'ranges of a map'}


def representation_table(compared: Representations) -> Table:
    """Make the table of the areas and types; a difference is in the row of the first of a pair."""
    columns = (
        *(heading('candidate'), Column('neuroids'), count('n'), count('animals'), number('RMSE')),
        *(interval('95 % (neuroids)'), interval('95 % (animals)'), number('mean match'), number('floor')),
        *(number('ceiling'), number('score', '.2f'), interval('95 % (animals)', '.2f'), number('p', '.2f')),
    )
    rows = [
        Row(_cells(compared, own), strong=own.by == ALL)
        for candidate in compared.candidates
        for own in compared.groups
        if own.candidate == candidate
    ]
    notes = [
        'RMSE from the best feature map, matched on one half of the images and compared on the other. Chance: floor, '
        'the same with shuffled stimuli, score 0. Perfect: ceiling, the same with true maps and this noise, score 1.',
        '95 %: for new neuroids of these animals (bootstrap), and for new animals, none for fewer than three. p: '
        'shuffled stimuli give as small an RMSE.',
    ]
    if not compared.types:
        notes.append('The dataset has no types of neuroids.')
    return Table(columns, rows, compared.benchmark, notes=notes)


def layer_table(compared: Representations) -> Table:
    """Make the table of the layers that the neuroids of each area and type are matched to most."""
    columns = (
        *(heading('candidate'), Column('neuroids'), Column('best layer')),
        *(number('share', '.2f'), number('chance', '.2f')),
    )
    rows = [
        Row((candidate, own.name, own.layer, own.layer_share, own.layer_chance), strong=own.by == ALL)
        for candidate in compared.candidates
        for own in compared.groups
        if own.candidate == candidate
    ]
    taken = 'every convolution that runs' if compared.settings['layers'] == 'convolutional' else 'the scored layers'
    note = f'Layer, of {taken}, that most matches are to; their share, and chance: the same with shuffled stimuli.'
    return Table(columns, rows, 'Best layers', notes=[note])


def difference_table(compared: Representations) -> Table:
    """Make the table of the differences of pairs of candidates."""
    columns = (
        *(heading('pair'), Column('neuroids'), number('RMSE'), interval('95 % (neuroids)'), interval('95 % (animals)')),
        *(number('beyond'), interval('95 % (animals)')),
    )
    rows = [
        Row((f'{own.first} minus {own.second}', own.name, *_difference_cells(own)), strong=own.by == ALL)
        for own in compared.differences
    ]
    notes = ['Below 0, the first of a pair is closer. beyond: the same for RMSE - floor.']
    if compared.over_networks is not None and compared.over_networks.interval is not None:
        low, high = compared.over_networks.interval
        notes.append(f'Over networks: {compared.over_networks.value:.3f}, 95 % {low:.3f} to {high:.3f}.')
    return Table(columns, rows, 'Differences of RMSE', notes=notes)


def _cells(compared: Representations, own: Group) -> tuple[Any, ...]:
    score = None if own.score is None else own.score.interval
    return (
        *(own.candidate, own.name, own.n_neuroids, own.n_animals, own.rmse.value),
        *(own.rmse.neurons, own.rmse.interval or (None, None), own.mean_match, own.floor),
        *(own.ceiling, None if own.score is None else own.score.value, score or (None, None)),
        compared.p_shuffled[own.candidate][own.name] if own.by == AREA else None,
    )


def _difference_cells(own: Difference) -> tuple[Any, ...]:
    none = (None, None)
    return (
        *(own.rmse.value, own.rmse.neurons, own.rmse.interval or none),
        *(own.beyond_floor.value, own.beyond_floor.interval or none),
    )


def draw_representations(compared: Representations) -> Figure:
    """Draw violins of all neuroids by area and, where known, by type, and the pairs beside the line of equality."""
    kinds = [AREA, *compared.types]
    rows = [kind for kind in kinds if any(group.by == kind for group in compared.groups)]
    paired = bool(compared.differences)
    figure = Figure(figsize=(7.0, 1.0 + 2.2 * len(rows)), layout='constrained')
    grid = figure.add_gridspec(len(rows), 2 if paired else 1, width_ratios=[1.8, 1] if paired else [1])
    for row, kind in enumerate(rows):
        axes = figure.add_subplot(grid[row, 0])
        _draw_violins(axes, compared, kind)
        if paired:
            _draw_pairs(figure.add_subplot(grid[row, 1]), compared, kind)
    styles = _styles(compared)
    handles = [
        Patch(facecolor=styles[name].colour, alpha=styles[name].alpha, label=f'{letter}: {short(name, 50)}')
        for letter, name in _letters(compared).items()
    ]
    figure.legend(handles=handles, loc='outside lower center', frameon=False, fontsize=7, ncols=2)
    unit = _UNITS[compared.settings['range']]
    marks = '● mean, — chance (floor), ⋯ perfect (ceiling)'
    if any(group.rmse.interval is not None for group in compared.groups) and paired:
        marks += '; bars on the right: 95 % over animals'
    if compared.over_networks is not None and compared.over_networks.interval is not None:
        low, high = compared.over_networks.interval
        marks += f'\nfirst of a pair minus second: {compared.over_networks.value:.3f}, 95 % over networks '
        marks += f'{low:.3f} to {high:.3f}'
    figure.suptitle(f'{compared.benchmark}; RMSE in {unit}\n{marks}', fontsize=8)
    return figure


@dataclass(frozen=True)
class _Style:
    """Colour of a candidate, and how strong it is."""

    colour: str
    alpha: float


def _pairs(compared: Representations) -> list[tuple[str, str]]:
    return list(dict.fromkeys((each.first, each.second) for each in compared.differences))


def _styles(compared: Representations) -> dict[str, _Style]:
    """Style of each candidate: a colour of its own, or where there are more than colours, one for each pair."""
    candidates, pairs = compared.candidates, _pairs(compared)
    if len(candidates) <= len(_COLOURS) or not pairs:
        return {name: _Style(colour, 0.6) for colour, name in zip(itertools.cycle(_COLOURS), candidates)}
    styles = {name: _Style('0.5', 0.6) for name in candidates}
    for colour, pair in zip(itertools.cycle(_COLOURS), pairs):
        for name, alpha in zip(pair, (0.85, 0.35), strict=True):
            styles[name] = _Style(colour, alpha)
    return styles


def _letters(compared: Representations) -> dict[str, str]:
    """Letter of each candidate; of more than there are letters, two."""
    single = list(string.ascii_uppercase)
    letters = itertools.chain(single, (first + second for first in single for second in single))
    return dict(zip(letters, compared.candidates))  # noqa: B905 - there are more letters than candidates


def _draw_violins(axes: Axes, compared: Representations, kind: str) -> None:
    groups = [group for group in compared.groups if group.by == kind]
    names, n = list(dict.fromkeys(group.name for group in groups)), len(compared.candidates)
    for group in groups:
        neurons = compared.neurons
        of_group = (neurons[kind] == group.name) & (neurons['candidate'] == group.candidate)
        number = compared.candidates.index(group.candidate)
        place, width = names.index(group.name) + (number - (n - 1) / 2) * 0.8 / n, 0.75 / n
        axes.violinplot(neurons['rmse'][of_group], [place], widths=width, showextrema=False)
        for body in axes.collections[-1:]:
            style = _styles(compared)[group.candidate]
            body.set(facecolor=style.colour, alpha=style.alpha, linewidth=0)
        axes.plot(place, group.rmse.value, marker='o', color='black', markersize=2)
        for level, line in ((group.floor, '-'), (group.ceiling, ':')):
            axes.hlines(level, place - width / 2, place + width / 2, color='black', linestyle=line, linewidth=1)
    axes.set_xticks(range(len(names)), names, fontsize=7, rotation=0 if len(names) < 8 else 90)
    axes.set(ylabel='RMSE', ylim=(0, None))
    axes.set_title(f'by {kind}', fontsize=7)
    _small(axes)


def _draw_pairs(axes: Axes, compared: Representations, kind: str) -> None:
    pairs, styles = _pairs(compared), _styles(compared)
    groups = {(group.name, group.candidate): group for group in compared.groups if group.by == kind}
    values: list[float] = []
    points: list[tuple[float, float, str, str]] = []
    letters = {name: letter for letter, name in _letters(compared).items()}
    for mark, (first, second) in zip(itertools.cycle(_MARKS), pairs):
        axes.plot([], [], mark, color=styles[first].colour, markersize=4, label=f'{letters[first]}, {letters[second]}')
        for name in dict.fromkeys(group.name for group in groups.values()):
            x, y = groups[name, second].rmse, groups[name, first].rmse
            colour = styles[first].colour
            axes.plot(x.value, y.value, marker=mark, color=colour, markersize=4)
            if x.interval is not None and y.interval is not None:
                axes.plot(x.interval, [y.value] * 2, color=colour, linewidth=0.5)
                axes.plot([x.value] * 2, y.interval, color=colour, linewidth=0.5)
            points.append((y.value, x.value, name, colour))
            values += [bound for mean in (x, y) for bound in (mean.value, *(mean.interval or ()))]
    ends = [min(values), max(values)]
    axes.plot(ends, ends, color='grey', linewidth=0.8, linestyle='--', zorder=0)
    axes.set_aspect('equal')
    if len(points) <= _MOST_NAMES:
        _name_points(axes, points, ends)
    if len(pairs) == 1:
        first, second = (letters[name] for name in pairs[0])
    else:
        first, second = 'the first of a pair', 'the second of a pair'
        axes.legend(fontsize=6, frameon=False, loc='upper left', handletextpad=0.2, borderpad=0)
    axes.set(xlabel=f'RMSE of {second}', ylabel=f'RMSE of {first}')
    axes.set_title(f'below the line: {first} closer', fontsize=7)
    _small(axes)


def _name_points(axes: Axes, points: Sequence[tuple[float, float, str, str]], ends: Sequence[float]) -> None:
    """Name points (y, x, name, colour) beside the axes, in the order of their heights and apart from one another."""
    ordered = sorted(points)
    own = np.array([point[0] for point in ordered])
    gap = 0.075 * (ends[1] - ends[0])
    heights = np.maximum.accumulate(own - gap * np.arange(len(own))) + gap * np.arange(len(own))
    heights -= (heights - own).mean()
    for height, (y, x, name, colour) in zip(heights, ordered, strict=True):
        axes.annotate(
            name,
            (x, y),
            (ends[1] + gap, height),
            annotation_clip=False,
            va='center',
            fontsize=6,
            color=colour,
            arrowprops={'arrowstyle': '-', 'color': '0.7', 'linewidth': 0.4, 'shrinkA': 0, 'shrinkB': 2},
        )


def _small(axes: Axes) -> None:
    axes.spines[['top', 'right']].set_visible(False)
    axes.tick_params(labelsize=6)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_fontsize(7)
