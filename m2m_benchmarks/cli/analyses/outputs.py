"""Files and tables that the analyses have in common."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from m2m_benchmarks.cli.console import check_json, print_tables, write_json
from m2m_benchmarks.storage import ensure_file_writable, user_file

if TYPE_CHECKING:
    import pandas as pd

    from m2m_benchmarks.report.tables import Table

#: What to do where the file can't be written.
_OTHER_CSV = 'Name another file after --csv.'


class Analysis(Protocol):
    """Result of an analysis."""

    def document(self) -> dict[str, Any]:
        """Convert to a dictionary for JSON."""


def check_files(csv: Path | None, json: str | None) -> None:
    """Check, before a long run, that the files after --csv and --json can be written."""
    check_json(json)
    if csv is not None:
        ensure_file_writable(csv, _OTHER_CSV)


def show(
    analysis: Analysis,
    table: 'Table',
    data: 'pd.DataFrame',
    draw: Callable[[Any], Any],
    figure: Path | None,
    csv: Path | None,
    json: str | None,
    further: 'Sequence[Table]' = (),
) -> None:
    """Write the files that are asked for, each even if another can't be, and print the table and further ones."""
    from m2m_benchmarks.report.comparison import write_figure

    with contextlib.ExitStack() as outputs:
        if figure is not None:
            outputs.callback(write_figure, analysis, figure, draw)
        if csv is not None:
            file = outputs.enter_context(user_file(csv, _OTHER_CSV))
            data.to_csv(file, index=False, lineterminator='\n')
        if json is not None:
            outputs.callback(write_json, analysis.document(), json)
        if json != '-':
            print_tables([table, *further])
