"""Tables of sweeps: what is done, what is left and how long it takes, and what failed."""

from collections.abc import Mapping, Sequence

from m2m_benchmarks.records.sweeps import SweepRecord
from m2m_benchmarks.report.tables import Column, Row, Table, count, number, text
from m2m_benchmarks.sweep.plan import Row as Planned
from m2m_benchmarks.sweep.plan import count as count_cells
from m2m_benchmarks.sweep.plan import seconds_left

_TO_CHECK = (
    'to check: the code or weights of these models may have changed under their names; they are loaded to see, and '
    'computed where they have.'
)
_ESTIMATE = (
    'time: estimated from the median time of the stored results of each benchmark, with one worker; none where there '
    'are no results. memory: estimated when a model was last opened.'
)


def planned_table(rows: Sequence[Planned], seconds: Mapping[str, float], record: SweepRecord, title: str) -> Table:
    """Make the table of a dry run: the cells of each model that are done and to do, with time and memory."""
    cells = []
    for row in rows:
        left = seconds_left(row, seconds)
        memory = record.memory.get(row.task.label)
        cells.append(
            Row(
                (
                    *(row.task.label, len(row.done), len(row.to_do), len(row.to_check)),
                    *(left if row.open else None, None if memory is None else memory / 1e9),
                )
            )
        )
    columns = [Column('model'), count('done'), count('to do'), count('to check')]
    columns += [number('time, s', ',.0f'), number('memory, GB', '.2f')]
    notes = [_TO_CHECK] if any(row.to_check for row in rows) else []
    return Table(columns, cells, title, [*notes, _ESTIMATE])


def status_table(rows: Sequence[Planned], record: SweepRecord, title: str) -> Table:
    """Make the table of the state of a sweep: the cells of each model that are done, failed, to do and to check."""
    cells = []
    for row in rows:
        counts = count_cells([row], record.failed.keys())
        cells.append(Row((row.task.label, *(counts[state] for state in ('done', 'failed', 'to do', 'to check')))))
    columns = [Column('model'), count('done'), count('failed'), count('to do'), count('to check')]
    return Table(columns, cells, title, [_TO_CHECK] if any(row.to_check for row in rows) else [])


def failures_table(rows: Sequence[Planned], record: SweepRecord) -> Table:
    """Make the table of the cells that failed, with the reasons: a row for each model and reason."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for cell in row.open:
            if cell.key in record.failed:
                reasons.setdefault((row.task.label, record.failed[cell.key]), []).append(cell.benchmark)
    cells = [
        Row((model, names[0] if len(names) == 1 else f'{len(names)} benchmarks', reason))
        for (model, reason), names in reasons.items()
    ]
    return Table([Column('model'), Column('benchmark'), text('reason')], cells, 'Failed')


def sweeps_table(rows: Sequence[tuple[str, str, str, Mapping[str, int]]]) -> Table:
    """Make the table of all sweeps, from the name of each, its state, when it was started, and its numbers of cells."""
    columns = [Column('sweep'), text('state'), text('started'), count('done'), count('failed'), count('left')]
    cells = [
        Row((name, state, started, counts['done'], counts['failed'], counts['to do'] + counts['to check']))
        for name, state, started, counts in rows
    ]
    return Table(columns, cells)
