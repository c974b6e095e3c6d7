"""Anybody's network: options against hand-made wrappers, random networks, and what is put back afterwards."""

import functools
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from m2m_benchmarks import score
from m2m_benchmarks.errors import BenchmarkError, M2MError, UnknownNameError
from m2m_benchmarks.records import store
from m2m_benchmarks.records.record import Result
from m2m_benchmarks.report.scores import facts, score_tables
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.inputs import IMAGENET_MEAN, IMAGENET_STD
from m2m_benchmarks.scoring.repeatability import irregularities
from m2m_benchmarks.testing import SmallNetwork

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('few_draws')]

BENCHMARK = 'SimulatedMouse.VISp-rdm'


def convolutions(channels=3):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(channels, 6, 5, stride=3), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.ReLU())


class Wrapped(nn.Module):
    """A hand-made wrapper: it undoes ImageNet's normalisation, and prepares the images for another network."""

    def __init__(self, network, prepare):
        super().__init__()
        self.network, self.prepare = network, prepare

    def forward(self, images):
        values = images * torch.tensor(IMAGENET_STD)[:, None, None] + torch.tensor(IMAGENET_MEAN)[:, None, None]
        return self.network(self.prepare(values))


def luma(values):
    red, green, blue = values.unbind(1)
    return (0.299 * red + 0.587 * green + 0.114 * blue)[:, None]


@pytest.mark.parametrize(
    ('options', 'prepare'),
    [
        ({'channels': 1, 'mean': 0, 'std': 1}, luma),
        ({'mean': 0.5, 'std': 0.5}, lambda values: 2 * values - 1),
        ({'preprocessing': lambda image: torch.as_tensor(np.asarray(image.resize((64, 64), 2)) / 1.0).permute(2, 0, 1)},
         lambda values: 255 * values),
    ],
    ids=['grey', 'from -1 to 1', 'from 0 to 255'],
)  # fmt: skip
@pytest.mark.several
def test_an_option_is_a_hand_made_wrapper(options, prepare, m2m_home):
    channels = options.get('channels', 3)
    size = {} if 'preprocessing' in options else {'image_size': 64}
    own = score(convolutions(channels), BENCHMARK, layer=2, name='mine', **size, **options).attrs['result']
    wrapped = score(Wrapped(convolutions(channels), prepare), BENCHMARK, layer='network.2', image_size=64)
    assert own['raw'] == pytest.approx(float(wrapped.attrs['raw']), abs=1e-6)
    # Another normalisation never gets an old number.
    if channels == 3:
        plain = score(convolutions(), BENCHMARK, layer='2', name='mine', image_size=64).attrs['result']
        assert plain['raw'] != pytest.approx(own['raw'], abs=1e-6)
        assert plain['input']['sha256'] != own['input']['sha256']
    assert own['model'] == 'mine'
    assert 'by the function' in own['preprocessing'] or 'values from 0 to 1 normalised by mean' in own['preprocessing']
    assert f'preprocessing: {own["preprocessing"]}' in facts(Result.from_document(own))


class FunctionsOnly(nn.Module):
    """A network without submodules."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Parameter(torch.randn(6, 3, 5, 5))
        self.second = nn.Parameter(torch.randn(4, 6, 3, 3))

    def forward(self, images):
        return functional.relu(functional.conv2d(functional.relu(functional.conv2d(images, self.first)), self.second))


def test_a_network_of_functions_has_its_output(m2m_home):
    torch.manual_seed(0)
    wrapped = nn.Sequential(FunctionsOnly(), nn.Identity())
    options = {'benchmark': BENCHMARK, 'image_size': 32}
    own = score(FunctionsOnly(), **options).attrs['result']
    same = score(wrapped, layer='0', **options).attrs['result']
    named = score(FunctionsOnly(), layer='output', **options).attrs['result']
    assert own['layer'] == 'output'
    assert named['raw'] == pytest.approx(same['raw'], abs=1e-6)
    assert own['commitment'] == 'the only layer'


class Dropping(nn.Module):
    """A network whose dropout stays on in evaluation mode, or adds noise that no seed of PyTorch sets."""

    def __init__(self, draw):
        super().__init__()
        self.network, self.draw = convolutions(), draw

    def forward(self, images):
        return self.network(self.draw(images))


def numpy_noise(images):
    return images + torch.tensor(np.random.default_rng().normal(size=images.shape), dtype=images.dtype)


def test_a_random_network_is_named_and_repeatable(m2m_home, capsys):
    network = Dropping(functools.partial(functional.dropout, p=0.5))
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first, second = (score(network, BENCHMARK, layer='network.3', image_size=32, fresh=True) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert first.attrs['result']['raw'] == second.attrs['result']['raw']
    (note,) = first.attrs['result']['notes']
    assert note.startswith('the network is random: layer network.1 answers the same image differently')
    assert note.endswith('one draw, with random seed 0')
    assert f'Note on Dropping: {note}.' in capsys.readouterr().err
    result = Result.from_document(first.attrs['result'])
    assert f'Dropping: {note}.' in score_tables([result])[0].notes
    assert f'note: {note}' in facts(result)
    # a rotation for the score, and units for own_units
    assert len(list((m2m_home / 'activations').rglob('*.safetensors'))) == 2


def test_responses_that_no_seed_repeats_are_not_stored(m2m_home):
    first, second = (score(Dropping(numpy_noise), BENCHMARK, layer='network.3', image_size=32) for _ in range(2))
    assert first.attrs['result']['raw'] != second.attrs['result']['raw']
    assert first.attrs['result']['notes'][0].endswith('the score changes from run to run')
    assert not list((m2m_home / 'activations').rglob('*.safetensors'))


@pytest.mark.parametrize(
    ('network', 'words'),
    [
        (convolutions(), None),
        (convolutions().to(torch.bfloat16), None),
        (nn.Sequential(convolutions(), nn.Dropout(0.5), nn.BatchNorm2d(4)), None),
        (nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False), convolutions()), 'the other images in its batch'),
        (Dropping(lambda images: images / images.amax()), 'the other images in its batch'),
        (Dropping(lambda images: images.mul_(2)), None),  # changes its input
        (Dropping(lambda images: images[:1]), None),  # fails for two images, when it is scored
        (Dropping(torch.randn_like), 'the network is random'),
    ],
)
def test_what_a_response_depends_on(network, words, m2m_home):
    candidate = load_candidate(network, image_size=32)
    notes = irregularities(Activations(candidate), candidate.layers)
    assert len(notes) == (words is not None)
    assert all(words in note for note in notes)


def test_a_random_preprocessing_is_named(m2m_home):
    candidate = load_candidate(convolutions(), preprocessing=lambda image: torch.rand(3, 32, 32))
    activations = Activations(candidate)
    (note,) = irregularities(activations, candidate.layers)
    assert note.startswith('the preprocessing is random')
    assert not activations.repeatable


def test_a_network_is_put_back(m2m_home):
    network = nn.Sequential(convolutions(), nn.BatchNorm2d(4), nn.Dropout(0.5))
    network.train()
    network[1].eval()
    network(torch.rand(2, 3, 32, 32)).sum().backward()
    modes = [module.training for module in network.modules()]
    gradients = [parameter.grad.clone() for parameter in network.parameters()]
    state = {name: value.clone() for name, value in network.state_dict().items()}
    score(network, BENCHMARK, layer='0.3', image_size=32)
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(one.grad, other) for one, other in zip(network.parameters(), gradients, strict=True))
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())
    assert {parameter.device.type for parameter in network.parameters()} == {'cpu'}
    with pytest.raises(UnknownNameError):
        score(network, BENCHMARK, layer='none', image_size=32)
    assert [module.training for module in network.modules()] == modes


def test_layers_names_and_batches(m2m_home):
    two = [score(convolutions(), BENCHMARK, image_size=32, name=name, layers=['1', 3]) for name in ('a', 'b')]
    documents = [scored.attrs['result'] for scored in two]
    assert [document['model'] for document in documents] == ['a', 'b']
    assert all(set(document['layer_scores']) == {'1', '3'} for document in documents)
    assert documents[0]['layer_scores'] == documents[1]['layer_scores']
    other = score(convolutions(), BENCHMARK, image_size=32, name='a', layers=['0', '1'], batch_size=5).attrs['result']
    assert set(other['layer_scores']) == {'0', '1'}
    assert other['layer_scores']['1'] == pytest.approx(documents[0]['layer_scores']['1'], abs=1e-5)
    assert len(store.results()) == 3


class IntegersFirst(nn.Module):
    """A network whose first parameter holds whole numbers."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.ones(3, dtype=torch.int64), requires_grad=False)
        self.network = convolutions()

    def forward(self, images):
        return self.network(images)


def test_odd_networks_get_the_right_number(m2m_home):
    plain = score(convolutions(), BENCHMARK, layer='3', image_size=32).attrs['result']['raw']
    integers = score(IntegersFirst(), BENCHMARK, layer='network.3', image_size=32).attrs['result']['raw']
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        traced = torch.jit.trace(convolutions().eval(), torch.rand(1, 3, 32, 32))
    program = score(traced, BENCHMARK, image_size=32, layer='output').attrs['result']['raw']
    assert integers == pytest.approx(plain, abs=1e-6)
    assert program == pytest.approx(plain, abs=1e-5)


@pytest.mark.parametrize(
    ('network', 'options', 'words'),
    [
        (convolutions().to('meta'), {}, r'Sequential is on the device meta: 0\.weight has no values'),
        (nn.Sequential(nn.LazyConv2d(4, 3), nn.ReLU()), {}, r'has lazy layers without weights, such as 0\.weight'),
        (convolutions(1), {}, r'cannot be run on an image of 3 x 32 x 32: .* Its input can be set: channels \(1 for'),
        (convolutions(), {'layers': ['0', '9']}, "unknown layer '9'"),
        (convolutions(), {'device': 'cuda:99'}, "device='cuda:99' does not work on this machine"),
        (convolutions(), {'device': 'gpu'}, "device='gpu' does not work on this machine"),
        (convolutions(), {'seed': 2**70}, 'at most 64 bits'),
        (convolutions(), {'layer': 9}, "unknown layer '9'"),
        ('pixels_64', {}, 'pixels_64 defines its own input and layers; image_size can be chosen'),
    ],
)
@pytest.mark.several
def test_networks_and_options_that_cannot_be(network, options, words, m2m_home):
    with pytest.raises(M2MError, match=words):
        score(network, BENCHMARK, image_size=32, **options)


def test_a_layer_of_one_unit_has_no_geometry(m2m_home):
    network = SmallNetwork(n_classes=1)
    chosen = score(network, BENCHMARK, image_size=32).attrs['result']
    assert set(chosen['layer_scores']) == {'conv', 'hidden'}
    activations = Activations(load_candidate(network, image_size=32))
    with pytest.raises(
        BenchmarkError, match=r"layer 'head' of SmallNetwork has fewer than the 2 units that .*VISp-rdm"
    ):
        score(network, BENCHMARK, layer='head', image_size=32)
    assert activations.n_units(['head', 'hidden']) == {'head': 1, 'hidden': 40}
    assert activations.forward_passes == 0
    score(network, 'SimulatedMouse.VISp-ridge', layer='head', image_size=32)


@pytest.mark.seconds
def test_another_batch_size_is_another_result(m2m_home):
    """A network that looks at its batch is never answered with the number of another batch size."""
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 7, stride=8), torch.nn.BatchNorm2d(4, track_running_stats=False), torch.nn.ReLU()
    )
    options = {'layer': '2', 'image_size': 32}
    small, large = (
        score(network, 'SimulatedMouse.VISp-rdm', batch_size=size, **options).attrs['result'] for size in (2, 60)
    )
    assert small['raw'] != large['raw']
    assert small['response_sha256'] != large['response_sha256']
    assert small['preprocessing'].endswith('; at most 2 images in a forward pass')
