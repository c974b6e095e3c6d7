"""Figure of a comparison: both models on each measure, seed by seed, and their difference."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.storage import explained, replacing, writable
from m2m_benchmarks.training.comparison import Comparison

FORMATS = ('.png', '.svg', '.pdf')
#: Distinguishable to the colour-blind (Okabe & Ito).
_COLOURS = ('#D55E00', '#0072B2')


def check_figure(path: Path) -> None:
    """Raise a StorageError when a figure can't be written there: asked before a long run, not after it."""
    if path.suffix.lower() not in FORMATS or path.is_dir():
        raise StorageError(f'cannot draw a figure to {path}: expected a file that ends in {", ".join(FORMATS)}.')
    writable(path.absolute().parent, 'Name another file after --figure.')


def draw(comparison: Comparison) -> Figure:
    """The figure.

    On the left, each measure has one row: small dots are seeds, joined where they belong together, and large ones
    their mean. On the right are the differences with their 95 % intervals.
    """
    rows, chance = comparison.rows, comparison.results[0].get('chance')
    figure = Figure(figsize=(9, 1.6 + 0.55 * len(rows)), layout='constrained')
    values, differences = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    places = np.arange(len(rows))[::-1]
    for place, row in zip(places, rows, strict=True):
        for one, other in zip(row.first, row.second, strict=True):
            values.plot([one, other], [place + 0.12, place - 0.12], color='0.75', linewidth=1, zorder=1)
    for number, offset in enumerate((0.12, -0.12)):
        every = [row.second if number else row.first for row in rows]
        for place, own in zip(places, every, strict=True):
            values.scatter(own, [place + offset] * len(own), s=14, color=_COLOURS[number], alpha=0.5, zorder=2)
        means = [np.mean(own) for own in every]
        values.scatter(means, places + offset, s=60, color=_COLOURS[number], label=comparison.models[number], zorder=3)
    differences.axvline(0, color='0.6', linewidth=1)
    differences.hlines(places, *zip(*(row.interval for row in rows), strict=True), color='black')
    differences.plot([row.difference for row in rows], places, 'o', color='black')
    values.set_yticks(places, [row.name for row in rows])
    values.set_xlabel('score' if chance is None else 'accuracy')
    differences.set_xlabel('difference, 95 % interval')
    for axes in (values, differences):
        axes.grid(axis='x', color='0.92')
        axes.set_axisbelow(True)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.spines[['top', 'right']].set_visible(False)
    if chance is not None:
        values.axvline(chance, color='0.6', linewidth=1, linestyle=':', label='chance')
    figure.legend(*values.get_legend_handles_labels(), loc='outside upper right', ncols=3, frameon=False)
    figure.suptitle(f'{comparison.benchmark}\n{comparison.method}', x=0.01, ha='left', fontsize=10)
    return figure


def write_figure(comparison: Comparison, path: Path) -> None:
    """Draw a comparison to a file, whole or not at all.

    Raises
    ------
    StorageError
        When it can't be written.
    """
    check_figure(path)
    figure = draw(comparison)
    with explained(path.name, path.absolute().parent), replacing(path.absolute(), 'wb') as file:
        figure.savefig(file, format=path.suffix[1:].lower(), dpi=150)
