"""Time a score by representational similarity on simulated recordings of thousands of stimuli.

    python perf/many_stimuli.py
    python perf/many_stimuli.py --stimuli 600 --neuroids 100  # a quick look

The images are sums of random gratings, the neuroids rectified random projections of them with Poisson noise, in five
animals. They are imported into a temporary M2M_HOME and scored by `m2m score`, from images to errors.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 64
N_ANIMALS, N_TRIALS = 5, 4
SESSIONS = [
    'file',
    'area',
    'specimen_id',
    'session_id',
    'n_trials',
    'n_images',
    'n_units',
    'window_start_s',
    'window_end_s',
]
UNITS = ['file', 'column', 'unit_id', 'area', 'specimen_id', 'session_id']


def make_images(folder: Path, n_stimuli: int, rng: np.random.Generator) -> np.ndarray:
    """Write images, and return their pixels at a quarter of the size: shape (n_stimuli, n_pixels)."""
    folder.mkdir()
    rows, columns = np.mgrid[:SIDE, :SIDE]
    pixels = []
    for number in range(n_stimuli):
        frequencies, phases = rng.normal(scale=0.1, size=(4, 2)), rng.uniform(0, 2 * np.pi, 4)
        image = sum(np.sin(a * rows + b * columns + phase) for (a, b), phase in zip(frequencies, phases, strict=True))
        grey = Image.fromarray((255 * (image - image.min()) / np.ptp(image)).astype(np.uint8))
        grey.save(folder / f'{number:05}.png')
        pixels.append(np.asarray(grey.resize((SIDE // 4, SIDE // 4)), dtype=float).ravel() / 255)
    return np.array(pixels)


def make_bundle(folder: Path, n_stimuli: int, n_neuroids: int) -> None:
    """Write images, recordings and their tables, as `m2m data import` takes them."""
    rng = np.random.default_rng(0)
    pixels = make_images(folder / 'images', n_stimuli, rng)
    centred = pixels - pixels.mean(axis=0)
    with (folder / 'sessions.csv').open('w', newline='') as one, (folder / 'units.csv').open('w', newline='') as other:
        sessions, units = csv.writer(one), csv.writer(other)
        sessions.writerow(SESSIONS)
        units.writerow(UNITS)
        for animal in range(N_ANIMALS):
            n = n_neuroids // N_ANIMALS
            drive = np.maximum(centred @ rng.normal(size=(pixels.shape[1], n)), 0)
            counts = rng.poisson(5 * drive / drive.std(axis=0) + 0.5, (N_TRIALS, n_stimuli, n)).astype(np.uint16)
            numbers = np.arange(n) + 1000 * animal
            name = f'VISp_{animal}.npz'
            np.savez(folder / name, spike_counts=counts, unit_id=numbers, window_start_s=0.05, window_end_s=0.25)
            sessions.writerow([name, 'VISp', animal, animal, N_TRIALS, n_stimuli, n, 0.05, 0.25])
            units.writerows([name, column, number, 'VISp', animal, animal] for column, number in enumerate(numbers))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--stimuli', type=int, default=5000)
    parser.add_argument('--neuroids', type=int, default=400)
    parser.add_argument('--model', default='pixels_64')
    parser.add_argument('--comparison', default='rdm')
    args = parser.parse_args()
    m2m = [sys.executable, '-W', 'ignore', '-m', 'm2m_benchmarks.cli.main']
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_bundle(folder, args.stimuli, args.neuroids)
        os.environ['M2M_HOME'] = str(folder / 'home')
        tables = ['--sessions', folder / 'sessions.csv', '--units', folder / 'units.csv']
        commands = {
            'import': ['data', 'import', 'Many2026', *tables, '--stimuli', folder / 'images'],
            'score': ['score', args.model, f'Many2026.VISp-{args.comparison}'],
        }
        for what, command in commands.items():
            start = time.perf_counter()
            ran = subprocess.run([*m2m, *map(str, command)], check=True, stdout=subprocess.PIPE, text=True)
            print(ran.stdout)
            print(f'{what}: {time.perf_counter() - start:.0f} s', flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
