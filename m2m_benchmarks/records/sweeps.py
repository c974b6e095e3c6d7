"""Records of sweeps: which cells they have scored, which ones failed and why, and the memory that models need.

A record is a file of lines, to which one process at a time appends. A line that a killed process left unfinished is
ignored: the result that it was about is found among the results when its model is loaded.
"""

import datetime
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from m2m_benchmarks.errors import DataError, UnknownNameError
from m2m_benchmarks.storage import ensure_writable, home, reporting_write_errors

#: Names of sweeps, which are names of files.
_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9_.-]{0,99}')
_END = '.jsonl'


@dataclass(frozen=True)
class Recorded:
    """Result of a cell: its uid, and further files that it depends on, with their SHA-256."""

    uid: str
    files: dict[str, str]


@dataclass
class SweepRecord:
    """What is known of a sweep.

    Attributes
    ----------
    name : str
    definition : dict or None
        Definition that the sweep was last run with.
    recorded : dict
        Key of a cell to its result.
    failed : dict
        Key of a cell to the reason of its last failure, unless it has been recorded since.
    memory : dict
        Name of a model to its estimated memory in bytes.
    times : dict
        Times in UTC, as ISO 8601, at which the sweep last 'started' and 'ended'; without the latter it was stopped.
    """

    name: str
    definition: dict[str, Any] | None = None
    recorded: dict[str, Recorded] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    times: dict[str, str] = field(default_factory=dict)

    def start(self, definition: Mapping[str, Any]) -> None:
        """Record the start of a run."""
        self._append({'event': 'started', 'time': _now(), 'definition': dict(definition)})

    def end(self) -> None:
        """Record that a run has come to its end, with failed cells or without."""
        self._append({'event': 'ended', 'time': _now()})

    def record(self, cell: str, uid: str, files: Mapping[str, str] | None) -> None:
        """Record the result of a cell."""
        self._append({'event': 'recorded', 'cell': cell, 'uid': uid, 'files': dict(files or {})})

    def fail(self, cell: str, reason: str) -> None:
        """Record the failure of a cell."""
        self._append({'event': 'failed', 'cell': cell, 'reason': reason})

    def remember_memory(self, model: str, n_bytes: int) -> None:
        """Record the estimated memory of a model, in bytes."""
        self._append({'event': 'memory', 'model': model, 'bytes': n_bytes})

    def _append(self, event: dict[str, Any]) -> None:
        self._apply(event)
        path = path_of(self.name)
        with reporting_write_errors('the record of the sweep', ensure_writable(folder())), path.open('a+b') as file:
            # A killed process may have left the start of a line.
            if file.tell() and not _ends_a_line(path):
                file.write(b'\n')
            file.write(json.dumps(event).encode() + b'\n')
            file.flush()
            os.fsync(file.fileno())

    def _apply(self, event: Mapping[str, Any]) -> None:
        match event['event']:
            case 'started':
                self.definition, self.times = event['definition'], {'started': event['time']}
            case 'ended':
                self.times['ended'] = event['time']
            case 'recorded':
                self.recorded[event['cell']] = Recorded(event['uid'], event['files'])
                self.failed.pop(event['cell'], None)
            case 'failed':
                self.failed[event['cell']] = event['reason']
            case 'memory':
                self.memory[event['model']] = event['bytes']


def folder() -> Path:
    """Folder of the records of all sweeps."""
    return home() / 'sweeps'


def path_of(name: str) -> Path:
    """Path of the record of a sweep."""
    return folder() / f'{name}{_END}'


def names() -> list[str]:
    """List the names of all sweeps on record, in alphabetical order."""
    return sorted(path.name.removesuffix(_END) for path in folder().glob(f'*{_END}'))


def check_name(name: str) -> str:
    """Check the name of a sweep, which is part of the name of a file.

    Raises
    ------
    DataError
        When it can't be one.
    """
    if not _NAME.fullmatch(name):
        raise DataError(
            f'{name!r} cannot be the name of a sweep; expected at most 100 letters, digits, dots, dashes and '
            'underscores, such as resnets. Choose one with --name.'
        )
    return name


def read(name: str, must_exist: bool = False) -> SweepRecord:
    """Read the record of a sweep; an empty one where there is none yet.

    Raises
    ------
    UnknownNameError
        When there is none and `must_exist`; the message has the nearest names.
    """
    record = SweepRecord(check_name(name))
    if must_exist and not path_of(name).is_file():
        raise UnknownNameError('sweep', name, names(), '`m2m sweep status` lists those that were run.')
    for event in _events(path_of(name)):
        if event is not None:
            record._apply(event)
    return record


def damaged() -> Iterator[str]:
    """Yield a sentence for each record with lines that can't be read."""
    for name in names():
        n_unreadable = sum(event is None for event in _events(path_of(name)))
        if n_unreadable:
            yield (
                f'{path_of(name)}: {n_unreadable} lines cannot be read, as a killed process leaves them. They are '
                'ignored; `m2m sweep` looks for the results of their cells among all results.'
            )


def _events(path: Path) -> Iterator[dict[str, Any] | None]:
    """Yield what each line of a record says; None for one that can't be read."""
    if not path.is_file():
        return
    for line in path.read_bytes().splitlines():
        if line.strip():
            yield _event(line)


def _event(line: bytes) -> dict[str, Any] | None:
    """Read a line: an event with the fields of its kind."""
    try:
        event = json.loads(line)
        SweepRecord('')._apply(event)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    texts = ('time', 'cell', 'uid', 'reason', 'model')
    whole = all(isinstance(event.get(key, ''), str) for key in texts)
    whole = whole and all(isinstance(event.get(key, {}), dict) for key in ('definition', 'files'))
    return event if whole and isinstance(event.get('bytes', 0), int) else None


def _ends_a_line(path: Path) -> bool:
    with path.open('rb') as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b'\n'


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds')
