"""m2m benchmarks."""

from typing import Annotated, Any

import typer

from m2m_benchmarks.benchmarks.comparisons import COMPARISONS
from m2m_benchmarks.benchmarks.datasets import DIGITS, RECORDINGS
from m2m_benchmarks.benchmarks.identifiers import (
    DERIVED_DIGITS,
    PAPER_DIGITS,
    PROTOCOLS,
    DigitsIdentifier,
    NeuralIdentifier,
    parse,
)
from m2m_benchmarks.cli.console import stdout, write_json
from m2m_benchmarks.data import ledger, populations
from m2m_benchmarks.data.areas import order_areas
from m2m_benchmarks.plugins import BRAIN_SCORE, OWN, registered

#: What is compared, by the end of a benchmark's name.
_COMPARED = {
    **COMPARISONS,
    'accuracy': 'labels of a model trained on the source',
    'readout_accuracy': 'labels of a readout fitted to the source',
}


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
        mean = 'mean of targets' if row['kind'] in PROTOCOLS else 'mean of areas'
        part = row['area'] or row['target'] or mean
        if row['population']:
            part = f'{part}, {row["population"]}'
        table.add_row(row['identifier'], dataset, part, _COMPARED.get(row['kind'], ''), data)
    console.print(table)
    for text in _about_populations(of_populations, too_few):
        console.print(text, soft_wrap=True)
    absent = {
        needed
        for row in rows
        if not _made_here(row)
        for needed, split in _needs(_name(row['identifier']))
        if not _here(needed, split)
    }
    for name in sorted(absent):
        console.print(f'Bring {name}:  {ledger.import_command(name)}', soft_wrap=True)
    for name in others:
        console.print(f'{BRAIN_SCORE}: {name}', markup=False)


def _own() -> list[str]:
    """Registered benchmarks, and those of recordings and digits imported here under names of their own."""
    names = list(registered('benchmark'))
    domains = DIGITS[PAPER_DIGITS].domains
    for dataset in ledger.names():
        if dataset in (*RECORDINGS, *DIGITS, *domains):
            continue
        entry = ledger.require(dataset)
        if entry.get('kind') == ledger.DIGITS:
            names += [
                str(DigitsIdentifier(PAPER_DIGITS, source, dataset, protocol))
                for protocol in PROTOCOLS
                for source in domains
            ]
        else:
            areas = order_areas(entry['summary']['areas'])
            names += [
                str(NeuralIdentifier(dataset, area, None, each)) for each in COMPARISONS for area in (*areas, None)
            ]
    return names


def _of_populations() -> tuple[list[str], list[str]]:
    """Benchmarks of populations of the recordings here, and the populations that are too small for one."""
    names, too_few = [], []
    for dataset in ledger.names():
        entry = ledger.require(dataset)
        if entry.get('kind') == ledger.DIGITS:
            continue
        areas = entry['summary']['areas']
        for area in order_areas(areas):
            for population in populations.recorded_populations(entry['summary']).values():
                counted = areas[area]['reliable_by'].get(population.column, {})
                n = sum(number for value, number in counted.items() if value in population.values)
                if n >= populations.LEAST_OF_POPULATION:
                    names += [str(NeuralIdentifier(dataset, area, population.name, each)) for each in COMPARISONS]
                elif n:
                    too_few.append(f'{dataset}.{area}.{population.name} ({n})')
    return names, too_few


def _about_populations(names: list[str], too_few: list[str]) -> list[str]:
    about = []
    if not names:
        about.append(
            'DATASET.AREA.POPULATION-COMPARISON scores on one population of neuroids alone, such as those of a Cre '
            'line, a layer or a cell type: a value of any column of recordings here that groups their neuroids.'
        )
    if too_few:
        least = populations.LEAST_OF_POPULATION
        about.append(f'Fewer than {least} reliable neuroids, so no score: {", ".join(too_few)}.')
    return about


def _row(identifier: str) -> dict[str, Any]:
    name = _name(identifier)
    if isinstance(name, DigitsIdentifier):
        dataset, kind, simulated = name.collection, name.protocol, False
        parts = {'area': None, 'population': None, 'source': name.source, 'target': name.target}
    else:
        dataset, kind = name.dataset, name.comparison
        simulated = dataset in RECORDINGS and RECORDINGS[dataset].simulated
        parts = {'area': name.area, 'population': name.population, 'source': None, 'target': None}
    needs = _needs(name)
    return {
        'identifier': identifier,
        'library': OWN,
        'dataset': dataset,
        **parts,
        'kind': kind,
        'simulated': simulated,
        'needs': list(dict.fromkeys(needed for needed, _ in needs)),
        'data_here': all(_here(needed, split) for needed, split in needs),
    }


def _name(identifier: str) -> NeuralIdentifier | DigitsIdentifier:
    name = parse(identifier)
    assert name is not None  # benchmarks of this library follow its grammar
    return name


def _needs(name: NeuralIdentifier | DigitsIdentifier) -> list[tuple[str, str | None]]:
    """Datasets that a benchmark takes, and of which of their splits; None for recordings."""
    if isinstance(name, NeuralIdentifier):
        return [(name.dataset, None)]
    fitting = [(name.source, 'train')] if name.protocol == 'readout_accuracy' else []
    if name.collection == DERIVED_DIGITS:
        return [*fitting, (name.source, 'test')]
    return [*fitting, *((domain, 'test') for domain in (name.source, *DIGITS[name.collection].targets_of(name)))]


def _here(name: str, split: str | None) -> bool:
    entry = ledger.read(name)
    return entry is not None and (split is None or split in entry.get('splits', {}))


def _made_here(row: dict[str, Any]) -> bool:
    return row['dataset'] in ledger.MADE_HERE
