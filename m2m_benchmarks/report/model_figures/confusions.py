"""Figure of the labels that the images of each digit get, on each domain."""

import numpy as np
from matplotlib.figure import Figure

from m2m_benchmarks.records.record import Result
from m2m_benchmarks.records.selection import label
from m2m_benchmarks.report.model_figures.domains import domains_of
from m2m_benchmarks.report.model_figures.drawing import WIDTH, Drawing, file_name, short, style
from m2m_benchmarks.report.tables import Column, Row, Table, count

_CAPTION = (
    'Share of the images of each digit (rows, which add up to 1) that got each label (columns). A perfect model has 1 '
    'on the diagonal and 0 elsewhere; labels at random give {chance} everywhere; a column that is dark from top to '
    'bottom is a label that the model gives whatever it sees.'
)
_PANELS_PER_ROW = 3


def confusions_figure(result: Result) -> Drawing | None:
    """Draw the confusion matrix of each domain, the source first; None where the result has none."""
    counts = {name: domain.confusion for name, domain in domains_of(result).items() if domain.confusion}
    if not counts:
        return None
    # An imported result may have integers beyond those of numpy.
    shares = {name: np.array([[n / max(sum(row), 1) for n in row] for row in own]) for name, own in counts.items()}
    n_rows = -(-len(counts) // _PANELS_PER_ROW)
    n_columns = min(len(counts), _PANELS_PER_ROW)
    with style():
        figure = Figure(figsize=(WIDTH, 0.45 + 1.1 * n_rows * _PANELS_PER_ROW / n_columns), layout='constrained')
        panels = figure.subplots(n_rows, n_columns, squeeze=False)
        for axes in panels.flat[len(counts) :]:
            axes.remove()
        for axes, (name, own) in zip(panels.flat, shares.items(), strict=False):
            image = axes.imshow(own, cmap='Blues', vmin=0, vmax=1, interpolation='none')
            axes.set_title(short(name, 22), fontsize=6)
            axes.set(xticks=range(0, len(own), 3), yticks=range(0, len(own), 3))
        figure.supxlabel('label from the model', fontsize=7)
        figure.supylabel('digit', fontsize=7)
        drawn = list(panels.flat[: len(counts)])
        figure.colorbar(image, ax=drawn, shrink=0.6, aspect=25, label='share of images')
    columns = (
        *(Column('candidate'), Column('benchmark'), Column('domain'), Column('digit'), Column('label')),
        count('images'),
    )
    lines = [
        Row((label(result), result.benchmark, name, str(digit), str(answer), n))
        for name, own in counts.items()
        for digit, row in enumerate(own)
        for answer, n in enumerate(row)
    ]
    return Drawing(
        file_name('confusions', result.benchmark),
        f'Labels given on the domains of {result.benchmark}',
        _CAPTION.format(chance=result.chance),
        f'Most frequent error on each domain of {result.benchmark}: '
        f'{"; ".join(f"{name}, {_most_frequent(own)}" for name, own in shares.items())}.',
        figure,
        Table(columns, lines),
    )


def _most_frequent(shares: np.ndarray) -> str:
    """Describe the largest share outside the diagonal."""
    wrong = shares * (1 - np.eye(len(shares)))
    digit, answer = np.unravel_index(wrong.argmax(), wrong.shape)
    share = wrong[digit, answer]
    return f'{100 * share:.0f} % of the {digit}s labelled {answer}' if share else 'none'
