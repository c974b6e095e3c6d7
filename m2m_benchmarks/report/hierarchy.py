"""Table and figure of a functional hierarchy."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from m2m_benchmarks.analysis.hierarchy import Hierarchy
from m2m_benchmarks.report.model_figures.drawing import short
from m2m_benchmarks.report.tables import Column, Row, Table, interval, number

#: Colours of the figure that colour-blind people can distinguish (Okabe & Ito).
_BLUE, _ORANGE = '#0072B2', '#D55E00'
#: Most layers that are named; of more, every second, third and so on.
_MOST_NAMES = 30
#: Longest names of layers, in characters, that are shown whole.
_LONGEST_NAME = 24
#: Least distance of the names of two areas, in the unit of the anatomical hierarchy.
_APART = 0.06


def hierarchy_table(compared: Hierarchy) -> Table:
    """Make the table of the areas in their anatomical order."""
    rows = [
        Row((own.area, own.anatomical, own.layer, own.values[own.layer], own.depth, own.interval or (None, None)))
        for own in compared.areas
    ]
    spread = (
        ''
        if compared.interval is None
        else f', 95 % of the draws {compared.interval[0]:.2f} to {compared.interval[1]:.2f}'
    )
    notes = [
        f'Spearman correlation of depth and anatomical place: {compared.correlation:.2f}{spread}; p = {compared.p:.3f} '
        f'over all orders of {len(rows)} areas. Chance: 0; perfect: 1.',
        'depth: 0 is the first layer, 1 the last. 95 %: best layers on draws of animals and stimuli.',
    ]
    columns = (
        *(Column('area'), number('anatomical', '.3f'), Column('best layer'), number('raw', '.3f')),
        *(number('depth', '.2f'), interval('95 %', '.2f')),
    )
    return Table(columns, rows, f'{compared.benchmark}, {compared.candidate}', notes=notes)


def draw_hierarchy(compared: Hierarchy) -> Figure:
    """Draw the raw values of all layers for each area, and the depth of the best layer beside the anatomical place."""
    figure = Figure(figsize=(7.0, 3.2), layout='constrained')
    matrix, scatter = figure.subplots(1, 2, width_ratios=[1.4, 1])
    layers = list(compared.areas[0].values)
    # Each area has its own range: areas differ in how well they can be predicted.
    values = np.array([list(own.values.values()) for own in compared.areas])
    spans = np.ptp(values, axis=1, keepdims=True)
    image = matrix.imshow((values - values.min(axis=1, keepdims=True)) / np.where(spans > 0, spans, 1), cmap='cividis')
    matrix.set_aspect('auto')
    for row, own in enumerate(compared.areas):
        matrix.plot(layers.index(own.layer), row, marker='o', color=_ORANGE, markeredgecolor='white', markersize=6)
    matrix.set_yticks(range(len(compared.areas)), [own.area for own in compared.areas], fontsize=7)
    step = -(-len(layers) // _MOST_NAMES)
    named = range(0, len(layers), step)
    names, shared = _without_shared(layers)
    matrix.set_xticks(named, [short(names[number], _LONGEST_NAME) for number in named], fontsize=6, rotation=90)
    matrix.set(xlabel=f'layer{shared}')
    matrix.set_title('match (range of each area); ● best layer', fontsize=8)
    bar = figure.colorbar(image, ax=matrix, shrink=0.8)
    bar.set_label('raw, rescaled', fontsize=7)
    bar.ax.tick_params(labelsize=7)
    places = np.array([own.anatomical for own in compared.areas])
    # Names that would touch are moved to the right.
    moved = np.maximum.accumulate(places - _APART * np.arange(len(places))) + _APART * np.arange(len(places))
    for place, own in zip(moved, compared.areas, strict=True):
        if own.interval is not None:
            scatter.plot([own.anatomical] * 2, own.interval, color=_BLUE, linewidth=1)
        scatter.plot(own.anatomical, own.depth, marker='o', color=_ORANGE, markersize=5)
        scatter.text(place, 1.05, own.area, fontsize=6, rotation=90, ha='center', va='bottom')
    scatter.set(xlabel='anatomical hierarchy', ylabel='depth of the best layer', ylim=(-0.05, 1.3), xlim=(-0.45, 0.5))
    scatter.set_yticks(np.linspace(0, 1, 6))
    lines = '' if compared.interval is None else '\nlines: 95 % of draws'
    scatter.set_title(f'Spearman {compared.correlation:.2f}, p = {compared.p:.3f}{lines}', fontsize=8)
    scatter.spines[['top', 'right']].set_visible(False)
    for axes in (matrix, scatter):
        axes.xaxis.label.set_fontsize(8)
        axes.yaxis.label.set_fontsize(8)
        axes.tick_params(axis='y', labelsize=7)
    scatter.tick_params(axis='x', labelsize=7)
    figure.suptitle(f'{short(compared.candidate, 60)}, {compared.benchmark}', fontsize=9)
    return figure


def _without_shared(layers: Sequence[str]) -> tuple[list[str], str]:
    """Leave out what the long names of all layers begin and end with, and say what it is."""
    parts = [layer.split('.') for layer in layers]
    if max(map(len, layers)) <= _LONGEST_NAME or len(layers) < 2:
        return list(layers), ''
    least = min(map(len, parts)) - 1
    first = next((n for n in range(least) if len({own[n] for own in parts}) > 1), least)
    last = next((n for n in range(least - first) if len({own[-1 - n] for own in parts}) > 1), least - first)
    names = ['.'.join(own[first : len(own) - last]) for own in parts]
    shared = '.'.join([*parts[0][:first], '…', *parts[0][len(parts[0]) - last :]])
    return names, f' ({short(shared, 60)})' if first or last else ''
