"""What an export takes from a plugin's folder: no hidden files, nothing outside of it, nothing without end."""

import os
import re
from pathlib import Path

import pytest

from m2m_benchmarks.errors import M2MError
from m2m_benchmarks.submission.plugin_files import plugin_files
from m2m_benchmarks.submission.vendoring import copy_self_contained


@pytest.fixture
def folder(tmp_path):
    """A plugin folder, beside a home with secrets."""
    home, plugin = tmp_path / 'home', tmp_path / 'plugin'
    (home / '.ssh').mkdir(parents=True)
    (home / '.ssh' / 'id_rsa').write_text('secret')
    (plugin / 'sub').mkdir(parents=True)
    for name in ('__init__.py', 'sub/model.py'):
        (plugin / name).write_text('x = 1\n')
    return plugin


def names(folder):
    return [str(inside) for inside in plugin_files(folder)]


OWN = ['__init__.py', 'sub/model.py']


@pytest.mark.parametrize(
    'hidden',
    ['.env', '.git/config', '.aws/credentials', 'sub/.netrc', '__pycache__/a.cpython-311.pyc', 'old.pyc', '.DS_Store'],
)
def test_hidden_files_and_compiled_ones_are_left_out(folder, hidden):
    (folder / hidden).parent.mkdir(exist_ok=True)
    (folder / hidden).write_text('KEY=secret')
    assert names(folder) == OWN


@pytest.mark.parametrize(
    ('link', 'target'),
    [
        ('key', '../home/.ssh/id_rsa'),
        ('homedir', '../home'),
        ('pw', '/etc/passwd'),
        ('rootdir', '/'),
        ('sub/up', '../..'),
        ('zero', '/dev/zero'),
        ('twice', 'again'),
    ],
)
def test_links_that_lead_out_are_refused_by_name(folder, link, target):
    (folder / 'again').symlink_to('../home/.ssh')
    (folder / link).symlink_to(target)
    with pytest.raises(M2MError, match=r'the link \S+ leads out of the plugin folder, to /.* is not exported'):
        plugin_files(folder)
    (folder / 'again').unlink()
    with pytest.raises(M2MError, match=f'the link {re.escape(str(folder / link))} leads '):
        copy_self_contained(folder, 'plugin', 'models', folder.parent / 'copy')
    assert not (folder.parent / 'copy').exists()


def test_links_inside_stand_for_their_target(folder):
    (folder / 'again.py').symlink_to('sub/model.py')
    (folder / 'too').symlink_to(folder / 'sub')  # absolute
    assert names(folder) == ['__init__.py', 'again.py', *OWN[1:], 'too/model.py']
    copy_self_contained(folder, 'plugin', 'models', folder.parent / 'copy')
    copied = [path for path in (folder.parent / 'copy').rglob('*') if not path.is_dir()]
    assert {path.read_text() for path in copied} == {'x = 1\n'}
    assert not any(path.is_symlink() for path in (folder.parent / 'copy').rglob('*'))


@pytest.mark.parametrize(
    ('target', 'message'),
    [
        ('.env', 'leads to a hidden file'),
        ('nowhere', 'leads to nothing'),
        ('link', 'leads to nothing'),
        ('.', 'leads to a folder that it is in'),
    ],
)
def test_other_links_that_are_refused(folder, target, message):
    (folder / '.env').write_text('KEY=secret')
    (folder / 'link').symlink_to(target)
    with pytest.raises(M2MError, match=f'the link {re.escape(str(folder / "link"))} {message}'):
        plugin_files(folder)


def test_pipes_are_refused(folder):
    os.mkfifo(folder / 'pipe')
    with pytest.raises(M2MError, match='pipe is neither a file nor a folder'):
        plugin_files(folder)


def test_a_folder_by_a_link_to_it(folder):
    (folder.parent / 'named').symlink_to(folder)
    assert names(folder.parent / 'named') == OWN


def test_a_limit_names_the_largest_file(folder):
    with (folder / 'sub' / 'weights.bin').open('wb') as file:
        file.truncate(3_000_000_000)  # takes no space
    expected = r'has 3 files with 3,000\.0 MB together, and 500 MB are allowed\. The largest is sub/weights\.bin, with'
    with pytest.raises(M2MError, match=expected):
        plugin_files(folder, 500_000_000)
    assert plugin_files(folder, 3_000_000_012)[Path('sub/weights.bin')] == folder.resolve() / 'sub' / 'weights.bin'


def test_links_that_multiply_the_files_end(folder, monkeypatch):
    monkeypatch.setattr('m2m_benchmarks.submission.plugin_files._MOST_ENTRIES', 500)
    for level in range(40):
        (folder / f'level{level}').mkdir()
        for name in 'ab':
            (folder / f'level{level}' / name).symlink_to(f'../level{level + 1}')
    (folder / 'level40').mkdir()
    with pytest.raises(M2MError, match='more than 500 files and folders'):
        plugin_files(folder)


def test_folders_too_deep(folder):
    (folder / '/'.join(['deep'] * 60)).mkdir(parents=True)
    with pytest.raises(M2MError, match='more than 50 folders inside one another'):
        plugin_files(folder)


def test_a_name_that_is_no_text(folder):
    (folder / os.fsdecode(b'caf\xe9.txt')).touch()
    with pytest.raises(M2MError, match='is no UTF-8, which archives need; rename it'):
        plugin_files(folder)


def test_requirements_that_are_no_text(folder, tmp_path):
    (folder / 'requirements.txt').write_bytes('numpy\n'.encode('utf-16'))
    with pytest.raises(M2MError, match=r'requirements.txt is no UTF-8 text'):
        copy_self_contained(folder, 'plugin', 'models', tmp_path / 'copy')
