"""The command `m2m benchmarks`."""

from collections.abc import Container, Iterable
from typing import Annotated, Any

import typer

from m2m_benchmarks.benchmarks.comparisons import COMPARISONS, OPTIONS
from m2m_benchmarks.benchmarks.identifiers import (
    PROTOCOLS,
    DigitsIdentifier,
    NeuralIdentifier,
    parse,
)
from m2m_benchmarks.benchmarks.names import is_simulated, needs_of, own_benchmarks, part_is_here
from m2m_benchmarks.benchmarks.selection import SmallPopulation, population_benchmarks
from m2m_benchmarks.cli.console import Json, print_line, print_names, print_table, write_json
from m2m_benchmarks.cli.data import print_commands
from m2m_benchmarks.data import manifest, populations
from m2m_benchmarks.data.made_here import MADE_HERE
from m2m_benchmarks.errors import DataError, UnknownNameError
from m2m_benchmarks.plugins import BRAIN_SCORE, OWN, registered
from m2m_benchmarks.report.tables import Column, Row, Table, heading, text

#: Descriptions of comparisons and protocols, by their names, which end the names of benchmarks.
_DESCRIPTIONS = {**COMPARISONS, **PROTOCOLS}
#: Headings of the listing, in its order, by where the data is.
_HERE, _PARTLY_HERE, _NOT_HERE = 'These can run here', 'Part of the data is on this machine', 'Not on this machine'
_DAMAGED = 'Damaged'
_NAMES = (
    'Siegle2021-rdm is the mean over areas, Siegle2021.VISp-rdm is one area. Qazi2025.MNIST-accuracy is the mean over '
    'target domains, Qazi2025.MNIST.SVHN-accuracy is one target.',
    OPTIONS,
    "m2m benchmarks WORD lists the names that contain WORD; --all lists every name, Brain-Score's too. "
    'm2m data list shows how to get the data.',
)


def benchmarks(
    word: Annotated[
        str | None, typer.Argument(help='List the names that contain this word, such as Siegle2021 or VISp.')
    ] = None,
    everything: Annotated[bool, typer.Option('--all', help="List every name, brainscore_vision's too.")] = False,
    json: Json = None,
) -> None:
    """List the benchmarks, those that can run here first.

    \b
    Examples
    --------
      m2m benchmarks
      m2m benchmarks Siegle2021.VISp
      m2m benchmarks --all --json benchmarks.json
    """  # noqa: D301, D411 - \b keeps these lines from being joined
    damaged = manifest.damaged()
    of_populations, too_few = population_benchmarks()
    rows = [_row(name, damaged) for name in [*own_benchmarks(), *of_populations]]
    others = list(registered('benchmark', BRAIN_SCORE)) if everything or word is not None else []
    if word is not None:
        names = [*(row['identifier'] for row in rows), *others]
        rows = [row for row in rows if word.lower() in row['identifier'].lower()]
        others = [name for name in others if word.lower() in name.lower()]
        if not rows and not others:
            raise UnknownNameError('benchmark', word, names, '`m2m benchmarks --all` lists every name.')
    if json is not None:
        write_json([*rows, *({'identifier': name, 'library': BRAIN_SCORE} for name in others)], json)
    if json != '-' and word is None and not everything:
        print_table(_datasets(rows, damaged))
        print_line('')
        print_table(_kinds(rows, _NAMES))
    elif json != '-':
        _print_names(rows, others)
        if rows:
            print_table(_kinds(rows, _population_notes(rows, too_few)))
            needed = [needs for row in rows if not _is_made_here(row) for needs in needs_of(_parse(row['identifier']))]
            missing = sorted({name for name, part in needed if name not in damaged and not part_is_here(name, part)})
            print_commands({name: manifest.import_commands(name) for name in missing})
    if damaged:  # the others are listed
        raise DataError('\n'.join(damaged.values()))


def _datasets(rows: list[dict[str, Any]], damaged: Iterable[str]) -> Table:
    """Make the table of the datasets, with their comparisons and their areas or domains."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        grouped.setdefault(row['dataset'], []).append(row)
    lines = []
    for dataset, own in grouped.items():
        runnable = {_can_run(row) for row in own}
        state = _HERE if runnable == {True} else _PARTLY_HERE if True in runnable else _NOT_HERE
        state = _DAMAGED if dataset in damaged else state
        names = dict.fromkeys(row['kind'] for row in own)
        kinds = 'comparisons below' if set(names) == set(COMPARISONS) else ' '.join(names)
        # Derived digits are their own source, which their benchmarks' names leave out.
        parts = {row[key]: None for key in ('area', 'source', 'target') for row in own if row[key] != dataset}
        simulated = ' (simulated)' if any(row['simulated'] for row in own) else ''
        lines.append(Row((state, dataset, kinds + simulated, ' '.join(part for part in parts if part))))
    lines += [Row((_DAMAGED, dataset, '', '')) for dataset in damaged if dataset not in grouped]
    lines.sort(key=lambda line: (_HERE, _PARTLY_HERE, _DAMAGED, _NOT_HERE).index(str(line.cells[0])))
    return Table([heading('Data'), Column('Dataset'), text('Compared by'), text('Areas or domains')], lines)


def _kinds(rows: list[dict[str, Any]], notes: Iterable[str]) -> Table:
    """Make the table that describes each comparison."""
    kinds = dict.fromkeys(row['kind'] for row in rows)
    return Table([Column(''), text('')], [Row((f'-{kind}', _DESCRIPTIONS[kind])) for kind in kinds], notes=tuple(notes))


def _print_names(rows: list[dict[str, Any]], others: list[str]) -> None:
    runnable = [row for row in rows if _can_run(row)]
    simulated = [row['identifier'] for row in runnable if row['simulated']]
    print_names(_HERE, [row['identifier'] for row in runnable if not row['simulated']])
    print_names(f'{_HERE} (simulated)', simulated)
    print_names(_NOT_HERE, [row['identifier'] for row in rows if row not in runnable])
    print_names(f'Brain-Score ({BRAIN_SCORE})', others)


def _population_notes(rows: list[dict[str, Any]], too_few: list[SmallPopulation]) -> list[str]:
    notes = []
    datasets = {row['dataset'] for row in rows if row['area']}
    if datasets and not any(row['population'] for row in rows):
        notes.append(
            'DATASET.AREA.POPULATION-COMPARISON scores on one population of neuroids, such as a Cre line, a layer or '
            'a cell type. Populations are the values of the columns that group the neuroids of recordings here.'
        )
    too_few = [population for population in too_few if population.dataset in datasets]
    if too_few:
        least = populations.MIN_POPULATION_SIZE
        notes.append(f'Fewer than {least} reliable neuroids, so no score: {", ".join(map(str, too_few))}.')
    return notes


def _row(identifier: str, damaged: Container[str]) -> dict[str, Any]:
    name = _parse(identifier)
    if isinstance(name, DigitsIdentifier):
        dataset, kind, simulated = name.collection, name.protocol, False
        parts = {'area': None, 'population': None, 'source': name.source, 'target': name.target}
    else:
        dataset, kind = name.dataset, name.comparison
        simulated = is_simulated(dataset)
        parts = {'area': name.area, 'population': name.population, 'source': None, 'target': None}
    needs = needs_of(name)
    return {
        'identifier': identifier,
        'library': OWN,
        'dataset': dataset,
        **parts,
        'kind': kind,
        'simulated': simulated,
        'needs': list(dict.fromkeys(needed for needed, _ in needs)),
        'data_here': all(needed not in damaged and part_is_here(needed, part) for needed, part in needs),
        'damaged': [needed for needed, _ in needs if needed in damaged],
    }


def _parse(identifier: str) -> NeuralIdentifier | DigitsIdentifier:
    name = parse(identifier)
    assert name is not None  # benchmarks of this library follow its grammar
    return name


def _can_run(row: dict[str, Any]) -> bool:
    return not row['damaged'] and (row['data_here'] or _is_made_here(row))


def _is_made_here(row: dict[str, Any]) -> bool:
    return row['dataset'] in MADE_HERE
