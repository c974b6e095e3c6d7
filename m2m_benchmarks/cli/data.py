"""m2m data: fetch, import, verify, list."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from m2m_benchmarks.cli import fetch
from m2m_benchmarks.cli.console import (
    Json,
    check_json,
    print_line,
    print_table,
    print_text,
    progress,
    stage,
    write_json,
)
from m2m_benchmarks.cli.fetch import splits_of, splits_table
from m2m_benchmarks.cli.groups import ListingGroup
from m2m_benchmarks.cli.recordings import areas_table, made_with, print_recordings, print_renamed
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.cards import card, cards
from m2m_benchmarks.data.digit_names import DOMAINS
from m2m_benchmarks.errors import DataError, UnknownNameError
from m2m_benchmarks.report.tables import Column, Row, Table, heading, number, text

#: First argument of `m2m data import` for a domain of digits; with its dash it's no dataset's name.
_DOMAIN = 'digits-domain'
#: What is said after a Ctrl-C in an import.
_NOTHING_CHANGED = 'Nothing was imported, and what was there before is unchanged. Give the same command again.'

app = typer.Typer(
    cls=ListingGroup, help='Recordings and digits on this machine: list, fetch, import, verify.', rich_markup_mode=None
)

app.add_typer(fetch.app, name='fetch')


@app.command('list')
def show(
    name: Annotated[str | None, typer.Argument(help='Show the card of this dataset.')] = None,
    json: Json = None,
) -> None:
    """List the datasets, or show one with its licence, citation and how it was made.

    Example:  m2m data list Siegle2021
    """
    if name is not None:
        own_card = card(name)
        if own_card is None:
            raise UnknownNameError('dataset', name, _names(), '`m2m data list` lists them.')
        entry = {**own_card, **state(name)}
        if json is not None:
            write_json(entry, json)
        if json != '-':
            _print_card(entry)
        return
    entries = [{**(card(each) or {}), **state(each)} for each in _names()]
    if json is not None:
        write_json(entries, json)
    if json != '-':
        print_table(_table(entries))
        print_commands({entry['name']: manifest.import_commands(entry['name']) for entry in entries if _absent(entry)})


def _table(entries: list[dict[str, Any]]) -> Table:
    rows = []
    for entry in sorted(entries, key=lambda entry: (not entry['here'], _absent(entry))):
        licence = re.split(r'[:(,]|\. ', entry['licence'])[0].strip()
        amount, size = (content(entry), entry['bytes'] / 1e6) if entry['here'] else ('', None)
        rows.append(Row((f'On this machine: {_where(entry)}', entry['name'], amount, size, licence)))
    return Table(
        [heading('Where'), Column('Dataset'), text('Content'), number('MB', ',.0f'), text('Licence')],
        rows,
        notes=['m2m data list DATASET shows its whole licence, its citation and how it was made.'],
    )


def print_commands(commands: Mapping[str, list[str]]) -> None:
    """Print the commands that bring datasets, by name; those of the same commands together.

    Each command has a line of its own, which is folded by the terminal alone, so that it can be copied.
    """
    named: dict[tuple[str, ...], list[str]] = {}
    for name, of_dataset in commands.items():
        named.setdefault(tuple(of_dataset), []).append(name)
    for each, names in named.items():
        print_line(f'To bring {", ".join(names)}:')
        for command in each:
            print_line(f'  {"" if command == each[0] else "or: "}{command}')


def _print_card(entry: dict[str, Any]) -> None:
    lines = {key.replace('_', ' '): entry[key] for key in ('name', 'what', 'licence', 'citation', 'how_made')}
    for key, value in {**lines, 'on this machine': _where(entry), 'made with': entry['made_with']}.items():
        if value:
            print_text(f'{key}: {value}')
    if _absent(entry):
        print_commands({entry['name']: manifest.import_commands(entry['name'])})
    if entry['areas']:
        print_table(areas_table(entry['areas']))
    if entry['splits']:
        print_table(splits_table(entry['splits']))


def _names() -> list[str]:
    return list(dict.fromkeys([*(each['name'] for each in cards()), *manifest.names()]))


def state(name: str) -> dict[str, Any]:
    """Whether a dataset is on this machine, how much of it, and the command that brings it."""
    entry = manifest.read(name)
    recordings = entry if entry and entry.get('kind') != manifest.DIGITS else None
    return {
        'here': entry is not None,
        'bytes': sum(file['bytes'] for file in manifest.files(entry)) if entry else 0,
        'sha256': recordings['assembly']['sha256'] if recordings else None,
        'areas': recordings['summary']['areas'] if recordings else {},
        'made_with': made_with(recordings) if recordings else None,
        'splits': splits_of(entry) if entry and not recordings else {},
        'bring': None if name in manifest.MADE_HERE else manifest.import_command(name),
    }


def content(entry: dict[str, Any]) -> str:
    """How much a dataset holds, in a few words: neuroids of its `areas`, or the images of its `splits`."""
    if entry['splits']:
        return ', '.join(f'{split} {parts["images"]:,}' for split, parts in entry['splits'].items())
    return f'{sum(area["neuroids"] for area in entry["areas"].values()):,} neuroids'


def _where(entry: dict[str, Any]) -> str:
    if entry['here']:
        return 'yes'
    return 'no' if entry['bring'] else 'no; made when first used'


def _absent(entry: dict[str, Any]) -> bool:
    """Whether a dataset isn't on this machine and isn't made here either."""
    return not entry['here'] and entry['bring'] is not None


@app.command('import')
def import_(
    name: Annotated[
        str, typer.Argument(help='Siegle2021, deVries2020, a name of your own such as Smith2026, or: digits-domain')
    ],
    domain: Annotated[
        str | None, typer.Argument(help=f'After digits-domain: {", ".join(DOMAINS)}, or a name of your own.')
    ] = None,
    sessions: Annotated[
        Path | None, typer.Option(help='Table of the sessions, sessions.csv; the .npz recordings lie beside it.')
    ] = None,
    units: Annotated[Path | None, typer.Option(help='Table of the units, units.csv: one row a unit.')] = None,
    stimuli: Annotated[Path | None, typer.Option(help='Folder of images, in the order of the image axis.')] = None,
    source: Annotated[Path | None, typer.Option('--from', help='File or folder of the digits.')] = None,
    as_split: Annotated[
        str | None, typer.Option('--as', help='Split that all of the digits become: train or test.')
    ] = None,
    json: Json = None,
) -> None:
    """Import recordings from an array bundle, or a domain of digits, all or nothing.

    Example:  m2m data import Siegle2021 --sessions sessions.csv --units units.csv --stimuli stimuli

    Example:  m2m data import digits-domain MNISTM --from mnist_m_test.zip
    """
    bundle = {'--sessions': sessions, '--units': units, '--stimuli': stimuli}
    if name == _DOMAIN:
        if domain is None or source is None or any(bundle.values()):
            raise _wrong_usage(f'{_DOMAIN} NAME', {'NAME': domain, '--from': source}, bundle)
        if as_split not in (None, 'train', 'test'):
            raise typer.BadParameter(f'--as takes train or test, not {as_split}.')
        check_json(json)
        _import_digits(domain, source, as_split, json)
        return
    others = {str(domain): domain, '--from': source, '--as': as_split}
    if sessions is None or units is None or stimuli is None or any(others.values()):
        raise _wrong_usage(name, bundle, others)
    check_json(json)
    _import_recordings(name, sessions, units, stimuli, json)


def _wrong_usage(what: str, needed: Mapping[str, object], others: Mapping[str, object]) -> typer.BadParameter:
    """Usage error that names what is missing and what doesn't belong there."""
    missing = ', '.join(option for option, value in needed.items() if not value)
    given = ', '.join(option for option, value in others.items() if value)
    parts = [f'it lacks {missing}'] * bool(missing) + [f'it does not take {given}'] * bool(given)
    return typer.BadParameter(
        f'm2m data import {what}: {"; ".join(parts)}. Recordings: m2m data import NAME --sessions FILE --units FILE '
        f'--stimuli DIR. Digits: m2m data import {_DOMAIN} NAME --from PATH.'
    )


def _import_recordings(name: str, sessions: Path, units: Path, stimuli: Path, json: str | None) -> None:
    with progress(_NOTHING_CHANGED) as report:
        with stage(report, 'loading'):
            from m2m_benchmarks.acquisition.importing import import_bundle

        entry = import_bundle(name, sessions, units, stimuli, report, print_renamed)
    if json is not None:
        write_json({'name': name, **entry['summary'], 'sha256': entry['assembly']['sha256']}, json)
    if json != '-':
        print_recordings(name, entry, 'imported')


def _import_digits(name: str, source: Path, as_split: str | None, json: str | None) -> None:
    from m2m_benchmarks.benchmarks.identifiers import PAPER_DIGITS, DigitsIdentifier

    with progress(_NOTHING_CHANGED) as report:
        with stage(report, 'loading torch'):
            from m2m_benchmarks.acquisition.digit_import import import_domain

        splits = splits_of(import_domain(name, source, as_split, report))
    if json is not None:
        write_json({'name': name, 'splits': splits}, json)
    if json == '-':
        return
    print_table(splits_table(splits, f'{name}: imported'))
    if 'test' in splits and name not in DOMAINS:
        benchmark = DigitsIdentifier(PAPER_DIGITS, 'MNIST', name, 'accuracy')
        print_line(f'Next:  m2m score MODEL {benchmark}')
    if 'train' in splits:
        print_line(f'Next:  m2m train digitnet --source {name}')


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help='Only this dataset.')] = None,
    json: Json = None,
) -> None:
    """Compare every file of the datasets on this machine with its SHA-256.

    Example:  m2m data verify Siegle2021
    """
    names = [name] if name is not None else manifest.names()
    problems_of = {each: manifest.verify(each) for each in names}
    if json is not None:
        write_json(problems_of, json)
    if json != '-':
        for each, problems in problems_of.items():
            n = len(manifest.files(manifest.require(each)))
            print_text(f'{each}: {n - len(problems)} of {n} files as they were written')
            for problem in problems:
                print_line(f'  {problem}')
        if not problems_of:
            print_text('No dataset is on this machine.')
    damaged = [each for each, problems in problems_of.items() if problems]
    if damaged:
        again = '; '.join(manifest.repair(each) for each in damaged)
        raise DataError(f'{", ".join(damaged)}: damaged files. {again}')
