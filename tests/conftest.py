"""Fixtures of all tests: separate data folders, synthetic bundles, and the real recordings where available."""

import contextlib
import csv
import fcntl
import os
import pty
import re
import shutil
import signal
import socket
import struct
import sys
import termios
import threading
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from threadpoolctl import threadpool_limits

from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.cli.main import main
from m2m_benchmarks.data import manifest, versions
from m2m_benchmarks.data.made_here import SIMULATED_MOUSE
from m2m_benchmarks.data.simulated import dataset as simulated
from m2m_benchmarks.data.sklearn_digits.domains import ensure
from m2m_benchmarks.storage import sha256_file
from m2m_benchmarks.testing import Bundle, FileServer, serving_files, write_bundle, write_patterns
from m2m_benchmarks.testing.draws import FEW

#: Cre lines of the cells of `recorded`, in turn; the first four cells of an animal are Rbp4.
LINES = ('Cux2-CreERT2', 'Vip-IRES-Cre', 'Cux2-CreERT2', 'Slc17a7-IRES2-Cre')


#: Files with the longest tests, by CPU time.
_LONG = (
    *('test_demo.py', 'test_train.py', 'test_score.py', 'test_export.py', 'test_fetch.py', 'test_catalogue.py'),
    *('test_several.py', 'test_generalization.py', 'test_family.py', 'test_compare.py', 'test_fetch_recordings.py'),
    *('test_nwb.py', 'test_ground_truth.py', 'test_neurn.py', 'test_remote_file.py', 'test_networks.py', 'test_cli.py'),
    *('test_interrupted.py', 'test_merge.py', 'test_vendoring.py', 'test_fetch_network.py', 'test_runs.py'),
)
#: The real one, for tests of durability.
_FSYNC = os.fsync
#: Marks that the running test needs, by what it has started.
_STARTED: set[str] = set()


def _note(event, arguments):
    """Audit hook that notes Python processes and servers."""
    if event == 'os.fork' or (event == 'subprocess.Popen' and 'python' in str(arguments[0])):
        _STARTED.add('process')
    elif event == 'socket.bind' and arguments[0].family in (socket.AF_INET, socket.AF_INET6):
        _STARTED.add('network')


def pytest_configure(config):
    # A shell that starts the tests in the background makes them, and every process that they start, ignore SIGINT.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # COLUMNS of the user or of xdist would fold output to files.
    os.environ.pop('COLUMNS', None)
    if 'PYTEST_XDIST_WORKER' in os.environ:  # workers and their processes share the cores
        n_threads = int(os.environ.setdefault('OMP_NUM_THREADS', '1'))
        torch.set_num_threads(n_threads)
        threadpool_limits(n_threads)  # of NumPy's OpenBLAS, whose threads otherwise wait for one another in turns
    sys.addaudithook(_note)


@pytest.hookimpl(tryfirst=True)  # before -m is applied
def pytest_collection_modifyitems(items):
    # Long files first, so that two processes with whole files end at about the same time.
    long = {name: i for i, name in enumerate(_LONG)}
    items.sort(key=lambda item: long.get(item.path.name, len(long)))
    first: set[tuple[Path, str]] = set()
    for item in items:
        if item.get_closest_marker('several'):
            function = (item.path, item.originalname)
            if function in first:
                item.add_marker('slow')
            first.add(function)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    _STARTED.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Fail a test that starts a process or a server without its mark: it would slow `make quick` down."""
    result = yield
    missing = {mark for mark in _STARTED if not item.get_closest_marker(mark)}
    if missing:
        pytest.fail(f'this test needs the mark: {", ".join(sorted(missing))}; see docs/tests.md', pytrace=False)
    return result


@pytest.fixture(scope='session')
def simulated_data(tmp_path_factory):
    """Return a data folder with SimulatedMouse, made once. It is shared: change nothing in it."""
    home = tmp_path_factory.mktemp('simulated') / 'm2m_home'
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('M2M_HOME', str(home))
        simulated.load_simulated_stimuli()
    images = sorted(home.rglob('*.png'))
    before = [path.read_bytes() for path in images]
    yield home / 'data'
    assert [path.read_bytes() for path in images] == before, 'a test has changed an image in place'


@pytest.fixture
def simulated_home(simulated_data, monkeypatch):
    """Set M2M_HOME to the folder of `simulated_data`. It is shared: change nothing in it."""
    monkeypatch.setenv('M2M_HOME', str(simulated_data.parent))
    return simulated_data.parent


@pytest.fixture(autouse=True)
def simulated_mouse(request, monkeypatch):
    """Copy SimulatedMouse from `simulated_data` where a test would make it; its images are links to the same files.

    Tests of its making override this fixture.
    """
    make = simulated._write

    def copy_or_link(source, target):
        Path(target).unlink(missing_ok=True)
        (os.link if source.endswith('.png') else shutil.copy)(source, target)

    def copy():
        monkeypatch.setattr(simulated, '_write', make)  # `simulated_data` makes the original
        made = request.getfixturevalue('simulated_data')
        folder = manifest.data_folder() / SIMULATED_MOUSE
        shutil.copytree(made / SIMULATED_MOUSE, folder, copy_function=copy_or_link, dirs_exist_ok=True)
        monkeypatch.setattr(simulated, '_write', copy)

    monkeypatch.setattr(simulated, '_write', copy)


@pytest.fixture(scope='session')
def digits_home(tmp_path_factory):
    """Return an M2M_HOME with SklearnDigits, made once. It is shared: change nothing in it."""
    home = tmp_path_factory.mktemp('digits') / 'm2m_home'
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('M2M_HOME', str(home))
        ensure()
    return home


@pytest.fixture
def digits(digits_home, m2m_home):
    """Set M2M_HOME to a new folder with the data of `digits_home`."""
    m2m_home.mkdir()
    (m2m_home / 'data').symlink_to(digits_home / 'data')
    return m2m_home


@pytest.fixture(scope='module')
def trained_home(digits_home, tmp_path_factory):
    """Return an M2M_HOME with the digits, in which all tests of a module train."""
    return shutil.copytree(digits_home, tmp_path_factory.mktemp('trained') / 'm2m_home')


@pytest.fixture
def trained(trained_home, monkeypatch):
    """Set M2M_HOME to `trained_home`."""
    monkeypatch.setenv('M2M_HOME', str(trained_home))
    return trained_home


@pytest.fixture
def others(monkeypatch):
    """Have locks on versions of datasets that this process holds count as those of other processes."""
    monkeypatch.setattr(versions, '_leases', type('Nobody', (set,), {'add': lambda self, lease: None})())


@pytest.fixture
def site():
    """A server of files; those of a module's tests are put on it by a fixture of the same name."""
    with serving_files(FileServer()) as server:
        yield server


@pytest.fixture(scope='session')
def make_images():
    """Return make_images(folder, classes='abc', n=4), which writes train/CLASS and val/CLASS; each class is a hue."""

    def make(folder, classes='abc', n=4):
        rng = np.random.default_rng(0)
        for part in ('train', 'val'):
            for number, name in enumerate(classes):
                (Path(folder) / part / name).mkdir(parents=True)
                for index in range(n):
                    pixels = rng.integers(0, 60, (40 + index, 56, 3), dtype=np.uint8)
                    pixels[..., number % 3] += 180
                    Image.fromarray(pixels).save(Path(folder) / part / name / f'{index}.png')
        return Path(folder)

    return make


@pytest.fixture(scope='session')
def settings_of_few_draws():
    """Values of names of the library with which scores and ceilings take a tenth of the time; see `few_draws`."""
    return FEW


@pytest.fixture
def few_draws(monkeypatch, settings_of_few_draws):
    """Compute scores and ceilings from few bootstrap draws and split halves, in a tenth of the time.

    For tests that compare no such number with that of another computation.
    """
    for name, value in settings_of_few_draws.items():
        monkeypatch.setattr(name, value)


@pytest.fixture
def some_draws(monkeypatch):
    """Compute errors from 200 bootstrap draws in place of 1,000: known to 5 %, in a fifth of the time.

    Noise-corrected PLS has 30 splits of trials and images in place of 1,000.
    """
    comparisons = 'm2m_benchmarks.benchmarks.comparisons'
    monkeypatch.setattr(f'{comparisons}.base.Comparison.n_draws', 200)
    monkeypatch.setattr(f'{comparisons}.pls_noise_corrected.N_TRIAL_SPLITS', 10)
    monkeypatch.setattr(f'{comparisons}.pls_noise_corrected.N_IMAGE_SPLITS', 3)


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch):
    """Make fsync do nothing; see `durable`."""
    monkeypatch.setattr(os, 'fsync', lambda handle: None)


@pytest.fixture
def durable(no_fsync, monkeypatch):
    """Have fsync write to the disk after all, for tests of durability."""
    monkeypatch.setattr(os, 'fsync', _FSYNC)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """Remove proxies from the environment, so that local servers are reached directly."""
    for name in ('http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def offline(no_proxies, monkeypatch, tmp_path):
    """Hide downloaded weights, and send downloads to a closed port."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.setenv('BRAINSCORE_HOME', str(tmp_path / 'brainscore'))
    for name in ('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'):
        monkeypatch.setenv(name, 'http://127.0.0.1:9')
    monkeypatch.setattr(urllib.request, '_opener', None)  # urllib keeps the first proxies that it reads


@pytest.fixture
def cached_weights(tmp_path, monkeypatch):
    """Return cached_weights(WEIGHTS, state) -> path, which puts a state dict where torchvision finds default weights.

    WEIGHTS, such as `SqueezeNet1_1_Weights.IMAGENET1K_V1`, gets an address that names the file's hash.
    """

    def put(weights, state):
        folder = tmp_path / 'torch' / 'hub' / 'checkpoints'
        folder.mkdir(parents=True, exist_ok=True)
        monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
        torch.save(state, folder / 'new')
        name = f'{weights.url.rpartition("/")[2].rpartition("-")[0]}-{sha256_file(folder / "new")[:8]}.pth'
        monkeypatch.setattr(weights.value, 'url', f'https://download.pytorch.org/models/{name}')
        return (folder / 'new').rename(folder / name)

    return put


@pytest.fixture(scope='session')
def make_bundle():
    """Return the function `testing.write_bundle`."""
    return write_bundle


@pytest.fixture
def m2m_home(tmp_path, monkeypatch):
    """Set M2M_HOME to a new folder, for this process and its children."""
    home = tmp_path / 'm2m_home'
    monkeypatch.setenv('M2M_HOME', str(home))
    return home


@pytest.fixture(scope='session')
def make_domain():
    """Return the function `testing.write_patterns`."""
    return write_patterns


@dataclass(frozen=True)
class Ran:
    """Exit code, stdout and stderr of a command."""

    code: int
    out: str
    err: str


@pytest.fixture
def m2m(monkeypatch, capsys):
    """Return m2m('data', 'verify') -> Ran, which runs a command in this process, which is fast.

    An exception that would be a traceback for the user is raised in the test.
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
def terminal(monkeypatch, capsys):
    """Return terminal(80, 'data', 'list') -> str, which runs a command on a terminal of 80 columns.

    The result is the output. The terminal is a pseudo-terminal; stdout is connected to it, stderr is not.
    """

    def run(width, *arguments):
        user, program = pty.openpty()
        fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack('HHHH', 24, width, 0, 0))
        parts = []

        def read():
            # Reading ends with an error when the other end is closed.
            with contextlib.suppress(OSError):
                while part := os.read(user, 65536):
                    parts.append(part)

        reader = threading.Thread(target=read)
        reader.start()
        monkeypatch.setenv('TERM', 'xterm-256color')
        monkeypatch.setattr(sys, 'argv', ['m2m', *map(str, arguments)])
        with capsys.disabled(), os.fdopen(program, 'w', encoding='utf-8') as stdout, monkeypatch.context() as patch:
            patch.setattr(sys, 'stdout', stdout)
            patch.setattr(sys, '__stdout__', stdout)
            with pytest.raises(SystemExit):
                main()
        reader.join()
        os.close(user)
        text = b''.join(parts).decode().replace('\r\n', '\n')
        return re.sub(r'\x1b\[[0-9;]*m', '', text)

    return run


@pytest.fixture
def recorded(m2m_home, make_bundle, tmp_path):
    """Return recorded(columns=True), which imports 64 cells of each of two animals in VISp as deVries2020."""

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
    """Return the folder of the real recordings, weights and digits; skip the test where it is missing."""
    beside = Path(__file__).resolve().parents[2] / 'shared'
    folder = Path(os.environ.get('M2M_SHARED', beside)).expanduser().absolute()
    if not (folder / 'allen').is_dir():
        pytest.skip(f'no real recordings in {folder}; set M2M_SHARED to the folder that holds them')
    return folder


@pytest.fixture(scope='session')
def siegle_bundle(shared):
    """Return the real Neuropixels bundle."""
    return _Siegle(shared / 'allen' / 'neuropixels', {})


class _Siegle(Bundle):
    @property
    def stimuli(self):
        return self.folder.parent / 'stimuli'


@pytest.fixture(scope='session')
def siegle_home(siegle_bundle, tmp_path_factory):
    """Return an M2M_HOME with Siegle2021, imported once. It is shared: change nothing in it."""
    home = tmp_path_factory.mktemp('siegle') / 'm2m_home'
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('M2M_HOME', str(home))
        import_bundle('Siegle2021', *siegle_bundle.paths)
    return home


@pytest.fixture
def siegle(siegle_home, monkeypatch):
    """Set M2M_HOME to `siegle_home`."""
    monkeypatch.setenv('M2M_HOME', str(siegle_home))
    return siegle_home
