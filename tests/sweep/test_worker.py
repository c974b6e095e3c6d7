"""The steps of a sweep in a worker, called in this process."""

import pytest

from m2m_benchmarks.records import store
from m2m_benchmarks.scoring.several import score_several
from m2m_benchmarks.sweep import cluster, worker
from m2m_benchmarks.sweep.definition import Definition, tasks_of
from m2m_benchmarks.sweep.worker import Failed, Gone, Opened, Scored

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('m2m_home', 'few_draws')]
BENCHMARKS = ('SimulatedMouse.VISp-rdm', 'SimulatedMouse.VISl-rdm')


def opened(model, session='s', benchmarks=BENCHMARKS, run='r'):
    (task,) = tasks_of(Definition((model,), BENCHMARKS))
    return task, worker.open_model(worker.TOKEN, run, session, task, benchmarks)


def test_a_step_gives_the_result_of_a_score_and_stores_none():
    task, model = opened('plain_digitnet@none')
    assert isinstance(model, Opened)
    assert model.memory_bytes > 10e6
    scored = [worker.score_cell(worker.TOKEN, 's', name) for name in BENCHMARKS]
    assert store.results() == []
    worker.close_model(worker.TOKEN, 's')
    assert worker.score_cell(worker.TOKEN, 's', BENCHMARKS[0]) == Gone()
    expected = list(score_several([task.spec], BENCHMARKS))
    for step, result in zip(scored, expected, strict=True):
        assert isinstance(step, Scored)
        assert (step.result.score, step.result.request, step.result.identity) == (
            result.score,
            result.request,
            result.identity,
        )
        # What is known before the score identifies it on all machines.
        assert model.expected[result.benchmark].portable_identity == result.portable_identity
        assert store.computed(model.expected[result.benchmark]).uid == result.uid
        assert set(step.draws) == set(store.draws(result.uid))


def test_another_machine_has_the_same_portable_identity():
    import dataclasses

    _, model = opened('pixels_64')
    result = model.expected[BENCHMARKS[0]]
    machine = dataclasses.replace(result.machine, cpu_capability='AVX512', threads=7)
    other = dataclasses.replace(result, machine=machine, response_sha256='another')
    assert (other.identity, other.portable_identity) != (result.identity, None)
    assert other.portable_identity == result.portable_identity
    for change in ({'weights_sha256': 'w'}, {'data_sha256': 'd'}, {'versions': {}}, {'layer_named': 'l'}, {'seed': 3}):
        assert dataclasses.replace(result, **change).portable_identity != result.portable_identity
    assert dataclasses.replace(result, weights_sha256=None).portable_identity is None


def test_a_model_that_fails_and_a_benchmark_that_fails(tmp_path):
    (tmp_path / 'broken.py').write_text('def make():\n    raise ValueError("no weights today")\n')
    _, failed = opened(f'{tmp_path}/broken.py:make')
    assert isinstance(failed, Failed)
    assert 'no weights today' in failed.reason
    (tmp_path / 'ends.py').write_text('import sys\ndef make():\n    sys.exit(3)\n')
    assert isinstance(opened(f'{tmp_path}/ends.py:make')[1], Failed)
    _, model = opened('pixels_64', benchmarks=(*BENCHMARKS, 'Nothing-rdm'))
    assert isinstance(model.expected['Nothing-rdm'], Failed)
    assert not isinstance(model.expected[BENCHMARKS[0]], Failed)


def test_another_process_is_not_the_one_that_holds_a_model():
    task, _ = opened('pixels_64')
    assert worker.open_model('another', 'r', 's2', task, BENCHMARKS) == Gone()
    assert worker.score_cell('another', 's', BENCHMARKS[0]) == Gone()


def test_models_that_nobody_uses_make_room(monkeypatch):
    opened('pixels_64', 'old')
    monkeypatch.setattr(worker, '_UNUSED_S', -1)
    opened('pixels_64', 'new')
    assert worker.score_cell(worker.TOKEN, 'old', BENCHMARKS[0]) == Gone()


def test_differences():
    cluster.make_data(BENCHMARKS)
    data = {'Siegle2021': 'here', 'SimulatedMouse': None}
    facts = worker.facts(list(data))
    assert cluster.differences(facts, data) == ['Siegle2021 is missing there']
    assert cluster.differences(facts, cluster.needed_data(BENCHMARKS) | {'Siegle2021': None}) == []
    assert facts.free_bytes > 0
    facts.versions['torch'] = '1.0'
    del facts.versions['timm']
    listed = cluster.differences(facts, {})
    assert [each.partition(' there')[0] for each in listed] == ['torch is 1.0', 'timm is missing']
