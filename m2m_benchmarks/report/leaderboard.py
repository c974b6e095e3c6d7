"""Tables of a leaderboard: for terminals and papers, and one with all numbers for CSV."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from m2m_benchmarks.benchmarks.names import notes_on_data
from m2m_benchmarks.report.tables import Cell, Column, Row, Table, estimate, fits, heading, interval, number, text

if TYPE_CHECKING:
    from m2m_benchmarks.analysis.board_columns import BoardColumn
    from m2m_benchmarks.analysis.leaderboard import Board

#: What the numbers are.
_SCORE = 'score: 0 is chance, 1 the ceiling; for digits, the share of correct labels. ±: standard error.'
#: Kinds of rows that are no candidates, as the tables name them.
_SHOWN_KINDS = {'control': 'control', 'ceiling': 'ceiling', 'other mice': 'other mice'}


def board_table(board: 'Board', width: int | None = None) -> Table:
    """Lay a leaderboard out as rows x columns, each with the rank and the letters of ties.

    Parameters
    ----------
    board : Board
    width : int or None
        Number of columns of the terminal. Where the table is wider, the benchmarks are below one another, each with the
        best row first.
    """
    shown = [column for column in board.columns if _any_cell(board, column.id)]
    columns = [Column('candidate'), text('kind')]
    for column in shown:
        columns += [estimate(column.id), *([text('rank'), text('tied')] if column.rank_method else [])]
    rows = []
    for row in board.rows:
        cells: list[Cell] = [row.label, _SHOWN_KINDS.get(row.kind, '')]
        for column in shown:
            cell = board.cells[row.id].get(column.id, {})
            cells += [_score(cell), *([_rank(cell), cell.get('group', '')] if column.rank_method else [])]
        rows.append(Row(tuple(cells)))
    notes = [_SCORE, *board.notes, *_on_single_animals(shown), *notes_on_data(_benchmarks(shown))]
    table = Table(columns, rows, notes=notes)
    if fits(table, width):
        return table
    lines = []
    for column in shown:
        scored = [row for row in board.rows if column.id in board.cells[row.id]]
        for row in sorted(scored, key=lambda row: -board.cells[row.id][column.id].get('score', -math.inf)):
            cell = board.cells[row.id][column.id]
            kind = _SHOWN_KINDS.get(row.kind, '')
            lines.append(Row((column.id, row.label, kind, _score(cell), _rank(cell), cell.get('group', ''))))
    folded = (heading('benchmark'), Column('candidate'), text('kind'), estimate('score'), text('rank'), text('tied'))
    return Table(folded, lines, notes=notes)


def long_table(board: 'Board') -> Table:
    """Lay a leaderboard out with a row for each cell, and all its numbers."""
    columns = (
        *(Column('candidate'), text('kind'), Column('model'), Column('weights'), text('family'), number('parameters')),
        *(Column('column'), Column('benchmark'), number('benchmark_version'), estimate('score'), interval('interval')),
        *(number('raw'), number('ceiling'), Column('layer'), number('neuroids'), number('animals')),
        *(number('model_per_animal'), number('other_mice')),
        *(Column('rank', 'number', parts=('rank best', 'rank worst')), text('tied')),
        *(Column('measured_by'), text('created'), Column('uid')),
    )
    by_id = {column.id: column for column in board.columns}
    rows = []
    for row in board.rows:
        for name, column in by_id.items():
            cell = board.cells[row.id].get(name)
            if cell is None:
                continue
            own: list[Cell] = [row.label, row.kind, row.model or '', row.weights or '', row.family or '']
            own += [row.parameters, name, column.benchmark or '', column.benchmark_version, _score(cell)]
            own += [_pair(cell.get('interval')), cell.get('raw'), cell.get('ceiling'), _layer(cell)]
            own += [cell.get('n_neuroids'), cell.get('n_animals'), cell.get('model_per_animal'), cell.get('other_mice')]
            own += [_pair(cell.get('rank')), cell.get('group', '')]
            own += [cell.get('measured_by', ''), cell.get('created', ''), cell.get('uid', '')]
            rows.append(Row(tuple(own)))
    return Table(columns, rows)


def _any_cell(board: 'Board', column: str) -> bool:
    return any(column in cells for cells in board.cells.values())


def _score(cell: Mapping[str, Any]) -> tuple[float | None, float | None]:
    return cell.get('score'), cell.get('error')


def _pair(values: Sequence[float] | None) -> tuple[float | None, float | None]:
    return (None, None) if values is None else (values[0], values[1])


def _rank(cell: Mapping[str, Any]) -> str:
    if 'rank' not in cell:
        return ''
    best, worst = cell['rank']
    return str(best) if best == worst else f'{best} to {worst}'


def _layer(cell: Mapping[str, Any]) -> str:
    layer = cell.get('layer', '')
    return layer if isinstance(layer, str) else '; '.join(f'{area} {name}' for area, name in layer.items())


def _on_single_animals(columns: Sequence['BoardColumn']) -> list[str]:
    if not any(column.of for column in columns):
        return []
    return [
        'model_per_animal, other_mice: mean over animals of raw on one animal, of the candidate and of all other '
        'animals as a model: the mark to pass.'
    ]


def _benchmarks(columns: Sequence['BoardColumn']) -> list[str]:
    return [column.benchmark for column in columns if column.benchmark is not None]
