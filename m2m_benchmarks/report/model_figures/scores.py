"""Figure of scores: areas with intervals and controls, raw values with their ceilings, values on one animal."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from m2m_benchmarks.benchmarks.identifiers import NeuralIdentifier, dotted_name, parse, unrestricted
from m2m_benchmarks.records.record import Part, Result
from m2m_benchmarks.records.selection import label
from m2m_benchmarks.report.model_figures.drawing import WIDTH, Drawing, colour, file_name, marker, short, style, tidy
from m2m_benchmarks.report.tables import Column, Row, Table, count, interval, number

#: Height of a row of areas, of a further candidate in it, and of all else in a panel, in inches.
_ROW, _CANDIDATE, _FRAME = 0.2, 0.09, 0.62
CAPTION = (
    'Score: 0 is chance, 1 the ceiling; bars: 95 % intervals for new animals and stimuli; hollow marks: controls. '
    'Raw: the agreement that the score is computed from; grey: its ceiling with its 95 % interval; pale bar: 95 % of '
    'what as many units of the same layer would get, recorded so, which is not a bound. On one animal: the raw value '
    "on one animal's neuroids, mean over animals, of the candidate and of all other animals as a model. Compare these "
    'with one another alone: on one animal, raw values are lower than on all.'
)


@dataclass(frozen=True)
class Control:
    """Scores of a control, mean over its seeds, by the names of the rows.

    Attributes
    ----------
    name : str
    scores : dict
    """

    name: str
    scores: dict[str, float]


def parts_of(result: Result) -> dict[str, Result | Part]:
    """Rows of a result: its areas, then itself, under the name of its area or population, 'mean' or 'score'."""
    name = parse(unrestricted(result.benchmark))
    own = 'score'
    if isinstance(name, NeuralIdentifier):
        own = dotted_name(name.area, name.population) or 'mean'
    return {**(result.areas or {}), own: result}


def controls_in_rows(controls: Mapping[str, Sequence[Result]]) -> list[Control]:
    """Average the results of each control over seeds, by row."""
    averaged = []
    for name, results in controls.items():
        rows = [parts_of(result) for result in results]
        known = {row: [own[row].score for own in rows if row in own] for row in rows[0]}
        n_seeds = f', {len(results)} seeds' if len(results) > 1 else ''
        scores = {
            row: statistics.mean([value for value in values if value is not None])
            for row, values in known.items()
            if any(value is not None for value in values)
        }
        averaged.append(Control(f'{name}{n_seeds}', scores))
    return averaged


def scores_figure(results: Sequence[Result], controls: Sequence[Control] = ()) -> Drawing:
    """Draw the scores of one or more candidates on a benchmark of recordings.

    Parameters
    ----------
    results : sequence of Result
        Results of different candidates on the same benchmark.
    controls : sequence of Control
    """
    benchmark = results[0].benchmark
    with style():
        figure = Figure(figsize=(WIDTH, height(results)), layout='constrained')
        draw_scores(figure, results, controls)
    known = [
        f'{short(label(result))} {name} {part.score:.2f}'
        for result in results
        for name, part in parts_of(result).items()
        if part.score is not None
    ]
    return Drawing(
        file_name('scores', benchmark),
        f'Scores on {benchmark}',
        CAPTION,
        f'Scores on {benchmark}: {"; ".join(known) or "none, as no ceiling is known"}.',
        figure,
        scores_data(results, controls),
    )


def height(results: Sequence[Result]) -> float:
    """Height of the figure of a benchmark, in inches."""
    rows = len(_rows(results)) * (_ROW + _CANDIDATE * (len(results) - 1))
    return _panels(results) * (rows + _FRAME) + 0.16 * (len(results) + 3) + 0.2


def draw_scores(figure: Figure | SubFigure, results: Sequence[Result], controls: Sequence[Control] = ()) -> None:
    """Draw the panels of one benchmark into a figure, or a part of one."""
    rows = _rows(results)
    panels = figure.subplots(_panels(results), 1, sharey=True, squeeze=False)[:, 0]
    figure.suptitle(short(results[0].benchmark, 60), fontsize=7, x=0.02, ha='left')
    _draw_score(panels[0], rows, results, controls)
    _draw_raw(panels[1], rows, results)
    if len(panels) > 2:
        _draw_animals(panels[2], rows, results)
    for axes in panels:
        axes.set_yticks(range(len(rows)), [short(name, 14) for name in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(left=min(0, axes.get_xlim()[0]))  # chance is on all axes
        tidy(axes, 'x')
    handles: dict[str, object] = {}
    for axes in panels:
        for handle, text in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(text, handle)
    figure.legend(
        handles.values(), handles, loc='outside lower left', frameon=False, ncols=1 if len(results) > 1 else 2
    )  # type: ignore[call-overload]


def _rows(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(name for result in results for name in parts_of(result)))


def _panels(results: Sequence[Result]) -> int:
    return 3 if any(part.other_mice is not None for result in results for part in parts_of(result).values()) else 2


def _offset(number_: int, n: int) -> float:
    """Place of a candidate in its row, whose height is 1."""
    return 0.0 if n == 1 else 0.6 * (number_ / (n - 1) - 0.5)


def _draw_score(axes: Axes, rows: Sequence[str], results: Sequence[Result], controls: Sequence[Control]) -> None:
    axes.axvline(1, color='0.5', linestyle=':', linewidth=0.8, label='ceiling')
    for number_, result in enumerate(results):
        own: dict[str, Any] = {'color': colour(number_)}
        axes.plot([], [], marker=marker(number_), linestyle='', label=short(label(result)), **own)
        for name, part in parts_of(result).items():
            y = rows.index(name) + _offset(number_, len(results))
            if part.score is None:
                continue
            if part.interval is not None:
                axes.plot(part.interval, [y, y], **own)
            axes.plot([part.score], [y], marker=marker(number_), linestyle='', **own)
    for number_, control in enumerate(controls):
        known = {rows.index(name): value for name, value in control.scores.items() if name in rows}
        axes.plot(
            list(known.values()),
            list(known),
            marker='Dsv^'[number_ % 4],
            linestyle='',
            markerfacecolor='white',
            markeredgecolor='0.35',
            label=short(control.name, 30),
        )
    axes.set_xlabel('score (no unit)')


def _draw_raw(axes: Axes, rows: Sequence[str], results: Sequence[Result]) -> None:
    for number_, result in enumerate(results):
        own: dict[str, Any] = {'color': colour(number_)}
        for name, part in parts_of(result).items():
            y = rows.index(name) + _offset(number_, len(results))
            if part.own_units_interval is not None:
                axes.plot(part.own_units_interval, [y, y], linewidth=4, alpha=0.25, solid_capstyle='butt', **own)
            if part.raw_interval is not None:
                axes.plot(part.raw_interval, [y, y], **own)
            if part.raw is not None:
                axes.plot([part.raw], [y], marker=marker(number_), linestyle='', **own)
            if part.ceiling is not None and not (part.ceiling_kind or '').startswith('none'):
                half = 0.38 if len(results) == 1 else 0.3 / len(results)
                if part.ceiling_interval is not None:
                    low, high = part.ceiling_interval
                    axes.fill_betweenx([y - half, y + half], low, high, color='0.85', lw=0, zorder=0.5)
                axes.plot([part.ceiling] * 2, [y - half, y + half], color='0.45', linewidth=1.2)
    axes.plot([], [], color='0.45', linewidth=1.2, label='ceiling of raw, 95 %')
    axes.plot([], [], linewidth=4, alpha=0.25, color=colour(0), label='own units, 95 %')
    axes.set_xlabel('raw (no unit)')


def _draw_animals(axes: Axes, rows: Sequence[str], results: Sequence[Result]) -> None:
    for number_, result in enumerate(results):
        for name, part in parts_of(result).items():
            y = rows.index(name)
            if part.model_per_animal is not None:
                place = y + _offset(number_, len(results))
                axes.plot([part.model_per_animal], [place], marker=marker(number_), linestyle='', color=colour(number_))
            if part.other_mice is not None:
                axes.plot([part.other_mice] * 2, [y - 0.38, y + 0.38], color='black', linewidth=1.5)
    axes.plot([], [], color='black', linewidth=1.5, label='other mice')
    axes.set_xlabel('raw on one animal (no unit)')


def scores_data(results: Sequence[Result], controls: Sequence[Control] = ()) -> Table:
    """List all values of results and controls, a row for each area."""
    columns = (
        *(Column('candidate'), Column('benchmark'), Column('area'), Column('layer'), count('neuroids')),
        *(count('animals'), number('score'), number('error'), interval('score 95 %'), number('raw')),
        *(interval('raw 95 %'), number('ceiling'), interval('ceiling 95 %'), Column('ceiling kind')),
        *(number('own units'), interval('own units 95 %'), number('model per animal'), number('other mice')),
    )
    lines = [
        Row(
            (
                *(label(result), result.benchmark, name, '' if isinstance(part.layer, dict) else part.layer or ''),
                *(part.n_neuroids, part.n_animals, part.score, part.error, _pair(part.interval), part.raw),
                *(_pair(part.raw_interval), part.ceiling, _pair(part.ceiling_interval), part.ceiling_kind or ''),
                *(part.own_units, _pair(part.own_units_interval), part.model_per_animal, part.other_mice),
            ),
            strong=part is result,
        )
        for result in results
        for name, part in parts_of(result).items()
    ]
    none = (None, None)
    lines += [
        Row(
            (
                *(control.name, results[0].benchmark, name, '', None, None, value, None, none, None, none, None, none),
                *('', None, none, None, None),
            )
        )
        for control in controls
        for name, value in control.scores.items()
    ]
    return Table(columns, lines)


def _pair(ends: Sequence[float] | None) -> tuple[float | None, float | None]:
    return (None, None) if ends is None else (ends[0], ends[1])
