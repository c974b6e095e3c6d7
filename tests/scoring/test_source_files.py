"""Candidates FILE.py:FUNCTION: names that are read and refused, and files that are run."""

from pathlib import Path

import pytest
import torch

from m2m_benchmarks.errors import M2MError, ModelError, UnknownNameError
from m2m_benchmarks.scoring import requests, source_files
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.options import NetworkOptions
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
        (torch.nn.ReLU, 'the class ReLU is no model'),
        (lambda x: x, 'a function is no model'),
        (None, 'a NoneType is no model'),
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
