"""The commands `m2m data`: list, fetch, import, report, verify, export, remove."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from m2m_benchmarks.acquisition.surveys import find_survey
from m2m_benchmarks.cli import data_report, fetch, importing
from m2m_benchmarks.cli.console import (
    Json,
    check_json,
    print_command,
    print_line,
    print_table,
    print_text,
    progress,
    stage,
    write_json,
)
from m2m_benchmarks.cli.datasets import dataset_state, describe_content
from m2m_benchmarks.cli.fetch import splits_table
from m2m_benchmarks.cli.groups import ListingGroup
from m2m_benchmarks.cli.recordings import areas_table, published_table
from m2m_benchmarks.data import atomic, manifest, versions
from m2m_benchmarks.data.cards import card, cards
from m2m_benchmarks.data.made_here import MADE_HERE
from m2m_benchmarks.errors import DataError, UnknownNameError
from m2m_benchmarks.messages import say
from m2m_benchmarks.report.tables import Column, Row, Table, heading, number, text

app = typer.Typer(
    cls=ListingGroup,
    help='List, fetch, import, report on, verify, export and remove recordings and digits.',
    rich_markup_mode=None,
)

app.add_typer(fetch.app, name='fetch')


@app.command('list')
def show(
    name: Annotated[str | None, typer.Argument(help='Dataset to show. Without it, all are listed.')] = None,
    json: Json = None,
) -> None:
    """List the datasets, or show one: its licence, citation and origin.

    Example:  m2m data list Siegle2021
    """
    if name is not None:
        own_card = card(name)
        if own_card is None:
            raise UnknownNameError('dataset', name, _names(), '`m2m data list` lists them.')
        entry = {**own_card, **dataset_state(name)}
        if json is not None:
            write_json(entry, json)
        if json != '-':
            _print_card(entry)
        return
    damaged = manifest.damaged()
    entries = [{**(card(dataset) or {}), **dataset_state(dataset)} for dataset in _names() if dataset not in damaged]
    if json is not None:
        write_json(entries, json)
    if json != '-':
        print_table(_table(entries, damaged))
        missing = [entry['name'] for entry in entries if _is_missing(entry)]
        print_commands({dataset: manifest.import_commands(dataset) for dataset in missing})
    if damaged:
        raise DataError('\n'.join(damaged.values()))


app.command('import')(importing.import_)
app.command()(data_report.report)


def _table(entries: list[dict[str, Any]], damaged: Iterable[str]) -> Table:
    rows = [Row(('Damaged', dataset, '', None, '')) for dataset in damaged]
    for entry in sorted(entries, key=lambda entry: (not entry['here'], _is_missing(entry))):
        licence = re.split(r'[:(,]|\. ', entry['licence'])[0].strip()
        amount, size = (describe_content(entry), entry['bytes'] / 1e6) if entry['here'] else ('', None)
        rows.append(Row((f'On this machine: {_availability(entry)}', entry['name'], amount, size, licence)))
    return Table(
        [heading('Where'), Column('Dataset'), text('Content'), number('MB', ',.0f'), text('Licence')],
        rows,
        notes=['m2m data list DATASET shows the full licence, the citation and the origin.'],
    )


def print_commands(commands: Mapping[str, list[str]]) -> None:
    """Print the commands that get datasets, one per line so that they can be copied.

    Parameters
    ----------
    commands : mapping of str to list of str
        Names of datasets, and the alternative commands for each. Datasets with the same commands are printed together.
    """
    grouped: dict[tuple[str, ...], list[str]] = {}
    for name, alternatives in commands.items():
        grouped.setdefault(tuple(alternatives), []).append(name)
    for (first, *others), names in grouped.items():
        print_line(f'To get {", ".join(names)}:')
        print_command(f'  {first}')
        for command in others:
            print_command(f'  or: {command}')


#: Fields of a card that people see.
_SHOWN = ('name', 'what', 'licence', 'citation', 'how_made', 'stimulus_degrees')


def _print_card(entry: dict[str, Any]) -> None:
    lines = {key.replace('_', ' '): entry[key] for key in _SHOWN}
    for key, value in {**lines, 'on this machine': _availability(entry), 'made with': entry['made_with']}.items():
        if value:
            print_text(f'{key}: {value}')
    if _is_missing(entry):
        print_commands({entry['name']: manifest.import_commands(entry['name'])})
    if entry['areas']:
        print_table(areas_table(entry['areas']))
    if entry['splits']:
        print_table(splits_table(entry['splits']))


def _names() -> list[str]:
    return list(dict.fromkeys([*(own_card['name'] for own_card in cards()), *manifest.names()]))


def _availability(entry: dict[str, Any]) -> str:
    if entry['here']:
        return 'yes'
    return 'no' if entry['bring'] else 'no; made when first used'


def _is_missing(entry: dict[str, Any]) -> bool:
    """Tell whether a dataset is neither on this machine nor made here."""
    return not entry['here'] and entry['bring'] is not None


@app.command()
def export(
    name: Annotated[str, typer.Argument(help='Dataset on this machine.')],
    file: Annotated[Path, typer.Argument(metavar='FILE.zip', help='Archive to write.')],
) -> None:
    """Export a dataset to a zip archive, for `m2m data import FILE.zip` on another machine.

    Its licence says who may have it: `m2m data list NAME`.

    Example:  m2m data export Smith2026 Smith2026.zip
    """
    with progress('The archive was not written.') as report:
        with stage(report, 'loading'):
            from m2m_benchmarks.acquisition.archive import export_archive

        with stage(report, f'writing {file.name}'):
            export_archive(name, file)
    print_line(str(file))


@app.command()
def remove(name: Annotated[str, typer.Argument(help='Dataset to remove from this machine.')]) -> None:
    """Remove a dataset from this machine.

    Results that were computed on it stay.

    Example:  m2m data remove Smith2026
    """
    if name not in manifest.names():
        raise UnknownNameError('dataset', name, manifest.names(), '`m2m data list` lists those on this machine.')
    with atomic.write_lock(name):
        atomic.remove(name)
    print_text(f'{name} was removed.')
    if name not in MADE_HERE:
        print_commands({name: manifest.import_commands(name)})


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help='Dataset to check. Without it, all are checked.')] = None,
    published: Annotated[
        bool,
        typer.Option('--published', help='Compare numbers of the dataset with published ones; nothing is downloaded.'),
    ] = False,
    json: Json = None,
) -> None:
    """Check the files of datasets and downloads against their SHA-256, or numbers against published ones.

    `m2m doctor --verify` checks training runs and results, too.

    Example:  m2m data verify Siegle2021

    Example:  m2m data verify Siegle2021 --published
    """
    if published:
        if name is None:
            raise typer.BadParameter('--published needs the name of a dataset: m2m data verify Siegle2021 --published.')
        check_json(json)
        _verify_published(name, json)
        return
    problems: dict[str, list[str]] = {}
    n_files: dict[str, int] = {}
    for dataset in [name] if name is not None else manifest.names():
        try:
            version = versions.current(dataset)  # it stays on disk while it is checked
            n_files[dataset] = len(manifest.files(version.manifest))
            problems[dataset] = manifest.verify(dataset, version.manifest)
        except DataError as error:  # its manifest; the others are checked
            problems[dataset] = [str(error)]
    from m2m_benchmarks.stores import damaged_downloads

    downloads = list(damaged_downloads()) if name is None else []
    if json is not None:
        write_json(problems, json)
    if json != '-':
        for dataset, of_dataset in problems.items():
            if dataset in n_files:
                n = n_files[dataset]
                print_text(f'{dataset}: {n - len(of_dataset)} of {n} files intact')
            else:
                print_text(f'{dataset}: its manifest is damaged')
            for problem in of_dataset:
                print_line(f'  {problem}')
        if not problems:
            print_text('No dataset is on this machine.')
    for problem in downloads:  # the next fetch heals them, so that they are no error
        say(f'note: {problem}')
    damaged = [dataset for dataset in problems if problems[dataset]]
    if damaged:
        repairs = '; '.join(manifest.repair_advice(dataset) for dataset in damaged)
        raise DataError(f'{", ".join(damaged)}: damaged files. {repairs}')


def _verify_published(name: str, json: str | None) -> None:
    with progress() as report, stage(report, 'comparing'):
        from m2m_benchmarks.acquisition.published import compare_published

        comparisons = compare_published(find_survey(name))
    if json is not None:
        write_json({'name': name, 'published': [asdict(comparison) for comparison in comparisons]}, json)
    if json != '-':
        print_table(published_table(name, comparisons))
    differing = [comparison.what for comparison in comparisons if comparison.result == 'differs']
    if differing:
        raise DataError(
            f'{name}: {len(differing)} of {len(comparisons)} published numbers differ here: {"; ".join(differing)}. '
            'The files on the server or this library may have changed: report it.'
        )
