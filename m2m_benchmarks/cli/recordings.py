"""Reports on recordings that are fetched or imported."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from m2m_benchmarks.benchmarks.comparisons import COMPARISONS
from m2m_benchmarks.benchmarks.identifiers import NeuralIdentifier
from m2m_benchmarks.cli.console import print_command, print_table, print_text, write_json
from m2m_benchmarks.data.areas import note_on_renamed
from m2m_benchmarks.messages import say
from m2m_benchmarks.report.tables import Column, Row, Table, count, text

if TYPE_CHECKING:
    from m2m_benchmarks.acquisition.pipeline.fetch import FetchResult
    from m2m_benchmarks.acquisition.pipeline.plan import Plan
    from m2m_benchmarks.acquisition.published import Comparison
    from m2m_benchmarks.acquisition.survey import Survey

#: Most sessions that a line of a dry run names.
_MOST_NAMED = 10


def print_renamed(areas: Mapping[str, str]) -> None:
    """Print on stderr which names of areas were replaced, such as V1 by VISp."""
    if areas:
        say(note_on_renamed(areas))


def print_note(note: str) -> None:
    """Print on stderr what was done to files that are imported, such as scaling 16-bit images."""
    say(note)


def print_plan(survey: 'Survey', planned: 'Plan', json: str | None) -> None:
    """Print what a fetch would do."""
    listing = planned.listing
    numbers = {
        'sessions': len(listing.sessions),
        'matching': listing.n_matching,
        'failed_quality_control': listing.n_failed,
        'damaged_records': listing.n_damaged,
        'extracted_already': planned.n_extracted,
        'without_file': len(planned.without_file),
        'sessions_without_file': planned.without_file,
        'without_second_file': len(planned.without_further),
        'sessions_without_second_file': planned.without_further,
        'file_bytes': planned.file_bytes,
        'image_bytes': planned.image_bytes,
        'moved_bytes_at_most': planned.moved_bytes,
        'disk_bytes_at_most': planned.disk_bytes,
        'free_bytes': planned.free_bytes,
        'memory_bytes_estimate': planned.memory_bytes,
        'seconds_estimate': planned.seconds,
    }
    if json is not None:
        write_json({'name': survey.name, **numbers, 'areas': planned.groups}, json)
    if json == '-':
        return
    grouped = bool(survey.group_title)
    columns = [Column('area'), *[Column(survey.group_title)] * grouped, count('sessions')]
    rows = [
        Row((area, *[group] * grouped, n_sessions))
        for area, groups in planned.groups.items()
        for group, n_sessions in groups.items()
    ]
    print_table(Table(columns, rows, title=f'{survey.name}: dry run, no recording was downloaded.'))
    for line in (
        f'{len(listing.sessions)} of {listing.n_matching} sessions{survey.session_note}; {listing.n_failed} more '
        'failed quality control or have no file.'
        + (f' {listing.n_damaged} records of the catalogue are damaged and left out.' if listing.n_damaged else ''),
        f'{planned.n_extracted} were extracted before with these settings'
        + _lacking('; the files of', planned.without_file)
        + _lacking(f'; the {survey.further_title} of', planned.without_further)
        + '.',
        f'Files of the others: {planned.file_bytes:,} bytes; images, downloaded once: {planned.image_bytes:,} bytes. '
        f'At most {planned.moved_bytes:,} bytes will be downloaded.',
        f'Disk: at most {planned.disk_bytes / 1e9:,.1f} GB; {planned.free_bytes / 1e9:,.1f} GB are free.',
        f'Estimates: {planned.memory_bytes / 1e6:,.0f} MB of memory, {planned.seconds / 60:,.0f} minutes at 10 MB/s.',
    ):
        print_text(line)
    if planned.disk_bytes > planned.free_bytes:
        print_text('The disk is too small: set M2M_HOME to a folder on another disk.')


def _lacking(what: str, sessions: Sequence[str]) -> str:
    """Say of which sessions no server has a file, the first ones by name; '' for none."""
    if not sessions:
        return ''
    named = ', '.join(sessions[:_MOST_NAMED]) + (', …' if len(sessions) > _MOST_NAMED else '')
    return f'{what} {len(sessions)} are on no server ({named})'


def print_fetched(name: str, fetched: 'FetchResult', previous: dict[str, Any] | None, json: str | None) -> None:
    """Print the result of a fetch, and which dataset it replaced: that of the manifest `previous`."""
    entry = fetched.manifest
    counts: dict[str, int] = {}
    for session in entry['source']['sessions']:
        for kind, n in session['counts'].items():
            counts[kind] = counts.get(kind, 0) + n
    if json is not None:
        outcome = {
            'failed': fetched.failed,
            'refused': fetched.refused,
            'extracted_before': fetched.n_kept,
            'bytes_moved': fetched.bytes_moved,
            'image_bytes': fetched.image_bytes,
            'settings': entry['source']['settings'],
            'counts': counts,
        }
        write_json({'name': name, **entry['summary'], 'sha256': entry['assembly']['sha256'], **outcome}, json)
    if json == '-':
        return
    print_recordings(name, entry, 'fetched')
    print_text(
        f'{fetched.bytes_moved / 1e6:,.1f} MB were downloaded, {fetched.image_bytes / 1e6:,.1f} of them images; '
        f'{fetched.n_kept} sessions had been extracted before.'
    )
    print_text(f'Made with {describe_settings(entry)}.')
    listed = ', '.join(f'{n:,} {kind.removeprefix("n_").replace("_", " ")}' for kind, n in counts.items() if n)
    print_text(f'Counts over all sessions: {listed or "nothing was left out"}.')
    if previous is not None and previous['assembly']['sha256'] != entry['assembly']['sha256']:
        neuroids = sum(area['neuroids'] for area in previous['summary']['areas'].values())
        print_text(f'It replaces an earlier dataset of {neuroids:,} neuroids, made with {describe_settings(previous)}.')
    for session, reason in fetched.failed.items():
        print_text(f'Session {session} could not be read: {reason}')
    for session, reason in fetched.refused.items():
        print_text(f'Session {session} is left out: {reason}')
    if fetched.failed:
        print_text('Run the same command to try them again; the other sessions are kept.')


def describe_settings(entry: dict[str, Any]) -> str:
    """Describe the settings of an extraction, or else the origin of recordings, in a few words."""
    settings = entry['source'].get('settings')
    if settings is None:
        return str(entry['source']['made_by'])
    texts = []
    for key, value in settings.items():
        if value is True:
            texts.append(key.replace('_', ' '))
        elif value is not None and value is not False:
            value = ' '.join(map(str, value)) if isinstance(value, list | tuple) else value
            texts.append(f'{key.replace("_", " ")} {value}')
    return ', '.join(texts)


def areas_table(areas: Mapping[str, Any], title: str = '', notes: tuple[str, ...] = ()) -> Table:
    """Make the table of the neuroids in each area, from the `areas` of a manifest's summary."""
    keys = ('neuroids', 'reliable', 'flat', 'animals', 'sessions')  # of the manifest, whose format is older
    columns = ('neuroids', 'reliable', 'constant', 'animals', 'sessions')
    return Table(
        [Column('area'), *map(count, columns)],
        [Row((area, *(counts[key] for key in keys))) for area, counts in areas.items()],
        title,
        (
            *notes,
            'reliable: split-half reliability of 0.5 or more; only these are scored. constant: never varies, excluded.',
        ),
    )


def published_table(name: str, comparisons: Sequence['Comparison']) -> Table:
    """Make the table of published numbers beside those of a dataset."""

    def cells(each: 'Comparison') -> tuple[str, ...]:
        here = '' if each.here is None else f'{each.here:,.7g}'
        result = f'{each.result}: {each.reason}' if each.reason else each.result
        return each.what, f'{each.published:,.7g}', here, result, each.source

    return Table(
        [Column('number'), *map(text, ('published', 'here', 'result', 'source'))],
        [Row(cells(each)) for each in comparisons],
        f'{name}: published numbers',
    )


def _size(entry: dict[str, Any]) -> tuple[str, ...]:
    """Notes on the numbers of stimuli and repetitions, and on what is missing."""
    summary, source = entry['summary'], entry['source']
    notes = [f'{summary["stimuli"]} stimuli, up to {summary["repetitions"]} repetitions.']
    if summary['repetitions'] == 1:
        notes.append(
            'One repetition leaves no reliability to compute: all neuroids are counted as reliable. -rdm has its '
            'ceiling from halves of the neuroids; other scores have none.'
        )
    if source.get('missing_responses'):
        notes.append(f'{source["missing_responses"]:,} responses to single trials are missing (NaN).')
    if source.get('blanks', 'none') != 'none':
        notes.append(f'Responses to blanks were {source["blanks"]}.')
    return tuple(notes)


def print_recordings(name: str, entry: dict[str, Any], how: str) -> None:
    """Print the number of neuroids in each area of a dataset."""
    print_table(areas_table(entry['summary']['areas'], f'{name}: {how}', _size(entry)))
    if any(area['reliable'] for area in entry['summary']['areas'].values()):
        benchmark = NeuralIdentifier(name, None, None, next(iter(COMPARISONS)))
        print_command(f'Next:  m2m score torchvision:squeezenet1_1 {benchmark} --weights none')
