"""The part of a sweep that runs in the workers: a model is opened, scored on one benchmark after another, and closed.

Each step is a task of its own, which the client sends to the process that holds the model. So each result comes back as
the value of a task, and the client decides before each step whether its result is on record. Workers store no results.
"""

import contextlib
import dataclasses
import gc
import os
import socket
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from m2m_benchmarks.data import manifest
from m2m_benchmarks.errors import M2MError
from m2m_benchmarks.records.record import Result
from m2m_benchmarks.scoring import requests
from m2m_benchmarks.storage import environment_error
from m2m_benchmarks.sweep.definition import Task

if TYPE_CHECKING:
    import numpy as np
    from brainscore_core.benchmarks import Benchmark

    from m2m_benchmarks.scoring.candidate import Candidate
    from m2m_benchmarks.scoring.score import Scorer

#: Time in s after which a model that nobody has used makes room: its client is gone.
_UNUSED_S = 15 * 60
#: Identifies this process: another one may get its address.
TOKEN = uuid.uuid4().hex


@dataclass(frozen=True)
class Facts:
    """What a client has to know of a worker's process.

    Attributes
    ----------
    token : str
        Identifies the process.
    host, pid : str, int
    versions : dict
        Versions of Python, of the packages that numbers depend on, and the hash of this library's code.
    data : dict
        Dataset to the SHA-256 of its manifest; None where it isn't there.
    free_bytes : int
        Memory that the machine has left for models.
    """

    token: str
    host: str
    pid: int
    versions: dict[str, str]
    data: dict[str, str | None]
    free_bytes: int


@dataclass(frozen=True)
class Opened:
    """An open model.

    Attributes
    ----------
    expected : dict
        Benchmark to what its result depends on, or to the reason why there can't be one.
    memory_bytes : int
        Estimated memory of the process during the scores; 0 where that isn't known.
    """

    expected: dict[str, 'Result | Failed']
    memory_bytes: int


@dataclass(frozen=True)
class Scored:
    """A result and its bootstrap draws."""

    result: Result
    draws: 'dict[str, np.ndarray]'


@dataclass(frozen=True)
class Failed:
    """The reason why a model or a benchmark failed; `stops_all` where none can be scored any more."""

    reason: str
    stops_all: bool = False


@dataclass(frozen=True)
class Gone:
    """The answer of a process that doesn't hold the model: it has replaced the one that did."""


@dataclass
class _Session:
    task: Task
    candidate: 'Candidate'
    scorer: 'Scorer'
    benchmarks: 'dict[str, Benchmark]'
    keys: dict[str, str | None]
    last_used: float = field(default_factory=time.monotonic)


#: Open models of this process, by the names that clients give them.
_sessions: dict[str, _Session] = {}
#: Benchmarks that a sweep has loaded, so that all of its models are scored on the same data; by the run of the sweep.
_loaded: 'dict[str, dict[str, Benchmark]]' = {}


def facts(datasets: Sequence[str]) -> Facts:
    """Describe this process."""
    import psutil
    from distributed.system import MEMORY_LIMIT  # what the system or a control group allows

    entries = {dataset: manifest.read(dataset) for dataset in datasets}
    return Facts(
        TOKEN,
        socket.gethostname(),
        os.getpid(),
        own_versions(),
        {dataset: None if entry is None else manifest.sha256(entry) for dataset, entry in entries.items()},
        min(MEMORY_LIMIT, psutil.virtual_memory().available),
    )


def own_versions() -> dict[str, str]:
    """Versions of Python and packages here, and the hash of this library's code."""
    return {**requests.versions(), "M2M's code": requests.library().code_sha256[:12]}


def open_model(token: str, run: str, session: str, task: Task, benchmarks: Sequence[str]) -> Opened | Failed | Gone:
    """Load a model, and say what its results will depend on.

    Parameters
    ----------
    token : str
        Process that is meant.
    run : str
        Name of the run of the sweep, whose models are scored on the same data.
    session : str
        Name by which the model is used.
    task : Task
    benchmarks : sequence of str
        Benchmarks to score it on.
    """
    if token != TOKEN:
        return Gone()
    _close_unused()
    with _explained() as failures:
        opened, _sessions[session] = _open(run, task, benchmarks)
        return opened
    return failures[0]


def _open(run: str, task: Task, benchmarks: Sequence[str]) -> tuple[Opened, _Session]:
    from m2m_benchmarks.plugins import load_benchmark
    from m2m_benchmarks.scoring.candidates import load_candidate
    from m2m_benchmarks.scoring.estimate import estimate_memory
    from m2m_benchmarks.scoring.score import Scorer

    if run not in _loaded:
        _loaded.clear()
    known = _loaded.setdefault(run, {})
    expected: dict[str, Result | Failed] = {}
    for name in benchmarks:
        with _explained() as failures:
            known.setdefault(name, load_benchmark(name))
        if failures:
            expected[name] = failures[0]
    usable = [name for name in benchmarks if name not in expected]
    # A file that is replaced while it is loaded is noticed by a key that has changed.
    keys = {name: _key(task, name, known[name]) for name in usable}
    spec = task.spec
    candidate = load_candidate(
        spec.name, weights=spec.weights, seed=task.seed, mouse_acuity=spec.mouse_acuity, **spec.options.given()
    )
    scorer = Scorer(candidate, [known[name] for name in usable], task.layer)
    seen = dict(zip(usable, scorer.benchmarks, strict=True))
    expected |= {name: scorer.expected(benchmark) for name, benchmark in seen.items()}
    memory = 0
    with contextlib.suppress(M2MError):  # digits and other kinds of models have no estimate
        memory = estimate_memory(candidate, scorer.benchmarks, task.layer)
    return Opened(expected, memory), _Session(task, candidate, scorer, seen, keys)


def score_cell(token: str, session: str, benchmark: str) -> Scored | Failed | Gone:
    """Score an open model on a benchmark."""
    if token != TOKEN or session not in _sessions:
        return Gone()
    opened = _sessions[session]
    opened.last_used = time.monotonic()
    with _explained() as failures:
        from m2m_benchmarks.scoring.results import draws_of

        score = opened.scorer.compute(opened.benchmarks[benchmark])
        try:
            requests.check_library()
        except M2MError as error:
            return Failed(str(error), stops_all=True)
        result = Result.from_document(score.attrs['result'])
        key = opened.keys[benchmark]
        is_same = key == _key(opened.task, benchmark, opened.benchmarks[benchmark])
        if key is not None and is_same and opened.candidate.files is not None:
            result = dataclasses.replace(result, request=key, files=opened.candidate.files)
        opened.last_used = time.monotonic()
        return Scored(result, draws_of(score))
    return failures[0]


def close_model(token: str, session: str) -> None:
    """Forget a model."""
    if token == TOKEN and _sessions.pop(session, None) is not None:
        gc.collect()


def _close_unused() -> None:
    """Forget models whose client is gone."""
    for name, session in list(_sessions.items()):
        if time.monotonic() - session.last_used > _UNUSED_S:
            del _sessions[name]
    gc.collect()


def _key(task: Task, name: str, benchmark: 'Benchmark') -> str | None:
    """Key of the request of `m2m score` that the result answers on this machine."""
    spec, versions = task.spec, getattr(benchmark, 'versions', None)
    options: dict[str, Any] = spec.options.given()
    return requests.key(
        spec.name, spec.weights, task.seed, name, task.layer, options, versions, mouse_acuity=spec.mouse_acuity
    )


@contextlib.contextmanager
def _explained() -> Iterator[list[Failed]]:
    """Explain an exception of the block in a sentence, in the list that is yielded.

    What libraries print to stdout goes to stderr.
    """
    failures: list[Failed] = []
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield failures
    except (Exception, SystemExit) as error:
        explained = error if isinstance(error, M2MError) else environment_error(error)
        lines = str(error).strip().splitlines()
        reason = f'{type(error).__name__}: {lines[0] if lines else ""}' if explained is None else str(explained)
        failures.append(Failed(reason))
