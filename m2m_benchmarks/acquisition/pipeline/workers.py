"""Many tasks: one after the other, or spread over processes or machines."""

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

#: How often the bytes that workers move are reported, and how long a scheduler may take to have a worker, in s.
_EVERY_S = 0.5
_WORKERS_S = 60

#: Function that does a task; its second argument, if any, is called with a file's name, bytes so far, and bytes in all.
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
    """Do tasks, in any order. Whoever doesn't go through all of them has to close the iterator.

    Parameters
    ----------
    work : callable
        Function of a module: does one task, and is given what to call with the progress of each file.
    tasks : sequence
    workers : int
        Processes; with 1, this one.
    scheduler : str, optional
        Address of a scheduler of dask.distributed in place of them. Its workers have this library and see the same
        folder.
    moved : callable, optional
        Called with the bytes that have come so far; workers of a scheduler don't report theirs.

    Yields
    ------
    What `work` returns, as it comes.

    Raises
    ------
    DataError
        When a worker dies, or there is no scheduler. What was extracted by then is kept.
    Whatever `work` raises.
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
    """Bytes of all files, of the progress of each."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._bytes: dict[str, int] = {}

    def __call__(self, name: str, done: int, total: int) -> None:
        self._bytes[name] = done
        self._tell(sum(self._bytes.values()))


def _in_processes(work: Work, tasks: Sequence[Any], workers: int, moved: Callable[[int], None] | None) -> Iterator[Any]:
    others = set(multiprocessing.active_children())
    # Spawned: a fork would copy HDF5's and the network's locks as they happen to be.
    context = multiprocessing.get_context('spawn')
    # A place for each worker, without a lock: one that is killed can't keep it.
    bytes_of, next_place = context.RawArray('q', workers), context.Value('i', 0)
    pool = ProcessPoolExecutor(workers, context, _start_worker, (bytes_of, next_place))
    try:
        with _report_progress(bytes_of, moved):
            with _uninterrupted():
                futures = [pool.submit(_work, work, task) for task in tasks]
            for future in as_completed(futures):
                yield future.result()
    except BrokenProcessPool as error:
        raise DataError(
            'a worker process was killed, as by a system that is out of memory. Take fewer --workers and '
            'run this again: sessions that were extracted are kept.'
        ) from error
    except BaseException:
        # All that a worker leaves is swept; waiting for its session may take minutes.
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _report_progress(bytes_of: Sequence[int], moved: Callable[[int], None] | None) -> Iterator[None]:
    """Report now and then how many bytes the workers have moved, for the length of the block."""
    if moved is None:
        yield
        return
    ended = threading.Event()

    def tell() -> None:
        while not ended.wait(_EVERY_S):
            moved(sum(bytes_of))
        moved(sum(bytes_of))

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold back Ctrl-C for the length of the block; processes that begin in it never see it: their parent ends them."""
    if not hasattr(signal, 'pthread_sigmask'):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker(bytes_of: Any, next_place: Any) -> None:
    """Let a worker process end when its parent does, however that ends, and give it a place for its bytes."""
    global _progress
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_with_parent, args=(parent.sentinel,), daemon=True).start()
    with next_place.get_lock():
        place = next_place.value
        next_place.value += 1

    def tell(moved: int) -> None:
        bytes_of[place] = moved

    _progress = _ByteSum(tell)


def _work(work: Work, task: Any) -> Any:
    return work(task, _progress)


def _exit_with_parent(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def _on_dask(work: Work, tasks: Sequence[Any], scheduler: str) -> Iterator[Any]:
    try:
        import distributed
    except ImportError as error:
        raise DataError(
            "a scheduler needs dask.distributed: pip install 'm2m-benchmarks[dask]', here and where its workers run."
        ) from error
    try:
        client = distributed.Client(scheduler, set_as_default=False)
    except (OSError, ValueError) as error:
        raise DataError(f'there is no scheduler of dask.distributed at {scheduler}: {error}.') from error
    with client, client.as_current():
        try:
            client.wait_for_workers(1, timeout=_WORKERS_S)
        except TimeoutError as error:
            raise DataError(f'the scheduler at {scheduler} has no workers: start some, then run this again.') from error
        futures = [client.submit(work, task, None, pure=False) for task in tasks]
        try:
            for future in distributed.as_completed(futures):
                yield future.result()
        except distributed.KilledWorker as error:
            raise DataError(
                f'{error}. Give the workers more memory or fewer threads and run this again: sessions that were '
                'extracted are kept.'
            ) from error
        finally:
            client.cancel(futures)
