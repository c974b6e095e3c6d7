"""m2m data fetch: digits, and the public recordings of the Allen Institute."""

import contextlib
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from m2m_benchmarks.cli.console import progress, stdout, write_json
from m2m_benchmarks.cli.recordings import print_fetched, print_plan
from m2m_benchmarks.data import ledger
from m2m_benchmarks.errors import DataError, UnknownNameError

_DIGITS, _OPHYS, _ECEPHYS = 'digits', 'deVries2020', 'Siegle2021'
_NO_PHOTOS = 'it cannot be downloaded. Make it of MNIST and photos of yours: m2m data fetch digits --photos DIR'
#: Options that not all names take, by parameter.
_TAKEN_BY = {
    **dict.fromkeys(('domains', 'photos', 'seed'), (_DIGITS,)),
    **dict.fromkeys(('areas', 'cre', 'sessions', 'dry_run', 'whole_files', 'delete_nwb'), (_OPHYS, _ECEPHYS)),
    **dict.fromkeys(('workers', 'scheduler', 'mirror', 'warehouse', 'window'), (_OPHYS, _ECEPHYS)),
    **dict.fromkeys(('depth', 'signal', 'baseline', 'sdk_compatible'), (_OPHYS,)),
    **dict.fromkeys(('session_types', 'amplitude_cutoff', 'presence_ratio', 'isi_violations'), (_ECEPHYS,)),
    **dict.fromkeys(('any_quality', 'require_metrics'), (_ECEPHYS,)),
}


def fetch(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help='digits, deVries2020 (2-photon) or Siegle2021 (Neuropixels)')],
    domains: Annotated[str | None, typer.Option(help='Some of MNIST,MNISTM,SVHN,USPS. Default: all.')] = None,
    photos: Annotated[Path | None, typer.Option(help='Folder of photos, PNG or JPEG, to make MNISTM with.')] = None,
    seed: Annotated[int, typer.Option(min=0, help='Of the patches of the photos.')] = 0,
    areas: Annotated[str | None, typer.Option(help='Some of VISp,VISl,VISal,VISpm,VISam,VISrl. Default: all.')] = None,
    cre: Annotated[str | None, typer.Option(help='Cre lines, as in Cux2-CreERT2,Vip-IRES-Cre. Default: all.')] = None,
    depth: Annotated[str | None, typer.Option(metavar='LOW-HIGH', help='deVries2020: imaging depth in µm.')] = None,
    sessions: Annotated[int | None, typer.Option(min=1, help='Only so many, the first by number.')] = None,
    session_types: Annotated[
        str | None, typer.Option(help='Siegle2021: of brain_observatory_1.1 (default), functional_connectivity.')
    ] = None,
    dry_run: Annotated[bool, typer.Option(help='Say what would come, and move no recording.')] = False,
    signal: Annotated[str, typer.Option(help='deVries2020: dff, corrected or events.')] = 'dff',
    window: Annotated[
        str | None,
        typer.Option(
            help='From the onset of an image. deVries2020: frames or time, as in 14, 2-12f, 500ms (default 14). '
            'Siegle2021: milliseconds (default 65-255ms).'
        ),
    ] = None,
    baseline: Annotated[str | None, typer.Option(help='deVries2020: up to the onset, as in 28 or 900ms.')] = None,
    sdk_compatible: Annotated[
        bool, typer.Option('--sdk-compatible', help="deVries2020: as AllenSDK's NaturalScenes.")
    ] = False,
    amplitude_cutoff: Annotated[str, typer.Option(help='Siegle2021: most of it, or none.')] = '0.1',
    presence_ratio: Annotated[str, typer.Option(help='Siegle2021: least of it, or none.')] = '0.95',
    isi_violations: Annotated[str, typer.Option(help='Siegle2021: most of them, or none.')] = '0.5',
    any_quality: Annotated[
        bool, typer.Option('--any-quality', help='Siegle2021: also units called noise, and invalid channels.')
    ] = False,
    require_metrics: Annotated[
        bool, typer.Option('--require-metrics', help='Siegle2021: leave out units whose quality was not computed.')
    ] = False,
    whole_files: Annotated[
        bool, typer.Option('--whole-files', help='Keep the NWB files, in place of reading parts of them.')
    ] = False,
    delete_nwb: Annotated[
        bool, typer.Option('--delete-nwb', help='With --whole-files: remove each when it is extracted.')
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help='Sessions at a time, each in a process of its own.')] = 4,
    scheduler: Annotated[
        str | None, typer.Option(help='Address of a dask.distributed scheduler in place of --workers.')
    ] = None,
    mirror: Annotated[str | None, typer.Option(help="URL in place of the Allen Institute's bucket.")] = None,
    warehouse: Annotated[str | None, typer.Option(help="URL in place of the Allen Institute's API.")] = None,
    json: Annotated[bool, typer.Option('--json', help='Print JSON.')] = False,
) -> None:
    """Download the domains of digits, or recordings. What was interrupted goes on.

    Recordings become one dataset of all sessions that are asked for, which replaces an earlier one of its name;
    sessions that were extracted with the same settings before aren't read again.

    MNISTM (MNIST-M) is not to be downloaded: it is made of MNIST and photos of yours.

    \b
    Examples
    --------
      m2m data fetch digits --photos BSDS500/images
      m2m data fetch deVries2020 --areas VISp --cre Cux2-CreERT2 --dry-run
      m2m data fetch Siegle2021 --areas VISp,VISl --sessions 2
    """  # noqa: D301, D411 - the mark keeps these lines as they are
    if name not in (_DIGITS, _OPHYS, _ECEPHYS):
        hint = 'Recordings of yours are brought by `m2m data import`.'
        raise UnknownNameError('dataset to fetch', name, [_DIGITS, _OPHYS, _ECEPHYS], hint)
    for parameter, names in _TAKEN_BY.items():
        if name not in names and _given(context, parameter):
            raise typer.BadParameter(f'--{parameter.replace("_", "-")} is for {" and ".join(names)}, not {name}.')
    if name == _DIGITS:
        _fetch_digits(domains, photos, seed, json)
        return
    if delete_nwb and not whole_files:
        raise typer.BadParameter('--delete-nwb goes with --whole-files: otherwise no NWB file is kept.')
    if scheduler is not None and _given(context, 'workers'):
        raise typer.BadParameter('--scheduler has workers of its own; leave out --workers.')
    low_high = _depth(depth)
    from m2m_benchmarks.acquisition.allen.catalogue import MIRROR, WAREHOUSE
    from m2m_benchmarks.acquisition.allen.choice import Choice
    from m2m_benchmarks.acquisition.allen.ecephys import EcephysSettings
    from m2m_benchmarks.acquisition.allen.fetch import fetch_allen
    from m2m_benchmarks.acquisition.allen.ophys_settings import OphysSettings
    from m2m_benchmarks.acquisition.allen.plan import plan

    settings: OphysSettings | EcephysSettings
    if name == _OPHYS:
        settings = OphysSettings(signal, window or '14', baseline, sdk_compatible)
    else:
        settings = EcephysSettings(
            _milliseconds(window or '65-255ms'),
            amplitude_cutoff=_limit('--amplitude-cutoff', amplitude_cutoff),
            presence_ratio=_limit('--presence-ratio', presence_ratio),
            isi_violations=_limit('--isi-violations', isi_violations),
            only_valid=not any_quality,
            missing_passes=not require_metrics,
        )
    choice = Choice(
        areas=_names('--areas', areas),
        cre_lines=_names('--cre', cre),
        depth_um=low_high,
        number=sessions,
        session_types=_names('--session-types', session_types),
        mirror=(mirror or MIRROR).rstrip('/'),
        warehouse=(warehouse or WAREHOUSE).rstrip('/'),
    )
    if dry_run:
        with progress() as report:
            planned = plan(name, choice, settings, whole_files, delete_nwb, workers, report)
        print_plan(name, planned, json)
        return
    before = None
    with contextlib.suppress(DataError):  # one that can't be read is replaced
        before = ledger.read(name)
    with progress() as report:
        fetched = fetch_allen(
            name,
            choice,
            settings,
            whole_files=whole_files,
            delete_nwb=delete_nwb,
            workers=workers,
            scheduler=scheduler,
            progress=report,
        )
    print_fetched(name, fetched, before, json)


def _given(context: typer.Context, parameter: str) -> bool:
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == 'COMMANDLINE'


def _names(option: str, text: str | None) -> list[str] | None:
    if text is None:
        return None
    found = [each.strip() for each in text.split(',') if each.strip()]
    if not found:
        raise typer.BadParameter(f'{option} names none.')
    return found


def _depth(text: str | None) -> tuple[float | None, float | None]:
    if text is None:
        return None, None
    found = re.fullmatch(r'(\d*)-(\d*)|(\d+)', text.replace(' ', ''))
    low, high = (None, None) if found is None else (found[1] or found[3], found[2] or found[3])
    if not (low or high) or (low and high and int(high) < int(low)):
        raise typer.BadParameter(f'--depth is {text}; expected micrometres, as in 175-275, 300-, -300 or 175.')
    return float(low) if low else None, float(high) if high else None


def _milliseconds(text: str) -> tuple[float, float]:
    found = re.fullmatch(r'\s*(\d+(?:\.\d+)?)\s*-\s*(\d+(?:\.\d+)?)\s*(?:ms)?\s*', text)
    if not found:
        raise typer.BadParameter(f'--window is {text}; expected milliseconds, as in 65-255ms.')
    return float(found[1]), float(found[2])


def _limit(option: str, text: str) -> float | None:
    if text.strip().lower() == 'none':
        return None
    try:
        return float(text)
    except ValueError as error:
        raise typer.BadParameter(f'{option} is {text}; expected a number or none.') from error


def _fetch_digits(domains: str | None, photos: Path | None, seed: int, json: bool) -> None:
    from m2m_benchmarks.acquisition.digit_import import SPLITS, fetch_digits

    chosen = None if domains is None else [each.strip() for each in domains.split(',') if each.strip()]
    if chosen == []:
        raise typer.BadParameter('--domains names none; expected some of MNIST,MNISTM,SVHN,USPS.')
    with progress() as report:
        found = {each: splits_of(entry) for each, entry in fetch_digits(photos, chosen, seed, report).items()}
    left_out = {'MNISTM': _NO_PHOTOS} if chosen is None and 'MNISTM' not in found else {}
    if json:
        write_json({'domains': found, 'left_out': left_out}, '-')
        return
    from rich.table import Table

    table = Table(box=None, header_style='bold')
    for column in ('Domain', *SPLITS, 'How it came'):
        table.add_column(column, justify='right' if column in SPLITS else 'left')
    for domain, splits in found.items():
        how = {split: how_it_came(parts['source']) for split, parts in splits.items()}
        came = how['test'] if how['test'] == how['train'] else '; '.join(f'{split} {how[split]}' for split in SPLITS)
        table.add_row(domain, *(f'{splits[split]["images"]:,}' for split in SPLITS), came)
    console = stdout()
    console.print(table)
    for domain, reason in left_out.items():
        console.print(f'{domain} is left out: {reason}', soft_wrap=True)


def splits_of(entry: dict[str, Any]) -> dict[str, Any]:
    """What the ledger of a domain says of each split; train and test come first."""
    every = entry['splits']
    return {
        split: {
            'images': parts['images'],
            'clusters': parts['clusters'],
            'source': parts['source'],
            'sha256': {part: file['sha256'] for part, file in parts['files'].items()},
        }
        for split, parts in {**{each: every[each] for each in ('train', 'test') if each in every}, **every}.items()
    }


def how_it_came(source: dict[str, Any]) -> str:
    """How a split came, in a few words."""
    if 'photos' in source:
        return f'synthesised from {source["photos"]} photos, seed {source["seed"]}'
    if 'urls' in source:
        return 'downloaded'
    return f'imported from {source["file"]}' if 'file' in source else str(source['made_by'])
