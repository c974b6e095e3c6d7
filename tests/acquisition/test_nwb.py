"""Recordings in NWB files: small files that pynwb writes, against loops over spikes and an array bundle."""

import datetime
import json
import shutil
import sys

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from m2m_benchmarks.acquisition.image_axis import read_axis
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.acquisition.nwb.areas import assign, layer, read_rule
from m2m_benchmarks.acquisition.nwb.counts import by_trial, count_spikes
from m2m_benchmarks.acquisition.nwb.files import Presentations, Session, Spikes, list_files
from m2m_benchmarks.acquisition.nwb.importing import Options, import_nwb, plan_nwb
from m2m_benchmarks.acquisition.nwb.presentations import ImageNames, choose
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.cards import card
from m2m_benchmarks.data.store import load_assembly, load_stimuli
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.testing import responses_by_image

IMAGES = [f'img{i}' for i in range(1, 12)]
WINDOW = (0.05, 0.25)
N_TRIALS = 4


def presentations(seed, names=IMAGES, n_trials=N_TRIALS):
    """Names in random order, each `n_trials` times, and times of onset."""
    rng = np.random.default_rng(seed)
    shown = rng.permutation(np.repeat(np.array(names, dtype=object), n_trials))
    return shown, 10 + 0.5 * np.arange(len(shown)) + rng.uniform(0, 0.1, len(shown))


def spike_times(seed, n_units, end=60):
    rng = np.random.default_rng(seed)
    return [np.sort(rng.uniform(0, end, rng.integers(200, 900))) for _ in range(n_units)]


def write_nwb(
    path,
    spikes,
    tables,
    session='s1',
    subject='m1',
    locations=None,
    invalid=(),
    observed=None,
    unit_columns=None,
    electrodes=None,
    group_location='brain',
    series=None,
    **fields,
):
    """Write a file. `tables`: name to (starts, columns); `locations`: one electrode for each unit."""
    from hdmf.common import VectorData
    from pynwb import NWBHDF5IO, NWBFile
    from pynwb.epoch import TimeIntervals
    from pynwb.file import Subject

    given = {'session_description': 'shows images', 'identifier': str(path), 'session_id': session, **fields}
    nwb = NWBFile(session_start_time=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), **given)
    if subject:
        nwb.subject = Subject(subject_id=subject, species='Mus musculus', sex='F')
    if locations:
        device = nwb.create_device(name='probe', description='Neuropixels 1.0')
        group = nwb.create_electrode_group(name='g', description='shank', location=group_location, device=device)
        for location in locations:
            nwb.add_electrode(location=location, group=group)
    for column in unit_columns or {}:
        nwb.add_unit_column(name=column, description=column)
    for i, times in enumerate(spikes or []):
        own = {column: values[i] for column, values in (unit_columns or {}).items()}
        own |= {'electrodes': electrodes[i] if electrodes else [i]} if locations else {}
        own |= {'electrode_group': group} if electrodes == [] else {}
        own |= {'obs_intervals': observed[i]} if observed else {}
        nwb.add_unit(**({} if times is None else {'spike_times': times}), **own)
    for name, (starts, columns) in tables.items():
        starts = np.asarray(starts, dtype=float)
        data = {'start_time': starts, 'stop_time': starts + 0.25, **columns}
        data = [VectorData(name=column, description=column, data=list(values)) for column, values in data.items()]
        table = TimeIntervals(name=name, description=name, columns=data)
        nwb.add_time_intervals(table)
    for start, stop in invalid:
        nwb.add_invalid_time_interval(start_time=start, stop_time=stop)
    if series:
        add_series(nwb, *series)
    with NWBHDF5IO(str(path), 'w') as io:
        io.write(nwb)
    return path


def add_series(nwb, indices, starts, names):
    from pynwb.base import ImageReferences, Images
    from pynwb.image import GrayscaleImage, IndexSeries

    images = Images(
        name='shown',
        images=[GrayscaleImage(name=name, data=np.zeros((2, 2))) for name in sorted(names)],
        description='images',
    )
    order = [images.images[name] for name in names]
    images.order_of_images = ImageReferences(name='order_of_images', data=order)
    nwb.add_stimulus_template(images)
    data = np.array(indices, dtype='uint32')
    nwb.add_stimulus(
        IndexSeries(name='scenes', data=data, indexed_images=images, unit='N/A', timestamps=np.array(starts))
    )


def write_images(folder, names=IMAGES):
    folder.mkdir(parents=True)
    for i, name in enumerate(names):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f'{name}.png')
    return folder


def slow_counts(spikes, shown, starts, names, n_trials=N_TRIALS, window=WINDOW):
    """Count spikes one by one: trials x images x units."""
    counts = np.full((n_trials, len(names), len(spikes)), np.nan)
    seen = dict.fromkeys(names, 0)
    for name, start in zip(shown, starts, strict=True):
        if name not in seen:
            continue
        trial, seen[name] = seen[name], seen[name] + 1
        for unit, times in enumerate(spikes):
            counts[trial, names.index(name), unit] = sum(start + window[0] <= t < start + window[1] for t in times)
    return counts


@pytest.fixture(scope='module')
def lab(tmp_path_factory):
    """Return a folder with the images, and two files: a.nwb of two areas, and b.nwb of one. Change nothing in it."""
    pytest.importorskip('pynwb', reason='pynwb is not installed; it comes with the extra nwb')
    folder = tmp_path_factory.mktemp('nwb')
    write_images(folder / 'images')
    files = folder / 'files'
    files.mkdir()
    for i, (file, locations) in enumerate([('a.nwb', ['VISp', 'VISl', 'VISp']), ('b.nwb', ['V1', 'VISp2/3'])]):
        shown, starts = presentations(i)
        others = np.array([f'{k % 3}' for k in range(len(shown))], dtype=object)
        write_nwb(
            files / file,
            spike_times(i, len(locations)),
            {
                'natural_presentations': (starts, {'image_name': shown, 'stimulus_block': np.ones(len(shown))}),
                'gratings_presentations': (starts + 100, {'orientation': others}),
            },
            session=f's{i}',
            subject=f'm{i}',
            locations=locations,
            unit_columns={'quality': ['good'] * len(locations), 'snr': list(range(len(locations)))},
            related_publications=['Smith (2026)'],
            experiment_description='Scenes in mice',
        )
    return folder


@pytest.fixture
def write(tmp_path, lab):
    """Return write(**changes), which writes a file of three units in VISp, and the images in `tmp_path / 'images'`."""
    shutil.copytree(lab / 'images', tmp_path / 'images')
    shown, starts = presentations(0)

    def make(file='c.nwb', **changes):
        given = {'spikes': spike_times(0, 3), 'tables': {'trials_of_images': (starts, {'image': shown})}}
        return write_nwb(tmp_path / file, **{**given, 'locations': ['VISp'] * 3, **changes})

    return make


@pytest.mark.seconds
def test_counts_are_those_of_a_loop_and_of_an_array_bundle(lab, m2m, m2m_home, tmp_path):
    """The images of the folder are in natural order, though nobody asked for it: names pair them with responses."""
    ran = m2m('data', 'import', 'Lab2026', '--nwb', lab / 'files', '--stimuli', lab / 'images')
    assert ran.code == 0, ran.err
    assert 'images: natural_presentations, column image_name; its values are the names of the image files.' in ran.err
    responses, stimuli = responses_by_image('Lab2026')
    assert stimuli == IMAGES
    width = WINDOW[1] - WINDOW[0]
    counts = [slow_counts(spike_times(i, 3 - i), *presentations(i), IMAGES) for i in range(2)]
    expected = np.concatenate([counts[0][..., [0, 2, 1]], counts[1]], axis=2) / width
    np.testing.assert_allclose(responses, expected, rtol=1e-6)
    assembly = load_assembly('Lab2026')
    assert list(assembly['neuroid_id'].values) == ['s0_0', 's0_2', 's0_1', 's1_0', 's1_1']
    assert list(assembly['region'].values) == ['VISp', 'VISp', 'VISl', 'VISp', 'VISp']
    assert list(assembly['animal'].values) == ['m0'] * 3 + ['m1'] * 2
    assert list(assembly['cortical_layer'].values)[-1] == '2/3'
    assert list(assembly['snr'].values) == [0, 2, 1, 0, 1]
    assert card('Lab2026')['citation'] == 'Smith (2026)'
    assert card('Lab2026')['what'] == 'Scenes in mice. Recorded with probe (Neuropixels 1.0).'
    assert manifest.require('Lab2026')['source']['session_table'][0]['species'] == 'Mus musculus'
    assert m2m('data', 'import', 'Lab2026', '--nwb', lab / 'files', '--stimuli', lab / 'images').code == 0  # again
    ran = m2m('data', 'import', 'Lab2026', '--nwb', lab / 'files', '--stimuli', lab / 'images', '--area', 'VISl')
    assert (ran.code, 'files' in ran.err) == (1, True)  # b.nwb has no unit there


@pytest.mark.seconds
def test_the_same_recordings_as_an_array_bundle(lab, m2m_home, tmp_path):
    """The bundle has the same tables, so that the assemblies are the same byte by byte."""
    mine = import_nwb('Lab2026', [lab / 'files' / 'b.nwb'], lab / 'images')
    counts = slow_counts(spike_times(1, 2), *presentations(1), IMAGES)
    with (tmp_path / 'b.nwb').open('wb') as file:
        np.savez(file, spike_counts=counts, unit_id=np.arange(2), stimulus_id=np.array(IMAGES))
    rows = 'file,area,specimen_id,session_id,n_trials,n_images,n_units,window_start_s,window_end_s\n'
    (tmp_path / 'sessions.csv').write_text(f'{rows}b.nwb,VISp,m1,s1,4,11,2,0.05,0.25\n')
    rows = 'file,column,unit_id,area,quality,snr,location,cortical_layer\n'
    units = 'b.nwb,0,0,VISp,good,0,V1,\nb.nwb,1,1,VISp,good,1,VISp2/3,2/3\n'
    (tmp_path / 'units.csv').write_text(rows + units)
    tables = (tmp_path / 'sessions.csv', tmp_path / 'units.csv')
    theirs = import_bundle('Lab2026', *tables, lab / 'images', stimulus_order='natural', replace=True)
    assert mine['assembly']['sha256'] == theirs['assembly']['sha256']
    assert (mine['summary'], mine['stimuli']) == (theirs['summary'], theirs['stimuli'])


@pytest.mark.seconds
def test_dry_run_shows_what_would_be_read_and_writes_nothing(lab, m2m, m2m_home):
    command = ('data', 'import', 'Lab2026', '--nwb', lab / 'files', '--stimuli', lab / 'images', '--dry-run')
    ran = m2m(*command)
    assert ran.code == 0, ran.err
    for part in ('dry run, nothing was written', 'natural_presentations', 'gratings_presentations', 'orientation'):
        assert part in ran.out
    assert 'Images: natural_presentations, column image_name' in ran.out
    assert not (m2m_home / 'data').exists()
    content = json.loads(m2m(*command, '--json', '-').out)
    assert content['chosen'] == {'table': 'natural_presentations', 'column': 'image_name', 'by': 'name'}
    first = content['sessions'][0]
    assert (first['session'], first['subject'], first['units']) == ('s0', 'm0', {'VISp': 2, 'VISl': 1})
    assert (first['images'], first['fewest_repetitions'], first['most_repetitions']) == (11, 4, 4)
    content = json.loads(m2m(*command, '--json', '-', '--nwb', lab / 'files' / 'a.nwb', '--area', 'VISl').out or '{}')
    assert content == {}  # the same session twice


def loop(spikes, starts, window):
    """Count spikes one by one, with what is missing."""
    ends = [times[-1] for times in spikes.times_s if len(times)]
    counts = np.full((len(starts), len(spikes.times_s)), np.nan)
    for i, start in enumerate(starts):
        a, b = start + window[0], start + window[1]
        for unit, times in enumerate(spikes.times_s):
            observed = spikes.observed_s[unit]
            inside = any(o <= a and b <= p for o, p in observed) if observed is not None else a <= max(ends)
            valid = not any(a < q and p < b for p, q in spikes.invalid_s)
            if inside and valid and start == start:
                counts[i, unit] = sum(a <= time < b for time in times)
    return counts


@pytest.mark.parametrize('observed', [None, [[0.0, 30.0]], [[0.0, 12.0], [20.0, 30.0]]])
@pytest.mark.parametrize('invalid', [[], [[11.0, 11.2], [25.0, np.inf]]])
def test_counts_and_missing_trials_are_those_of_a_loop(observed, invalid):
    rng = np.random.default_rng(0)
    # Spikes and onsets on a grid of binary fractions: many lie exactly on the edges of windows.
    times = [np.sort(rng.integers(0, 30 * 64, 400) / 64), np.empty(0), np.sort(rng.integers(0, 20 * 64, 90) / 64)]
    starts = np.array([*rng.integers(0, 40 * 16, 80) / 16, np.nan])
    intervals = None if observed is None else np.array(observed)
    spikes = Spikes(times, [intervals, None, intervals], np.array(invalid).reshape(-1, 2))
    counts = count_spikes(spikes, starts, (0.0625, 0.25))
    np.testing.assert_array_equal(counts, loop(spikes, starts, (0.0625, 0.25)))
    assert 0 < np.isnan(counts).sum() < counts.size


def test_trials_are_in_the_order_of_presentations():
    counts = np.array([[1.0], [2.0], [3.0], [4.0], [5.0]])
    arranged = by_trial(counts, np.array([1, 0, 1, -2, 1]), 2, 3)
    np.testing.assert_array_equal(arranged[..., 0], [[2, 1], [np.nan, 3], [np.nan, 5]])


@pytest.mark.seconds
def test_frames_blanks_unequal_images_and_missing_times(write, m2m, m2m_home, tmp_path):
    """Numbers of the images as in the Allen Institute's files; -1 is a grey screen, NaN another stimulus."""
    names = [*IMAGES[:9] * 3, *['-1'] * 7, 'img1', 'nan']
    frames = np.array([float(name.removeprefix('img')) for name in names])
    starts = 1 + 0.5 * np.arange(len(frames))
    starts[0] = np.nan
    first = write('a.nwb', tables={'scenes': (starts, {'frame': frames})}, invalid=[(5.2, 5.3)])
    shown, other_starts = presentations(3, IMAGES[2:], 3)
    second = write('b.nwb', session='s2', tables={'scenes': (other_starts, {'frame': [float(n[3:]) for n in shown]})})
    command = ['--nwb', first, '--nwb', second, '--stimuli', tmp_path / 'images', '--subtract-blank']
    ran = m2m('data', 'import', 'Lab2026', *command)
    assert (ran.code, 'has no response to a blank' in ran.err) == (1, True)
    ran = m2m('data', 'import', 'Lab2026', *command[:-1])
    assert ran.code == 0, ran.err
    assert 'Responses to blanks were left out' in ran.out
    assert '1 rows of scenes without an image are left out' in ran.err
    assert 'a.nwb: 2 of 28 presentations are missing' in ran.err
    responses, stimuli = responses_by_image('Lab2026')
    assert stimuli == IMAGES
    spikes = spike_times(0, 3)
    expected = slow_counts(spikes, names, starts, IMAGES, 4)
    expected[0, 0] = np.nan  # no time of onset
    expected[0, 8] = np.nan  # the window of the ninth image from 5.05 s overlaps with 5.2 to 5.3 s
    np.testing.assert_allclose(responses[..., :3], expected / 0.2, rtol=1e-6)
    others = slow_counts(spikes, shown, other_starts, IMAGES, 4)
    np.testing.assert_allclose(responses[..., 3:], others / 0.2, rtol=1e-6)
    import_nwb('Lab2027', [first], write_images(tmp_path / 'nine', IMAGES[:9]), subtract_blank=True)
    blanks = slow_counts(spikes, names, starts, ['-1'], 7)[:, 0].mean(axis=0) / 0.2
    np.testing.assert_allclose(responses_by_image('Lab2027')[0], expected[:, :9] / 0.2 - blanks, rtol=1e-5, atol=1e-5)


@pytest.mark.seconds
def test_an_index_series_of_images(write, m2m_home, tmp_path):
    """Its indices count the images in an order of their own."""
    order = IMAGES[::-1]
    shown, starts = presentations(5)
    series = ([order.index(name) for name in shown], starts, order)
    path = write(tables={}, series=series, locations=None)
    plan = plan_nwb([path], tmp_path / 'images', Options(areas=('VISp',)))
    assert (plan.choice.table, plan.choice.column) == ('scenes', 'image')
    import_nwb('Lab2026', [path], tmp_path / 'images', Options(areas=('VISp',), window_s=(0.0, 0.1)))
    expected = slow_counts(spike_times(0, 3), shown, starts, IMAGES, window=(0.0, 0.1))
    np.testing.assert_allclose(responses_by_image('Lab2026')[0], expected / 0.1, rtol=1e-6)


@pytest.mark.seconds
def test_a_table_of_images_keeps_its_columns_and_names_the_blank(write, m2m_home, tmp_path):
    (tmp_path / 'images.csv').write_text(
        '\n'.join(['file,condition,category', 'img11,blank,', *[f'{name},scene,c{name}' for name in IMAGES[:10][::-1]]])
    )
    import_nwb('Lab2026', [write()], tmp_path / 'images', subtract_blank=True)
    stimuli = load_stimuli('Lab2026')
    assert list(stimuli['stimulus_id']) == IMAGES[:10][::-1]
    assert list(stimuli['category']) == [f'c{name}' for name in IMAGES[:10][::-1]]
    counts = slow_counts(spike_times(0, 3), *presentations(0), IMAGES) / 0.2
    expected = counts[:, 9::-1] - counts[:, 10].mean(axis=0)
    np.testing.assert_allclose(responses_by_image('Lab2026')[0], expected, rtol=1e-5, atol=1e-5)
    assert 'location' not in load_assembly('Lab2026')['neuroid'].to_index().names  # it is the area


def test_files_of_the_same_name_in_two_folders(tmp_path):
    for folder in ('x', 'y'):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / 'a.nwb').touch()
    folders = [tmp_path / 'x', tmp_path / 'y']
    assert list(list_files(folders).values()) == [folder / 'a.nwb' for folder in folders]
    assert list(list_files([tmp_path])) == ['x/a.nwb', 'y/a.nwb']


def columns(**own):
    shown, starts = presentations(0)
    numbers = np.array([float(name.removeprefix('img')) for name in shown])
    made = {'name': shown, 'file': shown + '.png', 'frame': numbers, 'backwards': 12 - numbers, 'other': shown[::-1]}
    made |= {'texts': np.array([f'{n:.0f}' for n in numbers], dtype=object), 'path': 'C:\\scenes\\' + shown + '.tif'}
    made['unknown'] = np.where(shown == 'img1', 'scene1', shown)
    return {table: (starts, {name: made[name] for name in names.split()}) for table, names in own.items()}


@pytest.mark.parametrize(
    ('tables', 'asked', 'expected'),
    [
        ({'a': 'name', 'b': 'unknown'}, {}, ('a', 'name', 'name')),
        ({'a': 'path'}, {}, ('a', 'path', 'name')),
        ({'a': 'frame file'}, {}, ('a', 'file', 'name')),  # a name says more than a number
        ({'a': 'name backwards'}, {}, ('a', 'name', 'name')),
        ({'a': 'texts'}, {}, ('a', 'texts', 'number')),
        ({'a': 'name', 'b': 'name'}, {}, ('a', 'name', 'name')),  # the same twice
        ({'a': 'frame backwards'}, {'column': 'frame'}, ('a', 'frame', 'number')),
        ({'a': 'name', 'b': 'other'}, {'table': 'b'}, ('b', 'other', 'name')),
        ({'a': 'frame backwards'}, {}, 'say which one is meant:\n .*column frame\n .*column backwards'),
        ({'a': 'name', 'b': 'other'}, {}, '--stimulus-table b --stimulus-column other'),
        ({'a': 'unknown'}, {}, "'scene1' .* matches no image in .* The first image is 'img1'"),
        ({'a': 'unknown', 'b': 'unknown'}, {}, r'no column of the presentations .* matches'),
        ({'a': 'name'}, {'table': 'c'}, "has no table 'c' of presentations; it has a"),
        ({'a': 'name'}, {'column': 'c'}, "has no column 'c'"),
    ],
)
@pytest.mark.seconds
def test_choice_of_the_column_that_names_the_images(tmp_path, tables, asked, expected):
    tables = tuple(Presentations(name, *content) for name, content in columns(**tables).items())
    session = Session(tmp_path / 'c.nwb', 'c.nwb', 's1', 'm1', {}, tables, pd.DataFrame(), (), {})
    images = ImageNames(read_axis(write_images(tmp_path / 'images'), tmp_path, 'natural'))
    if isinstance(expected, tuple):
        choice = choose([session], images, 'images', **asked)
        assert (choice.table, choice.column, choice.by) == expected
    else:
        with pytest.raises(DataError, match=f'(?s){expected}'):
            choose([session], images, 'images', **asked)


def test_an_accented_letter_is_one_or_two_characters(tmp_path):
    one, two = 'caf\u00e9', 'cafe\u0301'  # macOS stores names with two
    for name in (two, 'tea'):
        Image.new('L', (8, 8)).save(tmp_path / f'{name}.png')
    images = ImageNames(read_axis(tmp_path, tmp_path, None))
    shown = np.array([one, two, f'{one}.png', f'{two}.png', 'tea'], dtype=object)
    assert images.positions(shown, 'name').tolist() == [0, 0, 0, 0, 1]


@pytest.mark.seconds
def test_a_dry_run_without_a_choice_shows_the_tables(write, m2m, m2m_home, tmp_path):
    path = write(tables=columns(a='frame backwards'))
    ran = m2m('data', 'import', 'Lab2026', '--nwb', path, '--stimuli', tmp_path / 'images', '--dry-run')
    assert (ran.code, 'backwards (11 values)' in ran.out, 'say which one is meant' in ran.err) == (1, True, True)


@pytest.mark.parametrize(
    ('locations', 'given', 'expected'),
    [
        (['VISp', 'V1', 'CA1'], [], ['VISp', 'VISp', 'CA1']),
        (['VISp6a', 'VISal2/3', 'VISpor'], [], ['VISp', 'VISal', 'VISpor']),
        (['VISpor2/3', 'VISpor5', 'VISli6b', 'VISpl4', 'VISa1'], [], ['VISpor', 'VISpor', 'VISli', 'VISpl', 'VISa']),
        (['VISpor2/3', 'VISpor5', 'VISli5'], ['VISpor'], ['VISpor', 'VISpor', '']),
        (['S1', 'V2', 'M1', 'CA1', 'area4'], [], ['S1', 'V2', 'M1', 'CA1', 'area4']),
        (['VISp', 'fiber tracts', ''], [], ['VISp', '', '']),
        (['VISp', 'VISl', ''], ['V1'], ['VISp', '', '']),
        (['left V1', 'VISl'], ['left V1=VISp'], ['VISp', '']),
        (['left V1', 'VISl'], ['left V1=VISp', 'VISl'], ['VISp', 'VISl']),
        (['', ''], ['VISp'], ['VISp', 'VISp']),
        (['', ''], [], 'no location .* say their area'),
        (['', ''], ['VISp', 'VISl'], 'no location .* say their area'),
        (['left V1'] * 3, ['VISp'], r"no unit is in VISp\. Locations are 'left V1' \(3 units\)"),
        (['left V1'], [], 'no unit is in a location that can be the name of an area'),
        (['VISp'], ['left V1'], "--area is 'left V1'; expected an area"),
    ],
)
def test_areas_of_units(locations, given, expected):
    if isinstance(expected, str):
        with pytest.raises(DataError, match=expected):
            assign('x.nwb', locations, read_rule(given))
    else:
        areas, left_out = assign('x.nwb', locations, read_rule(given))
        assert areas == expected
        assert sum(left_out.values()) == expected.count('')


@pytest.mark.parametrize(
    ('location', 'expected'),
    [
        ('VISp2/3', '2/3'),
        ('VISpor2/3', '2/3'),
        ('VISli6a', '6a'),
        ('VISpor', ''),
        ('V1', ''),
        ('S1', ''),
        ('VISC5', ''),
    ],
)
def test_layers_of_locations(location, expected):
    assert layer(location) == expected


@pytest.mark.seconds
@pytest.mark.parametrize(
    ('changes', 'expected'),
    [
        ({'unit_columns': {'peak_channel_id': [2, 0, 1]}}, ('VISam', 'VISp', 'VISl')),  # the Allen Institute's
        ({'electrodes': [[0, 0], [1], [2, 0]]}, ('VISp', 'VISl', '')),  # the last is in two areas
        ({'electrodes': [], 'locations': ['unknown'] * 3, 'group_location': 'VISrl'}, ('VISrl',) * 3),
    ],
)
def test_locations_of_channels_electrodes_and_groups(write, tmp_path, changes, expected):
    path = write(**{'locations': ['VISp', 'VISl', 'VISam'], **changes})
    assert plan_nwb([path], tmp_path / 'images').sessions[0].areas == expected


@pytest.mark.seconds
def test_columns_that_one_file_has(write, m2m, m2m_home, tmp_path):
    first = write('a.nwb', unit_columns={'quality': ['good'] * 3, 'snr': [1.5, 2.5, 3.5], 'depth': [1, 2, 3]})
    second = write('b.nwb', session='s2', unit_columns={'snr': [1, 2, 3], 'depth': ['a', 'b', 'c']})
    ran = m2m('data', 'import', 'Lab2026', '--nwb', first, '--nwb', second, '--stimuli', tmp_path / 'images')
    assert (ran.code, 'that not all files have are left out: depth, quality.' in ran.err) == (0, True)
    assert list(load_assembly('Lab2026')['snr'].values) == [1.5, 2.5, 3.5, 1, 2, 3]
    assert manifest.import_commands('Lab2026') == ['m2m data import Lab2026 --nwb PATH --stimuli DIR']


@pytest.mark.seconds
@pytest.mark.parametrize(
    ('changes', 'options', 'message'),
    [
        ({'spikes': None}, {}, 'has no units'),
        ({'spikes': [None, None], 'unit_columns': {'snr': [1, 2]}}, {}, 'no spike_times'),
        ({'tables': {}}, {}, 'has no presentations'),
        ({'subject': None}, {}, 'does not name its animal .* --subject'),
        ({'locations': None}, {}, 'no location .* --area VISp'),
        ({}, {'window_s': (0.25, 0.05)}, 'ends .0.05 s. before it starts'),
        ({}, {'window_s': (50.0, 250.0)}, 'not milliseconds'),
        ({}, {'window_s': (np.nan, 0.2)}, 'seconds after stimulus onset'),
        ({'spikes': [np.arange(5.0)] * 3}, {}, 'no presentation of an image is within the recording'),
        (
            {'spikes': [np.arange(5.0) * 1e4] * 3},
            {},
            'no unit has a spike in the window after any image; .* the same clock',
        ),
        ({'tables': {'a': ([1.0] * 10, {'image': IMAGES[:10]})}}, {}, 'img11 .1 images in all. .* is in no recording'),
    ],
)
def test_files_that_are_refused(write, m2m_home, tmp_path, changes, options, message):
    path = write(**changes)
    with pytest.raises(DataError, match=message):
        import_nwb('Lab2026', [path], tmp_path / 'images', Options(**options))
    assert manifest.names() == []


@pytest.mark.seconds
def test_a_file_without_animal_or_area_is_imported_where_both_are_given(write, m2m, m2m_home, tmp_path):
    path = write(subject=None, locations=None)
    command = ['--nwb', path, '--stimuli', tmp_path / 'images', '--subject', 'm7', '--area', 'V1', '--window', '.1,.2']
    assert m2m('data', 'import', 'Lab2026', *command).code == 0
    assembly = load_assembly('Lab2026')
    assert set(assembly['animal'].values) == {'m7'}
    assert set(assembly['region'].values) == {'VISp'}
    assert (assembly['window_start_ms'].values[0], assembly['window_end_ms'].values[0]) == (100, 200)


@pytest.mark.seconds
@pytest.mark.parametrize(
    ('kind', 'message'),
    [
        ('text', r'no HDF5 file, or it is cut short'),
        ('cut', r'no HDF5 file, or it is cut short'),
        ('hdf5', 'is an HDF5 file but not NWB'),
        ('version 1', 'is of NWB 1.0.6; version 2 is expected'),
        ('without content', 'cannot be read as NWB'),
        ('zarr', 'NWB in Zarr, .* hdmf-zarr'),
        ('folder of zarr', 'NWB in Zarr, .* hdmf-zarr'),
        ('empty folder', 'has no file that ends in .nwb'),
        ('missing', 'is missing'),
        ('twice', 'are both of session s0 of m0'),
    ],
)
def test_paths_that_are_refused(lab, tmp_path, kind, message):
    path = tmp_path / 'x.nwb'
    if kind == 'text':
        path.write_text('no')
    elif kind == 'cut':
        path.write_bytes((lab / 'files' / 'a.nwb').read_bytes()[:5000])
    elif kind in ('hdf5', 'version 1', 'without content'):
        with h5py.File(path, 'w') as file:
            if kind == 'version 1':
                file['nwb_version'] = 'NWB-1.0.6'
            elif kind == 'without content':
                file.attrs['nwb_version'] = '2.5.0'
    elif kind == 'zarr':
        path.mkdir()
        (path / '.zgroup').touch()
    elif kind == 'folder of zarr':
        (path / 'sub-1' / 'x.nwb.zarr').mkdir(parents=True)
    elif kind == 'empty folder':
        path.mkdir()
    elif kind == 'twice':
        shutil.copy(lab / 'files' / 'a.nwb', path)
    paths = [path, lab / 'files' / 'a.nwb'] if kind == 'twice' else [path]
    with pytest.raises(DataError, match=message):
        plan_nwb(paths, lab / 'images')


@pytest.mark.seconds
def test_the_namespace_in_a_file_runs_no_code(lab, tmp_path):
    """pynwb reads the schemas that a file has; here one that YAML would run, if it were let."""
    path = shutil.copy(lab / 'files' / 'a.nwb', tmp_path / 'x.nwb')
    with h5py.File(path, 'r+') as file:
        for version in file['specifications/core'].values():
            del version['namespace']
            version['namespace'] = f'!!python/object/apply:os.mkdir [{tmp_path}/made]'
    with pytest.raises(DataError, match='cannot be read as NWB'):
        plan_nwb([path], lab / 'images')
    assert not (tmp_path / 'made').exists()


@pytest.mark.seconds
def test_pynwb_is_not_installed(lab, monkeypatch):
    monkeypatch.setitem(sys.modules, 'pynwb', None)
    with pytest.raises(DataError, match=r"pip install 'm2m-benchmarks\[nwb\]'"):
        plan_nwb([lab / 'files'], lab / 'images')


@pytest.mark.parametrize(
    'options',
    [
        ['--window', '50'],
        ['--sessions', 'sessions.csv'],
        ['--bin', '1'],
        ['--as', 'train'],
    ],
)
def test_wrong_usage(m2m, m2m_home, options):
    assert m2m('data', 'import', 'Lab2026', '--nwb', 'x.nwb', '--stimuli', 'images', *options).code == 2


def test_options_of_nwb_files_without_them(m2m, m2m_home, make_bundle, tmp_path):
    ran = m2m('data', 'import', 'Lab2026', *make_bundle(tmp_path / 'bundle').options, '--dry-run')
    assert (ran.code, 'does not take --dry-run' in ran.err) == (2, True)


@pytest.mark.seconds
def test_licence_of_a_dandiset(write, tmp_path):
    path = write()
    (tmp_path / 'dandiset.yaml').write_text("license: ['spdx:CC-BY-4.0']\ncitation: Someone (2026) Dandiset\nname: x\n")
    (tmp_path / 'dataset.yml').write_text('technique: Neuropixels\n')
    assert plan_nwb([path], tmp_path / 'images').description == {
        'description': 'shows images',
        'technique': 'Neuropixels',
        'licence': 'CC-BY-4.0',
        'citation': 'Someone (2026) Dandiset',
    }


@pytest.mark.seconds
def test_sessions_of_the_same_name_of_two_animals(write, tmp_path):
    paths = [write(f'{subject}.nwb', subject=subject) for subject in ('m1', 'm2')]
    sessions = plan_nwb(paths, tmp_path / 'images').sessions
    assert [each.session_id for each in sessions] == ['m1_s1', 'm2_s1']
    assert sessions[1].unit_ids == ('m2_s1_0', 'm2_s1_1', 'm2_s1_2')
