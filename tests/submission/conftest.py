"""Fixtures for tests of submissions: a working folder, and processes without this library."""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import brainscore_vision
import pytest

KINDS = ('models', 'benchmarks', 'metrics', 'data')
#: First line of every script that is run in a tree: imports of this library fail.
BLOCKED = "import sys; sys.modules['m2m_benchmarks'] = None\n"


@pytest.fixture
def work(tmp_path, monkeypatch):
    """An empty working directory. Unfinished files elsewhere would show in `temporary` beside it."""
    for name in ('work', 'temporary'):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path / 'temporary'))
    monkeypatch.chdir(tmp_path / 'work')
    return tmp_path / 'work'


@pytest.fixture(scope='session')
def exported():
    """The function exported(tree) -> plugin folder to kind, for all plugins that were exported to a tree."""
    return lambda tree: {path: path.parent.name for path in tree.glob('brainscore_vision/*/*')}


@pytest.fixture(scope='session')
def unpacked():
    """The function unpacked(archive, destination) -> the plugin folder in an archive."""

    def unpack(archive, destination):
        with zipfile.ZipFile(archive) as file:
            file.extractall(destination)
        (folder,) = destination.glob('*/models/*')
        return folder

    return unpack


@pytest.fixture
def in_tree(tmp_path):
    """The function in_tree(plugins, script, *arguments, **environment) -> stdout of the script.

    `plugins` maps folders to kinds. The script runs in a process where brainscore_vision has these plugins in addition
    to its own, and where m2m_benchmarks cannot be imported.
    """

    def run(plugins, script, *arguments, **environment):
        tree = tmp_path / 'tree'
        package = tree / 'brainscore_vision'
        package.mkdir(parents=True)
        installed = Path(brainscore_vision.__file__).parent
        for entry in installed.iterdir():
            if entry.name not in KINDS:
                (package / entry.name).symlink_to(entry)
        for kind in KINDS:
            (package / kind).mkdir()
            for entry in (installed / kind).iterdir():
                (package / kind / entry.name).symlink_to(entry)
        for folder, kind in plugins.items():
            (package / kind / folder.name).symlink_to(folder)
        process = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', BLOCKED + script, *map(str, arguments)],
            # The environment of a Brain-Score user, except for the folder of its stored activations and ceilings.
            env={
                **{name: value for name, value in os.environ.items() if not name.lower().endswith('_proxy')},
                'PYTHONPATH': str(tree),
                'BS_INSTALL_DEPENDENCIES': 'no',
                'HOME': str(tmp_path),
                **environment,
            },
            cwd=tree,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert process.returncode == 0, process.stderr[-3000:]
        return process.stdout

    return run
