"""What tests share: a data folder of their own, a small synthetic bundle, and the real recordings where they are."""

import csv
import os
import shutil
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.cli.main import main
from m2m_benchmarks.data import ledger, versions
from m2m_benchmarks.data.digits.domain import Digits
from m2m_benchmarks.data.digits.domains import write_domain
from m2m_benchmarks.data.simulated import dataset as simulated

#: file, area, animal, session, trials of the synthetic bundle: two areas, two animals, one session cut short.
SESSIONS = (
    ('VISp_1.npz', 'VISp', '101', '901', 10),
    ('VISp_2.npz', 'VISp', '102', '902', 8),
    ('VISal_1.npz', 'VISal', '101', '901', 10),
)

#: Of the cells of `recorded` in turn; the first four of an animal are Rbp4.
LINES = ('Cux2-CreERT2', 'Vip-IRES-Cre', 'Cux2-CreERT2', 'Slc17a7-IRES2-Cre')


#: What the test that runs now has started: the marks that it must have.
_STARTED: set[str] = set()


def _note(event, arguments):
    """Audit hook: processes that run Python, and servers."""
    if event == 'os.fork' or (event == 'subprocess.Popen' and 'python' in str(arguments[0])):
        _STARTED.add('process')
    elif event == 'socket.bind' and arguments[0].family in (socket.AF_INET, socket.AF_INET6):
        _STARTED.add('network')


def pytest_configure(config):
    # A shell that starts the tests in the background has SIGINT ignored, and every process that they start inherits it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if 'PYTEST_XDIST_WORKER' in os.environ:  # the workers share the cores, and so do the processes that they start
        os.environ['OMP_NUM_THREADS'] = '1'
        torch.set_num_threads(1)
    sys.addaudithook(_note)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    _STARTED.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Fail a test that starts a process or a server without the mark that says so: it would slow `make quick` down."""
    result = yield
    lacking = {mark for mark in _STARTED if not item.get_closest_marker(mark)}
    if lacking:
        pytest.fail(f'this test needs the mark: {", ".join(sorted(lacking))}; see docs/tests.md', pytrace=False)
    return result


@pytest.fixture(scope='session')
def simulated_data(tmp_path_factory):
    """The data folder of an M2M_HOME in which SimulatedMouse is, made once. It is shared: change nothing in it."""
    home = tmp_path_factory.mktemp('simulated') / 'm2m_home'
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('M2M_HOME', str(home))
        simulated.load_simulated_stimuli()
    return home / 'data'


@pytest.fixture(autouse=True)
def simulated_mouse(request, monkeypatch):
    """Where a test needs SimulatedMouse made, it gets a copy of the one of `simulated_data`.

    Tests whose subject is how it is made override this fixture.
    """
    make = simulated._write

    def copy():
        monkeypatch.setattr(simulated, '_write', make)  # for the one that `simulated_data` makes
        made = request.getfixturevalue('simulated_data')
        shutil.copytree(made / simulated.NAME, ledger.data_folder() / simulated.NAME, dirs_exist_ok=True)
        monkeypatch.setattr(simulated, '_write', copy)

    monkeypatch.setattr(simulated, '_write', copy)


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch):
    """Nobody pulls the plug while tests run. Those whose subject is durability override this fixture."""
    monkeypatch.setattr(os, 'fsync', lambda handle: None)


@dataclass(frozen=True)
class Bundle:
    """Paths of a bundle and its counts, file by file."""

    folder: Path
    counts: dict

    @property
    def sessions(self):
        return self.folder / 'sessions.csv'

    @property
    def units(self):
        return self.folder / 'units.csv'

    @property
    def stimuli(self):
        return self.folder / 'stimuli'

    @property
    def paths(self):
        """Arguments of `import_bundle` after the name."""
        return self.sessions, self.units, self.stimuli

    @property
    def options(self):
        """Arguments of `m2m data import NAME`."""
        return ['--sessions', str(self.sessions), '--units', str(self.units), '--stimuli', str(self.stimuli)]


def _make_bundle(folder, n_images=8, n_units=5, sessions=SESSIONS, window_s=(0.05, 0.25), seed=0):
    folder = Path(folder)
    (folder / 'stimuli').mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for i in range(n_images):
        pixels = rng.integers(0, 256, (32, 32), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / 'stimuli' / f'image_{i:03d}.png')
    counts, session_rows, unit_rows = {}, [], []
    for number, (file, area, animal, session, n_trials) in enumerate(sessions):
        # Lively, well tuned cells, so that nearly all of them are reliable; the last one of the first file never fires.
        expected = rng.gamma(1.0, 8.0, (n_images, n_units))
        if number == 0:
            expected[:, -1] = 0
        counts[file] = rng.poisson(expected, (n_trials, n_images, n_units)).astype(np.uint8)
        ids = 1000 * (number + 1) + np.arange(n_units)
        np.savez_compressed(folder / file, spike_counts=counts[file], unit_id=ids)
        session_rows.append([file, area, animal, session, 'wt/wt', n_trials, n_images, n_units, *window_s])
        for column, unit in enumerate(ids):
            unit_rows.append([file, column, unit, area, animal, session, column % 3, 100.5 + column])
    _write(
        folder / 'sessions.csv',
        'file area specimen_id session_id genotype n_trials n_images n_units window_start_s window_end_s',
        session_rows,
    )
    _write(
        folder / 'units.csv',
        'file column unit_id area specimen_id session_id cortical_layer cortical_depth',
        unit_rows,
    )
    return Bundle(folder, counts)


def _write(path, header, rows):
    with path.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(header.split())
        writer.writerows(rows)


@pytest.fixture(scope='session')
def make_bundle():
    """The function make_bundle(folder, n_images=8, n_units=5, sessions=SESSIONS, window_s=(0.05, 0.25), seed=0).

    It writes a valid bundle of spike counts and returns a `Bundle`.
    """
    return _make_bundle


@pytest.fixture
def m2m_home(tmp_path, monkeypatch):
    """An empty M2M_HOME, for this process and those it starts."""
    home = tmp_path / 'm2m_home'
    monkeypatch.setenv('M2M_HOME', str(home))
    return home


@pytest.fixture(scope='session')
def make_domain():
    """The function make_domain(name, train=60, test=40, seed=0, channels=1, per_cluster=1, noise=50).

    It writes a domain into the data folder, a pattern for each class under noise that is the domain's own, and returns
    its splits as `Digits`. A split of 0 images is left out.
    """

    def make(name, train=60, test=40, seed=0, channels=1, per_cluster=1, noise=50):
        rng = np.random.default_rng(seed)
        patterns = np.random.default_rng(99).integers(40, 216, (10, 32, 32, 1))
        splits = {}
        for split, n in (('train', train), ('test', test)):
            if n:
                labels = rng.permutation(np.arange(n) % 10)
                images = (patterns[labels] + rng.normal(0, noise, (n, 32, 32, channels))).clip(0, 255).astype(np.uint8)
                splits[split] = Digits(images, labels, np.arange(n) // per_cluster)
        with versions.writing(name):
            write_domain(name, splits, {split: {'made_by': 'a test', 'seed': seed} for split in splits})
        return splits

    return make


@dataclass(frozen=True)
class Ran:
    """What a command left: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str


@pytest.fixture
def m2m(monkeypatch, capsys):
    """The function m2m('data', 'verify') -> Ran: the command line in this process, which is fast.

    An exception that it lets through, a traceback to its user, goes through to the test.
    """

    def run(*arguments):
        monkeypatch.setattr(sys, 'argv', ['m2m', *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        out, err = capsys.readouterr()
        return Ran(exit_.value.code or 0, out, err)

    return run


@pytest.fixture
def recorded(m2m_home, make_bundle, tmp_path):
    """The function recorded(columns=True): import 64 cells of each of two animals in VISp as deVries2020."""

    def run(columns=True):
        sessions = [(f'VISp_{i}.npz', 'VISp', f'10{i}', f'90{i}', 6) for i in (1, 2)]
        bundle = make_bundle(tmp_path / 'bundle', n_images=24, n_units=64, sessions=sessions)
        with bundle.units.open(newline='') as file:
            header, *rows = list(csv.reader(file))
        if columns:
            header += ['cre_line', 'layer', 'cell_type']
            for number, row in enumerate(rows):
                line = 'Rbp4-Cre_KL100' if number % 64 < 4 else LINES[number % 4]
                kind = 'inhibitory' if line.startswith('Vip') else 'excitatory'
                row += [line, ('2/3', '4', '5', '6')[number % 4], kind]
        with bundle.units.open('w', newline='') as file:
            csv.writer(file).writerows([header, *rows])
        return import_bundle('deVries2020', *bundle.paths)

    return run


@pytest.fixture(scope='session')
def shared():
    """Folder of the real recordings, weights and digits; tests that need it are skipped where it is absent."""
    beside = Path(__file__).resolve().parents[2] / 'shared'
    folder = Path(os.environ.get('M2M_SHARED', beside)).expanduser().absolute()
    if not (folder / 'allen').is_dir():
        pytest.skip(f'no real recordings in {folder}; set M2M_SHARED to the folder that holds them')
    return folder


@pytest.fixture(scope='session')
def siegle_bundle(shared):
    """The real Neuropixels bundle."""
    return _Siegle(shared / 'allen' / 'neuropixels', {})


class _Siegle(Bundle):
    @property
    def stimuli(self):
        return self.folder.parent / 'stimuli'


@pytest.fixture(scope='session')
def siegle_home(siegle_bundle, tmp_path_factory):
    """M2M_HOME that holds Siegle2021, imported once for all tests. It is shared: change nothing in it."""
    home = tmp_path_factory.mktemp('siegle') / 'm2m_home'
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('M2M_HOME', str(home))
        import_bundle('Siegle2021', *siegle_bundle.paths)
    return home


@pytest.fixture
def siegle(siegle_home, monkeypatch):
    """Set M2M_HOME to `siegle_home` for the length of a test."""
    monkeypatch.setenv('M2M_HOME', str(siegle_home))
    return siegle_home
