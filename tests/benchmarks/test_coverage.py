"""Intervals hold the truth as often as they say: a small version of `perf/coverage.py`."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

PERF = Path(__file__).parents[2] / 'perf' / 'coverage.py'


@pytest.fixture(scope='module')
def perf():
    """The script, with smaller experiments."""
    spec = importlib.util.spec_from_file_location('perf_coverage', PERF)
    module = importlib.util.module_from_spec(spec)
    sys.modules['perf_coverage'] = module  # its dataclass looks its module up
    spec.loader.exec_module(module)
    module.SIZE.update(stimuli=40, animals=6, neuroids=12, trials=8)
    yield module
    del sys.modules['perf_coverage']


@pytest.mark.slow
@pytest.mark.parametrize('comparison', ['rdm', 'ridge'])
@pytest.mark.parametrize('cross_fitted', [False, True])
def test_intervals_hold_the_truth(comparison, cross_fitted, perf):
    own = perf.coverage(comparison, cross_fitted, n_experiments=40, n_fresh=80, n_draws=80)
    held_raw, held = own.held()
    # Of 40 intervals that hold it in 95 % of experiments, fewer than 33 do so once in a thousand runs.
    assert held_raw >= 33 / 40
    assert held >= 33 / 40
    # Intervals of a third of the width would not pass.
    third = own.raw.mean(axis=1, keepdims=True) + (own.raw - own.raw.mean(axis=1, keepdims=True)) / 3
    assert perf.share_holding(third, own.truth[0]) < 33 / 40
    assert 0.7 < own.error / own.spread < 1.7


def test_share_of_intervals(perf):
    assert perf.share_holding(np.array([[0, 1], [2, 3], [0.5, 4]]), 0.75) == pytest.approx(2 / 3)
