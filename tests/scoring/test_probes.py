"""Comparison of responses with stored ones: as tolerant as kernels differ, and no more."""

import numpy as np
import pytest
import torch
from PIL import Image

from m2m_benchmarks.scoring import probes
from m2m_benchmarks.scoring.probes import deviation, summarise, tolerance

CPU, GPU = torch.device('cpu'), torch.device('cuda')


def test_the_images():
    coloured, grey, black_and_white = (Image.open(path) for path in probes.IMAGES)
    np.testing.assert_array_equal(
        np.asarray(coloured), np.random.default_rng(0).integers(0, 256, (137, 211, 3), dtype=np.uint8)
    )
    assert (grey.mode, grey.size) == ('L', (211, 137))
    assert np.asarray(grey).std() > 50
    assert set(np.unique(np.asarray(black_and_white))) == {0, 255}
    # Coarse enough to keep its contrast where it is made smaller.
    assert np.asarray(black_and_white.resize((64, 64))).std() > 100


@pytest.mark.parametrize('n_units', [1, 256, 257, 10_003])
def test_summaries_are_sums_with_random_signs(n_units):
    responses = np.random.default_rng(1).normal(size=n_units)
    summary = summarise(responses)
    if n_units <= 256:
        np.testing.assert_array_equal(summary, responses)
        return
    width = int(np.ceil(n_units / 64))
    signs = np.where(np.random.default_rng(0).integers(0, 2, (width, 4)) == 1, 1, -1)
    expected = np.zeros((64, 4))
    for unit, response in enumerate(responses):
        expected[unit // width] += response * signs[unit % width] / 2
    np.testing.assert_allclose(summary, expected.ravel(), atol=1e-10 * n_units)


@pytest.mark.parametrize('n_units', [100, 5_000])
@pytest.mark.parametrize('kind', ['noise', 'offset', 'one unit', 'leaky ReLU'])
def test_a_deviation_is_that_of_all_units(kind, n_units):
    rng = np.random.default_rng(2)
    before = rng.normal(size=(3, n_units)).clip(0)
    after = before.copy()
    if kind == 'noise':
        after += 1e-3 * rng.normal(size=after.shape)
    elif kind == 'offset':
        after += 1e-3
    elif kind == 'one unit':
        after[1, 17] += 1
    else:
        after -= 0.01 * rng.normal(size=after.shape).clip(0)
    lengths = np.maximum(np.linalg.norm(before, axis=1), np.linalg.norm(after, axis=1))
    expected = (np.linalg.norm(after - before, axis=1) / lengths).max()
    measured = deviation(np.stack([*map(summarise, before)]), np.stack([*map(summarise, after)]))
    assert 0.5 * expected < measured < 2 * expected


def test_what_cannot_be_compared_deviates():
    one = np.ones((2, 3))
    assert deviation(one, one) == deviation(0 * one, 0 * one) == 0
    assert deviation(one, np.ones((2, 4))) == deviation(one, np.full((2, 3), np.nan)) == np.inf
    assert deviation(one, 0 * one) == 1


def test_the_tolerance_is_above_the_rounding_of_the_type():
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        assert tolerance(dtype, CPU) >= 10 * torch.finfo(dtype).eps
    assert tolerance(torch.float32, CPU) < tolerance(torch.float32, GPU) == tolerance(torch.float16, GPU)
    assert all(path.is_file() for path in probes.IMAGES)
