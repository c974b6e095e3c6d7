"""Runs tasks one after the other, or in several processes or machines."""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from m2m_benchmarks.errors import DataError
from m2m_benchmarks.progress import Progress

#: Interval in s at which the bytes of the workers are reported.
_REPORT_INTERVAL_S = 0.5
#: Longest time in s until a scheduler has a worker.
_LONGEST_START_S = 60

#: Function of a task and a callable, if any, for a file's name, its bytes so far and its bytes in all.
Work = Callable[[Any, Progress | None], Any]

#: State of a worker process.
_progress: Progress | None = None


def run(
    work: Work,
    tasks: Sequence[Any],
    workers: int = 1,
    scheduler: str | None = None,
    moved: Callable[[int], None] | None = None,
) -> Generator[Any, None, None]:
    """Run tasks and yield their results in any order. Close the iterator if you don't exhaust it.

    Parameters
    ----------
    work : callable
        Module-level function that runs one task; called with the task and a callable for the progress of files.
    tasks : sequence
    workers : int
        Number of processes; with 1, this process.
    scheduler : str, optional
        Address of a dask.distributed scheduler, used in place of processes. Its workers need this library and the same
        folder.
    moved : callable, optional
        Called with the bytes transferred so far; workers of a scheduler don't report theirs.

    Yields
    ------
    Results of `work`.

    Raises
    ------
    DataError
        When a worker dies, or there is no scheduler; extracted sessions are kept. Errors of `work` are raised too.
    """
    if scheduler is not None and tasks:
        yield from _on_dask(work, tasks, scheduler)
    elif workers > 1 and len(tasks) > 1:
        yield from _in_processes(work, tasks, min(workers, len(tasks)), moved)
    else:
        progress = None if moved is None else _ByteSum(moved)
        for task in tasks:
            yield work(task, progress)


class _ByteSum:
    """Adds up the bytes of files from the progress of each."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report = report
        self._bytes: dict[str, int] = {}

    def __call__(self, name: str, done: int, total: int) -> None:
        self._bytes[name] = done
        self._report(sum(self._bytes.values()))


def _in_processes(work: Work, tasks: Sequence[Any], workers: int, moved: Callable[[int], None] | None) -> Iterator[Any]:
    others = set(multiprocessing.active_children())
    # Spawned, because a fork would copy the locks of HDF5 and of connections in any state.
    context = multiprocessing.get_context('spawn')
    # One entry per worker, without a lock, which a killed worker would never release.
    worker_bytes, next_index = context.RawArray('q', workers), context.Value('i', 0)
    pool = ProcessPoolExecutor(workers, context, _start_worker, (worker_bytes, next_index))
    try:
        with _report_progress(worker_bytes, moved):
            with _block_interrupts():
                futures = [pool.submit(_work, work, task) for task in tasks]
            for future in as_completed(futures):
                yield future.result()
    except BrokenProcessPool as error:
        raise DataError(
            'a worker process was killed, possibly because memory ran out. Use fewer --workers and run this again: '
            'extracted sessions are kept.'
        ) from error
    except BaseException:
        # Waiting for a worker's session may take minutes; the caller removes its partial files.
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _report_progress(worker_bytes: Sequence[int], moved: Callable[[int], None] | None) -> Iterator[None]:
    """Report the bytes that the workers have transferred at intervals, for the length of the block."""
    if moved is None:
        yield
        return
    ended = threading.Event()

    def report() -> None:
        while not ended.wait(_REPORT_INTERVAL_S):
            moved(sum(worker_bytes))
        moved(sum(worker_bytes))

    thread = threading.Thread(target=report, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextlib.contextmanager
def _block_interrupts() -> Iterator[None]:
    """Block SIGINT while workers start, so that only the parent handles Ctrl-C."""
    if not hasattr(signal, 'pthread_sigmask'):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker(worker_bytes: Any, next_index: Any) -> None:
    """Make a worker process exit with its parent, and report its bytes in its own entry."""
    global _progress
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_with_parent, args=(parent.sentinel,), daemon=True).start()
    with next_index.get_lock():
        index = next_index.value
        next_index.value += 1

    def report(moved: int) -> None:
        worker_bytes[index] = moved

    _progress = _ByteSum(report)


def _work(work: Work, task: Any) -> Any:
    return work(task, _progress)


def _exit_with_parent(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def import_distributed() -> Any:
    """Import dask.distributed.

    Raises
    ------
    DataError
        When it isn't installed.
    """
    try:
        import distributed
    except ImportError as error:
        raise DataError(
            "a scheduler needs dask.distributed: pip install 'm2m-benchmarks[dask]' here and on its workers."
        ) from error
    return distributed


@contextlib.contextmanager
def connected(scheduler: str) -> Iterator[Any]:
    """Connect to a dask.distributed scheduler that has workers, or gets its first one soon; yield the client.

    Raises
    ------
    DataError
        When there is no scheduler or no worker, or dask.distributed isn't installed.
    """
    distributed = import_distributed()
    try:
        client = distributed.Client(scheduler, set_as_default=False)
    except (OSError, ValueError) as error:
        raise DataError(f'there is no dask.distributed scheduler at {scheduler}: {error}.') from error
    with client:
        try:
            client.wait_for_workers(1, timeout=_LONGEST_START_S)
        except TimeoutError as error:
            raise DataError(f'the scheduler at {scheduler} has no workers; start some, then run this again.') from error
        yield client


def _on_dask(work: Work, tasks: Sequence[Any], scheduler: str) -> Iterator[Any]:
    distributed = import_distributed()
    with connected(scheduler) as client, client.as_current():
        futures = [client.submit(work, task, None, pure=False) for task in tasks]
        try:
            for future in distributed.as_completed(futures):
                yield future.result()
        except distributed.KilledWorker as error:
            raise DataError(
                f'{error}. Give the workers more memory or fewer threads and run this again: extracted sessions are '
                'kept.'
            ) from error
        finally:
            client.cancel(futures)
