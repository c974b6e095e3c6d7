"""Tables of the report on a dataset, for terminals and pages."""

import itertools
from collections.abc import Sequence

import numpy as np

from m2m_benchmarks.analysis.data_report.areas import BINS
from m2m_benchmarks.analysis.data_report.missing import images_with_few, missing
from m2m_benchmarks.analysis.data_report.recordings import FEWEST_NEUROIDS, Recording
from m2m_benchmarks.analysis.data_report.report import DataReport
from m2m_benchmarks.analysis.data_report.standouts import FEWEST_OTHERS, MEASURES, MOST_UNITS
from m2m_benchmarks.report.tables import Column, Row, Table, count, heading, interval, number, text

#: Most recordings, and most images, that a terminal lists.
MOST_LISTED, _MOST_IMAGES = 60, 10


def headline(report: DataReport) -> str:
    """Describe the size of a dataset in a sentence."""
    n = len(report.stand_outs) and len(report.outstanding())
    verdict = f'{n} of {len(report.recordings)} recordings stand{"s" * (n == 1)} out' if n else 'none stands out'
    return (
        f'{report.name}: {report.n_neuroids:,} neuroids of {report.n_animals} animals in {len(report.areas)} areas and '
        f'{len(report.recordings)} recordings (an area in a session); {len(report.stimulus_ids):,} images, up to '
        f'{report.n_repetitions} repetitions; {verdict}.'
    )


def terminal_tables(report: DataReport) -> list[Table]:
    """Make the tables of a terminal, what stands out last, where it is seen."""
    tables = [neuroid_table(report), reliability_table(report)]
    tables += [population_table(report)] if report.populations else []
    tables += [ceiling_table(report), recording_table(report, MOST_LISTED)]
    return [*tables, *missing_tables(report, _MOST_IMAGES), image_table(report), stand_out_table(report)]


def neuroid_table(report: DataReport) -> Table:
    """Make the table of the numbers of neuroids, animals and recordings of each area."""
    columns = (Column('area'), *map(count, ('neuroids', 'scored', 'no reliability', 'animals', 'recordings')))
    rows = [
        Row((own.name, own.n_neuroids, own.n_reliable, own.n_without, own.n_animals, own.n_recordings))
        for own in report.areas
    ]
    rule = (
        'scored: split-half reliability of 0.5 or more.'
        if report.n_repetitions > 1
        else 'One repetition leaves no reliability to compute: all neuroids that vary are scored.'
    )
    return Table(columns, rows, 'Neuroids', [f'{rule} no reliability: constant, or of a single repetition.'])


def reliability_table(report: DataReport) -> Table:
    """Make the table of the distribution of reliabilities in each area."""
    bins = [f'below {BINS[1]:g}', *(f'{low:g}-{high:g}' for low, high in itertools.pairwise(BINS[1:]))]
    columns = (Column('area'), number('median', '.2f'), *map(count, bins))
    rows = [
        Row((own.name, float(np.median(own.reliabilities)) if len(own.reliabilities) else None, *own.histogram()))
        for own in report.areas
    ]
    return Table(columns, rows, 'Split-half reliability: numbers of neuroids')


def population_table(report: DataReport) -> Table:
    """Make the table of populations, such as Cre lines and layers."""
    areas = [own.name for own in report.areas]
    columns = (heading('column'), Column('population'), *map(count, ('neuroids', 'animals', 'scored', *areas)))
    rows = [
        Row((own.column, own.name, own.n_neuroids, own.n_animals, own.n_reliable, *own.reliable_by_area.values()))
        for own in report.populations
    ]
    return Table(columns, rows, 'Populations', ['In each area: scored neuroids. A benchmark of a population needs 20.'])


def ceiling_table(report: DataReport) -> Table:
    """Make the table of ceilings."""
    columns = (Column('area'), *(number(title, '.2f') for title in ('population', 'trials', 'animals')))
    columns += (interval('bounds over animals', '.2f'), number('regression', '.2f'))
    rows = [
        Row((own.area, own.population, own.trials, own.animals, own.bounds or (None, None), own.regression))
        for own in report.ceilings
    ]
    notes = [
        'On all scored neuroids. -rdm: population, what a perfect model of these populations gets; trials, the noise '
        'of the trials alone; animals, what a model of the species gets (four animals or more); bounds over animals '
        '(Nili et al. 2014; three or more). -ridge: regression, the median reliability.',
        *(own.reason for own in report.ceilings if own.reason),
    ]
    if report.n_repetitions == 1:
        notes.append('One repetition leaves no ceiling of the trials, and none of -ridge.')
    return Table(columns, rows, 'Ceilings', notes)


def recording_table(report: DataReport, most: int | None = None) -> Table:
    """Make the table of all recordings; of more than `most`, those that stand out."""
    outstanding = report.outstanding()
    listed: Sequence[Recording] = report.recordings
    cut = most is not None and len(listed) > most
    if cut:
        listed = outstanding
    columns = (heading('area'), Column(''), Column('animal'), Column('session'), *map(count, ('n', 'scored')))
    columns += (number('shown', '.4g'), number('window', '.4g'), number('mean', '#.3g'))
    columns += (number('reliab.', '.2f'), number('agrees', '.2f'))
    rows = [
        Row(
            (
                *(one.area, '*' if one in outstanding else '', one.animal, one.session, one.n_neuroids, one.n_reliable),
                *(one.repetitions, one.window_ms, one.response, one.reliability, one.agreement),
            ),
            strong=one in outstanding,
        )
        for one in listed
    ]
    notes = [
        '*: stands out. n: neuroids. shown: presentations of an image, on average. window in ms. mean: absolute '
        'response in the unit of the recordings. reliab.: median reliability. agrees: Spearman correlation of its RDM '
        "with the others' of its area."
    ]
    if cut:
        notes.append(f'Of {len(report.recordings)}, those that stand out; --html and --json have all.')
    return Table(columns, rows, 'Recordings', notes)


def missing_tables(report: DataReport, most: int | None = None) -> list[Table]:
    """Make the tables of missing presentations: by recording, and the images with fewest, at most `most` of each."""
    by_recording = missing(report.recordings)
    title = 'Missing presentations'
    if not by_recording:
        return [Table([Column('')], [Row(('Every recording has each of its images equally often.',))], title)]
    numbers = ('expected', 'missing', 'never', 'rarely', 'responses')
    columns = (Column('area'), Column('animal'), Column('session'), *map(count, numbers))
    rows = [
        Row(
            (
                *(own.recording.area, own.recording.animal, own.recording.session, own.n_presentations, own.n_missing),
                *(own.n_never, own.n_few, own.n_responses),
            )
        )
        for own in by_recording[:most]
    ]
    notes = [
        'expected: presentations, if each image had as many as the most frequent one of the recording. never, rarely: '
        'images without any, and with less than half as many. responses: of single neuroids, missing in recorded '
        'presentations.',
        *_others(len(by_recording), most, 'recordings'),
    ]
    tables = [Table(columns, rows, title, notes)]
    images = images_with_few(report.recordings, report.stimulus_ids)
    if images:
        tables.append(
            Table(
                (Column('image'), count('recordings that lack it'), count('presentations in all')),
                [Row(each) for each in images[:most]],
                'Images with few presentations',
                [
                    'lack: never, or less than half as often as their most frequent image.',
                    *_others(len(images), most, 'images'),
                ],
            )
        )
    return tables


def _others(n: int, most: int | None, what: str) -> list[str]:
    return [] if most is None or n <= most else [f'The first {most} of {n} {what}; --html and --json have all.']


def image_table(report: DataReport) -> Table:
    """Make the table of the images that drive each area most and least."""
    rows = []
    for own in report.responses:
        least, most = (', '.join(f'{name} {mean:+.2f}' for name, mean in part) for part in own.examples())
        rows.append(Row((own.area, most, least)))
    notes = [
        'Mean over scored neuroids, in standard deviations of each neuroid over images; 0 is its mean over images.'
    ]
    return Table((Column('area'), text('largest response'), text('smallest response')), rows, 'Images', notes)


def stand_out_table(report: DataReport) -> Table:
    """Make the table of the recordings that stand out, with the rule."""
    factors = ', '.join(f'{each.title} {each.factor:g}' for each in MEASURES)
    notes = [
        f'A recording stands out if a measure is more than {MOST_UNITS:.0f} units from the median of the others of its '
        f'area ({FEWEST_OTHERS} or more), on a logarithmic scale. Unit: scaled median absolute deviation over all '
        f'recordings, but never so small that these factors would stand out: {factors}. Also if it has nothing to '
        'score, or its RDM is unrelated to those of the others, which agree.',
    ]
    areas = [own.name for own in report.areas if own.n_recordings <= FEWEST_OTHERS]
    if areas:
        notes.append(f'Too few recordings to compare, fewer than {FEWEST_OTHERS + 1}: {", ".join(areas)}.')
    small = sum(one.n_neuroids < FEWEST_NEUROIDS for one in report.recordings)
    if small:
        notes.append(f'{small} recordings of fewer than {FEWEST_NEUROIDS} neuroids are compared by window and images.')
    title = 'Recordings that stand out'
    if not report.stand_outs:
        return Table([Column('')], [Row(('None.',))], title, notes)
    columns = (heading('recording'), Column('what'), text('why'))
    rows = [Row((reason.recording.label, reason.measure, reason.reason)) for reason in report.stand_outs]
    return Table(columns, rows, title, notes)
