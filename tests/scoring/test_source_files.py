"""Candidates FILE.py:FUNCTION: names that are read and refused, and files that are run."""

import importlib
import os
import pickle
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

import m2m_benchmarks
from m2m_benchmarks.errors import M2MError, ModelError, UnknownNameError
from m2m_benchmarks.scoring import requests, source_files
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.options import NetworkOptions
from m2m_benchmarks.scoring.provenance import code_of_function
from m2m_benchmarks.scoring.specs import CandidateSpec, check_candidate, is_folder, parse_candidate, takes_options

NET = """import torch
import widths_of_mine


def make():
    first = torch.nn.Conv2d(widths_of_mine.CHANNELS, 4, 5)
    return torch.nn.Sequential(first, torch.nn.ReLU(), torch.nn.Conv2d(4, 2, 3))


class Net(torch.nn.Sequential):
    def __init__(self):
        super().__init__(torch.nn.Conv2d(3, 4, 5), torch.nn.ReLU(), torch.nn.Flatten())


ready = Net()
text = 'a network'
"""


@pytest.fixture
def net(tmp_path):
    (tmp_path / 'widths_of_mine.py').write_text('CHANNELS = 3\n')
    path = tmp_path / 'net.py'
    path.write_text(NET)
    return path


@pytest.mark.parametrize(
    ('name', 'parts'),
    [
        ('net.py:make', (Path('net.py'), 'make')),
        ('a/b/net.py:make', (Path('a/b/net.py'), 'make')),
        ('C:\\nets\\net.py:make', (Path('C:\\nets\\net.py'), 'make')),
        ('net.py', (Path('net.py'), '')),
        ('torchvision:resnet18', None),
        ('./folder', None),
        ('net.pyc:make', None),
        ('net.py:make@none', None),
    ],
)
def test_names(name, parts):
    assert source_files.split(name) == parts
    assert takes_options(name) == (parts is not None or name.startswith('torchvision:'))
    assert is_folder(name) == (name == './folder')


def test_the_file_is_not_run_to_check_its_names(tmp_path):
    path = tmp_path / 'net.py'
    path.write_text(
        'import a.b as c, d.e\nif True:\n    def f(): 1 / 0\ntry:\n    g, h = 1, 2\nexcept OSError:\n    i = 3\n1 / 0\n'
    )
    for name in ('c', 'd', 'f', 'g', 'h', 'i'):
        source_files.check(f'{path}:{name}')
    with pytest.raises(UnknownNameError, match=r"unknown function 'ff': .* Did you mean f"):
        source_files.check(f'{path}:ff')
    with pytest.raises(ModelError, match=r'Name the function in it that makes one: .*:FUNCTION\. It defines c, d, f'):
        source_files.check(str(path))
    path.write_text('from torchvision.models import *\n')
    source_files.check(f'{path}:resnet18')  # perhaps
    path.write_text('def (:\n')
    with pytest.raises(ModelError, match='is not Python that this version reads'):
        source_files.check(f'{path}:f')
    with pytest.raises(ModelError, match='there is no file'):
        source_files.check(f'{tmp_path}/none.py:f')


def test_candidates_of_a_file(net, tmp_path):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    made, again = (load_candidate(f'{net}:make', image_size=32) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert (made.identifier, made.weights, made.layers) == ('net.py:make', 'its own', ['0', '1', '2'])
    assert made.weights_sha256 == again.weights_sha256  # random weights are those of the seed
    assert made.weights_sha256 != load_candidate(f'{net}:make', seed=1, image_size=32).weights_sha256
    assert load_candidate(f'{net}:Net', image_size=32).identifier == 'net.py:Net'
    assert load_candidate(f'{net}:ready', image_size=32, name='mine').identifier == 'mine'
    torch.save({'state_dict': made.module.state_dict()}, tmp_path / 'w.pth')
    spec = parse_candidate(f'{net}:make@{tmp_path / "w.pth"}')
    assert (spec.name, spec.weights) == (f'{net}:make', str(tmp_path / 'w.pth'))
    loaded = load_candidate(spec.name, spec.weights, seed=3, image_size=32)
    assert loaded.weights_sha256 == made.weights_sha256
    assert loaded.weights.startswith('file w.pth (SHA-256 ')
    assert loaded.weights.endswith('; state_dict)')


def test_an_edited_file_is_another_candidate(net):
    first = load_candidate(f'{net}:make', image_size=32)
    net.write_text(NET.replace('5)', '7)'))
    second = load_candidate(f'{net}:make', image_size=32)
    assert second.module[0].kernel_size == (7, 7)
    assert first.code_sha256 != second.code_sha256
    assert requests.key(f'{net}:make', 'default', 0, 'SimulatedMouse-rdm', None) is None  # it may read other files


def write_again(path, text):
    """Write a text of the same length, so that bytecode of the earlier one passes for its own."""
    status = path.stat()
    path.write_text(text)
    assert path.stat().st_size == status.st_size
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_an_edited_module_beside_the_file_is_another_candidate(net):
    first = load_candidate(f'{net}:make', image_size=32)
    write_again(net.with_name('widths_of_mine.py'), 'CHANNELS = 1\n')
    second = load_candidate(f'{net}:make', image_size=32, channels=1)
    assert (first.module[0].in_channels, second.module[0].in_channels) == (3, 1)
    assert first.source_sha256 != second.source_sha256


def test_files_of_two_folders_with_modules_of_one_name(net, tmp_path):
    other = tmp_path / 'other'
    other.mkdir()
    (other / 'net.py').write_text(NET)
    (other / 'widths_of_mine.py').write_text('CHANNELS = 1\n')
    assert load_candidate(f'{net}:make', image_size=32).module[0].in_channels == 3
    assert load_candidate(f'{other}/net.py:make', image_size=32, channels=1).module[0].in_channels == 1


def test_modules_and_packages_that_a_function_imports_when_it_is_called(tmp_path):
    (tmp_path / 'parts_of_mine').mkdir()
    (tmp_path / 'parts_of_mine' / '__init__.py').write_text('')
    block = tmp_path / 'parts_of_mine' / 'block.py'
    block.write_text('SIZE = 3\n')
    net = tmp_path / 'net.py'
    net.write_text(
        'import torch\n\n\ndef make():\n    from parts_of_mine.block import SIZE\n\n'
        '    return torch.nn.Conv2d(3, 2, SIZE)\n'
    )
    first = load_candidate(f'{net}:make', image_size=32, layers=['output'])
    write_again(block, 'SIZE = 5\n')
    second = load_candidate(f'{net}:make', image_size=32, layers=['output'])
    assert (first.module.kernel_size, second.module.kernel_size) == ((3, 3), (5, 5))
    assert first.source_sha256 != second.source_sha256
    assert not any(isinstance(finder, source_files.Running) for finder in sys.meta_path)


def test_the_hash_of_preprocessing_includes_the_modules_beside_its_file(tmp_path):
    file, helper = tmp_path / 'inputs.py', tmp_path / 'levels_of_mine.py'
    file.write_text('import levels_of_mine\n\n\ndef prepare(image):\n    return image\n')
    helper.write_text('LEVEL = 3\n')
    hashes = []
    for text in ('LEVEL = 3\n', 'LEVEL = 4\n', 'LEVEL = 3\n'):
        helper.write_text(text)
        with source_files.Running(f'{file}:prepare') as running:
            prepare = running.value
        hashes.append(code_of_function(prepare))
    assert hashes[0] == hashes[2] != hashes[1]


def test_the_hash_of_preprocessing_includes_what_its_own_module_imports(tmp_path):
    (tmp_path / 'inputs.py').write_text('from steps_of_mine import prepare\n')
    (tmp_path / 'steps_of_mine.py').write_text('import levels_of_mine\n\n\ndef prepare(image):\n    return image\n')
    hashes = []
    for level in (3, 4, 3):
        (tmp_path / 'levels_of_mine.py').write_text(f'LEVEL = {level}\n')
        with source_files.Running(f'{tmp_path}/inputs.py:prepare') as running:
            prepare = running.value
        hashes.append(code_of_function(prepare))
    assert hashes[0] == hashes[2] != hashes[1]


@pytest.mark.parametrize('join', ['T.Compose([{}])', 'torch.nn.Sequential({})', 'functools.partial({})'])
def test_the_hash_of_preprocessing_includes_the_functions_that_an_object_holds(tmp_path, join):
    file = tmp_path / 'inputs.py'
    hashes = []
    for level in (3, 4, 3):
        file.write_text(
            'import functools\n\nimport torch\nfrom torchvision import transforms as T\n\n\n'
            f'def shift(image, by={level}):\n    return image\n\n\n'
            'class Shift(torch.nn.Module):\n    def forward(self, image):\n        return shift(image)\n\n\n'
            f'prepare = {join.format("Shift()")}\n'
        )
        with source_files.Running(f'{file}:prepare') as running:
            prepare = running.value
        hashes.append(code_of_function(prepare))
    assert hashes[0] == hashes[2] != hashes[1]
    assert code_of_function(len) is None


def test_folders_without_init_and_files_of_an_environment(tmp_path):
    folder = tmp_path / 'site-packages' / 'own'
    (folder / 'blocks_of_mine').mkdir(parents=True)
    (folder / 'numpy').mkdir()  # an installed package goes before a folder
    (folder / 'blocks_of_mine' / 'sizes.py').write_text('SIZE = 3\n')
    net = folder / 'net.py'
    net.write_text(
        'import numpy\nimport torch\n\nfrom blocks_of_mine.sizes import SIZE\n\n'
        'ready = torch.nn.Conv2d(3, int(numpy.sqrt(4)), SIZE)\n'
    )
    first = load_candidate(f'{net}:ready', image_size=32, layers=['output'])
    write_again(folder / 'blocks_of_mine' / 'sizes.py', 'SIZE = 5\n')
    second = load_candidate(f'{net}:ready', image_size=32, layers=['output'])
    assert (first.module.kernel_size, second.module.kernel_size) == ((3, 3), (5, 5))
    assert first.source_sha256 != second.source_sha256


def test_the_hash_tells_modules_beside_the_file_apart(tmp_path):
    file, sources = tmp_path / 'net.py', ('VALUE = 1\n', 'VALUE = 2\n')
    file.write_text('import first_of_mine\nimport second_of_mine\n\nready = 1\n')
    hashes = []
    for order in (sources, sources[::-1]):
        for name, text in zip(('first_of_mine', 'second_of_mine'), order, strict=True):
            (tmp_path / f'{name}.py').write_text(text)
        with source_files.Running(f'{file}:ready') as running:
            hashes.append(running.sha256)
    assert hashes[0] != hashes[1]


LATE = """import torch


class Net(torch.nn.Module):
    def forward(self, images):
        from {module} import SCALE

        return images * SCALE


make = Net
"""


def respond(candidate):
    return float(candidate.module(torch.ones(1)))


def test_a_late_import_gives_the_module_of_its_own_file(tmp_path):
    candidates = []
    for scale in (2, 3):
        folder = tmp_path / str(scale)
        folder.mkdir()
        (folder / 'net.py').write_text(LATE.format(module='scale_of_mine'))
        (folder / 'scale_of_mine.py').write_text(f'SCALE = {scale}\n')
        candidates.append(load_candidate(f'{folder}/net.py:make', image_size=8, layers=['output']))
    (tmp_path / '2' / 'scale_of_mine.py').write_text('SCALE = 4\n')
    candidates.append(load_candidate(f'{tmp_path}/2/net.py:make', image_size=8, layers=['output']))
    assert [respond(candidate) for candidate in candidates] == [2, 3, 4]
    assert len({candidate.source_sha256 for candidate in candidates}) == 3
    for candidate in candidates:
        copy = pickle.loads(pickle.dumps(candidate.module))
        assert type(copy) is type(candidate.module)
    assert 'scale_of_mine' not in sys.modules


@pytest.mark.parametrize('package', [False, True])
def test_a_late_import_of_what_the_hash_does_not_cover_is_refused(tmp_path, package, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)  # as in a notebook in this folder
    late = 'parts_of_mine.late' if package else 'late_of_mine'
    path = tmp_path / f'{late.replace(".", "/")}.py'
    path.parent.mkdir(exist_ok=True)
    path.write_text('SCALE = 2\n')
    source = LATE.format(module=late).replace(
        'images):', 'images):\n        if images.ndim > 1:\n            return images'
    )
    if package:
        (path.parent / '__init__.py').write_text('')
        source = f'import parts_of_mine\n{source}'
    (tmp_path / 'net.py').write_text(source)
    candidate = load_candidate(f'{tmp_path}/net.py:make', image_size=8, layers=['output'])
    with pytest.raises(ModelError, match=f'net.py imports {late} only after it was run, .* Import {late} at the'):
        respond(candidate)


def test_modules_of_a_folder_that_the_file_adds_to_the_path(tmp_path):
    before = list(sys.path)
    common = tmp_path / 'common_folder'
    (common / 'pieces_of_mine').mkdir(parents=True)
    (common / 'pieces_of_mine' / 'size.py').write_text('SIZE = 3\n')
    (common / 'common_of_mine.py').write_text('from pieces_of_mine.size import SIZE\n')
    (tmp_path / 'net').mkdir()
    net = tmp_path / 'net' / 'net.py'
    net.write_text(
        f'import importlib\nimport sys\n\nsys.path.append({str(common)!r})\nimport torch\n\nimport common_of_mine\n\n\n'
        'def make():\n    again = importlib.import_module("common_of_mine")\n    assert again is common_of_mine\n'
        '    return torch.nn.Conv2d(3, 2, again.SIZE)\n'
    )
    hashes = []
    for size in (3, 5):
        (common / 'pieces_of_mine' / 'size.py').write_text(f'SIZE = {size}\n')
        candidate = load_candidate(f'{net}:make', image_size=32, layers=['output'])
        assert candidate.module.kernel_size == (size, size)
        hashes.append(candidate.source_sha256)
        assert sys.path == before
    assert hashes[0] != hashes[1]


@pytest.mark.parametrize(
    ('name', 'statement'),
    [
        ('loaded_of_mine', 'import {} as helper'),
        ('loaded_of_mine', 'import importlib\nhelper = importlib.import_module("{}")'),
        ('statistics', 'import {} as helper'),
        ('typer', 'import {} as helper'),
    ],
)
def test_a_module_beside_the_file_goes_before_a_loaded_one(tmp_path, name, statement, monkeypatch):
    loaded = importlib.import_module(name) if name != 'loaded_of_mine' else ModuleType(name)
    monkeypatch.setitem(sys.modules, name, loaded)
    (tmp_path / f'{name}.py').write_text('SIZE = 3\n')
    (tmp_path / 'random.py').write_text('')  # PyTorch imports Python's
    net = tmp_path / 'net.py'
    net.write_text(f'import torch\n{statement.format(name)}\n\nready = torch.nn.Conv2d(3, 2, helper.SIZE)\n')
    candidate = load_candidate(f'{net}:ready', image_size=32, layers=['output'])
    assert candidate.module.kernel_size == (3, 3)
    assert sys.modules[name] is loaded


def test_torchscript_is_compiled_from_the_source_that_was_executed(tmp_path):
    net, helper = tmp_path / 'net.py', tmp_path / 'shift_of_mine.py'
    net.write_text(
        'import pathlib\n\nimport torch\n\nimport shift_of_mine\n\n\ndef make():\n'
        '    path = pathlib.Path(shift_of_mine.__file__)\n    path.write_text(path.read_text().replace("1.0", "9.0"))\n'
        '    return torch.jit.script(shift_of_mine.Shift())\n'
    )
    for shift in ('1.0', '2.0'):
        write = (
            f'import torch\n\n\nclass Shift(torch.nn.Module):\n'
            f'    def forward(self, images):\n        return images + {shift}\n'
        )
        helper.write_text(write)
        candidate = load_candidate(f'{net}:make', image_size=8, layers=['output'])
        assert respond(candidate) == 1 + float(shift)


def test_names_of_modules_that_do_not_exist_are_those_of_the_source(tmp_path):
    (tmp_path / 'parts_of_mine').mkdir()
    (tmp_path / 'parts_of_mine' / '__init__.py').write_text('')
    net = tmp_path / 'net.py'
    net.write_text('import parts_of_mine.none\nready = 1\n')
    with pytest.raises(ModelError, match=r"needs the package 'parts_of_mine\.none', which is not installed"):
        load_candidate(f'{net}:ready')


def test_packages_that_are_loaded_stay(tmp_path, monkeypatch):
    (tmp_path / 'm2m_benchmarks').symlink_to(Path(m2m_benchmarks.__file__).parent)
    net = tmp_path / 'net.py'
    net.write_text('import torch\nimport m2m_benchmarks.net.sizes\n\nready = torch.nn.Conv2d(3, 2, 3)\n')
    monkeypatch.delitem(sys.modules, 'm2m_benchmarks.net.sizes', raising=False)
    library = sys.modules['m2m_benchmarks']
    for _ in range(2):
        load_candidate(f'{net}:ready', image_size=32, layers=['output'])
        assert sys.modules['m2m_benchmarks'] is library
    assert 'm2m_benchmarks.net.sizes' in sys.modules


@pytest.mark.parametrize(
    ('source', 'function', 'words'),
    [
        (NET, 'text', "'str' object is not callable"),
        ('def f():\n    return 5\n', 'f', 'net.py:f makes a int; expected a network'),
        ('def f(width):\n    return 5\n', 'f', 'net.py:f does not work here: TypeError'),
        ('import no_such_package\nf = None\n', 'f', "net.py:f needs the package 'no_such_package'"),
        ('import sys\nf = 1\nsys.exit(3)\n', 'f', 'ends the program when it is run'),
        ('import sys\ndef f():\n    sys.exit(3)\n', 'f', r'net.py:f ends the program \(sys\.exit\)'),
        ('f = 1\n1 / 0\n', 'f', 'net.py:f does not work here: ZeroDivisionError'),
    ],
)
def test_files_that_make_no_network(net, source, function, words):
    net.write_text(source)
    with pytest.raises(M2MError, match=words):
        load_candidate(f'{net}:{function}')


def test_a_file_keeps_its_settings_to_itself(net):
    net.write_text(f'import torch\ntorch.set_default_dtype(torch.float64)\n{NET}')
    assert load_candidate(f'{net}:make', image_size=32).module[0].weight.dtype == torch.float64
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize(
    ('model', 'words'),
    [
        (torch.nn.ReLU, 'the class ReLU is not a model'),
        (lambda x: x, 'a function is not a model'),
        (None, 'a NoneType is not a model'),
    ],
)
def test_what_is_neither_a_name_nor_a_network(model, words):
    with pytest.raises(ModelError, match=words):
        load_candidate(model)


def test_weights_and_options_of_names(net):
    check_candidate(CandidateSpec(f'{net}:make', options=NetworkOptions(image_size=32)))
    check_candidate(CandidateSpec('torchvision:resnet18', options=NetworkOptions(mean=0.5, std=0.5)))
    with pytest.raises(ModelError, match='brings its own weights; --weights none is for'):
        check_candidate(CandidateSpec(f'{net}:make', 'none'))
    with pytest.raises(ModelError, match='pixels_64 defines its own input and layers; mean, std can be chosen for'):
        check_candidate(CandidateSpec('pixels_64', options=NetworkOptions(mean=0.5, std=0.5)))
