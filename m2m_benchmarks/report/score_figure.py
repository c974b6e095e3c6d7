"""Figure of the scores of one or more candidates on one or more benchmarks, for a file, and its data."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from m2m_benchmarks.messages import printable
from m2m_benchmarks.records.record import Result
from m2m_benchmarks.records.selection import label
from m2m_benchmarks.report.model_figures.domains import domains_height, domains_of, draw_domains
from m2m_benchmarks.report.model_figures.drawing import WIDTH, Drawing, style
from m2m_benchmarks.report.model_figures.scores import CAPTION, draw_scores, height, scores_data
from m2m_benchmarks.report.tables import Cell, Row, Table, count


def results_figure(results: Sequence[Result]) -> Drawing:
    """Draw results, a part of the figure for each benchmark.

    Parameters
    ----------
    results : sequence of Result
        At most one for each candidate and benchmark.
    """
    by_benchmark: dict[str, list[Result]] = {}
    for result in results:
        by_benchmark.setdefault(result.benchmark, []).append(result)
    heights = [height(own) if own[0].targets is None else domains_height(own) for own in by_benchmark.values()]
    with style():
        figure = Figure(figsize=(WIDTH, sum(heights)), layout='constrained')
        parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        for part, own in zip(parts, by_benchmark.values(), strict=True):
            (draw_scores if own[0].targets is None else draw_domains)(part, own)
    known = '; '.join(
        f'{label(result)} on {result.benchmark} {result.score:.3f}' for result in results if result.score is not None
    )
    return Drawing('scores', 'Scores', CAPTION, printable(known), figure, results_data(results))


def results_data(results: Sequence[Result]) -> Table:
    """List all values of results: a row for each area or domain, and one for the mean."""
    whole = scores_data(results)
    columns = (*whole.columns, count('images'), count('clusters'))
    rows = [Row((*row.cells, None, None), row.strong) for result in results for row in scores_data([result]).rows]
    for result in results:
        for name, domain in domains_of(result).items() if result.targets is not None else ():
            interval_ = (domain.interval[0], domain.interval[1])
            cells: list[Cell] = [
                label(result),
                result.benchmark,
                name,
                '',
                None,
                None,
                domain.accuracy,
                None,
                interval_,
            ]
            # The other columns are those of recordings.
            cells += [
                '' if column.kind != 'number' else (None, None) if column.parts else None
                for column in whole.columns[len(cells) :]
            ]
            rows.append(Row((*cells, domain.n_images, domain.n_clusters)))
    return Table(columns, rows)
