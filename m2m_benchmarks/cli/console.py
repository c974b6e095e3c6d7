"""What goes to the terminal: results on stdout, everything else on stderr."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.storage import explained, replacing, writable

if TYPE_CHECKING:
    from rich.console import Console


def stdout() -> 'Console':
    """Console for results; as wide as COLUMNS says, else wide where it is no terminal: files and pipes fold nothing."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() or 'COLUMNS' in os.environ else 160, highlight=False)


def check_json(target: str) -> Path:
    """Path of a JSON file that can be written: asked before a long run, not after it."""
    path = Path(target).absolute()
    if path.is_dir():
        raise StorageError(f'cannot write to {path}: it is a folder. Name a file after --json.')
    writable(path.parent, 'Name another file after --json.')
    return path


def write_json(content: Any, target: str) -> None:
    """Write JSON to a file, whole or not at all, or to stdout for '-'."""
    text = json.dumps(content, indent=2, allow_nan=False)
    if target == '-':
        print(text)
        return
    path = check_json(target)
    with explained(path.name, path.parent), replacing(path) as file:
        file.write(text + '\n')


@contextlib.contextmanager
def stage(report: Callable[[str, int, int], None], what: str) -> Iterator[None]:
    """Report a stage that can't be counted, such as an import, from its begin to its end."""
    report(what, 0, 1)
    yield
    report(what, 1, 1)


@contextlib.contextmanager
def progress(after_interrupt: str = '') -> Iterator[Callable[[str, int, int], None]]:
    """Progress bars on stderr, one for each thing that is counted; silent when stderr is no terminal.

    Parameters
    ----------
    after_interrupt : str
        Sentences that say what is kept after a Ctrl-C and how to go on; they follow how far the work came.
    """
    last = ('', 0, 0)
    try:
        with _bars() as show:

            def report(what: str, done: int, total: int) -> None:
                nonlocal last
                last = (what, done, total)
                show(what, done, total)

            yield report
    except KeyboardInterrupt:
        what, done, total = last
        count = f' {done:,} of {total:,}' if total > 1 else ''
        where = f': {what}{count}' if what else ' before anything was done'
        print(f'Stopped{where}. {after_interrupt}'.rstrip(), file=sys.stderr)
        raise


@contextlib.contextmanager
def _bars() -> Iterator[Callable[[str, int, int], None]]:
    if not sys.stderr.isatty():
        yield lambda what, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Bound to the stream itself: what silences the progress bars of others must not silence these.
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total or None)
            bars.update(tasks[what], completed=done, total=total or None)

        yield report
