"""Tables of a comparison: the candidates, the parts of their scores, their tests, and the differences of all pairs."""

from typing import TYPE_CHECKING, Any

from m2m_benchmarks.analysis.letters import group_letters, letter
from m2m_benchmarks.benchmarks.identifiers import NeuralIdentifier, dotted_name, parse, unrestricted
from m2m_benchmarks.benchmarks.names import notes_on_data
from m2m_benchmarks.report.tables import Column, Row, Table, estimate, interval, number, text

if TYPE_CHECKING:
    from m2m_benchmarks.analysis.comparison import Comparison, Difference
    from m2m_benchmarks.analysis.comparison import Row as ComparisonRow

#: Format of p values, and what stands for one below the smallest number.
_P_VALUE, _TINY = '.2g', '<1e-300'
#: What the table of single animals means.
_OTHER_MICE = (
    'Mean over animals of raw on one animal: of each model, and of all other animals as a model: the mark to pass. '
    'Raw and score of all animals at once are other quantities.'
)
#: Names of the corrections in titles.
SHORT = {'holm': 'Holm', 'fdr': 'FDR'}


def comparison_tables(comparison: 'Comparison') -> list[Table]:
    """Make the tables of a comparison.

    Two candidates are compared on each measure. The pairs of more candidates are compared on the score alone; the
    JSON of the comparison has their differences on its parts.
    """
    if len(comparison.candidates) == 2:
        return [_candidates(comparison), _tests(comparison), _two(comparison), *_single_animals(comparison)]
    parts = [_parts(comparison)] if len(comparison.rows) > 1 else []
    return [_candidates(comparison), *parts, _tests(comparison), _pairs(comparison), *_single_animals(comparison)]


def _candidates(comparison: 'Comparison') -> Table:
    row = comparison.rows[-1]
    columns = [text(''), Column('model'), estimate('score')]
    spreads = [spread for spread in row.spreads if spread is not None]
    ranked = len(comparison.candidates) > 2
    columns += [number('between seeds')] if spreads else []
    columns += [text('rank'), text('tied')] if ranked else []
    tied = group_letters(row.groups, len(comparison.candidates))
    rows = []
    for index, candidate in enumerate(comparison.candidates):
        best, worst = row.ranks[index]
        cells: list[Any] = [letter(index), candidate.label, (row.means[index], row.errors[index])]
        cells += [row.spreads[index]] if spreads else []
        cells += [str(best) if best == worst else f'{best} to {worst}', tied[index]] if ranked else []
        rows.append(Row(tuple(cells)))
    return Table(columns, rows, comparison.benchmark)


def _tests(comparison: 'Comparison') -> Table:
    """Lay out the tests of each score against chance and the ceiling."""
    row = comparison.rows[-1]
    columns = [text(''), interval('95 % interval'), number(f'p above {_chance(row)}', _P_VALUE)]
    with_ceiling = any(p is not None for p in row.p_ceiling)
    columns += [number('p at ceiling', _P_VALUE)] if with_ceiling else []
    rows = []
    for index in range(len(comparison.candidates)):
        cells: list[Any] = [letter(index), row.intervals[index] or (None, None), _p_value(row.p_chance[index])]
        cells += [_p_value(row.p_ceiling[index])] if with_ceiling else []
        rows.append(Row(tuple(cells)))
    return Table(columns, rows)


def _single_animals(comparison: 'Comparison') -> list[Table]:
    """Lay out values on single animals, which are not comparable with those on all animals at once."""
    benchmark = parse(unrestricted(comparison.benchmark))
    area = dotted_name(benchmark.area, benchmark.population) if isinstance(benchmark, NeuralIdentifier) else ''
    names = [*(row.name for row in comparison.rows[:-1]), area or 'mean']
    letters = [number(letter(index)) for index in range(len(comparison.candidates))]
    rows = [
        Row((name, *row.model_per_animal, row.other_mice), strong=row is comparison.rows[-1])
        for name, row in zip(names, comparison.rows, strict=True)
        if row.other_mice is not None
    ]
    columns = [Column('raw on one animal'), *letters, number('other mice')]
    return [Table(columns, rows, notes=[_OTHER_MICE])] if rows else []


def _chance(row: 'ComparisonRow') -> str:
    return 'chance' if row.chance else '0'


def _two(comparison: 'Comparison') -> Table:
    columns = [Column(''), number('A'), number('B'), *_difference_columns('A − B', 'p')]
    rows = [
        Row((name, *row.means, *_difference_cells(row.differences[0])), strong=row is comparison.rows[-1])
        for name, row in zip(row_names(comparison), comparison.rows, strict=True)
    ]
    return Table(columns, rows, notes=_notes(comparison))


def _parts(comparison: 'Comparison') -> Table:
    columns = [Column(''), *(number(letter(index)) for index in range(len(comparison.candidates)))]
    rows = [
        Row((name, *row.means), strong=row is comparison.rows[-1])
        for name, row in zip(row_names(comparison), comparison.rows, strict=True)
    ]
    return Table(columns, rows)


def _pairs(comparison: 'Comparison') -> Table:
    columns = [Column('score'), *_difference_columns('difference', f'p ({SHORT[comparison.correction]})')]
    rows = [
        Row((f'{letter(pair.first)} − {letter(pair.second)}', *_difference_cells(pair)))
        for pair in comparison.rows[-1].differences
    ]
    return Table(columns, rows, notes=_notes(comparison))


def _difference_columns(title: str, p_value: str) -> list[Column]:
    return [estimate(title, '+.3f'), interval('95 % interval', '+.3f'), number(p_value, _P_VALUE)]


def _difference_cells(pair: 'Difference') -> tuple[Any, ...]:
    return (pair.value, pair.error), pair.interval or (None, None), _p_value(pair.p_adjusted)


def _p_value(p: float | None) -> float | str | None:
    return _TINY if p == 0 else p


def row_names(comparison: 'Comparison') -> list[str]:
    """Name the rows of a table; the row of a score that is a mean is called so."""
    return mean_name([row.name for row in comparison.rows])


def mean_name(names: list[str]) -> list[str]:
    """Replace the last name, that of the score, where the score is a mean of the others."""
    n_parts = sum(name != 'in-domain' for name in names[:-1])
    if n_parts > 1:
        return [*names[:-1], 'mean of the targets' if 'in-domain' in names else 'mean']
    return names


def method_lines(comparison: 'Comparison') -> list[str]:
    """Say how the differences were tested, and which pairs where there are several ways."""
    if len(comparison.methods) == 1:
        return list(comparison.methods)
    return [
        f'{", ".join(f"{letter(first)} − {letter(second)}" for first, second in pairs)}: {method}'
        for method, pairs in comparison.methods.items()
    ]


def _corrected(correction: str) -> str:
    from m2m_benchmarks.analysis.statistics import CORRECTIONS  # takes a second to import

    return CORRECTIONS[correction][0]


def _notes(comparison: 'Comparison') -> list[str]:
    notes = []
    notes += [f'{line}.' for line in method_lines(comparison)]
    notes.append('±: standard error.')
    seeded = next((candidate for candidate in comparison.candidates if candidate.seeds), None)
    if seeded is not None:
        seeds = ', '.join(map(str, seeded.seeds or []))
        several = any(spread is not None for spread in comparison.rows[-1].spreads)
        notes[-1] += f' Seeds: {seeds}{"; between seeds: standard deviation" if several else ""}.'
    row, n = comparison.rows[-1], len(comparison.candidates)
    ceiling = '; p at ceiling: if the true score is the ceiling' if any(p is not None for p in row.p_ceiling) else ''
    notes.append(f'p above {_chance(row)}: if the true score is {_chance(row)} or less{ceiling}.')
    notes.append(f'p values are adjusted for the number of models or pairs ({_corrected(comparison.correction)}).')
    if n > 2:
        notes.append(
            'Each interval is for its pair alone. rank: the ranges together hold the true ranks with a confidence of '
            '95 % (by Holm).'
        )
        notes.append('tied: two models have a letter in common if they cannot be told apart (p above .05).')
        if len(comparison.rows) > 1:
            notes.append('--json has the differences of the parts.')
    notes += [f'{name} is left out: {reason}.' for name, reason in comparison.left_out.items()]
    first = comparison.candidates[0].results[0]
    if first.get('chance') is not None:
        notes.append(f'Shares of correct labels; chance is {first["chance"]}.')
    return [*notes, *notes_on_data([comparison.benchmark])]
