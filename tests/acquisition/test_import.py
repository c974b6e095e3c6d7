import csv
import hashlib
import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from PIL import Image

from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.store import load_assembly, load_stimuli
from m2m_benchmarks.errors import DataError


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rows(path):
    with path.open(newline='') as file:
        return list(csv.DictReader(file))


def slow_values(bundle):
    """Read the trials x images x neuroids of a bundle from its files, number by number."""
    sessions = rows(bundle.sessions)
    n_trials = max(int(session['n_trials']) for session in sessions)
    columns = []
    for session in sessions:
        window_s = float(session['window_end_s']) - float(session['window_start_s'])
        with np.load(bundle.folder / session['file']) as file:
            counts = file['spike_counts']
        for unit in range(int(session['n_units'])):
            column = []
            for trial in range(n_trials):
                if trial < int(session['n_trials']):
                    column.append([int(count) / window_s for count in counts[trial, :, unit]])
                else:
                    column.append([np.nan] * counts.shape[1])
            columns.append(column)
    return np.moveaxis(np.array(columns), 0, -1)


def files_below(folder):
    """List all files without the locks, which are kept by design."""
    return {str(path.relative_to(folder)) for path in folder.rglob('*') if not path.name.endswith('.lock')}


@pytest.fixture
def bundle(make_bundle, tmp_path):
    return make_bundle(tmp_path / 'bundle')


@pytest.fixture
def imported(m2m_home, bundle):
    return import_bundle('Tiny', *bundle.paths)


def test_values(bundle, imported):
    assembly = load_assembly('Tiny')
    expected = slow_values(bundle)
    assert assembly.dims == ('presentation', 'neuroid', 'time_bin')
    assert assembly.dtype == np.float32
    for presentation in range(assembly.sizes['presentation']):
        trial = assembly['repetition'].values[presentation]
        image = int(assembly['stimulus_id'].values[presentation][-3:])
        np.testing.assert_allclose(assembly.values[presentation, :, 0], expected[trial, image], rtol=1e-6)
    assert np.isnan(expected).sum() == 2 * 8 * 5  # the session of 8 trials: 2 missing, 8 images, 5 units
    assert assembly.sizes['presentation'] == 10 * 8
    shown = list(zip(assembly['repetition'].values, assembly['stimulus_id'].values, strict=True))
    assert len(set(shown)) == 10 * 8


def test_windows_differ_between_sessions(m2m_home, bundle):
    table = rows(bundle.sessions)
    table[1]['window_start_s'], table[1]['window_end_s'] = '0.03', '0.13'
    table[2]['window_end_s'] = '0.35'
    with bundle.sessions.open('w', newline='') as file:
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows(table)
    import_bundle('Tiny', *bundle.paths)
    assembly = load_assembly('Tiny')
    # One time bin contains all windows; each neuroid has its own as a coordinate.
    assert (assembly['time_bin_start'].item(), assembly['time_bin_end'].item()) == (30, 350)
    np.testing.assert_allclose(assembly['window_start_ms'], np.repeat([50, 30, 50], 5))
    np.testing.assert_allclose(assembly['window_end_ms'], np.repeat([250, 130, 350], 5))
    expected = slow_values(bundle)
    np.testing.assert_allclose(assembly.values[..., 0].reshape(expected.shape), expected, rtol=1e-6)


def test_coordinates(bundle, imported):
    assembly = load_assembly('Tiny')
    units = rows(bundle.units)
    animal_of = {session['file']: session['specimen_id'] for session in rows(bundle.sessions)}
    assert list(assembly['neuroid_id'].values) == [unit['unit_id'] for unit in units]
    assert list(assembly['region'].values) == ['VISp'] * 10 + ['VISal'] * 5
    assert list(assembly['animal'].values) == [animal_of[unit['file']] for unit in units]
    assert list(assembly['session'].values) == ['901'] * 5 + ['902'] * 5 + ['901'] * 5
    for column in units[0]:
        values = assembly[column].values
        kind = {'U': str, 'O': str, 'i': int, 'f': float}[values.dtype.kind]
        assert list(values) == [kind(unit[column]) for unit in units], column
    assert (assembly['time_bin_start'].item(), assembly['time_bin_end'].item()) == (50, 250)
    # The fifth unit of the first file never fires; the others are well tuned.
    reliability = assembly['reliability'].values
    assert list(np.flatnonzero(np.isnan(reliability))) == [4]
    assert np.nanmedian(reliability) > 0.5


def test_units_in_any_row_order(m2m_home, bundle):
    header, *lines = bundle.units.read_text().splitlines()
    bundle.units.write_text('\n'.join([header, *reversed(lines)]))
    import_bundle('Tiny', *bundle.paths)
    assembly = load_assembly('Tiny')
    assert list(assembly['unit_id'].values.astype(int)) == [*range(1000, 1005), *range(2000, 2005), *range(3000, 3005)]
    expected = slow_values(bundle)
    np.testing.assert_allclose(assembly.values[..., 0].reshape(expected.shape), expected, rtol=1e-6)


def test_column_names_of_a_lab(m2m_home, bundle):
    # netCDF cannot mark coordinates with spaces in their names as such; names that the assembly uses itself are moved.
    lines = bundle.units.read_text().splitlines()
    extra = {'firing rate (Hz)': 'r', 'reliability': 'mine', 'région': 'x', 'time': 't', 'région 2': 'y'}
    lines[0] += ',' + ','.join(extra)
    lines[1:] = [f'{line},{",".join(f"{value}{i}" for value in extra.values())}' for i, line in enumerate(lines[1:])]
    bundle.units.write_text('\n'.join(lines), encoding='utf-8')
    import_bundle('Tiny', *bundle.paths)
    assembly = load_assembly('Tiny')
    assert list(assembly['firing rate (Hz)'].values) == [f'r{i}' for i in range(15)]
    assert list(assembly['unit_reliability'].values) == [f'mine{i}' for i in range(15)]
    assert list(assembly['région 2'].values) == [f'y{i}' for i in range(15)]
    assert assembly['reliability'].dtype.kind == 'f'


@pytest.mark.parametrize('column', ['spikes/s', '#spikes', 'reliability,unit_reliability'])
def test_column_names_that_cannot_be_kept(m2m_home, bundle, column):
    lines = bundle.units.read_text().splitlines()
    n = column.count(',') + 1
    bundle.units.write_text('\n'.join([f'{lines[0]},{column}', *(line + ',1' * n for line in lines[1:])]))
    with pytest.raises(DataError, match=r'a column cannot be called .*Rename'):
        import_bundle('Tiny', *bundle.paths)
    assert manifest.read('Tiny') is None


def test_responses_are_kept_as_they_are(m2m_home, bundle):
    rng = np.random.default_rng(0)
    given = {}
    for row in rows(bundle.sessions):
        shape = tuple(int(row[column]) for column in ('n_trials', 'n_images', 'n_units'))
        with np.load(bundle.folder / row['file']) as file:
            unit_id = file['unit_id']
        given[row['file']] = rng.normal(size=shape)
        np.savez(bundle.folder / row['file'], responses=given[row['file']], unit_id=unit_id)
    import_bundle('Tiny', *bundle.paths)
    assembly = load_assembly('Tiny')
    for number, responses in enumerate(given.values()):
        actual = assembly.values[..., 0].reshape(10, 8, 15)[: len(responses), :, 5 * number : 5 * number + 5]
        np.testing.assert_array_equal(actual, responses.astype(np.float32))


def test_stimuli(bundle, m2m_home):
    # Formats are mixed on purpose: the axis is in the sorted order of the names.
    (bundle.stimuli / 'image_003.png').unlink()
    pixels = np.arange(32 * 32 * 3, dtype=np.uint32).reshape(32, 32, 3).astype(np.uint8)
    Image.fromarray(pixels).save(bundle.stimuli / 'image_003.jpg', quality=95)
    Image.fromarray(pixels).convert('CMYK').save(bundle.stimuli / 'image_004.tif')
    (bundle.stimuli / 'image_004.png').unlink()
    (bundle.stimuli / 'notes.txt').write_text('not an image')
    (bundle.stimuli / '._image_000.png').write_bytes(b'what macOS leaves')
    import_bundle('Tiny', *bundle.paths)
    stimuli = load_stimuli('Tiny')
    assert list(stimuli['stimulus_id']) == [f'image_{i:03d}' for i in range(8)]
    for stimulus, digest in zip(stimuli['stimulus_id'], stimuli['sha256'], strict=True):
        path = stimuli.get_stimulus(stimulus)
        assert sha256(path) == digest
        given = next(bundle.stimuli.glob(f'{stimulus}.*'))
        if given.suffix == '.png':
            assert path.read_bytes() == given.read_bytes()
        else:
            with Image.open(path) as stored, Image.open(given) as original:
                assert stored.format == 'PNG'
                np.testing.assert_array_equal(np.asarray(stored), np.asarray(original.convert('RGB')))


def test_duplicate_stimuli_are_noted(bundle, m2m_home):
    (bundle.stimuli / 'image_004.png').write_bytes((bundle.stimuli / 'image_003.png').read_bytes())
    notes = []
    import_bundle('Tiny', *bundle.paths, note=notes.append)
    assert [note for note in notes if '2 images have the same pixels as another one, such as image_003 and' in note]


@pytest.mark.seconds
def test_stimuli_of_all_kinds(bundle, m2m_home, m2m):
    """What is done to images is said, and stimuli are plain 8-bit PNG."""
    grey = np.arange(24 * 32).reshape(24, 32) % 256
    ink = np.zeros((24, 32, 4), dtype=np.uint8)
    ink[..., 3] = grey
    exif = Image.Exif()
    exif[0x0112] = 3
    kinds = {
        'image_000.tif': (Image.fromarray(np.uint16(grey * 257)), {}, grey),
        'image_001.png': (Image.fromarray(ink), {}, np.repeat(255 - grey[..., None], 3, axis=2)),
        'image_002.png': (Image.fromarray(np.uint8(grey)), {'exif': exif}, grey[::-1, ::-1]),
        'image_003.png': (Image.fromarray(grey > 99), {}, np.where(grey > 99, 255, 0)),
        'image_004.tiff': (Image.fromarray(np.float32(grey[::-1] / 255)), {}, grey[::-1]),
    }
    for name, (image, options, _) in kinds.items():
        (bundle.stimuli / name).with_suffix('.png').unlink()
        image.save(bundle.stimuli / name, **options)
    command = ('data', 'import', 'Tiny', '--sessions', bundle.sessions, '--units', bundle.units)
    ran = m2m(*command, '--stimuli', bundle.stimuli)
    assert ran.err.splitlines() == [
        'stimuli: pixels are whole numbers of more than 8 bits, up to 65,535; 65,535 is taken for white.',
        'stimuli: pixels are floating point, up to 1; 1 is taken for white.',
        'stimuli: 1 of 8 images were laid on white, because they are transparent.',
        'stimuli: 1 of 8 images were turned upright, as their orientation tags say.',
    ]
    stimuli = load_stimuli('Tiny')
    for name, (_, _, expected) in kinds.items():
        with Image.open(stimuli.get_stimulus(name.partition('.')[0])) as image:
            assert (image.format, image.mode in ('L', 'RGB'), image.getexif()) == ('PNG', True, {})
            np.testing.assert_array_equal(np.asarray(image), expected)
    ran = m2m(*command, '--stimuli', bundle.stimuli, '--background', '#0000ff')
    assert 'laid on #0000ff' in ran.err
    with Image.open(load_stimuli('Tiny').get_stimulus('image_001')) as image:
        np.testing.assert_array_equal(np.asarray(image)[..., 2], 255 - grey)
        assert not np.asarray(image)[..., :2].any()
    ran = m2m(*command, '--stimuli', bundle.stimuli, '--background', 'colourful')
    assert ran.code == 2
    assert 'expected a colour, such as black or #808080, got colourful' in ran.err


def test_manifest(bundle, imported, m2m_home):
    entry = manifest.require('Tiny')
    assert entry == imported
    folder = m2m_home / 'data' / 'Tiny'
    content = json.loads((folder / 'ledger.json').read_text())
    assert content.pop('sha256') == hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    assert content == entry
    named = manifest.files(entry)
    assert len(named) == 1 + 8
    for file in named:
        path = folder / entry['version'] / file['file']
        assert (sha256(path), path.stat().st_size) == (file['sha256'], file['bytes'])
    source = entry['source']
    assert source['sessions']['sha256'] == sha256(bundle.sessions)
    assert source['units']['sha256'] == sha256(bundle.units)
    assert source['recordings'] == {file: sha256(bundle.folder / file) for file in bundle.counts}
    assert [row['genotype'] for row in source['session_table']] == ['wt/wt'] * 3
    assert entry['summary']['areas']['VISp'] == {
        'neuroids': 10,
        'reliable': entry['summary']['areas']['VISp']['reliable'],
        'flat': 1,
        'animals': 2,
        'sessions': 2,
        'reliable_by': entry['summary']['areas']['VISp']['reliable_by'],
    }
    # Columns that group the neuroids: whole numbers and text.
    by_layer = entry['summary']['areas']['VISp']['reliable_by']
    assert set(by_layer) == {'cortical_layer'}
    assert sum(by_layer['cortical_layer'].values()) == entry['summary']['areas']['VISp']['reliable']
    # The folder holds only files of the manifest.
    expected = {'ledger.json', entry['version'], f'{entry["version"]}/stimuli'}
    assert files_below(folder) == expected | {f'{entry["version"]}/{file["file"]}' for file in named}
    assert load_assembly('Tiny').attrs['stimulus_set_identifier'] == load_stimuli('Tiny').identifier


@pytest.mark.seconds
def test_command_line(bundle, m2m_home, m2m):
    ran = m2m('data', 'import', 'Tiny', *bundle.options)
    assert ran.code == 0
    assert 'VISal' in ran.out
    assert '8 stimuli, up to 10 repetitions' in ran.out
    assert ran.err == ''
    ran = m2m('data', 'import', 'Tiny', *bundle.options, '--json', '-')
    assert json.loads(ran.out)['sha256'] == manifest.require('Tiny')['assembly']['sha256']
    assert m2m('data', 'verify').code == 0
    ran = m2m('data', 'verify', 'Tiny')
    assert (ran.code, ran.out) == (0, 'Tiny: 9 of 9 files intact\n')


def change(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path):
    os.truncate(path, path.stat().st_size - 1)


@pytest.mark.parametrize('harm', [change, truncate, 'missing'])
@pytest.mark.parametrize('file', ['assembly.nc', 'stimuli/image_002.png'])
@pytest.mark.seconds
def test_verify_finds_damage_and_an_import_fixes_it(bundle, imported, m2m_home, m2m, harm, file):
    path = m2m_home / 'data' / 'Tiny' / imported['version'] / file
    if harm == 'missing':
        path.unlink()
    else:
        harm(path)
    ran = m2m('data', 'verify')
    assert ran.code == 1
    assert 'Tiny: 8 of 9 files' in ran.out
    assert str(path) in ran.out
    assert ran.err.startswith('error: Tiny: damaged')
    assert 'm2m data import Tiny' in ran.err
    assert list(json.loads(m2m('data', 'verify', 'Tiny', '--json', '-').out)) == ['Tiny']
    import_bundle('Tiny', *bundle.paths)
    assert manifest.verify('Tiny') == []
    assert m2m('data', 'verify').code == 0


def test_verify_a_missing_dataset(m2m_home, m2m):
    ran = m2m('data', 'verify', 'Tiny')
    assert ran.code == 1
    assert 'm2m data import Tiny' in ran.err


def test_same_content_again(bundle, imported, m2m_home):
    folder = m2m_home / 'data' / 'Tiny' / imported['version']
    inodes = {path: path.stat().st_ino for path in folder.rglob('*')}
    again = import_bundle('Tiny', *bundle.paths)
    assert again['version'] == imported['version']
    assert again['assembly'] == imported['assembly']
    # Files are not rewritten, so that a killed second import leaves a complete dataset.
    assert {path: path.stat().st_ino for path in folder.rglob('*')} == inodes
    assert manifest.verify('Tiny') == []


def test_other_content_replaces_the_old(make_bundle, imported, m2m_home, tmp_path):
    other = make_bundle(tmp_path / 'other', seed=1, n_images=7)
    before = load_assembly('Tiny')
    entry = import_bundle('Tiny', *other.paths, replace=True)
    assert entry['version'] != imported['version']
    assert sorted(path.name for path in (m2m_home / 'data' / 'Tiny').iterdir()) == sorted(
        ['ledger.json', entry['version']]
    )
    assert load_assembly('Tiny').sizes['presentation'] == 70
    assert before.sizes['presentation'] == 80


def test_other_stimuli_alone_are_another_version(bundle, imported, m2m_home):
    """With the same responses and another image, cached results of the old image must not be used."""
    first = load_assembly('Tiny')
    Image.new('L', (32, 32), 7).save(bundle.stimuli / 'image_005.png')
    entry = import_bundle('Tiny', *bundle.paths, replace=True)
    assert entry['assembly'] == imported['assembly']
    assert entry['version'] != imported['version']
    second = load_assembly('Tiny')
    assert second.attrs['stimulus_set_identifier'] != first.attrs['stimulus_set_identifier']
    shown = second.attrs['stimulus_set'].get_stimulus('image_005')
    assert shown.read_bytes() == (bundle.stimuli / 'image_005.png').read_bytes()


@pytest.mark.process
@pytest.mark.shared
@pytest.mark.slow
def test_real_recordings(siegle_bundle, m2m_home):
    """Run in a separate process, to measure its time and memory."""
    bundle = siegle_bundle
    script = textwrap.dedent("""
        import json, resource, subprocess, sys, time
        start = time.perf_counter()
        ran = subprocess.run([sys.executable, '-m', 'm2m_benchmarks.cli.main', *sys.argv[1:]], capture_output=True)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # KiB; of this child alone
        print(json.dumps([ran.returncode, ran.stdout.decode(), ran.stderr.decode(), seconds, peak * 1024]))
    """)
    ran = subprocess.run(
        [sys.executable, '-c', script, 'data', 'import', 'Siegle2021', *bundle.options, '--json', '-'],
        capture_output=True,
        check=True,
    )
    code, out, err, seconds, peak = json.loads(ran.stdout)
    assert (code, err) == (0, '')
    assert seconds < 60
    assert 50e6 < peak < 2e9
    areas = json.loads(out)['areas']
    assert sum(area['sessions'] for area in areas.values()) == 39
    assert sum(area['neuroids'] for area in areas.values()) == 2958
    assert areas['VISp']['reliable'] == pytest.approx(816, rel=0.01)


@pytest.mark.seconds
@pytest.mark.shared
@pytest.mark.slow
def test_real_values(siegle_bundle, siegle):
    assembly = load_assembly('Siegle2021')
    assert assembly.sizes == {'presentation': 50 * 118, 'neuroid': 2958, 'time_bin': 1}
    assert np.isfinite(assembly.values).all()
    values, start = assembly.values[..., 0].reshape(50, 118, -1), 0
    for session in rows(siegle_bundle.sessions):
        with np.load(siegle_bundle.folder / session['file']) as file:
            counts = file['spike_counts']
        rates = counts / (float(session['window_end_s']) - float(session['window_start_s']))
        np.testing.assert_allclose(values[..., start : start + counts.shape[2]], rates, rtol=1e-6)
        start += counts.shape[2]
    layers = {unit['unit_id']: int(unit['cortical_layer']) for unit in rows(siegle_bundle.units)}
    assert [layers[unit] for unit in assembly['unit_id'].values] == list(assembly['cortical_layer'].values)
    assert manifest.verify('Siegle2021') == []
    stimuli = load_stimuli('Siegle2021')
    assert list(stimuli['stimulus_id']) == [f'scene_{i:03d}' for i in range(118)]
    scene = stimuli.get_stimulus('scene_007')
    assert scene.read_bytes() == (siegle_bundle.stimuli / 'scene_007.png').read_bytes()
