"""Time and memory of the NeuRN layer, beside a pooling, a copy and the textbook form.

    python perf/neurn.py
    python perf/neurn.py --images 8 --repeats 5  # a quick look

"pool" is the mean of the same windows: the image padded, then average-pooled. "unfold" copies all windows and takes
their standard deviation. "copy" reads the images once and writes them once into allocated memory: no layer can be
faster. All are timed in turn, in one process and without gradients. Peak memory is the increase during one call in a
separate process, with the result.

The exit status is 1 when the layer takes more than 1.5 times as long as the pool, is less than 5 times faster than
unfold (both by the median), takes more than three times the memory of the images, or differs from unfold.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch.nn import functional

MOST_POOLS = 1.5
LEAST_UNFOLDS = 5
MOST_MEMORY = 3
TOLERANCE = 1e-5


def random_images(number: int) -> torch.Tensor:
    return torch.rand((number, 3, 224, 224), generator=torch.Generator().manual_seed(0))


def pad(images: torch.Tensor, kernel_size: int) -> torch.Tensor:
    return functional.pad(images, [kernel_size // 2] * 4, mode='replicate')


def pool(images: torch.Tensor, kernel_size: int) -> torch.Tensor:
    return functional.avg_pool2d(pad(images, kernel_size), kernel_size, 1)


def unfold(images: torch.Tensor, kernel_size: int) -> torch.Tensor:
    windows = functional.unfold(pad(images, kernel_size), kernel_size)
    deviation = windows.view(*images.shape[:2], kernel_size**2, *images.shape[2:]).std(2, correction=0)
    return deviation / deviation.amax([1, 2, 3], keepdim=True)


def interleaved(functions: dict[str, Callable], repeats: dict[str, int]) -> dict[str, list[float]]:
    """Time the functions in turn, in milliseconds, so that other load on the machine affects all of them."""
    spent: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(-1, max(repeats.values())):
        for name, function in functions.items():
            if turn < repeats[name]:
                start = time.perf_counter()
                function()
                if turn >= 0:  # the first call warms up
                    spent[name].append(1000 * (time.perf_counter() - start))
    return spent


def memory_bytes(kind: str) -> int:
    """Return the present size of this process (VmRSS), or its peak (VmHWM)."""
    # getrusage would inherit the maximum of the parent process.
    lines = Path('/proc/self/status').read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f'{kind}:'))


def print_memory(number: int, kernel_size: int) -> None:
    """Print the peak memory of one call, in units of the images."""
    from m2m_benchmarks.models.neurn.neurn import NeuRN

    layer = NeuRN(kernel_size)
    images = random_images(number)
    with torch.no_grad():
        layer(images[:1])  # thread pools and the like
        before = memory_bytes('VmRSS')
        layer(images)
    # An upper bound: the imports may have held more than the call.
    print((memory_bytes('VmHWM') - before) / images.nbytes)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--images', type=int, default=64)
    parser.add_argument('--repeats', type=int, default=15)
    parser.add_argument('--unfold-repeats', type=int, default=3)
    parser.add_argument('--memory', type=int, metavar='KERNEL_SIZE', help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory:
        print_memory(arguments.images, arguments.memory)
        return 0

    from m2m_benchmarks.models.neurn.neurn import NeuRN

    images = random_images(arguments.images)
    kinds = {
        'float32, k = 3': (images, 3),
        'float32, k = 5': (images, 5),
        'float32, k = 7': (images, 7),
        'channels last, k = 3': (images.to(memory_format=torch.channels_last), 3),
        'bfloat16, k = 3': (images.bfloat16(), 3),
    }
    first = next(iter(kinds))
    functions: dict[str, Callable] = {}
    for kind, (of_kind, kernel_size) in kinds.items():
        functions[f'{kind}: NeuRN'] = partial(NeuRN(kernel_size), of_kind)
        functions[f'{kind}: pool'] = partial(pool, of_kind, kernel_size)
        functions[f'{kind}: copy'] = partial(torch.empty_like(of_kind).copy_, of_kind)
        if kind == first:
            functions[f'{kind}: unfold'] = partial(unfold, of_kind, kernel_size)
    repeats = {name: arguments.unfold_repeats if 'unfold' in name else arguments.repeats for name in functions}

    threads = torch.get_num_threads()
    # On a busy machine, threads wait for each other at each of the layer's many small steps: its ratio to the pool is
    # then several times that on an idle machine, or with OMP_NUM_THREADS=1.
    load = f'load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores'
    print(f'{arguments.images} x 3 x 224 x 224, {threads} threads, torch {torch.__version__}, {load}', flush=True)
    failures = []
    with torch.no_grad():
        difference = float((NeuRN(3)(images) - unfold(images, 3)).abs().max())
        spent = interleaved(functions, repeats)
    print(f'{"":32}{"minimum ms":>12}{"median ms":>12}')
    for name, milliseconds in spent.items():
        print(f'{name:32}{min(milliseconds):12.1f}{statistics.median(milliseconds):12.1f}')

    def ratio(over: str, under: str) -> tuple[float, float]:
        return tuple(of(spent[over]) / of(spent[under]) for of in (min, statistics.median))

    print(f'\n{"ratio":32}{"of minima":>12}{"of medians":>12}')
    for kind in kinds:
        for other in ('pool', 'copy'):
            fastest, middle = ratio(f'{kind}: NeuRN', f'{kind}: {other}')
            print(f'{f"{kind}: NeuRN / {other}":32}{fastest:12.2f}{middle:12.2f}')
            if other == 'pool' and middle > MOST_POOLS:
                failures.append(f'{kind}: {middle:.2f} times the pool, at most {MOST_POOLS} is required')
    fastest, middle = ratio(f'{first}: unfold', f'{first}: NeuRN')
    print(f'{f"{first}: unfold / NeuRN":32}{fastest:12.2f}{middle:12.2f}')
    if middle < LEAST_UNFOLDS:
        failures.append(f'{middle:.2f} times faster than unfold, {LEAST_UNFOLDS} is required')

    print('\npeak memory of one call over that of the images')
    for kernel_size in (3, 5, 7):
        command = [sys.executable, __file__, '--images', str(arguments.images), '--memory', str(kernel_size)]
        memory = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(f'{f"float32, k = {kernel_size}":32}{memory:12.2f}')
        if memory > MOST_MEMORY:
            failures.append(f'{memory:.2f} times the memory of the images, at most {MOST_MEMORY} is required')
    if not difference <= TOLERANCE:
        failures.append(f'NeuRN and unfold differ by {difference:.1e}')
    for failure in failures:
        print(f'FAILED: {failure}')
    if not failures:
        print(f'Outputs agree (to {TOLERANCE:g}).')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
