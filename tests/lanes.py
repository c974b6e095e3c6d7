"""Print the number of tests by file and lane, the table of docs/tests.md: `python tests/lanes.py`."""

import contextlib
import io
from collections import Counter
from pathlib import Path

import pytest

#: Lanes, and the marks of the tests that they leave out.
LANES = {
    'make quick': {'seconds', 'process', 'network', 'slow'},
    'make test': {'slow'},
    'make test-all': set(),
}


class Count:
    """Plugin of pytest that collects the marks of every test."""

    def __init__(self) -> None:
        self.tests: dict[str, list[set[str]]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note the marks of each test by its file."""
        for item in session.items:
            file = item.path.relative_to(session.config.rootpath).as_posix()
            self.tests.setdefault(file, []).append({mark.name for mark in item.iter_markers()})


def main() -> None:
    """Print a row per file and the sums, in Markdown."""
    count = Count()
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(['--collect-only', '--quiet', f'--rootdir={Path(__file__).parents[1]}'], plugins=[count])
    print('|', ' | '.join(['file', *LANES]), '|')
    print('|---' + '|--:' * len(LANES) + '|')
    sums: Counter[str] = Counter()
    for file, tests in sorted(count.tests.items()):
        row = {lane: sum(not marks & left_out for marks in tests) for lane, left_out in LANES.items()}
        sums.update(row)
        print('|', ' | '.join([file, *map(str, row.values())]), '|')
    print('|', ' | '.join(['**all**', *(f'**{sums[lane]}**' for lane in LANES)]), '|')


if __name__ == '__main__':
    main()
