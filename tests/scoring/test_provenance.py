"""Hashes of the code of plugins."""

from m2m_benchmarks.scoring.provenance import code_of_folder


def test_code_in_linked_folders_is_hashed(tmp_path):
    plugin, common = tmp_path / 'plugin', tmp_path / 'common'
    plugin.mkdir()
    common.mkdir()
    (plugin / '__init__.py').write_text('from .lib.model import Net')
    (common / 'model.py').write_text('first')
    alone = code_of_folder(plugin)
    (plugin / 'lib').symlink_to(common)
    (plugin / 'again').symlink_to(plugin)  # a link that leads back
    first = code_of_folder(plugin)
    (common / 'model.py').write_text('second')
    assert len({alone, first, code_of_folder(plugin)}) == 3
    (common / '__pycache__').mkdir()
    (common / '__pycache__' / 'model.pyc').write_bytes(b'bytecode')
    (common / 'model.py').write_text('first')
    assert code_of_folder(plugin) == first
