"""Runs a sweep: opens models in workers, has their cells computed one by one, and records each result.

The client alone writes results and the record of the sweep. It sends each step of a model to the process that holds it,
and the next one when the last is on record; what a dead worker was computing is computed again by another one.
"""

import contextlib
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from m2m_benchmarks.acquisition.pipeline.workers import import_distributed
from m2m_benchmarks.errors import M2MError, StorageError
from m2m_benchmarks.records import store
from m2m_benchmarks.records.record import Result
from m2m_benchmarks.records.sweeps import SweepRecord
from m2m_benchmarks.sweep import worker
from m2m_benchmarks.sweep.cluster import Worker, describe, differences, make_worker, replace_lost
from m2m_benchmarks.sweep.definition import Task
from m2m_benchmarks.sweep.plan import Cell, Row
from m2m_benchmarks.sweep.worker import Failed, Gone, Opened, Scored

#: Number of workers that may die with a model, since it last had a result, before it is given up.
MOST_DEATHS = 3
#: Time in s between two looks at the list of workers.
_LOOK_S = 1.0
#: Longest time in s without any worker on this machine, where dead ones are replaced at once.
_LONGEST_WITHOUT_S = 300.0
#: Longest time in s that the answer of a finished step takes.
_LONGEST_ANSWER_S = 60.0
#: Longest time in s that a result waits for a results file that can't be written, and between two tries.
PATIENCE_S, _BETWEEN_TRIES_S = 300.0, 5.0


class SweepError(M2MError):
    """A sweep can't go on; what it has recorded is kept."""


@dataclass
class Progress:
    """Numbers of cells of a sweep.

    Attributes
    ----------
    total, done, failed : int
        All cells; those with a result, and those that failed.
    computed : int
        Cells of `done` that this run has computed.
    start : float
        Time at which this run began, as `time.monotonic` gives it.
    """

    total: int
    done: int
    failed: int = 0
    computed: int = 0
    start: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> int:
        """Cells that are neither done nor failed."""
        return self.total - self.done - self.failed

    @property
    def seconds_left(self) -> float | None:
        """Time in s that the rest will take, at the speed of this run; None before its first result."""
        return self.left * (time.monotonic() - self.start) / self.computed if self.computed else None


@dataclass
class _Model:
    task: Task
    cells: list[Cell]
    memory_bytes: int = 0
    deaths: int = 0


@dataclass
class _Session:
    """A model in a worker, and the step that it is at: it is being opened, or computed on a cell."""

    model: _Model
    worker: Worker
    future: Any
    name: str = ''
    cell: Cell | None = None
    expected: 'Mapping[str, Result | Failed]' = field(default_factory=dict)


class Sweep:
    """A run of a sweep.

    Parameters
    ----------
    client : distributed.Client
    rows : sequence of Row
    record : SweepRecord
    data : mapping
        Dataset to the SHA-256 of its manifest here; see `cluster.needed_data`.
    is_local : bool
        Whether the workers are on this machine and belong to the sweep.
    memory_bytes : float, optional
        Memory that the models on a machine may take together; by default 90 % of what is free.
    report : callable
        Called with a `Progress` after each cell.
    tell : callable
        Called with sentences for the user.

    Attributes
    ----------
    progress : Progress
    """

    def __init__(
        self,
        client: Any,
        rows: Sequence[Row],
        record: SweepRecord,
        data: Mapping[str, str | None],
        is_local: bool,
        memory_bytes: float | None,
        report: Callable[[Progress], None],
        tell: Callable[[str], None],
    ) -> None:
        self._client, self._record, self._data, self._is_local = client, record, data, is_local
        self._memory_bytes, self._report, self._tell = memory_bytes, report, tell
        self._waiting = [_Model(row.task, list(row.open), record.memory.get(row.task.label, 0)) for row in rows]
        self._waiting = [model for model in self._waiting if model.cells]
        self._sessions: dict[str, _Session] = {}
        self._workers: dict[str, Worker] = {}
        self._refused: set[str] = set()
        self._capacities: dict[str, float] = {}
        self._closing: list[Any] = []
        self._run, self._looked, self._last_worker = uuid.uuid4().hex, -_LOOK_S, time.monotonic()
        total = sum(len(row.task.benchmarks) for row in rows)
        self.progress = Progress(total, sum(len(row.done) for row in rows))

    def run(self) -> None:
        """Compute all cells that aren't done.

        Raises
        ------
        SweepError
            When the scheduler is lost, all workers are, or the library was changed.
        StorageError
            When results can't be stored.
        """
        self._report(self.progress)
        try:
            self._look(first=True)
            while self._waiting or self._sessions:
                self._look()
                self._place()
                self._wait([session.future for session in self._sessions.values()])
                for session in [each for each in self._sessions.values() if each.future.done()]:
                    self._advance(session)
            self._wait(self._closing)
        except (OSError, TimeoutError) as error:  # distributed's errors of connections
            if isinstance(error, OSError) and error.filename is not None:
                raise
            raise self._lost() from error
        finally:
            with contextlib.suppress(Exception):  # of a client that has lost its scheduler
                self._client.cancel([session.future for session in self._sessions.values()])

    def _look(self, first: bool = False) -> None:
        """Look at the list of workers: check new ones, and take models from those that are gone.

        The first time, a worker that can't take part is an error.
        """
        if not first and time.monotonic() - self._looked < _LOOK_S:
            return
        self._looked = time.monotonic()
        if self._client.status != 'running':
            raise self._lost()
        present = self._present()
        if self._is_local and len(present) < len(self._client.cluster.worker_spec):
            replace_lost(self._client)
        for address in set(self._workers) - set(present):
            del self._workers[address]
            if address in self._sessions:
                self._died(self._sessions[address], 'has left')
        new = [address for address in present if address not in self._workers and address not in self._refused]
        refusals = []
        for address, facts in describe(self._client, new, list(self._data)).items() if new else ():
            problems = [facts] if isinstance(facts, str) else differences(facts, self._data)
            if isinstance(facts, str) and address not in self._present():
                continue  # it has died meanwhile
            if isinstance(facts, str) or problems:
                self._refused.add(address)
                refusals.append(f'the worker {address} is not used: {"; ".join(problems)}.')
            else:
                made = make_worker(address, facts, present[address]['memory_limit'], self._memory_bytes)
                # What is free now, while others run, says nothing of what the group has.
                capacity = self._capacities.setdefault(made.group, made.capacity_bytes)
                self._workers[address] = replace(made, capacity_bytes=capacity)
        if first and refusals:
            raise SweepError(
                '\n'.join([*refusals, 'Give all workers the same versions and data. Nothing was computed.'])
            )
        for refusal in refusals:
            self._tell(f'note: {refusal}')
        if self._workers:
            self._last_worker = time.monotonic()
        elif self._is_local and time.monotonic() - self._last_worker > _LONGEST_WITHOUT_S:
            raise SweepError(f'no worker could be started for {_LONGEST_WITHOUT_S:.0f} s. {self._continue}')

    def _present(self) -> dict[str, Any]:
        """Describe the workers that the scheduler has, by their addresses."""
        # `scheduler_info` may return what the client asks for now and then by itself, in which there are no workers.
        workers: dict[str, Any] = self._client.sync(self._client.scheduler.identity, n_workers=-1)['workers']
        return workers

    def _place(self) -> None:
        """Open models in the workers that hold none, as far as the memory allows."""
        for address, free in self._workers.items():
            if address in self._sessions:
                continue
            model = next((each for each in self._waiting if self._fits(each, free)), None)
            if model is not None:
                self._waiting.remove(model)
                name = uuid.uuid4().hex
                benchmarks = [cell.benchmark for cell in model.cells]
                future = self._submit(free, worker.open_model, self._run, name, model.task, benchmarks)
                self._sessions[address] = _Session(model, free, future, name)
        if self._workers and not self._sessions:  # what fits nowhere never will
            for model in list(self._waiting):
                self._waiting.remove(model)
                most = max(each.capacity_bytes for each in self._workers.values())
                self._fail(
                    model,
                    model.cells,
                    f'it needs about {model.memory_bytes / 1e9:.1f} GB of memory, and a worker has {most / 1e9:.1f} '
                    'GB. --memory sets how much models may take.',
                )

    def _fits(self, model: _Model, free: Worker) -> bool:
        others = sum(each.model.memory_bytes for each in self._sessions.values() if each.worker.group == free.group)
        return others + model.memory_bytes <= free.capacity_bytes

    def _submit(self, to: Worker, step: Callable[..., Any], *arguments: Any) -> Any:
        # In this worker alone: another one doesn't hold the model. A process that replaces it answers `Gone`.
        return self._client.submit(
            step,
            to.facts.token,
            *arguments,
            workers=[to.address],
            allow_other_workers=False,
            pure=False,
            key=f'm2m-{step.__name__}-{uuid.uuid4().hex}',
        )

    def _wait(self, futures: Sequence[Any]) -> None:
        """Wait for the end of one of several steps, for a short time."""
        distributed = import_distributed()
        if not futures:
            time.sleep(_LOOK_S / 4)
            return
        with contextlib.suppress(TimeoutError, distributed.CancelledError):
            distributed.wait(futures, timeout=_LOOK_S, return_when='FIRST_COMPLETED')

    def _advance(self, session: _Session) -> None:
        """Take the answer of a step, and send the next one."""
        distributed = import_distributed()
        try:
            answer = session.future.result(timeout=_LONGEST_ANSWER_S)
        except distributed.KilledWorker:
            self._died(session, 'has died')
            return
        except TimeoutError:  # it died before its answer was sent
            self._died(session, 'does not answer')
            return
        except distributed.CancelledError as error:
            raise self._lost() from error
        model = session.model
        match answer:
            case Gone():
                self._died(session, 'has been replaced')
                return
            case Failed() if answer.stops_all:
                raise SweepError(f'{answer.reason} {self._continue}')
            case Failed():
                failed = model.cells if session.cell is None else [session.cell]
                self._fail(model, list(failed), answer.reason)
            case Opened():
                session.expected = answer.expected
                if answer.memory_bytes != model.memory_bytes:
                    self._record.remember_memory(model.task.label, answer.memory_bytes)
                model.memory_bytes = 0  # of the others alone
                fits = answer.memory_bytes <= session.worker.capacity_bytes - self._taken(session)
                model.memory_bytes = answer.memory_bytes
                if not fits:
                    self._waiting.insert(0, model)
                    self._close(session)
                    return
            case Scored():
                assert session.cell is not None
                self._store(session.cell, answer)
                model.cells.remove(session.cell)
                model.deaths = 0
        self._next(session)

    def _taken(self, session: _Session) -> int:
        """Memory of the other models in the group of a session's worker."""
        group = [each for each in self._sessions.values() if each.worker.group == session.worker.group]
        return sum(each.model.memory_bytes for each in group if each is not session)

    def _next(self, session: _Session) -> None:
        """Send the next cell that has no result yet, or close the model."""
        for cell in list(session.model.cells):
            expected = session.expected[cell.benchmark]
            if isinstance(expected, Failed):
                self._fail(session.model, [cell], expected.reason)
                continue
            known = self._known(cell, expected)
            if known is None:
                session.cell = cell
                session.future = self._submit(session.worker, worker.score_cell, session.name, cell.benchmark)
                return
            uid, files = known
            self._record.record(cell.key, uid, files)
            session.model.cells.remove(cell)
            self.progress.done += 1
            self._report(self.progress)
        self._close(session)
        self._tell_model(session.model)

    def _known(self, cell: Cell, expected: Result) -> tuple[str, dict[str, str] | None] | None:
        """Uid and files of a cell's result, if there is one."""
        result = store.computed(expected)
        if result is not None:
            return result.uid, result.files
        # Where a part of what determines a number has no hash, names decide: within this sweep, under these versions.
        recorded = self._record.recorded.get(cell.key)
        if expected.portable_identity is None and recorded is not None and recorded.uid in store.uids():
            return recorded.uid, recorded.files
        return None

    def _close(self, session: _Session) -> None:
        del self._sessions[session.worker.address]
        if session.worker.address in self._workers:  # else its memory is free already
            self._closing = [future for future in self._closing if not future.done()]
            self._closing.append(self._submit(session.worker, worker.close_model, session.name))

    def _died(self, session: _Session, how: str) -> None:
        """Have a model whose worker is gone opened again, or give it up."""
        self._client.cancel([session.future])
        del self._sessions[session.worker.address]
        self._workers.pop(session.worker.address, None)  # its process may have been replaced at the same address
        model = session.model
        model.deaths += 1
        where = '' if session.cell is None else f' on {session.cell.benchmark}'
        if model.deaths < MOST_DEATHS:
            self._tell(
                f'note: the worker of {model.task.label}{where} {how}; the model is tried again ({model.deaths} of '
                f'{MOST_DEATHS}).'
            )
            self._waiting.insert(0, model)
            return
        self._fail(
            model,
            list(model.cells),
            f'{MOST_DEATHS} workers died while they ran it{where}, possibly because memory ran out. '
            'Use fewer --workers.',
        )
        self._tell_model(model)

    def _fail(self, model: _Model, cells: Sequence[Cell], reason: str) -> None:
        for cell in list(cells):
            self._record.fail(cell.key, reason)
            model.cells.remove(cell)
            self.progress.failed += 1
        self._tell(f'{model.task.label}: {len(cells)} failed: {reason}')
        self._report(self.progress)

    def _store(self, cell: Cell, scored: Scored) -> None:
        """Store a result; wait where the file is locked or the disk is full, since it may have taken hours."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                store.add([scored.result], {scored.result.uid: scored.draws})
                self._record.record(cell.key, scored.result.uid, scored.result.files)
                break
            except StorageError as error:
                if time.monotonic() > deadline:
                    raise SweepError(
                        f'a result could not be stored for {PATIENCE_S / 60:.0f} minutes, and is lost: {error} '
                        f'{self._continue}'
                    ) from error
                self._tell(f'note: a result is computed, but cannot be stored; trying again. {error}')
                time.sleep(_BETWEEN_TRIES_S)
        self.progress.done += 1
        self.progress.computed += 1
        self._report(self.progress)

    def _tell_model(self, model: _Model) -> None:
        progress, left = self.progress, self.progress.seconds_left
        rest = '' if left is None or not progress.left else f', about {describe_seconds(left)}'
        self._tell(
            f'{model.task.label}: finished. Cells: {progress.done} done, {progress.failed} failed, {progress.left} '
            f'left{rest}.'
        )

    def _lost(self) -> SweepError:
        return SweepError(f'the connection to the scheduler is lost. {self._continue}')

    @property
    def _continue(self) -> str:
        return (
            f'{self.progress.done} of {self.progress.total} cells are on record. Run the same command again to go on.'
        )


def describe_seconds(seconds: float) -> str:
    """Describe a time in words, such as '3 min'."""
    if seconds < 100:
        return f'{seconds:.0f} s'
    if seconds < 100 * 60:
        return f'{seconds / 60:.0f} min'
    return f'{seconds / 3600:.1f} h'
