"""Peak memory, scratch space and time of scores, beside what `m2m score --estimate` says before.

    python perf/memory.py MODEL[@FILE] [MODEL[@FILE] ...] --benchmark Siegle2021-rdm

Each model is scored in a process of its own, with an empty activation cache (a temporary M2M_HOME with the datasets
linked into it). The peak is that of the whole process (as /usr/bin/time measures it), the comparisons included. Times
are CPU seconds of the responses of all layers, since other programs may run beside: use OMP_NUM_THREADS=1. Exits with 1
where a peak is 3 GB or more, or an estimate is off by more than 25 %.
"""

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MOST_GB, MOST_OFF = 3.0, 0.25


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('models', nargs='+')
    parser.add_argument('--benchmark', default='Siegle2021-rdm')
    parser.add_argument('--child', choices=['estimate', 'score'], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(
            json.dumps({'estimate': estimate, 'score': score}[arguments.child](*arguments.models, arguments.benchmark))
        )
        return
    failed = False
    print(f'{arguments.benchmark:31s} {"estimate":>10s} {"measured":>10s} {"off":>7s}')
    for model in arguments.models:
        expected, measured = run('estimate', model, arguments), run('score', model, arguments)
        for name, unit in (('memory', 'GB'), ('scratch', 'GB'), ('time', 's')):
            off = expected[name] / measured[name] - 1
            numbers = f'{expected[name]:7.2f} {unit:2s} {measured[name]:7.2f} {unit:2s} {off:+6.0%}'
            print(f'{model.split("@")[0]:23s} {name:7s} {numbers}')
            failed |= abs(off) > MOST_OFF
        failed |= measured['memory'] >= MOST_GB
        sys.stdout.flush()
    sys.exit(failed)


def run(child, model, arguments):
    """Run this script in a process with an empty cache, and watch its scratch file."""
    from m2m_benchmarks.storage import home

    with tempfile.TemporaryDirectory(dir=home().parent) as folder:
        (Path(folder) / 'data').symlink_to(home() / 'data')
        command = [
            sys.executable,
            '-W',
            'ignore',
            __file__,
            model,
            '--benchmark',
            arguments.benchmark,
            '--child',
            child,
        ]
        environment = {**os.environ, 'M2M_HOME': folder}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        scratch = 0
        while process.poll() is None:
            scratch = max(scratch, largest_unnamed(process.pid))
            time.sleep(0.2)
        return {'scratch': scratch / 1e9, **json.loads(process.stdout.read())}


def largest_unnamed(pid):
    sizes = [0]
    with contextlib.suppress(OSError):
        for path in Path(f'/proc/{pid}/fd').iterdir():
            with contextlib.suppress(OSError):
                if str(path.readlink()).endswith('(deleted)'):
                    sizes.append(path.stat().st_size)
    return max(sizes)


def load(model):
    from m2m_benchmarks.scoring.candidates import load_candidate

    name, _, weights = model.partition('@')
    return load_candidate(name, weights=weights or 'none')


def estimate(model, benchmark):
    from m2m_benchmarks import load_benchmark
    from m2m_benchmarks.scoring.estimate import estimate_cost

    time.perf_counter = time.process_time
    cost = estimate_cost(load(model), [load_benchmark(benchmark)])
    return {'memory': cost.memory_bytes / 1e9, 'scratch': cost.scratch_bytes / 1e9, 'time': cost.seconds}


def score(model, benchmark):
    from m2m_benchmarks import load_benchmark
    from m2m_benchmarks.scoring.activations import Activations
    from m2m_benchmarks.scoring.score import score_candidate

    spent, call = 0.0, Activations.__call__

    def timed(*some):
        nonlocal spent
        start = time.process_time()
        try:
            return call(*some)
        finally:
            spent += time.process_time() - start

    Activations.__call__ = timed
    list(score_candidate(load(model), [load_benchmark(benchmark)]))
    return {'memory': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, 'time': spent}


if __name__ == '__main__':
    main()
