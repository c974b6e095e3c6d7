"""Tables of a comparison: the candidates, the parts of their scores, and the differences of all pairs."""

import string
from typing import TYPE_CHECKING, Any

from m2m_benchmarks.benchmarks.identifiers import DERIVED_DIGITS
from m2m_benchmarks.report.tables import Column, Row, Table, estimate, interval, number, text

if TYPE_CHECKING:
    from m2m_benchmarks.analysis.compare import Comparison, Difference

#: Format of p values.
_P_VALUE = '.2g'


def comparison_tables(comparison: 'Comparison') -> list[Table]:
    """Make the tables of a comparison.

    Two candidates are compared on each measure. The pairs of more candidates are compared on the score alone; the
    JSON of the comparison has their differences on its parts.
    """
    if len(comparison.candidates) == 2:
        return [_candidates(comparison), _two(comparison)]
    parts = [_parts(comparison)] if len(comparison.rows) > 1 else []
    return [_candidates(comparison), *parts, _pairs(comparison)]


def letter(index: int) -> str:
    """Return the letter of a candidate."""
    return string.ascii_uppercase[index % 26] + (str(index // 26) if index >= 26 else '')


def _candidates(comparison: 'Comparison') -> Table:
    row = comparison.rows[-1]
    columns = [text(''), Column('model'), estimate('score')]
    spreads = [spread for spread in row.spreads if spread is not None]
    ranked = len(comparison.candidates) > 2
    columns += [number('between seeds')] if spreads else []
    columns += [text('rank')] if ranked else []
    rows = []
    for index, candidate in enumerate(comparison.candidates):
        best, worst = row.ranks[index]
        cells: list[Any] = [letter(index), candidate.label, (row.means[index], row.errors[index])]
        cells += [row.spreads[index]] if spreads else []
        cells += [str(best) if best == worst else f'{best} to {worst}'] if ranked else []
        rows.append(Row(tuple(cells)))
    return Table(columns, rows, comparison.benchmark)


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
    columns = [Column('score'), *_difference_columns('difference', 'p (Holm)')]
    rows = [
        Row((f'{letter(pair.first)} − {letter(pair.second)}', *_difference_cells(pair)))
        for pair in comparison.rows[-1].differences
    ]
    return Table(columns, rows, notes=_notes(comparison))


def _difference_columns(title: str, p_value: str) -> list[Column]:
    return [estimate(title, '+.3f'), interval('95 % interval', '+.3f'), number(p_value, _P_VALUE)]


def _difference_cells(pair: 'Difference') -> tuple[Any, ...]:
    return (pair.value, pair.error), pair.interval or (None, None), pair.p_holm


def row_names(comparison: 'Comparison') -> list[str]:
    """Name the rows of a table; the row of a score that is a mean is called so."""
    names = [row.name for row in comparison.rows]
    n_parts = sum(name != 'in-domain' for name in names[:-1])
    if n_parts > 1:
        names[-1] = 'mean of the targets' if 'in-domain' in names else 'mean'
    return names


def _notes(comparison: 'Comparison') -> list[str]:
    notes = []
    for method, pairs in comparison.methods.items():
        differences = ', '.join(f'{letter(first)} − {letter(second)}' for first, second in pairs)
        notes.append(f'{method}.' if len(comparison.methods) == 1 else f'{differences}: {method}.')
    notes.append('±: standard error; for scores, by bootstrap.')
    seeded = next((candidate for candidate in comparison.candidates if candidate.seeds), None)
    if seeded is not None:
        seeds = ', '.join(map(str, seeded.seeds or []))
        several = any(spread is not None for spread in comparison.rows[-1].spreads)
        notes[-1] += f' Seeds: {seeds}{"; between seeds: standard deviation" if several else ""}.'
    if len(comparison.candidates) > 2:
        notes.append(
            'Each interval is for its pair alone. p is adjusted over all pairs; pairs with p above .05 are ties in the '
            'ranks.'
        )
        if len(comparison.rows) > 1:
            notes.append('--json has the differences of the parts.')
    first = comparison.candidates[0].results[0]
    if first.get('chance') is not None:
        notes.append(f'Shares of correct labels; chance is {first["chance"]}.')
    if first.get('source') == DERIVED_DIGITS:
        notes.append("SklearnDigits are scikit-learn's digits and domains derived from them, not those of the paper.")
    if first['simulated']:
        notes.append('SimulatedMouse is simulated: these numbers say nothing about any mouse.')
    return notes
