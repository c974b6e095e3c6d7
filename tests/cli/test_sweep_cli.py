"""The commands `m2m sweep`, as far as they need no workers."""

import json

import pytest

from m2m_benchmarks.records import sweeps
from m2m_benchmarks.storage import file_lock

BENCHMARK = 'SimulatedMouse.VISp-rdm'
MODELS = ('--models', 'pixels_64', '--benchmarks', BENCHMARK)


@pytest.mark.parametrize(
    ('arguments', 'code', 'message'),
    [
        (('--models', 'pixels_64'), 2, 'name one or more'),
        (('--benchmarks', BENCHMARK), 2, 'name one or more'),
        (('sweep',), 2, 'expected the name of a YAML file'),
        ((*MODELS, '--workers', '0'), 2, 'workers'),
        ((*MODELS, '--workers', '2', '--scheduler', 'tcp://a:1'), 2, 'leave out --workers'),
        ((*MODELS, '--memory', 'nan'), 2, 'expected a number of GB'),
        ((*MODELS, '--seeds', '2-1'), 2, 'expected different whole numbers'),
        ((*MODELS, '--name', '../x'), 1, 'cannot be the name of a sweep'),
        (('--models', 'torchvision:rsnet*', '--benchmarks', BENCHMARK), 1, 'Did you mean torchvision:resnet'),
        (('--models', 'pixels_65', '--benchmarks', BENCHMARK), 1, 'Did you mean pixels_64'),
        (('--models', 'pixels_64', '--benchmarks', 'SimulatedMouse.*-rdn'), 1, 'unknown pattern of benchmarks'),
        (('nothing.yaml',), 1, 'nothing.yaml'),
        (('status', 'nothing'), 1, "unknown sweep 'nothing'"),
    ],
)
def test_wrong_usage(m2m, m2m_home, arguments, code, message):
    ran = m2m('sweep', *arguments)
    assert (ran.code, ran.out) == (code, '')
    assert message in ' '.join(ran.err.replace('│', ' ').split())


def test_a_file_and_options(m2m, m2m_home, tmp_path):
    path = tmp_path / 'mine.yaml'
    path.write_text(f'models: [pixels_64]\nbenchmarks: [{BENCHMARK}]\nseeds: 0-1\n')
    assert 'seeds is set in' in ' '.join(m2m('sweep', path, '--seeds', '1').err.split())
    path.write_text(f'models: [pixels_64]\nbenchmarks: [{BENCHMARK}]\nseeds: 3-1\n')
    assert 'mine.yaml' in m2m('sweep', path, '--dry-run').err


def test_dry_run(m2m, m2m_home, tmp_path):
    path = tmp_path / 'mine.yaml'
    path.write_text(f'models: [pixels_64, plain_digitnet]\nbenchmarks: [{BENCHMARK}]\nseeds: 0-1\nweights: none\n')
    ran = m2m('sweep', path, '--dry-run')
    assert ran.code == 0
    assert ran.out.startswith('mine: 3 cells, 0 done, 3 to do, 0 to check; how long is not known yet')
    document = json.loads(m2m('sweep', path, '--dry-run', '--json', '-').out)
    assert [model['model'] for model in document['models']] == [
        'pixels_64',
        'plain_digitnet@none seed 0',
        'plain_digitnet@none seed 1',
    ]
    assert sweeps.names() == []


def test_status(m2m, m2m_home):
    assert 'There are no sweeps yet' in m2m('sweep', 'status').err
    record = sweeps.read('mine')
    record.start(
        {'models': ['pixels_64'], 'benchmarks': [BENCHMARK], 'seeds': [0], 'weights': 'default', 'options': {}}
    )
    assert 'mine: stopped' in m2m('sweep', 'status', 'mine').out
    with file_lock(sweeps.folder() / 'mine.lock', 'mine'):
        assert 'running' in m2m('sweep', 'status').out
        assert 'already running' in m2m('sweep', *MODELS, '--name', 'mine').err
    record.end()
    document = json.loads(m2m('sweep', 'status', 'mine.yaml', '--json', '-').out)
    assert (document['state'], document['left']) == ('ended', [{'model': 'pixels_64', 'benchmark': BENCHMARK}])
