"""Training: its results, and the state after interruptions and errors."""

import csv
import errno
import json
import math
import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
import torchvision
from lightning.pytorch.utilities import rank_zero_only
from sklearn.datasets import load_digits as load_sklearn
from torch.nn import functional

from m2m_benchmarks.data import atomic
from m2m_benchmarks.data.digits import domains
from m2m_benchmarks.data.digits.images import Digits
from m2m_benchmarks.errors import DataNotFoundError, ModelError, StorageError, TrainingError
from m2m_benchmarks.models.neurn.model import network
from m2m_benchmarks.scoring import runs
from m2m_benchmarks.scoring.runs import read_run
from m2m_benchmarks.storage import sha256_file
from m2m_benchmarks.testing import Call, Command
from m2m_benchmarks.training.reuse import trained_run
from m2m_benchmarks.training.settings import Settings
from m2m_benchmarks.training.sources import digit_source, image_folder_source
from m2m_benchmarks.training.train import train

pytestmark = pytest.mark.seconds

FINISHED = ['.lock', 'config.json', 'metrics.csv', 'run.json', 'weights.safetensors']
#: Quick to train. The first has dropout and batch normalisation, the second dropout alone.
MOBILE, SQUEEZE = 'plain_mobilenet_v2_at32', 'plain_squeezenet1_1_at32'
#: A rate at which no float32 changes, but for a zero.
STILL = 1e-30


def settings(model=SQUEEZE, **options):
    usual = {'dataset': 'SklearnDigits', 'steps': 5, 'batch_size': 4, 'interval': 2, 'learning_rate': 1e-3}
    return Settings(model, **{**usual, **options})


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def rows(run):
    with (run.folder / 'metrics.csv').open(newline='') as file:
        return [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]


def weights(run):
    return safetensors.torch.load_file(run.weights)


def same(run, other):
    """Whether two runs are equal byte for byte, except for their dates."""
    documents = []
    for folder in (run.folder, other.folder):
        document = json.loads((folder / 'run.json').read_text())
        documents.append({key: value for key, value in document.items() if key not in ('created', 'sha256')})
        assert names(folder) == FINISHED
    assert documents[0] == documents[1]
    for name in ('weights.safetensors', 'metrics.csv', 'config.json'):
        assert (run.folder / name).read_bytes() == (other.folder / name).read_bytes()
    return True


# Results


@pytest.fixture
def one_thread():
    """Sums in one order: for Adam, a gradient that is a rounding error makes as large a step as any other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


#: Relative error of a gradient in float32: it grows with the root of the number of summands, at most 8 images of
#: 32 x 32 pixels, and with the root of the number of layers between a weight and the loss, at most 26.
ROUNDING = 2.0**-23 * (8 * 32 * 32) ** 0.5 * 26**0.5


@pytest.mark.parametrize('model', ['plain_digitnet', 'neurn_digitnet', SQUEEZE])
@pytest.mark.several
def test_the_weights_are_those_of_a_plain_loop(digits, one_thread, tmp_path, model):
    """Without lightning, sources and batches: images of scikit-learn's domain, NumPy's random numbers, Adam."""
    run = train(settings(model, steps=10, batch_size=8, interval=6, seed=3, learning_rate=1e-4), tmp_path / 'run')
    digit_images = domains.load_digits('SklearnDigits', 'train').images
    images = torch.from_numpy(digit_images.astype(np.float32)).permute(0, 3, 1, 2).repeat(1, 3, 1, 1) / 255
    labels = torch.from_numpy(load_sklearn().target[:1200].astype(np.int64))
    net = network(model, 'none', 3, 10).train()
    moments = [(value, torch.zeros_like(value), torch.zeros_like(value)) for value in net.parameters()]
    losses = []
    for step in range(10):
        indices = np.random.default_rng([3, step]).integers(0, 1080, 8)
        torch.manual_seed(int(np.random.SeedSequence([3, step, 0]).generate_state(1)[0]))  # for its dropout
        loss = -functional.log_softmax(net(images[indices]), 1)[range(8), labels[indices]].mean()
        gradients = torch.autograd.grad(loss, list(net.parameters()))
        losses.append(loss.item())
        for gradient, (value, first, second) in zip(gradients, moments, strict=True):
            first.mul_(0.9).add_(0.1 * gradient)
            second.mul_(0.999).add_(0.001 * gradient**2)
            corrected = first / (1 - 0.9 ** (step + 1)), second / (1 - 0.999 ** (step + 1))
            value.data -= 1e-4 * corrected[0] / (corrected[1].sqrt() + 1e-8)
    own = net.backbone.state_dict()
    trained = weights(run)
    assert trained.keys() == own.keys()
    initial = network(model, 'none', 3, 10).backbone.state_dict()
    for name, value in trained.items():
        # If float32 sums are in another order, gradients differ by ROUNDING times the largest of their tensor. Adam
        # divides by their size: for a gradient of g times the largest, a step differs by ROUNDING / g of its length, at
        # most by 2. Single weights may differ by whole steps, but the mean over g, uniform between 0 and 1, is below
        # ROUNDING * (2 + log(2 / ROUNDING)) steps of 1e-4, ten times.
        assert (value - own[name]).abs().mean() < 10 * 1e-4 * ROUNDING * (2 + math.log(2 / ROUNDING))
        assert (value - initial[name]).abs().max() > 1e-4
    with torch.no_grad():
        logits = net.eval()(images[1080:])
    first, row = rows(run)
    assert (first['step'], row['step']) == (6, 10)
    assert first['train_loss'] == pytest.approx(np.mean(losses[:6]), abs=1e-5)
    assert row['train_loss'] == pytest.approx(np.mean(losses[6:]), abs=1e-5)
    assert row['validation_loss'] == pytest.approx(functional.cross_entropy(logits, labels[1080:]).item(), abs=1e-5)
    assert row['validation_accuracy'] == pytest.approx(
        (logits.argmax(1) == labels[1080:]).float().mean().item(), abs=1e-6
    )
    assert run.result == {
        'steps': 10,
        'train_loss': row['train_loss'],
        'validation_accuracy': row['validation_accuracy'],
        'stopped_early': False,
    }


def test_twins_begin_with_the_same_weights_and_seeds_with_others(digits, tmp_path):
    files = {}
    for model, seed in (('plain_digitnet', 0), ('neurn_digitnet', 0), ('plain_digitnet', 1)):
        run = train(settings(model, steps=1, seed=seed, learning_rate=STILL), tmp_path / f'{model}{seed}')
        files[model, seed] = run.weights.read_bytes()
    assert files['plain_digitnet', 0] == files['neurn_digitnet', 0] != files['plain_digitnet', 1]
    built = network('plain_digitnet', 'none', 0, 10).backbone.state_dict()
    for name, value in safetensors.torch.load(files['plain_digitnet', 0]).items():
        assert torch.equal(value, built[name])


def test_the_same_seed_gives_the_same_run_and_leaves_pytorch_as_it_was(digits, tmp_path):
    torch.manual_seed(11)
    expected = torch.rand(2)
    torch.manual_seed(11)
    first = train(settings(), tmp_path / 'first')
    assert torch.equal(torch.rand(2), expected)
    assert not torch.are_deterministic_algorithms_enabled()
    torch.manual_seed(12)
    assert same(first, train(settings(), tmp_path / 'second'))
    other = train(settings(seed=1), tmp_path / 'other')
    assert other.weights.read_bytes() != first.weights.read_bytes()


def test_the_folder_of_a_run_describes_it(digits, tmp_path):
    run = train(settings(), tmp_path / 'run')
    assert names(run.folder) == FINISHED
    document = json.loads((run.folder / 'run.json').read_text())
    assert document['config'] == json.loads((run.folder / 'config.json').read_text())
    assert document['config']['data_sha256'] == document['data']['sha256'] == digit_source('SklearnDigits', 32).sha256
    assert document['data'] == {
        'name': 'SklearnDigits',
        'classes': list('0123456789'),
        'sha256': document['data']['sha256'],
        'n_train': 1080,
        'n_validation': 120,
    }
    assert document['files'] == {name: sha256_file(run.folder / name) for name in document['files']}
    assert {'torch', 'lightning', 'm2m-benchmarks', 'code_sha256'} <= document['versions'].keys()
    assert [row['step'] for row in rows(run)] == [2, 4, 5]
    assert run.model == SQUEEZE
    assert read_run(run.folder) == run


def test_lines_for_a_log(digits, tmp_path):
    asked, lines, folder = settings(steps=5, interval=2), [], tmp_path / 'run'

    def stop(what, done, total):
        if what == 'training: steps' and done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(asked, folder, progress=stop, log=lines.append)
    assert [line.partition(':')[0] for line in lines] == ['step 2 of 5']
    run = train(asked, folder, resume=True, log=lines.append)
    assert [line.partition(':')[0] for line in lines[1:]] == [
        'The training goes on from step 2 of 5.',
        'step 4 of 5',
        'step 5 of 5',
    ]
    result = run.result
    end = f'training loss {result["train_loss"]:.4f}, held-out accuracy {result["validation_accuracy"]:.4f}'
    assert lines[-1] == f'step 5 of 5: {end}'


def test_a_run_that_was_validated_otherwise_is_used(digits):
    often, seldom = settings(steps=4, interval=2), settings(steps=4, interval=4)
    run = train(often)
    assert trained_run(seldom) == run
    assert trained_run(settings(steps=4, interval=4, seed=1)).folder != run.folder
    early = settings(steps=4, interval=4, early_stop=1)
    assert trained_run(early).folder == early.folder()
    (run.folder / 'weights.safetensors').write_bytes(b'')
    assert trained_run(seldom).folder == seldom.folder()


@pytest.mark.slow
def test_300_steps_learn_the_digits(digits, m2m, tmp_path):
    command = ('train', 'digitnet', '--neurn', '--source', 'sklearn-digits', '--steps', 300, '--batch-size', 8)
    ran = m2m(*command, '--out', tmp_path / 'run')
    assert ran.code == 0
    run = read_run(tmp_path / 'run')
    assert ran.err.startswith('step 300 of 300: training loss ')
    losses = [row['train_loss'] for row in rows(run)]
    assert [row['step'] for row in rows(run)] == [100, 200, 300]
    assert losses[0] > 1.5 * losses[1]
    assert losses[1] > losses[2]
    assert run.result['validation_accuracy'] > 0.85
    document = json.loads(m2m('score', f'run:{run.folder}', 'SklearnDigits.inverted-accuracy', '--json', '-').out)
    assert document['in_domain']['accuracy'] > 0.8
    assert document['seed'] == 0
    assert document['weights'].startswith('run run: SklearnDigits, seed 0 (SHA-256 ')


@pytest.mark.parametrize(
    ('arguments', 'steps'),
    [
        (('--limit', 40, '--batch-size', 16, '--epochs', 2), 6),  # as many draws as images, rounded up
        (('--limit', 40, '--batch-size', 16, '--epochs', 2, '--protocol', 'epochs'), 4),  # whole batches
        (('--limit', 40, '--batch-size', 64, '--epochs', 3, '--protocol', 'epochs'), 3),
        (('--limit', 40, '--batch-size', 8, '--steps', 3), 3),
    ],
)
def test_epochs(digits, m2m, tmp_path, arguments, steps):
    ran = m2m('train', 'squeezenet1_1_at32', '--source', 'SklearnDigits', *arguments, '--json', '-')
    document = json.loads(ran.out)
    assert document['config']['steps'] == document['result']['steps'] == steps
    assert document['data']['n_train'] == 40


@pytest.mark.slow
def test_mixed_precision(digits, tmp_path):
    full, mixed, half = (
        train(settings('neurn_digitnet', precision=precision), tmp_path / precision)
        for precision in ('32-true', 'bf16-mixed', 'bf16-true')
    )
    for run in (mixed, half):
        for name, value in weights(run).items():
            assert value.dtype == (torch.float32 if run is mixed else torch.bfloat16)
            assert not torch.equal(value.float(), weights(full)[name])
        assert rows(run)[-1]['train_loss'] == pytest.approx(rows(full)[-1]['train_loss'], abs=0.3)


@pytest.mark.slow
def test_inception_is_trained_with_its_auxiliary_output(make_images, m2m_home, tmp_path):
    """It needs large images: one step on three of them, and the loss by hand."""
    folder = make_images(tmp_path / 'images', 'ab', 2)
    chosen = settings('plain_inception_v3', dataset=f'imagefolder:{folder}', steps=1, batch_size=3, limit=None)
    run = train(chosen, tmp_path / 'run')
    net = network('plain_inception_v3', 'none', 0, 2).train()
    for name in ('fc.weight', 'AuxLogits.fc.weight', 'AuxLogits.conv0.conv.weight'):
        assert not torch.equal(weights(run)[name], net.backbone.state_dict()[name])
    images, labels = image_folder_source(folder, 299, 0).train[0, np.random.default_rng([0, 0]).integers(0, 4, 3)]
    torch.manual_seed(int(np.random.SeedSequence([0, 0, 0]).generate_state(1)[0]))  # for its dropout
    outputs = net(images / 255)
    expected = functional.cross_entropy(outputs.logits, labels)
    expected += 0.4 * functional.cross_entropy(outputs.aux_logits, labels)
    assert rows(run)[0]['train_loss'] == pytest.approx(expected.item(), abs=1e-4)


# Early stopping


def test_early_stopping_follows_the_accuracy_on_held_out_images_of_the_source(digits, tmp_path):
    chosen = settings(steps=60, interval=2, early_stop=2)
    run = train(chosen, tmp_path / 'run')
    accuracies = [row['validation_accuracy'] for row in rows(run)]
    best, since = -1.0, 0
    for number, accuracy in enumerate(accuracies):
        assert since < 2, 'it did not stop'
        best, since = max(best, accuracy), 0 if accuracy > best else since + 1
        if since == 2:
            assert number + 1 == len(accuracies)
    assert run.result['stopped_early'] == (since == 2)
    assert run.result['steps'] == 2 * len(accuracies)
    stopped = train(settings(steps=60, early_stop=3, learning_rate=STILL), tmp_path / 'still')
    assert stopped.result['steps'] == 8  # one interval, and three without a better accuracy
    assert stopped.result['stopped_early']


def test_a_source_without_a_test_split_is_enough(m2m_home, tmp_path):
    """So the training can't have used test images."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 32, 32, 1), dtype=np.uint8)
    with atomic.write_lock('OnlyTrain'):
        only = {'train': Digits(images, np.arange(60) % 10, np.arange(60))}
        domains.write_domain('OnlyTrain', only, {'train': {'made_by': 'a test'}})
    run = train(settings(dataset='OnlyTrain', steps=6, early_stop=1, learning_rate=STILL), tmp_path / 'run')
    assert (run.result['steps'], run.result['stopped_early']) == (4, True)


# After interruptions


@pytest.fixture(scope='module')
def process():
    """The function process(home, folder, options, moment): train in a process until it is killed."""

    def run(home, folder, options, moment):
        script = str(Path(__file__).with_name('killed.py'))
        variables = {'home': str(home), 'folder': str(folder), 'options': options, 'moment': moment}
        started = Call(runpy.run_path, script, variables)
        _, messages = started.communicate()
        assert started.returncode == -signal.SIGKILL, messages

    return run


@pytest.fixture(scope='module')
def uninterrupted(digits_home, tmp_path_factory):
    """The function uninterrupted(settings) -> Run, which trains once for each settings."""
    trained = {}

    def run(chosen):
        if chosen not in trained:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv('M2M_HOME', str(digits_home))
                trained[chosen] = train(chosen, tmp_path_factory.mktemp('uninterrupted') / 'run')
        return trained[chosen]

    return run


@pytest.mark.process
@pytest.mark.parametrize(
    'moment',
    [
        'writing config.json 1',
        'step 1',
        'step 2',
        'step 4',
        'step 5',
        'writing checkpoint.ckpt 1',
        'written checkpoint.ckpt 1',
        'writing checkpoint.ckpt 2',
        'written checkpoint.ckpt 3',
        'writing weights.safetensors 1',
        'written weights.safetensors 1',
        'written metrics.csv 1',
        'writing run.json 1',
        'written run.json 1',
    ],
)
@pytest.mark.several
def test_a_killed_run_is_resumed_bit_for_bit(digits, process, uninterrupted, tmp_path, moment):
    chosen, folder = settings(MOBILE), tmp_path / 'run'
    process(digits, folder, vars(chosen), moment)
    left = names(folder)
    assert (left != FINISHED) and ('run.json' in left) == (moment == 'written run.json 1')
    leftovers = [name for name in left if name.count('.') > 1]
    assert len(leftovers) == moment.startswith('writing')
    assert same(train(chosen, folder, resume=True), uninterrupted(chosen))


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize(
    ('options', 'moments'),
    [
        ({'model': MOBILE}, ['step 2', 'step 4', 'step 5', 'writing run.json 1']),
        ({'model': 'neurn_digitnet', 'protocol': 'epochs', 'limit': 12, 'steps': 8, 'interval': 4}, ['step 7']),
        ({'model': 'plain_efficientnet_b0_at32', 'precision': 'bf16-mixed'}, ['step 4']),
        # Two rows of losses are before the checkpoint, and one after it.
        ({'steps': 210, 'batch_size': 2, 'interval': 130}, ['step 150']),
        ({'steps': 20, 'early_stop': 1, 'learning_rate': STILL}, ['written checkpoint.ckpt 1']),
        ({'steps': 20, 'early_stop': 1, 'learning_rate': STILL}, ['written checkpoint.ckpt 2']),
        ({'steps': 20, 'early_stop': 1, 'learning_rate': STILL}, ['writing weights.safetensors 1']),
    ],
)
def test_other_runs_and_several_kills(digits, process, uninterrupted, tmp_path, options, moments):
    chosen, folder = settings(**options), tmp_path / 'run'
    for moment in moments:
        process(digits, folder, vars(chosen), moment)
    assert same(train(chosen, folder, resume=True), uninterrupted(chosen))


@pytest.mark.process
@pytest.mark.slow
def test_an_interrupted_run_of_images_is_resumed_in_other_folders(make_images, m2m_home, process, tmp_path):
    """Both folders are moved, and two processes load the images."""
    images = make_images(tmp_path / 'images')
    process(m2m_home, tmp_path / 'run', vars(settings(dataset=f'imagefolder:{images}')), 'step 4')
    whole = train(settings(dataset=f'imagefolder:{images}'), tmp_path / 'whole')
    (tmp_path / 'there').mkdir()
    (tmp_path / 'run').rename(tmp_path / 'there' / 'other')
    moved = images.rename(tmp_path / 'there' / 'images')
    resumed = train(settings(dataset=f'imagefolder:{moved}'), tmp_path / 'there' / 'other', resume=True, workers=2)
    assert same(resumed, whole)


def interrupt(how, at):
    def report(what, done, total):
        if what.startswith('training') and done == at:
            os.kill(os.getpid(), how)
            time.sleep(0.05)

    return report


@pytest.mark.parametrize(
    ('how', 'error', 'message'),
    [
        (signal.SIGINT, KeyboardInterrupt, None),
        (signal.SIGTERM, TrainingError, r'stopped by SIGTERM at step [34]\. Resume it with --resume'),
    ],
)
def test_signals(digits, uninterrupted, tmp_path, how, error, message):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(error, match=message):
        train(settings(), tmp_path / 'run', progress=interrupt(how, 3))
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert names(tmp_path / 'run') == ['.lock', 'checkpoint.ckpt', 'config.json']
    assert same(train(settings(), tmp_path / 'run', resume=True), uninterrupted(settings()))


@pytest.mark.process
def test_ctrl_c_at_the_command_line(digits, m2m, tmp_path, monkeypatch):
    real = Settings.document

    def document(self):
        os.kill(os.getpid(), signal.SIGINT)
        return real(self)

    monkeypatch.setattr(Settings, 'document', document)
    ran = m2m('train', 'digitnet', '--source', 'SklearnDigits', '--steps', 2, '--out', tmp_path / 'run')
    assert ran.code in (1, 130)
    assert 'Traceback' not in ran.err
    assert not (tmp_path / 'run').exists()  # removed, as it is empty


COMMAND = [sys.executable, '-W', 'ignore', '-m', 'm2m_benchmarks.cli.main', 'train']


@pytest.mark.process
@pytest.mark.slow
def test_the_command_is_killed_and_resumed(digits, m2m, uninterrupted, tmp_path):
    options = ['squeezenet1_1_at32', '--source', 'SklearnDigits', '--steps', '200', '--batch-size', '4']
    options += ['--checkpoint-every', '10', '--out', str(tmp_path / 'run')]
    started = Command('train', *options)
    while not (tmp_path / 'run' / 'checkpoint.ckpt').exists():
        assert started.returncode is None
        time.sleep(0.002)
    ran = m2m('train', *options, '--resume')
    started.send_signal(signal.SIGKILL)
    started.communicate()
    assert started.returncode == -signal.SIGKILL
    assert ran.code == 1
    assert f'training into {tmp_path / "run"} is already running in another process' in ran.err
    assert 'run.json' not in names(tmp_path / 'run')
    ran = m2m('train', *options)
    assert (ran.code, ran.out) == (1, '')
    assert 'holds an unfinished run. Resume it with --resume, or name another folder' in ran.err
    assert m2m('train', *options, '--resume').code == 0
    chosen = settings(steps=200, interval=10, learning_rate=1e-4)
    assert same(read_run(tmp_path / 'run'), uninterrupted(chosen))


@pytest.mark.process
@pytest.mark.slow
def test_two_processes_share_a_run(digits, tmp_path):
    """The command line passes lightning's options on."""
    options = ['digitnet', '--source', 'SklearnDigits', '--steps', '4', '--batch-size', '8', '--checkpoint-every', '2']
    options += ['--accelerator', 'cpu', '--devices', '2', '--strategy', 'ddp', '--json', '-']
    ran = subprocess.run(
        [*COMMAND, *options, '--out', str(tmp_path / 'run')], capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0
    # The other process is silent.
    assert [line.partition(':')[0] for line in ran.stderr.splitlines()] == ['step 2 of 4', 'step 4 of 4']
    document = json.loads(ran.stdout)
    shared = read_run(tmp_path / 'run')
    assert names(shared.folder) == FINISHED
    assert document['result'] == shared.result
    alone = train(settings('plain_digitnet', steps=4, batch_size=8, learning_rate=1e-4), tmp_path / 'alone')
    assert shared.config == alone.config
    initial = network('plain_digitnet', 'none', 0, 10).backbone.state_dict()
    for name, value in weights(alone).items():
        difference = (weights(shared)[name] - value).abs()
        assert difference.mean() < 1e-3 * (value - initial[name]).abs().mean()
    for row, other in zip(rows(shared), rows(alone), strict=True):
        assert row == pytest.approx(other, abs=1e-4)


# Errors


@pytest.mark.parametrize('model', ['plain_digitnet', 'neurn_digitnet', 'neurn_digitnet_after_stem'])
def test_a_rate_that_diverges(digits, m2m, tmp_path, model):
    arguments = (
        'train',
        model,
        '--source',
        'SklearnDigits',
        '--batch-size',
        4,
        '--lr',
        1e30,
        '--out',
        tmp_path / 'run',
    )
    ran = m2m(*arguments)
    assert (ran.code, ran.out) == (1, '')
    assert 'at step 2: the training has diverged. Lower the learning rate (it is 1e+30)' in ran.err
    assert len(ran.err.splitlines()) == 1
    assert names(tmp_path / 'run') == ['.lock', 'config.json']
    anew = f'There is no checkpoint to go on from in {tmp_path / "run"}: the training begins at step 0.'
    assert m2m(*arguments, '--resume').err == f'{anew}\n{ran.err}'
    for name, seed in (('earlier', 0), ('other_seed', 1)):
        folder = runs.runs_folder() / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / runs.CHECKPOINT).touch()
        runs.write_config(folder, {'model': model, 'dataset': 'SklearnDigits', 'seed': seed})
    hint = ' Interrupted runs with other settings: earlier.'
    assert m2m(*arguments, '--resume').err == f'{anew}{hint}\n{ran.err}'


@pytest.mark.parametrize(('step', 'message'), [(3, 'the loss is nan at step 4'), (4, 'images is nan at step 4')])
@pytest.mark.slow
def test_the_last_good_checkpoint_is_kept(digits, tmp_path, monkeypatch, step, message):
    real, steps = torch.optim.Adam.step, []

    def poisoned(self, *arguments, **options):
        loss = real(self, *arguments, **options)
        steps.append(None)
        if len(steps) == step:
            self.param_groups[0]['params'][0].data.fill_(math.nan)
        return loss

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.Adam, 'step', poisoned)
        with pytest.raises(TrainingError, match=f'{message}: the training has diverged'):
            train(settings('plain_digitnet', steps=6), tmp_path / 'run')
    checkpoint = torch.load(tmp_path / 'run' / 'checkpoint.ckpt', weights_only=True)
    assert checkpoint['global_step'] == 2
    own = network('plain_digitnet', 'none', 0, 10)
    own.load_state_dict({name.removeprefix('network.'): value for name, value in checkpoint['state_dict'].items()})
    assert all(bool(torch.isfinite(value).all()) for value in own.state_dict().values())
    whole = train(settings('plain_digitnet', steps=6), tmp_path / 'whole')
    assert same(train(settings('plain_digitnet', steps=6), tmp_path / 'run', resume=True), whole)


def test_weights_that_are_not_finite_are_not_kept(digits, tmp_path, monkeypatch):
    """NeuRN and max-pooling can hide such a weight from the loss."""
    real = torch.optim.Adam.step

    def poisoned(self, *arguments, **options):
        loss = real(self, *arguments, **options)
        self.param_groups[0]['params'][-1].data[-1] = -math.inf
        return loss

    monkeypatch.setattr(torch.optim.Adam, 'step', poisoned)
    with pytest.raises(TrainingError, match=r'is not finite at step 2|is inf at step 2|is nan at step 2'):
        train(settings('plain_digitnet'), tmp_path / 'run')
    assert names(tmp_path / 'run') == ['.lock', 'config.json']


@pytest.fixture
def full_disk(monkeypatch):
    """The function full_disk(name, number): the disk is full when that file is written for the number-th time."""
    handles, real_open, real_fsync = [], Path.open, os.fsync

    def fill(name, number):
        def opened(self, mode='r', *arguments, **options):
            file = real_open(self, mode, *arguments, **options)
            if 'x' in mode and self.name.startswith(f'.{name}.'):
                handles.append(file.fileno())
            return file

        def fsync(handle):
            if len(handles) == number and handle == handles[-1]:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            real_fsync(handle)

        monkeypatch.setattr(Path, 'open', opened)
        monkeypatch.setattr(os, 'fsync', fsync)

    return fill


@pytest.mark.parametrize(
    ('name', 'number', 'checkpoint'),
    [
        ('config.json', 1, 'There is no checkpoint yet'),
        ('checkpoint.ckpt', 1, 'There is no checkpoint yet'),
        ('checkpoint.ckpt', 2, 'The last checkpoint is intact'),
        ('weights.safetensors', 1, 'The last checkpoint is intact'),
        ('metrics.csv', 1, 'The last checkpoint is intact'),
        ('run.json', 1, 'The last checkpoint is intact'),
    ],
)
@pytest.mark.several
def test_a_full_disk(digits, uninterrupted, full_disk, tmp_path, monkeypatch, name, number, checkpoint):
    full_disk(name, number)
    with pytest.raises(StorageError, match=r'No space left on device \([\d,]+ MB free\)') as caught:
        train(settings(), tmp_path / 'run')
    assert f'{checkpoint}; free some space, then resume with --resume.' in str(caught.value)
    monkeypatch.undo()
    monkeypatch.setenv('M2M_HOME', str(digits))
    if name == 'config.json':
        assert not (tmp_path / 'run').exists()
    else:
        assert not [left for left in names(tmp_path / 'run') if left.count('.') > 1]
    assert same(train(settings(), tmp_path / 'run', resume=True), uninterrupted(settings()))


@pytest.mark.slow
def test_a_disk_that_is_really_full(digits, m2m, uninterrupted, tmp_path):
    disk = tmp_path / 'disk'
    disk.mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', str(disk)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip('only root can mount a small disk')
    try:
        chosen = settings(steps=4, learning_rate=1e-4)
        options = ('--source', 'SklearnDigits', '--steps', 4, '--batch-size', 4, '--checkpoint-every', 2)
        command = ('train', 'squeezenet1_1_at32', *options, '--out', disk / 'run')
        ran = m2m(*command)  # a checkpoint is 8.8 MB: there is room for one
        assert (ran.code, ran.out) == (1, '')
        assert 'No space left on device' in ran.err
        assert 'The last checkpoint is intact; free some space, then resume with --resume.' in ran.err
        assert [line.partition(':')[0] for line in ran.err.splitlines()] == ['step 2 of 4', 'step 4 of 4', 'error']
        assert names(disk / 'run') == ['.lock', 'checkpoint.ckpt', 'config.json']
        subprocess.run(['mount', '-o', 'remount,size=60m', str(disk)], check=True)
        assert m2m(*command, '--resume').code == 0
        assert same(read_run(disk / 'run'), uninterrupted(chosen))
    finally:
        subprocess.run(['umount', str(disk)], check=True)


def test_a_finished_run_given_again(digits, m2m, tmp_path):
    options = ('train', 'squeezenet1_1_at32', '--source', 'SklearnDigits', '--steps', 1, '--batch-size', 4)
    first = m2m(*options, '--json', '-')
    folder = Path(json.loads(first.out)['folder'])
    assert folder.parent == digits / 'runs'
    assert folder.name.startswith(f'{SQUEEZE}-SklearnDigits-seed0-')
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != '.lock'}
    ran = m2m(*options)
    assert (ran.code, ran.err) == (1, f'error: {folder} holds a finished run. Name another folder: --out DIR.\n')
    assert json.loads(m2m(*options, '--resume', '--json', '-').out) == json.loads(first.out)
    assert before == {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != '.lock'}
    (folder / 'metrics.csv').write_text('step\n')
    ran = m2m(*options, '--resume')
    assert (ran.code, ran.out) == (1, '')
    assert 'metrics.csv has a different SHA-256' in ran.err


@pytest.mark.parametrize('finished', [True, False])
def test_other_settings_on_resume(digits, tmp_path, finished):
    chosen, folder = settings(), tmp_path / 'run'
    if finished:
        train(chosen, folder)
    else:
        with pytest.raises(KeyboardInterrupt):
            train(chosen, folder, progress=interrupt(signal.SIGINT, 3))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for change, message in (
        ({'steps': 7}, 'steps was 5, is 7'),
        ({'learning_rate': 0.5, 'seed': 3}, 'seed was 0, is 3; learning_rate was 0.001, is 0.5'),
        ({'model': MOBILE}, f'model was {SQUEEZE}, is {MOBILE}'),
        ({'limit': 50}, 'limit was 10000, is 50'),
        ({'precision': 'bf16-mixed'}, 'precision was 32-true, is bf16-mixed'),
        ({'weights': 'default'}, 'weights was none, is default'),
        ({'early_stop': 2}, 'early_stop was None, is 2'),
    ):
        with pytest.raises(TrainingError) as caught:
            train(settings(**change), folder, resume=True)
        assert f'{folder} holds a run with other settings: {message}. Use the same settings' in str(caught.value)
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_other_images_on_resume(make_images, m2m_home, tmp_path):
    images = make_images(tmp_path / 'images')
    chosen = settings(dataset=f'imagefolder:{images}')
    with pytest.raises(KeyboardInterrupt):
        train(chosen, tmp_path / 'run', progress=interrupt(signal.SIGINT, 3))
    (images / 'train' / 'a' / '0.png').unlink()
    with pytest.raises(TrainingError, match='other settings: data_sha256 was'):
        train(chosen, tmp_path / 'run', resume=True)


@pytest.mark.parametrize('name', ['config.json', 'notes.txt', '.gitlab-ci.yml', '.checkpoint.ckpt.backup', 'sub'])
@pytest.mark.parametrize('resume', [True, False])
def test_a_folder_that_is_no_run_is_left_as_it_is(digits, tmp_path, name, resume):
    folder = tmp_path / 'mine'
    folder.mkdir()
    (folder / '.hidden.d').mkdir()
    if name == 'sub':
        (folder / name).mkdir()
    else:
        (folder / name).write_text('mine')
    with pytest.raises((TrainingError, ModelError), match=r'but no run|cannot be read'):
        train(settings(), folder, resume=resume)
    assert set(names(folder)) - {'.lock'} == {name, '.hidden.d'}


@pytest.mark.slow
def test_a_command_that_cannot_begin_leaves_no_folder(digits, m2m, tmp_path):
    """A correct one can then use it."""
    options = ('train', 'squeezenet1_1_at32', '--source', 'SklearnDigits', '--steps', 1, '--batch-size', 4)
    options += ('--out', tmp_path / 'run')
    (tmp_path / 'w.pth').write_bytes(b'')
    for wrong, message in (
        (('--weights', tmp_path / 'nowhere.pth'), 'there is no weights file'),
        (('--weights', tmp_path / 'w.pth'), 'w.pth is empty. Copy it again'),
        (('--precision', 'nonsense'), "Precision 'nonsense' is invalid"),
        (('--precision', 'transformer-engine'), 'lightning cannot train with these options: '),
        (('--accelerator', 'nonsense'), 'invalid accelerator name'),
        (('--accelerator', 'tpu'), 'lightning cannot train with these options: '),
        (('--devices', '0'), 'not a valid input'),
        (('--accelerator', 'cpu', '--devices', 'some'), 'should be an int > 0'),
        (('--strategy', 'nonsense'), 'invalid strategy name'),
        (('--strategy', 'ddp_spawn', '--accelerator', 'cpu'), 'the strategy ddp_spawn; expected auto or ddp'),
        (('--num-nodes', '0'), '`num_nodes` must be a positive integer'),
        (
            ('--accelerator', 'cpu', '--devices', '3', '--strategy', 'ddp'),
            'a batch of 4 cannot be divided among 3 processes',
        ),
        (('--limit', '5'), 'has no image of the class 5, 6, 7, 8, 9'),
    ):
        ran = m2m(*options, *wrong)
        assert (ran.code, ran.out) == (1, '')
        assert message in ran.err
        assert ran.err.startswith('error: ')
        assert len(ran.err.splitlines()) == 1
        assert not (tmp_path / 'run').exists()
    assert m2m(*options).code == 0


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'model': 'plain_nonet'}, 'plain_nonet cannot be trained here; expected neurn_BACKBONE or plain_BACKBONE'),
        ({'model': 'alexnet'}, 'alexnet cannot be trained here'),
        ({'model': 'plain_digitnet_at64'}, 'digitnet takes images of 32 x 32 only, got 64'),
        ({'model': 'neurn_resnet18_k4_zoro'}, "got '_zoro'"),
        ({'protocol': 'many'}, "unknown protocol 'many'; expected single-source or epochs"),
        ({'steps': 0}, 'steps is 0; expected 1 or more'),
        ({'batch_size': 0}, 'batch size is 0; expected 1 or more'),
        ({'limit': 0}, 'limit is 0'),
        ({'early_stop': 0}, 'early stop is 0'),
        ({'interval': -1}, 'interval is -1'),
        ({'seed': -1}, 'seed is -1; expected 0 or more'),
        ({'learning_rate': 0.0}, 'the learning rate is 0.0; expected a positive number'),
        ({'learning_rate': math.nan}, 'the learning rate is nan'),
        ({'learning_rate': math.inf}, 'the learning rate is inf'),
    ],
)
def test_invalid_settings(options, message):
    with pytest.raises(TrainingError, match=message):
        settings(**options)


@pytest.mark.slow
def test_invalid_networks_and_sources(digits, tmp_path):
    for options, error, message in (
        ({'model': 'plain_vgg11_at8'}, ModelError, 'plain_vgg11_at8 cannot be shown images of 8 x 8'),
        ({'model': 'neurn_digitnet_after_nothing'}, ModelError, "the backbone has no module 'nothing'"),
        ({'model': 'plain_digitnet', 'weights': 'default'}, ModelError, 'digitnet has no default weights'),
        ({'dataset': 'USPS'}, DataNotFoundError, 'm2m data fetch digits'),
        ({'seed': 2**70}, (ModelError, TrainingError), 'Overflow'),
    ):
        with pytest.raises(error, match=message):
            train(settings(**options), tmp_path / 'run')
        assert not (tmp_path / 'run').exists()


def test_a_batch_that_a_network_cannot_take(digits, tmp_path):
    """An error of PyTorch becomes one sentence."""
    with pytest.raises(TrainingError, match='does not work here: ValueError: Expected more than 1 value per channel'):
        train(settings('plain_resnet18_at32', batch_size=1), tmp_path / 'run')
    with pytest.raises(
        TrainingError, match='does not work here: ValueError: num_workers option should be non-negative'
    ):
        train(settings(), tmp_path / 'other', workers=-1)


@pytest.mark.process
@pytest.mark.parametrize('workers', [0, 1])
def test_an_image_that_cannot_be_read(make_images, m2m, m2m_home, tmp_path, workers):
    images = make_images(tmp_path / 'images')
    for path in (images / 'train').rglob('*.png'):
        path.write_bytes(b'no image')
    options = ('--dataset', f'imagefolder:{images}', '--steps', 2, '--batch-size', 4, '--workers', workers)
    ran = m2m('train', 'squeezenet1_1_at32', *options)
    assert (ran.code, ran.out) == (1, '')
    assert ran.err.startswith(f'error: {images}/train/')
    assert 'cannot be read as an image' in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        # A bit of a weight, which torch.load doesn't notice.
        (
            lambda content: content[:9000] + bytes([content[9000] ^ 16]) + content[9001:],
            'damaged. Remove it; --resume then starts again',
        ),
        (lambda content: content[: len(content) // 2], 'cut short or damaged. Remove it; --resume then starts again'),
        (lambda content: b'', 'cut short or damaged'),
        (lambda content: b'no checkpoint', 'cut short or damaged'),
        (lambda content: content[:5000] + bytes(5000) + content[10000:], 'cut short or damaged'),
    ],
)
@pytest.mark.several
def test_a_checkpoint_that_is_damaged(digits, tmp_path, spoil, message):
    chosen, folder = settings(), tmp_path / 'run'
    with pytest.raises(KeyboardInterrupt):
        train(chosen, folder, progress=interrupt(signal.SIGINT, 3))
    checkpoint = folder / 'checkpoint.ckpt'
    checkpoint.write_bytes(spoil(checkpoint.read_bytes()))
    with pytest.raises(TrainingError, match=message):
        train(chosen, folder, resume=True)
    checkpoint.unlink()
    assert train(chosen, folder, resume=True).result['steps'] == 5


def test_a_checkpoint_with_code_in_it_is_not_run(digits, tmp_path):
    class Code:
        def __reduce__(self):
            return Path.touch, (tmp_path / 'was run',)

    chosen, folder = settings(), tmp_path / 'run'
    with pytest.raises(KeyboardInterrupt):
        train(chosen, folder, progress=interrupt(signal.SIGINT, 3))
    torch.save({'state_dict': Code()}, folder / 'checkpoint.ckpt')
    with pytest.raises(TrainingError, match='cannot be read'):
        train(chosen, folder, resume=True)
    assert not (tmp_path / 'was run').exists()


def test_a_checkpoint_of_another_run(digits, tmp_path):
    for folder, chosen in ((tmp_path / 'a', settings()), (tmp_path / 'b', settings(seed=1))):
        with pytest.raises(KeyboardInterrupt):
            train(chosen, folder, progress=interrupt(signal.SIGINT, 3))
    (tmp_path / 'a' / 'checkpoint.ckpt').write_bytes((tmp_path / 'b' / 'checkpoint.ckpt').read_bytes())
    with pytest.raises(TrainingError, match='the checkpoint in the folder is from a run with other settings'):
        train(settings(), tmp_path / 'a', resume=True)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{', 'cannot be read'),
        ('[1]', 'does not hold the settings of a run'),
        ('{"model": "x"}', f'other settings: model was x, is {SQUEEZE}; dataset was None'),
        (b'\xff\xfe', 'cannot be read'),
        (None, 'holds checkpoint.ckpt but no run'),
    ],
)
def test_an_edited_config_of_a_run_that_is_not_finished(digits, tmp_path, content, message):
    with pytest.raises(KeyboardInterrupt):
        train(settings(), tmp_path / 'run', progress=interrupt(signal.SIGINT, 3))
    config = tmp_path / 'run' / 'config.json'
    if content is None:
        config.unlink()
    else:
        config.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises((TrainingError, ModelError), match=message):
        train(settings(), tmp_path / 'run', resume=True)


# Weights to begin with


def squeezenet(seed=5):
    torch.manual_seed(seed)
    return torchvision.models.squeezenet1_1(weights=None).state_dict()


def initial_weights(folder, **options):
    """Initial weights of a run."""
    return weights(train(settings(steps=1, learning_rate=STILL, **options), folder))


def close(value, other):
    return torch.allclose(value, other, rtol=0, atol=2 * STILL)


def check_initial(initial, file, untrained):
    assert initial.keys() == file.keys()
    for name, value in initial.items():
        if name.startswith('classifier.1.'):
            assert close(value, untrained[name])
            assert value.shape[0] == 10
        else:
            assert close(value, file[name])


def test_default_weights_with_ten_outputs(digits, tmp_path, cached_weights):
    """From torchvision's folder of downloads, which holds other weights here."""
    cached_weights(torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1, squeezenet())
    initial = initial_weights(tmp_path / 'run', weights='default')
    check_initial(initial, squeezenet(), network(SQUEEZE, 'default', 0, 10).backbone.state_dict())
    assert not close(initial['classifier.1.weight'], network(SQUEEZE, 'default', 1, 10).backbone.classifier[1].weight)


@pytest.mark.parametrize('prefix', ['', 'model._orig_mod.', 'backbone.'])
def test_weights_of_a_file_with_a_thousand_outputs(digits, tmp_path, prefix):
    torch.save({f'{prefix}{name}': value for name, value in squeezenet().items()}, tmp_path / 'w.pth')
    untrained = network(SQUEEZE, 'none', 0, 10).backbone.state_dict()
    check_initial(initial_weights(tmp_path / 'run', weights=str(tmp_path / 'w.pth')), squeezenet(), untrained)
    config = read_run(tmp_path / 'run').config
    assert config['weights'] == 'w.pth'
    assert config['weights_sha256'] == sha256_file(tmp_path / 'w.pth')
    torch.save(squeezenet(6), tmp_path / 'w.pth')
    with pytest.raises(TrainingError, match='other settings: weights_sha256 was'):
        again = settings(steps=1, learning_rate=STILL, weights=str(tmp_path / 'w.pth'))
        train(again, tmp_path / 'run', resume=True)


def test_weights_of_a_run(digits, tmp_path):
    first = train(settings(), tmp_path / 'first')
    (digits / 'runs').mkdir()
    first.folder.rename(digits / 'runs' / 'mine')
    for name in ('mine', str(digits / 'runs' / 'mine')):
        initial = initial_weights(tmp_path / f'run {len(name)}', weights=name)
        trained = safetensors.torch.load_file(digits / 'runs' / 'mine' / 'weights.safetensors')
        assert all(close(value, trained[key]) for key, value in initial.items())
    (digits / 'runs' / 'mine' / 'metrics.csv').write_text('')
    with pytest.raises(ModelError, match=r'was changed after the run ended: metrics\.csv'):
        initial_weights(tmp_path / 'tampered', weights='mine')


def test_weights_of_another_architecture(digits, tmp_path):
    def file(state):
        torch.save(state, tmp_path / 'w.pth')
        return str(tmp_path / 'w.pth')

    wide = squeezenet()
    wide['features.0.weight'] = torch.zeros(80, 3, 3, 3)
    short = squeezenet()
    del short['features.0.bias']
    for state in (torchvision.models.shufflenet_v2_x0_5(weights=None).state_dict(), wide, short, {'a': torch.ones(1)}):
        with pytest.raises(
            ModelError, match=f'does not hold the weights of {SQUEEZE}; only the size of the last layer'
        ):
            initial_weights(tmp_path / 'run', weights=file(state))
    with pytest.raises(ModelError, match='does not hold a state dict'):
        initial_weights(tmp_path / 'run', weights=file({'a': 1}))


@pytest.mark.slow
def test_both_heads_of_inception_may_differ(make_images, m2m_home, tmp_path, monkeypatch):
    """It is not trained: its initial weights are enough."""
    folder = make_images(tmp_path / 'images', 'ab', 1)
    torch.save(network('plain_inception_v3', 'none', 1, 7).backbone.state_dict(), tmp_path / 'w.pth')
    initial = {}

    def fit(self, module, **options):
        initial.update(module.network.backbone.state_dict())
        raise KeyboardInterrupt

    monkeypatch.setattr('lightning.Trainer.fit', fit)
    with pytest.raises(KeyboardInterrupt):
        train(
            settings('plain_inception_v3', dataset=f'imagefolder:{folder}', weights=str(tmp_path / 'w.pth')),
            tmp_path / 'run',
        )
    file = torch.load(tmp_path / 'w.pth')
    assert torch.equal(initial['Mixed_7c.branch1x1.conv.weight'], file['Mixed_7c.branch1x1.conv.weight'])
    assert initial['fc.weight'].shape[0] == initial['AuxLogits.fc.bias'].shape[0] == 2


# Folders of images


@pytest.mark.slow
def test_a_folder_of_images_is_trained_on_and_its_run_is_scored(make_images, digits, m2m, tmp_path):
    images = make_images(tmp_path / 'hues [x]')
    options = ('--dataset', f'imagefolder:{images}', '--epochs', 12, '--batch-size', 6, '--lr', 3e-4)
    ran = m2m('train', 'digitnet', *options)
    assert ran.code == 0
    folder = next((digits / 'runs').iterdir())
    assert 'plain_digitnet, imagefolder:hues [x], seed 0: 24 steps\n' in ran.out
    assert f"Next:  m2m score 'run:{folder.name}' SimulatedMouse-rdm" in ran.out
    run = read_run(folder)
    assert (run.classes, run.data['n_train'], run.config['protocol']) == (['a', 'b', 'c'], 12, 'epochs')
    assert run.config['dataset'] == 'imagefolder:hues [x]'  # without its path
    assert weights(run)['fc3.bias'].shape == (3,)
    assert run.result['validation_accuracy'] == 1
    ran = m2m('score', f'run:{folder.name}', 'SimulatedMouse.VISp-rdm', '--json', '-')
    document = json.loads(ran.out)
    assert -1 < document['score'] < 1.1
    assert document['model'] == 'plain_digitnet'
    ran = m2m('score', f'run:{folder.name}', 'SklearnDigits-accuracy')
    assert (ran.code, ran.out) == (1, '')
    assert (
        'was trained on imagefolder:hues [x], SklearnDigits-accuracy is for models trained on SklearnDigits' in ran.err
    )


def test_progress_counts_every_step(digits, tmp_path):
    reports = []
    train(settings(steps=3), tmp_path / 'run', progress=lambda *report: reports.append(report))
    assert reports == [('loading', 0, 1), ('loading', 1, 1), *(('training: steps', step, 3) for step in (1, 2, 3))]
    assert getattr(rank_zero_only, 'rank', 0) == 0
