"""Output of the commands: results on stdout, everything else on stderr."""

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.messages import printable, say
from m2m_benchmarks.report.tables import Table, to_lines
from m2m_benchmarks.storage import ensure_file_writable, user_file

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

#: The option --json of all commands. It takes the name of a file, or - for stdout.
Json = Annotated[
    str | None, typer.Option('--json', metavar='FILE', help="Write the result to FILE as JSON; '-' prints it instead.")
]

#: The option --mouse-acuity of `m2m score` and `m2m compare`.
MouseAcuity = Annotated[
    bool,
    typer.Option(
        '--mouse-acuity',
        help='Show all models the images as a mouse sees them: low-passed, with half the amplitude at 0.5 cycles per '
        'degree. Their names then end in +mouse_acuity. For benchmarks of recordings.',
    ),
]

#: The option --neurons of `m2m score` and `m2m compare`.
Neurons = Annotated[
    Path | None,
    typer.Option(
        '--neurons',
        metavar='FILE',
        help='Selection of neurons from `m2m analyze neurons`, to score on these alone. Names of benchmarks in the '
        'results then end in +neurons_ and eight digits of the selection.',
    ),
]

#: What to do where the file can't be written.
_OTHER_JSON = 'Name another file after --json.'
#: Width of a progress bar, and of all that stands beside its label and count: the narrowest bar, time and gaps.
_BAR, _OTHERS = 20, 4 + len('/') + len('0:00:00') + 3
#: Exit code after Ctrl-C.
INTERRUPTED = 130
#: Progress bars on the terminal.
_running_bars: 'list[Progress]' = []


@contextlib.contextmanager
def stdout() -> Iterator['Console']:
    """Yield a console for results, as wide as the terminal, or 160 columns for files and pipes.

    Progress bars end, so that nothing is printed between them. Text must be `printable`.

    Raises
    ------
    StorageError
        When stdout is full or closed.
    """
    from rich.console import Console

    if _running_bars:
        _running_bars.pop().stop()
    try:
        yield Console(width=terminal_width() or 160, highlight=False, markup=False, emoji=False)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has read enough
        raise
    except OSError as error:
        reason = error.strerror or error
        raise StorageError(
            f'cannot write to stdout: {reason}. Send it to a file or a pipe that can be written.'
        ) from error


def terminal_width() -> int | None:
    """Return the width of the terminal, or COLUMNS; None for files and pipes, in which nothing is folded."""
    if sys.stdout.isatty() or 'COLUMNS' in os.environ:
        # rich takes every terminal whose TERM it doesn't know for 80 columns wide.
        return shutil.get_terminal_size().columns
    return None


def print_text(*parts: str | tuple[str, str]) -> None:
    """Print prose: folded between words on a terminal, on one line in a file or a pipe.

    Parameters
    ----------
    *parts : str or tuple of (str, str)
        Text, or text and its colour.
    """
    from rich.text import Text

    safe = [printable(part, '\n') if isinstance(part, str) else (printable(part[0], '\n'), part[1]) for part in parts]
    with stdout() as console:
        console.print(Text.assemble(*safe), soft_wrap=terminal_width() is None)


def print_line(text: str) -> None:
    """Print a line to be copied, such as a command or a name. Only the terminal itself folds it."""
    from rich.text import Text

    with stdout() as console:
        console.print(Text(printable(text, '\n')), soft_wrap=True)


def print_command(text: str) -> None:
    """Print a command to be copied; on a narrow terminal it is continued, as shells read it, before its options."""
    width = terminal_width()
    command, *options = printable(text).split(' --')
    lines = [command]
    for option in options:
        if width is None or len(f'{lines[-1]} --{option} \\') <= width:
            lines[-1] += f' --{option}'
        else:
            lines[-1] += ' \\'
            lines.append(f'      --{option}')
    for line in lines:
        print_line(line)


def print_table(table: Table) -> None:
    """Print a table, as wide as the terminal."""
    with stdout() as console:
        for line in to_lines(table, terminal_width()):
            console.print(line, soft_wrap=True)


def print_tables(tables: Iterable[Table]) -> None:
    """Print tables with an empty line between them."""
    for number, table in enumerate(tables):
        if number:
            print_line('')
        print_table(table)


def print_csv(text: str) -> None:
    """Print CSV whose rows end in any way; control characters in its cells are escaped."""
    with stdout() as console:
        console.file.write(printable(text.replace('\r\n', '\n'), '\n'))


def print_names(title: str, names: Sequence[str], *, together: bool = False) -> None:
    """Print a title with the number of names, and the names below it, one per line. Print nothing for no names.

    Parameters
    ----------
    title : str
        Heading, without the number.
    names : sequence of str
        Names, which are never cut.
    together : bool
        Whether names stand side by side on a terminal.
    """
    if not names:
        return
    print_line(f'{title}: {len(names)}')
    if together and terminal_width() is not None:
        from rich.columns import Columns
        from rich.padding import Padding

        columns = Columns([printable(name) for name in names], column_first=True, padding=(0, 2))
        with stdout() as console:
            console.print(Padding(columns, (0, 0, 0, 2)))
        return
    for name in names:
        print_line(f'  {name}')


def check_json(target: str | None) -> None:
    """Check, before a long run, that the file named after --json can be written.

    Parameters
    ----------
    target : str or None
        Value of --json: a file, '-' for stdout, or None where the option isn't given.

    Raises
    ------
    StorageError
        When the file can't be written.
    """
    if target is not None and target != '-':
        ensure_file_writable(Path(target), _OTHER_JSON)


def check_distinct(**targets: Path | str | None) -> None:
    """Check, before a long run, that no two options name one file, of which only the last would be left.

    Parameters
    ----------
    **targets : Path, str or None
        File after each option, by the option's name; '-' is stdout.

    Raises
    ------
    typer.BadParameter
        When two options name the same file.
    """
    files: dict[Path, str] = {}
    for option, target in targets.items():
        if target is None or target == '-':
            continue
        path = Path(target).absolute()
        if path in files:
            message = f'names the same file as --{files[path]}, {target}; name different ones'
            raise typer.BadParameter(message, param_hint=f'--{option}')
        files[path] = option


def write_json(content: Any, target: str) -> None:
    """Write JSON to a file, whole or not at all, or to stdout for '-'."""
    text = json.dumps(content, indent=2, allow_nan=False)
    if target == '-':
        with stdout() as console:
            console.file.write(text + '\n')
        return
    with user_file(Path(target), _OTHER_JSON) as file:
        file.write(text + '\n')


@contextlib.contextmanager
def stage(report: Callable[[str, int, int], None], what: str) -> Iterator[None]:
    """Report the start and the end of a stage that can't be counted, such as an import."""
    report(what, 0, 1)
    yield
    report(what, 1, 1)


@contextlib.contextmanager
def progress(after_interrupt: str | Callable[[], str] = '') -> Iterator[Callable[[str, int, int], None]]:
    """Show progress bars on stderr, one for each thing that is counted; nothing when stderr isn't a terminal.

    Parameters
    ----------
    after_interrupt : str or callable
        Sentences that say what is kept after Ctrl-C and how to continue, or a function that returns them. They follow
        what was not finished, the innermost last.
    """
    reports: dict[str, tuple[int, int]] = {}
    try:
        with _bars() as show:

            def report(what: str, done: int, total: int) -> None:
                reports.pop(what, None)  # the newest is the last
                reports[what] = (done, total)
                show(what, done, total)

            yield report
    except KeyboardInterrupt:
        sentences = after_interrupt if isinstance(after_interrupt, str) else after_interrupt()
        say(f'Stopped{_position(reports)}. {sentences}'.rstrip())
        raise typer.Exit(INTERRUPTED) from None


def _position(reports: dict[str, tuple[int, int]]) -> str:
    """Say what was not finished, or else what was done last."""
    if not reports:
        return ' before anything was done'
    unfinished = [report for report in reports.items() if report[1][0] < report[1][1]] or list(reports.items())[-1:]
    counts = [f'{what} {done:,} of {total:,}' if total > 1 else what for what, (done, total) in unfinished]
    return f': {", ".join(counts)}'


@contextlib.contextmanager
def _bars() -> Iterator[Callable[[str, int, int], None]]:
    if not sys.stderr.isatty():
        yield lambda what, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    columns = (
        TextColumn('{task.description}', markup=False, table_column=Column(no_wrap=True)),
        BarColumn(bar_width=_BAR, table_column=Column()),  # the only column that shrinks
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
    )
    # Bound to the stream itself: silencing the progress bars of other libraries must not silence these.
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bars:
        tasks: dict[str, Any] = {}
        _running_bars.append(bars)

        def report(what: str, done: int, total: int) -> None:
            label = _shorten(printable(what), bars.console.width - 2 * len(str(max(done, total))) - _OTHERS)
            if what not in tasks or not bars.tasks[tasks[what]].visible:
                _make_room(bars)
            if what not in tasks:
                tasks[what] = bars.add_task(label, total=total or None)
            elif done < bars.tasks[tasks[what]].completed:
                bars.reset(tasks[what])  # counted once more, such as the images of another candidate of this name
            bars.update(tasks[what], description=label, completed=done, total=total or None, visible=True)

        try:
            yield report
        finally:
            _running_bars.clear()


def _make_room(bars: 'Progress') -> None:
    """Hide the oldest finished bar where the terminal has no line for another one."""
    shown = [task for task in bars.tasks if task.visible]
    finished = [task for task in shown if task.finished]
    if finished and len(shown) >= bars.console.height - 1:
        bars.update(finished[0].id, visible=False)


def _shorten(text: str, width: int) -> str:
    """Replace the middle of a text that is too wide by …: it starts with a model, and ends with what is counted."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    end = max(width, 3) // 2
    return f'{set_cell_size(text, width - end - 1)}…{set_cell_size(text[::-1], end)[::-1]}'
