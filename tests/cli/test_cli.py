"""The command line: output and exit codes."""

import ctypes
import importlib.metadata
import json
import os
import subprocess
import sys

import pytest

from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.benchmarks.comparisons import COMPARISONS, load_comparison
from m2m_benchmarks.benchmarks.datasets import RECORDINGS
from m2m_benchmarks.cli.main import main
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.data.digit_names import DOMAINS

pytestmark = pytest.mark.usefixtures('few_draws')


@pytest.fixture
def m2m(monkeypatch, capsys):
    """Run a command in this process: exit code, stdout, stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, 'argv', ['m2m', *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as exit_:
            code = exit_.code or 0
        output = capsys.readouterr()
        assert 'Traceback' not in output.err
        return code, output.out, output.err

    return run


@pytest.mark.seconds
def test_models(m2m, m2m_home):
    code, out, _ = m2m('models')
    assert code == 0
    assert out == m2m('models', 'list')[1]
    lines = out.splitlines()
    assert lines[0] == f'This library (m2m_benchmarks): {len(lines) - 4}'
    assert '  pixels_64' in lines
    assert not [line for line in lines if line.strip() == 'alexnet']
    own = json.loads(m2m('models', '--json', '-')[1])
    assert {'identifier': 'pixels_64', 'library': 'm2m_benchmarks', 'plugin': 'controls'} in own
    every = json.loads(m2m('models', '--all', '--json', '-')[1])
    libraries = [plugin['library'] for plugin in every]
    assert libraries.count('brainscore_vision') > 500
    assert f'Brain-Score (brainscore_vision): {libraries.count("brainscore_vision")} more; list them with --all' in out
    lines = m2m('models', '--all')[1].splitlines()
    assert [line.strip() for line in lines if line.startswith('  ')] == [plugin['identifier'] for plugin in every]


@pytest.mark.seconds
def test_a_search_of_models(m2m, m2m_home):
    names = [line.strip() for line in m2m('models', 'ResNet18')[1].splitlines()]
    assert names[:3] == ['This library (m2m_benchmarks): 2', 'plain_resnet18', 'neurn_resnet18']
    assert names[3].startswith('Brain-Score (brainscore_vision): ')
    assert all('resnet18' in name.lower() for name in names[4:])
    assert names == [line.strip() for line in m2m('models', 'list', 'resnet18')[1].splitlines()]
    assert m2m('models', 'pixels_64', '--json', '-')[1].count('identifier') == 1
    code, out, err = m2m('models', 'resnet19')
    assert (code, out) == (1, '')
    assert "unknown model 'resnet19'" in err
    assert '`m2m models --all` lists every name' in err


@pytest.mark.seconds
def test_a_model_is_shown(m2m, m2m_home):
    code, out, _ = m2m('models', 'show', 'neurn_resnet18_k5_after_stem')
    assert code == 0
    for line in (
        'image size: 224',
        "neurn: NeuRN(kernel_size=5, padding='edge', scope='image', eps=1e-06) after maxpool",
        'the whole image at 224 x 224, RGB in [0, 1]; normalised by mean (0.485, 0.456, 0.406)',
        'default weights: https://download.pytorch.org/models/resnet18-f37072fd.pth',
        'layers (11):\n  backbone.relu\n  backbone.maxpool\n',
        '  V1: backbone.layer1.0',
    ):
        assert line in out
    shown = json.loads(m2m('models', 'show', 'neurn_squeezenet1_1', '--json', '-')[1])
    assert shown['mouse_areas_calibrated_on'] == 'Siegle2021'
    assert shown['region_layer_map']['VISp'] in shown['layers']
    assert 'at the input, before normalisation' in shown['neurn']
    assert json.loads(m2m('models', 'show', 'torchvision:squeezenet1_1', '--json', '-')[1])['parameters'] == 1_235_496
    assert json.loads(m2m('models', 'show', 'pixels_64', '--json', '-')[1])['layers'] == ['pixels']
    code, _, err = m2m('models', 'show', 'neurn_resnet19')
    assert code == 1
    assert 'Did you mean neurn_resnet' in err


@pytest.mark.slow
def test_a_model_is_calibrated(m2m, m2m_home, tmp_path):
    target = tmp_path / 'map.json'
    arguments = ('models', 'calibrate', 'neurn_squeezenet1_1_k5', '--dataset', 'SimulatedMouse', '--weights', 'none')
    assert m2m(*arguments, '--json', target)[0] == 0
    layers = json.loads(target.read_text())
    assert list(layers) == ['V1', 'V2', 'V4', 'IT', 'VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl']
    code, _, err = m2m('models', 'calibrate', 'pixels_64', '--dataset', 'MajajHong2015public.IT', '--metric', 'pls')
    assert code == 1
    assert 'has no mouse areas' in err or 'could not be downloaded' in err


@pytest.mark.seconds
def test_benchmarks_say_whether_their_data_is_here(m2m, m2m_home, make_bundle, tmp_path):
    rows = {row['identifier']: row for row in json.loads(m2m('benchmarks', '--json', '-')[1])}
    n_recorded = sum(len(dataset.areas) + 1 for dataset in RECORDINGS.values()) * len(COMPARISONS)
    assert len(rows) == n_recorded + 44  # of digits
    assert not any(row['data_here'] for row in rows.values())
    assert '  or: m2m data import Siegle2021 --sessions' in m2m('benchmarks', 'Siegle2021')[1]
    import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle').paths)
    rows = {row['identifier']: row for row in json.loads(m2m('benchmarks', '--json', '-')[1])}
    assert rows['Lab2026.VISal-ridge']['data_here']
    assert rows['SimulatedMouse-rdm']['simulated']
    assert 'MajajHong2015public.IT-pls' in m2m('benchmarks', '--all')[1]


@pytest.mark.seconds
def test_the_listing_of_benchmarks_is_short(m2m, m2m_home, monkeypatch):
    rows = [line.split() for line in m2m('benchmarks')[1].splitlines()]
    assert ['Siegle2021', 'comparisons', 'below', *AREAS] in rows
    described = [row[0] for row in rows if row and row[0].startswith('-')]
    assert described[: len(COMPARISONS)] == [f'-{name}' for name in COMPARISONS]
    assert rows[1] == ['These', 'can', 'run', 'here']
    assert [row[0] for row in rows[2:4]] == ['SimulatedMouse', 'SklearnDigits']
    monkeypatch.setenv('COLUMNS', '80')
    lines = m2m('benchmarks')[1].splitlines()
    assert len(lines) <= 22 + len(COMPARISONS)
    assert all(len(line) <= 80 for line in lines)
    monkeypatch.setenv('COLUMNS', '100')
    lines = m2m('benchmarks')[1].splitlines()
    assert [line.split() for line in lines[:8]] == rows[:8]  # one line a dataset


@pytest.mark.seconds
def test_benchmarks_with_a_word_in_their_name(m2m, m2m_home):
    lines = m2m('benchmarks', 'visp-RIDGE')[1].splitlines()
    assert lines[:5] == [
        *('These can run here (simulated): 1', '  SimulatedMouse.VISp-ridge'),
        *('Not on this machine: 2', '  deVries2020.VISp-ridge', '  Siegle2021.VISp-ridge'),
    ]
    rows = json.loads(m2m('benchmarks', 'visp-ridge', '--json', '-')[1])
    assert [row['data_here'] for row in rows] == [False] * 3
    assert '  MajajHong2015public.IT-pls\n' in m2m('benchmarks', 'majaj')[1]
    code, out, err = m2m('benchmarks', 'Siegle2012')
    assert (code, out) == (1, '')
    assert 'Did you mean Siegle2021' in err


@pytest.mark.seconds
def test_everything_about_the_simulated_mouse_says_so(m2m, m2m_home):
    for command in (('benchmarks',), ('data', 'list', 'SimulatedMouse'), ('doctor',)):
        assert 'simulated' in m2m(*command)[1]
    for line in m2m('benchmarks')[1].splitlines():
        assert 'SimulatedMouse' not in line or 'simulated' in line
    code, out, _ = m2m('score', 'pixels_64', 'SimulatedMouse.VISp-rdm')
    assert code == 0
    assert 'simulated: these numbers say nothing about any mouse' in out
    assert 'SimulatedMouse-rdm (simulated)' in out
    assert json.loads(m2m('score', 'pixels_64', 'SimulatedMouse.VISp-rdm', '--json', '-')[1])['simulated'] is True


@pytest.mark.seconds
def test_data_list(m2m, m2m_home):
    code, out, _ = m2m('data')
    assert code == 0
    assert out == m2m('data', 'list')[1]
    assert '\nTo get MNIST, SVHN, USPS:\n  m2m data fetch digits\n' in out
    listed = {row['name'] for row in json.loads(m2m('data', 'list', '--json', '-')[1])}
    assert listed == {*RECORDINGS, *DOMAINS, 'SklearnDigits'}
    card = m2m('data', 'list', 'Siegle2021')[1]
    assert 'Terms of Use' in card
    assert 'm2m data import Siegle2021' in card


@pytest.mark.seconds
def test_score_prints_a_table(m2m, m2m_home):
    code, out, err = m2m('score', 'pixels_64', 'SimulatedMouse-rdm', 'SimulatedMouse.VISp-ridge')
    assert code == 0
    assert err == ''  # no terminal, no progress
    for word in ('VISrl', 'layer', 'neuroids', 'raw', 'ceiling', 'score', '±', 'score = max(raw, 0)**2 / ceiling'):
        assert word in out


@pytest.mark.seconds
@pytest.mark.slow
def test_each_comparison_is_explained_in_a_line(m2m, m2m_home):
    names = [f'SimulatedMouse.VISp-{comparison}' for comparison in COMPARISONS]
    lines = m2m('score', 'pixels_64', *names)[1].splitlines()
    n_draws = load_comparison('rdm').n_draws  # few, in tests
    by = '± by bootstrap over animals'
    assert f'-rdm: score = raw / ceiling; {by} and stimuli, {n_draws} draws.' in lines
    assert f'-ridge: score = max(raw, 0)**2 / ceiling; {by}, stimuli and fits, {n_draws} draws.' in lines
    assert f'-cka: score = raw / ceiling; {by} and halves of the stimuli, {n_draws} draws.' in lines
    assert 'raw and ceiling: see m2m_benchmarks/benchmarks/simulated/METHODS.md.' in lines
    # The line that says what 0 and 1 are names all comparisons of one kind.
    assert all(len(line) <= 110 for line in lines if not line.startswith('score of '))


@pytest.mark.seconds
def test_numbers_are_whole_on_a_narrow_terminal(m2m, m2m_home, monkeypatch):
    name = 'SimulatedMouse.VISal-ridge'
    document = json.loads(m2m('score', 'pixels_64', name, '--json', '-')[1])
    monkeypatch.setenv('COLUMNS', '60')
    table = m2m('score', 'pixels_64', name)[1].partition('-ridge: score')[0].splitlines()[2:]
    assert all(len(line) <= 60 for line in table)
    raw, ceiling, score, error = (f'{document[key]:.3f}' for key in ('raw', 'ceiling', 'score', 'error'))
    own_units = '–'.join(f'{end:.2f}' for end in document['own_units_interval'])
    (shown,) = (line.split() for line in table if raw in line)
    assert shown[-6:] == [raw, own_units, ceiling, score, '±', error]


@pytest.mark.seconds
def test_score_as_json(m2m, m2m_home, tmp_path):
    code, out, _ = m2m('score', 'pixels_64', 'SimulatedMouse.VISp-rdm', '--json', '-')
    assert code == 0
    document = json.loads(out)  # nothing else on stdout
    assert document['benchmark'] == 'SimulatedMouse.VISp-rdm'
    target = tmp_path / 'result.json'
    _, out, _ = m2m('score', 'pixels_64', 'SimulatedMouse.VISp-rdm', 'SimulatedMouse.VISp-ridge', '--json', target)
    assert 'ceiling' in out
    assert [row['benchmark'] for row in json.loads(target.read_text())] == [
        'SimulatedMouse.VISp-rdm',
        'SimulatedMouse.VISp-ridge',
    ]


SQUEEZENET = ('torchvision:squeezenet1_1', 'SimulatedMouse.VISp-rdm')


@pytest.mark.seconds
@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('torchvision:resnet81', SQUEEZENET[1]), 'Did you mean resnet18'),
        (('torchvison:resnet18', SQUEEZENET[1]), 'Did you mean torchvision'),
        (('alexnet_trained', SQUEEZENET[1]), 'm2m models'),
        (('pixels_64', 'torchvision:resnet118', SQUEEZENET[1]), "unknown torchvision model 'resnet118'"),
        (('pixels_64', 'run:nowhere', SQUEEZENET[1]), 'there is no run nowhere'),
        (('pixels_64', 'alexnet', SQUEEZENET[1], '--weights', 'none'), 'alexnet brings its own weights'),
        (('./nowhere', SQUEEZENET[1]), 'not a model plugin'),
        (('pixels_64', 'neurn_resnet18_k', SQUEEZENET[1]), 'neurn_resnet18_k: after neurn_resnet18, expected'),
        (('neurn_resnet18_k',), 'neurn_resnet18_k: after neurn_resnet18, expected'),
        (('pixels_64', 'SimulatedMouse.VISpp-rdm'), 'Did you mean SimulatedMouse.VISp-rdm'),
        (('pixels_64', 'SimulatedMouse.VISp-rdn'), 'Did you mean SimulatedMouse.VISp-rdm'),
        (('pixels_64', 'Siegle2021.VISp-rdm'), 'm2m data import Siegle2021 --sessions'),
        (('pixels_64', 'deVries2020-ridge'), 'm2m data import deVries2020 --sessions'),
        ((*SQUEEZENET, '--weights', 'none', '--layer', 'featurs.3'), 'Did you mean features.3'),
        ((*SQUEEZENET, '--weights', 'nowhere.pth'), 'no weights file nowhere.pth'),
        (('pixels_64', SQUEEZENET[1], '--weights', 'none'), '--weights none applies to none of pixels_64'),
        (('pixels_64', SQUEEZENET[1], '--json', '/proc/no/result.json'), 'Name another file'),
        (('pixels_64', SQUEEZENET[1], '--json', '/'), 'it is a folder'),
        (('pixels', SQUEEZENET[1]), 'does not record from VISp'),
        (
            (
                'torchvision:vit_b_16',
                SQUEEZENET[1],
                '--weights',
                'none',
                '--layer',
                'encoder.layers.encoder_layer_0.self_attention',
            ),
            'returns a tuple of 2',
        ),
    ],
)
def test_errors_that_the_user_can_fix(m2m, m2m_home, arguments, message):
    code, out, err = m2m('score', *arguments)
    assert code == 1
    assert err.startswith('error: ')
    assert message in err
    assert out == ''


@pytest.mark.shared
def test_weights_of_another_architecture(m2m, m2m_home, shared):
    code, _, err = m2m('score', *SQUEEZENET, '--weights', shared / 'weights' / 'shufflenet_v2_x0_5.pth')
    assert code == 1
    assert 'a different architecture from torchvision:squeezenet1_1: 52 of its 52 tensors are missing' in err


def test_a_home_that_cannot_be_written(m2m, tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('M2M_HOME', str(tmp_path / 'file' / 'home'))
    code, _, err = m2m('score', 'pixels_64', 'SimulatedMouse.VISp-rdm')
    assert code == 1
    assert 'Set M2M_HOME' in err
    code, out, _ = m2m('doctor')
    assert code == 1
    assert 'broken' in out


def test_doctor(m2m, m2m_home):
    code, out, _ = m2m('doctor')
    assert code == 0
    assert str(m2m_home) in out
    assert 'm2m data import Siegle2021' in out
    checks = {check['what']: check for check in json.loads(m2m('doctor', '--json', '-')[1])}
    assert checks['torch']['state'] == checks['M2M_HOME']['state'] == 'ok'
    assert checks['data Siegle2021']['state'] == 'missing'


def test_doctor_checks_stored_files(m2m, m2m_home):
    folder = m2m_home / 'runs' / 'mine'
    folder.mkdir(parents=True)
    (folder / 'checkpoint.ckpt').write_bytes(b'damaged')
    left = folder / '.checkpoint.ckpt.ab12cd34'
    left.write_bytes(bytes(2_000_000))
    os.utime(left, (0, 0))
    code, out, _ = m2m('doctor', '--verify')
    assert code == 1
    assert f'broken   stored runs: {folder / "checkpoint.ckpt"} is damaged' in out
    assert f'ok       stored runs: 2.0 MB, 1 of it temporary files of killed processes, such as {left}' in out
    assert 'm2m doctor --clean removes them' in out
    code, out, _ = m2m('doctor', '--clean')
    assert code == 0
    assert 'ok       stored runs: 0.0 MB\n' in out
    assert not left.exists()
    (folder / 'checkpoint.ckpt').unlink()
    folder.rmdir()
    assert 'ok       stored runs: 0.0 MB, all intact\n' in m2m('doctor', '--verify')[1]


def test_doctor_notices_results_that_cannot_be_read(m2m, m2m_home):
    m2m_home.mkdir(exist_ok=True)
    (m2m_home / 'results.sqlite').write_bytes(b'no database' * 100)
    code, out, _ = m2m('doctor')
    assert code == 1
    assert 'broken   stored results: ' in out
    assert 'file is not a database' in out


@pytest.mark.parametrize('arguments', [['bogus'], ['score'], ['score', 'pixels_64'], ['data', 'import', 'X'], ['--no']])
def test_wrong_usage(m2m, m2m_home, arguments):
    assert m2m(*arguments)[0] == 2


@pytest.mark.parametrize('option', ['--out', '--output', '-o'])
def test_a_file_of_results_is_named_after_json(m2m, m2m_home, option):
    """Other programs have other names for this option; it is suggested where a command has it."""
    for arguments in (('score', 'pixels_64', 'SimulatedMouse-rdm'), ('results', 'list')):
        code, _, err = m2m(*arguments, option, 'x.json')
        assert code == 2
        assert f'No such option: {option} (Possible options: --json)' in ' '.join(err.split())
    assert '--json' not in m2m('cache', 'clear', option, 'x.json')[2]


@pytest.mark.seconds
@pytest.mark.parametrize(
    'arguments',
    [('models',), ('models', 'show', 'pixels_64'), ('benchmarks',), ('data', 'list'), ('data', 'verify'), ('doctor',)],
)
def test_json_to_a_file_and_in_its_earlier_form(m2m, m2m_home, tmp_path, arguments):
    code, printed, _ = m2m(*arguments)
    assert m2m(*arguments, '--json', tmp_path / 'x.json')[:2] == (code, printed)
    assert m2m(*arguments, '--json', '-')[1] == (tmp_path / 'x.json').read_text()
    for old in (('--json',), ('--json', '--help')):
        code, out, err = m2m(*arguments, *old)
        assert (code, out) == (2, '')
        assert '--json FILE, --json -' in err
    code, _, err = m2m(*arguments, '--json', tmp_path)
    assert code == 1
    assert 'it is a folder. Name another file after --json.' in err


@pytest.mark.process
@pytest.mark.parametrize('arguments', [['--help'], ['models'], ['benchmarks'], ['data']])
@pytest.mark.several
def test_listings_import_nothing_heavy(arguments, m2m_home):
    script = (
        'import sys\nfrom m2m_benchmarks.cli.main import main\n'
        f'sys.argv = ["m2m", *{arguments!r}]\n'
        'try:\n    main()\nexcept SystemExit as exit_:\n    assert not exit_.code\n'
        'heavy = {"torch", "xarray", "pandas", "numpy", "scipy", "brainscore_vision"} & set(sys.modules)\n'
        'assert not heavy, heavy'
    )
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def obey_permissions():
    """Make permissions apply to root too, by dropping a right (24: PR_CAPBSET_DROP, 1: CAP_DAC_OVERRIDE)."""
    if os.geteuid() == 0 and sys.platform == 'linux':
        ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)


@pytest.mark.process
@pytest.mark.parametrize('arguments', [['score', 'pixels_64', 'SimulatedMouse.VISp-rdm'], ['doctor']])
@pytest.mark.several
def test_a_home_that_is_read_only(arguments, m2m_home):
    m2m_home.mkdir()
    m2m_home.chmod(0o555)
    done = subprocess.run(
        [sys.executable, '-m', 'm2m_benchmarks.cli.main', *arguments],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=obey_permissions,
    )
    m2m_home.chmod(0o755)
    assert done.returncode == 1
    assert (
        f'cannot write to {m2m_home}: Permission denied. Fix the permissions, or use another folder. Set M2M_HOME'
        in done.stdout + done.stderr
    )
    assert 'Traceback' not in done.stderr
    assert not list(m2m_home.iterdir())


@pytest.mark.parametrize(
    ('versions', 'details', 'state'),
    [
        (
            {'allensdk': '2.16.2', 'setuptools': '80.1', 'statsmodels': '0.14.6', 'hdmf': '5.1'},
            'allensdk 2.16.2,',
            'ok',
        ),
        ({'setuptools': '84.0'}, 'allensdk is missing, setuptools is 84.0, <81 is needed, statsmodels', 'missing'),
        ({'allensdk': '2.16.2', 'setuptools': '80', 'statsmodels': '0.15.0', 'hdmf': '5'}, '0.15.0, <0.15', 'missing'),
    ],
)
@pytest.mark.skipif(sys.version_info >= (3, 12), reason='the AllenSDK has no release for this Python')
def test_doctor_on_the_pins_of_the_allensdk(m2m, m2m_home, monkeypatch, versions, details, state):
    real = importlib.metadata.version

    def version(name):
        if name in ('allensdk', 'setuptools', 'statsmodels', 'hdmf'):
            if name not in versions:
                raise importlib.metadata.PackageNotFoundError(name)
            return versions[name]
        return real(name)

    monkeypatch.setattr(importlib.metadata, 'version', version)
    checks = {check['what']: check for check in json.loads(m2m('doctor', '--json', '-')[1])}
    assert checks['extra allen']['state'] == state
    assert details in checks['extra allen']['found']
    assert 'm2m data fetch does not need it' in checks['extra allen']['found']
    assert checks['extra allen']['mend'] == ('' if state == 'ok' else "pip install 'm2m-benchmarks[allen]'")


@pytest.mark.parametrize(
    'arguments',
    [
        ('analyze', 'neurons', 'SimulatedMouse', '--json', 'a.json', '--csv', './a.json'),
        ('analyze', 'architectures', '--figure', 'x.png', '--csv', 'x.png'),
        (
            'analyze',
            'recovery',
            'plain_digitnet@none',
            'pixels_64',
            '--benchmark',
            'SimulatedMouse-rdm',
            '--figure',
            'x.png',
            '--json',
            'x.png',
        ),
        ('compare', 'pixels', 'pixels_64', '--benchmark', 'SimulatedMouse-rdm', '--figure', 'x.png', '--json', 'x.png'),
        ('data', 'report', 'SimulatedMouse', '--figure', 'x.png', '--json', 'x.png'),
        ('leaderboard', '--csv', 'x', '--latex', 'x'),
        ('score', 'pixels_64', 'SimulatedMouse.VISp-rdm', '--figure', 'x.png', '--json', 'x.png'),
    ],
)
def test_two_outputs_in_one_file_are_refused(m2m, simulated_home, tmp_path, monkeypatch, arguments):
    """Only the last one would be left."""
    monkeypatch.chdir(tmp_path)
    code, _, errors = m2m(*arguments)
    assert code == 2
    assert 'names the same file as --' in ' '.join(errors.split())
    assert not [path for path in tmp_path.iterdir() if path.is_file()]
