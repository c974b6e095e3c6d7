"""Figure of layer profiles: the raw value of each layer on each area."""

import statistics

from matplotlib.figure import Figure

from m2m_benchmarks.records.record import Result
from m2m_benchmarks.report.model_figures.drawing import WIDTH, Drawing, colour, file_name, marker, short, style, tidy
from m2m_benchmarks.report.model_figures.scores import parts_of
from m2m_benchmarks.report.tables import Column, Row, Table, number

_CAPTION = (
    'Raw value of each layer, mean of both halves of the neuroids; layers are in the order of the network. Large '
    'marks: the layers of the score, each chosen on one half and scored on the other.'
)
#: Most characters of the name of a layer.
_LONGEST = 22


def layers_figure(result: Result) -> Drawing | None:
    """Draw the layer profile of each area of a result; None where no layers were compared."""
    profiles = _profiles(result)
    if not profiles:
        return None
    layers = list(dict.fromkeys(layer for own in profiles.values() for layer in own))
    parts = parts_of(result)
    with style():
        figure = Figure(figsize=(WIDTH, 2.6), layout='constrained')
        axes = figure.subplots()
        for number_, (area, own) in enumerate(profiles.items()):
            known = {layers.index(layer): statistics.mean(values) for layer, values in own.items()}
            axes.plot(
                list(known),
                list(known.values()),
                color=colour(number_),
                marker=marker(number_),
                markersize=2,
                label=short(area, 14),
            )
            chosen = [layers.index(layer) for layer in str(parts[area].layer).split(' | ') if layer in own]
            axes.plot(
                chosen, [known[each] for each in chosen], color=colour(number_), marker=marker(number_), linestyle=''
            )
        # All are named where there is room; else some of them, the first and the last among them.
        step = max(1, -(-len(layers) // 20))
        axes.set_xticks(range(0, len(layers), step), [short(layer, _LONGEST) for layer in layers[::step]], rotation=90)
        axes.set(xlabel='layer', ylabel='raw (no unit)')
        axes.set_title(short(result.benchmark, 60), loc='left')
        tidy(axes, 'y')
        figure.legend(loc='outside lower left', ncols=4, frameon=False)
    best = {area: max(own, key=lambda layer: statistics.mean(own[layer])) for area, own in profiles.items()}
    return Drawing(
        file_name('layers', result.benchmark),
        f'Layers on {result.benchmark}',
        _CAPTION,
        f'Raw value by layer on {result.benchmark}. Best layers: '
        f'{"; ".join(f"{area} {printable_layer}" for area, printable_layer in best.items())}.',
        figure,
        Table(
            (
                Column('benchmark'),
                Column('area'),
                Column('layer'),
                number('raw, first half'),
                number('raw, second half'),
            ),
            [
                Row((result.benchmark, area, layer, values[0], values[1] if len(values) > 1 else None))
                for area, own in profiles.items()
                for layer, values in own.items()
            ],
        ),
    )


def _profiles(result: Result) -> dict[str, dict[str, list[float]]]:
    """Area to the raw values of its layers, on each half or on all neuroids."""
    scores = result.layer_scores or {}
    (own_name,) = list(parts_of(result))[-1:]
    by_area = scores if result.areas else {own_name: scores}
    profiles = {}
    for area, layers in by_area.items():
        # Results of format 2 or less have one number for each layer.
        lists = {
            layer: [float(value) for value in (values if isinstance(values, list) else [values])]
            for layer, values in (layers or {}).items()
        }
        lists = {layer: values for layer, values in lists.items() if values}
        if lists:
            profiles[area] = lists
    return profiles
