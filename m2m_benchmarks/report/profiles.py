"""Table and figure of activation profiles."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from m2m_benchmarks.analysis.profiles import HALVES, PEAK, TIME, TYPES, UNIFORM, Profiles
from m2m_benchmarks.arrays.distributions import density, to_range
from m2m_benchmarks.data.areas import order_areas
from m2m_benchmarks.report.model_figures.drawing import short
from m2m_benchmarks.report.tables import Column, Row, Table, count, interval, number

#: Colours that colour-blind people can distinguish (Okabe & Ito): excitatory and inhibitory neurons, and networks.
_COLOURS = {'excitatory': '#D55E00', 'inhibitory': '#0072B2'}
_NETWORKS = ('#000000', '#009E73', '#CC79A7', '#E69F00')
_STYLES = ('--', ':', '-.')


def profile_tables(compared: Profiles) -> list[Table]:
    """Make the table of types and areas, and that of networks' outputs if there are any."""
    return [_profile_table(compared), *([_output_table(compared)] if compared.outputs else [])]


def _profile_table(compared: Profiles) -> Table:
    """Make the table of both measures by area and type, and of the differences of the types."""
    rows = []
    for measure, title in {PEAK: f'peak ({compared.unit})', TIME: 'time to peak (ms)'}.items():
        for own in (group for group in compared.groups if group.measure == measure):
            mean = (own.mean.value, own.mean.neurons, own.mean.interval or (None, None))
            rows.append(Row((title, own.area, own.cell_type, own.n_neurons, own.n_animals, *mean, None)))
        for each in (each for each in compared.differences if each.measure == measure):
            empty = (None, None)
            cells = (title, each.area, 'inhibitory - excitatory', *empty, each.value, empty, empty, each.p)
            rows.append(Row(cells, strong=True))
    notes = [
        'Mean course of the image that each neuron prefers in other repetitions. Peak: largest value after its onset, '
        'less the mean before.',
        '95 %: for new neurons of these animals (bootstrap), and for new animals (none for fewer than three).',
        'p: share of shuffled types, of whole animals where each has one type, with a difference as far from 0. '
        'Chance: a difference of 0.',
    ]
    spec = '.4g'
    columns = (
        *(Column('measure', heading=True), Column('area'), Column('type'), count('neurons'), count('animals')),
        *(number('mean', spec), interval('95 %, neurons', spec), interval('95 %, animals', spec), number('p', '.4f')),
    )
    return Table(columns, rows, f'{compared.dataset}, {len(compared.neurons):,} neurons', notes=notes)


def _output_table(compared: Profiles) -> Table:
    """Make the table of the distributions of networks' outputs beside those of neurons."""
    rows = [Row((own.cell_type, own.name, own.overlap, own.interval, own.wasserstein)) for own in compared.outputs]
    notes = [
        "Distributions of peaks over neurons and over networks' units (largest response over the same images, less "
        f'the mean), from 0 to 1. Chance: {UNIFORM}, for which no network is needed. Perfect: overlap 1, distance 0; '
        f'as recorded: {HALVES}.',
        '95 %: for new neurons, with these units.',
    ]
    columns = (
        *(Column('neurons', heading=True), Column('beside'), number('overlap', '.3f'), interval('95 %', '.3f')),
        number('Wasserstein', '.3f'),
    )
    return Table(columns, rows, f'{compared.dataset}, outputs of networks', notes=notes)


def draw_profiles(compared: Profiles) -> Figure:
    """Draw mean time courses, peaks and times to peak by area and type, and the distributions of networks' outputs."""
    figure = Figure(figsize=(7.0, 5.0), layout='constrained')
    axes = figure.subplots(2, 2, width_ratios=[1, 1.3])
    _draw_courses(axes[0, 0], compared)
    _draw_boxes(axes[0, 1], compared, PEAK, f'peak ({compared.unit})')
    _draw_boxes(axes[1, 1], compared, TIME, 'time to peak (ms)')
    _draw_distributions(axes[1, 0], compared)
    for own in axes.flat:
        own.spines[['top', 'right']].set_visible(False)
        own.tick_params(labelsize=7)
        own.xaxis.label.set_fontsize(8)
        own.yaxis.label.set_fontsize(8)
    handles, names = axes[1, 0].get_legend_handles_labels()
    figure.legend(
        handles, [short(name, 50) for name in names], loc='outside lower left', frameon=False, fontsize=7, ncols=2
    )
    figure.suptitle(f'{compared.dataset}: {len(compared.neurons):,} neurons', fontsize=9)
    return figure


def _draw_courses(axes: Axes, compared: Profiles) -> None:
    for kind, style in zip(TYPES, ('-', '--'), strict=True):
        axes.plot(compared.times_ms, compared.courses[kind], color=_COLOURS[kind], linestyle=style, label=kind)
    axes.axvline(0, color='grey', linewidth=0.7)
    axes.set(xlabel='time after the onset of the image (ms)', ylabel=f'mean course ({compared.unit})')
    axes.legend(frameon=False, fontsize=7)


def _draw_boxes(axes: Axes, compared: Profiles, measure: str, label: str) -> None:
    table = compared.neurons
    areas = order_areas(set(table['area']))
    for shift, kind in zip((-0.2, 0.2), TYPES, strict=True):
        own = table[table['cell_type'] == kind]
        places = [place for place, area in enumerate(areas) if (own['area'] == area).any()]
        boxes = axes.boxplot(
            [own[measure][own['area'] == areas[place]] for place in places],
            positions=np.array(places) + shift,
            widths=0.32,
            showfliers=False,
            patch_artist=True,
            medianprops={'color': 'black'},
        )
        for box in boxes['boxes']:
            box.set(facecolor=_COLOURS[kind], alpha=0.6, hatch='' if kind == TYPES[0] else '///')
    axes.set_xticks(range(len(areas)), areas, rotation=0 if len(areas) < 7 else 90)
    axes.set(ylabel=label, xlim=(-0.6, len(areas) - 0.4))


def _draw_distributions(axes: Axes, compared: Profiles) -> None:
    """Draw the densities of peaks from 0 to 1, of the types and of the units of networks."""
    table = compared.neurons
    samples = [
        (kind, to_range(table[PEAK].to_numpy()[(table['cell_type'] == kind).to_numpy(), None])) for kind in TYPES
    ]
    lines = [(f'{name} neurons', values, _COLOURS[name], '-') for name, values in samples]
    for number_, (name, units) in enumerate(compared.units.items()):
        style = _STYLES[number_ % len(_STYLES)]
        lines.append((name, units[:, None], _NETWORKS[number_ % len(_NETWORKS)], style))
    points = np.linspace(-0.1, 1.1, 200)[:, None]
    for name, values, colour, style in lines:
        if np.ptp(values) > 0:
            axes.plot(points, density(values, points), color=colour, linestyle=style, label=name, linewidth=1.2)
    axes.set(xlabel='peak (range 0–1)', ylabel='density', xlim=(-0.1, 1.1))
