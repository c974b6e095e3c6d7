"""Which cells of a sweep are finished, without loading a model."""

import dataclasses
import os

import pytest

from m2m_benchmarks import load_stimulus_set
from m2m_benchmarks.records import store, sweeps
from m2m_benchmarks.scoring import requests
from m2m_benchmarks.storage import sha256_file
from m2m_benchmarks.sweep.definition import Definition, tasks_of
from m2m_benchmarks.sweep.plan import cell_of, count, plan, seconds_by_benchmark, seconds_left
from m2m_benchmarks.testing import whole_result

pytestmark = pytest.mark.seconds
BENCHMARKS = ('SimulatedMouse.VISp-rdm', 'SimulatedMouse.VISl-rdm')


@pytest.fixture(autouse=True)
def home(m2m_home):
    load_stimulus_set('SimulatedMouse')


def tasks(*models, **options):
    return tasks_of(Definition(models, BENCHMARKS, **options))


def record_result(task, files=None):
    """Store some result, and record it as that of the first cell of a task."""
    result = dataclasses.replace(whole_result(), benchmark=BENCHMARKS[0], seconds=3.0)
    store.add([result])
    record = sweeps.read('mine')
    record.record(cell_of(task, BENCHMARKS[0]).key, result.uid, files)
    return record, result


def test_a_cell_is_done_as_long_as_its_result_is_stored():
    (task,) = tasks('pixels_64')
    record, result = record_result(task)
    (row,) = plan([task], record)
    assert [cell.benchmark for cell in row.done] == [BENCHMARKS[0]]
    assert [cell.benchmark for cell in row.open] == [BENCHMARKS[1]]
    store.delete([result.uid])
    (row,) = plan([task], record)
    assert (len(row.done), len(row.to_do)) == (0, 2)


def test_other_settings_are_another_cell(monkeypatch):
    (task,) = tasks('torchvision:squeezenet1_1', weights='none')
    variants = [
        *tasks('torchvision:squeezenet1_1', weights='none', seeds=(1,)),
        *tasks('torchvision:squeezenet1_0', weights='none'),
        *tasks('torchvision:squeezenet1_1'),
        *tasks('torchvision:squeezenet1_1', weights='none', options={'batch_size': 2}),
        *tasks('torchvision:squeezenet1_1', weights='none', options={'layer': 'features.3'}),
        *tasks('torchvision:squeezenet1_1', weights='none', options={'mouse_acuity': True}),
    ]
    keys = [cell_of(each, BENCHMARKS[0]).key for each in (task, *variants)]
    keys.append(cell_of(task, BENCHMARKS[1]).key)
    assert len(set(keys)) == len(keys)
    # Another machine, with other threads, has the same cell; other code or packages another one.
    monkeypatch.setenv('OMP_NUM_THREADS', '7')
    assert cell_of(task, BENCHMARKS[0]).key == keys[0]
    assert requests.key(task.spec.name, 'none', 0, BENCHMARKS[0], None) != keys[0]
    monkeypatch.setattr(requests, 'versions', lambda: {'timm': '0'})
    assert cell_of(task, BENCHMARKS[0]).key != keys[0]


def test_a_file_that_has_changed_undoes_a_cell(tmp_path):
    (task,) = tasks('pixels_64')
    path = tmp_path / 'weights.pth'
    path.write_bytes(b'weights')
    record, _ = record_result(task, {str(path): sha256_file(path), str(tmp_path / 'elsewhere.pth'): 'sha'})
    assert len(plan([task], record)[0].done) == 1
    path.write_bytes(b'others!')
    os.utime(path, (1, 1))
    assert len(plan([task], record)[0].done) == 0


def test_code_of_the_user_is_to_check(tmp_path):
    (tmp_path / 'net.py').write_text('def make(): ...')
    (task,) = tasks(f'{tmp_path}/net.py:make')
    record, _ = record_result(task)
    rows = plan([task], record)
    assert count(rows) == {'done': 0, 'to do': 1, 'to check': 1, 'failed': 0}
    record.fail(cell_of(task, BENCHMARKS[1]).key, 'no memory')
    assert count(rows, record.failed.keys()) == {'done': 0, 'to do': 0, 'to check': 1, 'failed': 1}


def test_time_is_that_of_earlier_results():
    first, second = tasks('pixels_64', 'plain_digitnet', weights='none')
    record, _ = record_result(first)
    rows = plan([first, second], record)
    seconds = seconds_by_benchmark(store.results())
    assert seconds == {BENCHMARKS[0]: 3.0}
    assert [seconds_left(row, {**seconds, BENCHMARKS[1]: 5.0}) for row in rows] == [5.0, 8.0]
    assert seconds_left(rows[1], seconds) is None
