"""Samples batches by the seed and the step alone, so that a run can be resumed at any step."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler


class Batches(Sampler[tuple[int, np.ndarray]]):
    """Sampler of the indices of the images of each batch.

    Parameters
    ----------
    n_images : int
    batch_size : int
        Number of images in a batch, over all processes; each takes its share.
    seed : int
        Random seed.
    replacement : bool
        Whether each batch is drawn from all images, as in the single-source protocol. Otherwise images are in shuffled
        epochs, and the last ones, fewer than a batch, are left out.
    start, stop : int
        First step, and the step after the last.
    rank, world_size : int
        Index of this process, and number of processes.
    """

    def __init__(
        self,
        n_images: int,
        batch_size: int,
        seed: int,
        replacement: bool,
        start: int,
        stop: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self._n_images = n_images
        self._batch_size = min(batch_size, n_images) if not replacement else batch_size
        self._seed = seed
        self._replacement = replacement
        self._steps = range(start, stop)
        self._rank = rank
        self._world_size = world_size

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        per_epoch = self._n_images // self._batch_size
        epoch, order = -1, np.empty(0, dtype=np.int64)
        for step in self._steps:
            if self._replacement:
                indices = np.random.default_rng([self._seed, step]).integers(0, self._n_images, self._batch_size)
            else:
                if step // per_epoch != epoch:
                    epoch = step // per_epoch
                    order = np.random.default_rng([self._seed, epoch]).permutation(self._n_images)
                first = step % per_epoch * self._batch_size
                indices = order[first : first + self._batch_size]
            yield step, indices[self._rank :: self._world_size]
