"""Files that are written whole, and the advice where they can't be."""

import errno
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import safetensors

from m2m_benchmarks import storage
from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.records import store
from m2m_benchmarks.storage import (
    atomic_write,
    ensure_file_writable,
    home,
    reporting_write_errors,
    unchanged,
    user_file,
)

REMEDY = 'Name another file.'


def write(path, text='new'):
    with user_file(Path(path), REMEDY) as file:
        file.write(text)


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def device(path, minor=3):
    """Make a device like /dev/null, or with minor 7 like /dev/full, or skip: only root can."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, minor))
        path.write_text('')  # not on a disk without devices
    except OSError:
        pytest.skip('devices can be made by root only')
    return path


def test_a_link_stays_and_its_target_is_written(tmp_path):
    (tmp_path / 'folder').mkdir()
    target = tmp_path / 'folder' / 'scores.json'
    link, second = tmp_path / 'link.json', tmp_path / 'second.json'
    link.symlink_to('folder/scores.json')
    second.symlink_to(link)
    for text, named in (('first', link), ('again', link), ('by the other link', second)):
        write(named, text)
        assert link.is_symlink()
        assert not target.is_symlink()
        assert target.read_text() == text
    assert sorted(path.name for path in tmp_path.rglob('*')) == ['folder', 'link.json', 'scores.json', 'second.json']


def test_a_device_is_written_and_stays(tmp_path):
    path = device(tmp_path / 'null')
    link = tmp_path / 'link'
    link.symlink_to(path)
    for named in (path, link):
        write(named)
        assert stat.S_ISCHR(path.stat().st_mode)
        assert link.is_symlink()


def test_a_pipe_is_written_and_stays(tmp_path):
    path = tmp_path / 'pipe'
    os.mkfifo(path)
    texts = []
    reader = threading.Thread(target=lambda: texts.append(path.read_text()))
    reader.start()
    write(path, 'scores')
    reader.join()
    assert texts == ['scores']
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_file_that_the_shell_has_open_is_not_replaced(tmp_path):
    path = tmp_path / 'log'
    path.write_text('earlier\n')
    with path.open('a') as log:  # as by `>> log`
        write(f'/dev/fd/{log.fileno()}', 'scores\n')
        log.write('later\n')
    assert path.read_text() == 'earlier\nscores\nlater\n'


@pytest.mark.parametrize('mask', [0o022, 0o077, 0o002])
def test_permissions(tmp_path, mask):
    before = os.umask(mask)
    try:
        write(tmp_path / 'new')
        assert mode_of(tmp_path / 'new') == 0o666 & ~mask
        for mode in (0o600, 0o640, 0o664):
            (tmp_path / 'old').write_text('')
            (tmp_path / 'old').chmod(mode)
            write(tmp_path / 'old')
            assert mode_of(tmp_path / 'old') == mode
    finally:
        os.umask(before)


def test_a_file_that_the_user_protects_is_not_replaced(tmp_path, monkeypatch):
    (tmp_path / 'mine.json').write_text('mine')
    (tmp_path / 'link').symlink_to(tmp_path / 'mine.json')
    # Root may write to every file.
    monkeypatch.setattr(os, 'access', lambda path, mode: not Path(path).samefile(tmp_path / 'mine.json'))
    for name in ('mine.json', 'link'):
        with pytest.raises(StorageError, match=f'cannot write to .*{name}: Permission denied'):
            write(tmp_path / name, 'other')
    assert (tmp_path / 'mine.json').read_text() == 'mine'


@pytest.mark.process
def test_what_a_killed_process_left_is_swept(tmp_path):
    name = 'figure' * 40  # its temporary name must not be too long
    script = f"""
import os, sys
from pathlib import Path
from m2m_benchmarks.storage import atomic_write
with atomic_write(Path(sys.argv[1]) / {name!r}) as file:
    file.write('cut short')
    file.flush()
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, '-c', script, tmp_path], check=False)
    (left,) = tmp_path.iterdir()
    other = tmp_path / '.figurefigure.backup'  # not ours
    other.write_text('')
    with atomic_write(tmp_path / name) as file:
        assert not left.exists()
        (unfinished,) = set(tmp_path.iterdir()) - {other}
        write(tmp_path / name, 'at the same time')
        assert unfinished.exists()  # it is being written
        file.write('whole')
    assert sorted(path.name for path in tmp_path.iterdir()) == [other.name, name]
    assert (tmp_path / name).read_text() == 'whole'


def test_a_file_swept_before_it_is_locked_is_made_again(tmp_path, monkeypatch):
    lock, swept = storage._lock, []

    def late(file):
        if not swept:
            swept.append(file.name)
            Path(file.name).unlink()
        return lock(file)

    monkeypatch.setattr(storage, '_lock', late)
    write(tmp_path / 'file')
    assert swept
    assert (tmp_path / 'file').read_text() == 'new'


def test_a_disk_without_locks_sweeps_nothing(tmp_path, monkeypatch):
    def refuse(*_arguments):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(storage.fcntl, 'flock', refuse)
    left = tmp_path / '.file.01234567.tmp'
    left.write_text('perhaps of a running process')
    write(tmp_path / 'file')
    assert left.exists()
    assert (tmp_path / 'file').read_text() == 'new'


def raising(number):
    raise OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ('number', 'advice'),
    [
        (errno.ENOSPC, 'Make room'),
        (errno.EDQUOT, 'Make room'),
        (errno.EFBIG, 'ulimit -f'),
        (errno.EMFILE, 'ulimit -n'),
        (errno.ENFILE, 'ulimit -n'),
        (errno.ENAMETOOLONG, 'shorter name'),
        (errno.EROFS, 'can only be read'),
        (errno.EACCES, 'permissions'),
        (errno.ENOLCK, 'no locks'),
        (errno.EIO, ''),
    ],
)
def test_the_error_decides_the_advice(tmp_path, monkeypatch, number, advice):
    monkeypatch.setenv('M2M_HOME', str(tmp_path))
    with pytest.raises(StorageError) as caught, reporting_write_errors('file', tmp_path):
        raising(number)
    message = str(caught.value)
    assert advice in message
    assert os.strerror(number) in message
    for word in ('Make room', 'ulimit', 'shorter', 'permissions', 'no locks'):
        assert (word in message) == (word in advice), word
    assert ('MB free' in message) == (advice == 'Make room')
    explained = storage.environment_error(OSError(number, os.strerror(number), 'a/file'))
    assert (explained is not None) == bool(advice)
    assert explained is None or str(explained).startswith(f'a/file: {os.strerror(number)}. ')


def test_a_full_disk_as_safetensors_reports_it(tmp_path):
    with pytest.raises(StorageError, match=r'No space left .* Make room'), reporting_write_errors('x', tmp_path):
        raise safetensors.SafetensorError('Error while serializing: I/O error: No space left on device (os error 28)')


def test_a_full_device(tmp_path):
    (tmp_path / 'link').symlink_to(device(tmp_path / 'full', minor=7))
    with pytest.raises(StorageError, match=r'cannot write to .*link: No space left on device.*Name another file'):
        write(tmp_path / 'link')


@pytest.mark.parametrize(
    'error',
    [
        MemoryError(),
        MemoryError('Unable to allocate 2.00 TiB for an array'),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
        ImportError('libtorch_cpu.so: failed to map segment from shared object'),
        ImportError('libblas.so: cannot allocate memory in static TLS block: Cannot allocate memory'),
        RuntimeError(
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes. Error code 12 "
            '(Cannot allocate memory)'
        ),
    ],
)
def test_too_little_memory(m2m, m2m_home, monkeypatch, error):
    def fail():
        raise error

    monkeypatch.setattr(store, 'results', fail)
    ran = m2m('results')
    assert ran.code == 1
    assert ran.err.startswith('error: Cannot allocate memory. Close other programs')


def test_a_full_temporary_folder_ends_a_command_without_a_traceback(m2m, m2m_home, monkeypatch):
    def fail():
        shutil.copytree('a', 'b')

    def copytree(*_arguments):
        raise shutil.Error([('a', 'b', '[Errno 28] No space left on device')])

    monkeypatch.setattr(shutil, 'copytree', copytree)
    monkeypatch.setattr(store, 'results', fail)
    ran = m2m('results')
    assert (ran.code, ran.err) == (1, 'error: No space left on device. Make room on this disk, or use another one.\n')


def test_programming_errors_are_not_explained(tmp_path):
    with pytest.raises(ValueError, match='wrong'), reporting_write_errors('x', tmp_path):
        raise ValueError('wrong')
    assert storage.environment_error(ValueError('wrong')) is None


@pytest.mark.parametrize(
    ('value', 'message'),
    [
        ('~nobody_of_this_name/m2m', 'no such user'),
        ('a' * 300, 'File name too long'),
        ('back\\slash', 'backslash'),
    ],
)
def test_a_home_that_cannot_be(tmp_path, monkeypatch, value, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('M2M_HOME', value)
    with pytest.raises(StorageError, match=f'{message}.* Set M2M_HOME to another folder'):
        home()


@pytest.mark.parametrize('value', ['', '~', 'relative with spaces', "it's", 'ü', '[bold]', '%s', ';', '$HOME', '-dash'])
def test_a_home_of_any_other_name(tmp_path, monkeypatch, value):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('M2M_HOME', value)
    assert home().is_absolute()


@pytest.mark.parametrize('name', ['results.sqlite', 'results.sqlite-wal', 'data/Lab2026/ledger.json', 'runs/a/x.json'])
def test_the_stores_are_not_written_over(m2m_home, tmp_path, name):
    m2m_home.mkdir(exist_ok=True)
    link = tmp_path / 'link'
    link.symlink_to(m2m_home)
    for path in (m2m_home / name, link / name):
        with pytest.raises(StorageError, match='M2M keeps data or results there'):
            ensure_file_writable(path, 'Name another.')
    ensure_file_writable(m2m_home / 'results.json', 'Name another.')
    assert not (m2m_home / name).exists()


def test_files_beside_are_no_change(tmp_path):
    """Other processes make locks in the folder of a version, which was renamed when it was finished."""
    (tmp_path / 'new').mkdir()
    (tmp_path / 'new/a.nc').write_text('a')
    folder = (tmp_path / 'new').rename(tmp_path / 'version')
    with unchanged([folder / 'a.nc']):
        (folder / '.readers.lock').touch()
        (tmp_path / 'other').mkdir()
        (folder / '.readers.lock').unlink()


@pytest.mark.parametrize('way', ['a.nc', 'version', 'link'])
def test_what_is_replaced_on_the_way_is_a_change(tmp_path, way):
    (tmp_path / 'version').mkdir()
    (tmp_path / 'version/a.nc').write_text('a')
    (tmp_path / 'link').symlink_to('version')
    path = tmp_path / 'version/a.nc' if way == 'a.nc' else tmp_path / way
    with pytest.raises(StorageError, match='was changed while it was read'), unchanged([tmp_path / 'link/a.nc']):
        time.sleep(0.02)  # longer than a tick of the clock of the file system
        path.rename(tmp_path / 'away')
        (tmp_path / 'away').rename(path)
