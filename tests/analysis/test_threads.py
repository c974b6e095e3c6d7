"""The same numbers on one and two threads, for every analysis."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from m2m_benchmarks.data.simulated import dataset as simulated

pytestmark = [pytest.mark.slow, pytest.mark.process]

PAIR = 'neurn_digitnet@none plain_digitnet@none'
#: Arguments of each analysis, on small data, and the option for its file.
ANALYSES = {
    'representation': (f'{PAIR} --benchmark SimulatedMouse.VISp-rmse', '--csv'),
    'neurons': ('SimulatedMouse --n 24 --clusters 4 --json {home}/selection', '--csv'),
    'distributions': (f'{PAIR} --benchmark SimulatedMouse.VISp-rdm', '--csv'),
    'architectures': ('neurn_digitnet plain_digitnet torchvision:alexnet', '--csv'),
    'hierarchy': ('plain_digitnet@none --benchmark SimulatedMouse-rdm', '--csv'),
    'profiles': ('Planted --model plain_digitnet@none', '--csv'),
    'recovery': (f'{PAIR} --benchmark SimulatedMouse.VISp-rdm --recordings 1', '--json'),
}
#: All of them in one process, since each takes seconds to start.
RUN = """
import json
import sys
import pytest
from m2m_benchmarks.cli.main import main
for name, value in json.loads(sys.argv[1]).items():
    pytest.MonkeyPatch().setattr(name, value)
for line in sys.stdin.read().splitlines():
    sys.argv = ['m2m', 'analyze', *line.split()]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
"""


@pytest.fixture
def data(m2m_home, monkeypatch):
    """Folder of SimulatedMouse, and of 2-photon sessions with time courses."""
    monkeypatch.setenv('M2M_HOME', str(m2m_home))
    path = Path(__file__).parents[2] / 'perf' / 'profiles.py'
    spec = importlib.util.spec_from_file_location('perf_profiles', path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.make_dataset('Planted', n_animals=3, n_cells=5, n_repetitions=8, noise=0.1)
    simulated.load_simulated_stimuli()
    return m2m_home / 'data'


def test_files_are_the_same_on_one_and_two_threads(data, tmp_path, settings_of_few_draws):
    running = []
    for threads in ('1', '2'):
        home = tmp_path / threads  # of its own: responses of layers are stored
        home.mkdir()
        (home / 'data').symlink_to(data)
        lines = [
            f'{name} {arguments.format(home=home)} {option} {home / name}'
            for name, (arguments, option) in ANALYSES.items()
        ]
        variables = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS', 'NUMBA_NUM_THREADS')
        process = subprocess.Popen(
            [sys.executable, '-c', RUN, json.dumps(settings_of_few_draws)],
            env={**os.environ, 'M2M_HOME': str(home), **dict.fromkeys(variables, threads)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        process.stdin.write('\n'.join(lines))
        process.stdin.close()
        running.append(process)
    try:
        for process in running:
            output = process.stdout.read()
            assert process.wait() == 0, output
    finally:  # also where the test runs out of time
        for process in running:
            process.kill()
    files = [*ANALYSES, 'selection']
    contents = {name: [(tmp_path / threads / name).read_bytes() for threads in '12'] for name in files}
    assert all(len(first) > 100 for first, _ in contents.values())
    assert [name for name, (first, second) in contents.items() if first != second] == []
