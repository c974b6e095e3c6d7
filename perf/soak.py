"""Stop commands at random moments, run them again, and compare what they leave behind with an undisturbed run.

    python perf/soak.py --kills 300 --scores 60

Each command runs undisturbed once, then over and over: stopped by SIGKILL, or by SIGTERM in every fourth run, and run
again to its end. Afterwards data, results, runs, archives and the list of all files have to be those of the undisturbed
run. Then 8 processes score recordings that are replaced all the time: each stored score has to be the number of the
version whose hash stands beside it.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.sklearn_digits.domains import ensure
from m2m_benchmarks.records import store
from m2m_benchmarks.scoring.runs import RESULT, WEIGHTS
from m2m_benchmarks.testing import Bundle, Command, serving_files, write_bundle

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'tests' / 'acquisition' / 'allen'))
import allen_bucket
from allen_warehouse import Warehouse

#: Images and units of the recordings, and their sessions: enough neuroids are reliable for a score.
_SIZE = {'n_images': 16, 'n_units': 30, 'sessions': [(f'{i}.npz', 'VISp', f'm{i}', f's{i}', 8) for i in (1, 2)]}
_MODEL = ('plain_digitnet@none',)
_SHORT = ('--steps', '40', '--checkpoint-every', '10')


@dataclass
class Workshop:
    """Bundles, a server and a data folder that all runs start from.

    Attributes
    ----------
    folder : Path
    bundles : tuple of Bundle
        Two versions of the recordings Lab2026.
    survey : list of str
        Options of a fetch from the server.
    """

    folder: Path
    bundles: tuple[Bundle, Bundle]
    survey: list[str]

    @property
    def operations(self) -> dict[str, list[str]]:
        """Name to arguments of each command; OUT stands for the folder of its output."""
        _, other = self.bundles
        benchmark = 'Lab2026.VISp-ridge'  # -rdm has no score on so few neuroids
        return {
            'import': ['data', 'import', 'New2026', *other.options],
            'replace': ['data', 'import', 'Lab2026', *other.options, '--replace'],
            'fetch': ['data', 'fetch', 'deVries2020', *self.survey],
            'score': ['score', *_MODEL, benchmark, 'Lab2026.VISp-rdm', '--json', 'OUT/score.json'],
            'train': ['train', 'digitnet', '--source', 'SklearnDigits', *_SHORT, '--resume'],
            'compare': ['compare', *_MODEL, 'pixels_64', '--benchmark', benchmark, '--figure', 'OUT/figure.png'],
            'export': ['export', 'neurn_digitnet', 'OUT/model.zip', '--to', 'zip', '--weights', 'none'],
            'tree': ['export', benchmark, 'OUT/tree', '--to', 'brainscore-tree'],
        }


@dataclass
class Outcome:
    """What the runs of a command left behind.

    Attributes
    ----------
    counts : Counter
        Numbers of runs stopped by SIGKILL, stopped by SIGTERM, and ended before either.
    problems : list of str
    """

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


@contextmanager
def workshop(folder: Path) -> Iterator[Workshop]:
    """Prepare a workshop in an empty folder."""
    bundles = tuple(write_bundle(folder / f'bundle{seed}', seed=seed, **_SIZE) for seed in (0, 1))
    with _home(folder / 'template' / 'home'), serving_files(Warehouse()) as site:
        import_bundle('Lab2026', *bundles[0].paths)
        ensure()
        _finish(Command('--version'))  # the first command also starts the process that all others are forked from
        (folder / 'bucket').mkdir()
        allen_bucket.put_ophys(site, folder / 'bucket')
        mirrors = ['--mirror', f'{site.address}/bucket', '--warehouse', f'{site.address}/warehouse', '--workers', '1']
        yield Workshop(folder, (bundles[0], bundles[1]), mirrors)


def soak(shop: Workshop, name: str, n: int, rng: random.Random, report: Callable[[str], None]) -> Outcome:
    """Run one command n times, stop it at a random moment, and run it again."""
    outcome = Outcome()
    place = shop.folder / name
    _fresh(shop, place)
    start = time.monotonic()
    code, messages = _run(shop, name, place)
    longest_s = time.monotonic() - start
    if code:
        outcome.problems.append(f'undisturbed: exit {code}: {messages[-300:]}')
        return outcome
    expected = _state(place)
    for number in range(n):
        how = signal.SIGTERM if number % 4 == 3 else signal.SIGKILL
        _fresh(shop, place)
        code, messages = _run(shop, name, place, how, rng.uniform(0, longest_s))
        stopped = code in (-how, 128 + how)
        outcome.counts[how.name if stopped else 'ended before'] += 1
        if not stopped and code:
            outcome.problems.append(f'{number}, {how.name}: exit {code}: {messages[-300:]}')
        if stopped and how == signal.SIGTERM and (left := _temporary(place)):
            outcome.problems.append(f'{number}: SIGTERM leaves {left}')
        if 'Traceback' in messages:
            outcome.problems.append(f'{number}, {how.name}: {messages[-600:]}')
        code, messages = _run(shop, name, place)
        state = _state(place)
        if code:
            outcome.problems.append(f'{number}: the second run exits with {code}: {messages[-300:]}')
        for part, content in state.items():
            if content != expected[part]:
                differing = sorted(set(content) ^ set(expected[part]))
                outcome.problems.append(f'{number}, after {how.name}: other {part}: {differing[:6]}')
        report(f'{name}: {number + 1} of {n}')
    shutil.rmtree(place)
    return outcome


def race(shop: Workshop, n_scores: int, n_processes: int = 8) -> Outcome:
    """Score recordings in several processes while they are replaced all the time."""
    outcome = Outcome()
    place = shop.folder / 'race'
    score = ('score', 'pixels_64', 'Lab2026.VISp-ridge', '--layer', 'pixels', '--fresh')
    expected = {}
    for bundle in shop.bundles:
        _fresh(shop, place)
        with _home(place / 'home'), _temporary_folder(place / 'tmp'):
            import_bundle('Lab2026', *bundle.paths, replace=True)
            _finish(Command(*score))
            (result,) = store.results()
            expected[result.data_sha256] = result.raw
    _fresh(shop, place)
    with _home(place / 'home'), _temporary_folder(place / 'tmp'):
        running: list[Command] = []
        started = n_imports = 0
        while started < n_scores or running:
            while started < n_scores and len(running) < n_processes:
                running.append(Command(*score))
                started += 1
            import_bundle('Lab2026', *shop.bundles[n_imports % 2].paths, replace=True)
            n_imports += 1
            for command in [command for command in running if command.returncode is not None]:
                running.remove(command)
                code, messages = _finish(command)
                outcome.counts['scored' if code == 0 else 'refused'] += 1
                if code not in (0, 1) or 'Traceback' in messages or (code and 'replaced' not in messages):
                    outcome.problems.append(f'exit {code}: {messages[-600:]}')
        import_bundle('Lab2026', *shop.bundles[n_imports % 2].paths, replace=True)
        for result in store.results():
            outcome.counts['stored'] += 1
            if expected.get(result.data_sha256 or '') != result.raw:
                outcome.problems.append(f'{result.raw} is stored under {result.data_sha256}')
        if None in expected.values() or len(set(expected.values())) < 2:
            outcome.problems.append(f'no number tells the versions apart: {expected}')
        outcome.counts['imports'] = n_imports + 1
        versions = [path.name for path in (place / 'home' / 'data' / 'Lab2026').iterdir() if path.is_dir()]
        if len(versions) != 1:
            outcome.problems.append(f'versions left behind: {versions}')
        if left := _temporary(place):
            outcome.problems.append(f'left behind: {left}')
    shutil.rmtree(place)
    return outcome


def _fresh(shop: Workshop, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(shop.folder / 'template', place)
    for folder in ('out', 'tmp'):
        (place / folder).mkdir()
    for folder in ('benchmarks', 'data', 'metrics', 'models'):
        (place / 'out' / 'tree' / 'brainscore_vision' / folder).mkdir(parents=True)


def _run(
    shop: Workshop, name: str, place: Path, how: signal.Signals | None = None, after_s: float = 0
) -> tuple[int, str]:
    arguments = [argument.replace('OUT', str(place / 'out')) for argument in shop.operations[name]]
    with _home(place / 'home'), _temporary_folder(place / 'tmp'):
        command = Command(*arguments)
        if how is not None:
            end = time.monotonic() + after_s
            while command.returncode is None and time.monotonic() < end:
                time.sleep(0.002)
            command.send_signal(how)
        return _finish(command)


def _finish(command: Command) -> tuple[int, str]:
    _, messages = command.communicate()
    assert command.returncode is not None
    return command.returncode, messages


def _state(place: Path) -> dict[str, list[str]]:
    """Data, results, runs and output of a command, and all files but locks and SQLite's own."""
    with _home(place / 'home'):
        data = [f'{name} {manifest.require(name)["version"]}' for name in manifest.names()]
        data += [problem for name in manifest.names() for problem in manifest.verify(name)]
        results = [
            f'{result.model} {result.benchmark} {result.score!r} {result.data_sha256} {result.weights_sha256}'
            for result in store.results()
        ]
    weights = [path for path in (place / 'home' / 'runs').rglob('*') if path.name in (WEIGHTS, RESULT)]
    content = [path for path in (place / 'out').rglob('*') if path.is_file() and path.name != 'score.json']
    files = [path.relative_to(place) for path in place.rglob('*')]
    return {
        'data': sorted(data),
        'results': sorted(results),
        'runs': sorted(f'{path.parent.name} {_sha256(path)}' for path in weights if path.name == WEIGHTS),
        'output': sorted(f'{path.relative_to(place)} {_sha256(path)}' for path in content),
        'files': sorted(str(path) for path in files if path.suffix != '.lock' and 'results.sqlite-' not in path.name),
    }


def _sha256(path: Path) -> str:
    """SHA-256 of a file, or of the contents of an archive, which also notes times."""
    digest = hashlib.sha256()
    if path.suffix == '.zip':
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                digest.update(name.encode() + archive.read(name))
    else:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _temporary(place: Path) -> list[str]:
    """Files in the folder for temporary files, and hidden ones among the output."""
    return sorted(
        [str(path.relative_to(place)) for path in (place / 'tmp').iterdir()]
        + [str(path.relative_to(place)) for path in (place / 'out').rglob('.*')]
    )


@contextmanager
def _home(folder: Path) -> Iterator[None]:
    with _variable('M2M_HOME', folder):
        yield


@contextmanager
def _temporary_folder(folder: Path) -> Iterator[None]:
    with _variable('TMPDIR', folder):
        yield


@contextmanager
def _variable(name: str, value: Path) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = str(value)
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def main() -> None:
    """Print a table of the runs, and the problems."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--kills', type=int, default=80, help='Number of stopped runs of all commands together.')
    parser.add_argument('--scores', type=int, default=24, help='Number of scores of recordings that are replaced.')
    parser.add_argument('--only', help='Names of commands, separated by commas.')
    parser.add_argument('--seed', type=int, default=0, help='Random seed of the moments.')
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    failed = False
    with tempfile.TemporaryDirectory() as folder, workshop(Path(folder)) as shop:
        names = arguments.only.split(',') if arguments.only else list(shop.operations)
        print('| command | SIGKILL | SIGTERM | ended before | problems |')
        print('|---|--:|--:|--:|--:|', flush=True)
        for name in names:
            outcome = soak(
                shop, name, -(-arguments.kills // len(names)), rng, lambda step: print(step, file=sys.stderr)
            )
            counts = [outcome.counts[key] for key in ('SIGKILL', 'SIGTERM', 'ended before')]
            print(f'| {name} | {" | ".join(map(str, counts))} | {len(outcome.problems)} |', flush=True)
            failed |= _show(outcome)
        if arguments.scores:
            outcome = race(shop, arguments.scores)
            print(f'8 processes, {", ".join(f"{n} {what}" for what, n in outcome.counts.items())}')
            failed |= _show(outcome)
    sys.exit(failed)


def _show(outcome: Outcome) -> bool:
    for problem in outcome.problems:
        print(f'  {problem}', file=sys.stderr)
    return bool(outcome.problems)


if __name__ == '__main__':
    main()
