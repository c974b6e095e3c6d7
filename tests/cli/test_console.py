"""Messages on stderr while a command runs, and after Ctrl-C."""

import io
import os
import pty
import re
import sys

import pytest
import typer

from m2m_benchmarks.cli import console
from m2m_benchmarks.cli.main import main
from m2m_benchmarks.records import store
from m2m_benchmarks.testing.results import whole_result

CURSOR_BACK = '\x1b[?25h'  # the last thing that progress bars write
ANSI = re.compile(r'\x1b\[[0-9;?]*[A-Za-z]')


def interrupted(*reports, after_interrupt=''):
    with pytest.raises(typer.Exit) as ended, console.progress(after_interrupt) as report:
        for what, done, total in reports:
            report(what, done, total)
        raise KeyboardInterrupt
    assert ended.value.exit_code == 130


def test_ctrl_c_reports_progress_and_how_to_continue(capsys):
    interrupted(('loading', 1, 1), ('images', 1_200, 2_000), after_interrupt='The same command goes on.')
    assert capsys.readouterr().err == 'Stopped: images 1,200 of 2,000. The same command goes on.\n'
    interrupted(('loading torch', 0, 1))
    assert capsys.readouterr().err == 'Stopped: loading torch.\n'
    interrupted(after_interrupt='Nothing was changed.')
    assert capsys.readouterr().err == 'Stopped before anything was done. Nothing was changed.\n'


@pytest.mark.parametrize(('encoding', 'expected'), [('ascii', b'?'), ('utf-8', '±'.encode())])
def test_a_terminal_without_some_characters(m2m_home, monkeypatch, encoding, expected):
    store.add([whole_result()])
    written = io.BytesIO()
    monkeypatch.setattr(sys, 'stdout', io.TextIOWrapper(written, encoding))
    monkeypatch.setattr(sys, 'argv', ['m2m', 'results', 'show', store.results()[0].uid])
    with pytest.raises(SystemExit) as ended:
        main()
    sys.stdout.flush()
    assert ended.value.code in (0, None)
    assert expected in written.getvalue()


def test_ctrl_c_where_nothing_is_counted(m2m, m2m_home, monkeypatch):
    def press(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(store, 'results', press)
    ran = m2m('results')
    assert (ran.code, ran.out, ran.err) == (130, '', 'Stopped.\n')
    monkeypatch.setattr('m2m_benchmarks.cli.groups.TyperGroup.make_context', press)
    ran = m2m('results')
    assert (ran.code, ran.out, ran.err) == (130, '', 'Stopped.\n')


def test_a_pipe_is_silent(capsys):
    with console.progress() as report, console.stage(report, 'loading'):
        report('images', 1, 2)
    assert capsys.readouterr() == ('', '')


def test_a_terminal_shows_progress_at_once(monkeypatch):
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, 'w') as terminal:
        monkeypatch.setattr(sys, 'stderr', terminal)
        with console.progress() as report:
            report('loading torch', 0, 1)
            terminal.write('the end')
            terminal.flush()
            output = b''
            while b'the end' not in output:
                output += os.read(ours, 1_000)
            assert b'loading torch' in output
    os.close(ours)


@pytest.mark.parametrize('width', [60, 80])
def test_counts_beside_long_names_are_whole(monkeypatch, width):
    name = (
        'torchvision:squeezenet1_1@/home/somebody/networks/trained-on-many-images/of-2026-11/squeezenet1_1-b8a52dc0.pth'
    )
    ours, theirs = pty.openpty()
    monkeypatch.setenv('COLUMNS', str(width))
    monkeypatch.setenv('LINES', '24')
    with os.fdopen(theirs, 'w') as terminal:
        monkeypatch.setattr(sys, 'stderr', terminal)
        with console.progress() as report:
            report(f'{name}: images', 1_234, 100_000)
        output = ''
        while CURSOR_BACK not in output:
            output += os.read(ours, 4_096).decode()
    os.close(ours)
    bar, *rest = ANSI.sub('', output[output.rindex('torchvision') :]).rstrip().split('\r\n')
    folded = bar.split()[0]
    assert bar.split()[-2:] == ['1234/100000', '0:00:00']
    assert len(bar) <= width
    assert [line.rstrip() for line in (folded, *rest)] == re.findall(f'.{{1,{len(folded)}}}', f'{name}: images')


@pytest.mark.seconds
@pytest.mark.parametrize(
    ('arguments', 'patched', 'message'),
    [
        (
            ('score', 'pixels_64', 'SimulatedMouse.VISp-rdm'),
            'm2m_benchmarks.scoring.candidates.load_candidate',
            'Stopped: pixels_64: loading. Finished scores and responses are kept.',
        ),
        (
            ('data', 'import', 'Lab2026', '--sessions', 's', '--units', 'u', '--stimuli', 'i'),
            'm2m_benchmarks.acquisition.importing.import_bundle',
            'Stopped: loading. Nothing was imported or changed.',
        ),
        (
            ('data', 'fetch', 'digits'),
            'm2m_benchmarks.acquisition.digit_import.fetch_digits',
            'Finished downloads are kept. Run the same command again to continue.',
        ),
        (
            ('models', 'calibrate', 'plain_squeezenet1_1', '--dataset', 'SimulatedMouse'),
            'm2m_benchmarks.scoring.candidates.load_candidate',
            'No map was written.',
        ),
        (
            ('train', 'digitnet', '--source', 'SklearnDigits'),
            'm2m_benchmarks.training.train.train',
            'Run the same command with --resume to continue from the last checkpoint, if there is one.',
        ),
    ],
)
def test_commands_say_how_to_continue(m2m, m2m_home, monkeypatch, arguments, patched, message):
    def press(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(patched, press)
    ran = m2m(*arguments)
    assert (ran.code, ran.out) == (130, '')
    assert message in ran.err
