"""Batches: a function of the seed and the step alone, shared without gaps or overlaps."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from m2m_benchmarks.training.batches import Batches

COUNTS = st.integers(1, 60)
SEEDS = st.integers(0, 2**63)


def batches(*arguments, **options):
    """Steps and indices, as lists."""
    pairs = list(Batches(*arguments, **options))
    return [step for step, _ in pairs], [list(indices) for _, indices in pairs]


def slow(n_images, batch_size, seed, replacement, step):
    """The batch of one step, by an independent version."""
    if replacement:
        return list(np.random.default_rng([seed, step]).integers(0, n_images, batch_size))
    size = min(batch_size, n_images)
    queue = []
    for epoch in range(step + 1):
        order = list(np.random.default_rng([seed, epoch]).permutation(n_images))
        while len(order) >= size:
            queue.append(order[:size])
            order = order[size:]
    return queue[step]


@settings(deadline=None, max_examples=60)
@given(COUNTS, COUNTS, SEEDS, st.booleans(), st.integers(0, 12), st.integers(0, 12))
def test_batches_are_those_of_the_slow_version_wherever_they_start(n_images, size, seed, replacement, start, count):
    sampler = Batches(n_images, size, seed, replacement, start, start + count)
    steps, indices = batches(n_images, size, seed, replacement, start, start + count)
    assert steps == list(range(start, start + count))
    assert indices == [slow(n_images, size, seed, replacement, step) for step in steps]
    assert len(sampler) == count


@settings(deadline=None, max_examples=60)
@given(COUNTS, COUNTS, SEEDS, st.booleans(), st.lists(st.integers(0, 15), min_size=1, max_size=5))
@pytest.mark.seconds
def test_pieces_put_together_are_the_whole(n_images, size, seed, replacement, cuts):
    ends = [0, *sorted(cuts), 16]
    whole = batches(n_images, size, seed, replacement, 0, 16)
    pieces = [batches(n_images, size, seed, replacement, start, stop) for start, stop in itertools.pairwise(ends)]
    assert [step for steps, _ in pieces for step in steps] == whole[0]
    assert [indices for _, piece in pieces for indices in piece] == whole[1]


@settings(deadline=None, max_examples=60)
@given(COUNTS, COUNTS, SEEDS, st.booleans(), st.integers(1, 7))
def test_processes_share_each_batch_between_them(n_images, size, seed, replacement, world_size):
    whole = batches(n_images, size, seed, replacement, 0, 6)[1]
    shares = [batches(n_images, size, seed, replacement, 0, 6, rank, world_size)[1] for rank in range(world_size)]
    for step, indices in enumerate(whole):
        own = [share[step] for share in shares]
        assert sorted(index for part in own for index in part) == sorted(indices)
        assert max(map(len, own)) - min(map(len, own)) <= 1
        if len(indices) % world_size == 0:
            assert len({len(part) for part in own}) == 1


@settings(deadline=None, max_examples=60)
@given(COUNTS, COUNTS, SEEDS)
def test_an_epoch_shows_each_image_at_most_once_and_all_where_batches_fill_it(n_images, size, seed):
    per_epoch = n_images // min(size, n_images)
    _, indices = batches(n_images, size, seed, False, 0, 3 * per_epoch)
    for epoch in range(3):
        shown = [index for batch in indices[epoch * per_epoch : (epoch + 1) * per_epoch] for index in batch]
        assert len(set(shown)) == len(shown) == per_epoch * min(size, n_images)
        assert set(shown) <= set(range(n_images))
        assert n_images - len(shown) < size


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 60), COUNTS, SEEDS)
def test_draws_with_replacement_stay_among_the_images(n_images, size, seed):
    for indices in batches(n_images, size, seed, True, 0, 5)[1]:
        assert len(indices) == size  # even if there are fewer images
        assert set(indices) <= set(range(n_images))


def test_draws_with_replacement_are_uniform():
    _, indices = batches(20, 32, 5, True, 0, 500)
    counts = np.bincount(np.concatenate(indices), minlength=20)
    assert stats.chisquare(counts).pvalue > 0.001
    # Within a batch, too: the mean number of distinct ones is that of independent draws.
    distinct = np.mean([len(set(batch)) for batch in indices])
    assert distinct == pytest.approx(20 * (1 - (19 / 20) ** 32), abs=0.3)


@pytest.mark.parametrize('replacement', [True, False])
def test_seeds_and_steps_differ(replacement):
    seeds = {str(batches(1000, 8, seed, replacement, 0, 3)[1]) for seed in range(20)}
    assert len(seeds) == 20
    steps = {str(indices) for indices in batches(1000, 8, 0, replacement, 0, 200)[1]}
    assert len(steps) == 200


def test_epochs_differ_in_their_order():
    _, indices = batches(50, 50, 0, False, 0, 5)
    assert len({str(batch) for batch in indices}) == 5
