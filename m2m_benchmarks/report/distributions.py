"""Table and figure of the distributions of neurons and their matched units."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from m2m_benchmarks.analysis.distributions import HALVES, SHUFFLED, Distributions, Example
from m2m_benchmarks.arrays.distributions import density
from m2m_benchmarks.report.model_figures.drawing import short
from m2m_benchmarks.report.tables import Column, Row, Table, interval, number

#: Colours that colour-blind people can distinguish (Okabe & Ito): neuron and two candidates.
_COLOURS = ('#000000', '#D55E00', '#0072B2')
_STYLES = ('-', '--', ':')


def distribution_table(compared: Distributions) -> Table:
    """Make the table of the means over neurons."""
    columns = [Column('neurons beside')]
    for title in ('overlap', 'Wasserstein'):
        columns += [number(title, '.3f'), interval('95 %, neurons', '.3f'), interval('95 %, animals', '.3f')]
    rows = []
    for key, own in compared.means['overlap'].items():
        both = (own, compared.means['wasserstein'][key])
        cells = [cell for mean in both for cell in (mean.value, mean.neurons, mean.interval or (None, None))]
        rows.append(Row((key, *cells), strong=' - ' in key))
    notes = [
        'Distributions of responses to images that units were not matched on, from 0 to 1. Chance: units matched to '
        f'{SHUFFLED} images. Perfect: overlap 1, distance 0; as recorded: {HALVES}.',
        '95 %, with these images and units: for new neurons of these animals (bootstrap), and for new animals (none '
        'for fewer than three).',
    ]
    return Table(columns, rows, f'{compared.benchmark}, {len(compared.neurons):,} neurons', notes=notes)


def draw_distributions(compared: Distributions) -> Figure:
    """Draw densities of the most and the least overlapping neuron, and the overlaps of all."""
    figure = Figure(figsize=(7.0, 3.0), layout='constrained')
    most, least, all_neurons = figure.subplots(1, 3, width_ratios=[1, 1, 1.3])
    for axes, example, title in ((most, compared.most, 'most'), (least, compared.least, 'least')):
        _draw_example(axes, example)
        overlaps = zip('AB', example.overlaps.values(), strict=True)
        text = ', '.join(f'{letter} {value:.2f} ({low:.2f}–{high:.2f})' for letter, (value, low, high) in overlaps)
        axes.set_title(f'{title} overlapping neuron\n{text}', fontsize=7)
    handles, names = most.get_legend_handles_labels()
    lettered = [names[0], *(f'{letter}: {short(name, 100)}' for letter, name in zip('AB', names[1:], strict=True))]
    figure.legend(handles, lettered, loc='outside lower left', frameon=False, fontsize=7)
    keys = [*(key for key in compared.means['overlap'] if ' - ' not in key and key != HALVES), HALVES]
    values = [compared.neurons[f'overlap {key}'] for key in keys]
    all_neurons.boxplot(values, showfliers=False, medianprops={'color': 'black'}, widths=0.6)
    labels = [f'{name}{end}' for name in 'AB' for end in ('', f'\n{SHUFFLED}')]
    all_neurons.set_xticks(range(1, len(keys) + 1), [*labels, 'halves of\nthe trials'], fontsize=6)
    all_neurons.set(ylabel='overlap (1: perfect)', ylim=(0, 1))
    all_neurons.set_title(f'{len(compared.neurons):,} neurons', fontsize=8)
    for axes in (most, least, all_neurons):
        axes.spines[['top', 'right']].set_visible(False)
        axes.tick_params(axis='y', labelsize=7)
        axes.xaxis.label.set_fontsize(8)
        axes.yaxis.label.set_fontsize(8)
    return figure


def _draw_example(axes: Axes, example: Example) -> None:
    points = np.linspace(-0.3, 1.3, 200)[:, None]
    for (name, values), colour, style in zip(example.values.items(), _COLOURS, _STYLES, strict=True):
        axes.plot(points, density(np.array(values)[:, None], points), color=colour, linestyle=style, label=name)
    axes.set(xlabel='response (range 0–1)', ylabel='density', xlim=(-0.3, 1.3))
    axes.tick_params(axis='x', labelsize=7)
