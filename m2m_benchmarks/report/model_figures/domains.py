"""Figure of accuracies on domains, the source first."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure, SubFigure

from m2m_benchmarks.records.record import Domain, Result
from m2m_benchmarks.records.selection import label
from m2m_benchmarks.report.model_figures.drawing import WIDTH, Drawing, colour, file_name, marker, short, style, tidy
from m2m_benchmarks.report.tables import Column, Row, Table, count, interval, number

_CAPTION = (
    'Share of images with the right label, with its 95 % interval (Wilson, clustered where images share a photo). The '
    'score is the mean over the targets; the dotted line is chance.'
)


def domains_figure(results: Sequence[Result]) -> Drawing:
    """Draw the accuracies of one or more candidates on the domains of a benchmark, the source first."""
    benchmark = results[0].benchmark
    with style():
        figure = Figure(figsize=(WIDTH, domains_height(results)), layout='constrained')
        draw_domains(figure, results)
    known = '; '.join(
        f'{short(label(result))} {name} {own.accuracy:.2f}'
        for result in results
        for name, own in domains_of(result).items()
    )
    columns = (
        *(Column('candidate'), Column('benchmark'), Column('domain'), number('accuracy'), interval('95 %')),
        *(count('images'), count('clusters')),
    )
    lines = [
        Row(
            (
                label(result),
                benchmark,
                name,
                own.accuracy,
                (own.interval[0], own.interval[1]),
                own.n_images,
                own.n_clusters,
            )
        )
        for result in results
        for name, own in domains_of(result).items()
    ]
    return Drawing(
        file_name('domains', benchmark),
        f'Accuracy on the domains of {benchmark}',
        _CAPTION,
        f'Accuracy on {benchmark}: {known}.',
        figure,
        Table(columns, lines),
    )


def domains_height(results: Sequence[Result]) -> float:
    """Height of the figure of a benchmark, in inches."""
    return 0.9 + (0.2 + 0.09 * (len(results) - 1)) * len(domains_of(results[0])) + 0.15 * len(results)


def draw_domains(figure: Figure | SubFigure, results: Sequence[Result]) -> None:
    """Draw the accuracies on the domains of one benchmark into a figure, or a part of one."""
    axes = figure.subplots()
    names = list(domains_of(results[0]))
    if results[0].chance is not None:
        axes.axvline(results[0].chance, color='0.5', linestyle=':', linewidth=0.8)
    for number_, result in enumerate(results):
        place = 0.0 if len(results) == 1 else 0.6 * (number_ / (len(results) - 1) - 0.5)
        own: dict[str, Any] = {'color': colour(number_)}
        axes.plot([], [], marker=marker(number_), linestyle='', label=short(label(result)), **own)
        for y, name in enumerate(names):
            domain = domains_of(result).get(name)
            if domain is not None:
                axes.plot(domain.interval, [y + place] * 2, **own)
                axes.plot([domain.accuracy], [y + place], marker=marker(number_), linestyle='', **own)
    axes.set_yticks(range(len(names)), [short(name, 24) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.set_xlabel('accuracy (share of images)')
    axes.set_title(short(results[0].benchmark, 50), loc='left')
    tidy(axes, 'x')
    figure.legend(loc='outside lower left', frameon=False)


def domains_of(result: Result) -> dict[str, Domain]:
    """Accuracies of a result by domain, the source first."""
    assert result.in_domain is not None and result.targets is not None
    return {f'{result.source} (source)': result.in_domain, **result.targets}
