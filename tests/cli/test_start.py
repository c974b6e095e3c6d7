"""Signals and closed streams, from the first moment on."""

import os
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

#: Runs the entry point with a function in the place of all commands, so that it starts at once.
SCRIPT = """
import os, signal, subprocess, sys, tempfile, time, types
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    if number not in {ignored}:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    else:
        signal.signal(number, signal.SIG_IGN)
from m2m_benchmarks.cli import start

def main():
{body}

fake = types.ModuleType('m2m_benchmarks.cli.main')
fake.main = main
sys.modules[fake.__name__] = fake
start.run()
"""


def script(body, ignored=()):
    return SCRIPT.format(body=textwrap.indent(textwrap.dedent(body), '    '), ignored=[int(each) for each in ignored])


def run(body, *arguments, ignored=(), **options):
    command = [sys.executable, '-c', script(body, ignored), *map(str, arguments)]
    options = {'capture_output': True, **options}
    return subprocess.run(command, text=True, check=False, **options)


@pytest.mark.parametrize(
    ('number', 'after'),
    [
        (signal.SIGINT, ''),
        (signal.SIGTERM, ''),
        (signal.SIGHUP, ''),
        (signal.SIGINT, 'raise ImportError("numpy could not be imported")'),
        (signal.SIGTERM, 'sys.exit("ended in some other way")'),
    ],
)
def test_a_signal_cleans_up_and_gives_its_exit_code(tmp_path, number, after):
    body = f"""
        with tempfile.TemporaryDirectory(dir=sys.argv[1]) as folder:
            open(folder + '/file', 'w').write('x')
            try:
                os.kill(os.getpid(), {int(number)})
                time.sleep(60)
            except KeyboardInterrupt:
                {after or 'raise'}
    """
    done = run(body, tmp_path)
    assert done.returncode == 128 + number
    assert done.stdout == ''
    if 'sys.exit' not in after:
        assert done.stderr == 'Stopped before anything was done.\n'
    assert 'Traceback' not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_ignored_signals_stay_ignored():
    done = run('os.kill(os.getpid(), signal.SIGHUP); print("goes on")', ignored=[signal.SIGHUP])
    assert (done.returncode, done.stdout, done.stderr) == (0, 'goes on\n', '')


def test_a_signal_after_all_is_done_is_no_failure():
    done = run("""
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        except KeyboardInterrupt:
            print('finished all the same')
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, 'finished all the same\n', '')


def test_workers_end_in_the_usual_way():
    done = run("""
        child = os.fork()
        if not child:
            time.sleep(60)
            os._exit(0)
        os.kill(child, signal.SIGTERM)
        print(os.WTERMSIG(os.waitpid(child, 0)[1]))
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, f'{int(signal.SIGTERM)}\n', '')


def test_a_mistake_of_the_library_shows_its_traceback():
    done = run('raise ValueError("a mistake")')
    assert done.returncode == 1
    assert done.stderr.endswith('ValueError: a mistake\n')
    assert 'Traceback' in done.stderr


PRINTS = """
    assert os.open(os.devnull, os.O_RDONLY) > 2  # no other file takes the number of a closed stream
    print('a score')
    print('a note', file=sys.stderr)
"""


@pytest.mark.parametrize(
    ('closed', 'code', 'out', 'err'),
    [
        ('', 0, 'a score\n', 'a note\n'),
        ('>&-', 1, '', 'a note\nerror: cannot write to stdout: Bad file descriptor.\n'),
        ('2>&-', 0, 'a score\n', ''),
        ('>&- 2>&-', 1, '', ''),
        ('<&-', 0, 'a score\n', 'a note\n'),
        ('<&- >&- 2>&-', 1, '', ''),
    ],
)
def test_closed_streams(closed, code, out, err):
    command = ['sh', '-c', f'exec "$@" {closed}', 'sh', sys.executable, '-c', script(PRINTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (code, out, err)


def limit_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, 4))


@pytest.mark.parametrize('both', [False, True])
def test_full_streams(tmp_path, both):
    with (tmp_path / 'out').open('w') as out:
        err = out if both else subprocess.PIPE
        done = run(PRINTS, capture_output=False, stdout=out, stderr=err, preexec_fn=limit_files)
    assert done.returncode == 1
    if not both:
        assert done.stderr.endswith('error: cannot write to stdout: File too large.\n')
        assert 'Traceback' not in done.stderr


def test_a_reader_that_has_read_enough():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, 'w') as out:
        done = run("print('a score')", capture_output=False, stdout=out, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, '')


def test_the_command_starts_here():
    metadata = Path(__file__).parents[2] / 'setup.py'
    assert "'m2m = m2m_benchmarks.cli.start:run'" in metadata.read_text()


def test_nothing_is_imported_before_signals_are_handled():
    code = 'import sys; before = set(sys.modules); import m2m_benchmarks.cli.start; print(set(sys.modules) - before)'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    ours = {name for name in eval(done.stdout) if name.startswith('m2m_benchmarks')}
    assert ours == {'m2m_benchmarks', 'm2m_benchmarks.cli', 'm2m_benchmarks.cli.start'}
    assert not {'typer', 'numpy', 'pathlib'} & eval(done.stdout)
