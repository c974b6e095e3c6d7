"""m2m data: fetch, import, verify, list."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from m2m_benchmarks.cli import fetch
from m2m_benchmarks.cli.console import progress, stage, stdout, write_json
from m2m_benchmarks.cli.fetch import how_it_came, splits_of
from m2m_benchmarks.cli.recordings import made_with, print_recordings, print_renamed
from m2m_benchmarks.data import ledger
from m2m_benchmarks.data.cards import card, cards
from m2m_benchmarks.data.digit_names import DOMAINS
from m2m_benchmarks.errors import DataError, UnknownNameError

#: First argument of `m2m data import` for a domain of digits; with its dash it's no dataset's name.
_DOMAIN = 'digits-domain'
#: What is said after a Ctrl-C in an import.
_NOTHING_CHANGED = 'Nothing was imported, and what was there before is unchanged. Give the same command again.'

app = typer.Typer(help='Recordings and digits on this machine: list, fetch, import, verify.', rich_markup_mode=None)

app.add_typer(fetch.app, name='fetch')

_Json = Annotated[bool, typer.Option('--json', help='Print JSON.')]


@app.callback(invoke_without_command=True)
def data(context: typer.Context, json: _Json = False) -> None:
    """Recordings and digits on this machine: list, fetch, import, verify."""
    if context.invoked_subcommand is None:
        show(None, json)


@app.command('list')
def show(
    name: Annotated[str | None, typer.Argument(help='Show the card of this dataset.')] = None,
    json: _Json = False,
) -> None:
    """List the datasets, or show one with its licence, citation and how it was made.

    Example:  m2m data list Siegle2021
    """
    if name is not None:
        found = card(name)
        if found is None:
            raise UnknownNameError('dataset', name, _names(), '`m2m data list` lists them.')
        entry = {**found, **state(name)}
        if json:
            write_json(entry, '-')
            return
        console = stdout()
        for key in ('name', 'what', 'licence', 'citation', 'how_made'):
            console.print(f'{key.replace("_", " ")}: {entry[key]}', markup=False)
        console.print(f'on this machine: {_here(entry)}', markup=False)
        if entry['made_with']:
            console.print(f'made with: {entry["made_with"]}', markup=False, soft_wrap=True)
        for area, counts in entry['areas'].items():
            console.print(
                f'  {area}: {counts["neuroids"]} neuroids of {counts["animals"]} animals, {counts["reliable"]} of '
                f'reliability 0.5 or more, {counts["flat"]} that never vary'
            )
        for split, parts in entry['splits'].items():
            came = how_it_came(parts['source'])
            console.print(
                f'  {split}: {parts["images"]:,} images in {parts["clusters"]:,} clusters, {came}',
                markup=False,
                soft_wrap=True,
            )
        return
    entries = [{**(card(each) or {}), **state(each)} for each in _names()]
    if json:
        write_json(entries, '-')
        return
    from rich.table import Table

    table = Table(box=None, header_style='bold')
    for column in ('Dataset', 'On this machine', 'Content', 'Size', 'Licence'):
        table.add_column(column, justify='right' if column == 'Size' else 'left')
    for entry in entries:
        size = f'{entry["bytes"] / 1e6:,.0f} MB' if entry['here'] else ''
        licence = entry['licence'].partition(':')[0].partition('(')[0]
        table.add_row(entry['name'], _here(entry), content(entry) if entry['here'] else '', size, licence)
    stdout().print(table)


def _names() -> list[str]:
    return list(dict.fromkeys([*(found['name'] for found in cards()), *ledger.names()]))


def state(name: str) -> dict[str, Any]:
    """Whether a dataset is on this machine, how much of it, and the command that brings it."""
    entry = ledger.read(name)
    recordings = entry if entry and entry.get('kind') != ledger.DIGITS else None
    return {
        'here': entry is not None,
        'bytes': sum(file['bytes'] for file in ledger.files(entry)) if entry else 0,
        'sha256': recordings['assembly']['sha256'] if recordings else None,
        'areas': recordings['summary']['areas'] if recordings else {},
        'made_with': made_with(recordings) if recordings else None,
        'splits': splits_of(entry) if entry and not recordings else {},
        'bring': None if name in ledger.MADE_HERE else ledger.import_command(name),
    }


def content(found: dict[str, Any]) -> str:
    """How much a dataset holds, in a few words: neuroids of its `areas`, or the images of its `splits`."""
    if found['splits']:
        return ', '.join(f'{split} {parts["images"]:,}' for split, parts in found['splits'].items())
    return f'{sum(area["neuroids"] for area in found["areas"].values()):,} neuroids'


def _here(entry: dict[str, Any]) -> str:
    if entry['here']:
        return 'yes'
    return f'no; bring it with: {entry["bring"]}' if entry['bring'] else 'no; made when first used'


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
    json: _Json = False,
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
        _import_digits(domain, source, as_split, json)
        return
    others = {str(domain): domain, '--from': source, '--as': as_split}
    if sessions is None or units is None or stimuli is None or any(others.values()):
        raise _wrong_usage(name, bundle, others)
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


def _import_recordings(name: str, sessions: Path, units: Path, stimuli: Path, json: bool) -> None:
    with progress(_NOTHING_CHANGED) as report:
        with stage(report, 'loading'):
            from m2m_benchmarks.acquisition.importing import import_bundle

        entry = import_bundle(name, sessions, units, stimuli, report, print_renamed)
    if json:
        write_json({'name': name, **entry['summary'], 'sha256': entry['assembly']['sha256']}, '-')
        return
    print_recordings(name, entry, 'imported')


def _import_digits(name: str, source: Path, as_split: str | None, json: bool) -> None:
    from m2m_benchmarks.benchmarks.identifiers import PAPER_DIGITS, DigitsIdentifier

    with progress(_NOTHING_CHANGED) as report:
        with stage(report, 'loading torch'):
            from m2m_benchmarks.acquisition.digit_import import import_domain

        splits = splits_of(import_domain(name, source, as_split, report))
    if json:
        write_json({'name': name, 'splits': splits}, '-')
        return
    from rich.table import Table

    table = Table(box=None, header_style='bold', title=f'{name}: imported', title_justify='left')
    for column in ('split', 'images', 'classes', 'clusters', 'how it came'):
        table.add_column(column, justify='left' if column in ('split', 'how it came') else 'right')
    for split, parts in splits.items():
        table.add_row(split, f'{parts["images"]:,}', 'all 10', f'{parts["clusters"]:,}', how_it_came(parts['source']))
    console = stdout()
    console.print(table)
    console.print('"clusters": what was drawn or photographed apart; images of one are not independent of one another.')
    if 'test' in splits and name not in DOMAINS:
        benchmark = DigitsIdentifier(PAPER_DIGITS, 'MNIST', name, 'accuracy')
        console.print(f'Next:  m2m score MODEL {benchmark}', soft_wrap=True)
    if 'train' in splits:
        console.print(f'Next:  m2m train digitnet --source {name}', soft_wrap=True)


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help='Only this dataset.')] = None,
    json: _Json = False,
) -> None:
    """Compare every file of the datasets on this machine with its SHA-256.

    Example:  m2m data verify Siegle2021
    """
    names = [name] if name is not None else ledger.names()
    found = {each: ledger.verify(each) for each in names}
    if json:
        write_json(found, '-')
    else:
        console = stdout()
        for each, problems in found.items():
            n = len(ledger.files(ledger.require(each)))
            console.print(f'{each}: {n - len(problems)} of {n} files as they were written', soft_wrap=True)
            for problem in problems:
                console.print(f'  {problem}', markup=False, soft_wrap=True)
        if not found:
            console.print('No dataset is on this machine.')
    damaged = [each for each, problems in found.items() if problems]
    if damaged:
        again = '; '.join(ledger.repair(each) for each in damaged)
        raise DataError(f'{", ".join(damaged)}: damaged files. {again}')
