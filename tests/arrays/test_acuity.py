"""The low-pass filter of an eye: gratings by the closed form, edges by another library's kernel."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from m2m_benchmarks.arrays.acuity import MOUSE_ACUITY, low_pass


def grating(shape, degrees, fx, fy):
    """A grating of fx and fy cycles per degree, sampled at the centres of the pixels of an image."""
    (height, width), (wide, high) = shape, degrees
    x, y = ((np.arange(n) + 0.5) * extent / n for n, extent in ((width, wide), (height, high)))
    return np.cos(2 * np.pi * fx * x) * np.cos(2 * np.pi * fy * y)[:, None]


@pytest.mark.parametrize(
    ('shape', 'degrees'),
    [((64, 64), (32, 32)), ((96, 256), (64, 48)), ((48, 48), (48, 24)), ((20, 40), (40, 20))],
    ids=['2 pixels a degree', '4 x 2 pixels a degree', '1 x 2 pixels a degree', '1 pixel a degree'],
)
@pytest.mark.parametrize(('fx', 'fy'), [(0.5, 0), (0, 0.5), (0.25, 0), (0, 0.125), (0.25, 0.375)])
def test_a_grating_keeps_what_the_closed_form_says(shape, degrees, fx, fy):
    shown = grating(shape, degrees, fx, fy)
    kept = np.exp(-np.log(2) * (fx**2 + fy**2) / 0.5**2)
    assert np.allclose(low_pass(shown, degrees), kept * shown, atol=1e-12)


def test_half_of_the_amplitude_at_the_acuity_of_mice():
    shown = grating((64, 64), (32, 32), 0.5, 0)
    assert np.allclose(low_pass(shown, (32, 32)), shown / 2, atol=1e-12)
    assert MOUSE_ACUITY == 0.5
    assert np.allclose(low_pass(shown, (32, 32), acuity=0.25), shown / 16, atol=1e-12)


def test_pixels_that_are_not_square():
    """The same scene in twice as many columns: each pair of columns has the mean of the one column."""
    fine = np.random.default_rng(0).random((40, 160)).repeat(4, axis=1)
    coarse = fine.reshape(40, 320, 2).mean(axis=2)
    passed = low_pass(fine, (40, 30)).reshape(40, 320, 2).mean(axis=2)
    assert np.allclose(passed, low_pass(coarse, (40, 30)), atol=2e-3)
    assert not np.allclose(passed, low_pass(coarse, (80, 30)), atol=0.05)


def test_edges_are_reflected_as_by_scipy():
    """A sampled kernel is the same where a degree has many pixels; its standard deviation is the transform's."""
    image = np.random.default_rng(1).random((90, 150)) * 255
    degrees = (15, 18)
    sigma = [np.sqrt(2 * np.log(2)) / (2 * np.pi * 0.5) * n / extent for n, extent in ((90, 18), (150, 15))]
    assert np.allclose(low_pass(image, degrees), gaussian_filter(image, sigma, mode='reflect', truncate=9), atol=1e-9)


@pytest.mark.parametrize('shape', [(31, 17), (31, 17, 3)])
def test_a_uniform_image_and_the_mean_stay(shape):
    assert np.allclose(low_pass(np.full(shape, 77, np.uint8), (20, 9)), 77, atol=1e-11)
    image = np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)
    assert np.allclose(low_pass(image, (20, 9)).mean(axis=(0, 1)), image.mean(axis=(0, 1)))


def test_channels_are_independent():
    image = np.random.default_rng(3).random((12, 16, 3))
    passed = low_pass(image, (8, 6))
    for channel in range(3):
        assert np.array_equal(passed[..., channel], low_pass(image[..., channel], (8, 6)))
