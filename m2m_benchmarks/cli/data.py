"""The commands `m2m data`: list, fetch, import, verify, export, remove."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2m_benchmarks.acquisition.surveys import find_survey
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
from m2m_benchmarks.cli.fetch import splits_table, summarize_splits
from m2m_benchmarks.cli.groups import ListingGroup
from m2m_benchmarks.cli.nwb import print_nwb_plan
from m2m_benchmarks.cli.recordings import (
    areas_table,
    describe_settings,
    print_note,
    print_recordings,
    print_renamed,
    published_table,
)
from m2m_benchmarks.data import atomic, manifest, versions
from m2m_benchmarks.data.cards import card, cards
from m2m_benchmarks.data.digit_names import DOMAINS, spelled
from m2m_benchmarks.errors import DataError, UnknownNameError
from m2m_benchmarks.messages import say
from m2m_benchmarks.report.tables import Column, Row, Table, heading, number, text

if TYPE_CHECKING:
    from m2m_benchmarks.acquisition.images import Colour

#: First argument of `m2m data import` for a domain of digits. No dataset's name has a dash.
_DIGITS_DOMAIN = 'digits-domain'
#: Message after Ctrl-C in an import.
_AFTER_INTERRUPT = 'Nothing was imported or changed. Run the same command again.'

app = typer.Typer(
    cls=ListingGroup,
    help='List, fetch, import, verify, export and remove recordings and digits.',
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
        print_line(f'  {first}')
        for command in others:
            print_line(f'  or: {command}')


def _print_card(entry: dict[str, Any]) -> None:
    lines = {key.replace('_', ' '): entry[key] for key in ('name', 'what', 'licence', 'citation', 'how_made')}
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


def dataset_state(name: str) -> dict[str, Any]:
    """Describe a dataset: whether it is on this machine, its size and areas or splits, and the command that gets it."""
    entry = manifest.read(name)
    recordings = entry if entry and entry.get('kind') != manifest.DIGITS else None
    return {
        'here': entry is not None,
        'bytes': sum(file['bytes'] for file in manifest.files(entry)) if entry else 0,
        'sha256': recordings['assembly']['sha256'] if recordings else None,
        'areas': recordings['summary']['areas'] if recordings else {},
        'made_with': describe_settings(recordings) if recordings else None,
        'splits': summarize_splits(entry) if entry and not recordings else {},
        'bring': None if name in manifest.MADE_HERE else manifest.import_command(name),
    }


def describe_content(entry: dict[str, Any]) -> str:
    """Describe the size of a dataset: the neuroids of its `areas`, or the images of its `splits`."""
    if entry['splits']:
        return ', '.join(f'{split} {parts["images"]:,}' for split, parts in entry['splits'].items())
    return f'{sum(area["neuroids"] for area in entry["areas"].values()):,} neuroids'


def _availability(entry: dict[str, Any]) -> str:
    if entry['here']:
        return 'yes'
    return 'no' if entry['bring'] else 'no; made when first used'


def _is_missing(entry: dict[str, Any]) -> bool:
    """Tell whether a dataset is neither on this machine nor made here."""
    return not entry['here'] and entry['bring'] is not None


@app.command('import')
def import_(
    name: Annotated[
        str,
        typer.Argument(
            help='Siegle2021, deVries2020, a new name such as Smith2026, digits-domain, or a .zip of `m2m data export`.'
        ),
    ],
    domain: Annotated[
        str | None, typer.Argument(help=f'After digits-domain: {", ".join(DOMAINS)} or a new name.')
    ] = None,
    sessions: Annotated[
        Path | None, typer.Option(help='Table of sessions, sessions.csv, in the folder of the .npz recordings.')
    ] = None,
    units: Annotated[Path | None, typer.Option(help='Table of units, units.csv, one row per unit.')] = None,
    stimuli: Annotated[
        Path | None, typer.Option(help='Folder of images, in the order of the image axis by name or by images.csv.')
    ] = None,
    stimulus_order: Annotated[
        str | None,
        typer.Option(metavar='natural|alphabetic', help='Order of the images: img2 before img10, or after.'),
    ] = None,
    time_bin: Annotated[
        int | None, typer.Option('--bin', help='Time bin to import, from 1, of arrays with a fourth axis of time bins.')
    ] = None,
    subtract_blank: Annotated[
        bool,
        typer.Option('--subtract-blank', help='Subtract the mean response to the condition blank of images.csv.'),
    ] = False,
    citation: Annotated[str | None, typer.Option(help='Citation of the recordings, for their card.')] = None,
    replace: Annotated[
        bool, typer.Option('--replace', help='Replace other recordings or digits of this name.')
    ] = False,
    nwb: Annotated[
        list[Path] | None,
        typer.Option(metavar='PATH', help='NWB file, or folder of NWB files, in place of the tables; can be repeated.'),
    ] = None,
    area: Annotated[
        list[str] | None,
        typer.Option(
            metavar='AREA|LOCATION=AREA',
            help="With --nwb: area to import, such as VISp or 'left V1=VISp'; can be repeated. Default: all areas "
            'that the locations of the electrodes name.',
        ),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            metavar='START,END',
            help='With --nwb: window after the onset in which spikes are counted, in seconds. Default: 0.05,0.25.',
        ),
    ] = None,
    stimulus_table: Annotated[
        str | None, typer.Option(help='With --nwb: table of the presentations. Default: the one that names the images.')
    ] = None,
    stimulus_column: Annotated[
        str | None, typer.Option(help='With --nwb: column with the names or numbers of the images.')
    ] = None,
    subject: Annotated[str | None, typer.Option(help='With --nwb: animal of files that do not name it.')] = None,
    dry_run: Annotated[
        bool, typer.Option('--dry-run', help='With --nwb: show what would be imported, and write nothing.')
    ] = False,
    source: Annotated[Path | None, typer.Option('--from', help='File or folder of digits.')] = None,
    as_split: Annotated[str | None, typer.Option('--as', help='Split for all digits: train or test.')] = None,
    background: Annotated[
        str, typer.Option(metavar='COLOUR', help='Colour behind transparent images, such as black or #808080.')
    ] = 'white',
    json: Json = None,
) -> None:
    """Import recordings or digits from files.

    Nothing is imported when any part of the files is wrong. Beside sessions.csv or the NWB files, dataset.yml may have
    the fields description, technique, licence and citation.

    Example:  m2m data import Siegle2021 --sessions sessions.csv --units units.csv --stimuli stimuli

    Example:  m2m data import Smith2026 --nwb recordings --stimuli images --area VISp --dry-run

    Example:  m2m data import digits-domain MNISTM --from mnist_m_test.zip
    """
    bundle = {'--sessions': sessions, '--units': units, '--stimuli': stimuli}
    of_nwb = {
        '--nwb': nwb,
        '--area': area,
        '--window': window,
        '--stimulus-table': stimulus_table,
        '--stimulus-column': stimulus_column,
        '--subject': subject,
        '--dry-run': dry_run,
    }
    of_recordings = {
        '--stimulus-order': stimulus_order,
        '--bin': time_bin,
        '--subtract-blank': subtract_blank,
        '--citation': citation,
        '--replace': replace,
        **of_nwb,
    }
    others: dict[str, Any] = {str(domain): domain, '--from': source, '--as': as_split}
    if name.lower().endswith('.zip'):
        unused = {**bundle, **of_recordings, **others, '--replace': False}
        if any(unused.values()):
            raise _usage_error(name, {}, unused)
        check_json(json)
        _import_archive(Path(name), replace, json)
        return
    if name == _DIGITS_DOMAIN:
        unused = {**bundle, **of_recordings, '--replace': False}
        if domain is None or source is None or any(unused.values()):
            raise _usage_error(f'{_DIGITS_DOMAIN} NAME', {'NAME': domain, '--from': source}, unused)
        if as_split not in (None, 'train', 'test'):
            raise typer.BadParameter(f'expected train or test, got {as_split}', param_hint='--as')
        check_json(json)
        _import_digits(domain, source, as_split, _colour(background), replace, json)
        return
    if nwb:
        others |= {'--sessions': sessions, '--units': units, '--bin': time_bin}
        bundle = {'--stimuli': stimuli}
    else:
        others |= of_nwb
    if not all(bundle.values()) or any(others.values()):
        raise _usage_error(name, bundle, others)
    if time_bin is not None and time_bin < 1:
        raise typer.BadParameter(f'expected 1 or more, got {time_bin}', param_hint='--bin')
    if stimulus_order not in (None, 'natural', 'alphabetic'):
        raise typer.BadParameter(f'expected natural or alphabetic, got {stimulus_order}', param_hint='--stimulus-order')
    check_json(json)
    options: dict[str, Any] = {
        'subtract_blank': subtract_blank,
        'citation': citation,
        'replace': replace,
        'background': _colour(background),
        'note': print_note,
    }
    if nwb is not None and stimuli is not None:
        given = {
            'areas': tuple(area or ()),
            'table': stimulus_table,
            'column': stimulus_column,
            'subject': subject,
            'stimulus_order': stimulus_order,
            **({'window_s': _window(window)} if window else {}),
        }
        if dry_run:
            _plan_nwb(name, nwb, stimuli, given, citation, json)
        else:
            _import_nwb(name, nwb, stimuli, given, options, json)
    elif sessions is not None and units is not None and stimuli is not None:
        options |= {'stimulus_order': stimulus_order, 'time_bin': time_bin}
        _import_recordings(name, (sessions, units, stimuli), options, json)


def _window(text: str) -> tuple[float, float]:
    """Read the two ends of a window."""
    try:
        start, end = map(float, text.split(','))
    except ValueError as error:
        raise typer.BadParameter(
            f'expected two numbers in seconds, such as 0.05,0.25, got {text}', param_hint='--window'
        ) from error
    return start, end


def _colour(text: str) -> 'Colour':
    """Read a colour as CSS has it."""
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError as error:
        raise typer.BadParameter(
            f'expected a colour, such as black or #808080, got {text}', param_hint='--background'
        ) from error
    return red, green, blue


def _usage_error(what: str, needed: Mapping[str, object], others: Mapping[str, object]) -> typer.BadParameter:
    """Make a usage error that names the missing options and the superfluous ones."""
    missing = ', '.join(option for option, value in needed.items() if not value)
    given = ', '.join(option for option, value in others.items() if value)
    parts = [f'it lacks {missing}'] * bool(missing) + [f'it does not take {given}'] * bool(given)
    return typer.BadParameter(
        f'm2m data import {what}: {"; ".join(parts)}. Recordings: m2m data import NAME --sessions FILE --units FILE '
        f'--stimuli DIR, or --nwb PATH --stimuli DIR. Digits: m2m data import {_DIGITS_DOMAIN} NAME --from PATH.'
    )


def _import_recordings(name: str, bundle: tuple[Path, Path, Path], options: dict[str, Any], json: str | None) -> None:
    with progress(_AFTER_INTERRUPT) as report:
        with stage(report, 'loading'):
            from m2m_benchmarks.acquisition.importing import import_bundle

        entry = import_bundle(name, *bundle, report, print_renamed, **options)
    _show_imported(name, entry, json)


def _import_nwb(
    name: str, paths: list[Path], stimuli: Path, given: dict[str, Any], options: dict[str, Any], json: str | None
) -> None:
    with progress(_AFTER_INTERRUPT) as report:
        with stage(report, 'loading'):
            from m2m_benchmarks.acquisition.nwb.importing import Options, import_nwb

        entry = import_nwb(name, paths, stimuli, Options(**given), report, **options)
    _show_imported(name, entry, json)


def _plan_nwb(
    name: str, paths: list[Path], stimuli: Path, given: dict[str, Any], citation: str | None, json: str | None
) -> None:
    with progress('Nothing was written.') as report:
        with stage(report, 'loading'):
            from m2m_benchmarks.acquisition.importing import check_recordings_name
            from m2m_benchmarks.acquisition.nwb.importing import Options, plan_nwb

        check_recordings_name(name)
        planned = plan_nwb(paths, stimuli, Options(**given), citation, report)
    print_nwb_plan(name, planned, json)
    if planned.problem is not None:
        raise planned.problem


def _show_imported(name: str, entry: dict[str, Any], json: str | None) -> None:
    if json is not None:
        content = {key: entry['source'][key] for key in ('missing_responses', 'blanks')}
        write_json({'name': name, **entry['summary'], **content, 'sha256': entry['assembly']['sha256']}, json)
    if json != '-':
        print_recordings(name, entry, 'imported')


def _import_archive(path: Path, replace: bool, json: str | None) -> None:
    with progress(_AFTER_INTERRUPT) as report:
        with stage(report, 'loading'):
            from m2m_benchmarks.acquisition.archive import import_archive

        with stage(report, f'reading {path.name}'):
            entry = import_archive(path, replace)
    name = entry['name']
    if json is not None:
        write_json({'name': name, **dataset_state(name)}, json)
    if json == '-':
        return
    if entry.get('kind') == manifest.DIGITS:
        print_table(splits_table(summarize_splits(entry), f'{name}: imported'))
    else:
        print_recordings(name, entry, 'imported')


def _import_digits(
    name: str, source: Path, as_split: str | None, background: 'Colour', replace: bool, json: str | None
) -> None:
    from m2m_benchmarks.benchmarks.identifiers import PAPER_DIGITS, DigitsIdentifier

    with progress(_AFTER_INTERRUPT) as report:
        with stage(report, 'loading torch'):
            from m2m_benchmarks.acquisition.digit_import import import_domain

        splits = summarize_splits(import_domain(name, source, as_split, report, background, print_note, replace))
    name = spelled(name, DOMAINS) or name
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
    if name not in manifest.MADE_HERE:
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
