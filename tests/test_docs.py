"""CONTRIBUTING.md, docs/, the pages of examples/ and README.md agree with the code."""

import functools
import importlib
import json
import pkgutil
import re
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from m2m_benchmarks.acquisition.pipeline.fetch import longest_silence_s
from m2m_benchmarks.net.retry import RetryPolicy

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [ROOT / 'CONTRIBUTING.md', ROOT / 'README.md', *(ROOT / 'docs').glob('*.md'), *(ROOT / 'examples').glob('*.md')]
)
#: The start of a path in this repository.
FOLDER = r'(?:m2m_benchmarks|models|tests|docs|perf|examples|\.ci)/'
#: Ends of names of files, which aren't attributes of a module: `images.csv`.
ENDINGS = ('.csv', '.json', '.md', '.npz', '.png', '.py', '.safetensors', '.sqlite', '.yaml', '.yml')


def page(name):
    """Return the text of a page, its lines joined: a phrase may run over two of them."""
    return ' '.join((ROOT / name).read_text(encoding='utf-8').split())


def code(text):
    """List the code in a page: spans of one line between backticks."""
    return re.findall(r'`([^`\n]+)`', text)


def missing_files(text, folder):
    """List the files of this repository that a page in a folder names or links to, and that don't exist.

    Those of a folder that the page speaks of may be named by the end of their paths: `comparisons/base.py`.
    """
    paths = set(re.findall(rf'(?<![\w/.~-]){FOLDER}[\w./-]*\w/?', text))
    words = ' '.join(code(text)).split()  # code may be a command: `python perf/soak.py --kills 64`
    ends = {word for word in words if re.fullmatch(r'(\w+/)+\w+\.py', word)} - paths
    links = {link.partition('#')[0] for link in re.findall(r'\]\(([^)\s]+)\)', text) if '://' not in link}
    top = {word for word in words if word in ('pyproject.toml', 'setup.py', 'CHANGELOG.md', 'CITATION.cff')}
    return sorted(
        {path for path in paths | top if not (ROOT / path).exists()}
        | {link for link in links if link and not (folder / link).exists()}
        | {end for end in ends if not any(any((ROOT / room).rglob(end)) for room in ('m2m_benchmarks', 'models'))}
    )


def library_module(path):
    """Import the module of a file, such as m2m_benchmarks/storage.py or models/neurn/backbones.py."""
    path = re.sub('^models/', 'm2m_benchmarks/models/', path)
    return importlib.import_module(path.removesuffix('.py').removesuffix('/__init__').replace('/', '.'))


def has(owner, names):
    """Whether an object has the first of the names, that has the second, and so on."""
    for name in names:
        if not hasattr(owner, name):
            return False
        owner = getattr(owner, name)
    return True


@functools.cache
def owners():
    """Map the name of each module and class of the library to its files; packages are their `__init__.py`."""
    files = defaultdict(set)
    for path in (ROOT / 'm2m_benchmarks').rglob('*.py'):
        file = path.relative_to(ROOT).as_posix()
        if path.name not in ('__main__.py', 'test.py') and 'data_packaging' not in file:
            files[path.parent.name if path.stem == '__init__' else path.stem].add(file)
            for name in re.findall(r'^class (\w+)', path.read_text(encoding='utf-8'), re.M):
                files[name].add(file)
    return files


def missing_names(text):
    """List the names in a page that the library doesn't have: `module.name`, `Class.name`, `name` in `FILE`."""
    missing = set()
    for name in code(text):
        if not re.fullmatch(r'\w+(\.\w+)+(\(\))?', name) or name.endswith(ENDINGS):
            continue
        first, *rest = name.removesuffix('()').split('.')
        if first == 'm2m_benchmarks':
            try:
                pkgutil.resolve_name(name.removesuffix('()'))
            except (ImportError, AttributeError):
                missing.add(name)
        elif first in owners():
            modules = [library_module(file) for file in owners()[first]]
            if not any(has(getattr(module, first, module), rest) for module in modules):
                missing.add(name)
    named = re.findall(rf'`([A-Za-z_][\w.]*)`(?: in |\s\()`({FOLDER}[\w/]+\.py)`', text)
    for file, cell in re.findall(rf'^\| `({FOLDER}[\w/]+\.py)` \| (.*) \|$', text, re.M):  # a row of a recipe
        named += [(name, file) for name in code(cell) if re.fullmatch('[A-Z_]+', name)]
    missing |= {f'{name} in {file}' for name, file in named if not has(library_module(file), name.split('.'))}
    fixtures = set(re.findall(r'^def (\w+)', (ROOT / 'tests/conftest.py').read_text(encoding='utf-8'), re.M))
    return sorted(missing | set(re.findall(r'fixture `(\w+)`', text)) - fixtures)


@pytest.mark.parametrize('path', PAGES, ids=lambda path: path.name)
def test_named_files_exist(path):
    assert missing_files(path.read_text(encoding='utf-8'), path.parent) == []


@pytest.mark.parametrize('path', PAGES, ids=lambda path: path.name)
def test_names_of_the_library_exist(path):
    assert missing_names(path.read_text(encoding='utf-8')) == []


def test_what_does_not_exist_is_noticed():
    text = """`perf/soak.py --kills 64`, `perf/no.py`, `comparisons/base.py`, `comparisons/no.py`,
        [a](docs/tests.md#marks), [b](no.md), python examples/no.py, `setup.py`"""
    assert missing_files(text, ROOT) == ['comparisons/no.py', 'examples/no.py', 'no.md', 'perf/no.py']
    text = (
        """`testing.Clock`, `testing.no`, `m2m_benchmarks.results()`, `m2m_benchmarks.no`, `m2m_benchmarks.net.no`,
        `RetryPolicy.run` (`m2m_benchmarks/net/retry.py`), `RetryPolicy.no`, `images.csv`, `nn.Module`,
        `RESOLVERS` in `m2m_benchmarks/plugins/loading.py`, `NO` in `m2m_benchmarks/plugins/loading.py`, fixture `no`
"""
        + '| `models/neurn/backbones.py` | a row of `BACKBONES` and `NONE` |\n'
    )
    assert missing_names(text) == [
        'NO in m2m_benchmarks/plugins/loading.py',
        'NONE in models/neurn/backbones.py',
        'RetryPolicy.no',
        'm2m_benchmarks.net.no',
        'm2m_benchmarks.no',
        'no',
        'testing.no',
    ]


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


def test_a_backbone_is_in_the_files_of_its_recipe():
    recipe = (ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8').partition('## Recipe: a backbone')[2]
    files = re.findall(r'^\| `(\S+)` \|', recipe.partition('## ')[0], re.M)
    named = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / 'models').rglob('*.py')
        if re.search(r"'(plain_|neurn_)?shufflenet_v2_x0_5'", path.read_text(encoding='utf-8'))
        and path.name != 'test.py'
    }
    assert named == set(files)
    section = (ROOT / 'docs/architecture.md').read_text(encoding='utf-8').partition('- **Backbones**')[2]
    assert set(re.findall(rf'`({FOLDER}\S+)`', section.partition('\n- **')[0])) == set(files)


def test_the_lanes_are_those_of_the_makefile():
    targets = set(re.findall(r'^([\w-]+):', (ROOT / 'Makefile').read_text(), re.M))
    for path in PAGES:
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


def test_every_page_is_in_the_navigation():
    index = (ROOT / 'docs' / 'index.md').read_text(encoding='utf-8')
    trees = re.findall(r'```{toctree}\n(.*?)```', index, re.S)
    listed = re.findall(r'^(?:\w.* <)?(\w+)>?$', '\n'.join(trees), re.M)
    assert sorted([*listed, 'index']) == sorted(path.stem for path in (ROOT / 'docs').glob('*.md'))


@pytest.mark.seconds
def test_the_python_of_the_pages_runs_as_it_stands(m2m_home, capsys):
    pattern = r'^```python\n(.*?)^```$'
    readme = (ROOT / 'README.md').read_text(encoding='utf-8')
    text = (ROOT / 'docs' / 'own_model.md').read_text(encoding='utf-8')
    blocks = re.findall(pattern, text, re.M | re.S)
    assert len(blocks) == 3
    # The clusters of docs/sweep.md are others' machines; tests/sweep/test_slurm.py compares the job script.
    pages = [path for path in PAGES if path.name != 'sweep.md']
    every = [block for path in pages for block in re.findall(pattern, path.read_text(encoding='utf-8'), re.M | re.S)]
    (of_analyses,) = re.findall(pattern, (ROOT / 'docs' / 'analyses.md').read_text(encoding='utf-8'), re.M | re.S)
    assert sorted(every) == sorted([blocks[0], *blocks, of_analyses])  # the README repeats the first
    names = {}
    exec(blocks[0], names)
    printed = capsys.readouterr().out
    assert printed.strip() in text
    assert printed.strip() in readme
    exec(blocks[1], names)
    assert f'`{capsys.readouterr().out.strip()}`' in text
    exec(blocks[2], names)
    first, second, own = capsys.readouterr().out.splitlines()
    assert first.startswith('m2m_rdm ') and second.startswith('cka ')
    kind = 'half of the trials, of half of the neuroids'
    assert own.startswith('SimulatedMouse.VISrl-linear_cka ') and own.endswith(kind)
    assert 0 < float(names['result']) < 1
    assert names['result'].attrs['error'] > 0
    result = names['result'].attrs['result']
    assert (result['benchmark'], result['ceiling_kind']) == (names['own'].identifier, kind)
    assert json.dumps(result, allow_nan=False)


@pytest.mark.seconds
def test_the_python_of_the_analyses_runs(m2m_home, capsys, few_draws):
    text = (ROOT / 'docs' / 'analyses.md').read_text(encoding='utf-8')
    exec(re.findall(r'^```python\n(.*?)^```$', text, re.M | re.S)[0], {})
    correlation, *table = capsys.readouterr().out.splitlines()
    assert -1 <= float(correlation.split()[0]) <= 1
    assert 'best_layer' in table[0] and len(table) == 7
