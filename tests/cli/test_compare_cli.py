"""The command `m2m compare`."""

import fcntl
import itertools
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import numpy as np
import pytest
import typer

from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.analysis import compare as comparing
from m2m_benchmarks.analysis.comparison import ComparedCandidate, Comparison, Difference, Row
from m2m_benchmarks.benchmarks.comparisons import COMPARISONS, OF_MAPS
from m2m_benchmarks.cli.seeds import parse_seeds
from m2m_benchmarks.errors import ModelError, StorageError
from m2m_benchmarks.records import store

pytestmark = pytest.mark.usefixtures('few_draws')

SQUEEZE = 'squeezenet1_1_at32'
THIN = ('--benchmark', 'SklearnDigits.thin-accuracy')
VISP = ('--benchmark', 'SimulatedMouse.VISp-rdm')
TWINS = (f'neurn_{SQUEEZE}', f'plain_{SQUEEZE}')
UNTRAINED = ('neurn_digitnet@none', 'plain_digitnet@none', 'pixels_64')


def test_help_has_examples_and_every_option(m2m):
    for flag in ('-h', '--help'):
        ran = m2m('compare', flag)
        assert (ran.code, ran.err) == (0, '')
        assert 'm2m compare neurn_digitnet plain_digitnet --benchmark Qazi2025.MNIST-accuracy --seeds 0-4\n' in ran.out
        options = '--benchmark --seeds --source --weights --steps --batch-size --lr --limit --correction --controls'
        options += ' --across --mouse-acuity --figure --json'
        for option in options.split():
            assert option in ran.out
    assert 'compare' in m2m('--help').out


@pytest.mark.parametrize(
    ('text', 'seeds'),
    [
        ('0', [0]),
        ('0,1,2', [0, 1, 2]),
        ('0-4', [0, 1, 2, 3, 4]),
        ('7, 0-2', [7, 0, 1, 2]),
        ('3-3', [3]),
        ('0-999', list(range(1000))),
    ],
)
def test_seeds(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    'text', ['', ',', '0,', '0,x', '0,0', '0-2,1', '-1', '4-2', '1-', '0-1-2', '1.5', '٣', '0-1000']
)
def test_malformed_seeds(text):
    with pytest.raises(typer.BadParameter, match='expected different whole numbers or ranges'):
        parse_seeds(text)


def test_a_range_of_seeds_that_fills_the_memory_is_refused_at_once():
    with pytest.raises(typer.BadParameter, match='at most 1,000'):
        parse_seeds('0-99999999999999')


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((), 'Missing argument'),
        (('pixels_64',), "Missing option '--benchmark'"),
        ((*UNTRAINED, *VISP, '--steps', '3'), 'no model is trained for this comparison'),
        ((*TWINS, *THIN, '--weights', 'none'), f'{TWINS[0]} is trained for this comparison'),
        ((*UNTRAINED, *VISP, '--weights', 'none'), 'it is for models without @ that have a choice of weights'),
        (('pixels_64', *VISP), 'expected two models or more, got pixels_64 alone'),
        ((*UNTRAINED, *VISP, '--seeds', '0,x'), "'0,x': expected different whole numbers"),
        ((*UNTRAINED, *VISP, '--correction', 'bonferroni'), 'expected holm or fdr, got bonferroni'),
        ((*TWINS, *THIN, '--controls'), 'controls are for benchmarks of recordings'),
        ((*UNTRAINED[1:], *VISP, '--across', 'areas'), 'expected comparisons, got areas'),
        ((*UNTRAINED, *VISP, '--across', 'comparisons'), 'it is for two models, without --controls'),
    ],
)
@pytest.mark.seconds
def test_wrong_usage(m2m, m2m_home, arguments, message):
    ran = m2m('compare', *arguments)
    assert (ran.code, ran.out) == (2, '')
    assert message in ran.err
    assert 'Traceback' not in ran.err
    assert not m2m_home.exists()


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((*TWINS, *THIN, '--figure', 'twins.gif'), 'expected a file that ends in .png, .svg, .pdf'),
        ((*TWINS, *THIN, '--json', '/dev/null/x.json'), 'Name another file after --json'),
        ((*TWINS, '--benchmark', 'Sklearn-accuracy'), "unknown benchmark 'Sklearn-accuracy'"),
        ((*TWINS, *THIN, '--source', 'usps'), 'leave --source out'),
        (('run:nowhere', TWINS[0], *THIN), 'there is no run nowhere'),
        ((*TWINS, *THIN, '--steps', 0), 'steps is 0'),
        (('pixels_64', 'pixels_64', *VISP), 'pixels_64 is named twice; name different models.\n'),
        ((*TWINS, f'{TWINS[0]}@none', *VISP, '--weights', 'none'), f'{TWINS[0]}@none is named twice'),
        (('pixels_64', 'torchvision:squezenet1_1', *VISP), 'Did you mean squeezenet1_1'),
        (('pixels_64', 'torchvision:squeezenet1_1@nowhere.pth', *VISP), 'there is no weights file nowhere.pth'),
        (('pixels_64@none', TWINS[0], *VISP), 'pixels_64'),
        ((*TWINS, *THIN, '--across', 'comparisons'), 'has no other comparisons; name benchmarks of recordings'),
    ],
)
@pytest.mark.seconds
def test_errors_that_the_user_can_fix(m2m, m2m_home, arguments, message):
    ran = m2m('compare', *arguments)
    assert (ran.code, ran.out) == (1, '')
    assert ran.err.startswith('error: ')
    assert message in ran.err
    assert ran.err.count('error:') == 1
    assert not list((m2m_home / 'runs').glob('*'))


NO_TORCH = """
import sys
sys.modules['torch'] = None
from m2m_benchmarks.cli.main import main
sys.argv = ['m2m', 'compare', *sys.argv[1:]]
main()
"""


@pytest.mark.process
@pytest.mark.seconds
@pytest.mark.parametrize(
    'arguments',
    [
        ('pixels_64', 'torchvision:squezenet1_1', *VISP),
        ('pixels_64', 'plain_digitnet@none', '--benchmark', 'SimulatedMouse.VISp-rmd'),
        ('pixels_64', 'pixels_64', *VISP),
    ],
)
def test_names_are_answered_before_torch_is_loaded(m2m_home, arguments):
    command = [sys.executable, '-c', NO_TORCH, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (1, '')
    assert ran.stderr.startswith('error: ')
    assert 'Traceback' not in ran.stderr


def test_training_without_lightning(m2m, m2m_home, monkeypatch):
    monkeypatch.setitem(sys.modules, 'lightning', None)
    ran = m2m('compare', *TWINS, *THIN)
    assert (ran.code, ran.out) == (1, '')
    assert ran.err == (
        "error: training needs the package lightning, which is not installed: pip install 'm2m-benchmarks[train]'\n"
    )


@pytest.mark.seconds
def test_a_comparison_on_recordings_without_lightning(m2m, trained, monkeypatch):
    monkeypatch.setitem(sys.modules, 'lightning', None)
    monkeypatch.delitem(sys.modules, 'm2m_benchmarks.training.train', raising=False)
    ran = m2m('compare', 'plain_digitnet@none', 'pixels_64', *VISP, '--seeds', '0')
    assert (ran.code, ran.err) == (0, '')


@pytest.fixture
def asked(monkeypatch):
    """Give the arguments of comparisons, which are not computed: all models have the same score."""
    calls = []

    def compare(models, benchmarks, *options, correction, mouse_acuity, neurons):
        calls.append((models, benchmarks, correction, mouse_acuity))
        pairs = list(itertools.combinations(range(len(models)), 2))
        n = len(models)
        same = [Difference(*pair, 0.0, 0.1, (-0.2, 0.2), 1.0, 1.0, False, 'bootstrap') for pair in pairs]
        row = Row('score', [[0.5]] * n, [0.1] * n, *[[None] * n] * 4, [(1, n)] * n, [list(range(n))], same)
        candidates = [ComparedCandidate(model, None, [{}]) for model in models]
        return [Comparison(name, candidates, [row], correction) for name in benchmarks]

    monkeypatch.setattr(comparing, 'compare', compare)
    return calls


@pytest.mark.seconds
def test_controls_are_added_and_the_correction_is_passed_on(m2m, trained, asked):
    network = 'plain_digitnet'
    ran = m2m('compare', network, *VISP, '--controls', '--correction', 'fdr', '--json', '-')
    assert (ran.code, ran.err) == (0, '')
    assert asked == [([network, f'{network}@none', 'pixels_64'], list(VISP[1:]), 'fdr', False)]
    assert json.loads(ran.out)['correction'] == 'fdr'


@pytest.mark.seconds
def test_two_models_under_all_comparisons(m2m, trained, tmp_path, asked):
    options = (*VISP, '--across', 'comparisons', '--figure', tmp_path / 'a.svg')
    ran = m2m('compare', 'plain_digitnet@none', 'pixels_64', *options, '--json', tmp_path / 'a.json')
    assert (ran.code, ran.err) == (0, '')
    document = json.loads((tmp_path / 'a.json').read_text())
    (across,) = document['across']
    of_any_model = [name for name in COMPARISONS if name not in OF_MAPS]
    assert (across['recordings'], across['comparisons']) == ('SimulatedMouse.VISp', of_any_model)
    benchmarks = [f'SimulatedMouse.VISp-{name}' for name in of_any_model]
    assert [compared['benchmark'] for compared in document['comparisons']] == asked[0][1] == benchmarks
    assert across['sentences'][0] in ' '.join(ran.out.split())
    assert ran.out.splitlines()[-1] == str(tmp_path / 'a.svg')
    assert (tmp_path / 'a.svg').read_text().startswith('<?xml')


@pytest.mark.seconds
@pytest.mark.parametrize('json_too', [False, True])
def test_what_is_scored_is_shown_if_the_comparison_fails(m2m, trained, monkeypatch, json_too):
    def refuse(name, **options):
        if name == 'plain_digitnet':
            raise ModelError('no room for it')
        return real(name, **options)

    real = comparing.load_candidate
    monkeypatch.setattr(comparing, 'load_candidate', refuse)
    options = ('--json', '-') if json_too else ()
    ran = m2m('compare', 'pixels_64', 'plain_digitnet@none', *VISP, '--seeds', '0', *options)
    assert ran.code == 1
    assert ran.err == 'The comparison is not finished; scores so far: 1.\nerror: no room for it\n'
    if json_too:
        assert [result['model'] for result in json.loads(ran.out)] == ['pixels_64']
    else:
        assert re.search(r'pixels_64 +0\.\d\d\d', ran.out)


@pytest.mark.seconds
def test_a_comparison_is_shown_if_something_cannot_be_written(m2m, trained, tmp_path, monkeypatch):
    def refuse(*arguments):
        raise StorageError('no room here')

    monkeypatch.setattr(store, 'add', refuse)
    monkeypatch.setattr('m2m_benchmarks.report.comparison.write_figure', refuse)
    path = tmp_path / 'compared.json'
    options = ('--seeds', '7', '--figure', tmp_path / 'a.svg', '--json', path)
    ran = m2m('compare', 'pixels_64', 'plain_digitnet@none', *VISP, *options)
    assert ran.code == 1
    assert 'one score each' in ran.out
    assert len(json.loads(path.read_text())['candidates']) == 2
    assert ran.err.endswith('error: no room here\n')
    ran = m2m('compare', 'pixels_64', 'plain_digitnet@none', *VISP, '--seeds', '7')
    assert ran.code == 1
    assert 'one score each' in ran.out
    assert re.search(r'error: 1 score is not stored: printed here, .* The reason: no room here\n$', ran.err)


@pytest.mark.slow
@pytest.mark.seconds
def test_a_comparison_as_table_json_and_figure(m2m, trained, tmp_path):
    options = ('--seeds', '0-2', '--steps', 2, '--batch-size', 4, '--figure', tmp_path / 'twins.svg')
    ran = m2m('compare', *TWINS, *THIN, *options, '--json', tmp_path / 'twins.json')
    assert (ran.code, ran.err) == (0, '')
    document = json.loads((tmp_path / 'twins.json').read_text())
    assert [candidate['seeds'] for candidate in document['candidates']] == [[0, 1, 2]] * 2
    lines = ran.out.splitlines()
    assert lines[0].strip() == 'SklearnDigits.thin-accuracy'
    for row in document['rows']:
        (line,) = (line for line in lines if line.split()[:1] == [row['name']])
        (pair,) = row['differences']
        assert f'{pair["value"]:+.3f} ± {pair["error"]:.3f}' in line
        assert f'{pair["interval"][0]:+.3f} to {pair["interval"][1]:+.3f}' in line
        for values in row['values']:
            assert f'{np.mean(values):.3f}' in line
    for candidate, spread in zip(document['candidates'], document['rows'][-1]['spreads'], strict=True):
        (line,) = (line for line in lines if candidate['label'] in line)
        assert line.split()[-1] == f'{spread:.3f}'
    assert "paired over 3 seeds, Student's t.\n" in ran.out
    assert 'Seeds: 0, 1, 2; between seeds: standard deviation.' in ran.out
    assert 'chance is 0.1' in ran.out
    assert "scikit-learn's digits and domains derived from them, not those of the paper" in ran.out
    assert lines[-1] == str(tmp_path / 'twins.svg')
    assert (tmp_path / 'twins.svg').read_text().startswith('<?xml')
    ran = m2m('compare', *TWINS, *THIN, *options[:6], '--json', '-')
    assert json.loads(ran.out)['rows'] == document['rows']


@pytest.mark.seconds
@pytest.mark.slow
def test_two_seeds_have_no_interval_and_the_table_says_why(m2m, trained):
    ran = m2m('compare', *TWINS, *THIN, '--seeds', '0,1', '--steps', 2, '--batch-size', 4)
    assert "paired over 2 seeds, Student's t; no interval: it needs 3 seeds or more." in ran.out
    assert ' to ' not in ran.out.partition('paired over')[0]


@pytest.mark.seconds
@pytest.mark.slow
def test_several_benchmarks_at_once(m2m, trained, tmp_path):
    names = ('SklearnDigits.thin-accuracy', 'SklearnDigits.thick-accuracy')
    benchmarks = [part for name in names for part in ('--benchmark', name)]
    options = ('--seeds', '0', '--steps', 2, '--batch-size', 4)
    ran = m2m('compare', *TWINS, *benchmarks, *options, '--figure', tmp_path / 'both.svg', '--json', '-')
    assert [comparison['benchmark'] for comparison in json.loads(ran.out)] == list(names)
    assert (tmp_path / 'both.svg').read_text().startswith('<?xml')
    assert len(list((trained / 'runs').glob(f'plain_{SQUEEZE}-SklearnDigits-seed0-*'))) == 1  # trained once for both


@pytest.mark.seconds
@pytest.mark.slow
def test_the_default_of_the_weights_is_for_models_that_have_some(m2m, trained):
    """Pixels have no weights, so --weights does not apply to them."""
    ran = m2m('compare', 'plain_digitnet', 'pixels_64', *VISP, '--weights', 'none', '--seeds', '0', '--json', '-')
    assert ran.code == 0
    first, second = json.loads(ran.out)['candidates']
    assert [first['seeds'], second['seeds']] == [[0], None]
    assert first['results'][0]['weights'] == 'none (seed 0)'


@pytest.mark.seconds
@pytest.mark.slow
def test_an_at_sign_in_the_name_of_a_file(m2m, trained, tmp_path):
    """An @ may be part of a file's name."""
    import torch

    from m2m_benchmarks.scoring.candidates import load_candidate

    file = tmp_path / 'of@none.pth'
    torch.save(load_candidate('plain_digitnet', weights='none', seed=3).module.state_dict(), file)
    ran = m2m('compare', f'plain_digitnet@{file}', 'pixels_64', *VISP, '--json', '-')
    candidate = json.loads(ran.out)['candidates'][0]
    assert candidate['label'] == 'plain_digitnet@of@none.pth'
    assert candidate['results'][0]['weights'].startswith('file of@none.pth')
    ran = m2m('compare', 'plain_digitnet@none', 'pixels_64', *VISP, '--seeds', '3', '--json', '-')
    assert json.loads(ran.out)['rows'][0]['values'][0] == [candidate['results'][0]['score']]


@pytest.mark.seconds
@pytest.mark.slow
def test_simulated_recordings_are_called_that(m2m, trained):
    ran = m2m('compare', *TWINS, *VISP, '--weights', 'none', '--seeds', '0')
    assert ran.code == 0
    assert 'SimulatedMouse is simulated: these numbers say nothing about any mouse.' in ran.out
    assert 'bootstrap over animals and stimuli, the same draws for both' in ran.out
    assert 'p above chance' not in ran.out


@pytest.mark.seconds
def test_recordings_without_a_score(m2m, m2m_home, make_bundle, tmp_path):
    """Twelve stimuli and 16 neuroids: the ceiling is too uncertain, which is said, without a traceback."""
    sessions = (('a.npz', 'VISp', 'm1', 's1', 8), ('b.npz', 'VISp', 'm2', 's2', 8))
    import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle', n_images=12, n_units=8, sessions=sessions).paths)
    for benchmark in ('Lab2026.VISp-rdm', 'Lab2026-rdm'):
        ran = m2m('compare', 'plain_digitnet@none', 'pixels_64', '--benchmark', benchmark)
        assert ran.code == 1
        assert f'{benchmark} cannot compare these models: the ceiling is too uncertain for a score: ' in ran.err
    both = ('--benchmark', 'Lab2026.VISp-rdm', '--benchmark', 'Lab2026.VISp-ridge')
    ran = m2m('compare', 'plain_digitnet@none', 'pixels_64', *both)
    assert ran.code == 0
    assert 'note: Lab2026.VISp-rdm cannot compare these models' in ran.err
    assert 'Lab2026.VISp-ridge\n' in ran.out and 'Lab2026.VISp-rdm' not in ran.out
    ran = m2m(
        'compare', 'plain_digitnet@none', 'pixels_64', '--benchmark', 'Lab2026.VISp-rdm', '--across', 'comparisons'
    )
    assert ran.code == 0
    assert 'note: Lab2026.VISp-rdm cannot compare these models' in ran.err
    assert 'ridge' in ran.out and 'cka' in ran.out


WITH_SETTINGS = """
import json, sys
import pytest
from m2m_benchmarks.cli.main import main
for name, value in json.loads(sys.argv.pop(1)).items():
    pytest.MonkeyPatch().setattr(name, value)
main()
"""


def in_terminal(columns, settings, *arguments):
    """Run a command on a terminal of a given width, with settings of the library, and return its output."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != 'COLUMNS'} | {'TERM': 'xterm'}
    command = [sys.executable, '-W', 'ignore', '-c', WITH_SETTINGS, json.dumps(settings), *map(str, arguments)]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE, env=environment) as process:
        os.close(theirs)
        written = b''
        while True:
            try:
                part = os.read(ours, 1 << 16)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            written += part
        _, errors = process.communicate()
    os.close(ours)
    assert process.returncode == 0, errors.decode()
    return written.decode()


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.seconds
def test_a_terminal_shows_whole_numbers_and_names(trained, tmp_path, settings_of_few_draws):
    json_file = tmp_path / 'result.json'
    arguments = ('compare', *UNTRAINED, '--benchmark', 'SimulatedMouse-rdm', '--seeds', '0-2', '--json', json_file)
    for columns in (60, 80, 100):  # the second and third time from stored scores
        text = re.sub(r'\x1b\[[0-9;]*m', '', in_terminal(columns, settings_of_few_draws, *arguments))
        lines = text.replace('\r\n', '\n').split('\n')
        assert max(map(len, lines)) <= columns
        assert '…' not in text
        document = json.loads(json_file.read_text())
        for label in UNTRAINED:
            assert label in text
        for area in ('VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl', 'mean'):
            assert sum(line.split()[:1] == [area] for line in lines) == 2  # the scores, and single animals
        for pair in document['rows'][-1]['differences']:
            assert f'{pair["value"]:+.3f} ± {pair["error"]:.3f}' in text
            assert f'{pair["interval"][0]:+.3f} to {pair["interval"][1]:+.3f}' in text
