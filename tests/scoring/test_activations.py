"""Responses of layers: those of a direct forward pass, computed once, never for another network."""

import errno
import functools
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
from brainscore_vision.model_helpers.activations import core
from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper, load_preprocess_images
from brainscore_vision.model_helpers.brain_transformation import ModelCommitment
from PIL import Image
from torch import nn
from torchvision.transforms.functional import normalize, pil_to_tensor, resize

from m2m_benchmarks import load_stimulus_set
from m2m_benchmarks.arrays import rdm
from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm
from m2m_benchmarks.errors import DataError, ModelError, StorageError
from m2m_benchmarks.scoring import activation_store, unit_samples
from m2m_benchmarks.scoring import activations as module
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.brainscore_adapter import own_probe_image
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.inputs import IMAGENET_MEAN, IMAGENET_STD
from m2m_benchmarks.scoring.repeatability import irregularities

pytestmark = pytest.mark.usefixtures('few_draws')


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 6, 5, stride=2), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(6, 9, 3))


@pytest.fixture
def stimuli(m2m_home):
    return load_stimulus_set('SimulatedMouse')


def direct(net, stimuli, upto, size=64):
    """The first modules of a network on the stimuli, without any of this library's code."""
    images = []
    for name in stimuli['stimulus_id']:
        with Image.open(stimuli.get_stimulus(name)) as image:
            images.append(
                normalize(pil_to_tensor(resize(image.convert('RGB'), [size, size])) / 255, IMAGENET_MEAN, IMAGENET_STD)
            )
    with torch.no_grad():
        return net[:upto](torch.stack(images)).flatten(1).double().numpy()


@pytest.mark.parametrize(('layer', 'upto'), [('0', 1), ('1', 2), ('2', 3), ('3', 4)])
@pytest.mark.seconds
def test_a_layer_is_what_the_network_says(layer, upto, stimuli):
    # Layer 0 is followed by an in-place ReLU: its response is that before the ReLU.
    net = network()
    features = Activations(load_candidate(net, image_size=64))(stimuli, [layer])[layer]
    expected = direct(net, stimuli, upto)
    assert features.shape == (118, min(expected.shape[1], 119))
    scale = np.abs(expected @ expected.T).max()
    np.testing.assert_allclose(features @ features.T, expected @ expected.T, atol=1e-5 * scale)
    np.testing.assert_allclose(rdm(features), rdm(expected), atol=1e-5)


@pytest.mark.seconds
@pytest.mark.parametrize('most', [1, 7, 118])
def test_batches_make_no_difference(most, stimuli, monkeypatch):
    expected = Activations(load_candidate(network(), image_size=64))(stimuli, ['3'])['3']
    monkeypatch.setattr(module, '_MOST_IMAGES', most)
    monkeypatch.setattr(activation_store, 'read', lambda key: None)
    features = Activations(load_candidate(network(), image_size=64))(stimuli, ['3'])['3']
    np.testing.assert_allclose(features @ features.T, expected @ expected.T, rtol=1e-4, atol=1e-4)


def passes(net, stimuli, layers=('3',), **options):
    activations = Activations(load_candidate(net, image_size=options.pop('image_size', 64), **options))
    activations(stimuli, list(layers))
    return activations.forward_passes


@pytest.mark.seconds
def test_computed_once(stimuli, m2m_home):
    assert passes(network(), stimuli, ['1', '3']) == 1
    assert passes(network(), stimuli, ['1', '3']) == 0
    assert passes(network(), stimuli, ['1', '2', '3']) == 1  # a layer more
    assert passes(network(1), stimuli) == 1  # other weights
    assert passes(network(), stimuli, image_size=96) == 1
    assert {file.about()['model'] for file in activation_store.files()} == {'Sequential'}


@pytest.mark.seconds
def test_units_are_sampled_in_the_forward_pass_of_a_rotation(stimuli, m2m_home, monkeypatch):
    """Every score needs both, its rotation and its own units."""
    monkeypatch.setattr(unit_samples, 'MOST_UNITS', 10)
    expected = Activations(load_candidate(network(), image_size=64))(stimuli, ['1', '3'], FeatureForm.UNITS)
    activation_store.clear()
    activations = Activations(load_candidate(network(), image_size=64))
    activations(stimuli, ['1', '3'])
    units = activations(stimuli, ['3', '1'], FeatureForm.UNITS)
    assert activations.forward_passes == 1
    for layer in ('1', '3'):
        assert units[layer].shape == (118, 10)
        np.testing.assert_array_equal(units[layer], expected[layer])
    again = Activations(load_candidate(network(), image_size=64))
    again(stimuli, ['1', '3'])
    np.testing.assert_array_equal(again(stimuli, ['3'], FeatureForm.UNITS)['3'], expected['3'])
    assert again.forward_passes == 0  # both are stored


@pytest.mark.seconds
@pytest.mark.parametrize('first', [FeatureForm.ROTATION, FeatureForm.UNITS])
def test_the_larger_sample_begins_with_the_smaller_one(first, stimuli, m2m_home, monkeypatch):
    monkeypatch.setattr(unit_samples, 'MOST_UNITS', 10)
    monkeypatch.setattr(unit_samples, '_MANY_UNITS', 40)
    activations = Activations(load_candidate(network(), image_size=64))
    activations(stimuli, ['1', '3'], first)
    many, few = (activations(stimuli, ['1', '3'], form) for form in (FeatureForm.MANY_UNITS, FeatureForm.UNITS))
    assert activations.forward_passes == 1
    whole = activations(stimuli, ['1', '3'], FeatureForm.MAPS)
    for layer in ('1', '3'):
        assert many[layer].shape == (118, 40)
        np.testing.assert_array_equal(many[layer][:, :10], few[layer])
        columns = {tuple(column) for column in whole[layer].reshape(118, -1).T}
        assert {tuple(column) for column in many[layer].T} <= columns
    alone = Activations(load_candidate(network(), image_size=64))
    activation_store.clear()
    np.testing.assert_array_equal(alone(stimuli, ['3'], FeatureForm.MANY_UNITS)['3'], many['3'])


@pytest.mark.seconds
def test_other_normalisation_under_the_same_name(stimuli):
    def passes_with(mean):
        preprocessing = functools.partial(load_preprocess_images, image_size=64, normalize_mean=mean)
        wrapper = PytorchWrapper(network(), preprocessing, identifier='same')
        model = ModelCommitment('same', wrapper, layers=['3'], region_layer_map={}, visual_degrees=8)
        activations = Activations(load_candidate(model))
        activations(stimuli, ['3'])
        return activations.forward_passes

    grey = (0.5, 0.5, 0.5)
    counts = [passes_with(mean) for mean in (IMAGENET_MEAN, IMAGENET_MEAN, grey, grey, IMAGENET_MEAN)]
    assert counts == [1, 0, 1, 0, 0]


@pytest.mark.seconds
def test_other_stimuli_under_the_same_name(few_images):
    assert passes(network(), few_images, ['1'], image_size=32) == 1
    first = few_images.get_stimulus('im0')
    Image.fromarray(255 - np.asarray(Image.open(first))).save(first)
    assert passes(network(), few_images, ['1'], image_size=32) == 1


@pytest.fixture
def few_images(tmp_path, m2m_home):
    """Return a stimulus set of five grey images."""
    rng = np.random.default_rng(5)
    paths = {f'im{number}': tmp_path / f'im{number}.png' for number in range(5)}
    for path in paths.values():
        Image.fromarray(rng.integers(0, 256, (24, 24), dtype=np.uint8)).save(path)
    stimuli = StimulusSet(pd.DataFrame({'stimulus_id': list(paths)}))
    stimuli.identifier, stimuli.stimulus_paths = 'few', paths
    return stimuli


def stored_files():
    return [file.path for file in activation_store.files()]


@pytest.mark.seconds
def test_a_damaged_entry_is_computed_again_and_replaced(few_images, capsys):
    assert passes(network(), few_images, ['1', '2', '3'], image_size=32) == 1
    before = {path: path.read_bytes() for path in stored_files()}
    first, second, whole = before
    first.write_bytes(before[first][:100])
    second.write_bytes(before[second][:-1] + bytes([before[second][-1] ^ 1]))
    assert passes(network(), few_images, ['1', '2', '3'], image_size=32) == 1
    note = 'Note on Sequential: stored activations are damaged; they are computed anew.\n'
    assert capsys.readouterr().err == note  # one for all layers
    assert activation_store.damaged() == []
    assert whole.read_bytes() == before[whole]
    assert passes(network(), few_images, ['1', '2', '3'], image_size=32) == 0
    assert capsys.readouterr().err == ''


class Holding(nn.Module):
    """A network that holds a function, which neither its source nor its settings show."""

    def __init__(self, function):
        super().__init__()
        self.network, self.function = network(), [function]

    def forward(self, images):
        return self.network(self.function[0](images))


def changed_where_grey(images):
    # Normalised by ImageNet's means, the channels of a grey image differ by less than a third.
    grey = (images[:, 0] - images[:, 2]).abs().amax((1, 2))[:, None, None, None] < 0.5
    return torch.where(grey, -images, images)


@pytest.mark.seconds
@pytest.mark.parametrize(
    'changed',
    [
        changed_where_grey,
        lambda images: torch.where(images.amax((1, 2, 3), keepdim=True) > 2.2, -images, images),  # white
        lambda images: nn.functional.leaky_relu(images, 0.99),
        lambda images: images * 1.001,
    ],
)
def test_a_changed_function_in_a_network_is_noticed(changed, few_images, capsys):
    def features(function):
        activations = Activations(load_candidate(Holding(function), image_size=64))
        return activations(few_images, ['network.0', 'network.3'])['network.3'], activations.forward_passes

    assert features(torch.clone)[1] == 1
    assert (features(torch.clone)[1], capsys.readouterr().err) == (0, '')
    new, n_passes = features(changed)
    assert n_passes == 1
    error = capsys.readouterr().err
    assert error.startswith('Note on Holding: it answers the same images differently from when its activations were st')
    assert error.count('\n') == 1
    again, n_passes = features(changed)  # the new ones replaced those before
    assert n_passes == 0
    np.testing.assert_array_equal(again, new)


def test_other_kernels_share_entries(few_images):
    # Errors as large as those of kernels of other machines: each response is rounded to 20 bits.
    def rounded(images):
        return (images.view(torch.int32) & ~0b111).view(torch.float32)

    assert passes(Holding(torch.clone), few_images, ['network.3']) == 1
    assert passes(Holding(rounded), few_images, ['network.3']) == 0


@pytest.mark.seconds
def test_preprocessing_changed_where_grey(few_images):
    def preprocess(paths, grey=1.0):
        images = []
        for path in paths:
            image = Image.open(path)
            values = pil_to_tensor(resize(image.convert('RGB'), [32, 32])) / 255
            images.append(values * grey if image.mode == 'L' else values)
        return torch.stack(images)

    def n_passes(**settings):
        wrapper = PytorchWrapper(network(), functools.partial(preprocess, **settings), identifier='net')
        model = ModelCommitment('net', wrapper, layers=['3'], region_layer_map={}, visual_degrees=8)
        activations = Activations(load_candidate(model))
        activations(few_images, ['3'])
        return activations.forward_passes

    assert [n_passes(), n_passes(), n_passes(grey=0.9), n_passes()] == [1, 0, 1, 0]


def test_one_thread_and_two_share_entries(few_images):
    before = torch.get_num_threads()
    try:
        counts = []
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            counts.append(passes(network(), few_images, ['0', '1', '2', '3']))
    finally:
        torch.set_num_threads(before)
    assert counts == [1, 0]


SCRIPT = """
import sys
import pandas as pd
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate
weights, *paths = sys.argv[1:]
stimuli = StimulusSet(pd.DataFrame({'stimulus_id': paths}))
stimuli.identifier, stimuli.stimulus_paths = 'few', {path: path for path in paths}
candidate = load_candidate('torchvision:squeezenet1_1', weights=weights)
activations = Activations(candidate)
activations(stimuli, candidate.layers)
print(activations.forward_passes)
"""


@pytest.mark.slow
@pytest.mark.process
def test_processors_share_entries(few_images, tmp_path):
    # From a file: PyTorch's random weights differ in their last bits between processors.
    weights = str(tmp_path / 'weights.pth')
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), weights)

    def n_passes(**variables):
        paths = [str(path) for path in few_images.stimulus_paths.values()]
        command = [sys.executable, '-W', 'ignore', '-c', SCRIPT, weights, *paths]
        return subprocess.run(command, env={**os.environ, **variables}, check=True, capture_output=True).stdout

    assert n_passes(OMP_NUM_THREADS='2') == b'1\n'
    assert n_passes(OMP_NUM_THREADS='1', ATEN_CPU_CAPABILITY='default') == b'0\n'


@pytest.mark.parametrize('put_back', [False, True])
def test_images_that_are_replaced_meanwhile(few_images, monkeypatch, tmp_path, put_back):
    path, aside = Path(few_images.stimulus_paths['im3']), tmp_path / 'aside.png'
    run = Activations._run

    def replace(*arguments):
        path.rename(aside)
        Image.fromarray(np.zeros((24, 24), dtype=np.uint8)).save(path)
        computed = run(*arguments)
        if put_back:
            aside.rename(path)
        return computed

    monkeypatch.setattr(Activations, '_run', replace)
    with pytest.raises(DataError, match='the images of few were replaced while Sequential ran'):
        passes(network(), few_images)
    assert stored_files() == []


def swapped_folder(path, aside):
    """Compute with other images in the folder, then put the first ones back."""
    folder = path.parent
    folder.rename(aside)
    folder.mkdir()
    for image in aside.iterdir():
        Image.fromarray(np.zeros((24, 24), dtype=np.uint8)).save(folder / image.name)
    yield
    shutil.rmtree(folder)
    aside.rename(folder)


def linked_elsewhere(path, aside):
    aside.symlink_to(path)
    yield


def changed_mode(path, aside):
    path.chmod(0o600)
    yield


def touched(path, aside):
    path.touch()
    yield


def backed_up(path, aside):
    aside.hardlink_to(path)
    yield


@pytest.mark.parametrize(
    ('change', 'expected'),
    [(swapped_folder, 2), (linked_elsewhere, 1), (changed_mode, 2), (touched, 2), (backed_up, 2)],
)
@pytest.mark.parametrize('link', [False, True])
def test_images_that_are_the_same_afterwards(few_images, monkeypatch, tmp_path, change, expected, link):
    folder = tmp_path / 'images'
    folder.mkdir()
    paths = few_images.stimulus_paths
    for name, path in paths.items():
        paths[name] = path.rename(folder / path.name)
    if link:  # as in a folder of links to a collection
        (tmp_path / 'links').mkdir()
        for name, path in paths.items():
            paths[name] = tmp_path / 'links' / path.name
            paths[name].symlink_to(path)
    right = Activations(load_candidate(network(), image_size=64))(few_images, ['3'], FeatureForm.MAPS)['3'].copy()
    run, done = Activations._run, []

    def meanwhile(*arguments):
        if done:
            return run(*arguments)
        steps = change(folder / 'im3.png', tmp_path / 'aside')
        next(steps)
        done.append(run(*arguments))
        next(steps, None)
        return done[0]

    monkeypatch.setattr(Activations, '_run', meanwhile)
    activations = Activations(load_candidate(network(), image_size=64))
    assert np.array_equal(activations(few_images, ['3'], FeatureForm.MAPS)['3'], right)
    assert activations.forward_passes == expected


def test_a_full_disk_loses_no_responses(few_images, capsys, monkeypatch):
    expected = Activations(load_candidate(network(1), image_size=64))(few_images, ['3'])['3']
    activation_store.clear()

    def full(path, entry):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(activation_store, '_write', full)
    features = Activations(load_candidate(network(1), image_size=64))(few_images, ['3'])['3']
    np.testing.assert_array_equal(features, expected)
    error = capsys.readouterr().err
    assert error.startswith('Note on Sequential: its activations are not stored: cannot write activations to ')
    assert 'No space left on device' in error


def test_a_wrong_limit_is_reported_before_the_network_runs(few_images, monkeypatch):
    monkeypatch.setenv('M2M_CACHE_GB', '20 GB')
    activations = Activations(load_candidate(network(), image_size=64))
    with pytest.raises(StorageError, match='M2M_CACHE_GB'):
        activations(few_images, ['3'])
    assert activations.forward_passes == 0


def test_nothing_is_stored_of_a_network_without_source(few_images):
    scope = {'nn': nn, '__name__': 'a_console'}
    exec('class Typed(nn.Sequential):\n    pass', scope)
    for _ in range(2):
        assert passes(scope['Typed'](*network()), few_images) == 1
    assert stored_files() == []


@pytest.mark.seconds
def test_more_layers_than_open_files(few_images):
    layers = [str(number) for number in range(60)]
    net = nn.Sequential(*[nn.Conv2d(3, 3, 1) for _ in layers])
    activations = Activations(load_candidate(net, image_size=8, layers=layers))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path('/dev/fd').iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 20, before[1]))
    try:
        assert activations(few_images, layers)['59'].shape == (5, 6)
        maps = activations(few_images, layers, FeatureForm.MAPS)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    np.testing.assert_allclose(maps['59'].reshape(5, -1), direct(net, few_images, 60, size=8), atol=1e-5)


def test_no_temporary_folder_stays(few_images, tmp_path, monkeypatch):
    temporary = tmp_path / 'temporary'
    temporary.mkdir()
    monkeypatch.setattr(tempfile, 'tempdir', str(temporary))
    monkeypatch.setattr(core, '_probe_image_path', None)
    passes(network(), few_images)
    assert list(temporary.iterdir()) == []
    assert core._probe_image_path is None  # what is set in Brain-Score while a model is made is put back
    # The image has the shape of Brain-Score's own.
    with own_probe_image(), Image.open(core._probe_image()) as image:
        assert (image.height, image.width, len(image.getbands())) == core._PROBE_IMAGE_SHAPE


@pytest.mark.filterwarnings('error::RuntimeWarning')  # the message says all
@pytest.mark.parametrize('value', [float('inf'), float('nan'), 6e4])
@pytest.mark.parametrize('form', list(FeatureForm))
def test_nothing_stays_behind_a_failure(stimuli, m2m_home, value, form):
    net = network()
    nn.init.constant_(net[3].weight, value)
    net = net.half() if value == 6e4 else net  # the sums are above the largest number of float16
    with pytest.raises(ModelError, match=r"layer '3' of Sequential: the features contain NaN .* --layer NAME\.$"):
        Activations(load_candidate(net, image_size=64))(stimuli, ['3'], form)
    assert not [path for path in (m2m_home / 'activations').rglob('*') if path.is_file()]


def test_no_room(stimuli, monkeypatch):
    monkeypatch.setattr(module, 'free_bytes', lambda folder: 1000)
    with pytest.raises(StorageError, match=r'need \d+ MB of temporary space'):
        Activations(load_candidate(network(), image_size=64))(stimuli, ['3'])


def test_no_room_on_a_small_disk(few_images, tmp_path, monkeypatch):
    disk = tmp_path / 'disk'
    disk.mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=60k', 'tmpfs', str(disk)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip('only root can mount a small disk')
    monkeypatch.setenv('M2M_HOME', str(disk))
    try:
        with pytest.raises(StorageError, match=r'need \d+ MB of temporary space'):
            Activations(load_candidate(network(), image_size=64))(few_images, ['0'])
        assert not [path for path in disk.rglob('*') if path.is_file()]
    finally:
        subprocess.run(['umount', str(disk)], check=True)


class HalfWrapper(PytorchWrapper):
    """A plugin's wrapper that records responses in half precision."""

    def get_activations(self, images, layer_names):
        recorded = super().get_activations(images, layer_names)
        return {layer: values.astype(np.float16) for layer, values in recorded.items()}


@pytest.mark.parametrize('form', list(FeatureForm))
@pytest.mark.parametrize('recorded', [False, True])
def test_half_precision(few_images, form, recorded):
    net = network()
    with torch.no_grad():
        net[3].weight *= 2000  # the sums of responses are above 65504, the largest number of float16
    expected = direct(net, few_images, 4)
    preprocess = functools.partial(load_preprocess_images, image_size=64)
    wrapper = HalfWrapper(net, preprocess, 'half') if recorded else PytorchWrapper(net.half(), preprocess, 'half')
    model = ModelCommitment('half', wrapper, layers=['3'], region_layer_map={}, visual_degrees=8)
    features = Activations(load_candidate(model))(few_images, ['3'], form)['3'].reshape(5, -1).astype(float)
    if form is FeatureForm.MAPS:
        np.testing.assert_allclose(features, expected, atol=1e-2 * np.abs(expected).max())
    if form is FeatureForm.ROTATION:
        products = expected @ expected.T
        np.testing.assert_allclose(features @ features.T, products, atol=1e-2 * np.abs(products).max())
    assert np.isfinite(features).all()
    assert rdm(features).shape == (5, 5)


@pytest.mark.seconds
def test_a_network_without_parameters_and_half_precision(stimuli):
    pooled = nn.Sequential(nn.AvgPool2d(8), nn.ReLU())
    assert Activations(load_candidate(pooled, image_size=64))(stimuli, ['1'])['1'].shape == (118, 119)

    def preprocess(paths):
        images = [pil_to_tensor(resize(Image.open(path).convert('RGB'), [32, 32])) / 255 for path in paths]
        return torch.stack(images)

    half = PytorchWrapper(network().to(torch.bfloat16), preprocess, identifier='half')
    model = ModelCommitment('half', half, layers=['3'], region_layer_map={}, visual_degrees=8)
    features = Activations(load_candidate(model))(stimuli, ['3'])['3']
    assert np.isfinite(features).all()
    assert features.std() > 0


def too_much(images):
    return torch.empty(2**50)  # DefaultCPUAllocator: can't allocate memory


def too_much_on_a_card(images):
    raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.')


def too_much_in_numpy(images):
    return np.empty(2**50)


class Limited(nn.Module):
    """A network that some number of images at once is too much for."""

    def __init__(self, most, fail=too_much, alone=True):
        super().__init__()
        self.network, self.most, self.functions, self.alone = network(), most, [fail], alone
        self.sizes = []

    def forward(self, images):
        self.sizes.append(len(images))
        if len(images) > self.most:
            self.functions[0](images)
        return self.network(images if self.alone else images - images.mean(0))


def too_much_for_a_library(images):
    raise RuntimeError('CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`')


@pytest.mark.parametrize('fail', [too_much, too_much_on_a_card, too_much_in_numpy, too_much_for_a_library])
@pytest.mark.parametrize(('most', 'sizes'), [(5, [5]), (2, [5, 2, 2, 1]), (1, [5, 2, 1, 1, 1, 1, 1])])
def test_a_batch_that_does_not_fit_is_halved(few_images, capsys, fail, most, sizes):
    candidate = load_candidate(Limited(most, fail), image_size=64, layers=['network.3'])
    activations = Activations(candidate)
    candidate.module.sizes.clear()
    maps = activations(few_images, ['network.3'], FeatureForm.MAPS)['network.3']
    np.testing.assert_allclose(maps.reshape(5, -1), direct(network(), few_images, 4), atol=1e-5)
    assert candidate.module.sizes[5:] == sizes  # after those of the probe
    notes = [
        f'{n} images of shape (3, 64, 64) do not fit in the memory of cpu; from here on, {n // 2} at a time are run'
        for n in sizes
        if n > most
    ]
    assert capsys.readouterr().err == ''.join(f'Note on Limited: {note}.\n' for note in notes)
    candidate.module.sizes.clear()
    activations(few_images, ['network.3'], FeatureForm.UNITS)  # and stays so
    assert max(candidate.module.sizes) <= most
    assert capsys.readouterr().err == ''


def test_an_image_that_does_not_fit(few_images):
    candidate = load_candidate(Limited(1), image_size=64, layers=['network.3'])
    candidate.module.most = 0
    with pytest.raises(ModelError, match=r'Limited: an image of shape \(3, 64, 64\) does not fit in the memory of cpu'):
        Activations(candidate)(few_images, ['network.3'])
    # Nor may one when the network is loaded.
    with pytest.raises(ModelError, match=r'Limited: an image of shape \(3, 64, 64\) does not fit in the memory of cpu'):
        load_candidate(Limited(0), image_size=64)


def test_batches_of_another_size_would_change_the_score(few_images):
    candidate = load_candidate(Limited(2, alone=False), image_size=64, layers=['network.3'])
    activations = Activations(candidate)
    assert len(irregularities(activations, ['network.3'])) == 1
    with pytest.raises(ModelError, match=r'5 images of shape .* do not fit .* such as --batch-size 2\.'):
        activations(few_images, ['network.3'])


PLUGIN = """
from brainscore_vision import model_registry
from .model import build

model_registry['my_plugin'] = build
"""
MODEL = """
import torch
from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper, load_preprocess_images
from brainscore_vision.model_helpers.brain_transformation import ModelCommitment
import functools


def build():
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 5), torch.nn.ReLU())
    wrapper = PytorchWrapper(net, functools.partial(load_preprocess_images, image_size=32), identifier='my_plugin')
    return ModelCommitment('my_plugin', wrapper, layers=['1'], region_layer_map={'VISp': '1'}, visual_degrees=8)
"""


def test_a_plugin_folder(tmp_path, m2m_home):
    folder = tmp_path / 'my_plugin'
    folder.mkdir()
    (folder / '__init__.py').write_text(PLUGIN)
    (folder / 'model.py').write_text(MODEL)
    candidate = load_candidate(str(folder))
    assert (candidate.identifier, candidate.layers, dict(candidate.committed)) == ('my_plugin', ['1'], {'VISp': '1'})
    (folder / '__init__.py').write_text(PLUGIN + "model_registry['another'] = build\n")
    with pytest.raises(ModelError, match='has 2 lines'):
        load_candidate(folder)
    with pytest.raises(ModelError, match=r'no __init__\.py'):
        load_candidate(tmp_path)


def test_untrained_weights_follow_the_seed(m2m_home):
    first, again, other = (load_candidate('torchvision:squeezenet1_1', weights='none', seed=seed) for seed in (0, 0, 1))
    assert first.weights_sha256 == again.weights_sha256 != other.weights_sha256
    assert first.weights == 'none (seed 0)'
