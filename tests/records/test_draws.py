"""Bootstrap draws as bytes."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m2m_benchmarks.errors import DataError
from m2m_benchmarks.records.draws import STEPS, decode, encode


@given(st.integers(0, 2**32 - 1), st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.booleans())
def test_rounding_is_small_beside_the_spread(seed, mean, spread, single):
    scale = spread if single else spread * np.array([[1.7], [1], [1]])
    values = mean + scale * np.random.default_rng(seed).standard_normal(200 if single else (3, 200))
    stored = decode(encode({'score': values}))['score']
    assert stored.dtype == np.float32 and stored.shape == values.shape
    # Half a step, and the last digit of a 32-bit number.
    smallest = np.std(values, axis=-1).min()
    assert (
        np.abs(stored - values).max() <= max(smallest / STEPS, np.ptp(values) / 2**15) / 2 + 2e-7 * np.abs(values).max()
    )


def test_variances_of_differences_survive():
    """Twins whose difference has a tenth of their own standard errors."""
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((3, 1000))
    twins = [0.4 + 0.03 * (shared + 0.07 * rng.standard_normal((3, 1000))) for _ in range(2)]
    stored = [decode(encode({'score': values}))['score'].astype(float) for values in twins]
    expected = np.var(twins[0] - twins[1], axis=1)
    np.testing.assert_allclose(np.var(stored[0] - stored[1], axis=1), expected, rtol=0.01)


@pytest.mark.parametrize('values', [np.zeros((3, 5)), np.full((3, 5), 0.3), np.zeros((3, 0)), np.array([-1e-30, 0])])
def test_draws_that_hardly_vary(values):
    stored = decode(encode({'a': values, 'b': -values}))
    np.testing.assert_allclose(stored['a'], values, rtol=3e-7, atol=1e-30)
    np.testing.assert_allclose(stored['b'], -values, rtol=3e-7, atol=1e-30)


def test_draws_of_1000_take_less_than_5_kb():
    rng = np.random.default_rng(0)
    assert len(encode({'score': 0.5 + 0.03 * rng.standard_normal((3, 1000))})) < 5_000


def test_draws_that_were_stored_whole():
    values = np.random.default_rng(0).standard_normal((3, 50)).astype(np.float32)
    file = io.BytesIO()
    np.savez_compressed(file, score=values)
    np.testing.assert_array_equal(decode(file.getvalue())['score'], values)


@pytest.mark.parametrize('content', [b'', b'PK', b'\x00', encode({'a': np.arange(9.0)})[:-3]])
def test_other_bytes(content):
    with pytest.raises(DataError, match='draws of a result cannot be read'):
        decode(content)
