"""m2m benchmarks."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

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
    place,
)
from m2m_benchmarks.cli.console import stdout, write_json
from m2m_benchmarks.data import ledger, populations
from m2m_benchmarks.data.areas import order_areas
from m2m_benchmarks.plugins import BRAIN_SCORE, OWN, registered

if TYPE_CHECKING:
    from rich.table import Table

#: What is compared, by the end of a benchmark's name.
_COMPARED = {**COMPARISONS, **PROTOCOLS}
#: How the names of the column of parts go into names of benchmarks.
_PARTS = (
    'Each part has a benchmark of its own: Siegle2021.VISp-rdm is of one area, deVries2020.VISp.Cux2-rdm of one '
    'population of its neuroids, Qazi2025.MNIST.SVHN-accuracy of one target. Without a part, it is the mean over the '
    'areas, all neuroids of the area, or the mean over the targets of the collection.'
)


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
    console = stdout()
    console.print(_table(rows))
    console.print(f'\n{_PARTS}\n')
    console.print(_kinds(dict.fromkeys(row['kind'] for row in rows)))
    console.print()
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


def _table(rows: list[dict[str, Any]]) -> 'Table':
    """One row for the benchmarks of a mean and of its parts."""
    from rich.table import Table

    table = Table(box=None, header_style='bold', pad_edge=False, padding=(0, 2, 0, 0))
    for column in ('Benchmark', 'Parts', 'Data'):
        table.add_column(column, no_wrap=column != 'Parts')
    for whole, parts in _by_whole(rows).items():
        here = {row['data_here'] for row in parts.values()}
        data = 'here' if here == {True} else 'in part' if True in here else 'not here'
        first = next(iter(parts.values()))
        if _made_here(first):
            data = 'simulated' if first['simulated'] else 'built in'
        table.add_row(whole, ' '.join(part for part in parts if part), data)
    return table


def _by_whole(rows: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Group rows by the benchmark that they are a part of; by the name of the part, empty for the whole itself."""
    grouped: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        name = _name(row['identifier'])
        if isinstance(name, DigitsIdentifier):
            whole, part = str(replace(name, target=None)), name.target
        else:
            whole, part = name.parent or str(name), name.population or name.area
        grouped.setdefault(whole, {})[part or ''] = row
    return grouped


def _kinds(kinds: Iterable[str]) -> 'Table':
    """What is compared, by the end of the name."""
    from rich.table import Table

    table = Table(box=None, header_style='bold', pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column('Ends in', no_wrap=True)
    table.add_column('What is compared')
    for kind in kinds:
        table.add_row(f'-{kind}', _COMPARED[kind])
    return table


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
                    too_few.append(f'{place(dataset, area, population.name)} ({n})')
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
