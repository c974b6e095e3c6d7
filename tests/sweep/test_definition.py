"""What a sweep scores: YAML files, patterns, options."""

import fnmatch

import pytest
import timm
import torchvision

from m2m_benchmarks.errors import DataError, ModelError, UnknownNameError
from m2m_benchmarks.sweep.definition import Definition, check_options, expand_models, read_file, tasks_of

BENCHMARKS = ('SimulatedMouse.VISp-rdm', 'SimulatedMouse.VISl-rdm')


@pytest.fixture
def written(tmp_path):
    """Return written(text) -> Definition, which reads a YAML file."""

    def run(text):
        path = tmp_path / 'sweep.yaml'
        path.write_text(text)
        return read_file(path, lambda seeds: [int(seed) for seed in seeds.split(',')])

    return run


def test_a_file(written):
    text = """
        models: [torchvision:*, 'timm:resnet*', pixels_64]
        benchmarks: SimulatedMouse-rdm
        seeds: [0, 1]
        weights: none
        options: {batch_size: 8, mouse_acuity: false, layer: layer2.1}
    """
    expected = Definition(
        ('torchvision:*', 'timm:resnet*', 'pixels_64'),
        ('SimulatedMouse-rdm',),
        (0, 1),
        'none',
        {'batch_size': 8, 'layer': 'layer2.1'},
    )
    assert written(text) == expected
    assert Definition.from_document(expected.document()) == expected
    assert written('models: [pixels_64]\nbenchmarks: [SimulatedMouse-rdm]').seeds == (0,)


@pytest.mark.parametrize(
    ('text', 'kind', 'message'),
    [
        ('modles: [pixels_64]', UnknownNameError, "key 'modles'. Did you mean models"),
        ('models: [a]\nbenchmarks: [b]\noptions: {batchsize: 8}', UnknownNameError, 'Did you mean batch_size'),
        ('models: [a]\nbenchmarks: [b]\n1: 2', UnknownNameError, "key '1'"),
        ('models: [pixels_64', DataError, 'cannot be read'),
        ('models', DataError, 'expected keys and their values'),
        ('', DataError, 'expected keys and their values'),
        ('models: []\nbenchmarks: [b]', DataError, 'models: expected a list of names'),
        ('models: [a]', DataError, 'benchmarks: expected a list of names'),
        ('models: [1.5]\nbenchmarks: [b]', DataError, 'models: expected'),
        ('models: {a: b}\nbenchmarks: [b]', DataError, 'models: expected'),
        ('models: [a]\nbenchmarks: [b]\nseeds: {a: 1}', DataError, 'seeds: expected'),
        ('models: [a]\nbenchmarks: [b]\nweights: 3', DataError, 'weights: expected default'),
        ('models: [a]\nbenchmarks: [b]\noptions: [8]', DataError, 'options: expected keys'),
        ('models: [a]\nbenchmarks: [b]\noptions: {batch_size: many}', ModelError, 'batch_size='),
        ('models: [a]\nbenchmarks: [b]\noptions: {mouse_acuity: 2}', DataError, 'mouse_acuity: expected true'),
        ('models: !!python/object/apply:os.system ["true"]', DataError, 'cannot be read'),
        ('\x00', DataError, 'cannot be read'),
    ],
)
def test_a_wrong_file(written, text, kind, message):
    with pytest.raises(kind) as raised:
        written(text)
    assert message in str(raised.value)


def test_no_file(tmp_path):
    with pytest.raises(DataError, match=r'nothing\.yaml'):
        read_file(tmp_path / 'nothing.yaml', list)


@pytest.mark.seconds
def test_patterns_are_those_of_the_libraries():
    of_torchvision = torchvision.models.list_models(torchvision.models)
    assert sorted(expand_models('torchvision:*')) == sorted(f'torchvision:{name}' for name in of_torchvision)
    resnets = fnmatch.filter(timm.list_models(), 'resnet1*')
    assert sorted(expand_models('timm:resnet1*@none')) == sorted(f'timm:{name}@none' for name in resnets)
    assert {'neurn_resnet18', 'neurn_digitnet'} <= set(expand_models('neurn_*'))
    assert expand_models('pixels_64') == ['pixels_64']


@pytest.mark.parametrize(
    ('pattern', 'message'),
    [
        ('torchvision:resnett*', 'No model matches it'),
        ('torchvison:*', 'Did you mean torchvision'),
        ('nothing_like_it_*', 'No model matches it'),
    ],
)
def test_a_pattern_that_matches_nothing(pattern, message):
    with pytest.raises(UnknownNameError) as raised:
        expand_models(pattern)
    assert message in str(raised.value)


def test_tasks(m2m_home):
    models = ('plain_digitnet', 'pixels_64', 'plain_digitnet', 'torchvision:squeezenet1_1@default')
    definition = Definition(models, BENCHMARKS, (0, 1), 'none', {'batch_size': 4})
    tasks = tasks_of(definition)
    assert [(task.label, task.spec.options.given()) for task in tasks] == [
        ('plain_digitnet@none seed 0', {}),
        ('plain_digitnet@none seed 1', {}),
        ('pixels_64', {}),
        ('torchvision:squeezenet1_1', {'batch_size': 4}),
    ]
    assert {task.benchmarks for task in tasks} == {BENCHMARKS}


def test_options_that_no_model_has(m2m_home):
    with pytest.raises(ModelError, match='all models of this sweep define their own input'):
        tasks_of(Definition(('pixels_64',), BENCHMARKS, options=check_options({'image_size': 32})))


def test_a_name_is_made_of_what_is_scored():
    one, other = Definition(('a',), ('b',)), Definition(('a',), ('b',), (1,))
    assert one.default_name == Definition(('a',), ('b',)).default_name
    assert one.default_name != other.default_name
