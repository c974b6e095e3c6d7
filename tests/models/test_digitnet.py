"""DigitNet, networks with other numbers of outputs, and the task label answered by a network's own outputs."""

import copy
import json

import numpy as np
import pytest
import safetensors.torch
import torch
import torchvision
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper, load_preprocess_images
from brainscore_vision.model_interface import BrainModel
from PIL import Image
from torch.nn import functional

from m2m_benchmarks import load_model, load_stimulus_set, score
from m2m_benchmarks.errors import ModelError
from m2m_benchmarks.models.neurn import model as family
from m2m_benchmarks.models.neurn.backbones import BACKBONES, build, has_default_weights, weights_url
from m2m_benchmarks.models.neurn.digitnet import DigitNet
from m2m_benchmarks.models.neurn.labels import OutputLabels
from m2m_benchmarks.scoring.candidates import load_candidate

DIGITS = list('0123456789')


def pictures(folder, images, **columns):
    """A stimulus set of uint8 images, written as PNG."""
    folder.mkdir(exist_ok=True)
    paths = {}
    for number, image in enumerate(images):
        paths[f'image{number}'] = folder / f'image{number}.png'
        Image.fromarray(image).save(paths[f'image{number}'])
    stimuli = StimulusSet({'stimulus_id': list(paths), **columns})
    stimuli.stimulus_paths = paths
    stimuli.identifier = f'pictures-{folder}'
    return stimuli


def noise(n, seed=0, size=32):
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


# The network of the single-source protocol


def test_the_architecture_of_the_protocol():
    """Conv 5 x 5 to 64, max-pool, conv 5 x 5 to 128, max-pool, linear 1024, 1024, 10, ReLU between."""
    torch.manual_seed(0)
    network = DigitNet().eval()
    shapes = {}
    for name, module in network.named_children():
        module.register_forward_hook(lambda _m, _i, output, name=name: shapes.update({name: tuple(output.shape[1:])}))
    images = torch.rand(3, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        outputs = network(images)
    assert shapes == {
        'conv1': (64, 28, 28),
        'relu1': (64, 28, 28),
        'pool1': (64, 14, 14),
        'conv2': (128, 10, 10),
        'relu2': (128, 10, 10),
        'pool2': (128, 5, 5),
        'fc1': (1024,),
        'relu3': (1024,),
        'fc2': (1024,),
        'relu4': (1024,),
        'fc3': (10,),
    }
    weights = {'conv1': 64 * 3 * 25, 'conv2': 128 * 64 * 25, 'fc1': 1024 * 3200, 'fc2': 1024 * 1024, 'fc3': 10 * 1024}
    biases = {'conv1': 64, 'conv2': 128, 'fc1': 1024, 'fc2': 1024, 'fc3': 10}
    own = {name: parameter.numel() for name, parameter in network.named_parameters()}
    assert own == {
        **{f'{name}.weight': n for name, n in weights.items()},
        **{f'{name}.bias': n for name, n in biases.items()},
    }
    assert sum(own.values()) == 4_547_466
    # The same from its weights alone.
    w = network.state_dict()
    maps = images
    for name in ('conv1', 'conv2'):
        maps = functional.conv2d(maps, w[f'{name}.weight'], w[f'{name}.bias']).clamp_min(0)
        maps = maps.unfold(2, 2, 2).unfold(3, 2, 2).amax(dim=(4, 5))
    features = maps.reshape(3, -1)
    for name in ('fc1', 'fc2'):
        features = (features @ w[f'{name}.weight'].T + w[f'{name}.bias']).clamp_min(0)
    torch.testing.assert_close(outputs, features @ w['fc3.weight'].T + w['fc3.bias'], atol=1e-5, rtol=1e-4)


def contrast(images):
    """Standard deviations of 3 x 3 neighbourhoods, edges repeated, over the largest one of the image."""
    padded = np.pad(images, [(0, 0), (0, 0), (1, 1), (1, 1)], mode='edge')
    deviation = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3)).std(axis=(4, 5))
    return deviation / deviation.max(axis=(1, 2, 3), keepdims=True)


@pytest.mark.parametrize('kind', ['plain', 'neurn'])
def test_the_input_is_scaled_to_minus_one_to_one(kind, tmp_path):
    """A PNG of 32 x 32 reaches the first layer as it is, or as its NeuRN, times 2 less 1."""
    images = noise(2)
    images[0, :6, :6], images[0, 0, 9] = 0, 255  # without contrast; and the whole range
    model = load_model(f'{kind}_digitnet', weights='none')
    network = model.activations_model._model
    seen = []
    network.backbone.conv1.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].numpy()))
    stimuli = pictures(tmp_path / 'pictures', images)
    paths = [str(stimuli.get_stimulus(name)) for name in stimuli['stimulus_id']]
    with torch.no_grad():
        network(torch.from_numpy(model.activations_model._extractor.preprocess(paths)))
    expected = images.transpose(0, 3, 1, 2) / 255
    expected = 2 * (contrast(expected) if kind == 'neurn' else expected) - 1
    np.testing.assert_allclose(seen[0], expected, atol=1e-5)
    assert (seen[0].min(), seen[0].max()) == (-1, 1)


def test_names_of_digitnet():
    assert family.parse('neurn_digitnet_k5').neurn['kernel_size'] == 5
    assert family.parse('neurn_digitnet_after_stem').after == 'pool1'
    assert BACKBONES['digitnet'].classes == tuple(DIGITS)
    with pytest.raises(ModelError, match='digitnet takes images of 32 x 32 only, got 64'):
        load_model('neurn_digitnet_at64', weights='none')
    twins = [family.network(f'{kind}_digitnet', 'none', seed=3).state_dict() for kind in ('neurn', 'plain')]
    assert all(torch.equal(twins[0][name], twins[1][name]) for name in twins[1])


# Other numbers of outputs


@pytest.mark.parametrize('name', ['squeezenet1_1', 'shufflenet_v2_x0_5', 'mobilenet_v1', 'digitnet'])
@pytest.mark.parametrize('n_classes', [1, 7])
@pytest.mark.seconds
def test_untrained_networks_of_any_number_of_outputs(name, n_classes):
    row = BACKBONES[name]
    images = torch.rand(2, 3, row.image_size, row.image_size)
    with torch.no_grad():
        assert build(row, 'none', 0, n_classes).eval()(images).shape == (2, n_classes)
        assert build(row, 'none', 0).eval()(images).shape == (2, 10 if name == 'digitnet' else 1000)


def check_head(built, official, last):
    """All weights but those of the last layers, which have another size, are those of the file."""
    own = built.state_dict()
    assert own.keys() == official.keys()
    for name, value in official.items():
        if name.startswith(last):
            assert own[name].shape[0] == 10
        else:
            assert torch.equal(own[name], value), name
    weight = own[f'{last[0]}.weight']
    assert weight.std() > 0
    assert not torch.equal(weight, official[f'{last[0]}.weight'][:10])


@pytest.mark.seconds
@pytest.mark.parametrize(
    ('name', 'last'),
    [
        ('squeezenet1_1', ('classifier.1',)),
        ('shufflenet_v2_x0_5', ('fc',)),
        ('inception_v3', ('fc', 'AuxLogits.fc')),
    ],
)
def test_default_weights_with_another_last_layer(name, last, monkeypatch):
    row = BACKBONES[name]
    options = {'init_weights': False} if name == 'inception_v3' else {}
    torch.manual_seed(5)
    official = torchvision.models.get_model(name, weights=None, **options).state_dict()
    urls = []

    def download(url, *_, **__):
        urls.append(url)
        return official

    monkeypatch.setattr('torchvision.models._api.load_state_dict_from_url', download)
    state = torch.random.get_rng_state()
    built = build(row, 'default', 3, 10)
    assert torch.equal(state, torch.random.get_rng_state())  # the caller's random state doesn't change
    assert urls == [weights_url(row)]
    check_head(built, official, last)
    with torch.no_grad():
        assert built.eval()(torch.rand(1, 3, row.image_size, row.image_size)).shape == (1, 10)
    if name == 'inception_v3':
        assert built.transform_input is False
        return
    # Equal for the same seed, different for another, and unchanged if the number of outputs is the file's.
    again, other, whole = (build(row, 'default', seed, n) for seed, n in ((3, 10), (4, 10), (3, 1000)))
    key = f'{last[0]}.weight'
    assert torch.equal(built.state_dict()[key], again.state_dict()[key])
    assert not torch.equal(built.state_dict()[key], other.state_dict()[key])
    assert all(torch.equal(whole.state_dict()[each], value) for each, value in official.items())


def test_default_weights_of_timm_with_another_last_layer(tmp_path, monkeypatch):
    row = BACKBONES['mobilenet_v1']
    version = '0' * 40
    hub = tmp_path / 'hub' / f'models--timm--{row.name}'
    for folder in (hub / 'refs', hub / 'snapshots' / version):
        folder.mkdir(parents=True)
    (hub / 'refs' / 'main').write_text(version)
    official = build(row, 'none', 9).state_dict()
    safetensors.torch.save_file(official, hub / 'snapshots' / version / 'model.safetensors')
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_CACHE', str(tmp_path / 'hub'))
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', True)
    check_head(build(row, 'default', 3, 10), official, ('classifier',))


# Labels


class Brightness(torch.nn.Module):
    """Network whose largest output is the one nearest to ten times the mean brightness."""

    def __init__(self, n=10, shape=None, dtype=torch.float32):
        super().__init__()
        self.n, self.shape, self.batches = n, shape, []
        self.scale = torch.nn.Parameter(torch.ones((), dtype=dtype))

    def forward(self, images):
        assert images.dtype == self.scale.dtype
        self.batches.append(len(images))
        outputs = -self.scale * (10 * images.mean(dim=(1, 2, 3))[:, None] - torch.arange(self.n) - 0.5) ** 2
        return outputs if self.shape is None else outputs.reshape(len(images), *self.shape)


def brightness(network, classes=None):
    def preprocess(paths):
        return load_preprocess_images(paths, 32, normalize_mean=(0.0, 0.0, 0.0), normalize_std=(1.0, 1.0, 1.0))

    return OutputLabels('brightness', PytorchWrapper(network, preprocess, identifier='brightness'), classes)


@pytest.fixture
def grey(tmp_path):
    """Images whose brightness is one of ten, in a mixed order: brightest output `place`."""
    places = np.random.default_rng(0).integers(0, 10, 30)
    images = [np.full((32, 32, 3), int(25.5 * (place + 0.5)), dtype=np.uint8) for place in places]
    stimuli = pictures(tmp_path / 'grey', images, place=places, label='?', image_label=places.astype(str))
    return stimuli, places


def test_labels_are_those_of_the_outputs(grey):
    stimuli, places = grey
    for classes in (None, DIGITS):
        model = brightness(Brightness(), classes)
        model.start_task(BrainModel.Task.label, DIGITS)
        answer = model.look_at(stimuli, number_of_trials=2)
        assert answer.dims == ('choice', 'presentation')
        assert answer.values.tolist() == [places.astype(str).tolist()]
        assert answer['stimulus_id'].values.tolist() == stimuli['stimulus_id'].tolist()
        assert answer['place'].values.tolist() == places.tolist()
        assert answer['label'].values.tolist() == places.astype(str).tolist()


@pytest.mark.parametrize('shown', [DIGITS, DIGITS[::-1]])
def test_outputs_in_another_order(grey, shown):
    stimuli, places = grey
    classes = list('3907162584')  # classes of the first output, the second, …
    model = brightness(Brightness(), classes)
    model.start_task(BrainModel.Task.label, shown)
    assert model.look_at(stimuli).values[0].tolist() == [classes[place] for place in places]
    # Without classes, the outputs are in the order of the labels.
    model = brightness(Brightness())
    model.start_task(BrainModel.Task.label, shown)
    assert model.look_at(stimuli).values[0].tolist() == [shown[place] for place in places]


def test_some_of_the_labels(grey):
    stimuli, places = grey
    classes = list('3907162584')
    model = brightness(Brightness(), classes)
    model.start_task(BrainModel.Task.label, ['8', '3', '1'])  # places 8, 0 and 4
    nearest = [min((8, 0, 4), key=lambda known: abs(known - place)) for place in places]
    # Half-way, at 2 and at 6, either will do.
    decided = ~np.isin(places, [2, 6])
    labels = model.look_at(stimuli).values[0]
    assert labels[decided].tolist() == np.array([classes[place] for place in nearest])[decided].tolist()
    assert decided.sum() > 20
    assert set(labels) == {'8', '3', '1'}


@pytest.mark.parametrize(
    ('classes', 'labels', 'message'),
    [
        (DIGITS, ['1', 'cat', 'dog'], 'brightness has no output for cat, dog; its classes are 0, 1, 2'),
        (DIGITS, 'imagenet', "brightness has no output for 'imagenet'; its classes are 0, 1"),
        (None, 'imagenet', "brightness has no output for 'imagenet'$"),
        (DIGITS, '12', "has no output for '12'"),
    ],
)
def test_labels_without_an_output(classes, labels, message):
    with pytest.raises(ValueError, match=message):
        brightness(Brightness(), classes).start_task(BrainModel.Task.label, labels)


def test_another_task_is_refused():
    with pytest.raises(ValueError, match='expected the task label, got probabilities'):
        brightness(Brightness()).start_task(BrainModel.Task.probabilities, [])


class Tuple(Brightness):
    def forward(self, images):
        return (super().forward(images),)


class Nan(Brightness):
    def forward(self, images):
        outputs = super().forward(images)
        outputs[-1, 4] = float('nan')
        return outputs


@pytest.mark.parametrize(
    ('network', 'classes', 'message'),
    [
        (Brightness(7), None, 'brightness has 7 outputs, expected 10: one for each of 0, 1'),
        (Brightness(7), DIGITS, 'brightness has 7 outputs, expected 10'),
        (Brightness(10), [*DIGITS, 'x'], 'brightness has 10 outputs, expected 11'),
        (Brightness(1000), None, 'brightness has 1000 outputs, expected 10'),
        (Brightness(shape=(10, 1, 1)), None, r'brightness has outputs of shape \(10, 1, 1\), expected 10'),
        (Brightness(shape=(2, 5)), None, r'brightness has outputs of shape \(2, 5\), expected 10'),
        (Tuple(), None, 'brightness returns a tuple, expected one tensor'),
        (Nan(), None, 'the outputs of brightness contain NaN'),
    ],
)
@pytest.mark.seconds
def test_outputs_that_are_no_labels(grey, network, classes, message):
    model = brightness(network, classes)
    model.start_task(BrainModel.Task.label, DIGITS)
    with pytest.raises(ValueError, match=message):
        model.look_at(grey[0])


@pytest.mark.parametrize('dtype', [torch.float64, torch.bfloat16])
def test_networks_of_other_types(grey, dtype):
    stimuli, places = grey
    model = brightness(Brightness(dtype=dtype))
    model.start_task(BrainModel.Task.label, DIGITS)
    assert model.look_at(stimuli).values[0].tolist() == places.astype(str).tolist()


def test_images_come_in_batches_and_the_network_is_not_left_training(tmp_path):
    network = torch.nn.Sequential(Brightness(), torch.nn.Dropout(0.9))
    network.train()
    places = np.arange(300) % 10
    images = np.repeat((25.5 * (places + 0.5)).astype(np.uint8), 3072).reshape(300, 32, 32, 3)
    model = brightness(network)
    model.start_task(BrainModel.Task.label, DIGITS)
    assert model.look_at(pictures(tmp_path / 'many', images)).values[0].tolist() == places.astype(str).tolist()
    assert sum(network[0].batches) == 300
    assert max(network[0].batches) <= 128


def test_a_network_without_parameters(grey):
    class Bare(torch.nn.Module):
        def forward(self, images):
            return -((10 * images.mean(dim=(1, 2, 3))[:, None] - torch.arange(10) - 0.5) ** 2)

    stimuli, places = grey
    model = brightness(Bare())
    model.start_task(BrainModel.Task.label, DIGITS)
    assert model.look_at(stimuli).values[0].tolist() == places.astype(str).tolist()


# Brain-Score models


@pytest.mark.seconds
def test_a_committed_network_does_all_tasks(tmp_path, monkeypatch):
    monkeypatch.setenv('RESULTCACHING_DISABLE', '1')
    classes = list('3907162584')
    model = family.brain_model('neurn_digitnet', 'none', seed=1, classes=classes)
    stimuli = pictures(tmp_path / 'noise', noise(20), image_label=[str(number % 3) for number in range(20)])
    network = model.activations_model._model
    images = torch.from_numpy(noise(20).transpose(0, 3, 1, 2) / 255).float()
    with torch.no_grad():
        outputs = network(images)
        hidden = network.backbone.relu4(
            network.backbone.fc2(network.backbone.relu3(network.backbone.fc1(hidden_maps(network, images))))
        )
    model.start_task(BrainModel.Task.label, DIGITS)
    assert model.look_at(stimuli).values[0].tolist() == [classes[place] for place in outputs.argmax(dim=1)]
    model.start_task(BrainModel.Task.probabilities, stimuli)
    answer = model.look_at(stimuli)
    assert set(answer['choice'].values) == {'0', '1', '2'}
    np.testing.assert_allclose(answer.values.sum(axis=1), 1, atol=1e-6)
    model.start_task(BrainModel.Task.passive)
    model.start_recording('IT', time_bins=[(70, 170)])
    recorded = model.look_at(stimuli)
    assert recorded.sizes['presentation'] == 20
    assert model.layer_model.region_layer_map['IT'] == 'backbone.relu3'
    features = model.activations_model(stimuli, layers=['backbone.relu4']).transpose('presentation', 'neuroid')
    np.testing.assert_allclose(features.values, hidden.numpy(), atol=1e-5)
    assert model.behavior_model.mapping[BrainModel.Task.probabilities].readout == ['backbone.relu4']


def hidden_maps(network, images):
    backbone = network.backbone
    maps = (network.neurn(images) - 0.5) / 0.5
    maps = backbone.pool2(backbone.relu2(backbone.conv2(backbone.pool1(backbone.relu1(backbone.conv1(maps))))))
    return maps.flatten(1)


def test_digitnet_knows_the_classes_of_its_outputs(tmp_path):
    model = load_model('plain_digitnet', weights='none')
    stimuli = pictures(tmp_path / 'noise', noise(5))
    model.start_task(BrainModel.Task.label, DIGITS[::-1])
    with torch.no_grad():
        outputs = model.activations_model._model(torch.from_numpy(noise(5).transpose(0, 3, 1, 2) / 255).float())
    assert model.look_at(stimuli).values[0].tolist() == [str(int(place)) for place in outputs.argmax(dim=1)]
    # Networks of ImageNet leave the task to Brain-Score.
    other = load_model('plain_squeezenet1_1', weights='none').behavior_model.mapping[BrainModel.Task.label]
    assert type(other).__module__.startswith('brainscore_vision.')


def test_layers_of_mouse_areas_are_of_imagenet_weights():
    calibrated = family.brain_model('neurn_squeezenet1_1', 'none')
    assert 'VISp' in calibrated.layer_model.region_layer_map
    trained = family.brain_model('neurn_squeezenet1_1', 'none', classes=DIGITS)
    assert set(trained.layer_model.region_layer_map) == {'V1', 'V2', 'V4', 'IT'}
    assert (calibrated.calibrated_on, trained.calibrated_on) == ('Siegle2021', None)


# No default weights


@pytest.mark.seconds
def test_no_default_weights(m2m, m2m_home):
    row = BACKBONES['digitnet']
    assert weights_url(row) is None
    assert [name for name, each in BACKBONES.items() if not has_default_weights(each)] == ['digitnet']
    message = 'digitnet has no default weights: train it (m2m train), or take --weights none or a file'
    with pytest.raises(ValueError, match='digitnet has no default weights'):
        build(row)
    for name in ('neurn_digitnet', 'plain_digitnet', 'neurn_digitnet_k5'):
        for benchmark in ('SklearnDigits-accuracy', 'SklearnDigits-readout_accuracy', 'SimulatedMouse.VISp-rdm'):
            ran = m2m('score', name, benchmark)
            assert (ran.code, ran.out, ran.err) == (1, '', f'error: {message}.\n')
    with pytest.raises(ModelError, match='train it'):
        score('neurn_digitnet', 'SklearnDigits-accuracy')


def test_digitnet_is_shown(m2m, m2m_home):
    shown = json.loads(m2m('models', 'show', 'neurn_digitnet', '--json', '-').out)
    assert (shown['network'], shown['parameters'], shown['image_size']) == ('DigitNet', 4_547_466, 32)
    assert shown['default_weights'] is None
    assert 'mean (0.5, 0.5, 0.5)' in shown['preprocessing']
    ran = m2m('models', 'show', 'plain_digitnet')
    assert ran.code == 0
    assert 'default weights' not in ran.out


@pytest.mark.seconds
def test_weights_of_a_file(tmp_path, m2m_home):
    torch.manual_seed(8)
    trained = DigitNet()
    torch.save(trained.state_dict(), tmp_path / 'mine.pth')
    candidate = load_candidate('neurn_digitnet', weights=tmp_path / 'mine.pth')
    assert candidate.weights.startswith('file mine.pth (SHA-256 ')
    assert all(torch.equal(candidate.module.backbone.state_dict()[k], v) for k, v in trained.state_dict().items())
    stimuli = load_stimulus_set('SklearnDigits_test').iloc[:40]
    candidate.model.start_task(BrainModel.Task.label, DIGITS)
    answer = candidate.model.look_at(stimuli)
    images = np.stack([np.asarray(Image.open(stimuli.get_stimulus(name))) for name in stimuli['stimulus_id']])
    with torch.no_grad():
        outputs = trained.eval()(torch.from_numpy(contrast(images.transpose(0, 3, 1, 2) / 255) * 2 - 1).float())
    assert answer.values[0].tolist() == [str(int(place)) for place in outputs.argmax(dim=1)]
    seven = copy.deepcopy(trained)
    seven.fc3 = torch.nn.Linear(1024, 7)
    torch.save(seven.state_dict(), tmp_path / 'seven.pth')
    candidate = load_candidate('neurn_digitnet', weights=tmp_path / 'seven.pth')  # its other layers can be compared
    candidate.model.start_task(BrainModel.Task.label, DIGITS)
    with pytest.raises(ValueError, match='7 outputs, expected 10'):
        candidate.model.look_at(stimuli)
