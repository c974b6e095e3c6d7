"""The leaderboard as a page that opens from the disk."""

import math
from pathlib import Path
from typing import Any

from m2m_benchmarks.report.pages.folder import OTHER_FOLDER
from m2m_benchmarks.report.pages.page import render
from m2m_benchmarks.storage import user_file

#: Scripts in `templates/leaderboard/`, each after those that it uses.
SCRIPTS = (
    *('elements', 'numbers', 'board', 'view', 'filtering', 'weighting', 'ordering', 'facts', 'tooltip'),
    *('table_columns', 'table', 'plot', 'selects', 'scatter', 'profile', 'versus', 'pairs', 'benchmarks'),
    *('score_history', 'details', 'downloads', 'filters', 'picker', 'start'),
)


def write(board: dict[str, Any], folder: Path) -> Path:
    """Write a leaderboard as `index.html`, which needs no other file and asks no other machine for anything.

    Parameters
    ----------
    board : dict
        Document of a leaderboard (`m2m_benchmarks.analysis.leaderboard`): its columns, rows, cells and pairs. Numbers
        that aren't finite are written as missing.
    folder : Path
        Folder, which is made if it isn't there.

    Returns
    -------
    Path
        The page. An earlier one is replaced as a whole.

    Raises
    ------
    StorageError
        When it can't be written.
    """
    path = folder / 'index.html'
    text = render(
        'leaderboard.html',
        title=board['title'],
        version=board['version'],
        created=board['created'],
        summary=_summary(board),
        board=_finite(board),
        scripts=SCRIPTS,
    )
    with user_file(path, OTHER_FOLDER) as file:
        file.write(text)
    return path


def _summary(board: dict[str, Any]) -> str:
    """Sentence that says how much there is, and where nothing is how to get some."""
    n = sum(row['kind'] == 'candidate' for row in board['rows'])
    if not n:
        return 'No model has a score yet. `m2m score MODEL BENCHMARK` stores one; then write this page again.'
    own = (column for column in board['columns'] if column['kind'] not in ('model_per_animal', 'other_mice'))
    n_columns = sum(column['benchmark'] is not None for column in own)
    return f'{n:,} model{"s" * (n != 1)} on {n_columns:,} benchmark{"s" * (n_columns != 1)}.'


def _finite(value: Any) -> Any:
    """Copy nested values, with None for numbers that JSON has no form of."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
