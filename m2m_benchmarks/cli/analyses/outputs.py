"""What the commands of the analyses have in common: progress, files and tables."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from m2m_benchmarks.cli.console import check_distinct, check_json, print_tables, progress, write_json
from m2m_benchmarks.storage import ensure_file_writable, user_file

if TYPE_CHECKING:
    import pandas as pd

    from m2m_benchmarks.report.tables import Table

#: What is kept of an analysis that is stopped.
KEPT = 'Finished responses of layers are kept. Run the same command again.'
#: What to do where the file can't be written.
_OTHER_CSV = 'Name another file after --csv.'


class Analysis(Protocol):
    """Result of an analysis."""

    def document(self) -> dict[str, Any]:
        """Convert to a dictionary for JSON."""


def check_files(figure: Path | None, csv: Path | None, json: str | None) -> None:
    """Check, before a long run, that files are different ones, and that those after --csv and --json can be written."""
    check_distinct(figure=figure, csv=csv, json=json)
    check_json(json)
    if csv is not None:
        ensure_file_writable(csv, _OTHER_CSV)


@contextlib.contextmanager
def running(figure: Path | None, after_interrupt: str = KEPT) -> Iterator[Callable[[str, int, int], None]]:
    """Show the progress of an analysis, check first that its figure can be written, and keep stdout for results.

    Parameters
    ----------
    figure : Path or None
    after_interrupt : str
        See `console.progress`.
    """
    with progress(after_interrupt) as report:
        report('loading', 0, 1)
        if figure is not None:
            from m2m_benchmarks.report.comparison import check_figure

            check_figure(figure)
        # torch.hub announces downloads on stdout.
        with contextlib.redirect_stdout(sys.stderr):
            yield report


def show(
    analysis: Analysis,
    table: 'Table',
    data: 'pd.DataFrame',
    draw: Callable[[Any], Any],
    figure: Path | None,
    csv: Path | None,
    json: str | None,
    further: 'Sequence[Table]' = (),
    further_data: 'Mapping[str, pd.DataFrame] | None' = None,
) -> None:
    """Write the files that are asked for, each even if another can't be, and print the table and further ones.

    `further_data` is the data of other panels of the figure, by the end of the name of its file, beside that of `csv`.
    """
    from m2m_benchmarks.report.comparison import write_figure

    with contextlib.ExitStack() as outputs:
        if figure is not None:
            outputs.callback(write_figure, analysis, figure, draw)
        if csv is not None:
            tables = {csv: data}
            for name, own in (further_data or {}).items():
                tables[csv.with_name(f'{csv.stem}_{name}{csv.suffix}')] = own
            for path, own in tables.items():
                file = outputs.enter_context(user_file(path, _OTHER_CSV))
                own.to_csv(file, index=False, lineterminator='\n')
        if json is not None:
            outputs.callback(write_json, analysis.document(), json)
        if json != '-':
            print_tables([table, *further])
