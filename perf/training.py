"""Steps per second of `m2m train` and of a bare PyTorch loop: the same network, batches and optimizer, in turns.

python perf/training.py [--model neurn_digitnet] [--steps 150] [--rounds 4]

The bare loop draws its batches from tensors in memory and does nothing else. `m2m train` adds lightning, the check of
the loss and the progress report; its validations and checkpoints, every 1,000 steps, are timed separately.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from torch.nn import functional

from m2m_benchmarks.models.neurn.model import network
from m2m_benchmarks.training.settings import Settings
from m2m_benchmarks.training.sources import digit_source
from m2m_benchmarks.training.train import train

#: Steps before the clock starts.
WARM_UP = 20


def bare(model, steps):
    """Time a simple loop, in seconds."""
    source = digit_source('SklearnDigits', 32)
    images, labels = source.train[0, torch.arange(source.n_train).numpy()]
    images = images.contiguous()
    module = network(model, 'none', 0, 10).train()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-4)
    for step in range(WARM_UP + steps):
        if step == WARM_UP:
            start = time.perf_counter()
        batch = torch.randint(0, len(images), (32,))
        loss = functional.cross_entropy(module(images[batch].float() / 255), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.perf_counter() - start


def ours(model, steps):
    """Time the same steps of `train`, and everything after the last one, in seconds."""
    clock = {}

    def report(what, done, total):
        if what.startswith('training') and done in (WARM_UP, total):
            clock[done] = time.perf_counter()

    total = WARM_UP + steps
    with tempfile.TemporaryDirectory() as folder:
        train(Settings(model, 'SklearnDigits', 0, steps=total, interval=total), Path(folder) / 'run', progress=report)
        end = time.perf_counter()
    return clock[total] - clock[WARM_UP], end - clock[total]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--model', default='neurn_digitnet')
    parser.add_argument('--steps', type=int, default=150)
    parser.add_argument('--rounds', type=int, default=4)
    arguments = parser.parse_args()
    rows = []
    for number in range(arguments.rounds):
        loop = bare(arguments.model, arguments.steps)
        lightning, after = ours(arguments.model, arguments.steps)
        rows.append((arguments.steps / loop, arguments.steps / lightning, loop / lightning, after))
        print(
            f'round {number + 1}: bare {rows[-1][0]:.1f}, m2m train {rows[-1][1]:.1f} steps/s, ratio {rows[-1][2]:.3f}'
        )
    medians = [statistics.median(column) for column in zip(*rows, strict=True)]
    print(f'medians: bare {medians[0]:.1f}, m2m train {medians[1]:.1f} steps/s, ratio {medians[2]:.3f}')
    print(f'last validation, checkpoint and weights: {medians[3]:.2f} s')


if __name__ == '__main__':
    main()
