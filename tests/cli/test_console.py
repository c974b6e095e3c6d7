"""Messages on stderr while a command runs, and after Ctrl-C."""

import io
import os
import pty
import re
import shlex
import sys

import pytest
import typer
from rich.cells import cell_len

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
    interrupted(('candidates', 1, 3), ('a', 2, 2), ('b: images', 1, 7), ('candidates', 2, 3), ('b: images', 3, 7))
    assert capsys.readouterr().err == 'Stopped: candidates 2 of 3, b: images 3 of 7.\n'
    interrupted(('a', 1, 2), ('a', 2, 2), ('b', 4, 4))
    assert capsys.readouterr().err == 'Stopped: b 4 of 4.\n'
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


@pytest.fixture
def bars(monkeypatch):
    """Return bars(width, reports), which shows reports on a terminal and returns the lines of the last ones."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def show(width, reports):
        monkeypatch.setenv('COLUMNS', str(width))
        monkeypatch.setenv('LINES', '24')
        monkeypatch.setattr(sys, 'stderr', Terminal())
        with console.progress() as report:
            for each in reports:
                report(*each)
            (running,) = console._running_bars
            shown = running.console.render_lines(running.get_renderable(), pad=False)
        return [''.join(segment.text for segment in line).rstrip() for line in shown]

    return show


@pytest.mark.parametrize('width', [60, 80, 100])
@pytest.mark.parametrize(
    ('what', 'done', 'total', 'count'),
    [
        ('torchvision:squeezenet1_1@squeezenet1_1_trained_on_many_images-b8a52dc0.pth: loading', 0, 1, '0/1'),
        ('torchvision:squeezenet1_1: images', 1_234, 100_000, '1234/100000'),
        ('\u7db2\u8def' * 40 + ': images', 1_234, 100_000, '1234/100000'),
        ('x' * 200, 123_456_789, 0, '123456789/?'),
    ],
)
def test_each_bar_is_one_line(bars, width, what, done, total, count):
    (line,) = bars(width, [(what, done, total)])
    assert cell_len(line) <= width
    label, bar, *numbers = line.rsplit(maxsplit=3)
    assert (bar.strip('\u2501\u2578\u257a'), *numbers) == ('', count, '0:00:00')
    start, cut, end = label.partition('\u2026')
    assert label == what or (cut and what.startswith(start) and what.endswith(end) and len(end) > 8)


def test_finished_bars_make_room(bars):
    names = [f'candidate {number}' for number in range(40)]
    shown = bars(80, [*((name, 1, 1) for name in names), (names[0], 0, 1), ('the last', 0, 2)])
    assert len(shown) == 23
    assert [line.rsplit(maxsplit=3)[0] for line in shown][:1] == [names[0]]
    assert [line.rsplit(maxsplit=3)[0] for line in shown][-2:] == [names[-1], 'the last']


@pytest.mark.seconds
@pytest.mark.parametrize(
    ('arguments', 'patched', 'message'),
    [
        (
            ('score', 'pixels_64', 'SimulatedMouse.VISp-rdm'),
            'm2m_benchmarks.scoring.candidates.load_candidate',
            'Stopped: pixels_64: loading. No score is finished. Responses of layers are kept. Run the same ',
        ),
        (
            ('compare', 'pixels_64', 'plain_squeezenet1_1@none', '--benchmark', 'SimulatedMouse.VISp-rdm'),
            'm2m_benchmarks.analysis.compare.load_candidate',
            'responses of layers and training checkpoints are kept. Run the same command again to continue',
        ),
        (
            ('analyze', 'recovery', 'pixels_64', 'plain_squeezenet1_1@none', '--benchmark', 'SimulatedMouse.VISp-rdm'),
            'm2m_benchmarks.analysis.recovery.recovery',
            'Finished responses of layers are kept. Run the same command again.',
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


def test_a_long_command_is_continued_before_its_options(capsys, monkeypatch):
    command = 'm2m data import deVries2020 --sessions sessions.csv --units units.csv --stimuli DIR'
    console.print_command(command)
    assert capsys.readouterr().out == f'{command}\n'  # into a file or a pipe
    for width in (60, 80, 100):
        monkeypatch.setenv('COLUMNS', str(width))
        console.print_command(command)
        out = capsys.readouterr().out
        assert max(map(len, out.splitlines())) <= width
        assert shlex.split(out.replace('\\\n', '')) == command.split()  # as a shell reads it
