"""The command `m2m train`."""

import importlib
import json
import sys

import pytest

from m2m_benchmarks.scoring.runs import read_run

SQUEEZE = 'squeezenet1_1_at32'
QUICK = ('--source', 'SklearnDigits', '--steps', 2, '--batch-size', 4)


@pytest.mark.parametrize(
    ('command', 'examples', 'options'),
    [
        (
            'train',
            [
                'm2m train digitnet --neurn --source SklearnDigits --steps 300\n',
                'm2m score run:plain_digitnet-MNIST-seed1 Qazi2025.MNIST-accuracy\n',
            ],
            '--source --dataset --seed --out --resume --protocol --steps --epochs --batch-size --lr --limit --weights '
            '--early-stop --checkpoint-every --precision --accelerator --devices --strategy --num-nodes --json',
        ),
    ],
)
def test_help_has_examples_and_every_option(m2m, command, examples, options):
    for flag in ('-h', '--help'):
        ran = m2m(command, flag)
        assert (ran.code, ran.err) == (0, '')
        for part in [*examples, *options.split()]:
            assert part in ran.out
    assert command in m2m('--help').out


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('train',), 'Missing argument'),
        (('train', 'digitnet'), 'give either --source or --dataset'),
        (
            ('train', 'digitnet', '--source', 'mnist', '--dataset', 'imagefolder:x'),
            'give either --source or --dataset',
        ),
        (('train', 'digitnet', '--dataset', 'x'), "expected imagefolder:DIR, got 'x'"),
        (('train', 'digitnet', '--dataset', 'imagefolder:'), 'expected imagefolder:DIR, got'),
        (
            ('train', 'digitnet', '--source', 'mnist', '--steps', '3', '--epochs', '2'),
            'give either --steps or --epochs',
        ),
        (('train', 'digitnet', '--source', 'mnist', '--steps', 'many'), 'Input should be a valid integer'),
        (('train', 'digitnet', '--source', 'mnist', '--lr', 'fast'), 'Input should be a valid number'),
        (('train', 'digitnet', '--source', 'mnist', '--stepz', '3'), 'No such option: --stepz'),
        (('train', 'plain_digitnet', '--neurn', '--source', 'mnist'), 'plain_digitnet has no NeuRN'),
    ],
)
@pytest.mark.seconds
def test_wrong_usage(m2m, m2m_home, arguments, message):
    ran = m2m(*arguments)
    assert (ran.code, ran.out) == (2, '')
    assert message in ran.err
    assert 'Traceback' not in ran.err
    assert not m2m_home.exists()


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('train', 'digitnet', '--source', 'mnits'), "unknown source 'mnits'. Did you mean MNIST"),
        (('train', 'digitnet', '--source', 'usps'), 'USPS is not on this machine'),
        (('train', 'digitnett', *QUICK), "after plain_digitnet, expected nothing or image size (_at64); got 't'"),
        (('train', 'net', *QUICK), 'plain_net cannot be trained here; expected neurn_BACKBONE or plain_BACKBONE'),
        (('train', 'digitnet', *QUICK, '--protocol', 'some'), "unknown protocol 'some'"),
        (('train', 'digitnet', '--source', 'SklearnDigits', '--epochs', 0), 'epochs is 0; expected 1 or more'),
        (('train', 'digitnet', '--source', 'SklearnDigits', '--epochs', 1, '--batch-size', 0), 'batch size is 0'),
        (('train', 'digitnet', '--dataset', 'imagefolder:/nowhere'), '/nowhere has no folder train'),
        (('train', 'digitnet', *QUICK, '--out', '/dev/null/run'), 'cannot write to /dev/null/run'),
        (('train', 'digitnet', *QUICK, '--json', '/dev/null/x.json'), 'Name another file after --json'),
    ],
)
@pytest.mark.seconds
def test_errors_that_the_user_can_fix(m2m, m2m_home, arguments, message):
    ran = m2m(*arguments)
    assert (ran.code, ran.out) == (1, '')
    assert ran.err.startswith('error: ')
    assert message in ran.err
    assert ran.err.count('error:') == 1
    assert not list((m2m_home / 'runs').glob('*'))


def test_without_lightning(m2m, m2m_home, monkeypatch):
    monkeypatch.setitem(sys.modules, 'lightning', None)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module('lightning')
    ran = m2m('train', 'digitnet', *QUICK)
    assert (ran.code, ran.out) == (1, '')
    assert ran.err == (
        "error: training needs the package lightning, which is not installed: pip install 'm2m-benchmarks[train]'\n"
    )


@pytest.mark.seconds
def test_stdout_of_training_is_the_result_and_the_next_command(m2m, trained):
    ran = m2m('train', SQUEEZE, *QUICK, '--neurn', '--seed', 4)
    assert ran.code == 0
    (folder,) = (trained / 'runs').glob(f'neurn_{SQUEEZE}-SklearnDigits-seed4-*')
    run = read_run(folder)
    losses = f'training loss {run.result["train_loss"]:.4f}, held-out accuracy {run.result["validation_accuracy"]:.4f}'
    assert ran.err == f'step 2 of 2: {losses}\n'  # also where stderr is no terminal, such as the log of a cluster
    assert ran.out.splitlines() == [
        f'neurn_{SQUEEZE}, SklearnDigits, seed 4: 2 steps',
        f'training loss, mean over the last steps: {run.result["train_loss"]:.4f}',
        f'accuracy on 120 held-out images of the source: {run.result["validation_accuracy"]:.4f}',
        str(folder),
        f'Next:  m2m score run:{folder.name} SklearnDigits-accuracy',
    ]
    assert m2m('score', f'run:{folder.name}', 'SklearnDigits.thin-accuracy').code == 0


@pytest.mark.seconds
def test_training_as_json(m2m, trained, tmp_path):
    ran = m2m('train', SQUEEZE, *QUICK, '--early-stop', 1, '--out', tmp_path / 'my run', '--json', '-')
    assert ran.code == 0
    document = json.loads(ran.out)  # nothing else on stdout
    run = read_run(tmp_path / 'my run')
    assert document == {'folder': str(run.folder), 'config': run.config, 'result': run.result, 'data': run.data}
    again = ('train', SQUEEZE, *QUICK, '--early-stop', 1, '--out', tmp_path / 'my run', '--resume')
    ran = m2m(*again, '--json', tmp_path / 'run.json')
    assert f"Next:  m2m score 'run:{tmp_path / 'my run'}' SklearnDigits-accuracy" in ran.out
    assert json.loads((tmp_path / 'run.json').read_text()) == document


@pytest.mark.seconds
def test_output_of_libraries_goes_to_stderr(m2m, trained, tmp_path, monkeypatch):
    """torch.hub announces downloads on stdout."""
    from m2m_benchmarks.models.neurn import model

    real = model.network

    def network(*arguments):
        print('Downloading: "https://…"')
        return real(*arguments)

    monkeypatch.setattr(model, 'network', network)
    ran = m2m('train', SQUEEZE, *QUICK, '--out', tmp_path / 'run', '--json', '-')
    assert json.loads(ran.out)['result']['steps'] == 2
    assert ran.err.splitlines()[0] == 'Downloading: "https://…"'


@pytest.mark.seconds
def test_only_the_first_process_of_a_run_draws_bars(m2m, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True, raising=False)
    shown = m2m('train', SQUEEZE, *QUICK, '--out', tmp_path / 'run').err
    monkeypatch.setenv('LOCAL_RANK', '1')
    hidden = m2m('train', SQUEEZE, *QUICK, '--out', tmp_path / 'run', '--resume').err
    assert 'training: steps' in shown
    assert hidden == ''
