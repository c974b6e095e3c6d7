"""m2m data: import, verify, list."""

from pathlib import Path
from typing import Annotated, Any

import typer

from m2m_benchmarks.cli.console import progress, stdout, write_json
from m2m_benchmarks.data import ledger
from m2m_benchmarks.data.cards import card, cards
from m2m_benchmarks.errors import DataError, UnknownNameError

app = typer.Typer(help='Recordings on this machine: list them, import them, verify them.', rich_markup_mode=None)

_Json = Annotated[bool, typer.Option('--json', help='Print JSON.')]


@app.callback(invoke_without_command=True)
def data(context: typer.Context, json: _Json = False) -> None:
    """Recordings on this machine: list them, import them, verify them."""
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
        entry = {**found, **_state(name)}
        if json:
            write_json(entry, '-')
            return
        console = stdout()
        for key in ('name', 'what', 'licence', 'citation', 'how_made'):
            console.print(f'{key.replace("_", " ")}: {entry[key]}', markup=False)
        console.print(_here(entry), markup=False)
        for area, counts in entry['areas'].items():
            console.print(
                f'  {area}: {counts["neuroids"]} neuroids of {counts["animals"]} animals, {counts["reliable"]} of '
                f'reliability 0.5 or more, {counts["flat"]} that never vary'
            )
        return
    entries = [{**(card(each) or {}), **_state(each)} for each in _names()]
    if json:
        write_json(entries, '-')
        return
    from rich.table import Table

    table = Table(box=None, header_style='bold')
    for column in ('Dataset', 'On this machine', 'Neuroids', 'Size', 'Licence'):
        table.add_column(column, justify='right' if column in ('Neuroids', 'Size') else 'left')
    for entry in entries:
        size = f'{entry["bytes"] / 1e6:,.0f} MB' if entry['here'] else ''
        neuroids = f'{sum(area["neuroids"] for area in entry["areas"].values()):,}' if entry['here'] else ''
        licence = entry['licence'].partition(':')[0].partition('(')[0]
        table.add_row(entry['name'], _here(entry), neuroids, size, licence)
    stdout().print(table)


def _names() -> list[str]:
    return list(dict.fromkeys([*(found['name'] for found in cards()), *ledger.names()]))


def _state(name: str) -> dict[str, Any]:
    entry = ledger.read(name)
    return {
        'here': entry is not None,
        'bytes': sum(file['bytes'] for file in ledger.files(entry)) if entry else 0,
        'sha256': entry['assembly']['sha256'] if entry else None,
        'areas': entry['summary']['areas'] if entry else {},
        'bring': None if name == 'SimulatedMouse' else ledger.import_command(name),
    }


def _here(entry: dict[str, Any]) -> str:
    if entry['here']:
        return 'yes'
    return f'no; bring it with: {entry["bring"]}' if entry['bring'] else 'no; made when first used'


@app.command('import')
def import_(
    name: Annotated[str, typer.Argument(help='Siegle2021, deVries2020, or a name of your own such as Smith2026.')],
    sessions: Annotated[Path, typer.Option(help='sessions.csv; the .npz recordings lie beside it.')],
    units: Annotated[Path, typer.Option(help='units.csv: one row a unit.')],
    stimuli: Annotated[Path, typer.Option(help='Folder of images, in the order of the image axis.')],
    json: _Json = False,
) -> None:
    """Import recordings from an array bundle, all or nothing.

    Example:  m2m data import Siegle2021 --sessions sessions.csv --units units.csv --stimuli stimuli
    """
    from m2m_benchmarks.acquisition.importing import import_bundle

    with progress() as report:
        entry = import_bundle(name, sessions, units, stimuli, report)
    if json:
        write_json({'name': name, **entry['summary'], 'sha256': entry['assembly']['sha256']}, '-')
        return
    from rich.table import Table

    table = Table(box=None, header_style='bold', title=f'{name}: imported', title_justify='left')
    columns = ('area', 'neuroids', 'reliable', 'flat', 'animals', 'sessions')
    for column in columns:
        table.add_column(column, justify='left' if column == 'area' else 'right')
    for area, counts in entry['summary']['areas'].items():
        table.add_row(area, *(f'{counts[column]:,}' for column in columns[1:]))
    console = stdout()
    console.print(table)
    console.print(
        f'{entry["summary"]["stimuli"]} stimuli, up to {entry["summary"]["repetitions"]} repetitions. "reliable": '
        'split-half reliability of 0.5 or more, these are scored; "flat": never varies, dropped.'
    )
    console.print(f'Next:  m2m score torchvision:squeezenet1_1 {name}-rdm --weights none', soft_wrap=True)


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
