import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from m2m_benchmarks.arrays.threads import map_in_threads


def blas_threads():
    return {library['num_threads'] for library in threadpool_info() if library['user_api'] == 'blas'}


@pytest.mark.parametrize('n_threads', [1, 2])
def test_as_map_with_one_thread_of_linear_algebra_each(n_threads):
    meet = threading.Barrier(n_threads, timeout=20)  # calls run at the same time, or it breaks

    def multiply(first, second):
        meet.wait()
        return first @ second, blas_threads()

    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 6, 5, 5))
    with threadpool_limits(n_threads, user_api='blas'):
        before = blas_threads()
        results = map_in_threads(multiply, first, iter(second))
        assert blas_threads() == before
    for (product, threads), one, other in zip(results, first, second, strict=True):
        np.testing.assert_allclose(product, one @ other, rtol=1e-12)
        assert 1 in threads  # libraries that were loaded later may have more


def test_errors_are_raised():
    with pytest.raises(ZeroDivisionError):
        map_in_threads(lambda number: 1 / number, [1, 0, 2])
