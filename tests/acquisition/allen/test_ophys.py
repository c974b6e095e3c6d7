"""Responses of 2-photon sessions, against simple loops."""

import hashlib
import itertools
import tracemalloc

import h5py
import numpy as np
import pytest
import scipy.stats

from m2m_benchmarks.acquisition.allen.nwb import open_nwb
from m2m_benchmarks.acquisition.allen.ophys import cells as ophys_cells
from m2m_benchmarks.acquisition.allen.ophys.extraction import extract_ophys, read_events
from m2m_benchmarks.acquisition.allen.ophys.session import iterate_scenes
from m2m_benchmarks.acquisition.allen.ophys.settings import OphysSettings
from m2m_benchmarks.arrays import split_half_reliability
from m2m_benchmarks.errors import DataError


def extract(session, *, events=None, hash_scenes=range(118), **settings):
    with open_nwb(session.path) as file:
        return extract_ophys(file, OphysSettings(**settings), events, hash_scenes)


def change(session, edit):
    with h5py.File(session.path, 'r+') as file:
        edit(file)


def put(file, path, value):
    del file[path]
    file[path] = value


def signal(session, nwb, kind):
    """Compute all traces in float64."""
    with h5py.File(session.path) as file:
        if kind == 'dff':
            return file[f'{nwb.DFF}/data'][()].astype(float)
        neuropil = file[f'{nwb.FLUORESCENCE}_neuropil_response/data'][()].astype(float)
        r = file[f'{nwb.FLUORESCENCE}_neuropil_response/r'][()]
        return file[f'{nwb.FLUORESCENCE}_demixed_signal/data'][()] - r[:, None] * neuropil


def slow(session, traces, start, stop, baseline, percent=False):
    """Compute the responses (sweep x cell) one by one."""
    responses = np.full((len(session.onset), len(traces)), np.nan)
    for sweep, onset in enumerate(session.onset):
        if onset - baseline < 0 or onset + stop > session.n_frames:
            continue
        for cell, trace in enumerate(traces):
            response = np.mean(trace[onset + start : onset + stop])
            if baseline:
                level = np.mean(trace[onset - baseline : onset])
                response = 100 * (response / level - 1) if percent else response - level
            responses[sweep, cell] = response
    return responses


def check(session, extracted, expected, **tolerance):
    """Compare responses with those of `slow`, whose sweeps are in the order of time."""
    for scene, repetition in itertools.product(range(118), range(len(extracted.responses))):
        sweep = np.flatnonzero(session.scene == scene)[repetition]
        np.testing.assert_allclose(extracted.responses[repetition, scene], expected[sweep], **tolerance)


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize(
    ('settings', 'frames'),
    [
        ({}, (0, 14, 0)),
        ({'window': '7f', 'baseline': '5'}, (0, 7, 5)),
        ({'window': '500ms', 'baseline': '100ms'}, (0, 15, 3)),
        ({'window': '2-12'}, (2, 12, 0)),
        ({'window': '50-250ms', 'baseline': '1'}, (2, 8, 1)),
        ({'signal': 'corrected'}, (0, 14, 28)),
        ({'signal': 'corrected', 'window': '1', 'baseline': '1'}, (0, 1, 1)),
        ({'sdk_compatible': True}, (0, 14, 28)),
    ],
)
@pytest.mark.seconds
@pytest.mark.several
def test_agrees_with_a_slow_loop(session, nwb, settings, frames, seed):
    written = session(seed=seed, first_frame=20, tail=12, shuffled=seed == 1)
    corrected = 'dff' not in (settings.get('signal', 'dff'),) or settings.get('sdk_compatible', False)
    traces = signal(written, nwb, 'corrected' if corrected else 'dff')
    extracted = extract(written, **settings)
    expected = slow(written, traces, *frames, percent=corrected)
    check(written, extracted, expected, rtol=1e-6, atol=1e-9)
    assert extracted.counts['n_masked'] == np.isnan(expected).all(axis=1).sum()
    assert extracted.window_ms == pytest.approx((1000 * frames[0] / nwb.RATE, 1000 * frames[1] / nwb.RATE))
    assert extracted.responses.shape == (3, 118, 4)
    assert extracted.responses.dtype == np.float32


@pytest.mark.parametrize('dtype', ['float32', 'float64', 'int32'])
@pytest.mark.seconds
def test_events(session, tmp_path, dtype):
    written = session(first_frame=2, tail=5)
    events = (20 * np.random.default_rng(0).random((4, written.n_frames)) ** 9).astype(dtype)
    np.savez_compressed(tmp_path / 'events.npz', ev=events)
    extracted = extract(written, signal='events', window='2-12', events=read_events(tmp_path / 'events.npz'))
    check(written, extracted, slow(written, events, 2, 12, 0), rtol=1e-6)


def test_sweeps_that_leave_the_recording_are_masked(session):
    whole = extract(session())
    assert whole.counts['n_masked'] == 0
    written = session(first_frame=20, tail=9)
    extracted = extract(written, signal='corrected')
    lost = (written.onset < 28) | (written.onset + 14 > written.n_frames)
    assert extracted.counts['n_masked'] == lost.sum() == 3
    assert np.isnan(extracted.responses).all(axis=2).sum() == (lost & (written.scene >= 0)).sum()
    assert not np.isnan(extracted.responses).any(axis=2)[~np.isnan(extracted.responses).all(axis=2)].any()
    # The reliability is that of the other sweeps.
    assert np.isfinite(extracted.neuroids['reliability_ns']).all()
    assert np.isfinite(split_half_reliability(extracted.responses)).all()


@pytest.mark.parametrize(('first_frame', 'tail', 'lost'), [(28, 14, 0), (27, 14, 1), (28, 13, 1)])
@pytest.mark.seconds
def test_the_last_frame_that_is_needed(session, first_frame, tail, lost):
    assert extract(session(first_frame=first_frame, tail=tail), signal='corrected').counts['n_masked'] == lost


@pytest.mark.parametrize('settings', [{'window': '7'}, {'signal': 'corrected'}])
def test_reliability_of_the_preferred_image(session, nwb, settings):
    written = session(first_frame=20, tail=12)
    # The first sweep, which is masked when there is a baseline, shows the preferred image of the first cell.
    scene = written.scene[0]
    assert scene >= 0
    for path in (f'{nwb.DFF}/data', f'{nwb.FLUORESCENCE}_demixed_signal/data'):
        with h5py.File(written.path, 'r+') as file:
            for onset in written.onset[written.scene == scene]:
                scale = np.nanmax(file[path][0]) * np.linspace(1, 2, 7)
                file[path][0, onset : onset + 7] = scale * np.random.default_rng(onset).uniform(1, 1.5, 7)
    extracted = extract(written, **settings)
    corrected = 'signal' in settings
    traces = signal(written, nwb, 'corrected' if corrected else 'dff')
    n_frames, baseline = (14, 28) if corrected else (7, 0)
    means = np.nanmean(extracted.responses, axis=0)
    assert np.argmax(means[:, 0]) == scene
    for cell, trace in enumerate(traces):
        onsets = written.onset[written.scene == np.argmax(means[:, cell])]
        kept = onsets[(onsets >= baseline) & (onsets + n_frames <= written.n_frames)]
        pairs = itertools.combinations([trace[onset : onset + n_frames] for onset in kept], 2)
        expected = np.mean([scipy.stats.pearsonr(a, b)[0] for a, b in pairs])
        assert extracted.neuroids['reliability_ns'][cell] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ('settings', 'frames'),
    [({}, (7, 28)), ({'course': '3+9', 'baseline': '5'}, (3, 9)), ({'signal': 'corrected'}, (7, 28))],
)
@pytest.mark.seconds
def test_course_of_the_preferred_image(session, nwb, settings, frames):
    """Chosen in every other repetition, averaged over the others, without those that leave the recording."""
    written = session(first_frame=20, tail=12, n_repetitions=4)
    corrected = 'signal' in settings
    traces = signal(written, nwb, 'corrected' if corrected else 'dff')
    baseline = 28 if corrected else 5 if 'baseline' in settings else 0
    responses = slow(written, traces, 0, 14, baseline, percent=corrected)
    before, after = frames
    extracted = extract(written, **settings)
    assert (extracted.courses.before, extracted.courses.values.dtype) == (before, np.float32)
    sweeps = np.array([np.flatnonzero(written.scene == scene) for scene in range(118)]).T
    for cell, trace in enumerate(traces):
        halves = []
        for chosen, averaged in ((sweeps[::2], sweeps[1::2]), (sweeps[1::2], sweeps[::2])):
            courses = []
            for sweep in averaged[:, np.nanargmax(np.nanmean(responses[chosen, cell], axis=0))]:
                onset = written.onset[sweep]
                if onset < max(before, baseline) or onset + max(after, 14) > written.n_frames:
                    continue
                course, level = trace[onset - before : onset + after], 0
                if baseline:
                    level = trace[onset - baseline : onset].mean()
                courses.append(100 * (course / level - 1) if corrected else course - level)
            halves.append(np.mean(courses, axis=0))
        np.testing.assert_allclose(extracted.courses.values[cell], np.mean(halves, axis=0), rtol=1e-5, atol=1e-7)


def test_time_courses_change_no_response(session):
    written = session(first_frame=20, tail=9)
    short, long = extract(written, course='1+1'), extract(written, course='60+200')
    np.testing.assert_array_equal(short.responses, long.responses)
    assert short.counts == long.counts
    assert short.courses.values.shape == (4, 2)
    assert np.isfinite(long.courses.values).all()


def test_a_course_of_noise_has_no_peak():
    """Chosen and averaged on the same repetitions, the image would look like a response."""
    rng = np.random.default_rng(0)
    means, chosen_on_all = [], []
    for _ in range(50):
        courses = rng.normal(size=(10, 118, 14))
        responses = courses.mean(axis=2)
        means.append(ophys_cells.preferred_course(responses, courses).mean())
        chosen_on_all.append(courses[:, responses.mean(axis=0).argmax()].mean())
    assert abs(np.mean(means)) < 4 / np.sqrt(50 * 10 * 14)
    assert np.mean(chosen_on_all) > 10 / np.sqrt(50 * 10 * 14)
    assert np.isnan(ophys_cells.preferred_course(responses[:1], courses[:1])).all()


def test_huge_values_and_nan_stay_where_they_are(session, nwb):
    """A cumulative sum would spread them over all later sweeps."""
    written = session()
    before = extract(written)
    frame = written.onset[(written.scene >= 0) & np.roll(written.scene >= 0, -1)][50] + 9
    with h5py.File(written.path, 'r+') as file:
        file[f'{nwb.DFF}/data'][:2, frame] = [1e20, np.nan]
    extracted = extract(written)
    hit = (written.onset <= frame) & (written.onset + 14 > frame)
    assert hit.sum() == 2
    check(written, extracted, slow(written, signal(written, nwb, 'dff'), 0, 14, 0), rtol=1e-6)
    assert (before.responses != extracted.responses).sum(axis=(0, 1)).tolist() == [2, 2, 0, 0]
    assert extracted.counts['n_nan_cells'] == 0


def test_far_from_zero(session, nwb):
    """Small responses on a large baseline keep their digits."""
    written = session()
    traces = 1e9 + np.random.default_rng(0).normal(size=(4, written.n_frames))
    change(written, lambda file: put(file, f'{nwb.FLUORESCENCE}_demixed_signal/data', traces))
    change(written, lambda file: put(file, f'{nwb.FLUORESCENCE}_neuropil_response/r', np.zeros(4)))
    extracted = extract(written, signal='corrected')
    # Responses are of the order of 1e-8 %; doubles resolve fluorescences to 1e-16 of their size.
    check(written, extracted, slow(written, traces, 0, 14, 28, percent=True), rtol=0, atol=1e-13)
    assert np.std(extracted.responses) > 1e-8


def test_an_image_that_was_shown_less_often(session, nwb):
    written = session(n_repetitions=4)
    shown = extract(written)
    lost = np.flatnonzero(written.scene == 7)[1]
    onset = f'{nwb.PRESENTATION}/data'
    change(written, lambda file: put(file, onset, np.where(np.arange(len(written.scene)) == lost, -1, written.scene)))
    extracted = extract(written)
    assert (extracted.counts['n_missing'], extracted.counts['n_blank']) == (1, shown.counts['n_blank'] + 1)
    np.testing.assert_array_equal(extracted.responses[:3, 7], shown.responses[[0, 2, 3], 7])
    assert np.isnan(extracted.responses[3, 7]).all()
    others = np.arange(118) != 7
    np.testing.assert_array_equal(extracted.responses[:, others], shown.responses[:, others])
    # Missing presentations count neither for the reliability nor for the running modulation.
    assert np.isfinite(extracted.neuroids['reliability_ns']).all()
    assert np.isfinite(extracted.neuroids['running_modulation']).all()


def test_blanks_are_kept_apart(session):
    assert extract(session(n_blanks=7)).counts['n_blank'] == 7
    without = extract(session(n_blanks=0))
    assert without.counts['n_blank'] == 0
    assert np.isfinite(without.responses).all()


def test_frames_without_a_timestamp(session):
    exact = extract(session(tail=13))
    longer = extract(session(tail=13, extra_frames=1))
    assert (exact.counts['frames_dropped'], longer.counts['frames_dropped']) == (0, 1)
    # The extra frame would complete the window of the last sweep, if it counted.
    assert exact.counts['n_masked'] == longer.counts['n_masked'] == 1
    np.testing.assert_array_equal(np.isnan(exact.responses), np.isnan(longer.responses))


def test_timestamps_without_a_frame(session, nwb):
    written = session(tail=14)
    change(written, lambda file: put(file, f'{nwb.DFF}/data', file[f'{nwb.DFF}/data'][:, :-1]))
    extracted = extract(written)
    assert (extracted.counts['frames_dropped'], extracted.counts['n_masked']) == (1, 1)


def test_nan_cells_stay(session):
    extracted = extract(session(nan_cells=(0, 2)))
    assert extracted.counts['n_nan_cells'] == 2
    assert np.isnan(extracted.responses).all(axis=(0, 1)).tolist() == [True, False, True, False]
    assert np.isnan(extracted.neuroids['reliability_ns']).tolist() == [True, False, True, False]
    assert np.isnan(extracted.neuroids['running_modulation']).tolist() == [True, False, True, False]
    assert len(extracted.neuroids) == 4


def test_a_baseline_of_zero_gives_nan(session, nwb):
    written = session()
    path = f'{nwb.FLUORESCENCE}_demixed_signal/data'
    change(written, lambda file: put(file, path, np.zeros((4, written.n_frames))))
    change(written, lambda file: put(file, f'{nwb.FLUORESCENCE}_neuropil_response/r', np.zeros(4)))
    assert extract(written, signal='corrected').counts['n_nan_cells'] == 4


@pytest.mark.parametrize('variable', [False, True])
def test_neuroids(session, nwb, variable):
    written = session(variable_strings=variable)
    neuroids = extract(written).neuroids
    with h5py.File(written.path) as file:
        ids = file[f'{nwb.PIPELINE}/ImageSegmentation/cell_specimen_ids'][()]
    assert neuroids['neuroid_id'].tolist() == [str(each) for each in ids]
    expected = {
        'region': 'VISp',
        'animal': '900001',
        'session': '100000001',
        'container': '200000001',
        'cre_line': 'Cux2-CreERT2',
        'cell_type': 'excitatory',
        'depth_um': 175.0,
        'layer': '2/3',
    }
    for column, value in expected.items():
        assert (neuroids[column] == value).all()
    assert neuroids['cell_specimen_id'].tolist() == ids.tolist()
    assert neuroids['frame_ms'].tolist() == pytest.approx([1000 / nwb.RATE] * 4)
    others = {'neuroid_id', 'cell_specimen_id', 'running_modulation', 'running_p', 'reliability_ns', 'frame_ms'}
    assert set(neuroids) == {*expected, *others}


def test_a_specimen_whose_number_is_written_as_a_decimal(session):
    extracted = extract(session(metadata={'general/specimen_name': 'Slc17a7-IRES2-Cre;Camk2a-tTA;Ai93-356790.0'}))
    assert set(extracted.neuroids['animal']) == {'356790'}


def test_a_specimen_without_a_number(session):
    extracted = extract(session(metadata={'general/specimen_name': 'Mouse A'}))
    assert set(extracted.neuroids['animal']) == {'Mouse A'}


@pytest.mark.parametrize(
    ('depth', 'layer'),
    [(175, '2/3'), (249, '2/3'), (250, '4'), (349.5, '4'), (350, '5'), (500, '5'), (501, '6'), (625, '6')],
)
def test_layer(depth, layer):
    assert ophys_cells.layer(depth) == layer


@pytest.mark.parametrize(
    ('genotype', 'line', 'kind'),
    [
        ('Cux2-CreERT2/wt;Camk2a-tTA/wt;Ai93(TITL-GCaMP6f)/wt', 'Cux2-CreERT2', 'excitatory'),
        ('Camk2a-tTA/wt;Slc17a7-IRES2-Cre/wt;Ai93(TITL-GCaMP6f)/wt', 'Slc17a7-IRES2-Cre', 'excitatory'),
        ('Ntsr1-Cre_GN220/wt;Ai148(TIT2L-GC6f-ICL-tTA2)/wt', 'Ntsr1-Cre_GN220', 'excitatory'),
        ('Vip-IRES-Cre/wt;Ai148(TIT2L-GC6f-ICL-tTA2)/wt', 'Vip-IRES-Cre', 'inhibitory'),
        ('Sst-IRES-Cre/wt;Ai148(TIT2L-GC6f-ICL-tTA2)/wt', 'Sst-IRES-Cre', 'inhibitory'),
        ('Pvalb-IRES-Cre/wt;Ai162(TIT2L-GC6s-ICL-tTA2)/wt', 'Pvalb-IRES-Cre', 'inhibitory'),
        ('wt/wt', 'wt', 'excitatory'),
    ],
)
def test_cre_line(genotype, line, kind):
    assert ophys_cells.cre_line(genotype) == line
    assert ophys_cells.cell_type(line) == kind


def test_trial_correlation():
    rng = np.random.default_rng(0)
    courses = rng.normal(size=(9, 14)) + np.sin(np.arange(14))
    pairs = [scipy.stats.pearsonr(a, b)[0] for a, b in itertools.combinations(courses, 2)]
    assert ophys_cells.trial_correlation(courses) == pytest.approx(np.mean(pairs), rel=1e-12)
    with_flat = np.concatenate([courses, np.full((2, 14), 0.1), np.full((1, 14), np.nan)])
    assert ophys_cells.trial_correlation(with_flat) == pytest.approx(np.mean(pairs), rel=1e-12)
    assert np.isnan(ophys_cells.trial_correlation(courses[:1]))
    assert np.isnan(ophys_cells.trial_correlation(np.zeros((4, 14))))


def test_running_modulation():
    rng = np.random.default_rng(0)
    responses = rng.normal(size=(12, 20, 5)) + rng.normal(0, 9, (20, 5))
    speed = rng.uniform(0, 3, (12, 20))
    responses[..., 1] += 2 * (speed >= 1)
    responses[rng.random(responses.shape) < 0.1] = np.nan
    responses[..., 3] = np.nan
    responses[..., 4] = 7
    speed[rng.random(speed.shape) < 0.1] = np.nan
    modulation, p = ophys_cells.running_modulation(responses, speed)
    for cell in (0, 1, 2):
        residual = responses[..., cell] - np.nanmean(responses[..., cell], axis=0)
        run, still = (residual[kind & ~np.isnan(residual)] for kind in (speed >= 1, speed < 1))
        test = scipy.stats.ttest_ind(run, still, equal_var=False)
        assert p[cell] == pytest.approx(test.pvalue, rel=1e-9)
        pooled = np.sqrt((run.var(ddof=1) + still.var(ddof=1)) / 2)
        assert modulation[cell] == pytest.approx((run.mean() - still.mean()) / pooled, rel=1e-9)
    assert modulation[1] > 1
    assert abs(modulation[0]) < 0.5
    assert np.isnan(modulation[3:]).all()
    assert np.isnan(p[3:]).all()


@pytest.mark.parametrize('n_running', [0, 4, 5])
def test_too_few_running_sweeps(n_running):
    responses = np.random.default_rng(0).normal(size=(4, 10, 2))
    speed = np.zeros(40)
    speed[:n_running] = 1
    modulation, p = ophys_cells.running_modulation(responses, speed.reshape(4, 10))
    assert np.isnan(modulation).all() == np.isnan(p).all() == (n_running < 5)


def test_a_session_without_running_speed(session, nwb):
    written = session()
    change(written, lambda file: file.pop(f'{nwb.PIPELINE}/BehavioralTimeSeries'))
    extracted = extract(written)
    assert np.isnan(extracted.neuroids['running_modulation']).all()
    assert np.isfinite(extracted.responses).all()


@pytest.mark.seconds
def test_running_modulation_of_synthetic_cells(session):
    """Odd cells respond twice as strongly while the animal runs; averaged over seeds because responses are few."""
    modulations = [extract(session(seed=seed)).neuroids['running_modulation'].to_numpy() for seed in range(8)]
    even, odd = np.mean(modulations, axis=0).reshape(2, 2).T.mean(axis=1)
    assert odd > even + 0.1


def test_stimuli(session, nwb):
    written = session()
    extracted = extract(written)
    with h5py.File(written.path) as file:
        images = file[nwb.TEMPLATES][()].astype(np.uint8)
        scenes = list(iterate_scenes(file))
    np.testing.assert_array_equal(scenes, images)
    assert {scene.dtype for scene in scenes} == {np.dtype('uint8')}
    assert extracted.images_sha256 == [hashlib.sha256(image.tobytes()).hexdigest() for image in images]
    assert extract(written, hash_scenes=()).images_sha256 == []


@pytest.mark.parametrize('storage', [{}, {'chunks': (50, 6, 9)}])
def test_some_stimuli(session, nwb, storage):
    written = session()
    with h5py.File(written.path, 'r+') as file:
        images = file[nwb.TEMPLATES][()]
        del file[nwb.TEMPLATES]
        file.create_dataset(nwb.TEMPLATES, data=images, **storage)
    every = extract(written).images_sha256
    some = extract(written, hash_scenes=(116, 0, 49, 50)).images_sha256
    assert some == [each if number in (0, 49, 50, 116) else '' for number, each in enumerate(every)]


@pytest.mark.parametrize(
    'storage', [{'chunks': (3, 500)}, {'chunks': (4, 64), 'compression': 'gzip'}, {'chunks': (1, 100)}]
)
@pytest.mark.seconds
def test_any_layout_on_disk(session, storage):
    for settings in ({}, {'signal': 'corrected'}):
        plain = extract(session(), **settings)
        other = extract(session(storage=storage), **settings)
        np.testing.assert_array_equal(plain.responses, other.responses)
        assert plain.neuroids.equals(other.neuroids)


@pytest.mark.seconds
def test_few_traces_and_images_are_in_memory_at_a_time(session):
    written = session(n_cells=40, gap=40_000, scene_shape=(400, 400))
    with open_nwb(written.path) as file:
        extract_ophys(file, OphysSettings(signal='corrected'))  # imports and caches
        tracemalloc.start()
        extract_ophys(file, OphysSettings(signal='corrected'))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    traces = 40 * written.n_frames * 4
    images = 118 * 400 * 400 * 4
    assert peak < min(traces, images) / 3


def test_only_the_frames_that_are_needed_are_read(session, nwb, monkeypatch):
    written = session(gap=5000)
    read = []
    original = h5py.Dataset.__getitem__

    def counting(dataset, key):
        content = original(dataset, key)
        if dataset.name == f'/{nwb.DFF}/data':
            read.append(content.size)
        return content

    monkeypatch.setattr(h5py.Dataset, '__getitem__', counting)
    extract(written)
    assert len(read) == 4 * 3
    assert sum(read) < 4 * (written.n_frames - 2 * 5000)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'signal': 'spikes'}, 'unknown signal'),
        ({'window': '0'}, 'is empty'),
        ({'window': '12-12f'}, 'is empty'),
        ({'window': '12-2f'}, "'12-2f' is not a valid window"),
        ({'window': '1.5f'}, 'whole frames'),
        ({'window': 'fourteen'}, 'whole frames'),
        ({'window': '-14'}, 'whole frames'),
        ({'window': '14s'}, 'whole frames'),
        ({'window': ''}, 'whole frames'),
        ({'baseline': '2-12'}, 'has to end at the onset'),
        ({'signal': 'corrected', 'baseline': '0'}, 'cannot be 0'),
        ({'sdk_compatible': True, 'window': '7'}, 'leave them out'),
        ({'sdk_compatible': True, 'signal': 'events'}, 'leave them out'),
        ({'course': '28'}, "'28' is not a valid time course"),
        ({'course': '0+28'}, 'at least one of each'),
        ({'course': '7+0'}, 'at least one of each'),
        ({'course': '200+200'}, 'up to 300 in all'),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(DataError, match=message):
        OphysSettings(**settings)


@pytest.mark.parametrize('settings', [{'window': '10ms'}, {'signal': 'corrected', 'baseline': '5ms'}])
def test_shorter_than_a_frame(session, settings):
    with pytest.raises(DataError, match=r'shorter than a frame of 33\.2 ms'):
        extract(session(), **settings)
