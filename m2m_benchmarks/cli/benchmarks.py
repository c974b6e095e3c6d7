"""m2m benchmarks."""

from collections.abc import Iterable
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
    place,
)
from m2m_benchmarks.cli.console import Json, print_names, print_table, stdout, write_json
from m2m_benchmarks.cli.data import print_commands
from m2m_benchmarks.data import manifest, populations
from m2m_benchmarks.data.areas import order_areas
from m2m_benchmarks.errors import UnknownNameError
from m2m_benchmarks.plugins import BRAIN_SCORE, OWN, registered
from m2m_benchmarks.report.tables import Column, Row, Table, heading, text

#: What is compared, by the end of a benchmark's name.
_COMPARED = {**COMPARISONS, **PROTOCOLS}
#: Headings of the listing, in its order: whether the data of benchmarks is on this machine.
_HERE, _IN_PART, _NOT_HERE = 'These can run here', 'Part of the data is on this machine', 'Not on this machine'
_NAMES = (
    'Siegle2021-rdm is the mean over the areas, Siegle2021.VISp-rdm one area; Qazi2025.MNIST-accuracy the mean over '
    'the targets, Qazi2025.MNIST.SVHN-accuracy one.',
    "m2m benchmarks WORD lists the names with that word in them, --all every name and Brain-Score's; m2m data list "
    'says how to bring data.',
)


def benchmarks(
    word: Annotated[
        str | None, typer.Argument(help='List the names with this word in them, such as Siegle2021 or VISp.')
    ] = None,
    everything: Annotated[bool, typer.Option('--all', help="List every name, and brainscore_vision's.")] = False,
    json: Json = None,
) -> None:
    """List the benchmarks: those whose data is on this machine, then the others.

    \b
    Examples
    --------
      m2m benchmarks
      m2m benchmarks Siegle2021.VISp
      m2m benchmarks --all --json benchmarks.json
    """  # noqa: D301, D411 - the mark keeps these lines as they are
    of_populations, too_few = _of_populations()
    rows = [_row(name) for name in [*_own(), *of_populations]]
    others = list(registered('benchmark', BRAIN_SCORE)) if everything or word is not None else []
    if word is not None:
        names = [*(row['identifier'] for row in rows), *others]
        rows = [row for row in rows if word.lower() in row['identifier'].lower()]
        others = [name for name in others if word.lower() in name.lower()]
        if not rows and not others:
            raise UnknownNameError('benchmark', word, names, '`m2m benchmarks --all` lists every name.')
    if json is not None:
        write_json([*rows, *({'identifier': name, 'library': BRAIN_SCORE} for name in others)], json)
    if json == '-':
        return
    if word is None and not everything:
        print_table(_datasets(rows))
        stdout().print()
        print_table(_kinds(rows, _NAMES))
        return
    _print_names(rows, others)
    if rows:
        print_table(_kinds(rows, _about_populations(rows, too_few)))
        needed = [needs for row in rows if not _made_here(row) for needs in _needs(_name(row['identifier']))]
        absent = sorted({name for name, part in needed if not _here(name, part)})
        print_commands({name: manifest.import_commands(name) for name in absent})


def _datasets(rows: list[dict[str, Any]]) -> Table:
    """Make the table of the datasets, with what they are compared by and the areas or domains that they have."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        grouped.setdefault(row['dataset'], []).append(row)
    lines = []
    for dataset, own in grouped.items():
        here = {row['data_here'] or _made_here(row) for row in own}
        state = _HERE if here == {True} else _IN_PART if True in here else _NOT_HERE
        kinds = ' '.join(dict.fromkeys(row['kind'] for row in own))
        # Of digits that are their own source, that one is no part of a name.
        parts = {row[key]: None for key in ('area', 'source', 'target') for row in own if row[key] != dataset}
        simulated = ' (simulated)' if any(row['simulated'] for row in own) else ''
        lines.append(Row((state, dataset, kinds + simulated, ' '.join(part for part in parts if part))))
    lines.sort(key=lambda line: (_HERE, _IN_PART, _NOT_HERE).index(str(line.cells[0])))
    return Table([heading('Data'), Column('Dataset'), text('Compared by'), text('Areas or domains')], lines)


def _kinds(rows: list[dict[str, Any]], notes: Iterable[str]) -> Table:
    """Make the table of what is compared, by the end of the name."""
    kinds = dict.fromkeys(row['kind'] for row in rows)
    return Table([Column(''), text('')], [Row((f'-{kind}', _COMPARED[kind])) for kind in kinds], notes=tuple(notes))


def _print_names(rows: list[dict[str, Any]], others: list[str]) -> None:
    here = [row for row in rows if row['data_here'] or _made_here(row)]
    simulated = [row['identifier'] for row in here if row['simulated']]
    print_names(_HERE, [row['identifier'] for row in here if not row['simulated']])
    print_names(f'{_HERE} (simulated)', simulated)
    print_names(_NOT_HERE, [row['identifier'] for row in rows if row not in here])
    print_names(f'Brain-Score ({BRAIN_SCORE})', others)


def _own() -> list[str]:
    """Registered benchmarks, and those of recordings and digits imported here under names of their own."""
    names = list(registered('benchmark'))
    domains = DIGITS[PAPER_DIGITS].domains
    for dataset in manifest.names():
        if dataset in (*RECORDINGS, *DIGITS, *domains):
            continue
        entry = manifest.require(dataset)
        if entry.get('kind') == manifest.DIGITS:
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
    for dataset in manifest.names():
        entry = manifest.require(dataset)
        if entry.get('kind') == manifest.DIGITS:
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


def _about_populations(rows: list[dict[str, Any]], too_few: list[str]) -> list[str]:
    about = []
    datasets = {row['dataset'] for row in rows if row['area']}
    if datasets and not any(row['population'] for row in rows):
        about.append(
            'DATASET.AREA.POPULATION-COMPARISON scores on one population of neuroids alone, such as those of a Cre '
            'line, a layer or a cell type: a value of any column of recordings here that groups their neuroids.'
        )
    too_few = [each for each in too_few if each.partition('.')[0] in datasets]
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
        'data_here': all(_here(needed, part) for needed, part in needs),
    }


def _name(identifier: str) -> NeuralIdentifier | DigitsIdentifier:
    name = parse(identifier)
    assert name is not None  # benchmarks of this library follow its grammar
    return name


def _needs(name: NeuralIdentifier | DigitsIdentifier) -> list[tuple[str, str | None]]:
    """Datasets that a benchmark takes, and which area or split of each; None for whatever is recorded."""
    if isinstance(name, NeuralIdentifier):
        return [(name.dataset, name.area)]
    fitting = [(name.source, 'train')] if name.protocol == 'readout_accuracy' else []
    if name.collection == DERIVED_DIGITS:
        return [*fitting, (name.source, 'test')]
    return [*fitting, *((domain, 'test') for domain in (name.source, *DIGITS[name.collection].targets_of(name)))]


def _here(name: str, part: str | None) -> bool:
    entry = manifest.read(name)
    if entry is None or part is None:
        return entry is not None
    return part in (entry['splits'] if entry.get('kind') == manifest.DIGITS else entry['summary']['areas'])


def _made_here(row: dict[str, Any]) -> bool:
    return row['dataset'] in manifest.MADE_HERE
