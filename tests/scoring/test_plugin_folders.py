"""Import of plugin folders."""

import os
import py_compile
import sys

import pytest

from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.own_modules import OwnModules
from m2m_benchmarks.scoring.plugin_folders import import_folder


def version(folder, number):
    """Write a version of a plugin; all have the same sizes and time stamps."""
    (folder / 'part').mkdir(parents=True, exist_ok=True)
    (folder / '__init__.py').write_text(
        f'from .part import inner\nOWN = {number}\n\n\ndef later():\n    from . import late\n\n    return late.VALUE\n'
    )
    (folder / 'part' / '__init__.py').write_text('')
    (folder / 'part' / 'inner.py').write_text(f'VALUE = {number}\n')
    (folder / 'late.py').write_text(f'VALUE = {number}\n')
    for path in folder.rglob('*.py'):
        os.utime(path, (1_500_000_000, 1_500_000_000))
    return folder


def imported(folder):
    with OwnModules('plugin') as modules:
        return import_folder(folder, modules)


@pytest.mark.parametrize('where', ['plugin', 'a plugin'])
def test_bytecode_of_an_earlier_version_is_not_used(tmp_path, where):
    folder = version(tmp_path / where, 1)
    for path in folder.rglob('*.py'):
        py_compile.compile(str(path), doraise=True)
    version(folder, 2)
    for number in (2, 3):
        version(folder, number)
        package = imported(folder)
        assert (package.OWN, package.inner.VALUE, package.later()) == (number,) * 3


def test_nothing_is_written_into_the_folder(tmp_path):
    folder = version(tmp_path / 'plugin', 1)
    before = sorted(folder.rglob('*'))
    imported(folder).later()
    assert sorted(folder.rglob('*')) == before


PLUGIN = """import functools
import sys
from pathlib import Path

from brainscore_vision import model_registry
from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper, load_preprocess_images
from brainscore_vision.model_helpers.brain_transformation import ModelCommitment
from torch import nn

sys.path.insert(0, str(Path(__file__).parent{up}))
import size_of_mine as absolute

from . import size_of_mine


def get_model():
    assert absolute is not size_of_mine
    preprocessing = functools.partial(load_preprocess_images, image_size=32)
    network = nn.Sequential(nn.Conv2d(3, absolute.SIZE, 3))
    wrapper = PytorchWrapper(identifier='mine_in_a_folder', model=network, preprocessing=preprocessing)
    return ModelCommitment(identifier='mine_in_a_folder', activations_model=wrapper, layers=['0'])


model_registry['mine_in_a_folder'] = get_model
"""


@pytest.mark.parametrize('up', ['', '.parent'])
def test_modules_from_pythons_path_are_those_of_the_plugin(tmp_path, up):
    before, sizes, hashes = list(sys.path), [], []
    for name, size in (('a', 2), ('b', 3), ('a', 4)):
        folder = tmp_path / name / 'plugin'
        folder.mkdir(parents=True, exist_ok=True)
        (folder / '__init__.py').write_text(PLUGIN.format(up=up))
        (folder / 'size_of_mine.py').write_text('')
        ((folder.parent if up else folder) / 'size_of_mine.py').write_text(f'SIZE = {size}\n')
        candidate = load_candidate(folder)
        sizes.append(candidate.module[0].out_channels)
        hashes.append(candidate.code_sha256)
    assert sizes == [2, 3, 4]
    assert len(set(hashes)) == 3
    assert sys.path == before
