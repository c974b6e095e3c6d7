"""Figure of the RDMs of an area and of a model, side by side."""

import itertools

import numpy as np
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from m2m_benchmarks.analysis.shown_responses import Geometry
from m2m_benchmarks.arrays import compare_rdms, upper_triangle
from m2m_benchmarks.report.model_figures.drawing import WIDTH, Drawing, file_name, short, style
from m2m_benchmarks.report.tables import Column, Row, Table, number

_CAPTION = (
    'Dissimilarity (1 - Pearson) of the responses to each pair of stimuli, as percentiles of all pairs: RSA compares '
    'ranks. Stimuli are in the same order in all, by the similarity of the neuroids’ responses (average linkage). ρ: '
    'Spearman correlation with the RDM of all neuroids shown here; the score compares each half of the neuroids with '
    'its own layer.'
)


def geometry_figure(geometry: Geometry) -> Drawing:
    """Draw the RDM of an area beside those of the layers that model it."""
    order = leaf_order(geometry.brain)
    agreement = {layer: compare_rdms(own, geometry.brain) for layer, own in geometry.models.items()}
    panels = {f'{geometry.area}, neuroids': geometry.brain}
    panels |= {f'{short(layer, 18)}, ρ = {agreement[layer]:.2f}': own for layer, own in geometry.models.items()}
    with style():
        n = len(panels)
        figure = Figure(figsize=(WIDTH, WIDTH / n + 0.85), layout='constrained')
        several = figure.subplots(1, n, squeeze=False)[0]
        for axes, (title, matrix) in zip(several, panels.items(), strict=True):
            image = axes.imshow(
                percentiles(matrix)[np.ix_(order, order)], cmap='viridis', vmin=0, vmax=100, interpolation='none'
            )
            axes.set_title(title, fontsize=6.5 if n < 3 else 6)
            axes.set(xticks=[], yticks=[], xlabel='stimulus')
        several[0].set_ylabel('stimulus')
        figure.colorbar(
            image, ax=list(several), location='bottom', shrink=0.6, aspect=30, label='dissimilarity (percentile)'
        )
    pairs = itertools.combinations(geometry.stimulus_ids, 2)
    values = zip(*map(upper_triangle, (geometry.brain, *geometry.models.values())), strict=True)
    return Drawing(
        file_name('rdm', geometry.benchmark, geometry.area),
        f'RDMs of {geometry.area} and of the model',
        _CAPTION,
        f'RDM of {geometry.area} beside that of '
        f'{" and ".join(f"layer {layer}, Spearman correlation {value:.2f}" for layer, value in agreement.items())}.',
        figure,
        Table(
            (
                *(Column('first stimulus'), Column('second stimulus'), number(f'{geometry.area}, neuroids')),
                *(number(f'layer {layer}') for layer in geometry.models),
            ),
            [Row((*pair, *map(float, own))) for pair, own in zip(pairs, values, strict=True)],
        ),
    )


def percentiles(matrix: np.ndarray) -> np.ndarray:
    """Percentile of each distance of an RDM among all of them, from 0 to 100; NaN on the diagonal."""
    ranks = rankdata(upper_triangle(matrix))
    result = np.full(matrix.shape, np.nan)
    upper = np.triu_indices(len(matrix), k=1)
    result[upper] = 100 * (ranks - 1) / max(len(ranks) - 1, 1)
    result.T[upper] = result[upper]
    return result


def leaf_order(matrix: np.ndarray) -> np.ndarray:
    """Order of stimuli in which similar ones are side by side: leaves of the tree of average linkage."""
    tree = linkage(squareform(np.maximum(matrix, 0), checks=False), 'average', optimal_ordering=True)
    order: np.ndarray = leaves_list(tree)
    return order
