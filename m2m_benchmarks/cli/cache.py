"""The commands `m2m cache`: list, clear."""

import datetime
from collections import defaultdict
from typing import Annotated, Any

import typer

from m2m_benchmarks.cli.console import Json, check_json, print_line, print_table, write_json
from m2m_benchmarks.cli.groups import ListingGroup
from m2m_benchmarks.messages import say

app = typer.Typer(
    cls=ListingGroup,
    help='List and clear stored activations, which are computed again when they are needed. They take at most 20 GB, '
    'or as many as the environment variable M2M_CACHE_GB says; those not used for longest are removed first.',
    rich_markup_mode=None,
)


@app.command('list')
def list_(json: Json = None) -> None:
    """List stored activations and their sizes, by model and stimuli.

    Example:  m2m cache list
    """
    from m2m_benchmarks.report.tables import Column, Row, Table, count, number
    from m2m_benchmarks.scoring.activation_store import StoredFile, files, limit_bytes

    check_json(json)
    limit = limit_bytes()
    groups: dict[tuple[str, str], list[StoredFile]] = defaultdict(list)
    for file in files():
        about = file.about() if file.is_entry else {}
        groups[about.get('model', ''), about.get('stimuli', '')].append(file)
    entries: list[dict[str, Any]] = [
        {
            'model': model or None,
            'stimuli': stimuli or None,
            'entries': len(members),
            'bytes': sum(file.n_bytes for file in members),
            'used': datetime.datetime.fromtimestamp(max(file.used for file in members), datetime.UTC).isoformat(
                timespec='seconds'
            ),
        }
        for (model, stimuli), members in groups.items()
    ]
    entries.sort(key=lambda entry: -entry['bytes'])
    total = sum(entry['bytes'] for entry in entries)
    if json is not None:
        write_json({'entries': entries, 'bytes': total, 'limit_bytes': limit}, json)
    if json == '-':
        return
    if not entries:
        say('No activations are stored.')
        return
    columns = (Column('model'), Column('stimuli'), count('entries'), number('MB', ',.1f'), Column('last used'))
    rows = [
        Row(
            (
                entry['model'] or 'earlier formats, damaged and temporary files',
                entry['stimuli'] or '',
                entry['entries'],
                entry['bytes'] / 1e6,
                entry['used'][:10],
            )
        )
        for entry in entries
    ]
    print_table(Table(columns, rows, notes=[f'{total / 1e9:,.3f} GB of at most {limit / 1e9:,g} GB.']))


@app.command()
def clear(
    model: Annotated[
        list[str] | None, typer.Option('--model', help="Model, or a pattern such as 'neurn_*'; may be repeated.")
    ] = None,
    older_than: Annotated[
        float | None,
        typer.Option('--older-than', metavar='DAYS', min=0, help='Remove only what was not used for this many days.'),
    ] = None,
) -> None:
    """Remove stored activations, with the ceilings of benchmarks: all, those of a model, or those unused for some days.

    \b
    Examples
    --------
      m2m cache clear
      m2m cache clear --model 'neurn_*' --older-than 30
    """  # noqa: D301, D411 - \b keeps these lines from being joined
    from m2m_benchmarks.scoring import activation_store, ceiling_store

    removed = activation_store.clear(model or (), older_than)
    n_bytes = sum(file.n_bytes for file in removed)
    if not model:  # ceilings are those of all models
        ceiling_store.clear((older_than or 0) * 86_400)
    print_line(f'{"1 file" if len(removed) == 1 else f"{len(removed):,} files"} removed, {n_bytes / 1e6:,.1f} MB.')
