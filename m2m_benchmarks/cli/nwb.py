"""Report of `m2m data import NAME --nwb PATH --dry-run`: what would be imported."""

from typing import TYPE_CHECKING, Any

from m2m_benchmarks.cli.console import print_table, print_text, write_json
from m2m_benchmarks.report.tables import Column, Row, Table, count, heading, text

if TYPE_CHECKING:
    from m2m_benchmarks.acquisition.nwb.importing import NwbPlan


def print_nwb_plan(name: str, plan: 'NwbPlan', json: str | None) -> None:
    """Print the sessions, tables of presentations and units of NWB files, and what was chosen of them."""
    content = _content(name, plan)
    if json is not None:
        write_json(content, json)
    if json == '-':
        return
    print_table(_sessions(name, content))
    print_table(_tables(content))
    if plan.choice is not None:
        print_text(f'Images: {plan.choice.table}, column {plan.choice.column}; {plan.choice.why}.')
    print_text(f'Spikes are counted from {plan.window_s[0]:g} s after the onset up to {plan.window_s[1]:g} s.')
    for note in content['notes']:
        print_text(note)
    for field, value in plan.description.items():
        print_text(f'{field}: {value}')


def _content(name: str, plan: 'NwbPlan') -> dict[str, Any]:
    from m2m_benchmarks.acquisition.nwb.importing import notes

    sessions = []
    for each in plan.sessions:
        presented: dict[str, int] = {}
        if plan.choice is not None:
            repetitions = plan.repetitions(each)
            presented = {
                'images': len(repetitions),
                'fewest_repetitions': min(repetitions.values()),
                'most_repetitions': max(repetitions.values()),
                'blanks': plan.n_blanks(each),
            }
        units = {area: each.areas.count(area) for area in dict.fromkeys(filter(None, each.areas))}
        sessions.append(
            {
                'file': each.session.file,
                'session': each.session_id,
                'subject': each.subject,
                'units': units,
                'units_left_out': each.left_out,
                **presented,
                'tables': [
                    {
                        'table': table.name,
                        'presentations': len(table.starts_s),
                        'columns': {column: table.n_values(column) for column in table.columns},
                    }
                    for table in each.session.tables
                ],
            }
        )
    chosen = {'table': plan.choice.table, 'column': plan.choice.column, 'by': plan.choice.by} if plan.choice else None
    return {
        'name': name,
        'images': len(plan.names.names),
        'chosen': chosen,
        'window_s': list(plan.window_s),
        'sessions': sessions,
        'description': plan.description,
        'notes': list(notes(plan)),
    }


def _sessions(name: str, content: dict[str, Any]) -> Table:
    rows = []
    for session in content['sessions']:
        for i, (area, n_units) in enumerate(session['units'].items()):
            repetitions: Any = ''
            if 'images' in session:
                repetitions = _range(session['fewest_repetitions'], session['most_repetitions'])
            shown = (session.get('images'), repetitions) if i == 0 else (None, '')
            rows.append(Row((session['file'], session['session'], session['subject'], area, n_units, *shown)))
    columns = [heading('file'), text('session'), text('subject'), Column('area'), count('units'), count('images')]
    title = f'{name}: dry run, nothing was written.'
    return Table([*columns, text('repetitions')], rows, title)


def _tables(content: dict[str, Any]) -> Table:
    """Tables of presentations, those of the same content in several files once."""
    rows: dict[tuple[str, int, str], int] = {}
    for session in content['sessions']:
        for table in session['tables']:
            columns = ', '.join(f'{column} ({n:,} values)' for column, n in table['columns'].items())
            key = (table['table'], table['presentations'], columns)
            rows[key] = rows.get(key, 0) + 1
    return Table(
        [Column('table'), count('presentations'), text('columns'), count('files')],
        [Row((*key, n_files)) for key, n_files in rows.items()],
    )


def _range(least: int, most: int) -> str:
    return f'{most}' if least == most else f'{least} to {most}'
