"""m2m benchmarks."""

from typing import Annotated, Any

import typer

from m2m_benchmarks.cli.console import stdout, write_json
from m2m_benchmarks.data import ledger, populations
from m2m_benchmarks.plugins import BRAIN_SCORE, OWN, registered

_NEURAL = {'rdm': 'similarity of population geometry (RSA)', 'ridge': 'prediction of single neurons (ridge regression)'}
_DIGITS = {
    'accuracy': 'labels of a model trained on the source',
    'readout_accuracy': 'labels of a readout fitted to the source',
}
_KINDS = {**_NEURAL, **_DIGITS}
#: Domains of the benchmarks of Qazi et al.
_DOMAINS = ('MNIST', 'MNISTM', 'SVHN', 'USPS')


def benchmarks(
    json: Annotated[bool, typer.Option('--json', help='Print JSON.')] = False,
    everything: Annotated[bool, typer.Option('--all', help="List brainscore_vision's benchmarks too.")] = False,
) -> None:
    """List the benchmarks, and whether their data is on this machine.

    Example:  m2m benchmarks --json
    """
    of_populations, too_few = _of_populations()
    rows = [_row(name) for name in [*_own(), *of_populations]]
    others = [name for name in registered('benchmark', BRAIN_SCORE) if everything]
    if json:
        rows += [{'identifier': name, 'library': BRAIN_SCORE} for name in others]
        write_json(rows, '-')
        return
    from rich.table import Table

    console = stdout()
    table = Table(box=None, header_style='bold')
    for column in ('Benchmark', 'Dataset', 'Area or target', 'What is compared', 'Data'):
        table.add_column(column, no_wrap=column != 'What is compared')
    for row in rows:
        data = 'here' if row['data_here'] else 'made when first used' if _made_here(row) else 'not here'
        dataset = f'{row["dataset"]} (simulated)' if row['simulated'] else row['dataset']
        part = row['area'] or row['target'] or ('mean of areas' if row['kind'] in _NEURAL else 'mean of targets')
        if row['population']:
            part = f'{part}, {row["population"]}'
        table.add_row(row['identifier'], dataset, part, _KINDS.get(row['kind'], ''), data)
    console.print(table)
    for text in _about_populations(of_populations, too_few):
        console.print(text, soft_wrap=True)
    absent = {name for row in rows if not _made_here(row) for name, split in _needs(row) if not _here(name, split)}
    for name in sorted(absent):
        console.print(f'Bring {name}:  {ledger.import_command(name)}', soft_wrap=True)
    for name in others:
        console.print(f'{BRAIN_SCORE}: {name}', markup=False)


def _own() -> list[str]:
    """Registered benchmarks, and those of recordings imported here under names of their own."""
    names = list(registered('benchmark'))
    known = {name.split('-')[0].split('.')[0] for name in names}
    for dataset in ledger.names():
        if dataset in (*known, *_DOMAINS):
            continue
        if ledger.require(dataset).get('kind') == ledger.DIGITS:
            names += [f'Qazi2025.{source}.{dataset}-{kind}' for kind in _DIGITS for source in _DOMAINS]
        else:
            areas = list(ledger.require(dataset)['summary']['areas'])
            for kind in _NEURAL:
                names += [f'{dataset}.{area}-{kind}' for area in areas] + [f'{dataset}-{kind}']
    return names


def _of_populations() -> tuple[list[str], list[str]]:
    """Benchmarks of populations of the recordings here, and the populations that are too small for one."""
    entry = ledger.read(populations.DATASET)
    names, too_few = [], []
    for area, counts in entry['summary']['areas'].items() if entry else ():
        for population in populations.POPULATIONS.values():
            # A ledger of an earlier version doesn't count them.
            reliable = counts.get('reliable_by', {}).get(population.coordinate, {})
            n = sum(number for value, number in reliable.items() if all(population.holds([value])))
            name = f'{populations.DATASET}.{area}.{population.name}'
            if n >= populations.LEAST_OF_POPULATION:
                names += [f'{name}-{kind}' for kind in _NEURAL]
            elif n:
                too_few.append(f'{name} ({n})')
    return names, too_few


def _about_populations(names: list[str], too_few: list[str]) -> list[str]:
    dataset, parts = populations.DATASET, ', '.join(populations.POPULATIONS)
    about = []
    if not names:
        about.append(
            f'{dataset}.AREA.POPULATION-rdm and -ridge score on one population of cells alone: {parts}. They need '
            f'recordings that `m2m data fetch {dataset}` brought.'
        )
    if too_few:
        least = populations.LEAST_OF_POPULATION
        about.append(f'Fewer than {least} reliable neuroids, so no score: {", ".join(too_few)}.')
    return about


def _row(identifier: str) -> dict[str, Any]:
    data, _, kind = identifier.rpartition('-')
    dataset, _, part = data.partition('.')
    source, target = None, None
    if kind in _DIGITS:
        source, _, target = part.partition('.') if dataset == 'Qazi2025' else (dataset, '', part)
    row: dict[str, Any] = {
        'identifier': identifier,
        'library': OWN,
        'dataset': dataset,
        'area': None if kind in _DIGITS else part.partition('.')[0] or None,
        'population': None if kind in _DIGITS else part.partition('.')[2] or None,
        'source': source,
        'target': target or None,
        'kind': kind,
        'simulated': dataset.startswith('Simulated'),
    }
    needs = _needs(row)
    row['needs'] = list(dict.fromkeys(name for name, _ in needs))
    row['data_here'] = all(_here(name, split) for name, split in needs)
    return row


def _needs(row: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Datasets that a benchmark takes, and of which of their splits; None for recordings."""
    source = row['source']
    if source is None:
        return [(row['dataset'], None)]
    fitting = [(source, 'train')] if row['kind'] == 'readout_accuracy' else []
    if row['dataset'] != 'Qazi2025':
        return [*fitting, (source, 'test')]
    targets = [row['target']] if row['target'] else [name for name in _DOMAINS if name != source]
    return [*fitting, *((name, 'test') for name in (source, *targets))]


def _here(name: str, split: str | None) -> bool:
    entry = ledger.read(name)
    return entry is not None and (split is None or split in entry.get('splits', {}))


def _made_here(row: dict[str, Any]) -> bool:
    return row['dataset'] in ledger.MADE_HERE
