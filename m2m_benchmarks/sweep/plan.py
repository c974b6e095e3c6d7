"""Which cells of a sweep are finished: those with a result of the same hashes and settings.

This module imports nothing heavy.
"""

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from m2m_benchmarks.records import store
from m2m_benchmarks.records.record import Result
from m2m_benchmarks.records.sweeps import Recorded, SweepRecord
from m2m_benchmarks.scoring import requests
from m2m_benchmarks.storage import file_state, sha256_file
from m2m_benchmarks.sweep.definition import Task


@dataclass(frozen=True)
class Cell:
    """A model on a benchmark.

    Attributes
    ----------
    benchmark : str
    key : str
        Hash of what determines the result: names, weights, data, settings, library and packages, but not the machine.
    is_certain : bool
        Whether the key covers all of it. It doesn't for code and weights that may change under their name; then the
        model must be loaded to see whether a result is its.
    """

    benchmark: str
    key: str
    is_certain: bool


@dataclass(frozen=True)
class Row:
    """The cells of a model: those that are done, those that are to do, and those that loading the model will tell."""

    task: Task
    done: tuple[Cell, ...]
    to_do: tuple[Cell, ...]
    to_check: tuple[Cell, ...]

    @property
    def open(self) -> tuple[Cell, ...]:
        """Cells that may have to be computed, in the order of the benchmarks."""
        return tuple(sorted((*self.to_do, *self.to_check), key=lambda cell: self.task.benchmarks.index(cell.benchmark)))


def plan(tasks: Iterable[Task], record: SweepRecord) -> list[Row]:
    """List the cells of a sweep by what is known of them, without loading any model.

    A finished cell is one that the record has, with a result that is stored, and with files that are unchanged. Results
    that the record doesn't have, such as those of `m2m score`, are found when their model is loaded.
    """
    uids = store.uids()
    rows = []
    for task in tasks:
        cells = {'done': [], 'to_do': [], 'to_check': []}  # type: dict[str, list[Cell]]
        for benchmark in task.benchmarks:
            cell = cell_of(task, benchmark)
            recorded = record.recorded.get(cell.key)
            if recorded is None or recorded.uid not in uids or not _are_unchanged(recorded):
                state = 'to_do'
            else:
                state = 'done' if cell.is_certain else 'to_check'
            cells[state].append(cell)
        rows.append(Row(task, *(tuple(cells[state]) for state in ('done', 'to_do', 'to_check'))))
    return rows


def cell_of(task: Task, benchmark: str) -> Cell:
    """Make the cell of a model and a benchmark."""
    spec = task.spec
    options = spec.options.given()
    key = requests.key(
        spec.name,
        spec.weights,
        task.seed,
        benchmark,
        task.layer,
        options,
        mouse_acuity=spec.mouse_acuity,
        any_machine=True,
    )
    # The files of timm's default weights lie on a server, where they may be replaced.
    is_certain = key is not None and not (spec.name.startswith('timm:') and spec.weights == 'default')
    if key is None:
        named = [str(spec), task.seed, benchmark, task.layer, options, spec.mouse_acuity]
        content = [*named, requests.library().code_sha256, requests.versions()]
        key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return Cell(benchmark, key, is_certain)


def _are_unchanged(recorded: Recorded) -> bool:
    """Whether the files that a result depends on are unchanged, as far as they are on this machine."""
    return all(_sha256(path, file_state(Path(path))) in (None, sha256) for path, sha256 in recorded.files.items())


@functools.lru_cache(maxsize=4096)
def _sha256(path: str, state: tuple[int, ...] | None) -> str | None:
    # `state` is part of the cache key only: a file that has changed has another.
    return None if state is None else sha256_file(Path(path))


def count(rows: Sequence[Row], failed: AbstractSet[str] = frozenset()) -> Counter[str]:
    """Count the cells of rows that are 'done', 'to do' and 'to check', and those of the latter that have 'failed'."""
    counts: Counter[str] = Counter()
    for row in rows:
        for state, cells in (('done', row.done), ('to do', row.to_do), ('to check', row.to_check)):
            n_failed = 0 if state == 'done' else sum(cell.key in failed for cell in cells)
            counts.update({state: len(cells) - n_failed, 'failed': n_failed})
    return counts


def seconds_by_benchmark(results: Iterable[Result]) -> dict[str, float]:
    """Median time in s that stored results took, by benchmark."""
    seconds: dict[str, list[float]] = {}
    for result in results:
        if result.seconds is not None:
            seconds.setdefault(result.benchmark, []).append(result.seconds)
    return {benchmark: median(values) for benchmark, values in seconds.items()}


def seconds_left(row: Row, seconds: Mapping[str, float]) -> float | None:
    """Time in s that the cells of a row that are not done will take; None where one of its benchmarks has no time."""
    times = [seconds.get(cell.benchmark) for cell in row.open]
    return None if None in times else sum(time for time in times if time is not None)
