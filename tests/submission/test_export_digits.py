"""m2m export of digits: benchmarks with their domains, and networks that were trained on them."""

import json
import runpy

import numpy as np
import pytest
import safetensors.torch
import torch

from m2m_benchmarks import score
from m2m_benchmarks.models.neurn import model as family
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.testing import write_trained

DOMAINS = ('MNIST', 'MNISTM', 'SVHN', 'USPS')
PASSED = 'All rules are kept, and all {} tests passed'


@pytest.fixture
def paper(m2m_home, make_domain):
    """M2M_HOME with four small domains under the names of the paper."""
    for seed, name in enumerate(DOMAINS):
        make_domain(name, 40, 30 + 10 * seed, seed)
    return m2m_home


def make_run(folder, identifier, classes='0123456789', seed=0):
    """The folder of a run whose network is untrained."""
    write_trained(folder, identifier, family.network(identifier, 'none', seed, len(classes)), 'MNIST', classes, seed)


def folders(tree):
    return {path: path.parent.name for path in tree.glob('brainscore_vision/*/*')}


SCORES = """
import json
import os
import runpy
from pathlib import Path
import brainscore_vision
from brainscore_vision import load_benchmark, load_model

models = {'run': load_model('neurn_digitnet'), 'shuffled': load_model('plain_digitnet')}
for name, model in models.items():
    for identifier in sys.argv[3:]:
        benchmark = load_benchmark(identifier)
        folder = 'sklearn_digits' if identifier.startswith('Sklearn') else 'qazi2025'
        assert type(benchmark).__module__ == f'brainscore_vision.benchmarks.{folder}.m2m.benchmarks_generalization'
        result = benchmark(model)
        described = {name: part['accuracy'] for name, part in result.attrs['targets'].items()}
        print(json.dumps([name, identifier, float(result), result.attrs['error'], described, benchmark.sha256]))
model = load_model('neurn_squeezenet1_1')
outputs = model.activations_model._model.backbone.classifier[1].out_channels
print(json.dumps([model.layer_model.region_layer_map, outputs]))
packaged, home = sys.argv[1:3]
sys.argv[1:] = [packaged]
script = Path(brainscore_vision.__file__).parent / 'data' / 'digits' / 'data_packaging' / 'package.py'
runpy.run_path(str(script), run_name='__main__')
os.environ['M2M_HOME'] = home
try:
    load_benchmark('Qazi2025.USPS-accuracy')
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.process
@pytest.mark.slow
def test_benchmarks_and_trained_networks_work_in_brain_score_alone(m2m, paper, work, unpacked, in_tree, tmp_path):
    order = '3907162584'
    make_run(tmp_path / 'run', 'neurn_digitnet', seed=1)
    make_run(tmp_path / 'shuffled', 'plain_digitnet', order, 2)
    make_run(tmp_path / 'squeezed', 'neurn_squeezenet1_1', seed=3)
    ran = m2m('export', 'Qazi2025.MNIST-readout_accuracy', 'tree', '--to', 'brainscore-tree', '--check')
    assert ran.code == 0, ran.err
    # A benchmark is exported with its domains and without metrics. Eight benchmarks, four domains.
    assert ran.out.splitlines() == [
        'tree/brainscore_vision/benchmarks/qazi2025',
        'tree/brainscore_vision/data/digits',
        PASSED.format(12) + " (Brain-Score's generic tests and the plugins' own).",
    ]
    ran = m2m('export', 'SklearnDigits.thin-accuracy', 'tree', '--to', 'brainscore-tree')
    assert ran.code == 0, ran.err
    for number, (name, run) in enumerate(
        [
            ('neurn_digitnet', tmp_path / 'run' / 'weights.safetensors'),
            ('plain_digitnet', tmp_path / 'shuffled'),
            ('neurn_squeezenet1_1', tmp_path / 'squeezed' / 'weights.safetensors'),
        ]
    ):
        assert m2m('export', name, f'{number}.zip', '--to', 'zip', '--weights', run).code == 0
    plugins = folders(work / 'tree') | {
        unpacked(work / f'{number}.zip', work / f'unpacked{number}'): 'models' for number in range(3)
    }
    assert sorted(plugins.values()) == ['benchmarks', 'benchmarks', 'data', 'data', 'models', 'models', 'models']
    (work / 'packaged').mkdir()
    names = ('Qazi2025.MNIST-accuracy', 'Qazi2025.MNIST.SVHN-readout_accuracy', 'SklearnDigits.thin-accuracy')
    lines = in_tree(plugins, SCORES, work / 'packaged', work / 'empty', *names).splitlines()
    for line in lines[:6]:
        which, identifier, value, error, targets, sha256 = json.loads(line)
        # the same run, scored by this library
        mine = score(
            load_candidate(f'run:{tmp_path / which}').model if 'Sklearn' in identifier else f'run:{tmp_path / which}',
            identifier,
        )
        assert value == pytest.approx(float(mine), abs=1e-12)
        assert error == pytest.approx(mine.attrs['error'], abs=1e-12)
        assert targets == {name: part['accuracy'] for name, part in mine.attrs['targets'].items()}
        assert sha256 == mine.attrs['result']['data_sha256']
    assert len({json.loads(line)[2] for line in lines[:6]}) >= 4
    regions, outputs = json.loads(lines[6])
    assert (list(regions), outputs) == (['V1', 'V2', 'V4', 'IT'], 10)
    packaged = {path.name for path in (work / 'packaged').rglob('*') if path.suffix in ('.csv', '.zip')}
    assert len(packaged) == 16
    assert 'DataNotFoundError USPS is not on this machine' in '\n'.join(lines)


@pytest.mark.process
@pytest.mark.slow
def test_a_benchmark_that_needs_no_download(m2m, m2m_home, work):
    ran = m2m('export', 'SklearnDigits-accuracy', 'tree', '--to', 'brainscore-tree', '--check')
    assert ran.code == 0, ran.err
    names = ['benchmarks/sklearn_digits', 'data/sklearn_digits']
    assert ran.out.splitlines()[:2] == [f'tree/brainscore_vision/{name}' for name in names]
    assert PASSED.format(2 + 7) in ran.out


@pytest.mark.process
@pytest.mark.slow
def test_a_trained_digitnet_passes(m2m, m2m_home, work, unpacked, tmp_path):
    make_run(tmp_path / 'run', 'neurn_digitnet')
    weights = tmp_path / 'run' / 'weights.safetensors'
    ran = m2m('export', 'neurn_digitnet', '--weights', weights, '--to', 'zip', '--check')
    assert ran.code == 0, ran.err
    # Brain-Score's five, one for the layers, four for regions, one for labels.
    assert PASSED.format(11) in ran.out
    assert (work / 'neurn_digitnet.zip').stat().st_size < 50_000_000
    folder = unpacked(work / 'neurn_digitnet.zip', work / 'unpacked')
    stored = safetensors.torch.load_file(folder / 'weights.safetensors')
    official = safetensors.torch.load_file(weights)
    assert stored.keys() == official.keys()
    assert all(torch.equal(stored[name], official[name]) for name in official)
    assert 'run run: MNIST, seed 0 (SHA-256 ' in (folder / '__init__.py').read_text()


@pytest.mark.process
def test_the_tests_of_labels_can_fail(m2m, m2m_home, work, tmp_path):
    """The test fails for a plugin with wrong classes."""
    make_run(tmp_path / 'run', 'plain_digitnet')
    assert m2m('export', 'plain_digitnet', 'tree', '--to', 'brainscore-tree', '--weights', tmp_path / 'run').code == 0
    (folder,) = (work / 'tree').glob('brainscore_vision/models/*')
    test = runpy.run_path(str(folder / 'test.py'))['test_answers_with_its_classes']
    test(load_candidate(folder).model, tmp_path)
    init = folder / '__init__.py'
    text = init.read_text()
    assert "classes=['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']" in text
    init.write_text(text.replace("'9']", "'nine']"))
    with pytest.raises(ValueError, match='plain_digitnet has no output for 9; its classes are 0, 1, 2'):
        test(load_candidate(folder).model, tmp_path)


@pytest.mark.parametrize(
    ('name', 'folders_'),
    [
        ('MNIST', ['data/digits']),
        ('MNISTM_train', ['data/digits']),
        ('SklearnDigits', ['data/sklearn_digits']),
        ('SklearnDigits_blended', ['data/sklearn_digits']),
        ('Qazi2025.USPS.MNISTM-accuracy', ['benchmarks/qazi2025', 'data/digits']),
        ('SklearnDigits.thin-readout_accuracy', ['benchmarks/sklearn_digits', 'data/sklearn_digits']),
    ],
)
@pytest.mark.seconds
@pytest.mark.several
def test_folders_for_a_pull_request(name, folders_, m2m, m2m_home, work):
    ran = m2m('export', name, 'tree', '--to', 'brainscore-tree')
    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == [f'tree/brainscore_vision/{folder}' for folder in folders_]
    assert {f'{kind}/{path.name}' for path, kind in folders(work / 'tree').items()} == set(folders_)
    for path in folders(work / 'tree'):
        assert {'__init__.py', 'test.py'} <= {file.name for file in path.iterdir()}
        # Its own modules are not copied again.
        copies = {file.name for file in path.glob('m2m/*.py')} - {'__init__.py'}
        own = {file.name for file in path.glob('*.py')}
        assert copies
        assert path.name == 'sklearn_digits' or not copies & own


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (
            ('neurn_digitnet', '--to', 'zip'),
            'digitnet has no default weights: train it (m2m train), or take --weights none',
        ),
        (('neurn_digitnet', 'new', '--to', 'brainscore-tree'), 'digitnet has no default weights: train it (m2m train)'),
        (('MNIST', '--to', 'zip'), 'MNIST is not a model; submit it by pull request'),
        (('SklearnDigits_test', '--to', 'zip'), 'SklearnDigits_test is not a model; submit it by pull request'),
        (('Qazi2025.MNIST-accuracy', '--to', 'zip'), 'is not a model'),
        (('Qazi2025.MNST-accuracy', 'new', '--to', 'brainscore-tree'), 'Did you mean Qazi2025.MNIST-accuracy'),
        (('SklearnDigit', 'new', '--to', 'brainscore-tree'), 'Did you mean SklearnDigits'),
        (('MNIST', 'new', '--to', 'brainscore-tree', '--weights', 'none'), 'MNIST brings its own weights'),
        (
            ('neurn_digitnet', 'new', '--to', 'brainscore-tree', '--weights', 'nowhere'),
            'there is no weights file nowhere',
        ),
    ],
)
def test_refusals(arguments, message, m2m, m2m_home, work):
    ran = m2m('export', *arguments)
    assert (ran.code, ran.out) == (1, '')
    assert message in ran.err
    assert list(work.iterdir()) == []


@pytest.mark.seconds
def test_untrained_digitnet(m2m, m2m_home, work):
    """Its weights are in the folder, as they cannot be downloaded."""
    ran = m2m('export', 'neurn_digitnet', 'tree', '--to', 'brainscore-tree', '--weights', 'none', '--seed', 4)
    assert ran.code == 0, ran.err
    (folder,) = (work / 'tree').glob('brainscore_vision/models/*')
    stored = safetensors.torch.load_file(folder / 'weights.safetensors')
    expected = family.network('neurn_digitnet', 'none', 4).backbone.state_dict()
    assert all(torch.equal(stored[name], expected[name]) for name in expected)
    assert np.isfinite(stored['fc3.weight'].numpy()).all()
