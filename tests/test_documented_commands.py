"""Commands of README.md, CONTRIBUTING.md, docs/ and examples/: the command line takes all, and many are run here."""

import io
import re
import shlex
from pathlib import Path

import pytest
import typer

from m2m_benchmarks.cli.main import app
from m2m_benchmarks.errors import UnknownNameError
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


@pytest.fixture
def wrong_usage(monkeypatch):
    """Return a function of a command and whether it is whole: what the command line says is wrong with it, or None."""
    root = typer.main.get_command(app)
    owner = next(kind for kind in typer.core.TyperCommand.__mro__ if 'invoke' in vars(kind))
    monkeypatch.setattr(owner, 'invoke', lambda *_: None)  # commands are parsed, and not run

    def message(command, whole):
        words = [word for word in shlex.split(command)[1:] if word not in ('…', 'COMMAND')]
        if not whole and words[-1:] == ['--json']:
            words.append('-')
        try:
            root.main(words, prog_name='m2m', standalone_mode=False)
        except UnknownNameError:  # a placeholder in place of a survey
            return None if not whole else command
        except typer.BadParameter.__base__ as error:
            text = error.format_message()
            begun = type(error).__name__ in ('MissingParameter', 'NoArgsIsHelpError') or 'requires an argument' in text
            return None if begun and not whole else text
        return None

    return message


@pytest.mark.seconds
def test_the_command_line_takes_every_command(wrong_usage):
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
def test_wrong_usage_is_noticed(command, whole, message, wrong_usage):
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


#: Why a command of a block in the pages isn't run here. Where another test runs its like, it is named.
NOT_RUN = {
    r'Siegle2021|deVries2020|Synthetic2photon|suite:paper': 'recordings that are not part of this package',
    r'Qazi2025|mnist|svhn|MNISTM|MyShift|fetch digits|imagefolder': 'digits and images that are not part of it',
    r'data fetch': 'a server: tests/cli/test_fetch_recordings.py fetches from one on this machine',
    r'--nwb': 'NWB files: tests/acquisition/test_nwb.py',
    r'export': 'weights, a plugin, an archive or a run: tests/submission',
    r'analyze architectures': 'a package of the extra analysis: tests/analysis/test_architectures.py',
    r'sweep': 'files and processes of a cluster: tests/sweep, tests/cli/test_sweep_cli.py',
    r'theirs\.json': 'results of another machine: below, ours are imported',
    r'47b8': 'the identifier of a result: below, with that of one',
    r'net\.py|resnet18|squeezenet1_1|efficientnet|digitnet': 'networks: tests/scoring and tests/cli, examples/demo.py',
}
#: They are not run as `m2m export` is.
_ARCHIVES = ('m2m data export ', 'm2m results export ')


def runnable(text):
    """List the whole commands of a page that need nothing but a bundle of arrays."""
    return [
        command
        for command, whole in commands(text)
        if whole
        and command.startswith('m2m ')
        and (command.startswith(_ARCHIVES) or not any(re.search(reason, command) for reason in NOT_RUN))
    ]


#: Commands of other pages than docs/recordings.md and docs/score.md that are run with those of the latter.
ELSEWHERE = [
    'm2m leaderboard',
    'm2m leaderboard --csv scores.csv',
    'm2m leaderboard --html board',
    'm2m leaderboard --markdown table.md --json board.json',
    'm2m results list',
]


def test_what_can_run_is_run():
    others = [page for page in PAGES if page.name not in ('recordings.md', 'score.md')]
    assert sorted({command for page in others for command in runnable(page.read_text(encoding='utf-8'))}) == ELSEWHERE


@pytest.mark.seconds
def test_commands_about_recordings_run(m2m, m2m_home, tmp_path, monkeypatch):
    """The commands of docs/recordings.md, in their order, on a small bundle in the folder where they are run."""
    monkeypatch.chdir(tmp_path)
    write_bundle(tmp_path)
    text = (ROOT / 'docs' / 'recordings.md').read_text(encoding='utf-8')
    imported = 'm2m data import Siegle2021 --sessions sessions.csv --units units.csv --stimuli stimuli'
    run = runnable(text)
    assert imported in text
    assert len(run) == 9
    for command in [imported, 'm2m data list Siegle2021', *run]:
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
    text = (ROOT / 'docs' / 'score.md').read_text(encoding='utf-8').partition('## Results')[2]
    run = [command for command, whole in commands(text) if whole]
    assert len(run) == 6
    uid = m2m('results', 'list', '--each').out.split()
    uid = next(word for word in uid if re.fullmatch(r'[0-9a-f]{4,}', word))
    here = {'47b8': uid, 'theirs': 'ours', 'Siegle2021': 'SimulatedMouse.VISp', 'torchvision:': ''}
    monkeypatch.setattr('sys.stdin', io.StringIO('y\n'))  # yes, delete it
    for command in [*ELSEWHERE, *run]:
        for word, replacement in here.items():
            command = command.replace(word, replacement)
        ran = m2m(*shlex.split(command)[1:])
        assert ran.code == 0, (command, ran.err)
    assert (tmp_path / 'ours.json').is_file()
