"""Recordings as labs have them: missing trials, other orders and sets of images, blanks, one repetition."""

import re
import shutil
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest

from m2m_benchmarks.acquisition.image_axis import read_axis
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.arrays import standard_error
from m2m_benchmarks.benchmarks.comparisons.base import Features
from m2m_benchmarks.benchmarks.recordings import recordings
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.cards import card
from m2m_benchmarks.data.store import load_assembly, load_stimuli
from m2m_benchmarks.errors import BenchmarkError, DataError
from m2m_benchmarks.plugins import load_benchmark
from m2m_benchmarks.testing import responses_by_image

ONE_AREA = (('a.npz', 'VISp', 'm1', 's1', 8), ('b.npz', 'VISp', 'm2', 's2', 8))


def rewrite(bundle, file, **changes):
    with np.load(bundle.folder / file) as content:
        arrays = {**content, **changes}
    np.savez(bundle.folder / file, **{name: array for name, array in arrays.items() if array is not None})


def rename_images(bundle, name_of):
    """Rename the images, which keep their places on the axis."""
    for i, path in enumerate(sorted(bundle.stimuli.iterdir())):
        path.rename(bundle.stimuli / f'{name_of(i)}.png')


@pytest.mark.seconds
def test_the_order_of_numbered_images_is_asked_for(m2m, m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle', n_images=12)
    rename_images(bundle, lambda i: f'img{i + 1}')
    ran = m2m('data', 'import', 'Lab2026', *bundle.options)
    assert ran.code == 1
    assert 'position 1: img2.png (natural), img10.png (alphabetic)' in ran.err
    assert '--stimulus-order natural' in ran.err
    assert manifest.names() == []
    assert m2m('data', 'import', 'Lab2026', *bundle.options, '--stimulus-order', 'natural').code == 0
    assert list(load_stimuli('Lab2026')['stimulus_id']) == [f'img{i}' for i in range(1, 13)]
    import_bundle('Lab2027', *bundle.paths, stimulus_order='alphabetic')
    assert list(load_stimuli('Lab2027')['stimulus_id'])[:4] == ['img1', 'img10', 'img11', 'img12']
    assert m2m('data', 'import', 'Lab2028', *bundle.options, '--stimulus-order', 'numeric').code == 2


@pytest.mark.parametrize(
    ('names', 'ambiguous'),
    [
        (['a', 'b', 'c'], False),
        (['img01', 'img02', 'img10'], False),
        (['img1', 'img2', 'img3'], False),
        (['1', '2', '10'], True),
        (['B', 'a'], True),
        (['ori90_sf2', 'ori90_sf10'], True),
        (['x', 'x-1'], True),
        (['a', 'a (1)', 'a (2)'], True),
        (['x', 'x_1'], False),
        (['école', 'zoo'], True),
    ],
)
def test_orders_that_are_ambiguous(tmp_path, names, ambiguous):
    for name in names:
        (tmp_path / f'{name}.png').touch()
    if ambiguous:
        with pytest.raises(DataError, match='is ambiguous'):
            read_axis(tmp_path, tmp_path / 'sessions.csv')
    else:
        assert set(read_axis(tmp_path, tmp_path / 'sessions.csv').names) == set(names)
    if names[0] != 'B':
        assert list(read_axis(tmp_path, tmp_path / 'sessions.csv', 'natural').names) == names


@pytest.mark.seconds
@pytest.mark.parametrize('place', ['stimuli', '.'])
def test_a_table_of_images_gives_their_order_and_columns(m2m_home, make_bundle, tmp_path, place):
    bundle = make_bundle(tmp_path / 'bundle')
    order = np.random.default_rng(0).permutation(8)
    rows = [f'scenes\\image_{i:03d}.png;kind {i % 2};{i / 2}'.replace('.5', ',5') for i in order]
    (bundle.folder / place / 'images.csv').write_text('\n'.join(['file;category;contrast', *rows]))
    import_bundle('Lab2026', *bundle.paths)
    stimuli = load_stimuli('Lab2026')
    assert list(stimuli['stimulus_id']) == [f'image_{i:03d}' for i in order]
    assert list(stimuli['category']) == [f'kind {i % 2}' for i in order]
    assert list(stimuli['contrast']) == [i / 2 for i in order]
    responses, _ = responses_by_image('Lab2026')
    np.testing.assert_allclose(responses[:, :, :5], bundle.counts['VISp_1.npz'] / 0.2, rtol=1e-6)


@pytest.mark.seconds
@pytest.mark.parametrize('name', ['images.csv', 'Images.CSV', 'images.tsv', 'images.txt'])
def test_no_table_of_images_is_passed_over(m2m_home, make_bundle, tmp_path, name):
    bundle = make_bundle(tmp_path / 'bundle')
    names = [f'image_{i:03d}' for i in range(8)][::-1]
    (bundle.stimuli / name).write_text('\n'.join(['File', *names]))
    import_bundle('Lab2026', *bundle.paths)
    assert responses_by_image('Lab2026')[1] == names


def test_a_spreadsheet_of_images(m2m_home, make_bundle, tmp_path):
    """It is refused, but beside images.csv it is the copy that the lab keeps."""
    bundle = make_bundle(tmp_path / 'bundle')
    (bundle.stimuli / 'images.xlsx').write_bytes(b'PK\3\4\xff')
    with pytest.raises(DataError, match=r'images\.xlsx cannot be read as CSV'):
        import_bundle('Lab2026', *bundle.paths)
    (bundle.folder / 'images.csv').write_text('\n'.join(['file', *(f'image_{i:03d}' for i in range(8))]))
    import_bundle('Lab2026', *bundle.paths)


def test_columns_that_number_the_images_in_order_or_count_something_else(tmp_path):
    rows = [f'{name},{i + 1},{i + 7},{2 - i},{i}' for i, name in enumerate('abc')]
    (tmp_path / 'images.csv').write_text('\n'.join(['file,index,image_number,rank,order', *rows]))
    for name in 'abc':
        (tmp_path / f'{name}.png').touch()
    assert read_axis(tmp_path, tmp_path / 'sessions.csv').names == ('a', 'b', 'c')


def test_a_table_of_another_name_is_noted(m2m, m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    (bundle.stimuli / 'stimuli.csv').write_text('file\na\n')
    ran = m2m('data', 'import', 'Lab2026', *bundle.options)
    assert ran.code == 0
    assert 'stimuli: stimuli.csv is not read; the images are in the order of their names.' in ' '.join(ran.err.split())
    (bundle.stimuli / 'images.csv').write_text('\n'.join(['file', *(f'image_{i:03d}' for i in range(8))]))
    assert 'is not read' not in m2m('data', 'import', 'Lab2027', *bundle.options).err


def test_one_table_in_one_folder_by_two_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'a.png').touch()
    (tmp_path / 'images.csv').write_text('file\na\n')
    assert read_axis(tmp_path, Path('sessions.csv')).names == ('a',)


@pytest.mark.seconds
@pytest.mark.parametrize('forms', [('NFC', 'NFD'), ('NFD', 'NFC')])
@pytest.mark.parametrize('named_by', ['images.csv', 'stimulus_id'])
def test_accented_letters_are_one_character_or_two(m2m_home, make_bundle, tmp_path, forms, named_by):
    """Names of files have two on macOS, names in tables one."""
    bundle = make_bundle(tmp_path / 'bundle')
    names, files = ([unicodedata.normalize(form, f'bäume_{i}') for i in range(8)] for form in forms)
    rename_images(bundle, files.__getitem__)
    if named_by == 'images.csv':
        (bundle.folder / 'images.csv').write_text('\n'.join(['file', *names]), encoding='utf-8')
    else:
        for file in bundle.counts:
            rewrite(bundle, file, stimulus_id=np.array(names))
    import_bundle('Lab2026', *bundle.paths)
    assert responses_by_image('Lab2026')[1] == [unicodedata.normalize('NFC', name) for name in names]


@pytest.mark.parametrize(
    ('rows', 'message'),
    [
        (['image_000'] * 8, 'listed twice'),
        ([f'image_{i:03d}' for i in range(7)], r'lacks image_007\.png'),
        ([f'picture_{i}' for i in range(8)], "there is no image 'picture_0'"),
        ([f'image_{i:03d}' for i in range(8)], 'leave out --stimulus-order'),
        ([f'image_{i:03d},{(i + 3) % 8}' for i in range(8)], 'column Position numbers the images in another order'),
    ],
)
def test_tables_of_images_that_are_wrong(m2m_home, make_bundle, tmp_path, rows, message):
    bundle = make_bundle(tmp_path / 'bundle')
    (bundle.folder / 'images.csv').write_text('\n'.join(['file,Position' if ',' in rows[0] else 'file', *rows]))
    order = 'natural' if 'leave' in message else None
    with pytest.raises(DataError, match=message):
        import_bundle('Lab2026', *bundle.paths, stimulus_order=order)


@pytest.mark.seconds
@pytest.mark.parametrize('key', ['spike_counts', 'responses'])
def test_missing_trials(m2m, m2m_home, make_bundle, tmp_path, key):
    bundle = make_bundle(tmp_path / 'bundle')
    values = bundle.counts['VISp_1.npz'].astype(float)
    values[9, :3] = np.nan
    rewrite(bundle, 'VISp_1.npz', **{'spike_counts': None, key: values})
    ran = m2m('data', 'import', 'Lab2026', *bundle.options)
    assert ran.code == 0
    assert '15 responses to single trials are missing' in ran.out
    responses, _ = responses_by_image('Lab2026')
    expected = values / 0.2 if key == 'spike_counts' else values
    np.testing.assert_allclose(responses[:, :, :5], expected, rtol=1e-6)
    mean = recordings('Lab2026', 'VISp').mean
    np.testing.assert_allclose(mean.values[0, 0], np.mean(expected[:9, 0, 0]), rtol=1e-6)


def test_a_unit_that_was_lost(m2m_home, make_bundle, tmp_path):
    """With one trial it has no reliability, and isn't scored."""
    bundle = make_bundle(tmp_path / 'bundle')
    values = bundle.counts['VISp_1.npz'].astype(float)
    values[1:, :, 0] = np.nan
    values[:, :, 1] = np.nan
    rewrite(bundle, 'VISp_1.npz', spike_counts=values)
    import_bundle('Lab2026', *bundle.paths)
    assert np.isnan(load_assembly('Lab2026')['reliability'].values[:2]).all()
    assert len(set(recordings('Lab2026', 'VISp').mean['neuroid_id'].values) & {'1000', '1001'}) == 0


@pytest.mark.seconds
def test_random_missing_trials_keep_reliabilities_and_scores(m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle', n_images=30, n_units=40, sessions=ONE_AREA)
    import_bundle('Whole2026', *bundle.paths)
    rng = np.random.default_rng(1)
    for file, counts in bundle.counts.items():
        rewrite(bundle, file, spike_counts=np.where(rng.random(counts.shape) < 0.04, np.nan, counts))
    import_bundle('Holes2026', *bundle.paths)
    reliable = [manifest.require(name)['summary']['areas']['VISp']['reliable'] for name in ('Whole2026', 'Holes2026')]
    # A count of neuroids that each are reliable or not varies by at most sqrt(n) / 2.
    assert abs(reliable[0] - reliable[1]) <= np.sqrt(80) / 2
    features = None
    for comparison in ('rdm', 'ridge', 'cka'):
        whole, holes = (load_benchmark(f'{name}.VISp-{comparison}') for name in ('Whole2026', 'Holes2026'))
        if features is None:
            readout = rng.normal(size=(whole.recordings.mean.sizes['neuroid'], 30))
            features = Features(whole.recordings.mean.values @ readout)
        error = whole.ceiling.attrs['error'] or 0.02  # that of CKA has none
        assert float(holes.ceiling) == pytest.approx(float(whole.ceiling), abs=3 * error)
        raw = [
            benchmark.comparison.raw(features, benchmark.recordings, benchmark.sample) for benchmark in (whole, holes)
        ]
        assert raw[1].value == pytest.approx(raw[0].value, abs=3 * standard_error(raw[0].draws[0]))


@pytest.mark.seconds
def test_animals_that_saw_different_images(m2m, m2m_home, make_bundle, tmp_path):
    """Each recording names its images; the benchmark has those that all animals saw."""
    bundle = make_bundle(tmp_path / 'bundle', n_images=16, n_units=12, sessions=ONE_AREA)
    names = np.array([f'image_{i:03d}' for i in range(16)])
    shown = {'a.npz': np.arange(14)[::-1], 'b.npz': np.arange(4, 16)}
    for file, images in shown.items():
        rewrite(bundle, file, spike_counts=bundle.counts[file][:, images], stimulus_id=names[images])
    text = bundle.sessions.read_text()
    bundle.sessions.write_text(text.replace(',8,16,', ',8,14,', 1).replace(',8,16,', ',8,12,'))
    import_bundle('Lab2026', *bundle.paths)
    responses, stimuli = responses_by_image('Lab2026')
    assert stimuli == list(names)
    for start, file in enumerate(shown):
        own = responses[:, :, 12 * start : 12 * start + 12]
        others = np.setdiff1d(np.arange(16), shown[file])
        np.testing.assert_allclose(own[:, shown[file]], bundle.counts[file][:, shown[file]] / 0.2, rtol=1e-6)
        assert np.isnan(own[:, others]).all()
    benchmark = load_benchmark('Lab2026.VISp-rdm')
    assert list(benchmark.stimulus_set['stimulus_id']) == list(names[4:14])
    assert benchmark.choices['stimuli_not_in_all_sessions_dropped'] == 6
    complete = np.concatenate([bundle.counts[file][:, 4:14] for file in shown], axis=2).mean(axis=0) / 0.2
    kept = np.isin(load_assembly('Lab2026')['neuroid_id'], benchmark.recordings.mean['neuroid_id'])
    np.testing.assert_allclose(benchmark.recordings.mean.values, complete[:, kept], rtol=1e-6)
    assert np.isfinite(float(benchmark.ceiling))
    ran = m2m('score', 'pixels_64', 'Lab2026.VISp-rdm', '--layer', 'pixels')
    assert 'Lab2026.VISp-rdm: on 10 stimuli; 6 that not all sessions have are left out.' in ran.out


def test_images_that_no_recording_has(m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    names = np.array([f'image_{i:03d}' for i in range(8)])
    for file, counts in bundle.counts.items():
        rewrite(bundle, file, spike_counts=counts[:, :7], stimulus_id=names[:7])
    bundle.sessions.write_text(bundle.sessions.read_text().replace(',8,5,', ',7,5,'))
    with pytest.raises(DataError, match=r'image_007 \(1 images in all\) .* is in no recording'):
        import_bundle('Lab2026', *bundle.paths)
    rewrite(bundle, 'VISp_1.npz', stimulus_id=np.array([*names[:6], 'image_099']))
    with pytest.raises(DataError, match="responses to 'image_099'"):
        import_bundle('Lab2026', *bundle.paths)


@pytest.mark.seconds
@pytest.mark.parametrize('subtract', [False, True])
def test_blanks(m2m, m2m_home, make_bundle, tmp_path, subtract):
    """The third position on the axis is a grey screen, without a file."""
    bundle = make_bundle(tmp_path / 'bundle')
    (bundle.stimuli / 'image_002.png').unlink()
    rows = [
        'image_000,scene',
        'image_001,scene',
        f',{"Blank" if subtract else "blank"}',
        *[f'image_{i:03d},scene' for i in range(3, 8)],
    ]
    (bundle.folder / 'images.csv').write_text('\n'.join(['file,condition', *rows]))
    ran = m2m('data', 'import', 'Lab2026', *bundle.options, *['--subtract-blank'] * subtract)
    assert ran.code == 0
    assert f'Responses to blanks were {"subtracted" if subtract else "left out"}.' in ran.out
    responses, stimuli = responses_by_image('Lab2026')
    assert stimuli == [f'image_{i:03d}' for i in (0, 1, 3, 4, 5, 6, 7)]
    rates = bundle.counts['VISp_2.npz'] / 0.2
    expected = np.delete(rates, 2, axis=1) - (rates[:, 2].mean(axis=0) if subtract else 0)
    np.testing.assert_allclose(responses[:8, :, 5:10], expected, rtol=1e-5, atol=1e-5)


def test_no_blank_to_subtract(m2m_home, make_bundle, tmp_path):
    with pytest.raises(DataError, match='no blank to subtract'):
        import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle').paths, subtract_blank=True)


@pytest.mark.seconds
def test_one_repetition(m2m, m2m_home, make_bundle, tmp_path):
    """All neuroids that vary are scored, and nothing is corrected for noise."""
    sessions = [(file, area, animal, session, 1) for file, area, animal, session, _ in ONE_AREA]
    bundle = make_bundle(tmp_path / 'bundle', n_images=12, n_units=10, sessions=sessions)
    ran = m2m('data', 'import', 'Lab2026', *bundle.options)
    assert ran.code == 0
    assert 'no reliability' in ran.out
    for comparison in ('rdm', 'ridge', 'cka'):
        benchmark = load_benchmark(f'Lab2026.VISp-{comparison}')
        assert benchmark.recordings.mean.sizes['neuroid'] == 19
        assert benchmark.choices['flat_neuroids_dropped'] == 1
        # RSA's ceiling is from halves of the neuroids, which need no second trial.
        assert comparison == 'rdm' or float(benchmark.ceiling) == 1
    ran = m2m('score', 'pixels_64', 'Lab2026.VISp-ridge', '--layer', 'pixels')
    assert ran.code == 0
    assert 'Lab2026.VISp-ridge: no own units; one repetition leaves the noise of the neuroids unknown.' in ran.out


def test_one_repetition_among_more(m2m_home, make_bundle, tmp_path):
    sessions = ((*ONE_AREA[0][:4], 1), ONE_AREA[1])
    with pytest.raises(DataError, match='1 trial, while other recordings have more'):
        import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle', sessions=sessions).paths)


def test_no_image_that_all_sessions_have(m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle', n_images=8, sessions=ONE_AREA)
    names = np.array([f'image_{i:03d}' for i in range(8)])
    for file, half in (('a.npz', slice(4)), ('b.npz', slice(4, 8))):
        rewrite(bundle, file, spike_counts=bundle.counts[file][:, half], stimulus_id=names[half])
    bundle.sessions.write_text(bundle.sessions.read_text().replace(',8,8,', ',8,4,'))
    import_bundle('Lab2026', *bundle.paths)
    with pytest.raises(BenchmarkError, match='share no stimulus'):
        load_benchmark('Lab2026.VISp-rdm')


@pytest.mark.seconds
@pytest.mark.parametrize('decimals', ['table', 'file', 'both'])
def test_unit_ids_with_decimals_on_one_side(m2m_home, make_bundle, tmp_path, decimals):
    bundle = make_bundle(tmp_path / 'bundle')
    if decimals != 'file':
        lines = bundle.units.read_text().splitlines()
        rows = [line.split(',') for line in lines]
        for row in rows[1:]:
            row[2] += '.0'
        bundle.units.write_text('\n'.join(map(','.join, rows)))
    if decimals != 'table':
        rewrite(bundle, 'VISp_1.npz', unit_id=np.arange(1000.0, 1005.0)[:, None])
    if decimals == 'both':
        rewrite(bundle, 'VISp_2.npz', unit_id=np.array([f'{unit}.0' for unit in range(2000, 2005)]))
    import_bundle('Lab2026', *bundle.paths)
    assert list(load_assembly('Lab2026')['unit_id'].values[:5]) == ['1000', '1001', '1002', '1003', '1004']


def test_unit_ids_with_zeros_on_one_side(m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    bundle.units.write_text(bundle.units.read_text().replace(',1000,', ',01000,'))
    with pytest.raises(DataError, match=r'unit 01000, the file says 1000 .* write the leading zeros in both'):
        import_bundle('Lab2026', *bundle.paths)


def test_ids_as_bytes_and_padded(m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    rename_images(bundle, lambda i: f'bäume_{i}')
    rewrite(
        bundle,
        'VISp_1.npz',
        unit_id=np.arange(1000, 1005).astype('S'),
        stimulus_id=np.array([f'bäume_{i}  '.encode() for i in range(8)]),
    )
    import_bundle('Lab2026', *bundle.paths)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'unit_id': np.array(['ä'.encode('latin-1')] * 5)}, 'unit_id holds bytes that are not in UTF-8'),
        ({'unit_id': np.array([1000, 1001, np.nan, 1003, 1004])}, 'some are NaN'),
        ({'unit_id': np.zeros(5, dtype=complex)}, 'of type complex128'),
        ({'unit_id': np.zeros(5, dtype=[('id', 'i4')])}, 'expected whole numbers or text'),
        ({'stimulus_id': np.array([b'\xff'] * 8)}, 'stimulus_id holds bytes'),
    ],
)
def test_ids_that_are_no_text(m2m_home, make_bundle, tmp_path, changes, message):
    bundle = make_bundle(tmp_path / 'bundle')
    rewrite(bundle, 'VISp_1.npz', **changes)
    with pytest.raises(DataError, match=message):
        import_bundle('Lab2026', *bundle.paths)


@pytest.mark.seconds
@pytest.mark.parametrize('marker', [-999, -9999.0, -32768, 1e20, 9.969209968386869e36])
def test_numbers_that_mark_missing_trials(m2m_home, make_bundle, tmp_path, marker):
    bundle = make_bundle(tmp_path / 'bundle')
    values = bundle.counts['VISp_1.npz'].astype(type(marker))
    values[9, :3] = marker
    rewrite(bundle, 'VISp_1.npz', spike_counts=None, responses=values)
    with pytest.raises(
        DataError, match=rf'15 responses are {re.escape(f"{marker:.6g}")}, which marks missing values; write NaN'
    ):
        import_bundle('Lab2026', *bundle.paths)
    # one value of a signal that goes there
    rewrite(bundle, 'VISp_1.npz', responses=np.linspace(marker, 700, values.size).reshape(values.shape))
    import_bundle('Lab2026', *bundle.paths)


def test_a_zip_of_other_files(m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    with zipfile.ZipFile(bundle.folder / 'VISp_1.npz', 'w') as archive:
        for name in ('spike_counts', 'unit_id'):
            archive.writestr(name, '1,2')
    with pytest.raises(DataError, match=r'VISp_1\.npz holds no arrays'):
        import_bundle('Lab2026', *bundle.paths)


@pytest.mark.seconds
def test_animals_whose_sessions_have_the_same_numbers(m2m_home, make_bundle, tmp_path):
    """The second animal saw the first 16 of 24 images, as if its session had another number."""
    areas = []
    for name, second in (('Same2026', '1'), ('Other2026', '2')):
        sessions = (('a.npz', 'VISp', 'm1', '1', 8), ('b.npz', 'VISp', 'm2', second, 8))
        bundle = make_bundle(tmp_path / name, n_images=24, n_units=10, sessions=sessions)
        shown = np.array([f'image_{i:03d}' for i in range(16)])
        rewrite(bundle, 'b.npz', spike_counts=bundle.counts['b.npz'][:, :16], stimulus_id=shown)
        text = bundle.sessions.read_text().splitlines()
        bundle.sessions.write_text('\n'.join([*text[:2], text[2].replace(',8,24,', ',8,16,')]))
        entry = import_bundle(name, *bundle.paths)
        assert entry['summary']['areas']['VISp']['sessions'] == 2
        areas.append(recordings(name, 'VISp'))
    assert [(area.n_stimuli_left_out, area.n_filled) for area in areas] == [(8, 0)] * 2
    np.testing.assert_array_equal(areas[0].mean.values, areas[1].mean.values)


def test_an_area_with_two_spellings(m2m_home, make_bundle, tmp_path):
    sessions = (('a.npz', 'V2L', 'm1', 's1', 8), ('b.npz', 'v2l', 'm2', 's2', 8))
    with pytest.raises(DataError, match='called V2L and v2l; expected one spelling'):
        import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle', sessions=sessions).paths)


@pytest.mark.seconds
@pytest.mark.parametrize(('name', 'n_left'), [('image_003.heic', 7), ('image_003', 7), ('image_003.jfif', 8)])
def test_files_that_are_not_taken_for_images_are_named(m2m_home, make_bundle, tmp_path, name, n_left):
    bundle = make_bundle(tmp_path / 'bundle')
    (bundle.stimuli / 'image_003.png').rename(bundle.stimuli / name)
    if n_left == 8:
        import_bundle('Lab2026', *bundle.paths)
    else:
        with pytest.raises(DataError, match=rf'holds 7 images.* not taken for images: {name} \(1 in all\)'):
            import_bundle('Lab2026', *bundle.paths)


def test_a_column_with_a_long_name(m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    bundle.units.write_text(bundle.units.read_text().replace('cortical_depth', 'ä' * 101), encoding='utf-8')
    with pytest.raises(DataError, match='have at most 200 bytes'):
        import_bundle('Lab2026', *bundle.paths)


def test_an_animal_with_a_space_behind_its_name(m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle', sessions=(ONE_AREA[0], ('b.npz', 'VISp', 'm1 ', 's2', 8)))
    entry = import_bundle('Lab2026', *bundle.paths)
    assert entry['summary']['areas']['VISp']['animals'] == 1


def test_paths_of_windows(m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    (bundle.folder / 'day1').mkdir()
    for file in bundle.counts:
        shutil.move(bundle.folder / file, bundle.folder / 'day1')
    for table, folder in ((bundle.sessions, 'day1\\'), (bundle.units, './day1/')):
        table.write_text(table.read_text().replace('VIS', f'{folder}VIS').replace(f',{folder}', ','))
    entry = import_bundle('Lab2026', *bundle.paths)
    assert 'day1/VISp_1.npz' in entry['source']['recordings']


@pytest.mark.parametrize(
    ('swap', 'message'),
    [
        ((2, 0, 1), r'n_units is 8: if the axes are in another order, transpose'),
        ((1, 0, 2), r'n_trials is 8: if the axes are in another order, transpose'),
    ],
)
def test_transposed_arrays_with_a_table_that_agrees(m2m_home, make_bundle, tmp_path, swap, message):
    bundle = make_bundle(tmp_path / 'bundle', n_units=5, sessions=(('a.npz', 'VISp', 'm1', 's1', 10),))
    rewrite(bundle, 'a.npz', spike_counts=bundle.counts['a.npz'].transpose(swap))
    shape = [(10, 8, 5)[axis] for axis in swap]
    bundle.sessions.write_text(bundle.sessions.read_text().replace(',10,8,5,', f',{",".join(map(str, shape))},'))
    with pytest.raises(DataError, match=message):
        import_bundle('Lab2026', *bundle.paths)


def test_units_on_another_axis(m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle', sessions=(('a.npz', 'VISp', 'm1', 's1', 10),))
    rewrite(bundle, 'a.npz', spike_counts=bundle.counts['a.npz'].transpose(2, 1, 0))
    bundle.sessions.write_text(bundle.sessions.read_text().replace(',10,8,5,', ',5,8,10,'))
    with pytest.raises(DataError, match=r'Axis 0 of the responses has 5: transpose'):
        import_bundle('Lab2026', *bundle.paths)


def test_the_card_says_what_the_lab_says(m2m, m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    (bundle.folder / 'dataset.yml').write_text(
        'description: Natural scenes in mouse V1\ntechnique: two-photon, GCaMP6f\nlicence: CC BY 4.0\n'
        'citation: Smith (2026)\n'
    )
    assert m2m('data', 'import', 'Lab2026', *bundle.options, '--citation', 'Smith and Doe (2026)').code == 0
    own = card('Lab2026')
    assert (own['licence'], own['citation']) == ('CC BY 4.0', 'Smith and Doe (2026)')
    listed = m2m('data', 'list', 'Lab2026').out
    assert all(text in listed for text in ('V1. two-photon, GCaMP6f.', 'CC BY 4.0', 'Smith and Doe'))


def test_two_descriptions(m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    (bundle.folder / 'Dataset.YAML').write_text('licence: CC0')
    assert import_bundle('Lab2026', *bundle.paths)['source']['description'] == {'licence': 'CC0'}
    (bundle.folder / 'dataset.yml').write_text('licence: CC0')
    with pytest.raises(DataError, match='two descriptions'):
        import_bundle('Lab2027', *bundle.paths)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('licence: [', 'as YAML'),
        ('license: x', "the field 'license'"),
        ('licence: 4', 'licence is 4'),
        ('x', 'no fields'),
    ],
)
def test_descriptions_that_are_wrong(m2m_home, make_bundle, tmp_path, content, message):
    bundle = make_bundle(tmp_path / 'bundle')
    (bundle.folder / 'dataset.yml').write_text(content)
    with pytest.raises(DataError, match=message):
        import_bundle('Lab2026', *bundle.paths)


@pytest.mark.seconds
@pytest.mark.parametrize('key', ['spike_counts', 'responses'])
def test_time_bins(m2m, m2m_home, make_bundle, tmp_path, key):
    """Four bins of a window of 0.2 s: a bin is imported, with its own window and, for counts, its own rate."""
    bundle = make_bundle(tmp_path / 'bundle', sessions=(('a.npz', 'VISp', 'm1', 's1', 10),))
    bins = np.random.default_rng(0).poisson(5, (10, 8, 5, 4))
    rewrite(bundle, 'a.npz', **{'spike_counts': None, key: bins})
    ran = m2m('data', 'import', 'Lab2026', *bundle.options)
    assert (ran.code, 'choose a time bin with --bin 1 to 4' in ran.err) == (1, True)
    assert m2m('data', 'import', 'Lab2026', *bundle.options, '--bin', 5).code == 1
    assert m2m('data', 'import', 'Lab2026', *bundle.options, '--bin', 0).code == 2
    assert m2m('data', 'import', 'Lab2026', *bundle.options, '--bin', 2).code == 0
    responses, _ = responses_by_image('Lab2026')
    np.testing.assert_allclose(responses, bins[..., 1] / (0.05 if key == 'spike_counts' else 1), rtol=1e-6)
    assembly = load_assembly('Lab2026')
    np.testing.assert_allclose([assembly['time_bin_start'].item(), assembly['time_bin_end'].item()], [100, 150])
    rewrite(bundle, 'a.npz', **{key: bins[..., 0]})
    with pytest.raises(DataError, match='without a fourth axis'):
        import_bundle('Lab2027', *bundle.paths, time_bin=1)


def test_a_neuroid_without_a_response_to_a_stimulus_has_its_mean_over_the_others(m2m_home, make_bundle, tmp_path):
    """It lost all trials of the stimulus. A neuroid that lacks more than half of the stimuli is left out."""
    bundle = make_bundle(tmp_path / 'bundle', sessions=ONE_AREA)
    values = bundle.counts['b.npz'].astype(float)
    values[:, 3, 0] = np.nan
    values[:, :5, 1] = np.nan
    rewrite(bundle, 'b.npz', spike_counts=values)
    import_bundle('Lab2026', *bundle.paths)
    area = recordings('Lab2026', 'VISp')
    neuroids = list(area.mean['neuroid_id'].values)
    assert '2001' not in neuroids
    assert (area.n_filled, area.n_stimuli_left_out) == (1, 0)
    expected = values.mean(axis=0)[:, 0] / 0.2
    expected[3] = np.mean(np.delete(expected, 3))
    np.testing.assert_allclose(area.mean.values[:, neuroids.index('2000')], expected, rtol=1e-6)
    benchmark = load_benchmark('Lab2026.VISp-rdm')
    assert benchmark.choices['responses_filled_in'] == 1
    assert np.isfinite(float(benchmark.ceiling))
