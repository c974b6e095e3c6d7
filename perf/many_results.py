"""How large a file of many results is, and how long a leaderboard of them takes.

Copies of one real result, with other names, scores and draws, are stored, read and ranked. Seconds are CPU time.

python perf/many_results.py --models 200 --benchmarks 50
"""

import argparse
import dataclasses
import json
import os
import tempfile
import time
from pathlib import Path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--models', type=int, default=200)
    parser.add_argument('--benchmarks', type=int, default=50)
    parser.add_argument('--result', type=Path, help='file of `m2m score --json`, by default one that is made up')
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ['M2M_HOME'] = home
        measure(arguments)


def measure(arguments):
    from m2m_benchmarks.analysis.leaderboard import leaderboard
    from m2m_benchmarks.records import store
    from m2m_benchmarks.records.exchange import read
    from m2m_benchmarks.testing import scored_results

    real = read(arguments.result)[0] if arguments.result else None
    n = 0
    for benchmark in range(arguments.benchmarks):
        results, draws = scored_results(arguments.models, 1, seed=benchmark)
        named = []
        for result in results:
            changes = {
                name: getattr(result, name)
                for name in ('model', 'score', 'uncut', 'raw', 'weights', 'weights_sha256', 'family', 'n_parameters')
            }
            copy = dataclasses.replace(real or result, **changes, benchmark=f'Lab2026.area{benchmark}-rdm')
            named.append((copy, draws[result.uid]))
        store.add([copy for copy, _ in named], {copy.uid: own for copy, own in named})
        n += len(named)
    size = sum(path.stat().st_size for path in Path(os.environ['M2M_HOME']).glob('results.sqlite*'))
    document = len(json.dumps(named[0][0].document()))
    print(f'{n:,} results: {size / n / 1000:.1f} kB each, of which {document / 1000:.1f} kB JSON')
    print(f'100,000 results: {size / n / 1e4:.2f} GB')
    start = time.process_time()
    store.results()
    seconds = time.process_time() - start
    print(f'reading: {seconds:.1f} s; 100,000 results: {seconds / n * 1e5:.0f} s')
    start = time.process_time()
    board = leaderboard()
    seconds = time.process_time() - start
    print(f'leaderboard, with reading: {seconds:.1f} s; 100,000 results of as many models: {seconds / n * 1e5:.0f} s')
    start = time.process_time()
    text = json.dumps(board.document())
    print(f'JSON of the leaderboard: {len(text) / 1e6:.1f} MB, {time.process_time() - start:.1f} s')


if __name__ == '__main__':
    main()
