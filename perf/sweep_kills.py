"""Kill the client, a worker or the scheduler of a sweep at random moments, go on, and compare with an undisturbed run.

    python perf/sweep_kills.py

Twelve small untrained networks are scored on 24 benchmarks of SimulatedMouse by two workers, from few bootstrap draws.
A client or a worker is killed in a sweep with workers of its own, the scheduler in one with `--scheduler`. In the end,
each cell must have one result, with the score of the undisturbed run, and no result may be lost that was on record at a
kill.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import distributed
import psutil

from m2m_benchmarks.records import store
from m2m_benchmarks.records.selection import label

MODELS = ('plain_digitnet', 'neurn_digitnet', 'plain_squeezenet1_1_at32', 'neurn_squeezenet1_1_at32')
BENCHMARKS = tuple(f'SimulatedMouse.VIS*-{comparison}' for comparison in ('rdm', 'rdm_cosine', 'cka', 'procrustes'))
#: Longest time in s until an end or the next result is waited for, on a busy machine.
_LONGEST_S = 900
_M2M = (sys.executable, '-m', 'm2m_benchmarks.cli.start')


@dataclass(frozen=True)
class Kill:
    """A kill: what was killed, after how many results, and what became of the other processes."""

    what: str
    n_results: int
    then: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table of the kills and of the comparison; return 1 where a result differs, is lost or is there twice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--models', nargs='+', default=MODELS)
    parser.add_argument('--seeds', default='0-2', help='random seeds of the untrained networks')
    parser.add_argument('--benchmarks', nargs='+', default=BENCHMARKS)
    parser.add_argument('--kills', nargs='+', choices=['client', 'worker', 'scheduler'])
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args(arguments)
    generator = random.Random(options.seed)
    kills = options.kills or generator.sample(['client', 'worker', 'scheduler'] * 4, 10)
    with tempfile.TemporaryDirectory() as folder:
        definition = Path(folder) / 'kills.yaml'
        definition.write_text(
            f'models: {json.dumps(options.models)}\nbenchmarks: {json.dumps(options.benchmarks)}\n'
            f'seeds: {options.seeds}\nweights: none\n'
        )
        undisturbed, killed = Path(folder) / 'undisturbed', Path(folder) / 'killed'
        start = time.monotonic()
        with _Sweep(undisturbed, definition) as sweep:
            code = sweep.end()
        expected = table(undisturbed)
        print(f'undisturbed: exit code {code}, {len(expected)} cells, {time.monotonic() - start:.0f} s', flush=True)
        done, lost = _killed(killed, definition, kills, len(expected), generator)
        actual, twice = table(killed), duplicates(killed)
    print('\n| kill | results on record | then |\n|---|--:|---|')
    for kill in done:
        print(f'| {kill.what} | {kill.n_results} | {kill.then} |')
    differing = [cell for cell in expected if actual.get(cell) != expected[cell]]
    print(f'\ncells: {len(expected)}; with another score or none after the kills: {len(differing)}')
    print(f'cells computed again after they were recorded: {twice}; results lost after a kill: {lost}')
    return int(bool(differing or twice or lost or code or len(done) < len(kills) or actual.keys() != expected.keys()))


def table(home: Path) -> dict[tuple[str, str], float | None]:
    """Score of each cell in a data folder."""
    return {(label(result), result.benchmark): result.score for result in _results(home)}


def duplicates(home: Path) -> int:
    """Number of results of cells that have one already."""
    counts = Counter((label(result), result.benchmark) for result in _results(home))
    return sum(counts.values()) - len(counts)


def _results(home: Path) -> list:
    os.environ['M2M_HOME'] = str(home)
    return store.results()


def _uids(home: Path) -> set[str]:
    os.environ['M2M_HOME'] = str(home)
    return store.uids()


def _killed(
    home: Path, definition: Path, kills: Sequence[str], n_cells: int, generator: random.Random
) -> tuple[list[Kill], int]:
    """Run a sweep with kills until it is done; return what was killed, and the number of lost results."""
    done: list[Kill] = []
    recorded: set[str] = set()
    with contextlib.ExitStack() as stack:
        sweep: _Sweep | None = None
        for number, what in enumerate(kills):
            external = what == 'scheduler'
            if sweep is None or sweep.external != external or sweep.client.poll() is not None:
                stack.close()
                sweep = stack.enter_context(_Sweep(home, definition, external))
            # Anywhere between this and the next of equal parts of the work, so that all kills come before its end.
            after = int(n_cells * (number + generator.random()) / (len(kills) + 1))
            # A result more shows that this run computes: a worker that is killed as it starts is another thing.
            sweep.reach(max(after, len(_uids(home)) + 1))
            time.sleep(generator.random() * 2)
            then = getattr(sweep, f'kill_{what}')()
            recorded |= _uids(home)
            done.append(Kill(what, len(recorded), then))
            print(f'killed the {what} at {len(recorded)} results: {then}', flush=True)
        stack.close()
        start = time.monotonic()
        with _Sweep(home, definition) as last:
            code = last.end()
        print(f'last run: exit code {code}, {time.monotonic() - start:.0f} s', flush=True)
    return done, len(recorded - _uids(home))


class _Sweep:
    """A run of a sweep in processes of its own, with a scheduler and workers beside it if they are `external`."""

    def __init__(self, home: Path, definition: Path, external: bool = False) -> None:
        self.home, self.external = home, external
        self._stack = contextlib.ExitStack()
        environment = {
            **os.environ,
            'M2M_HOME': str(home),
            'OMP_NUM_THREADS': '1',
            'DASK_DISTRIBUTED__WORKER__PRELOAD': 'm2m_benchmarks.testing.draws',
        }
        self._environment = environment
        options = ['--workers', '2']
        if external:
            with socket.socket() as free:
                free.bind(('127.0.0.1', 0))
                address = f'127.0.0.1:{free.getsockname()[1]}'
            self.scheduler = self._start('distributed.cli.dask_scheduler', '--host', address, '--no-dashboard')
            self._workers = self._start(
                *('distributed.cli.dask_worker', f'tcp://{address}', '--nworkers', '2', '--nthreads', '1'),
                *('--no-dashboard', '--death-timeout', '300', '--memory-limit', '0'),
            )
            options = ['--scheduler', f'tcp://{address}']
            with distributed.Client(f'tcp://{address}', timeout=_LONGEST_S, set_as_default=False) as client:
                client.wait_for_workers(2, timeout=_LONGEST_S)
        self.client = self._start(_M2M[2], 'sweep', str(definition), *options)

    def _start(self, module: str, *arguments: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-m', module, *arguments],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=None if os.environ.get('SWEEP_KILLS_STDERR') else subprocess.DEVNULL,
        )
        self._stack.callback(_stop, process)
        return process

    def __enter__(self) -> '_Sweep':
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def end(self) -> int:
        """Wait for the end, and return the exit code."""
        return self.client.wait(10 * _LONGEST_S)

    def reach(self, n_results: int) -> None:
        """Wait until so many results are on record."""
        deadline = time.monotonic() + _LONGEST_S
        while len(_uids(self.home)) < n_results:
            if self.client.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f'the sweep ended or hangs before it had {n_results} results')
            time.sleep(0.3)

    def kill_client(self) -> str:
        """Kill the client, whose own workers must end too."""
        others = psutil.Process(self.client.pid).children(recursive=True)
        self.client.kill()
        self.client.wait()
        return f'{len(others)} processes of the client ended after {_seconds_until_end(others):.1f} s'

    def kill_worker(self) -> str:
        """Kill a worker, which must be replaced."""
        owner = self._workers if self.external else self.client
        before = len(_uids(self.home))
        next(_worker_processes(owner.pid)).kill()
        self.reach(before + 1)
        return f'another worker took over; exit code so far {self.client.poll()}'

    def kill_scheduler(self) -> str:
        """Kill the scheduler; the client must end with a message, and the workers by themselves."""
        workers = [psutil.Process(self._workers.pid), *psutil.Process(self._workers.pid).children(recursive=True)]
        start = time.monotonic()
        self.scheduler.kill()
        self.scheduler.wait()
        code = self.client.wait(_LONGEST_S)
        after = time.monotonic() - start
        return f'exit code {code} after {after:.0f} s; workers ended after {_seconds_until_end(workers):.0f} s'


def _worker_processes(pid: int) -> Iterator[psutil.Process]:
    for process in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if 'spawn_main' in ' '.join(process.cmdline()):
                yield process


def _seconds_until_end(processes: Sequence[psutil.Process]) -> float:
    """Wait for the end of processes; an error where one doesn't end."""
    start = time.monotonic()
    _, alive = psutil.wait_procs(processes, timeout=_LONGEST_S)
    if any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in alive):
        raise RuntimeError(f'{len(alive)} processes do not end: {alive}')
    return time.monotonic() - start


def _stop(process: subprocess.Popen) -> None:
    """End a process that is still running, and what it has started."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == '__main__':
    sys.exit(main())
