"""What a result says: one thing is changed, and the fields that differ are those of this thing."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from m2m_benchmarks import score
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.data import manifest
from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.records.record import Library, Result
from m2m_benchmarks.scoring import candidates, requests, results
from m2m_benchmarks.testing import Bundle, SmallNetwork

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('few_draws')]


INIT = """from brainscore_vision import model_registry

from .model import build

model_registry['varied'] = build
"""
MODEL = """import functools

import torch
from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper, load_preprocess_images
from brainscore_vision.model_helpers.brain_transformation import ModelCommitment


class Network(torch.nn.Sequential):
    def forward(self, images):
        return super().forward(images)


def build():
    network = Network(torch.nn.Conv2d(3, 4, 5, stride=2), torch.nn.ReLU())
    network.load_state_dict(torch.load(WEIGHTS, weights_only=True))
    scaling = {'normalize_mean': (0.5,) * 3, 'normalize_std': (0.25,) * 3}  # a grey image has equal channels
    preprocessing = functools.partial(load_preprocess_images, image_size=32, **scaling)
    wrapper = PytorchWrapper(network, preprocessing, identifier='varied')
    return ModelCommitment('varied', wrapper, layers=['0', '1'], region_layer_map={}, visual_degrees=8)
"""

#: Fields that say when and how fast a score was computed, and the numbers themselves.
_OUTCOME = {
    *('created', 'seconds', 'peak_memory_mb', 'request', 'files'),
    *('score', 'raw', 'ceiling', 'error', 'raw_error', 'noise_corrected', 'per_animal', 'layer', 'n_neuroids'),
    *('formula', 'ceiling_kind', 'caveat', 'uncut', 'errors', 'interval', 'raw_interval', 'ceiling_interval'),
    *('own_units', 'own_units_interval', 'model_per_animal', 'other_mice'),
    *('trial_ceiling', 'animal_ceiling', 'animal_bounds'),
}


@dataclasses.dataclass
class Setting:
    """A plugin, its weights, recordings, and the arguments of `score`."""

    folder: Path
    bundle: Bundle
    patch: pytest.MonkeyPatch
    model: object = None
    benchmark: str = 'Lab2026.VISal-rdm'
    options: dict = dataclasses.field(default_factory=lambda: {'layer': '1'})

    @property
    def plugin(self):
        return self.folder / 'plugin'

    def write_weights(self, seed):
        torch.manual_seed(seed)
        torch.save(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 5, stride=2)).state_dict(), self.folder / 'weights.pth')

    def edit(self, old, new):
        code = self.plugin / 'model.py'
        text = code.read_text()
        assert old in text
        code.write_text(text.replace(old, new))

    def result(self):
        model = self.plugin if self.model is None else self.model
        return Result.from_document(score(model, self.benchmark, **self.options).attrs['result'])


@pytest.fixture
def setting(tmp_path, tmp_path_factory, make_bundle, m2m_home, monkeypatch):
    bundle = make_bundle(tmp_path / 'bundle', n_images=12, n_units=25)
    made = Setting(tmp_path, bundle, monkeypatch)
    made.plugin.mkdir()
    (made.plugin / '__init__.py').write_text(INIT)
    # Named by a variable of the environment, since the folder differs from test to test.
    (made.plugin / 'model.py').write_text(MODEL.replace('WEIGHTS', "__import__('os').environ['VARIED']"))
    monkeypatch.setenv('VARIED', str(tmp_path / 'weights.pth'))
    made.write_weights(0)
    import_bundle('Lab2026', *bundle.paths)
    return made


def import_again(setting):
    import_bundle('Lab2026', *setting.bundle.paths, replace=True)


def responses(setting):
    path = setting.bundle.folder / 'VISal_1.npz'
    with np.load(path) as stored:
        arrays = dict(stored)
    arrays['spike_counts'][0, 0, 0] += 1
    np.savez_compressed(path, **arrays)
    import_again(setting)


def one_image(setting):
    path = setting.bundle.stimuli / 'image_003.png'
    with Image.open(path) as image:
        pixels = np.array(image)
    pixels[5, 5] ^= 1
    Image.fromarray(pixels).save(path)
    import_again(setting)


def data_settings(setting):
    entry = manifest.require('Lab2026')
    entry['source']['settings'] = {'window_ms': [50, 250]}
    manifest.write('Lab2026', entry)


def threads(setting):
    # Not by torch.set_num_threads, which would outlive the test.
    setting.patch.setattr(torch, 'get_num_threads', lambda: 64)


def library(setting):
    other = Library('0.1.0', 'other')
    for module in (results, requests):
        setting.patch.setattr(module, 'library', lambda: other)


def package(setting):
    setting.patch.setattr(results, 'versions', lambda: {'torch': '0.1'})


def other_files(setting):
    """Files that don't matter: a dataset beside this one, bytecode of the plugin, a later import, another folder."""
    import_bundle('Lab2027', *setting.bundle.paths)
    (setting.plugin / '__pycache__').mkdir(exist_ok=True)
    (setting.plugin / '__pycache__' / 'model.old.pyc').write_bytes(b'old')
    entry = manifest.require('Lab2026')
    manifest.write('Lab2026', {**entry, 'created': '2020-01-01T00:00:00+00:00'})
    setting.patch.chdir(setting.folder)
    moved = setting.folder / 'elsewhere' / 'plugin'
    shutil.copytree(setting.plugin, moved)
    shutil.rmtree(setting.plugin)
    setting.folder = moved.parent


_ALL_OF_THE_WEIGHTS = {'weights_sha256', 'response_sha256'}
_ALL_OF_THE_INPUT = {'input', 'response_sha256'}

#: What is changed to a function that changes it, and the fields that differ.
OF_A_PLUGIN = {
    'responses': (responses, {'data_sha256'}),
    'one pixel of one image': (one_image, {'stimuli_sha256'}),
    'settings of the data': (data_settings, {'data_settings'}),
    'weights under the same name': (lambda setting: setting.write_weights(1), _ALL_OF_THE_WEIGHTS),
    'code that runs for grey images only': (
        lambda setting: setting.edit('forward(images)\n', 'forward(images if images.std(1).any() else -images)\n'),
        {'code_sha256', 'response_sha256'},
    ),
    'normalisation': (lambda setting: setting.edit('(0.5,)', '(0.4,)'), {'code_sha256', *_ALL_OF_THE_INPUT}),
    'size of the images': (lambda setting: setting.edit('size=32', 'size=40'), {'code_sha256', *_ALL_OF_THE_INPUT}),
    'layer': (lambda setting: setting.options.update(layer='0'), {'layer_named'}),
    'comparison': (
        lambda setting: setattr(setting, 'benchmark', 'Lab2026.VISal-cka'),
        {'benchmark', 'choices', 'sample_sha256'},
    ),
    'threads': (threads, {'machine'}),
    'code of this library': (library, {'library', 'benchmark_sha256'}),
    'version of a package': (package, {'versions'}),
    'what does not matter': (other_files, set()),
}
OF_A_NETWORK = {
    'normalisation': ({'mean': 0.5, 'std': 0.5}, {'preprocessing', *_ALL_OF_THE_INPUT}),
    'size of the images': ({'image_size': 40}, {'preprocessing', *_ALL_OF_THE_INPUT}),
    'batch size': ({'batch_size': 5}, {'preprocessing', 'response_sha256'}),
    'name': ({'name': 'another'}, {'model'}),
    'what does not matter': ({'fresh': True}, set()),
}


#: Results before anything is changed, each computed once: the folders of a test, which differ, don't matter.
BEFORE = {}


def unchanged(kind, setting):
    if kind not in BEFORE:
        BEFORE[kind] = setting.result()
    return BEFORE[kind]


def differing(first, second):
    names = {declared.name for declared in dataclasses.fields(Result)} - _OUTCOME
    return {name for name in names if getattr(first, name) != getattr(second, name)}


def check(before, after, expected):
    assert differing(before, after) == expected
    assert None not in (before.identity, after.identity)
    assert (before.identity != after.identity) == bool(expected)
    if not expected:
        assert after.score == before.score


@pytest.mark.parametrize('thing', OF_A_PLUGIN)
def test_each_thing_shows_in_its_fields(setting, thing):
    change, expected = OF_A_PLUGIN[thing]
    before = unchanged('plugin', setting)
    change(setting)
    check(before, setting.result(), expected)


@pytest.mark.parametrize('thing', OF_A_NETWORK)
def test_each_option_of_a_network_shows_in_its_fields(setting, thing):
    options, expected = OF_A_NETWORK[thing]
    setting.model, setting.options = SmallNetwork(), {'layer': 'conv', 'image_size': 32}
    before = unchanged('network', setting)
    setting.options |= options
    check(before, setting.result(), expected)


def test_a_function_that_prepares_grey_images_otherwise_shows_in_its_fields(setting):
    def prepare(image, factor):
        pixels = torch.as_tensor(np.asarray(image.convert('RGB').resize((32, 32))) / 255).permute(2, 0, 1).float()
        return pixels if pixels.std(0).any() else factor * pixels

    results = []
    for factor in (1, 2):
        setting.model = SmallNetwork()
        setting.options = {'layer': 'conv', 'preprocessing': lambda image, factor=factor: prepare(image, factor)}
        results.append(setting.result())
    check(*results, _ALL_OF_THE_INPUT)


def test_a_seed_shows_in_its_fields(setting):
    setting.model, setting.options = 'plain_digitnet', {'weights': 'none', 'seed': 0}
    before = setting.result()
    setting.options['seed'] = 1
    after = setting.result()
    assert differing(before, after) >= {'seed', 'weights', *_ALL_OF_THE_WEIGHTS}
    assert before.identity != after.identity


def test_what_is_simulated_stands_in_the_data(setting):
    assert not setting.result().simulated
    import_bundle('SimulatedMouse2', *setting.bundle.paths)
    setting.benchmark = 'SimulatedMouse2.VISal-rdm'
    assert not setting.result().simulated
    entry = manifest.require('SimulatedMouse2')
    entry['source']['made_by'] = manifest.SIMULATED
    manifest.write('SimulatedMouse2', entry)
    assert setting.result().simulated  # not answered by the result before


def test_the_hash_of_a_file_is_that_of_the_source_that_was_executed(setting):
    file, results = setting.folder / 'net.py', []
    setting.model, setting.options = f'{file}:make', {'layer': 'conv', 'image_size': 32}
    for seed in (0, 0, 1):
        file.write_text(
            'from pathlib import Path\n\nfrom m2m_benchmarks.testing import SmallNetwork\n\n\n'
            'class Own(SmallNetwork):\n    pass\n\n\n'
            f"def make():\n    Path(__file__).write_text('# another')\n    return Own(seed={seed})\n"
        )
        results.append(setting.result())
    codes = [result.code_sha256 for result in results]
    assert codes[0] == codes[1] != codes[2]


@pytest.mark.parametrize('kind', ['plugin', 'weights'])
def test_files_that_change_while_they_are_loaded(setting, monkeypatch, kind):
    """What is loaded and what the result says of it would not belong together."""
    if kind == 'plugin':
        setting.edit('    network =', "    __import__('pathlib').Path(__file__).write_text('# another')\n    network =")
    else:
        file = setting.folder / 'small.pth'
        torch.save(SmallNetwork().state_dict(), file)
        setting.model, setting.options = SmallNetwork(seed=1), {'layer': 'conv', 'image_size': 32, 'weights': file}
        real = candidates.read_checkpoint

        def replaced(path):
            read = real(path)
            torch.save(SmallNetwork(seed=2).state_dict(), file)
            return read

        monkeypatch.setattr(candidates, 'read_checkpoint', replaced)
    with pytest.raises(StorageError, match=r'was changed while it was read\. Run this again\.'):
        setting.result()
