"""Figures of neuroids: the tuning of those that are predicted best and worst, and the distribution of their values."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from m2m_benchmarks.analysis.shown_responses import N_TOP, Predictions
from m2m_benchmarks.report.model_figures.drawing import WIDTH, Drawing, colour, file_name, short, style, tidy
from m2m_benchmarks.report.tables import Column, Row, Table, count, number

_TUNING = (
    'Mean response of a neuroid to each scene, in the unit of the recordings (spikes/s for spike counts), from the '
    'scene that it responds to most to the one that it responds to least; dots: held-out predictions. Beside it are '
    f'the {N_TOP} scenes of its largest responses.'
)
_DISTRIBUTION = (
    'Number of neuroids by r, the correlation of held-out predictions with mean responses; in brackets: all of the '
    'area. Line: median, the raw value of the area. Dashed: median over the same neuroids of the square root of the '
    'split-half reliability, the r of a model that predicts all but the noise.'
)
_BINS = np.linspace(-1, 1, 41)


def tuning_figure(predictions: Predictions) -> Drawing:
    """Draw the tuning of the neuroids of an area that are predicted best and worst."""
    best, worst = predictions.shown
    kinds = [*(('best', neuroid) for neuroid in best), *(('worst', neuroid) for neuroid in worst)]
    with style():
        figure = Figure(figsize=(WIDTH, 0.2 + 0.78 * len(kinds)), layout='constrained')
        grid = figure.subplots(len(kinds), 1 + N_TOP, width_ratios=[2.6, *[1] * N_TOP], squeeze=False)
        for (axes, *pictures), (kind, neuroid) in zip(grid, kinds, strict=True):
            own = colour(('best', 'worst').index(kind))
            order = _order(predictions, neuroid)
            ranks = np.arange(1, len(order) + 1)
            axes.plot(ranks, predictions.predictions[order, neuroid], '.', color='0.55', markersize=1.5)
            axes.plot(ranks, predictions.responses[order, neuroid], color=own)
            name = short(predictions.neuroid_ids[neuroid], 22)
            axes.set_title(f'{kind}: {name}, r = {predictions.r[neuroid]:.2f}', fontsize=6, loc='left')
            tidy(axes)
            top = predictions.top(neuroid)
            for place, index in zip(pictures, top, strict=False):
                place.imshow(predictions.pictures[predictions.stimulus_ids[index]], interpolation='none')
                place.set_title(short(predictions.stimulus_ids[index], 11), fontsize=5.5)
            for place in pictures:
                place.set(xticks=[], yticks=[])
                place.axis('off')
        for axes in grid[:-1, 0]:
            axes.tick_params(labelbottom=False)
        grid[-1, 0].set_xlabel('scene, by response')
        figure.supylabel('mean response (unit of the recordings)', fontsize=7)
    described = ', '.join(
        f'{kind} {predictions.neuroid_ids[neuroid]} (r = {predictions.r[neuroid]:.2f})' for kind, neuroid in kinds
    )
    return Drawing(
        file_name('tuning', predictions.benchmark, predictions.area),
        f'Neuroids that are predicted best and worst in {predictions.area}',
        _TUNING,
        f'Sorted mean responses and predictions of neuroids of {predictions.area}: {described}.',
        figure,
        Table(
            (
                *(Column('area'), Column('neuroid'), Column('kind'), count('rank'), Column('stimulus')),
                *(number('response'), number('prediction')),
            ),
            [
                Row(
                    (
                        *(
                            predictions.area,
                            predictions.neuroid_ids[neuroid],
                            kind,
                            rank,
                            predictions.stimulus_ids[index],
                        ),
                        *(float(predictions.responses[index, neuroid]), float(predictions.predictions[index, neuroid])),
                    )
                )
                for kind, neuroid in kinds
                for rank, index in enumerate(_order(predictions, neuroid), start=1)
            ],
        ),
    )


def _order(predictions: Predictions, neuroid: int) -> list[int]:
    """Stimuli from the largest response of a neuroid to its smallest."""
    order: list[int] = np.argsort(-predictions.responses[:, neuroid], kind='stable').tolist()
    return order


def distribution_figure(areas: Sequence[Predictions]) -> Drawing:
    """Draw the distribution of the values of neuroids, a panel for each area of a benchmark."""
    benchmark = areas[0].benchmark
    n_rows = -(-len(areas) // 2)
    with style():
        figure = Figure(figsize=(WIDTH, 0.5 + 1.05 * n_rows), layout='constrained')
        grid = figure.subplots(n_rows, 2 if len(areas) > 1 else 1, sharex=True, squeeze=False)
        for axes, own in zip(grid.ravel(), areas, strict=False):
            axes.hist(own.r, _BINS, color=colour(0))
            known = own.reliability[own.reliability > 0]
            if len(known):
                axes.axvline(np.median(np.sqrt(known)), color=colour(1), linestyle='--')
            axes.axvline(np.median(own.r), color='black', linewidth=0.9)
            axes.set_title(f'{short(own.area, 12)} ({len(own.r)}), median {np.median(own.r):.2f}', fontsize=6)
            tidy(axes)
        for axes in grid.ravel()[len(areas) :]:
            axes.axis('off')
        lowest = min(float(own.r.min()) for own in areas)
        grid[0, 0].set_xlim(max(-1, np.floor(lowest * 10) / 10), 1)
        figure.supxlabel('r of a neuroid (no unit)', fontsize=7)
        figure.supylabel('neuroids', fontsize=7)
    medians = '; '.join(f'{own.area} {np.median(own.r):.2f}' for own in areas)
    return Drawing(
        file_name('neuroids', benchmark),
        f'Distribution of neuroids’ values on {benchmark}',
        _DISTRIBUTION,
        f'Histograms of r over neuroids on {benchmark}. Medians: {medians}.',
        figure,
        Table(
            (
                *(Column('benchmark'), Column('area'), Column('neuroid'), Column('animal'), Column('layer')),
                *(number('r'), number('reliability')),
            ),
            [
                Row((benchmark, own.area, neuroid, animal, layer, float(r), _known(reliability)))
                for own in areas
                for neuroid, animal, layer, r, reliability in zip(
                    own.neuroid_ids, own.animals, own.layer_of_each, own.r, own.reliability, strict=True
                )
            ],
        ),
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
