"""m2m data fetch: digits, and the recordings of the surveys that publish them."""

import contextlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from m2m_benchmarks.acquisition import surveys
from m2m_benchmarks.acquisition.options import Option, OptionError, comma_separated
from m2m_benchmarks.acquisition.survey import Survey
from m2m_benchmarks.cli.console import Json, check_json, print_table, print_text, progress, stage, write_json
from m2m_benchmarks.cli.recordings import print_fetched, print_plan, print_renamed
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.areas import renamed_areas
from m2m_benchmarks.data.digit_names import DOMAINS
from m2m_benchmarks.errors import DataError, UnknownNameError
from m2m_benchmarks.report.tables import Column, Row, Table, count, text

_DIGITS = 'digits'
_NO_PHOTOS = 'it cannot be downloaded. Make it of MNIST and photos of yours: m2m data fetch digits --photos DIR'
_DIGITS_OPTIONS = (
    Option('domains', f'Some of {",".join(DOMAINS)}. Default: all.'),
    Option('photos', 'Folder of photos, PNG or JPEG, to make MNISTM with.', Path),
    Option('seed', 'Random seed for the patches of the photos.', int, default=0, least=0),
)
#: What is said after a Ctrl-C in a fetch.
_KEPT = 'What was fetched is kept: the same command goes on from there.'
_OF_DIGITS = """Download the domains of digits.

MNISTM (MNIST-M) cannot be downloaded: it is made of MNIST and photos of yours. What was interrupted goes on.

Example:  m2m data fetch digits --photos BSDS500/images
"""
_OF_RECORDINGS = """They become one dataset of all sessions that are asked for, which replaces an earlier one of its
name. Sessions that were extracted with the same settings before aren't read again; what was interrupted goes on."""
#: Options of all surveys.
_SURVEY_OPTIONS = (
    Option('areas', 'Areas whose sessions are fetched, separated by commas. Default: all.'),
    Option('max_sessions', 'Largest number of sessions: the first ones by id are fetched. Default: all.', int, least=1),
    Option('sessions', 'Earlier name of --max-sessions.', hidden=True),
    Option('dry_run', 'Say what would be fetched and what it takes, and move no recording.', bool, default=False),
    Option('whole_files', 'Keep whole session files, in place of reading parts of them.', bool, default=False),
    Option('delete_files', 'With --whole-files: remove each file once it is extracted.', bool, default=False),
    Option('delete_nwb', 'Earlier name of --delete-files.', bool, default=False, hidden=True),
    Option('workers', 'Number of sessions at a time, each in a process of its own.', int, default=4, least=1),
    Option('scheduler', 'Address of a dask.distributed scheduler, whose workers take the place of --workers.'),
)


@dataclass(frozen=True)
class _Fetchable:
    """A dataset that can be fetched: its options, and the function that fetches it.

    The function is called with the command's context, the values of the options by name, and that of --json.
    """

    help: str
    options: tuple[Option, ...]
    fetch: Callable[[typer.Context, Mapping[str, Any], str | None], None]


def _fetchables() -> dict[str, _Fetchable]:
    """All that can be fetched, by name."""

    def fetchable(name: str, survey: Survey) -> _Fetchable:
        return _Fetchable(
            f'Download the recordings {name}{f" ({survey.title})" if survey.title else ""}.\n\n{_OF_RECORDINGS}',
            (*_SURVEY_OPTIONS, *survey.options),
            lambda context, given, json: _fetch_survey(surveys.find_survey(name), context, given, json),
        )

    return {
        _DIGITS: _Fetchable(_OF_DIGITS, _DIGITS_OPTIONS, _fetch_digits),
        **{name: fetchable(name, survey) for name, survey in surveys.SURVEYS.items()},
    }


class FetchGroup(typer.core.TyperGroup):
    """A subcommand for each of the datasets that can be fetched when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the datasets."""
        return list(_fetchables())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Make the command of a dataset.

        Raises
        ------
        UnknownNameError
            When no dataset of that name can be fetched.
        """
        fetchables = _fetchables()
        if cmd_name not in fetchables:
            hint = 'Recordings of yours are brought by `m2m data import`.'
            raise UnknownNameError('dataset to fetch', cmd_name, fetchables, hint)
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(cmd_name)(_Fetch(cmd_name, fetchables))
        return typer.main.get_command(single)


app = typer.Typer(
    cls=FetchGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Download the domains of digits, or recordings. What was interrupted goes on.

    \b
    Examples
    --------
      m2m data fetch digits --photos BSDS500/images
      m2m data fetch deVries2020 --areas VISp --cre Cux2-CreERT2 --dry-run
      m2m data fetch Siegle2021 --areas VISp,VISl --max-sessions 2
      m2m data fetch Siegle2021 --help
    """,
)


class _Fetch:
    """The command that fetches one dataset. Options of others are taken, hidden, to say whose they are."""

    def __init__(self, name: str, fetchables: Mapping[str, _Fetchable]) -> None:
        self.__name__ = name
        self.__annotations__: dict[str, Any] = {}
        self.__doc__ = fetchables[name].help
        self._fetchable = fetchables[name]
        self._taken_by: dict[Option, list[str]] = {}
        own = {option.name for option in self._fetchable.options}
        for other, fetchable in fetchables.items():
            for option in fetchable.options:
                if option.name not in own:
                    self._taken_by.setdefault(option, []).append(other)

    @property
    def __signature__(self) -> inspect.Signature:
        """Parameters from which typer makes the options."""
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        others = {option.name: replace(option, hidden=True) for option in self._taken_by}
        return inspect.Signature(
            [
                inspect.Parameter('context', kind, annotation=typer.Context),
                *map(_parameter, [*self._fetchable.options, *others.values()]),
                inspect.Parameter('json', kind, annotation=Json, default=None),
            ]
        )

    def __call__(self, context: typer.Context, json: str | None, **given: Any) -> None:
        """Fetch the dataset."""
        for option in self._taken_by:
            if _given(context, option.name):
                takers = [name for each, names in self._taken_by.items() if each.name == option.name for name in names]
                raise typer.BadParameter(f'{option.flag} is for {" and ".join(takers)}, not {self.__name__}.')
        own = {option.name: given[option.name] for option in self._fetchable.options}
        check_json(json)
        try:
            self._fetchable.fetch(context, own, json)
        except OptionError as error:
            raise typer.BadParameter(str(error)) from error


def _parameter(option: Option) -> inspect.Parameter:
    """Parameter of the command for an option."""
    declared = typer.Option(
        *([option.flag] if option.type is bool else []),  # a flag that is off has no --no-FLAG
        help=option.help,
        min=option.least,
        metavar=option.metavar,
        hidden=option.hidden,
    )
    accepted = option.type if option.default is not None else option.type | None
    return inspect.Parameter(
        option.name,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        annotation=Annotated[accepted, declared],
        default=option.default,
    )


def _given(context: typer.Context, parameter: str) -> bool:
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == 'COMMANDLINE'


def _fetch_survey(survey: Survey, context: typer.Context, given: Mapping[str, Any], json: str | None) -> None:
    if given['sessions'] is not None:
        raise typer.BadParameter(f'the number of sessions is --max-sessions {given["sessions"]}, no longer --sessions.')
    delete_files = given['delete_files'] or given['delete_nwb']
    if delete_files and not given['whole_files']:
        raise typer.BadParameter('--delete-files goes with --whole-files: otherwise no session file is kept.')
    if given['scheduler'] is not None and _given(context, 'workers'):
        raise typer.BadParameter('--scheduler has workers of its own; leave out --workers.')
    areas = comma_separated('--areas', given['areas'])
    selection = survey.selection(areas, given['max_sessions'], given)
    settings = survey.settings(given)
    print_renamed(renamed_areas(areas or ()))
    files = {'whole_files': given['whole_files'], 'delete_files': delete_files, 'workers': given['workers']}
    if given['dry_run']:
        with progress() as report:
            with stage(report, 'loading'):
                from m2m_benchmarks.acquisition.pipeline.plan import plan

            planned = plan(survey, selection, settings, **files, progress=report)
        print_plan(survey, planned, json)
        return
    before = None
    with contextlib.suppress(DataError):  # one that can't be read is replaced
        before = manifest.read(survey.name)
    with progress(_KEPT) as report:
        with stage(report, 'loading'):
            from m2m_benchmarks.acquisition.pipeline.fetch import fetch_survey

        fetched = fetch_survey(survey, selection, settings, **files, scheduler=given['scheduler'], progress=report)
    print_fetched(survey.name, fetched, before, json)


def _fetch_digits(context: typer.Context, given: Mapping[str, Any], json: str | None) -> None:
    chosen = comma_separated('--domains', given['domains'])
    with progress(_KEPT) as report:
        with stage(report, 'loading torch'):
            from m2m_benchmarks.acquisition.digit_import import SPLITS, fetch_digits

        entries = fetch_digits(given['photos'], chosen, given['seed'], report)
    domains = {each: splits_of(entry) for each, entry in entries.items()}
    left_out = {'MNISTM': _NO_PHOTOS} if chosen is None and 'MNISTM' not in domains else {}
    if json is not None:
        write_json({'domains': domains, 'left_out': left_out}, json)
    if json == '-':
        return
    rows = []
    for domain, splits in domains.items():
        how = {split: how_it_came(parts['source']) for split, parts in splits.items()}
        came = how['test'] if how['test'] == how['train'] else '; '.join(f'{split} {how[split]}' for split in SPLITS)
        rows.append(Row((domain, *(splits[split]['images'] for split in SPLITS), came)))
    print_table(Table([Column('Domain'), *map(count, SPLITS), text('How it came')], rows))
    for domain, reason in left_out.items():
        print_text(f'{domain} is left out: {reason}')


def splits_of(entry: dict[str, Any]) -> dict[str, Any]:
    """What the manifest of a domain says of each split; train and test come first."""
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


def splits_table(splits: Mapping[str, Any], title: str = '') -> Table:
    """Make the table of the splits of a domain of digits, as `splits_of` gives them."""
    return Table(
        [Column('split'), count('images'), count('clusters'), text('how it came')],
        [
            Row((split, parts['images'], parts['clusters'], how_it_came(parts['source'])))
            for split, parts in splits.items()
        ],
        title,
        ['"clusters": what was drawn or photographed apart; images of one are not independent of one another.'],
    )


def how_it_came(source: dict[str, Any]) -> str:
    """How a split came, in a few words."""
    if 'photos' in source:
        return f'synthesised from {source["photos"]} photos, seed {source["seed"]}'
    if 'urls' in source:
        return 'downloaded'
    return f'imported from {source["file"]}' if 'file' in source else str(source['made_by'])
