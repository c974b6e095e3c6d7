"""What goes to the terminal: results on stdout, everything else on stderr."""

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.report.tables import Table, to_lines
from m2m_benchmarks.storage import explained, replacing, writable

if TYPE_CHECKING:
    from rich.console import Console

#: The option --json, which all commands have: with a file's name what is printed is written to it too, as JSON.
Json = Annotated[
    str | None, typer.Option('--json', metavar='FILE', help="Write the result as JSON; '-' prints it instead.")
]


def stdout() -> 'Console':
    """Console for results, as wide as the terminal; wide where it is none: files and pipes fold nothing."""
    from rich.console import Console

    return Console(width=terminal_width() or 160, highlight=False)


def terminal_width() -> int | None:
    """Columns of the terminal, or those that COLUMNS says; None for a file or a pipe, in which nothing is folded."""
    if sys.stdout.isatty() or 'COLUMNS' in os.environ:
        # Not by rich, to which every terminal is 80 columns wide whose TERM it doesn't know.
        return shutil.get_terminal_size().columns
    return None


def print_text(*parts: str | tuple[str, str]) -> None:
    """Print prose, folded between words on a terminal; in a file or a pipe it is one line.

    A part of it that is a pair is its text and its colour.
    """
    from rich.text import Text

    stdout().print(Text.assemble(*parts), soft_wrap=terminal_width() is None)


def print_line(text: str) -> None:
    """Print a line that is copied as it is, such as a command or a name: only the terminal itself folds it."""
    from rich.text import Text

    stdout().print(Text(text), soft_wrap=True)


def print_table(table: Table) -> None:
    """Print a table, as wide as the terminal."""
    console = stdout()
    for line in to_lines(table, terminal_width()):
        console.print(line, soft_wrap=True)


def print_names(title: str, names: Sequence[str], *, together: bool = False) -> None:
    """Print names below a title with their number, each whole and on a line of its own; nothing where there is none.

    `together` puts short ones side by side on a terminal.
    """
    if not names:
        return
    print_line(f'{title}: {len(names)}')
    if together and terminal_width() is not None:
        from rich.columns import Columns
        from rich.padding import Padding

        stdout().print(Padding(Columns(names, column_first=True, padding=(0, 2)), (0, 0, 0, 2)))
        return
    for name in names:
        print_line(f'  {name}')


def check_json(target: str | None) -> None:
    """Raise a StorageError where the file named after --json can't be written: asked before a long run, not after it.

    There is no file to write for None, where the option isn't given, and for '-', which is stdout.
    """
    if target is None or target == '-':
        return
    path = Path(target).absolute()
    if path.is_dir():
        raise StorageError(f'cannot write to {path}: it is a folder. Name a file after --json.')
    writable(path.parent, 'Name another file after --json.')


def write_json(content: Any, target: str) -> None:
    """Write JSON to a file, whole or not at all, or to stdout for '-'."""
    text = json.dumps(content, indent=2, allow_nan=False)
    if target == '-':
        print(text)
        return
    check_json(target)
    path = Path(target).absolute()
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
