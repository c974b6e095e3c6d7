"""Text from files and servers on a terminal, in Markdown and in figures."""

import ast
import dataclasses
import io
import os
import sys
from pathlib import Path

import pytest

import m2m_benchmarks
from m2m_benchmarks.cli import console
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.messages import printable, say
from m2m_benchmarks.records import store
from m2m_benchmarks.report.tables import Column, Row, Table, to_markdown
from m2m_benchmarks.testing.results import whole_result

#: Texts that a terminal obeys or shows as something else: escape codes, C1 codes, the return to the start of the line,
#: the direction of writing, invisible characters, and bytes that are no text.
HOSTILE = {
    'a\x1b[2Jb': r'a\x1b[2Jb',
    'a\x1b]0;title\x07b': r'a\x1b]0;title\x07b',
    'a\x9b2Jb': r'a\x9b2Jb',
    'a\rb': r'a\rb',
    'a\x08b': r'a\x08b',
    'a\u202eb': r'a\u202eb',
    'a\u2066b': r'a\u2066b',
    'a\u200bb': r'a\u200bb',
    'a\u2028b': r'a\u2028b',
    'a\udc9bb': r'a\udc9bb',
}
EVERY = ''.join(HOSTILE)


@pytest.mark.parametrize(('text', 'expected'), HOSTILE.items())
def test_what_a_terminal_would_obey_is_escaped(text, expected):
    assert printable(text) == expected


def test_other_text_stays():
    text = 'ü ± − … [bold] 猫 %s \\x1b 🐁'
    assert printable(text) == text
    assert printable('a\nb\rc') == r'a\nb\rc'
    assert printable('a\nb\rc', keep='\n') == 'a\nb' + r'\rc'


def harmless(text):
    """Whether a terminal shows a text as it is, with the colours of rich alone."""
    return not any(character in text for character in EVERY if not character.isprintable())


@pytest.fixture
def as_terminal(monkeypatch):
    """Make the console believe that it prints to a terminal."""
    monkeypatch.setenv('TERM', 'xterm-256color')
    monkeypatch.setenv('COLUMNS', '80')


@pytest.mark.parametrize(
    'show',
    [
        say,
        console.print_text,
        lambda text: console.print_text((text, 'red')),
        console.print_line,
        console.print_csv,
        lambda text: console.print_table(Table([Column(text)], [Row((text,))], text, [text])),
        lambda text: console.print_names(text, [text]),
        lambda text: console.print_names(text, [text], together=True),
        lambda text: console.write_json([text], '-'),
    ],
)
def test_everything_that_is_printed_is_filtered(show, as_terminal, capsys):
    show(EVERY.replace('\udc9b', ''))
    show('[red]x[/red] :cat:')
    out, err = capsys.readouterr()
    assert harmless(out + err)
    assert '[red]x[/red] :cat:' in out + err


def test_progress_is_filtered(monkeypatch):
    written = io.StringIO()
    written.isatty = lambda: True
    monkeypatch.setattr(sys, 'stderr', written)
    monkeypatch.setenv('TERM', 'xterm-256color')
    with console.progress() as report:
        report('a\x1b]0;title\x07b [red]', 1, 2)
    assert '\x1b]0;' not in written.getvalue()
    assert r'a\x1b]0;title\x07b [red]' in written.getvalue()


def test_results_stand_below_no_bar(monkeypatch, capsys):
    bars, stopped = [], []
    monkeypatch.setattr('rich.progress.Progress.stop', lambda self: stopped.append(self))
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True)
    with console.progress() as report:
        report('images', 1, 2)
        assert not stopped
        bars += console._running_bars
        console.print_line('a score')
        assert stopped == bars
    assert 'a score\n' in capsys.readouterr().out


def test_errors_and_wrong_usage_are_filtered(m2m, m2m_home, monkeypatch):
    def fail(*arguments, **options):
        raise DataError(f'two cells are called {EVERY}')

    monkeypatch.setattr(store, 'results', fail)
    ran = m2m('results')
    assert ran.code == 1
    assert harmless(ran.err)
    assert r'two cells are called a\x1b[2Jb' in ran.err
    for arguments in (('results', 'li\x1b[2Jst'), ('models', '--al\x1b[2Jl'), ('score', 'pixels_64\x9b', 'x')):
        ran = m2m(*arguments)
        assert ran.code in (1, 2)
        assert harmless(ran.out + ran.err)


def test_stored_names_are_filtered(m2m, m2m_home):
    store.add([dataclasses.replace(whole_result(), model=f'net{EVERY}'.replace('\udc9b', ''))])
    for arguments in (['list'], ['list', '--csv'], ['list', '--each', '--csv'], ['show', store.results()[0].uid]):
        ran = m2m('results', *arguments)
        assert ran.code == 0
        assert harmless(ran.out.replace('\r\n', '\n')), arguments
        assert r'net' in ran.out


def test_only_the_filter_prints():
    """A print elsewhere would bypass it."""
    root = Path(m2m_benchmarks.__file__).parent
    allowed = {'messages.py', 'benchmarks/registry.py', 'submission/imported.py'}  # and scripts that are run by hand
    for path in root.rglob('*.py'):
        name = path.relative_to(root).as_posix()
        if name in allowed or 'data_packaging' in name or name.startswith(('models/', 'testing/')):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            called = node.func if isinstance(node, ast.Call) else None
            assert not (isinstance(called, ast.Name) and called.id == 'print'), f'{name}:{node.lineno}'


def test_a_closed_or_full_stderr(monkeypatch):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, os.strerror(28))

    for stream in (None, Full()):
        monkeypatch.setattr(sys, 'stderr', stream)
        say('nobody reads this')


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('<b>x</b>', r'\<b\>x\</b\>'),
        ('&lt;script&gt;', r'\&lt;script\&gt;'),
        ('[a](http://b)', r'\[a\](http://b)'),
        ('![a](b)', r'!\[a\](b)'),
        ('a\n# b', r'a\\n# b'),
        ('# heading', r'\# heading'),
        ('- item', r'\- item'),
        ('`x`|y', r'\`x\`\|y'),
        ('a\x1b[2Jb', r'a\\x1b\[2Jb'),
    ],
)
def test_markdown_is_escaped(text, expected):
    table = Table([Column('name')], [Row((text,))], text, [text])
    lines = to_markdown(table).split('\n')
    assert lines == [f'**{expected}**', '', '| name |', '|---|', f'| {expected} |', '', expected]
