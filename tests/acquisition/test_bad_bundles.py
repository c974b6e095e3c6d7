"""Wrong bundles: the message names the problem, and nothing is written."""

import re
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.cli.main import main
from m2m_benchmarks.data import manifest
from m2m_benchmarks.errors import M2MError
from m2m_benchmarks.testing import MakesFolder


def rewrite(path, **changes):
    """Replace arrays of an .npz file; None removes one."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    arrays.update(changes)
    np.savez_compressed(path, **{name: array for name, array in arrays.items() if array is not None})


def edit(path, old, new, count=-1):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, count))


def npz(bundle):
    return bundle.folder / 'VISp_1.npz'


def counts(bundle):
    return bundle.counts['VISp_1.npz']


def cut(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


BAD = {
    'no sessions.csv': (lambda b: b.sessions.unlink(), r'sessions\.csv is missing'),
    'no units.csv': (lambda b: b.units.unlink(), r'units\.csv is missing'),
    'no recording': (lambda b: npz(b).unlink(), r'VISp_1\.npz is missing; sessions\.csv lists it'),
    'no stimuli': (lambda b: shutil.rmtree(b.stimuli), r'not a folder; expected the stimulus images'),
    'wrong shape': (lambda b: rewrite(npz(b), spike_counts=counts(b)[:, :7]), r'\(10, 7, 5\).*says \(10, 8, 5\)'),
    'two axes': (lambda b: rewrite(npz(b), spike_counts=counts(b)[0]), r'\(8, 5\).*says \(10, 8, 5\)'),
    'swapped': (lambda b: rewrite(npz(b), spike_counts=counts(b).swapaxes(0, 1)), 'Trials and images are swapped'),
    'other order': (lambda b: rewrite(npz(b), spike_counts=counts(b).T), 'axes are in another order'),
    'fewer stimuli': (lambda b: next(b.stimuli.iterdir()).unlink(), 'holds 7 images, the recordings have 8'),
    'more stimuli': (
        lambda b: Image.new('L', (8, 8), 255).save(b.stimuli / 'image_999.png'),
        'holds 9 images, the recordings have 8',
    ),
    'infinite': (
        lambda b: rewrite(npz(b), spike_counts=np.where(counts(b) == counts(b).max(), np.inf, counts(b))),
        'spike_counts are infinite',
    ),
    'negative': (lambda b: rewrite(npz(b), spike_counts=counts(b).astype(int) - 3), 'go down to -3'),
    'not integer': (lambda b: rewrite(npz(b), spike_counts=counts(b) + 0.5), 'float64; whole numbers are expected'),
    'nan responses': (
        lambda b: rewrite(npz(b), spike_counts=None, responses=np.full(counts(b).shape, np.nan)),
        'all responses are NaN',
    ),
    'text responses': (
        lambda b: rewrite(npz(b), spike_counts=None, responses=counts(b).astype(str)),
        'numbers are expected',
    ),
    'in another unit': (
        lambda b: rewrite(npz(b), spike_counts=None, responses=counts(b) * 1e-99),
        'too small for single precision; check their unit',
    ),
    'both': (lambda b: rewrite(npz(b), responses=counts(b) / 2.0), 'exactly one of spike_counts'),
    'no unit_id': (lambda b: rewrite(npz(b), unit_id=None), 'no array unit_id'),
    'units of another session': (
        lambda b: rewrite(npz(b), unit_id=np.arange(5)),
        r'column 0 of VISp_1\.npz is unit 1000, the file says 0 \(5 of 5 differ\): it belongs to other sessions',
    ),
    'units of other files': (lambda b: edit(b.units, 'VISp_1.npz', 'VISp_9.npz'), 'VISp_9.npz.*belongs to other'),
    'missing units': (lambda b: edit(b.units, 'VISp_1.npz,4,', 'VISp_2.npz,5,'), 'expected 0 to 4'),
    'duplicate unit': (lambda b: edit(b.units, ',1001,', ',1000,'), 'unit_id 1000 is in 2 rows'),
    'unit elsewhere': (lambda b: edit(b.units, '1000,VISp', '1000,VISal'), r'in VISal, sessions\.csv says VISp'),
    'objects': (
        lambda b: rewrite(npz(b), unit_id=np.array([MakesFolder(b.folder / 'ran')] * 5, dtype=object)),
        'Python objects, which are not read',
    ),
    'not an npz': (lambda b: npz(b).write_text('no'), r'cannot be read as \.npz'),
    'a single array': (lambda b: np.save(npz(b).open('wb'), counts(b)), r'cannot be read as \.npz'),
    'cut npz (10 %)': (lambda b: cut(npz(b), 0.1), r'cannot be read as \.npz'),
    'cut npz (60 %)': (lambda b: cut(npz(b), 0.6), r'cannot be read as \.npz'),
    'cut npz (99 %)': (lambda b: cut(npz(b), 0.99), r'cannot be read as \.npz'),
    'empty npz': (lambda b: cut(npz(b), 0), r'cannot be read as \.npz'),
    'cut png': (lambda b: cut(b.stimuli / 'image_003.png', 0.7), r'image_003\.png cannot be read as an image'),
    'empty png': (lambda b: cut(b.stimuli / 'image_003.png', 0), r'image_003\.png cannot be read as an image'),
    'area that cannot be': (lambda b: edit(b.sessions, 'VISal_1.npz,VISal', 'VISal_1.npz,VIS.al'), "area is 'VIS.al'"),
    'window': (lambda b: edit(b.sessions, '0.05,0.25', '0.25,0.05'), 'ends .* before it starts'),
    'number of trials': (lambda b: edit(b.sessions, ',10,8,5', ',ten,8,5', 1), "row 2: n_trials is 'ten'"),
    'half a trial': (lambda b: edit(b.sessions, ',10,8,5', ',9.5,8,5', 1), 'expected a whole number'),
    'far too many trials': (
        lambda b: edit(b.sessions, ',8,8,5', ',2000000000,8,5'),
        r'fit into memory|\(2000000000, 8, 5\)',
    ),
    'far too many units': (lambda b: edit(b.sessions, ',8,5,', ',8,2000000000,'), r'fit into memory|8, 2000000000\)'),
    'window in milliseconds': (lambda b: edit(b.sessions, '0.05,0.25', '50,250'), 'seconds .* not milliseconds'),
    'no window': (lambda b: edit(b.sessions, '0.05,0.25', '0,1e-320'), r'at least 0\.001 s'),
    'rows longer than the header': (
        lambda b: edit(b.units, ',cortical_depth', ''),
        'more cells than its first row has column names',
    ),
    'a name that cannot be kept': (
        lambda b: edit(b.units, 'cortical_depth', 'depth/um'),
        "cannot be called 'depth/um'",
    ),
    'one trial': (lambda b: edit(b.sessions, ',10,8,5', ',1,8,5', 1), '1 trial, while other recordings have more'),
    'images differ': (lambda b: edit(b.sessions, ',10,8,5', ',10,9,5', 1), 'holds 8 images, the recordings have 9'),
    'empty cell': (lambda b: edit(b.sessions, ',101,', ',,', 1), 'specimen_id is empty'),
    'missing column': (lambda b: edit(b.sessions, 'session_id', 'session'), 'has no column session_id'),
    'empty table': (lambda b: b.sessions.write_text(''), 'cannot be read as CSV'),
    'no rows': (lambda b: b.units.write_text('file,column,unit_id,area\n'), 'has no rows'),
    'a file twice': (lambda b: edit(b.sessions, 'VISp_2.npz', 'VISp_1.npz'), 'listed more than once'),
    'not text': (lambda b: b.sessions.write_bytes(bytes(range(256)) * 4), 'sessions.csv'),
}


@pytest.mark.seconds
@pytest.mark.parametrize('case', BAD)
@pytest.mark.several
def test_nothing_is_written(case, make_bundle, m2m_home, tmp_path, monkeypatch, capsys):
    bundle = make_bundle(tmp_path / 'bundle')
    spoil, message = BAD[case]
    spoil(bundle)
    monkeypatch.setattr(sys, 'argv', ['m2m', 'data', 'import', 'Lab2026', *bundle.options])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 1
    output = capsys.readouterr()
    assert output.err.startswith('error: ')
    assert re.search(message, output.err, re.DOTALL), output.err
    assert 'Traceback' not in output.err
    assert not (bundle.folder / 'ran').exists()
    assert manifest.names() == []
    assert [path.name for path in (m2m_home / 'data').rglob('*')] == ['.Lab2026.lock']
    # An earlier dataset of the same name is unchanged.
    entry = import_bundle('Lab2026', *make_bundle(tmp_path / 'good').paths)
    before = {path: path.stat().st_mtime_ns for path in (m2m_home / 'data').rglob('*')}
    with pytest.raises(M2MError, match=re.compile(message, re.DOTALL)):
        import_bundle('Lab2026', *bundle.paths, replace=True)
    assert not (bundle.folder / 'ran').exists()
    assert manifest.require('Lab2026') == entry
    assert manifest.verify('Lab2026') == []
    after = {path: path.stat().st_mtime_ns for path in (m2m_home / 'data').rglob('*')}
    assert {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)} <= {
        m2m_home / 'data' / '.Lab2026.lock'
    }


@pytest.mark.parametrize('name', ['Lab-2026', '../x', '', '2026', 'SimulatedMouse', 'a b', 'x\n'])
def test_bad_names(name, make_bundle, m2m_home, tmp_path):
    with pytest.raises(M2MError, match=r'letters and digits|under another name'):
        import_bundle(name, *make_bundle(tmp_path / 'bundle').paths)
    assert not m2m_home.exists()


def test_the_same_image_in_two_formats(make_bundle, m2m_home, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    (bundle.stimuli / 'image_007.png').unlink()
    Image.new('L', (9, 9)).save(bundle.stimuli / 'image_000.jpg')
    with pytest.raises(M2MError, match='image_000 in two formats'):
        import_bundle('Lab2026', *bundle.paths)
