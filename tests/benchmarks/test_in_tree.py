"""The plugin folders, copied into a brainscore_vision tree, work there too."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import brainscore_vision
import pytest

import m2m_benchmarks
from m2m_benchmarks.benchmarks.neural import VERSION

pytestmark = [pytest.mark.slow, pytest.mark.process]

FOLDERS = {
    'data': ('simulated', 'siegle2021', 'devries2020'),
    'metrics': ('m2m_rdm', 'm2m_ridge'),
    'benchmarks': ('simulated', 'siegle2021', 'devries2020'),
    'models': ('controls',),
}

SCRIPT = """
import brainscore_vision as bs
from brainscore_vision import load_benchmark, load_dataset, load_metric, load_model, load_stimulus_set
assembly = load_dataset('SimulatedMouse')
assert len(load_stimulus_set('SimulatedMouse')) == 118
model = load_model('pixels_64')
for kind in ('rdm', 'ridge'):
    benchmark = load_benchmark(f'SimulatedMouse.VISp-{kind}')
    assert type(load_metric(f'm2m_{kind}')).__module__.startswith('brainscore_vision.metrics.m2m_')
    assert 'brainscore_vision.benchmarks.simulated' in __import__('sys').modules
    score = benchmark(model)
    assert score.attrs['raw'].size == score.attrs['ceiling'].size == 1 and 'error' in score.attrs
    print(kind, repr(float(score)), benchmark.parent, benchmark.version)
try:
    load_benchmark('Siegle2021.VISp-rdm')
except Exception as error:
    print(type(error).__name__, str(error).splitlines()[0])
"""


@pytest.fixture
def tree(tmp_path):
    """A brainscore_vision package made of links to the installed one, with this library's folders copied into it."""
    installed = Path(brainscore_vision.__file__).parent
    copy = tmp_path / 'tree' / 'brainscore_vision'
    copy.mkdir(parents=True)
    for entry in installed.iterdir():
        if entry.name not in FOLDERS:
            (copy / entry.name).symlink_to(entry)
    own = Path(m2m_benchmarks.__file__).parent
    from m2m_benchmarks import models

    for kind, names in FOLDERS.items():
        (copy / kind).mkdir()
        for entry in (installed / kind).iterdir():
            (copy / kind / entry.name).symlink_to(entry)
        source = Path(models.__path__[0]) if kind == 'models' else own / kind
        for name in names:
            shutil.copytree(source / name, copy / kind / name, ignore=shutil.ignore_patterns('__pycache__'))
    return tmp_path / 'tree'


def test_copied_folders_work(tree, m2m_home):
    # `-c` with this folder first on the path: the tree is imported, not the installed package.
    environment = {**os.environ, 'PYTHONPATH': str(tree), 'BS_INSTALL_DEPENDENCIES': 'no', 'HOME': str(tree)}
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', SCRIPT],
        env=environment,
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.splitlines()
    assert lines[2].startswith('DataNotFoundError Siegle2021 is not on this machine')
    # The stock way of running the model gives what this library's own way gives.
    from m2m_benchmarks import score

    for line in lines[:2]:
        kind, value, parent, version = line.split()
        mine = score('pixels_64', f'SimulatedMouse.VISp-{kind}')
        assert float(value) == pytest.approx(float(mine), abs=1e-5)
        assert (parent, version) == (f'SimulatedMouse-{kind}', str(VERSION))
