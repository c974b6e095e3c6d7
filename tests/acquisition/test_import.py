"""What an import writes, against a slow construction from the bundle."""

import hashlib
import io
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from m2m_benchmarks import load_dataset, load_stimulus_set
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.arrays import split_half_reliability
from m2m_benchmarks.cli.main import main
from m2m_benchmarks.data import ledger
from m2m_benchmarks.data.store import average_repetitions
from m2m_benchmarks.errors import DataError


@pytest.fixture
def imported(make_bundle, m2m_home, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    return bundle, import_bundle('Lab2026', *bundle.paths)


def test_every_response_is_where_it_belongs(imported):
    bundle, _ = imported
    assembly = load_dataset('Lab2026')
    assert assembly.dims == ('presentation', 'neuroid', 'time_bin')
    assert type(assembly).__name__ == 'NeuronRecordingAssembly'
    units = pd.read_csv(bundle.units, dtype=str)
    assert list(assembly['neuroid_id'].values) == list(units['unit_id'])
    names = sorted(path.stem for path in bundle.stimuli.iterdir())
    values = assembly.values[:, :, 0]
    seen = 0
    for p, (stimulus, repetition) in enumerate(
        zip(assembly['stimulus_id'].values, assembly['repetition'].values, strict=True)
    ):
        for n, unit in units.iterrows():
            counts = bundle.counts[unit['file']]
            if repetition < len(counts):
                count = counts[repetition, names.index(stimulus), int(unit['column'])]
                assert values[p, n] == np.float32(count / 0.2)
                seen += 1
            else:  # a session with fewer repetitions
                assert np.isnan(values[p, n])
    assert seen == sum(counts.size for counts in bundle.counts.values())


def test_coordinates(imported):
    bundle, _ = imported
    assembly = load_dataset('Lab2026')
    units = pd.read_csv(bundle.units)
    for column in units:
        found = assembly[column].values
        assert list(found.astype(str)) == list(units[column].astype(str)), column
    assert list(assembly['region'].values) == list(units['area'])
    assert list(assembly['animal'].values) == list(units['specimen_id'].astype(str))
    assert list(assembly['session'].values) == list(units['session_id'].astype(str))
    assert assembly['time_bin_start'].values.tolist() == [50.0]
    assert assembly['time_bin_end'].values.tolist() == [250.0]
    for file, counts in bundle.counts.items():
        mine = assembly['file'].values == file
        np.testing.assert_allclose(
            assembly['reliability'].values[mine], split_half_reliability(counts.astype(float)), atol=1e-6
        )
    assert np.isnan(assembly['reliability'].values[4])  # the one that never fires


def test_averages_ignore_what_was_not_recorded(imported):
    bundle, _ = imported
    mean = average_repetitions(load_dataset('Lab2026'))
    expected = np.concatenate([counts.mean(axis=0) / 0.2 for counts in bundle.counts.values()], axis=1)
    np.testing.assert_allclose(mean.values, expected, rtol=1e-6)


def test_stimuli_byte_for_byte(imported):
    bundle, entry = imported
    stimuli = load_stimulus_set('Lab2026')
    assert list(stimuli['stimulus_id']) == [f'image_{i:03d}' for i in range(8)]
    for name, sha256 in zip(stimuli['stimulus_id'], stimuli['sha256'], strict=True):
        content = (bundle.stimuli / f'{name}.png').read_bytes()
        assert stimuli.get_stimulus(name).read_bytes() == content
        assert hashlib.sha256(content).hexdigest() == sha256
    path = ledger.path_of('Lab2026', entry, entry['assembly'])
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry['assembly']['sha256']


def test_other_image_formats_become_png(make_bundle, m2m_home, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    pixels = np.asarray(Image.open(bundle.stimuli / 'image_002.png'))
    (bundle.stimuli / 'image_002.png').unlink()
    Image.fromarray(pixels).save(bundle.stimuli / 'image_002.tiff')
    (bundle.stimuli / 'notes.txt').write_text('not a stimulus')
    import_bundle('Lab2026', *bundle.paths)
    path = load_stimulus_set('Lab2026').get_stimulus('image_002')
    with Image.open(io.BytesIO(path.read_bytes())) as image:
        assert image.format == 'PNG'
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_responses_are_kept_as_they_are(make_bundle, m2m_home, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    values = np.random.default_rng(0).standard_normal(bundle.counts['VISp_1.npz'].shape).astype(np.float32)
    np.savez(bundle.folder / 'VISp_1.npz', responses=values, unit_id=1000 + np.arange(5))
    import_bundle('Lab2026', *bundle.paths)
    found = load_dataset('Lab2026').values[:, :5, 0].reshape(10, 8, 5)
    np.testing.assert_array_equal(found, values)


def test_columns_that_clash_are_renamed(make_bundle, m2m_home, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    text = bundle.units.read_text().replace('cortical_layer', 'reliability')
    bundle.units.write_text(text)
    import_bundle('Lab2026', *bundle.paths)
    assembly = load_dataset('Lab2026')
    assert list(assembly['unit_reliability'].values[:3]) == [0, 1, 2]


def test_a_new_import_replaces_the_old(imported, make_bundle, m2m_home, tmp_path):
    _, first = imported
    other = make_bundle(tmp_path / 'other', seed=1)
    second = import_bundle('Lab2026', *other.paths)
    assert second['version'] != first['version']
    folders = [path.name for path in (m2m_home / 'data' / 'Lab2026').iterdir() if path.is_dir()]
    assert folders == [second['version']]
    assert not ledger.verify('Lab2026')
    again = import_bundle('Lab2026', *other.paths)
    assert again['version'] == second['version']
    assert not ledger.verify('Lab2026')
    found = load_dataset('Lab2026').values[:80, 0, 0] * np.float32(0.2)
    np.testing.assert_allclose(found, other.counts['VISp_1.npz'][..., 0].ravel(), rtol=1e-6)


@pytest.mark.parametrize('damage', ['cut', 'change', 'remove', 'stimulus'])
def test_verify_finds_damage(imported, damage, monkeypatch, capsys):
    _, entry = imported
    path = ledger.path_of('Lab2026', entry, entry['stimuli'][2] if damage == 'stimulus' else entry['assembly'])
    content = path.read_bytes()
    if damage == 'remove':
        path.unlink()
    elif damage == 'cut':
        path.write_bytes(content[: len(content) // 2])
    else:
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    monkeypatch.setattr(sys, 'argv', ['m2m', 'data', 'verify'])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 1
    output = capsys.readouterr()
    assert path.name in output.out
    assert 'm2m data import Lab2026' in output.err
    with pytest.raises(DataError, match='m2m data import Lab2026'):
        load_dataset('Lab2026')


def test_verify_when_all_is_well(imported, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['m2m', 'data', 'verify', '--json'])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 0
    assert json.loads(capsys.readouterr().out) == {'Lab2026': []}


REAL = """
import resource, sys, time
from m2m_benchmarks.cli.main import main
start = time.monotonic()
sys.argv = ['m2m', 'data', 'import', 'Siegle2021', *sys.argv[1:], '--json']
try:
    main()
finally:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(time.monotonic() - start, peak, file=sys.stderr)
"""


@pytest.mark.shared
def test_real_recordings(siegle_bundle, m2m_home):
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', REAL, *siegle_bundle.options],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    seconds, peak_gb = map(float, done.stderr.split()[-2:])
    assert seconds < 60
    assert peak_gb < 2
    areas = json.loads(done.stdout)['areas']
    assert sum(area['sessions'] for area in areas.values()) == 39
    assert sum(area['neuroids'] for area in areas.values()) == 2958
    assert areas['VISp']['reliable'] == pytest.approx(816, rel=0.01)
    assert not ledger.verify('Siegle2021')
