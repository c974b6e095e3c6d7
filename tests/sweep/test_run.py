"""Sweeps with real dask clusters: what is computed, what is skipped, what fails, and what is refused."""

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time

import dask
import distributed
import psutil
import pytest

from m2m_benchmarks.errors import DataError
from m2m_benchmarks.records import store, sweeps
from m2m_benchmarks.scoring.several import score_several
from m2m_benchmarks.sweep import cluster
from m2m_benchmarks.sweep import run as run_
from m2m_benchmarks.sweep.definition import Definition, tasks_of
from m2m_benchmarks.sweep.plan import count, plan
from m2m_benchmarks.sweep.run import Sweep, SweepError

pytestmark = [
    pytest.mark.process,
    pytest.mark.network,
    pytest.mark.seconds,
    pytest.mark.usefixtures('m2m_home', 'few_draws', 'few_draws_in_workers'),
]

BENCHMARKS = ('SimulatedMouse.VISp-rdm', 'SimulatedMouse.VISl-rdm', 'SimulatedMouse.VISl-cka')
#: Models that take a moment.
MODELS = ('pixels_64', 'plain_digitnet@none')


@pytest.fixture
def few_draws_in_workers(monkeypatch):
    monkeypatch.setenv('DASK_DISTRIBUTED__WORKER__PRELOAD', 'm2m_benchmarks.testing.draws')
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    with dask.config.set({'distributed.worker.preload': ['m2m_benchmarks.testing.draws']}):
        yield


@pytest.fixture(scope='module')
def broken(tmp_path_factory):
    """Files that make networks which can't be loaded, or end the process that loads them."""
    folder = tmp_path_factory.mktemp('networks')
    (folder / 'broken.py').write_text('def make():\n    raise ValueError("no weights today")\n')
    (folder / 'deadly.py').write_text('import os, signal\ndef make():\n    os.kill(os.getpid(), signal.SIGKILL)\n')
    return folder


@pytest.fixture
def swept():
    """Return swept(models, workers=1, watch=None) -> (progress, messages, record), which runs a sweep."""

    def run(models, workers=1, memory=None, scheduler=None, watch=None):
        tasks = tasks_of(Definition(tuple(models), BENCHMARKS))
        cluster.make_data(BENCHMARKS)
        record = sweeps.read('mine')
        rows, messages = plan(tasks, record), []
        started = cluster.local_client(workers) if scheduler is None else cluster.remote_client(scheduler)
        with started as client:
            sweep = Sweep(
                client,
                rows,
                record,
                cluster.needed_data(BENCHMARKS),
                scheduler is None,
                memory,
                watch or (lambda progress: None),
                messages.append,
            )
            sweep.run()
        return sweep.progress, messages, record

    return run


def table():
    return {(result.model, result.benchmark): result.score for result in store.results()}


def states(models):
    """Count the cells of a sweep by their state, as its status does."""
    record = sweeps.read('mine')
    return count(plan(tasks_of(Definition(tuple(models), BENCHMARKS)), record), record.failed.keys())


def test_a_sweep_and_its_failures(swept, broken, m2m_home, monkeypatch, tmp_path):
    models = [*MODELS, f'{broken}/broken.py:make']
    progress, messages, record = swept(models, workers=2)
    assert (progress.done, progress.computed, progress.failed) == (6, 6, 3)
    assert any('no weights today' in message for message in messages)
    assert {reason for reason in record.failed.values() if 'no weights today' in reason} == set(record.failed.values())
    assert states(models) == {'done': 6, 'failed': 3, 'to do': 0, 'to check': 0}
    assert all(result.identity is not None and result.request is not None for result in store.results())
    # The same command goes on: only what failed is tried, and nothing is computed twice.
    progress, _, _ = swept(models)
    assert (progress.done, progress.computed, progress.failed) == (6, 0, 3)
    # Without its record, results are known by their hashes once their model is loaded.
    sweeps.path_of('mine').unlink()
    progress, _, _ = swept(MODELS)
    assert (progress.done, progress.computed) == (6, 0)
    assert len(store.results()) == 6
    # The numbers are those of `m2m score`.
    swept_scores = table()
    monkeypatch.setenv('M2M_HOME', str(tmp_path / 'other'))
    specs = [task.spec for task in tasks_of(Definition(MODELS, BENCHMARKS))]
    scores = {(each.model, each.benchmark): each.score for each in score_several(specs, BENCHMARKS)}
    assert scores == pytest.approx(swept_scores, rel=1e-4)


@pytest.mark.parametrize('timeout', ['2m', '100ms'])
def test_a_worker_that_is_killed_is_replaced(swept, monkeypatch, timeout):
    """With the short timeout, dask gives up a worker that hasn't started again by then, as on a busy machine."""
    monkeypatch.setitem(cluster._PATIENT, 'distributed.deploy.lost-worker-timeout', timeout)
    killed = []

    def kill_once(progress):
        if progress.computed == 1 and not killed:
            workers = [
                each for each in psutil.Process().children(recursive=True) if 'spawn_main' in str(each.cmdline())
            ]
            killed.append(workers[0].pid)
            workers[0].kill()

    progress, messages, _ = swept(MODELS[1:], watch=kill_once)
    assert (progress.done, progress.computed, progress.failed) == (3, 3, 0)
    assert len(store.results()) == 3
    assert any('has left' in message or 'has died' in message for message in messages)


def test_a_model_that_ends_its_workers_is_given_up(swept, broken):
    progress, messages, record = swept([f'{broken}/deadly.py:make'])
    assert (progress.done, progress.failed) == (0, 3)
    assert set(record.failed.values()) == {
        '3 workers died while they ran it, possibly because memory ran out. Use fewer --workers.'
    }
    assert sum('the model is tried again' in message for message in messages) == 2


def test_memory_decides_how_many_run_at_once(swept, monkeypatch):
    progress, _, record = swept(MODELS, workers=2, memory=1e6)
    assert (progress.done, progress.failed) == (0, 6)
    assert all('GB of memory' in reason for reason in record.failed.values())
    assert min(record.memory.values()) > 50e6
    computing = []
    submit = Sweep._submit

    def watched(self, to, step, *arguments):
        if step.__name__ == 'score_cell':
            others = [each for each in self._sessions.values() if each.cell is not None and each.worker is not to]
            computing.append(len(others))
        return submit(self, to, step, *arguments)

    monkeypatch.setattr(Sweep, '_submit', watched)
    progress, _, _ = swept(MODELS, workers=2, memory=1.5 * max(record.memory.values()))
    assert (progress.done, progress.failed) == (6, 0)
    assert max(computing) == 0


def test_results_wait_for_a_locked_file(swept, monkeypatch):
    monkeypatch.setattr(store, 'WAIT_S', 0.1)
    monkeypatch.setattr(run_, '_BETWEEN_TRIES_S', 0.5)
    cluster.make_data(BENCHMARKS)
    store.add([])
    holder = sqlite3.connect(store.path(), check_same_thread=False, isolation_level=None)
    holder.execute('BEGIN IMMEDIATE')
    messages = []
    real = Sweep.__init__

    def listening(self, *arguments):
        real(self, *arguments)

        def tell(message):
            messages.append(message)
            if 'cannot be stored' in message:
                with contextlib.suppress(sqlite3.Error):
                    holder.execute('ROLLBACK')

        self._tell = tell

    monkeypatch.setattr(Sweep, '__init__', listening)
    progress, _, _ = swept(MODELS[:1])
    assert (progress.done, len(store.results())) == (3, 3)
    assert sum('cannot be stored; trying again' in message for message in messages) == 1
    # One that is never released ends the sweep with a message, and what is on record stays.
    monkeypatch.setattr(run_, 'PATIENCE_S', 0.5)
    monkeypatch.setattr(Sweep, '__init__', real)
    holder.execute('BEGIN IMMEDIATE')
    with pytest.raises(SweepError, match='could not be stored'):
        swept(MODELS[1:])
    holder.execute('ROLLBACK')
    holder.close()
    assert len(store.results()) == 3


def test_a_scheduler_that_is_not_there():
    with (
        dask.config.set({'distributed.comm.timeouts.connect': '1s'}),
        pytest.raises(DataError, match=r'no dask\.distributed scheduler at 127\.0\.0\.1:9'),
        cluster.remote_client('127.0.0.1:9'),
    ):
        pass


@contextlib.contextmanager
def scheduler(extra_path=''):
    """Run a scheduler and a worker in processes of their own; yield the address and the scheduler's process."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        address = f'127.0.0.1:{free.getsockname()[1]}'
    paths = [path for path in (extra_path, os.environ.get('PYTHONPATH')) if path]
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(paths)}
    python = [sys.executable, '-W', 'ignore', '-m']
    options = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}
    head = subprocess.Popen([*python, 'distributed.cli.dask_scheduler', '--host', address, '--no-dashboard'], **options)
    worker_options = ['--nthreads', '1', '--no-dashboard', '--death-timeout', '300', '--memory-limit', '0']
    command = [*python, 'distributed.cli.dask_worker', f'tcp://{address}', *worker_options]
    worker = subprocess.Popen(command, env=environment, **options)
    try:
        with distributed.Client(f'tcp://{address}', timeout=300, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=300)
        yield f'tcp://{address}', head
    finally:
        for process in (worker, head):
            process.terminate()
        for process in (worker, head):
            process.wait()


def test_a_worker_with_other_versions_is_refused(swept, tmp_path):
    folder = tmp_path / 'timm-0.0.1.dist-info'
    folder.mkdir()
    (folder / 'METADATA').write_text('Metadata-Version: 2.1\nName: timm\nVersion: 0.0.1\n')
    with scheduler(str(tmp_path)) as (address, _), pytest.raises(SweepError) as raised:
        swept(MODELS, scheduler=address)
    assert 'timm is 0.0.1 there' in str(raised.value)
    assert store.results() == []


def test_a_scheduler_that_is_killed(swept):
    with scheduler() as (address, head):

        def kill(progress):
            if progress.computed == 1:
                head.kill()

        with pytest.raises(SweepError, match='connection to the scheduler is lost'):
            swept(MODELS[1:], scheduler=address, watch=kill)
    n_recorded = len(store.results())
    assert n_recorded >= 1
    progress, _, _ = swept(MODELS[1:])
    assert (progress.done, progress.computed, len(store.results())) == (3, 3 - n_recorded, 3)


def test_the_workers_of_a_client_that_is_killed_end(m2m_home, tmp_path):
    command = [sys.executable, '-W', 'ignore', '-m', 'm2m_benchmarks.cli.start', 'sweep', '--models', MODELS[1]]
    command += ['--benchmarks', BENCHMARKS[0], '--workers', '2', '--seeds', '0-1']
    client = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    children = []
    deadline = time.monotonic() + 200
    while len([each for each in children if 'spawn_main' in str(each.cmdline())]) < 2 and time.monotonic() < deadline:
        time.sleep(0.2)
        children = psutil.Process(client.pid).children(recursive=True)
    client.send_signal(signal.SIGKILL)
    client.wait()
    assert len(children) >= 2
    _, alive = psutil.wait_procs(children, timeout=60)
    assert [each for each in alive if each.is_running() and each.status() != psutil.STATUS_ZOMBIE] == []
