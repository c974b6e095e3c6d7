"""Table and figure of a selection of neurons."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from m2m_benchmarks.analysis.neurons import NeuronMap
from m2m_benchmarks.report.tables import Column, Row, Table, count

#: Colours that colour-blind people can distinguish (Okabe & Ito).
_COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000')
_MARKERS = 'os^vDP*X'


def selection_table(neuron_map: NeuronMap) -> Table:
    """Make the table of a selection: neurons and selected ones by area and type."""
    neurons = neuron_map.neurons
    rows = [
        Row((str(area), str(kind or 'unknown'), len(own), int(own['selected'].sum())))
        for (area, kind), own in neurons.groupby(['area', 'cell_type'], sort=False)
    ]
    rows.append(Row(('all', '', len(neurons), int(neurons['selected'].sum())), strong=True))
    mean, low, high = neuron_map.random_agreement
    balance = (
        'Balanced between excitatory and inhibitory neurons.'
        if neuron_map.balanced
        else 'Not balanced: the recordings do not have both excitatory and inhibitory neurons in a column cell_type.'
    )
    shared = ', '.join(f'{value:.3f} with {name}' for name, value in neuron_map.information.items())
    notes = [
        f'RDM of the selected neurons: Spearman {neuron_map.agreement:.3f} with that of all. Chance, random selections '
        f'of as many: {mean:.3f} (95 % of them {low:.3f} to {high:.3f}); perfect: 1.',
        f'Adjusted mutual information of the clusters: {shared}. Chance: 0; perfect: 1.',
        balance,
        f'Selection {neuron_map.selection.sha256[:8]}; --json writes it to a file for `m2m score --neurons FILE`.',
    ]
    columns = (Column('area'), Column('type'), count('neurons'), count('selected'))
    return Table(columns, rows, neuron_map.selection.dataset, notes=notes)


def draw_selection(neuron_map: NeuronMap) -> Figure:
    """Draw the map twice, coloured by area and by type; selected neurons are filled."""
    figure = Figure(figsize=(7.0, 3.9), layout='constrained')
    for axes, column, title in zip(figure.subplots(1, 2), ('area', 'cell_type'), ('area', 'type'), strict=True):
        _draw_map(axes, neuron_map.neurons, column)
        axes.set(xlabel='UMAP 1', ylabel='UMAP 2', title=title, xticks=[], yticks=[])
        axes.title.set_fontsize(9)
        axes.spines[['top', 'right']].set_visible(False)
        place = {'loc': 'upper center', 'bbox_to_anchor': (0.5, -0.08), 'ncols': 2}
        axes.legend(frameon=False, fontsize=7, markerscale=2, **place)
    n = int(neuron_map.neurons['selected'].sum())
    figure.suptitle(
        f'{neuron_map.selection.dataset}: {n:,} of {len(neuron_map.neurons):,} neurons selected (strong)', fontsize=9
    )
    return figure


def _draw_map(axes: Axes, neurons: pd.DataFrame, column: str) -> None:
    """Draw the neurons of each value of a column in a colour and shape of their own."""
    for number, value in enumerate(dict.fromkeys(neurons[column])):
        own = neurons[neurons[column] == value]
        colour, marker = _COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)]
        selected = own['selected'].to_numpy()
        label = f'{value or "unknown"} ({int(np.sum(selected))} of {len(own)})'
        axes.scatter(own['x'][~selected], own['y'][~selected], s=5, c=colour, marker=marker, alpha=0.15, linewidths=0)
        axes.scatter(own['x'][selected], own['y'][selected], s=7, c=colour, marker=marker, linewidths=0, label=label)
