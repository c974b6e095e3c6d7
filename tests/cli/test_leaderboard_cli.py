"""The command `m2m leaderboard`."""

import csv
import dataclasses
import io
import json
import re
import sqlite3

import pytest

from m2m_benchmarks.records import store
from m2m_benchmarks.testing import scored_results

RDM = 'Lab2026.area0-rdm'
NASTY = '=<script>alert(1)</script>\x1b[31m,"q"|ü & 100 %_#${}~^\\\n+1'


@pytest.fixture
def stored(m2m_home):
    """Store three models on three benchmarks, and an imported result with a name of any kind."""
    results, draws = scored_results(3, 3, n_draws=100)
    store.add(results, draws)
    store.add([dataclasses.replace(results[0], model=NASTY)], imported=True)
    return results


def test_no_results(m2m, m2m_home):
    done = m2m('leaderboard')
    assert (done.code, done.out) == (0, '')
    assert 'There are no results yet. Try: m2m score pixels_64 SimulatedMouse-rdm' in done.err
    done = m2m('leaderboard', '--json', '-')
    assert json.loads(done.out)['rows'] == []


def test_table(m2m, stored):
    done = m2m('leaderboard', '--benchmark', 'Lab2026.area0-rdm')
    assert done.code == 0
    lines = done.out.splitlines()
    assert re.split(r'\s{2,}', lines[0].strip())[:5] == ['candidate', 'kind', RDM, 'rank', 'tied']
    assert any(re.match(r'net_\d +0\.\d{3} ± 0\.\d{3}  \d( to \d)? +[a-c]+ ', line) for line in lines)
    assert '\x1b' not in done.out and r'\x1b[31m' in done.out and r'\n+1' in done.out
    assert 'as in `m2m compare`' in done.out and 'no bootstrap draws' in done.out


@pytest.mark.parametrize('width', [60, 80, 120])
def test_narrow_terminals(m2m, stored, monkeypatch, width):
    monkeypatch.setenv('COLUMNS', str(width))
    done = m2m('leaderboard')
    assert done.code == 0 and max(map(len, done.out.splitlines())) <= width
    assert 'Lab2026 mean' in done.out and 'net_2' in done.out


def test_csv(m2m, stored, tmp_path):
    path = tmp_path / 'board.csv'
    assert m2m('leaderboard', '--csv', str(path)).code == 0
    rows = list(csv.DictReader(io.StringIO(path.read_text(), newline='')))
    (nasty,) = [row for row in rows if row['measured_by'].startswith('AVX2')]
    assert nasty['candidate'] == f"'{NASTY}" and nasty['rank best'] == ''  # no formula of a spreadsheet
    by_cell = {(row['candidate'], row['column']): row for row in rows}
    for result in stored:
        row = by_cell[result.model, result.benchmark]
        assert float(row['score']) == pytest.approx(result.score, rel=1e-5)
        assert float(row['interval high']) == pytest.approx(result.interval[1], rel=1e-5)
        assert row['uid'] == result.uid and 1 <= int(row['rank best']) <= int(row['rank worst']) <= 3
    on_stdout = m2m('leaderboard', '--csv', '-')
    assert '\x1b' not in on_stdout.out and on_stdout.out.startswith('candidate,kind,')


def test_markdown_and_latex(m2m, stored, tmp_path):
    path = tmp_path / 'board.md'
    done = m2m('leaderboard', '--benchmark', RDM, '--markdown', str(path), '--latex', '-')
    table = [line for line in path.read_text().splitlines() if line.startswith('|')]
    assert len({len(re.findall(r'(?<!\\)\|', line)) for line in table}) == 1
    assert '<script>' not in path.read_text() and r'\<script\>' in path.read_text()
    body = done.out.partition(r'\midrule')[2].partition(r'\bottomrule')[0].strip().splitlines()
    assert all(line.endswith(r'\\') and len(re.findall(r'(?<!\\)&', line)) == 6 for line in body)
    (nasty,) = [line for line in body if 'script' in line]
    expected = (
        r'=\textless{}script\textgreater{}alert(1)\textless{}/script\textgreater{}\textbackslash{}x1b[31m,'
        r'\textquotedbl{}q\textquotedbl{}\textbar{}ü \& 100 \%\_\#\$\{\}\textasciitilde{}\textasciicircum{}'
        r'\textbackslash{}\textbackslash{}n+1'
    )
    assert expected in nasty


def test_json(m2m, stored, tmp_path):
    path = tmp_path / 'board.json'
    assert m2m('leaderboard', '--json', str(path), '--title', 'Ours').code == 0
    board = json.loads(path.read_text())
    assert board['title'] == 'Ours' and NASTY in board['cells']


def test_page(m2m, stored, tmp_path):
    done = m2m('leaderboard', '--html', str(tmp_path / 'board'), '--benchmark', RDM)
    assert done.code == 0 and str(tmp_path / 'board' / 'index.html') in done.out
    page = (tmp_path / 'board' / 'index.html').read_text()
    assert 'net_2' in page and '<script>alert(1)' not in page


def test_selection(m2m, stored):
    done = m2m('leaderboard', '--model', 'net_1', '--benchmark', '*.area0-*', '--json', '-')
    board = json.loads(done.out)
    assert [row['id'] for row in board['rows'] if row['kind'] == 'candidate'] == ['net_1']
    done = m2m('leaderboard', '--model', 'net1')
    assert done.code == 1 and 'net_1' in done.err


def test_wrong_usage(m2m, stored, tmp_path):
    done = m2m('leaderboard', '--csv', '-', '--json', '-')
    assert done.code == 2 and 'only one of --csv and --json can go to stdout' in ' '.join(done.err.split())
    (tmp_path / 'file').touch()
    for option in ('--csv', '--markdown', '--latex', '--json', '--html'):
        done = m2m('leaderboard', option, str(tmp_path / 'file' / 'board'))
        assert done.code == 1 and f'cannot write to {tmp_path / "file"}' in done.err and done.out == ''


@pytest.mark.parametrize('content', ['nothing', '[1]', '{"benchmark": "x"}'])
def test_files_that_are_no_recovery(m2m, stored, tmp_path, content):
    path = tmp_path / 'recovery.json'
    path.write_text(content)
    done = m2m('leaderboard', '--recovery', str(path))
    assert done.code == 1 and 'expected the file of `m2m analyze recovery --json FILE`' in done.err


def test_results_files_that_cannot_be_used(m2m, stored):
    with sqlite3.connect(store.path()) as connection:
        connection.execute('update result set score = 9 where model = ?', ['net_0'])
    connection.close()
    done = m2m('leaderboard')
    assert done.code == 0 and 'net_1' in done.out and 'net_0' not in done.out and '3 rows are damaged' in done.err
    with sqlite3.connect(store.path()) as connection:
        connection.execute('pragma user_version = 7')
    connection.close()
    done = m2m('leaderboard')
    assert done.code == 1 and 'has the version 7' in done.err
    store.path().write_bytes(b'no database at all' * 1000)
    done = m2m('leaderboard')
    assert done.code == 1 and 'cannot be used' in done.err and 'Traceback' not in done.err


def test_a_results_file_that_another_program_holds(m2m, stored, monkeypatch):
    """Others may write meanwhile; a program that lets nobody read is reported."""
    monkeypatch.setattr(store, 'WAIT_S', 0.1)
    holder = sqlite3.connect(store.path(), isolation_level=None)
    holder.execute('begin immediate')
    assert m2m('leaderboard').code == 0
    holder.execute('rollback')
    holder.execute('pragma locking_mode = exclusive')
    holder.execute('pragma journal_mode = delete')
    holder.execute('begin exclusive')
    done = m2m('leaderboard')
    holder.close()
    assert done.code == 1 and 'locked' in done.err
