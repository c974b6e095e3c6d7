"""The command `m2m data import`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2m_benchmarks.cli.console import Json, check_json, print_line, print_table, progress, stage, write_json
from m2m_benchmarks.cli.datasets import dataset_state
from m2m_benchmarks.cli.fetch import splits_table, summarize_splits
from m2m_benchmarks.cli.nwb import print_nwb_plan
from m2m_benchmarks.cli.recordings import print_note, print_recordings, print_renamed
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.digit_names import DOMAINS, SPLITS, spelled

if TYPE_CHECKING:
    from m2m_benchmarks.acquisition.images import Colour

#: First argument of `m2m data import` for a domain of digits. No dataset's name has a dash.
_DIGITS_DOMAIN = 'digits-domain'
#: Message after Ctrl-C in an import.
_AFTER_INTERRUPT = 'Nothing was imported or changed. Run the same command again.'


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
    the fields description, technique, species, licence, citation and stimulus_degrees: the images' width x height on
    the screen.

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
        if as_split not in (None, *SPLITS):
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
        benchmark = DigitsIdentifier(PAPER_DIGITS, next(iter(DOMAINS)), name, 'accuracy')
        print_line(f'Next:  m2m score MODEL {benchmark}')
    if 'train' in splits:
        print_line(f'Next:  m2m train digitnet --source {name}')
