"""Imports at start-up: nothing heavy for help pages and wrong names."""

import json
import subprocess
import sys

import pytest

HEAVY = (
    'brainscore_core',
    'brainscore_vision',
    'lightning',
    'matplotlib',
    'numpy',
    'pandas',
    'scipy',
    'sklearn',
    'timm',
    'torch',
    'torchvision',
    'xarray',
)
#: Runs commands one after the other. Prints, as JSON, the exit code, messages and heavy imports after each.
SCRIPT = f"""
import contextlib, io, json, sys
from m2m_benchmarks.cli.main import main
for arguments in json.loads(sys.argv[1]):
    sys.argv = ['m2m', *arguments]
    messages = io.StringIO()
    code = 0
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(messages):
        try:
            main()
        except SystemExit as exit_:
            code = exit_.code or 0
    print(json.dumps([code, messages.getvalue(), sorted(sys.modules.keys() & {set(HEAVY)!r})]))
"""
BENCHMARK = 'SimulatedMouse-rdm'
#: Command, exit code, and a part of the message.
COMMANDS = [
    (('--help',), 0, ''),
    (('--version',), 0, ''),
    (('score', '--help'), 0, ''),
    (('compare', '--help'), 0, ''),
    (('report', '--help'), 0, ''),
    (('report', 'neurn_resnet19'), 1, 'Did you mean neurn_resnet18'),
    (('report', 'pixels_64'), 1, 'there are no results of pixels_64. Score it on a benchmark'),
    (('report', 'pixels_64', '--html', '/dev/null/page'), 1, 'cannot write to'),
    (('score', 'pixels_64', BENCHMARK, '--figure', 'scores.jpg'), 1, 'expected a file that ends in .png'),
    (('train', '--help'), 0, ''),
    (('analyze', 'recovery', '--help'), 0, ''),
    (('analyze', 'recovery', 'pixels_64', 'pixels_65', '--benchmark', BENCHMARK), 1, 'Did you mean pixels_64'),
    (('analyze', 'neurons', '--help'), 0, ''),
    (('analyze', 'distributions', '--help'), 0, ''),
    (('analyze', 'architectures', '--help'), 0, ''),
    (('analyze', 'hierarchy', '--help'), 0, ''),
    (('analyze', 'representation', '--help'), 0, ''),
    (('analyze', 'architectures', 'neurn_resnet19'), 1, 'Did you mean neurn_resnet18'),
    (('score', 'pixels_64', BENCHMARK, '--neurons', 'nothing.json'), 1, 'there is no selection of neurons'),
    (('data', 'fetch', 'Siegle2021', '--help'), 0, ''),
    (('data', 'report', 'SimulatedMous'), 1, 'Did you mean SimulatedMouse'),
    (('data', 'report', 'Siegle2021', '--html', 'pages'), 1, 'm2m data fetch Siegle2021'),
    (('score', 'neurn_resnet19', BENCHMARK), 1, 'Did you mean neurn_resnet18'),
    (('score', 'torchvision:squezenet1_1@none', BENCHMARK), 1, 'Did you mean squeezenet1_1'),
    (('score', 'timm:vit_tinny_patch16_224', BENCHMARK), 1, 'Did you mean vit_tiny_patch16_224'),
    (('score', 'torchvision:squeezenet1_1@nothing.pth', BENCHMARK), 1, 'there is no weights file nothing.pth'),
    (('score', 'torchvision:squeezenet1_1', BENCHMARK, '--weights', 'nothing.pth'), 1, 'there is no weights file'),
    (('score', 'run:nothing', BENCHMARK), 1, 'there is no run nothing'),
    (('score', 'pixels_64', 'SimulatedMouse-rdn'), 1, 'Comparisons are rdm'),
    (('score', 'pixels_64', 'SimulatedMouse.*-rdn'), 1, 'unknown pattern of benchmarks'),
    (('score', 'pixels_64', 'Siegle2021-rdm'), 1, 'm2m data fetch Siegle2021'),
    (('models', 'show', 'neurn_resnet19'), 1, 'Did you mean neurn_resnet18'),
    (('models', 'calibrate', 'neurn_resnet18', '--dataset', 'SimulatedMous'), 1, 'Did you mean SimulatedMouse'),
]


@pytest.mark.process
def test_help_and_wrong_names_import_nothing_heavy(m2m_home):
    arguments = json.dumps([command for command, _, _ in COMMANDS])
    done = subprocess.run([sys.executable, '-c', SCRIPT, arguments], capture_output=True, text=True, check=True)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == len(COMMANDS)
    for (command, code, message), (actual_code, messages, heavy) in zip(COMMANDS, results, strict=True):
        assert (command, actual_code, heavy) == (command, code, [])
        assert message in ' '.join(messages.split()), command


#: Runs commands up to their first report of progress. Prints it with the heavy imports so far.
FIRST_WORDS = f"""
import contextlib, json, sys
from m2m_benchmarks.cli import console
from m2m_benchmarks.cli.main import main

class FirstWord(BaseException):
    pass

def report(what, done, total):
    raise FirstWord(what)

@contextlib.contextmanager
def bars():
    yield report

console._bars = bars
for arguments in json.loads(sys.argv[1]):
    sys.argv = ['m2m', *arguments]
    try:
        main()
    except FirstWord as word:
        print(json.dumps([str(word), sorted(sys.modules.keys() & {set(HEAVY)!r})]))
"""


@pytest.mark.process
def test_the_first_word_comes_before_anything_heavy_is_imported(m2m_home):
    commands = [
        ('score', 'torchvision:squeezenet1_1', BENCHMARK, '--weights', 'none'),
        ('train', 'digitnet', '--source', 'SklearnDigits'),
        ('models', 'show', 'neurn_resnet18'),
        ('models', 'calibrate', 'neurn_resnet18', '--dataset', 'SimulatedMouse'),
        ('data', 'import', 'Lab2026', '--sessions', 's.csv', '--units', 'u.csv', '--stimuli', 'stimuli'),
        ('data', 'import', 'digits-domain', 'MNIST', '--from', 'folder'),
        ('data', 'fetch', 'digits'),
        ('data', 'report', 'SimulatedMouse', '--figure', 'figure.png'),
        ('data', 'fetch', 'Siegle2021', '--dry-run'),
        ('doctor',),
    ]
    command = [sys.executable, '-c', FIRST_WORDS, json.dumps(commands)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    words = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(words) == len(commands), done.stderr
    for command, (word, heavy) in zip(commands, words, strict=True):
        assert word.startswith('loading'), command
        assert heavy == [], command


@pytest.mark.process
@pytest.mark.parametrize(
    ('module', 'without'),
    [
        ('m2m_benchmarks.arrays', ('scipy.stats', 'sklearn', 'torch')),
        ('m2m_benchmarks.scoring.score', ('torchvision', 'timm')),
        ('m2m_benchmarks.models.controls', ('torchvision',)),
        ('m2m_benchmarks.acquisition.importing', ('torch', 'sklearn')),
        ('m2m_benchmarks.acquisition.digit_import', ('torchvision',)),
    ],
)
@pytest.mark.several
def test_modules_import_only_what_they_need(module, without):
    script = f'import sys, {module}; print(sorted(sys.modules.keys() & {set(without)!r}))'
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'
