"""The command `m2m data report`."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from m2m_benchmarks.cli.analyses.outputs import running
from m2m_benchmarks.cli.console import (
    Json,
    check_distinct,
    check_json,
    print_line,
    print_tables,
    print_text,
    write_json,
)
from m2m_benchmarks.data.cards import require_recordings
from m2m_benchmarks.messages import say


def report(
    name: Annotated[str, typer.Argument(help='Recordings from `m2m data list`.')],
    html: Annotated[
        Path | None, typer.Option(metavar='DIR', help='Folder for a page, index.html, with all tables and pictures.')
    ] = None,
    figure: Annotated[Path | None, typer.Option(metavar='FILE', help='File for a figure: .png, .svg or .pdf.')] = None,
    json: Json = None,
) -> None:
    """Report on recordings: neuroids, reliabilities, ceilings, RDMs, missing trials, and sessions that stand out.

    docs/data_report.md says what each part means, and how often a recording stands out by chance.

    \b
    Examples
    --------
      m2m data report Siegle2021
      m2m data report Siegle2021 --html report --figure report.png
      m2m data report SimulatedMouse --json report.json
    """  # noqa: D301, D411 - \b keeps these lines from being joined
    require_recordings(name)
    check_distinct(figure=figure, json=json)
    check_json(json)
    if html is not None:
        from m2m_benchmarks.report.pages.folder import check_folder

        check_folder(html)
    with running(figure, 'Nothing was written. Run the same command again.') as progress:
        from m2m_benchmarks.analysis.data_report.report import data_report
        from m2m_benchmarks.report.comparison import write_figure
        from m2m_benchmarks.report.data_figures import draw_report
        from m2m_benchmarks.report.data_tables import headline, terminal_tables
        from m2m_benchmarks.report.pages.data import write_page

        progress('loading', 1, 1)
        reported = data_report(name, progress)
    with contextlib.ExitStack() as outputs:  # each is written, even if another can't be
        if html is not None:
            outputs.callback(lambda: say(f'page: {write_page(reported, html)}'))
        if figure is not None:
            outputs.callback(write_figure, reported, figure, draw_report)
        if json is not None:
            outputs.callback(write_json, reported.document(), json)
        if json != '-':
            print_text(headline(reported))
            if reported.simulated:
                print_text(reported.simulated)
            print_line('')
            print_tables(terminal_tables(reported))
