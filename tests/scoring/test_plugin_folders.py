"""Import of plugin folders."""

import os
import py_compile

import pytest

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


@pytest.mark.parametrize('where', ['plugin', 'a plugin'])
def test_bytecode_of_an_earlier_version_is_not_used(tmp_path, where):
    folder = version(tmp_path / where, 1)
    for path in folder.rglob('*.py'):
        py_compile.compile(str(path), doraise=True)
    version(folder, 2)
    for number in (2, 3):
        version(folder, number)
        package = import_folder(folder)
        assert (package.OWN, package.inner.VALUE, package.later()) == (number,) * 3


def test_nothing_is_written_into_the_folder(tmp_path):
    folder = version(tmp_path / 'plugin', 1)
    before = sorted(folder.rglob('*'))
    import_folder(folder).later()
    assert sorted(folder.rglob('*')) == before
