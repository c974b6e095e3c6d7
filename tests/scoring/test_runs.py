"""Folders of training runs: written, read, tampered with, and scored."""

import hashlib
import io
import json
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch

from m2m_benchmarks import load_stimulus_set, score
from m2m_benchmarks.errors import BenchmarkError, ModelError
from m2m_benchmarks.models.neurn.model import network
from m2m_benchmarks.scoring import runs
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.runs import find_run, read_config, read_run, remove_leftovers, write_config, write_run
from m2m_benchmarks.storage import atomic_write
from m2m_benchmarks.testing import damaged

pytestmark = pytest.mark.usefixtures('few_draws')

SQUEEZE = 'plain_squeezenet1_1_at32'
CONFIG = {'model': SQUEEZE, 'dataset': 'SklearnDigits', 'seed': 7, 'steps': 3, 'limit': None, 'learning_rate': 1e-4}
RESULT = {'steps': 3, 'train_loss': 2.25, 'validation_accuracy': 1 / 3, 'stopped_early': False}
DATA = {'name': 'SklearnDigits', 'classes': list('0123456789'), 'sha256': 'ab', 'n_train': 5, 'n_validation': 2}
VERSIONS = {'torch': '2', 'code_sha256': 'cd'}
METRICS = [{'step': 2, 'train_loss': 2.5}, {'step': 3, 'train_loss': 2.25, 'validation_accuracy': 0.333333}]


def state(seed=0):
    return network(SQUEEZE, 'none', seed, 10).backbone.state_dict()


def write(folder, model=SQUEEZE, data=DATA, seed=0):
    folder.mkdir(parents=True)
    write_config(folder, {**CONFIG, 'model': model})
    return write_run(folder, state(seed), METRICS, RESULT, data, VERSIONS)


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    """A run that tests don't change."""
    return write(tmp_path_factory.mktemp('runs') / 'mine')


@pytest.fixture
def folder(written, tmp_path):
    """A copy that tests may change."""
    return shutil.copytree(written.folder, tmp_path / 'run')


@pytest.mark.seconds
def test_what_was_written_is_read(written):
    run = read_run(written.folder)
    assert run == written
    assert (run.config, run.result, run.data, run.model) == (CONFIG, RESULT, DATA, SQUEEZE)
    assert run.classes == list('0123456789')
    assert (written.folder / 'metrics.csv').read_text() == (
        'step,train_loss,validation_loss,validation_accuracy\n2,2.5,,\n3,2.25,,0.333333\n'
    )
    weights = safetensors.torch.load_file(run.weights)
    assert weights.keys() == state().keys()
    assert all(torch.equal(value, state()[name]) for name, value in weights.items())
    document = json.loads((written.folder / 'run.json').read_text())
    for name, sha256 in document['files'].items():
        assert hashlib.sha256((written.folder / name).read_bytes()).hexdigest() == sha256
    assert document['files'].keys() == {'weights.safetensors', 'metrics.csv', 'config.json'}


def test_the_same_run_is_written_as_the_same_bytes(written, tmp_path):
    again = write(tmp_path / 'again')
    for name in ('weights.safetensors', 'metrics.csv', 'config.json'):
        assert (again.folder / name).read_bytes() == (written.folder / name).read_bytes()


@pytest.mark.parametrize('name', ['weights.safetensors', 'metrics.csv', 'config.json', 'run.json'])
def test_a_missing_file(folder, name):
    (folder / name).unlink()
    expected = 'is not finished. Repeat its command with --resume' if name == 'run.json' else f'{name} is missing'
    with pytest.raises(ModelError, match=expected) as caught:
        read_run(folder)
    assert str(folder) in str(caught.value)
    (folder / name).mkdir()  # a folder of that name is no such file
    with pytest.raises(ModelError, match=expected):
        read_run(folder)


@pytest.mark.parametrize('name', ['weights.safetensors', 'metrics.csv', 'config.json'])
@pytest.mark.parametrize(
    'change',
    [
        lambda content: content + b'\n',
        lambda content: content[:-1],
        lambda content: b'',
        lambda content: content[:60] + bytes([content[60] ^ 1]) + content[61:],
        lambda content: content.replace(b'3', b'4', 1),
    ],
)
@pytest.mark.seconds
def test_a_changed_file(folder, name, change):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(change(content))
    with pytest.raises(ModelError, match=f'was changed after the run ended: {name} has a different SHA-256'):
        read_run(folder)
    (folder / name).write_bytes(content)
    assert read_run(folder).config == CONFIG


def test_a_file_that_cannot_be_read(folder, monkeypatch):
    def sha256_file(path):
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr(runs, 'sha256_file', sha256_file)
    with pytest.raises(ModelError, match=r'weights\.safetensors cannot be read: Permission denied'):
        read_run(folder)


def changes(value, path=()):
    """Every way to change one field of a document: to another value of its type, or by removing it."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from changes(item, (*path, key))
            yield (*path, key), None
    elif isinstance(value, list):
        yield path, value[::-1]
        yield path, value[:-1]
    elif isinstance(value, bool):
        yield path, not value
    elif isinstance(value, int | float):
        yield path, value + 1
    else:
        yield path, f'{value}0'


def changed(document, path, value):
    copied = json.loads(json.dumps(document))
    parent = copied
    for key in path[:-1]:
        parent = parent[key]
    if value is None:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return copied


def test_any_changed_field_of_the_result(folder):
    path = folder / 'run.json'
    document = json.loads(path.read_text())
    n_changes = 0
    for where, value in changes(document):
        path.write_text(json.dumps(changed(document, where, value)))
        with pytest.raises(
            ModelError, match=r'was changed after the run ended|has format 2; this version reads format 1'
        ):
            read_run(folder)
        n_changes += 1
    assert n_changes > 50
    path.write_text(json.dumps({**document, 'more': 1}))
    with pytest.raises(ModelError, match=r'run\.json was changed after the training'):
        read_run(folder)
    path.write_text(json.dumps(document))  # other spacing, the same content
    assert read_run(folder).config == CONFIG


@pytest.mark.parametrize(
    'content', [b'', b'{', b'[]', b'1', b'null', b'"text"', b'\xff\xfe\x00', b'{"sha256": {}}', b'[' * 10**5]
)
def test_a_result_that_is_none(folder, content):
    (folder / 'run.json').write_bytes(content)
    with pytest.raises(ModelError, match=r'run\.json cannot be read: .* was changed after the run ended'):
        read_run(folder)


def test_a_run_of_another_format(folder, monkeypatch):
    monkeypatch.setattr(runs, 'FORMAT', 2)
    with pytest.raises(ModelError, match=r'run\.json has format 1; this version reads format 2'):
        read_run(folder)


def test_folders_that_are_no_run(tmp_path):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'file').touch()
    for name, message in (
        ('empty', r'is not a training run: it has no run\.json'),
        ('nowhere', 'there is no run'),
        ('file', 'there is no run'),
    ):
        with pytest.raises(ModelError, match=message):
            read_run(tmp_path / name)


def test_configs(tmp_path):
    assert read_config(tmp_path) is None
    write_config(tmp_path, CONFIG)
    assert read_config(tmp_path) == CONFIG
    for content, message in (
        (b'{', 'cannot be read'),
        (b'\xff', 'cannot be read'),
        (b'[' * 10**5, 'cannot be read'),
        (b'[1]', 'does not hold the settings of a run'),
    ):
        (tmp_path / 'config.json').write_bytes(content)
        with pytest.raises(ModelError, match=f'{message}.*Remove the folder and train again'):
            read_config(tmp_path)


def test_only_half_written_files_are_removed(folder):
    for name in ('weights.safetensors', 'checkpoint.ckpt', 'run.json'):
        with atomic_write(folder / name):
            (unfinished,) = (path for path in folder.iterdir() if path.name.startswith(f'.{name}.'))
        unfinished.touch()  # as if killed
    others = {'.gitlab-ci.yml', '.config.json.swp', '.other.json.abcdefgh', 'config.json.abcdefgh'}
    for name in others:
        (folder / name).touch()
    (folder / '.run.json.abcdefgh').mkdir()
    remove_leftovers(folder)
    files = {'weights.safetensors', 'checkpoint.ckpt', 'metrics.csv', 'config.json', 'run.json'}
    assert {path.name for path in folder.iterdir()} == files | others | {'.run.json.abcdefgh'}


# As candidates


@pytest.fixture
def named(written, m2m_home):
    """The run in M2M_HOME, under the name first."""
    return shutil.copytree(written.folder, m2m_home / 'runs' / 'first')


def test_names_and_paths(named, m2m_home, monkeypatch):
    assert find_run('first') == find_run(str(named)) == named
    monkeypatch.chdir(named.parent)
    assert read_run(find_run('./first')).config == CONFIG
    monkeypatch.chdir(m2m_home)
    (m2m_home / 'first').mkdir()  # a folder in the working directory does not answer for the name
    assert find_run('first') == named
    assert find_run('./first') == Path('first')
    assert find_run('..') == Path('..')
    moved = named.rename(m2m_home / 'moved')
    (m2m_home / 'first').rmdir()
    for name in (str(moved), f'{moved}/'):
        candidate = load_candidate(f'run:{name}')
        assert candidate.weights.startswith('run moved: SklearnDigits, seed 7 (SHA-256 ')
    monkeypatch.setenv('HOME', str(m2m_home))
    assert find_run('~/moved') == moved
    with pytest.raises(ModelError, match='there is no run first'):
        load_candidate('run:first')


@pytest.mark.seconds
@pytest.mark.parametrize(('model', 'weights'), [('run:first', 'default'), (SQUEEZE, 'first')])
def test_a_run_is_a_candidate_with_its_own_weights(named, model, weights):
    candidate = load_candidate(model, weights=weights)
    assert candidate.identifier == SQUEEZE
    assert candidate.run.config == CONFIG
    assert all(torch.equal(value, state()[name]) for name, value in candidate.module.backbone.state_dict().items())
    assert candidate.module.backbone.classifier[1].out_channels == 10
    assert candidate.weights_sha256 == load_candidate(f'run:{named}').weights_sha256


def test_runs_and_weights_that_do_not_go_together(named):
    with pytest.raises(ModelError, match='run:first brings its own weights; --weights none is for other models'):
        load_candidate('run:first', weights='none')
    with pytest.raises(ModelError, match=f'trained {SQUEEZE}, not plain_digitnet'):
        load_candidate('plain_digitnet', weights=str(named))
    (named / 'metrics.csv').write_text('')
    for options in ({'model': 'run:first'}, {'model': SQUEEZE, 'weights': 'first'}):
        with pytest.raises(ModelError, match=r'was changed after the run ended: metrics\.csv'):
            load_candidate(**options)


def test_weights_that_the_network_of_the_run_does_not_have(m2m_home, tmp_path):
    with pytest.raises(ModelError, match='a different architecture from plain_digitnet'):
        load_candidate(f'run:{write(tmp_path / "run", model="plain_digitnet").folder}')


@pytest.mark.seconds
@pytest.mark.slow
def test_a_run_is_scored_on_what_a_mouse_saw_and_on_other_domains(named):
    neural = score('run:first', 'SimulatedMouse.VISp-rdm')
    result = neural.attrs['result']
    assert result['model'] == SQUEEZE
    assert result['weights_sha256'] == load_candidate('run:first').weights_sha256
    assert result['layer'].startswith('backbone.')
    thin = score('run:first', 'SklearnDigits.thin-accuracy').attrs['result']
    assert (thin['seed'], thin['source']) == (7, 'SklearnDigits')
    assert thin['commitment'] == 'trained on the source'


@pytest.mark.seconds
def test_the_labels_of_a_run_are_those_of_its_classes(named, tmp_path):
    """With reversed classes the outputs are other digits, and nothing else changes."""
    reverse = write(tmp_path / 'reverse', data={**DATA, 'classes': list('9876543210')})
    stimuli = load_stimulus_set('SklearnDigits_test')
    few = type(stimuli)(stimuli.iloc[:40])
    few.stimulus_paths, few.identifier = stimuli.stimulus_paths, 'few'
    answers = []
    for name in ('run:first', f'run:{reverse.folder}'):
        candidate = load_candidate(name)
        candidate.model.start_task(candidate.model.Task.label, list('0123456789'))
        answers.append(candidate.model.look_at(few).values[0].astype(int))
    assert (answers[0] == 9 - answers[1]).all()
    images = torch.stack(
        [
            torch.as_tensor(image)
            for image in candidate.wrapper._extractor.preprocess(
                [stimuli.get_stimulus(name) for name in few['stimulus_id']]
            )
        ]
    )
    with torch.no_grad():
        expected = network(SQUEEZE, 'none', 0, 10).eval()(images).argmax(1)
    assert (answers[0] == expected.numpy()).all()


@pytest.mark.seconds
@pytest.mark.parametrize('name', ['MNIST', 'imagefolder:things'])
@pytest.mark.several
@pytest.mark.slow
def test_a_run_of_another_source(m2m_home, tmp_path, name):
    other = write(tmp_path / 'other', data={**DATA, 'name': name})
    with pytest.raises(BenchmarkError) as caught:
        score(f'run:{other.folder}', 'SklearnDigits.thin-accuracy')
    assert str(caught.value).startswith(
        f'the run other was trained on {name}, SklearnDigits.thin-accuracy is for models trained on SklearnDigits. '
    )
    assert score(f'run:{other.folder}', 'SklearnDigits.thin-readout_accuracy').attrs['result']['model'] == SQUEEZE


def test_a_damaged_checkpoint_is_noticed(tmp_path):
    content, path = io.BytesIO(), tmp_path / 'checkpoint.ckpt'
    torch.save({'weights': torch.arange(500.0)}, content)
    path.write_bytes(content.getvalue())
    assert runs.checkpoint_state(path) == 'unsealed'
    sealed = runs.sealed(content.getvalue())
    path.write_bytes(sealed)
    assert runs.checkpoint_state(path) == 'intact'
    assert torch.load(path, weights_only=True)['weights'].tolist() == list(range(500))
    for damage, copy in damaged(sealed, 50, 30):
        path.write_bytes(copy)
        assert runs.checkpoint_state(path) == 'damaged', damage
