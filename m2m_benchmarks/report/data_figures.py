"""Figures of the report on a dataset: panels, each a figure of the page, and all below one another in one figure."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import MaxNLocator

from m2m_benchmarks.analysis.data_report.missing import missing
from m2m_benchmarks.analysis.data_report.recordings import Recording
from m2m_benchmarks.analysis.data_report.report import DataReport
from m2m_benchmarks.messages import printable

#: Width of all figures in inches, and most areas side by side.
_WIDTH, _COLUMNS = 7.2, 6
#: Colours that colour-blind people can distinguish (Okabe & Ito).
_BLUE, _VERMILION, _GREEN, _PURPLE, _SKY = '#0072B2', '#D55E00', '#009E73', '#CC79A7', '#56B4E9'
#: Bins of reliabilities in the figure; those below 0 are in the first.
_BINS = [n / 20 for n in range(21)]


@dataclass(frozen=True)
class Panel:
    """Part of the report's figure.

    Attributes
    ----------
    key : str
        Name on the page.
    caption : str
        What is shown.
    height : float
        Height in inches.
    draw : callable
        Function that draws it on a figure or a part of one.
    """

    key: str
    caption: str
    height: float
    draw: Callable[[FigureBase], None]

    def figure(self) -> Figure:
        """Draw the panel as a figure of its own."""
        figure = Figure(figsize=(_WIDTH, self.height), layout='constrained')
        self.draw(figure)
        return figure


def draw_report(report: DataReport) -> Figure:
    """Draw all panels below one another."""
    own = panels(report)
    figure = Figure(figsize=(_WIDTH, sum(panel.height + 0.25 for panel in own) + 0.3), layout='constrained')
    parts = figure.subfigures(len(own), 1, height_ratios=[panel.height + 0.25 for panel in own], squeeze=False)[:, 0]
    for part, panel, letter in zip(parts, own, 'abcdefgh', strict=False):
        panel.draw(part)
        part.suptitle(f'{letter}  {panel.caption.partition(".")[0]}', x=0.01, ha='left', fontsize=8, fontweight='bold')
    figure.suptitle(printable(f'{report.name}: {len(report.recordings)} recordings'), fontsize=9)
    return figure


def panels(report: DataReport) -> list[Panel]:
    """List the panels that the dataset has something for."""
    areas = len(report.areas)
    rows = -(-areas // _COLUMNS)
    listed = [
        Panel(
            'neuroids',
            'Neuroids and ceilings of each area. Left: neuroids that are scored and others. Right: ceilings on the '
            'scored ones; the line is the noise ceiling over animals (Nili et al. 2014).',
            0.9 + 0.28 * areas,
            functools.partial(_draw_neuroids, report),
        )
    ]
    if any(len(area.reliabilities) for area in report.areas):
        listed.append(
            Panel(
                'reliability',
                'Split-half reliability of the neuroids of each area. Those right of the dashed line are scored.',
                0.3 + 1.4 * rows,
                functools.partial(_draw_reliabilities, report),
            )
        )
    if report.rdms:
        listed.append(
            Panel(
                'rdms',
                'RDM of each area: 1 - Pearson correlation over its scored neuroids. Images are in the order of their '
                'names.',
                0.4 + 1.35 * (-(-len(report.rdms) // _COLUMNS)),
                functools.partial(_draw_rdms, report),
            )
        )
    listed.append(
        Panel(
            'recordings',
            'Recordings of each area, each a dot. Those that stand out are diamonds, with their animal. Agreement: '
            "correlation of a recording's RDM with the others' of its area.",
            0.8 + 0.3 * areas,
            functools.partial(_draw_recordings, report),
        )
    )
    if missing(report.recordings):
        height = 0.9 + min(0.12 * len(report.recordings), 4)
        caption = 'Presentations of each image in each recording. Recordings are in the order of their table.'
        listed.append(Panel('missing', caption, height, functools.partial(_draw_missing, report)))
    if report.responses:
        listed.append(
            Panel(
                'responses',
                'Responses to the images. Left: mean response of the scored neuroids of each area, images in its order '
                '(SD: of each neuroid over images). Right: mean responses of the neuroids; dot: median, '
                'thick line: quartiles, thin line: 5 % to 95 %.',
                0.9 + 0.28 * max(areas, 4),
                functools.partial(_draw_responses, report),
            )
        )
    return listed


def _draw_neuroids(report: DataReport, figure: FigureBase) -> None:
    left, right = figure.subplots(1, 2, sharey=True)
    heights = np.arange(len(report.areas))[::-1]
    scored = np.array([area.n_reliable for area in report.areas])
    others = np.array([area.n_neuroids for area in report.areas]) - scored
    left.barh(heights, scored, color=_BLUE, label='scored')
    left.barh(heights, others, left=scored, color=_SKY, hatch='///', edgecolor='white', label='not scored')
    for height, area in zip(heights, report.areas, strict=True):
        text = f'{area.n_animals} animal{"s" * (area.n_animals != 1)}'
        left.annotate(text, (area.n_neuroids, height), (3, 0), textcoords='offset points', va='center', fontsize=6)
    left.set_xlim(0, 1.25 * max(area.n_neuroids for area in report.areas))
    left.set(xlabel='neuroids')
    left.set_yticks(heights, [printable(area.name) for area in report.areas])
    kinds = (
        ('population', 'o', _BLUE, '-rdm, population'),
        ('trials', 's', _GREEN, '-rdm, trials'),
        ('animals', '^', _VERMILION, '-rdm, animals'),
        ('regression', 'x', _PURPLE, '-ridge, reliability'),
    )
    # Beside one another where they are equal.
    for shift, (name, marker, colour, label) in zip((0.15, 0.05, -0.05, -0.15), kinds, strict=True):
        pairs = [(getattr(own, name), height + shift) for own, height in zip(report.ceilings, heights, strict=True)]
        known = [(value, height) for value, height in pairs if value is not None]
        if known:
            right.plot(*zip(*known, strict=True), linestyle='', marker=marker, color=colour, markersize=4, label=label)
    for own, height in zip(report.ceilings, heights, strict=True):
        if own.bounds is not None:
            right.plot(own.bounds, [height] * 2, color='0.5', linewidth=1.5, zorder=0)
    right.set(xlabel='ceiling', xlim=(min([0.0, *(own.population or 0.0 for own in report.ceilings)]), 1.05))
    for axes in (left, right):
        _small(axes)
        if axes.get_legend_handles_labels()[1]:
            axes.legend(fontsize=6, frameon=False, ncols=2, loc='lower center', bbox_to_anchor=(0.5, 1))
    right.grid(axis='x', color='0.5', alpha=0.25)


def _grid(figure: FigureBase, n: int) -> list[Axes]:
    """Make axes side by side, at most six in a row."""
    columns = min(n, _COLUMNS)
    axes = figure.subplots(-(-n // columns), max(columns, 3), squeeze=False, sharex=True)
    kept = [axes[row, column] for row in range(len(axes)) for column in range(columns)][:n]
    for own in axes.flat:
        if own not in kept:
            own.set_axis_off()
    return kept


def _draw_reliabilities(report: DataReport, figure: FigureBase) -> None:
    for number, (axes, area) in enumerate(zip(_grid(figure, len(report.areas)), report.areas, strict=True)):
        axes.hist(np.clip(area.reliabilities, 0, 1), bins=_BINS, color=_BLUE)
        axes.axvline(0.5, color=_VERMILION, linestyle='--', linewidth=1)
        axes.set_title(printable(area.name), fontsize=7)
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.5, 1], ['≤0', '0.5', '1'])
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.set(xlabel='reliability', ylabel='neuroids' if number % _COLUMNS == 0 else '')
        _small(axes)


def _draw_rdms(report: DataReport, figure: FigureBase) -> None:
    kept = _grid(figure, len(report.rdms))
    highest = max(float(np.quantile(own, 0.99)) for own in report.rdms.values())
    for axes, (area, own) in zip(kept, report.rdms.items(), strict=True):
        image = axes.imshow(own, vmin=0, vmax=highest, cmap='viridis', interpolation='nearest')
        axes.set_title(printable(area), fontsize=7)
        axes.set_xticks([])
        axes.set_yticks([])
    bar = figure.colorbar(image, ax=kept, shrink=0.7, aspect=12)
    bar.set_label('1 - correlation', fontsize=7)
    bar.ax.tick_params(labelsize=6)


def _draw_recordings(report: DataReport, figure: FigureBase) -> None:
    outstanding = report.outstanding()
    measures: Sequence[tuple[str, Callable[[Recording], float | None]]] = (
        ('window (ms)', lambda one: one.window_ms),
        ('presentations', lambda one: one.repetitions),
        ('mean response', lambda one: one.response),
        ('reliability', lambda one: one.reliability),
        ('agreement', lambda one: one.agreement),
    )
    names = [area.name for area in report.areas]
    rng = np.random.default_rng(0)
    spread = {id(one): rng.uniform(-0.25, 0.25) for one in report.recordings}
    columns = figure.subplots(1, len(measures), sharey=True)
    for axes, (title, value) in zip(columns, measures, strict=True):
        known = [number for number in map(value, report.recordings) if number is not None]
        least, most = min([0.0, *known]), max(known, default=0.0) or 1.0
        for one in report.recordings:
            number, odd = value(one), one in outstanding
            if number is None:
                continue
            height = len(names) - 1 - names.index(one.area) + (0.0 if odd else spread[id(one)])
            style = {'marker': 'D', 'color': _VERMILION} if odd else {'marker': 'o', 'color': _BLUE}
            axes.plot(number, height, markersize=5 if odd else 3, alpha=1 if odd else 0.7, linestyle='', **style)
            if odd and axes is columns[0]:
                _name(axes, printable(one.animal), number, height, most / 2)
        axes.set_xlabel(title)
        axes.set_yticks(range(len(names)), [printable(name) for name in names[::-1]])
        axes.set_ylim(-0.6, len(names) - 0.4)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.set_xlim(1.1 * least, 1.1 * most)
        axes.grid(axis='y', color='0.5', alpha=0.25)
        _small(axes)


def _name(axes: Axes, text: str, x: float, y: float, middle: float) -> None:
    """Write a name above a point, towards the middle of the axes."""
    side = 'left' if x < middle else 'right'
    short = text if len(text) < 20 else f'{text[:19]}…'
    axes.annotate(short, (x, y), (0, 5), textcoords='offset points', fontsize=6, va='bottom', ha=side)


def _draw_missing(report: DataReport, figure: FigureBase) -> None:
    axes = figure.subplots()
    counts = report.presentations()
    image = axes.imshow(counts, aspect='auto', vmin=0, cmap='viridis', interpolation='nearest')
    axes.set(xlabel='image', ylabel='recording')
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    bar = figure.colorbar(image, ax=axes)
    bar.set_label('presentations', fontsize=7)
    bar.ax.tick_params(labelsize=6)
    _small(axes)


def _draw_responses(report: DataReport, figure: FigureBase) -> None:
    left, right = figure.subplots(1, 2)
    styles = [(colour, line) for line in ('-', '--', ':') for colour in (_BLUE, _VERMILION, _GREEN, _PURPLE, _SKY)]
    for number, own in enumerate(report.responses):
        colour, line = styles[number % len(styles)]
        places = np.linspace(0, 100, len(own.means))
        left.plot(places, own.means, color=colour, linestyle=line, linewidth=1, label=printable(own.area))
    left.axhline(0, color='0.5', linewidth=0.6)
    left.set(xlabel='images, from least to most (%)', ylabel='mean response (SD)')
    left.legend(fontsize=6, frameon=False, ncols=2)
    heights = np.arange(len(report.responses))[::-1]
    for height, own in zip(heights, report.responses, strict=True):
        low, first, median, third, high = np.quantile(own.neuroid_means, (0.05, 0.25, 0.5, 0.75, 0.95))
        right.plot([low, high], [height] * 2, color=_BLUE, linewidth=1)
        right.plot([first, third], [height] * 2, color=_BLUE, linewidth=6, solid_capstyle='butt')
        right.plot(median, height, color='white', marker='o', markeredgecolor=_VERMILION, markersize=4)
    right.set_yticks(heights, [printable(own.area) for own in report.responses])
    right.set(xlabel='mean response of a neuroid (unit of the recordings)')
    for axes in (left, right):
        _small(axes)


def _small(axes: Axes) -> None:
    axes.spines[['top', 'right']].set_visible(False)
    axes.tick_params(labelsize=6)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_fontsize(7)
