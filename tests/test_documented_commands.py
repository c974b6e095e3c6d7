"""Commands of README.md, CONTRIBUTING.md, docs/ and examples/: the command line takes all, and they are run here.

Those about real recordings run on simulated ones, with few bootstrap draws. What another test runs is named in NOT_RUN.
"""

import io
import re
import shlex
import shutil
from pathlib import Path

import pytest
import torch
import typer
from torchvision import models

from m2m_benchmarks.cli.main import app
from m2m_benchmarks.errors import UnknownNameError
from m2m_benchmarks.storage import sha256_file
from m2m_benchmarks.testing import write_bundle

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [ROOT / 'CONTRIBUTING.md', ROOT / 'README.md', *(ROOT / 'docs').glob('*.md'), *(ROOT / 'examples').glob('*.md')]
)
_FENCE = re.compile(r'^```\w*\n(.*?)^```$', re.M | re.S)
#: Commands are read by the pattern that they start with.
_KINDS = ('m2m ', 'python ')


def commands(text):
    """List the commands of a page, and whether each is whole: those in blocks are, those in sentences may be begun."""
    listed = []
    for block in _FENCE.findall(text):
        for line in re.sub(r'\\\n\s*', '', block).splitlines():
            if line.startswith(_KINDS):  # two spaces divide a command from a remark
                listed.append((re.split(r' {2,}(?!-)', line)[0], True))
    listed += [(code, False) for code in re.findall(r'`([^`\n]+)`', _FENCE.sub('', text)) if code.startswith(_KINDS)]
    return listed


def documented(kind):
    """Commands of all pages that start with a word, and whether each is whole, without repetitions."""
    listed = {}
    for page in PAGES:
        for command, whole in commands(page.read_text(encoding='utf-8')):
            if command.startswith(kind):
                listed[command] = listed.get(command, False) or whole
    return sorted(listed.items())


def wrong_usage(command, whole):
    """What the command line says is wrong with a command, or None; it is parsed, and not run."""
    words = [word for word in shlex.split(command)[1:] if word not in ('…', 'COMMAND')]
    if not whole and words[-1:] == ['--json']:
        words.append('-')
    root = typer.main.get_command(app)
    owner = next(kind for kind in typer.core.TyperCommand.__mro__ if 'invoke' in vars(kind))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, 'invoke', lambda *_: None)
        try:
            root.main(words, prog_name='m2m', standalone_mode=False)
        except UnknownNameError:  # a placeholder in place of a survey
            return None if not whole else command
        except typer.BadParameter.__base__ as error:
            text = error.format_message()
            begun = type(error).__name__ in ('MissingParameter', 'NoArgsIsHelpError') or 'requires an argument' in text
            return None if begun and not whole else text
    return None


@pytest.mark.seconds
def test_the_command_line_takes_every_command():
    every = documented('m2m ')
    assert len(every) > 80
    assert {command: message for command, whole in every if (message := wrong_usage(command, whole))} == {}


@pytest.mark.parametrize(
    ('command', 'whole', 'message'),
    [
        ('m2m scor pixels_64 SimulatedMouse-rdm', True, "No such command 'scor'"),
        ('m2m score pixels_64 SimulatedMouse-rdm --wieghts none', True, 'No such option'),
        ('m2m data fetch', True, 'Usage: m2m data fetch'),
        ('m2m data fetch', False, None),
        ('m2m data fetch --areaz VISp', False, 'No such option'),
    ],
)
def test_wrong_usage_is_noticed(command, whole, message):
    noticed = wrong_usage(command, whole)
    assert noticed is None if message is None else message in noticed


def test_commands_are_read_from_pages():
    text = (
        'Run `m2m doctor`:\n\n```\nm2m cache list     what is stored\nm2m score A \\\n    B --layer C\nprinted\n```\n'
    )
    assert commands(text) == [('m2m cache list', True), ('m2m score A B --layer C', True), ('m2m doctor', False)]


def test_scripts_have_the_options_of_their_commands():
    missing = []
    for command, _ in documented('python '):
        words = shlex.split(command)[1:]
        if not words[0].endswith('.py'):
            continue  # modules: `python -m pytest`
        source = (ROOT / words[0]).read_text(encoding='utf-8')
        missing += [f'{words[0]} {word}' for word in words[1:] if word.startswith('--') and f"'{word}'" not in source]
    assert missing == []


#: Parts of commands about real recordings and networks, and small ones that take their place.
SMALL = {
    'deVries2020.VISp.Cux2-rdm': 'SimulatedMouse.VISl-rdm',
    'deVries2020': 'SimulatedMouse',
    'Siegle2021': 'SimulatedMouse',
    '--neuroids 40,133,404 --recordings 4': '--neuroids 40 --recordings 1',
    # Three layers in place of 13.
    ' --layer features.3 --layer features.4 --layer features.6 --layer features.7': '',
    ' --layer features.10 --layer features.11 --layer features.12 --layer maxpool --layer stage2': '',
    ' --layer stage4': '',
    # A network that is smaller than ResNet-18, whose pages name it as an example.
    'torchvision:resnet18': 'torchvision:shufflenet_v2_x0_5',
    'neurn_resnet18 SimulatedMouse': 'neurn_squeezenet1_1_at32 SimulatedMouse',
    'plain_resnet18 SimulatedMouse': 'plain_squeezenet1_1_at32 SimulatedMouse',
    '--steps 300': '--steps 2 --seeds 0',
    '--seeds 0-4': '--seeds 0-1',
    'SimulatedMouse-rmse': 'SimulatedMouse.VISp-rmse',
    ' --paper': '',
    # One area, and one pair of networks.
    'SimulatedMouse-rdm SimulatedMouse-ridge': 'SimulatedMouse.VISp-rdm SimulatedMouse.VISp-ridge',
    'rdm --benchmark SimulatedMouse-ridge': 'rdm --benchmark SimulatedMouse.VISp-ridge',
    'SimulatedMouse-rdm --across': 'SimulatedMouse.VISp-rdm --across',
    '@none pixels_64 --benchmark SimulatedMouse-rdm': '@none pixels_64 --benchmark SimulatedMouse.VISp-rdm',
    ' neurn_shufflenet_v2_x0_5@shufflenet_v2_x0_5.pth plain_shufflenet_v2_x0_5@shufflenet_v2_x0_5.pth': '',
}
#: Why a command isn't run here. Where another test runs its like, it is named.
NOT_RUN = {
    r'architectures --figure': "the paper's networks: tests/analysis/test_architectures.py",
    r'suite:paper': 'all recordings of the paper: tests/benchmarks/test_selection.py',
    r'--published': 'published numbers of real recordings: tests/acquisition/allen/test_published.py',
    r'Synthetic2photon': 'sessions that perf/profiles.py writes: tests/analysis/test_profiles.py',
    r'Qazi2025|mnist|svhn|digits-domain|fetch digits': 'digits: tests/acquisition, tests/scoring',
    r'imagefolder': 'four processors: tests/training/test_train.py runs it on one',
    r'data fetch': 'a server: tests/cli/test_fetch_recordings.py fetches from one on this machine',
    r'--nwb': 'NWB files: tests/acquisition/test_nwb.py',
    r'm2m export': 'a plugin, an archive or a run, and minutes: tests/submission',
    r'sweep': 'files and processes of a cluster: tests/sweep, tests/cli/test_sweep_cli.py',
    r'efficientnet': 'examples/demo.py, which tests/test_demo.py runs',
}
#: Written as placeholders are: no command that can be run.
_PLACEHOLDER = re.compile(r'\b(neurn_)?[A-Z]+\b(?!-)|…|\.\.\.')


def text_of(page):
    """Text of a page of docs/."""
    return (ROOT / 'docs' / page).read_text(encoding='utf-8')


def runnable(text):
    """List the whole commands of a text that no other test runs."""
    every = [command for command, whole in commands(text) if whole and command.startswith('m2m ')]
    return [command for command in every if not any(re.search(reason, command) for reason in NOT_RUN)]


def about_results():
    """Commands of docs/score.md about results."""
    return runnable(text_of('score.md').partition('## Results')[2])


def turn(command):
    """Number of a command among those that write what others read, or that read it before it is cleared."""
    starts = ('m2m analyze neurons', 'm2m score', 'm2m analyze', 'm2m compare', 'm2m report')
    return next((number for number, start in enumerate(starts) if command.startswith(start)), len(starts))


def others():
    """List the commands of all pages, in sentences too, but those of docs/recordings.md and about results."""
    apart = {*runnable(text_of('recordings.md')), *about_results()}
    every = [command for command, _ in documented('m2m ') if command not in apart and not _PLACEHOLDER.search(command)]
    run = [command for command in every if not any(re.search(reason, command) for reason in NOT_RUN)]
    run = [command for command in run if wrong_usage(command, whole=True) is None]
    return sorted(run, key=turn)


def test_every_whole_command_is_run_or_has_a_reason():
    run = {*runnable(text_of('recordings.md')), *about_results(), *others()}
    rest = [command for command, whole in documented('m2m ') if whole and command not in run]
    assert [command for command in rest if not any(re.search(reason, command) for reason in NOT_RUN)] == []
    files = [file for why in NOT_RUN.values() for file in re.findall(r'(?:tests|examples)/[\w/]+(?:\.py)?', why)]
    assert [file for file in files if not (ROOT / file).exists()] == []
    assert len(files) >= len(NOT_RUN)


@pytest.mark.seconds
def test_commands_about_recordings_run(m2m, m2m_home, tmp_path, monkeypatch):
    """The commands of docs/recordings.md, in their order, on a small bundle in the folder where they are run."""
    monkeypatch.chdir(tmp_path)
    write_bundle(tmp_path)
    run = runnable(text_of('recordings.md'))
    assert len(run) == 11
    for command in run:
        if command == 'm2m data import Smith2026.zip':
            assert m2m('data', 'remove', 'Smith2026').code == 0  # as on another machine
        ran = m2m(*shlex.split(command)[1:])
        assert ran.code == 0, (command, ran.err)
    assert not (m2m_home / 'data' / 'Smith2026').exists()


@pytest.mark.seconds
def test_commands_about_results_run(m2m, m2m_home, tmp_path, monkeypatch, few_draws):
    """The commands of docs/score.md about results, on the score of the pixels."""
    monkeypatch.chdir(tmp_path)
    assert m2m('score', 'pixels_64', 'SimulatedMouse.VISp-rdm').code == 0
    run = about_results()
    assert len(run) == 6
    uid = m2m('results', 'list', '--each').out.split()
    uid = next(word for word in uid if re.fullmatch(r'[0-9a-f]{4,}', word))
    here = {'47b8': uid, 'theirs': 'ours', 'Siegle2021': 'SimulatedMouse.VISp', 'torchvision:': ''}
    monkeypatch.setattr('sys.stdin', io.StringIO('y\n'))  # yes, delete it
    for command in run:
        for word, replacement in here.items():
            command = command.replace(word, replacement)
        ran = m2m(*shlex.split(command)[1:])
        assert ran.code == 0, (command, ran.err)
    assert (tmp_path / 'ours.json').is_file()


@pytest.fixture
def small_world(m2m_home, tmp_path, monkeypatch):
    """The files that commands name, in the folder where they are run, with random weights."""
    monkeypatch.chdir(tmp_path)
    checkpoints = tmp_path / 'torch' / 'hub' / 'checkpoints'
    checkpoints.mkdir(parents=True)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    for name in ('squeezenet1_1', 'shufflenet_v2_x0_5'):
        torch.save(models.get_model(name, weights=None).state_dict(), f'{name}.pth')
        # Default weights are not downloaded where they are here; their names have the first digits of their hash.
        default = models.get_model_weights(name).DEFAULT
        start = sha256_file(Path(f'{name}.pth'))[:8]
        shutil.copy(f'{name}.pth', checkpoints / f'{name}-{start}.pth')
        monkeypatch.setattr(default.value, 'url', f'https://download.pytorch.org/models/{name}-{start}.pth')
    for file in ('net.py', 'networks.py'):
        Path(file).write_text(
            'from torch import nn\n\ndef make():\n    return nn.Sequential(nn.Conv2d(3, 4, 5, stride=4), nn.ReLU())\n'
        )


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_other_commands_run(m2m, small_world, few_draws, tmp_path):
    run = others()
    assert len(run) > 45
    failed = {}
    for command in run:
        small = command
        for part, replacement in SMALL.items():
            small = small.replace(part, replacement)
        ran = m2m(*shlex.split(small)[1:])
        if ran.code:
            failed[small] = ran.err
    assert failed == {}
    figures = {path.name for path in tmp_path.glob('*.png')}
    assert {'scores.png', 'twins.png', 'neurons.png', 'hierarchy.png', 'representation.png'} <= figures
