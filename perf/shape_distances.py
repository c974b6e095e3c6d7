"""Compare Procrustes similarities with the angular shape distances of netrep, and print netrep's numbers for a test.

Run it, with this library installed, as

    python perf/shape_distances.py

It installs netrep from its repository into an environment of its own in a temporary folder, with the same version of
Python: this library doesn't depend on it. The exit status is 1 when a cosine differs by more than 1e-8.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import numpy as np

NETREP = 'git+https://github.com/ahwillia/netrep@0186b8a77ec1ebaf541cc8f7173cb2556df8a8f0'
TOLERANCE = 1e-8
#: Numbers of stimuli, and of units of the two sets of patterns; more stimuli than units, fewer, and both.
SIZES = ((20, 6, 9), (8, 30, 50), (12, 5, 40), (118, 200, 816))


def patterns(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Simulate two sets of patterns that share a part, with means of their own; `number` is that of their size."""
    n_stimuli, n_first, n_second = SIZES[number]
    rng = np.random.default_rng(number)
    shared = rng.normal(size=(n_stimuli, 5))
    first, second = (shared @ rng.normal(size=(5, n)) + rng.normal(size=(n_stimuli, n)) for n in (n_first, n_second))
    return first + 3, 10 * second - rng.normal(size=n_second)


def run_netrep() -> None:
    """Print netrep's angular distances in radians as JSON, in its own environment."""
    from netrep.metrics import LinearMetric

    metric = LinearMetric(alpha=1.0, center_columns=True, score_method='angular')
    print(json.dumps([float(metric.fit_score(*patterns(number))) for number in range(len(SIZES))]))


def main() -> int:
    parser = argparse.ArgumentParser(description='Compare Procrustes similarities with the distances of netrep.')
    parser.add_argument('--source', default=NETREP, help='what pip installs; default: %(default)s')
    parser.add_argument('--netrep', action='store_true', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.netrep:
        run_netrep()
        return 0
    from m2m_benchmarks.arrays.procrustes import procrustes  # netrep's environment has none

    with tempfile.TemporaryDirectory() as name:
        environment = Path(name) / 'environment'
        print(f'installing {args.source} into {environment}', file=sys.stderr, flush=True)
        venv.create(environment, with_pip=True)
        python = environment / 'bin' / 'python'
        subprocess.run([python, '-m', 'pip', 'install', '--quiet', args.source], check=True, stdout=sys.stderr)
        ran = subprocess.run([python, __file__, '--netrep'], check=True, stdout=subprocess.PIPE)
    theirs = json.loads(ran.stdout)
    worst = 0.0
    for number, (size, distance) in enumerate(zip(SIZES, theirs, strict=True)):
        ours = procrustes(*patterns(number))
        worst = max(worst, abs(ours - np.cos(distance)))
        print(f'{size}: netrep {distance!r} rad, cosine {np.cos(distance):.10f}; ours {ours:.10f}')
    print(f'largest difference {worst:.1e}')
    return int(worst > TOLERANCE)


if __name__ == '__main__':
    sys.exit(main())
