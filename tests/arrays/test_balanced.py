"""Choice of points near the centres of clusters: against a slow choice point by point, balance, small clusters."""

import numpy as np
import pytest

from m2m_benchmarks.arrays.balanced import nearest_each


def slowly(distances, clusters, groups, n):
    """Deal out points in rounds, one cluster at a time."""
    n_each = min([n // len(set(groups)), *(list(groups).count(group) for group in set(groups))])
    chosen = []
    for group in set(groups):
        own = []
        waiting = {
            cluster: sorted(
                (distances[i], i) for i in range(len(groups)) if (groups[i], clusters[i]) == (group, cluster)
            )
            for cluster in set(clusters)
        }
        while any(waiting.values()):
            own += sorted(points.pop(0) for points in waiting.values() if points)
        chosen += [index for _, index in own[:n_each]]
    return sorted(chosen)


@pytest.mark.parametrize('seed', range(20))
def test_against_a_slow_choice(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 60))
    distances, clusters = rng.exponential(size=n), rng.integers(0, 4, n)
    groups = rng.choice(['a', 'b'], n, p=[0.8, 0.2])
    groups[:2] = ['a', 'b']
    wanted = int(rng.integers(2, n + 1))
    assert nearest_each(distances, clusters, groups, wanted).tolist() == slowly(distances, clusters, groups, wanted)


def test_as_many_of_each_group_from_each_cluster():
    distances = np.tile(np.arange(10.0), 4)
    clusters, groups = np.repeat([0, 0, 1, 1], 10), np.repeat(['e', 'i', 'e', 'i'], 10)
    chosen = nearest_each(distances, clusters, groups, 12)
    assert distances[chosen].tolist() == [0, 1, 2] * 4


def test_a_rare_group_limits_the_others():
    chosen = nearest_each(np.arange(10.0), np.zeros(10, dtype=int), np.array(['e'] * 8 + ['i'] * 2), 10)
    assert chosen.tolist() == [0, 1, 8, 9]
