"""CONTRIBUTING.md, docs/ and README.md agree with the code."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from m2m_benchmarks.acquisition.pipeline.fetch import longest_silence_s
from m2m_benchmarks.net.retry import RetryPolicy

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / 'CONTRIBUTING.md', *(ROOT / 'docs').glob('*.md')])
FOLDERS = ('m2m_benchmarks/', 'models/', 'tests/', 'docs/', 'perf/', 'examples/', '.ci/')


def page(name):
    """Return the text of a page, its lines joined: a phrase may run over two of them."""
    return ' '.join((ROOT / name).read_text(encoding='utf-8').split())


@pytest.mark.parametrize('path', PAGES, ids=lambda path: path.name)
def test_named_files_exist(path):
    spans = re.findall(r'`([^`\n]+)`', path.read_text(encoding='utf-8'))
    named = ' '.join(spans).split()  # a span may be a command: `python perf/soak.py --kills 64`
    paths = [name for name in named if name.startswith(FOLDERS) or name in ('pyproject.toml', 'CHANGELOG.md')]
    assert paths
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_the_rooms_are_those_of_the_contract():
    contracts = tomllib.loads((ROOT / 'pyproject.toml').read_text())['tool']['importlinter']['contracts']
    layers = next(contract['layers'] for contract in contracts if contract.get('exhaustive'))
    section = (ROOT / 'docs/architecture.md').read_text(encoding='utf-8').partition('## Rooms')[2].partition('## ')[0]
    lines = [
        set(re.findall(r'`(?:m2m_benchmarks/)?(\w+)(?:/|\.py)`', cell))
        for cell in re.findall(r'^\| (`.*?) \|', section, re.M)
    ]
    rooms = [{room.strip('( )') for room in layer.split('|')} for layer in layers]
    existing = [
        {room for room in layer if room == 'models' or list((ROOT / 'm2m_benchmarks').glob(f'{room}*'))}
        for layer in rooms
    ]
    assert lines == [layer for layer in existing if layer]  # rooms that don't import one another share a line


def test_the_lanes_are_those_of_the_makefile():
    targets = set(re.findall(r'^([\w-]+):', (ROOT / 'Makefile').read_text(), re.M))
    for path in (*PAGES, ROOT / 'README.md'):
        assert set(re.findall(r'`make ([\w-]+)', path.read_text(encoding='utf-8'))) <= targets


def test_the_longest_times_are_those_of_the_policy():
    text = page('docs/architecture.md')
    assert f'at most {RetryPolicy().longest_s() / 60:.0f} minutes without any data' in text
    assert f'at most {RetryPolicy().for_queries().longest_s() / 60:.0f} minutes (`RetryPolicy().for_queries()' in text
    assert f'at most {longest_silence_s(RetryPolicy()) / 60:.0f} minutes for each mirror' in text
    assert longest_silence_s(RetryPolicy(), n_mirrors=2) == 2 * longest_silence_s(RetryPolicy())


@pytest.mark.parametrize(
    'example', ['m2m_benchmarks/benchmarks/comparisons/cka.py', 'tests/acquisition/toy_survey/survey.py']
)
def test_examples_have_the_stated_length(example):
    n_lines = len((ROOT / example).read_text().splitlines())
    assert f'`{example}` is an example of {n_lines} lines' in page('CONTRIBUTING.md')


@pytest.mark.seconds
def test_the_python_of_the_readme_runs_as_it_stands(m2m_home, capsys):
    text = (ROOT / 'README.md').read_text(encoding='utf-8')
    blocks = re.findall(r'^```python\n(.*?)^```$', text, re.M | re.S)
    assert len(blocks) == 2
    names = {}
    exec(blocks[0], names)
    printed = capsys.readouterr().out
    assert printed.strip() in text
    exec(blocks[1], names)
    first, second, own = capsys.readouterr().out.splitlines()
    assert first.startswith('m2m_rdm ') and second.startswith('cka ')
    kind = 'half of the trials, of half of the neuroids'
    assert own.startswith('SimulatedMouse.VISrl-linear_cka ') and own.endswith(kind)
    assert 0 < float(names['result']) < 1
    assert names['result'].attrs['error'] > 0
    result = names['result'].attrs['result']
    assert (result['benchmark'], result['ceiling_kind']) == (names['own'].identifier, kind)
    assert json.dumps(result, allow_nan=False)
