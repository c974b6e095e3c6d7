"""`m2m score FILE.py:FUNCTION`, and the options of a network's input."""

import json

import pytest

from m2m_benchmarks import score
from m2m_benchmarks.scoring.candidates import load_candidate

pytestmark = pytest.mark.usefixtures('few_draws')

NET = """import torch

print('made')


def make():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(1, 6, 5, stride=3), torch.nn.ReLU(), torch.nn.Conv2d(6, 4, 3))
"""
PREPARE = """

def prepare(image):
    grey = image.convert('L').resize((24, 24)).tobytes()
    return torch.tensor(list(grey)).reshape(1, 24, 24) / 255
"""
BENCHMARK = 'SimulatedMouse.VISp-rdm'


@pytest.fixture
def net(tmp_path):
    path = tmp_path / 'net.py'
    path.write_text(NET)
    return path


@pytest.mark.seconds
def test_a_function_in_a_file(m2m, m2m_home, net):
    options = ('--channels', 1, '--mean', 0.5, '--std', 0.5, '--image-size', 32, '--layer', 2)
    ran = m2m('score', f'{net}:make', BENCHMARK, *options, '--json', '-')
    assert ran.code == 0
    document = json.loads(ran.out)  # what the file prints is not among the results
    network = load_candidate(f'{net}:make', channels=1, image_size=32).module
    own = score(network, BENCHMARK, layer=2, channels=1, mean=0.5, std=0.5, image_size=32).attrs['result']
    assert (document['model'], document['weights'], document['raw']) == ('net.py:make', 'its own', own['raw'])
    assert document['preprocessing'] == own['preprocessing'].replace('Sequential', 'net.py:make')
    assert document['input'] == own['input']
    # Another normalisation, and then an edited file, get numbers of their own.
    other = m2m('score', f'{net}:make', BENCHMARK, *options[:2], *options[6:], '--json', '-').out
    assert json.loads(other)['raw'] != document['raw']
    net.write_text(NET.replace('stride=3', 'stride=4'))
    edited = json.loads(m2m('score', f'{net}:make', BENCHMARK, *options, '--json', '-').out)
    assert edited['raw'] != document['raw']
    assert edited['code_sha256'] != document['code_sha256']
    shown = m2m('models', 'show', f'{net}:make')
    assert shown.code == 1
    assert 'net.py:make cannot be run on an image of 3 x 224 x 224' in shown.err


@pytest.mark.seconds
def test_all_options_of_a_network(m2m, m2m_home, net):
    net.write_text(NET + PREPARE)
    options = ('--preprocessing', f'{net}:prepare', '--layers', '0, 2', '--batch-size', 7, '--device', 'cpu')
    ran = m2m('score', f'{net}:make', BENCHMARK, *options, '--name', 'mine', '--json', '-')
    assert ran.code == 0
    document = json.loads(ran.out)
    assert (document['model'], document['device']) == ('mine', 'cpu')
    assert set(document['layer_scores']) == {'0', '2'}
    assert document['preprocessing'] == 'by the function prepare; at most 7 images in a forward pass'
    assert document['input']['shape'] == [1, 24, 24]


@pytest.mark.seconds
def test_an_edited_preprocessing_gets_a_number_of_its_own(m2m, m2m_home, net, tmp_path):
    """The images that preprocessing is tried on are not square, those of SimulatedMouse are."""
    prepare, text = tmp_path / 'prepare.py', f'import torch\n{PREPARE}'
    prepare.write_text(text)
    command = ('score', f'{net}:make', BENCHMARK, '--preprocessing', f'{prepare}:prepare', '--layer', '0')

    def raw():
        return json.loads(m2m(*command, '--json', '-').out)['raw']

    first = raw()
    crop = 'image = image.crop((0, 0, 9, 9)) if image.size[0] == image.size[1] else image'
    prepare.write_text(text.replace('    grey =', f'    {crop}\n    grey ='))
    assert raw() != first
    prepare.write_text(text)
    assert raw() == first


@pytest.mark.parametrize(
    ('arguments', 'code', 'words'),
    [
        (('{net}:male', BENCHMARK), 1, 'has none of that name. Did you mean make?'),
        (('{net}', BENCHMARK), 1, 'Name the function in it that makes one'),
        (('{net}:make@none', BENCHMARK), 1, 'brings its own weights'),
        (('{net}:make', BENCHMARK, '--mean', 'grey'), 2, "'grey': expected a number, or one for each channel"),
        (('{net}:make', BENCHMARK, '--mean', '0.5'), 2, 'mean and std belong together'),
        (('{net}:make', BENCHMARK, '--channels', '2'), 2, 'expected 3 for RGB, or 1 for grey'),
        (('{net}:make', '{net}:make', BENCHMARK, '--name', 'mine'), 2, '2 models are named; expected one'),
        (('{net}:make', BENCHMARK, '--preprocessing', 'half'), 2, 'expected FILE.py:FUNCTION, got half'),
        (('{net}:make', BENCHMARK, '--preprocessing', '{net}:half'), 1, "unknown function 'half'"),
        (('{net}:make', BENCHMARK, '--mean', '.1,.2', '--std', '1'), 2, 'or one for each of 3 channels'),
        (('pixels_64', BENCHMARK, '--image-size', '32'), 1, 'pixels_64 defines its own input'),
        (('pixels_64', BENCHMARK, '--seeds', str(2**70)), 2, 'below 2**63'),
    ],
)
def test_refused_before_torch_is_loaded(m2m, m2m_home, net, arguments, code, words):
    ran = m2m('score', *(argument.format(net=net) for argument in arguments))
    assert (ran.code, ran.out) == (code, '')
    assert words in ' '.join(ran.err.replace('│', ' ').split())


def test_help_has_a_panel_for_the_input(m2m):
    text = m2m('score', '--help').out
    panel = text.partition('Input and run of torchvision:NAME, timm:NAME and FILE.py:FUNCTION:')[2]
    assert all(option in panel for option in ('--mean', '--channels', '--preprocessing', '--layers', '--name'))
    assert '--seeds' in text
    assert '--seeds' not in panel
