"""A short run of perf/sweep_kills.py: nothing is lost or computed twice after kills of each kind."""

import importlib.util
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.process, pytest.mark.network, pytest.mark.usefixtures('m2m_home')]


def test_a_sweep_that_is_killed(capsys):
    spec = importlib.util.spec_from_file_location('sweep_kills', Path(__file__).parents[1] / 'perf' / 'sweep_kills.py')
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    benchmarks = ['SimulatedMouse.VISp-rdm', 'SimulatedMouse.VISp-cka', 'SimulatedMouse.VISl-cka']
    arguments = ['--models', 'plain_digitnet', '--seeds', '0-7', '--benchmarks', *benchmarks]
    code = script.main([*arguments, '--kills', 'client', 'worker', 'scheduler'])
    out = capsys.readouterr().out
    assert code == 0, out
    assert 'cells: 24; with another score or none after the kills: 0' in out
    assert 'cells computed again after they were recorded: 0; results lost after a kill: 0' in out
