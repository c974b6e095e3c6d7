"""Procrustes similarity against netrep, scipy's rotation and the eigenvalues of kernels."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.stats import ortho_group

from m2m_benchmarks.arrays import kernel
from m2m_benchmarks.arrays.procrustes import procrustes

PERF = Path(__file__).parents[2] / 'perf' / 'shape_distances.py'
#: Angular distances of netrep at commit 0186b8a, printed by `python perf/shape_distances.py`.
NETREP = [0.8944447231582161, 0.31851217321051767, 0.6236775935612217, 0.20101936117212235]


def patterns(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.fixture(scope='module')
def netrep_sizes():
    spec = importlib.util.spec_from_file_location('shape_distances', PERF)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [module.patterns(number) for number in range(len(module.SIZES))]


def test_is_the_cosine_of_netreps_distance(netrep_sizes):
    ours = [procrustes(*both) for both in netrep_sizes]
    np.testing.assert_allclose(ours, np.cos(NETREP), rtol=0, atol=1e-12)


@pytest.mark.parametrize(('n_first', 'n_second'), [(5, 5), (4, 9), (30, 12), (30, 40)])
def test_is_the_nuclear_norm(n_first, n_second):
    first, second = patterns(0, 15, n_first) + 7, patterns(1, 15, n_second)
    value = procrustes(first, second)
    assert procrustes(second, first) == pytest.approx(value, abs=1e-12)
    kernels = [each / np.trace(each) for each in (kernel(first), kernel(second))]
    roots = np.sqrt(np.linalg.eigvals(kernels[0] @ kernels[1]).real.clip(0))
    assert value == pytest.approx(roots.sum(), abs=1e-6)  # square roots of rounding errors
    if n_first == n_second:  # scipy's rotation needs as many dimensions
        unit = [each - each.mean(axis=0) for each in (first, second)]
        unit = [each / np.linalg.norm(each) for each in unit]
        rotation, _ = orthogonal_procrustes(*unit)
        assert value == pytest.approx(1 - ((unit[0] @ rotation - unit[1]) ** 2).sum() / 2, abs=1e-12)


def test_is_1_after_a_rotation_and_0_for_constant_patterns():
    first = patterns(0, 15, 8)
    rotated = 3 * first @ ortho_group.rvs(8, random_state=0) - 5
    assert procrustes(first, rotated) == pytest.approx(1, abs=1e-12)
    assert procrustes(first, np.pad(first, ((0, 0), (0, 90)))) == pytest.approx(1, abs=1e-12)
    assert procrustes(first, np.full((15, 400), 0.1)) == 0
    # Unrelated patterns of many units are similar too.
    assert procrustes(patterns(0, 30, 400), patterns(1, 30, 400)) > 0.9


@pytest.mark.parametrize('bad', [np.full((4, 3), np.nan), np.full((4, 3), np.inf), np.zeros(4)])
def test_patterns_that_are_none(bad):
    with pytest.raises(ValueError, match=r'expected finite patterns of shape \(n_stimuli, n_units\), got '):
        procrustes(patterns(0, 4, 3), bad)
