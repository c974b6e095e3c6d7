"""Interrupted imports leave no partial dataset, and the next run starts clean."""

import contextlib
import errno
import os
import resource
import signal
import subprocess
import sys
import time

import filelock
import pytest

from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.data import atomic, manifest
from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.testing import Command

pytestmark = pytest.mark.usefixtures('durable')


def command(bundle, name='Lab2026'):
    return [
        sys.executable,
        '-W',
        'ignore',
        '-m',
        'm2m_benchmarks.cli.main',
        'data',
        'import',
        name,
        *bundle.options,
        '--replace',
    ]


def run(bundle, name='Lab2026', **options):
    return subprocess.run(command(bundle, name), capture_output=True, text=True, timeout=240, check=False, **options)


def stray(home):
    """List files in the data folder that are in no manifest."""
    known = set()
    for name in manifest.names():
        entry = manifest.require(name)
        known |= {manifest.path_of(name, entry, file) for file in manifest.files(entry)}
        known.add(home / 'data' / name / 'ledger.json')
    known |= {folder for path in known for folder in path.parents}
    return {path for path in (home / 'data').rglob('*') if path.suffix != '.lock'} - known


#: Moment of an import to a pattern of files that exist then.
MOMENTS = {
    'reading': '.Lab2026.lock',
    'writing': 'Lab2026/.tmp-*',
    'responses': 'Lab2026/.tmp-*/assembly.nc',
    'stimuli': 'Lab2026/.tmp-*/stimuli',
    'in place': 'Lab2026/[0-9a-f]*',
}


@pytest.fixture(scope='module')
def big_bundle(make_bundle, tmp_path_factory):
    """A bundle whose import takes long enough to be interrupted."""
    sessions = tuple((f'VISp_{i}.npz', 'VISp', f'{i}', f'{i}', 30) for i in range(6))
    return make_bundle(tmp_path_factory.mktemp('big') / 'bundle', n_images=300, n_units=60, sessions=sessions)


@pytest.fixture
def earlier(request, make_bundle, big_bundle, m2m_home, tmp_path):
    """Manifest of an earlier import under the same name: none, of other content, or of the same content."""
    if request.param == 'nothing':
        return None
    bundle = make_bundle(tmp_path / 'earlier') if request.param == 'other' else big_bundle
    entry = import_bundle('Lab2026', *bundle.paths)
    (m2m_home / 'data' / '.Lab2026.lock').unlink()  # its return shows that an import has begun
    return entry


def _interrupt(bundle, home, how, moment):
    """Start an import and stop it at a moment; return its exit code and messages."""
    before = set((home / 'data').rglob('*'))
    process = Command('data', 'import', 'Lab2026', *bundle.options, '--replace')
    while process.returncode is None and not set((home / 'data').glob(MOMENTS[moment])) - before:
        time.sleep(0.001)
    process.send_signal(how)
    _, messages = process.communicate()
    return process.returncode, messages


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize(
    ('moment', 'earlier'),
    [
        ('reading', 'nothing'),
        ('writing', 'other'),
        ('responses', 'nothing'),
        ('stimuli', 'other'),
        ('in place', 'other'),
    ],
    indirect=['earlier'],
)
def test_ctrl_c(big_bundle, m2m_home, moment, earlier):
    code, messages = _interrupt(big_bundle, m2m_home, signal.SIGINT, moment)
    assert 'Traceback' not in messages
    current = manifest.read('Lab2026')
    if current == earlier:
        assert code in (1, 130)
    else:  # it was done already, and was interrupted while it said so, or not at all
        assert moment in ('stimuli', 'in place')
        assert code in (0, 1, 130, -signal.SIGINT)
    assert current is None or not manifest.verify('Lab2026')
    assert not stray(m2m_home)
    import_bundle('Lab2026', *big_bundle.paths, replace=True)
    assert not manifest.verify('Lab2026')
    assert not stray(m2m_home)


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize(
    ('moment', 'earlier'),
    [('writing', 'nothing'), ('responses', 'other'), ('stimuli', 'same'), ('in place', 'other')],
    indirect=['earlier'],
)
def test_kill(big_bundle, m2m_home, moment, earlier):
    code, _ = _interrupt(big_bundle, m2m_home, signal.SIGKILL, moment)
    current = manifest.read('Lab2026')
    if moment != 'in place':
        assert code == -signal.SIGKILL
        assert current == earlier
        assert stray(m2m_home)  # it was stopped in the midst of it
    # No dataset is incomplete,
    assert current is None or not manifest.verify('Lab2026')
    # and the next run cleans up.
    import_bundle('Lab2026', *big_bundle.paths, replace=True)
    assert not manifest.verify('Lab2026')
    assert not stray(m2m_home)


@pytest.mark.seconds
def test_an_interrupt_at_any_step_of_writing(make_bundle, m2m_home, tmp_path, monkeypatch):
    """Stop an import at its first disk operation, at its second, and so on until it is complete."""
    first = make_bundle(tmp_path / 'first', n_images=2, n_units=2)
    second = make_bundle(tmp_path / 'second', n_images=2, n_units=2, seed=1)
    left = 0

    def stopping(real):
        def step(*arguments, **options):
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
            return real(*arguments, **options)

        return step

    outcomes = []
    for number in range(1, 100):
        earlier = import_bundle('Lab2026', *first.paths, replace=True)
        left = number
        with monkeypatch.context() as patch:
            for name in ('fsync', 'rename', 'replace', 'mkdir', 'chmod'):
                patch.setattr(os, name, stopping(getattr(os, name)))
            with contextlib.suppress(KeyboardInterrupt):
                import_bundle('Lab2026', *second.paths, replace=True)
        assert not manifest.verify('Lab2026'), number
        assert not stray(m2m_home), number
        outcomes.append(manifest.require('Lab2026')['version'] == earlier['version'])
        if left > 0:
            break
    # The old version up to one step, then the new one; the last run was not stopped.
    assert outcomes == sorted(outcomes, reverse=True)
    assert outcomes.count(True) > 8
    assert not outcomes[-1]


def _small_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))


@pytest.mark.process
def test_no_room_for_a_file(make_bundle, m2m_home, tmp_path, monkeypatch):
    # Python 3.11 accepts partially written bytecode files, so every later process would fail.
    monkeypatch.setenv('PYTHONDONTWRITEBYTECODE', '1')
    bundle = make_bundle(tmp_path / 'bundle', n_images=40, n_units=20)
    earlier = import_bundle('Lab2026', *make_bundle(tmp_path / 'earlier').paths)
    done = run(bundle, preexec_fn=_small_files)
    assert done.returncode == 1
    assert 'Traceback' not in done.stderr
    assert 'cannot write Lab2026' in done.stderr
    assert 'Nothing was changed' in done.stderr
    assert manifest.require('Lab2026') == earlier
    assert not manifest.verify('Lab2026')
    assert not stray(m2m_home)


@pytest.mark.process
@pytest.mark.slow
def test_full_disk(make_bundle, tmp_path, monkeypatch):
    disk = tmp_path / 'disk'
    disk.mkdir()
    mounted = subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'size=150k', 'tmpfs', str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip('a small disk can be mounted by root only')
    try:
        monkeypatch.setenv('M2M_HOME', str(disk))
        bundle = make_bundle(tmp_path / 'bundle', n_images=100, n_units=60)
        done = run(bundle)
        assert done.returncode == 1
        assert 'Traceback' not in done.stderr
        assert 'MB free' in done.stderr
        assert not stray(disk)
        small = make_bundle(tmp_path / 'small', n_images=8)
        import_bundle('Lab2026', *small.paths)  # and with what fits, all is well
        assert not manifest.verify('Lab2026')
    finally:
        subprocess.run(['umount', str(disk)], check=True)


@pytest.mark.process
@pytest.mark.slow
def test_a_file_in_the_way_of_the_home(make_bundle, tmp_path, monkeypatch):
    (tmp_path / 'a file').write_text('')
    monkeypatch.setenv('M2M_HOME', str(tmp_path / 'a file' / 'home'))
    done = run(make_bundle(tmp_path / 'bundle'))
    assert done.returncode == 1
    assert 'Set M2M_HOME' in done.stderr
    assert 'Traceback' not in done.stderr


@pytest.mark.process
@pytest.mark.slow
def test_read_only_home(make_bundle, tmp_path, monkeypatch):
    home = tmp_path / 'home'
    home.mkdir()
    monkeypatch.setenv('M2M_HOME', str(home))
    bundle = make_bundle(tmp_path / 'bundle')
    # Root ignores permissions, but not a read-only mount.
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ['mount', '-t', 'tmpfs', '-o', 'ro', 'tmpfs', str(home)], capture_output=True, check=False
        ).returncode
    )
    home_was = home.stat().st_mode
    if not mounted:
        home.chmod(0o500)
        if os.access(home, os.W_OK):
            pytest.skip('nothing is read-only for this user')
    try:
        done = run(bundle)
        assert done.returncode == 1
        assert 'Set M2M_HOME' in done.stderr
        assert 'Traceback' not in done.stderr
        assert not list(home.iterdir())
    finally:
        if mounted:
            subprocess.run(['umount', str(home)], check=True)
        else:
            home.chmod(home_was)


@pytest.mark.process
@pytest.mark.slow
def test_two_imports_at_once(make_bundle, m2m_home, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    with atomic.write_lock('Lab2026'):
        done = run(bundle)
    assert done.returncode == 1
    assert 'already running' in done.stderr
    assert 'Traceback' not in done.stderr
    assert manifest.read('Lab2026') is None
    with atomic.write_lock('Other2026'):  # another dataset is no obstacle
        assert run(bundle).returncode == 0


def test_two_imports_at_once_in_one_process(make_bundle, m2m_home, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    with atomic.write_lock('Lab2026'), pytest.raises(StorageError, match='already running'):
        import_bundle('Lab2026', *bundle.paths)


@pytest.mark.parametrize('number', [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_disk_without_locks(m2m_home, monkeypatch, number):
    def acquire(self):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(filelock.FileLock, 'acquire', acquire)
    remedy = r'This disk has no locks, .* use a folder on a local disk. Set M2M_HOME'
    with pytest.raises(StorageError, match=remedy) as raised, atomic.write_lock('Lab2026'):
        pass
    assert 'user' not in str(raised.value)


def test_a_lock_of_another_user(make_bundle, m2m_home, tmp_path):
    # A file that even root can't open stands for one of another user.
    (m2m_home / 'data' / '.Lab2026.lock').mkdir(parents=True)
    with pytest.raises(StorageError, match=r'cannot open the lock .*Lab2026\.lock'):
        import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle').paths)
