"""Table and figure of the similarity of architectures."""

import numpy as np
from matplotlib.figure import Figure

from m2m_benchmarks.analysis.architectures import Architectures
from m2m_benchmarks.report.model_figures.drawing import short
from m2m_benchmarks.report.tables import Column, Row, Table, count, number, text


def architecture_table(compared: Architectures) -> Table:
    """Make the table of the clusters: the medoid of each, its layers, and the others."""
    networks, clusters = compared.networks, np.array(compared.clusters)
    rows = []
    for medoid in compared.medoids:
        others = [index for index in np.flatnonzero(clusters == clusters[medoid]) if index != medoid]
        mean = float(compared.adjusted[medoid, others].mean()) if others else None
        names = ', '.join(networks[index].name for index in others)
        rows.append(Row((networks[medoid].name, len(networks[medoid].types), mean, names)))
    settings = compared.settings
    rows_, columns = np.triu_indices(len(networks), 1)
    notes = [
        f'Alignments score {settings["match"]:g} for a match, {settings["mismatch"]:g} for a mismatch and '
        f'{settings["gap"]:g} for a gap. Similarity: 0 as with layers in random order (chance), 1 if the deeper '
        'network has all layers of the other in their order (perfect).',
        f'Before that, similarities are {np.median(compared.similarity[rows_, columns]):.3f} and those by chance '
        f'{np.median(compared.chance[rows_, columns]):.3f} (medians over pairs).',
    ]
    if compared.families is not None:
        difference, p = compared.families
        notes.append(
            f'Within families minus between them: {difference:.3f} (p = {p:.3f} with permuted families; chance: 0; '
            'perfect: 1).'
        )
    if compared.left_out:
        notes.append(f'Networks of the paper that torchvision and timm do not have: {", ".join(compared.left_out)}.')
    columns_ = (Column('shortlist'), count('layers'), number('similarity to the others', '.3f'), text('others'))
    return Table(columns_, rows, f'{len(networks)} networks in {len(rows)} clusters', notes=notes)


def draw_architectures(compared: Architectures) -> Figure:
    """Draw the matrix of adjusted similarities in the order of the clusters; shortlist and families are named."""
    n = len(compared.networks)
    # Not wider than a page, unless names would be smaller than 5 points.
    side = max(3.0, min(0.14 * n + 1.2, 6.0), 5 * n / 54 + 1.6)
    figure = Figure(figsize=(side + 1, side), layout='constrained')
    axes = figure.subplots()
    order = np.array(compared.order)
    image = axes.imshow(compared.adjusted[np.ix_(order, order)], cmap='cividis', vmin=0, vmax=1)
    networks = [compared.networks[index] for index in compared.order]
    names = [short(network.name, 28) for network in networks]
    marked = [f'{"▶ " if own in compared.medoids else ""}{name}' for own, name in zip(order, names, strict=True)]
    size = min(7.0, 54 * (side - 1.6) / n)
    axes.set_yticks(range(n), marked, fontsize=size)
    axes.set_xticks(range(n), names, fontsize=size, rotation=90)
    axes.tick_params(length=0)
    families = axes.secondary_yaxis('right')
    families.set_yticks(range(n), [short(network.family, 16) for network in networks], fontsize=size)
    families.tick_params(length=0)
    clusters = np.array(compared.clusters)[order]
    for edge in np.flatnonzero(clusters[1:] != clusters[:-1]) + 0.5:
        axes.axhline(edge, color='white', linewidth=0.8)
        axes.axvline(edge, color='white', linewidth=0.8)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, extend='min', location='right')
    bar.set_label('similarity\n(0: chance, 1: perfect)', fontsize=7)
    bar.ax.tick_params(labelsize=6)
    axes.set_title('▶ medoids; lines part clusters; right: families', fontsize=7)
    return figure
