"""Fixtures for the Allen Institute's files: synthetic sessions, and the AllenSDK where it can be installed."""

import shutil
import subprocess
import sys
from pathlib import Path

import allen_ophys_nwb
import pytest
from allen_warehouse import Warehouse

from m2m_benchmarks.testing import serving_files


@pytest.fixture
def site():
    """A server of the Allen Institute's bucket and warehouse, both empty."""
    with serving_files(Warehouse()) as server:
        yield server


@pytest.fixture(scope='session')
def nwb():
    """The module allen_ophys_nwb.py beside this file: `write_nwb` and the paths in a session."""
    return allen_ophys_nwb


@pytest.fixture
def session(nwb, tmp_path):
    """The function session(**options) -> Session: write a session of 4 cells, 118 scenes and 3 repetitions."""
    return lambda **options: nwb.write_nwb(tmp_path / 'session.nwb', **options)


@pytest.fixture(scope='session')
def sdk_python(tmp_path_factory):
    """Python of a separate environment with the AllenSDK, whose dependencies are older than ours."""
    uv = shutil.which('uv', path=str(Path(sys.executable).parent)) or shutil.which('uv')
    if uv is None:
        pytest.skip('no uv to install the AllenSDK with')
    folder = tmp_path_factory.mktemp('allensdk') / 'venv'
    python = str(folder / 'bin' / 'python')
    packages = ['allensdk==2.16.2', 'setuptools<81', 'statsmodels<0.15']
    for command in (
        [uv, 'venv', '--quiet', '--python', '3.11', str(folder)],
        [uv, 'pip', 'install', '--quiet', '--python', python, *packages],
    ):
        ran = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
        if ran.returncode:
            pytest.skip(f'the AllenSDK cannot be installed here: {ran.stderr.strip()[-300:]}')
    return python
