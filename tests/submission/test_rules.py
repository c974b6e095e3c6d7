"""The rules of Brain-Score's website, each violations by a hand-made archive."""

import os
import stat
import zipfile

import pytest

from m2m_benchmarks.errors import M2MError
from m2m_benchmarks.submission import check
from m2m_benchmarks.submission.check import check_path
from m2m_benchmarks.submission.rules import MOST_BYTES, check_folder, check_zip

INIT = "from brainscore_vision import model_registry\n\nmodel_registry['mini'] = lambda: None\n"
TEST = 'def test_nothing():\n    pass\n'
PLUGIN = 'sent/models/mini'
VALID = {f'{PLUGIN}/__init__.py': INIT, f'{PLUGIN}/test.py': TEST}


def pack(path, files, folders=True, compression=zipfile.ZIP_STORED):
    """A zip of files (name to content), with an entry for each of their folders or without any."""
    entries = dict(files)
    if folders:
        for name in files:
            parts = name.split('/')[:-1]
            for n in range(len(parts)):
                entries.setdefault('/'.join(parts[: n + 1]) + '/', '')
    with zipfile.ZipFile(path, 'w', compression) as archive:
        for name in sorted(entries):
            archive.writestr(name, entries[name])
    return path


def rules(violations):
    return [violation.rule for violation in violations]


@pytest.fixture
def passing(monkeypatch):
    """Replace the tests of plugins by ones that pass; the list of plugins that would have been tested."""
    tested = []

    def passed(tree, kind, name, timeout_s, environment):
        tested.append(f'{kind}/{name}')
        return check.Checked([], 1, [])

    monkeypatch.setattr(check, '_test', passed)
    # Asked once per process, by starting one.
    monkeypatch.setattr(check.isolation, 'network_can_be_dropped', lambda: True)
    return tested


def test_all_rules_are_kept(tmp_path, passing):
    archive = pack(tmp_path / 'mini.zip', VALID)
    assert check_zip(archive) == []
    assert check_path(archive) == ([], 1, [])
    assert passing == ['models/mini']


def test_files_alone(tmp_path, passing):
    violations, n_tests, _ = check_path(pack(tmp_path / 'mini.zip', VALID, folders=False))
    assert rules(violations) == ['an explicit entry for each directory']
    assert str(violations[0]) == (
        'an explicit entry for each directory: 3 are missing, such as sent/, sent/models/, sent/models/mini/'
    )
    assert n_tests == 0
    assert passing == []


def test_one_directory_entry_is_missing(tmp_path):
    files = {'sent/': '', 'sent/models/mini/': '', **VALID}
    assert rules(check_zip(pack(tmp_path / 'mini.zip', files, folders=False))) == [
        'an explicit entry for each directory'
    ]


INSIDE = 'paths stay inside the archive'
SHAPE = 'root folder, then models, benchmarks, data, metrics, then the plugin folder'


@pytest.mark.parametrize(
    ('added', 'rule', 'problem'),
    [
        ({f'{PLUGIN}/metadata.yaml': 'models:\n'}, 'no metadata.yaml', f'{PLUGIN}/metadata.yaml'),
        ({f'{PLUGIN}/maps/metadata.yml': ''}, 'no metadata.yaml', f'{PLUGIN}/maps/metadata.yml'),
        ({f'{PLUGIN}/my notes.txt': ''}, 'no spaces in names', f"'{PLUGIN}/my notes.txt'"),
        ({f'{PLUGIN}/my notes/a.txt': ''}, 'no spaces in names', f"'{PLUGIN}/my notes/"),
        ({'other/models/mini/a.py': ''}, 'one root folder', 'other, sent'),
        ({'other/': ''}, 'one root folder', 'other, sent'),
        ({'__MACOSX/._sent': ''}, 'one root folder', '__MACOSX, sent'),
        ({'README.md': ''}, 'one root folder', 'README.md, sent'),
        ({'sent/README.md': ''}, SHAPE, 'sent/README.md'),
        ({'sent/model/mini/a.py': ''}, SHAPE, 'sent/model/mini/a.py'),
        ({'sent/models/a.py': ''}, SHAPE, 'sent/models/a.py'),
        ({'sent/models/more/__init__.py': INIT}, 'one identifier in an archive', 'models/mini, models/more'),
        ({'sent/data/more/__init__.py': INIT}, 'one identifier in an archive', 'data/more, models/mini'),
        ({'../x': ''}, INSIDE, "'../"),
        ({f'{PLUGIN}/../../../../x': ''}, INSIDE, f"'{PLUGIN}/../"),
        ({'/x': ''}, INSIDE, "'/"),
    ],
)
def test_files_that_do_not_belong_in_an_archive(added, rule, problem, tmp_path, passing):
    violations, n_tests, _ = check_path(pack(tmp_path / 'mini.zip', VALID | added))
    assert rule in rules(violations)
    assert any(violation.rule == rule and problem in violation.problem for violation in violations)
    assert len(violations) <= 2
    assert n_tests == 0
    assert passing == []
    assert [path.name for path in tmp_path.iterdir()] == ['mini.zip']


def test_a_symbolic_link(tmp_path, passing):
    link = zipfile.ZipInfo(f'{PLUGIN}/link')
    link.create_system = 3  # Unix
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(pack(tmp_path / 'mini.zip', VALID), 'a') as archive:
        archive.writestr(link, '/etc/passwd')
    violations, *_ = check_path(tmp_path / 'mini.zip')
    assert [str(violation) for violation in violations] == [f"{INSIDE}: '{PLUGIN}/link'"]


@pytest.mark.parametrize(
    ('files', 'rule'),
    [
        ({}, 'one root folder'),
        ({'sent/': ''}, SHAPE),
        ({'sent/models/mini/': ''}, SHAPE),
        ({'__init__.py': INIT, 'test.py': TEST}, 'one root folder'),
        ({'mini/__init__.py': INIT, 'mini/test.py': TEST}, SHAPE),
        ({'models/mini/__init__.py': INIT, 'models/mini/test.py': TEST}, SHAPE),
        ({'sent/models/__init__.py': INIT, 'sent/models/test.py': TEST}, SHAPE),
        ({'sent/here/models/mini/__init__.py': INIT}, SHAPE),
        ({'sent/models/here/mini/__init__.py': INIT}, 'an __init__.py in the plugin folder'),
    ],
)
def test_archives_of_another_shape(files, rule, tmp_path, passing):
    violations, *_ = check_path(pack(tmp_path / 'mini.zip', files))
    assert rules(violations) == [rule]
    assert passing == []


@pytest.mark.parametrize(
    ('changed', 'rule', 'problem'),
    [
        ({'__init__.py': None}, 'an __init__.py in the plugin folder', 'mini/ has none'),
        ({'test.py': None}, 'a test.py in the plugin folder', 'mini/ has none'),
        ({'__init__.py': INIT.replace('mini', 'mini-1')}, 'no hyphen in the identifier', 'mini-1'),
        ({'__init__.py': INIT + "model_registry['two'] = None\n"}, 'one identifier in an archive', 'mini, two'),
        ({'__init__.py': 'for name in names:\n    model_registry[name] = 1\n'}, 'a literal line', 'has none'),
        ({'__init__.py': "metric_registry['mini'] = 1\n"}, "a literal line model_registry['identifier']", 'has none'),
        ({'model.py': 'import m2m_benchmarks\n'}, 'no import of m2m_benchmarks', 'model.py, line 1'),
        (
            {'model.py': 'def build():\n    x = 1\n    from m2m_benchmarks.arrays import rdm\n'},
            'no import of m2m_benchmarks',
            'model.py, line 3 imports m2m_benchmarks.arrays',
        ),
        (
            {'sub/deep.py': 'import os, m2m_benchmarks.errors as e\n'},
            'no import of m2m_benchmarks',
            'sub/deep.py, line 1 imports m2m_benchmarks.errors',
        ),
        ({'model.py': 'x = (\n'}, 'Python that can be parsed', "model.py: '(' was never closed"),
        ({'model.py': b'x = 1\0\n'}, 'Python that can be parsed', 'null bytes'),
        ({'model.py': b'# caf\xe9\n'}, 'Python that can be parsed', 'model.py: invalid or missing encoding'),
        ({'model.py': '-' * 100_000 + '1'}, 'Python that can be parsed', 'model.py: '),
    ],
)
def test_plugins_that_break_a_rule(changed, rule, problem, tmp_path, passing):
    files = {name.removeprefix(f'{PLUGIN}/'): content for name, content in VALID.items()} | changed
    files = {f'{PLUGIN}/{name}': content for name, content in files.items() if content is not None}
    violations, n_tests, _ = check_path(pack(tmp_path / 'mini.zip', files))
    assert len(violations) == 1
    assert violations[0].rule.startswith(rule)
    assert problem in violations[0].problem
    assert n_tests == 0
    assert passing == []


@pytest.mark.parametrize(
    'changed',
    [
        {'model.py': b'\xef\xbb\xbfx = 1\n'},  # a byte order mark
        {'model.py': b'# -*- coding: latin-1 -*-\nx = "\xe9"\n'},
        {'model.py': "x = 'import m2m_benchmarks'\nfrom .m2m_benchmarks import y\n"},
        {'pictures.py/': ''},  # a folder
        {'__init__.py': INIT.replace("'", '"')},
    ],
)
@pytest.mark.seconds
def test_plugins_that_keep_the_rules(changed, tmp_path, passing):
    archive = pack(tmp_path / 'mini.zip', VALID | {f'{PLUGIN}/{name}': content for name, content in changed.items()})
    assert check_path(archive) == ([], 1, [])


def test_size(tmp_path):
    archive = pack(tmp_path / 'mini.zip', VALID | {f'{PLUGIN}/weights.bin': bytes(51_000_000)})
    violations, n_tests, _ = check_path(archive)
    assert rules(violations) == ['at most 50 MB']
    assert '51.0 MB' in violations[0].problem
    assert n_tests == 0
    # The largest archive that is accepted.
    others = archive.stat().st_size - 51_000_000
    archive = pack(tmp_path / 'mini.zip', VALID | {f'{PLUGIN}/weights.bin': bytes(MOST_BYTES - others)})
    assert archive.stat().st_size == MOST_BYTES
    assert check_zip(archive) == []
    with archive.open('ab') as file:
        file.truncate(MOST_BYTES + 1)
    assert 'at most 50 MB' in rules(check_zip(archive))


BOMBS = {
    'sizes': (VALID | {f'{PLUGIN}/{n}.bin': bytes(9_000_000) for n in range(3)}, 'at most 20 MB of files', '27.0 MB'),
    'ratio': (VALID | {f'{PLUGIN}/a.bin': bytes(11_000_000)}, 'no large file that is packed to less than', 'a.bin'),
    'number': (VALID | {f'{PLUGIN}/{n}': '' for n in range(60)}, 'at most 50 files', 'it lists 65'),
}


@pytest.mark.parametrize('kind', BOMBS)
@pytest.mark.seconds
def test_bombs_are_refused_before_anything_is_unpacked(kind, tmp_path, passing, monkeypatch):
    files, rule, problem = BOMBS[kind]
    monkeypatch.setattr('m2m_benchmarks.submission.rules.MOST_FILES', 50)
    archive = pack(tmp_path / 'mini.zip', files, compression=zipfile.ZIP_DEFLATED)
    with monkeypatch.context() as patch:
        patch.setattr(zipfile.ZipFile, 'open', None)
        violations, n_tests, _ = check_path(archive, 20_000_000)
    assert [rule in violation.rule and problem in violation.problem for violation in violations] == [True]
    assert n_tests == 0
    if kind == 'sizes':
        assert '--max-mb' in violations[0].problem
        assert check_path(archive, 30_000_000) == ([], 1, [])


def test_a_file_is_read_no_further_than_the_list_says(tmp_path, passing):
    archive = pack(tmp_path / 'mini.zip', VALID | {f'{PLUGIN}/a.bin': bytes(2_000_000)}, True, zipfile.ZIP_DEFLATED)
    content = archive.read_bytes()
    size = (2_000_000).to_bytes(4, 'little')
    assert content.count(size) == 2
    archive.write_bytes(content.replace(size, (20).to_bytes(4, 'little')))
    assert rules(check_path(archive).violations) == [READABLE]


def test_a_space_in_the_name_of_the_archive(tmp_path):
    assert rules(check_zip(pack(tmp_path / 'my mini.zip', VALID))) == ['no spaces in names']


def test_a_benchmark_needs_metadata_in_a_pull_request_only(tmp_path, passing):
    init = "benchmark_registry['Mini2026'] = 1\n"
    files = {'sent/benchmarks/mini/__init__.py': init, 'sent/benchmarks/mini/test.py': TEST}
    assert check_path(pack(tmp_path / 'mini.zip', files)) == ([], 1, [])
    # A pull request needs it.
    folder = tmp_path / 'tree' / 'benchmarks' / 'mini'
    folder.mkdir(parents=True)
    (folder / '__init__.py').write_text(init)
    (folder / 'test.py').write_text(TEST)
    violations, *_ = check_path(tmp_path / 'tree')
    assert rules(violations) == ['a metadata.yaml in the folder of a benchmark']
    (folder / 'metadata.yaml').write_text('')
    assert check_path(tmp_path / 'tree') == ([], 1, [])


def test_a_pull_request_may_have_many_identifiers_with_hyphens(tmp_path):
    (tmp_path / '__init__.py').write_text("model_registry['a-1'] = 1\nmodel_registry['a-2'] = 1\n")
    (tmp_path / 'test.py').write_text(TEST)
    assert check_folder(tmp_path, 'models', one_identifier=False) == []
    assert rules(check_folder(tmp_path, 'models', one_identifier=True)) == [
        'one identifier in an archive',
        'no hyphen in the identifier',
        'no hyphen in the identifier',
    ]


READABLE = 'a zip archive that can be read'


@pytest.mark.parametrize('content', [b'', b'PK', b'no zip at all', os.urandom(1000)])
def test_no_zip_at_all(content, tmp_path, passing):
    path = tmp_path / 'mini.zip'
    path.write_bytes(content)
    violations, *_ = check_path(path)
    assert rules(violations) == [READABLE]
    assert 'mini.zip' in violations[0].problem


@pytest.mark.seconds
def test_every_truncation_is_seen(tmp_path):
    content = pack(tmp_path / 'mini.zip', VALID, compression=zipfile.ZIP_DEFLATED).read_bytes()
    for length in range(len(content)):
        (tmp_path / 'cut.zip').write_bytes(content[:length])
        assert rules(check_zip(tmp_path / 'cut.zip')) == [READABLE], length


# The header of LZMA has fields, such as the memory to use, that may change without harm.
@pytest.mark.seconds
@pytest.mark.parametrize(
    ('compression', 'header'), [(zipfile.ZIP_DEFLATED, 0), (zipfile.ZIP_BZIP2, 0), (zipfile.ZIP_LZMA, 9)]
)
def test_damage_is_seen_and_never_ends_in_a_traceback(compression, header, tmp_path):
    archive = pack(tmp_path / 'mini.zip', {f'{PLUGIN}/__init__.py': INIT * 9}, compression=compression)
    content = archive.read_bytes()
    with zipfile.ZipFile(archive) as file:
        entry = file.getinfo(f'{PLUGIN}/__init__.py')
    # The content follows a header of 30 bytes and the name.
    first = entry.header_offset + 30 + len(entry.filename)
    unseen = 0
    for index in range(len(content)):
        damaged = bytearray(content)
        damaged[index] ^= 0xFF
        (tmp_path / 'damaged.zip').write_bytes(damaged)
        violations = check_zip(tmp_path / 'damaged.zip')
        if first + header <= index < first + entry.compress_size:
            unseen += not violations
    assert unseen <= 1  # padding bits of the last byte


def test_encrypted(tmp_path, passing):
    content = bytearray(pack(tmp_path / 'mini.zip', VALID).read_bytes())
    for signature, flags in ((b'PK\3\4', 6), (b'PK\1\2', 8)):
        start = content.find(signature)
        while start >= 0:
            content[start + flags] |= 1
            start = content.find(signature, start + 4)
    (tmp_path / 'mini.zip').write_bytes(content)
    violations, *_ = check_path(tmp_path / 'mini.zip')
    assert rules(violations) == [READABLE]
    assert 'encrypted' in violations[0].problem


@pytest.mark.parametrize('name', [f'{PLUGIN}/test.py/', f'{PLUGIN}/{"a" * 300}'])
def test_archives_that_cannot_be_unpacked(name, tmp_path, passing):
    violations, *_ = check_path(pack(tmp_path / 'mini.zip', VALID | {name: ''}))
    assert rules(violations) == ['a zip archive that can be unpacked']
    assert passing == []


def test_nothing_to_check(tmp_path):
    with pytest.raises(M2MError, match=r'there is no .*nowhere\.zip; expected a zip archive or a folder'):
        check_path(tmp_path / 'nowhere.zip')
    with pytest.raises(M2MError, match='no plugin folder to check; expected one or more in models, benchmarks'):
        check_path(tmp_path)
