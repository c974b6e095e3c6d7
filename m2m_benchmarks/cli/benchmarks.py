"""m2m benchmarks."""

from typing import Annotated, Any

import typer

from m2m_benchmarks.cli.console import stdout, write_json
from m2m_benchmarks.data import ledger
from m2m_benchmarks.plugins import BRAIN_SCORE, OWN, registered

_KINDS = {'rdm': 'similarity of population geometry (RSA)', 'ridge': 'prediction of single neurons (ridge regression)'}


def benchmarks(
    json: Annotated[bool, typer.Option('--json', help='Print JSON.')] = False,
    everything: Annotated[bool, typer.Option('--all', help="List brainscore_vision's benchmarks too.")] = False,
) -> None:
    """List the benchmarks, and whether their data is on this machine.

    Example:  m2m benchmarks --json
    """
    rows = [_row(name) for name in _own()]
    others = [name for name in registered('benchmark', BRAIN_SCORE) if everything]
    if json:
        rows += [{'identifier': name, 'library': BRAIN_SCORE} for name in others]
        write_json(rows, '-')
        return
    from rich.table import Table

    console = stdout()
    table = Table(box=None, header_style='bold')
    for column in ('Benchmark', 'Dataset', 'Area', 'What is compared', 'Data'):
        table.add_column(column, no_wrap=column != 'What is compared')
    for row in rows:
        data = 'here' if row['data_here'] else 'made when first used' if row['simulated'] else 'not here'
        dataset = f'{row["dataset"]} (simulated)' if row['simulated'] else row['dataset']
        table.add_row(row['identifier'], dataset, row['area'] or 'mean of areas', _KINDS.get(row['kind'], ''), data)
    console.print(table)
    for name in sorted({row['dataset'] for row in rows if not row['data_here'] and not row['simulated']}):
        console.print(f'Bring {name}:  {ledger.import_command(name)}', soft_wrap=True)
    for name in others:
        console.print(f'{BRAIN_SCORE}: {name}', markup=False)


def _own() -> list[str]:
    """Registered benchmarks, and those of recordings imported here under names of their own."""
    names = list(registered('benchmark'))
    known = {name.split('-')[0].split('.')[0] for name in names}
    for dataset in ledger.names():
        if dataset not in known:
            areas = list(ledger.require(dataset)['summary']['areas'])
            for kind in _KINDS:
                names += [f'{dataset}.{area}-{kind}' for area in areas] + [f'{dataset}-{kind}']
    return names


def _row(identifier: str) -> dict[str, Any]:
    data, _, kind = identifier.rpartition('-')
    dataset, _, area = data.partition('.')
    return {
        'identifier': identifier,
        'library': OWN,
        'dataset': dataset,
        'area': area or None,
        'kind': kind,
        'simulated': dataset.startswith('Simulated'),
        'data_here': ledger.read(dataset) is not None,
    }
