"""Names, replacement, removal, export and import of datasets."""

import hashlib
import io
import json
import os
import re
import shutil
import zipfile

import h5py
import numpy as np
import pytest

from m2m_benchmarks.acquisition.archive import export_archive, import_archive
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.data import atomic, manifest
from m2m_benchmarks.data.digits.domains import load_digits
from m2m_benchmarks.data.made_here import MADE_HERE
from m2m_benchmarks.errors import DataError, StorageError
from m2m_benchmarks.plugins import load_benchmark

pytestmark = pytest.mark.usefixtures('few_draws')


@pytest.mark.parametrize('name', ['MNIST', 'mnist', 'MNISTM', 'SVHN', 'usps', 'SklearnDigits', 'Qazi2025', 'QAZI2025'])
def test_names_of_digits_are_not_for_recordings(m2m_home, make_bundle, tmp_path, name):
    with pytest.raises(DataError, match='is the name of digits'):
        import_bundle(name, *make_bundle(tmp_path / 'bundle').paths)
    assert not m2m_home.exists()


def test_the_name_of_recordings_that_are_made_here_is_not_for_others(m2m_home, make_bundle, tmp_path):
    with pytest.raises(DataError, match='SimulatedMouse is made by this library; import recordings under another name'):
        import_bundle('SimulatedMouse', *make_bundle(tmp_path / 'bundle').paths)
    assert not m2m_home.exists()


def test_names_that_differ_in_case_only(m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    import_bundle('Lab2026', *bundle.paths)
    for name, known in (('siegle2021', 'Siegle2021'), ('LAB2026', 'Lab2026')):
        with pytest.raises(DataError, match=f'{name} differs from {known} only in the case'):
            import_bundle(name, *bundle.paths)


@pytest.mark.seconds
def test_other_recordings_are_replaced_where_asked(m2m, m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    other = make_bundle(tmp_path / 'other', seed=1)
    before = import_bundle('Lab2026', *bundle.paths)
    ran = m2m('data', 'import', 'Lab2026', *other.options)
    assert ran.code == 1
    assert 'Lab2026 is on this machine already: 15 neuroids, m2m data import of 20' in ran.err
    assert '--replace' in ran.err
    assert manifest.require('Lab2026') == before
    assert m2m('data', 'import', 'Lab2026', *bundle.options).code == 0  # the same files
    assert m2m('data', 'import', 'Lab2026', *other.options, '--replace').code == 0
    assert manifest.require('Lab2026')['version'] != before['version']


def test_remove(m2m, m2m_home, make_bundle, tmp_path):
    import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle').paths)
    ran = m2m('data', 'remove', 'Lab2027')
    assert (ran.code, 'Did you mean Lab2026?' in ran.err) == (1, True)
    ran = m2m('data', 'remove', 'Lab2026')
    assert ran.code == 0
    assert ran.out.startswith('Lab2026 was removed.\n')
    assert 'm2m data import Lab2026' in ran.out
    assert [path.name for path in (m2m_home / 'data').iterdir()] == ['.Lab2026.lock']
    assert m2m('data', 'remove', 'Lab2026').code == 1


def test_remove_a_damaged_dataset(m2m, m2m_home, make_bundle, tmp_path):
    import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle').paths)
    (m2m_home / 'data' / 'Lab2026' / 'ledger.json').write_text('no')
    assert m2m('data', 'remove', 'Lab2026').code == 0
    assert manifest.names() == []


def test_remove_a_dataset_on_another_disk(m2m, m2m_home, make_bundle, tmp_path):
    import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle').paths)
    (m2m_home / 'data' / 'Lab2026').rename(tmp_path / 'disk')
    (m2m_home / 'data' / 'Lab2026').symlink_to(tmp_path / 'disk')
    assert m2m('data', 'remove', 'Lab2026').code == 0
    assert not (tmp_path / 'disk').exists()
    assert [path.name for path in (m2m_home / 'data').iterdir()] == ['.Lab2026.lock']


@pytest.mark.seconds
@pytest.mark.parametrize(('content', 'problem'), [('{"format": 1', 'cannot be read'), ('{"format": 1}', 'damaged')])
def test_one_damaged_manifest_does_not_hide_the_other_datasets(m2m, m2m_home, make_bundle, tmp_path, content, problem):
    bundle = make_bundle(tmp_path / 'bundle')
    for name in ('Lab2026', 'Lab2027'):
        import_bundle(name, *bundle.paths)
    (m2m_home / 'data' / 'Lab2026' / 'ledger.json').write_text(content)
    for *command, shown in (
        ('data', 'list', 'Lab2027 '),
        ('data', 'verify', 'Lab2027: 9 of 9 files intact'),
        ('benchmarks', 'Lab2027 '),
        ('benchmarks', '--all', 'Lab2027.VISp-rdm'),
    ):
        ran = m2m(*command)
        assert (ran.code, shown in ran.out) == (1, True)
        assert re.search(rf'Lab2026/ledger\.json .*{problem}', ran.out + ran.err)
        assert 'Bring it again: m2m data import Lab2026' in ran.err
        if command[-1] in ('list', 'benchmarks'):
            assert re.search(r'Damaged\n +Lab2026', ran.out)
    ran = m2m('doctor')
    assert ran.code == 1
    assert 'broken   data Lab2026: the manifest' in ran.out
    assert 'ok       data Lab2027: 15 neuroids' in ran.out


def test_datasets_that_are_made_on_first_use(m2m, m2m_home):
    ran = m2m('data', 'verify', 'SimulatedMouse')
    assert (ran.code, 'made when a benchmark of it is first scored' in ran.err) == (1, True)


def test_a_name_too_long_for_files(m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    with pytest.raises(DataError, match='the first a letter, at most 100'):
        import_bundle('L' * 101, *bundle.paths)
    assert import_bundle('L' * 100, *bundle.paths)['name'] == 'L' * 100


def test_remove_while_it_is_written(m2m, m2m_home, make_bundle, tmp_path):
    import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle').paths)
    with atomic.write_lock('Lab2026'):
        assert m2m('data', 'remove', 'Lab2026').code == 1
    assert manifest.verify('Lab2026') == []


@pytest.mark.seconds
def test_an_exported_dataset_is_the_same_on_another_machine(m2m, m2m_home, make_bundle, tmp_path, monkeypatch):
    entry = import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle').paths, citation='Smith (2026)')
    before = load_benchmark('Lab2026.VISp-rdm')
    file = tmp_path / 'Lab2026.zip'
    ran = m2m('data', 'export', 'Lab2026', file)
    assert (ran.code, ran.out) == (0, f'{file}\n')
    monkeypatch.setenv('M2M_HOME', str(tmp_path / 'another'))
    assert m2m('data', 'import', file).code == 0
    assert manifest.require('Lab2026') == entry
    assert manifest.verify('Lab2026') == []
    after = load_benchmark('Lab2026.VISp-rdm')
    assert float(after.ceiling) == float(before.ceiling)
    np.testing.assert_array_equal(after.recordings.mean.values, before.recordings.mean.values)
    assert m2m('data', 'import', file).code == 0  # again
    import_bundle('Lab2026', *make_bundle(tmp_path / 'other', seed=1).paths, replace=True)
    ran = m2m('data', 'import', file)
    assert (ran.code, 'Replace it with --replace' in ran.err) == (1, True)
    assert m2m('data', 'import', file, '--replace').code == 0
    assert manifest.require('Lab2026') == entry
    assert m2m('data', 'import', file, '--units', 'units.csv').code == 2


def test_exported_digits(m2m_home, make_domain, tmp_path, monkeypatch):
    make_domain('Mine')
    entry, digits = manifest.require('Mine'), load_digits('Mine', 'test')
    export_archive('Mine', tmp_path / 'mine.zip')
    monkeypatch.setenv('M2M_HOME', str(tmp_path / 'another'))
    assert import_archive(tmp_path / 'mine.zip') == entry
    np.testing.assert_array_equal(load_digits('Mine', 'test').images, digits.images)


@pytest.mark.parametrize('name', MADE_HERE)
def test_what_the_library_makes_is_not_exported(simulated_home, tmp_path, name):
    with pytest.raises(DataError, match=f'{name} is not exported: this library makes it on each machine'):
        export_archive(name, tmp_path / 'x.zip')
    assert not (tmp_path / 'x.zip').exists()


def test_a_damaged_dataset_is_not_exported(m2m_home, make_bundle, tmp_path):
    entry = import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle').paths)
    manifest.path_of('Lab2026', entry, entry['stimuli'][0]).unlink()
    with pytest.raises(DataError, match='Lab2026 is damaged'):
        export_archive('Lab2026', tmp_path / 'x.zip')
    assert not (tmp_path / 'x.zip').exists()
    with pytest.raises(StorageError, match=r'ends in \.zip'):
        export_archive('Lab2026', tmp_path / 'x.tar')


@pytest.mark.seconds
@pytest.mark.parametrize('separator', ['/', '\\'])
def test_an_archive_that_was_packed_again_with_its_folder(m2m_home, make_bundle, tmp_path, monkeypatch, separator):
    """File managers pack like this; macOS adds files of its own, and PowerShell writes backslashes.

    The dataset's files may be dated 1970.
    """
    entry = import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle').paths)
    for file in manifest.files(entry):
        os.utime(manifest.path_of('Lab2026', entry, file), (0, 0))
    export_archive('Lab2026', tmp_path / 'first.zip')
    with zipfile.ZipFile(tmp_path / 'first.zip') as first, zipfile.ZipFile(tmp_path / 'again.zip', 'w') as again:
        for name in first.namelist():
            again.writestr(f'Lab2026/{name}'.replace('/', separator), first.read(name))
            again.writestr(f'__MACOSX/Lab2026/._{name}'.replace('/', separator), b'x')
    monkeypatch.setenv('M2M_HOME', str(tmp_path / 'another'))
    assert import_archive(tmp_path / 'again.zip') == entry
    assert manifest.verify('Lab2026') == []


@pytest.mark.seconds
def test_digits_and_recordings_do_not_replace_each_other(m2m_home, make_bundle, make_domain, tmp_path, monkeypatch):
    import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle').paths)
    export_archive('Lab2026', tmp_path / 'recordings.zip')
    monkeypatch.setenv('M2M_HOME', str(tmp_path / 'another'))
    make_domain('Lab2026')
    export_archive('Lab2026', tmp_path / 'digits.zip')
    with pytest.raises(DataError, match='Lab2026 is the name of digits on this machine'):
        import_archive(tmp_path / 'recordings.zip', replace=True)
    monkeypatch.setenv('M2M_HOME', str(m2m_home))
    with pytest.raises(DataError, match='Lab2026 is the name of recordings on this machine'):
        import_archive(tmp_path / 'digits.zip', replace=True)


def changed(key, value):
    def change(files):
        content = json.loads(files['ledger.json'])
        content[key] = value
        return {**files, 'ledger.json': json.dumps(content).encode()}

    return change


def fewer(files):
    content = json.loads(files['ledger.json'])
    content['stimuli'].pop()
    content['version'] = atomic.version_of(manifest.files(content))
    return {**files, 'ledger.json': json.dumps(content).encode()}


def of_first(**values):
    """Change the entry of the first stimulus."""

    def change(files):
        content = json.loads(files['ledger.json'])
        content['stimuli'][0].update(values)
        return {**files, 'ledger.json': json.dumps(content).encode()}

    return change


def of_areas(change):
    def changed_areas(files):
        content = json.loads(files['ledger.json'])
        content['summary']['areas'] = change(content['summary']['areas'])
        return {**files, 'ledger.json': json.dumps(content).encode()}

    return changed_areas


def outside(files):
    content = json.loads(files['ledger.json'])
    content['assembly']['file'] = '../../out.nc'
    content['version'] = atomic.version_of(manifest.files(content))
    return {**files, 'ledger.json': json.dumps(content).encode(), '../../out.nc': files['assembly.nc']}


def replaced(name, make):
    """Replace a file of an archive, with a manifest that fits."""

    def change(files):
        content = json.loads(files['ledger.json'])
        name_of_first = next(file['file'] for file in manifest.files(content) if file['file'].startswith(name))
        new = make(files[name_of_first])
        for file in manifest.files(content):
            if file['file'] == name_of_first:
                file.update(bytes=len(new), sha256=hashlib.sha256(new).hexdigest())
        content['version'] = atomic.version_of(manifest.files(content))
        return {**files, name_of_first: new, 'ledger.json': json.dumps(content).encode()}

    return change


def with_dataset(content, **options):
    """Add a dataset to the content of an HDF5 file."""
    file = io.BytesIO(content)
    with h5py.File(file, 'r+') as stored:
        stored.create_dataset('added', **{'dtype': 'u1', **options})
    return file.getvalue()


def other_array(change):
    """Replace an array in the content of a .npy file."""

    def make(content):
        file = io.BytesIO()
        np.save(file, change(np.load(io.BytesIO(content))), allow_pickle=True)
        return file.getvalue()

    return make


DIGITS_THAT_ARE_REFUSED = {
    'test/images.npy': [
        (lambda images: images[:-1], r'its ledger\.json counts 30'),
        (lambda images: images / 255, 'has images of type float64'),
        (lambda images: images[:, :16], r'expected uint8 of shape \(30, 32, 32, 1 or 3\)'),
    ],
    'test/labels.npy': [
        (lambda labels: labels + 1, 'has the label 10; expected 0 to 9'),
        (lambda labels: -labels, 'has the label -'),
        (lambda labels: labels.astype(float), 'has labels of type float64'),
        (lambda labels: labels * 0, 'has no image of the class 1, 2'),
        (lambda labels: labels.astype(object), 'cannot be read as plain arrays'),
    ],
    'test/clusters.npy': [(lambda clusters: clusters * 0, 'has 1 clusters of images, and its .* counts 30')],
}


@pytest.mark.parametrize(
    ('file', 'change', 'words'),
    [(file, *case) for file, cases in DIGITS_THAT_ARE_REFUSED.items() for case in cases],
)
def test_archives_of_digits_that_are_refused(m2m_home, make_domain, tmp_path, monkeypatch, file, change, words):
    make_domain('Mine', train=0, test=30)
    export_archive('Mine', tmp_path / 'whole.zip')
    with zipfile.ZipFile(tmp_path / 'whole.zip') as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / 'wrong.zip', 'w') as archive:
        for name, content in replaced(file, other_array(change))(files).items():
            archive.writestr(name, content)
    monkeypatch.setenv('M2M_HOME', str(tmp_path / 'another'))
    with pytest.raises(DataError, match=f'its split test .*{words}'):
        import_archive(tmp_path / 'wrong.zip')
    assert manifest.read('Mine') is None


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda splits: splits.clear(), 'splits none'),
        (lambda splits: splits.update({'../x': splits.pop('test')}), r"splits '\.\./x'"),
        (lambda splits: splits['test']['files'].pop('clusters'), 'has no file of its clusters'),
    ],
)
def test_archives_of_digits_with_odd_splits(m2m_home, make_domain, tmp_path, monkeypatch, change, words):
    make_domain('Mine', train=0, test=30)
    export_archive('Mine', tmp_path / 'whole.zip')
    with zipfile.ZipFile(tmp_path / 'whole.zip') as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    content = json.loads(files['ledger.json'])
    change(content['splits'])
    content['version'] = atomic.version_of(manifest.files(content))
    with zipfile.ZipFile(tmp_path / 'wrong.zip', 'w') as archive:
        for name, data in {**files, 'ledger.json': json.dumps(content).encode()}.items():
            archive.writestr(name, data)
    monkeypatch.setenv('M2M_HOME', str(tmp_path / 'another'))
    with pytest.raises(DataError, match=words):
        import_archive(tmp_path / 'wrong.zip')
    assert manifest.read('Mine') is None


def npy(header):
    """Content of a .npy file with a header."""
    text = header.encode().ljust(118) + b'\n'
    return b'\x93NUMPY\x01\x00' + len(text).to_bytes(2, 'little') + text + bytes(64)


@pytest.mark.parametrize(
    'shape',
    ['(-1, 32)', '(99999999999999999999999,)', f'({2**64}, 32)', '(True, 32, 32, 1)', '(' * 50, '1+' * 30 + '1j'],
)
def test_archives_of_digits_with_odd_headers(m2m_home, make_domain, tmp_path, monkeypatch, shape):
    make_domain('Mine', train=0, test=30)
    export_archive('Mine', tmp_path / 'whole.zip')
    with zipfile.ZipFile(tmp_path / 'whole.zip') as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}"
    with zipfile.ZipFile(tmp_path / 'wrong.zip', 'w') as archive:
        for name, data in replaced('test/images.npy', lambda content: npy(header))(files).items():
            archive.writestr(name, data)
    monkeypatch.setenv('M2M_HOME', str(tmp_path / 'another'))
    with pytest.raises(DataError, match=r'its split test (cannot be read as plain arrays|has images of type)'):
        import_archive(tmp_path / 'wrong.zip')


def named(name, second=None):
    """Rename the first stimulus in an archive, and perhaps the second."""

    def change(files):
        content = json.loads(files['ledger.json'])
        for stimulus, new in zip(content['stimuli'], (name, second), strict=False):
            if new is not None:
                files = {**files, new: files[stimulus['file']]}
                stimulus['file'] = new
        content['version'] = atomic.version_of(manifest.files(content))
        return {**files, 'ledger.json': json.dumps(content).encode()}

    return change


def with_attribute(content):
    """Add an attribute of many texts to the content of an HDF5 file."""
    file = io.BytesIO(content)
    with h5py.File(file, 'r+') as stored:
        stored['data'].attrs['added'] = np.full(4000, 'x', dtype=h5py.string_dtype())
        stored['more'] = np.zeros(3 * 10**6, dtype='u1')
    return file.getvalue()


def with_reliability(value):
    def change(content):
        file = io.BytesIO(content)
        with h5py.File(file, 'r+') as stored:
            stored['reliability'][0] = value
        return file.getvalue()

    return change


WRONG = {
    'a name that holds a NUL': (named('stimuli/a\0.png'), "expected a path inside the dataset's folder"),
    'a name that is too long': (named(f'stimuli/{"a" * 300}.png'), 'is too long'),
    'a file and a folder of one name': (named('a', 'a/b'), 'a is a file and a folder'),
    'one file under two spellings': (named('stimuli/a.png', 'stimuli//a.png'), "the path 'stimuli//a.png'"),
    'names that differ in case': (named('stimuli/a.png', 'stimuli/A.png'), 'not those of its version'),
    'texts that fill the memory': (
        replaced(
            'assembly',
            lambda old: with_dataset(old, shape=(10**6,), dtype=h5py.string_dtype(), fillvalue=b'x' * 60_000),
        ),
        '/added unpacks to 8 GB or more',
    ),
    'an attribute that may fill the memory': (
        replaced('assembly', with_attribute),
        'the attribute added of /data unpacks to',
    ),
    'an assembly that is stored elsewhere': (
        replaced('assembly', lambda old: with_dataset(old, shape=(5,), external=[('/secret', 0, 5)])),
        '/added is stored in another file, /secret',
    ),
    'an assembly that fills the memory': (
        replaced('assembly', lambda old: with_dataset(old, shape=(10**12,), chunks=(10,))),
        '/added unpacks to 1e+03 GB',
    ),
    'a reliability above 1': (replaced('assembly', with_reliability(1e9)), 'has a reliability of 1e+09, expected 1'),
    'an assembly of another format': (replaced('assembly', lambda old: b'CDF\x01' + old), 'cannot be read as HDF5'),
    'a program for a stimulus': (
        replaced('stimuli', lambda old: b'%!PS-Adobe-3.0 EPSF-3.0\n'),
        'image_000.png is not a PNG',
    ),
    'no manifest': (lambda files: {'a': b''}, 'no ledger'),
    'no JSON': (lambda files: {**files, 'ledger.json': b'{'}, 'is wrong'),
    'a list': (lambda files: {**files, 'ledger.json': b'[]'}, 'is wrong'),
    'another format': (changed('format', 7), 'format 7'),
    'another version': (changed('version', 'x'), 'not those of its version'),
    'an unknown kind': (changed('kind', 'movie'), "kind is 'movie'"),
    'fewer stimuli': (fewer, '1 stimuli'),
    'other stimuli': (of_first(stimulus_id='another'), 'differ from those in its ledger.json'),
    'a stimulus with other columns': (of_first(columns={'condition': 'a'}), 'has other columns than the first one'),
    'columns that are no object': (
        of_first(columns='x'),
        "stimuli[0].columns is 'x', expected an object",
    ),
    'a name that cannot be that of a dataset': (changed('name', '5x'), 'cannot be the name'),
    'nested without end': (lambda files: {**files, 'ledger.json': b'[' * 100_000}, 'is wrong'),
    'two manifests': (lambda files: {**files, 'b/ledger.json': files['ledger.json']}, 'more than one ledger'),
    'no summary': (changed('summary', {}), 'summary.repetitions is missing'),
    'the name of digits': (changed('name', 'MNIST'), 'is the name of digits'),
    'a name that cannot be': (changed('name', '../x'), "name is '../x', expected the name of a folder"),
    'a name that is no text': (changed('name', 5), 'name is 5, expected the name of a folder'),
    'a description that is no text': (
        changed('source', {'made_by': '', 'description': {'citation': 5}}),
        'source.description.citation is 5, expected a text',
    ),
    'settings that are a list': (
        changed('source', {'made_by': '', 'settings': [1, 2]}),
        'source.settings is [1, 2], expected an object',
    ),
    'an area without a name': (of_areas(lambda areas: {'': areas['VISp']}), "summary.areas has '', expected the name"),
    'populations without numbers': (
        of_areas(lambda areas: {'VISp': {**areas['VISp'], 'reliable_by': {'layer': {'4': 'many'}}}}),
        "reliable_by.layer.4 is 'many', expected a whole number",
    ),
    'a path outside': (outside, "assembly.file is '../../out.nc', expected a path inside"),
    'a file that is missing': (lambda files: {k: v for k, v in files.items() if 'assembly' not in k}, 'incomplete'),
    'a file that differs': (lambda files: {**files, 'assembly.nc': files['assembly.nc'][:-1] + b'?'}, 'damaged'),
    'a file that is shorter': (lambda files: {**files, 'assembly.nc': b''}, 'damaged'),
}


@pytest.mark.seconds
@pytest.mark.parametrize('case', WRONG)
def test_archives_that_are_refused(m2m, m2m_home, make_bundle, tmp_path, monkeypatch, case):
    import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle', n_images=2, n_units=2).paths)
    export_archive('Lab2026', tmp_path / 'whole.zip')
    with zipfile.ZipFile(tmp_path / 'whole.zip') as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change, message = WRONG[case]
    with zipfile.ZipFile(tmp_path / 'wrong.zip', 'w') as archive:
        for name, content in change(files).items():
            archive.writestr(name, content)
    monkeypatch.setenv('M2M_HOME', str(tmp_path / 'another' / 'home'))
    ran = m2m('data', 'import', tmp_path / 'wrong.zip')
    assert ran.code == 1
    assert message in ran.err
    assert manifest.names() == []
    assert not list((tmp_path / 'another').rglob('*.nc'))


def test_an_archive_with_a_password(m2m, m2m_home, make_bundle, tmp_path):
    import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle', n_images=2, n_units=2).paths)
    export_archive('Lab2026', tmp_path / 'x.zip')
    content = bytearray((tmp_path / 'x.zip').read_bytes())
    for signature, flags in ((b'PK\x03\x04', 6), (b'PK\x01\x02', 8)):  # of each file, and in the directory
        place = -1
        while (place := content.find(signature, place + 1)) >= 0:
            content[place + flags] |= 1
    (tmp_path / 'x.zip').write_bytes(content)
    ran = m2m('data', 'import', tmp_path / 'x.zip')
    assert (ran.code, ran.out) == (1, '')
    assert 'is encrypted' in ran.err and 'Pack it without a password' in ran.err


@pytest.mark.seconds
@pytest.mark.parametrize('share', [0, 0.5, 0.99])
def test_archives_that_are_cut(m2m, m2m_home, make_bundle, tmp_path, share):
    import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle', n_images=2, n_units=2).paths)
    export_archive('Lab2026', tmp_path / 'x.zip')
    content = (tmp_path / 'x.zip').read_bytes()
    (tmp_path / 'x.zip').write_bytes(content[: int(share * len(content))])
    ran = m2m('data', 'import', tmp_path / 'x.zip')
    assert (ran.code, 'cannot be read as a zip archive' in ran.err) == (1, True)
    assert m2m('data', 'import', tmp_path / 'y.zip').code == 1


def test_an_archive_beyond_the_limit(m2m, m2m_home, make_bundle, tmp_path, monkeypatch):
    import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle', n_images=2, n_units=2).paths)
    export_archive('Lab2026', tmp_path / 'x.zip')
    monkeypatch.setenv('M2M_HOME', str(tmp_path / 'another'))
    monkeypatch.setenv('M2M_MAX_GB', '0.00001')
    ran = m2m('data', 'import', tmp_path / 'x.zip')
    assert (ran.code, 'raise the limit with the environment variable M2M_MAX_GB' in ran.err) == (1, True)
    monkeypatch.setenv('M2M_MAX_GB', '1')
    assert m2m('data', 'import', tmp_path / 'x.zip').code == 0


@pytest.mark.seconds
@pytest.mark.parametrize('command', [['list'], ['verify'], ['remove'], ['export']])
@pytest.mark.parametrize('name', ['../../outside', '..', '.', 'a/../../../outside'])
def test_names_that_lead_out_of_the_data_folder(m2m, m2m_home, make_bundle, tmp_path, command, name):
    import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle', n_images=2, n_units=2).paths)
    outside = m2m_home.parent / 'outside'
    shutil.copytree(m2m_home / 'data' / 'Lab2026', outside)
    for folder in (m2m_home / 'data', m2m_home):
        shutil.copy(outside / 'ledger.json', folder)
    ran = m2m('data', *command, name, *([tmp_path / 'x.zip'] if command == ['export'] else []))
    assert ran.code == 1
    assert 'cannot be the name of a dataset' in ran.err or 'unknown dataset' in ran.err
    assert (outside / 'ledger.json').exists()
    assert not (tmp_path / 'x.zip').exists()
