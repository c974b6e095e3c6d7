"""Contracts: imports, Brain-Score's private parts, where datasets are named, helpers of tests."""

import ast
import importlib
import importlib.util
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

import m2m_benchmarks
from m2m_benchmarks.acquisition.surveys import SURVEYS
from m2m_benchmarks.benchmarks.datasets import DIGITS, RECORDINGS
from m2m_benchmarks.data.digit_names import DOMAINS, PAPER_DIGITS
from m2m_benchmarks.errors import UnknownNameError
from m2m_benchmarks.plugins import RESOLVERS

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / 'm2m_benchmarks'
TESTS = ROOT / 'tests'

#: Calls that import by a string: file, and what is imported.
BY_STRING = {
    ('__init__.py', '_WHERE[name]'),  # the public names, lazily
    ('plugins/loading.py', 'module'),  # the table of resolvers
    ('plugins/loading.py', "f'{plugin.library}.{FOLDERS[kind]}.{plugin.folder}'"),  # a registered plugin, its folder
    ('plugins/loading.py', 'BRAIN_SCORE'),
    ('cli/doctor.py', 'name'),  # other packages
    ('benchmarks/comparisons/__init__.py', "f'{__name__}.{in_table(name)}'"),  # a line of its table
    ('benchmarks/comparisons/__init__.py', "f'{__name__}.{protocol}'"),
    ('scoring/own_modules.py', 'name'),  # what a user's code imports
    ('scoring/own_modules.py', "f'{self._package}.{name}'"),
    ('scoring/source_loader.py', 'self._name'),
    ('testing/draws.py', 'module if is_class else owner'),  # modules of its table
}

#: Modules of the standard library that only POSIX has, and names that `os` and `signal` have only there.
POSIX_MODULES = {'fcntl', 'grp', 'posix', 'pty', 'pwd', 'resource', 'syslog', 'termios', 'tty'}
POSIX_NAMES = {
    'os': {
        'fork',
        'geteuid',
        'getpgid',
        'getuid',
        'killpg',
        'mkfifo',
        'sched_getaffinity',
        'setsid',
        'statvfs',
        'uname',
    },
    'signal': {'SIGALRM', 'SIGHUP', 'SIGKILL', 'SIGPIPE', 'SIGUSR1', 'setitimer'},
}

#: Names of Brain-Score's that only the adapter may use: of its models, and of a folder whose functions store responses.
PRIVATE = {
    '_wrapper',
    '_model',
    '_extractor',
    '_device',
    '_forward_kwargs',
    '_batch_activations_hooks',
    '_tensor_to_numpy',
    'behavior_model',
    'region_layer_map',
    'readout',
    'layer_model',
    'activations_model',
    '_probe_image_path',
    'model_helpers',
}
ADAPTER = 'm2m_benchmarks/scoring/brainscore_adapter.py'
#: Uses elsewhere; docs/architecture.md has the reasons.
EXCEPTIONS = {
    'm2m_benchmarks/cli/models.py': {'region_layer_map'},
    'm2m_benchmarks/submission/check.py': {'model_helpers'},
    'm2m_benchmarks/submission/models.py': {'region_layer_map', 'activations_model', 'layer_model'},
    'models/neurn/labels.py': {'_model', '_extractor', '_device', '_forward_kwargs'},
    'models/neurn/model.py': {'behavior_model', 'region_layer_map'},
}

#: Tables that name datasets; elsewhere a dataset is asked.
TABLES = (
    'acquisition/surveys.py',
    'benchmarks/datasets.py',
    'benchmarks/selection.py',  # the suites
    'data/digit_names.py',
    'data/made_here.py',
)


def sources(folder=LIBRARY):
    """Yield the path inside the folder and the syntax tree of each module, except tests of plugins."""
    for path in sorted(folder.rglob('*.py')):
        if path.name != 'test.py':
            yield path.relative_to(folder).as_posix(), ast.parse(path.read_text(encoding='utf-8'))


def checked(root):
    """Run `lint-imports` on the package of a checkout, laid out as installed."""
    if importlib.util.find_spec('importlinter') is None:
        pytest.skip('import-linter is not installed; it comes with the extra dev')
    command = [sys.executable, str(root / '.ci' / 'as_installed.py'), 'lint-imports']
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.process
def test_imports_point_one_way():
    done = checked(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.process
@pytest.mark.parametrize(
    ('file', 'line', 'message'),
    [
        (
            'm2m_benchmarks/storage.py',
            'from m2m_benchmarks.data import manifest',
            'storage -> m2m_benchmarks.data.manifest',
        ),
        ('m2m_benchmarks/errors.py', 'from .models.neurn import neurn', 'errors -> m2m_benchmarks.models.neurn.neurn'),
        ('models/controls/model.py', 'from m2m_benchmarks.errors import M2MError', 'model -> m2m_benchmarks.errors'),
        ('models/controls/model.py', 'from m2m_benchmarks import __version__', 'controls.model -> m2m_benchmarks ('),
        ('models/neurn/labels.py', 'from ...scoring import weights', 'labels -> m2m_benchmarks.scoring.weights'),
        ('m2m_benchmarks/attic.py', '', 'The following modules are not listed as layers:\n\n- m2m_benchmarks.attic'),
    ],
)
@pytest.mark.several
def test_an_import_against_the_contract_is_caught(tmp_path, file, line, message):
    for folder in ('.ci', 'm2m_benchmarks', 'models'):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns('__pycache__'))
    shutil.copy(ROOT / 'pyproject.toml', tmp_path)
    with (tmp_path / file).open('a', encoding='utf-8') as planted:
        planted.write(f'\n{line}\n')
    done = checked(tmp_path)
    assert done.returncode != 0
    assert message in done.stdout


@pytest.mark.seconds
def test_only_the_tables_import_by_string():
    calls = set()
    for name, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, 'id', '')
                if function in ('import_module', '__import__'):
                    calls.add((name, ast.unparse(node.args[0])))
    assert calls == BY_STRING


def test_every_resolver_exists():
    for kind, resolvers in RESOLVERS.items():
        for resolver in resolvers:
            module, _, function = resolver.partition(':')
            resolve = getattr(importlib.import_module(module), function)
            try:
                assert resolve('no such identifier') is None, (kind, resolver)
            except UnknownNameError as error:  # a resolver that explains what is wrong with a name
                assert 'no such identifier' in str(error)


def test_every_public_name_exists():
    for name in m2m_benchmarks.__all__:
        assert getattr(m2m_benchmarks, name) is not None


def private_names(tree):
    """List the names of `PRIVATE` that a module uses on anything but `self` and `cls`, in code or in text.

    In text, a name counts where it is all of a string, as for getattr and in tables of names, or follows a dot, as in
    code that is written to a file.
    """
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            if not (isinstance(node.value, ast.Name) and node.value.id in ('self', 'cls')):
                names.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names |= {node.value, *re.findall(r'\.(\w+)', node.value)}
    return names & PRIVATE


@pytest.mark.parametrize(
    ('source', 'names'),
    [
        ("hasattr(model, 'layer_model')", {'layer_model'}),
        ("NAMES = ('layers', '_tensor_to_numpy')", {'_tensor_to_numpy'}),
        ("model.activations_model.identifier = 'new'", {'activations_model'}),
        ("core._probe_image_path = 'image.png'", {'_probe_image_path'}),
        ("CODE = 'load(model.activations_model._model, path)'", {'activations_model', '_model'}),
        ("f'{model}.layer_model.region_layer_map[{area!r}]'", {'layer_model', 'region_layer_map'}),
        ("STORING = ('brainscore_vision.model_helpers', 'brainscore_vision.models')", {'model_helpers'}),
        ("self._wrapper = 'a readout of the layer'", set()),
    ],
)
def test_a_private_part_is_found_in_code_and_in_text(source, names):
    assert private_names(ast.parse(source)) == names


@pytest.mark.seconds
def test_only_the_adapter_uses_private_parts_of_brain_score():
    folders = (LIBRARY, ROOT / 'models')
    used = {f'{folder.name}/{name}': private_names(tree) for folder in folders for name, tree in sources(folder)}
    assert used.pop(ADAPTER) == PRIVATE
    assert {name: names for name, names in used.items() if names} == EXCEPTIONS


def test_exceptions_are_documented():
    architecture = (ROOT / 'docs' / 'architecture.md').read_text(encoding='utf-8')
    section = architecture.partition("## Brain-Score's private parts\n")[2].partition('\n## ')[0]
    for path in EXCEPTIONS:
        assert f'`{path}`' in section, path


@pytest.mark.seconds
def test_no_base_class_of_brain_score_with_private_parts_is_extended():
    # self._model of a subclass would be Brain-Score's private part again, which only the adapter may know.
    for name, tree in sources():
        if f'm2m_benchmarks/{name}' == ADAPTER:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base).split('.')[-1] for base in node.bases}
                assert not bases & {'PytorchWrapper', 'ModelCommitment'}, (name, node.name)


def posix_only(source):
    """List what a module needs of POSIX: at import for its modules, anywhere for attributes."""
    names = {*POSIX_MODULES, *set().union(*POSIX_NAMES.values())}
    if not any(name in source for name in names):
        return []
    tree = ast.parse(source)
    guarded = {inner for node in ast.walk(tree) if isinstance(node, ast.Try) for inner in ast.walk(node)}
    needed = []
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        needed += [name for name in names if name in POSIX_MODULES and node not in guarded]
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.attr in POSIX_NAMES.get(node.value.id, ())
            and f"hasattr(os, '{node.attr}')" not in source
        ):
            needed.append(f'{node.value.id}.{node.attr}')
    return needed


def test_nothing_that_only_posix_has():
    assert posix_only('import fcntl\nfrom pwd import getpwuid\nos.fork()') == ['fcntl', 'pwd', 'os.fork']
    files = [*LIBRARY.rglob('*.py'), *(ROOT / 'models').rglob('*.py')]
    exceptions = {LIBRARY / 'testing'}  # starts processes in pseudo-terminals, for tests
    needed = {
        file.relative_to(ROOT).as_posix(): posix_only(file.read_text(encoding='utf-8'))
        for file in files
        if not exceptions & set(file.parents)
    }
    assert {file: names for file, names in needed.items() if names} == {}


def own_folders():
    """Map the name of each dataset to the folders of its plugins and its survey, which may name it."""
    folders = {
        name: {f'data/{row.folder}/', f'benchmarks/{row.folder}/'} for name, row in {**RECORDINGS, **DIGITS}.items()
    }
    folders |= {name: {'data/digits/', f'benchmarks/{DIGITS[PAPER_DIGITS].folder}/'} for name in DOMAINS}
    for name, survey in SURVEYS.items():
        folders.setdefault(name, set()).add('/'.join([*type(survey).__module__.split('.')[1:-1], '']))
    return folders


def named_datasets(file, tree):
    """Yield the names of datasets in the strings of a module, except in docstrings, help texts and examples."""
    folders = own_folders()
    name = re.compile(rf'(?<![A-Za-z0-9])(?:{"|".join(folders)})(?![A-Za-z0-9])')
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or node in docstrings:
            continue
        if file.startswith('cli/') and ' ' in node.value:  # a help text
            continue
        text = re.sub(r"(as in|such as) '?\S+", '', node.value)
        yield from (each for each in name.findall(text) if not file.startswith(tuple(folders[each])))


@pytest.mark.seconds
def test_datasets_are_named_only_by_themselves_and_in_tables():
    allowed = (*TABLES, 'testing/')  # helpers have example data
    named = {file: set(named_datasets(file, tree)) for file, tree in sources() if not file.startswith(allowed)}
    assert {file: names for file, names in named.items() if names} == {}


@pytest.mark.parametrize(
    ('file', 'line', 'names'),
    [
        ('acquisition/importing.py', "name == 'SimulatedMouse'", ['SimulatedMouse']),
        ('cli/train.py', "benchmark = 'SimulatedMouse-rdm'", ['SimulatedMouse']),
        ('cli/fetch.py', "left_out = {f'{split}_MNISTM': 'made from MNIST'}", ['MNISTM']),
        ('report/scores.py', "note = 'SklearnDigits are not those of the paper.'", ['SklearnDigits']),
        ('data/digits/domains.py', "names = ('USPS', 'Siegle2021')", ['Siegle2021']),
        ('acquisition/allen/ecephys/survey.py', "names = ('Siegle2021', 'deVries2020')", ['deVries2020']),
        ('scoring/score.py', "'a name, such as Siegle2021.VISp-rdm'; 'Siegle2021x'; 'UMNIST'", []),
    ],
)
def test_a_name_of_a_dataset_elsewhere_is_caught(file, line, names):
    assert list(named_datasets(file, ast.parse(f'"""SimulatedMouse."""\n{line}'))) == names


def repeated(trees):
    """List functions and fixtures of three statements or more that have the same body in several files."""
    places = defaultdict(set)
    for file, tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node, clean=False) else node.body
                if sum(isinstance(inner, ast.stmt) for part in body for inner in ast.walk(part)) >= 3:
                    places['\n'.join(map(ast.dump, body))].add((file, node.name))
    return [sorted(where) for where in places.values() if len({file for file, _ in where}) > 1]


@pytest.mark.seconds
def test_no_helper_of_tests_is_written_twice():
    """What several files need is in m2m_benchmarks/testing/ or a conftest.py."""
    png = 'def {}(image):\n    {}\n    file = io.BytesIO()\n    image.save(file)\n    return file.getvalue()\n'
    one, other = png.format('png', '"""Save it."""'), '@pytest.fixture\n' + png.format('saved', '')
    assert repeated([('a.py', ast.parse(one)), ('b.py', ast.parse(other))]) == [[('a.py', 'png'), ('b.py', 'saved')]]
    assert repeated([('a.py', ast.parse(one + other))]) == []
    trees = dict(sources(TESTS))
    assert 'conftest.py' in trees and len(trees) > 100
    assert repeated(trees.items()) == []
