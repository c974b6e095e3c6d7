"""The code that a check runs: without the user's environment, home and network, and for no longer than the check."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import pytest

from m2m_benchmarks.errors import M2MError
from m2m_benchmarks.submission import check, isolation, supervisor
from m2m_benchmarks.submission.scratch import scratch_folder
from m2m_benchmarks.testing import Call, alive

pytestmark = [pytest.mark.process, pytest.mark.seconds]


@pytest.fixture
def run(tmp_path):
    """Return run(script, timeout_s=60) -> exit status and output of a Python script."""
    folder = tmp_path / 'isolated'
    environment = isolation.environment(folder)

    def start(script, timeout_s=60):
        command = [sys.executable, '-c', textwrap.dedent(script)]
        return isolation.run(command, folder, environment, folder / 'output', timeout_s)

    return start


# What it gets.


@pytest.fixture
def secrets(monkeypatch, tmp_path):
    home = tmp_path / 'real home'
    for name in (
        *('HF_TOKEN', 'AWS_SECRET_ACCESS_KEY', 'GITHUB_TOKEN', 'SSH_AUTH_SOCK', 'HTTPS_PROXY', 'PIP_INDEX_URL'),
        *('PYTEST_ADDOPTS', 'PYTHONPATH', 'PATHS', 'MY_PATH', 'LC_', 'LC_MY_TOKEN', 'NETRC', 'NVIDIA_API_KEY'),
    ):
        monkeypatch.setenv(name, 'secret')
    for name in ('HOME', 'M2M_HOME', 'TMPDIR', 'TORCH_HOME', 'HF_HOME', 'BRAINSCORE_HOME', 'XDG_CACHE_HOME'):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    monkeypatch.setenv('LC_NUMERIC', 'C')
    return home


def test_the_environment_is_allow_listed(secrets, run):
    code, output = run('import json, os; print(json.dumps(dict(os.environ)))')
    assert code == 0, output
    given = json.loads(output)
    assert 'secret' not in given.values()
    assert not [name for name, value in given.items() if str(secrets) in value]
    assert (given['OMP_NUM_THREADS'], given['LC_NUMERIC']) == ('1', 'C')
    assert given['PATH'] == os.environ['PATH']
    for name in ('HOME', 'M2M_HOME', 'TMPDIR', 'TORCH_HOME', 'HF_HOME'):
        assert Path(given[name]).is_dir()
        assert 'isolated' in Path(given[name]).parts


def test_public_weights_and_named_datasets_are_linked(monkeypatch, tmp_path):
    for file in ('torch/hub/checkpoints/a.pth', 'hub/models--timm--b/c', 'hub/models--lab--private/d', 'hub/token'):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    (tmp_path / 'data' / 'Lab2026').mkdir(parents=True)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_CACHE', str(tmp_path / 'hub'))
    environment = isolation.environment(tmp_path / 'isolated', [tmp_path / 'data' / 'Lab2026'])
    links = {path for path in (tmp_path / 'isolated').rglob('*') if path.is_symlink()}
    assert links == {
        Path(environment['TORCH_HOME'], 'hub', 'checkpoints', 'a.pth'),
        Path(environment['HF_HOME'], 'hub', 'models--timm--b'),
        Path(environment['M2M_HOME'], 'data', 'Lab2026'),
    }


@pytest.mark.network
def test_it_reaches_no_server(run):
    if not isolation.network_can_be_dropped():
        pytest.skip('this system allows no user namespaces: a check keeps the network, and says so')
    with socket.create_server(('127.0.0.1', 0)) as server:
        address = server.getsockname()
        socket.create_connection(address, 5).close()
        code, output = run(f'import socket; socket.create_connection({address!r}, 5)')
        assert code == 1
        assert 'ConnectionRefusedError' in output
    code, output = run("import socket; socket.create_connection(('192.0.2.1', 80), 5)")
    assert 'Network is unreachable' in output
    code, output = run("import os; print(os.getuid()); open('written', 'w')")
    assert (code, output) == (0, f'{os.getuid()}\n')


# How it ends.

#: A process that starts another one, in a session of its own; both write their numbers and go on for a minute.
LASTING = """
import os, subprocess, sys, time
command = 'import os, time; print(os.getpid(), flush=True); time.sleep(60)'
child = subprocess.Popen([sys.executable, '-c', command], start_new_session=True)
print(os.getpid(), flush=True)
"""


def numbers(path, n=2):
    """Wait until a file has the numbers of n processes."""
    while not path.exists() or len(path.read_text().split()) < n or not path.read_text().endswith('\n'):
        time.sleep(0.01)
    return [int(number) for number in path.read_text().split()]


def wait_for_end(processes):
    for _ in range(3000):
        if not any(map(alive, processes)):
            return
        time.sleep(0.01)
    pytest.fail('processes are left')


linux = pytest.mark.skipif(not Path('/proc/self/stat').exists(), reason='reads /proc')


@linux
def test_a_background_process_ends_with_the_command(run, tmp_path):
    script = LASTING + "while open('output').read().count('\\n') < 2: time.sleep(0.01)"
    code, output = run(script)
    assert code == 0
    wait_for_end(map(int, output.split()))


def test_processes_are_stopped_before_any_is_killed(monkeypatch):
    """A shell whose child is killed would go on to its next command; a process may start another meanwhile."""
    listed = iter([{5, 6}, {5, 6, 7}, {5, 6, 7}, {6}, set()])
    sent = []
    monkeypatch.setattr(supervisor, '_descendants', lambda: next(listed))
    monkeypatch.setattr(os, 'kill', lambda pid, number: sent.append((pid, number)))
    supervisor._kill_descendants()
    stop, kill = signal.SIGSTOP, signal.SIGKILL
    assert sorted(sent[:3]) == [(5, stop), (6, stop), (7, stop)]
    assert sorted(sent[3:]) == [(5, kill), (6, kill), (6, kill), (7, kill)]


@linux
def test_a_time_limit_ends_all_of_it(run, tmp_path, monkeypatch):
    """The limit is reached when both processes have started, however long that takes."""
    real, limit_s = subprocess.Popen.wait, 3

    def wait(process, timeout=None):
        if timeout == limit_s:
            numbers(tmp_path / 'isolated' / 'output')
            raise subprocess.TimeoutExpired(process.args, timeout)
        return real(process, timeout)

    monkeypatch.setattr(subprocess.Popen, 'wait', wait)
    code, output = run(LASTING + 'time.sleep(60)', timeout_s=limit_s)
    assert code is None
    started = [int(number) for number in output.split()]
    assert len(started) == 2
    wait_for_end(started)


@linux
@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_does_not_outlive_a_killed_check(number, tmp_path):
    command = [sys.executable, '-c', LASTING + 'time.sleep(60)']
    process = Call(isolation.run, command, tmp_path, {}, tmp_path / 'output', 60)
    started = numbers(tmp_path / 'output')
    assert all(map(alive, started))
    process.send_signal(number)
    process.communicate()
    wait_for_end(started)


# The whole command.

PRYING = """
import os
import subprocess
import sys
import urllib.request
from pathlib import Path


def test_looks_for_secrets():
    assert 'HF_TOKEN' not in os.environ
    assert str(Path.home()) != {home!r}
    assert not (Path.home() / '.netrc').exists()
    Path(os.environ['M2M_HOME'], 'written').touch()


def test_downloads():
    urllib.request.urlopen('http://127.0.0.1:9/')


def test_goes_on():
    print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid)
    Path({pid!r}).write_text(str(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid) + '\\n')
"""


def packed(archive, script):
    """Write an archive of a metric whose tests are a script."""
    with zipfile.ZipFile(archive, 'w') as file:
        for folder in ('sent/', 'sent/metrics/', 'sent/metrics/mine/'):
            file.writestr(folder, '')
        file.writestr('sent/metrics/mine/__init__.py', "metric_registry = {}\nmetric_registry['mine'] = None\n")
        file.writestr('sent/metrics/mine/test.py', script)
    return archive


@linux
def test_a_prying_archive(m2m, tmp_path, secrets, monkeypatch):
    secrets.mkdir()
    (secrets / '.netrc').write_text('password')
    monkeypatch.setenv('TMPDIR', str(tmp_path))
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    (tmp_path / 'conftest.py').write_text('raise OSError("of another user of a shared /tmp")\n')
    archive = packed(tmp_path / 'prying.zip', PRYING.format(home=str(secrets), pid=str(tmp_path / 'pid')))
    ran = m2m('export', archive, '--check')
    assert ran.code == 0, ran.err
    assert f'The check runs the code of {archive}, with an environment and a home of its own, and ' in ran.err
    assert ran.out.splitlines() == [
        "All rules are kept, and all 2 tests passed (Brain-Score's generic tests and the plugins' own, but for those "
        'below).',
        'not tested: needs the network: test of metrics/mine test_downloads',
    ]
    assert [path.name for path in secrets.iterdir()] == ['.netrc']
    wait_for_end(numbers(tmp_path / 'pid', 1))
    assert sorted(path.name for path in tmp_path.glob('m2m-*')) == []


ENTITIES = """
import atexit
import sys
from pathlib import Path

REPORT = '<!DOCTYPE r [<!ENTITY a "A long text.">]><r><testcase name="a">&a;&a;&a;</testcase></r>'


def test():
    (path,) = [argument.partition('=')[2] for argument in sys.argv if argument.startswith('--junitxml=')]
    atexit.register(Path(path).write_text, REPORT)
"""


def test_entities_in_a_report_are_not_expanded(m2m, tmp_path):
    """46 MB of them fill 4 GB of memory, which the parser allows."""
    ran = m2m('export', packed(tmp_path / 'entities.zip', ENTITIES), '--check')
    assert (ran.code, 'the tests of metrics/mine run' in ran.out + ran.err) == (1, True), ran


# Temporary folders.


def test_a_killed_process_leaves_nothing_for_long(tmp_path):
    script = f"""
    import os, signal
    from pathlib import Path
    from m2m_benchmarks.submission.scratch import scratch_folder

    with scratch_folder('m2m-x-', Path({str(tmp_path)!r})) as folder:
        (folder / 'large').mkdir()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    for _ in range(2):
        subprocess.run([sys.executable, '-c', textwrap.dedent(script)], check=False)
        assert len(list(tmp_path.iterdir())) == 2  # a folder and its lock, of the last one
    with scratch_folder('m2m-x-', tmp_path) as folder:
        assert list(folder.iterdir()) == []
        assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == []


def test_folders_in_use_and_of_others_are_kept(tmp_path):
    outside = tmp_path / 'outside'
    (outside / 'kept').mkdir(parents=True)
    (tmp_path / 'm2m-x-linked').symlink_to(outside)
    (tmp_path / 'm2m-x-linked.lock').touch()
    (tmp_path / 'm2m-x-mine').mkdir()  # without a lock, somebody else's
    os.mkfifo(tmp_path / 'm2m-x-pipe.lock')
    with scratch_folder('m2m-x-', tmp_path) as first, scratch_folder('m2m-x-', tmp_path) as second:
        assert first.is_dir()
        assert second.is_dir()
        assert first.stat().st_mode & 0o077 == 0
    assert (outside / 'kept').is_dir()
    assert (tmp_path / 'm2m-x-mine').is_dir()
    assert not first.exists()
    assert not second.exists()


def test_a_folder_that_cannot_be_removed_yet_is_removed_later(tmp_path, monkeypatch):
    with monkeypatch.context() as patch, scratch_folder('m2m-x-', tmp_path) as folder:
        patch.setattr('shutil.rmtree', lambda *arguments, **options: None)
        (folder / 'closed' / 'below').mkdir(parents=True)
        (folder / 'link').symlink_to('/')
        for path in (folder / 'closed' / 'below', folder / 'closed', folder):
            path.chmod(0)
    assert folder.is_dir()
    with scratch_folder('m2m-x-', tmp_path):
        assert not folder.exists()
    assert list(tmp_path.iterdir()) == []


def test_output_is_not_read_through_what_the_command_puts_in_its_place(run, tmp_path):
    code, output = run("import os; print('printed', flush=True); os.unlink('output'); os.mkfifo('output')")
    assert (code, output) == (0, 'printed\n')


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    with pytest.raises(M2MError, match=f'the disk of {tmp_path} is full'), scratch_folder('m2m-x-', tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'nowhere'))
    with pytest.raises(M2MError, match=r'cannot write temporary files to .*nowhere'), scratch_folder('m2m-x-'):
        pass


# What needs the network is not tested.


@pytest.mark.parametrize(
    ('raised', 'expected'),
    [
        ('urllib.error.URLError: <urlopen error [Errno -3] Temporary failure in name resolution>', True),
        ('botocore.exceptions.EndpointConnectionError: Could not connect to the endpoint URL: "https://x"', True),
        ('huggingface_hub.errors.LocalEntryNotFoundError: Cannot find the requested files', True),
        ('botocore.exceptions.NoCredentialsError: Unable to locate credentials', True),
        ('OSError: [Errno 101] Network is unreachable', True),
        ('AssertionError: assert 1 == 2', False),
        ('urllib.error.HTTPError: HTTP Error 404: Not Found', False),
    ],
)
def test_failures_for_want_of_a_network(raised, expected):
    case = ElementTree.fromstring('<testcase name="a"><failure message="x"/></testcase>')
    case[0].text = f"test.py:3: in a\n    'Network is unreachable'\nE   {raised}"
    assert check._needs_network(case) is expected
