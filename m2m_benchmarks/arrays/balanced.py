"""Choice of points near the centres of clusters, as many of each group."""

import numpy as np


def nearest_each(distances: np.ndarray, clusters: np.ndarray, groups: np.ndarray, n: int) -> np.ndarray:
    """Choose the points that are nearest the centres of their clusters, as many from each cluster as there are.

    Within each group, every cluster gives its nearest point, then every cluster its second nearest, and so on; in the
    last round, the nearer points come first. A cluster with few points of a group gives all of them.

    Parameters
    ----------
    distances : array, shape (n_points,)
        Distance of each point from the centre of its cluster.
    clusters : int array, shape (n_points,)
    groups : array, shape (n_points,)
        Group of each point.
    n : int
        Largest number of points. Each group gives the same number, at most that of the smallest group.

    Returns
    -------
    int array
        Indices of the chosen points, in ascending order.
    """
    names = np.unique(groups)
    n_each = min([n // len(names), *(int((groups == name).sum()) for name in names)])
    chosen = []
    for name in names:
        members = np.flatnonzero(groups == name)
        members = members[np.argsort(distances[members], kind='stable')]
        rounds = np.empty(len(members), dtype=int)
        for cluster in np.unique(clusters[members]):
            own = clusters[members] == cluster
            rounds[own] = np.arange(own.sum())
        chosen.append(members[np.argsort(rounds, kind='stable')[:n_each]])
    return np.sort(np.concatenate(chosen))
