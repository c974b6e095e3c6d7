"""A leaderboard of the stored results: candidates x benchmarks, with ranks, ties, ceilings and controls."""

import dataclasses
import datetime
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from m2m_benchmarks import __version__
from m2m_benchmarks.analysis import board_columns, board_rows
from m2m_benchmarks.analysis.board_cells import compact, make_cell, single_animals
from m2m_benchmarks.analysis.board_columns import BoardColumn, has_ceiling, make_columns
from m2m_benchmarks.analysis.board_ranks import (
    Cells,
    add_differences,
    add_ranks,
    have_same_draws,
    rank_by_draws,
    read_groups,
)
from m2m_benchmarks.analysis.board_rows import BoardRow, make_rows, row_names
from m2m_benchmarks.analysis.ranking import rank_means
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.records import store
from m2m_benchmarks.records.comparability import columns as column_names
from m2m_benchmarks.records.record import Result
from m2m_benchmarks.records.selection import find_contradictions, select

TITLE = 'M2M leaderboard'
#: Ids of the rows that are no candidates.
CEILING_ROW, OTHER_MICE_ROW = 'ceiling', 'other mice'


@dataclass(frozen=True)
class Board:
    """Scores of candidates on benchmarks.

    Attributes
    ----------
    title : str
    created : str
        Time in UTC, as ISO 8601.
    columns : list of BoardColumn
    rows : list of BoardRow
        Candidates, the best first: by the share of the others with a lower score, averaged over the benchmarks. Then
        controls in this order, ceilings, and other mice.
    cells : dict
        Cells by the ids of row and column; see `document`.
    pairs : list of dict
        Twins with NeuRN and without: 'neurn' and 'plain', ids of their rows, and 'differences' by column, of the first
        minus the second, each with 'value' and, where there are draws, 'error', 'interval' and 'p'.
    notes : list of str
        Sentences about all of it.
    """

    title: str
    created: str
    columns: list[BoardColumn]
    rows: list[BoardRow]
    cells: Cells
    pairs: list[dict[str, Any]]
    notes: list[str]

    @property
    def bibtex(self) -> str:
        """Citations of all data."""
        return '\n\n'.join(dict.fromkeys(column.citation for column in self.columns if column.citation))

    def document(self) -> dict[str, Any]:
        """Convert to a dictionary for JSON.

        Returns
        -------
        dict
            'title', 'version' of M2M, 'created', 'columns' and 'rows' as lists, 'cells', 'pairs', 'notes', 'bibtex'.
            A cell has the fields of its results, means over seeds, without those that have no value; and 'rank',
            [best, worst]; 'groups', letters of the groups of ties it is in, and 'group', these joined; 'unranked' or
            'reason', why there is no rank or no score; 'measured_by', 'here' or the machine of an imported result;
            'history', all results of the candidate on the benchmark, with what changed before each, where there are
            others than the shown.
        """
        return {
            'title': self.title,
            'version': __version__,
            'created': self.created,
            'columns': [dataclasses.asdict(column) for column in self.columns],
            'rows': [dataclasses.asdict(row) for row in self.rows],
            'cells': self.cells,
            'pairs': self.pairs,
            'notes': self.notes,
            'bibtex': self.bibtex,
        }


def leaderboard(
    models: str | Sequence[str] = (),
    benchmarks: str | Sequence[str] = (),
    *,
    title: str = TITLE,
    recovery: Iterable[Mapping[str, Any]] = (),
    progress: Progress | None = None,
) -> Board:
    """Make a leaderboard of the results on this machine.

    Parameters
    ----------
    models, benchmarks : str or sequence of str
        Names, or patterns such as 'neurn_*'; all if empty. Ranks are among the selected candidates.
    title : str
    recovery : iterable of mapping
        Documents of `analysis.recovery.Recovery`, for the columns of their benchmarks.
    progress : callable, optional

    Returns
    -------
    Board
        Without columns and rows where there are no results.

    Raises
    ------
    UnknownNameError
        When a name or pattern matches no result; the message lists the nearest names.
    StorageError
        When the file of results can't be read.
    """
    stored = store.results()
    patterns = [[names] if isinstance(names, str) else list(names) for names in (models, benchmarks)]
    selected = select(stored, *patterns) if stored else []
    return make_board(
        selected,
        store.score_draws,
        imported=store.imported(),
        contradictory=find_contradictions(stored),
        title=title,
        recovery=recovery,
        progress=progress,
    )


def make_board(
    results: Sequence[Result],
    read_draws: Callable[[Collection[str]], Mapping[str, np.ndarray]],
    *,
    imported: Collection[str] = (),
    contradictory: Collection[str] = (),
    title: str = TITLE,
    recovery: Iterable[Mapping[str, Any]] = (),
    progress: Progress | None = None,
) -> Board:
    """Make a leaderboard of results; see `leaderboard`.

    Parameters
    ----------
    results : sequence of Result
    read_draws : callable
        Function of uids that returns the bootstrap draws of those scores that have any.
    imported, contradictory : collection of str
        Uids of results from other machines, and of those that others contradict.
    """
    in_order = sorted(results, key=lambda result: result.created)
    newest, history = _arrange(in_order)
    of_columns: dict[str, list[Result]] = defaultdict(list)
    of_rows: dict[str, list[Result]] = defaultdict(list)
    for (row_name, column_name), by_seed in newest.items():
        of_columns[column_name] += by_seed.values()
        of_rows[row_name] += by_seed.values()
    rows = make_rows({name: sorted(own, key=lambda result: result.created) for name, own in of_rows.items()})
    columns = make_columns({name: sorted(own, key=lambda result: result.created) for name, own in of_columns.items()})
    by_benchmark = {str(document.get('benchmark')): dict(document) for document in recovery}
    cells: Cells = defaultdict(dict)
    differences: dict[str, dict[str, Any]] = defaultdict(dict)
    finished: dict[str, BoardColumn] = {}
    for number, column in enumerate(columns):
        if column.id in of_columns:
            own = {name: newest[name, column.id] for name in rows if (name, column.id) in newest}
            groups = read_groups(own, read_draws)
            for name, group in groups.items():
                past = history[name, group.results[0].benchmark]
                cells[name][column.id] = make_cell(group, past, imported, contradictory)
            add_differences(rows, groups, column.id, differences)
            column = dataclasses.replace(
                column,
                recovery=by_benchmark.get(column.benchmark or ''),
                same_draws=have_same_draws(groups),
            )
            column = add_ranks(column, rank_by_draws(groups), 'draws', cells)
            _add_ceiling(column, of_columns[column.id], cells)
        finished[column.id] = column
        if progress:
            progress('columns', number + 1, len(columns))
    for column in columns:
        if column.kind == board_columns.MEAN and column.id not in of_columns:
            finished[column.id] = _add_mean(column, list(rows), cells)
        elif column.of is not None:
            for name in [*rows, OTHER_MICE_ROW]:
                shown = single_animals(cells[name].get(column.of, {})).get(column.kind)
                if shown is not None:
                    cells[name][column.id] = shown
            if column.kind == board_columns.MODEL_PER_ANIMAL and column.other_mice is not None:
                cells[OTHER_MICE_ROW][column.id] = compact({'score': column.other_mice})
    shown_columns = [finished[column.id] for column in columns]
    own_rows = _in_order(rows, cells, [column.id for column in shown_columns if column.id in of_columns])
    own_rows += [BoardRow(name, name, kind) for name, kind in _MARKS.items() if cells.get(name)]
    return Board(
        title,
        datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds'),
        shown_columns,
        own_rows,
        {row.id: cells[row.id] for row in own_rows},
        [{'neurn': name, 'plain': rows[name].twin, 'differences': own} for name, own in differences.items()],
        _notes(shown_columns, own_rows, cells),
    )


_MARKS = {CEILING_ROW: board_rows.CEILING, OTHER_MICE_ROW: board_rows.OTHER_MICE}

Newest = dict[tuple[str, str], dict[int | None, Result]]


def _arrange(in_order: Sequence[Result]) -> tuple[Newest, dict[tuple[str, str], list[Result]]]:
    """Newest result of each seed by row and column, and all results by row and benchmark, the oldest first."""
    newest: Newest = defaultdict(dict)
    history = defaultdict(list)
    for name, column, result in zip(row_names(in_order), column_names(in_order), in_order, strict=True):
        seed = result.seed if (result.weights or '').startswith(('none', 'run')) else None
        before = newest[name, column].get(seed)
        # Of results made at the same time, the first one is kept, as in `selection.newest`.
        if before is None or result.created > before.created:
            newest[name, column][seed] = result
        history[name, result.benchmark].append(result)
    return newest, history


def _add_mean(column: BoardColumn, names: Sequence[str], cells: Cells) -> BoardColumn:
    """Average the columns of a dataset for the rows that have all of them, and rank those."""
    parts = column.mean_of or []
    own: dict[str, list[Any]] = {name: [cells[name].get(part, {}).get('score') for part in parts] for name in names}
    whole: dict[str, list[float]] = {name: scores for name, scores in own.items() if None not in scores}
    for name, scores in whole.items():
        cells[name][column.id] = compact({'score': float(np.mean(scores))})
    ranking = rank_means(np.array([*whole.values()])) if whole else None
    return add_ranks(column, None if ranking is None else ([*whole], ranking), 'benchmarks', cells)


def _add_ceiling(column: BoardColumn, results: Sequence[Result], cells: Cells) -> None:
    """Write the ceiling of a column, whose score is 1, into its row."""
    if column.ceiling is None or not any(map(has_ceiling, results)):
        return
    value, interval = column.ceiling['value'], column.ceiling['interval']
    shown = {'score': 1.0, 'raw': value, 'interval': None if interval is None else [end / value for end in interval]}
    cells[CEILING_ROW][column.id] = compact(shown)


def _in_order(rows: Mapping[str, BoardRow], cells: Cells, columns: Sequence[str]) -> list[BoardRow]:
    """Sort rows, the best first, as `m2m results list` does; controls after candidates."""
    shares: dict[str, list[float]] = defaultdict(list)
    for column in columns:
        scored = {name: cells[name][column].get('score', -math.inf) for name in rows if column in cells[name]}
        places = stats.rankdata(list(scored.values())) - 1
        for name, place in zip(scored, places.tolist(), strict=True):
            shares[name].append(place / (len(scored) - 1) if len(scored) > 1 else 0.5)
    return sorted(
        rows.values(),
        key=lambda row: (row.kind == board_rows.CONTROL, -float(np.mean(shares[row.id])), row.id),
    )


def _notes(columns: Sequence[BoardColumn], rows: Sequence[BoardRow], cells: Cells) -> list[str]:
    methods = {column.rank_method for column in columns}
    own = [cell for row in rows for cell in cells[row.id].values()]
    notes = []
    if 'draws' in methods:
        notes.append(
            'rank: among all rows of a column, controls too; the ranges of a column together hold the true ranks with '
            'a confidence of 95 %, as in `m2m compare`. tied: two rows have a letter in common if they cannot be told '
            'apart.'
        )
    if 'benchmarks' in methods:
        notes.append('Ranks of the mean of a dataset are for new benchmarks of the kind of those that it is of.')
    split = sorted({column.id.partition(' [')[0] for column in columns if column.of is None and ' [' in column.id})
    if split:
        notes.append(f'{", ".join(split)}: other versions, data or settings have columns of their own.')
    if any('unranked' in cell for cell in own):
        notes.append('Scores without a rank have no bootstrap draws: they are imported, or of an earlier version.')
    if any(column.same_draws is False for column in columns):
        shown = ', '.join(column.id for column in columns if column.same_draws is False and column.of is None)
        notes.append(
            f'{shown}: some scores are of other draws, as where one layer is chosen on each half of the animals; the '
            'errors of their differences are too large rather than too small.'
        )
    if any('contradicts' in cell for cell in own):
        notes.append('Some results of the same candidate, data and code have different scores.')
    return notes
