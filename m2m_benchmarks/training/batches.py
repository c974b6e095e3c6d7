"""Which images are in which batch: a function of the seed and the step alone, so that a run can go on anywhere."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler


class Batches(Sampler[tuple[int, np.ndarray]]):
    """Places of the images of each batch.

    Parameters
    ----------
    n_images : int
    batch_size : int
        Over all processes together; each takes its share.
    seed : int
    replacement : bool
        Draw each batch from all images, as the single-source protocol does; otherwise go through shuffled epochs, whose
        last images, fewer than a batch, are left out.
    start, stop : int
        Steps.
    rank, world_size : int
        Which of how many processes this is.
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
                places = np.random.default_rng([self._seed, step]).integers(0, self._n_images, self._batch_size)
            else:
                if step // per_epoch != epoch:
                    epoch = step // per_epoch
                    order = np.random.default_rng([self._seed, epoch]).permutation(self._n_images)
                first = step % per_epoch * self._batch_size
                places = order[first : first + self._batch_size]
            yield step, places[self._rank :: self._world_size]
