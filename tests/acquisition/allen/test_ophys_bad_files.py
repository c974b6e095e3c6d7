"""Wrong, incomplete and damaged files: each has a message that says what is wrong."""

import io
import random
import re

import h5py
import numpy as np
import pytest

from m2m_benchmarks.acquisition.allen.nwb import open_nwb
from m2m_benchmarks.acquisition.allen.ophys.extraction import extract_ophys, read_events
from m2m_benchmarks.acquisition.allen.ophys.settings import OphysSettings
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.testing import MakesFolder

PIPELINE = 'processing/brain_observatory_pipeline'
DFF = f'{PIPELINE}/DfOverF/imaging_plane_1'
DEMIXED = f'{PIPELINE}/Fluorescence/imaging_plane_1_demixed_signal'
NEUROPIL = f'{PIPELINE}/Fluorescence/imaging_plane_1_neuropil_response'
IDS = f'{PIPELINE}/ImageSegmentation/cell_specimen_ids'
SPEED = f'{PIPELINE}/BehavioralTimeSeries/running_speed'
TABLE = 'stimulus/presentation/natural_scenes_stimulus'
TEMPLATES = 'stimulus/templates/natural_scenes_image_stack/data'


def extract(path, **settings):
    with open_nwb(path) as file:
        return extract_ophys(file, OphysSettings(**settings))


def put(path, change):
    """Make the edit that applies `change` to the content of a dataset."""

    def edit(file):
        content = change(file[path][()])
        del file[path]
        file[path] = content

    return edit


def drop(*paths):
    return lambda file: [file.pop(path) for path in paths]


def set_text(path, text):
    return put(path, lambda _: text)


def session_a(file):
    drop(TABLE, 'stimulus/templates')(file)
    set_text('general/session_type', 'three_session_A')(file)


def visual_behavior(file):
    """Change a file to the format of Visual Behavior: NWB 2, with other groups."""
    drop('processing', 'stimulus')(file)
    file.attrs['nwb_version'] = '2.2.5'
    file['processing/ophys/dff/traces/data'] = np.zeros((9, 4))
    file['intervals/Natural_Images_presentations/start_time'] = np.arange(9.0)


def with_number(number):
    def change(scene):
        scene[5] = number
        return scene

    return put(f'{TABLE}/data', change)


def longer(file):
    put(f'{DFF}/data', lambda values: np.concatenate([values] * 2, axis=1))(file)


BAD = {
    'Visual Behavior': (visual_behavior, 'but of Visual Behavior or another survey'),
    'session A': (session_a, 'session of type three_session_A, which shows no natural scenes'),
    'no session type': (drop(TABLE, 'general/session_type'), 'has no general/session_type'),
    'no table': (drop(TABLE), 'has no stimulus/presentation/natural_scenes_stimulus: it is cut short'),
    'half a table': (drop(f'{TABLE}/frame_duration'), 'has no .*frame_duration'),
    'a group in place of a table': (
        lambda file: (drop(f'{TABLE}/data')(file), file.create_group(f'{TABLE}/data')),
        'data holds no numbers',
    ),
    'a shorter table': (put(f'{TABLE}/frame_duration', lambda span: span[:-1]), r'shape 356 x 2, expected 357 x 2'),
    'nan in the table': (
        put(f'{TABLE}/frame_duration', lambda span: span * np.nan),
        'table of natural scenes is damaged',
    ),
    'backwards': (put(f'{TABLE}/frame_duration', lambda span: span[:, ::-1]), 'end before they begin'),
    'image 118': (with_number(118), 'an image of number 118; expected the 118 natural scenes'),
    'image -2': (with_number(-2), 'an image of number -2'),
    'other images': (
        put(f'{TABLE}/data', lambda scene: np.minimum(scene, 99)),
        'shows 100 different images; expected the 118',
    ),
    'no templates': (drop(TEMPLATES), 'has no stimulus/templates/natural_scenes_image_stack/data'),
    'other templates': (put(TEMPLATES, lambda images: images[:100]), 'shape 100 x 6 x 9, expected 118 x any x any'),
    'colours': (put(TEMPLATES, lambda images: images[..., None]), 'shape 118 x 6 x 9 x 1'),
    'templates of 0 to 1': (put(TEMPLATES, lambda images: images / 255), 'natural scene 0 holds values other than'),
    'templates of nan': (put(TEMPLATES, lambda images: images * np.nan), 'natural scene 0 holds values other than'),
    'no traces': (drop(f'{DFF}/data'), 'has no .*DfOverF/imaging_plane_1/data'),
    'no timestamps': (drop(f'{DFF}/timestamps'), 'has no .*DfOverF/imaging_plane_1/timestamps'),
    'one timestamp': (put(f'{DFF}/timestamps', lambda times: times[:1]), 'does not increase'),
    'timestamps of nan': (put(f'{DFF}/timestamps', lambda times: times * np.nan), 'does not increase'),
    'timestamps go back': (put(f'{DFF}/timestamps', lambda times: times[::-1]), 'does not increase'),
    'traces twice as long': (longer, r'dF/F traces have .* frames, but there are .* timestamps'),
    'traces of fewer cells': (put(f'{DFF}/data', lambda values: values[:3]), r'has 4 cells, but 3 traces'),
    'traces of text': (put(f'{DFF}/data', lambda values: np.full((4, 9), b'x')), 'holds no numbers'),
    'one trace': (put(f'{DFF}/data', lambda values: values[0]), 'expected any x any'),
    'no cells': (put(IDS, lambda ids: ids[:0]), 'has 0 cells'),
    'a cell twice': (put(IDS, lambda ids: ids[[0, 0, 1, 2]]), 'has 4 cells with 3 different ids'),
    'no area': (drop('general/optophysiology/imaging_plane_1/location'), 'has no general/.*location'),
    'an empty area': (set_text('general/optophysiology/imaging_plane_1/location', ''), 'has no general/.*location'),
    'another area': (set_text('general/optophysiology/imaging_plane_1/location', 'LGd'), "the area 'LGd'; expected"),
    'no depth': (set_text('general/optophysiology/imaging_plane_1/imaging depth', 'deep'), 'a number of microns'),
    'no genotype': (drop('general/subject/genotype'), 'has no general/subject/genotype'),
}


def empty_sweep(file):
    """Let a sweep that is neither the first nor the second end when it begins."""
    table = file[f'{TABLE}/frame_duration']
    table[40, 1] = table[40, 0]


def repeated(times, *indices):
    times = times.copy()
    for index in indices:
        times[index] = times[index - 1]
    return times


def with_value(values, index, value):
    values = values.astype(float)
    values[index] = value
    return values


#: Odd samples: what is done to a file, and whether the running speed is then unknown everywhere.
ODD = {
    'an empty sweep': (empty_sweep, False),
    'running times repeated': (put(f'{SPEED}/timestamps', lambda times: repeated(times, 700, 701)), False),
    'a running time of nan': (put(f'{SPEED}/timestamps', lambda times: with_value(times, 700, np.nan)), False),
    'a running time far ahead': (put(f'{SPEED}/timestamps', lambda times: with_value(times, -1, 1e9)), False),
    'a running speed of nan': (put(f'{SPEED}/data', lambda speed: with_value(speed, 700, np.nan)), False),
    'a running speed in a column': (put(f'{SPEED}/data', lambda speed: speed[:, None]), False),
    'running speed cut': (put(f'{SPEED}/data', lambda speed: speed[:-5]), False),
    'half a running speed': (put(f'{SPEED}/data', lambda speed: speed[: len(speed) // 2]), True),
    'running speeds of text': (put(f'{SPEED}/data', lambda speed: np.full(len(speed), b'x')), True),
    'running times of nan': (put(f'{SPEED}/timestamps', lambda times: times * np.nan), True),
    'no running times': (drop(f'{SPEED}/timestamps'), True),
}


@pytest.mark.parametrize('case', ODD)
@pytest.mark.seconds
def test_an_odd_sample_does_not_cost_the_session(case, session):
    edit, unknown = ODD[case]
    whole = extract(session().path)
    odd = extract(spoiled(session, edit))
    np.testing.assert_array_equal(odd.responses, whole.responses)
    modulation = odd.neuroids['running_modulation']
    assert np.isnan(modulation).all() if unknown else np.isfinite(modulation).all()


@pytest.mark.seconds
def test_times_that_stop_increasing_after_the_last_sweep(session):
    """The frames from there on count as not recorded."""
    whole = extract(session().path)
    odd = extract(
        spoiled(session, put(f'{DFF}/timestamps', lambda times: repeated(times, *range(len(times) - 3, len(times)))))
    )
    np.testing.assert_array_equal(odd.responses, whole.responses)
    assert odd.counts['frames_dropped'] == whole.counts['frames_dropped'] + 3


def spoiled(session, edit):
    path = session().path
    with h5py.File(path, 'r+') as file:
        edit(file)
    return path


def check_message(error, path, message):
    text = str(error.value)
    assert text.startswith(str(path))
    assert re.search(message, text), text
    assert '\n' not in text
    assert text.endswith('.')


@pytest.mark.parametrize('case', BAD)
@pytest.mark.seconds
def test_messages(case, session):
    edit, message = BAD[case]
    path = spoiled(session, edit)
    with pytest.raises(DataError) as error:
        extract(path)
    check_message(error, path, message)


@pytest.mark.parametrize(
    ('edit', 'message'),
    [
        (drop(DEMIXED), 'has no demixed traces'),
        (put(f'{NEUROPIL}/data', lambda values: values[:, :-1]), 'neuropil_response/data is of shape'),
        (put(f'{NEUROPIL}/r', lambda r: r[:-1]), 'neuropil_response/r is of shape 3, expected 4'),
    ],
)
@pytest.mark.seconds
def test_data_that_only_corrected_fluorescence_needs(session, edit, message):
    path = spoiled(session, edit)
    with pytest.raises(DataError) as error:
        extract(path, signal='corrected')
    check_message(error, path, message)
    assert np.isfinite(extract(path).responses).all()


def test_windows_that_never_fit(session):
    written = session()
    with pytest.raises(DataError, match='window and baseline of every sweep leave the recording'):
        extract(written.path, window='9999')


@pytest.mark.parametrize('seed', range(10))
@pytest.mark.seconds
def test_cut_anywhere(session, seed):
    path = session(storage={'chunks': (2, 256)} if seed % 2 else None).path
    content = path.read_bytes()
    path.write_bytes(content[: random.Random(seed).randrange(len(content))])
    with pytest.raises(DataError) as error:
        extract(path)
    check_message(error, path, 'cut short')


class Lost(io.BytesIO):
    """A file whose reads fail after some number, like a lost connection."""

    left = None

    def readinto(self, buffer):
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise OSError('the connection was lost')
        return super().readinto(buffer)


@pytest.mark.parametrize('seed', range(10))
@pytest.mark.seconds
def test_reads_that_fail_anywhere(session, seed):
    content = session(storage={'chunks': (2, 256)}).path.read_bytes()
    settings = OphysSettings(signal='corrected')
    with Lost(content) as lost, h5py.File(lost, 'r') as file:
        lost.left = 10**6
        extract_ophys(file, settings)
        n_reads = 10**6 - lost.left
    assert n_reads > 200
    with Lost(content) as lost, h5py.File(lost, 'r') as file:
        lost.left = random.Random(seed).randrange(n_reads)
        with pytest.raises(DataError, match=r'^the file: .* cannot be read .the connection was lost'):
            extract_ophys(file, settings)
        lost.left = None


@pytest.mark.parametrize('content', [b'<!DOCTYPE html><html>404</html>', b'\n <HTML>', b'<?xml version="1.0"?><Error>'])
def test_a_web_page_saved_as_nwb(tmp_path, content):
    path = tmp_path / 'session.nwb'
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        extract(path)
    check_message(error, path, 'is a web page, .*not a recording')


def test_no_file(tmp_path):
    for path in (tmp_path / 'none.nwb', tmp_path):
        with pytest.raises(DataError) as error:
            extract(path)
        check_message(error, path, 'cannot be opened')


@pytest.mark.parametrize('content', [b'', b'\x89HDF', b'PK\x03\x04' * 100, bytes(2000)])
def test_another_format(tmp_path, content):
    path = tmp_path / 'session.nwb'
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        extract(path)
    check_message(error, path, 'cannot be read as NWB')


@pytest.mark.parametrize(
    ('arrays', 'message'),
    [
        ({'ev': np.zeros(9)}, 'expected a matrix of numbers'),
        ({'ev': np.full((2, 9), 'x')}, 'expected a matrix of numbers'),
        ({'events': np.zeros((4, 9))}, 'expected an .npz with a matrix ev'),
        ({'ev': np.array([[MakesFolder('ran')]])}, 'cannot be read as events'),
    ],
)
def test_bad_events(tmp_path, monkeypatch, arrays, message):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'events.npz'
    np.savez(path, **arrays)
    with pytest.raises(DataError) as error:
        read_events(path)
    check_message(error, path, message)
    assert not (tmp_path / 'ran').exists()


@pytest.mark.parametrize('share', [0, 0.2, 0.5, 0.99])
def test_cut_events(tmp_path, share):
    path = tmp_path / 'events.npz'
    np.savez_compressed(path, ev=np.random.default_rng(0).random((4, 900)))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DataError) as error:
        read_events(path)
    check_message(error, path, 'cannot be read as events')


def test_events_that_are_missing_or_of_another_session(session):
    written = session()
    with open_nwb(written.path) as file:
        settings = OphysSettings(signal='events')
        for events, message in (
            (None, 'none were given'),
            (np.zeros((5, written.n_frames)), 'has 4 cells, but 5 traces'),
            (np.zeros((4, 2 * written.n_frames)), 'not of the same recording'),
        ):
            with pytest.raises(DataError, match=message):
                extract_ophys(file, settings, events)
