"""Processes that a sweep runs in: its own on this machine, or those of a dask.distributed scheduler."""

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from m2m_benchmarks.acquisition.pipeline.workers import connected, import_distributed
from m2m_benchmarks.benchmarks.identifiers import parse
from m2m_benchmarks.benchmarks.names import datasets_of
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.made_here import MADE_HERE
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.sweep import worker
from m2m_benchmarks.sweep.worker import Facts

#: Variables that say how many threads an operation has.
_THREADS = ('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS')
#: Settings of dask for workers on this machine: that one has died is seen at once, by the end of its connection; one
#: that is silent is busy, on a machine with too much to do.
_PATIENT = {
    'distributed.comm.timeouts.tcp': '1h',
    'distributed.comm.timeouts.connect': '2m',
    'distributed.scheduler.worker-ttl': '1h',
    # 15 s after a death, dask gives a worker up that hasn't started again, and a busy machine takes longer to start it.
    # Shorter than the sweep waits for any worker, so that what is given up is started anew before it ends.
    'distributed.deploy.lost-worker-timeout': '2m',
}
#: Share of the free memory that models may take.
_SHARE = 0.9


@dataclass(frozen=True)
class Worker:
    """A process that can score models.

    Attributes
    ----------
    address : str
    facts : Facts
    group : str
        Workers that share the same memory: those of a machine, or, with a limit of its own, this one alone.
    capacity_bytes : float
        Memory of the group.
    """

    address: str
    facts: Facts
    group: str
    capacity_bytes: float


@contextlib.contextmanager
def local_client(n_workers: int) -> Iterator[Any]:
    """Start workers on this machine, each a process that is replaced when it dies and ends with this one.

    Raises
    ------
    DataError
        When dask.distributed isn't installed, or the workers can't be started.
    """
    distributed = import_distributed()
    import dask

    threads = max(1, (os.cpu_count() or 1) // n_workers)
    environment = {name: os.environ.get(name, os.environ.get(_THREADS[0], str(threads))) for name in _THREADS}
    settings = {'distributed.nanny.pre-spawn-environ': environment, **_PATIENT}
    with _quiet(), dask.config.set(settings):
        try:
            cluster = distributed.LocalCluster(
                n_workers=n_workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                memory_limit=None,  # the client shares the memory out by the needs of models
                silence_logs=logging.CRITICAL,
            )
        except (OSError, RuntimeError, TimeoutError) as error:
            raise DataError(f'{n_workers} workers cannot be started: {error}. Use fewer --workers.') from error
        try:
            with distributed.Client(cluster, set_as_default=False) as client, client.as_current():
                yield client
        finally:
            # On a busy machine, dask may not see all workers end in time; they end with this process.
            with contextlib.suppress(TimeoutError):
                cluster.close()


def replace_lost(client: Any) -> None:
    """Start the workers of `local_client` anew that dask has given up; the others stay."""
    client.cluster.scale(len(client.cluster.worker_spec))


@contextlib.contextmanager
def remote_client(scheduler: str) -> Iterator[Any]:
    """Connect to a scheduler that has workers; see `acquisition.pipeline.workers.connected`."""
    with _quiet(), connected(scheduler) as client, client.as_current():
        yield client


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep dask's log messages and warnings from stderr: what matters is said in our words."""
    logger = logging.getLogger('distributed')
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logger.setLevel(level)


def needed_data(benchmarks: Sequence[str]) -> dict[str, str | None]:
    """SHA-256 of the manifests of the datasets that benchmarks use here; None for what isn't made yet."""
    datasets = dict.fromkeys(dataset for name in map(parse, benchmarks) if name for dataset in datasets_of(name))
    entries = {dataset: manifest.read(dataset) for dataset in datasets}
    return {dataset: None if entry is None else manifest.sha256(entry) for dataset, entry in entries.items()}


def make_data(benchmarks: Sequence[str]) -> None:
    """Make the datasets that this library makes on first use, so that their hashes are known."""
    for benchmark in benchmarks:
        if None in needed_data([benchmark]).values():
            from m2m_benchmarks.plugins import load_benchmark

            load_benchmark(benchmark)


def describe(client: Any, addresses: Sequence[str], datasets: Sequence[str]) -> dict[str, Facts | str]:
    """Ask workers for their facts; a sentence for one that can't tell."""
    answers = client.run(worker.facts, list(datasets), workers=list(addresses), on_error='return')
    return {
        address: answer if isinstance(answer, Facts) else f'it cannot run M2M ({answer})'
        for address, answer in answers.items()
    }


def differences(facts: Facts, data: Mapping[str, str | None]) -> list[str]:
    """List how a worker differs from this machine in what numbers depend on."""
    here, there = worker.own_versions(), facts.versions
    listed = [
        f'{name} is {there.get(name, "missing")} there, {here.get(name, "missing")} here'
        for name in dict.fromkeys([*here, *there])
        if there.get(name) != here.get(name)
    ]
    for dataset, sha256 in data.items():
        # What this library makes is determined by its code.
        if facts.data[dataset] != sha256 and dataset not in MADE_HERE:
            state = 'is missing there' if facts.data[dataset] is None else 'is another version there'
            listed.append(f'{dataset} {state}')
    return listed


def make_worker(address: str, facts: Facts, memory_limit: int | None, memory_bytes: float | None) -> Worker:
    """Make a worker from its facts, its own limit of memory if any, and what the user allows all models of a group."""
    group = address if memory_limit else facts.host
    capacity = memory_limit or _SHARE * facts.free_bytes
    return Worker(address, facts, group, memory_bytes or capacity)
