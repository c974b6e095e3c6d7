"""The command `m2m data fetch`: digits, and recordings of the surveys that publish them."""

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
from m2m_benchmarks.cli.recordings import print_fetched, print_note, print_plan, print_renamed
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.areas import renamed_areas
from m2m_benchmarks.data.digit_names import DOMAINS, SPLITS
from m2m_benchmarks.errors import DataError, UnknownNameError
from m2m_benchmarks.report.tables import Column, Row, Table, count, text

_DIGITS = 'digits'
_DIGITS_OPTIONS = (
    Option('domains', f'Domains to download, of {",".join(DOMAINS)}. Default: all.'),
    Option('photos', 'Folder of PNG or JPEG photos to make MNISTM from.', Path),
    Option('seed', 'Random seed for the photo patches.', int, default=0, least=0),
)
#: Message after Ctrl-C in a fetch.
_AFTER_INTERRUPT = 'Finished downloads are kept. Run the same command again to continue.'
_DIGITS_HELP = """Download domains of digits.

MNISTM (MNIST-M) is not downloaded but made from MNIST and a folder of your photos. Run an interrupted command again to
continue it.

Example:  m2m data fetch digits --photos BSDS500/images
"""
_RECORDINGS_HELP = """The selected sessions become one dataset, which replaces an earlier one of the same name. Sessions
extracted before with the same settings are not read again. Run an interrupted command again to continue it."""
#: Options of every survey.
_SURVEY_OPTIONS = (
    Option('areas', 'Areas to fetch sessions of, separated by commas. Default: all.'),
    Option('max_sessions', 'Largest number of sessions, in order of their ids. Default: all.', int, least=1),
    Option('sessions', 'Earlier name of --max-sessions.', hidden=True),
    Option(
        'dry_run', 'Show what would be fetched, and its size, without downloading any recording.', bool, default=False
    ),
    Option(
        'whole_files', 'Download and keep whole session files instead of reading parts of them.', bool, default=False
    ),
    Option('delete_files', 'With --whole-files: delete each file after it is extracted.', bool, default=False),
    Option('delete_nwb', 'Earlier name of --delete-files.', bool, default=False, hidden=True),
    Option(
        'workers', 'Number of sessions extracted at the same time, each in its own process.', int, default=4, least=1
    ),
    Option('scheduler', 'Address of a dask.distributed scheduler, whose workers replace --workers.'),
)


@dataclass(frozen=True)
class _Fetchable:
    """A dataset that can be fetched: its options, and the function that fetches it.

    The function takes the command's context, the values of the options by name, and the value of --json.
    """

    help: str
    options: tuple[Option, ...]
    fetch: Callable[[typer.Context, Mapping[str, Any], str | None], None]


def _fetchables() -> dict[str, _Fetchable]:
    """Return all datasets that can be fetched, by name."""

    def fetchable(name: str, survey: Survey) -> _Fetchable:
        return _Fetchable(
            f'Download the recordings {name}{f" ({survey.title})" if survey.title else ""}.\n\n{_RECORDINGS_HELP}',
            (*_SURVEY_OPTIONS, *survey.options),
            lambda context, values, json: _fetch_survey(surveys.find_survey(name), context, values, json),
        )

    return {
        _DIGITS: _Fetchable(_DIGITS_HELP, _DIGITS_OPTIONS, _fetch_digits),
        **{name: fetchable(name, survey) for name, survey in surveys.SURVEYS.items()},
    }


class FetchGroup(typer.core.TyperGroup):
    """Group with a subcommand for each dataset that can be fetched."""

    def list_commands(self, ctx: Any) -> list[str]:
        """List the names of the datasets."""
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
            hint = '`m2m data import` imports your own recordings.'
            raise UnknownNameError('dataset to fetch', cmd_name, fetchables, hint)
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(cmd_name)(_Fetch(cmd_name, fetchables))
        return typer.main.get_command(single)


app = typer.Typer(
    cls=FetchGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Download digits or recordings. Run an interrupted command again to continue it.

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
    """Command that fetches one dataset.

    Options of other datasets are hidden. Using one gives a message that names its dataset.
    """

    def __init__(self, name: str, fetchables: Mapping[str, _Fetchable]) -> None:
        self.__name__ = name
        self.__annotations__: dict[str, Any] = {}
        self.__doc__ = fetchables[name].help
        self._fetchable = fetchables[name]
        self._others_options: dict[Option, list[str]] = {}
        own = {option.name for option in self._fetchable.options}
        for other, fetchable in fetchables.items():
            for option in fetchable.options:
                if option.name not in own:
                    self._others_options.setdefault(option, []).append(other)

    @property
    def __signature__(self) -> inspect.Signature:
        """Return the parameters that typer makes the options from."""
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        others = {option.name: replace(option, hidden=True) for option in self._others_options}
        return inspect.Signature(
            [
                inspect.Parameter('context', kind, annotation=typer.Context),
                *map(_parameter, [*self._fetchable.options, *others.values()]),
                inspect.Parameter('json', kind, annotation=Json, default=None),
            ]
        )

    def __call__(self, context: typer.Context, json: str | None, **values: Any) -> None:
        """Fetch the dataset."""
        for option in self._others_options:
            if _is_given(context, option.name):
                takers = [
                    name for other, names in self._others_options.items() if other.name == option.name for name in names
                ]
                raise typer.BadParameter(f'{option.flag} is for {" and ".join(takers)}, not {self.__name__}.')
        own = {option.name: values[option.name] for option in self._fetchable.options}
        check_json(json)
        try:
            self._fetchable.fetch(context, own, json)
        except OptionError as error:
            raise typer.BadParameter(str(error)) from error


def _parameter(option: Option) -> inspect.Parameter:
    """Make the parameter of the command for an option."""
    declared = typer.Option(
        *([option.flag] if option.type is bool else []),  # without this, typer adds --no-FLAG
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


def _is_given(context: typer.Context, parameter: str) -> bool:
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == 'COMMANDLINE'


def _fetch_survey(survey: Survey, context: typer.Context, values: Mapping[str, Any], json: str | None) -> None:
    if values['sessions'] is not None:
        raise typer.BadParameter(f'--sessions is now --max-sessions: use --max-sessions {values["sessions"]}.')
    delete_files = values['delete_files'] or values['delete_nwb']
    if delete_files and not values['whole_files']:
        raise typer.BadParameter('--delete-files needs --whole-files: without it, no session file is kept.')
    if values['scheduler'] is not None and _is_given(context, 'workers'):
        raise typer.BadParameter('--scheduler brings its own workers; leave out --workers.')
    areas = comma_separated('--areas', values['areas'])
    selection = survey.selection(areas, values['max_sessions'], values)
    settings = survey.settings(values)
    print_renamed(renamed_areas(areas or ()))
    files = {'whole_files': values['whole_files'], 'delete_files': delete_files, 'workers': values['workers']}
    if values['dry_run']:
        with progress() as report:
            with stage(report, 'loading'):
                from m2m_benchmarks.acquisition.pipeline.plan import plan

            planned = plan(survey, selection, settings, **files, progress=report)
        print_plan(survey, planned, json)
        return
    previous = None
    with contextlib.suppress(DataError):  # a damaged manifest is replaced
        previous = manifest.read(survey.name)
    with progress(_AFTER_INTERRUPT) as report:
        with stage(report, 'loading'):
            from m2m_benchmarks.acquisition.pipeline.fetch import fetch_survey

        fetched = fetch_survey(survey, selection, settings, **files, scheduler=values['scheduler'], progress=report)
    print_fetched(survey.name, fetched, previous, json)


def _fetch_digits(context: typer.Context, values: Mapping[str, Any], json: str | None) -> None:
    selected = comma_separated('--domains', values['domains'])
    with progress(_AFTER_INTERRUPT) as report:
        with stage(report, 'loading torch'):
            from m2m_benchmarks.acquisition.digit_import import fetch_digits

        entries = fetch_digits(values['photos'], selected, values['seed'], report, print_note)
    domains = {domain: summarize_splits(entry) for domain, entry in entries.items()}
    left_out = {
        name: f'it is made from {domain.blended_from} and a folder of photos: m2m data fetch digits --photos DIR'
        for name, domain in DOMAINS.items()
        if selected is None and name not in domains
    }
    if json is not None:
        write_json({'domains': domains, 'left_out': left_out}, json)
    if json == '-':
        return
    rows = []
    for domain, splits in domains.items():
        origins = {split: describe_origin(parts['source']) for split, parts in splits.items()}
        same = origins['test'] == origins['train']
        origin = origins['test'] if same else '; '.join(f'{split} {origins[split]}' for split in SPLITS)
        rows.append(Row((domain, *(splits[split]['images'] for split in SPLITS), origin)))
    print_table(Table([Column('Domain'), *map(count, SPLITS), text('Origin')], rows))
    for domain, reason in left_out.items():
        print_text(f'{domain} is left out: {reason}')


def summarize_splits(entry: dict[str, Any]) -> dict[str, Any]:
    """Summarize the splits in the manifest of a domain, train and test first."""
    splits = entry['splits']
    return {
        split: {
            'images': parts['images'],
            'clusters': parts['clusters'],
            'source': parts['source'],
            'sha256': {part: file['sha256'] for part, file in parts['files'].items()},
        }
        for split, parts in {**{each: splits[each] for each in SPLITS if each in splits}, **splits}.items()
    }


def splits_table(splits: Mapping[str, Any], title: str = '') -> Table:
    """Make the table of the splits of a domain of digits, from the result of `summarize_splits`."""
    return Table(
        [Column('split'), count('images'), count('clusters'), text('origin')],
        [
            Row((split, parts['images'], parts['clusters'], describe_origin(parts['source'])))
            for split, parts in splits.items()
        ],
        title,
        ['clusters: groups of images that are not independent, such as crops of the same photo.'],
    )


def describe_origin(source: dict[str, Any]) -> str:
    """Describe the origin of a split in a few words."""
    if 'photos' in source:
        return f'synthesised from {source["photos"]} photos, seed {source["seed"]}'
    if 'urls' in source:
        return 'downloaded'
    return f'imported from {source["file"]}' if 'file' in source else str(source['made_by'])
