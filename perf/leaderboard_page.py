"""How fast the leaderboard page is in headless Chromium: `python perf/leaderboard_page.py`.

Prints for 600 models x 60 benchmarks of made-up scores, all columns shown: bytes of the page, seconds to write it, time
until it can be used, and times of sorting, filtering and weighting with the layout of what is then in sight. Best and
median of several, in milliseconds; the targets are 2,000 ms until it can be used and 200 ms for a sort.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from m2m_benchmarks.report.pages.leaderboard import write
from m2m_benchmarks.testing import make_board

ACTIONS = {
    'sort': "View.set({ sort: Board.scoreColumns[i + 1].id, up: '' })",
    'filter': "View.set({ search: `network${i}` })",
    'weight 60 columns': 'View.set({ weights: Object.fromEntries(Board.scoreColumns.map((c) => [c.id, 1 + i])) })',
}
TIMED = """(i) => {
    const started = performance.now();
    %s;
    document.body.getBoundingClientRect();
    return performance.now() - started;
}"""


def timed(page: Page, action: str, n: int) -> str:
    times = [page.evaluate(TIMED % action, i) for i in range(n)]
    return f'{min(times):7.0f} {statistics.median(times):7.0f}'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--models', type=int, default=600)
    parser.add_argument('--benchmarks', type=int, default=60)
    parser.add_argument('--repeats', type=int, default=5)
    arguments = parser.parse_args()
    board = make_board(arguments.models, arguments.benchmarks)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        started = time.perf_counter()
        path = write(board, Path(folder))
        print(f'{path.stat().st_size:,} bytes, written in {time.perf_counter() - started:.1f} s')
        browser = playwright.chromium.launch(executable_path=shutil.which('chromium'), args=['--no-sandbox'])
        loads = []
        for _ in range(arguments.repeats):
            page = browser.new_page(viewport={'width': 1400, 'height': 900})
            page.goto(f'{path.as_uri()}#columns=all')
            loads.append(float(page.evaluate('document.documentElement.dataset.ready')))
        print(f'{"":24}{"best":>7} {"median":>7}')
        print(f'{"until it can be used":24}{min(loads):7.0f} {statistics.median(loads):7.0f}')
        for name, action in ACTIONS.items():
            print(f'{name:24}{timed(page, action, arguments.repeats)}', flush=True)
        browser.close()


if __name__ == '__main__':
    main()
