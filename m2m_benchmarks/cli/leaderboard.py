"""The command `m2m leaderboard`."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2m_benchmarks.cli.console import (
    Json,
    check_distinct,
    check_json,
    print_csv,
    print_line,
    print_table,
    progress,
    stage,
    terminal_width,
    write_json,
)
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.messages import say
from m2m_benchmarks.storage import ensure_file_writable, user_file

if TYPE_CHECKING:
    from m2m_benchmarks.analysis.leaderboard import Board

#: What to do where a file can't be written.
_OTHER_FILE = 'Name another file.'


def leaderboard(
    model: Annotated[
        list[str] | None, typer.Option('--model', help="Model, or a pattern such as 'neurn_*'; may be repeated.")
    ] = None,
    benchmark: Annotated[
        list[str] | None,
        typer.Option('--benchmark', help="Benchmark, or a pattern such as 'Lab.*-rdm'; may be repeated."),
    ] = None,
    title: Annotated[str, typer.Option(help='Title of the JSON and the page.')] = 'M2M leaderboard',
    recovery: Annotated[
        Path | None,
        typer.Option(metavar='FILE', help='JSON of `m2m analyze recovery`: what the benchmarks could tell apart.'),
    ] = None,
    csv: Annotated[
        str | None, typer.Option(metavar='FILE|-', help='Write CSV: a line for each score, with all its numbers.')
    ] = None,
    markdown: Annotated[str | None, typer.Option(metavar='FILE|-', help='Write the table as Markdown.')] = None,
    latex: Annotated[str | None, typer.Option(metavar='FILE|-', help='Write the table as LaTeX (booktabs).')] = None,
    html: Annotated[
        Path | None, typer.Option(metavar='DIR', help='Write a page, DIR/index.html, that opens from disk.')
    ] = None,
    json: Json = None,
) -> None:
    """Rank the candidates of all stored results, with intervals and ties.

    Candidates are models with their weights; seeds are joined. Ranks are those of `m2m compare`: from the stored draws
    of stimuli and animals. Those of a dataset's mean are for new benchmarks of its kind. Results without draws, such as
    imported ones, have scores and no ranks.

    \b
    Examples
    --------
      m2m leaderboard
      m2m leaderboard --benchmark 'Siegle2021.*-rdm' --latex table.tex
      m2m leaderboard --csv - > scores.csv
      m2m leaderboard --html board
    """  # noqa: D301, D411 - \b keeps these lines from being joined
    targets = {'--csv': csv, '--markdown': markdown, '--latex': latex, '--json': json}
    on_stdout = [option for option, target in targets.items() if target == '-']
    if len(on_stdout) > 1:
        raise typer.BadParameter(f'only one of {" and ".join(on_stdout)} can go to stdout', param_hint=on_stdout[1])
    check_distinct(csv=csv, markdown=markdown, latex=latex, json=json)
    check_json(json)
    for target in (csv, markdown, latex):
        if target not in (None, '-'):
            ensure_file_writable(Path(str(target)), _OTHER_FILE)
    if html is not None:
        from m2m_benchmarks.report.pages.folder import check_folder

        check_folder(html)
    documents = [] if recovery is None else _read_recovery(recovery)
    with progress() as report:
        with stage(report, 'loading'):
            from m2m_benchmarks.analysis.leaderboard import leaderboard as make
        board = make(model or [], benchmark or [], title=title, recovery=documents, progress=report)
    if not board.rows:
        say('There are no results yet. Try: m2m score pixels_64 SimulatedMouse-rdm')
    from m2m_benchmarks.report.leaderboard import board_table, long_table
    from m2m_benchmarks.report.tables import to_csv, to_latex, to_markdown

    with contextlib.ExitStack() as outputs:  # each is written, even if another can't be
        if json is not None:
            outputs.callback(write_json, board.document(), json)
        for target, make_text in (
            (csv, lambda: to_csv(long_table(board))),
            (markdown, lambda: to_markdown(board_table(board)) + '\n'),
            (latex, lambda: to_latex(board_table(board)) + '\n'),
        ):
            if target is not None:
                outputs.callback(_write, make_text, target)
        if html is not None:
            outputs.callback(_write_page, board, html, not on_stdout)
        if not on_stdout and board.rows:
            print_table(board_table(board, terminal_width()))


def _write(make_text: Callable[[], str], target: str) -> None:
    """Write a text to a file, or to stdout for '-', where control characters are escaped."""
    if target == '-':
        print_csv(make_text())
        return
    with user_file(Path(target), _OTHER_FILE) as file:
        file.write(make_text())


def _write_page(board: 'Board', folder: Path, say_where: bool) -> None:
    from m2m_benchmarks.report.pages.leaderboard import write

    path = write(board.document(), folder)
    if say_where:
        print_line(str(path))


def _read_recovery(path: Path) -> list[dict[str, Any]]:
    from m2m_benchmarks.limits import read_json

    expected = 'expected the file of `m2m analyze recovery --json FILE`'
    content = read_json(path, expected)
    documents = content if isinstance(content, list) else [content]
    if not all(isinstance(document, dict) and {'benchmark', 'settings'} <= document.keys() for document in documents):
        raise DataError(f'{path} has no recoveries; {expected}.')
    return documents
